//! Runs the directives of one script against one store.
//!
//! Invariant: what an unsupported module would have defined is remembered as refused, so that whatever depends on it
//! is told apart from what is wrong. Whether refusals are permitted is for the caller to decide.

use super::values;
use pellucid::base::{
    Config, Error, ErrorKind, ExternRef, Func, FuncType, GlobalType, Instance, MemoryType, Object, OptLevel, RawValue,
    RefType, StoreLimits, TableType, TrapCode, TypeKind, ValType, Value,
};
use pellucid::debug::{Action, CallState, Debuggee, Edit, Event, EventKind, Resume};
use pellucid::runtime::{Engine, Extern, Linker, Module};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke};

/// Why a directive didn't do what it should.
pub enum Fault {
    /// It depends on a module that was refused as unsupported; the text says why.
    Refused(String),
    /// It is wrong.
    Wrong(String),
}

type Outcome<T = ()> = Result<T, Fault>;

macro_rules! wrong {
    ($($arg:tt)*) => { return Err(Fault::Wrong(format!($($arg)*))) };
}

/// A module that was defined, or the reason why it was refused.
type Slot<T> = Result<T, String>;

/// What a script has built up.
pub struct Script {
    debuggee: Debuggee,
    linker: Linker,
    instances: HashMap<String, Slot<Instance>>,
    last_instance: Option<Slot<Instance>>,
    modules: HashMap<String, Slot<Module>>,
    last_module: Option<Slot<Module>>,
    refused_names: HashSet<String>,
    /// Whether modules come back from their bytes.
    serializes: bool,
    externs: HashMap<u32, ExternRef>,
    calls: u32,
    /// What an event's frame couldn't be asked since the last directive.
    trouble: Rc<RefCell<Option<String>>>,
}

impl Script {
    /// A script that has run nothing yet. With `step`, every operator of it will raise an event.
    pub fn new(engine: &Engine, step: bool) -> Result<Script, Error> {
        let debuggee = Debuggee::new(engine, StoreLimits::default())?;
        if engine.config().fuel {
            debuggee.set_fuel(i64::MAX)?;
        }
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        define_spectest(&debuggee, &mut linker)?;
        let trouble = Rc::new(RefCell::new(None));
        if step {
            let trouble = trouble.clone();
            let handler = move |debuggee: &Debuggee, event: &Event| look(debuggee, event, &trouble);
            debuggee.set_event_handler(EventKind::ALL, Box::new(handler))?;
            let mut edit = Edit::begin(&debuggee)?;
            edit.single_step(true);
            edit.commit(&debuggee)?;
        }
        Ok(Script {
            debuggee,
            linker,
            instances: HashMap::new(),
            last_instance: None,
            modules: HashMap::new(),
            last_module: None,
            refused_names: HashSet::new(),
            serializes: std::env::var_os("PELLUCID_SPEC_SERIALIZE").is_some_and(|serializes| serializes == "1"),
            externs: HashMap::new(),
            calls: 0,
            trouble,
        })
    }

    /// Runs one directive.
    pub fn run(&mut self, directive: WastDirective<'_>) -> Outcome {
        let outcome = self.directive(directive);
        match self.trouble.take() {
            Some(trouble) => wrong!("an event's frame: {trouble}"),
            None => outcome,
        }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        match directive {
            WastDirective::Module(mut wat) => {
                let name = wat.name().map(|id| id.name().to_string());
                let module = self.define(&mut wat);
                let instance = module.and_then(|module| self.instantiate(&module).map_err(engine_fault));
                let (slot, outcome) = split(instance);
                remember(&mut self.instances, &mut self.last_instance, name, slot);
                outcome
            }
            WastDirective::ModuleDefinition(mut wat) => {
                let name = wat.name().map(|id| id.name().to_string());
                let (slot, outcome) = split(self.define(&mut wat));
                remember(&mut self.modules, &mut self.last_module, name, slot);
                outcome
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let module = lookup(&self.modules, &self.last_module, module.map(|id| id.name()), "module definition");
                let made = module.and_then(|module| self.instantiate(&module).map_err(engine_fault));
                let (slot, outcome) = split(made);
                remember(&mut self.instances, &mut self.last_instance, instance.map(|id| id.name().to_string()), slot);
                outcome
            }
            WastDirective::Register { name, module, .. } => match self.instance(module.map(|id| id.name())) {
                Ok(instance) => {
                    self.refused_names.remove(name);
                    self.linker.define_instance(self.debuggee.store(), name, instance).map_err(engine_fault)
                }
                Err(fault) => {
                    self.refused_names.insert(name.to_string());
                    Err(fault)
                }
            },
            WastDirective::Invoke(invoke) => match self.invoke(&invoke)? {
                Ok(_) => Ok(()),
                Err(error) => wrong!("invoke `{}`: {error}", invoke.name),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let values = match self.execute(exec)? {
                    Ok(values) => values,
                    Err(error) => wrong!("expected {results:?}, got the error: {error}"),
                };
                let pairs = || values.iter().zip(&results);
                if values.len() != results.len() || !pairs().all(|(a, b)| values::is_expected(a, b, self)) {
                    wrong!("expected {results:?}, got {}", values::show(&values));
                }
                Ok(())
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call)?;
                if let Err(error) = &outcome
                    && error.trap_code() != Some(TrapCode::CallStackExhausted)
                {
                    wrong!("expected exhaustion, got the error: {error}");
                }
                expect_trap(outcome, message)
            }
            WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertInvalidCustom { module, message, .. } => self.expect_invalid(module, message, false),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertMalformedCustom { module, message, .. } => {
                self.expect_invalid(module, message, true)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let module = self.define(&mut QuoteWat::Wat(module))?;
                match self.instantiate(&module) {
                    Ok(_) => wrong!("expected `{message}`, but it linked"),
                    Err(error) if error.kind() == ErrorKind::Link => Ok(()),
                    Err(error) if error.kind() == ErrorKind::Unsupported => Err(engine_fault(error)),
                    Err(error) => wrong!("expected `{message}`, got {:?}: {error}", error.kind()),
                }
            }
            WastDirective::AssertException { exec, .. } => match self.execute(exec)? {
                Ok(values) => wrong!("expected an exception, got {}", values::show(&values)),
                Err(error) if error.kind() == ErrorKind::Exception => Ok(()),
                Err(error) => wrong!("expected an exception, got the error: {error}"),
            },
            WastDirective::AssertSuspension { exec, .. } => match self.execute(exec)? {
                Ok(values) => wrong!("expected a suspension, got {}", values::show(&values)),
                Err(error) => wrong!("expected a suspension, got the error: {error}"),
            },
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Err(Fault::Refused("threads".into())),
        }
    }

    fn define(&self, wat: &mut QuoteWat<'_>) -> Outcome<Module> {
        let bytes = wat.encode().map_err(|error| Fault::Wrong(format!("text: {}", error.message())))?;
        self.compile(&bytes).map_err(engine_fault)
    }

    /// Compiles a module. Validating alone must have the same opinion of its validity.
    fn compile(&self, bytes: &[u8]) -> Result<Module, Error> {
        let engine = self.debuggee.store().engine();
        let made =
            Module::new(engine, bytes).and_then(|module| if self.serializes { again(&module) } else { Ok(module) });
        let validated = Module::validate(engine, bytes);
        let is_invalid = |error: Option<&Error>| error.is_some_and(|error| error.kind() == ErrorKind::InvalidModule);
        if is_invalid(made.as_ref().err()) != is_invalid(validated.as_ref().err()) {
            let message = format!("compiling says {:?}, validating alone {:?}", made.err(), validated.err());
            return Err(Error::new(ErrorKind::Panic, message));
        }
        made
    }

    fn expect_invalid(&self, mut module: QuoteWat<'_>, message: &str, malformed: bool) -> Outcome {
        let bytes = match module.to_test() {
            Ok(QuoteWatTest::Binary(bytes)) => bytes,
            // Text that doesn't parse is malformed. The parser also resolves names, which the specification's tests
            // count as invalid in places.
            Ok(QuoteWatTest::Text(_)) => match module.encode() {
                Ok(bytes) => bytes,
                Err(_) => return Ok(()),
            },
            Err(_) => return Ok(()),
        };
        match self.compile(&bytes) {
            Ok(_) => wrong!("expected `{message}`, but it is {}", if malformed { "well-formed" } else { "valid" }),
            Err(error) if error.kind() == ErrorKind::InvalidModule => Ok(()),
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(Fault::Refused(error.to_string())),
            Err(error) => wrong!("expected `{message}`, got {:?}: {error}", error.kind()),
        }
    }

    /// Instantiates with what is registered. Needing something of a refused module is reported as `Unsupported`.
    fn instantiate(&self, module: &Module) -> Result<Instance, Error> {
        if let Some(import) =
            module.info().imports.iter().find(|import| self.refused_names.contains(import.module.as_str()))
        {
            let message = format!("it imports from `{}`, which was refused", import.module);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.debuggee.link(&self.linker, module)
    }

    fn instance(&self, name: Option<&str>) -> Outcome<Instance> {
        lookup(&self.instances, &self.last_instance, name, "instance")
    }

    fn export(&self, module: Option<&str>, name: &str) -> Outcome<Extern> {
        let instance = self.instance(module)?;
        match self.debuggee.store().instance_export(instance, name).map_err(engine_fault)? {
            Some(export) => Ok(export),
            None => wrong!("no export `{name}`"),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<Result<Vec<Value>, Error>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => match self.export(module.map(|id| id.name()), global)? {
                Extern::Global(global) => Ok(self.debuggee.store().global_get(global).map(|value| vec![value])),
                _ => wrong!("the export `{global}` isn't a global"),
            },
            WastExecute::Wat(wat) => {
                let module = self.define(&mut QuoteWat::Wat(wat))?;
                match self.instantiate(&module) {
                    Err(error) if error.kind() == ErrorKind::Unsupported => Err(engine_fault(error)),
                    other => Ok(other.map(|_| Vec::new())),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Outcome<Result<Vec<Value>, Error>> {
        let Extern::Func(func) = self.export(invoke.module.map(|id| id.name()), invoke.name)? else {
            wrong!("the export `{}` isn't a function", invoke.name)
        };
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let store = self.debuggee.store();
            let externs = &mut self.externs;
            let made = values::argument(arg, |number| {
                let made = externs
                    .entry(number)
                    .or_insert_with(|| store.externref_new(Box::new(number)).expect("there is memory"));
                Value::ExternRef(Some(*made))
            });
            args.push(made.map_err(Fault::Refused)?);
        }
        self.calls += 1;
        // The three ways to call take turns.
        Ok(match self.calls % 3 {
            0 => self.call_raw(func, &args),
            1 => self.call_resumable(func, &args),
            _ => self.debuggee.call(func, &args),
        })
    }

    fn call_raw(&self, func: Func, args: &[Value]) -> Result<Vec<Value>, Error> {
        let store = self.debuggee.store();
        let ty = store.func_type(func)?;
        if ty.params.len() != args.len() {
            return self.debuggee.call(func, args);
        }
        let mut raw = vec![RawValue::default(); ty.params.len().max(ty.results.len())];
        for (raw, arg) in raw.iter_mut().zip(args) {
            *raw = store.to_raw(arg)?;
        }
        self.debuggee.call_raw(func, &mut raw)?;
        Ok(ty.results.iter().zip(raw).map(|(ty, raw)| store.from_raw(*ty, raw)).collect())
    }

    fn call_resumable(&self, func: Func, args: &[Value]) -> Result<Vec<Value>, Error> {
        let call = self.debuggee.call_begin(func, args)?;
        loop {
            match call.resume(&self.debuggee, Resume::Continue)? {
                CallState::Paused => {}
                CallState::Finished => return call.results(&self.debuggee),
                state => {
                    let unfinished = || Error::new(ErrorKind::Panic, format!("the call came out as {state:?}"));
                    return Err(call.error().unwrap_or_else(unfinished));
                }
            }
        }
    }
}

impl values::Known for Script {
    fn number(&self, value: &Value) -> Option<u32> {
        let Value::ExternRef(Some(reference)) = value else { return None };
        self.debuggee.store().with_externref(*reference, |data| data.downcast_ref().copied()).ok()?
    }

    fn kind(&self, object: Object) -> TypeKind {
        let store = self.debuggee.store();
        store.engine().types().get(store.object_type(object).unwrap()).composite.kind()
    }
}

/// Events that were looked at.
pub static EVENTS: AtomicU64 = AtomicU64::new(0);

/// Looks at everything that an event's frame has; what doesn't work is put into `trouble`.
fn look(debuggee: &Debuggee, event: &Event, trouble: &RefCell<Option<String>>) -> Action {
    EVENTS.fetch_add(1, Ordering::Relaxed);
    let read = || {
        let Some(frame) = event.frame else { return Ok(()) };
        let info = debuggee.frame_info(&frame)?;
        let mut values = vec![Value::Unavailable; info.n_locals.max(info.n_operands) as usize];
        let locals = debuggee.frame_read_locals(&frame, 0, &mut values)? as usize;
        // A function that found the stack exhausted at its entry has no frame to read.
        let is_known =
            event.trap == Some(TrapCode::CallStackExhausted) || !values[..locals].contains(&Value::Unavailable);
        if info.pc != event.pc || locals as u32 != info.n_locals || !is_known {
            return Err(Error::new(ErrorKind::Panic, format!("at {}: {values:?}", event.pc)));
        }
        debuggee.frame_read_operands(&frame, 0, &mut values).map(|_| ())
    };
    if let Err(error) = read() {
        trouble.replace(Some(error.to_string()));
    }
    // A resumable call comes back to the host at every operator.
    if event.can_pause { Action::Pause } else { Action::Continue }
}

/// Reads a script's directives. The lexer takes the suite's odd characters, which the tests of names are made of.
pub fn with_directives<T>(text: &str, read: impl FnOnce(Wast<'_>) -> T) -> Result<T, wast::Error> {
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer)?;
    Ok(read(wast::parser::parse::<Wast<'_>>(&buffer)?))
}

/// Whether a directive is an assertion; the others only prepare.
pub fn is_assertion(directive: &WastDirective<'_>) -> bool {
    !matches!(
        directive,
        WastDirective::Module(_)
            | WastDirective::ModuleDefinition(_)
            | WastDirective::ModuleInstance { .. }
            | WastDirective::Register { .. }
            | WastDirective::Invoke(_)
            | WastDirective::Thread(_)
            | WastDirective::Wait { .. }
    )
}

fn engine_fault(error: Error) -> Fault {
    match error.kind() {
        ErrorKind::Unsupported => Fault::Refused(error.to_string()),
        kind => Fault::Wrong(format!("{kind:?}: {error}")),
    }
}

fn split<T>(made: Outcome<T>) -> (Option<Slot<T>>, Outcome) {
    match made {
        Ok(made) => (Some(Ok(made)), Ok(())),
        Err(Fault::Refused(why)) => (Some(Err(why.clone())), Err(Fault::Refused(why))),
        Err(fault) => (None, Err(fault)),
    }
}

fn remember<T: Clone>(
    named: &mut HashMap<String, Slot<T>>,
    last: &mut Option<Slot<T>>,
    name: Option<String>,
    slot: Option<Slot<T>>,
) {
    if let Some(name) = name {
        match &slot {
            Some(slot) => named.insert(name, slot.clone()),
            None => named.remove(&name),
        };
    }
    *last = slot;
}

fn lookup<T: Clone>(
    named: &HashMap<String, Slot<T>>,
    last: &Option<Slot<T>>,
    name: Option<&str>,
    what: &str,
) -> Outcome<T> {
    let slot = match name {
        Some(name) => named.get(name),
        None => last.as_ref(),
    };
    match slot {
        Some(Ok(found)) => Ok(found.clone()),
        Some(Err(why)) => Err(Fault::Refused(why.clone())),
        None => Err(Fault::Wrong(format!("no {what} {}", name.unwrap_or("before this")))),
    }
}

fn expect_trap(outcome: Result<Vec<Value>, Error>, expected: &str) -> Outcome {
    let error = match outcome {
        Ok(values) => wrong!("expected the trap `{expected}`, got {}", values::show(&values)),
        Err(error) => error,
    };
    let Some(code) = error.trap_code() else {
        wrong!("expected the trap `{expected}`, got {:?}: {error}", error.kind())
    };
    // The reference interpreter's message may go on after what the script expects; in one case the script expects
    // its detail, the number of an element.
    let detail = expected.strip_prefix(code.message());
    let is_detail = detail.is_some_and(|detail| detail.bytes().all(|byte| byte == b' ' || byte.is_ascii_digit()));
    // It also says what the reference isn't to.
    let is_null = code == TrapCode::NullReference && expected.starts_with("null ") && expected.ends_with(" reference");
    if !code.message().starts_with(expected) && !is_detail && !is_null {
        wrong!("expected the trap `{expected}`, got `{}`", code.message());
    }
    Ok(())
}

/// The host module that every script can import from (`interpreter/host/spectest.ml` of the specification).
fn define_spectest(debuggee: &Debuggee, linker: &mut Linker) -> Result<(), Error> {
    let store = debuggee.store();
    let prints: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[ValType::I32]),
        ("print_i64", &[ValType::I64]),
        ("print_f32", &[ValType::F32]),
        ("print_f64", &[ValType::F64]),
        ("print_i32_f32", &[ValType::I32, ValType::F32]),
        ("print_f64_f64", &[ValType::F64, ValType::F64]),
    ];
    for (name, params) in prints {
        let func = store.func_new(FuncType::new(params, []), Box::new(|_, _, _| Ok(())))?;
        linker.define(store, "spectest", name, Extern::Func(func))?;
    }
    let globals = [
        ("global_i32", Value::I32(666)),
        ("global_i64", Value::I64(666)),
        ("global_f32", Value::F32(666.6_f32.to_bits())),
        ("global_f64", Value::F64(666.6_f64.to_bits())),
    ];
    for (name, value) in globals {
        let ty = GlobalType { value: value.ty().expect("a constant has a type"), mutable: false };
        linker.define(store, "spectest", name, Extern::Global(store.global_new(ty, value)?))?;
    }
    let table = TableType::new(RefType::FUNC, 10, Some(20));
    linker.define(store, "spectest", "table", Extern::Table(store.table_new(table, Value::FuncRef(None))?))?;
    let memory = MemoryType::new(1, Some(2));
    linker.define(store, "spectest", "memory", Extern::Memory(store.memory_new(memory)?))?;
    let shared = MemoryType { is_shared: true, ..memory };
    linker.define(store, "spectest", "shared_memory", Extern::Memory(store.memory_new(shared)?))
}

/// The module that comes of a module's bytes.
fn again(module: &Module) -> Result<Module, Error> {
    let mut bytes = Vec::new();
    module.serialize(&mut |part| {
        bytes.extend(part);
        Ok(())
    })?;
    Module::deserialize(module.engine(), &bytes)
}

/// A configuration for scripts: their modules are small.
pub fn config(debug: bool, signal_handlers: bool) -> Config {
    let is_plain = std::env::var_os("PELLUCID_SPEC_OPT").is_some_and(|level| level == "none");
    let opt_level = if is_plain { OptLevel::None } else { OptLevel::Speed };
    let exact = std::env::var_os("PELLUCID_SPEC_FORM").is_some_and(|form| form == "exact");
    let counts = std::env::var_os("PELLUCID_SPEC_FUEL").is_some_and(|counts| counts == "1");
    let (fuel, interrupt_checks) = (counts, counts);
    let usual = Config { compile_threads: 1, fuel, interrupt_checks, ..Config::default() };
    Config { debug, exact, signal_handlers, opt_level, ..usual }
}
