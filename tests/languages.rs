//! Programs of languages whose objects are collected, made by Kotlin's compiler (`tests/programs/kotlin`) and by TeaVM
//! (`tests/programs/teavm`): they print what the same sources print on the JVM, with debugging off and on, stepped, and if
//! every function goes on in its exact form.

use exactly::continue_exactly;
use pellucid::base::{Config, Error, ErrorKind, Func, FuncType, HeapType, StoreLimits, ValType, Value};
use pellucid::debug::{Action, Debuggee, Edit, Event, EventKind};
use pellucid::runtime::{Caller, Engine, Extern, Linker, Module};
use pellucid::wasi::config::StreamName::Stdout;
use pellucid::wasi::{self, Wasi, WasiConfig};
use pellucid::wasm::ItemType;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

mod exactly;

/// All programs, as they are for release.
const PROGRAMS: [&str; 9] =
    ["objects", "strings", "collections", "lambdas", "exceptions", "coroutines", "numbers", "interpreter", "garbage"];
/// Operators that a program is stepped through.
const STEPS: u64 = 500_000;
/// As the compiler made them, with names.
const WITH_NAMES: [&str; 3] = ["objects.debug", "exceptions.debug", "coroutines.debug"];

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/kotlin").join(name)
}

/// What a program prints on the JVM.
fn expected(program: &str) -> String {
    let path = place(&format!("{}.expected.txt", program.trim_end_matches(".debug")));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The interpreters nest calls deeply.
fn limits() -> StoreLimits {
    StoreLimits { stack_bytes: 16 << 20, ..StoreLimits::default() }
}

/// An instance of a program.
struct Program {
    debuggee: Debuggee,
    module: Module,
    linker: Linker,
    wasi: Wasi,
}

impl Program {
    fn new(config: &Config, name: &str) -> Program {
        let engine = Engine::new(config.clone()).unwrap();
        let bytes = std::fs::read(place(&format!("{name}.wasm"))).unwrap();
        let module = Module::new(&engine, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let debuggee = Debuggee::new(&engine, limits()).unwrap();
        let mut linker = Linker::new(&engine);
        let mut streams = WasiConfig::default();
        streams.capture(Stdout).unwrap();
        let wasi = wasi::define(&mut linker, debuggee.store(), &streams).unwrap();
        Program { debuggee, module, linker, wasi }
    }

    /// What it prints.
    fn run(&self) -> String {
        let instance = self.debuggee.link(&self.linker, &self.module).unwrap();
        // `main` is called by this, not by `_start`: the module stays a library afterwards.
        let Some(Extern::Func(main)) = self.debuggee.store().instance_export(instance, "_initialize").unwrap() else {
            panic!("no function `_initialize`")
        };
        let outcome = self.debuggee.call(main, &[]);
        let captured = self.wasi.captured(Stdout).unwrap();
        let mut bytes = vec![0; captured.size()];
        captured.take(&mut bytes);
        let printed = String::from_utf8(bytes).unwrap();
        assert!(outcome.is_ok(), "{outcome:?}\n{printed}");
        printed
    }
}

fn check(config: &Config, programs: &[&str], prepare: impl Fn(&Program)) {
    for name in programs {
        let program = Program::new(config, name);
        prepare(&program);
        // Line by line, so that a difference is shown by itself.
        let (printed, expected) = (program.run(), expected(name));
        for (number, (printed, expected)) in printed.lines().zip(expected.lines()).enumerate() {
            assert_eq!(printed, expected, "{name}, line {}", number + 1);
        }
        assert_eq!(printed.lines().count(), expected.lines().count(), "{name}");
    }
}

#[test]
fn programs_print_what_they_print_on_the_jvm() {
    check(&Config::default(), &PROGRAMS, |_| {});
    check(&Config::default(), &WITH_NAMES, |_| {});
}

#[test]
fn programs_do_so_with_debugging_on() {
    for exact in [false, true] {
        let config = Config { debug: true, exact, ..Config::default() };
        check(&config, &PROGRAMS, |_| {});
        check(&config, &WITH_NAMES, |_| {});
    }
}

#[test]
fn programs_do_so_without_signal_handlers() {
    for debug in [false, true] {
        check(&Config { debug, signal_handlers: false, ..Config::default() }, &PROGRAMS, |_| {});
    }
}

#[test]
fn programs_do_so_stepped() {
    let config = Config { debug: true, ..Config::default() };
    for name in ["lambdas", "exceptions", "coroutines", "exceptions.debug"] {
        let steps = Rc::new(Cell::new(0u64));
        check(&config, &[name], |program| step(program, &steps));
        assert!(steps.get() >= STEPS, "{name}: {} steps", steps.get());
    }
}

/// Has an event at each operator until there were enough. Frames and their callers are looked at now and then.
fn step(program: &Program, steps: &Rc<Cell<u64>>) {
    let steps = steps.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        steps.set(steps.get() + 1);
        // A prime, so that loops are seen at all their operators.
        if steps.get().is_multiple_of(101) {
            look(debuggee, event);
        }
        if steps.get() == STEPS {
            single_step(debuggee, false);
        }
        Action::Continue
    };
    program.debuggee.set_event_handler(EventKind::Step.bit(), Box::new(handler)).unwrap();
    single_step(&program.debuggee, true);
}

fn single_step(debuggee: &Debuggee, on: bool) {
    let mut edit = Edit::begin(debuggee).unwrap();
    edit.single_step(on);
    edit.commit(debuggee).unwrap();
}

/// Reads all locals and operands of the innermost frames.
fn look(debuggee: &Debuggee, event: &Event) {
    let mut next = event.frame;
    for _ in 0..5 {
        let Some(frame) = next else { break };
        let info = debuggee.frame_info(&frame).unwrap();
        let mut values = vec![Value::Unavailable; info.n_locals.max(info.n_operands) as usize];
        let n_locals = debuggee.frame_read_locals(&frame, 0, &mut values).unwrap();
        assert!(!values[..n_locals as usize].contains(&Value::Unavailable), "{info:?}: {values:?}");
        debuggee.frame_read_operands(&frame, 0, &mut values).unwrap();
        next = debuggee.frame_caller(&frame).unwrap();
    }
}

#[test]
fn programs_do_so_if_every_function_goes_on_in_its_exact_form() {
    let config = Config { debug: true, ..Config::default() };
    for name in ["objects", "strings", "exceptions", "coroutines", "interpreter"] {
        let moved = Rc::new(Cell::new(0));
        check(&config, &[name], |program| go_on_exactly(program, &moved));
        assert!(moved.get() > 200, "{name}: {} frames", moved.get());
    }
}

/// Has each function go on in its exact form, the first times that it is called, and counts.
fn go_on_exactly(program: &Program, moved: &Rc<Cell<u32>>) {
    let moved = moved.clone();
    continue_exactly(&program.debuggee, &program.module, 5, move |_, _, frame| match frame {
        Ok(_) => moved.set(moved.get() + 1),
        // A function whose locals can't be null, and have no values yet, can't go on anywhere.
        Err(error) => assert_eq!(error.kind(), ErrorKind::TypeMismatch, "{error}"),
    });
}

/// A value of no consequence: zero, null if that may be, else some host value.
fn any_value(debuggee: &Debuggee, ty: &ValType) -> Value {
    match ty {
        ValType::Ref(ty) if ty.heap == HeapType::Extern => {
            Value::ExternRef(Some(debuggee.store().externref_new(Box::new(())).unwrap()))
        }
        ValType::Ref(ty) if !ty.nullable => panic!("a value of {ty}"),
        other => Value::default_of(*other),
    }
}

/// TeaVM's modules want JavaScript: what is imported of it does nothing here, and says nothing. Their strings are made there too,
/// but only to name things. What is exported to JavaScript is handed to `defineFunction`.
#[test]
fn a_program_of_teavm_runs_without_javascript() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/teavm");
    let bytes = std::fs::read(folder.join("words.wasm")).unwrap();
    let expected = std::fs::read_to_string(folder.join("words.expected.txt")).unwrap();
    for config in [
        Config::default(),
        Config { debug: true, ..Config::default() },
        Config { debug: true, exact: true, ..Config::default() },
    ] {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, &bytes).unwrap();
        let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
        let (printed, exported) = (Rc::new(RefCell::new(String::new())), Rc::new(RefCell::new(Vec::<Func>::new())));
        let mut linker = Linker::new(&engine);
        let store = debuggee.store();
        for import in &module.info().imports {
            let item = match &import.ty {
                ItemType::Memory(ty) => Extern::Memory(store.memory_new(*ty).unwrap()),
                // Where its own heap begins, and how large that may be.
                ItemType::Global(ty) => Extern::Global(store.global_new(*ty, Value::I32(32 << 16)).unwrap()),
                ItemType::Func(ty) => {
                    let ty = FuncType::clone(module.info().func_type_at(*ty));
                    let results: Vec<_> = ty.results.iter().map(|ty| any_value(&debuggee, ty)).collect();
                    let (name, printed, exported) = (import.name.clone(), printed.clone(), exported.clone());
                    let answer = move |_: Caller<'_>, args: &[Value], out: &mut [Value]| -> Result<(), Error> {
                        match (&*name, args) {
                            ("print", [Value::I32(character)]) => {
                                printed.borrow_mut().push(char::from_u32(*character as u32).expect("a character"));
                            }
                            ("defineFunction", [Value::FuncRef(Some(func)), _]) => exported.borrow_mut().push(*func),
                            _ => {}
                        }
                        out.copy_from_slice(&results);
                        Ok(())
                    };
                    Extern::Func(store.func_new(ty, Box::new(answer)).unwrap())
                }
                other => panic!("{}: {other:?}", import.name),
            };
            linker.define(store, &import.module, &import.name, item).unwrap();
        }
        debuggee.link(&linker, &module).unwrap();
        // Behind `main`.
        let run = exported.borrow()[1];
        let args: Vec<_> = store.func_type(run).unwrap().params.iter().map(|ty| any_value(&debuggee, ty)).collect();
        debuggee.call(run, &args).unwrap();
        assert_eq!(*printed.borrow(), expected);
    }
}
