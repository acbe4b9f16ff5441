//! Statuses: what every fallible function returns.
//!
//! Knows nothing of messages (see [`error`](super::error)). Invariant: each [`ErrorKind`] is exactly one status, and
//! numbers are never reused. Read next: [`entry`](super::entry).

use super::bytes::pellucid_str_t;
use super::entry::entry;
use crate::base::{ErrorKind, error::bail};

/// The outcome of a function: `PELLUCID_OK`, or negative, one of `enum pellucid_status`.
///
/// Numbers are never reused; a newer library may return ones that this header doesn't know.
///
/// Since: 0.1.
pub type pellucid_status_t = i32;

/// Values of `pellucid_status_t`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum pellucid_status {
    /// Success.
    PELLUCID_OK = 0,
    /// Not yet. No failure: what a host function returns that has no results yet, see `pellucid_caller_yield`; and what a
    /// callback of a WASI stream returns, see `pellucid_wasi_read_cb_t`. No function of the library returns it to its caller but
    /// `pellucid_caller_yield`.
    PELLUCID_YIELD = 1,
    /// An argument is out of its documented range, or two arguments contradict each other.
    PELLUCID_ERR_INVALID_ARGUMENT = -1,
    /// A required pointer is NULL.
    PELLUCID_ERR_NULL_ARGUMENT = -2,
    /// A handle belongs to another store.
    PELLUCID_ERR_WRONG_STORE = -3,
    /// A frame that isn't valid any more, because its call has run since.
    PELLUCID_ERR_STALE_HANDLE = -4,
    /// An index is outside the space that it indexes.
    PELLUCID_ERR_OUT_OF_RANGE = -5,
    /// A value, function, global or import has another type than required.
    PELLUCID_ERR_TYPE_MISMATCH = -6,
    /// The bytes aren't a well-formed and valid module, or text.
    PELLUCID_ERR_INVALID_MODULE = -7,
    /// The module, or the function that was called, needs a feature that this library doesn't have or that is off.
    PELLUCID_ERR_UNSUPPORTED = -8,
    /// An import is missing or has the wrong type.
    PELLUCID_ERR_LINK = -9,
    /// The guest trapped.
    PELLUCID_ERR_TRAP = -10,
    /// A host function or event handler reported failure.
    PELLUCID_ERR_HOST = -11,
    /// A configured limit would be exceeded.
    PELLUCID_ERR_LIMIT = -12,
    /// The system refused memory or another resource.
    PELLUCID_ERR_SYSTEM = -13,
    /// The engine was made without debugging.
    PELLUCID_ERR_DEBUG_DISABLED = -14,
    /// The object isn't in the state that the function requires.
    PELLUCID_ERR_INVALID_STATE = -15,
    /// No such name or thing; also how a walk or an optional property ends.
    PELLUCID_ERR_NOT_FOUND = -16,
    /// A pause was asked for where the guest can't pause.
    PELLUCID_ERR_CANNOT_PAUSE = -17,
    /// An earlier failure made the store unusable; only deleting it and reading its errors make sense.
    PELLUCID_ERR_POISONED = -18,
    /// A bug in the library, caught at its border. Please report it.
    PELLUCID_ERR_PANIC = -19,
    /// The guest ended itself, see `pellucid_error_exit_code`.
    PELLUCID_ERR_EXIT = -20,
    /// Another thread is using the store, or the call or edit session of it. Nothing was done.
    PELLUCID_ERR_BUSY = -21,
    /// A host function has no results yet, where the call that it was called in can't wait for them.
    PELLUCID_ERR_CANNOT_YIELD = -22,
    /// An exception was thrown that nobody caught, see `pellucid_error_exception`.
    PELLUCID_ERR_EXCEPTION = -23,
    /// A serialized module is for another version of the library, another processor, or an engine with other options. It must be made
    /// again from the module's own bytes.
    PELLUCID_ERR_INCOMPATIBLE = -24,
}
use pellucid_status::*;

/// The status of a kind of error.
pub(super) fn status_of(kind: ErrorKind) -> pellucid_status_t {
    let status = match kind {
        ErrorKind::InvalidArgument => PELLUCID_ERR_INVALID_ARGUMENT,
        ErrorKind::NullArgument => PELLUCID_ERR_NULL_ARGUMENT,
        ErrorKind::WrongStore => PELLUCID_ERR_WRONG_STORE,
        ErrorKind::StaleHandle => PELLUCID_ERR_STALE_HANDLE,
        ErrorKind::OutOfRange => PELLUCID_ERR_OUT_OF_RANGE,
        ErrorKind::TypeMismatch => PELLUCID_ERR_TYPE_MISMATCH,
        ErrorKind::InvalidModule => PELLUCID_ERR_INVALID_MODULE,
        ErrorKind::Unsupported => PELLUCID_ERR_UNSUPPORTED,
        ErrorKind::Link => PELLUCID_ERR_LINK,
        ErrorKind::Trap => PELLUCID_ERR_TRAP,
        ErrorKind::Host => PELLUCID_ERR_HOST,
        ErrorKind::Limit => PELLUCID_ERR_LIMIT,
        ErrorKind::System => PELLUCID_ERR_SYSTEM,
        ErrorKind::DebugDisabled => PELLUCID_ERR_DEBUG_DISABLED,
        ErrorKind::InvalidState => PELLUCID_ERR_INVALID_STATE,
        ErrorKind::NotFound => PELLUCID_ERR_NOT_FOUND,
        ErrorKind::CannotPause => PELLUCID_ERR_CANNOT_PAUSE,
        ErrorKind::Poisoned => PELLUCID_ERR_POISONED,
        ErrorKind::Panic => PELLUCID_ERR_PANIC,
        ErrorKind::Exit => PELLUCID_ERR_EXIT,
        ErrorKind::Busy => PELLUCID_ERR_BUSY,
        ErrorKind::CannotYield => PELLUCID_ERR_CANNOT_YIELD,
        ErrorKind::Exception => PELLUCID_ERR_EXCEPTION,
        ErrorKind::Incompatible => PELLUCID_ERR_INCOMPATIBLE,
    };
    status as pellucid_status_t
}

const NAMES: [(pellucid_status, &str); 26] = [
    (PELLUCID_OK, "PELLUCID_OK"),
    (PELLUCID_ERR_INVALID_ARGUMENT, "PELLUCID_ERR_INVALID_ARGUMENT"),
    (PELLUCID_ERR_NULL_ARGUMENT, "PELLUCID_ERR_NULL_ARGUMENT"),
    (PELLUCID_ERR_WRONG_STORE, "PELLUCID_ERR_WRONG_STORE"),
    (PELLUCID_ERR_STALE_HANDLE, "PELLUCID_ERR_STALE_HANDLE"),
    (PELLUCID_ERR_OUT_OF_RANGE, "PELLUCID_ERR_OUT_OF_RANGE"),
    (PELLUCID_ERR_TYPE_MISMATCH, "PELLUCID_ERR_TYPE_MISMATCH"),
    (PELLUCID_ERR_INVALID_MODULE, "PELLUCID_ERR_INVALID_MODULE"),
    (PELLUCID_ERR_UNSUPPORTED, "PELLUCID_ERR_UNSUPPORTED"),
    (PELLUCID_ERR_LINK, "PELLUCID_ERR_LINK"),
    (PELLUCID_ERR_TRAP, "PELLUCID_ERR_TRAP"),
    (PELLUCID_ERR_HOST, "PELLUCID_ERR_HOST"),
    (PELLUCID_ERR_LIMIT, "PELLUCID_ERR_LIMIT"),
    (PELLUCID_ERR_SYSTEM, "PELLUCID_ERR_SYSTEM"),
    (PELLUCID_ERR_DEBUG_DISABLED, "PELLUCID_ERR_DEBUG_DISABLED"),
    (PELLUCID_ERR_INVALID_STATE, "PELLUCID_ERR_INVALID_STATE"),
    (PELLUCID_ERR_NOT_FOUND, "PELLUCID_ERR_NOT_FOUND"),
    (PELLUCID_ERR_CANNOT_PAUSE, "PELLUCID_ERR_CANNOT_PAUSE"),
    (PELLUCID_ERR_POISONED, "PELLUCID_ERR_POISONED"),
    (PELLUCID_ERR_PANIC, "PELLUCID_ERR_PANIC"),
    (PELLUCID_ERR_EXIT, "PELLUCID_ERR_EXIT"),
    (PELLUCID_ERR_BUSY, "PELLUCID_ERR_BUSY"),
    (PELLUCID_ERR_CANNOT_YIELD, "PELLUCID_ERR_CANNOT_YIELD"),
    (PELLUCID_ERR_EXCEPTION, "PELLUCID_ERR_EXCEPTION"),
    (PELLUCID_ERR_INCOMPATIBLE, "PELLUCID_ERR_INCOMPATIBLE"),
    (PELLUCID_YIELD, "PELLUCID_YIELD"),
];

/// The name of a status, if there is one with this number.
pub(super) fn status_name(status: pellucid_status_t) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known as pellucid_status_t == status).map(|(_, name)| *name)
}

/// The name of a status, such as `PELLUCID_ERR_TRAP`.
///
/// - `status`: any number.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if no status has this number.
///
/// Owns: nothing; the name is valid for ever.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_status_name(
    status: pellucid_status_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status std::ptr::null_mut(); out out_name => {
        let Some(name) = status_name(status) else { bail!(NotFound, "no status has the number {status}") };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_dense_and_the_names_are_in_order() {
        for (place, (status, name)) in NAMES.iter().enumerate() {
            let number = if *status == PELLUCID_YIELD { 1 } else { -(place as i32) };
            assert_eq!(*status as i32, number);
            assert_eq!(format!("{status:?}"), *name);
        }
    }
}
