//! Memories that stores share, as the host has them.
//!
//! One is made by the host, or by a store for a module that declares it, and lives as long as anybody has it: the host, or a
//! store. Knows nothing of C. Read next: [`super::entities::memory`], [`super::entities::parking`].

#![expect(unsafe_code, reason = "copies bytes for whoever promises that they are there")]

use super::entities::memory::LinearMemory;
use super::memory::check_type;
use super::{Engine, Store};
use crate::base::{Memory, MemoryType, Result, StoreLimits, error::bail, memory};
use std::sync::Arc;

/// A memory that any number of stores of an engine may have, on any threads. Cheap to clone; clones are the same memory.
#[derive(Clone)]
pub struct SharedMemory {
    engine: Engine,
    memory: Arc<LinearMemory>,
}

const _: () = {
    const fn is_for_any_thread<T: Send + Sync>() {}
    is_for_any_thread::<SharedMemory>();
};

impl SharedMemory {
    /// Makes one, with as many bytes as its type says. It has addresses for as many as its type and the engine's own limits allow.
    ///
    /// Errors: `InvalidArgument` for a type that no such memory can have, `Limit`, `System`.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        if !ty.is_shared {
            bail!(InvalidArgument, "the type of a shared memory must say that it is shared");
        }
        check_type(&ty)?;
        memory::ask_for_several()?;
        let config = engine.config();
        let memory = Arc::new(LinearMemory::new(ty, &config.limits, &config.memories)?);
        Ok(SharedMemory { engine: engine.clone(), memory })
    }

    /// The type that it was made with.
    pub fn ty(&self) -> MemoryType {
        self.memory.ty()
    }

    /// Its first byte and its present size in bytes. The address stays the same, and the size never becomes less.
    pub fn base(&self) -> (*mut u8, usize) {
        (self.memory.base(), self.memory.bytes())
    }

    /// Its present size in pages.
    pub fn size(&self) -> u64 {
        self.memory.pages()
    }

    /// Grows it by `delta` pages and answers the old size; `Limit` or `System` if it can't.
    pub fn grow(&self, delta: u64) -> Result<u64> {
        self.memory.grow(delta, &StoreLimits { memory_bytes: u64::MAX, ..StoreLimits::default() })
    }

    /// Bytes that it may have, whoever wants it to grow; a store's own limit may be less.
    pub fn limit(&self) -> u64 {
        self.memory.limit()
    }

    /// Sets that. What it has already isn't taken away.
    pub fn set_limit(&self, bytes: u64) {
        self.memory.set_limit(bytes);
    }

    /// Copies bytes out of it; `OutOfRange` unless all are there. Others may be writing them.
    ///
    /// # Safety
    ///
    /// `length` bytes at `out` must be valid for writes.
    pub unsafe fn read_to(&self, offset: u64, out: *mut u8, length: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.memory.read(offset, out, length) }
    }

    /// Copies bytes into it; `OutOfRange`, and nothing is written, unless all fit.
    ///
    /// # Safety
    ///
    /// `length` bytes at `bytes` must be valid for reads.
    pub unsafe fn write_from(&self, offset: u64, bytes: *const u8, length: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.memory.write(offset, bytes, length) }
    }

    /// Wakes guests that wait at this place of it, at most so many, as `memory.atomic.notify` does; answers how many.
    ///
    /// Errors: `InvalidArgument` if the address isn't aligned, `OutOfRange`.
    pub fn notify(&self, address: u64, most: u32) -> Result<u32> {
        if !address.is_multiple_of(4) {
            bail!(InvalidArgument, "guests wait at multiples of 4, not at {address:#x}");
        }
        self.memory.range(address, 4)?;
        Ok(self.memory.parking().notify(address, most))
    }

    /// Says whether guests may wait in it. If not, those that do trap, now and later.
    pub fn allow_waits(&self, are_allowed: bool) {
        self.memory.parking().set_closed(!are_allowed);
    }

    /// How many guests wait in it.
    pub fn waiters(&self) -> usize {
        self.memory.parking().count()
    }

    /// Whether `other` is the same memory.
    pub fn is_same(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.memory, &other.memory)
    }
}

impl Store {
    /// A shared memory as one of this store's, to be imported by guests; the same each time.
    ///
    /// Errors: `InvalidArgument` if it is another engine's, whose code may rely on other addresses; `Limit`; `System`.
    pub fn memory_from_shared(&self, shared: &SharedMemory) -> Result<Memory> {
        if !self.engine().is_same(&shared.engine) {
            bail!(InvalidArgument, "the shared memory was made with another engine than the store");
        }
        let known = self.inner().memories.borrow().iter().position(|memory| Arc::ptr_eq(memory, &shared.memory));
        if let Some(index) = known {
            return Ok(Memory { store: self.id(), index: index as u64 });
        }
        self.check_memories(1)?;
        self.add_memory(shared.memory.clone())
    }

    /// What other stores can have of a memory that is shared.
    ///
    /// Errors: `TypeMismatch` if it isn't.
    pub fn memory_shared(&self, memory: Memory) -> Result<SharedMemory> {
        let memory = self.memory(memory)?;
        if !memory.is_shared() {
            bail!(TypeMismatch, "the memory isn't shared");
        }
        Ok(SharedMemory { engine: self.engine().clone(), memory })
    }
}
