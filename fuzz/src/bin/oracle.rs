//! The specification's modules and programs from C, stepped beside Wasmtime; see `docs/FUZZING.md`.

use pellucid_fuzz::{driver, oracle};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main_for("oracle", oracle::count, oracle::Oracle::new, oracle::run)
}
