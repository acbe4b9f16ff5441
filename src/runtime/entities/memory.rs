//! Linear memories.
//!
//! Each reserves addresses when it is made, and its base never moves. Either they are all that an index with an offset can reach:
//! what the memory doesn't have yet is inaccessible, so compiled code compares nothing. Or they are those that it may grow
//! to, and compiled code compares with its size ([`Reservation`]).
//!
//! A memory that is shared is in any number of stores, on any threads, and grows under all of them: it becomes accessible first and
//! its size says so then, and neither is ever taken back. Others are used by their store's thread alone, and cost nothing more for being
//! made of the same. Knows nothing of stores. Read next: [`super::super::memory`] for what a store does with them,
//! [`super::parking`] for guests that wait.

#![expect(unsafe_code, reason = "guest code reads and writes memories")]

use super::super::machine::mapping::{Mapping, round_to_pages};
use super::super::machine::racing;
use super::super::machine::touched::touched;
use super::parking::Parking;
use crate::abi::vmctx::VmMemory;
use crate::base::{ErrorKind, MemoryType, Reservation, Result, StoreLimits, error::bail};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes that a memory without a maximum, in a store without a limit, reserves to grow to.
const MOST: u64 = 1 << 40;

/// Bytes that are filled, copied or initialised before a look whether the guest is to be left.
pub const STRETCH: usize = 256 << 10;

/// A memory of a store, or of several.
pub struct LinearMemory {
    ty: MemoryType,
    mapping: Mapping,
    definition: VmMemory,
    /// Bytes that it may have whatever the limits of the store are that wants to grow it.
    limit: AtomicU64,
    /// Held by whoever makes it grow.
    growing: Mutex<()>,
    parking: Parking,
}

impl LinearMemory {
    /// Makes a memory of its type's minimal size.
    pub fn new(ty: MemoryType, limits: &StoreLimits, reservation: &Reservation) -> Result<LinearMemory> {
        let bytes = check_size(&ty, ty.minimum, limits)?;
        let mapping = if reservation.is_guarded(&ty) {
            Mapping::reserve(reservation.guarded() as usize)?
        } else {
            reserve(&ty, bytes, limits, reservation)?
        };
        mapping.make_writable(0, round_to_pages(bytes)?)?;
        let definition = VmMemory { base: mapping.base(), bytes: AtomicUsize::new(bytes), is_shared: ty.is_shared };
        // What its first store allows is what all do, until the host says otherwise.
        let limit = AtomicU64::new(if ty.is_shared { limits.memory_bytes } else { u64::MAX });
        let (growing, parking) = (Mutex::default(), Parking::default());
        Ok(LinearMemory { ty, mapping, definition, limit, growing, parking })
    }

    /// Whether other stores may have it, too.
    pub fn is_shared(&self) -> bool {
        self.ty.is_shared
    }

    /// Where guests wait for each other.
    pub fn parking(&self) -> &Parking {
        &self.parking
    }

    /// Where guest code finds its base and size; stays there as long as the memory.
    pub fn definition(&self) -> *const VmMemory {
        &self.definition
    }

    /// Whether an address belongs to it, or is one that an access of it could reach.
    pub fn contains(&self, address: usize) -> bool {
        self.mapping.contains(address)
    }

    /// Its first byte.
    pub fn base(&self) -> *mut u8 {
        self.mapping.base() as *mut u8
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.definition.bytes.load(Ordering::Acquire)
    }

    /// Its size in pages.
    pub fn pages(&self) -> u64 {
        self.bytes() as u64 >> self.ty.page_size_log2
    }

    /// The type that it was made with.
    pub fn ty(&self) -> MemoryType {
        self.ty
    }

    /// Bytes that it may have, whoever wants it to grow.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets that. What it has already isn't taken away.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// Grows by `delta` pages; answers the old size.
    pub fn grow(&self, delta: u64, limits: &StoreLimits) -> Result<u64> {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.pages();
        if delta == 0 {
            return Ok(old);
        }
        let limits = &StoreLimits { memory_bytes: limits.memory_bytes.min(self.limit()), ..*limits };
        let bytes = check_size(&self.ty, old.saturating_add(delta), limits)?;
        if bytes > self.mapping.length() {
            bail!(
                Limit,
                "{bytes} bytes are more than the {} for which the memory has addresses",
                self.mapping.length()
            );
        }
        let (from, to) = (round_to_pages(self.bytes())?, round_to_pages(bytes)?);
        self.mapping.make_writable(from, to - from)?;
        // Whoever sees the size finds the bytes accessible.
        self.definition.bytes.store(bytes, Ordering::SeqCst);
        Ok(old)
    }

    /// Tells of each part of its first `length` bytes, ascending, that may hold anything but zeros, without touching any.
    ///
    /// Errors: what `each` answers.
    pub fn touched(&self, length: usize, each: &mut dyn FnMut(Range<u64>) -> Result<()>) -> Result<()> {
        let length = length.min(self.bytes());
        touched(self.mapping.base(), length, &mut |part| each(part.start as u64..part.end.min(length) as u64))
    }

    /// Where a range is; `OutOfRange` unless all of it is inside.
    pub fn range(&self, offset: u64, length: usize) -> Result<*mut u8> {
        let bytes = self.bytes() as u64;
        match offset.checked_add(length as u64) {
            Some(end) if end <= bytes => Ok(self.base().wrapping_add(offset as usize)),
            _ => bail!(OutOfRange, "{length} bytes at {offset:#x} aren't all in the memory of {bytes:#x} bytes"),
        }
    }
}

impl LinearMemory {
    /// Copies bytes out of it; `OutOfRange` unless all are there.
    ///
    /// # Safety
    ///
    /// `length` bytes at `out` must be valid for writes. They may be in a memory, also in this one.
    pub unsafe fn read(&self, offset: u64, out: *mut u8, length: usize) -> Result<()> {
        let source = self.range(offset, length)?;
        // SAFETY: the source is inside the memory; the other is the caller's promise. They may overlap. Unless the memory is shared
        // nobody else uses it now: its store is used by this thread, and no guest of it runs.
        unsafe { if self.is_shared() { racing::copy(source, out, length) } else { ptr::copy(source, out, length) } };
        Ok(())
    }

    /// Copies bytes into it; `OutOfRange`, and nothing is written, unless all fit.
    ///
    /// # Safety
    ///
    /// `length` bytes at `bytes` must be valid for reads. They may be in a memory, also in this one.
    pub unsafe fn write(&self, offset: u64, bytes: *const u8, length: usize) -> Result<()> {
        let to = self.range(offset, length)?;
        // SAFETY: as in `read`.
        unsafe { if self.is_shared() { racing::copy(bytes, to, length) } else { ptr::copy(bytes, to, length) } };
        Ok(())
    }

    /// A number in it that is accessed atomically; `None` unless all of it is there. Requires: the offset is a multiple of 4.
    pub fn atomic_u32(&self, offset: u64) -> Option<&AtomicU32> {
        let place = self.range(offset, 4).ok()?.cast::<u32>();
        // SAFETY: it is inside the memory, which is there as long as `self`, and aligned, since the memory's base is. Whatever else
        // accesses it at the same time is guest code, or assembler that stands for atomic accesses.
        place.is_aligned().then(|| unsafe { AtomicU32::from_ptr(place) })
    }

    /// The same of 64 bits. Requires: the offset is a multiple of 8.
    pub fn atomic_u64(&self, offset: u64) -> Option<&AtomicU64> {
        let place = self.range(offset, 8).ok()?.cast::<u64>();
        // SAFETY: as in `atomic_u32`.
        place.is_aligned().then(|| unsafe { AtomicU64::from_ptr(place) })
    }
}

/// Reserves addresses for as many bytes as a memory may grow to, or for as many as the embedder allows.
fn reserve(ty: &MemoryType, bytes: usize, limits: &StoreLimits, reservation: &Reservation) -> Result<Mapping> {
    let maximum = ty.maximum.unwrap_or(u64::MAX).min(ty.most_pages());
    let wanted = ty.bytes(maximum).unwrap_or(u64::MAX).min(limits.memory_bytes).min(reservation.bytes.unwrap_or(MOST));
    let mut wanted = usize::try_from(wanted).unwrap_or(usize::MAX).max(bytes);
    loop {
        match Mapping::reserve(wanted) {
            // Less will do, and leaves something for others.
            // But who has declared a maximum to share it is promised that much.
            Err(error)
                if error.kind() == ErrorKind::System
                    && reservation.bytes.is_none()
                    && wanted > bytes
                    && !ty.is_shared =>
            {
                wanted = (wanted / 4).max(bytes);
            }
            other => return other,
        }
    }
}

/// The bytes of so many pages, if a memory may have them.
fn check_size(ty: &MemoryType, pages: u64, limits: &StoreLimits) -> Result<usize> {
    if pages > ty.maximum.unwrap_or(u64::MAX).min(ty.most_pages()) {
        bail!(Limit, "{pages} pages are more than the memory's maximum");
    }
    match ty.bytes(pages) {
        Some(bytes) if bytes <= limits.memory_bytes && bytes <= isize::MAX as u64 => Ok(bytes as usize),
        _ => bail!(Limit, "{pages} pages are more than the limit of {} bytes", limits.memory_bytes),
    }
}
