//! Encoded states: the pool that the frame table's offsets lead into.

use crate::abi::frame_table::{Place, encode_operands, encode_state};
use crate::base::ValType;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// A description of the lowest operands, which later states share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tail {
    /// How many operands.
    pub(super) count: u32,
    /// Where they are described in the pool.
    offset: u32,
}

/// The states of a function, each once.
#[derive(Debug, Default)]
pub(super) struct States {
    pub(super) pool: Vec<u8>,
    hasher: RandomState,
    /// By the hash of its encoding: the last state that has it.
    known: HashMap<u64, Range<usize>>,
}

impl States {
    /// Describes operands that come after those of `tail`, to be shared.
    pub(super) fn add_tail(&mut self, operands: &[(ValType, Place)], tail: Option<Tail>) -> Tail {
        let count = operands.len() as u32 + tail.map_or(0, |tail| tail.count);
        let offset = encode_operands(&mut self.pool, operands, tail.map(|tail| (tail.count, tail.offset)));
        Tail { count, offset }
    }

    /// The offset of a state: the locals that aren't where they are by default, by index, and the operands that come after
    /// those of `tail`.
    pub(super) fn add(
        &mut self,
        exceptions: &[(u32, Place)],
        operands: &[(ValType, Place)],
        tail: Option<Tail>,
    ) -> u32 {
        let start = self.pool.len();
        encode_state(&mut self.pool, exceptions, operands, tail.map(|tail| (tail.count, tail.offset)));
        if tail.is_some() {
            // It leads to its lowest operands by a distance, so that equal encodings elsewhere are other states.
            return start as u32;
        }
        let encoding = &self.pool[start..];
        let hash = self.hasher.hash_one(encoding);
        if let Some(known) = self.known.get(&hash)
            && self.pool[known.clone()] == *encoding
        {
            let known = known.start as u32;
            self.pool.truncate(start);
            return known;
        }
        self.known.insert(hash, start..self.pool.len());
        start as u32
    }
}
