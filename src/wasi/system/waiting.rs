//! Waiting, and the clocks of the process.

use crate::runtime::{Store, time_of};
use crate::wasi::clocks::Clock;
use crate::wasi::guest::Result;
use rustix::time::{ClockId, Timespec};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// What the process or thread has used, in nanoseconds.
pub fn cpu_time(clock: Clock) -> u64 {
    time_of(id(clock) as libc::clockid_t)
}

/// The smallest step of a clock, in nanoseconds.
pub fn resolution(clock: Clock) -> u64 {
    nanoseconds(rustix::time::clock_getres(id(clock))).max(1)
}

/// What the clock shows that a host's deadlines are told by, in nanoseconds.
pub fn monotonic_time() -> u64 {
    time_of(libc::CLOCK_MONOTONIC)
}

fn id(clock: Clock) -> ClockId {
    match clock {
        Clock::Realtime => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::ProcessCpu => ClockId::ProcessCPUTime,
        Clock::ThreadCpu => ClockId::ThreadCPUTime,
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Something to wait for.
pub struct Wait<'a> {
    /// What to wait for.
    pub file: &'a Arc<File>,
    /// Whether it shall be writable, rather than readable.
    pub for_writing: bool,
}

/// How many bytes a pipe takes without waiting when it can be written to.
pub const LEAST_ROOM: usize = libc::PIPE_BUF;

/// What came of waiting.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// How many bytes there are to read, if that is known.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

/// Waits until one is ready or time is over, which may be never; or until a signal came, or the guest is to be left. Answers
/// for each whether it is ready.
pub fn wait(store: &Store, waits: &[Wait<'_>], timeout: Option<u64>) -> Result<Vec<Option<Arrived>>> {
    let events = |wait: &Wait<'_>| if wait.for_writing { libc::POLLOUT } else { libc::POLLIN };
    let mut fds: Vec<_> =
        waits.iter().map(|wait| libc::pollfd { fd: wait.file.as_raw_fd(), events: events(wait), revents: 0 }).collect();
    store.poll(&mut fds, timeout)?;
    let arrived = waits.iter().zip(&fds).map(|(wait, fd)| {
        let bytes = if wait.for_writing { 1 } else { rustix::io::ioctl_fionread(&**wait.file).unwrap_or(1) };
        let hangup = fd.revents & (libc::POLLHUP | libc::POLLERR) != 0;
        (fd.revents != 0).then_some(Arrived { bytes, hangup })
    });
    Ok(arrived.collect())
}
