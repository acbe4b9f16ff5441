//! Calls: guest code running on a stack of its own, entered and left by one run loop.
//!
//! ```text
//!   Ready ──run──> Running ──> Finished
//!     │             │  ▲ └───> Trapped
//!     │             ▼  │run        ▲
//!     │          Suspended ──fail──┤
//!     └────────────────────fail────┘
//! ```
//!
//! Running calls form a chain through the store, innermost first: a host function may run further calls, each on its own
//! stack. Invariants: every way into guest code, and back into it, bumps the call's epoch; a call that runs isn't moved
//! or dropped. Knows nothing of why a stop point was armed. Read next: [`super::switch`], [`super::walk`].

#![expect(unsafe_code, reason = "enters guest code")]

use super::func::FuncEntry;
use super::guest_stack::{GuestStack, StackPool};
use super::store_context::RawTrap;
use super::walk::{Activation, FrameKind};
use super::{Store, switch, traps};
use crate::base::{
    Error, ErrorKind, Func, NativePc, RawValue, Result, StoreId, TrapCode, Value,
    error::{MemoryFault, bail},
};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

/// What a call is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallState {
    /// Nothing ran yet.
    Ready,
    /// Guest code of it is running, or waits for a host function.
    Running,
    /// It is at a stop point and can go on.
    Suspended,
    /// It has results.
    Finished,
    /// It ended in a trap, and its frames can be read until the call is dropped; or the guest ended itself, and it has none.
    Trapped,
}

/// Why guest code was left.
#[derive(Clone, Copy, Debug)]
pub enum Exit {
    /// The function returned.
    Finished,
    /// It trapped.
    Trapped(TrapInfo),
    /// An armed stop point was reached.
    Stopped(Stopped),
}

/// A trap, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrapInfo {
    /// The reason.
    pub code: TrapCode,
    /// The access that failed, for faults in a memory.
    pub fault: Option<MemoryFault>,
    /// The newest frame's place: the trapping instruction, or where a call returns to that couldn't be made; which, says
    /// the [activation](Call::activation). 0 if no guest code ran.
    pub pc: NativePc,
    /// The newest frame's frame pointer; 0 if no guest code ran.
    pub fp: usize,
}

/// Where a call stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// The address after the armed stop point.
    pub pc: NativePc,
    /// The frame pointer of the stopped frame.
    pub fp: usize,
}

/// A call of a function. Dropping a suspended call drops its guest frames.
pub struct Call {
    store: StoreId,
    id: u64,
    func: Func,
    /// Valid as long as the store.
    entry: *const FuncEntry,
    epoch: Cell<u64>,
    state: Cell<CallState>,
    /// Arguments, later results; owned, or lent for the call's time by [`Store::call_raw_with`].
    values: *mut RawValue,
    count: u32,
    _own: Option<Box<[RawValue]>>,
    /// The store's; kept by a call that may outlive it.
    pool: *const StackPool,
    _keep: Option<Rc<StackPool>>,
    /// Leased from the pool when it first runs; null before, and after it finished.
    stack: Cell<*const GuestStack>,
    /// Where to resume it.
    guest_sp: Cell<usize>,
    /// Where its guest code was left: at a stop or trap, or for a host function that runs another call.
    left: Cell<Left>,
    /// The call that was the innermost running one before this.
    outer: Cell<*const Call>,
    /// How many calls run under this, while it runs.
    depth: Cell<u32>,
    /// What made it fail, other than a trap of its own.
    error: RefCell<Option<Error>>,
}

#[derive(Clone, Copy)]
struct Left {
    pc: usize,
    fp: usize,
    kind: FrameKind,
}

const NOWHERE: Left = Left { pc: 0, fp: 0, kind: FrameKind::Exact };

impl Call {
    /// A call with tagged arguments, checked for number, types and stores. Nothing runs yet.
    pub fn new(store: &Store, func: Func, args: &[Value]) -> Result<Call> {
        let entry = store.callable(func)?;
        let mut values = vec![RawValue::default(); entry.values as usize].into_boxed_slice();
        raw_args(store, entry, args, &mut values)?;
        Ok(Call::owning(store, func, entry, values))
    }

    /// A call with raw values, as long as the longer of parameters and results.
    pub fn new_raw(store: &Store, func: Func, values: &[RawValue]) -> Result<Call> {
        let entry = store.callable(func)?;
        check_raw(store, entry, values)?;
        Ok(Call::owning(store, func, entry, values[..entry.values as usize].into()))
    }

    fn owning(store: &Store, func: Func, entry: &FuncEntry, mut values: Box<[RawValue]>) -> Call {
        let address = values.as_mut_ptr();
        // SAFETY: the values are the call's own, at an address that stays.
        let mut call = unsafe { Call::with_values(store, func, entry, address) };
        call._own = Some(values);
        call._keep = Some(store.inner().stacks.clone());
        call
    }

    /// A call that owns nothing: it must not outlive the store.
    ///
    /// # Safety
    ///
    /// `values` must be as long as `entry` says, be unused by others while the call exists, and hold good references.
    #[inline(always)]
    unsafe fn with_values(store: &Store, func: Func, entry: &FuncEntry, values: *mut RawValue) -> Call {
        let inner = store.inner();
        let id = inner.next_call.get();
        inner.next_call.set(id + 1);
        Call {
            store: inner.id,
            id,
            func,
            entry,
            epoch: Cell::new(0),
            state: Cell::new(CallState::Ready),
            values,
            count: entry.values,
            _own: None,
            pool: Rc::as_ptr(&inner.stacks),
            _keep: None,
            stack: Cell::new(ptr::null()),
            guest_sp: Cell::new(0),
            left: Cell::new(NOWHERE),
            outer: Cell::new(ptr::null()),
            depth: Cell::new(0),
            error: RefCell::new(None),
        }
    }

    /// Enters or resumes guest code, until it is left for one of the reasons in [`Exit`].
    ///
    /// Errors: `WrongStore`; `InvalidState` unless the call is ready or suspended; `Poisoned`; `System` without a
    /// guest stack; `Limit` for a suspended call under too many others. A fresh one that is nested too deeply traps.
    pub fn run(&self, store: &Store) -> Result<Exit> {
        self.run_while(store, |_| false)
    }

    /// Like [`Call::run`], but goes on from stops for as long as `goes_on` says so, which is asked where the call is
    /// suspended. It mustn't run this call.
    ///
    /// The processor expects each return where the last open call was made, so the loop is around the very place where
    /// the guest is left and resumed: then going back to a stop is the return that is expected.
    #[inline]
    pub fn run_while(&self, store: &Store, mut goes_on: impl FnMut(Stopped) -> bool) -> Result<Exit> {
        loop {
            let exit = self.enter(store)?;
            if exit != switch::STOPPED {
                return Ok(self.exit(store, exit));
            }
            self.state.set(CallState::Suspended);
            let Left { pc, fp, .. } = self.left.get();
            let stopped = Stopped { pc: NativePc(pc), fp };
            if !goes_on(stopped) {
                return Ok(Exit::Stopped(stopped));
            }
        }
    }

    /// Enters or resumes guest code; answers one of the switch's numbers, or [`NESTED_TOO_DEEPLY`].
    #[inline(always)]
    fn enter(&self, store: &Store) -> Result<u32> {
        store.check(self.store)?;
        store.check_poisoned()?;
        let inner = store.inner();
        let is_fresh = match self.state.get() {
            CallState::Ready => true,
            CallState::Suspended => false,
            state => return Err(not_in_state("can't be run", state)),
        };
        let context = inner.context.get();
        let outer = inner.current.get();
        // SAFETY: the outer call runs, so it is neither moved nor dropped.
        let depth = unsafe { outer.as_ref() }.map_or(0, |outer| outer.depth.get() + 1);
        let limits = inner.limits.get();
        if depth >= limits.nested_calls {
            return nested_too_deeply(is_fresh, limits.nested_calls);
        }
        if self.stack.get().is_null() {
            self.stack.set(inner.stacks.lease(limits.stack_bytes)?);
        }
        let stack = self.stack.get();

        // SAFETY: the entry is the store's, which is alive. The context is this store's, used on this thread; guest
        // code, which changes it too, isn't running. The outer call runs, so it is neither moved nor dropped. The guest
        // stack is leased by this call, and fresh or left at a stop. The trampoline is for the function's type, and the
        // values are as long as it demands.
        unsafe {
            let entry = &*self.entry;
            if !outer.is_null() {
                let kind = FrameKind::Return;
                (*outer).left.set(Left { pc: (*context).exit_pc, fp: (*context).exit_fp, kind });
            }
            (*context).stack = stack;
            self.outer.set(outer);
            self.depth.set(depth);
            self.state.set(CallState::Running);
            inner.current.set(self);
            self.bump_epoch();

            // Not in a closure, which may become a function of its own: see `run_while`.
            let exit = match traps::direct_to(context) {
                Ok(outer_context) => {
                    let exit = if is_fresh {
                        switch::enter(context, (*stack).high, entry.enter.get(), entry.code, entry.context, self.values)
                    } else {
                        (*context).guest_sp = self.guest_sp.get();
                        switch::resume(context)
                    };
                    traps::direct_back(outer_context);
                    Ok(exit)
                }
                Err(error) => Err(error),
            };

            inner.current.set(outer);
            match exit {
                Ok(switch::FINISHED) => {
                    self.state.set(CallState::Finished);
                    self.stack.set(ptr::null());
                    (*self.pool).release(stack);
                }
                Ok(_) => {
                    let kind = FrameKind::Exact;
                    // Each by itself: as one they would wait for both to be written.
                    let (pc, fp) = ((&raw const (*context).exit_pc), (&raw const (*context).exit_fp));
                    self.left.set(Left { pc: pc.read_volatile(), fp: fp.read_volatile(), kind });
                    self.guest_sp.set((*context).guest_sp);
                }
                // Nothing ran.
                Err(_) => self.state.set(if is_fresh { CallState::Ready } else { CallState::Suspended }),
            }
            // The outer call goes on in the host function that it waits for.
            (*context).stack = ptr::null();
            if !outer.is_null() {
                let Left { pc, fp, .. } = (*outer).left.get();
                ((*context).exit_pc, (*context).exit_fp, (*context).stack) = (pc, fp, (*outer).stack.get());
            }
            exit
        }
    }

    /// What a number that [`Call::enter`] answered means.
    fn exit(&self, store: &Store, exit: u32) -> Exit {
        match exit {
            switch::FINISHED => Exit::Finished,
            switch::STOPPED => {
                self.state.set(CallState::Suspended);
                let Left { pc, fp, .. } = self.left.get();
                Exit::Stopped(Stopped { pc: NativePc(pc), fp })
            }
            NESTED_TOO_DEEPLY => {
                self.state.set(CallState::Trapped);
                let code = TrapCode::CallStackExhausted;
                Exit::Trapped(TrapInfo { code, fault: None, pc: NativePc(0), fp: 0 })
            }
            _ => {
                // SAFETY: the context is this store's, guest code isn't running; the trap handler filled it in.
                let trap = unsafe { (*store.inner().context.get()).trap };
                Exit::Trapped(self.trapped(store, trap))
            }
        }
    }

    #[cold]
    fn trapped(&self, store: &Store, trap: RawTrap) -> TrapInfo {
        self.state.set(CallState::Trapped);
        if trap.code == TrapCode::HostError {
            let error = store.inner().host_error.take();
            if error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Exit) {
                // The guest wanted its end: there is nothing to look for in its frames.
                // SAFETY: the pool is the store's. The stack is leased by this call, which never runs again and gives it up.
                unsafe { (*self.pool).release(self.stack.replace(ptr::null())) };
            }
            *self.error.borrow_mut() = error;
        }
        let mut left = Left { pc: trap.pc, fp: trap.fp, kind: FrameKind::Exact };
        if trap.code == TrapCode::CallStackExhausted {
            // A routine that has no frame yet doesn't count: its caller's frame is the newest, at the call.
            let is_entry = store.inner().code.borrow().is_entry(trap.pc);
            let words = if is_entry { Some(0) } else { switch::words_above_return_address(trap.pc) };
            // SAFETY: the stack is leased by this call, which ran on it.
            let stack = unsafe { &*self.stack.get() };
            let address = words.map(|words| trap.sp + words * 8);
            if let Some(address) = address.filter(|address| (stack.base..=stack.high - 8).contains(address)) {
                // SAFETY: the word is inside the usable part of this call's own stack.
                left = Left { pc: unsafe { (address as *const usize).read() }, fp: trap.fp, kind: FrameKind::Return };
            }
        }
        self.left.set(left);
        let is_memory = trap.code == TrapCode::MemoryOutOfBounds;
        let fault = trap.address.filter(|_| is_memory).and_then(|address| store.memory_fault(address));
        TrapInfo { code: trap.code, fault, pc: NativePc(left.pc), fp: left.fp }
    }

    /// Ends a call that is ready or suspended: it counts as trapped, with this error. Its frames stay readable.
    pub fn fail(&self, error: Error) -> Result<()> {
        match self.state.get() {
            CallState::Ready | CallState::Suspended => {
                self.state.set(CallState::Trapped);
                *self.error.borrow_mut() = Some(error);
                Ok(())
            }
            state => Err(not_in_state("can't be ended", state)),
        }
    }

    /// Makes a new epoch: whatever was read from its frames is out of date. Done by every entry, resumption and return
    /// of a host function into the guest; also for a driver that moves on within a run.
    #[inline]
    pub fn bump_epoch(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// The results of a finished call.
    pub fn results(&self, store: &Store) -> Result<Vec<Value>> {
        store.check(self.store)?;
        if self.state.get() != CallState::Finished {
            return Err(not_in_state("has no results", self.state.get()));
        }
        // SAFETY: the entry is the store's, which is alive.
        let results = unsafe { &*self.entry }.ty().results.iter();
        Ok(results.zip(self.raw_values()).map(|(ty, raw)| store.value_of(*ty, raw)).collect())
    }

    /// The values: results if the call has finished, arguments before.
    pub fn raw_values(&self) -> Vec<RawValue> {
        // SAFETY: the values are this many, and live as long as the call.
        (0..self.count as usize).map(|place| unsafe { self.values.add(place).read() }).collect()
    }

    /// Its number in the store; never 0 and never reused.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Changes whenever its guest code is entered or resumed.
    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// What it is doing.
    pub fn state(&self) -> CallState {
        self.state.get()
    }

    /// The function that it calls.
    pub fn func(&self) -> Func {
        self.func
    }

    /// Where its newest frame is, at a stop or trap.
    pub fn activation(&self) -> Option<Activation> {
        match self.state.get() {
            CallState::Suspended | CallState::Trapped => self.activation_at(self.left.get()),
            _ => None,
        }
    }

    fn activation_at(&self, left: Left) -> Option<Activation> {
        // SAFETY: the stack is leased by this call.
        let stack = unsafe { self.stack.get().as_ref() }?;
        Some(Activation {
            call_id: self.id,
            epoch: self.epoch.get(),
            fp: left.fp,
            pc: NativePc(left.pc),
            kind: left.kind,
            stack: stack.base..stack.high,
            slot: stack.slot,
        })
    }

    /// The error of a call that trapped: the host function's own, the one given to [`Call::fail`], or the trap; with
    /// the guest's backtrace.
    pub fn error(&self, store: &Store, trap: &TrapInfo) -> Error {
        let backtrace = self.activation().map(|activation| store.backtrace(&activation)).unwrap_or_default();
        match &*self.error.borrow() {
            Some(error) => error.clone().with_backtrace(backtrace),
            None => Error::trap(trap.code, trap.fault, backtrace),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A running call is borrowed by `run`, so it isn't dropped.
        if !self.stack.get().is_null() {
            // SAFETY: the pool is kept, or its store is there. The stack is leased by this call, which never runs again.
            unsafe { (*self.pool).release(self.stack.get()) };
        }
    }
}

/// The switch's numbers, and one more: nothing was run.
const NESTED_TOO_DEEPLY: u32 = u32::MAX;

#[cold]
fn nested_too_deeply(is_fresh: bool, limit: u32) -> Result<u32> {
    if is_fresh {
        return Ok(NESTED_TOO_DEEPLY);
    }
    bail!(Limit, "the store's limit of {limit} nested calls is reached")
}

#[cold]
fn not_in_state(what: &str, state: CallState) -> Error {
    let state = match state {
        CallState::Ready => "ready",
        CallState::Running => "running",
        CallState::Suspended => "suspended",
        CallState::Finished => "finished",
        CallState::Trapped => "ended by a trap",
    };
    Error::new(ErrorKind::InvalidState, format!("the call {what}, it is {state}"))
}

#[cold]
fn wrong_count(what: &str, given: usize, needed: usize) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{given} {what} are given, the function has {needed}"))
}

#[inline]
fn raw_args(store: &Store, entry: &FuncEntry, args: &[Value], values: &mut [RawValue]) -> Result<()> {
    let params = &entry.ty().params;
    if args.len() != params.len() {
        return Err(wrong_count("arguments", args.len(), params.len()));
    }
    for (place, (arg, ty)) in args.iter().zip(params).enumerate() {
        values[place] = store.raw_as(arg, *ty, "argument #", place)?;
    }
    Ok(())
}

#[inline]
fn check_raw(store: &Store, entry: &FuncEntry, values: &[RawValue]) -> Result<()> {
    if values.len() < entry.values as usize {
        return Err(wrong_count("values", values.len(), entry.values as usize));
    }
    if entry.takes_references { check_references(store, entry, values) } else { Ok(()) }
}

#[cold]
fn check_references(store: &Store, entry: &FuncEntry, values: &[RawValue]) -> Result<()> {
    for (place, (raw, ty)) in values.iter().zip(&entry.ty().params).enumerate() {
        if !store.is_good(*ty, *raw) {
            bail!(TypeMismatch, "argument {place} is no {ty} of the store");
        }
    }
    Ok(())
}

/// Drives a call to its end, passing over stops.
fn to_the_end(store: &Store) -> impl FnOnce(&Call, Exit) -> Result<()> {
    move |call, mut exit| loop {
        match exit {
            Exit::Finished => return Ok(()),
            Exit::Trapped(trap) => return Err(call.error(store, &trap)),
            Exit::Stopped(_) => exit = call.run(store)?,
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
        let entry = self.callable(func)?;
        let types = &entry.ty().results;
        if results.len() != types.len() {
            return Err(wrong_count("places for results", results.len(), types.len()));
        }
        let mut few = [RawValue::default(); 8];
        let mut many;
        let values = if entry.values as usize <= few.len() {
            &mut few[..]
        } else {
            many = vec![RawValue::default(); entry.values as usize];
            &mut many[..]
        };
        raw_args(self, entry, args, values)?;
        // SAFETY: there is room for all values, and the references among them were checked just now.
        unsafe { self.call_on(func, entry, values, drive) }?;
        for ((result, ty), raw) in results.iter_mut().zip(types).zip(values) {
            *result = self.value_of(*ty, *raw);
        }
        Ok(())
    }

    /// Like [`Store::call_with`] with raw values: arguments in, results out.
    #[inline]
    pub fn call_raw_with(
        &self,
        func: Func,
        values: &mut [RawValue],
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        let entry = self.callable(func)?;
        check_raw(self, entry, values)?;
        // SAFETY: both promises were checked just now.
        unsafe { self.call_on(func, entry, values, drive) }
    }

    /// # Safety
    ///
    /// `values` must be at least as long as `entry` says and hold good references.
    #[inline(always)]
    unsafe fn call_on(
        &self,
        func: Func,
        entry: &FuncEntry,
        values: &mut [RawValue],
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        // SAFETY: the caller's promise; the values are lent for longer than the call lives, which `drive` can't keep.
        let call = unsafe { Call::with_values(self, func, entry, values.as_mut_ptr()) };
        match call.enter(self)? {
            switch::FINISHED => {
                // It has no stack any more, no error, and owns nothing.
                std::mem::forget(call);
                Ok(())
            }
            exit => self.drive(&call, exit, drive),
        }
    }

    #[cold]
    fn drive(&self, call: &Call, exit: u32, drive: impl FnOnce(&Call, Exit) -> Result<()>) -> Result<()> {
        drive(call, call.exit(self, exit))?;
        if call.state() != CallState::Finished {
            bail!(InvalidState, "the call was given up before it finished");
        }
        Ok(())
    }

    /// Where guest code waits for host functions, newest first: one entry per running call.
    pub fn activations(&self) -> Vec<Activation> {
        let inner = self.inner();
        // SAFETY: the context is this store's; guest code isn't running.
        let (pc, fp) = unsafe { ((*inner.context.get()).exit_pc, (*inner.context.get()).exit_fp) };
        let mut left = Left { pc, fp, kind: FrameKind::Return };
        let mut next = inner.current.get();
        let mut found = Vec::new();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            found.extend(call.activation_at(left));
            next = call.outer.get();
            // SAFETY: as above.
            if let Some(outer) = unsafe { next.as_ref() } {
                left = outer.left.get();
            }
        }
        found
    }

    /// The number and epoch of the call whose guest code called the host function now running.
    pub fn current_call(&self) -> Option<(u64, u64)> {
        // SAFETY: the call runs, so it is neither moved nor dropped.
        let call = unsafe { self.inner().current.get().as_ref() }?;
        Some((call.id, call.epoch()))
    }

    /// Notes that a host function is about to return into the guest.
    #[inline]
    pub(super) fn reenter(&self) {
        // SAFETY: the call runs, so it is neither moved nor dropped.
        if let Some(call) = unsafe { self.inner().current.get().as_ref() } {
            call.bump_epoch();
        }
    }
}
