//! Exceptions that the host throws where a call stands still: who catches them, what is told, what they can't be.

use crate::scene::{Scene, kind, module};
use pellucid::base::{ErrorKind, ExnRef, StoreLimits, Tag, TrapCode, Value};
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Event, EventKind, FrameKind, Resume};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const TEXT: &str = r#"(module
    (tag $e (export "e") (param i32)) (tag $f (export "f")) (tag $o (export "o") (param externref))
    (func $may (param i32) ;; 0
      local.get 0
      if
        i32.const 1
        throw $e
      end)
    (func (export "own") (param i32) (result i32) (local i32) ;; 1
      i32.const 100 ;; 0
      local.set 1
      i32.const 1000
      block $h (result i32) ;; 3
        try_table (catch $e $h) ;; 4
          i32.const 0
          call $may
          nop ;; 7
        end
        i32.const -1 ;; 9
      end
      local.get 1 ;; 11
      i32.add
      i32.add)
    (func $inner (export "inner") (param i32) (result i32) ;; 2
      nop
      local.get 0)
    (func (export "outer") (param i32) (result i32) (local i32) ;; 3
      i32.const 100 ;; 0
      local.set 1
      i32.const 1000
      block $h (result i32) ;; 3
        try_table (result i32) (catch $e $h) ;; 4
          local.get 0
          call $inner ;; 6
        end
      end
      local.get 1 ;; 9
      i32.add
      i32.add)
    (func (export "refs") (result i32) ;; 4
      block $again (result exnref) ;; 0
        try_table (catch_all_ref $again) ;; 1
          i32.const 0
          call $may
          nop ;; 4
        end
        i32.const 5
        return
      end ;; 8
      call $rethrow)
    (func $rethrow (param exnref) (result i32) ;; 5
      block $h (result i32)
        try_table (catch $e $h)
          local.get 0
          throw_ref
        end
        unreachable
      end)
    (func (export "legacy") (result i32) ;; 6
      i32.const 100 ;; 0
      try (result i32) ;; 1
        i32.const 7
        try (param i32) (result i32) ;; 3
          i32.const 0
          call $may
          nop ;; 6
        catch $e ;; 7
          i32.const 40 ;; 8
          i32.add
          drop
          rethrow 0 ;; 11
        end
      catch $e ;; 13
      end
      i32.add)
    (func (export "loop") (param i32) (result i32) ;; 7
      loop $l
        try_table (catch $f $l) ;; 1
          i32.const 0
          call $may
          nop ;; 4
        end
      end
      i32.const 3)
    (func (export "lone") ;; 8
      block $h
        try_table (catch_all $h) ;; 1
          nop ;; 2
        end
        return
      end
      unreachable)
    (func (export "sets") (param i32) (result i32) ;; 9
      block $h
        try_table (catch $f $h)
          i32.const 0
          call $may
          nop ;; 4
        end
      end
      local.get 0))"#;

fn tag(scene: &Scene, name: &str) -> Tag {
    match scene.debuggee.store().instance_export(scene.instance, name).unwrap() {
        Some(Extern::Tag(tag)) => tag,
        other => panic!("{other:?}"),
    }
}

fn finish(scene: &Scene, call: &DebugCall) -> Vec<Value> {
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished, "{:?}", call.error());
    call.results(&scene.debuggee).unwrap()
}

/// Function and operator that throws, function and operator that catches.
type Throws = Rc<RefCell<Vec<(u32, usize, u32, usize)>>>;

/// The places of events of caught exceptions: where they were thrown and where they are caught.
fn throws(scene: &Scene) -> Throws {
    let log = Throws::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let caught = event.exception.as_ref().unwrap();
        let (from, to) =
            (crate::scene::state(debuggee, &event.frame.unwrap()), debuggee.frame_info(&caught.frame).unwrap());
        let module = debuggee.frame_module(&caught.frame).unwrap();
        let pcs = module.info().operator_pcs(module.info().defined_func(to.func_index).unwrap());
        let place = pcs.iter().position(|pc| *pc == caught.pc).unwrap();
        seen.borrow_mut().push((from.func, from.operator, to.func_index.as_u32(), place));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(handler)).unwrap();
    log
}

#[test]
fn a_frame_catches_what_it_throws_itself() {
    let scene = Scene::new(TEXT);
    let (call, frame) = scene.paused("own", &[Value::I32(0)], (1, 7));
    let log = throws(&scene);
    scene.debuggee.frame_throw(&frame, tag(&scene, "e"), &[Value::I32(7)]).unwrap();
    // Until it goes on it stands as it did, and can be written to.
    let state = scene.state(&frame);
    assert_eq!((state.operator, state.kind, &state.operands[..]), (7, FrameKind::Stopped, &[Value::I32(1000)][..]));
    scene.debuggee.frame_write_local(&frame, 1, &Value::I32(200)).unwrap();
    scene.debuggee.frame_write_operand(&frame, 0, &Value::I32(2000)).unwrap();
    assert_eq!(finish(&scene, &call), [Value::I32(2207)]);
    assert_eq!(*log.borrow(), [(1, 7, 1, 4)]);
}

#[test]
fn a_caller_catches_it_and_goes_on_as_always() {
    let scene = Scene::new(TEXT);
    let (call, frame) = scene.paused("outer", &[Value::I32(0)], (2, 0));
    let log = throws(&scene);
    let caller = scene.debuggee.frame_caller(&frame).unwrap().unwrap();
    scene.debuggee.frame_write_local(&caller, 1, &Value::I32(300)).unwrap();
    scene.debuggee.frame_throw(&frame, tag(&scene, "e"), &[Value::I32(7)]).unwrap();
    assert_eq!(finish(&scene, &call), [Value::I32(1307)]);
    assert_eq!(*log.borrow(), [(2, 0, 3, 4)]);
}

#[test]
fn what_nobody_catches_ends_the_call() {
    let scene = Scene::new(TEXT);
    for (export, at) in [("own", (1, 7)), ("outer", (2, 0))] {
        let (call, frame) = scene.paused(export, &[Value::I32(0)], at);
        let log = scene.log(EventKind::ALL);
        scene.debuggee.frame_throw(&frame, tag(&scene, "f"), &[]).unwrap();
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
        let entries = log.take();
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((entry.event.kind, entry.event.trap), (EventKind::UncaughtException, Some(TrapCode::Exception)));
        assert_eq!(entry.event.thrown().unwrap().tag, tag(&scene, "f"));
        let state = entry.state.as_ref().unwrap();
        assert_eq!((state.func, state.operator, state.kind), (at.0, at.1, FrameKind::Trapped));
        let error = call.error().unwrap();
        assert_eq!((error.kind(), error.thrown().unwrap().tag), (ErrorKind::Exception, tag(&scene, "f")));
        assert_eq!((error.backtrace()[0].func_index, error.backtrace()[0].pc), (at.0, scene.pc(at.0, at.1)));
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        assert_eq!(kind(scene.debuggee.frame_throw(&frame, tag(&scene, "f"), &[])), ErrorKind::InvalidState);
        scene.debuggee.clear_event_handler().unwrap();
    }
}

#[test]
fn a_handler_may_throw_in_calls_of_every_kind() {
    let scene = Scene::new(TEXT);
    let e = tag(&scene, "e");
    scene.add(2, 0);
    scene.add(1, 7);
    let handler = move |debuggee: &Debuggee, event: &Event| {
        debuggee.frame_throw(&event.frame.unwrap(), e, &[Value::I32(9)]).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
    assert_eq!(scene.call("outer", &[Value::I32(0)]).unwrap(), [Value::I32(1109)]);
    assert_eq!(scene.call("own", &[Value::I32(0)]).unwrap(), [Value::I32(1109)]);
    let error = scene.call("inner", &[Value::I32(0)]).unwrap_err();
    assert_eq!((error.kind(), &error.thrown().unwrap().values[..]), (ErrorKind::Exception, &[Value::I32(9)][..]));
    // Without a handler for it nobody pauses but a resumable call, where it is thrown, and goes on from there.
    for (export, place) in [("outer", (2, 0)), ("own", (1, 7))] {
        let call = scene.begin(export, &[Value::I32(0)]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let event = call.event().unwrap();
        assert_eq!((event.kind, event.pc), (EventKind::CaughtException, scene.pc(place.0, place.1)));
        assert_eq!(event.thrown().unwrap().values[..], [Value::I32(9)]);
        assert_eq!(finish(&scene, &call), [Value::I32(1109)]);
    }
}

#[test]
fn steps_and_breakpoints_go_on_where_it_is_caught() {
    let scene = Scene::new(TEXT);
    for (export, at, lands) in [("own", (1, 7), (1, 11)), ("outer", (2, 0), (3, 9))] {
        for (how, expected) in [(Resume::Step, EventKind::Step), (Resume::Continue, EventKind::Breakpoint)] {
            let (call, frame) = scene.paused(export, &[Value::I32(0)], at);
            // Where it is thrown nothing stops any more.
            let ids = [scene.add(at.0, at.1), scene.add(lands.0, lands.1)];
            let log = throws(&scene);
            if how == Resume::Step {
                scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
            }
            scene.debuggee.frame_throw(&frame, tag(&scene, "e"), &[Value::I32(7)]).unwrap();
            assert_eq!(call.resume(&scene.debuggee, how).unwrap(), CallState::Paused);
            let event = call.event().unwrap();
            assert_eq!((event.kind, event.pc), (expected, scene.pc(lands.0, lands.1)), "{export} {how:?}");
            let state = scene.state(&event.frame.unwrap());
            assert_eq!((state.func, &state.operands[..]), (lands.0, &[Value::I32(1000), Value::I32(7)][..]));
            assert_eq!(log.borrow().len(), 1);
            assert_eq!(finish(&scene, &call), [Value::I32(1107)]);
            scene.debuggee.clear_event_handler().unwrap();
            if how == Resume::Continue {
                scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
            }
        }
    }
}

#[test]
fn references_are_given_and_thrown_once_more() {
    let scene = Scene::new(TEXT);
    let e = tag(&scene, "e");
    let (call, frame) = scene.paused("refs", &[], (4, 4));
    scene.debuggee.frame_throw(&frame, e, &[Value::I32(8)]).unwrap();
    scene.debuggee.store().collect_garbage().unwrap();
    throws(&scene);
    assert_eq!(finish(&scene, &call), [Value::I32(8)]);
    scene.debuggee.clear_event_handler().unwrap();
    let (call, frame) = scene.paused("refs", &[], (4, 4));
    let exception = scene.debuggee.store().exnref_new(e, &[Value::I32(6)]).unwrap();
    scene.debuggee.frame_throw_again(&frame, exception).unwrap();
    throws(&scene);
    assert_eq!(finish(&scene, &call), [Value::I32(6)]);
    scene.debuggee.clear_event_handler().unwrap();
    let (call, frame) = scene.paused("outer", &[Value::I32(0)], (2, 0));
    scene.debuggee.frame_throw_again(&frame, exception).unwrap();
    throws(&scene);
    assert_eq!(finish(&scene, &call), [Value::I32(1106)]);
    let stranger = ExnRef { store: scene.debuggee.store().id(), index: 1 << 40 };
    let (_call, frame) = {
        scene.debuggee.clear_event_handler().unwrap();
        scene.paused("refs", &[], (4, 4))
    };
    assert_eq!(kind(scene.debuggee.frame_throw_again(&frame, stranger)), ErrorKind::OutOfRange);
}

#[test]
fn older_blocks_catch_it_and_keep_it() {
    let scene = Scene::new(TEXT);
    let (call, frame) = scene.paused("legacy", &[], (6, 6));
    let log = throws(&scene);
    scene.debuggee.frame_throw(&frame, tag(&scene, "e"), &[Value::I32(5)]).unwrap();
    scene.add(6, 8);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
    assert!(matches!(state.operands[..], [Value::I32(100), Value::ExnRef(Some(_)), Value::I32(5)]), "{state:?}");
    assert_eq!(finish(&scene, &call), [Value::I32(105)]);
    assert_eq!(*log.borrow(), [(6, 6, 6, 7), (6, 11, 6, 13)]);
}

/// Where it is caught it can be thrown again, any number of times.
#[test]
fn it_is_thrown_in_a_loop() {
    let scene = Scene::new(TEXT);
    let f = tag(&scene, "f");
    scene.add(7, 4);
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        seen.set(seen.get() + 1);
        if seen.get() < 1000 {
            debuggee.frame_throw(&event.frame.unwrap(), f, &[]).unwrap();
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
    assert_eq!(scene.call("loop", &[Value::I32(0)]).unwrap(), [Value::I32(3)]);
    assert_eq!(count.get(), 1000);
}

#[test]
fn moving_the_frame_takes_it_back_and_throwing_again_replaces_it() {
    let scene = Scene::new(TEXT);
    let (e, f) = (tag(&scene, "e"), tag(&scene, "f"));
    let (call, frame) = scene.paused("own", &[Value::I32(0)], (1, 7));
    scene.debuggee.frame_throw(&frame, f, &[]).unwrap();
    scene.debuggee.frame_return(&frame, &[Value::I32(77)]).unwrap();
    assert_eq!(finish(&scene, &call), [Value::I32(77)]);
    let (call, frame) = scene.paused("own", &[Value::I32(0)], (1, 7));
    scene.debuggee.frame_throw(&frame, f, &[]).unwrap();
    scene.debuggee.frame_throw(&frame, e, &[Value::I32(3)]).unwrap();
    throws(&scene);
    assert_eq!(finish(&scene, &call), [Value::I32(1103)]);
    // In the handler that is told of it, too, where the frame itself catches it.
    scene.debuggee.clear_event_handler().unwrap();
    let (call, frame) = scene.paused("own", &[Value::I32(0)], (1, 7));
    scene.debuggee.frame_throw(&frame, e, &[Value::I32(3)]).unwrap();
    let handler = |debuggee: &Debuggee, event: &Event| {
        debuggee.frame_return(&event.frame.unwrap(), &[Value::I32(78)]).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(handler)).unwrap();
    assert_eq!(finish(&scene, &call), [Value::I32(78)]);
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let scene = Scene::new(TEXT);
    let (e, o) = (tag(&scene, "e"), tag(&scene, "o"));
    let debuggee = &scene.debuggee;
    let (call, frame) = scene.paused("outer", &[Value::I32(4)], (2, 0));
    assert_eq!(kind(debuggee.frame_throw(&frame, e, &[])), ErrorKind::InvalidArgument);
    assert_eq!(kind(debuggee.frame_throw(&frame, e, &[Value::I64(1)])), ErrorKind::TypeMismatch);
    assert_eq!(kind(debuggee.frame_throw(&frame, Tag { index: 99, ..e }, &[])), ErrorKind::OutOfRange);
    let other = Debuggee::new(scene.module.engine(), StoreLimits::default()).unwrap();
    let foreign = Value::ExternRef(Some(other.store().externref_new(Box::new(1)).unwrap()));
    assert_eq!(kind(debuggee.frame_throw(&frame, o, &[foreign])), ErrorKind::WrongStore);
    assert_eq!(kind(debuggee.frame_throw(&frame, Tag { store: other.store().id(), ..e }, &[])), ErrorKind::WrongStore);
    assert_eq!(kind(other.frame_throw(&frame, e, &[])), ErrorKind::WrongStore);
    let caller = debuggee.frame_caller(&frame).unwrap().unwrap();
    assert_eq!(kind(debuggee.frame_throw(&caller, e, &[Value::I32(1)])), ErrorKind::InvalidState);
    assert_eq!(finish(&scene, &call), [Value::I32(1104)]);
    assert_eq!(kind(debuggee.frame_throw(&frame, e, &[Value::I32(1)])), ErrorKind::StaleHandle);
    // There is no code for a catch that nothing leads to.
    let (call, frame) = scene.paused("lone", &[], (8, 2));
    assert_eq!(kind(debuggee.frame_throw(&frame, e, &[Value::I32(1)])), ErrorKind::NotFound);
    assert_eq!(finish(&scene, &call), []);
}

/// In a host function that the guest calls the frame isn't at a stop.
#[test]
fn a_frame_that_waits_for_the_host_throws_otherwise() {
    let wat = r#"(module (import "" "" (func $host)) (tag (export "e")) (func (export "f") call $host))"#;
    let scene = Scene::with_host(wat, |debuggee| {
        let frame = debuggee.frames().unwrap()[0];
        let tag = Tag { store: debuggee.store().id(), index: 0 };
        assert_eq!(kind(debuggee.frame_throw(&frame, tag, &[])), ErrorKind::InvalidState);
    });
    scene.call("f", &[]).unwrap();
    // Nor is one that has just been told of.
    let throwing = module(
        scene.module.engine(),
        r#"(module (tag $e (export "e")) (func $t throw $e)
        (func (export "f") (block $h (try_table (catch $e $h) (call $t)))))"#,
    );
    let instance = scene.debuggee.instantiate(&throwing, &[]).unwrap();
    let f = crate::scene::func(&scene.debuggee, instance, "f");
    let tried = Rc::new(Cell::new(0));
    let count = tried.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let tag = event.thrown().unwrap().tag;
        assert_eq!(kind(debuggee.frame_throw(&event.frame.unwrap(), tag, &[])), ErrorKind::InvalidState);
        count.set(count.get() + 1);
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(handler)).unwrap();
    scene.debuggee.call(f, &[]).unwrap();
    assert_eq!(tried.get(), 1);
}

/// An object that is carried is there until it is caught, whatever is collected.
#[test]
fn what_is_carried_is_kept() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field i32))) (tag $e (export "e") (param (ref $s)))
            (func $may (param i32) (if (local.get 0) (then unreachable)))
            (func (export "own") (result i32)
              (block $h (result (ref $s)) (try_table (catch $e $h) (call $may (i32.const 0)) nop) (unreachable))
              (struct.get $s 0))
            (func (export "make") (result (ref $s)) (struct.new $s (i32.const 6))))"#,
    );
    let id = scene.add(1, 4);
    let made = scene.begin("own", &[]);
    assert_eq!(made.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    scene.edit(|edit| edit.remove(id));
    let frame = made.frame(&scene.debuggee).unwrap().unwrap();
    let store = scene.debuggee.store();
    let scope = store.open_scope().unwrap();
    let object = scene.call("make", &[]).unwrap();
    scene.debuggee.frame_throw(&frame, tag(&scene, "e"), &object).unwrap();
    store.close_scope(scope).unwrap();
    let handler = |debuggee: &Debuggee, event: &Event| {
        assert!(event.kind != EventKind::CaughtException || event.thrown().unwrap().values.len() == 1);
        debuggee.store().collect_garbage().unwrap();
        Action::Continue
    };
    scene
        .debuggee
        .set_event_handler(EventKind::CaughtException.bit() | EventKind::Step.bit(), Box::new(handler))
        .unwrap();
    store.collect_garbage().unwrap();
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(finish(&scene, &made), [Value::I32(6)]);
}

/// The local that a loop without memory of its own keeps is the frame's as it was written.
#[test]
fn what_was_written_before_is_there_where_it_is_caught() {
    let scene = Scene::new(TEXT);
    let (call, frame) = scene.paused("sets", &[Value::I32(1)], (9, 4));
    scene.debuggee.frame_write_local(&frame, 0, &Value::I32(41)).unwrap();
    scene.debuggee.frame_throw(&frame, tag(&scene, "f"), &[]).unwrap();
    throws(&scene);
    assert_eq!(finish(&scene, &call), [Value::I32(41)]);
}

#[test]
fn calls_after_one_that_ended_where_it_was_moved_are_as_ever() {
    let scene = Scene::new(TEXT);
    let e = tag(&scene, "e");
    for intervention in 0..4 {
        let id = scene.add(2, 0);
        let handler = move |debuggee: &Debuggee, event: &Event| {
            let frame = event.frame.unwrap();
            match intervention {
                0 => debuggee.frame_throw(&frame, e, &[Value::I32(9)]).unwrap(),
                1 => debuggee.frame_write_local(&frame, 0, &Value::I32(5)).unwrap(),
                2 => drop(debuggee.frame_restart(&frame).unwrap()),
                _ => drop(debuggee.frame_return(&frame, &[Value::I32(5)]).unwrap()),
            }
            if intervention == 0 { Action::Continue } else { Action::Trap("enough".into()) }
        };
        scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
        scene.call("inner", &[Value::I32(0)]).unwrap_err();
        scene.debuggee.clear_event_handler().unwrap();
        scene.edit(|edit| edit.remove(id));
        // What it gives without anybody looking.
        assert_eq!(outcome_of_inner(&scene), outcome_of_inner(&Scene::new(TEXT)), "intervention {intervention}");
    }
}

fn outcome_of_inner(scene: &Scene) -> Result<Vec<Value>, Option<pellucid::base::TrapCode>> {
    scene.call("inner", &[Value::I32(0)]).map_err(|error| error.trap_code())
}
