//! Globals.
//!
//! A global is a 16-byte cell: inside its instance's context, or in a box of the host's. Knows nothing of stores. Read
//! next: [`super::super::global`] for what a store does with them.

use crate::base::{GlobalType, RawValue};
use std::cell::UnsafeCell;
use std::rc::Rc;

/// A global of a store.
#[derive(Clone)]
pub struct GlobalEntry {
    /// Its type.
    pub ty: GlobalType,
    /// Its value; valid as long as the store.
    pub cell: *mut RawValue,
    /// What holds the value of a global that the host made.
    _own: Option<Rc<UnsafeCell<RawValue>>>,
}

impl GlobalEntry {
    /// A global in an instance's context.
    pub fn in_context(ty: GlobalType, cell: *mut RawValue) -> GlobalEntry {
        GlobalEntry { ty, cell, _own: None }
    }

    /// A global of the host's.
    pub fn of_host(ty: GlobalType, value: RawValue) -> GlobalEntry {
        let own = Rc::new(UnsafeCell::new(value));
        GlobalEntry { ty, cell: own.get(), _own: Some(own) }
    }
}
