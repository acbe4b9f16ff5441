//! Structures and arrays: their types, making them, and what is in them.
//!
//! Knows nothing of the collector. Invariant: a reference is checked before its object is looked at. Read next: [`heap`](super::heap).

use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_anyref_t;
use super::module::pellucid_module_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::{kind, pellucid_kind_t};
use super::value::{pellucid_value_t, with_core};
use crate::base::{
    AnyRef, CompositeType, FieldType, HeapType, Object, RefType, Result, StorageType, SubType, TypeId, TypeIndex,
    ValType, Value, error::bail,
};
use cranelift_entity::EntityRef;
use std::ptr::null_mut;
use std::sync::Arc;

/// The number of a type that a module or the host defines: of functions, of structures or of arrays. Equal types have equal numbers in all modules
/// of an engine, and as long as that.
///
/// Since: 0.1.
pub type pellucid_type_id_t = u32;

/// What a defined type is of: one of `enum pellucid_type_kind`.
///
/// Since: 0.1.
pub type pellucid_type_kind_t = u32;

/// Values of `pellucid_type_kind_t`.
#[repr(C)]
pub enum pellucid_type_kind {
    /// Functions.
    PELLUCID_TYPE_FUNC = 1,
    /// Structures.
    PELLUCID_TYPE_STRUCT = 2,
    /// Arrays.
    PELLUCID_TYPE_ARRAY = 3,
}

/// A field of a structure, or the elements of an array.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_fieldtype_t {
    /// The kind of its value, as it is read and set; of references the kind says the hierarchy.
    pub kind: pellucid_kind_t,
    /// How many bits of it are stored: 8 or 16 of an `i32`, or all.
    pub bits: u32,
    /// Whether it can be set.
    pub is_mutable: bool,
}

impl pellucid_fieldtype_t {
    fn new(field: FieldType) -> pellucid_fieldtype_t {
        let bits = match field.storage {
            StorageType::I8 => 8,
            StorageType::I16 => 16,
            StorageType::Val(ValType::I32 | ValType::F32) => 32,
            StorageType::Val(ValType::V128) => 128,
            StorageType::Val(_) => 64,
        };
        pellucid_fieldtype_t { kind: kind(field.storage.unpacked()), bits, is_mutable: field.mutable }
    }
}

/// How many types a module defines.
///
/// - `module`: the module.
///
/// Returns their number; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_type_count(module: *const pellucid_module_t) -> usize {
    entry!(value 0; ref module => module.info().types.len())
}

/// The number of a type that a module defines.
///
/// - `module`: the module.
/// - `index`: the type's index in the module, less than `pellucid_module_type_count`.
/// - `out_type`: gets the number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_type(
    module: *const pellucid_module_t,
    index: usize,
    out_type: *mut pellucid_type_id_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_type => {
        let ids = &module.info().type_ids;
        if index >= ids.len() {
            bail!(OutOfRange, "the module defines {} types", ids.len());
        }
        out_type.set(ids[TypeIndex::new(index)].0);
        Ok(())
    })
}

/// What a type is of.
///
/// - `engine`: the engine.
/// - `type_id`: the type.
/// - `out_kind`: gets one of `enum pellucid_type_kind`; may be NULL.
/// - `out_n_fields`: gets how many fields a structure has; 1 for arrays, 0 for functions; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_type_kind(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    out_kind: *mut pellucid_type_kind_t,
    out_n_fields: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, opt_out out_kind, opt_out out_n_fields => {
        let (kind, count) = match &defined(engine, type_id)?.composite {
            CompositeType::Func(_) => (pellucid_type_kind::PELLUCID_TYPE_FUNC, 0),
            CompositeType::Struct(fields) => (pellucid_type_kind::PELLUCID_TYPE_STRUCT, fields.len()),
            CompositeType::Array(_) => (pellucid_type_kind::PELLUCID_TYPE_ARRAY, 1),
        };
        out_kind.set(kind as u32);
        out_n_fields.set(count);
        Ok(())
    })
}

/// A field of a structure type, or the elements of an array type.
///
/// - `engine`: the engine.
/// - `type_id`: the type.
/// - `index`: the field's index; 0 for the elements of an array.
/// - `out_field`: gets what it holds.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such type or field.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_type_field(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    index: usize,
    out_field: *mut pellucid_fieldtype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, out out_field => {
        out_field.set(pellucid_fieldtype_t::new(field_of(&*defined(engine, type_id)?, index)?));
        Ok(())
    })
}

/// The type that a type is declared to be a subtype of.
///
/// - `engine`: the engine.
/// - `type_id`: the type.
/// - `out_type`: gets the supertype.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_type_supertype(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    out_type: *mut pellucid_type_id_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, out out_type => {
        let Some(id) = defined(engine, type_id)?.supertype else { bail!(NotFound, "the type has no supertype") };
        out_type.set(id.0);
        Ok(())
    })
}

/// The type of this number.
pub(super) fn defined(engine: &pellucid_engine_t, id: pellucid_type_id_t) -> Result<Arc<SubType>> {
    let Some(ty) = engine.engine().types().find(TypeId(id)) else { bail!(OutOfRange, "the engine has no type {id}") };
    Ok(ty)
}

/// A field of a structure type, or the elements of an array type.
pub(super) fn field_of(ty: &SubType, index: usize) -> Result<FieldType> {
    let field = match &ty.composite {
        CompositeType::Struct(fields) => fields.get(index).copied(),
        CompositeType::Array(element) if index == 0 => Some(*element),
        _ => None,
    };
    let Some(field) = field else { bail!(OutOfRange, "the type has no field {index}") };
    Ok(field)
}

/// The object that a reference is to.
pub(super) fn object(anyref: pellucid_anyref_t) -> Result<Object> {
    match anyref.to_core()? {
        AnyRef::Object(object) => Ok(object),
        _ => bail!(TypeMismatch, "the reference isn't to a structure or array"),
    }
}

fn anyref(object: Object) -> pellucid_anyref_t {
    AnyRef::Object(object).into()
}

/// Makes a structure.
///
/// - `store`: the store that it will live in.
/// - `type_id`: a structure type of its engine.
/// - `values`, `n_values`: its fields, as many as the type says; may be NULL if there are none. Of an `i32` as many bits are kept as
///   are stored.
/// - `out_anyref`: gets the reference, which is good as OBJECTS at the top says.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another type, number of values or kind;
/// `PELLUCID_ERR_TYPE_MISMATCH`; `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind; `PELLUCID_ERR_WRONG_STORE`,
/// `PELLUCID_ERR_OUT_OF_RANGE` for a value;
/// `PELLUCID_ERR_LIMIT` if there is no room, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_struct_new(
    store: *mut pellucid_store_t,
    type_id: pellucid_type_id_t,
    values: *const pellucid_value_t,
    n_values: usize,
    out_anyref: *mut pellucid_anyref_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, slice values n_values, out out_anyref => {
        let made = with_core(values, |values| store.core().struct_new(TypeId(type_id), values))?;
        out_anyref.set(anyref(made));
        Ok(())
    })
}

/// Makes an array of equal elements.
///
/// - `store`: the store that it will live in.
/// - `type_id`: an array type of its engine.
/// - `value`: each of its elements.
/// - `length`: how many it has.
/// - `out_anyref`: gets the reference.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_struct_new`, also `PELLUCID_ERR_BUSY`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_array_new(
    store: *mut pellucid_store_t,
    type_id: pellucid_type_id_t,
    value: *const pellucid_value_t,
    length: u32,
    out_anyref: *mut pellucid_anyref_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy value, out out_anyref => {
        out_anyref.set(anyref(store.core().array_new(TypeId(type_id), length, &value.to_core()?)?));
        Ok(())
    })
}

/// The type of an object.
///
/// - `store`: the store.
/// - `anyref`: a reference to a structure or array.
/// - `out_type`: gets its type; may be NULL.
/// - `out_length`: gets how many fields or elements it has; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for null; `PELLUCID_ERR_TYPE_MISMATCH` for a reference to
/// something else; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_type(
    store: *const pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    out_type: *mut pellucid_type_id_t,
    out_length: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, opt_out out_type, opt_out out_length => {
        let object = object(anyref)?;
        let ty = store.core().object_type(object)?;
        out_length.set(store.core().object_length(object)?);
        out_type.set(ty.0);
        Ok(())
    })
}

/// Whether a reference is to an object of a type, or of a subtype of it, as `ref.test` says.
///
/// - `store`: the store.
/// - `anyref`: the reference; null is of no type here.
/// - `type_id`: the type.
/// - `out_is`: gets the answer.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such type, or the reference is out of date;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a reference that the library didn't make.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_is(
    store: *const pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    type_id: pellucid_type_id_t,
    out_is: *mut bool,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, out out_is => {
        let types = store.core().engine().types();
        if type_id as usize >= types.count() {
            bail!(OutOfRange, "the engine has no type {type_id}");
        }
        let is_it = if anyref == pellucid_anyref_t::default() {
            false
        } else {
            let reference = anyref.to_core()?;
            let kind = types.get(TypeId(type_id)).composite.kind();
            let ty = RefType { nullable: false, heap: HeapType::Defined(kind, TypeId(type_id)) };
            let raw = store.core().to_raw(&Value::AnyRef(Some(reference)))?;
            store.core().is_good(ValType::Ref(ty), raw)
        };
        out_is.set(is_it);
        Ok(())
    })
}

/// Fields of a structure or elements of an array, from one on.
///
/// - `store`: the store.
/// - `anyref`: a reference to the structure or array.
/// - `first`: the place of the first.
/// - `out_values`, `n_values`: get the values, as many as asked for. Those of 8 and 16 bits are zero-extended.
///
/// Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_OUT_OF_RANGE` if it hasn't so many.
///
/// Owns: nothing; references among the values are good as OBJECTS at the top says.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_get(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    first: u32,
    out_values: *mut pellucid_value_t,
    n_values: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, out_slice out_values n_values => {
        let object = object(anyref)?;
        let length = store.core().object_length(object)?;
        if u64::from(first) + out_values.len() as u64 > u64::from(length) {
            bail!(OutOfRange, "the object has {length} fields or elements");
        }
        for place in 0..out_values.len() {
            let value = store.core().object_get(object, first + place as u32)?;
            out_values.set_at(place, pellucid_value_t::from_core(value));
        }
        Ok(())
    })
}

/// Sets a field of a structure or an element of an array. A guest that is paused sees it; what it has read already stays as it was
/// read.
///
/// - `store`: the store.
/// - `anyref`: a reference to the structure or array.
/// - `index`: the place.
/// - `value`: the value; of an `i32` as many bits are kept as are stored.
///
/// Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_ARGUMENT` if it is immutable; `PELLUCID_ERR_OUT_OF_RANGE` if there is no
/// such place; `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_object_set(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    index: u32,
    value: *const pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, copy value => {
        store.core().object_set(object(anyref)?, index, &value.to_core()?)
    })
}

/// Copies bytes out of an array of numbers or vectors: its elements as they are in memory, little-endian.
///
/// - `store`: the store.
/// - `anyref`: a reference to the array.
/// - `offset`: the first byte, counted from the first element.
/// - `out_bytes`, `n_bytes`: get the bytes.
///
/// Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; `PELLUCID_ERR_TYPE_MISMATCH` also for an array of references; `PELLUCID_ERR_OUT_OF_RANGE` if it
/// hasn't so many.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_array_read(
    store: *const pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    offset: u64,
    out_bytes: *mut u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, out_slice out_bytes n_bytes => {
        store.core().array_read(object(anyref)?, offset, out_bytes.into_bytes())
    })
}

/// Copies bytes into an array of numbers or vectors.
///
/// - `store`: the store.
/// - `anyref`: a reference to the array.
/// - `offset`: the first byte, counted from the first element.
/// - `bytes`, `n_bytes`: what to copy.
///
/// Returns as `pellucid_array_read`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_ARGUMENT` if its elements are immutable.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_array_write(
    store: *mut pellucid_store_t,
    anyref: *const pellucid_anyref_t,
    offset: u64,
    bytes: *const u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy anyref, slice bytes n_bytes => {
        store.core().array_write(object(anyref)?, offset, bytes)
    })
}
