//! References to objects that the library itself keeps for a while: arguments of calls that haven't begun, values that are going to be
//! written into frames, exceptions on their way.
//!
//! Knows nothing of stores. Invariant: what is held is there for the collector until its [`Hold`] is dropped, which may be after the
//! store.

use crate::base::{Result, memory};
use std::cell::RefCell;
use std::rc::Rc;

/// What is held of one store.
#[derive(Default)]
pub struct Holds(Rc<RefCell<Held>>);

#[derive(Default)]
struct Held {
    /// By place; 0 where nothing is held.
    references: Vec<u32>,
    free: Vec<usize>,
}

/// A reference that is held as long as this is there.
pub struct Hold {
    list: Rc<RefCell<Held>>,
    place: usize,
}

impl Holds {
    /// Holds a reference.
    ///
    /// Errors: `System`.
    pub fn hold(&self, reference: u32) -> Result<Hold> {
        let mut held = self.0.borrow_mut();
        // For the place, and for giving it back.
        memory::reserve(&mut held.references, 1)?;
        let count = held.references.len() + 1;
        memory::reserve(&mut held.free, count)?;
        let place = match held.free.pop() {
            Some(place) => {
                held.references[place] = reference;
                place
            }
            None => {
                held.references.push(reference);
                held.references.len() - 1
            }
        };
        Ok(Hold { list: self.0.clone(), place })
    }

    /// Calls `found` with each reference that is held.
    pub fn each(&self, found: impl FnMut(u32)) {
        self.0.borrow().references.iter().copied().filter(|reference| *reference != 0).for_each(found);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.list.borrow_mut();
        held.references[self.place] = 0;
        held.free.push(self.place);
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hold").field(&self.place).finish()
    }
}
