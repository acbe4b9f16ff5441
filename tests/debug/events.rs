//! Events and what is done about them: the handler and its actions, pausing and resuming, traps and failing hosts.

use crate::scene::{self, Scene, host, kind, stack, state};
use pellucid::base::{Error, ErrorKind, StoreLimits, TrapCode, ValType, Value};
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Event, EventKind, Frame, FrameKind, Resume};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// An action for each event in turn, then to continue.
fn act(scene: &Scene, mask: u32, actions: Vec<Action>) -> Rc<RefCell<Vec<Event>>> {
    let log: Rc<RefCell<Vec<Event>>> = Rc::default();
    let seen = log.clone();
    let actions = RefCell::new(actions.into_iter());
    let handler = move |_: &Debuggee, event: &Event| {
        seen.borrow_mut().push(event.clone());
        actions.borrow_mut().next().unwrap_or(Action::Continue)
    };
    scene.debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
    log
}

fn kinds(log: &Rc<RefCell<Vec<Event>>>) -> Vec<EventKind> {
    log.borrow().iter().map(|event| event.kind).collect()
}

const NOPS: &str = "(module (func (export \"f\") (result i32) nop nop i32.const 3))";

#[test]
fn a_resumable_call_goes_through_its_states() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    let call = scene.begin("f", &[]);
    assert_eq!(call.state(), CallState::Ready);
    assert_eq!(call.func(), scene.func("f"));
    assert!(call.event().is_none() && call.error().is_none());
    assert_eq!(call.frame(&scene.debuggee).unwrap(), None);
    assert_eq!(kind(call.results(&scene.debuggee)), ErrorKind::InvalidState);

    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(call.state(), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.call, event.can_pause), (EventKind::Breakpoint, call.id(), true));
    assert_eq!(event.frame, call.frame(&scene.debuggee).unwrap());
    assert_eq!(kind(call.results(&scene.debuggee)), ErrorKind::InvalidState);
    // A paused call isn't running: no activation is.
    assert_eq!(scene.debuggee.frames().unwrap(), []);

    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(3)]);
    assert!(call.event().is_none() && call.error().is_none());
    assert_eq!(kind(call.resume(&scene.debuggee, Resume::Continue)), ErrorKind::InvalidState);
}

#[test]
fn arguments_are_checked_before_anything_runs() {
    let scene = Scene::new("(module (func (export \"f\") (param i32)))");
    let begin = |args: &[Value]| scene.debuggee.call_begin(scene.func("f"), args);
    assert_eq!(kind(begin(&[])), ErrorKind::InvalidArgument);
    assert_eq!(kind(begin(&[Value::I64(1)])), ErrorKind::TypeMismatch);
    let stranger = Debuggee::new(scene.module.engine(), StoreLimits::default()).unwrap();
    assert_eq!(kind(stranger.call_begin(scene.func("f"), &[Value::I32(0)])), ErrorKind::WrongStore);
}

#[test]
fn many_calls_can_be_paused_at_once_and_resumed_in_any_order() {
    let scene = Scene::new("(module (func (export \"f\") (param i32) (result i32) local.get 0 i32.const 2 i32.mul))");
    scene.add(0, 2);
    let calls: Vec<DebugCall> = (0..50).map(|number| scene.begin("f", &[Value::I32(number)])).collect();
    for call in &calls {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    }
    for (number, call) in calls.iter().enumerate().rev() {
        let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
        assert_eq!(state.operands, [Value::I32(number as i32), Value::I32(2)]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(2 * number as i32)]);
    }
}

#[test]
fn without_a_handler_or_outside_its_mask_one_shot_calls_continue_and_resumable_ones_pause() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    for mask in [None, Some(EventKind::Step.bit()), Some(EventKind::Breakpoint.bit())] {
        let log = mask.map(|mask| act(&scene, mask, Vec::new()));
        let handled = mask == Some(EventKind::Breakpoint.bit());
        assert_eq!(scene.call("f", &[]).unwrap(), [Value::I32(3)]);
        let call = scene.begin("f", &[]);
        let expected = if handled { CallState::Finished } else { CallState::Paused };
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), expected);
        assert_eq!(log.map_or(0, |log| log.borrow().len()), if handled { 2 } else { 0 });
    }
}

#[test]
fn the_handler_may_pause_a_resumable_call_only() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    let log = act(&scene, EventKind::ALL, vec![Action::Pause, Action::Pause]);
    let call = scene.begin("f", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(call.event().unwrap().pc, scene.pc(0, 1));
    assert!(log.borrow()[0].can_pause);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(scene.debuggee.refused_pauses().unwrap(), 0);
    assert_eq!(scene.call("f", &[]).unwrap(), [Value::I32(3)]);
    assert!(!log.borrow()[1].can_pause);
    assert_eq!(scene.debuggee.refused_pauses().unwrap(), 1);
}

#[test]
fn the_handler_may_trap() {
    let scene = Scene::new(
        r#"(module (func (export "f") call $g) (func $g (param) (local i32) (local.set 0 (i32.const 6)) nop nop))"#,
    );
    scene.add(1, 3);
    // A one-shot call.
    act(&scene, EventKind::ALL, vec![Action::Trap("enough".into()), Action::Trap("more".into())]);
    let error = scene.call("f", &[]).unwrap_err();
    assert_eq!(
        (error.kind(), error.trap_code(), error.message()),
        (ErrorKind::Trap, Some(TrapCode::Requested), "enough")
    );
    let backtrace: Vec<_> = error.backtrace().iter().map(|frame| (frame.func_index, frame.pc)).collect();
    assert_eq!(backtrace, [(1, scene.pc(1, 3)), (0, scene.pc(0, 0))]);
    let body = scene.module.info().bodies.values().nth(1).unwrap().range.start;
    assert_eq!(error.backtrace()[0].func_offset, scene.pc(1, 3).0 - body);
    // A resumable one: its frames stay readable.
    let call = scene.begin("f", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    assert_eq!(call.error().unwrap().message(), "more");
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.trap, event.can_pause), (EventKind::Trap, Some(TrapCode::Requested), false));
    let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
    assert_eq!((state.kind, state.func, state.operator), (FrameKind::Trapped, 1, 3));
    assert_eq!(state.locals, [Value::I32(6)]);
    assert_eq!(kind(call.resume(&scene.debuggee, Resume::Continue)), ErrorKind::InvalidState);
    assert_eq!(kind(call.results(&scene.debuggee)), ErrorKind::InvalidState);
}

#[test]
fn the_handler_may_step() {
    let scene = Scene::new(NOPS);
    scene.add(0, 0);
    let log = act(&scene, EventKind::ALL, vec![Action::Step, Action::Step]);
    scene.call("f", &[]).unwrap();
    assert_eq!(kinds(&log), [EventKind::Breakpoint, EventKind::Step, EventKind::Step]);
    assert!(log.borrow()[1].breakpoints.is_empty());
    // A step that leads to a breakpoint ends there, as a breakpoint.
    scene.add(0, 1);
    let log = act(&scene, EventKind::ALL, vec![Action::Step]);
    scene.call("f", &[]).unwrap();
    assert_eq!(kinds(&log), [EventKind::Breakpoint, EventKind::Breakpoint]);
    // A step whose end nobody would hear of is none.
    let log = act(&scene, EventKind::Breakpoint.bit(), vec![Action::Step]);
    scene.call("f", &[]).unwrap();
    assert_eq!(kinds(&log), [EventKind::Breakpoint, EventKind::Breakpoint]);
}

/// Function 0 is the host's; 1 traps in the middle of a run, by its parameter.
const TRAPS: &str = r#"(module (import "" "" (func $host))
    (memory 1) (table 3 funcref) (elem (i32.const 0) $void)
    (type $unary (func (param i32) (result i32)))
    (func (export "f") (param $how i32) (param $x i32) (result i32) (local $y i32)
        (local.set $y (i32.const 5))
        (block (block (block (block (block (block (block
            (br_table 0 1 2 3 4 5 6 (local.get $how)))
            ;; 0: a division
            (local.set $y (i32.add (local.get $y) (i32.const 1)))
            i32.const 77
            (local.set $x (i32.div_s (i32.const 1) (local.get $x)))
            drop)
            ;; 1: a load
            (local.set $y (i32.add (local.get $y) (i32.const 2)))
            (local.set $x (i32.load offset=65533 (local.get $x))))
            ;; 2: a store, which ends the run
            (local.set $y (i32.add (local.get $y) (i32.const 3)))
            (i32.store (i32.const 65536) (local.get $y)))
            ;; 3: a null element
            (local.set $y (i32.add (local.get $y) (i32.const 4)))
            (local.set $x (call_indirect (type $unary) (local.get $y) (i32.const 1))))
            ;; 4: beyond the table
            (local.set $y (i32.add (local.get $y) (i32.const 5)))
            (local.set $x (call_indirect (type $unary) (local.get $y) (i32.const 3))))
            ;; 5: another type
            (local.set $y (i32.add (local.get $y) (i32.const 6)))
            (local.set $x (call_indirect (type $unary) (local.get $y) (i32.const 0))))
        ;; 6: a bulk operation
        (local.set $y (i32.add (local.get $y) (i32.const 7)))
        (memory.fill (i32.const 65530) (local.get $y) (i32.const 7))
        unreachable)
    (func $void))"#;

#[test]
fn a_trap_in_a_run_shows_the_state_before_its_operator() {
    use TrapCode::{
        IndirectCallTypeMismatch, IntegerDivideByZero, MemoryOutOfBounds, UndefinedElement, UninitializedElement,
    };
    let i32s = |values: &[i32]| values.iter().copied().map(Value::I32).collect::<Vec<_>>();
    let cases: [(TrapCode, i32, Vec<Value>); 7] = [
        (IntegerDivideByZero, 6, i32s(&[77, 1, 0])),
        (MemoryOutOfBounds, 7, i32s(&[0])),
        (MemoryOutOfBounds, 8, i32s(&[65536, 8])),
        (UninitializedElement, 9, i32s(&[9, 1])),
        (UndefinedElement, 10, i32s(&[10, 3])),
        (IndirectCallTypeMismatch, 11, i32s(&[11, 0])),
        (MemoryOutOfBounds, 12, i32s(&[65530, 12, 7])),
    ];
    let scene = Scene::with_host(TRAPS, |_| {});
    let name = |operator: usize| {
        let pc = scene.pc(1, operator);
        let text = format!("{:?}", scene.module.info().operator_at(pc));
        text.split([' ', '{']).next().unwrap().to_string()
    };
    let operators = ["I32DivS", "I32Load", "I32Store", "CallIndirect", "CallIndirect", "CallIndirect", "MemoryFill"];
    for (how, (code, y, operands)) in cases.into_iter().enumerate() {
        let args = [Value::I32(how as i32), Value::I32(0)];
        let check = |state: &scene::State| {
            assert_eq!((state.kind, state.func), (FrameKind::Trapped, 1));
            assert_eq!(name(state.operator), operators[how]);
            assert_eq!(state.locals, [args[0], args[1], Value::I32(y)], "{how}");
            assert_eq!(state.operands, operands, "{how}");
        };
        // By event, from a one-shot call.
        let log = scene.log(EventKind::ALL);
        let error = scene.call("f", &args).unwrap_err();
        assert_eq!(error.trap_code(), Some(code));
        let entries = log.take();
        assert_eq!(entries.len(), 1);
        let event = &entries[0].event;
        assert_eq!((event.kind, event.trap, event.can_pause), (EventKind::Trap, Some(code), false));
        assert_eq!(event.error.as_ref().unwrap().trap_code(), Some(code));
        check(entries[0].state.as_ref().unwrap());
        scene.debuggee.clear_event_handler().unwrap();
        // As a state, from a resumable call.
        let call = scene.begin("f", &args);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
        check(&scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()));
        assert_eq!(call.error().unwrap().backtrace()[0].pc, call.event().unwrap().pc);
        // The same under steps, where the evaluator comes to the operator first.
        let stepped = scene.begin("f", &args);
        let mut last = None;
        while stepped.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
            last = Some(scene.state(&stepped.frame(&scene.debuggee).unwrap().unwrap()));
        }
        let state = scene.state(&stepped.frame(&scene.debuggee).unwrap().unwrap());
        check(&state);
        let last = last.unwrap();
        assert_eq!((last.operator, last.locals, last.operands), (state.operator, state.locals, state.operands));
    }
}

#[test]
fn a_memory_fault_says_where() {
    let scene =
        Scene::new("(module (memory 1) (func (export \"f\") (param i32) (drop (i32.load offset=16 (local.get 0)))))");
    for (index, address) in [(65536, 65552), (-1, 0x1_0000_000f_u64), (65518, 65536)] {
        let call = scene.begin("f", &[Value::I32(index)]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
        let event = call.event().unwrap();
        let fault = event.fault.expect("a hardware trap");
        assert_eq!((fault.memory, fault.address), (0, address));
        assert_eq!(call.error().unwrap().memory_fault(), event.fault);
    }
}

#[test]
fn the_frames_of_a_trap_stay_readable_until_the_call_is_dropped() {
    let scene = Scene::new(
        r#"(module (func (export "f") (param i32) (i32.const 3) (call $g (i64.const 9)) drop)
        (func $g (param i64) unreachable) (func (export "other") (result i32) i32.const 1))"#,
    );
    let call = scene.begin("f", &[Value::I32(4)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    // Other calls, on other stacks, change nothing.
    for _ in 0..3 {
        scene.call("other", &[]).unwrap();
        let frames = stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap());
        let states: Vec<_> = frames.iter().map(|frame| scene.state(frame)).collect();
        assert_eq!((states[0].kind, &states[0].locals[..]), (FrameKind::Trapped, &[Value::I64(9)][..]));
        assert_eq!((states[1].kind, &states[1].locals[..]), (FrameKind::Calling, &[Value::I32(4)][..]));
        assert_eq!(states[1].operands, [Value::I32(3)]);
        assert_eq!(states.len(), 2);
    }
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    drop(call);
    scene::assert_refused(&scene.debuggee, &frame, ErrorKind::StaleHandle);
}

fn failing(scene: &str, error: ErrorKind) -> Scene {
    Scene::with(scene, |debuggee| {
        let fail = move |_: &Debuggee, _: &[Value]| Err(Error::new(error, "no such file"));
        vec![host(debuggee, &[ValType::I32], &[ValType::I32], Box::new(fail))]
    })
}

#[test]
fn a_failing_host_function_is_an_event_while_the_guests_frames_stand() {
    let wat = r#"(module (import "" "" (func $open (param i32) (result i32)))
        (func (export "f") (param i64) (result i32) i32.const 8 (call $open (i32.const 1)) i32.add))"#;
    let scene = failing(wat, ErrorKind::Host);
    let log = scene.log(EventKind::ALL);
    let check = |error: &Error| {
        assert_eq!((error.kind(), error.message()), (ErrorKind::Host, "no such file"));
        assert_eq!(error.backtrace().len(), 1);
        assert_eq!(error.backtrace()[0].pc, scene.pc(1, 2));
    };
    check(&scene.call("f", &[Value::I64(5)]).unwrap_err());
    let entries = log.take();
    assert_eq!(entries.len(), 1);
    let event = &entries[0].event;
    assert_eq!((event.kind, event.trap, event.pc), (EventKind::HostError, Some(TrapCode::HostError), scene.pc(1, 2)));
    check(event.error.as_ref().unwrap());
    let state = entries[0].state.as_ref().unwrap();
    assert_eq!((state.kind, state.func, state.operator), (FrameKind::Calling, 1, 2));
    assert_eq!((&state.locals[..], &state.operands[..]), (&[Value::I64(5)][..], &[Value::I32(8)][..]));
    scene.debuggee.clear_event_handler().unwrap();
    let call = scene.begin("f", &[Value::I64(6)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    check(&call.error().unwrap());
    assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).locals, [Value::I64(6)]);
    // A failing host function that the host calls itself: there is no frame.
    let open = scene.debuggee.instance_func(scene.instance, pellucid::base::FuncIndex::from_u32(0)).unwrap();
    let log = act(&scene, EventKind::ALL, Vec::new());
    assert_eq!(kind(scene.debuggee.call(open, &[Value::I32(1)])), ErrorKind::Host);
    assert_eq!((kinds(&log), log.borrow()[0].frame), (vec![EventKind::HostError], None));
    let call = scene.debuggee.call_begin(open, &[Value::I32(1)]).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    assert_eq!(call.frame(&scene.debuggee).unwrap(), None);
}

#[test]
fn an_error_that_passes_through_nested_calls_is_an_event_of_each() {
    let wat = r#"(module (import "" "" (func $host)) (func (export "outer") call $host) (func (export "inner") unreachable))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let scene = Scene::with(wat, |debuggee| {
        let later = later.clone();
        let nest = move |debuggee: &Debuggee, _: &[Value]| {
            debuggee.call(scene::func(debuggee, *later.get().unwrap(), "inner"), &[])
        };
        vec![host(debuggee, &[], &[], Box::new(nest))]
    });
    later.set(scene.instance).unwrap();
    let log = scene.log(EventKind::ALL);
    let error = scene.call("outer", &[]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(log.places(), [(EventKind::Trap, 2, 0), (EventKind::HostError, 1, 0)]);
}

#[test]
fn the_handler_may_call_guest_functions_whose_events_do_not_reach_it() {
    let scene = Scene::new(
        r#"(module (func (export "f") nop nop) (func (export "g") (param i32) (result i32) nop nop local.get 0)
        (func (export "bad") nop unreachable))"#,
    );
    scene.add(0, 1);
    let (inside, disabled) = (scene.add(1, 1), scene.add(1, 2));
    scene.edit(|edit| edit.enable(disabled, false));
    scene.add(2, 0);
    let log: Rc<RefCell<Vec<Event>>> = Rc::default();
    let (seen, instance) = (log.clone(), scene.instance);
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.borrow_mut().push(event.clone());
        let g = scene::func(debuggee, instance, "g");
        assert_eq!(debuggee.call(g, &[Value::I32(4)]).unwrap(), [Value::I32(4)]);
        // Resumable ones run through as well.
        let call = debuggee.call_begin(g, &[Value::I32(5)]).unwrap();
        assert_eq!(call.resume(debuggee, Resume::Step).unwrap(), CallState::Finished);
        // A trap is the caller's to deal with.
        let bad = scene::func(debuggee, instance, "bad");
        assert_eq!(debuggee.call(bad, &[]).unwrap_err().trap_code(), Some(TrapCode::Unreachable));
        let call = debuggee.call_begin(bad, &[]).unwrap();
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Trapped);
        assert_eq!(state(debuggee, &call.frame(debuggee).unwrap().unwrap()).operator, 1);
        // The frame of the event stood still meanwhile.
        assert_eq!(state(debuggee, &event.frame.unwrap()).operator, 1);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[]).unwrap();
    assert_eq!(kinds(&log), [EventKind::Breakpoint]);
    let info = scene.debuggee.breakpoint(inside).unwrap();
    assert_eq!((info.hits, info.passed_over), (2, 2));
    let info = scene.debuggee.breakpoint(disabled).unwrap();
    assert_eq!((info.hits, info.passed_over), (0, 0));
    // Outside the handler they are events again.
    let log = scene.log(EventKind::ALL);
    scene.call("g", &[Value::I32(1)]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 1, 1)]);
    let info = scene.debuggee.breakpoint(inside).unwrap();
    assert_eq!((info.hits, info.passed_over), (3, 2));
}

#[test]
fn a_handler_that_asked_for_it_sees_the_events_of_its_own_calls() {
    let scene = Scene::new("(module (func (export \"f\") (param i32) nop))");
    scene.add(0, 0);
    let log: Rc<RefCell<Vec<(i32, usize)>>> = Rc::default();
    let (seen, instance) = (log.clone(), scene.instance);
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let depth = state(debuggee, &event.frame.unwrap()).locals[0];
        let Value::I32(depth) = depth else { panic!() };
        seen.borrow_mut().push((depth, debuggee.frames().unwrap().len()));
        if depth < 3 {
            debuggee.call(scene::func(debuggee, instance, "f"), &[Value::I32(depth + 1)]).unwrap();
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL | EventKind::NESTED, Box::new(handler)).unwrap();
    scene.call("f", &[Value::I32(0)]).unwrap();
    assert_eq!(*log.borrow(), [(0, 1), (1, 2), (2, 3), (3, 4)]);
}

#[test]
fn masks_with_unknown_bits_are_refused_and_the_handler_is_dropped() {
    struct Dropped(Rc<Cell<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let scene = Scene::new(NOPS);
    scene.add(0, 0);
    let drops = Rc::new(Cell::new(0));
    let calls = Rc::new(Cell::new(0));
    let handler = || {
        let (dropped, calls) = (Dropped(drops.clone()), calls.clone());
        Box::new(move |_: &Debuggee, _: &Event| {
            let _ = &dropped;
            calls.set(calls.get() + 1);
            Action::Continue
        })
    };
    assert_eq!(kind(scene.debuggee.set_event_handler(1 << 20, handler())), ErrorKind::InvalidArgument);
    assert_eq!(drops.get(), 1);
    scene.debuggee.set_event_handler(EventKind::ALL, handler()).unwrap();
    assert_eq!(kind(scene.debuggee.set_event_handler(1 << 7, handler())), ErrorKind::InvalidArgument);
    assert_eq!(drops.get(), 2);
    // The one until now stayed.
    scene.call("f", &[]).unwrap();
    assert_eq!(calls.get(), 1);
    scene.debuggee.set_event_handler(EventKind::ALL, handler()).unwrap();
    assert_eq!(drops.get(), 3);
    scene.debuggee.clear_event_handler().unwrap();
    scene.debuggee.clear_event_handler().unwrap();
    assert_eq!(drops.get(), 4);
    scene.call("f", &[]).unwrap();
    assert_eq!(calls.get(), 1);
    // With the store.
    scene.debuggee.set_event_handler(0, handler()).unwrap();
    drop(scene);
    assert_eq!(drops.get(), 5);
}

#[test]
fn a_handler_may_replace_or_clear_itself() {
    let scene = Scene::new("(module (func (export \"f\") nop nop nop))");
    (0..3).for_each(|operator| {
        scene.add(0, operator);
    });
    let log: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (first, second) = (log.clone(), log.clone());
    let handler = move |debuggee: &Debuggee, _: &Event| {
        let second = second.clone();
        let other = move |debuggee: &Debuggee, _: &Event| {
            second.borrow_mut().push("second");
            debuggee.clear_event_handler().unwrap();
            second.borrow_mut().push("still here");
            Action::Continue
        };
        debuggee.set_event_handler(EventKind::ALL, Box::new(other)).unwrap();
        first.borrow_mut().push("first");
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[]).unwrap();
    assert_eq!(*log.borrow(), ["first", "second", "still here"]);
}

#[test]
fn a_handler_may_create_instances_and_drop_calls() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    let paused = RefCell::new(Some(scene.begin("f", &[])));
    paused.borrow().as_ref().unwrap().resume(&scene.debuggee, Resume::Continue).unwrap();
    let (module, made) = (scene.module.clone(), Rc::new(Cell::new(None)));
    let out = made.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        drop(paused.take());
        out.set(Some(debuggee.instantiate(&module, &[]).unwrap()));
        assert!(debuggee.frame_is_valid(&event.frame.unwrap()));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[]).unwrap();
    assert_eq!(scene.debuggee.instances().unwrap(), [scene.instance, made.get().unwrap()]);
}

#[test]
fn resuming_a_running_call_is_refused() {
    let wat = r#"(module (import "" "" (func $host)) (func (export "f") call $host nop))"#;
    let calls: Rc<RefCell<Vec<DebugCall>>> = Rc::default();
    let inside = calls.clone();
    let checked = Rc::new(Cell::new(0));
    let count = checked.clone();
    let check = Rc::new(move |debuggee: &Debuggee| {
        let calls = inside.borrow();
        assert_eq!(calls[0].state(), CallState::Running);
        assert_eq!(kind(calls[0].resume(debuggee, Resume::Continue)), ErrorKind::InvalidState);
        assert_eq!(kind(calls[0].results(debuggee)), ErrorKind::InvalidState);
        assert_eq!(calls[0].frame(debuggee).unwrap(), None);
        assert!(calls[0].event().is_none());
        count.set(count.get() + 1);
    });
    let in_host = check.clone();
    let scene = Scene::with_host(wat, move |debuggee| in_host(debuggee));
    scene.add(1, 1);
    let handler = move |debuggee: &Debuggee, _: &Event| {
        check(debuggee);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    calls.borrow_mut().push(scene.begin("f", &[]));
    assert_eq!(calls.borrow()[0].resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(checked.get(), 2);
    calls.borrow_mut().clear();
}

/// A resumable call whose host function drives a resumable call of its own.
#[test]
fn pausing_and_resuming_with_host_frames_in_between() {
    let wat = r#"(module (import "" "" (func $host (param i32)))
        (func (export "outer") (param i32) (result i32)
            (call $host (local.get 0))
            (i32.add (local.get 0) (i32.const 100)))
        (func (export "inner") (param i32) (result i32)
            (i32.mul (local.get 0) (i32.const 2))))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let kept: Rc<RefCell<Vec<(DebugCall, Frame)>>> = Rc::default();
    let scene = Scene::with(wat, |debuggee| {
        let (later, kept) = (later.clone(), kept.clone());
        let nest = move |debuggee: &Debuggee, args: &[Value]| {
            let inner = scene::func(debuggee, *later.get().unwrap(), "inner");
            let call = debuggee.call_begin(inner, args)?;
            assert_eq!(call.resume(debuggee, Resume::Continue)?, CallState::Paused);
            let frame = call.frame(debuggee)?.unwrap();
            // The call that pauses here isn't an activation, the one that called us is.
            let frames = debuggee.frames()?;
            assert_eq!(frames.len(), 1);
            assert_eq!(state(debuggee, &frames[0]).func, 1);
            assert_eq!(state(debuggee, &frame).operands, [args[0], Value::I32(2)]);
            // It outlives the host function, still paused.
            kept.borrow_mut().push((call, frame));
            Ok(Vec::new())
        };
        vec![host(debuggee, &[ValType::I32], &[], Box::new(nest))]
    });
    later.set(scene.instance).unwrap();
    scene.add(2, 2);
    scene.add(1, 4);
    let outers: Vec<_> = (0..4).map(|number| scene.begin("outer", &[Value::I32(number)])).collect();
    for outer in &outers {
        assert_eq!(outer.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    }
    let kept = kept.take();
    for (number, (inner, frame)) in kept.iter().enumerate() {
        assert_eq!(scene.state(frame).operands, [number as i32, 2].map(Value::I32));
        assert_eq!(inner.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(inner.results(&scene.debuggee).unwrap(), [Value::I32(2 * number as i32)]);
    }
    for (number, outer) in outers.iter().enumerate() {
        let frame = outer.frame(&scene.debuggee).unwrap().unwrap();
        assert_eq!(scene.state(&frame).operands, [number as i32, 100].map(Value::I32));
        assert_eq!(outer.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(outer.results(&scene.debuggee).unwrap(), [Value::I32(100 + number as i32)]);
    }
}

#[test]
fn a_one_shot_call_under_a_resumable_one_cannot_pause() {
    let wat =
        r#"(module (import "" "" (func $host)) (func (export "outer") call $host nop) (func (export "inner") nop))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let instance = later.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        debuggee.call(scene::func(debuggee, *instance.get().unwrap(), "inner"), &[]).unwrap();
    });
    later.set(scene.instance).unwrap();
    scene.add(2, 0);
    scene.add(1, 1);
    let log = act(&scene, EventKind::ALL, vec![Action::Pause, Action::Pause]);
    let call = scene.begin("outer", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let events: Vec<_> = log.borrow().iter().map(|event| (event.pc, event.can_pause)).collect();
    assert_eq!(events, [(scene.pc(2, 0), false), (scene.pc(1, 1), true)]);
    assert_eq!(scene.debuggee.refused_pauses().unwrap(), 1);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn writes_while_paused_are_seen_by_the_guest_at_once() {
    let scene = Scene::new(
        r#"(module (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 1))
        (func (export "f") (result i32) nop (i32.add (global.get 0) (i32.load (i32.const 8)))))"#,
    );
    use pellucid::runtime::Extern::{Global, Memory};
    let export = |name| scene.debuggee.store().instance_export(scene.instance, name).unwrap().unwrap();
    let (Memory(memory), Global(global)) = (export("m"), export("g")) else { panic!() };
    scene.add(0, 0);
    for operator in [0, 1] {
        let id = scene.add(0, operator);
        let call = scene.begin("f", &[]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        if operator == 1 {
            assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        }
        scene.debuggee.store().global_set(global, Value::I32(30)).unwrap();
        scene.debuggee.store().memory_write(memory, 8, &[12]).unwrap();
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(42)]);
        scene.debuggee.store().global_set(global, Value::I32(1)).unwrap();
        scene.debuggee.store().memory_write(memory, 8, &[0]).unwrap();
        scene.edit(|edit| edit.remove(id));
    }
}

#[test]
fn a_dropped_paused_call_frees_its_stack_for_others() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    for _ in 0..2000 {
        let call = scene.begin("f", &[]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    }
}

#[test]
fn a_handler_that_panics_leaves_the_debugger_in_order() {
    let scene = Scene::new(NOPS);
    scene.add(0, 1);
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(|_, _| panic!("on purpose"))).unwrap();
    let call = scene.begin("f", &[]);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let resumed =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.resume(&scene.debuggee, Resume::Continue)));
    let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene.call("f", &[])));
    std::panic::set_hook(quiet);
    assert!(resumed.is_err() && called.is_err());
    assert_eq!((call.state(), call.error().unwrap().kind()), (CallState::Trapped, ErrorKind::Panic));
    assert_eq!(scene.debuggee.frames().unwrap(), []);
    let log = scene.log(EventKind::ALL);
    scene.call("f", &[]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 0, 1)]);
}

#[test]
fn calls_and_their_store_may_be_dropped_in_any_order() {
    for store_first in [true, false] {
        let scene = Scene::new(NOPS);
        scene.add(0, 1);
        let (paused, ready) = (scene.begin("f", &[]), scene.begin("f", &[]));
        assert_eq!(paused.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        if store_first {
            drop(scene);
            assert_eq!(paused.state(), CallState::Paused);
            drop((paused, ready));
        } else {
            drop((paused, ready));
            drop(scene);
        }
    }
}

/// Compiled code may load as part of the instruction that uses the value; a trap is the load's all the same.
#[test]
fn a_load_that_is_part_of_another_instruction_traps_as_itself() {
    for (ty, before, load, after) in [
        ("f64", "f64.const 2.5", "f64.load offset=8192", "f64.sub"),
        ("f32", "f32.const 2.5", "f32.load", "f32.mul"),
        ("i32", "local.get 0", "i32.load", "i32.add"),
        ("i32", "local.get 0", "i32.load", "i32.lt_u"),
        ("i32", "local.get 0", "i32.load", "i32.div_u"),
        ("i32", "local.get 0", "i32.load", "i32.rem_s"),
        ("i32", "local.get 0", "i32.load", "i32.shl"),
        ("i64", "i64.const 9", "i64.load", "i64.xor"),
        ("i64", "i64.const 9", "i64.load", "i64.div_s"),
        ("i32", "nop local.get 0", "i32.load", "nop i32.load i32.store i32.const 1"),
        ("f64", "nop local.get 0", "i32.load", "i32.sub f64.convert_i32_s"),
        ("i64", "nop i64.const 1", "i64.load32_u", "i64.mul"),
    ] {
        // Enough accesses before it that their numbers are used again.
        for many in [0, 500] {
            let earlier = "(drop (i32.load (i32.const 0)))".repeat(many);
            let wat = format!(
                "(module (memory 1) (func (export \"f\") (param i32) (result {ty})
                {earlier} {before} (i32.shl (local.get 0) (i32.const 1)) {load} {after}))"
            );
            let scene = Scene::new(&wat);
            let count = scene::operators(&scene.module, 0);
            let place = (0..count).rev().find(|operator| {
                let text = format!("{:?}", scene.module.info().operator_at(scene.pc(0, *operator)));
                text.contains("Load")
            });
            let mut place = place.unwrap();
            if after.contains("i32.load") {
                place -= 2;
            }
            let args = [Value::I32(0x3fff_ffff)];
            let error = scene.call("f", &args).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{load} {after}");
            assert_eq!(error.backtrace()[0].pc, scene.pc(0, place), "{load} {after} {many}");
            let call = scene.begin("f", &args);
            assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
            let event = call.event().unwrap();
            assert_eq!((event.pc, event.trap), (scene.pc(0, place), Some(TrapCode::MemoryOutOfBounds)));
            let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
            assert_eq!(state.operator, place);
            assert_eq!(state.operands[1], Value::I32(0x7fff_fffe));
        }
    }
}

#[test]
fn instructions_that_may_trap_in_two_ways_trap_rightly() {
    let wat = r#"(module (memory 1)
        (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 7) (i32.load (local.get 0))))
        (func (export "signed") (param i32) (result i64) (i64.rem_s (i64.const 7) (i64.load (local.get 0))))
        (func (export "add") (param i32) (result i32)
            (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 5))) i32.const 0)
        (func (export "truncate") (param i32) (result i32) (i32.trunc_f64_s (f64.load (local.get 0)))))"#;
    let scene = Scene::new(wat);
    for (func, (name, load, by_zero)) in
        [("divide", 2, true), ("signed", 2, true), ("add", 2, false), ("truncate", 1, false)].into_iter().enumerate()
    {
        let error = scene.call(name, &[Value::I32(-1)]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{name}");
        assert_eq!(error.backtrace()[0].pc, scene.pc(func as u32, load), "{name}");
        let result = scene.call(name, &[Value::I32(8)]);
        if by_zero {
            assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::IntegerDivideByZero), "{name}");
        } else {
            result.unwrap();
        }
    }
}
