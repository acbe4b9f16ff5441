//! A call that stands still, and what was found out about its frames.
//!
//! Must not know breakpoints' bookkeeping or events. Invariant: whatever is remembered here belongs to one epoch of one
//! call; when the call runs on, `still` is cleared before any guest code runs.

use super::breakpoints::Site;
use super::evaluator::{Slot, Values};
use super::event::EventKind;
use super::frame::{Frame, FrameKind};
use super::layout::{Layout, LayoutCache, StateSlot, frame_instance, tagged};
use super::replay::{Run, World};
use crate::base::{CodeOffset, DefinedFuncIndex, Func, Instance, TrapCode, Value, WasmPc};
use crate::runtime::{Activation, Call, FrameKind as PlaceKind, Module, RawFrame, Stopped, Store};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A call that stands still.
///
/// Beginning a standstill at a stop point is on the way of every breakpoint and step, so it writes little.
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
    walked: RefCell<Vec<RawFrame>>,
    /// Whether `walked` is all there is.
    is_walked: Cell<bool>,
    /// What is known of the innermost frame.
    top: Cell<Top>,
    /// The innermost frame's frame pointer.
    fp: Cell<usize>,
    /// If it is stopped: the stop point. It is kept while the call runs on, as it often comes back.
    site: RefCell<Option<Rc<Site>>>,
    /// If it is stopped: the place of the operator in the run.
    index: Cell<u32>,
    /// If it trapped: where.
    trapped: RefCell<Option<(Module, DefinedFuncIndex, WasmPc)>>,
    /// The innermost frame's state before its operator, if it was read or replayed.
    values: RefCell<Values>,
    is_loaded: Cell<bool>,
    /// The last instance context that was read, and its instance.
    instance: Cell<(u64, Option<Instance>)>,
}

/// What is known of the innermost frame.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Top {
    /// What the walk finds.
    #[default]
    Walked,
    /// It is before an operator of a stop point's run.
    Stopped,
    /// It is at an operator that trapped, whose state is known if it is loaded.
    Trapped,
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
        self.begin_at(Top::Walked, activation.epoch, activation.fp);
        *self.activation.borrow_mut() = Some(activation);
    }

    /// Begins a standstill of a call at a stop point.
    pub(super) fn begin_stopped(&self, call: &Call, stopped: Stopped, site: Rc<Site>) {
        let mut activation = self.activation.borrow_mut();
        match &mut *activation {
            // A call stays on its stack.
            Some(known) if known.call_id == call.id() => {
                (known.epoch, known.fp, known.pc, known.kind) =
                    (call.epoch(), stopped.fp, stopped.pc, PlaceKind::Exact);
            }
            other => *other = call.activation(),
        }
        self.call.set(call.id());
        self.begin_at(Top::Stopped, call.epoch(), stopped.fp);
        self.index.set(0);
        *self.site.borrow_mut() = Some(site);
    }

    /// Begins a standstill after a trap; replays up to the operator that trapped.
    pub(super) fn begin_trapped(&self, activation: Activation, code: TrapCode, store: &Store) {
        self.begin(activation);
        self.ended.set(Some(code));
        self.replay_trap(store);
    }

    fn begin_at(&self, top: Top, epoch: u64, fp: usize) {
        self.epoch.set(epoch);
        self.fp.set(fp);
        self.top.set(top);
        self.raised.set(None);
        self.is_loaded.set(false);
        if !self.walked.borrow().is_empty() {
            self.walked.borrow_mut().clear();
        }
        self.is_walked.set(false);
        self.still.set(true);
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
        self.top.set(Top::Walked);
        self.walked.borrow_mut().clear();
        *self.site.borrow_mut() = None;
        *self.trapped.borrow_mut() = None;
        *self.activation.borrow_mut() = None;
    }

    /// A handle for one of its frames.
    pub(super) fn frame(&self, store: &Store, position: u32) -> Frame {
        Frame { store: store.id().0, call: self.call.get(), epoch: self.epoch.get(), position, reserved: 0 }
    }

    /// Whether it is at a stop point.
    pub(super) fn is_stopped(&self) -> bool {
        self.still.get() && self.top.get() == Top::Stopped
    }

    /// The stop point that it stands at, or stood at last.
    pub(super) fn site(&self) -> Option<Rc<Site>> {
        self.site.borrow().clone()
    }

    /// The place of the operator where it is stopped in the run.
    pub(super) fn index(&self) -> u32 {
        self.index.get()
    }

    /// Moves past operators of the run of `site`, where it is stopped, up to the one at `target`; answers whether it got
    /// there. It doesn't if an operator before can't be replayed here.
    pub(super) fn advance(&self, site: &Site, target: u32, store: &Store, cache: &LayoutCache) -> bool {
        let Some(instance) = self.load(site, store, cache) else { return false };
        let (world, info) = (World { store, instance }, site.module.info());
        let mut values = self.values.borrow_mut();
        let mut index = self.index.get();
        while index < target {
            let inner = site.run().inner.get(index as usize);
            if inner.is_none_or(|inner| inner.apply(&mut values, info, &world).is_err()) {
                break;
            }
            index += 1;
        }
        self.index.set(index);
        self.raised.set(None);
        index == target
    }

    /// Makes sure that the state of the innermost frame, stopped at `site`, is here; answers its instance.
    fn load(&self, site: &Site, store: &Store, cache: &LayoutCache) -> Option<Instance> {
        if !self.is_loaded.get() {
            let activation = self.activation.borrow();
            let slot = StateSlot::new(store, activation.as_ref()?, self.fp.get());
            let context = site.layout(cache).read_all(slot, &mut self.values.borrow_mut())?;
            let (known, instance) = self.instance.get();
            if known != context || instance.is_none() {
                self.instance.set((context, store.instance_of_context(context)));
            }
            self.is_loaded.set(true);
        }
        self.instance.get().1
    }

    /// The function that the call operator is about to call at which the innermost frame is stopped.
    pub(super) fn callee(&self, site: &Site, store: &Store, cache: &LayoutCache) -> Option<Func> {
        let instance = self.load(site, store, cache)?;
        let element = self.values.borrow().operands.last().map(|slot| slot.bits);
        World { store, instance }.callee(site.run().calls?, element)
    }

    fn replay_trap(&self, store: &Store) {
        let Some((module, offset)) = self.exact_place(store) else { return };
        let compiled = module.compiled();
        let (Some(frames), Some(trap)) = (&compiled.frames, compiled.trap_at(offset)) else { return };
        let Some(function) = compiled.function_at(offset) else { return };
        let pc = trap.pc;
        self.top.set(Top::Trapped);
        *self.trapped.borrow_mut() = Some((module.clone(), function, pc));
        let Some(stop) = frames.run_at(function, pc) else { return };
        let run = Run::new(&module, function, stop);
        let Some(index) = run.index_of(pc) else { return };
        let activation = self.activation.borrow();
        let (activation, fp) = (activation.as_ref().expect("it stands still"), self.fp.get());
        let layout = Layout::new(&module, function, stop.state);
        let mut values = self.values.borrow_mut();
        let context = layout.read_all(StateSlot::new(store, activation, fp), &mut values);
        let Some(instance) = context.and_then(|context| store.instance_of_context(context)) else { return };
        let (mut passed, world) = (run.inner[..index as usize].iter(), World { store, instance });
        self.is_loaded.set(passed.all(|inner| inner.apply(&mut values, module.info(), &world).is_ok()));
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
        self.walked.borrow().iter().for_each(see);
    }

    /// Whether there is a frame at this place.
    pub(super) fn has_frame(&self, store: &Store, position: u32) -> bool {
        position == 0 && self.top.get() != Top::Walked || self.walk_to(store, position as usize)
    }

    /// Finds frames up to `position`; answers whether there are so many.
    fn walk_to(&self, store: &Store, position: usize) -> bool {
        let mut walked = self.walked.borrow_mut();
        if position < walked.len() || self.is_walked.get() {
            return position < walked.len();
        }
        let activation = self.activation.borrow();
        let Some(activation) = &*activation else { return false };
        // Each time at least twice as far as before, so that going through all frames stays linear.
        let known = walked.len();
        let wanted = position.saturating_add(1).max(2 * known);
        walked.extend(store.walk(activation).skip(known).take(wanted - known));
        self.is_walked.set(walked.len() < wanted);
        position < walked.len()
    }

    /// The frame at this place.
    pub(super) fn view(&self, store: &Store, cache: &LayoutCache, position: u32) -> Option<View> {
        if position == 0 && self.top.get() != Top::Walked {
            return self.top_view(cache);
        }
        if !self.walk_to(store, position as usize) {
            return None;
        }
        let walked = self.walked.borrow();
        let frame = &walked[position as usize];
        let (function, pc) = frame.place()?;
        let frames = frame.module.compiled().frames.as_ref()?;
        // An armed stop point can overflow the stack, too.
        let stop = || frames.stops_of(function).iter().find(|stop| stop.return_offset == frame.offset());
        let state = frame.call_site().and_then(|call| call.state).or_else(|| stop().map(|stop| stop.state));
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

    /// Where the values of a frame are, and its frame pointer; quicker than the whole [`View`].
    pub(super) fn contents(&self, store: &Store, cache: &LayoutCache, position: u32) -> Option<(Contents, usize)> {
        if position == 0 && self.top.get() == Top::Stopped {
            let contents = match &*self.site.borrow() {
                Some(site) if !self.is_loaded.get() => Contents::Stack(site.layout(cache).clone()),
                _ => Contents::Replayed,
            };
            return Some((contents, self.fp.get()));
        }
        self.view(store, cache, position).map(|view| (view.contents, view.fp))
    }

    /// The innermost frame, stopped or trapped.
    fn top_view(&self, cache: &LayoutCache) -> Option<View> {
        let is_loaded = self.is_loaded.get();
        if self.top.get() == Top::Trapped {
            let (module, function, pc) = self.trapped.borrow().clone()?;
            let contents = if is_loaded { Contents::Replayed } else { Contents::Unknown };
            return Some(View { kind: FrameKind::Trapped, module, function, pc, fp: self.fp.get(), contents });
        }
        let site = self.site.borrow();
        let site = site.as_ref()?;
        Some(View {
            kind: if self.ended.get().is_some() { FrameKind::Trapped } else { FrameKind::Stopped },
            module: site.module.clone(),
            function: site.function,
            pc: site.pc(self.index.get()),
            fp: self.fp.get(),
            contents: if is_loaded { Contents::Replayed } else { Contents::Stack(site.layout(cache).clone()) },
        })
    }

    /// The instance of a frame.
    pub(super) fn instance(&self, store: &Store, view: &View) -> Option<Instance> {
        let activation = self.activation.borrow();
        if matches!(view.contents, Contents::Unknown) && self.top.get() != Top::Trapped {
            // The slot of a frame that isn't complete may hold anything.
            return None;
        }
        frame_instance(store, activation.as_ref()?, &view.module, view.function, view.fp)
    }

    /// Reads locals of a frame from `first` on into `out`, which are at most as many as there are.
    pub(super) fn read_locals(
        &self,
        store: &Store,
        (contents, fp): &(Contents, usize),
        first: usize,
        out: &mut [Value],
    ) {
        match (contents, &*self.activation.borrow()) {
            (Contents::Replayed, _) => fill(out, &self.values.borrow().locals[first..], store),
            (Contents::Stack(layout), Some(activation)) => {
                layout.read_locals(StateSlot::new(store, activation, *fp), first, out);
            }
            _ => out.fill(Value::Unavailable),
        }
    }

    /// Reads operands of a frame from `first` on into `out`, which are at most as many as there are.
    pub(super) fn read_operands(
        &self,
        store: &Store,
        (contents, fp): &(Contents, usize),
        first: usize,
        out: &mut [Value],
    ) {
        match (contents, &*self.activation.borrow()) {
            (Contents::Replayed, _) => fill(out, &self.values.borrow().operands[first..], store),
            (Contents::Stack(layout), Some(activation)) => {
                layout.read_operands(StateSlot::new(store, activation, *fp), first, out);
            }
            _ => out.fill(Value::Unavailable),
        }
    }

    /// Shows the replayed state.
    pub(super) fn with_values<T>(&self, see: impl FnOnce(&Values) -> T) -> T {
        see(&self.values.borrow())
    }
}

fn fill(out: &mut [Value], slots: &[Slot], store: &Store) {
    for (out, slot) in out.iter_mut().zip(slots) {
        *out = tagged(*slot, store);
    }
}
