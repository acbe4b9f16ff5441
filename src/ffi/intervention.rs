//! Interventions: changing frames that stand still.
//!
//! Knows nothing of how a frame goes on. Read next: [`frame`](super::frame).

use super::entry::entry;
use super::error::pellucid_error_t;
use super::frame::pellucid_frame_t;
use super::handle::{pellucid_exnref_t, pellucid_tag_t};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::value::{pellucid_value_t, with_core};
use crate::base::WasmPc;
use crate::base::error::bail;

/// Writes a local of a frame. The guest goes on with the new value.
///
/// Any frame can be written to whose call hasn't ended: of a paused call, in an event handler, and in a host function. A frame that
/// waits for a call takes the value when it is returned to; until then it is read with it already. If the call ends before, as by a
/// trap, the frame never had it. What has begun an operator can't be changed before that is done: a call that was interrupted, or has used
/// up its time or fuel, while it waits in `memory.atomic.wait` or at an operator that moves many bytes or elements. Have it take a step.
///
/// The first write into a frame compiles its function once more, in a form that does exactly what was shown and takes everything
/// from memory: the function runs several times slower until it returns. Other frames of it, and later calls, run as before.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `local_index`: less than the number of its locals.
/// - `value`: the value, of the local's type.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` for a local that isn't there, or a reference that the
/// store never made; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown
/// kind; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved kind; `PELLUCID_ERR_INVALID_STATE` if the frame's call has ended, if
/// it is in the midst of an operator or throws an exception there, or if the frame's values aren't known; `PELLUCID_ERR_LIMIT` if there is no room for the other form, on the guest's stack or
/// by the engine's limits; `PELLUCID_ERR_SYSTEM` if it can't be compiled or mapped for lack of memory; `PELLUCID_ERR_STALE_HANDLE`;
/// `PELLUCID_ERR_WRONG_STORE` also for a value of another store; `PELLUCID_ERR_DEBUG_DISABLED`. After an error nothing has changed.
///
/// Owns: the caller owns `*out_error`.
/// Context: any; the frame stays valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_write_local(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    local_index: u32,
    value: *const pellucid_value_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, copy value => {
        store.debuggee().frame_write_local(&frame.core(), local_index, &value.to_core()?)
    })
}

/// Writes an operand of a frame, as `pellucid_frame_write_local` does a local.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `operand_index`: less than the number of its operands; 0 is the bottom of the stack.
/// - `value`: the value, of the operand's type.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; else what `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any; the frame stays valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_write_operand(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    operand_index: u32,
    value: *const pellucid_value_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, copy value => {
        store.debuggee().frame_write_operand(&frame.core(), operand_index, &value.to_core()?)
    })
}

/// Has a frame return early. When its call goes on, its caller goes on with these results. Frames that it has called are
/// dropped. Until then the frame stands at its function's `end`, with the results for operands.
///
/// - `store`: the store.
/// - `frame`: the frame; all handles for frames of its call become stale.
/// - `results`, `n_results`: the results, of the function's result types.
/// - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped, as it is at a
/// breakpoint or step; `PELLUCID_ERR_INVALID_ARGUMENT` also for a wrong number of results; else what
/// `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_return(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    results: *const pellucid_value_t,
    n_results: usize,
    out_frame: *mut pellucid_frame_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, slice results n_results, opt_out out_frame => {
        let moved = with_core(results, |results| store.debuggee().frame_return(&frame.core(), results))?;
        out_frame.set(moved.into());
        Ok(())
    })
}

/// Has a frame begin again: it stands at its function's first operator, with its parameters as they are now and its other locals
/// zero. Frames that it has called are dropped. What it has done to memories, globals and tables stays done, also to the global that
/// compilers keep their stack pointer in. Compiled code may have used the parameters' locals for something else by now: whoever wants
/// it to begin with the same arguments notes them when it is called, and writes them again.
///
/// - `store`: the store.
/// - `frame`: the frame; all handles for frames of its call become stale.
/// - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped; else what
/// `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_restart(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_frame: *mut pellucid_frame_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, opt_out out_frame => {
        out_frame.set(store.debuggee().frame_restart(&frame.core())?.into());
        Ok(())
    })
}

/// Drops a frame, and those that it has called. Its caller stands before the call then, with the frame's parameters as they are
/// now for arguments: it will call again. For a call through a table the index, which nobody has kept, is the lowest one where the
/// table has the function now.
///
/// - `store`: the store.
/// - `frame`: the frame; all handles for frames of its call become stale.
/// - `out_frame`: gets the caller's frame, the innermost one; may be NULL, or the same place as `frame`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped, if the host called
/// the frame, if it was called through a table that doesn't have its function any more, or if a tail call has put it in the place of
/// what its caller called; else what `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_drop(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_frame: *mut pellucid_frame_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, opt_out out_frame => {
        out_frame.set(store.debuggee().frame_drop(&frame.core())?.into());
        Ok(())
    })
}

/// Moves a frame to another operator of its function, with its locals and operands as they are. Frames that it has called are
/// dropped.
///
/// - `store`: the store.
/// - `frame`: the frame; all handles for frames of its call become stale.
/// - `pc`: the operator, as an offset in the module's bytes. It must be the start of an operator that control flow can reach, and
///   the operands before it must have the types of those that the frame has. Locals that can't be null and have no value yet, which
///   read as null, must not be among those that are set before that place, in a block that is open there.
/// - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no such operator is there; `PELLUCID_ERR_TYPE_MISMATCH` if the operands there
/// have other types, or a local has no value that may be read there; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped; else what
/// `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_set_pc(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    pc: u32,
    out_frame: *mut pellucid_frame_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, opt_out out_frame => {
        out_frame.set(store.debuggee().frame_set_pc(&frame.core(), WasmPc(pc))?.into());
        Ok(())
    })
}

/// Has a frame throw an exception at the operator that it is about to execute, which isn't executed. That is done when its call goes on; until
/// then the frame stands as it is, and can be written to. Returning, restarting or moving a frame of the call takes it back, and throwing once
/// more takes its place. What is at the operator, as a breakpoint, raises no event any more.
///
/// The exception is caught, or ends the call, as one that the guest throws there: with `PELLUCID_EVENT_EXCEPTION` or
/// `PELLUCID_EVENT_UNCAUGHT_EXCEPTION` before, and what is at the operator where it is caught counts. If the frame catches it itself
/// it goes on as one that was moved there.
///
/// - `store`: the store.
/// - `frame`: the innermost frame of its call.
/// - `tag`: the exception's tag.
/// - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the frame is the innermost one of its call and stopped, as it is
/// at a breakpoint or step: in a host function fail with `pellucid_exception_new`'s error instead; `PELLUCID_ERR_INVALID_ARGUMENT` also for
/// another number of values; `PELLUCID_ERR_NOT_FOUND` if the frame itself catches the exception, in a block in which no operator
/// can throw, and no other way leads to where it would go on: there is no code for that; else what `pellucid_frame_write_local` does.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it; the frame stays valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_throw(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    tag: *const pellucid_tag_t,
    values: *const pellucid_value_t,
    n_values: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, copy tag, slice values n_values => {
        with_core(values, |values| store.debuggee().frame_throw(&frame.core(), tag.into(), values))
    })
}

/// As `pellucid_frame_throw`, with an exception that there is a reference to, as `throw_ref` does.
///
/// - `store`: the store.
/// - `frame`: the innermost frame of its call.
/// - `exnref`: the exception.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_frame_throw`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference;
/// `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date.
///
/// Owns: the caller owns `*out_error`.
/// Context: any, while the call is paused or in an event handler of it; the frame stays valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_throw_ref(
    store: *mut pellucid_store_t,
    frame: *const pellucid_frame_t,
    exnref: *const pellucid_exnref_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy frame, copy exnref => {
        if exnref == pellucid_exnref_t::default() {
            bail!(InvalidArgument, "the null reference stands for no exception");
        }
        store.debuggee().frame_throw_again(&frame.core(), exnref.into())
    })
}
