//! What replay has read outside a frame, to see whether the machine would read the same.
//!
//! The operators of a run that were shown as passed are passed by the machine later. If the host writes meanwhile what they have
//! read, by whatever way, the machine mustn't read it again. Knows nothing of frames. Read next: `stopped_call.rs`.

use super::evaluator::Outside;
use crate::base::{FuncIndex, GlobalIndex, MemoryIndex, RefType, TableIndex};
use std::cell::RefCell;

/// What was read since the start of a run.
#[derive(Default)]
pub struct Reads(RefCell<Vec<Read>>);

#[derive(Clone, Copy)]
enum Read {
    Load { memory: MemoryIndex, address: u64, bytes: u8, bits: u128 },
    MemorySize { memory: MemoryIndex, pages: u64 },
    Global { global: GlobalIndex, bits: u128 },
    TableGet { table: TableIndex, element: u64, bits: u128 },
    TableSize { table: TableIndex, elements: u64 },
    Object { object: u32, offset: u32, bytes: u8, bits: u128 },
}

impl Reads {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.get_mut().clear();
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The outside, with what is read there noted.
    pub fn noting<'a, O: Outside>(&'a self, outside: &'a O) -> Noting<'a, O> {
        Noting { reads: &self.0, outside }
    }

    /// Whether whoever reads it again finds the same.
    pub fn are_same(&self, outside: &impl Outside) -> bool {
        self.0.borrow().iter().all(|read| match *read {
            Read::Load { memory, address, bytes, bits } => outside.load(memory, address, bytes) == Some(bits),
            Read::MemorySize { memory, pages } => outside.memory_size(memory) == pages,
            Read::Global { global, bits } => outside.global(global) == bits,
            Read::TableGet { table, element, bits } => outside.table_get(table, element) == Some(bits),
            Read::TableSize { table, elements } => outside.table_size(table) == elements,
            Read::Object { object, offset, bytes, bits } => outside.object(object, offset, bytes) == Some(bits),
        })
    }
}

/// An outside of which is noted what is read.
pub struct Noting<'a, O> {
    reads: &'a RefCell<Vec<Read>>,
    outside: &'a O,
}

impl<O> Noting<'_, O> {
    fn note(&self, read: Read) {
        self.reads.borrow_mut().push(read);
    }
}

impl<O: Outside> Outside for Noting<'_, O> {
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u128> {
        let bits = self.outside.load(memory, address, bytes)?;
        self.note(Read::Load { memory, address, bytes, bits });
        Some(bits)
    }

    fn memory_size(&self, memory: MemoryIndex) -> u64 {
        let pages = self.outside.memory_size(memory);
        self.note(Read::MemorySize { memory, pages });
        pages
    }

    fn global(&self, global: GlobalIndex) -> u128 {
        let bits = self.outside.global(global);
        self.note(Read::Global { global, bits });
        bits
    }

    fn table_get(&self, table: TableIndex, element: u64) -> Option<u128> {
        let bits = self.outside.table_get(table, element)?;
        self.note(Read::TableGet { table, element, bits });
        Some(bits)
    }

    fn table_size(&self, table: TableIndex) -> u64 {
        let elements = self.outside.table_size(table);
        self.note(Read::TableSize { table, elements });
        elements
    }

    fn func_ref(&self, func: FuncIndex) -> u128 {
        self.outside.func_ref(func)
    }

    fn object(&self, object: u32, offset: u32, bytes: u8) -> Option<u128> {
        let bits = self.outside.object(object, offset, bytes)?;
        self.note(Read::Object { object, offset, bytes, bits });
        Some(bits)
    }

    // An array's length never changes, nor what a reference is to.
    fn array_length(&self, array: u32) -> Option<u32> {
        self.outside.array_length(array)
    }

    fn is_instance(&self, reference: u64, ty: RefType) -> bool {
        self.outside.is_instance(reference, ty)
    }
}
