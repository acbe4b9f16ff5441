//! Watchpoints: who touches what is watched, with what was there before and is there now; who doesn't; what is found afterwards.

use crate::scene::{self, Scene, edit, kind};
use pellucid::base::{AnyRef, ErrorKind, Global, Instance, Memory, StoreLimits, Table, Value};
use pellucid::debug::{
    Action, BreakpointOptions, CallState, Debuggee, Edit, Event, EventKind, Resume, Seen, WatchHit, WatchTarget,
};
use pellucid::runtime::Extern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const READ: u8 = 1;
const WRITE: u8 = 2;

fn memory_of(debuggee: &Debuggee, instance: Instance, name: &str) -> Memory {
    match debuggee.store().instance_export(instance, name).unwrap() {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{name} is {other:?}"),
    }
}

fn global_of(scene: &Scene, name: &str) -> Global {
    match scene.debuggee.store().instance_export(scene.instance, name).unwrap() {
        Some(Extern::Global(global)) => global,
        other => panic!("{name} is {other:?}"),
    }
}

fn table_of(scene: &Scene, name: &str) -> Table {
    match scene.debuggee.store().instance_export(scene.instance, name).unwrap() {
        Some(Extern::Table(table)) => table,
        other => panic!("{name} is {other:?}"),
    }
}

/// Watches bytes of the memory `m`.
fn watch(scene: &Scene, address: u64, size: u64, access: u8) -> u64 {
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    scene.edit(|edit| edit.watch(&scene.debuggee, WatchTarget::Memory { memory, address, size }, access).unwrap())
}

fn watch_global(scene: &Scene, name: &str, access: u8) -> u64 {
    let global = global_of(scene, name);
    scene.edit(|edit| edit.watch(&scene.debuggee, WatchTarget::Global(global), access).unwrap())
}

/// A hit, with the number of the operator that did it and of the one that is next.
#[derive(Clone, PartialEq, Debug)]
struct Told {
    id: u64,
    access: u8,
    by: Option<usize>,
    next: usize,
    part: std::ops::Range<u64>,
    old: Vec<u8>,
    new: Vec<u8>,
}

fn bytes(debuggee: &Debuggee, seen: &Seen) -> Vec<u8> {
    match seen.to_value(debuggee.store()) {
        None => seen.bytes().unwrap().to_vec(),
        Some(Value::I32(value)) => value.to_le_bytes().to_vec(),
        Some(Value::I64(value)) => value.to_le_bytes().to_vec(),
        Some(Value::FuncRef(func)) => vec![u8::from(func.is_some())],
        Some(other) => panic!("{other:?}"),
    }
}

fn told(debuggee: &Debuggee, event: &Event, hit: &WatchHit) -> Told {
    let state = scene::state(debuggee, &event.frame.unwrap());
    let module = debuggee.frame_module(&event.frame.unwrap()).unwrap();
    let by = hit.pc.map(|pc| {
        let info = module.info();
        let defined = info.defined_func(pellucid::base::FuncIndex::from_u32(state.func)).unwrap();
        info.operator_pcs(defined).iter().position(|at| *at == pc).unwrap()
    });
    let WatchHit { id, access, part, old, new, .. } = hit.clone();
    Told { id, access, by, next: state.operator, part, old: bytes(debuggee, &old), new: bytes(debuggee, &new) }
}

type Log = Rc<RefCell<Vec<Told>>>;

/// Logs what is told of watchpoints, and goes on.
fn log(scene: &Scene) -> Log {
    let log = Log::default();
    let entries = log.clone();
    let record = move |debuggee: &Debuggee, event: &Event| {
        assert_eq!(event.kind, EventKind::Watchpoint);
        for hit in event.watched.iter().flat_map(|hits| hits.iter()) {
            let told = told(debuggee, event, hit);
            entries.borrow_mut().push(told);
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(record)).unwrap();
    log
}

fn parts(log: &Log) -> Vec<(u8, std::ops::Range<u64>)> {
    log.take().into_iter().map(|told| (told.access, told.part)).collect()
}

const STORES: &str = r#"(module (memory (export "m") 1)
  (func (export "store") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.add (i32.load (local.get 0)) (i32.const 1))))"#;

#[test]
fn a_store_is_told_with_old_and_new() {
    let scene = Scene::new(STORES);
    let id = watch(&scene, 100, 4, WRITE);
    let log = log(&scene);
    scene.call("store", &[Value::I32(100), Value::I64(0x11223344)]).unwrap();
    let told = log.take();
    let expected = Told {
        id,
        access: WRITE,
        by: Some(2),
        next: 3,
        part: 100..104,
        old: vec![0; 4],
        new: vec![0x44, 0x33, 0x22, 0x11],
    };
    assert_eq!(told, std::slice::from_ref(&expected));
    // The same value again is a write, too.
    scene.call("store", &[Value::I32(100), Value::I64(0x11223344)]).unwrap();
    assert_eq!(log.take(), [Told { old: expected.new.clone(), ..expected }]);
    // Reads aren't watched, nor what is beside.
    scene.call("load", &[Value::I32(100)]).unwrap();
    scene.call("store", &[Value::I32(104), Value::I64(1)]).unwrap();
    scene.call("store", &[Value::I32(92), Value::I64(1)]).unwrap();
    assert_eq!(log.take(), []);
    // A part of it.
    scene.call("store", &[Value::I32(93), Value::I64(-1)]).unwrap();
    let told = log.take();
    assert_eq!((told.len(), told[0].part.clone(), told[0].new.clone()), (1, 100..101, vec![0xff]));
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.passed_over, info.declined), (3, 0, 0));
    scene.edit(|edit| edit.remove(id));
    scene.call("store", &[Value::I32(100), Value::I64(0)]).unwrap();
    assert_eq!(log.take(), []);
    assert_eq!(kind(scene.debuggee.watchpoint(id)), ErrorKind::NotFound);
}

#[test]
fn a_load_is_told_in_the_midst_of_a_run() {
    let scene = Scene::new(STORES);
    let id = watch(&scene, 100, 4, READ);
    let log = log(&scene);
    assert_eq!(scene.call("load", &[Value::I32(97)]).unwrap(), [Value::I32(1)]);
    let expected = Told { id, access: READ, by: Some(1), next: 2, part: 100..101, old: vec![0], new: vec![0] };
    assert_eq!(log.take(), [expected]);
    scene.call("store", &[Value::I32(100), Value::I64(7)]).unwrap();
    scene.call("load", &[Value::I32(104)]).unwrap();
    assert_eq!(log.take(), []);
    assert_eq!(kind(scene.call("load", &[Value::I32(-1)])), ErrorKind::Trap);
    assert_eq!(log.take(), []);
}

#[test]
fn every_kind_of_access_is_told() {
    let scene = Scene::new(
        r#"(module (memory (export "m") 1 2 shared) (memory $other 1)
          (data $d "abcdefgh")
          (func (export "simd") (v128.store offset=8 (i32.const 92) (v128.const i64x2 1 2)))
          (func (export "lane") (v128.store16_lane 3 (i32.const 102) (v128.const i64x2 -1 -1)))
          (func (export "load_lane") (drop (v128.load8_lane 1 (i32.const 103) (v128.const i64x2 0 0))))
          (func (export "add") (drop (i32.atomic.rmw.add (i32.const 100) (i32.const 5))))
          (func (export "lost") (drop (i32.atomic.rmw8.cmpxchg_u (i32.const 101) (i32.const 9) (i32.const 1))))
          (func (export "won") (drop (i32.atomic.rmw8.cmpxchg_u (i32.const 101) (i32.const 0x200) (i32.const 1))))
          (func (export "wait") (drop (memory.atomic.wait32 (i32.const 100) (i32.const 77) (i64.const -1))))
          (func (export "notify") (drop (memory.atomic.notify (i32.const 100) (i32.const 1))))
          (func (export "fill") (memory.fill (i32.const 90) (i32.const 3) (i32.const 12)))
          (func (export "none") (memory.fill (i32.const 100) (i32.const 3) (i32.const 0)))
          (func (export "init") (memory.init $d (i32.const 98) (i32.const 0) (i32.const 8)))
          (func (export "copy_to") (memory.copy (i32.const 103) (i32.const 0) (i32.const 8)))
          (func (export "copy_from") (memory.copy (i32.const 0) (i32.const 96) (i32.const 6)))
          (func (export "copy_both") (memory.copy (i32.const 101) (i32.const 100) (i32.const 2)))
          (func (export "elsewhere") (memory.copy 1 1 (i32.const 100) (i32.const 100) (i32.const 2)))
          (func (export "out") (memory.fill (i32.const 100) (i32.const 3) (i32.const 0x10000))))"#,
    );
    watch(&scene, 100, 4, READ | WRITE);
    let log = log(&scene);
    let run = |name: &str| {
        let result = scene.call(name, &[]);
        assert_eq!(result.is_ok(), name != "out", "{name}: {result:?}");
        parts(&log)
    };
    assert_eq!(run("simd"), [(WRITE, 100..104)]);
    assert_eq!(run("lane"), [(WRITE, 102..104)]);
    assert_eq!(run("load_lane"), [(READ, 103..104)]);
    assert_eq!(run("add"), [(READ | WRITE, 100..104)]);
    assert_eq!(run("lost"), [(READ, 101..102)]);
    assert_eq!(run("won"), [(READ | WRITE, 101..102)]);
    assert_eq!(run("wait"), [(READ, 100..104)]);
    assert_eq!(run("notify"), []);
    assert_eq!(run("fill"), [(WRITE, 100..102)]);
    assert_eq!(run("none"), []);
    assert_eq!(run("init"), [(WRITE, 100..104)]);
    assert_eq!(run("copy_to"), [(WRITE, 103..104)]);
    assert_eq!(run("copy_from"), [(READ, 100..102)]);
    assert_eq!(run("copy_both"), [(READ | WRITE, 100..103)]);
    assert_eq!(run("elsewhere"), []);
    assert_eq!(run("out"), []);
}

#[test]
fn the_host_is_found_out() {
    let write = |debuggee: &Debuggee| {
        let instance = debuggee.instances().unwrap()[0];
        let memory = memory_of(debuggee, instance, "m");
        debuggee.store().memory_write(memory, 101, &[8]).unwrap();
    };
    let scene = Scene::with_host(
        r#"(module (import "host" "write" (func $write)) (memory (export "m") 1)
          (func (export "run") (call $write) (nop) (nop) (nop))
          (func (export "nothing") (nop)))"#,
        write,
    );
    let id = watch(&scene, 100, 4, WRITE);
    let log = log(&scene);
    scene.call("run", &[]).unwrap();
    let expected = Told { id, access: WRITE, by: None, next: 1, part: 101..102, old: vec![0], new: vec![8] };
    assert_eq!(log.take(), std::slice::from_ref(&expected));
    scene.call("run", &[]).unwrap();
    assert_eq!(log.take(), []);
    // What was written between calls is told as soon as one runs.
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    scene.debuggee.store().memory_write(memory, 100, &[1, 8, 1, 0]).unwrap();
    scene.call("nothing", &[]).unwrap();
    let found = Told { next: 0, part: 100..103, old: vec![0, 8, 0], new: vec![1, 8, 1], ..expected.clone() };
    assert_eq!(log.take(), [found]);
    // To a call that is paused, too.
    scene.debuggee.clear_event_handler().unwrap();
    let breakpoint = scene.add(1, 2);
    let call = scene.begin("run", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    assert_eq!(call.event().unwrap().breakpoints[..], [breakpoint]);
    scene.debuggee.store().memory_write(memory, 103, &[5]).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let event = call.event().unwrap();
    let hits = event.watched.clone().unwrap();
    assert_eq!((event.kind, hits.len(), hits[0].pc, hits[0].part.clone()), (EventKind::Watchpoint, 1, None, 103..104));
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(scene.debuggee.breakpoint(breakpoint).unwrap().hits, 1);
}

#[test]
fn the_same_function_is_no_change() {
    let scene = Scene::with_host(
        r#"(module (import "host" "f" (func $f)) (func $own) (elem declare func $own)
          (global (export "g") (mut funcref) (ref.func $f)) (table (export "t") 1 1 funcref (ref.func $f))
          (func (export "nothing"))
          (func (export "local") (local funcref) (local.set 0 (ref.func $f)) (nop)))"#,
        |_| {},
    );
    let (store, global, table) = (scene.debuggee.store(), global_of(&scene, "g"), table_of(&scene, "t"));
    let (id, element) = (watch_global(&scene, "g", WRITE), WatchTarget::Element { table, index: 0 });
    scene.edit(|edit| edit.watch(&scene.debuggee, element, WRITE).unwrap());
    let log = log(&scene);
    // An instance has a reference of its own for a function that it imports.
    let (imported, null) = (store.global_get(global).unwrap(), Value::FuncRef(None));
    store.global_set(global, imported).unwrap();
    store.table_set(table, 0, imported).unwrap();
    scene.call("nothing", &[]).unwrap();
    assert_eq!(log.take(), []);
    store.global_set(global, null).unwrap();
    scene.call("nothing", &[]).unwrap();
    assert_eq!(log.take().iter().map(|told| told.id).collect::<Vec<_>>(), [id]);
    // Nor is it in a local.
    let (call, frame) = scene.paused("local", &[], (3, 2));
    let local = WatchTarget::Local { frame, local: 0 };
    let id = scene.edit(|edit| edit.watch(&scene.debuggee, local, WRITE).unwrap());
    scene.debuggee.frame_write_local(&frame, 0, &imported).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 0);
}

#[test]
fn globals_are_watched_under_all_their_indices() {
    let engine = scene::engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    let owner = scene::module(
        &engine,
        r#"(module (global $unused (mut i64) (i64.const 0)) (global $g (export "g") (mut i32) (i32.const 1))
          (func (export "set") (param i32) (global.set $g (local.get 0)) (global.set $unused (i64.const 5))))"#,
    );
    let user = scene::module(
        &engine,
        r#"(module (import "a" "g" (global $g (mut i32)))
          (func (export "set") (param i32) (global.set $g (local.get 0)))
          (func (export "get") (result i32) (global.get $g)))"#,
    );
    let instance = debuggee.instantiate(&owner, &[]).unwrap();
    let scene = Scene { debuggee: debuggee.clone(), module: owner, instance };
    let id = watch_global(&scene, "g", READ | WRITE);
    let log = log(&scene);
    scene.call("set", &[Value::I32(7)]).unwrap();
    let told = log.take();
    assert_eq!((told.len(), told[0].id, told[0].access), (1, id, WRITE));
    assert_eq!((&told[0].old[..], &told[0].new[..]), (&[1, 0, 0, 0][..], &[7, 0, 0, 0][..]));
    // An instance that is made later.
    let global = Extern::Global(global_of(&scene, "g"));
    let later = debuggee.instantiate(&user, &[global]).unwrap();
    let call = |name: &str, args: &[Value]| debuggee.call(scene::func(&debuggee, later, name), args).unwrap();
    call("set", &[Value::I32(7)]);
    assert_eq!(log.take().len(), 1);
    call("get", &[]);
    let told = log.take();
    assert_eq!((told.len(), told[0].access, told[0].by, told[0].next), (1, READ, Some(0), 1));
    // By the host.
    debuggee.store().global_set(global_of(&scene, "g"), Value::I32(9)).unwrap();
    call("get", &[]);
    let told = log.take();
    assert_eq!((told.len(), told[0].by, told[0].access, told[1].access), (2, None, WRITE, READ));
    assert_eq!(&told[0].new[..], &[9, 0, 0, 0]);
}

#[test]
fn elements_of_tables_are_watched() {
    let scene = Scene::new(
        r#"(module (table (export "t") 4 funcref) (table $other 4 funcref) (elem $e func $f $f $f) (func $f)
          (func (export "set") (param i32) (table.set (local.get 0) (ref.func $f)))
          (func (export "get") (drop (table.get (i32.const 2))))
          (func (export "fill") (table.fill (i32.const 1) (ref.null func) (i32.const 2)))
          (func (export "init") (table.init $e (i32.const 0) (i32.const 0) (i32.const 3)))
          (func (export "copy") (table.copy (i32.const 2) (i32.const 0) (i32.const 2)))
          (func (export "elsewhere") (table.set $other (i32.const 2) (ref.func $f))))"#,
    );
    let table = table_of(&scene, "t");
    let target = WatchTarget::Element { table, index: 2 };
    let id = scene.edit(|edit| edit.watch(&scene.debuggee, target, READ | WRITE).unwrap());
    let log = log(&scene);
    let run = |name: &str, args: &[Value]| {
        scene.call(name, args).unwrap();
        log.take().into_iter().map(|told| (told.id, told.access, told.old[0], told.new[0])).collect::<Vec<_>>()
    };
    assert_eq!(run("set", &[Value::I32(1)]), []);
    assert_eq!(run("set", &[Value::I32(2)]), [(id, WRITE, 0, 1)]);
    assert_eq!(run("get", &[]), [(id, READ, 1, 1)]);
    assert_eq!(run("fill", &[]), [(id, WRITE, 1, 0)]);
    assert_eq!(run("init", &[]), [(id, WRITE, 0, 1)]);
    assert_eq!(run("copy", &[]), [(id, WRITE, 1, 1)]);
    assert_eq!(run("elsewhere", &[]), []);
    scene.debuggee.store().table_set(table, 2, Value::FuncRef(None)).unwrap();
    assert_eq!(run("get", &[]), [(id, WRITE, 1, 0), (id, READ, 0, 0)]);
}

/// Stores 1, 2, 3, … `$n` at 100.
const COUNTS: &str = r#"(module (memory (export "m") 1)
  (func (export "count") (param $n i32) (local $i i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (i32.store (i32.const 100) (local.get $i))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))"#;

#[test]
fn a_call_pauses_there_and_steps_end_there() {
    let scene = Scene::new(COUNTS);
    let id = watch(&scene, 100, 4, WRITE);
    let call = scene.begin("count", &[Value::I32(3)]);
    for n in 1..=3 {
        assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let event = call.event().unwrap();
        let hits = event.watched.clone().unwrap();
        assert_eq!((event.kind, hits[0].id, hits.len()), (EventKind::Watchpoint, id, 1));
        assert_eq!(hits[0].new.bytes().unwrap(), [n, 0, 0, 0]);
        assert_eq!(hits[0].old.bytes().unwrap(), [n - 1, 0, 0, 0]);
        assert_eq!(event.pc, scene.pc(0, 8));
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
    // Step by step: the step that does it ends with the watchpoint, at the place where it would have ended.
    let call = scene.begin("count", &[Value::I32(2)]);
    let mut kinds = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        let event = call.event().unwrap();
        kinds.push((event.kind, scene.state(&event.frame.unwrap()).operator));
    }
    let watched: Vec<_> = kinds.iter().filter(|(kind, _)| *kind == EventKind::Watchpoint).collect();
    assert_eq!(watched, [&(EventKind::Watchpoint, 8); 2]);
    assert_eq!(kinds.iter().filter(|(_, operator)| *operator == 8).count(), 2);
    assert_eq!(kinds.len(), 1 + 2 * 11 + 2, "{kinds:?}");
}

#[test]
fn a_breakpoint_behind_it_is_told_as_well() {
    let scene = Scene::new(COUNTS);
    watch(&scene, 100, 4, WRITE);
    scene.add(0, 8);
    let log = scene.log(EventKind::ALL);
    scene.call("count", &[Value::I32(2)]).unwrap();
    let once = [(EventKind::Watchpoint, 0, 8), (EventKind::Breakpoint, 0, 8)];
    assert_eq!(log.places(), [once, once].concat());
}

#[test]
fn options_and_conditions_are_those_of_breakpoints() {
    let scene = Scene::new(COUNTS);
    let id = watch(&scene, 100, 4, WRITE);
    let log = log(&scene);
    let options = BreakpointOptions { ignore_count: 2, is_one_shot: true, ..BreakpointOptions::default() };
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let odd = move |debuggee: &Debuggee, frame: &pellucid::debug::Frame, _: u64| {
        count.set(count.get() + 1);
        let mut local = [Value::Unavailable];
        debuggee.frame_read_locals(frame, 1, &mut local).unwrap();
        matches!(local, [Value::I32(n)] if n % 2 == 1)
    };
    scene.edit(|edit| {
        edit.set_options(id, options);
        edit.set_condition(id, Some(Box::new(odd)));
    });
    scene.call("count", &[Value::I32(9)]).unwrap();
    let told = log.take();
    assert_eq!((told.len(), told[0].new[0], asked.get()), (1, 5, 5));
    assert_eq!(kind(scene.debuggee.watchpoint(id)), ErrorKind::NotFound);
    // Disabled, and enabled again: what happened meanwhile is no news.
    let id = watch(&scene, 100, 4, WRITE);
    scene.edit(|edit| edit.enable(id, false));
    scene.call("count", &[Value::I32(2)]).unwrap();
    scene.edit(|edit| edit.enable(id, true));
    scene.call("count", &[Value::I32(0)]).unwrap();
    let told = log.take();
    assert_eq!((told.len(), told[0].old[0], told[0].new[0]), (1, 2, 1));
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 1);
    // Another instance's and another frame's writes don't count.
    let other = BreakpointOptions { frame_key: Some(1), ..BreakpointOptions::default() };
    scene.edit(|edit| edit.set_options(id, other));
    scene.call("count", &[Value::I32(3)]).unwrap();
    assert_eq!(log.take(), []);
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().declined, 3);
}

#[test]
fn expressions_are_evaluated_in_the_frame_whose_operator_did_it() {
    let scene = Scene::new(
        r#"(module (memory (export "m") 1)
          (func (export "one") (param $a i32) (i32.store (i32.const 100) (local.get $a)))
          (func (export "two") (param $b i32) (param $a i32) (i32.store (i32.const 100) (local.get $a))))"#,
    );
    let id = watch(&scene, 100, 4, WRITE);
    scene.edit(|edit| edit.set_expression(&scene.debuggee, id, Some("$a == 5 && i32[100] == 5")).unwrap());
    let log = log(&scene);
    for n in [4, 5] {
        scene.call("one", &[Value::I32(n)]).unwrap();
        scene.call("two", &[Value::I32(9 - n), Value::I32(n)]).unwrap();
    }
    let told = log.take();
    assert_eq!(told.iter().map(|told| (told.id, told.new[0])).collect::<Vec<_>>(), [(id, 5), (id, 5)]);
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.declined, info.has_condition), (4, 2, true));
    // What isn't in a function can't be told there, and is told of.
    scene.edit(|edit| edit.set_expression(&scene.debuggee, id, Some("$b == 1")).unwrap());
    scene.call("one", &[Value::I32(0)]).unwrap();
    scene.call("two", &[Value::I32(0), Value::I32(2)]).unwrap();
    assert_eq!(log.take().len(), 1);
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    assert_eq!(kind(edit.set_expression(&scene.debuggee, id, Some("$b ="))), ErrorKind::InvalidArgument);
    assert_eq!(kind(edit.set_expression(&scene.debuggee, id + 1, Some("1"))), ErrorKind::NotFound);
}

#[test]
fn what_a_handler_does_is_no_news() {
    let scene = Scene::new(
        r#"(module (memory (export "m") 1)
          (func (export "store") (param i32) (i32.store (i32.const 100) (local.get 0)))
          (func (export "twice") (i32.store (i32.const 100) (i32.const 1)) (i32.store (i32.const 100) (i32.const 2))))"#,
    );
    let id = watch(&scene, 100, 4, WRITE);
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    let store = scene.func("store");
    let olds = Rc::new(RefCell::new(Vec::new()));
    let seen = olds.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let hits = event.watched.clone().unwrap();
        seen.borrow_mut().push((hits[0].old.bytes().unwrap()[0], hits[0].new.bytes().unwrap()[0]));
        debuggee.store().memory_write(memory, 100, &[40]).unwrap();
        debuggee.call(store, &[Value::I32(50)]).unwrap();
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(handler)).unwrap();
    scene.call("twice", &[]).unwrap();
    assert_eq!(olds.take(), [(0, 1), (50, 2)]);
    let info = scene.debuggee.watchpoint(id).unwrap();
    assert_eq!((info.hits, info.passed_over), (4, 2));
}

#[test]
fn edits_are_all_or_nothing() {
    let scene = Scene::new(STORES);
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    let target = |address, size| WatchTarget::Memory { memory, address, size };
    scene.edit(|edit| {
        let mut refused = |target, access| kind(edit.watch(&scene.debuggee, target, access));
        assert_eq!(refused(target(0, 0), WRITE), ErrorKind::InvalidArgument);
        assert_eq!(refused(target(0, 1), 0), ErrorKind::InvalidArgument);
        assert_eq!(refused(target(0, 1), 4), ErrorKind::InvalidArgument);
        assert_eq!(refused(target(65536, 1), WRITE), ErrorKind::OutOfRange);
        assert_eq!(refused(target(65535, 2), WRITE), ErrorKind::OutOfRange);
        assert_eq!(refused(target(u64::MAX, 2), WRITE), ErrorKind::OutOfRange);
    });
    let other = Scene::new(STORES);
    let foreign = memory_of(&other.debuggee, other.instance, "m");
    let foreign = WatchTarget::Memory { memory: foreign, address: 0, size: 1 };
    scene.edit(|edit| assert_eq!(kind(edit.watch(&scene.debuggee, foreign, WRITE)), ErrorKind::WrongStore));
    let mut failing = pellucid::debug::Edit::begin(&scene.debuggee).unwrap();
    let id = failing.watch(&scene.debuggee, target(100, 4), WRITE).unwrap();
    failing.remove(id + 1);
    assert_eq!(kind(failing.commit(&scene.debuggee)), ErrorKind::NotFound);
    let log = log(&scene);
    scene.call("store", &[Value::I32(100), Value::I64(1)]).unwrap();
    assert_eq!(log.take(), []);
    assert!(scene.debuggee.watchpoints().unwrap().is_empty());
    // A breakpoint and a watchpoint at the same stop point come and go in any order.
    for order in [[true, false], [false, true]] {
        let watched = watch(&scene, 100, 4, WRITE);
        let breakpoint = scene.add(0, 0);
        assert_ne!(watched, breakpoint);
        assert_eq!(scene.debuggee.watchpoints().unwrap()[0].id, watched);
        assert_eq!(scene.debuggee.breakpoints().unwrap()[0].id, breakpoint);
        for is_watchpoint in order {
            scene.edit(|edit| edit.remove(if is_watchpoint { watched } else { breakpoint }));
            scene.call("store", &[Value::I32(100), Value::I64(1)]).unwrap();
            assert_eq!(log.take().len(), usize::from(!is_watchpoint && order[1]));
        }
    }
}

#[test]
fn ten_thousand_watchpoints_work() {
    let scene = Scene::new(STORES);
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    let ids: Vec<u64> = scene.edit(|edit| {
        let add = |n: u64| WatchTarget::Memory { memory, address: 4 * n, size: 4 };
        (0..10_000).map(|n| edit.watch(&scene.debuggee, add(n), WRITE).unwrap()).collect()
    });
    let log = log(&scene);
    scene.call("store", &[Value::I32(20_002), Value::I64(-1)]).unwrap();
    let told: Vec<_> = log.take().into_iter().map(|told| (told.id, told.part)).collect();
    assert_eq!(told, [(ids[5000], 20_002..20_004), (ids[5001], 20_004..20_008), (ids[5002], 20_008..20_010)]);
    edit(&scene.debuggee, |edit| ids.iter().for_each(|id| edit.remove(*id)));
    scene.call("store", &[Value::I32(20_002), Value::I64(-1)]).unwrap();
    assert_eq!(log.take(), []);
}

#[test]
fn a_frame_that_was_moved_is_watched() {
    let scene = Scene::new(STORES);
    watch(&scene, 100, 8, WRITE);
    scene.add(0, 0);
    let call = scene.begin("store", &[Value::I32(0), Value::I64(3)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let frame = call.event().unwrap().frame.unwrap();
    scene.debuggee.frame_write_local(&frame, 0, &Value::I32(100)).unwrap();
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!(event.watched.unwrap()[0].new.bytes().unwrap()[0], 3);
    assert_eq!(event.pc, scene.pc(0, 3));
    // It stores once more if it is sent back.
    let frame = scene.debuggee.frame_restart(&event.frame.unwrap()).unwrap();
    scene.debuggee.frame_write_local(&frame, 1, &Value::I64(4)).unwrap();
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    assert!(scene.debuggee.frame_is_valid(&frame));
    let mut kinds = Vec::new();
    while call.resume(&scene.debuggee, Resume::Continue).unwrap() == CallState::Paused {
        kinds.push(call.event().unwrap().kind);
    }
    assert_eq!(kinds, [EventKind::Watchpoint]);
    assert_eq!(call.state(), CallState::Finished);
}

#[test]
fn instances_that_share_a_memory_are_all_watched() {
    let engine = scene::engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    let owner = scene::module(&engine, r#"(module (memory $unused 1) (memory (export "m") 1))"#);
    let user = scene::module(
        &engine,
        r#"(module (import "a" "m" (memory 1)) (func (export "run") (i32.store8 (i32.const 7) (i32.const 1))))"#,
    );
    let starter = scene::module(
        &engine,
        r#"(module (import "a" "m" (memory 1)) (data (i32.const 6) "xyz")
          (func $run (i32.store8 (i32.const 7) (i32.const 1))) (start $run))"#,
    );
    let instance = debuggee.instantiate(&owner, &[]).unwrap();
    let memory = memory_of(&debuggee, instance, "m");
    let users = [(); 2].map(|()| debuggee.instantiate(&user, &[Extern::Memory(memory)]).unwrap());
    let scene = Scene { debuggee: debuggee.clone(), module: owner, instance };
    watch(&scene, 7, 1, WRITE);
    let log = log(&scene);
    for user in users {
        debuggee.call(scene::func(&debuggee, user, "run"), &[]).unwrap();
        assert_eq!(log.take().len(), 1);
    }
    debuggee.instantiate(&starter, &[Extern::Memory(memory)]).unwrap();
    let told: Vec<_> = log.take().into_iter().map(|told| (told.by, told.old[0], told.new[0])).collect();
    assert_eq!(told, [(None, 1, b'y'), (Some(2), b'y', 1)]);
}

#[test]
fn without_anybody_to_tell_hits_are_counted() {
    let scene = Scene::new(COUNTS);
    let id = watch(&scene, 100, 4, WRITE);
    scene.call("count", &[Value::I32(5)]).unwrap();
    assert_eq!(scene.debuggee.watchpoint(id).unwrap().hits, 5);
    let log = log(&scene);
    scene.call("count", &[Value::I32(1)]).unwrap();
    assert_eq!(log.take()[0].old, [5, 0, 0, 0]);
}

#[test]
fn references_in_globals_are_kept() {
    let scene = Scene::new(
        r#"(module (type $s (struct (field i32))) (global (export "g") (mut (ref null $s)) (ref.null $s))
          (func (export "set") (param i32) (global.set 0 (struct.new $s (local.get 0)))))"#,
    );
    watch_global(&scene, "g", WRITE);
    let fields = Rc::new(RefCell::new(Vec::new()));
    let seen = fields.clone();
    let field = |debuggee: &Debuggee, seen: &Seen| match seen.to_value(debuggee.store()).unwrap() {
        Value::AnyRef(Some(AnyRef::Object(object))) => match debuggee.store().object_get(object, 0).unwrap() {
            Value::I32(field) => field,
            other => panic!("{other:?}"),
        },
        Value::AnyRef(_) => -1,
        other => panic!("{other:?}"),
    };
    let handler = move |debuggee: &Debuggee, event: &Event| {
        debuggee.store().collect_garbage().unwrap();
        let hits = event.watched.clone().unwrap();
        seen.borrow_mut().push((field(debuggee, &hits[0].old), field(debuggee, &hits[0].new)));
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(handler)).unwrap();
    for n in 1..4 {
        scene.call("set", &[Value::I32(n)]).unwrap();
        scene.debuggee.store().collect_garbage().unwrap();
    }
    assert_eq!(fields.take(), [(-1, 1), (1, 2), (2, 3)]);
}

#[test]
fn what_a_handler_begins_to_watch_is_watched_from_the_operator_on_that_is_next() {
    let scene = Scene::new(STORES);
    scene.add(0, 2);
    let memory = memory_of(&scene.debuggee, scene.instance, "m");
    let told = Rc::new(Cell::new(0));
    let seen = told.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        if event.kind == EventKind::Watchpoint {
            seen.set(seen.get() + 1);
        } else {
            let target = WatchTarget::Memory { memory, address: 100, size: 4 };
            edit(debuggee, |edit| edit.watch(debuggee, target, WRITE).unwrap());
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("store", &[Value::I32(100), Value::I64(5)]).unwrap();
    assert_eq!(told.get(), 1);
}

#[test]
fn a_breakpoint_that_declines_where_a_watchpoint_was_told_of_ends_no_step() {
    let scene = Scene::new(STORES);
    watch(&scene, 100, 4, WRITE);
    let breakpoint = scene.add(0, 3);
    scene.edit(|edit| edit.set_condition(breakpoint, Some(Box::new(|_, _, _| false))));
    let call = scene.begin("store", &[Value::I32(100), Value::I64(5)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Paused);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.pc), (EventKind::Watchpoint, scene.pc(0, 3)));
    // It stands before the last operator, which is stepped from and not to.
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Finished);
    assert_eq!(scene.debuggee.breakpoint(breakpoint).unwrap().declined, 1);
}

#[test]
fn calls_through_an_element_read_it() {
    let scene = Scene::with_host(
        r#"(module (import "host" "f" (func $host)) (type $void (func)) (type $other (func (param i32)))
          (table (export "t") 4 funcref) (table $beside 4 funcref) (elem (i32.const 1) func $f $f $host) (elem (table $beside) (i32.const 0) func $f $f $f)
          (func $f (nop))
          (func (export "call") (param i32) (call_indirect (type $void) (local.get 0)) (nop))
          (func (export "tail") (param i32) (nop) (return_call_indirect (type $void) (local.get 0)))
          (func (export "wrong") (param i32) (call_indirect (type $other) (i32.const 0) (local.get 0)))
          (func (export "beside") (param i32) (call_indirect $beside (type $void) (local.get 0))))"#,
        |_| {},
    );
    let table = table_of(&scene, "t");
    let watch = |index, access| {
        let target = WatchTarget::Element { table, index };
        scene.edit(|edit| edit.watch(&scene.debuggee, target, access).unwrap())
    };
    let [null, func, host] = [0, 2, 3].map(|index| watch(index, READ));
    watch(2, WRITE);
    let log = log(&scene);
    let run = |name: &str, index: i32| {
        let result = scene.call(name, &[Value::I32(index)]);
        let told = log.take().into_iter().map(|told| (told.id, told.access, told.by, told.next, told.old, told.new));
        (result.is_ok(), told.collect::<Vec<_>>())
    };
    let read = |id, operator, is_there: u8| vec![(id, READ, Some(operator), operator, vec![is_there], vec![is_there])];
    assert_eq!(run("call", 1), (true, vec![]));
    assert_eq!(run("beside", 2), (true, vec![]));
    assert_eq!(run("call", 2), (true, read(func, 1, 1)));
    assert_eq!(run("tail", 2), (true, read(func, 2, 1)));
    assert_eq!(run("call", 3), (true, read(host, 1, 1)));
    assert_eq!(run("call", 0), (false, read(null, 1, 0)));
    assert_eq!(run("wrong", 2), (false, read(func, 2, 1)));
    assert_eq!(run("call", 4), (false, vec![]));
    assert_eq!(scene.debuggee.watchpoint(func).unwrap().hits, 3);
    // It is told once, however often the call pauses there, and is one of the events of its operator.
    scene.debuggee.clear_event_handler().unwrap();
    scene.add(2, 1);
    let call = scene.begin("call", &[Value::I32(2)]);
    let mut kinds = Vec::new();
    while call.resume(&scene.debuggee, Resume::Continue).unwrap() == CallState::Paused {
        let event = call.event().unwrap();
        assert_eq!(event.pc, scene.pc(2, 1));
        let frame = event.frame.unwrap();
        scene.debuggee.frame_write_local(&frame, 0, &Value::I32(7)).unwrap();
        kinds.push(event.kind);
    }
    assert_eq!(kinds, [EventKind::Watchpoint, EventKind::Breakpoint]);
    assert_eq!(call.state(), CallState::Finished);
    // Step by step it takes the place of the step that would end there.
    let call = scene.begin("tail", &[Value::I32(2)]);
    let mut steps = Vec::new();
    while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
        let event = call.event().unwrap();
        let state = scene.state(&event.frame.unwrap());
        steps.push((event.kind, state.func, state.operator));
    }
    let step = |func, operator| (EventKind::Step, func, operator);
    let watched = (EventKind::Watchpoint, 3, 2);
    assert_eq!(steps, [step(3, 0), step(3, 1), watched, step(1, 0), step(1, 1)]);
}
