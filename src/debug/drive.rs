//! Driving calls: one loop runs the guest, looks at why it came out, raises events and goes on or pauses.
//!
//! ```text
//!   enter guest ──stopped──> arrive ──> walk the run: examine an operator, raise, replay it, … ──┐
//!     ▲  │  └───trapped──> replay up to the operator, raise, end                      pause │    │
//!     │  └──────finished─> end                                    to whoever resumes <──────┘    │
//!     └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! One-shot and resumable calls go through the same loop. Must not know C. Invariants: guest code is entered in one place,
//! after everybody was denied a look at its frames; an operator is raised at most once each time that the guest comes
//! to it; no cell is borrowed while a handler or the guest runs. Read next: `standing.rs`, [`super::event`].

use super::breakpoints::Site;
use super::debuggee::Parked;
use super::event::{Counted, Receiver};
use super::standing::Standing;
use super::{Action, Debuggee, Event, EventKind, Frame};
use crate::base::{Error, ErrorKind, Func, Instance, RawValue, Result, StoreId, TrapCode, Value, WasmPc, error::bail};
use crate::runtime::{self, Call, Convert, Exit, Extern, Linker, Module, SlowPath, Stopped, TrapInfo};
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

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
    standing: Rc<Standing>,
    parked: Rc<Parked>,
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
        self.state.get()
    }

    /// Runs it until it finishes, traps or pauses; never answers `Ready` or `Running`.
    ///
    /// Requires: ready or paused, else `InvalidState`. `WrongStore` if it was begun on another store. `DebugDisabled`
    /// for [`Resume::Step`] without debugging. An error that comes from this call itself (a trap, a failing host
    /// function) isn't returned here; it is [`DebugCall::error`]. A step of a ready call ends before its first
    /// operator.
    pub fn resume(&self, debuggee: &Debuggee, how: Resume) -> Result<CallState> {
        self.check_store(debuggee)?;
        if how == Resume::Step {
            debuggee.check_debug()?;
        }
        let before = self.state.get();
        if !matches!(before, CallState::Ready | CallState::Paused) {
            bail!(InvalidState, "the call is {}", describe(before));
        }
        self.parked.standings.borrow_mut().remove(&self.id());
        self.state.set(CallState::Running);
        let running = Running { call: self };
        let outcome = debuggee.resume(self, how);
        std::mem::forget(running);
        self.settle(before, outcome)
    }

    fn settle(&self, before: CallState, outcome: Result<Outcome>) -> Result<CallState> {
        let outcome = outcome.inspect_err(|_| {
            // It didn't run, or can't be run any more; what can be looked at, still can.
            self.state.set(if self.call.state() == runtime::RunState::Ready { CallState::Ready } else { before });
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
        if self.standing.still.get() {
            self.parked.standings.borrow_mut().insert(self.id(), self.standing.clone());
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
        let still = matches!(self.state.get(), CallState::Paused | CallState::Trapped) && self.standing.still.get();
        Ok(if still { debuggee.innermost(&self.standing) } else { None })
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
        self.standing.end();
        self.parked.standings.borrow_mut().remove(&self.call.id());
    }
}

/// Marks a call as ended if an event handler panics through it.
struct Running<'a> {
    call: &'a DebugCall,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.call.state.set(CallState::Trapped);
        self.call.standing.end();
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

/// Running the guest; all of it works without debugging too.
impl Debuggee {
    /// Instantiates a module and runs its start function.
    pub fn instantiate(&self, module: &Module, imports: &[Extern]) -> Result<Instance> {
        let (instance, start) = self.store().instantiate(module, imports)?;
        self.start(instance, start)
    }

    /// Instantiates a module with imports from `linker` and runs its start function.
    pub fn link(&self, linker: &Linker, module: &Module) -> Result<Instance> {
        let (instance, start) = linker.instantiate(self.store(), module)?;
        self.start(instance, start)
    }

    fn start(&self, instance: Instance, start: Option<Func>) -> Result<Instance> {
        if let Some(start) = start {
            self.call_raw(start, &mut [])?;
        }
        Ok(instance)
    }

    /// Calls a function and runs it to its end.
    pub fn call(&self, func: Func, args: &[Value]) -> Result<Vec<Value>> {
        let ty = self.store().func_type(func)?;
        let mut results: Vec<_> = ty.results.iter().map(|ty| Value::default_of(*ty)).collect();
        self.call_into(func, args, &mut results)?;
        Ok(results)
    }

    /// Calls a function and runs it to its end; `results` has as many values as the function has results.
    pub fn call_into(&self, func: Func, args: &[Value], results: &mut [Value]) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_with(func, args, results, |call, exit| self.drive_one_shot(call, exit))
    }

    /// The same with values of another form.
    #[inline(always)]
    pub fn call_converted(&self, func: Func, values: impl Convert) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_converted(func, values, |call, exit| self.drive_one_shot(call, exit))
    }

    /// Calls a function with untagged values: arguments in, results out, as many as the longer of the two.
    #[inline(always)]
    pub fn call_raw(&self, func: Func, values: &mut [RawValue]) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_raw_with(func, values, |call, exit| self.drive_one_shot(call, exit))
    }

    /// Makes quick calls possible, see [`Store::quick_call`](runtime::Store::quick_call), if nothing steps.
    pub fn enable_quick_calls(&self) {
        if !self.steps_into_calls() {
            self.store().enable_quick_calls();
        }
    }

    /// Goes on with a quick call, if it didn't finish.
    pub fn after_quick_call(&self, call: SlowPath<'_>) -> Result<()> {
        call.drive(|call, exit| self.drive_one_shot(call, exit))
    }

    /// Begins a resumable call; nothing runs yet.
    pub fn call_begin(&self, func: Func, args: &[Value]) -> Result<DebugCall> {
        Ok(DebugCall {
            call: Call::new(self.store(), func, args)?,
            store: self.store().id(),
            state: Cell::new(CallState::Ready),
            event: RefCell::new(None),
            error: RefCell::new(None),
            standing: Rc::new(Standing::default()),
            parked: self.parked.clone(),
        })
    }

    /// Arms the function that a call enters, or disarms what was armed for a step that is over.
    #[inline(always)]
    fn before_one_shot(&self, func: Func) -> Result<()> {
        if self.steps_into_calls() { self.rearm_for_one_shot(func) } else { Ok(()) }
    }

    #[inline(always)]
    fn steps_into_calls(&self) -> bool {
        // Both are off without debugging too.
        self.single_step.get() || self.armed.any()
    }

    #[cold]
    fn rearm_for_one_shot(&self, func: Func) -> Result<()> {
        if !self.is_silent() && self.steps(NEW_CALL) {
            return self.function_to_step(func).map_or(Ok(()), |function| self.arm_function(function));
        }
        self.before_running()
    }

    #[cold]
    fn drive_one_shot(&self, call: &Call, exit: Exit) -> Result<()> {
        let driving = self.enter();
        let session = Session::new(self, call, &driving.standing, false);
        match session.left(&exit)? {
            Outcome::Finished => Ok(()),
            Outcome::Trapped(_, error) | Outcome::Exited(error) => Err(error),
            Outcome::Paused(_) => unreachable!("a one-shot call doesn't pause"),
        }
    }

    fn resume(&self, resumed: &DebugCall, how: Resume) -> Result<Outcome> {
        let call = &resumed.call;
        let silent = self.is_silent();
        // A host function that drives a call of its own doesn't mean the step that led to the host function.
        let outer = self.step_request.replace((how == Resume::Step && !silent).then_some(call.id()));
        let _outer_requests = outer.map(|_| Counted::new(&self.outer_requests));
        let driving = self.enter_with(resumed.standing.clone());
        let session = Session::new(self, call, &resumed.standing, true);
        let outcome = session.begin();
        drop(driving);
        self.step_request.set(outer);
        outcome
    }

    /// Whether a call stops at every operator. Guest code that a host function runs while its caller is asked to step
    /// is stepped into if there is a handler to see it.
    fn steps(&self, call: u64) -> bool {
        let requested = |requested| requested == call || self.is_wanted(EventKind::Step);
        self.single_step.get() || self.step_request.get().is_some_and(requested)
    }

    /// Disarms what was armed for a step that is over.
    fn before_running(&self) -> Result<()> {
        let steps = self.single_step.get() || self.step_request.get().is_some() || self.outer_requests.get() != 0;
        if self.armed.any() && !steps { self.disarm() } else { Ok(()) }
    }
}

/// Stands for a call that has no number yet.
const NEW_CALL: u64 = 0;

/// How driving a call ended.
enum Outcome {
    Finished,
    Paused(Event),
    Trapped(Option<Event>, Error),
    Exited(Error),
}

/// The run loop of one call.
struct Session<'a> {
    debuggee: &'a Debuggee,
    call: &'a Call,
    standing: &'a Rc<Standing>,
    resumable: bool,
    silent: bool,
    /// How it ended, once it has: what is handed on at every stop is only whether it has.
    outcome: Cell<Option<Result<Outcome>>>,
}

/// Whether a call goes on; if not, its session knows the outcome.
type Flow = ControlFlow<()>;

impl<'a> Session<'a> {
    fn new(debuggee: &'a Debuggee, call: &'a Call, standing: &'a Rc<Standing>, resumable: bool) -> Session<'a> {
        Session { debuggee, call, standing, resumable, silent: debuggee.is_silent(), outcome: Cell::new(None) }
    }

    /// Goes on with a resumable call that is ready or paused.
    fn begin(&self) -> Result<Outcome> {
        if let Some(site) = self.standing.site().filter(|_| self.standing.is_stopped()) {
            if self.walk(&site).is_break() {
                return self.outcome();
            }
        } else if self.steps()
            && let Some(function) = self.debuggee.function_to_step(self.call.func())
        {
            self.debuggee.arm_function(function)?;
        }
        self.run()
    }

    /// Enters the guest until the call ends or pauses.
    fn run(&self) -> Result<Outcome> {
        if self.before_entry().is_break() {
            return self.outcome();
        }
        match self.call.run_while(self.debuggee.store(), |stopped| self.stopped(stopped).is_continue())? {
            Exit::Stopped(_) => self.outcome(),
            Exit::Finished => Ok(self.finished()),
            Exit::Trapped(trap) => Ok(self.trapped(&trap)),
        }
    }

    /// Decides what the first exit of a call means that is being driven from there on.
    fn left(&self, exit: &Exit) -> Result<Outcome> {
        match exit {
            Exit::Stopped(stopped) => match self.stopped(*stopped) {
                Flow::Continue(()) => self.run(),
                Flow::Break(()) => self.outcome(),
            },
            Exit::Finished => Ok(self.finished()),
            Exit::Trapped(trap) => Ok(self.trapped(trap)),
        }
    }

    /// The call is paused or over, or can't be run.
    #[cold]
    fn over(&self, outcome: Result<Outcome>) -> Flow {
        self.outcome.set(Some(outcome));
        Flow::Break(())
    }

    #[cold]
    fn outcome(&self) -> Result<Outcome> {
        self.outcome.take().expect("set by whoever broke off")
    }

    /// Goes on if this succeeded.
    #[inline]
    fn if_done(&self, result: Result<()>) -> Flow {
        match result {
            Ok(()) => Flow::Continue(()),
            Err(error) => self.over(Err(error)),
        }
    }

    /// The guest stopped. If the call goes on, all is ready for that.
    #[inline(always)]
    fn stopped(&self, stopped: Stopped) -> Flow {
        if let Some(site) = self.arrive(stopped) {
            self.walk(&site)?;
        }
        self.before_entry()
    }

    #[inline]
    fn before_entry(&self) -> Flow {
        if self.debuggee.armed.any() {
            self.if_done(self.debuggee.before_running())?;
        }
        // From here on nobody may look at its frames.
        self.standing.end();
        Flow::Continue(())
    }

    fn finished(&self) -> Outcome {
        self.forget_request();
        Outcome::Finished
    }

    fn steps(&self) -> bool {
        !self.silent && self.debuggee.steps(self.call.id())
    }

    fn is_requested(&self) -> bool {
        self.debuggee.step_request.get() == Some(self.call.id())
    }

    fn forget_request(&self) {
        if self.is_requested() {
            self.debuggee.step_request.set(None);
        }
    }

    /// Begins a standstill at a stop point; answers its site if anything is to do there.
    #[inline]
    fn arrive(&self, stopped: Stopped) -> Option<Rc<Site>> {
        let last = self.standing.site().filter(|site| site.is_at(stopped.pc));
        let site = last.or_else(|| self.debuggee.book.site_at(self.debuggee.store(), stopped.pc))?;
        if !site.is_marked() && !self.steps() {
            return None;
        }
        self.standing.begin_stopped(self.call, stopped, &site);
        Some(site)
    }

    /// Goes through the run of `site`, from the operator that the call stands at, as far as anybody wants to see it.
    fn walk(&self, site: &Site) -> Flow {
        loop {
            let index = self.standing.index();
            self.examine(site, index)?;
            let target = if self.steps() { site.next(index) } else { site.next_mark(index) };
            let Some(target) = target else { return self.leave(site) };
            let was_seen = self.standing.raised.get().is_some();
            if !self.standing.advance(site, target, self.debuggee.store(), &self.debuggee.cache.layouts) {
                return self.leave(site);
            }
            if was_seen {
                // Nothing ran, but the frame isn't what it was.
                self.call.bump_epoch();
                self.standing.epoch.set(self.call.epoch());
            }
        }
    }

    /// Lets the machine go on, from the operator of the run of `site` that the call stands at. If it steps, all that the
    /// step may lead to is armed.
    #[inline]
    fn leave(&self, site: &Site) -> Flow {
        if self.steps() { self.if_done(self.prepare_step(site)) } else { Flow::Continue(()) }
    }

    fn prepare_step(&self, site: &Site) -> Result<()> {
        let Debuggee { cache, .. } = self.debuggee;
        self.debuggee.arm_frame(self.standing, site)?;
        let run = site.run();
        if run.calls.is_some()
            && self.standing.index() as usize + 1 == run.pcs.len()
            && let Some(callee) = self.standing.callee(site, self.debuggee.store(), &cache.layouts)
            && let Some(callee) = self.debuggee.function_to_step(callee)
        {
            self.debuggee.arm_function(callee)?;
        }
        Ok(())
    }

    /// Raises what is to raise at an operator. At most one event, or two if a breakpoint is set at the operator that
    /// a step ended at: an edit takes effect at once.
    #[inline(always)]
    fn examine(&self, site: &Site, index: u32) -> Flow {
        if self.standing.raised.get().is_none() {
            let (kind, ids) = match site.hit(index, self.silent) {
                Some(ids) => (EventKind::Breakpoint, ids),
                None if self.steps() => (EventKind::Step, self.debuggee.no_ids.clone()),
                None => return Flow::Continue(()),
            };
            self.raise(kind, site.pc(index), ids)?;
        }
        let is_new = self.standing.raised.get() == Some(EventKind::Step) && site.is_marked_at(index);
        if is_new && !self.steps() { self.examine_again(site, index) } else { Flow::Continue(()) }
    }

    #[cold]
    fn examine_again(&self, site: &Site, index: u32) -> Flow {
        match site.hit(index, self.silent) {
            Some(ids) => self.raise(EventKind::Breakpoint, site.pc(index), ids),
            None => Flow::Continue(()),
        }
    }

    #[inline(always)]
    fn raise(&self, kind: EventKind, pc: WasmPc, breakpoints: Rc<[u64]>) -> Flow {
        if self.silent {
            return Flow::Continue(());
        }
        let receiver = self.debuggee.receiver(kind, self.resumable);
        if let Receiver::Nobody = receiver {
            return Flow::Continue(());
        }
        self.standing.raised.set(Some(kind));
        // Whatever was asked for has led here.
        self.debuggee.step_request.set(None);
        let event = Event {
            kind,
            call: self.call.id(),
            frame: Some(self.standing.frame(self.debuggee.store(), 0)),
            pc,
            breakpoints,
            trap: None,
            fault: None,
            can_pause: self.resumable,
            error: None,
        };
        let Receiver::Handler(handler) = receiver else { return self.over(Ok(Outcome::Paused(event))) };
        match self.debuggee.handle(&handler, &event) {
            Action::Continue => Flow::Continue(()),
            Action::Step => {
                // A step whose end nobody would hear of is none.
                if self.resumable || self.debuggee.is_wanted(EventKind::Step) {
                    self.debuggee.step_request.set(Some(self.call.id()));
                }
                Flow::Continue(())
            }
            Action::Pause if !event.can_pause => {
                self.debuggee.refuse_pause();
                Flow::Continue(())
            }
            Action::Pause => self.over(Ok(Outcome::Paused(event))),
            Action::Trap(message) => self.over(self.trap_on_request(&event, message)),
        }
    }

    fn trap_on_request(&self, event: &Event, message: String) -> Result<Outcome> {
        let store = self.debuggee.store();
        let mut backtrace = self.call.activation().map_or_else(Vec::new, |activation| store.backtrace(&activation));
        if let Some(newest) = backtrace.first_mut() {
            // The machine only knows where the run starts.
            newest.func_offset = newest.func_offset + event.pc.0 - newest.pc.0;
            newest.pc = event.pc;
        }
        let error = Error::trap(TrapCode::Requested, None, backtrace).with_message(message);
        self.call.fail(error.clone())?;
        self.standing.ended.set(Some(TrapCode::Requested));
        let (trap, error_of_event) = (Some(TrapCode::Requested), Some(error.clone()));
        let breakpoints = self.debuggee.no_ids.clone();
        let kind = EventKind::Trap;
        let event = Event { kind, breakpoints, trap, can_pause: false, error: error_of_event, ..event.clone() };
        Ok(Outcome::Trapped(Some(event), error))
    }

    fn trapped(&self, trap: &TrapInfo) -> Outcome {
        self.forget_request();
        let store = self.debuggee.store();
        let error = self.call.error(store, trap);
        if error.kind() == ErrorKind::Exit {
            return Outcome::Exited(error);
        }
        let kind = if trap.code == TrapCode::HostError { EventKind::HostError } else { EventKind::Trap };
        let receiver = if self.silent && !self.resumable {
            Receiver::Nobody
        } else {
            self.debuggee.receiver(kind, self.resumable)
        };
        let activation = self.call.activation().filter(|_| self.debuggee.is_debug());
        let (Some(activation), false) = (activation, matches!(receiver, Receiver::Nobody)) else {
            return Outcome::Trapped(self.resumable.then(|| self.trap_event(kind, trap, None, &error)), error);
        };
        self.standing.begin_trapped(activation, trap.code, store);
        let frame = self.debuggee.innermost(self.standing);
        let event = self.trap_event(kind, trap, frame, &error);
        if !self.silent
            && let Receiver::Handler(handler) = receiver
        {
            // The call has ended, whatever the handler would like.
            if self.debuggee.handle(&handler, &event) == Action::Pause {
                self.debuggee.refuse_pause();
            }
        }
        Outcome::Trapped(Some(event), error)
    }

    fn trap_event(&self, kind: EventKind, trap: &TrapInfo, frame: Option<Frame>, error: &Error) -> Event {
        let Debuggee { cache, .. } = self.debuggee;
        let mut look = self.standing.look();
        let pc = frame.and_then(|_| look.frame(self.debuggee.store(), cache, 0)).map(|view| view.pc);
        Event {
            kind,
            call: self.call.id(),
            frame,
            pc: pc.unwrap_or(WasmPc(0)),
            breakpoints: self.debuggee.no_ids.clone(),
            trap: Some(trap.code),
            fault: trap.fault,
            can_pause: false,
            error: Some(error.clone()),
        }
    }
}
