//! Pellucid on random modules, bytes and calls, compared with itself and with Wasmtime. `docs/FUZZING.md` says how to use it.
//!
//! The bodies of the fuzzers are here, each with a test that takes a second; `src/bin` has what runs them for longer.

pub mod driver;
pub mod random;

pub mod accesses;
pub mod case;
pub mod contents;
pub mod expression;
pub mod smith;
pub mod value;
pub mod writer;

pub mod known;
pub mod minimise;
pub mod ours;
pub mod peer;
pub mod points;
pub mod wander;

pub mod bytes;
pub mod calls;
pub mod core_dump;
pub mod differential;
pub mod interpreter;
pub mod interrupted;
pub mod oracle;
pub mod other_values;
pub mod same_values;
pub mod second_thread;
pub mod told;
