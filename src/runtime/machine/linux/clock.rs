//! The system's clocks, by its C library: what else asks it for the time doesn't know valgrind.

#![expect(unsafe_code, reason = "asks the system what time it is")]

/// What a clock shows that the system has, in nanoseconds.
#[inline]
pub fn time_of(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure can be written.
    unsafe { libc::clock_gettime(clock, &mut now) };
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Nanoseconds of `CLOCK_MONOTONIC` when the system last looked, some milliseconds ago at most; never 0. It costs no more than a few loads.
#[inline]
pub fn recent_time() -> u64 {
    time_of(libc::CLOCK_MONOTONIC_COARSE).max(1)
}
