//! The host's values that guests can hold.
//!
//! A value has a *number* as long as it is there, which is what guests have; when it has gone another may have the number. What the host
//! has is a *handle*, a number with how often it was used before, so that one that is out of date is known. Knows nothing of stores.
//! Invariant: a value that may go is dropped once, and not while the list is borrowed.

use crate::abi::references::MOST_HOST_VALUES;
use crate::base::{Error, ErrorKind, Result, memory};
use std::any::Any;
use std::cell::{Cell, RefCell};

/// Bits of a handle that are the number; those above are the generation.
const NUMBER_BITS: u32 = 30;

const _: () = assert!(MOST_HOST_VALUES == (1 << NUMBER_BITS) - 1);

/// So many values are made at least between two collections that only they ask for.
const LEAST_DUE: u64 = 16 << 10;

/// So many bytes of objects that are alive are as good a reason to wait as one value: what a value takes itself, about.
const BYTES_OF_VALUE: u64 = 64;

/// The host's values of a store.
pub struct Externs {
    all: RefCell<Vec<Entry>>,
    /// Numbers that nobody has.
    free: RefCell<Vec<u32>>,
    /// Nobody refers to these any more.
    gone: RefCell<Vec<Box<dyn Any>>>,
    /// How many there are, and of these how many that may go.
    present: Cell<u64>,
    passing: Cell<u64>,
    /// With so many that may go it is time to collect.
    due: Cell<u64>,
}

struct Entry {
    /// The value, unless it has gone.
    data: Option<Box<dyn Any>>,
    /// Whether it stays as long as the store.
    is_permanent: bool,
    /// How many values have had the number before.
    generation: u32,
}

impl Default for Externs {
    fn default() -> Externs {
        Externs {
            all: RefCell::default(),
            free: RefCell::default(),
            gone: RefCell::default(),
            present: Cell::new(0),
            passing: Cell::new(0),
            due: Cell::new(LEAST_DUE),
        }
    }
}

impl Externs {
    /// Keeps one; answers its number.
    ///
    /// Errors: `Limit` if there are too many; `System`.
    pub fn add(&self, data: Box<dyn Any>, is_permanent: bool) -> Result<u32> {
        let mut all = self.all.borrow_mut();
        let free = self.free.borrow_mut().pop();
        let number = match free {
            Some(number) => {
                let entry = &mut all[number as usize];
                (entry.data, entry.is_permanent, entry.generation) = (Some(data), is_permanent, entry.generation + 1);
                number
            }
            None => {
                let number = u32::try_from(all.len()).ok().filter(|number| *number <= MOST_HOST_VALUES);
                let too_many = || Error::new(ErrorKind::Limit, "the store has had too many host values");
                let number = number.ok_or_else(too_many)?;
                memory::reserve(&mut all, 1)?;
                // So that there is room for it, and for its number, when it goes.
                memory::reserve(&mut self.gone.borrow_mut(), all.len() + 1)?;
                memory::reserve(&mut self.free.borrow_mut(), all.len() + 1)?;
                all.push(Entry { data: Some(data), is_permanent, generation: 0 });
                number
            }
        };
        self.present.set(self.present.get() + 1);
        self.passing.set(self.passing.get() + u64::from(!is_permanent));
        Ok(number)
    }

    /// One more than the highest number that there has been.
    pub fn count(&self) -> u32 {
        self.all.borrow().len() as u32
    }

    /// How many there are.
    pub fn present(&self) -> u64 {
        self.present.get()
    }

    /// Whether so many were made that those should be looked for that may go.
    pub fn is_due(&self) -> bool {
        self.passing.get() >= self.due.get()
    }

    /// Whether there is one of this number.
    pub fn is_there(&self, number: u64) -> bool {
        self.all.borrow().get(number as usize).is_some_and(|entry| entry.data.is_some())
    }

    /// Whether it stays as long as the store.
    pub fn is_permanent(&self, number: u32) -> bool {
        self.all.borrow().get(number as usize).is_some_and(|entry| entry.is_permanent)
    }

    /// The handle of a number.
    pub fn handle(&self, number: u32) -> u64 {
        let generation = self.all.borrow().get(number as usize).map_or(0, |entry| entry.generation);
        u64::from(generation) << NUMBER_BITS | u64::from(number)
    }

    /// The number of a handle, whether there is still such a value or not.
    pub fn number(handle: u64) -> u32 {
        handle as u32 & MOST_HOST_VALUES
    }

    /// Whether there has been a value of this handle.
    pub fn has_been(&self, handle: u64) -> bool {
        let all = self.all.borrow();
        all.get(Externs::number(handle) as usize).is_some_and(|entry| handle >> NUMBER_BITS <= entry.generation.into())
    }

    /// Looks at the value of this handle, if there is one.
    pub fn with<R>(&self, handle: u64, look: impl FnOnce(&dyn Any) -> R) -> Option<R> {
        let all = self.all.borrow();
        let entry = all.get(Externs::number(handle) as usize)?;
        (handle >> NUMBER_BITS == entry.generation.into()).then(|| entry.data.as_deref().map(look)).flatten()
    }

    /// Takes those away that aren't permanent and that `has_met` doesn't know. They are dropped by [`Externs::finalize`]. So many bytes of
    /// objects are alive.
    pub fn sweep(&self, has_met: impl Fn(u32) -> bool, live_bytes: u64) {
        let (mut gone, mut free) = (self.gone.borrow_mut(), self.free.borrow_mut());
        let before = gone.len();
        for (number, entry) in (0..).zip(self.all.borrow_mut().iter_mut()) {
            if entry.is_permanent || has_met(number) {
                continue;
            }
            if let Some(data) = entry.data.take() {
                gone.push(data);
                // One that was used as often as can be counted isn't used again.
                if entry.generation < u32::MAX {
                    free.push(number);
                }
            }
        }
        let gone = (gone.len() - before) as u64;
        self.present.set(self.present.get() - gone);
        self.passing.set(self.passing.get() - gone);
        let left = self.passing.get();
        self.due.set(left + left.max(LEAST_DUE).max(live_bytes / BYTES_OF_VALUE));
    }

    /// Drops what has gone.
    pub fn finalize(&self) {
        loop {
            // Borrowed for no longer: what is dropped is the host's.
            let next = self.gone.borrow_mut().pop();
            let Some(data) = next else { break };
            drop(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_handles_are_not() {
        let externs = Externs::default();
        let add = |value: i32| externs.add(Box::new(value), value < 0).unwrap();
        let at = |handle| externs.with(handle, |data| *data.downcast_ref::<i32>().unwrap());
        let (kept, lost, permanent) = (add(1), add(2), add(-3));
        let handles = [kept, lost, permanent].map(|number| externs.handle(number));
        externs.sweep(|number| number == kept, 0);
        externs.finalize();
        assert_eq!((externs.present(), handles.map(at)), (2, [Some(1), None, Some(-3)]));
        assert_eq!(add(4), lost);
        let again = externs.handle(lost);
        assert!(again != handles[1] && at(handles[1]).is_none() && at(again) == Some(4));
        assert!(
            externs.has_been(handles[1]) && externs.has_been(again) && !externs.has_been(again + (1 << NUMBER_BITS))
        );
        assert!(!externs.has_been(3) && externs.with(3, |_| ()).is_none());
    }

    #[test]
    fn collections_are_due_when_their_number_has_doubled() {
        let externs = Externs::default();
        let more_until_due = || {
            let mut count = 0_u64;
            while !externs.is_due() {
                externs.add(Box::new(()), false).unwrap();
                count += 1;
            }
            count
        };
        assert_eq!(more_until_due(), LEAST_DUE);
        externs.sweep(|_| true, 0);
        assert_eq!(more_until_due(), LEAST_DUE);
        externs.sweep(|_| true, 0);
        assert_eq!(more_until_due(), 2 * LEAST_DUE);
        // What is alive makes a collection dear.
        externs.sweep(|_| false, 8 * LEAST_DUE * BYTES_OF_VALUE);
        assert_eq!((externs.present(), more_until_due()), (0, 8 * LEAST_DUE));
        assert_eq!(u64::from(externs.count()), 8 * LEAST_DUE);
        // Permanent ones can't go, so nothing is due for them.
        externs.sweep(|_| false, 0);
        (0..2 * LEAST_DUE).for_each(|_| assert!(externs.add(Box::new(()), true).is_ok()));
        assert!(!externs.is_due());
    }
}
