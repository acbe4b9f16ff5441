//! Differences that are known, each with its reason: the one place where any is let through.
//!
//! No difference is let through between two modes of Pellucid. That NaNs are one value, and functions that aren't exported another, is in
//! [`crate::value`], as is what Wasmtime shows of references that are passed on; that what exhausts the stack or the heap isn't
//! compared, in [`crate::differential`].

use crate::case::Ended;
use pellucid::base::{FuncIndex, TrapCode, TypeIndex, WasmPc};
use pellucid::wasm::ModuleInfo;
use wasmparser::{BlockType, Operator};

/// Modules of the specification's scripts where Wasmtime 48.0.8 ends in an assertion of its own: where its frames are read, its heap is asked
/// for an object that it finds misaligned in the one and out of bounds in the other.
pub const PEER_FAILS_AT: [&str; 2] = ["gc/array_copy.wast, module 0", "gc/array_new_elem.wast, module 3"];

/// Frames of Wasmtime's backtraces.
const PEERS_FRAMES: usize = 20;

/// Whether Wasmtime may end a call so, if Pellucid ends it as `ours` says.
///
/// - It has one code for an index outside a table, whether of a call or of an access.
/// - Its backtraces are short.
/// - It names another operator of the function where its compiler has moved or merged what traps: an `unreachable` behind
///   a branch is a conditional trap at the branch, a load that is part of another instruction is at that one's operator.
///   Our place is the operator that single-stepping came to last. A frame that waits for a call may be at an `unreachable` right
///   behind it.
/// - `array.copy` looks whether the first array is long enough before whether the second one is null; the specification has it the other
///   way round.
/// - `memory.atomic.notify` may be misaligned and outside at the same time.
/// - What isn't a trap is told in its own words.
pub fn is_peers_end(info: &ModuleInfo, ours: &Ended, theirs: &Ended) -> bool {
    match (ours, theirs) {
        (Ended::Trapped { code, backtrace }, Ended::Trapped { code: their_code, backtrace: their_backtrace }) => {
            let operator = backtrace.first().map(|frame| info.operator_at(WasmPc(frame.1)));
            let may_be_elsewhere = matches!(code, TrapCode::Unreachable | TrapCode::MemoryOutOfBounds);
            let pairs = backtrace.iter().zip(their_backtrace).enumerate();
            is_peers_code(operator.as_ref(), *code, *their_code)
                && backtrace.len().min(PEERS_FRAMES) == their_backtrace.len()
                && pairs.into_iter().all(|(depth, (one, other))| {
                    let may_be_elsewhere =
                        if depth == 0 { may_be_elsewhere } else { is_behind_call(info, *one, *other) };
                    one == other || one.0 == other.0 && may_be_elsewhere
                })
        }
        (Ended::Failed(_), Ended::Failed(_)) => true,
        _ => ours == theirs,
    }
}

/// Whether Wasmtime may trap with a code where Pellucid traps with `ours`, at an operator.
pub fn is_peers_code(operator: Option<&Operator<'_>>, ours: TrapCode, theirs: TrapCode) -> bool {
    let is_copy = matches!(operator, Some(Operator::ArrayCopy { .. }));
    let is_notify = matches!(operator, Some(Operator::MemoryAtomicNotify { .. }));
    match (ours, theirs) {
        (TrapCode::UndefinedElement, TrapCode::TableOutOfBounds) => true,
        (TrapCode::NullReference, TrapCode::ArrayOutOfBounds) => is_copy,
        (TrapCode::UnalignedAtomic, TrapCode::MemoryOutOfBounds) => is_notify,
        _ => ours == theirs,
    }
}

/// Whether the second place is an `unreachable` that is the next operator but beginnings of blocks, and the first one a call.
fn is_behind_call(info: &ModuleInfo, call: (u32, u32), other: (u32, u32)) -> bool {
    let Some(body) = info.defined_func(FuncIndex::from_u32(call.0)) else { return false };
    let mut next = info.operator_pcs(body).into_iter().skip_while(|pc| pc.0 <= call.1);
    let next = next.find(|pc| !matches!(info.operator_at(*pc), Operator::Block { .. }));
    let is_call = matches!(
        info.operator_at(WasmPc(call.1)),
        Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. }
    );
    is_call && next == Some(WasmPc(other.1)) && matches!(info.operator_at(WasmPc(other.1)), Operator::Unreachable)
}

/// Whether Wasmtime doesn't stop at an operator when it steps, where Pellucid does: it has nothing to execute.
pub fn is_step_of_ours_alone(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::End | Operator::Else)
}

/// Whether Wasmtime may show other operands in a function: one with an `if` that has parameters. Inside, and inside its
/// `else` in any case, it shows the parameters once more beneath.
pub fn may_show_more_operands(info: &ModuleInfo, func: u32) -> bool {
    let body = info.defined_func(FuncIndex::from_u32(func)).expect("it has operators");
    info.operator_pcs(body).into_iter().any(|pc| match info.operator_at(pc) {
        Operator::If { blockty: BlockType::FuncType(ty) } => {
            !info.func_type_at(TypeIndex::from_u32(ty)).params.is_empty()
        }
        _ => false,
    })
}

/// Whether a message may have several lines: wasmparser's own about a bad header has, and is passed on.
pub fn is_long_message(message: &str) -> bool {
    message.starts_with("magic header not detected")
}
