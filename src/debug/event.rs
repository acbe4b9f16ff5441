//! Events: what happened to the guest, told to the store's one handler, which answers with an action.

use super::{Debuggee, Frame};
use crate::base::error::MemoryFault;
use crate::base::{Error, TrapCode, WasmPc};

/// What happened. The numbers are the bits of an event mask, part of the C ABI, and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum EventKind {
    /// A host function returned an error; the guest's frames still stand.
    HostError = 1 << 0,
    // 1 << 1: an exception was thrown and will be caught. 1 << 2: one will not be caught.
    /// The guest trapped; its frames stay readable until the call is dropped.
    Trap = 1 << 3,
    /// The guest is about to execute an operator that has an enabled breakpoint.
    Breakpoint = 1 << 4,
    /// A step is done: the guest is about to execute the next operator.
    Step = 1 << 5,
    // 1 << 6: epoch deadline. 1 << 7: watchpoint. 1 << 8: interrupt. 1 << 9: function entry. 1 << 10: function exit.
    // 1 << 11: memory grown. 1 << 12: module loaded. 1 << 13: instance created. 1 << 14: call finished.
    // 1 << 31 is [`EventKind::NESTED`].
}

impl EventKind {
    /// Every kind that exists.
    pub const ALL: u32 =
        EventKind::HostError as u32 | EventKind::Trap as u32 | EventKind::Breakpoint as u32 | EventKind::Step as u32;
    /// Not a kind, but a wish in the mask: events of guest code that the handler itself calls reach it too.
    pub const NESTED: u32 = 1 << 31;

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
    /// The call that it happened to.
    pub call: u64,
    /// The innermost Wasm frame of the call; `None` if it has none, as when the host calls a failing host function.
    pub frame: Option<Frame>,
    /// The operator about to be executed, or that trapped; 0 without a frame.
    pub pc: WasmPc,
    /// For [`EventKind::Breakpoint`]: every enabled breakpoint at `pc`, by age.
    pub breakpoints: Vec<u64>,
    /// For [`EventKind::Trap`] and [`EventKind::HostError`]: why.
    pub trap: Option<TrapCode>,
    /// For a trap of the memory hardware: the access that failed.
    pub fault: Option<MemoryFault>,
    /// Whether [`Action::Pause`] is possible: the call is resumable, and hasn't ended.
    pub can_pause: bool,
    /// For [`EventKind::Trap`] and [`EventKind::HostError`]: the error that the call ends with, backtrace included.
    pub error: Option<Error>,
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
    /// Let `resume` return [`CallState::Paused`](super::CallState::Paused) to the host. Requires
    /// [`Event::can_pause`]; otherwise the guest goes on and the wish is counted by [`Debuggee::refused_pauses`].
    Pause,
    /// End the call with the trap [`TrapCode::Requested`] and this message.
    Trap(String),
}

/// The store's handler of events.
pub type EventHandler = Box<dyn Fn(&Debuggee, &Event) -> Action>;

impl Debuggee {
    /// Makes `handler` receive the events whose bits are in `mask`, instead of the handler until now.
    ///
    /// Without a handler, or for an event outside its mask, a resumable call pauses and a one-shot call continues.
    /// While the handler runs, guest code that it calls raises no events (breakpoints passed over are counted),
    /// unless `mask` contains [`EventKind::NESTED`]. `InvalidArgument` if `mask` has a bit that isn't in
    /// [`EventKind::ALL`] or [`EventKind::NESTED`]; the handler is dropped then.
    pub fn set_event_handler(&self, mask: u32, handler: EventHandler) -> crate::base::Result<()> {
        let _ = (mask, handler);
        todo!()
    }

    /// Removes the handler, if there is one. A handler that is running is dropped when it has returned.
    pub fn clear_event_handler(&self) -> crate::base::Result<()> {
        todo!()
    }

    /// How often a handler asked for a pause where the guest couldn't pause.
    pub fn refused_pauses(&self) -> u64 {
        todo!()
    }
}
