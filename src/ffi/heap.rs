//! The heap of a store: for how long references are good, collecting garbage, and what is there.
//!
//! Knows nothing of what is in objects. Read next: [`object`](super::object).

use super::entry::entry;
use super::handle::pellucid_anyref_t;
use super::object::{object, pellucid_type_id_t};
use super::pointer::Sized32;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::value::pellucid_value_t;
use crate::base::{AnyRef, Result, StoreId, Value, WeakObject};
use crate::runtime::HeapStatistics;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::time::Duration;

/// Opens a scope: references that the host is given from now on are good until it is closed. See OBJECTS at the top.
///
///     uint64_t scope;
///     pellucid_scope_open(store, &scope);
///     // …
///     pellucid_scope_close(store, scope);
///
/// - `store`: the store.
/// - `out_scope`: gets what it is closed by.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller closes it.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_scope_open(store: *mut pellucid_store_t, out_scope: *mut u64) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_scope => {
        out_scope.set(store.core().open_scope()?);
        Ok(())
    })
}

/// Closes a scope, and the references that were given out in it are out of date. Scopes are closed in the reverse order of opening; one
/// that a host function has opened is closed when it returns, at the latest.
///
/// - `store`: the store.
/// - `scope`: what `pellucid_scope_open` gave.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` unless it is the one that was opened last, by this host function
/// if one runs.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_scope_close(store: *mut pellucid_store_t, scope: u64) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.core().close_scope(scope))
}

fn object_value(anyref: pellucid_anyref_t) -> Result<Value> {
    Ok(Value::AnyRef(Some(AnyRef::Object(object(anyref)?))))
}

/// Keeps a reference good, whatever scopes are closed, until it is released as often as it was kept.
///
/// - `store`: the store.
/// - `anyref`: a reference to a structure or array.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for null; `PELLUCID_ERR_TYPE_MISMATCH` for a reference to
/// something else, which needn't be kept; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date.
///
/// Owns: the caller releases it.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_keep(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref => store.core().value_keep(&object_value(anyref)?))
}

/// Undoes one `pellucid_object_keep`. The reference is out of date then, unless it is kept once more or its scope is still open.
///
/// - `store`: the store.
/// - `anyref`: the reference.
///
/// Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_STATE` if it isn't kept.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_release(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref => store.core().value_release(&object_value(anyref)?))
}

/// Keeps what a value refers to, and the reference good, whatever scopes are closed, until it is released as often as it was kept. That
/// is so of `anyref`, `externref` and `exnref`; other values, null and integers are good anyhow, and nothing is done.
///
/// - `store`: the store.
/// - `value`: the value.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a value of unknown kind or `PELLUCID_UNAVAILABLE`;
/// `PELLUCID_ERR_UNSUPPORTED` for a reserved kind; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date;
/// `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller releases it.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_keep(
    store: *mut pellucid_store_t,
    value: *const pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy value => store.core().value_keep(&value.to_core()?))
}

/// Undoes one `pellucid_value_keep`, or one `pellucid_object_keep`. The reference is out of date then, unless it is kept once more or its
/// scope is still open.
///
/// - `store`: the store.
/// - `value`: the value.
///
/// Returns as `pellucid_value_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_STATE` if it isn't kept.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_release(
    store: *mut pellucid_store_t,
    value: *const pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy value => store.core().value_release(&value.to_core()?))
}

/// A reference that doesn't keep its object: plain data, good until `pellucid_weak_delete`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_weak_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the reference in the store.
    pub index: u64,
}

impl From<WeakObject> for pellucid_weak_t {
    fn from(weak: WeakObject) -> pellucid_weak_t {
        pellucid_weak_t { store: weak.store.0, index: weak.index }
    }
}

impl From<pellucid_weak_t> for WeakObject {
    fn from(weak: pellucid_weak_t) -> WeakObject {
        WeakObject { store: StoreId(weak.store), index: weak.index }
    }
}

/// Makes a reference to an object that doesn't keep it.
///
/// - `store`: the store.
/// - `anyref`: a reference to a structure or array.
/// - `out_weak`: gets the weak reference.
///
/// Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller deletes the weak reference.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_weak_new(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    out_weak: *mut pellucid_weak_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, store store, copy anyref, out out_weak => {
        out_weak.set(store.core().weak_new(object(anyref)?)?.into());
        Ok(())
    })
}

/// The object of a weak reference, if it is still there.
///
/// - `store`: the store.
/// - `weak`: the weak reference.
/// - `out_anyref`: gets a reference to the object, or null if that is gone.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_STALE_HANDLE` if the weak reference was deleted;
/// `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_weak_get(
    store: *mut pellucid_store_t,
    weak: *const pellucid_weak_t,
    out_anyref: *mut pellucid_anyref_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, store store, copy weak, out out_anyref => {
        let found = store.core().weak_get(weak.into())?;
        out_anyref.set(found.map(|object| AnyRef::Object(object).into()).unwrap_or_default());
        Ok(())
    })
}

/// Deletes a weak reference.
///
/// - `store`: the store.
/// - `weak`: the weak reference.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_STALE_HANDLE` if it was deleted before.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_weak_delete(
    store: *mut pellucid_store_t,
    weak: *const pellucid_weak_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy weak => store.core().weak_delete(weak.into()))
}

/// Frees all objects that can't be reached. That takes time with the size of what can; see `pellucid_store_gc_step`. Finalizers of host
/// references that nobody has any more run before it returns.
///
/// - `store`: the store.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_gc(store: *mut pellucid_store_t) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.core().collect_garbage())
}

/// Collects garbage for about as long as this: for hosts that have time between frames. Who does so regularly rarely has guests held up
/// by the collector; everybody else needn't call it. What can't be interrupted may take longer than asked for, after many objects
/// were made or changed at once. Finalizers run as in `pellucid_store_gc`.
///
/// What is older than the last such step is collected only when enough was made since it was last looked through: what a host has let go of
/// at once may stay until then, or until `pellucid_store_gc`.
///
/// - `store`: the store.
/// - `microseconds`: how long.
/// - `out_has_more`: gets whether a collection has begun and isn't through; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_gc_step(
    store: *mut pellucid_store_t,
    microseconds: u64,
    out_has_more: *mut bool,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, opt_out out_has_more => {
        // As long as anybody may want it; the clock can count that.
        const MOST: u64 = 1_000_000_000;
        out_has_more.set(store.core().step_collection(Duration::from_micros(microseconds.min(MOST)))?);
        Ok(())
    })
}

/// What a store's heap tells of itself.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pellucid_heap_stats_t {
    /// Bytes of this struct; to be set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes of blocks that have objects in them, or had when garbage was collected last.
    pub used_bytes: u64,
    /// Bytes of objects that were reached by the last collection of everything.
    pub live_bytes: u64,
    /// Bytes that were given out for objects since the store was made.
    pub given_bytes: u64,
    /// Collections of what was made since the last.
    pub minor_collections: u64,
    /// Collections of everything, which may have been made in steps.
    pub major_collections: u64,
    /// How often the collector has held the store up.
    pub pauses: u64,
    /// For how long in all, in nanoseconds.
    pub pause_nanoseconds: u64,
    /// For how long at most at a time, in nanoseconds.
    pub longest_pause_nanoseconds: u64,
    /// Objects that the host has references to.
    pub references: u64,
}

impl Sized32 for pellucid_heap_stats_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_heap_stats_t, references) + size_of::<u64>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

/// What a store's heap tells of itself.
///
/// - `store`: the store.
/// - `out_stats`: gets it; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_heap_stats(
    store: *const pellucid_store_t,
    out_stats: *mut pellucid_heap_stats_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, sized out_stats => {
        let HeapStatistics { used_bytes, references, collector } = store.core().heap_statistics();
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        out_stats.set(pellucid_heap_stats_t {
            struct_size: 0,
            reserved: 0,
            used_bytes,
            live_bytes: collector.live_bytes,
            given_bytes: collector.given_bytes,
            minor_collections: collector.minor,
            major_collections: collector.major,
            pauses: collector.pauses,
            pause_nanoseconds: nanoseconds(collector.paused),
            longest_pause_nanoseconds: nanoseconds(collector.longest_pause),
            references,
        });
        Ok(())
    })
}

/// The objects of one type.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_heap_type_t {
    /// The type.
    pub type_id: pellucid_type_id_t,
    /// 0.
    pub reserved: u32,
    /// How many objects there are.
    pub count: u64,
    /// Their bytes, with their headers.
    pub bytes: u64,
}

/// What objects there are in a store, by type. Garbage is collected first.
///
/// - `store`: the store.
/// - `out_types`, `cap_types`: places for types, in the order of their numbers, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of types that there are objects of.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_heap_types(
    store: *mut pellucid_store_t,
    out_types: *mut pellucid_heap_type_t,
    cap_types: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out_slice out_types cap_types, out out_n => {
        let found = store.core().objects_by_type()?;
        out_n.set(found.len());
        out_types.set(found.into_iter().map(|(id, (count, bytes))| {
            pellucid_heap_type_t { type_id: id.0, reserved: 0, count, bytes }
        }));
        Ok(())
    })
}

/// The objects that have a reference to one, and the exceptions that carry one. Garbage is collected first. What else keeps it, as a global
/// or a guest that is paused, isn't among these.
///
/// - `store`: the store.
/// - `anyref`: a reference to a structure or array.
/// - `out_values`, `cap_values`: places for references to those, `PELLUCID_ANYREF` or `PELLUCID_EXNREF`, and how many.
/// - `out_n`: gets how many were written.
///
/// Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_SYSTEM`.
///
/// Owns: nothing; the references are good as OBJECTS at the top says.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_referrers(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, out_slice out_values cap_values, out out_n => {
        let found = store.core().object_referrers(object(anyref)?, out_values.len())?;
        out_n.set(found.len());
        out_values.set(found.into_iter().map(pellucid_value_t::from_core));
        Ok(())
    })
}
