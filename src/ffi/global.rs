//! Globals.
//!
//! Knows nothing of instances. Invariant: a value has the global's type; the core checks.

use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_global_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_globaltype_t;
use super::value::pellucid_value_t;
use std::ptr::null_mut;

/// Makes a global, to be imported by guests.
///
/// - `store`: the store that it will live in.
/// - `globaltype`: its type.
/// - `value`: its value at first, or for ever if it is immutable.
/// - `out_global`: gets the global.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type;
/// `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a reference that the store
/// never made; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind; `PELLUCID_ERR_UNSUPPORTED` for a reserved one.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_global_new(
    store: *mut pellucid_store_t,
    globaltype: *const pellucid_globaltype_t,
    value: *const pellucid_value_t,
    out_global: *mut pellucid_global_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy globaltype, copy value, out out_global => {
        out_global.set(store.core().global_new(globaltype.to_core()?, value.to_core()?)?.into());
        Ok(())
    })
}

/// A global's type.
///
/// - `store`: the store.
/// - `global`: the global.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_global_type(
    store: *const pellucid_store_t,
    global: *const pellucid_global_t,
    out_type: *mut pellucid_globaltype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy global, out out_type => {
        out_type.set(pellucid_globaltype_t::from_core(store.core().global_type(global.into())?));
        Ok(())
    })
}

/// A global's value.
///
/// - `store`: the store.
/// - `global`: the global.
/// - `out_value`: gets the value.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_global_get(
    store: *const pellucid_store_t,
    global: *const pellucid_global_t,
    out_value: *mut pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy global, out out_value => {
        out_value.set(pellucid_value_t::from_core(store.core().global_get(global.into())?));
        Ok(())
    })
}

/// Sets a global's value.
///
/// - `store`: the store.
/// - `global`: the global.
/// - `value`: the value.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if the global is immutable or the value
/// of unknown kind; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_WRONG_STORE` also for a
/// value of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a global or reference that the store never made;
/// `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_global_set(
    store: *mut pellucid_store_t,
    global: *const pellucid_global_t,
    value: *const pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy global, copy value => {
        store.core().global_set(global.into(), value.to_core()?)
    })
}
