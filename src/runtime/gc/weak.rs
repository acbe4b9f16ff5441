//! References that don't keep their objects.
//!
//! Invariant: a slot that is in use holds an object that is there, or nothing.

use crate::abi::heap::{NULL, is_object};
use crate::base::{Result, memory};

/// The number of a weak reference; never used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeakSlot(pub u64);

/// All weak references of a heap.
#[derive(Debug, Default)]
pub struct Weak {
    /// What each refers to, and how often the slot was used before.
    slots: Vec<(u32, u32)>,
    free: Vec<u32>,
}

impl Weak {
    /// A new one.
    ///
    /// Errors: `System`.
    pub fn add(&mut self, reference: u32) -> Result<WeakSlot> {
        if let Some(slot) = self.free.pop() {
            let (place, generation) = &mut self.slots[slot as usize];
            *place = reference;
            return Ok(number(slot, *generation));
        }
        memory::reserve(&mut self.slots, 1)?;
        let room = self.slots.len() + 1 - self.free.len();
        memory::reserve(&mut self.free, room)?;
        self.slots.push((reference, 0));
        Ok(number(self.slots.len() as u32 - 1, 0))
    }

    /// What it refers to, or null; nothing if it has ended.
    pub fn get(&self, weak: WeakSlot) -> Option<u32> {
        let (reference, generation) = self.slots.get(weak.0 as u32 as usize)?;
        (*generation == (weak.0 >> 32) as u32).then_some(*reference)
    }

    /// Ends it; whether it hadn't ended before.
    pub fn remove(&mut self, weak: WeakSlot) -> bool {
        if self.get(weak).is_none() {
            return false;
        }
        let slot = weak.0 as u32;
        let (reference, generation) = &mut self.slots[slot as usize];
        *reference = NULL;
        *generation = generation.wrapping_add(1);
        // There is room for all of them. One whose numbers are used up isn't used any more.
        if *generation != u32::MAX {
            self.free.push(slot);
        }
        true
    }

    /// Lets go of the objects that aren't there any more.
    pub fn retain(&mut self, mut is_there: impl FnMut(u32) -> bool) {
        for (reference, _) in self.slots.iter_mut().filter(|(reference, _)| is_object(*reference)) {
            if !is_there(*reference) {
                *reference = NULL;
            }
        }
    }
}

fn number(slot: u32, generation: u32) -> WeakSlot {
    WeakSlot(u64::from(generation) << 32 | u64::from(slot))
}
