//! Calls that another thread interrupts at any moment, and that go on: nothing changes. With debugging each pause is at a step that
//! the call takes, as [`crate::ours::step`] found out, and after those before.

use crate::case::{Call, Case, Ended, Report, Trace};
use crate::ours::{self, Session, frames, run_session};
use crate::random::Random;
use pellucid::debug::{CallState, EventKind, FrameKind, Resume};
use pellucid::runtime::{Engine, ask};
use std::hint::spin_loop;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The longest time between two requests, in turns of a loop.
const LONGEST: usize = 8000;

/// How often calls paused, and at how many steps.
#[derive(Default)]
pub struct Counts {
    pub pauses: u64,
    pub steps: u64,
}

/// A case to the end under requests to pause. `traces` are the steps of instantiation and calls, where they are known.
pub fn run(case: &Rc<Case>, engine: &Engine, traces: Option<&[Trace]>, mut random: Random) -> (Report, Counts) {
    let session = Session::new(case, engine, &ours::module(case, engine));
    let interrupter = session.debuggee.store().interrupter().expect("the engine has signal handlers");
    let (runs, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut counts = Counts::default();
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for _ in 0..random.below(LONGEST) {
                    spin_loop();
                }
                // Instantiation can't pause.
                if runs.load(Ordering::Relaxed) {
                    interrupter.ask(ask::PAUSE).expect("the store is there, and its thread");
                }
            }
        });
        // A panic would wait for the thread.
        let _ends = SetAtEnd(&ends);
        let mut number = 0;
        run_session(&session, |call| {
            number += 1;
            let trace = traces.and_then(|traces| traces.get(number));
            runs.store(true, Ordering::Relaxed);
            let ended = drive(&session, call, trace, &mut counts);
            runs.store(false, Ordering::Relaxed);
            ended
        })
    });
    (report, counts)
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn drive(session: &Session, call: &Call, trace: Option<&Trace>, counts: &mut Counts) -> Ended {
    let debuggee = &session.debuggee;
    let (func, args) = session.prepare(call);
    let call = debuggee.call_begin(func, &args).expect("it can be called");
    let mut at = 0;
    while call.resume(debuggee, Resume::Continue).expect("the call can be resumed") == CallState::Paused {
        counts.pauses += 1;
        let event = call.event().expect("a paused call has an event");
        assert_eq!(event.kind, EventKind::Interrupt);
        // Without debugging there are neither steps nor frames.
        let Some(trace) = trace else { continue };
        let Some(frame) = call.frame(debuggee).expect("a call of the store") else { continue };
        let state = session.state(&frame);
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
    }
    session.ended_call(&call)
}
