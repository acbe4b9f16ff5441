//! What a host function means that gives no results: a failure, or something else.
//!
//! Knows nothing of functions or calls. Read next: [`super::host_func`], which finds it out, and [`super::call`], which acts on it.

use crate::base::RawValue;
use std::ptr;

/// What a host function means that gives an error.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum HostAnswer {
    /// The error.
    #[default]
    Failed,
    /// To be called again when the guest runs on.
    Again,
    /// That its results come later.
    Yields(u64),
}

/// What a call that has yielded waits for.
#[derive(Clone, Copy)]
pub struct Awaited {
    /// The number of the host function in its store.
    pub func: u64,
    /// The function's values, on the call's stack.
    pub values: *mut RawValue,
    /// What the function said.
    pub token: u64,
}

impl Awaited {
    /// Nothing yet.
    pub const NOTHING: Awaited = Awaited { func: 0, values: ptr::null_mut(), token: 0 };
}
