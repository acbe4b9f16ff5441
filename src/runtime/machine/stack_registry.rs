//! Which guest stacks the process has, for the signal handler: it finds the store of interrupted code by the stack pointer.
//!
//! A thread may have entered several stores, and with fibers left them in any order, so that nothing but the stack that is in
//! use tells which store's code was interrupted. Invariant: a record is never freed, only used again, so that the handler may
//! read any of them at any time. Read next: [`super::traps`].

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A guest stack as the handler knows it.
#[derive(Debug)]
pub struct StackRecord {
    /// The next record, for ever.
    next: Option<&'static StackRecord>,
    low: AtomicUsize,
    base: AtomicUsize,
    high: AtomicUsize,
    context: AtomicPtr<c_void>,
    /// How many bytes of the guard's upper part are accessible, since a handler of the host needed them.
    opened: AtomicUsize,
}

static FIRST: AtomicPtr<StackRecord> = AtomicPtr::new(ptr::null_mut());
static FREE: Mutex<Free> = Mutex::new(Free { records: Vec::new(), made: 0 });

/// Records of stacks that are gone.
struct Free {
    /// With room for all that were made, so that forgetting a stack needs no memory.
    records: Vec<&'static StackRecord>,
    made: usize,
}

impl StackRecord {
    /// Makes a stack known: its guard begins at `low`, the usable part is `base..high`. `context` is that of the store whose
    /// guests run on it.
    pub fn register(low: usize, base: usize, high: usize, context: *mut c_void) -> &'static StackRecord {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let record = free.records.pop();
        let is_new = record.is_none();
        let record = record.unwrap_or_else(|| {
            free.made += 1;
            let room = free.made;
            free.records.reserve(room);
            Box::leak(Box::new(StackRecord {
                next: first(),
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
        if is_new {
            FIRST.store(ptr::from_ref(record).cast_mut(), Ordering::Release);
        }
        record
    }

    /// Forgets the stack, which is about to be unmapped.
    pub fn withdraw(&'static self) {
        self.high.store(0, Ordering::Release);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).records.push(self);
    }

    /// The stack that `sp` is in.
    pub fn find(sp: usize) -> Option<&'static StackRecord> {
        let mut next = first();
        while let Some(record) = next {
            if record.contains(sp) {
                return Some(record);
            }
            next = record.next;
        }
        None
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

#[expect(unsafe_code, reason = "records are reached by address")]
fn first() -> Option<&'static StackRecord> {
    // SAFETY: null, or from a leaked box.
    unsafe { FIRST.load(Ordering::Acquire).as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_found_by_address_until_they_are_withdrawn() {
        // Addresses that no mapping has.
        let context = ptr::without_provenance_mut(8);
        let records = [1, 2, 3].map(|n| StackRecord::register(n * 4096, n * 4096 + 1024, n * 4096 + 2048, context));
        assert!(ptr::eq(StackRecord::find(2 * 4096 + 1500).unwrap(), records[1]));
        assert!(StackRecord::find(2 * 4096 + 2049).is_none());
        assert!(records[1].is_guard(2 * 4096) && !records[1].is_guard(2 * 4096 + 1024));
        records[1].withdraw();
        assert!(StackRecord::find(2 * 4096 + 1500).is_none());
        let again = StackRecord::register(9 * 4096, 9 * 4096 + 1, 10 * 4096 - 1, context);
        assert!(ptr::eq(again, records[1]));
        assert!(ptr::eq(StackRecord::find(3 * 4096 + 1).unwrap(), records[2]));
        for record in [records[0], again, records[2]] {
            record.withdraw();
        }
    }
}
