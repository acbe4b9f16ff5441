//! The chain of running calls of a store, innermost first.
//!
//! A host function may run further calls, each on a guest stack of its own. Knows nothing of functions or of why a call
//! runs. Invariants: every way into guest code, and back into it, bumps the call's epoch; a call that runs is neither moved
//! nor dropped. Read next: [`super::call`], [`super::quick_call`].

#![expect(unsafe_code, reason = "follows the chain by address")]

use super::activation::{Activation, PcKind};
use super::machine::guest_stack::GuestStack;
use super::machine::store_context::StoreContext;
use super::machine::thread::{ReadyThread, is_own_stack_low};
use crate::base::NativePc;
use std::cell::Cell;
use std::ptr;

/// The running calls of a store, and what new ones are given.
pub struct CallChain {
    /// The innermost running call, or null.
    pub(super) innermost: Cell<*const RunningCall>,
    /// The number of the next call that is asked for its number.
    next_number: Cell<u64>,
    /// How many calls may run, one under another; 0 if the store can't be used any more.
    pub(super) limit: Cell<u32>,
    /// What quick calls run as; it keeps its stack between them. See [`Store::quick_call`](super::Store::quick_call).
    pub(super) quick: RunningCall,
    /// How many calls are in progress beneath the event handler that runs: those that stand still for it are no running ones.
    pub(super) under_handlers: Cell<u32>,
    /// Whether something has to be looked at before the next quick call, and after the one that runs.
    pub(super) needs_slow_path: Cell<bool>,
}

/// A call as the chain of running calls knows it. A one-shot call consists of nothing else until its guest code is left for
/// another reason than that the call finished.
pub struct RunningCall {
    /// Its number, or 0 as long as nobody has asked for it.
    pub(super) id: Cell<u64>,
    pub(super) epoch: Cell<u64>,
    /// Leased from the pool when it first runs; null before, and after it finished.
    pub(super) stack: Cell<*const GuestStack>,
    /// The call that was the innermost running one before this.
    outer: Cell<*const RunningCall>,
    /// How many calls it runs under.
    depth: Cell<u32>,
    /// Whether whoever drives it can go on with it later, when a host function has its results.
    pub(super) can_yield: Cell<bool>,
    /// Where its guest code called the host function that runs another call; see
    /// [`exit_frame`](StoreContext::exit_frame).
    waits_at: Cell<usize>,
}

/// Where guest code was left.
#[derive(Clone, Copy)]
pub(super) struct ExitPlace {
    pub(super) pc: usize,
    pub(super) fp: usize,
    pub(super) kind: PcKind,
}

impl ExitPlace {
    /// No place yet.
    pub(super) const NONE: ExitPlace = ExitPlace { pc: 0, fp: 0, kind: PcKind::Exact };
}

impl Default for RunningCall {
    #[inline(always)]
    fn default() -> RunningCall {
        RunningCall {
            id: Cell::new(0),
            epoch: Cell::new(0),
            stack: Cell::new(ptr::null()),
            outer: Cell::new(ptr::null()),
            depth: Cell::new(0),
            can_yield: Cell::new(false),
            waits_at: Cell::new(0),
        }
    }
}

impl RunningCall {
    #[inline]
    pub(super) fn bump_epoch(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// How many calls it runs under.
    pub(super) fn depth(&self) -> u32 {
        self.depth.get()
    }

    /// Its newest frame and all that are behind it; none if it has no stack.
    pub(super) fn activation_at(&self, left: ExitPlace) -> Option<Activation> {
        let stack = self.stack.get();
        if stack.is_null() {
            return None;
        }
        // SAFETY: the stack is leased by this call.
        let stack = unsafe { GuestStack::share(stack) };
        Some(Activation {
            call_id: self.id.get(),
            epoch: self.epoch.get(),
            fp: left.fp,
            pc: NativePc(left.pc),
            kind: left.kind,
            stack,
        })
    }
}

impl CallChain {
    /// No running calls; so many may run, one under another.
    pub(super) fn new(limit: u32) -> CallChain {
        CallChain {
            innermost: Cell::new(ptr::null()),
            next_number: Cell::new(1),
            limit: Cell::new(limit),
            quick: RunningCall::default(),
            under_handlers: Cell::new(0),
            needs_slow_path: Cell::new(true),
        }
    }

    /// Counts `call`, for which an event handler is about to run, and all beneath it, among those that the handler's own calls
    /// run under; answers the count before, to be given to [`CallChain::after_handler`].
    #[inline]
    pub(super) fn before_handler(&self, call: &RunningCall) -> u32 {
        self.needs_slow_path.set(true);
        self.under_handlers.replace(call.depth.get() + 1)
    }

    /// To be called when the handler has returned.
    #[inline]
    pub(super) fn after_handler(&self, before: u32) {
        self.under_handlers.set(before);
    }

    /// Changes how many calls may run, one under another.
    pub(super) fn set_limit(&self, limit: u32) {
        self.limit.set(limit);
        self.needs_slow_path.set(true);
    }

    /// The number of a call in its store.
    pub(super) fn number(&self, call: &RunningCall) -> u64 {
        if call.id.get() == 0 {
            call.id.set(self.next_number.get());
            self.next_number.set(call.id.get() + 1);
            if ptr::eq(call, &self.quick) {
                // The next quick call is another one.
                self.needs_slow_path.set(true);
            }
        }
        call.id.get()
    }

    /// Puts a call that is about to run under the innermost one; false if the store doesn't allow so many, or too little is
    /// left of the host's stack for another.
    #[inline(always)]
    pub(super) fn nest(&self, call: &RunningCall) -> bool {
        let outer = self.innermost.get();
        // SAFETY: the outer call runs, so it is neither moved nor dropped.
        let depth = unsafe { outer.as_ref() }.map_or(0, |outer| outer.depth.get() + 1);
        let depth = depth.max(self.under_handlers.get());
        call.outer.set(outer);
        call.depth.set(depth);
        depth < self.limit.get() && (depth == 0 || !is_own_stack_low())
    }

    /// Enters or resumes guest code of `call` by way of `run`, which is given the stack; answers one of the switch's numbers.
    ///
    /// # Safety
    ///
    /// [`CallChain::nest`] must have allowed it. `context` must be the store's whose chain this is, and `call` have a stack
    /// that is fresh, or was left at a stop of this call, and that `run` may run on.
    #[inline(always)]
    pub(super) unsafe fn switch(
        &self,
        call: &RunningCall,
        context: *mut StoreContext,
        thread: ReadyThread,
        run: impl FnOnce(&GuestStack) -> u32,
    ) -> u32 {
        // SAFETY: the stack is leased. The caller's promise covers the rest.
        unsafe {
            self.before_guest(call, context, thread);
            let exit = run(&*call.stack.get());
            self.after_guest(call, context);
            exit
        }
    }

    /// The first half of [`CallChain::switch`], for callers that can't run the guest in a closure.
    ///
    /// # Safety
    ///
    /// As for [`CallChain::switch`], and guest code must be run next.
    #[inline(always)]
    pub(super) unsafe fn before_guest(&self, call: &RunningCall, context: *mut StoreContext, _: ReadyThread) {
        let outer = call.outer.get();
        call.bump_epoch();
        // SAFETY: the context is the store's, used on this thread; guest code, which changes it too, isn't running. The
        // outer call runs, so it is neither moved nor dropped.
        unsafe {
            (*context).stack = call.stack.get().cast();
            self.innermost.set(call);
            if !outer.is_null() {
                (*outer).waits_at.set((*context).exit_frame);
            }
        }
    }

    /// The second half.
    ///
    /// # Safety
    ///
    /// To be called when guest code was left, after [`CallChain::before_guest`], with the same arguments.
    #[inline(always)]
    pub(super) unsafe fn after_guest(&self, call: &RunningCall, context: *mut StoreContext) {
        let outer = call.outer.get();
        self.innermost.set(outer);
        // SAFETY: as in `before_guest`.
        unsafe {
            if outer.is_null() {
                (*context).stack = ptr::null();
            } else {
                (*context).stack = (*outer).stack.get().cast();
                (*context).exit_frame = (*outer).waits_at.get();
            }
        }
    }

    /// The innermost running call.
    pub(super) fn current(&self) -> Option<&RunningCall> {
        // SAFETY: the call runs, so it is neither moved nor dropped.
        unsafe { self.innermost.get().as_ref() }
    }

    /// Whether a quick call is among those that run.
    pub(super) fn runs_quick_call(&self) -> bool {
        let mut next = self.innermost.get();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            if ptr::eq(call, &self.quick) {
                return true;
            }
            next = call.outer.get();
        }
        false
    }

    /// Calls `found` with the stack of each running call, and where on it guest code has called the host: what the guest has is from
    /// there on.
    ///
    /// # Safety
    ///
    /// Each running call must wait for a host function: guest code isn't running. `exit_frame` must be the store context's.
    pub(super) unsafe fn each_waiting(&self, exit_frame: usize, mut found: impl FnMut(*const GuestStack, usize)) {
        let mut frame = exit_frame;
        let mut next = self.innermost.get();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            found(call.stack.get(), frame);
            next = call.outer.get();
            // SAFETY: as above.
            if let Some(outer) = unsafe { next.as_ref() } {
                frame = outer.waits_at.get();
            }
        }
    }

    /// Where guest code waits for host functions, newest first: one entry per running call.
    /// `exit_frame` is the store context's.
    ///
    /// # Safety
    ///
    /// Each running call must wait for a host function: guest code isn't running.
    pub(super) unsafe fn activations(&self, exit_frame: usize) -> Vec<Activation> {
        let mut frame = exit_frame;
        let mut next = self.innermost.get();
        let mut found = Vec::new();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            // SAFETY: the call waits for a host function, whose stub noted where these two words are on the call's stack.
            let [fp, pc] = unsafe { *(frame as *const [usize; 2]) };
            self.number(call);
            found.extend(call.activation_at(ExitPlace { pc, fp, kind: PcKind::Return }));
            next = call.outer.get();
            // SAFETY: as above.
            if let Some(outer) = unsafe { next.as_ref() } {
                frame = outer.waits_at.get();
            }
        }
        found
    }
}
