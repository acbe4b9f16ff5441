//! What modules that are hard to compile cost: each is compiled in a process of its own, which measures itself.

#[path = "../../../tests/hostile/modules.rs"]
mod modules;

use crate::{ours, peer};
use std::process::Command;
use std::time::Duration;

/// How large the modules are, if the arguments don't say.
const SIZE: u32 = 1000;
/// Who compiles, and whether for debugging.
const WAYS: [(&str, bool); 4] = [("pellucid", false), ("pellucid", true), ("wasmtime", false), ("wasmtime", true)];
/// After so many seconds of processor time a process gives up.
const PATIENCE: u64 = 20;

/// Prints the table for modules of this size: seconds of processor time, and megabytes that the process grew by at most.
pub fn table(size: Option<String>) {
    let size = size.map_or(SIZE, |size| size.parse().expect("a size"));
    println!("| module | KB | Pellucid | with debugging | Wasmtime | with debugging |");
    println!("|---|---|---|---|---|---|");
    for (index, (name, wasm)) in modules::modules(size).iter().enumerate() {
        let cells = WAYS.map(|(engine, debug)| measured(engine, debug, size, index));
        println!("| {name} | {} | {} |", wasm.len().div_ceil(1024), cells.join(" | "));
    }
}

fn measured(engine: &str, debug: bool, size: u32, index: usize) -> String {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--compile-one", engine, &debug.to_string(), &size.to_string(), &index.to_string()];
    let output = Command::new(program).args(arguments).output().expect("this program runs");
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        format!("not in {PATIENCE} s")
    }
}

/// Compiles one module, and prints what it took, or that it was refused.
pub fn compile_one(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("an argument");
    let (engine, debug) = (next(), next() == "true");
    let mut number = || next().parse::<u32>().expect("a number");
    let (size, index) = (number(), number());
    let (_, wasm) = modules::modules(size).swap_remove(index as usize);
    let limit = libc::rlimit { rlim_cur: PATIENCE, rlim_max: PATIENCE };
    // SAFETY: the limit is complete.
    unsafe { libc::setrlimit(libc::RLIMIT_CPU, &limit) };
    let (time_before, peak_before) = used();
    let compiled = match engine.as_str() {
        "pellucid" => pellucid::runtime::Module::new(&ours::engine(debug), &wasm).map(drop).map_err(|_| ()),
        _ => wasmtime::Module::new(&peer::engine(debug), &wasm).map(drop).map_err(|_| ()),
    };
    let (time, peak) = used();
    let refused = if compiled.is_err() { "refused, " } else { "" };
    print!("{refused}{:.2} s, {} MB", (time - time_before).as_secs_f64(), (peak - peak_before) / 1024);
}

/// Processor time that the process has used, and the most kilobytes that it had.
fn used() -> (Duration, i64) {
    // SAFETY: zeros are a valid value, and the system fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    (time(usage.ru_utime) + time(usage.ru_stime), usage.ru_maxrss)
}
