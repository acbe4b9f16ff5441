//! A memory barrier in all threads of the process, at the expense of the one that asks for it.
//!
//! Whoever can have it needs none of its own where it happens often: the one for whom it is rare pays for both. Read next:
//! [`thread`](super::thread).

#![expect(unsafe_code, reason = "a system call")]

use std::sync::OnceLock;

/// Whether the system has such barriers, and lets this process use them, as far as asking about them shows.
pub fn has_process_barrier() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        let all = membarrier(libc::MEMBARRIER_CMD_QUERY);
        all > 0 && all & i64::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0
    })
}

/// Every other thread of the process runs a full memory barrier between the beginning and the end of this, and this one runs
/// one at either. Answers whether that could be had.
#[cold]
pub fn process_barrier() -> bool {
    if membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0 {
        return true;
    }
    // The first time in this process. It may take milliseconds, so nothing does it that may not need it.
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0
        && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0
}

fn membarrier(command: libc::c_int) -> i64 {
    // SAFETY: touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}
