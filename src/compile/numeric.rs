//! Constants, arithmetic, comparisons, conversions.

use super::function::Translator;
use super::vectors::vector_constant;
use crate::base::ValType;
use crate::wasm::ConstOp;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

type Ins<'s, 'f> = FuncInstBuilder<'s, 'f>;

impl Translator<'_> {
    /// Translates the operator if it is a numeric one.
    pub(super) fn numeric(&mut self, operator: &Operator<'_>) -> bool {
        use Operator::*;
        use ValType::{F32, F64, I32, I64};
        self.check_numeric(operator);
        match *operator {
            I32Const { value } => self.constant(ConstOp::I32Const(value)),
            I64Const { value } => self.constant(ConstOp::I64Const(value)),
            F32Const { value } => self.constant(ConstOp::F32Const(value.bits())),
            F64Const { value } => self.constant(ConstOp::F64Const(value.bits())),

            I32Eqz | I64Eqz => {
                let operand = self.pop();
                let is_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, operand.value, 0);
                self.push_bool(is_zero);
            }
            I32Eq | I64Eq => self.compare(IntCC::Equal),
            I32Ne | I64Ne => self.compare(IntCC::NotEqual),
            I32LtS | I64LtS => self.compare(IntCC::SignedLessThan),
            I32LtU | I64LtU => self.compare(IntCC::UnsignedLessThan),
            I32GtS | I64GtS => self.compare(IntCC::SignedGreaterThan),
            I32GtU | I64GtU => self.compare(IntCC::UnsignedGreaterThan),
            I32LeS | I64LeS => self.compare(IntCC::SignedLessThanOrEqual),
            I32LeU | I64LeU => self.compare(IntCC::UnsignedLessThanOrEqual),
            I32GeS | I64GeS => self.compare(IntCC::SignedGreaterThanOrEqual),
            I32GeU | I64GeU => self.compare(IntCC::UnsignedGreaterThanOrEqual),
            F32Eq | F64Eq => self.compare_floats(FloatCC::Equal),
            F32Ne | F64Ne => self.compare_floats(FloatCC::NotEqual),
            F32Lt | F64Lt => self.compare_floats(FloatCC::LessThan),
            F32Gt | F64Gt => self.compare_floats(FloatCC::GreaterThan),
            F32Le | F64Le => self.compare_floats(FloatCC::LessThanOrEqual),
            F32Ge | F64Ge => self.compare_floats(FloatCC::GreaterThanOrEqual),

            I32Clz | I64Clz => self.unary(|ins, a| ins.clz(a)),
            I32Ctz | I64Ctz => self.unary(|ins, a| ins.ctz(a)),
            I32Popcnt | I64Popcnt => self.unary(|ins, a| ins.popcnt(a)),
            F32Abs | F64Abs => self.unary(|ins, a| ins.fabs(a)),
            F32Neg | F64Neg => self.unary(|ins, a| ins.fneg(a)),
            F32Ceil | F64Ceil => self.unary(|ins, a| ins.ceil(a)),
            F32Floor | F64Floor => self.unary(|ins, a| ins.floor(a)),
            F32Trunc | F64Trunc => self.unary(|ins, a| ins.trunc(a)),
            F32Nearest | F64Nearest => self.unary(|ins, a| ins.nearest(a)),
            F32Sqrt | F64Sqrt => self.unary(|ins, a| ins.sqrt(a)),

            I32Add | I64Add => self.binary(|ins, a, b| ins.iadd(a, b)),
            I32Sub | I64Sub => self.binary(|ins, a, b| ins.isub(a, b)),
            I32Mul | I64Mul => self.binary(|ins, a, b| ins.imul(a, b)),
            I32DivS | I64DivS => self.binary(|ins, a, b| ins.sdiv(a, b)),
            I32DivU | I64DivU => self.binary(|ins, a, b| ins.udiv(a, b)),
            I32RemS | I64RemS => self.binary(|ins, a, b| ins.srem(a, b)),
            I32RemU | I64RemU => self.binary(|ins, a, b| ins.urem(a, b)),
            I32And | I64And => self.binary(|ins, a, b| ins.band(a, b)),
            I32Or | I64Or => self.binary(|ins, a, b| ins.bor(a, b)),
            I32Xor | I64Xor => self.binary(|ins, a, b| ins.bxor(a, b)),
            I32Shl | I64Shl => self.binary(|ins, a, b| ins.ishl(a, b)),
            I32ShrS | I64ShrS => self.binary(|ins, a, b| ins.sshr(a, b)),
            I32ShrU | I64ShrU => self.binary(|ins, a, b| ins.ushr(a, b)),
            I32Rotl | I64Rotl => self.binary(|ins, a, b| ins.rotl(a, b)),
            I32Rotr | I64Rotr => self.binary(|ins, a, b| ins.rotr(a, b)),
            F32Add | F64Add => self.binary(|ins, a, b| ins.fadd(a, b)),
            F32Sub | F64Sub => self.binary(|ins, a, b| ins.fsub(a, b)),
            F32Mul | F64Mul => self.binary(|ins, a, b| ins.fmul(a, b)),
            F32Div | F64Div => self.binary(|ins, a, b| ins.fdiv(a, b)),
            F32Min | F64Min => self.binary(|ins, a, b| ins.fmin(a, b)),
            F32Max | F64Max => self.binary(|ins, a, b| ins.fmax(a, b)),
            F32Copysign | F64Copysign => self.binary(|ins, a, b| ins.fcopysign(a, b)),

            I32WrapI64 => self.convert(I32, |ins, ty, a| ins.ireduce(ty, a)),
            I64ExtendI32S => self.convert(I64, |ins, ty, a| ins.sextend(ty, a)),
            I64ExtendI32U => self.convert(I64, |ins, ty, a| ins.uextend(ty, a)),
            I32Extend8S => self.sign_extend(I32, types::I8),
            I32Extend16S => self.sign_extend(I32, types::I16),
            I64Extend8S => self.sign_extend(I64, types::I8),
            I64Extend16S => self.sign_extend(I64, types::I16),
            I64Extend32S => self.sign_extend(I64, types::I32),
            I32TruncF32S | I32TruncF64S => self.convert(I32, |ins, ty, a| ins.fcvt_to_sint(ty, a)),
            I64TruncF32S | I64TruncF64S => self.convert(I64, |ins, ty, a| ins.fcvt_to_sint(ty, a)),
            I32TruncF32U | I32TruncF64U => self.convert(I32, |ins, ty, a| ins.fcvt_to_uint(ty, a)),
            I64TruncF32U | I64TruncF64U => self.convert(I64, |ins, ty, a| ins.fcvt_to_uint(ty, a)),
            I32TruncSatF32S | I32TruncSatF64S => self.convert(I32, |ins, ty, a| ins.fcvt_to_sint_sat(ty, a)),
            I64TruncSatF32S | I64TruncSatF64S => self.convert(I64, |ins, ty, a| ins.fcvt_to_sint_sat(ty, a)),
            I32TruncSatF32U | I32TruncSatF64U => self.convert(I32, |ins, ty, a| ins.fcvt_to_uint_sat(ty, a)),
            I64TruncSatF32U | I64TruncSatF64U => self.convert(I64, |ins, ty, a| ins.fcvt_to_uint_sat(ty, a)),
            F32ConvertI32S | F32ConvertI64S => self.convert(F32, |ins, ty, a| ins.fcvt_from_sint(ty, a)),
            F64ConvertI32S | F64ConvertI64S => self.convert(F64, |ins, ty, a| ins.fcvt_from_sint(ty, a)),
            F32ConvertI32U | F32ConvertI64U => self.convert(F32, |ins, ty, a| ins.fcvt_from_uint(ty, a)),
            F64ConvertI32U | F64ConvertI64U => self.convert(F64, |ins, ty, a| ins.fcvt_from_uint(ty, a)),
            F32DemoteF64 => self.convert(F32, |ins, ty, a| ins.fdemote(ty, a)),
            F64PromoteF32 => self.convert(F64, |ins, ty, a| ins.fpromote(ty, a)),
            I32ReinterpretF32 => self.convert(I32, |ins, ty, a| ins.bitcast(ty, MemFlagsData::new(), a)),
            I64ReinterpretF64 => self.convert(I64, |ins, ty, a| ins.bitcast(ty, MemFlagsData::new(), a)),
            F32ReinterpretI32 => self.convert(F32, |ins, ty, a| ins.bitcast(ty, MemFlagsData::new(), a)),
            F64ReinterpretI64 => self.convert(F64, |ins, ty, a| ins.bitcast(ty, MemFlagsData::new(), a)),
            I64Add128 => self.wide(|ins, a, b| ins.iadd(a, b)),
            I64Sub128 => self.wide(|ins, a, b| ins.isub(a, b)),
            I64MulWideS => self.full_product(|ins, a| ins.sextend(types::I128, a)),
            I64MulWideU => self.full_product(|ins, a| ins.uextend(types::I128, a)),
            _ => return false,
        }
        true
    }

    /// An operator on two numbers of 128 bits, each given as its lower and its upper half.
    fn wide(&mut self, apply: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
        let (right_lower, right_upper) = self.pop2();
        let (left_lower, left_upper) = self.pop2();
        let left = self.builder.ins().iconcat(left_lower.value, left_upper.value);
        let right = self.builder.ins().iconcat(right_lower.value, right_upper.value);
        let value = apply(self.builder.ins(), left, right);
        self.push_wide(value);
    }

    /// The full product of two numbers of 64 bits.
    fn full_product(&mut self, extend: impl Fn(Ins<'_, '_>, Value) -> Value) {
        let (left, right) = self.pop2();
        let left = extend(self.builder.ins(), left.value);
        let right = extend(self.builder.ins(), right.value);
        let value = self.builder.ins().imul(left, right);
        self.push_wide(value);
    }

    fn push_wide(&mut self, value: Value) {
        let (lower, upper) = self.builder.ins().isplit(value);
        self.push(ValType::I64, lower);
        self.push(ValType::I64, upper);
    }

    /// Pushes a constant: a number or a vector.
    pub(super) fn constant(&mut self, constant: ConstOp) {
        if let ConstOp::V128Const(bits) = constant {
            let value = vector_constant(&mut self.builder, types::I8X16, bits);
            return self.push(ValType::V128, value);
        }
        let ins = self.builder.ins();
        let (ty, value) = match constant {
            ConstOp::I32Const(value) => (ValType::I32, ins.iconst(types::I32, i64::from(value as u32))),
            ConstOp::I64Const(value) => (ValType::I64, ins.iconst(types::I64, value)),
            ConstOp::F32Const(bits) => (ValType::F32, ins.f32const(Ieee32::with_bits(bits))),
            ConstOp::F64Const(bits) => (ValType::F64, ins.f64const(Ieee64::with_bits(bits))),
            other => unreachable!("{other:?} isn't a number"),
        };
        self.push(ty, value);
    }

    fn push_bool(&mut self, value: Value) {
        let value = self.builder.ins().uextend(types::I32, value);
        self.push(ValType::I32, value);
    }

    fn compare(&mut self, condition: IntCC) {
        let (left, right) = self.pop2();
        let value = self.builder.ins().icmp(condition, left.value, right.value);
        self.push_bool(value);
    }

    fn compare_floats(&mut self, condition: FloatCC) {
        let (left, right) = self.pop2();
        let value = self.builder.ins().fcmp(condition, left.value, right.value);
        self.push_bool(value);
    }

    /// An operator whose operand and result have the same type.
    fn unary(&mut self, apply: impl FnOnce(Ins<'_, '_>, Value) -> Value) {
        let operand = self.pop();
        let value = apply(self.builder.ins(), operand.value);
        self.push(operand.ty, value);
    }

    /// An operator whose operands and result have the same type.
    fn binary(&mut self, apply: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
        let (left, right) = self.pop2();
        let value = apply(self.builder.ins(), left.value, right.value);
        self.push(left.ty, value);
    }

    fn convert(&mut self, to: ValType, apply: impl FnOnce(Ins<'_, '_>, Type, Value) -> Value) {
        let operand = self.pop();
        let value = apply(self.builder.ins(), super::signatures::clif_type(to), operand.value);
        self.push(to, value);
    }

    fn sign_extend(&mut self, ty: ValType, from: Type) {
        let operand = self.pop();
        let narrow = self.builder.ins().ireduce(from, operand.value);
        let value = self.builder.ins().sextend(super::signatures::clif_type(ty), narrow);
        self.push(ty, value);
    }
}
