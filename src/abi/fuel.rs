//! Fuel: what operators cost, and what guest code says when it is used up.
//!
//! The counter is in the store's context, and signed. Guest code takes what a *piece* costs when the piece begins: operators that
//! are executed one after the other, whatever they compute; a branch or a call ends one, and so does a place where ways merge. It
//! looks whether the counter is negative where a function begins, at the head of a loop, and before an operator that costs by
//! its size. These are the same places in every form of a function, however it is compiled.

use wasmparser::Operator;

/// Guest code is left because somebody has asked for it.
pub const FOUND_REQUEST: i64 = 0;
/// Fuel is used up, where a function begins or at the head of a loop: the operator there is next.
pub const FOUND_FUEL: i64 = 1 << 5;
/// Fuel is used up before an operator that costs by its size, and hasn't done anything yet.
pub const FOUND_FUEL_WITHIN: i64 = 1 << 6;

/// Bytes that a bulk operator reads, writes or copies for one unit of fuel, as a power of two.
pub const BYTES_LOG2: u8 = 6;
/// The same in elements of tables.
pub const ELEMENTS_LOG2: u8 = 3;

/// Declared locals that a function has for one unit, paid when it begins: with debugging each takes time then.
pub const LOCALS_LOG2: u8 = 4;

/// What an operator costs. Bulk operators cost more by size, when they are executed.
pub fn cost(operator: &Operator<'_>) -> u32 {
    use Operator::*;
    match operator {
        Nop | Block { .. } | Loop { .. } | TryTable { .. } | Else | End | Unreachable => 0,
        Try { .. } | Catch { .. } | CatchAll | Delegate { .. } => 0,
        _ => 1,
    }
}

/// Whether a piece ends with this operator, besides those behind which nothing is reached.
pub fn ends_piece(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        If { .. }
            | BrIf { .. }
            | BrOnNull { .. }
            | BrOnNonNull { .. }
            | BrOnCast { .. }
            | BrOnCastFail { .. }
            | Call { .. }
            | CallIndirect { .. }
            | CallRef { .. }
    )
}
