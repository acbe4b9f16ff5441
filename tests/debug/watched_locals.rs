//! Watchpoints of locals: what one frame does to them, and what others do that look like it; when a frame is gone.

use crate::scene::{self, Scene, edit, kind};
use pellucid::base::{ErrorKind, Tag, Value};
use pellucid::debug::{
    Action, BreakpointOptions, CallState, DebugCall, Debuggee, Edit, Event, EventKind, Frame, Resume, WatchHit,
    WatchTarget,
};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;
use wasmparser::Operator;

const READ: u8 = 1;
const WRITE: u8 = 2;
const BOTH: u8 = READ | WRITE;

fn watch(debuggee: &Debuggee, frame: &Frame, local: u32, access: u8) -> u64 {
    edit(debuggee, |edit| edit.watch(debuggee, WatchTarget::Local { frame: *frame, local }, access).unwrap())
}

fn is_over(scene: &Scene, id: u64) -> bool {
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert!(!(info.is_over && info.enabled));
    info.is_over
}

/// Access, operator that did it (none if it was found), the one that is next, old and new.
type Told = (u8, Option<usize>, usize, i32, i32);

fn i32_of(debuggee: &Debuggee, seen: &pellucid::debug::Seen) -> i32 {
    match seen.to_value(debuggee.store()).unwrap() {
        Value::I32(value) => value,
        other => panic!("{other:?}"),
    }
}

fn told(debuggee: &Debuggee, event: &Event, hit: &WatchHit) -> Told {
    let frame = event.frame.unwrap();
    let (state, module) = (scene::state(debuggee, &frame), debuggee.frame_module(&frame).unwrap());
    let operator = |pc| (0..).find(|n| scene::pc(&module, state.func, *n) == pc).unwrap();
    let by = hit.pc.map(operator);
    (hit.access, by, state.operator, i32_of(debuggee, &hit.old), i32_of(debuggee, &hit.new))
}

fn hits(event: &Event) -> Vec<WatchHit> {
    event.watched.iter().flat_map(|hits| hits.iter().cloned()).collect()
}

fn all_told(scene: &Scene, event: &Event) -> Vec<Told> {
    hits(event).iter().map(|hit| told(&scene.debuggee, event, hit)).collect()
}

/// Logs what is told of watchpoints, and goes on.
fn log(scene: &Scene) -> Rc<RefCell<Vec<Told>>> {
    let log = Rc::<RefCell<Vec<Told>>>::default();
    let entries = log.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        for hit in hits(event) {
            let told = told(debuggee, event, &hit);
            entries.borrow_mut().push(told);
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(record)).unwrap();
    log
}

fn go_on(scene: &Scene, call: &DebugCall) -> CallState {
    call.resume(&scene.debuggee, Resume::Continue).unwrap()
}

/// Goes on up to where it pauses at an operator.
fn go_to(scene: &Scene, call: &DebugCall, at: (u32, usize)) {
    let stop = scene.add(at.0, at.1);
    assert_eq!(go_on(scene, call), CallState::Paused);
    scene.edit(|edit| edit.remove(stop));
}

/// What a call is told until it is over.
fn to_the_end(scene: &Scene, call: &DebugCall) -> Vec<Told> {
    let mut all = Vec::new();
    while go_on(scene, call) == CallState::Paused {
        all.extend(all_told(scene, &call.event().unwrap()));
    }
    all
}

const DOWN: &str = r#"(module
  (func $down (export "down") (param $n i32) (result i32) (local $x i32)
    (local.set $x (local.get $n))
    (if (local.get $n) (then (drop (call $down (i32.sub (local.get $n) (i32.const 1))))))
    (local.set $x (i32.add (local.get $x) (i32.const 100)))
    (local.get $x)))"#;

#[test]
fn one_frame_of_a_recursion_is_watched() {
    let scene = Scene::new(DOWN);
    let (call, frame) = scene.paused("down", &[Value::I32(2)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 1, BOTH);
    let info = scene.debuggee.watchpoint(id).unwrap();
    let key = scene.debuggee.frame_key(&frame).unwrap();
    assert_eq!((info.frame_key, info.is_over, info.enabled, info.access), (Some(key), false, true, BOTH));
    let expected = [
        (WRITE, Some(1), 2, 0, 2),
        (READ, Some(10), 11, 2, 2),
        (WRITE, Some(13), 14, 2, 102),
        (READ, Some(14), 15, 102, 102),
    ];
    assert_eq!(to_the_end(&scene, &call), expected);
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.enabled, info.is_over), (4, false, true));
    // Another that stands where it stood is another.
    let (call, _) = scene.paused("down", &[Value::I32(2)], (0, 0));
    assert_eq!(to_the_end(&scene, &call), []);
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 4);
    // One further out, looked at from one further in.
    let (call, innermost) = scene.paused("down", &[Value::I32(1)], (0, 0));
    go_to(&scene, &call, (0, 1));
    assert!(!scene.debuggee.frame_is_valid(&innermost));
    go_to(&scene, &call, (0, 0));
    let inner = call.frame(&scene.debuggee).unwrap().unwrap();
    let outer = scene.debuggee.frame_caller(&inner).unwrap().unwrap();
    let [of_outer, of_inner] = [outer, inner].map(|frame| watch(&scene.debuggee, &frame, 1, WRITE));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(hits(&call.event().unwrap())[0].id, of_inner);
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(hits(&call.event().unwrap())[0].id, of_inner);
    assert_eq!((is_over(&scene, of_inner), is_over(&scene, of_outer)), (false, false));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!(hits(&event)[0].id, of_outer);
    assert_eq!(all_told(&scene, &event), [(WRITE, Some(13), 14, 1, 101)]);
    assert_eq!((is_over(&scene, of_inner), is_over(&scene, of_outer)), (true, false));
    assert_eq!(go_on(&scene, &call), CallState::Finished);
    assert!(is_over(&scene, of_outer));
}

/// Loops, calls of a small function, recursion, exceptions that are caught and tail calls.
const PROGRAM: &str = r#"(module
  (import "host" "look" (func $look)) (tag $e (param i32))
  (func $small (param i32) (result i32) (local i32)
    (local.set 1 (i32.mul (local.get 0) (i32.const 3))) (i32.add (local.get 1) (i32.const 1)))
  (func $f (export "f") (param $n i32) (param $how i32) (result i32) (local $i i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $small (local.get $i))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (call $look)
    (if (local.get $n)
      (then
        (block $caught (result i32)
          (try_table (result i32) (catch $e $caught)
            (call $f (i32.sub (local.get $n) (i32.const 1)) (i32.sub (local.get $how) (i32.const 1)))))
        (local.set $sum (i32.add (local.get $sum)))))
    (if (i32.eq (local.get $how) (i32.const 1)) (then (throw $e (local.get $sum))))
    (if (i32.eq (local.get $how) (i32.const 2)) (then (return_call $f (i32.const 1) (i32.const 0))))
    (local.get $sum)))"#;

/// Who was told of what: frame, local, access, operator, old and new.
type Done = (u64, u32, u8, usize, Value, Value);

/// Runs `f`, with all locals of all its frames, and of those of the small function, watched from their first operators on. Answers what
/// was told, and what should have been if it was stepped.
fn run(steps: bool) -> (Vec<Done>, Vec<Done>) {
    let scene = Scene::with_host(PROGRAM, |_| {});
    let entries = [scene.add(1, 0), scene.add(2, 0)];
    scene.edit(|edit| edit.single_step(steps));
    type Logs = (Vec<Done>, Vec<Done>, HashMap<u64, (usize, Vec<Value>)>);
    let logs = Rc::<RefCell<Logs>>::default();
    let all = logs.clone();
    let module = scene.module.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        let frame = event.frame.unwrap();
        let (state, key) = (scene::state(debuggee, &frame), debuggee.frame_key(&frame).unwrap());
        let mut all = all.borrow_mut();
        let (told, expected, last) = &mut *all;
        for hit in hits(event) {
            let by = (0..).find(|n| Some(scene::pc(&module, state.func, *n)) == hit.pc).unwrap();
            let values = [&hit.old, &hit.new].map(|seen| seen.to_value(debuggee.store()).unwrap());
            let [old, new] = values;
            told.push((key, hit.part.start as u32, hit.access, by, old, new));
        }
        if event.kind == EventKind::Breakpoint {
            last.insert(key, (0, state.locals.clone()));
            drop(all);
            for local in 0..state.locals.len() as u32 {
                watch(debuggee, &frame, local, BOTH);
            }
            return Action::Continue;
        }
        let (before, locals) = last.insert(key, (state.operator, state.locals.clone())).unwrap_or_default();
        let accessed = match module.info().operator_at(scene::pc(&module, state.func, before)) {
            _ if before == state.operator || locals.is_empty() => None,
            Operator::LocalGet { local_index } => Some((local_index, READ)),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => Some((local_index, WRITE)),
            _ => None,
        };
        if let Some((local, access)) = accessed {
            let place = local as usize;
            expected.push((key, local, access, before, locals[place], state.locals[place]));
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL & !EventKind::CaughtException.bit(), Box::new(record)).unwrap();
    scene.call("f", &[Value::I32(3), Value::I32(3)]).unwrap();
    let watched = scene.debuggee.watchpoints().unwrap();
    assert!(watched.len() > 50 && watched.iter().all(|point| point.is_over), "{}", watched.len());
    assert!(entries.iter().all(|entry| scene.debuggee.breakpoint(*entry).unwrap().hits > 4));
    // Nothing is left of it.
    let hits: u64 = watched.iter().map(|point| point.hits).sum();
    scene.edit(|edit| {
        edit.single_step(false);
        entries.iter().for_each(|entry| edit.enable(*entry, false));
    });
    scene.debuggee.clear_event_handler().unwrap();
    scene.call("f", &[Value::I32(3), Value::I32(3)]).unwrap();
    assert_eq!(scene.debuggee.watchpoints().unwrap().iter().map(|point| point.hits).sum::<u64>(), hits);
    let (told, expected, _) = logs.take();
    (told, expected)
}

#[test]
fn what_steps_show_is_told_and_nothing_else() {
    let (told, expected) = run(true);
    assert_eq!(told, expected);
    assert!(told.len() > 150, "{}", told.len());
    let (without_steps, _) = run(false);
    let no_keys = |all: Vec<Done>| all.into_iter().map(|(_, a, b, c, d, e)| (a, b, c, d, e)).collect::<Vec<_>>();
    assert_eq!(no_keys(without_steps), no_keys(told));
}

const TAILS: &str = r#"(module
  (func $f (export "f") (param $n i32) (result i32)
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (if (i32.eqz (local.get $n)) (then (return (i32.const 7))))
    (return_call $g (local.get $n) (i32.const 1)))
  (func $g (param $n i32) (param $m i32) (result i32) (return_call $f (local.get $n))))"#;

#[test]
fn a_tail_call_ends_it() {
    let scene = Scene::new(TAILS);
    let (call, frame) = scene.paused("f", &[Value::I32(3)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 0, WRITE);
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(all_told(&scene, &call.event().unwrap()), [(WRITE, Some(3), 4, 3, 2)]);
    // It is there at the tail call, and gone behind it.
    let stops = [scene.add(0, 11), scene.add(1, 0)];
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert!(!is_over(&scene, id));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert!(is_over(&scene, id));
    scene.edit(|edit| stops.iter().for_each(|id| edit.remove(*id)));
    assert_eq!(to_the_end(&scene, &call), []);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(7)]);
}

const THROWS: &str = r#"(module (tag $e (export "e"))
  (func $thrower (param $n i32) (local.set $n (i32.const 5)) (throw $e))
  (func $catcher (export "run") (param $n i32)
    (block $h (try_table (catch $e $h) (call $thrower (i32.const 1))))
    (local.set $n (i32.const 8))
    (block $h (try_table (catch $e $h) (call $thrower (i32.const 2))))))"#;

#[test]
fn an_exception_ends_frames_that_do_not_catch_it() {
    let scene = Scene::new(THROWS);
    let (call, thrower) = scene.paused("run", &[Value::I32(3)], (0, 0));
    let catcher = scene.debuggee.frame_caller(&thrower).unwrap().unwrap();
    let [of_thrower, of_catcher] = [thrower, catcher].map(|frame| watch(&scene.debuggee, &frame, 0, WRITE));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((hits(&event)[0].id, all_told(&scene, &event)), (of_thrower, vec![(WRITE, Some(1), 2, 1, 5)]));
    while call.event().unwrap().kind != EventKind::CaughtException {
        assert_eq!(go_on(&scene, &call), CallState::Paused);
    }
    assert!(!is_over(&scene, of_thrower));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((hits(&event)[0].id, all_told(&scene, &event)), (of_catcher, vec![(WRITE, Some(7), 8, 3, 8)]));
    assert!(is_over(&scene, of_thrower));
    // What stands where it stood isn't watched.
    assert_eq!(to_the_end(&scene, &call), []);
    assert_eq!(call.state(), CallState::Finished);
    assert!(is_over(&scene, of_catcher));
    // By the host.
    let (call, thrower) = scene.paused("run", &[Value::I32(3)], (0, 0));
    let tag: Tag = match scene.debuggee.store().instance_export(scene.instance, "e").unwrap() {
        Some(Extern::Tag(tag)) => tag,
        other => panic!("{other:?}"),
    };
    let id = watch(&scene.debuggee, &thrower, 0, WRITE);
    scene.debuggee.frame_throw(&thrower, tag, &[]).unwrap();
    assert!(!is_over(&scene, id));
    assert_eq!(to_the_end(&scene, &call), []);
    assert!(is_over(&scene, id));
}

#[test]
fn the_end_of_a_call_ends_it_however_it_comes() {
    let wat = r#"(module (func (export "trap") (param i32) (local.set 0 (i32.const 1)) unreachable))"#;
    let scene = Scene::new(wat);
    let (call, frame) = scene.paused("trap", &[Value::I32(0)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 0, WRITE);
    assert_eq!(to_the_end(&scene, &call), [(WRITE, Some(1), 2, 0, 1)]);
    assert_eq!((call.state(), is_over(&scene, id)), (CallState::Trapped, true));
    let dead = call.frame(&scene.debuggee).unwrap().unwrap();
    scene.edit(|edit| {
        let target = WatchTarget::Local { frame: dead, local: 0 };
        assert_eq!(kind(edit.watch(&scene.debuggee, target, WRITE)), ErrorKind::InvalidState);
    });
    let (call, frame) = scene.paused("trap", &[Value::I32(0)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 0, WRITE);
    drop(call);
    assert!(is_over(&scene, id));
    let (call, frame) = scene.paused("trap", &[Value::I32(0)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 0, WRITE);
    call.trap(&scene.debuggee, "enough".into()).unwrap();
    assert!(is_over(&scene, id));
}

#[test]
fn a_host_function_may_watch_whoever_has_called_it() {
    let found = Rc::new(Cell::new(0));
    let id = found.clone();
    let scene = Scene::with_host(
        r#"(module (import "host" "f" (func $f))
          (func (export "quiet") (param i32) (call $f))
          (func (export "loud") (param i32) (call $f) (local.set 0 (i32.const 4))))"#,
        move |debuggee| {
            let frame = debuggee.newest_frame().unwrap().unwrap();
            id.set(watch(debuggee, &frame, 0, WRITE));
        },
    );
    // It ends without coming to any operator that is armed.
    scene.call("quiet", &[Value::I32(1)]).unwrap();
    assert!(is_over(&scene, found.get()));
    let log = log(&scene);
    scene.call("loud", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take(), [(WRITE, Some(2), 3, 1, 4)]);
    assert!(is_over(&scene, found.get()));
}

#[test]
fn what_the_host_writes_is_found() {
    let scene = Scene::new(DOWN);
    let (call, frame) = scene.paused("down", &[Value::I32(1)], (0, 1));
    let id = watch(&scene.debuggee, &frame, 1, WRITE);
    let write = |frame: &Frame, value: i32| scene.debuggee.frame_write_local(frame, 1, &Value::I32(value)).unwrap();
    write(&frame, 40);
    write(&frame, 41);
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(all_told(&scene, &call.event().unwrap()), [(WRITE, None, 1, 0, 41)]);
    // The frame went on in another form, and is the same.
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(all_told(&scene, &call.event().unwrap()), [(WRITE, Some(1), 2, 41, 1)]);
    // One that waits.
    go_to(&scene, &call, (0, 0));
    let inner = call.frame(&scene.debuggee).unwrap().unwrap();
    let outer = scene.debuggee.frame_caller(&inner).unwrap().unwrap();
    write(&outer, 50);
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((hits(&event)[0].pc, i32_of(&scene.debuggee, &hits(&event)[0].new)), (None, 50));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(all_told(&scene, &call.event().unwrap()), [(WRITE, Some(13), 14, 50, 150)]);
    assert_eq!(go_on(&scene, &call), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(150)]);
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 4);
    // What was there already is no change, nor is what an event handler writes.
    let (call, frame) = scene.paused("down", &[Value::I32(0)], (0, 2));
    let id = watch(&scene.debuggee, &frame, 1, WRITE);
    write(&frame, 7);
    write(&frame, 0);
    let written = Rc::new(Cell::new(0));
    let log = written.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        log.set(log.get() + 1);
        let frame = event.frame.unwrap();
        debuggee.frame_write_local(&frame, 1, &Value::I32(1000)).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(handler)).unwrap();
    assert_eq!(go_on(&scene, &call), CallState::Finished);
    assert_eq!((written.get(), call.results(&scene.debuggee).unwrap()), (1, vec![Value::I32(1000)]));
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 1);
}

#[test]
fn interventions_move_it_or_end_it() {
    let scene = Scene::new(DOWN);
    // It begins again.
    let (call, frame) = scene.paused("down", &[Value::I32(0)], (0, 2));
    scene.debuggee.frame_write_local(&frame, 1, &Value::I32(6)).unwrap();
    let id = watch(&scene.debuggee, &frame, 1, WRITE);
    let frame = scene.debuggee.frame_restart(&frame).unwrap();
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(all_told(&scene, &call.event().unwrap()), [(WRITE, None, 0, 6, 0)]);
    scene.debuggee.frame_set_pc(&frame, scene.pc(0, 14)).unwrap();
    assert!(!is_over(&scene, id));
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    scene.debuggee.frame_set_pc(&frame, scene.pc(0, 10)).unwrap();
    assert_eq!(to_the_end(&scene, &call), [(WRITE, Some(13), 14, 0, 100)]);
    assert!(is_over(&scene, id));
    // It is dropped, or has to return.
    for returns in [false, true] {
        let (call, _) = scene.paused("down", &[Value::I32(1)], (0, 7));
        go_to(&scene, &call, (0, 0));
        let inner = call.frame(&scene.debuggee).unwrap().unwrap();
        let outer = scene.debuggee.frame_caller(&inner).unwrap().unwrap();
        let [of_outer, of_inner] = [outer, inner].map(|frame| watch(&scene.debuggee, &frame, 1, WRITE));
        if returns {
            scene.debuggee.frame_return(&inner, &[Value::I32(3)]).unwrap();
            assert!(!is_over(&scene, of_inner));
        } else {
            scene.debuggee.frame_drop(&inner).unwrap();
            assert!(is_over(&scene, of_inner));
        }
        assert!(!is_over(&scene, of_outer));
        assert_eq!(to_the_end(&scene, &call), [(WRITE, Some(13), 14, 1, 101)]);
        assert!(is_over(&scene, of_inner) && is_over(&scene, of_outer));
    }
}

#[test]
fn what_is_over_stays_so_and_what_is_disabled_knows() {
    let scene = Scene::new(DOWN);
    let (call, frame) = scene.paused("down", &[Value::I32(0)], (0, 0));
    let [id, other] = [(); 2].map(|()| watch(&scene.debuggee, &frame, 1, WRITE));
    scene.edit(|edit| edit.enable(id, false));
    assert_eq!(go_on(&scene, &call), CallState::Paused);
    assert_eq!(hits(&call.event().unwrap())[0].id, other);
    scene.edit(|edit| {
        edit.enable(id, true);
        edit.remove(other);
    });
    assert_eq!(to_the_end(&scene, &call), [(WRITE, Some(13), 14, 0, 100)]);
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 1);
    assert!(is_over(&scene, id));
    let enable = |id| {
        let mut edit = Edit::begin(&scene.debuggee).unwrap();
        edit.enable(id, true);
        edit.commit(&scene.debuggee)
    };
    assert_eq!(kind(enable(id)), ErrorKind::InvalidState);
    scene.edit(|edit| edit.enable(id, false));
    let (call, frame) = scene.paused("down", &[Value::I32(0)], (0, 0));
    let disabled = scene.edit(|edit| {
        let id = edit.watch(&scene.debuggee, WatchTarget::Local { frame, local: 1 }, WRITE).unwrap();
        edit.enable(id, false);
        id
    });
    assert_eq!(go_on(&scene, &call), CallState::Finished);
    assert!(is_over(&scene, disabled));
    assert_eq!(kind(enable(disabled)), ErrorKind::InvalidState);
    scene.edit(|edit| edit.remove(disabled));
    assert_eq!(kind(scene.debuggee.watchpoint(disabled)), ErrorKind::NotFound);
}

#[test]
fn bad_frames_and_locals_are_refused() {
    let scene = Scene::new(DOWN);
    let (call, frame) = scene.paused("down", &[Value::I32(0)], (0, 0));
    let target = |frame, local| WatchTarget::Local { frame, local };
    let mut session = Edit::begin(&scene.debuggee).unwrap();
    let mut refused = |target, access| kind(session.watch(&scene.debuggee, target, access));
    assert_eq!(refused(target(frame, 2), WRITE), ErrorKind::OutOfRange);
    assert_eq!(refused(target(frame, 0), 0), ErrorKind::InvalidArgument);
    assert_eq!(refused(target(Frame { position: 1, ..frame }, 0), WRITE), ErrorKind::StaleHandle);
    assert_eq!(refused(target(Frame { store: frame.store + 1, ..frame }, 0), WRITE), ErrorKind::WrongStore);
    let id = session.watch(&scene.debuggee, target(frame, 0), WRITE).unwrap();
    assert_eq!(go_on(&scene, &call), CallState::Finished);
    assert_eq!(kind(session.commit(&scene.debuggee)), ErrorKind::StaleHandle);
    assert_eq!(kind(scene.debuggee.watchpoint(id)), ErrorKind::NotFound);
    scene.edit(|edit| {
        assert_eq!(kind(edit.watch(&scene.debuggee, target(frame, 0), WRITE)), ErrorKind::StaleHandle);
    });
}

#[test]
fn options_and_expressions_are_those_of_all_watchpoints() {
    let scene = Scene::new(
        r#"(module (func (export "count") (param $n i32) (local $i i32)
          (loop $again
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))))"#,
    );
    let (call, frame) = scene.paused("count", &[Value::I32(9)], (0, 0));
    let id = watch(&scene.debuggee, &frame, 1, WRITE);
    let options = BreakpointOptions { ignore_count: 1, is_one_shot: true, ..BreakpointOptions::default() };
    scene.edit(|edit| {
        edit.set_options(id, options);
        edit.set_expression(&scene.debuggee, id, Some("$i % 3 == 0")).unwrap();
    });
    assert_eq!(to_the_end(&scene, &call), [(WRITE, Some(4), 5, 5, 6)]);
    assert_eq!(kind(scene.debuggee.watchpoint(id)), ErrorKind::NotFound);
    let log = log(&scene);
    let (seen, at) = (Rc::new(Cell::new(0)), scene.add(0, 0));
    let (known, condition) = (seen.clone(), move |_: &Debuggee, _: &Frame, _: u64| false);
    let begin = move |debuggee: &Debuggee, event: &Event| {
        let id = watch(debuggee, &event.frame.unwrap(), 1, BOTH);
        edit(debuggee, |edit| edit.set_condition(id, Some(Box::new(condition))));
        known.set(id);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(begin)).unwrap();
    scene.call("count", &[Value::I32(4)]).unwrap();
    let info = scene.debuggee.watchpoint(seen.get()).unwrap();
    assert_eq!((info.hits, info.declined, info.is_over, log.take().len()), (8, 8, true, 0));
    scene.edit(|edit| edit.remove(at));
}

#[test]
fn every_type_of_local_is_told() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field i32)))
          (func (export "run") (local $v v128) (local $o (ref null $s)) (local $l i64) (local $d f64)
            (local.set $v (v128.const i64x2 1 2)) (local.set $o (struct.new $s (i32.const 5)))
            (local.set $l (i64.const -1)) (local.set $d (f64.const 1.5))))"#,
    );
    let (call, frame) = scene.paused("run", &[], (0, 0));
    for local in 0..4 {
        watch(&scene.debuggee, &frame, local, WRITE);
    }
    let mut values = Vec::new();
    while go_on(&scene, &call) == CallState::Paused {
        scene.debuggee.store().collect_garbage().unwrap();
        let hits = hits(&call.event().unwrap());
        values.push([&hits[0].old, &hits[0].new].map(|seen| seen.to_value(scene.debuggee.store()).unwrap()));
    }
    assert_eq!(values[0], [Value::V128(0), Value::V128(2 << 64 | 1)]);
    assert!(matches!(values[1], [Value::AnyRef(None), Value::AnyRef(Some(_))]), "{:?}", values[1]);
    assert_eq!(values[2], [Value::I64(0), Value::I64(-1)]);
    assert_eq!(values[3], [Value::F64(0), Value::F64(1.5f64.to_bits())]);
}

#[test]
fn nothing_is_armed_any_more_when_it_is_over() {
    let scene = Scene::new(
        r#"(module (func (export "spin") (param $n i32)
          (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    let (call, frame) = scene.paused("spin", &[Value::I32(2)], (0, 0));
    let spin = || {
        let begun = Instant::now();
        scene.call("spin", &[Value::I32(200_000)]).unwrap();
        begun.elapsed()
    };
    let id = watch(&scene.debuggee, &frame, 0, WRITE);
    let armed = spin();
    drop(call);
    assert!(is_over(&scene, id));
    let over = (0..5).map(|_| spin()).min().unwrap();
    assert!(over * 4 < armed, "{over:?} and {armed:?}");
}
