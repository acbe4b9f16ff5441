//! WASI programs with threads: groups of stores that the library makes, one for each thread that a guest starts.
//!
//! Knows nothing of which threads there are. Invariant: a thread's store is made, used and deleted on that thread. Read next:
//! [`crate::wasi::threads`].

use super::call::{pellucid_call_delete, pellucid_call_t};
use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::entry;
use super::error::pellucid_error_t;
use super::func::failure_of;
use super::interrupt::{bits, pellucid_interrupt_kind_t};
use super::linker::{pellucid_linker_delete, pellucid_linker_t};
use super::module::pellucid_module_t;
use super::status::pellucid_status_t;
use super::store::{pellucid_store_delete, pellucid_store_t};
use super::wasi::{pellucid_wasi_config_t, pellucid_wasi_t};
use crate::base::{Func, FuncType, Result, ValType, Value, error::bail, memory};
use crate::runtime::{Extern, Linker, Module, SharedMemory, Store, ask};
use crate::wasi::define_for_thread;
use crate::wasi::threads::{MAIN, Threads};
use crate::wasm::{Item, ItemType};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The threads of a program for `wasm32-wasip1-threads` or the like: a group of stores with one module, one set of shared memories, and
/// one set of descriptors. An owned object, which any thread may use.
///
///     pellucid_wasi_threads_new(module, config, 16, NULL, NULL, NULL, &threads, NULL, &error);
///     pellucid_linker_define_wasi_threads(linker, store, threads, &error);
///     pellucid_linker_instantiate(linker, store, module, &instance, &error);
///     ... call _start, in whichever way ...
///     pellucid_wasi_threads_end(threads, &error);
///     pellucid_wasi_threads_delete(threads);
///
/// The host makes the first thread's store, and runs it on a thread of its own as it runs any guest. When the guest starts another
/// (`wasi.thread-spawn`), the library makes a thread, a store on it, an instance of the same module, and calls its export
/// `wasi_thread_start`. What else the module imports the host defines for each of these stores, in a callback.
///
/// The first thread that traps, fails or calls `proc_exit` decides how the program ends: all others are interrupted, the host's
/// own too, whose call then ends with the trap `PELLUCID_TRAP_INTERRUPTED`. Which it was `pellucid_wasi_threads_end` tells. When the
/// first thread simply returns the program is over: the host calls `pellucid_wasi_threads_end`, which ends all others.
///
/// Since: 0.1.
pub struct pellucid_wasi_threads_t {
    threads: Threads,
    memories: Memories,
    runner: Runner,
}

/// What runs the calls of threads that guests have started, if that is the host.
type Runner = Arc<OnceLock<RunCallback>>;

/// The memories that a module shares: the names that it imports each by.
type Memories = Arc<[(String, String, SharedMemory)]>;

/// Prepares the store of a thread that a guest has started, on that thread, before the module is instantiated in it: defines what the
/// module imports besides WASI's functions, `wasi.thread-spawn` and shared memories; sets limits, an event handler, breakpoints.
///
/// - `userdata`: as registered.
/// - `thread`: the thread's number, which is never used again in its group: 1 or more.
/// - `store`, `linker`: the thread's. They are the library's, which deletes them when the thread ends; the callback must not.
/// - `out_error`: may be given an error on failure, which the library then owns.
///
/// Returns `PELLUCID_OK`; anything else ends the program as a trap of the thread would.
///
/// It may do all that a host function may. Several threads may call it at once.
///
/// Since: 0.1.
pub type pellucid_wasi_thread_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        thread: u32,
        store: *mut pellucid_store_t,
        linker: *mut pellucid_linker_t,
        out_error: *mut *mut pellucid_error_t,
    ) -> pellucid_status_t,
>;

/// [`pellucid_wasi_thread_cb_t`] that isn't NULL.
type ThreadCallback = unsafe extern "C" fn(
    *mut c_void,
    u32,
    *mut pellucid_store_t,
    *mut pellucid_linker_t,
    *mut *mut pellucid_error_t,
) -> pellucid_status_t;

/// Runs the call of a thread that a guest has started, on that thread, instead of the library: resumes it until it has ended. So the call
/// can pause, and yield, and be looked at and resumed by whichever thread the host wants meanwhile.
///
/// - `userdata`: as registered with the group.
/// - `thread`: the thread's number.
/// - `store`, `call`: the thread's; the call is ready. They are the library's, which deletes them when the thread ends; the callback must
///   not. When it returns, no other thread may use them any more.
/// - `out_error`: may be given an error on failure, which the library then owns.
///
/// Returns `PELLUCID_OK`. What the call has ended with is the thread's end then; one that hasn't ended is given up, and the thread ends
/// as if it had returned. Anything else ends the program as a trap of the thread would.
///
/// When the group ends, a call that runs is interrupted; one that is paused traps when it is resumed. So while it is paused the callback
/// should look from time to time whether the group ends, see `pellucid_wasi_threads_is_ending`, unless the host has another way to know.
///
/// It may do all that a host function may. Several threads may call it at once.
///
/// Since: 0.1.
pub type pellucid_wasi_run_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        thread: u32,
        store: *mut pellucid_store_t,
        call: *mut pellucid_call_t,
        out_error: *mut *mut pellucid_error_t,
    ) -> pellucid_status_t,
>;

/// [`pellucid_wasi_run_cb_t`] that isn't NULL.
type RunCallback = unsafe extern "C" fn(
    *mut c_void,
    u32,
    *mut pellucid_store_t,
    *mut pellucid_call_t,
    *mut *mut pellucid_error_t,
) -> pellucid_status_t;

/// The export that a thread begins with.
const START: &str = "wasi_thread_start";

/// The shared memories that a module imports, made anew; `InvalidArgument` for one that can't have threads.
fn memories(module: &Module) -> Result<Memories> {
    let info = module.info();
    let start = FuncType { params: [ValType::I32; 2].into(), results: [].into() };
    match info.export(START) {
        Some(Item::Func(func)) if **info.func_type(func) == start => {}
        _ => bail!(InvalidArgument, "the module doesn't export {START}, a function that takes two i32"),
    }
    let mut memories = Vec::new();
    for import in &info.imports {
        if let ItemType::Memory(ty) = import.ty
            && ty.is_shared
            && !memories.iter().any(|(module, name, _)| (module, name) == (&import.module, &import.name))
        {
            memories.push((import.module.clone(), import.name.clone(), SharedMemory::new(module.engine(), ty)?));
        }
    }
    if memories.is_empty() {
        bail!(InvalidArgument, "the module imports no shared memory, so threads of it have nothing in common");
    }
    Ok(memories.into())
}

fn define(linker: &mut Linker, store: &Store, threads: &Threads, memories: &Memories, number: u32) -> Result<()> {
    // What the store refuses, it refuses before anything is defined.
    let mut made = Vec::with_capacity(memories.len());
    for (module, name, memory) in &**memories {
        linker.check_undefined(module, name)?;
        made.push(Extern::Memory(store.memory_from_shared(memory)?));
    }
    define_for_thread(linker, store, threads, number)?;
    for ((module, name, _), memory) in memories.iter().zip(made) {
        linker.define(store, module, name, memory)?;
    }
    Ok(())
}

/// Bytes of small things that a thread is made with, and more.
const FOR_THREAD: usize = 100 << 10;

/// Makes sure that there is memory for what is made of a thread next, while no other thread makes as much: guests decide how many
/// there are.
///
/// Errors: `System`.
fn alone_with_memory() -> Result<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    memory::ask(FOR_THREAD)?;
    Ok(alone)
}

/// A thread's store and linker, which are deleted with this.
struct Room {
    store: *mut pellucid_store_t,
    linker: *mut pellucid_linker_t,
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: both were made for this thread alone, whose callback mustn't delete them (header).
        unsafe {
            pellucid_linker_delete(self.linker);
            pellucid_store_delete(self.store);
        }
    }
}

/// What threads of a group are made with.
struct Making {
    module: Module,
    memories: Memories,
    prepare: Option<ThreadCallback>,
    runner: Runner,
    userdata: Userdata,
}

/// Runs a thread from its beginning to its end, on the host's thread that this is called on.
fn run(threads: &Threads, making: &Making, number: u32, start: i32) -> Result<()> {
    let Making { module, memories, .. } = making;
    let (store, room) = {
        let _alone = alone_with_memory()?;
        let store = pellucid_store_t::make(module.engine(), Userdata::new(null_mut(), None))?;
        let linker = Box::into_raw(Box::new(pellucid_linker_t::make(module.engine())));
        let room = Room { store: Rc::into_raw(store.clone()).cast_mut(), linker };
        (store, room)
    };
    if !threads.enter(number, store.core())? {
        return Ok(());
    }
    if let Some(prepare) = making.prepare {
        let mut error = null_mut();
        // SAFETY: the host gave the function for this userdata (header: `pellucid_wasi_thread_cb_t`); the rest outlives the call.
        let status = unsafe { prepare(making.userdata.pointer(), number, room.store, room.linker, &mut error) };
        if status != 0 || !error.is_null() {
            return Err(failure_of(format_args!("the callback that prepares thread {number}"), status, error));
        }
    }
    let claim = store.claim()?;
    let outcome = (|| {
        // SAFETY: made above, and not deleted before the end of `room`.
        let linker = unsafe { &*room.linker };
        {
            let _alone = alone_with_memory()?;
            define(&mut *linker.change()?, store.core(), threads, memories, number)?;
        }
        memory::ask(FOR_THREAD)?;
        let linker = linker.linker.clone();
        let instance = store.debuggee().link(&linker.borrow(), module)?;
        let func: Func = match store.core().instance_export(instance, START)? {
            Some(Extern::Func(func)) => func,
            _ => bail!(InvalidArgument, "the module doesn't export {START}"),
        };
        let args = [Value::I32(number as i32), Value::I32(start)];
        let Some(runner) = making.runner.get() else {
            store.debuggee().call(func, &args)?;
            return Ok(None);
        };
        let call = store.debuggee().call_begin(func, &args)?;
        Ok(Some((*runner, pellucid_call_t::give(&store, call))))
    })();
    drop(claim);
    let outcome = match outcome {
        Ok(Some((runner, call))) => {
            threads.can_pause(number);
            run_by_host(making, number, runner, room.store, call)
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    drop(store);
    drop(room);
    outcome
}

/// Has the host run a thread's call, and deletes that.
fn run_by_host(
    making: &Making,
    number: u32,
    runner: RunCallback,
    store: *mut pellucid_store_t,
    call: *mut pellucid_call_t,
) -> Result<()> {
    let mut error = null_mut();
    // SAFETY: the host gave the function for this userdata (header: `pellucid_wasi_run_cb_t`); the rest outlives the call.
    let status = unsafe { runner(making.userdata.pointer(), number, store, call, &mut error) };
    let outcome = if status != 0 || !error.is_null() {
        Err(failure_of(format_args!("the callback that runs thread {number}"), status, error))
    } else {
        // SAFETY: made for this thread alone, whose callback mustn't delete it (header).
        let call = unsafe { &*call };
        call.store().claim().and_then(|_claim| call.call.error().map_or(Ok(()), Err))
    };
    // SAFETY: as above; nobody uses it after this.
    unsafe { pellucid_call_delete(call) };
    outcome
}

/// Makes a group of threads for a module, with shared memories of its own: one for each that the module imports.
///
/// - `module`: the module. It exports `wasi_thread_start`, which takes two `i32`, and imports a shared memory.
/// - `config`: what the program gets; it is copied. All threads have the same open files, clocks and captured output.
/// - `most_threads`: how many threads that guests have started may run at a time. Starting more fails for the guest with
///   `EAGAIN`, which is -6.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: prepares the stores of threads; may be NULL if nothing has to be done.
/// - `finalizer`: frees `userdata` when the group, all its threads, and all stores that it was defined for are gone, on whichever
///   thread is the last; may be NULL.
/// - `out_threads`: gets the group.
/// - `out_wasi`: gets what guests write to captured streams; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a module without these; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`;
/// `PELLUCID_ERR_UNSUPPORTED` for an engine whose guests can't be interrupted, which has neither signal handlers nor checks.
///
/// Owns: the library owns `userdata` until the finalizer runs; the caller owns `*out_threads`, `*out_wasi` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_new(
    module: *const pellucid_module_t,
    config: *const pellucid_wasi_config_t,
    most_threads: u32,
    userdata: *mut c_void,
    cb: pellucid_wasi_thread_cb_t,
    finalizer: pellucid_finalizer_t,
    out_threads: *mut *mut pellucid_wasi_threads_t,
    out_wasi: *mut *mut pellucid_wasi_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; ref module, ref config, out out_threads, opt_out out_wasi => {
        let module = module.module().clone();
        let config_of_engine = module.engine().config();
        if !config_of_engine.signal_handlers && !config_of_engine.interrupt_checks {
            bail!(Unsupported, "guests of this engine can't be interrupted, so threads of theirs can't be ended");
        }
        let (memories, runner) = (memories(&module)?, Runner::default());
        let making = Making { module, memories: memories.clone(), prepare: cb, runner: runner.clone(), userdata };
        let run = move |threads: &Threads, number, start| run(threads, &making, number, start);
        let (threads, wasi) = Threads::new(&config.copy(), most_threads, Box::new(run))?;
        out_threads.give(pellucid_wasi_threads_t { threads, memories, runner })?;
        out_wasi.give(pellucid_wasi_t::new(wasi))
    })
}

/// Has the host run the calls of threads that guests start from then on, so that they can pause, and yield. Otherwise the library runs
/// them, and what would pause a call doesn't.
///
/// - `threads`: the group.
/// - `cb`: runs a call. It is given the `userdata` of the group.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` if the group has such a callback.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_set_run_callback(
    threads: *mut pellucid_wasi_threads_t,
    cb: pellucid_wasi_run_cb_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref threads, callback cb => {
        if threads.runner.set(cb).is_err() {
            bail!(InvalidState, "the group has a callback that runs calls already");
        }
        Ok(())
    })
}

/// Deletes a group. The threads that guests have started are ended first, and waited for, unless this is called in one of them. A
/// guest that runs in the store of the first thread, which is the host's, runs on.
///
/// - `threads`: the group; NULL is fine.
///
/// Owns: takes `threads`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_delete(threads: *mut pellucid_wasi_threads_t) {
    entry!(delete threads)
}

impl Drop for pellucid_wasi_threads_t {
    fn drop(&mut self) {
        self.threads.give_up();
    }
}

/// Defines what the first thread of a program imports: WASI's functions as `pellucid_linker_define_wasi` does, `wasi.thread-spawn`, and
/// the shared memories by the names that the module imports them by.
///
/// - `linker`: the linker.
/// - `store`: the store that the first thread runs in: one for each group, and not more than one group for it.
/// - `threads`: the group.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` if a name is defined already and shadowing is off;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a store of another engine; whatever fails, nothing is defined. `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module,
/// for a second store, and for a store that is in a group, this or another one, or was; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_wasi_threads(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    threads: *mut pellucid_wasi_threads_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref linker, store store, ref threads => {
        let mut linker = linker.change()?;
        linker.check_engine(store.core())?;
        store.core().interrupter()?;
        threads.threads.check_main(store.core())?;
        define(&mut linker, store.core(), &threads.threads, &threads.memories, MAIN)?;
        threads.threads.enter(MAIN, store.core()).map(drop)
    })
}

/// Waits until all threads that guests have started have finished, however long that takes.
///
/// - `threads`: the group.
/// - `out_error`: gets an error object if a thread has failed or exited; may be NULL.
///
/// Returns as `pellucid_wasi_threads_end`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_join(
    threads: *mut pellucid_wasi_threads_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref threads => threads.threads.join())
}

/// Ends all threads that guests have started, by interrupting them, and waits until they have finished: for one that is in a host
/// function, until that returns. From here on none can be started. Tells how the program has ended: the error of the first thread that
/// trapped, failed or exited, if any did so before this; that of the host's own counts if it has called `proc_exit`. A trap of the
/// host's own thread is known to the host only.
///
/// - `threads`: the group.
/// - `out_error`: gets an error object if a thread has failed or exited; may be NULL.
///
/// Returns `PELLUCID_OK` if none has; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXIT`, see `pellucid_error_exit_code`; another status if a thread
/// couldn't begin, or a host function failed. `PELLUCID_ERR_INVALID_STATE` in one of the group's threads, where nothing happens.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_end(
    threads: *mut pellucid_wasi_threads_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref threads => threads.threads.end())
}

/// Interrupts all threads of a group, the host's own too, as `pellucid_interrupt_request` does for one store.
///
/// A debugger has all of them pause with `PELLUCID_INTERRUPT_EVENT`: each store's event handler is told `PELLUCID_EVENT_INTERRUPT` on the
/// store's own thread, looks at its frames, and returns when the debugger wants the thread to go on. One that runs the calls itself
/// (`pellucid_wasi_threads_set_run_callback`) gets them back by `PELLUCID_INTERRUPT_PAUSE`: each `pellucid_call_resume` returns, and
/// whichever thread the debugger likes looks at the frames of all. A thread that is just beginning comes to it when it has begun.
///
/// - `threads`: the group.
/// - `kind`: one of `enum pellucid_interrupt_kind`. The host's own call should be one that can pause if the others are to
///   (`PELLUCID_INTERRUPT_PAUSE` ends one that can't).
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another kind; `PELLUCID_ERR_INVALID_STATE` for `PELLUCID_INTERRUPT_PAUSE`
/// if the host doesn't run the calls of threads that guests have started.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_interrupt(
    threads: *const pellucid_wasi_threads_t,
    kind: pellucid_interrupt_kind_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref threads => {
        match bits(kind) {
            Some(ask::PAUSE) if threads.runner.get().is_none() => {
                bail!(InvalidState, "the host doesn't run the calls of the group's threads, so they can't pause");
            }
            Some(bits) => threads.threads.interrupt(bits),
            None => bail!(InvalidArgument, "{kind} isn't a kind of interrupt"),
        }
        Ok(())
    })
}

/// Whether a group ends: a thread has trapped, failed or exited, or the host has asked for it. All threads are interrupted then, and none
/// begins any more.
///
/// - `threads`: the group.
///
/// Returns whether it does; false if `threads` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_is_ending(threads: *const pellucid_wasi_threads_t) -> bool {
    entry!(value false; ref threads => threads.threads.is_ending())
}

/// How many threads that guests have started haven't finished.
///
/// - `threads`: the group.
///
/// Returns their number; 0 if `threads` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_threads_count(threads: *const pellucid_wasi_threads_t) -> usize {
    entry!(value 0; ref threads => threads.threads.count())
}
