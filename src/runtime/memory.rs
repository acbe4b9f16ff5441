//! A store's memories: making them, and reading and writing them from the host.
//!
//! Read next: [`super::entities::memory`], [`super::shared_memory`].

#![expect(unsafe_code, reason = "reads and writes what guest code works on")]

use super::Store;
use super::entities::growths::Growth;
use super::entities::memory::LinearMemory;
use crate::base::{Memory, MemoryType, Result, error::MemoryFault, error::bail, memory};
use std::ops::Range;
use std::sync::Arc;

/// `InvalidArgument` for a type that no memory can have.
pub(super) fn check_type(ty: &MemoryType) -> Result<()> {
    let maximum = ty.maximum.unwrap_or(ty.minimum);
    if ty.minimum > maximum || maximum > ty.most_pages() {
        bail!(InvalidArgument, "a memory can't have from {} to {maximum} pages", ty.minimum);
    }
    if ty.is_shared && ty.maximum.is_none() {
        bail!(InvalidArgument, "a memory that is shared must have a maximum");
    }
    Ok(())
}

impl Store {
    /// Makes a memory. One that is shared can be had of it by [`Store::memory_shared`].
    ///
    /// Errors: `InvalidArgument` for an impossible type, `Limit`, `System`.
    pub fn memory_new(&self, ty: MemoryType) -> Result<Memory> {
        check_type(&ty)?;
        self.check_memories(1)?;
        self.add_memory(Arc::new(LinearMemory::new(ty, &self.limits(), &self.engine().config().memories)?))
    }

    pub(super) fn add_memory(&self, memory: Arc<LinearMemory>) -> Result<Memory> {
        let mut memories = self.inner().memories.borrow_mut();
        memory::reserve(&mut memories, 1)?;
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

    /// Number of memories. Their handles are `Memory { store: id, index }`.
    pub fn memories(&self) -> u64 {
        self.inner().memories.borrow().len() as u64
    }

    pub(super) fn memory(&self, memory: Memory) -> Result<Arc<LinearMemory>> {
        self.check(memory.store)?;
        let memories = self.inner().memories.borrow();
        let found = memories.get(memory.index as usize).cloned();
        found.ok_or_else(|| Store::out_of_range("memory", memory.index, memories.len() as u64))
    }

    /// The memory that an address belongs to, if accessing it is the guest's business.
    pub(super) fn memory_fault(&self, address: usize) -> Option<MemoryFault> {
        let memories = self.inner().memories.borrow();
        let index = memories.iter().position(|memory| memory.contains(address))?;
        Some(MemoryFault { memory: index as u64, address: (address - memories[index].base() as usize) as u64 })
    }

    /// The same for an access to a place in the memory with its definition at this address.
    pub(super) fn checked_memory_fault(&self, definition: usize, address: u64) -> Option<MemoryFault> {
        let memories = self.inner().memories.borrow();
        let index = memories.iter().position(|memory| memory.definition() as usize == definition)?;
        Some(MemoryFault { memory: index as u64, address })
    }

    /// The type that it was made with.
    pub fn memory_type(&self, memory: Memory) -> Result<MemoryType> {
        Ok(self.memory(memory)?.ty())
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

    /// Tells of each part of its first `length` bytes, ascending, that may hold anything but zeros, without touching any.
    ///
    /// Errors: what `each` answers.
    pub fn memory_touched(
        &self,
        memory: Memory,
        length: u64,
        each: &mut dyn FnMut(Range<u64>) -> Result<()>,
    ) -> Result<()> {
        self.memory(memory)?.touched(usize::try_from(length).unwrap_or(usize::MAX), each)
    }

    /// Grows it by `delta` pages and answers the old size; `Limit` or `System` if it can't.
    pub fn memory_grow(&self, memory: Memory, delta: u64) -> Result<u64> {
        self.memory(memory)?.grow(delta, &self.limits())
    }

    /// The same for a guest. If that is noted the guest is left as soon as it runs on, see [`Store::take_growth`].
    pub(super) fn memory_grow_by_guest(&self, memory: Memory, delta: u64) -> Result<u64> {
        let old_pages = self.memory_grow(memory, delta)?;
        let growth = Growth { memory, old_pages, new_pages: old_pages + delta };
        if delta != 0 && self.inner().growths.note(growth) {
            self.look_soon();
        }
        Ok(old_pages)
    }

    /// Says whether it is noted that guests grow memories. What was noted and not taken is forgotten.
    pub fn note_growths(&self, are_noted: bool) {
        self.inner().growths.begin(are_noted);
    }

    /// Whether a guest has grown a memory, and nobody has taken note.
    pub fn has_growth(&self) -> bool {
        self.inner().growths.any()
    }

    /// The first growth that nobody has taken note of.
    pub fn take_growth(&self) -> Option<Growth> {
        self.inner().growths.take()
    }

    /// Reads bytes; `OutOfRange` unless all are in the memory.
    pub fn memory_read(&self, memory: Memory, offset: u64, out: &mut [u8]) -> Result<()> {
        // SAFETY: a slice can be written.
        unsafe { self.memory_read_to(memory, offset, out.as_mut_ptr(), out.len()) }
    }

    /// Writes bytes; `OutOfRange`, and nothing is written, unless all are in the memory.
    pub fn memory_write(&self, memory: Memory, offset: u64, bytes: &[u8]) -> Result<()> {
        // SAFETY: a slice can be read.
        unsafe { self.memory_write_from(memory, offset, bytes.as_ptr(), bytes.len()) }
    }

    /// Like [`Store::memory_read`], to a place that may be in a memory itself, even the same: there is no slice of such bytes,
    /// as the guest writes them too.
    ///
    /// # Safety
    ///
    /// `length` bytes at `out` must be valid for writes.
    pub unsafe fn memory_read_to(&self, memory: Memory, offset: u64, out: *mut u8, length: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.memory(memory)?.read(offset, out, length) }
    }

    /// Like [`Store::memory_write`], from a place that may be in a memory itself.
    ///
    /// # Safety
    ///
    /// `length` bytes at `bytes` must be valid for reads.
    pub unsafe fn memory_write_from(&self, memory: Memory, offset: u64, bytes: *const u8, length: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.memory(memory)?.write(offset, bytes, length) }
    }
}
