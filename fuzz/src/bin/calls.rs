//! Random sequences of calls of the C API; see `docs/FUZZING.md`.

use pellucid_fuzz::{calls, driver};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main("calls", calls::prepare, calls::run)
}
