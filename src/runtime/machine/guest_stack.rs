//! Stacks that guest code runs on, and the pool that a store keeps them in.
//!
//! ```text
//! low          base           limit                          high
//!  | guard ...  | headroom ... | usable, grows downward    <- |
//! ```
//!
//! The headroom is for code that compares the stack pointer with the limit before it makes a frame: what is pushed without such
//! a check has room there, and so have signal handlers of the host that interrupt the guest. Other stacks have none.
//!
//! Knows nothing of what runs on them. Invariants: a frame is touched on entry at least once in each [`PROBED_STRETCH`], and the guard is larger
//! than that, also without its upper part, which a host's signal handler may have been given, so an overflow always hits it;
//! every stack is in the [registry](super::stack_registry). Read next: [`super::switch`].

#![expect(unsafe_code, reason = "hands out stacks by address")]

use super::mapping::{self, Mapping, round_to_pages};
use super::stack_registry::{self, StackRecord};
use crate::abi::stack::PROBED_STRETCH;
use crate::base::Result;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

/// Bytes of the guard region.
pub const GUARD: usize = (256 << 10) + HANDLER_ROOM;
/// Bytes of its upper part, which becomes accessible, piece by piece, when a host's signal handler that runs on the stack needs
/// it, or the registers of a guest that is left where its stack ends.
const HANDLER_ROOM: usize = 8 * HANDLER_PIECE;
/// Bytes of such a piece. It is closed when the handler has returned, or the guest runs on.
const HANDLER_PIECE: usize = 128 << 10;

// What lies below a frame's last probe, and what a routine of ours pushes below that.
const _: () = assert!(GUARD - HANDLER_ROOM >= 2 * PROBED_STRETCH);
// Of a piece of that many addresses two stacks have a part at most.
const _: () = assert!(GUARD >= stack_registry::LEAST_BYTES);
/// What stacks are filled with on request, in each byte: no value of a guest's is made of it by accident.
const POISON: u8 = 0xa7;
/// Stacks that a pool keeps for later; more are given back to the system.
const KEPT: usize = 16;

/// Bytes below the limit on stacks of code that checks it: for a stop point's registers, and a host's signal handler.
pub const HEADROOM: usize = 64 << 10;

/// Gives a signal handler, or a guest's registers, the next piece of a stack's guard; answers whether there was one. Fit for a signal handler.
///
/// # Safety
///
/// The stack must be in use.
pub unsafe fn open(stack: &StackRecord) -> bool {
    let opened = stack.opened() + HANDLER_PIECE;
    // SAFETY: this part of the guard is the stack's own, which is mapped.
    let is_open =
        opened <= HANDLER_ROOM && unsafe { mapping::set_accessible(stack.base() - opened, HANDLER_PIECE, true) };
    if is_open {
        stack.set_opened(opened);
    }
    is_open
}

/// Takes back what signal handlers were given of a stack's guard. Fit for a signal handler.
///
/// # Safety
///
/// Nobody may use those bytes any more.
pub unsafe fn close(stack: &StackRecord) {
    let opened = stack.opened();
    // SAFETY: the caller's promise; this part of the guard is the stack's own.
    if opened != 0 && unsafe { mapping::set_accessible(stack.base() - opened, opened, false) } {
        stack.set_opened(0);
    }
}

/// A guest stack.
#[derive(Debug)]
#[repr(C)]
pub struct GuestStack {
    /// What frames of code that checks it don't go below.
    limit: usize,
    /// The guard's first byte.
    pub low: usize,
    /// The first usable byte.
    pub base: usize,
    /// The byte after the last.
    pub high: usize,
    /// Its place in the pool.
    pub slot: usize,
    /// The size that it was made for.
    asked: u64,
    /// The next that is free, if it is.
    next: Cell<*const GuestStack>,
    /// What a guest that was left has on it: from where on, and up to where it may be in the midst of something.
    used: Cell<(usize, usize)>,
    record: &'static StackRecord,
    _mapping: Mapping,
}

impl Drop for GuestStack {
    fn drop(&mut self) {
        self.record.withdraw();
    }
}

impl GuestStack {
    /// Whether it was made for this many bytes.
    #[inline(always)]
    pub fn is_for(&self, bytes: u64) -> bool {
        self.asked == bytes
    }

    /// What frames mustn't go below, with this much room below them.
    pub fn lowest_frame(&self, room: usize) -> usize {
        self.limit.max(self.base) + room
    }

    /// Whether something of the guard was given to a signal handler, or to the registers of a guest that was left.
    pub fn is_opened(&self) -> bool {
        self.record.opened() != 0
    }

    /// The first byte that can be accessed.
    #[inline]
    pub fn accessible_from(&self) -> usize {
        self.base - self.record.opened()
    }

    /// Notes what a guest that was left has on it, from this address on. Up to another it may be in the midst of an operator.
    #[inline(always)]
    pub fn set_used(&self, from: usize, uncertain_until: usize) {
        self.used.set((from, uncertain_until));
    }

    /// What [`GuestStack::set_used`] was told last; nothing on a stack that isn't leased.
    pub fn used(&self) -> (usize, usize) {
        let (from, until) = self.used.get();
        (from.max(self.accessible_from()).next_multiple_of(size_of::<usize>()), until)
    }

    /// Takes back what a signal handler was given of the guard.
    #[cold]
    fn close(&self) {
        // SAFETY: nothing runs on the stack, and who reads it asks before what is accessible.
        unsafe { close(self.record) };
    }

    /// Gives the memory of the pages below an address back to the system.
    ///
    /// # Safety
    ///
    /// Nothing on the stack below the address may be needed any more, and nothing run on it now.
    pub unsafe fn give_back_below(&self, lowest_used: usize) {
        let end = lowest_used.clamp(self.base, self.high) & !(mapping::page_size() - 1);
        // SAFETY: the usable part, from its first page on, is the stack's own and writable; then the caller's promise.
        unsafe { mapping::give_back(self.base, end - self.base) };
    }

    /// A share in a stack, which keeps it mapped also after its lease.
    ///
    /// # Safety
    ///
    /// `stack` must be leased, or lent.
    pub unsafe fn share(stack: *const GuestStack) -> Rc<GuestStack> {
        // SAFETY: what is leased is in a slot of its pool, which made the address from the slot's `Rc`.
        unsafe {
            Rc::increment_strong_count(stack);
            Rc::from_raw(stack)
        }
    }
}

/// The stacks of one store. A stack that is leased stays at its address until it is released.
pub struct StackPool {
    slots: RefCell<Vec<Option<Rc<GuestStack>>>>,
    /// Slots without stack.
    vacant: RefCell<Vec<usize>>,
    /// A chain of stacks that wait to be leased again; the last used is the first.
    free: Cell<*const GuestStack>,
    /// How many they are, with those that are lent.
    kept: Cell<usize>,
    /// Bytes of headroom that each stack has.
    headroom: usize,
    /// Whether stacks are filled with [`POISON`] before each lease.
    poisons: bool,
    /// The context of the store whose guests run on them.
    context: Cell<*mut c_void>,
}

const _: () = assert!(std::mem::offset_of!(GuestStack, limit) == crate::abi::vmctx::guest_stack::LIMIT as usize);

impl Default for StackPool {
    fn default() -> StackPool {
        StackPool::new(0, false)
    }
}

impl StackPool {
    /// A pool of stacks with so many bytes of headroom, which are filled with a pattern before each use or not.
    pub fn new(headroom: usize, poisons: bool) -> StackPool {
        StackPool {
            headroom,
            context: Cell::new(ptr::null_mut()),
            slots: RefCell::default(),
            vacant: RefCell::default(),
            free: Cell::new(ptr::null()),
            kept: Cell::new(0),
            poisons,
        }
    }

    /// Says whose guests will run on the stacks that are made from now on. The context must be there as long as one does.
    pub fn set_context(&self, context: *mut c_void) {
        self.context.set(context);
    }

    /// Leases a stack of at least this many usable bytes, rounded up to pages. To be released to the same pool.
    #[inline]
    pub fn lease(&self, bytes: u64) -> Result<*const GuestStack> {
        let leased = self.lease_as_it_is(bytes)?;
        if self.poisons {
            // SAFETY: it was just leased, and nobody uses it yet; all bytes from its base on are writable.
            unsafe { ptr::write_bytes((*leased).base as *mut u8, POISON, (*leased).high - (*leased).base) };
        }
        Ok(leased)
    }

    #[inline(always)]
    fn lease_as_it_is(&self, bytes: u64) -> Result<*const GuestStack> {
        let first = self.free.get();
        // SAFETY: what is in the chain is in a slot.
        match unsafe { first.as_ref() } {
            Some(stack) if stack.is_for(bytes) => {
                self.free.set(stack.next.get());
                self.kept.set(self.kept.get() - 1);
                Ok(first)
            }
            _ => self.make(bytes),
        }
    }

    /// The stack that was released last, if it was made for this many bytes and can be used as it is.
    #[inline(always)]
    pub fn first(&self, bytes: u64) -> Option<&GuestStack> {
        if self.poisons {
            return None;
        }
        // SAFETY: what is in the chain is in a slot; a stack stays at its address, and no stack is unmapped before it is
        // out of the chain.
        unsafe { self.free.get().as_ref() }.filter(|stack| stack.is_for(bytes))
    }

    /// Lends the first of the chain for a while: it is counted as one that waits, and is to be put back, or lost.
    #[inline(always)]
    pub fn take_first(&self, stack: &GuestStack) {
        debug_assert!(ptr::eq(self.free.get(), stack));
        self.free.set(stack.next.get());
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `stack` must come from [`StackPool::take_first`] of this pool, and not be used as a stack any more.
    #[inline(always)]
    pub unsafe fn put_first(&self, stack: &GuestStack) {
        stack.next.set(self.free.get());
        self.free.set(stack);
    }

    /// Turns a loan into a lease.
    pub fn lose_first(&self) {
        self.kept.set(self.kept.get() - 1);
    }

    /// Takes a stack back. What is on it stays readable until it is leased again or unmapped.
    ///
    /// # Safety
    ///
    /// `stack` must be leased from this pool, and not be used as a stack any more.
    #[inline]
    pub unsafe fn release(&self, stack: *const GuestStack) {
        // SAFETY: the caller's promise.
        unsafe {
            if (*stack).is_opened() {
                (*stack).close();
            }
        }
        if self.kept.get() == KEPT {
            // SAFETY: the caller's promise.
            return self.unmap(unsafe { (*stack).slot });
        }
        // SAFETY: the caller's promise.
        unsafe {
            (*stack).used.set(((*stack).high, 0));
            (*stack).next.set(self.free.get());
        }
        self.free.set(stack);
        self.kept.set(self.kept.get() + 1);
    }

    /// Calls `look` with each stack.
    pub fn each(&self, look: impl FnMut(&GuestStack)) {
        self.slots.borrow().iter().flatten().map(|stack| &**stack).for_each(look);
    }

    /// Gives the memory of the stacks that wait to be leased back to the system.
    pub fn trim(&self) {
        let mut next = self.free.get();
        // SAFETY: what is in the chain is in a slot, and nobody runs on it; what is left of a call that ran there may go at any time.
        while let Some(stack) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            unsafe { stack.give_back_below(stack.high) };
            next = stack.next.get();
        }
    }

    #[cold]
    fn make(&self, bytes: u64) -> Result<*const GuestStack> {
        // Kept stacks have another size, if there are any: the limit was changed.
        // SAFETY: what is in the chain is in a slot.
        while let Some(stack) = unsafe { self.free.get().as_ref() } {
            self.free.set(stack.next.get());
            self.kept.set(self.kept.get() - 1);
            self.unmap(stack.slot);
        }
        let bytes_asked = usize::try_from(bytes.max(1)).unwrap_or(usize::MAX);
        let usable = round_to_pages(bytes_asked.saturating_add(self.headroom))?;
        let mapping = Mapping::reserve(usable.saturating_add(GUARD))?;
        mapping.make_writable(GUARD, usable)?;
        let low = mapping.base();
        let used = Cell::new((low + GUARD + usable, 0));
        let (base, high, next) = (low + GUARD, low + GUARD + usable, Cell::new(ptr::null()));
        let limit = base + self.headroom;
        let record = StackRecord::register(low, base, high, self.context.get())?;
        let slot = self.vacant.borrow_mut().pop().unwrap_or_else(|| {
            self.slots.borrow_mut().push(None);
            self.slots.borrow().len() - 1
        });
        let stack =
            Rc::new(GuestStack { limit, low, base, high, slot, asked: bytes, next, used, record, _mapping: mapping });
        let address = Rc::as_ptr(&stack);
        self.slots.borrow_mut()[slot] = Some(stack);
        Ok(address)
    }

    #[cold]
    fn unmap(&self, slot: usize) {
        self.slots.borrow_mut()[slot] = None;
        self.vacant.borrow_mut().push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::page_size;
    use super::*;
    use crate::base::ErrorKind;

    fn lease(pool: &StackPool, bytes: u64) -> &GuestStack {
        // SAFETY: the tests don't look at stacks that were unmapped.
        unsafe { &*pool.lease(bytes).unwrap() }
    }

    fn release(pool: &StackPool, stack: &GuestStack) {
        // SAFETY: the tests release what they leased, once.
        unsafe { pool.release(stack) };
    }

    #[test]
    fn stacks_are_reused_while_the_size_stays() {
        let pool = StackPool::default();
        let first = lease(&pool, 1 << 16);
        let second = lease(&pool, 1 << 16);
        assert_ne!(first.low, second.low);
        release(&pool, first);
        assert!(ptr::eq(lease(&pool, 1 << 16), first));
        release(&pool, first);
        let larger = lease(&pool, (1 << 16) + 1);
        assert_eq!(larger.high - larger.base, (1 << 16) + page_size());
        assert_eq!(pool.kept.get(), 0);
    }

    #[test]
    fn a_lent_stack_counts_as_kept() {
        let pool = StackPool::default();
        release(&pool, lease(&pool, 4096));
        let lent = pool.first(4096).unwrap();
        pool.take_first(lent);
        assert!(pool.first(4096).is_none());
        assert_eq!(pool.kept.get(), 1);
        // Stacks of another size replace those that wait, not those that are lent.
        let larger = lease(&pool, 8192);
        release(&pool, larger);
        assert_eq!(pool.kept.get(), 2);
        // SAFETY: it was lent, and nobody uses it.
        unsafe { pool.put_first(lent) };
        assert!(pool.first(8192).is_none() && ptr::eq(lent, pool.first(4096).unwrap()));
        pool.take_first(lent);
        pool.lose_first();
        assert_eq!(pool.kept.get(), 1);
        release(&pool, lent);
        lease(&pool, 1 << 20);
        assert_eq!(pool.kept.get(), 0);
    }

    #[test]
    fn a_poisoned_stack_holds_no_trace() {
        let pool = StackPool::new(0, true);
        for _ in 0..2 {
            let stack = lease(&pool, 8192);
            // SAFETY: the stack is leased, and these are its bytes.
            let bytes = unsafe { std::slice::from_raw_parts_mut(stack.base as *mut u8, stack.high - stack.base) };
            assert!(bytes.iter().all(|byte| *byte == POISON));
            bytes.fill(1);
            release(&pool, stack);
            assert!(pool.first(8192).is_none());
        }
    }

    #[test]
    fn many_stacks_come_and_go() {
        let pool = StackPool::default();
        let stacks: Vec<_> = (0..3 * KEPT).map(|_| lease(&pool, 4096)).collect();
        stacks.into_iter().for_each(|stack| release(&pool, stack));
        assert_eq!(pool.slots.borrow().iter().flatten().count(), KEPT);
        // Those that were kept are leased first, and slots are used again.
        let mut lows: Vec<_> = (0..3 * KEPT).map(|_| lease(&pool, 4096).low).collect();
        lows.sort();
        lows.dedup();
        assert_eq!((lows.len(), pool.slots.borrow().len(), pool.kept.get()), (3 * KEPT, 3 * KEPT, 0));
    }

    #[test]
    fn a_shared_stack_outlives_its_pool() {
        let pool = StackPool::default();
        let stack = lease(&pool, 4096);
        // SAFETY: it is leased.
        let shared = unsafe { GuestStack::share(stack) };
        release(&pool, stack);
        drop(pool);
        assert_eq!(Rc::strong_count(&shared), 1);
        // SAFETY: it is as large as that.
        assert_eq!(unsafe { *(shared.base as *const u64) }, 0);
    }

    #[test]
    fn an_impossible_size_is_refused() {
        let pool = StackPool::default();
        for bytes in [u64::MAX, 1 << 62] {
            let kind = pool.lease(bytes).unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::System | ErrorKind::Limit), "{kind:?}");
        }
    }
}
