//! What compiler and runtime both know, each declared once.
//!
//! Knows nothing of Cranelift and runs nothing: layouts, numbers and inert tables. A change here changes both
//! sides together. Read next: [`vmctx`] for memory layout, [`artifact`] for what a compiled module is,
//! [`frame_table`] for how a paused frame is read.

pub mod artifact;
pub mod atomics;
pub mod builtins;
pub mod convention;
pub mod frame_table;
pub mod fuel;
pub mod heap;
pub mod homes;
pub mod object_layout;
pub mod operators;
mod records;
pub mod references;
pub mod stack;
pub mod thunk;
pub mod type_paths;
pub mod vmctx;
