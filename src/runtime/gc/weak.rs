//! References that don't keep their objects.
//!
//! Invariant: a slot that is in use holds an object that is there, or nothing.

use crate::abi::heap::{NULL, is_object};
use crate::base::{Result, memory};

/// The number of a weak reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeakSlot(u32);

/// All weak references of a heap.
#[derive(Debug, Default)]
pub struct Weak {
    slots: Vec<u32>,
    free: Vec<u32>,
}

impl Weak {
    /// A new one.
    ///
    /// Errors: `System`.
    pub fn add(&mut self, reference: u32) -> Result<WeakSlot> {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = reference;
            return Ok(WeakSlot(slot));
        }
        memory::reserve(&mut self.slots, 1)?;
        let room = self.slots.len() + 1 - self.free.len();
        memory::reserve(&mut self.free, room)?;
        self.slots.push(reference);
        Ok(WeakSlot(self.slots.len() as u32 - 1))
    }

    /// What it refers to, or null.
    pub fn get(&self, slot: WeakSlot) -> u32 {
        self.slots[slot.0 as usize]
    }

    /// Ends it.
    pub fn remove(&mut self, slot: WeakSlot) {
        self.slots[slot.0 as usize] = NULL;
        // There is room for all of them.
        self.free.push(slot.0);
    }

    /// Lets go of the objects that aren't there any more.
    pub fn retain(&mut self, mut is_there: impl FnMut(u32) -> bool) {
        for reference in self.slots.iter_mut().filter(|reference| is_object(**reference)) {
            if !is_there(*reference) {
                *reference = NULL;
            }
        }
    }
}
