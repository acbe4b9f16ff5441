//! Values as scripts write them: arguments, and patterns for results.

use pellucid::base::Value;
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument, if the engine has its type. `externref` makes the reference for a number.
pub fn argument(arg: &WastArg<'_>, externref: impl FnOnce(u32) -> Value) -> Result<Value, String> {
    let WastArg::Core(arg) = arg else { return Err(format!("argument {arg:?}")) };
    Ok(match arg {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::RefNull(heap) if is_abstract(heap, AbstractHeapType::Func) => Value::FuncRef(None),
        WastArgCore::RefNull(heap) if is_abstract(heap, AbstractHeapType::Extern) => Value::ExternRef(None),
        WastArgCore::RefExtern(number) => externref(*number),
        other => return Err(format!("argument {other:?}")),
    })
}

/// Whether a result is as expected. `number` tells the number of an external reference.
pub fn is_expected(value: &Value, expected: &WastRet<'_>, number: &dyn Fn(&Value) -> Option<u32>) -> bool {
    let WastRet::Core(expected) = expected else { return false };
    is_expected_core(value, expected, number)
}

fn is_expected_core(value: &Value, expected: &WastRetCore<'_>, number: &dyn Fn(&Value) -> Option<u32>) -> bool {
    match (expected, value) {
        (WastRetCore::Either(choices), _) => choices.iter().any(|choice| is_expected_core(value, choice, number)),
        (WastRetCore::I32(expected), Value::I32(value)) => expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => expected == value,
        (WastRetCore::F32(expected), Value::F32(bits)) => match expected {
            NanPattern::Value(expected) => expected.bits == *bits,
            NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
            NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        },
        (WastRetCore::F64(expected), Value::F64(bits)) => match expected {
            NanPattern::Value(expected) => expected.bits == *bits,
            NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
            NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        },
        (WastRetCore::RefNull(None), Value::FuncRef(None) | Value::ExternRef(None)) => true,
        (WastRetCore::RefNull(Some(heap)), Value::FuncRef(None)) => {
            is_abstract(heap, AbstractHeapType::Func) || is_abstract(heap, AbstractHeapType::NoFunc)
        }
        (WastRetCore::RefNull(Some(heap)), Value::ExternRef(None)) => {
            is_abstract(heap, AbstractHeapType::Extern) || is_abstract(heap, AbstractHeapType::NoExtern)
        }
        (WastRetCore::RefFunc(None), Value::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(None), Value::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(expected)), Value::ExternRef(Some(_))) => number(value) == Some(*expected),
        _ => false,
    }
}

fn is_abstract(heap: &HeapType<'_>, expected: AbstractHeapType) -> bool {
    matches!(heap, HeapType::Abstract { shared: false, ty } if *ty == expected)
}

/// Results for a message, floats with their bits.
pub fn show(values: &[Value]) -> String {
    let each = values.iter().map(|value| match value {
        Value::F32(bits) => format!("f32 {} ({bits:#010x})", f32::from_bits(*bits)),
        Value::F64(bits) => format!("f64 {} ({bits:#018x})", f64::from_bits(*bits)),
        other => format!("{other:?}"),
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}
