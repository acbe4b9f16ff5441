//! From bytes to the guest's first instruction, and instantiating.

use crate::guest::{Guest, Value};
use crate::measure::{Table, Target, Turn, interleaved, timed};
use crate::{ours, peer, programs};

/// Group `start`: milliseconds on one thread from a module's bytes to the end of its smallest function.
pub fn first_instruction(table: &mut Table) {
    if !table.wants("start") {
        return;
    }
    let program = programs::named("sqlite");
    let bytes = &program.bytes;
    table.note(&format!(
        "start: milliseconds from bytes to a first result, {} kB module, one thread",
        bytes.len() / 1000
    ));
    for debug in [false, true] {
        let (ours, peer) = (ours::engine(debug), peer::engine(debug));
        let check = |mut guest: Box<dyn Guest>| assert_eq!(guest.call("ready", &[]), Some(Value::I32(42)));
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| timed(|| check(Box::new(ours::Instance::new(&ours, &ours::module(&ours, bytes))))).1),
            Box::new(|| timed(|| check(Box::new(peer::Instance::new(&peer, &peer::module(&peer, bytes))))).1),
        ];
        let least = interleaved(if table.is_quick() { 1 } else { 4 }, &mut turns);
        let name = if debug { "sqlite, debugging on" } else { "sqlite, debugging off" };
        table.row("start", name, least[0] * 1e3, least[1] * 1e3, Target::Ours(30.0));
    }
}

/// Group `instantiate`: microseconds for a store with an instance of a module that is compiled already.
pub fn instantiate(table: &mut Table) {
    if !table.wants("instantiate") {
        return;
    }
    table.note("instantiate: microseconds for a new store with an instance in it");
    for debug in [true, false] {
        let (ours, peer) = (ours::engine(debug), peer::engine(debug));
        for name in ["compute_vm", "script", "lua", "sqlite"] {
            let program = programs::named(name);
            let our_module = ours::module(&ours, &program.bytes);
            let peer_module = peer::module(&peer, &program.bytes);
            // What was made is dropped outside the measured time.
            let mut turns: [Turn<'_>; 2] = [
                Box::new(|| timed(|| ours::Instance::new(&ours, &our_module)).1),
                Box::new(|| timed(|| peer::Instance::new(&peer, &peer_module)).1),
            ];
            let least = interleaved(table.rounds() * 10, &mut turns);
            let target = if debug { Target::Ours(100.0) } else { Target::None };
            let name = format!("{name}, debugging {}", if debug { "on" } else { "off" });
            table.row("instantiate", &name, least[0] * 1e6, least[1] * 1e6, target);
        }
    }
}
