//! Homes: the words of a state slot that are reserved for each local and operand.
//!
//! ```text
//!   word 0       1 …                        Homes::operands() …
//!   context    | local 0 | local 1 | …    | operand 0 | operand 1 | …
//! ```
//!
//! Locals come in order, then operands from the bottom of the stack up, each right behind the one before and with as many
//! words as its type needs. So a home depends on types alone: those of all locals before, or of all locals and the operands
//! beneath. At one place of a function these are the same on every way to it, as validation says, and so is each home.
//!
//! Nobody else adds up widths. Invariant: homes don't overlap. Read next: [`super::frame_table`], which says what isn't at
//! home.

use crate::base::ValType;
use std::ops::Range;

/// Bytes of a word.
pub const WORD_SIZE: u32 = 8;
/// The word that holds the instance context.
pub const CONTEXT_WORD: u32 = 0;

pub use width::words;

/// The next home while locals are gone through in order, and operands after them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextHome(u32);

impl NextHome {
    /// The first local's; the first operand's, if there are no locals.
    pub fn first() -> NextHome {
        NextHome(CONTEXT_WORD + 1)
    }

    /// That of an operand whose home is known to begin there.
    pub fn at(word: u32) -> NextHome {
        NextHome(word)
    }

    /// Gives a local or operand of this type its home: answers the first of its words.
    pub fn take(&mut self, ty: ValType) -> u32 {
        let home = self.0;
        self.0 += words(ty);
        home
    }

    /// The word where the next home begins.
    pub fn word(self) -> u32 {
        self.0
    }
}

/// The homes of a function's locals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Homes {
    /// Where each begins, and where the last one ends.
    starts: Vec<u32>,
}

impl Homes {
    /// Those of locals of these types, parameters included.
    pub fn new(locals: &[ValType]) -> Homes {
        let mut next = NextHome::first();
        let mut starts: Vec<u32> = locals.iter().map(|ty| next.take(*ty)).collect();
        starts.push(next.word());
        Homes { starts }
    }

    /// The first word of a local's home.
    pub fn local(&self, local: u32) -> u32 {
        self.starts[local as usize]
    }

    /// The words of the homes of `count` locals from `first` on.
    pub fn locals(&self, first: u32, count: u32) -> Range<u32> {
        self.local(first)..self.starts[(first + count) as usize]
    }

    /// The home of the first operand, and from there those above it.
    pub fn operands(&self) -> NextHome {
        NextHome(self.starts[self.starts.len() - 1])
    }

    /// The local that has its home in this word; `None` if it is no local's.
    pub fn local_at(&self, word: u32) -> Option<u32> {
        let after = self.starts.partition_point(|start| *start <= word);
        (after > 0 && word < self.operands().word()).then(|| after as u32 - 1)
    }
}

#[cfg(not(test))]
mod width {
    use super::ValType;

    /// Words that a value of this type takes: one, or two if it has 16 bytes.
    #[inline]
    pub const fn words(ty: ValType) -> u32 {
        if matches!(ty, ValType::V128) { 2 } else { 1 }
    }
}

/// So that everything that counts words is tested with two of them wherever they may be, a test may give a type such a home;
/// the value in it keeps its width.
#[cfg(test)]
pub(crate) mod width {
    use super::ValType;
    use std::cell::Cell;

    thread_local! {
        static WIDE: Cell<Option<ValType>> = const { Cell::new(None) };
    }

    /// Words that a value of this type takes.
    pub fn words(ty: ValType) -> u32 {
        1 + u32::from(ty == ValType::V128 || WIDE.get() == Some(ty))
    }

    /// Gives a type of this thread two words, for the closure's time.
    pub(crate) fn with_wide<R>(ty: ValType, body: impl FnOnce() -> R) -> R {
        let before = WIDE.replace(Some(ty));
        let result = body();
        WIDE.set(before);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::width::with_wide;
    use super::*;

    const LOCALS: [ValType; 4] = [ValType::I32, ValType::F64, ValType::F64, ValType::I64];

    #[test]
    fn scalars_take_one_word_each() {
        let homes = Homes::new(&LOCALS);
        assert_eq!([0, 1, 2, 3].map(|local| homes.local(local)), [1, 2, 3, 4]);
        assert_eq!(homes.locals(1, 3), 2..5);
        let mut operands = homes.operands();
        assert_eq!(LOCALS.map(|ty| operands.take(ty)), [5, 6, 7, 8]);
        assert_eq!([0, 1, 4, 5].map(|word| homes.local_at(word)), [None, Some(0), Some(3), None]);
        assert_eq!(Homes::new(&[]).operands(), NextHome::first());
        assert_eq!(Homes::new(&[]).local_at(0), None);
    }

    #[test]
    fn vectors_take_two_words() {
        let homes = Homes::new(&[ValType::V128, ValType::I32, ValType::V128]);
        assert_eq!([0, 1, 2].map(|local| homes.local(local)), [1, 3, 4]);
        assert_eq!(homes.operands().word(), 6);
        assert_eq!([1, 2, 3, 5, 6].map(|word| homes.local_at(word)), [Some(0), Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn wide_values_take_two_words() {
        with_wide(ValType::F64, || {
            let homes = Homes::new(&LOCALS);
            assert_eq!([0, 1, 2, 3].map(|local| homes.local(local)), [1, 2, 4, 6]);
            assert_eq!(homes.locals(1, 2), 2..6);
            assert_eq!(homes.locals(0, 4), 1..7);
            let mut operands = homes.operands();
            assert_eq!(LOCALS.map(|ty| operands.take(ty)), [7, 8, 10, 12]);
            assert_eq!(operands.word(), 13);
            let at = [0, 1, 2, 3, 4, 5, 6, 7].map(|word| homes.local_at(word));
            assert_eq!(at, [None, Some(0), Some(1), Some(1), Some(2), Some(2), Some(3), None]);
        });
        assert_eq!((words(ValType::F64), words(ValType::V128)), (1, 2));
    }
}
