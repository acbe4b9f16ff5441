//! The debugger's promises, row by row: scenarios, replay against the machine, and random programs against a plain
//! interpreter. `debug_oracle.rs` beside this folder does the latter on programs compiled from C.

mod blobs;
mod break_targets;
mod breakpoints;
mod core_dumps;
mod disabled;
mod events;
mod exceptions;
mod frames;
mod glances;
mod goals;
mod inlining;
mod legacy_exceptions;
#[cfg(target_os = "linux")]
mod mappings;
mod news;
mod numeric;
#[cfg(target_os = "linux")]
mod patch;
mod random;
#[path = "../reference/mod.rs"]
mod reference;
mod runs;
mod scene;
#[path = "../skip/mod.rs"]
mod skip;
mod stepping;
mod throwing;
mod tracing;
mod traps;
mod vectors;
mod watched_locals;
mod watched_objects;
mod watchpoints;
