//! What is told of a call that simply runs: entries and exits of functions that are traced, breakpoints at functions by name, at calls of
//! imports, at traps and exceptions, and texts of log points. All of it must follow from the steps that the call takes, which
//! [`crate::ours::step`] found out.

use crate::case::{Call, Case, Ended, Report, Told, Trace};
use crate::expression::Expression;
use crate::ours::{self, Session, run_session};
use crate::random::Random;
use crate::value::Val;
use pellucid::base::{FuncIndex, TagIndex, TrapCode, WasmPc};
use pellucid::debug::{Action, Debuggee, Event, EventKind, Exit, Frame, ImportedFunction, Subject};
use pellucid::runtime::Engine;
use pellucid::wasm::{Item, ItemType};
use std::cell::RefCell;
use std::rc::Rc;
use wasmparser::Operator;

/// An entry or an exit.
#[derive(Clone, PartialEq, Debug)]
struct Passage {
    /// How it is left; none where it is entered.
    exit: Option<Exit>,
    func: u32,
    pc: u32,
}

/// What a breakpoint is at.
#[derive(Clone, Debug)]
enum Target {
    /// The first operators of these functions.
    Functions(Vec<u32>),
    /// Calls of these imported functions.
    Imports(Vec<u32>),
    Trap(Option<TrapCode>),
    Exception {
        tag: Option<u32>,
        caught: bool,
        uncaught: bool,
    },
    /// An operator, where a text is told.
    Log(u32, Expression),
}

struct Point {
    id: u64,
    target: Target,
}

/// Breakpoints that were hit at once, and the pc; 0 for what happens.
type Hits = Vec<(u32, Vec<u64>)>;

/// Texts of log points.
type Texts = Vec<(u64, String)>;

/// What was told.
#[derive(Default)]
struct Heard {
    passages: Vec<Passage>,
    /// Of the last exit.
    results: Option<Vec<Val>>,
    hits: Hits,
    texts: Texts,
}

/// How much was told.
#[derive(Default)]
pub struct Counts {
    pub passages: u64,
    pub hits: u64,
    pub texts: u64,
}

/// A case to the end. The traces are those of the instantiation and of each call.
pub fn run(case: &Rc<Case>, engine: &Engine, traces: &[Trace], mut random: Random) -> (Report, Counts) {
    let session = Rc::new(Session::new(case, engine, &ours::module(case, engine)));
    let (mut number, mut counts) = (0, Counts::default());
    let report = run_session(&session, |what| {
        number += 1;
        let mut random = Random::new(random.word());
        match traces.get(number) {
            Some(trace) if !trace.is_cut && !trace.steps.is_empty() => {
                listen(&session, what, trace, &mut random, &mut counts)
            }
            _ => session.call(what),
        }
    });
    (report, counts)
}

fn listen(session: &Rc<Session>, what: &Call, trace: &Trace, random: &mut Random, counts: &mut Counts) -> Ended {
    let info = session.module.info();
    let (all, debuggee) = (info.funcs.len() as u32, &session.debuggee);
    let traced: Vec<u32> = (info.imported_funcs..all).filter(|_| random.chance(60)).collect();
    let trace_all = |is_on: bool| {
        session.edit(|edit| {
            for func in &traced {
                edit.trace(debuggee, &session.module, *func..*func + 1, is_on).expect("a function with a body");
            }
        });
    };
    trace_all(true);
    let points: Vec<Point> = (0..1 + random.below(5)).filter_map(|_| add(session, trace, random)).collect();

    let heard = Rc::new(RefCell::new(Heard::default()));
    let (listener, watched) = (heard.clone(), Rc::downgrade(session));
    let handle = move |debuggee: &Debuggee, event: &Event| {
        let session = watched.upgrade().expect("its call runs");
        let mut heard = listener.borrow_mut();
        let func =
            event.frame.map(|frame| debuggee.frame_info(&frame).expect("the frame is fresh").func_index.as_u32());
        match (event.kind, event.subject.as_deref()) {
            (EventKind::FunctionEntry, _) => {
                heard.passages.push(Passage { exit: None, func: func.expect("it has a frame"), pc: event.pc.0 });
            }
            (EventKind::FunctionExit, Some(Subject::Exit(leaving))) => {
                let func = func.expect("it has a frame");
                heard.passages.push(Passage { exit: Some(leaving.exit), func, pc: event.pc.0 });
                let results = debuggee.event_results(event).ok();
                heard.results = results.map(|values| values.iter().map(|value| session.show(value)).collect());
            }
            _ if !event.breakpoints.is_empty() => {
                // Where things happen was checked by who found out the steps.
                let pc = if event.kind == EventKind::Breakpoint { event.pc.0 } else { 0 };
                heard.hits.push((pc, event.breakpoints.to_vec()));
            }
            _ => {}
        }
        Action::Continue
    };
    let kinds = EventKind::ALL | EventKind::FunctionEntry.bit() | EventKind::FunctionExit.bit();
    debuggee.set_event_handler(kinds, Box::new(handle)).expect("debugging is on");
    let reader = heard.clone();
    let log = move |_: &Debuggee, _: &Frame, id: u64, text: &str| reader.borrow_mut().texts.push((id, text.into()));
    debuggee.set_log_point_handler(Some(Box::new(log))).expect("debugging is on");

    let ended = session.call(what);
    debuggee.clear_event_handler().expect("debugging is on");
    debuggee.set_log_point_handler(None).expect("debugging is on");
    trace_all(false);
    session.edit(|edit| points.iter().for_each(|point| edit.remove(point.id)));

    let heard = heard.take();
    check_passages(session, trace, &traced, &ended, &heard);
    let (hits, texts) = expected_hits(session, trace, &points);
    let words =
        || points.iter().map(|point| format!("{}: {:?}", point.id, point.target)).collect::<Vec<_>>().join("\n");
    assert_eq!(heard.hits, hits, "told of breakpoints (left), of those\n{}", words());
    assert_eq!(heard.texts, texts, "texts (left), of those\n{}", words());
    counts.passages += heard.passages.len() as u64;
    counts.hits += hits.len() as u64;
    counts.texts += texts.len() as u64;
    ended
}

/// Adds a breakpoint or log point at something; none if the module hasn't got it.
fn add(session: &Session, trace: &Trace, random: &mut Random) -> Option<Point> {
    let (info, debuggee, module) = (session.module.info(), &session.debuggee, &session.module);
    let is_defined = |index: FuncIndex| info.defined_func(index).is_some();
    let (id, target) = match random.below(6) {
        0 => {
            let names = info.exports.iter().filter_map(|export| match export.item {
                Item::Func(index) if is_defined(index) => Some((export.name.clone(), index.as_u32())),
                _ => None,
            });
            let names: Vec<_> = names.filter(|(name, _)| !name.is_empty()).collect();
            if names.is_empty() {
                return None;
            }
            let (name, func) = random.pick(&names);
            let module = random.chance(50).then_some(module);
            let id = session.edit(|edit| edit.add_at_function_name(debuggee, module, &name).expect("it has it"));
            (id, Target::Functions(vec![func]))
        }
        1 => {
            let funcs = info.imports.iter().filter(|import| matches!(import.ty, ItemType::Func(_)));
            let funcs: Vec<_> = funcs.map(|import| (import.module.to_string(), import.name.to_string())).collect();
            // Which function these call isn't known here.
            let is_indirect = |pc| {
                use Operator::*;
                let operator = info.operator_at(WasmPc(pc));
                matches!(
                    operator,
                    CallIndirect { .. } | CallRef { .. } | ReturnCallIndirect { .. } | ReturnCallRef { .. }
                )
            };
            if funcs.is_empty() || trace.steps.iter().any(|step| is_indirect(step.pc)) {
                return None;
            }
            let index = random.below(funcs.len());
            if random.chance(50) {
                let import = ImportedFunction::Index(FuncIndex::from_u32(index as u32));
                let id =
                    session.edit(|edit| edit.add_at_import_calls(debuggee, Some(module), import).expect("it has it"));
                (id, Target::Imports(vec![index as u32]))
            } else {
                let (of, name) = funcs[index].clone();
                let import = ImportedFunction::Names(of.into(), name.into());
                let module = random.chance(50).then_some(module);
                let id = session.edit(|edit| edit.add_at_import_calls(debuggee, module, import).expect("it has it"));
                let same = (0..funcs.len()).filter(|other| funcs[*other] == funcs[index]);
                (id, Target::Imports(same.map(|index| index as u32).collect()))
            }
        }
        2 => {
            let codes = [TrapCode::Unreachable, TrapCode::MemoryOutOfBounds, TrapCode::IntegerDivideByZero];
            let code = if random.chance(50) { None } else { Some(random.pick(&codes)) };
            (session.edit(|edit| edit.add_at_trap(debuggee, code).expect("a trap of guests")), Target::Trap(code))
        }
        3 => {
            let tag =
                if info.tags.is_empty() || random.chance(50) { None } else { Some(random.below(info.tags.len())) };
            let of = tag.map(|index| {
                let index = TagIndex::from_u32(index as u32);
                debuggee.store().instance_tag(session.instance(), index).expect("its tag")
            });
            let (caught, uncaught) = random.pick(&[(true, true), (true, false), (false, true)]);
            let id = session.edit(|edit| edit.add_at_exception(debuggee, of, caught, uncaught).expect("for some"));
            (id, Target::Exception { tag: tag.map(|tag| tag as u32), caught, uncaught })
        }
        _ => {
            let pc = trace.steps[random.below(trace.steps.len())].pc;
            let function = info.function_at(WasmPc(pc)).expect("a function's operator");
            let expression = Expression::random(random, info, function);
            let id = session.edit(|edit| {
                let (id, _) = edit.add(debuggee, module, WasmPc(pc)).expect("a good pc");
                edit.set_log_text(debuggee, id, Some(&format!("{{{{{{{expression}}}}}}}"))).expect("a good text");
                id
            });
            (id, Target::Log(pc, expression))
        }
    };
    Some(Point { id, target })
}

/// The hits that are told, and the texts.
fn expected_hits(session: &Session, trace: &Trace, points: &[Point]) -> (Hits, Texts) {
    let info = session.module.info();
    let (mut hits, mut texts) = (Vec::new(), Vec::new());
    for (number, step) in trace.steps.iter().enumerate() {
        let first = |func: &u32| {
            let defined = info.defined_func(FuncIndex::from_u32(*func)).expect("it has a body");
            info.bodies[defined].operators.0
        };
        let operator = info.operator_at(WasmPc(step.pc));
        let calls = match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => Some(function_index),
            _ => None,
        };
        let mut ids = Vec::new();
        for point in points {
            let is_hit = match &point.target {
                Target::Functions(funcs) => funcs.iter().any(|func| first(func) == step.pc),
                Target::Imports(funcs) => calls.is_some_and(|func| funcs.contains(&func)),
                Target::Log(pc, expression) if *pc == step.pc => {
                    let text = match expression.told(&step.seen) {
                        Some(told) => format!("{{{told}}}"),
                        None => format!("{{{{{expression}: not known here}}}}"),
                    };
                    texts.push((point.id, text));
                    false
                }
                _ => false,
            };
            ids.extend(is_hit.then_some(point.id));
        }
        if !ids.is_empty() {
            hits.push((step.pc, ids));
        }
        // What happens there.
        for (_, told) in trace.told.iter().filter(|(before, _)| *before == number + 1) {
            let is_thrown_and_caught = trace.throws.contains(&number);
            let at = |point: &&Point| match (&point.target, told) {
                (Target::Trap(code), Told::Trap(trap)) => code.is_none_or(|code| code == *trap),
                (Target::Trap(code), Told::HostFailed) => code.is_none_or(|code| code == TrapCode::HostError),
                (Target::Exception { tag, caught, uncaught }, Told::Thrown { tag: thrown, .. }) => {
                    (tag.is_none() || tag == thrown) && if is_thrown_and_caught { *caught } else { *uncaught }
                }
                _ => false,
            };
            let ids: Vec<u64> = points.iter().filter(at).map(|point| point.id).collect();
            if !ids.is_empty() {
                hits.push((0, ids));
            }
        }
    }
    (hits, texts)
}

/// The entries and exits that follow from the steps, whichever functions are traced.
fn passages(session: &Session, trace: &Trace) -> Vec<Passage> {
    let info = session.module.info();
    let steps = &trace.steps;
    // Of each depth the function and where it is.
    let mut frames: Vec<(u32, u32)> = Vec::new();
    let mut found = Vec::new();
    let is_tail_call = |pc: u32| ours::is_tail_call(&info.operator_at(WasmPc(pc)));
    for (number, step) in steps.iter().enumerate() {
        let before = number.checked_sub(1).map(|before| &steps[before]);
        let is_called = before.is_none_or(|before| before.depth < step.depth);
        let takes_place = before.is_some_and(|before| before.depth == step.depth && is_tail_call(before.pc));
        frames.truncate(step.depth as usize - 1);
        frames.push((step.func, step.pc));
        if is_called || takes_place {
            found.push(Passage { exit: None, func: step.func, pc: step.pc });
        }
        let (func, pc) = (step.func, step.pc);
        let is_last = number + 1 == steps.len();
        let depth_next = steps.get(number + 1).map_or(0, |next| next.depth);
        let told: Vec<_> =
            trace.told.iter().filter(|(before, _)| *before == number + 1).map(|(_, told)| *told).collect();
        let fails = |told: &Told| matches!(told, Told::Trap(_) | Told::HostFailed | Told::Thrown { .. });
        if is_tail_call(pc) {
            found.push(Passage { exit: Some(Exit::TailCall), func, pc });
        }
        let failure = told.iter().find(|told| fails(told));
        let exit = match failure {
            Some(Told::Thrown { .. }) => Exit::Exception,
            Some(_) => Exit::Trap,
            None if is_tail_call(pc) => continue,
            None => Exit::Return,
        };
        if exit == Exit::Return {
            if depth_next < step.depth {
                found.push(Passage { exit: Some(exit), func, pc });
            }
            continue;
        }
        // A function that a host function has taken the place of isn't there any more.
        let is_gone = is_tail_call(pc) && told.contains(&Told::HostFailed);
        let left = if is_last { 0 } else { depth_next as usize };
        for (func, pc) in frames[left..frames.len() - usize::from(is_gone)].iter().rev() {
            found.push(Passage { exit: Some(exit), func: *func, pc: *pc });
        }
    }
    found
}

fn check_passages(session: &Session, trace: &Trace, traced: &[u32], ended: &Ended, heard: &Heard) {
    let mut expected = passages(session, trace);
    expected.retain(|passage| traced.contains(&passage.func));
    // A function that catches by a branch out of itself returns, where the operator is that catches.
    let is_same = |told: &Passage, expected: &Passage| {
        told == expected
            || (told.exit, expected.exit) == (Some(Exit::Return), Some(Exit::Exception)) && told.func == expected.func
    };
    let is_all = heard.passages.len() == expected.len()
        && heard.passages.iter().zip(&expected).all(|(told, expected)| is_same(told, expected));
    let at = heard.passages.iter().zip(&expected).position(|(told, expected)| !is_same(told, expected));
    assert!(
        is_all,
        "functions that are entered and left, of those traced: {traced:?}, from number {at:?} on\ntold: {:x?}\nexpected: {expected:x?}",
        heard.passages
    );
    if let (Ended::Returned(values), Some(last), Some(results)) = (ended, heard.passages.last(), &heard.results)
        && last.exit == Some(Exit::Return)
        && trace.steps.last().is_some_and(|step| step.depth == 1 && (step.func, step.pc) == (last.func, last.pc))
    {
        // Of objects one shows more than the other.
        let is_shallow = |value: &&Val| !matches!(value, Val::Any(_) | Val::Passed(_));
        let both = results.iter().zip(values).filter(|(value, _)| is_shallow(value));
        assert_eq!(results.len(), values.len(), "how many results a function that is left has, and the call");
        both.for_each(|(left, right)| assert_eq!(left, right, "what a function that is left returns, and the call"));
    }
}
