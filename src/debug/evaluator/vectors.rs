//! Vector operators, bit for bit as compiled code does them.
//!
//! Lanes are numbers of up to 64 bits here, zero-extended. Those of floats obey [the rules for scalars](super::numeric), which
//! the processor has for vectors as well; but `min` and `max` are other instructions there, from which every NaN comes out with
//! no payload: with the sign set from `min`, with any operand's from `max`.

use super::numeric::*;
use super::{Numeric, Slot};
use crate::abi::operators::{lane_bits, vector_has_floats, vector_operator};
use crate::base::ValType;
use wasmparser::Operator;

/// A vector operator that computes a value from its operands and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// How many operands it takes.
    pub pops: usize,
    /// The type of the result.
    pub ty: ValType,
    /// Whether it depends on the floating-point environment.
    pub has_floats: bool,
    /// Whether it isn't known which of two NaNs comes out.
    is_arithmetic: bool,
    /// The width of the lanes that it works on.
    bits: u32,
    apply: Apply,
}

/// What an operator does. Functions on lanes are given their width, too, and may leave anything above it.
#[derive(Clone, Copy, Debug)]
enum Apply {
    Const(u128),
    /// Each lane of the result comes from the operand's.
    Lanes1(fn(u64, u32) -> u64),
    /// From both operands'.
    Lanes2(fn(u64, u64, u32) -> u64),
    /// From the vector's and a scalar.
    Shift(fn(u64, u32, u32) -> u64),
    Whole1(fn(u128) -> u128),
    Whole2(fn(u128, u128) -> u128),
    Bitselect,
    Splat,
    Extract {
        lane: u8,
        signed: bool,
    },
    Replace {
        lane: u8,
    },
    Shuffle([u8; 16]),
    AllTrue,
    Bitmask,
    /// Lanes of half the width, of both operands.
    Narrow {
        signed: bool,
    },
    /// Lanes of twice the width, of one half of the operand.
    Widen(Wide),
    /// The products of lanes of one half of both operands.
    Multiply(Wide),
    /// The sums of neighbouring lanes.
    AddPairs {
        signed: bool,
    },
    /// As many lanes as fit of the conversions of the lowest, zeros above them.
    Convert {
        from: u32,
        apply: fn(u64) -> u64,
    },
}

/// Which lanes are widened, and how.
#[derive(Clone, Copy, Debug)]
struct Wide {
    high: bool,
    signed: bool,
}

/// The lanes of a load that makes a vector.
#[derive(Clone, Copy, Debug)]
pub enum LoadedLanes {
    /// Eight bytes, each lane of so many bits made twice as wide.
    Extend {
        /// The width of the lanes.
        bits: u32,
        /// Whether they are sign-extended.
        signed: bool,
    },
    /// One lane of so many bits, everywhere.
    Splat {
        /// The width of the lanes.
        bits: u32,
    },
    /// One lane of so many bits, into the vector that is the highest operand.
    Lane {
        /// The width of the lanes.
        bits: u32,
        /// Which one is replaced.
        lane: u8,
    },
}

impl Vector {
    /// Decodes the operator, if it is one.
    pub fn new(operator: &Operator<'_>) -> Option<Vector> {
        use Apply::*;
        use Operator::*;
        let effect = vector_operator(operator).filter(|effect| !effect.is_relaxed && !effect.is_access)?;
        let widen = |bits, high, signed| (bits, Widen(Wide { high, signed }));
        let multiply = |bits, high, signed| (bits, Multiply(Wide { high, signed }));
        let named = lane_bits(operator);
        let (bits, apply) = match *operator {
            V128Const { value } => (named, Const(value.i128() as u128)),
            V128Not => (named, Whole1(|a| !a)),
            V128And => (named, Whole2(|a, b| a & b)),
            V128AndNot => (named, Whole2(|a, b| a & !b)),
            V128Or => (named, Whole2(|a, b| a | b)),
            V128Xor => (named, Whole2(|a, b| a ^ b)),
            V128Bitselect => (named, Bitselect),
            V128AnyTrue => (named, Whole1(|a| u128::from(a != 0))),
            I8x16AllTrue | I16x8AllTrue | I32x4AllTrue | I64x2AllTrue => (named, AllTrue),
            I8x16Bitmask | I16x8Bitmask | I32x4Bitmask | I64x2Bitmask => (named, Bitmask),

            I8x16Splat | I16x8Splat | I32x4Splat | I64x2Splat | F32x4Splat | F64x2Splat => (named, Splat),
            I8x16ExtractLaneS { lane } | I16x8ExtractLaneS { lane } => (named, Extract { lane, signed: true }),
            I8x16ExtractLaneU { lane }
            | I16x8ExtractLaneU { lane }
            | I32x4ExtractLane { lane }
            | I64x2ExtractLane { lane }
            | F32x4ExtractLane { lane }
            | F64x2ExtractLane { lane } => (named, Extract { lane, signed: false }),
            I8x16ReplaceLane { lane }
            | I16x8ReplaceLane { lane }
            | I32x4ReplaceLane { lane }
            | I64x2ReplaceLane { lane }
            | F32x4ReplaceLane { lane }
            | F64x2ReplaceLane { lane } => (named, Replace { lane }),
            I8x16Shuffle { lanes } => (named, Shuffle(lanes)),
            I8x16Swizzle => (named, Whole2(swizzle)),

            I8x16Eq | I16x8Eq | I32x4Eq | I64x2Eq => (named, Lanes2(|a, b, _| mask(a == b))),
            I8x16Ne | I16x8Ne | I32x4Ne | I64x2Ne => (named, Lanes2(|a, b, _| mask(a != b))),
            I8x16LtU | I16x8LtU | I32x4LtU => (named, Lanes2(|a, b, _| mask(a < b))),
            I8x16GtU | I16x8GtU | I32x4GtU => (named, Lanes2(|a, b, _| mask(a > b))),
            I8x16LeU | I16x8LeU | I32x4LeU => (named, Lanes2(|a, b, _| mask(a <= b))),
            I8x16GeU | I16x8GeU | I32x4GeU => (named, Lanes2(|a, b, _| mask(a >= b))),
            I8x16LtS | I16x8LtS | I32x4LtS | I64x2LtS => {
                (named, Lanes2(|a, b, bits| mask(signed(a, bits) < signed(b, bits))))
            }
            I8x16GtS | I16x8GtS | I32x4GtS | I64x2GtS => {
                (named, Lanes2(|a, b, bits| mask(signed(a, bits) > signed(b, bits))))
            }
            I8x16LeS | I16x8LeS | I32x4LeS | I64x2LeS => {
                (named, Lanes2(|a, b, bits| mask(signed(a, bits) <= signed(b, bits))))
            }
            I8x16GeS | I16x8GeS | I32x4GeS | I64x2GeS => {
                (named, Lanes2(|a, b, bits| mask(signed(a, bits) >= signed(b, bits))))
            }
            F32x4Eq | F64x2Eq => (named, Lanes2(|a, b, bits| mask(float(a, bits) == float(b, bits)))),
            F32x4Ne | F64x2Ne => (named, Lanes2(|a, b, bits| mask(float(a, bits) != float(b, bits)))),
            F32x4Lt | F64x2Lt => (named, Lanes2(|a, b, bits| mask(float(a, bits) < float(b, bits)))),
            F32x4Gt | F64x2Gt => (named, Lanes2(|a, b, bits| mask(float(a, bits) > float(b, bits)))),
            F32x4Le | F64x2Le => (named, Lanes2(|a, b, bits| mask(float(a, bits) <= float(b, bits)))),
            F32x4Ge | F64x2Ge => (named, Lanes2(|a, b, bits| mask(float(a, bits) >= float(b, bits)))),

            I8x16Abs | I16x8Abs | I32x4Abs | I64x2Abs => {
                (named, Lanes1(|a, bits| signed(a, bits).wrapping_abs() as u64))
            }
            I8x16Neg | I16x8Neg | I32x4Neg | I64x2Neg => (named, Lanes1(|a, _| a.wrapping_neg())),
            I8x16Popcnt => (named, Lanes1(|a, _| a.count_ones().into())),
            I8x16Shl | I16x8Shl | I32x4Shl | I64x2Shl => (named, Shift(|a, by, _| a << by)),
            I8x16ShrU | I16x8ShrU | I32x4ShrU | I64x2ShrU => (named, Shift(|a, by, _| a >> by)),
            I8x16ShrS | I16x8ShrS | I32x4ShrS | I64x2ShrS => {
                (named, Shift(|a, by, bits| (signed(a, bits) >> by) as u64))
            }
            I8x16Add | I16x8Add | I32x4Add | I64x2Add => (named, Lanes2(|a, b, _| a.wrapping_add(b))),
            I8x16Sub | I16x8Sub | I32x4Sub | I64x2Sub => (named, Lanes2(|a, b, _| a.wrapping_sub(b))),
            I16x8Mul | I32x4Mul | I64x2Mul => (named, Lanes2(|a, b, _| a.wrapping_mul(b))),
            I8x16AddSatS | I16x8AddSatS => {
                (named, Lanes2(|a, b, bits| clamp_signed(signed(a, bits) + signed(b, bits), bits)))
            }
            I8x16SubSatS | I16x8SubSatS => {
                (named, Lanes2(|a, b, bits| clamp_signed(signed(a, bits) - signed(b, bits), bits)))
            }
            I8x16AddSatU | I16x8AddSatU => (named, Lanes2(|a, b, bits| clamp_unsigned((a + b) as i64, bits))),
            I8x16SubSatU | I16x8SubSatU => (named, Lanes2(|a, b, _| a.saturating_sub(b))),
            I8x16MinS | I16x8MinS | I32x4MinS => {
                (named, Lanes2(|a, b, bits| if signed(a, bits) < signed(b, bits) { a } else { b }))
            }
            I8x16MaxS | I16x8MaxS | I32x4MaxS => {
                (named, Lanes2(|a, b, bits| if signed(a, bits) > signed(b, bits) { a } else { b }))
            }
            I8x16MinU | I16x8MinU | I32x4MinU => (named, Lanes2(|a, b, _| a.min(b))),
            I8x16MaxU | I16x8MaxU | I32x4MaxU => (named, Lanes2(|a, b, _| a.max(b))),
            I8x16AvgrU | I16x8AvgrU => (named, Lanes2(|a, b, _| (a + b + 1) >> 1)),
            I16x8Q15MulrSatS => {
                (named, Lanes2(|a, b, bits| clamp_signed((signed(a, bits) * signed(b, bits) + (1 << 14)) >> 15, bits)))
            }

            I16x8ExtAddPairwiseI8x16S => (8, AddPairs { signed: true }),
            I16x8ExtAddPairwiseI8x16U => (8, AddPairs { signed: false }),
            I32x4ExtAddPairwiseI16x8S => (16, AddPairs { signed: true }),
            I32x4ExtAddPairwiseI16x8U => (16, AddPairs { signed: false }),
            I16x8ExtMulLowI8x16S => multiply(8, false, true),
            I16x8ExtMulLowI8x16U => multiply(8, false, false),
            I16x8ExtMulHighI8x16S => multiply(8, true, true),
            I16x8ExtMulHighI8x16U => multiply(8, true, false),
            I32x4ExtMulLowI16x8S => multiply(16, false, true),
            I32x4ExtMulLowI16x8U => multiply(16, false, false),
            I32x4ExtMulHighI16x8S => multiply(16, true, true),
            I32x4ExtMulHighI16x8U => multiply(16, true, false),
            I64x2ExtMulLowI32x4S => multiply(32, false, true),
            I64x2ExtMulLowI32x4U => multiply(32, false, false),
            I64x2ExtMulHighI32x4S => multiply(32, true, true),
            I64x2ExtMulHighI32x4U => multiply(32, true, false),
            I32x4DotI16x8S => (16, Whole2(dot)),

            I8x16NarrowI16x8S => (16, Narrow { signed: true }),
            I8x16NarrowI16x8U => (16, Narrow { signed: false }),
            I16x8NarrowI32x4S => (32, Narrow { signed: true }),
            I16x8NarrowI32x4U => (32, Narrow { signed: false }),
            I16x8ExtendLowI8x16S => widen(8, false, true),
            I16x8ExtendLowI8x16U => widen(8, false, false),
            I16x8ExtendHighI8x16S => widen(8, true, true),
            I16x8ExtendHighI8x16U => widen(8, true, false),
            I32x4ExtendLowI16x8S => widen(16, false, true),
            I32x4ExtendLowI16x8U => widen(16, false, false),
            I32x4ExtendHighI16x8S => widen(16, true, true),
            I32x4ExtendHighI16x8U => widen(16, true, false),
            I64x2ExtendLowI32x4S => widen(32, false, true),
            I64x2ExtendLowI32x4U => widen(32, false, false),
            I64x2ExtendHighI32x4S => widen(32, true, true),
            I64x2ExtendHighI32x4U => widen(32, true, false),

            F32x4Ceil | F64x2Ceil => (named, Lanes1(|a, bits| float1(a, bits, f32::ceil, f64::ceil))),
            F32x4Floor | F64x2Floor => (named, Lanes1(|a, bits| float1(a, bits, f32::floor, f64::floor))),
            F32x4Trunc | F64x2Trunc => (named, Lanes1(|a, bits| float1(a, bits, f32::trunc, f64::trunc))),
            F32x4Nearest | F64x2Nearest => {
                (named, Lanes1(|a, bits| float1(a, bits, f32::round_ties_even, f64::round_ties_even)))
            }
            F32x4Sqrt | F64x2Sqrt => (named, Lanes1(|a, bits| float1(a, bits, f32::sqrt, f64::sqrt))),
            F32x4Abs | F64x2Abs => (named, Lanes1(|a, bits| a & !sign(bits))),
            F32x4Neg | F64x2Neg => (named, Lanes1(|a, bits| a ^ sign(bits))),
            F32x4Add | F64x2Add => (named, Lanes2(|a, b, bits| float2(a, b, bits, |a, b| a + b, |a, b| a + b))),
            F32x4Sub | F64x2Sub => (named, Lanes2(|a, b, bits| float2(a, b, bits, |a, b| a - b, |a, b| a - b))),
            F32x4Mul | F64x2Mul => (named, Lanes2(|a, b, bits| float2(a, b, bits, |a, b| a * b, |a, b| a * b))),
            F32x4Div | F64x2Div => (named, Lanes2(|a, b, bits| float2(a, b, bits, |a, b| a / b, |a, b| a / b))),
            F32x4Min | F64x2Min => (named, Lanes2(minimum)),
            F32x4Max | F64x2Max => (named, Lanes2(maximum)),
            F32x4PMin | F64x2PMin => (named, Lanes2(|a, b, bits| if float(b, bits) < float(a, bits) { b } else { a })),
            F32x4PMax | F64x2PMax => (named, Lanes2(|a, b, bits| if float(a, bits) < float(b, bits) { b } else { a })),

            I32x4TruncSatF32x4S => (named, Lanes1(|a, _| to_i32(f64::from(f32(a))))),
            I32x4TruncSatF32x4U => (named, Lanes1(|a, _| to_u32(f64::from(f32(a))))),
            F32x4ConvertI32x4S => (named, Lanes1(|a, _| sure(of_f32(a as i32 as f32)))),
            F32x4ConvertI32x4U => (named, Lanes1(|a, _| sure(of_f32(a as u32 as f32)))),
            I32x4TruncSatF64x2SZero => (32, Convert { from: 64, apply: |a| to_i32(f64(a)) }),
            I32x4TruncSatF64x2UZero => (32, Convert { from: 64, apply: |a| to_u32(f64(a)) }),
            F64x2ConvertLowI32x4S => (64, Convert { from: 32, apply: |a| sure(of_f64(f64::from(a as i32))) }),
            F64x2ConvertLowI32x4U => (64, Convert { from: 32, apply: |a| sure(of_f64(f64::from(a as u32))) }),
            F32x4DemoteF64x2Zero => (32, Convert { from: 64, apply: |a| sure(demote(a)) }),
            F64x2PromoteLowF32x4 => (64, Convert { from: 32, apply: |a| sure(promote(a)) }),
            _ => return None,
        };
        let (pops, has_floats) = (effect.pops as usize, vector_has_floats(operator));
        Some(Vector { pops, ty: effect.pushes?, has_floats, is_arithmetic: !effect.is_reproducible, bits, apply })
    }

    /// Whether the result can be told. It can't if both operands have NaNs in one lane that differ in more than whether they are
    /// quiet.
    pub fn is_clear(&self, operands: &[Slot]) -> bool {
        let is_unclear = |index| {
            let [a, b] = [0, 1].map(|place: usize| lane(operands[place].bits, self.bits, index));
            are_different_nans(self.bits, a, b)
        };
        !(self.is_arithmetic && (0..128 / self.bits).any(is_unclear))
    }

    /// The bits of the result. There are as many operands as it takes.
    pub fn apply(&self, operands: &[Slot]) -> u128 {
        let bits = self.bits;
        let whole = |place: usize| operands[place].bits;
        let at = |place: usize, index: u32| lane(operands[place].bits, bits, index);
        match self.apply {
            Apply::Const(value) => value,
            Apply::Lanes1(apply) => lanes(bits, |index| apply(at(0, index), bits)),
            Apply::Lanes2(apply) => lanes(bits, |index| apply(at(0, index), at(1, index), bits)),
            Apply::Shift(apply) => {
                let by = operands[1].lo() as u32 % bits;
                lanes(bits, |index| apply(at(0, index), by, bits))
            }
            Apply::Whole1(apply) => apply(whole(0)),
            Apply::Whole2(apply) => apply(whole(0), whole(1)),
            Apply::Bitselect => whole(0) & whole(2) | whole(1) & !whole(2),
            Apply::Splat => lanes(bits, |_| operands[0].lo()),
            Apply::Extract { lane, signed: false } => at(0, lane.into()).into(),
            Apply::Extract { lane, signed: true } => (signed(at(0, lane.into()), bits) as u64).into(),
            Apply::Replace { lane } => replaced(whole(0), bits, lane, operands[1].lo()),
            Apply::Shuffle(chosen) => lanes(8, |index| {
                let from = u32::from(chosen[index as usize]);
                at((from / 16) as usize, from % 16)
            }),
            Apply::AllTrue => (0..128 / bits).all(|index| at(0, index) != 0).into(),
            Apply::Bitmask => (0..128 / bits).map(|index| u128::from(at(0, index) >> (bits - 1)) << index).sum(),
            Apply::Narrow { signed: to_signed } => {
                let clamp = if to_signed { clamp_signed } else { clamp_unsigned };
                let each = 128 / bits;
                lanes(bits / 2, |index| clamp(signed(at((index / each) as usize, index % each), bits), bits / 2))
            }
            Apply::Widen(wide) => lanes(2 * bits, |index| wide.lane(whole(0), bits, index) as u64),
            Apply::Multiply(wide) => lanes(2 * bits, |index| {
                wide.lane(whole(0), bits, index).wrapping_mul(wide.lane(whole(1), bits, index)) as u64
            }),
            Apply::AddPairs { signed } => {
                let low = Wide { high: false, signed };
                lanes(2 * bits, |index| {
                    (low.lane(whole(0), bits, 2 * index) + low.lane(whole(0), bits, 2 * index + 1)) as u64
                })
            }
            Apply::Convert { from, apply } => {
                lanes(bits, |index| if index < 128 / from.max(bits) { apply(lane(whole(0), from, index)) } else { 0 })
            }
        }
    }
}

impl LoadedLanes {
    /// How many bytes are loaded.
    pub fn bytes(self) -> u8 {
        match self {
            LoadedLanes::Extend { .. } => 8,
            LoadedLanes::Splat { bits } | LoadedLanes::Lane { bits, .. } => (bits / 8) as u8,
        }
    }

    /// The vector that they make; `into` is the one that they may go into.
    pub fn vector(self, loaded: u128, into: u128) -> u128 {
        match self {
            LoadedLanes::Extend { bits, signed } => {
                lanes(2 * bits, |index| Wide { high: false, signed }.lane(loaded, bits, index) as u64)
            }
            LoadedLanes::Splat { bits } => lanes(bits, |_| loaded as u64),
            LoadedLanes::Lane { bits, lane } => replaced(into, bits, lane, loaded as u64),
        }
    }
}

impl Wide {
    /// A lane of the half, counted from its lowest one.
    fn lane(self, vector: u128, bits: u32, index: u32) -> i64 {
        let index = if self.high { index + 64 / bits } else { index };
        let narrow = lane(vector, bits, index);
        if self.signed { signed(narrow, bits) } else { narrow as i64 }
    }
}

fn all_ones(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

fn lane(vector: u128, bits: u32, index: u32) -> u64 {
    (vector >> (bits * index)) as u64 & all_ones(bits)
}

/// A vector of these lanes.
fn lanes(bits: u32, each: impl Fn(u32) -> u64) -> u128 {
    (0..128 / bits).fold(0, |vector, index| vector | u128::from(each(index) & all_ones(bits)) << (bits * index))
}

fn replaced(vector: u128, bits: u32, place: u8, scalar: u64) -> u128 {
    lanes(bits, |index| if index == u32::from(place) { scalar } else { lane(vector, bits, index) })
}

fn signed(lane: u64, bits: u32) -> i64 {
    (lane << (64 - bits)) as i64 >> (64 - bits)
}

fn clamp_signed(value: i64, bits: u32) -> u64 {
    let limit = 1 << (bits - 1);
    value.clamp(-limit, limit - 1) as u64
}

fn clamp_unsigned(value: i64, bits: u32) -> u64 {
    value.clamp(0, (1 << bits) - 1) as u64
}

/// The lane that stands for the truth of a comparison.
fn mask(truth: bool) -> u64 {
    if truth { u64::MAX } else { 0 }
}

fn swizzle(vector: u128, chosen: u128) -> u128 {
    lanes(8, |index| match lane(chosen, 8, index) {
        from @ 0..16 => lane(vector, 8, from as u32),
        _ => 0,
    })
}

fn dot(a: u128, b: u128) -> u128 {
    let product = |index| signed(lane(a, 16, index), 16) * signed(lane(b, 16, index), 16);
    lanes(32, |index| (product(2 * index) + product(2 * index + 1)) as u64)
}

fn sign(bits: u32) -> u64 {
    1 << (bits - 1)
}

/// A float lane, to be compared: every f32 is an f64.
fn float(lane: u64, bits: u32) -> f64 {
    if bits == 32 { f32(lane).into() } else { f64(lane) }
}

/// What gives no trap.
fn sure(result: Numeric) -> u64 {
    result.expect("operators on lanes don't trap")
}

fn float1(a: u64, bits: u32, narrow: fn(f32) -> f32, wide: fn(f64) -> f64) -> u64 {
    sure(if bits == 32 { f32_unary(a, narrow) } else { f64_unary(a, wide) })
}

fn float2(a: u64, b: u64, bits: u32, narrow: fn(f32, f32) -> f32, wide: fn(f64, f64) -> f64) -> u64 {
    sure(if bits == 32 { f32_binary(a, b, narrow) } else { f64_binary(a, b, wide) })
}

/// The NaN of this sign without a payload.
fn bare_nan(bits: u32, signs: u64) -> u64 {
    (if bits == 32 { 0x7fc0_0000 } else { 0x7ff8 << 48 }) | signs & sign(bits)
}

fn minimum(a: u64, b: u64, bits: u32) -> u64 {
    if cfg!(target_arch = "x86_64") && (float(a, bits).is_nan() || float(b, bits).is_nan()) {
        return bare_nan(bits, sign(bits));
    }
    let merge = |a, b| a | b;
    sure(if bits == 32 { f32_choice(a, b, merge, |a, b| a < b) } else { f64_choice(a, b, merge, |a, b| a < b) })
}

fn maximum(a: u64, b: u64, bits: u32) -> u64 {
    if cfg!(target_arch = "x86_64") && (float(a, bits).is_nan() || float(b, bits).is_nan()) {
        return bare_nan(bits, a | b);
    }
    let merge = |a, b| a & b;
    sure(if bits == 32 { f32_choice(a, b, merge, |a, b| a > b) } else { f64_choice(a, b, merge, |a, b| a > b) })
}
