//! The options of breakpoints, and their conditions: they decide whether one that is reached raises an event.
//!
//! Must not know how it is told. Invariant: the host's condition is asked only where an event handler could be told, and under the same
//! rules. Read next: [`super::edit`] for how they are set, `session.rs` for where they are looked at.

use super::breakpoints::{Breakpoint, Site};
use super::event::{Counted, EventKind, Receiver};
use super::session::Session;
use super::{Debuggee, Edit, Frame};
use crate::base::{Instance, Result};
use std::rc::Rc;

/// Asks the host whether a breakpoint counts, at the operator that the frame is at.
pub type Condition = Box<dyn Fn(&Debuggee, &Frame, u64) -> bool>;

/// When a breakpoint that is reached, and enabled, raises an event: if all of this holds, and its [`Condition`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BreakpointOptions {
    /// The frame runs in this instance.
    pub instance: Option<Instance>,
    /// The frame is the one with this key, see [`Debuggee::frame_key`].
    pub frame_key: Option<u64>,
    /// So often all else was the case already, without an event.
    pub ignore_count: u64,
    /// Whether it is removed when it raises its first event, before anybody is told of that.
    pub is_one_shot: bool,
}

impl Session<'_> {
    /// Counts a hit of the enabled breakpoints at `index`, of which some have options; answers the ids of those that raise an event.
    /// What is there only once is removed.
    ///
    /// Errors: `System` or `Poisoned` if that can't be done.
    #[cold]
    pub(super) fn hit_with_options(&self, site: &Site, index: u32) -> Result<Option<Rc<[u64]>>> {
        let breakpoints = site.breakpoints_at(index);
        breakpoints.iter().for_each(|breakpoint| breakpoint.count(self.silent));
        // If nobody hears of it, nothing is asked, and nothing is used up.
        let receiver = self.debuggee.receiver(EventKind::Breakpoint, self.resumable);
        let is_told = !self.silent && !matches!(receiver, Receiver::Nobody);
        let was_moved = self.stopped_call.is_moved();
        let (mut ids, mut spent) = (Vec::new(), Vec::new());
        for breakpoint in &breakpoints {
            if is_told && !self.counts(breakpoint)? {
                breakpoint.count_declined();
                continue;
            }
            ids.push(breakpoint.id);
            if is_told && breakpoint.options.get().is_one_shot {
                spent.push(breakpoint.id);
            }
        }
        // Whoever was asked may have moved the frame: no operator is reached there.
        if ids.is_empty() || self.stopped_call.is_moved() != was_moved {
            return Ok(None);
        }
        if !spent.is_empty() {
            let mut edit = Edit::begin(self.debuggee)?;
            spent.into_iter().for_each(|id| edit.remove(id));
            edit.commit(self.debuggee)?;
        }
        Ok(Some(ids.into()))
    }

    /// Whether no breakpoint there raises an event since none of their expressions holds: the hit is counted then.
    #[inline]
    pub(super) fn are_declined(&self, site: &Site, index: u32) -> bool {
        let Debuggee { cache, .. } = self.debuggee;
        // If nobody hears of it, nothing is asked.
        let is_told = !self.silent && (self.resumable || self.debuggee.is_wanted(EventKind::Breakpoint));
        is_told && site.are_declined(index, self.stopped_call, self.debuggee.store(), cache)
    }

    /// Whether a breakpoint that was reached raises an event.
    fn counts(&self, breakpoint: &Breakpoint) -> Result<bool> {
        let frame = self.stopped_call.frame(self.debuggee.store(), 0);
        let BreakpointOptions { instance, frame_key, ignore_count, .. } = breakpoint.options.get();
        if instance.is_some() && self.debuggee.frame_info(&frame)?.instance != instance {
            return Ok(false);
        }
        if let Some(key) = frame_key
            && self.debuggee.frame_key(&frame)? != key
        {
            return Ok(false);
        }
        let Debuggee { cache, .. } = self.debuggee;
        let mut look = self.stopped_call.look();
        let view = look.frame(self.debuggee.store(), cache, 0);
        if view.is_some_and(|view| breakpoint.is_declined_in(&view, self.debuggee.store())) {
            return Ok(false);
        }
        drop(look);
        if let Some(condition) = breakpoint.condition()
            && !self.ask(&condition, &frame, breakpoint.id)
        {
            return Ok(false);
        }
        // A condition may have changed any of them.
        let is_there = breakpoint.enabled.get() && self.debuggee.book.breakpoint(breakpoint.id).is_some();
        Ok(is_there && breakpoint.count_met() > ignore_count)
    }

    /// Asks the host, as an event handler is told.
    fn ask(&self, condition: &Condition, frame: &Frame, id: u64) -> bool {
        self.has_begun.set(true);
        // It has seen the frame: that is stale as soon as another operator is reached.
        self.stopped_call.raised.set(Some(EventKind::Breakpoint));
        let _handling = Counted::new(&self.debuggee.handling);
        self.call.with_handler(self.debuggee.store(), || condition(self.debuggee, frame, id))
    }
}
