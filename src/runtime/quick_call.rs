//! Quick calls: those that need nothing to be looked at.
//!
//! A raw call that is its store's only one runs on a stack that is kept for it, and what was checked for earlier calls isn't
//! checked again. If anything has to be looked at, the call, or the next one, takes the slow path. Read next:
//! [`super::one_shot_call`], which is that path.

#![expect(unsafe_code, reason = "enters guest code")]

use super::Store;
use super::call::{Call, Exit, RunState};
use super::call_chain::RunningCall;
use super::entities::func::FuncEntry;
use super::machine::switch;
use super::machine::thread::{ReadyThread, ThisThread};
use crate::base::{Func, RawValue, Result};
use std::ptr;

/// A call that can be run as it is; from [`Store::quick_call`].
pub struct QuickCall<'a> {
    store: &'a Store,
    entry: &'a FuncEntry,
    values: *mut RawValue,
    _thread: ReadyThread,
}

/// What is left to do after a quick call that needs the slow path: it didn't finish, or something else has to be looked at.
pub struct SlowPath<'a> {
    store: &'a Store,
    entry: &'a FuncEntry,
    values: *mut RawValue,
    exit: u32,
}

impl<'a> QuickCall<'a> {
    /// Runs it; answers none if it finished and that was all.
    #[inline(always)]
    pub fn run(self) -> Option<SlowPath<'a>> {
        let QuickCall { store, entry, values, .. } = self;
        let inner = store.inner();
        let (calls, context) = (&inner.calls, inner.context.get());
        calls.quick.bump_epoch();
        calls.innermost.set(&calls.quick);
        // SAFETY: no call of the store runs (`Store::quick_call`), and `Store::enable_quick_calls` has given it the stack, which nobody else uses, and
        // left the rest as it has to be for an outermost call. The context is this store's, used on this thread; guest code, which
        // changes it too, isn't running. The values are what the entry's trampoline demands (`Store::quick_call`).
        let exit = unsafe {
            let stack = &*calls.quick.stack.get();
            (*context).stack = ptr::from_ref(stack).cast();
            entry.switch(context, stack, values)
        };
        calls.innermost.set(ptr::null());
        if exit == switch::FINISHED && !calls.needs_slow_path.get() {
            return None;
        }
        Some(SlowPath { store, entry, values, exit })
    }
}

impl SlowPath<'_> {
    /// Goes on with the call, if it didn't finish.
    #[cold]
    pub fn drive(self, drive: impl FnOnce(&Call, Exit) -> Result<()>) -> Result<()> {
        let SlowPath { store, entry, values, exit } = self;
        if exit == switch::FINISHED {
            return Ok(());
        }
        // SAFETY: the entry's reference is the store's.
        let func = unsafe { store.func_of_ref(entry.func_ref) };
        let calls = &store.inner().calls;
        let running = RunningCall::default();
        running.id.swap(&calls.quick.id);
        running.epoch.set(calls.quick.epoch.get());
        running.stack.swap(&calls.quick.stack);
        calls.needs_slow_path.set(true);
        // SAFETY: `Store::quick_call` was promised that the values are the call's for its time, and found them right. The stack
        // is the call's now.
        let call = unsafe { Call::with_running(store, running, RunState::Running, func, entry, values) };
        store.drive(&call, exit, drive)
    }
}

impl Store {
    /// Gives the memory of stacks that no call uses back to the system.
    pub fn trim(&self) {
        let inner = self.inner();
        inner.stacks.trim();
        if !inner.calls.innermost.get().is_null() {
            return;
        }
        // SAFETY: the stack, if there is one, is kept for quick calls, and none of them runs if no call does.
        unsafe {
            if let Some(stack) = inner.calls.quick.stack.get().as_ref() {
                stack.give_back_below(stack.high);
            }
        }
    }

    /// A call that can be made without looking at more than this: one with a stack that waits for it, and values that need no
    /// check.
    ///
    /// # Safety
    ///
    /// No call of the store may be running. There must be `count` values, which nobody else uses as long as the result or what comes of it exists.
    #[inline(always)]
    pub unsafe fn quick_call(
        &self,
        thread: ThisThread<'_>,
        func: Func,
        values: *mut RawValue,
        count: usize,
    ) -> Option<QuickCall<'_>> {
        let inner = self.inner();
        let calls = &inner.calls;
        debug_assert!(calls.innermost.get().is_null(), "no call is running");
        if calls.needs_slow_path.get() || func.store != inner.id {
            return None;
        }
        let entry = inner.funcs.get(func.index)?;
        if count < entry.ready_for.get() {
            return None;
        }
        let thread = ReadyThread::known(thread, inner.thread_side, inner.known_thread.get())?;
        Some(QuickCall { store: self, entry, values, _thread: thread })
    }

    /// Whether the outermost running call is a quick one.
    pub fn runs_quick_call(&self) -> bool {
        self.inner().calls.runs_quick_call()
    }

    /// Makes the quick call that runs take the slow path after it, and the next one too.
    pub fn require_slow_path(&self) {
        self.inner().calls.needs_slow_path.set(true);
    }

    /// Makes quick calls possible, if nothing is in their way but what they left behind, and a stack waits for them.
    pub fn enable_quick_calls(&self) {
        let inner = self.inner();
        let calls = &inner.calls;
        let is_nested = !calls.innermost.get().is_null() || calls.under_handlers.get() != 0;
        if !calls.needs_slow_path.get() || is_nested || calls.limit.get() == 0 {
            return;
        }
        let (quick, bytes) = (&calls.quick, inner.limits.get().stack_bytes);
        quick.id.set(0);
        let stack = quick.stack.get();
        // SAFETY: a stack that it has is leased by it, and no call runs.
        unsafe {
            if stack.as_ref().is_some_and(|stack| !stack.is_for(bytes)) {
                quick.stack.set(ptr::null());
                inner.stacks.release(stack);
            }
        }
        if quick.stack.get().is_null() {
            let waiting = inner.stacks.first(bytes).and_then(|_| inner.stacks.lease(bytes).ok());
            let Some(stack) = waiting else { return };
            quick.stack.set(stack);
        }
        calls.needs_slow_path.set(false);
    }
}
