//! What users of a debugger do: conditions, watchpoints, steps over calls, writes into frames; with each engine as its users have to do it.

use crate::measure::{Table, Target, Turn, interleaved, timed};
use crate::operations::{Both, MANY, call_peer};
use crate::{large, ours};
use pellucid::base::{FuncIndex, Memory, Value, WasmPc};
use pellucid::debug::{Action, Debuggee, Edit, Event, EventKind, Frame, Reach, WatchTarget};
use pellucid::runtime::Extern;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use wasmparser::Operator;
use wasmtime::{AsContextMut, ModulePC, StoreContextMut, Val};

/// The functions of `scenes.wat`.
const COUNT: usize = 0;
const OVER: usize = 3;
const STORE: usize = 4;

/// Group `condition`: nanoseconds. Wasmtime has no conditions: its handler looks, and returns.
pub fn conditions(table: &mut Table) {
    if !table.wants("condition") {
        return;
    }
    table.note("condition: nanoseconds from a breakpoint whose condition says no to the next; the peer's handler reads the local");
    const TURNS: i32 = 50_000;
    let bytes = large::scenes();
    let pc = large::operators(&bytes)[COUNT][1].0;
    for is_expression in [false, true] {
        let mut both = Both::new(&bytes);
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let told = Rc::new(Cell::new(0));
        let note = told.clone();
        let debuggee = &both.ours.debuggee;
        let id = both.on_ours(pc, move |_, _| note.set(note.get() + 1));
        let mut edit = Edit::begin(debuggee).unwrap();
        if is_expression {
            edit.set_expression(debuggee, id, Some("local[0] < 0")).unwrap();
        } else {
            let condition = move |debuggee: &Debuggee, frame: &Frame, _| {
                count.set(count.get() + 1);
                let mut local = [Value::Unavailable];
                debuggee.frame_read_locals(frame, 0, &mut local).unwrap();
                matches!(local, [Value::I32(n)] if n < 0)
            };
            edit.set_condition(id, Some(Box::new(condition)));
        }
        edit.commit(debuggee).unwrap();
        let peer_asked = both.on_peer(pc, |mut store, count| {
            let frame = store.debug_exit_frames().next().unwrap();
            let n = frame.local(&mut store, 0).unwrap().unwrap_i32();
            count.fetch_add(if n < 0 { 1 << 32 } else { 1 }, Ordering::Relaxed);
        });
        let Both { ours, peer, .. } = &mut both;
        let func = ours.func("count");
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| {
                asked.set(0);
                let (_, time) = timed(|| ours.debuggee.call(func, &[Value::I32(TURNS)]).unwrap());
                assert_eq!((asked.get(), told.get()), (if is_expression { 0 } else { TURNS }, 0));
                time / f64::from(TURNS)
            }),
            Box::new(|| {
                peer_asked.store(0, Ordering::Relaxed);
                let (_, time) = timed(|| call_peer(peer, "count", &[Val::I32(TURNS)]));
                assert_eq!(peer_asked.load(Ordering::Relaxed), TURNS as u64);
                time / f64::from(TURNS)
            }),
        ];
        let least = interleaved(table.rounds() * MANY, &mut turns);
        drop(turns);
        assert_eq!(ours.debuggee.breakpoint(id).unwrap().declined % TURNS as u64, 0);
        let name = if is_expression { "an expression" } else { "a callback that reads a local" };
        table.row("condition", &format!("not taken, {name}"), least[0] * 1e9, least[1] * 1e9, Target::None);
    }
}

/// Group `watch`: nanoseconds for each turn of a loop with one store. Wasmtime has no watchpoints.
pub fn watchpoints(table: &mut Table) {
    if !table.wants("watch") {
        return;
    }
    table.note(
        "watch: nanoseconds of a loop's turn with one store, while writes to four bytes are watched; the peer has none",
    );
    const TURNS: i32 = 50_000;
    let (watched, near, far) = (100, 104, 70_000);
    let rows = [("nothing is watched", false, watched), ("a store there, told", true, watched)];
    let more = [("a store elsewhere on its page", true, near), ("a store on another page", true, far)];
    for (name, is_watching, address) in rows.into_iter().chain(more) {
        let engine = ours::engine(true);
        let ours = ours::Instance::new(&engine, &ours::module(&engine, &large::scenes()));
        let (debuggee, told) = (&ours.debuggee, Rc::new(Cell::new(0)));
        let note = told.clone();
        let handler = move |_: &Debuggee, _: &Event| {
            note.set(note.get() + 1);
            Action::Continue
        };
        debuggee.set_event_handler(EventKind::Watchpoint.bit(), Box::new(handler)).unwrap();
        if is_watching {
            let mut edit = Edit::begin(debuggee).unwrap();
            let target = WatchTarget::Memory { memory: memory(&ours), address: watched as u64, size: 4 };
            edit.watch(debuggee, target, 2).unwrap();
            edit.commit(debuggee).unwrap();
        }
        let func = ours.func("store");
        let mut turns: [Turn<'_>; 1] = [Box::new(|| {
            told.set(0);
            let args = [Value::I32(TURNS), Value::I32(address)];
            let (_, time) = timed(|| debuggee.call(func, &args).unwrap());
            assert_eq!(told.get(), if is_watching && address == watched { TURNS } else { 0 });
            time / f64::from(TURNS)
        })];
        let least = interleaved(table.rounds() * MANY / 4, &mut turns);
        table.row("watch", name, least[0] * 1e9, f64::NAN, Target::None);
    }
    // The function is the one that is meant.
    let bytes = large::scenes();
    assert!(large::operators(&bytes)[STORE].iter().any(|(_, operator)| matches!(operator, Operator::I32Store { .. })));
}

fn memory(ours: &ours::Instance) -> Memory {
    let instance = ours.debuggee.store().func_location(ours.func("store")).unwrap().expect("a guest's").1;
    match ours.debuggee.store().instance_export(instance, "memory").unwrap() {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    }
}

/// Where Wasmtime's handler steps over a call: from where to where, and whether by single steps.
struct PeerStep {
    module: wasmtime::Module,
    call: u32,
    behind: u32,
    by_single_steps: bool,
}

static PEER_STEP: Mutex<Option<PeerStep>> = Mutex::new(None);

/// Group `over`: microseconds from a stop at a call to the one behind it, and to the next at the call.
pub fn steps_over(table: &mut Table) {
    if !table.wants("over") {
        return;
    }
    table.note("over: microseconds from a stop at a call of a recursion to the stop behind it, and from there to the call again");
    let bytes = large::scenes();
    let operators = &large::operators(&bytes)[OVER];
    let at = operators.iter().position(|(_, operator)| matches!(operator, Operator::Call { .. })).expect("it calls");
    let (call, behind) = (operators[at].0, operators[at + 1].0);
    for (depth, by_single_steps) in [(10, false), (10, true), (1000, false), (1000, true)] {
        let times = if depth == 10 { 200 } else { 10 };
        let mut both = Both::new(&bytes);
        let steps = Rc::new(Cell::new(0));
        let count = steps.clone();
        let debuggee = &both.ours.debuggee;
        both.on_ours(call, |_, _| {});
        let handler = move |debuggee: &Debuggee, event: &Event| match event.kind {
            EventKind::Breakpoint => {
                Action::Run(debuggee.step_goal(&event.frame.expect("a breakpoint's"), Reach::Over).unwrap())
            }
            _ => {
                assert_eq!(event.pc, WasmPc(behind));
                count.set(count.get() + 1);
                Action::Continue
            }
        };
        let mask = EventKind::Breakpoint.bit() | EventKind::Step.bit();
        debuggee.set_event_handler(mask, Box::new(handler)).unwrap();
        *PEER_STEP.lock().unwrap() = Some(PeerStep { module: both.peer_module.clone(), call, behind, by_single_steps });
        let peer_steps = both.on_peer(call, step_over_on_peer);
        let Both { ours, peer, .. } = &mut both;
        let func = ours.func("over");
        let mut turns: [Turn<'_>; 2] = [
            Box::new(|| {
                steps.set(0);
                let args = [Value::I32(depth), Value::I32(times)];
                let (_, time) = timed(|| ours.debuggee.call(func, &args).unwrap());
                assert_eq!(steps.get(), times);
                time / f64::from(times)
            }),
            Box::new(|| {
                peer_steps.store(0, Ordering::Relaxed);
                let (_, time) = timed(|| call_peer(peer, "over", &[Val::I32(depth), Val::I32(times)]));
                assert_eq!(peer_steps.load(Ordering::Relaxed), times as u64);
                time / f64::from(times)
            }),
        ];
        let rounds = if by_single_steps { table.rounds() } else { table.rounds() * MANY / 4 };
        let least = interleaved(rounds, &mut turns);
        drop(turns);
        let how = if by_single_steps { "single steps" } else { "a breakpoint behind it" };
        let name = format!("step over {depth} frames, the peer's by {how}");
        table.row("over", &name, least[0] * 1e6, least[1] * 1e6, Target::None);
    }
}

/// A frame above the one that steps may be at the same operator, in general. Only whoever walks knows how deep it is: its callers are
/// counted where the step begins and at each stop at the operator behind the call.
fn step_over_on_peer(mut store: StoreContextMut<'_, ()>, steps: &AtomicU64) {
    static DEPTH: AtomicU64 = AtomicU64::new(0);
    let step = PEER_STEP.lock().unwrap();
    let PeerStep { module, call, behind, by_single_steps } = step.as_ref().expect("set before it runs");
    let frame = store.debug_exit_frames().next().unwrap();
    let (_, pc) = frame.wasm_function_index_and_pc(&mut store).unwrap().unwrap();
    let pc = pc.raw();
    if pc != *call && pc != *behind {
        return;
    }
    let (mut depth, mut next) = (0, Some(frame));
    while let Some(frame) = next {
        depth += 1;
        next = frame.parent(&mut store).unwrap();
    }
    let behind = ModulePC::new(*behind);
    if pc == *call {
        DEPTH.store(depth, Ordering::Relaxed);
        let mut edit = store.as_context_mut().edit_breakpoints().unwrap();
        if *by_single_steps { edit.single_step(true).unwrap() } else { edit.add_breakpoint(module, behind).unwrap() }
    } else if depth == DEPTH.load(Ordering::Relaxed) {
        let mut edit = store.as_context_mut().edit_breakpoints().unwrap();
        if *by_single_steps {
            edit.single_step(false).unwrap()
        } else {
            edit.remove_breakpoint(module, behind).unwrap()
        }
        steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Group `write`: microseconds of writing a local of a frame that is stopped. Wasmtime's frames can't be written into.
pub fn writes(table: &mut Table) {
    if !table.wants("write") {
        return;
    }
    table.note("write: microseconds of a write into a frame; the first has its function compiled in another form. The peer has none");
    for operators in [300, 10_000] {
        let bytes = one_function(operators);
        let engine = ours::engine(true);
        // What the first write compiles stays with its module: each measure has a new one.
        let mut least = [f64::INFINITY; 2];
        for _ in 0..table.rounds() * 2 {
            let module = ours::module(&engine, &bytes);
            let ours = ours::Instance::new(&engine, &module);
            let debuggee = &ours.debuggee;
            let times = Rc::new(std::cell::RefCell::new(Vec::new()));
            let note = times.clone();
            let handler = move |debuggee: &Debuggee, event: &Event| {
                let frame = event.frame.expect("a breakpoint's");
                let start = Instant::now();
                debuggee.frame_write_local(&frame, 0, &Value::I32(7)).unwrap();
                note.borrow_mut().push(start.elapsed().as_secs_f64());
                Action::Continue
            };
            debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
            let mut edit = Edit::begin(debuggee).unwrap();
            edit.add_at_function(debuggee, &module, FuncIndex::from_u32(0)).unwrap();
            edit.commit(debuggee).unwrap();
            for _ in 0..10 {
                debuggee.call(ours.func("run"), &[Value::I32(1)]).unwrap();
            }
            let times = times.borrow();
            assert_eq!(times.len(), 10);
            least[0] = least[0].min(times[0]);
            least[1] = times[1..].iter().copied().fold(least[1], f64::min);
        }
        table.row("write", &format!("first, {operators} operators"), least[0] * 1e6, f64::NAN, Target::None);
        table.row("write", &format!("next, {operators} operators"), least[1] * 1e6, f64::NAN, Target::None);
    }
}

/// A function of so many operators that computes with what it is given.
fn one_function(operators: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 31)) (i32.const 7)))".repeat(operators / 6);
    wat::parse_str(format!(r#"(module (func (export "run") (param i32) (result i32) {body} (local.get 0)))"#)).unwrap()
}
