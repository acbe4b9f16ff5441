//! Modules whose bytes were changed at random; see `docs/FUZZING.md`.

use pellucid_fuzz::{bytes, driver};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::main("bytes", bytes::State::new, bytes::run)
}
