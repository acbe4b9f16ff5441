//! Signals that a write sends to whoever wrote.
//!
//! Writing to a pipe that nobody reads raises `SIGPIPE`, and writing beyond the limit of file sizes `SIGXFSZ`; both end
//! the process unless it has said otherwise. When a guest writes, that is the guest's error, and not the host's end. What
//! the host has said about these signals belongs to the host, so they are held back in this thread alone.

#![expect(unsafe_code, reason = "asks the system about the signals of this thread")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// The signals, with the error that says that each was raised.
const SIGNALS: [(i32, i32); 2] = [(libc::SIGPIPE, libc::EPIPE), (libc::SIGXFSZ, libc::EFBIG)];

/// Does one system call of a guest's that writes, and takes back the signal that it may have raised.
pub fn hold_write_signals<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let both = set(&SIGNALS.map(|(signal, _)| signal));
    let before = mask(libc::SIG_BLOCK, &both);
    // One that was held back before may wait for its time already, and isn't ours then.
    let is_waiting = |signal| is_in(&before, signal) && is_in(&waiting(), signal);
    let waited = SIGNALS.map(|(signal, _)| is_waiting(signal));
    let outcome = act();
    if let Err(error) = &outcome {
        for ((signal, number), waited) in SIGNALS.into_iter().zip(waited) {
            if error.raw_os_error() == Some(number) && !waited {
                take(&set(&[signal]));
            }
        }
    }
    mask(libc::SIG_SETMASK, &before);
    outcome
}

fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initializes the set, to which known signals are added then.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

fn is_in(set: &libc::sigset_t, signal: i32) -> bool {
    // SAFETY: reads a set that is initialized.
    unsafe { libc::sigismember(set, signal) == 1 }
}

/// Changes which signals this thread holds back; answers which it did.
fn mask(how: i32, signals: &libc::sigset_t) -> libc::sigset_t {
    let mut before = set(&[]);
    // SAFETY: both sets are initialized and live through the call, which can't fail for one of the three ways.
    unsafe { libc::pthread_sigmask(how, signals, &mut before) };
    before
}

/// The signals that were raised and are held back.
fn waiting() -> libc::sigset_t {
    let mut waiting = set(&[]);
    // SAFETY: the set lives through the call.
    unsafe { libc::sigpending(&mut waiting) };
    waiting
}

/// Takes a signal that waits, if it does.
fn take(signals: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set and the time live through the call, and nothing is asked about the signal.
    unsafe { libc::sigtimedwait(signals, null_mut(), &at_once) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_write_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal() {
        // Rust's own tests ignore the signal, which would hide it: a mask of this thread shows whether one waits.
        let before = mask(libc::SIG_SETMASK, &set(&[libc::SIGPIPE]));
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let outcome = hold_write_signals(|| writer.write(b"x"));
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EPIPE));
        assert!(!is_in(&waiting(), libc::SIGPIPE));
        // One that waits already goes on waiting.
        assert!(writer.write(b"x").is_err());
        assert!(is_in(&waiting(), libc::SIGPIPE));
        assert!(hold_write_signals(|| writer.write(b"x")).is_err());
        assert!(is_in(&waiting(), libc::SIGPIPE));
        assert!(is_in(&mask(libc::SIG_SETMASK, &set(&[libc::SIGPIPE])), libc::SIGPIPE));
        take(&set(&[libc::SIGPIPE]));
        mask(libc::SIG_SETMASK, &before);
    }
}
