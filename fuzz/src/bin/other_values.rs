//! Random modules with interventions that change something, beside an interpreter; see `docs/FUZZING.md`.

use pellucid_fuzz::{driver, other_values};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main("other_values", other_values::Engines::new, other_values::run)
}
