//! Functions that are traced: entries with arguments, exits of every kind with results.

use crate::scene::{self, Scene, host, kind, module};
use pellucid::base::{ErrorKind, StoreLimits, ValType, Value};
use pellucid::debug::{Action, CallState, Debuggee, Edit, Event, EventKind, Exit, Resume, Subject};
use pellucid::runtime::{Extern, Module};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

const BOTH: u32 = EventKind::FunctionEntry as u32 | EventKind::FunctionExit as u32;

fn trace(debuggee: &Debuggee, module: &Module, functions: Range<u32>, is_on: bool) {
    scene::edit(debuggee, |edit| edit.trace(debuggee, module, functions, is_on).unwrap());
}

/// What is told, a line each: `> 1 [args]`, `< 1 return [results]`.
fn lines(debuggee: &Debuggee, mask: u32) -> Rc<RefCell<Vec<String>>> {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.borrow_mut().push(line(debuggee, event));
        Action::Continue
    };
    debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    log
}

fn numbers(values: &[Value]) -> String {
    let number = |value: &Value| match value {
        Value::I32(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    values.iter().map(number).collect::<Vec<_>>().join(" ")
}

fn line(debuggee: &Debuggee, event: &Event) -> String {
    let Some(frame) = event.frame else { return format!("{:?}", event.kind) };
    let (info, state) = (debuggee.frame_info(&frame).unwrap(), debuggee.frame_module(&frame).unwrap());
    let function = info.func_index.as_u32();
    match (event.kind, event.subject.as_deref()) {
        (EventKind::FunctionEntry, _) => {
            let params = state.info().func_type(info.func_index).params.len();
            let mut locals = vec![Value::Unavailable; params];
            debuggee.frame_read_locals(&frame, 0, &mut locals).unwrap();
            format!("> {function} [{}]", numbers(&locals))
        }
        (EventKind::FunctionExit, Some(Subject::Exit(leaving))) => {
            let results = debuggee.event_results(event);
            let how = match leaving.exit {
                Exit::Return => format!("return [{}]", results.map_or("?".into(), |results| numbers(&results))),
                Exit::TailCall => {
                    let callee =
                        leaving.callee.map(|func| debuggee.store().func_location(func).unwrap().unwrap().2.as_u32());
                    format!("to {callee:?}")
                }
                Exit::Exception => format!("exception {}", numbers(&event.thrown().unwrap().values)),
                Exit::Trap => format!("trap {:?}", event.trap.unwrap()),
            };
            assert_eq!(event.can_pause, event.can_pause && matches!(leaving.exit, Exit::Return | Exit::TailCall));
            format!("< {function} {how}")
        }
        (kind, _) => format!("{kind:?} {function}"),
    }
}

const CALLS: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (table funcref (elem $fib $last))
    (tag $e (param i32)) (tag $f)
    (func $fib (export "fib") (param i32) (result i32) ;; 0
      (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
      (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
    (func $last (export "last") (param i32) (result i32) ;; 1
      (i32.add (local.get 0) (i32.const 100)))
    (func (export "tail") (param i32) (result i32) ;; 2
      (if (local.get 0) (then (return_call $last (local.get 0))))
      (return_call_indirect (type $unary) (i32.const 7) (i32.const 0)))
    (func (export "ifs") (param i32) (result i32) ;; 3
      (drop (br_if 0 (i32.const 10) (i32.eq (local.get 0) (i32.const 1))))
      (drop (block $b (result i32) (br_table $b 1 $b 1 (i32.const 30) (local.get 0))))
      (i32.const 40))
    (func (export "empty") (param i32 i32)) ;; 4
    (func $throws (param i32) (result i32) ;; 5
      (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 11))))
      (if (i32.eq (local.get 0) (i32.const 2)) (then (unreachable)))
      (local.get 0))
    (func $between (param i32) (result i32) (call $throws (local.get 0))) ;; 6
    (func (export "catches") (param i32) (result i32) ;; 7
      (block $h (result i32)
        (try_table (result i32) (catch $e $h) (call $between (local.get 0))))
      (i32.add (i32.const 1000)))
    (func (export "out") (param i32) (result i32) ;; 8
      (try_table (result i32) (catch $e 0) (call $between (local.get 0))))
    (func (export "loop") (param i32) (result i32) ;; 9
      (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i32.const 3))
    (func (export "uncaught") (param i32) (result i32) (call $throws (local.get 0))) ;; 10
    (func (export "nothing") (param anyref) (result i32) ;; 11
      (i32.const 5)
      (drop (br_on_null 0 (local.get 0)))
      (drop)
      (i32.const 6)))"#;

fn traced(export: &str, args: &[Value]) -> (Vec<String>, Result<Vec<Value>, ErrorKind>) {
    let scene = Scene::new(CALLS);
    trace(&scene.debuggee, &scene.module, 0..12, true);
    let log = lines(&scene.debuggee, BOTH);
    let result = scene.call(export, args).map_err(|error| error.kind());
    (log.take(), result)
}

#[test]
fn recursion_is_told_entry_by_entry() {
    let (lines, result) = traced("fib", &[Value::I32(3)]);
    let expected = "> 0 [3], > 0 [2], > 0 [1], < 0 return [1], > 0 [0], < 0 return [0], < 0 return [1], > 0 [1], < 0 return [1], < 0 return [2]";
    assert_eq!((lines.join(", ").as_str(), result), (expected, Ok(vec![Value::I32(2)])));
}

#[test]
fn a_function_is_left_by_every_operator_that_leaves_it() {
    for (argument, result) in [(0, 40), (1, 10), (2, 40), (3, 30)] {
        let (lines, called) = traced("ifs", &[Value::I32(argument)]);
        assert_eq!(lines, [format!("> 3 [{argument}]"), format!("< 3 return [{result}]")]);
        assert_eq!(called, Ok(vec![Value::I32(result)]));
    }
    let (lines, _) = traced("empty", &[Value::I32(1), Value::I32(2)]);
    assert_eq!(lines, ["> 4 [1 2]", "< 4 return []"]);
    let (lines, _) = traced("loop", &[Value::I32(5)]);
    assert_eq!(lines, ["> 9 [5]", "< 9 return [3]"]);
    let (lines, called) = traced("nothing", &[Value::AnyRef(None)]);
    assert_eq!((lines.last().unwrap().as_str(), called), ("< 11 return [5]", Ok(vec![Value::I32(5)])));
}

#[test]
fn tail_calls_say_what_takes_the_place() {
    let (lines, result) = traced("tail", &[Value::I32(1)]);
    assert_eq!(lines, ["> 2 [1]", "< 2 to Some(1)", "> 1 [1]", "< 1 return [101]"]);
    assert_eq!(result, Ok(vec![Value::I32(101)]));
    let (lines, _) = traced("tail", &[Value::I32(0)]);
    assert_eq!(lines[..3], ["> 2 [0]", "< 2 to Some(0)", "> 0 [7]"]);
}

#[test]
fn exceptions_and_traps_leave_all_frames_up_to_who_catches() {
    let (lines, result) = traced("catches", &[Value::I32(1)]);
    let expected = ["> 7 [1]", "> 6 [1]", "> 5 [1]", "< 5 exception 11", "< 6 exception 11", "< 7 return [1011]"];
    assert_eq!((&lines[..], result), (&expected.map(String::from)[..], Ok(vec![Value::I32(1011)])));
    // A clause that leads straight out of the function.
    let (lines, _) = traced("out", &[Value::I32(1)]);
    assert_eq!(lines[3..], ["< 5 exception 11", "< 6 exception 11", "< 8 return [11]"]);
    let (lines, result) = traced("catches", &[Value::I32(2)]);
    assert_eq!(lines[3..], ["< 5 trap Unreachable", "< 6 trap Unreachable", "< 7 trap Unreachable"]);
    assert_eq!(result, Err(ErrorKind::Trap));
    let (lines, result) = traced("uncaught", &[Value::I32(1)]);
    assert_eq!(lines[2..], ["< 5 exception 11", "< 10 exception 11"]);
    assert_eq!(result, Err(ErrorKind::Exception));
}

/// An exception is told of before it has frames left, also if the call has paused there.
#[test]
fn exits_come_after_what_leads_to_them() {
    for pauses in [false, true] {
        let scene = Scene::new(CALLS);
        trace(&scene.debuggee, &scene.module, 5..8, true);
        let log: Rc<RefCell<Vec<String>>> = Rc::default();
        let seen = log.clone();
        let handler = move |debuggee: &Debuggee, event: &Event| {
            seen.borrow_mut().push(line(debuggee, event));
            if pauses && event.kind == EventKind::CaughtException { Action::Pause } else { Action::Continue }
        };
        scene.debuggee.set_event_handler(BOTH | EventKind::ALL, Box::new(handler)).unwrap();
        let call = scene.begin("catches", &[Value::I32(1)]);
        if pauses {
            assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        }
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        let lines = log.take();
        assert_eq!(lines[3..], ["CaughtException 5", "< 5 exception 11", "< 6 exception 11", "< 7 return [1011]"]);
        scene.call("catches", &[Value::I32(2)]).unwrap_err();
        assert_eq!(log.take()[3..5], ["Trap 5", "< 5 trap Unreachable"]);
    }
}

#[test]
fn only_what_was_chosen_is_told_and_only_as_long() {
    let scene = Scene::new(CALLS);
    let (debuggee, log) = (&scene.debuggee, lines(&scene.debuggee, BOTH));
    trace(debuggee, &scene.module, 6..7, true);
    scene.call("catches", &[Value::I32(0)]).unwrap();
    assert_eq!(log.take(), ["> 6 [0]", "< 6 return [0]"]);
    // All or nothing.
    let mut edit = Edit::begin(debuggee).unwrap();
    edit.trace(debuggee, &scene.module, 0..12, true).unwrap();
    edit.remove(99);
    assert_eq!(kind(edit.commit(debuggee)), ErrorKind::NotFound);
    assert!(!debuggee.is_traced(&scene.module, pellucid::base::FuncIndex::from_u32(7)).unwrap());
    let mut edit = Edit::begin(debuggee).unwrap();
    edit.trace(debuggee, &scene.module, 0..12, true).unwrap();
    edit.discard();
    scene.call("catches", &[Value::I32(0)]).unwrap();
    assert_eq!(log.take().len(), 2);
    // What is on and off in one edit is off; the rest stays.
    scene.edit(|edit| {
        edit.trace(debuggee, &scene.module, 5..8, true).unwrap();
        edit.trace(debuggee, &scene.module, 6..8, false).unwrap();
    });
    scene.call("catches", &[Value::I32(0)]).unwrap();
    assert_eq!(log.take(), ["> 5 [0]", "< 5 return [0]"]);
    assert!(debuggee.is_traced(&scene.module, pellucid::base::FuncIndex::from_u32(5)).unwrap());
    trace(debuggee, &scene.module, 0..12, false);
    scene.call("catches", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take().len(), 0);
    // Mistakes.
    let mut edit = Edit::begin(debuggee).unwrap();
    assert_eq!(kind(edit.trace(debuggee, &scene.module, 11..13, true)), ErrorKind::OutOfRange);
    assert_eq!(kind(edit.trace(debuggee, &scene.module, 3..3, true)), ErrorKind::OutOfRange);
    let importing = module(scene.module.engine(), r#"(module (import "" "" (func)) (func))"#);
    assert_eq!(kind(edit.trace(debuggee, &importing, 0..1, true)), ErrorKind::InvalidArgument);
    edit.trace(debuggee, &importing, 0..2, true).unwrap();
    let other = scene::engine();
    assert_eq!(kind(edit.trace(debuggee, &module(&other, "(module (func))"), 0..1, true)), ErrorKind::InvalidArgument);
}

/// Breakpoints, watchpoints and steps share stop points with it, whatever comes and goes first.
#[test]
fn it_shares_stop_points_with_all_others() {
    let scene = Scene::new(CALLS);
    let log = lines(&scene.debuggee, BOTH | EventKind::ALL);
    trace(&scene.debuggee, &scene.module, 1..2, true);
    let ids = [scene.add(1, 0), scene.add(1, 3)];
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["> 1 [1]", "Breakpoint 1", "< 1 return [101]", "Breakpoint 1"]);
    trace(&scene.debuggee, &scene.module, 1..2, false);
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["Breakpoint 1", "Breakpoint 1"]);
    trace(&scene.debuggee, &scene.module, 1..2, true);
    scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["> 1 [1]", "< 1 return [101]"]);
    scene.edit(|edit| edit.single_step(true));
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["> 1 [1]", "Step 1", "Step 1", "Step 1", "< 1 return [101]", "Step 1"]);
    scene.edit(|edit| edit.single_step(false));
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["> 1 [1]", "< 1 return [101]"]);
}

#[test]
fn handlers_pause_step_trap_and_change_what_is_returned() {
    let scene = Scene::new(CALLS);
    trace(&scene.debuggee, &scene.module, 1..2, true);
    // Without a handler a resumable call pauses at each.
    let call = scene.begin("last", &[Value::I32(1)]);
    for (kind, operator) in [(EventKind::FunctionEntry, 0), (EventKind::FunctionExit, 3)] {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let event = call.event().unwrap();
        assert_eq!((event.kind, event.pc, event.can_pause), (kind, scene.pc(1, operator), true));
    }
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    assert_eq!(scene.debuggee.event_results(&call.event().unwrap()).unwrap(), [Value::I32(101)]);
    scene.debuggee.frame_write_operand(&frame, 0, &Value::I32(5)).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(5)]);
    // A step from an entry executes the first operator.
    let call = scene.begin("last", &[Value::I32(1)]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    assert_eq!((call.event().unwrap().kind, call.event().unwrap().pc), (EventKind::Step, scene.pc(1, 1)));
    // So it does by a handler, whose trap ends the call.
    let actions = RefCell::new(vec![Action::Step, Action::Continue, Action::Trap("no".into())].into_iter());
    let kinds: Rc<RefCell<Vec<EventKind>>> = Rc::default();
    let seen = kinds.clone();
    let handler = move |_: &Debuggee, event: &Event| {
        seen.borrow_mut().push(event.kind);
        actions.borrow_mut().next().unwrap_or(Action::Continue)
    };
    scene.debuggee.set_event_handler(BOTH | EventKind::Step.bit(), Box::new(handler)).unwrap();
    assert_eq!(scene.call("last", &[Value::I32(1)]).unwrap_err().message(), "no");
    use EventKind::*;
    assert_eq!(*kinds.borrow(), [FunctionEntry, Step, FunctionExit, FunctionExit]);
}

/// A step over a call that enters a traced function goes on if the handler has nothing to say.
#[test]
fn a_step_passes_what_is_only_listened_to() {
    let scene = Scene::new(CALLS);
    trace(&scene.debuggee, &scene.module, 5..7, true);
    let log = lines(&scene.debuggee, BOTH);
    scene.add(6, 0);
    let call = scene.begin("catches", &[Value::I32(0)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let over = scene.debuggee.step_goal(&frame, pellucid::debug::Reach::Over).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Run(over)).unwrap(), CallState::Paused);
    assert_eq!((call.event().unwrap().kind, call.event().unwrap().pc), (EventKind::Step, scene.pc(6, 2)));
    assert_eq!(log.take(), ["> 6 [0]", "> 5 [0]", "< 5 return [0]", "< 6 return [0]"]);
}

#[test]
fn host_functions_in_between_and_handlers_calls() {
    let wat = r#"(module (import "" "" (func $host (param i32)))
        (func $f (export "f") (param i32) (if (local.get 0) (then (call $host (local.get 0))))))"#;
    let inner = Rc::new(Cell::new(None));
    let known = inner.clone();
    let scene = Scene::with(wat, move |debuggee| {
        let call = move |debuggee: &Debuggee, args: &[Value]| {
            let [Value::I32(n)] = args else { unreachable!() };
            debuggee.call(known.get().unwrap(), &[Value::I32(n - 1)])
        };
        vec![host(debuggee, &[ValType::I32], &[], Box::new(call))]
    });
    let f = scene.func("f");
    inner.set(Some(f));
    trace(&scene.debuggee, &scene.module, 0..2, true);
    let log = lines(&scene.debuggee, BOTH);
    scene.call("f", &[Value::I32(2)]).unwrap();
    let expected = ["> 1 [2]", "> 1 [1]", "> 1 [0]", "< 1 return []", "< 1 return []", "< 1 return []"];
    assert_eq!(log.take(), expected);
    // What a handler calls isn't told it.
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let handler = move |debuggee: &Debuggee, _: &Event| {
        seen.set(seen.get() + 1);
        debuggee.call(f, &[Value::I32(1)]).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(BOTH, Box::new(handler)).unwrap();
    scene.call("f", &[Value::I32(0)]).unwrap();
    assert_eq!(count.get(), 2);
}

/// Also in a module that comes later, in all its instances, and in no other store.
#[test]
fn it_belongs_to_a_store_and_a_module() {
    let engine = scene::engine();
    let shared = module(&engine, CALLS);
    let stores = [(); 2].map(|()| Debuggee::new(&engine, StoreLimits::default()).unwrap());
    trace(&stores[0], &shared, 1..2, true);
    let logs = [0, 1].map(|store: usize| lines(&stores[store], BOTH));
    for store in [0, 0, 1] {
        let instance = stores[store].instantiate(&shared, &[]).unwrap();
        let Some(Extern::Func(last)) = stores[store].store().instance_export(instance, "last").unwrap() else {
            panic!("it is there")
        };
        stores[store].call(last, &[Value::I32(1)]).unwrap();
    }
    assert_eq!([logs[0].take().len(), logs[1].take().len()], [4, 0]);
}

/// A function that was changed goes on in another form, where it is told of as well.
#[test]
fn other_forms_of_a_function_are_traced_too() {
    let scene = Scene::new(CALLS);
    trace(&scene.debuggee, &scene.module, 0..1, true);
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.borrow_mut().push(line(debuggee, event));
        if event.kind == EventKind::FunctionEntry {
            let frame = event.frame.unwrap();
            let mut local = [Value::Unavailable];
            debuggee.frame_read_locals(&frame, 0, &mut local).unwrap();
            debuggee.frame_write_local(&frame, 0, &local[0]).unwrap();
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(BOTH, Box::new(handler)).unwrap();
    assert_eq!(scene.call("fib", &[Value::I32(2)]).unwrap(), [Value::I32(1)]);
    let expected = ["> 0 [2]", "> 0 [1]", "< 0 return [1]", "> 0 [0]", "< 0 return [0]", "< 0 return [1]"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_frame_that_stands_where_tracing_begins_is_told_of_when_it_is_left() {
    let scene = Scene::new(CALLS);
    scene.add(1, 0);
    let (log, module) = (Rc::<RefCell<Vec<String>>>::default(), scene.module.clone());
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        match event.kind {
            EventKind::Breakpoint => trace(debuggee, &module, 1..2, true),
            _ => seen.borrow_mut().push(line(debuggee, event)),
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit() | BOTH, Box::new(handler)).unwrap();
    scene.call("last", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), ["< 1 return [101]"]);
}
