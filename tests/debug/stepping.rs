//! Stepping: single-step mode and steps by one operator, against an independent interpreter where there is one.

use crate::reference::{Host, Interpreter};
use crate::scene::{self, Scene, edit, state};
use pellucid::base::{StoreLimits, TrapCode, Value};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Resume};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A state before an operator, as bits: function, pc, locals, operands.
type Seen = (u32, u32, Vec<u64>, Vec<u64>);

fn bits(value: &Value) -> u64 {
    match *value {
        Value::I32(value) => u64::from(value as u32),
        Value::I64(value) => value as u64,
        Value::F32(bits) => u64::from(bits),
        Value::F64(bits) => bits,
        Value::FuncRef(None) | Value::ExternRef(None) | Value::ExnRef(None) => 0,
        other => panic!("{other:?} isn't in these programs"),
    }
}

fn seen(debuggee: &Debuggee, event: &Event) -> Seen {
    let state = state(debuggee, &event.frame.unwrap());
    (state.func, event.pc.0, state.locals.iter().map(bits).collect(), state.operands.iter().map(bits).collect())
}

type Outcome = Result<Vec<u64>, String>;

fn interpret(bytes: &[u8], args: &[u64]) -> (Vec<Seen>, Outcome) {
    let steps = RefCell::new(Vec::new());
    let host: Host<'_> = Box::new(|_, args| args.to_vec());
    let mut interpreter = Interpreter::new(bytes, vec![host]);
    interpreter.set_watch(Some(Box::new(|step| {
        steps.borrow_mut().push((step.func, step.pc, step.locals.to_vec(), step.operands.to_vec()));
    })));
    let outcome = interpreter.call("run", args).map_err(str::to_string);
    drop(interpreter);
    (steps.into_inner(), outcome)
}

fn scene_of(wat: &str) -> Scene {
    use pellucid::base::ValType::I32;
    Scene::with(wat, |debuggee| vec![scene::host(debuggee, &[I32], &[I32], Box::new(|_, args| Ok(args.to_vec())))])
}

fn outcome(result: Result<Vec<Value>, pellucid::base::Error>) -> Outcome {
    result.map(|values| values.iter().map(bits).collect()).map_err(|error| error.message().to_string())
}

/// Single-steps `run`, by handler and by resuming a step at a time; every state must be the interpreter's.
/// Then the same with a breakpoint at every operator.
fn compare(wat: &str, args: &[i32]) {
    let scene = scene_of(wat);
    let bits_of: Vec<_> = args.iter().map(|arg| u64::from(*arg as u32)).collect();
    let values: Vec<_> = args.iter().copied().map(Value::I32).collect();
    let fresh = || scene.debuggee.instantiate(&scene.module, &imports(&scene)).unwrap();
    let (expected, result) = interpret(&wat::parse_str(wat).unwrap(), &bits_of);
    assert!(expected.len() > 3);

    let log: Rc<RefCell<Vec<Seen>>> = Rc::default();
    let handler = |kind: EventKind| {
        let log = log.clone();
        Box::new(move |debuggee: &Debuggee, event: &Event| {
            assert_eq!(event.kind, kind);
            log.borrow_mut().push(seen(debuggee, event));
            Action::Continue
        })
    };
    let same = |what: &str, shown: &[Seen]| {
        for (number, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
            assert_eq!(shown, expected, "{what}, step {number} of {wat}");
        }
        assert_eq!(shown.len(), expected.len(), "{what} of {wat}");
    };
    scene.debuggee.set_event_handler(EventKind::Step.bit(), handler(EventKind::Step)).unwrap();
    scene.edit(|edit| edit.single_step(true));
    let func = scene::func(&scene.debuggee, fresh(), "run");
    assert_eq!(outcome(scene.debuggee.call(func, &values)), result);
    scene.edit(|edit| edit.single_step(false));
    same("single-step mode", &log.take());
    assert_eq!(outcome(scene.debuggee.call(scene::func(&scene.debuggee, fresh(), "run"), &values)), result);
    same("switched off", &expected);
    assert_eq!(log.take(), []);

    scene.debuggee.clear_event_handler().unwrap();
    let func = scene::func(&scene.debuggee, fresh(), "run");
    let call = scene.debuggee.call_begin(func, &values).unwrap();
    let mut shown = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        shown.push(seen(&scene.debuggee, &call.event().unwrap()));
    }
    same("steps", &shown);
    let results =
        if call.state() == CallState::Finished { call.results(&scene.debuggee) } else { Err(call.error().unwrap()) };
    assert_eq!(outcome(results), result);

    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), handler(EventKind::Breakpoint)).unwrap();
    scene.edit(|edit| {
        for body in scene.module.info().bodies.keys() {
            for pc in scene.module.info().operator_pcs(body) {
                edit.add(&scene.debuggee, &scene.module, pc).unwrap();
            }
        }
    });
    let func = scene::func(&scene.debuggee, fresh(), "run");
    assert_eq!(outcome(scene.debuggee.call(func, &values)), result);
    same("breakpoints everywhere", &log.take());
    let hits: u64 = scene.debuggee.breakpoints().unwrap().iter().map(|info| info.hits).sum();
    assert_eq!(hits, expected.len() as u64);
}

fn imports(scene: &Scene) -> Vec<Extern> {
    let spaces = scene.debuggee.instance_spaces(scene.instance).unwrap();
    let bodies = scene.module.info().bodies.len() as u32;
    (0..spaces.funcs - bodies)
        .map(|index| scene.debuggee.instance_func(scene.instance, pellucid::base::FuncIndex::from_u32(index)).unwrap())
        .map(Extern::Func)
        .collect()
}

/// A module around `body`, with a host function that returns its argument.
fn program(body: &str) -> String {
    format!(
        r#"(module (import "" "" (func $echo (param i32) (result i32)))
        (memory 1) (global $g (mut i32) (i32.const 11)) (table $t 6 funcref)
        (elem (i32.const 1) $double $pair $trap $echo)
        (type $unary (func (param i32) (result i32)))
        (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
        (func $pair (param i32) (result i32 i64) (local.get 0) (i64.extend_i32_u (local.get 0)))
        (func $trap (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        {body})"#
    )
}

#[test]
fn loops() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i64)
            loop $outer
              (local.set $i (i32.const 0))
              loop $inner
                (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (i32.mul (local.get $i) (local.get $n)))))
                (br_if $inner (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))
              end
              (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
            end
            loop nop end
            (i32.wrap_i64 (local.get $sum)))"#,
    );
    compare(&wat, &[3]);
}

#[test]
fn blocks_with_operands_beneath_and_results() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32)
            i32.const 100
            block (result i32)
              i32.const 200
              (block (result i32) (br_if 1 (i32.const 5) (local.get $n)) (drop) (i32.const 6))
              i32.add
            end
            i32.add
            (if (param i32) (result i32) (local.get $n) (then (i32.const 1) i32.sub) (else (i32.const 2) i32.mul))
            (if (i32.eqz (local.get $n)) (then nop))
            (if (local.get $n) (then (br 0) nop) (else nop))
            (if (local.get $n) (then (return (i32.const 9)))))"#,
    );
    compare(&wat, &[0]);
    compare(&wat, &[1]);
}

#[test]
fn loops_with_parameters() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32)
            i32.const 7
            (i64.const 1) (local.get $n)
            loop $again (param i64 i32) (result i64)
              local.set $n
              i64.const 3
              i64.mul
              (local.get $n) (i32.const 1) i32.sub
              local.tee $n
              (br_if $again (local.get $n))
              drop
            end
            i32.wrap_i64
            i32.add)"#,
    );
    compare(&wat, &[4]);
}

#[test]
fn branch_tables() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32) (local $r i32)
            (loop $next
              (block $out (block $c (block $b (block $a
                (br_table $a $b $out $c $a (local.get $n)))
                (local.set $r (i32.add (local.get $r) (i32.const 1))) (br $out))
                (local.set $r (i32.add (local.get $r) (i32.const 10))))
                (local.set $r (i32.add (local.get $r) (i32.const 100))))
              (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (block (result i32) (br_table 0 0 1 (local.get $r) (local.get $r))))"#,
    );
    for n in [1, 2, 5, 9] {
        compare(&wat, &[n]);
    }
}

#[test]
fn calls_of_all_kinds() {
    let wat = program(
        r#"(func $even (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
        (func $odd (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
        (func (export "run") (param $n i32) (result i32) (local $x i32)
            (local.set $x (call $even (local.get $n)))
            (i32.const 4)
            (call_indirect (type $unary) (call $echo (i32.add (local.get $x) (i32.const 8))) (i32.const 1))
            (call_indirect (type $unary) (i32.const 4))
            i32.add
            (call $pair (i32.const 3))
            (local.set $x (i32.wrap_i64))
            i32.add)"#,
    );
    compare(&wat, &[5]);
}

#[test]
fn memory_and_globals() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32)
            (i32.store (i32.const 8) (local.get $n))
            (i64.store8 offset=1 (i32.const 8) (i64.const -1))
            (global.set $g (i32.add (global.get $g) (i32.load (i32.const 8))))
            (f32.store (i32.const 16) (f32.convert_i32_s (global.get $g)))
            (drop (memory.size))
            (drop (memory.grow (i32.const 1)))
            (drop (memory.size))
            (select (i32.load16_s (i32.const 9)) (i32.load8_u (i32.const 18)) (local.get $n)))"#,
    );
    compare(&wat, &[5]);
    compare(&wat, &[0]);
}

#[test]
fn traps_in_the_middle_of_runs() {
    for body in [
        "(drop (i32.div_s (i32.const 7) (local.get $n)))",
        "(drop (i32.rem_u (i32.const 7) (local.get $n)))",
        "(drop (i32.load (i32.const 65533)))",
        "(drop (i64.trunc_f64_s (f64.const nan)))",
        "(drop (i32.trunc_f32_u (f32.const 5e9)))",
        "(i32.store (i32.const 65533) (i32.const 1))",
        "(drop (call $trap (local.get $n)))",
        "(drop (call_indirect (type $unary) (i32.const 5) (i32.const 0)))",
        "(drop (call_indirect (type $unary) (i32.const 5) (i32.const 2)))",
        "(drop (call_indirect (type $unary) (i32.const 5) (i32.const 6)))",
        "unreachable",
    ] {
        let body = format!(
            r#"(func (export "run") (param $n i32) (result i32) (local $x i32)
                (local.set $x (i32.add (local.get $n) (i32.const 3)))
                (i32.add (local.get $x) (i32.const 4))
                (local.set $x (i32.const 9))
                {body})"#
        );
        compare(&program(&body), &[0]);
    }
}

#[test]
fn early_returns_and_dead_code() {
    let wat = program(
        r#"(func $f (param $n i32) (result i32)
            (block (br_if 1 (i32.const 7) (local.get $n)) drop)
            (block (br 0) (drop (i32.const 1)) unreachable)
            (if (i32.eq (local.get $n) (i32.const 0)) (then (return (i32.const 4)) (loop (br 0))))
            (loop (result i32) (return (i32.const 5)) (br 0)))
        (func (export "run") (param $n i32) (result i32)
            (i32.add (call $f (local.get $n)) (call $f (i32.eqz (local.get $n))))
            (return) unreachable)"#,
    );
    compare(&wat, &[0]);
    compare(&wat, &[1]);
}

#[test]
fn many_locals_of_all_types_and_constants() {
    let wat = program(
        r#"(func (export "run") (param $n i32) (result i32)
            (local $a i64) (local $b f32) (local $c f64) (local $d funcref) (local $e externref) (local $f i32) (local $g i64)
            (local.set $b (f32.const 1.5))
            (local.set $f (local.get $n))
            (local.set $g (i64.const -1))
            (loop
              (local.set $c (f64.add (local.get $c) (f64.promote_f32 (local.get $b))))
              (if (i32.and (local.get $n) (i32.const 1))
                (then (local.set $a (local.get $g)) (local.set $b (f32.const 0)))
                (else (local.set $g (i64.const 5))))
              (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.set $f (i32.add (local.get $f) (ref.is_null (local.get $d))))
            (i32.add (local.get $f) (i32.trunc_f64_s (local.get $c))))"#,
    );
    compare(&wat, &[4]);
}

/// Logs places of steps, by (function, operator).
fn steps(scene: &Scene, export: &str, args: &[Value]) -> Vec<(u32, usize)> {
    let log = scene.log(EventKind::ALL);
    scene.call(export, args).unwrap();
    log.places().into_iter().map(|(_, func, operator)| (func, operator)).collect()
}

#[test]
fn setting_what_is_set_changes_nothing() {
    let scene = Scene::new("(module (func (export \"f\") nop))");
    for _ in 0..2 {
        scene.edit(|edit| edit.single_step(true));
        assert!(scene.debuggee.is_single_stepping().unwrap());
        assert_eq!(steps(&scene, "f", &[]), [(0, 0), (0, 1)]);
    }
    for _ in 0..2 {
        scene.edit(|edit| edit.single_step(false));
        assert!(!scene.debuggee.is_single_stepping().unwrap());
        assert_eq!(steps(&scene, "f", &[]), []);
    }
    // The last word of an edit counts.
    scene.edit(|edit| {
        edit.single_step(true);
        edit.single_step(false);
    });
    assert!(!scene.debuggee.is_single_stepping().unwrap());
}

#[test]
fn one_event_per_operator_also_where_there_are_breakpoints() {
    let scene = Scene::new("(module (func (export \"f\") nop nop nop))");
    scene.add(0, 1);
    scene.edit(|edit| edit.single_step(true));
    let log = scene.log(EventKind::ALL);
    scene.call("f", &[]).unwrap();
    use EventKind::{Breakpoint, Step};
    assert_eq!(log.places(), [(Step, 0, 0), (Breakpoint, 0, 1), (Step, 0, 2), (Step, 0, 3)]);
    scene.edit(|edit| edit.single_step(false));
    scene.call("f", &[]).unwrap();
    assert_eq!(log.places(), [(Breakpoint, 0, 1)]);
}

#[test]
fn stepping_turned_on_and_off_inside_a_handler() {
    let scene = Scene::new("(module (func $g nop nop) (func (export \"f\") nop call $g nop nop nop))");
    scene.add(0, 1);
    let log: Rc<RefCell<Vec<(u32, usize)>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let state = state(debuggee, &event.frame.unwrap());
        seen.borrow_mut().push((state.func, state.operator));
        match (state.func, state.operator) {
            (0, 1) => edit(debuggee, |edit| edit.single_step(true)),
            (1, 3) => edit(debuggee, |edit| edit.single_step(false)),
            _ => {}
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[]).unwrap();
    assert_eq!(*log.borrow(), [(0, 1), (0, 2), (1, 2), (1, 3)]);
}

#[test]
fn stepping_turned_on_inside_a_host_function_reaches_every_frame_on_the_stack() {
    let wat = r#"(module (import "" "" (func $host))
        (func $inner call $host nop)
        (func (export "outer") call $inner nop))"#;
    let scene = Scene::with_host(wat, |debuggee| edit(debuggee, |edit| edit.single_step(true)));
    assert_eq!(steps(&scene, "outer", &[]), [(1, 1), (1, 2), (2, 1), (2, 2)]);
}

#[test]
fn stepping_reaches_paused_calls_when_they_go_on() {
    let scene = Scene::new("(module (func $g nop) (func (export \"f\") call $g nop))");
    scene.add(0, 0);
    let call = scene.begin("f", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    scene.edit(|edit| edit.single_step(true));
    let mut places = Vec::new();
    while call.resume(&scene.debuggee, Resume::Continue).unwrap() == CallState::Paused {
        let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
        places.push((state.func, state.operator));
    }
    assert_eq!(places, [(0, 1), (1, 1), (1, 2)]);
}

#[test]
fn stepping_goes_into_guest_code_that_host_functions_call() {
    let wat = r#"(module (import "" "" (func $host))
        (func (export "outer") nop call $host nop)
        (func (export "inner") nop))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let instance = later.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        debuggee.call(scene::func(debuggee, *instance.get().unwrap(), "inner"), &[]).unwrap();
    });
    later.set(scene.instance).unwrap();
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(steps(&scene, "outer", &[]), [(1, 0), (1, 1), (2, 0), (2, 1), (1, 2), (1, 3)]);
    scene.edit(|edit| edit.single_step(false));
    // A single step too, if there is a handler to see it.
    let log: Rc<RefCell<Vec<(u32, usize)>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let state = state(debuggee, &event.frame.unwrap());
        seen.borrow_mut().push((state.func, state.operator));
        Action::Step
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.add(1, 0);
    scene.call("outer", &[]).unwrap();
    assert_eq!(log.take(), [(1, 0), (1, 1), (2, 0), (2, 1)]);
    // Without one, the host function is one step of the call that is stepped.
    scene.debuggee.clear_event_handler().unwrap();
    let call = scene.begin("outer", &[]);
    let mut places = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
        places.push((state.func, state.operator));
    }
    assert_eq!(places, [(1, 0), (1, 1), (1, 2), (1, 3)]);
}

#[test]
fn a_resumable_call_inside_a_step_keeps_its_own_pace() {
    let wat = r#"(module (import "" "" (func $host))
        (func (export "outer") nop call $host nop)
        (func (export "inner") nop nop))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let (instance, count) = (later.clone(), Rc::new(Cell::new(0)));
    let inner_steps = count.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        let inner = scene::func(debuggee, *instance.get().unwrap(), "inner");
        let call = debuggee.call_begin(inner, &[]).unwrap();
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Finished);
        let call = debuggee.call_begin(inner, &[]).unwrap();
        while call.resume(debuggee, Resume::Step).unwrap() == CallState::Paused {
            inner_steps.set(inner_steps.get() + 1);
        }
    });
    later.set(scene.instance).unwrap();
    let call = scene.begin("outer", &[]);
    let mut operators = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        operators.push(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator);
    }
    assert_eq!(operators, [0, 1, 2, 3]);
    assert_eq!(count.get(), 3);
}

#[test]
fn continuing_after_steps_stops_nowhere() {
    let scene = Scene::new(
        "(module (func $g (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))) (func (export \"f\") (call $g (i32.const 5)) nop))",
    );
    let call = scene.begin("f", &[]);
    for _ in 0..4 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    let call = scene.begin("f", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn stepping_covers_modules_instantiated_later_and_start_functions() {
    let engine = scene::engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    edit(&debuggee, |edit| edit.single_step(true));
    let log: Rc<RefCell<Vec<(u64, usize)>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let frame = event.frame.unwrap();
        seen.borrow_mut().push((debuggee.frame_info(&frame).unwrap().module_id, state(debuggee, &frame).operator));
        Action::Continue
    };
    debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    let first = scene::module(&engine, "(module (func (export \"f\") nop) (func $start) (start $start))");
    let instance = debuggee.instantiate(&first, &[]).unwrap();
    assert_eq!(log.take(), [(first.id(), 0)]);
    let second = scene::module(&engine, r#"(module (import "" "" (func $f)) (func (export "g") call $f))"#);
    let f = scene::func(&debuggee, instance, "f");
    let importer = debuggee.instantiate(&second, &[Extern::Func(f)]).unwrap();
    debuggee.call(scene::func(&debuggee, importer, "g"), &[]).unwrap();
    let (first, second) = (first.id(), second.id());
    assert_eq!(log.take(), [(second, 0), (first, 0), (first, 1), (second, 1)]);
}

#[test]
fn a_step_that_traps_ends_in_the_trap() {
    let scene =
        Scene::new("(module (func (export \"f\") (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))) nop))");
    let call = scene.begin("f", &[Value::I32(0)]);
    for operator in 0..3 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
        assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator, operator);
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Trapped);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.trap), (EventKind::Trap, Some(TrapCode::IntegerDivideByZero)));
    // Nothing of the step is left.
    assert_eq!(steps(&scene, "f", &[Value::I32(1)]), []);
}

#[test]
fn tables_of_other_instances_are_stepped_through() {
    let engine = scene::engine();
    let owner = scene::module(
        &engine,
        r#"(module (table (export "t") 2 funcref) (elem (i32.const 0) $f $f) (func $f (param i32) nop))"#,
    );
    let scene = Scene::of(&engine, &owner, |_| Vec::new());
    let table = scene.debuggee.store().instance_export(scene.instance, "t").unwrap().unwrap();
    let user = scene::module(
        &engine,
        r#"(module (import "" "t" (table 2 funcref)) (func (export "g") (call_indirect (param i32) (i32.const 5) (i32.const 1))))"#,
    );
    let instance = scene.debuggee.instantiate(&user, &[table]).unwrap();
    scene.edit(|edit| edit.single_step(true));
    let log = scene.log(EventKind::ALL);
    scene.debuggee.call(scene::func(&scene.debuggee, instance, "g"), &[]).unwrap();
    let operators: Vec<_> = log.places().into_iter().map(|(_, _, operator)| operator).collect();
    assert_eq!(operators, [0, 1, 2, 0, 1, 3]);
}

/// Functions 0 to 3 call each other; where each goes on after its call differs.
const DEEP: &str = r#"(module
    (func $a (param i32) (result i32) nop nop local.get 0)
    (func $b (param i32) (result i32) (block (drop (call $a (i32.const 1)))) (i32.add (local.get 0) (i32.const 1)))
    (func $c (param i32) (result i32) (i32.add (local.get 0) (call $b (local.get 0))))
    (func $d (export "d") (param i32) (result i32) (call $c (local.get 0))))"#;

#[test]
fn stepping_turned_on_deep_in_the_stack_stops_in_every_frame_that_is_returned_to() {
    let scene = Scene::new(DEEP);
    scene.edit(|edit| edit.single_step(true));
    let all = steps(&scene, "d", &[Value::I32(3)]);
    scene.edit(|edit| edit.single_step(false));
    assert_eq!(steps(&scene, "d", &[Value::I32(3)]), []);
    // From each operator of the innermost function on, and to each that follows.
    let inner: Vec<usize> = (0..all.len()).filter(|place| all[*place].0 == 0).collect();
    for from in inner {
        for to in from + 1..=all.len() {
            let id = scene.add(0, all[from].1);
            let log: Rc<RefCell<Vec<(u32, usize)>>> = Rc::default();
            let (seen, off) = (log.clone(), all.get(to - 1).copied());
            let handler = move |debuggee: &Debuggee, event: &Event| {
                let state = state(debuggee, &event.frame.unwrap());
                seen.borrow_mut().push((state.func, state.operator));
                edit(debuggee, |edit| edit.single_step(Some((state.func, state.operator)) != off));
                Action::Continue
            };
            scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
            assert_eq!(scene.call("d", &[Value::I32(3)]).unwrap(), [Value::I32(7)]);
            assert_eq!(*log.borrow(), all[from..to], "from {from} to {to}");
            scene.edit(|edit| {
                edit.single_step(false);
                edit.remove(id);
            });
            assert_eq!(steps(&scene, "d", &[Value::I32(3)]), []);
        }
    }
}

#[test]
fn a_step_returns_into_whoever_called_this_time() {
    let wat = r#"(module (import "" "" (func $host))
        (func $leaf nop)
        (func $one call $leaf nop)
        (func $two call $leaf nop nop)
        (func (export "inner") call $one call $two)
        (func (export "outer") call $host nop))"#;
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let (instance, places) = (later.clone(), Rc::new(RefCell::new(Vec::new())));
    let seen = places.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        let call = debuggee.call_begin(scene::func(debuggee, *instance.get().unwrap(), "inner"), &[]).unwrap();
        let go = |how| {
            assert_eq!(call.resume(debuggee, how).unwrap(), CallState::Paused);
            let state = state(debuggee, &call.frame(debuggee).unwrap().unwrap());
            seen.borrow_mut().push((state.func, state.operator));
        };
        // The same function in the same place of the stack, once from each caller.
        for _ in 0..2 {
            go(Resume::Continue);
            go(Resume::Step);
            go(Resume::Step);
        }
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Finished);
    });
    later.set(scene.instance).unwrap();
    scene.add(1, 0);
    // The host function is called by a step, so that what is armed stays so throughout.
    let call = scene.begin("outer", &[]);
    for _ in 0..2 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    }
    assert_eq!(*places.borrow(), [(1, 0), (1, 1), (2, 1), (1, 0), (1, 1), (3, 1)]);
}

#[test]
fn what_an_operator_has_read_stays_though_the_host_changes_it_before_anybody_looks() {
    let wat = r#"(module (memory (export "memory") 1) (global (export "global") (mut i32) (i32.const 7))
        (table (export "table") 1 funcref)
        (func (export "f") (param i32) (result i32)
            (local.set 0 (i32.load (i32.const 8)))
            global.get 0
            memory.size
            (ref.is_null (table.get 0 (i32.const 0)))
            nop
            drop drop drop
            local.get 0))"#;
    let scene = Scene::new(wat);
    let operators = scene::operators(&scene.module, 0);
    let nop = (0..operators)
        .find(|operator| matches!(scene.module.info().operator_at(scene.pc(0, *operator)), wasmparser::Operator::Nop))
        .unwrap();
    scene.add(0, nop);
    let export = |name| scene.debuggee.store().instance_export(scene.instance, name).unwrap().unwrap();
    let (Extern::Memory(memory), Extern::Global(global), Extern::Table(table)) =
        (export("memory"), export("global"), export("table"))
    else {
        panic!("they are what they are called")
    };
    let log: Rc<RefCell<Vec<scene::State>>> = Rc::default();
    let (seen, func) = (log.clone(), scene.func("f"));
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let store = debuggee.store();
        store.memory_write(memory, 8, &9i32.to_le_bytes()).unwrap();
        store.memory_grow(memory, 1).unwrap();
        store.global_set(global, Value::I32(8)).unwrap();
        store.table_set(table, 0, Value::FuncRef(Some(func))).unwrap();
        seen.borrow_mut().push(state(debuggee, &event.frame.unwrap()));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[Value::I32(1)]).unwrap();
    let log = log.borrow();
    assert_eq!(log[0].locals, [Value::I32(0)]);
    assert_eq!(log[0].operands, [Value::I32(7), Value::I32(1), Value::I32(1)]);
}
