//! Arithmetic, bit for bit as compiled code does it.
//!
//! The specification leaves the bits of an arithmetic NaN open, the processor and Cranelift's choice of instructions
//! don't. On x86-64 `add`, `sub`, `mul` and `div` are the SSE instructions with the left operand first: a NaN operand
//! comes out quieted, the left one if both are NaN, and an invalid operation on numbers gives the default NaN with
//! the sign *set*. `min` and `max` treat a NaN by adding the left operand to the right one, so there the *right* one
//! wins. `ceil`, `floor`, `trunc`, `nearest`, `sqrt`, `demote` and `promote` quiet a NaN operand and keep its sign and
//! (the upper part of) its payload. `abs`, `neg`, `copysign` and loads only move bits. All NaNs are therefore treated
//! here explicitly rather than by Rust's operators, whose NaN bits are unspecified. One case is undetermined: where
//! *both* operands are NaN, and differ, Cranelift may have swapped them to use an operand straight from memory. Whoever applies
//! an operator looks for that before.

use super::Numeric;
use crate::base::TrapCode;

pub(super) const SIGN_32: u64 = 1 << 31;
pub(super) const SIGN_64: u64 = 1 << 63;
pub(super) const QUIET_32: u32 = 1 << 22;
pub(super) const QUIET_64: u64 = 1 << 51;

/// What an invalid operation on numbers gives.
pub(super) const DEFAULT_NAN_32: u32 = if cfg!(target_arch = "x86_64") { 0xffc0_0000 } else { 0x7fc0_0000 };
pub(super) const DEFAULT_NAN_64: u64 = if cfg!(target_arch = "x86_64") { 0xfff8 << 48 } else { 0x7ff8 << 48 };

pub(super) const I32_END: f64 = 2147483648.0;
pub(super) const U32_END: f64 = 4294967296.0;
pub(super) const I64_END: f64 = 9223372036854775808.0;
pub(super) const U64_END: f64 = 18446744073709551616.0;
pub(super) const BELOW_I64: f64 = -9223372036854777856.0;

pub(super) fn f32(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

pub(super) fn f64(bits: u64) -> f64 {
    f64::from_bits(bits)
}

pub(super) fn truth(value: bool) -> Numeric {
    Ok(u64::from(value))
}

pub(super) fn of_u32(value: u32) -> Numeric {
    Ok(u64::from(value))
}

/// The bits of a result; a NaN can only come from an invalid operation, as NaN operands are treated before.
pub(super) fn of_f32(value: f32) -> Numeric {
    of_u32(if value.is_nan() { DEFAULT_NAN_32 } else { value.to_bits() })
}

pub(super) fn of_f64(value: f64) -> Numeric {
    Ok(if value.is_nan() { DEFAULT_NAN_64 } else { value.to_bits() })
}

pub(super) fn quotient(result: Option<u64>, by_zero: bool) -> Numeric {
    result.ok_or(if by_zero { TrapCode::IntegerDivideByZero } else { TrapCode::IntegerOverflow })
}

/// `value` if it lies strictly between the bounds.
pub(super) fn in_range(value: f64, above: f64, below: f64) -> Result<f64, TrapCode> {
    if value.is_nan() {
        Err(TrapCode::InvalidConversionToInteger)
    } else if value > above && value < below {
        Ok(value)
    } else {
        Err(TrapCode::IntegerOverflow)
    }
}

// Rust's conversions from floats truncate and saturate, and send NaN to zero, as Wasm's do.
pub(super) fn to_i32(value: f64) -> u64 {
    u64::from(value as i32 as u32)
}

pub(super) fn to_u32(value: f64) -> u64 {
    u64::from(value as u32)
}

pub(super) fn to_i64(value: f64) -> u64 {
    value as i64 as u64
}

pub(super) fn to_u64(value: f64) -> u64 {
    value as u64
}

pub(super) fn f32_unary(a: u64, apply: fn(f32) -> f32) -> Numeric {
    if f32(a).is_nan() { of_u32(a as u32 | QUIET_32) } else { of_f32(apply(f32(a))) }
}

pub(super) fn f64_unary(a: u64, apply: fn(f64) -> f64) -> Numeric {
    if f64(a).is_nan() { Ok(a | QUIET_64) } else { of_f64(apply(f64(a))) }
}

/// The NaN that comes out of an operation whose operands, in the instruction's order, include one.
pub(super) fn propagate_32(first: u64, second: u64) -> Numeric {
    let is_signaling = |bits: u64| f32(bits).is_nan() && bits as u32 & QUIET_32 == 0;
    let chosen = if !cfg!(target_arch = "x86_64") && !is_signaling(first) && is_signaling(second) {
        second
    } else if f32(first).is_nan() {
        first
    } else {
        second
    };
    of_u32(chosen as u32 | QUIET_32)
}

pub(super) fn propagate_64(first: u64, second: u64) -> Numeric {
    let is_signaling = |bits: u64| f64(bits).is_nan() && bits & QUIET_64 == 0;
    let chosen = if !cfg!(target_arch = "x86_64") && !is_signaling(first) && is_signaling(second) {
        second
    } else if f64(first).is_nan() {
        first
    } else {
        second
    };
    Ok(chosen | QUIET_64)
}

pub(super) fn f32_binary(a: u64, b: u64, apply: fn(f32, f32) -> f32) -> Numeric {
    if f32(a).is_nan() || f32(b).is_nan() { propagate_32(a, b) } else { of_f32(apply(f32(a), f32(b))) }
}

pub(super) fn f64_binary(a: u64, b: u64, apply: fn(f64, f64) -> f64) -> Numeric {
    if f64(a).is_nan() || f64(b).is_nan() { propagate_64(a, b) } else { of_f64(apply(f64(a), f64(b))) }
}

/// `min` and `max`: equal operands differ at most in the sign of a zero, which `merge` decides.
pub(super) fn f32_choice(a: u64, b: u64, merge: fn(u64, u64) -> u64, first: fn(f32, f32) -> bool) -> Numeric {
    if f32(a).is_nan() || f32(b).is_nan() {
        if cfg!(target_arch = "x86_64") { propagate_32(b, a) } else { propagate_32(a, b) }
    } else if f32(a) == f32(b) {
        Ok(merge(a, b))
    } else {
        Ok(if first(f32(a), f32(b)) { a } else { b })
    }
}

pub(super) fn f64_choice(a: u64, b: u64, merge: fn(u64, u64) -> u64, first: fn(f64, f64) -> bool) -> Numeric {
    if f64(a).is_nan() || f64(b).is_nan() {
        if cfg!(target_arch = "x86_64") { propagate_64(b, a) } else { propagate_64(a, b) }
    } else if f64(a) == f64(b) {
        Ok(merge(a, b))
    } else {
        Ok(if first(f64(a), f64(b)) { a } else { b })
    }
}

/// Whether two floats of so many bits are NaNs, and differ in more than whether they are quiet: then which of them comes out of an
/// operation isn't known.
pub(super) fn are_different_nans(bits: u32, a: u64, b: u64) -> bool {
    match bits {
        32 => f32(a).is_nan() && f32(b).is_nan() && (a ^ b) as u32 & !QUIET_32 != 0,
        _ => f64(a).is_nan() && f64(b).is_nan() && (a ^ b) & !QUIET_64 != 0,
    }
}

pub(super) fn demote(a: u64) -> Numeric {
    if f64(a).is_nan() {
        let sign = (a >> 32) as u32 & 1 << 31;
        return of_u32(sign | 0x7fc0_0000 | (a >> 29) as u32 & 0x003f_ffff);
    }
    of_f32(f64(a) as f32)
}

pub(super) fn promote(a: u64) -> Numeric {
    if f32(a).is_nan() {
        let sign = (a & SIGN_32) << 32;
        return Ok(sign | 0x7ff8 << 48 | (a & 0x003f_ffff) << 29);
    }
    of_f64(f64::from(f32(a)))
}
