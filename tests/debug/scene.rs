//! A debugged store with one module, and what the scenario tests ask of it.

use crate::skip;
use pellucid::base::{
    Config, Error, ErrorKind, Func, FuncIndex, FuncType, Instance, StoreLimits, ValType, Value, WasmPc,
};
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Edit, Event, EventKind, Frame, FrameKind, Resume};
use pellucid::runtime::{Engine, Extern, Module};
use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// What a frame shows.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    pub kind: FrameKind,
    pub func: u32,
    /// The operator's number in its function.
    pub operator: usize,
    pub locals: Vec<Value>,
    pub operands: Vec<Value>,
}

/// A host function of a test.
pub type Host = Box<dyn Fn(&Debuggee, &[Value]) -> Result<Vec<Value>, Error>>;

/// A store with an instance of one module.
pub struct Scene {
    pub debuggee: Rc<Debuggee>,
    pub module: Module,
    pub instance: Instance,
}

/// An engine with debugging; `PELLUCID_TEST_HANDLERS=0` has it do without signal handlers, `PELLUCID_TEST_FORM=exact` compile
/// everything in its exact form.
pub fn engine() -> Engine {
    engine_with(std::env::var("PELLUCID_TEST_HANDLERS").as_deref() != Ok("0"))
}

pub fn engine_with(signal_handlers: bool) -> Engine {
    let exact = std::env::var("PELLUCID_TEST_FORM").as_deref() == Ok("exact");
    Engine::new(Config { debug: true, exact, signal_handlers, ..Config::default() }).unwrap()
}

pub fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, &wat::parse_str(wat).unwrap()).unwrap()
}

/// A host function that can reach its debuggee.
pub fn host(debuggee: &Rc<Debuggee>, params: &[ValType], results: &[ValType], host: Host) -> Func {
    let weak: Weak<Debuggee> = Rc::downgrade(debuggee);
    let call = move |_: pellucid::runtime::Caller<'_>, args: &[Value], results: &mut [Value]| {
        let debuggee = weak.upgrade().unwrap();
        results.copy_from_slice(&host(&debuggee, args)?);
        Ok(())
    };
    debuggee.store().func_new(FuncType::new(params, results), Box::new(call)).unwrap()
}

impl Scene {
    /// A module without imports.
    pub fn new(wat: &str) -> Scene {
        Scene::with(wat, |_| Vec::new())
    }

    /// A module whose imports `imports` makes.
    pub fn with(wat: &str, imports: impl FnOnce(&Rc<Debuggee>) -> Vec<Func>) -> Scene {
        let engine = engine();
        let module = module(&engine, wat);
        Scene::of(&engine, &module, imports)
    }

    pub fn of(engine: &Engine, module: &Module, imports: impl FnOnce(&Rc<Debuggee>) -> Vec<Func>) -> Scene {
        let debuggee = Rc::new(Debuggee::new(engine, StoreLimits::default()).unwrap());
        let imports: Vec<_> = imports(&debuggee).into_iter().map(Extern::Func).collect();
        let instance = debuggee.instantiate(module, &imports).unwrap();
        Scene { debuggee, module: module.clone(), instance }
    }

    /// A module that imports one function without parameters and results.
    pub fn with_host(wat: &str, call: impl Fn(&Debuggee) + 'static) -> Scene {
        Scene::with(wat, |debuggee| {
            let call = move |debuggee: &Debuggee, _: &[Value]| {
                call(debuggee);
                Ok(Vec::new())
            };
            vec![host(debuggee, &[], &[], Box::new(call))]
        })
    }

    pub fn func(&self, export: &str) -> Func {
        func(&self.debuggee, self.instance, export)
    }

    pub fn call(&self, export: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
        self.debuggee.call(self.func(export), args)
    }

    pub fn begin(&self, export: &str, args: &[Value]) -> DebugCall {
        self.debuggee.call_begin(self.func(export), args).unwrap()
    }

    /// A call that has paused at an operator, and its frame.
    pub fn paused(&self, export: &str, args: &[Value], at: (u32, usize)) -> (DebugCall, Frame) {
        let id = self.add(at.0, at.1);
        let call = self.begin(export, args);
        assert_eq!(call.resume(&self.debuggee, Resume::Continue).unwrap(), CallState::Paused);
        self.edit(|edit| edit.remove(id));
        let frame = call.frame(&self.debuggee).unwrap().unwrap();
        (call, frame)
    }

    /// The pc of an operator of a function, by their numbers.
    pub fn pc(&self, func: u32, operator: usize) -> WasmPc {
        pc(&self.module, func, operator)
    }

    /// Adds a breakpoint at an operator.
    pub fn add(&self, func: u32, operator: usize) -> u64 {
        add(&self.debuggee, &self.module, func, operator)
    }

    pub fn edit<T>(&self, change: impl FnOnce(&mut Edit) -> T) -> T {
        edit(&self.debuggee, change)
    }

    pub fn state(&self, frame: &Frame) -> State {
        state(&self.debuggee, frame)
    }

    /// Makes every event go into a log, and the guest go on.
    pub fn log(&self, mask: u32) -> Log {
        let log = Log::default();
        let entries = log.0.clone();
        let record = move |debuggee: &Debuggee, event: &Event| {
            let state = event.frame.map(|frame| state(debuggee, &frame));
            // References are looked at when the handler has returned.
            for value in state.iter().flat_map(|state| state.locals.iter().chain(&state.operands)) {
                if *value != Value::Unavailable {
                    debuggee.store().value_keep(value).unwrap();
                }
            }
            entries.borrow_mut().push(Entry { event: event.clone(), state });
            Action::Continue
        };
        self.debuggee.set_event_handler(mask, Box::new(record)).unwrap();
        log
    }
}

pub fn func(debuggee: &Debuggee, instance: Instance, export: &str) -> Func {
    match debuggee.store().instance_export(instance, export).unwrap() {
        Some(Extern::Func(func)) => func,
        other => panic!("{export} is {other:?}"),
    }
}

pub fn pc(module: &Module, func: u32, operator: usize) -> WasmPc {
    let info = module.info();
    info.operator_pcs(info.defined_func(FuncIndex::from_u32(func)).unwrap())[operator]
}

/// How many operators a function has.
pub fn operators(module: &Module, func: u32) -> usize {
    let info = module.info();
    info.operator_pcs(info.defined_func(FuncIndex::from_u32(func)).unwrap()).len()
}

pub fn edit<T>(debuggee: &Debuggee, change: impl FnOnce(&mut Edit) -> T) -> T {
    let mut edit = Edit::begin(debuggee).unwrap();
    let result = change(&mut edit);
    edit.commit(debuggee).unwrap();
    result
}

pub fn add(debuggee: &Debuggee, module: &Module, func: u32, operator: usize) -> u64 {
    let wanted = pc(module, func, operator);
    edit(debuggee, |edit| {
        let (id, actual) = edit.add(debuggee, module, wanted).unwrap();
        assert_eq!(actual, wanted);
        id
    })
}

pub fn state(debuggee: &Debuggee, frame: &Frame) -> State {
    let info = debuggee.frame_info(frame).unwrap();
    let mut locals = vec![Value::Unavailable; info.n_locals as usize];
    let mut operands = vec![Value::Unavailable; info.n_operands as usize];
    assert_eq!(debuggee.frame_read_locals(frame, 0, &mut locals).unwrap(), info.n_locals);
    assert_eq!(debuggee.frame_read_operands(frame, 0, &mut operands).unwrap(), info.n_operands);
    let module = debuggee.frame_module(frame).unwrap();
    let wasm = module.info();
    let defined = wasm.defined_func(info.func_index).unwrap();
    let operator = wasm.operator_pcs(defined).iter().position(|pc| *pc == info.pc).expect("an operator's pc");
    assert_eq!(info.func_offset, info.pc.0 - wasm.bodies[defined].range.start);
    State { kind: info.kind, func: info.func_index.as_u32(), operator, locals, operands }
}

/// All frames of an activation, innermost first.
pub fn stack(debuggee: &Debuggee, innermost: &Frame) -> Vec<Frame> {
    let mut frames = vec![*innermost];
    while let Some(caller) = debuggee.frame_caller(frames.last().unwrap()).unwrap() {
        frames.push(caller);
    }
    frames
}

pub fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.kind(),
    }
}

/// That every accessor of a frame answers with this status.
pub fn assert_refused(debuggee: &Debuggee, frame: &Frame, expected: ErrorKind) {
    assert!(!debuggee.frame_is_valid(frame));
    assert_eq!(kind(debuggee.frame_info(frame)), expected);
    assert_eq!(kind(debuggee.frame_module(frame)), expected);
    assert_eq!(kind(debuggee.frame_caller(frame)), expected);
    assert_eq!(kind(debuggee.frame_key(frame)), expected);
    assert_eq!(kind(debuggee.frame_local_types(frame)), expected);
    assert_eq!(kind(debuggee.frame_operand_types(frame)), expected);
    assert_eq!(kind(debuggee.frame_read_locals(frame, 0, &mut [])), expected);
    assert_eq!(kind(debuggee.frame_read_operands(frame, 0, &mut [])), expected);
}

/// An event and what its frame showed.
#[derive(Clone, Debug)]
pub struct Entry {
    pub event: Event,
    pub state: Option<State>,
}

/// Events that happened.
#[derive(Clone, Default)]
pub struct Log(pub Rc<RefCell<Vec<Entry>>>);

impl Log {
    /// Takes what was logged.
    pub fn take(&self) -> Vec<Entry> {
        self.0.take()
    }

    /// Takes the kinds and places of the events that were logged: kind, function, operator.
    pub fn places(&self) -> Vec<(EventKind, u32, usize)> {
        let entries = self.take().into_iter();
        entries
            .map(|entry| {
                let state = entry.state.unwrap();
                (entry.event.kind, state.func, state.operator)
            })
            .collect()
    }
}

/// Something that closures share and that is known only later.
pub type Later<T> = Rc<OnceCell<T>>;

/// Says again what a test in a process of its own said of being skipped.
pub fn repeat_skipped(output: &str) {
    output.lines().filter(|line| line.starts_with(skip::SKIPPED)).for_each(skip::say);
}
