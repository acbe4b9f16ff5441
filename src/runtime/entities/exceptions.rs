//! Exceptions that somebody holds a reference to.
//!
//! One that is caught without a reference never gets here: what it carries goes from frame to frame. Knows nothing of stores.
//! Invariant: an exception stays as long as the list. Read next: [`super::super::exception`].

use crate::base::{RawValue, Result, error::bail, memory};
use std::cell::RefCell;

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    /// The number of its tag in the store.
    pub tag: u64,
    /// What it carries.
    pub values: Box<[RawValue]>,
}

/// The exceptions of a store, by number. A reference is the number plus one, or 0 for null.
#[derive(Debug, Default)]
pub struct Exceptions {
    all: RefCell<Vec<Exception>>,
}

impl Exceptions {
    /// Keeps one; answers the reference.
    ///
    /// Errors: `Limit` if there are so many already; `System`.
    pub fn add(&self, tag: u64, values: &[RawValue], most: u64) -> Result<u64> {
        let mut all = self.all.borrow_mut();
        if all.len() as u64 >= most {
            bail!(Limit, "the store's limit of {most} exceptions is reached");
        }
        let mut copied = Vec::new();
        memory::reserve(&mut copied, values.len())?;
        copied.extend_from_slice(values);
        memory::reserve(&mut all, 1)?;
        all.push(Exception { tag, values: copied.into() });
        Ok(all.len() as u64)
    }

    /// Whether these bits are a reference, or null.
    pub fn is_good(&self, reference: u64) -> bool {
        reference <= self.all.borrow().len() as u64
    }

    /// Calls `found` with each word of what they carry.
    pub fn each_word(&self, mut found: impl FnMut(u64)) {
        for exception in self.all.borrow().iter() {
            exception.values.iter().for_each(|value| found(value.lo));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.all.borrow().len() as u64
    }

    /// Looks at the exception of a reference, which mustn't be null.
    pub fn with<R>(&self, reference: u64, look: impl FnOnce(&Exception) -> R) -> Option<R> {
        let place = reference.checked_sub(1)?;
        self.all.borrow().get(place as usize).map(look)
    }
}
