//! The debug layer: breakpoints, stepping, frames and their state, events.
//!
//! It drives the runtime's calls (`session.rs`): the runtime's run loop returns a typed exit and this room decides what
//! it means. It must not know C, nor read guest memory other than through the runtime; there is no `unsafe` here.
//! Invariants: a frame handle is plain data that is checked against its call's epoch before anything is looked at;
//! the state of a frame is the state *before* the operator at its pc; code is patched by a committed [`Edit`] and by
//! stepping only. Read next: [`debuggee`], `session.rs`, `replay.rs`.

mod access;
mod arm;
pub mod break_target;
pub mod breakpoints;
mod catching;
mod computation;
pub mod core_dump;
pub mod debug_call;
pub mod debuggee;
pub mod edit;
pub mod evaluator;
pub mod event;
pub mod expression;
pub mod frame;
mod fuel;
mod glance;
mod goal;
mod hash;
mod interruption;
mod intervene;
mod layout;
mod location;
pub mod log_point;
mod news;
mod one_shot;
pub mod options;
mod pending;
mod quiet;
mod reads;
mod replay;
mod session;
mod stopped_call;
mod throw;
mod tracing;
mod view;
mod watch;
mod watched_frames;
mod watched_objects;
mod watching;
pub mod watchpoints;

pub use break_target::{BreakTarget, ImportedFunction};
pub use breakpoints::{BreakpointInfo, BreakpointPlace};
pub use core_dump::CoreContents;
pub use debug_call::{CallState, DebugCall, Resume};
pub use debuggee::{Debuggee, Spaces};
pub use edit::Edit;
pub use event::{Action, CaughtException, Event, EventHandler, EventKind};
pub use frame::{Frame, FrameInfo, FrameKind};
pub use goal::{Goal, Reach};
pub use interruption::Budget;
pub use log_point::LogPointHandler;
pub use news::Subject;
pub use options::{BreakpointOptions, Condition};
pub use tracing::{Exit, Leaving};
pub use watchpoints::{Seen, WatchHit, WatchTarget, WatchpointInfo};
