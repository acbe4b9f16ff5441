//! The addresses of a heap, and access to what is there by offset.
//!
//! Knows nothing of objects. Invariants: what is accessible is one range, which only grows while the heap lives; every access is
//! compared with it. Guest code on the same thread reads and writes there too, but not while a function of this file runs.

#![expect(unsafe_code, reason = "accesses the heap by offset")]

#[cfg(not(miri))]
use super::super::machine::mapping::{self, Mapping};
use crate::abi::heap::INACCESSIBLE;
use crate::base::{Error, ErrorKind, Result};

/// Asks the processor for what is at an address; whatever is there.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, which doesn't access anything.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}

/// A reservation that is made accessible from below.
#[derive(Debug)]
pub struct Space {
    memory: Memory,
    base: usize,
    /// The offset after the last that is accessible.
    end: u32,
    /// How far behind [`INACCESSIBLE`] a word may begin, or less than nothing.
    last_word: i64,
}

impl Space {
    /// Reserves addresses. Nothing is accessible.
    pub fn reserve(bytes: u32) -> Result<Space> {
        let memory = Memory::reserve(bytes as usize)?;
        Ok(Space { base: memory.base(), memory, end: INACCESSIBLE, last_word: -4 })
    }

    /// The first address.
    pub fn base(&self) -> usize {
        self.base
    }

    /// The offset after the last that is accessible.
    #[cfg(test)]
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Makes everything up to this offset accessible, in zeroes.
    ///
    /// Errors: `System`; `Limit` behind the end of the reservation.
    pub fn grow(&mut self, end: u32) -> Result<()> {
        if end as usize > self.memory.length() {
            return Err(Error::new(ErrorKind::Limit, "the heap's addresses are used up"));
        }
        if end > self.end {
            self.memory.make_accessible(self.end as usize, (end - self.end) as usize)?;
            self.end = end;
            self.last_word = i64::from(end - INACCESSIBLE) - 4;
        }
        Ok(())
    }

    /// Whether `bytes` from `at` on are accessible.
    fn is_inside(&self, at: u32, bytes: u32) -> bool {
        at >= INACCESSIBLE && u64::from(at) + u64::from(bytes) <= self.end.into()
    }

    /// Whether a word at `at` is accessible.
    #[inline(always)]
    fn is_word(&self, at: u32) -> bool {
        let behind = i64::from(at) - i64::from(INACCESSIBLE);
        behind >= 0 && behind <= self.last_word
    }

    /// The word at `at`.
    #[inline(always)]
    pub fn read(&self, at: u32) -> u32 {
        assert!(self.is_word(at));
        // SAFETY: the word is accessible, and nobody else accesses it now.
        unsafe { ((self.base + at as usize) as *const u32).read_unaligned() }
    }

    /// Replaces the word at `at`.
    #[inline(always)]
    pub fn write(&self, at: u32, word: u32) {
        assert!(self.is_word(at));
        // SAFETY: the word is accessible, nobody else accesses it now, and nobody has a reference to it.
        unsafe { ((self.base + at as usize) as *mut u32).write_unaligned(word) }
    }

    /// Asks the processor for what is at `at`; whatever is there.
    #[inline(always)]
    pub fn prefetch(&self, at: u32) {
        prefetch((self.base + at as usize) as *const u8);
    }

    /// Makes all of `bytes` from `at` on this byte.
    pub fn fill(&self, at: u32, bytes: u32, with: u8) {
        assert!(self.is_inside(at, bytes));
        // SAFETY: as for `write`.
        unsafe { std::ptr::write_bytes((self.base + at as usize) as *mut u8, with, bytes as usize) };
    }

    /// Writes a number of so many bytes `count` times from `at` on.
    pub fn fill_with(&self, at: u32, count: u32, number_bytes: u32, number: u128) {
        assert!(self.is_inside(at, count.checked_mul(number_bytes).expect("as much as a space has")));
        fn fill<T: Copy>(start: *mut T, count: u32, number: T) {
            // SAFETY: the caller has checked the range.
            (0..count as usize).for_each(|place| unsafe { start.add(place).write_unaligned(number) });
        }
        let start = (self.base + at as usize) as *mut u8;
        match number_bytes {
            1 => fill(start, count, number as u8),
            2 => fill(start.cast(), count, number as u16),
            4 => fill(start.cast(), count, number as u32),
            8 => fill(start.cast(), count, number as u64),
            _ => fill(start.cast(), count, number),
        }
    }

    /// Whether all of `bytes` from `at` on are this byte.
    pub fn is_filled(&self, at: u32, bytes: u32, with: u8) -> bool {
        assert!(self.is_inside(at, bytes));
        // SAFETY: as for `read`; the slice ends with this function.
        let slice = unsafe { std::slice::from_raw_parts((self.base + at as usize) as *const u8, bytes as usize) };
        slice.iter().all(|byte| *byte == with)
    }

    /// Reads bytes from `at` on.
    pub fn read_bytes(&self, at: u32, into: &mut [u8]) {
        assert!(into.len() <= u32::MAX as usize && self.is_inside(at, into.len() as u32));
        let from = (self.base + at as usize) as *const u8;
        // SAFETY: as for `read`; `into` is no part of the heap, as nobody has a reference into that.
        unsafe { from.copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) };
    }

    /// Replaces the bytes from `at` on.
    pub fn write_bytes(&self, at: u32, bytes: &[u8]) {
        assert!(bytes.len() <= u32::MAX as usize && self.is_inside(at, bytes.len() as u32));
        let to = (self.base + at as usize) as *mut u8;
        // SAFETY: as for `write`, and as above.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Copies bytes to `to`; the two may overlap.
    pub fn copy(&self, to: u32, from: u32, bytes: u32) {
        assert!(self.is_inside(to, bytes) && self.is_inside(from, bytes));
        let source = (self.base + from as usize) as *const u8;
        // SAFETY: as for `read` and `write`.
        unsafe { source.copy_to((self.base + to as usize) as *mut u8, bytes as usize) };
    }

    /// Gives the memory of whole pages back to the system. They stay accessible, and are zero.
    pub fn give_back(&self, at: u32, bytes: u32) {
        assert!(self.is_inside(at, bytes));
        self.memory.give_back(at as usize, bytes as usize);
    }
}

/// Where it is.
#[cfg(not(miri))]
#[derive(Debug)]
struct Memory(Mapping);

#[cfg(not(miri))]
impl Memory {
    fn reserve(bytes: usize) -> Result<Memory> {
        Mapping::reserve(bytes).map(Memory)
    }

    fn base(&self) -> usize {
        self.0.base()
    }

    fn length(&self) -> usize {
        self.0.length()
    }

    fn make_accessible(&self, at: usize, bytes: usize) -> Result<()> {
        self.0.make_writable(at, bytes)
    }

    fn give_back(&self, at: usize, bytes: usize) {
        // SAFETY: the caller has checked that these are writable pages of this mapping, which is nobody else's; the heap
        // needs nothing of what is there.
        unsafe { mapping::give_back(self.0.base() + at, bytes) };
    }
}

/// The same where the system can't be asked: all of it is there from the start.
#[cfg(miri)]
#[derive(Debug)]
struct Memory(Vec<u64>, usize);

#[cfg(miri)]
impl Memory {
    fn reserve(bytes: usize) -> Result<Memory> {
        let mut words = vec![0; bytes.div_ceil(8)];
        let base = words.as_mut_ptr().expose_provenance();
        Ok(Memory(words, base))
    }

    fn base(&self) -> usize {
        self.1
    }

    fn length(&self) -> usize {
        self.0.len() * 8
    }

    fn make_accessible(&self, _: usize, _: usize) -> Result<()> {
        Ok(())
    }

    fn give_back(&self, at: usize, bytes: usize) {
        // SAFETY: the caller has checked the range.
        unsafe { std::ptr::write_bytes((self.1 + at) as *mut u8, 0, bytes) };
    }
}
