//! What objects of each type look like to the collector.
//!
//! The table belongs to an engine, and types are only added to it. Each heap copies what it hasn't seen yet, at the start of a
//! collection or when it meets a number that it doesn't know, so that tracing reads memory of the heap's own without locks.
//! Knows nothing of what types mean. Invariants: a layout never changes; a type is in the table before an object of it is made.

use super::space::Space;
use crate::abi::heap::{elements_offset, flags, object};
use crate::base::{Error, ErrorKind, Result, memory};
use std::sync::{PoisonError, RwLock};

/// How objects of a type are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Fixed fields.
    Struct(Fields),
    /// Elements of one size.
    Array {
        /// Bytes of an element as a power of two, at most 4.
        element_log2: u8,
        /// Whether they are references that are traced.
        is_traced: bool,
    },
    /// The identity of a tag, and fields.
    Exception(Fields),
}

/// The fields of a struct or an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Bytes of the object with its header; a multiple of 8.
    pub size: u32,
    /// Offsets in the object of the references that are traced, each a multiple of 4.
    pub traced: Vec<u32>,
}

/// The layouts of an engine's types, by type number.
#[derive(Debug, Default)]
pub struct Layouts {
    table: RwLock<Vec<Layout>>,
}

impl Layouts {
    /// Adds the layouts that are missing up to this number of them; `layout` says what each is.
    ///
    /// Errors: as [`Layouts::add`].
    pub fn extend(&self, count: usize, layout: impl Fn(u32) -> Layout) -> Result<()> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let missing = count.saturating_sub(table.len());
        memory::reserve(&mut table, missing)?;
        for number in table.len()..count {
            let layout = layout(number as u32);
            check(&layout)?;
            table.push(layout);
        }
        Ok(())
    }

    /// Adds a layout; answers its number.
    #[cfg(test)]
    ///
    /// Errors: `System`; `Limit` if there are too many types, `InvalidArgument` if it contradicts itself.
    pub fn add(&self, layout: Layout) -> Result<u32> {
        check(&layout)?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let number = u32::try_from(table.len()).map_err(|_| Error::new(ErrorKind::Limit, "too many types"))?;
        memory::reserve(&mut table, 1)?;
        table.push(layout);
        Ok(number)
    }
}

/// Whether fields are where a collector can find them.
fn check(layout: &Layout) -> Result<()> {
    let is_fine = match layout {
        Layout::Array { element_log2, is_traced } => *element_log2 <= 4 && (!is_traced || *element_log2 == 2),
        Layout::Struct(fields) | Layout::Exception(fields) => {
            let is_inside =
                |offset: &u32| *offset >= object::HEADER && *offset <= fields.size - 4 && offset.is_multiple_of(4);
            fields.size >= object::HEADER
                && fields.size.is_multiple_of(object::ALIGNMENT)
                && fields.traced.iter().all(is_inside)
        }
    };
    if is_fine { Ok(()) } else { Err(Error::new(ErrorKind::InvalidArgument, "a layout contradicts itself")) }
}

/// What is traced in an object.
#[derive(Clone, Copy, Debug)]
enum Trace {
    Nothing,
    /// The words after the header whose bits are set.
    Words(u64),
    /// A list of [`Shapes::lists`].
    List(u32),
    /// All elements.
    Elements,
}

/// A layout as the collector reads it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Of a struct or an exception, all bytes; of an array, those before the first element.
    size: u32,
    kind: u8,
    element_log2: u8,
    trace: Trace,
}

/// The layouts that a heap has seen.
#[derive(Debug, Default)]
pub struct Shapes {
    shapes: Vec<Shape>,
    lists: Vec<Vec<u32>>,
}

/// Where the traced references of an object are.
#[derive(Clone, Copy, Debug)]
pub enum References<'a> {
    /// Nowhere.
    Nowhere,
    /// The words after the header whose bits are set.
    Words(u64),
    /// At these offsets.
    List(&'a [u32]),
    /// In all words from one offset in the object to another.
    Range(u32, u32),
}

impl References<'_> {
    /// Calls `found` with the offset in the heap of each.
    #[inline(always)]
    pub fn each(self, object: u32, mut found: impl FnMut(u32)) {
        match self {
            References::Nowhere => {}
            References::Words(mut words) => {
                while words != 0 {
                    found(object + object::HEADER + 4 * words.trailing_zeros());
                    words &= words - 1;
                }
            }
            References::List(offsets) => offsets.iter().for_each(|offset| found(object + offset)),
            References::Range(from, to) => (from..to).step_by(4).for_each(|offset| found(object + offset)),
        }
    }
}

/// What a header says of its object.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Bytes, with the header.
    pub size: u32,
    /// Its traced references.
    pub references: References<'a>,
}

impl Shapes {
    /// Copies what was added to the table.
    ///
    /// Errors: `System`.
    pub fn refresh(&mut self, layouts: &Layouts) -> Result<()> {
        let table = layouts.table.read().unwrap_or_else(PoisonError::into_inner);
        let added = &table[self.shapes.len()..];
        memory::reserve(&mut self.shapes, added.len())?;
        for layout in added {
            let shape = match layout {
                Layout::Array { element_log2, is_traced } => Shape {
                    size: elements_offset(1 << element_log2),
                    kind: flags::ARRAY as u8,
                    element_log2: *element_log2,
                    trace: if *is_traced { Trace::Elements } else { Trace::Nothing },
                },
                Layout::Struct(fields) => self.with_fields(flags::STRUCT, fields)?,
                Layout::Exception(fields) => self.with_fields(flags::EXCEPTION, fields)?,
            };
            self.shapes.push(shape);
        }
        Ok(())
    }

    fn with_fields(&mut self, kind: u32, fields: &Fields) -> Result<Shape> {
        let word = |offset: &u32| (offset - object::HEADER) / 4;
        let trace = if fields.traced.is_empty() {
            Trace::Nothing
        } else if fields.traced.iter().all(|offset| word(offset) < u64::BITS) {
            Trace::Words(fields.traced.iter().fold(0, |words, offset| words | 1 << word(offset)))
        } else {
            let mut list = Vec::new();
            memory::reserve(&mut list, fields.traced.len())?;
            list.extend_from_slice(&fields.traced);
            memory::reserve(&mut self.lists, 1)?;
            self.lists.push(list);
            Trace::List(self.lists.len() as u32 - 1)
        };
        Ok(Shape { size: fields.size, kind: kind as u8, element_log2: 0, trace })
    }

    /// Types that are known.
    pub fn count(&self) -> usize {
        self.shapes.len()
    }

    /// The flags of a new object, and its bytes, with this many elements if it is an array.
    pub fn new_object(&self, type_number: u32, length: u32) -> Option<(u32, u64)> {
        let shape = self.shapes.get(type_number as usize)?;
        let elements = if u32::from(shape.kind) == flags::ARRAY { u64::from(length) << shape.element_log2 } else { 0 };
        let size = (u64::from(shape.size) + elements).next_multiple_of(object::ALIGNMENT.into());
        Some((shape.kind.into(), size))
    }

    /// The logarithm of the bytes of an array's elements, and whether they are traced.
    pub fn elements(&self, type_number: u32) -> Option<(u8, bool)> {
        let shape = self.shapes.get(type_number as usize)?;
        let is_array = u32::from(shape.kind) == flags::ARRAY;
        is_array.then_some((shape.element_log2, matches!(shape.trace, Trace::Elements)))
    }

    /// What the header of an object says.
    #[inline(always)]
    pub fn extent(&self, space: &Space, object: u32) -> Extent<'_> {
        let shape = self.shapes[space.read(object) as usize];
        if u32::from(shape.kind) != flags::ARRAY {
            let references = match shape.trace {
                Trace::Words(words) => References::Words(words),
                Trace::List(list) => References::List(&self.lists[list as usize]),
                Trace::Nothing | Trace::Elements => References::Nowhere,
            };
            return Extent { size: shape.size, references };
        }
        let end = shape.size + (space.read(object + object::HEADER) << shape.element_log2);
        let references = match shape.trace {
            Trace::Elements => References::Range(shape.size, end),
            _ => References::Nowhere,
        };
        Extent { size: end.next_multiple_of(object::ALIGNMENT), references }
    }
}
