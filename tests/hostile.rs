//! Modules that are hard to compile: what debugging adds grows with the module, and no faster; and what it shows is right.

#[path = "hostile/modules.rs"]
mod modules;

use modules::modules;
use pellucid::base::{Config, StoreLimits, Value};
use pellucid::compile::Compiler;
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Module};
use std::rc::Rc;
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
                let (_, module) = compiler.compile_module(pellucid::wasm::parse(&wasm).unwrap()).unwrap();
                module.image.len() + module.tables_size()
            };
            let (without, with) = (size(&plain), size(&debug));
            let allowed = 2 * without + BYTES_PER_BYTE * wasm.len();
            assert!(with <= allowed, "{name}, {n}: {with} bytes, {without} without debugging, of {}", wasm.len());
        }
    }
}

#[test]
fn with_debugging_it_computes_the_same_and_is_proved() {
    let outcome = |wasm: &[u8], debug: bool| {
        let config = Config { debug, compile_threads: 1, verify: true, poison_stacks: true, ..Config::default() };
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
        assert!(outcome(&wasm, false) == outcome(&wasm, true), "{name}");
    }
}
