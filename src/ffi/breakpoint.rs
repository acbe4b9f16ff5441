//! Looking at a store's breakpoints; edit sessions change them.
//!
//! Knows nothing of code. Read next: [`edit`](super::edit).

use super::edit::pellucid_breakpoint_options_t;
use super::entry::entry;
use super::module::pellucid_module_t;
use super::pointer::Sized32;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use std::mem::offset_of;
use std::ptr::null_mut;

/// A breakpoint as it is listed.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_breakpoint_info_t {
    /// Set by the caller to `sizeof(pellucid_breakpoint_info_t)`.
    pub struct_size: u32,
    /// 1 if it raises events, else 0.
    pub is_enabled: u32,
    /// Its id.
    pub id: u64,
    /// The number of its module, see `pellucid_module_id`.
    pub module_id: u64,
    /// The pc that was asked for.
    pub asked_pc: u32,
    /// The operator that it is at.
    pub actual_pc: u32,
    /// How often a guest reached it while it was enabled.
    pub hits: u64,
    /// How many of the hits raised no event, because an event handler was running.
    pub passed_over: u64,
    /// How many of the hits raised no event, because of its options or its conditions.
    pub declined: u64,
    /// Its options.
    pub options: pellucid_breakpoint_options_t,
    /// 1 if it has a condition, the host's or an expression, else 0.
    pub has_condition: u32,
    /// 0.
    pub reserved: u32,
}

impl Sized32 for pellucid_breakpoint_info_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_breakpoint_info_t, reserved) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

/// The ids of all breakpoints of a store, the oldest first.
///
/// - `store`: the store.
/// - `out_ids`, `cap_ids`: places for ids, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of breakpoints, also those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_breakpoint_list(
    store: *const pellucid_store_t,
    out_ids: *mut u64,
    cap_ids: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out_slice out_ids cap_ids, out out_n => {
        let breakpoints = store.debuggee().breakpoints()?;
        out_n.set(breakpoints.len());
        out_ids.set(breakpoints.into_iter().map(|breakpoint| breakpoint.id));
        Ok(())
    })
}

/// A breakpoint by its id.
///
/// - `store`: the store.
/// - `id`: the id.
/// - `out_info`: gets the breakpoint; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is none, or none any more;
/// `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_breakpoint_info(
    store: *const pellucid_store_t,
    id: u64,
    out_info: *mut pellucid_breakpoint_info_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, sized out_info => {
        let info = store.debuggee().breakpoint(id)?;
        out_info.set(pellucid_breakpoint_info_t {
            struct_size: 0,
            is_enabled: u32::from(info.enabled),
            id: info.id,
            module_id: info.module.id(),
            asked_pc: info.asked.0,
            actual_pc: info.actual.0,
            hits: info.hits,
            passed_over: info.passed_over,
            declined: info.declined,
            options: info.options.into(),
            has_condition: info.has_condition.into(),
            reserved: 0,
        });
        Ok(())
    })
}

/// The module that a breakpoint is in.
///
/// - `store`: the store.
/// - `id`: the breakpoint's id.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the caller owns `*out_module`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_breakpoint_module(
    store: *const pellucid_store_t,
    id: u64,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_module => {
        out_module.give(pellucid_module_t::new(store.debuggee().breakpoint(id)?.module))
    })
}

/// Whether the store's single-step mode is on.
///
/// - `store`: the store.
/// - `out_is_on`: gets whether it is.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_is_single_stepping(
    store: *const pellucid_store_t,
    out_is_on: *mut bool,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_is_on => {
        out_is_on.set(store.debuggee().is_single_stepping()?);
        Ok(())
    })
}
