//! Debugging at random: breakpoints that come and go, steps, pauses and answers of handlers by chance. Each event must be
//! the one that follows from the steps the call takes, which [`crate::ours::step`] found out.

use crate::case::{Call, Case, Ended, Report, Trace};
use crate::ours::{self, HostHook, HostMoment, Session, run_session};
use crate::random::Random;
use pellucid::base::WasmPc;
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Event, EventKind, Frame, Resume};
use pellucid::runtime::{Engine, Module};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Changes that change nothing, made wherever a call is stopped. Answers whether the innermost frame was written to or moved,
/// and notes what was done.
pub type Touch = dyn Fn(&Session, &Frame, &mut Random, &mut Vec<String>) -> bool;

/// A breakpoint as it should be.
#[derive(Clone, Debug)]
struct Breakpoint {
    id: u64,
    pc: u32,
    enabled: bool,
    hits: u64,
}

/// What the debugger was asked for, and where the call should be.
struct Model {
    random: Random,
    session: Rc<Session>,
    trace: Trace,
    pcs: Vec<u32>,
    breakpoints: Vec<Breakpoint>,
    single_step: bool,
    /// The step that the call stands at.
    at: Option<usize>,
    /// Whether the breakpoints there were raised.
    is_raised: bool,
    /// Whether it throws there: until it is caught nothing in the frames can be changed.
    is_throwing: bool,
    /// How many exceptions were thrown and will be caught.
    throws: usize,
    events: u32,
    log: Vec<String>,
    touch: Option<Rc<Touch>>,
}

impl Model {
    /// Some edits, seldom none of which changes anything.
    fn edit(&mut self) {
        if self.events > 300 {
            // Enough was seen; the rest of the call need not take longer.
            self.quieten();
            return;
        }
        for _ in 0..self.random.below(3) {
            let session = self.session.clone();
            let choice = self.random.below(10);
            if choice == 0 {
                self.single_step = !self.single_step;
                session.edit(|edit| edit.single_step(self.single_step));
                self.note(format!("single step {}", self.single_step));
            } else if choice < 6 || self.breakpoints.is_empty() {
                let pc = self.random.pick(&self.pcs);
                let debuggee = &session.debuggee;
                let (id, actual) =
                    session.edit(|edit| edit.add(debuggee, &session.module, WasmPc(pc)).expect("a good pc"));
                assert_eq!(actual.0, pc, "a breakpoint at an operator lands there");
                self.breakpoints.push(Breakpoint { id, pc, enabled: true, hits: 0 });
                self.note(format!("breakpoint {id} at {pc:#x}"));
            } else {
                let place = self.random.below(self.breakpoints.len());
                let Breakpoint { id, enabled, .. } = self.breakpoints[place];
                if choice < 8 {
                    self.breakpoints[place].enabled = !enabled;
                    session.edit(|edit| edit.enable(id, !enabled));
                    self.note(format!("breakpoint {id} enabled: {}", !enabled));
                } else {
                    self.breakpoints.remove(place);
                    session.edit(|edit| edit.remove(id));
                    self.note(format!("breakpoint {id} removed"));
                }
            }
        }
        if self.random.chance(10) {
            self.check_book();
        }
    }

    /// Now and then, the frames are touched.
    fn touch(&mut self, innermost: &Frame) {
        if let Some(touch) =
            self.touch.clone().filter(|_| !self.is_throwing && self.events <= 300 && self.random.chance(30))
        {
            // Who was told where a step ended isn't told again once it has changed the frame.
            self.is_raised |= touch(&self.session, innermost, &mut self.random, &mut self.log);
        }
    }

    fn note(&mut self, what: String) {
        self.log.push(what);
    }

    fn quieten(&mut self) {
        if !self.breakpoints.is_empty() || self.single_step {
            self.note("quiet".into());
            self.session.edit(|edit| {
                self.breakpoints.iter().for_each(|breakpoint| edit.remove(breakpoint.id));
                edit.single_step(false);
            });
            self.breakpoints.clear();
            self.single_step = false;
        }
    }

    fn check_book(&self) {
        let listed = self.session.debuggee.breakpoints().expect("debugging is on");
        let listed: Vec<_> = listed.iter().map(|info| (info.id, info.actual.0, info.enabled, info.hits)).collect();
        let expected: Vec<_> = self.breakpoints.iter().map(|it| (it.id, it.pc, it.enabled, it.hits)).collect();
        assert_eq!(listed, expected, "breakpoints: id, pc, enabled, hits");
    }

    fn is_break(&self, step: usize) -> bool {
        self.breakpoints.iter().any(|breakpoint| breakpoint.enabled && breakpoint.pc == self.trace.steps[step].pc)
    }

    /// Where the next event is if the guest goes on like this.
    fn next(&self, steps: bool) -> Option<usize> {
        let steps = steps || self.single_step;
        let from = self.at.map_or(0, |at| at + 1);
        match self.at {
            // A breakpoint that came where a step ended.
            Some(at) if !steps && !self.is_raised && self.is_break(at) => Some(at),
            _ if steps => (from < self.trace.steps.len()).then_some(from),
            _ => (from..self.trace.steps.len()).find(|step| self.is_break(*step)),
        }
    }

    /// An event happened where `expected` says; it must show what stood there when all was stepped through.
    fn arrive(&mut self, event: &Event, expected: Option<usize>) {
        self.events += 1;
        let Some(next) = expected else {
            panic!("{:?} at {}, but nothing should happen until the end\n{}", event.kind, event.pc, self.history())
        };
        let step = self.trace.steps[next].clone();
        let mut ids = Vec::new();
        for breakpoint in &mut self.breakpoints {
            if breakpoint.enabled && breakpoint.pc == step.pc {
                breakpoint.hits += 1;
                ids.push(breakpoint.id);
            }
        }
        let kind = if ids.is_empty() { EventKind::Step } else { EventKind::Breakpoint };
        let shown = (event.kind, event.pc.0, event.breakpoints.to_vec());
        assert_eq!(shown, (kind, step.pc, ids), "the event at step {next}\n{}", self.history());
        self.note(format!("{kind:?} at step {next}, {:#x}", step.pc));
        let state = self.session.state(&event.frame.expect("an event of guest code has a frame"));
        let same = (state.func, state.pc, state.values()) == (step.func, step.pc, step.values);
        assert!(same, "step {next} shows\n{state:x?}\nwhich isn't what single-stepping showed\n{}", self.history());
        self.at = Some(next);
        self.is_raised = kind == EventKind::Breakpoint;
        self.is_throwing = false;
    }

    /// An exception was thrown where the next event isn't yet.
    fn throw(&mut self, event: &Event, expected: Option<usize>) {
        let Some(&at) = self.trace.throws.get(self.throws) else {
            panic!("an exception at {}, but nothing more is thrown\n{}", event.pc, self.history())
        };
        self.throws += 1;
        self.events += 1;
        self.note(format!("thrown at step {at}, {}", event.pc));
        let is_between = self.at.is_none_or(|last| last <= at) && expected.is_none_or(|next| next > at);
        assert!(is_between, "an exception at step {at}, expected {expected:?}\n{}", self.history());
        let (state, step) = (self.session.state(&event.frame.expect("a frame throws")), &self.trace.steps[at]);
        let shown = (event.pc.0, state.func, state.pc, state.values());
        assert_eq!(shown, (step.pc, step.func, step.pc, step.values), "the throw at step {at}\n{}", self.history());
        (self.at, self.is_raised, self.is_throwing) = (Some(at), true, true);
    }

    fn history(&self) -> String {
        let from = self.log.len().saturating_sub(30);
        format!("after:\n  {}", self.log[from..].join("\n  "))
    }
}

/// A case to the end, debugged at random. The traces are those of the instantiation and of each call.
pub fn run(case: &Rc<Case>, engine: &Engine, traces: &[Trace], random: Random) -> Report {
    run_touched(case, &ours::module(case, engine), traces, random, None)
}

/// The same, with frames touched at random where the calls stop.
pub fn run_touched(
    case: &Rc<Case>,
    module: &Module,
    traces: &[Trace],
    mut random: Random,
    touch: Option<Rc<Touch>>,
) -> Report {
    let session = Rc::new(Session::new(case, module.engine(), module));
    let mut call = 0;
    run_session(&session, |what| {
        call += 1;
        let seed = random.word();
        match traces.get(call) {
            Some(trace) if !trace.is_cut && !trace.steps.is_empty() => {
                debug(&session, what, trace.clone(), Random::new(seed), touch.clone())
            }
            _ => session.call(what),
        }
    })
}

/// One call. Whether a handler sees the events, or only whoever resumes, is up to chance.
fn debug(session: &Rc<Session>, what: &Call, trace: Trace, mut random: Random, touch: Option<Rc<Touch>>) -> Ended {
    let (func, args) = session.prepare(what);
    let call = session.debuggee.call_begin(func, &args).expect("the call is good");
    let has_handler = random.chance(50);
    let mut pcs: Vec<u32> = trace.steps.iter().map(|step| step.pc).collect();
    // Operators that aren't reached count too.
    let info = session.module.info();
    pcs.extend(info.bodies.keys().flat_map(|body| info.operator_pcs(body)).map(|pc| pc.0));
    let mut model = Model {
        random,
        session: session.clone(),
        trace,
        pcs,
        breakpoints: Vec::new(),
        single_step: false,
        at: None,
        is_raised: false,
        is_throwing: false,
        throws: 0,
        events: 0,
        log: Vec::new(),
        touch,
    };
    if let Some(touch) = model.touch.clone() {
        session.set_host_hook(Some(touch_callers(session, touch, model.random.word())));
    }
    let turns = Rc::new(Turns {
        model: RefCell::new(model),
        expected: Cell::new(None),
        steps: Cell::new(false),
        is_told: Cell::new(false),
    });
    if has_handler {
        let turns = turns.clone();
        let handle = move |_: &Debuggee, event: &Event| turns.on_event(event);
        session.debuggee.set_event_handler(EventKind::ALL, Box::new(handle)).expect("debugging is on");
    }
    let ended = turns.drive(&call);
    // The handler and the session hold each other.
    session.debuggee.clear_event_handler().expect("debugging is on");
    session.set_host_hook(None);
    let mut model = turns.model.borrow_mut();
    model.check_book();
    model.quieten();
    ended
}

/// Touches, now and then, the frames that a host function sees.
fn touch_callers(session: &Rc<Session>, touch: Rc<Touch>, seed: u64) -> HostHook {
    let (session, random) = (Rc::downgrade(session), RefCell::new(Random::new(seed)));
    Rc::new(move |debuggee, moment| {
        let mut random = random.borrow_mut();
        if matches!(moment, HostMoment::Called { .. })
            && random.chance(30)
            && let (Some(session), Ok(Some(frame))) = (session.upgrade(), debuggee.newest_frame())
        {
            touch(&session, &frame, &mut random, &mut Vec::new());
        }
        true
    })
}

/// The handler and whoever resumes the call, who take turns.
struct Turns {
    model: RefCell<Model>,
    /// Where the next event is.
    expected: Cell<Option<usize>>,
    /// Whether the call was asked for a step, which hasn't ended.
    steps: Cell<bool>,
    /// Whether the handler saw what the call is paused at.
    is_told: Cell<bool>,
}

impl Turns {
    fn on_event(&self, event: &Event) -> Action {
        if !matches!(event.kind, EventKind::Step | EventKind::Breakpoint | EventKind::CaughtException) {
            return Action::Continue;
        }
        let mut model = self.model.borrow_mut();
        self.see(&mut model, event);
        model.touch(&event.frame.expect("an event of guest code has a frame"));
        model.edit();
        let action = match model.random.below(4) {
            0 | 1 => Action::Continue,
            2 => Action::Step,
            _ => Action::Pause,
        };
        model.note(format!("the handler answers {action:?}"));
        if action == Action::Pause {
            assert!(event.can_pause, "the call is resumable");
            self.is_told.set(true);
        } else {
            // An event ends a step, as far as it came; but for an exception, after which it goes on.
            let goes_on = self.steps.get() && event.kind == EventKind::CaughtException;
            self.steps.set(action == Action::Step || goes_on);
            self.expected.set(model.next(self.steps.get()));
        }
        action
    }

    /// An event, told to the model.
    fn see(&self, model: &mut Model, event: &Event) {
        if event.kind == EventKind::CaughtException {
            model.throw(event, self.expected.get());
        } else {
            model.arrive(event, self.expected.get());
        }
    }

    fn drive(&self, call: &DebugCall) -> Ended {
        let session = self.model.borrow().session.clone();
        loop {
            let how = {
                let mut model = self.model.borrow_mut();
                model.edit();
                if let Some(frame) = call.frame(&session.debuggee).expect("a call of the store") {
                    model.touch(&frame);
                }
                let how = if model.random.chance(40) { Resume::Step } else { Resume::Continue };
                model.note(format!("resume {how:?}"));
                self.steps.set(how == Resume::Step);
                self.expected.set(model.next(self.steps.get()));
                how
            };
            let state = call.resume(&session.debuggee, how).expect("the call can be resumed");
            let mut model = self.model.borrow_mut();
            let expected = self.expected.get();
            if state != CallState::Paused {
                assert_eq!(expected, None, "the step that had no event\n{}", model.history());
                return session.ended_call(call);
            }
            if !self.is_told.replace(false) {
                self.see(&mut model, &call.event().expect("a paused call has an event"));
            }
        }
    }
}
