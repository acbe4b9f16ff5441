//! Who uses a store: at most one thread at a time.
//!
//! A store has a word for the thread that is inside one of its entry points. An entry claims the store for its time: by
//! changing the word from nobody to its own thread, atomically, or by finding its own thread there, as a callback does. So
//! of two threads one is refused, whoever comes first, and whatever the other does there.
//!
//! Knows nothing of what stores are. Invariant: only the thread that the word names changes what the store holds. Between
//! claims a store may move to another thread, whose claim sees all that was done before. Read next:
//! [`entry`](super::entry).

use super::store::pellucid_store_t;
use crate::base::{Error, ErrorKind};
use crate::runtime::ThreadId;
use std::rc::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The word.
#[derive(Default)]
pub(super) struct Owner(AtomicUsize);

impl Owner {
    /// Claims for this thread; none if another thread has it.
    #[inline(always)]
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        let thread = ThreadId::current().0.get();
        if self.0.load(Ordering::Relaxed) == thread {
            return Some(Claim { owner: self, is_outermost: false });
        }
        let claimed = self.0.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).is_ok();
        claimed.then(|| Claim { owner: self, is_outermost: true })
    }

    /// Claims for this thread, if nobody has it.
    #[inline(always)]
    pub(super) fn claim_first(&self) -> Option<Claim<'_>> {
        let thread = ThreadId::current().0.get();
        let claimed = self.0.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).is_ok();
        claimed.then(|| Claim { owner: self, is_outermost: true })
    }
}

/// The error for who finds the store claimed by another thread.
#[cold]
pub(super) fn busy() -> Error {
    Error::new(ErrorKind::Busy, "another thread is using the store")
}

/// The store is this thread's until this is dropped.
pub(super) struct Claim<'a> {
    owner: &'a Owner,
    is_outermost: bool,
}

impl Claim<'_> {
    /// A claim that doesn't keep the store, to be ended by hand.
    #[inline(always)]
    pub(super) fn loose(self) -> LooseClaim {
        let claim = LooseClaim { is_outermost: self.is_outermost };
        std::mem::forget(self);
        claim
    }
}

impl Drop for Claim<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_outermost {
            self.owner.0.store(0, Ordering::Release);
        }
    }
}

/// A claim whose store may go before it ends.
#[must_use]
pub(super) struct LooseClaim {
    is_outermost: bool,
}

impl LooseClaim {
    /// Ends it at the store's word.
    #[inline(always)]
    pub(super) fn end(self, owner: &Owner) {
        drop(Claim { owner, is_outermost: self.is_outermost });
    }

    /// Ends it, if the store is still there.
    pub(super) fn end_at(self, store: &Weak<pellucid_store_t>) {
        if let Some(store) = store.upgrade() {
            self.end(store.owner());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_it() {
        let owner = Owner::default();
        let outer = owner.claim().unwrap();
        let inner = owner.claim().unwrap();
        assert!(owner.claim_first().is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim().is_none() && owner.claim_first().is_none()));
        });
        drop(inner);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim().is_none()));
        });
        outer.loose().end(&owner);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim_first().is_some()));
        });
        assert!(owner.claim().is_some());
    }
}
