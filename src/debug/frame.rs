//! Frames: plain data that names one Wasm frame of a call, for as long as the call stands still.
//!
//! Must not know events or breakpoints. Invariant: nothing that a frame says is believed before its store, call and epoch
//! were compared with the ones at hand. Read next: `standing.rs` for what is behind a frame.

use super::Debuggee;
use super::standing::{Contents, Standing, View};
use crate::base::{FuncIndex, Instance, Result, ValType, Value, WasmPc, error::bail};
use crate::runtime::Module;
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
        self.check_debug()?;
        let innermost =
            |standing: &Rc<Standing>| standing.has_frame(self.store(), 0).then(|| standing.frame(self.store(), 0));
        Ok(self.standings().iter().filter_map(innermost).collect())
    }

    /// The first of [`Debuggee::frames`].
    pub fn newest_frame(&self) -> Result<Option<Frame>> {
        self.check_debug()?;
        if let Some(standing) = self.newest_standing()
            && standing.has_frame(self.store(), 0)
        {
            return Ok(Some(standing.frame(self.store(), 0)));
        }
        Ok(self.frames()?.first().copied())
    }

    /// The next older frame of the same activation.
    pub fn frame_caller(&self, frame: &Frame) -> Result<Option<Frame>> {
        let standing = self.locate(frame)?;
        let caller = Frame { position: frame.position + 1, ..*frame };
        Ok(standing.has_frame(self.store(), caller.position).then_some(caller))
    }

    /// Whether the frame can be looked at in this store now.
    pub fn frame_is_valid(&self, frame: &Frame) -> bool {
        self.locate(frame).is_ok()
    }

    /// A number that stays the same while the frame lives, across steps, and differs from that of every other frame
    /// that lives at the same time.
    pub fn frame_key(&self, frame: &Frame) -> Result<u64> {
        let (_, view) = self.view(frame)?;
        // No two live frames have the same frame pointer, which leaves the upper 16 bits free: with the function in
        // them, a frame that takes another's place seldom looks like it.
        let function = (view.module.id() << 32 ^ u64::from(view.function.as_u32()) ^ frame.call << 16)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(function >> 48 << 48 ^ view.fp as u64)
    }

    /// Where and what the frame is.
    pub fn frame_info(&self, frame: &Frame) -> Result<FrameInfo> {
        let (standing, view) = self.view(frame)?;
        let info = view.module.info();
        let (n_locals, n_operands) = match &view.contents {
            Contents::Replayed => standing.with_values(|values| (values.locals.len(), values.operands.len())),
            Contents::Stack(layout) => (layout.n_locals(), layout.n_operands()),
            Contents::Unknown => (info.local_types(view.function).len(), 0),
        };
        Ok(FrameInfo {
            kind: view.kind,
            instance: standing.instance(self.store(), &view),
            func_index: info.func_index(view.function),
            pc: view.pc,
            func_offset: view.pc.0 - info.bodies[view.function].range.start,
            n_locals: n_locals as u32,
            n_operands: n_operands as u32,
            module: view.module,
        })
    }

    /// The types of the locals, parameters first.
    pub fn frame_local_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        let (standing, view) = self.view(frame)?;
        Ok(match &view.contents {
            Contents::Replayed => standing.with_values(|values| values.locals.iter().map(|slot| slot.ty).collect()),
            Contents::Stack(layout) => layout.local_types(),
            Contents::Unknown => view.module.info().local_types(view.function),
        })
    }

    /// The types of the operands, bottom first.
    pub fn frame_operand_types(&self, frame: &Frame) -> Result<Vec<ValType>> {
        let (standing, view) = self.view(frame)?;
        Ok(match &view.contents {
            Contents::Replayed => standing.with_values(|values| values.operands.iter().map(|slot| slot.ty).collect()),
            Contents::Stack(layout) => layout.operand_types(),
            Contents::Unknown => Vec::new(),
        })
    }

    /// Reads locals from `first` on into `out`; answers how many there were to read, at most `out.len()`.
    /// `OutOfRange` if `first` is past the last local (the count itself is fine, and reads none).
    pub fn frame_read_locals(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        let (standing, place) = self.contents(frame)?;
        let count = match &place.0 {
            Contents::Replayed => standing.with_values(|values| values.locals.len()),
            Contents::Stack(layout) => layout.n_locals(),
            Contents::Unknown => self.frame_local_types(frame)?.len(),
        };
        let n = in_range(count, first, out.len(), "locals")?;
        standing.read_locals(self.store(), &place, first as usize, &mut out[..n]);
        Ok(n as u32)
    }

    /// Reads operands, bottom first, as [`Debuggee::frame_read_locals`] does locals.
    pub fn frame_read_operands(&self, frame: &Frame, first: u32, out: &mut [Value]) -> Result<u32> {
        let (standing, place) = self.contents(frame)?;
        let count = match &place.0 {
            Contents::Replayed => standing.with_values(|values| values.operands.len()),
            Contents::Stack(layout) => layout.n_operands(),
            Contents::Unknown => 0,
        };
        let n = in_range(count, first, out.len(), "operands")?;
        standing.read_operands(self.store(), &place, first as usize, &mut out[..n]);
        Ok(n as u32)
    }

    fn contents(&self, frame: &Frame) -> Result<(Rc<Standing>, (Contents, usize))> {
        let standing = self.locate(frame)?;
        match standing.contents(self.store(), &self.layouts, frame.position) {
            Some(contents) => Ok((standing, contents)),
            None => bail!(OutOfRange, "the call has no frame {}", frame.position),
        }
    }

    fn view(&self, frame: &Frame) -> Result<(Rc<Standing>, View)> {
        let standing = self.locate(frame)?;
        match standing.view(self.store(), &self.layouts, frame.position) {
            Some(view) => Ok((standing, view)),
            None => bail!(OutOfRange, "the call has no frame {}", frame.position),
        }
    }

    /// The call that a frame is of, if it stands still as it did then.
    fn locate(&self, frame: &Frame) -> Result<Rc<Standing>> {
        self.check_debug()?;
        if frame.store != self.store().id().0 {
            bail!(WrongStore, "the frame belongs to another store");
        }
        match self.standing_of(frame.call) {
            Some(standing) if standing.epoch.get() == frame.epoch => {
                if frame.position != 0 && !standing.has_frame(self.store(), frame.position) {
                    bail!(OutOfRange, "the call has no frame {}", frame.position);
                }
                Ok(standing)
            }
            _ => bail!(StaleHandle, "the frame's call has run on or ended"),
        }
    }
}

/// How many of `count` things there are from `first` on, at most `room`.
fn in_range(count: usize, first: u32, room: usize, what: &str) -> Result<usize> {
    let Some(rest) = count.checked_sub(first as usize) else {
        bail!(OutOfRange, "the frame has {count} {what}, {first} is past the last");
    };
    Ok(rest.min(room))
}
