//! Fuel: how much work the guests of a store may do.
//!
//! Knows nothing of how it is counted. Read next: [`interrupt`](super::interrupt).

use super::entry::entry;
use super::interrupt::{limit_action, pellucid_interrupt_kind_t};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use std::ptr::null_mut;

/// Tells how much fuel a store has left, see `pellucid_config_set_fuel`.
///
/// While a guest is left, in a host function or an event handler or paused, its present piece is paid, whichever of its operators it
/// is at. After a trap so is the piece that has trapped.
///
/// - `store`: the store.
/// - `out_fuel`: gets the number; it is negative by what guests have taken beyond what there was.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_fuel(store: *const pellucid_store_t, out_fuel: *mut i64) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_fuel => {
        out_fuel.set(store.debuggee().fuel()?);
        Ok(())
    })
}

/// Sets how much fuel a store has left.
///
/// Guests go on as long as they have taken no more than that. What was missing before is forgotten.
///
/// - `store`: the store.
/// - `fuel`: the number; above 2^62 it is 2^62, below -2^62 it is -2^62.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_fuel(store: *mut pellucid_store_t, fuel: i64) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.debuggee().set_fuel(fuel))
}

/// Adds to the fuel that a store has left, or takes from it. It stays within 2^62 either way, whatever guests take, too.
///
/// - `store`: the store.
/// - `more`: what is added; a negative number is taken away.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_add_fuel(store: *mut pellucid_store_t, more: i64) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.core().add_fuel(more))
}

/// Sets what a call does when the fuel of its store is used up. By default it ends.
///
/// The guest stands before the operator where it has looked, and hasn't executed anything of what is missing. When it goes on, with
/// or without more fuel, it does so up to the next place where it looks.
///
/// - `store`: the store.
/// - `action`: one of `enum pellucid_interrupt`. `PELLUCID_INTERRUPT_TRAP` ends the call with the trap
///   `PELLUCID_TRAP_OUT_OF_FUEL`; `PELLUCID_INTERRUPT_PAUSE` lets it pause with the event `PELLUCID_EVENT_FUEL`, or ends it if it
///   can't; `PELLUCID_INTERRUPT_EVENT` raises that event: a handler that wants it may add fuel, let the call pause, or end it; without
///   one the call pauses, or ends if it can't.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown action; `PELLUCID_ERR_UNSUPPORTED` if
/// the engine was made without counting fuel.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_fuel_action(
    store: *mut pellucid_store_t,
    action: pellucid_interrupt_kind_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.core().set_fuel_action(limit_action(action)?))
}
