//! Names of types, fields and other entities, from modules' name sections.
//!
//! Knows nothing of objects. Types are an engine's, names a module's: equal types may have different ones. Read next:
//! [`object`](super::object).

use super::bytes::pellucid_str_t;
use super::entry::entry;
use super::module::pellucid_module_t;
use super::object::pellucid_type_id_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::{
    DataIndex, ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, Result, TableIndex, TagIndex, TypeId, TypeIndex,
    error::bail,
};
use crate::wasm::{Item, ModuleInfo, Named};
use cranelift_entity::EntityRef;
use std::ptr::null_mut;

/// What the entities of an index space of modules are: one of `enum pellucid_space`.
///
/// Since: 0.1.
pub type pellucid_space_t = u32;

/// Values of `pellucid_space_t`. The first ones are those of `enum pellucid_extern_kind`.
#[repr(C)]
pub enum pellucid_space {
    /// Functions.
    PELLUCID_SPACE_FUNC = 0,
    /// Tables.
    PELLUCID_SPACE_TABLE = 1,
    /// Memories.
    PELLUCID_SPACE_MEMORY = 2,
    /// Globals.
    PELLUCID_SPACE_GLOBAL = 3,
    /// Tags.
    PELLUCID_SPACE_TAG = 4,
    /// Types.
    PELLUCID_SPACE_TYPE = 5,
    /// Element segments.
    PELLUCID_SPACE_ELEMENT = 6,
    /// Data segments.
    PELLUCID_SPACE_DATA = 7,
}

/// The name of an entity of a module: from the name section, else that of its first export. Locals and fields have functions of their
/// own: `pellucid_module_local_name`, `pellucid_module_field_name`.
///
/// - `module`: the module.
/// - `space`: what it is, one of `enum pellucid_space`.
/// - `index`: its index, imports counted first.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such entity;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown space.
///
/// Owns: nothing; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_entity_name(
    module: *const pellucid_module_t,
    space: pellucid_space_t,
    index: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_name => {
        let Some(name) = entity_name(module.info(), space, index)? else { bail!(NotFound, "entity {index} has no name") };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

fn entity_name(info: &ModuleInfo, space: pellucid_space_t, index: u32) -> Result<Option<&str>> {
    use pellucid_space::*;
    let place = index as usize;
    let is_below = |count: usize| {
        if place >= count {
            bail!(OutOfRange, "the module has {count} of these");
        }
        Ok(place)
    };
    let item = match space {
        n if n == PELLUCID_SPACE_FUNC as u32 => Item::Func(FuncIndex::new(is_below(info.funcs.len())?)),
        n if n == PELLUCID_SPACE_TABLE as u32 => Item::Table(TableIndex::new(is_below(info.tables.len())?)),
        n if n == PELLUCID_SPACE_MEMORY as u32 => Item::Memory(MemoryIndex::new(is_below(info.memories.len())?)),
        n if n == PELLUCID_SPACE_GLOBAL as u32 => Item::Global(GlobalIndex::new(is_below(info.globals.len())?)),
        n if n == PELLUCID_SPACE_TAG as u32 => Item::Tag(TagIndex::new(is_below(info.tags.len())?)),
        n if n == PELLUCID_SPACE_TYPE as u32 => {
            let index = TypeIndex::new(is_below(info.types.len())?);
            return Ok(info.name(Named::Type, 0, index.as_u32()));
        }
        n if n == PELLUCID_SPACE_ELEMENT as u32 => {
            let index = ElemIndex::new(is_below(info.elements.len())?);
            return Ok(info.name(Named::Element, 0, index.as_u32()));
        }
        n if n == PELLUCID_SPACE_DATA as u32 => {
            let index = DataIndex::new(is_below(info.data.len())?);
            return Ok(info.name(Named::Data, 0, index.as_u32()));
        }
        n => bail!(InvalidArgument, "{n} isn't an index space"),
    };
    Ok(info.item_name(item))
}

/// The name of a field of a structure type, from the name section.
///
/// - `module`: the module.
/// - `type_index`: the type's index in the module, less than `pellucid_module_type_count`.
/// - `field`: the field's index.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is no such field or it has no name; `PELLUCID_ERR_OUT_OF_RANGE` if there is no
/// such type.
///
/// Owns: nothing; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_field_name(
    module: *const pellucid_module_t,
    type_index: u32,
    field: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_name => {
        let types = &module.info().types;
        if type_index as usize >= types.len() {
            bail!(OutOfRange, "the module defines {} types", types.len());
        }
        let Some(name) = module.info().name(Named::Field, type_index, field) else {
            bail!(NotFound, "field {field} of type {type_index} has no name");
        };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

/// Where a module defines a type, such as that of an object: the inverse of `pellucid_module_type`.
///
/// - `module`: the module.
/// - `type_id`: the type.
/// - `out_index`: gets the type's index in the module; of several that are equal the first.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the module doesn't define it.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_type_index(
    module: *const pellucid_module_t,
    type_id: pellucid_type_id_t,
    out_index: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_index => {
        let [index, ..] = module.info().types_of_id(TypeId(type_id)) else {
            bail!(NotFound, "the module doesn't define type {type_id}");
        };
        out_index.set(index.as_u32());
        Ok(())
    })
}

/// A name of a type: the one that it has in the first module of the store that names it. Modules may name equal types differently; what
/// it is called in one of them `pellucid_module_type_index` and `pellucid_module_entity_name` tell.
///
///     pellucid_object_type(store, &object, &type, &n_fields);
///     pellucid_store_type_name(store, type, &name);            // Point
///     pellucid_store_field_name(store, type, 0, &field_name);  // x
///
/// - `store`: the store.
/// - `type_id`: a type of its engine.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no module names it.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_type_name(
    store: *const pellucid_store_t,
    type_id: pellucid_type_id_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_name => {
        // The store keeps its modules, so the name outlives the look at them.
        let name = |info: &ModuleInfo| info.type_name(TypeId(type_id)).map(pellucid_str_t::new);
        let Some(name) = store.core().find_in_modules(|module| name(module.info())) else {
            bail!(NotFound, "no module names type {type_id}");
        };
        out_name.set(name);
        Ok(())
    })
}

/// A name of a field of a type: the one that it has in the first module of the store that names it.
///
/// - `store`: the store.
/// - `type_id`: a structure type of its engine.
/// - `field`: the field's index.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no module names it.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_field_name(
    store: *const pellucid_store_t,
    type_id: pellucid_type_id_t,
    field: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_name => {
        // As above.
        let name = |info: &ModuleInfo| info.field_name(TypeId(type_id), field).map(pellucid_str_t::new);
        let Some(name) = store.core().find_in_modules(|module| name(module.info())) else {
            bail!(NotFound, "no module names field {field} of type {type_id}");
        };
        out_name.set(name);
        Ok(())
    })
}
