//! Backtraces for people: frames by module, function and operator.
//!
//! Knows nothing of stacks. Read next: [`super::walk`].

use super::{Activation, FrameKind, RawFrame, Store};
use crate::base::{BacktraceFrame, CodeOffset, DefinedFuncIndex, WasmPc};

/// Frames that a backtrace has at most: the innermost, of a recursion without end.
pub const MAX_FRAMES: usize = 256;

/// Bytes of the longest call instruction.
const CALL_LENGTH: u32 = 8;

impl RawFrame {
    /// The function that it runs, and the operator that it is at. For an overflow of the stack, where no instruction is
    /// known to trap, it is the call that was about to be made, else the function's first operator.
    pub fn place(&self) -> Option<(DefinedFuncIndex, WasmPc)> {
        let compiled = self.module.compiled();
        let offset = self.offset();
        let inside = match self.kind {
            FrameKind::Exact => offset,
            FrameKind::Return => CodeOffset(offset.0.checked_sub(1)?),
        };
        // A stop point may be the last instruction of a function, too.
        let before = CodeOffset(inside.0.saturating_sub(1));
        let function = compiled.function_at(inside).or_else(|| compiled.function_at(before))?;
        let trap = match self.kind {
            FrameKind::Exact => compiled.trap_at(offset).map(|site| site.pc),
            FrameKind::Return => None,
        };
        let about_to_call = || {
            let next = compiled.call_after(offset).filter(|site| site.return_offset.0 - offset.0 <= CALL_LENGTH)?;
            (compiled.function_at(CodeOffset(next.return_offset.0 - 1)) == Some(function)).then_some(next.pc)
        };
        let pc = trap.or_else(|| compiled.call_at(offset).map(|site| site.pc)).or_else(about_to_call);
        Some((function, pc.unwrap_or(self.module.info().bodies[function].operators)))
    }
}

impl Store {
    /// The backtrace of an activation, innermost frame first, with at most [`MAX_FRAMES`] frames.
    pub fn backtrace(&self, activation: &Activation) -> Vec<BacktraceFrame> {
        self.walk(activation).take(MAX_FRAMES).filter_map(|frame| describe(&frame)).collect()
    }
}

fn describe(frame: &RawFrame) -> Option<BacktraceFrame> {
    let (function, pc) = frame.place()?;
    let info = frame.module.info();
    let index = info.func_index(function);
    Some(BacktraceFrame {
        module_name: frame.module.name().unwrap_or_default().to_string(),
        func_index: index.as_u32(),
        func_name: info.func_name(index).unwrap_or_default().to_string(),
        pc,
        func_offset: pc.0.saturating_sub(info.bodies[function].range.start),
    })
}
