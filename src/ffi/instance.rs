//! Instances: making them, their exports, and everything else in them for debuggers.
//!
//! Knows nothing of linking by name. Read next: [`linker`](super::linker).

use super::bytes::pellucid_str_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::{
    pellucid_func_t, pellucid_global_t, pellucid_instance_t, pellucid_memory_t, pellucid_table_t, pellucid_tag_t,
};
use super::module::pellucid_module_t;
use super::pointer::Sized32;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_externtype_t;
use super::value::pellucid_extern_t;
use crate::base::{FuncIndex, GlobalIndex, MemoryIndex, Result, TableIndex, TagIndex, error::bail};
use cranelift_entity::EntityRef;
use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr::null_mut;

/// How many entities an instance has, imports included.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_spaces_t {
    /// Set by the caller to `sizeof(pellucid_spaces_t)`.
    pub struct_size: u32,
    /// Functions.
    pub n_funcs: u32,
    /// Tables.
    pub n_tables: u32,
    /// Memories.
    pub n_memories: u32,
    /// Globals.
    pub n_globals: u32,
    /// Element segments.
    pub n_elements: u32,
    /// Data segments.
    pub n_data: u32,
    /// Tags.
    pub n_tags: u32,
}

impl Sized32 for pellucid_spaces_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_spaces_t, n_data) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

/// Makes an instance of a module, and runs its start function.
///
/// All imports are checked before anything is made. If a segment is out of bounds or the start function traps, what was
/// written to imported memories and tables stays, as the WebAssembly specification demands.
///
/// - `store`: the store that it will live in.
/// - `module`: the module, made with the store's engine.
/// - `imports`, `n_imports`: what it imports, in the order of `pellucid_module_import`; may be NULL if there are none.
/// - `out_instance`: gets the instance.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` for a wrong number of imports or one of wrong type;
/// `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown kind, or a module of another engine; `PELLUCID_ERR_TRAP`;
/// `PELLUCID_ERR_EXCEPTION` for one that nothing caught in the start function; `PELLUCID_ERR_HOST`; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_new(
    store: *mut pellucid_store_t,
    module: *const pellucid_module_t,
    imports: *const pellucid_extern_t,
    n_imports: usize,
    out_instance: *mut pellucid_instance_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; running store, ref module, slice imports n_imports, out out_instance => {
        let imports = imports.iter().map(|import| import.to_core()).collect::<Result<Vec<_>>>()?;
        // A callback may delete the module.
        let module = module.module().clone();
        out_instance.set(store.debuggee().instantiate(&module, &imports)?.into());
        Ok(())
    })
}

/// The module that an instance is of.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_module`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_module(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_module => {
        out_module.give(pellucid_module_t::new(store.core().instance_module(instance.into())?))
    })
}

/// An export of an instance by its name.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `name`, `n_name`: the export's name, UTF-8.
/// - `out_extern`: gets the export.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_export(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    name: *const c_char,
    n_name: usize,
    out_extern: *mut pellucid_extern_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, text name n_name, out out_extern => {
        let Some(item) = store.core().instance_export(instance.into(), name)? else {
            bail!(NotFound, "no export \"{name}\"");
        };
        out_extern.set(pellucid_extern_t::from_core(item));
        Ok(())
    })
}

/// How many exports an instance has.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_export_count(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_n => {
        out_n.set(store.core().instance_module(instance.into())?.info().exports.len());
        Ok(())
    })
}

/// An export of an instance by its place.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `index`: less than `pellucid_instance_export_count`, in the order of the module.
/// - `out_name`: gets the export's name; may be NULL.
/// - `out_extern`: gets the export; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_export_at(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    index: usize,
    out_name: *mut pellucid_str_t,
    out_extern: *mut pellucid_extern_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, opt_out out_name, opt_out out_extern => {
        let module = store.core().instance_module(instance.into())?;
        let exports = &module.info().exports;
        let Some(export) = exports.get(index) else {
            bail!(OutOfRange, "the instance has {} exports", exports.len());
        };
        let item = store.core().instance_export(instance.into(), &export.name)?.expect("the module declares it");
        // The store keeps the module, so the name outlives this reference to it.
        out_name.set(pellucid_str_t::new(&export.name));
        out_extern.set(pellucid_extern_t::from_core(item));
        Ok(())
    })
}

/// The type of something imported or exported; a memory's or table's present size is its minimum.
///
/// - `store`: the store.
/// - `item`: the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind.
///
/// Owns: the caller owns `*out_type`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_extern_type(
    store: *const pellucid_store_t,
    item: *const pellucid_extern_t,
    out_type: *mut *mut pellucid_externtype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, store store, copy item, out out_type => {
        let (core, item) = (store.core(), item.to_core()?);
        out_type.give(pellucid_externtype_t::new(core.extern_type(item)?, core.engine(), core.extern_type_id(item)?))
    })
}

/// How many entities an instance has, exported or not.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `out_spaces`: gets the numbers; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_spaces(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    out_spaces: *mut pellucid_spaces_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, sized out_spaces => {
        let spaces = store.debuggee().instance_spaces(instance.into())?;
        out_spaces.set(pellucid_spaces_t {
            struct_size: 0,
            n_funcs: spaces.funcs,
            n_tables: spaces.tables,
            n_memories: spaces.memories,
            n_globals: spaces.globals,
            n_elements: spaces.elements,
            n_data: spaces.data,
            n_tags: spaces.tags,
        });
        Ok(())
    })
}

/// A function of an instance by its index, exported or not. The handle is an ordinary one: it can be called.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `func_index`: the index in its module, imports counted first.
/// - `out_func`: gets the function.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_func(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    func_index: u32,
    out_func: *mut pellucid_func_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_func => {
        let index = FuncIndex::new(indexable(func_index)?);
        out_func.set(store.debuggee().instance_func(instance.into(), index)?.into());
        Ok(())
    })
}

/// A table of an instance by its index, exported or not. The handle is an ordinary one: it can be read and set.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `table_index`: the index in its module, imports counted first.
/// - `out_table`: gets the table.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_table(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    table_index: u32,
    out_table: *mut pellucid_table_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_table => {
        let index = TableIndex::new(indexable(table_index)?);
        out_table.set(store.debuggee().instance_table(instance.into(), index)?.into());
        Ok(())
    })
}

/// A memory of an instance by its index, exported or not. The handle is an ordinary one: it can be read and written.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `memory_index`: the index in its module, imports counted first.
/// - `out_memory`: gets the memory.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_memory(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    memory_index: u32,
    out_memory: *mut pellucid_memory_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_memory => {
        let index = MemoryIndex::new(indexable(memory_index)?);
        out_memory.set(store.debuggee().instance_memory(instance.into(), index)?.into());
        Ok(())
    })
}

/// A global of an instance by its index, exported or not. The handle is an ordinary one: it can be read, and set if it is mutable.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `global_index`: the index in its module, imports counted first.
/// - `out_global`: gets the global.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_global(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    global_index: u32,
    out_global: *mut pellucid_global_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_global => {
        let index = GlobalIndex::new(indexable(global_index)?);
        out_global.set(store.debuggee().instance_global(instance.into(), index)?.into());
        Ok(())
    })
}

/// A tag of an instance by its index, exported or not. The handle is an ordinary one.
///
/// - `store`: the store.
/// - `instance`: the instance.
/// - `tag_index`: the index in its module, imports counted first.
/// - `out_tag`: gets the tag.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_instance_tag(
    store: *const pellucid_store_t,
    instance: *const pellucid_instance_t,
    tag_index: u32,
    out_tag: *mut pellucid_tag_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy instance, out out_tag => {
        let index = TagIndex::new(indexable(tag_index)?);
        out_tag.set(store.debuggee().instance_tag(instance.into(), index)?.into());
        Ok(())
    })
}

/// Refuses the one number that the core's indices can't have.
fn indexable(index: u32) -> Result<usize> {
    if index == u32::MAX {
        bail!(OutOfRange, "no instance has as many entities");
    }
    Ok(index as usize)
}
