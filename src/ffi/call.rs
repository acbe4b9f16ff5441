//! Calls that can pause: the guest waits on its own stack while the host does other things.
//!
//! Knows nothing of stacks. Invariants: a call holds its store; while it runs, the entry point holds the call, so that
//! either may be deleted by a callback. Read next: [`frame`](super::frame).

use super::entry::{Keep, entry};
use super::error::pellucid_error_t;
use super::event::{How, StepFrom, pellucid_event_t};
use super::frame::pellucid_frame_t;
use super::handle::pellucid_func_t;
use super::pointer::alive;
use super::status::pellucid_status_t;
use super::store::{pellucid_store_t, refuse_deletion};
use super::value::{Room, pellucid_raw_t, pellucid_value_t, with_core};
use crate::base::{RawValue, Result, error::bail};
use crate::debug::{Budget, CallState, DebugCall, Event, Resume};
use std::cell::{Cell, RefCell};
use std::ffi::c_char;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};

/// A call of a function that the host drives. An owned object.
///
///     pellucid_call_begin(store, &func, args, n_args, &call, &error);
///     pellucid_call_state_t state;
///     while (pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error) == PELLUCID_OK
///            && state == PELLUCID_CALL_PAUSED) {
///         pellucid_call_frame(call, &frame); // and look around, as long as you like
///     }
///     pellucid_call_delete(call);
///
/// Many calls of a store may be paused, or wait for host functions, at once; each has a stack of its own
/// (`PELLUCID_LIMIT_STACK_BYTES`). They are resumed in any order.
///
/// Using or deleting a call is a use of its store, as far as threads are concerned.
///
/// Since: 0.1.
pub struct pellucid_call_t {
    // Declared first: dropped while the store lives.
    pub(super) call: DebugCall,
    event: RefCell<Option<HeldEvent>>,
    goal: Cell<StepFrom>,
    store: Rc<pellucid_store_t>,
    deleted: Cell<bool>,
    this: Weak<pellucid_call_t>,
}

/// An event with its view for C, which points to it.
struct HeldEvent {
    view: Box<pellucid_event_t>,
    _event: Rc<Event>,
}

/// Where a call stands: one of `enum pellucid_call_state`.
///
/// Since: 0.1.
pub type pellucid_call_state_t = u32;

/// Values of `pellucid_call_state_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum pellucid_call_state {
    /// Begun, but not yet run.
    PELLUCID_CALL_READY = 1,
    /// Running, which only a callback inside it can see.
    PELLUCID_CALL_RUNNING = 2,
    /// At an event; it can be resumed.
    PELLUCID_CALL_PAUSED = 3,
    /// Returned; it has results.
    PELLUCID_CALL_FINISHED = 4,
    /// Trapped, or a host function failed; it has an error, and its frames can be looked at until it is deleted.
    PELLUCID_CALL_TRAPPED = 5,
    /// Ended by the guest itself, as WASI's `proc_exit` does; it has an error with the exit code, and no frames.
    PELLUCID_CALL_EXITED = 6,
    /// In a host function whose results come later: give them, see `pellucid_call_give`, and resume it.
    PELLUCID_CALL_YIELDED = 7,
}

/// How a call goes on: one of `enum pellucid_resume`.
///
/// Since: 0.1.
pub type pellucid_resume_t = u32;

/// Values of `pellucid_resume_t`.
#[repr(C)]
pub enum pellucid_resume {
    /// Until the next event.
    PELLUCID_RESUME_CONTINUE = 0,
    /// By one operator, then a step event: the call pauses, unless there is a handler whose mask has `PELLUCID_EVENT_STEP`,
    /// which decides.
    PELLUCID_RESUME_STEP = 1,
    /// To the next operator of the frame, whatever it calls being passed at full speed, then a step event as above. The frame is the
    /// innermost, or what `pellucid_call_set_goal` says: an outer one goes to behind the call that it waits for. It ends where an older
    /// frame goes on, if that comes first: the caller, or whoever catches an exception; calls of the same function further in are passed,
    /// and what takes the frame's place by a tail call counts as the frame. A call without a frame is stepped by one operator.
    ///
    /// It is given up where another event comes first: a breakpoint, an exception for which there is no handler, a trap. A condition that
    /// declines a breakpoint, and a handler that continues as `PELLUCID_ACTION_CONTINUE` says, leave it as it is. A call that yields
    /// goes on with it when it is resumed, in whatever mode.
    PELLUCID_RESUME_STEP_OVER = 2,
    /// To where the frame's caller goes on, or an older frame that catches an exception, then a step event. The outermost frame, or a call
    /// without one, runs to the end of the call. The rest is as for `PELLUCID_RESUME_STEP_OVER`.
    PELLUCID_RESUME_STEP_OUT = 3,
    /// To the operator that `pellucid_call_set_goal` has said, then a step event. If it is one of the frame's own function the frame itself
    /// must come to it, or what has taken its place by a tail call; calls of the same function further in pass it. In another function of
    /// the frame's module, whichever frame comes to it first counts. It ends where an older frame goes on, if that comes first.
    PELLUCID_RESUME_RUN_TO = 4,
}

fn state(state: CallState) -> pellucid_call_state_t {
    use pellucid_call_state::*;
    let state = match state {
        CallState::Ready => PELLUCID_CALL_READY,
        CallState::Running => PELLUCID_CALL_RUNNING,
        CallState::Paused => PELLUCID_CALL_PAUSED,
        CallState::Finished => PELLUCID_CALL_FINISHED,
        CallState::Trapped => PELLUCID_CALL_TRAPPED,
        CallState::Exited => PELLUCID_CALL_EXITED,
        CallState::Yielded => PELLUCID_CALL_YIELDED,
    };
    state as pellucid_call_state_t
}

impl pellucid_call_t {
    /// A new object for a call of a store that was checked to be alive. The caller of the entry point owns it.
    pub(super) fn give(store: &pellucid_store_t, call: DebugCall) -> *mut pellucid_call_t {
        let store = store.keep().expect("it was checked to be alive");
        let call = Rc::new_cyclic(|this| pellucid_call_t {
            call,
            event: RefCell::new(None),
            goal: Cell::default(),
            store,
            deleted: Cell::new(false),
            this: this.clone(),
        });
        Rc::into_raw(call).cast_mut()
    }

    /// The store that it belongs to.
    pub(super) fn store(&self) -> &pellucid_store_t {
        &self.store
    }
}

impl Keep for pellucid_call_t {
    fn keep(&self) -> Option<Rc<pellucid_call_t>> {
        self.this.upgrade()
    }

    fn used_store(&self) -> &pellucid_store_t {
        &self.store
    }
}

/// Begins a call that can pause; nothing runs yet.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `args`, `n_args`: the arguments; may be NULL if there are none.
/// - `out_call`: gets the call.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for arguments of other types than the
/// function's; `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments, and for a value of unknown kind or
/// `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_UNSUPPORTED` for one
/// of a reserved kind; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_call` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_begin(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    args: *const pellucid_value_t,
    n_args: usize,
    out_call: *mut *mut pellucid_call_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, copy func, slice args n_args, out out_call => {
        let call = with_core(args, |args| store.debuggee().call_begin(func.into(), args))?;
        out_call.set(pellucid_call_t::give(store, call));
        Ok(())
    })
}

/// As `pellucid_call_begin` with raw values. Faster, and unchecked but for references: the arguments must have the function's
/// parameter types.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `values`, `n_values`: the arguments; at least as many values as the longer of parameters and results. They are copied.
/// - `out_call`: gets the call.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values; `PELLUCID_ERR_TYPE_MISMATCH`
/// for a bad reference; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_call` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_begin_raw(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    values: *const pellucid_raw_t,
    n_values: usize,
    out_call: *mut *mut pellucid_call_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, copy func, slice values n_values, out out_call => {
        let mut room = Room::new();
        let raw = room.places(RawValue::default(), values.len());
        raw.iter_mut().zip(values).for_each(|(raw, value)| *raw = value.to_core());
        let call = store.debuggee().call_begin_raw(func.into(), raw)?;
        out_call.set(pellucid_call_t::give(store, call));
        Ok(())
    })
}

/// Deletes a call. One that hasn't finished is given up: its guest code never runs on.
///
/// A callback may delete the call that it is running in: the guest then runs on to its next event or its end, and the
/// call goes when `pellucid_call_resume` returns. While another thread is using the store nothing is deleted, and an error is
/// logged.
///
/// - `call`: the call; NULL is fine.
///
/// Owns: takes `call`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_delete(call: *mut pellucid_call_t) {
    // SAFETY: NULL, or a call that is alive: not deleted, or deleted by a callback of its own that is still running.
    let Some(object) = (unsafe { alive(call) }) else { return };
    let Ok(claim) = object.store.claim() else { return refuse_deletion("call") };
    if object.deleted.replace(true) {
        return;
    }
    let (claim, store) = (claim.loose(), object.store.weak());
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: `pellucid_call_begin` made the pointer by `Rc::into_raw`, and its reference is given up once (`deleted`).
        drop(unsafe { Rc::from_raw(call) });
    }));
    claim.end_at(&store);
}

/// Runs a call until it finishes, traps, exits, pauses or yields.
///
/// It pauses at an event if the store's handler says so, or if there is no handler for it. It yields where a host function's results
/// come later, see `pellucid_caller_yield`. A trap or exit isn't a failure of this function: see `pellucid_call_error`.
///
/// - `call`: the call; it must be ready or paused, or have yielded. One that has yielded must have been given what it waits for,
///   unless that is a function without results, which are given by resuming it, or one of WASI's, which looks by itself
///   (`pellucid_wasi_config_set_yielding`).
/// - `mode`: one of `enum pellucid_resume`.
/// - `out_state`: gets one of `enum pellucid_call_state`; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call is running or has ended, or waits for
/// results, and for `PELLUCID_RESUME_RUN_TO` if it has no frame; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown mode, and for
/// `PELLUCID_RESUME_RUN_TO` without a pc; `PELLUCID_ERR_DEBUG_DISABLED` for steps without debugging; `PELLUCID_ERR_LIMIT` in a callback that is nested too deeply; `PELLUCID_ERR_SYSTEM`;
/// `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_resume(
    call: *mut pellucid_call_t,
    mode: pellucid_resume_t,
    out_state: *mut pellucid_call_state_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; resuming call, opt_out out_state => {
        out_state.set(resume_for(call, mode, None)?);
        Ok(())
    })
}

/// Ends a call with a trap. Its frames can be looked at until it is deleted.
///
/// - `call`: the call; it must be ready or paused, or have yielded.
/// - `message`, `n_message`: UTF-8 for the error: why.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// The call is trapped then, see `pellucid_call_error`: its trap is `PELLUCID_TRAP_REQUESTED`, with the backtrace of where it
/// stood. No event is raised.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call is running or has ended;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a message that isn't UTF-8.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_trap(
    call: *mut pellucid_call_t,
    message: *const c_char,
    n_message: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child call, text message n_message => {
        call.call.trap(call.store.debuggee(), message.to_string())?;
        call.event.take();
        Ok(())
    })
}

/// Runs a call, for no longer than a budget if there is one.
#[inline(always)]
pub(super) fn resume_for(
    call: &pellucid_call_t,
    mode: pellucid_resume_t,
    budget: Option<Budget>,
) -> Result<pellucid_call_state_t> {
    let how = match mode {
        n if n == pellucid_resume::PELLUCID_RESUME_CONTINUE as u32 => Resume::Continue,
        n if n == pellucid_resume::PELLUCID_RESUME_STEP as u32 => Resume::Step,
        n if n == pellucid_resume::PELLUCID_RESUME_STEP_OVER as u32 => step(call, How::Over)?.unwrap_or(Resume::Step),
        n if n == pellucid_resume::PELLUCID_RESUME_STEP_OUT as u32 => step(call, How::Out)?.unwrap_or(Resume::Continue),
        n if n == pellucid_resume::PELLUCID_RESUME_RUN_TO as u32 => match step(call, How::To)? {
            Some(step) => step,
            None => bail!(InvalidState, "the call has no frame to run from"),
        },
        _ => bail!(InvalidArgument, "{mode} isn't a way to resume"),
    };
    let reached = call.call.resume_for(call.store.debuggee(), how, budget)?;
    call.goal.take();
    // What the call stood at before is past; a refused resumption, above, leaves it.
    call.event.take();
    Ok(state(reached))
}

/// A step to a goal; none if the call has no frame.
#[cold]
fn step(call: &pellucid_call_t, how: How) -> Result<Option<Resume>> {
    Ok(call.goal.get().goal(call.store.debuggee(), call.call.id(), how)?.map(Resume::Run))
}

/// Says what a call's next resumption counts from, and where to, if it is by `PELLUCID_RESUME_STEP_OVER`, `PELLUCID_RESUME_STEP_OUT` or
/// `PELLUCID_RESUME_RUN_TO`.
///
/// - `call`: the call.
/// - `frame`: one of its frames; may be NULL for the innermost, which is what counts without this function, and if this frame is moved afterwards.
/// - `pc`: for `PELLUCID_RESUME_RUN_TO`: an operator of the frame's module; 0 for none. One between operators means the next.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a
/// frame of another call; `PELLUCID_ERR_INVALID_STATE` if the call has no frame, or doesn't stand still; `PELLUCID_ERR_OUT_OF_RANGE` for a pc
/// in no function's body; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_set_goal(
    call: *mut pellucid_call_t,
    frame: *const pellucid_frame_t,
    pc: u32,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, opt frame => {
        call.goal.set(StepFrom::new(call.store.debuggee(), call.call.id(), frame, pc)?);
        Ok(())
    })
}

/// Where a call stands.
///
/// - `call`: the call.
///
/// Returns one of `enum pellucid_call_state`; 0 if `call` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_state(call: *const pellucid_call_t) -> pellucid_call_state_t {
    entry!(value 0; child call => state(call.call.state()))
}

/// The number by which frames and events name a call.
///
/// - `call`: the call.
///
/// Returns the number, which no other call of the store has or had; 0 if `call` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_id(call: *const pellucid_call_t) -> u64 {
    entry!(value 0; child call => call.call.id())
}

/// Gives the memory of a call's stack that it doesn't need while it stands still back to the system: what functions have used that
/// have returned. It gets it again, page by page, when it goes on. That takes a few microseconds, so it is for calls that are
/// going to wait for long, of which there are many.
///
/// - `call`: the call. One that is ready, paused or has yielded gives what it can, one that has ended nothing: delete it.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it is running.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_trim(call: *const pellucid_call_t) -> pellucid_status_t {
    entry!(status null_mut(); child call => call.call.trim())
}

/// The function that a call calls.
///
/// - `call`: the call.
/// - `out_func`: gets the function.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_func(
    call: *const pellucid_call_t,
    out_func: *mut pellucid_func_t,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out out_func => {
        out_func.set(call.call.func().into());
        Ok(())
    })
}

/// What a call paused at or trapped by.
///
/// - `call`: the call.
/// - `out_event`: gets the event.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the call is neither paused nor trapped.
///
/// Owns: nothing; the event is valid until the call is resumed or deleted.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_event(
    call: *const pellucid_call_t,
    out_event: *mut *const pellucid_event_t,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out out_event => {
        let Some(event) = call.call.event() else { bail!(NotFound, "the call is at no event") };
        let mut held = call.event.borrow_mut();
        let held = held.get_or_insert_with(|| {
            let event = Rc::new(event);
            HeldEvent { view: Box::new(pellucid_event_t::new(&event)), _event: event }
        });
        out_event.set(&raw const *held.view);
        Ok(())
    })
}

/// The results of a call that has finished.
///
/// - `call`: the call.
/// - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call hasn't finished;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for another number of results.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_results(
    call: *const pellucid_call_t,
    results: *mut pellucid_value_t,
    n_results: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out_slice results n_results => {
        let values = call.call.results(call.store.debuggee())?;
        if values.len() != results.len() {
            bail!(InvalidArgument, "there is room for {} results, the function has {}", results.len(), values.len());
        }
        results.set(values.into_iter().map(pellucid_value_t::from_core));
        Ok(())
    })
}

/// The results of a call that has finished, as raw values.
///
/// - `call`: the call.
/// - `values`, `n_values`: places for the results, at least as many as the function has; may be NULL if there are none.
///
/// Returns as `pellucid_call_results`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_results_raw(
    call: *const pellucid_call_t,
    values: *mut pellucid_raw_t,
    n_values: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out_slice values n_values => {
        let results = call.call.results_raw(call.store.debuggee())?;
        if results.len() > values.len() {
            bail!(InvalidArgument, "there is room for {} results, the function has {}", values.len(), results.len());
        }
        values.set(results.into_iter().map(pellucid_raw_t::from_core));
        Ok(())
    })
}

/// The error that a call ended with.
///
/// - `call`: the call.
/// - `out_error`: gets the error: the trap, or that of the host function which failed, with the guest's backtrace; or the
///   guest's exit, see `pellucid_error_exit_code`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` unless the call is trapped or exited.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_error(
    call: *const pellucid_call_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out out_error => {
        let Some(error) = call.call.error() else { bail!(NotFound, "the call has no error") };
        out_error.set(pellucid_error_t::give(error));
        Ok(())
    })
}

/// The innermost frame of a call that is paused or trapped, or has yielded.
///
/// The frames of a call that has yielded are as those of a call that is in a host function: what is written into them counts when
/// they are returned to, and the innermost can't be moved.
///
/// - `call`: the call.
/// - `out_frame`: gets the frame.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the call is in another state or has no Wasm
/// frame; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_call_frame(
    call: *const pellucid_call_t,
    out_frame: *mut pellucid_frame_t,
) -> pellucid_status_t {
    entry!(status null_mut(); child call, out out_frame => {
        let Some(frame) = call.call.frame(call.store.debuggee())? else {
            bail!(NotFound, "the call has no frame to look at");
        };
        out_frame.set(frame.into());
        Ok(())
    })
}
