//! Linear memories.
//!
//! Each reserves addresses when it is made, and its base never moves. Either they are all that an index with an offset can reach:
//! what the memory doesn't have yet is inaccessible, so compiled code compares nothing. Or they are those that it may grow
//! to, and compiled code compares with its size ([`Reservation`]). Knows nothing of stores. Read next: [`super::super::memory`] for
//! what a store does with them.

#![expect(unsafe_code, reason = "guest code reads and writes memories")]

use super::super::machine::mapping::{Mapping, round_to_pages};
use crate::abi::vmctx::VmMemory;
use crate::base::{ErrorKind, MemoryType, Reservation, Result, StoreLimits, error::bail};
use std::cell::UnsafeCell;

/// Bytes that a memory without a maximum, in a store without a limit, reserves to grow to.
const MOST: u64 = 1 << 40;

/// A memory of a store.
pub struct LinearMemory {
    ty: MemoryType,
    mapping: Mapping,
    definition: UnsafeCell<VmMemory>,
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
        let definition = UnsafeCell::new(VmMemory { base: mapping.base(), bytes });
        Ok(LinearMemory { ty, mapping, definition })
    }

    /// Where guest code finds its base and size; stays there as long as the memory.
    pub fn definition(&self) -> *mut VmMemory {
        self.definition.get()
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
        // SAFETY: only `grow` changes it, on this thread.
        unsafe { (*self.definition.get()).bytes }
    }

    /// Its size in pages.
    pub fn pages(&self) -> u64 {
        self.bytes() as u64 >> self.ty.page_size_log2
    }

    /// The type that it was made with.
    pub fn ty(&self) -> MemoryType {
        self.ty
    }

    /// Grows by `delta` pages; answers the old size.
    pub fn grow(&self, delta: u64, limits: &StoreLimits) -> Result<u64> {
        let old = self.pages();
        if delta == 0 {
            return Ok(old);
        }
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
        // SAFETY: no guest code of the store runs now, and nobody holds a reference to the definition.
        unsafe { (*self.definition.get()).bytes = bytes };
        Ok(old)
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

/// Reserves addresses for as many bytes as a memory may grow to, or for as many as the embedder allows.
fn reserve(ty: &MemoryType, bytes: usize, limits: &StoreLimits, reservation: &Reservation) -> Result<Mapping> {
    let maximum = ty.maximum.unwrap_or(u64::MAX).min(ty.most_pages());
    let wanted = ty.bytes(maximum).unwrap_or(u64::MAX).min(limits.memory_bytes).min(reservation.bytes.unwrap_or(MOST));
    let mut wanted = usize::try_from(wanted).unwrap_or(usize::MAX).max(bytes);
    loop {
        match Mapping::reserve(wanted) {
            // Less will do, and leaves something for others.
            Err(error) if error.kind() == ErrorKind::System && reservation.bytes.is_none() && wanted > bytes => {
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
        _ => bail!(Limit, "{pages} pages are more than the store's limit of {} bytes", limits.memory_bytes),
    }
}
