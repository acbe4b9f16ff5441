//! Interruptions: what becomes of a call that was left because somebody asked for it, or because its time is used up.
//!
//! With debugging the guest runs on to a stop point, where its frames are complete. Those of the function that it is in are armed
//! for that, and the one where its caller goes on. If it calls a function before it gets there, and that runs for long, it is
//! interrupted again after a while, and that function's are armed too.
//!
//! A call that can't pause is ended where a pause is asked for: whoever asks wants control back. Ending a call that runs under
//! others of its store is meant for these too. Read next: `session.rs`.

use super::break_target::Happening;
use super::event::Receiver;
use super::session::{Flow, Outcome, Session};
use super::{Debuggee, Event, EventKind, Frame};
use crate::base::{ErrorKind, Result, TrapCode, WasmPc, error::bail};
use crate::runtime::{AlarmClock, AlarmView, Call, Exit, FrameLink, Interrupted, Interrupts, LimitAction, Store};

/// Time that a call is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How much.
    pub nanoseconds: u64,
    /// Of what.
    pub clock: AlarmClock,
    /// Whether the call pauses when it is used up; otherwise it ends with the trap [`TrapCode::Deadline`].
    pub pauses: bool,
}

/// A budget in use.
#[derive(Clone, Copy)]
pub(super) struct BudgetView<'a> {
    alarm: AlarmView<'a>,
    pauses: bool,
}

impl Budget {
    /// Runs something under this budget, or without any.
    #[inline(always)]
    pub(super) fn spend<R>(
        budget: Option<Budget>,
        store: &Store,
        run: impl FnOnce(Option<BudgetView<'_>>) -> Result<R>,
    ) -> Result<R> {
        match budget {
            None => run(None),
            Some(Budget { nanoseconds, clock, pauses }) => {
                store.with_alarm(nanoseconds, clock, true, |alarm| run(Some(BudgetView { alarm, pauses })))
            }
        }
    }

    /// A one-shot call can't pause.
    pub(super) fn check_one_shot(&self) -> Result<()> {
        if self.pauses {
            bail!(InvalidArgument, "a call that isn't resumable can't pause when its time is used up");
        }
        Ok(())
    }
}

/// How long a guest may take to its next stop point before what it has called meanwhile is looked at, in nanoseconds.
const PATIENCE: u64 = 30_000;

/// What is to be done.
#[derive(Clone, Copy)]
enum Todo {
    End(TrapCode),
    Pause(EventKind),
    Tell(EventKind),
    /// To tell that a memory has grown.
    TellOfGrowth,
    Nothing,
}

impl Session<'_> {
    /// Handles that the guest was left. If the answer is to go on, everything is ready for that.
    #[cold]
    pub(super) fn interrupted(&self, place: Interrupted) -> Flow {
        let store = self.debuggee.store();
        let is_new = place == Interrupted::Outside && !self.has_begun.replace(true) && !self.call.is_nested();
        let asked = self.take_asked(is_new);
        let looks_at_watched = asked.look && self.debuggee.watching.any();
        let tells_of_watched = match looks_at_watched {
            true => self.if_done(self.debuggee.look_before_running())?,
            false => false,
        };
        if asked.look && self.silent {
            self.debuggee.forget_growths();
        }
        if matches!(self.todo(asked), (Todo::Nothing, _)) && !tells_of_watched {
            return Flow::Continue(());
        }
        if place == Interrupted::Outside && self.stopped_call.begin_again(self.call) {
            let place = || self.stopped_call.place().map(|(_, pc)| pc);
            let (raised, before) = (self.stopped_call.raised.get(), place());
            let flow = self.act(asked);
            // What was told of its operator isn't told again, and who was asked there isn't asked again, unless it has come elsewhere.
            let of_operator = raised.filter(|raised| !raised.is_between_operators());
            if of_operator.is_some() || place() == before {
                self.stopped_call.raised.set(of_operator.or(Some(EventKind::Breakpoint)));
            }
            flow?;
            return self.let_machine_go_on(&self.here());
        }
        if place == Interrupted::Calling || asked.is_within || !self.debuggee.is_debug() {
            if self.debuggee.is_debug()
                && let Some(activation) = self.call.activation()
            {
                self.stopped_call.begin_within(activation, store);
            }
            return self.act_and_step(asked);
        }
        match self.debuggee.arm_newest(self.call) {
            Ok(true) => {
                self.debuggee.run_on.set(Some(asked));
                Flow::Continue(())
            }
            // There is nothing of the guest to run on to, as before a function of the host's.
            Ok(false) => self.act(asked),
            Err(error) => self.finish(Err(error)),
        }
    }

    /// Handles what was asked for while a host function ran that has no results yet.
    #[cold]
    pub(super) fn interrupted_in_host_func(&self) -> Flow {
        self.act(self.take_asked(false))
    }

    /// What was asked for, and what was to be done at the next stop point.
    fn take_asked(&self, is_new: bool) -> Interrupts {
        let mut asked = self.debuggee.store().take_interrupts(is_new);
        let before = self.debuggee.run_on.take().unwrap_or_default();
        asked.trap |= before.trap;
        asked.pause |= before.pause;
        asked.event |= before.event;
        asked.look |= before.look;
        asked.epoch = asked.epoch.or(before.epoch);
        asked.fuel = asked.fuel.or(before.fuel);
        asked
    }

    /// Does what was asked for where no stop point is.
    fn act_and_step(&self, asked: Interrupts) -> Flow {
        self.act(asked)?;
        self.if_done(self.prepare_steps())
    }

    /// Handles that the guest has come to the stop point that it was to run on to.
    #[cold]
    pub(super) fn has_run_on(&self) -> Flow {
        match self.debuggee.run_on.take() {
            Some(asked) => self.act(asked),
            None => Flow::Continue(()),
        }
    }

    /// A call that was to run on to a stop point came to its end before. What was asked for is still to be done.
    pub(super) fn give_up_running_on(&self) {
        if let Some(asked) = self.debuggee.run_on.take() {
            self.debuggee.store().put_back_interrupts(asked);
        }
    }

    /// Enters the guest, which is to run on to a stop point, until it does or some time has passed.
    #[cold]
    pub(super) fn enter_for_a_while(&self) -> Result<Exit> {
        self.debuggee.store().with_alarm(PATIENCE, AlarmClock::Wall, false, |_| self.enter())
    }

    /// What is to be done first, and what was asked for besides.
    fn todo(&self, asked: Interrupts) -> (Todo, Interrupts) {
        // In this order: the budget may be used up in between, but not the other way round.
        let store = self.debuggee.store();
        let is_used_up = store.is_time_used_up();
        let own_pauses = self.budget.is_some_and(|budget| budget.pauses && budget.alarm.has_gone_off());
        let mut rest = asked;
        let todo = if asked.look && store.has_growth() {
            // It has happened already. Where more is to be told the guest is left again before it runs on.
            rest.look = true;
            Todo::TellOfGrowth
        } else if asked.trap {
            Todo::End(TrapCode::Interrupted)
        } else if let Some(action) = asked.fuel {
            // Before what comes at no particular operator: that is heard where it comes next.
            rest.fuel = None;
            match action {
                LimitAction::Pause if self.resumable => Todo::Pause(EventKind::Fuel),
                LimitAction::Tell => Todo::Tell(EventKind::Fuel),
                _ => Todo::End(TrapCode::OutOfFuel),
            }
        } else if asked.epoch.is_some_and(|action| !self.may_go_on(action)) {
            Todo::End(TrapCode::Deadline)
        } else if own_pauses {
            rest.alarm = false;
            Todo::Pause(EventKind::Deadline)
        } else if is_used_up {
            // The call's own, or that of one around it, which can't go on before this one has ended.
            Todo::End(TrapCode::Deadline)
        } else if asked.pause && !self.resumable {
            Todo::End(TrapCode::Interrupted)
        } else if asked.pause {
            rest.pause = false;
            Todo::Pause(EventKind::Interrupt)
        } else if let Some(action) = asked.epoch {
            rest.epoch = None;
            if action == LimitAction::Tell { Todo::Tell(EventKind::Epoch) } else { Todo::Pause(EventKind::Epoch) }
        } else if asked.event {
            rest.event = false;
            Todo::Tell(EventKind::Interrupt)
        } else {
            Todo::Nothing
        };
        (todo, rest)
    }

    /// Whether the call can go on after what is done when a limit is reached.
    fn may_go_on(&self, action: LimitAction) -> bool {
        match action {
            LimitAction::Tell => true,
            LimitAction::Pause => self.resumable,
            LimitAction::Trap => false,
        }
    }

    /// Does what was asked for, where the call stands. If it can go on after that, it hears what else was asked for before it does.
    fn act(&self, asked: Interrupts) -> Flow {
        let (todo, rest) = self.todo(asked);
        if let Todo::Pause(_) | Todo::Tell(_) | Todo::TellOfGrowth = todo {
            self.debuggee.store().put_back_interrupts(rest);
        }
        match todo {
            Todo::Nothing => Flow::Continue(()),
            Todo::TellOfGrowth => self.tell_of_growth(),
            Todo::Pause(kind) => self.finish(Ok(Outcome::Paused(self.event_here(kind)))),
            Todo::Tell(kind) => {
                let receiver =
                    if self.silent { Receiver::Nobody } else { self.debuggee.receiver(kind, self.resumable) };
                if let Receiver::Nobody = receiver {
                    // Without fuel no guest goes on unless somebody has said so.
                    return if kind == EventKind::Fuel {
                        self.end_for(asked, TrapCode::OutOfFuel)
                    } else {
                        Flow::Continue(())
                    };
                }
                let step = self.debuggee.step_request.get();
                self.tell(receiver, self.event_here(kind))?;
                self.keep_step(step);
                Flow::Continue(())
            }
            Todo::End(code) => self.end_for(asked, code),
        }
    }

    /// Ends the call. Those around it find by themselves that fuel is used up.
    fn end_for(&self, asked: Interrupts, code: TrapCode) -> Flow {
        if self.call.is_nested() && code != TrapCode::OutOfFuel {
            let alarm = code == TrapCode::Deadline;
            self.debuggee.store().leave_interrupts_to_outer(Interrupts { event: false, alarm, ..asked });
        }
        let outcome = self.end(code);
        self.finish(outcome)
    }

    fn end(&self, code: TrapCode) -> Result<Outcome> {
        let (event, error) = self.end_with(self.frame_here().map(|(frame, _)| frame), code, None)?;
        debug_assert!(error.kind() == ErrorKind::Trap);
        let happening = Happening::Trap(code);
        let has_breakpoint = event.frame.is_some() && self.has_breakpoint_at(happening);
        let event = if has_breakpoint { self.with_breakpoints(event, happening) } else { event };
        if !self.silent
            && let Receiver::Handler(handler) = self.receiver_at(EventKind::Trap, &event.breakpoints)
        {
            self.tell_of_end(&handler, &event);
        }
        Ok(Outcome::Trapped(Some(event), error))
    }

    /// An event of the guest as it stands, without a frame if there is none to look at.
    pub(super) fn event_here(&self, kind: EventKind) -> Event {
        let frame = self.frame_here();
        let (frame, pc) = frame.map_or((None, WasmPc(0)), |(frame, pc)| (Some(frame), pc));
        Event { frame, ..self.event(kind, pc, self.debuggee.no_ids.clone()) }
    }

    fn frame_here(&self) -> Option<(Frame, WasmPc)> {
        let Debuggee { cache, .. } = self.debuggee;
        if !self.stopped_call.is_inspectable.get() {
            return None;
        }
        let frame = self.debuggee.innermost(self.stopped_call)?;
        let pc = self.stopped_call.look().frame(self.debuggee.store(), cache, 0)?.pc;
        Some((frame, pc))
    }
}

impl Debuggee {
    /// Arms what a call comes to next: the stop points of the function that its newest frame runs, or that it is about to enter, and
    /// the one where that frame's caller goes on. Answers whether there are any.
    pub(super) fn arm_newest(&self, call: &Call) -> Result<bool> {
        if let Some(function) = call.goes_to() {
            self.arm_function(function)?;
        }
        if let Some(throwing) = call.throwing() {
            let blob = throwing.catching.blob;
            if let Some(body) = blob.tables().body_at(throwing.catching.landing) {
                self.arm_function((blob.module().clone(), blob.function(body)))?;
            }
        }
        let activation = call.activation();
        let mut frames = activation.iter().flat_map(|activation| self.store().walk(activation));
        let Some((newest, (body, _))) = frames.by_ref().find_map(|frame| frame.place().map(|place| (frame, place)))
        else {
            let Some(function) = self.function_to_step(call.func()) else { return Ok(false) };
            self.arm_function(function)?;
            return Ok(true);
        };
        self.arm_function((newest.blob.module().clone(), newest.blob.function(body)))?;
        if let Some(caller) = frames.next() {
            let link = FrameLink { pc: caller.pc, fp: caller.fp, kind: caller.kind };
            if let Some(location) = self.cache.location(self.store(), link) {
                self.arm_return(&location)?;
            }
        }
        Ok(true)
    }
}
