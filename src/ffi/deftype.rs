//! Types that the host defines: structures, arrays and functions, as modules have them.
//!
//! Knows nothing of stores. Invariant: what is converted here is checked by the core before it is registered. Read next:
//! [`object`](super::object).

use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::object::{defined, pellucid_type_id_t, pellucid_type_kind, pellucid_type_kind_t};
use super::pointer::slice;
use super::status::pellucid_status_t;
use super::types::{flag, kind, pellucid_functype_t, pellucid_kind_t, value_type};
use crate::base::{
    CompositeType, FieldType, FuncType, HeapType, RefType, Result, StorageType, SubType, TypeId, TypeKind, ValType,
    error::bail, memory,
};
use crate::wasm::TypeRegistry;
use std::ptr::null_mut;
use std::sync::Arc;

/// Which references of a kind a type has: one of `enum pellucid_heap`.
///
/// Since: 0.1.
pub type pellucid_heap_t = u32;

/// Values of `pellucid_heap_t`.
#[repr(C)]
pub enum pellucid_heap {
    /// All of the kind, or a number.
    PELLUCID_HEAP_ALL = 0,
    /// Null only.
    PELLUCID_HEAP_NONE = 1,
    /// Of `PELLUCID_ANYREF` what can be compared: structures, arrays and integers.
    PELLUCID_HEAP_EQ = 2,
    /// Of `PELLUCID_ANYREF` integers of 31 bits.
    PELLUCID_HEAP_I31 = 3,
    /// Of `PELLUCID_ANYREF` all structures.
    PELLUCID_HEAP_STRUCT = 4,
    /// Of `PELLUCID_ANYREF` all arrays.
    PELLUCID_HEAP_ARRAY = 5,
    /// Those of a defined type: functions of `PELLUCID_FUNCREF`, structures and arrays of `PELLUCID_ANYREF`.
    PELLUCID_HEAP_DEFINED = 6,
}

/// Numbers for types.
#[repr(C)]
pub enum pellucid_type_place {
    /// Plus a type's place among those that are being defined, it stands for that type there.
    PELLUCID_TYPE_IN_GROUP = 0x4000_0000,
}

const IN_GROUP: u32 = pellucid_type_place::PELLUCID_TYPE_IN_GROUP as u32;

/// The type of a value, exactly. With zeros behind the kind it is what the kind says: a number, or any reference of the kind, or null.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_valtype_t {
    /// One of `enum pellucid_kind`.
    pub kind: pellucid_kind_t,
    /// Which references, one of `enum pellucid_heap`; 0 for numbers.
    pub heap: pellucid_heap_t,
    /// The type, for `PELLUCID_HEAP_DEFINED`; else 0.
    pub type_id: pellucid_type_id_t,
    /// 1 for a reference that is never null, else 0.
    pub is_non_null: u32,
}

/// A field of a structure, or the elements of an array, of a type that is defined.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_fielddef_t {
    /// The type of its value, as it is read and set.
    pub value: pellucid_valtype_t,
    /// 8 or 16 if so many bits of an `i32` are stored; 0 if all are.
    pub bits: u32,
    /// 1 if it can be set, else 0.
    pub is_mutable: u32,
}

/// A type to be defined. What isn't of its kind is zeros.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_deftype_t {
    /// One of `enum pellucid_type_kind`.
    pub kind: pellucid_type_kind_t,
    /// 1 if other types may be subtypes of it, else 0: it is final then.
    pub is_open: u32,
    /// 1 if it is a subtype of `supertype`, else 0.
    pub has_supertype: u32,
    /// A type of the engine, or one of those that come before it here.
    pub supertype: pellucid_type_id_t,
    /// The fields of a structure, or the elements of an array; may be NULL if there are none.
    pub fields: *const pellucid_fielddef_t,
    /// How many there are; 1 for an array.
    pub n_fields: usize,
    /// The parameters of a function; may be NULL if there are none.
    pub params: *const pellucid_valtype_t,
    /// How many there are.
    pub n_params: usize,
    /// The results of a function; may be NULL if there are none.
    pub results: *const pellucid_valtype_t,
    /// How many there are.
    pub n_results: usize,
}

const _: () = {
    assert!(size_of::<pellucid_valtype_t>() == 16 && size_of::<pellucid_fielddef_t>() == 24);
    assert!(size_of::<pellucid_deftype_t>() == 64);
};

/// As many as modules may have.
const MOST_FIELDS: usize = 10_000;
const MOST_PARAMS: usize = 1_000;
const MOST_TYPES: usize = 1_000_000;

/// What is registered of a group, and what is made of it on the way, for each of its types and each of their parts: at most so many bytes.
const BYTES_OF_TYPE: usize = 1024;
const BYTES_OF_PART: usize = 128;

impl pellucid_valtype_t {
    fn new(ty: ValType) -> pellucid_valtype_t {
        use pellucid_heap::*;
        let kind = kind(ty);
        let ValType::Ref(RefType { nullable, heap }) = ty else {
            return pellucid_valtype_t { kind, heap: PELLUCID_HEAP_ALL as u32, type_id: 0, is_non_null: 0 };
        };
        let (heap, type_id) = match heap {
            HeapType::Func | HeapType::Extern | HeapType::Any | HeapType::Exn => (PELLUCID_HEAP_ALL, 0),
            HeapType::NoFunc | HeapType::NoExtern | HeapType::None | HeapType::NoExn => (PELLUCID_HEAP_NONE, 0),
            HeapType::Eq => (PELLUCID_HEAP_EQ, 0),
            HeapType::I31 => (PELLUCID_HEAP_I31, 0),
            HeapType::Struct => (PELLUCID_HEAP_STRUCT, 0),
            HeapType::Array => (PELLUCID_HEAP_ARRAY, 0),
            HeapType::Defined(_, id) => (PELLUCID_HEAP_DEFINED, id.0),
        };
        pellucid_valtype_t { kind, heap: heap as u32, type_id, is_non_null: u32::from(!nullable) }
    }
}

/// The types that are being defined, and those of the engine.
struct Definitions<'a> {
    registry: &'a TypeRegistry,
    types: &'a [pellucid_deftype_t],
}

impl Definitions<'_> {
    fn id(&self, id: pellucid_type_id_t) -> Result<TypeId> {
        // The core has marks of its own up there.
        if id >= IN_GROUP << 1 {
            bail!(InvalidArgument, "the engine has no type {id}");
        }
        Ok(if id & IN_GROUP != 0 { TypeRegistry::in_group((id & !IN_GROUP) as usize) } else { TypeId(id) })
    }

    /// What a type that is referred to is of.
    fn kind(&self, id: pellucid_type_id_t) -> Result<TypeKind> {
        if id & IN_GROUP == 0 {
            return match self.registry.find(TypeId(id)) {
                Some(ty) => Ok(ty.composite.kind()),
                None => bail!(InvalidArgument, "the engine has no type {id}"),
            };
        }
        match self.types.get((id & !IN_GROUP) as usize) {
            Some(ty) => type_kind(ty.kind),
            None => bail!(InvalidArgument, "the group has no type {}", id & !IN_GROUP),
        }
    }

    fn value(&self, ty: &pellucid_valtype_t) -> Result<ValType> {
        use pellucid_heap::*;
        let ValType::Ref(all) = value_type(ty.kind)? else {
            if (ty.heap, ty.type_id, ty.is_non_null) != (0, 0, 0) {
                bail!(InvalidArgument, "a number is no reference");
            }
            return value_type(ty.kind);
        };
        let is_any = all.heap == HeapType::Any;
        let heap = match ty.heap {
            n if n == PELLUCID_HEAP_ALL as u32 => all.heap,
            n if n == PELLUCID_HEAP_NONE as u32 => match all.heap {
                HeapType::Func => HeapType::NoFunc,
                HeapType::Extern => HeapType::NoExtern,
                HeapType::Exn => HeapType::NoExn,
                _ => HeapType::None,
            },
            n if n == PELLUCID_HEAP_EQ as u32 && is_any => HeapType::Eq,
            n if n == PELLUCID_HEAP_I31 as u32 && is_any => HeapType::I31,
            n if n == PELLUCID_HEAP_STRUCT as u32 && is_any => HeapType::Struct,
            n if n == PELLUCID_HEAP_ARRAY as u32 && is_any => HeapType::Array,
            n if n == PELLUCID_HEAP_DEFINED as u32 => HeapType::Defined(self.kind(ty.type_id)?, self.id(ty.type_id)?),
            n => bail!(InvalidArgument, "{n} isn't what a reference of kind {} can be to", ty.kind),
        };
        if heap.top() != all.heap {
            bail!(InvalidArgument, "references of kind {} aren't to such a type", ty.kind);
        }
        Ok(ValType::Ref(RefType { nullable: !flag(ty.is_non_null, "is_non_null")?, heap }))
    }

    fn field(&self, field: &pellucid_fielddef_t) -> Result<FieldType> {
        let value = self.value(&field.value)?;
        let storage = match (field.bits, value) {
            (0, value) => StorageType::Val(value),
            (8, ValType::I32) => StorageType::I8,
            (16, ValType::I32) => StorageType::I16,
            (bits, _) => bail!(InvalidArgument, "a field can't have {bits} bits of such a value"),
        };
        Ok(FieldType { storage, mutable: flag(field.is_mutable, "is_mutable")? })
    }

    /// # Safety
    ///
    /// The pointers of `ty` are NULL or to as many initialized elements as it says.
    unsafe fn sub_type(&self, ty: &pellucid_deftype_t) -> Result<SubType> {
        // SAFETY: the caller's promise.
        let (fields, params, results) = unsafe {
            (
                slice(ty.fields, ty.n_fields, "fields")?,
                slice(ty.params, ty.n_params, "params")?,
                slice(ty.results, ty.n_results, "results")?,
            )
        };
        if fields.len() > MOST_FIELDS || params.len().max(results.len()) > MOST_PARAMS {
            bail!(InvalidArgument, "a type has at most {MOST_FIELDS} fields, or {MOST_PARAMS} parameters and results");
        }
        memory::ask((fields.len() + params.len() + results.len()) * BYTES_OF_PART)?;
        let kind = type_kind(ty.kind)?;
        if kind == TypeKind::Func && !fields.is_empty() {
            bail!(InvalidArgument, "a function has no fields");
        }
        if kind != TypeKind::Func && !(params.is_empty() && results.is_empty()) {
            bail!(InvalidArgument, "only functions have parameters and results");
        }
        let values = |types: &[pellucid_valtype_t]| types.iter().map(|ty| self.value(ty)).collect::<Result<Box<[_]>>>();
        let composite = match (kind, fields) {
            (TypeKind::Func, _) => CompositeType::Func(Arc::new(FuncType::new(values(params)?, values(results)?))),
            (TypeKind::Struct, fields) => {
                CompositeType::Struct(fields.iter().map(|field| self.field(field)).collect::<Result<_>>()?)
            }
            (TypeKind::Array, [element]) => CompositeType::Array(self.field(element)?),
            (TypeKind::Array, fields) => {
                bail!(InvalidArgument, "an array has elements of 1 type, not of {}", fields.len())
            }
        };
        let supertype = flag(ty.has_supertype, "has_supertype")?.then(|| self.id(ty.supertype)).transpose()?;
        Ok(SubType { is_final: !flag(ty.is_open, "is_open")?, supertype, composite })
    }
}

fn type_kind(kind: pellucid_type_kind_t) -> Result<TypeKind> {
    use pellucid_type_kind::*;
    Ok(match kind {
        n if n == PELLUCID_TYPE_FUNC as u32 => TypeKind::Func,
        n if n == PELLUCID_TYPE_STRUCT as u32 => TypeKind::Struct,
        n if n == PELLUCID_TYPE_ARRAY as u32 => TypeKind::Array,
        n => bail!(InvalidArgument, "{n} isn't a kind of type"),
    })
}

/// Defines types that refer to each other, or a single one, as a `rec` group of a module does. They are the same as those of a
/// module's group that is equal, so that guests take objects of them that the host makes, whether their module is there yet or not.
/// Types that don't refer to each other are usually defined one by one, as a module has them that names none `rec`.
///
///     // (type $point (struct (field (mut f64)) (field (mut f64))))
///     pellucid_fielddef_t fields[2] = {{.value.kind = PELLUCID_F64, .is_mutable = 1},
///                                      {.value.kind = PELLUCID_F64, .is_mutable = 1}};
///     pellucid_deftype_t point = {.kind = PELLUCID_TYPE_STRUCT, .fields = fields, .n_fields = 2};
///     pellucid_type_id_t id;
///     pellucid_engine_define_types(engine, &point, 1, &id, &error);
///
/// - `engine`: the engine. It keeps types as long as it is there; to define the same ones again takes nothing.
/// - `types`, `n_types`: the types. They refer to each other by `PELLUCID_TYPE_IN_GROUP` plus the place, to others of the engine by
///   their numbers.
/// - `out_first`: gets the number of the first; the others follow it.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for what no module may define either, as a supertype that is final or that a
/// type doesn't match, a number that no type has, too many fields, or more than 63 supertypes; `PELLUCID_ERR_UNSUPPORTED` for a
/// reserved kind; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_define_types(
    engine: *const pellucid_engine_t,
    types: *const pellucid_deftype_t,
    n_types: usize,
    out_first: *mut pellucid_type_id_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref engine, slice types n_types, out out_first => {
        if types.is_empty() || types.len() > MOST_TYPES {
            bail!(InvalidArgument, "{} types can't be defined together", types.len());
        }
        memory::ask(types.len() * BYTES_OF_TYPE)?;
        let registry = engine.engine().types();
        let definitions = Definitions { registry, types };
        // SAFETY: the header asks of the caller that an array has as many initialized elements as the count beside it says.
        let group = types.iter().map(|ty| unsafe { definitions.sub_type(ty) }).collect::<Result<_>>()?;
        out_first.set(registry.define(group)?.0);
        Ok(())
    })
}

/// The type of a field of a structure, or of the elements of an array, exactly.
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
pub unsafe extern "C" fn pellucid_type_fielddef(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    index: usize,
    out_field: *mut pellucid_fielddef_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, out out_field => {
        let field = super::object::field_of(&*defined(engine, type_id)?, index)?;
        let bits = match field.storage {
            StorageType::I8 => 8,
            StorageType::I16 => 16,
            StorageType::Val(_) => 0,
        };
        let value = pellucid_valtype_t::new(field.storage.unpacked());
        out_field.set(pellucid_fielddef_t { value, bits, is_mutable: u32::from(field.mutable) });
        Ok(())
    })
}

/// The type of functions that a type is, to make host functions and tags of it: it is exact, whether it is final, a subtype or one of a
/// group. So are those that modules, functions and tags give; what `pellucid_functype_new` makes is final, without supertype and alone.
///
/// - `engine`: the engine.
/// - `type_id`: the type.
/// - `out_type`: gets the type of functions.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't one of
/// functions.
///
/// Owns: the caller owns `*out_type`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_type_functype(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref engine, out out_type => {
        if defined(engine, type_id)?.composite.kind() != TypeKind::Func {
            bail!(TypeMismatch, "type {type_id} isn't one of functions");
        }
        out_type.give(pellucid_functype_t::defined(engine.engine(), TypeId(type_id)))
    })
}

/// Whether a type is final: no other type is a subtype of it.
///
/// - `engine`: the engine.
/// - `type_id`: the type.
/// - `out_is`: gets the answer.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_type_is_final(
    engine: *const pellucid_engine_t,
    type_id: pellucid_type_id_t,
    out_is: *mut bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, out out_is => {
        out_is.set(defined(engine, type_id)?.is_final);
        Ok(())
    })
}
