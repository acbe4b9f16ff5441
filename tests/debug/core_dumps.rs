//! Core dumps, read with `wasmparser` and compared with what the store and its frames say.

use crate::scene::{Scene, engine, host, kind, module, stack};
use pellucid::base::{
    Config, Error, ErrorKind, Global, GlobalIndex, Memory, MemoryIndex, MemoryType, StoreLimits, ValType, Value,
};
use pellucid::debug::{Action, CallState, CoreContents, Debuggee, EventKind, Frame, Resume};
use pellucid::runtime::{Engine, Extern};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use wasmparser::{
    CoreDumpInstance, CoreDumpStackFrame, CoreDumpValue, DataKind, KnownCustom, Operator, Parser, Payload, Validator,
    WasmFeatures,
};

/// A stack of a dump.
struct Stack {
    name: String,
    frames: Vec<CoreDumpStackFrame>,
}

/// A dump as `wasmparser` reads it.
#[derive(Default)]
struct Dump {
    bytes: Vec<u8>,
    name: String,
    modules: Vec<String>,
    instances: Vec<CoreDumpInstance>,
    stacks: Vec<Stack>,
    memories: Vec<wasmparser::MemoryType>,
    globals: Vec<String>,
    /// Memory, offset, and bytes.
    data: Vec<(u32, u64, Vec<u8>)>,
}

fn bytes_of(debuggee: &Debuggee, contents: CoreContents) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut take = |part: &[u8]| {
        assert!(!part.is_empty() && part.len() <= 64 << 10);
        bytes.extend_from_slice(part);
        Ok(())
    };
    debuggee.core_dump("a program", contents, &mut take).unwrap();
    bytes
}

/// Takes a dump, and reads it.
fn dump(debuggee: &Debuggee) -> Dump {
    read(bytes_of(debuggee, CoreContents::default()))
}

fn read(bytes: Vec<u8>) -> Dump {
    let mut dump = Dump::default();
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::CoreDump(core) => dump.name = core.name.to_string(),
                KnownCustom::CoreDumpModules(section) => {
                    dump.modules = section.modules.iter().map(|name| name.to_string()).collect();
                }
                KnownCustom::CoreDumpInstances(section) => dump.instances = section.instances,
                KnownCustom::CoreDumpStack(stack) => {
                    dump.stacks.push(Stack { name: stack.name.to_string(), frames: stack.frames });
                }
                _ => panic!("{} isn't a section that is known", section.name()),
            },
            Payload::MemorySection(memories) => dump.memories = memories.into_iter().map(Result::unwrap).collect(),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.unwrap();
                    assert!(!global.ty.mutable && !global.ty.shared);
                    let operators = global.init_expr.get_operators_reader().into_iter();
                    let operators: Vec<_> = operators.map(|operator| format!("{:?}", operator.unwrap())).collect();
                    dump.globals.push(format!("{}: {}", global.ty.content_type, operators.join(" ")));
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment.unwrap();
                    let DataKind::Active { memory_index, offset_expr } = segment.kind else { panic!("it has a place") };
                    let offset = match offset_expr.get_operators_reader().read().unwrap() {
                        Operator::I32Const { value } => u64::from(value as u32),
                        Operator::I64Const { value } => value as u64,
                        other => panic!("{other:?} is no offset"),
                    };
                    dump.data.push((memory_index, offset, segment.data.to_vec()));
                }
            }
            Payload::Version { .. } | Payload::End(_) => {}
            other => panic!("{other:?} doesn't belong there"),
        }
    }
    dump.bytes = bytes;
    dump
}

/// What a dump says of a value.
fn expected(value: &Value) -> String {
    let value = match *value {
        Value::I32(value) => CoreDumpValue::I32(value),
        Value::I64(value) => CoreDumpValue::I64(value),
        Value::F32(bits) => CoreDumpValue::F32(f32::from_bits(bits).into()),
        Value::F64(bits) => CoreDumpValue::F64(f64::from_bits(bits).into()),
        _ => CoreDumpValue::Missing,
    };
    format!("{value:?}")
}

/// That the dump has these frames, innermost first, as the debugger shows them.
fn assert_stack(debuggee: &Debuggee, dump: &Dump, which: usize, innermost: &Frame) {
    let (frames, dumped) = (stack(debuggee, innermost), &dump.stacks[which]);
    assert!(dumped.name.starts_with(&format!("call {}: ", innermost.call)), "{}", dumped.name);
    assert_eq!(frames.len(), dumped.frames.len());
    for (frame, dumped) in frames.iter().zip(&dumped.frames) {
        let info = debuggee.frame_info(frame).unwrap();
        assert_eq!(dumped.funcidx, info.func_index.as_u32());
        assert_eq!(dumped.codeoffset, info.func_offset);
        assert_eq!(u64::from(dumped.instanceidx), info.instance.unwrap().index);
        let module = debuggee.frame_module(frame).unwrap();
        let instance = &dump.instances[dumped.instanceidx as usize];
        assert_eq!(dump.modules[instance.module_index as usize], module.name().unwrap_or(""));
        let (mut locals, mut operands) = (vec![Value::Unavailable; 100], vec![Value::Unavailable; 100]);
        let n_locals = debuggee.frame_read_locals(frame, 0, &mut locals).unwrap() as usize;
        let n_operands = debuggee.frame_read_operands(frame, 0, &mut operands).unwrap() as usize;
        for (values, dumped) in [(&locals[..n_locals], &dumped.locals), (&operands[..n_operands], &dumped.stack)] {
            let values: Vec<_> = values.iter().map(expected).collect();
            let dumped: Vec<_> = dumped.iter().map(|value| format!("{value:?}")).collect();
            assert_eq!(dumped, values);
        }
    }
}

/// That the dump has the bytes of every memory, and says nothing of pages of zeros.
fn assert_memories(debuggee: &Debuggee, dump: &Dump) {
    let store = debuggee.store();
    for (index, ty) in dump.memories.iter().enumerate() {
        let memory = Memory { store: store.id(), index: index as u64 };
        assert_eq!(ty.initial, store.memory_size(memory).unwrap());
        let MemoryType { minimum: _, maximum, is_64, page_size_log2, is_shared } = store.memory_type(memory).unwrap();
        assert_eq!((ty.maximum, ty.memory64, ty.shared), (maximum, is_64, is_shared));
        assert_eq!(ty.page_size_log2.unwrap_or(16), u32::from(page_size_log2));
        let mut bytes = vec![0; (ty.initial << page_size_log2) as usize];
        for (_, offset, data) in dump.data.iter().filter(|(of, ..)| *of == index as u32) {
            bytes[*offset as usize..][..data.len()].copy_from_slice(data);
            assert!(offset % 4096 == 0 && data.chunks(4096).all(|page| page.iter().any(|byte| *byte != 0)));
        }
        let mut expected = vec![0; bytes.len()];
        store.memory_read(memory, 0, &mut expected).unwrap();
        assert!(bytes == expected, "memory {index} differs");
    }
    assert_eq!(dump.memories.len() as u64, store.memories());
}

/// `outer` calls `middle` calls `inner`, with something of every kind on their way.
const KINDS: &str = r#"(module $kinds
    (memory 1 4) (memory i64 2) (memory 100 (pagesize 1)) (memory 1 2 shared)
    (global (mut i32) (i32.const -5)) (global i64 (i64.const 0x8000000000000000))
    (global (mut f32) (f32.const nan:0x200001)) (global f64 (f64.const -0.1))
    (global v128 (v128.const i32x4 1 2 3 4))
    (global (mut funcref) (ref.func $inner)) (global externref (ref.null extern)) (global i31ref (ref.i31 (i32.const -7)))
    (elem declare func $inner)
    (data (memory 0) (i32.const 5) "zero") (data (memory 1) (i64.const 70000) "one") (data (memory 2) (i32.const 96) "two")
    (data (memory 3) (i32.const 60000) "three")
    (func $inner (param i32 i64 f32 f64) (result i32) (local v128 funcref externref anyref)
        (local.set 4 (v128.const i64x2 1 2))
        (local.set 5 (ref.func $inner))
        (local.set 7 (ref.i31 (i32.const 3)))
        (i32.const -1) (i64.const -1) (f32.const nan:0x200002) (f64.const inf)
        (i32.div_u (local.get 0) (i32.const 0))
        drop drop drop drop)
    (func $middle (param i32) (result i32)
        (i32.add (i32.const 1234567)
            (call $inner (local.get 0) (i64.const -9223372036854775808) (f32.const -0.0) (f64.const 1e300))))
    (func $outer (export "outer") (result i32) (local i64)
        (local.set 0 (i64.const 64))
        (i32.const 8)
        (call $middle (i32.const -64))
        i32.sub))"#;

#[test]
fn a_dump_of_a_call_that_has_trapped_says_what_its_frames_say() {
    let scene = Scene::new(KINDS);
    let call = scene.begin("outer", &[]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    let frame = call.frame(&scene.debuggee).unwrap().unwrap();
    let dump = dump(&scene.debuggee);
    assert_eq!((&*dump.name, &dump.modules[..]), ("a program", &["kinds".to_string()][..]));
    assert_eq!(dump.stacks.len(), 1);
    assert_eq!(dump.stacks[0].name, format!("call {}: integer divide by zero", call.id()));
    assert_stack(&scene.debuggee, &dump, 0, &frame);
    // The comparison says nothing if the values weren't known.
    let inner = &dump.stacks[0].frames[0];
    let values = |values: &[CoreDumpValue]| values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
    assert_eq!(values(&inner.locals)[..2], ["I32(-64)", "I64(-9223372036854775808)"]);
    assert_eq!(values(&inner.locals)[4..], ["Missing"; 4]);
    assert_eq!(inner.stack.len(), 6);
    assert_eq!(values(&dump.stacks[0].frames[1].stack), ["I32(1234567)"]);
    assert_memories(&scene.debuggee, &dump);
    assert_eq!(
        dump.data.iter().map(|(memory, offset, data)| (*memory, *offset, data.len())).collect::<Vec<_>>(),
        [(0, 0, 4096), (1, 69632, 4096), (2, 0, 100), (3, 57344, 4096)]
    );
    assert_eq!(
        dump.globals,
        [
            "i32: I32Const { value: -5 } End",
            "i64: I64Const { value: -9223372036854775808 } End",
            "f32: F32Const { value: Ieee32(2141192193) } End",
            "f64: F64Const { value: Ieee64(13815242216921733530) } End",
            "v128: V128Const { value: V128([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]) } End",
            "funcref: RefNull { hty: Abstract { shared: false, ty: Func } } End",
            "externref: RefNull { hty: Abstract { shared: false, ty: Extern } } End",
            "anyref: I32Const { value: -7 } RefI31 End",
        ]
    );
    // It is a module.
    Validator::new_with_features(WasmFeatures::all()).validate_all(&dump.bytes).unwrap();
}

#[test]
fn instances_name_their_memories_and_globals() {
    let engine = engine();
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    let exporting = module(
        &engine,
        r#"(module $a (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 1)) (global i32 (i32.const 2)))"#,
    );
    let importing = module(&engine, r#"(module (memory 1) (global i32 (i32.const 3)))"#);
    let both = module(
        &engine,
        r#"(module $b (import "" "g" (global (mut i32))) (import "" "m" (memory 1)) (memory 2) (global i64 (i64.const 4))
            (func (export "f") unreachable))"#,
    );
    let of_host = debuggee.store().memory_new(MemoryType::new(3, None)).unwrap();
    let a = debuggee.instantiate(&exporting, &[]).unwrap();
    let exported = |name: &str| debuggee.store().instance_export(a, name).unwrap().unwrap();
    debuggee.instantiate(&importing, &[]).unwrap();
    let b = debuggee.instantiate(&both, &[exported("g"), exported("m")]).unwrap();
    debuggee.instantiate(&exporting, &[]).unwrap();
    let Some(Extern::Func(f)) = debuggee.store().instance_export(b, "f").unwrap() else { panic!("it is a function") };
    let call = debuggee.call_begin(f, &[]).unwrap();
    call.resume(&debuggee, Resume::Continue).unwrap();

    let dump = dump(&debuggee);
    assert_eq!(dump.modules, ["a", "", "b"]);
    assert_eq!(dump.instances.iter().map(|instance| instance.module_index).collect::<Vec<_>>(), [0, 1, 2, 0]);
    assert_eq!(dump.stacks[0].frames[0].instanceidx, 2);
    for (place, instance) in debuggee.instances().unwrap().into_iter().enumerate() {
        let (spaces, dumped) = (debuggee.instance_spaces(instance).unwrap(), &dump.instances[place]);
        assert_eq!((dumped.memories.len() as u32, dumped.globals.len() as u32), (spaces.memories, spaces.globals));
        for (index, number) in dumped.memories.iter().enumerate() {
            let memory = debuggee.instance_memory(instance, MemoryIndex::from_u32(index as u32)).unwrap();
            assert_eq!(memory.index, u64::from(*number));
        }
        for (index, number) in dumped.globals.iter().enumerate() {
            let Global { index: expected, .. } =
                debuggee.instance_global(instance, GlobalIndex::from_u32(index as u32)).unwrap();
            assert_eq!(expected, u64::from(*number));
        }
    }
    assert_eq!(dump.instances[2].memories[0], dump.instances[0].memories[0]);
    assert_eq!(dump.instances[2].globals[0], dump.instances[0].globals[0]);
    assert_eq!(dump.memories[of_host.index as usize].initial, 3);
    assert_memories(&debuggee, &dump);
}

/// Calls itself by the host as often as its argument says.
const NESTED: &str = r#"(module
    (import "" "" (func $host (param i32)))
    (func $f (export "f") (param i32) (local i32)
        (local.set 1 (i32.mul (local.get 0) (i32.const 111)))
        (i32.const 9)
        (call $host (local.get 0))
        (local.get 0)
        i32.add
        drop))"#;

#[test]
fn every_call_has_a_stack_the_newest_first() {
    let seen = Rc::new(RefCell::new(0));
    let counted = seen.clone();
    let parked = Rc::new(RefCell::new(Vec::new()));
    let others = parked.clone();
    let scene = Scene::with(NESTED, |debuggee| {
        let call = move |debuggee: &Debuggee, args: &[Value]| {
            let Value::I32(depth) = args[0] else { panic!("it is an i32") };
            let instance = debuggee.instances()?[0];
            let Some(Extern::Func(f)) = debuggee.store().instance_export(instance, "f")? else { panic!("it is there") };
            if depth > 0 {
                debuggee.call(f, &[Value::I32(depth - 1)])?;
            }
            let (activations, dump) = (debuggee.frames()?, dump(debuggee));
            let paused: Vec<Frame> = others.borrow().clone();
            assert_eq!(dump.stacks.len(), activations.len() + paused.len());
            for (place, innermost) in activations.iter().chain(&paused).enumerate() {
                assert_stack(debuggee, &dump, place, innermost);
                let is_paused = place >= activations.len();
                assert!(dump.stacks[place].name.ends_with(if is_paused {
                    ": stopped"
                } else {
                    ": in a host function"
                }));
            }
            *counted.borrow_mut() += 1;
            Ok(Vec::new())
        };
        vec![host(debuggee, &[ValType::I32], &[], Box::new(call))]
    });
    scene.call("f", &[Value::I32(3)]).unwrap();
    assert_eq!(seen.take(), 4);
    // Calls that are paused meanwhile come after those that run, by age; one that hasn't begun has no stack.
    let calls: Vec<_> = (0..2).map(|n| scene.begin("f", &[Value::I32(n)])).collect();
    let ready = scene.begin("f", &[Value::I32(0)]);
    for call in calls.iter().rev() {
        call.resume(&scene.debuggee, Resume::Step).unwrap();
    }
    *parked.borrow_mut() = calls.iter().map(|call| call.frame(&scene.debuggee).unwrap().unwrap()).collect();
    scene.call("f", &[Value::I32(1)]).unwrap();
    assert_eq!(seen.take(), 2);
    drop((ready, calls));
    assert_eq!(dump(&scene.debuggee).stacks.len(), 0);
}

#[test]
fn a_handler_dumps_what_it_is_told_of() {
    let scene = Scene::new(KINDS);
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    let names = seen.clone();
    let handler = move |debuggee: &Debuggee, event: &pellucid::debug::Event| {
        let dump = dump(debuggee);
        assert_stack(debuggee, &dump, 0, &event.frame.unwrap());
        assert_memories(debuggee, &dump);
        names.borrow_mut().push(dump.stacks[0].name.split_once(": ").unwrap().1.to_string());
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.edit(|edit| edit.single_step(true));
    assert_eq!(kind(scene.call("outer", &[])), ErrorKind::Trap);
    let seen = seen.take();
    assert!(seen.len() > 20, "only {} steps", seen.len());
    assert!(seen[..seen.len() - 1].iter().all(|name| name == "stopped"));
    assert_eq!(seen.last().unwrap(), "integer divide by zero");
    // When the error is there the frames are gone.
    assert_eq!(dump(&scene.debuggee).stacks.len(), 0);
}

#[test]
fn what_was_written_into_frames_is_dumped() {
    let scene = Scene::new(KINDS);
    scene.add(0, 0);
    let call = scene.begin("outer", &[]);
    call.resume(&scene.debuggee, Resume::Continue).unwrap();
    let frames = stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap());
    scene.debuggee.frame_write_local(&frames[2], 0, &Value::I64(i64::MAX)).unwrap();
    let dump = dump(&scene.debuggee);
    assert_stack(&scene.debuggee, &dump, 0, &frames[0]);
    assert_eq!(format!("{:?}", dump.stacks[0].frames[2].locals), format!("[I64({})]", i64::MAX));
}

#[test]
fn pages_that_nobody_has_touched_are_neither_read_nor_made() {
    // Pages that are there, and tables of pages: reading one that nobody has touched needs no page, but a place in a table.
    let taken_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let of = |line: &str| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        status.lines().filter(|line| line.starts_with("VmRSS:") || line.starts_with("VmPTE:")).map(of).sum::<u64>()
    };
    let limits = StoreLimits { memory_bytes: 1 << 40, ..StoreLimits::default() };
    let debuggee = Debuggee::new(&engine(), limits).unwrap();
    let store = debuggee.store();
    let types = [MemoryType::new(1 << 16, None), MemoryType { is_64: true, ..MemoryType::new(200_000, None) }];
    let memories = types.map(|ty| store.memory_new(ty).unwrap());
    for (place, at) in [0, 4096, 123_456_789, (4 << 30) - 1].into_iter().enumerate() {
        store.memory_write(memories[0], at, &[1 + place as u8]).unwrap();
        store.memory_write(memories[1], at + (8 << 30), &[1 + place as u8]).unwrap();
    }
    // Touched, and zero.
    store.memory_write(memories[0], 1 << 30, &[0]).unwrap();
    let (before, started) = (taken_kib(), Instant::now());
    let dump = dump(&debuggee);
    let (grown, elapsed) = (taken_kib().saturating_sub(before), started.elapsed());
    let places = |memory| {
        let of_it = dump.data.iter().filter(move |(index, ..)| *index == memory);
        of_it.map(|(_, offset, data)| (*offset, data.len())).collect::<Vec<_>>()
    };
    let expected = [(0, 8192), (123_456_789 & !4095, 4096), ((4 << 30) - 4096, 4096)];
    assert_eq!(places(0), expected);
    assert_eq!(places(1), expected.map(|(offset, length)| (offset + (8 << 30), length)));
    assert!(dump.bytes.len() < 64 << 10, "{} bytes", dump.bytes.len());
    // 16 GiB of zeros would be seen in either.
    assert!(grown < 16 << 10, "{grown} KiB more");
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    let without = read(bytes_of(&debuggee, CoreContents { memories: false }));
    assert_eq!((without.data.len(), without.memories.len()), (0, 2));
}

#[test]
fn whoever_takes_it_may_refuse() {
    let scene = Scene::new(KINDS);
    let mut parts = 0;
    let mut take = |_: &[u8]| {
        parts += 1;
        Err(Error::new(ErrorKind::Host, "no more"))
    };
    assert_eq!(kind(scene.debuggee.core_dump("", CoreContents::default(), &mut take)), ErrorKind::Host);
    assert_eq!(parts, 1);
}

#[test]
fn without_debugging_there_are_none() {
    let engine = Engine::new(Config::default()).unwrap();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let mut take = |_: &[u8]| panic!("nothing is written");
    assert_eq!(kind(debuggee.core_dump("", CoreContents::default(), &mut take)), ErrorKind::DebugDisabled);
    assert_eq!(kind(debuggee.core_dump_file("", CoreContents::default(), "/no/such/core")), ErrorKind::DebugDisabled);
}
