//! Minor collections: what is young and can be reached becomes old, and the rest is free.
//!
//! They trace from the roots and from old objects that were written, through young objects. While a major collection marks, they
//! mark too: what becomes old is marked, and looked into for both.

use super::blocks::{Blocks, LINES};
use super::heap::{Heap, LARGEST_SMALL};
use super::host_marks::HostMarks;
use super::layouts::References;
use super::mark_stack::MarkStack;
use super::pace::Phase;
use crate::abi::heap::{flags, is_object, object};
use crate::abi::references::host_number;
use crate::base::memory;
use std::time::Instant;

/// Bytes of an array that are looked through at a time.
pub(super) const SLICE: u32 = 4096;
/// Lines that a block should have free to be allocated in again.
const WORTHWHILE: u32 = LINES / 8;
/// How many entries of the log ahead the processor is asked for what is there.
const AHEAD: usize = 8;
/// Entries of the log that are 8 bytes of large arrays.
pub(super) const IS_PAIR: u32 = 1;

/// Who has references into a heap, beside the heap.
pub trait Roots {
    /// Shows all of them to the visitor. May be asked several times by one collection.
    fn visit(&mut self, visitor: &mut Visitor<'_>);
}

/// Whom roots are shown to.
#[derive(Debug)]
pub struct Visitor<'a> {
    pub(super) heap: &'a mut Heap,
}

impl Visitor<'_> {
    /// Shows a reference, of any kind.
    #[inline]
    pub fn reference(&mut self, reference: u32) {
        self.heap.found(reference);
    }
}

/// A reference was found, in a root or in an object that is looked into.
#[inline(always)]
fn found<const MARKS: bool>(
    blocks: &mut Blocks,
    minor: &mut MarkStack,
    major: &mut MarkStack,
    hosts: &mut HostMarks,
    reference: u32,
) {
    if !is_object(reference) {
        if MARKS && let Some(number) = host_number(reference) {
            hosts.add(number);
        }
        return;
    }
    if MARKS {
        if blocks.make_old(reference) {
            blocks.mark(reference);
            minor.push(reference);
        } else if blocks.mark(reference) {
            major.push(reference);
        }
    } else if blocks.make_old(reference) {
        minor.push(reference);
    }
}

impl Heap {
    /// A reference was found by a minor collection.
    pub(super) fn found(&mut self, reference: u32) {
        let Heap { blocks, minor_stack, major_stack, hosts, phase, .. } = self;
        match phase {
            Phase::Mark => found::<true>(blocks, minor_stack, major_stack, hosts, reference),
            _ => found::<false>(blocks, minor_stack, major_stack, hosts, reference),
        }
    }

    /// Has all roots shown.
    pub(super) fn visit_roots(&mut self, roots: &mut dyn Roots) {
        roots.visit(&mut Visitor { heap: self });
        self.resolve_candidates();
        self.visit_parked();
    }

    /// Looks through some references of an object for a minor collection; answers the object's bytes.
    #[inline(always)]
    fn follow<const MARKS: bool>(&mut self, object: u32, from: u32) -> u32 {
        let Heap { space, blocks, shapes, minor_stack, major_stack, hosts, .. } = self;
        let extent = shapes.extent(space, object);
        let references = match extent.references {
            References::Range(start, end) if from != 0 || end - start > SLICE => {
                let start = start.max(from);
                if end - start > SLICE {
                    minor_stack.push_partial(object, start + SLICE);
                }
                References::Range(start, end.min(start + SLICE))
            }
            references => references,
        };
        references.each(object, |at| found::<MARKS>(blocks, minor_stack, major_stack, hosts, space.read(at)));
        extent.size
    }

    /// Looks through the references of an old object, which may have been written without a word.
    pub(super) fn follow_again(&mut self, object: u32) {
        match self.phase {
            Phase::Mark => self.follow::<true>(object, 0),
            _ => self.follow::<false>(object, 0),
        };
    }

    /// Looks into an object that has become old; answers its bytes.
    #[inline(always)]
    fn settle<const MARKS: bool>(&mut self, object: u32) -> u32 {
        let at = object + object::FLAGS as u32;
        self.space.write(at, self.space.read(at) | flags::UNLOGGED);
        let size = self.follow::<MARKS>(object, 0);
        if size <= LARGEST_SMALL {
            self.blocks.occupy(object, size);
            if MARKS {
                self.blocks.occupy_other(object, size);
            }
        }
        size
    }

    pub(super) fn drain_minor<const MARKS: bool>(&mut self) -> u64 {
        let mut bytes = 0;
        loop {
            while let Some(object) = self.minor_stack.next(|object| self.space.prefetch(object)) {
                bytes += u64::from(self.settle::<MARKS>(object));
            }
            if let Some((array, from)) = self.minor_stack.pop_partial() {
                self.follow::<MARKS>(array, from);
            } else if self.minor_stack.take_forgotten() {
                // Those that were forgotten are old by now.
                let mut at = 0;
                while let Some(object) = self.next_start(at, false) {
                    self.settle::<MARKS>(object);
                    at = object + object::ALIGNMENT;
                }
            } else {
                return bytes;
            }
        }
    }

    /// A minor collection; answers how many bytes became old.
    ///
    /// Requires: layouts are known of all objects.
    pub(super) fn minor(&mut self, roots: &mut dyn Roots) -> u64 {
        let since = Instant::now();
        let survived = match self.phase {
            Phase::Mark => self.trace_minor::<true>(roots),
            _ => self.trace_minor::<false>(roots),
        };
        self.sweep_minor();
        self.pace.note_minor(survived, since.elapsed());
        if self.phase == Phase::Mark {
            self.pace.note_marked(survived);
        }
        self.statistics.minor += 1;
        self.statistics.promoted_bytes += survived;
        survived
    }

    fn trace_minor<const MARKS: bool>(&mut self, roots: &mut dyn Roots) -> u64 {
        self.visit_roots(roots);
        // The spans are still asked for by those.
        self.end_span();
        let mut log = std::mem::take(&mut self.log);
        for (number, entry) in log.iter().enumerate() {
            let entry = *entry;
            if let Some(ahead) = log.get(number + 2 * AHEAD) {
                self.space.prefetch(*ahead & !IS_PAIR);
            }
            if let Some(ahead) = log.get(number + AHEAD).filter(|ahead| *ahead & IS_PAIR == 0) {
                let Heap { space, shapes, blocks, .. } = &*self;
                if let References::Words(words) = shapes.extent(space, *ahead).references {
                    References::Words(words).each(*ahead, |at| blocks.prefetch(space.read(at)));
                }
            }
            if entry & IS_PAIR != 0 {
                self.follow_pair::<MARKS>(entry & !IS_PAIR);
            } else {
                let at = entry + object::FLAGS as u32;
                self.space.write(at, self.space.read(at) | flags::UNLOGGED);
                self.follow::<MARKS>(entry, 0);
            }
        }
        log.clear();
        self.log = log;
        if std::mem::take(&mut self.log_is_incomplete) {
            let mut at = 0;
            while let Some(object) = self.next_start(at, false) {
                let flags_at = object + object::FLAGS as u32;
                self.space.write(flags_at, self.space.read(flags_at) | flags::UNLOGGED);
                self.follow::<MARKS>(object, 0);
                at = object + object::ALIGNMENT;
            }
        }
        self.drain_minor::<MARKS>()
    }

    /// Looks at 8 bytes of a large array that were written.
    fn follow_pair<const MARKS: bool>(&mut self, pair: u32) {
        self.blocks.forget_written(pair);
        let array = self.blocks.run_start(pair);
        let Heap { space, blocks, shapes, minor_stack, major_stack, hosts, .. } = self;
        if let References::Range(start, end) = shapes.extent(space, array).references {
            let range = References::Range(start.max(pair - array), end.min(pair - array + 8));
            range.each(array, |at| found::<MARKS>(blocks, minor_stack, major_stack, hosts, space.read(at)));
        }
    }

    /// What hasn't become old is free.
    fn sweep_minor(&mut self) {
        self.spans.clear();
        self.sweep_young_large();
        let Heap { blocks, weak, .. } = self;
        weak.retain(|reference| blocks.is_old(reference));
        let mut available = std::mem::take(&mut self.touched);
        if self.options.stress {
            available.iter().for_each(|block| self.poison_block(*block));
        }
        available.retain(|block| self.blocks.free_lines(*block) >= WORTHWHILE);
        // What was allocated in is in the processor's caches, so it comes first.
        let others = &self.available[self.taken..];
        // Without memory for these they aren't found before the next major collection.
        if memory::reserve(&mut available, others.len()).is_ok() {
            available.extend_from_slice(others);
        }
        self.touched = std::mem::replace(&mut self.available, available);
        self.touched.clear();
        self.taken = 0;
        self.block = 0;
        self.line = LINES;
    }
}
