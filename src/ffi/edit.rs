//! Edit sessions: changes to a store's breakpoints, all or none of which are made.
//!
//! Knows nothing of code. Invariant: a session that was committed or discarded refuses everything but its deletion.

use super::entry::{Keep, entry};
use super::error::pellucid_error_t;
use super::module::{func_index, pellucid_module_t};
use super::pointer::alive;
use super::status::pellucid_status_t;
use super::store::{pellucid_store_t, refuse_deletion};
use crate::base::{Result, WasmPc, error::bail};
use crate::debug::Edit;
use std::cell::RefCell;
use std::ptr::null_mut;
use std::rc::Rc;

/// A list of intended changes to a store's breakpoints. An owned object.
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

    fn change<R>(&self, change: impl FnOnce(&mut Edit) -> Result<R>) -> Result<R> {
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

/// Intends to remove a breakpoint. Whether it exists is checked by the commit.
///
/// - `edit`: the session.
/// - `id`: the breakpoint's id; it may be one that this session adds.
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

/// Intends to enable or disable a breakpoint. Whether it exists is checked by the commit.
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
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if a breakpoint that it names doesn't exist;
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
