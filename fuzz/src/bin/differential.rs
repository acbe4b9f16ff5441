//! Random modules in all modes of Pellucid and in Wasmtime; see `docs/FUZZING.md`.

use pellucid_fuzz::{differential, driver};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main("differential", differential::Engines::new, differential::run)
}
