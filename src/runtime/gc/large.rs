//! Objects that have blocks of their own.

use super::blocks::{BLOCK, BLOCK_LOG2, Kind};
use super::heap::{Heap, POISON, Shortage};
use crate::base::{Error, ErrorKind, memory};

impl Heap {
    /// Makes a large object, in zeroes.
    pub(super) fn allocate_large(
        &mut self,
        type_number: u32,
        kind: u32,
        length: u32,
        size: u64,
    ) -> Result<u32, Shortage> {
        if self.pace.is_minor_due() && !self.must_grow {
            return Err(Shortage::Due);
        }
        let too_large = || Error::new(ErrorKind::Limit, format_args!("an object of {size} bytes is too large"));
        let size = u32::try_from(size).map_err(|_| Shortage::Refused(too_large()))?;
        memory::reserve(&mut self.young_large, 1).map_err(Shortage::Refused)?;
        // When it has become old, it has room there.
        let more = self.young_large.len() + 1;
        memory::reserve(&mut self.large, more).map_err(Shortage::Refused)?;
        let blocks = size.div_ceil(BLOCK);
        let at = self.take_blocks(blocks, Kind::Large)?;
        for number in 0..blocks {
            let block = at + (number << BLOCK_LOG2);
            if self.blocks.is_dirty(block) || self.options.stress {
                self.check_poison(block, BLOCK);
                self.space.fill(block, BLOCK.min(size - (number << BLOCK_LOG2)), 0);
            }
            self.blocks.set_dirty(block, true);
        }
        self.write_header(at, type_number, kind, length);
        self.young_large.push(at);
        self.large_bytes += u64::from(blocks) << BLOCK_LOG2;
        self.pace.note_given(size);
        self.statistics.given_bytes += u64::from(size);
        Ok(at)
    }

    /// Gives a large object's blocks back.
    pub(super) fn free_large(&mut self, at: u32) {
        let bytes = self.blocks.run(at) << BLOCK_LOG2;
        self.blocks.give(at);
        self.large_bytes -= u64::from(bytes);
        if self.options.stress {
            self.space.fill(at, bytes, POISON);
        }
    }

    /// Frees the young large objects that haven't become old.
    pub(super) fn sweep_young_large(&mut self) {
        while let Some(at) = self.young_large.pop() {
            if self.blocks.is_old(at) {
                self.large.push(at);
            } else {
                self.free_large(at);
            }
        }
    }

    /// Frees all large objects that aren't old.
    ///
    /// Requires: none is young.
    pub(super) fn sweep_large(&mut self) {
        let mut objects = std::mem::take(&mut self.large);
        objects.retain(|at| {
            let is_old = self.blocks.is_old(*at);
            if !is_old {
                self.free_large(*at);
            }
            is_old
        });
        self.large = objects;
    }
}
