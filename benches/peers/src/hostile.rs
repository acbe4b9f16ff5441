//! What modules that are hard to compile cost: each is compiled in a process of its own, which measures itself.

#[path = "../../../tests/hostile/modules.rs"]
mod modules;

use crate::{ours, peer};
use std::process::Command;
use std::time::Duration;

/// How large the modules are.
const SIZE: u32 = 4000;
/// Who compiles, and whether for debugging.
const WAYS: [(&str, bool); 4] = [("pellucid", false), ("pellucid", true), ("wasmtime", false), ("wasmtime", true)];
/// After so many seconds of processor time a process gives up.
const PATIENCE: u64 = 60;

/// Prints the table: seconds of processor time, and megabytes that the process grew by at most.
pub fn table() {
    println!("| module | bytes | Pellucid | with debugging | Wasmtime | with debugging |");
    println!("|---|---|---|---|---|---|");
    for (index, (name, wasm)) in modules::modules(SIZE).iter().enumerate() {
        let cells = WAYS.map(|(engine, debug)| measured(engine, debug, index));
        println!("| {name} | {} | {} |", wasm.len(), cells.join(" | "));
    }
}

fn measured(engine: &str, debug: bool, index: usize) -> String {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--compile-one", engine, &debug.to_string(), &index.to_string()].map(str::to_string);
    let output = Command::new(program).args(arguments).output().expect("this program runs");
    if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { "gives up".into() }
}

/// Compiles one module, and prints what it took.
pub fn compile_one(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("an argument");
    let (engine, debug, index) = (next(), next() == "true", next().parse::<usize>().expect("a number"));
    let (_, wasm) = modules::modules(SIZE).swap_remove(index);
    let limit = libc::rlimit { rlim_cur: PATIENCE, rlim_max: PATIENCE };
    // SAFETY: the limit is complete.
    unsafe { libc::setrlimit(libc::RLIMIT_CPU, &limit) };
    let (time_before, peak_before) = used();
    match engine.as_str() {
        "pellucid" => drop(ours::module(&ours::engine(debug), &wasm)),
        _ => drop(peer::module(&peer::engine(debug), &wasm)),
    }
    let (time, peak) = used();
    print!("{:.2} s, {} MB", (time - time_before).as_secs_f64(), (peak - peak_before) / 1024);
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
