//! Resumable calls under a debugger: run until something happens, pause, be looked at, and go on.
//!
//! Must not know how a run is walked. Invariant: the frames of a call that is paused or trapped can be read.
//! Read next: `session.rs`.

use super::debuggee::Parked;
use super::event::Counted;
use super::goal::Request;
use super::interruption::Budget;
use super::pending::Pending;
use super::session::{Outcome, Session};
use super::stopped_call::StoppedCall;
use super::watching::Watching;
use super::{Debuggee, Event, Frame, Goal};
use crate::base::{Error, ErrorKind, Func, Instance, RawValue, Result, StoreId, Value, error::bail};
use crate::runtime::{Awaits, Call, Exit, Extern, Linker, Module, RunState, Wait};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Until the next event.
    Continue,
    /// By one operator.
    Step,
    /// To a goal of this call.
    Run(Goal),
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
    /// In a host function that has no results yet; it can be given them, and be resumed then.
    Yielded = 7,
}

/// A resumable call. Dropping one that is unfinished drops its guest stack.
///
/// The general flow is: [`Debuggee::call_begin`], [`DebugCall::resume`] until it is finished or trapped, looking at
/// [`DebugCall::event`] and frames in between, then [`DebugCall::results`] or [`DebugCall::error`]. One that has yielded is given what
/// it waits for first.
pub struct DebugCall {
    call: Call,
    store: StoreId,
    state: Cell<CallState>,
    event: RefCell<Option<Event>>,
    error: RefCell<Option<Error>>,
    stopped_call: Rc<StoppedCall>,
    parked: Rc<Parked>,
    pending: Rc<Pending>,
    watching: Rc<Watching>,
    /// The step in the midst of which it has yielded, which goes on when it is resumed.
    steps_on: Cell<Option<Request>>,
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

    /// Runs it until it finishes, traps, pauses or yields; never answers `Ready` or `Running`.
    ///
    /// Requires: ready or paused, or yielded and given what it waits for, else `InvalidState`. `WrongStore` if it was begun on another store. `DebugDisabled`
    /// for [`Resume::Step`] without debugging, and for a goal also `StaleHandle`, and `InvalidArgument` for another call's. An error that comes from this call itself (a trap, a failing host
    /// function) isn't returned here; it is [`DebugCall::error`]. A step of a ready call ends before its first
    /// operator.
    pub fn resume(&self, debuggee: &Debuggee, how: Resume) -> Result<CallState> {
        self.resume_for(debuggee, how, None)
    }

    /// The same with no more time than this, if any is given; it begins anew each time.
    ///
    /// Errors: also `Unsupported` for a budget of an engine without signal handlers, and `System`.
    // Inlined to where it is called, so that few returns are to another place than where the guest was resumed.
    #[inline(always)]
    pub fn resume_for(&self, debuggee: &Debuggee, how: Resume, budget: Option<Budget>) -> Result<CallState> {
        let before = self.state.get();
        let is_plain = how == Resume::Continue && budget.is_none() && !debuggee.is_debug();
        if !is_plain || !matches!(before, CallState::Ready | CallState::Yielded) {
            return self.resume_by_session(debuggee, how, budget);
        }
        // Without debugging nothing has to be looked at before.
        self.state.set(CallState::Running);
        let state = match self.call.run(debuggee.store()) {
            Ok(Exit::Yielded) if !debuggee.store().is_interrupted() => CallState::Yielded,
            Ok(Exit::Finished) => CallState::Finished,
            exit => return self.after_first_exit(debuggee, before, exit),
        };
        self.state.set(state);
        Ok(state)
    }

    #[cold]
    fn after_first_exit(&self, debuggee: &Debuggee, before: CallState, exit: Result<Exit>) -> Result<CallState> {
        let running = Running { call: self };
        let outcome = exit.and_then(|exit| {
            let driving = debuggee.enter_with(self.stopped_call.clone());
            Session::new(debuggee, &self.call, &driving.stopped_call, true, None).handle_first_exit(&exit)
        });
        std::mem::forget(running);
        self.record(before, outcome)
    }

    #[inline(never)]
    fn resume_by_session(&self, debuggee: &Debuggee, how: Resume, budget: Option<Budget>) -> Result<CallState> {
        self.check_store(debuggee)?;
        match how {
            Resume::Continue => {}
            Resume::Step => debuggee.check_debug()?,
            Resume::Run(goal) => self.check_goal(debuggee, &goal)?,
        }
        let before = self.state.get();
        if !matches!(before, CallState::Ready | CallState::Paused | CallState::Yielded) {
            bail!(InvalidState, "the call is {}", describe(before));
        }
        if before == CallState::Paused && self.call.awaited().is_some() {
            // What it has paused for came before it could yield.
            self.state.set(CallState::Yielded);
            self.steps_on.set(self.request(how));
            drop(self.event.take());
            return Ok(CallState::Yielded);
        }
        self.call.check_given(debuggee.store())?;
        self.parked.calls.borrow_mut().remove(&self.id());
        self.state.set(CallState::Running);
        let running = Running { call: self };
        let outcome = debuggee.resume(self, how, budget);
        std::mem::forget(running);
        self.record(before, outcome)
    }

    fn check_goal(&self, debuggee: &Debuggee, goal: &Goal) -> Result<()> {
        debuggee.frame_info(&goal.frame)?;
        if goal.frame.call != self.id() {
            bail!(InvalidArgument, "the step is from a frame of another call");
        }
        Ok(())
    }

    /// The step that it makes when it is resumed so.
    fn request(&self, how: Resume) -> Option<Request> {
        let step = |goal| Request { call: self.id(), goal };
        match how {
            Resume::Continue => self.steps_on.get(),
            Resume::Step => Some(step(None)),
            Resume::Run(goal) => Some(step(Some(goal))),
        }
    }

    /// Records how a run ended; `before` is the state that it began in.
    fn record(&self, before: CallState, outcome: Result<Outcome>) -> Result<CallState> {
        let outcome = outcome.inspect_err(|_| {
            // It didn't run, or can't be run any more; what can be looked at, still can.
            self.state.set(if self.call.state() == RunState::Ready { CallState::Ready } else { before });
            if before == CallState::Yielded
                && let Some(activation) = self.call.activation()
            {
                self.stopped_call.begin(activation);
            }
            self.park();
        })?;
        let (state, event, error) = match outcome {
            Outcome::Finished => (CallState::Finished, None, None),
            Outcome::Paused(event) => (CallState::Paused, Some(event), None),
            Outcome::Trapped(event, error) => (CallState::Trapped, event, Some(error)),
            Outcome::Exited(error) => (CallState::Exited, None, Some(error)),
            Outcome::Yielded => (CallState::Yielded, None, None),
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
            CallState::Ready | CallState::Running | CallState::Finished | CallState::Exited | CallState::Yielded => {
                None
            }
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

    /// The results as raw values. Requires: as [`DebugCall::results`].
    pub fn results_raw(&self, debuggee: &Debuggee) -> Result<Vec<RawValue>> {
        self.check_store(debuggee)?;
        if self.state.get() != CallState::Finished {
            bail!(InvalidState, "the call is {}", describe(self.state.get()));
        }
        let count = debuggee.store().func_type(self.func())?.results.len();
        let mut values = self.call.raw_values();
        values.truncate(count);
        Ok(values)
    }

    /// The error it ended with; `None` unless trapped or exited.
    pub fn error(&self) -> Option<Error> {
        self.error.borrow().clone()
    }

    /// What it waits for, until it is given that. A call that has paused where it yields waits already.
    pub fn awaited(&self) -> Option<Awaits> {
        self.call.awaited()
    }

    /// Looks at what it waits for, if that is something which the host function itself looks at when the call is resumed.
    pub fn with_wait<R>(&self, look: impl FnOnce(&Wait) -> R) -> Option<R> {
        self.call.with_wait(look)
    }

    /// The arguments of the host function that it waits for. `InvalidState` if it waits for none.
    pub fn awaited_args(&self, debuggee: &Debuggee) -> Result<Vec<Value>> {
        self.call.awaited_args(debuggee.store())
    }

    /// Gives it the results of the host function that it waits for.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it waits for none; `InvalidArgument` for a wrong number of results;
    /// `TypeMismatch`; `OutOfRange` for a reference that the store never made.
    pub fn give(&self, debuggee: &Debuggee, results: &[Value]) -> Result<()> {
        self.call.give(debuggee.store(), results)
    }

    /// The same with raw values, at least as many as results.
    pub fn give_raw(&self, debuggee: &Debuggee, results: &[RawValue]) -> Result<()> {
        self.call.give_raw(debuggee.store(), results)
    }

    /// Gives it an error instead: it ends when it is resumed, as if the host function had failed with that.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it waits for none.
    pub fn give_error(&self, debuggee: &Debuggee, error: Error) -> Result<()> {
        self.call.give_error(debuggee.store(), error)
    }

    /// Gives the memory of its stack that it doesn't use while it stands still back to the system.
    ///
    /// Errors: `InvalidState` if it is running.
    pub fn trim(&self) -> Result<()> {
        if self.state.get() == CallState::Running {
            bail!(InvalidState, "the call is running");
        }
        self.call.trim()
    }

    /// Its innermost frame while it is paused or trapped, or has yielded; `None` in the other states and if it has none.
    pub fn frame(&self, debuggee: &Debuggee) -> Result<Option<Frame>> {
        debuggee.check_debug()?;
        self.check_store(debuggee)?;
        let still = matches!(self.state.get(), CallState::Paused | CallState::Trapped | CallState::Yielded)
            && self.stopped_call.is_inspectable.get();
        Ok(if still { debuggee.innermost(&self.stopped_call) } else { None })
    }

    /// Ends a call that is ready or paused, or has yielded, with the trap [`TrapCode::Requested`] and this message. Its frames can be looked at
    /// until it is dropped.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it is running or over.
    pub fn trap(&self, debuggee: &Debuggee, message: String) -> Result<()> {
        self.check_store(debuggee)?;
        let before = self.state.get();
        if !matches!(before, CallState::Ready | CallState::Paused | CallState::Yielded) {
            bail!(InvalidState, "the call is {}", describe(before));
        }
        let session = Session::new(debuggee, &self.call, &self.stopped_call, true, None);
        let outcome = session.trap_by_host(before != CallState::Ready, message);
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
        self.watching.frames.end(self.call.id(), |_| true);
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
        CallState::Yielded => "waiting for a host function",
    }
}

/// Resumable calls; they work without debugging too.
impl Debuggee {
    /// Begins a resumable call; nothing runs yet.
    pub fn call_begin(&self, func: Func, args: &[Value]) -> Result<DebugCall> {
        Ok(self.call_of(Call::new(self.store(), func, args)?))
    }

    /// The same with raw values, at least as many as the longer of parameters and results.
    pub fn call_begin_raw(&self, func: Func, values: &[RawValue]) -> Result<DebugCall> {
        Ok(self.call_of(Call::new_raw(self.store(), func, values)?))
    }

    /// Makes an instance of a module, and begins a call of its start function, if it has one.
    pub fn instance_begin(&self, module: &Module, imports: &[Extern]) -> Result<(Instance, Option<DebugCall>)> {
        self.start_begin(self.telling_of_new(|store| store.instantiate(module, imports))?)
    }

    /// The same with imports from `linker`.
    pub fn link_begin(&self, linker: &Linker, module: &Module) -> Result<(Instance, Option<DebugCall>)> {
        self.start_begin(self.telling_of_new(|store| linker.instantiate(store, module))?)
    }

    fn start_begin(&self, (instance, start): (Instance, Option<Func>)) -> Result<(Instance, Option<DebugCall>)> {
        Ok((instance, start.map(|start| self.call_begin(start, &[])).transpose()?))
    }

    fn call_of(&self, call: Call) -> DebugCall {
        DebugCall {
            call,
            store: self.store().id(),
            state: Cell::new(CallState::Ready),
            event: RefCell::new(None),
            error: RefCell::new(None),
            stopped_call: Rc::new(StoppedCall::default()),
            parked: self.parked.clone(),
            pending: self.pending.clone(),
            watching: self.watching.clone(),
            steps_on: Cell::new(None),
        }
    }

    // Inlined, with what it calls, for the reason of `resume_for`.
    #[inline(always)]
    fn resume(&self, resumed: &DebugCall, how: Resume, budget: Option<Budget>) -> Result<Outcome> {
        let call = &resumed.call;
        let silent = self.is_silent();
        let step = resumed.request(how).filter(|_| !silent);
        // A host function that drives a call of its own doesn't mean the step that led to the host function.
        let outer = self.step_request.replace(step);
        let _outer_requests = outer.map(|_| Counted::new(&self.outer_requests));
        let driving = self.enter_with(resumed.stopped_call.clone());
        let outcome = Budget::spend(budget, self.store(), |budget| {
            let session = Session::new(self, call, &resumed.stopped_call, true, budget);
            session.begin().inspect(|outcome| session.tell_of_end_of_call(outcome))
        });
        drop(driving);
        if let Ok(outcome) = &outcome {
            let has_yielded = matches!(outcome, Outcome::Yielded);
            let step = self.step_request.get().filter(|step| has_yielded && step.call == call.id());
            resumed.steps_on.set(step);
        }
        self.step_request.set(outer);
        outcome
    }
}
