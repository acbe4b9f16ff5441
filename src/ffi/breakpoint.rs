//! Looking at a store's breakpoints; edit sessions change them.
//!
//! Knows nothing of code. Read next: [`edit`](super::edit).

use super::bytes::pellucid_str_t;
use super::edit::pellucid_breakpoint_options_t;
use super::entry::entry;
use super::module::pellucid_module_t;
use super::pointer::Sized32;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::error::bail;
use crate::debug::BreakTarget;
use crate::runtime::Module;
use std::mem::offset_of;
use std::ptr::null_mut;

/// What a breakpoint is at: one of `enum pellucid_breakpoint_kind`.
///
/// Since: 0.1.
pub type pellucid_breakpoint_kind_t = u32;

/// Values of `pellucid_breakpoint_kind_t`.
#[repr(C)]
pub enum pellucid_breakpoint_kind {
    /// One operator: `pellucid_edit_add`, `pellucid_edit_add_at_function`.
    PELLUCID_BREAKPOINT_PC = 1,
    /// The first operators of functions of a name: `pellucid_edit_add_at_function_name`.
    PELLUCID_BREAKPOINT_FUNCTION_NAME = 2,
    /// The operators that call an import, or may do so by a table or a reference: `pellucid_edit_add_at_import_calls`, `pellucid_edit_add_at_import_name_calls`.
    PELLUCID_BREAKPOINT_IMPORT_CALLS = 3,
    /// Traps: `pellucid_edit_add_at_trap`. It is at no operator.
    PELLUCID_BREAKPOINT_TRAP = 4,
    /// Exceptions that are thrown: `pellucid_edit_add_at_exception`. It is at no operator.
    PELLUCID_BREAKPOINT_EXCEPTION = 5,
}

/// An operator that a breakpoint is at.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_breakpoint_place_t {
    /// The number of its module, see `pellucid_module_id`.
    pub module_id: u64,
    /// Its function; imports come first.
    pub func_index: u32,
    /// The operator, as an offset in the module's bytes.
    pub pc: u32,
}

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
    /// The number of its module, see `pellucid_module_id`; 0 if it is in no single one.
    pub module_id: u64,
    /// The pc that was asked for, or that of the first operator that it is at; 0 if it isn't at any.
    pub asked_pc: u32,
    /// The first operator that it is at; 0 if it isn't at any.
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
    /// What it is at: one of `enum pellucid_breakpoint_kind`.
    pub kind: pellucid_breakpoint_kind_t,
    /// At how many operators it is, see `pellucid_breakpoint_places`.
    pub n_places: u32,
    /// When an event or a text of it was told last, in nanoseconds of `CLOCK_MONOTONIC`; 0 for never. It is the time of the system's last
    /// tick, at most some milliseconds before: that of `CLOCK_MONOTONIC_COARSE`.
    pub last_told: u64,
    /// 1 if it is a log point, see `pellucid_edit_set_log_text`, else 0.
    pub is_log_point: u32,
    /// 1 if it was set by a name, see `pellucid_breakpoint_name`, else 0.
    pub is_named: u32,
}

impl Sized32 for pellucid_breakpoint_info_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_breakpoint_info_t, reserved) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

fn kind(target: &BreakTarget) -> pellucid_breakpoint_kind {
    match target {
        BreakTarget::Pc { .. } => pellucid_breakpoint_kind::PELLUCID_BREAKPOINT_PC,
        BreakTarget::FunctionName { .. } => pellucid_breakpoint_kind::PELLUCID_BREAKPOINT_FUNCTION_NAME,
        BreakTarget::ImportCalls { .. } => pellucid_breakpoint_kind::PELLUCID_BREAKPOINT_IMPORT_CALLS,
        BreakTarget::Trap(_) => pellucid_breakpoint_kind::PELLUCID_BREAKPOINT_TRAP,
        BreakTarget::Exception { .. } => pellucid_breakpoint_kind::PELLUCID_BREAKPOINT_EXCEPTION,
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
            module_id: info.target.module().map_or(0, Module::id),
            asked_pc: info.asked.0,
            actual_pc: info.actual.0,
            hits: info.hits,
            passed_over: info.passed_over,
            declined: info.declined,
            options: info.options.into(),
            has_condition: info.has_condition.into(),
            reserved: 0,
            kind: kind(&info.target) as pellucid_breakpoint_kind_t,
            n_places: info.n_places,
            last_told: info.last_told,
            is_log_point: info.is_log_point.into(),
            is_named: info.target.names().1.is_some().into(),
        });
        Ok(())
    })
}

/// The name by which a breakpoint was set: of functions, or the two of an import.
///
/// - `store`: the store.
/// - `id`: the breakpoint's id.
/// - `out_module_name`: gets the first of an import's two names, and no bytes for functions; may be NULL.
/// - `out_name`: gets the second, or the functions'; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint, or it wasn't set by a name;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing; the names are valid as long as the breakpoint is there.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_breakpoint_name(
    store: *const pellucid_store_t,
    id: u64,
    out_module_name: *mut pellucid_str_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, opt_out out_module_name, opt_out out_name => {
        let info = store.debuggee().breakpoint(id)?;
        let (module, Some(name)) = info.target.names() else { bail!(NotFound, "breakpoint {id} wasn't set by a name") };
        // The breakpoint that is there has them as well.
        out_module_name.set(pellucid_str_t::new(module.unwrap_or_default()));
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

/// Where a breakpoint is now, in the order in which the modules came to the store, and by pc. One that is in every module of the store is
/// at more places when there are more modules, and may be at none so far.
///
/// - `store`: the store.
/// - `id`: the breakpoint's id.
/// - `out_places`, `cap_places`: places for what it is at, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of operators that it is at, also of those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint; `PELLUCID_ERR_DEBUG_DISABLED`;
/// `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_breakpoint_places(
    store: *const pellucid_store_t,
    id: u64,
    out_places: *mut pellucid_breakpoint_place_t,
    cap_places: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out_slice out_places cap_places, out out_n => {
        let places = store.debuggee().breakpoint_places(id)?;
        out_n.set(places.len());
        out_places.set(places.into_iter().map(|place| pellucid_breakpoint_place_t {
            module_id: place.module.id(),
            func_index: place.function.as_u32(),
            pc: place.pc.0,
        }));
        Ok(())
    })
}

/// The module that a breakpoint is in, if that is one only.
///
/// - `store`: the store.
/// - `id`: the breakpoint's id.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint, or it is in no single module;
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
        match store.debuggee().breakpoint(id)?.target.module() {
            Some(module) => out_module.give(pellucid_module_t::new(module.clone())),
            None => bail!(NotFound, "breakpoint {id} is in no single module"),
        }
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
