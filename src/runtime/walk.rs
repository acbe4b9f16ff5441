//! Walking the frames of guest code that was left.
//!
//! Frames are chained by their frame pointers: at a frame pointer is the caller's, above it the return address. Knows
//! nothing of what frames mean. Invariant: every read is inside a guest stack that is mapped, whatever the stack holds
//! and however old the activation is. Read next: [`super::backtrace`].

#![expect(unsafe_code, reason = "reads guest stacks")]

use super::{Module, Store};
use crate::base::{CodeOffset, NativePc};
use std::ops::Range;

/// A contiguous run of guest frames, from where guest code was left to where it was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The call that it belongs to.
    pub call_id: u64,
    /// That call's epoch.
    pub epoch: u64,
    /// Frame pointer of the newest frame.
    pub fp: usize,
    /// Place of the newest frame.
    pub pc: NativePc,
    /// What `pc` is.
    pub kind: FrameKind,
    /// The guest stack.
    pub stack: Range<usize>,
    /// The stack's place in the store's pool.
    pub(super) slot: usize,
}

/// What a frame's pc is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// The instruction that trapped, or the address after the stop point.
    Exact,
    /// The address that a call returns to.
    Return,
}

/// A link of the chain of frames: a guest frame, or a trampoline's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its place.
    pub pc: NativePc,
    /// Its frame pointer.
    pub fp: usize,
    /// What `pc` is.
    pub kind: FrameKind,
}

impl Link {
    /// An address inside the instruction that it is at.
    fn inside(&self) -> NativePc {
        match self.kind {
            FrameKind::Exact => self.pc,
            // A call may be the last instruction of its function.
            FrameKind::Return => NativePc(self.pc.0.wrapping_sub(1)),
        }
    }
}

impl Activation {
    /// The newest link, if there is any.
    pub fn newest(&self) -> Option<Link> {
        (self.fp != 0).then_some(Link { pc: self.pc, fp: self.fp, kind: self.kind })
    }
}

/// A guest frame.
#[derive(Clone, Debug)]
pub struct RawFrame {
    /// Its place.
    pub pc: NativePc,
    /// Its frame pointer.
    pub fp: usize,
    /// What `pc` is.
    pub kind: FrameKind,
    /// The module whose code it runs.
    pub module: Module,
    /// Where that module's image is mapped.
    pub code: NativePc,
}

impl RawFrame {
    /// The frame's place in the image.
    pub fn offset(&self) -> CodeOffset {
        CodeOffset((self.pc.0 - self.code.0) as u32)
    }
}

/// The frames of an activation, newest first.
pub struct Walk<'a> {
    store: &'a Store,
    activation: &'a Activation,
    next: Option<Link>,
}

impl Iterator for Walk<'_> {
    type Item = RawFrame;

    fn next(&mut self) -> Option<RawFrame> {
        while let Some(link) = self.next {
            self.next = self.store.caller(self.activation, link.fp);
            if let Ok(frame) = self.store.frame_at(link) {
                return Some(frame);
            }
        }
        None
    }
}

/// Why a link is no guest frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoFrame {
    /// It is a trampoline's, and always will be.
    Trampoline,
    /// It isn't at any code that the store has now.
    Unknown,
}

impl Store {
    /// The guest frames of an activation, newest first, without trampolines. Reads nothing outside the activation's
    /// stack, whatever is in it.
    pub fn walk<'a>(&'a self, activation: &'a Activation) -> Walk<'a> {
        Walk { store: self, activation, next: activation.newest() }
    }

    /// The link that called the one with this frame pointer, further up the stack. Reads nothing outside the activation's
    /// stack.
    #[inline]
    pub fn caller(&self, activation: &Activation, fp: usize) -> Option<Link> {
        if !self.is_on_stack(activation.slot, &activation.stack, fp, 2) {
            return None;
        }
        let read = |place: usize| {
            // SAFETY: both words are inside the usable part of a stack that is mapped, as just checked, and no guest code of
            // the store runs on this thread now.
            unsafe { (fp as *const usize).add(place).read_unaligned() }
        };
        let (caller, pc) = (read(0), read(1));
        // The chain's end has a null frame pointer; anything else that isn't further up is no chain.
        (caller == 0 || caller > fp).then_some(Link { pc: NativePc(pc), fp: caller, kind: FrameKind::Return })
    }

    /// The guest frame that a link is.
    pub fn frame_at(&self, link: Link) -> Result<RawFrame, NoFrame> {
        let Link { pc, fp, kind } = link;
        let map = self.inner().code.borrow();
        match map.code_at(link.inside()) {
            Some((Some(module), code)) => Ok(RawFrame { pc, fp, kind, module: module.clone(), code }),
            Some((None, _)) => Err(NoFrame::Trampoline),
            None => Err(NoFrame::Unknown),
        }
    }

    /// Reads a word of an activation's stack; none outside it.
    pub fn read_word(&self, activation: &Activation, address: usize) -> Option<u64> {
        let mut word = [0];
        self.read_words(activation, address, &mut word).then_some(word[0])
    }

    /// Reads words that follow each other on an activation's stack; answers whether all are inside it, and reads none
    /// otherwise.
    #[inline]
    pub fn read_words(&self, activation: &Activation, address: usize, words: &mut [u64]) -> bool {
        if !self.is_on_stack(activation.slot, &activation.stack, address, words.len()) {
            return false;
        }
        for (place, word) in words.iter_mut().enumerate() {
            // SAFETY: the words are inside the usable part of a stack that is mapped, both just checked, and no guest code of
            // the store runs on this thread now.
            *word = unsafe { (address as *const u64).add(place).read_unaligned() };
        }
        true
    }

    /// The same for a fixed number of words, which is quicker.
    #[inline]
    pub fn read_array<const N: usize>(&self, activation: &Activation, address: usize, words: &mut [u64; N]) -> bool {
        let is_inside = self.is_on_stack(activation.slot, &activation.stack, address, N);
        if is_inside {
            // SAFETY: as in `read_words`.
            *words = unsafe { (address as *const [u64; N]).read_unaligned() };
        }
        is_inside
    }

    #[inline]
    fn is_on_stack(&self, slot: usize, stack: &Range<usize>, address: usize, words: usize) -> bool {
        let end = words.checked_mul(8).and_then(|bytes| address.checked_add(bytes));
        let is_inside = address >= stack.start && end.is_some_and(|end| end <= stack.end);
        is_inside && self.inner().stacks.is_mapped(slot, stack.start, stack.end)
    }
}
