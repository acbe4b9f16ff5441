//! Breakpoints that are at whatever fits: where they are, in which modules, and when they are told of.

use crate::scene::{self, Scene, edit, kind};
use pellucid::base::{ErrorKind, FuncIndex, StoreLimits, Tag, TrapCode, ValType, Value};
use pellucid::debug::{Action, BreakTarget, Debuggee, Edit, Event, EventKind, Frame, ImportedFunction, WatchTarget};
use pellucid::runtime::Extern;
use std::cell::RefCell;
use std::rc::Rc;

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

#[test]
fn calls_of_an_import_stop_before_it_is_entered() {
    const CALLS: &str = r#"(module (import "lib" "f" (func $f (param i32)))
        (func (export "call") (param $n i32)
          (loop $again
            (call $f (local.get $n))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        (func (export "leave") (param i32) (return_call $f (local.get 0))))"#;
    let engine = scene::engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    let names = ImportedFunction::Names("lib".into(), "f".into());
    let id = edit(&debuggee, |edit| edit.add_at_import_calls(&debuggee, None, names).unwrap());
    // What it is bound to is a function of another module.
    let lib = scene::module(&engine, r#"(module (func (export "f") (param i32)))"#);
    let lib = debuggee.instantiate(&lib, &[]).unwrap();
    let module = scene::module(&engine, CALLS);
    let instance = debuggee.instantiate(&module, &[Extern::Func(scene::func(&debuggee, lib, "f"))]).unwrap();
    let scene = Scene { debuggee, module, instance };
    assert_eq!(places(&scene.debuggee, id), [(1, scene.pc(1, 2).0), (2, scene.pc(2, 1).0)]);
    let log = scene.log(EventKind::ALL);
    scene.call("call", &[Value::I32(3)]).unwrap();
    let told = log.take();
    let operands: Vec<_> = told.iter().map(|entry| entry.state.as_ref().unwrap().operands.clone()).collect();
    assert_eq!(operands, [3, 2, 1].map(|n| vec![Value::I32(n)]));
    scene.call("leave", &[Value::I32(7)]).unwrap();
    assert_eq!(log.places(), [(EventKind::Breakpoint, 2, 1)]);
    // A frame that was changed goes on in another form of its function, which has the breakpoint as well.
    let change = |debuggee: &Debuggee, event: &Event| {
        let frame = event.frame.unwrap();
        let mut n = [Value::Unavailable];
        debuggee.frame_read_locals(&frame, 0, &mut n).unwrap();
        let [Value::I32(n)] = n else { panic!("{n:?}") };
        debuggee.frame_write_local(&frame, 0, &Value::I32(n - 1)).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(change)).unwrap();
    let before = scene.debuggee.breakpoint(id).unwrap().hits;
    scene.call("call", &[Value::I32(6)]).unwrap();
    assert_eq!(scene.debuggee.breakpoint(id).unwrap().hits, before + 3);
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    let mut add = |module, import| edit.add_at_import_calls(&scene.debuggee, module, import);
    let index = |index| ImportedFunction::Index(FuncIndex::from_u32(index));
    assert_eq!(kind(add(Some(&scene.module), index(1))), ErrorKind::InvalidArgument);
    assert_eq!(kind(add(Some(&scene.module), index(9))), ErrorKind::OutOfRange);
    assert_eq!(kind(add(None, index(0))), ErrorKind::InvalidArgument);
    let other = ImportedFunction::Names("lib".into(), "g".into());
    assert_eq!(kind(add(Some(&scene.module), other)), ErrorKind::NotFound);
}

const BY_VALUE: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (import "lib" "f" (func $f (type $t)))
    (table 4 funcref) (elem (i32.const 0) func $f $own $other) (elem declare func $f $own)
    (func $own (type $t) (local.get 0))
    (func $other (param i64))
    (func $chosen (param $i i32) (result (ref $t))
      (if (result (ref $t)) (local.get $i) (then (ref.func $own)) (else (ref.func $f))))
    (func $calls (export "by_table") (param $i i32) (result i32) (call_indirect (type $t) (i32.const 7) (local.get $i)))
    (func (export "leaves_by_table") (param $i i32) (result i32)
      (return_call_indirect (type $t) (i32.const 7) (local.get $i)))
    (func (export "by_reference") (param $i i32) (result i32) (call_ref $t (i32.const 7) (call $chosen (local.get $i))))
    (func (export "leaves_by_reference") (param $i i32) (result i32)
      (return_call_ref $t (i32.const 7) (call $chosen (local.get $i))))
    (func (export "deep") (param $i i32) (result i32) (call $calls (local.get $i)))
    (func (export "others") (call_indirect (param i64) (i64.const 0) (i32.const 2)))
    (func (export "fill") (param i32) (table.set (local.get 0) (ref.func $f))))"#;

#[test]
fn calls_by_tables_and_references_stop_if_they_reach_the_import() {
    let engine = scene::engine();
    let module = scene::module(&engine, BY_VALUE);
    for is_by_host in [false, true] {
        let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
        let bound = if is_by_host {
            let same = Box::new(|_: &Debuggee, args: &[Value]| Ok(args.to_vec()));
            scene::host(&debuggee, &[ValType::I32], &[ValType::I32], same)
        } else {
            let lib = scene::module(&engine, r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#);
            let lib = debuggee.instantiate(&lib, &[]).unwrap();
            scene::func(&debuggee, lib, "f")
        };
        let names = ImportedFunction::Names("lib".into(), "f".into());
        let id = edit(&debuggee, |edit| edit.add_at_import_calls(&debuggee, None, names).unwrap());
        let instance = debuggee.instantiate(&module, &[Extern::Func(bound)]).unwrap();
        let scene = Scene { debuggee, module: module.clone(), instance };
        // An operator that takes functions of another type can't call it.
        let expected = [(4, 2), (5, 2), (6, 3), (7, 3)];
        assert_eq!(places(&scene.debuggee, id), expected.map(|(function, at)| (function, scene.pc(function, at).0)));
        let counts = || {
            let info = scene.debuggee.breakpoint(id).unwrap();
            (info.hits, info.passed_over, info.declined)
        };
        let log = scene.log(EventKind::ALL);
        let call = |name: &str, i: i32| scene.call(name, &[Value::I32(i)]);
        let exports = ["by_table", "leaves_by_table", "by_reference", "leaves_by_reference", "deep"];
        for (name, (function, at)) in exports.into_iter().zip(expected.into_iter().chain([(4, 2)])) {
            let before = counts().0;
            call(name, 1).unwrap();
            assert!(log.take().is_empty(), "{name} calls another function");
            assert_eq!(counts(), (before, 0, 0));
            assert_eq!(call(name, 0).unwrap(), [Value::I32(7)]);
            let told = log.take();
            let [only] = &told[..] else { panic!("{name}: {} events", told.len()) };
            let state = only.state.as_ref().unwrap();
            assert_eq!((only.event.kind, state.func, state.operator), (EventKind::Breakpoint, function, at));
            assert_eq!((*only.event.breakpoints).to_vec(), [id]);
            assert_eq!((state.operands.len(), state.operands[0]), (2, Value::I32(7)));
            assert_eq!(counts(), (before + 1, 0, 0));
        }
        // What isn't called isn't reached: a function of another type, none, no element.
        let before = counts();
        for i in [2, 3, 4, -1] {
            assert_eq!(kind(call("by_table", i)), ErrorKind::Trap);
        }
        scene.call("others", &[]).unwrap();
        assert!(log.take().iter().all(|entry| entry.event.kind == EventKind::Trap));
        assert_eq!(counts(), before);
        // What was put there since.
        call("fill", 3).unwrap();
        call("by_table", 3).unwrap();
        assert_eq!(log.places(), [(EventKind::Breakpoint, 4, 2)]);
        // Its expression declines calls of the import only.
        scene.edit(|edit| edit.set_expression(&scene.debuggee, id, Some("$i == 3")).unwrap());
        let before = counts();
        for (i, told) in [(0, 0), (1, 0), (3, 1)] {
            call("by_table", i).unwrap();
            assert_eq!(log.take().len(), told);
        }
        assert_eq!(counts(), (before.0 + 2, 0, 1));
        scene.edit(|edit| edit.set_expression(&scene.debuggee, id, None).unwrap());
        // Nobody has to listen, and a step goes by it.
        scene.debuggee.clear_event_handler().unwrap();
        let before = counts().0;
        call("by_table", 1).unwrap();
        call("by_table", 0).unwrap();
        assert_eq!(counts().0, before + 1);
        scene.edit(|edit| edit.single_step(true));
        let log = scene.log(EventKind::ALL);
        call("by_table", 1).unwrap();
        let own = log.take();
        assert!(own.iter().all(|entry| entry.event.kind == EventKind::Step) && own.len() > 3);
        call("by_table", 0).unwrap();
        let hits = log.take().iter().filter(|entry| entry.event.kind == EventKind::Breakpoint).count();
        assert_eq!(hits, 1);
        scene.edit(|edit| edit.single_step(false));
        scene.edit(|edit| edit.remove(id));
        call("by_table", 0).unwrap();
        assert!(log.take().is_empty());
    }
}

#[test]
fn what_is_bound_to_an_import_may_be_of_a_subtype() {
    const TYPES: &str = "(type $a (sub (func))) (type $b (sub final $a (func)))";
    let calls = format!(
        r#"(module {TYPES} (import "lib" "f" (func $f (type $a))) (table funcref (elem $f))
          (func (export "as_a") (call_indirect (type $a) (i32.const 0)))
          (func (export "as_b") (call_indirect (type $b) (i32.const 0)))
          (type $c (func)) (func (export "as_c") (call_indirect (type $c) (i32.const 0))))"#
    );
    let engine = scene::engine();
    let module = scene::module(&engine, &calls);
    for (ty, reaches_as_b) in [("$a", false), ("$b", true)] {
        let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
        let lib = scene::module(&engine, &format!(r#"(module {TYPES} (func (export "f") (type {ty})))"#));
        let lib = debuggee.instantiate(&lib, &[]).unwrap();
        let instance = debuggee.instantiate(&module, &[Extern::Func(scene::func(&debuggee, lib, "f"))]).unwrap();
        let import = ImportedFunction::Index(FuncIndex::from_u32(0));
        let id = edit(&debuggee, |edit| edit.add_at_import_calls(&debuggee, Some(&module), import).unwrap());
        let scene = Scene { debuggee, module: module.clone(), instance };
        let hits = || scene.debuggee.breakpoint(id).unwrap().hits;
        assert_eq!(places(&scene.debuggee, id).len(), 2);
        scene.call("as_a", &[]).unwrap();
        assert_eq!(hits(), 1);
        assert_eq!(scene.call("as_b", &[]).is_ok(), reaches_as_b);
        assert_eq!(hits(), 1 + u64::from(reaches_as_b));
        assert!(scene.call("as_c", &[]).is_err());
    }
}

const ENDS: &str = r#"(module (tag $a (export "a") (param i32)) (tag $b (export "b"))
    (func $throws (param $x i32) (if (local.get $x) (then (throw $a (local.get $x)))) (throw $b))
    (func (export "catches") (param $x i32)
      (block $caught (try_table (catch_all $caught) (call $throws (local.get $x)))))
    (func (export "throws") (param $x i32) (call $throws (local.get $x)))
    (func (export "divides") (param $x i32) (drop (i32.div_u (i32.const 1) (local.get $x))))
    (func (export "stops") (param $x i32) unreachable))"#;

fn tag(scene: &Scene, name: &str) -> Tag {
    match scene.debuggee.store().instance_export(scene.instance, name).unwrap() {
        Some(Extern::Tag(tag)) => tag,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn traps_of_one_kind_are_told_to_a_handler_that_wants_breakpoints() {
    let scene = Scene::new(ENDS);
    let code = Some(TrapCode::IntegerDivideByZero);
    let id = scene.edit(|edit| edit.add_at_trap(&scene.debuggee, code).unwrap());
    let log = scene.log(EventKind::Breakpoint.bit());
    let call = |name: &str| assert_eq!(kind(scene.call(name, &[Value::I32(0)])), ErrorKind::Trap);
    call("divides");
    call("stops");
    let told = log.take();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].event.kind, &*told[0].event.breakpoints, told[0].event.trap),
        (EventKind::Trap, &[id][..], code)
    );
    assert_eq!(told[0].state.as_ref().unwrap().operator, 2);
    // A condition, and an edit that is refused.
    scene.edit(|edit| edit.set_expression(&scene.debuggee, id, Some("$x != 0")).unwrap());
    call("divides");
    assert!(log.take().is_empty());
    let info = scene.debuggee.breakpoint(id).unwrap();
    assert_eq!((info.hits, info.declined, info.n_places), (2, 1, 0));
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    edit.add_at_trap(&scene.debuggee, None).unwrap();
    edit.remove(999);
    assert_eq!(kind(edit.commit(&scene.debuggee)), ErrorKind::NotFound);
    call("stops");
    assert!(log.take().is_empty());
    // Whoever listens to traps hears of all, with the ids of those that are caught.
    let log = scene.log(EventKind::Trap.bit());
    scene.edit(|edit| edit.set_expression(&scene.debuggee, id, None).unwrap());
    call("stops");
    call("divides");
    let told: Vec<usize> = log.take().iter().map(|entry| entry.event.breakpoints.len()).collect();
    assert_eq!(told, [0, 1]);
}

#[test]
fn exceptions_of_one_tag_are_told_to_a_handler_that_wants_breakpoints() {
    let scene = Scene::new(ENDS);
    let (a, b) = (tag(&scene, "a"), tag(&scene, "b"));
    let (caught, uncaught) = scene.edit(|edit| {
        let mut add = |tag, caught| edit.add_at_exception(&scene.debuggee, Some(tag), caught, !caught).unwrap();
        (add(a, true), add(b, false))
    });
    let log = scene.log(EventKind::Breakpoint.bit());
    for x in [0, 5] {
        scene.call("catches", &[Value::I32(x)]).unwrap();
        assert_eq!(kind(scene.call("throws", &[Value::I32(x)])), ErrorKind::Exception);
    }
    let told = log.take();
    let told: Vec<_> = told.iter().map(|entry| (entry.event.kind, entry.event.breakpoints.to_vec())).collect();
    let expected = [(EventKind::UncaughtException, vec![uncaught]), (EventKind::CaughtException, vec![caught])];
    assert_eq!(told, expected);
    // While a handler runs they are only counted.
    let nested = |debuggee: &Debuggee, event: &Event| {
        let instance = debuggee.frame_info(&event.frame.unwrap()).unwrap().instance.unwrap();
        debuggee.call(scene::func(debuggee, instance, "catches"), &[Value::I32(1)]).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(nested)).unwrap();
    scene.call("catches", &[Value::I32(1)]).unwrap();
    let info = scene.debuggee.breakpoint(caught).unwrap();
    assert_eq!((info.hits, info.passed_over), (3, 1));
}

#[test]
fn a_log_point_tells_its_text_and_the_guest_goes_on() {
    let scene = Scene::new(
        r#"(module (memory (export "m") 1) (global $g (mut i32) (i32.const 3))
          (func (export "count") (param $n i32)
            (loop $again
              (global.set $g (i32.add (global.get $g) (local.get $n)))
              (i32.store (i32.const 8) (local.get $n))
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    let texts: Rc<RefCell<Vec<(u64, String)>>> = Rc::default();
    let told = texts.clone();
    let handler = move |debuggee: &Debuggee, frame: &Frame, id: u64, text: &str| {
        assert!(debuggee.frame_is_valid(frame));
        told.borrow_mut().push((id, text.to_string()));
    };
    scene.debuggee.set_log_point_handler(Some(Box::new(handler))).unwrap();
    // Where the two are added.
    let id = scene.add(0, 3);
    scene.edit(|edit| edit.set_log_text(&scene.debuggee, id, Some("{$n}: {@g} + {operand[1]}")).unwrap());
    scene.call("count", &[Value::I32(2)]).unwrap();
    assert_eq!(*texts.take(), [(id, "2: 3 + 2".to_string()), (id, "1: 5 + 1".to_string())]);
    // What is watched.
    let memory = match scene.debuggee.store().instance_export(scene.instance, "m").unwrap() {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    };
    let watched = WatchTarget::Memory { memory, address: 8, size: 4 };
    let watch = scene.edit(|edit| {
        edit.enable(id, false);
        let watch = edit.watch(&scene.debuggee, watched, 2).unwrap();
        edit.set_log_text(&scene.debuggee, watch, Some("{i32[8]}")).unwrap();
        watch
    });
    let log = scene.log(EventKind::ALL);
    scene.call("count", &[Value::I32(3)]).unwrap();
    assert_eq!(*texts.take(), ["3", "2", "1"].map(|text| (watch, text.to_string())));
    assert!(log.take().is_empty());
    // A step ends where a log point is.
    scene.edit(|edit| {
        edit.remove(watch);
        edit.enable(id, true);
        edit.single_step(true);
    });
    scene.call("count", &[Value::I32(1)]).unwrap();
    assert_eq!(texts.take().len(), 1);
    let steps = log.places();
    let expected: Vec<_> =
        (0..scene::operators(&scene.module, 0)).map(|operator| (EventKind::Step, 0, operator)).collect();
    assert_eq!(steps, expected);
}
