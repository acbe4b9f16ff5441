//! Pellucid.

use crate::guest::{BAD_DESCRIPTOR, Guest, Value};
use pellucid::abi::artifact::CompiledBlob;
use pellucid::base::{Config, Func, FuncType, StoreLimits, ValType, Value as OurValue};
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Linker, Module};
use pellucid::wasm;

/// An engine that compiles on the calling thread.
pub fn engine(debug: bool) -> Engine {
    Engine::new(config(debug)).unwrap()
}

/// The same without signal handlers: compiled code checks what may trap.
pub fn checking_engine(debug: bool) -> Engine {
    Engine::new(Config { signal_handlers: false, ..config(debug) }).unwrap()
}

/// The same with fuel that is counted.
pub fn counting_engine(debug: bool) -> Engine {
    Engine::new(Config { fuel: true, ..config(debug) }).unwrap()
}

/// The same with looks for interrupts where functions and loops begin.
pub fn looking_engine(debug: bool) -> Engine {
    Engine::new(Config { interrupt_checks: true, ..config(debug) }).unwrap()
}

/// What an engine is made with, whatever the environment says of tests.
fn config(debug: bool) -> Config {
    Config { debug, compile_threads: 1, verify: false, poison_stacks: false, ..Config::default() }
}

/// A module.
pub fn module(engine: &Engine, bytes: &[u8]) -> Module {
    Module::new(engine, bytes).unwrap()
}

/// Bytes of the functions' machine code, and of it with the tables on it.
pub fn sizes(debug: bool, bytes: &[u8]) -> (f64, f64) {
    let (_, compiled) = compiled(debug, bytes);
    let code: usize = compiled.functions.values().map(|function| function.length as usize).sum();
    let whole = code + compiled.tables_size();
    (code as f64, whole as f64)
}

/// The machine code, and where which function starts.
pub fn code(debug: bool, bytes: &[u8]) -> (Vec<u8>, Vec<(usize, u32)>) {
    let (info, compiled) = compiled(debug, bytes);
    let functions = compiled.functions.values();
    let starts = functions.map(|code| (code.start.0 as usize, info.func_index(code.function).as_u32())).collect();
    (compiled.image, starts)
}

fn compiled(debug: bool, bytes: &[u8]) -> (wasm::ModuleInfo, CompiledBlob) {
    let config = config(debug);
    let compiler = pellucid::compile::Compiler::new(&config).unwrap();
    compiler.compile_module(wasm::parse(bytes, &wasm::TypeRegistry::default()).unwrap()).unwrap()
}

/// A store, an instance in it and what it exports.
pub struct Instance {
    pub debuggee: Debuggee,
    exports: Vec<(String, Extern)>,
}

impl Instance {
    /// Instantiates in a new store.
    pub fn new(engine: &Engine, module: &Module) -> Instance {
        let debuggee = Debuggee::new(engine, StoreLimits::default()).unwrap();
        if engine.config().fuel {
            debuggee.set_fuel(i64::MAX).unwrap();
        }
        let mut linker = Linker::new(engine);
        let info = module.info();
        for import in &info.imports {
            let store = debuggee.store();
            let wasm::ItemType::Func(ty) = import.ty else { panic!("only functions are imported") };
            let ty = FuncType::clone(info.func_type_at(ty));
            let result = ty.results.first().copied();
            assert!(matches!(result, None | Some(ValType::I32)), "imports give i32 or nothing");
            let answer = move |_: pellucid::runtime::Caller<'_>, _: &[OurValue], results: &mut [OurValue]| {
                results.fill(OurValue::I32(BAD_DESCRIPTOR));
                Ok(())
            };
            let func = store.func_new(ty, Box::new(answer)).unwrap();
            linker.define(store, &import.module, &import.name, Extern::Func(func)).unwrap();
        }
        let instance = debuggee.link(&linker, module).unwrap();
        let exports = debuggee.store().instance_exports(instance).unwrap();
        Instance { debuggee, exports }
    }

    /// An exported function.
    pub fn func(&self, export: &str) -> Func {
        let found = self.exports.iter().find(|(name, _)| name == export);
        let Some((_, Extern::Func(func))) = found else { panic!("no function `{export}`") };
        *func
    }
}

impl Guest for Instance {
    fn has(&mut self, export: &str) -> bool {
        self.exports.iter().any(|(name, _)| name == export)
    }

    fn call(&mut self, export: &str, args: &[Value]) -> Option<Value> {
        let args: Vec<_> = args.iter().copied().map(to_ours).collect();
        let results = self.debuggee.call(self.func(export), &args);
        results.unwrap_or_else(|error| panic!("{export}: {error}")).first().map(from_ours)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        let found = self.exports.iter().find_map(|(_, item)| match item {
            Extern::Memory(memory) => Some(*memory),
            _ => None,
        });
        self.debuggee.store().memory_write(found.expect("a memory"), u64::from(address), bytes).unwrap();
    }

    fn describe(&self) -> String {
        format!("in Pellucid, debugging {}", if self.debuggee.is_debug() { "on" } else { "off" })
    }
}

fn to_ours(value: Value) -> OurValue {
    match value {
        Value::I32(value) => OurValue::I32(value),
        Value::I64(value) => OurValue::I64(value),
    }
}

fn from_ours(value: &OurValue) -> Value {
    match value {
        OurValue::I32(value) => Value::I32(*value),
        OurValue::I64(value) => Value::I64(*value),
        other => panic!("{other:?}"),
    }
}
