//! Which of the features that validate are also compiled, and how the others are called in errors.

use crate::base::{Error, ErrorKind, RefType, Result, ValType};
use wasmparser::{BlockType, HeapType, Operator, Validator, WasmFeatures};

/// The proposals that modules are validated with. What validates but isn't compiled is refused by name.
pub fn validated() -> WasmFeatures {
    WasmFeatures::default() | WasmFeatures::CUSTOM_PAGE_SIZES
}

/// The error for a valid module that needs `feature`, found at byte `offset` of the module.
pub fn unsupported(feature: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Unsupported, format_args!("unsupported: {feature} (at offset {offset:#x})"))
}

/// Converts a value type, or says which feature it belongs to.
pub fn value_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty, offset)?),
    })
}

/// Converts a reference type, or says which feature it belongs to.
pub fn ref_type(ty: wasmparser::RefType, offset: u64) -> Result<RefType> {
    if ty == wasmparser::RefType::FUNCREF {
        Ok(RefType::Func)
    } else if ty == wasmparser::RefType::EXTERNREF {
        Ok(RefType::Extern)
    } else if ty == wasmparser::RefType::EXNREF {
        Err(unsupported("exceptions", offset))
    } else if ty.is_concrete_type_ref() || !ty.is_nullable() {
        Err(unsupported("function references", offset))
    } else {
        Err(unsupported("gc", offset))
    }
}

/// Refuses an operator that isn't compiled, also where it can't be reached, and nothing else looks at it.
pub fn check_supported(operator: &Operator<'_>, offset: u64) -> Result<()> {
    match *operator {
        Operator::RefNull { hty } if hty != HeapType::FUNC && hty != HeapType::EXTERN => {
            ref_type(wasmparser::RefType::new(true, hty).expect("a heap type of the module"), offset).map(|_| ())
        }
        Operator::TypedSelect { ty } => value_type(ty, offset).map(|_| ()),
        Operator::Block { blockty: BlockType::Type(ty) }
        | Operator::Loop { blockty: BlockType::Type(ty) }
        | Operator::If { blockty: BlockType::Type(ty) } => value_type(ty, offset).map(|_| ()),
        _ => match feature_of(operator) {
            "mvp"
            | "sign_extension"
            | "saturating_float_to_int"
            | "bulk_memory"
            | "reference_types"
            | "simd"
            | "relaxed simd"
            | "wide arithmetic"
            | "tail calls"
            | "threads" => Ok(()),
            feature => Err(unsupported(feature, offset)),
        },
    }
}

/// Says whether a valid function can be compiled: its locals and all operators, also those that can't be reached.
pub fn check_body_supported(info: &super::ModuleInfo, function: crate::base::DefinedFuncIndex) -> Result<()> {
    info.checked_local_types(function)?;
    let body = info.body(function);
    for operator in body.get_operators_reader().expect("validated").into_iter_with_offsets() {
        let (operator, offset) = operator.expect("validated");
        check_supported(&operator, offset)?;
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
