//! Host values that guests can hold.
//!
//! Knows nothing of what the values are. Invariant: the userdata of a reference is there as long as the reference is good.

use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::entry;
use super::handle::pellucid_externref_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::{error::bail, memory};
use std::any::Any;
use std::ffi::c_void;
use std::ptr::null_mut;

/// Makes a reference to a host value, for guests to hold and pass on. Each reference is another one, whatever it stands for.
///
/// One that is made in a scope or host function goes when nobody has it any more, which a collection finds out. So garbage is collected
/// here, as when an object is made, when those that may go have become many: twice as many as the last time, some thousands at least.
/// Finalizers of others run then before this returns.
///
/// - `store`: the store that it will live in.
/// - `userdata`: the host value; may be NULL, which isn't the null reference.
/// - `finalizer`: frees `userdata` when the store goes or, if it is made in a scope or host function, when nobody has the reference any
///   more (see OBJECTS at the top); may be NULL.
/// - `out_externref`: gets the reference.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` if there are as many as
/// `PELLUCID_LIMIT_HOST_REFERENCES` says, none of which can go; `PELLUCID_ERR_SYSTEM` if there is no memory for it.
///
/// Owns: the store owns `userdata` until the finalizer runs.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externref_new(
    store: *mut pellucid_store_t,
    userdata: *mut c_void,
    finalizer: pellucid_finalizer_t,
    out_externref: *mut pellucid_externref_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); store store, out out_externref => {
        out_externref.set(store.core().externref_new(memory::boxed(userdata)?)?.into());
        Ok(())
    })
}

/// The host value behind a reference.
///
/// - `store`: the store.
/// - `externref`: the reference.
/// - `out_userdata`: gets the host's pointer.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference, and for one to what a guest
/// has made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`, also if it is gone.
///
/// Owns: nothing; the library keeps `userdata` until its finalizer runs.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externref_userdata(
    store: *const pellucid_store_t,
    externref: *const pellucid_externref_t,
    out_userdata: *mut *mut c_void,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy externref, out out_userdata => {
        if externref == pellucid_externref_t::default() {
            bail!(InvalidArgument, "the null reference stands for no host value");
        }
        let pointer = |data: &dyn Any| data.downcast_ref::<Userdata>().map(Userdata::pointer);
        let Some(pointer) = store.core().with_externref(externref.into(), pointer)? else {
            bail!(InvalidArgument, "the reference wasn't made by `pellucid_externref_new`");
        };
        out_userdata.set(pointer);
        Ok(())
    })
}
