//! Exceptions under the debugger: where they are shown, steps over them, writes into frames that catch, calls that wait.

use crate::scene::{Scene, host};
use pellucid::base::{Config, ErrorKind, FuncType, OptLevel, TrapCode, ValType, Value};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Resume};
use pellucid::runtime::{Engine, Extern};
use std::cell::RefCell;
use std::rc::Rc;

const THROUGH_THREE: &str = "(module
    (tag $e (export \"e\") (param i32))
    (func $inner (param i32)
      local.get 0
      throw $e)
    (func $between (param i32)
      local.get 0
      call $inner)
    (func (export \"f\") (param i32) (result i32) (local i32)
      i32.const 10
      local.set 1
      block (result i32)
        try_table (result i32) (catch $e 0)
          local.get 0
          call $between
          i32.const 0
        end
      end
      local.get 1
      i32.add))";

#[test]
fn an_exception_is_shown_before_anything_is_undone() {
    let scene = Scene::new(THROUGH_THREE);
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    let log = seen.clone();
    let look = move |debuggee: &Debuggee, event: &Event| {
        let exception = event.exception.as_ref().unwrap();
        let (frame, caught) = (event.frame.unwrap(), exception.frame);
        assert_eq!(exception.thrown.values[..], [Value::I32(7)]);
        let mut operands = [Value::Unavailable];
        assert_eq!(debuggee.frame_read_operands(&frame, 0, &mut operands).unwrap(), 1);
        assert_eq!(operands, [Value::I32(7)]);
        let outer = debuggee.frame_caller(&debuggee.frame_caller(&frame).unwrap().unwrap()).unwrap();
        assert_eq!(outer, Some(caught));
        let mut locals = [Value::Unavailable; 2];
        debuggee.frame_read_locals(&caught, 0, &mut locals).unwrap();
        assert_eq!(locals, [Value::I32(7), Value::I32(10)]);
        log.borrow_mut().push(format!("{} {}", event.pc.0, exception.pc.0));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(look)).unwrap();
    assert_eq!(scene.call("f", &[Value::I32(7)]).unwrap(), [Value::I32(17)]);
    assert_eq!(*seen.borrow(), [format!("{} {}", scene.pc(0, 1).0, scene.pc(2, 3).0)]);
}

#[test]
fn a_step_at_a_throw_leads_to_where_it_is_caught() {
    let scene = Scene::new(THROUGH_THREE);
    let log = scene.log(EventKind::Breakpoint.bit() | EventKind::Step.bit() | EventKind::CaughtException.bit());
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(scene.call("f", &[Value::I32(3)]).unwrap(), [Value::I32(13)]);
    let places: Vec<_> = log
        .0
        .borrow()
        .iter()
        .map(|entry| {
            let state = entry.state.as_ref().unwrap();
            (state.func, state.operator, entry.event.kind == EventKind::CaughtException)
        })
        .collect();
    let step = |func, operator| (func, operator, false);
    let expected = [
        step(2, 0),
        step(2, 1),
        step(2, 2),
        step(2, 3),
        step(2, 4),
        step(2, 5),
        step(1, 0),
        step(1, 1),
        step(0, 0),
        step(0, 1),
        (0, 1, true),
        step(2, 8),
        step(2, 9),
        step(2, 10),
        step(2, 11),
    ];
    let places: Vec<_> = places.into_iter().collect();
    assert_eq!(places[..11], expected[..11]);
    // Whether the `end` of the block is shown where ways merge, the next ones are.
    assert!(places.ends_with(&expected[expected.len() - 3..]), "{places:?}");
}

#[test]
fn a_handler_of_exceptions_that_continues_does_not_end_a_step() {
    let scene = Scene::new(THROUGH_THREE);
    scene.add(0, 1);
    let told: Rc<RefCell<u32>> = Rc::default();
    let count = told.clone();
    let tell = move |_: &Debuggee, _: &Event| {
        *count.borrow_mut() += 1;
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(tell)).unwrap();
    let call = scene.begin("f", &[Value::I32(3)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    assert_eq!(*told.borrow(), 1);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    assert_eq!(scene.debuggee.frame_info(&frame).unwrap().func_index.as_u32(), 2);
    // Without a step it runs on.
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(13)]);
    let again = scene.begin("f", &[Value::I32(4)]);
    assert_eq!(again.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(again.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(*told.borrow(), 2);
}

#[test]
fn what_was_written_into_a_frame_is_there_where_it_catches() {
    let scene = Scene::new(THROUGH_THREE);
    scene.add(0, 0);
    let call = scene.begin("f", &[Value::I32(3)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let between = scene.debuggee.frame_caller(&frame).unwrap().unwrap();
    let outer = scene.debuggee.frame_caller(&between).unwrap().unwrap();
    // This frame is gone before it is returned to.
    scene.debuggee.frame_write_local(&between, 0, &Value::I32(77)).unwrap();
    scene.debuggee.frame_write_local(&outer, 1, &Value::I32(500)).unwrap();
    let mut state = call.resume(&scene.debuggee, Resume::Continue).unwrap();
    while state == CallState::Paused {
        state = call.resume(&scene.debuggee, Resume::Continue).unwrap();
    }
    assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(503)]);
}

#[test]
fn traps_and_exhausted_stacks_are_not_caught() {
    let scene = Scene::new(
        "(module
        (func $deep (call $deep) (nop))
        (func (export \"deep\") (block (try_table (catch_all 0) (call $deep))))
        (func (export \"trap\") (block (try_table (catch_all 0) (unreachable)))))",
    );
    assert_eq!(scene.call("deep", &[]).unwrap_err().trap_code(), Some(TrapCode::CallStackExhausted));
    assert_eq!(scene.call("trap", &[]).unwrap_err().trap_code(), Some(TrapCode::Unreachable));
}

#[test]
fn a_frame_that_makes_a_tail_call_catches_nothing() {
    let scene = Scene::new(
        "(module (tag $e)
        (func $throw throw $e)
        (func $tail (result i32) (block (try_table (catch_all 0) (return_call $t2))) (i32.const 1))
        (func $t2 (result i32) (call $throw) (i32.const 2))
        (func (export \"f\") (result i32) (block (try_table (catch_all 0) (return (call $tail)))) (i32.const 3)))",
    );
    assert_eq!(scene.call("f", &[]).unwrap(), [Value::I32(3)]);
}

/// What is stored for whoever catches isn't taken for what the operators before were computed from.
#[test]
fn what_is_thrown_is_shown_as_it_is_in_every_form() {
    let wat = "(module
        (tag $e (param i32))
        (func (export \"f\") (param i32) (result i32) (local i32)
          block (result i32)
            try_table (result i32) (catch $e 0)
              local.get 0
              i32.const 1
              i32.add
              local.tee 0
              i32.const 10
              i32.mul
              local.tee 1
              throw $e
            end
          end))";
    for opt_level in [OptLevel::None, OptLevel::Speed] {
        let engine = Engine::new(Config { debug: true, opt_level, ..Config::default() }).unwrap();
        let scene = Scene::of(&engine, &crate::scene::module(&engine, wat), |_| Vec::new());
        let log = scene.log(EventKind::CaughtException.bit());
        assert_eq!(scene.call("f", &[Value::I32(4)]).unwrap(), [Value::I32(50)]);
        let entries = log.take();
        let state = entries[0].state.as_ref().unwrap();
        assert_eq!(state.locals, [Value::I32(5), Value::I32(50)]);
        assert_eq!(state.operands, [Value::I32(50)]);
    }
}

#[test]
fn a_handler_may_throw_and_catch_in_between() {
    let scene = Scene::new(THROUGH_THREE);
    let nested: Rc<RefCell<Vec<Value>>> = Rc::default();
    let results = nested.clone();
    let f = scene.func("f");
    let look = move |debuggee: &Debuggee, _: &Event| {
        results.borrow_mut().extend(debuggee.call(f, &[Value::I32(1)]).unwrap());
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(look)).unwrap();
    assert_eq!(scene.call("f", &[Value::I32(5)]).unwrap(), [Value::I32(15)]);
    assert_eq!(*nested.borrow(), [Value::I32(11)]);
}

#[test]
fn a_host_function_throws_and_is_thrown_through() {
    let wat = "(module
        (import \"\" \"\" (func $host (param i32) (result i32)))
        (tag $e (export \"e\") (param i32))
        (func (export \"inner\") (param i32) (throw $e (local.get 0)))
        (func (export \"f\") (param i32) (result i32)
          (block (result i32) (try_table (result i32) (catch $e 0) (call $host (local.get 0))))))";
    let instance = Rc::new(std::cell::Cell::new(None));
    let known = instance.clone();
    let scene = Scene::with(wat, |debuggee| {
        let call = move |debuggee: &Debuggee, args: &[Value]| {
            let instance = known.get().unwrap();
            let store = debuggee.store();
            let Some(Extern::Tag(tag)) = store.instance_export(instance, "e").unwrap() else { panic!("a tag") };
            match args[0] {
                Value::I32(0) => Err(store.exception(tag, &[Value::I32(40)]).unwrap()),
                _ => {
                    let Some(Extern::Func(inner)) = store.instance_export(instance, "inner").unwrap() else { panic!() };
                    let error = debuggee.call(inner, args).unwrap_err();
                    assert_eq!((error.kind(), error.backtrace().len()), (ErrorKind::Exception, 1));
                    Err(error)
                }
            }
        };
        vec![host(debuggee, &[ValType::I32], &[ValType::I32], Box::new(call))]
    });
    instance.set(Some(scene.instance));
    assert_eq!(scene.call("f", &[Value::I32(0)]).unwrap(), [Value::I32(40)]);
    assert_eq!(scene.call("f", &[Value::I32(6)]).unwrap(), [Value::I32(6)]);
}

#[test]
fn a_host_function_that_was_waited_for_throws() {
    let wat = "(module
        (import \"\" \"\" (func $host (result i32)))
        (tag $e (export \"e\") (param i32))
        (func (export \"f\") (param i32) (result i32) (local i32)
          (local.set 1 (i32.const 100))
          (block $h (result i32) (try_table (result i32) (catch $e $h) (call $host)))
          (i32.add (local.get 1)))
        (func (export \"uncaught\") (param i32) (result i32) (call $host)))";
    for debug in [false, true] {
        let engine = Engine::new(Config { debug, ..Config::default() }).unwrap();
        let module = crate::scene::module(&engine, wat);
        let scene = Scene::of(&engine, &module, |debuggee| {
            let call =
                |caller: pellucid::runtime::Caller<'_>, _: &[Value], _: &mut [Value]| Err::<(), _>(caller.yielded(1));
            vec![debuggee.store().func_new(FuncType::new([], [ValType::I32]), Box::new(call)).unwrap()]
        });
        let store = scene.debuggee.store();
        let Some(Extern::Tag(tag)) = store.instance_export(scene.instance, "e").unwrap() else { panic!("a tag") };
        let thrown = || store.exception(tag, &[Value::I32(4)]).unwrap();

        let call = scene.begin("f", &[Value::I32(0)]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Yielded);
        call.give_error(&scene.debuggee, thrown()).unwrap();
        let mut state = call.resume(&scene.debuggee, Resume::Continue).unwrap();
        if debug {
            assert_eq!((state, call.event().unwrap().kind), (CallState::Paused, EventKind::CaughtException));
            state = call.resume(&scene.debuggee, Resume::Continue).unwrap();
        }
        assert_eq!(state, CallState::Finished);
        assert_eq!(call.results(&scene.debuggee).unwrap(), [Value::I32(104)]);

        let call = scene.begin("uncaught", &[Value::I32(0)]);
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Yielded);
        call.give_error(&scene.debuggee, thrown()).unwrap();
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
        assert_eq!(call.error().unwrap().kind(), ErrorKind::Exception);
    }
}
