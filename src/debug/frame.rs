//! Frames: plain data that names one Wasm frame of a call, for as long as the call is stopped.
//!
//! Must not know events or breakpoints. Invariant: nothing that a frame says is believed before its store, call and epoch
//! were compared with the ones at hand. Read next: `stopped_call.rs` for what is behind a frame.

use super::Debuggee;
use super::stopped_call::StoppedCall;
use super::view::View;
use crate::base::{Error, ErrorKind, FuncIndex, Instance, Result, ValType, Value, WasmPc, error::bail};
use crate::runtime::Module;
use std::ops::Range;
use std::rc::Rc;

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

/// Why a frame is stopped.
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
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    /// Why it is stopped.
    pub kind: FrameKind,
    /// The instance that it runs in; `None` if the guest's stack ended before the frame was complete.
    pub instance: Option<Instance>,
    /// The number of the instance's module; [`Debuggee::frame_module`] gives the module.
    pub module_id: u64,
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
        self.check_debug()?;
        Ok(self.stopped_calls().iter().filter_map(|stopped_call| self.innermost(stopped_call)).collect())
    }

    /// The first of [`Debuggee::frames`].
    pub fn newest_frame(&self) -> Result<Option<Frame>> {
        self.check_debug()?;
        match self.newest_stopped_call().and_then(|stopped_call| self.innermost(&stopped_call)) {
            Some(frame) => Ok(Some(frame)),
            None => Ok(self.frames()?.first().copied()),
        }
    }

    /// The innermost frame of the call of this number, if it stands still and has one.
    pub fn call_frame(&self, call: u64) -> Result<Option<Frame>> {
        self.check_debug()?;
        Ok(self.stopped_call(call).and_then(|stopped_call| self.innermost(&stopped_call)))
    }

    /// The innermost frame of a call that is stopped.
    pub(super) fn innermost(&self, stopped_call: &StoppedCall) -> Option<Frame> {
        let store = self.store();
        stopped_call.has_frame(store, &self.cache, 0).then(|| stopped_call.frame(store, 0))
    }

    /// The next older frame of the same activation.
    // A frame that is written in parts and read as a whole waits for its parts, so it is made where it goes.
    #[inline]
    pub fn frame_caller(&self, frame: &Frame) -> Result<Option<Frame>> {
        let caller = Frame { position: frame.position.saturating_add(1), ..*frame };
        Ok(self.has_caller(frame)?.then_some(caller))
    }

    fn has_caller(&self, frame: &Frame) -> Result<bool> {
        self.locate(frame, |stopped_call| {
            let found = stopped_call.has_frame(self.store(), &self.cache, frame.position.saturating_add(1));
            if !found {
                self.check_position(stopped_call, frame)?;
            }
            Ok(found)
        })
    }

    /// Whether the frame can be looked at in this store now.
    pub fn frame_is_valid(&self, frame: &Frame) -> bool {
        self.locate(frame, |stopped_call| self.check_position(stopped_call, frame)).is_ok()
    }

    /// A number that stays the same while the frame lives, across steps, and differs from that of every other frame
    /// that lives at the same time.
    pub fn frame_key(&self, frame: &Frame) -> Result<u64> {
        let function = |view: View<'_>| {
            (view.module().id() << 32 ^ u64::from(view.function().as_u32()) ^ frame.call << 16, view.fp)
        };
        let (function, fp) = self.view(frame, function)?;
        // No two live frames have the same frame pointer, which leaves the upper 16 bits free: with the function in
        // them, a frame that takes another's place seldom looks like it.
        let replacements = self.locate(frame, |stopped_call| Ok(stopped_call.replacements(fp)))?;
        let which = (function ^ replacements << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(which >> 48 << 48 ^ fp as u64)
    }

    /// Where and what the frame is.
    pub fn frame_info(&self, frame: &Frame) -> Result<FrameInfo> {
        self.view(frame, |view| {
            let info = view.module().info();
            FrameInfo {
                kind: view.kind,
                instance: view.instance(self.store()),
                module_id: view.module().id(),
                func_index: info.func_index(view.function()),
                pc: view.pc,
                func_offset: view.pc.0 - info.bodies[view.function()].range.start,
                n_locals: view.n_locals() as u32,
                n_operands: view.n_operands() as u32,
            }
        })
    }

    /// The module whose code the frame runs.
    pub fn frame_module(&self, frame: &Frame) -> Result<Module> {
        self.view(frame, |view| view.module().clone())
    }

    /// The types of the locals, parameters first.
    pub fn frame_local_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        self.view(frame, |view| view.module().info().local_types(view.function()))
    }

    /// The types of the operands, bottom first.
    pub fn frame_operand_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        self.view(frame, |view| view.operand_types())
    }

    /// Reads locals from `first` on into `out`; answers how many there were to read, at most `out.len()`.
    /// `OutOfRange` if `first` is past the last local (the count itself is fine, and reads none).
    pub fn frame_read_locals(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        self.frame_locals(frame, first, out.len(), |place, value| out[place] = value)
    }

    /// The same for at most as many as there is `room` for, each handed to `put` with its place among those that are
    /// read. On an error none is.
    #[inline]
    pub fn frame_locals(&self, frame: &Frame, first: u32, room: usize, put: impl FnMut(usize, Value)) -> Result<u32> {
        self.view(frame, |view| {
            let which = in_range(view.n_locals(), first, room, "locals")?;
            let n = which.len() as u32;
            view.read_locals(self.store(), which, put);
            Ok(n)
        })?
    }

    /// Reads operands, bottom first, as [`Debuggee::frame_read_locals`] does locals.
    pub fn frame_read_operands(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        self.frame_operands(frame, first, out.len(), |place, value| out[place] = value)
    }

    /// Reads operands, bottom first, as [`Debuggee::frame_locals`] does locals.
    #[inline]
    pub fn frame_operands(&self, frame: &Frame, first: u32, room: usize, put: impl FnMut(usize, Value)) -> Result<u32> {
        self.view(frame, |view| {
            let which = in_range(view.n_operands(), first, room, "operands")?;
            let n = which.len() as u32;
            view.read_operands(self.store(), which, put);
            Ok(n)
        })?
    }

    #[inline(always)]
    pub(super) fn view<T>(&self, frame: &Frame, see: impl FnOnce(View<'_>) -> T) -> Result<T> {
        self.locate(frame, |stopped_call| {
            let written;
            let mut look = stopped_call.look();
            match look.frame(self.store(), &self.cache, frame.position) {
                Some(mut view) => {
                    if self.pending.any() && view.kind == FrameKind::Calling {
                        written = self.pending.of(frame.call, view.fp);
                        view.writes = written.as_deref();
                    }
                    Ok(see(view))
                }
                None => Err(no_such_frame(frame)),
            }
        })
    }

    pub(super) fn check_position(&self, stopped_call: &StoppedCall, frame: &Frame) -> Result<()> {
        if stopped_call.has_frame(self.store(), &self.cache, frame.position) {
            Ok(())
        } else {
            Err(no_such_frame(frame))
        }
    }

    /// Uses the call that a frame is of, if it is still stopped as it was then. It may have fewer frames.
    #[inline(always)]
    pub(super) fn locate<T>(&self, frame: &Frame, using: impl FnOnce(&StoppedCall) -> Result<T>) -> Result<T> {
        let current = self.current.borrow();
        let found;
        // Mostly it is the newest.
        let stopped_call = match current.last() {
            Some(newest) if self.is_debug() && frame.store == self.store().id().0 && newest.is_of(frame) => newest,
            _ => {
                found = self.locate_anywhere(frame)?;
                &found
            }
        };
        using(stopped_call)
    }

    #[cold]
    fn locate_anywhere(&self, frame: &Frame) -> Result<Rc<StoppedCall>> {
        self.check_debug()?;
        if frame.store != self.store().id().0 {
            bail!(WrongStore, "the frame belongs to another store");
        }
        match self.stopped_call(frame.call) {
            Some(stopped_call) if stopped_call.is_of(frame) => Ok(stopped_call),
            _ => bail!(StaleHandle, "the frame's call has run on or ended"),
        }
    }
}

#[cold]
fn no_such_frame(frame: &Frame) -> Error {
    Error::new(ErrorKind::StaleHandle, format_args!("the call has no frame {}", frame.position))
}

#[cold]
fn past_the_last(count: usize, first: usize, what: &str) -> Error {
    Error::new(ErrorKind::OutOfRange, format_args!("the frame has {count} {what}, {first} is past the last"))
}

/// Which of `count` things there are from `first` on, at most `room`.
#[inline]
fn in_range(count: usize, first: u32, room: usize, what: &str) -> Result<Range<usize>> {
    let first = first as usize;
    match count.checked_sub(first) {
        Some(rest) => Ok(first..first + rest.min(room)),
        None => Err(past_the_last(count, first, what)),
    }
}
