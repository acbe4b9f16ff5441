//! Activations: the frames of guest code that was left, as words on a guest stack.
//!
//! Frames are chained by their frame pointers: at a frame pointer is the caller's, above it the return address. Knows
//! nothing of code. Invariant: every read is inside a guest stack that the activation keeps mapped, whatever the stack holds
//! and however old the activation is. Read next: [`super::walk`].

#![expect(unsafe_code, reason = "reads guest stacks")]

use super::machine::guest_stack::GuestStack;
use super::machine::switch;
use crate::base::NativePc;
use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;

/// A contiguous run of guest frames, from where guest code was left to where it was entered.
#[derive(Clone, Debug)]
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
    pub kind: PcKind,
    /// The guest stack, which stays mapped that long.
    pub(super) stack: Rc<GuestStack>,
}

/// Bytes that a frame needs below it for being entered, and for a stop.
const FRAME_ROOM: usize = 2 * switch::REENTRY_SPACE;

/// What a frame's pc is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PcKind {
    /// The instruction that trapped, or the address after the stop point.
    Exact,
    /// The address that a call returns to.
    Return,
}

/// A link of the chain of frames: a guest frame, or a trampoline's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameLink {
    /// Its place.
    pub pc: NativePc,
    /// Its frame pointer.
    pub fp: usize,
    /// What `pc` is.
    pub kind: PcKind,
}

impl FrameLink {
    /// An address inside the instruction that it is at.
    pub(super) fn inside(&self) -> NativePc {
        match self.kind {
            PcKind::Exact => self.pc,
            // A call may be the last instruction of its function.
            PcKind::Return => NativePc(self.pc.0.wrapping_sub(1)),
        }
    }
}

impl Activation {
    /// The newest link, if there is any.
    pub fn newest(&self) -> Option<FrameLink> {
        (self.fp != 0).then_some(FrameLink { pc: self.pc, fp: self.fp, kind: self.kind })
    }

    /// The link that called the one with this frame pointer, further up the stack. Reads nothing outside the stack.
    #[inline]
    pub fn caller(&self, fp: usize) -> Option<FrameLink> {
        let words = self.words(fp, 2);
        let (caller, pc) = (words.get(0)? as usize, words.get(1)? as usize);
        // The chain's end has a null frame pointer; anything else that isn't further up is no chain.
        (caller == 0 || caller > fp).then_some(FrameLink { pc: NativePc(pc), fp: caller, kind: PcKind::Return })
    }

    /// The usable part of the guest stack.
    #[inline]
    pub fn stack(&self) -> Range<usize> {
        self.stack.accessible_from()..self.stack.high
    }

    /// Whether a function can be entered in the place of the frame with this frame pointer, whose own frame takes so many bytes.
    pub fn has_room(&self, fp: usize, frame_bytes: u32) -> bool {
        let lowest = self.stack.lowest_frame(FRAME_ROOM);
        fp.checked_sub(frame_bytes as usize).is_some_and(|low| low >= lowest)
    }

    /// So many words from `address` on, or none if not all of them are in the usable part of the stack.
    #[inline]
    pub fn words(&self, address: usize, count: usize) -> StackWords<'_> {
        StackWords::of(&self.stack, address, count)
    }
}

/// Words of a guest stack that follow each other.
#[derive(Clone, Copy)]
pub struct StackWords<'a> {
    words: *const u64,
    count: usize,
    /// Keeps it mapped.
    stack: PhantomData<&'a GuestStack>,
}

impl<'a> StackWords<'a> {
    /// So many words of a stack from `address` on, or none if not all of them are in its usable part.
    #[inline]
    pub fn of(stack: &'a GuestStack, address: usize, count: usize) -> StackWords<'a> {
        let (start, end) = (stack.accessible_from(), stack.high);
        let is_inside = (start..=end).contains(&address) && count <= (end - address) / size_of::<u64>();
        StackWords { words: address as *const u64, count: if is_inside { count } else { 0 }, stack: PhantomData }
    }

    /// What the word at `place` is now; none if there is no such word.
    #[inline(always)]
    pub fn get(&self, place: usize) -> Option<u64> {
        // SAFETY: there are `count` words in the usable part of a stack, which stays mapped for the lifetime. Guest code that
        // writes there runs on this thread only, so not now.
        (place < self.count).then(|| unsafe { self.words.add(place).read_unaligned() })
    }
}
