//! Backtraces for people: frames by module, function and operator.
//!
//! Knows nothing of stacks. Read next: [`super::walk`].

use super::{Activation, PcKind, RawFrame, Store};
use crate::abi::artifact::{CallSite, InlinedTrap};
use crate::base::{Backtrace, BacktraceFrame, BodyIndex, CodeOffset, DefinedFuncIndex, Result, WasmPc, memory};

/// Frames that a backtrace has at most: the innermost, of a recursion without end.
pub const MAX_FRAMES: usize = 256;

/// Bytes of the longest call instruction.
const CALL_LENGTH: u32 = 8;

impl RawFrame {
    /// The function that it runs, in its form, and the operator that it is at. For an overflow of the stack, where no instruction is
    /// known to trap, it is the call that was about to be made, else the function's first operator.
    pub fn place(&self) -> Option<(BodyIndex, WasmPc)> {
        let compiled = self.blob.tables();
        let offset = self.offset();
        let inside = match self.kind {
            PcKind::Exact => offset,
            PcKind::Return => CodeOffset(offset.0.checked_sub(1)?),
        };
        // A stop point may be the last instruction of a function, too.
        let before = CodeOffset(inside.0.saturating_sub(1));
        let body = compiled.body_at(inside).or_else(|| compiled.body_at(before))?;
        let info = self.blob.module().info();
        let trap = match self.kind {
            PcKind::Exact => compiled.trap_at(offset).map(|site| site.pc),
            PcKind::Return => None,
        };
        let pc = trap.or_else(|| self.call_site().map(|site| site.pc));
        Some((body, pc.unwrap_or(info.bodies[self.blob.function(body)].operators)))
    }

    /// The function that it runs in the place of a call, and the operator of that: there is no frame for it.
    fn inlined(&self) -> Option<&InlinedTrap> {
        self.blob.tables().inlined_at(self.offset()).filter(|_| self.kind == PcKind::Exact)
    }

    /// The call that it is in, or that it was about to make when the stack overflowed.
    pub fn call_site(&self) -> Option<&CallSite> {
        let (compiled, offset) = (self.blob.tables(), self.offset());
        compiled.call_at(offset).or_else(|| {
            let next = compiled.call_after(offset).filter(|site| site.return_offset.0 - offset.0 <= CALL_LENGTH)?;
            let is_same = compiled.body_at(CodeOffset(next.return_offset.0 - 1)) == compiled.body_at(offset);
            (self.kind == PcKind::Exact && is_same).then_some(next)
        })
    }
}

impl Store {
    /// The backtrace of an activation, innermost frame first, with at most [`MAX_FRAMES`] frames, and no more than there is
    /// memory for: names may be long.
    pub fn backtrace(&self, activation: &Activation) -> Backtrace {
        let mut backtrace = Backtrace::default();
        for frame in self.walk(activation) {
            let Some((body, pc)) = frame.place() else { continue };
            let inlined = frame.inlined().map(|inlined| (inlined.function, inlined.pc));
            for (function, pc) in inlined.into_iter().chain([(frame.blob.function(body), pc)]) {
                backtrace.is_cut = backtrace.frames.len() == MAX_FRAMES
                    || describe(&frame, function, pc).and_then(|frame| backtrace.push(frame)).is_err();
                if backtrace.is_cut {
                    return backtrace;
                }
            }
        }
        backtrace
    }
}

fn describe(frame: &RawFrame, function: DefinedFuncIndex, pc: WasmPc) -> Result<BacktraceFrame> {
    let module = frame.blob.module();
    let info = module.info();
    let index = info.func_index(function);
    Ok(BacktraceFrame {
        module_name: memory::copied(module.name().unwrap_or_default())?,
        func_index: index.as_u32(),
        func_name: memory::copied(info.func_name(index).unwrap_or_default())?,
        pc,
        func_offset: pc.0.saturating_sub(info.bodies[function].range.start),
    })
}
