//! Debugging at random: breakpoints and watchpoints that come and go, steps of all kinds, pauses and answers of handlers by chance. Each
//! event must be the one that follows from the steps the call takes, which [`crate::ours::step`] found out.

use crate::accesses::Access;
use crate::case::{Call, Case, Ended, Report, Step, Trace};
use crate::ours::{self, HostHook, HostMoment, Session, run_session};
use crate::points::{Hit, Points};
use crate::random::Random;
use pellucid::base::WasmPc;
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Event, EventKind, Frame, Goal, Reach, Resume};
use pellucid::runtime::{Engine, Module};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Changes that change nothing, made wherever a call is stopped. Answers whether the innermost frame was moved, and notes what was done.
pub type Touch = dyn Fn(&Session, &Frame, &mut Random, &mut Vec<String>) -> bool;

/// How an event should come: at the step of the number, before its operator is executed.
#[derive(Debug)]
enum Expected {
    /// What the operator before did to what is watched.
    Watchpoint(usize, Vec<Hit>),
    Breakpoint(usize, Vec<u64>),
    Step(usize),
    /// The operator throws what will be caught.
    Throw(usize),
}

impl Expected {
    fn step(&self) -> usize {
        match self {
            Expected::Watchpoint(step, _) | Expected::Breakpoint(step, _) => *step,
            Expected::Step(step) | Expected::Throw(step) => *step,
        }
    }
}

/// What was told of the operator where the call stands.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Told {
    /// Only what the operator before did to what is watched.
    Watchpoint,
    /// That a step ended there, which had no breakpoints.
    Step,
    /// All there is.
    All,
}

/// How a call goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    On,
    Step,
    Goal(Target),
}

/// Where a step ends, in numbers of frames.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Target {
    depth: u32,
    reach: Reach,
    /// For [`Reach::To`]: the function, and whether it is the frame's.
    func: u32,
    is_own: bool,
}

impl Target {
    /// Whether it ends at a step.
    pub fn ends(&self, step: &Step) -> bool {
        step.depth < self.depth
            || match self.reach {
                Reach::Over => step.depth <= self.depth,
                Reach::Out => false,
                Reach::To(pc) => {
                    (step.func, step.pc) == (self.func, pc.0) && (!self.is_own || step.depth <= self.depth)
                }
            }
    }
}

/// A goal at random, of one of the frames; `pcs` are operators that it may be at.
pub fn random_goal(session: &Session, frames: &[Frame], pcs: &[u32], random: &mut Random) -> (Target, Goal) {
    let place = if random.chance(60) { 0 } else { random.below(frames.len()) };
    let info = session.module.info();
    let of = session.debuggee.frame_info(&frames[place]).expect("the frame is fresh").func_index;
    let reach = match random.below(4) {
        0 | 1 => Reach::Over,
        2 => Reach::Out,
        _ => Reach::To(WasmPc(random.pick(pcs))),
    };
    let func = match reach {
        Reach::To(pc) => info.func_index(info.function_at(pc).expect("a function's operator")),
        Reach::Over | Reach::Out => of,
    };
    let depth = (frames.len() - place) as u32;
    let goal = session.debuggee.step_goal(&frames[place], reach).expect("the frame is fresh");
    (Target { depth, reach, func: func.as_u32(), is_own: func == of }, goal)
}

/// What the debugger was asked for, and where the call should be.
struct Model {
    random: Random,
    session: Rc<Session>,
    trace: Trace,
    pcs: Vec<u32>,
    /// What the call accesses, as far as it is of use.
    accesses: Vec<Access>,
    points: Points,
    single_step: bool,
    /// The step that the call stands at.
    at: Option<usize>,
    told: Told,
    /// Whether it throws there: until it is caught nothing in the frames can be changed.
    is_throwing: bool,
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
            let choice = self.random.below(14);
            if choice == 0 {
                self.single_step = !self.single_step;
                session.edit(|edit| edit.single_step(self.single_step));
                self.note(format!("single step {}", self.single_step));
            } else if (6..9).contains(&choice) && !self.accesses.is_empty() {
                let near = self.random.pick(&self.accesses);
                let added = self.points.add_watchpoint(&session, &near, &mut self.random);
                added.into_iter().for_each(|words| self.note(words));
            } else if choice < 9 || self.points.is_empty() {
                let pc = self.random.pick(&self.pcs);
                let words = self.points.add_breakpoint(&session, pc, &mut self.random);
                self.note(words);
            } else if choice < 11 {
                let words = self.points.toggle(&session, &mut self.random);
                self.note(words);
            } else {
                let words = self.points.remove(&session, &mut self.random);
                self.note(words);
            }
        }
        // What is there from now on is what is compared with.
        self.points.check_content(&self.session);
        if self.random.chance(10) {
            self.points.check_book(&self.session);
        }
    }

    /// Now and then, the frames are touched.
    fn touch(&mut self, innermost: &Frame) {
        if let Some(touch) =
            self.touch.clone().filter(|_| !self.is_throwing && self.events <= 300 && self.random.chance(30))
        {
            // A frame that is moved has come to its operator by that.
            if touch(&self.session, innermost, &mut self.random, &mut self.log) {
                self.told = Told::All;
            }
        }
    }

    fn note(&mut self, what: String) {
        self.log.push(what);
    }

    fn quieten(&mut self) {
        if !self.points.is_empty() || self.single_step {
            self.note("quiet".into());
            self.points.clear(&self.session);
            self.session.edit(|edit| edit.single_step(false));
            self.single_step = false;
        }
    }

    /// How to go on, by chance; `frame` is the innermost one, if any is known.
    fn choose(&mut self, frame: Option<Frame>) -> (How, Option<Goal>) {
        let frames = frame.map_or_else(Vec::new, |frame| ours::frames(&self.session.debuggee, &frame));
        match self.random.below(6) {
            0 | 1 => (How::Step, None),
            2 | 3 if !frames.is_empty() => {
                let (target, goal) = self.choose_goal(&frames);
                (How::Goal(target), Some(goal))
            }
            _ => (How::On, None),
        }
    }

    fn choose_goal(&mut self, frames: &[Frame]) -> (Target, Goal) {
        random_goal(&self.session, frames, &self.pcs, &mut self.random)
    }

    /// What comes next if the guest goes on like this. What is hit on the way is counted.
    fn foresee(&mut self, how: How) -> Option<Expected> {
        let steps = how == How::Step || self.single_step;
        if let Some(here) = self.at {
            // A breakpoint that came where a step ended.
            let is_asked = match self.told {
                Told::Watchpoint => true,
                Told::Step => !steps && how == How::On,
                Told::All => false,
            };
            let ids = if is_asked { self.points.hit(&self.trace.steps[here]) } else { Vec::new() };
            if !ids.is_empty() {
                return Some(Expected::Breakpoint(here, ids));
            }
            if self.trace.throws.contains(&here) && !self.is_throwing {
                return Some(Expected::Throw(here));
            }
        }
        for next in self.at.map_or(0, |at| at + 1)..self.trace.steps.len() {
            if next != 0 {
                let hits = self.points.watch(&self.trace.steps[next - 1].accesses, &self.trace.steps[next].seen);
                if !hits.is_empty() {
                    return Some(Expected::Watchpoint(next, hits));
                }
            }
            let step = &self.trace.steps[next];
            let ids = self.points.hit(step);
            if !ids.is_empty() {
                return Some(Expected::Breakpoint(next, ids));
            }
            if steps || matches!(how, How::Goal(target) if target.ends(step)) {
                return Some(Expected::Step(next));
            }
            if self.trace.throws.contains(&next) {
                return Some(Expected::Throw(next));
            }
        }
        None
    }

    /// An event happened; it must be the expected one, and show what stood there when all was stepped through.
    fn arrive(&mut self, event: &Event, expected: Option<Expected>) {
        self.events += 1;
        let Some(expected) = expected else {
            panic!("{:?} at {}, but nothing should happen until the end\n{}", event.kind, event.pc, self.history())
        };
        let next = expected.step();
        let step = self.trace.steps[next].clone();
        let (kind, ids) = match &expected {
            Expected::Watchpoint(..) => (EventKind::Watchpoint, &[][..]),
            Expected::Breakpoint(_, ids) => (EventKind::Breakpoint, &ids[..]),
            Expected::Step(_) => (EventKind::Step, &[][..]),
            Expected::Throw(_) => (EventKind::CaughtException, &[][..]),
        };
        let shown = (event.kind, event.pc.0, &event.breakpoints[..]);
        assert_eq!(shown, (kind, step.pc, ids), "the event at step {next}\n{}", self.history());
        self.note(format!("{kind:?} at step {next}, {:#x}", step.pc));
        let state = self.session.state(&event.frame.expect("an event of guest code has a frame"));
        let same = (state.func, state.pc, state.values()) == (step.func, step.pc, step.values);
        assert!(same, "step {next} shows\n{state:x?}\nwhich isn't what single-stepping showed\n{}", self.history());
        if let Expected::Watchpoint(_, hits) = &expected {
            self.note(format!("of {hits:?}"));
            let before = &self.trace.steps[next - 1];
            self.points.check_told(&self.session, event, hits, before.pc, &before.accesses);
        }
        self.points.check_content(&self.session);
        self.at = Some(next);
        self.is_throwing = matches!(expected, Expected::Throw(_));
        self.told = match expected {
            Expected::Watchpoint(..) => Told::Watchpoint,
            // Those of its breakpoints that declined aren't asked again.
            Expected::Step(_) if !self.points.is_marked(step.pc) => Told::Step,
            _ => Told::All,
        };
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
    let accesses = some_accesses(&trace, &mut random);
    let mut model = Model {
        random,
        session: session.clone(),
        trace,
        pcs,
        accesses,
        points: Points::default(),
        single_step: false,
        at: None,
        told: Told::All,
        is_throwing: false,
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
        how: Cell::new(How::On),
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
    model.points.check_book(session);
    model.points.check_content(session);
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

/// Some of what a call accesses, of each kind if there is any.
pub fn some_accesses(trace: &Trace, random: &mut Random) -> Vec<Access> {
    let all: Vec<&Access> = trace.steps.iter().flat_map(|step| &step.accesses).collect();
    let kind = |access: &Access| std::mem::discriminant(&access.space);
    let mut some: Vec<Access> = Vec::new();
    for access in &all {
        if some.iter().filter(|known| kind(known) == kind(access)).count() < 4 {
            some.push((*access).clone());
        }
    }
    if !all.is_empty() {
        some.extend((0..20).map(|_| all[random.below(all.len())].clone()));
    }
    some
}

/// The handler and whoever resumes the call, who take turns.
struct Turns {
    model: RefCell<Model>,
    /// The next event.
    expected: Cell<Option<Expected>>,
    /// What the call was asked for, which isn't done.
    how: Cell<How>,
    /// Whether the handler saw what the call is paused at.
    is_told: Cell<bool>,
}

impl Turns {
    fn on_event(&self, event: &Event) -> Action {
        use EventKind::{Breakpoint, CaughtException, Watchpoint};
        if !matches!(event.kind, EventKind::Step | Breakpoint | CaughtException | Watchpoint) {
            return Action::Continue;
        }
        let mut model = self.model.borrow_mut();
        model.arrive(event, self.expected.take());
        model.touch(&event.frame.expect("an event of guest code has a frame"));
        model.edit();
        if model.random.chance(25) {
            assert!(event.can_pause, "the call is resumable");
            model.note("the handler pauses".into());
            self.is_told.set(true);
            return Action::Pause;
        }
        let frame = model.session.debuggee.newest_frame().expect("debugging is on");
        let (how, goal) = model.choose(frame);
        model.note(format!("the handler answers {how:?}"));
        // An event ends a step, as far as it came; but for an exception, after which it goes on.
        let goes_on = how == How::On && event.kind == CaughtException;
        self.how.set(if goes_on { self.how.get() } else { how });
        self.expected.set(model.foresee(self.how.get()));
        match (how, goal) {
            (How::Goal(_), Some(goal)) => Action::Run(goal),
            (How::Step, _) => Action::Step,
            _ => Action::Continue,
        }
    }

    fn drive(&self, call: &DebugCall) -> Ended {
        let session = self.model.borrow().session.clone();
        loop {
            let resume = {
                let mut model = self.model.borrow_mut();
                model.edit();
                let frame = call.frame(&session.debuggee).expect("a call of the store");
                frame.iter().for_each(|frame| model.touch(frame));
                let frame = call.frame(&session.debuggee).expect("a call of the store");
                let (how, goal) = model.choose(frame);
                model.note(format!("resume {how:?}"));
                self.how.set(how);
                self.expected.set(model.foresee(how));
                match (how, goal) {
                    (How::Goal(_), Some(goal)) => Resume::Run(goal),
                    (How::Step, _) => Resume::Step,
                    _ => Resume::Continue,
                }
            };
            let state = call.resume(&session.debuggee, resume).expect("the call can be resumed");
            let mut model = self.model.borrow_mut();
            let is_told = self.is_told.replace(false);
            if state != CallState::Paused {
                if let Some(expected) = self.expected.take() {
                    panic!("{expected:?} didn't come\n{}", model.history());
                }
                return session.ended_call(call);
            }
            if !is_told {
                model.arrive(&call.event().expect("a paused call has an event"), self.expected.take());
            }
        }
    }
}
