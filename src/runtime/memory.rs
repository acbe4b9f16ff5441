//! Linear memories.

use super::Store;
use crate::base::{Memory, MemoryType, Result};

/// Bytes of a page.
pub const PAGE_SIZE: u64 = 1 << 16;

impl Store {
    /// Makes a memory.
    pub fn memory_new(&self, _ty: MemoryType) -> Result<Memory> {
        todo!()
    }

    /// The type that it was made with.
    pub fn memory_type(&self, _memory: Memory) -> Result<MemoryType> {
        todo!()
    }

    /// Its first byte and its present size in bytes. The address is good as long as the store lives.
    pub fn memory_base(&self, _memory: Memory) -> Result<(*mut u8, usize)> {
        todo!()
    }

    /// Its present size in pages.
    pub fn memory_size(&self, _memory: Memory) -> Result<u64> {
        todo!()
    }

    /// Grows it by `delta` pages and answers the old size; `Limit` or `System` if it can't.
    pub fn memory_grow(&self, _memory: Memory, _delta: u64) -> Result<u64> {
        todo!()
    }

    /// Reads bytes; `OutOfRange` unless all are in the memory.
    pub fn memory_read(&self, _memory: Memory, _offset: u64, _out: &mut [u8]) -> Result<()> {
        todo!()
    }

    /// Writes bytes; `OutOfRange`, and nothing is written, unless all are in the memory.
    pub fn memory_write(&self, _memory: Memory, _offset: u64, _bytes: &[u8]) -> Result<()> {
        todo!()
    }
}
