//! Wasmtime.

use crate::guest::{BAD_DESCRIPTOR, Guest, Value};
use wasmtime::{Config, Engine, Linker, Module, Store, Val};

/// An engine as Wasmtime's defaults make it. It compiles on the calling thread: the crate's feature for more is off.
pub fn engine(debug: bool) -> Engine {
    let mut config = Config::new();
    if debug {
        config.guest_debug(true);
    }
    Engine::new(&config).unwrap()
}

/// A module.
pub fn module(engine: &Engine, bytes: &[u8]) -> Module {
    Module::new(engine, bytes).unwrap()
}

/// Bytes of the machine code, and of the image with all tables on it: without the data segments, which are in the image
/// too.
pub fn sizes(debug: bool, bytes: &[u8]) -> (f64, f64) {
    let module = module(&engine(debug), bytes);
    let data: u64 = wasmparser::Parser::new(0)
        .parse_all(bytes)
        .map(|payload| match payload.unwrap() {
            wasmparser::Payload::DataSection(section) => section.range().end - section.range().start,
            _ => 0,
        })
        .sum();
    (module.text().len() as f64, module.serialize().unwrap().len() as f64 - data as f64)
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
