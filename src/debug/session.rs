//! Sessions: one loop runs the guest, looks at why it was left, raises events, and goes on or pauses.
//!
//! ```text
//!   enter guest ──stopped──> arrive ──> walk the run: examine an operator, raise, replay it, … ──┐
//!     ▲  │  ├───trapped──> replay up to the operator, raise, end                      pause │    │
//!     │  │  ├─interrupted─> run on to a stop point, or, without any, do what was asked ──────┤    │
//!     │  │  ├─────yielded─> do what was asked, then pass it on ──────────────────────────────┤    │
//!     │  └──────finished─> end                                    to whoever resumes <──────┘    │
//!     └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! One-shot and resumable calls go through the same loop. Must not know C. Invariants: guest code is entered in one place,
//! and before that nobody can look at its frames any more; an operator is raised at most once each time that the guest comes
//! to it; no cell is borrowed while a handler or the guest runs. Read next: `stopped_call.rs`, [`super::event`].

use super::break_target::Happening;
use super::breakpoints::Site;
use super::event::{CaughtException, Receiver, Registered};
use super::goal::{Ends, Request};
use super::interruption::BudgetView;
use super::stopped_call::{Advance, StoppedCall};
use super::{Action, Debuggee, Event, EventKind, Frame, Goal};
use crate::base::{Backtrace, Error, ErrorKind, Result, Tag, Thrown, TrapCode, WasmPc, error::bail};
use crate::runtime::{Activation, Call, Catching, Exit, Interrupts, Stopped, TrapInfo};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

/// How driving a call ended.
pub(super) enum Outcome {
    Finished,
    Paused(Event),
    Trapped(Option<Event>, Error),
    Exited(Error),
    /// It waits for a host function.
    Yielded,
}

/// The run loop of one call.
pub(super) struct Session<'a> {
    pub(super) debuggee: &'a Debuggee,
    pub(super) call: &'a Call,
    pub(super) stopped_call: &'a Rc<StoppedCall>,
    pub(super) resumable: bool,
    pub(super) silent: bool,
    pub(super) budget: Option<BudgetView<'a>>,
    /// Whether it has run the guest, or a handler: it is no new call any more.
    pub(super) has_begun: Cell<bool>,
    /// Whether it was refused because calls are nested too deeply: whoever would be told of its end might call once more.
    pub(super) is_refused: Cell<bool>,
    /// Whether what the host throws is being thrown.
    pub(super) is_throwing: Cell<bool>,
    /// How the call ended, once it has. Functions hand on only whether it has ended, which is cheaper at every stop.
    outcome: Cell<Option<Result<Outcome>>>,
}

/// Whether a call goes on; if not, its session knows the outcome.
pub(super) type Flow = ControlFlow<()>;

impl<'a> Session<'a> {
    pub(super) fn new(
        debuggee: &'a Debuggee,
        call: &'a Call,
        stopped_call: &'a Rc<StoppedCall>,
        resumable: bool,
        budget: Option<BudgetView<'a>>,
    ) -> Session<'a> {
        let (silent, has_begun, outcome) = (debuggee.is_silent(), Cell::new(false), Cell::new(None));
        let (is_refused, is_throwing) = (Cell::new(false), Cell::new(false));
        Session { debuggee, call, stopped_call, resumable, silent, budget, has_begun, is_refused, is_throwing, outcome }
    }

    /// Goes on with a resumable call that is ready or paused, or has yielded.
    #[inline(always)]
    pub(super) fn begin(&self) -> Result<Outcome> {
        let is_stopped = self.stopped_call.is_stopped();
        self.stopped_call.steps_from_here.set(is_stopped && self.is_requested());
        if self.debuggee.watching.any() {
            self.look_before_running(is_stopped)?;
        }
        if let Some(site) = self.stopped_call.site().filter(|_| is_stopped) {
            if self.walk(&site).is_break() {
                return self.outcome();
            }
        } else if let Some(throwing) = self.call.throwing() {
            // It has paused where it was thrown.
            if self.stopped_call.raised.take() == Some(EventKind::CaughtException)
                && let Some(activation) = self.stopped_call.activation()
                && self.tell_of_left(self.position_of(&activation, throwing.catching.fp), &throwing).is_break()
            {
                return self.outcome();
            }
            self.prepare_landing(&throwing.catching)?;
        } else {
            self.prepare_steps()?;
        }
        self.run()
    }

    /// Enters the guest until the call ends or pauses.
    #[inline(always)]
    fn run(&self) -> Result<Outcome> {
        loop {
            if self.before_entry().is_break() {
                return self.outcome();
            }
            // Where fuel is used up a stop point is next, and where an exception is caught that was thrown.
            let is_asked = |asked: Interrupts| {
                asked.fuel.is_none() && asked != Interrupts { look: asked.look, ..Interrupts::default() }
            };
            let is_long = self.debuggee.run_on.get().is_some_and(is_asked);
            let exit = if is_long { self.enter_for_a_while() } else { self.enter() };
            match exit? {
                Exit::Stopped(_) => return self.outcome(),
                Exit::Finished => return Ok(self.finished()),
                Exit::Trapped(trap) => return Ok(self.trapped(&trap)),
                Exit::Interrupted(place) => {
                    if self.interrupted(place).is_break() {
                        return self.outcome();
                    }
                }
                Exit::Yielded => return self.yielded(),
                Exit::Threw => {
                    if self.threw().is_break() {
                        return self.outcome();
                    }
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn enter(&self) -> Result<Exit> {
        let passes = |stopped, stack: &_| self.passes(stopped, stack);
        let passes = (&self.debuggee.book.has_expressions, passes);
        self.call.run_while(self.debuggee.store(), passes, |stopped| self.stopped(stopped).is_continue())
    }

    /// Decides what the first exit of a call means. The call is driven from there on.
    pub(super) fn handle_first_exit(&self, exit: &Exit) -> Result<Outcome> {
        match exit {
            Exit::Stopped(stopped) => match self.stopped(*stopped) {
                Flow::Continue(()) => self.run(),
                Flow::Break(()) => self.outcome(),
            },
            Exit::Finished => Ok(self.finished()),
            Exit::Trapped(trap) => Ok(self.trapped(trap)),
            Exit::Interrupted(place) => match self.interrupted(*place) {
                Flow::Continue(()) => self.run(),
                Flow::Break(()) => self.outcome(),
            },
            Exit::Yielded => self.yielded(),
            Exit::Threw => match self.threw() {
                Flow::Continue(()) => self.run(),
                Flow::Break(()) => self.outcome(),
            },
        }
    }

    /// The call is paused or over, or can't be run.
    #[cold]
    pub(super) fn finish<R>(&self, outcome: Result<Outcome>) -> ControlFlow<(), R> {
        self.outcome.set(Some(outcome));
        ControlFlow::Break(())
    }

    #[cold]
    fn outcome(&self) -> Result<Outcome> {
        self.outcome.take().expect("set by whoever broke off")
    }

    /// Goes on with what this answers, if it succeeded.
    #[inline]
    pub(super) fn if_done<R>(&self, result: Result<R>) -> ControlFlow<(), R> {
        match result {
            Ok(answer) => ControlFlow::Continue(answer),
            Err(error) => self.finish(Err(error)),
        }
    }

    /// Handles a stop of the guest. If the answer is to go on, everything is ready for that.
    #[inline(always)]
    fn stopped(&self, stopped: Stopped) -> Flow {
        if let Some(mut site) = self.arrive(stopped) {
            if self.debuggee.watching.any() {
                self.end_frames_above(stopped.fp);
                self.settle(&site, 0)?;
            }
            if self.debuggee.pending.any() || self.debuggee.run_on.get().is_some() {
                self.if_done(self.debuggee.make_writes(self.stopped_call, stopped.fp))?;
                self.has_run_on()?;
                site = self.here();
            }
            self.walk(&site)?;
        } else {
            self.stopped_call.pass();
        }
        self.before_entry()
    }

    #[inline]
    fn before_entry(&self) -> Flow {
        if self.debuggee.armed.any() {
            self.if_done(self.debuggee.before_running())?;
        }
        if self.debuggee.watching.any() {
            self.if_done(self.debuggee.bring_watching_up_to_date())?;
        }
        if self.stopped_call.is_moved() {
            self.if_done(self.reenter())?;
        }
        // From here on nobody may look at its frames.
        self.stopped_call.end();
        Flow::Continue(())
    }

    /// Has the call go on where its innermost frame was moved to.
    #[cold]
    fn reenter(&self) -> Result<()> {
        let Some(reentry) = self.stopped_call.reentry() else { bail!(InvalidState, "the call has no frames") };
        self.call.reenter(self.debuggee.store(), reentry)?;
        self.stopped_call.forget_move();
        Ok(())
    }

    /// Handles that a host function has no results yet. What was asked for meanwhile is done first.
    fn yielded(&self) -> Result<Outcome> {
        if self.debuggee.is_debug()
            && let Some(activation) = self.call.activation()
        {
            self.stopped_call.begin(activation);
        }
        let is_asked = self.debuggee.store().is_interrupted() || self.debuggee.run_on.get().is_some();
        if is_asked && self.interrupted_in_host_func().is_break() {
            return self.outcome();
        }
        Ok(Outcome::Yielded)
    }

    /// Handles that the guest has thrown an exception that it is going to catch. If the answer is to go on, everything is ready for
    /// that.
    #[cold]
    fn threw(&self) -> Flow {
        let store = self.debuggee.store();
        let (Some(throwing), Some(activation)) = (self.call.throwing(), self.call.activation()) else {
            return Flow::Continue(());
        };
        let kind = EventKind::CaughtException;
        let tag = store.thrown_tag(&throwing);
        let happening = Happening::Exception { tag, is_caught: true };
        let has_breakpoint = self.has_breakpoint_at(happening);
        if self.silent {
            if has_breakpoint {
                self.if_done(self.hit_by(happening, kind))?;
            }
        } else {
            let receiver = self.debuggee.receiver(kind, self.resumable);
            let is_told = has_breakpoint || !matches!(receiver, Receiver::Nobody);
            let is_tracing = self.debuggee.watching.tracing.any();
            let is_seen = is_told || is_tracing;
            let position = if is_seen { self.position_of(&activation, throwing.catching.fp) } else { 0 };
            if is_seen {
                self.stopped_call.begin_throw(activation, store);
            }
            if is_told {
                let place = (position, throwing.catching.pc);
                self.tell_of_caught(tag, place, || store.thrown_of(&throwing))?;
            }
            if is_tracing {
                self.tell_of_left(position, &throwing)?;
            }
        }
        self.if_done(self.prepare_landing(&throwing.catching))
    }

    /// Which frame of an activation has this frame pointer, from the innermost.
    #[cold]
    pub(super) fn position_of(&self, activation: &Activation, fp: usize) -> u32 {
        self.debuggee.store().walk(activation).take_while(|frame| frame.fp != fp).count() as u32
    }

    /// Tells whoever wants to know of an exception that the innermost frame has thrown, and that the one at this place catches, at its
    /// operator at `catch`.
    pub(super) fn tell_of_caught(
        &self,
        tag: Tag,
        (position, catch): (u32, WasmPc),
        thrown: impl FnOnce() -> Result<Rc<Thrown>>,
    ) -> Flow {
        let (kind, happening) = (EventKind::CaughtException, Happening::Exception { tag, is_caught: true });
        let ids = match self.has_breakpoint_at(happening) {
            true => self.if_done(self.hit_by(happening, kind))?,
            false => self.debuggee.no_ids.clone(),
        };
        if self.silent {
            return Flow::Continue(());
        }
        let receiver = self.receiver_at(kind, &ids);
        if let Receiver::Nobody = receiver {
            return Flow::Continue(());
        }
        let frame = self.stopped_call.frame(self.debuggee.store(), position);
        let exception = CaughtException { thrown: self.if_done(thrown())?, frame, pc: catch };
        let pc = self.stopped_call.place().map_or(WasmPc(0), |(_, pc)| pc);
        let step = self.debuggee.step_request.get();
        let event = self.event(kind, pc, ids);
        self.tell(receiver, Event { exception: Some(exception), ..event })?;
        self.keep_step(step);
        Flow::Continue(())
    }

    /// Prepares for going on in the frame that catches an exception: newer ones are gone then, and its operands above the label, too.
    #[cold]
    pub(super) fn prepare_landing(&self, catching: &Catching) -> Result<()> {
        let call = self.call.id();
        self.debuggee.forget_writes(call, |fp| fp < catching.fp)?;
        self.end_frames_above(catching.fp);
        if let Some(writes) = self.debuggee.pending.of(call, catching.fp) {
            writes.keep_operands(catching.operands_beneath());
            // They are made at the next stop point of the frame, wherever that is.
            self.debuggee.run_on.set(Some(self.debuggee.run_on.take().unwrap_or_default()));
        }
        if self.debuggee.run_on.get().is_some() {
            self.debuggee.arm_newest(self.call)?;
        }
        self.prepare_landing_of_step(catching)
    }

    fn finished(&self) -> Outcome {
        self.forget_request();
        self.give_up_running_on();
        Outcome::Finished
    }

    pub(super) fn steps(&self) -> bool {
        !self.silent && self.debuggee.steps(self.call.id())
    }

    fn is_requested(&self) -> bool {
        self.debuggee.step_request.get().is_some_and(|request| request.call == self.call.id())
    }

    /// A handler that has no more to say than to continue leaves the step as it is in the midst of which something happened that isn't
    /// of the guest's operators.
    pub(super) fn keep_step(&self, step: Option<Request>) {
        if self.debuggee.step_request.get().is_none() {
            self.debuggee.step_request.set(step);
        }
    }

    fn forget_request(&self) {
        // Its frames are gone, or won't be returned to.
        self.debuggee.forget_call(self.call.id());
        if self.is_requested() {
            self.debuggee.step_request.set(None);
        }
    }

    /// Notes that the call is stopped at a stop point; answers its site if anything is to do there.
    #[inline]
    fn arrive(&self, stopped: Stopped) -> Option<Rc<Site>> {
        let last = self.stopped_call.site().filter(|site| site.is_at(stopped.pc));
        let site = last.or_else(|| self.debuggee.book.site_at(self.debuggee.store(), stopped.pc))?;
        let is_passed = !site.is_marked()
            && !self.is_written(stopped.fp)
            && !self.step_ends_in(&site, stopped.fp)
            && !self.is_watched(&site, stopped.fp)
            && !self.is_traced(&site);
        if is_passed && self.debuggee.run_on.get().is_none() {
            if let Err(refused) = self.debuggee.forget_orphans() {
                log::debug!("a stop point that nothing needs stays armed: {refused}");
            }
            return None;
        }
        self.stopped_call.begin_stopped(self.call, stopped, &site);
        Some(site)
    }

    /// Whether something was written into the frame that the call has returned to.
    #[inline]
    fn is_written(&self, fp: usize) -> bool {
        self.debuggee.pending.any() && self.debuggee.pending.of(self.call.id(), fp).is_some()
    }

    /// Goes through the run of `site`, operator by operator, from the one that the call is at up to the last that somebody wants to
    /// see.
    pub(super) fn walk(&self, site: &Site) -> Flow {
        loop {
            let index = self.stopped_call.index();
            if !self.debuggee.watching.any() || self.tell_of_watched(site, index)? {
                if self.debuggee.watching.tracing.any() {
                    self.tell_of_traced(site, index)?;
                }
                self.examine(site, index)?;
            }
            // Whoever was told may have begun to watch or to trace, or have ended that.
            let (is_watching, is_tracing) = (self.debuggee.watching.any(), self.debuggee.watching.tracing.any());
            if self.stopped_call.is_moved() {
                return self.let_machine_go_on(&self.here());
            }
            let mut target = match self.step_ends(site) {
                Ends::Everywhere => site.next(index),
                Ends::Nowhere => site.next_mark(index),
                Ends::At(pc) => site.next_mark_or(index, pc),
            };
            if is_watching {
                self.note_access(site, index)?;
                target = self.next_watched(site, index).into_iter().chain(target).min();
            }
            if is_tracing {
                target = self.next_exit(site, index).into_iter().chain(target).min();
            }
            let Some(target) = target else { return self.let_machine_go_on(site) };
            let was_seen = self.stopped_call.raised.get().is_some();
            match self.stopped_call.advance(site, target, self.debuggee.store(), &self.debuggee.cache.layouts) {
                Advance::There => {}
                Advance::Leaves => return self.let_machine_go_on(site),
                Advance::Unclear => return self.go_on_exactly(),
            }
            if was_seen {
                // Nothing ran, but the frame isn't what it was.
                self.call.bump_epoch();
                self.stopped_call.set_epoch(self.call.epoch());
            }
        }
    }

    /// Has the frame go on in its exact form, since only the machine knows what comes next, or it would do something else than was
    /// shown.
    #[cold]
    fn go_on_exactly(&self) -> Flow {
        self.if_done(self.debuggee.continue_exactly(self.stopped_call))?;
        self.let_machine_go_on(&self.here())
    }

    /// The stop point that the call is at, which is another one after its frame was moved.
    #[cold]
    pub(super) fn here(&self) -> Rc<Site> {
        self.stopped_call.site().expect("it is stopped")
    }

    /// Prepares for the machine to go on from the operator of the run of `site` that the call is at, by way of those before it. If
    /// the call steps, all stop points that the step may lead to are armed.
    #[inline]
    pub(super) fn let_machine_go_on(&self, site: &Site) -> Flow {
        if self.stopped_call.is_moved() {
            if self.stopped_call.throws() {
                return self.throw();
            }
            if self.debuggee.watching.any() {
                self.note_access(site, 0)?;
            }
        }
        if !self.stopped_call.reads_the_same(self.debuggee.store()) {
            return self.go_on_exactly();
        }
        if self.stopped_call.raised.get().is_some() {
            self.stopped_call.may_be_replaced(site);
        }
        if self.is_stepping() { self.if_done(self.prepare_step(site)) } else { Flow::Continue(()) }
    }

    fn prepare_step(&self, site: &Site) -> Result<()> {
        if !self.steps()
            && let Some(goal) = self.goal()
        {
            return self.prepare_goal(site, &goal);
        }
        self.debuggee.arm_frame(self.stopped_call, site)?;
        if self.is_at_call(site) { self.arm_callee(site) } else { Ok(()) }
    }

    /// Whether the operator of the run of `site` that the call is at calls a function.
    pub(super) fn is_at_call(&self, site: &Site) -> bool {
        site.calls_at(self.stopped_call.index())
    }

    /// Arms the function that is called by the call operator that the call is at.
    pub(super) fn arm_callee(&self, site: &Site) -> Result<()> {
        let Debuggee { cache, .. } = self.debuggee;
        if let Some(callee) = self.stopped_call.callee(site, self.debuggee.store(), &cache.layouts)
            && let Some(callee) = self.debuggee.function_to_step(callee)
        {
            self.debuggee.arm_function(callee)?;
        }
        Ok(())
    }

    /// Raises the event of an operator, if there is one. Two events are raised if a handler, at the end of a step, sets a
    /// breakpoint at the very operator where the step ended: an edit takes effect at once.
    #[inline(always)]
    fn examine(&self, site: &Site, index: u32) -> Flow {
        let told = self.stopped_call.raised.get();
        if told.is_none_or(EventKind::is_between_operators) {
            let was_moved = self.stopped_call.is_moved();
            let (kind, ids) = match self.hit(site, index)? {
                Some(ids) => (EventKind::Breakpoint, ids),
                // Where a watchpoint was told of that was the step's end. One that was asked for here ends elsewhere.
                None if self.stopped_call.is_moved() == was_moved
                    && told != Some(EventKind::Watchpoint)
                    && !self.stopped_call.is_seen.get()
                    && (!self.stopped_call.steps_from_here.get() || self.debuggee.single_step.get())
                    && self.step_ends(site).is_at(site.pc(index)) =>
                {
                    (EventKind::Step, self.debuggee.no_ids.clone())
                }
                None => return Flow::Continue(()),
            };
            let is_decided = kind == EventKind::Step && site.is_marked_at(index);
            let flow = self.raise(kind, site, index, ids);
            if is_decided && self.stopped_call.raised.get() == Some(EventKind::Step) {
                // Its breakpoints raise no event here: they aren't asked again.
                self.stopped_call.raised.set(Some(EventKind::Breakpoint));
            }
            flow?;
        }
        let is_new = self.stopped_call.raised.get() == Some(EventKind::Step) && site.is_marked_at(index);
        if is_new && !self.is_stepping() { self.examine_again(site, index) } else { Flow::Continue(()) }
    }

    #[cold]
    fn examine_again(&self, site: &Site, index: u32) -> Flow {
        match self.hit(site, index)? {
            Some(ids) => self.raise(EventKind::Breakpoint, site, index, ids),
            None => Flow::Continue(()),
        }
    }

    /// Counts a hit of the enabled breakpoints of an operator; answers the ids of those that raise an event.
    #[inline(always)]
    fn hit(&self, site: &Site, index: u32) -> ControlFlow<(), Option<Rc<[u64]>>> {
        if !site.has_options() {
            return ControlFlow::Continue(site.hit(index, self.silent));
        }
        if self.are_declined(site, index) {
            return ControlFlow::Continue(None);
        }
        self.if_done(self.hit_with_options(site, index))
    }

    #[inline(always)]
    fn raise(&self, kind: EventKind, site: &Site, index: u32, breakpoints: Rc<[u64]>) -> Flow {
        if self.silent {
            return Flow::Continue(());
        }
        let receiver = self.debuggee.receiver(kind, self.resumable);
        if let Receiver::Nobody = receiver {
            return Flow::Continue(());
        }
        if kind == EventKind::Breakpoint {
            site.note_told(index, &breakpoints);
        }
        let event = self.event(kind, site.pc(index), breakpoints);
        self.tell(receiver, event)
    }

    /// The event of a stop at the operator at `pc`, where the call stands.
    #[inline(always)]
    pub(super) fn event(&self, kind: EventKind, pc: WasmPc, breakpoints: Rc<[u64]>) -> Event {
        self.has_begun.set(true);
        self.stopped_call.raised.set(Some(kind));
        // Whatever was asked for has led here.
        self.debuggee.step_request.set(None);
        Event {
            frame: Some(self.stopped_call.frame(self.debuggee.store(), 0)),
            pc,
            can_pause: self.resumable,
            ..Event::new(kind, self.call.id(), breakpoints)
        }
    }

    /// Tells of an event that a guest was stopped for, and does what the answer is.
    #[inline(always)]
    pub(super) fn tell(&self, receiver: Receiver, event: Event) -> Flow {
        let Receiver::Handler(handler) = receiver else { return self.finish(Ok(Outcome::Paused(event))) };
        match self.debuggee.handle(self.call, &handler, &event) {
            Action::Continue => Flow::Continue(()),
            Action::Step => {
                self.request(None);
                Flow::Continue(())
            }
            Action::Run(goal) if goal.frame.call == self.call.id() => {
                self.request(Some(goal));
                Flow::Continue(())
            }
            Action::Run(_) => {
                log::warn!("an event handler asked for a step to a goal of another call");
                Flow::Continue(())
            }
            Action::Pause if !event.can_pause => {
                self.debuggee.refuse_pause();
                Flow::Continue(())
            }
            Action::Pause => {
                let frame = event.frame.map(|_| self.stopped_call.frame(self.debuggee.store(), 0));
                // The handler may have moved the frame.
                let pc = self.stopped_call.place().filter(|_| frame != event.frame).map_or(event.pc, |(_, pc)| pc);
                self.finish(Ok(Outcome::Paused(Event { frame, pc, ..event })))
            }
            Action::Trap(message) => {
                // The handler may have moved the frame.
                let frame = self.stopped_call.frame(self.debuggee.store(), 0);
                self.finish(self.trap_on_request(Some(frame), message))
            }
        }
    }

    fn request(&self, goal: Option<Goal>) {
        // A step whose end nobody would hear of is none.
        if self.resumable || self.debuggee.is_wanted(EventKind::Step) {
            self.debuggee.step_request.set(Some(Request { call: self.call.id(), goal }));
            self.stopped_call.steps_from_here.set(true);
        }
    }

    /// Ends a call that doesn't run, and is at a stop if it `is_paused`.
    pub(super) fn trap_by_host(&self, is_paused: bool, message: String) -> Result<Outcome> {
        let frame = if is_paused { self.debuggee.innermost(self.stopped_call) } else { None };
        self.trap_on_request(frame, message)
    }

    fn trap_on_request(&self, frame: Option<Frame>, message: String) -> Result<Outcome> {
        let (event, error) = self.end_with(frame, TrapCode::Requested, Some(message))?;
        Ok(Outcome::Trapped(Some(event), error))
    }

    /// Ends the call where it stands with a trap of the host's; answers the trap's event too.
    pub(super) fn end_with(
        &self,
        frame: Option<Frame>,
        code: TrapCode,
        message: Option<String>,
    ) -> Result<(Event, Error)> {
        let error = Error::trap(code, None, Backtrace::default());
        let error = if let Some(message) = message { error.with_message(message) } else { error };
        self.end_by(frame, EventKind::Trap, code, error)
    }

    /// Ends the call where it stands with an error of the host's; answers the event, too.
    pub(super) fn end_by(
        &self,
        frame: Option<Frame>,
        kind: EventKind,
        code: TrapCode,
        error: Error,
    ) -> Result<(Event, Error)> {
        let mut pc = WasmPc(0);
        let mut backtrace = Backtrace::default();
        if let Some((activation, stopped_at)) = self.stopped_call.place().filter(|_| frame.is_some()) {
            pc = stopped_at;
            backtrace = self.debuggee.store().backtrace(&activation);
            if let Some(newest) = backtrace.frames.first_mut() {
                // The machine only knows where the run starts.
                newest.func_offset = newest.func_offset + pc.0 - newest.pc.0;
                newest.pc = pc;
            }
        } else if let Some(activation) = self.call.activation() {
            backtrace = self.debuggee.store().backtrace(&activation);
        }
        let error = error.with_backtrace(backtrace);
        self.call.fail(error.clone())?;
        self.stopped_call.ended.set(Some(code));
        self.debuggee.forget_call(self.call.id());
        let event = self.debuggee.event_of(kind, self.call.id());
        let event = Event { frame, pc, trap: Some(code), error: Some(error.clone()), ..event };
        Ok((event, error))
    }

    fn trapped(&self, trap: &TrapInfo) -> Outcome {
        self.is_refused.set(trap.code == TrapCode::CallStackExhausted && trap.pc.0 == 0);
        self.forget_request();
        self.give_up_running_on();
        let store = self.debuggee.store();
        let error = self.call.error(store, trap);
        if error.kind() == ErrorKind::Exit {
            return Outcome::Exited(error);
        }
        let kind = match trap.code {
            TrapCode::HostError => EventKind::HostError,
            TrapCode::Exception => EventKind::UncaughtException,
            _ => EventKind::Trap,
        };
        let happening = match error.thrown() {
            Some(thrown) if kind == EventKind::UncaughtException => {
                Happening::Exception { tag: thrown.tag, is_caught: false }
            }
            _ => Happening::Trap(trap.code),
        };
        let receiver = if self.silent && !self.resumable {
            Receiver::Nobody
        } else {
            self.debuggee.receiver(kind, self.resumable)
        };
        let activation = self.call.activation().filter(|_| self.debuggee.is_debug());
        let is_traced = self.debuggee.watching.tracing.any() && !self.silent;
        let has_breakpoint = activation.is_some() && self.has_breakpoint_at(happening);
        let is_seen = has_breakpoint || is_traced || !matches!(receiver, Receiver::Nobody);
        let (Some(activation), true) = (activation, is_seen) else {
            return Outcome::Trapped(self.resumable.then(|| self.trap_event(kind, trap, None, &error)), error);
        };
        self.stopped_call.begin_trapped(activation, trap.code, store);
        let frame = self.debuggee.innermost(self.stopped_call);
        let event = self.trap_event(kind, trap, frame, &error);
        let event = if has_breakpoint { self.with_breakpoints(event, happening) } else { event };
        if !self.silent
            && let Receiver::Handler(handler) = self.receiver_at(kind, &event.breakpoints)
        {
            self.tell_of_end(&handler, &event);
        }
        Outcome::Trapped(Some(event), error)
    }

    /// The event of what has ended the call, with the breakpoints that are at it.
    pub(super) fn with_breakpoints(&self, event: Event, happening: Happening) -> Event {
        match self.hit_by(happening, event.kind) {
            Ok(breakpoints) => Event { breakpoints, ..event },
            Err(error) => {
                log::warn!("a breakpoint that is there only once stays: {error}");
                event
            }
        }
    }

    /// Tells a handler that the call has ended, whatever the handler would like.
    pub(super) fn tell_of_end(&self, handler: &Registered, event: &Event) {
        if self.debuggee.handle(self.call, handler, event) == Action::Pause {
            self.debuggee.refuse_pause();
        }
    }

    fn trap_event(&self, kind: EventKind, trap: &TrapInfo, frame: Option<Frame>, error: &Error) -> Event {
        let Debuggee { cache, .. } = self.debuggee;
        let mut look = self.stopped_call.look();
        let pc = frame.and_then(|_| look.frame(self.debuggee.store(), cache, 0)).map(|view| view.pc);
        Event {
            frame,
            pc: pc.unwrap_or(WasmPc(0)),
            trap: Some(trap.code),
            fault: trap.fault,
            error: Some(error.clone()),
            ..self.debuggee.event_of(kind, self.call.id())
        }
    }
}

/// Whether calls are stepped.
impl Debuggee {
    /// Whether a call stops at every operator. A host function may run guest code while its own caller is asked to step; that code
    /// is stepped too, if there is a handler for steps, unless the step is one to a goal.
    pub(super) fn steps(&self, call: u64) -> bool {
        let requested =
            |request: Request| request.goal.is_none() && (request.call == call || self.is_wanted(EventKind::Step));
        self.single_step.get() || self.step_request.get().is_some_and(requested)
    }

    /// Disarms what was armed for a step that is over.
    pub(super) fn before_running(&self) -> Result<()> {
        let steps = self.single_step.get()
            || self.step_request.get().is_some()
            || self.outer_requests.get() != 0
            || self.run_on.get().is_some();
        if self.armed.any() && !steps { self.disarm() } else { Ok(()) }
    }
}
