//! Random modules in all modes of Pellucid and in Wasmtime, or the module in the file that is named; see `docs/FUZZING.md`.

use pellucid_fuzz::{differential, driver};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(path) if path != driver::WORKER => match differential::run_file(&path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                println!("{message}");
                ExitCode::FAILURE
            }
        },
        _ => driver::main("differential", differential::Engines::new, differential::run),
    }
}
