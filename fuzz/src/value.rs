//! Values as both engines have them.
//!
//! NaNs are one value: which bits an operation's NaN has is up to the engine. Where a module could tell them apart, its
//! generator makes it replace them first. Functions are told by their index in the module, host values by their number, objects by
//! whether they are structures or arrays, and where nobody goes on with them by what they hold.

use crate::random::{Random, mix};
use pellucid::base::{HeapType, RefType, ValType};

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Val {
    I32(i32),
    I64(i64),
    /// The bits.
    F32(u32),
    /// The bits.
    F64(u64),
    /// The bits.
    V128(u128),
    /// A function's index, or null.
    Func(Option<u32>),
    /// A host value's number, or null.
    Extern(Option<u64>),
    /// What the guest made, passed on as a host value.
    Passed(Made),
    /// What the guest made, or null.
    Any(Option<Made>),
    /// An exception, or null: whether it is one.
    Exn(bool),
    /// The debugger doesn't know it.
    Unavailable,
}

/// What a guest makes. An object has a hash of what it holds, or 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    I31(i32),
    Struct(u64),
    Array(u64),
    /// A host value's number: it is passed on as what the guest made.
    Extern(u64),
}

/// How many fields or elements of an object are looked at.
pub const MOST_PARTS: u32 = 8;

impl Made {
    fn hash(self) -> u64 {
        match self {
            Made::I31(value) => mix(1, value as u64),
            Made::Struct(held) => mix(2, held),
            Made::Array(held) => mix(3, held),
            Made::Extern(number) => mix(4, number),
        }
    }

    /// A hash of what an object with so many parts holds, by the first ones.
    pub fn held(count: u32, parts: &[Val]) -> u64 {
        mix(u64::from(count), hash_values(parts))
    }
}

/// Stands for a function that the module under test doesn't have.
pub const UNKNOWN_FUNCTION: u32 = u32::MAX;

const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

impl Val {
    /// A 32-bit float.
    pub fn f32(bits: u32) -> Val {
        Val::F32(if f32::from_bits(bits).is_nan() { NAN_32 } else { bits })
    }

    /// A 64-bit float.
    pub fn f64(bits: u64) -> Val {
        Val::F64(if f64::from_bits(bits).is_nan() { NAN_64 } else { bits })
    }

    /// A vector. What may be a float lane that is a NaN is one value, but for the lane of ones that a comparison gives.
    pub fn v128(bits: u128) -> Val {
        let wide = |bits: u64| if f64::from_bits(bits).is_nan() && bits != u64::MAX { NAN_64 } else { bits };
        let narrow = |bits: u32| if f32::from_bits(bits).is_nan() && bits != u32::MAX { NAN_32 } else { bits };
        let half = |bits: u64| match wide(bits) {
            NAN_64 => NAN_64,
            bits => u64::from(narrow((bits >> 32) as u32)) << 32 | u64::from(narrow(bits as u32)),
        };
        Val::V128(u128::from(half((bits >> 64) as u64)) << 64 | u128::from(half(bits as u64)))
    }

    /// One word for it and its type.
    pub fn hash(self) -> u64 {
        let (kind, bits) = match self {
            Val::I32(value) => (1, u64::from(value as u32)),
            Val::I64(value) => (2, value as u64),
            Val::F32(bits) => (3, u64::from(bits)),
            Val::F64(bits) => (4, bits),
            Val::V128(bits) => (8, mix(bits as u64, (bits >> 64) as u64)),
            Val::Func(None) => (5, u64::MAX),
            Val::Func(Some(index)) => (5, u64::from(index)),
            // In the peer's frames what is passed on shows as what it was.
            Val::Extern(None) | Val::Any(None) => (6, u64::MAX),
            Val::Extern(Some(number)) | Val::Any(Some(Made::Extern(number))) => (6, number),
            Val::Any(Some(made)) | Val::Passed(made) => (10, made.hash()),
            Val::Unavailable => (7, 0),
            Val::Exn(is_one) => (9, u64::from(is_one)),
        };
        mix(kind, bits)
    }

    /// A value of a type, if one can be made; `functions` are those that are of the type.
    pub fn random(random: &mut Random, ty: ValType, functions: &[u32]) -> Option<Val> {
        let word = match random.below(4) {
            0 => random.below(4) as u64,
            1 => 1 << random.below(64),
            2 => (random.below(9) as u64).wrapping_sub(4),
            _ => random.word(),
        };
        Some(match ty {
            ValType::I32 => Val::I32(word as i32),
            ValType::I64 => Val::I64(word as i64),
            ValType::F32 if random.chance(40) => Val::f32((word as i32 as f32).to_bits()),
            ValType::F32 => Val::f32(word as u32),
            ValType::F64 if random.chance(40) => Val::f64((word as i64 as f64).to_bits()),
            ValType::F64 => Val::f64(word),
            ValType::V128 if random.chance(30) => Val::v128(u128::from(word) << (8 * random.below(9))),
            ValType::V128 => Val::v128(u128::from(word) << 64 | u128::from(random.word())),
            ValType::Ref(ty) if ty.nullable && random.chance(40) => Val::null(ty),
            ValType::Ref(ty) => match ty.heap {
                heap if heap.top() == HeapType::Func && !functions.is_empty() => {
                    Val::Func(Some(random.pick(functions)))
                }
                HeapType::Extern => Val::Extern(Some(random.below(5) as u64)),
                HeapType::Any if random.chance(30) => Val::Any(Some(Made::Extern(random.below(5) as u64))),
                HeapType::Any | HeapType::Eq | HeapType::I31 => Val::Any(Some(Made::I31(word as i32 >> 1))),
                _ if ty.nullable => Val::null(ty),
                _ => return None,
            },
        })
    }

    /// Null of a type.
    pub fn null(ty: RefType) -> Val {
        match ty.heap.top() {
            HeapType::Func => Val::Func(None),
            HeapType::Extern => Val::Extern(None),
            HeapType::Exn => Val::Exn(false),
            _ => Val::Any(None),
        }
    }
}

/// The hash of values in their order.
pub fn hash_values(values: &[Val]) -> u64 {
    values.iter().fold(values.len() as u64, |hash, value| mix(hash, value.hash()))
}
