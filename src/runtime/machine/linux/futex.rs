//! Sleeping until a word changes.
//!
//! Knows nothing of who sleeps for what. Read next: [`switch::interruptible_call`].

#![expect(unsafe_code, reason = "system calls")]

use super::super::store_context::InterruptWord;
use super::super::switch;
use std::ptr;
use std::sync::atomic::AtomicU32;

/// Sleeps as long as the word has this value, until somebody [wakes](wake) it, the time in nanoseconds is over, a signal has come, or the
/// guest of this interrupt word is to be left; it may also end for no reason.
pub fn wait(word: &AtomicU32, value: u32, timeout: Option<u64>, interrupts: &InterruptWord) {
    let timeout = timeout.map(|nanoseconds| libc::timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as i64,
    });
    let time: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let operation = (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as usize;
    let word = ptr::from_ref(word).addr();
    // SAFETY: the system reads the word and the time, which live through the call.
    unsafe { switch::interruptible_call(interrupts, libc::SYS_futex, word, operation, value as usize, time.addr()) };
}

/// Wakes who sleeps on the word.
pub fn wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is only named.
    unsafe { libc::syscall(libc::SYS_futex, ptr::from_ref(word), operation, 1) };
}
