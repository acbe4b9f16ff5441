//! Tables.
//!
//! Knows nothing of instances. Invariant: an element has the table's element type; the core checks.

use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_table_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_tabletype_t;
use super::value::pellucid_value_t;
use std::ptr::null_mut;

/// Makes a table, to be imported by guests.
///
/// - `store`: the store that it will live in.
/// - `tabletype`: its type.
/// - `init`: what its elements are at first.
/// - `out_table`: gets the table.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for an `init` of another type;
/// `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a reference that the store
/// never made; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no table
/// can have or a value of unknown kind; `PELLUCID_ERR_UNSUPPORTED` for what isn't supported yet.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_new(
    store: *mut pellucid_store_t,
    tabletype: *const pellucid_tabletype_t,
    init: *const pellucid_value_t,
    out_table: *mut pellucid_table_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy tabletype, copy init, out out_table => {
        out_table.set(store.core().table_new(tabletype.to_core()?, init.to_core()?)?.into());
        Ok(())
    })
}

/// The type that a table was made with.
///
/// - `store`: the store.
/// - `table`: the table.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_type(
    store: *const pellucid_store_t,
    table: *const pellucid_table_t,
    out_type: *mut pellucid_tabletype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy table, out out_type => {
        out_type.set(pellucid_tabletype_t::from_core(store.core().table_type(table.into())?));
        Ok(())
    })
}

/// A table's present number of elements.
///
/// - `store`: the store.
/// - `table`: the table.
/// - `out_size`: gets the number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_size(
    store: *const pellucid_store_t,
    table: *const pellucid_table_t,
    out_size: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy table, out out_size => {
        out_size.set(store.core().table_size(table.into())?);
        Ok(())
    })
}

/// An element of a table.
///
/// - `store`: the store.
/// - `table`: the table.
/// - `index`: less than its size.
/// - `out_value`: gets the element.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` beyond its size, or for a table that the
/// store never made; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_get(
    store: *const pellucid_store_t,
    table: *const pellucid_table_t,
    index: u64,
    out_value: *mut pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy table, out out_value => {
        out_value.set(pellucid_value_t::from_core(store.core().table_get(table.into(), index)?));
        Ok(())
    })
}

/// Sets an element of a table.
///
/// - `store`: the store.
/// - `table`: the table.
/// - `index`: less than its size.
/// - `value`: the element.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` beyond its size, or for a table or reference
/// that the store never made; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_WRONG_STORE` also
/// for a value of another store; `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown kind; `PELLUCID_ERR_UNSUPPORTED`
/// for one of a reserved kind.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_set(
    store: *mut pellucid_store_t,
    table: *const pellucid_table_t,
    index: u64,
    value: *const pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy table, copy value => {
        store.core().table_set(table.into(), index, value.to_core()?)
    })
}

/// Grows a table.
///
/// - `store`: the store.
/// - `table`: the table.
/// - `n_elements`: how many elements to add.
/// - `init`: what they are.
/// - `out_old_size`: gets the number of elements before; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond its maximum or the store's limit;
/// `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_TYPE_MISMATCH` for an `init` of another type; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a value of unknown kind; `PELLUCID_ERR_UNSUPPORTED`
/// for one of a reserved kind.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_table_grow(
    store: *mut pellucid_store_t,
    table: *const pellucid_table_t,
    n_elements: u64,
    init: *const pellucid_value_t,
    out_old_size: *mut u64,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, copy table, copy init, opt_out out_old_size => {
        out_old_size.set(store.core().table_grow(table.into(), n_elements, init.to_core()?)?);
        Ok(())
    })
}
