//! Which of the features that validate are also compiled, and how the others are called in errors.

use super::ModuleInfo;
use crate::base::{
    DefinedFuncIndex, Error, ErrorKind, HeapType, RefType, Result, TypeId, TypeIndex, TypeKind, ValType,
};
use wasmparser::{AbstractHeapType, BlockType, Operator, Validator, WasmFeatures};

/// The proposals that modules are validated with. What validates but isn't compiled is refused by name.
pub fn validated() -> WasmFeatures {
    WasmFeatures::default() | WasmFeatures::CUSTOM_PAGE_SIZES | WasmFeatures::LEGACY_EXCEPTIONS
}

/// The error for a valid module that needs `feature`, found at byte `offset` of the module.
pub fn unsupported(feature: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Unsupported, format_args!("unsupported: {feature} (at offset {offset:#x})"))
}

/// Converts a value type. `kind` and `id` tell what a type of the module is.
pub fn value_type(
    ty: wasmparser::ValType,
    kind: &dyn Fn(TypeIndex) -> TypeKind,
    id: &dyn Fn(TypeIndex) -> TypeId,
) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty, kind, id)),
    }
}

/// Converts a reference type, as [`value_type`] does.
pub fn ref_type(
    ty: wasmparser::RefType,
    kind: &dyn Fn(TypeIndex) -> TypeKind,
    id: &dyn Fn(TypeIndex) -> TypeId,
) -> RefType {
    RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type(), kind, id) }
}

/// Converts a heap type, as [`value_type`] does. What [`check_heap_type`] refuses becomes something else.
pub fn heap_type(
    ty: wasmparser::HeapType,
    kind: &dyn Fn(TypeIndex) -> TypeKind,
    id: &dyn Fn(TypeIndex) -> TypeId,
) -> HeapType {
    match ty {
        wasmparser::HeapType::Abstract { ty, .. } => match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Eq => HeapType::Eq,
            AbstractHeapType::I31 => HeapType::I31,
            AbstractHeapType::Struct => HeapType::Struct,
            AbstractHeapType::Array => HeapType::Array,
            AbstractHeapType::None => HeapType::None,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            _ => HeapType::Any,
        },
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => {
            let index = TypeIndex::from_u32(index.as_module_index().expect("as it is in the module"));
            HeapType::Defined(kind(index), id(index))
        }
    }
}

/// Refuses a value type that isn't compiled; `offset` is where it is in the module.
pub fn check_value_type(ty: wasmparser::ValType, offset: u64) -> Result<()> {
    match ty {
        wasmparser::ValType::Ref(ty) => check_heap_type(ty.heap_type(), offset),
        _ => Ok(()),
    }
}

/// Refuses a heap type that isn't compiled.
pub fn check_heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<()> {
    use AbstractHeapType::{Cont, NoCont};
    match ty {
        wasmparser::HeapType::Abstract { shared: true, .. } => Err(unsupported("shared-everything threads", offset)),
        wasmparser::HeapType::Abstract { ty: Cont | NoCont, .. } => Err(unsupported("stack switching", offset)),
        wasmparser::HeapType::Concrete(_) | wasmparser::HeapType::Abstract { .. } => Ok(()),
        wasmparser::HeapType::Exact(_) => Err(unsupported("custom descriptors", offset)),
    }
}

/// Refuses an operator that isn't compiled, also where it can't be reached, and nothing else looks at it.
pub fn check_supported(operator: &Operator<'_>, offset: u64) -> Result<()> {
    match *operator {
        Operator::RefNull { hty }
        | Operator::RefTestNonNull { hty }
        | Operator::RefTestNullable { hty }
        | Operator::RefCastNonNull { hty }
        | Operator::RefCastNullable { hty } => check_heap_type(hty, offset),
        Operator::BrOnCast { to_ref_type, .. } | Operator::BrOnCastFail { to_ref_type, .. } => {
            check_heap_type(to_ref_type.heap_type(), offset)
        }
        Operator::TypedSelect { ty } => check_value_type(ty, offset),
        Operator::Block { blockty: BlockType::Type(ty) }
        | Operator::Loop { blockty: BlockType::Type(ty) }
        | Operator::If { blockty: BlockType::Type(ty) }
        | Operator::Try { blockty: BlockType::Type(ty) } => check_value_type(ty, offset),
        Operator::TryTable { ref try_table } => match try_table.ty {
            BlockType::Type(ty) => check_value_type(ty, offset),
            _ => Ok(()),
        },
        _ => match feature_of(operator) {
            "mvp"
            | "sign_extension"
            | "saturating_float_to_int"
            | "bulk_memory"
            | "reference_types"
            | "function references"
            | "simd"
            | "relaxed simd"
            | "wide arithmetic"
            | "tail calls"
            | "exceptions"
            | "legacy exceptions"
            | "gc"
            | "threads" => Ok(()),
            feature => Err(unsupported(feature, offset)),
        },
    }
}

/// Says whether a valid function can be compiled: its locals and all operators, also those that can't be reached.
pub fn check_body_supported(info: &ModuleInfo, function: DefinedFuncIndex) -> Result<()> {
    check_locals_supported(info, function)?;
    let body = info.body(function);
    for operator in body.get_operators_reader().expect("validated").into_iter_with_offsets() {
        let (operator, offset) = operator.expect("validated");
        check_supported(&operator, offset)?;
    }
    Ok(())
}

/// Refuses a valid function with locals of types that aren't compiled.
pub fn check_locals_supported(info: &ModuleInfo, function: DefinedFuncIndex) -> Result<()> {
    let start = u64::from(info.bodies[function].range.start);
    for declaration in info.body(function).get_locals_reader().expect("validated") {
        check_value_type(declaration.expect("validated").1, start)?;
    }
    Ok(())
}

/// The feature that an operator belongs to, in words.
pub fn feature_of(operator: &Operator<'_>) -> &'static str {
    macro_rules! feature {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "an operator",
            }
        };
    }
    match wasmparser::for_each_operator!(feature) {
        "function_references" => "function references",
        "tail_call" => "tail calls",
        "legacy_exceptions" => "legacy exceptions",
        "relaxed_simd" => "relaxed simd",
        "wide_arithmetic" => "wide arithmetic",
        other => other,
    }
}

/// Tells a module that the validator refused, with the features that it has by default, from one that needs more: that one
/// is `Unsupported`, by the feature's name. Answers `refused` otherwise, or what else is invalid.
///
/// The validator doesn't say for each error which feature would have helped, and its words change. So this asks it again,
/// with all the proposals that it knows, and then without one after the other.
pub fn name_the_feature(bytes: &[u8], refused: Error) -> Error {
    let all = WasmFeatures::all();
    let validate = |features| Validator::new_with_features(features).validate_all(bytes).map(|_| ());
    let default = match validate(validated()) {
        // One proposal gives a meaning to a byte that the specification's suite calls malformed.
        Err(error) if error.message().starts_with("shared globals require") => return refused,
        Err(error) => error,
        Ok(()) => return refused,
    };
    match validate(all) {
        // The same is wrong, whatever is switched on.
        Err(other) if other.offset() <= default.offset() => return refused,
        Err(other) => return super::parse::invalid(&other),
        Ok(()) => {}
    }
    let further = all.difference(validated());
    let is_needed = |feature: &WasmFeatures| validate(all.difference(*feature)).is_err();
    let features = further.iter_names().filter(|(_, feature)| is_needed(feature));
    let names: Vec<_> = features.map(|(name, _)| proposal_name(name)).collect();
    let names = if names.is_empty() { "a proposal".to_string() } else { names.join(", ") };
    unsupported(&names, default.offset())
}

/// What the validator's `CUSTOM_PAGE_SIZES` is called among people.
fn proposal_name(constant: &str) -> String {
    match constant {
        "SHARED_EVERYTHING_THREADS" => "shared-everything threads".to_string(),
        "ACQUIRE_RELEASE_ATOMICS" => "acquire-release atomics".to_string(),
        other => other.to_lowercase().replace('_', " "),
    }
}
