//! Frames: what they show, how long they are valid, and who is on the stack.

use crate::scene::{self, Scene, assert_refused, host, kind, stack, state};
use pellucid::base::{Error, ErrorKind, FuncIndex, StoreLimits, TrapCode, ValType, Value, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Frame, FrameKind, Resume};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Function 0 is the host's; `outer` calls `middle` calls `inner` calls the host, each with something on its stack.
const NESTED: &str = r#"(module $nested
    (import "" "" (func $host))
    (func $inner (param $a i32) (result i32) (local $b i64)
        (local.set $b (i64.const 7))
        i32.const 1000
        call $host
        local.get $a
        i32.add)
    (func $middle (param f64) (result i32)
        i32.const 20
        i32.const 30
        call $inner
        i32.add)
    (func $outer (export "outer") (result i32) (local i32)
        f64.const 2.5
        call $middle
        i32.const 1
        i32.add
        (local.set 0 (i32.const 3))
        br 0)
)"#;

#[test]
fn every_frame_of_a_host_call_shows_locals_and_the_operands_beneath_the_arguments() {
    let seen = Rc::new(Cell::new(0));
    let count = seen.clone();
    let scene = Scene::with_host(NESTED, move |debuggee| {
        count.set(count.get() + 1);
        let frames = debuggee.frames().unwrap();
        assert_eq!(frames.len(), 1);
        assert_eq!(debuggee.newest_frame().unwrap(), Some(frames[0]));
        let frames = stack(debuggee, &frames[0]);
        let states: Vec<_> = frames.iter().map(|frame| state(debuggee, frame)).collect();
        let expected = [
            (1, 3, vec![Value::I32(30), Value::I64(7)], vec![Value::I32(1000)]),
            (2, 2, vec![Value::F64(2.5_f64.to_bits())], vec![Value::I32(20)]),
            (3, 1, vec![Value::I32(0)], vec![]),
        ];
        assert_eq!(states.len(), expected.len());
        for (state, (func, operator, locals, operands)) in states.iter().zip(expected) {
            let expected = scene::State { kind: FrameKind::Calling, func, operator, locals, operands };
            assert_eq!(*state, expected);
        }
        // Keys tell the frames apart, and types need no values.
        let keys: Vec<_> = frames.iter().map(|frame| debuggee.frame_key(frame).unwrap()).collect();
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_eq!(debuggee.frame_local_types(&frames[0]).unwrap(), [ValType::I32, ValType::I64]);
        assert_eq!(debuggee.frame_operand_types(&frames[0]).unwrap(), [ValType::I32]);
        assert_eq!(debuggee.frame_operand_types(&frames[2]).unwrap(), []);
    });
    assert_eq!(scene.call("outer", &[]).unwrap(), [Value::I32(1051)]);
    assert_eq!(seen.get(), 1);
}

#[test]
fn a_frame_says_where_it_is() {
    let scene = Scene::with_host(NESTED, |_| {});
    scene.add(1, 4);
    let call = scene.begin("outer", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let info = scene.debuggee.frame_info(&frame).unwrap();
    assert_eq!(info.instance, Some(scene.instance));
    assert_eq!(info.module_id, scene.module.id());
    assert!(scene.debuggee.frame_module(&frame).unwrap().is_same(&scene.module));
    assert_eq!(info.func_index, FuncIndex::from_u32(1));
    assert_eq!(scene.module.info().func_name(info.func_index), Some("inner"));
    assert_eq!(info.pc, scene.pc(1, 4));
    let body = &scene.module.info().bodies[scene.module.info().defined_func(info.func_index).unwrap()];
    assert_eq!(body.range.start + info.func_offset, info.pc.0);
    assert_eq!((info.n_locals, info.n_operands), (2, 1));
    assert_eq!(info.kind, FrameKind::Stopped);
}

#[test]
fn reading_is_bounded_and_partial() {
    let scene = Scene::new("(module (func (export \"f\") (param i32 i64 f32) i32.const 4 i32.const 5 drop drop))");
    scene.add(0, 2);
    let call = scene.begin("f", &[Value::I32(1), Value::I64(2), Value::F32(3)]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let read = |first, length| {
        let mut out = vec![Value::Unavailable; length];
        let n = scene.debuggee.frame_read_locals(&frame, first, &mut out)?;
        out.truncate(n as usize);
        Ok::<_, Error>(out)
    };
    assert_eq!(read(0, 2).unwrap(), [Value::I32(1), Value::I64(2)]);
    assert_eq!(read(1, 9).unwrap(), [Value::I64(2), Value::F32(3)]);
    assert_eq!(read(3, 9).unwrap(), []);
    assert_eq!(read(0, 0).unwrap(), []);
    assert_eq!(kind(read(4, 1)), ErrorKind::OutOfRange);
    assert_eq!(kind(read(u32::MAX, 1)), ErrorKind::OutOfRange);
    let mut operands = [Value::Unavailable; 1];
    assert_eq!(scene.debuggee.frame_read_operands(&frame, 1, &mut operands).unwrap(), 1);
    assert_eq!(operands, [Value::I32(5)]);
    assert_eq!(kind(scene.debuggee.frame_read_operands(&frame, 3, &mut operands)), ErrorKind::OutOfRange);
}

#[test]
fn values_keep_their_bits_and_references_are_handles() {
    let wat = r#"(module
        (table 1 externref)
        (func $g (export "g"))
        (elem declare func $g)
        (func (export "f") (param f32 f64 externref funcref) (local funcref externref)
            ref.func $g
            (local.set 4 (ref.func $g))
            local.get 2
            ref.null extern
            nop
            drop drop drop))"#;
    let scene = Scene::new(wat);
    let host = scene.debuggee.store().externref_new(Box::new(17)).unwrap();
    let g = scene.func("g");
    let args =
        [Value::F32(0x7fa0_0001), Value::F64(0xfff4 << 48 | 5), Value::ExternRef(Some(host)), Value::FuncRef(Some(g))];
    // At the start, where the values are on the stack, and inside a run, where they are replayed.
    for operator in [0, 5] {
        let id = scene.add(1, operator);
        let call = scene.begin("f", &args);
        call.resume(&scene.debuggee, Resume::Continue).unwrap();
        let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
        assert_eq!(state.locals[..4], args);
        assert_eq!(state.locals[5], Value::ExternRef(None));
        if operator == 0 {
            assert_eq!(state.locals[4], Value::FuncRef(None));
        } else {
            assert_eq!(state.locals[4], Value::FuncRef(Some(g)));
            let operands = [Value::FuncRef(Some(g)), args[2], Value::ExternRef(None)];
            assert_eq!(state.operands, operands);
        }
        scene.edit(|edit| edit.remove(id));
    }
}

#[test]
fn resuming_by_any_route_makes_frames_stale() {
    let wat = r#"(module (import "" "" (func $host))
        (func (export "f") (param i32) (result i32)
            call $host
            local.get 0
            i32.const 1
            i32.add
            local.set 0
            call $host
            local.get 0))"#;
    // In a host function: stale when it has returned.
    let held: Rc<RefCell<Vec<Frame>>> = Rc::default();
    let frames = held.clone();
    let scene = Scene::with_host(wat, move |debuggee| {
        for old in frames.borrow().iter() {
            assert_refused(debuggee, old, ErrorKind::StaleHandle);
        }
        let frame = debuggee.newest_frame().unwrap().unwrap();
        assert!(debuggee.frame_is_valid(&frame));
        frames.borrow_mut().push(frame);
    });
    scene.call("f", &[Value::I32(1)]).unwrap();
    assert_eq!(held.borrow().len(), 2);
    for old in held.take() {
        assert_refused(&scene.debuggee, &old, ErrorKind::StaleHandle);
    }

    // At a breakpoint that is continued from, within one run, without machine code running between.
    for operator in [1, 2, 3] {
        scene.add(1, operator);
    }
    let call = scene.begin("f", &[Value::I32(1)]);
    let mut old: Vec<Frame> = Vec::new();
    for operator in [1, 2, 3] {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        assert_eq!(scene.state(&frame).operator, operator);
        old.iter().for_each(|old| assert_refused(&scene.debuggee, old, ErrorKind::StaleHandle));
        old.push(frame);
    }
    // By steps: inside the run, out of it, into a host function and back.
    for operator in [4, 5, 6] {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        assert_eq!(scene.state(&frame).operator, operator);
        old.iter().for_each(|old| assert_refused(&scene.debuggee, old, ErrorKind::StaleHandle));
        old.push(frame);
    }
    // By finishing.
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.frame(&scene.debuggee).unwrap(), None);
    old.iter().for_each(|old| assert_refused(&scene.debuggee, old, ErrorKind::StaleHandle));
    // By being dropped.
    let call = scene.begin("f", &[Value::I32(1)]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    assert!(scene.debuggee.frame_is_valid(&frame));
    drop(call);
    assert_refused(&scene.debuggee, &frame, ErrorKind::StaleHandle);
}

#[test]
fn a_handlers_frames_are_stale_after_its_event() {
    let scene = Scene::new("(module (func (export \"f\") nop nop nop))");
    (0..3).for_each(|operator| {
        scene.add(0, operator);
    });
    let held: Rc<RefCell<Vec<Frame>>> = Rc::default();
    let frames = held.clone();
    let check = move |debuggee: &Debuggee, event: &Event| {
        let mut frames = frames.borrow_mut();
        frames.iter().for_each(|old| assert_refused(debuggee, old, ErrorKind::StaleHandle));
        assert!(debuggee.frame_is_valid(&event.frame.unwrap()));
        frames.push(event.frame.unwrap());
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(check)).unwrap();
    scene.call("f", &[]).unwrap();
    assert_eq!(held.borrow().len(), 3);
    held.take().iter().for_each(|old| assert_refused(&scene.debuggee, old, ErrorKind::StaleHandle));
}

#[test]
fn a_trap_that_unwinds_makes_frames_stale() {
    let scene = Scene::new("(module (func (export \"f\") unreachable))");
    let held: Rc<Cell<Option<Frame>>> = Rc::default();
    let frame = held.clone();
    let keep = move |_: &Debuggee, event: &Event| {
        frame.set(event.frame);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(keep)).unwrap();
    assert_eq!(scene.call("f", &[]).unwrap_err().trap_code(), Some(TrapCode::Unreachable));
    assert_refused(&scene.debuggee, &held.get().unwrap(), ErrorKind::StaleHandle);
}

#[test]
fn guest_code_that_the_debugger_calls_leaves_paused_frames_valid() {
    let scene = Scene::new(
        r#"(module (global (export "g") (mut i32) (i32.const 1))
        (func (export "f") (param i32) (result i32) local.get 0 nop)
        (func (export "other") (result i32) (global.set 0 (i32.const 2)) i32.const 5))"#,
    );
    scene.add(0, 1);
    let call = scene.begin("f", &[Value::I32(9)]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let before = scene.state(&frame);
    assert_eq!(scene.call("other", &[]).unwrap(), [Value::I32(5)]);
    assert_eq!(scene.state(&frame), before);
    let other = scene.begin("f", &[Value::I32(10)]);
    other.resume(&scene.debuggee, Resume::Continue).unwrap();
    assert_eq!(scene.state(&frame), before);
    assert_eq!(scene.state(&other.frame(&scene.debuggee).unwrap().unwrap()).locals, [Value::I32(10)]);
    drop(other);
    assert_eq!(scene.state(&frame), before);
    // Entities can be changed while a frame is held.
    let Some(Extern::Global(global)) = scene.debuggee.store().instance_export(scene.instance, "g").unwrap() else {
        panic!()
    };
    scene.debuggee.store().global_set(global, Value::I32(3)).unwrap();
    assert_eq!(scene.state(&frame), before);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn frames_of_other_stores_are_refused() {
    let engine = scene::engine();
    let module = scene::module(&engine, "(module (func (export \"f\") nop))");
    let [first, second] = [(); 2].map(|()| Scene::of(&engine, &module, |_| Vec::new()));
    first.add(0, 0);
    second.add(0, 0);
    let calls = [&first, &second].map(|scene| {
        let call = scene.begin("f", &[]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        call
    });
    let frame = calls[0].frame(&first.debuggee).unwrap().unwrap();
    assert!(first.debuggee.frame_is_valid(&frame));
    assert_refused(&second.debuggee, &frame, ErrorKind::WrongStore);
    assert_eq!(kind(calls[0].frame(&second.debuggee)), ErrorKind::WrongStore);
    assert_eq!(kind(calls[0].resume(&second.debuggee, Resume::Continue)), ErrorKind::WrongStore);
    assert_eq!(kind(calls[0].results(&second.debuggee)), ErrorKind::WrongStore);
    // Invented ones too, whatever they contain.
    let invented = Frame { position: 7, ..frame };
    assert_refused(&first.debuggee, &invented, ErrorKind::StaleHandle);
    assert_refused(&first.debuggee, &Frame { position: u32::MAX, ..frame }, ErrorKind::StaleHandle);
    assert_refused(&first.debuggee, &Frame { epoch: frame.epoch + 1, ..frame }, ErrorKind::StaleHandle);
    assert_refused(&first.debuggee, &Frame { call: 1 << 40, ..frame }, ErrorKind::StaleHandle);
    assert_refused(&first.debuggee, &Frame { store: 0, ..frame }, ErrorKind::WrongStore);
}

#[test]
fn each_activation_has_its_innermost_frame_newest_first() {
    let wat = r#"(module (import "" "" (func $host))
        (func (export "a") (param i32) call $host)
        (func (export "b") (param i32) (i32.const 1) (call $host) drop)
        (func (export "c") (param i32) nop))"#;
    let depth = Rc::new(Cell::new(0));
    let seen: Rc<RefCell<Vec<Vec<u32>>>> = Rc::default();
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let scene = {
        let (depth, seen, later) = (depth.clone(), seen.clone(), later.clone());
        Scene::with_host(wat, move |debuggee| {
            depth.set(depth.get() + 1);
            let frames = debuggee.frames().unwrap();
            assert_eq!(debuggee.newest_frame().unwrap(), frames.first().copied());
            seen.borrow_mut().push(frames.iter().map(|frame| state(debuggee, frame).func).collect());
            let next = match depth.get() {
                1 => "b",
                2 => "c",
                _ => return,
            };
            debuggee.call(scene::func(debuggee, *later.get().unwrap(), next), &[Value::I32(depth.get())]).unwrap();
            // What was seen before the nested call still is.
            assert_eq!(debuggee.frames().unwrap(), frames);
            frames.iter().for_each(|frame| assert!(debuggee.frame_is_valid(frame)));
        })
    };
    later.set(scene.instance).unwrap();
    // The innermost call stops; its handler sees all three, and so does a guest function that it calls.
    scene.add(3, 0);
    let in_handler = seen.clone();
    let instance = scene.instance;
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let frames = debuggee.frames().unwrap();
        assert_eq!(frames[0], event.frame.unwrap());
        assert_eq!(debuggee.newest_frame().unwrap(), event.frame);
        in_handler.borrow_mut().push(frames.iter().map(|frame| state(debuggee, frame).func).collect());
        debuggee.call(scene::func(debuggee, instance, "a"), &[Value::I32(0)]).unwrap();
        assert_eq!(debuggee.frames().unwrap(), frames);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("a", &[Value::I32(7)]).unwrap();
    let expected: [&[u32]; 4] = [&[1], &[2, 1], &[3, 2, 1], &[1, 3, 2, 1]];
    assert_eq!(*seen.borrow(), expected);
    assert_eq!(scene.debuggee.frames().unwrap(), []);
    assert_eq!(scene.debuggee.newest_frame().unwrap(), None);
}

#[test]
fn an_activation_without_wasm_frames_yields_nothing() {
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let scene = Scene::with(r#"(module (import "" "" (func $host)) (export "host" (func $host)))"#, |debuggee| {
        let look = move |debuggee: &Debuggee, _: &[Value]| {
            seen.set(seen.get() + 1);
            assert_eq!(debuggee.frames().unwrap(), []);
            assert_eq!(debuggee.newest_frame().unwrap(), None);
            Ok(Vec::new())
        };
        vec![host(debuggee, &[], &[], Box::new(look))]
    });
    scene.call("host", &[]).unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn frames_of_other_stores_on_the_same_thread_are_invisible() {
    let engine = scene::engine();
    let wat = r#"(module (import "" "" (func $host)) (func (export "f") call $host))"#;
    let module = scene::module(&engine, wat);
    let inner = Rc::new(Scene::of(&engine, &module, |debuggee| {
        let look = |debuggee: &Debuggee, _: &[Value]| {
            assert_eq!(debuggee.frames().unwrap().len(), 1);
            Ok(Vec::new())
        };
        vec![host(debuggee, &[], &[], Box::new(look))]
    }));
    let outer = Scene::of(&engine, &module, |debuggee| {
        let nest = move |debuggee: &Debuggee, _: &[Value]| {
            let before = debuggee.frames().unwrap();
            assert_eq!(before.len(), 1);
            inner.call("f", &[]).unwrap();
            assert_eq!(debuggee.frames().unwrap(), before);
            Ok(Vec::new())
        };
        vec![host(debuggee, &[], &[], Box::new(nest))]
    });
    outer.call("f", &[]).unwrap();
}

#[test]
fn frame_keys_survive_steps_and_tell_recursive_frames_apart() {
    let scene = Scene::new(
        r#"(module (func $f (export "f") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
                (then (i32.const 0))
                (else (i32.add (local.get 0) (call $f (i32.sub (local.get 0) (i32.const 1))))))))"#,
    );
    let call = scene.begin("f", &[Value::I32(3)]);
    let mut by_depth: Vec<u64> = Vec::new();
    loop {
        if call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Finished {
            break;
        }
        let frames = stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap());
        let keys: Vec<_> = frames.iter().rev().map(|frame| scene.debuggee.frame_key(frame).unwrap()).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), keys.len());
        let common = keys.len().min(by_depth.len());
        assert_eq!(keys[..common], by_depth[..common]);
        by_depth = keys;
    }
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(6)]);
}

#[test]
fn a_deep_stack_is_walked_to_its_end() {
    let scene = Scene::new(
        r#"(module (func $f (export "f") (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))))"#,
    );
    // The function's last operator, reached in the innermost frame first.
    let end = scene::operators(&scene.module, 0) - 1;
    scene.add(0, end);
    let call = scene.begin("f", &[Value::I32(3000)]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    let frames = stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap());
    assert_eq!(frames.len(), 3001);
    for (depth, frame) in frames.iter().enumerate() {
        assert_eq!(scene.state(frame).locals, [Value::I32(depth as i32)]);
    }
}

#[test]
fn entities_are_reached_by_index_exported_or_not() {
    let engine = scene::engine();
    let wat = r#"(module $first
        (import "" "" (func))
        (memory 1) (table 2 funcref) (table 3 externref) (global i32 (i32.const 3)) (global (mut i64) (i64.const 4))
        (func $hidden (result i32) i32.const 42)
        (elem (i32.const 0) func $hidden) (data "abc"))"#;
    let first = scene::module(&engine, wat);
    let second = scene::module(&engine, "(module $second)");
    let scene = Scene::of(&engine, &first, |debuggee| vec![host(debuggee, &[], &[], Box::new(|_, _| Ok(Vec::new())))]);
    let other = scene.debuggee.instantiate(&second, &[]).unwrap();
    let nothing = host(&scene.debuggee, &[], &[], Box::new(|_, _| Ok(Vec::new())));
    let third = scene.debuggee.instantiate(&first, &[Extern::Func(nothing)]).unwrap();
    assert_eq!(scene.debuggee.instances().unwrap(), [scene.instance, other, third]);
    let modules = scene.debuggee.modules().unwrap();
    assert_eq!(modules.iter().map(|module| module.id()).collect::<Vec<_>>(), [first.id(), second.id()]);
    assert_eq!(modules[0].name(), Some("first"));
    assert!(scene.debuggee.instance_module(other).unwrap().is_same(&second));
    let spaces = scene.debuggee.instance_spaces(scene.instance).unwrap();
    assert_eq!((spaces.funcs, spaces.tables, spaces.memories, spaces.globals), (2, 2, 1, 2));
    assert_eq!((spaces.elements, spaces.data), (1, 1));

    use pellucid::base::{GlobalIndex, MemoryIndex, TableIndex};
    let hidden = scene.debuggee.instance_func(scene.instance, FuncIndex::from_u32(1)).unwrap();
    assert_eq!(scene.debuggee.call(hidden, &[]).unwrap(), [Value::I32(42)]);
    let import = scene.debuggee.instance_func(scene.instance, FuncIndex::from_u32(0)).unwrap();
    assert!(scene.debuggee.store().func_is_host(import).unwrap());
    let global = scene.debuggee.instance_global(scene.instance, GlobalIndex::from_u32(1)).unwrap();
    scene.debuggee.store().global_set(global, Value::I64(-1)).unwrap();
    assert_eq!(scene.debuggee.store().global_get(global).unwrap(), Value::I64(-1));
    let table = scene.debuggee.instance_table(scene.instance, TableIndex::from_u32(1)).unwrap();
    assert_eq!(scene.debuggee.store().table_size(table).unwrap(), 3);
    let memory = scene.debuggee.instance_memory(scene.instance, MemoryIndex::from_u32(0)).unwrap();
    assert_eq!(scene.debuggee.store().memory_size(memory).unwrap(), 1);
    for result in [
        kind(scene.debuggee.instance_func(scene.instance, FuncIndex::from_u32(2))),
        kind(scene.debuggee.instance_global(scene.instance, GlobalIndex::from_u32(2))),
        kind(scene.debuggee.instance_table(scene.instance, TableIndex::from_u32(2))),
        kind(scene.debuggee.instance_memory(scene.instance, MemoryIndex::from_u32(1))),
    ] {
        assert_eq!(result, ErrorKind::OutOfRange);
    }
    let stranger = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    assert_eq!(kind(stranger.instance_spaces(scene.instance)), ErrorKind::WrongStore);
    assert_eq!(stranger.instances().unwrap(), []);
    assert_eq!(stranger.modules().unwrap().len(), 0);
}

#[test]
fn frames_of_several_instances_and_modules_on_one_stack() {
    let engine = scene::engine();
    let callee =
        scene::module(&engine, "(module (global (mut i32) (i32.const 1)) (func (export \"f\") (param i64) nop))");
    let scene = Scene::of(&engine, &callee, |_| Vec::new());
    let twin = scene.debuggee.instantiate(&callee, &[]).unwrap();
    let caller = scene::module(
        &engine,
        r#"(module (import "" "a" (func $a (param i64))) (import "" "b" (func $b (param i64)))
            (func (export "run") (call $a (i64.const 1)) (call $b (i64.const 2))))"#,
    );
    let imports = [scene.func("f"), scene::func(&scene.debuggee, twin, "f")].map(Extern::Func);
    let instance = scene.debuggee.instantiate(&caller, &imports).unwrap();
    scene.add(0, 0);
    let call = scene.debuggee.call_begin(scene::func(&scene.debuggee, instance, "run"), &[]).unwrap();
    for (callee_instance, argument) in [(scene.instance, 1), (twin, 2)] {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let frames = stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap());
        let infos: Vec<_> = frames.iter().map(|frame| scene.debuggee.frame_info(frame).unwrap()).collect();
        assert_eq!(infos.len(), 2);
        assert_eq!((infos[0].instance, infos[1].instance), (Some(callee_instance), Some(instance)));
        assert_eq!((infos[0].module_id, infos[1].module_id), (callee.id(), caller.id()));
        assert_eq!(infos[1].func_index, FuncIndex::from_u32(2));
        assert_eq!(scene.state(&frames[0]).locals, [Value::I64(argument)]);
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn a_stack_overflow_leaves_readable_frames() {
    let wat = r#"(module (func $f (export "f") (param i32) (result i32)
        i32.const 5 (call $f (i32.add (local.get 0) (i32.const 1))) i32.add))"#;
    let scene = Scene::new(wat);
    let call = scene.begin("f", &[Value::I32(0)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.trap), (EventKind::Trap, Some(TrapCode::CallStackExhausted)));
    let frames = stack(&scene.debuggee, &event.frame.unwrap());
    let depth = frames.len();
    assert!(depth > 1000);
    // The innermost may not have come as far as storing its state.
    for (place, frame) in frames.iter().enumerate() {
        let info = scene.debuggee.frame_info(frame).unwrap();
        assert_eq!(info.func_index, FuncIndex::from_u32(0));
        if place > 0 {
            let state = scene.state(frame);
            assert_eq!(state.kind, FrameKind::Calling);
            assert_eq!(state.locals, [Value::I32((depth - 1 - place) as i32)]);
            assert_eq!(state.operands, [Value::I32(5)]);
        }
    }
    assert_eq!(call.error().unwrap().trap_code(), Some(TrapCode::CallStackExhausted));
    assert_eq!(event.pc, scene.debuggee.frame_info(&frames[0]).unwrap().pc);
    assert_ne!(event.pc, WasmPc(0));
}

#[test]
fn more_places_than_the_cache_keeps_are_found_again() {
    // Each function calls the next from a place of its own, with a local of its own.
    const FUNCTIONS: u32 = 2500;
    let mut wat = String::from("(module (func $f0 (local i32) nop)");
    for n in 1..FUNCTIONS {
        wat += &format!("(func $f{n} (local i32) (local.set 0 (i32.const {n})) call $f{} nop)", n - 1);
    }
    wat += &format!("(export \"run\" (func $f{})))", FUNCTIONS - 1);
    let scene = Scene::new(&wat);
    scene.add(0, 0);
    let call = scene.begin("run", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let innermost = call.frame(&scene.debuggee).unwrap().unwrap();
    // Not one by one: the last first.
    let last = Frame { position: FUNCTIONS - 1, ..innermost };
    assert_eq!(scene.debuggee.frame_info(&last).unwrap().func_index.as_u32(), FUNCTIONS - 1);
    let past = Frame { position: FUNCTIONS, ..innermost };
    assert_refused(&scene.debuggee, &past, ErrorKind::StaleHandle);
    assert_refused(&scene.debuggee, &Frame { position: u32::MAX, ..innermost }, ErrorKind::StaleHandle);
    assert_eq!(scene.debuggee.frame_caller(&last).unwrap(), None);
    for _ in 0..2 {
        let frames = stack(&scene.debuggee, &innermost);
        assert_eq!(frames.len() as u32, FUNCTIONS);
        for (n, frame) in frames.iter().enumerate() {
            let state = scene.state(frame);
            assert_eq!((state.func as usize, state.operator), (n, if n == 0 { 0 } else { 2 }));
            assert_eq!(state.locals, [Value::I32(n as i32)]);
        }
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn values_are_read_from_slots_of_every_size() {
    // The outermost frame's slot may be close to the stack's end, a large one is read in parts.
    for count in [1, 2, 7, 15, 16, 17, 40, 300] {
        let mut body = String::new();
        for local in 0..count {
            body += &format!("(local.set {local} (i64.const {}))", 1000 + local);
        }
        let wat =
            format!("(module (func (export \"f\") (local {}) {body} (loop nop) nop))", "i64 ".repeat(count as usize));
        let scene = Scene::new(&wat);
        scene.add(0, 2 * count as usize + 1);
        let call = scene.begin("f", &[]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        let expected: Vec<_> = (0..count).map(|local| Value::I64(1000 + local)).collect();
        assert_eq!(scene.state(&frame).locals, expected);
        for first in 0..count as u32 {
            let mut one = [Value::Unavailable];
            assert_eq!(scene.debuggee.frame_read_locals(&frame, first, &mut one).unwrap(), 1);
            assert_eq!(one[0], expected[first as usize]);
        }
    }
}
