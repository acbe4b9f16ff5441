//! The host's values that guests can hold, by number.
//!
//! Knows nothing of stores. Invariants: a number is never used again; a value that may go is dropped once, and not while the list is
//! borrowed.

use crate::abi::references::MOST_HOST_VALUES;
use crate::base::{Result, error::bail, memory};
use std::any::Any;
use std::cell::RefCell;

/// The host's values of a store.
#[derive(Default)]
pub struct Externs {
    all: RefCell<Vec<Entry>>,
    /// Nobody refers to these any more.
    gone: RefCell<Vec<Box<dyn Any>>>,
}

struct Entry {
    /// The value, unless it has gone.
    data: Option<Box<dyn Any>>,
    /// Whether it stays as long as the store.
    is_permanent: bool,
}

impl Externs {
    /// Keeps one; answers its number.
    ///
    /// Errors: `Limit` if there were too many; `System`.
    pub fn add(&self, data: Box<dyn Any>, is_permanent: bool) -> Result<u32> {
        let mut all = self.all.borrow_mut();
        if all.len() > MOST_HOST_VALUES as usize {
            bail!(Limit, "a store has at most {MOST_HOST_VALUES} host values");
        }
        memory::reserve(&mut all, 1)?;
        // So that there is room for it when it goes.
        memory::reserve(&mut self.gone.borrow_mut(), all.len() + 1)?;
        all.push(Entry { data: Some(data), is_permanent });
        Ok(all.len() as u32 - 1)
    }

    /// How many there have been.
    pub fn count(&self) -> u32 {
        self.all.borrow().len() as u32
    }

    /// Whether there is one of this number.
    pub fn is_there(&self, number: u64) -> bool {
        self.all.borrow().get(number as usize).is_some_and(|entry| entry.data.is_some())
    }

    /// Whether it stays as long as the store.
    pub fn is_permanent(&self, number: u32) -> bool {
        self.all.borrow().get(number as usize).is_some_and(|entry| entry.is_permanent)
    }

    /// Looks at the value of this number, if there is one.
    pub fn with<R>(&self, number: u64, look: impl FnOnce(&dyn Any) -> R) -> Option<R> {
        self.all.borrow().get(number as usize)?.data.as_deref().map(look)
    }

    /// Takes those away that aren't permanent and that `has_met` doesn't know. They are dropped by [`Externs::finalize`].
    pub fn sweep(&self, has_met: impl Fn(u32) -> bool) {
        let mut gone = self.gone.borrow_mut();
        for (number, entry) in (0..).zip(self.all.borrow_mut().iter_mut()) {
            if !entry.is_permanent && !has_met(number) {
                gone.extend(entry.data.take());
            }
        }
    }

    /// Drops what has gone.
    pub fn finalize(&self) {
        loop {
            // Borrowed for no longer: what is dropped is the host's.
            let next = self.gone.borrow_mut().pop();
            let Some(data) = next else { break };
            drop(data);
        }
    }
}
