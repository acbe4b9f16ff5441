//! Calls whose time is used up at any moment, and that go on: nothing changes. With debugging each pause is at a step that the call
//! takes, as [`crate::ours::step`] found out, and after those before.

use crate::case::{Call, Case, Ended, Report, Step, Trace};
use crate::ours::{Session, frames, run_session};
use crate::points::Points;
use crate::random::Random;
use crate::wander::{Target, Touch, random_goal, some_accesses};
use pellucid::debug::{Budget, CallState, DebugCall, EventKind, FrameKind, Resume};
use pellucid::runtime::{AlarmClock, Module};
use std::rc::Rc;

/// The longest times that calls are given, in nanoseconds.
const LONGEST: [usize; 4] = [2_000, 5_000, 20_000, 50_000];

/// How often a call is interrupted at most; what comes after that goes to its end.
const MOST_PAUSES: u64 = 100;

/// How often calls paused, and how often that was at a step.
#[derive(Default)]
pub struct Counts {
    pub pauses: u64,
    pub steps: u64,
    /// How often they were stepped on from there.
    pub steps_from: u64,
    /// How often to a goal.
    pub goals: u64,
    /// Events of watchpoints.
    pub watchpoints: u64,
}

/// A step leads from one operator to the next one of the call.
fn check_step(trace: &Trace, at: usize, before: (u32, u32, u32, u64), after: (u32, u32, u32, u64)) {
    let shown = |step: &Step| (step.func, step.pc, step.depth, step.values);
    let mut pairs = trace.steps[at..].windows(2);
    let is_found = trace.is_cut || pairs.any(|pair| (shown(&pair[0]), shown(&pair[1])) == (before, after));
    assert!(is_found, "after step {at} a step leads from {before:x?} to {after:x?}, which isn't the next operator");
}

/// A step to a goal leads from one operator to the first one behind it where it ends.
fn check_goal(trace: &Trace, at: usize, before: (u32, u32, u32, u64), target: Target, after: (u32, u32, u32, u64)) {
    let shown = |step: &Step| (step.func, step.pc, step.depth, step.values);
    let starts = (at..trace.steps.len()).filter(|start| shown(&trace.steps[*start]) == before);
    let mut ends = starts.filter_map(|start| trace.steps[start + 1..].iter().find(|step| target.ends(step)));
    let is_found = trace.is_cut || ends.any(|end| shown(end) == after);
    assert!(
        is_found,
        "after step {at} a step to {target:?} leads from {before:x?} to {after:x?}, where it doesn't end first"
    );
}

/// A case to the end, interrupted again and again. `traces` are the steps of instantiation and calls, where they are known; `touch` is
/// done to frames at pauses.
pub fn run(
    case: &Rc<Case>,
    module: &Module,
    traces: Option<&[Trace]>,
    mut random: Random,
    touch: Option<&Touch>,
) -> (Report, Counts) {
    let session = Session::new(case, module.engine(), module);
    let longest = random.pick(&LONGEST);
    let (mut counts, mut number) = (Counts::default(), 0);
    let report = run_session(&session, |call| {
        number += 1;
        let trace = traces.and_then(|traces| traces.get(number));
        drive(&session, call, trace, &mut counts, longest, &mut random, touch)
    });
    (report, counts)
}

fn drive(
    session: &Session,
    call: &Call,
    trace: Option<&Trace>,
    counts: &mut Counts,
    longest: usize,
    random: &mut Random,
    touch: Option<&Touch>,
) -> Ended {
    let debuggee = &session.debuggee;
    let (func, args) = session.prepare(call);
    let call = debuggee.call_begin(func, &args).expect("it can be called");
    let (mut at, mut log, mut pauses) = (0, Vec::new(), 0);
    // Whoever touches frames may have operators executed again.
    let watched = trace.filter(|trace| touch.is_none() && !trace.is_cut && !trace.steps.is_empty());
    let mut points = Points::default();
    if let Some(trace) = watched {
        let accesses = some_accesses(trace, random);
        for _ in 0..if accesses.is_empty() { 0 } else { random.below(4) } {
            points.add_watchpoint(session, &random.pick(&accesses), random);
        }
    }
    let ended = |call: &DebugCall, mut points: Points| {
        if let Some(trace) = watched {
            for both in trace.steps.windows(2) {
                points.watch(&both[0].accesses, &both[1].seen);
            }
            points.check_book(session);
            points.clear(session);
        }
        session.ended_call(call)
    };
    loop {
        let nanoseconds = random.below(longest) as u64;
        let time = Budget { nanoseconds, clock: AlarmClock::Wall, pauses: true };
        let budget = (pauses < MOST_PAUSES).then_some(time);
        let state = call.resume_for(debuggee, Resume::Continue, budget).expect("the call can be resumed");
        if state != CallState::Paused {
            return ended(&call, points);
        }
        let event = call.event().expect("a paused call has an event");
        if event.kind == EventKind::CaughtException {
            continue;
        }
        if event.kind == EventKind::Watchpoint {
            counts.watchpoints += 1;
            continue;
        }
        (pauses, counts.pauses) = (pauses + 1, counts.pauses + 1);
        assert_eq!(event.kind, EventKind::Deadline);
        if debuggee.store().engine().config().stress_heap {
            debuggee.store().collect_garbage().expect("there is memory");
        }
        // Without debugging there are neither steps nor frames.
        let Some(trace) = trace else { continue };
        let Some(frame) = call.frame(debuggee).expect("a call of the store") else { continue };
        // What is looked at isn't kept.
        let scope = debuggee.store().open_scope().expect("there is memory");
        let state = session.state(&frame);
        debuggee.store().close_scope(scope).expect("it was opened last");
        if state.kind == FrameKind::Calling {
            continue;
        }
        counts.steps += 1;
        let depth = frames(debuggee, &frame).len() as u32;
        let values = state.values();
        let found = trace.steps[at..]
            .iter()
            .position(|step| (step.func, step.pc, step.depth, step.values) == (state.func, state.pc, depth, values));
        match found {
            Some(later) => at += later,
            None => assert!(
                trace.is_cut,
                "after step {at} it pauses at what is no step of the call, {depth} frames deep:\n{state:x?}"
            ),
        }
        if let Some(touch) = touch
            && random.chance(50)
        {
            touch(session, &frame, random, &mut log);
        }
        if random.chance(30) {
            let before = (state.func, state.pc, depth, values);
            let (resume, target) = match call.frame(debuggee).expect("a call of the store") {
                Some(frame) if random.chance(50) => {
                    let pcs = [random.pick(&trace.steps).pc];
                    let (target, goal) = random_goal(session, &frames(debuggee, &frame), &pcs, random);
                    (Resume::Run(goal), Some(target))
                }
                _ => (Resume::Step, None),
            };
            if call.resume(debuggee, resume).expect("the call can be resumed") != CallState::Paused {
                return ended(&call, points);
            }
            if call.event().expect("a paused call has an event").kind == EventKind::Step {
                let scope = debuggee.store().open_scope().expect("there is memory");
                let frame = call.frame(debuggee).expect("a call of the store").expect("a step has a frame");
                let state = session.state(&frame);
                debuggee.store().close_scope(scope).expect("it was opened last");
                let depth = frames(debuggee, &frame).len() as u32;
                let after = (state.func, state.pc, depth, state.values());
                match target {
                    Some(target) => check_goal(trace, at, before, target, after),
                    None => check_step(trace, at, before, after),
                }
                counts.steps_from += 1;
                counts.goals += u64::from(target.is_some());
            }
        }
    }
}
