//! Walking the frames of guest code that was left.

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
#[derive(Clone)]
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
    _store: &'a Store,
}

impl Iterator for Walk<'_> {
    type Item = RawFrame;

    fn next(&mut self) -> Option<RawFrame> {
        todo!()
    }
}

impl Store {
    /// The guest frames of an activation, newest first, without trampolines. Reads nothing outside the activation's
    /// stack, whatever is in it.
    pub fn walk(&self, _activation: &Activation) -> Walk<'_> {
        todo!()
    }

    /// Reads a word of an activation's stack; none outside it.
    pub fn read_word(&self, _activation: &Activation, _address: usize) -> Option<u64> {
        todo!()
    }
}
