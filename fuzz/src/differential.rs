//! One module in all modes of Pellucid, and in Wasmtime: results, traps, memories, globals and tables must be the same,
//! and so must each step.

use crate::case::{Case, Origin, Report, Step, Told, Trace};
use crate::driver::{self, Failure, Outcome};
use crate::random::Random;
use crate::{interrupted, known, minimise, ours, peer, told, wander};
use pellucid::base::{OptLevel, WasmPc};
use pellucid::runtime::Engine;
use std::cell::OnceCell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The engines, which are made once.
pub struct Engines {
    /// By optimisation level; those that come last put no function in the places of calls.
    off: [Engine; 5],
    on: [Engine; 5],
    /// Without signal handlers, debugging off and on.
    checking: [Engine; 2],
    /// In the exact form.
    exact: Engine,
    counting: [Engine; 4],
    /// That collect at every allocation, debugging off and on, and in the exact form.
    stressed: [Engine; 3],
    /// Debugging off and on.
    in_memory: [Engine; 2],
    peer: OnceCell<wasmtime::Engine>,
    peer_debug: OnceCell<wasmtime::Engine>,
}

impl Engines {
    #[expect(clippy::new_without_default, reason = "it does a lot")]
    pub fn new() -> Engines {
        // Without optimisation nothing is inlined.
        let engines = |debug| {
            let [none, speed, size] = [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize];
            let (with, without) = (ours::engine, ours::engine_without_inlining);
            let inlining = [none, speed, size].map(|level| with(debug, level));
            let [one, other] = [speed, size].map(|level| without(debug, level));
            let [none, speed, size] = inlining;
            [none, speed, size, one, other]
        };
        Engines {
            off: engines(false),
            on: engines(true),
            checking: [false, true].map(ours::checking_engine),
            exact: ours::exact_engine(),
            counting: ours::counting_engines(),
            stressed: ours::stressed_engines(),
            in_memory: [false, true].map(ours::in_memory_engine),
            peer: OnceCell::new(),
            peer_debug: OnceCell::new(),
        }
    }

    fn peer(&self) -> &wasmtime::Engine {
        self.peer.get_or_init(|| peer::engine(false))
    }

    /// The usual ones, debugging off and on.
    pub fn plain(&self) -> &Engine {
        &self.off[1]
    }

    pub fn debugging(&self) -> &Engine {
        &self.on[1]
    }

    pub fn peer_debug(&self) -> &wasmtime::Engine {
        self.peer_debug.get_or_init(|| peer::engine(true))
    }
}

/// The case of a seed, compared in all ways that its seed chooses.
pub fn run(engines: &Engines, seed: u64) -> Result<Outcome, Failure> {
    let Some(case) = Case::new(seed) else { return Ok(Outcome::discarded("wasm-smith gave up")) };
    check(engines, &Rc::new(case))
}

/// A module in a file, as text or not, compared with several choices of arguments and of what is done.
pub fn run_file(path: &str) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let bytes = wat::parse_bytes(&bytes).map_err(|error| error.to_string())?;
    let engines = Engines::new();
    for seed in 0..20 {
        let case = Case::of(seed, Origin::Mutated, bytes.to_vec()).map_err(|error| error.to_string())?;
        compare_or_panic(&engines, &Rc::new(case))
            .map_err(|error| format!("with the choices of seed {seed}: {error}"))?;
    }
    Ok(())
}

/// A case, compared.
pub fn check(engines: &Engines, case: &Rc<Case>) -> Result<Outcome, Failure> {
    if case.calls.is_empty() {
        return Ok(Outcome::discarded("nothing to call"));
    }
    compare_or_panic(engines, case).map_err(|message| {
        let smaller = minimise::minimise(case, &message, |case| compare_or_panic(engines, case).err());
        let (message, case) = smaller.as_ref().map_or((&message, case), |(case, message)| (message, case));
        Failure { message: message.clone(), text: case.text() }
    })
}

fn compare_or_panic(engines: &Engines, case: &Rc<Case>) -> Result<Outcome, String> {
    let result = catch_unwind(AssertUnwindSafe(|| compare(engines, case)));
    result.unwrap_or_else(|panic| Err(message_of(&*panic)))
}

/// The words of a panic.
pub fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let place = driver::PANIC.lock().expect("nothing panics meanwhile").clone();
    let place = if place.is_empty() { place } else { format!("\nat {place}") };
    format!("panicked: {}{place}", text.unwrap_or("with no text"))
}

fn compare(engines: &Engines, case: &Rc<Case>) -> Result<Outcome, String> {
    let mut random = Random::new(case.seed ^ 0xd1ff);
    let off_level = random.below(engines.off.len());
    let on_level = random.below(engines.on.len());
    let (on, off) = (&engines.on[on_level], &engines.off[off_level]);

    let exhausted = |report: &Report| report.ends.iter().any(|end| end.is_exhausted());
    let plain = ours::run(case, off);
    let unarmed = ours::run(case, on);
    // Frames are larger with debugging.
    if exhausted(&plain) || exhausted(&unarmed) {
        return Ok(Outcome::discarded("the stack or the heap was exhausted"));
    }
    if random.chance(25) {
        let other =
            ours::run(case, &engines.off[(off_level + 1 + random.below(engines.off.len() - 1)) % engines.off.len()]);
        if exhausted(&other) {
            return Ok(Outcome::discarded("the stack or the heap was exhausted"));
        }
        same(case, "debugging off", &plain, "debugging off, other optimisation or inlining", &other)?;
    }
    if random.chance(25) {
        for engine in &engines.checking {
            let checking = ours::run(case, engine);
            if exhausted(&checking) {
                return Ok(Outcome::discarded("the stack or the heap was exhausted"));
            }
            same(case, "debugging off", &plain, "no signal handlers", &checking)?;
        }
    }
    same(case, "debugging off", &plain, "debugging on, nothing armed", &unarmed)?;
    let (stepped, traces) = ours::step(case, on);
    same(case, "debugging off", &plain, "single-stepping", &stepped)?;
    let wandered = wander::run(case, on, &traces, random.clone());
    same(case, "debugging off", &plain, "debugging at random", &wandered)?;

    let listening = if random.chance(75) { on } else { &engines.exact };
    let (listened, told) = told::run(case, listening, &traces, random.clone());
    if exhausted(&listened) {
        return Ok(Outcome::discarded("the stack or the heap was exhausted"));
    }
    same(case, "debugging off", &plain, "listening", &listened)?;

    let interrupted = if random.chance(25) {
        let (without, _) = interrupted::run(case, &ours::module(case, off), None, random.clone(), None);
        same(case, "debugging off", &plain, "interrupted", &without)?;
        let (report, counts) = interrupted::run(case, &ours::module(case, on), Some(&traces), random.clone(), None);
        same(case, "debugging off", &plain, "interrupted, debugging on", &report)?;
        counts
    } else {
        interrupted::Counts::default()
    };

    let mut exact_steps = 0;
    if random.chance(25) {
        let (exact, exact_traces) = ours::step(case, &engines.exact);
        if exhausted(&exact) {
            return Ok(Outcome::discarded("the stack or the heap was exhausted"));
        }
        same(case, "debugging off", &plain, "single-stepping in the exact form", &exact)?;
        exact_steps = same_traces(case, &traces, &exact_traces)?;
        let wandered = wander::run(case, &engines.exact, &exact_traces, random.clone());
        same(case, "debugging off", &plain, "debugging at random in the exact form", &wandered)?;
    }

    if random.chance(15) {
        let [off, on] = &engines.in_memory;
        let (off, (on, in_memory_traces)) = (ours::run(case, off), ours::step(case, on));
        if exhausted(&off) || exhausted(&on) {
            return Ok(Outcome::discarded("the stack or the heap was exhausted"));
        }
        same(case, "debugging off", &plain, "in memory", &off)?;
        same(case, "debugging off", &plain, "single-stepping in memory", &on)?;
        same_traces(case, &traces, &in_memory_traces)?;
    }

    let mut collected = 0;
    if case.has_objects() {
        let [off, on, exact] = &engines.stressed;
        let run = ours::run(case, off);
        let (stepped, stepped_traces) = ours::step(case, if random.chance(70) { on } else { exact });
        if exhausted(&run) || exhausted(&stepped) {
            return Ok(Outcome::discarded("the stack or the heap was exhausted"));
        }
        same(case, "debugging off", &plain, "collecting at every allocation", &run)?;
        same(case, "debugging off", &plain, "collecting at every allocation, debugging on", &ours::run(case, on))?;
        same(case, "debugging off", &plain, "single-stepping, collecting at every allocation", &stepped)?;
        same_traces(case, &traces, &stepped_traces)?;
        if random.chance(40) {
            let (run, _) = interrupted::run(case, &ours::module(case, off), None, random.clone(), None);
            same(case, "debugging off", &plain, "interrupted, collecting at each pause", &run)?;
            let module = ours::module(case, on);
            let (run, _) = interrupted::run(case, &module, Some(&traces), random.clone(), None);
            same(case, "debugging off", &plain, "interrupted, collecting at each pause, debugging on", &run)?;
        }
        collected = 1;
    }

    let mut fuel = 0;
    if random.chance(25) {
        let [plain_counting, debug, exact, looking] = &engines.counting;
        let counted = ours::run(case, plain_counting);
        let (interrupted, _) = interrupted::run(case, &ours::module(case, plain_counting), None, random.clone(), None);
        let others = [
            ("interrupted", interrupted),
            ("with looks for interrupts", ours::run(case, looking)),
            ("debugging on", ours::run(case, debug)),
            ("single-stepping", ours::step(case, debug).0),
            ("single-stepping in the exact form", ours::step(case, exact).0),
        ];
        if others.iter().any(|(_, report)| exhausted(report)) || exhausted(&counted) {
            return Ok(Outcome::discarded("the stack or the heap was exhausted"));
        }
        for (name, report) in &others {
            same(case, "counting fuel", &counted, name, report)?;
        }
        if counted.ends != plain.ends {
            return Err(differ("how calls end", ("without fuel", &plain.ends), ("counting it", &counted.ends)));
        }
        let left = counted.snapshots.last().and_then(|snapshot| snapshot.fuel);
        fuel = left.map_or(0, |left| (1 << 62) - left) as u64;
    }

    let mut outcome = Outcome::done();
    outcome.count("units of fuel, taken alike in six ways", fuel);
    outcome.count("modules with objects, collecting at every allocation", collected);
    outcome.count("calls", plain.ends.len() as u64 - 1);
    outcome.count("steps", traces.iter().map(|trace| trace.steps.len() as u64).sum());
    outcome.count("steps compared with the exact form", exact_steps);
    outcome.count("entries and exits of functions that are traced", told.passages);
    outcome.count("hits by name, of imports, traps and exceptions", told.hits);
    outcome.count("texts of log points", told.texts);
    outcome.count("pauses when time was used up", interrupted.pauses);
    outcome.count("steps that these were at", interrupted.steps);
    outcome.count("steps on from these", interrupted.steps_from);
    outcome.count("of these to a goal", interrupted.goals);
    outcome.count("watchpoints told between these pauses", interrupted.watchpoints);
    let traps = plain.ends.iter().filter(|end| !matches!(end, crate::case::Ended::Returned(_))).count();
    outcome.count("traps", traps as u64);
    if case.is_ours_alone() {
        outcome.count("modules with the older exceptions, without the peer", 1);
    } else if random.chance(60) {
        let theirs = peer::run(case, engines.peer()).map_err(|error| format!("the peer refuses it: {error}"))?;
        if exhausted(&theirs) {
            return Ok(Outcome::discarded("the peer's stack or heap was exhausted"));
        }
        same_as_peer(case, &plain, &theirs)?;
    } else {
        let (theirs, their_traces) =
            peer::step(case, engines.peer_debug()).map_err(|error| format!("the peer refuses it: {error}"))?;
        if exhausted(&theirs) {
            return Ok(Outcome::discarded("the peer's stack or heap was exhausted"));
        }
        same_as_peer(case, &plain, &theirs)?;
        let (compared, told) = same_steps(engines, on, case, &traces, &their_traces)?;
        outcome.count("steps compared with the peer", compared);
        outcome.count("calls of the host, traps and exceptions between these", told);
    }
    Ok(outcome)
}

fn differ(what: &str, one: (&str, &dyn Debug), other: (&str, &dyn Debug)) -> String {
    format!("{what} differs\n{}: {:x?}\n{}: {:x?}", one.0, one.1, other.0, other.1)
}

fn what_of(case: &Case, call: usize) -> String {
    match call.checked_sub(1) {
        None => "the instantiation".into(),
        Some(call) => format!("call {call}, of {:?},", case.calls[call].export),
    }
}

pub fn same(case: &Case, one_name: &str, one: &Report, other_name: &str, other: &Report) -> Result<(), String> {
    for (call, (end, other_end)) in one.ends.iter().zip(&other.ends).enumerate() {
        if end != other_end {
            return Err(differ(&format!("how {} ends", what_of(case, call)), (one_name, end), (other_name, other_end)));
        }
        let (state, other_state) = (&one.snapshots[call], &other.snapshots[call]);
        if state != other_state {
            let what = format!("the state after {}", what_of(case, call));
            return Err(differ(&what, (one_name, state), (other_name, other_state)));
        }
    }
    if one.ends.len() == other.ends.len() { Ok(()) } else { Err("different numbers of calls".into()) }
}

/// What is computed between two stop points is what the machine does in the exact form. Answers how many steps were compared.
fn same_traces(case: &Case, fast: &[Trace], exact: &[Trace]) -> Result<u64, String> {
    for (call, (fast, exact)) in fast.iter().zip(exact).enumerate() {
        for (place, (step, exact)) in fast.steps.iter().zip(&exact.steps).enumerate() {
            if step != exact {
                let what = format!("step {place} of {}", what_of(case, call));
                return Err(differ(&what, ("the fast form", step), ("the exact form", exact)));
            }
        }
        if fast.told != exact.told {
            let what = format!("what is told in {}", what_of(case, call));
            return Err(differ(&what, ("the fast form", &fast.told), ("the exact form", &exact.told)));
        }
        if fast.steps.len() != exact.steps.len() {
            return Err(format!("{} has other steps in its exact form", what_of(case, call)));
        }
    }
    Ok(fast.iter().map(|trace| trace.steps.len() as u64).sum())
}

pub fn same_as_peer(case: &Case, ours: &Report, theirs: &Report) -> Result<(), String> {
    for (call, (end, their_end)) in ours.ends.iter().zip(&theirs.ends).enumerate() {
        if !known::is_peers_end(&case.info, end, their_end) {
            return Err(differ(&format!("how {} ends", what_of(case, call)), ("ours", end), ("the peer's", their_end)));
        }
        let (state, their_state) = (&ours.snapshots[call], &theirs.snapshots[call]);
        if state != their_state {
            let what = format!("the state after {}", what_of(case, call));
            return Err(differ(&what, ("ours", state), ("the peer's", their_state)));
        }
    }
    if ours.ends.len() == theirs.ends.len() { Ok(()) } else { Err("different numbers of calls".into()) }
}

/// Compares each step of the peer with ours, and what was told at which; how many steps there were, and how much was told.
pub fn same_steps(
    engines: &Engines,
    on: &Engine,
    case: &Rc<Case>,
    ours: &[Trace],
    theirs: &[Trace],
) -> Result<(u64, u64), String> {
    let (mut compared, mut compared_told) = (0, 0);
    for (call, (our_trace, their_trace)) in ours.iter().zip(theirs).enumerate().skip(1) {
        let mut at = 0;
        // Of each step of theirs that of ours.
        let mut places = Vec::with_capacity(their_trace.steps.len());
        let explain = |what: &str, at: usize, number: usize| {
            let shown = if at < our_trace.steps.len() { ours::explain(case, on, call, at) } else { "the end".into() };
            let theirs = if number < their_trace.steps.len() {
                peer::explain(case, engines.peer_debug(), call, number)
            } else {
                "the end".into()
            };
            let what = format!("{what} at step {at} (the peer's {number}) of {}", what_of(case, call));
            Err(differ(&what, ("ours", &shown), ("the peer's", &theirs)))
        };
        for (number, step) in their_trace.steps.iter().enumerate() {
            while let Some(skipped) = our_trace.steps.get(at)
                && (skipped.func, skipped.pc) != (step.func, step.pc)
                && known::is_step_of_ours_alone(&case.info.operator_at(WasmPc(skipped.pc)))
            {
                at += 1;
            }
            let Some(shown) = our_trace.steps.get(at) else {
                if our_trace.is_cut {
                    break;
                }
                return explain("the number of steps", at, number);
            };
            let with_their_operands = Step { values: step.values, ..shown.clone() };
            let is_known =
                || known::may_show_more_operands(&case.info, step.func) && is_same_step(&with_their_operands, step);
            if !is_same_step(shown, step) && !is_known() {
                return explain("the state", at, number);
            }
            places.push(at);
            at += 1;
            compared += 1;
        }
        let is_told_alike = same_told(case, our_trace, their_trace, &places);
        compared_told += is_told_alike.map_err(|error| format!("{error}\nin {}", what_of(case, call)))?;
    }
    Ok((compared, compared_told))
}

/// What was told is the same, each between the same steps. `places` are the steps of ours that theirs are.
fn same_told(case: &Case, ours: &Trace, theirs: &Trace, places: &[usize]) -> Result<u64, String> {
    let is_compared = |told: &(usize, Told)| !ours.is_cut || told.0 < places.len();
    let of_ours = ours.told.iter().map(|(before, told)| (places.partition_point(|place| place < before), *told));
    let of_ours: Vec<_> = of_ours.filter(is_compared).collect();
    let of_theirs: Vec<_> = theirs.told.iter().copied().filter(is_compared).collect();
    let is_same = |(one, other): (&(usize, Told), &(usize, Told))| {
        let operator = places.get(one.0.wrapping_sub(1)).map(|at| case.info.operator_at(WasmPc(ours.steps[*at].pc)));
        one.0 == other.0
            && match (one.1, other.1) {
                (Told::Trap(code), Told::Trap(their_code)) => known::is_peers_code(operator.as_ref(), code, their_code),
                (one, other) => one == other,
            }
    };
    if of_ours.len() == of_theirs.len() && of_ours.iter().zip(&of_theirs).all(is_same) {
        Ok(of_ours.len() as u64)
    } else {
        let what = "what is told behind how many of the peer's steps";
        Err(differ(what, ("ours", &of_ours), ("the peer's", &of_theirs)))
    }
}

fn is_same_step(ours: &Step, theirs: &Step) -> bool {
    (ours.func, ours.pc, ours.locals, ours.values) == (theirs.func, theirs.pc, theirs.locals, theirs.values)
        && ours.contents == theirs.contents
        && (ours.callers == 0 || theirs.callers == 0 || (ours.callers, ours.depth) == (theirs.callers, theirs.depth))
}

#[cfg(test)]
mod tests {
    use crate::driver;

    #[test]
    fn smoke() {
        let engines = super::Engines::new();
        driver::smoke(|seed| super::run(&engines, seed));
    }
}
