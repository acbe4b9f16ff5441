//! What events are about that are about no place in a guest: modules, instances, memories, calls that are over.
//!
//! Knows nothing of how events arise. Read next: [`event`](super::event).

use super::entry::entry;
use super::event::pellucid_event_t;
use super::handle::{pellucid_func_t, pellucid_instance_t, pellucid_memory_t};
use super::module::pellucid_module_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::value::pellucid_value_t;
use crate::base::error::bail;
use crate::debug::Subject;
use std::ptr::null_mut;

fn subject(event: &pellucid_event_t) -> Option<&Subject> {
    event.event().subject.as_deref()
}

/// The module that a store has got its first instance of.
///
/// - `event`: the event.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_MODULE_LOADED`.
///
/// Owns: the caller owns `*out_module`.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_module(
    event: *const pellucid_event_t,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, out out_module => {
        let Some(Subject::Module(module)) = subject(event) else { bail!(NotFound, "the event is about no module") };
        out_module.give(pellucid_module_t::new(module.clone()))
    })
}

/// The instance that a store has got.
///
/// - `event`: the event.
/// - `out_instance`: gets the instance.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_INSTANCE_CREATED`.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_instance(
    event: *const pellucid_event_t,
    out_instance: *mut pellucid_instance_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, out out_instance => {
        let Some(Subject::Instance(instance)) = subject(event) else { bail!(NotFound, "the event is about no instance") };
        out_instance.set((*instance).into());
        Ok(())
    })
}

/// Which memory has grown, and by how much.
///
/// - `event`: the event.
/// - `out_memory`: gets the memory; may be NULL.
/// - `out_old_pages`, `out_new_pages`: get its size in pages before and after; each may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_MEMORY_GROWN`.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_growth(
    event: *const pellucid_event_t,
    out_memory: *mut pellucid_memory_t,
    out_old_pages: *mut u64,
    out_new_pages: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt_out out_memory, opt_out out_old_pages, opt_out out_new_pages => {
        let Some(Subject::Growth(growth)) = subject(event) else { bail!(NotFound, "the event is about no memory that has grown") };
        out_memory.set(growth.memory.into());
        out_old_pages.set(growth.old_pages);
        out_new_pages.set(growth.new_pages);
        Ok(())
    })
}

/// The function of a call that has come to its end, or one that takes the place of a traced function.
///
/// - `event`: the event.
/// - `out_func`: gets the function that the host called, or that is called by a tail call.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_CALL_FINISHED`, and exits by `PELLUCID_EXIT_TAIL_CALL`
/// to a function that is there.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_func(
    event: *const pellucid_event_t,
    out_func: *mut pellucid_func_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, out out_func => {
        let func = match subject(event) {
            Some(Subject::Call { func, .. }) => Some(*func),
            Some(Subject::Exit(leaving)) => leaving.callee,
            _ => None,
        };
        let Some(func) = func else { bail!(NotFound, "the event is about no function") };
        out_func.set(func.into());
        Ok(())
    })
}

/// How a function is left: one of `enum pellucid_exit`.
///
/// Since: 0.1.
pub type pellucid_exit_t = u32;

/// Values of `pellucid_exit_t`.
#[repr(C)]
pub enum pellucid_exit {
    /// It isn't.
    PELLUCID_EXIT_NONE = 0,
    /// It returns.
    PELLUCID_EXIT_RETURN = 1,
    /// Another function takes its place, see `pellucid_event_func`. If the call traps it is left once more.
    PELLUCID_EXIT_TAIL_CALL = 2,
    /// An exception that it doesn't catch, see `pellucid_event_exception`.
    PELLUCID_EXIT_EXCEPTION = 3,
    /// A trap, or an error of a host function: its call ends, see `pellucid_event_error`.
    PELLUCID_EXIT_TRAP = 4,
}

/// How a traced function is left.
///
/// - `event`: the event.
///
/// Returns one of `enum pellucid_exit`; `PELLUCID_EXIT_NONE` for other events than `PELLUCID_EVENT_FUNCTION_EXIT`, or if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_exit(event: *const pellucid_event_t) -> pellucid_exit_t {
    entry!(value 0; ref event => match subject(event) {
        Some(Subject::Exit(leaving)) => leaving.exit as pellucid_exit_t,
        _ => 0,
    })
}

/// What a call has returned, or a function is about to return.
///
/// - `event`: the event.
/// - `store`: the event's store.
/// - `out_values`, `cap_values`: places for results, and how many; may be NULL if there are none.
/// - `out_n`: gets how many results there are; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_CALL_FINISHED` and
/// `PELLUCID_EVENT_FUNCTION_EXIT`, if the call has failed or the function doesn't return, and where a clause leads an exception with its
/// reference straight out of the function; `PELLUCID_ERR_STALE_HANDLE` if the function's frame is; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_results(
    event: *const pellucid_event_t,
    store: *mut pellucid_store_t,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, store store, out_slice out_values cap_values, opt_out out_n => {
        let results = store.debuggee().event_results(event.event())?;
        out_n.set(results.len());
        out_values.set(results.into_iter().map(pellucid_value_t::from_core));
        Ok(())
    })
}
