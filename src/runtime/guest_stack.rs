//! Stacks that guest code runs on, and the pool that a store keeps them in.
//!
//! ```text
//! low          base                         high
//!  | guard ...  | usable, grows downward  <- |
//! ```
//!
//! Knows nothing of what runs on them. Invariant: compiled frames under 64 KiB aren't probed, so the guard is larger
//! than that, and an overflow always hits it. Read next: [`super::switch`].

use super::mapping::{Mapping, page_size, round_to_pages};
use crate::base::Result;
use std::cell::RefCell;

/// Bytes of the guard region.
pub const GUARD: usize = 256 << 10;
/// Stacks that a pool keeps for later; more are given back to the system.
const KEPT: usize = 16;

/// A leased guest stack, as addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestStack {
    /// The guard's first byte.
    pub low: usize,
    /// The first usable byte.
    pub base: usize,
    /// The byte after the last.
    pub high: usize,
    /// Its place in the pool.
    pub slot: usize,
}

/// The stacks of one store.
#[derive(Default)]
pub struct StackPool {
    slots: RefCell<Slots>,
}

#[derive(Default)]
struct Slots {
    mappings: Vec<Option<(Mapping, GuestStack)>>,
    /// Slots whose mapping waits to be leased again; the last used is the next.
    free: Vec<usize>,
    /// Slots without mapping.
    vacant: Vec<usize>,
}

impl StackPool {
    /// Leases a stack of at least this many usable bytes, rounded up to pages.
    #[inline]
    pub fn lease(&self, bytes: u64) -> Result<GuestStack> {
        let mut slots = self.slots.borrow_mut();
        while let Some(slot) = slots.free.pop() {
            // Kept stacks have another size after the limit was changed.
            if let Some((_, stack)) = &slots.mappings[slot]
                && (stack.high - stack.base) as u64 == bytes.max(1).next_multiple_of(page_size() as u64)
            {
                return Ok(*stack);
            }
            slots.unmap(slot);
        }
        slots.map(usize::try_from(bytes).unwrap_or(usize::MAX - GUARD))
    }

    /// Takes a stack back. What is on it stays readable until it is leased again or unmapped.
    #[inline]
    pub fn release(&self, slot: usize) {
        let mut slots = self.slots.borrow_mut();
        if slots.free.len() < KEPT {
            slots.free.push(slot);
        } else {
            slots.unmap(slot);
        }
    }

    /// Whether these are still the bounds of a mapped stack.
    pub fn is_mapped(&self, slot: usize, base: usize, high: usize) -> bool {
        let slots = self.slots.borrow();
        matches!(slots.mappings.get(slot), Some(Some((_, stack))) if stack.base == base && stack.high == high)
    }
}

impl Slots {
    fn map(&mut self, bytes: usize) -> Result<GuestStack> {
        let usable = round_to_pages(bytes.max(1))?;
        let mapping = Mapping::reserve(usable.saturating_add(GUARD))?;
        mapping.make_writable(GUARD, usable)?;
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.mappings.push(None);
            self.mappings.len() - 1
        });
        let low = mapping.base();
        let stack = GuestStack { low, base: low + GUARD, high: low + GUARD + usable, slot };
        self.mappings[slot] = Some((mapping, stack));
        Ok(stack)
    }

    fn unmap(&mut self, slot: usize) {
        self.mappings[slot] = None;
        self.vacant.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    #[test]
    fn stacks_are_reused_while_the_size_stays() {
        let pool = StackPool::default();
        let first = pool.lease(1 << 16).unwrap();
        let second = pool.lease(1 << 16).unwrap();
        assert_ne!(first.low, second.low);
        pool.release(first.slot);
        assert_eq!(pool.lease(1 << 16).unwrap(), first);
        pool.release(first.slot);
        let larger = pool.lease((1 << 16) + 1).unwrap();
        assert_eq!(larger.high - larger.base, (1 << 16) + page_size());
        assert!(pool.is_mapped(larger.slot, larger.base, larger.high));
        assert!(!pool.is_mapped(larger.slot, larger.base, larger.high + 8));
        assert!(!pool.is_mapped(99, larger.base, larger.high));
    }

    #[test]
    fn many_stacks_come_and_go() {
        let pool = StackPool::default();
        let stacks: Vec<_> = (0..3 * KEPT).map(|_| pool.lease(4096).unwrap()).collect();
        stacks.iter().for_each(|stack| pool.release(stack.slot));
        let mapped = |stack: &&GuestStack| pool.is_mapped(stack.slot, stack.base, stack.high);
        assert_eq!(stacks.iter().filter(mapped).count(), KEPT);
        for _ in 0..3 * KEPT {
            pool.lease(4096).unwrap();
        }
    }

    #[test]
    fn an_impossible_size_is_refused() {
        let pool = StackPool::default();
        for bytes in [u64::MAX, 1 << 62] {
            let kind = pool.lease(bytes).unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::System | ErrorKind::Limit), "{kind:?}");
        }
    }
}
