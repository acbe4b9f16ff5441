//! Stores: what a store is for C, who keeps it alive, and what it holds.
//!
//! Knows nothing of running. Invariants: the C pointer is one strong reference of an `Rc`; calls and edit sessions hold
//! others, and so does every entry point that runs guest code, so that a store deleted by a callback of its own lives
//! until the guest has been left. Only a quick call holds none: while it runs, deletion leaves it that of C. The core's
//! store points back to the object. Read next: [`func`](super::func).

use super::callback::{Userdata, pellucid_finalizer_t};
use super::config::{limit, pellucid_limit_t, set_limit};
use super::engine::pellucid_engine_t;
use super::entry::{Keep, entry};
use super::error::pellucid_error_t;
use super::handle::pellucid_instance_t;
use super::module::pellucid_module_t;
use super::owner::{Claim, Owner, busy};
use super::pointer::alive;
use super::status::pellucid_status_t;
use crate::base::{Result, error::bail};
use crate::debug::Debuggee;
use crate::runtime::{Engine, Store};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};

/// A store: where instances, memories, tables, globals and functions live, and where guests run. An owned object.
///
///     pellucid_store_t *store;
///     pellucid_store_new(engine, NULL, NULL, &store, &error);
///     pellucid_instance_new(store, module, NULL, 0, &instance, &error);
///     ...
///     pellucid_store_delete(store);
///
/// One thread at a time uses a store and its calls and edit sessions; between uses they may move to another thread, also
/// while a call is paused. Callbacks use the store that called them, on the thread that called them. Whatever another thread
/// tries meanwhile is refused with `PELLUCID_ERR_BUSY`; functions that return no status answer as if the store were NULL.
///
/// Since: 0.1.
pub struct pellucid_store_t {
    // Declared first: host functions are dropped, and their finalizers run, before the store's own userdata goes.
    debuggee: Debuggee,
    userdata: Userdata,
    life: Cell<Life>,
    owner: Owner,
    this: Weak<pellucid_store_t>,
}

/// How far a store's deletion is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    /// Deleted, but the reference that C had is still there, for the quick call that runs to give up.
    Deferred,
    Deleted,
    /// What is in it is being freed.
    Going,
}

impl Drop for pellucid_store_t {
    fn drop(&mut self) {
        self.life.set(Life::Going);
    }
}

impl pellucid_store_t {
    /// A new object. Whoever gives it to C gives up a reference.
    pub(super) fn make(engine: &Engine, userdata: Userdata) -> Result<Rc<pellucid_store_t>> {
        let debuggee = Debuggee::new(engine, engine.config().limits)?;
        let store = Rc::new_cyclic(|this| pellucid_store_t {
            debuggee,
            userdata,
            life: Cell::new(Life::Alive),
            owner: Owner::default(),
            this: this.clone(),
        });
        store.core().set_embedder(Rc::as_ptr(&store).cast_mut().cast());
        Ok(store)
    }

    /// Whether a quick call can be tried, which holds no reference; see [`pellucid_store_t::give_up_deferred`].
    #[inline(always)]
    pub(super) fn allows_quick_calls(&self) -> bool {
        self.life.get() != Life::Going
    }

    /// After a quick call that was left slow_path: gives up the reference that C had, if the store was deleted during the call.
    pub(super) fn give_up_deferred(&self) {
        if self.life.get() == Life::Deferred {
            self.life.set(Life::Deleted);
            // SAFETY: `this` has the address from `Rc::into_raw` in `pellucid_store_new`, and `Deferred` means that its
            // reference is still to be given up, which is done once.
            drop(unsafe { Rc::from_raw(self.this.as_ptr()) });
        }
    }

    /// Has this thread use the store, as long as what is answered lives. `Busy` if another thread uses it.
    #[inline(always)]
    pub(super) fn claim(&self) -> Result<Claim<'_>> {
        self.owner.claim().ok_or_else(busy)
    }

    /// The word that claims are made at.
    #[inline(always)]
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// A reference that doesn't keep it alive.
    pub(super) fn weak(&self) -> Weak<pellucid_store_t> {
        self.this.clone()
    }

    /// The core's store with its debugger.
    pub(super) fn debuggee(&self) -> &Debuggee {
        &self.debuggee
    }

    /// The core's store.
    pub(super) fn core(&self) -> &Store {
        self.debuggee.store()
    }

    /// `InvalidState` in a finalizer that runs because the store goes: it must not be used there, and that is easy to see.
    #[inline]
    pub(super) fn check_alive(&self) -> Result<()> {
        if self.this.strong_count() == 0 {
            bail!(InvalidState, "the store is being deleted");
        }
        Ok(())
    }

    /// The object that a core store belongs to.
    pub(super) fn of(core: &Store) -> *mut pellucid_store_t {
        core.embedder().cast()
    }

    /// Makes the store unusable after a panic.
    pub(super) fn poison_after_panic(&self) {
        self.core().poison("an internal error left it in an unknown state");
    }
}

impl Keep for pellucid_store_t {
    /// It is what running guest code and children hold. None in a finalizer that runs because the store goes.
    #[inline]
    fn keep(&self) -> Option<Rc<pellucid_store_t>> {
        self.this.upgrade()
    }

    #[inline(always)]
    fn used_store(&self) -> &pellucid_store_t {
        self
    }
}

/// Makes an empty store.
///
/// - `engine`: what its modules are compiled with.
/// - `userdata`: for the host's own use, see `pellucid_store_userdata`; may be NULL.
/// - `finalizer`: frees `userdata` after everything else in the store is gone; may be NULL.
/// - `out_store`: gets the store.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_store` and `*out_error`; the store owns `userdata` until the finalizer runs.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_new(
    engine: *const pellucid_engine_t,
    userdata: *mut c_void,
    finalizer: pellucid_finalizer_t,
    out_store: *mut *mut pellucid_store_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; room small, ref engine, out out_store => {
        let store = pellucid_store_t::make(engine.engine(), userdata)?;
        out_store.set(Rc::into_raw(store).cast_mut());
        Ok(())
    })
}

/// Deletes a store with all that lives in it.
///
/// Its calls and edit sessions keep what they need of it until they are deleted too. A callback may delete the store
/// that called it: the store then stays usable until the outermost function that runs guest code in it returns. While another
/// thread is using the store nothing is deleted, and an error is logged.
///
/// - `store`: the store; NULL is fine.
///
/// Owns: takes `store`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_delete(store: *mut pellucid_store_t) {
    // SAFETY: NULL, or a store that is alive: not deleted, or deleted by a callback of its own that is still running.
    let Some(object) = (unsafe { alive(store) }) else { return };
    let Ok(claim) = object.claim() else { return refuse_deletion("store") };
    if object.life.get() != Life::Alive {
        return;
    }
    if object.core().runs_quick_call() {
        object.life.set(Life::Deferred);
        object.core().require_slow_path();
        return;
    }
    object.life.set(Life::Deleted);
    let (claim, this) = (claim.loose(), object.weak());
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: `pellucid_store_new` made the pointer by `Rc::into_raw`, and its reference is given up once (`life`).
        drop(unsafe { Rc::from_raw(store) });
    }));
    claim.end_at(&this);
}

/// What a deletion does that another thread's use stands in the way of.
#[cold]
pub(super) fn refuse_deletion(what: &str) {
    log::error!("not deleted, since another thread is using the store: {what}");
}

/// The host's pointer that the store was made with.
///
/// - `store`: the store.
///
/// Returns the pointer; NULL if `store` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_userdata(store: *const pellucid_store_t) -> *mut c_void {
    entry!(value null_mut(); store store => store.userdata.pointer())
}

/// The number that the store's handles carry.
///
/// - `store`: the store.
///
/// Returns the number, which no other store of the process has or had; 0 if `store` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_id(store: *const pellucid_store_t) -> u64 {
    entry!(value 0; store store => store.core().id().0)
}

/// Whether guests in this store can be debugged.
///
/// - `store`: the store.
///
/// Returns what `pellucid_config_set_debug` chose for its engine; false if `store` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_is_debug(store: *const pellucid_store_t) -> bool {
    entry!(value false; store store => store.debuggee.is_debug())
}

/// Whether an earlier failure made the store unusable.
///
/// - `store`: the store.
///
/// Returns whether it did; false if `store` is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_is_poisoned(store: *const pellucid_store_t) -> bool {
    entry!(value false; store store => store.core().check_poisoned().is_err())
}

/// Gives the memory of guest stacks that no call uses back to the system. A store keeps up to 17 of them for its next calls, each with
/// as much memory as calls have ever used on it. The next calls get it again, page by page, which takes longer once. For
/// stores that are not going to be used for a while.
///
/// - `store`: the store.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_trim(store: *mut pellucid_store_t) -> pellucid_status_t {
    entry!(status null_mut(); store store => {
        store.core().trim();
        Ok(())
    })
}

/// Sets how much of something the store may use. What it has already isn't taken away.
///
/// - `store`: the store.
/// - `limit`: one of `enum pellucid_limit`.
/// - `value`: how much it may use.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit or a value that it
/// can't have.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_set_limit(
    store: *mut pellucid_store_t,
    limit: pellucid_limit_t,
    value: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store => {
        let mut limits = store.core().limits();
        set_limit(&mut limits, limit, value)?;
        store.core().set_limits(limits);
        Ok(())
    })
}

/// How much of something the store may use.
///
/// - `store`: the store.
/// - `limit`: one of `enum pellucid_limit`.
/// - `out_value`: gets the limit.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_limit(
    store: *const pellucid_store_t,
    limit: pellucid_limit_t,
    out_value: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_value => {
        out_value.set(self::limit(&store.core().limits(), limit)?);
        Ok(())
    })
}

/// How many instances the store has.
///
/// - `store`: the store.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_instance_count(
    store: *const pellucid_store_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_n => {
        out_n.set(store.debuggee.instances()?.len());
        Ok(())
    })
}

/// An instance of the store, whoever made it.
///
/// - `store`: the store.
/// - `index`: less than `pellucid_store_instance_count`; in order of creation.
/// - `out_instance`: gets the instance.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_instance(
    store: *const pellucid_store_t,
    index: usize,
    out_instance: *mut pellucid_instance_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_instance => {
        let instances = store.debuggee.instances()?;
        let Some(instance) = instances.get(index) else {
            bail!(OutOfRange, "the store has {} instances", instances.len());
        };
        out_instance.set((*instance).into());
        Ok(())
    })
}

/// How many modules have instances in the store.
///
/// - `store`: the store.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_module_count(
    store: *const pellucid_store_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_n => {
        out_n.set(store.debuggee.modules()?.len());
        Ok(())
    })
}

/// A module that has instances in the store.
///
/// - `store`: the store.
/// - `index`: less than `pellucid_store_module_count`; in the order in which they were first instantiated.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the caller owns `*out_module`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_module(
    store: *const pellucid_store_t,
    index: usize,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_module => {
        let modules = store.debuggee.modules()?;
        let Some(module) = modules.get(index) else {
            bail!(OutOfRange, "the store has {} modules", modules.len());
        };
        out_module.give(pellucid_module_t::new(module.clone()))
    })
}
