//! The older exceptions under the debugger: where they are shown, steps into clauses, and the exceptions that frames keep to throw
//! them again.

use crate::scene::{Scene, kind};
use pellucid::base::{ErrorKind, ExnRef, Tag, Value};
use pellucid::debug::{CallState, DebugCall, EventKind, Resume};
use pellucid::runtime::Extern;

const TEXT: &str = "(module
    (tag $e (export \"e\") (param i32)) (tag $other)
    (func $throw (param i32)
      local.get 0
      throw $e)
    (func (export \"f\") (param i32) (result i32) (local i32)
      i32.const 10 ;; 0
      local.set 1
      i32.const 1000
      try (result i32) ;; 3
        try (result i32) ;; 4
          local.get 0
          call $throw
          i32.const 0
        catch $other ;; 8
          i32.const 1
        catch $e ;; 10
          i32.const 20
          local.set 1
          drop
          nop ;; 14
          rethrow 0
        catch_all ;; 16
          i32.const 2
        end
      catch $e ;; 19
        local.get 1
        i32.add
      end
      i32.add)
    (func (export \"g\") (result i32)
      i32.const 100
      try (result i32)
        i32.const 1
        call $throw
        i32.const 0
      catch_all ;; 5
        i32.const 7
        try ;; 7
          i32.const 8
          i32.const 2
          call $throw
          drop
        catch $e ;; 12
          drop
        end
        drop ;; 15
        rethrow 0
      end
      i32.add)
    (func (export \"delegate\") (result i32)
      try $outer (result i32)
        try ;; 1
          try
            i32.const 3
            call $throw ;; 4
          delegate $outer
        catch_all ;; 6
        end
        i32.const 0
      catch $e ;; 9
      end))";

fn tag(scene: &Scene) -> Tag {
    match scene.debuggee.store().instance_export(scene.instance, "e").unwrap() {
        Some(Extern::Tag(tag)) => tag,
        other => panic!("{other:?}"),
    }
}

/// An exception that carries this.
fn exception(scene: &Scene, value: i32) -> Value {
    Value::ExnRef(Some(scene.debuggee.store().exnref_new(tag(scene), &[Value::I32(value)]).unwrap()))
}

fn carried(scene: &Scene, exception: &Value) -> Vec<Value> {
    let Value::ExnRef(Some(reference)) = exception else { panic!("{exception:?}") };
    let reference: ExnRef = *reference;
    scene.debuggee.store().exnref_exception(reference).unwrap().values.to_vec()
}

/// Has a call run on, past exceptions that are caught.
fn run(scene: &Scene, call: &DebugCall) -> CallState {
    loop {
        let state = call.resume(&scene.debuggee, Resume::Continue).unwrap();
        if state != CallState::Paused || call.event().unwrap().kind != EventKind::CaughtException {
            return state;
        }
    }
}

#[test]
fn steps_lead_into_clauses_and_on_from_where_it_is_thrown_again() {
    let scene = Scene::new(TEXT);
    let log = scene.log(EventKind::Step.bit() | EventKind::CaughtException.bit());
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(scene.call("f", &[Value::I32(5)]).unwrap(), [Value::I32(1025)]);
    let entries = log.take();
    let place = |entry: &crate::scene::Entry| {
        let state = entry.state.as_ref().unwrap();
        (entry.event.kind, state.func, state.operator)
    };
    let thrown = entries.iter().position(|entry| entry.event.kind == EventKind::CaughtException).unwrap();
    let places: Vec<_> = entries[thrown..].iter().map(place).collect();
    let step = |operator| (EventKind::Step, 1, operator);
    let expected = [
        (EventKind::CaughtException, 0, 1),
        step(11),
        step(12),
        step(13),
        step(14),
        step(15),
        (EventKind::CaughtException, 1, 15),
        step(20),
        step(21),
        step(22),
    ];
    assert_eq!(places[..10], expected);
    assert_eq!(places[places.len() - 2..], [step(23), step(24)]);

    let event = |place: usize| &entries[thrown + place].event;
    let state = |place: usize| entries[thrown + place].state.as_ref().unwrap();
    assert_eq!(event(0).exception.as_ref().unwrap().pc, scene.pc(1, 10));
    assert_eq!(event(6).exception.as_ref().unwrap().pc, scene.pc(1, 19));
    assert_eq!(event(6).exception.as_ref().unwrap().thrown.values[..], [Value::I32(5)]);
    // What is kept to be thrown again is beneath what the clause was given.
    let [Value::I32(1000), kept, Value::I32(5)] = &state(1).operands[..] else { panic!("{:?}", state(1)) };
    assert_eq!(carried(&scene, kept), [Value::I32(5)]);
    assert_eq!(state(1).locals, [Value::I32(5), Value::I32(10)]);
    assert_eq!(state(5).operands, [Value::I32(1000), *kept]);
    // Nobody throws it again there.
    assert_eq!(state(7).operands, [Value::I32(1000), Value::I32(5)]);
    assert_eq!(state(7).locals, [Value::I32(5), Value::I32(20)]);
}

#[test]
fn breakpoints_in_clauses_are_come_to() {
    let scene = Scene::new(TEXT);
    for operator in [8, 9, 10, 11, 14, 16, 17, 18, 19, 20, 22] {
        // Some are moved on to the next place that something gets to.
        scene.edit(|edit| edit.add(&scene.debuggee, &scene.module, scene.pc(1, operator)).unwrap());
    }
    let log = scene.log(EventKind::Breakpoint.bit());
    assert_eq!(scene.call("f", &[Value::I32(5)]).unwrap(), [Value::I32(1025)]);
    let operators: Vec<_> = log.places().into_iter().map(|(_, _, operator)| operator).collect();
    assert_eq!(operators, [11, 14, 20, 22]);
}

#[test]
fn the_exception_that_is_thrown_again_can_be_exchanged() {
    let scene = Scene::new(TEXT);
    scene.add(1, 14);
    let call = scene.begin("f", &[Value::I32(5)]);
    assert_eq!(run(&scene, &call), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let write = |operand, value| scene.debuggee.frame_write_operand(&frame, operand, &value);
    assert_eq!(kind(write(1, Value::ExnRef(None))), ErrorKind::TypeMismatch);
    assert_eq!(kind(write(1, Value::I32(1))), ErrorKind::TypeMismatch);
    assert_eq!(kind(write(2, Value::I32(1))), ErrorKind::OutOfRange);
    write(1, exception(&scene, 70)).unwrap();
    assert_eq!(carried(&scene, &scene.state(&frame).operands[1]), [Value::I32(70)]);
    assert_eq!(run(&scene, &call), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(1090)]);
}

#[test]
fn a_frame_is_moved_into_a_clause_only_with_an_exception() {
    let scene = Scene::new(TEXT);
    scene.add(1, 5);
    scene.add(1, 14);
    let call = scene.begin("f", &[Value::I32(5)]);
    let moved = |operator| {
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        scene.debuggee.frame_set_pc(&frame, scene.pc(1, operator))
    };
    assert_eq!(run(&scene, &call), CallState::Paused);
    for operator in [11, 14, 15] {
        assert_eq!(kind(moved(operator)), ErrorKind::TypeMismatch);
    }
    assert_eq!(run(&scene, &call), CallState::Paused);
    // This one keeps nothing.
    assert_eq!(kind(moved(17)), ErrorKind::TypeMismatch);
    assert_eq!(kind(moved(5)), ErrorKind::TypeMismatch);
    moved(15).unwrap();
    assert_eq!(run(&scene, &call), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(1025)]);

    // Without an exception that is kept, from one clause to another.
    let scene = Scene::new(TEXT);
    scene.add(1, 5);
    let call = scene.begin("f", &[Value::I32(5)]);
    assert_eq!(run(&scene, &call), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    scene.debuggee.frame_set_pc(&frame, scene.pc(1, 17)).unwrap();
    assert_eq!(run(&scene, &call), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(1002)]);
}

#[test]
fn writes_beneath_a_clause_are_made_when_it_catches() {
    let scene = Scene::new(TEXT);
    scene.add(0, 1);
    scene.add(2, 15);
    let call = scene.begin("g", &[]);
    assert_eq!(run(&scene, &call), CallState::Paused);
    assert_eq!(run(&scene, &call), CallState::Paused);
    let thrower = call.frame(&scene.debuggee).unwrap().unwrap();
    let waiting = scene.debuggee.frame_caller(&thrower).unwrap().unwrap();
    let [Value::I32(100), kept, Value::I32(7), Value::I32(8)] = scene.state(&waiting).operands[..] else { panic!() };
    assert_eq!(carried(&scene, &kept), [Value::I32(1)]);
    let write = |operand, value| scene.debuggee.frame_write_operand(&waiting, operand, &value);
    assert_eq!(kind(write(1, Value::ExnRef(None))), ErrorKind::TypeMismatch);
    write(1, exception(&scene, 55)).unwrap();
    write(2, Value::I32(70)).unwrap();
    write(3, Value::I32(80)).unwrap();
    assert_eq!(run(&scene, &call), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let state = scene.state(&frame);
    assert_eq!((state.func, state.operator), (2, 15));
    let [Value::I32(100), kept, Value::I32(70)] = state.operands[..] else { panic!("{state:?}") };
    assert_eq!(carried(&scene, &kept), [Value::I32(55)]);
    assert_eq!(run(&scene, &call), CallState::Trapped);
    let error = call.error().unwrap();
    assert_eq!(error.thrown().unwrap().values[..], [Value::I32(55)]);
}

#[test]
fn what_is_delegated_is_shown_where_it_is_caught() {
    let scene = Scene::new(TEXT);
    let log = scene.log(EventKind::CaughtException.bit());
    assert_eq!(scene.call("delegate", &[]).unwrap(), [Value::I32(3)]);
    let entries = log.take();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].event.exception.as_ref().unwrap().pc, scene.pc(3, 9));
    // Steps lead there as well.
    let scene = Scene::new(TEXT);
    let log = scene.log(EventKind::Step.bit() | EventKind::CaughtException.bit());
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(scene.call("delegate", &[]).unwrap(), [Value::I32(3)]);
    let places = log.places();
    let thrown = places.iter().position(|(kind, ..)| *kind == EventKind::CaughtException).unwrap();
    assert_eq!(places[thrown + 1], (EventKind::Step, 3, 10));
}

/// Arguments on the stack are put there by instructions of their own, which here come right behind the call that throws.
#[test]
fn a_throw_before_a_call_with_arguments_on_the_stack_shows_its_own_operands() {
    let scene = Scene::new(
        "(module
            (tag $e (param i64))
            (func $zero (result i32) i32.const 0)
            (func $many (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 0)
            (func (export \"f\") (result i32)
              call $zero
              if
                i32.const 11
                i32.const 1 i32.const 2 i32.const 3 i32.const 4 i32.const 5 i32.const 6
                i32.const 7 i32.const 8 i32.const 9 i32.const 10 i32.const 11 i32.const 12
                call $many
                drop
                drop
                i64.const 1
                throw $e
              end
              i32.const 22
              try
                i64.const 5
                throw $e
              delegate 0))",
    );
    let call = scene.begin("f", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    assert_eq!(scene.state(&frame).operands, [Value::I32(22), Value::I64(5)]);
}
