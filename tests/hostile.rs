//! Modules that are hard to compile: what debugging adds grows with the module, and no faster; and what it shows is right.

#[path = "hostile/modules.rs"]
mod modules;

use modules::modules;
use pellucid::base::{Config, ErrorKind, StoreLimits, Value};
use pellucid::compile::Compiler;
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Module};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Bytes of tables and code that debugging may add for each byte of a module.
const BYTES_PER_BYTE: usize = 24;

#[test]
fn what_debugging_adds_grows_with_the_module() {
    let compiler =
        |debug| Compiler::new(&Config { debug, compile_threads: 1, verify: false, ..Config::default() }).unwrap();
    let (plain, debug) = (compiler(false), compiler(true));
    for n in [100, 800] {
        for (name, wasm) in modules(n) {
            let size = |compiler: &Compiler| {
                let (_, module) = compiler
                    .compile_module(pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap())
                    .unwrap();
                module.image.len() + module.tables_size()
            };
            let (without, with) = (size(&plain), size(&debug));
            // Each value that a call gives is stored, in one more instruction than it takes to receive and pass it on.
            let times = if name.contains("carry") { 3 } else { 2 };
            let allowed = times * without + BYTES_PER_BYTE * wasm.len();
            assert!(with <= allowed, "{name}, {n}: {with} bytes, {without} without debugging, of {}", wasm.len());
        }
    }
}

#[test]
fn with_debugging_it_computes_the_same_and_is_proved() {
    let outcome = |wasm: &[u8], debug: bool, exact: bool, in_memory: bool| {
        let config = Config { debug, exact, in_memory, ..Config::default() };
        // The exact form describes all locals at each operator, so that proving it takes the product of both.
        let config = Config { compile_threads: 1, verify: !exact, poison_stacks: true, ..config };
        let engine = Engine::new(config).unwrap();
        let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
        let instance = debuggee.instantiate(&Module::new(&engine, wasm).unwrap(), &[]).unwrap();
        let store = debuggee.store();
        let export = |name| store.instance_export(instance, name).unwrap().unwrap();
        let Extern::Func(f) = export("f") else { unreachable!("a function") };
        let Extern::Global(g) = export("g") else { unreachable!("a global") };
        let Extern::Memory(m) = export("m") else { unreachable!("a memory") };
        let outcomes = [0, 1, 3].map(|arg| debuggee.call(f, &[Value::I32(arg)]).map_err(|error| error.kind()));
        let mut memory = vec![0; 1 << 16];
        store.memory_read(m, 0, &mut memory).unwrap();
        (outcomes, store.global_get(g).unwrap(), memory)
    };
    for (name, wasm) in modules(60) {
        let expected = outcome(&wasm, false, false, false);
        let modes =
            [(true, false, false), (false, false, true), (true, false, true), (true, true, false), (true, true, true)];
        for (debug, exact, in_memory) in modes {
            let outcome = outcome(&wasm, debug, exact, in_memory);
            assert!(expected == outcome, "{name}, debugging {debug}, exact {exact}, in memory {in_memory}");
        }
    }
}

#[test]
fn all_can_be_compiled_in_the_exact_form() {
    let config = Config { debug: true, exact: true, compile_threads: 1, verify: false, ..Config::default() };
    let compiler = Compiler::new(&config).unwrap();
    for (name, wasm) in modules(1000) {
        let (start, before) = (processor_time(), TAKEN.get());
        PEAK.set(before);
        if let Err(error) =
            compiler.compile_module(pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap())
        {
            assert_eq!(error.kind(), ErrorKind::Limit, "{name}: {error}");
        }
        let (took, peak) = (processor_time() - start, PEAK.get() - before);
        assert!(took < allowed_time(&wasm), "{name}: {took:?}, {} bytes", wasm.len());
        let allowed = (200 << 20) + 2500 * wasm.len() as isize;
        assert!(peak < allowed, "{name}: {peak} bytes of memory, {} of the module", wasm.len());
    }
}

#[test]
fn what_compiling_takes_is_known_before() {
    let modes =
        [(false, false, true), (true, false, true), (false, false, false), (true, false, false), (true, true, false)];
    for (debug, exact, signal_handlers) in modes {
        let config = Config { debug, exact, signal_handlers, compile_threads: 1, verify: false, ..Config::default() };
        let compiler = Compiler::new(&config).unwrap();
        // What is known is what each function takes.
        for (name, wasm) in modules(200).into_iter().filter(|(name, _)| !name.contains("functions with many")) {
            let parsed = pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap();
            let before = TAKEN.get();
            PEAK.set(before);
            let compiled = compiler.compile_module(parsed);
            let peak = (PEAK.get() - before) as u64;
            if compiled.is_err() {
                continue;
            }
            let limited = Compiler::new(&Config { compile_memory: peak * 9 / 10, ..config.clone() }).unwrap();
            let refused = limited
                .compile_module(pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap())
                .err()
                .map(|error| error.kind());
            let mode = format!("debugging {debug}, exact {exact}, signal handlers {signal_handlers}");
            assert_eq!(refused, Some(ErrorKind::Limit), "{name}, {mode}: it took {peak} bytes");
        }
    }
}

/// The system's allocator, which counts what each thread has taken.
struct Counting;

thread_local! {
    static TAKEN: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is done by the system's allocator.
#[expect(unsafe_code, reason = "an allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(TAKEN.get()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        TAKEN.set(TAKEN.get() - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

/// What compiling a module may take.
fn allowed_time(wasm: &[u8]) -> Duration {
    Duration::from_secs(4) + wasm.len() as u32 / 1024 * Duration::from_millis(50)
}

/// Processor time that the thread has used, which doesn't depend on what else the machine does.
#[expect(unsafe_code, reason = "a system call")]
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the system fills it in.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn none_takes_long_to_compile() {
    for (debug, signal_handlers) in [(false, true), (true, true), (false, false), (true, false)] {
        let config = Config { debug, signal_handlers, compile_threads: 1, verify: false, ..Config::default() };
        let compiler = Compiler::new(&config).unwrap();
        for (name, wasm) in modules(1000) {
            let start = processor_time();
            let compiled = compiler
                .compile_module(pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap());
            let took = processor_time() - start;
            if let Err(error) = compiled {
                assert_eq!(error.kind(), ErrorKind::Limit, "{name}");
            }
            let mode = format!("debugging {debug}, signal handlers {signal_handlers}");
            assert!(took < allowed_time(&wasm), "{name}, {mode}: {took:?}, {} bytes", wasm.len());
        }
    }
}

#[test]
fn what_calls_and_branches_carry_is_limited() {
    let refusal = |n, compile_values| {
        let compiler = Compiler::new(&Config { compile_values, ..Config::default() }).unwrap();
        let carrying = modules(n).into_iter().filter(|(name, _)| name.contains("carry many values"));
        let refusals = carrying.map(|(_, wasm)| {
            let compiled = compiler
                .compile_module(pellucid::wasm::parse(&wasm, &pellucid::wasm::TypeRegistry::default()).unwrap());
            compiled.err().map(|error| error.kind())
        });
        refusals.collect::<Vec<_>>()
    };
    let default = Config::default().compile_values;
    assert_eq!(refusal(16 * 20, default), [None; 3]);
    assert_eq!(refusal(16 * 20, 100), [Some(ErrorKind::Limit); 3]);
    assert_eq!(refusal(16 * 1100, default), [Some(ErrorKind::Limit); 3]);
}

#[test]
fn a_long_name_that_many_imports_share_is_refused() {
    // A module of 210 kB that would import 10 GB of names, if each import had its own.
    let (length, imports) = (100_000, 100_000);
    let mut section = Vec::new();
    let number = |section: &mut Vec<u8>, value: usize| {
        section.extend([value as u8 | 0x80, (value >> 7) as u8 | 0x80, (value >> 14) as u8])
    };
    section.push(1);
    number(&mut section, length);
    section.extend(std::iter::repeat_n(b'a', length));
    section.extend(b"\x00\x7e\x00\x00");
    number(&mut section, imports);
    section.extend(std::iter::repeat_n(0, imports));
    let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\x00\x00\x02".to_vec();
    number(&mut module, section.len());
    module.extend(section);
    let engine = Engine::new(Config::default()).unwrap();
    let start = processor_time();
    let refused = Module::new(&engine, &module).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");
    assert!(processor_time() - start < Duration::from_secs(5));
}
