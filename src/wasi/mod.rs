//! WASI preview 1: what an ordinary program imports, on top of the runtime's host functions.
//!
//! A [`WasiConfig`] says what a guest gets: arguments, environment, stdio, folders, clocks, random numbers. [`define`]
//! copies it into a context of its own and defines the functions in a linker. Knows nothing of debugging or C.
//! Invariants: a guest's pointers are used through [`guest`] only, which checks them; paths are resolved by
//! [`system`] only, inside a folder that the host gave; no borrow of a context is held while a callback of the host's runs. No `unsafe`.
//! Read next: [`linker`] for the list of functions, [`descriptors`] for what a number of the guest's stands for.

pub mod config;

pub mod context;
pub mod linker;

pub mod clocks;
mod descriptors;
mod environment;
mod errno;
mod fd;
mod guest;
mod paths;
mod poll;
mod random;
mod readdir;
mod sockets;
mod stdio;
mod system;
pub mod threads;
mod types;

pub use config::WasiConfig;
pub use context::Wasi;
pub use errno::Errno;
pub use linker::{define, define_for_thread};
pub use stdio::{Captured, Input, Output, ReadFn, WriteFn};
