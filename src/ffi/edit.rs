//! Edit sessions: changes to a store's breakpoints and watchpoints, all or none of which are made.
//!
//! Knows nothing of code. Invariant: a session that was committed or discarded refuses everything but its deletion.

use super::bytes::pellucid_str_t;
use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::{Keep, entry};
use super::error::pellucid_error_t;
use super::error::pellucid_trap_t;
use super::frame::pellucid_frame_t;
use super::handle::{pellucid_instance_t, pellucid_tag_t};
use super::module::{func_index, pellucid_module_t};
use super::pointer::alive;
use super::status::pellucid_status_t;
use super::store::{pellucid_store_t, refuse_deletion};
use crate::base::{FuncIndex, Result, TrapCode, WasmPc, error::bail, memory};
use crate::debug::{BreakpointOptions, Condition, Debuggee, Edit, Frame, ImportedFunction, LogPointHandler};
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
/// takes effect at once, in running and paused calls too, also at the operator that a call is about to execute, and makes no frame stale.
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

/// Intends to add a breakpoint at all operators of a module that call an imported function, before the call, which is enabled, whatever the
/// function is bound to: one of the host's, of WASI's or another guest's. Calls by a table or a reference are among them, if it is the function
/// that they call; calls of the host's, and of modules that don't import it, aren't.
///
/// What an operator like `call_indirect` calls shows only when it does. So each that takes functions of such a type is one of the breakpoint's
/// operators, and stops the guest for as long as it takes to look; if it calls another function, the breakpoint isn't reached.
///
/// - `edit`: the session.
/// - `module`: the module that imports the function.
/// - `func_index`: which function; it must be imported, so it is less than the number of imported functions.
/// - `out_id`: gets the breakpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`, also if the module has no such calls; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for one that isn't imported, or a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is
/// over; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_import_calls(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    func_index: u32,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, ref module, opt_out out_id => {
        let import = ImportedFunction::Index(FuncIndex::from_u32(func_index));
        let module = Some(module.module());
        out_id.set(edit.change(|intents| intents.add_at_import_calls(edit.store.debuggee(), module, import))?);
        Ok(())
    })
}

/// The same for all imported functions of these names, in one module or in every module of the store, also in those that come later.
///
///     pellucid_edit_add_at_import_name_calls(edit, NULL, "wasi_snapshot_preview1", 22, "fd_write", 8, &id);
///
/// - `edit`: the session.
/// - `module`: the module; may be NULL for every module.
/// - `import_module`, `n_import_module`: the first of the import's two names, UTF-8.
/// - `import_name`, `n_import_name`: the second.
/// - `out_id`: gets the breakpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if `module` imports no such function; `PELLUCID_ERR_INVALID_ARGUMENT`
/// for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_import_name_calls(
    edit: *mut pellucid_edit_t,
    module: *const pellucid_module_t,
    import_module: *const c_char,
    n_import_module: usize,
    import_name: *const c_char,
    n_import_name: usize,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, opt module, text import_module n_import_module, text import_name n_import_name,
        opt_out out_id => {
        memory::ask(n_import_module.saturating_add(n_import_name).saturating_add(256))?;
        let import = ImportedFunction::Names(import_module.into(), import_name.into());
        let module = module.map(|module| module.module());
        out_id.set(edit.change(|intents| intents.add_at_import_calls(edit.store.debuggee(), module, import))?);
        Ok(())
    })
}

/// Intends to add a breakpoint at traps, in whichever function, which is enabled.
///
/// What it raises is the event of the trap, `PELLUCID_EVENT_TRAP`, or `PELLUCID_EVENT_HOST_ERROR` for `PELLUCID_TRAP_HOST_ERROR`, in which
/// `pellucid_event_breakpoints` has its id. A handler gets it that wants events of that kind, or that wants `PELLUCID_EVENT_BREAKPOINT`: so
/// one that isn't for all traps needn't want those. Options and conditions are of the frame that has trapped, at the operator that did; an
/// expression has the values before it. The call is over, as after any trap.
///
/// - `edit`: the session.
/// - `code`: the trap, one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` for any, but for exceptions that nobody catches.
/// - `out_id`: gets the breakpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a number that is no trap's, `PELLUCID_TRAP_EXCEPTION`, or
/// `PELLUCID_TRAP_REQUESTED`, which the host asks for; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without
/// memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_trap(
    edit: *mut pellucid_edit_t,
    code: pellucid_trap_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, opt_out out_id => {
        let known = u8::try_from(code).ok().and_then(TrapCode::from_u8);
        if code != 0 && known.is_none() {
            bail!(InvalidArgument, "{code} is no trap");
        }
        out_id.set(edit.change(|intents| intents.add_at_trap(edit.store.debuggee(), known))?);
        Ok(())
    })
}

/// Which exceptions a breakpoint is at: of `enum pellucid_throw`, or-ed together.
///
/// Since: 0.1.
pub type pellucid_throw_t = u32;

/// Values of `pellucid_throw_t`: bits.
#[repr(C)]
pub enum pellucid_throw {
    /// Those that the call catches.
    PELLUCID_THROW_CAUGHT = 1,
    /// Those that it doesn't.
    PELLUCID_THROW_UNCAUGHT = 2,
}

/// Intends to add a breakpoint at exceptions that are thrown, in whichever function, which is enabled.
///
/// What it raises is the event of the exception, `PELLUCID_EVENT_EXCEPTION` or `PELLUCID_EVENT_UNCAUGHT_EXCEPTION`, in which
/// `pellucid_event_breakpoints` has its id. A handler gets it that wants events of that kind, or that wants `PELLUCID_EVENT_BREAKPOINT`: so
/// one that isn't for all exceptions needn't want those. Options and conditions are of the frame that has thrown it.
///
///     pellucid_edit_add_at_exception(edit, &tag, PELLUCID_THROW_CAUGHT | PELLUCID_THROW_UNCAUGHT, &id);
///
/// A resumable call pauses at exceptions that are caught for which there is no handler, whether there are breakpoints or not.
///
/// - `edit`: the session.
/// - `tag`: the exceptions' tag; may be NULL for any.
/// - `which`: `PELLUCID_THROW_CAUGHT`, `PELLUCID_THROW_UNCAUGHT`, or both.
/// - `out_id`: gets the breakpoint's id; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if `which` is neither nor both; `PELLUCID_ERR_WRONG_STORE` or
/// `PELLUCID_ERR_OUT_OF_RANGE` for the tag; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_add_at_exception(
    edit: *mut pellucid_edit_t,
    tag: *const pellucid_tag_t,
    which: pellucid_throw_t,
    out_id: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); child edit, opt tag, opt_out out_id => {
        let (caught, uncaught) = (which & 1 != 0, which & 2 != 0);
        if which > 3 {
            bail!(InvalidArgument, "{which:#x} has bits that stand for no exceptions");
        }
        let tag = tag.map(|tag| (*tag).into());
        out_id.set(edit.change(|intents| intents.add_at_exception(edit.store.debuggee(), tag, caught, uncaught))?);
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
///     "a name"  $"a name"        the same of any name that has no quotes itself
///     i32[address]                what is at an address of memory 0: i8 u8 i16 u16 i32 u32 i64 f32 f64; [address] is i32[address]
///     i32[address, 1]             of another memory
///     - ! ~ * / % + - << >> < <= > >= == != & ^ | && ||     as in C, and parentheses
///
/// Names are those of the name section, globals also have those of their exports. Integers have 64 bits, signed, and wrap around; those of
/// 32 bits are extended with their sign, numbers from 2^63 up to 2^64 - 1 stand for the integer of the same bits, and shifts are by the lowest six
/// bits of the number on their right. Where one side is a float both are, of 64 bits. A reference is 0 if it is null, otherwise 1. What is right of
/// `&&` and `||` isn't evaluated if the left decides. A vector can't be named.
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

/// Intends to make a breakpoint or watchpoint a log point: where it would raise an event the guest goes on, and the host is handed a text
/// (`pellucid_store_set_log_point_handler`).
///
///     pellucid_edit_set_log_text(edit, id, "x is {$x}, and there is {i32[$x + 4]}", 37, &error);
///
/// In the text an expression between braces (`pellucid_edit_set_expression`) stands for what it is in the frame: an integer, or a float in the
/// shortest form that is read back as the same. `{{` and `}}` are braces. What can't be told there is told as `{$x / 0: not known here}`.
///
/// Its options and conditions decide whether it counts. It is told whether or not anybody wants events; not while an event handler runs,
/// unless that wants the events of its own calls. Other breakpoints at the same operator raise their event afterwards.
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
/// - `text`, `n_text`: the text, UTF-8, of at most 4096 bytes; without any it is no log point any more.
/// - `out_error`: gets an error object on failure, which says where the mistake is; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_NOT_FOUND` if there is no
/// such breakpoint or watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` for a brace that stands alone, for what is no expression, or names what isn't
/// in the one function that a breakpoint at a pc is in; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_edit_set_log_text(
    edit: *mut pellucid_edit_t,
    id: u64,
    text: *const c_char,
    n_text: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; child edit, text text n_text => {
        let text = (!text.is_empty()).then_some(text);
        edit.change(|intents| intents.set_log_text(edit.store.debuggee(), id, text))
    })
}

/// Takes the text of a log point that a guest has reached.
///
/// - `userdata`: as registered.
/// - `store`: the store. It may be used as by an event handler.
/// - `frame`: the frame that has reached it.
/// - `id`: the breakpoint or watchpoint.
/// - `text`: the finished text. Valid until the callback returns.
///
/// It must return, and not by `longjmp` or a C++ exception.
///
/// Since: 0.1.
pub type pellucid_log_point_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        store: *mut pellucid_store_t,
        frame: *const pellucid_frame_t,
        id: u64,
        text: *const pellucid_str_t,
    ),
>;

/// Has the texts of a store's log points handed to a callback, instead of the one until now. Without one they are log messages of level
/// `PELLUCID_LOG_INFO`.
///
/// - `store`: the store.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: the callback; may be NULL for none.
/// - `finalizer`: frees `userdata` when the callback has been replaced and has returned, or when the store goes; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the store owns `userdata` until the finalizer runs.
/// Context: any, also in the callback that is replaced.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_log_point_handler(
    store: *mut pellucid_store_t,
    userdata: *mut c_void,
    cb: pellucid_log_point_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); store store => {
        let handler = cb.map(|cb| -> LogPointHandler {
            Box::new(move |debuggee: &Debuggee, frame: &Frame, id: u64, text: &str| {
                let store = pellucid_store_t::of(debuggee.store());
                let (frame, text) = (pellucid_frame_t::from(*frame), pellucid_str_t::new(text));
                // SAFETY: the host gave the function for this userdata (header: `pellucid_log_point_cb_t`); the store, the frame and the
                // text outlive the call.
                unsafe { cb(userdata.pointer(), store, &frame, id, &text) }
            })
        });
        store.debuggee().set_log_point_handler(handler)
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
