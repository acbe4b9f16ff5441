//! Functions whose bodies have the places of calls: nobody can tell, whoever looks when.

use crate::scene::{self, Scene, edit};
use pellucid::base::{Config, TrapCode, Value, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Resume, WatchTarget};
use pellucid::runtime::{Engine, Extern};
use std::cell::RefCell;
use std::rc::Rc;

/// Small functions of every kind, some of which trap, called where it matters.
const PROGRAM: &str = r#"(module
    (memory (export "m") 1) (global $count (export "count") (mut i32) (i32.const 0))
    (type $point (struct (field (mut i32)) (field (mut f64))))
    (func $get (param i32) (result i32) (i32.load offset=4 (local.get 0)))
    (func $put (param i32 i32) (i32.store (local.get 0) (local.get 1)))
    (func $put_twice (param i32 i32 i32)
        (i32.store (local.get 0) (local.get 2)) (i32.store (local.get 1) (local.get 2)))
    (func $next (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
    (func $counted_get (param i32) (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1))) (i32.load (local.get 0)))
    (func $quotient (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func $larger (param i32 i32) (result i32) (local i32)
        (block (br_if 0 (i32.gt_s (local.get 0) (local.get 1))) (return (local.get 1)))
        (local.set 2 (local.get 0)) (local.get 2))
    (func $both (param i32) (result i32 i64) (local.get 0) (i64.extend_i32_s (local.get 0)))
    (func $x (param (ref null $point)) (result i32) (struct.get $point 0 (local.get 0)))
    (func $set_y (param (ref null $point) f64) (struct.set $point 1 (local.get 0) (local.get 1)))
    (func $nothing)
    (func (export "run") (param i32) (result i64) (local i32 i64 (ref null $point) i64)
        (local.set 3 (struct.new $point (i32.const 3) (f64.const 0)))
        (loop $again
            (call $nothing)
            (call $put (i32.const 8) (call $next))
            (call $put_twice (i32.const 16) (i32.const 20) (call $get (i32.const 4)))
            (call $set_y (local.get 3) (f64.convert_i32_s (call $x (local.get 3))))
            (local.set 2 (i64.add (local.get 2) (i64.extend_i32_s
                (call $larger (call $quotient (i32.const 100) (call $next)) (call $counted_get (i32.const 16))))))
            (call $both (call $get (i32.const 16)))
            (local.set 4)
            drop
            (local.set 2 (i64.add (local.get 2) (local.get 4)))
            (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
        (local.get 2))
    (func (export "outside") (param i32) (result i32) (i32.add (i32.const 1) (call $get (local.get 0))))
    (func (export "outside_twice") (param i32)
        (call $put_twice (i32.const 100) (local.get 0) (i32.const 7)))
    (func (export "counted_outside") (param i32) (result i32) (call $counted_get (local.get 0)))
    (func (export "by_zero") (param i32) (result i32) (call $quotient (i32.const 5) (local.get 0)))
    (func (export "of_null") (result i32) (call $x (ref.null $point)))
    (func (export "null_set") (call $set_y (ref.null $point) (f64.const 1))))"#;

const TRAPPING: [(&str, &[i32], TrapCode, u32); 6] = [
    ("outside", &[65_532], TrapCode::MemoryOutOfBounds, 0),
    ("outside_twice", &[-1], TrapCode::MemoryOutOfBounds, 2),
    ("counted_outside", &[65_533], TrapCode::MemoryOutOfBounds, 4),
    ("by_zero", &[0], TrapCode::IntegerDivideByZero, 5),
    ("of_null", &[], TrapCode::NullReference, 8),
    ("null_set", &[], TrapCode::NullReference, 9),
];

fn scene_of(debug: bool, inlining: bool) -> Scene {
    let signal_handlers = std::env::var("PELLUCID_TEST_HANDLERS").as_deref() != Ok("0");
    let config = Config { debug, signal_handlers, inlining, verify: true, ..Config::default() };
    let engine = Engine::new(config).unwrap();
    Scene::of(&engine, &scene::module(&engine, PROGRAM), |_| Vec::new())
}

fn numbers(args: &[i32]) -> Vec<Value> {
    args.iter().copied().map(Value::I32).collect()
}

fn exported(scene: &Scene, name: &str) -> Extern {
    scene.debuggee.store().instance_export(scene.instance, name).unwrap().unwrap()
}

/// The memory's first bytes and the global, as they are.
fn world(scene: &Scene) -> (Vec<u8>, Value) {
    let (Extern::Memory(memory), Extern::Global(global)) = (exported(scene, "m"), exported(scene, "count")) else {
        panic!("they are exported")
    };
    let mut bytes = vec![0; 128];
    scene.debuggee.store().memory_read(memory, 0, &mut bytes).unwrap();
    (bytes, scene.debuggee.store().global_get(global).unwrap())
}

type Outcome = Result<Vec<Value>, (Option<TrapCode>, Vec<(u32, WasmPc)>)>;

/// What a call gives: its results, or how it trapped and in which frames.
fn outcome(scene: &Scene, export: &str, args: &[i32]) -> Outcome {
    scene.call(export, &numbers(args)).map_err(|error| {
        (error.trap_code(), error.backtrace().iter().map(|frame| (frame.func_index, frame.pc)).collect())
    })
}

#[test]
fn results_traps_and_backtraces_are_the_same() {
    for debug in [false, true] {
        let (with, without) = (scene_of(debug, true), scene_of(debug, false));
        assert_eq!(outcome(&with, "run", &[10]), outcome(&without, "run", &[10]));
        for (export, args, code, inner) in TRAPPING {
            let trapped = outcome(&with, export, args);
            assert_eq!(trapped, outcome(&without, export, args), "{export}");
            let (found, frames) = trapped.unwrap_err();
            assert_eq!((found, frames.len(), frames[0].0), (Some(code), 2, inner), "{export}");
            assert_eq!(world(&with), world(&without), "{export}");
        }
    }
}

#[test]
fn single_steps_go_through_them() {
    let trace = |scene: &Scene, export: &str, args: &[i32]| {
        let log = scene.log(EventKind::Step.bit() | EventKind::Trap.bit());
        edit(&scene.debuggee, |edit| edit.single_step(true));
        let result = outcome(scene, export, args);
        edit(&scene.debuggee, |edit| edit.single_step(false));
        let seen: Vec<_> = log
            .take()
            .into_iter()
            .map(|entry| {
                (
                    entry.event.pc,
                    entry.state.map(|state| {
                        let numbers = |values: Vec<Value>| -> Vec<Value> {
                            values.into_iter().filter(|value| !matches!(value, Value::AnyRef(_))).collect()
                        };
                        (state.func, state.operator, numbers(state.locals), numbers(state.operands))
                    }),
                )
            })
            .collect();
        (seen, result, world(scene))
    };
    let (with, without) = (scene_of(true, true), scene_of(true, false));
    // Also if it begins in the midst of a program that has run without.
    assert_eq!(outcome(&with, "run", &[3]), outcome(&without, "run", &[3]));
    assert_eq!(trace(&with, "run", &[3]), trace(&without, "run", &[3]));
    for (export, args, ..) in TRAPPING {
        assert_eq!(trace(&with, export, args), trace(&without, export, args), "{export}");
    }
    assert_eq!(outcome(&with, "run", &[3]), outcome(&without, "run", &[3]));
}

#[test]
fn the_frame_of_a_trap_is_there_with_what_it_has() {
    let scene = scene_of(true, true);
    for (export, args, code, inner) in TRAPPING {
        let call = scene.begin(export, &numbers(args));
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped, "{export}");
        let event = call.event().unwrap();
        assert_eq!((event.kind, event.trap), (EventKind::Trap, Some(code)));
        let stack = scene::stack(&scene.debuggee, &event.frame.unwrap());
        let state = scene.state(&stack[0]);
        assert_eq!((stack.len(), state.func), (2, inner), "{export}");
        if let [Value::I32(given), ..] = numbers(args)[..] {
            assert!(state.locals.contains(&Value::I32(given)), "{export}: {state:?}");
        }
    }
}

/// Has `change` done the first time that `run` comes to its loop, and again the fifth time; answers how many events of the mask came
/// by then, and how many after.
fn events(mask: u32, first: impl Fn(&Scene) + 'static, fifth: impl Fn(&Scene) + 'static) -> (usize, usize) {
    let scene = scene_of(true, true);
    let expected = outcome(&scene_of(true, false), "run", &[9]);
    // The call of `$nothing` in the loop.
    let loop_head = scene.pc(11, 5);
    let call = scene.begin("run", &[Value::I32(9)]);
    let counts = Rc::new(RefCell::new(Vec::<WasmPc>::new()));
    let seen = counts.clone();
    let handler = move |_: &Debuggee, event: &Event| {
        if event.pc == loop_head {
            return Action::Pause;
        }
        seen.borrow_mut().push(event.pc);
        Action::Continue
    };
    scene.debuggee.set_event_handler(mask | EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
    let at_head = scene.add(11, 5);
    let mut changed = 0;
    for round in 1..=5 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        assert_eq!(call.event().unwrap().pc, loop_head);
        if round == 1 {
            first(&scene);
        }
        if round == 5 {
            changed = counts.borrow().len();
            fifth(&scene);
        }
    }
    edit(&scene.debuggee, |edit| edit.remove(at_head));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), expected.unwrap());
    (changed, counts.borrow().len() - changed)
}

#[test]
fn a_breakpoint_is_hit_at_every_call_from_when_it_is_set() {
    let id = Rc::new(RefCell::new(0));
    for (func, operator, hits) in [(0, 0, 2), (0, 1, 2), (1, 2, 1), (3, 3, 2), (6, 8, 1), (10, 0, 1)] {
        let (set, unset) = (id.clone(), id.clone());
        let first = move |scene: &Scene| *set.borrow_mut() = scene.add(func, operator);
        let fifth = move |scene: &Scene| edit(&scene.debuggee, |edit| edit.remove(*unset.borrow()));
        let (while_set, after) = events(EventKind::Breakpoint.bit(), first, fifth);
        // One of `$larger`'s ways.
        let expected = if func == 6 { while_set } else { 4 * hits };
        assert_eq!((while_set, after), (expected, 0), "function {func}, operator {operator}");
        assert!(while_set > 0);
    }
}

#[test]
fn a_watchpoint_is_told_of_what_they_do() {
    let mask = EventKind::Watchpoint.bit();
    let id = Rc::new(RefCell::new(0));
    let (set, unset) = (id.clone(), id);
    let first = move |scene: &Scene| {
        let Extern::Memory(memory) = exported(scene, "m") else { panic!("it is exported") };
        let target = WatchTarget::Memory { memory, address: 8, size: 4 };
        *set.borrow_mut() = edit(&scene.debuggee, |edit| edit.watch(&scene.debuggee, target, 2).unwrap());
    };
    let fifth = move |scene: &Scene| edit(&scene.debuggee, |edit| edit.remove(*unset.borrow()));
    // `$put` writes there once in each round, and `$get` reads it.
    assert_eq!(events(mask, first, fifth), (4, 0));
}

#[test]
fn nothing_is_left_of_a_step_into_them() {
    let scene = scene_of(true, true);
    let call = scene.begin("outside", &[Value::I32(0)]);
    let mut functions = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        functions.push(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).func);
    }
    assert_eq!(functions, [12, 12, 12, 0, 0, 0, 12, 12]);
    let events = scene.log(EventKind::Step.bit() | EventKind::Breakpoint.bit());
    assert_eq!(scene.call("outside", &[Value::I32(0)]).unwrap(), [Value::I32(1)]);
    assert!(events.take().is_empty());
}
