//! The name section (Wasm core spec, appendix "Custom Sections"; subsections 4 to 11 are those of "Extended Name Section").
//!
//! Invariant: names stay where they are, in the module's bytes; what is kept of each is small, however many there are.

use crate::base::FuncIndex;
use std::ops::Range;
use wasmparser::{IndirectNameMap, Name, NameMap, NameSectionReader};

/// What a name is of. In this order names are kept; the numbers are those of the section's parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Named {
    /// A function.
    Func = 1,
    /// A local, by its function and itself.
    Local = 2,
    /// A defined type.
    Type = 4,
    /// A table.
    Table = 5,
    /// A memory.
    Memory = 6,
    /// A global.
    Global = 7,
    /// An element segment.
    Element = 8,
    /// A data segment.
    Data = 9,
    /// A field of a structure, by its type and itself.
    Field = 10,
    /// A tag.
    Tag = 11,
}

/// Names from a module's name section. A malformed section ends the reading; what came before it counts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The module's name.
    pub module: Option<String>,
    /// In the order of `key`.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    of: Named,
    /// For fields and locals the type or function that has them, else 0.
    owner: u32,
    index: u32,
    /// Where the name is in the module's bytes.
    start: u32,
    length: u32,
}

impl Entry {
    fn key(&self) -> (Named, u32, u32) {
        (self.of, self.owner, self.index)
    }

    fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.length) as usize
    }
}

impl Names {
    /// Where a name is in the module's bytes. `owner` is the type or function of a field or local, else 0.
    pub(super) fn find(&self, of: Named, owner: u32, index: u32) -> Option<Range<usize>> {
        let wanted = (of, owner, index);
        // Of several the last counts.
        let end = self.entries.partition_point(|entry| entry.key() <= wanted);
        let entry = self.entries[..end].last().filter(|entry| entry.key() == wanted)?;
        Some(entry.range())
    }

    /// All functions that have names, and where these are in the module's bytes.
    pub(super) fn functions(&self) -> impl Iterator<Item = (FuncIndex, Range<usize>)> {
        let functions = self.entries.iter().filter(|entry| entry.of == Named::Func);
        functions.map(|entry| (FuncIndex::from_u32(entry.index), entry.range()))
    }

    /// Reads a section of a module that has these bytes.
    pub(super) fn read(&mut self, section: NameSectionReader<'_>, bytes: &[u8]) {
        let is_whole = self.read_parts(section, bytes);
        if is_whole.is_none() {
            log::debug!("the name section is malformed; the names before the fault are used");
        }
        self.entries.sort_by_key(Entry::key);
    }

    fn read_parts(&mut self, section: NameSectionReader<'_>, bytes: &[u8]) -> Option<()> {
        for name in section {
            match name.ok()? {
                Name::Module { name, .. } => self.module = Some(name.to_string()),
                Name::Function(map) => self.direct(Named::Func, map, bytes)?,
                Name::Local(maps) => self.indirect(Named::Local, maps, bytes)?,
                Name::Type(map) => self.direct(Named::Type, map, bytes)?,
                Name::Table(map) => self.direct(Named::Table, map, bytes)?,
                Name::Memory(map) => self.direct(Named::Memory, map, bytes)?,
                Name::Global(map) => self.direct(Named::Global, map, bytes)?,
                Name::Element(map) => self.direct(Named::Element, map, bytes)?,
                Name::Data(map) => self.direct(Named::Data, map, bytes)?,
                Name::Field(maps) => self.indirect(Named::Field, maps, bytes)?,
                Name::Tag(map) => self.direct(Named::Tag, map, bytes)?,
                Name::Label(_) | Name::Parameter(_) | Name::TagParameter(_) | Name::Unknown { .. } => {}
            }
        }
        Some(())
    }

    fn indirect(&mut self, of: Named, maps: IndirectNameMap<'_>, bytes: &[u8]) -> Option<()> {
        for map in maps {
            let map = map.ok()?;
            self.map(of, map.index, map.names, bytes)?;
        }
        Some(())
    }

    fn direct(&mut self, of: Named, map: NameMap<'_>, bytes: &[u8]) -> Option<()> {
        self.map(of, 0, map, bytes)
    }

    fn map(&mut self, of: Named, owner: u32, map: NameMap<'_>, bytes: &[u8]) -> Option<()> {
        for naming in map {
            let naming = naming.ok()?;
            let start = (naming.name.as_ptr().addr() - bytes.as_ptr().addr()) as u32;
            let length = naming.name.len() as u32;
            // An index that no entity can have would collide with the reserved one.
            if naming.index != u32::MAX {
                self.entries.push(Entry { of, owner, index: naming.index, start, length });
            }
        }
        Some(())
    }
}
