//! What is in a store, as data: functions, globals, instances, memories, tables, tags.
//!
//! Knows nothing of stores: what a store does with its entities is in the files of the same names one floor up.

pub mod externs;
pub mod func;
pub mod global;
pub mod growths;
pub mod holds;
pub mod host_roots;
pub mod instance;
pub mod memory;
pub mod parking;
pub mod table;
pub mod tag;
