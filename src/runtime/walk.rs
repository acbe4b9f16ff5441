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
    stack: Range<usize>,
    slot: usize,
    next: Option<(NativePc, usize, FrameKind)>,
}

impl Walk<'_> {
    /// The frame that called the one with this frame pointer, further up the stack.
    fn caller(&self, fp: usize) -> Option<(NativePc, usize, FrameKind)> {
        let read = |address| self.store.read_stack(self.slot, &self.stack, address);
        let pc = read(fp.wrapping_add(8))?;
        let caller = read(fp)?;
        // The chain's end has a null frame pointer; anything else that isn't further up is no chain.
        (caller == 0 || caller > fp as u64).then_some((NativePc(pc as usize), caller as usize, FrameKind::Return))
    }
}

impl Iterator for Walk<'_> {
    type Item = RawFrame;

    fn next(&mut self) -> Option<RawFrame> {
        while let Some((pc, fp, kind)) = self.next {
            self.next = self.caller(fp);
            // A call may be the last instruction of its function.
            let inside = match kind {
                FrameKind::Exact => pc,
                FrameKind::Return => NativePc(pc.0.wrapping_sub(1)),
            };
            let map = self.store.inner().code.borrow();
            if let Some((module, code)) = map.module_at(inside) {
                return Some(RawFrame { pc, fp, kind, module: module.clone(), code });
            }
        }
        None
    }
}

impl Store {
    /// The guest frames of an activation, newest first, without trampolines. Reads nothing outside the activation's
    /// stack, whatever is in it.
    pub fn walk(&self, activation: &Activation) -> Walk<'_> {
        let next = (activation.fp != 0).then_some((activation.pc, activation.fp, activation.kind));
        Walk { store: self, stack: activation.stack.clone(), slot: activation.slot, next }
    }

    /// Reads a word of an activation's stack; none outside it.
    pub fn read_word(&self, activation: &Activation, address: usize) -> Option<u64> {
        self.read_stack(activation.slot, &activation.stack, address)
    }

    /// Reads words that follow each other on an activation's stack; answers whether all are inside it, and reads none
    /// otherwise.
    pub fn read_words(&self, activation: &Activation, address: usize, words: &mut [u64]) -> bool {
        if !self.is_on_stack(activation.slot, &activation.stack, address, words.len()) {
            return false;
        }
        for (place, word) in words.iter_mut().enumerate() {
            // SAFETY: as in `read_stack`.
            *word = unsafe { (address as *const u64).add(place).read_unaligned() };
        }
        true
    }

    fn read_stack(&self, slot: usize, stack: &Range<usize>, address: usize) -> Option<u64> {
        // SAFETY: the word is inside the usable part of a stack that is mapped, both just checked, and no guest code of
        // the store runs on this thread now.
        self.is_on_stack(slot, stack, address, 1).then(|| unsafe { (address as *const u64).read_unaligned() })
    }

    fn is_on_stack(&self, slot: usize, stack: &Range<usize>, address: usize, words: usize) -> bool {
        let end = words.checked_mul(8).and_then(|bytes| address.checked_add(bytes));
        let is_inside = address >= stack.start && end.is_some_and(|end| end <= stack.end);
        is_inside && self.inner().stacks.is_mapped(slot, stack.start, stack.end)
    }
}
