//! Random modules with interventions that change nothing; see `docs/FUZZING.md`.

use pellucid_fuzz::{driver, same_values};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main("same_values", same_values::Engines::new, same_values::run)
}
