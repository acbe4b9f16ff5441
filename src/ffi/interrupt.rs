//! Interrupts: leaving guests from other threads and signal handlers, and giving them time.
//!
//! Knows nothing of how a guest is left. Invariants: what may be called in a signal handler allocates nothing and takes no
//! lock; an interrupt object holds nothing of its store that needs the store's thread. Read next: [`call`](super::call).

use super::call::pellucid_call_state_t;
use super::call::{pellucid_call_t, pellucid_resume_t, resume_for};
use super::entry::entry;
use super::error::pellucid_error_t;
use super::func::CallValues;
use super::handle::pellucid_func_t;
use super::pointer::alive;
use super::status::{pellucid_status, pellucid_status_t};
use super::store::pellucid_store_t;
use super::value::pellucid_value_t;
use crate::base::{Result, error::bail};
use crate::debug::Budget;
use crate::runtime::{AlarmClock, Interrupter, LimitAction, NotAsked, ask};
use std::ptr::null_mut;

/// Interrupts the guests of one store, from anywhere. An owned object.
///
///     pellucid_store_interrupt(store, &interrupt, &error);
///     // in another thread, or in a signal handler:
///     pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP);
///
/// It may outlive the store; each use and each copy of it may be in another thread than the store's, at any time.
///
/// What is asked for is done soon after: a guest that runs is left at the instruction where it is, in a loop without calls too;
/// one that fills, copies or initialises memories or tables in bulk, or has a table grow, in the midst of that; one that waits in
/// `memory.atomic.wait`, in WASI's `poll_oneoff`, or for a stream or socket, at once; one that has called another host function, when that returns. If no guest runs, the next call is
/// interrupted before its first instruction. So a request that comes too late meets a call
/// that it wasn't meant for, unless it is taken back (`pellucid_interrupt_withdraw`); time budgets, below, end with their call.
///
/// Calls may be nested: a host function calls the guest again. A request is for the innermost call of the store. If that one
/// is ended by it, so are those that it runs under, each when the host function returns that it waits for; a pause may be what
/// they are left for.
///
/// As long as nobody asks for anything this costs guests nothing: no code of theirs looks for requests, unless the engine has been made
/// so (`pellucid_config_set_interrupt_checks`). A thread that runs a guest
/// is sent a signal (see `pellucid_config_set_interrupt_signal`), and system calls of host functions may answer EINTR as
/// with any signal.
///
/// With debugging the guest runs on to the next operator where all of its frame can be read, for nanoseconds, and stands there.
/// Without, a call that pauses stands at no operator in particular, and has no frames to look at; it can be resumed, ended
/// (`pellucid_call_trap`, with its backtrace), or deleted.
///
/// Requests, time budgets, epochs and fuel may come together. What ends the call comes first; of the others each is heard in its turn: a
/// call that has paused for one of them pauses for the next as soon as it is resumed.
///
/// A guest that is left while it waits in `memory.atomic.wait` doesn't wait any more: who notifies meanwhile doesn't find it. When it runs
/// on it begins the wait again, looks at the value, and has what is left of its time. Other guests can't tell that from one that came
/// to the operator only then.
///
/// Since: 0.1.
pub struct pellucid_interrupt_t {
    interrupter: Interrupter,
}

/// What is asked for: one of `enum pellucid_interrupt`.
///
/// Since: 0.1.
pub type pellucid_interrupt_kind_t = u32;

/// Values of `pellucid_interrupt_kind_t`.
#[repr(C)]
pub enum pellucid_interrupt {
    /// End the call with the trap `PELLUCID_TRAP_INTERRUPTED`, whose error has a backtrace.
    PELLUCID_INTERRUPT_TRAP = 1,
    /// Let the call pause: `pellucid_call_resume` returns `PELLUCID_CALL_PAUSED` with the event `PELLUCID_EVENT_INTERRUPT`, and
    /// the next one goes on as if nothing had happened. A call that can't pause, because it was made by
    /// `pellucid_func_call` or the like, is ended as by `PELLUCID_INTERRUPT_TRAP`.
    PELLUCID_INTERRUPT_PAUSE = 2,
    /// Tell the store's event handler, which decides (`PELLUCID_EVENT_INTERRUPT`). Without one that wants such events a
    /// call pauses if it can, and goes on if it can't.
    PELLUCID_INTERRUPT_EVENT = 3,
}

pub(super) fn bits(kind: pellucid_interrupt_kind_t) -> Option<u32> {
    match kind {
        n if n == pellucid_interrupt::PELLUCID_INTERRUPT_TRAP as u32 => Some(ask::TRAP),
        n if n == pellucid_interrupt::PELLUCID_INTERRUPT_PAUSE as u32 => Some(ask::PAUSE),
        n if n == pellucid_interrupt::PELLUCID_INTERRUPT_EVENT as u32 => Some(ask::EVENT),
        _ => None,
    }
}

/// Makes an object that interrupts the guests of a store.
///
/// The first one in the process has it handle the signal of interrupts (`pellucid_config_set_interrupt_signal`), unless guests look by
/// themselves (`pellucid_config_set_interrupt_checks`).
///
/// - `store`: the store.
/// - `out_interrupt`: gets the object.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks (`pellucid_config_set_interrupt_checks`);
/// `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_interrupt` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_interrupt(
    store: *mut pellucid_store_t,
    out_interrupt: *mut *mut pellucid_interrupt_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, out out_interrupt => {
        out_interrupt.give(pellucid_interrupt_t { interrupter: store.core().interrupter()? })
    })
}

/// Makes another object for the same store.
///
/// - `interrupt`: the object.
/// - `out_interrupt`: gets the other.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_interrupt`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_interrupt_clone(
    interrupt: *const pellucid_interrupt_t,
    out_interrupt: *mut *mut pellucid_interrupt_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref interrupt, out out_interrupt => {
        out_interrupt.give(pellucid_interrupt_t { interrupter: interrupt.interrupter.clone() })
    })
}

/// Deletes an object. What was asked for with it stays asked for.
///
/// - `interrupt`: the object, which nobody uses any more; NULL is fine.
///
/// Owns: takes `interrupt`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_interrupt_delete(interrupt: *mut pellucid_interrupt_t) {
    entry!(delete interrupt);
}

/// What a call does at a limit.
pub(super) fn limit_action(action: pellucid_interrupt_kind_t) -> Result<LimitAction> {
    Ok(match bits(action) {
        Some(ask::TRAP) => LimitAction::Trap,
        Some(ask::PAUSE) => LimitAction::Pause,
        Some(_) => LimitAction::Tell,
        None => bail!(InvalidArgument, "{action} isn't what a call can do at a limit"),
    })
}

fn status_of(result: Result<(), NotAsked>) -> pellucid_status_t {
    let status = match result {
        Ok(()) => pellucid_status::PELLUCID_OK,
        Err(NotAsked::Gone) => pellucid_status::PELLUCID_ERR_INVALID_STATE,
        Err(NotAsked::Refused) => pellucid_status::PELLUCID_ERR_SYSTEM,
    };
    status as pellucid_status_t
}

/// Asks for an interrupt of the store's guests. What was asked for before and wasn't done yet stays asked for; a trap is more than a
/// pause, and a pause more than an event.
///
/// - `interrupt`: the object.
/// - `kind`: one of `enum pellucid_interrupt`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` if the store is gone; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
/// kind; `PELLUCID_ERR_NULL_ARGUMENT`; `PELLUCID_ERR_SYSTEM` if the system has no room for the signal, then nothing was asked.
///
/// Owns: nothing.
/// Context: any thread, at any time; also in a signal handler.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_interrupt_request(
    interrupt: *const pellucid_interrupt_t,
    kind: pellucid_interrupt_kind_t,
) -> pellucid_status_t {
    // Not an `entry!`: its errors are made of memory. Nothing here panics.
    // SAFETY: as for `ref` in `argument!`.
    let Some(interrupt) = (unsafe { alive(interrupt) }) else { return status_of_bad(interrupt) };
    match bits(kind) {
        Some(bits) => status_of(interrupt.interrupter.ask(bits)),
        None => pellucid_status::PELLUCID_ERR_INVALID_ARGUMENT as pellucid_status_t,
    }
}

/// Takes back what was asked for and no guest has been left for yet. A deadline in epochs that is reached isn't.
///
/// - `interrupt`: the object.
///
/// Returns `PELLUCID_OK`, also if nothing was asked for; `PELLUCID_ERR_INVALID_STATE` if the store is gone;
/// `PELLUCID_ERR_NULL_ARGUMENT`.
///
/// Owns: nothing.
/// Context: any thread, at any time; also in a signal handler.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_interrupt_withdraw(interrupt: *const pellucid_interrupt_t) -> pellucid_status_t {
    // SAFETY: as for `ref` in `argument!`.
    match unsafe { alive(interrupt) } {
        Some(interrupt) => status_of(interrupt.interrupter.withdraw()),
        None => status_of_bad(interrupt),
    }
}

/// The status for a pointer that is NULL or misaligned.
fn status_of_bad(interrupt: *const pellucid_interrupt_t) -> pellucid_status_t {
    let is_null = interrupt.is_null();
    let status = if is_null {
        pellucid_status::PELLUCID_ERR_NULL_ARGUMENT
    } else {
        pellucid_status::PELLUCID_ERR_INVALID_ARGUMENT
    };
    status as pellucid_status_t
}

/// What time is: one of `enum pellucid_clock`.
///
/// Since: 0.1.
pub type pellucid_clock_t = u32;

/// Values of `pellucid_clock_t`.
#[repr(C)]
pub enum pellucid_clock {
    /// What passes for everybody.
    PELLUCID_CLOCK_WALL = 0,
    /// What the calling thread computes, the guest and its host functions alike.
    PELLUCID_CLOCK_THREAD = 1,
}

/// Time that a call is given.
///
/// When it is used up the guest is left as for a request, at the same places. Calls inside, which a host function of the guest's
/// makes in the same store, are ended then, and the call when the host function returns.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_budget_t {
    /// How much, in microseconds; 0 is used up at once, but some of the guest may run. What is less than it takes to set the timer and
    /// to enter the guest, a few microseconds, may be used up each time before the guest has done anything.
    pub microseconds: u64,
    /// One of `enum pellucid_clock`.
    pub clock: pellucid_clock_t,
    /// What happens when it is used up: `PELLUCID_INTERRUPT_TRAP`, with the trap `PELLUCID_TRAP_DEADLINE`, or
    /// `PELLUCID_INTERRUPT_PAUSE`, with the event `PELLUCID_EVENT_DEADLINE`.
    pub action: pellucid_interrupt_kind_t,
}

fn budget(budget: &pellucid_budget_t) -> Result<Budget> {
    Ok(Budget {
        nanoseconds: budget.microseconds.saturating_mul(1000),
        clock: match budget.clock {
            n if n == pellucid_clock::PELLUCID_CLOCK_WALL as u32 => AlarmClock::Wall,
            n if n == pellucid_clock::PELLUCID_CLOCK_THREAD as u32 => AlarmClock::ThreadCpu,
            n => bail!(InvalidArgument, "{n} isn't a clock"),
        },
        pauses: match bits(budget.action) {
            Some(ask::TRAP) => false,
            Some(ask::PAUSE) => true,
            _ => bail!(InvalidArgument, "{} isn't what a call whose time is used up can do", budget.action),
        },
    })
}

/// As `pellucid_call_resume`, for no longer than a budget. The next resumption has its own, if any.
///
/// - `call`: the call; it must be ready or paused, or have yielded, as for `pellucid_call_resume`.
/// - `mode`: one of `enum pellucid_resume`.
/// - `time`: the budget.
/// - `out_state`: gets one of `enum pellucid_call_state`; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_call_resume`, `PELLUCID_ERR_BUSY` too; also `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown clock or action,
/// `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks, and `PELLUCID_ERR_SYSTEM` without a timer.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_resume_for(
    call: *mut pellucid_call_t,
    mode: pellucid_resume_t,
    time: *const pellucid_budget_t,
    out_state: *mut pellucid_call_state_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; resuming call, copy time, opt_out out_state => {
        out_state.set(resume_for(call, mode, Some(budget(&time)?))?);
        Ok(())
    })
}

/// Gives a store's guests a deadline in the epochs of the engine, which the host counts up (`pellucid_engine_increment_epoch`): for
/// hosts that have a clock of their own, such as a game's frames, and many stores.
///
/// When it is reached the guest is left as for a request (`pellucid_interrupt_t`), and again in every epoch after that, until
/// another deadline is set. If no guest runs then, the next call is interrupted before its first instruction. Event handlers may
/// set the next deadline.
///
/// - `store`: the store.
/// - `ticks`: how often the epoch is to be counted up; 0 is reached at once.
/// - `action`: one of `enum pellucid_interrupt`: what happens then. `PELLUCID_INTERRUPT_TRAP` ends the call with the trap
///   `PELLUCID_TRAP_DEADLINE`; `PELLUCID_INTERRUPT_PAUSE` lets it pause with the event `PELLUCID_EVENT_EPOCH`, or ends it if it can't;
///   `PELLUCID_INTERRUPT_EVENT` raises that event, which without a handler that wants it lets the call pause or go on.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown action; `PELLUCID_ERR_UNSUPPORTED` if the
/// engine has neither signal handlers nor checks; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_epoch_deadline(
    store: *mut pellucid_store_t,
    ticks: u64,
    action: pellucid_interrupt_kind_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store => {
        store.core().set_epoch_deadline(ticks, limit_action(action)?)
    })
}

/// Takes a store's deadline away, and what it has asked for.
///
/// - `store`: the store.
///
/// Returns `PELLUCID_OK`, also if it has none; `PELLUCID_ERR_BUSY`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_clear_epoch_deadline(store: *mut pellucid_store_t) -> pellucid_status_t {
    entry!(status null_mut(); store store => {
        store.core().clear_epoch_deadline();
        Ok(())
    })
}

/// As `pellucid_func_call`, for no longer than a budget, whose action must be `PELLUCID_INTERRUPT_TRAP`.
///
/// - `store`: the store.
/// - `func`: the function, the guest's or the host's.
/// - `args`, `n_args`: the arguments; may be NULL if there are none.
/// - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
/// - `time`: the budget.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_func_call`, `PELLUCID_ERR_BUSY` too; also `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown clock or another action,
/// `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks, and `PELLUCID_ERR_SYSTEM` without a timer.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_call_for(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    args: *const pellucid_value_t,
    n_args: usize,
    results: *mut pellucid_value_t,
    n_results: usize,
    time: *const pellucid_budget_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error;
        running store, copy func, slice args n_args, out_slice results n_results, copy time => {
        let values = CallValues { store: store.core(), args, results };
        store.debuggee().call_for(func.into(), values, budget(&time)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_the_core() {
        assert_eq!(bits(0), None);
        assert_eq!([1, 2, 3, 4].map(bits), [Some(ask::TRAP), Some(ask::PAUSE), Some(ask::EVENT), None]);
    }
}
