//! Resumable calls: guest code running on a stack of its own, entered and left by one run loop.
//!
//! ```text
//!   Ready ──run──> Running ──> Finished
//!     │             │  ▲ └───> Trapped
//!     │             ▼  │run        ▲
//!     │          Suspended ──fail──┤
//!     └────────────────────fail────┘
//!
//! A call that was suspended by a host function without results yet is given them before it runs on.
//! ```
//!
//! One-shot calls become such calls when they are left before they finished. Knows nothing of why a stop point was armed.
//! Read next: [`super::call_chain`], [`super::machine::switch`], [`super::walk`].

#![expect(unsafe_code, reason = "enters guest code")]

use super::activation::{Activation, PcKind};
use super::call_chain::{CallChain, ExitPlace, RunningCall};
use super::entities::func::FuncEntry;
use super::entities::holds::Hold;
use super::host_answer::{Awaited, HostAnswer, Wait};
use super::host_func::Scope;
use super::machine::guest_stack::{GuestStack, StackPool};
use super::machine::store_context::{RawTrap, StoreContext};
use super::machine::switch::{self, Left};
use super::machine::thread::ReadyThread;
use super::mapped_blob::MappedBlob;
use super::objects::ParkedHole;
use super::throwing::{HostThrow, Throwing};
use super::values::wrong_count;
use super::{Module, Store};
use crate::abi::convention::GuestCall;
use crate::base::{
    BodyIndex, DefinedFuncIndex, Error, ErrorKind, Func, NativePc, RawValue, Result, TrapCode, Value,
    error::{MemoryFault, bail},
};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

/// What a call is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Nothing ran yet.
    Ready,
    /// Guest code of it is running, or waits for a host function.
    Running,
    /// It was left in the midst and can go on: at a stop point, at an interrupt, or in a host function that has no results yet.
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
    /// Somebody has asked for it: see [`Store::take_interrupts`].
    Interrupted(Interrupted),
    /// A host function has no results yet: see [`Call::awaited`]. Only of calls that own themselves.
    Yielded,
    /// It has thrown an exception, which one of its frames is going to catch: see [`Call::throwing`]. Only with debugging.
    Threw,
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaits {
    /// The host function.
    pub func: Func,
    /// What it said, see [`Caller::yielded`](super::Caller::yielded).
    pub token: u64,
}

/// What was given to a call that has yielded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Given {
    Nothing,
    Results,
    /// The call's error is the function's.
    Error,
}

/// Where a call was interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupted {
    /// Before it was entered or resumed: it is as it was.
    Outside,
    /// At an instruction of its own, or where a routine of the host's has returned to it.
    Inside,
    /// In a routine of the host's, which is called again when the guest runs on. Its newest frame is at the operator that
    /// calls the routine.
    Calling,
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

/// How a suspended call goes on elsewhere.
pub struct Reentry {
    /// The frame in whose place it goes on.
    pub fp: usize,
    /// The code that is entered.
    pub blob: Rc<MappedBlob>,
    /// Which of it: a function of the type of the frame's, in its exact form.
    pub body: BodyIndex,
    /// The frame's instance context.
    pub context: u64,
    /// Laid out as [`crate::abi::vmctx::entry`] says.
    pub words: Box<[u64]>,
}

struct Elsewhere {
    /// The frame pointer that the function makes before it moves it down.
    fp: usize,
    /// By how much the frame's form has moved it down.
    grown: u32,
    code: NativePc,
    /// The first arguments of the function.
    arguments: [u64; 3],
    /// Registers that it must have.
    saved: [u64; 5],
    words: Box<[u64]>,
    blob: Rc<MappedBlob>,
    body: BodyIndex,
    /// Whether the stack is prepared, but the function hasn't taken its entry yet.
    is_prepared: bool,
    /// What it takes to undo that, as long as nothing has run.
    before: Option<Before>,
}

/// How a call was before it was prepared to go on elsewhere.
struct Before {
    /// The words from the new guest stack pointer on.
    words: [u64; PREPARED_WORDS],
    guest_sp: usize,
    left: Left,
    exit_place: ExitPlace,
}

/// Bytes of a frame pointer and a return address.
const FRAME_RECORD: usize = 16;

/// What is written for going elsewhere, up to the return address.
const PREPARED_WORDS: usize = switch::REENTRY_SPACE / 8 + 1;

/// A call of a function. Dropping a suspended call drops its guest frames.
pub struct Call {
    running: RunningCall,
    func: Func,
    /// Valid as long as the store.
    entry: *const FuncEntry,
    state: Cell<RunState>,
    /// Arguments, later results; owned, or lent for the call's time by [`Store::call_raw_with`].
    values: *mut RawValue,
    /// What a call needs that may outlive its store.
    own: Option<Box<Own>>,
    /// The store's, or the one that is kept.
    pool: *const StackPool,
    /// Where to resume it, if it was left.
    guest_sp: Cell<usize>,
    /// How it was left there.
    left: Cell<Left>,
    /// Where its guest code was left at a stop or trap.
    exit_place: Cell<ExitPlace>,
    /// How it goes on, if not from where it was left.
    elsewhere: RefCell<Option<Elsewhere>>,
    /// Whether there is that.
    goes_elsewhere: Cell<bool>,
    /// The exception that it has thrown.
    throwing: RefCell<Option<Box<Throwing>>>,
    /// What it waits for, if it has yielded.
    awaited: Cell<Awaited>,
    /// What it was given of that.
    given: Cell<Given>,
    /// What the function waits for, if it is to be called again.
    wait: RefCell<Option<Box<Wait>>>,
    /// What made it fail, other than a trap of its own.
    error: RefCell<Option<Error>>,
    /// The hole of the heap that it was interrupted in.
    parked: RefCell<Option<ParkedHole>>,
    /// Objects among its arguments or results, and among the words that it goes on with elsewhere.
    holds: RefCell<Vec<Hold>>,
}

struct Own {
    values: Box<[RawValue]>,
    _pool: Rc<StackPool>,
}

impl Call {
    /// A call with tagged arguments, checked for number, types and stores. Nothing runs yet.
    pub fn new(store: &Store, func: Func, args: &[Value]) -> Result<Call> {
        let entry = store.func_entry(func)?;
        let params = &entry.ty().params;
        if args.len() != params.len() {
            return Err(wrong_count("arguments", args.len(), params.len()));
        }
        let mut values = vec![RawValue::default(); entry.values as usize];
        store.raw_args(params, args, &mut values)?;
        Call::new_raw(store, func, &values)
    }

    /// A call with raw values, as long as the longer of parameters and results.
    pub fn new_raw(store: &Store, func: Func, values: &[RawValue]) -> Result<Call> {
        let entry = store.func_entry(func)?;
        store.check_call(entry, values)?;
        let own = Own { values: values[..entry.values as usize].into(), _pool: store.inner().stacks.clone() };
        let mut own = Box::new(own);
        let running = RunningCall::default();
        // SAFETY: the values were just checked, are the call's own, and stay at their address; the stacks are kept too.
        let mut call =
            unsafe { Call::with_running(store, running, RunState::Ready, func, entry, own.values.as_mut_ptr()) };
        call.own = Some(own);
        call.holds.replace(store.hold_all(values.iter().map(|value| value.lo))?);
        call.running.can_yield.set(true);
        Ok(call)
    }

    /// A call that owns nothing.
    ///
    /// # Safety
    ///
    /// It must not outlive the store's stacks. `values` must be as long as `entry` says, be unused by others while the call
    /// exists, and hold good references.
    pub(super) unsafe fn with_running(
        store: &Store,
        running: RunningCall,
        state: RunState,
        func: Func,
        entry: &FuncEntry,
        values: *mut RawValue,
    ) -> Call {
        store.inner().calls.number(&running);
        Call {
            running,
            func,
            entry,
            state: Cell::new(state),
            values,
            own: None,
            pool: Rc::as_ptr(&store.inner().stacks),
            guest_sp: Cell::new(0),
            left: Cell::new(Left::Stopped),
            exit_place: Cell::new(ExitPlace::NONE),
            elsewhere: RefCell::default(),
            goes_elsewhere: Cell::new(false),
            throwing: RefCell::new(None),
            awaited: Cell::new(Awaited::NOTHING),
            given: Cell::new(Given::Nothing),
            wait: RefCell::new(None),
            error: RefCell::new(None),
            parked: RefCell::new(None),
            holds: RefCell::default(),
        }
    }

    /// Enters or resumes guest code, until it is left for one of the reasons in [`Exit`].
    ///
    /// Errors: `WrongStore`; `InvalidState` unless the call is ready or suspended, or if a host function's results are missing;
    /// `Poisoned`; `System` without a guest stack; `Limit` for a suspended call under too many others. A fresh one that is nested too deeply traps.
    #[inline]
    pub fn run(&self, store: &Store) -> Result<Exit> {
        self.run_while(store, (&Cell::new(false), |_, _| false), |_| false)
    }

    /// Like [`Call::run`], but goes on from stops for as long as `goes_on` says so, which is asked where the call is
    /// suspended. It mustn't run this call. Before, as long as `may_pass` is set, `passes` is asked, to which the call still counts as
    /// running: it may only look at words of the call's stack, and at what is in the store.
    ///
    /// The processor expects each return where the last open call was made, so the loop is around the very place where
    /// the guest is left and resumed: then going back to a stop is the return that is expected.
    #[inline]
    pub fn run_while(
        &self,
        store: &Store,
        (may_pass, passes): (&Cell<bool>, impl Fn(Stopped, &GuestStack) -> bool),
        mut goes_on: impl FnMut(Stopped) -> bool,
    ) -> Result<Exit> {
        let side = store.inner().thread_side;
        let mut thread = ReadyThread::already(side, store.inner().known_thread.get());
        loop {
            let exit = self.enter_while(store, thread, may_pass, &passes)?;
            if exit == switch::YIELDED {
                self.yielded(store);
                return Ok(Exit::Yielded);
            }
            if exit != switch::STOPPED {
                return Ok(self.exit(store, exit));
            }
            let stopped = self.stopped(store);
            if !goes_on(stopped) {
                return Ok(Exit::Stopped(stopped));
            }
            thread = ReadyThread::still(side);
        }
    }

    /// Enters or resumes guest code; answers one of the switch's numbers, or [`NESTED_TOO_DEEPLY`]. Makes the thread ready unless
    /// it is.
    #[inline(always)]
    pub(super) fn enter(&self, store: &Store, thread: Option<ReadyThread>) -> Result<u32> {
        self.enter_while(store, thread, &Cell::new(false), &|_, _| false)
    }

    /// The same, but resumes it at once where `passes` says so, see [`Call::run_while`].
    #[inline(always)]
    fn enter_while(
        &self,
        store: &Store,
        thread: Option<ReadyThread>,
        may_pass: &Cell<bool>,
        passes: &impl Fn(Stopped, &GuestStack) -> bool,
    ) -> Result<u32> {
        store.check(self.func.store)?;
        let is_fresh = match self.state.get() {
            RunState::Ready => true,
            RunState::Suspended => {
                self.check_given(store)?;
                false
            }
            state => return Err(not_in_state("can't be run", state)),
        };
        store.check_poisoned()?;
        let inner = store.inner();
        if !inner.calls.nest(&self.running) {
            return nested_too_deeply(store, is_fresh);
        }
        if self.running.stack.get().is_null() {
            self.running.stack.set(inner.stacks.lease(inner.limits.get().stack_bytes)?);
        }
        let thread = match thread {
            Some(thread) => thread,
            None => store.ready_thread()?,
        };
        if !is_fresh && self.left.get() == Left::Yielded {
            if self.awaited.get().again.is_some() && !self.ask_again(store) {
                return Ok(STILL_WAITING);
            }
            if self.given.get() == Given::Error {
                if !self.throw_in_host_func(store) {
                    return Ok(self.fail_in_host_func(store));
                }
                if store.engine().config().debug {
                    return Ok(LEFT_WITH_EXCEPTION);
                }
            } else {
                self.given.set(Given::Results);
            }
        }
        if !is_fresh
            && self.left.get() == Left::Threw
            && !self.goes_elsewhere.get()
            && let Err(error) = self.land(store)
        {
            return Ok(self.fail_here(store, error));
        }
        if let Some(parked) = &mut *self.parked.borrow_mut() {
            parked.unpark()?;
        }
        self.state.set(RunState::Running);
        // SAFETY: `nest` has just allowed it. The stack is leased by this call, which is fresh or was left at a stop. The
        // entry is the store's, which is alive; the trampoline is for the function's type, and the values are as long as it
        // demands.
        let exit = unsafe {
            let (entry, calls, context) = (&*self.entry, &inner.calls, inner.context.get());
            if is_fresh {
                calls.switch(&self.running, context, thread, |stack| entry.switch(context, stack, self.values))
            } else {
                // Not in a closure, which may become a function of its own: see `run_while`.
                calls.before_guest(&self.running, context, thread);
                if self.goes_elsewhere.get() {
                    self.go_elsewhere(store);
                }
                (*context).guest_sp = self.guest_sp.get();
                let mut exit = switch::resume(context, self.left.get());
                // What was to be entered is looked at behind this.
                while exit == switch::STOPPED
                    && may_pass.get()
                    && !self.goes_elsewhere.get()
                    && passes(self.note_stop(context), &*self.running.stack.get())
                {
                    exit = switch::resume(context, Left::Stopped);
                }
                calls.after_guest(&self.running, context);
                if self.goes_elsewhere.get() {
                    self.was_entered(store, exit);
                }
                exit
            }
        };
        if exit == switch::FINISHED {
            self.state.set(RunState::Finished);
            if self.own.is_some() && store.heap().is_some() {
                // Without memory for it the results are looked at once more when they are asked for.
                let held = store.hold_all(self.raw_values().iter().map(|value| value.lo));
                self.holds.replace(held.unwrap_or_default());
            }
            // SAFETY: the pool is the store's, and the call doesn't run any more.
            unsafe { (*self.pool).release(self.running.stack.replace(ptr::null())) };
        }
        Ok(exit)
    }

    /// What a number that [`Call::enter`] answered means.
    pub(super) fn exit(&self, store: &Store, exit: u32) -> Exit {
        match exit {
            switch::FINISHED => Exit::Finished,
            switch::STOPPED => Exit::Stopped(self.stopped(store)),
            switch::YIELDED => {
                self.yielded(store);
                Exit::Yielded
            }
            switch::REFUSED => {
                if let Left::Preempted | Left::PreemptedAtEnd = self.left.get() {
                    self.park(store);
                }
                self.state.set(if self.guest_sp.get() == 0 { RunState::Ready } else { RunState::Suspended });
                Exit::Interrupted(Interrupted::Outside)
            }
            switch::PREEMPTED | switch::RETURNED | switch::AGAIN => Exit::Interrupted(self.interrupted(store, exit)),
            STILL_WAITING => Exit::Yielded,
            LEFT_WITH_EXCEPTION => {
                self.state.set(RunState::Suspended);
                Exit::Threw
            }
            switch::THREW => {
                self.threw(store);
                Exit::Threw
            }
            NESTED_TOO_DEEPLY => {
                self.state.set(RunState::Trapped);
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
        self.state.set(RunState::Suspended);
        // SAFETY: the context is this store's; guest code isn't running.
        unsafe { self.note_stop(store.inner().context.get()) }
    }

    /// Notes where guest code was left at a stop point.
    ///
    /// # Safety
    ///
    /// The context must be the store's, and guest code not be running.
    #[inline(always)]
    unsafe fn note_stop(&self, context: *const StoreContext) -> Stopped {
        // SAFETY: the caller's promise. Each word is read by itself: two as one would wait for both to be written.
        let (pc, fp, guest_sp) = unsafe {
            let (pc, fp) = (&raw const (*context).exit_pc, &raw const (*context).exit_fp);
            (pc.read_volatile(), fp.read_volatile(), (*context).guest_sp)
        };
        self.exit_place.set(ExitPlace { pc, fp, kind: PcKind::Exact });
        self.guest_sp.set(guest_sp);
        self.uses_stack(guest_sp, 0);
        self.left.set(Left::Stopped);
        Stopped { pc: NativePc(pc), fp }
    }

    /// Notes that it has thrown an exception.
    #[cold]
    fn threw(&self, store: &Store) {
        self.state.set(RunState::Suspended);
        let context = store.inner().context.get();
        // SAFETY: as in `stopped`.
        let (pc, fp, guest_sp) = unsafe { ((*context).exit_pc, (*context).exit_fp, (*context).guest_sp) };
        self.exit_place.set(ExitPlace { pc, fp, kind: PcKind::Return });
        self.guest_sp.set(guest_sp);
        // SAFETY: as above.
        self.uses_stack(unsafe { (*context).exit_frame }, 0);
        self.left.set(Left::Threw);
        self.throwing.replace(store.inner().throwing.take());
    }

    /// Prepares for going on where an exception is caught.
    ///
    /// Errors: `Limit` or `System` if the exception can't be kept.
    #[cold]
    fn land(&self, store: &Store) -> Result<()> {
        let throwing = self.throwing.borrow();
        let throwing = throwing.as_ref().expect("it was left with it");
        // SAFETY: the call was left where it threw, and hasn't run since.
        unsafe { store.land(throwing) }
    }

    /// The exception that it was left with, and who is going to catch it.
    pub fn throwing(&self) -> Option<Throwing> {
        let is_there = self.state.get() == RunState::Suspended && self.left.get() == Left::Threw;
        self.throwing.borrow().as_deref().filter(|_| is_there).cloned()
    }

    /// Has a call that is suspended throw an exception where the frame with this frame pointer was called, whatever it is doing: it goes on where
    /// one of the frames that have called it catches that. Answers whether one does; otherwise nothing has changed.
    ///
    /// Errors: `WrongStore`; `InvalidState` unless it is suspended and has the frame; `System`.
    pub fn throw_from(&self, store: &Store, fp: usize, exception: &HostThrow) -> Result<bool> {
        store.check(self.func.store)?;
        let activation = self.activation().filter(|_| self.state.get() == RunState::Suspended);
        let Some(activation) = activation.filter(|activation| store.walk(activation).any(|frame| frame.fp == fp))
        else {
            bail!(InvalidState, "the call has no such frame");
        };
        let Some(caller) = activation.caller(fp) else { return Ok(false) };
        let from = Activation { fp: caller.fp, pc: caller.pc, kind: caller.kind, ..activation };
        // SAFETY: the call is suspended, and these frames of it wait for the ones that they have called.
        let Some(throwing) = (unsafe { store.throw_by_host(&from, exception) })? else { return Ok(false) };
        self.goes_elsewhere.set(false);
        self.left.set(Left::Threw);
        self.throwing.replace(Some(Box::new(throwing)));
        Ok(true)
    }

    /// Notes that a host function has no results yet.
    #[inline(always)]
    fn yielded(&self, store: &Store) {
        self.state.set(RunState::Suspended);
        let context = store.inner().context.get();
        // SAFETY: as in `stopped`.
        let (pc, fp, guest_sp) = unsafe {
            let (pc, fp) = (&raw const (*context).exit_pc, &raw const (*context).exit_fp);
            (pc.read_volatile(), fp.read_volatile(), (*context).guest_sp)
        };
        self.exit_place.set(ExitPlace { pc, fp, kind: PcKind::Return });
        self.guest_sp.set(guest_sp);
        self.left.set(Left::Yielded);
        self.awaited.set(store.inner().awaited.get());
        // The function's values are below what is kept of the registers.
        self.uses_stack(guest_sp.min(self.awaited.get().values.addr()), 0);
        self.given.set(Given::Nothing);
        if self.awaited.get().again.is_some() {
            self.wait.replace(store.inner().wait.take());
        }
    }

    /// Calls the host function again that it waits for and that wanted it, unless it was given something. Answers whether the call
    /// can go on. It can't if somebody has asked for the guest to be left: whoever runs it has to look.
    #[cold]
    fn ask_again(&self, store: &Store) -> bool {
        if self.given.get() != Given::Nothing {
            return true;
        }
        if store.is_interrupted() {
            return false;
        }
        let inner = store.inner();
        let Awaited { values, contexts: [callee, caller], again, .. } = self.awaited.get();
        let Some(again) = again else { return true };
        self.running.bump_epoch();
        self.state.set(RunState::Running);
        inner.wait.set(self.wait.take());
        // SAFETY: the function has answered that it is to be called again with these, which nobody has used since: the values are on
        // the call's stack, where nothing runs. The store is there, and so are its functions and instances.
        let outcome = self.with_handler(store, || unsafe { again(callee.cast(), caller, values) });
        self.state.set(RunState::Suspended);
        let wait = inner.wait.take();
        let answer = inner.host_answer.take();
        match (outcome, answer) {
            (Ok(()), _) => self.given.set(Given::Results),
            (Err(_), HostAnswer::Again | HostAnswer::Waits) => {
                self.wait.replace(wait);
            }
            (Err(_), HostAnswer::Yields(token)) => {
                self.awaited.set(Awaited { token, again: None, ..self.awaited.get() })
            }
            (Err(error), HostAnswer::Failed) => {
                *self.error.borrow_mut() = Some(error);
                self.given.set(Given::Error);
            }
        }
        self.given.get() != Given::Nothing
    }

    /// Looks at what it waits for, if that is something which the host function itself looks at when the call is resumed.
    pub fn with_wait<R>(&self, look: impl FnOnce(&Wait) -> R) -> Option<R> {
        self.awaited()?;
        self.wait.borrow().as_deref().map(look)
    }

    /// What it waits for. None if nothing, also if it was given what it waited for.
    pub fn awaited(&self) -> Option<Awaits> {
        let has_yielded = self.state.get() == RunState::Suspended && self.left.get() == Left::Yielded;
        if !has_yielded || self.given.get() != Given::Nothing {
            return None;
        }
        let Awaited { func, token, .. } = self.awaited.get();
        Some(Awaits { func: Func { store: self.func.store, index: func }, token })
    }

    /// Arguments of the host function that it waits for; what the function has written over them, if it is one on raw values.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it waits for nothing.
    pub fn awaited_args(&self, store: &Store) -> Result<Vec<Value>> {
        let (entry, values) = self.awaited_func(store)?;
        let params = entry.ty().params.iter().enumerate();
        // SAFETY: as in `awaited_func`; a host function has as many values as parameters.
        Ok(params.map(|(place, ty)| store.from_raw(*ty, unsafe { values.add(place).read() })).collect())
    }

    /// The function that it waits for, and where its values are: on the call's stack, where nothing runs. The number is the longer
    /// of parameters and results.
    fn awaited_func<'a>(&self, store: &'a Store) -> Result<(&'a FuncEntry, *mut RawValue)> {
        store.check(self.func.store)?;
        let Some(Awaits { func, .. }) = self.awaited() else {
            bail!(InvalidState, "the call waits for no host function");
        };
        Ok((store.func_entry(func)?, self.awaited.get().values))
    }

    /// Gives results to a call that waits for a host function: it can run on then.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it waits for nothing; `InvalidArgument` for a wrong number, or a value that isn't
    /// available; `TypeMismatch`; `OutOfRange` for a reference that the store never made.
    pub fn give(&self, store: &Store, results: &[Value]) -> Result<()> {
        let (entry, values) = self.awaited_func(store)?;
        let types = &entry.ty().results;
        if results.len() != types.len() {
            return Err(wrong_count("results", results.len(), types.len()));
        }
        let mut raw = Vec::with_capacity(results.len());
        for (place, (value, ty)) in results.iter().zip(types).enumerate() {
            raw.push(store.raw_as(value, *ty, "result # of a host function", place)?);
        }
        // SAFETY: as `awaited_func` says; there are as many values as results.
        unsafe { ptr::copy_nonoverlapping(raw.as_ptr(), values, raw.len()) };
        self.given.set(Given::Results);
        Ok(())
    }

    /// The same with raw values, of which there must be at least as many as results.
    ///
    /// Errors: `WrongStore`; `InvalidState`; `InvalidArgument` for too few values; `TypeMismatch` for a bad reference.
    #[inline]
    pub fn give_raw(&self, store: &Store, results: &[RawValue]) -> Result<()> {
        let (entry, values) = self.awaited_func(store)?;
        let types = &entry.ty().results;
        if results.len() < types.len() {
            return Err(wrong_count("results", results.len(), types.len()));
        }
        for (place, (raw, ty)) in results.iter().zip(types).enumerate() {
            if !store.is_good(*ty, *raw) {
                bail!(TypeMismatch, "result {place} of a host function is no {ty} of the store");
            }
        }
        // SAFETY: as in `give`; so many are given.
        unsafe { ptr::copy_nonoverlapping(results.as_ptr(), values, types.len()) };
        self.given.set(Given::Results);
        Ok(())
    }

    /// Gives an error to a call that waits for a host function: when it is run, it ends as if the function had failed with that.
    ///
    /// Errors: `WrongStore`; `InvalidState` if it waits for nothing.
    pub fn give_error(&self, store: &Store, error: Error) -> Result<()> {
        self.awaited_func(store)?;
        *self.error.borrow_mut() = Some(error);
        self.given.set(Given::Error);
        Ok(())
    }

    /// `InvalidState` if it can't be run as results of a host function are missing. A function without results needs none, nor does
    /// one that is called again.
    #[inline]
    pub fn check_given(&self, store: &Store) -> Result<()> {
        let needs_results = self.awaited().is_some() && self.awaited.get().again.is_none();
        if needs_results && !self.awaited_func(store)?.0.ty().results.is_empty() {
            bail!(InvalidState, "the call waits for results of a host function");
        }
        Ok(())
    }

    /// Has a call that was given an exception, where it waits, throw it there; answers whether it is caught.
    #[cold]
    fn throw_in_host_func(&self, store: &Store) -> bool {
        let thrown = self.error.borrow().as_ref().and_then(|error| store.raw_thrown(error));
        let activation = self.activation();
        let Some((thrown, activation)) = thrown.zip(activation) else { return false };
        // SAFETY: the call was left where it waits, by a call.
        let Some(throwing) = (unsafe { store.throw_at(&activation, thrown) }) else { return false };
        *self.error.borrow_mut() = None;
        self.running.bump_epoch();
        self.left.set(Left::Threw);
        self.throwing.replace(Some(Box::new(throwing)));
        true
    }

    /// Ends a call that was given an error, where it waits; answers the switch's number.
    #[cold]
    fn fail_in_host_func(&self, store: &Store) -> u32 {
        let error = self.error.take().expect("it was given");
        self.fail_here(store, error)
    }

    /// Ends a call where it was left with an error; answers the switch's number.
    #[cold]
    fn fail_here(&self, store: &Store, error: Error) -> u32 {
        self.running.bump_epoch();
        let code = if error.kind() == ErrorKind::Exception { TrapCode::Exception } else { TrapCode::HostError };
        *store.inner().host_error.borrow_mut() = Some(error);
        let ExitPlace { pc, fp, .. } = self.exit_place.get();
        let trap = RawTrap { code, address: 0, memory: 0, pc, fp, sp: 0 };
        // SAFETY: the context is this store's; guest code isn't running.
        unsafe { (*store.inner().context.get()).trap = trap };
        switch::TRAPPED
    }

    /// Where it has just been interrupted.
    #[cold]
    fn interrupted(&self, store: &Store, exit: u32) -> Interrupted {
        self.state.set(RunState::Suspended);
        // SAFETY: the stack is leased by this call.
        let is_at_end = unsafe { (*self.running.stack.get()).is_opened() };
        self.left.set(if is_at_end { Left::PreemptedAtEnd } else { Left::Preempted });
        let context = store.inner().context.get();
        // SAFETY: the context is this store's; guest code isn't running. What the exit says fits together.
        let place = unsafe {
            let (pc, fp, guest_sp) = ((*context).exit_pc, (*context).exit_fp, (*context).guest_sp);
            self.guest_sp.set(guest_sp);
            if exit == switch::PREEMPTED {
                let (pc, fp, is_return) = switch::newest_frame(guest_sp, pc, fp);
                ExitPlace { pc, fp, kind: if is_return { PcKind::Return } else { PcKind::Exact } }
            } else {
                ExitPlace { pc, fp, kind: PcKind::Return }
            }
        };
        self.exit_place.set(place);
        self.uses_stack(self.guest_sp.get(), if exit == switch::PREEMPTED { place.fp + FRAME_RECORD } else { 0 });
        if exit == switch::PREEMPTED {
            self.park(store);
        }
        if exit == switch::AGAIN { Interrupted::Calling } else { Interrupted::Inside }
    }

    /// Notes what is on its stack while it stands still: see [`GuestStack::set_used`](super::machine::guest_stack::GuestStack).
    #[inline(always)]
    fn uses_stack(&self, from: usize, uncertain_until: usize) {
        // SAFETY: the stack is leased by this call.
        unsafe { (*self.running.stack.get()).set_used(from, uncertain_until) };
    }

    /// The same where it has trapped: the stack pointer is that of the trap, or of the last call of the host.
    #[cold]
    fn uses_stack_at_trap(&self, store: &Store, sp: usize) {
        // SAFETY: the stack, if there is one, is leased by this call.
        let Some(stack) = (unsafe { self.running.stack.get().as_ref() }) else { return };
        // SAFETY: the context is this store's; guest code isn't running.
        let exit_frame = unsafe { (*store.inner().context.get()).exit_frame };
        let stack = stack.accessible_from()..stack.high;
        let from = [sp, exit_frame].into_iter().filter(|address| stack.contains(address)).min();
        self.uses_stack(from.unwrap_or(stack.start), 0);
    }

    /// Keeps the hole of the heap that it may be allocating in.
    #[cold]
    fn park(&self, store: &Store) {
        match store.park() {
            Ok(parked) => {
                self.parked.replace(parked);
            }
            // Nobody may run on: whoever allocated would do so in the midst of an object of this guest's.
            Err(error) => store.poison(error.message()),
        }
    }

    #[cold]
    fn trapped(&self, store: &Store, trap: RawTrap) -> TrapInfo {
        self.state.set(RunState::Trapped);
        if let TrapCode::HostError | TrapCode::Exception = trap.code {
            let error = store.inner().host_error.take();
            if error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Exit) {
                // The guest wanted its end: there is nothing to look for in its frames.
                // SAFETY: the pool is the store's. The stack is leased by this call, which never runs again and gives it up.
                unsafe { (*self.pool).release(self.running.stack.replace(ptr::null())) };
            }
            *self.error.borrow_mut() = error;
        }
        self.uses_stack_at_trap(store, trap.sp);
        let mut place = ExitPlace { pc: trap.pc, fp: trap.fp, kind: PcKind::Exact };
        if let TrapCode::HostError | TrapCode::Exception = trap.code {
            // It was left by a call.
            place.kind = PcKind::Return;
        } else if trap.code == TrapCode::CallStackExhausted {
            // SAFETY: the instruction at the pc was executed.
            place.fp = unsafe { switch::frame_pointer(trap.pc, trap.sp, trap.fp) };
            // A routine that has no frame yet doesn't count: its caller's frame is the newest, at the call.
            let is_entry = store.inner().code.borrow().is_entry(trap.pc);
            let words =
                if is_entry { Some(0) } else { switch::words_above_return_address(trap.pc, store.builtin_stubs()) };
            // SAFETY: the stack is leased by this call, which ran on it.
            let stack = unsafe { &*self.running.stack.get() };
            let address = words.map(|words| trap.sp + words * 8);
            if let Some(address) =
                address.filter(|address| (stack.accessible_from()..=stack.high - 8).contains(address))
            {
                // SAFETY: the word is inside the accessible part of this call's own stack.
                let pc = unsafe { (address as *const usize).read() };
                place = ExitPlace { pc, fp: trap.fp, kind: PcKind::Return };
            }
        }
        self.exit_place.set(place);
        let is_memory = trap.code == TrapCode::MemoryOutOfBounds;
        let fault = match trap {
            _ if !is_memory => None,
            RawTrap { memory: 0, address: 0, .. } => None,
            RawTrap { memory: 0, address, .. } => store.memory_fault(address),
            RawTrap { memory, address, .. } => store.checked_memory_fault(memory, address as u64),
        };
        TrapInfo { code: trap.code, fault, pc: NativePc(place.pc), fp: place.fp }
    }

    /// Has a call that is suspended go on in another function, or another form of its function, in the place of one of its
    /// frames; frames that this one has called are gone.
    ///
    /// Errors: `InvalidState` unless it is suspended; `Limit` if there is no room on the stack.
    pub fn reenter(&self, store: &Store, reentry: Reentry) -> Result<()> {
        let Reentry { fp, blob, body, context, words } = reentry;
        store.check(self.func.store)?;
        if self.state.get() != RunState::Suspended {
            return Err(not_in_state("can't go on elsewhere", self.state.get()));
        }
        let frame = &blob.frames().expect("compiled for debugging").functions[body];
        assert_eq!(words.len(), frame.words as usize, "an entry is as long as the state slot");
        let activation = self.activation().expect("it is suspended");
        if !activation.has_room(fp, frame.frame_to_fp) {
            bail!(Limit, "there is no room on the guest's stack for another form of the function");
        }
        let Some(saved) = self.registers_of_caller(store, &activation, fp) else {
            bail!(InvalidState, "the call has no such frame");
        };
        self.holds.replace(store.hold_all(words.iter().copied())?);
        let info = blob.module().info();
        let call = GuestCall::new(info.func_type(info.func_index(blob.function(body))));
        // Frame pointer and return address, then arguments, then results. The first two are where the function finds them, from where
        // it moves them as the frame's form has done.
        let fp = fp + frame.grown as usize;
        let results = fp as u64 + 16 + u64::from(call.stack_arguments);
        let arguments = if call.returns_in_memory { [results, context, 0] } else { [context, 0, 0] };
        *self.elsewhere.borrow_mut() = Some(Elsewhere {
            fp,
            grown: frame.grown,
            code: blob.entry(body),
            arguments,
            saved,
            words,
            blob,
            body,
            is_prepared: false,
            before: None,
        });
        self.goes_elsewhere.set(true);
        Ok(())
    }

    /// The registers that callees save, as they were where a frame of this call, which is suspended, was called.
    fn registers_of_caller(&self, store: &Store, activation: &Activation, fp: usize) -> Option<[u64; 5]> {
        // SAFETY: it was left at a stop, on its own stack.
        let mut registers = unsafe { switch::callee_saved(self.guest_sp.get()) };
        for frame in store.walk(activation) {
            let (body, _) = frame.place()?;
            let saved = frame.blob.frames()?.functions[body].saved;
            for (register, below) in registers.iter_mut().zip(saved.words_below).filter(|(_, below)| *below != 0) {
                *register = activation.words(frame.fp - 8 * usize::from(below), 1).get(0)?;
            }
            if frame.fp == fp {
                return Some(registers);
            }
        }
        None
    }

    /// Prepares the guest's stack for going on elsewhere. It is resumed next.
    #[cold]
    fn go_elsewhere(&self, store: &Store) {
        let mut elsewhere = self.elsewhere.borrow_mut();
        let Some(elsewhere) = &mut *elsewhere else { return };
        let Elsewhere { fp, grown, code, arguments, saved, words, is_prepared, before, .. } = elsewhere;
        // SAFETY: the context is this store's, and guest code isn't running. The words stay where they are until the call goes
        // elsewhere once more; the function copies them before anything else. That the frame is on the call's stack, with room
        // below it, `reenter` has checked; what it has grown by are arguments, which nobody needs any more.
        unsafe {
            (*store.inner().context.get()).entry = words.as_ptr();
            if !*is_prepared {
                *before = Some(Before {
                    words: *((*fp + 8 - switch::REENTRY_SPACE) as *const [u64; PREPARED_WORDS]),
                    guest_sp: self.guest_sp.get(),
                    left: self.left.get(),
                    exit_place: self.exit_place.get(),
                });
                let record = *((*fp - *grown as usize) as *const [usize; 2]);
                *(*fp as *mut [usize; 2]) = record;
                let [caller_fp, return_pc] = record;
                self.guest_sp.set(switch::reenter(*fp, code.0, *arguments, *saved));
                self.left.set(Left::Stopped);
                self.exit_place.set(ExitPlace { pc: return_pc, fp: caller_fp, kind: PcKind::Return });
                *is_prepared = true;
            }
        }
    }

    /// Looks whether a function that was to be entered has taken its entry. If it was interrupted before that, it will; if it found
    /// no room for its frame, it never does. If nothing has run, the call is as it was.
    #[cold]
    fn was_entered(&self, store: &Store, exit: u32) {
        // SAFETY: the context is this store's; guest code isn't running.
        let entry = unsafe { ptr::replace(&raw mut (*store.inner().context.get()).entry, ptr::null()) };
        self.goes_elsewhere.set(!entry.is_null());
        let mut elsewhere = self.elsewhere.borrow_mut();
        let Some(elsewhere) = &mut *elsewhere else { return };
        if let Some(before) = elsewhere.before.take().filter(|_| exit == switch::REFUSED) {
            // SAFETY: `go_elsewhere` has read the words there, and nothing has run on the call's stack since.
            unsafe { *((elsewhere.fp + 8 - switch::REENTRY_SPACE) as *mut [u64; PREPARED_WORDS]) = before.words };
            self.guest_sp.set(before.guest_sp);
            self.left.set(before.left);
            self.exit_place.set(before.exit_place);
            elsewhere.is_prepared = false;
        }
    }

    /// The function that it is going to enter, or is entering, in the place of a frame.
    pub fn goes_to(&self) -> Option<(Module, DefinedFuncIndex)> {
        if !self.goes_elsewhere.get() {
            return None;
        }
        let elsewhere = self.elsewhere.borrow();
        elsewhere.as_ref().map(|Elsewhere { blob, body, .. }| (blob.module().clone(), blob.function(*body)))
    }

    /// Ends a call that is ready or suspended: it counts as trapped, with this error. Its frames stay readable.
    pub fn fail(&self, error: Error) -> Result<()> {
        match self.state.get() {
            RunState::Ready | RunState::Suspended => {
                self.state.set(RunState::Trapped);
                *self.error.borrow_mut() = Some(error);
                Ok(())
            }
            state => Err(not_in_state("can't be ended", state)),
        }
    }

    /// Gives the memory of its stack that it doesn't use while it stands still back to the system.
    ///
    /// Errors: `InvalidState` if it is running.
    pub fn trim(&self) -> Result<()> {
        let stack = self.running.stack.get();
        let lowest_used = match self.state.get() {
            RunState::Running => bail!(InvalidState, "the call is running"),
            // SAFETY: it was left like that, and hasn't run since.
            RunState::Suspended => unsafe { switch::lowest_used(self.guest_sp.get(), self.left.get()) },
            // It was interrupted before its first instruction.
            RunState::Ready => usize::MAX,
            // How far a frame goes down that trapped isn't known; a call that has finished has no stack.
            RunState::Finished | RunState::Trapped => return Ok(()),
        };
        // SAFETY: the stack, if there is one, is leased by this call. Nothing runs on it, and what is needed of it is above.
        unsafe {
            if let Some(stack) = stack.as_ref() {
                stack.give_back_below(lowest_used);
            }
        }
        Ok(())
    }

    /// Runs an event handler for this call, which stands still; calls that it makes count as nested in this one, and what it is given
    /// references to is good until it returns.
    #[inline(always)]
    pub fn with_handler<R>(&self, store: &Store, handler: impl FnOnce() -> R) -> R {
        let calls = &store.inner().calls;
        let restored = Restored { calls, before: calls.before_handler(&self.running) };
        let scope = Scope::open(store);
        let result = handler();
        drop((scope, restored));
        result
    }

    /// Makes a new epoch: whatever was read from its frames is out of date. Done by every entry, resumption and return
    /// of a host function into the guest; also for a driver that moves on within a run.
    pub fn bump_epoch(&self) {
        self.running.bump_epoch();
    }

    /// The results of a finished call.
    pub fn results(&self, store: &Store) -> Result<Vec<Value>> {
        store.check(self.func.store)?;
        if self.state.get() != RunState::Finished {
            return Err(not_in_state("has no results", self.state.get()));
        }
        // SAFETY: the entry is the store's, which is alive.
        let results = unsafe { &*self.entry }.ty().results.iter();
        Ok(results.zip(self.raw_values()).map(|(ty, raw)| store.from_raw(*ty, raw)).collect())
    }

    /// Keeps the objects among its values as long as what is answered is there.
    ///
    /// Errors: `System`.
    pub fn hold_values(&self, store: &Store) -> Result<Vec<Hold>> {
        store.hold_all(self.raw_values().iter().map(|value| value.lo))
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
        self.running.id.get()
    }

    /// Changes whenever its guest code is entered or resumed.
    pub fn epoch(&self) -> u64 {
        self.running.epoch.get()
    }

    /// What it is doing.
    pub fn state(&self) -> RunState {
        self.state.get()
    }

    /// Whether it was left at a stop point.
    pub fn is_at_stop(&self) -> bool {
        let is_elsewhere = || self.elsewhere.borrow().as_ref().is_some_and(|elsewhere| elsewhere.is_prepared);
        self.state.get() == RunState::Suspended
            && self.left.get() == Left::Stopped
            && !(self.goes_elsewhere.get() && is_elsewhere())
    }

    /// Whether it runs beneath another call of its store, or beneath a handler of such a call.
    pub fn is_nested(&self) -> bool {
        self.running.depth() > 0
    }

    /// The function that it calls.
    pub fn func(&self) -> Func {
        self.func
    }

    /// Where its newest frame is, at a stop or trap.
    pub fn activation(&self) -> Option<Activation> {
        match self.state.get() {
            RunState::Suspended | RunState::Trapped => self.running.activation_at(self.exit_place.get()),
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

/// Brings back the count of calls beneath handlers, also when a handler panics.
struct Restored<'a> {
    calls: &'a CallChain,
    before: u32,
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.calls.after_handler(self.before);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A running call is borrowed by `run`, so it isn't dropped.
        if !self.running.stack.get().is_null() {
            // SAFETY: the pool is kept, or its store is there. The stack is leased by this call, which never runs again.
            unsafe { (*self.pool).release(self.running.stack.get()) };
        }
    }
}

/// The switch's numbers, and one more: the call is nested too deeply.
const NESTED_TOO_DEEPLY: u32 = u32::MAX;

/// And another: the call was left with an exception that it was given.
const LEFT_WITH_EXCEPTION: u32 = u32::MAX - 2;

/// And another: the host function that the call waits for has no results yet.
const STILL_WAITING: u32 = u32::MAX - 1;

#[cold]
fn nested_too_deeply(store: &Store, is_fresh: bool) -> Result<u32> {
    if is_fresh {
        return Ok(NESTED_TOO_DEEPLY);
    }
    bail!(Limit, "the store's limit of {} nested calls is reached", store.limits().nested_calls)
}

#[cold]
fn not_in_state(what: &str, state: RunState) -> Error {
    let state = match state {
        RunState::Ready => "ready",
        RunState::Running => "running",
        RunState::Suspended => "suspended",
        RunState::Finished => "finished",
        RunState::Trapped => "ended by a trap",
    };
    Error::new(ErrorKind::InvalidState, format_args!("the call {what}, it is {state}"))
}
