//! Objects that have been found and not yet looked into.
//!
//! Invariants: it never moves what it holds, so that no push takes long; if memory for it is refused it forgets objects and says
//! so, and then whoever uses it has to look for them.

use crate::base::memory;

/// Objects in a segment.
const SEGMENT: usize = 4096;

/// Objects that the processor is asked for ahead.
const SOON: usize = 8;

/// A stack of objects in segments.
#[derive(Debug, Default)]
pub struct MarkStack {
    top: Vec<u32>,
    below: Vec<Vec<u32>>,
    spare: Vec<u32>,
    /// Objects that were taken from the stack and will be looked into soon, oldest at `turn`: meanwhile the processor gets them.
    soon: [u32; SOON],
    turn: usize,
    /// Arrays of which a part has been looked into, each with the offset in it where the rest begins.
    partial: Vec<(u32, u32)>,
    has_forgotten: bool,
    /// Refuses everything, to test what happens then.
    #[cfg(test)]
    pub refuses: bool,
}

impl MarkStack {
    /// Puts an object on top.
    #[inline(always)]
    pub fn push(&mut self, object: u32) {
        if self.top.len() == self.top.capacity() && !self.make_room() {
            self.has_forgotten = true;
            return;
        }
        self.top.push(object);
    }

    #[cold]
    fn make_room(&mut self) -> bool {
        #[cfg(test)]
        if self.refuses {
            return false;
        }
        if self.spare.capacity() == 0 && memory::reserve(&mut self.spare, SEGMENT).is_err() {
            return false;
        }
        if self.top.capacity() != 0 {
            if memory::reserve(&mut self.below, 1).is_err() {
                return false;
            }
            self.below.push(std::mem::take(&mut self.top));
        }
        self.top = std::mem::take(&mut self.spare);
        true
    }

    /// Takes an object to look into. `ask` is called for those that will be soon.
    #[inline(always)]
    pub fn next(&mut self, ask: impl Fn(u32)) -> Option<u32> {
        loop {
            let object = match self.pop() {
                Some(object) => {
                    ask(object);
                    object
                }
                None if self.soon == [0; SOON] => return None,
                None => 0,
            };
            let next = std::mem::replace(&mut self.soon[self.turn], object);
            self.turn = (self.turn + 1) % SOON;
            if next != 0 {
                return Some(next);
            }
        }
    }

    /// Takes the object on top.
    #[inline(always)]
    fn pop(&mut self) -> Option<u32> {
        match self.top.pop() {
            Some(object) => Some(object),
            None => self.pop_segment(),
        }
    }

    #[cold]
    fn pop_segment(&mut self) -> Option<u32> {
        let segment = self.below.pop()?;
        self.spare = std::mem::replace(&mut self.top, segment);
        self.top.pop()
    }

    /// Notes where to go on in an array.
    pub fn push_partial(&mut self, array: u32, offset: u32) {
        if memory::reserve(&mut self.partial, 1).is_err() {
            self.has_forgotten = true;
            return;
        }
        self.partial.push((array, offset));
    }

    /// Takes an array to go on with.
    pub fn pop_partial(&mut self) -> Option<(u32, u32)> {
        self.partial.pop()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.top.is_empty() && self.below.is_empty() && self.partial.is_empty() && self.soon == [0; SOON]
    }

    /// Whether something was forgotten since this was asked.
    pub fn take_forgotten(&mut self) -> bool {
        std::mem::take(&mut self.has_forgotten)
    }

    /// Forgets all, and that something was forgotten.
    pub fn clear(&mut self) {
        self.top.clear();
        self.below.clear();
        self.partial.clear();
        self.soon = [0; SOON];
        self.has_forgotten = false;
    }
}
