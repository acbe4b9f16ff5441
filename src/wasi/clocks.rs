//! Clocks: the system's, or made ones that tell every run the same.

use super::context::Context;
use super::guest::{Guest, Result};
use super::{Errno, system};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Which clocks a guest sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockChoice {
    /// The system's.
    #[default]
    Real,
    /// Clocks that start at `start` nanoseconds since 1970 and advance by `step` nanoseconds with each look at one of them,
    /// and by what the guest sleeps.
    Fixed {
        /// The time of day at the beginning.
        start: u64,
        /// What a look costs.
        step: u64,
    },
}

/// The clocks that a guest can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Time of day.
    Realtime,
    /// Time since some point in the past.
    Monotonic,
    /// What the process has used.
    ProcessCpu,
    /// What the thread has used.
    ThreadCpu,
}

impl Clock {
    /// The clock of a number of the guest's.
    pub fn of(number: u32) -> Result<Clock> {
        Ok(match number {
            0 => Clock::Realtime,
            1 => Clock::Monotonic,
            2 => Clock::ProcessCpu,
            3 => Clock::ThreadCpu,
            _ => return Err(Errno::Inval),
        })
    }
}

/// The clocks of a context.
pub struct Clocks {
    choice: ClockChoice,
    begun: Instant,
    /// What made clocks have advanced.
    elapsed: AtomicU64,
}

impl Clocks {
    /// Clocks that begin now.
    pub fn new(choice: ClockChoice) -> Clocks {
        Clocks { choice, begun: Instant::now(), elapsed: AtomicU64::new(0) }
    }

    /// Whether they are made ones, on which sleeping takes no time.
    pub fn are_fixed(&self) -> bool {
        self.choice != ClockChoice::Real
    }

    /// What a clock shows, in nanoseconds.
    pub fn look(&self, clock: Clock) -> Result<u64> {
        let now = self.now(clock)?;
        if let ClockChoice::Fixed { step, .. } = self.choice {
            self.advance(step);
        }
        Ok(now)
    }

    /// The same, without the step of made clocks.
    pub fn now(&self, clock: Clock) -> Result<u64> {
        match (self.choice, clock) {
            (ClockChoice::Fixed { start, .. }, Clock::Realtime) => Ok(start.saturating_add(self.elapsed())),
            (ClockChoice::Fixed { .. }, _) => Ok(self.elapsed()),
            (ClockChoice::Real, Clock::Realtime) => Ok(nanoseconds(SystemTime::now())),
            (ClockChoice::Real, Clock::Monotonic) => Ok(saturated(self.begun.elapsed())),
            (ClockChoice::Real, Clock::ProcessCpu | Clock::ThreadCpu) => Ok(system::cpu_time(clock)),
        }
    }

    /// Lets made clocks advance.
    pub fn advance(&self, nanoseconds: u64) {
        let more = |elapsed: u64| Some(elapsed.saturating_add(nanoseconds));
        // It always gives a new value.
        let _ = self.elapsed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    fn elapsed(&self) -> u64 {
        self.elapsed.load(Ordering::Relaxed)
    }

    fn resolution(&self, clock: Clock) -> u64 {
        match self.choice {
            ClockChoice::Fixed { step, .. } => step.max(1),
            ClockChoice::Real => system::resolution(clock),
        }
    }
}

/// A point in time as guests count it. Before 1970 there is nothing.
fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, saturated)
}

fn saturated(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Context {
    /// `clock_res_get`
    pub fn clock_res_get(&self, guest: Guest<'_>, clock: u32, out: u32) -> Result<()> {
        let clock = Clock::of(clock)?;
        guest.write_u64(out, self.clocks.resolution(clock))
    }

    /// `clock_time_get`; the precision that the guest asks for isn't needed.
    pub fn clock_time_get(&self, guest: Guest<'_>, clock: u32, out: u32) -> Result<()> {
        let clock = Clock::of(clock)?;
        guest.check(out, 8)?;
        guest.write_u64(out, self.clocks.look(clock)?)
    }
}
