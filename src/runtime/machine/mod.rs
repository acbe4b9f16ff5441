//! The machine that guests run on: their stacks, the switch to them, traps, mappings, code pages, and which code is where.
//!
//! Read next: [`switch`], [`traps`].

pub mod code_map;
pub mod code_memory;
pub mod guest_stack;
pub mod image;
pub mod mapping;
pub mod stack_registry;
pub mod store_context;
pub mod switch;
pub mod thread;
pub mod traps;
pub mod write_signals;
