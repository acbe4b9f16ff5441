//! The debugger against a plain interpreter: on programs compiled from C, every step and every stop must show the
//! same function, operator, locals and operands.

mod reference;

use pellucid::base::{Config, FuncIndex, FuncType, StoreLimits, ValType, Value, WasmPc};
use pellucid::debug::{Action, Debuggee, Edit, Event, EventKind};
use pellucid::runtime::{Engine, Extern, Linker, Module};
use reference::{Host, Interpreter, Step};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A state, small enough to keep millions of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    func: u32,
    pc: u32,
    values: u64,
}

fn hash(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0xcbf2_9ce4_8422_2325, |hash, value| (hash ^ value).wrapping_mul(0x100_0000_01b3).rotate_left(17))
}

fn bits(value: &Value) -> u64 {
    match *value {
        Value::I32(value) => u64::from(value as u32),
        Value::I64(value) => value as u64,
        Value::F32(bits) => u64::from(bits),
        Value::F64(bits) => bits,
        Value::FuncRef(None) | Value::ExternRef(None) | Value::ExnRef(None) => 0,
        other => panic!("{other:?} isn't in these programs"),
    }
}

fn program(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/programs/{name}.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Runs `work` on a stack that the interpreter's recursion fits on.
fn on_a_large_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(1 << 29).spawn(work).unwrap().join().unwrap()
}

/// Interprets an export and keeps the states that `keep` wants, at most `limit`; with the results.
fn interpret(
    bytes: &[u8],
    export: &str,
    args: &[u64],
    limit: usize,
    keep: impl Fn(&Step<'_>) -> bool,
) -> (Vec<Seen>, Vec<u64>) {
    let seen = RefCell::new(Vec::new());
    let print: Host<'_> = Box::new(|_, _| Vec::new());
    let mut interpreter = Interpreter::new(bytes, vec![print]);
    interpreter.set_watch(Some(Box::new(|step| {
        let mut seen = seen.borrow_mut();
        if seen.len() < limit && keep(&step) {
            let values = hash(step.locals.iter().chain(step.operands).copied());
            seen.push(Seen { func: step.func, pc: step.pc, values });
        }
    })));
    let results = interpreter.call(export, args).unwrap();
    drop(interpreter);
    (seen.into_inner(), results)
}

/// The state before the `number`th step that `keep` wants, in words.
fn explain(bytes: &[u8], export: &str, args: &[u64], number: usize, keep: impl Fn(&Step<'_>) -> bool) -> String {
    let (count, text) = (Cell::new(0), RefCell::new(String::new()));
    let mut interpreter = Interpreter::new(bytes, vec![Box::new(|_, _| Vec::new())]);
    interpreter.set_watch(Some(Box::new(|step| {
        if keep(&step) {
            if count.get() == number {
                *text.borrow_mut() = format!(
                    "function {} pc {:#x} locals {:x?} operands {:x?}",
                    step.func, step.pc, step.locals, step.operands
                );
            }
            count.set(count.get() + 1);
        }
    })));
    interpreter.call(export, args).unwrap();
    drop(interpreter);
    text.into_inner()
}

struct Session {
    debuggee: Debuggee,
    module: Module,
    instance: pellucid::base::Instance,
}

fn session(bytes: &[u8]) -> Session {
    // `PELLUCID_TEST_HANDLERS=0` has it do without signal handlers.
    let signal_handlers = std::env::var("PELLUCID_TEST_HANDLERS").as_deref() != Ok("0");
    // `PELLUCID_TEST_FORM=exact` compiles everything in its exact form.
    let exact = std::env::var("PELLUCID_TEST_FORM").as_deref() == Ok("exact");
    let engine = Engine::new(Config { debug: true, exact, signal_handlers, ..Config::default() }).unwrap();
    let module = Module::new(&engine, bytes).unwrap();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new([ValType::I32, ValType::I32], []);
    let print = debuggee.store().func_new(ty, Box::new(|_, _, _| Ok(()))).unwrap();
    linker.define(debuggee.store(), "env", "print", Extern::Func(print)).unwrap();
    let instance = debuggee.link(&linker, &module).unwrap();
    Session { debuggee, module, instance }
}

impl Session {
    fn edit(&self, change: impl FnOnce(&mut Edit)) {
        let mut edit = Edit::begin(&self.debuggee).unwrap();
        change(&mut edit);
        edit.commit(&self.debuggee).unwrap();
    }

    fn call(&self, export: &str, args: &[u64]) -> Vec<u64> {
        let Some(Extern::Func(func)) = self.debuggee.store().instance_export(self.instance, export).unwrap() else {
            panic!("no function {export}")
        };
        let args: Vec<_> = args.iter().map(|arg| Value::I32(*arg as i32)).collect();
        self.debuggee.call(func, &args).unwrap().iter().map(bits).collect()
    }
}

/// What the debugger shows at an event: the state in short, and in words.
fn shown(debuggee: &Debuggee, event: &Event) -> (Seen, String) {
    let frame = event.frame.unwrap();
    let info = debuggee.frame_info(&frame).unwrap();
    assert_eq!(info.pc, event.pc);
    let mut locals = vec![Value::Unavailable; info.n_locals as usize];
    let mut operands = vec![Value::Unavailable; info.n_operands as usize];
    assert_eq!(debuggee.frame_read_locals(&frame, 0, &mut locals).unwrap(), info.n_locals);
    assert_eq!(debuggee.frame_read_operands(&frame, 0, &mut operands).unwrap(), info.n_operands);
    let func = info.func_index.as_u32();
    let values = hash(locals.iter().chain(&operands).map(bits));
    let text = format!("function {func} pc {:#x} locals {locals:x?} operands {operands:x?}", info.pc.0);
    (Seen { func, pc: info.pc.0, values }, text)
}

/// Compares each event of `kind` with the interpreter's states; switches debugging off after the last.
fn compare(
    name: &'static str,
    export: &'static str,
    args: &'static [u64],
    limit: usize,
    kind: EventKind,
    keep: impl Fn(&Step<'_>) -> bool + Copy + Send + 'static,
    prepare: impl FnOnce(&Session) + Send + 'static,
) -> usize {
    on_a_large_stack(move || {
        let bytes = program(name);
        let (expected, results) = interpret(&bytes, export, args, limit, keep);
        assert!(!expected.is_empty());
        let session = session(&bytes);
        prepare(&session);
        let place = Rc::new(Cell::new(0));
        let total = expected.len();
        let handler = {
            let place = place.clone();
            let bytes = bytes.clone();
            move |debuggee: &Debuggee, event: &Event| {
                assert_eq!(event.kind, kind);
                let number = place.get();
                if number == expected.len() {
                    let mut edit = Edit::begin(debuggee).unwrap();
                    edit.single_step(false);
                    for breakpoint in debuggee.breakpoints().unwrap() {
                        edit.remove(breakpoint.id);
                    }
                    edit.commit(debuggee).unwrap();
                    return Action::Continue;
                }
                let (seen, text) = shown(debuggee, event);
                if seen != expected[number] {
                    let want = explain(&bytes, export, args, number, keep);
                    panic!("step {number}: the debugger shows\n  {text}, the interpreter\n  {want}");
                }
                place.set(number + 1);
                Action::Continue
            }
        };
        session.debuggee.set_event_handler(kind.bit(), Box::new(handler)).unwrap();
        assert_eq!(session.call(export, args), results);
        assert_eq!(place.get(), total, "the debugger raised fewer events than the interpreter took steps");
        total
    })
}

fn stepping(session: &Session) {
    session.edit(|edit| edit.single_step(true));
}

#[test]
fn every_step_of_the_virtual_machine() {
    compare("compute_vm", "run", &[0], 3_000_000, EventKind::Step, |_| true, stepping);
}

#[test]
fn every_step_of_the_sieve() {
    compare("compute_sieve", "run", &[40], 3_000_000, EventKind::Step, |_| true, stepping);
}

#[test]
fn every_step_of_the_bodies() {
    compare("compute_nbody", "run", &[0], 3_000_000, EventKind::Step, |_| true, stepping);
}

#[test]
fn the_first_steps_of_the_script() {
    compare("script", "run_demo", &[], 3_000_000, EventKind::Step, |_| true, stepping);
}

/// The functions of the script that a person would want to stop in.
const PLACES: [&str; 10] = [
    "lex_next",
    "parse_expression",
    "parse_statement",
    "emit_op",
    "intern_string",
    "vm_run",
    "call_function",
    "json_write_value",
    "binary_op",
    "run_demo",
];

fn function(module: &Module, name: &str) -> FuncIndex {
    let (index, _) = module.info().named_functions().find(|(_, candidate)| *candidate == name).unwrap();
    index
}

#[test]
fn breakpoints_at_ten_functions() {
    let bytes = program("script");
    let engine = Engine::new(Config::default()).unwrap();
    let module = Module::new(&engine, &bytes).unwrap();
    let places: Vec<(u32, u32)> = PLACES
        .iter()
        .map(|name| {
            let index = function(&module, name);
            let defined = module.info().defined_func(index).unwrap();
            (index.as_u32(), module.info().bodies[defined].operators.0)
        })
        .collect();
    let places: &'static [(u32, u32)] = places.leak();
    let keep = move |step: &Step<'_>| places.contains(&(step.func, step.pc));
    let prepare = move |session: &Session| {
        session.edit(|edit| {
            for (func, pc) in places {
                let (_, actual) =
                    edit.add_at_function(&session.debuggee, &session.module, FuncIndex::from_u32(*func)).unwrap();
                assert_eq!(actual, WasmPc(*pc));
            }
        });
    };
    let hits = compare("script", "run_demo", &[], 100_000, EventKind::Breakpoint, keep, prepare);
    assert!(hits > 1000);
}

#[test]
fn breakpoints_at_every_operator_of_a_function() {
    let bytes = program("script");
    let engine = Engine::new(Config::default()).unwrap();
    let module = Module::new(&engine, &bytes).unwrap();
    for name in ["intern_string", "lex_next", "json_write_value"] {
        let index = function(&module, name);
        let func = index.as_u32();
        let prepare = move |session: &Session| {
            let info = session.module.info();
            let pcs = info.operator_pcs(info.defined_func(index).unwrap());
            session.edit(|edit| {
                for pc in &pcs {
                    let (_, actual) = edit.add(&session.debuggee, &session.module, *pc).unwrap();
                    assert_eq!(actual, *pc);
                }
            });
        };
        compare("script", "run_demo", &[], 200_000, EventKind::Breakpoint, move |step| step.func == func, prepare);
    }
}
