//! Breakpoints: where they land, how they are counted, edited and listed, and who sees them.

use crate::scene::{self, Scene, add, edit, kind};
use pellucid::base::{ErrorKind, FuncIndex, StoreLimits, Value, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Edit, Event, EventKind, FrameKind, Resume};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const SUM: &str = r#"(module (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    block $done
      loop $again
        local.get $n
        i32.eqz
        br_if $done
        local.get $n
        local.get $sum
        i32.add
        local.set $sum
        local.get $n
        i32.const 1
        i32.sub
        local.set $n
        br $again
      end
    end
    local.get $sum))"#;

fn hits(scene: &Scene, args: &[Value]) -> Vec<usize> {
    let log = scene.log(EventKind::ALL);
    scene.call("sum", args).unwrap();
    scene.debuggee.clear_event_handler().unwrap();
    log.places().into_iter().map(|(_, _, operator)| operator).collect()
}

#[test]
fn a_breakpoint_at_each_operator_hits_each_time_with_the_state_before_it() {
    let scene = Scene::new(SUM);
    // The `end`s of loop and block, 14 and 15, are never reached: only a branch leads out.
    for operator in 0..scene::operators(&scene.module, 0) {
        let id = scene.add(0, operator);
        let log = scene.log(EventKind::ALL);
        assert_eq!(scene.call("sum", &[Value::I32(3)]).unwrap(), [Value::I32(6)]);
        let log = log.take();
        let expected = match operator {
            0 | 1 | 16 | 17 => 1,
            2..=4 => 4,
            5..=13 => 3,
            _ => 0,
        };
        assert_eq!(log.len(), expected, "operator {operator}");
        for (turn, entry) in log.iter().enumerate() {
            assert_eq!((entry.event.kind, &*entry.event.breakpoints), (EventKind::Breakpoint, &[id][..]));
            assert_eq!((entry.event.can_pause, entry.event.trap), (false, None));
            assert_eq!(entry.event.pc, scene.pc(0, operator));
            let state = entry.state.as_ref().unwrap();
            assert_eq!((state.kind, state.operator), (FrameKind::Stopped, operator));
            let turn = turn as i32;
            let (before, after) = ((0..turn).map(|turn| 3 - turn).sum(), (0..=turn).map(|turn| 3 - turn).sum());
            let (n, sum) = match operator {
                0 | 1 => (3, 0),
                2..=8 => (3 - turn, before),
                9..=12 => (3 - turn, after),
                13 => (2 - turn, after),
                _ => (0, 6),
            };
            assert_eq!(state.locals, [n, sum].map(Value::I32), "operator {operator} turn {turn}");
            let operands: &[i32] = match operator {
                3 | 6 | 10 => &[n],
                4 => &[i32::from(n == 0)],
                7 => &[n, before],
                8 => &[n + before],
                11 => &[n, 1],
                12 => &[n - 1],
                17 => &[6],
                _ => &[],
            };
            let operands: Vec<_> = operands.iter().copied().map(Value::I32).collect();
            assert_eq!(state.operands, operands, "operator {operator} turn {turn}");
        }
        scene.edit(|edit| edit.remove(id));
        assert_eq!(hits(&scene, &[Value::I32(3)]), []);
    }
}

#[test]
fn several_breakpoints_in_one_run_hit_in_order() {
    let scene = Scene::new(SUM);
    for operator in [7, 2, 4, 17, 13, 0] {
        scene.add(0, operator);
    }
    assert_eq!(hits(&scene, &[Value::I32(2)]), [0, 2, 4, 7, 13, 2, 4, 7, 13, 2, 4, 17]);
}

#[test]
fn a_pc_slips_to_the_next_operator_of_its_body_and_no_further() {
    let engine = scene::engine();
    let wat = r#"(module (func $first (param i32) (local i32 i64) i32.const 100000 drop) (func $second nop))"#;
    let scene = Scene::of(&engine, &scene::module(&engine, wat), |_| Vec::new());
    let info = scene.module.info();
    let bodies: Vec<_> = info.bodies.values().map(|body| body.range.clone()).collect();
    let pcs: Vec<_> = info.operator_pcs(info.defined_func(FuncIndex::from_u32(0)).unwrap());
    for pc in 0..info.bytes.len() as u32 + 10 {
        let added = scene.edit(|edit| edit.add(&scene.debuggee, &scene.module, WasmPc(pc)));
        match bodies.iter().position(|body| body.contains(&pc)) {
            Some(0) => assert_eq!(added.unwrap().1, *pcs.iter().find(|operator| operator.0 >= pc).unwrap()),
            Some(_) => {
                assert!(added.unwrap().1 >= info.bodies[info.defined_func(FuncIndex::from_u32(1)).unwrap()].operators)
            }
            None => assert_eq!(kind(added), ErrorKind::OutOfRange),
        }
    }
    assert_eq!(
        kind(scene.edit(|edit| edit.add(&scene.debuggee, &scene.module, WasmPc(u32::MAX)))),
        ErrorKind::OutOfRange
    );
    // What was asked is listed beside where it is.
    let list = scene.debuggee.breakpoints().unwrap();
    assert_eq!(list.len() as u32, bodies.iter().map(|body| body.end - body.start).sum::<u32>());
    assert!(list.iter().all(|info| info.actual >= info.asked));
    assert_eq!(list[0].asked, WasmPc(bodies[0].start));
    assert_eq!(list[0].actual, pcs[0]);
}

#[test]
fn breakpoints_at_functions() {
    let engine = scene::engine();
    let wat = r#"(module (import "" "" (func)) (func (export "f") (local i64) nop))"#;
    let module = scene::module(&engine, wat);
    let scene =
        Scene::of(&engine, &module, |debuggee| vec![scene::host(debuggee, &[], &[], Box::new(|_, _| Ok(Vec::new())))]);
    let add = |index| scene.edit(|edit| edit.add_at_function(&scene.debuggee, &module, FuncIndex::from_u32(index)));
    assert_eq!(kind(add(0)), ErrorKind::InvalidArgument);
    assert_eq!(add(1).unwrap().1, scene.pc(1, 0));
    assert_eq!(kind(add(2)), ErrorKind::OutOfRange);
}

#[test]
fn any_number_of_breakpoints_may_land_on_one_operator() {
    let scene = Scene::new(SUM);
    let slipped = WasmPc(scene.pc(0, 0).0 - 1);
    let add = || scene.edit(|edit| edit.add(&scene.debuggee, &scene.module, slipped).unwrap());
    // In every order of removing three.
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let added = [add(), add(), add()];
        assert!(added.iter().all(|(_, actual)| *actual == scene.pc(0, 0)));
        let mut left: Vec<u64> = added.iter().map(|(id, _)| *id).collect();
        for remove in order {
            let log = scene.log(EventKind::ALL);
            scene.call("sum", &[Value::I32(0)]).unwrap();
            let log = log.take();
            assert_eq!(log.len(), 1, "one event for all");
            assert_eq!(&*log[0].event.breakpoints, left);
            scene.edit(|edit| edit.remove(added[remove].0));
            left.retain(|id| *id != added[remove].0);
        }
        assert_eq!(hits(&scene, &[Value::I32(0)]), []);
    }
}

#[test]
fn breakpoints_that_share_a_stop_point_arm_it_until_the_last_is_gone() {
    let scene = Scene::new(SUM);
    // 5 to 13 are one run.
    let ids: Vec<u64> = [5, 7, 9].into_iter().map(|operator| scene.add(0, operator)).collect();
    assert_eq!(hits(&scene, &[Value::I32(1)]), [5, 7, 9]);
    scene.edit(|edit| edit.remove(ids[1]));
    assert_eq!(hits(&scene, &[Value::I32(1)]), [5, 9]);
    scene.edit(|edit| edit.enable(ids[0], false));
    assert_eq!(hits(&scene, &[Value::I32(1)]), [9]);
    scene.edit(|edit| edit.enable(ids[0], true));
    scene.edit(|edit| edit.remove(ids[2]));
    assert_eq!(hits(&scene, &[Value::I32(1)]), [5]);
    // Stepping on and off in between leaves it armed.
    scene.edit(|edit| edit.single_step(true));
    scene.call("sum", &[Value::I32(1)]).unwrap();
    scene.edit(|edit| edit.single_step(false));
    assert_eq!(hits(&scene, &[Value::I32(1)]), [5]);
    scene.edit(|edit| edit.remove(ids[0]));
    assert_eq!(hits(&scene, &[Value::I32(1)]), []);
}

#[test]
fn disabled_breakpoints_stay_listed_and_do_not_count() {
    let scene = Scene::new(SUM);
    let id = scene.add(0, 2);
    assert_eq!(hits(&scene, &[Value::I32(2)]).len(), 3);
    scene.edit(|edit| edit.enable(id, false));
    // Doing it again changes nothing.
    scene.edit(|edit| edit.enable(id, false));
    assert_eq!(hits(&scene, &[Value::I32(2)]), []);
    let info = scene.debuggee.breakpoint(id).unwrap();
    assert_eq!((info.enabled, info.hits, info.passed_over), (false, 3, 0));
    assert_eq!((info.asked, info.actual), (scene.pc(0, 2), scene.pc(0, 2)));
    assert!(info.target.module().unwrap().is_same(&scene.module));
    scene.edit(|edit| edit.enable(id, true));
    scene.edit(|edit| edit.enable(id, true));
    assert_eq!(hits(&scene, &[Value::I32(2)]).len(), 3);
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 6);
    scene.edit(|edit| edit.remove(id));
    assert_eq!(kind(scene.debuggee.breakpoint(id)), ErrorKind::NotFound);
}

#[test]
fn hits_are_counted_without_anybody_listening() {
    let scene = Scene::new(SUM);
    let (first, second) = (scene.add(0, 2), scene.add(0, 8));
    scene.call("sum", &[Value::I32(5)]).unwrap();
    let hits = |id| scene.debuggee.breakpoint(id).unwrap().hits;
    assert_eq!((hits(first), hits(second)), (6, 5));
}

#[test]
fn an_edit_is_all_or_nothing() {
    let scene = Scene::new(SUM);
    let id = scene.add(0, 2);
    let listed = |scene: &Scene| {
        let list = scene.debuggee.breakpoints().unwrap();
        list.iter().map(|info| (info.id, info.actual, info.enabled)).collect::<Vec<_>>()
    };
    let before = listed(&scene);
    let expected = hits(&scene, &[Value::I32(1)]);
    let refuse = |change: &dyn Fn(&mut Edit)| {
        let mut edit = Edit::begin(&scene.debuggee).unwrap();
        edit.add(&scene.debuggee, &scene.module, scene.pc(0, 0)).unwrap();
        edit.enable(id, false);
        edit.single_step(true);
        change(&mut edit);
        assert_eq!(kind(edit.commit(&scene.debuggee)), ErrorKind::NotFound);
        assert_eq!(listed(&scene), before);
        assert!(!scene.debuggee.is_single_stepping().unwrap());
        assert_eq!(hits(&scene, &[Value::I32(1)]), expected);
    };
    refuse(&|edit| edit.remove(999));
    refuse(&|edit| edit.enable(999, true));
    refuse(&|edit| edit.remove(0));
    // Removed twice, or changed after it was removed, in the same edit.
    refuse(&|edit| {
        edit.remove(id);
        edit.remove(id);
    });
    refuse(&|edit| {
        edit.remove(id);
        edit.enable(id, true);
    });
    // Discarded, or just dropped.
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    edit.remove(id);
    edit.discard();
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    edit.remove(id);
    drop(edit);
    assert_eq!(listed(&scene), before);
    assert_eq!(hits(&scene, &[Value::I32(1)]), expected);
}

#[test]
fn one_edit_may_add_disable_and_remove_the_same_breakpoint() {
    let scene = Scene::new(SUM);
    let (kept, disabled, removed) = scene.edit(|edit| {
        let mut add = || edit.add(&scene.debuggee, &scene.module, scene.pc(0, 2)).unwrap().0;
        let (kept, disabled, removed) = (add(), add(), add());
        edit.enable(disabled, false);
        edit.remove(removed);
        (kept, disabled, removed)
    });
    let list = scene.debuggee.breakpoints().unwrap();
    assert_eq!(list.iter().map(|info| (info.id, info.enabled)).collect::<Vec<_>>(), [(kept, true), (disabled, false)]);
    assert_eq!(hits(&scene, &[Value::I32(0)]), [2]);
    // Moving one: the stop point stays armed throughout.
    let moved = scene.edit(|edit| {
        edit.remove(kept);
        edit.add(&scene.debuggee, &scene.module, scene.pc(0, 3)).unwrap().0
    });
    assert_eq!(hits(&scene, &[Value::I32(0)]), [3]);
    scene.edit(|edit| edit.remove(moved));
    assert_eq!(hits(&scene, &[Value::I32(0)]), []);
    assert_eq!(kind(scene.debuggee.breakpoint(removed)), ErrorKind::NotFound);
}

#[test]
fn ids_are_never_reused() {
    let scene = Scene::new(SUM);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = scene.add(0, 0);
        scene.edit(|edit| edit.remove(id));
        ids.push(id);
        let mut edit = Edit::begin(&scene.debuggee).unwrap();
        ids.push(edit.add(&scene.debuggee, &scene.module, scene.pc(0, 0)).unwrap().0);
        edit.discard();
    }
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert!(ids[0] > 0);
}

#[test]
fn edits_belong_to_their_store_and_modules_to_their_engine() {
    let scene = Scene::new(SUM);
    let stranger = Debuggee::new(scene.module.engine(), StoreLimits::default()).unwrap();
    let edit = Edit::begin(&scene.debuggee).unwrap();
    assert_eq!(edit.store(), scene.debuggee.store().id());
    assert_eq!(kind(edit.commit(&stranger)), ErrorKind::WrongStore);
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    assert_eq!(kind(edit.add(&stranger, &scene.module, scene.pc(0, 0))), ErrorKind::WrongStore);
    let other = scene::module(&scene::engine(), SUM);
    assert_eq!(kind(edit.add(&scene.debuggee, &other, scene.pc(0, 0))), ErrorKind::InvalidArgument);
}

#[test]
fn stores_that_share_a_module_do_not_share_breakpoints() {
    let engine = scene::engine();
    let module = scene::module(&engine, SUM);
    let [first, second] = [(); 2].map(|()| Scene::of(&engine, &module, |_| Vec::new()));
    first.add(0, 2);
    second.add(0, 17);
    for _ in 0..2 {
        assert_eq!(hits(&first, &[Value::I32(1)]), [2, 2]);
        assert_eq!(hits(&second, &[Value::I32(1)]), [17]);
    }
    first.edit(|edit| edit.single_step(true));
    assert!(hits(&first, &[Value::I32(1)]).len() > 10);
    assert_eq!(hits(&second, &[Value::I32(1)]), [17]);
    assert!(!second.debuggee.is_single_stepping().unwrap());
    assert_eq!(second.debuggee.breakpoints().unwrap().len(), 1);
}

#[test]
fn instances_of_a_module_share_its_breakpoints_also_those_made_later() {
    let engine = scene::engine();
    let module = scene::module(&engine, SUM);
    // Before the module was instantiated.
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    add(&debuggee, &module, 0, 17);
    let instances = [(); 2].map(|()| debuggee.instantiate(&module, &[]).unwrap());
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.set(seen.get() + 1);
        assert!(debuggee.frame_info(&event.frame.unwrap()).unwrap().instance.is_some());
        Action::Continue
    };
    debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    for (calls, instance) in instances.into_iter().enumerate() {
        debuggee.call(scene::func(&debuggee, instance, "sum"), &[Value::I32(0)]).unwrap();
        assert_eq!(count.get(), calls + 1);
    }
}

#[test]
fn a_breakpoint_in_a_start_function() {
    let engine = scene::engine();
    let module = scene::module(&engine, "(module (func $start nop) (start $start))");
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    add(&debuggee, &module, 0, 0);
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let handler = move |_: &Debuggee, _: &Event| {
        seen.set(seen.get() + 1);
        Action::Continue
    };
    debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    debuggee.instantiate(&module, &[]).unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn an_edit_takes_effect_at_once_inside_a_handler() {
    // A breakpoint in the run that the call stands in, behind it and ahead of it; and one further on.
    let scene = Scene::new(SUM);
    let first = scene.add(0, 6);
    let log: Rc<RefCell<Vec<usize>>> = Rc::default();
    let (seen, module) = (log.clone(), scene.module.clone());
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let operator = scene::state(debuggee, &event.frame.unwrap()).operator;
        seen.borrow_mut().push(operator);
        let frame = event.frame.unwrap();
        if operator == 6 && seen.borrow().len() == 1 {
            for operator in [5, 8, 17] {
                add(debuggee, &module, 0, operator);
            }
            edit(debuggee, |edit| edit.remove(first));
        }
        // An edit doesn't make the frame stale.
        assert!(debuggee.frame_is_valid(&frame));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("sum", &[Value::I32(2)]).unwrap();
    assert_eq!(*log.borrow(), [6, 8, 5, 8, 17]);
}

#[test]
fn an_edit_takes_effect_at_once_inside_a_host_function() {
    // At the operator right after the call, and at one in the caller's caller.
    let wat = r#"(module (import "" "" (func $host))
        (func $inner call $host nop)
        (func (export "f") call $inner nop))"#;
    let later: scene::Later<pellucid::runtime::Module> = Rc::default();
    let module = later.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        let frame = debuggee.newest_frame().unwrap().unwrap();
        add(debuggee, module.get().unwrap(), 1, 1);
        add(debuggee, module.get().unwrap(), 2, 1);
        assert!(debuggee.frame_is_valid(&frame));
    });
    later.set(scene.module.clone()).ok().unwrap();
    let log = scene.log(EventKind::ALL);
    scene.call("f", &[]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 1, 1), (EventKind::Breakpoint, 2, 1)]);
}

#[test]
fn an_edit_takes_effect_at_once_while_paused() {
    let scene = Scene::new(SUM);
    let first = scene.add(0, 5);
    let call = scene.begin("sum", &[Value::I32(1)]);
    let next = || {
        (call.resume(&scene.debuggee, Resume::Continue).unwrap() == CallState::Paused)
            .then(|| scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator)
    };
    assert_eq!(next(), Some(5));
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    scene.add(0, 7);
    scene.edit(|edit| edit.remove(first));
    assert!(scene.debuggee.frame_is_valid(&frame));
    assert_eq!(next(), Some(7));
    // One at the operator itself doesn't hit where the call stands at a breakpoint already.
    let second = scene.add(0, 7);
    scene.add(0, 17);
    assert_eq!(next(), Some(17));
    assert_eq!(scene.debuggee.breakpoint(second).unwrap().hits, 0);
    assert_eq!(next(), None);
}

#[test]
fn a_breakpoint_at_the_operator_that_a_step_ended_at_hits_before_it_runs() {
    for (before, after) in [(false, false), (true, false), (false, true)] {
        step_and_add(before, after);
    }
}

/// A value that is there is written before the breakpoint is added, or after that: the frame stands where it did.
fn step_and_add(writes_before: bool, writes_after: bool) {
    let scene = Scene::new(SUM);
    let call = scene.begin("sum", &[Value::I32(1)]);
    for operator in 0..7 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
        assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator, operator);
    }
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let write = || scene.debuggee.frame_write_local(&frame, 0, &Value::I32(1)).unwrap();
    if writes_before {
        write();
    }
    let id = scene.add(0, 6);
    if writes_after {
        write();
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.pc, &*event.breakpoints), (EventKind::Breakpoint, scene.pc(0, 6), &[id][..]));
    // Not again; and a step always moves.
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    assert_eq!(call.event().unwrap().kind, EventKind::Step);
    assert_eq!(call.event().unwrap().pc, scene.pc(0, 7));
    let _ = scene.add(0, 7);
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    assert_eq!(call.event().unwrap().pc, scene.pc(0, 8));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn continuing_from_a_breakpoint_does_not_hit_it_again_without_running() {
    let scene = Scene::new(
        "(module (func (export \"f\") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))",
    );
    for operator in [1, 3] {
        let id = scene.add(0, operator);
        let call = scene.begin("f", &[Value::I32(5)]);
        for left in [5, 4, 3, 2, 1] {
            assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
            let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
            assert_eq!((state.operator, &state.locals[..]), (operator, &[Value::I32(left)][..]));
        }
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 5);
        scene.edit(|edit| edit.remove(id));
    }
}

#[test]
fn a_breakpoint_removed_while_a_call_stands_at_it() {
    for operator in [0, 1, 3] {
        let scene =
            Scene::new("(module (func (export \"f\") (result i32) i32.const 1 i32.const 2 i32.const 3 drop drop))");
        let id = scene.add(0, operator);
        let call = scene.begin("f", &[]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        let before = scene.state(&frame);
        scene.edit(|edit| edit.remove(id));
        assert_eq!(scene.state(&frame), before);
        // And set again at the next operator.
        scene.add(0, operator + 1);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        assert_eq!(scene.state(&call.frame(&scene.debuggee).unwrap().unwrap()).operator, operator + 1);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(1)]);
    }
}

#[test]
fn breakpoints_in_dead_code_are_accepted_and_never_hit() {
    let wat = r#"(module (func (export "sum") (param i32) (result i32)
        block
          br 0
          i32.const 1
          drop
        end
        i32.const 7
        return
        unreachable))"#;
    let scene = Scene::new(wat);
    let ids: Vec<_> = (0..scene::operators(&scene.module, 0)).map(|operator| scene.add(0, operator)).collect();
    assert_eq!(hits(&scene, &[Value::I32(0)]), [0, 1, 5, 6]);
    scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
    assert_eq!(hits(&scene, &[Value::I32(0)]), []);
}

#[test]
fn imports_do_not_shift_function_indices() {
    let scene = Scene::with_host(r#"(module (import "" "" (func)) (func (export "f") nop) (func nop))"#, |_| {});
    scene.edit(|edit| edit.add_at_function(&scene.debuggee, &scene.module, FuncIndex::from_u32(1)).unwrap());
    let log = scene.log(EventKind::ALL);
    scene.call("f", &[]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 1, 0)]);
}

#[test]
fn breakpoints_work_across_modules_of_one_store() {
    let engine = scene::engine();
    let callee = scene::module(&engine, "(module (func (export \"f\") nop nop))");
    let scene = Scene::of(&engine, &callee, |_| Vec::new());
    let caller = scene::module(&engine, r#"(module (import "" "" (func $f)) (func (export "run") nop call $f nop))"#);
    let instance = scene.debuggee.instantiate(&caller, &[Extern::Func(scene.func("f"))]).unwrap();
    // One edit for both modules.
    scene.edit(|edit| {
        edit.add(&scene.debuggee, &callee, scene::pc(&callee, 0, 1)).unwrap();
        edit.add(&scene.debuggee, &caller, scene::pc(&caller, 1, 2)).unwrap();
    });
    let log = scene.log(EventKind::ALL);
    scene.debuggee.call(scene::func(&scene.debuggee, instance, "run"), &[]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 0, 1), (EventKind::Breakpoint, 1, 2)]);
}
