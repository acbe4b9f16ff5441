//! What a heap tells of itself.

use std::time::{Duration, Instant};

/// Numbers since the heap was made.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Minor collections.
    pub minor: u64,
    /// Major collections that are through.
    pub major: u64,
    /// Bytes that lived after the last of them.
    pub live_bytes: u64,
    /// Bytes that were given out in holes, or as large objects.
    pub given_bytes: u64,
    /// Bytes that became old.
    pub promoted_bytes: u64,
    /// How often the collector held the store up.
    pub pauses: u64,
    /// How long in all.
    pub paused: Duration,
    /// How long at most.
    pub longest_pause: Duration,
}

impl Statistics {
    pub(super) fn note_pause(&mut self, since: Instant) {
        let pause = since.elapsed();
        self.pauses += 1;
        self.paused += pause;
        self.longest_pause = self.longest_pause.max(pause);
    }
}
