//! The machine that guests run on: their stacks, the switch to them, traps, mappings, code pages, and which code is where.
//!
//! What differs by system is in a folder for each, `linux`, and likewise by processor, `x86_64`; the files in these are known
//! by their own names here. Read next: [`switch`], [`traps`].

pub mod code_map;
pub mod code_memory;
pub mod guest_stack;
pub mod interrupts;
pub mod stack_registry;
pub mod store_context;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    alarms, barrier, clock, futex, image, interrupt_signals, mapped_file, mapping, own_stack, thread, touched, traps,
    write_signals,
};
#[cfg(not(target_os = "linux"))]
compile_error!("the machine is written for Linux only");

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{racing, switch};
#[cfg(not(target_arch = "x86_64"))]
compile_error!("the machine is written for x86-64 only");
