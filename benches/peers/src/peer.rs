//! Wasmtime.

use crate::guest::{BAD_DESCRIPTOR, Guest, Value};
use wasmtime::{Collector, Config, Engine, Linker, Module, Store, Val};

/// An engine as Wasmtime's defaults make it. It compiles on the calling thread: the crate's feature for more is off.
pub fn engine(debug: bool) -> Engine {
    let mut config = Config::new();
    if debug {
        config.guest_debug(true);
    }
    Engine::new(&config).unwrap()
}

/// The same without signal handlers.
pub fn checking_engine() -> Engine {
    Engine::new(Config::new().signals_based_traps(false)).unwrap()
}

/// The same with fuel that is counted.
pub fn counting_engine() -> Engine {
    Engine::new(Config::new().consume_fuel(true)).unwrap()
}

/// The same with a look at the epoch where functions and loops begin.
pub fn looking_engine() -> Engine {
    Engine::new(Config::new().epoch_interruption(true)).unwrap()
}

/// The same with this collector, and all that programs with objects use.
pub fn collecting_engine(collector: Collector) -> Engine {
    let mut config = Config::new();
    config.wasm_gc(true).wasm_function_references(true).wasm_exceptions(true).collector(collector);
    Engine::new(&config).unwrap()
}

/// A module.
pub fn module(engine: &Engine, bytes: &[u8]) -> Module {
    Module::new(engine, bytes).unwrap()
}

/// Bytes of the functions' machine code, and of it with the tables on it. Only what Pellucid has too is counted: no
/// trampolines, no padding to pages, no data segments, no bytes of the module, no native unwind tables.
pub fn sizes(debug: bool, bytes: &[u8]) -> (f64, f64) {
    let module = module(&engine(debug), bytes);
    let code: usize = module.functions().map(|function| function.len).sum();
    let tables =
        [".wasmtime.addrmap", ".wasmtime.stackmap", ".wasmtime.traps", ".wasmtime.exceptions", ".wasmtime.frames"];
    let elf = module.serialize().unwrap();
    let sections = sections(&elf).into_iter().filter(|(name, _)| tables.contains(name));
    (code as f64, (code + sections.map(|(_, size)| size).sum::<usize>()) as f64)
}

/// The machine code, and where which function starts.
pub fn code(debug: bool, bytes: &[u8]) -> (Vec<u8>, Vec<(usize, u32)>) {
    let module = module(&engine(debug), bytes);
    let starts = module.functions().map(|function| (function.offset, function.index.as_u32())).collect();
    (module.text().to_vec(), starts)
}

/// Names and sizes of the sections of a 64-bit ELF image.
fn sections(elf: &[u8]) -> Vec<(&str, usize)> {
    fn number<const N: usize>(elf: &[u8], at: usize) -> usize {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&elf[at..at + N]);
        u64::from_le_bytes(bytes) as usize
    }
    let header = |index| number::<8>(elf, 0x28) + index * number::<2>(elf, 0x3a);
    let names = number::<8>(elf, header(number::<2>(elf, 0x3e)) + 0x18);
    (0..number::<2>(elf, 0x3c))
        .map(|index| {
            let name = &elf[names + number::<4>(elf, header(index))..];
            let end = name.iter().position(|byte| *byte == 0).expect("names end");
            (std::str::from_utf8(&name[..end]).expect("names are ASCII"), number::<8>(elf, header(index) + 0x20))
        })
        .collect()
}

/// A store and an instance in it.
pub struct Instance {
    pub store: Store<()>,
    pub instance: wasmtime::Instance,
    debug: bool,
}

impl Instance {
    /// Instantiates in a new store.
    pub fn new(engine: &Engine, module: &Module) -> Instance {
        let mut store = Store::new(engine, ());
        // Fails where it isn't counted.
        let _ = store.set_fuel(u64::MAX);
        store.set_epoch_deadline(u64::MAX / 2);
        let mut linker = Linker::new(engine);
        for import in module.imports() {
            let ty = import.ty().unwrap_func().clone();
            let answer = |_: wasmtime::Caller<'_, ()>, _: &[Val], results: &mut [Val]| {
                results.fill(Val::I32(BAD_DESCRIPTOR));
                Ok(())
            };
            linker.func_new(import.module(), import.name(), ty, answer).unwrap();
        }
        let instance = linker.instantiate(&mut store, module).unwrap();
        Instance { store, instance, debug: engine.get_guest_debug() }
    }
}

impl Guest for Instance {
    fn has(&mut self, export: &str) -> bool {
        self.instance.get_export(&mut self.store, export).is_some()
    }

    fn call(&mut self, export: &str, args: &[Value]) -> Option<Value> {
        let func = self.instance.get_func(&mut self.store, export).unwrap();
        let args: Vec<_> = args.iter().copied().map(to_peer).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        func.call(&mut self.store, &args, &mut results).unwrap();
        results.first().map(from_peer)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        let memory = self.instance.get_memory(&mut self.store, "memory").unwrap();
        memory.write(&mut self.store, address as usize, bytes).unwrap();
    }

    fn describe(&self) -> String {
        format!("in Wasmtime, debugging {}", if self.debug { "on" } else { "off" })
    }
}

fn to_peer(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
    }
}

fn from_peer(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        other => panic!("{other:?}"),
    }
}
