//! The heap as somebody sees it who looks in from outside: all objects, who refers to one, what is in it.

use super::heap::Heap;
use crate::abi::heap::{elements_offset, flags, is_object, object};
use crate::base::{Error, ErrorKind, Result};

/// An object as a walk shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// A reference to it.
    pub object: u32,
    /// Its type's number.
    pub type_number: u32,
    /// Its bytes, with the header.
    pub bytes: u32,
}

impl Heap {
    /// Calls `found` for each object that there is. Directly after a full collection these are those that can be reached; else
    /// there are others that nobody has found out about.
    pub fn each_object(&self, mut found: impl FnMut(Seen)) {
        let mut at = 0;
        while let Some(object) = self.next_start(at, false) {
            found(self.seen(object));
            at = object + object::ALIGNMENT;
        }
        self.each_young(|object| found(self.seen(object)));
    }

    /// Calls `found` for each object that was made since the last collection.
    pub(super) fn each_young(&self, mut found: impl FnMut(u32)) {
        for span in self.young_spans() {
            let mut object = span.from;
            while object < span.to {
                found(object);
                object += self.shapes.extent(&self.space, object).size;
            }
        }
        self.young_large.iter().copied().filter(|object| !self.blocks.is_old(*object)).for_each(found);
    }

    fn seen(&self, object: u32) -> Seen {
        let bytes = self.shapes.extent(&self.space, object).size;
        Seen { object, type_number: self.type_of(object), bytes }
    }

    /// Calls `found` with each object that refers to this one, and the offset in it where it does.
    pub fn each_referrer(&self, of: u32, mut found: impl FnMut(u32, u32)) {
        self.each_object(|seen| {
            let references = self.shapes.extent(&self.space, seen.object).references;
            references.each(seen.object, |at| {
                if self.space.read(at) == of {
                    found(seen.object, at - seen.object);
                }
            });
        });
    }

    /// The type number of an object.
    ///
    /// Requires: [`Heap::object_at`] knows it, or it is in use.
    pub fn type_of(&self, object: u32) -> u32 {
        self.space.read(object + object::TYPE as u32)
    }

    /// Whether an object is a struct, an array or an exception, as in [`flags::KIND`].
    pub fn kind_of(&self, object: u32) -> u32 {
        self.space.read(object + object::FLAGS as u32) & flags::KIND
    }

    /// The length of an array.
    pub fn length_of(&self, array: u32) -> u32 {
        debug_assert_eq!(self.kind_of(array), flags::ARRAY);
        self.space.read(array + object::BODY as u32)
    }

    /// The logarithm of the bytes of an array's elements, and whether they are references that are traced.
    pub fn elements_of(&self, array: u32) -> (u8, bool) {
        self.shapes.elements(self.type_of(array)).expect("an array")
    }

    /// Bytes of an element of an array of this type, if the heap knows it.
    pub fn element_bytes(&self, type_number: u32) -> Option<u32> {
        self.shapes.elements(type_number).map(|(log2, _)| 1 << log2)
    }

    /// Sets elements of an array, as many as `count` from `first` on, to these bits.
    ///
    /// Errors: `OutOfRange`.
    pub fn fill(&mut self, array: u32, first: u32, count: u32, bits: u128) -> Result<()> {
        let (log2, is_traced) = self.elements_of(array);
        let bytes = u64::from(count) << log2;
        let from = u64::from(elements_offset(1 << log2)) + (u64::from(first) << log2);
        let is_inside = u64::from(first) + u64::from(count) <= u64::from(self.length_of(array));
        let from = u32::try_from(from).ok().filter(|_| is_inside);
        let Some(from) = from else {
            return Err(Error::new(ErrorKind::OutOfRange, "the array hasn't so many elements"));
        };
        self.space.fill_with(array + from, count, 1 << log2, bits);
        if is_traced && is_object(bits as u32) {
            self.written(array, from, from + bytes as u32);
        }
        Ok(())
    }

    /// Bytes of an object, with its header.
    pub fn bytes_of(&self, object: u32) -> u32 {
        self.shapes.extent(&self.space, object).size
    }

    /// Where in the heap a part of an object's body is.
    ///
    /// Errors: `OutOfRange`.
    fn part(&self, object: u32, from: u32, bytes: usize) -> Result<u32> {
        let is_inside = u64::from(from) + bytes as u64 <= self.bytes_of(object).into();
        if !is_inside || from < object::HEADER {
            return Err(Error::new(ErrorKind::OutOfRange, "there is no such part of the object"));
        }
        Ok(object + from)
    }

    /// Reads bytes of an object from an offset in it.
    ///
    /// Errors: `OutOfRange`.
    pub fn read(&self, object: u32, from: u32, into: &mut [u8]) -> Result<()> {
        self.space.read_bytes(self.part(object, from, into.len())?, into);
        Ok(())
    }

    /// Writes bytes of an object, which are no references and no array's length.
    ///
    /// Errors: `OutOfRange`.
    pub fn write(&mut self, object: u32, from: u32, bytes: &[u8]) -> Result<()> {
        self.space.write_bytes(self.part(object, from, bytes.len())?, bytes);
        Ok(())
    }

    /// Stores a reference in an object, at an offset that is traced.
    ///
    /// Errors: `OutOfRange`.
    pub fn write_reference(&mut self, object: u32, at: u32, reference: u32) -> Result<()> {
        debug_assert!(!is_object(reference) || self.object_at(reference).is_some());
        self.space.write(self.part(object, at, 4)?, reference);
        self.written(object, at, at + 4);
        Ok(())
    }

    /// Copies bytes between two objects, which may be one, and tells of it if they are references.
    ///
    /// Errors: `OutOfRange`.
    pub fn copy(&mut self, to: (u32, u32), from: (u32, u32), bytes: u32, are_references: bool) -> Result<()> {
        let source = self.part(from.0, from.1, bytes as usize)?;
        let target = self.part(to.0, to.1, bytes as usize)?;
        self.space.copy(target, source, bytes);
        if are_references {
            self.written(to.0, to.1, to.1 + bytes);
        }
        Ok(())
    }
}
