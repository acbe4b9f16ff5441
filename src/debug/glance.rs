//! Glances: breakpoints that decline since their expressions don't hold, found out where the guest has just been left.
//!
//! A hit that isn't taken is over before anything was noted of it. That can be where operators in front of a breakpoint only move and
//! compute values, so that it is reached, and what its expression is over is known from the words of the frame. Must not know how a
//! call is driven. Invariant: what a glance declines would be declined otherwise, too, and is counted the same. Read next: `options.rs`.

use super::breakpoints::{Site, Spot};
use super::expression::Resolved;
use super::layout::{LayoutCache, StateSlot};
use super::quiet::is_quiet;
use super::session::Session;
use crate::base::memory;
use crate::runtime::{GuestStack, Stopped, Store};
use std::rc::Rc;

/// All enabled breakpoints of a run, each of which has an expression.
pub(super) struct Glance {
    slot_to_fp: u32,
    tests: Box<[(Rc<Spot>, Resolved)]>,
}

impl Glance {
    /// The glance at the run of `site`, with its enabled breakpoints and their places in it, ascending; none if a glance can't tell.
    #[cold]
    pub(super) fn new<'a>(
        site: &Site,
        breakpoints: impl Iterator<Item = (u32, &'a Rc<Spot>)>,
        layouts: &LayoutCache,
    ) -> Option<Glance> {
        memory::ask_for_several().ok()?;
        let layout = site.layout(layouts);
        let (module, function) = (site.blob.module(), site.blob.function(site.body));
        let (info, mut scalars, mut at, mut tests) = (module.info(), layout.scalars(), 0, Vec::new());
        for (index, spot) in breakpoints {
            while at < index {
                let pc = site.pc(at);
                let operator = info.operator_at(pc);
                if !is_quiet(&operator) || !scalars.pass(info, &operator, info.bytes[pc.0 as usize]) {
                    return None;
                }
                at += 1;
            }
            let expression =
                spot.rules.expression().filter(|_| spot.wanted.is_none())?.in_function(module, function)?;
            tests.push((spot.clone(), Resolved::new(&expression, &scalars, layout)?));
        }
        Some(Glance { slot_to_fp: layout.slot_to_fp(), tests: tests.into() })
    }

    /// Whether all of them decline in the frame that is at the stop point; they have counted it then.
    #[inline]
    fn decline(&self, stack: &GuestStack, fp: usize, store: &Store) -> bool {
        let slot = StateSlot::on(stack, fp, self.slot_to_fp);
        let declines = self.tests.iter().all(|(_, expression)| expression.holds(slot, store) == Some(false));
        if declines {
            for (spot, _) in &self.tests {
                spot.rules.count(false);
                spot.rules.count_declined();
            }
        }
        declines
    }
}

impl Session<'_> {
    /// Whether the call, which has just stopped, goes on at once. Asked only if any breakpoint has had an expression.
    #[inline]
    pub(super) fn passes(&self, stopped: Stopped, stack: &GuestStack) -> bool {
        let debuggee = self.debuggee;
        if debuggee.watching.any()
            || debuggee.watching.tracing.any()
            || debuggee.pending.any()
            || debuggee.armed.any()
            || debuggee.run_on.get().is_some()
            || debuggee.step_request.get().is_some()
            || debuggee.single_step.get()
            || !self.tells_of_breakpoints()
        {
            return false;
        }
        let declines = |glance: &Glance| glance.decline(stack, stopped.fp, debuggee.store());
        let passes = debuggee.book.decline_at(stopped.pc, &debuggee.cache.layouts, declines);
        if passes {
            self.stopped_call.pass();
        }
        passes
    }
}
