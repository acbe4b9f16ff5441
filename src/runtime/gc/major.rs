//! Major collections: what is old and can't be reached is found, in slices, while guests run in between.
//!
//! ```text
//! idle → clear (the other side of the blocks) → mark → the sides change places → idle
//! ```
//!
//! Marking begins with the roots, and every minor collection in between shows roots, and all that was written since the last,
//! again. It is through when nothing is left to look into directly after a minor collection: nothing is young then. An object that
//! is looked into may refer to young ones; it is in the log then, and those are the minor collection's.

use super::blocks::{BLOCK, BLOCK_LOG2, Kind, LINES};
use super::heap::{Heap, LARGEST_SMALL};
use super::layouts::References;
use super::minor::{Roots, SLICE};
use super::pace::Phase;
use crate::abi::heap::{is_object, object};
use crate::abi::references::host_number;
use std::time::Instant;

/// Bytes that are marked between two looks at the clock.
const BETWEEN_LOOKS: u64 = 8 << 10;

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// So many bytes.
    Bytes(u64),
    /// This time.
    Time(Instant),
    /// The end.
    End,
}

impl Until {
    fn is_reached(self, done: u64) -> bool {
        match self {
            Until::Bytes(bytes) => done >= bytes,
            Until::Time(time) => Instant::now() >= time,
            Until::End => false,
        }
    }
}

impl Heap {
    /// Clears some of the other side; answers whether all of it is clear.
    pub(super) fn clear(&mut self, until: Until) -> bool {
        let mut done = 0;
        while self.blocks.clear_other() {
            done += BETWEEN_LOOKS;
            if until.is_reached(done) {
                return false;
            }
        }
        true
    }

    /// Begins to mark, with the roots.
    ///
    /// Requires: the other side is clear, and a minor collection was the last that happened.
    pub(super) fn begin_to_mark(&mut self, roots: &mut dyn Roots) {
        self.phase = Phase::Mark;
        self.hosts.clear();
        self.major_stack.clear();
        self.visit_roots(roots);
        // Of what may be a reference, large arrays were looked through in part.
        self.drain_minor::<true>();
    }

    /// Looks through some references of an old object; answers how many bytes that were.
    #[inline(always)]
    fn mark_from(&mut self, object: u32, from: u32) -> u32 {
        let Heap { space, blocks, shapes, major_stack, hosts, .. } = self;
        let extent = shapes.extent(space, object);
        if extent.size <= LARGEST_SMALL {
            blocks.occupy_other(object, extent.size);
        }
        let mut bytes = if from == 0 { extent.size } else { 0 };
        let references = match extent.references {
            References::Range(start, end) if from != 0 || end - start > SLICE => {
                let start = start.max(from);
                if end - start > SLICE {
                    major_stack.push_partial(object, start + SLICE);
                }
                bytes = end.min(start + SLICE) - start;
                References::Range(start, start + bytes)
            }
            References::Nowhere => {
                // Little to do, however large it is.
                self.pace.note_marked(extent.size.into());
                return object::ALIGNMENT;
            }
            references => references,
        };
        references.each(object, |at| {
            let reference = space.read(at);
            if !is_object(reference) {
                if let Some(number) = host_number(reference) {
                    hosts.add(number);
                }
            } else if blocks.is_old(reference) && blocks.mark(reference) {
                major_stack.push(reference);
            }
        });
        self.pace.note_marked(bytes.into());
        bytes
    }

    /// Marks; answers whether nothing is left to look into.
    pub(super) fn mark(&mut self, until: Until) -> bool {
        let (mut done, mut looked) = (0, 0);
        loop {
            let bytes = if let Some(object) = self.major_stack.next(|object| self.space.prefetch(object)) {
                self.mark_from(object, 0)
            } else if let Some((array, from)) = self.major_stack.pop_partial() {
                self.mark_from(array, from)
            } else if self.major_stack.take_forgotten() {
                self.mark_again();
                continue;
            } else {
                return true;
            };
            done += u64::from(bytes) + 32;
            if done >= looked + BETWEEN_LOOKS {
                looked = done;
                if until.is_reached(done) {
                    return false;
                }
            }
        }
    }

    /// Looks into all marked objects once more, as some were forgotten.
    #[cold]
    fn mark_again(&mut self) {
        let mut at = 0;
        while let Some(object) = self.next_start(at, true) {
            let mut from = 0;
            loop {
                self.mark_from(object, from);
                match self.major_stack.pop_partial() {
                    Some((array, next)) if array == object => from = next,
                    Some((array, next)) => {
                        self.major_stack.push_partial(array, next);
                        break;
                    }
                    None => break,
                }
            }
            at = object + object::ALIGNMENT;
        }
    }

    /// What isn't marked is free.
    ///
    /// Requires: nothing is young, and nothing is left to look into.
    pub(super) fn finish_major(&mut self) {
        debug_assert!(self.spans.is_empty() && self.major_stack.is_empty() && self.log.is_empty());
        // One that is used up may end where there is no block.
        for hole in self.parked.iter().filter(|hole| hole.cursor < hole.limit) {
            self.blocks.occupy_other(hole.cursor, hole.limit - hole.cursor);
        }
        self.blocks.flip();
        self.sweep_large();
        let Heap { blocks, weak, .. } = self;
        weak.retain(|reference| blocks.is_old(reference));
        self.touched.clear();
        self.available.clear();
        self.taken = 0;
        self.next_block = 0;
        self.block = 0;
        self.line = LINES;
        self.is_scraping = false;
        std::mem::swap(&mut self.hosts, &mut self.met);
        self.phase = Phase::Idle;
        self.statistics.major += 1;
        self.statistics.live_bytes = self.pace.marked();
        self.pace.note_major(self.pace.marked(), self.used_bytes());
        self.trimmed = 0;
        self.trim_kept = 0;
        if self.options.stress {
            for number in 0..self.blocks.count() {
                self.poison_block(number << BLOCK_LOG2);
            }
        }
    }

    /// Gives memory of blocks that aren't used back to the system, beside what will be needed soon. Answers whether it is through.
    pub(super) fn trim(&mut self, until: Until) -> bool {
        let mut done = 0;
        let keeps = self.pace.headroom(self.used_bytes());
        if self.options.stress {
            return true;
        }
        while self.trimmed < self.blocks.count() {
            let at = self.trimmed << BLOCK_LOG2;
            self.trimmed += 1;
            if self.blocks.kind(at) != Kind::Free || !self.blocks.is_dirty(at) {
                continue;
            }
            self.trim_kept += u64::from(BLOCK);
            if self.trim_kept <= keeps {
                continue;
            }
            self.space.give_back(at, BLOCK);
            self.blocks.set_dirty(at, false);
            done += BETWEEN_LOOKS;
            if until.is_reached(done) {
                return false;
            }
        }
        true
    }
}
