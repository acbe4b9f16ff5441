//! Stores and what lives in them: instances, memories, tables, globals, functions; and the machine that runs guests.
//!
//! Knows nothing of debugging or C: the run loop ends in a typed [`Exit`] and whoever drives it decides. Only
//! `engine.rs` names the compiler. Invariants: a store is used by one thread at a time; no borrow of a store's
//! cells is held while guest or host code runs; every handle is checked against store and range before use.
//! Read next: [`store`], then [`call`] for how guest code is entered and left.

pub mod blob;
pub mod engine;
pub mod mapped_blob;
pub mod module;
mod module_cache;
mod serialized;

pub mod store;

mod exception;
pub mod fuel;
mod func;
pub mod global;
mod host_answer;
pub mod host_func;
pub mod imports;
pub mod instance;
pub mod linker;
pub mod memory;
pub mod shared_memory;
pub mod table;
pub mod tag;
mod throwing;
pub mod values;

pub mod activation;
pub mod backtrace;
pub mod walk;

pub mod call;
pub mod call_chain;
mod epoch;
pub mod interrupt;
pub mod one_shot_call;
pub mod quick_call;

mod builtins;
mod entities;
mod gc;
mod machine;
mod object_types;
mod objects;
mod roots;

pub use activation::{Activation, FrameLink, PcKind, StackWords};
pub use call::{Awaits, Call, Exit, Interrupted, Reentry, RunState, Stopped, TrapInfo};
pub use engine::Engine;
pub use entities::growths::Growth;
pub use entities::holds::Hold;
pub use epoch::LimitAction;
pub use host_answer::{AwaitedFile, Wait};
pub use host_func::{Caller, HostBody, HostFn, RawHostFn};
pub use imports::Extern;
pub use interrupt::{AlarmView, Interrupts, claim_signal};
pub use linker::Linker;
pub use machine::alarms::AlarmClock;
pub use machine::barrier::{has_process_barrier, process_barrier};
pub use machine::clock::{recent_time, time_of};
pub use machine::guest_stack::GuestStack;
pub use machine::interrupt_signals::is_suitable as is_suitable_for_interrupts;
pub use machine::interrupts::{Interrupter, NotAsked};
pub use machine::own_stack::with_room;
pub use machine::store_context::ask;
pub use machine::thread::{ThisThread, prepare as prepare_thread};
pub use machine::traps::install_in_front as install_signal_handlers_in_front;
pub use machine::write_signals::hold_write_signals;
pub use mapped_blob::MappedBlob;
pub use module::Module;
pub use objects::HeapStatistics;
pub use one_shot_call::Convert;
pub use quick_call::{QuickCall, SlowPath};
pub use shared_memory::SharedMemory;
pub use store::{CodeObserver, ReturnObserver, Store};
pub use throwing::{Catching, HostThrow, Throwing};
pub use walk::{NoFrame, RawFrame, Walk};
