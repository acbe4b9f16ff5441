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
//! or dropped. Knows nothing of why a stop point was armed. Read next: [`super::machine::switch`], [`super::walk`].

#![expect(unsafe_code, reason = "enters guest code")]

use super::Store;
use super::builtins::builtin_table;
use super::func::FuncEntry;
use super::machine::guest_stack::{GuestStack, StackPool};
use super::machine::store_context::{RawTrap, StoreContext};
use super::machine::switch;
use super::machine::traps::{OUTSIDE, ReadyThread};
use super::store::StoreInner;
use super::walk::{Activation, FrameKind};
use crate::base::{
    Error, ErrorKind, Func, NativePc, RawValue, Result, TrapCode, ValType, Value,
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
    link: Link,
    func: Func,
    /// Valid as long as the store.
    entry: *const FuncEntry,
    state: Cell<CallState>,
    /// Arguments, later results; owned, or lent for the call's time by [`Store::call_raw_with`].
    values: *mut RawValue,
    /// What a call needs that may outlive its store.
    own: Option<Box<Own>>,
    /// The store's, or the one that is kept.
    pool: *const StackPool,
    /// Where to resume it.
    guest_sp: Cell<usize>,
    /// Where its guest code was left at a stop or trap.
    left: Cell<Left>,
    /// What made it fail, other than a trap of its own.
    error: RefCell<Option<Error>>,
}

/// A call's place in the chain of those that run. It is all that there is of a one-shot call until it is left for another
/// reason than that it finished.
pub struct Link {
    /// Its number, or 0 as long as nobody has asked for it.
    id: Cell<u64>,
    epoch: Cell<u64>,
    /// Leased from the pool when it first runs; null before, and after it finished.
    stack: Cell<*const GuestStack>,
    /// The call that was the innermost running one before this.
    outer: Cell<*const Link>,
    /// How many calls it runs under.
    depth: Cell<u32>,
    /// Where its guest code called the host function that runs another call; see
    /// [`exit_frame`](super::machine::store_context::StoreContext::exit_frame).
    waits_at: Cell<usize>,
}

struct Own {
    values: Box<[RawValue]>,
    _pool: Rc<StackPool>,
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
        let entry = store.func_entry(func)?;
        let params = &entry.ty().params;
        if args.len() != params.len() {
            return Err(wrong_count("arguments", args.len(), params.len()));
        }
        let mut values = vec![RawValue::default(); entry.values as usize];
        raw_args(store, params, args, &mut values)?;
        Call::new_raw(store, func, &values)
    }

    /// A call with raw values, as long as the longer of parameters and results.
    pub fn new_raw(store: &Store, func: Func, values: &[RawValue]) -> Result<Call> {
        let entry = store.func_entry(func)?;
        store.check_call(entry, values)?;
        let own = Own { values: values[..entry.values as usize].into(), _pool: store.inner().stacks.clone() };
        let mut own = Box::new(own);
        let link = Link::default();
        // SAFETY: the values were just checked, are the call's own, and stay at their address; the stacks are kept too.
        let mut call = unsafe { Call::with_link(store, link, CallState::Ready, func, entry, own.values.as_mut_ptr()) };
        call.own = Some(own);
        Ok(call)
    }

    /// A call that owns nothing.
    ///
    /// # Safety
    ///
    /// It must not outlive the store's stacks. `values` must be as long as `entry` says, be unused by others while the call
    /// exists, and hold good references.
    unsafe fn with_link(
        store: &Store,
        link: Link,
        state: CallState,
        func: Func,
        entry: &FuncEntry,
        values: *mut RawValue,
    ) -> Call {
        link.id(store.inner());
        Call {
            link,
            func,
            entry,
            state: Cell::new(state),
            values,
            own: None,
            pool: Rc::as_ptr(&store.inner().stacks),
            guest_sp: Cell::new(0),
            left: Cell::new(NOWHERE),
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
            let stopped = self.stopped(store);
            if !goes_on(stopped) {
                return Ok(Exit::Stopped(stopped));
            }
        }
    }

    /// Enters or resumes guest code; answers one of the switch's numbers, or [`NESTED_TOO_DEEPLY`].
    #[inline(always)]
    fn enter(&self, store: &Store) -> Result<u32> {
        store.check(self.func.store)?;
        let is_fresh = match self.state.get() {
            CallState::Ready => true,
            CallState::Suspended => false,
            state => return Err(not_in_state("can't be run", state)),
        };
        store.check_poisoned()?;
        let inner = store.inner();
        if !inner.nest(&self.link) {
            return nested_too_deeply(store, is_fresh);
        }
        if self.link.stack.get().is_null() {
            self.link.stack.set(inner.stacks.lease(inner.limits.get().stack_bytes)?);
        }
        let thread = ReadyThread::get()?;
        self.state.set(CallState::Running);
        // SAFETY: `nest` has just allowed it. The stack is leased by this call, which is fresh or was left at a stop. The
        // entry is the store's, which is alive; the trampoline is for the function's type, and the values are as long as it
        // demands.
        let exit = unsafe {
            let (entry, context) = (&*self.entry, inner.context.get());
            if is_fresh {
                self.link.switch(inner, thread, |stack| entry.switch(context, stack, self.values))
            } else {
                // Not in a closure, which may become a function of its own: see `run_while`.
                let outer_context = self.link.before_guest(inner, thread);
                (*context).guest_sp = self.guest_sp.get();
                let exit = switch::resume(context);
                self.link.after_guest(inner, thread, outer_context);
                exit
            }
        };
        if exit == switch::FINISHED {
            self.state.set(CallState::Finished);
            // SAFETY: the pool is the store's, and the call doesn't run any more.
            unsafe { (*self.pool).release(self.link.stack.replace(ptr::null())) };
        }
        Ok(exit)
    }

    /// What a number that [`Call::enter`] answered means.
    fn exit(&self, store: &Store, exit: u32) -> Exit {
        match exit {
            switch::FINISHED => Exit::Finished,
            switch::STOPPED => Exit::Stopped(self.stopped(store)),
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

    /// Where it has just stopped.
    #[inline]
    fn stopped(&self, store: &Store) -> Stopped {
        self.state.set(CallState::Suspended);
        let context = store.inner().context.get();
        // SAFETY: the context is this store's; guest code isn't running. Each word is read by itself: two as one would wait
        // for both to be written.
        let (pc, fp, guest_sp) = unsafe {
            let (pc, fp) = (&raw const (*context).exit_pc, &raw const (*context).exit_fp);
            (pc.read_volatile(), fp.read_volatile(), (*context).guest_sp)
        };
        self.left.set(Left { pc, fp, kind: FrameKind::Exact });
        self.guest_sp.set(guest_sp);
        Stopped { pc: NativePc(pc), fp }
    }

    #[cold]
    fn trapped(&self, store: &Store, trap: RawTrap) -> TrapInfo {
        self.state.set(CallState::Trapped);
        if trap.code == TrapCode::HostError {
            let error = store.inner().host_error.take();
            if error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Exit) {
                // The guest wanted its end: there is nothing to look for in its frames.
                // SAFETY: the pool is the store's. The stack is leased by this call, which never runs again and gives it up.
                unsafe { (*self.pool).release(self.link.stack.replace(ptr::null())) };
            }
            *self.error.borrow_mut() = error;
        }
        let mut left = Left { pc: trap.pc, fp: trap.fp, kind: FrameKind::Exact };
        if trap.code == TrapCode::CallStackExhausted {
            // A routine that has no frame yet doesn't count: its caller's frame is the newest, at the call.
            let is_entry = store.inner().code.borrow().is_entry(trap.pc);
            let words = if is_entry { Some(0) } else { switch::words_above_return_address(trap.pc, builtin_table()) };
            // SAFETY: the stack is leased by this call, which ran on it.
            let stack = unsafe { &*self.link.stack.get() };
            let address = words.map(|words| trap.sp + words * 8);
            if let Some(address) = address.filter(|address| (stack.base..=stack.high - 8).contains(address)) {
                // SAFETY: the word is inside the usable part of this call's own stack.
                left = Left { pc: unsafe { (address as *const usize).read() }, fp: trap.fp, kind: FrameKind::Return };
            }
        }
        self.left.set(left);
        let is_memory = trap.code == TrapCode::MemoryOutOfBounds;
        let fault = if is_memory && trap.address != 0 { store.memory_fault(trap.address) } else { None };
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
    pub fn bump_epoch(&self) {
        self.link.bump_epoch();
    }

    /// The results of a finished call.
    pub fn results(&self, store: &Store) -> Result<Vec<Value>> {
        store.check(self.func.store)?;
        if self.state.get() != CallState::Finished {
            return Err(not_in_state("has no results", self.state.get()));
        }
        // SAFETY: the entry is the store's, which is alive.
        let results = unsafe { &*self.entry }.ty().results.iter();
        Ok(results.zip(self.raw_values()).map(|(ty, raw)| store.value_of(*ty, raw)).collect())
    }

    /// The values: results if the call has finished, arguments before.
    pub fn raw_values(&self) -> Vec<RawValue> {
        let count = match &self.own {
            Some(own) => own.values.len(),
            // SAFETY: what owns nothing doesn't outlive the store, which has the entry.
            None => unsafe { (*self.entry).values as usize },
        };
        // SAFETY: the values are this many, and live as long as the call.
        (0..count).map(|place| unsafe { self.values.add(place).read() }).collect()
    }

    /// Its number in the store; never 0 and never reused.
    pub fn id(&self) -> u64 {
        self.link.id.get()
    }

    /// Changes whenever its guest code is entered or resumed.
    pub fn epoch(&self) -> u64 {
        self.link.epoch.get()
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
            CallState::Suspended | CallState::Trapped => self.link.activation_at(self.left.get()),
            _ => None,
        }
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
        if !self.link.stack.get().is_null() {
            // SAFETY: the pool is kept, or its store is there. The stack is leased by this call, which never runs again.
            unsafe { (*self.pool).release(self.link.stack.get()) };
        }
    }
}

impl Default for Link {
    #[inline(always)]
    fn default() -> Link {
        Link {
            id: Cell::new(0),
            epoch: Cell::new(0),
            stack: Cell::new(ptr::null()),
            outer: Cell::new(ptr::null()),
            depth: Cell::new(0),
            waits_at: Cell::new(0),
        }
    }
}

impl Link {
    /// The call's number in its store.
    fn id(&self, inner: &StoreInner) -> u64 {
        if self.id.get() == 0 {
            self.id.set(inner.next_call.get());
            inner.next_call.set(self.id.get() + 1);
            if ptr::eq(self, &inner.quick) {
                // The next quick call is another one.
                inner.unusual.set(true);
            }
        }
        self.id.get()
    }

    #[inline]
    fn bump_epoch(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// Has guest code entered or resumed by `run`, which is given the stack; answers one of the switch's numbers.
    ///
    /// # Safety
    ///
    /// [`StoreInner::nest`] must have allowed it; the link has a stack, which is fresh, or was left at a stop of this call;
    /// `run` must be fine with it.
    #[inline(always)]
    unsafe fn switch(&self, inner: &StoreInner, thread: ReadyThread, run: impl FnOnce(&GuestStack) -> u32) -> u32 {
        // SAFETY: the stack is leased. The caller's promise covers the rest.
        unsafe {
            let outer_context = self.before_guest(inner, thread);
            let exit = run(&*self.stack.get());
            self.after_guest(inner, thread, outer_context);
            exit
        }
    }

    /// The first half of [`Link::switch`], for who can't leave running to a closure; answers what the other half takes.
    ///
    /// # Safety
    ///
    /// As for [`Link::switch`], and guest code must be run next.
    #[inline(always)]
    unsafe fn before_guest(&self, inner: &StoreInner, thread: ReadyThread) -> *mut StoreContext {
        let (context, outer) = (inner.context.get(), self.outer.get());
        self.bump_epoch();
        // SAFETY: the context is this store's, used on this thread; guest code, which changes it too, isn't running. The
        // outer call runs, so it is neither moved nor dropped.
        unsafe {
            (*context).stack = self.stack.get();
            inner.current.set(self);
            if !outer.is_null() {
                (*outer).waits_at.set((*context).exit_frame);
            }
        }
        thread.direct_to(context)
    }

    /// The second half.
    ///
    /// # Safety
    ///
    /// To be called after [`Link::before_guest`], with the same and what it answered, when guest code was left.
    #[inline(always)]
    unsafe fn after_guest(&self, inner: &StoreInner, thread: ReadyThread, outer_context: *mut StoreContext) {
        thread.direct_back(outer_context);
        let (context, outer) = (inner.context.get(), self.outer.get());
        inner.current.set(outer);
        // SAFETY: as in `before_guest`.
        unsafe {
            if outer.is_null() {
                (*context).stack = ptr::null();
            } else {
                (*context).stack = (*outer).stack.get();
                (*context).exit_frame = (*outer).waits_at.get();
            }
        }
    }

    fn activation_at(&self, left: Left) -> Option<Activation> {
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

impl StoreInner {
    /// Puts a call that is about to run under the innermost one; false if the store doesn't allow so many.
    #[inline(always)]
    fn nest(&self, link: &Link) -> bool {
        let outer = self.current.get();
        // SAFETY: the outer call runs, so it is neither moved nor dropped.
        let depth = unsafe { outer.as_ref() }.map_or(0, |outer| outer.depth.get() + 1);
        link.outer.set(outer);
        link.depth.set(depth);
        depth < self.nested_calls.get()
    }
}

impl FuncEntry {
    /// Runs the function on a fresh stack; answers one of the switch's numbers.
    ///
    /// # Safety
    ///
    /// As for [`switch::enter`]; the function must have its trampoline, and `values` be as long as it demands.
    #[inline(always)]
    unsafe fn switch(&self, context: *mut StoreContext, stack: &GuestStack, values: *mut RawValue) -> u32 {
        // SAFETY: the trampoline is for the function's type, the context the one that its code expects; the rest is the
        // caller's promise.
        unsafe { switch::enter(self.context, stack.high, self.code, values, context, self.enter.get()) }
    }
}

/// A call with nothing unusual about it, which can be run as it is; from [`Store::quick_call`].
pub struct QuickCall<'a> {
    store: &'a Store,
    entry: &'a FuncEntry,
    values: *mut RawValue,
    thread: ReadyThread<'a>,
}

/// A quick call after which something has to be looked at.
pub struct Unusual<'a> {
    store: &'a Store,
    entry: &'a FuncEntry,
    values: *mut RawValue,
    exit: u32,
}

impl<'a> QuickCall<'a> {
    /// Runs it; answers none if it finished and that was all.
    #[inline(always)]
    pub fn run(self) -> Option<Unusual<'a>> {
        let QuickCall { store, entry, values, thread } = self;
        let inner = store.inner();
        let (link, context) = (&inner.quick, inner.context.get());
        link.bump_epoch();
        inner.current.set(link);
        thread.direct_to(context);
        // SAFETY: no call of the store runs, and `Store::settle` has left it the stack, which nobody else uses, and the rest of
        // the link as it has to be for an outermost call. The context is this store's, used on this thread; guest code, which
        // changes it too, isn't running. The values are what the entry's trampoline demands (`Store::quick_call`).
        let exit = unsafe {
            let stack = &*link.stack.get();
            (*context).stack = stack;
            entry.switch(context, stack, values)
        };
        thread.direct_back(OUTSIDE);
        inner.current.set(ptr::null());
        if exit == switch::FINISHED && !inner.unusual.get() {
            return None;
        }
        Some(Unusual { store, entry, values, exit })
    }
}

impl Unusual<'_> {
    /// Goes on with the call, if it didn't finish.
    #[cold]
    pub fn drive(self, drive: impl FnOnce(&Call, Exit) -> Result<()>) -> Result<()> {
        let Unusual { store, entry, values, exit } = self;
        if exit == switch::FINISHED {
            return Ok(());
        }
        // SAFETY: the entry's reference is the store's.
        let func = unsafe { store.func_of_ref(entry.func_ref) };
        let quick = &store.inner().quick;
        let link = Link::default();
        link.id.swap(&quick.id);
        link.epoch.set(quick.epoch.get());
        link.stack.swap(&quick.stack);
        store.inner().unusual.set(true);
        // SAFETY: `Store::quick_call` was promised that the values are the call's for its time, and found them right. The stack
        // is the call's now.
        let call = unsafe { Call::with_link(store, link, CallState::Running, func, entry, values) };
        store.drive(&call, exit, drive)
    }
}

/// The switch's numbers, and one more: nothing was run.
const NESTED_TOO_DEEPLY: u32 = u32::MAX;

#[cold]
fn nested_too_deeply(store: &Store, is_fresh: bool) -> Result<u32> {
    if is_fresh {
        return Ok(NESTED_TOO_DEEPLY);
    }
    bail!(Limit, "the store's limit of {} nested calls is reached", store.limits().nested_calls)
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
fn raw_args(store: &Store, types: &[ValType], args: &[Value], values: &mut [RawValue]) -> Result<()> {
    for (place, (arg, ty)) in args.iter().zip(types).enumerate() {
        values[place] = store.raw_as(arg, *ty, "argument #", place)?;
    }
    Ok(())
}

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
        raw_args(self.store, types, self.args, raw)
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

    /// A call that can be made without looking at more than this: the store's only one, with a stack that waits for it, and
    /// values that need no check.
    ///
    /// # Safety
    ///
    /// There must be `count` values, which nobody else uses as long as the result or what comes of it exists.
    #[inline(always)]
    pub unsafe fn quick_call(&self, func: Func, values: *mut RawValue, count: usize) -> Option<QuickCall<'_>> {
        let inner = self.inner();
        if inner.unusual.get() || !inner.current.get().is_null() || func.store != inner.id {
            return None;
        }
        let entry = inner.funcs.get(func.index)?;
        if count < entry.ready_for.get() {
            return None;
        }
        Some(QuickCall { store: self, entry, values, thread: ReadyThread::outside()? })
    }

    /// Whether the outermost running call is a quick one.
    pub fn runs_quick_call(&self) -> bool {
        let mut next = self.inner().current.get();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            if ptr::eq(call, &self.inner().quick) {
                return true;
            }
            next = call.outer.get();
        }
        false
    }

    /// Has whoever makes the quick call that runs look at what came up in the meantime.
    pub fn make_unusual(&self) {
        self.inner().unusual.set(true);
    }

    /// Makes quick calls possible, if nothing is in their way but what they left behind, and a stack waits for them.
    pub fn settle(&self) {
        let inner = self.inner();
        if !inner.unusual.get() || !inner.current.get().is_null() || inner.nested_calls.get() == 0 {
            return;
        }
        let (quick, bytes) = (&inner.quick, inner.limits.get().stack_bytes);
        quick.id.set(0);
        let stack = quick.stack.get();
        // SAFETY: a stack that the link has is leased by it, and no call runs.
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
        inner.unusual.set(false);
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
        let link = Link::default();
        let ready = 'ready: {
            if !inner.nest(&link) {
                break 'ready None;
            }
            let Some(thread) = ReadyThread::already() else { break 'ready None };
            let Some(stack) = inner.stacks.first(inner.limits.get().stack_bytes) else { break 'ready None };
            Some((thread, stack))
        };
        let Some((thread, stack)) = ready else {
            // SAFETY: the caller's promise.
            return unsafe { self.call_slowly(func, entry, values, drive) };
        };
        link.stack.set(stack);
        inner.stacks.take_first(stack);
        // SAFETY: `nest` has just allowed it, and the stack is fresh. The caller's promise covers the rest.
        let exit = unsafe { link.switch(inner, thread, |stack| entry.switch(inner.context.get(), stack, values)) };
        if exit == switch::FINISHED {
            // SAFETY: it was the first, and nothing runs on it any more.
            unsafe { inner.stacks.put_first(stack) };
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.leave(link, func, entry, values, exit, drive) }
    }

    /// The same where something is unusual: no stack is ready, the call isn't allowed, ….
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
        let call = unsafe { Call::with_link(self, Link::default(), CallState::Ready, func, entry, values) };
        match call.enter(self)? {
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
    unsafe fn leave(
        &self,
        link: Link,
        func: Func,
        entry: &FuncEntry,
        values: *mut RawValue,
        exit: u32,
        drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        self.inner().stacks.lose_first();
        // SAFETY: as in `call_slowly`.
        let call = unsafe { Call::with_link(self, link, CallState::Running, func, entry, values) };
        self.drive(&call, exit, drive)
    }

    /// Goes on with a call that was left, or not even entered.
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
        let mut frame = unsafe { (*inner.context.get()).exit_frame };
        let mut next = inner.current.get();
        let mut found = Vec::new();
        // SAFETY: the calls in the chain run, so they are neither moved nor dropped.
        while let Some(call) = unsafe { next.as_ref() } {
            // SAFETY: the call waits for a host function, whose stub noted where these two words are on the call's stack.
            let [fp, pc] = unsafe { *(frame as *const [usize; 2]) };
            call.id(inner);
            found.extend(call.activation_at(Left { pc, fp, kind: FrameKind::Return }));
            next = call.outer.get();
            // SAFETY: as above.
            if let Some(outer) = unsafe { next.as_ref() } {
                frame = outer.waits_at.get();
            }
        }
        found
    }

    /// The number and epoch of the call whose guest code called the host function now running.
    pub fn current_call(&self) -> Option<(u64, u64)> {
        // SAFETY: the call runs, so it is neither moved nor dropped.
        let call = unsafe { self.inner().current.get().as_ref() }?;
        Some((call.id(self.inner()), call.epoch.get()))
    }

    /// Notes that a host function is about to return into the guest.
    ///
    /// # Safety
    ///
    /// To be called while a call runs.
    #[inline]
    pub(super) unsafe fn reenter(&self) {
        // SAFETY: the caller's promise; a call that runs is neither moved nor dropped.
        unsafe { (*self.inner().current.get()).bump_epoch() };
    }
}
