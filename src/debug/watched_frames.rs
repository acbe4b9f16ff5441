//! Frames of which locals are watched: which operators of their functions matter, and when a frame is gone.
//!
//! A frame is known by its call and its frame pointer, as long as it is there. It is gone when its caller goes on, with a frame pointer
//! further out, at a stop point that is kept armed for that; when another function takes its place by a tail call, which is armed, too; when
//! an exception is caught, or the host has the call go on, further out; and with its call. Frames with the same function in other
//! calls or places pass the same stop points and go on at once.
//!
//! What an operator does to a local is told as what others do to memories. What the host writes there is known when it does so. Must not
//! know how code is armed. Invariant: a frame that counts as there is on its call's stack. Read next: `watch.rs`.

use super::Debuggee;
use super::arm::Return;
use super::breakpoints::Site;
use super::evaluator::Slot;
use super::frame::Frame;
use super::hash::NumberMap;
use super::replay::operators_from;
use super::session::Session;
use super::watchpoints::{Seen, Touched, UnderWay, WatchHit, WatchTarget, Watchpoint};
use crate::abi::frame_table::Stop;
use crate::base::{BodyIndex, CodeOffset, DefinedFuncIndex, RawValue, Result, WasmPc, error::bail, memory};
use crate::debug::access::bits::{READ, WRITE};
use crate::runtime::{MappedBlob, Module, Store};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmparser::Operator;

/// What an operator does that matters to a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameOperator {
    /// It reads or writes a local.
    Accesses { local: u32, access: u8 },
    /// It has another function take the frame's place.
    Leaves,
}

impl FrameOperator {
    /// What an operator does, if that may matter.
    pub(super) fn of(operator: &Operator<'_>) -> Option<FrameOperator> {
        match *operator {
            Operator::LocalGet { local_index: local } => Some(FrameOperator::Accesses { local, access: READ }),
            Operator::LocalSet { local_index: local } | Operator::LocalTee { local_index: local } => {
                Some(FrameOperator::Accesses { local, access: WRITE })
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. } => {
                Some(FrameOperator::Leaves)
            }
            _ => None,
        }
    }
}

/// A frame of which a local is watched.
pub(super) struct WatchedFrame {
    call: u64,
    fp: usize,
    /// See [`Debuggee::frame_key`].
    pub(super) key: u64,
    pub(super) local: u32,
    module: Module,
    function: DefinedFuncIndex,
    /// Where its caller goes on; none if that is the host.
    caller: Option<Return>,
    is_gone: Cell<bool>,
    /// Whether somebody drives its call who hears of its end.
    is_driven: Cell<bool>,
}

impl WatchedFrame {
    /// Errors: those of all frames; `OutOfRange` without such a local; `InvalidState` if the call has ended.
    pub(super) fn new(debuggee: &Debuggee, frame: &Frame, local: u32) -> Result<WatchedFrame> {
        let key = debuggee.frame_key(frame)?;
        let (fp, module, function, n_locals) =
            debuggee.view(frame, |view| (view.fp, view.module().clone(), view.function(), view.n_locals()))?;
        if local as usize >= n_locals {
            bail!(OutOfRange, "the frame has {n_locals} locals, there is no number {local}");
        }
        let caller = match debuggee.frame_caller(frame)? {
            Some(caller) => Some(debuggee.view(&caller, |view| view.fp)?),
            None => None,
        };
        debuggee.locate(frame, |stopped_call| {
            if stopped_call.ended.get().is_some() {
                bail!(InvalidState, "the call has ended");
            }
            let caller = caller.and_then(|fp| stopped_call.location(fp));
            let caller = caller.and_then(|location| debuggee.goes_on_at(&location));
            let (is_gone, is_driven) = Default::default();
            Ok(WatchedFrame { call: frame.call, fp, key, local, module, function, caller, is_gone, is_driven })
        })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn is_in(&self, call: u64, fp: usize) -> bool {
        !self.is_gone() && (self.call, self.fp) == (call, fp)
    }

    /// Whether an operator of its function matters, if accesses of this kind are watched.
    fn wants(&self, operator: FrameOperator, access: u8) -> bool {
        match operator {
            FrameOperator::Accesses { local, access: done } => local == self.local && access & done != 0,
            FrameOperator::Leaves => true,
        }
    }
}

/// Adds where those stop points of a blob return to that are needed in a function of which these accesses of locals are watched.
fn add_stops(
    blob: &MappedBlob,
    function: DefinedFuncIndex,
    accesses: &NumberMap<u32, u8>,
    found: &mut Vec<CodeOffset>,
) {
    let Some(frames) = blob.frames() else { return };
    let matters = |operator| match operator {
        FrameOperator::Accesses { local, access } => accesses.get(&local).is_some_and(|watched| watched & access != 0),
        FrameOperator::Leaves => true,
    };
    for body in blob.tables().bodies_of(function) {
        let mut stops = frames.stops_of(body).iter().peekable();
        let Some(first) = stops.peek().map(|stop| stop.pc) else { continue };
        let (mut run, mut is_behind) = (None, false);
        for (pc, operator) in operators_from(blob.module(), function, first) {
            while let Some(stop) = stops.next_if(|stop| stop.pc <= pc) {
                run = Some(stop.return_offset);
                // What an access has done that ends its run is seen where the next begins.
                found.extend(is_behind.then_some(stop.return_offset));
            }
            is_behind = FrameOperator::of(&operator).is_some_and(matters);
            found.extend(run.filter(|_| is_behind));
        }
    }
}

/// A watchpoint of a local, and whether it will be enabled.
pub(super) struct Framed {
    pub(super) point: Rc<Watchpoint>,
    pub(super) is_enabled: bool,
}

impl Framed {
    fn frame(&self) -> Option<&WatchedFrame> {
        self.point.frame.as_ref()
    }

    /// The module whose code the frame runs.
    pub(super) fn module(&self) -> Option<&Module> {
        Some(&self.frame()?.module)
    }

    /// Where the frame's caller goes on.
    pub(super) fn caller(&self) -> Option<&Return> {
        self.frame()?.caller.as_ref()
    }
}

/// Where those stop points of a blob return to which these watchpoints need in the functions of their frames, ascending.
pub(super) fn frame_stops(framed: &[Framed], blob: &MappedBlob) -> Vec<CodeOffset> {
    // Each function is gone through once, however many of its locals are watched.
    let mut functions: BTreeMap<DefinedFuncIndex, NumberMap<u32, u8>> = BTreeMap::new();
    for Framed { point, is_enabled } in framed {
        if let Some(frame) = point.frame.as_ref().filter(|frame| frame.module.id() == blob.module().id()) {
            let access = functions.entry(frame.function).or_default().entry(frame.local).or_default();
            *access |= if *is_enabled { point.access } else { 0 };
        }
    }
    let mut found = Vec::new();
    for (function, accesses) in &functions {
        add_stops(blob, *function, accesses, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The watchpoints of locals whose frames are there, disabled ones, too.
#[derive(Default)]
pub(super) struct WatchedFrames {
    points: RefCell<Vec<Rc<Watchpoint>>>,
    any: Cell<bool>,
    /// Whether any is gone for which code is armed.
    has_gone: Cell<bool>,
}

impl WatchedFrames {
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    /// Whether any is gone for which code is armed.
    pub(super) fn has_gone(&self) -> bool {
        self.has_gone.get()
    }

    pub(super) fn points(&self) -> Vec<Rc<Watchpoint>> {
        let is_there = |point: &&Rc<Watchpoint>| point.frame.as_ref().is_some_and(|frame| !frame.is_gone());
        self.points.borrow().iter().filter(is_there).cloned().collect()
    }

    pub(super) fn framed(&self) -> Vec<Framed> {
        let framed = |point: Rc<Watchpoint>| Framed { is_enabled: point.rules.is_enabled(), point };
        self.points().into_iter().map(framed).collect()
    }

    pub(super) fn adopt(&self, framed: Vec<Framed>) {
        self.any.set(!framed.is_empty());
        let before = self.points.replace(framed.into_iter().map(|framed| framed.point).collect());
        self.has_gone.set(false);
        // Their conditions may be the host's last ones, so not while anything is borrowed.
        drop(before);
    }

    /// Notes that those frames of a call are gone that `which` says by their frame pointers.
    #[cold]
    pub(super) fn end(&self, call: u64, which: impl Fn(usize) -> bool) {
        for point in &*self.points.borrow() {
            let Some(frame) = &point.frame else { continue };
            if frame.call == call && !frame.is_gone() && which(frame.fp) {
                frame.is_gone.set(true);
                point.rules.set_enabled(false);
                self.has_gone.set(true);
            }
        }
    }

    /// Whether a call that has come to a frame with this frame pointer has to be looked at.
    #[cold]
    fn concerns(&self, call: u64, fp: usize) -> bool {
        let points = self.points.borrow();
        let mut frames = points.iter().filter_map(|point| point.frame.as_ref());
        frames.any(|frame| frame.call == call && frame.fp <= fp && !frame.is_gone())
    }

    /// The enabled watchpoints of a frame that an operator matters to, by age.
    fn wanting(&self, call: u64, fp: usize, operator: FrameOperator) -> Vec<Rc<Watchpoint>> {
        let wants = |point: &&Rc<Watchpoint>| {
            let access = if point.rules.is_enabled() { point.access } else { 0 };
            point.frame.as_ref().is_some_and(|frame| frame.is_in(call, fp) && frame.wants(operator, access))
        };
        self.points.borrow().iter().filter(wants).cloned().collect()
    }

    /// Whether a host function has returned into a call whose end nobody would hear of.
    pub(super) fn returns(&self, store: &Store) -> bool {
        let Some((call, _)) = store.current_call().filter(|_| self.any()) else { return false };
        let mut is_new = false;
        for frame in self.points.borrow().iter().filter_map(|point| point.frame.as_ref()) {
            is_new |= frame.call == call && !frame.is_driven.replace(true);
        }
        is_new
    }
}

/// The first stop point behind an operator.
pub(super) fn stop_behind(blob: &MappedBlob, body: BodyIndex, pc: WasmPc) -> Option<Stop> {
    let stops = blob.frames().map_or(&[][..], |frames| frames.stops_of(body));
    stops.get(stops.partition_point(|stop| stop.pc <= pc)).copied()
}

impl Session<'_> {
    /// Whether there is anything to do for watched locals where the call has come, in the frame with this frame pointer.
    #[inline]
    pub(super) fn is_in_watched_frame(&self, fp: usize) -> bool {
        let frames = &self.debuggee.watching.frames;
        frames.any() && frames.concerns(self.call.id(), fp)
    }

    /// Notes that the frames are gone which were nearer to the top of the stack than one that the call goes on in.
    #[inline]
    pub(super) fn end_frames_above(&self, fp: usize) {
        let frames = &self.debuggee.watching.frames;
        if frames.any() {
            frames.end(self.call.id(), |watched| watched < fp);
        }
    }

    /// The next operator of the run, from `index` on, that matters to a frame of which locals are watched.
    pub(super) fn next_in_frame(&self, site: &Site, index: u32) -> Option<u32> {
        let (frames, call) = (&self.debuggee.watching.frames, self.call.id());
        let fp = self.stopped_call.innermost_fp().filter(|_| frames.any())?;
        site.next_frame_operator(index, |operator| !frames.wanting(call, fp, operator).is_empty())
    }

    /// What the operator at `index` is about to do to locals that are watched. If it has another function take the frame's place, that
    /// is gone.
    pub(super) fn local_access_at(&self, site: &Site, index: u32) -> Result<Option<UnderWay>> {
        let (frames, call) = (&self.debuggee.watching.frames, self.call.id());
        let (Some(fp), Some(operator)) = (self.stopped_call.innermost_fp(), site.frame_operator_at(index)) else {
            return Ok(None);
        };
        let points = frames.wanting(call, fp, operator);
        let FrameOperator::Accesses { local, access } = operator else {
            if !points.is_empty() {
                frames.end(call, |watched| watched == fp);
            }
            return Ok(None);
        };
        let pc = site.pc(index);
        let next = match site.next(index) {
            Some(next) => Some(site.pc(next)),
            None => stop_behind(&site.blob, site.body, pc).map(|stop| stop.pc),
        };
        let (Some(next), Some(old)) = (next.filter(|_| !points.is_empty()), self.seen_local(site, local)?) else {
            return Ok(None);
        };
        let old = Rc::new(old);
        let part = u64::from(local)..u64::from(local) + 1;
        let touched = points.iter().map(|point| Touched::known(point, access, part.clone(), old.clone()));
        Ok(Some(UnderWay { next, pc, touched: touched.collect() }))
    }

    /// What a local of the innermost frame is, which is stopped.
    pub(super) fn seen_local(&self, site: &Site, local: u32) -> Result<Option<Seen>> {
        let (store, cache) = (self.debuggee.store(), &self.debuggee.cache);
        let slot = self.stopped_call.local(site, store, &cache.layouts, local);
        slot.map(|slot| Seen::slot(store, &slot)).transpose()
    }
}

impl Debuggee {
    /// Notes that the host has changed a local of a frame, unless it is one of its event handlers that does.
    pub(super) fn note_written_local(&self, (call, fp): (u64, usize), local: u32, before: &Slot, after: &Slot) {
        let raw = |slot: &Slot| RawValue::from_bits(slot.bits);
        let is_same = || self.store().is_same_value(before.ty, raw(before), raw(after));
        if !self.watching.frames.any() || self.handling.get() != 0 || is_same() {
            return;
        }
        let written = FrameOperator::Accesses { local, access: WRITE };
        for point in self.watching.frames.wanting(call, fp, written) {
            let seen = |slot| Seen::slot(self.store(), slot).map(Rc::new);
            let noted = seen(before).and_then(|old| {
                let (new, part) = (seen(after)?, point.target.range());
                self.watching
                    .note_found(WatchHit { id: point.id, access: WRITE, pc: None, part, old, new }, self.store())
            });
            // The local is written by now.
            if let Err(error) = noted {
                log::warn!("that the host has written a local isn't told: {error}");
            }
        }
    }

    /// Checks that a watchpoint which is to be enabled is of something that is still there.
    pub(super) fn check_watchable(&self, point: &Watchpoint, is_new: bool) -> Result<()> {
        let Some(frame) = &point.frame else { return Ok(()) };
        if let WatchTarget::Local { frame, .. } = &point.target
            && is_new
        {
            memory::ask_for_several()?;
            return self.locate(frame, |stopped_call| self.check_position(stopped_call, frame));
        }
        if frame.is_gone() {
            bail!(InvalidState, "the frame is gone of which watchpoint {} is", point.id);
        }
        Ok(())
    }
}
