//! When to collect, and how much at a time.
//!
//! A minor collection comes after so many bytes were given out that few of them survive, and no more than can be dealt with in half
//! a millisecond. A major one begins when what is old has grown by three quarters since the last, and marks as old objects
//! are added, so that it is through before the heap has twice the size.

use std::time::Duration;

/// What a major collection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// There is none.
    Idle,
    /// It prepares the side of the blocks that it marks in.
    Clear,
    /// It marks.
    Mark,
}

const MIB: u64 = 1 << 20;
/// Bytes that are given out between two minor collections, for hosts that give the collector time of its own.
const PACED_NURSERY: (u64, u64) = (MIB / 2, 4 * MIB);
/// The same for all others, whom only the sum of all pauses matters to.
const NURSERY: (u64, u64) = (8 * MIB, 32 * MIB);
/// Minor collections without a slice in between, after which a host is one of those.
const UNPACED_AFTER: u32 = 16;
/// Bytes that should survive one at most.
const SURVIVORS: u64 = MIB / 4;
/// What a heap may grow by, however small it is, before a major collection begins.
const LEAST_GROWTH: u64 = 8 * MIB;
/// Bytes that are marked for each byte that becomes old, beside what is needed to be through in time.
const LEAST_MARKED: u64 = MIB / 4;

/// What decides.
#[derive(Debug)]
pub struct Pace {
    given: u64,
    nursery: u64,
    /// Bytes of old objects, dead ones too.
    old: u64,
    major_from: u64,
    major_until: u64,
    /// Bytes of blocks from which on a major collection has to be finished first.
    overdue_from: u64,
    marked: u64,
    /// Minor collections since the host gave the collector time.
    since_step: u32,
    /// How long the last minor collection took.
    minor_took: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let mut pace = Pace {
            given: 0,
            nursery: NURSERY.0,
            old: 0,
            major_from: 0,
            major_until: 0,
            overdue_from: 0,
            marked: 0,
            since_step: UNPACED_AFTER,
            minor_took: Duration::ZERO,
        };
        pace.note_major(0, 0);
        pace
    }
}

impl Pace {
    /// So many bytes were given out.
    pub fn note_given(&mut self, bytes: u32) {
        self.given += u64::from(bytes);
    }

    /// Whether a minor collection is due.
    pub fn is_minor_due(&self) -> bool {
        self.given >= self.nursery
    }

    /// Whether one is worth the while for a host that gives time to the collector.
    pub fn is_minor_worthwhile(&self) -> bool {
        self.given >= self.nursery / 2
    }

    /// The host gives the collector time.
    pub fn note_step(&mut self) {
        self.since_step = 0;
        self.nursery = self.nursery.min(PACED_NURSERY.1);
    }

    fn is_paced(&self) -> bool {
        self.since_step < UNPACED_AFTER
    }

    /// How long a minor collection takes, as far as can be told.
    pub fn minor_takes(&self) -> Duration {
        self.minor_took
    }

    /// A minor collection has made so many bytes old, in this time.
    pub fn note_minor(&mut self, survived: u64, took: Duration) {
        self.minor_took = took;
        self.old += survived;
        let (least, most) = if self.is_paced() { PACED_NURSERY } else { NURSERY };
        self.since_step = self.since_step.saturating_add(1);
        if !self.is_paced() {
            self.nursery = (self.old / 8).clamp(least, most);
        } else if survived > SURVIVORS {
            self.nursery = (self.nursery / 2).max(least);
        } else if survived < SURVIVORS / 4 && self.given >= self.nursery {
            self.nursery = (self.nursery * 2).min(most);
        }
        self.given = 0;
    }

    /// A major collection is through: so many bytes live, in blocks of so many.
    pub fn note_major(&mut self, live: u64, used: u64) {
        self.old = live;
        self.major_from = live + (live / 4 * 3).max(LEAST_GROWTH);
        self.major_until = live + (live / 4 * 5).max(2 * LEAST_GROWTH);
        self.overdue_from = used + (live / 4 * 5).max(2 * LEAST_GROWTH);
        self.marked = 0;
    }

    /// Bytes of old objects, dead ones too.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// Whether a major collection should begin.
    pub fn is_major_due(&self) -> bool {
        self.old >= self.major_from
    }

    /// Whether a major collection has to be through before so many bytes are used.
    pub fn is_overdue(&self, used: u64) -> bool {
        used > self.overdue_from
    }

    /// Collects now, and a major collection too if that is said.
    #[cfg(test)]
    pub fn make_due(&mut self, is_major: bool) {
        self.given = self.nursery;
        if is_major {
            self.major_from = 0;
        }
    }

    /// Bytes that may be used beside these before that.
    pub fn headroom(&self, used: u64) -> u64 {
        self.overdue_from.saturating_sub(used)
    }

    /// A major collection has marked so many bytes.
    pub fn note_marked(&mut self, bytes: u64) {
        self.marked += bytes;
    }

    /// Bytes that it has marked.
    pub fn marked(&self) -> u64 {
        self.marked
    }

    /// How many bytes to mark after a minor collection that made so many old.
    pub fn to_mark(&self, survived: u64) -> u64 {
        let left = self.old.saturating_sub(self.marked);
        let room = self.major_until.saturating_sub(self.old).max(1);
        let share = u128::from(survived) * u128::from(left) / u128::from(room);
        LEAST_MARKED + u64::try_from(share).unwrap_or(u64::MAX)
    }
}
