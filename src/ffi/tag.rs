//! Tags of exceptions.
//!
//! Knows nothing of instances. Invariant: a tag's type has no results; the core checks. Read next:
//! [`exception`](super::exception).

use super::entry::entry;
use super::handle::pellucid_tag_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_functype_t;
use std::ptr::null_mut;

/// Makes a tag, to be imported by guests, or to throw exceptions with. It is another one than all others of its type.
///
/// - `store`: the store that it will live in.
/// - `functype`: the type of a function that takes what the tag's exceptions carry, and gives nothing.
/// - `out_tag`: gets the tag.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type with results, or that only
/// another engine has; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing; `functype` stays the caller's.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_tag_new(
    store: *mut pellucid_store_t,
    functype: *const pellucid_functype_t,
    out_tag: *mut pellucid_tag_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, store store, ref functype, out out_tag => {
        out_tag.set(store.core().tag_new_of(functype.id_in(store.core().engine())?)?.into());
        Ok(())
    })
}

/// A tag's type: a function that takes what the tag's exceptions carry, and gives nothing.
///
/// - `store`: the store.
/// - `tag`: the tag.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_type`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_tag_type(
    store: *const pellucid_store_t,
    tag: *const pellucid_tag_t,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy tag, out out_type => {
        let core = store.core();
        out_type.give(pellucid_functype_t::defined(core.engine(), core.tag_type_id(tag.into())?))
    })
}
