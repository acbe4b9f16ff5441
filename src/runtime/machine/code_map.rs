//! Which code is where: a store's own sorted map from addresses to pieces of code.
//!
//! Knows nothing of how code got there, nor what it was made from. Invariant: it doesn't change while guest code runs, so
//! the trap handler reads it without a lock. Read next: [`super::traps`].

use crate::base::{BlobId, CodeOffset, NativePc, TrapCode};
use std::ops::Range;
use std::sync::Arc;

/// What the machine asks of a piece of code.
pub trait CodeTables {
    /// What a fault at exactly this instruction means, if it is one that is known to trap.
    fn trap_at(&self, offset: CodeOffset) -> Option<TrapCode>;

    /// Whether this is the first instruction of a function, or of another piece of code that has no frame yet there.
    fn is_entry(&self, offset: CodeOffset) -> bool;
}

impl<T: CodeTables> CodeTables for Arc<T> {
    fn trap_at(&self, offset: CodeOffset) -> Option<TrapCode> {
        T::trap_at(self, offset)
    }

    fn is_entry(&self, offset: CodeOffset) -> bool {
        T::is_entry(self, offset)
    }
}

/// Sorted ranges of code.
#[derive(Default)]
pub struct CodeMap {
    regions: Vec<Region>,
}

struct Region {
    range: Range<usize>,
    /// The blob that is mapped there; none for trampolines.
    blob: Option<BlobId>,
    tables: Box<dyn CodeTables>,
}

impl CodeMap {
    /// Adds code; false if it is there already, or empty. Whoever adds it keeps it mapped as long as the map.
    pub fn add(&mut self, range: Range<usize>, blob: Option<BlobId>, tables: impl CodeTables + 'static) -> bool {
        if range.is_empty() || self.find(range.start).is_some() {
            return false;
        }
        let place = self.regions.partition_point(|region| region.range.start < range.start);
        self.regions.insert(place, Region { range, blob, tables: Box::new(tables) });
        true
    }

    /// Takes away the code that begins there.
    pub fn remove(&mut self, start: usize) {
        self.regions.retain(|region| region.range.start != start);
    }

    fn find(&self, pc: usize) -> Option<&Region> {
        let after = self.regions.partition_point(|region| region.range.start <= pc);
        let region = &self.regions[after.checked_sub(1)?];
        region.range.contains(&pc).then_some(region)
    }

    /// What a fault at this instruction means, if it is one that is known to trap.
    pub fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        let region = self.find(pc)?;
        region.tables.trap_at(CodeOffset((pc - region.range.start) as u32))
    }

    /// The blob whose code is at `pc`, or none for trampolines.
    #[inline]
    pub fn code_at(&self, pc: NativePc) -> Option<Option<BlobId>> {
        Some(self.find(pc.0)?.blob)
    }

    /// Whether `pc` is the first instruction of a function, where the caller's frame is still the newest.
    pub fn is_entry(&self, pc: usize) -> bool {
        let region = self.find(pc);
        region.is_some_and(|region| region.tables.is_entry(CodeOffset((pc - region.range.start) as u32)))
    }
}
