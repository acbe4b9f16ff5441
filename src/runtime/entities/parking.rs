//! Where guests wait for each other: `memory.atomic.wait` and `notify` of one shared memory.
//!
//! There is one queue for all stores, in the order in which they came. A guest that waits blocks its thread, in the system.
//!
//! ```text
//!   waits                                   notifies
//!     looks at the value, and joins the       takes those that have joined, and writes
//!     queue, under the lock                   that into their words, under the lock
//!     sleeps as long as its word says         wakes them
//!     that nobody has taken it
//! ```
//!
//! Why no wake is lost: whoever changes the value and notifies then does so either before the look, which sees the new value, or after
//! the guest has joined, and finds it. Its word is changed before the sleep begins, which the system finds out, or wakes it. Why no
//! interrupt is lost: the look at the interrupt word and the beginning of the sleep are one window, see
//! [`switch::interruptible_call`](super::super::machine::switch::interruptible_call).
//!
//! A guest that is left while it waits leaves the queue, and joins it again when it runs on: as if it had come to the operator only
//! then, which no other guest can tell. Invariant: who is in the queue is blocked in [`Parking::wait`], on some thread.

#![expect(unsafe_code, reason = "words on the stacks of other threads")]

use super::super::machine::alarms::AlarmClock;
use super::super::machine::futex;
use super::super::machine::store_context::InterruptWord;
use crate::base::memory;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{process, ptr};

/// The guests that wait in one memory.
#[derive(Default)]
pub struct Parking(Mutex<Parked>);

#[derive(Default)]
struct Parked {
    /// In the order in which they came.
    waiters: Vec<Waiter>,
    /// The process whose threads they are.
    process: u32,
    /// Whether nobody may wait.
    is_closed: bool,
}

struct Waiter {
    /// For what, as a place in the memory.
    address: u64,
    /// On the stack of the thread that waits, which doesn't leave it as long as this is in the queue.
    word: *const AtomicU32,
}

// SAFETY: the word is atomic, and there; see the field.
unsafe impl Send for Waiter {}

/// What a waiter's word says: nobody has taken it from the queue.
const WAITS: u32 = 0;
/// It was notified.
const NOTIFIED: u32 = 1;
/// Nobody may wait any more.
const CLOSED: u32 = 2;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Somebody has notified it.
    Notified,
    /// There was another value.
    NotEqual,
    /// The time is over.
    TimedOut,
    /// The host doesn't want anybody to wait in this memory.
    Closed,
    /// The guest is to be left.
    Interrupted,
}

/// How long to wait for memory, in nanoseconds, before somebody joins the queue for whom there is no room.
const PATIENCE: u64 = 1_000_000;

impl Parking {
    /// Who waits. In a child of a fork the threads of the parent don't.
    fn parked(&self) -> MutexGuard<'_, Parked> {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !parked.waiters.is_empty() && parked.process != process::id() {
            parked.waiters.clear();
        }
        parked
    }

    /// Waits, if `is_expected` says so, to be notified at this address, until a time on the clock [`AlarmClock::Wall`]. If no signal
    /// ends the system's waiting, it looks whether the guest is to be left after `longest` nanoseconds each.
    pub fn wait(
        &self,
        address: u64,
        until: Option<u64>,
        interrupts: &InterruptWord,
        longest: Option<u64>,
        is_expected: impl Fn() -> bool,
    ) -> Wait {
        let left = || until.map(|until| until.saturating_sub(AlarmClock::Wall.now()));
        let word = AtomicU32::new(WAITS);
        loop {
            let mut parked = self.parked();
            if parked.is_closed {
                return Wait::Closed;
            }
            if !is_expected() {
                return Wait::NotEqual;
            }
            let left = left();
            if left == Some(0) {
                return Wait::TimedOut;
            }
            if memory::reserve(&mut parked.waiters, 1).is_ok() {
                parked.waiters.push(Waiter { address, word: &word });
                parked.process = process::id();
                break;
            }
            drop(parked);
            // It hasn't begun to wait yet.
            futex::wait(&word, WAITS, Some(left.unwrap_or(PATIENCE).min(PATIENCE)), interrupts);
            if interrupts.is_set() {
                return Wait::Interrupted;
            }
        }
        let given_up = loop {
            match left() {
                Some(0) => break Wait::TimedOut,
                _ if interrupts.is_set() => break Wait::Interrupted,
                left => futex::wait(&word, WAITS, left.into_iter().chain(longest).min(), interrupts),
            }
            if word.load(Ordering::Acquire) != WAITS {
                break Wait::Notified;
            }
        };
        let mut parked = self.parked();
        if let Some(place) = parked.waiters.iter().position(|waiter| ptr::eq(waiter.word, &word)) {
            parked.waiters.remove(place);
            return given_up;
        }
        // Somebody has taken it, maybe just now.
        if word.load(Ordering::Acquire) == CLOSED { Wait::Closed } else { Wait::Notified }
    }

    /// Wakes those that wait at this address, first come first served, at most so many; answers how many.
    pub fn notify(&self, address: u64, most: u32) -> u32 {
        let mut count = 0;
        self.parked().waiters.retain(|waiter| {
            let is_taken = waiter.address == address && count < most;
            if is_taken {
                count += 1;
                waiter.take(NOTIFIED);
            }
            !is_taken
        });
        count
    }

    /// Says whether guests may wait. Those that do when they may no longer are woken, as [`Wait::Closed`].
    pub fn set_closed(&self, is_closed: bool) {
        let mut parked = self.parked();
        parked.is_closed = is_closed;
        if is_closed {
            parked.waiters.drain(..).for_each(|waiter| waiter.take(CLOSED));
        }
    }

    /// How many guests wait.
    pub fn count(&self) -> usize {
        self.parked().waiters.len()
    }
}

impl Waiter {
    /// Wakes it. Requires: the lock is held, and it is taken from the queue before that is given up.
    fn take(&self, why: u32) {
        // SAFETY: it is still in the queue, so its thread, which takes the lock before it goes on, hasn't left the word's stack.
        let word = unsafe { &*self.word };
        word.store(why, Ordering::Release);
        futex::wake(word);
    }
}
