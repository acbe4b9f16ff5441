//! The guest programs in `tests/programs` give the results in `expected.txt`, with debugging off and on.

use exactly::continue_exactly;
use pellucid::base::{Config, FuncType, Memory, StoreLimits, ValType, Value};
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Linker, Module};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

mod exactly;

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

fn read(name: &str) -> String {
    let path = programs().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One line of `expected.txt`.
struct Expectation {
    program: String,
    export: String,
    args: String,
    result: i64,
}

fn expectations() -> Vec<Expectation> {
    let parse = |line: &str| {
        let (program, rest) = line.split_once(' ')?;
        let (export, rest) = rest.split_once(' ')?;
        let (args, result) = rest.rsplit_once(' ')?;
        let [program, export, args] = [program, export, args].map(str::to_string);
        Some(Expectation { program, export, args, result: result.parse().ok()? })
    };
    let text = read("expected.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("expected.txt: `{line}`"))).collect()
}

/// An instance of a program, and what it has printed.
struct Program {
    debuggee: Debuggee,
    exports: Vec<(String, Extern)>,
    printed: Rc<RefCell<Vec<u8>>>,
}

impl Program {
    fn new(engine: &Engine, module: &Module) -> Program {
        let debuggee = Debuggee::new(engine, StoreLimits::default()).unwrap();
        let store = debuggee.store();
        let printed = Rc::new(RefCell::new(Vec::new()));
        let mut linker = Linker::new(engine);
        let output = printed.clone();
        let print = store.func_new(
            FuncType::new([ValType::I32, ValType::I32], []),
            Box::new(move |caller, args, _| {
                let (Value::I32(address), Value::I32(length)) = (args[0], args[1]) else { unreachable!() };
                let Some(Extern::Memory(memory)) = caller.export("memory") else { panic!("no memory") };
                let mut bytes = vec![0; length as u32 as usize];
                caller.store().memory_read(memory, u64::from(address as u32), &mut bytes)?;
                output.borrow_mut().extend(bytes);
                Ok(())
            }),
        );
        linker.define(store, "env", "print", Extern::Func(print.unwrap())).unwrap();
        let instance = debuggee.link(&linker, module).unwrap();
        let exports = store.instance_exports(instance).unwrap();
        Program { debuggee, exports, printed }
    }

    fn call(&self, export: &str, args: &[Value]) -> Value {
        let found = self.exports.iter().find(|(name, _)| name == export);
        let Some((_, Extern::Func(func))) = found else { panic!("no function `{export}`") };
        let results = self.debuggee.call(*func, args).unwrap_or_else(|error| panic!("{export}: {error}"));
        results[0]
    }

    fn memory(&self) -> Memory {
        let found = self.exports.iter().find_map(|(_, item)| match item {
            Extern::Memory(memory) => Some(*memory),
            _ => None,
        });
        found.expect("every program exports its memory")
    }

    fn run(&self, export: &str, args: &str) -> Value {
        let args = match (export, args) {
            (_, "-") => Vec::new(),
            ("eval", source) => {
                let length = Value::I32(source.len() as i32);
                let address = self.call("alloc", &[length]);
                let Value::I32(place) = address else { panic!("alloc returned {address:?}") };
                let store = self.debuggee.store();
                store.memory_write(self.memory(), u64::from(place as u32), source.as_bytes()).unwrap();
                vec![address, length]
            }
            (_, number) => vec![Value::I32(number.parse().unwrap())],
        };
        self.call(export, &args)
    }
}

/// Has each function go on in its exact form, the first times that it is called.
fn go_on_exactly(debuggee: &Debuggee, module: &Module) {
    continue_exactly(debuggee, module, 20, |debuggee, frame, moved| {
        assert_eq!(debuggee.frame_key(&moved.unwrap()).is_ok(), debuggee.frame_info(frame).is_err());
    });
}

fn check(config: &Config, prepare: impl Fn(&Debuggee, &Module)) {
    let engine = Engine::new(config.clone()).unwrap();
    let expectations = expectations();
    assert!(!expectations.is_empty());
    let mut modules: Vec<(&str, Module)> = Vec::new();
    for expected in &expectations {
        if !modules.iter().any(|(name, _)| *name == expected.program) {
            let bytes = std::fs::read(programs().join(format!("{}.wasm", expected.program))).unwrap();
            modules.push((&expected.program, Module::new(&engine, &bytes).unwrap()));
        }
        let (_, module) = modules.iter().find(|(name, _)| *name == expected.program).expect("just added");
        let program = Program::new(&engine, module);
        prepare(&program.debuggee, module);
        let found = match program.run(&expected.export, &expected.args) {
            // A hash is written without sign.
            Value::I32(result) if expected.result >= 0 => i64::from(result as u32),
            Value::I32(result) => i64::from(result),
            Value::I64(result) => result,
            other => panic!("{} returned {other:?}", expected.export),
        };
        assert_eq!(found, expected.result, "{} {} {}", expected.program, expected.export, expected.args);
        if expected.export == "run_demo" {
            assert_eq!(String::from_utf8_lossy(&program.printed.borrow()), read("script.expected.txt"));
        }
    }
}

#[test]
fn programs_give_their_results() {
    check(&Config::default(), |_, _| {});
}

#[test]
fn programs_give_their_results_with_debugging_on() {
    check(&Config { debug: true, ..Config::default() }, |_, _| {});
}

#[test]
fn programs_give_their_results_without_signal_handlers() {
    for debug in [false, true] {
        check(&Config { debug, signal_handlers: false, ..Config::default() }, |_, _| {});
    }
}

#[test]
fn programs_give_their_results_in_the_exact_form() {
    check(&Config { debug: true, exact: true, ..Config::default() }, |_, _| {});
}

#[test]
fn programs_give_their_results_if_every_function_goes_on_in_its_exact_form() {
    for signal_handlers in [true, false] {
        check(&Config { debug: true, signal_handlers, ..Config::default() }, go_on_exactly);
    }
}
