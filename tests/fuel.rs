//! Fuel: the same guest takes the same and stops at the same operator, however it is compiled, stepped, paused or changed.

#[expect(dead_code, reason = "other tests use more of it")]
mod reference;

use pellucid::base::{Config, Error, ErrorKind, Func, Instance, OptLevel, StoreLimits, TrapCode, ValType, Value};
use pellucid::base::{FuncType, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Edit, Event, EventKind, Resume};
use pellucid::runtime::{Engine, Extern, LimitAction, Linker, Module};
use reference::{Host, Interpreter};
use std::cell::{Cell, RefCell};
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
        Guest { debuggee, instance }
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

/// Gives slices of fuel until the call has ended, which pauses in between; every other time it is interrupted too. Answers where it has
/// paused, what was left there, and what it has given.
fn in_slices(guest: &Guest, export: &str, args: &[i32], slice: i64, moves: bool) -> (Vec<(i64, WasmPc)>, Vec<Value>) {
    let debuggee = &guest.debuggee;
    let store = debuggee.store();
    store.set_fuel_action(LimitAction::Pause).unwrap();
    debuggee.set_fuel(slice).unwrap();
    let call = debuggee.call_begin(guest.func(export), &values(args)).unwrap();
    let mut pauses = Vec::new();
    loop {
        match call.resume(debuggee, Resume::Continue).unwrap() {
            CallState::Finished => break,
            CallState::Paused => {}
            other => panic!("{other:?}: {:?}", call.error()),
        }
        let event = call.event().unwrap();
        assert_eq!(event.kind, EventKind::Fuel);
        pauses.push((debuggee.fuel().unwrap(), event.pc));
        if moves && pauses.len() % 2 == 0 {
            let frame = event.frame.unwrap();
            debuggee.frame_set_pc(&frame, event.pc).unwrap();
        }
        debuggee.store().add_fuel(slice).unwrap();
        assert!(pauses.len() < 100_000);
    }
    pauses.push((debuggee.fuel().unwrap(), WasmPc(0)));
    store.set_fuel_action(LimitAction::Trap).unwrap();
    (pauses, call.results(debuggee).unwrap())
}

#[test]
fn paused_programs_go_on_with_more_and_in_their_exact_form() {
    for (name, export, args, slice) in [("compute_vm", "run", &[0], 97), ("compute_nbody", "run", &[0], 1009)] {
        let bytes = program(name);
        let debugged: Vec<Mode> = modes().into_iter().filter(|mode| mode.config.debug).collect();
        let mut expected = None;
        for mode in &debugged {
            for moves in [false, true] {
                let guest = Guest::new(mode, &bytes);
                let found = in_slices(&guest, export, args, slice, moves);
                assert!(found.0.len() > 20);
                let expected = expected.get_or_insert_with(|| found.clone());
                assert_eq!(found, *expected, "{name} {mode:?} {moves}");
            }
        }
        // Without debugging nobody says where it is, but it pauses as often, with as much left.
        for mode in modes().iter().filter(|mode| !mode.config.debug) {
            let guest = Guest::new(mode, &bytes);
            let (pauses, results) = in_slices(&guest, export, args, slice, false);
            let (expected, expected_results) = expected.as_ref().unwrap();
            assert!(pauses.iter().map(|pause| pause.0).eq(expected.iter().map(|pause| pause.0)), "{name} {mode:?}");
            assert_eq!(results, *expected_results);
        }
    }
}

/// At each breakpoint, and at each step, as much is left in either form, also if the frame goes on in its exact form from there, in the
/// midst of a run.
#[test]
fn frames_that_change_their_form_pay_once() {
    for (name, export, args) in [("compute_vm", "run", &[0]), ("compute_nbody", "run", &[0])] {
        let bytes = program(name);
        let mut expected: Option<Vec<_>> = None;
        for (exact, every) in [(true, 0), (false, 0), (false, 1), (false, 7), (false, 50)] {
            let mode = Mode { config: Config { debug: true, exact, fuel: true, ..Config::default() }, steps: false };
            let guest = Guest::new(&mode, &bytes);
            let seen = Rc::new(RefCell::new(Vec::new()));
            let (steps, noted) = (Cell::new(0), seen.clone());
            let handler = move |debuggee: &Debuggee, event: &Event| {
                steps.set(steps.get() + 1);
                noted.borrow_mut().push((event.pc, debuggee.fuel().unwrap()));
                if every != 0 && steps.get() % every == 0 {
                    debuggee.frame_set_pc(&event.frame.unwrap(), event.pc).unwrap();
                    assert_eq!(debuggee.fuel().unwrap(), noted.borrow().last().unwrap().1);
                }
                Action::Continue
            };
            guest.debuggee.set_event_handler(EventKind::Step.bit(), Box::new(handler)).unwrap();
            edit(&guest.debuggee, |edit| edit.single_step(true));
            let left = guest.run(export, args, 1 << 40);
            let mut found = seen.take();
            found.push((WasmPc(0), left.0));
            assert_eq!(left.1, None);
            let expected = expected.get_or_insert_with(|| found.clone());
            let differs = found.iter().zip(&*expected).position(|(found, expected)| found != expected);
            let there = differs.map(|place| (place, found[place], expected[place]));
            assert_eq!(there, None, "{name}, exact {exact}, every {every}");
            assert_eq!(found.len(), expected.len());
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
        let given: Vec<i64> = (0..6).chain((0..12).map(|_| random())).chain([total - 1, total]).collect();
        let mut stops: Option<Vec<_>> = None;
        for mode in modes() {
            // What a program keeps from call to call is the same in each mode.
            let guest = Guest::new(&mode, &bytes);
            let found: Vec<_> = given.iter().map(|fuel| guest.run(export, args, *fuel)).collect();
            let stops = stops.get_or_insert_with(|| found.clone());
            assert_eq!(found, *stops, "{name} {mode:?}");
        }
        let stops = stops.unwrap();
        assert!(stops.iter().filter(|(left, place)| place.is_some() && *left < 0).count() >= 12, "{name}");
    }
}
