//! A module with several blobs in one store: what is asked of a function holds in all of its code, however much of it is
//! mapped and whenever that was.

use crate::scene::{self, Scene, State};
use pellucid::abi::artifact::Form;
use pellucid::base::{Instance, Value};
use pellucid::debug::{Action, Debuggee, Event, EventKind};
use pellucid::runtime::{Call, Exit};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// `sum(n)` calls `add`, so that frames of both are on the stack.
const SUM: &str = r#"(module
  (func $add (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.add)
  (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    loop $again
      local.get $sum
      local.get $n
      call $add
      local.set $sum
      local.get $n
      i32.const 1
      i32.sub
      local.tee $n
      br_if $again
    end
    local.get $sum))"#;

/// Maps the module's functions once more, and answers an instance that runs the new code.
fn instance_of_new_blob(debuggee: &Debuggee, module: &pellucid::runtime::Module) -> Instance {
    debuggee.store().map_blob(module, module.compile_again().unwrap()).unwrap();
    debuggee.instantiate(module, &[]).unwrap()
}

/// What all frames show at each event of a call of `sum(2)`.
fn states(scene: &Scene, instance: Instance) -> Vec<Vec<State>> {
    let states: Rc<RefCell<Vec<Vec<State>>>> = Rc::default();
    let shown = states.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        let stack = scene::stack(debuggee, &event.frame.unwrap());
        shown.borrow_mut().push(stack.iter().map(|frame| scene::state(debuggee, frame)).collect());
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(record)).unwrap();
    let sum = scene::func(&scene.debuggee, instance, "sum");
    assert_eq!(scene.debuggee.call(sum, &[Value::I32(2)]).unwrap(), [Value::I32(3)]);
    scene.debuggee.clear_event_handler().unwrap();
    states.take()
}

/// The blobs of the frames at each stop of a call of `sum(2)`, by number.
fn blobs(scene: &Scene, instance: Instance) -> Vec<u32> {
    let store = scene.debuggee.store();
    let call = Call::new(store, scene::func(&scene.debuggee, instance, "sum"), &[Value::I32(2)]).unwrap();
    let mut seen = Vec::new();
    while let Exit::Stopped(_) = call.run(store).unwrap() {
        for frame in store.walk(&call.activation().unwrap()) {
            let (body, _) = frame.place().unwrap();
            assert_ne!(frame.blob.form(body), Form::Plain);
            assert!(frame.blob.module().is_same(&scene.module));
            seen.push(frame.blob.id().as_u32());
        }
    }
    seen
}

#[test]
fn a_breakpoint_hits_in_blobs_mapped_before_and_after_it_was_set() {
    let scene = Scene::new(SUM);
    let first = scene.instance;
    let early = scene.add(0, 2);
    let second = instance_of_new_blob(&scene.debuggee, &scene.module);
    let late = scene.add(1, 9);
    let third = instance_of_new_blob(&scene.debuggee, &scene.module);

    let expected = states(&scene, first);
    // Twice inside `add`, with its caller, and twice in `sum` itself.
    let places = |stack: &Vec<State>| stack.iter().map(|state| (state.func, state.operator)).collect::<Vec<_>>();
    let shape: Vec<_> = expected.iter().map(places).collect();
    let add_and_sum = vec![(0, 2), (1, 3)];
    assert_eq!(shape, [add_and_sum.clone(), vec![(1, 9)], add_and_sum, vec![(1, 9)]]);
    for instance in [second, third] {
        assert_eq!(states(&scene, instance), expected);
    }
    for id in [early, late] {
        assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 6);
    }
    // Each instance ran the code of its own blob, and no other.
    for (instance, blob) in [(first, 0), (second, 1), (third, 2)] {
        let seen = blobs(&scene, instance);
        assert!(seen.len() >= 6 && seen.iter().all(|seen| *seen == blob), "{seen:?}");
    }

    scene.edit(|edit| edit.enable(early, false));
    assert!([first, second, third].iter().all(|instance| states(&scene, *instance).len() == 2));
    scene.edit(|edit| edit.remove(late));
    assert!([first, second, third].iter().all(|instance| states(&scene, *instance).is_empty()));
    // Nothing is armed any more, anywhere.
    assert!([first, second, third].iter().all(|instance| blobs(&scene, *instance).is_empty()));
    scene.edit(|edit| edit.enable(early, true));
    assert!([first, second, third].iter().all(|instance| states(&scene, *instance).len() == 2));
}

#[test]
fn a_disabled_breakpoint_is_armed_in_new_code_once_it_is_enabled() {
    let scene = Scene::new(SUM);
    let id = scene.add(0, 0);
    scene.edit(|edit| edit.enable(id, false));
    let second = instance_of_new_blob(&scene.debuggee, &scene.module);
    assert!(states(&scene, second).is_empty());
    scene.edit(|edit| edit.enable(id, true));
    assert_eq!(states(&scene, second), states(&scene, scene.instance));
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 4);
}

#[test]
fn steps_go_through_every_blob() {
    let scene = Scene::new(SUM);
    scene.edit(|edit| edit.single_step(true));
    let expected = states(&scene, scene.instance);
    assert!(expected.len() > 2 * 10);
    // `sum` and `add` are armed by now: new code is, too.
    let second = instance_of_new_blob(&scene.debuggee, &scene.module);
    assert_eq!(states(&scene, second), expected);
    scene.edit(|edit| edit.single_step(false));
    assert!(states(&scene, second).is_empty() && states(&scene, scene.instance).is_empty());
    assert!(blobs(&scene, second).is_empty() && blobs(&scene, scene.instance).is_empty());
}

#[test]
fn code_that_is_mapped_inside_a_handler_is_armed() {
    let scene = Scene::new(SUM);
    let id = scene.add(0, 1);
    let mapped: Rc<Cell<Option<Instance>>> = Rc::default();
    let (answer, module) = (mapped.clone(), scene.module.clone());
    let handler = move |debuggee: &Debuggee, _: &Event| {
        if answer.get().is_none() {
            answer.set(Some(instance_of_new_blob(debuggee, &module)));
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("sum", &[Value::I32(2)]).unwrap();
    scene.debuggee.clear_event_handler().unwrap();
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 2);
    assert_eq!(states(&scene, mapped.get().unwrap()).len(), 2);
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, 4);
}
