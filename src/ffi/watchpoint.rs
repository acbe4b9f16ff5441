//! Watchpoints: adding them to edit sessions, looking at them, and what events tell of them.
//!
//! Knows nothing of how accesses are found. Read next: [`edit`](super::edit), [`event`](super::event).

use super::edit::{pellucid_breakpoint_options_t, pellucid_edit_t};
use super::entry::entry;
use super::event::pellucid_event_t;
use super::frame::pellucid_frame_t;
use super::handle::{pellucid_anyref_t, pellucid_global_t, pellucid_memory_t, pellucid_table_t};
use super::object::object;
use super::pointer::{Out, Sized32};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::value::pellucid_value_t;
use crate::base::{AnyRef, Result, error::bail};
use crate::debug::{WatchHit, WatchTarget};
use std::mem::offset_of;
use std::ptr::null_mut;

/// What is done to what is watched: of `enum pellucid_watch_access`, or-ed together.
///
/// Since: 0.1.
pub type pellucid_watch_access_t = u32;

/// Values of `pellucid_watch_access_t`: bits.
#[repr(C)]
pub enum pellucid_watch_access {
    /// It is read.
    PELLUCID_WATCH_READ = 1,
    /// It is written, be it with what is there already.
    PELLUCID_WATCH_WRITE = 2,
}

/// What a watchpoint watches: one of `enum pellucid_watch_kind`.
///
/// Since: 0.1.
pub type pellucid_watch_kind_t = u32;

/// Values of `pellucid_watch_kind_t`.
#[repr(C)]
pub enum pellucid_watch_kind {
    /// Bytes of a memory.
    PELLUCID_WATCH_MEMORY = 1,
    /// A global.
    PELLUCID_WATCH_GLOBAL = 2,
    /// An element of a table.
    PELLUCID_WATCH_ELEMENT = 3,
    /// A local of a frame.
    PELLUCID_WATCH_LOCAL = 4,
    /// A field of a structure, or an element of an array.
    PELLUCID_WATCH_FIELD = 5,
}

fn add(edit: &pellucid_edit_t, target: WatchTarget, access: pellucid_watch_access_t, out_id: Out<u64>) -> Result<()> {
    let Ok(access) = u8::try_from(access) else { bail!(InvalidArgument, "{access:#x} is no access") };
    out_id.set(edit.change(|intents| intents.watch(edit.store().debuggee(), target, access))?);
    Ok(())
}

/// Intends to add a watchpoint of a part of a memory, which is enabled.
///
/// When an operator of any guest of the store has done such an access to any of the bytes, `PELLUCID_EVENT_WATCHPOINT` is raised
/// before the next operator: loads and stores of all kinds, atomic and vector operators, `memory.wait`, and `memory.fill`, `copy` and `init`. One that
/// traps has done nothing. An exchange that fails, as it found another value, has read.
///
/// Writes of the host, of functions of WASI's and of other stores' guests to a shared memory are found by comparing: when a host
/// function returns, and when a guest is about to run. Then the event has no operator, and a write of what was there already isn't found.
/// What an event handler or a condition changes, or has guests change, is no news to whoever is told, and raises no event.
///
/// As long as there are watchpoints all operators that might do such an access to such a thing are slower, wherever they
/// access; the others aren't, and nothing is without. The commit looks at all functions of the modules whose instances have the memory.
///
/// `pellucid_edit_remove`, `pellucid_edit_enable`, `pellucid_edit_set_options`, `pellucid_edit_set_condition`,
/// `pellucid_edit_set_expression` and `pellucid_edit_set_log_text` are for watchpoints as for breakpoints. What counts is the frame whose operator did it, at the operator
/// behind that.
///
/// - `edit`: the session.
/// - `memory`: the memory.
/// - `address`: the first byte, as an offset in the memory.
/// - `size`: how many bytes, up to 1048576.
/// - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
/// - `out_id`: gets the watchpoint's id, which is never 0, and never another watchpoint's or breakpoint's in the store; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access, or if `size` is 0;
/// `PELLUCID_ERR_OUT_OF_RANGE` unless all bytes are in the memory now, or for a memory that the store never made; `PELLUCID_ERR_LIMIT` for more
/// bytes; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_watch_memory(
    edit: *mut pellucid_edit_t,
    memory: *const pellucid_memory_t,
    address: u64,
    size: u64,
    access: pellucid_watch_access_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy memory, opt_out out_id => {
        add(edit, WatchTarget::Memory { memory: memory.into(), address, size }, access, out_id)
    })
}

/// Intends to add a watchpoint of a global: as `pellucid_edit_watch_memory` for `global.get` and `global.set` in any instance that has
/// it, and for `pellucid_global_set`.
///
/// - `edit`: the session.
/// - `global`: the global.
/// - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
/// - `out_id`: gets the watchpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` for a global that
/// the store never made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_watch_global(
    edit: *mut pellucid_edit_t,
    global: *const pellucid_global_t,
    access: pellucid_watch_access_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy global, opt_out out_id => {
        add(edit, WatchTarget::Global(global.into()), access, out_id)
    })
}

/// Intends to add a watchpoint of an element of a table: as `pellucid_edit_watch_memory` for `table.get`, `set`, `fill`, `copy` and
/// `init`, and for `pellucid_table_set`. `call_indirect` and `return_call_indirect` through the element read it: that is told at their
/// operator, before anything is called, whatever becomes of the call.
///
/// - `edit`: the session.
/// - `table`: the table.
/// - `index`: the element.
/// - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
/// - `out_id`: gets the watchpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` if the table has no
/// such element now, or for a table that the store never made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_watch_element(
    edit: *mut pellucid_edit_t,
    table: *const pellucid_table_t,
    index: u64,
    access: pellucid_watch_access_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy table, opt_out out_id => {
        add(edit, WatchTarget::Element { table: table.into(), index }, access, out_id)
    })
}

/// Intends to add a watchpoint of a local of a frame: as `pellucid_edit_watch_memory` for `local.get`, `local.set` and `local.tee` of that
/// frame, other frames of the same function not counting, and for what the host writes there by `pellucid_frame_write_local` or
/// `pellucid_frame_restart`. Only these operators of the frame's function are slower, its tail calls, and the place where its caller goes on.
///
/// When the frame is gone the watchpoint is over: `is_over` of its `pellucid_watchpoint_info_t` is 1 then, `is_enabled` 0. It stays listed, with
/// what was counted, until it is removed, and costs nothing. A frame is gone when it has returned, or was left by an exception, when it
/// makes a tail call, when the host has dropped it or has a frame further out go on, and when its call is over. It isn't gone
/// as long as the host moves it: by `pellucid_frame_set_pc`, `pellucid_frame_restart`, `pellucid_frame_return`, or by throwing what it catches.
/// Disabled it knows this, too.
///
/// The frame must be valid for the commit as well, which returns `PELLUCID_ERR_STALE_HANDLE` otherwise. A commit that would enable a
/// watchpoint which is over returns `PELLUCID_ERR_INVALID_STATE`.
///
/// - `edit`: the session.
/// - `frame`: the frame, which needn't be the innermost of its call.
/// - `local`: which of its locals.
/// - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
/// - `out_id`: gets the watchpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` if the frame has no
/// such local; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the frame's call has ended, or if
/// the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_watch_local(
    edit: *mut pellucid_edit_t,
    frame: *const pellucid_frame_t,
    local: u32,
    access: pellucid_watch_access_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy frame, opt_out out_id => {
        add(edit, WatchTarget::Local { frame: frame.core(), local }, access, out_id)
    })
}

/// Intends to add a watchpoint of a field of a structure, or of an element of an array: as `pellucid_edit_watch_memory` for `struct.get` and
/// `struct.set` with their variants, for `array.get`, `set`, `fill`, `copy`, `init_data` and `init_elem`, by guests of any module, and for
/// `pellucid_object_set` and `pellucid_array_write`. Other objects of its type don't count. Only those of these operators are slower whose type
/// the object is of, or is a subtype's object of, and of a structure, whose field it is.
///
/// The object is kept as long as there is the watchpoint, enabled or not, or the session that intends to add it; and so is the
/// number of its reference, see OBJECTS at the top. Once it is removed, or the store deleted, they aren't kept for it any more; the next
/// collection notices that.
///
/// Values of 8 and 16 bits are zero-extended, as `pellucid_object_get` has them, whatever the operator makes of them.
///
/// - `edit`: the session.
/// - `anyref`: a reference to the structure or array.
/// - `index`: the field or element.
/// - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
/// - `out_id`: gets the watchpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access, or for null; `PELLUCID_ERR_TYPE_MISMATCH` for
/// a reference to something else; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such field or element, or the reference is out of date;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_watch_field(
    edit: *mut pellucid_edit_t,
    anyref: *const pellucid_anyref_t,
    index: u32,
    access: pellucid_watch_access_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy anyref, opt_out out_id => {
        add(edit, WatchTarget::Field { object: object(anyref)?, index }, access, out_id)
    })
}

/// A watchpoint as it is listed.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_watchpoint_info_t {
    /// Set by the caller to `sizeof(pellucid_watchpoint_info_t)`.
    pub struct_size: u32,
    /// 1 if it raises events, else 0.
    pub is_enabled: u32,
    /// Its id.
    pub id: u64,
    /// What it watches: one of `enum pellucid_watch_kind`.
    pub kind: pellucid_watch_kind_t,
    /// What is watched for: of `enum pellucid_watch_access`.
    pub access: pellucid_watch_access_t,
    /// The memory's, global's or table's number in the store, the `index` of its handle; of a local the key of its frame, see
    /// `pellucid_frame_key`; of a field or an element of an array the `index` of the object's reference, which is good as long as this is listed.
    pub entity: u64,
    /// The first byte, the element, the local or the field; of a global 0.
    pub address: u64,
    /// How many bytes; of others 1.
    pub size: u64,
    /// How often such an access was seen while it was enabled.
    pub hits: u64,
    /// How many of the hits raised no event, because an event handler was running.
    pub passed_over: u64,
    /// How many of the hits raised no event, because of its options or its condition.
    pub declined: u64,
    /// Its options.
    pub options: pellucid_breakpoint_options_t,
    /// 1 if it has a condition, else 0.
    pub has_condition: u32,
    /// 1 if what it watches is gone, a local's frame, else 0: it stays disabled then.
    pub is_over: u32,
}

impl Sized32 for pellucid_watchpoint_info_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_watchpoint_info_t, is_over) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

/// The ids of all watchpoints of a store, the oldest first.
///
/// - `store`: the store.
/// - `out_ids`, `cap_ids`: places for ids, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of watchpoints, also those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_watchpoint_list(
    store: *const pellucid_store_t,
    out_ids: *mut u64,
    cap_ids: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out_slice out_ids cap_ids, out out_n => {
        let watchpoints = store.debuggee().watchpoints()?;
        out_n.set(watchpoints.len());
        out_ids.set(watchpoints.into_iter().map(|watchpoint| watchpoint.id));
        Ok(())
    })
}

/// A watchpoint by its id.
///
/// - `store`: the store.
/// - `id`: the id.
/// - `out_info`: gets the watchpoint; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is none, or none any more;
/// `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_watchpoint_info(
    store: *const pellucid_store_t,
    id: u64,
    out_info: *mut pellucid_watchpoint_info_t,
) -> pellucid_status_t {
    use pellucid_watch_kind::*;
    entry!(status null_mut(); store store, sized out_info => {
        let info = store.debuggee().watchpoint(id)?;
        let (kind, entity, address, size) = match info.target {
            WatchTarget::Memory { memory, address, size } => (PELLUCID_WATCH_MEMORY, memory.index, address, size),
            WatchTarget::Global(global) => (PELLUCID_WATCH_GLOBAL, global.index, 0, 1),
            WatchTarget::Element { table, index } => (PELLUCID_WATCH_ELEMENT, table.index, index, 1),
            WatchTarget::Local { local, .. } => (PELLUCID_WATCH_LOCAL, info.frame_key.unwrap_or(0), local.into(), 1),
            WatchTarget::Field { object, index } => {
                (PELLUCID_WATCH_FIELD, pellucid_anyref_t::from(AnyRef::Object(object)).index, index.into(), 1)
            }
        };
        out_info.set(pellucid_watchpoint_info_t {
            struct_size: 0,
            is_enabled: info.enabled.into(),
            id: info.id,
            kind: kind as pellucid_watch_kind_t,
            access: info.access.into(),
            entity,
            address,
            size,
            hits: info.hits,
            passed_over: info.passed_over,
            declined: info.declined,
            options: info.options.into(),
            has_condition: info.has_condition.into(),
            is_over: info.is_over.into(),
        });
        Ok(())
    })
}

/// What happened at a watchpoint.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_watch_hit_t {
    /// Set by the caller to `sizeof(pellucid_watch_hit_t)`.
    pub struct_size: u32,
    /// What was done, of what the watchpoint is for: of `enum pellucid_watch_access`.
    pub access: pellucid_watch_access_t,
    /// The watchpoint's id.
    pub id: u64,
    /// Of those that are watched, the first byte that was accessed, or found to be changed; the element, the local or the field; of a
    /// global 0.
    pub address: u64,
    /// How many bytes; of others 1.
    pub size: u64,
    /// The operator that did it, in the function of the event's frame, as an offset in its module's bytes; for a call through an element
    /// the one that is about to be executed; 0 if `is_found` is 1.
    pub pc: u32,
    /// 1 if it was found to be changed by the host or by another thread, 0 if an operator did it.
    pub is_found: u32,
}

impl Sized32 for pellucid_watch_hit_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_watch_hit_t, is_found) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

fn hit(event: &pellucid_event_t, n: usize) -> Result<&WatchHit> {
    let hits = event.event().watched.as_deref().unwrap_or(&[]);
    match hits.get(n) {
        Some(hit) => Ok(hit),
        None => bail!(OutOfRange, "the event is of {} watchpoints, there is no {n}", hits.len()),
    }
}

/// How many watchpoints an event is of.
///
/// - `event`: the event.
///
/// Returns the number; 0 for other events than `PELLUCID_EVENT_WATCHPOINT`, or if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_watch_count(event: *const pellucid_event_t) -> usize {
    entry!(value 0; ref event => event.event().watched.as_ref().map_or(0, |hits| hits.len()))
}

/// What happened at a watchpoint.
///
/// - `event`: the event.
/// - `n`: which of its watchpoints, less than `pellucid_event_watch_count`. An operator's come in the order of their ids, and before
///   what was found.
/// - `out_hit`: gets what happened; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't
/// set.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_watch_hit(
    event: *const pellucid_event_t,
    n: usize,
    out_hit: *mut pellucid_watch_hit_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, sized out_hit => {
        let hit = hit(event, n)?;
        out_hit.set(pellucid_watch_hit_t {
            struct_size: 0,
            access: hit.access.into(),
            id: hit.id,
            address: hit.part.start,
            size: hit.part.end - hit.part.start,
            pc: hit.pc.map_or(0, |pc| pc.0),
            is_found: hit.pc.is_none().into(),
        });
        Ok(())
    })
}

/// The bytes before and after, if the watchpoint is of a memory.
///
/// - `event`: the event.
/// - `n`: which of its watchpoints.
/// - `out_old`, `out_new`: get the bytes from the hit's `address` on as they were before, and as they were when it was done, up to its
///   `size`; each may be NULL.
/// - `n_bytes`: how many bytes there is room for.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't of a memory.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_watch_bytes(
    event: *const pellucid_event_t,
    n: usize,
    out_old: *mut u8,
    out_new: *mut u8,
    n_bytes: usize,
) -> pellucid_status_t {
    let (n_old, n_new) = (if out_old.is_null() { 0 } else { n_bytes }, if out_new.is_null() { 0 } else { n_bytes });
    entry!(status null_mut(); ref event, out_slice out_old n_old, out_slice out_new n_new => {
        let hit = hit(event, n)?;
        let (Some(old), Some(new)) = (hit.old.bytes(), hit.new.bytes()) else {
            bail!(TypeMismatch, "the watchpoint isn't of a memory");
        };
        out_old.set(old.iter().copied());
        out_new.set(new.iter().copied());
        Ok(())
    })
}

/// The values before and after, if the watchpoint isn't of a memory.
///
/// - `event`: the event.
/// - `n`: which of its watchpoints.
/// - `store`: the event's store.
/// - `out_old`, `out_new`: get the value as it was before, and as it was when it was done; each may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_TYPE_MISMATCH` if it
/// is of a memory; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_watch_values(
    event: *const pellucid_event_t,
    n: usize,
    store: *mut pellucid_store_t,
    out_old: *mut pellucid_value_t,
    out_new: *mut pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, store store, opt_out out_old, opt_out out_new => {
        let (hit, store) = (hit(event, n)?, store.core());
        if event.event().frame.is_none_or(|frame| frame.store != store.id().0) {
            bail!(WrongStore, "the event is of another store");
        }
        let (Some(old), Some(new)) = (hit.old.to_value(store), hit.new.to_value(store)) else {
            bail!(TypeMismatch, "the watchpoint is of a memory");
        };
        out_old.set(pellucid_value_t::from_core(old));
        out_new.set(pellucid_value_t::from_core(new));
        Ok(())
    })
}
