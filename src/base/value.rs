//! Values as the host sees them, tagged and raw.

use super::{AnyRef, ExnRef, ExternRef, Func, HeapType, ValType};

/// A value with its type. Floats are kept as bits, so that NaN payloads survive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bits of a vector, lane 0 in the lowest ones.
    V128(u128),
    /// A function or null.
    FuncRef(Option<Func>),
    /// A host value or null.
    ExternRef(Option<ExternRef>),
    /// An exception or null.
    ExnRef(Option<ExnRef>),
    /// What the guest made, or null.
    AnyRef(Option<AnyRef>),
    /// A local or operand whose value isn't known at this place.
    Unavailable,
}

impl Value {
    /// The value's type; `None` for [`Value::Unavailable`].
    pub fn ty(&self) -> Option<ValType> {
        Some(match self {
            Value::I32(_) => ValType::I32,
            Value::I64(_) => ValType::I64,
            Value::F32(_) => ValType::F32,
            Value::F64(_) => ValType::F64,
            Value::V128(_) => ValType::V128,
            Value::FuncRef(_) => ValType::FUNCREF,
            Value::ExternRef(_) => ValType::EXTERNREF,
            Value::ExnRef(_) => ValType::EXNREF,
            Value::AnyRef(_) => ValType::ANYREF,
            Value::Unavailable => return None,
        })
    }

    /// The default value of a type: zero or null.
    pub fn default_of(ty: ValType) -> Value {
        match ty {
            ValType::I32 => Value::I32(0),
            ValType::I64 => Value::I64(0),
            ValType::F32 => Value::F32(0),
            ValType::F64 => Value::F64(0),
            ValType::V128 => Value::V128(0),
            ValType::Ref(ty) => match ty.heap.top() {
                HeapType::Func => Value::FuncRef(None),
                HeapType::Extern => Value::ExternRef(None),
                HeapType::Exn => Value::ExnRef(None),
                HeapType::Any => Value::AnyRef(None),
                _ => Value::Unavailable,
            },
        }
    }
}

/// An untagged value as guest code passes it to and from the host: little-endian bits, zero-extended.
///
/// A `funcref` is the address of its `VmFuncRef` or 0; an `externref`, an `anyref` and an `exnref` are as
/// [`references`](crate::abi::references) says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(16))]
pub struct RawValue {
    /// The low 64 bits; all that scalar types use.
    pub lo: u64,
    /// The high 64 bits.
    pub hi: u64,
}

impl RawValue {
    /// A raw value of up to 64 bits.
    pub fn new(lo: u64) -> RawValue {
        RawValue { lo, hi: 0 }
    }

    /// A raw value of up to 128 bits.
    pub fn from_bits(bits: u128) -> RawValue {
        RawValue { lo: bits as u64, hi: (bits >> 64) as u64 }
    }

    /// All of its bits.
    pub fn bits(self) -> u128 {
        u128::from(self.hi) << 64 | u128::from(self.lo)
    }
}
