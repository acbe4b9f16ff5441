//! An engine's epoch: a number that the host counts up, and the stores that have a deadline in it.
//!
//! For hosts that have a clock of their own, such as a game's frames: one call interrupts every guest that is over its time, on
//! whatever thread it runs. Knows nothing of what becomes of a call that was left. Invariant: a deadline is in the table from
//! when a store sets it to when it sets another or is dropped. Read next: [`super::interrupt`].

use super::machine::interrupts::Interrupter;
use super::machine::store_context::ask;
use crate::base::StoreId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The epoch of one engine.
#[derive(Default)]
pub(super) struct Epochs(Mutex<State>);

#[derive(Default)]
struct State {
    now: u64,
    /// By the epoch that they are reached in.
    deadlines: BTreeMap<Deadline, Interrupter>,
}

/// What a call does when the store's deadline in its engine's epochs is reached, or its fuel is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LimitAction {
    /// It ends.
    #[default]
    Trap,
    /// It pauses, or ends where that can't be.
    Pause,
    /// The host's handler is told.
    Tell,
}

/// Where a store's deadline is in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Deadline {
    epoch: u64,
    store: StoreId,
}

impl Epochs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the next epoch. Every store whose deadline it is, or was, is asked to leave its guest.
    pub fn advance(&self) {
        let mut state = self.state();
        state.now += 1;
        // What the system has no room to tell now is told in the next epoch.
        for (_, interrupter) in state.deadlines.range(..=Deadline { epoch: state.now, store: StoreId(u64::MAX) }) {
            let _ = interrupter.ask(ask::EPOCH);
        }
    }

    /// Gives a store a deadline, so many epochs from now, instead of the one that it has.
    pub fn set(&self, before: Option<Deadline>, store: StoreId, ticks: u64, interrupter: Interrupter) -> Deadline {
        let mut state = self.state();
        let deadline = Deadline { epoch: state.now.saturating_add(ticks), store };
        before.and_then(|before| state.deadlines.remove(&before));
        interrupter.forget(ask::EPOCH);
        if ticks == 0 {
            let _ = interrupter.ask(ask::EPOCH);
        }
        state.deadlines.insert(deadline, interrupter);
        deadline
    }

    /// Takes a store's deadline away.
    pub fn remove(&self, deadline: Deadline) {
        if let Some(interrupter) = self.state().deadlines.remove(&deadline) {
            interrupter.forget(ask::EPOCH);
        }
    }
}
