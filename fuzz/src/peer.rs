//! Cases in Wasmtime.

use crate::accesses;
use crate::case::{
    Call, Case, Ended, FUEL, FUEL_EXPORT, Host, Report, Snapshot, Step, TABLE_LIMIT, Told, Trace, imported_element,
    imported_value,
};
use crate::contents::{Contents, Held};
use crate::ours::DEEP;
use crate::random::{hash_bytes, mix};
use crate::value::{MOST_PARTS, Made, UNKNOWN_FUNCTION, Val, hash_values};
use pellucid::base::{ExternType, TrapCode, WasmPc};
use pellucid::wasm::{Item, ModuleInfo, TypeRegistry, parse};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use wasmtime::{
    AnyRef, AsContextMut, Config, DebugEvent, DebugHandler, Engine, ExnRef, ExternRef, FrameHandle, GcHeapOutOfMemory,
    Global, I31, Instance, Memory, Module, OwnedRooted, RootScope, Rooted, SharedMemory, Store, StoreContextMut,
    StoreLimits, StoreLimitsBuilder, Table, Trap, WasmBacktrace,
};

/// An engine; with `debug` its guests can be stepped.
pub fn engine(debug: bool) -> Engine {
    let mut config = Config::new();
    config.guest_debug(debug).max_wasm_stack(4 << 20).async_stack_size(6 << 20);
    // Like ours: what a module may use is up to the limits.
    config
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .wasm_memory64(true)
        .wasm_custom_page_sizes(true)
        .wasm_threads(true)
        .wasm_exceptions(true)
        .shared_memory(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config).expect("an engine can be made")
}

/// A module; an error if it refuses the bytes.
pub fn module(engine: &Engine, bytes: &[u8]) -> Result<Module, String> {
    Module::new(engine, bytes).map_err(|error| format!("{error:#}"))
}

/// What belongs to a store.
struct Data {
    limits: StoreLimits,
    host: Host,
    imported_funcs: u32,
    /// Which function is which, by address.
    functions: HashMap<usize, u32>,
    /// Who is told what host functions are called, if anybody is.
    recorder: Option<Recorder>,
}

/// A host function failed.
#[derive(Debug)]
struct HostFailed;

impl fmt::Display for HostFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as it happens")
    }
}

impl std::error::Error for HostFailed {}

struct Session<'a> {
    case: &'a Case,
    store: Store<Data>,
    instance: Option<Instance>,
}

/// A case to the end.
pub fn run(case: &Case, engine: &Engine) -> Result<Report, String> {
    let module = module(engine, &case.bytes)?;
    Ok(run_session(case, engine, &module, |store| {
        // Only an engine that meters takes it.
        let _ = store.set_fuel(METERED);
    }))
}

/// An engine that ends what runs for too long.
pub fn metering_engine() -> Engine {
    let mut config = Config::new();
    config.consume_fuel(true).max_wasm_stack(4 << 20).async_stack_size(6 << 20);
    config
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .wasm_memory64(true)
        .wasm_custom_page_sizes(true)
        .wasm_threads(true)
        .wasm_exceptions(true)
        .shared_memory(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config).expect("an engine can be made")
}

/// Operators that a call may execute where they are metered.
const METERED: u64 = 50_000;

/// A case to the end, step by step. The steps of the instantiation aren't recorded.
pub fn step(case: &Case, engine: &Engine) -> Result<(Report, Vec<Trace>), String> {
    let (report, traces, _) = step_and_look(case, engine, None)?;
    Ok((report, traces))
}

/// The state before a step, in words.
pub fn explain(case: &Case, engine: &Engine, call: usize, step: usize) -> String {
    step_and_look(case, engine, Some((call, step))).map_or_else(|error| error, |(.., text)| text)
}

fn step_and_look(
    case: &Case,
    engine: &Engine,
    wanted: Option<(usize, usize)>,
) -> Result<(Report, Vec<Trace>, String), String> {
    let module = module(engine, &case.bytes)?;
    let info = parse(&case.bytes, &TypeRegistry::default()).map_err(|error| error.to_string())?.info;
    let recorded = Recorded {
        info,
        wanted,
        most_steps: case.most_steps,
        traces: Vec::new(),
        contents: Contents::default(),
        found: String::new(),
    };
    let recorder = Recorder(Arc::new(Mutex::new(recorded)));
    let report = run_session(case, engine, &module, |store| {
        let mut recorded = recorder.0.lock().expect("nobody panics");
        recorded.traces.push(Trace::default());
        recorded.contents.anything_is_written();
        if recorded.traces.len() == 2 {
            store.set_debug_handler(recorder.clone());
            store.data_mut().recorder = Some(recorder.clone());
        }
        if recorded.traces.len() >= 2 {
            store.edit_breakpoints().expect("debugging is on").single_step(true).expect("it can be switched on");
        }
    });
    let mut recorded = recorder.0.lock().expect("nobody panics");
    Ok((report, std::mem::take(&mut recorded.traces), std::mem::take(&mut recorded.found)))
}

fn run_session(case: &Case, engine: &Engine, module: &Module, mut before: impl FnMut(&mut Store<Data>)) -> Report {
    let limits =
        StoreLimitsBuilder::new().memory_size(case.memory_limit as usize).table_elements(TABLE_LIMIT as usize).build();
    let mut store = Store::new(
        engine,
        Data {
            limits,
            host: Host::new(),
            imported_funcs: case.info.imported_funcs,
            functions: HashMap::new(),
            recorder: None,
        },
    );
    store.limiter(|data| &mut data.limits);
    before(&mut store);
    let mut session = Session { case, store, instance: None };
    let mut report = Report { ends: vec![session.instantiate(module)], snapshots: vec![session.snapshot()] };
    if session.instance.is_some() {
        for call in &case.calls {
            before(&mut session.store);
            report.ends.push(session.call(call));
            report.snapshots.push(session.snapshot());
        }
    }
    report
}

impl Session<'_> {
    fn instantiate(&mut self, module: &Module) -> Ended {
        let imports: Vec<_> = (0..self.case.info.imports.len()).map(|place| self.import(module, place)).collect();
        let instance = wait(Instance::new_async(&mut self.store, module, &imports));
        let ended = ended(&instance.as_ref().map(|_| Vec::new()));
        let Ok(instance) = instance else { return ended };
        for export in &self.case.info.exports {
            if let Item::Func(index) = export.item {
                let func = instance.get_func(&mut self.store, &export.name).expect("an export");
                let address = func.to_raw(&mut self.store) as usize;
                self.store.data_mut().functions.insert(address, index.as_u32());
            }
        }
        self.instance = Some(instance);
        ended
    }

    fn import(&mut self, module: &Module, place: usize) -> wasmtime::Extern {
        let store = &mut self.store;
        let import = &self.case.info.imports[place];
        match self.case.info.import_type(import) {
            ExternType::Func(ty) => {
                let results = ty.results.clone();
                let call =
                    move |mut caller: wasmtime::Caller<'_, Data>, args: &[wasmtime::Val], out: &mut [wasmtime::Val]| {
                        let args: Vec<_> = args.iter().map(|arg| show(caller.as_context_mut(), arg, 0)).collect();
                        if let Some(recorder) = caller.data().recorder.clone() {
                            let innermost = caller.debug_exit_frames().next();
                            let at = innermost.map(|frame| self::place(&mut caller.as_context_mut(), &frame).0);
                            recorder.host_call(Told::HostCall { import: place, args: hash_values(&args), caller: at });
                        }
                        let answer = caller.data_mut().host.call(place, &args, &results);
                        let Some(answer) = answer else { return Err(wasmtime::Error::new(HostFailed)) };
                        for (out, value) in out.iter_mut().zip(answer) {
                            *out = value_of(caller.as_context_mut(), value);
                        }
                        Ok(())
                    };
                let ty = module.imports().nth(place).expect("as many imports").ty().unwrap_func().clone();
                wasmtime::Func::new(store, ty, call).into()
            }
            ExternType::Global(ty) => {
                let value = imported_value(place, ty.value).expect("it can be instantiated");
                let value = value_of(store.as_context_mut(), value);
                let ty = module.imports().nth(place).expect("as many imports").ty().unwrap_global().clone();
                Global::new(store, ty, value).expect("a global can be made").into()
            }
            ExternType::Memory(_) => {
                let ty = module.imports().nth(place).expect("as many imports").ty().unwrap_memory().clone();
                if ty.is_shared() {
                    SharedMemory::new(store.engine(), ty).expect("a memory can be made").into()
                } else {
                    Memory::new(store, ty).expect("a memory can be made").into()
                }
            }
            ExternType::Tag(_) => {
                let ty = module.imports().nth(place).expect("as many imports").ty().unwrap_tag().clone();
                wasmtime::Tag::new(store, &ty).expect("a tag can be made").into()
            }
            ExternType::Table(ty) => {
                let element = imported_element(place, ty.element).expect("it can be instantiated");
                let element = value_of(store.as_context_mut(), element).ref_().expect("a reference");
                let ty = module.imports().nth(place).expect("as many imports").ty().unwrap_table().clone();
                Table::new(store, ty, element).expect("a table can be made").into()
            }
        }
    }

    fn call(&mut self, call: &Call) -> Ended {
        let instance = self.instance.expect("an instance was made");
        let mut store = RootScope::new(&mut self.store);
        if self.case.has_fuel
            && let Some(fuel) = instance.get_global(&mut store, FUEL_EXPORT)
        {
            fuel.set(&mut store, wasmtime::Val::I32(FUEL)).expect("the fuel can be set");
        }
        let mut args = Vec::new();
        for arg in &call.args {
            args.push(match *arg {
                Val::Func(Some(index)) => {
                    let name = self.case.info.exports.iter().find(|export| match export.item {
                        Item::Func(func) => func.as_u32() == index,
                        _ => false,
                    });
                    let name = &name.expect("every function is exported").name;
                    wasmtime::Val::FuncRef(Some(instance.get_func(&mut store, name).expect("an export")))
                }
                other => value_of(store.as_context_mut(), other),
            });
        }
        let func = instance.get_func(&mut store, &call.export).expect("an export");
        let mut results = vec![wasmtime::Val::I32(0); self.case.func_type(call.func).results.len()];
        let result = wait(func.call_async(&mut store, &args, &mut results));
        // It keeps what was thrown.
        let _ = store.as_context_mut().take_pending_exception();
        let shown = results.iter().map(|value| show(store.as_context_mut(), value, 2)).collect();
        ended(&result.as_ref().map(|()| shown))
    }

    fn snapshot(&mut self) -> Snapshot {
        let Some(instance) = self.instance else { return Snapshot::default() };
        let mut store = RootScope::new(&mut self.store);
        let mut snapshot = Snapshot { host: store.as_context_mut().data().host.log, ..Snapshot::default() };
        for (_, name) in &self.case.globals {
            let value = instance.get_global(&mut store, name).expect("an export").get(&mut store);
            snapshot.globals.push(show(store.as_context_mut(), &value, 2));
        }
        for (_, name) in &self.case.memories {
            let shared = instance.get_shared_memory(&mut store, name);
            let bytes: Vec<u8> = match &shared {
                // SAFETY: the only guest that has it isn't running.
                Some(memory) => memory.data().iter().map(|byte| unsafe { *byte.get() }).collect(),
                None => instance.get_memory(&mut store, name).expect("an export").data(&store).to_vec(),
            };
            snapshot.memories.push((bytes.len() as u64, hash_bytes(&bytes)));
        }
        for (_, name) in &self.case.tables {
            let table = instance.get_table(&mut store, name).expect("an export");
            let mut elements = Vec::new();
            for place in 0..table.size(&store) {
                let element = table.get(&mut store, place).expect("an element").into();
                elements.push(show(store.as_context_mut(), &element, 1));
            }
            snapshot.tables.push(elements);
        }
        snapshot
    }
}

fn value_of(mut store: StoreContextMut<'_, Data>, value: Val) -> wasmtime::Val {
    match value {
        Val::I32(value) => wasmtime::Val::I32(value),
        Val::I64(value) => wasmtime::Val::I64(value),
        Val::F32(bits) => wasmtime::Val::F32(bits),
        Val::F64(bits) => wasmtime::Val::F64(bits),
        Val::V128(bits) => wasmtime::Val::V128(bits.into()),
        Val::Func(None) => wasmtime::Val::FuncRef(None),
        Val::Extern(None) => wasmtime::Val::ExternRef(None),
        Val::Extern(Some(number)) => {
            wasmtime::Val::ExternRef(Some(ExternRef::new(store, number).expect("a reference can be made")))
        }
        Val::Any(None) => wasmtime::Val::AnyRef(None),
        Val::Any(Some(Made::I31(value))) => {
            wasmtime::Val::AnyRef(Some(AnyRef::from_i31(store, I31::wrapping_i32(value))))
        }
        Val::Any(Some(Made::Extern(number))) => {
            let value = ExternRef::new(&mut store, number).expect("a reference can be made");
            wasmtime::Val::AnyRef(Some(AnyRef::convert_extern(store, value).expect("a reference can be made")))
        }
        Val::Any(_) | Val::Passed(_) => unreachable!("no object is asked for"),
        Val::Exn(false) => wasmtime::Val::ExnRef(None),
        Val::Func(Some(_)) | Val::Exn(true) | Val::Unavailable => unreachable!("it names a function or nothing"),
    }
}

/// A value, and what objects hold that deep.
fn show(mut store: StoreContextMut<'_, Data>, value: &wasmtime::Val, depth: u32) -> Val {
    match value {
        wasmtime::Val::I32(value) => Val::I32(*value),
        wasmtime::Val::I64(value) => Val::I64(*value),
        wasmtime::Val::F32(bits) => Val::f32(*bits),
        wasmtime::Val::F64(bits) => Val::f64(*bits),
        wasmtime::Val::V128(bits) => Val::v128(bits.as_u128()),
        wasmtime::Val::FuncRef(func) => Val::Func(func.map(|func| {
            let address = func.to_raw(&mut store) as usize;
            store.data().functions.get(&address).copied().unwrap_or(UNKNOWN_FUNCTION)
        })),
        wasmtime::Val::ExternRef(None) => Val::Extern(None),
        wasmtime::Val::ExternRef(Some(reference)) => match number(&store, reference) {
            Some(number) => Val::Extern(Some(number)),
            None => {
                let made = AnyRef::convert_extern(&mut store, *reference).expect("it is rooted");
                Val::Passed(show_made(store, made, depth))
            }
        },
        wasmtime::Val::AnyRef(reference) => Val::Any(reference.map(|made| show_made(store, made, depth))),
        wasmtime::Val::ExnRef(exception) => Val::Exn(exception.is_some()),
        other => panic!("{other:?} isn't used"),
    }
}

/// The number of a host value; none for what the guest made.
fn number(store: &StoreContextMut<'_, Data>, reference: &Rooted<ExternRef>) -> Option<u64> {
    let data = reference.data(store).expect("it is rooted")?;
    Some(*data.downcast_ref::<u64>().expect("the host values are numbers"))
}

fn show_made(mut store: StoreContextMut<'_, Data>, made: Rooted<AnyRef>, depth: u32) -> Made {
    if let Some(value) = made.as_i31(&store).expect("it is rooted") {
        return Made::I31(value.get_i32());
    }
    let count = |count: u32| if depth == 0 { 0 } else { count.min(MOST_PARTS) };
    let held = |length, parts: &[Val]| if depth == 0 { 0 } else { Made::held(length, parts) };
    if let Some(object) = made.as_struct(&store).expect("it is rooted") {
        let length = object.ty(&store).expect("it is rooted").fields().len() as u32;
        let mut part = |place: u32| {
            let value = object.field(&mut store, place as usize).expect("it has it");
            show(store.as_context_mut(), &value, depth - 1)
        };
        Made::Struct(held(length, &(0..count(length)).map(&mut part).collect::<Vec<_>>()))
    } else if let Some(object) = made.as_array(&store).expect("it is rooted") {
        let length = object.len(&store).expect("it is rooted");
        let mut part = |place| {
            let value = object.get(&mut store, place).expect("it has it");
            show(store.as_context_mut(), &value, depth - 1)
        };
        Made::Array(held(length, &(0..count(length)).map(&mut part).collect::<Vec<_>>()))
    } else {
        let reference = ExternRef::convert_any(&mut store, made).expect("it is rooted");
        Made::Extern(number(&store, &reference).expect("the host's"))
    }
}

fn ended(result: &Result<Vec<Val>, &wasmtime::Error>) -> Ended {
    let error = match result {
        Ok(values) => return Ended::Returned(values.clone()),
        Err(error) => error,
    };
    let code = match error.downcast_ref::<Trap>().map(|trap| code_of(*trap)) {
        Some(Some(code)) => code,
        None if error.downcast_ref::<GcHeapOutOfMemory<()>>().is_some() => TrapCode::HeapExhausted,
        None if error.downcast_ref::<HostFailed>().is_some() => TrapCode::HostError,
        None if error.downcast_ref::<wasmtime::ThrownException>().is_some() => {
            return Ended::Failed("Exception".to_string());
        }
        _ => return Ended::Failed(format!("{error:#}")),
    };
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], |backtrace| backtrace.frames());
    let place = |frame: &wasmtime::FrameInfo| (frame.func_index(), frame.module_offset().unwrap_or(0) as u32);
    Ended::Trapped { code, backtrace: frames.iter().map(place).collect() }
}

fn code_of(trap: Trap) -> Option<TrapCode> {
    Some(match trap {
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::UninitializedElement,
        Trap::BadSignature => TrapCode::IndirectCallTypeMismatch,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapCode::InvalidConversionToInteger,
        Trap::StackOverflow => TrapCode::CallStackExhausted,
        Trap::HeapMisaligned => TrapCode::UnalignedAtomic,
        Trap::AtomicWaitNonSharedMemory => TrapCode::ExpectedSharedMemory,
        Trap::NullReference => TrapCode::NullReference,
        Trap::CastFailure => TrapCode::CastFailure,
        Trap::ArrayOutOfBounds => TrapCode::ArrayOutOfBounds,
        Trap::AllocationTooLarge => TrapCode::HeapExhausted,
        _ => return None,
    })
}

/// Runs to the end what is ready whenever it is asked.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

struct Recorded {
    info: ModuleInfo,
    traces: Vec<Trace>,
    contents: Contents,
    most_steps: usize,
    wanted: Option<(usize, usize)>,
    found: String,
}

/// Writes down each step, and what else is told.
#[derive(Clone)]
struct Recorder(Arc<Mutex<Recorded>>);

impl Recorder {
    fn tell(&self, told: Told) {
        let mut recorded = self.0.lock().expect("nobody panics");
        recorded.traces.last_mut().expect("a call runs").tell(told);
    }

    fn host_call(&self, told: Told) {
        self.tell(told);
        self.0.lock().expect("nobody panics").contents.anything_is_written();
    }
}

impl DebugHandler for Recorder {
    type Data = Data;

    fn handle(&self, mut store: StoreContextMut<'_, Data>, event: DebugEvent<'_>) -> impl Future<Output = ()> + Send {
        match event {
            DebugEvent::Breakpoint => {
                let mut recorded = self.0.lock().expect("nobody panics");
                let recorded = &mut *recorded;
                let call = recorded.traces.len() - 1;
                let trace = &mut recorded.traces[call];
                if trace.steps.len() >= recorded.most_steps {
                    trace.is_cut = true;
                    let mut edit = store.edit_breakpoints().expect("debugging is on");
                    edit.single_step(false).expect("it can be switched off");
                } else {
                    let is_wanted = recorded.wanted == Some((call, trace.steps.len()));
                    let (step, text) = look(&mut store, &recorded.info, &mut recorded.contents, is_wanted);
                    trace.steps.push(step);
                    recorded.found += &text;
                }
            }
            DebugEvent::Trap(trap) => {
                if let Some(code) = code_of(trap) {
                    self.tell(Told::Trap(code));
                }
            }
            DebugEvent::HostcallError(_) => self.tell(Told::HostFailed),
            DebugEvent::Exception(exception) => {
                let told = thrown(&mut store, exception);
                self.tell(told);
            }
            DebugEvent::EpochYield => {}
        }
        std::future::ready(())
    }
}

fn thrown(store: &mut StoreContextMut<'_, Data>, exception: OwnedRooted<ExnRef>) -> Told {
    let mut store = RootScope::new(store);
    let exception = exception.to_rooted(&mut store);
    let tag = exception.tag(&mut store).expect("it is rooted");
    let fields: Vec<_> = exception.fields(&mut store).expect("it is rooted").collect();
    let fields: Vec<_> = fields.iter().map(|value| show(store.as_context_mut(), value, 0)).collect();
    let innermost = store.as_context_mut().debug_exit_frames().next().expect("an exception has a frame");
    let instance = innermost.instance(&mut store).expect("the frame is fresh");
    let mut tags = (0..).map_while(|index| instance.debug_tag(&mut store, index));
    let tags: Vec<_> = tags.by_ref().collect();
    let tag = tags.iter().position(|other| wasmtime::Tag::eq(other, &tag, &store)).map(|index| index as u32);
    Told::Thrown { tag, values: hash_values(&fields) }
}

fn look(
    store: &mut StoreContextMut<'_, Data>,
    info: &ModuleInfo,
    contents: &mut Contents,
    in_words: bool,
) -> (Step, String) {
    let mut store = RootScope::new(store);
    let innermost = store.as_context_mut().debug_exit_frames().next().expect("an event of guest code has a frame");
    let (func, pc) = place(&mut store.as_context_mut(), &innermost);
    let locals = locals(store.as_context_mut(), &innermost);
    let count = innermost.num_stacks(&mut store).expect("the frame is fresh");
    let operands: Vec<_> = (0..count)
        .map(|place| {
            let value = innermost.stack(&mut store, place).expect("the frame is fresh");
            show(store.as_context_mut(), &value, 0)
        })
        .collect();
    let instance = innermost.instance(&mut store).expect("the frame is fresh");
    let (contents, in_words_too) = all_of(store.as_context_mut(), info, &instance, contents, pc, &operands);
    let text = if in_words {
        format!("pc {pc:#x} locals {locals:x?} operands {operands:x?} {in_words_too:x?}")
    } else {
        String::new()
    };
    let locals = hash_values(&locals);
    let values = mix(locals, hash_values(&operands));
    let (mut callers, mut depth) = (1, 1);
    let mut next = innermost.parent(&mut store).expect("the frame is fresh");
    while let Some(frame) = next {
        let (func, _) = place(&mut store.as_context_mut(), &frame);
        let locals = self::locals(store.as_context_mut(), &frame);
        callers = mix(callers, mix(u64::from(func), hash_values(&locals)));
        depth += 1;
        next = frame.parent(&mut store).expect("the frame is fresh");
        if depth == DEEP {
            // Reading all of a deep stack at each step takes too long.
            callers = 0;
            break;
        }
    }
    let (seen, accesses) = (Default::default(), Default::default());
    (Step { func, pc, depth, locals, values, callers, contents, seen, accesses }, text)
}

/// The hash of what the instance's memories, globals and tables hold, and all that it is of.
fn all_of(
    mut store: StoreContextMut<'_, Data>,
    info: &ModuleInfo,
    instance: &Instance,
    contents: &mut Contents,
    pc: u32,
    operands: &[Val],
) -> (u64, Held) {
    let mut held = Held::default();
    for index in info.memories.keys().map(|index| index.as_u32()) {
        let memory = read(&mut store, instance, index, |bytes| contents.of_memory(index as usize, bytes));
        held.memories.push(memory);
    }
    for index in info.globals.keys().map(|index| index.as_u32()) {
        let value = instance.debug_global(&mut store, index).expect("its global").get(&mut store);
        held.globals.push(show(store.as_context_mut(), &value, 0));
    }
    held.tables = contents.of_tables(|| {
        info.tables.keys().fold(0, |hash, index| {
            let table = instance.debug_table(&mut store, index.as_u32()).expect("its table");
            let elements: Vec<_> = (0..table.size(&store))
                .map(|place| {
                    let element = table.get(&mut store, place).expect("an element").into();
                    show(store.as_context_mut(), &element, 0)
                })
                .collect();
            mix(hash, hash_values(&elements))
        })
    });
    let accesses = if contents.are_large() {
        // Whether it is written what is compared and exchanged makes no difference here.
        accesses::of(info, pc, operands, |_, _| None)
    } else {
        Box::default()
    };
    contents.looked(&info.operator_at(WasmPc(pc)), &accesses);
    (held.hash(), held)
}

fn read<T>(store: &mut StoreContextMut<'_, Data>, instance: &Instance, index: u32, read: impl FnOnce(&[u8]) -> T) -> T {
    match instance.debug_memory(&mut *store, index) {
        Some(memory) => read(memory.data(&*store)),
        None => {
            let shared = instance.debug_shared_memory(&mut *store, index).expect("its memory");
            let bytes = shared.data();
            // SAFETY: the only guest that has it isn't running.
            read(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
        }
    }
}

fn place(store: &mut StoreContextMut<'_, Data>, frame: &FrameHandle) -> (u32, u32) {
    let place = frame.wasm_function_index_and_pc(store.as_context_mut()).expect("the frame is fresh");
    let (func, pc) = place.expect("a frame of guest code");
    // It counts without imports.
    (func.as_u32() + store.data().imported_funcs, pc.raw())
}

fn locals(mut store: StoreContextMut<'_, Data>, frame: &FrameHandle) -> Vec<Val> {
    let count = frame.num_locals(&mut store).expect("the frame is fresh");
    (0..count)
        .map(|place| {
            let value = frame.local(&mut store, place).expect("the frame is fresh");
            show(store.as_context_mut(), &value, 0)
        })
        .collect()
}
