//! Exceptions: what the host throws, and what it sees of what guests throw.
//!
//! Knows nothing of how they are caught. Invariant: an exception outside a guest is an error, or part of an event, and has its values
//! by copy. Read next: [`tag`](super::tag).

use super::entry::entry;
use super::error::pellucid_error_t;
use super::event::pellucid_event_t;
use super::frame::pellucid_frame_t;
use super::handle::{pellucid_exnref_t, pellucid_tag_t};
use super::pointer::{Out, OutSlice};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::value::{pellucid_value_t, with_core};
use crate::base::error::bail;
use crate::base::{Result, Thrown};
use std::ptr::null_mut;

/// Makes an exception, for a host function to throw: an error with the status `PELLUCID_ERR_EXCEPTION`.
///
///     pellucid_value_t value = {.kind = PELLUCID_I32, .of = {.i32 = 7}};
///     if (pellucid_exception_new(store, &tag, &value, 1, out_error) == PELLUCID_OK) {
///         return PELLUCID_ERR_EXCEPTION;
///     }
///
/// A host function that fails with it throws: the guest that called the function may catch it. The error of a call whose exception
/// nobody caught is one, too, and is thrown on if a host function fails with it. One of another store is no exception where it is
/// thrown: nothing catches it, and the call ends with it as with any error.
///
/// - `store`: the store in which it will be thrown.
/// - `tag`: its tag.
/// - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
/// - `out_exception`: gets the exception.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE` and `PELLUCID_ERR_OUT_OF_RANGE` also for a value;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for another number of values, or one of unknown kind; `PELLUCID_ERR_TYPE_MISMATCH`;
/// `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
///
/// Owns: the caller owns `*out_exception` until it gives it to the library as a callback's error.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_exception_new(
    store: *const pellucid_store_t,
    tag: *const pellucid_tag_t,
    values: *const pellucid_value_t,
    n_values: usize,
    out_exception: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy tag, slice values n_values, out out_exception => {
        let exception = with_core(values, |values| store.core().exception(tag.into(), values))?;
        out_exception.set(pellucid_error_t::give(exception));
        Ok(())
    })
}

/// The exception that an error is.
///
/// - `error`: the error.
/// - `out_tag`: gets the exception's tag; may be NULL.
/// - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
/// - `out_n`: gets how many values it carries; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it isn't one: its status isn't `PELLUCID_ERR_EXCEPTION`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_exception(
    error: *const pellucid_error_t,
    out_tag: *mut pellucid_tag_t,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, opt_out out_tag, out_slice out_values cap_values, opt_out out_n => {
        let Some(thrown) = error.error().thrown() else { bail!(NotFound, "the error isn't an exception") };
        give(thrown, out_tag, out_values, out_n)
    })
}

/// Makes an exception and a reference of it, for guests to hold, and to throw by `throw_ref`.
///
/// - `store`: the store that it will live in.
/// - `tag`: its tag.
/// - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
/// - `out_exnref`: gets the reference.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_exception_new`; also `PELLUCID_ERR_LIMIT` if there is no room, see `PELLUCID_LIMIT_HEAP_BYTES`;
/// `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_BUSY`.
///
/// Owns: the caller owns `*out_error`; the reference is good as OBJECTS at the top says.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_exnref_new(
    store: *mut pellucid_store_t,
    tag: *const pellucid_tag_t,
    values: *const pellucid_value_t,
    n_values: usize,
    out_exnref: *mut pellucid_exnref_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy tag, slice values n_values, out out_exnref => {
        out_exnref.set(with_core(values, |values| store.core().exnref_new(tag.into(), values))?.into());
        Ok(())
    })
}

/// The exception behind a reference.
///
/// - `store`: the store.
/// - `exnref`: the reference.
/// - `out_tag`: gets the exception's tag; may be NULL.
/// - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
/// - `out_n`: gets how many values it carries; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_exnref_exception(
    store: *const pellucid_store_t,
    exnref: *const pellucid_exnref_t,
    out_tag: *mut pellucid_tag_t,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy exnref, opt_out out_tag, out_slice out_values cap_values, opt_out out_n => {
        if exnref == pellucid_exnref_t::default() {
            bail!(InvalidArgument, "the null reference stands for no exception");
        }
        give(&store.core().exnref_exception(exnref.into())?, out_tag, out_values, out_n)
    })
}

/// The exception that an event is about, caught or not.
///
/// - `event`: the event.
/// - `out_tag`: gets the exception's tag; may be NULL.
/// - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
/// - `out_n`: gets how many values it carries; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for an event of another kind.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_exception(
    event: *const pellucid_event_t,
    out_tag: *mut pellucid_tag_t,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt_out out_tag, out_slice out_values cap_values, opt_out out_n => {
        let Some(thrown) = event.event().thrown() else { bail!(NotFound, "the event is about no exception") };
        give(thrown, out_tag, out_values, out_n)
    })
}

/// Where the exception of a `PELLUCID_EVENT_EXCEPTION` will be caught.
///
/// - `event`: the event.
/// - `out_frame`: gets the frame that catches it; may be NULL.
/// - `out_pc`: gets the operator there that does, a `try_table`, `catch` or `catch_all`, as an offset in its module's bytes; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for an event of another kind.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_catch(
    event: *const pellucid_event_t,
    out_frame: *mut pellucid_frame_t,
    out_pc: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt_out out_frame, opt_out out_pc => {
        let Some(caught) = &event.event().exception else { bail!(NotFound, "the event is about no exception that is caught") };
        out_frame.set(caught.frame.into());
        out_pc.set(caught.pc.0);
        Ok(())
    })
}

/// Hands out what an exception is.
fn give(
    thrown: &Thrown,
    out_tag: Out<pellucid_tag_t>,
    out_values: OutSlice<pellucid_value_t>,
    out_n: Out<usize>,
) -> Result<()> {
    out_tag.set(thrown.tag.into());
    out_values.set(thrown.values.iter().map(|value| pellucid_value_t::from_core(*value)));
    out_n.set(thrown.values.len());
    Ok(())
}
