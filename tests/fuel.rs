//! Fuel: the same guest takes the same and stops at the same operator, however it is compiled, stepped, paused or changed.

mod reference;

use pellucid::base::{Config, Error, ErrorKind, Func, Instance, OptLevel, StoreLimits, TrapCode, ValType, Value};
use pellucid::base::{FuncType, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Edit, Event, EventKind, Resume};
use pellucid::runtime::{Engine, Extern, LimitAction, Linker, Module};
use reference::{Host, Interpreter};
use std::cell::Cell;
use std::rc::Rc;

/// A way to run a guest.
#[derive(Clone, Debug)]
struct Mode {
    config: Config,
    /// Whether every operator is stepped.
    steps: bool,
}

fn modes() -> Vec<Mode> {
    let usual = Config { fuel: true, ..Config::default() };
    let mut modes = Vec::new();
    for (debug, exact) in [(false, false), (true, false), (true, true)] {
        for opt_level in [OptLevel::Speed, OptLevel::None] {
            for signal_handlers in [true, false] {
                let config = Config { debug, exact, opt_level, signal_handlers, ..usual.clone() };
                modes.push(Mode { config, steps: false });
            }
        }
        modes.push(Mode { config: Config { debug, exact, in_memory: true, ..usual.clone() }, steps: false });
        modes.push(Mode { config: Config { debug, exact, interrupt_checks: true, ..usual.clone() }, steps: false });
    }
    modes
}

/// Modes in which each operator is an event.
fn stepping_modes() -> Vec<Mode> {
    let stepped = |exact| Config { fuel: true, debug: true, exact, ..Config::default() };
    [false, true].map(|exact| Mode { config: stepped(exact), steps: true }).into()
}

/// An instance, its module's one import being `print`.
struct Guest {
    debuggee: Debuggee,
    instance: Instance,
    module: Module,
}

impl Guest {
    fn new(mode: &Mode, bytes: &[u8]) -> Guest {
        let engine = Engine::new(mode.config.clone()).unwrap();
        let module = Module::new(&engine, bytes).unwrap();
        let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
        let mut linker = Linker::new(&engine);
        let ty = FuncType::new([ValType::I32, ValType::I32], []);
        let print = debuggee.store().func_new(ty, Box::new(|_, _, _| Ok(()))).unwrap();
        linker.define(debuggee.store(), "env", "print", Extern::Func(print)).unwrap();
        debuggee.set_fuel(1 << 40).unwrap();
        let instance = debuggee.link(&linker, &module).unwrap();
        if mode.steps {
            debuggee.set_event_handler(EventKind::Step.bit(), Box::new(|_, _| Action::Continue)).unwrap();
            edit(&debuggee, |edit| edit.single_step(true));
        }
        Guest { debuggee, instance, module }
    }

    fn func(&self, export: &str) -> Func {
        let Some(Extern::Func(func)) = self.debuggee.store().instance_export(self.instance, export).unwrap() else {
            panic!("no function {export}")
        };
        func
    }

    fn call(&self, export: &str, args: &[i32]) -> Result<Vec<Value>, Error> {
        self.debuggee.call(self.func(export), &values(args))
    }

    /// Runs an export with so much fuel; answers what is left, and where it has stopped if it has.
    fn run(&self, export: &str, args: &[i32], fuel: i64) -> (i64, Option<(u32, u32)>) {
        self.debuggee.set_fuel(fuel).unwrap();
        let result = self.call(export, args);
        let place = result.err().map(|error| {
            assert_eq!((error.kind(), error.trap_code()), (ErrorKind::Trap, Some(TrapCode::OutOfFuel)), "{error}");
            let newest = &error.backtrace()[0];
            (newest.func_index, newest.pc.0)
        });
        (self.debuggee.fuel().unwrap(), place)
    }
}

fn values(args: &[i32]) -> Vec<Value> {
    args.iter().map(|arg| Value::I32(*arg)).collect()
}

fn edit(debuggee: &Debuggee, change: impl FnOnce(&mut Edit)) {
    let mut edit = Edit::begin(debuggee).unwrap();
    change(&mut edit);
    edit.commit(debuggee).unwrap();
}

fn program(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/programs/{name}.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What an operator costs, by its bytes and the last operand.
fn cost(bytes: &[u8], size: Option<u64>) -> i64 {
    let by_size = |log2: u32| (size.unwrap() >> log2) as i64;
    match bytes {
        [0x00..=0x03 | 0x05 | 0x0b, ..] => 0,
        [0xfc, 8 | 10 | 11, ..] => 1 + by_size(6),
        [0xfc, 12 | 14 | 15 | 17, ..] => 1 + by_size(3),
        _ => 1,
    }
}

/// What an interpreter says that a call costs.
fn expected(bytes: &[u8], export: &str, args: &[i32]) -> i64 {
    let fuel = Cell::new(0);
    let print: Host<'_> = Box::new(|_, _| Vec::new());
    let mut interpreter = Interpreter::new(bytes, vec![print]);
    interpreter.set_watch(Some(Box::new(|step| {
        fuel.set(fuel.get() + cost(&bytes[step.pc as usize..], step.operands.last().copied()));
    })));
    let args: Vec<u64> = args.iter().map(|arg| u64::from(*arg as u32)).collect();
    interpreter.call(export, &args).unwrap();
    drop(interpreter);
    fuel.get()
}

const PROGRAMS: [(&str, &str, &[i32]); 4] = [
    ("compute_vm", "run", &[0]),
    ("compute_sieve", "run", &[40]),
    ("compute_nbody", "run", &[0]),
    ("script", "run_demo", &[]),
];

/// Runs `work` on a stack that the interpreter's recursion fits on.
fn on_a_large_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(1 << 29).spawn(work).unwrap().join().unwrap()
}

#[test]
fn programs_take_what_an_interpreter_counts() {
    for (name, export, args) in PROGRAMS {
        let bytes = program(name);
        let counted = bytes.clone();
        let expected = on_a_large_stack(move || expected(&counted, export, args));
        for mode in modes().into_iter().chain(stepping_modes()) {
            if mode.steps && name == "script" {
                continue;
            }
            let guest = Guest::new(&mode, &bytes);
            let (left, place) = guest.run(export, args, expected);
            assert_eq!((left, place), (0, None), "{name} {mode:?}");
        }
    }
}

#[test]
fn programs_stop_at_the_same_operator() {
    for (name, export, args) in PROGRAMS {
        let bytes = program(name);
        let total = {
            let guest = Guest::new(&modes()[0], &bytes);
            (1 << 40) - guest.run(export, args, 1 << 40).0
        };
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % total as u64) as i64
        };
        let given: Vec<i64> = (0..6).chain((0..40).map(|_| random())).chain([total - 1, total]).collect();
        let mut stops: Option<Vec<_>> = None;
        for mode in modes() {
            // What a program keeps from call to call is the same in each mode.
            let guest = Guest::new(&mode, &bytes);
            let found: Vec<_> = given.iter().map(|fuel| guest.run(export, args, *fuel)).collect();
            let stops = stops.get_or_insert_with(|| found.clone());
            assert_eq!(found, *stops, "{name} {mode:?}");
        }
        let stops = stops.unwrap();
        assert!(stops.iter().filter(|(left, place)| place.is_some() && *left < 0).count() >= 40, "{name}");
    }
}
