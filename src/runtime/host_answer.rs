//! What a host function means that gives no results: a failure, or something else.
//!
//! Knows nothing of functions or calls. Read next: [`super::host_func`], which finds it out, and [`super::call`], which acts on it.

use crate::base::{RawValue, Result};
use std::fs::File;
use std::ptr;
use std::sync::Arc;

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
    /// To be called again when its call is resumed, which is left until then; the store has the [`Wait`].
    Waits,
}

/// What a host function waits for that is called again when its call is resumed.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Files, one of which is to be ready.
    pub files: Vec<AwaitedFile>,
    /// A point of the monotonic clock that is to be reached, in nanoseconds.
    pub deadline: Option<u64>,
    /// Since when it has waited, on the same clock.
    pub begun: u64,
    /// How much of its work it has done already, as it counts.
    pub done: u32,
}

/// A file that is waited for. It stays open meanwhile.
#[derive(Clone, Debug)]
pub struct AwaitedFile {
    /// The file.
    pub file: Arc<File>,
    /// Whether it is to be writable, rather than readable.
    pub for_writing: bool,
}

/// How a host function is called again: its context, its caller's context, and its values.
pub type CallAgain = unsafe fn(*const (), *const u8, *mut RawValue) -> Result<()>;

/// What a call that has yielded waits for.
#[derive(Clone, Copy)]
pub struct Awaited {
    /// The number of the host function in its store.
    pub func: u64,
    /// The function's values, on the call's stack.
    pub values: *mut RawValue,
    /// What the function said.
    pub token: u64,
    /// The function's context and its caller's.
    pub contexts: [*const u8; 2],
    /// How it is called again when the call is resumed without having been given anything, if it wants that.
    pub again: Option<CallAgain>,
}

impl Awaited {
    /// Nothing yet.
    pub const NOTHING: Awaited =
        Awaited { func: 0, values: ptr::null_mut(), token: 0, contexts: [ptr::null(); 2], again: None };
}
