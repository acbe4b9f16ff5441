//! Frames: plain data that names one Wasm frame of a call, for as long as the call stands still.

use super::Debuggee;
use crate::base::{FuncIndex, Instance, Result, ValType, Value, WasmPc};
use crate::runtime::Module;

/// A frame. Valid until its call runs again by any route; every accessor of an invalid one answers `StaleHandle`, or
/// `WrongStore` in another store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Frame {
    /// The number of the store.
    pub store: u64,
    /// The number of the call.
    pub call: u64,
    /// The call's epoch: how often it had been entered or resumed.
    pub epoch: u64,
    /// The place among the call's frames; 0 is the innermost.
    pub position: u32,
    /// Zero.
    pub reserved: u32,
}

/// Why a frame stands still.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum FrameKind {
    /// It is stopped before the operator at its pc.
    Stopped = 1,
    /// The operator at its pc trapped.
    Trapped = 2,
    /// It called another function, or the host, by the operator at its pc. The operands are those beneath the
    /// call's arguments.
    Calling = 3,
}

/// What there is to know of a frame without reading its values.
#[derive(Clone)]
pub struct FrameInfo {
    /// Why it stands still.
    pub kind: FrameKind,
    /// The instance that it runs in; `None` if the guest's stack ended before the frame was complete.
    pub instance: Option<Instance>,
    /// The instance's module.
    pub module: Module,
    /// The function's index in the module's full index space.
    pub func_index: FuncIndex,
    /// The operator, as an offset in the module's bytes.
    pub pc: WasmPc,
    /// Bytes from the start of the function's body to `pc`.
    pub func_offset: u32,
    /// Number of locals, parameters included.
    pub n_locals: u32,
    /// Number of operands.
    pub n_operands: u32,
}

/// Frames of the store. All of them answer `DebugDisabled` without debugging.
impl Debuggee {
    /// The innermost frame of each activation, newest first: of the calls that are inside a host function or an
    /// event handler. An activation without Wasm frames yields nothing. A call that is paused isn't running; it has
    /// [`DebugCall::frame`](super::DebugCall::frame).
    pub fn frames(&self) -> Result<Vec<Frame>> {
        todo!()
    }

    /// The first of [`Debuggee::frames`].
    pub fn newest_frame(&self) -> Result<Option<Frame>> {
        todo!()
    }

    /// The next older frame of the same activation.
    pub fn frame_caller(&self, frame: &Frame) -> Result<Option<Frame>> {
        let _ = frame;
        todo!()
    }

    /// Whether the frame can be looked at in this store now.
    pub fn frame_is_valid(&self, frame: &Frame) -> bool {
        let _ = frame;
        todo!()
    }

    /// A number that stays the same while the frame lives, across steps, and differs from that of every other frame
    /// that lives at the same time.
    pub fn frame_key(&self, frame: &Frame) -> Result<u64> {
        let _ = frame;
        todo!()
    }

    /// Where and what the frame is.
    pub fn frame_info(&self, frame: &Frame) -> Result<FrameInfo> {
        let _ = frame;
        todo!()
    }

    /// The types of the locals, parameters first.
    pub fn frame_local_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        let _ = frame;
        todo!()
    }

    /// The types of the operands, bottom first.
    pub fn frame_operand_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        let _ = frame;
        todo!()
    }

    /// Reads locals from `first` on into `out`; answers how many there were to read, at most `out.len()`.
    /// `OutOfRange` if `first` is past the last local (the count itself is fine, and reads none).
    pub fn frame_read_locals(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        let _ = (frame, first, out);
        todo!()
    }

    /// Reads operands, bottom first, as [`Debuggee::frame_read_locals`] does locals.
    pub fn frame_read_operands(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        let _ = (frame, first, out);
        todo!()
    }
}
