//! Edit sessions: changes to a store's breakpoints and watchpoints, all or none of which are made.
//!
//! Knows nothing of code. Invariant: a session that was committed or discarded refuses everything but its deletion.

use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::{Keep, entry};
use super::error::pellucid_error_t;
use super::frame::pellucid_frame_t;
use super::handle::pellucid_instance_t;
use super::module::{func_index, pellucid_module_t};
use super::pointer::alive;
use super::status::pellucid_status_t;
use super::store::{pellucid_store_t, refuse_deletion};
use crate::base::{FuncIndex, Result, WasmPc, error::bail};
use crate::debug::{BreakpointOptions, Condition, Debuggee, Edit, Frame};
use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

/// A list of intended changes to a store's breakpoints and watchpoints. An owned object.
///
///     pellucid_edit_t *edit;
///     pellucid_edit_begin(store, &edit);
///     pellucid_edit_add(edit, module, pc, &id, &actual_pc);
///     pellucid_edit_commit(edit, &error);
///     pellucid_edit_delete(edit);
///
/// Nothing happens before the commit, which makes all changes or none. Any number of sessions may be under way. A commit
/// takes effect at once, in running and paused calls too, and makes no frame stale.
///
/// Using or deleting a session is a use of its store, as far as threads are concerned.
///
/// Since: 0.1.
pub struct pellucid_edit_t {
    edit: RefCell<Option<Edit>>,
    store: Rc<pellucid_store_t>,
}

impl pellucid_edit_t {
    /// The store whose breakpoints it edits.
    pub(super) fn store(&self) -> &pellucid_store_t {
        &self.store
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Edit) -> Result<R>) -> Result<R> {
        match self.edit.borrow_mut().as_mut() {
            Some(edit) => change(edit),
            None => bail!(InvalidState, "the edit session is over"),
        }
    }

    fn end(&self) -> Result<Edit> {
        match self.edit.take() {
            Some(edit) => Ok(edit),
            None => bail!(InvalidState, "the edit session is over"),
        }
    }
}

/// Begins an edit session.
///
/// - `store`: the store whose breakpoints to edit.
/// - `out_edit`: gets the session.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the caller owns `*out_edit`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_begin(
    store: *mut pellucid_store_t,
    out_edit: *mut *mut pellucid_edit_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_edit => {
        let edit = Edit::begin(store.debuggee())?;
        let store = store.keep().expect("it was checked to be alive");
        out_edit.give(pellucid_edit_t { edit: RefCell::new(Some(edit)), store })
    })
}

/// Deletes an edit session, and discards it unless it was committed. While another thread is using the store nothing is
/// deleted, and an error is logged.
///
/// - `edit`: the session; NULL is fine.
///
/// Owns: takes `edit`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_delete(edit: *mut pellucid_edit_t) {
    // SAFETY: NULL, or a session that isn't deleted.
    let Some(object) = (unsafe { alive(edit) }) else { return };
    let Ok(claim) = object.store.claim() else { return refuse_deletion("edit session") };
    let (claim, store) = (claim.loose(), object.store.weak());
    entry!(delete edit);
    claim.end_at(&store);
}

/// Intends to add a breakpoint, which is enabled.
///
/// It lands at the first operator at or after `pc` in the same function's body; a pc in the declarations of the
/// function's locals lands at its first operator. Any number of breakpoints may be at the same operator. All instances
/// of the module in the store share it, also those that are made later.
///
/// - `edit`: the session.
/// - `module`: the module.
/// - `pc`: an offset in the module's bytes.
/// - `out_id`: gets the breakpoint's id, which is never 0 and never reused in the store; may be NULL.
/// - `out_actual_pc`: gets the operator where it lands; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` past the last operator of a body, or outside
/// all bodies; `PELLUCID_ERR_INVALID_ARGUMENT` for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the
/// session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    pc: u32,
    out_id: *mut u64,
    out_actual_pc: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, ref module, opt_out out_id, opt_out out_actual_pc => {
        let (id, actual) = edit.change(|intents| intents.add(edit.store.debuggee(), module.module(), WasmPc(pc)))?;
        out_id.set(id);
        out_actual_pc.set(actual.0);
        Ok(())
    })
}

/// Intends to add a breakpoint at a function's first operator.
///
/// - `edit`: the session.
/// - `module`: the module.
/// - `func_index`: less than `pellucid_module_func_count`; imports come first.
/// - `out_id`: gets the breakpoint's id; may be NULL.
/// - `out_actual_pc`: gets the operator where it lands; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for an imported one, or a module of another engine; `PELLUCID_ERR_INVALID_STATE` if
/// the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_function(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    func_index: u32,
    out_id: *mut u64,
    out_actual_pc: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, ref module, opt_out out_id, opt_out out_actual_pc => {
        let module = module.module();
        let function = self::func_index(module.info(), func_index)?;
        let (id, actual) = edit.change(|intents| intents.add_at_function(edit.store.debuggee(), module, function))?;
        out_id.set(id);
        out_actual_pc.set(actual.0);
        Ok(())
    })
}

/// Intends to add a breakpoint at the first operators of all functions of a name, which is enabled.
///
/// Those are the function that is exported under the name and all functions to which the name section gives it; neither goes before the
/// other. Functions without a body are none: an import is no place to stop at. Options, conditions and counts are the breakpoint's, not
/// each function's.
///
///     pellucid_edit_add_at_function_name(edit, NULL, "allocate", 8, &id);
///
/// Without a module the breakpoint is in every module of the store, also in those that come later, from their start functions on. It needs
/// no such function to be there: `pellucid_breakpoint_places` tells where it is.
///
/// - `edit`: the session.
/// - `module`: the module; may be NULL for every module.
/// - `name`, `n_name`: the name, UTF-8, and its length in bytes.
/// - `out_id`: gets the breakpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if `module` has no such function; `PELLUCID_ERR_INVALID_ARGUMENT`
/// without a name, or for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without
/// memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_function_name(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    name: *const c_char,
    n_name: usize,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, opt module, text name n_name, opt_out out_id => {
        let module = module.map(|module| module.module());
        out_id.set(edit.change(|intents| intents.add_at_function_name(edit.store.debuggee(), module, name))?);
        Ok(())
    })
}

/// Intends to remove a breakpoint or watchpoint. Whether it exists is checked by the commit.
///
/// - `edit`: the session.
/// - `id`: its id; it may be one that this session adds.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_remove(edit: *mut pellucid_edit_t, id: u64) -> pellucid_status_t {
    entry!(status null_mut(); child edit => {
        edit.change(|intents| {
            intents.remove(id);
            Ok(())
        })
    })
}

/// Intends to enable or disable a breakpoint or watchpoint. Whether it exists is checked by the commit.
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
/// - `is_enabled`: whether it raises events.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_enable(
    edit: *mut pellucid_edit_t,
    id: u64,
    is_enabled: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit => {
        edit.change(|intents| {
            intents.enable(id, is_enabled);
            Ok(())
        })
    })
}

/// When a breakpoint or watchpoint that is reached, and enabled, raises an event: if all of this holds, and its conditions if it has any
/// (`pellucid_edit_set_condition`, `pellucid_edit_set_expression`). All zeros for always.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct pellucid_breakpoint_options_t {
    /// The instance that the frame runs in; zeros for any.
    pub instance: pellucid_instance_t,
    /// The frame, by its key, see `pellucid_frame_key`; 0 for any. When the frame is gone the key may be given again: remove the
    /// breakpoint then.
    pub frame_key: u64,
    /// How many times all else holds, the condition included, without an event.
    pub ignore_count: u64,
    /// 1 if it is removed when it raises its first event, before anybody is told of that: the event has its id, which stands for nothing any
    /// more. Else 0.
    pub is_one_shot: u32,
    /// 0.
    pub reserved: u32,
}

impl From<BreakpointOptions> for pellucid_breakpoint_options_t {
    fn from(options: BreakpointOptions) -> pellucid_breakpoint_options_t {
        let BreakpointOptions { instance, frame_key, ignore_count, is_one_shot } = options;
        pellucid_breakpoint_options_t {
            instance: instance.map(Into::into).unwrap_or_default(),
            frame_key: frame_key.unwrap_or(0),
            ignore_count,
            is_one_shot: is_one_shot.into(),
            reserved: 0,
        }
    }
}

/// Intends to give a breakpoint or watchpoint options, instead of those that it has. What is to be ignored is counted anew. Whether the breakpoint exists is
/// checked by the commit.
///
///     pellucid_breakpoint_options_t options = {.ignore_count = 99, .is_one_shot = 1};
///     pellucid_edit_add(edit, module, pc, &id, NULL);
///     pellucid_edit_set_options(edit, id, &options);
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
/// - `options`: the options.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_INVALID_ARGUMENT` if
/// `is_one_shot` is neither 0 nor 1, or `reserved` isn't 0; `PELLUCID_ERR_WRONG_STORE` or `PELLUCID_ERR_OUT_OF_RANGE` for the instance.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_set_options(
    edit: *mut pellucid_edit_t,
    id: u64,
    options: *const pellucid_breakpoint_options_t,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, copy options => {
        let pellucid_breakpoint_options_t { instance, frame_key, ignore_count, is_one_shot, reserved } = options;
        if is_one_shot > 1 || reserved != 0 {
            bail!(InvalidArgument, "the options have members that are neither 0 nor 1, or reserved");
        }
        let instance = (instance != pellucid_instance_t::default()).then(|| instance.into());
        if let Some(instance) = instance {
            edit.store.core().instance_module(instance)?;
        }
        let frame_key = (frame_key != 0).then_some(frame_key);
        edit.change(|intents| {
            intents.set_options(id, BreakpointOptions { instance, frame_key, ignore_count, is_one_shot: is_one_shot == 1 });
            Ok(())
        })
    })
}

/// Says whether a breakpoint or watchpoint that the guest has reached raises an event.
///
/// - `userdata`: as registered.
/// - `store`: the store. The condition may use it as an event handler may, and delete it.
/// - `frame`: the frame that has reached it.
/// - `id`: the breakpoint or watchpoint.
///
/// It is asked only where somebody is told of the event: not for a call that can't pause if no handler wants the event, and not for guest
/// code that a handler or a condition calls. If it removes or disables what it was asked for, that raises no event, whatever it answers.
///
/// It must return, and not by `longjmp` or a C++ exception.
///
/// Since: 0.1.
pub type pellucid_condition_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        store: *mut pellucid_store_t,
        frame: *const pellucid_frame_t,
        id: u64,
    ) -> bool,
>;

/// Intends to give a breakpoint or watchpoint a condition, instead of the one that it has. Whether the breakpoint exists is checked by the commit.
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: the condition; may be NULL if it is to have none.
/// - `finalizer`: frees `userdata` when the breakpoint hasn't the condition any more, or never gets it; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: the library owns `userdata` until the finalizer runs.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_set_condition(
    edit: *mut pellucid_edit_t,
    id: u64,
    userdata: *mut c_void,
    cb: pellucid_condition_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); child edit => {
        let condition = cb.map(|cb| -> Condition {
            Box::new(move |debuggee: &Debuggee, frame: &Frame, id: u64| {
                let store = pellucid_store_t::of(debuggee.store());
                let frame = pellucid_frame_t::from(*frame);
                // SAFETY: the host gave the function for this userdata (header: `pellucid_condition_cb_t`); the store and the frame
                // outlive the call.
                unsafe { cb(userdata.pointer(), store, &frame, id) }
            })
        });
        edit.change(|intents| {
            intents.set_condition(id, condition);
            Ok(())
        })
    })
}

/// Intends to give a breakpoint or watchpoint an expression for a condition, instead of the one that it has. It is evaluated in the frame
/// that has reached it, without leaving for the host: a hit for which it is 0 raises no event, is counted as declined, and leaves a step as
/// it is. At a watchpoint the access is done by then: memory and globals are as they are now.
///
///     pellucid_edit_set_expression(edit, id, "local[0] > 5 && i32[local[1] + 8] != 0", 38, &error);
///
/// What there is:
///
///     5  0x10  2.5  1e3           numbers; without a dot or exponent they are integers
///     local[2]  $2  $name         a local of the frame
///     operand[0]  %0              an operand, counted from the bottom
///     global[1]  @1  @name        a global of its instance
///     name                        the local of this name, or else the global
///     i32[address]                what is at an address of memory 0: i8 u8 i16 u16 i32 u32 i64 f32 f64; [address] is i32[address]
///     i32[address, 1]             of another memory
///     - ! ~ * / % + - << >> < <= > >= == != & ^ | && ||     as in C, and parentheses
///
/// Names are those of the name section, globals also have those of their exports. Integers have 64 bits, signed, and wrap around; those of
/// 32 bits are extended with their sign. Where one side is a float both are, of 64 bits. A reference is 0 if it is null, otherwise 1. A vector
/// can't be named.
///
/// If it can't be told what it is, the event is raised, so that the mistake is seen: an operand isn't there, an address is outside
/// the memory, something is divided by zero, or is a float where integers are needed. That also goes for what a function hasn't, where a
/// watchpoint or a breakpoint may be reached in several: a local, a global or a memory. The breakpoint's options must hold as well, and the
/// host's condition (`pellucid_edit_set_condition`), which is asked only if the expression holds. It is evaluated only where somebody is told
/// of the event, as the host's condition is.
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
/// - `text`, `n_text`: the expression, UTF-8, of at most 1024 bytes, with at most 64 parentheses, brackets and signs inside each
///   other; without any it has none any more.
/// - `out_error`: gets an error object on failure, which says where the mistake is; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_NOT_FOUND` if there is no
/// such breakpoint or watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` if the text is no expression, or names what isn't in the one function that a
/// breakpoint at a pc is in; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_set_expression(
    edit: *mut pellucid_edit_t,
    id: u64,
    text: *const c_char,
    n_text: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child edit, text text n_text => {
        let text = (!text.is_empty()).then_some(text);
        edit.change(|intents| intents.set_expression(edit.store.debuggee(), id, text))
    })
}

/// Intends to have entries and exits of functions told (`PELLUCID_EVENT_FUNCTION_ENTRY`, `PELLUCID_EVENT_FUNCTION_EXIT`), or not any more, in
/// all instances of a module in the store, also those that come later. Without a handler for these events resumable calls pause, as at
/// breakpoints. A frame that is entered already is told of when it is left.
///
/// Only the operators are stopped at by which these functions are entered and left: all others run as before.
///
/// - `edit`: the session.
/// - `module`: the module, made with the store's engine.
/// - `first_func`, `n_funcs`: which functions, in the module's index space; imported ones among them are skipped.
/// - `is_on`: whether they are traced from then on.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_OUT_OF_RANGE` if there are
/// not so many functions, or `n_funcs` is 0; `PELLUCID_ERR_INVALID_ARGUMENT` if all are imported, or for a module of another engine;
/// `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_trace(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    first_func: u32,
    n_funcs: u32,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, ref module => {
        let functions = first_func..first_func.saturating_add(n_funcs);
        edit.change(|intents| intents.trace(edit.store.debuggee(), module.module(), functions, is_on))
    })
}

/// Whether entries and exits of a function are told.
///
/// - `store`: the store.
/// - `module`: the module.
/// - `func_index`: the function, in the module's index space.
/// - `out_is_traced`: gets the answer.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_is_traced(
    store: *const pellucid_store_t,
    module: *const pellucid_module_t,
    func_index: u32,
    out_is_traced: *mut bool,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, ref module, out out_is_traced => {
        out_is_traced.set(store.debuggee().is_traced(module.module(), FuncIndex::from_u32(func_index))?);
        Ok(())
    })
}

/// Intends to turn the store's single-step mode on or off: while it is on, each operator of each guest raises a step
/// event.
///
/// - `edit`: the session.
/// - `is_on`: whether it will be on.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_single_step(edit: *mut pellucid_edit_t, is_on: bool) -> pellucid_status_t {
    entry!(status null_mut(); child edit => {
        edit.change(|intents| {
            intents.single_step(is_on);
            Ok(())
        })
    })
}

/// Makes all the intended changes, in their order, or none of them. The session is over in either case.
///
/// - `edit`: the session, which is still to be deleted.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if a breakpoint or watchpoint that it names doesn't exist;
/// `PELLUCID_ERR_INVALID_STATE` if the session was over; `PELLUCID_ERR_SYSTEM` or `PELLUCID_ERR_POISONED` if code
/// couldn't be changed.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_commit(
    edit: *mut pellucid_edit_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child edit => edit.end()?.commit(edit.store.debuggee()))
}

/// Forgets the intended changes. The session is over.
///
/// - `edit`: the session, which is still to be deleted.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session was over.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_discard(edit: *mut pellucid_edit_t) -> pellucid_status_t {
    entry!(status null_mut(); child edit => {
        edit.end()?.discard();
        Ok(())
    })
}
