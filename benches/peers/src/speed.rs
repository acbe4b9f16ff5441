//! Run time of programs, compiling them, and the code that comes out.

use crate::measure::{Table, Target, Turn, interleaved, timed};
use crate::programs::{self, Program};
use crate::{ours, peer};
use std::hint::black_box;

/// Groups `run` and `run-debug`.
pub fn run(table: &mut Table) {
    if !table.wants("run") && !table.wants("run-debug") {
        return;
    }
    table.note("run: milliseconds, debugging off. run-debug: debugging on by debugging off.");
    let engines = Engines::new();
    let mut all = Vec::new();
    for program in programs::all() {
        let wanted = |debug: bool| table.wants(if debug { "run-debug" } else { "run" });
        let times = Times::of(&program, &engines, table.rounds(), wanted(true));
        if wanted(false) {
            let (ours, peer) = (times.ours * 1e3, times.peer * 1e3);
            table.program("run", &program.name, program.tuned, ours, peer, Target::Ratio(1.0));
        }
        all.push((program, times));
    }
    if table.wants("run") {
        table.mean("run", Target::Ratio(1.0));
    }
    if table.wants("run-debug") {
        for (program, times) in &all {
            let (ours, peer) = (times.ours_debug / times.ours, times.peer_debug / times.peer);
            table.program("run-debug", &program.name, program.tuned, ours, peer, Target::Ours(1.5));
        }
        table.mean("run-debug", Target::Ours(1.15));
    }
}

/// Groups `checks`, `looks` and `fuel`, and their `-debug`.
pub fn options(table: &mut Table) {
    let groups = ["checks", "checks-debug", "looks", "looks-debug", "fuel", "fuel-debug"];
    if !groups.iter().any(|group| table.wants(group)) {
        return;
    }
    table.note("checks: run time without signal handlers by that with, debugging off. checks-debug: debugging on.");
    table.note("looks: with looks for interrupts by without. fuel: with fuel that is counted by without.");
    compare(table, ["checks", "checks-debug"], ours::checking_engine, peer::checking_engine);
    compare(table, ["looks", "looks-debug"], ours::looking_engine, peer::looking_engine);
    compare(table, ["fuel", "fuel-debug"], ours::counting_engine, peer::counting_engine);
}

/// What an option costs, debugging off and on. Of the peer's only the former.
fn compare(
    table: &mut Table,
    groups: [&'static str; 2],
    ours_with: fn(bool) -> pellucid::runtime::Engine,
    peer_with: fn() -> wasmtime::Engine,
) {
    for (group, debug) in groups.into_iter().zip([false, true]) {
        if !table.wants(group) {
            continue;
        }
        let ours = [ours::engine(debug), ours_with(debug)];
        // The peer's debugging checks anyway, and costs several times as much.
        let peers = if debug { Vec::new() } else { vec![peer::engine(false), peer_with()] };
        for program in programs::all() {
            let mut turns: Vec<Turn<'_>> = Vec::new();
            for engine in &ours {
                let module = ours::module(engine, &program.bytes);
                turns.push(turn(program.prepare(Box::new(ours::Instance::new(engine, &module)))));
            }
            for engine in &peers {
                let module = peer::module(engine, &program.bytes);
                turns.push(turn(program.prepare(Box::new(peer::Instance::new(engine, &module)))));
            }
            let mut least = interleaved(table.rounds(), &mut turns);
            drop(turns);
            least.resize(4, f64::NAN);
            let (ours, peer) = (least[1] / least[0], least[3] / least[2]);
            table.program(group, &program.name, program.tuned, ours, peer, Target::None);
        }
        table.mean(group, Target::None);
    }
}

struct Engines {
    ours: [pellucid::runtime::Engine; 2],
    peer: [wasmtime::Engine; 2],
}

impl Engines {
    fn new() -> Engines {
        Engines { ours: [false, true].map(ours::engine), peer: [false, true].map(peer::engine) }
    }
}

/// Seconds of one run.
struct Times {
    ours: f64,
    peer: f64,
    ours_debug: f64,
    peer_debug: f64,
}

impl Times {
    fn of(program: &Program, engines: &Engines, rounds: usize, with_debug: bool) -> Times {
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for debug in [false, true].into_iter().take(if with_debug { 2 } else { 1 }) {
            let (ours, peer) = (&engines.ours[debug as usize], &engines.peer[debug as usize]);
            let module = ours::module(ours, &program.bytes);
            turns.push(turn(program.prepare(Box::new(ours::Instance::new(ours, &module)))));
            let module = peer::module(peer, &program.bytes);
            turns.push(turn(program.prepare(Box::new(peer::Instance::new(peer, &module)))));
        }
        let mut least = interleaved(rounds, &mut turns);
        least.resize(4, f64::NAN);
        Times { ours: least[0], peer: least[1], ours_debug: least[2], peer_debug: least[3] }
    }
}

fn turn<'a>(mut run: Box<dyn FnMut() + 'a>) -> Turn<'a> {
    // Memory is touched, and grown, for the first time.
    run();
    Box::new(move || timed(&mut run).1)
}

/// Groups `compile` and `compile-debug`, on one thread.
pub fn compile(table: &mut Table) {
    if !table.wants("compile") && !table.wants("compile-debug") {
        return;
    }
    table.note("compile: milliseconds on one thread, debugging off. compile-debug: debugging on by debugging off.");
    let engines = Engines::new();
    let mut all = Vec::new();
    for program in programs::all() {
        let bytes = &program.bytes;
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for debug in [0, 1] {
            let (ours, peer) = (&engines.ours[debug], &engines.peer[debug]);
            turns.push(Box::new(move || timed(|| black_box(ours::module(ours, bytes))).1));
            turns.push(Box::new(move || timed(|| black_box(peer::module(peer, bytes))).1));
        }
        let rounds = if bytes.len() > 500_000 && table.is_quick() { 1 } else { table.rounds() };
        let least = interleaved(rounds, &mut turns);
        if table.wants("compile") {
            table.program("compile", &program.name, program.tuned, least[0] * 1e3, least[1] * 1e3, Target::None);
        }
        drop(turns);
        all.push((program, least));
    }
    if table.wants("compile") {
        table.mean("compile", Target::None);
    }
    if table.wants("compile-debug") {
        for (program, least) in &all {
            let (ours, peer) = (least[2] / least[0], least[3] / least[1]);
            table.program("compile-debug", &program.name, program.tuned, ours, peer, Target::None);
        }
        table.mean("compile-debug", Target::Ours(1.25));
    }
}

/// Groups `code` and `image`, and their `-debug`.
pub fn sizes(table: &mut Table) {
    let groups = ["code", "code-debug", "image", "image-debug"];
    if !groups.iter().any(|group| table.wants(group)) {
        return;
    }
    table.note("code: kilobytes of machine code, debugging off. image: with its tables. -debug: debugging on by off.");
    let all = programs::all();
    let sizes: Vec<_> = all
        .iter()
        .map(|program| {
            let bytes = &program.bytes;
            ([false, true].map(|debug| ours::sizes(debug, bytes)), [false, true].map(|debug| peer::sizes(debug, bytes)))
        })
        .collect();
    let parts: [fn((f64, f64)) -> f64; 2] = [|(code, _)| code, |(_, image)| image];
    for (part, [off, on], bound) in [(parts[0], ["code", "code-debug"], 1.4), (parts[1], ["image", "image-debug"], 2.5)]
    {
        if table.wants(off) {
            for (program, (ours, peer)) in all.iter().zip(&sizes) {
                let (ours, peer) = (part(ours[0]) / 1e3, part(peer[0]) / 1e3);
                table.program(off, &program.name, program.tuned, ours, peer, Target::None);
            }
            table.mean(off, Target::None);
        }
        if table.wants(on) {
            for (program, (ours, peer)) in all.iter().zip(&sizes) {
                let (ours, peer) = (part(ours[1]) / part(ours[0]), part(peer[1]) / part(peer[0]));
                table.program(on, &program.name, program.tuned, ours, peer, Target::None);
            }
            table.mean(on, Target::Ours(bound));
        }
    }
}
