//! Watchpoints of fields and elements: which operators touch that very object, which touch others; what keeps it; what hosts change.

use crate::scene::{self, Scene, edit, kind};
use pellucid::base::{AnyRef, Config, ErrorKind, Object, StoreLimits, TypeIndex, Value};
use pellucid::debug::{
    Action, BreakpointOptions, CallState, Debuggee, Edit, Event, EventKind, Resume, WatchHit, WatchTarget,
};
use pellucid::runtime::Engine;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;
use wasmparser::Operator;

const READ: u8 = 1;
const WRITE: u8 = 2;
const BOTH: u8 = READ | WRITE;

fn watch(debuggee: &Debuggee, object: Object, index: u32, access: u8) -> u64 {
    edit(debuggee, |edit| edit.watch(debuggee, WatchTarget::Field { object, index }, access).unwrap())
}

fn reference(object: Object) -> Value {
    Value::AnyRef(Some(AnyRef::Object(object)))
}

fn object(value: &Value) -> Object {
    match value {
        Value::AnyRef(Some(AnyRef::Object(object))) => *object,
        other => panic!("{other:?} is no object"),
    }
}

/// What a function makes.
fn made(scene: &Scene, export: &str) -> Object {
    object(&scene.call(export, &[]).unwrap()[0])
}

/// Access, whether an operator did it, which field or element, old and new.
type Told = (u8, bool, u64, Value, Value);

fn told(debuggee: &Debuggee, hit: &WatchHit) -> Told {
    let value = |seen: &pellucid::debug::Seen| seen.to_value(debuggee.store()).unwrap();
    assert_eq!((hit.part.end, hit.old.bytes()), (hit.part.start + 1, None));
    (hit.access, hit.pc.is_some(), hit.part.start, value(&hit.old), value(&hit.new))
}

fn hits(event: &Event) -> Vec<WatchHit> {
    event.watched.iter().flat_map(|hits| hits.iter().cloned()).collect()
}

/// Logs what is told of watchpoints, and goes on.
fn log(scene: &Scene) -> Rc<RefCell<Vec<Told>>> {
    let log = Rc::<RefCell<Vec<Told>>>::default();
    let entries = log.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        entries.borrow_mut().extend(hits(event).iter().map(|hit| told(debuggee, hit)));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(record)).unwrap();
    log
}

fn int(access: u8, place: u64, old: i32, new: i32) -> Told {
    (access, true, place, Value::I32(old), Value::I32(new))
}

const STRUCTURES: &str = r#"(module
  (type $point (sub (struct (field $x (mut i32)) (field $b (mut i8)) (field $h (mut i16)) (field $r (mut anyref)))))
  (type $deep (sub $point (struct (field (mut i32)) (field (mut i8)) (field (mut i16)) (field (mut anyref)) (field $v (mut v128)))))
  (type $beside (sub $point (struct (field (mut i32)) (field (mut i8)) (field (mut i16)) (field (mut anyref)) (field (mut f64)))))
  (func (export "deep") (result anyref) (struct.new_default $deep))
  (func (export "beside") (result anyref) (struct.new_default $beside))
  (func (export "set_x") (param anyref i32) (struct.set $point $x (ref.cast (ref null $point) (local.get 0)) (local.get 1)))
  (func (export "set_deep_x") (param anyref i32) (struct.set $deep 0 (ref.cast (ref null $deep) (local.get 0)) (local.get 1)))
  (func (export "set_beside_x") (param anyref i32) (struct.set $beside 0 (ref.cast (ref $beside) (local.get 0)) (local.get 1)))
  (func (export "get_x") (param anyref) (result i32)
    (i32.add (struct.get $point $x (ref.cast (ref null $point) (local.get 0))) (i32.const 1)))
  (func (export "set_b") (param anyref i32) (struct.set $point $b (ref.cast (ref $point) (local.get 0)) (local.get 1)))
  (func (export "get_b") (param anyref) (result i32) (struct.get_s $point $b (ref.cast (ref $point) (local.get 0))))
  (func (export "get_h") (param anyref) (result i32) (struct.get_u $point $h (ref.cast (ref $point) (local.get 0))))
  (func (export "set_h") (param anyref i32) (struct.set $point $h (ref.cast (ref $point) (local.get 0)) (local.get 1)))
  (func (export "set_r") (param anyref anyref) (struct.set $point $r (ref.cast (ref $point) (local.get 0)) (local.get 1)))
  (func (export "set_v") (param anyref)
    (struct.set $deep $v (ref.cast (ref $deep) (local.get 0)) (v128.const i64x2 1 2))))"#;

#[test]
fn fields_of_one_structure_are_watched() {
    let scene = Scene::new(STRUCTURES);
    let [deep, other, beside] = ["deep", "deep", "beside"].map(|export| made(&scene, export));
    let id = watch(&scene.debuggee, deep, 0, BOTH);
    let log = log(&scene);
    let run = |name: &str, of: Object, more: &[Value]| {
        scene.call(name, &[&[reference(of)], more].concat()).unwrap();
        log.take()
    };
    // By its type and by its supertype.
    assert_eq!(run("set_x", deep, &[Value::I32(7)]), [int(WRITE, 0, 0, 7)]);
    assert_eq!(run("set_deep_x", deep, &[Value::I32(8)]), [int(WRITE, 0, 7, 8)]);
    assert_eq!(run("get_x", deep, &[]), [int(READ, 0, 8, 8)]);
    // Other objects of the type, or of a supertype's others, and other fields.
    assert_eq!(run("set_x", other, &[Value::I32(9)]), []);
    assert_eq!(run("set_deep_x", other, &[Value::I32(9)]), []);
    assert_eq!(run("get_x", other, &[]), []);
    assert_eq!(run("set_x", beside, &[Value::I32(9)]), []);
    assert_eq!(run("set_beside_x", beside, &[Value::I32(9)]), []);
    assert_eq!(run("set_b", deep, &[Value::I32(9)]), []);
    // No object at all.
    for export in ["set_x", "set_deep_x"] {
        assert_eq!(kind(scene.call(export, &[Value::AnyRef(None), Value::I32(1)])), ErrorKind::Trap);
    }
    assert_eq!(kind(scene.call("get_x", &[Value::AnyRef(None)])), ErrorKind::Trap);
    assert_eq!(log.take(), []);
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.is_over, info.target), (3, false, WatchTarget::Field { object: deep, index: 0 }));
    // Values as the host reads them, of all sizes.
    for index in 1..5 {
        watch(&scene.debuggee, deep, index, BOTH);
    }
    assert_eq!(run("set_b", deep, &[Value::I32(0x1ff)]), [int(WRITE, 1, 9, 0xff)]);
    assert_eq!(run("get_b", deep, &[]), [int(READ, 1, 0xff, 0xff)]);
    assert_eq!(run("set_h", deep, &[Value::I32(-2)]), [int(WRITE, 2, 0, 0xfffe)]);
    assert_eq!(run("get_h", deep, &[]), [int(READ, 2, 0xfffe, 0xfffe)]);
    let [null, to_other] = [Value::AnyRef(None), reference(other)];
    assert_eq!(run("set_r", deep, &[to_other]), [(WRITE, true, 3, null, to_other)]);
    assert_eq!(run("set_r", deep, &[null]), [(WRITE, true, 3, to_other, null)]);
    assert_eq!(run("set_v", deep, &[]), [(WRITE, true, 4, Value::V128(0), Value::V128(1 | 2 << 64))]);
    assert_eq!(run("set_x", deep, &[Value::I32(3)]), [int(WRITE, 0, 8, 3)]);
    scene.edit(|edit| edit.remove(id));
    assert_eq!(run("set_x", deep, &[Value::I32(7)]), []);
}

const ARRAYS: &str = r#"(module
  (type $numbers (array (mut i32))) (type $bytes (array (mut i8))) (type $refs (array (mut funcref)))
  (data $d "abcdefgh") (elem $e funcref (ref.func $f) (ref.func $f)) (func $f)
  (func (export "numbers") (result anyref) (array.new $numbers (i32.const 5) (i32.const 8)))
  (func (export "bytes") (result anyref) (array.new_default $bytes (i32.const 8)))
  (func (export "refs") (result anyref) (array.new_default $refs (i32.const 8)))
  (func $n (param anyref) (result (ref null $numbers)) (ref.cast (ref null $numbers) (local.get 0)))
  (func (export "get") (param anyref anyref i32) (drop (array.get $numbers (call $n (local.get 0)) (local.get 2))))
  (func (export "set") (param anyref anyref i32) (array.set $numbers (call $n (local.get 0)) (local.get 2) (i32.const 6)))
  (func (export "fill") (param anyref anyref i32)
    (array.fill $numbers (call $n (local.get 0)) (local.get 2) (i32.const 7) (i32.const 2)))
  (func (export "none") (param anyref anyref i32)
    (array.fill $numbers (call $n (local.get 0)) (local.get 2) (i32.const 7) (i32.const 0)))
  (func (export "copy") (param anyref anyref i32)
    (array.copy $numbers $numbers (call $n (local.get 0)) (i32.const 2) (call $n (local.get 1)) (local.get 2) (i32.const 3)))
  (func (export "init_data") (param anyref anyref i32)
    (array.init_data $bytes $d (ref.cast (ref $bytes) (local.get 0)) (local.get 2) (i32.const 1) (i32.const 3)))
  (func (export "get_byte") (param anyref anyref i32)
    (drop (array.get_s $bytes (ref.cast (ref $bytes) (local.get 0)) (local.get 2))))
  (func (export "init_elem") (param anyref anyref i32)
    (array.init_elem $refs $e (ref.cast (ref $refs) (local.get 0)) (local.get 2) (i32.const 0) (i32.const 2))))"#;

#[test]
fn elements_of_one_array_are_watched() {
    let scene = Scene::new(ARRAYS);
    let [array, other, bytes, refs] = ["numbers", "numbers", "bytes", "refs"].map(|export| made(&scene, export));
    for (array, index) in [(array, 3), (bytes, 4), (refs, 2)] {
        watch(&scene.debuggee, array, index, BOTH);
    }
    let log = log(&scene);
    let run = |name: &str, to: Object, from: Object, place: i32| {
        let result = scene.call(name, &[reference(to), reference(from), Value::I32(place)]);
        assert!(result.is_ok() || result.is_err_and(|error| error.kind() == ErrorKind::Trap));
        log.take()
    };
    assert_eq!(run("get", array, other, 3), [int(READ, 3, 5, 5)]);
    assert_eq!(run("get", array, other, 2), []);
    assert_eq!(run("get", other, array, 3), []);
    assert_eq!(run("set", array, other, 3), [int(WRITE, 3, 5, 6)]);
    assert_eq!(run("set", array, other, 4), []);
    assert_eq!(run("set", other, array, 3), []);
    assert_eq!(run("fill", array, other, 1), []);
    assert_eq!(run("fill", array, other, 2), [int(WRITE, 3, 6, 7)]);
    assert_eq!(run("none", array, other, 3), []);
    // Beyond its end it traps, and touches nothing.
    assert_eq!(run("fill", array, other, 7), []);
    assert_eq!(run("copy", array, other, 6), []);
    // To it, from it, and within it, forth and back.
    assert_eq!(run("copy", array, other, 0), [int(WRITE, 3, 7, 5)]);
    assert_eq!(run("copy", other, array, 3), [int(READ, 3, 5, 5)]);
    assert_eq!(run("copy", other, other, 3), []);
    assert_eq!(run("set", array, other, 3), [int(WRITE, 3, 5, 6)]);
    assert_eq!(run("copy", array, array, 3), [int(BOTH, 3, 6, 5)]);
    assert_eq!(run("copy", array, array, 2), [int(BOTH, 3, 5, 5)]);
    assert_eq!(run("copy", array, array, 4), [int(WRITE, 3, 5, 5)]);
    // Segments.
    assert_eq!(run("init_data", bytes, other, 2), [int(WRITE, 4, 0, i32::from(b'd'))]);
    assert_eq!(run("init_data", bytes, other, 1), []);
    assert_eq!(run("get_byte", bytes, other, 4), [int(READ, 4, i32::from(b'd'), i32::from(b'd'))]);
    let inits = run("init_elem", refs, other, 1);
    assert!(matches!(inits[..], [(WRITE, true, 2, Value::FuncRef(None), Value::FuncRef(Some(_)))]), "{inits:?}");
    assert_eq!(run("init_elem", refs, other, 3), []);
}

#[test]
fn it_is_kept_as_long_as_it_is_watched() {
    for exact in [false, true] {
        let config = Config { debug: true, exact, stress_heap: true, poison_stacks: true, ..Config::default() };
        let engine = Engine::new(config).unwrap();
        let module = scene::module(
            &engine,
            r#"(module (type $s (struct (field $x (mut i32)) (field $r (mut anyref))))
              (func (export "new") (result anyref) (struct.new $s (i32.const 1) (ref.null any)))
              (func (export "spin") (param $n i32) (local $o (ref null $s))
                (loop $again
                  (local.set $o (struct.new $s (i32.const 3) (ref.null any)))
                  (struct.set $s $r (local.get $o) (struct.new $s (i32.const 4) (local.get $o)))
                  (struct.set $s $x (local.get $o) (local.get $n))
                  (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
              (func (export "replace") (param anyref)
                (struct.set $s $r (ref.cast (ref $s) (local.get 0)) (struct.new $s (i32.const 9) (ref.null any)))
                (drop (struct.new $s (i32.const 3) (ref.null any)))))"#,
        );
        let scene = Scene::of(&engine, &module, |_| Vec::new());
        let store = scene.debuggee.store();
        let ty = module.info().type_ids[TypeIndex::from_u32(0)];
        let count = || store.objects_by_type().unwrap().get(&ty).map_or(0, |(count, _)| *count);
        let log = log(&scene);
        // Nobody else has it.
        let scope = store.open_scope().unwrap();
        let object = made(&scene, "new");
        let ids = [0, 1].map(|index| watch(&scene.debuggee, object, index, BOTH));
        store.close_scope(scope).unwrap();
        scene.call("spin", &[Value::I32(50)]).unwrap();
        assert_eq!((log.take(), count()), (Vec::new(), 1));
        // Its handle is good, and so is what is told of references, be they replaced.
        let scope = store.open_scope().unwrap();
        assert_eq!(store.object_get(object, 0).unwrap(), Value::I32(1));
        for n in 0..3 {
            scene.call("replace", &[reference(object)]).unwrap();
            let told = log.take();
            let [(WRITE, true, 1, old, new)] = told[..] else { panic!("{told:?}") };
            // The handler's scope is closed.
            assert!((old == Value::AnyRef(None)) == (n == 0) && new != Value::AnyRef(None));
        }
        store.close_scope(scope).unwrap();
        scene.edit(|edit| edit.enable(ids[0], false));
        assert_eq!(count(), 2);
        scene.edit(|edit| edit.remove(ids[1]));
        assert_eq!((count(), store.object_get(object, 0).unwrap()), (2, Value::I32(1)));
        scene.edit(|edit| edit.remove(ids[0]));
        assert_eq!((count(), kind(store.object_get(object, 0))), (0, ErrorKind::OutOfRange));
        // A session that isn't committed keeps it, too, until it is over.
        let scope = store.open_scope().unwrap();
        let object = made(&scene, "new");
        let mut edit = Edit::begin(&scene.debuggee).unwrap();
        edit.watch(&scene.debuggee, WatchTarget::Field { object, index: 0 }, WRITE).unwrap();
        store.close_scope(scope).unwrap();
        assert_eq!(count(), 1);
        drop(edit);
        assert_eq!(count(), 0);
        // The store goes before its watchpoint.
        let object = made(&scene, "new");
        watch(&scene.debuggee, object, 0, WRITE);
    }
}

const PROGRAM: &str = r#"(module
  (import "host" "look" (func $look))
  (type $s (sub (struct (field $x (mut i32)) (field $next (mut (ref null $s))))))
  (type $t (sub $s (struct (field (mut i32)) (field (mut (ref null $s))) (field $z (mut i64)))))
  (type $a (array (mut i32)))
  (func (export "new") (result anyref) (struct.new_default $t))
  (func (export "array") (result anyref) (array.new_default $a (i32.const 5)))
  (func $small (param (ref $s)) (result i32) (struct.get $s $x (local.get 0)))
  (func (export "run") (param $any anyref) (param $array anyref) (local $s (ref null $s)) (local $a (ref null $a)) (local $i i32)
    (local.set $s (ref.cast (ref $s) (local.get $any)))
    (local.set $a (ref.cast (ref $a) (local.get $array)))
    (struct.set $s $next (local.get $s) (struct.new $s (i32.const 40) (ref.null $s)))
    (loop $again
      (struct.set $s $x (local.get $s) (i32.add (call $small (ref.as_non_null (local.get $s))) (local.get $i)))
      (struct.set $s $x (struct.get $s $next (local.get $s)) (local.get $i))
      (array.set $a (local.get $a) (local.get $i) (struct.get $s $x (local.get $s)))
      (struct.set $t $z (ref.cast (ref $t) (local.get $s)) (i64.extend_i32_u (array.get $a (local.get $a) (local.get $i))))
      (call $look)
      (array.copy $a $a (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 2))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (array.fill $a (local.get $a) (i32.const 1) (i32.const -1) (i32.const 3))))"#;

/// Access, operator that did it, field or element, old and new.
type Done = (u8, usize, u64, Value, Value);

/// Runs it with all fields and elements watched. Answers what was told, and what should have been if it was stepped.
fn run(steps: bool) -> (Vec<Done>, Vec<Done>) {
    let scene = Scene::with_host(PROGRAM, |_| {});
    let [structure, array] = ["new", "array"].map(|export| made(&scene, export));
    for (object, count) in [(structure, 3), (array, 5)] {
        (0..count).for_each(|index| _ = watch(&scene.debuggee, object, index, BOTH));
    }
    scene.edit(|edit| edit.single_step(steps));
    type Last = Option<(u32, usize, Vec<Value>, [Vec<Value>; 2])>;
    let logs = Rc::<RefCell<(Vec<Done>, Vec<Done>, Last)>>::default();
    let all = logs.clone();
    let module = scene.module.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        let frame = event.frame.unwrap();
        let (told, expected, last) = &mut *all.borrow_mut();
        let keep = |value: Value| {
            debuggee.store().value_keep(&value).unwrap();
            value
        };
        let state = scene::state(debuggee, &frame);
        for hit in hits(event) {
            let by = (0..).find(|n| Some(scene::pc(&module, state.func, *n)) == hit.pc).unwrap();
            let [old, new] = [&hit.old, &hit.new].map(|seen| keep(seen.to_value(debuggee.store()).unwrap()));
            told.push((hit.access, by, hit.part.start, old, new));
        }
        let contents = |object: Object| {
            let length = debuggee.store().object_length(object).unwrap();
            let get = |index| keep(debuggee.store().object_get(object, index).unwrap());
            (0..length).map(get).collect::<Vec<Value>>()
        };
        let operands: Vec<Value> = state.operands.iter().map(|value| keep(*value)).collect();
        let now = [contents(structure), contents(array)];
        let before = last.replace((state.func, state.operator, operands, now.clone()));
        let Some((func, by, operands, before)) =
            before.filter(|before| (before.0, before.1) != (state.func, state.operator))
        else {
            return Action::Continue;
        };
        let operand = |n: usize| operands[operands.len() - 1 - n];
        let place = |n: usize| match operand(n) {
            Value::I32(place) => place as u64,
            other => panic!("{other:?}"),
        };
        let one = |place: u64| place..place + 1;
        let accesses = match module.info().operator_at(scene::pc(&module, func, by)) {
            Operator::StructGet { field_index, .. } => vec![(READ, operand(0), one(field_index.into()))],
            Operator::StructSet { field_index, .. } => vec![(WRITE, operand(1), one(field_index.into()))],
            Operator::ArrayGet { .. } => vec![(READ, operand(1), one(place(0)))],
            Operator::ArraySet { .. } => vec![(WRITE, operand(2), one(place(1)))],
            Operator::ArrayFill { .. } => vec![(WRITE, operand(3), place(2)..place(2) + place(0))],
            Operator::ArrayCopy { .. } => vec![
                (WRITE, operand(4), place(3)..place(3) + place(0)),
                (READ, operand(2), place(1)..place(1) + place(0)),
            ],
            _ => Vec::new(),
        };
        for (n, object) in [structure, array].into_iter().enumerate() {
            for place in 0..before[n].len() {
                let of_it = accesses.iter().filter(|access| access.1 == reference(object));
                let done =
                    of_it.filter(|access| access.2.contains(&(place as u64))).fold(0, |all, access| all | access.0);
                if done != 0 {
                    expected.push((done, by, place as u64, before[n][place], now[n][place]));
                }
            }
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(record)).unwrap();
    scene.call("run", &[reference(structure), reference(array)]).unwrap();
    let (told, expected, _) = logs.take();
    (told, expected)
}

#[test]
fn what_steps_show_is_told_and_nothing_else() {
    let (told, expected) = run(true);
    assert_eq!(told, expected);
    assert!(told.len() > 40, "{}", told.len());
    // References are others in another store.
    let numbers = |all: Vec<Done>| {
        all.into_iter().map(|(a, b, c, d, e)| match (d, e) {
            (Value::AnyRef(_), _) => (a, b, c, Value::I32(0), Value::I32(0)),
            _ => (a, b, c, d, e),
        })
    };
    let (without_steps, _) = run(false);
    assert_eq!(numbers(without_steps).collect::<Vec<_>>(), numbers(told).collect::<Vec<_>>());
}

#[test]
fn what_the_host_writes_is_found() {
    let objects = Rc::<RefCell<Vec<Object>>>::default();
    let of_host = objects.clone();
    let write = move |debuggee: &Debuggee| {
        for object in &*of_host.borrow() {
            debuggee.store().object_set(*object, 0, &Value::I32(77)).unwrap();
        }
    };
    let scene = Scene::with_host(
        r#"(module (import "host" "write" (func $write)) (type $s (struct (field (mut i32)))) (type $a (array (mut i16)))
          (func (export "new") (result anyref) (struct.new $s (i32.const 1)))
          (func (export "array") (result anyref) (array.new_default $a (i32.const 5)))
          (func (export "run") (call $write) (nop) (nop)) (func (export "nothing") (nop)))"#,
        write,
    );
    let [watched, other, array] = ["new", "new", "array"].map(|export| made(&scene, export));
    objects.borrow_mut().extend([watched, other]);
    let ids = [watch(&scene.debuggee, watched, 0, WRITE), watch(&scene.debuggee, array, 1, WRITE)];
    let log = log(&scene);
    scene.call("run", &[]).unwrap();
    assert_eq!(log.take(), [(WRITE, false, 0, Value::I32(1), Value::I32(77))]);
    scene.call("run", &[]).unwrap();
    assert_eq!(log.take(), []);
    // Between calls, and bytes of arrays.
    let store = scene.debuggee.store();
    store.array_write(array, 2, &[0xff, 0xff]).unwrap();
    store.array_write(array, 4, &[0xff, 0xff]).unwrap();
    scene.call("nothing", &[]).unwrap();
    assert_eq!(log.take(), [(WRITE, false, 1, Value::I32(0), Value::I32(0xffff))]);
    // To a call that is paused.
    scene.debuggee.clear_event_handler().unwrap();
    let breakpoint = scene.add(4, 0);
    let call = scene.begin("nothing", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    store.object_set(watched, 0, &Value::I32(5)).unwrap();
    scene.edit(|edit| edit.remove(breakpoint));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let found = hits(&call.event().unwrap());
    assert_eq!((found.len(), found[0].id, found[0].pc), (1, ids[0], None));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    // What is written while it isn't enabled is no news, and what a handler writes isn't.
    scene.edit(|edit| edit.enable(ids[0], false));
    store.object_set(watched, 0, &Value::I32(6)).unwrap();
    scene.edit(|edit| edit.enable(ids[0], true));
    assert_eq!(scene.call("nothing", &[]).unwrap(), []);
    let told = Rc::new(RefCell::new(0));
    let (count, at) = (told.clone(), scene.add(4, 0));
    let write = move |debuggee: &Debuggee, event: &Event| {
        *count.borrow_mut() += hits(event).len();
        debuggee.store().object_set(watched, 0, &Value::I32(9)).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(write)).unwrap();
    scene.call("nothing", &[]).unwrap();
    assert_eq!((*told.borrow(), scene.debuggee.breakpoint(at).unwrap().hits), (0, 1));
}

#[test]
fn options_and_expressions_are_those_of_all_watchpoints() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field (mut i32)))) (func (export "new") (result anyref) (struct.new_default $s))
          (func (export "count") (param $any anyref) (param $n i32) (local $s (ref null $s)) (local $i i32)
            (local.set $s (ref.cast (ref $s) (local.get $any)))
            (loop $again
              (struct.set $s 0 (local.get $s) (local.get $i))
              (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))))"#,
    );
    let object = made(&scene, "new");
    let id = watch(&scene.debuggee, object, 0, WRITE);
    let log = log(&scene);
    let options = BreakpointOptions { ignore_count: 1, is_one_shot: true, ..BreakpointOptions::default() };
    scene.edit(|edit| {
        edit.set_options(id, options);
        edit.set_expression(&scene.debuggee, id, Some("$i % 3 == 0")).unwrap();
    });
    let args = [reference(object), Value::I32(9)];
    scene.call("count", &args).unwrap();
    assert_eq!(log.take(), [int(WRITE, 0, 2, 3)]);
    assert_eq!(kind(scene.debuggee.watchpoint(id)), ErrorKind::NotFound);
    let id = watch(&scene.debuggee, object, 0, BOTH);
    scene.edit(|edit| edit.set_condition(id, Some(Box::new(|_, _, _| false))));
    scene.call("count", &args).unwrap();
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.declined, info.access, log.take()), (9, 9, BOTH, Vec::new()));
    scene.edit(|edit| edit.enable(id, false));
    scene.call("count", &args).unwrap();
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 9);
}

#[test]
fn guests_of_all_modules_are_watched_also_those_that_come_later() {
    let scene = Scene::new(STRUCTURES);
    let deep = made(&scene, "deep");
    watch(&scene.debuggee, deep, 0, WRITE);
    let log = log(&scene);
    // The same type under another number, and none that could be it.
    let later = scene::module(
        scene.debuggee.store().engine(),
        r#"(module (type $none (struct (field (mut i64))))
          (type $point (sub (struct (field (mut i32)) (field (mut i8)) (field (mut i16)) (field (mut anyref)))))
          (func (export "set") (param anyref) (struct.set $point 0 (ref.cast (ref $point) (local.get 0)) (i32.const 4))))"#,
    );
    let instance = scene.debuggee.instantiate(&later, &[]).unwrap();
    let set = scene::func(&scene.debuggee, instance, "set");
    scene.debuggee.call(set, &[reference(deep)]).unwrap();
    assert_eq!(log.take(), [int(WRITE, 0, 0, 4)]);
}

#[test]
fn bad_objects_and_places_are_refused() {
    let scene = Scene::new(ARRAYS);
    let other = Debuggee::new(&scene::engine(), StoreLimits::default()).unwrap();
    let store = scene.debuggee.store();
    let scope = store.open_scope().unwrap();
    let array = made(&scene, "numbers");
    let watch = |object, index, access| {
        scene.edit(|edit| kind(edit.watch(&scene.debuggee, WatchTarget::Field { object, index }, access)))
    };
    assert_eq!(watch(array, 8, WRITE), ErrorKind::OutOfRange);
    assert_eq!(watch(array, u32::MAX, WRITE), ErrorKind::OutOfRange);
    assert_eq!(watch(array, 0, 0), ErrorKind::InvalidArgument);
    assert_eq!(watch(array, 0, 4), ErrorKind::InvalidArgument);
    store.close_scope(scope).unwrap();
    assert_eq!(watch(array, 0, WRITE), ErrorKind::OutOfRange);
    let target = WatchTarget::Field { object: made(&scene, "numbers"), index: 0 };
    assert_eq!(edit(&other, |edit| kind(edit.watch(&other, target, WRITE))), ErrorKind::WrongStore);
}

#[test]
fn operators_of_other_fields_and_types_cost_nothing() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field (mut i32)) (field (mut i32)))) (type $other (struct (field (mut i32))))
          (func (export "new") (result anyref) (struct.new_default $s))
          (func (export "other") (result anyref) (struct.new_default $other))
          (func (export "spin") (param $n i32) (local $s (ref $s))
            (local.set $s (struct.new_default $s))
            (loop $again
              (struct.set $s 0 (local.get $s) (local.get $n))
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    let spin = || {
        let begun = Instant::now();
        scene.call("spin", &[Value::I32(100_000)]).unwrap();
        begun.elapsed()
    };
    let [object, other] = ["new", "other"].map(|export| made(&scene, export));
    for (object, index) in [(object, 1), (other, 0)] {
        watch(&scene.debuggee, object, index, BOTH);
    }
    let free = (0..5).map(|_| spin()).min().unwrap();
    watch(&scene.debuggee, object, 0, WRITE);
    let armed = spin();
    assert!(free * 4 < armed, "{free:?} and {armed:?}");
}
