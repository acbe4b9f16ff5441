//! Arguments and environment: lists of strings, each ended by NUL.

use super::Errno;
use super::context::Context;
use super::guest::{Guest, Result};

/// Strings as the guest gets them: pointers to each, and all of them one after the other.
pub struct Strings(Vec<Vec<u8>>);

impl Strings {
    /// Strings without NUL in them.
    pub fn new(strings: impl Iterator<Item = String>) -> Strings {
        let ended = strings.map(|text| {
            let mut bytes = text.into_bytes();
            bytes.push(0);
            bytes
        });
        Strings(ended.collect())
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|string| string.len() as u64).sum()
    }

    fn sizes(&self, guest: Guest<'_>, count: u32, bytes: u32) -> Result<()> {
        guest.check(count, 4)?;
        guest.check(bytes, 4)?;
        let fits = |number: u64| u32::try_from(number).map_err(|_| Errno::Overflow);
        guest.write_u32(count, fits(self.0.len() as u64)?)?;
        guest.write_u32(bytes, fits(self.bytes())?)
    }

    fn get(&self, guest: Guest<'_>, pointers: u32, bytes: u32) -> Result<()> {
        guest.check(pointers, self.0.len() as u64 * 4)?;
        guest.check(bytes, self.bytes())?;
        // Both ranges are in the memory, so that no address overflows before the last string was written.
        let (mut pointer, mut place) = (pointers, bytes);
        for string in &self.0 {
            guest.write_u32(pointer, place)?;
            guest.write(place, string)?;
            pointer = pointer.wrapping_add(4);
            place = place.wrapping_add(string.len() as u32);
        }
        Ok(())
    }
}

impl Context {
    /// `args_sizes_get`
    pub fn args_sizes_get(&self, guest: Guest<'_>, count: u32, bytes: u32) -> Result<()> {
        self.args.sizes(guest, count, bytes)
    }

    /// `args_get`
    pub fn args_get(&self, guest: Guest<'_>, pointers: u32, bytes: u32) -> Result<()> {
        self.args.get(guest, pointers, bytes)
    }

    /// `environ_sizes_get`
    pub fn environ_sizes_get(&self, guest: Guest<'_>, count: u32, bytes: u32) -> Result<()> {
        self.env.sizes(guest, count, bytes)
    }

    /// `environ_get`
    pub fn environ_get(&self, guest: Guest<'_>, pointers: u32, bytes: u32) -> Result<()> {
        self.env.get(guest, pointers, bytes)
    }
}
