//! The objects that the host has references to, each with a number of its own as long as that is so.
//!
//! A number is good until the *scope* in which it was handed out is closed, and for as long as it is *kept*; both can be. Numbers aren't
//! used again, so one that is out of date is known. Knows nothing of stores. Invariant: an object has one number at a time.
//! Numbers of different kinds aren't taken for each other.

use crate::base::{Error, ErrorKind, Result, memory};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

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
    /// Slots that are kept as long as somebody else has something.
    lent: Vec<(Weak<()>, u32)>,
    /// How many of these there are when it is looked next which have ended.
    lent_next: usize,
}

/// What a number is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RootKind {
    /// A structure or an array.
    Object,
    /// An exception.
    Exception,
    /// A value of the host's, whose own number is another one.
    Host,
}

struct Slot {
    /// The object, or 0.
    object: u32,
    kind: RootKind,
    generation: u32,
    /// How often it is kept by the host.
    kept: u64,
    /// How often for others.
    lent: u64,
    is_scoped: bool,
}

impl HostRoots {
    /// The number of an object, good in the innermost scope at least.
    ///
    /// Errors: `System`; `Limit` if there are too many.
    pub fn add(&mut self, object: u32, kind: RootKind) -> Result<u64> {
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
                self.slots.push(Slot { object: 0, kind, generation: 0, kept: 0, lent: 0, is_scoped: false });
                place
            }
        };
        let slot = &mut self.slots[place as usize];
        (slot.object, slot.kind, slot.is_scoped) = (object, kind, true);
        self.by_object.insert(object, place);
        self.scoped.push(place);
        Ok(number(place, slot.generation))
    }

    /// The object of a number of this kind, unless that is out of date.
    pub fn get(&self, number: u64, kind: RootKind) -> Option<u32> {
        let (place, generation) = (number as u32, (number >> 32) as u32);
        let slot = self.slots.get(place as usize)?;
        (slot.generation == generation && slot.object != 0 && slot.kind == kind).then_some(slot.object)
    }

    /// Keeps an object's number good, until it is released as often; whether it has one.
    pub fn keep(&mut self, object: u32) -> bool {
        let place = self.by_object.get(&object);
        place.map(|place| self.slots[*place as usize].kept += 1).is_some()
    }

    /// Undoes one [`HostRoots::keep`]; whether there was one.
    pub fn release(&mut self, object: u32) -> bool {
        let Some(place) = self.by_object.get(&object).copied() else { return false };
        let is_kept = self.slots[place as usize].kept > 0;
        if is_kept {
            self.slots[place as usize].kept -= 1;
            self.free_unused(place);
        }
        is_kept
    }

    /// Keeps an object's number good, if it has one, as long as somebody has this.
    ///
    /// Errors: `System`.
    pub fn keep_while(&mut self, object: u32, owner: &Arc<()>) -> Result<()> {
        memory::reserve(&mut self.lent, 1)?;
        if self.lent.len() >= self.lent_next {
            self.release_ended();
            self.lent_next = 2 * self.lent.len() + 16;
        }
        if let Some(place) = self.by_object.get(&object) {
            self.slots[*place as usize].lent += 1;
            self.lent.push((Arc::downgrade(owner), *place));
        }
        Ok(())
    }

    /// Releases what was kept for owners that have gone.
    pub fn release_ended(&mut self) {
        let mut lent = std::mem::take(&mut self.lent);
        lent.retain(|(owner, place)| {
            let is_owned = owner.strong_count() > 0;
            if !is_owned {
                self.slots[*place as usize].lent -= 1;
                self.free_unused(*place);
            }
            is_owned
        });
        self.lent = lent;
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
        if slot.kept > 0 || slot.lent > 0 || slot.is_scoped {
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
        let get = |roots: &HostRoots, number| roots.get(number, RootKind::Object);
        let outer = roots.add(8, RootKind::Object).unwrap();
        let scope = roots.scope();
        let inner = roots.add(16, RootKind::Object).unwrap();
        assert_eq!(roots.add(8, RootKind::Object).unwrap(), outer);
        assert_eq!((get(&roots, outer), get(&roots, inner)), (Some(8), Some(16)));
        assert!(roots.keep(16));
        roots.close(scope);
        assert_eq!((get(&roots, outer), get(&roots, inner), roots.count()), (Some(8), Some(16), 2));
        assert!(roots.release(16) && !roots.release(16) && !roots.release(8));
        assert_eq!(get(&roots, inner), None);
        // The slot is used again, its number isn't.
        let other = roots.add(24, RootKind::Exception).unwrap();
        assert_ne!(other, inner);
        assert_eq!((get(&roots, inner), get(&roots, other)), (None, None));
        assert_eq!(roots.get(other, RootKind::Exception), Some(24));
        roots.close(0);
        assert_eq!((roots.count(), get(&roots, outer), roots.keep(8)), (0, None, false));
    }

    #[test]
    fn numbers_are_kept_for_owners() {
        let mut roots = HostRoots::default();
        let owners: Vec<_> = (0..100).map(|_| Arc::new(())).collect();
        let number = roots.add(8, RootKind::Object).unwrap();
        for owner in &owners {
            roots.keep_while(8, owner).unwrap();
            // It has no number.
            roots.keep_while(16, owner).unwrap();
        }
        roots.close(0);
        assert_eq!(roots.get(number, RootKind::Object), Some(8));
        drop(owners);
        roots.release_ended();
        assert_eq!((roots.get(number, RootKind::Object), roots.count()), (None, 0));
        // Without anybody asking, too.
        for _ in 0..1000 {
            roots.add(8, RootKind::Object).unwrap();
            roots.keep_while(8, &Arc::new(())).unwrap();
            roots.close(0);
        }
        assert!(roots.lent.len() < 100);
    }
}
