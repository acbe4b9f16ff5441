//! The debugger's operations: edits of code, stops, reading frames. Wasmtime reports events to asynchronous handlers only;
//! theirs are ready at once.

use crate::measure::{Table, Target, Turn, interleaved, timed};
use crate::{large, ours, peer};
use pellucid::base::{Value, WasmPc};
use pellucid::debug::{Action, Debuggee, Edit, Event, EventKind, Frame};
use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Instant;
use wasmtime::{AsContextMut, DebugEvent, DebugHandler, ModulePC, StoreContextMut, Val};

/// Group `edit`: microseconds.
pub fn edits(table: &mut Table) {
    if !table.wants("edit") {
        return;
    }
    table.note("edit: microseconds; add and remove are two edits, at 32 places all over the module");
    for operators in [90_000, 360_000] {
        let mut both = Both::new(&large::module(operators));
        let pcs = large::spread(&both.bytes, 32);
        let (debuggee, module) = (&both.ours.debuggee, &both.our_module);
        let (store, peer_module) = (&mut both.peer.store, &both.peer_module);
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| {
                let all = || {
                    for pc in &pcs {
                        let mut edit = Edit::begin(debuggee).unwrap();
                        let (id, _) = edit.add(debuggee, module, WasmPc(*pc)).unwrap();
                        edit.commit(debuggee).unwrap();
                        let mut edit = Edit::begin(debuggee).unwrap();
                        edit.remove(id);
                        edit.commit(debuggee).unwrap();
                    }
                };
                timed(all).1 / pcs.len() as f64
            }),
            Box::new(|| {
                let all = || {
                    for pc in &pcs {
                        store.edit_breakpoints().unwrap().add_breakpoint(peer_module, ModulePC::new(*pc)).unwrap();
                        store.edit_breakpoints().unwrap().remove_breakpoint(peer_module, ModulePC::new(*pc)).unwrap();
                    }
                };
                timed(all).1 / pcs.len() as f64
            }),
        ];
        let least = interleaved(table.rounds(), &mut turns);
        drop(turns);
        let name = format!("add and remove a breakpoint, {} k operators", operators / 1000);
        table.row("edit", &name, least[0] * 1e6, least[1] * 1e6, Target::Ours(10.0));
        single_step_switch(table, &mut both, operators);
    }
}

fn single_step_switch(table: &mut Table, both: &mut Both, operators: usize) {
    const TIMES: usize = 4;
    // At a breakpoint in the eighth function, which the first one reaches through all between.
    let pc = large::operators(&both.bytes)[7][0].0;
    let seconds = Rc::new(Cell::new(0.0));
    let measured = seconds.clone();
    both.on_ours(pc, move |debuggee, _| {
        let ((), time) = timed(|| {
            for on in [true, false].repeat(TIMES) {
                let mut edit = Edit::begin(debuggee).unwrap();
                edit.single_step(on);
                edit.commit(debuggee).unwrap();
            }
        });
        measured.set(time / TIMES as f64);
    });
    let peer_seconds = both.on_peer(pc, move |mut store, seconds| {
        let ((), time) = timed(|| {
            for on in [true, false].repeat(TIMES) {
                store.as_context_mut().edit_breakpoints().unwrap().single_step(on).unwrap();
            }
        });
        seconds.store((time / TIMES as f64).to_bits(), Ordering::Relaxed);
    });
    let Both { ours, peer, .. } = &mut *both;
    let run = ours.func("run");
    let mut turns: [Turn<'_>; 2] = [
        Box::new(|| {
            ours.debuggee.call(run, &[Value::I32(5)]).unwrap();
            seconds.get()
        }),
        Box::new(|| {
            call_peer(peer, "run", &[Val::I32(5)]);
            f64::from_bits(peer_seconds.load(Ordering::Relaxed))
        }),
    ];
    let least = interleaved(table.rounds(), &mut turns);
    let name = format!("single-step on and off, eight frames deep, {} k operators", operators / 1000);
    table.row("edit", &name, least[0] * 1e6, least[1] * 1e6, Target::Ours(20.0));
}

/// How many times as often what takes milliseconds is measured: a machine's slow spells last longer than that.
pub const MANY: usize = 20;

/// Group `stop`: nanoseconds.
pub fn stops(table: &mut Table) {
    if !table.wants("stop") {
        return;
    }
    table.note("stop: nanoseconds from one stop, by a handler that counts it, to the next");
    const TURNS: i32 = 50_000;
    let bytes = large::scenes();
    let pcs: Vec<u32> = large::operators(&bytes)[0].iter().map(|(pc, _)| *pc).collect();
    for (name, place) in [("first operator of a run", 1), ("fifth operator of a run", 5)] {
        let mut both = Both::new(&bytes);
        let hits = Rc::new(Cell::new(0));
        let count = hits.clone();
        both.on_ours(pcs[place], move |_, _| count.set(count.get() + 1));
        let peer_hits = both.on_peer(pcs[place], |_, count| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let Both { ours, peer, .. } = &mut both;
        let func = ours.func("count");
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| {
                hits.set(0);
                let (results, time) = timed(|| ours.debuggee.call(func, &[Value::I32(TURNS)]).unwrap());
                assert_eq!((results.as_slice(), hits.get()), (&[Value::I32(TURNS * 3)][..], TURNS));
                time / f64::from(TURNS)
            }),
            Box::new(|| {
                peer_hits.store(0, Ordering::Relaxed);
                let (result, time) = timed(|| call_peer(peer, "count", &[Val::I32(TURNS)]));
                assert_eq!((result, peer_hits.load(Ordering::Relaxed)), (TURNS * 3, TURNS as u64));
                time / f64::from(TURNS)
            }),
        ];
        let least = interleaved(table.rounds() * MANY, &mut turns);
        let name = format!("breakpoint hit, handler, resume: {name}");
        table.row("stop", &name, least[0] * 1e9, least[1] * 1e9, Target::Ours(50.0));
    }

    let mut both = Both::new(&bytes);
    let steps = Rc::new(Cell::new(0u64));
    let count = steps.clone();
    let debuggee = &both.ours.debuggee;
    let handler = Box::new(move |_: &Debuggee, _: &Event| {
        count.set(count.get() + 1);
        Action::Continue
    });
    debuggee.set_event_handler(EventKind::Step.bit(), handler).unwrap();
    let mut edit = Edit::begin(debuggee).unwrap();
    edit.single_step(true);
    edit.commit(debuggee).unwrap();
    let peer_steps = Handler::install(&mut both.peer, |_, count| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    both.peer.store.edit_breakpoints().unwrap().single_step(true).unwrap();
    let Both { ours, peer, .. } = &mut both;
    let func = ours.func("count");
    let mut turns: [Turn<'_>; 2] = [
        Box::new(|| {
            steps.set(0);
            let (_, time) = timed(|| ours.debuggee.call(func, &[Value::I32(TURNS)]).unwrap());
            time / steps.get() as f64
        }),
        Box::new(|| {
            peer_steps.store(0, Ordering::Relaxed);
            let (_, time) = timed(|| call_peer(peer, "count", &[Val::I32(TURNS)]));
            time / peer_steps.load(Ordering::Relaxed) as f64
        }),
    ];
    let least = interleaved(table.rounds() * MANY, &mut turns);
    drop(turns);
    // Wasmtime doesn't stop at some `end`s.
    let (ours, theirs) = (steps.get() as f64, peer_steps.load(Ordering::Relaxed) as f64);
    assert!((0.9..1.2).contains(&(ours / theirs)), "{ours} steps against {theirs}");
    table.row("stop", "single step, per operator", least[0] * 1e9, least[1] * 1e9, Target::Ours(40.0));
}

/// Group `frame`: nanoseconds for each frame, of a walk in which function, pc and all five locals of each are read. What
/// reading the clock takes is measured alike, and taken off from both.
pub fn frames(table: &mut Table) {
    if !table.wants("frame") {
        return;
    }
    table.note("frame: nanoseconds for each frame whose function, pc and five locals are read, at a breakpoint");
    const HITS: i32 = 1000;
    let clock = reading_the_clock();
    table.note(&format!("frame: reading the clock takes {:.1} ns, which isn't counted", clock * 1e9));
    let bytes = large::scenes();
    let descend = &large::operators(&bytes)[1];
    let at_loop = descend.iter().position(|(_, operator)| matches!(operator, wasmparser::Operator::Loop { .. }));
    let pc = descend[at_loop.expect("there is a loop") + 1].0;
    for (name, depth) in [("the innermost", 1), ("each of 4", 4), ("each of 64", 64)] {
        let mut both = Both::new(&bytes);
        let found = Rc::new(Cell::new((0.0, 0u64)));
        let add = found.clone();
        both.on_ours(pc, move |debuggee, event| {
            let start = Instant::now();
            let sum = walk_ours(debuggee, event.frame.expect("a breakpoint's frame"));
            let (seconds, sums) = add.get();
            add.set((seconds + start.elapsed().as_secs_f64(), sums.wrapping_add(sum)));
        });
        static PEER: Mutex<(f64, u64)> = Mutex::new((0.0, 0));
        both.on_peer(pc, |mut store, _| {
            let start = Instant::now();
            let sum = walk_peer(&mut store);
            let mut peer = PEER.lock().unwrap();
            *peer = (peer.0 + start.elapsed().as_secs_f64(), peer.1.wrapping_add(sum));
        });
        let Both { ours, peer, .. } = &mut both;
        let func = ours.func("descend");
        let reads = f64::from(HITS * depth);
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| {
                found.set((0.0, 0));
                ours.debuggee.call(func, &[Value::I32(depth), Value::I32(HITS)]).unwrap();
                (found.get().0 - clock * f64::from(HITS)) / reads
            }),
            Box::new(|| {
                *PEER.lock().unwrap() = (0.0, 0);
                call_peer(peer, "descend", &[Val::I32(depth), Val::I32(HITS)]);
                (PEER.lock().unwrap().0 - clock * f64::from(HITS)) / reads
            }),
        ];
        let least = interleaved(table.rounds() * MANY, &mut turns);
        drop(turns);
        assert_eq!(found.get().1, PEER.lock().unwrap().1, "both read the same");
        let name = format!("walk and read 5 locals: {name}");
        table.row("frame", &name, least[0] * 1e9, least[1] * 1e9, Target::Ours(60.0));
    }
}

/// The seconds that seem to pass between two readings of the clock, one right after the other.
fn reading_the_clock() -> f64 {
    const READINGS: usize = 1000;
    let passed = || (0..READINGS).map(|_| Instant::now().elapsed().as_secs_f64()).sum::<f64>() / READINGS as f64;
    (0..100).map(|_| passed()).fold(f64::INFINITY, f64::min)
}

fn walk_ours(debuggee: &Debuggee, innermost: Frame) -> u64 {
    let (mut sum, mut next) = (0u64, Some(innermost));
    while let Some(frame) = next {
        let info = debuggee.frame_info(&frame).unwrap();
        // Of a frame that calls, Wasmtime gives the pc after the call.
        black_box(info.pc);
        sum = sum.wrapping_add(u64::from(info.func_index.as_u32()));
        let mut locals = [Value::Unavailable; 5];
        assert_eq!(debuggee.frame_read_locals(&frame, 0, &mut locals).unwrap(), 5);
        for local in &locals {
            sum = sum.wrapping_mul(31).wrapping_add(match *local {
                Value::I32(value) => value as u64,
                Value::I64(value) => value as u64,
                Value::F64(bits) => bits,
                other => panic!("{other:?}"),
            });
        }
        next = debuggee.frame_caller(&frame).unwrap();
    }
    sum
}

fn walk_peer(store: &mut StoreContextMut<'_, ()>) -> u64 {
    let (mut sum, mut next) = (0u64, store.debug_exit_frames().next());
    while let Some(frame) = next {
        let (function, pc) = frame.wasm_function_index_and_pc(&mut *store).unwrap().unwrap();
        black_box(pc);
        sum = sum.wrapping_add(u64::from(function.as_u32()));
        for local in 0..5 {
            sum = sum.wrapping_mul(31).wrapping_add(match frame.local(&mut *store, local).unwrap() {
                Val::I32(value) => value as u64,
                Val::I64(value) => value as u64,
                Val::F64(bits) => bits,
                other => panic!("{other:?}"),
            });
        }
        next = frame.parent(&mut *store).unwrap();
    }
    sum
}

/// One module in both engines, with debugging on.
pub struct Both {
    bytes: Vec<u8>,
    our_module: pellucid::runtime::Module,
    pub ours: ours::Instance,
    pub peer_module: wasmtime::Module,
    pub peer: peer::Instance,
}

impl Both {
    pub fn new(bytes: &[u8]) -> Both {
        let (our_engine, peer_engine) = (ours::engine(true), peer::engine(true));
        let our_module = ours::module(&our_engine, bytes);
        let peer_module = peer::module(&peer_engine, bytes);
        let ours = ours::Instance::new(&our_engine, &our_module);
        let peer = peer::Instance::new(&peer_engine, &peer_module);
        Both { bytes: bytes.to_vec(), our_module, ours, peer_module, peer }
    }

    /// Sets a breakpoint, and what is done there; answers its id.
    pub fn on_ours(&self, pc: u32, handle: impl Fn(&Debuggee, &Event) + 'static) -> u64 {
        let debuggee = &self.ours.debuggee;
        let handler = move |debuggee: &Debuggee, event: &Event| {
            handle(debuggee, event);
            Action::Continue
        };
        debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
        let mut edit = Edit::begin(debuggee).unwrap();
        let (id, _) = edit.add(debuggee, &self.our_module, WasmPc(pc)).unwrap();
        edit.commit(debuggee).unwrap();
        id
    }

    /// The same for Wasmtime. The number is for what is done there to leave its result in.
    pub fn on_peer(&mut self, pc: u32, handle: fn(StoreContextMut<'_, ()>, &AtomicU64)) -> &'static AtomicU64 {
        let result = Handler::install(&mut self.peer, handle);
        let mut edit = self.peer.store.edit_breakpoints().unwrap();
        edit.add_breakpoint(&self.peer_module, ModulePC::new(pc)).unwrap();
        result
    }
}

/// Wasmtime's handler of events.
#[derive(Clone)]
struct Handler {
    handle: fn(StoreContextMut<'_, ()>, &AtomicU64),
    result: &'static AtomicU64,
}

impl Handler {
    fn install(peer: &mut peer::Instance, handle: fn(StoreContextMut<'_, ()>, &AtomicU64)) -> &'static AtomicU64 {
        let result: &'static AtomicU64 = Box::leak(Box::default());
        peer.store.set_debug_handler(Handler { handle, result });
        result
    }
}

impl DebugHandler for Handler {
    type Data = ();

    fn handle(&self, store: StoreContextMut<'_, ()>, event: DebugEvent<'_>) -> impl Future<Output = ()> + Send {
        assert!(matches!(event, DebugEvent::Breakpoint), "{event:?}");
        (self.handle)(store, self.result);
        std::future::ready(())
    }
}

/// Calls a function that gives an integer, or nothing.
pub fn call_peer(peer: &mut peer::Instance, export: &str, args: &[Val]) -> i32 {
    let func = peer.instance.get_func(&mut peer.store, export).unwrap();
    let mut results = [Val::I32(0)];
    {
        let mut call = pin!(func.call_async(&mut peer.store, args, &mut results));
        let mut context = Context::from_waker(Waker::noop());
        while call.as_mut().poll(&mut context).map(Result::unwrap).is_pending() {}
    }
    results[0].unwrap_i32()
}
