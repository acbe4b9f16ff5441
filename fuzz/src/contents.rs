//! What memories hold, in one word before each operator, without reading all of a large memory each time.
//!
//! A small memory is looked at wholly each time. Of a large one the pieces are that the operator before may have written, by
//! [`crate::accesses`], with their neighbours; and all of it at first, when it has grown, behind a host function, and every so often.
//! Tables are looked at behind the operators that write such, and when all is.

use crate::accesses::{Access, Space, WRITE};
use crate::random::{hash_bytes, mix};
use crate::value::{Val, hash_values};
use std::ops::Range;
use wasmparser::Operator;

/// Bytes of a memory that is looked at wholly each time.
pub const SMALL: usize = 128 << 10;

/// Looks after which one is at all of every memory.
pub const EVERY: u64 = 4096;

const PIECE: usize = 4096;

/// What the memories held when they were looked at.
#[derive(Default)]
pub struct Contents {
    memories: Vec<Copied>,
    looks: u64,
    /// What may have been written since, but for small memories.
    written: Vec<(usize, Range<u64>)>,
    /// It isn't known what was written.
    all: bool,
    /// Of the tables.
    tables: u64,
    /// They may have been written since.
    are_tables_written: bool,
}

/// What an instance holds: each memory's size and hash, the globals, and a hash of the tables.
#[derive(Default, Debug)]
pub struct Held {
    pub memories: Vec<(u64, u64)>,
    pub globals: Vec<Val>,
    pub tables: u64,
}

impl Held {
    /// All of it in one word.
    pub fn hash(&self) -> u64 {
        let memories = self.memories.iter().fold(self.tables, |hash, (size, bytes)| mix(mix(hash, *size), *bytes));
        mix(memories, hash_values(&self.globals))
    }
}

/// A copy of a memory, and the sum of its pieces' hashes. Zeros have none.
#[derive(Default)]
struct Copied {
    bytes: Vec<u8>,
    hash: u64,
}

impl Contents {
    /// From now on: whatever was written before isn't known.
    pub fn anything_is_written(&mut self) {
        self.all = true;
    }

    /// The size and hash of a memory.
    pub fn of_memory(&mut self, index: usize, bytes: &[u8]) -> (u64, u64) {
        if self.memories.len() <= index {
            self.memories.resize_with(index + 1, Copied::default);
        }
        let copied = &mut self.memories[index];
        let is_other = copied.bytes.len() != bytes.len();
        if is_other {
            *copied = Copied { bytes: vec![0; bytes.len()], hash: 0 };
        }
        if is_other || bytes.len() <= SMALL || self.all || self.looks.is_multiple_of(EVERY) {
            copied.update(bytes, 0..bytes.len().div_ceil(PIECE));
        } else {
            for (_, range) in self.written.iter().filter(|(memory, _)| *memory == index) {
                let piece = |at: u64| at as usize / PIECE;
                let pieces = piece(range.start).saturating_sub(1)..piece(range.end).saturating_add(2);
                copied.update(bytes, pieces.start..pieces.end.min(bytes.len().div_ceil(PIECE)));
            }
        }
        (bytes.len() as u64, copied.hash)
    }

    /// Whether any memory isn't looked at wholly each time.
    pub fn are_large(&self) -> bool {
        self.memories.iter().any(|copied| copied.bytes.len() > SMALL)
    }

    /// The hash of all tables, which `hash` finds out if it may be another.
    pub fn of_tables(&mut self, hash: impl FnOnce() -> u64) -> u64 {
        if self.are_tables_written || self.all || self.looks.is_multiple_of(EVERY) {
            self.tables = hash();
        }
        self.tables
    }

    /// All was looked at. The operator is the next one, and accesses this of memories.
    pub fn looked(&mut self, operator: &Operator<'_>, accesses: &[Access]) {
        self.looks += 1;
        self.all = false;
        self.are_tables_written = matches!(
            operator,
            Operator::TableSet { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
                | Operator::TableInit { .. }
                | Operator::TableGrow { .. }
        );
        self.written.clear();
        let written = accesses.iter().filter(|access| access.bits & WRITE != 0);
        self.written.extend(written.filter_map(|access| match access.space {
            Space::Memory(memory) => Some((memory as usize, access.range.clone())),
            Space::Global(_) | Space::Table(_) => None,
        }));
    }
}

impl Copied {
    fn update(&mut self, bytes: &[u8], pieces: Range<usize>) {
        for number in pieces {
            let place = number * PIECE..((number + 1) * PIECE).min(bytes.len());
            let (before, now) = (&mut self.bytes[place.clone()], &bytes[place]);
            if *before != *now {
                self.hash = self.hash.wrapping_sub(hash_piece(number, before)).wrapping_add(hash_piece(number, now));
                before.copy_from_slice(now);
            }
        }
    }
}

fn hash_piece(number: usize, bytes: &[u8]) -> u64 {
    if bytes.iter().all(|byte| *byte == 0) { 0 } else { mix(hash_bytes(bytes), number as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(range: Range<u64>) -> Access {
        Access { space: Space::Memory(0), range, bits: WRITE }
    }

    #[test]
    fn small_memories_are_looked_at_wholly() {
        let (mut contents, mut bytes) = (Contents::default(), vec![0; SMALL]);
        let before = contents.of_memory(0, &bytes);
        contents.looked(&Operator::Nop, &[]);
        bytes[SMALL - 1] = 1;
        assert_ne!(contents.of_memory(0, &bytes), before);
        contents.looked(&Operator::Nop, &[]);
        bytes[SMALL - 1] = 0;
        assert_eq!(contents.of_memory(0, &bytes), before);
    }

    #[test]
    fn of_large_memories_what_was_written_is_looked_at() {
        let (mut contents, mut bytes) = (Contents::default(), vec![0; 2 * SMALL + 5]);
        let last = bytes.len() - 1;
        let before = contents.of_memory(0, &bytes);
        contents.looked(&Operator::Nop, &[write(last as u64..last as u64 + 1)]);
        bytes[last] = 1;
        let then = contents.of_memory(0, &bytes);
        assert_ne!(then, before);
        contents.looked(&Operator::Nop, &[]);
        bytes[0] = 1;
        assert_eq!(contents.of_memory(0, &bytes), then, "nobody said that it was written");
        contents.anything_is_written();
        assert_ne!(contents.of_memory(0, &bytes), then);
        bytes.push(0);
        assert_ne!(contents.of_memory(0, &bytes).0, then.0);
    }
}
