//! Programs that make objects: beside Wasmtime's copying collector, beside Wasmtime without any collection, beside V8.

use crate::measure::{Table, Target, Turn, interleaved, timed};
use crate::programs::{self, Program};
use crate::v8::V8;
use crate::{ours, peer};
use wasmtime::Collector;

/// Groups `gc`, `gc-debug`, `gc-new` and `gc-v8`.
pub fn run(table: &mut Table) {
    if !["gc", "gc-debug", "gc-new", "gc-v8"].iter().any(|group| table.wants(group)) {
        return;
    }
    let all = programs::with_objects();
    table.note("gc: milliseconds, beside a copying collector. gc-debug: debugging on by debugging off.");
    table.note("gc-v8: milliseconds, beside V8.");
    let mut debug = Vec::new();
    let mut beside_v8 = Vec::new();
    for program in &all {
        let times = Times::of(program, table.rounds());
        if table.wants("gc") {
            table.program("gc", &program.name, true, times.ours * 1e3, times.peer * 1e3, Target::Ratio(1.0));
        }
        debug.push(times.debug / times.ours);
        beside_v8.push((times.ours, times.v8));
    }
    if table.wants("gc") {
        table.mean("gc", Target::Ratio(1.0));
    }
    if table.wants("gc-debug") {
        for (program, ratio) in all.iter().zip(debug) {
            table.program("gc-debug", &program.name, true, ratio, f64::NAN, Target::None);
        }
    }
    if table.wants("gc-v8") {
        for (program, (ours, v8)) in all.iter().zip(beside_v8) {
            table.program("gc-v8", &program.name, true, ours * 1e3, v8 * 1e3, Target::None);
        }
    }
    if table.wants("gc-new") {
        table.note("gc-new: milliseconds in a new store, beside one that never collects.");
        for program in &all {
            let (ours, peer) = in_new_stores(program, table.rounds());
            // The others do more than to allocate.
            let target = if program.name == "allocation" { Target::Ratio(1.3) } else { Target::None };
            table.program("gc-new", &program.name, true, ours * 1e3, peer * 1e3, target);
        }
    }
}

/// Seconds of one run, in stores that have run it before.
struct Times {
    ours: f64,
    debug: f64,
    peer: f64,
    v8: f64,
}

impl Times {
    fn of(program: &Program, rounds: usize) -> Times {
        let ours = [false, true].map(|debug| {
            let engine = ours::engine(debug);
            ours::Instance::new(&engine, &ours::module(&engine, &program.bytes))
        });
        let engine = peer::collecting_engine(Collector::Copying);
        let peer = peer::Instance::new(&engine, &peer::module(&engine, &program.bytes));
        let [plain, debug] = ours.map(|instance| program.prepare(Box::new(instance)));
        let mut turns: Vec<Turn<'_>> = vec![plain, debug, program.prepare(Box::new(peer))]
            .into_iter()
            .map(|mut run| {
                run();
                Box::new(move || timed(&mut run).1) as Turn<'_>
            })
            .collect();
        let v8 = V8::start(program);
        if let Some(mut v8) = v8 {
            turns.push(Box::new(move || v8.run()));
        }
        let mut least = interleaved(rounds, &mut turns);
        least.resize(4, f64::NAN);
        Times { ours: least[0], debug: least[1], peer: least[2], v8: least[3] }
    }
}

/// Seconds of ours and of the peer's, each in a store that nothing ran in. Without a collection the peer's heap only grows.
fn in_new_stores(program: &Program, rounds: usize) -> (f64, f64) {
    let ours = ours::engine(false);
    let ours_module = ours::module(&ours, &program.bytes);
    let peer = peer::collecting_engine(Collector::Null);
    let peer_module = peer::module(&peer, &program.bytes);
    let mut turns: [Turn<'_>; 2] = [
        Box::new(|| {
            let mut run = program.prepare(Box::new(ours::Instance::new(&ours, &ours_module)));
            timed(&mut run).1
        }),
        Box::new(|| {
            let mut run = program.prepare(Box::new(peer::Instance::new(&peer, &peer_module)));
            timed(&mut run).1
        }),
    ];
    let least = interleaved(rounds, &mut turns);
    (least[0], least[1])
}
