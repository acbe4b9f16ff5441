//! Runs that go on past conditional branches, and values that are computed and not stored.

use super::scene::{Scene, state};
use pellucid::base::{TrapCode, Value};
use pellucid::debug::{CallState, EventKind, FrameKind, Resume};
use std::cell::Cell;
use std::rc::Rc;

/// Its branch is taken if the second parameter is zero, its `if` is entered if the third isn't, which it divides by.
const BRANCHES: &str = r#"(module
    (func (export "f") (param $x i32) (param $stay i32) (param $divisor i32) (result i32)
        (block $out
            (local.set $x (i32.add (local.get $x) (i32.const 3)))
            (br_if $out (i32.eqz (local.get $stay)))
            i32.const 9
            (if (local.get $divisor) (then
                (local.set $x (i32.sub (local.get $x) (i32.const 1)))))
            (local.set $stay (i32.div_u (local.get $x) (local.get $divisor)))
            drop)
        (local.get $x)))"#;

/// Operators of it.
const BEHIND_BRANCH: usize = 8;
const INSIDE_IF: usize = 11;
const DIVISION: usize = 18;

fn i32s(values: &[i32]) -> Vec<Value> {
    values.iter().copied().map(Value::I32).collect()
}

#[test]
fn a_breakpoint_behind_a_branch_hits_where_it_is_not_taken() {
    let scene = Scene::new(BRANCHES);
    let ids = [BEHIND_BRANCH, INSIDE_IF].map(|operator| scene.add(0, operator));
    let cases: [(&[i32], i32, &[usize]); 3] = [
        (&[4, 0, 5], 7, &[]),
        (&[4, 1, 5], 6, &[BEHIND_BRANCH, INSIDE_IF]),
        (&[4, 1, 5], 6, &[BEHIND_BRANCH, INSIDE_IF]),
    ];
    for (args, result, hits) in cases {
        let log = scene.log(EventKind::Breakpoint.bit());
        assert_eq!(scene.call("f", &i32s(args)).unwrap(), i32s(&[result]));
        let entries = log.take();
        let states: Vec<_> = entries.iter().map(|entry| entry.state.clone().unwrap()).collect();
        assert_eq!(states.iter().map(|state| state.operator).collect::<Vec<_>>(), hits, "{args:?}");
        for state in states {
            assert_eq!(state.locals, i32s(&[7, 1, 5]));
            assert_eq!(state.operands, i32s(if state.operator == INSIDE_IF { &[9] } else { &[] }));
        }
    }
    // A breakpoint at another operator of the run doesn't count as hit where the branch leaves before it.
    assert_eq!(ids.map(|id| scene.debuggee.breakpoint(id).unwrap().hits), [2, 2]);
}

#[test]
fn a_paused_run_goes_on_behind_its_branch() {
    let scene = Scene::new(BRANCHES);
    scene.add(0, INSIDE_IF);
    let call = scene.begin("f", &i32s(&[4, 1, 5]));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator, INSIDE_IF);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), i32s(&[6]));
}

#[test]
fn a_step_follows_a_branch_that_is_taken_and_one_that_is_not() {
    let scene = Scene::new(BRANCHES);
    let taken: Vec<usize> = (0..8).chain(22..24).collect();
    let passed: Vec<usize> = (0..24).collect();
    for (args, operators) in [([4, 0, 5], &taken), ([4, 1, 5], &passed)] {
        let call = scene.begin("f", &i32s(&args));
        let mut seen = Vec::new();
        while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
            seen.push(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator);
        }
        assert_eq!(seen, *operators, "{args:?}");
    }
}

#[test]
fn a_trap_behind_a_branch_is_replayed_from_what_the_branch_stored() {
    let scene = Scene::new(BRANCHES);
    let call = scene.begin("f", &i32s(&[4, 1, 0]));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    assert_eq!(call.error().unwrap().trap_code(), Some(TrapCode::IntegerDivideByZero));
    let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
    assert_eq!((state.kind, state.operator), (FrameKind::Trapped, DIVISION));
    assert_eq!(state.locals, i32s(&[7, 1, 0]));
    assert_eq!(state.operands, i32s(&[9, 7, 0]));
}

/// The same without an `if`, so that the trap is in the run that the branch is in.
#[test]
fn a_trap_in_the_run_of_a_branch_does_not_apply_operators_twice() {
    let scene = Scene::new(
        r#"(module (func (export "f") (param $x i32) (param $stay i32) (param $divisor i32) (result i32)
            (block $out
                (local.set $x (i32.add (local.get $x) (i32.const 3)))
                (br_if $out (i32.eqz (local.get $stay)))
                (local.set $x (i32.mul (local.get $x) (i32.const 10)))
                (local.set $stay (i32.div_u (local.get $x) (local.get $divisor))))
            (local.get $x)))"#,
    );
    let call = scene.begin("f", &i32s(&[4, 1, 0]));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
    assert_eq!(state.locals, i32s(&[70, 1, 0]));
    assert_eq!(state.operands, i32s(&[70, 0]));
    assert_eq!(scene.call("f", &i32s(&[4, 1, 2])).unwrap(), i32s(&[70]));
    assert_eq!(scene.call("f", &i32s(&[4, 0, 0])).unwrap(), i32s(&[7]));
}

#[test]
fn values_that_are_computed_read_as_what_they_are_in_every_frame() {
    const COMPUTED: &str = r#"(module (import "" "" (func $host)) (memory 1)
        (func (export "f") (param $i i32) (param $l i64) (param $f f32) (param $d f64)
            (local $a i32) (local $b i64) (local $c f32) (local $e f64) (local $n i32) (local $m i64)
            (local.set $a (i32.xor (i32.add (local.get $i) (i32.const 1)) (i32.const 0x55)))
            (local.set $b (i64.extend_i32_u (local.get $a)))
            (local.set $c (f32.neg (local.get $f)))
            (local.set $e (f64.mul (f64.promote_f32 (local.get $c)) (local.get $d)))
            (local.set $n (i32.wrap_i64 (i64.shr_s (local.get $l) (i64.const 4))))
            (local.set $m (i64.sub (local.get $l) (i64.const 1)))
            ;; What the others are computed from changes.
            (local.set $i (i32.load (i32.const 8)))
            (local.set $l (i64.add (local.get $l) (local.get $l)))
            (i32.store (i32.const 0) (local.get $a))
            (call $host)
            (local.set $l (i64.const 3))
            (call $host)))"#;
    let seen = Rc::new(Cell::new(0));
    let count = seen.clone();
    let (i, l, f, d) = (-1_i32, -0x123_4567_89ab_i64, 1.5_f32, 0.25_f64);
    let (c, a) = (-f, 0x55_i32);
    let computed = move |l: i64| {
        vec![
            Value::I32(0),
            Value::I64(l),
            Value::F32(f.to_bits()),
            Value::F64(d.to_bits()),
            Value::I32(a),
            Value::I64(0x55),
            Value::F32(c.to_bits()),
            Value::F64((f64::from(c) * d).to_bits()),
            Value::I32((-0x123_4567_89ab_i64 >> 4) as i32),
            Value::I64(-0x123_4567_89ab_i64 - 1),
        ]
    };
    let scene = Scene::with_host(COMPUTED, move |debuggee| {
        let frame = debuggee.newest_frame().unwrap().unwrap();
        let expected = if count.replace(count.get() + 1) == 0 { l + l } else { 3 };
        assert_eq!(state(debuggee, &frame).locals, computed(expected));
    });
    // At the store, at the calls, and by steps at all operators.
    let log = scene.log(EventKind::ALL);
    scene.edit(|edit| edit.single_step(true));
    scene.call("f", &[Value::I32(i), Value::I64(l), Value::F32(f.to_bits()), Value::F64(d.to_bits())]).unwrap();
    assert_eq!(seen.get(), 2);
    let states: Vec<_> = log.take().into_iter().map(|entry| entry.state.unwrap()).collect();
    let last = states.last().unwrap();
    assert_eq!(last.locals, computed(3));
}

/// A local that was stored as a narrow zero says nothing about a wide one.
#[test]
fn zeros_of_all_widths_are_zero() {
    let dirt: String = (0..40).map(|local| format!("(local.set {local} (i64.const -1))")).collect();
    let scene = Scene::new(&format!(
        r#"(module (global $g (mut i32) (i32.const 0))
            (func (export "dirt") (local {}) {dirt} (global.set $g (i32.const 3)))
            (func (export "f") (param $leave i32) (local $narrow i32) (local $wide f64)
                (block $out
                    (local.set $narrow (local.get $narrow))
                    (br_if $out (local.get $leave))
                    (global.set $g (i32.const 1))
                    (global.set $g (i32.const 2))
                    (local.set $narrow (i32.const 5)))))"#,
        "i64 ".repeat(40),
    ));
    // Leaves a stack whose words aren't zero.
    scene.call("dirt", &[]).unwrap();
    let log = scene.log(EventKind::Step.bit());
    scene.edit(|edit| edit.single_step(true));
    scene.call("f", &[Value::I32(0)]).unwrap();
    let states: Vec<_> = log.take().into_iter().map(|entry| entry.state.unwrap()).collect();
    assert_eq!(states.len(), 13);
    assert!(states.iter().all(|state| state.locals[2] == Value::F64(0)), "{states:?}");
}
