//! The clock by which things are dated that happen often: it costs no more than a few loads, and is as old as the system's last tick.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC` when the system last looked, some milliseconds ago at most; never 0.
#[inline]
pub fn recent_time() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64).max(1)
}
