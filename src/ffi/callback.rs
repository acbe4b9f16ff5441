//! The host's pointers that the library keeps: userdata with its finalizer.
//!
//! Knows nothing of who calls whom. Invariant: the finalizer runs exactly once, when the last owner of the
//! [`Userdata`] lets go, which is at once when the registration fails. Read next: [`func`](super::func).

use std::ffi::c_void;

/// Frees what a `userdata` pointer stands for. NULL if nothing needs to be done.
///
/// It runs exactly once: when the library has made its last use of `userdata`, or before the function that was given it
/// returns, if that function fails. It runs on whatever thread drops the last use, and must not call into the library.
///
/// Since: 0.1.
pub type pellucid_finalizer_t = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// A pointer of the host's and what to do when the library doesn't need it any more.
pub(super) struct Userdata {
    pointer: *mut c_void,
    finalizer: pellucid_finalizer_t,
}

// SAFETY: the library never looks behind the pointer; CONVENTIONS.md ("Threads") says for each callback on which
// threads the host gets it back.
unsafe impl Send for Userdata {}
// SAFETY: as for `Send`; a shared reference gives nothing but the pointer.
unsafe impl Sync for Userdata {}

impl Userdata {
    /// Takes over the duty to run `finalizer`.
    pub(super) fn new(pointer: *mut c_void, finalizer: pellucid_finalizer_t) -> Userdata {
        Userdata { pointer, finalizer }
    }

    /// The host's pointer.
    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the host gave the function for this pointer (header: `pellucid_finalizer_t`); `drop` runs once.
            unsafe { finalizer(self.pointer) };
        }
    }
}
