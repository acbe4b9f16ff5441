//! Sequences of calls of the C API, many of them wrong: handles that are stale, foreign or of nothing, NULL, numbers out of
//! range, and all that in host functions, in event handlers and on another thread, also at the same time. None crashes; each answers a status
//! that the header lists for it, and the one that follows where only one can; in the end each finalizer has run once.
//!
//! What the header forbids isn't done: objects aren't used once they are deleted.

use crate::differential::message_of;
use crate::driver::{Failure, Outcome};
use crate::random::Random;
use crate::second_thread::{self, Known};
use pellucid::ffi::breakpoint::*;
use pellucid::ffi::bytes::pellucid_str_t;
use pellucid::ffi::call::*;
use pellucid::ffi::config::*;
use pellucid::ffi::edit::*;
use pellucid::ffi::engine::*;
use pellucid::ffi::error::*;
use pellucid::ffi::event::*;
use pellucid::ffi::externref::*;
use pellucid::ffi::frame::*;
use pellucid::ffi::func::*;
use pellucid::ffi::global::*;
use pellucid::ffi::handle::*;
use pellucid::ffi::instance::*;
use pellucid::ffi::linker::*;
use pellucid::ffi::memory::*;
use pellucid::ffi::module::*;
use pellucid::ffi::shared_memory::*;
use pellucid::ffi::store::*;
use pellucid::ffi::table::*;
use pellucid::ffi::types::*;
use pellucid::ffi::value::*;
use pellucid::ffi::wasi::*;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const OK: i32 = 0;
const NULL_ARGUMENT: i32 = -2;
const WRONG_STORE: i32 = -3;
const STALE: i32 = -4;
const OUT_OF_RANGE: i32 = -5;
const DEBUG_DISABLED: i32 = -14;
const INVALID_STATE: i32 = -15;
const LINK: i32 = -9;
const HOST: i32 = -11;
const EXIT: i32 = -20;
const POISONED: i32 = -18;
const PANIC: i32 = -19;

/// Each ends, whatever its arguments, and imports at most host functions without parameters, or one i32.
const TEXTS: [&str; 5] = [
    r#"(module (memory (export "m") 1 3) (table (export "t") 4 funcref) (global (export "g") (mut i64) (i64.const 5))
        (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "sum") (param i32) (result i32) (local i32)
            (local.set 0 (i32.and (local.get 0) (i32.const 15)))
            (block (loop (br_if 1 (i32.eqz (local.get 0)))
                (local.set 1 (call $add (local.get 1) (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))
            (i32.store (i32.const 8) (local.get 1)) (local.get 1))
        (func (export "again") (param i32 i32) (result i32) (return_call $add (local.get 1) (local.get 0)))
        (elem (i32.const 0) $add))"#,
    r#"(module (import "h" "a" (func $a)) (import "h" "b" (func $b (param i32) (result i32)))
        (memory 1) (global (export "g") (mut externref) (ref.null extern))
        (func (export "both") (param i32) (result i32) (local f64 i64)
            (local.set 1 (f64.const 2.5)) (call $a) (call $b (i32.add (local.get 0) (i32.const 1))) (call $a))
        (func (export "keep") (param externref) (result externref) (global.set 0 (local.get 0)) (call $a) (global.get 0))
        (func $last (export "last") (param i32) (result i32) (return_call $b (local.get 0)))
        (func (export "gone") (return_call $a))
        (func (export "before") (param i32) (result i32) (i32.add (call $last (local.get 0)) (i32.const 1))))"#,
    r#"(module (import "h" "a" (func $a)) (func $start (call $a)) (start $start)
        (func (export "trap") (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
        (func (export "deep") (call 1) (unreachable)) (func (export "over") (call 4)))"#,
    r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func (export "quit") (param i32) (call $exit (local.get 0))))"#,
    r#"(module (func (export "nothing")) (memory 1) (data (i32.const 65535) "xx"))"#,
];

/// Which functions a host function may stand for in `TEXTS`.
const KINDS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 255, 77];

struct EngineSlot {
    pointer: *mut pellucid_engine_t,
    is_debug: bool,
    identity: usize,
}

struct ModuleSlot {
    pointer: *mut pellucid_module_t,
    engine: usize,
}

#[derive(Default)]
struct Things {
    instances: Vec<pellucid_instance_t>,
    funcs: Vec<pellucid_func_t>,
    memories: Vec<pellucid_memory_t>,
    tables: Vec<pellucid_table_t>,
    globals: Vec<pellucid_global_t>,
    externrefs: Vec<pellucid_externref_t>,
    breakpoints: Vec<u64>,
}

struct StoreSlot {
    pointer: *mut pellucid_store_t,
    id: u64,
    is_debug: bool,
    engine: usize,
    things: RefCell<Things>,
}

struct CallSlot {
    pointer: *mut pellucid_call_t,
    store: u64,
    /// Whether frames that were taken while it stood still are valid.
    stands: Rc<Cell<Standing>>,
}

struct EditSlot {
    pointer: *mut pellucid_edit_t,
    store: u64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Standing {
    Valid,
    /// It may have run since.
    Unknown,
    Stale,
}

#[derive(Clone)]
struct KeptFrame {
    frame: pellucid_frame_t,
    stands: Rc<Cell<Standing>>,
}

/// A pointer that the library keeps, and how often it was given back.
struct Ticket {
    world: *const World,
    store: Cell<u64>,
    finalized: AtomicU32,
}

struct World {
    random: RefCell<Random>,
    budget: Cell<i32>,
    /// How many callbacks are running.
    depth: Cell<u32>,
    engines: RefCell<Vec<EngineSlot>>,
    next_identity: Cell<usize>,
    modules: RefCell<Vec<ModuleSlot>>,
    stores: RefCell<Vec<Rc<StoreSlot>>>,
    calls: RefCell<Vec<CallSlot>>,
    edits: RefCell<Vec<EditSlot>>,
    linkers: RefCell<Vec<(*mut pellucid_linker_t, usize)>>,
    wasi_configs: RefCell<Vec<*mut pellucid_wasi_config_t>>,
    wasis: RefCell<Vec<(*mut pellucid_wasi_t, u64)>>,
    errors: RefCell<Vec<*mut pellucid_error_t>>,
    frames: RefCell<Vec<KeptFrame>>,
    tickets: RefCell<Vec<*mut Ticket>>,
    statuses: HashMap<String, HashSet<i32>>,
    log: RefCell<Vec<String>>,
    /// The first thing that was wrong: it can't be raised inside a callback.
    wrong: RefCell<Option<String>>,
    /// Whether two threads are at it, of which none may touch what is here. Callbacks do nothing then.
    is_shared: AtomicBool,
}

/// Reads from the header which statuses each function may answer.
fn statuses() -> HashMap<String, HashSet<i32>> {
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../include/pellucid.h");
    let header = std::fs::read_to_string(header).expect("the header can be read");
    let mut numbers = HashMap::new();
    for line in header.lines() {
        if let Some((name, rest)) = line.trim().split_once(" = ")
            && (name.starts_with("PELLUCID_ERR_") || name == "PELLUCID_OK")
        {
            numbers.insert(name.to_string(), rest.trim_end_matches(',').parse::<i32>().expect("a status has a number"));
        }
    }
    let mut all = HashMap::new();
    for part in header.split("\n/**").skip(1) {
        let Some((comment, code)) = part.split_once("*/\n") else { continue };
        let Some(code) = code.strip_prefix("pellucid_status_t ") else { continue };
        let name = code.split('(').next().expect("something").to_string();
        let mut found = HashSet::from([0, -1, NULL_ARGUMENT]);
        for (name, number) in &numbers {
            if comment.contains(&format!("`{name}`")) {
                found.insert(*number);
            }
        }
        // "Returns as" others.
        let returns = comment.split("Returns").nth(1).and_then(|rest| rest.split("Owns:").next()).unwrap_or_default();
        let others = returns.split('`').filter(|word| word.starts_with("pellucid_")).map(str::to_string);
        all.insert(name, (found, others.collect::<Vec<_>>()));
    }
    assert!(all.len() > 100, "the header's functions were found");
    let own = |name: &String| all.get(name).map(|(found, _)| found.clone()).unwrap_or_default();
    all.iter()
        .map(|(name, (_, others))| (name.clone(), others.iter().flat_map(own).chain(own(name)).collect()))
        .collect()
}

type Faults = Vec<i32>;

/// A pointer to a handle that is mostly good: of this store, of another, of nothing, NULL.
macro_rules! handle {
    ($world:expr, $store:expr, $field:ident, $type:ty, $faults:expr) => {{
        let own = $store.things.borrow().$field.clone();
        let choice = $world.below(20);
        let handle: Option<$type> = match choice {
            0 => {
                $faults.push(NULL_ARGUMENT);
                None
            }
            1 => {
                $faults.push(OUT_OF_RANGE);
                Some(<$type>::from_parts($store.id, $world.pick(&[1 << 20, u64::MAX, 1 << 32])))
            }
            2 => {
                $faults.push(WRONG_STORE);
                let other = $world.stores.borrow().iter().find(|other| other.id != $store.id).cloned();
                let others = other.and_then(|other| other.things.borrow().$field.first().copied());
                Some(others.unwrap_or(<$type>::from_parts(0, 0)))
            }
            _ if own.is_empty() => {
                $faults.push(WRONG_STORE);
                Some(<$type>::from_parts(0, 0))
            }
            _ => Some($world.pick(&own)),
        };
        handle
    }};
}

trait Parts {
    fn from_parts(store: u64, index: u64) -> Self;
}

macro_rules! parts {
    ($($type:ty)*) => {
        $(impl Parts for $type {
            fn from_parts(store: u64, index: u64) -> Self {
                Self { store, index }
            }
        })*
    };
}
parts!(pellucid_instance_t pellucid_func_t pellucid_memory_t pellucid_table_t pellucid_global_t pellucid_externref_t);

fn pointer<T>(value: &Option<T>) -> *const T {
    value.as_ref().map_or(null(), std::ptr::from_ref)
}

fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// Writes down a call and what it answered, and checks the answer.
macro_rules! call {
    ($world:expr, $faults:expr, $name:ident($($arg:expr),* $(,)?)) => {{
        // SAFETY: the objects are alive, the other pointers NULL or good for what they are given for.
        let status = unsafe { $name($($arg),*) };
        $world.answered(stringify!($name), status, &$faults);
        status
    }};
}

impl World {
    fn below(&self, limit: usize) -> usize {
        self.random.borrow_mut().below(limit)
    }

    fn chance(&self, percent: usize) -> bool {
        self.random.borrow_mut().chance(percent)
    }

    fn pick<T: Clone>(&self, choices: &[T]) -> T {
        self.random.borrow_mut().pick(choices)
    }

    fn word(&self) -> u64 {
        self.random.borrow_mut().word()
    }

    /// Checks a status: with faults it is that of one of them, else one that the header lists.
    fn answered(&self, function: &str, status: i32, faults: &Faults) {
        self.log.borrow_mut().push(format!("{:depth$}{function}: {status}", "", depth = 2 * self.depth.get() as usize));
        let listed = self.statuses.get(function).is_some_and(|listed| listed.contains(&status));
        let is_fault_expected = faults.contains(&status);
        let is_good = if faults.is_empty() {
            listed && !matches!(status, NULL_ARGUMENT | WRONG_STORE | POISONED)
        } else {
            is_fault_expected
        };
        if !is_good || status == PANIC || !self.statuses.contains_key(function) {
            self.wrong(format!("{function} answers {status}; listed: {listed}; what was wrong with it: {faults:?}"));
        }
    }

    fn wrong(&self, what: String) {
        self.log.borrow_mut().push(format!("WRONG: {what}"));
        self.wrong.borrow_mut().get_or_insert(what);
    }

    fn ticket(&self, store: u64) -> *mut c_void {
        let ticket = Ticket { world: self, store: Cell::new(store), finalized: AtomicU32::new(0) };
        let ticket = Box::into_raw(Box::new(ticket));
        self.tickets.borrow_mut().push(ticket);
        ticket.cast()
    }

    fn store(&self) -> Option<Rc<StoreSlot>> {
        let stores = self.stores.borrow();
        (!stores.is_empty()).then(|| stores[self.below(stores.len())].clone())
    }

    fn store_by_id(&self, id: u64) -> Option<Rc<StoreSlot>> {
        self.stores.borrow().iter().find(|store| store.id == id).cloned()
    }

    /// A place for an error, wanted or not.
    fn error_place(&self, place: &mut *mut pellucid_error_t) -> *mut *mut pellucid_error_t {
        if self.chance(70) { place } else { null_mut() }
    }

    /// An error object comes with a failure, and only then.
    fn took_error(&self, function: &str, status: i32, wanted: bool, error: *mut pellucid_error_t) {
        if wanted && (status == OK) != error.is_null() {
            self.wrong(format!("{function} answers {status} and the error {error:?}"));
        }
        if error.is_null() {
            return;
        }
        // SAFETY: it is alive.
        let said = unsafe { pellucid_error_status(error) };
        if said != status {
            self.wrong(format!("{function} answers {status}, its error says {said}"));
        }
        self.look_at_error(error);
        if self.chance(80) {
            // SAFETY: it isn't used any more.
            unsafe { pellucid_error_delete(error) };
        } else {
            self.errors.borrow_mut().push(error);
        }
    }

    fn look_at_error(&self, error: *mut pellucid_error_t) {
        let mut message = pellucid_str_t { data: null(), size: 0 };
        call!(self, vec![], pellucid_error_message(error, &mut message));
        // SAFETY: the message is valid until the error is deleted.
        let bytes = unsafe { std::slice::from_raw_parts(message.data.cast::<u8>(), message.size) };
        if std::str::from_utf8(bytes).is_err() || bytes.is_empty() || bytes.contains(&b'\n') {
            self.wrong(format!("the message of an error is {:?}", String::from_utf8_lossy(bytes)));
        }
        call!(self, vec![], pellucid_error_text(error, &mut message));
        // SAFETY: it is alive.
        let count = unsafe { pellucid_error_frame_count(error) };
        let index = self.below(count + 2);
        // SAFETY: all of it may be zero.
        let mut frame: pellucid_backtrace_frame_t = unsafe { std::mem::zeroed() };
        frame.struct_size = size_of::<pellucid_backtrace_frame_t>() as u32;
        let faults = if index < count { vec![] } else { vec![OUT_OF_RANGE] };
        call!(self, faults, pellucid_error_frame(error, index, &mut frame));
    }

    fn act(&self) {
        self.budget.set(self.budget.get() - 1);
        match self.below(34) {
            0 => self.engine(),
            1 | 2 => self.module(),
            3 => self.store_new(),
            4..7 => self.instantiate(),
            7..10 => self.call_func(),
            10 => self.host_func(),
            11 | 12 => self.memory(),
            13 => self.table(),
            14 => self.global(),
            15 => self.externref(),
            16..18 => self.call_begin(),
            18..21 => self.call_resume(),
            21..25 => self.frame(),
            25..28 => self.edit(),
            28 => self.handler(),
            29 | 30 => self.linker(),
            31 => self.wasi(),
            32 => self.listing(),
            _ => self.delete(),
        }
    }

    fn engine(&self) {
        let mut config = null_mut();
        call!(self, vec![], pellucid_config_new(&mut config));
        let is_debug = self.chance(75);
        call!(self, vec![], pellucid_config_set_debug(config, is_debug));
        let level = self.below(5) as u32;
        let faults = if level < 3 { vec![] } else { vec![-1] };
        call!(self, faults, pellucid_config_set_opt_level(config, level));
        call!(self, vec![], pellucid_config_set_compile_threads(config, 1));
        let limit = self.below(10) as u32;
        // Small numbers, which the limits of stacks and nesting may refuse.
        // SAFETY: the config is alive.
        let _ = unsafe { pellucid_config_set_limit(config, limit, self.pick(&[1, 3, 100, 1 << 20])) };
        if self.engines.borrow().len() < 3 {
            let mut engine = null_mut();
            let mut error = null_mut();
            let given = if self.chance(90) { config } else { null_mut() };
            if call!(self, vec![], pellucid_engine_new(given, &mut engine, &mut error)) == OK {
                let identity = self.next_identity.get();
                self.next_identity.set(identity + 1);
                // SAFETY: it is alive.
                let says = unsafe { pellucid_engine_is_debug(engine) };
                if says != (is_debug && !given.is_null()) {
                    self.wrong(format!("an engine says {says} about debugging"));
                }
                self.engines.borrow_mut().push(EngineSlot { pointer: engine, is_debug: says, identity });
            }
        } else if let Some((pointer, is_debug, identity)) = self.some_engine() {
            let mut clone = null_mut();
            call!(self, vec![], pellucid_engine_clone(pointer, &mut clone));
            self.engines.borrow_mut().push(EngineSlot { pointer: clone, is_debug, identity });
        }
        // SAFETY: it isn't used any more.
        unsafe { pellucid_config_delete(config) };
    }

    fn some_engine(&self) -> Option<(*mut pellucid_engine_t, bool, usize)> {
        let engines = self.engines.borrow();
        (!engines.is_empty()).then(|| {
            let slot = &engines[self.below(engines.len())];
            (slot.pointer, slot.is_debug, slot.identity)
        })
    }

    fn some_module(&self, engine: Option<usize>) -> Option<(*mut pellucid_module_t, usize)> {
        let modules = self.modules.borrow();
        let fitting: Vec<_> =
            modules.iter().filter(|module| engine.is_none_or(|engine| engine == module.engine)).collect();
        (!fitting.is_empty()).then(|| {
            let slot = fitting[self.below(fitting.len())];
            (slot.pointer, slot.engine)
        })
    }

    fn module(&self) {
        let Some((engine, _, identity)) = self.some_engine() else { return };
        let mut faults = vec![];
        let (mut module, mut error) = (null_mut(), null_mut());
        let mut bytes = wat::parse_str(self.pick(&TEXTS)).expect("the texts are modules");
        if self.chance(10) {
            bytes.truncate(self.below(bytes.len() - 9) + 1);
            faults.push(-7);
        }
        let place = if self.chance(5) {
            faults.push(NULL_ARGUMENT);
            null_mut()
        } else {
            &raw mut module
        };
        let wanted = self.error_place(&mut error);
        // An empty module of just a header is good.
        if bytes.len() == 8 {
            faults.retain(|fault| *fault != -7);
        }
        let is_cut_between = faults == [-7];
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_module_new(engine, bytes.as_ptr(), bytes.len(), place, wanted) };
        // Cut between two sections it may still be a module.
        if !(is_cut_between && status == OK) {
            self.answered("pellucid_module_new", status, &faults);
        }
        self.took_error("pellucid_module_new", status, !wanted.is_null(), error);
        if !module.is_null() {
            self.modules.borrow_mut().push(ModuleSlot { pointer: module, engine: identity });
            self.look_at_module(module);
        }
        if self.modules.borrow().len() > 12 {
            self.delete_module();
        }
    }

    fn look_at_module(&self, module: *mut pellucid_module_t) {
        // SAFETY: it is alive.
        let (funcs, exports) = unsafe { (pellucid_module_func_count(module), pellucid_module_export_count(module)) };
        let index = self.below(funcs as usize + 2) as u32;
        let (mut start, mut first, mut end) = (0, 0, 0);
        let faults = if index < funcs { vec![] } else { vec![OUT_OF_RANGE] };
        call!(self, faults, pellucid_module_func_range(module, index, &mut start, &mut first, &mut end));
        let mut name = pellucid_str_t { data: null(), size: 0 };
        let (mut func, mut offset) = (0, 0);
        call!(self, vec![], pellucid_module_func_at(module, self.below(400) as u32, &mut func, &mut offset));
        let at = self.below(exports + 2);
        let faults = if at < exports { vec![] } else { vec![OUT_OF_RANGE] };
        let (mut kind, mut ty) = (0, null_mut());
        if call!(self, faults, pellucid_module_export(module, at, &mut name, &mut kind, &mut ty)) == OK {
            // SAFETY: it is ours, and isn't used any more.
            unsafe { pellucid_externtype_delete(ty) };
        }
    }

    fn store_new(&self) {
        if self.stores.borrow().len() > 4 {
            return;
        }
        let Some((engine, is_debug, identity)) = self.some_engine() else { return };
        let (mut store, mut error) = (null_mut(), null_mut());
        let ticket = self.ticket(0);
        let mut faults = vec![];
        let place = if self.chance(10) {
            faults.push(NULL_ARGUMENT);
            null_mut()
        } else {
            &raw mut store
        };
        call!(self, faults, pellucid_store_new(engine, ticket, Some(finalize), place, &mut error));
        self.took_error("pellucid_store_new", if error.is_null() { OK } else { NULL_ARGUMENT }, false, error);
        if store.is_null() {
            return;
        }
        // SAFETY: it is alive.
        let id = unsafe { pellucid_store_id(store) };
        self.stores.borrow_mut().push(Rc::new(StoreSlot {
            pointer: store,
            id,
            is_debug,
            engine: identity,
            things: RefCell::default(),
        }));
    }

    fn functype(&self, params: &[u32], results: &[u32]) -> *mut pellucid_functype_t {
        let mut ty = null_mut();
        let made = call!(
            self,
            vec![],
            pellucid_functype_new(params.as_ptr(), params.len(), results.as_ptr(), results.len(), &mut ty)
        );
        assert_eq!(made, OK, "a plain type can be made");
        ty
    }

    fn host_func(&self) {
        let Some(store) = self.store() else { return };
        self.add_host_func(&store, self.below(3));
    }

    /// The host functions that the texts import, and one more.
    fn add_host_func(&self, store: &StoreSlot, which: usize) -> Option<pellucid_func_t> {
        let ty = match which {
            0 => self.functype(&[], &[]),
            1 => self.functype(&[0], &[0]),
            _ => self.functype(&[6, 5], &[6]),
        };
        let mut func = pellucid_func_t::default();
        let mut faults = vec![];
        let place = if self.chance(3) {
            faults.push(NULL_ARGUMENT);
            null_mut()
        } else {
            &raw mut func
        };
        let ticket = self.ticket(store.id);
        let status = if self.chance(60) {
            call!(
                self,
                faults,
                pellucid_func_new(store.pointer, ty, ticket, Some(host), Some(finalize), place, null_mut())
            )
        } else {
            let raw = pellucid_func_new_raw;
            // SAFETY: as in `call!`.
            let status = unsafe { raw(store.pointer, ty, ticket, Some(host_raw), Some(finalize), place, null_mut()) };
            self.answered("pellucid_func_new_raw", status, &faults);
            status
        };
        // SAFETY: it isn't used any more.
        unsafe { pellucid_functype_delete(ty) };
        if status != OK {
            return None;
        }
        store.things.borrow_mut().funcs.push(func);
        Some(func)
    }

    fn instantiate(&self) {
        let Some(store) = self.store() else { return };
        let Some((module, engine)) = self.some_module(if self.chance(90) { Some(store.engine) } else { None }) else {
            return;
        };
        let mut imports = Vec::new();
        // SAFETY: it is alive.
        let count = unsafe { pellucid_module_import_count(module) };
        for place in 0..count {
            let (mut a, mut b) = (pellucid_str_t { data: null(), size: 0 }, pellucid_str_t { data: null(), size: 0 });
            let mut kind = 0;
            call!(self, vec![], pellucid_module_import(module, place, &mut a, &mut b, &mut kind, null_mut()));
            let which = self.pick(&[place.min(1), place.min(1), place.min(1), 2]);
            if let Some(func) = self.add_host_func(&store, which) {
                imports.push(pellucid_extern_t { kind: 0, reserved: 0, of: pellucid_extern_of_t { func } });
            }
        }
        if self.chance(4) {
            imports.pop();
        }
        let mut faults = vec![];
        if engine != store.engine {
            // And whatever else is wrong.
            faults.extend([-1, -9, -6]);
        }
        let (mut instance, mut error) = (pellucid_instance_t::default(), null_mut());
        let wanted = self.error_place(&mut error);
        // SAFETY: all pointers are good.
        let status = unsafe {
            pellucid_instance_new(store.pointer, module, imports.as_ptr(), imports.len(), &mut instance, wanted)
        };
        // A start function's host function may fail with anything.
        self.answered_by_guest("pellucid_instance_new", status, &faults);
        self.took_error("pellucid_instance_new", status, !wanted.is_null(), error);
        if status == OK {
            self.know_instance(&store, instance);
        }
    }

    /// Like `answered`, for what runs host functions, whose errors come through.
    fn answered_by_guest(&self, function: &str, status: i32, faults: &Faults) {
        let passed_on = faults.is_empty() && matches!(status, HOST | EXIT | LINK);
        self.answered(function, if passed_on { OK } else { status }, faults);
    }

    fn know_instance(&self, store: &StoreSlot, instance: pellucid_instance_t) {
        // The start function may have led to a callback that deleted the store.
        if self.store_by_id(store.id).is_none() {
            return;
        }
        store.things.borrow_mut().instances.push(instance);
        let mut count = 0;
        call!(self, vec![], pellucid_instance_export_count(store.pointer, &instance, &mut count));
        for at in 0..count {
            let mut name = pellucid_str_t { data: null(), size: 0 };
            // SAFETY: all of it may be zero.
            let mut item: pellucid_extern_t = unsafe { std::mem::zeroed() };
            call!(self, vec![], pellucid_instance_export_at(store.pointer, &instance, at, &mut name, &mut item));
            let mut things = store.things.borrow_mut();
            // SAFETY: the kind says which member it is.
            unsafe {
                match item.kind {
                    0 => things.funcs.push(item.of.func),
                    1 => things.tables.push(item.of.table),
                    2 => things.memories.push(item.of.memory),
                    _ => things.globals.push(item.of.global),
                }
            }
        }
    }

    fn value(&self, store: &StoreSlot, kind: u32) -> pellucid_value_t {
        // SAFETY: all of it may be zero.
        let mut value: pellucid_value_t = unsafe { std::mem::zeroed() };
        value.kind = kind;
        match kind {
            0 => value.of.i32 = self.pick(&[0, 1, 5, -1, 1 << 20]),
            1 => value.of.i64 = self.word() as i64,
            2 => value.of.f32_bits = self.word() as u32,
            3 => value.of.f64_bits = self.word(),
            4 => value.of.opaque = [self.word(), self.word()],
            5 if self.chance(60) => {
                let funcs = store.things.borrow().funcs.clone();
                if !funcs.is_empty() {
                    value.of.funcref = self.pick(&funcs);
                }
            }
            6 if self.chance(60) => {
                let references = store.things.borrow().externrefs.clone();
                if !references.is_empty() {
                    value.of.externref = self.pick(&references);
                }
            }
            5 | 6 if self.chance(30) => value.of.opaque = [store.id, u64::MAX],
            5 | 6 if self.chance(20) => value.of.opaque = [store.id + 1, 0],
            _ => {}
        }
        value
    }

    /// Arguments for a function; whether they are of its types.
    /// The kinds of a function's parameters, and how many results it has.
    fn kinds_of(&self, store: &StoreSlot, func: &pellucid_func_t) -> (Vec<u32>, usize) {
        let mut ty = null_mut();
        // SAFETY: all pointers are good.
        if unsafe { pellucid_func_type(store.pointer, func, &mut ty) } != OK {
            return (Vec::new(), 0);
        }
        let (mut kinds, mut n) = (null(), 0);
        call!(self, vec![], pellucid_functype_params(ty, &mut kinds, &mut n));
        // SAFETY: there are `n`.
        let params = (0..n).map(|place| unsafe { *kinds.add(place) }).collect();
        let mut results = 0;
        call!(self, vec![], pellucid_functype_results(ty, &mut kinds, &mut results));
        // SAFETY: it isn't used any more.
        unsafe { pellucid_functype_delete(ty) };
        (params, results)
    }

    fn args(&self, store: &StoreSlot, func: &pellucid_func_t) -> (Vec<pellucid_value_t>, usize) {
        let (params, mut results) = self.kinds_of(store, func);
        let mut args = Vec::new();
        for kind in params {
            args.push(self.value(store, if self.chance(96) { kind } else { self.pick(&KINDS) }));
        }
        if self.chance(3) {
            args.push(self.value(store, 0));
        }
        if self.chance(3) {
            results += 1;
        }
        (args, results)
    }

    /// With raw values, which are as many as they should be, or not, and aligned better or worse.
    fn call_raw(&self) {
        let Some(store) = self.store() else { return };
        let mut faults = vec![];
        let func = handle!(self, store, funcs, pellucid_func_t, faults);
        let (params, results) = func.map_or_else(Default::default, |func| self.kinds_of(&store, &func));
        let needed = params.len().max(results);
        let n_values = if self.chance(90) { needed + self.below(3) } else { self.below(needed + 1) };
        if n_values < needed {
            faults.push(-1);
        }
        let shift = self.below(2);
        let mut words = vec![0_u64; 2 * n_values + 2];
        for (place, kind) in params.iter().enumerate().take(n_values) {
            let to = shift + 2 * place;
            if matches!(kind, 5 | 6) {
                // Null, a good one, or one of another kind or store.
                let value = self.value(&store, self.pick(&[*kind, *kind, 0]));
                let mut raw = pellucid_raw_t { i64: 0 };
                // SAFETY: all pointers are good.
                if unsafe { pellucid_value_to_raw(store.pointer, &value, &mut raw) } == OK {
                    // SAFETY: every bit pattern is a number.
                    words[to] = unsafe { raw.i64 } as u64;
                }
            } else {
                (words[to], words[to + 1]) = (self.word(), self.word());
            }
        }
        let (mut error, place) = (null_mut(), words[shift..].as_mut_ptr().cast());
        let wanted = self.error_place(&mut error);
        // SAFETY: all pointers are good or NULL, and there are as many values.
        let status = unsafe { pellucid_func_call_raw(store.pointer, pointer(&func), place, n_values, wanted) };
        self.answered_by_guest("pellucid_func_call_raw", status, &faults);
        self.took_error("pellucid_func_call_raw", status, !wanted.is_null(), error);
    }

    fn call_func(&self) {
        if self.chance(40) {
            return self.call_raw();
        }
        let Some(store) = self.store() else { return };
        let mut faults = vec![];
        let func = handle!(self, store, funcs, pellucid_func_t, faults);
        let (args, n_results) = func.map_or((Vec::new(), 0), |func| self.args(&store, &func));
        // SAFETY: all of it may be zero.
        let mut results: Vec<pellucid_value_t> = (0..n_results).map(|_| unsafe { std::mem::zeroed() }).collect();
        let mut error = null_mut();
        let wanted = self.error_place(&mut error);
        if !faults.is_empty() {
            faults.push(-1);
        }
        // SAFETY: all pointers are good or NULL.
        let status = unsafe {
            let (args, n_args) = (args.as_ptr(), args.len());
            pellucid_func_call(store.pointer, pointer(&func), args, n_args, results.as_mut_ptr(), n_results, wanted)
        };
        // A reference of another store is one kind of value.
        if status != WRONG_STORE {
            self.answered_by_guest("pellucid_func_call", status, &faults);
        }
        self.took_error("pellucid_func_call", status, !wanted.is_null(), error);
    }

    fn memory(&self) {
        let Some(store) = self.store() else { return };
        if self.chance(20) {
            let ty = pellucid_memorytype_t {
                minimum: self.pick(&[0, 1, 2, 1 << 40]),
                maximum: self.pick(&[0, 2, 70_000]),
                has_maximum: self.below(2) as u32,
                is_64: self.pick(&[0, 0, 0, 1]),
                is_shared: self.pick(&[0, 0, 0, 1]),
                page_size_log2: self.pick(&[16, 16, 16, 0, 1]),
            };
            let (mut memory, mut error) = (pellucid_memory_t::default(), null_mut());
            let status = call!(self, vec![], pellucid_memory_new(store.pointer, &ty, &mut memory, &mut error));
            self.took_error("pellucid_memory_new", status, true, error);
            if status == OK {
                store.things.borrow_mut().memories.push(memory);
            }
            return;
        }
        let mut faults = vec![];
        let memory = handle!(self, store, memories, pellucid_memory_t, faults);
        let mut bytes = vec![7u8; self.below(40)];
        let offset = self.pick(&[0, 8, 65_530, 65_536, 1 << 33, u64::MAX - 3]);
        match self.below(7) {
            5 | 6 => self.shared_memory(&store, memory, faults),
            0 => {
                let (to, n) = (bytes.as_mut_ptr(), bytes.len());
                call!(self, faults, pellucid_memory_read(store.pointer, pointer(&memory), offset, to, n));
            }
            1 => {
                let (from, n) = (bytes.as_ptr(), bytes.len());
                call!(self, faults, pellucid_memory_write(store.pointer, pointer(&memory), offset, from, n));
            }
            2 => {
                let (mut old, mut error) = (0, null_mut());
                let pages = self.pick(&[0, 1, 1, 5, 1 << 16, u64::MAX]);
                let grown = &mut old;
                let status = call!(
                    self,
                    faults,
                    pellucid_memory_grow(store.pointer, pointer(&memory), pages, grown, &mut error)
                );
                self.took_error("pellucid_memory_grow", status, true, error);
            }
            3 => {
                let mut pages = 0;
                call!(self, faults, pellucid_memory_size(store.pointer, pointer(&memory), &mut pages));
            }
            _ => {
                // The guest's own bytes may be where they are read from or written to.
                let (mut data, mut size) = (null_mut(), 0);
                let got =
                    call!(self, faults, pellucid_memory_data(store.pointer, pointer(&memory), &mut data, &mut size));
                if got == OK && size > 100 {
                    let from = self.below(64) as u64;
                    call!(self, vec![], pellucid_memory_write(store.pointer, pointer(&memory), from, data, 50));
                    call!(self, vec![], pellucid_memory_read(store.pointer, pointer(&memory), from, data, 50));
                }
            }
        }
    }

    /// What stores may have in common: of this memory, or a new one.
    fn shared_memory(&self, store: &StoreSlot, memory: Option<pellucid_memory_t>, faults: Faults) {
        let (mut shared, mut error) = (null_mut(), null_mut());
        let status =
            call!(self, faults, pellucid_memory_shared(store.pointer, pointer(&memory), &mut shared, &mut error));
        self.took_error("pellucid_memory_shared", status, true, error);
        if status != OK {
            let Some((engine, ..)) = self.some_engine() else { return };
            let ty = pellucid_memorytype_t {
                minimum: self.pick(&[0, 1, 2]),
                maximum: self.pick(&[0, 2, 3, 70_000]),
                has_maximum: self.pick(&[1, 1, 1, 0]),
                is_64: self.pick(&[0, 0, 0, 1]),
                is_shared: self.pick(&[1, 1, 1, 0]),
                page_size_log2: self.pick(&[16, 16, 0, 255]),
            };
            error = null_mut();
            let status = call!(self, vec![], pellucid_shared_memory_new(engine, &ty, &mut shared, &mut error));
            self.took_error("pellucid_shared_memory_new", status, true, error);
            if status != OK {
                return;
            }
        }
        let mut bytes = vec![7u8; self.below(40)];
        let offset = self.pick(&[0, 1, 65_530, 1 << 33, u64::MAX - 3]);
        match self.below(6) {
            0 => {
                call!(self, vec![], pellucid_shared_memory_read(shared, offset, bytes.as_mut_ptr(), bytes.len()));
            }
            1 => {
                call!(self, vec![], pellucid_shared_memory_write(shared, offset, bytes.as_ptr(), bytes.len()));
            }
            2 => {
                let (mut old, mut error) = (0, null_mut());
                let pages = self.pick(&[0, 1, u64::MAX]);
                let status = call!(self, vec![], pellucid_shared_memory_grow(shared, pages, &mut old, &mut error));
                self.took_error("pellucid_shared_memory_grow", status, true, error);
            }
            3 => {
                let (mut woken, mut waiting, limit) = (1, 1, self.pick(&[0, 1 << 16, u64::MAX]));
                if call!(self, vec![], pellucid_shared_memory_notify(shared, offset, 3, &mut woken)) != OK {
                    // Nobody can wait at such a place.
                    woken = 0;
                }
                call!(self, vec![], pellucid_shared_memory_waiter_count(shared, &mut waiting));
                call!(self, vec![], pellucid_shared_memory_set_limit(shared, limit));
                if (woken, waiting) != (0, 0) {
                    self.wrong(format!("{woken} were woken and {waiting} wait, where nobody does"));
                }
            }
            _ => {
                let Some(other) = self.store() else { return };
                let (mut handle, mut error) = (pellucid_memory_t::default(), null_mut());
                let status =
                    call!(self, vec![], pellucid_memory_from_shared(other.pointer, shared, &mut handle, &mut error));
                self.took_error("pellucid_memory_from_shared", status, true, error);
                if status == OK {
                    other.things.borrow_mut().memories.push(handle);
                }
            }
        }
        // SAFETY: it isn't used any more.
        unsafe { pellucid_shared_memory_delete(shared) };
    }

    fn table(&self) {
        let Some(store) = self.store() else { return };
        let kind = self.pick(&[5, 5, 6, 0, 255]);
        let value = self.value(&store, kind);
        if self.chance(20) {
            let ty = pellucid_tabletype_t {
                minimum: self.pick(&[0, 3, 1 << 40]),
                maximum: self.pick(&[0, 5]),
                has_maximum: self.below(2) as u32,
                element: self.pick(&[5, 6, 0]),
                is_64: self.pick(&[0, 0, 0, 1]),
                reserved: 0,
            };
            let mut table = pellucid_table_t::default();
            // SAFETY: all pointers are good.
            let status = unsafe { pellucid_table_new(store.pointer, &ty, &value, &mut table, null_mut()) };
            self.answered_with_value("pellucid_table_new", status, &[]);
            if status == OK {
                store.things.borrow_mut().tables.push(table);
            }
            return;
        }
        let mut faults = vec![];
        let table = handle!(self, store, tables, pellucid_table_t, faults);
        let index = self.pick(&[0, 1, 3, 4, 1 << 32, u64::MAX]);
        // SAFETY: all of it may be zero.
        let mut out: pellucid_value_t = unsafe { std::mem::zeroed() };
        match self.below(3) {
            0 => {
                call!(self, faults, pellucid_table_get(store.pointer, pointer(&table), index, &mut out));
            }
            1 => {
                // SAFETY: all pointers are good or NULL.
                let status = unsafe { pellucid_table_set(store.pointer, pointer(&table), index, &value) };
                self.answered_with_value("pellucid_table_set", status, &faults);
            }
            _ => {
                let mut old = 0;
                let more = self.pick(&[0, 1, 2, 1 << 40]);
                // SAFETY: all pointers are good or NULL.
                let status =
                    unsafe { pellucid_table_grow(store.pointer, pointer(&table), more, &value, &mut old, null_mut()) };
                self.answered_with_value("pellucid_table_grow", status, &faults);
            }
        }
    }

    /// Like `answered`, where a value may be the wrong one, too.
    fn answered_with_value(&self, function: &str, status: i32, faults: &[i32]) {
        let of_value = [WRONG_STORE, -6, OUT_OF_RANGE, -8, -1].contains(&status);
        let listed = self.statuses.get(function).is_some_and(|listed| listed.contains(&status));
        self.answered(
            function,
            if of_value && listed { faults.first().copied().unwrap_or(OK) } else { status },
            &faults.to_vec(),
        );
    }

    fn global(&self) {
        let Some(store) = self.store() else { return };
        let kind = self.pick(&KINDS);
        let value = self.value(&store, kind);
        if self.chance(30) {
            let ty =
                pellucid_globaltype_t { kind: if self.chance(70) { kind } else { self.pick(&KINDS) }, is_mutable: 1 };
            let mut global = pellucid_global_t::default();
            // SAFETY: all pointers are good.
            let status = unsafe { pellucid_global_new(store.pointer, &ty, &value, &mut global, null_mut()) };
            self.answered_with_value("pellucid_global_new", status, &[]);
            if status == OK {
                store.things.borrow_mut().globals.push(global);
            }
            return;
        }
        let mut faults = vec![];
        let global = handle!(self, store, globals, pellucid_global_t, faults);
        if self.chance(50) {
            // SAFETY: all of it may be zero.
            let mut out: pellucid_value_t = unsafe { std::mem::zeroed() };
            call!(self, faults, pellucid_global_get(store.pointer, pointer(&global), &mut out));
        } else {
            // SAFETY: all pointers are good or NULL.
            let status = unsafe { pellucid_global_set(store.pointer, pointer(&global), &value) };
            self.answered_with_value("pellucid_global_set", status, &faults);
        }
    }

    fn externref(&self) {
        let Some(store) = self.store() else { return };
        let mut reference = pellucid_externref_t::default();
        let ticket = self.ticket(store.id);
        call!(self, vec![], pellucid_externref_new(store.pointer, ticket, Some(finalize), &mut reference));
        let mut found = null_mut();
        call!(self, vec![], pellucid_externref_userdata(store.pointer, &reference, &mut found));
        if found != ticket {
            self.wrong("a reference has another pointer than it was given".into());
        }
        store.things.borrow_mut().externrefs.push(reference);
        let mut faults = vec![];
        let any = handle!(self, store, externrefs, pellucid_externref_t, faults);
        // The null reference is an argument that is invalid rather than of another store.
        if any == Some(pellucid_externref_t::default()) {
            faults.push(-1);
        }
        call!(self, faults, pellucid_externref_userdata(store.pointer, pointer(&any), &mut found));
    }

    fn call_begin(&self) {
        if self.calls.borrow().len() > 8 {
            return;
        }
        let Some(store) = self.store() else { return };
        let mut faults = vec![];
        let func = handle!(self, store, funcs, pellucid_func_t, faults);
        let (args, _) = func.map_or((Vec::new(), 0), |func| self.args(&store, &func));
        let (mut call, mut error) = (null_mut(), null_mut());
        let wanted = self.error_place(&mut error);
        if !faults.is_empty() {
            faults.push(-1);
        }
        // SAFETY: all pointers are good or NULL.
        let status =
            unsafe { pellucid_call_begin(store.pointer, pointer(&func), args.as_ptr(), args.len(), &mut call, wanted) };
        if status != WRONG_STORE {
            self.answered("pellucid_call_begin", status, &faults);
        }
        self.took_error("pellucid_call_begin", status, !wanted.is_null(), error);
        if status == OK {
            let stands = Rc::new(Cell::new(Standing::Unknown));
            self.calls.borrow_mut().push(CallSlot { pointer: call, store: store.id, stands });
        }
    }

    fn call_resume(&self) {
        let picked = {
            let calls = self.calls.borrow();
            if calls.is_empty() {
                return;
            }
            let slot = &calls[self.below(calls.len())];
            (slot.pointer, slot.store, slot.stands.clone())
        };
        let (call, store, stands) = picked;
        // Those of deleted stores go on, too.
        let is_debug = self.store_by_id(store).map(|store| store.is_debug);
        // SAFETY: it is alive.
        let before = unsafe { pellucid_call_state(call) };
        let mode = self.pick(&[0, 0, 1, 1, 1, 9]);
        let (mut state, mut error) = (0, null_mut());
        let mut faults = vec![];
        if mode == 9 {
            faults.push(-1);
        }
        if !matches!(before, 1 | 3) {
            faults.push(INVALID_STATE);
        }
        if mode == 1 && is_debug == Some(false) {
            faults.push(DEBUG_DISABLED);
        }
        let was = stands.get();
        stands.set(if faults.is_empty() { Standing::Stale } else { was });
        let wanted = self.error_place(&mut error);
        // SAFETY: all pointers are good or NULL.
        let status = unsafe { pellucid_call_resume(call, mode, &mut state, wanted) };
        // Of a deleted store it isn't known any more whether it debugs.
        if !(is_debug.is_none() && status == DEBUG_DISABLED) {
            self.answered("pellucid_call_resume", status, &faults);
        }
        self.took_error("pellucid_call_resume", status, !wanted.is_null(), error);
        // A callback may have deleted it.
        if !self.calls.borrow().iter().any(|slot| slot.pointer == call) {
            return;
        }
        if status == OK {
            stands.set(Standing::Stale);
            self.look_at_call(call, state);
        }
    }

    fn look_at_call(&self, call: *mut pellucid_call_t, state: u32) {
        let (mut event, mut error) = (null(), null_mut());
        let stopped = matches!(state, 3 | 5);
        // A trap of a call without frames has an event of its own, or none.
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_call_event(call, &mut event) };
        if !(state == 5 && status == -16) {
            self.answered("pellucid_call_event", status, &if stopped { vec![] } else { vec![-16] });
        }
        let faults = if matches!(state, 5 | 6) { vec![] } else { vec![-16] };
        call!(self, faults, pellucid_call_error(call, &mut error));
        if !error.is_null() {
            self.look_at_error(error);
            // SAFETY: it isn't used any more.
            unsafe { pellucid_error_delete(error) };
        }
        let mut frame = pellucid_frame_t { store: 0, call: 0, epoch: 0, position: 0, reserved: 0 };
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_call_frame(call, &mut frame) };
        if ![OK, -16, DEBUG_DISABLED].contains(&status) || status == OK && !stopped {
            self.wrong(format!("pellucid_call_frame answers {status} in state {state}"));
        }
        if status == OK {
            // Frames of what it stood at before keep their own.
            let stands = Rc::new(Cell::new(Standing::Valid));
            if let Some(slot) = self.calls.borrow_mut().iter_mut().find(|slot| slot.pointer == call) {
                slot.stands.set(Standing::Stale);
                slot.stands = stands.clone();
            }
            self.keep_frames(frame, &stands);
        }
    }

    fn keep_frames(&self, frame: pellucid_frame_t, stands: &Rc<Cell<Standing>>) {
        let mut frames = self.frames.borrow_mut();
        frames.push(KeptFrame { frame, stands: stands.clone() });
        if self.chance(50) {
            frames.push(KeptFrame {
                frame: pellucid_frame_t { position: frame.position + 1, ..frame },
                stands: stands.clone(),
            });
            frames.last().expect("just pushed").stands.get();
        }
        let count = frames.len();
        if count > 60 {
            frames.drain(..20);
        }
    }

    fn frame(&self) {
        let Some(store) = self.store() else { return };
        let kept = {
            let frames = self.frames.borrow();
            if frames.is_empty() || self.chance(10) {
                // Out of thin air.
                let frame = pellucid_frame_t {
                    store: store.id,
                    call: self.below(10) as u64,
                    epoch: self.pick(&[0, 1, 2, u64::MAX]),
                    position: self.pick(&[0, 1, 7, u32::MAX]),
                    reserved: 0,
                };
                KeptFrame { frame, stands: Rc::new(Cell::new(Standing::Unknown)) }
            } else {
                frames[self.below(frames.len())].clone()
            }
        };
        let frame = &kept.frame;
        let mut faults = vec![];
        let is_guess = frame.position != 0;
        if !store.is_debug {
            faults.push(DEBUG_DISABLED);
        } else if frame.store != store.id {
            faults.push(WRONG_STORE);
        } else if kept.stands.get() == Standing::Stale {
            faults.push(STALE);
        }
        let is_known = kept.stands.get() == Standing::Valid && !is_guess || !faults.is_empty();
        let check = |function: &str, status: i32, more: &[i32]| {
            let is_good = if !faults.is_empty() {
                faults.contains(&status)
            } else if is_known {
                status == OK || more.contains(&status)
            } else {
                [OK, STALE, OUT_OF_RANGE].contains(&status) || more.contains(&status)
            };
            self.answered(function, if is_good { OK } else { status }, &vec![]);
            if !is_good {
                self.wrong(format!(
                    "{function} of {frame:?}, {:?}, answers {status}, not {faults:?}",
                    kept.stands.get()
                ));
            }
        };
        // SAFETY: all pointers are good, and so is the frame, which is data.
        unsafe {
            match self.below(9) {
                0 => {
                    let is_valid = pellucid_frame_is_valid(store.pointer, frame);
                    if is_known && is_valid != faults.is_empty() {
                        self.wrong(format!("{frame:?} says that it is valid: {is_valid}; {faults:?}"));
                    }
                }
                1 => {
                    // All of it may be zero.
                    let mut info: pellucid_frame_info_t = std::mem::zeroed();
                    info.struct_size = size_of::<pellucid_frame_info_t>() as u32;
                    check("pellucid_frame_info", pellucid_frame_info(store.pointer, frame, &mut info), &[]);
                }
                2..5 => {
                    let mut values: [pellucid_value_t; 6] = std::mem::zeroed();
                    let cap = self.below(7);
                    let first = self.pick(&[0, 0, 0, 1, 200]);
                    let mut n = 0;
                    let out = values.as_mut_ptr();
                    let beyond = &[OUT_OF_RANGE];
                    let status = pellucid_frame_read_locals(store.pointer, frame, first, out, cap, &mut n);
                    check("pellucid_frame_read_locals", status, beyond);
                    let status = pellucid_frame_read_operands(store.pointer, frame, first, out, cap, &mut n);
                    check("pellucid_frame_read_operands", status, beyond);
                }
                5 => {
                    let mut caller = *frame;
                    let status = pellucid_frame_caller(store.pointer, frame, &mut caller);
                    check("pellucid_frame_caller", status, &[-16]);
                }
                6 => {
                    let mut module = null_mut();
                    let status = pellucid_frame_module(store.pointer, frame, &mut module);
                    check("pellucid_frame_module", status, &[]);
                    pellucid_module_delete(module);
                    let mut key = 0;
                    check("pellucid_frame_key", pellucid_frame_key(store.pointer, frame, &mut key), &[]);
                }
                7 => {
                    let mut frames: [pellucid_frame_t; 3] = std::mem::zeroed();
                    let mut n = 0;
                    let faults = if store.is_debug { vec![] } else { vec![DEBUG_DISABLED] };
                    let status = pellucid_frame_activations(store.pointer, frames.as_mut_ptr(), 3, &mut n);
                    self.answered("pellucid_frame_activations", status, &faults);
                    let stands = Rc::new(Cell::new(Standing::Unknown));
                    frames.iter().take(n.min(3)).for_each(|frame| self.keep_frames(*frame, &stands));
                }
                _ => {
                    let mut n = 0;
                    check("pellucid_frame_local_count", pellucid_frame_local_count(store.pointer, frame, &mut n), &[]);
                    let mut kinds = [0; 4];
                    let out = kinds.as_mut_ptr();
                    let status = pellucid_frame_operand_kinds(store.pointer, frame, out, 4, &mut n);
                    check("pellucid_frame_operand_kinds", status, &[]);
                    let mut name = pellucid_str_t { data: null(), size: 0 };
                    let which = self.below(6) as u32;
                    let status = pellucid_frame_local_name(store.pointer, frame, which, &mut name);
                    check("pellucid_frame_local_name", status, &[-16, OUT_OF_RANGE]);
                }
            }
        }
    }

    fn edit(&self) {
        let Some(store) = self.store() else { return };
        if self.edits.borrow().len() < 4 && self.chance(40) {
            let mut edit = null_mut();
            let faults = if store.is_debug { vec![] } else { vec![DEBUG_DISABLED] };
            if call!(self, faults, pellucid_edit_begin(store.pointer, &mut edit)) == OK {
                self.edits.borrow_mut().push(EditSlot { pointer: edit, store: store.id });
            }
            return;
        }
        let picked = {
            let edits = self.edits.borrow();
            if edits.is_empty() {
                return;
            }
            let slot = &edits[self.below(edits.len())];
            (slot.pointer, slot.store)
        };
        let (edit, store) = picked;
        let store = self.store_by_id(store);
        match self.below(8) {
            0..3 => {
                let engine = if self.chance(90) { store.as_ref().map(|store| store.engine) } else { None };
                let Some((module, _)) = self.some_module(engine) else { return };
                let (mut id, mut pc) = (0, 0);
                let status = if self.chance(60) {
                    let at = self.below(300) as u32;
                    call!(self, vec![], pellucid_edit_add(edit, module, at, &mut id, &mut pc))
                } else {
                    let at = self.below(6) as u32;
                    call!(self, vec![], pellucid_edit_add_at_function(edit, module, at, &mut id, &mut pc))
                };
                if let (OK, Some(store)) = (status, store) {
                    store.things.borrow_mut().breakpoints.push(id);
                }
            }
            3 => {
                let ids = store.map(|store| store.things.borrow().breakpoints.clone()).unwrap_or_default();
                let id = if ids.is_empty() || self.chance(10) { self.word() } else { self.pick(&ids) };
                if self.chance(50) {
                    call!(self, vec![], pellucid_edit_remove(edit, id));
                } else {
                    call!(self, vec![], pellucid_edit_enable(edit, id, self.chance(50)));
                }
            }
            4 => {
                call!(self, vec![], pellucid_edit_single_step(edit, self.chance(50)));
            }
            5 => {
                call!(self, vec![], pellucid_edit_discard(edit));
            }
            _ => {
                let mut error = null_mut();
                let status = call!(self, vec![], pellucid_edit_commit(edit, &mut error));
                self.took_error("pellucid_edit_commit", status, true, error);
            }
        }
    }

    fn handler(&self) {
        let Some(store) = self.store() else { return };
        let mut faults = if store.is_debug { vec![] } else { vec![DEBUG_DISABLED] };
        if self.chance(20) {
            call!(self, faults, pellucid_store_clear_event_handler(store.pointer));
            return;
        }
        let mask = self.pick(&[57, 63, 32, 16, 9, 0, 57 | 1 << 30, 128]);
        if mask == 128 {
            faults.push(-1);
        }
        let ticket = self.ticket(store.id);
        let set = pellucid_store_set_event_handler;
        // SAFETY: all pointers are good.
        let status = unsafe { set(store.pointer, mask, ticket, Some(on_event), Some(finalize)) };
        self.answered("pellucid_store_set_event_handler", status, &faults);
    }

    fn linker(&self) {
        if self.linkers.borrow().len() < 2 {
            let Some((engine, _, identity)) = self.some_engine() else { return };
            let mut linker = null_mut();
            call!(self, vec![], pellucid_linker_new(engine, &mut linker));
            self.linkers.borrow_mut().push((linker, identity));
            return;
        }
        let Some(store) = self.store() else { return };
        let picked = {
            let linkers = self.linkers.borrow();
            let fitting: Vec<_> = linkers.iter().filter(|(_, engine)| *engine == store.engine).copied().collect();
            if fitting.is_empty() || self.chance(5) { self.pick(&linkers) } else { self.pick(&fitting) }
        };
        let (linker, _) = picked;
        let (module_name, n_module_name) = text(self.pick(&["h", "other", ""]));
        let (name, n_name) = text(self.pick(&["a", "b", "c"]));
        match self.below(8) {
            0 => {
                call!(self, vec![], pellucid_linker_set_shadowing(linker, self.chance(50)));
            }
            1 | 2 => {
                let ty = if self.chance(50) { self.functype(&[], &[]) } else { self.functype(&[0], &[0]) };
                let ticket = self.ticket(store.id);
                let define = pellucid_linker_define_func;
                // SAFETY: all pointers are good.
                let status = unsafe {
                    let of = (module_name, n_module_name, name, n_name);
                    define(
                        linker,
                        store.pointer,
                        of.0,
                        of.1,
                        of.2,
                        of.3,
                        ty,
                        ticket,
                        Some(host),
                        Some(finalize),
                        null_mut(),
                    )
                };
                self.answered_with_value("pellucid_linker_define_func", status, &[]);
                // SAFETY: it isn't used any more.
                unsafe { pellucid_functype_delete(ty) };
            }
            3 => {
                let mut faults = vec![];
                let func = handle!(self, store, funcs, pellucid_func_t, faults);
                let item = pellucid_extern_t {
                    kind: self.pick(&[0, 0, 0, 9]),
                    reserved: 0,
                    of: pellucid_extern_of_t { func: func.unwrap_or_default() },
                };
                // SAFETY: all pointers are good.
                let status = unsafe {
                    let of = (module_name, n_module_name, name, n_name);
                    pellucid_linker_define(linker, store.pointer, of.0, of.1, of.2, of.3, &item, null_mut())
                };
                self.answered_with_value("pellucid_linker_define", status, &[]);
            }
            4 => {
                // SAFETY: all of it may be zero.
                let mut item: pellucid_extern_t = unsafe { std::mem::zeroed() };
                // SAFETY: all pointers are good.
                let status = unsafe {
                    let of = (module_name, n_module_name, name, n_name);
                    pellucid_linker_get(linker, store.pointer, of.0, of.1, of.2, of.3, &mut item)
                };
                self.answered_with_value("pellucid_linker_get", status, &[]);
            }
            5 => {
                let Some((module, _)) = self.some_module(Some(store.engine)) else { return };
                // SAFETY: all pointers are good.
                let status =
                    unsafe { pellucid_linker_define_unknown_as_traps(linker, store.pointer, module, null_mut()) };
                self.answered_with_value("pellucid_linker_define_unknown_as_traps", status, &[]);
            }
            _ => {
                let Some((module, _)) = self.some_module(Some(store.engine)) else { return };
                let (mut instance, mut error) = (pellucid_instance_t::default(), null_mut());
                // SAFETY: all pointers are good.
                let status =
                    unsafe { pellucid_linker_instantiate(linker, store.pointer, module, &mut instance, &mut error) };
                // What is defined may be another store's.
                let expected = if status == WRONG_STORE { vec![WRONG_STORE] } else { vec![] };
                self.answered_by_guest("pellucid_linker_instantiate", status, &expected);
                self.took_error("pellucid_linker_instantiate", status, true, error);
                if status == OK {
                    self.know_instance(&store, instance);
                }
            }
        }
    }

    fn wasi(&self) {
        let (Some(store), Some((linker, _))) = (self.store(), self.linkers.borrow().first().copied()) else { return };
        if self.wasi_configs.borrow().len() < 2 {
            let mut config = null_mut();
            call!(self, vec![], pellucid_wasi_config_new(&mut config));
            self.wasi_configs.borrow_mut().push(config);
        }
        let config = self.pick(&self.wasi_configs.borrow());
        let (arg, n_arg) = text("an argument");
        call!(self, vec![], pellucid_wasi_config_add_arg(config, arg, n_arg));
        let (stream, source) = (self.pick(&[1, 1, 2, 0, 7]), self.pick(&[0, 2, 2, 9]));
        call!(self, vec![], pellucid_wasi_config_set_stream(config, stream, source));
        let ticket = self.ticket(0);
        let set = pellucid_wasi_config_set_input_callback;
        // SAFETY: all pointers are good.
        let status =
            unsafe { set(config, ticket, if self.chance(90) { Some(no_input) } else { None }, Some(finalize)) };
        self.log.borrow_mut().push(format!("pellucid_wasi_config_set_input_callback: {status}"));
        let (mut wasi, mut error) = (null_mut(), null_mut());
        let wanted = self.error_place(&mut error);
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_linker_define_wasi(linker, store.pointer, config, &mut wasi, wanted) };
        self.answered_with_value("pellucid_linker_define_wasi", status, &[]);
        self.took_error("pellucid_linker_define_wasi", status, !wanted.is_null(), error);
        if status == OK {
            let (mut bytes, mut n) = ([0; 8], 0);
            let which = self.pick(&[0, 1, 2, 8]);
            // SAFETY: all pointers are good.
            let status = unsafe { pellucid_wasi_read(wasi, which, bytes.as_mut_ptr(), 8, &mut n) };
            self.answered_with_value("pellucid_wasi_read", status, &[]);
            self.wasis.borrow_mut().push((wasi, store.id));
        }
    }

    fn listing(&self) {
        let Some(store) = self.store() else { return };
        let faults = if store.is_debug { vec![] } else { vec![DEBUG_DISABLED] };
        let mut n = 0;
        call!(self, faults, pellucid_store_instance_count(store.pointer, &mut n));
        let mut ids = [0; 3];
        call!(self, faults, pellucid_breakpoint_list(store.pointer, ids.as_mut_ptr(), 3, &mut n));
        // SAFETY: all of it may be zero.
        let mut info: pellucid_breakpoint_info_t = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<pellucid_breakpoint_info_t>() as u32;
        call!(self, faults, pellucid_breakpoint_info(store.pointer, ids[0], &mut info));
        let limit = self.below(9) as u32;
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_store_set_limit(store.pointer, limit, self.pick(&[0, 1, 4, 1000, 1 << 20])) };
        self.answered_with_value("pellucid_store_set_limit", status, &[]);
        let mut faults = vec![];
        let instance = handle!(self, store, instances, pellucid_instance_t, faults);
        if !store.is_debug {
            faults.push(DEBUG_DISABLED);
        }
        let mut func = pellucid_func_t::default();
        let index = self.below(7) as u32;
        call!(self, faults, pellucid_instance_func(store.pointer, pointer(&instance), index, &mut func));
    }

    fn delete_module(&self) {
        let mut modules = self.modules.borrow_mut();
        if !modules.is_empty() {
            let place = self.below(modules.len());
            let slot = modules.swap_remove(place);
            drop(modules);
            // SAFETY: it isn't used any more.
            unsafe { pellucid_module_delete(slot.pointer) };
        }
    }

    /// Takes something out of a list.
    fn take<T>(&self, list: &RefCell<Vec<T>>) -> Option<T> {
        let mut list = list.borrow_mut();
        if list.is_empty() {
            return None;
        }
        let place = self.below(list.len());
        Some(list.swap_remove(place))
    }

    fn delete(&self) {
        self.delete_one(self.below(9));
    }

    fn delete_one(&self, which: usize) {
        // SAFETY: none of it is used any more.
        unsafe {
            match which {
                0 => {
                    if let Some(slot) = self.take(&self.engines) {
                        pellucid_engine_delete(slot.pointer);
                    }
                }
                1 => self.delete_module(),
                2 => {
                    if let Some(slot) = self.take(&self.stores) {
                        pellucid_store_delete(slot.pointer);
                    }
                }
                3 => {
                    if let Some(slot) = self.take(&self.calls) {
                        // A call that runs goes on to its next event or end.
                        let is_running = pellucid_call_state(slot.pointer) == 2;
                        slot.stands.set(if is_running { Standing::Unknown } else { Standing::Stale });
                        pellucid_call_delete(slot.pointer);
                    }
                }
                4 => {
                    if let Some(slot) = self.take(&self.edits) {
                        pellucid_edit_delete(slot.pointer);
                    }
                }
                5 => {
                    if let Some((linker, _)) = self.take(&self.linkers) {
                        pellucid_linker_delete(linker);
                    }
                }
                6 => {
                    if let Some(config) = self.take(&self.wasi_configs) {
                        pellucid_wasi_config_delete(config);
                    }
                }
                7 => {
                    if let Some((wasi, _)) = self.take(&self.wasis) {
                        pellucid_wasi_delete(wasi);
                    }
                }
                _ => {
                    if let Some(error) = self.take(&self.errors) {
                        pellucid_error_delete(error);
                    }
                }
            }
        }
        self.log.borrow_mut().push(format!("{:depth$}delete {which}", "", depth = 2 * self.depth.get() as usize));
    }

    /// What a callback does before it answers.
    fn callback(&self, what: &str, store: *mut pellucid_store_t) {
        if self.chance(10) {
            self.intrude(store);
        }
        self.depth.set(self.depth.get() + 1);
        self.log.borrow_mut().push(format!("{:depth$}{what}", "", depth = 2 * self.depth.get() as usize));
        if self.depth.get() <= 3 {
            for _ in 0..self.below(4) {
                if self.budget.get() > 0 {
                    self.act();
                }
            }
        }
        self.depth.set(self.depth.get() - 1);
    }

    /// What another thread may know of a store.
    fn known(&self, store: &StoreSlot) -> Known {
        let things = store.things.borrow();
        let mut add = None;
        for instance in &things.instances {
            // SAFETY: all of it may be zero.
            let mut item: pellucid_extern_t = unsafe { std::mem::zeroed() };
            let (name, n_name) = text("add");
            // SAFETY: all pointers are good, and the kind of what is found is known: it is in one of the texts only.
            unsafe {
                if pellucid_instance_export(store.pointer, instance, name, n_name, &mut item) == OK {
                    add = Some(item.of.func);
                }
            }
        }
        let calls = self.calls.borrow().iter().filter(|call| call.store == store.id).map(|call| call.pointer).collect();
        let edits = self.edits.borrow().iter().filter(|edit| edit.store == store.id).map(|edit| edit.pointer).collect();
        Known {
            store: store.pointer,
            instance: things.instances.first().copied(),
            add,
            memory: things.memories.first().copied(),
            table: things.tables.first().copied(),
            global: things.globals.first().copied(),
            calls,
            edits,
        }
    }

    /// In a callback: another thread tries to use the store.
    fn intrude(&self, store: *mut pellucid_store_t) {
        let store = self.stores.borrow().iter().find(|slot| slot.pointer == store).cloned();
        let Some(store) = store else { return };
        let (known, mut random) = (self.known(&store), Random::new(self.word()));
        let done = std::thread::scope(|scope| scope.spawn(move || known.act(&mut random, 12, true)).join());
        let done = done.expect("nothing panics");
        self.log.borrow_mut().push(format!("a second thread was answered {} times", done.answers.len()));
        if let Some(wrong) = second_thread::wrong_inside(&done) {
            self.wrong(wrong);
        }
        second_thread::delete(done);
    }

    /// Two threads use a store, each as if it were alone.
    fn both(&self) {
        let Some(store) = self.store() else { return };
        let known = self.known(&store);
        let (mut first, mut second) = (Random::new(self.word()), Random::new(self.word()));
        let other = known.clone();
        self.is_shared.store(true, Ordering::SeqCst);
        let (here, there) = std::thread::scope(|scope| {
            let there = scope.spawn(move || other.act(&mut second, 60, false));
            (known.act(&mut first, 60, false), there.join().expect("nothing panics"))
        });
        self.is_shared.store(false, Ordering::SeqCst);
        self.log.borrow_mut().push("two threads at once".to_string());
        for done in [here, there] {
            if let Some(wrong) = second_thread::wrong_beside(&done) {
                self.wrong(wrong);
            }
            second_thread::delete(done);
        }
    }

    /// A status for a host function to answer, with an error or without.
    fn fail_or_not(&self, out_error: *mut *mut pellucid_error_t) -> i32 {
        if self.chance(92) {
            return OK;
        }
        if self.chance(50) {
            let (message, n) = text("as it happens");
            // SAFETY: the library gives a place.
            call!(self, vec![], pellucid_error_new(message, n, out_error));
        }
        -11
    }
}

/// Gets the ticket behind a callback's userdata.
unsafe fn ticket<'a>(userdata: *mut c_void) -> &'a Ticket {
    // SAFETY: tickets are freed when the case is over, and the library keeps what it was given.
    unsafe { &*userdata.cast::<Ticket>() }
}

unsafe extern "C" fn finalize(userdata: *mut c_void) {
    // SAFETY: it is one of our tickets.
    unsafe { ticket(userdata) }.finalized.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn no_input(_: *mut c_void, _: *mut u8, _: usize, out_n: *mut usize) -> i32 {
    // SAFETY: the library gives a place.
    unsafe { *out_n = 0 };
    OK
}

unsafe extern "C" fn host(
    userdata: *mut c_void,
    caller: *mut pellucid_caller_t,
    args: *const pellucid_value_t,
    n_args: usize,
    results: *mut pellucid_value_t,
    n_results: usize,
    out_error: *mut *mut pellucid_error_t,
) -> i32 {
    // SAFETY: it is one of our tickets, and the world lives as long as the case.
    let world = unsafe { &*ticket(userdata).world };
    if world.chance(30) {
        // SAFETY: all pointers are good.
        let status = unsafe {
            let mut instance = pellucid_instance_t::default();
            pellucid_caller_instance(caller, &mut instance)
        };
        world.log.borrow_mut().push(format!("pellucid_caller_instance: {status}"));
    }
    world.newest_frame(caller);
    // SAFETY: the caller is alive.
    world.callback("host function", unsafe { pellucid_caller_store(caller) });
    for place in 0..n_results.min(n_args) {
        // SAFETY: there are as many.
        unsafe {
            if (*args.add(place)).kind == (*results.add(place)).kind || world.chance(1) {
                *results.add(place) = *args.add(place);
            }
        }
    }
    world.after_callback();
    world.fail_or_not(out_error)
}

unsafe extern "C" fn host_raw(
    userdata: *mut c_void,
    caller: *mut pellucid_caller_t,
    _: *mut pellucid_raw_t,
    _: usize,
    out_error: *mut *mut pellucid_error_t,
) -> i32 {
    // SAFETY: it is one of our tickets, and the world lives as long as the case.
    let world = unsafe { &*ticket(userdata).world };
    world.newest_frame(caller);
    // SAFETY: the caller is alive.
    world.callback("raw host function", unsafe { pellucid_caller_store(caller) });
    world.after_callback();
    world.fail_or_not(out_error)
}

unsafe extern "C" fn on_event(
    userdata: *mut c_void,
    store: *mut pellucid_store_t,
    event: *mut pellucid_event_t,
) -> u32 {
    // SAFETY: it is one of our tickets, and the world lives as long as the case.
    let world = unsafe { &*ticket(userdata).world };
    if world.is_shared.load(Ordering::SeqCst) {
        return 0;
    }
    let stands = Rc::new(Cell::new(Standing::Valid));
    let mut frame = pellucid_frame_t { store: 0, call: 0, epoch: 0, position: 0, reserved: 0 };
    // SAFETY: all pointers are good.
    let (kind, can_pause) = unsafe {
        if pellucid_event_frame(event, &mut frame) == OK {
            if !pellucid_frame_is_valid(store, &frame) {
                world.wrong(format!("the frame of an event isn't valid: {frame:?}"));
            }
            world.keep_frames(frame, &stands);
        }
        (pellucid_event_kind(event), pellucid_event_can_pause(event))
    };
    world.callback(&format!("event {kind}, can pause: {can_pause}"), store);
    let action = world.pick(&[0, 0, 1, 1, 2, 3, 77]);
    if action == 3 && world.chance(50) {
        let (message, n) = text("enough");
        // SAFETY: all pointers are good.
        call!(world, vec![], pellucid_event_set_message(event, message, n));
    }
    // Where it pauses or ends the frame is what it was.
    stands.set(if matches!(action, 0 | 1) && !matches!(kind, 1 | 8) { Standing::Stale } else { Standing::Unknown });
    action
}

impl World {
    /// Keeps the frame that called a host function.
    fn newest_frame(&self, caller: *mut pellucid_caller_t) {
        let mut frame = pellucid_frame_t { store: 0, call: 0, epoch: 0, position: 0, reserved: 0 };
        // SAFETY: all pointers are good.
        let status = unsafe { pellucid_frame_newest(pellucid_caller_store(caller), &mut frame) };
        if ![OK, -16, DEBUG_DISABLED].contains(&status) {
            self.wrong(format!("pellucid_frame_newest answers {status} in a host function"));
        }
        if status == OK {
            self.keep_frames(frame, &Rc::new(Cell::new(Standing::Unknown)));
        }
    }

    fn after_callback(&self) {}
}

/// Lets another thread do something with all that there is.
fn on_another_thread(world: &World, steps: usize) {
    struct Moved<'a>(&'a World);
    // SAFETY: the thread that gives it away waits until the other has ended.
    unsafe impl Send for Moved<'_> {}
    impl Moved<'_> {
        fn get(&self) -> &World {
            self.0
        }
    }
    let moved = Moved(world);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let world = moved.get();
            for _ in 0..steps {
                world.act();
            }
        });
    });
}

/// A random program of a seed.
pub fn run(statuses: &HashMap<String, HashSet<i32>>, seed: u64) -> Result<Outcome, Failure> {
    let world = Box::new(World {
        random: RefCell::new(Random::new(seed ^ 0xca115)),
        budget: Cell::new(0),
        depth: Cell::new(0),
        engines: RefCell::default(),
        next_identity: Cell::new(0),
        modules: RefCell::default(),
        stores: RefCell::default(),
        calls: RefCell::default(),
        edits: RefCell::default(),
        linkers: RefCell::default(),
        wasi_configs: RefCell::default(),
        wasis: RefCell::default(),
        errors: RefCell::default(),
        frames: RefCell::default(),
        tickets: RefCell::default(),
        statuses: statuses.clone(),
        log: RefCell::default(),
        wrong: RefCell::default(),
        is_shared: AtomicBool::new(false),
    });
    let result = catch_unwind(AssertUnwindSafe(|| drive(&world)));
    let log = world.log.borrow().join("\n");
    let mut outcome = Outcome::done();
    outcome.count("calls of the API", world.log.borrow().len() as u64);
    let wrong = world.wrong.borrow().clone();
    match (result, wrong) {
        (Ok(()), None) => Ok(outcome),
        (Err(panic), None) => Err(Failure { message: message_of(&*panic), text: log }),
        (_, Some(message)) => Err(Failure { message, text: log }),
    }
}

fn drive(world: &World) {
    world.budget.set(150);
    (0..2).for_each(|_| world.engine());
    (0..4).for_each(|_| world.module());
    (0..2).for_each(|_| world.store_new());
    while world.budget.get() > 0 && world.wrong.borrow().is_none() {
        if world.chance(3) {
            on_another_thread(world, 6);
        } else if world.chance(3) {
            world.both();
        } else {
            world.act();
        }
    }
    // All of it goes, in any order.
    let mut kinds: Vec<usize> = (0..9).collect();
    while !kinds.is_empty() {
        let place = world.below(kinds.len());
        let before = world.log.borrow().len();
        let is_empty = match kinds[place] {
            0 => world.engines.borrow().is_empty(),
            1 => world.modules.borrow().is_empty(),
            2 => world.stores.borrow().is_empty(),
            3 => world.calls.borrow().is_empty(),
            4 => world.edits.borrow().is_empty(),
            5 => world.linkers.borrow().is_empty(),
            6 => world.wasi_configs.borrow().is_empty(),
            7 => world.wasis.borrow().is_empty(),
            _ => world.errors.borrow().is_empty(),
        };
        if is_empty {
            kinds.swap_remove(place);
        } else {
            world.delete_one(kinds[place]);
        }
        debug_assert!(world.log.borrow().len() >= before);
    }
    for ticket in world.tickets.borrow_mut().drain(..) {
        // SAFETY: the library has given all of them back, or else it is told.
        let ticket = unsafe { &*ticket };
        let times = ticket.finalized.load(Ordering::SeqCst);
        if times != 1 {
            world.wrong(format!("a finalizer of store {} ran {times} times", ticket.store.get()));
        } else {
            // SAFETY: the library doesn't know it any more.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(ticket).cast_mut()) });
        }
    }
}

/// What the fuzzer needs to know.
pub fn prepare() -> HashMap<String, HashSet<i32>> {
    statuses()
}

#[cfg(test)]
mod tests {
    use crate::driver;

    #[test]
    fn smoke() {
        let statuses = super::prepare();
        driver::smoke(|seed| super::run(&statuses, seed));
    }
}
