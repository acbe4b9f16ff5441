//! Random bytes: the system's, or a sequence that a seed determines.

use super::Errno;
use super::context::Context;
use super::guest::{Guest, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes are made at once.
const CHUNK: usize = 1 << 16;

/// Where random bytes come from.
pub enum Random {
    /// The system.
    System,
    /// SplitMix64 (Steele, Lea, Flood 2014), so that a seed means the same in every version of the library. Its numbers
    /// become bytes in little-endian order; each request begins with a new number.
    Seeded(AtomicU64),
}

impl Random {
    /// Seeded, or the system's.
    pub fn new(seed: Option<u64>) -> Random {
        seed.map_or(Random::System, |seed| Random::Seeded(AtomicU64::new(seed)))
    }

    fn fill(&self, out: &mut [u8]) -> Result<()> {
        match self {
            Random::System => getrandom::fill(out).map_err(|_| Errno::Io)?,
            Random::Seeded(state) => {
                for piece in out.chunks_mut(8) {
                    piece.copy_from_slice(&next(state).to_le_bytes()[..piece.len()]);
                }
            }
        }
        Ok(())
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn next(state: &AtomicU64) -> u64 {
    let mixed = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Context {
    /// `random_get`
    pub fn random_get(&self, guest: Guest<'_>, address: u32, length: u32) -> Result<()> {
        guest.check(address, u64::from(length))?;
        let mut chunk = vec![0; CHUNK.min(length as usize)];
        let mut done = 0;
        while done < length {
            let size = (length - done).min(CHUNK as u32);
            let bytes = &mut chunk[..size as usize];
            self.random.fill(bytes)?;
            guest.write(address + done, bytes)?;
            done += size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_is_the_published_one() {
        let state = AtomicU64::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| next(&state)).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
