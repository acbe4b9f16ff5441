//! Waiting, and the clocks of the process.

use crate::wasi::clocks::Clock;
use crate::wasi::guest::Result;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::ClockId;
use std::fs::File;

/// What the process or thread has used, in nanoseconds.
pub fn cpu_time(clock: Clock) -> u64 {
    nanoseconds(rustix::time::clock_gettime(id(clock)))
}

/// The smallest step of a clock, in nanoseconds.
pub fn resolution(clock: Clock) -> u64 {
    nanoseconds(rustix::time::clock_getres(id(clock))).max(1)
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
    pub file: &'a File,
    /// Whether it shall be writable, rather than readable.
    pub for_writing: bool,
}

/// What came of waiting.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// How many bytes there are to read, if that is known.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

/// Waits until one is ready or time is over, which may be never; or until a signal came. Answers for each whether it is
/// ready.
pub fn wait(waits: &[Wait<'_>], timeout: Option<u64>) -> Result<Vec<Option<Arrived>>> {
    let timeout = timeout.map(|nanoseconds| Timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as _,
    });
    let flags = |wait: &Wait<'_>| if wait.for_writing { PollFlags::OUT } else { PollFlags::IN };
    let mut fds: Vec<_> = waits.iter().map(|wait| PollFd::new(wait.file, flags(wait))).collect();
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let arrived = waits.iter().zip(&fds).map(|(wait, fd)| {
        let found = fd.revents();
        let bytes = if wait.for_writing { 1 } else { rustix::io::ioctl_fionread(wait.file).unwrap_or(1) };
        let hangup = found.intersects(PollFlags::HUP | PollFlags::ERR);
        (!found.is_empty()).then_some(Arrived { bytes, hangup })
    });
    Ok(arrived.collect())
}
