//! Vector arithmetic: constants, logic, comparisons, conversions.
//!
//! Wasm has one type of vectors, Cranelift one for each way to divide them into lanes. An operand has whichever type its
//! operator made, and is taken for another one where that is asked for, which costs nothing. Invariant: wherever a value goes
//! that isn't an operand of this block, it is [uniform](Translator::uniform). Read next: [`super::lanes`] for what moves
//! lanes, [`super::relaxed`] for what the specification leaves open.

use super::function::Translator;
use crate::abi::operators::{Lanes, vector_lanes};
use crate::base::ValType;
use crate::wasm::ConstOp;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder};
use wasmparser::Operator;

type Ins<'s, 'f> = FuncInstBuilder<'s, 'f>;

/// Cranelift's type for the lanes that a vector operator is named after.
pub(super) fn shape(operator: &Operator<'_>) -> Type {
    match vector_lanes(operator) {
        Lanes::I8x16 => I8X16,
        Lanes::I16x8 => I16X8,
        Lanes::I32x4 => I32X4,
        Lanes::I64x2 => I64X2,
        Lanes::F32x4 => F32X4,
        Lanes::F64x2 => F64X2,
    }
}

/// Takes a vector for one with other lanes.
pub(super) fn cast(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Value {
    if builder.func.dfg.value_type(value) == ty {
        return value;
    }
    builder.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
}

impl Translator<'_> {
    /// Translates the operator if it computes vectors from vectors, or is a constant or test of one.
    pub(super) fn vector_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator::*;
        let ty = shape(operator);
        match *operator {
            V128Const { value } => self.constant(ConstOp::V128Const(value.i128() as u128)),

            V128Not => self.vector1(I8X16, |ins, a| ins.bnot(a)),
            V128And => self.vector2(I8X16, |ins, a, b| ins.band(a, b)),
            V128AndNot => self.vector2(I8X16, |ins, a, b| ins.band_not(a, b)),
            V128Or => self.vector2(I8X16, |ins, a, b| ins.bor(a, b)),
            V128Xor => self.vector2(I8X16, |ins, a, b| ins.bxor(a, b)),
            V128Bitselect => self.vector3(I8X16, |ins, a, b, mask| ins.bitselect(mask, a, b)),
            V128AnyTrue => self.vector_test(I8X16, |ins, a| ins.vany_true(a)),
            I8x16AllTrue | I16x8AllTrue | I32x4AllTrue | I64x2AllTrue => {
                self.vector_test(ty, |ins, a| ins.vall_true(a));
            }
            I8x16Bitmask | I16x8Bitmask | I32x4Bitmask | I64x2Bitmask => {
                let vector = self.pop_vector(ty);
                let bits = self.builder.ins().vhigh_bits(types::I32, vector);
                self.push(ValType::I32, bits);
            }

            I8x16Eq | I16x8Eq | I32x4Eq | I64x2Eq => self.compare_lanes(ty, IntCC::Equal),
            I8x16Ne | I16x8Ne | I32x4Ne | I64x2Ne => self.compare_lanes(ty, IntCC::NotEqual),
            I8x16LtS | I16x8LtS | I32x4LtS | I64x2LtS => self.compare_lanes(ty, IntCC::SignedLessThan),
            I8x16LtU | I16x8LtU | I32x4LtU => self.compare_lanes(ty, IntCC::UnsignedLessThan),
            I8x16GtS | I16x8GtS | I32x4GtS | I64x2GtS => self.compare_lanes(ty, IntCC::SignedGreaterThan),
            I8x16GtU | I16x8GtU | I32x4GtU => self.compare_lanes(ty, IntCC::UnsignedGreaterThan),
            I8x16LeS | I16x8LeS | I32x4LeS | I64x2LeS => self.compare_lanes(ty, IntCC::SignedLessThanOrEqual),
            I8x16LeU | I16x8LeU | I32x4LeU => self.compare_lanes(ty, IntCC::UnsignedLessThanOrEqual),
            I8x16GeS | I16x8GeS | I32x4GeS | I64x2GeS => self.compare_lanes(ty, IntCC::SignedGreaterThanOrEqual),
            I8x16GeU | I16x8GeU | I32x4GeU => self.compare_lanes(ty, IntCC::UnsignedGreaterThanOrEqual),
            F32x4Eq | F64x2Eq => self.compare_float_lanes(ty, FloatCC::Equal),
            F32x4Ne | F64x2Ne => self.compare_float_lanes(ty, FloatCC::NotEqual),
            F32x4Lt | F64x2Lt => self.compare_float_lanes(ty, FloatCC::LessThan),
            F32x4Gt | F64x2Gt => self.compare_float_lanes(ty, FloatCC::GreaterThan),
            F32x4Le | F64x2Le => self.compare_float_lanes(ty, FloatCC::LessThanOrEqual),
            F32x4Ge | F64x2Ge => self.compare_float_lanes(ty, FloatCC::GreaterThanOrEqual),

            I8x16Abs | I16x8Abs | I32x4Abs | I64x2Abs => self.vector1(ty, |ins, a| ins.iabs(a)),
            I8x16Neg | I16x8Neg | I32x4Neg | I64x2Neg => self.vector1(ty, |ins, a| ins.ineg(a)),
            I8x16Popcnt => self.vector1(ty, |ins, a| ins.popcnt(a)),
            I8x16Shl | I16x8Shl | I32x4Shl | I64x2Shl => self.shift_lanes(ty, |ins, a, b| ins.ishl(a, b)),
            I8x16ShrS | I16x8ShrS | I32x4ShrS | I64x2ShrS => self.shift_lanes(ty, |ins, a, b| ins.sshr(a, b)),
            I8x16ShrU | I16x8ShrU | I32x4ShrU | I64x2ShrU => self.shift_lanes(ty, |ins, a, b| ins.ushr(a, b)),
            I8x16Add | I16x8Add | I32x4Add | I64x2Add => self.vector2(ty, |ins, a, b| ins.iadd(a, b)),
            I8x16AddSatS | I16x8AddSatS => self.vector2(ty, |ins, a, b| ins.sadd_sat(a, b)),
            I8x16AddSatU | I16x8AddSatU => self.vector2(ty, |ins, a, b| ins.uadd_sat(a, b)),
            I8x16Sub | I16x8Sub | I32x4Sub | I64x2Sub => self.vector2(ty, |ins, a, b| ins.isub(a, b)),
            I8x16SubSatS | I16x8SubSatS => self.vector2(ty, |ins, a, b| ins.ssub_sat(a, b)),
            I8x16SubSatU | I16x8SubSatU => self.vector2(ty, |ins, a, b| ins.usub_sat(a, b)),
            I16x8Mul | I32x4Mul | I64x2Mul => self.vector2(ty, |ins, a, b| ins.imul(a, b)),
            I8x16MinS | I16x8MinS | I32x4MinS => self.vector2(ty, |ins, a, b| ins.smin(a, b)),
            I8x16MinU | I16x8MinU | I32x4MinU => self.vector2(ty, |ins, a, b| ins.umin(a, b)),
            I8x16MaxS | I16x8MaxS | I32x4MaxS => self.vector2(ty, |ins, a, b| ins.smax(a, b)),
            I8x16MaxU | I16x8MaxU | I32x4MaxU => self.vector2(ty, |ins, a, b| ins.umax(a, b)),
            I8x16AvgrU | I16x8AvgrU => self.vector2(ty, |ins, a, b| ins.avg_round(a, b)),
            I16x8Q15MulrSatS => self.vector2(ty, |ins, a, b| ins.sqmul_round_sat(a, b)),

            I16x8ExtAddPairwiseI8x16S => self.add_pairs(I8X16, true),
            I16x8ExtAddPairwiseI8x16U => self.add_pairs(I8X16, false),
            I32x4ExtAddPairwiseI16x8S => self.add_pairs(I16X8, true),
            I32x4ExtAddPairwiseI16x8U => self.add_pairs(I16X8, false),
            I16x8ExtMulLowI8x16S => self.multiply_wide(I8X16, Half::Low, true),
            I16x8ExtMulLowI8x16U => self.multiply_wide(I8X16, Half::Low, false),
            I16x8ExtMulHighI8x16S => self.multiply_wide(I8X16, Half::High, true),
            I16x8ExtMulHighI8x16U => self.multiply_wide(I8X16, Half::High, false),
            I32x4ExtMulLowI16x8S => self.multiply_wide(I16X8, Half::Low, true),
            I32x4ExtMulLowI16x8U => self.multiply_wide(I16X8, Half::Low, false),
            I32x4ExtMulHighI16x8S => self.multiply_wide(I16X8, Half::High, true),
            I32x4ExtMulHighI16x8U => self.multiply_wide(I16X8, Half::High, false),
            I64x2ExtMulLowI32x4S => self.multiply_wide(I32X4, Half::Low, true),
            I64x2ExtMulLowI32x4U => self.multiply_wide(I32X4, Half::Low, false),
            I64x2ExtMulHighI32x4S => self.multiply_wide(I32X4, Half::High, true),
            I64x2ExtMulHighI32x4U => self.multiply_wide(I32X4, Half::High, false),
            I32x4DotI16x8S => {
                let (a, b) = self.pop_vectors(I16X8);
                let dot = self.dot(a, b);
                self.push(ValType::V128, dot);
            }

            I8x16NarrowI16x8S => self.vector2(I16X8, |ins, a, b| ins.snarrow(a, b)),
            I8x16NarrowI16x8U => self.vector2(I16X8, |ins, a, b| ins.unarrow(a, b)),
            I16x8NarrowI32x4S => self.vector2(I32X4, |ins, a, b| ins.snarrow(a, b)),
            I16x8NarrowI32x4U => self.vector2(I32X4, |ins, a, b| ins.unarrow(a, b)),
            I16x8ExtendLowI8x16S => self.vector1(I8X16, |ins, a| ins.swiden_low(a)),
            I16x8ExtendHighI8x16S => self.vector1(I8X16, |ins, a| ins.swiden_high(a)),
            I16x8ExtendLowI8x16U => self.vector1(I8X16, |ins, a| ins.uwiden_low(a)),
            I16x8ExtendHighI8x16U => self.vector1(I8X16, |ins, a| ins.uwiden_high(a)),
            I32x4ExtendLowI16x8S => self.vector1(I16X8, |ins, a| ins.swiden_low(a)),
            I32x4ExtendHighI16x8S => self.vector1(I16X8, |ins, a| ins.swiden_high(a)),
            I32x4ExtendLowI16x8U => self.vector1(I16X8, |ins, a| ins.uwiden_low(a)),
            I32x4ExtendHighI16x8U => self.vector1(I16X8, |ins, a| ins.uwiden_high(a)),
            I64x2ExtendLowI32x4S => self.vector1(I32X4, |ins, a| ins.swiden_low(a)),
            I64x2ExtendHighI32x4S => self.vector1(I32X4, |ins, a| ins.swiden_high(a)),
            I64x2ExtendLowI32x4U => self.vector1(I32X4, |ins, a| ins.uwiden_low(a)),
            I64x2ExtendHighI32x4U => self.vector1(I32X4, |ins, a| ins.uwiden_high(a)),

            F32x4Ceil | F64x2Ceil => self.vector1(ty, |ins, a| ins.ceil(a)),
            F32x4Floor | F64x2Floor => self.vector1(ty, |ins, a| ins.floor(a)),
            F32x4Trunc | F64x2Trunc => self.vector1(ty, |ins, a| ins.trunc(a)),
            F32x4Nearest | F64x2Nearest => self.vector1(ty, |ins, a| ins.nearest(a)),
            F32x4Abs | F64x2Abs => self.vector1(ty, |ins, a| ins.fabs(a)),
            F32x4Neg | F64x2Neg => self.vector1(ty, |ins, a| ins.fneg(a)),
            F32x4Sqrt | F64x2Sqrt => self.vector1(ty, |ins, a| ins.sqrt(a)),
            F32x4Add | F64x2Add => self.vector2(ty, |ins, a, b| ins.fadd(a, b)),
            F32x4Sub | F64x2Sub => self.vector2(ty, |ins, a, b| ins.fsub(a, b)),
            F32x4Mul | F64x2Mul => self.vector2(ty, |ins, a, b| ins.fmul(a, b)),
            F32x4Div | F64x2Div => self.vector2(ty, |ins, a, b| ins.fdiv(a, b)),
            F32x4Min | F64x2Min => self.vector2(ty, |ins, a, b| ins.fmin(a, b)),
            F32x4Max | F64x2Max => self.vector2(ty, |ins, a, b| ins.fmax(a, b)),
            F32x4PMin | F64x2PMin => self.choose_lanes(ty, false),
            F32x4PMax | F64x2PMax => self.choose_lanes(ty, true),

            I32x4TruncSatF32x4S => self.vector1(F32X4, |ins, a| ins.fcvt_to_sint_sat(I32X4, a)),
            I32x4TruncSatF32x4U => self.vector1(F32X4, |ins, a| ins.fcvt_to_uint_sat(I32X4, a)),
            I32x4TruncSatF64x2SZero => {
                let vector = self.pop_vector(F64X2);
                let wide = self.builder.ins().fcvt_to_sint_sat(I64X2, vector);
                self.narrow_above_zeros(wide, true);
            }
            I32x4TruncSatF64x2UZero => {
                let vector = self.pop_vector(F64X2);
                let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, vector);
                self.narrow_above_zeros(wide, false);
            }
            F32x4ConvertI32x4S => self.vector1(I32X4, |ins, a| ins.fcvt_from_sint(F32X4, a)),
            F32x4ConvertI32x4U => self.vector1(I32X4, |ins, a| ins.fcvt_from_uint(F32X4, a)),
            F64x2ConvertLowI32x4S => {
                self.vector1(I32X4, |ins, a| ins.swiden_low(a));
                self.vector1(I64X2, |ins, a| ins.fcvt_from_sint(F64X2, a));
            }
            F64x2ConvertLowI32x4U => {
                self.vector1(I32X4, |ins, a| ins.uwiden_low(a));
                self.vector1(I64X2, |ins, a| ins.fcvt_from_uint(F64X2, a));
            }
            F32x4DemoteF64x2Zero => self.vector1(F64X2, |ins, a| ins.fvdemote(a)),
            F64x2PromoteLowF32x4 => self.vector1(F32X4, |ins, a| ins.fvpromote_low(a)),
            _ => return false,
        }
        true
    }

    /// A value as it is known elsewhere: if it is a vector, with the lanes that all have there.
    pub(super) fn uniform(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value).is_vector() { cast(&mut self.builder, value, I8X16) } else { value }
    }

    /// Pops a vector with these lanes.
    pub(super) fn pop_vector(&mut self, ty: Type) -> Value {
        let operand = self.pop();
        cast(&mut self.builder, operand.value, ty)
    }

    pub(super) fn pop_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        (self.pop_vector(ty), second)
    }

    pub(super) fn vector1(&mut self, ty: Type, apply: impl FnOnce(Ins<'_, '_>, Value) -> Value) {
        let vector = self.pop_vector(ty);
        let value = apply(self.builder.ins(), vector);
        self.push(ValType::V128, value);
    }

    pub(super) fn vector2(&mut self, ty: Type, apply: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
        let (left, right) = self.pop_vectors(ty);
        let value = apply(self.builder.ins(), left, right);
        self.push(ValType::V128, value);
    }

    pub(super) fn vector3(&mut self, ty: Type, apply: impl FnOnce(Ins<'_, '_>, Value, Value, Value) -> Value) {
        let third = self.pop_vector(ty);
        let (first, second) = self.pop_vectors(ty);
        let value = apply(self.builder.ins(), first, second, third);
        self.push(ValType::V128, value);
    }

    fn vector_test(&mut self, ty: Type, test: impl FnOnce(Ins<'_, '_>, Value) -> Value) {
        let vector = self.pop_vector(ty);
        let truth = test(self.builder.ins(), vector);
        let value = self.builder.ins().uextend(types::I32, truth);
        self.push(ValType::I32, value);
    }

    fn compare_lanes(&mut self, ty: Type, condition: IntCC) {
        self.vector2(ty, |ins, a, b| ins.icmp(condition, a, b));
    }

    fn compare_float_lanes(&mut self, ty: Type, condition: FloatCC) {
        self.vector2(ty, |ins, a, b| ins.fcmp(condition, a, b));
    }

    /// A shift of all lanes by a scalar, of which as many bits count as lanes are wide.
    fn shift_lanes(&mut self, ty: Type, apply: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
        let by = self.pop();
        self.vector1(ty, |ins, a| apply(ins, a, by.value));
    }

    /// Of each lane the second operand's if it is the `greater` or the lesser one, else the first one's. The processor has
    /// instructions for just this, which Cranelift knows by the comparison and the choice.
    pub(super) fn choose_lanes(&mut self, ty: Type, greater: bool) {
        let (a, b) = self.pop_vectors(ty);
        let (lesser, other) = if greater { (a, b) } else { (b, a) };
        let takes_second = self.builder.ins().fcmp(FloatCC::LessThan, lesser, other);
        let takes_second = cast(&mut self.builder, takes_second, ty);
        let value = self.builder.ins().bitselect(takes_second, b, a);
        self.push(ValType::V128, value);
    }

    /// Sums of neighbouring lanes, twice as wide.
    fn add_pairs(&mut self, ty: Type, signed: bool) {
        let vector = self.pop_vector(ty);
        let (low, high) = (self.widen(vector, Half::Low, signed), self.widen(vector, Half::High, signed));
        let value = self.builder.ins().iadd_pairwise(low, high);
        self.push(ValType::V128, value);
    }

    /// Products of half of the lanes, twice as wide.
    fn multiply_wide(&mut self, ty: Type, half: Half, signed: bool) {
        let (a, b) = self.pop_vectors(ty);
        let (a, b) = (self.widen(a, half, signed), self.widen(b, half, signed));
        let value = self.builder.ins().imul(a, b);
        self.push(ValType::V128, value);
    }

    /// Sums of the products of neighbouring signed lanes, twice as wide.
    pub(super) fn dot(&mut self, a: Value, b: Value) -> Value {
        let [low, high] = [Half::Low, Half::High].map(|half| {
            let (a, b) = (self.widen(a, half, true), self.widen(b, half, true));
            self.builder.ins().imul(a, b)
        });
        self.builder.ins().iadd_pairwise(low, high)
    }

    pub(super) fn widen(&mut self, vector: Value, half: Half, signed: bool) -> Value {
        let ins = self.builder.ins();
        match (half, signed) {
            (Half::Low, true) => ins.swiden_low(vector),
            (Half::Low, false) => ins.uwiden_low(vector),
            (Half::High, true) => ins.swiden_high(vector),
            (Half::High, false) => ins.uwiden_high(vector),
        }
    }

    /// Pushes two lanes, made half as wide, above two of zeros.
    pub(super) fn narrow_above_zeros(&mut self, wide: Value, signed: bool) {
        let zeros = vector_constant(&mut self.builder, I64X2, 0);
        let ins = self.builder.ins();
        let value = if signed { ins.snarrow(wide, zeros) } else { ins.uunarrow(wide, zeros) };
        self.push(ValType::V128, value);
    }
}

/// Which lanes of a vector are made wider.
#[derive(Clone, Copy)]
pub(super) enum Half {
    Low,
    High,
}

/// A vector of these bits.
pub(super) fn vector_constant(builder: &mut FunctionBuilder<'_>, ty: Type, bits: u128) -> Value {
    let constant = builder.func.dfg.constants.insert(bits.to_le_bytes().to_vec().into());
    builder.ins().vconst(ty, constant)
}
