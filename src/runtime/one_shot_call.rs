//! One-shot calls: from the arguments to the results, in one go.
//!
//! A one-shot call that runs to its end needs no [`Call`]. If its guest code is left before that, it becomes a `Call`, which is
//! handed to the layer that decides what the exit means. Knows nothing of why a call is left. Read next:
//! [`super::quick_call`].

#![expect(unsafe_code, reason = "enters guest code")]

use super::Store;
use super::call::{Call, Exit, RunState, TrapInfo};
use super::call_chain::RunningCall;
use super::entities::func::FuncEntry;
use super::machine::switch;
use super::machine::thread::ReadyThread;
use super::values::wrong_count;
use crate::base::{Backtrace, Error, Func, NativePc, RawValue, Result, TrapCode, ValType, Value, error::bail};

/// A call's arguments and places for its results, in a form of the caller's.
pub trait Convert {
    /// How many arguments there are, and how many places.
    fn lengths(&self) -> (usize, usize);

    /// Writes the arguments, which must be of these types. There are as many types as arguments, and at least as many
    /// raw values, which are zero.
    fn write_args(&mut self, types: &[ValType], raw: &mut [RawValue]) -> Result<()>;

    /// Reads the results, which are of these types. There are as many types as places, and at least as many raw values.
    fn read_results(&mut self, types: &[ValType], raw: &[RawValue]);
}

/// The core's own values.
struct Converted<'a> {
    store: &'a Store,
    args: &'a [Value],
    results: &'a mut [Value],
}

impl Convert for Converted<'_> {
    fn lengths(&self) -> (usize, usize) {
        (self.args.len(), self.results.len())
    }

    fn write_args(&mut self, types: &[ValType], raw: &mut [RawValue]) -> Result<()> {
        self.store.raw_args(types, self.args, raw)
    }

    fn read_results(&mut self, types: &[ValType], raw: &[RawValue]) {
        for ((result, ty), raw) in self.results.iter_mut().zip(types).zip(raw) {
            *result = self.store.value_of(*ty, *raw);
        }
    }
}

/// Drives a call to its end, passing over stops.
fn to_the_end(store: &Store) -> impl FnOnce(&Call, Exit) -> Result<()> {
    move |call, mut exit| loop {
        match exit {
            Exit::Finished => return Ok(()),
            Exit::Trapped(trap) => return Err(call.error(store, &trap)),
            Exit::Stopped(_) | Exit::Threw => exit = call.run(store)?,
            Exit::Interrupted(_) => {
                let asked = store.take_interrupts(false);
                if asked.is_to_end() {
                    let is_empty = asked.fuel.is_some() && !asked.trap;
                    let code = if is_empty { TrapCode::OutOfFuel } else { TrapCode::Interrupted };
                    call.fail(Error::trap(code, None, Backtrace::default()))?;
                    let trap = TrapInfo { code, fault: None, pc: NativePc(0), fp: 0 };
                    return Err(call.error(store, &trap));
                }
                exit = call.run(store)?;
            }
            Exit::Yielded => bail!(InvalidState, "the call can't wait for a host function"),
        }
    }
}

impl Store {
    /// Calls a function with tagged values, to the end: stops are passed over.
    pub fn call(&self, func: Func, args: &[Value]) -> Result<Vec<Value>> {
        let entry = self.func_entry(func)?;
        let mut results = vec![Value::Unavailable; entry.ty().results.len()];
        self.call_with(func, args, &mut results, to_the_end(self))?;
        Ok(results)
    }

    /// Calls a function with raw values, to the end: stops are passed over. `values` is as long as the longer of
    /// parameters and results.
    pub fn call_raw(&self, func: Func, values: &mut [RawValue]) -> Result<()> {
        self.call_raw_with(func, values, to_the_end(self))
    }

    /// Calls a function with tagged values, without allocating. `results` is as long as the function's. The first exit
    /// other than `Finished` is handed to `drive`, which decides: it may go on with [`Call::run`] as often as it likes,
    /// and answers `Ok` only when the call finished.
    pub fn call_with(
        &self,
        func: Func,
        args: &[Value],
        results: &mut [Value],
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        let values = Converted { store: self, args, results };
        self.call_converted(func, values, drive)
    }

    /// Like [`Store::call_with`] with values of another form.
    #[inline(always)]
    pub fn call_converted(
        &self,
        func: Func,
        mut values: impl Convert,
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        let entry = self.func_entry(func)?;
        let ty = entry.ty();
        let (args, results) = values.lengths();
        if args != ty.params.len() {
            return Err(wrong_count("arguments", args, ty.params.len()));
        }
        if results != ty.results.len() {
            return Err(wrong_count("places for results", results, ty.results.len()));
        }
        let (mut few, mut some, mut many);
        let raw = match entry.values as usize {
            0..=4 => {
                few = [RawValue::default(); 4];
                &mut few[..]
            }
            5..=16 => {
                some = [RawValue::default(); 16];
                &mut some[..]
            }
            count => {
                many = vec![RawValue::default(); count];
                &mut many[..]
            }
        };
        values.write_args(&ty.params, raw)?;
        self.check_call(entry, raw)?;
        // SAFETY: there is room for all values, and everything about them was checked just now.
        unsafe { self.call_on(func, entry, raw, drive) }?;
        values.read_results(&ty.results, raw);
        Ok(())
    }

    /// Like [`Store::call_with`] with raw values: arguments in, results out.
    #[inline(always)]
    pub fn call_raw_with(
        &self,
        func: Func,
        values: &mut [RawValue],
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        let entry = self.func_entry(func)?;
        self.check_call(entry, values)?;
        // SAFETY: both promises were checked just now.
        unsafe { self.call_on(func, entry, values, drive) }
    }

    /// # Safety
    ///
    /// [`Store::check_call`] must have found everything right.
    #[inline(always)]
    unsafe fn call_on(
        &self,
        func: Func,
        entry: &FuncEntry,
        values: &mut [RawValue],
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        let inner = self.inner();
        let values = values.as_mut_ptr();
        let running = RunningCall::default();
        let ready = 'ready: {
            if !inner.calls.nest(&running) {
                break 'ready None;
            }
            let Some(thread) = ReadyThread::already(inner.thread_side, inner.known_thread.get()) else {
                break 'ready None;
            };
            let Some(stack) = inner.stacks.first(inner.limits.get().stack_bytes) else { break 'ready None };
            Some((thread, stack))
        };
        let Some((thread, stack)) = ready else {
            // SAFETY: the caller's promise.
            return unsafe { self.call_slowly(func, entry, values, drive) };
        };
        running.stack.set(stack);
        inner.stacks.take_first(stack);
        // SAFETY: `nest` has just allowed it, and the stack is fresh. The caller's promise covers the rest.
        let exit = unsafe {
            let context = inner.context.get();
            inner.calls.switch(&running, context, thread, |stack| entry.switch(context, stack, values))
        };
        if exit == switch::FINISHED {
            // SAFETY: it was the first, and nothing runs on it any more.
            unsafe { inner.stacks.put_first(stack) };
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.become_whole(running, func, entry, values, exit, drive) }
    }

    /// The slow path of [`Store::call_on`]: no stack is ready, the call isn't allowed, ….
    ///
    /// # Safety
    ///
    /// As for [`Store::call_on`].
    #[cold]
    unsafe fn call_slowly(
        &self,
        func: Func,
        entry: &FuncEntry,
        values: *mut RawValue,
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        // SAFETY: the caller's promise, for longer than the call lives, which the closure can't keep.
        let call = unsafe { Call::with_running(self, RunningCall::default(), RunState::Ready, func, entry, values) };
        match call.enter(self, None)? {
            switch::FINISHED => Ok(()),
            exit => self.drive(&call, exit, drive),
        }
    }

    /// Goes on with what becomes a whole call, now that it was left before it finished.
    ///
    /// # Safety
    ///
    /// As for [`Store::call_on`].
    #[cold]
    unsafe fn become_whole(
        &self,
        running: RunningCall,
        func: Func,
        entry: &FuncEntry,
        values: *mut RawValue,
        exit: u32,
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        self.inner().stacks.lose_first();
        // SAFETY: as in `call_slowly`.
        let call = unsafe { Call::with_running(self, running, RunState::Running, func, entry, values) };
        self.drive(&call, exit, drive)
    }

    /// Goes on with a call that was left, or not even entered.
    #[cold]
    pub(super) fn drive(&self, call: &Call, exit: u32, drive: impl FnOnce(&Call, Exit) -> Result<()>) -> Result<()> {
        drive(call, call.exit(self, exit))?;
        if call.state() != RunState::Finished {
            bail!(InvalidState, "the call was given up before it finished");
        }
        Ok(())
    }
}
