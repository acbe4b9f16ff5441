//! Which guest stacks the process has, for the signal handler: it finds the store of interrupted code by the stack pointer.
//!
//! A thread may have entered several stores, and with fibers left them in any order, so that nothing but the stack that is in
//! use tells which store's code was interrupted. Tens of thousands of stacks may exist, so they are found by their addresses: those
//! are cut into pieces, none of which can have a part in more than two stacks. A table has two records for each piece.
//!
//! ```text
//!  bits 46..34        33..20               19..0
//!  part of the table, piece in the part -> [record, record]
//! ```
//!
//! Invariant: neither a record nor a part of the table is ever freed, only used again, so that the handler may read any of them at
//! any time; a record is in the table for each piece of its stack as long as that is mapped. Read next: [`super::traps`].

use crate::base::{Error, ErrorKind, Result};
use std::alloc::{self, Layout};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A guest stack as the handler knows it.
#[derive(Debug)]
pub struct StackRecord {
    low: AtomicUsize,
    base: AtomicUsize,
    high: AtomicUsize,
    context: AtomicPtr<c_void>,
    /// How many bytes of the guard's upper part are accessible, since a handler of the host needed them.
    opened: AtomicUsize,
}

/// Bits of an address within a piece. A stack and its guard are larger than a piece.
const PIECE: u32 = 20;
/// Bytes that a stack has with its guard, at least.
pub const LEAST_BYTES: usize = 1 << PIECE;
/// Pieces in each part of the table, as bits of an address: it is for 16 GiB.
const PART: u32 = 14;
/// Addresses of a process on this machine, as bits.
const ADDRESS: u32 = 47;

type Place = [AtomicPtr<StackRecord>; 2];
type Part = [Place; 1 << PART];

/// The parts of the table that were needed. Where nobody has touched one it takes no memory.
static PARTS: [AtomicPtr<Part>; 1 << (ADDRESS - PIECE - PART)] =
    [const { AtomicPtr::new(ptr::null_mut()) }; 1 << (ADDRESS - PIECE - PART)];

static FREE: Mutex<Free> = Mutex::new(Free { records: Vec::new(), made: 0 });

/// Records of stacks that are gone. Who has it locked may change the table.
struct Free {
    /// With room for all that were made, so that forgetting a stack needs no memory.
    records: Vec<&'static StackRecord>,
    made: usize,
}

/// The pieces of so many addresses.
fn pieces(low: usize, high: usize) -> std::ops::RangeInclusive<usize> {
    low >> PIECE..=(high - 1) >> PIECE
}

/// The place of a piece in the table.
#[expect(unsafe_code, reason = "parts are reached by address")]
fn place(piece: usize) -> Option<&'static Place> {
    let part = PARTS.get(piece >> PART)?;
    // SAFETY: null, or a part that is never freed.
    let part = unsafe { part.load(Ordering::Acquire).as_ref() }?;
    Some(&part[piece & ((1 << PART) - 1)])
}

/// Makes the part of the table for a piece, unless it is there.
#[expect(unsafe_code, reason = "asks for memory that is zero, and not touched")]
fn make_part(piece: usize) -> Result<()> {
    let refused = |why| Error::new(ErrorKind::System, format_args!("a guest stack can't be made: {why}"));
    let part = PARTS.get(piece >> PART).ok_or_else(|| refused("its address is too high"))?;
    if part.load(Ordering::Relaxed).is_null() {
        // SAFETY: a part isn't empty.
        let made = unsafe { alloc::alloc_zeroed(Layout::new::<Part>()) }.cast::<Part>();
        if made.is_null() {
            return Err(refused("there is no memory to find it by"));
        }
        part.store(made, Ordering::Release);
    }
    Ok(())
}

impl StackRecord {
    /// Makes a stack known, whose addresses are mapped: its guard begins at `low`, the usable part is `base..high`. `context` is
    /// that of the store whose guests run on it.
    pub fn register(low: usize, base: usize, high: usize, context: *mut c_void) -> Result<&'static StackRecord> {
        debug_assert!(high - low >= LEAST_BYTES);
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in pieces(low, high) {
            make_part(piece)?;
        }
        let record = free.records.pop().unwrap_or_else(|| {
            free.made += 1;
            let room = free.made;
            free.records.reserve(room);
            Box::leak(Box::new(StackRecord {
                low: AtomicUsize::new(0),
                base: AtomicUsize::new(0),
                high: AtomicUsize::new(0),
                context: AtomicPtr::new(ptr::null_mut()),
                opened: AtomicUsize::new(0),
            }))
        });
        record.opened.store(0, Ordering::Relaxed);
        record.context.store(context, Ordering::Relaxed);
        record.base.store(base, Ordering::Relaxed);
        record.low.store(low, Ordering::Relaxed);
        // The last, so that the range is empty until all is there.
        record.high.store(high, Ordering::Release);
        for place in pieces(low, high).filter_map(place) {
            let free = place.iter().find(|slot| slot.load(Ordering::Relaxed).is_null());
            let slot = free.expect("no piece has a part in more than two stacks");
            slot.store(ptr::from_ref(record).cast_mut(), Ordering::Release);
        }
        Ok(record)
    }

    /// Forgets the stack, which is about to be unmapped.
    pub fn withdraw(&'static self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let (low, high) = (self.low.load(Ordering::Relaxed), self.high.swap(0, Ordering::AcqRel));
        for slot in pieces(low, high).filter_map(place).flatten() {
            if ptr::eq(slot.load(Ordering::Relaxed), self) {
                slot.store(ptr::null_mut(), Ordering::Release);
            }
        }
        free.records.push(self);
    }

    /// The stack that `sp` is in.
    #[expect(unsafe_code, reason = "records are reached by address")]
    pub fn find(sp: usize) -> Option<&'static StackRecord> {
        // Just above a stack is the next piece, or the same.
        let places = [sp, sp.wrapping_sub(1)].map(|address| place(address >> PIECE));
        let slots = places.into_iter().flatten().flatten();
        // SAFETY: null, or from a leaked box.
        let mut records = slots.filter_map(|slot| unsafe { slot.load(Ordering::Acquire).as_ref() });
        records.find(|record| record.contains(sp))
    }

    /// Whether `sp` is in this stack, or just above it.
    pub fn contains(&self, sp: usize) -> bool {
        sp <= self.high.load(Ordering::Acquire) && sp >= self.low.load(Ordering::Relaxed)
    }

    /// Whether something runs on this stack whose stack pointer is `sp`: not if that is just at one of its ends.
    pub fn is_inside(&self, sp: usize) -> bool {
        sp < self.high.load(Ordering::Acquire) && sp > self.low.load(Ordering::Relaxed)
    }

    /// Whether an access at `address` hit the guard.
    pub fn is_guard(&self, address: usize) -> bool {
        (self.low.load(Ordering::Relaxed)..self.base()).contains(&address)
    }

    /// The first usable byte.
    pub fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed)
    }

    /// The store's context, a [`StoreContext`](super::store_context::StoreContext).
    pub fn context(&self) -> *mut c_void {
        self.context.load(Ordering::Relaxed)
    }

    /// How many bytes of the guard's upper part are accessible.
    #[inline]
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Notes how many are.
    pub fn set_opened(&self, bytes: usize) {
        self.opened.store(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounds of stacks as small as they may be, one beside the other, at addresses that no mapping has.
    fn bounds(n: usize) -> [usize; 3] {
        let low = (1 << 40) + n * (LEAST_BYTES + 4096);
        [low, low + LEAST_BYTES - 4096, low + LEAST_BYTES + 4096]
    }

    fn register(n: usize) -> &'static StackRecord {
        let [low, base, high] = bounds(n);
        StackRecord::register(low, base, high, ptr::without_provenance_mut(8)).unwrap()
    }

    #[test]
    fn stacks_are_found_by_address_until_they_are_withdrawn() {
        const COUNT: usize = 100;
        let records: Vec<_> = (0..COUNT).map(register).collect();
        for (n, record) in records.iter().enumerate() {
            let [low, base, high] = bounds(n);
            for sp in [low + 1, base, high - 1] {
                assert!(ptr::eq(StackRecord::find(sp).unwrap(), *record));
            }
            assert!(record.is_guard(low) && !record.is_guard(base));
        }
        let [first, _, _] = bounds(0);
        let [_, _, end] = bounds(COUNT - 1);
        assert!(StackRecord::find(first - 1).is_none() && StackRecord::find(end + 1).is_none());
        assert!(ptr::eq(StackRecord::find(end).unwrap(), records[COUNT - 1]));
        records[7].withdraw();
        let [low, base, _] = bounds(7);
        assert!(StackRecord::find(base).is_none());
        assert!(ptr::eq(StackRecord::find(low).unwrap(), records[6]));
        let again = register(7);
        assert!(ptr::eq(again, records[7]) && ptr::eq(StackRecord::find(base).unwrap(), again));
        records.iter().for_each(|record| record.withdraw());
        assert!((first..=end).step_by(4096).all(|sp| StackRecord::find(sp).is_none()));
        for nowhere in [0, 1, usize::MAX, 1 << 47] {
            assert!(StackRecord::find(nowhere).is_none());
        }
    }

    #[test]
    fn a_large_stack_is_found_everywhere() {
        let (low, high) = ((3 << 40) - (1 << 36), 3 << 40);
        let large = StackRecord::register(low, low + 4096, high, ptr::null_mut()).unwrap();
        for sp in (low..=high).step_by(1 << 19) {
            assert!(ptr::eq(StackRecord::find(sp).unwrap(), large));
        }
        large.withdraw();
        assert!(StackRecord::find(low + (1 << 35)).is_none());
        let error = StackRecord::register(1 << 47, (1 << 47) + 4096, 1 << 48, ptr::null_mut()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::System);
    }
}
