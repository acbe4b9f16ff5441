//! Cases in Pellucid.

use crate::accesses;
use crate::case::{
    Call, Case, Ended, FUEL, FUEL_EXPORT, HEAP_LIMIT, Host, Report, Snapshot, Step, TABLE_LIMIT, Told, Trace,
    imported_element, imported_value,
};
use crate::contents::{Contents, Held};
use crate::expression::{GLIMPSE, GLOBALS, Seen};
use crate::random::{hash_bytes, mix};
use crate::value::{MOST_PARTS, Made, UNKNOWN_FUNCTION, Val, hash_values};
use pellucid::base::{
    AnyRef, Config, Error, ErrorKind, ExternRef, ExternType, Func, FuncIndex, GlobalIndex, Instance, MemoryIndex,
    OptLevel, RefType, StoreLimits, TableIndex, TrapCode, TypeKind, ValType, Value, WasmPc,
};
use pellucid::debug::{Action, DebugCall, Debuggee, Edit, Event, EventKind, Frame, FrameKind};
use pellucid::runtime::{Engine, Extern, Module};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use wasmparser::Operator;

/// An engine that compiles on the calling thread, and checks itself as far as it can.
pub fn engine(debug: bool, opt_level: OptLevel) -> Engine {
    engine_of(Config { debug, opt_level, ..hardened() })
}

/// The same for which functions aren't put in the places of calls.
pub fn engine_without_inlining(debug: bool, opt_level: OptLevel) -> Engine {
    engine_of(Config { debug, opt_level, inlining: false, ..hardened() })
}

/// The same without signal handlers: compiled code checks what may trap.
pub fn checking_engine(debug: bool) -> Engine {
    engine_of(Config { debug, signal_handlers: false, ..hardened() })
}

/// Engines whose guests count fuel: without debugging, with it, in the exact form, and with looks for interrupts in the place of signals.
pub fn counting_engines() -> [Engine; 4] {
    let counting = || Config { fuel: true, ..hardened() };
    [
        counting(),
        Config { debug: true, ..counting() },
        Config { debug: true, exact: true, ..counting() },
        Config { signal_handlers: false, interrupt_checks: true, ..counting() },
    ]
    .map(engine_of)
}

/// With debugging, everything in its exact form.
pub fn exact_engine() -> Engine {
    engine_of(Config { debug: true, exact: true, ..hardened() })
}

/// Engines that collect at every allocation and fill what is freed: without debugging, with it, in the exact form.
pub fn stressed_engines() -> [Engine; 3] {
    let stressed = || Config { stress_heap: true, ..hardened() };
    [stressed(), Config { debug: true, ..stressed() }, Config { debug: true, exact: true, ..stressed() }].map(engine_of)
}

/// Functions are compiled as those that are hard to compile.
pub fn in_memory_engine(debug: bool) -> Engine {
    engine_of(Config { debug, in_memory: true, ..hardened() })
}

/// Everything by which the engine checks itself: descriptions of frames are proved, stacks are filled with garbage.
fn hardened() -> Config {
    Config { compile_threads: 1, verify: true, poison_stacks: true, ..Config::default() }
}

fn engine_of(config: Config) -> Engine {
    Engine::new(config).expect("an engine can be made")
}

/// Which bits, functions and host values are which.
struct Names {
    externs: RefCell<Vec<ExternRef>>,
    /// The host's functions: one for each imported function.
    imports: RefCell<Vec<Func>>,
    host: RefCell<Host>,
    case: Rc<Case>,
}

/// A store with the module of a case.
pub struct Session {
    pub case: Rc<Case>,
    pub debuggee: Rc<Debuggee>,
    pub module: Module,
    instance: Cell<Option<Instance>>,
    names: Rc<Names>,
    on_host_call: Rc<RefCell<Option<HostHook>>>,
}

/// Sees each call of a host function before and after it is answered; the call fails if it says false.
pub type HostHook = Rc<dyn Fn(&Debuggee, HostMoment<'_>) -> bool>;

/// What a host function is about to do.
pub enum HostMoment<'a> {
    /// Import number `import` was called.
    Called { import: usize, args: &'a [Value] },
    /// It answers with these results, or fails.
    Answers(Option<&'a [Value]>),
}

impl Session {
    /// A store; nothing is instantiated yet.
    pub fn new(case: &Rc<Case>, engine: &Engine, module: &Module) -> Session {
        let limits = StoreLimits {
            memory_bytes: case.memory_limit,
            table_elements: TABLE_LIMIT,
            heap_bytes: HEAP_LIMIT,
            // Small, since all of it is filled before each call. Mostly it is enough for as many frames as the fuel allows.
            stack_bytes: 384 << 10,
            ..StoreLimits::default()
        };
        let debuggee = Rc::new(Debuggee::new(engine, limits).expect("a store can be made"));
        let names = Rc::new(Names {
            externs: RefCell::default(),
            imports: RefCell::default(),
            host: RefCell::default(),
            case: case.clone(),
        });
        if engine.config().fuel {
            debuggee.set_fuel(i64::MAX).expect("it counts");
        }
        let externs = (0..8u64).map(|number| debuggee.store().externref_new(Box::new(number)).unwrap()).collect();
        names.externs.replace(externs);
        Session {
            case: case.clone(),
            debuggee,
            module: module.clone(),
            instance: Cell::new(None),
            names,
            on_host_call: Rc::default(),
        }
    }

    /// Has `hook` see each call of a host function, or nobody.
    pub fn set_host_hook(&self, hook: Option<HostHook>) {
        drop(self.on_host_call.replace(hook));
    }

    /// Instantiates the module, with what it imports.
    pub fn instantiate(&self) -> Ended {
        let imports: Vec<_> = self.case.info.imports.iter().enumerate().map(|(place, _)| self.import(place)).collect();
        let instance = self.debuggee.instantiate(&self.module, &imports);
        self.instance.set(instance.as_ref().ok().copied());
        self.ended(instance.map(|_| Vec::new()))
    }

    fn import(&self, place: usize) -> Extern {
        let store = self.debuggee.store();
        let info = self.module.info();
        match info.import_type(&info.imports[place]) {
            ExternType::Func(ty) => {
                let (names, weak): (_, Weak<Debuggee>) = (self.names.clone(), Rc::downgrade(&self.debuggee));
                let (result_types, hook) = (ty.results.clone(), self.on_host_call.clone());
                let call = move |_: pellucid::runtime::Caller<'_>, args: &[Value], results: &mut [Value]| {
                    let debuggee = weak.upgrade().expect("its guest runs");
                    let hook = hook.borrow().clone();
                    let tell = |moment: HostMoment<'_>| hook.as_ref().is_none_or(|hook| hook(&debuggee, moment));
                    let mut is_good = tell(HostMoment::Called { import: place, args });
                    let args: Vec<_> = args.iter().map(|arg| names.show(&debuggee, arg, 0)).collect();
                    if debuggee.store().engine().config().stress_heap {
                        debuggee.store().collect_garbage().expect("there is memory");
                    }
                    let answer = names.host.borrow_mut().call(place, &args, &result_types);
                    is_good &= answer.is_some();
                    for (result, value) in results.iter_mut().zip(answer.into_iter().flatten()) {
                        *result = names.value(value);
                    }
                    is_good &= tell(HostMoment::Answers(is_good.then_some(&*results)));
                    if is_good { Ok(()) } else { Err(Error::new(ErrorKind::Host, "as it happens")) }
                };
                let func = store.func_new(ty.clone(), Box::new(call)).expect("a host function can be made");
                self.names.imports.borrow_mut().push(func);
                Extern::Func(func)
            }
            ExternType::Global(ty) => {
                let value = imported_value(place, ty.value).expect("it can be instantiated");
                let value = self.names.value(value);
                Extern::Global(store.global_new(ty, value).expect("a global can be made"))
            }
            ExternType::Memory(ty) => Extern::Memory(store.memory_new(ty).expect("a memory can be made")),
            ExternType::Tag(ty) => Extern::Tag(store.tag_new(&ty).expect("a tag can be made")),
            ExternType::Table(ty) => {
                let element = imported_element(place, ty.element).expect("it can be instantiated");
                let element = self.names.value(element);
                Extern::Table(store.table_new(ty, element).expect("a table can be made"))
            }
        }
    }

    /// The function of a call, and its arguments. The fuel is as at the beginning.
    pub fn prepare(&self, call: &Call) -> (Func, Vec<Value>) {
        let store = self.debuggee.store();
        let instance = self.instance();
        if self.case.has_fuel
            && let Some(Extern::Global(fuel)) = store.instance_export(instance, FUEL_EXPORT).expect("an instance")
        {
            store.global_set(fuel, Value::I32(FUEL)).expect("the fuel can be set");
        }
        let value = |arg: &Val| match *arg {
            Val::Func(Some(index)) => Value::FuncRef(Some(self.func(index))),
            other => self.names.value(other),
        };
        (self.func(call.func), call.args.iter().map(value).collect())
    }

    /// A call to the end.
    pub fn call(&self, call: &Call) -> Ended {
        let (func, args) = self.prepare(call);
        self.ended(self.debuggee.call(func, &args))
    }

    /// The instance, once there is one.
    pub fn instance(&self) -> Instance {
        self.instance.get().expect("an instance was made")
    }

    fn func(&self, index: u32) -> Func {
        self.debuggee.store().instance_func(self.instance(), FuncIndex::from_u32(index)).expect("one of its functions")
    }

    /// How something ended.
    pub fn ended(&self, result: Result<Vec<Value>, Error>) -> Ended {
        match result {
            Ok(values) => Ended::Returned(self.show_all(&values, 2)),
            Err(error) => {
                match error.trap_code().or((error.kind() == ErrorKind::Host).then_some(TrapCode::HostError)) {
                    Some(code) => {
                        let backtrace = error.backtrace().iter().map(|frame| (frame.func_index, frame.pc.0)).collect();
                        Ended::Trapped { code, backtrace }
                    }
                    None => Ended::Failed(format!("{:?}", error.kind())),
                }
            }
        }
    }

    /// What a finished call of this session ended with.
    pub fn ended_call(&self, call: &DebugCall) -> Ended {
        match call.error() {
            Some(error) => self.ended(Err(error)),
            None => self.ended(call.results(&self.debuggee)),
        }
    }

    /// A value as it is compared.
    pub fn show(&self, value: &Value) -> Val {
        self.names.show(&self.debuggee, value, 0)
    }

    fn show_all(&self, values: &[Value], depth: u32) -> Vec<Val> {
        values.iter().map(|value| self.names.show(&self.debuggee, value, depth)).collect()
    }

    /// A value in one word: a function is its index plus one, a host value its number plus one, any exception 1, null 0.
    pub fn word(&self, value: &Value) -> u64 {
        match *value {
            Value::I32(value) => u64::from(value as u32),
            Value::I64(value) => value as u64,
            Value::F32(bits) => u64::from(bits),
            Value::F64(bits) => bits,
            Value::FuncRef(None) | Value::ExternRef(None) | Value::ExnRef(None) => 0,
            Value::ExnRef(Some(_)) => 1,
            Value::FuncRef(Some(func)) => match self.debuggee.store().func_location(func).expect("a function") {
                Some((_, _, index)) => u64::from(index.as_u32()) + 1,
                None => {
                    let place = self.names.imports.borrow().iter().position(|import| *import == func);
                    place.expect("a function of the host") as u64 + 1
                }
            },
            Value::ExternRef(_) => match self.names.show(&self.debuggee, value, 0) {
                Val::Extern(Some(number)) => number + 1,
                other => panic!("{other:?} is no host value"),
            },
            Value::AnyRef(_) => panic!("no case has what guests make"),
            Value::V128(_) => panic!("a vector has two words"),
            Value::Unavailable => panic!("a value isn't known"),
        }
    }

    /// The value that a word of this type stands for.
    pub fn value(&self, word: u64, ty: ValType) -> Value {
        match ty {
            ValType::I32 => Value::I32(word as i32),
            ValType::I64 => Value::I64(word as i64),
            ValType::F32 => Value::F32(word as u32),
            ValType::F64 => Value::F64(word),
            ValType::V128 => panic!("a vector has two words"),
            ValType::Ref(RefType::FUNC) => Value::FuncRef(word.checked_sub(1).map(|index| self.func(index as u32))),
            ValType::Ref(RefType::EXTERN) => self.names.value(Val::Extern(word.checked_sub(1))),
            ValType::EXNREF => Value::ExnRef(None),
            ValType::Ref(ty) => panic!("no case has {ty}"),
        }
    }

    /// All that a call can change.
    pub fn snapshot(&self) -> Snapshot {
        let Some(instance) = self.instance.get() else { return Snapshot::default() };
        let store = self.debuggee.store();
        let globals = self.case.globals.iter().map(|(index, _)| {
            let global = store.instance_global(instance, GlobalIndex::from_u32(*index)).expect("its global");
            self.names.show(&self.debuggee, &store.global_get(global).expect("a global can be read"), 2)
        });
        let memories = self.case.memories.iter().map(|(index, _)| {
            let memory = store.instance_memory(instance, MemoryIndex::from_u32(*index)).expect("its memory");
            let (_, size) = store.memory_base(memory).expect("a memory has a base");
            let mut bytes = vec![0; size];
            store.memory_read(memory, 0, &mut bytes).expect("all of it can be read");
            (size as u64, hash_bytes(&bytes))
        });
        let tables = self.case.tables.iter().map(|(index, _)| {
            let table = store.instance_table(instance, TableIndex::from_u32(*index)).expect("its table");
            let size = store.table_size(table).expect("a table has a size");
            let get = |place| store.table_get(table, place).expect("an element can be read");
            self.show_all(&(0..size).map(get).collect::<Vec<_>>(), 1)
        });
        Snapshot {
            globals: globals.collect(),
            memories: memories.collect(),
            tables: tables.collect(),
            host: self.names.host.borrow().log,
            fuel: self.debuggee.fuel().ok(),
        }
    }

    /// An edit of breakpoints.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Edit) -> T) -> T {
        let mut edit = Edit::begin(&self.debuggee).expect("debugging is on");
        let result = change(&mut edit);
        edit.commit(&self.debuggee).expect("the edit is good");
        result
    }
}

impl Names {
    /// A value, and what objects hold that deep.
    fn show(&self, debuggee: &Debuggee, value: &Value, depth: u32) -> Val {
        match *value {
            Value::I32(value) => Val::I32(value),
            Value::I64(value) => Val::I64(value),
            Value::F32(bits) => Val::f32(bits),
            Value::F64(bits) => Val::f64(bits),
            Value::V128(bits) => Val::v128(bits),
            Value::FuncRef(None) => Val::Func(None),
            Value::FuncRef(Some(func)) => {
                let index = match debuggee.store().func_location(func).expect("a function of the store") {
                    Some((_, _, index)) => index.as_u32(),
                    None => {
                        let place = self.imports.borrow().iter().position(|import| *import == func);
                        place.map_or(UNKNOWN_FUNCTION, |place| place as u32)
                    }
                };
                // As far as the peer can tell.
                let is_exported = self.case.exported_funcs.contains(&index);
                Val::Func(Some(if is_exported { index } else { UNKNOWN_FUNCTION }))
            }
            Value::ExternRef(None) => Val::Extern(None),
            Value::ExternRef(Some(reference)) if reference.index & ExternRef::OF_GUEST != 0 => {
                match debuggee.store().convert(*value).expect("a reference of the store") {
                    Value::AnyRef(Some(made)) => Val::Passed(self.made(debuggee, made, depth)),
                    other => panic!("{value:?} is what the guest made, but becomes {other:?}"),
                }
            }
            Value::ExternRef(Some(reference)) => Val::Extern(Some(number(debuggee, reference))),
            Value::ExnRef(reference) => Val::Exn(reference.is_some()),
            Value::AnyRef(reference) => Val::Any(reference.map(|made| self.made(debuggee, made, depth))),
            Value::Unavailable => Val::Unavailable,
        }
    }

    fn made(&self, debuggee: &Debuggee, made: AnyRef, depth: u32) -> Made {
        let store = debuggee.store();
        let object = match made {
            AnyRef::I31(value) => return Made::I31(value),
            AnyRef::Extern(reference) => return Made::Extern(number(debuggee, reference)),
            AnyRef::Object(object) => object,
        };
        let ty = store.object_type(object).expect("an object of the store");
        let held = if depth == 0 {
            0
        } else {
            let count = store.object_length(object).expect("it is there");
            let part = |place| store.object_get(object, place).expect("it has it");
            let part = |place| self.show(debuggee, &part(place), depth - 1);
            Made::held(count, &(0..count.min(MOST_PARTS)).map(part).collect::<Vec<_>>())
        };
        match store.engine().types().get(ty).composite.kind() {
            TypeKind::Struct => Made::Struct(held),
            TypeKind::Array => Made::Array(held),
            TypeKind::Func => panic!("an object that is a function"),
        }
    }

    /// A value that names no function.
    fn value(&self, value: Val) -> Value {
        let host_value = |number: u64| self.externs.borrow()[number as usize];
        match value {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(bits) => Value::F32(bits),
            Val::F64(bits) => Value::F64(bits),
            Val::V128(bits) => Value::V128(bits),
            Val::Func(None) => Value::FuncRef(None),
            Val::Extern(number) => Value::ExternRef(number.map(host_value)),
            Val::Any(made) => Value::AnyRef(made.map(|made| match made {
                Made::I31(value) => AnyRef::i31(value),
                Made::Extern(number) => AnyRef::Extern(host_value(number)),
                Made::Struct(_) | Made::Array(_) => unreachable!("no object is asked for"),
            })),
            Val::Exn(false) => Value::ExnRef(None),
            Val::Func(Some(_)) | Val::Passed(_) | Val::Exn(true) | Val::Unavailable => {
                unreachable!("it names a function or nothing")
            }
        }
    }
}

/// The number of a host value.
fn number(debuggee: &Debuggee, reference: ExternRef) -> u64 {
    let data = debuggee.store().with_externref(reference, |data| data.downcast_ref::<u64>().copied());
    data.expect("a host value of the store").expect("the host values are numbers")
}

/// A case to the end, without anybody looking.
pub fn run(case: &Rc<Case>, engine: &Engine) -> Report {
    let session = Session::new(case, engine, &module(case, engine));
    run_session(&session, |call| session.call(call))
}

/// Instantiates, and makes each call with `make`.
pub fn run_session(session: &Session, mut make: impl FnMut(&Call) -> Ended) -> Report {
    let mut report = Report { ends: vec![session.instantiate()], snapshots: vec![session.snapshot()] };
    if session.instance.get().is_some() {
        for call in &session.case.calls {
            report.ends.push(make(call));
            report.snapshots.push(session.snapshot());
        }
    }
    report
}

/// What a frame shows.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    pub kind: FrameKind,
    pub func: u32,
    pub pc: u32,
    pub locals: Vec<Val>,
    pub operands: Vec<Val>,
}

impl State {
    /// One word for its values.
    pub fn values(&self) -> u64 {
        mix(hash_values(&self.locals), hash_values(&self.operands))
    }
}

impl Session {
    /// All of a frame.
    pub fn state(&self, frame: &Frame) -> State {
        show(&self.names, &self.debuggee, frame)
    }
}

fn show(names: &Names, debuggee: &Debuggee, frame: &Frame) -> State {
    let info = debuggee.frame_info(frame).expect("the frame is fresh");
    let mut locals = vec![Value::Unavailable; info.n_locals as usize];
    let mut operands = vec![Value::Unavailable; info.n_operands as usize];
    assert_eq!(debuggee.frame_read_locals(frame, 0, &mut locals).expect("locals can be read"), info.n_locals);
    assert_eq!(debuggee.frame_read_operands(frame, 0, &mut operands).expect("operands can be read"), info.n_operands);
    let all = |values: &[Value]| values.iter().map(|value| names.show(debuggee, value, 0)).collect();
    State {
        kind: info.kind,
        func: info.func_index.as_u32(),
        pc: info.pc.0,
        locals: all(&locals),
        operands: all(&operands),
    }
}

/// All frames of an activation, innermost first.
pub fn frames(debuggee: &Debuggee, innermost: &Frame) -> Vec<Frame> {
    let mut frames = vec![*innermost];
    while let Some(caller) = debuggee.frame_caller(&frames[frames.len() - 1]).expect("the frame is fresh") {
        frames.push(caller);
    }
    frames
}

/// From so many frames on the callers aren't looked at each time.
pub const DEEP: u32 = 8;

/// Writes down each step, and holds callers against what they showed when they called.
struct Recorder {
    names: Rc<Names>,
    trace: Trace,
    contents: Contents,
    /// The last state of each frame, outermost first.
    shadows: Vec<State>,
    /// Whether the values of steps are kept, and of which.
    wanted: Option<usize>,
    found: String,
}

impl Recorder {
    fn new(names: Rc<Names>, mut contents: Contents, wanted: Option<usize>) -> Recorder {
        contents.anything_is_written();
        Recorder { names, trace: Trace::default(), contents, shadows: Vec::new(), wanted, found: String::new() }
    }

    /// Writes down what happens to the guest.
    fn tell(&mut self, debuggee: &Debuggee, event: &Event) {
        let told =
            match (event.kind, event.thrown(), event.trap) {
                (EventKind::HostError, ..) => Told::HostFailed,
                (EventKind::Trap, _, Some(code)) => Told::Trap(code),
                (_, Some(thrown), _) => {
                    let instance =
                        debuggee.frame_info(&event.frame.expect("it was thrown there")).expect("it is fresh").instance;
                    let instance = instance.expect("a frame of guest code has an instance");
                    let tag =
                        self.names.case.info.tags.keys().find(|index| {
                            debuggee.store().instance_tag(instance, *index).expect("its tag") == thrown.tag
                        });
                    let values: Vec<_> =
                        thrown.values.iter().map(|value| self.names.show(debuggee, value, 0)).collect();
                    Told::Thrown { tag: tag.map(|index| index.as_u32()), values: hash_values(&values) }
                }
                _ => return,
            };
        self.trace.tell(told);
    }

    /// What the instance of a frame holds.
    fn held(&mut self, debuggee: &Debuggee, instance: Instance) -> Held {
        let (store, names, info) = (debuggee.store(), &self.names, &self.names.case.info);
        // What is looked at isn't kept.
        let scope = store.open_scope().expect("there is memory");
        let mut held = Held::default();
        for index in info.memories.keys() {
            let memory = store.instance_memory(instance, index).expect("its memory");
            let (base, size) = store.memory_base(memory).expect("a memory has a base");
            // SAFETY: the only guest that has it isn't running.
            let bytes = if size == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(base, size) } };
            held.memories.push(self.contents.of_memory(index.as_u32() as usize, bytes));
        }
        for index in info.globals.keys() {
            let global = store.instance_global(instance, index).expect("its global");
            held.globals.push(names.show(debuggee, &store.global_get(global).expect("a global can be read"), 0));
        }
        held.tables = self.contents.of_tables(|| {
            info.tables.keys().fold(0, |hash, index| {
                let table = store.instance_table(instance, index).expect("its table");
                let size = store.table_size(table).expect("a table has a size");
                let element = |place| store.table_get(table, place).expect("an element can be read");
                let elements: Vec<_> = (0..size).map(|place| names.show(debuggee, &element(place), 0)).collect();
                mix(hash, hash_values(&elements))
            })
        });
        store.close_scope(scope).expect("it was opened last");
        held
    }

    fn step(&mut self, debuggee: &Debuggee, event: &Event) {
        let frames = frames(debuggee, &event.frame.expect("a step has a frame"));
        let number = self.trace.steps.len();
        let innermost = show(&self.names, debuggee, &frames[0]);
        assert_eq!(event.pc.0, innermost.pc, "the event and its frame disagree");
        let depth = frames.len();
        self.shadows.truncate(depth);
        let is_entered = self.shadows.len() < depth;
        let mut callers = 0;
        // Of a deep stack all frames are read seldom.
        if (depth as u32) < DEEP || number.is_multiple_of(16) {
            callers = 1;
            for (above, frame) in frames[1..].iter().enumerate() {
                let caller = show(&self.names, debuggee, frame);
                callers = mix(callers, mix(u64::from(caller.func), hash_values(&caller.locals)));
                let shadow = &self.shadows[depth - 2 - above];
                let is_same = caller.kind == FrameKind::Calling
                    && (caller.func, caller.pc) == (shadow.func, shadow.pc)
                    && caller.locals == shadow.locals
                    && shadow.operands.starts_with(&caller.operands);
                assert!(
                    is_same,
                    "step {number}: a caller shows\n{caller:x?}\nbut when it called it showed\n{shadow:x?}"
                );
            }
        }
        let instance = debuggee.frame_info(&frames[0]).expect("the frame is fresh").instance;
        let instance = instance.expect("a frame of guest code has an instance");
        let held = self.held(debuggee, instance);
        if self.wanted == Some(number) {
            self.found = format!("{innermost:x?} {held:x?}");
        }
        let read = |memory: u32, range: std::ops::Range<u64>| {
            let (mut bytes, count) = ([0; 16], (range.end - range.start) as usize);
            let memory = debuggee.store().instance_memory(instance, MemoryIndex::from_u32(memory)).ok()?;
            debuggee.store().memory_read(memory, range.start, &mut bytes[..count]).ok()?;
            Some(u128::from_le_bytes(bytes))
        };
        let info = &self.names.case.info;
        let accesses = accesses::of(info, innermost.pc, &innermost.operands, read);
        self.contents.looked(&info.operator_at(WasmPc(innermost.pc)), &accesses);
        let contents = held.hash();
        let seen = Arc::new(Seen {
            locals: innermost.locals.clone(),
            operands: innermost.operands.clone(),
            globals: held.globals[..held.globals.len().min(GLOBALS)].to_vec(),
            memory: if info.memories.is_empty() {
                Vec::new()
            } else {
                (GLIMPSE..GLIMPSE + 8).map_while(|at| Some(read(0, at..at + 1)? as u8)).collect()
            },
        });
        self.trace.steps.push(Step {
            func: innermost.func,
            pc: innermost.pc,
            depth: depth as u32,
            locals: hash_values(&innermost.locals),
            values: innermost.values(),
            callers,
            contents,
            seen,
            accesses,
        });
        assert!(depth <= self.shadows.len() + 1, "step {number}: {depth} frames after {}", self.shadows.len());
        if is_entered {
            self.shadows.push(innermost);
        } else {
            self.shadows[depth - 1] = innermost;
        }
    }
}

/// A case to the end, step by step: how each call ended and the steps it took, the instantiation first.
pub fn step(case: &Rc<Case>, engine: &Engine) -> (Report, Vec<Trace>) {
    step_module(case, &module(case, engine))
}

/// The same with a module that is loaded.
pub fn step_module(case: &Rc<Case>, module: &Module) -> (Report, Vec<Trace>) {
    let (report, traces, _) = step_and_look(case, module, None);
    (report, traces)
}

/// Whether an operator has another function take the place of its own.
pub fn is_tail_call(operator: &Operator<'_>) -> bool {
    use Operator::{ReturnCall, ReturnCallIndirect, ReturnCallRef};
    matches!(operator, ReturnCall { .. } | ReturnCallIndirect { .. } | ReturnCallRef { .. })
}

/// The module of a case.
pub fn module(case: &Case, engine: &Engine) -> Module {
    Module::new(engine, &case.bytes).unwrap_or_else(|error| panic!("it is refused: {error}"))
}

/// The state before a step, in words.
pub fn explain(case: &Rc<Case>, engine: &Engine, call: usize, step: usize) -> String {
    step_and_look(case, &module(case, engine), Some((call, step))).2
}

fn step_and_look(case: &Rc<Case>, module: &Module, wanted: Option<(usize, usize)>) -> (Report, Vec<Trace>, String) {
    let session = Session::new(case, module.engine(), module);
    let wanted_of = |call| wanted.and_then(|(wanted, step)| (wanted == call).then_some(step));
    let recorder = Rc::new(RefCell::new(Recorder::new(session.names.clone(), Contents::default(), wanted_of(0))));
    let (writer, trapped) = (recorder.clone(), Rc::new(Cell::new(None)));
    let at_trap = trapped.clone();
    let most_steps = case.most_steps;
    let handle = move |debuggee: &Debuggee, event: &Event| {
        if event.kind == EventKind::Step {
            let mut writer = writer.borrow_mut();
            if writer.trace.steps.len() < most_steps {
                writer.step(debuggee, event);
            } else if !writer.trace.is_cut {
                writer.trace.is_cut = true;
                let mut edit = Edit::begin(debuggee).expect("debugging is on");
                edit.single_step(false);
                edit.commit(debuggee).expect("the edit is good");
            }
        } else if let Some(frame) = &event.frame {
            let mut writer = writer.borrow_mut();
            writer.tell(debuggee, event);
            let state = show(&writer.names, debuggee, frame);
            if event.kind == EventKind::CaughtException {
                // The guest goes on, elsewhere.
                if let (Some(last), false) = (writer.trace.steps.last(), writer.trace.is_cut) {
                    let shown = (event.pc.0, state.pc, state.func, state.values());
                    let expected = (last.pc, last.pc, last.func, last.values);
                    assert_eq!(shown, expected, "where an exception is thrown, and its last step");
                    let number = writer.trace.steps.len() - 1;
                    writer.trace.throws.push(number);
                }
                return Action::Continue;
            }
            if event.trap == Some(TrapCode::CallStackExhausted) {
                // Where a function would begin that has no frame yet.
                return Action::Continue;
            }
            // A frame that called a host function shows what is beneath the arguments.
            let shows_all = matches!(event.kind, EventKind::Trap | EventKind::UncaughtException);
            let values = shows_all.then(|| state.values());
            at_trap.set(Some((event.pc.0, state.pc, state.func, values)));
        }
        Action::Continue
    };
    session.debuggee.set_event_handler(EventKind::ALL, Box::new(handle)).expect("debugging is on");
    session.edit(|edit| edit.single_step(true));
    let teller = recorder.clone();
    session.set_host_hook(Some(Rc::new(move |debuggee: &Debuggee, moment: HostMoment<'_>| {
        if let HostMoment::Called { import, args } = moment {
            let mut recorder = teller.borrow_mut();
            let args: Vec<_> = args.iter().map(|arg| recorder.names.show(debuggee, arg, 0)).collect();
            let frame = debuggee.newest_frame().expect("debugging is on");
            let caller = frame.map(|frame| {
                let info = debuggee.frame_info(&frame).expect("the frame is fresh");
                if let (Some(last), false) = (recorder.trace.steps.last(), recorder.trace.is_cut)
                    && !is_tail_call(&recorder.names.case.info.operator_at(WasmPc(last.pc)))
                {
                    let shown = (info.func_index.as_u32(), info.pc.0);
                    assert_eq!(shown, (last.func, last.pc), "where a host function is called, and the last step");
                }
                info.func_index.as_u32()
            });
            recorder.trace.tell(Told::HostCall { import, args: hash_values(&args), caller });
            recorder.contents.anything_is_written();
        }
        true
    })));
    let (mut traces, mut found) = (Vec::new(), String::new());
    let finish = |traces: &mut Vec<Trace>, found: &mut String| {
        let contents = std::mem::take(&mut recorder.borrow_mut().contents);
        let next = Recorder::new(session.names.clone(), contents, wanted_of(traces.len() + 1));
        let Recorder { trace, found: text, .. } = recorder.replace(next);
        // What trapped is what was about to be executed.
        if let (Some((pc, frame_pc, func, values)), Some(last), false) =
            (trapped.take(), trace.steps.last(), trace.is_cut)
        {
            // A host function that has taken the place of the last step's frame has failed in it.
            let is_replaced = values.is_none() && is_tail_call(&case.info.operator_at(WasmPc(last.pc)));
            let shown = (pc, frame_pc, func, values);
            let expected = (last.pc, last.pc, last.func, values.map(|_| last.values));
            assert!(
                is_replaced || shown == expected,
                "the trap's pc, its frame's pc, function and values: {shown:?}; those of the last step: {expected:?}"
            );
        }
        traces.push(trace);
        *found += &text;
    };
    let mut report = Report { ends: vec![session.instantiate()], snapshots: vec![session.snapshot()] };
    finish(&mut traces, &mut found);
    if session.instance.get().is_some() {
        for call in &case.calls {
            if !session.debuggee.is_single_stepping().expect("debugging is on") {
                session.edit(|edit| edit.single_step(true));
            }
            report.ends.push(session.call(call));
            report.snapshots.push(session.snapshot());
            finish(&mut traces, &mut found);
        }
    }
    session.set_host_hook(None);
    (report, traces, found)
}
