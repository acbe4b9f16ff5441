//! Events of a store in which all is well: modules, instances, memories that grow, calls that are over.

use crate::scene::{Scene, func, host, kind, module, pc};
use pellucid::base::{Error, ErrorKind, Func, Memory, StoreLimits, TrapCode, ValType, Value};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Resume, Subject};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const GROWS: &str = r#"(module
    (memory (export "memory") 1 5)
    (func (export "grow") (param i32) (result i32) (i32.add (memory.grow (local.get 0)) (i32.const 100)))
    (func (export "last") (drop (memory.grow (i32.const 1))))
    (func (export "traps") (drop (memory.grow (i32.const 1))) unreachable)
    (func (export "answer") (param i32) (result i32 i64) (local.get 0) (i64.const 7)))"#;

/// An action for each event in turn, then to continue.
fn act(debuggee: &Debuggee, mask: u32, actions: Vec<Action>) -> Rc<RefCell<Vec<Event>>> {
    let log: Rc<RefCell<Vec<Event>>> = Rc::default();
    let (seen, actions) = (log.clone(), RefCell::new(actions.into_iter()));
    let handler = move |_: &Debuggee, event: &Event| {
        seen.borrow_mut().push(event.clone());
        actions.borrow_mut().next().unwrap_or(Action::Continue)
    };
    debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    log
}

fn growth(event: &Event) -> (u64, u64, u64) {
    match event.subject.as_deref() {
        Some(Subject::Growth(growth)) => (growth.memory.index, growth.old_pages, growth.new_pages),
        other => panic!("{other:?}"),
    }
}

fn memory(scene: &Scene) -> Memory {
    match scene.debuggee.store().instance_export(scene.instance, "memory").unwrap() {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_that_grows_a_memory_is_at_the_next_operator() {
    let scene = Scene::new(GROWS);
    let log = scene.log(EventKind::MemoryGrown.bit());
    assert_eq!(scene.call("grow", &[Value::I32(2)]).unwrap(), [Value::I32(101)]);
    let entries = log.take();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(growth(&entry.event), (0, 1, 3));
    let state = entry.state.as_ref().unwrap();
    assert_eq!((state.func, state.operator, &state.operands[..]), (0, 2, &[Value::I32(1)][..]));
    assert_eq!(entry.event.pc, scene.pc(0, 2));
    // By nothing, or not at all, isn't growing.
    assert_eq!(scene.call("grow", &[Value::I32(0)]).unwrap(), [Value::I32(103)]);
    assert_eq!(scene.call("grow", &[Value::I32(9)]).unwrap(), [Value::I32(99)]);
    assert_eq!(log.take().len(), 0);
    // With the last operator but the end, and before a trap.
    scene.call("last", &[]).unwrap();
    scene.call("traps", &[]).unwrap_err();
    assert_eq!(log.places(), [(EventKind::MemoryGrown, 1, 2), (EventKind::MemoryGrown, 2, 2)]);
}

#[test]
fn the_handler_of_a_growth_may_pause_trap_and_step() {
    let scene = Scene::new(GROWS);
    let actions = vec![Action::Pause, Action::Trap("no".into()), Action::Step];
    let log = act(&scene.debuggee, EventKind::MemoryGrown.bit() | EventKind::Step.bit(), actions);
    let call = scene.begin("grow", &[Value::I32(1)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((event.kind, growth(&event), event.pc), (EventKind::MemoryGrown, (0, 1, 2), scene.pc(0, 2)));
    assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator, 2);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(101)]);
    assert_eq!(scene.call("grow", &[Value::I32(1)]).unwrap_err().message(), "no");
    assert_eq!(scene.call("grow", &[Value::I32(1)]).unwrap(), [Value::I32(103)]);
    let seen: Vec<_> = log.borrow().iter().map(|event| (event.kind, event.pc)).collect();
    let (grown, stepped) = ((EventKind::MemoryGrown, scene.pc(0, 2)), (EventKind::Step, scene.pc(0, 3)));
    assert_eq!(seen, [grown, grown, grown, stepped]);
}

/// A breakpoint at the next operator is told of after it, and a step that is being made goes on.
#[test]
fn a_growth_comes_before_what_is_at_the_next_operator() {
    let scene = Scene::new(GROWS);
    scene.add(0, 2);
    let log = act(&scene.debuggee, EventKind::MemoryGrown.bit() | EventKind::ALL, vec![]);
    scene.call("grow", &[Value::I32(1)]).unwrap();
    let kinds: Vec<_> = log.borrow().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::MemoryGrown, EventKind::Breakpoint]);
    scene.edit(|edit| edit.single_step(true));
    log.borrow_mut().clear();
    scene.call("last", &[]).unwrap();
    let kinds: Vec<_> = log.borrow().iter().map(|event| (event.kind, event.pc)).collect();
    let step = |operator| (EventKind::Step, scene.pc(1, operator));
    assert_eq!(kinds, [step(0), step(1), (EventKind::MemoryGrown, scene.pc(1, 2)), step(2), step(3)]);
}

#[test]
fn what_the_host_grows_is_told_at_once() {
    let scene = Scene::new(GROWS);
    let log = act(&scene.debuggee, EventKind::MemoryGrown.bit(), vec![Action::Pause]);
    assert_eq!(scene.debuggee.memory_grow(memory(&scene), 2).unwrap(), 1);
    assert_eq!(scene.debuggee.memory_grow(memory(&scene), 0).unwrap(), 3);
    assert_eq!(kind(scene.debuggee.memory_grow(memory(&scene), 3)), ErrorKind::Limit);
    let event = log.borrow()[0].clone();
    assert_eq!((log.borrow().len(), growth(&event), event.call, event.frame), (1, (0, 1, 3), 0, None));
    assert_eq!(scene.debuggee.refused_pauses().unwrap(), 1);
}

#[test]
fn in_a_host_function_the_guests_frame_is_there() {
    let wat = r#"(module (import "" "" (func $host)) (memory (export "memory") 1) (func (export "f") nop call $host))"#;
    let scene = Scene::with_host(wat, |debuggee| {
        let memory = Memory { store: debuggee.store().id(), index: 0 };
        assert_eq!(debuggee.memory_grow(memory, 1).unwrap(), 1);
    });
    let log = scene.log(EventKind::MemoryGrown.bit());
    scene.call("f", &[]).unwrap();
    let entries = log.take();
    assert!(entries[0].event.call != 0 && !entries[0].event.can_pause);
    assert_eq!((entries.len(), entries[0].event.pc), (1, scene.pc(1, 1)));
    assert_eq!(entries[0].state.as_ref().unwrap().operator, 1);
}

/// What a handler does itself isn't told it, and what guests do that it calls only if it has asked for that.
#[test]
fn what_happens_while_a_handler_runs_is_told_as_it_wants() {
    for nested in [false, true] {
        let scene = Scene::new(GROWS);
        let (grow, other) = (scene.func("grow"), module(scene.module.engine(), "(module)"));
        let depth: Rc<Cell<u32>> = Rc::default();
        let (seen, memory) = (depth.clone(), memory(&scene));
        let handler = move |debuggee: &Debuggee, _: &Event| {
            seen.set(seen.get() + 1);
            if seen.get() == 1 {
                debuggee.memory_grow(memory, 1).unwrap();
                debuggee.instantiate(&other, &[]).unwrap();
                debuggee.call(grow, &[Value::I32(1)]).unwrap();
            }
            Action::Continue
        };
        let mask = EventKind::OTHERS & !EventKind::CallFinished.bit() | if nested { EventKind::NESTED } else { 0 };
        scene.debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
        assert_eq!(scene.call("grow", &[Value::I32(1)]).unwrap(), [Value::I32(101)]);
        assert_eq!(depth.get(), if nested { 2 } else { 1 });
        assert_eq!(scene.debuggee.store().memory_size(memory).unwrap(), 4);
        // Nothing is left over for the next call.
        scene.call("answer", &[Value::I32(1)]).unwrap();
        assert_eq!(depth.get(), if nested { 2 } else { 1 });
    }
}

#[test]
fn a_store_that_shares_a_memory_is_told_of_its_own_growths() {
    let wat = r#"(module (memory (export "memory") 1 5 shared)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let scene = Scene::new(wat);
    let shared = scene.debuggee.store().memory_shared(memory(&scene)).unwrap();
    let other = Debuggee::new(scene.module.engine(), StoreLimits::default()).unwrap();
    let there = other.store().memory_from_shared(&shared).unwrap();
    let (here_log, there_log) =
        (act(&scene.debuggee, EventKind::OTHERS, vec![]), act(&other, EventKind::MemoryGrown.bit(), vec![]));
    assert_eq!(scene.call("grow", &[Value::I32(1)]).unwrap(), [Value::I32(1)]);
    assert_eq!(other.memory_grow(there, 1).unwrap(), 2);
    shared.grow(1).unwrap();
    assert_eq!(
        here_log.borrow().iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::MemoryGrown, EventKind::CallFinished]
    );
    assert_eq!(growth(&here_log.borrow()[0]), (0, 1, 2));
    assert_eq!(there_log.borrow().iter().map(growth).collect::<Vec<_>>(), [(0, 2, 3)]);
}

#[test]
fn modules_and_instances_are_told_before_their_start_functions_run() {
    let engine = crate::scene::engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    let wat = r#"(module (import "" "" (func $host)) (memory 1) (data (i32.const 8) "x") (start $start) (func $start call $host))"#;
    let starts = module(&engine, wat);
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let said = log.clone();
    let call = host(
        &debuggee,
        &[],
        &[],
        Box::new(move |_, _| {
            said.borrow_mut().push("start".into());
            Ok(vec![])
        }),
    );
    let (seen, id) = (log.clone(), starts.id());
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.borrow_mut().push(match event.subject.as_deref() {
            Some(Subject::Module(module)) => format!("module {}", u32::from(module.id() == id)),
            Some(Subject::Instance(instance)) => {
                assert_eq!(debuggee.instances().unwrap().last(), Some(instance));
                let mut byte = [0];
                let memory = debuggee.instance_memory(*instance, pellucid::base::MemoryIndex::from_u32(0)).unwrap();
                debuggee.store().memory_read(memory, 8, &mut byte).unwrap();
                format!("instance {} {}", instance.index, byte[0])
            }
            other => panic!("{other:?}"),
        });
        assert!(event.frame.is_none() && !event.can_pause && event.call == 0);
        Action::Continue
    };
    let mask = EventKind::ModuleLoaded.bit() | EventKind::InstanceCreated.bit();
    debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    debuggee.instantiate(&starts, &[Extern::Func(call)]).unwrap();
    debuggee.instance_begin(&starts, &[Extern::Func(call)]).unwrap();
    assert_eq!(log.take(), ["module 1", "instance 0 120", "start", "instance 1 120"]);
    // An instance whose segments are out of bounds is in the store all the same; what can't be made isn't.
    let broken = module(&engine, r#"(module (memory 1) (data (i32.const 8) "x") (data (i32.const 65536) "y"))"#);
    assert_eq!(kind(debuggee.instantiate(&broken, &[])), ErrorKind::Trap);
    assert_eq!(kind(debuggee.instantiate(&starts, &[])), ErrorKind::Link);
    assert_eq!(log.take(), ["module 0", "instance 2 120"]);
}

/// A breakpoint that is set when a module comes stops its start function.
#[test]
fn a_breakpoint_set_for_a_new_module_stops_its_start_function() {
    let scene = Scene::new("(module)");
    let starts = module(scene.module.engine(), "(module (start 0) (func nop))");
    let (hits, seen, at) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), pc(&starts, 0, 0));
    let counted = hits.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        match event.subject.as_deref() {
            Some(Subject::Module(module)) => {
                let mut edit = pellucid::debug::Edit::begin(debuggee).unwrap();
                edit.add(debuggee, module, at).unwrap();
                edit.commit(debuggee).unwrap();
                seen.set(seen.get() + 1);
            }
            _ => counted.set(counted.get() + 1),
        }
        Action::Continue
    };
    let mask = EventKind::ModuleLoaded.bit() | EventKind::Breakpoint.bit();
    scene.debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    scene.debuggee.instantiate(&starts, &[]).unwrap();
    assert_eq!(hits.get(), 1);
}

fn ends(log: &Rc<RefCell<Vec<Event>>>, debuggee: &Debuggee) -> Vec<(Func, Result<Vec<Value>, ErrorKind>)> {
    let end = |event: &Event| {
        let Some(Subject::Call { func, .. }) = event.subject.as_deref() else { panic!("{event:?}") };
        assert!(event.frame.is_none() && !event.can_pause && event.call != 0);
        let results = debuggee.event_results(event);
        assert_eq!(results.is_err(), event.error.is_some());
        (*func, results.map_err(|_| event.error.as_ref().unwrap().kind()))
    };
    log.take().iter().map(end).collect()
}

#[test]
fn every_end_of_a_call_is_told_with_what_it_has_returned() {
    let scene = Scene::new(GROWS);
    let (answer, traps) = (scene.func("answer"), scene.func("traps"));
    let log = act(&scene.debuggee, EventKind::CallFinished.bit(), vec![Action::Pause, Action::Trap("late".into())]);
    let results = vec![Value::I32(4), Value::I64(7)];
    assert_eq!(scene.call("answer", &[Value::I32(4)]).unwrap(), results);
    scene.call("answer", &[Value::I32(4)]).unwrap();
    scene.call("traps", &[]).unwrap_err();
    let call = scene.begin("answer", &[Value::I32(4)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    assert_eq!(log.borrow().len(), 3);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(log.borrow()[3].call, call.id());
    let returned = || (answer, Ok(results.clone()));
    let expected = [returned(), returned(), (traps, Err(ErrorKind::Trap)), returned()];
    assert_eq!(ends(&log, &scene.debuggee), expected);
    assert_eq!(scene.debuggee.refused_pauses().unwrap(), 1);
    // Raw calls, which are quick where nobody listens, too.
    scene.debuggee.call_raw(answer, &mut [Default::default(); 2]).unwrap();
    assert_eq!(log.borrow().len(), 1);
    scene.debuggee.clear_event_handler().unwrap();
    scene.call("answer", &[Value::I32(4)]).unwrap();
    assert_eq!(log.borrow().len(), 1);
}

#[test]
fn calls_within_calls_end_first() {
    let wat = r#"(module (import "" "" (func $host (param i32)))
        (func (export "f") (param i32) (result i32) (call $host (local.get 0)) (local.get 0)))"#;
    let inner: Rc<Cell<Option<Func>>> = Rc::default();
    let known = inner.clone();
    let scene = Scene::with(wat, move |debuggee| {
        let call = move |debuggee: &Debuggee, args: &[Value]| match args {
            [Value::I32(0)] => Err(Error::new(ErrorKind::Host, "refused")),
            [Value::I32(n)] => {
                debuggee.call(known.get().unwrap(), &[Value::I32(n - 1)]).map(|_| Vec::new()).or(Ok(Vec::new()))
            }
            _ => unreachable!(),
        };
        vec![host(debuggee, &[ValType::I32], &[], Box::new(call))]
    });
    let f = func(&scene.debuggee, scene.instance, "f");
    inner.set(Some(f));
    let log = act(&scene.debuggee, EventKind::CallFinished.bit(), vec![]);
    scene.call("f", &[Value::I32(2)]).unwrap();
    let expected = [(f, Err(ErrorKind::Host)), (f, Ok(vec![Value::I32(1)])), (f, Ok(vec![Value::I32(2)]))];
    assert_eq!(ends(&log, &scene.debuggee), expected);
    // A host function that the host calls is a call, too.
    let bare = host(&scene.debuggee, &[], &[ValType::I32], Box::new(|_, _| Ok(vec![Value::I32(5)])));
    scene.debuggee.call(bare, &[]).unwrap();
    assert_eq!(ends(&log, &scene.debuggee), [(bare, Ok(vec![Value::I32(5)]))]);
}

/// An object that is returned is there as long as the handler runs, whatever is collected.
#[test]
fn objects_that_are_returned_survive_the_handler() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field i32)))
            (func (export "make") (result (ref $s)) (struct.new $s (i32.const 6)))
            (func (export "get") (param anyref) (result i32) (struct.get $s 0 (ref.cast (ref $s) (local.get 0))))
            (func (export "waste") (local i32)
                (loop (drop (struct.new $s (i32.const 1))) (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000))))))"#,
    );
    let (get, waste) = (scene.func("get"), scene.func("waste"));
    let (seen, got) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (noted, count) = (got.clone(), seen.clone());
    let handler = move |debuggee: &Debuggee, event: &Event| {
        debuggee.call(waste, &[]).unwrap();
        debuggee.store().collect_garbage().unwrap();
        let results = debuggee.event_results(event).unwrap();
        if let [Value::I32(number)] = debuggee.call(get, &results).unwrap()[..] {
            noted.set(number);
        }
        debuggee.store().collect_garbage().unwrap();
        count.set(count.get() + 1);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CallFinished.bit(), Box::new(handler)).unwrap();
    let made = scene.call("make", &[]).unwrap();
    assert_eq!((got.get(), seen.get()), (6, 1));
    scene.debuggee.clear_event_handler().unwrap();
    assert_eq!(scene.debuggee.call(get, &made).unwrap(), [Value::I32(6)]);
}

#[test]
fn calls_that_a_handler_makes_at_the_end_of_calls_are_bounded() {
    let scene = Scene::new(GROWS);
    let calls = Rc::new(Cell::new(0));
    let (counted, answer) = (calls.clone(), scene.func("answer"));
    let handler = move |debuggee: &Debuggee, _: &Event| {
        counted.set(counted.get() + 1);
        if let Err(error) = debuggee.call(answer, &[Value::I32(1)]) {
            assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted));
        }
        Action::Continue
    };
    let mask = EventKind::CallFinished.bit() | EventKind::NESTED;
    scene.debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    assert!(scene.call("answer", &[Value::I32(1)]).is_ok());
    assert_eq!(calls.get(), StoreLimits::default().nested_calls);
}
