//! A call that is stopped, and what was found out about its frames.
//!
//! Must not know breakpoints' bookkeeping or events. Invariant: whatever is remembered here belongs to one epoch of one
//! call; when the call runs on, `is_inspectable` is cleared before any guest code runs.

use super::arm::Prepared;
use super::break_target::Wanted;
use super::breakpoints::Site;
use super::evaluator::{Halt, Slot, Values};
use super::event::EventKind;
use super::frame::{Frame, FrameKind};
use super::hash::NumberMap;
use super::intervene::Standing;
use super::layout::{Layout, LayoutCache, StateSlot};
use super::location::{Cache, Location};
use super::quiet::is_told_by_frame;
use super::reads::Reads;
use super::replay::{Run, World, is_tail_call_operator};
use super::throw::ToThrow;
use super::view::{Contents, LastInstance, View};
use super::watchpoints::{UnderWay, WatchHit};
use crate::abi::homes::NextHome;
use crate::abi::vmctx::entry;
use crate::base::{BlobId, BodyIndex, CodeOffset, Func, FuncIndex, Instance, RawValue, TrapCode, WasmPc};
use crate::runtime::{Activation, Call, FrameLink, MappedBlob, PcKind, Reentry, Stopped, Store};
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
    /// Whether its step was asked for at the operator where it is stopped.
    pub(super) steps_from_here: Cell<bool>,
    /// The trap that ended it.
    pub(super) ended: Cell<Option<TrapCode>>,
    /// The innermost frame, if it is prepared for a step.
    pub(super) prepared: Cell<Option<Prepared>>,
    /// If it is stopped: the place of the operator in the run.
    index: Cell<u32>,
    /// Whether the innermost frame goes on in its exact form, at the stop point that the call counts as stopped at.
    moved: Cell<bool>,
    /// Whether the stop point that is known here is the one that the call was at last.
    is_noted: Cell<bool>,
    /// Whether replay has read something outside the frame since the start of the run.
    has_read: Cell<bool>,
    /// How often handles of its frames became invalid other than by running.
    moves: Cell<u64>,
    /// The frame pointer of a frame that is about to make a tail call, and was shown there; 0 if there is none.
    replaced: Cell<usize>,
    /// By frame pointer, how often a frame has made such a call.
    replacements: RefCell<NumberMap<usize, u64>>,
    /// The operator that accesses what is watched, and isn't done yet.
    pub(super) under_way: RefCell<Option<UnderWay>>,
    /// What was done at watchpoints, and not told of yet.
    pub(super) watched: RefCell<Vec<WatchHit>>,
    /// Whether whoever steps has been told of the operator where it is stopped.
    pub(super) is_seen: Cell<bool>,
    /// Whether it was looked at what the call reads at whose operator it is stopped.
    pub(super) has_read_callee: Cell<bool>,
    /// The exception that it throws when it goes on; it counts as moved then.
    to_throw: RefCell<Option<ToThrow>>,
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
    /// What was read outside the frame for these values.
    reads: Reads,
    /// The address of the innermost frame's instance context, if the frame isn't yet what it is shown as.
    context: Option<u64>,
}

/// A frame that goes on in its exact form.
pub(super) struct Moved {
    /// The stop point in that form.
    pub(super) site: Rc<Site>,
    /// In whose place.
    pub(super) fp: usize,
    /// The address of its instance's context.
    pub(super) context: u64,
    pub(super) values: Values,
}

/// How far a run was replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Advance {
    /// To where it was wanted.
    There,
    /// Up to an operator that traps, leaves the run, or can't be replayed.
    Leaves,
    /// Up to an operator of which only the machine knows what it gives.
    Unclear,
}

/// An epoch that counts moves has them from this bit on.
const MOVES: u32 = 40;

/// What is known of the innermost frame.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Top {
    /// What the walk finds.
    #[default]
    Walked,
    /// It is before an operator of a stop point's run.
    Stopped,
    /// It is at an operator that trapped, or that isn't done; the state before it is known if it is loaded.
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
        self.is_noted.set(true);
        self.index.set(0);
        if !state.site.as_ref().is_some_and(|known| Rc::ptr_eq(known, site)) {
            state.site = Some(site.clone());
        }
    }

    /// Notes that a call was left within an operator, which isn't done; replays up to it, unless it is a call. Where that would
    /// read what the operator may have changed already the frame's values aren't known.
    pub(super) fn begin_within(&self, activation: Activation, store: &Store) {
        self.begin(activation);
        self.state.borrow_mut().replay_to_call(store, true);
    }

    /// Notes that a call was left where it has thrown an exception; replays up to that.
    pub(super) fn begin_throw(&self, activation: Activation, store: &Store) {
        self.begin(activation);
        self.state.borrow_mut().replay_to_call(store, false);
    }

    /// Notes that a call ended in a trap; replays up to the operator that trapped.
    pub(super) fn begin_trapped(&self, activation: Activation, code: TrapCode, store: &Store) {
        let replaced = self.replaced.take();
        self.begin(activation);
        self.ended.set(Some(code));
        let mut state = self.state.borrow_mut();
        if code == TrapCode::Exception {
            state.replay_to_call(store, false);
        } else {
            state.replay_trap(store);
        }
        // Unless the tail call itself has trapped.
        if replaced != 0 && !state.is_at_tail_call(replaced) {
            self.replaced.set(replaced);
            self.count_replacement();
        }
    }

    #[inline]
    fn begin_at(&self, state: &mut State, top: Top, epoch: u64) {
        if self.replaced.get() != 0 {
            self.count_replacement();
        }
        self.set_epoch(epoch);
        self.raised.set(None);
        self.is_seen.set(false);
        self.has_read_callee.set(false);
        self.steps_from_here.set(false);
        self.moved.set(false);
        state.top = top;
        state.known = None;
        state.context = None;
        if self.has_read.replace(false) {
            state.reads.clear();
        }
        state.next = Next::Beginning;
        if !state.walked.is_empty() {
            state.walked.clear();
        }
        self.is_inspectable.set(true);
    }

    /// Notes that the innermost frame, which was shown at an operator of the run of `site`, goes on from there: if that is a tail
    /// call, the frame is gone afterwards, and one that is at its place is another.
    #[inline]
    pub(super) fn may_be_replaced(&self, site: &Site) {
        let run = site.run();
        if run.is_tail_call
            && self.index.get() as usize + 1 == run.pcs.len()
            && let Some(activation) = &self.state.borrow().activation
        {
            self.replaced.set(activation.fp);
        }
    }

    #[cold]
    fn count_replacement(&self) {
        *self.replacements.borrow_mut().entry(self.replaced.take()).or_default() += 1;
    }

    /// How often a frame with this frame pointer has made a tail call where it was shown.
    pub(super) fn replacements(&self, fp: usize) -> u64 {
        self.replacements.borrow().get(&fp).copied().unwrap_or(0)
    }

    /// Has its frames be of this epoch of the call.
    #[inline]
    pub(super) fn set_epoch(&self, epoch: u64) {
        self.epoch.set(epoch + (self.moves.get() << MOVES));
    }

    /// How often handles of its frames became invalid other than by running.
    pub(super) fn moves(&self) -> u64 {
        self.moves.get()
    }

    /// Has all handles of its frames be out of date.
    pub(super) fn forget_handles(&self) {
        self.moves.set(self.moves.get() + 1);
        self.epoch.set(self.epoch.get() + (1 << MOVES));
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
        self.moves.set(0);
        // The call may have ended instead of going on where it was moved to.
        self.moved.set(false);
        self.replaced.set(0);
        self.replacements.borrow_mut().clear();
        self.prepared.set(None);
        self.under_way.take();
        self.watched.take();
        self.to_throw.take();
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

    /// Notes that the call is at a stop point which nobody wants to know of: what is known here is of an earlier one.
    #[inline]
    pub(super) fn pass(&self) {
        self.is_noted.set(false);
    }

    /// Notes that the call stays at the stop point where it is, since it wasn't resumed; answers whether it is at one.
    pub(super) fn begin_again(&self, call: &Call) -> bool {
        let mut state = self.state.borrow_mut();
        if !call.is_at_stop() || !self.is_noted.get() || state.top != Top::Stopped || self.call.get() != call.id() {
            return false;
        }
        if let Some(activation) = &mut state.activation {
            activation.epoch = call.epoch();
        }
        self.set_epoch(call.epoch());
        self.is_inspectable.set(true);
        state.site.is_some()
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

    /// Moves past operators of the run of `site`, where it is stopped, up to the one at `target` or one that can't be passed here.
    #[inline]
    pub(super) fn advance(&self, site: &Site, target: u32, store: &Store, cache: &LayoutCache) -> Advance {
        let start = self.index.get();
        let mut index = start;
        let advance = loop {
            index = site.next_loud(index).min(target);
            if index == target {
                break Advance::There;
            }
            let mut state = self.state.borrow_mut();
            match state.apply(site, index, store, cache) {
                Advance::There => index += 1,
                halted => break halted,
            }
            self.has_read.set(!state.reads.is_empty());
        };
        if index != start {
            self.index.set(index);
            self.raised.set(None);
            self.is_seen.set(false);
            self.has_read_callee.set(false);
            self.steps_from_here.set(false);
        }
        advance
    }

    /// Whether the machine would read what replay has read of memories, globals and tables since the start of the run.
    #[inline]
    pub(super) fn reads_the_same(&self, store: &Store) -> bool {
        !self.has_read.get() || self.still_reads_the_same(store)
    }

    fn still_reads_the_same(&self, store: &Store) -> bool {
        let state = self.state.borrow();
        state.instance.is_none_or(|instance| state.reads.are_same(&World { store, instance }))
    }

    /// Has the innermost frame go on in its exact form: from now on it is shown as what it will be then. It is stopped.
    pub(super) fn move_to(&self, moved: Moved, store: &Store) {
        let Moved { site, fp, context, values } = moved;
        store.take_fuel(self.passed_fuel());
        let mut state = self.state.borrow_mut();
        if let Some(activation) = &mut state.activation {
            (activation.fp, activation.kind) = (fp, PcKind::Exact);
            activation.pc = site.blob.address(site.stop.return_offset);
        }
        state.instance = state.instances.at(context, store);
        (state.site, state.values, state.known, state.context) = (Some(site), values, Some(0), Some(context));
        (state.top, state.next) = (Top::Stopped, Next::Beginning);
        state.walked.clear();
        state.reads.clear();
        self.has_read.set(false);
        self.index.set(0);
        self.moved.set(true);
    }

    /// The fuel that pieces cost which were begun by replay: the machine hasn't taken it yet.
    pub(super) fn passed_fuel(&self) -> u64 {
        let state = self.state.borrow();
        match &state.site {
            Some(site) if state.top == Top::Stopped => site.passed_fuel(self.index.get()),
            _ => 0,
        }
    }

    /// Whether the innermost frame goes on in its exact form.
    #[inline]
    pub(super) fn is_moved(&self) -> bool {
        self.moved.get()
    }

    /// Has it throw an exception when it goes on.
    pub(super) fn set_throw(&self, to_throw: ToThrow) {
        let before = self.to_throw.replace(Some(to_throw));
        drop(before);
    }

    /// Whether it throws an exception when it goes on.
    pub(super) fn throws(&self) -> bool {
        self.to_throw.borrow().is_some()
    }

    /// Takes away what it throws when it goes on.
    pub(super) fn take_throw(&self) -> Option<ToThrow> {
        self.to_throw.take()
    }

    /// Notes that the innermost frame, which is stopped, throws at its operator and is left, so that it can't be changed any more.
    #[cold]
    pub(super) fn leave_by_throw(&self, store: &Store, cache: &Cache) {
        let mut state = self.state.borrow_mut();
        let Some(site) = state.site.clone().filter(|_| state.top == Top::Stopped) else { return };
        let index = self.index.get();
        state.replay(&site, index, store, &cache.layouts);
        state.trapped = Some((site.blob.clone(), site.body, site.pc(index)));
        state.top = Top::Trapped;
        self.moved.set(false);
    }

    /// Notes that the call goes on where its innermost frame was moved to.
    pub(super) fn forget_move(&self) {
        self.moved.set(false);
    }

    /// How it goes on, if its innermost frame was moved.
    #[cold]
    pub(super) fn reentry(&self) -> Option<Reentry> {
        let state = self.state.borrow();
        let (activation, site) = (state.activation.as_ref()?, state.site.as_ref()?);
        let frames = site.blob.frames()?;
        let number = frames.stops_of(site.body).binary_search_by_key(&site.stop.pc, |stop| stop.pc).ok()?;
        let mut words = vec![0; frames.functions[site.body].words as usize].into_boxed_slice();
        let mut homes = NextHome::first();
        for slot in state.values.locals.iter().chain(&state.values.operands) {
            let home = homes.take(slot.ty) as usize;
            let raw = RawValue::from_bits(slot.bits);
            words[home] = raw.lo;
            if homes.word() as usize > home + 1 {
                words[home + 1] = raw.hi;
            }
        }
        words[entry::STOP as usize] = number as u64;
        let (fp, blob, body) = (activation.fp, site.blob.clone(), site.body);
        Some(Reentry { fp, blob, body, context: state.context?, words })
    }

    /// The frame at this place, with its values; none if they aren't known.
    pub(super) fn standing(&self, store: &Store, cache: &Cache, position: u32) -> Option<Standing> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if let Some(place) = state.place_in_walk(position) {
            if !state.walk_to(store, cache, place) {
                return None;
            }
            let (fp, location) = state.walked[place].clone();
            let mut values = Values::default();
            let context = location.layout.as_ref()?.read_frame(state.activation.as_ref()?, fp, &mut values)?;
            let (module, function) = (location.blob.module().clone(), location.blob.function(location.body));
            let (kind, pc) = (FrameKind::Calling, location.pc);
            return Some(Standing { module, function, kind, pc, fp, context, values });
        }
        if state.top != Top::Stopped {
            return None;
        }
        let (site, index) = (state.site.clone()?, self.index.get());
        state.replay(&site, index, store, &cache.layouts)?;
        let activation = state.activation.as_ref()?;
        let slot_to_fp = site.blob.frames()?.functions[site.body].slot_to_fp;
        let context = state.context.or_else(|| StateSlot::new(activation, activation.fp, slot_to_fp).context());
        Some(Standing {
            module: site.blob.module().clone(),
            function: site.blob.function(site.body),
            kind: FrameKind::Stopped,
            pc: site.pc(index),
            fp: activation.fp,
            context: context?,
            values: state.values.clone(),
        })
    }

    /// Bytes for what is made of the values of a frame that is to change.
    pub(super) fn size_of_values(&self, store: &Store, cache: &Cache, position: u32) -> usize {
        const COPIES: usize = 3;
        let n = self.look().frame(store, cache, position).map_or(0, |view| view.n_locals() + view.n_operands());
        COPIES * n * size_of::<Slot>()
    }

    /// Where a frame is that was walked to.
    pub(super) fn location(&self, fp: usize) -> Option<Rc<Location>> {
        let state = self.state.borrow();
        state.walked.iter().find(|(known, _)| *known == fp).map(|(_, location)| location.clone())
    }

    /// Whether a function can be entered in the place of one of its frames, whose own frame takes so many bytes.
    pub(super) fn has_room(&self, fp: usize, frame_bytes: u32) -> bool {
        self.state.borrow().activation.as_ref().is_some_and(|activation| activation.has_room(fp, frame_bytes))
    }

    /// The code that its frames are in.
    pub(super) fn blobs(&self, store: &Store, cache: &Cache) -> Vec<BlobId> {
        let mut state = self.state.borrow_mut();
        let mut place = state.walked.len();
        while state.walk_to(store, cache, place) {
            place += 1;
        }
        let top =
            state.site.iter().map(|site| site.blob.id()).chain(state.trapped.iter().map(|trapped| trapped.0.id()));
        top.chain(state.walked.iter().map(|(_, location)| location.blob.id())).collect()
    }

    /// The place and pc of the innermost frame of a call that is stopped.
    pub(super) fn place(&self) -> Option<(Activation, WasmPc)> {
        let state = self.state.borrow();
        let pc = match state.top {
            Top::Stopped => state.site.as_ref()?.pc(self.index.get()),
            Top::Trapped => state.trapped.as_ref()?.2,
            Top::Walked => state.walked.first()?.1.pc,
        };
        Some((state.activation.clone()?, pc))
    }

    /// The function that the call operator is about to call at which the innermost frame is stopped.
    pub(super) fn callee(&self, site: &Site, store: &Store, cache: &LayoutCache) -> Option<Func> {
        let mut state = self.state.borrow_mut();
        let instance = state.replay(site, self.index.get(), store, cache)?;
        let operand = state.values.operands.last().map(|slot| slot.lo());
        World { store, instance }.callee(site.run().calls?, operand)
    }

    /// Whether the call operator at which the innermost frame is stopped is about to call one of these.
    #[cold]
    pub(super) fn calls(&self, site: &Site, wanted: &Wanted, store: &Store, cache: &LayoutCache) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(instance) = state.replay(site, self.index.get(), store, cache) else { return false };
        let (operand, world) = (state.values.operands.last().map(|slot| slot.lo()), World { store, instance });
        let Some(callee) = site.run().calls.and_then(|calls| world.callee(calls, operand)) else { return false };
        let is_wanted = |import: &FuncIndex| store.instance_func(instance, *import).is_ok_and(|func| func == callee);
        wanted.imports.iter().any(is_wanted)
            && store.func_type_id(callee).is_ok_and(|ty| store.engine().types().is_subtype(ty, wanted.ty))
    }

    /// Its frames, if it is stopped.
    pub(super) fn activation(&self) -> Option<Activation> {
        self.state.borrow().activation.clone().filter(|_| self.is_inspectable.get())
    }

    /// The instance and the uppermost operands, from the top, of the innermost frame, which is stopped.
    pub(super) fn operands(
        &self,
        site: &Site,
        store: &Store,
        cache: &LayoutCache,
    ) -> Option<(Instance, [Option<u64>; 5])> {
        let mut state = self.state.borrow_mut();
        let instance = state.replay(site, self.index.get(), store, cache)?;
        let operands = &state.values.operands;
        Some((instance, [1, 2, 3, 4, 5].map(|place| Some(operands.get(operands.len().checked_sub(place)?)?.lo()))))
    }

    /// A local of the innermost frame, which is stopped.
    #[cold]
    pub(super) fn local(&self, site: &Site, store: &Store, cache: &LayoutCache, local: u32) -> Option<Slot> {
        let mut state = self.state.borrow_mut();
        state.replay(site, self.index.get(), store, cache)?;
        state.values.locals.get(local as usize).copied()
    }

    /// The frame pointer of the innermost frame, which is stopped.
    pub(super) fn innermost_fp(&self) -> Option<usize> {
        self.state.borrow().activation.as_ref().map(|activation| activation.fp)
    }

    /// Whether the conditional branch at `index` of the run of `site`, where the innermost frame is stopped, is taken.
    #[cold]
    pub(super) fn branches(&self, site: &Site, index: u32, store: &Store, cache: &LayoutCache) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(instance) = state.replay(site, index, store, cache) else { return false };
        let Some(inner) = site.run().inner.get(index as usize) else { return false };
        let mut values = state.values.clone();
        matches!(inner.apply(&mut values, site.blob.module().info(), &World { store, instance }), Err(Halt::Branch))
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
            context: None,
            writes: None,
        })
    }

    /// The innermost frame, stopped or trapped.
    #[inline(always)]
    fn top<'a>(stopped_call: &StoppedCall, state: &'a mut State, store: &Store, cache: &Cache) -> Option<View<'a>> {
        if state.top == Top::Trapped {
            return state.trapped_view(stopped_call.ended.get().is_some());
        }
        let index = stopped_call.index.get();
        if index != 0 && state.known != Some(index) {
            let site = state.site.clone()?;
            state.replay(&site, index, store, &cache.layouts);
        }
        let State { values, instances, context, .. } = &*state;
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
            context: *context,
            writes: None,
        })
    }
}

impl State {
    #[cold]
    fn trapped_view(&self, has_ended: bool) -> Option<View<'_>> {
        let State { values, instances, context, .. } = self;
        let activation = self.activation.as_ref()?;
        let (blob, body, pc) = self.trapped.as_ref()?;
        let kind = if has_ended { FrameKind::Trapped } else { FrameKind::Stopped };
        let (body, pc, fp) = (*body, *pc, activation.fp);
        let contents = if self.known.is_some() { Contents::Replayed(values) } else { Contents::Unknown };
        Some(View { kind, blob, body, pc, fp, contents, activation, instances, context: *context, writes: None })
    }

    /// Applies the operator at `index` of the run of `site`, where the innermost frame is stopped; says `There` if that could be
    /// done.
    fn apply(&mut self, site: &Site, index: u32, store: &Store, cache: &LayoutCache) -> Advance {
        let Some(instance) = self.replay(site, index, store, cache) else { return Advance::Leaves };
        let Some(inner) = site.run().inner.get(index as usize) else { return Advance::Leaves };
        let world = World { store, instance };
        match inner.apply(&mut self.values, site.blob.module().info(), &self.reads.noting(&world)) {
            Ok(()) => {
                self.known = Some(index + 1);
                Advance::There
            }
            Err(Halt::Unclear) => Advance::Unclear,
            Err(Halt::Trap(_) | Halt::Branch) => Advance::Leaves,
        }
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
        let Some(trap) = blob.tables().trap_at(offset) else { return };
        let Some(body) = blob.tables().body_at(offset) else { return };
        self.replay_to(store, &blob, body, trap.pc, false);
    }

    /// Whether the innermost frame is the one with this frame pointer, and has trapped at a tail call.
    #[cold]
    fn is_at_tail_call(&self, fp: usize) -> bool {
        let is_its = self.activation.as_ref().is_some_and(|activation| activation.fp == fp);
        is_its
            && self
                .trapped
                .as_ref()
                .is_some_and(|(blob, _, pc)| is_tail_call_operator(&blob.module().info().operator_at(*pc)))
    }

    fn replay_to_call(&mut self, store: &Store, only_quiet: bool) {
        let newest = self.activation.as_ref().and_then(|activation| store.walk(activation).next());
        let Some(frame) = newest else { return };
        if frame.call_site().is_none_or(|call| call.state.is_none())
            && let Some((body, pc)) = frame.place()
            && let Some(activation) = &mut self.activation
        {
            activation.fp = frame.fp;
            self.replay_to(store, &frame.blob, body, pc, only_quiet);
        }
    }

    /// Makes the innermost frame one that is within the operator at `pc`. If `from_frame`, its values are known only if they can
    /// be told from the frame alone.
    fn replay_to(&mut self, store: &Store, blob: &Rc<MappedBlob>, body: BodyIndex, pc: WasmPc, from_frame: bool) {
        let Some(frames) = blob.frames() else { return };
        self.top = Top::Trapped;
        self.trapped = Some((blob.clone(), body, pc));
        let Some(from) = frames.replay_from(body, pc) else { return };
        let run = Run::new(blob, body, from.pc);
        let Some(index) = run.index_of(pc) else { return };
        let is_told = |pc: &WasmPc| is_told_by_frame(&blob.module().info().operator_at(*pc));
        if from_frame && !run.pcs[..index as usize].iter().all(is_told) {
            return;
        }
        let activation = self.activation.as_ref().expect("it is stopped");
        let layout = Layout::new(blob, body, from.state);
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
