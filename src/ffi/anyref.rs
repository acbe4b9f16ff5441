//! References to what the guest made: what they are, and making those that the host can make.
//!
//! Knows nothing of frames. Read next: [`handle`](super::handle).

use super::entry::entry;
use super::handle::{pellucid_anyref_t, pellucid_externref_t};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::{AnyRef, Value, error::bail};
use std::ptr::null_mut;

/// What an `anyref` is: one of `enum pellucid_anyref_kind`.
///
/// Since: 0.1.
pub type pellucid_anyref_kind_t = u32;

/// Values of `pellucid_anyref_kind_t`.
#[repr(C)]
pub enum pellucid_anyref_kind {
    /// The null reference.
    PELLUCID_ANYREF_NULL = 0,
    /// An integer of 31 bits.
    PELLUCID_ANYREF_I31 = 1,
    /// A host value that was passed on as a value of the guest's (`any.convert_extern`).
    PELLUCID_ANYREF_EXTERN = 2,
    /// A structure or an array.
    PELLUCID_ANYREF_OBJECT = 3,
}

/// What an `anyref` is. It isn't looked up in a store, so it may be none of that any more.
///
/// - `anyref`: the reference.
/// - `out_kind`: gets what it is.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for one that the library didn't make.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_anyref_kind(
    anyref: *const pellucid_anyref_t,
    out_kind: *mut pellucid_anyref_kind_t,
) -> pellucid_status_t {
    entry!(status null_mut(); copy anyref, out out_kind => {
        let kind = match anyref {
            anyref if anyref == pellucid_anyref_t::default() => pellucid_anyref_kind::PELLUCID_ANYREF_NULL,
            anyref => match anyref.to_core()? {
                AnyRef::I31(_) => pellucid_anyref_kind::PELLUCID_ANYREF_I31,
                AnyRef::Extern(_) => pellucid_anyref_kind::PELLUCID_ANYREF_EXTERN,
                AnyRef::Object(_) => pellucid_anyref_kind::PELLUCID_ANYREF_OBJECT,
            },
        };
        out_kind.set(kind as u32);
        Ok(())
    })
}

/// Makes a reference that is an integer of 31 bits, for any store.
///
/// - `value`: the integer; its highest bit is dropped, so that `i31.get_s` gives it if it is between -2^30 and 2^30 - 1.
/// - `out_anyref`: gets the reference.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_anyref_from_i31(value: i32, out_anyref: *mut pellucid_anyref_t) -> pellucid_status_t {
    entry!(status null_mut(); out out_anyref => {
        out_anyref.set(AnyRef::i31(value).into());
        Ok(())
    })
}

/// The integer that a reference is.
///
/// - `anyref`: the reference.
/// - `out_value`: gets the integer, sign-extended.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it is none; `PELLUCID_ERR_INVALID_ARGUMENT` for null, and for a reference that
/// the library didn't make.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_anyref_i31(
    anyref: *const pellucid_anyref_t,
    out_value: *mut i32,
) -> pellucid_status_t {
    entry!(status null_mut(); copy anyref, out out_value => {
        let AnyRef::I31(value) = anyref.to_core()? else { bail!(TypeMismatch, "the reference isn't an integer") };
        out_value.set(value);
        Ok(())
    })
}

/// The `externref` that an `anyref` is, as `extern.convert_any` makes it.
///
/// - `store`: the store of which it is a value.
/// - `anyref`: the reference; null gives null.
/// - `out_externref`: gets the reference. Unless it is a host value, `pellucid_externref_userdata` refuses it.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a reference that the library didn't make.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_anyref_to_externref(
    store: *const pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    out_externref: *mut pellucid_externref_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, out out_externref => {
        let value = (anyref != pellucid_anyref_t::default()).then(|| anyref.to_core()).transpose()?;
        let Value::ExternRef(value) = store.core().convert(Value::AnyRef(value))? else { unreachable!("it gives that") };
        out_externref.set(value.map(Into::into).unwrap_or_default());
        Ok(())
    })
}

/// The `anyref` that an `externref` is, as `any.convert_extern` makes it.
///
/// - `store`: the store of which it is a value.
/// - `externref`: the reference; null gives null.
/// - `out_anyref`: gets the reference.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_anyref_from_externref(
    store: *const pellucid_store_t,
    externref: *const pellucid_externref_t,
    out_anyref: *mut pellucid_anyref_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy externref, out out_anyref => {
        let value = (externref != pellucid_externref_t::default()).then(|| externref.into());
        let Value::AnyRef(value) = store.core().convert(Value::ExternRef(value))? else { unreachable!("it gives that") };
        out_anyref.set(value.map(Into::into).unwrap_or_default());
        Ok(())
    })
}
