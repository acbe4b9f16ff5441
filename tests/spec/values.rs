//! Values as scripts write them: arguments, and patterns for results.

use pellucid::base::{AnyRef, Object, TypeKind, Value};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// An argument, if the engine has its type. `externref` makes the reference for a number.
pub fn argument(arg: &WastArg<'_>, externref: impl FnOnce(u32) -> Value) -> Result<Value, String> {
    let WastArg::Core(arg) = arg else { return Err(format!("argument {arg:?}")) };
    Ok(match arg {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(heap) if is_abstract(heap, AbstractHeapType::Func) => Value::FuncRef(None),
        WastArgCore::RefNull(heap) if is_abstract(heap, AbstractHeapType::Extern) => Value::ExternRef(None),
        WastArgCore::RefNull(heap) if is_abstract(heap, AbstractHeapType::Exn) => Value::ExnRef(None),
        WastArgCore::RefNull(heap) if is_any(heap) => Value::AnyRef(None),
        WastArgCore::RefExtern(number) => externref(*number),
        WastArgCore::RefHost(number) => match externref(*number) {
            Value::ExternRef(made) => Value::AnyRef(made.map(AnyRef::Extern)),
            other => other,
        },
        other => return Err(format!("argument {other:?}")),
    })
}

/// What a store says of references.
pub trait Known {
    /// The number of an external reference.
    fn number(&self, value: &Value) -> Option<u32>;
    /// What an object is.
    fn kind(&self, object: Object) -> TypeKind;
}

/// Whether a result is as expected.
pub fn is_expected(value: &Value, expected: &WastRet<'_>, known: &dyn Known) -> bool {
    let WastRet::Core(expected) = expected else { return false };
    is_expected_core(value, expected, known)
}

fn is_expected_core(value: &Value, expected: &WastRetCore<'_>, known: &dyn Known) -> bool {
    match (expected, value) {
        (WastRetCore::Either(choices), _) => choices.iter().any(|choice| is_expected_core(value, choice, known)),
        (WastRetCore::I32(expected), Value::I32(value)) => expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => expected == value,
        (WastRetCore::F32(expected), Value::F32(bits)) => is_expected_f32(*bits, expected),
        (WastRetCore::F64(expected), Value::F64(bits)) => is_expected_f64(*bits, expected),
        (WastRetCore::V128(expected), Value::V128(bits)) => is_expected_vector(*bits, expected),
        (
            WastRetCore::RefNull(None),
            Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None),
        ) => true,
        (WastRetCore::RefNull(Some(heap)), Value::AnyRef(None)) => is_any(heap),
        (WastRetCore::RefI31, Value::AnyRef(Some(AnyRef::I31(_)))) => true,
        (WastRetCore::RefEq, Value::AnyRef(Some(AnyRef::I31(_) | AnyRef::Object(_)))) => true,
        (WastRetCore::RefStruct, Value::AnyRef(Some(AnyRef::Object(object)))) => {
            known.kind(*object) == TypeKind::Struct
        }
        (WastRetCore::RefArray, Value::AnyRef(Some(AnyRef::Object(object)))) => known.kind(*object) == TypeKind::Array,
        (WastRetCore::RefAny, Value::AnyRef(Some(_))) => true,
        (WastRetCore::RefHost(expected), Value::AnyRef(Some(AnyRef::Extern(made)))) => {
            known.number(&Value::ExternRef(Some(*made))) == Some(*expected)
        }
        (WastRetCore::RefNull(Some(heap)), Value::FuncRef(None)) => {
            is_abstract(heap, AbstractHeapType::Func) || is_abstract(heap, AbstractHeapType::NoFunc)
        }
        (WastRetCore::RefNull(Some(heap)), Value::ExternRef(None)) => {
            is_abstract(heap, AbstractHeapType::Extern) || is_abstract(heap, AbstractHeapType::NoExtern)
        }
        (WastRetCore::RefNull(Some(heap)), Value::ExnRef(None)) => {
            is_abstract(heap, AbstractHeapType::Exn) || is_abstract(heap, AbstractHeapType::NoExn)
        }
        (WastRetCore::RefFunc(None), Value::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(None), Value::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(expected)), Value::ExternRef(Some(_))) => known.number(value) == Some(*expected),
        _ => false,
    }
}

fn is_expected_f32(bits: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::Value(expected) => expected.bits == bits,
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
    }
}

fn is_expected_f64(bits: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::Value(expected) => expected.bits == bits,
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
    }
}

fn is_expected_vector(bits: u128, expected: &V128Pattern) -> bool {
    let lane = |width: usize, place: usize| (bits >> (width * place)) as u64;
    match expected {
        V128Pattern::I8x16(lanes) => (0..16).all(|place| lane(8, place) as i8 == lanes[place]),
        V128Pattern::I16x8(lanes) => (0..8).all(|place| lane(16, place) as i16 == lanes[place]),
        V128Pattern::I32x4(lanes) => (0..4).all(|place| lane(32, place) as i32 == lanes[place]),
        V128Pattern::I64x2(lanes) => (0..2).all(|place| lane(64, place) as i64 == lanes[place]),
        V128Pattern::F32x4(lanes) => (0..4).all(|place| is_expected_f32(lane(32, place) as u32, &lanes[place])),
        V128Pattern::F64x2(lanes) => (0..2).all(|place| is_expected_f64(lane(64, place), &lanes[place])),
    }
}

fn is_any(heap: &HeapType<'_>) -> bool {
    use AbstractHeapType::{Any, Array, Eq, I31, None, Struct};
    [Any, Array, Eq, I31, None, Struct].into_iter().any(|ty| is_abstract(heap, ty))
}

fn is_abstract(heap: &HeapType<'_>, expected: AbstractHeapType) -> bool {
    matches!(heap, HeapType::Abstract { shared: false, ty } if *ty == expected)
}

/// Results for a message, floats with their bits.
pub fn show(values: &[Value]) -> String {
    let each = values.iter().map(|value| match value {
        Value::F32(bits) => format!("f32 {} ({bits:#010x})", f32::from_bits(*bits)),
        Value::F64(bits) => format!("f64 {} ({bits:#018x})", f64::from_bits(*bits)),
        Value::V128(bits) => format!("v128 {bits:#034x}"),
        other => format!("{other:?}"),
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}
