//! That guests have grown memories, for whoever drives their calls.
//!
//! Knows no store. Read next: [`super::memory`].

use crate::base::{Memory, memory};
use std::cell::{Cell, RefCell};

/// That a memory has grown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Growth {
    /// Which.
    pub memory: Memory,
    /// Its pages before.
    pub old_pages: u64,
    /// Its pages after.
    pub new_pages: u64,
}

/// What guests have grown, if anybody wants to know.
#[derive(Default)]
pub struct Growths {
    are_noted: Cell<bool>,
    noted: RefCell<Vec<Growth>>,
}

impl Growths {
    /// Notes a growth, if growths are noted; answers whether this one was.
    pub fn note(&self, growth: Growth) -> bool {
        if !self.are_noted.get() {
            return false;
        }
        let mut noted = self.noted.borrow_mut();
        if let Err(error) = memory::reserve(&mut noted, 1) {
            log::warn!("nobody is told that a memory has grown: {error}");
            return false;
        }
        noted.push(growth);
        true
    }

    /// Says whether growths are noted; what was noted before is forgotten.
    pub fn begin(&self, are_noted: bool) {
        self.are_noted.set(are_noted);
        self.noted.borrow_mut().clear();
    }

    /// Whether any is noted.
    pub fn any(&self) -> bool {
        !self.noted.borrow().is_empty()
    }

    /// Takes the first that is noted.
    pub fn take(&self) -> Option<Growth> {
        let mut noted = self.noted.borrow_mut();
        (!noted.is_empty()).then(|| noted.remove(0))
    }
}
