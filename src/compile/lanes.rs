//! Vector operators that move lanes: to and from memory, to and from scalars, and between vectors.
//!
//! Read next: [`super::memory`], which knows where an access goes.

use super::function::Translator;
use super::vectors::{cast, shape};
use crate::base::ValType;
use cranelift_codegen::ir::types::{I8, I8X16, I16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::{MemArg, Operator};

impl Translator<'_> {
    /// Translates the operator if it moves lanes.
    pub(super) fn lane_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator::*;
        use ValType::V128;
        let ty = shape(operator);
        match *operator {
            V128Load { memarg } => self.load(memarg, V128, I8X16, Opcode::Load),
            V128Load8x8S { memarg } => self.load(memarg, V128, I16X8, Opcode::Sload8x8),
            V128Load8x8U { memarg } => self.load(memarg, V128, I16X8, Opcode::Uload8x8),
            V128Load16x4S { memarg } => self.load(memarg, V128, I32X4, Opcode::Sload16x4),
            V128Load16x4U { memarg } => self.load(memarg, V128, I32X4, Opcode::Uload16x4),
            V128Load32x2S { memarg } => self.load(memarg, V128, I64X2, Opcode::Sload32x2),
            V128Load32x2U { memarg } => self.load(memarg, V128, I64X2, Opcode::Uload32x2),
            V128Load8Splat { memarg }
            | V128Load16Splat { memarg }
            | V128Load32Splat { memarg }
            | V128Load64Splat { memarg } => self.load_splat(memarg, ty),
            V128Load32Zero { memarg } | V128Load64Zero { memarg } => self.load_above_zeros(memarg, ty),
            V128Load8Lane { memarg, lane }
            | V128Load16Lane { memarg, lane }
            | V128Load32Lane { memarg, lane }
            | V128Load64Lane { memarg, lane } => self.load_lane(memarg, ty, lane),
            V128Store { memarg } => self.store(memarg, Opcode::Store),
            V128Store8Lane { memarg, lane }
            | V128Store16Lane { memarg, lane }
            | V128Store32Lane { memarg, lane }
            | V128Store64Lane { memarg, lane } => self.store_lane(memarg, ty, lane),

            I8x16Splat | I16x8Splat | I32x4Splat | I64x2Splat | F32x4Splat | F64x2Splat => {
                let scalar = self.pop();
                let lane = self.narrowed(scalar.value, ty);
                let value = self.builder.ins().splat(ty, lane);
                self.push(V128, value);
            }
            I8x16ExtractLaneS { lane } | I16x8ExtractLaneS { lane } => {
                let value = self.extract_lane(ty, lane);
                let value = self.builder.ins().sextend(I32, value);
                self.push(ValType::I32, value);
            }
            I8x16ExtractLaneU { lane } | I16x8ExtractLaneU { lane } => {
                let value = self.extract_lane(ty, lane);
                let value = self.builder.ins().uextend(I32, value);
                self.push(ValType::I32, value);
            }
            I32x4ExtractLane { lane } => self.push_lane(ValType::I32, ty, lane),
            I64x2ExtractLane { lane } => self.push_lane(ValType::I64, ty, lane),
            F32x4ExtractLane { lane } => self.push_lane(ValType::F32, ty, lane),
            F64x2ExtractLane { lane } => self.push_lane(ValType::F64, ty, lane),
            I8x16ReplaceLane { lane }
            | I16x8ReplaceLane { lane }
            | I32x4ReplaceLane { lane }
            | I64x2ReplaceLane { lane }
            | F32x4ReplaceLane { lane }
            | F64x2ReplaceLane { lane } => {
                let scalar = self.pop();
                let scalar = self.narrowed(scalar.value, ty);
                self.vector1(ty, |ins, vector| ins.insertlane(vector, scalar, lane));
            }
            I8x16Shuffle { lanes } => {
                let lanes = self.builder.func.dfg.immediates.push(lanes.to_vec().into());
                self.vector2(ty, |ins, a, b| ins.shuffle(a, b, lanes));
            }
            I8x16Swizzle => self.vector2(ty, |ins, a, b| ins.swizzle(a, b)),
            _ => return false,
        }
        true
    }

    /// What of an i32 goes into such a lane; other scalars go as they are.
    fn narrowed(&mut self, scalar: Value, ty: Type) -> Value {
        match ty.lane_type() {
            lane @ (I8 | I16) => self.builder.ins().ireduce(lane, scalar),
            _ => scalar,
        }
    }

    fn extract_lane(&mut self, ty: Type, lane: u8) -> Value {
        let vector = self.pop_vector(ty);
        self.builder.ins().extractlane(vector, lane)
    }

    fn push_lane(&mut self, to: ValType, ty: Type, lane: u8) {
        let value = self.extract_lane(ty, lane);
        self.push(to, value);
    }

    fn load_splat(&mut self, memarg: MemArg, ty: Type) {
        let lane = self.loaded(memarg, ty.lane_type(), Opcode::Load);
        let value = self.builder.ins().splat(ty, lane);
        self.push(ValType::V128, value);
    }

    fn load_above_zeros(&mut self, memarg: MemArg, ty: Type) {
        let lane = self.loaded(memarg, ty.lane_type(), Opcode::Load);
        let value = self.builder.ins().scalar_to_vector(ty, lane);
        self.push(ValType::V128, value);
    }

    fn load_lane(&mut self, memarg: MemArg, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let loaded = self.loaded(memarg, ty.lane_type(), Opcode::Load);
        let value = self.builder.ins().insertlane(vector, loaded, lane);
        self.push(ValType::V128, value);
    }

    fn store_lane(&mut self, memarg: MemArg, ty: Type, lane: u8) {
        let (index, vector) = self.pop2();
        let vector = cast(&mut self.builder, vector.value, ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.store_value(memarg, index, value, Opcode::Store);
    }
}
