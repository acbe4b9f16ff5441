//! Quiet operators: those that can be passed without being applied.
//!
//! Must not know calls. Invariant: a quiet operator can't trap, and what it does depends on its frame alone, which stays as
//! it is while its call is stopped, and is known bit for bit; so whoever looks later finds the same. An operator that isn't listed isn't quiet.
//! Read next: `stopped_call.rs`.

use crate::abi::operators::vector_operator;
use wasmparser::Operator;

/// Whether a replayable operator can be passed without being applied.
pub fn is_quiet(operator: &Operator<'_>) -> bool {
    use Operator::*;
    if let Some(vector) = vector_operator(operator) {
        return !vector.is_access && vector.is_reproducible;
    }
    #[rustfmt::skip]
    let is_quiet = matches!(
        operator,
        Nop | Block { .. } | Loop { .. } | End | Drop | Select | TypedSelect { .. }
            | LocalGet { .. } | LocalSet { .. } | LocalTee { .. }
            | I32Const { .. } | I64Const { .. } | F32Const { .. } | F64Const { .. } | RefNull { .. } | RefIsNull
            | I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU
            | I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU
            | F32Eq | F32Ne | F32Lt | F32Gt | F32Le | F32Ge | F64Eq | F64Ne | F64Lt | F64Gt | F64Le | F64Ge
            | I32Clz | I32Ctz | I32Popcnt | I32Add | I32Sub | I32Mul | I32And | I32Or | I32Xor
            | I32Shl | I32ShrS | I32ShrU | I32Rotl | I32Rotr
            | I64Clz | I64Ctz | I64Popcnt | I64Add | I64Sub | I64Mul | I64And | I64Or | I64Xor
            | I64Shl | I64ShrS | I64ShrU | I64Rotl | I64Rotr
            | F32Abs | F32Neg | F32Ceil | F32Floor | F32Trunc | F32Nearest | F32Sqrt | F32Copysign
            | F64Abs | F64Neg | F64Ceil | F64Floor | F64Trunc | F64Nearest | F64Sqrt | F64Copysign
            | I32WrapI64 | I64ExtendI32S | I64ExtendI32U
            | I32Extend8S | I32Extend16S | I64Extend8S | I64Extend16S | I64Extend32S
            | I32TruncSatF32S | I32TruncSatF32U | I32TruncSatF64S | I32TruncSatF64U
            | I64TruncSatF32S | I64TruncSatF32U | I64TruncSatF64S | I64TruncSatF64U
            | F32ConvertI32S | F32ConvertI32U | F32ConvertI64S | F32ConvertI64U
            | F64ConvertI32S | F64ConvertI32U | F64ConvertI64S | F64ConvertI64U
            | F32DemoteF64 | F64PromoteF32
            | I32ReinterpretF32 | I64ReinterpretF64 | F32ReinterpretI32 | F64ReinterpretI64
            | I64Add128 | I64Sub128 | I64MulWideS | I64MulWideU
    );
    is_quiet
}

/// Whether what a replayable operator did that was passed can be told from its frame alone: it is quiet, or it would have trapped, or
/// left the run.
pub fn is_told_by_frame(operator: &Operator<'_>) -> bool {
    use Operator::*;
    let may_leave = matches!(
        operator,
        If { .. }
            | BrIf { .. }
            | I32DivS
            | I32DivU
            | I32RemS
            | I32RemU
            | I64DivS
            | I64DivU
            | I64RemS
            | I64RemU
            | I32TruncF32S
            | I32TruncF32U
            | I32TruncF64S
            | I32TruncF64U
            | I64TruncF32S
            | I64TruncF32U
            | I64TruncF64S
            | I64TruncF64U
    );
    may_leave || is_quiet(operator)
}
