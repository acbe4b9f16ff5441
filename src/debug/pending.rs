//! Writes into frames that wait for a call: they are made when the frame is returned to.
//!
//! Until then whoever reads the frame finds them. The stop point where the frame goes on is kept armed for them. Knows nothing of
//! how a frame goes on. Invariant: what is here is of calls that exist, and of frames that are on their stacks.
//! Read next: `intervene.rs`.

use super::arm::Return;
use super::breakpoints::SiteKey;
use super::evaluator::{Slot, Values};
use crate::base::{BlobId, Result, memory};
use crate::runtime::{Hold, MappedBlob};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What was written into frames that wait.
#[derive(Default)]
pub struct Pending {
    frames: RefCell<Vec<Rc<Writes>>>,
    any: Cell<bool>,
    /// Objects that were written into frames of calls, by their numbers.
    kept: RefCell<Vec<(u64, Hold)>>,
    /// Those of calls that are gone, whose stop points are still armed.
    orphans: RefCell<Vec<Rc<Writes>>>,
}

/// What was written into one frame.
pub struct Writes {
    call: u64,
    fp: usize,
    place: Return,
    /// The frame's function in its exact form.
    exact: Rc<MappedBlob>,
    values: RefCell<BTreeMap<Variable, Slot>>,
}

/// A local, or an operand counted from the bottom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Variable {
    Local(u32),
    Operand(u32),
}

impl Variable {
    /// The one so many places behind it.
    pub fn behind(self, places: u32) -> Variable {
        match self {
            Variable::Local(local) => Variable::Local(local + places),
            Variable::Operand(operand) => Variable::Operand(operand + places),
        }
    }
}

impl Writes {
    /// The stop point where the frame goes on.
    pub fn place(&self) -> &Return {
        &self.place
    }

    /// Notes a write.
    pub fn set(&self, variable: Variable, value: Slot) {
        self.values.borrow_mut().insert(variable, value);
    }

    /// Forgets what was written to operands but the lowest ones, so many.
    pub fn keep_operands(&self, count: u32) {
        self.values
            .borrow_mut()
            .retain(|variable, _| !matches!(variable, Variable::Operand(operand) if *operand >= count));
    }

    /// What was written to a local or operand.
    pub fn get(&self, variable: Variable) -> Option<Slot> {
        self.values.borrow().get(&variable).copied()
    }

    /// Puts what was written in the place of what was there.
    pub fn apply(&self, to: &mut Values) {
        for (variable, slot) in &*self.values.borrow() {
            match *variable {
                Variable::Local(local) => to.locals[local as usize] = *slot,
                Variable::Operand(operand) => to.operands[operand as usize] = *slot,
            }
        }
    }
}

impl Pending {
    /// Whether there are any.
    #[inline]
    pub fn any(&self) -> bool {
        self.any.get()
    }

    /// Keeps an object that was written into a frame of a call as long as the call.
    ///
    /// Errors: `System`.
    pub fn keep(&self, call: u64, hold: Hold) -> Result<()> {
        let mut kept = self.kept.borrow_mut();
        memory::reserve(&mut kept, 1)?;
        kept.push((call, hold));
        Ok(())
    }

    /// What was written into a frame.
    pub fn of(&self, call: u64, fp: usize) -> Option<Rc<Writes>> {
        self.frames.borrow().iter().find(|writes| (writes.call, writes.fp) == (call, fp)).cloned()
    }

    /// Notes that a call is gone.
    pub fn orphan(&self, call: u64) {
        self.kept.borrow_mut().retain(|(of, _)| *of != call);
        if self.any() {
            let taken = self.take(call, |_| true);
            self.orphans.borrow_mut().extend(taken);
        }
    }

    /// Takes away what was written into frames of calls that are gone.
    pub fn take_orphans(&self) -> Vec<Rc<Writes>> {
        self.orphans.take()
    }

    /// Whether a frame goes on at this stop point with other values.
    pub fn needs(&self, key: SiteKey) -> bool {
        self.any.get() && self.frames.borrow().iter().any(|writes| writes.place.key() == key)
    }

    /// Prepares for writes into a frame of a call, which goes on at `place`, in this code.
    pub fn add(&self, (call, fp): (u64, usize), place: Return, exact: Rc<MappedBlob>) -> Rc<Writes> {
        let new = Rc::new(Writes { call, fp, place, exact, values: RefCell::default() });
        self.frames.borrow_mut().push(new.clone());
        self.any.set(true);
        new
    }

    /// The code that is needed for them.
    pub fn blobs(&self) -> Vec<BlobId> {
        self.frames.borrow().iter().map(|writes| writes.exact.id()).collect()
    }

    /// Undoes [`Pending::take`].
    pub fn put_back(&self, taken: Vec<Rc<Writes>>) {
        self.any.set(self.any.get() || !taken.is_empty());
        self.frames.borrow_mut().extend(taken);
    }

    /// Takes away what was written into those frames of a call that `which` says, by their frame pointers.
    pub fn take(&self, call: u64, which: impl Fn(usize) -> bool) -> Vec<Rc<Writes>> {
        let mut frames = self.frames.borrow_mut();
        let taken = frames.extract_if(.., |writes| writes.call == call && which(writes.fp)).collect();
        self.any.set(!frames.is_empty());
        taken
    }
}
