//! The options of breakpoints and watchpoints, and their conditions: they decide whether one that is reached raises an event.
//!
//! Must not know how it is told. Invariant: the host's condition is asked only where an event handler could be told, and under the same
//! rules. Read next: [`super::edit`] for how they are set, `session.rs` for where they are looked at.

use super::breakpoints::{Site, Spot};
use super::event::{Counted, EventKind, Receiver};
use super::expression::ExpressionText;
use super::log_point::LogText;
use super::session::Session;
use super::view::View;
use super::{Debuggee, Edit, Frame};
use crate::base::{Instance, Result};
use crate::runtime::{Store, recent_time};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Asks the host whether a breakpoint or watchpoint counts, at the operator that the frame is at.
pub type Condition = Box<dyn Fn(&Debuggee, &Frame, u64) -> bool>;

/// When a breakpoint or watchpoint that is reached, and enabled, raises an event: if all of this holds, and its [`Condition`].
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

/// What decides whether a breakpoint or watchpoint that is reached raises an event, and what was counted.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) is_disabled: Cell<bool>,
    pub(super) options: Cell<BreakpointOptions>,
    condition: RefCell<Option<Rc<Condition>>>,
    expression: RefCell<Option<Rc<ExpressionText>>>,
    log_text: RefCell<Option<Rc<LogText>>>,
    pub(super) hits: Cell<u64>,
    pub(super) passed_over: Cell<u64>,
    /// How often options and condition were met, but for the count that is ignored.
    met: Cell<u64>,
    pub(super) declined: Cell<u64>,
    /// When a hit was told last, see [`recent_time`]; 0 for never.
    pub(super) last_told: Cell<u64>,
}

impl Rules {
    pub(super) fn is_enabled(&self) -> bool {
        !self.is_disabled.get()
    }

    pub(super) fn set_enabled(&self, enabled: bool) {
        self.is_disabled.set(!enabled);
    }

    /// Whether it doesn't always raise an event.
    pub(super) fn has_options(&self) -> bool {
        self.options.get() != BreakpointOptions::default() || self.has_condition() || self.is_log_point()
    }

    pub(super) fn is_log_point(&self) -> bool {
        self.log_text.borrow().is_some()
    }

    /// What is told instead of an event, if it is a log point.
    pub(super) fn log_text(&self) -> Option<Rc<LogText>> {
        self.log_text.borrow().clone()
    }

    /// Makes it a log point, or none.
    pub(super) fn set_log_text(&self, text: Option<Rc<LogText>>) {
        self.log_text.replace(text);
    }

    pub(super) fn has_condition(&self) -> bool {
        self.condition.borrow().is_some() || self.has_expression()
    }

    pub(super) fn has_expression(&self) -> bool {
        self.expression.borrow().is_some()
    }

    /// Whether its expression doesn't hold in a frame that has reached it. One that can't be told counts as if it held.
    #[inline]
    pub(super) fn is_declined_in(&self, view: &View<'_>, store: &Store) -> bool {
        self.expression.borrow().as_ref().is_some_and(|expression| expression.holds(view, store) == Some(false))
    }

    pub(super) fn expression(&self) -> Option<Rc<ExpressionText>> {
        self.expression.borrow().clone()
    }

    /// Sets its expression, or takes it away.
    pub(super) fn set_expression(&self, expression: Option<Rc<ExpressionText>>) {
        self.expression.replace(expression);
    }

    /// Its condition.
    pub(super) fn condition(&self) -> Option<Rc<Condition>> {
        self.condition.borrow().clone()
    }

    /// Sets its options; what is to be ignored is counted anew.
    pub(super) fn set_options(&self, options: BreakpointOptions) {
        self.options.set(options);
        self.met.set(0);
    }

    /// Sets its condition, or takes it away.
    pub(super) fn set_condition(&self, condition: Option<Rc<Condition>>) {
        // What is dropped is the host's, so not while the cell is borrowed.
        drop(self.condition.replace(condition));
    }

    /// Counts a hit.
    #[inline]
    pub(super) fn count(&self, passed_over: bool) {
        self.hits.set(self.hits.get() + 1);
        if passed_over {
            self.passed_over.set(self.passed_over.get() + 1);
        }
    }

    /// Counts that options and condition are met; answers how often they were.
    fn count_met(&self) -> u64 {
        self.met.set(self.met.get() + 1);
        self.met.get()
    }

    /// Notes that a hit is told now.
    pub(super) fn note_told(&self) {
        self.last_told.set(recent_time());
    }

    /// Counts that a hit raises no event because of them.
    pub(super) fn count_declined(&self) {
        self.declined.set(self.declined.get() + 1);
    }
}

impl Session<'_> {
    /// Counts a hit of the enabled breakpoints at `index`, of which some have options; answers the ids of those that raise an event.
    /// What is there only once is removed.
    ///
    /// Errors: `System` or `Poisoned` if that can't be done.
    #[cold]
    pub(super) fn hit_with_options(&self, site: &Site, index: u32) -> Result<Option<Rc<[u64]>>> {
        let mut breakpoints = site.breakpoints_at(index);
        breakpoints.retain(|breakpoint| self.is_reached(site, breakpoint));
        breakpoints.iter().for_each(|breakpoint| breakpoint.rules.count(self.silent));
        // If nobody hears of it, nothing is asked, and nothing is used up.
        let receiver = self.debuggee.receiver(EventKind::Breakpoint, self.resumable);
        let is_told = !self.silent && !matches!(receiver, Receiver::Nobody);
        let was_moved = self.stopped_call.is_moved();
        let (mut ids, mut spent, mut logged) = (Vec::new(), Vec::new(), Vec::new());
        for breakpoint in &breakpoints {
            let log_text = breakpoint.rules.log_text();
            // Whoever sets a log point wants its text.
            let is_told = is_told || (log_text.is_some() && !self.silent);
            if is_told && !self.counts(EventKind::Breakpoint, breakpoint.id, &breakpoint.rules)? {
                breakpoint.rules.count_declined();
                continue;
            }
            let is_spent = is_told && breakpoint.rules.options.get().is_one_shot;
            if let Some(text) = log_text {
                if is_told {
                    breakpoint.rules.note_told();
                    self.log(EventKind::Breakpoint, breakpoint.id, &text);
                }
                logged.extend(is_spent.then_some(breakpoint.id));
                continue;
            }
            ids.push(breakpoint.id);
            spent.extend(is_spent.then_some(breakpoint.id));
        }
        self.remove_spent(logged)?;
        // Whoever was asked may have moved the frame: no operator is reached there.
        if ids.is_empty() || self.stopped_call.is_moved() != was_moved {
            return Ok(None);
        }
        self.remove_spent(spent)?;
        Ok(Some(ids.into()))
    }

    /// Whether a breakpoint is reached where the call stands: at an operator that may call several functions, only if it calls one of those
    /// that are wanted.
    fn is_reached(&self, site: &Site, breakpoint: &Spot) -> bool {
        let Debuggee { cache, .. } = self.debuggee;
        let calls = |wanted| self.stopped_call.calls(site, wanted, self.debuggee.store(), &cache.layouts);
        breakpoint.wanted.as_ref().is_none_or(calls)
    }

    /// Whether no breakpoint there raises an event since none of their expressions holds: the hit is counted then.
    #[inline]
    pub(super) fn are_declined(&self, site: &Site, index: u32) -> bool {
        let Debuggee { cache, .. } = self.debuggee;
        self.tells_of_breakpoints() && site.are_declined(index, self.stopped_call, self.debuggee.store(), cache)
    }

    /// Whether anybody hears of a breakpoint. If nobody does, nothing is asked.
    #[inline]
    pub(super) fn tells_of_breakpoints(&self) -> bool {
        !self.silent && (self.resumable || self.debuggee.is_wanted(EventKind::Breakpoint))
    }

    /// Removes what is there only once, unless whoever was told has done so.
    pub(super) fn remove_spent(&self, mut spent: Vec<u64>) -> Result<()> {
        spent.retain(|id| self.debuggee.has_point(*id));
        if spent.is_empty() {
            return Ok(());
        }
        let mut edit = Edit::begin(self.debuggee)?;
        spent.into_iter().for_each(|id| edit.remove(id));
        edit.commit(self.debuggee)
    }

    /// Whether a breakpoint or watchpoint that was reached raises an event, which would be of this kind.
    pub(super) fn counts(&self, kind: EventKind, id: u64, rules: &Rules) -> Result<bool> {
        let frame = self.stopped_call.frame(self.debuggee.store(), 0);
        let BreakpointOptions { instance, frame_key, ignore_count, .. } = rules.options.get();
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
        if view.is_some_and(|view| rules.is_declined_in(&view, self.debuggee.store())) {
            return Ok(false);
        }
        drop(look);
        if let Some(condition) = rules.condition()
            && !self.ask(kind, &condition, id)
        {
            return Ok(false);
        }
        // A condition may have changed any of them.
        let is_there = rules.is_enabled() && self.debuggee.has_point(id);
        Ok(is_there && rules.count_met() > ignore_count)
    }

    /// Asks the host, as an event handler is told.
    fn ask(&self, kind: EventKind, condition: &Condition, id: u64) -> bool {
        self.let_host_look(kind, |frame| condition(self.debuggee, frame, id))
    }

    /// Lets the host look at the innermost frame, as an event handler may.
    pub(super) fn let_host_look<R>(&self, kind: EventKind, look: impl FnOnce(&Frame) -> R) -> R {
        let frame = self.stopped_call.frame(self.debuggee.store(), 0);
        self.has_begun.set(true);
        // It has seen the frame: that is stale as soon as another operator is reached.
        self.stopped_call.raised.set(Some(kind));
        let _handling = Counted::new(&self.debuggee.handling);
        self.debuggee.letting_host_write(|| self.call.with_handler(self.debuggee.store(), || look(&frame)))
    }
}
