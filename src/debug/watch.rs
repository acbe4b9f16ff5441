//! Watchpoints as a call comes to them: which operators are looked at before they are executed, and what is told when they are done.
//!
//! ```text
//!   before an operator that may access ──note──> the machine, or replay, does it ──settle──> at the next operator ──tell──>
//!      what is watched: its operands say where                                        old and new values
//! ```
//!
//! Must not know how code is armed. Invariant: what an operator has done is settled before anything else that the host may see.
//! Read next: `watchpoints.rs`, `session.rs`.

use super::Event;
use super::breakpoints::Site;
use super::event::{EventKind, Receiver};
use super::session::{Flow, Session};
use super::watchpoints::{UnderWay, WatchHit};
use crate::base::{Result, WasmPc};
use std::ops::ControlFlow;

impl Session<'_> {
    /// Looks for what was changed while the call stood still. If it is at no stop point the guest comes to one as soon as it runs.
    #[cold]
    pub(super) fn look_before_running(&self, is_stopped: bool) -> Result<()> {
        if self.debuggee.look_before_running()? && !is_stopped {
            self.debuggee.store().look_soon();
        }
        Ok(())
    }

    /// Whether anything is to be done for watchpoints at the stop point of `site`, where the call has come.
    #[inline]
    pub(super) fn is_watched(&self, site: &Site, fp: usize) -> bool {
        self.debuggee.watching.any() && (self.is_site_watched(site) || self.is_in_watched_frame(fp))
    }

    fn is_site_watched(&self, site: &Site) -> bool {
        let is_under_way = self.stopped_call.under_way.borrow().is_some();
        is_under_way || self.next_access(site, 0).is_some() || self.debuggee.watching.has_found()
    }

    fn next_access(&self, site: &Site, index: u32) -> Option<u32> {
        site.next_access(index, |access| self.debuggee.watching.wants(access))
    }

    /// The next operator of the run behind `index` that is to be looked at.
    pub(super) fn next_watched(&self, site: &Site, index: u32) -> Option<u32> {
        let next = site.next(index)?;
        if self.stopped_call.under_way.borrow().is_some() {
            return Some(next);
        }
        self.next_access(site, next).into_iter().chain(self.next_in_frame(site, next)).min()
    }

    /// Notes what the operator at `index` is about to do to what is watched, if anything.
    pub(super) fn note_access(&self, site: &Site, index: u32) -> Flow {
        let noted = if !site.calls_at(index) {
            self.access_at(site, index)
        } else if self.debuggee.watching.frames.any() {
            self.local_access_at(site, index)
        } else {
            Ok(None)
        };
        let noted = self.if_done(noted)?;
        let before = self.stopped_call.under_way.replace(noted);
        drop(before);
        Flow::Continue(())
    }

    fn access_at(&self, site: &Site, index: u32) -> Result<Option<UnderWay>> {
        let accesses = site.accesses_at(index);
        if !accesses.iter().flatten().any(|access| self.debuggee.watching.wants(access)) {
            return if self.debuggee.watching.frames.any() { self.local_access_at(site, index) } else { Ok(None) };
        }
        let (store, cache) = (self.debuggee.store(), &self.debuggee.cache);
        let Some((instance, operands)) = self.stopped_call.operands(site, store, &cache.layouts) else {
            return Ok(None);
        };
        let operand = |place: u8| operands[usize::from(place)];
        let pc = site.pc(index);
        let next = || match site.next(index) {
            Some(next) => Ok(site.pc(next)),
            None if site.calls_at(index) => Ok(pc),
            None => self.debuggee.watch_behind(&site.blob, site.body, pc),
        };
        self.debuggee.watching.touches((store, instance), &accesses, &operand, pc, &next)
    }

    /// Notes that the call has come to the operator at `index`: what was under way is done.
    pub(super) fn settle(&self, site: &Site, index: u32) -> Flow {
        let Some(under_way) = self.stopped_call.under_way.take() else { return Flow::Continue(()) };
        if under_way.next != site.pc(index) {
            // It went elsewhere, or the host has moved the frame.
            return Flow::Continue(());
        }
        let mut hits = self.stopped_call.watched.borrow_mut();
        let local = |local| self.seen_local(site, local);
        self.if_done(under_way.finish(self.debuggee.store(), &local, self.silent, &mut hits))
    }

    /// Looks which element the call at `index` reads, if it finds in a table what it calls. What it calls may begin in another frame than
    /// this, or be the host's, so that is told before it is called.
    #[cold]
    fn settle_call(&self, site: &Site, index: u32) -> Flow {
        let reads = site.accesses_at(index).iter().flatten().any(|access| self.debuggee.watching.wants(access));
        if let Some(under_way) = if reads { self.if_done(self.access_at(site, index))? } else { None } {
            let mut hits = self.stopped_call.watched.borrow_mut();
            let local = |local| self.seen_local(site, local);
            self.if_done(under_way.finish(self.debuggee.store(), &local, self.silent, &mut hits))?;
        }
        Flow::Continue(())
    }

    /// Raises the event of what was done at watchpoints since the operator before the one at `index`, which is the next. Answers whether
    /// that is still the next.
    pub(super) fn tell_of_watched(&self, site: &Site, index: u32) -> ControlFlow<(), bool> {
        self.settle(site, index)?;
        if site.calls_at(index) && !self.stopped_call.has_read_callee.replace(true) {
            self.settle_call(site, index)?;
        }
        if self.silent {
            return ControlFlow::Continue(true);
        }
        let mut hits = self.stopped_call.watched.take();
        hits.extend(self.debuggee.watching.take_found());
        if hits.is_empty() {
            return ControlFlow::Continue(true);
        }
        let moves = self.stopped_call.moves();
        self.tell_of_hits(site.pc(index), hits)?;
        ControlFlow::Continue(self.stopped_call.moves() == moves)
    }

    #[cold]
    fn tell_of_hits(&self, pc: WasmPc, hits: Vec<WatchHit>) -> Flow {
        let raised = self.stopped_call.raised.get().filter(|raised| !raised.is_between_operators());
        let receiver = self.debuggee.receiver(EventKind::Watchpoint, self.resumable);
        let told = self.if_done(self.count_hits(hits, !matches!(receiver, Receiver::Nobody)))?;
        let flow = if told.is_empty() {
            Flow::Continue(())
        } else {
            let event = self.event(EventKind::Watchpoint, pc, self.debuggee.no_ids.clone());
            self.tell(receiver, Event { watched: Some(told.into()), ..event })
        };
        // What was told of this operator isn't told again.
        if raised.is_some() {
            self.stopped_call.raised.set(raised);
        }
        flow
    }

    /// Counts hits of watchpoints that are still there; answers those that raise an event, if anybody is told of it. What is there only
    /// once is removed.
    fn count_hits(&self, hits: Vec<WatchHit>, is_told: bool) -> Result<Vec<WatchHit>> {
        let moves = self.stopped_call.moves();
        let (mut told, mut spent) = (Vec::new(), Vec::new());
        for hit in hits {
            let Some(point) = self.debuggee.watching.point(hit.id).filter(|point| point.rules.is_enabled()) else {
                continue;
            };
            point.rules.count(false);
            let log_text = point.rules.log_text();
            if !is_told && log_text.is_none() {
                continue;
            }
            // Who is asked only was told of no operator.
            if point.rules.has_options() && !self.counts(EventKind::Interrupt, point.id, &point.rules)? {
                point.rules.count_declined();
                continue;
            }
            if point.rules.options.get().is_one_shot {
                spent.push(point.id);
            }
            match log_text {
                // Who is told only this was told of no operator.
                Some(text) => self.log(EventKind::Interrupt, point.id, &text),
                None => told.push(hit),
            }
        }
        // Whoever was asked may have moved the frame: what was done there is of the past.
        if self.stopped_call.moves() != moves {
            return Ok(Vec::new());
        }
        self.remove_spent(spent)?;
        Ok(told)
    }
}
