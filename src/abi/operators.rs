//! Which operators end a run.
//!
//! The compiler cuts functions into runs with this, and the debug layer walks them with it: a run starts at a stop
//! point and ends after the first operator that has an effect beyond locals and operand stack, or where control
//! flow merges. All operators before the last are replayable. A conditional branch is one of them: the run goes on
//! where it isn't taken, and is left where it is.
//!
//! Numeric operators have a second part to play: a state may say that a value is what such an operator gives, instead
//! of where it is. Vector operators play none in that. Read next: [`crate::abi::frame_table`].

use crate::base::{MemoryIndex, ValType};
use wasmparser::{MemArgTarget, Operator};

/// Whether `operator` ends the run that it is in, wherever it stands. Everything not listed as replayable does, so an operator that
/// the evaluator doesn't know is never an inner one.
///
/// The `end` of a function ends its run as well; the caller knows which `end` that is. And whatever reads a memory that is
/// [shared](read_memory) does: see [`ModuleInfo::ends_run`](crate::wasm::ModuleInfo::ends_run), which is what others ask.
pub fn ends_run(operator: &Operator<'_>) -> bool {
    use Operator::*;
    if let Some(vector) = vector_operator(operator) {
        return vector.is_relaxed || vector.pushes.is_none();
    }
    !matches!(
        operator,
        Nop | Block { .. }
            | Loop { .. }
            | If { .. }
            | TryTable { .. }
            | Try { .. }
            | Delegate { .. }
            | BrIf { .. }
            | BrOnNull { .. }
            | BrOnNonNull { .. }
            | BrOnCast { .. }
            | BrOnCastFail { .. }
            | End
            | Drop
            | Select
            | TypedSelect { .. }
            | LocalGet { .. }
            | LocalSet { .. }
            | LocalTee { .. }
            | GlobalGet { .. }
            | I32Const { .. }
            | I64Const { .. }
            | F32Const { .. }
            | F64Const { .. }
            | RefNull { .. }
            | RefIsNull
            | RefAsNonNull
            | RefEq
            | RefI31
            | I31GetS
            | I31GetU
            | RefTestNonNull { .. }
            | RefTestNullable { .. }
            | RefCastNonNull { .. }
            | RefCastNullable { .. }
            | AnyConvertExtern
            | ExternConvertAny
            | StructGet { .. }
            | StructGetS { .. }
            | StructGetU { .. }
            | ArrayGet { .. }
            | ArrayGetS { .. }
            | ArrayGetU { .. }
            | ArrayLen
            | RefFunc { .. }
            | TableGet { .. }
            | TableSize { .. }
            | MemorySize { .. }
            | I32Load { .. }
            | I64Load { .. }
            | F32Load { .. }
            | F64Load { .. }
            | I32Load8S { .. }
            | I32Load8U { .. }
            | I32Load16S { .. }
            | I32Load16U { .. }
            | I64Load8S { .. }
            | I64Load8U { .. }
            | I64Load16S { .. }
            | I64Load16U { .. }
            | I64Load32S { .. }
            | I64Load32U { .. }
            | I32Eqz
            | I32Eq
            | I32Ne
            | I32LtS
            | I32LtU
            | I32GtS
            | I32GtU
            | I32LeS
            | I32LeU
            | I32GeS
            | I32GeU
            | I64Eqz
            | I64Eq
            | I64Ne
            | I64LtS
            | I64LtU
            | I64GtS
            | I64GtU
            | I64LeS
            | I64LeU
            | I64GeS
            | I64GeU
            | F32Eq
            | F32Ne
            | F32Lt
            | F32Gt
            | F32Le
            | F32Ge
            | F64Eq
            | F64Ne
            | F64Lt
            | F64Gt
            | F64Le
            | F64Ge
            | I32Clz
            | I32Ctz
            | I32Popcnt
            | I32Add
            | I32Sub
            | I32Mul
            | I32DivS
            | I32DivU
            | I32RemS
            | I32RemU
            | I32And
            | I32Or
            | I32Xor
            | I32Shl
            | I32ShrS
            | I32ShrU
            | I32Rotl
            | I32Rotr
            | I64Clz
            | I64Ctz
            | I64Popcnt
            | I64Add
            | I64Sub
            | I64Mul
            | I64DivS
            | I64DivU
            | I64RemS
            | I64RemU
            | I64And
            | I64Or
            | I64Xor
            | I64Shl
            | I64ShrS
            | I64ShrU
            | I64Rotl
            | I64Rotr
            | F32Abs
            | F32Neg
            | F32Ceil
            | F32Floor
            | F32Trunc
            | F32Nearest
            | F32Sqrt
            | F32Add
            | F32Sub
            | F32Mul
            | F32Div
            | F32Min
            | F32Max
            | F32Copysign
            | F64Abs
            | F64Neg
            | F64Ceil
            | F64Floor
            | F64Trunc
            | F64Nearest
            | F64Sqrt
            | F64Add
            | F64Sub
            | F64Mul
            | F64Div
            | F64Min
            | F64Max
            | F64Copysign
            | I32WrapI64
            | I32TruncF32S
            | I32TruncF32U
            | I32TruncF64S
            | I32TruncF64U
            | I64ExtendI32S
            | I64ExtendI32U
            | I64TruncF32S
            | I64TruncF32U
            | I64TruncF64S
            | I64TruncF64U
            | F32ConvertI32S
            | F32ConvertI32U
            | F32ConvertI64S
            | F32ConvertI64U
            | F32DemoteF64
            | F64ConvertI32S
            | F64ConvertI32U
            | F64ConvertI64S
            | F64ConvertI64U
            | F64PromoteF32
            | I32ReinterpretF32
            | I64ReinterpretF64
            | F32ReinterpretI32
            | F64ReinterpretI64
            | I32Extend8S
            | I32Extend16S
            | I64Extend8S
            | I64Extend16S
            | I64Extend32S
            | I32TruncSatF32S
            | I32TruncSatF32U
            | I32TruncSatF64S
            | I32TruncSatF64U
            | I64TruncSatF32S
            | I64TruncSatF32U
            | I64TruncSatF64S
            | I64TruncSatF64U
            | I64Add128
            | I64Sub128
            | I64MulWideS
            | I64MulWideU
    )
}

/// The memory whose bytes or size a replayable operator reads.
pub fn read_memory(operator: &Operator<'_>) -> Option<MemoryIndex> {
    use Operator::*;
    let memarg = match operator {
        MemorySize { mem } => return Some(MemoryIndex::from_u32(*mem)),
        I32Load { memarg }
        | I64Load { memarg }
        | F32Load { memarg }
        | F64Load { memarg }
        | I32Load8S { memarg }
        | I32Load8U { memarg }
        | I32Load16S { memarg }
        | I32Load16U { memarg }
        | I64Load8S { memarg }
        | I64Load8U { memarg }
        | I64Load16S { memarg }
        | I64Load16U { memarg }
        | I64Load32S { memarg }
        | I64Load32U { memarg }
        | V128Load { memarg }
        | V128Load8x8S { memarg }
        | V128Load8x8U { memarg }
        | V128Load16x4S { memarg }
        | V128Load16x4U { memarg }
        | V128Load32x2S { memarg }
        | V128Load32x2U { memarg }
        | V128Load8Splat { memarg }
        | V128Load16Splat { memarg }
        | V128Load32Splat { memarg }
        | V128Load64Splat { memarg }
        | V128Load32Zero { memarg }
        | V128Load64Zero { memarg }
        | V128Load8Lane { memarg, .. }
        | V128Load16Lane { memarg, .. }
        | V128Load32Lane { memarg, .. }
        | V128Load64Lane { memarg, .. } => memarg,
        _ => return None,
    };
    match memarg.target {
        MemArgTarget::Memory(memory) => Some(MemoryIndex::from_u32(memory)),
        _ => None,
    }
}

/// What a vector operator does with the operand stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VectorOperator {
    /// How many operands it takes.
    pub pops: u32,
    /// The type of its result; a store has none.
    pub pushes: Option<ValType>,
    /// Whether the specification leaves it several results to choose from, so that the machine decides.
    pub is_relaxed: bool,
    /// Whether it accesses a memory.
    pub is_access: bool,
    /// Whether what it gives can be told from its operands, and memory, bit for bit. It can't where [`is_reproducible`] says so of
    /// the scalar operator, but for `min` and `max`, which don't choose between NaNs.
    pub is_reproducible: bool,
}

/// The effect of an operator of the proposals for vectors; `None` for all others.
pub fn vector_operator(operator: &Operator<'_>) -> Option<VectorOperator> {
    macro_rules! look {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident
            (arity $($memarg:ident)? $pops:literal -> $pushes:literal))*) => {
            match operator {
                $(Operator::$op { .. } => {
                    let accesses: &[&str] = &[$(stringify!($memarg))?];
                    ($pops, $pushes, stringify!($proposal) == "relaxed_simd", !accesses.is_empty())
                })*
                _ => return None,
            }
        };
    }
    use Operator::*;
    let (pops, pushes, is_relaxed, is_access) = wasmparser::for_each_visit_simd_operator!(look);
    let ty = match operator {
        I8x16ExtractLaneS { .. } | I8x16ExtractLaneU { .. } | I16x8ExtractLaneS { .. } | I16x8ExtractLaneU { .. } => {
            ValType::I32
        }
        I32x4ExtractLane { .. } | V128AnyTrue => ValType::I32,
        I8x16AllTrue | I16x8AllTrue | I32x4AllTrue | I64x2AllTrue => ValType::I32,
        I8x16Bitmask | I16x8Bitmask | I32x4Bitmask | I64x2Bitmask => ValType::I32,
        I64x2ExtractLane { .. } => ValType::I64,
        F32x4ExtractLane { .. } => ValType::F32,
        F64x2ExtractLane { .. } => ValType::F64,
        _ => ValType::V128,
    };
    let is_arithmetic =
        matches!(operator, F32x4Add | F32x4Sub | F32x4Mul | F32x4Div | F64x2Add | F64x2Sub | F64x2Mul | F64x2Div);
    let (pushes, is_reproducible) = ((pushes != 0).then_some(ty), !is_relaxed && !is_arithmetic);
    Some(VectorOperator { pops, pushes, is_relaxed, is_access, is_reproducible })
}

/// The name of a vector operator in the parser, which begins with its lanes; empty for all others.
fn vector_name(operator: &Operator<'_>) -> &'static str {
    macro_rules! names {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            match operator {
                $(Operator::$op { .. } => stringify!($op),)*
                _ => "",
            }
        };
    }
    wasmparser::for_each_visit_simd_operator!(names)
}

/// How the lanes that a vector operator is named after divide a vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lanes {
    /// Sixteen integers of 8 bits.
    I8x16,
    /// Eight of 16.
    I16x8,
    /// Four of 32.
    I32x4,
    /// Two of 64.
    I64x2,
    /// Four floats of 32 bits.
    F32x4,
    /// Two of 64.
    F64x2,
}

/// The lanes that a vector operator is named after; bytes, if its name is of vectors as such.
pub fn vector_lanes(operator: &Operator<'_>) -> Lanes {
    let name = vector_name(operator);
    let lanes = name.strip_prefix("V128Load").or(name.strip_prefix("V128Store"));
    match (name.get(..5), lanes.and_then(|lanes| lanes.get(..2))) {
        (Some("I16x8"), _) | (_, Some("16")) => Lanes::I16x8,
        (Some("I32x4"), _) | (_, Some("32")) => Lanes::I32x4,
        (Some("I64x2"), _) | (_, Some("64")) => Lanes::I64x2,
        (Some("F32x4"), _) => Lanes::F32x4,
        (Some("F64x2"), _) => Lanes::F64x2,
        _ => Lanes::I8x16,
    }
}

/// The width of these lanes.
pub fn lane_bits(operator: &Operator<'_>) -> u32 {
    match vector_lanes(operator) {
        Lanes::I8x16 => 8,
        Lanes::I16x8 => 16,
        Lanes::I32x4 | Lanes::F32x4 => 32,
        Lanes::I64x2 | Lanes::F64x2 => 64,
    }
}

/// Whether a vector operator has float lanes, so that it may depend on the floating-point environment.
pub fn vector_has_floats(operator: &Operator<'_>) -> bool {
    let name = vector_name(operator);
    name.contains("F32x4") || name.contains("F64x2")
}

/// What a numeric operator takes: one that computes a value from its operands and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumericOperands {
    /// How many there are: one or two, of the same type.
    pub count: usize,
    /// Whether they are 64 bits wide, and not 32.
    pub is_wide: bool,
}

/// What the numeric operator with this one-byte opcode takes; `None` if there is no such operator.
pub fn numeric_operands(opcode: u8) -> Option<NumericOperands> {
    let (count, is_wide) = match opcode {
        // Tests and comparisons, then arithmetic: i32, i64, f32, f64.
        0x45 | 0x67..=0x69 => (1, false),
        0x46..=0x4f | 0x6a..=0x78 => (2, false),
        0x50 | 0x79..=0x7b => (1, true),
        0x51..=0x5a | 0x7c..=0x8a => (2, true),
        0x8b..=0x91 => (1, false),
        0x5b..=0x60 | 0x92..=0x98 => (2, false),
        0x99..=0x9f => (1, true),
        0x61..=0x66 | 0xa0..=0xa6 => (2, true),
        // Conversions.
        0xa7 | 0xaa..=0xab | 0xb0..=0xb1 | 0xb4..=0xb6 | 0xb9..=0xba | 0xbd | 0xbf => (1, true),
        0xa8..=0xa9 | 0xac..=0xaf | 0xb2..=0xb3 | 0xb7..=0xb8 | 0xbb..=0xbc | 0xbe => (1, false),
        // Sign extension.
        0xc0..=0xc1 => (1, false),
        0xc2..=0xc4 => (1, true),
        _ => return None,
    };
    Some(NumericOperands { count, is_wide })
}

/// Whether what the numeric operator with this one-byte opcode gives can be told from its operands alone, bit for bit. It can't
/// where floats are added, subtracted, multiplied, divided, or the smaller or larger is taken: if both operands are NaNs the
/// specification leaves open which of them comes out, and the machine's choice depends on where it has them.
pub fn is_reproducible(opcode: u8) -> bool {
    !matches!(opcode, 0x92..=0x97 | 0xa0..=0xa5)
}

/// The type of what the numeric operator with this one-byte opcode gives; `None` if there is no such operator.
pub fn numeric_result(opcode: u8) -> Option<ValType> {
    Some(match opcode {
        0x45..=0x78 | 0xa7..=0xab | 0xbc | 0xc0..=0xc1 => ValType::I32,
        0x79..=0x8a | 0xac..=0xb1 | 0xbd | 0xc2..=0xc4 => ValType::I64,
        0x8b..=0x98 | 0xb2..=0xb6 | 0xbe => ValType::F32,
        0x99..=0xa6 | 0xb7..=0xbb | 0xbf => ValType::F64,
        _ => return None,
    })
}

/// The type of what it takes.
pub fn numeric_operand(opcode: u8) -> Option<ValType> {
    Some(match opcode {
        0x45..=0x4f | 0x67..=0x78 | 0xac..=0xad | 0xb2..=0xb3 | 0xb7..=0xb8 | 0xbe | 0xc0..=0xc1 => ValType::I32,
        0x50..=0x5a | 0x79..=0x8a | 0xa7 | 0xb4..=0xb5 | 0xb9..=0xba | 0xbf | 0xc2..=0xc4 => ValType::I64,
        0x5b..=0x60 | 0x8b..=0x98 | 0xa8..=0xa9 | 0xae..=0xaf | 0xbb | 0xbc => ValType::F32,
        0x61..=0x66 | 0x99..=0xa6 | 0xaa..=0xab | 0xb0..=0xb1 | 0xb6 | 0xbd => ValType::F64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_numeric_operators_agree() {
        for opcode in 0..=u8::MAX {
            let operands = numeric_operands(opcode);
            assert_eq!(operands.is_some(), numeric_result(opcode).is_some(), "{opcode:#x}");
            let is_wide = |ty| matches!(ty, ValType::I64 | ValType::F64);
            assert_eq!(operands.map(|operands| operands.is_wide), numeric_operand(opcode).map(is_wide), "{opcode:#x}");
        }
    }
}
