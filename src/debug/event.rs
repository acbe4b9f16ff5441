//! Events: what happened to the guest, told to the store's one handler, which answers with an action.
//!
//! Must not know how calls are driven. Invariant: a handler that runs is kept alive, whatever it does to itself.
//! Read next: `session.rs`.

use super::{Debuggee, Frame, Goal, Subject, WatchHit};
use crate::base::error::MemoryFault;
use crate::base::{Error, Result, Thrown, TrapCode, WasmPc, error::bail};
use crate::runtime::Call;
use std::cell::Cell;
use std::rc::Rc;

/// What happened. The numbers are the bits of an event mask, part of the C ABI, and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum EventKind {
    /// A host function returned an error; the guest's frames are still there.
    HostError = 1 << 0,
    /// An exception was thrown that will be caught; the guest is still where it was thrown.
    CaughtException = 1 << 1,
    /// An exception was thrown that the call doesn't catch; its frames stay readable until the call is dropped.
    UncaughtException = 1 << 2,
    /// The guest trapped; its frames stay readable until the call is dropped.
    Trap = 1 << 3,
    /// The guest is about to execute an operator that has an enabled breakpoint.
    Breakpoint = 1 << 4,
    /// A step is done: the guest is about to execute the next operator.
    Step = 1 << 5,
    /// The store's deadline in its engine's epochs is reached.
    Epoch = 1 << 6,
    /// Somebody has asked for it, from another thread or a signal handler.
    Interrupt = 1 << 8,
    /// An operator has accessed what a watchpoint watches, or it was found to be changed by others; the guest is about to execute the next
    /// operator.
    Watchpoint = 1 << 9,
    /// The guest has entered a function that is traced, and is about to execute its first operator.
    FunctionEntry = 1 << 10,
    /// The guest is about to leave a function that is traced, or an exception or a trap has it leave one.
    FunctionExit = 1 << 11,
    /// A memory has grown; if a guest has done it, it is about to execute the next operator.
    MemoryGrown = 1 << 12,
    /// The store has got its first instance of a module.
    ModuleLoaded = 1 << 13,
    /// The store has got an instance, of which nothing has run yet.
    InstanceCreated = 1 << 14,
    /// The guest has used up the time that it was given. No handler is asked: the call pauses, or traps.
    Deadline = 1 << 15,
    /// The store's fuel is used up.
    Fuel = 1 << 16,
    /// A call has come to its end.
    CallFinished = 1 << 17,
    // 1 << 31 is [`EventKind::NESTED`].
}

impl EventKind {
    /// Every kind that something has stopped or ended a guest for. The [others](EventKind::OTHERS) are asked for one by one.
    pub const ALL: u32 = EventKind::HostError as u32
        | EventKind::CaughtException as u32
        | EventKind::UncaughtException as u32
        | EventKind::Trap as u32
        | EventKind::Breakpoint as u32
        | EventKind::Step as u32
        | EventKind::Epoch as u32
        | EventKind::Interrupt as u32
        | EventKind::Watchpoint as u32
        | EventKind::Deadline as u32
        | EventKind::Fuel as u32;
    /// The kinds of what happens all the time in a store in which all is well, or only where it was asked for.
    pub const OTHERS: u32 = EventKind::FunctionEntry as u32
        | EventKind::FunctionExit as u32
        | EventKind::MemoryGrown as u32
        | EventKind::ModuleLoaded as u32
        | EventKind::InstanceCreated as u32
        | EventKind::CallFinished as u32;
    /// Not a kind, but a wish in the mask: events of guest code that the handler itself calls reach it too.
    pub const NESTED: u32 = 1 << 31;

    /// Whether it is about the guest as a whole, or the operator before, and not about the operator where the guest happens to be.
    pub(super) fn is_between_operators(self) -> bool {
        use EventKind::*;
        matches!(self, Epoch | Interrupt | Watchpoint | Deadline | Fuel | MemoryGrown | FunctionEntry | FunctionExit)
    }

    /// The kind's bit in a mask.
    pub fn bit(self) -> u32 {
        self as u32
    }
}

/// An event. It is the handler's to look at until it returns; a paused call keeps a copy.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The call that it happened to; 0 if none runs, as when the host makes an instance.
    pub call: u64,
    /// The innermost Wasm frame of the call; `None` if it has none, as when the host calls a failing host function.
    pub frame: Option<Frame>,
    /// The operator about to be executed, or that trapped; 0 without a frame.
    pub pc: WasmPc,
    /// For [`EventKind::Breakpoint`]: every enabled breakpoint at `pc`, by age. For traps and exceptions: those that are at such.
    pub breakpoints: Rc<[u64]>,
    /// For [`EventKind::Trap`] and [`EventKind::HostError`]: why.
    pub trap: Option<TrapCode>,
    /// For a trap of the memory hardware: the access that failed.
    pub fault: Option<MemoryFault>,
    /// Whether [`Action::Pause`] is possible: the call is resumable, and hasn't ended.
    pub can_pause: bool,
    /// For [`EventKind::Trap`], [`EventKind::HostError`], [`EventKind::UncaughtException`] and, if the call has failed,
    /// [`EventKind::CallFinished`]: the error that the call ends with, backtrace included.
    pub error: Option<Error>,
    /// For [`EventKind::CaughtException`]: the exception, and where it will be caught.
    pub exception: Option<CaughtException>,
    /// For [`EventKind::Watchpoint`]: what happened, by the age of the watchpoints.
    pub watched: Option<Rc<[WatchHit]>>,
    /// For the kinds of [`EventKind::OTHERS`]: what it is about.
    pub subject: Option<Rc<Subject>>,
}

impl Event {
    /// The exception that it is about.
    pub fn thrown(&self) -> Option<&Thrown> {
        let caught = self.exception.as_ref().map(|exception| &*exception.thrown);
        caught.or_else(|| self.error.as_ref().filter(|_| self.kind != EventKind::HostError)?.thrown())
    }
}

impl Debuggee {
    /// An event of a call that has nothing but its kind.
    #[inline(always)]
    pub(super) fn event_of(&self, kind: EventKind, call: u64) -> Event {
        Event::new(kind, call, self.no_ids.clone())
    }
}

impl Event {
    /// One that has nothing but its kind and these breakpoints.
    #[inline(always)]
    pub(super) fn new(kind: EventKind, call: u64, breakpoints: Rc<[u64]>) -> Event {
        Event {
            kind,
            call,
            frame: None,
            pc: WasmPc(0),
            breakpoints,
            trap: None,
            fault: None,
            can_pause: false,
            error: None,
            exception: None,
            watched: None,
            subject: None,
        }
    }
}

/// An exception that will be caught.
#[derive(Clone, Debug)]
pub struct CaughtException {
    /// The exception.
    pub thrown: Rc<Thrown>,
    /// The frame that catches it.
    pub frame: Frame,
    /// The operator there that catches it.
    pub pc: WasmPc,
}

/// What to do after an event.
///
/// A call that trapped ends whatever the action; the others choose how a guest that was stopped goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Go on.
    Continue,
    /// Execute one operator, then raise [`EventKind::Step`] (or [`EventKind::Breakpoint`]).
    Step,
    /// Go on to a goal of this call, then raise [`EventKind::Step`] (or [`EventKind::Breakpoint`]). It is given up where another event comes
    /// first, unless that is answered by [`Action::Continue`] and is of an exception that is caught, or comes from outside the guest.
    Run(Goal),
    /// Let `resume` return [`CallState::Paused`](super::CallState::Paused) to the host. Requires
    /// [`Event::can_pause`]; otherwise the guest goes on and the wish is counted by [`Debuggee::refused_pauses`].
    Pause,
    /// End the call with the trap [`TrapCode::Requested`] and this message.
    Trap(String),
}

/// The store's handler of events.
pub type EventHandler = Box<dyn Fn(&Debuggee, &Event) -> Action>;

/// The registered handler.
pub(super) struct Registered {
    handler: EventHandler,
}

/// Who receives an event.
pub(super) enum Receiver {
    /// The handler.
    Handler(Rc<Registered>),
    /// Whoever drives the resumable call.
    Driver,
    /// Nobody.
    Nobody,
}

impl Debuggee {
    /// Makes `handler` receive the events whose bits are in `mask`, instead of the handler until now.
    ///
    /// Without a handler, or for an event outside its mask, a resumable call pauses and a one-shot call continues.
    /// While the handler runs, guest code that it calls raises no events (breakpoints passed over are counted),
    /// unless `mask` contains [`EventKind::NESTED`]. `InvalidArgument` if `mask` has a bit that isn't in
    /// [`EventKind::ALL`], [`EventKind::OTHERS`] or [`EventKind::NESTED`]; the handler is dropped then.
    pub fn set_event_handler(&self, mask: u32, handler: EventHandler) -> Result<()> {
        self.check_debug()?;
        if mask & !(EventKind::ALL | EventKind::OTHERS | EventKind::NESTED) != 0 {
            bail!(InvalidArgument, "the event mask {mask:#x} has bits that stand for no event");
        }
        // The old handler may do anything when it is dropped, so not while the cell is borrowed.
        let old = self.handler.replace(Some(Rc::new(Registered { handler })));
        self.set_mask(mask);
        drop(old);
        Ok(())
    }

    /// Removes the handler, if there is one. A handler that is running is dropped when it has returned.
    pub fn clear_event_handler(&self) -> Result<()> {
        self.check_debug()?;
        self.set_mask(0);
        let old = self.handler.take();
        drop(old);
        Ok(())
    }

    fn set_mask(&self, mask: u32) {
        self.mask.set(mask);
        self.store().note_growths(self.is_wanted(EventKind::MemoryGrown));
        // Somebody may want to hear of the end of the next call.
        self.store().require_slow_path();
    }

    /// How often a handler asked for a pause where the guest couldn't pause.
    pub fn refused_pauses(&self) -> Result<u64> {
        self.check_debug()?;
        Ok(self.refused_pauses.get())
    }

    /// Whether guest code that runs now raises no events, because a handler called it.
    pub(super) fn is_silent(&self) -> bool {
        self.handling.get() != 0 && self.mask.get() & EventKind::NESTED == 0
    }

    /// Whether the handler wants events of this kind.
    pub(super) fn is_wanted(&self, kind: EventKind) -> bool {
        self.mask.get() & kind.bit() != 0
    }

    /// Who receives an event of this kind from a call that isn't silent.
    pub(super) fn receiver(&self, kind: EventKind, resumable: bool) -> Receiver {
        if self.is_wanted(kind)
            && let Some(registered) = &*self.handler.borrow()
        {
            Receiver::Handler(registered.clone())
        } else if resumable {
            Receiver::Driver
        } else {
            Receiver::Nobody
        }
    }

    /// Runs the handler. What it answers isn't moved, which would wait for all of it to be written.
    #[inline(always)]
    pub(super) fn handle(&self, call: &Call, registered: &Registered, event: &Event) -> Action {
        let _handling = Counted::new(&self.handling);
        self.letting_host_write(|| call.with_handler(self.store(), || (registered.handler)(self, event)))
    }

    /// Runs the handler for something that no call stands still for.
    pub(super) fn handle_without_call(&self, registered: &Registered, event: &Event) -> Action {
        let _handling = Counted::new(&self.handling);
        self.letting_host_write(|| self.store().with_handler(|| (registered.handler)(self, event)))
    }

    /// A handler asked for a pause of a call that can't pause.
    #[cold]
    pub(super) fn refuse_pause(&self) {
        log::warn!("an event handler asked for a pause of a call that can't pause");
        self.refused_pauses.set(self.refused_pauses.get() + 1);
    }
}

/// Counts up as long as it lives, also when the handler panics.
pub(super) struct Counted<'a>(&'a Cell<u32>);

impl Counted<'_> {
    pub(super) fn new(count: &Cell<u32>) -> Counted<'_> {
        count.set(count.get() + 1);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
