//! The clock by which things are dated that happen often: it costs no more than a few loads, and is as old as the system's last tick.

#![expect(unsafe_code, reason = "asks the system what time it is")]

/// Nanoseconds of `CLOCK_MONOTONIC` when the system last looked, some milliseconds ago at most; never 0.
#[inline]
pub fn recent_time() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure can be written.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64).max(1)
}
