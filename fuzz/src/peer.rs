//! Cases in Wasmtime.

use crate::case::{
    Call, Case, Ended, FUEL, FUEL_EXPORT, Host, MEMORY_LIMIT, Report, Snapshot, Step, TABLE_LIMIT, Trace,
    imported_element, imported_value,
};
use crate::ours::DEEP;
use crate::random::{hash_bytes, mix};
use crate::value::{MOST_PARTS, Made, UNKNOWN_FUNCTION, Val, hash_values};
use pellucid::base::{ExternType, TrapCode};
use pellucid::wasm::Item;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use wasmtime::{
    AnyRef, AsContextMut, Config, DebugEvent, DebugHandler, Engine, ExternRef, FrameHandle, GcHeapOutOfMemory, Global,
    I31, Instance, Memory, Module, RootScope, Rooted, SharedMemory, Store, StoreContextMut, StoreLimits,
    StoreLimitsBuilder, Table, Trap, WasmBacktrace,
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
    let recorder =
        Recorder(Arc::new(Mutex::new(Recorded { wanted, most_steps: case.most_steps, ..Recorded::default() })));
    let report = run_session(case, engine, &module, |store| {
        let mut recorded = recorder.0.lock().expect("nobody panics");
        recorded.traces.push(Trace::default());
        if recorded.traces.len() == 2 {
            store.set_debug_handler(recorder.clone());
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
        StoreLimitsBuilder::new().memory_size(MEMORY_LIMIT as usize).table_elements(TABLE_LIMIT as usize).build();
    let mut store = Store::new(
        engine,
        Data { limits, host: Host::new(), imported_funcs: case.info.imported_funcs, functions: HashMap::new() },
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
    let code = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Trap::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Trap::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Trap::IndirectCallToNull) => TrapCode::UninitializedElement,
        Some(Trap::BadSignature) => TrapCode::IndirectCallTypeMismatch,
        Some(Trap::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Trap::IntegerDivisionByZero) => TrapCode::IntegerDivideByZero,
        Some(Trap::BadConversionToInteger) => TrapCode::InvalidConversionToInteger,
        Some(Trap::StackOverflow) => TrapCode::CallStackExhausted,
        Some(Trap::HeapMisaligned) => TrapCode::UnalignedAtomic,
        Some(Trap::AtomicWaitNonSharedMemory) => TrapCode::ExpectedSharedMemory,
        Some(Trap::NullReference) => TrapCode::NullReference,
        Some(Trap::CastFailure) => TrapCode::CastFailure,
        Some(Trap::ArrayOutOfBounds) => TrapCode::ArrayOutOfBounds,
        Some(Trap::AllocationTooLarge) => TrapCode::HeapExhausted,
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

/// Runs to the end what is ready whenever it is asked.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

#[derive(Default)]
struct Recorded {
    traces: Vec<Trace>,
    most_steps: usize,
    wanted: Option<(usize, usize)>,
    found: String,
}

/// Writes down each step.
#[derive(Clone)]
struct Recorder(Arc<Mutex<Recorded>>);

impl DebugHandler for Recorder {
    type Data = Data;

    fn handle(&self, mut store: StoreContextMut<'_, Data>, event: DebugEvent<'_>) -> impl Future<Output = ()> + Send {
        if matches!(event, DebugEvent::Breakpoint) {
            let mut recorded = self.0.lock().expect("nobody panics");
            let call = recorded.traces.len() - 1;
            let trace = &recorded.traces[call];
            if trace.steps.len() >= recorded.most_steps {
                recorded.traces[call].is_cut = true;
                store.edit_breakpoints().expect("debugging is on").single_step(false).expect("it can be switched off");
            } else {
                let is_wanted = recorded.wanted == Some((call, trace.steps.len()));
                let (step, text) = look(&mut store, is_wanted);
                recorded.traces[call].steps.push(step);
                recorded.found += &text;
            }
        }
        std::future::ready(())
    }
}

fn look(store: &mut StoreContextMut<'_, Data>, in_words: bool) -> (Step, String) {
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
    let text = if in_words { format!("pc {pc:#x} locals {locals:x?} operands {operands:x?}") } else { String::new() };
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
    (Step { func, pc, depth, locals, values, callers, seen, accesses }, text)
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
