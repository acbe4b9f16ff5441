//! What is free is filled with a pattern, in stress.

use super::blocks::{BLOCK, Kind};
use super::heap::{Heap, POISON};

impl Heap {
    /// Fills what is free in a block.
    pub(super) fn poison_block(&self, block: u32) {
        match self.blocks.kind(block) {
            Kind::Small => {
                let mut at = block;
                while at < block + BLOCK {
                    let next = self.next_start(at, false).unwrap_or(u32::MAX).min(block + BLOCK);
                    self.poison(at, next);
                    if next == block + BLOCK {
                        break;
                    }
                    at = next + self.shapes.extent(&self.space, next).size;
                }
            }
            Kind::Free => self.space.fill(block, BLOCK, POISON),
            Kind::None | Kind::Large | Kind::Rest => {}
        }
    }

    /// Fills a range, beside the holes of interrupted guests in it.
    fn poison(&self, from: u32, to: u32) {
        let inside = self.parked.iter().find(|hole| hole.cursor < to && from < hole.limit && hole.cursor < hole.limit);
        if let Some(hole) = inside {
            self.poison(from, hole.cursor.max(from));
            self.poison(hole.limit.min(to), to);
        } else if from < to {
            self.space.fill(from, to - from, POISON);
        }
    }

    /// What is given out is as it was left.
    #[inline]
    pub(super) fn check_poison(&self, at: u32, bytes: u32) {
        assert!(!self.options.stress || self.space.is_filled(at, bytes, POISON), "free memory was written, at {at:#x}");
    }
}
