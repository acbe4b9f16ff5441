//! Pellucid: a WebAssembly engine made to be embedded and to be looked into.
//!
//! The product is the C library with its header `pellucid.h`; this crate is its core. Rooms, in the direction in
//! which they may use each other (`base ← abi ← wasm ← compile`, `wasm ← runtime ← debug ← ffi`, `runtime ← wasi ← ffi`):

pub mod base;

pub mod abi;
pub mod wasm;

pub mod compile;
pub mod runtime;

pub mod debug;

pub mod wasi;

pub mod ffi;
