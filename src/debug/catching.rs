//! Breakpoints at what happens to a guest: traps, and exceptions that are thrown. The event of what happens has their ids.
//!
//! Must not know operators. Invariant: where nobody would be told, nothing is asked, and nothing is used up. Read next: `options.rs`,
//! which decides what counts, `session.rs` for where things happen.

use super::break_target::Happening;
use super::event::{EventKind, Receiver};
use super::session::Session;
use crate::base::Result;
use std::rc::Rc;

impl Session<'_> {
    /// Whether any enabled breakpoint is at this.
    pub(super) fn has_breakpoint_at(&self, happening: Happening) -> bool {
        self.debuggee.book.any_at(happening)
    }

    /// Who is told of an event of this kind, if breakpoints with these ids are at what happens: a handler that wants events of the kind, or
    /// of breakpoints, if there are any.
    pub(super) fn receiver_at(&self, kind: EventKind, ids: &[u64]) -> Receiver {
        let is_break = !ids.is_empty() && !self.debuggee.is_wanted(kind);
        let kind =
            if is_break && self.debuggee.is_wanted(EventKind::Breakpoint) { EventKind::Breakpoint } else { kind };
        self.debuggee.receiver(kind, self.resumable)
    }

    /// Counts a hit of the enabled breakpoints that are at this; answers the ids of those that count. What is there only once is removed.
    /// The call has a frame.
    ///
    /// Errors: `System` or `Poisoned` if that can't be done.
    pub(super) fn hit_by(&self, happening: Happening, kind: EventKind) -> Result<Rc<[u64]>> {
        let hit = self.debuggee.book.enabled_at_happening(happening);
        hit.iter().for_each(|breakpoint| breakpoint.rules.count(self.silent));
        if self.silent {
            return Ok(self.debuggee.no_ids.clone());
        }
        let (mut ids, mut spent) = (Vec::new(), Vec::new());
        for breakpoint in &hit {
            let rules = &breakpoint.rules;
            let log_text = rules.log_text();
            let is_told = log_text.is_some() || !matches!(self.receiver_at(kind, &[breakpoint.id]), Receiver::Nobody);
            if is_told && rules.has_options() && !self.counts(kind, breakpoint.id, rules)? {
                rules.count_declined();
                continue;
            }
            if is_told {
                rules.note_told();
            }
            match log_text {
                Some(text) => self.log(kind, breakpoint.id, &text),
                None => ids.push(breakpoint.id),
            }
            if is_told && rules.options.get().is_one_shot {
                spent.push(breakpoint.id);
            }
        }
        self.remove_spent(spent)?;
        Ok(ids.into())
    }
}
