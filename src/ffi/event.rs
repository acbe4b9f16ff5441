//! Events and the store's event handler.
//!
//! Knows nothing of how events arise. Invariant: an event that C sees is borrowed from a handler's invocation or from
//! its call. Read next: [`call`](super::call).

use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::entry;
use super::error::{pellucid_error_t, pellucid_trap_t};
use super::frame::pellucid_frame_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::{Result, WasmPc, error::bail};
use crate::debug::{Action, Debuggee, Event, EventKind, Frame, Goal, Reach};
use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

/// Something that happened to a guest. Borrowed: a handler's until it returns, a call's until the call is resumed or
/// deleted.
///
/// Since: 0.1.
pub struct pellucid_event_t {
    event: *const Event,
    /// NULL outside a handler.
    debuggee: *const Debuggee,
    message: RefCell<Option<String>>,
    goal: Cell<StepFrom>,
}

/// What a step to a goal was said to count from, and to run to.
#[derive(Clone, Copy, Default)]
pub(super) struct StepFrom {
    frame: Option<Frame>,
    pc: Option<WasmPc>,
}

/// How far a step goes, if not by one operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Over,
    Out,
    To,
}

impl StepFrom {
    /// Checks what the host says for a call's next step.
    pub(super) fn new(debuggee: &Debuggee, call: u64, frame: Option<&pellucid_frame_t>, pc: u32) -> Result<StepFrom> {
        let from = StepFrom { frame: frame.map(|frame| frame.core()), pc: (pc != 0).then_some(WasmPc(pc)) };
        if let Some(frame) = &from.frame {
            debuggee.frame_info(frame)?;
            if frame.call != call {
                bail!(InvalidArgument, "the frame is one of another call");
            }
        }
        let Some(of) = from.frame.or(debuggee.call_frame(call)?) else { bail!(InvalidState, "the call has no frame") };
        if let Some(pc) = from.pc {
            debuggee.step_goal(&of, Reach::To(pc))?;
        }
        Ok(from)
    }

    /// The goal of a step of a call; none if the call has no frame.
    pub(super) fn goal(self, debuggee: &Debuggee, call: u64, how: How) -> Result<Option<Goal>> {
        let reach = match (how, self.pc) {
            (How::Over, _) => Reach::Over,
            (How::Out, _) => Reach::Out,
            (How::To, Some(pc)) => Reach::To(pc),
            (How::To, None) => bail!(InvalidArgument, "where to run to wasn't said"),
        };
        let frame = self.frame.filter(|frame| debuggee.frame_is_valid(frame)).or(debuggee.call_frame(call)?);
        frame.map(|frame| debuggee.step_goal(&frame, reach)).transpose()
    }
}

/// What happened: one of `enum pellucid_event_kind`, or in a mask several of them.
///
/// Since: 0.1.
pub type pellucid_event_kind_t = u32;

/// Values of `pellucid_event_kind_t`: bits, to be or-ed together in a mask. Bits that aren't listed are reserved.
#[repr(C)]
pub enum pellucid_event_kind {
    /// A host function returned an error; the guest's frames still stand.
    PELLUCID_EVENT_HOST_ERROR = 1,
    /// An exception was thrown that will be caught, see `pellucid_event_catch`. The guest is still at the operator that throws, or in
    /// the host function that has thrown. Its frames can be read. The frame that throws can't be changed; what is written into the frame
    /// that catches, and those that called it, is there when they go on: locals, and the operands beneath the label of the clause.
    /// A handler that answers `PELLUCID_ACTION_CONTINUE` doesn't end a step that is being made: that ends where the exception is caught.
    PELLUCID_EVENT_EXCEPTION = 2,
    /// An exception was thrown that nothing in the call catches: it ends the call, as a trap does. A host function that made the call may
    /// hand the error on, so that an outer call may still catch it.
    PELLUCID_EVENT_UNCAUGHT_EXCEPTION = 4,
    /// The guest trapped; its frames still stand, to be read: the call has ended, and nothing in it can be changed.
    PELLUCID_EVENT_TRAP = 8,
    /// The guest has come to an operator that has an enabled breakpoint, and is about to execute it. What a host has moved there, by
    /// `pellucid_frame_restart` or the like, hasn't come there: it goes on without an event, as after a breakpoint.
    PELLUCID_EVENT_BREAKPOINT = 16,
    /// A step is done: the guest is about to execute the next operator.
    PELLUCID_EVENT_STEP = 32,
    /// The store's deadline in its engine's epochs is reached, see `pellucid_store_set_epoch_deadline`. As for interrupts there may be
    /// no frame.
    PELLUCID_EVENT_EPOCH = 64,
    /// Somebody has asked for it, see `pellucid_interrupt_request`. With debugging the guest is about to execute an operator,
    /// `memory.atomic.wait` too if it waits there, or waits in a function of WASI's; without, the event has no frame.
    PELLUCID_EVENT_INTERRUPT = 256,
    /// An operator has accessed what a watchpoint watches, or it was found to be changed, see `pellucid_edit_watch_memory` and
    /// `pellucid_event_watch_hit`. The guest is about to execute the next operator; a breakpoint there is told of after this. A step that
    /// was being made is over.
    PELLUCID_EVENT_WATCHPOINT = 512,
    /// The guest has entered a function that is traced (`pellucid_edit_trace`), and is about to execute its first operator: its arguments are
    /// the first locals of the frame. A breakpoint there is told of after this.
    PELLUCID_EVENT_FUNCTION_ENTRY = 1024,
    /// A function that is traced is left, see `pellucid_event_exit`. Where it returns, the guest is about to execute the operator that has it
    /// return, with the results for operands (`pellucid_event_results`), which may be written; or that calls the function that takes its place. Where
    /// an exception or a trap leaves it, which is told of before, frames still stand, handlers are told of each, the innermost first, and
    /// nobody can pause. A guest that ends itself, and what a host returns from, drops or moves, is told of by no such event.
    PELLUCID_EVENT_FUNCTION_EXIT = 2048,
    /// A memory has grown, see `pellucid_event_growth`: a guest's `memory.grow` has succeeded, and the guest is about to execute the
    /// next operator, where it can pause; or the host has grown the memory, and the handler is told before `pellucid_memory_grow`
    /// returns. By no page isn't told. Of a memory that stores share those are told in which a guest or the host has grown it, and not those where it
    /// is longer from then on; `pellucid_shared_memory_grow` is in no store.
    PELLUCID_EVENT_MEMORY_GROWN = 4096,
    /// The store has got its first instance of a module, see `pellucid_event_module`; told before the instance is, see below.
    PELLUCID_EVENT_MODULE_LOADED = 8192,
    /// The store has got an instance, see `pellucid_event_instance`. Its segments are applied, also where one of them was out of bounds
    /// so that the function that makes it fails; its start function hasn't run. The handler may set breakpoints in it.
    PELLUCID_EVENT_INSTANCE_CREATED = 16384,
    /// The call has paused since its time is used up, see `pellucid_budget_t`; no handler is told, so that in a mask it asks for nothing.
    PELLUCID_EVENT_DEADLINE = 32768,
    /// The store's fuel is used up, see `pellucid_store_set_fuel_action`. With debugging the guest is about to execute an operator;
    /// without, the event has no frame.
    PELLUCID_EVENT_FUEL = 65536,
    /// A call has come to its end: it has returned (`pellucid_event_results`), or failed (`pellucid_event_error`), which is
    /// told of before by an event of its own, or the guest has ended itself. Every call of the host's is told of, of whatever kind, but for
    /// those that the host ends by `pellucid_call_trap` or deletes, and those that never begin because calls are nested too deeply.
    PELLUCID_EVENT_CALL_FINISHED = 131072,
    /// In a mask: every kind that stops a guest or ends its call for a reason. Those of what happens all the time where all is well,
    /// `PELLUCID_EVENT_MEMORY_GROWN`, `PELLUCID_EVENT_MODULE_LOADED`, `PELLUCID_EVENT_INSTANCE_CREATED` and `PELLUCID_EVENT_CALL_FINISHED`,
    /// aren't in it, nor are `PELLUCID_EVENT_FUNCTION_ENTRY` and `PELLUCID_EVENT_FUNCTION_EXIT`: who wants these asks for each. The first four are for handlers only, no call pauses for want of one, and what the host does while a
    /// handler runs isn't told. Where the host has done something itself, or a call is over, all actions mean to go on.
    PELLUCID_EVENT_ALL = 99199,
}

/// Wishes that may be or-ed into a mask of events.
#[repr(C)]
pub enum pellucid_event_flag {
    /// Events of guests that the handler itself calls reach it too. Without it they don't, and breakpoints that such
    /// guests pass are counted.
    PELLUCID_EVENT_NESTED = 0x4000_0000,
}

/// What to do after an event: one of `enum pellucid_action`.
///
/// Since: 0.1.
pub type pellucid_action_t = u32;

/// Values of `pellucid_action_t`.
///
/// A call that trapped ends whatever the action.
#[repr(C)]
pub enum pellucid_action {
    /// Go on. A step that the guest was asked for is over, also if this event, say of a breakpoint, came before its end; but not at an
    /// exception that is caught, an interrupt, an epoch or the end of fuel, where a handler that has no more to say than this leaves the
    /// step as it is. An action that isn't listed here means this too, and is logged.
    PELLUCID_ACTION_CONTINUE = 0,
    /// Execute one operator, then raise a step event, or that of a breakpoint.
    PELLUCID_ACTION_STEP = 1,
    /// Let `pellucid_call_resume` return with the call paused. Ask `pellucid_event_can_pause` first: where the guest
    /// can't pause, this means to go on, and is counted (`pellucid_store_refused_pauses`).
    PELLUCID_ACTION_PAUSE = 2,
    /// End the call with the trap `PELLUCID_TRAP_REQUESTED`; see `pellucid_event_set_message`.
    PELLUCID_ACTION_TRAP = 3,
    /// Go on to the frame's next operator, calls being passed whatever they do, then raise a step event, or that of a breakpoint; see
    /// `pellucid_event_set_goal`, and `PELLUCID_RESUME_STEP_OVER` for where it ends.
    PELLUCID_ACTION_STEP_OVER = 4,
    /// Go on to where the frame's caller goes on; see `PELLUCID_RESUME_STEP_OUT`.
    PELLUCID_ACTION_STEP_OUT = 5,
    /// Go on to the operator that `pellucid_event_set_goal` has said; see `PELLUCID_RESUME_RUN_TO`. Without one this means to go on, and is
    /// logged.
    PELLUCID_ACTION_RUN_TO = 6,
}

/// Takes an event and says how to go on.
///
/// - `userdata`: as registered.
/// - `store`: the store that it happened in. The handler may use it in every way, and delete it.
/// - `event`: what happened; valid until the handler returns.
///
/// Returns one of `enum pellucid_action`.
///
/// It must return, and not by `longjmp` or a C++ exception.
///
/// Since: 0.1.
pub type pellucid_event_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        store: *mut pellucid_store_t,
        event: *mut pellucid_event_t,
    ) -> pellucid_action_t,
>;

impl pellucid_event_t {
    /// The object for an event, which must outlive it.
    pub(super) fn new(event: &Event) -> pellucid_event_t {
        pellucid_event_t { event, debuggee: null(), message: RefCell::new(None), goal: Cell::default() }
    }

    /// The object for an event that a handler is told of.
    fn of_handler(debuggee: &Debuggee, event: &Event) -> pellucid_event_t {
        pellucid_event_t { debuggee, ..pellucid_event_t::new(event) }
    }

    fn debuggee(&self) -> Option<&Debuggee> {
        // SAFETY: NULL, or made from a reference by `of_handler`, for an invocation of a handler that both outlive.
        unsafe { self.debuggee.as_ref() }
    }

    pub(super) fn event(&self) -> &Event {
        // SAFETY: `new` took the pointer from a reference to an event that outlives this object: both are in the
        // invocation of a handler, or in a call (`pellucid_call_t`).
        unsafe { &*self.event }
    }
}

/// The core's mask: its wishes have bits that a C enumerator can't have.
fn core_mask(mask: pellucid_event_kind_t) -> Result<u32> {
    let nested = pellucid_event_flag::PELLUCID_EVENT_NESTED as u32;
    let kinds = EventKind::ALL | EventKind::OTHERS;
    if mask & !(kinds | nested) != 0 {
        bail!(InvalidArgument, "{mask:#x} has bits that are no kind of event");
    }
    Ok(mask & kinds | if mask & nested == 0 { 0 } else { EventKind::NESTED })
}

fn action(debuggee: &Debuggee, number: pellucid_action_t, view: &pellucid_event_t) -> Action {
    use pellucid_action::*;
    let step = |how| {
        let goal = view.goal.get().goal(debuggee, view.event().call, how).unwrap_or_else(|refused| {
            log::warn!("the step that an event handler asked for is none: {refused}");
            None
        });
        match goal {
            Some(goal) => Action::Run(goal),
            None if how == How::Over => Action::Step,
            None => Action::Continue,
        }
    };
    match number {
        n if n == PELLUCID_ACTION_STEP_OVER as u32 => step(How::Over),
        n if n == PELLUCID_ACTION_STEP_OUT as u32 => step(How::Out),
        n if n == PELLUCID_ACTION_RUN_TO as u32 => step(How::To),
        n if n == PELLUCID_ACTION_STEP as u32 => Action::Step,
        n if n == PELLUCID_ACTION_PAUSE as u32 => Action::Pause,
        n if n == PELLUCID_ACTION_TRAP as u32 => {
            Action::Trap(view.message.take().unwrap_or_else(|| "the event handler asked for a trap".to_string()))
        }
        n => {
            if n != PELLUCID_ACTION_CONTINUE as u32 {
                log::warn!("the event handler of store {} answered {n}, which is no action", debuggee.store().id().0);
            }
            Action::Continue
        }
    }
}

/// Makes a handler receive events of the store, instead of the handler until now.
///
/// Without a handler, or for an event outside its mask, a call of `pellucid_call_begin` pauses and other calls go on.
///
/// - `store`: the store.
/// - `mask`: the kinds of events that it receives, of `enum pellucid_event_kind`, and wishes of
///   `enum pellucid_event_flag`, or-ed together.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: the handler.
/// - `finalizer`: frees `userdata` when the handler has been replaced or cleared and has returned, or when the store
///   goes; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a mask with bits that aren't known;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the store owns `userdata` until the finalizer runs.
/// Context: any, also in the handler that is replaced.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_event_handler(
    store: *mut pellucid_store_t,
    mask: pellucid_event_kind_t,
    userdata: *mut c_void,
    cb: pellucid_event_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); store store, callback cb => {
        let handler = move |debuggee: &Debuggee, event: &Event| {
            let mut view = pellucid_event_t::of_handler(debuggee, event);
            let store = pellucid_store_t::of(debuggee.store());
            // SAFETY: the host gave the function for this userdata (header: `pellucid_event_cb_t`); store and event
            // outlive the call.
            let number = unsafe { cb(userdata.pointer(), store, &mut view) };
            action(debuggee, number, &view)
        };
        store.debuggee().set_event_handler(core_mask(mask)?, Box::new(handler))
    })
}

/// Removes the store's event handler, if there is one.
///
/// - `store`: the store.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the store gives up the handler's `userdata`: its finalizer runs now, or when a handler that is running returns.
/// Context: any, also in the handler.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_clear_event_handler(store: *mut pellucid_store_t) -> pellucid_status_t {
    entry!(status null_mut(); store store => store.debuggee().clear_event_handler())
}

/// How often a handler asked for a pause where the guest couldn't pause.
///
/// - `store`: the store.
/// - `out_n`: gets the count.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_refused_pauses(
    store: *const pellucid_store_t,
    out_n: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_n => {
        out_n.set(store.debuggee().refused_pauses()?);
        Ok(())
    })
}

/// What happened.
///
/// - `event`: the event.
///
/// Returns one of `enum pellucid_event_kind`; 0 if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_kind(event: *const pellucid_event_t) -> pellucid_event_kind_t {
    entry!(value 0; ref event => event.event().kind.bit())
}

/// The number of the call that it happened to.
///
/// - `event`: the event.
///
/// Returns the number, see `pellucid_call_id`; 0 if no call runs, as when the host makes an instance, or if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_call_id(event: *const pellucid_event_t) -> u64 {
    entry!(value 0; ref event => event.event().call)
}

/// The innermost frame of the call that it happened to, as it was then. If a handler has moved it since (`pellucid_frame_restart` and
/// the like), the handler has the frame's new handle from there; the event that a call pauses with names the frame as it stands.
///
/// - `event`: the event.
/// - `out_frame`: gets the frame.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is none, as when the host calls a host function that
/// fails.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_frame(
    event: *const pellucid_event_t,
    out_frame: *mut pellucid_frame_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, out out_frame => {
        let Some(frame) = event.event().frame else { bail!(NotFound, "the call has no Wasm frame") };
        out_frame.set(frame.into());
        Ok(())
    })
}

/// The operator that is about to be executed, or that trapped, as an offset in its module's bytes. If a handler moves the frame, this
/// stays as it was for that handler.
///
/// - `event`: the event.
///
/// Returns the offset; 0 if there is no frame, or if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_pc(event: *const pellucid_event_t) -> u32 {
    entry!(value 0; ref event => event.event().pc.0)
}

/// The breakpoints that were hit, the oldest first: every enabled one at the event's pc; of a trap or an exception those that are at such,
/// see `pellucid_edit_add_at_trap` and `pellucid_edit_add_at_exception`.
///
/// - `event`: the event.
/// - `out_ids`: gets the first of their ids; may be NULL.
/// - `out_n`: gets their number, which is 0 for other events; may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the array is valid as long as the event.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_breakpoints(
    event: *const pellucid_event_t,
    out_ids: *mut *const u64,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt_out out_ids, opt_out out_n => {
        let ids = &event.event().breakpoints;
        out_ids.set(ids.as_ptr());
        out_n.set(ids.len());
        Ok(())
    })
}

/// Why the guest trapped.
///
/// - `event`: the event.
///
/// Returns one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` if it didn't trap, or if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_trap(event: *const pellucid_event_t) -> pellucid_trap_t {
    entry!(value 0; ref event => event.event().trap.map_or(0, |code| code as pellucid_trap_t))
}

/// The memory access that made the guest trap.
///
/// - `event`: the event.
/// - `out_memory`: gets the memory's number in its store, the `index` of its handle; may be NULL.
/// - `out_address`: gets the first byte that couldn't be accessed, as an offset in the memory; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it isn't a trap of a memory access, or the address isn't known.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_fault(
    event: *const pellucid_event_t,
    out_memory: *mut u64,
    out_address: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt_out out_memory, opt_out out_address => {
        let Some(fault) = event.event().fault else { bail!(NotFound, "the event has no memory access") };
        out_memory.set(fault.memory);
        out_address.set(fault.address);
        Ok(())
    })
}

/// The error that the call ends with, if the event is a trap, the failure of a host function, an exception that isn't caught, or the end of a call
/// that has failed.
///
/// - `event`: the event.
/// - `out_error`: gets the error, backtrace included.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the call hasn't failed.
///
/// Owns: the caller owns `*out_error`.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_error(
    event: *const pellucid_event_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, out out_error => {
        let Some(error) = &event.event().error else { bail!(NotFound, "the call hasn't failed") };
        out_error.set(pellucid_error_t::give(error.clone()));
        Ok(())
    })
}

/// Whether the guest can pause at this event: its call is one of `pellucid_call_begin` and hasn't ended.
///
/// - `event`: the event.
///
/// Returns whether it can; false if `event` is NULL.
///
/// Owns: nothing.
/// Context: while the event is valid.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_can_pause(event: *const pellucid_event_t) -> bool {
    entry!(value false; ref event => event.event().can_pause)
}

/// Sets the message of the trap, if the handler answers `PELLUCID_ACTION_TRAP`.
///
/// - `event`: the event.
/// - `message`, `n_message`: one line for people, UTF-8; it is copied.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the message isn't UTF-8.
///
/// Owns: nothing.
/// Context: in the handler that was given `event`; elsewhere it has no effect.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_set_message(
    event: *mut pellucid_event_t,
    message: *const c_char,
    n_message: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, text message n_message => {
        event.message.replace(Some(message.to_string()));
        Ok(())
    })
}

/// Says what a step counts from, and where to, if the handler answers `PELLUCID_ACTION_STEP_OVER`, `PELLUCID_ACTION_STEP_OUT` or
/// `PELLUCID_ACTION_RUN_TO`.
///
/// - `event`: the event.
/// - `frame`: a frame of the call that the event happened to; may be NULL for the innermost as it is when the handler returns, which is what
///   counts without this function, and if the handler moves this frame afterwards.
/// - `pc`: for `PELLUCID_ACTION_RUN_TO`: an operator of the frame's module; 0 for none. One between operators means the next.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a frame of another
/// call; `PELLUCID_ERR_INVALID_STATE` if the call has no frame, or if the event is over; `PELLUCID_ERR_OUT_OF_RANGE` for a pc in no
/// function's body; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: in the handler that was given `event`; elsewhere it has no effect.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_event_set_goal(
    event: *mut pellucid_event_t,
    frame: *const pellucid_frame_t,
    pc: u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref event, opt frame => {
        let Some(debuggee) = event.debuggee() else { bail!(InvalidState, "no handler is being told of the event") };
        event.goal.set(StepFrom::new(debuggee, event.event().call, frame, pc)?);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_numbers_are_those_of_the_core() {
        assert_eq!(EventKind::HostError.bit(), pellucid_event_kind::PELLUCID_EVENT_HOST_ERROR as u32);
        assert_eq!(EventKind::Trap.bit(), pellucid_event_kind::PELLUCID_EVENT_TRAP as u32);
        assert_eq!(EventKind::Breakpoint.bit(), pellucid_event_kind::PELLUCID_EVENT_BREAKPOINT as u32);
        assert_eq!(EventKind::CaughtException.bit(), pellucid_event_kind::PELLUCID_EVENT_EXCEPTION as u32);
        let uncaught = pellucid_event_kind::PELLUCID_EVENT_UNCAUGHT_EXCEPTION as u32;
        assert_eq!(EventKind::UncaughtException.bit(), uncaught);
        assert_eq!(EventKind::Watchpoint.bit(), pellucid_event_kind::PELLUCID_EVENT_WATCHPOINT as u32);
        assert_eq!(EventKind::Step.bit(), pellucid_event_kind::PELLUCID_EVENT_STEP as u32);
        assert_eq!(EventKind::FunctionEntry.bit(), pellucid_event_kind::PELLUCID_EVENT_FUNCTION_ENTRY as u32);
        assert_eq!(EventKind::FunctionExit.bit(), pellucid_event_kind::PELLUCID_EVENT_FUNCTION_EXIT as u32);
        assert_eq!(EventKind::MemoryGrown.bit(), pellucid_event_kind::PELLUCID_EVENT_MEMORY_GROWN as u32);
        assert_eq!(EventKind::ModuleLoaded.bit(), pellucid_event_kind::PELLUCID_EVENT_MODULE_LOADED as u32);
        assert_eq!(EventKind::InstanceCreated.bit(), pellucid_event_kind::PELLUCID_EVENT_INSTANCE_CREATED as u32);
        assert_eq!(EventKind::CallFinished.bit(), pellucid_event_kind::PELLUCID_EVENT_CALL_FINISHED as u32);
        assert_eq!(EventKind::ALL, pellucid_event_kind::PELLUCID_EVENT_ALL as u32);
        let nested = pellucid_event_flag::PELLUCID_EVENT_NESTED as u32;
        assert_eq!(core_mask(nested | 8).unwrap(), EventKind::NESTED | 8);
        assert!(core_mask(1 << 7).is_err() && core_mask(1 << 31).is_err());
    }
}
