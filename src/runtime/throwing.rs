//! Exceptions on their way from where they are thrown to where they are caught, as data.
//!
//! Knows nothing of stores. Read next: [`super::exception`].

use super::entities::holds::Hold;
use super::mapped_blob::MappedBlob;
use crate::abi::artifact::Clause;
use crate::base::{CodeOffset, RawValue, TagIndex, WasmPc};
use crate::wasm::operands_beneath_catch;
use std::cell::OnceCell;
use std::rc::Rc;

/// An exception that is being thrown.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    /// The number of its tag.
    pub(super) tag: u64,
    /// What it carries: as many values as the tag's type has parameters.
    pub(super) values: *const RawValue,
    /// Its reference, or 0.
    pub(super) reference: u64,
}

/// An exception that the host throws where a guest stands still.
#[derive(Clone, Debug)]
pub struct HostThrow {
    pub(super) tag: u64,
    pub(super) raw: Rc<[RawValue]>,
    pub(super) reference: u64,
    /// Keeps the objects that it carries, and itself.
    pub(super) holds: Rc<[Hold]>,
}

impl HostThrow {
    /// The number of its tag.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// What it carries.
    pub fn raw(&self) -> &[RawValue] {
        &self.raw
    }

    /// Its reference, or 0 if there is none yet.
    pub fn reference(&self) -> u64 {
        self.reference
    }

    pub(super) fn in_flight(&self) -> InFlight {
        InFlight { tag: self.tag, values: self.raw.as_ptr(), reference: self.reference }
    }
}

/// Where an exception is going to be caught.
#[derive(Clone, Debug)]
pub struct Catching {
    /// The frame's frame pointer.
    pub fp: usize,
    /// The code that it runs.
    pub blob: Rc<MappedBlob>,
    /// The operator that catches it.
    pub pc: WasmPc,
    /// What it takes.
    pub(super) clause: Clause,
    /// Where it goes on.
    pub landing: CodeOffset,
    /// The stack pointer there.
    pub(super) sp: usize,
    /// Where the frame has room for what is carried.
    pub(super) values: usize,
}

impl Catching {
    /// The clause's tag, and whether it takes a reference.
    pub fn clause(&self) -> (Option<TagIndex>, bool) {
        (self.clause.tag, self.clause.takes_reference)
    }

    /// How many operands of the frame are beneath the label where it goes on.
    pub fn operands_beneath(&self) -> u32 {
        let body = self.blob.tables().body_at(self.landing).expect("a landing is in a function");
        let Clause { tag, takes_reference, pc, .. } = self.clause;
        operands_beneath_catch(self.blob.module().info(), self.blob.function(body), pc, tag, takes_reference)
    }
}

/// An exception that a call was left with, before it goes on where the exception is caught.
#[derive(Clone, Debug)]
pub struct Throwing {
    /// Where it will be caught.
    pub catching: Catching,
    pub(super) raw: Rc<[RawValue]>,
    pub(super) tag: u64,
    pub(super) reference: u64,
    /// The reference that was made for who catches it, if it had none, and what keeps that. The guest may be left again before it takes it.
    pub(super) made: OnceCell<(u64, Rc<Hold>)>,
    /// Keeps the objects that it carries, and itself.
    pub(super) _holds: Rc<[Hold]>,
}

impl Throwing {
    /// What it carries.
    pub fn raw(&self) -> &[RawValue] {
        &self.raw
    }

    /// The same while it is looked at.
    pub(super) fn in_flight(&self) -> InFlight {
        let reference = self.made.get().map_or(self.reference, |(made, _)| *made);
        InFlight { tag: self.tag, values: self.raw.as_ptr(), reference }
    }
}
