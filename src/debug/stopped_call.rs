//! A call that is stopped, and what was found out about its frames.
//!
//! Must not know breakpoints' bookkeeping or events. Invariant: whatever is remembered here belongs to one epoch of one
//! call; when the call runs on, `is_inspectable` is cleared before any guest code runs.

use super::arm::Prepared;
use super::breakpoints::Site;
use super::evaluator::Values;
use super::event::EventKind;
use super::frame::{Frame, FrameKind};
use super::layout::{Layout, LayoutCache};
use super::location::{Cache, Location};
use super::replay::{Run, World};
use super::view::{Contents, LastInstance, View};
use crate::base::{BodyIndex, CodeOffset, Func, Instance, TrapCode, WasmPc};
use crate::runtime::{Activation, Call, FrameLink, MappedBlob, PcKind, Stopped, Store};
use std::cell::{Cell, RefCell, RefMut};
use std::mem::take;
use std::rc::Rc;

/// A call that is stopped.
///
/// Every breakpoint and step comes through [`StoppedCall::begin_stopped`], so that writes little.
// In this order, so that a frame's call and epoch aren't read as one: they are written apart, and reading them together
// just after that waits for both.
#[derive(Default)]
#[repr(C)]
pub(super) struct StoppedCall {
    pub(super) call: Cell<u64>,
    /// The call whose host function drives this one.
    pub(super) below: Cell<Option<u64>>,
    pub(super) epoch: Cell<u64>,
    /// Whether it can be looked at.
    pub(super) is_inspectable: Cell<bool>,
    /// What was raised at the operator where it is stopped.
    pub(super) raised: Cell<Option<EventKind>>,
    /// The trap that ended it.
    pub(super) ended: Cell<Option<TrapCode>>,
    /// The innermost frame, if it is prepared for a step.
    pub(super) prepared: Cell<Option<Prepared>>,
    /// If it is stopped: the place of the operator in the run.
    index: Cell<u32>,
    state: RefCell<State>,
}

/// What was found out about the frames of a call that is stopped.
#[derive(Default)]
struct State {
    activation: Option<Activation>,
    /// What is known of the innermost frame.
    top: Top,
    /// The frames that were found so far, innermost first; without the innermost if that isn't walked to.
    walked: Vec<(usize, Rc<Location>)>,
    /// Where the search for more goes on, once it has begun.
    next: Next,
    /// If it is stopped: the stop point. It is kept while the call runs on, as it often comes back.
    site: Option<Rc<Site>>,
    /// If it trapped: where.
    trapped: Option<(Rc<MappedBlob>, BodyIndex, WasmPc)>,
    /// The innermost frame's state before the operator of its run that `known` says, if it was read or replayed.
    values: Values,
    known: Option<u32>,
    /// If it is known: the innermost frame's instance.
    instance: Option<Instance>,
    instances: LastInstance,
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
    /// At the caller of the link with this frame pointer.
    Caller(usize),
    /// Nowhere.
    End,
}

impl StoppedCall {
    /// Notes that the call is stopped. The innermost frame is whatever the walk finds.
    pub(super) fn begin(&self, activation: Activation) {
        let mut state = self.state.borrow_mut();
        self.call.set(activation.call_id);
        self.begin_at(&mut state, Top::Walked, activation.epoch);
        state.activation = Some(activation);
    }

    /// Notes that a call is stopped at the stop point of `site`.
    #[inline]
    pub(super) fn begin_stopped(&self, call: &Call, stopped: Stopped, site: &Rc<Site>) {
        let mut state = self.state.borrow_mut();
        match &mut state.activation {
            // A call stays on its stack.
            Some(known) if known.call_id == call.id() => {
                (known.epoch, known.fp, known.pc, known.kind) = (call.epoch(), stopped.fp, stopped.pc, PcKind::Exact);
            }
            other => *other = call.activation(),
        }
        self.call.set(call.id());
        self.begin_at(&mut state, Top::Stopped, call.epoch());
        self.index.set(0);
        if !state.site.as_ref().is_some_and(|known| Rc::ptr_eq(known, site)) {
            state.site = Some(site.clone());
        }
    }

    /// Notes that a call ended in a trap; replays up to the operator that trapped.
    pub(super) fn begin_trapped(&self, activation: Activation, code: TrapCode, store: &Store) {
        self.begin(activation);
        self.ended.set(Some(code));
        self.state.borrow_mut().replay_trap(store);
    }

    #[inline]
    fn begin_at(&self, state: &mut State, top: Top, epoch: u64) {
        self.epoch.set(epoch);
        self.raised.set(None);
        state.top = top;
        state.known = None;
        state.next = Next::Beginning;
        if !state.walked.is_empty() {
            state.walked.clear();
        }
        self.is_inspectable.set(true);
    }

    /// Notes that the call runs on, or is gone.
    #[inline]
    pub(super) fn end(&self) {
        self.is_inspectable.set(false);
    }

    /// Makes it ready to serve another call.
    pub(super) fn recycle(&self) {
        self.end();
        self.ended.set(None);
        self.prepared.set(None);
        self.below.set(None);
        let mut state = self.state.borrow_mut();
        // What has room keeps it.
        let (values, mut walked) = (take(&mut state.values), take(&mut state.walked));
        walked.clear();
        *state = State { values, walked, ..State::default() };
    }

    /// A handle for one of its frames.
    #[inline]
    pub(super) fn frame(&self, store: &Store, position: u32) -> Frame {
        Frame { store: store.id().0, call: self.call.get(), epoch: self.epoch.get(), position, reserved: 0 }
    }

    /// Whether a frame of the same store is one of its frames, or would be if it had so many.
    #[inline]
    pub(super) fn is_of(&self, frame: &Frame) -> bool {
        self.is_inspectable.get() && self.call.get() == frame.call && self.epoch.get() == frame.epoch
    }

    /// Whether it is at a stop point.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_inspectable.get() && self.state.borrow().top == Top::Stopped
    }

    /// The stop point that it is at, or was at last.
    #[inline]
    pub(super) fn site(&self) -> Option<Rc<Site>> {
        self.state.borrow().site.clone()
    }

    /// The place of the operator where it is stopped in the run.
    #[inline]
    pub(super) fn index(&self) -> u32 {
        self.index.get()
    }

    /// Moves past operators of the run of `site`, where it is stopped, up to the one at `target`; answers whether it got
    /// there. It doesn't if an operator before can't be replayed here.
    #[inline]
    pub(super) fn advance(&self, site: &Site, target: u32, store: &Store, cache: &LayoutCache) -> bool {
        let mut index = self.index.get();
        loop {
            index = site.next_loud(index).min(target);
            if index == target || !self.state.borrow_mut().apply(site, index, store, cache) {
                break;
            }
            index += 1;
        }
        self.index.set(index);
        self.raised.set(None);
        index == target
    }

    /// The function that the call operator is about to call at which the innermost frame is stopped.
    pub(super) fn callee(&self, site: &Site, store: &Store, cache: &LayoutCache) -> Option<Func> {
        let mut state = self.state.borrow_mut();
        let instance = state.replay(site, self.index.get(), store, cache)?;
        let element = state.values.operands.last().map(|slot| slot.lo());
        World { store, instance }.callee(site.run().calls?, element)
    }

    /// The link that called the innermost frame, which is stopped.
    #[inline]
    pub(super) fn caller(&self) -> Option<FrameLink> {
        let state = self.state.borrow();
        let activation = state.activation.as_ref()?;
        activation.caller(activation.fp)
    }

    /// Where the innermost frame of a call is that waits for a host function.
    pub(super) fn waits_at(&self, store: &Store, cache: &Cache) -> Option<Rc<Location>> {
        let mut state = self.state.borrow_mut();
        state.walk_to(store, cache, 0).then(|| state.walked[0].1.clone())
    }

    /// Whether there is a frame at this place.
    #[inline]
    pub(super) fn has_frame(&self, store: &Store, cache: &Cache, position: u32) -> bool {
        let mut state = self.state.borrow_mut();
        match state.place_in_walk(position) {
            Some(place) => state.walk_to(store, cache, place),
            None => true,
        }
    }

    /// Lets the frames be looked at.
    #[inline]
    pub(super) fn look(&self) -> Look<'_> {
        Look { stopped_call: self, state: self.state.borrow_mut() }
    }
}

/// A look at the frames of a call that is stopped.
pub(super) struct Look<'a> {
    stopped_call: &'a StoppedCall,
    state: RefMut<'a, State>,
}

impl Look<'_> {
    /// The frame at this place, if there is one.
    #[inline(always)]
    pub(super) fn frame(&mut self, store: &Store, cache: &Cache, position: u32) -> Option<View<'_>> {
        let (stopped_call, state) = (self.stopped_call, &mut *self.state);
        let Some(place) = state.place_in_walk(position) else { return Look::top(stopped_call, state, store, cache) };
        if !state.walk_to(store, cache, place) {
            return None;
        }
        let (fp, location) = &state.walked[place];
        let trapped = position == 0 && stopped_call.ended.get().is_some_and(|code| code != TrapCode::HostError);
        Some(View {
            kind: if trapped { FrameKind::Trapped } else { FrameKind::Calling },
            blob: &location.blob,
            body: location.body,
            pc: location.pc,
            fp: *fp,
            contents: location.layout.as_ref().map_or(Contents::Unknown, |layout| Contents::Stack(layout)),
            activation: state.activation.as_ref()?,
            instances: &state.instances,
        })
    }

    /// The innermost frame, stopped or trapped.
    #[inline(always)]
    fn top<'a>(stopped_call: &StoppedCall, state: &'a mut State, store: &Store, cache: &Cache) -> Option<View<'a>> {
        if state.top == Top::Trapped {
            return state.trapped_view();
        }
        let index = stopped_call.index.get();
        if index != 0 && state.known != Some(index) {
            let site = state.site.clone()?;
            state.replay(&site, index, store, &cache.layouts);
        }
        let State { values, instances, .. } = &*state;
        let activation = state.activation.as_ref()?;
        let site = state.site.as_ref()?;
        let ended = stopped_call.ended.get().is_some();
        Some(View {
            kind: if ended { FrameKind::Trapped } else { FrameKind::Stopped },
            blob: &site.blob,
            body: site.body,
            pc: site.pc(index),
            fp: activation.fp,
            contents: match state.known {
                Some(known) if known == index => Contents::Replayed(values),
                _ if index == 0 => Contents::Stack(site.layout(&cache.layouts)),
                _ => Contents::Unknown,
            },
            activation,
            instances,
        })
    }
}

impl State {
    #[cold]
    fn trapped_view(&self) -> Option<View<'_>> {
        let State { values, instances, .. } = self;
        let activation = self.activation.as_ref()?;
        let (blob, body, pc) = self.trapped.as_ref()?;
        let (kind, body, pc, fp) = (FrameKind::Trapped, *body, *pc, activation.fp);
        let contents = if self.known.is_some() { Contents::Replayed(values) } else { Contents::Unknown };
        Some(View { kind, blob, body, pc, fp, contents, activation, instances })
    }

    /// Applies the operator at `index` of the run of `site`, where the innermost frame is stopped; answers whether that
    /// could be done.
    fn apply(&mut self, site: &Site, index: u32, store: &Store, cache: &LayoutCache) -> bool {
        let Some(instance) = self.replay(site, index, store, cache) else { return false };
        let world = World { store, instance };
        let inner = site.run().inner.get(index as usize);
        let is_applied =
            inner.is_some_and(|inner| inner.apply(&mut self.values, site.blob.module().info(), &world).is_ok());
        if is_applied {
            self.known = Some(index + 1);
        }
        is_applied
    }

    /// Makes sure that the values of the innermost frame, stopped before the operator at `index` of the run of `site`, are
    /// here; answers its instance. What is still to be applied is quiet.
    fn replay(&mut self, site: &Site, index: u32, store: &Store, cache: &LayoutCache) -> Option<Instance> {
        let mut known = match self.known {
            Some(known) => known,
            None => {
                let activation = self.activation.as_ref()?;
                let layout = site.layout(cache);
                let context = layout.read_all(activation, &mut self.values)?;
                self.instance = self.instances.at(context, store);
                0
            }
        };
        self.known = Some(known);
        let instance = self.instance?;
        let (world, info) = (World { store, instance }, site.blob.module().info());
        while known < index {
            site.run().inner[known as usize].apply(&mut self.values, info, &world).ok()?;
            known += 1;
            self.known = Some(known);
        }
        Some(instance)
    }

    fn replay_trap(&mut self, store: &Store) {
        let Some((blob, offset)) = self.exact_place(store) else { return };
        let (Some(frames), Some(trap)) = (blob.frames(), blob.tables().trap_at(offset)) else { return };
        let Some(body) = blob.tables().body_at(offset) else { return };
        let pc = trap.pc;
        self.top = Top::Trapped;
        self.trapped = Some((blob.clone(), body, pc));
        let Some(from) = frames.replay_from(body, pc) else { return };
        let run = Run::new(&blob, body, from.pc);
        let Some(index) = run.index_of(pc) else { return };
        let activation = self.activation.as_ref().expect("it is stopped");
        let layout = Layout::new(&blob, body, from.state);
        let values = &mut self.values;
        let context = layout.read_all(activation, values);
        let Some(instance) = context.and_then(|context| store.instance_of_context(context)) else { return };
        let (mut passed, world) = (run.inner[..index as usize].iter(), World { store, instance });
        let is_known = passed.all(|inner| inner.apply(values, blob.module().info(), &world).is_ok());
        self.known = is_known.then_some(index);
        self.instance = Some(instance);
    }

    /// The instruction that the call was left at, unless it was left by a call.
    fn exact_place(&self, store: &Store) -> Option<(Rc<MappedBlob>, CodeOffset)> {
        let activation = self.activation.as_ref().filter(|activation| activation.kind == PcKind::Exact)?;
        let blob = store.blob_at(activation.pc)?;
        let offset = blob.offset(activation.pc);
        Some((blob, offset))
    }

    /// Which of the walked frames the one at `position` is; none if it isn't walked to.
    #[inline]
    fn place_in_walk(&self, position: u32) -> Option<usize> {
        position.checked_sub(u32::from(self.top != Top::Walked)).map(|place| place as usize)
    }

    /// Walks until there are more than `place` frames; answers whether there are so many.
    #[inline]
    fn walk_to(&mut self, store: &Store, cache: &Cache, place: usize) -> bool {
        place < self.walked.len() || self.walk_on(store, cache, place)
    }

    fn walk_on(&mut self, store: &Store, cache: &Cache, place: usize) -> bool {
        let Some(activation) = &self.activation else { return false };
        let mut link = match self.next {
            Next::Beginning if self.top == Top::Walked => activation.newest(),
            Next::Beginning => activation.caller(activation.fp),
            Next::Caller(fp) => activation.caller(fp),
            Next::End => return false,
        };
        // Whoever goes from frame to frame is likely to go on.
        let wanted = (place + 1).max(2 * self.walked.len());
        while let Some(FrameLink { fp, .. }) = link {
            if let Some(location) = link.and_then(|link| cache.location(store, link)) {
                self.walked.push((fp, location));
                if self.walked.len() >= wanted {
                    self.next = Next::Caller(fp);
                    return true;
                }
            }
            link = activation.caller(fp);
        }
        self.next = Next::End;
        place < self.walked.len()
    }
}
