//! The objects that the host has references to, each with a number of its own as long as that is so.
//!
//! A number is good until the *scope* in which it was handed out is closed, and for as long as it is *kept*; both can be. Numbers aren't
//! used again, so one that is out of date is known. Knows nothing of stores. Invariant: an object has one number at a time.

use crate::base::{Error, ErrorKind, Result, memory};
use std::collections::HashMap;

/// Numbers that one slot has had at most.
const MOST_GENERATIONS: u32 = 1 << 29;

/// What the host has references to.
#[derive(Default)]
pub struct HostRoots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_object: HashMap<u32, u32>,
    /// Slots that are good in the scopes that are open; those of the innermost last.
    scoped: Vec<u32>,
}

struct Slot {
    /// The object, or 0.
    object: u32,
    generation: u32,
    /// How often it is kept.
    kept: u32,
    is_scoped: bool,
}

impl HostRoots {
    /// The number of an object, good in the innermost scope at least.
    ///
    /// Errors: `System`; `Limit` if there are too many.
    pub fn add(&mut self, object: u32) -> Result<u64> {
        // Every slot may be in the scopes, and may be given back.
        let most = self.slots.len() + 1;
        memory::reserve(&mut self.scoped, most)?;
        memory::reserve(&mut self.free, most)?;
        if let Some(place) = self.by_object.get(&object) {
            let slot = &mut self.slots[*place as usize];
            if !slot.is_scoped {
                slot.is_scoped = true;
                self.scoped.push(*place);
            }
            return Ok(number(*place, slot.generation));
        }
        memory::ask_for_several()?;
        self.by_object.try_reserve(1).map_err(|_| Error::new(ErrorKind::System, "no memory for a reference"))?;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                memory::reserve(&mut self.slots, 1)?;
                let place = u32::try_from(self.slots.len())
                    .map_err(|_| Error::new(ErrorKind::Limit, "the host has too many references"))?;
                self.slots.push(Slot { object: 0, generation: 0, kept: 0, is_scoped: false });
                place
            }
        };
        let slot = &mut self.slots[place as usize];
        (slot.object, slot.is_scoped) = (object, true);
        self.by_object.insert(object, place);
        self.scoped.push(place);
        Ok(number(place, slot.generation))
    }

    /// The object of a number, unless that is out of date.
    pub fn get(&self, number: u64) -> Option<u32> {
        let (place, generation) = (number as u32, (number >> 32) as u32);
        let slot = self.slots.get(place as usize)?;
        (slot.generation == generation && slot.object != 0).then_some(slot.object)
    }

    /// Keeps a number good, until it is released as often; whether it is good.
    pub fn keep(&mut self, number: u64) -> bool {
        let is_good = self.get(number).is_some();
        if is_good {
            self.slots[number as u32 as usize].kept += 1;
        }
        is_good
    }

    /// Undoes one [`HostRoots::keep`]; whether there was one.
    pub fn release(&mut self, number: u64) -> bool {
        let place = number as u32;
        let is_kept = self.get(number).is_some() && self.slots[place as usize].kept > 0;
        if is_kept {
            self.slots[place as usize].kept -= 1;
            self.free_unused(place);
        }
        is_kept
    }

    /// What a scope is told by that is opened now.
    pub fn scope(&self) -> usize {
        self.scoped.len()
    }

    /// Closes a scope, and all that were opened in it.
    pub fn close(&mut self, scope: usize) {
        while self.scoped.len() > scope {
            let place = self.scoped.pop().expect("there are more");
            self.slots[place as usize].is_scoped = false;
            self.free_unused(place);
        }
    }

    fn free_unused(&mut self, place: u32) {
        let slot = &mut self.slots[place as usize];
        if slot.kept > 0 || slot.is_scoped {
            return;
        }
        self.by_object.remove(&slot.object);
        slot.object = 0;
        slot.generation += 1;
        if slot.generation < MOST_GENERATIONS {
            self.free.push(place);
        }
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.by_object.len()
    }

    /// Calls `found` with each object.
    pub fn each(&self, found: impl FnMut(u32)) {
        self.by_object.keys().copied().for_each(found);
    }
}

fn number(place: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_good_in_their_scope_and_while_they_are_kept() {
        let mut roots = HostRoots::default();
        let outer = roots.add(8).unwrap();
        let scope = roots.scope();
        let inner = roots.add(16).unwrap();
        assert_eq!(roots.add(8).unwrap(), outer);
        assert_eq!((roots.get(outer), roots.get(inner)), (Some(8), Some(16)));
        assert!(roots.keep(inner));
        roots.close(scope);
        assert_eq!((roots.get(outer), roots.get(inner), roots.count()), (Some(8), Some(16), 2));
        assert!(roots.release(inner) && !roots.release(inner) && !roots.release(outer));
        assert_eq!(roots.get(inner), None);
        // The slot is used again, its number isn't.
        let other = roots.add(24).unwrap();
        assert_ne!(other, inner);
        assert_eq!((roots.get(inner), roots.get(other)), (None, Some(24)));
        roots.close(0);
        assert_eq!((roots.count(), roots.get(outer), roots.keep(outer)), (0, None, false));
    }
}
