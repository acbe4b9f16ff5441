//! The guest's memory, as WASI functions use it: by checked copies.
//!
//! Invariant: an address or length that isn't all inside the memory is [`Errno::Fault`], and nothing has happened yet.

use super::Errno;
use crate::base::{Memory, memory};
use crate::runtime::{Caller, Store};

/// A result with an error number.
pub type Result<T, E = Errno> = std::result::Result<T, E>;

/// Paths that are longer than this are refused.
const LONGEST_PATH: u32 = 1 << 16;

/// How many buffers a function takes at once, as on other systems.
const MOST_BUFFERS: u32 = 1024;

/// The memory of the instance that called.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    store: &'a Store,
    /// None if the instance exports none.
    memory: Option<Memory>,
    /// Whether it is left where it would wait.
    yields: bool,
    /// Since when it has waited, by the system's monotonic clock, if it was left for that.
    since: Option<u64>,
    /// What its function had done then.
    done: u32,
}

impl<'a> Guest<'a> {
    /// The memory of an instance, or of one that has none, which makes every pointer a bad one.
    pub fn new(caller: &Caller<'a>, memory: Option<Memory>, yields: bool) -> Guest<'a> {
        let waited = caller.waited();
        let (since, done) = (waited.map(|(begun, _)| begun), waited.map_or(0, |(_, done)| done));
        Guest { store: caller.store(), memory, yields, since, done }
    }

    /// The store.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Whether it is to be left where it would wait, see [`Context::wait_for`](super::context::Context::wait_for).
    pub fn yields(&self) -> bool {
        self.yields
    }

    /// Since when it has waited in the function that it is in, by [`system::monotonic_time`](super::system::monotonic_time).
    pub fn since(&self) -> Option<u64> {
        self.since
    }

    /// How many bytes its function has transferred already, before it was left.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// `Fault` unless all of a range is in the memory.
    pub fn check(&self, address: u32, length: u64) -> Result<()> {
        let memory = self.memory.ok_or(Errno::Fault)?;
        let (_, size) = self.store.memory_base(memory).map_err(|_| Errno::Fault)?;
        let end = u64::from(address).checked_add(length).ok_or(Errno::Fault)?;
        if end <= size as u64 { Ok(()) } else { Err(Errno::Fault) }
    }

    /// Reads bytes.
    pub fn read(&self, address: u32, out: &mut [u8]) -> Result<()> {
        let memory = self.memory.ok_or(Errno::Fault)?;
        self.store.memory_read(memory, u64::from(address), out).map_err(|_| Errno::Fault)
    }

    /// Writes bytes.
    pub fn write(&self, address: u32, bytes: &[u8]) -> Result<()> {
        let memory = self.memory.ok_or(Errno::Fault)?;
        self.store.memory_write(memory, u64::from(address), bytes).map_err(|_| Errno::Fault)
    }

    /// Reads a number.
    pub fn read_u32(&self, address: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Writes a number.
    pub fn write_u32(&self, address: u32, number: u32) -> Result<()> {
        self.write(address, &number.to_le_bytes())
    }

    /// Writes a number.
    pub fn write_u64(&self, address: u32, number: u64) -> Result<()> {
        self.write(address, &number.to_le_bytes())
    }

    /// Reads a path. `Ilseq` unless it is UTF-8, `Inval` if it contains NUL, `Nametoolong`.
    pub fn path(&self, address: u32, length: u32) -> Result<String> {
        self.check(address, u64::from(length))?;
        if length > LONGEST_PATH {
            return Err(Errno::Nametoolong);
        }
        ask(length as usize)?;
        let mut bytes = vec![0; length as usize];
        self.read(address, &mut bytes)?;
        if bytes.contains(&0) {
            return Err(Errno::Inval);
        }
        String::from_utf8(bytes).map_err(|_| Errno::Ilseq)
    }

    /// The buffers that an array of `count` vectors names; all are checked.
    pub fn buffers(&self, array: u32, count: u32) -> Result<Buffers<'a>> {
        self.check(array, u64::from(count) * 8)?;
        if count > MOST_BUFFERS {
            return Err(Errno::Inval);
        }
        ask(count as usize * 16)?;
        let mut bytes = vec![0; count as usize * 8];
        self.read(array, &mut bytes)?;
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let list: Vec<_> = bytes.chunks_exact(8).map(|pair| (number(&pair[..4]), number(&pair[4..]))).collect();
        let mut left = 0_u32;
        for (address, length) in &list {
            self.check(*address, u64::from(*length))?;
            left = left.checked_add(*length).ok_or(Errno::Inval)?;
        }
        Ok(Buffers { guest: *self, list, place: 0, left })
    }
}

/// `Nomem` unless the host has so many bytes.
pub(super) fn ask(bytes: usize) -> Result<()> {
    memory::ask(bytes).map_err(|_| Errno::Nomem)
}

/// Buffers in the guest's memory, which are filled or emptied in order.
pub struct Buffers<'a> {
    guest: Guest<'a>,
    list: Vec<(u32, u32)>,
    place: usize,
    left: u32,
}

impl Buffers<'_> {
    /// How many bytes are left to fill or to empty.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Passes over bytes.
    pub fn skip(&mut self, mut bytes: usize) {
        while let Some((_, length)) = self.next(bytes) {
            bytes -= length;
        }
    }

    /// Takes as many bytes as there are and fit; answers how many.
    pub fn take(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while let Some((address, length)) = self.next(out.len() - done) {
            self.guest.read(address, &mut out[done..done + length])?;
            done += length;
        }
        Ok(done)
    }

    /// Puts bytes into the buffers. Requires: no more than are left.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let mut done = 0;
        while let Some((address, length)) = self.next(bytes.len() - done) {
            self.guest.write(address, &bytes[done..done + length])?;
            done += length;
        }
        Ok(())
    }

    /// The next piece of at most `most` bytes, which counts as done.
    fn next(&mut self, most: usize) -> Option<(u32, usize)> {
        if most == 0 {
            return None;
        }
        while self.list.get(self.place)?.1 == 0 {
            self.place += 1;
        }
        let (address, length) = &mut self.list[self.place];
        let piece = (*address, (*length as usize).min(most));
        *address = address.wrapping_add(piece.1 as u32);
        *length -= piece.1 as u32;
        self.left -= piece.1 as u32;
        Some(piece)
    }
}
