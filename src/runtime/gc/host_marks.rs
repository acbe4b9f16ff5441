//! Which of the host's values a major collection has met.
//!
//! Invariant: if memory was refused, every value counts as met.

use crate::base::memory;

/// A set of numbers.
#[derive(Debug, Default)]
pub struct HostMarks {
    words: Vec<u64>,
    has_all: bool,
}

impl HostMarks {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.words.clear();
        self.has_all = false;
    }

    /// Adds a number.
    pub fn add(&mut self, number: u32) {
        let word = (number / 64) as usize;
        if word >= self.words.len() {
            let more = word + 1 - self.words.len();
            if memory::reserve(&mut self.words, more).is_err() {
                self.has_all = true;
                return;
            }
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
    }

    /// Whether a number was added.
    pub fn has(&self, number: u32) -> bool {
        let word = self.words.get((number / 64) as usize);
        self.has_all || word.is_some_and(|word| word >> (number % 64) & 1 != 0)
    }
}
