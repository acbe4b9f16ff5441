//! Linkers: instantiating modules by the names of their imports.
//!
//! Knows nothing of what the names mean. Invariant: the names aren't changed while a module is being instantiated.

use super::callback::{Userdata, pellucid_finalizer_t};
use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::func::{pellucid_func_cb_t, pellucid_func_raw_cb_t, raw, tagged};
use super::handle::pellucid_instance_t;
use super::module::pellucid_module_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_functype_t;
use super::value::pellucid_extern_t;
use crate::base::{Func, Result, error::bail};
use crate::runtime::{Engine, Extern, Linker, Store};
use std::cell::{Cell, RefCell, RefMut};
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

/// Names and what they stand for, to instantiate modules with. An owned object.
///
///     pellucid_linker_t *linker;
///     pellucid_linker_new(engine, &linker);
///     pellucid_linker_define_func(linker, store, "env", 3, "log", 3, type, NULL, log_cb, NULL, &error);
///     pellucid_linker_instantiate(linker, store, module, &instance, &error);
///     pellucid_linker_delete(linker);
///
/// One thread at a time uses a linker. While it instantiates a module, callbacks can't change it.
///
/// Since: 0.1.
pub struct pellucid_linker_t {
    pub(super) linker: Rc<RefCell<Linker>>,
    shadowing: Cell<bool>,
}

impl pellucid_linker_t {
    /// A new object.
    pub(super) fn make(engine: &Engine) -> pellucid_linker_t {
        pellucid_linker_t { linker: Rc::new(RefCell::new(Linker::new(engine))), shadowing: Cell::new(false) }
    }

    /// Defines a name for the function that `make` makes; it isn't made if the name can't be defined, since the store
    /// would keep its userdata.
    fn define_made(&self, store: &Store, module: &str, name: &str, make: impl FnOnce() -> Result<Func>) -> Result<()> {
        let mut linker = self.change()?;
        linker.check_engine(store)?;
        if !self.shadowing.get() && linker.get(store, module, name).is_some() {
            bail!(Link, "{module}.{name} is defined already");
        }
        linker.define(store, module, name, Extern::Func(make()?))
    }

    pub(super) fn change(&self) -> Result<RefMut<'_, Linker>> {
        match self.linker.try_borrow_mut() {
            Ok(linker) => Ok(linker),
            Err(_) => bail!(InvalidState, "the linker is instantiating a module"),
        }
    }
}

/// Makes a linker that knows no names.
///
/// - `engine`: the engine of the modules to instantiate, and of the stores.
/// - `out_linker`: gets the linker.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_linker`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_new(
    engine: *const pellucid_engine_t,
    out_linker: *mut *mut pellucid_linker_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref engine, out out_linker => {
        out_linker.give(pellucid_linker_t::make(engine.engine()))
    })
}

/// Deletes a linker. What was defined and instantiated with it stays in its store.
///
/// - `linker`: the linker; NULL is fine.
///
/// Owns: takes `linker`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_delete(linker: *mut pellucid_linker_t) {
    entry!(delete linker)
}

/// Sets whether defining a name again replaces what it stood for.
///
/// - `linker`: the linker.
/// - `is_on`: false at first, which makes it an error.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_set_shadowing(
    linker: *mut pellucid_linker_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref linker => {
        linker.change()?.allow_shadowing(is_on);
        linker.shadowing.set(is_on);
        Ok(())
    })
}

/// Defines a name.
///
/// - `linker`: the linker.
/// - `store`: the store of `item`.
/// - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
/// - `name`, `n_name`: the second, UTF-8.
/// - `item`: what they stand for.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` if the name is defined already and shadowing is off;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` for an item of unknown
/// kind, a name that isn't UTF-8, or a store of another engine; `PELLUCID_ERR_INVALID_STATE` while the linker
/// instantiates a module.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    module_name: *const c_char,
    n_module_name: usize,
    name: *const c_char,
    n_name: usize,
    item: *const pellucid_extern_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref linker, store store, text module_name n_module_name, text name n_name, copy item => {
        linker.change()?.define(store.core(), module_name, name, item.to_core()?)
    })
}

/// Makes a host function on tagged values and defines a name for it.
///
/// - `linker`: the linker.
/// - `store`: the store that the function will live in.
/// - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
/// - `name`, `n_name`: the second, UTF-8.
/// - `functype`: the function's type.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: what runs.
/// - `finalizer`: frees `userdata` when the store goes; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_func_new` and `pellucid_linker_define`.
///
/// Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_func(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    module_name: *const c_char,
    n_module_name: usize,
    name: *const c_char,
    n_name: usize,
    functype: *const pellucid_functype_t,
    userdata: *mut c_void,
    cb: pellucid_func_cb_t,
    finalizer: pellucid_finalizer_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; room small, ref linker, store store, text module_name n_module_name, text name n_name, ref functype,
            callback cb => {
        let core = store.core();
        linker.define_made(core, module_name, name, || core.func_new_of(functype.id_in(core.engine())?, tagged(functype.ty(), cb, userdata)))
    })
}

/// Makes a host function on raw values and defines a name for it.
///
/// - `linker`: the linker.
/// - `store`: the store that the function will live in.
/// - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
/// - `name`, `n_name`: the second, UTF-8.
/// - `functype`: the function's type.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: what runs.
/// - `finalizer`: frees `userdata` when the store goes; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_func_new` and `pellucid_linker_define`.
///
/// Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_func_raw(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    module_name: *const c_char,
    n_module_name: usize,
    name: *const c_char,
    n_name: usize,
    functype: *const pellucid_functype_t,
    userdata: *mut c_void,
    cb: pellucid_func_raw_cb_t,
    finalizer: pellucid_finalizer_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; room small, ref linker, store store, text module_name n_module_name, text name n_name, ref functype,
            callback cb => {
        let core = store.core();
        linker.define_made(core, module_name, name, || core.func_new_of(functype.id_in(core.engine())?, raw(cb, userdata)))
    })
}

/// Defines a name for each export of an instance.
///
/// - `linker`: the linker.
/// - `store`: the store of the instance.
/// - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8; the exports' names are the second.
/// - `instance`: the instance.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK`, and nothing is defined, if a name is defined
/// already and shadowing is off; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
/// `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8, or for a store of another engine;
/// `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_instance(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    module_name: *const c_char,
    n_module_name: usize,
    instance: *const pellucid_instance_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref linker, store store, text module_name n_module_name, copy instance => {
        linker.change()?.define_instance(store.core(), module_name, instance.into())
    })
}

/// Defines each function that a module imports and that isn't defined yet as one that fails when it is called.
///
/// - `linker`: the linker.
/// - `store`: the store that the functions will live in.
/// - `module`: the module.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_INVALID_ARGUMENT` for a store of
/// another engine; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_unknown_as_traps(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    module: *const pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref linker, store store, ref module => {
        linker.change()?.define_unknown_imports_as_traps(store.core(), module.module())
    })
}

/// What a name stands for.
///
/// - `linker`: the linker.
/// - `store`: the store in which it was defined.
/// - `module_name`, `n_module_name`: the first name, UTF-8.
/// - `name`, `n_name`: the second, UTF-8.
/// - `out_extern`: gets what it stands for.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_INVALID_ARGUMENT` if a name
/// isn't UTF-8.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_get(
    linker: *const pellucid_linker_t,
    store: *const pellucid_store_t,
    module_name: *const c_char,
    n_module_name: usize,
    name: *const c_char,
    n_name: usize,
    out_extern: *mut pellucid_extern_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref linker, store store, text module_name n_module_name, text name n_name,
            out out_extern => {
        let Some(item) = linker.linker.borrow().get(store.core(), module_name, name) else {
            bail!(NotFound, "{module_name}.{name} isn't defined");
        };
        out_extern.set(pellucid_extern_t::from_core(item));
        Ok(())
    })
}

/// Makes an instance of a module with what the names of its imports stand for, and runs its start function.
///
/// - `linker`: the linker.
/// - `store`: the store that it will live in.
/// - `module`: the module.
/// - `out_instance`: gets the instance.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_instance_new`; `PELLUCID_ERR_LINK` also for an import that isn't defined, whose names are
/// in the message; `PELLUCID_ERR_INVALID_ARGUMENT` also for a store of another engine than the linker's.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_instantiate(
    linker: *const pellucid_linker_t,
    store: *mut pellucid_store_t,
    module: *const pellucid_module_t,
    out_instance: *mut pellucid_instance_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref linker, running store, ref module, out out_instance => {
        // A callback may delete the linker or the module.
        let (linker, module) = (linker.linker.clone(), module.module().clone());
        let instance = store.debuggee().link(&linker.borrow(), &module)?;
        out_instance.set(instance.into());
        Ok(())
    })
}
