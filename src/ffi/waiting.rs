//! Host functions that wait: calls that are left until the host has their results; and start functions as such calls.
//!
//! Knows nothing of how a guest is left. Read next: [`func`](super::func) for who calls a host function, [`call`](super::call).

use super::call::pellucid_call_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::func::pellucid_caller_t;
use super::handle::{pellucid_func_t, pellucid_instance_t};
use super::linker::pellucid_linker_t;
use super::module::pellucid_module_t;
use super::status::{pellucid_status, pellucid_status_t};
use super::store::pellucid_store_t;
use super::value::{Room, pellucid_extern_t, pellucid_raw_t, pellucid_value_t, with_core};
use crate::base::{RawValue, Result, error::bail};
use crate::runtime::AwaitedFile;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

/// Whether a host function that was called may answer that its results come later.
///
/// It may in a call of `pellucid_call_begin`, if it is that call's guest which has called it, or if it is itself what the call calls.
/// It may not in a call that runs to its end in one go: one of `pellucid_func_call` and its variants, or a start function. So host
/// functions that stand between don't matter: a call that one of them resumes yields to it.
///
/// - `caller`: who called.
///
/// Returns whether it may; false if `caller` is NULL.
///
/// Owns: nothing.
/// Context: in the callback that was given `caller`.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_caller_can_yield(caller: *const pellucid_caller_t) -> bool {
    entry!(value false; ref caller => caller.caller().check_yield().is_ok())
}

/// Has the call that a host function was called in wait for the function's results.
///
///     static pellucid_status_t wait(void *userdata, pellucid_caller_t *caller, ..., pellucid_error_t **out_error) {
///         return pellucid_caller_yield(caller, next_token++, out_error);
///     }
///
/// The callback returns what this answers. Then `pellucid_call_resume` returns to the host, with the state `PELLUCID_CALL_YIELDED`.
/// No thread waits, and no time is used. When the results are there the host gives them (`pellucid_call_give`,
/// `pellucid_call_give_raw`, or `pellucid_call_give_error`) and resumes the call; or it deletes or traps the call. Results that the callback
/// has written are ignored. A callback that returns `PELLUCID_OK` after all, or an error, isn't waited for.
///
/// Requests to interrupt the guest, and time budgets that are used up, come before: the call ends, or pauses; when it is resumed after
/// such a pause it yields at once. It is waiting already while it is paused so.
///
/// A step of a debugger over a function that waits ends behind it, in whichever mode the call is resumed.
///
/// - `caller`: who called.
/// - `token`: a number of the host's, for `pellucid_call_awaited`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_YIELD` if the call can wait; `PELLUCID_ERR_CANNOT_YIELD` where `pellucid_caller_can_yield` says no: then nothing
/// has happened, and a callback that returns that ends the call with the error.
///
/// Owns: the caller owns `*out_error`, or the library if it is what the callback was given for that.
/// Context: in the callback that was given `caller`.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_caller_yield(
    caller: *mut pellucid_caller_t,
    token: u64,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let status = entry!(status out_error; ref caller => {
        caller.caller().check_yield()?;
        caller.token.set(Some(token));
        Ok(())
    });
    if status == pellucid_status::PELLUCID_OK as pellucid_status_t {
        return pellucid_status::PELLUCID_YIELD as pellucid_status_t;
    }
    status
}

/// What a call waits for.
///
/// - `call`: the call: it has yielded, or is paused where it is about to yield, and wasn't given anything yet.
/// - `out_func`: gets the host function; may be NULL.
/// - `out_token`: gets what the function gave to `pellucid_caller_yield`, or 0 for a function of WASI's; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it waits for nothing.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_awaited(
    call: *const pellucid_call_t,
    out_func: *mut pellucid_func_t,
    out_token: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, opt_out out_func, opt_out out_token => {
        let Some(awaits) = call.call.awaited() else { bail!(NotFound, "the call waits for no host function") };
        out_func.set(awaits.func.into());
        out_token.set(awaits.token);
        Ok(())
    })
}

/// The arguments of the host function that a call waits for. Those of a function on raw values are what it has left in its array.
///
/// - `call`: the call, as for `pellucid_call_awaited`.
/// - `args`, `n_args`: places for the arguments, exactly as many as the function has parameters; may be NULL if there are none.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_awaited_args(
    call: *const pellucid_call_t,
    args: *mut pellucid_value_t,
    n_args: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out_slice args n_args => {
        let values = call.call.awaited_args(call.store().debuggee())?;
        if values.len() != args.len() {
            bail!(InvalidArgument, "there is room for {} arguments, the function has {}", args.len(), values.len());
        }
        args.set(values.into_iter().map(pellucid_value_t::from_core));
        Ok(())
    })
}

/// A file that a call waits for. Plain data.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_awaited_file_t {
    /// The system's number of it, for `poll` and the like only. It is the library's, and good until the call is resumed or deleted.
    pub fd: i32,
    /// What it is to be ready for: one of `enum pellucid_interest`.
    pub interest: u32,
}

/// What a file is to be ready for.
#[repr(C)]
pub enum pellucid_interest {
    /// For reading, or for a connection to be accepted.
    PELLUCID_INTEREST_READ = 1,
    /// For writing.
    PELLUCID_INTEREST_WRITE = 2,
}

/// What a call waits for in a function of WASI's, see `pellucid_wasi_config_set_yielding`: until one of these files is ready (or at its
/// end, or failed), or a point in time is reached. With neither, only the host knows what for, as with a stream that is a callback.
///
/// - `call`: the call, as for `pellucid_call_awaited`.
/// - `files`, `cap_files`: places for the files; may be NULL if there are none.
/// - `out_n`: gets how many there are, which may be more than places; may be NULL.
/// - `out_deadline`: gets the point in time, in nanoseconds of `CLOCK_MONOTONIC`; `UINT64_MAX` if there is none. May be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it waits for nothing, or for what a host function of the
/// host's own said.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_awaited_files(
    call: *const pellucid_call_t,
    files: *mut pellucid_awaited_file_t,
    cap_files: usize,
    out_n: *mut usize,
    out_deadline: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out_slice files cap_files, opt_out out_n, opt_out out_deadline => {
        let found = call.call.with_wait(|wait| (wait.files.iter().map(file).collect::<Vec<_>>(), wait.deadline));
        let Some((found, deadline)) = found else { bail!(NotFound, "the call waits for no files") };
        out_n.set(found.len());
        out_deadline.set(deadline.unwrap_or(u64::MAX));
        files.set(found.into_iter());
        Ok(())
    })
}

fn file(awaited: &AwaitedFile) -> pellucid_awaited_file_t {
    use pellucid_interest::*;
    let interest = if awaited.for_writing { PELLUCID_INTEREST_WRITE } else { PELLUCID_INTEREST_READ };
    pellucid_awaited_file_t { fd: awaited.file.as_raw_fd(), interest: interest as u32 }
}

/// Gives a call the results of the host function that it waits for. Nothing runs before the call is resumed.
///
/// - `call`: the call, as for `pellucid_call_awaited`.
/// - `results`, `n_results`: the results, exactly as many as the function has; may be NULL if there are none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing, or has been given something
/// already; `PELLUCID_ERR_TYPE_MISMATCH` for results of other types than the function's; `PELLUCID_ERR_INVALID_ARGUMENT`
/// for another number of results, and for a value of unknown kind or `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved kind. After a failure it waits as before.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_give(
    call: *mut pellucid_call_t,
    results: *const pellucid_value_t,
    n_results: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child call, slice results n_results => {
        with_core(results, |results| call.call.give(call.store().debuggee(), results))
    })
}

/// As `pellucid_call_give` with raw values. Faster, and unchecked but for references: the values must have the function's result types.
///
/// - `call`: the call, as for `pellucid_call_awaited`.
/// - `values`, `n_values`: the results; at least as many as the function has; may be NULL if there are none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_call_give`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values, and
/// `PELLUCID_ERR_TYPE_MISMATCH` for a bad reference.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_give_raw(
    call: *mut pellucid_call_t,
    values: *const pellucid_raw_t,
    n_values: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child call, slice values n_values => {
        let mut room = Room::new();
        let raw = room.places(RawValue::default(), values.len());
        raw.iter_mut().zip(values).for_each(|(raw, value)| *raw = value.to_core());
        call.call.give_raw(call.store().debuggee(), raw)
    })
}

/// Gives a call an error instead of results. When the call is resumed it is as if the host function had failed with that: an error of
/// `pellucid_exception_new` is thrown there, and may be caught; with another the call ends. It is trapped then, with the error and the
/// guest's backtrace, and the event `PELLUCID_EVENT_HOST_ERROR` is raised; or it has exited, for an error with an exit code.
///
/// - `call`: the call, as for `pellucid_call_awaited`.
/// - `error`: the error, which is copied.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing, or has been given something
/// already.
///
/// Owns: the caller owns `*out_error`, and still `error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_give_error(
    call: *mut pellucid_call_t,
    error: *const pellucid_error_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child call, ref error => {
        call.call.give_error(call.store().debuggee(), error.error().clone())
    })
}

/// As `pellucid_instance_new`, but the start function is left to the host: as a call, which can pause and yield, where
/// `pellucid_instance_new` would run it in one go. Until it has finished the instance is as the module's author doesn't expect it.
///
/// - `store`: the store that it will live in.
/// - `module`: the module, made with the store's engine.
/// - `imports`, `n_imports`: what it imports, in the order of `pellucid_module_import`; may be NULL if there are none.
/// - `out_instance`: gets the instance.
/// - `out_call`: gets a call of the start function, as `pellucid_call_begin` gives it; NULL if the module has none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_instance_new`, `PELLUCID_ERR_BUSY` too.
///
/// Owns: the caller owns `*out_call` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_begin(
    store: *mut pellucid_store_t,
    module: *const pellucid_module_t,
    imports: *const pellucid_extern_t,
    n_imports: usize,
    out_instance: *mut pellucid_instance_t,
    out_call: *mut *mut pellucid_call_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; running store, ref module, slice imports n_imports, out out_instance, out out_call => {
        let imports = imports.iter().map(|import| import.to_core()).collect::<Result<Vec<_>>>()?;
        // A handler may delete the module.
        let module = module.module().clone();
        let (instance, call) = store.debuggee().instance_begin(&module, &imports)?;
        out_instance.set(instance.into());
        out_call.set(call.map_or(null_mut(), |call| pellucid_call_t::give(store, call)));
        Ok(())
    })
}

/// As `pellucid_linker_instantiate`, but the start function is left to the host, see `pellucid_instance_begin`.
///
/// - `linker`: the linker.
/// - `store`: the store that it will live in.
/// - `module`: the module.
/// - `out_instance`: gets the instance.
/// - `out_call`: gets a call of the start function, as `pellucid_call_begin` gives it; NULL if the module has none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_linker_instantiate`, `PELLUCID_ERR_BUSY` too.
///
/// Owns: the caller owns `*out_call` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_begin(
    linker: *const pellucid_linker_t,
    store: *mut pellucid_store_t,
    module: *const pellucid_module_t,
    out_instance: *mut pellucid_instance_t,
    out_call: *mut *mut pellucid_call_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref linker, running store, ref module, out out_instance, out out_call => {
        // A handler may delete the linker or the module.
        let (linker, module) = (linker.linker.clone(), module.module().clone());
        let (instance, call) = store.debuggee().link_begin(&linker.borrow(), &module)?;
        out_instance.set(instance.into());
        out_call.set(call.map_or(null_mut(), |call| pellucid_call_t::give(store, call)));
        Ok(())
    })
}
