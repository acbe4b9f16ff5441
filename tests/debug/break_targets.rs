//! Breakpoints that are at whatever fits: where they are, in which modules, and when they are told of.

use crate::scene::{self, Scene, edit, kind};
use pellucid::base::{ErrorKind, StoreLimits, Value};
use pellucid::debug::{BreakTarget, Debuggee, Edit, EventKind};

const NAMES: &str = r#"(module
    (func $first (@name "same") (param i32) nop)
    (func $second (export "same") (param i32) (call $first (local.get 0)))
    (func (export "both") (param i32) (call $second (local.get 0)) (call $third (local.get 0)))
    (func $third (@name "same") (param i32)))"#;

fn places(debuggee: &Debuggee, id: u64) -> Vec<(u32, u32)> {
    let places = debuggee.breakpoint_places(id).unwrap();
    places.into_iter().map(|place| (place.function.as_u32(), place.pc.0)).collect()
}

#[test]
fn a_name_is_that_of_an_export_or_of_the_name_section() {
    let scene = Scene::new(NAMES);
    let id = scene.edit(|edit| edit.add_at_function_name(&scene.debuggee, Some(&scene.module), "same").unwrap());
    let expected = [0, 1, 3].map(|function| (function, scene.pc(function, 0).0));
    assert_eq!(places(&scene.debuggee, id), expected);
    let info = scene.debuggee.breakpoint(id).unwrap();
    assert_eq!((info.n_places, info.actual, info.asked), (3, scene.pc(0, 0), scene.pc(0, 0)));
    assert!(matches!(&info.target, BreakTarget::FunctionName { module: Some(_), name } if &**name == "same"));
    let log = scene.log(EventKind::ALL);
    scene.call("both", &[Value::I32(1)]).unwrap();
    let told = log.take();
    assert!(told.iter().all(|entry| *entry.event.breakpoints == [id]));
    let functions: Vec<u32> = told.iter().map(|entry| entry.state.as_ref().unwrap().func).collect();
    assert_eq!((functions, scene.debuggee.breakpoint(id).unwrap().hits), (vec![1, 0, 3], 3));
    scene.edit(|edit| edit.remove(id));
    scene.call("both", &[Value::I32(1)]).unwrap();
    assert!(log.take().is_empty());
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    for name in ["none", "first"] {
        let refused = edit.add_at_function_name(&scene.debuggee, Some(&scene.module), name);
        assert_eq!(kind(refused), ErrorKind::NotFound);
    }
    assert_eq!(kind(edit.add_at_function_name(&scene.debuggee, None, "")), ErrorKind::InvalidArgument);
}

#[test]
fn modules_that_come_later_have_it_from_their_start_function_on() {
    let engine = scene::engine();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let other = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let id = edit(&debuggee, |edit| edit.add_at_function_name(&debuggee, None, "begin").unwrap());
    assert_eq!(places(&debuggee, id), []);
    let module = scene::module(&engine, "(module (func $begin (nop)) (start $begin))");
    other.instantiate(&module, &[]).unwrap();
    debuggee.instantiate(&module, &[]).unwrap();
    let hits = || debuggee.breakpoint(id).unwrap().hits;
    assert_eq!((hits(), places(&debuggee, id).len()), (1, 1));
    // Again the same module: it is there already.
    debuggee.instantiate(&module, &[]).unwrap();
    assert_eq!((hits(), places(&debuggee, id).len()), (2, 1));
    let second = scene::module(&engine, "(module (func) (func $begin (nop)) (start $begin))");
    debuggee.instantiate(&second, &[]).unwrap();
    assert_eq!((hits(), places(&debuggee, id).len()), (3, 2));
    // One that is added afterwards is in those that are there.
    let late = edit(&debuggee, |edit| edit.add_at_function_name(&debuggee, None, "begin").unwrap());
    assert_eq!(places(&debuggee, late), places(&debuggee, id));
    edit(&debuggee, |edit| {
        edit.remove(id);
        edit.enable(late, false);
    });
    debuggee.instantiate(&second, &[]).unwrap();
    assert_eq!(debuggee.breakpoint(late).unwrap().hits, 0);
    edit(&debuggee, |edit| edit.enable(late, true));
    debuggee.instantiate(&second, &[]).unwrap();
    assert_eq!(debuggee.breakpoint(late).unwrap().hits, 1);
}
