//! Signals: for hosts with handlers, alternate stacks or signal masks of their own.
//!
//! Knows nothing of what a fault means. Read next: [`crate::runtime`].

use super::entry::entry;
use super::error::pellucid_error_t;
use super::pointer::present;
use super::status::pellucid_status_t;
use std::ffi::{c_int, c_void};

/// Puts the library's handlers in front of those that were installed after them, and prepares the calling thread for guests.
///
/// To be called when the program, or something in it (Python's `faulthandler`, a crash reporter), has installed a handler for
/// SIGSEGV, SIGBUS, SIGILL or SIGFPE after the first engine was made: it is called for what isn't a guest's from then on. Also
/// when this thread's alternate signal stack was replaced or taken away, or when these signals were blocked, since guests first
/// ran on it. An alternate stack of the program's own that this function finds counts as one that stays.
///
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`, also if nothing had to be done; `PELLUCID_ERR_LIMIT` if eight handlers that differ were found in front
/// of the library's; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_signal_install(out_error: *mut *mut pellucid_error_t) -> pellucid_status_t {
    entry!(status out_error; => {
        crate::runtime::install_signal_handlers_in_front()?;
        crate::runtime::prepare_thread()
    })
}

/// Handles a signal if it is a guest's. A handler that was installed after the library's calls this first.
///
///     static void on_fault(int signal, siginfo_t *info, void *context)
///     {
///         if (!pellucid_signal_handle(signal, info, context))
///             report_crash(signal, info);
///     }
///
/// The handler must be installed with SA_SIGINFO and SA_ONSTACK. If the answer is true it returns at once; the guest is then left
/// with its trap.
///
/// - `signal`, `info`, `context`: what the handler was given, `info` being a `siginfo_t *`.
///
/// Returns whether it was a guest's; false if `info` or `context` is NULL or misaligned.
///
/// Owns: nothing.
/// Context: in the signal handler, while it runs.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_signal_handle(signal: c_int, info: *mut c_void, context: *mut c_void) -> bool {
    // The system's structs are made of words.
    if present(info.cast::<usize>()).is_none() || present(context.cast::<usize>()).is_none() {
        return false;
    }
    // SAFETY: they are what the system gave to the handler that calls this, as documented.
    unsafe { crate::runtime::claim_signal(signal, info.cast(), context.cast()) }
}
