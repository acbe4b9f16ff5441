//! Walking the frames of guest code that was left: which of them are guest frames, and whose.
//!
//! Knows nothing of what frames mean, nor how they lie on the stack. Read next: [`super::backtrace`].

use super::Store;
use super::activation::{Activation, FrameLink, PcKind};
use super::mapped_blob::MappedBlob;
use crate::base::{CodeOffset, NativePc};
use cranelift_entity::EntityRef;
use std::rc::Rc;

/// A guest frame.
#[derive(Clone, Debug)]
pub struct RawFrame {
    /// Its place.
    pub pc: NativePc,
    /// Its frame pointer.
    pub fp: usize,
    /// What `pc` is.
    pub kind: PcKind,
    /// The blob whose code it runs.
    pub blob: Rc<MappedBlob>,
}

impl RawFrame {
    /// The frame's place in the blob.
    pub fn offset(&self) -> CodeOffset {
        self.blob.offset(self.pc)
    }
}

/// The frames of an activation, newest first.
pub struct Walk<'a> {
    store: &'a Store,
    activation: &'a Activation,
    next: Option<FrameLink>,
}

impl Iterator for Walk<'_> {
    type Item = RawFrame;

    fn next(&mut self) -> Option<RawFrame> {
        while let Some(link) = self.next {
            self.next = self.activation.caller(link.fp);
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

    /// The guest frame that a link is.
    pub fn frame_at(&self, link: FrameLink) -> Result<RawFrame, NoFrame> {
        let FrameLink { pc, fp, kind } = link;
        let inner = self.inner();
        let found = inner.code.borrow().code_at(link.inside());
        match found {
            Some(Some(blob)) => {
                let blob = inner.blobs.borrow()[blob.index()].clone().ok_or(NoFrame::Unknown)?;
                Ok(RawFrame { pc, fp, kind, blob })
            }
            Some(None) => Err(NoFrame::Trampoline),
            None => Err(NoFrame::Unknown),
        }
    }
}
