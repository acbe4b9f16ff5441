//! The C API: one file per section of `include/pellucid.h`, which is generated from them.
//!
//! An entry point checks its arguments, converts them, calls one safe function of the core, converts back; it has no
//! algorithms. The law for all of it is `docs/CONVENTIONS.md`. Invariants: every entry point goes through
//! [`entry`](entry::entry); host pointers become shared references only; enums never cross the border, integers do.
//! This is one of the rooms where `unsafe` is allowed. Read next: [`entry`], then any section.
#![expect(unsafe_code, reason = "the pointers that C passes are used here, and nowhere else")]
#![expect(non_camel_case_types, reason = "the names are those of the C API")]
#![expect(
    clippy::missing_safety_doc,
    reason = "the docs are the header's, whose preamble and CONVENTIONS.md say it for all"
)]

mod callback;
mod entry;
mod owner;
mod pointer;

// The sections of the header; build.rs has their order.
pub mod anyref;
pub mod breakpoint;
pub mod bytes;
pub mod call;
pub mod config;
pub mod core_dump;
pub mod deftype;
pub mod edit;
pub mod engine;
pub mod error;
pub mod event;
pub mod exception;
pub mod externref;
pub mod frame;
pub mod fuel;
pub mod func;
pub mod global;
pub mod handle;
pub mod heap;
pub mod instance;
pub mod interrupt;
pub mod intervention;
pub mod library;
pub mod linker;
pub mod log;
pub mod memory;
pub mod module;
pub mod name;
pub mod object;
pub mod serialized;
pub mod shared_memory;
pub mod signal;
pub mod status;
pub mod store;
pub mod subject;
pub mod table;
pub mod tag;
pub mod types;
pub mod value;
pub mod waiting;
pub mod wasi;
pub mod wasi_threads;
pub mod watchpoint;
