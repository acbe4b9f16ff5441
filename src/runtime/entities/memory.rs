//! Linear memories.
//!
//! Each reserves all addresses that a 32-bit index with a 32-bit offset can reach; what it doesn't have yet is
//! inaccessible, so compiled code checks no bounds. Its base never moves. Knows nothing of stores. Read next:
//! [`super::super::memory`] for what a store does with them.

#![expect(unsafe_code, reason = "guest code reads and writes memories")]

use super::super::machine::mapping::Mapping;
use crate::abi::vmctx::VmMemory;
use crate::base::{MemoryType, Result, StoreLimits, error::bail};
use std::cell::UnsafeCell;

/// Bytes of a page.
pub const PAGE_SIZE: u64 = 1 << 16;
/// Pages that a 32-bit memory can have.
pub const MAX_PAGES: u64 = 1 << 16;
/// 4 GiB for the index, as much for the offset, and room for the access itself.
const RESERVATION: usize = (8 << 30) + (64 << 10);

/// A memory of a store.
pub struct LinearMemory {
    ty: MemoryType,
    mapping: Mapping,
    definition: UnsafeCell<VmMemory>,
}

impl LinearMemory {
    /// Makes a memory of its type's minimal size.
    pub fn new(ty: MemoryType, limits: &StoreLimits) -> Result<LinearMemory> {
        check_size(ty.minimum, None, limits)?;
        let mapping = Mapping::reserve(RESERVATION)?;
        let bytes = (ty.minimum * PAGE_SIZE) as usize;
        mapping.make_writable(0, bytes)?;
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
        self.bytes() as u64 / PAGE_SIZE
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
        let new = old.saturating_add(delta);
        check_size(new, self.ty.maximum, limits)?;
        self.mapping.make_writable(self.bytes(), (delta * PAGE_SIZE) as usize)?;
        // SAFETY: no guest code of the store runs now, and nobody holds a reference to the definition.
        unsafe { (*self.definition.get()).bytes = (new * PAGE_SIZE) as usize };
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

fn check_size(pages: u64, maximum: Option<u64>, limits: &StoreLimits) -> Result<()> {
    if pages > maximum.unwrap_or(MAX_PAGES).min(MAX_PAGES) {
        bail!(Limit, "{pages} pages are more than the memory's maximum");
    }
    if pages * PAGE_SIZE > limits.memory_bytes {
        bail!(Limit, "{pages} pages are more than the store's limit of {} bytes", limits.memory_bytes);
    }
    Ok(())
}
