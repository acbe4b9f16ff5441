//! Driving calls: one loop runs the guest, looks at why it came out, raises events and goes on or pauses.

use super::{Debuggee, Event, Frame};
use crate::base::{Error, Func, Instance, RawValue, Result, Value};
use crate::runtime::{Call, Extern, Linker, Module};

/// How to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Until the next event.
    Continue,
    /// By one operator.
    Step,
}

/// Where a resumable call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum CallState {
    /// Begun, but not yet run.
    Ready = 1,
    /// Running, which only a host function or event handler inside it can see.
    Running = 2,
    /// At an event; it can be resumed.
    Paused = 3,
    /// Returned; it has results.
    Finished = 4,
    /// Trapped; it has an error, and its frames can be looked at until it is dropped.
    Trapped = 5,
}

/// A resumable call. Dropping one that is unfinished drops its guest stack.
///
/// The general flow is: [`Debuggee::call_begin`], [`DebugCall::resume`] until it is finished or trapped, looking at
/// [`DebugCall::event`] and frames in between, then [`DebugCall::results`] or [`DebugCall::error`].
pub struct DebugCall {
    call: Call,
}

impl DebugCall {
    /// The call's number in its store.
    pub fn id(&self) -> u64 {
        self.call.id()
    }

    /// The function that was called.
    pub fn func(&self) -> Func {
        self.call.func()
    }

    /// Where it stands.
    pub fn state(&self) -> CallState {
        todo!()
    }

    /// Runs it until it finishes, traps or pauses; never answers `Ready` or `Running`.
    ///
    /// Requires: ready or paused, else `InvalidState`. `WrongStore` if it was begun on another store. `DebugDisabled`
    /// for [`Resume::Step`] without debugging. An error that comes from this call itself (a trap, a failing host
    /// function) isn't returned here; it is [`DebugCall::error`].
    pub fn resume(&self, debuggee: &Debuggee, how: Resume) -> Result<CallState> {
        let _ = (debuggee, how);
        todo!()
    }

    /// What it paused at or trapped by; `None` in the other states.
    pub fn event(&self) -> Option<Event> {
        todo!()
    }

    /// The results. Requires: finished, else `InvalidState`.
    pub fn results(&self, debuggee: &Debuggee) -> Result<Vec<Value>> {
        let _ = debuggee;
        todo!()
    }

    /// The error it ended with; `None` unless trapped.
    pub fn error(&self) -> Option<Error> {
        todo!()
    }

    /// Its innermost frame while it is paused or trapped; `None` in the other states and if it has none.
    pub fn frame(&self, debuggee: &Debuggee) -> Result<Option<Frame>> {
        let _ = debuggee;
        todo!()
    }
}

/// Running the guest; all of it works without debugging too.
impl Debuggee {
    /// Instantiates a module and runs its start function.
    pub fn instantiate(&self, module: &Module, imports: &[Extern]) -> Result<Instance> {
        let _ = (module, imports);
        todo!()
    }

    /// Instantiates a module with imports from `linker` and runs its start function.
    pub fn link(&self, linker: &Linker, module: &Module) -> Result<Instance> {
        let _ = (linker, module);
        todo!()
    }

    /// Calls a function and runs it to its end.
    pub fn call(&self, func: Func, args: &[Value]) -> Result<Vec<Value>> {
        let _ = (func, args);
        todo!()
    }

    /// Calls a function with untagged values: arguments in, results out, as many as the longer of the two.
    pub fn call_raw(&self, func: Func, values: &mut [RawValue]) -> Result<()> {
        let _ = (func, values);
        todo!()
    }

    /// Begins a resumable call; nothing runs yet.
    pub fn call_begin(&self, func: Func, args: &[Value]) -> Result<DebugCall> {
        let _ = (func, args);
        todo!()
    }
}
