//! Who uses a store: at most one thread at a time.
//!
//! An entry point claims its store for its time; an entry from a callback finds its own thread's claim there. Of two threads
//! one is refused, whoever comes first, and whatever the other does there.
//!
//! A store has an owner: the thread that used it last, which claims it with plain loads and stores. Each time that another
//! thread becomes the owner a new *era* begins, with a place of its own for the owner's claim. These are the steps:
//!
//! - The owner of an era reads its own name in the word `owner`, writes its claim in the era's place (1), and reads the
//!   word again (2). If the word hasn't changed it has the store. Otherwise it takes its claim back, or contests (C).
//! - A newcomer takes the last place, that of newcomers (only one has it at a time), marks the word as announced (3), has all
//!   threads run a memory barrier (B), and reads the era's place (4). If there is a claim it takes the mark away, and is refused.
//!   If there is none it writes its own claim in the next era's place, and exchanges the marked word for its own name (5).
//! - (C) An owner that finds its name marked claims first, and then exchanges the marked word for the one without the mark.
//!
//! Why not both have it: take (B) as it runs in the owner's thread. If (2) comes after it, it sees the mark of (3), or what
//! came later, and the owner hasn't got the store but by (C). If (2) comes before it, so does (1), and (4) sees the claim, or
//! that it has ended, together with all that was done under it. And of (C) and (5) only one finds the marked word. The mark
//! can't be another newcomer's, who would need the last place. Why not neither: a newcomer is refused only by a claim that it sees,
//! whose owner goes on, by an exchange (C) that was successful, or by another newcomer, of whom the same can be said.
//!
//! An owner that was interrupted before (1) may write there long after its era. Nobody reads that place any more: this is
//! why eras don't share one. When the last era ends, or when barriers can't be had, the store belongs to everyone, for good: the
//! last place is claimed by an atomic exchange then. So a store that moves all the time pays for few barriers.
//!
//! A thread that ends may leave its name to a later one, which owns its stores then; that is as if it had used them. The
//! child of a fork finds owners that don't exist, and takes their stores as any newcomer does.
//!
//! Knows nothing of what stores are. Invariant: only the thread that has the claim changes what the store holds. Between
//! claims a store may move to another thread, whose claim sees all that was done before. Read next:
//! [`entry`](super::entry).

use super::store::pellucid_store_t;
use crate::base::{Error, ErrorKind};
use crate::runtime::{ThisThread, has_process_barrier, process_barrier};
use std::rc::Weak;
use std::sync::atomic::{AtomicUsize, Ordering, compiler_fence, fence};
use std::time::Duration;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("a claim without barriers is written for x86-64, where stores are seen after a short time");

/// How many eras there are.
const ERAS: usize = 16;

/// The place of newcomers, and of everyone later on.
const LAST: usize = ERAS;

/// The place of a claim inside another of the same thread.
const INNER: usize = LAST + 1;

/// The word of a store that belongs to everyone.
const EVERYONE: usize = usize::MAX;

/// Marks the word while a newcomer looks whether the store is claimed. No address has it.
const ANNOUNCED: usize = 1 << 63;

/// The words.
#[derive(Default)]
pub(super) struct Owner {
    /// The number of the thread plus that of the era, perhaps marked; or 0, or `EVERYONE`. The numbers of two threads are
    /// farther apart than there are eras.
    word: AtomicUsize,
    /// The number of the era. For who has the last place.
    era: AtomicUsize,
    /// The number of the thread that has the claim, or 0. That of an era is written by its owner only.
    places: [AtomicUsize; LAST + 1],
}

impl Owner {
    /// Claims for this thread; none if another thread has it.
    #[inline(always)]
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        let thread = ThisThread::get().number().get();
        let word = self.word.load(Ordering::Relaxed);
        if let Some(place) = self.places[..ERAS].get(word.wrapping_sub(thread)) {
            if place.load(Ordering::Relaxed) != 0 {
                return Some(Claim { owner: self, place: INNER });
            }
            if self.claim_plainly(place, word, thread) {
                return Some(Claim { owner: self, place: word.wrapping_sub(thread) });
            }
        }
        self.claim_slowly(thread).map(|place| Claim { owner: self, place })
    }

    /// Claims for this thread, if nobody has it, which then runs no call of the store either.
    #[inline(always)]
    pub(super) fn claim_first(&self, thread: ThisThread<'_>) -> Option<Claim<'_>> {
        let thread = thread.number().get();
        let word = self.word.load(Ordering::Relaxed);
        if let Some(place) = self.places[..ERAS].get(word.wrapping_sub(thread)) {
            if place.load(Ordering::Relaxed) != 0 {
                return None;
            }
            if self.claim_plainly(place, word, thread) {
                return Some(Claim { owner: self, place: word.wrapping_sub(thread) });
            }
        }
        let place = self.claim_slowly(thread).filter(|place| *place != INNER)?;
        Some(Claim { owner: self, place })
    }

    /// The owner's claim, as long as nobody else comes.
    #[inline(always)]
    fn claim_plainly(&self, place: &AtomicUsize, word: usize, thread: usize) -> bool {
        place.store(thread, Ordering::Relaxed);
        // The newcomer's barrier orders them in the processor.
        compiler_fence(Ordering::SeqCst);
        if self.word.load(Ordering::Acquire) == word {
            return true;
        }
        place.store(0, Ordering::Release);
        false
    }

    /// Every other claim: the place that was claimed.
    #[cold]
    #[inline(never)]
    fn claim_slowly(&self, thread: usize) -> Option<usize> {
        loop {
            let word = self.word.load(Ordering::Acquire);
            if word == EVERYONE {
                let claimed = self.places[LAST].compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed);
                return claimed.map_or_else(|has| (has == thread).then_some(INNER), |_| Some(LAST));
            }
            let unmarked = word & !ANNOUNCED;
            let era = unmarked.wrapping_sub(thread);
            let Some(place) = self.places[..ERAS].get(era) else { break };
            if place.load(Ordering::Relaxed) != 0 {
                return Some(INNER);
            }
            place.store(thread, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if self.word.compare_exchange(word, unmarked, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Some(era);
            }
            place.store(0, Ordering::Release);
        }
        let last = &self.places[LAST];
        last.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let place = self.claim_as_newcomer(thread);
        if place != Some(LAST) {
            last.store(0, Ordering::Release);
        }
        place
    }

    /// The claim of a thread that isn't the owner, and has the last place.
    fn claim_as_newcomer(&self, thread: usize) -> Option<usize> {
        let (word, era) = (self.word.load(Ordering::Acquire), self.era.load(Ordering::Relaxed));
        if word == EVERYONE {
            return Some(LAST);
        }
        if word == 0 {
            let (new, place) = if has_process_barrier() { (thread, 0) } else { (EVERYONE, LAST) };
            self.places[place].store(thread, Ordering::Relaxed);
            self.word.store(new, Ordering::Release);
            return Some(place);
        }
        // Without the barrier it may say that there is no claim where there is one, but not the other way round.
        if self.places[era].load(Ordering::Relaxed) != 0 {
            return None;
        }
        let marked = word | ANNOUNCED;
        self.word.store(marked, Ordering::SeqCst);
        let is_ordered = process_barrier();
        if !is_ordered {
            // Forbidden since the store has its owner. A processor keeps a store to itself for microseconds at most.
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.places[era].load(Ordering::Acquire) != 0 {
            // If it fails, the owner has taken the mark away.
            let _ = self.word.compare_exchange(marked, word, Ordering::AcqRel, Ordering::Relaxed);
            return None;
        }
        let next = era + 1;
        let (new, place) = if is_ordered && next < ERAS { (thread + next, next) } else { (EVERYONE, LAST) };
        self.places[place].store(thread, Ordering::Relaxed);
        if self.word.compare_exchange(marked, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.era.store(next, Ordering::Relaxed);
            return Some(place);
        }
        if place != LAST {
            self.places[place].store(0, Ordering::Relaxed);
        }
        None
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
    place: usize,
}

impl Claim<'_> {
    /// A claim that doesn't keep the store, to be ended by hand.
    #[inline(always)]
    pub(super) fn loose(self) -> LooseClaim {
        let claim = LooseClaim { place: self.place };
        std::mem::forget(self);
        claim
    }
}

impl Drop for Claim<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // An inner claim has no place, and leaves the store claimed.
        if let Some(place) = self.owner.places.get(self.place) {
            place.store(0, Ordering::Release);
        }
    }
}

/// A claim whose store may go before it ends.
#[must_use]
pub(super) struct LooseClaim {
    place: usize,
}

impl LooseClaim {
    /// Ends it at the store's word.
    #[inline(always)]
    pub(super) fn end(self, owner: &Owner) {
        drop(Claim { owner, place: self.place });
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
    use std::sync::atomic::AtomicBool;

    #[test]
    fn one_thread_at_a_time_has_it() {
        let owner = Owner::default();
        let outer = owner.claim().unwrap();
        let inner = owner.claim().unwrap();
        assert!(owner.claim_first(ThisThread::get()).is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim().is_none() && owner.claim_first(ThisThread::get()).is_none()));
        });
        drop(inner);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim().is_none()));
        });
        outer.loose().end(&owner);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(owner.claim_first(ThisThread::get()).is_some()));
        });
        assert!(owner.claim().is_some());
    }

    /// Whoever comes while the store is free gets it, as often as it moves, and sees what was done before.
    #[test]
    fn it_moves_until_it_is_everyones() {
        let owner = Owner::default();
        let mut words = Vec::new();
        for _ in 0..ERAS + 4 {
            std::thread::scope(|scope| {
                let hop = || {
                    drop(owner.claim().unwrap());
                    let outer = owner.claim_first(ThisThread::get()).unwrap();
                    assert!(owner.claim_first(ThisThread::get()).is_none());
                    drop(owner.claim().unwrap());
                    drop(outer);
                    owner.word.load(Ordering::Relaxed)
                };
                // Two that exist at the same time, and can't have the same number.
                let (here, there) = (hop(), scope.spawn(hop).join().unwrap());
                words.extend([here, there]);
            });
        }
        let moves = words.iter().position(|word| *word == EVERYONE).unwrap();
        assert!(words[moves..].iter().all(|word| *word == EVERYONE));
        assert!(moves == if has_process_barrier() { ERAS } else { 0 });
    }

    /// Many threads, and a new store before each becomes everyone's, so that all steps meet each other: a count that isn't
    /// atomic loses nothing, and who is refused was refused because of another.
    #[test]
    fn what_is_done_under_claims_is_done_as_a_whole() {
        for _ in 0..200 {
            let (owner, count, expected) = (Owner::default(), AtomicUsize::new(0), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..300 {
                            if let Some(_claim) = owner.claim_first(ThisThread::get()) {
                                let before = count.load(Ordering::Relaxed);
                                drop(owner.claim().unwrap());
                                count.store(before + 1, Ordering::Relaxed);
                                expected.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                }
            });
            assert_eq!(count.into_inner(), expected.into_inner());
            assert!(owner.claim().is_some());
        }
    }

    /// An owner that comes and goes all the time, and a newcomer in the middle of that: never are both inside.
    #[test]
    fn an_owner_and_a_newcomer_are_never_both_inside() {
        const ROUNDS: usize = 20_000;
        let (started, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let owners: Vec<Owner> = (0..ROUNDS).map(|_| Owner::default()).collect();
        let (inside, both) = (AtomicUsize::new(0), AtomicBool::new(false));
        // Plain loads and stores, so that the check orders nothing.
        let turns = AtomicUsize::new(0);
        let enter = |me: usize| {
            let turn = turns.load(Ordering::Relaxed);
            turns.store(turn + 1, Ordering::Relaxed);
            let before = inside.load(Ordering::Relaxed);
            inside.store(me, Ordering::Relaxed);
            // Sometimes for longer than a barrier takes.
            for _ in 0..if turn.is_multiple_of(4) { 4000 } else { 4 } {
                std::hint::black_box(&owners);
            }
            let after = inside.load(Ordering::Relaxed);
            inside.store(0, Ordering::Relaxed);
            before == 0 && after == me
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for (round, owner) in owners.iter().enumerate() {
                    drop(owner.claim_first(ThisThread::get()));
                    started.store(round + 1, Ordering::Release);
                    while ended.load(Ordering::Relaxed) <= round {
                        if let Some(_claim) = owner.claim_first(ThisThread::get()) {
                            both.fetch_or(!enter(1), Ordering::Relaxed);
                        }
                    }
                }
            });
            for (round, owner) in owners.iter().enumerate() {
                while started.load(Ordering::Acquire) <= round {
                    std::thread::yield_now();
                }
                for _ in 0..8 {
                    if let Some(_claim) = owner.claim_first(ThisThread::get()) {
                        both.fetch_or(!enter(2), Ordering::Relaxed);
                    }
                }
                ended.store(round + 1, Ordering::Release);
            }
        });
        assert!(!both.into_inner());
    }
}
