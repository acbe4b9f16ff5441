//! Types of values and of what modules import and export.
//!
//! Knows nothing of stores. Invariant: kinds are the numbers of [`ValType::to_u8`].

use super::entry::entry;
use super::status::pellucid_status_t;
use crate::base::{
    ExternType, FuncType, GlobalType, MemoryType, RefType, Result, TableType, TypeId, ValType, Value, error::bail,
};
use crate::runtime::Engine;
use std::ptr::null_mut;
use std::sync::Arc;

/// The type of a value: one of `enum pellucid_kind`.
///
/// Since: 0.1.
pub type pellucid_kind_t = u32;

/// Values of `pellucid_kind_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum pellucid_kind {
    /// A 32-bit integer.
    PELLUCID_I32 = 0,
    /// A 64-bit integer.
    PELLUCID_I64 = 1,
    /// A 32-bit float.
    PELLUCID_F32 = 2,
    /// A 64-bit float.
    PELLUCID_F64 = 3,
    /// A vector of 128 bits.
    PELLUCID_V128 = 4,
    /// A function or null.
    PELLUCID_FUNCREF = 5,
    /// A host value or null.
    PELLUCID_EXTERNREF = 6,
    /// What the guest made and doesn't name a function or exception, or null: a structure or array, an integer of 31 bits, or a host value
    /// that was passed on as one; see `pellucid_anyref_t`.
    PELLUCID_ANYREF = 7,
    /// An exception or null.
    PELLUCID_EXNREF = 8,
    /// A continuation or null; reserved.
    PELLUCID_CONTREF = 9,
    /// Not a type: a local or operand whose value isn't known at this place; or an argument, a result or what else is read, if there was no
    /// memory to hand out a reference to it.
    PELLUCID_UNAVAILABLE = 255,
}

/// What something imported or exported is: one of `enum pellucid_extern_kind`.
///
/// Since: 0.1.
pub type pellucid_extern_kind_t = u32;

/// Values of `pellucid_extern_kind_t`, numbered as in the binary format.
#[repr(C)]
pub enum pellucid_extern_kind {
    /// A function.
    PELLUCID_EXTERN_FUNC = 0,
    /// A table.
    PELLUCID_EXTERN_TABLE = 1,
    /// A memory.
    PELLUCID_EXTERN_MEMORY = 2,
    /// A global.
    PELLUCID_EXTERN_GLOBAL = 3,
    /// A tag.
    PELLUCID_EXTERN_TAG = 4,
}

/// The type of a function: parameters and results. An owned object that never changes.
///
///     pellucid_kind_t params[2] = {PELLUCID_I32, PELLUCID_I32}, results[1] = {PELLUCID_I32};
///     pellucid_functype_t *type;
///     pellucid_functype_new(params, 2, results, 1, &type);
///     ...
///     pellucid_functype_delete(type);
///
/// Any thread may use it.
///
/// Since: 0.1.
pub struct pellucid_functype_t {
    ty: Arc<FuncType>,
    /// Which of an engine's types it is, unless it was made of kinds.
    defined: Option<(Engine, TypeId)>,
    params: Box<[pellucid_kind_t]>,
    results: Box<[pellucid_kind_t]>,
}

/// The type of something imported or exported. An owned object that never changes; any thread may use it.
///
///     if (pellucid_externtype_kind(type) == PELLUCID_EXTERN_MEMORY) {
///         pellucid_memorytype_t memory;
///         pellucid_externtype_memory(type, &memory);
///     }
///     pellucid_externtype_delete(type);
///
/// Since: 0.1.
pub struct pellucid_externtype_t {
    ty: ExternType,
    /// Which of an engine's types that of a function or tag is.
    defined: Option<(Engine, TypeId)>,
}

/// Values of `page_size_log2` in `pellucid_memorytype_t` beside 0, which is the usual size.
#[repr(C)]
pub enum pellucid_page_size {
    /// Pages of 64 KiB, the usual size: the logarithm of that to base 2.
    PELLUCID_PAGES_OF_64_KIB = 16,
    /// Pages of one byte, whose logarithm would be 0.
    PELLUCID_PAGES_OF_A_BYTE = 255,
}

/// The number for pages of one byte.
const BYTES: u32 = pellucid_page_size::PELLUCID_PAGES_OF_A_BYTE as u32;

/// The type of a memory. Plain data.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_memorytype_t {
    /// Pages at creation.
    pub minimum: u64,
    /// Pages that it may grow to, if `has_maximum`.
    pub maximum: u64,
    /// 1 if there is a maximum, else 0.
    pub has_maximum: u32,
    /// 1 if its addresses and sizes are `i64`, 0 if they are `i32`.
    pub is_64: u32,
    /// 1 if stores on several threads may have it at the same time, else 0; if it is, it has a maximum.
    pub is_shared: u32,
    /// The size of its pages, one of `enum pellucid_page_size`; 0 means the usual one.
    pub page_size_log2: u32,
}

/// The type of a table. Plain data.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_tabletype_t {
    /// Elements at creation.
    pub minimum: u64,
    /// Elements that it may grow to, if `has_maximum`.
    pub maximum: u64,
    /// 1 if there is a maximum, else 0.
    pub has_maximum: u32,
    /// What its elements are: `PELLUCID_FUNCREF`, `PELLUCID_EXTERNREF`, `PELLUCID_ANYREF` or `PELLUCID_EXNREF`.
    pub element: pellucid_kind_t,
    /// 1 if its indices and sizes are `i64`, 0 if they are `i32`.
    pub is_64: u32,
    /// Zero.
    pub reserved: u32,
}

/// The type of a global. Plain data.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_globaltype_t {
    /// The type of its value.
    pub kind: pellucid_kind_t,
    /// 1 if it can be set, else 0.
    pub is_mutable: u32,
}

const _: () = {
    assert!(size_of::<pellucid_memorytype_t>() == 32 && size_of::<pellucid_tabletype_t>() == 32);
    assert!(size_of::<pellucid_globaltype_t>() == 8);
};

/// The number of a value type.
pub(super) fn kind(ty: ValType) -> pellucid_kind_t {
    u32::from(ty.to_u8())
}

/// The number of a value's type.
pub(super) fn kind_of(value: &Value) -> pellucid_kind_t {
    value.ty().map_or(pellucid_kind::PELLUCID_UNAVAILABLE as u32, kind)
}

/// The value type of this number: `Unsupported` for a reserved one, `InvalidArgument` for an unknown one.
pub(super) fn value_type(number: pellucid_kind_t) -> Result<ValType> {
    use pellucid_kind::*;
    let reserved = [PELLUCID_CONTREF];
    if reserved.iter().any(|kind| *kind as u32 == number) {
        bail!(Unsupported, "values of kind {number} aren't supported yet");
    }
    match u8::try_from(number).ok().and_then(ValType::from_u8) {
        Some(ty) => Ok(ty),
        None => bail!(InvalidArgument, "{number} isn't the kind of a type"),
    }
}

/// The number of what an import or export is.
pub(super) fn extern_kind(ty: &ExternType) -> pellucid_extern_kind_t {
    use pellucid_extern_kind::*;
    let kind = match ty {
        ExternType::Func(_) => PELLUCID_EXTERN_FUNC,
        ExternType::Table(_) => PELLUCID_EXTERN_TABLE,
        ExternType::Memory(_) => PELLUCID_EXTERN_MEMORY,
        ExternType::Global(_) => PELLUCID_EXTERN_GLOBAL,
        ExternType::Tag(_) => PELLUCID_EXTERN_TAG,
    };
    kind as u32
}

/// What a number says that is 0 or 1.
pub(super) fn flag(value: u32, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => bail!(InvalidArgument, "`{name}` is {value}, which is neither 0 nor 1"),
    }
}

impl pellucid_functype_t {
    fn new(ty: Arc<FuncType>, defined: Option<(Engine, TypeId)>) -> pellucid_functype_t {
        let params = ty.params.iter().map(|ty| kind(*ty)).collect();
        let results = ty.results.iter().map(|ty| kind(*ty)).collect();
        pellucid_functype_t { ty, defined, params, results }
    }

    /// The object for a type of functions of an engine.
    pub(super) fn defined(engine: &Engine, id: TypeId) -> pellucid_functype_t {
        pellucid_functype_t::new(engine.types().func_type(id), Some((engine.clone(), id)))
    }

    /// The type's number in an engine.
    ///
    /// Errors: `InvalidArgument` for a type that only another engine has; `Limit`.
    pub(super) fn id_in(&self, engine: &Engine) -> Result<TypeId> {
        match &self.defined {
            Some((owner, id)) if owner.is_same(engine) => Ok(*id),
            Some((owner, id)) if !owner.types().is_plain_func(*id) => {
                bail!(InvalidArgument, "the type is one of another engine")
            }
            _ => engine.types().register_func(&self.ty),
        }
    }

    /// The type.
    pub(super) fn ty(&self) -> &FuncType {
        &self.ty
    }
}

impl pellucid_externtype_t {
    /// The object for a type; with the number that it has in an engine if it is that of a function or tag.
    pub(super) fn new(ty: ExternType, engine: &Engine, id: Option<TypeId>) -> pellucid_externtype_t {
        pellucid_externtype_t { ty, defined: id.map(|id| (engine.clone(), id)) }
    }

    fn functype(&self, ty: &FuncType) -> pellucid_functype_t {
        pellucid_functype_t::new(Arc::new(ty.clone()), self.defined.clone())
    }

    fn mismatch<T>(&self, wanted: &str) -> Result<T> {
        let found = match self.ty {
            ExternType::Func(_) => "function",
            ExternType::Table(_) => "table",
            ExternType::Memory(_) => "memory",
            ExternType::Global(_) => "global",
            ExternType::Tag(_) => "tag",
        };
        bail!(TypeMismatch, "it is a {found}, not a {wanted}");
    }
}

impl pellucid_memorytype_t {
    /// The type for C.
    pub(super) fn from_core(ty: MemoryType) -> pellucid_memorytype_t {
        pellucid_memorytype_t {
            minimum: ty.minimum,
            maximum: ty.maximum.unwrap_or(0),
            has_maximum: u32::from(ty.maximum.is_some()),
            is_64: u32::from(ty.is_64),
            is_shared: u32::from(ty.is_shared),
            page_size_log2: if ty.page_size_log2 == 0 { BYTES } else { ty.page_size_log2.into() },
        }
    }

    /// The core's type.
    pub(super) fn to_core(self) -> Result<MemoryType> {
        let page_size_log2 = match self.page_size_log2 {
            BYTES => 0,
            0 | 16 => MemoryType::USUAL_PAGE_SIZE_LOG2,
            other => bail!(Unsupported, "pages of 2^{other} bytes aren't supported"),
        };
        let maximum = flag(self.has_maximum, "has_maximum")?.then_some(self.maximum);
        let (is_64, is_shared) = (flag(self.is_64, "is_64")?, flag(self.is_shared, "is_shared")?);
        Ok(MemoryType { minimum: self.minimum, maximum, is_64, page_size_log2, is_shared })
    }
}

impl pellucid_tabletype_t {
    /// The type for C.
    pub(super) fn from_core(ty: TableType) -> pellucid_tabletype_t {
        pellucid_tabletype_t {
            minimum: ty.minimum,
            maximum: ty.maximum.unwrap_or(0),
            has_maximum: u32::from(ty.maximum.is_some()),
            element: kind(ValType::Ref(ty.element)),
            is_64: u32::from(ty.is_64),
            reserved: 0,
        }
    }

    /// The core's type.
    pub(super) fn to_core(self) -> Result<TableType> {
        let element: RefType = match value_type(self.element)? {
            ValType::Ref(element) => element,
            other => bail!(InvalidArgument, "a table can't have elements of type {other}"),
        };
        let maximum = flag(self.has_maximum, "has_maximum")?.then_some(self.maximum);
        Ok(TableType { element, minimum: self.minimum, maximum, is_64: flag(self.is_64, "is_64")? })
    }
}

impl pellucid_globaltype_t {
    /// The type for C.
    pub(super) fn from_core(ty: GlobalType) -> pellucid_globaltype_t {
        pellucid_globaltype_t { kind: kind(ty.value), is_mutable: u32::from(ty.mutable) }
    }

    /// The core's type.
    pub(super) fn to_core(self) -> Result<GlobalType> {
        Ok(GlobalType { value: value_type(self.kind)?, mutable: flag(self.is_mutable, "is_mutable")? })
    }
}

/// Makes a function type: a final one, alone, with references to anything of their kinds. For functions and tags that guests import with
/// references to types of their own, or of a type that isn't like that, take the type that the module's import has
/// (`pellucid_module_import`, `pellucid_externtype_func`), or one that is defined (`pellucid_type_functype`).
///
/// - `params`, `n_params`: the parameters' types; may be NULL if there are none.
/// - `results`, `n_results`: the results' types; may be NULL if there are none.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind, or more than 1,000 parameters or
/// results; `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
///
/// Owns: the caller owns `*out_type`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_functype_new(
    params: *const pellucid_kind_t,
    n_params: usize,
    results: *const pellucid_kind_t,
    n_results: usize,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, slice params n_params, slice results n_results, out out_type => {
        if params.len().max(results.len()) > 1000 {
            bail!(InvalidArgument, "a function has at most 1000 parameters and 1000 results");
        }
        let types = |kinds: &[pellucid_kind_t]| kinds.iter().map(|kind| value_type(*kind)).collect::<Result<Box<[_]>>>();
        out_type.give(pellucid_functype_t::new(Arc::new(FuncType::new(types(params)?, types(results)?)), None))
    })
}

/// Deletes a function type. Functions and modules that have it are not concerned.
///
/// - `functype`: the type; NULL is fine.
///
/// Owns: takes `functype`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_functype_delete(functype: *mut pellucid_functype_t) {
    entry!(delete functype)
}

/// The types of a function's parameters.
///
/// - `functype`: the function type.
/// - `out_params`: gets the first of them; may be NULL.
/// - `out_n`: gets their number; may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the array is valid until the type is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_functype_params(
    functype: *const pellucid_functype_t,
    out_params: *mut *const pellucid_kind_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref functype, opt_out out_params, opt_out out_n => {
        out_params.set(functype.params.as_ptr());
        out_n.set(functype.params.len());
        Ok(())
    })
}

/// The types of a function's results.
///
/// - `functype`: the function type.
/// - `out_results`: gets the first of them; may be NULL.
/// - `out_n`: gets their number; may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the array is valid until the type is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_functype_results(
    functype: *const pellucid_functype_t,
    out_results: *mut *const pellucid_kind_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref functype, opt_out out_results, opt_out out_n => {
        out_results.set(functype.results.as_ptr());
        out_n.set(functype.results.len());
        Ok(())
    })
}

/// The type of a function that is imported or exported.
///
/// - `externtype`: the type of the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a function.
///
/// Owns: the caller owns `*out_type`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_func(
    externtype: *const pellucid_externtype_t,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref externtype, out out_type => {
        let ExternType::Func(ty) = &externtype.ty else { return externtype.mismatch("function") };
        out_type.give(externtype.functype(ty))
    })
}

/// The type of a table that is imported or exported.
///
/// - `externtype`: the type of the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a table.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_table(
    externtype: *const pellucid_externtype_t,
    out_type: *mut pellucid_tabletype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref externtype, out out_type => {
        let ExternType::Table(ty) = &externtype.ty else { return externtype.mismatch("table") };
        out_type.set(pellucid_tabletype_t::from_core(*ty));
        Ok(())
    })
}

/// The type of a memory that is imported or exported.
///
/// - `externtype`: the type of the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a memory.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_memory(
    externtype: *const pellucid_externtype_t,
    out_type: *mut pellucid_memorytype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref externtype, out out_type => {
        let ExternType::Memory(ty) = &externtype.ty else { return externtype.mismatch("memory") };
        out_type.set(pellucid_memorytype_t::from_core(*ty));
        Ok(())
    })
}

/// The type of a global that is imported or exported.
///
/// - `externtype`: the type of the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a global.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_global(
    externtype: *const pellucid_externtype_t,
    out_type: *mut pellucid_globaltype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref externtype, out out_type => {
        let ExternType::Global(ty) = &externtype.ty else { return externtype.mismatch("global") };
        out_type.set(pellucid_globaltype_t::from_core(*ty));
        Ok(())
    })
}

/// The type of a tag that is imported or exported: a function that takes what the tag's exceptions carry, and gives nothing.
///
/// - `externtype`: the type of the import or export.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a tag.
///
/// Owns: the caller owns `*out_type`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_tag(
    externtype: *const pellucid_externtype_t,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref externtype, out out_type => {
        let ExternType::Tag(ty) = &externtype.ty else { return externtype.mismatch("tag") };
        out_type.give(externtype.functype(ty))
    })
}

/// What something imported or exported is.
///
/// - `externtype`: its type.
///
/// Returns one of `enum pellucid_extern_kind`; 4,294,967,295 if `externtype` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_kind(externtype: *const pellucid_externtype_t) -> pellucid_extern_kind_t {
    entry!(value u32::MAX; ref externtype => extern_kind(&externtype.ty))
}

/// Deletes the type of an import or export.
///
/// - `externtype`: the type; NULL is fine.
///
/// Owns: takes `externtype`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_externtype_delete(externtype: *mut pellucid_externtype_t) {
    entry!(delete externtype)
}
