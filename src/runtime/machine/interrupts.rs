//! Interrupts: how another thread, or a signal handler, has a guest left that runs.
//!
//! ```text
//!   any thread                         the thread that runs the store
//!     asks (1), looks for              was named as the one (3), and looks at the word
//!     the thread (2), sends            before the guest's first instruction (4);
//!     it a signal                      or the signal comes: in guest code, it is left
//! ```
//!
//! Why none is lost: if (2) finds another thread than the one that runs the guest, (3) comes after it, hence (4) after (1), and the
//! guest isn't entered. If it finds the right one, the signal comes after (1). It interrupts guest code, which is left; or a
//! window of the switch, which begins again by looking at the word; or it comes where the host has control, from where every way
//! back leads through such a window. A host's signal handler may have interrupted the guest: then the signal waits until that
//! has returned. A signal that comes too late, or to a thread that took another's number, finds nothing to do.
//!
//! Knows nothing of what is asked for. Invariants: the context's memory stays as long as anybody can ask; all that is done in a
//! signal handler is made of atomic operations and system calls. Read next: [`super::switch`], `linux/interrupt_signals.rs`.

#![expect(unsafe_code, reason = "shares a store's context with other threads")]

use super::interrupt_signals;
use super::store_context::{InterruptWord, StoreContext, ask, due};
use crate::base::{Error, ErrorKind, Result};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, fence};

/// A store's context, and what other threads need to reach whoever runs it. The store shares it with those who may ask.
pub struct SharedContext {
    context: UnsafeCell<StoreContext>,
    /// The system's number of the thread that has run the store's guests last.
    thread: AtomicI32,
    /// The signal to send.
    signal: AtomicI32,
    is_gone: AtomicBool,
}

// SAFETY: other threads than the store's use nothing of the context but the words of interrupts, which are atomic.
unsafe impl Send for SharedContext {}
// SAFETY: as above.
unsafe impl Sync for SharedContext {}

impl SharedContext {
    fn word(&self) -> &InterruptWord {
        // SAFETY: this part is only used through shared references.
        unsafe { &(*self.context.get()).interrupt }
    }
}

/// A store's own share, which says that the store is gone when it is dropped.
pub struct OwnedContext(Arc<SharedContext>);

impl OwnedContext {
    /// Takes a context to a place where it stays.
    pub fn new(context: StoreContext) -> OwnedContext {
        OwnedContext(Arc::new(SharedContext {
            context: UnsafeCell::new(context),
            thread: AtomicI32::new(0),
            signal: AtomicI32::new(0),
            is_gone: AtomicBool::new(false),
        }))
    }

    /// The context.
    #[inline(always)]
    pub fn get(&self) -> *mut StoreContext {
        self.0.context.get()
    }

    /// The interrupt word.
    #[inline(always)]
    pub fn word(&self) -> &InterruptWord {
        self.0.word()
    }

    /// The fuel that is left. The store's thread asks, while guest code isn't running.
    pub fn fuel(&self) -> i64 {
        // SAFETY: no other thread uses this field, and guest code, which does, isn't running.
        unsafe { (*self.get()).fuel }
    }

    /// Sets it. A guest that was left has taken fuel for a piece or hasn't: it does so in one instruction.
    pub fn set_fuel(&self, fuel: i64) {
        // SAFETY: as above.
        unsafe { (*self.get()).fuel = fuel };
    }

    /// Names the thread that is going to run the store's guests.
    pub fn set_thread(&self, number: i32) {
        self.0.thread.store(number, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Something to ask with. From here on the process handles the signal, if there is one.
    pub fn interrupter(&self, signal: Option<i32>) -> Result<Interrupter> {
        if let Some(signal) = signal {
            interrupt_signals::install(signal)?;
            self.0.signal.store(signal, Ordering::SeqCst);
        }
        Ok(Interrupter(self.0.clone()))
    }

    /// The signal, if the store can be interrupted.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }
}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        self.0.is_gone.store(true, Ordering::SeqCst);
    }
}

/// Asks for interrupts of one store, from any thread.
#[derive(Clone)]
pub struct Interrupter(Arc<SharedContext>);

/// Why nothing was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAsked {
    /// The store is gone.
    Gone,
    /// The system sends no signal.
    Refused,
}

impl Interrupter {
    /// Asks for what the bits say. Fit for a signal handler.
    pub fn ask(&self, bits: u32) -> Result<(), NotAsked> {
        let shared = &*self.0;
        if shared.is_gone.load(Ordering::SeqCst) {
            return Err(NotAsked::Gone);
        }
        let before = shared.word().asked.fetch_or(bits, Ordering::SeqCst);
        let thread = shared.thread.load(Ordering::SeqCst);
        let signal = shared.signal.load(Ordering::Relaxed);
        // Whoever has set a bit has sent a signal too, or is about to. Without one the guest looks by itself.
        if before != 0 || thread == 0 || signal == 0 || interrupt_signals::send(thread, signal) {
            return Ok(());
        }
        shared.word().asked.fetch_and(!(bits & !before), Ordering::SeqCst);
        Err(NotAsked::Refused)
    }

    /// Takes back what was asked for and wasn't heard yet. Fit for a signal handler.
    pub fn withdraw(&self) -> Result<(), NotAsked> {
        if self.0.is_gone.load(Ordering::SeqCst) {
            return Err(NotAsked::Gone);
        }
        self.forget(ask::ALL);
        Ok(())
    }

    /// Has the guest left to see which alarm has gone off.
    pub fn raise_alarm(&self) {
        self.0.word().due.fetch_or(due::ALARM, Ordering::SeqCst);
    }

    /// Takes back some bits.
    pub fn forget(&self, bits: u32) {
        self.0.word().asked.fetch_and(!bits, Ordering::SeqCst);
    }
}

/// The error for a store that can't be interrupted.
pub fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "guests of an engine with neither signal handlers nor checks can't be interrupted",
    )
}
