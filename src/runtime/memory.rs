//! Linear memories.
//!
//! Each reserves all addresses that a 32-bit index with a 32-bit offset can reach; what it doesn't have yet is
//! inaccessible, so compiled code checks no bounds. Its base never moves. Read next: [`super::machine::traps`].

#![expect(unsafe_code, reason = "guest code reads and writes memories")]

use super::Store;
use super::machine::mapping::Mapping;
use crate::abi::vmctx::VmMemory;
use crate::base::{Memory, MemoryType, Result, StoreLimits, error::MemoryFault, error::bail};
use std::cell::UnsafeCell;
use std::ptr;
use std::rc::Rc;

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

    fn range(&self, offset: u64, length: usize) -> Result<*mut u8> {
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

impl Store {
    /// Makes a memory.
    ///
    /// Errors: `InvalidArgument` for an impossible type, `Limit`, `System`.
    pub fn memory_new(&self, ty: MemoryType) -> Result<Memory> {
        let maximum = ty.maximum.unwrap_or(ty.minimum);
        if ty.minimum > maximum || maximum > MAX_PAGES {
            bail!(InvalidArgument, "a memory can't have from {} to {maximum} pages", ty.minimum);
        }
        self.check_memories(1)?;
        let memory = Rc::new(LinearMemory::new(ty, &self.limits())?);
        let mut memories = self.inner().memories.borrow_mut();
        memories.push(memory);
        Ok(Memory { store: self.id(), index: memories.len() as u64 - 1 })
    }

    /// `Limit` unless the store may have `more` memories.
    pub(super) fn check_memories(&self, more: usize) -> Result<()> {
        let (present, limit) = (self.inner().memories.borrow().len(), self.limits().memories);
        if (present + more) as u64 > limit {
            bail!(Limit, "the store's limit of {limit} memories is reached");
        }
        Ok(())
    }

    pub(super) fn memory(&self, memory: Memory) -> Result<Rc<LinearMemory>> {
        self.check(memory.store)?;
        let memories = self.inner().memories.borrow();
        let found = memories.get(memory.index as usize).cloned();
        found.ok_or_else(|| Store::out_of_range("memory", memory.index, memories.len() as u64))
    }

    /// The memory that an address belongs to, if accessing it is the guest's business.
    pub(super) fn memory_fault(&self, address: usize) -> Option<MemoryFault> {
        let memories = self.inner().memories.borrow();
        let index = memories.iter().position(|memory| memory.mapping.contains(address))?;
        Some(MemoryFault { memory: index as u64, address: (address - memories[index].mapping.base()) as u64 })
    }

    /// The type that it was made with.
    pub fn memory_type(&self, memory: Memory) -> Result<MemoryType> {
        Ok(self.memory(memory)?.ty)
    }

    /// Its first byte and its present size in bytes. The address is good as long as the store lives.
    pub fn memory_base(&self, memory: Memory) -> Result<(*mut u8, usize)> {
        let memory = self.memory(memory)?;
        Ok((memory.base(), memory.bytes()))
    }

    /// Its present size in pages.
    pub fn memory_size(&self, memory: Memory) -> Result<u64> {
        Ok(self.memory(memory)?.pages())
    }

    /// Grows it by `delta` pages and answers the old size; `Limit` or `System` if it can't.
    pub fn memory_grow(&self, memory: Memory, delta: u64) -> Result<u64> {
        self.memory(memory)?.grow(delta, &self.limits())
    }

    /// Reads bytes; `OutOfRange` unless all are in the memory.
    pub fn memory_read(&self, memory: Memory, offset: u64, out: &mut [u8]) -> Result<()> {
        let memory = self.memory(memory)?;
        let source = memory.range(offset, out.len())?;
        // SAFETY: the range is inside the memory; no slice of the host's is, since memories are reached by address only.
        unsafe { ptr::copy_nonoverlapping(source, out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    /// Writes bytes; `OutOfRange`, and nothing is written, unless all are in the memory.
    pub fn memory_write(&self, memory: Memory, offset: u64, bytes: &[u8]) -> Result<()> {
        let memory = self.memory(memory)?;
        let destination = memory.range(offset, bytes.len())?;
        // SAFETY: as in `memory_read`.
        unsafe { ptr::copy(bytes.as_ptr(), destination, bytes.len()) };
        Ok(())
    }
}
