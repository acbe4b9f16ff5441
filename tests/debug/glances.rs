//! Breakpoints with expressions that mostly don't hold: which hits are told and counted is the same however it is found out.

use crate::scene::{self, Scene};
use pellucid::base::{TrapCode, Value};
use pellucid::debug::{Action, BreakpointOptions, Budget, CallState, Debuggee, Event, EventKind, Resume};
use pellucid::runtime::AlarmClock;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const PROGRAM: &str = r#"(module
    (import "" "" (func $look))
    (memory 1)
    (global $level (mut i32) (i32.const 0)) (global $long (mut i64) (i64.const -1)) (global $ratio (mut f64) (f64.const 0))
    (func (export "loop") (param $n i32) (result i32) (local $sum i32) (local $wide i64) (local $half f32) (local $gone anyref)
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (i32.const 3))))
            (local.set $wide (i64.sub (local.get $wide) (i64.const 5000000000)))
            (i32.store (i32.const 8) (local.get $sum))
            (global.set $level (i32.sub (local.get $n) (i32.const 4)))
            (local.set $half (f32.mul (f32.convert_i32_s (local.get $n)) (f32.const 0.5)))
            (global.set $ratio (f64.promote_f32 (local.get $half)))
            (if (i32.eq (local.get $n) (i32.const 3)) (then (local.set $gone (ref.i31 (i32.const 1)))))
            (call $look)
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "divide") (param $n i32) (result i32)
        (loop $again
            (drop (i32.div_s (i32.const 7) (local.get $n)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $again))
        (unreachable))
    (func (export "count") (param $n i32) (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "endless") (param $n i32) (loop $again (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $again))))"#;

const TURNS: i32 = 9;

fn looped(scene: &Scene) {
    assert_eq!(scene.call("loop", &[Value::I32(TURNS)]).unwrap(), [Value::I32(135)]);
}

/// Has every event be told to this, and the guest go on.
fn told(scene: &Scene, tell: impl Fn(&Debuggee, &Event) + 'static) {
    let record = move |debuggee: &Debuggee, event: &Event| {
        tell(debuggee, event);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(record)).unwrap();
}

fn set(scene: &Scene, id: u64, expression: Option<&str>) {
    scene.edit(|edit| edit.set_expression(&scene.debuggee, id, expression).unwrap());
}

/// Each expression at each operator of the loop, beside what it is in a frame where nothing declines.
#[test]
fn what_is_told_is_what_holds() {
    let expressions = [
        "n == 5",
        "$sum > 60 && $n != 2",
        "$wide < -30000000000 || n == 9",
        "level == -1",
        "@long == -1 && level",
        "i32[8] % 2 == 0",
        "u8[8] == 27",
        "i32[65536] == 0",
        "%0 == -1 || %1 == 3",
        "half < 1.5",
        "ratio == 2",
        "$gone",
        "!gone && -n == -7",
        "n / (n - 4) == 1",
        "(n & 3) == 2",
        "1",
        "0",
    ];
    let scene = Scene::with_host(PROGRAM, |_| ());
    // What it leaves in memory and globals each run begins with.
    looped(&scene);
    for operator in 1..scene::operators(&scene.module, 1) - 1 {
        let id = scene.add(1, operator);
        let (seen, hits) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(0_u64)));
        let (into, count) = (seen.clone(), hits.clone());
        told(&scene, move |debuggee, event| {
            count.set(count.get() + 1);
            let frame = event.frame.unwrap();
            let values = expressions.map(|text| match debuggee.frame_evaluate(&frame, text) {
                Ok(Value::I64(number)) => Some(number != 0),
                // It can't be told, or is none here: it counts as if it held.
                Ok(other) => panic!("{other:?}"),
                Err(_) => Some(true),
            });
            into.borrow_mut().push(values);
        });
        looped(&scene);
        let (all, hits) = (seen.take(), hits.get());
        for (place, text) in expressions.iter().enumerate() {
            set(&scene, id, Some(text));
            let before = scene.debuggee.breakpoint(id).unwrap();
            let log = scene.log(EventKind::Breakpoint.bit());
            looped(&scene);
            let expected = all.iter().filter(|values| values[place] == Some(true)).count() as u64;
            let info = scene.debuggee.breakpoint(id).unwrap();
            let counted = (info.hits - before.hits, info.declined - before.declined, log.take().len() as u64);
            assert_eq!(counted, (hits, hits - expected, expected), "{text} at {operator}");
        }
        scene.edit(|edit| edit.remove(id));
    }
}

#[test]
fn breakpoints_of_one_run_decline_together_or_none_does() {
    let scene = Scene::with_host(PROGRAM, |_| ());
    let (first, second, third) = (scene.add(1, 1), scene.add(1, 4), scene.add(1, 4));
    set(&scene, first, Some("n == 8"));
    set(&scene, second, Some("n == 8 || n == 3"));
    set(&scene, third, Some("n == 2"));
    let log = scene.log(EventKind::Breakpoint.bit());
    let ids = |log: &scene::Log| -> Vec<Vec<u64>> {
        log.take().iter().map(|entry| entry.event.breakpoints.to_vec()).collect()
    };
    let counts = |id| {
        let info = scene.debuggee.breakpoint(id).unwrap();
        (info.hits, info.declined)
    };
    looped(&scene);
    assert_eq!(ids(&log), [vec![first], vec![second], vec![second], vec![third]]);
    assert_eq!([first, second, third].map(counts), [(9, 8), (9, 7), (9, 8)]);
    // One without an expression is always told; a disabled one isn't asked.
    set(&scene, first, None);
    scene.edit(|edit| {
        edit.enable(second, false);
        edit.enable(third, false);
    });
    looped(&scene);
    assert_eq!(ids(&log).len(), 9);
    scene.edit(|edit| {
        edit.remove(first);
        edit.enable(third, true);
    });
    looped(&scene);
    assert_eq!(ids(&log), [[third]]);
    assert_eq!([second, third].map(counts), [(9, 7), (18, 16)]);
    // Nobody listens: nothing is asked.
    scene.debuggee.clear_event_handler().unwrap();
    looped(&scene);
    assert_eq!(counts(third), (27, 16));
}

#[test]
fn what_a_host_function_changes_counts_from_the_next_hit_on() {
    let turn = Rc::new(Cell::new(0));
    let (id, steps) = (Rc::new(Cell::new(0_u64)), turn.clone());
    let known = id.clone();
    let scene = Scene::with_host(PROGRAM, move |debuggee| {
        let change = |change: &dyn Fn(&mut pellucid::debug::Edit)| scene::edit(debuggee, change);
        steps.set(steps.get() + 1);
        match steps.get() {
            2 => change(&|edit| edit.set_expression(debuggee, known.get(), Some("n == 6")).unwrap()),
            4 => change(&|edit| edit.set_expression(debuggee, known.get(), Some("0")).unwrap()),
            5 => change(&|edit| edit.single_step(true)),
            6 => change(&|edit| edit.single_step(false)),
            7 => change(&|edit| edit.set_expression(debuggee, known.get(), None).unwrap()),
            _ => {}
        }
    });
    id.set(scene.add(1, 4));
    set(&scene, id.get(), Some("n == 100"));
    let log = scene.log(EventKind::Breakpoint.bit() | EventKind::Step.bit());
    looped(&scene);
    let log = log.take();
    let turns = |kind| -> Vec<Value> {
        let told = log.iter().filter(|entry| entry.event.kind == kind);
        let mut turns: Vec<Value> = told.map(|entry| entry.state.as_ref().unwrap().locals[0]).collect();
        turns.dedup();
        turns
    };
    assert_eq!(turns(EventKind::Breakpoint), [6, 2, 1].map(Value::I32));
    assert_eq!(turns(EventKind::Step), [5, 4].map(Value::I32));
    let info = scene.debuggee.breakpoint(id.get()).unwrap();
    assert_eq!((info.hits, info.declined), (9, 6));
}

#[test]
fn what_declines_where_a_call_is_interrupted_declines_once() {
    let engine = scene::engine_with(true);
    let look = |debuggee: &Rc<Debuggee>| vec![scene::host(debuggee, &[], &[], Box::new(|_, _| Ok(Vec::new())))];
    let scene = Scene::of(&engine, &scene::module(&engine, PROGRAM), look);
    let turns = 100_000;
    let ignored = BreakpointOptions { ignore_count: u64::MAX, ..BreakpointOptions::default() };
    for has_expression in [true, false] {
        let ids: Vec<u64> = (1..6).map(|operator| scene.add(3, operator)).collect();
        scene.edit(|edit| {
            for id in &ids {
                match has_expression {
                    true => edit.set_expression(&scene.debuggee, *id, Some("0")).unwrap(),
                    false => edit.set_options(*id, ignored),
                }
            }
        });
        let call = scene.begin("count", &[Value::I32(turns)]);
        let mut pauses = 0;
        let budget = || Some(Budget { nanoseconds: 40_000, clock: AlarmClock::Wall, pauses: true });
        while call.resume_for(&scene.debuggee, Resume::Continue, budget()).unwrap() == CallState::Paused {
            pauses += 1;
        }
        assert!(pauses > 20, "{pauses}");
        let counts = ids.iter().map(|id| scene.debuggee.breakpoint(*id).unwrap());
        let counts: Vec<_> = counts.map(|info| (info.hits, info.declined)).collect();
        assert_eq!(counts, [(turns as u64, turns as u64); 5]);
        scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
    }
}

#[test]
fn a_trap_and_an_interrupt_find_everything_as_it_is() {
    let engine = scene::engine_with(true);
    let look = |debuggee: &Rc<Debuggee>| vec![scene::host(debuggee, &[], &[], Box::new(|_, _| Ok(Vec::new())))];
    let scene = Scene::of(&engine, &scene::module(&engine, PROGRAM), look);
    let id = scene.add(2, 2);
    set(&scene, id, Some("n < 0"));
    let log = scene.log(EventKind::Breakpoint.bit() | EventKind::Trap.bit());
    scene.call("divide", &[Value::I32(5)]).unwrap_err();
    let told = log.take();
    let (event, state) = (&told[0].event, told[0].state.as_ref().unwrap());
    assert_eq!((told.len(), event.kind, event.trap), (1, EventKind::Trap, Some(TrapCode::IntegerDivideByZero)));
    assert_eq!((&*state.locals, state.operator), (&[Value::I32(0)][..], 3));
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().declined, 6);

    // Without a handler what holds pauses the call.
    scene.debuggee.clear_event_handler().unwrap();
    let id = scene.add(4, 3);
    set(&scene, id, Some("n < 0"));
    let call = scene.begin("endless", &[Value::I32(0)]);
    let budget = || Some(Budget { nanoseconds: 2_000_000, clock: AlarmClock::Wall, pauses: true });
    let mut last = 0;
    for _ in 0..20 {
        let state = call.resume_for(&scene.debuggee, Resume::Continue, budget()).unwrap();
        assert_eq!(state, CallState::Paused);
        let locals = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).locals;
        let [Value::I32(n)] = locals[..] else { panic!("{locals:?}") };
        let declined = scene.debuggee.breakpoint(id).unwrap().declined as i32;
        assert!(n >= last && (n - declined).abs() <= 1, "{n} after {last}, {declined} declined");
        last = n;
    }
    // The same where the frame was written into, and goes on elsewhere.
    for operator in [1, 2, 4, 5] {
        set(&scene, scene.add(4, operator), Some("n < 0"));
    }
    for turn in 1..60 {
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        let begin = turn * 1_000_000;
        scene.debuggee.frame_write_local(&frame, 0, &Value::I32(begin)).unwrap();
        // What it was may be an operand by now, and would be the local again.
        if !scene.state(&frame).operands.is_empty() {
            scene.debuggee.frame_write_operand(&frame, 0, &Value::I32(begin)).unwrap();
        }
        let budget = Some(Budget { nanoseconds: 30_000, clock: AlarmClock::Wall, pauses: true });
        assert_eq!(call.resume_for(&scene.debuggee, Resume::Continue, budget).unwrap(), CallState::Paused);
        let locals = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).locals;
        assert!(matches!(locals[..], [Value::I32(n)] if (begin..begin + 900_000).contains(&n)), "{locals:?}");
    }
    // What holds then is told.
    set(&scene, id, Some("n > 0"));
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    assert_eq!(&*call.event().unwrap().breakpoints, [id]);
}
