//! Relaxed vector operators: the specification lets the machine choose between several results.
//!
//! With [`Config::relaxed_simd_deterministic`](crate::base::Config) each gives what the operator of the first proposal gives that it
//! resembles, on every machine. Otherwise it is what costs this machine least. Read next: [`super::vectors`].

use super::function::Translator;
use super::vectors::{Half, shape};
use crate::base::ValType;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_codegen::isa::TargetIsa;
use target_lexicon::Architecture;
use wasmparser::Operator;

/// What decides the results of relaxed operators.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relaxed {
    /// Whether those instructions are used that x86-64 with SSE4.1 has.
    x86: bool,
    /// Whether a product is added without being rounded.
    fused: bool,
}

impl Relaxed {
    pub(super) fn new(isa: &dyn TargetIsa, is_deterministic: bool) -> Relaxed {
        let is_x86 = isa.triple().architecture == Architecture::X86_64;
        let has_fma = isa.isa_flags().iter().any(|flag| flag.name == "has_fma" && flag.as_bool() == Some(true));
        Relaxed { x86: is_x86 && !is_deterministic, fused: (has_fma || !is_x86) && !is_deterministic }
    }
}

impl Translator<'_> {
    /// Translates the operator if it is a relaxed one.
    pub(super) fn relaxed_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator::*;
        let ty = shape(operator);
        let Relaxed { x86, .. } = self.relaxed;
        match *operator {
            I8x16RelaxedSwizzle if x86 => self.vector2(ty, |ins, a, b| ins.x86_pshufb(a, b)),
            I8x16RelaxedSwizzle => self.vector2(ty, |ins, a, b| ins.swizzle(a, b)),

            I32x4RelaxedTruncF32x4S if x86 => self.vector1(F32X4, |ins, a| ins.x86_cvtt2dq(I32X4, a)),
            I32x4RelaxedTruncF32x4S => self.vector1(F32X4, |ins, a| ins.fcvt_to_sint_sat(I32X4, a)),
            I32x4RelaxedTruncF32x4U => self.vector1(F32X4, |ins, a| ins.fcvt_to_uint_sat(I32X4, a)),
            I32x4RelaxedTruncF64x2SZero => {
                let vector = self.pop_vector(F64X2);
                let ins = self.builder.ins();
                let wide = if x86 { ins.x86_cvtt2dq(I64X2, vector) } else { ins.fcvt_to_sint_sat(I64X2, vector) };
                self.narrow_above_zeros(wide, true);
            }
            I32x4RelaxedTruncF64x2UZero => {
                let vector = self.pop_vector(F64X2);
                let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, vector);
                self.narrow_above_zeros(wide, false);
            }

            F32x4RelaxedMadd | F64x2RelaxedMadd => self.multiply_and_add(ty, false),
            F32x4RelaxedNmadd | F64x2RelaxedNmadd => self.multiply_and_add(ty, true),

            // There is no such instruction for lanes of two bytes.
            I8x16RelaxedLaneselect | I32x4RelaxedLaneselect | I64x2RelaxedLaneselect if x86 => {
                self.vector3(ty, |ins, a, b, mask| ins.blendv(mask, a, b));
            }
            I8x16RelaxedLaneselect | I16x8RelaxedLaneselect | I32x4RelaxedLaneselect | I64x2RelaxedLaneselect => {
                self.vector3(ty, |ins, a, b, mask| ins.bitselect(mask, a, b));
            }

            F32x4RelaxedMin | F64x2RelaxedMin if x86 => self.choose_lanes(ty, false),
            F32x4RelaxedMax | F64x2RelaxedMax if x86 => self.choose_lanes(ty, true),
            F32x4RelaxedMin | F64x2RelaxedMin => self.vector2(ty, |ins, a, b| ins.fmin(a, b)),
            F32x4RelaxedMax | F64x2RelaxedMax => self.vector2(ty, |ins, a, b| ins.fmax(a, b)),

            I16x8RelaxedQ15mulrS if x86 => self.vector2(ty, |ins, a, b| ins.x86_pmulhrsw(a, b)),
            I16x8RelaxedQ15mulrS => self.vector2(ty, |ins, a, b| ins.sqmul_round_sat(a, b)),
            I16x8RelaxedDotI8x16I7x16S => {
                let (a, b) = self.pop_vectors(I8X16);
                // The second operand's lanes are taken for unsigned ones: those of 7 bits are either.
                let dot = if x86 { self.builder.ins().x86_pmaddubsw(a, b) } else { self.dot(a, b) };
                self.push(ValType::V128, dot);
            }
            I32x4RelaxedDotI8x16I7x16AddS => {
                let sum = self.pop_vector(I32X4);
                let (a, b) = self.pop_vectors(I8X16);
                let fours = if x86 {
                    let pairs = self.builder.ins().x86_pmaddubsw(a, b);
                    self.sum_pairs(pairs)
                } else {
                    // Sums of two products may not fit into lanes of 16 bits.
                    let [low, high] = [Half::Low, Half::High].map(|half| {
                        let (a, b) = (self.widen(a, half, true), self.widen(b, half, true));
                        let products = self.builder.ins().imul(a, b);
                        self.sum_pairs(products)
                    });
                    self.builder.ins().iadd_pairwise(low, high)
                };
                let value = self.builder.ins().iadd(fours, sum);
                self.push(ValType::V128, value);
            }
            _ => return false,
        }
        true
    }

    fn multiply_and_add(&mut self, ty: Type, negated: bool) {
        let added = self.pop_vector(ty);
        let (mut a, b) = self.pop_vectors(ty);
        if negated {
            a = self.builder.ins().fneg(a);
        }
        let value = if self.relaxed.fused {
            self.builder.ins().fma(a, b, added)
        } else {
            let product = self.builder.ins().fmul(a, b);
            self.builder.ins().fadd(product, added)
        };
        self.push(ValType::V128, value);
    }

    /// Sums of neighbouring signed lanes, twice as wide.
    fn sum_pairs(&mut self, vector: Value) -> Value {
        let (low, high) = (self.widen(vector, Half::Low, true), self.widen(vector, Half::High, true));
        self.builder.ins().iadd_pairwise(low, high)
    }
}
