//! The collector from outside: allocation that collects if it has to, slices, full collections.

use super::heap::{Heap, Shortage};
use super::major::Until;
use super::minor::Roots;
use super::pace::Phase;
use crate::abi::heap::LARGEST_INLINE;
use crate::base::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

/// Full collections are in vain if less than this part of what may be used is free after one.
const HARDLY_FREE: u64 = 64;
/// In stress: every how many allocations a full collection comes.
const STRESS_FULL: u64 = 16;

impl Heap {
    /// Makes an object with zeroes in it; `length` is that of an array. Collects if it has to.
    ///
    /// The object is young and isn't anywhere: the caller puts it where roots are found before it allocates again.
    ///
    /// Errors: `Limit` if there is no room; `System` if the system refuses memory.
    pub fn allocate(&mut self, roots: &mut dyn Roots, type_number: u32, length: u32) -> Result<u32> {
        if self.options.stress {
            self.stress(roots)?;
        }
        let made = self.allocate_now(roots, type_number, length);
        self.must_grow = false;
        made
    }

    /// The same if there is room in the present hole: nothing is collected.
    #[inline]
    pub fn allocate_quickly(&mut self, type_number: u32, length: u32) -> Option<u32> {
        let (kind, size) = self.shapes.new_object(type_number, length)?;
        let at = self.vm.cursor.get();
        let end = u64::from(at) + size;
        // In stress there is never room before the limit.
        if size > u64::from(LARGEST_INLINE) || end > u64::from(self.vm.limit.get()) {
            return None;
        }
        self.space.fill(at, size as u32, 0);
        self.write_header(at, type_number, kind, length);
        self.vm.cursor.set(end as u32);
        Some(at)
    }

    fn allocate_now(&mut self, roots: &mut dyn Roots, type_number: u32, length: u32) -> Result<u32> {
        let mut tries = 0;
        loop {
            let error = match self.try_allocate(type_number, length) {
                Ok(object) => return Ok(object),
                Err(Shortage::Due) => {
                    self.relieve(roots)?;
                    // Once is enough, wherever the limits are.
                    self.must_grow = true;
                    continue;
                }
                Err(Shortage::Full) => Error::new(ErrorKind::Limit, "the heap is as large as it may be"),
                Err(Shortage::Refused(error)) if error.kind() == ErrorKind::System => error,
                Err(Shortage::Refused(error)) => return Err(error),
            };
            match tries {
                0 => {
                    self.collect(roots)?;
                    if self.is_hardly_free() {
                        return Err(error);
                    }
                }
                1 => {
                    self.is_scraping = true;
                    self.next_block = 0;
                }
                _ => return Err(error),
            }
            tries += 1;
        }
    }

    /// Whether so little is free that looking for it again and again would be all that happens.
    fn is_hardly_free(&self) -> bool {
        let most = self.options.most_bytes;
        most > HARDLY_FREE * u64::from(LARGEST_INLINE) && self.pace.old() > most - most / HARDLY_FREE
    }

    /// Collects what is due.
    fn relieve(&mut self, roots: &mut dyn Roots) -> Result<()> {
        let since = Instant::now();
        self.refresh()?;
        let is_overdue = self.pace.is_overdue(self.used_bytes());
        let survived = self.minor(roots);
        if self.phase == Phase::Idle && (is_overdue || self.pace.is_major_due()) {
            self.phase = Phase::Clear;
        }
        let bytes = self.pace.to_mark(survived);
        let until = if is_overdue { Until::End } else { Until::Bytes(bytes) };
        self.advance(roots, until);
        self.statistics.note_pause(since);
        Ok(())
    }

    /// Goes on with the major collection; answers whether it is through, or there was none.
    ///
    /// Requires: a minor collection was the last that happened.
    fn advance(&mut self, roots: &mut dyn Roots, until: Until) -> bool {
        if self.phase == Phase::Clear && self.clear(until) {
            self.begin_to_mark(roots);
        }
        if self.phase == Phase::Mark && self.mark(until) {
            self.finish_major();
        }
        self.phase == Phase::Idle
    }

    /// Collects for about as long as this; answers whether there would be more to do.
    ///
    /// Errors: `System`.
    pub fn step(&mut self, roots: &mut dyn Roots, budget: Duration) -> Result<bool> {
        let since = Instant::now();
        let until = Until::Time(since + budget);
        self.pace.note_step();
        self.refresh()?;
        let mut is_through = self.phase == Phase::Mark && self.mark(until);
        // A minor collection can't be interrupted. If nothing is left to mark, it has to be now.
        let has_time = Instant::now() + self.pace.minor_takes() < since + budget;
        if is_through || (has_time && self.pace.is_minor_worthwhile()) {
            self.minor(roots);
            if self.phase == Phase::Idle && self.pace.is_major_due() {
                self.phase = Phase::Clear;
            }
            is_through = self.advance(roots, until);
        } else if self.phase == Phase::Clear {
            self.clear(until);
        } else {
            is_through = self.phase == Phase::Idle;
        }
        if is_through {
            is_through = self.trim(until);
        }
        self.statistics.note_pause(since);
        Ok(!is_through)
    }

    /// Frees all that can't be reached.
    ///
    /// Errors: `System`.
    pub fn collect(&mut self, roots: &mut dyn Roots) -> Result<()> {
        let since = Instant::now();
        self.refresh()?;
        // What a major collection in progress has marked may be dead by now.
        self.phase = Phase::Idle;
        self.blocks.restart_clearing();
        self.minor(roots);
        self.phase = Phase::Clear;
        self.advance(roots, Until::End);
        self.trim(Until::End);
        self.statistics.note_pause(since);
        Ok(())
    }

    /// Collects something, other things at other times.
    #[cold]
    fn stress(&mut self, roots: &mut dyn Roots) -> Result<()> {
        if self.statistics.minor.is_multiple_of(STRESS_FULL) {
            return self.collect(roots);
        }
        self.refresh()?;
        self.minor(roots);
        if self.phase == Phase::Idle {
            self.phase = Phase::Clear;
        }
        self.advance(roots, Until::Bytes(1));
        Ok(())
    }
}
