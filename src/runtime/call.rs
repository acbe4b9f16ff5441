//! Calls: guest code running on a stack of its own, entered and left by one run loop.

use super::{Activation, Store};
use crate::base::{Error, Func, NativePc, RawValue, Result, TrapCode, Value, error::MemoryFault};

/// What a call is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallState {
    /// Nothing ran yet.
    Ready,
    /// Guest code of it is running, or waits for a host function.
    Running,
    /// It is at a stop point and can go on.
    Suspended,
    /// It has results.
    Finished,
    /// It ended in a trap; its frames can be read until the call is dropped.
    Trapped,
}

/// Why guest code was left.
#[derive(Clone, Copy, Debug)]
pub enum Exit {
    /// The function returned.
    Finished,
    /// It trapped.
    Trapped(TrapInfo),
    /// An armed stop point was reached.
    Stopped(Stopped),
}

/// A trap, and where.
#[derive(Clone, Copy, Debug)]
pub struct TrapInfo {
    /// The reason.
    pub code: TrapCode,
    /// The access that failed, for faults in a memory.
    pub fault: Option<MemoryFault>,
    /// The newest frame's place: the trapping instruction, or the address that a call returns to which couldn't be
    /// made. 0 if no guest code ran.
    pub pc: NativePc,
    /// The newest frame's frame pointer; 0 if no guest code ran.
    pub fp: usize,
}

/// Where a call stopped.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// The address after the armed stop point.
    pub pc: NativePc,
    /// The frame pointer of the stopped frame.
    pub fp: usize,
}

/// A call of a function. Dropping a suspended call drops its guest frames.
pub struct Call {
    _private: *mut u8,
}

impl Call {
    /// A call with tagged arguments, checked for number, types and stores. Nothing runs yet.
    pub fn new(_store: &Store, _func: Func, _args: &[Value]) -> Result<Call> {
        todo!()
    }

    /// A call with raw values, as long as the longer of parameters and results.
    pub fn new_raw(_store: &Store, _func: Func, _values: &[RawValue]) -> Result<Call> {
        todo!()
    }

    /// Enters or resumes guest code, until it is left for one of the reasons in [`Exit`].
    ///
    /// Errors: `WrongStore`; `InvalidState` unless the call is ready or suspended; `Poisoned`; `System` without a
    /// guest stack.
    pub fn run(&self, _store: &Store) -> Result<Exit> {
        todo!()
    }

    /// Ends a call that is ready or suspended: it counts as trapped, with this error. Its frames stay readable.
    pub fn fail(&self, _error: Error) -> Result<()> {
        todo!()
    }

    /// Makes a new epoch: whatever was read from its frames is out of date. Done by every entry, resumption and return
    /// of a host function into the guest; also for a driver that moves on within a run.
    pub fn bump_epoch(&self) {
        todo!()
    }

    /// The results of a finished call.
    pub fn results(&self, _store: &Store) -> Result<Vec<Value>> {
        todo!()
    }

    /// The values: results if the call has finished, arguments before.
    pub fn raw_values(&self) -> Vec<RawValue> {
        todo!()
    }

    /// Its number in the store; never 0 and never reused.
    pub fn id(&self) -> u64 {
        todo!()
    }

    /// Changes whenever its guest code is entered or resumed.
    pub fn epoch(&self) -> u64 {
        todo!()
    }

    /// What it is doing.
    pub fn state(&self) -> CallState {
        todo!()
    }

    /// The function that it calls.
    pub fn func(&self) -> Func {
        todo!()
    }

    /// Where its newest frame is, at a stop or trap.
    pub fn activation(&self) -> Option<Activation> {
        todo!()
    }

    /// The error of a call that trapped: the host function's own, the one given to [`Call::fail`], or the trap; with
    /// the guest's backtrace.
    pub fn error(&self, _store: &Store, _trap: &TrapInfo) -> Error {
        todo!()
    }
}

impl Store {
    /// Where guest code waits for host functions, newest first: one entry per running call.
    pub fn activations(&self) -> Vec<Activation> {
        todo!()
    }

    /// The number and epoch of the call whose guest code called the host function now running.
    pub fn current_call(&self) -> Option<(u64, u64)> {
        todo!()
    }
}
