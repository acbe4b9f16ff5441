//! A call that stands still, and what was found out about its frames.
//!
//! Must not know breakpoints' bookkeeping or events. Invariant: whatever is remembered here belongs to one epoch of one
//! call; when the call runs on, `still` is cleared before any guest code runs.

use super::breakpoints::Site;
use super::evaluator::{Slot, Values};
use super::event::EventKind;
use super::frame::{Frame, FrameKind};
use super::layout::{Layout, LayoutCache, frame_instance};
use super::replay::{Run, World};
use crate::base::{CodeOffset, DefinedFuncIndex, Instance, TrapCode, WasmPc};
use crate::runtime::{Activation, FrameKind as PlaceKind, Module, RawFrame, Store};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A call that stands still.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) call: Cell<u64>,
    pub(super) epoch: Cell<u64>,
    /// Whether it can be looked at.
    pub(super) still: Cell<bool>,
    /// The call whose host function drives this one.
    pub(super) below: Cell<Option<u64>>,
    /// What was raised at the operator where it stands.
    pub(super) raised: Cell<Option<EventKind>>,
    /// The trap that ended it.
    pub(super) ended: Cell<Option<TrapCode>>,
    /// The generation of [`ArmedFunctions`](super::arm::ArmedFunctions) that its whole stack was armed in.
    pub(super) armed: Cell<Option<u64>>,
    activation: RefCell<Option<Activation>>,
    walked: RefCell<Walked>,
    top: RefCell<Top>,
}

/// The frames found so far.
#[derive(Default)]
struct Walked {
    frames: Vec<RawFrame>,
    complete: bool,
}

/// The innermost frame.
#[derive(Default)]
struct Top {
    state: TopState,
    fp: usize,
    /// The state before the operator, if it was read or replayed.
    values: Values,
    loaded: bool,
    instance: Option<Option<Instance>>,
}

#[derive(Default, Clone)]
enum TopState {
    /// What the walk finds.
    #[default]
    Walked,
    /// Before an operator of the run of a stop point.
    Stopped { site: Rc<Site>, index: u32 },
    /// At an operator that trapped. `loaded` says whether its state is known.
    Trapped { module: Module, function: DefinedFuncIndex, pc: WasmPc },
}

/// A frame and where its values are.
pub(super) struct View {
    pub(super) kind: FrameKind,
    pub(super) module: Module,
    pub(super) function: DefinedFuncIndex,
    pub(super) pc: WasmPc,
    pub(super) fp: usize,
    pub(super) contents: Contents,
}

/// Where the values of a frame are.
pub(super) enum Contents {
    /// In the standing's own values.
    Replayed,
    /// On the stack.
    Stack(Rc<Layout>),
    /// Nobody knows.
    Unknown,
}

impl Standing {
    /// Begins a standstill. The innermost frame is whatever the walk finds.
    pub(super) fn begin(&self, activation: Activation) {
        self.call.set(activation.call_id);
        self.epoch.set(activation.epoch);
        self.raised.set(None);
        let mut walked = self.walked.borrow_mut();
        walked.frames.clear();
        walked.complete = false;
        let mut top = self.top.borrow_mut();
        top.state = TopState::Walked;
        top.fp = activation.fp;
        top.loaded = false;
        top.instance = None;
        *self.activation.borrow_mut() = Some(activation);
        self.still.set(true);
    }

    /// Begins a standstill at a stop point.
    pub(super) fn begin_stopped(&self, activation: Activation, site: Rc<Site>) {
        self.begin(activation);
        self.top.borrow_mut().state = TopState::Stopped { site, index: 0 };
    }

    /// Begins a standstill after a trap; replays up to the operator that trapped.
    pub(super) fn begin_trapped(&self, activation: Activation, code: TrapCode, store: &Store) {
        self.begin(activation);
        self.ended.set(Some(code));
        self.replay_trap(store);
    }

    /// Ends the standstill: the call runs on, or is gone.
    pub(super) fn end(&self) {
        self.still.set(false);
    }

    /// Makes it ready to serve another call.
    pub(super) fn recycle(&self) {
        self.end();
        self.ended.set(None);
        self.armed.set(None);
        self.below.set(None);
        self.walked.borrow_mut().frames.clear();
        self.top.borrow_mut().state = TopState::Walked;
        *self.activation.borrow_mut() = None;
    }

    /// A handle for one of its frames.
    pub(super) fn frame(&self, store: &Store, position: u32) -> Frame {
        Frame { store: store.id().0, call: self.call.get(), epoch: self.epoch.get(), position, reserved: 0 }
    }

    /// The stop point that it stands behind, and the place in its run.
    pub(super) fn stop(&self) -> Option<(Rc<Site>, u32)> {
        match &self.top.borrow().state {
            TopState::Stopped { site, index } => Some((site.clone(), *index)),
            _ => None,
        }
    }

    /// The pc of the innermost frame, if it is stopped.
    pub(super) fn stopped_pc(&self) -> Option<WasmPc> {
        match &self.top.borrow().state {
            TopState::Stopped { site, index } => Some(pc_of(site, *index)),
            _ => None,
        }
    }

    /// Moves past an inner operator of the run; answers whether that worked. Requires: stopped before one.
    pub(super) fn advance(&self, store: &Store, cache: &LayoutCache) -> bool {
        if !self.load(store, cache) {
            return false;
        }
        let Some(instance) = self.top_instance(store) else { return false };
        let mut top = self.top.borrow_mut();
        let Top { state: TopState::Stopped { site, index }, values, .. } = &mut *top else { return false };
        let world = World { store, instance };
        let Some(inner) = site.run().inner.get(*index as usize) else { return false };
        if inner.apply(values, site.module.info(), &world).is_err() {
            return false;
        }
        *index += 1;
        self.raised.set(None);
        true
    }

    /// Reads the state of the innermost frame, stopped, from the stack, unless it is here.
    fn load(&self, store: &Store, cache: &LayoutCache) -> bool {
        let activation = self.activation.borrow();
        let (mut top, Some(activation)) = (self.top.borrow_mut(), &*activation) else { return false };
        if !top.loaded {
            let Top { state: TopState::Stopped { site, .. }, values, fp, .. } = &mut *top else { return false };
            top.loaded = site.layout(cache).read_all(store, activation, *fp, values);
        }
        top.loaded
    }

    /// The function that the call operator is about to call at which the innermost frame is stopped.
    pub(super) fn callee(&self, store: &Store, cache: &LayoutCache) -> Option<crate::base::Func> {
        if !self.load(store, cache) {
            return None;
        }
        let instance = self.top_instance(store)?;
        let top = self.top.borrow();
        let TopState::Stopped { site, .. } = &top.state else { return None };
        World { store, instance }.callee(site.run().calls?, top.values.operands.last().map(|slot| slot.bits))
    }

    /// The instance of the innermost frame, stopped or trapped.
    fn top_instance(&self, store: &Store) -> Option<Instance> {
        let mut top = self.top.borrow_mut();
        let (module, function) = match &top.state {
            TopState::Stopped { site, .. } => (&site.module, site.function),
            TopState::Trapped { module, function, .. } => (module, *function),
            TopState::Walked => return None,
        };
        if top.instance.is_none() {
            let activation = self.activation.borrow();
            top.instance = Some(frame_instance(store, activation.as_ref()?, module, function, top.fp));
        }
        top.instance?
    }

    fn replay_trap(&self, store: &Store) {
        let Some((module, offset)) = self.exact_place(store) else { return };
        let compiled = module.compiled();
        let (Some(frames), Some(trap)) = (&compiled.frames, compiled.trap_at(offset)) else { return };
        let Some(function) = compiled.function_at(offset) else { return };
        let pc = trap.pc;
        self.top.borrow_mut().state = TopState::Trapped { module: module.clone(), function, pc };
        let Some(stop) = frames.run_at(function, pc) else { return };
        let run = Run::new(&module, function, stop);
        let Some(index) = run.index_of(pc) else { return };
        let Some(instance) = self.top_instance(store) else { return };
        let activation = self.activation.borrow();
        let activation = activation.as_ref().expect("it stands still");
        let mut top = self.top.borrow_mut();
        let layout = Layout::new(&module, function, stop.state);
        let Top { values, fp, .. } = &mut *top;
        top.loaded = layout.read_all(store, activation, *fp, values)
            && run.inner[..index as usize]
                .iter()
                .all(|inner| inner.apply(values, module.info(), &World { store, instance }).is_ok());
    }

    /// The instruction that the call was left at, unless it was left by a call.
    fn exact_place(&self, store: &Store) -> Option<(Module, CodeOffset)> {
        let activation = self.activation.borrow();
        let activation = activation.as_ref()?;
        (activation.kind == PlaceKind::Exact).then(|| store.code_at(activation.pc))?
    }

    /// Shows every frame that the walk finds, innermost first.
    pub(super) fn each_frame(&self, store: &Store, see: impl FnMut(&RawFrame)) {
        self.walk_to(store, usize::MAX);
        self.walked.borrow().frames.iter().for_each(see);
    }

    /// Whether there is a frame at this place.
    pub(super) fn has_frame(&self, store: &Store, position: u32) -> bool {
        position == 0 && !matches!(self.top.borrow().state, TopState::Walked) || self.walk_to(store, position as usize)
    }

    /// Finds frames up to `position`; answers whether there are so many.
    fn walk_to(&self, store: &Store, position: usize) -> bool {
        let mut walked = self.walked.borrow_mut();
        if position < walked.frames.len() || walked.complete {
            return position < walked.frames.len();
        }
        let activation = self.activation.borrow();
        let Some(activation) = &*activation else { return false };
        // Each time at least twice as far as before, so that going through all frames stays linear.
        let known = walked.frames.len();
        let wanted = position.saturating_add(1).max(2 * known);
        walked.frames.extend(store.walk(activation).skip(known).take(wanted - known));
        walked.complete = walked.frames.len() < wanted;
        position < walked.frames.len()
    }

    /// The frame at this place.
    pub(super) fn view(&self, store: &Store, cache: &LayoutCache, position: u32) -> Option<View> {
        if position == 0 {
            let top = self.top.borrow();
            let ended = self.ended.get().is_some();
            match &top.state {
                TopState::Walked => {}
                TopState::Stopped { site, index } => {
                    let stack = || Contents::Stack(site.layout(cache).clone());
                    return Some(View {
                        kind: if ended { FrameKind::Trapped } else { FrameKind::Stopped },
                        module: site.module.clone(),
                        function: site.function,
                        pc: pc_of(site, *index),
                        fp: top.fp,
                        contents: if top.loaded { Contents::Replayed } else { stack() },
                    });
                }
                TopState::Trapped { module, function, pc } => {
                    return Some(View {
                        kind: FrameKind::Trapped,
                        module: module.clone(),
                        function: *function,
                        pc: *pc,
                        fp: top.fp,
                        contents: if top.loaded { Contents::Replayed } else { Contents::Unknown },
                    });
                }
            }
        }
        if !self.walk_to(store, position as usize) {
            return None;
        }
        let walked = self.walked.borrow();
        let frame = &walked.frames[position as usize];
        let compiled = frame.module.compiled();
        let function = function_of(frame)?;
        let first = frame.module.info().bodies[function].operators;
        let call = compiled.call_at(frame.offset());
        let stop = || compiled.frames.as_ref()?.stops_of(function).iter().find(|s| s.return_offset == frame.offset());
        let (pc, state) = match (call, frame.kind) {
            (Some(call), _) if call.state.is_some() => (call.pc, call.state),
            (Some(call), _) => (call.pc, stop().map(|stop| stop.state)),
            (None, PlaceKind::Exact) => (compiled.trap_at(frame.offset()).map_or(first, |trap| trap.pc), None),
            (None, PlaceKind::Return) => (first, None),
        };
        let trapped = position == 0 && self.ended.get().is_some_and(|code| code != TrapCode::HostError);
        Some(View {
            kind: if trapped { FrameKind::Trapped } else { FrameKind::Calling },
            module: frame.module.clone(),
            function,
            pc,
            fp: frame.fp,
            contents: match state {
                Some(state) => Contents::Stack(cache.layout(&frame.module, function, state)),
                None => Contents::Unknown,
            },
        })
    }

    /// The instance of a frame.
    pub(super) fn instance(&self, store: &Store, view: &View) -> Option<Instance> {
        let activation = self.activation.borrow();
        if matches!(view.contents, Contents::Unknown) && !matches!(self.top.borrow().state, TopState::Trapped { .. }) {
            // The slot of a frame that isn't complete may hold anything.
            return None;
        }
        frame_instance(store, activation.as_ref()?, &view.module, view.function, view.fp)
    }

    /// Reads a local of a frame.
    pub(super) fn local(&self, store: &Store, view: &View, local: usize) -> Option<Slot> {
        match &view.contents {
            Contents::Replayed => Some(self.top.borrow().values.locals[local]),
            Contents::Stack(layout) => layout.local(store, self.activation.borrow().as_ref()?, view.fp, local),
            Contents::Unknown => None,
        }
    }

    /// Reads an operand of a frame.
    pub(super) fn operand(&self, store: &Store, view: &View, operand: usize) -> Option<Slot> {
        match &view.contents {
            Contents::Replayed => Some(self.top.borrow().values.operands[operand]),
            Contents::Stack(layout) => layout.operand(store, self.activation.borrow().as_ref()?, view.fp, operand),
            Contents::Unknown => None,
        }
    }

    /// Shows the replayed state.
    pub(super) fn with_values<T>(&self, see: impl FnOnce(&Values) -> T) -> T {
        see(&self.top.borrow().values)
    }
}

/// Where an operator of a site's run is. The run needn't be decoded for its first one.
fn pc_of(site: &Site, index: u32) -> WasmPc {
    if index == 0 { site.stop.pc } else { site.run().pcs[index as usize] }
}

/// The function that a frame of the walk is in.
pub(super) fn function_of(frame: &RawFrame) -> Option<DefinedFuncIndex> {
    let CodeOffset(offset) = frame.offset();
    // A call may be a function's last instruction; what it returns to is the next function then.
    let inside = if frame.kind == PlaceKind::Return { offset.checked_sub(1)? } else { offset };
    frame.module.compiled().function_at(CodeOffset(inside))
}
