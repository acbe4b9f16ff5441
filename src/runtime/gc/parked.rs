//! Guests that were interrupted: the holes that they allocate in, and what may be a reference.
//!
//! A guest can be interrupted between any two instructions: when it has loaded the cursor and not yet stored it, with an object
//! half written above the cursor, with a store done that it hasn't told of. So it keeps its hole, what is above the cursor in it is
//! searched for anything that may be a reference, and so are the registers of its innermost frame; whatever old object is found
//! that way counts as written.

use super::blocks::{BLOCK, Kind};
use super::candidate::Candidate;
use super::heap::{Heap, Hole};
use super::minor::Visitor;
use crate::abi::heap::is_object;
use crate::abi::references::host_number;
use crate::base::{Result, memory};

/// The hole of a guest that was interrupted, which is kept for it. Give it back by [`Heap::unpark`].
#[derive(Debug, PartialEq, Eq)]
pub struct Parked(u64);

impl Heap {
    /// Keeps the present hole for a guest that was interrupted; others get another.
    ///
    /// Errors: `System`.
    pub fn park(&mut self) -> Result<Parked> {
        let (cursor, limit) = (self.vm.cursor.get(), self.hole_end);
        memory::reserve(&mut self.parked, 1)?;
        memory::reserve(&mut self.spans, 2)?;
        if cursor < limit {
            // Nobody else may get what is left of it.
            self.blocks.occupy(cursor, limit - cursor);
        }
        self.end_span();
        self.parked_before += 1;
        self.parked.push(Hole { number: self.parked_before, cursor, limit });
        Ok(Parked(self.parked_before))
    }

    /// The guest runs on, in its hole.
    ///
    /// Errors: `System`; the hole is still kept then.
    pub fn unpark(&mut self, parked: &Parked) -> Result<()> {
        memory::reserve(&mut self.spans, 2)?;
        let Some(place) = self.parked.iter().position(|hole| hole.number == parked.0) else { return Ok(()) };
        self.end_span();
        let hole = self.parked.swap_remove(place);
        self.span = hole.cursor;
        self.hole_end = hole.limit;
        self.vm.cursor.set(hole.cursor);
        self.vm.limit.set(if self.options.stress { hole.cursor } else { hole.limit });
        Ok(())
    }

    /// The guest doesn't run on.
    pub fn forget_parked(&mut self, parked: &Parked) {
        self.parked.retain(|hole| hole.number != parked.0);
    }

    /// Searches what is above the cursors of interrupted guests.
    pub(super) fn visit_parked(&mut self) {
        for number in 0..self.parked.len() {
            let hole = self.parked[number];
            for at in (hole.cursor..hole.limit).step_by(4) {
                self.found_word(self.space.read(at));
            }
        }
    }

    /// The object that begins here, if there is one: an old object, or a young one that is whole.
    pub fn object_at(&self, candidate: u32) -> Option<u32> {
        self.object_around(candidate).filter(|object| *object == candidate)
    }

    /// The object that this offset is inside.
    pub fn object_around(&self, at: u32) -> Option<u32> {
        match self.blocks.kind(at) {
            Kind::None | Kind::Free => None,
            Kind::Large | Kind::Rest => Some(self.blocks.run_start(at)),
            Kind::Small => match self.young_spans().find(|span| span.from <= at && at < span.to) {
                Some(span) => {
                    let mut object = span.from;
                    loop {
                        let next = object + self.shapes.extent(&self.space, object).size;
                        if at < next {
                            return Some(object);
                        }
                        object = next;
                    }
                }
                None => self.old_around(at),
            },
        }
    }

    pub(super) fn old_around(&self, at: u32) -> Option<u32> {
        let block = at & !(BLOCK - 1);
        let mut from = at & !511;
        let mut starts = self.blocks.starts(from, false) & (u64::MAX >> (63 - (at >> 3 & 63)));
        while starts == 0 {
            if from == block {
                return None;
            }
            from -= 512;
            starts = self.blocks.starts(from, false);
        }
        let found = from + 8 * (63 - starts.leading_zeros());
        (at < found + self.shapes.extent(&self.space, found).size).then_some(found)
    }

    /// Finds out which of the candidates are young objects, or are inside of some. Each span is gone through once.
    pub(super) fn resolve_candidates(&mut self) {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_unstable_by_key(|candidate| candidate.at);
        // Those of a block follow each other.
        let mut next = 0;
        while let Some(Candidate { at, .. }) = candidates.get(next).copied() {
            let Some(span) = self.young_spans().find(|span| span.from <= at && at < span.to) else {
                next += 1;
                continue;
            };
            let mut object = span.from;
            while object < span.to && candidates.get(next).is_some_and(|candidate| candidate.at < span.to) {
                let behind = object + self.shapes.extent(&self.space, object).size;
                while let Some(candidate) = candidates.get(next).filter(|candidate| candidate.at < behind) {
                    if candidate.at == object || (candidate.is_inner && candidate.at > object) {
                        self.found(object);
                    }
                    next += 1;
                }
                object = behind;
            }
        }
        candidates.clear();
        self.candidates = candidates;
    }

    /// Something that may be the offset of an object, or one inside of it, was found where guests keep values.
    fn found_candidate(&mut self, at: u32, is_inner: bool) {
        match self.blocks.kind(at) {
            Kind::None | Kind::Free => {}
            Kind::Large | Kind::Rest => {
                let object = self.blocks.run_start(at);
                if is_inner || at == object {
                    self.found(object);
                }
            }
            Kind::Small if !is_inner && self.blocks.is_old(at) => self.found(at),
            Kind::Small => {
                if is_inner && let Some(object) = self.old_around(at) {
                    self.found(object);
                }
                if memory::reserve(&mut self.candidates, 1).is_ok() {
                    self.candidates.push(Candidate { at, is_inner });
                } else if let Some(object) = self.object_around(at) {
                    self.found(object);
                }
            }
        }
    }

    fn found_word(&mut self, candidate: u32) {
        if is_object(candidate)
            && let Some(object) = self.object_at(candidate)
        {
            self.found_maybe(object);
        }
    }

    /// Something that may be a reference to an object was found.
    fn found_maybe(&mut self, object: u32) {
        if self.blocks.is_old(object) {
            self.follow_again(object);
        }
        self.found(object);
    }

    /// The other offset after an old object, or a marked one: the first that begins at `at` or behind it.
    pub(super) fn next_start(&self, at: u32, of_marked: bool) -> Option<u32> {
        let end = self.blocks.count() * BLOCK;
        let mut from = at & !511;
        let mut keep = u64::MAX << (at >> 3 & 63);
        while from < end {
            let starts = self.blocks.starts(from, of_marked) & keep;
            if starts != 0 {
                return Some(from + 8 * starts.trailing_zeros());
            }
            keep = u64::MAX;
            from += 512;
        }
        None
    }
}

impl Visitor<'_> {
    /// Shows a word that may be a reference, or two, or an address in an object, of a frame that has told of all it has stored.
    pub fn maybe(&mut self, word: u64) {
        let heap = &mut *self.heap;
        for candidate in [word as u32, (word >> 32) as u32] {
            if is_object(candidate) {
                heap.found_candidate(candidate, false);
            } else if host_number(candidate).is_some_and(|number| number < heap.host_values) {
                heap.found(candidate);
            }
        }
        if let Ok(at) = u32::try_from(word.wrapping_sub(heap.space.base() as u64)) {
            heap.found_candidate(at, true);
        }
    }

    /// Shows a word that may be a reference, or two, or the address of something in an object: from a register or the frame of a
    /// guest that was interrupted.
    pub fn word(&mut self, word: u64) {
        let heap = &mut *self.heap;
        for candidate in [word as u32, (word >> 32) as u32] {
            if host_number(candidate).is_some_and(|number| number < heap.host_values) {
                heap.found(candidate);
            }
        }
        heap.found_word(word as u32);
        heap.found_word((word >> 32) as u32);
        if let Ok(at) = u32::try_from(word.wrapping_sub(heap.space.base() as u64))
            && let Some(object) = heap.object_around(at)
        {
            heap.found_maybe(object);
        }
    }
}
