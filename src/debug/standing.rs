//! A call that stands still, and what was found out about its frames.
//!
//! Must not know breakpoints' bookkeeping or events. Invariant: whatever is remembered here belongs to one epoch of one
//! call; when the call runs on, `still` is cleared before any guest code runs.

use super::arm::Prepared;
use super::breakpoints::Site;
use super::evaluator::{Slot, Values};
use super::event::EventKind;
use super::frame::{Frame, FrameKind};
use super::layout::{self, Layout, LayoutCache, StateSlot, tagged};
use super::location::{Cache, Location};
use super::replay::{Run, World};
use crate::base::{CodeOffset, DefinedFuncIndex, Func, Instance, TrapCode, ValType, Value, WasmPc};
use crate::runtime::{Activation, Call, FrameKind as PlaceKind, Link, Module, Stopped, Store};
use std::cell::{Cell, RefCell};
use std::ops::Range;
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
    /// The innermost frame, if it is prepared for a step.
    pub(super) prepared: Cell<Option<Prepared>>,
    activation: RefCell<Option<Activation>>,
    /// The frames that were found so far, innermost first; without the innermost if that isn't walked to.
    walked: RefCell<Vec<(usize, Rc<Location>)>>,
    /// Where the search for more goes on, once it has begun.
    next: Cell<Next>,
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

/// Where a walk goes on.
#[derive(Clone, Copy, Default)]
enum Next {
    /// At its beginning.
    #[default]
    Beginning,
    /// At this link, if there is one.
    Link(Option<Link>),
}

/// A frame and where its values are.
pub(super) struct View<'a> {
    pub(super) kind: FrameKind,
    pub(super) module: &'a Module,
    pub(super) function: DefinedFuncIndex,
    pub(super) pc: WasmPc,
    pub(super) fp: usize,
    contents: Contents<'a>,
    activation: &'a Activation,
}

/// Where the values of a frame are.
enum Contents<'a> {
    /// Here.
    Replayed(&'a Values),
    /// On the stack.
    Stack(&'a Layout),
    /// Nobody knows.
    Unknown,
}

impl View<'_> {
    /// Number of locals.
    pub(super) fn n_locals(&self) -> usize {
        match &self.contents {
            Contents::Replayed(values) => values.locals.len(),
            Contents::Stack(layout) => layout.n_locals(),
            Contents::Unknown => self.local_types().len(),
        }
    }

    /// Number of operands.
    pub(super) fn n_operands(&self) -> usize {
        match &self.contents {
            Contents::Replayed(values) => values.operands.len(),
            Contents::Stack(layout) => layout.n_operands(),
            Contents::Unknown => 0,
        }
    }

    /// Types of the locals, parameters first.
    pub(super) fn local_types(&self) -> Vec<ValType> {
        match &self.contents {
            Contents::Replayed(values) => values.locals.iter().map(|slot| slot.ty).collect(),
            Contents::Stack(layout) => layout.local_types(),
            Contents::Unknown => self.module.info().local_types(self.function),
        }
    }

    /// Types of the operands, bottom first.
    pub(super) fn operand_types(&self) -> Vec<ValType> {
        match &self.contents {
            Contents::Replayed(values) => values.operands.iter().map(|slot| slot.ty).collect(),
            Contents::Stack(layout) => layout.operand_types(),
            Contents::Unknown => Vec::new(),
        }
    }

    /// Hands out the locals in `which`, each with its place among them.
    #[inline]
    pub(super) fn read_locals(&self, store: &Store, which: Range<usize>, mut put: impl FnMut(usize, Value)) {
        match &self.contents {
            Contents::Replayed(values) => each_tagged(&values.locals[which], store, put),
            Contents::Stack(layout) => {
                layout.read_locals(StateSlot::new(store, self.activation, self.fp), which, put);
            }
            Contents::Unknown => (0..which.len()).for_each(|place| put(place, Value::Unavailable)),
        }
    }

    /// Hands out the operands in `which`, bottom first, each with its place among them.
    #[inline]
    pub(super) fn read_operands(&self, store: &Store, which: Range<usize>, mut put: impl FnMut(usize, Value)) {
        match &self.contents {
            Contents::Replayed(values) => each_tagged(&values.operands[which], store, put),
            Contents::Stack(layout) => {
                layout.read_operands(StateSlot::new(store, self.activation, self.fp), which, put);
            }
            Contents::Unknown => (0..which.len()).for_each(|place| put(place, Value::Unavailable)),
        }
    }
}

#[inline]
fn each_tagged(slots: &[Slot], store: &Store, mut put: impl FnMut(usize, Value)) {
    for (place, slot) in slots.iter().enumerate() {
        put(place, tagged(*slot, store));
    }
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
        self.next.set(Next::Beginning);
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
        self.prepared.set(None);
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
            self.instance_at(context, store);
            self.is_loaded.set(true);
        }
        self.instance.get().1
    }

    /// The instance with this context.
    fn instance_at(&self, context: u64, store: &Store) -> Option<Instance> {
        let (known, instance) = self.instance.get();
        if known == context && instance.is_some() {
            return instance;
        }
        let instance = store.instance_of_context(context);
        self.instance.set((context, instance));
        instance
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

    /// The link that called the innermost frame, which is stopped.
    #[inline]
    pub(super) fn caller(&self, store: &Store) -> Option<Link> {
        store.caller(self.activation.borrow().as_ref()?, self.fp.get())
    }

    /// Where the innermost frame of a call is that waits for a host function.
    pub(super) fn waits_at(&self, store: &Store, cache: &Cache) -> Option<Rc<Location>> {
        let place = self.place_in_walk(0).filter(|place| self.walk_to(store, cache, *place))?;
        self.walked.borrow().get(place).map(|(_, location)| location.clone())
    }

    /// Whether there is a frame at this place.
    pub(super) fn has_frame(&self, store: &Store, cache: &Cache, position: u32) -> bool {
        match self.place_in_walk(position) {
            Some(place) => self.walk_to(store, cache, place),
            None => true,
        }
    }

    /// Which of the walked frames the one at `position` is; none if it isn't walked to.
    fn place_in_walk(&self, position: u32) -> Option<usize> {
        let not_walked = u32::from(self.top.get() != Top::Walked);
        position.checked_sub(not_walked).map(|place| place as usize)
    }

    /// Walks until there are more than `place` frames; answers whether there are so many.
    #[inline]
    fn walk_to(&self, store: &Store, cache: &Cache, place: usize) -> bool {
        let mut walked = self.walked.borrow_mut();
        if place < walked.len() {
            return true;
        }
        let activation = self.activation.borrow();
        let Some(activation) = &*activation else { return false };
        let mut next = match self.next.get() {
            Next::Link(next) => next,
            Next::Beginning if self.top.get() == Top::Walked => activation.newest(),
            Next::Beginning => store.caller(activation, self.fp.get()),
        };
        while place >= walked.len()
            && let Some(link) = next
        {
            next = store.caller(activation, link.fp);
            if let Some(location) = cache.location(store, link) {
                walked.push((link.fp, location));
            }
        }
        self.next.set(Next::Link(next));
        place < walked.len()
    }

    /// Shows the frame at this place, if there is one.
    #[inline]
    pub(super) fn view<T>(
        &self,
        store: &Store,
        cache: &Cache,
        position: u32,
        see: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        let Some(place) = self.place_in_walk(position) else { return self.view_top(cache, see) };
        if !self.walk_to(store, cache, place) {
            return None;
        }
        let trapped = position == 0 && self.ended.get().is_some_and(|code| code != TrapCode::HostError);
        let (walked, activation) = (self.walked.borrow(), self.activation.borrow());
        let (fp, location) = &walked[place];
        Some(see(&View {
            kind: if trapped { FrameKind::Trapped } else { FrameKind::Calling },
            module: &location.module,
            function: location.function,
            pc: location.pc,
            fp: *fp,
            contents: location.layout.as_ref().map_or(Contents::Unknown, |layout| Contents::Stack(layout)),
            activation: activation.as_ref()?,
        }))
    }

    /// Shows the innermost frame, stopped or trapped.
    #[inline]
    fn view_top<T>(&self, cache: &Cache, see: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        let (activation, values) = (self.activation.borrow(), self.values.borrow());
        let (activation, fp) = (activation.as_ref()?, self.fp.get());
        let is_loaded = self.is_loaded.get();
        if self.top.get() == Top::Trapped {
            let trapped = self.trapped.borrow();
            let (module, function, pc) = trapped.as_ref()?;
            let contents = if is_loaded { Contents::Replayed(&values) } else { Contents::Unknown };
            let (function, pc) = (*function, *pc);
            return Some(see(&View { kind: FrameKind::Trapped, module, function, pc, fp, contents, activation }));
        }
        let site = self.site.borrow();
        let site = site.as_ref()?;
        Some(see(&View {
            kind: if self.ended.get().is_some() { FrameKind::Trapped } else { FrameKind::Stopped },
            module: &site.module,
            function: site.function,
            pc: site.pc(self.index.get()),
            fp,
            contents: if is_loaded { Contents::Replayed(&values) } else { Contents::Stack(site.layout(&cache.layouts)) },
            activation,
        }))
    }

    /// The instance of a frame.
    #[inline]
    pub(super) fn instance(&self, store: &Store, view: &View<'_>) -> Option<Instance> {
        let slot_to_fp = match &view.contents {
            Contents::Stack(layout) => layout.slot_to_fp(),
            // The slot of a frame that isn't complete may hold anything.
            Contents::Unknown if self.top.get() != Top::Trapped => return None,
            _ => view.module.compiled().frames.as_ref()?.functions[view.function].slot_to_fp,
        };
        self.instance_at(layout::context(store, view.activation, view.fp, slot_to_fp)?, store)
    }
}
