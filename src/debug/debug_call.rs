//! Resumable calls under a debugger: run until something happens, pause, be looked at, and go on.
//!
//! Must not know how a run is walked. Invariant: the frames of a call that is paused or trapped can be read.
//! Read next: `session.rs`.

use super::debuggee::Parked;
use super::event::Counted;
use super::interruption::Budget;
use super::pending::Pending;
use super::session::{Outcome, Session};
use super::stopped_call::StoppedCall;
use super::{Debuggee, Event, Frame};
use crate::base::{Error, ErrorKind, Func, Result, StoreId, Value, error::bail};
use crate::runtime::{Call, RunState};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Until the next event.
    Continue,
    /// By one operator.
    Step,
}

/// The state of a resumable call.
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
    /// Ended by the guest itself; it has an error that says so, and no frames.
    Exited = 6,
}

/// A resumable call. Dropping one that is unfinished drops its guest stack.
///
/// The general flow is: [`Debuggee::call_begin`], [`DebugCall::resume`] until it is finished or trapped, looking at
/// [`DebugCall::event`] and frames in between, then [`DebugCall::results`] or [`DebugCall::error`].
pub struct DebugCall {
    call: Call,
    store: StoreId,
    state: Cell<CallState>,
    event: RefCell<Option<Event>>,
    error: RefCell<Option<Error>>,
    stopped_call: Rc<StoppedCall>,
    parked: Rc<Parked>,
    pending: Rc<Pending>,
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

    /// Its state.
    pub fn state(&self) -> CallState {
        self.state.get()
    }

    /// Runs it until it finishes, traps or pauses; never answers `Ready` or `Running`.
    ///
    /// Requires: ready or paused, else `InvalidState`. `WrongStore` if it was begun on another store. `DebugDisabled`
    /// for [`Resume::Step`] without debugging. An error that comes from this call itself (a trap, a failing host
    /// function) isn't returned here; it is [`DebugCall::error`]. A step of a ready call ends before its first
    /// operator.
    pub fn resume(&self, debuggee: &Debuggee, how: Resume) -> Result<CallState> {
        self.resume_for(debuggee, how, None)
    }

    /// The same with no more time than this, if any is given; it begins anew each time.
    ///
    /// Errors: also `Unsupported` for a budget of an engine without signal handlers, and `System`.
    pub fn resume_for(&self, debuggee: &Debuggee, how: Resume, budget: Option<Budget>) -> Result<CallState> {
        self.check_store(debuggee)?;
        if how == Resume::Step {
            debuggee.check_debug()?;
        }
        let before = self.state.get();
        if !matches!(before, CallState::Ready | CallState::Paused) {
            bail!(InvalidState, "the call is {}", describe(before));
        }
        self.parked.calls.borrow_mut().remove(&self.id());
        self.state.set(CallState::Running);
        let running = Running { call: self };
        let outcome = debuggee.resume(self, how, budget);
        std::mem::forget(running);
        self.record(before, outcome)
    }

    /// Records how a run ended; `before` is the state that it began in.
    fn record(&self, before: CallState, outcome: Result<Outcome>) -> Result<CallState> {
        let outcome = outcome.inspect_err(|_| {
            // It didn't run, or can't be run any more; what can be looked at, still can.
            self.state.set(if self.call.state() == RunState::Ready { CallState::Ready } else { before });
            self.park();
        })?;
        let (state, event, error) = match outcome {
            Outcome::Finished => (CallState::Finished, None, None),
            Outcome::Paused(event) => (CallState::Paused, Some(event), None),
            Outcome::Trapped(event, error) => (CallState::Trapped, event, Some(error)),
            Outcome::Exited(error) => (CallState::Exited, None, Some(error)),
        };
        self.state.set(state);
        // What they replace may be anything's last owner, so not while they are borrowed.
        drop(self.event.replace(event));
        drop(self.error.replace(error));
        self.park();
        Ok(state)
    }

    fn park(&self) {
        if self.stopped_call.is_inspectable.get() {
            self.parked.calls.borrow_mut().insert(self.id(), self.stopped_call.clone());
        }
    }

    /// What it paused at or trapped by; `None` in the other states.
    pub fn event(&self) -> Option<Event> {
        match self.state.get() {
            CallState::Paused | CallState::Trapped => self.event.borrow().clone(),
            CallState::Ready | CallState::Running | CallState::Finished | CallState::Exited => None,
        }
    }

    /// The results. Requires: finished, else `InvalidState`.
    pub fn results(&self, debuggee: &Debuggee) -> Result<Vec<Value>> {
        self.check_store(debuggee)?;
        if self.state.get() != CallState::Finished {
            bail!(InvalidState, "the call is {}", describe(self.state.get()));
        }
        self.call.results(debuggee.store())
    }

    /// The error it ended with; `None` unless trapped or exited.
    pub fn error(&self) -> Option<Error> {
        self.error.borrow().clone()
    }

    /// Its innermost frame while it is paused or trapped; `None` in the other states and if it has none.
    pub fn frame(&self, debuggee: &Debuggee) -> Result<Option<Frame>> {
        debuggee.check_debug()?;
        self.check_store(debuggee)?;
        let still = matches!(self.state.get(), CallState::Paused | CallState::Trapped)
            && self.stopped_call.is_inspectable.get();
        Ok(if still { debuggee.innermost(&self.stopped_call) } else { None })
    }

    /// Ends a call that is ready or paused with the trap [`TrapCode::Requested`] and this message. Its frames can be looked at
    /// until it is dropped.
    ///
    /// Errors: `WrongStore`; `InvalidState` unless it is ready or paused.
    pub fn trap(&self, debuggee: &Debuggee, message: String) -> Result<()> {
        self.check_store(debuggee)?;
        let before = self.state.get();
        if !matches!(before, CallState::Ready | CallState::Paused) {
            bail!(InvalidState, "the call is {}", describe(before));
        }
        let session = Session::new(debuggee, &self.call, &self.stopped_call, true, None);
        let outcome = session.trap_by_host(before == CallState::Paused, message);
        self.record(before, outcome).map(|_| ())
    }

    fn check_store(&self, debuggee: &Debuggee) -> Result<()> {
        if debuggee.store().id() != self.store {
            bail!(WrongStore, "the call belongs to another store");
        }
        Ok(())
    }
}

impl Drop for DebugCall {
    fn drop(&mut self) {
        self.stopped_call.end();
        self.parked.calls.borrow_mut().remove(&self.call.id());
        self.pending.orphan(self.call.id());
    }
}

/// Marks a call as ended if an event handler panics through it.
struct Running<'a> {
    call: &'a DebugCall,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.call.state.set(CallState::Trapped);
        self.call.stopped_call.end();
        *self.call.error.borrow_mut() = Some(Error::new(ErrorKind::Panic, "an event handler panicked"));
    }
}

fn describe(state: CallState) -> &'static str {
    match state {
        CallState::Ready => "ready, it hasn't run yet",
        CallState::Running => "running",
        CallState::Paused => "paused",
        CallState::Finished => "finished",
        CallState::Trapped => "trapped",
        CallState::Exited => "over, the guest has ended itself",
    }
}

/// Resumable calls; they work without debugging too.
impl Debuggee {
    /// Begins a resumable call; nothing runs yet.
    pub fn call_begin(&self, func: Func, args: &[Value]) -> Result<DebugCall> {
        Ok(DebugCall {
            call: Call::new(self.store(), func, args)?,
            store: self.store().id(),
            state: Cell::new(CallState::Ready),
            event: RefCell::new(None),
            error: RefCell::new(None),
            stopped_call: Rc::new(StoppedCall::default()),
            parked: self.parked.clone(),
            pending: self.pending.clone(),
        })
    }

    fn resume(&self, resumed: &DebugCall, how: Resume, budget: Option<Budget>) -> Result<Outcome> {
        let call = &resumed.call;
        let silent = self.is_silent();
        // A host function that drives a call of its own doesn't mean the step that led to the host function.
        let outer = self.step_request.replace((how == Resume::Step && !silent).then_some(call.id()));
        let _outer_requests = outer.map(|_| Counted::new(&self.outer_requests));
        let driving = self.enter_with(resumed.stopped_call.clone());
        let outcome = Budget::spend(budget, self.store(), |budget| {
            Session::new(self, call, &resumed.stopped_call, true, budget).begin()
        });
        drop(driving);
        self.step_request.set(outer);
        outcome
    }
}
