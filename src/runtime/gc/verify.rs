//! Whether a heap is as it should be. Slow: for tests and stress.

use super::blocks::{BLOCK, BLOCK_LOG2, Kind, LINE, LINE_LOG2, LINES};
use super::heap::{Heap, LARGEST_SMALL};
use super::minor::IS_PAIR;
use crate::abi::heap::{flags, is_object, object};
use std::collections::HashSet;

/// What is wrong.
type Wrong = String;

impl Heap {
    /// Looks through everything.
    ///
    /// Errors: what is wrong first.
    pub fn verify(&mut self) -> Result<(), Wrong> {
        self.refresh().map_err(|error| error.to_string())?;
        let logged: HashSet<u32> = self.log.iter().copied().collect();
        let mut at = 0;
        let mut end = 0;
        while let Some(old) = self.next_start(at, false) {
            if old < end {
                return Err(format!("{old:#x} begins inside another object"));
            }
            end = old + self.verify_old(old, &logged)?;
            at = old + object::ALIGNMENT;
        }
        let mut young = Vec::new();
        self.each_young(|object| young.push(object));
        for object in young {
            self.verify_young(object)?;
        }
        self.verify_blocks()
    }

    fn verify_header(&self, object: u32) -> Result<(), Wrong> {
        let type_number = self.type_of(object);
        let known = self.shapes.new_object(type_number, 0).map(|(kind, _)| kind);
        if known != Some(self.kind_of(object)) {
            return Err(format!("{object:#x} has type {type_number} and kind {}", self.kind_of(object)));
        }
        Ok(())
    }

    /// Looks at an old object; answers its bytes.
    fn verify_old(&self, old: u32, logged: &HashSet<u32>) -> Result<u32, Wrong> {
        self.verify_header(old)?;
        let extent = self.shapes.extent(&self.space, old);
        let word = self.space.read(old + object::FLAGS as u32);
        if word & !(flags::KIND | flags::UNLOGGED) != 0 {
            return Err(format!("{old:#x} has flags {word:#x}"));
        }
        let is_in_log = word & flags::UNLOGGED == 0;
        if is_in_log != logged.contains(&old) && !self.log_is_incomplete {
            return Err(format!("{old:#x} says it is in the log: {is_in_log}"));
        }
        if extent.size <= LARGEST_SMALL {
            for line in (old & !(LINE - 1)..old + extent.size).step_by(LINE as usize) {
                let number = (line & (BLOCK - 1)) >> LINE_LOG2;
                let free = self.blocks.free_run(line, number);
                if self.blocks.kind(line) != Kind::Small || free.is_some_and(|(from, _)| from == number) {
                    return Err(format!("{old:#x} is in a line that is free, {line:#x}"));
                }
            }
        } else if self.blocks.kind(old) != Kind::Large || extent.size > self.blocks.run(old) << BLOCK_LOG2 {
            return Err(format!("{old:#x} is large and not in blocks of its own"));
        }
        let mut wrong = None;
        extent.references.each(old, |at| {
            let reference = self.space.read(at);
            if !is_object(reference) {
                return;
            }
            let pair = (at & !7) | IS_PAIR;
            let is_remembered = is_in_log || self.log_is_incomplete || logged.contains(&pair);
            if self.object_at(reference).is_none() {
                wrong = Some(format!("{old:#x} refers to {reference:#x}, where no object is"));
            } else if !self.blocks.is_old(reference) && !is_remembered {
                wrong = Some(format!("{old:#x} refers to a young object, {reference:#x}, and nobody knows"));
            }
        });
        wrong.map_or(Ok(extent.size), Err)
    }

    fn verify_young(&self, young: u32) -> Result<(), Wrong> {
        self.verify_header(young)?;
        if self.blocks.is_old(young) || self.space.read(young + object::FLAGS as u32) != self.kind_of(young) {
            return Err(format!("{young:#x} is young and old"));
        }
        let mut wrong = None;
        self.shapes.extent(&self.space, young).references.each(young, |at| {
            let reference = self.space.read(at);
            if is_object(reference) && self.object_at(reference).is_none() {
                wrong = Some(format!("{young:#x} refers to {reference:#x}, where no object is"));
            }
        });
        wrong.map_or(Ok(()), Err)
    }

    fn verify_blocks(&self) -> Result<(), Wrong> {
        let (mut small, mut free, mut large) = (0, 0, 0);
        for number in 0..self.blocks.count() {
            let block = number << BLOCK_LOG2;
            match self.blocks.kind(block) {
                Kind::Small => {
                    small += 1;
                    self.verify_lines(block)?;
                }
                Kind::Free => free += 1,
                Kind::Large => large += u64::from(self.blocks.run(block)) << BLOCK_LOG2,
                Kind::None | Kind::Rest => {}
            }
        }
        let counted = (self.blocks.small(), self.blocks.free(), self.large_bytes);
        if counted != (small, free, large) {
            return Err(format!("{counted:?} is counted, but there is {:?}", (small, free, large)));
        }
        Ok(())
    }

    /// Each occupied line has something of an object in it. Holes that were kept may occupy more.
    fn verify_lines(&self, block: u32) -> Result<(), Wrong> {
        if self.parked_before != 0 {
            return Ok(());
        }
        let mut line = 0;
        while line < LINES {
            let (free_from, free_to) = self.blocks.free_run(block, line).unwrap_or((LINES, LINES));
            for occupied in line..free_from {
                let at = block + (occupied << LINE_LOG2);
                let has_start = self.next_start(at, false).is_some_and(|start| start < at + LINE);
                if !has_start && self.old_around(at).is_none() {
                    return Err(format!("nothing is in the occupied line {at:#x}"));
                }
            }
            line = free_to;
        }
        Ok(())
    }
}
