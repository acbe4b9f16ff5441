//! Where a trap is, and the state there: machine code of every optimisation level, with debugging and without, with signal
//! handlers and with checks, against the plain interpreter, which executes one operator after the other.

use crate::random::{Random, same};
use crate::reference::Interpreter;
use crate::scene::{self, Scene};
use pellucid::base::{Config, OptLevel, StoreLimits, TrapCode, Value};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, FrameKind, Resume};
use pellucid::runtime::{Engine, Module};
use std::cell::RefCell;
use std::rc::Rc;

/// A frame at the time of a trap.
#[derive(Clone, Debug)]
struct Place {
    func: u32,
    pc: u32,
    locals: Vec<u64>,
    operands: Vec<u64>,
}

/// What the interpreter says: the frames at the end, innermost first, and the results or the trap.
fn interpret(bytes: &[u8], k: i32) -> (Vec<Place>, Result<Vec<u64>, String>) {
    let frames = RefCell::new(Vec::new());
    let mut interpreter = Interpreter::new(bytes, Vec::new());
    let (seen, depth) = (&frames, interpreter.depth.clone());
    interpreter.set_watch(Some(Box::new(move |step| {
        let mut seen = seen.borrow_mut();
        seen.truncate(depth.get() as usize);
        let (locals, operands) = (step.locals.to_vec(), step.operands.to_vec());
        seen.push(Place { func: step.func, pc: step.pc, locals, operands });
    })));
    let outcome = interpreter.call("run", &[u64::from(k as u32)]).map_err(str::to_string);
    drop(interpreter);
    let mut frames = frames.into_inner();
    frames.reverse();
    (frames, outcome)
}

/// A program compiled in every way. Its `run` takes one `i32`, which says what traps.
struct Program {
    wat: String,
    bytes: Vec<u8>,
    compiled: Vec<(Config, Engine, Module)>,
}

impl Program {
    fn new(wat: String) -> Program {
        let bytes = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
        let mut compiled = Vec::new();
        for debug in [false, true] {
            let levels = [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize];
            let with_handlers = levels.map(|opt_level| (opt_level, true));
            for (opt_level, signal_handlers) in with_handlers.into_iter().chain([(OptLevel::Speed, false)]) {
                let config = Config { debug, opt_level, signal_handlers, ..Config::default() };
                let engine = Engine::new(config.clone()).unwrap();
                let module = Module::new(&engine, &bytes).unwrap_or_else(|error| panic!("{error}\n{wat}"));
                compiled.push((config, engine, module));
            }
        }
        Program { wat, bytes, compiled }
    }

    /// Calls `run`, and compares what comes out; answers the trap, if it is one.
    fn check(&self, k: i32) -> Option<String> {
        let (expected, outcome) = interpret(&self.bytes, k);
        for (config, engine, module) in &self.compiled {
            let Config { debug, opt_level, signal_handlers, .. } = config;
            let what = format!("debug {debug}, {opt_level:?}, signal handlers {signal_handlers}, run({k})");
            let scene = Scene::of(engine, module, |_| Vec::new());
            let result = scene.call("run", &[Value::I32(k)]);
            let message = match (&outcome, result) {
                (Ok(expected), Ok(shown)) => {
                    assert!(shown.iter().zip(expected).all(|(shown, bits)| same(shown, *bits)), "{what}: {shown:?}");
                    continue;
                }
                (Err(message), Err(error)) => {
                    let shown: Vec<_> = error.backtrace().iter().map(|frame| (frame.func_index, frame.pc.0)).collect();
                    let places: Vec<_> = expected.iter().map(|place| (place.func, place.pc)).collect();
                    assert_eq!((error.message(), &shown), (&**message, &places), "{what}\n{}", self.wat);
                    message
                }
                (expected, shown) => panic!("{what}: {shown:?}, expected {expected:?}\n{}", self.wat),
            };
            if config.debug {
                let scene = Scene::of(engine, module, |_| Vec::new());
                let seen = Rc::new(RefCell::new(Vec::new()));
                let (log, expected_there) = (seen.clone(), expected.clone());
                let there = what.clone();
                let handler = move |debuggee: &Debuggee, event: &Event| {
                    log.borrow_mut().push(event.kind);
                    check_state(debuggee, &event.frame.unwrap(), &expected_there[0], &there);
                    Action::Continue
                };
                scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
                let call = scene.begin("run", &[Value::I32(k)]);
                assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Trapped, "{what}");
                assert_eq!(*seen.borrow(), [EventKind::Trap], "{what}");
                assert_eq!(call.error().unwrap().message(), message);
                let frame = call.frame(&scene.debuggee).unwrap().unwrap();
                check_state(&scene.debuggee, &frame, &expected[0], &what);
                let frames = scene::stack(&scene.debuggee, &frame);
                let info = frames.iter().map(|frame| scene.debuggee.frame_info(frame).unwrap());
                let shown: Vec<_> = info.map(|info| (info.func_index.as_u32(), info.pc.0)).collect();
                assert_eq!(shown, expected.iter().map(|place| (place.func, place.pc)).collect::<Vec<_>>(), "{what}");
            }
        }
        outcome.err()
    }
}

fn check_state(debuggee: &Debuggee, frame: &pellucid::debug::Frame, expected: &Place, what: &str) {
    let (state, info) = (scene::state(debuggee, frame), debuggee.frame_info(frame).unwrap());
    let all = |shown: &[Value], bits: &[u64]| {
        let same = |(shown, bits): (&Value, &u64)| match shown {
            Value::FuncRef(func) => func.is_some() == (*bits != 0),
            shown => same(shown, *bits),
        };
        shown.len() == bits.len() && shown.iter().zip(bits).all(same)
    };
    let agrees = state.kind == FrameKind::Trapped
        && (state.func, info.pc.0) == (expected.func, expected.pc)
        && all(&state.locals, &expected.locals)
        && all(&state.operands, &expected.operands);
    assert!(agrees, "{what}: shown {state:?} at {}, expected {expected:?}", info.pc);
}

/// A module around a body, whose parameter says what traps: `$wrong` is 1 there.
fn module(body: &str) -> String {
    format!(
        r#"(module (memory 1) (data (i32.const 0) "\01") (table 8 funcref) (type $v (func)) (type $o (func (result i32)))
            (elem (i32.const 1) $v) (elem (i32.const 3) $o)
            (global $g (mut i32) (i32.const 1))
            (func $v (type $v)) (func $o (type $o) (i32.const 1))
            (func $f (param $k i32) (result i32)
                (local $a i32) (local $b i32) (local $p i32) (local $q i32) (local $x i64) (local $y f64)
                {body}
                (i32.add (local.get $a) (i32.add (local.get $b) (i32.wrap_i64 (local.get $x)))))
            (func (export "run") (param i32) (result i32)
                (i32.sub (i32.const 7) (call $f (local.get 0)))))"#
    )
}

#[test]
fn an_unreachable_behind_a_branch_is_where_it_is() {
    let bodies = [
        "(if (local.get $k) (then unreachable))",
        "(if (i32.const 5) (then unreachable))",
        "(if (i32.const 5) (then nop nop nop unreachable))",
        "(if (local.get $k) (then (local.set $a (i32.const 42)) unreachable))",
        "(if (i32.eqz (local.get $k)) (then) (else unreachable))",
        "(if (i32.eqz (local.get $k)) (then) (else (local.set $k (i32.const 3)) unreachable))",
        "(if (local.get $k) (then (local.set $a (i32.const 1)) unreachable) (else (local.set $a (i32.const 2)) unreachable))",
        "(block (br_if 0 (i32.eqz (local.get $k))) unreachable)",
        "(block (br_if 0 (i32.eqz (local.get $k))) (local.set $k (i32.const 7)) unreachable)",
        "(block (br_if 0 (local.get $k)) (return (i32.const 1))) unreachable",
        "(block (block (br_if 0 (local.get $k)) (br_if 1 (i32.eqz (local.get $k))) unreachable) unreachable)",
        "(if (i32.eqz (local.get $k)) (then (return (i32.const 1)))) unreachable",
        "(br_if 0 (i32.const 4) (i32.eqz (local.get $k))) unreachable",
        "(global.set $g (local.get $k)) (if (global.get $g) (then (drop (i32.const 1)) unreachable))",
        "(local.set $a (i32.const 42)) (i32.const 7) (if (local.get $k) (then (i32.const 99) (local.set $a) unreachable)) drop",
        "(i64.const 9) (i32.const 7) (local.get $k) (if (param i32) (result i32) (then (f32.const 1) unreachable)) drop drop",
        "(block (block (block (br_table 0 1 2 (local.get $k))) unreachable) unreachable)",
        // The branch is a check of what the operator before it does.
        "(memory.fill (i32.const 65535) (i32.const 1) (local.get $k)) unreachable",
        "(memory.copy (i32.const 65535) (i32.const 0) (local.get $k)) (if (local.get $k) (then unreachable))",
        "(local.set $a (i32.load (local.get $k))) (if (local.get $a) (then)) (if (local.get $k) (then unreachable))",
        // The second isn't reached, the third has another condition.
        "(if (local.get $k) (then unreachable)) (if (local.get $k) (then unreachable)) (if (i32.const 1) (then unreachable))",
        "(loop (if (i32.gt_u (local.get $k) (i32.const 9)) (then unreachable))
            (br_if 0 (local.tee $k (i32.add (local.get $k) (i32.const 1)))))",
    ];
    let mut traps = 0;
    for body in bodies {
        let program = Program::new(module(body));
        traps += (0..3).filter(|k| program.check(*k).is_some()).count();
    }
    assert!(traps > 30, "{traps}");
}

/// Cranelift removes a store that the next one overwrites if their traps have equal codes.
#[test]
fn an_overwritten_store_traps_itself() {
    let address = "(i32.shl (local.get $k) (i32.const 16))";
    let first = format!("(i32.store {address} (i32.const 1))");
    let second = format!("(i32.store {address} (i32.const 2))");
    for between in (0..3).chain(226..234).chain([199, 200, 201, 459, 460]) {
        let accesses = format!("(local.set $a (i32.load (i32.add (local.get $a) {address})))").repeat(between);
        let stores = format!("(i32.store (i32.add (local.get $a) {address}) (i32.const 2))").repeat(between);
        for others in [&accesses, &stores] {
            let program = Program::new(module(&format!(
                "(block (if (i32.lt_u (local.get $k) (i32.const 9)) (then {first} (br 1)))
                    {others} (return (i32.const 0)))
                {second}"
            )));
            assert!(program.check(1).is_some() && program.check(0).is_none());
            assert_eq!(program.check(20).is_some(), between > 0);
        }
    }
    let twice = Program::new(module(&format!("{first} {second} {first} (local.set $a (i32.load {address})) {second}")));
    assert!(twice.check(1).is_some() && twice.check(0).is_none());
    // On all ways to the second store the last one is the first, beyond a loop and both arms of an `if`.
    let ways = Program::new(module(&format!(
        "{first} (loop (if (local.get $b) (then (local.set $a (i32.const 1))) (else (local.set $a (i32.const 2))))
            (br_if 0 (i32.lt_u (local.tee $b (i32.add (local.get $b) (i32.const 1))) (i32.const 3))))
        {second}"
    )));
    assert!(ways.check(1).is_some() && ways.check(0).is_none());
}

/// Writes bodies with many places that may trap, each where the parameter is its number.
struct Writer {
    random: Random,
    text: String,
    sites: usize,
    wanted: usize,
}

impl Writer {
    fn body(seed: u64, wanted: usize) -> (String, usize) {
        let mut random = Random::new(seed);
        random.next();
        let mut writer = Writer { random, text: String::new(), sites: 0, wanted };
        while writer.sites < wanted {
            writer.statement(3);
        }
        (writer.text, writer.sites)
    }

    fn emit(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    /// 1 where the next place is to trap, else 0.
    fn wrong(&mut self) -> String {
        self.sites += 1;
        format!("(i32.eq (local.get $k) (i32.const {}))", self.sites - 1)
    }

    /// An address outside the memory where the next place is to trap.
    fn address(&mut self) -> String {
        let wrong = self.wrong();
        format!("(i32.shl {wrong} (i32.const 16))")
    }

    fn load(&mut self, ty: &str, address: &str) -> String {
        let offset = self.random.below(60) * 8;
        let operator = match ty {
            "i32" => self.random.pick(&["load", "load", "load8_u", "load16_s"]),
            "i64" => self.random.pick(&["load", "load", "load32_u", "load8_s"]),
            _ => "load",
        };
        format!("({ty}.{operator} offset={offset} {address})")
    }

    /// What uses a value at once, so that machine code may load it as it does.
    fn used(&mut self, ty: &str, value: &str) -> String {
        let operators: &[&str] = match ty {
            "f64" => &["add", "mul", "min"],
            _ => &["add", "and", "or", "xor", "mul", "sub"],
        };
        let (operator, local) = (
            self.random.pick(operators),
            match ty {
                "i32" => self.random.pick(&["$a", "$b"]),
                "i64" => "$x",
                _ => "$y",
            },
        );
        match self.random.below(5) {
            0 if ty != "f64" => {
                format!("(local.set $a (i32.xor (local.get $a) ({ty}.lt_u (local.get {local}) {value})))")
            }
            1 if ty != "f64" => format!("(local.set {local} ({ty}.{operator} {value} (local.get {local})))"),
            2 if ty == "i32" => format!("(local.set $b (select (local.get $a) (local.get $b) {value}))"),
            _ => format!("(local.set {local} ({ty}.{operator} (local.get {local}) {value}))"),
        }
    }

    fn pure(&mut self) {
        let text = self.random.pick(&[
            "(local.set $a (i32.add (local.get $a) (i32.const 3)))",
            "(local.set $b (i32.rotl (local.get $b) (local.get $a)))",
            "(local.set $x (i64.add (local.get $x) (i64.extend_i32_u (local.get $a))))",
            "(local.set $y (f64.add (local.get $y) (f64.const 0.5)))",
            "nop",
        ]);
        self.emit(text);
    }

    fn statement(&mut self, depth: usize) {
        let choice = self.random.below(if depth == 0 || self.sites >= self.wanted { 16 } else { 21 });
        match choice {
            0..=3 => {
                let ty = self.random.pick(&["i32", "i32", "i64", "f64"]);
                let address = self.address();
                let value = self.load(ty, &address);
                let text = self.used(ty, &value);
                self.emit(text);
            }
            4 => {
                // Of several accesses to one address only the first can trap.
                let address = self.address();
                self.emit(format!("(local.set $p {address})"));
                for _ in 0..2 + self.random.below(3) {
                    let text = match self.random.below(3) {
                        0 => {
                            let value = self.load("i32", "(local.get $p)");
                            self.used("i32", &value)
                        }
                        1 => "(local.set $q (i32.load (local.get $p)))".into(),
                        _ => "(i32.store (local.get $p) (local.get $a))".into(),
                    };
                    self.emit(text);
                }
            }
            5 => {
                // Loads that are used late, in another order.
                let (first, second) = (self.address(), self.address());
                self.emit(format!("(local.set $p (i32.load {first})) (local.set $q (i32.load offset=64 {second}))"));
                (0..self.random.below(3)).for_each(|_| self.pure());
                let order = self.random.pick(&[["$p", "$q"], ["$q", "$p"]]);
                for local in order {
                    let text = self.used("i32", &format!("(local.get {local})"));
                    self.emit(text);
                }
            }
            6 | 7 => {
                let (address, ty) = (self.address(), self.random.pick(&["i32", "i64"]));
                let local = if ty == "i32" { "$a" } else { "$x" };
                let text = match self.random.below(3) {
                    0 => format!("({ty}.store {address} (local.get {local}))"),
                    1 => format!("({ty}.store16 offset=9 {address} (local.get {local}))"),
                    // Machine code can do this in one instruction.
                    _ => format!(
                        "(local.set $p {address})
                        ({ty}.store (local.get $p) ({ty}.add ({ty}.load (local.get $p)) (local.get {local})))"
                    ),
                };
                self.emit(text);
            }
            8 | 9 => {
                let wrong = self.wrong();
                let before = self.random.pick(&["", "(local.set $a (i32.const 42))", "(drop (i32.const 1))", "nop"]);
                let text = match self.random.below(5) {
                    0 => format!("(if {wrong} (then {before} unreachable))"),
                    1 => format!("(if (i32.eqz {wrong}) (then) (else {before} unreachable))"),
                    2 => format!("(block (br_if 0 (i32.eqz {wrong})) {before} unreachable)"),
                    3 => format!("(i32.const 5) (if {wrong} (then {before} unreachable)) (local.set $q)"),
                    _ => format!("(block (block (br_if 0 {wrong}) (br 1)) {before} unreachable)"),
                };
                self.emit(text);
            }
            10 | 11 => {
                let wrong = self.wrong();
                let operator = self.random.pick(&["div_u", "div_s", "rem_u", "rem_s"]);
                let text = match self.random.below(6) {
                    0 => format!("(local.set $a (i32.{operator} (local.get $a) (i32.sub (i32.const 1) {wrong})))"),
                    1 => format!("(local.set $x (i64.{operator} (local.get $x) (i64.extend_i32_u (i32.eqz {wrong}))))"),
                    2 => format!(
                        "(local.set $a (i32.trunc_f64_s (f64.mul (f64.const 1e20) (f64.convert_i32_u {wrong}))))"
                    ),
                    3 => format!(
                        "(local.set $x (i64.trunc_f32_u (f32.div (f32.const 0) (f32.convert_i32_u (i32.eqz {wrong})))))"
                    ),
                    // Bytes 512 to 516 are 1, as the body's head makes them, those after it 0.
                    4 => {
                        let address = format!("(i32.shl {wrong} (i32.const {}))", self.random.pick(&[2, 16]));
                        format!("(local.set $a (i32.{operator} (local.get $b) (i32.load offset=512 {address})))")
                    }
                    _ => format!(
                        "(local.set $b (i32.div_s (i32.const 0x80000000) (i32.sub (i32.const 1) (i32.shl {wrong} (i32.const 1)))))"
                    ),
                };
                self.emit(text);
            }
            12 => {
                let wrong = self.wrong();
                let step = self.random.pick(&[1, 2, 9]);
                self.emit(format!(
                    "(call_indirect (type $v) (i32.add (i32.const 1) (i32.mul {wrong} (i32.const {step}))))"
                ));
            }
            13 => {
                let wrong = self.wrong();
                let index = format!("(i32.add (i32.const 5) (i32.mul {wrong} (i32.const 100)))");
                let text = match self.random.below(3) {
                    0 => format!("(drop (table.get 0 {index}))"),
                    1 => format!("(table.set 0 {index} (ref.null func))"),
                    _ => format!("(table.set 0 {index} (ref.null func)) (table.set 0 {index} (ref.func $v))"),
                };
                self.emit(text);
            }
            14 => {
                let address = self.address();
                let text = match self.random.below(2) {
                    0 => format!("(memory.fill (i32.add (i32.const 4096) {address}) (i32.const 0) (i32.const 4))"),
                    _ => format!("(memory.copy (i32.const 4096) {address} (i32.const 4))"),
                };
                self.emit(text);
            }
            15 => {
                self.pure();
                if self.random.chance(50) {
                    self.emit("(global.set $g (local.get $a))");
                }
            }
            16 | 17 => {
                let bit = self.random.below(4);
                self.emit(format!("(if (i32.and (local.get $k) (i32.const {})) (then", 1 << bit));
                self.statements(depth - 1);
                if self.random.chance(50) {
                    self.emit(") (else");
                    self.statements(depth - 1);
                }
                self.emit("))");
            }
            18 => {
                self.emit("(block (br_if 0 (i32.and (local.get $k) (i32.const 1)))");
                self.statements(depth - 1);
                self.emit(")");
            }
            19 => {
                let some = self.random.below(256);
                self.emit(format!("(if (i32.eq (i32.and (local.get $k) (i32.const 255)) (i32.const {some})) (then"));
                self.statements(depth - 1);
                self.emit("(return (local.get $a))))");
            }
            _ => {
                self.emit("(local.set $q (i32.const 2)) (loop");
                self.pure();
                let address = self.address();
                let value = self.load("i32", &address);
                let text = self.used("i32", &value);
                self.emit(text);
                self.emit("(br_if 0 (local.tee $q (i32.sub (local.get $q) (i32.const 1)))))");
            }
        }
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..1 + self.random.below(6) {
            self.statement(depth);
        }
    }
}

fn random_program(seed: u64, sites: usize) -> (Program, usize) {
    let (body, sites) = Writer::body(seed, sites);
    (Program::new(module(&format!("(i32.store offset=512 (i32.const 0) (i32.const 1)) {body}"))), sites)
}

fn run_some(seeds: std::ops::Range<u64>, sites: usize, runs: usize) {
    let (mut traps, mut kinds) = (0, std::collections::BTreeSet::new());
    for seed in seeds {
        let (program, sites) = random_program(seed, sites);
        let mut random = Random::new(seed ^ 0x55);
        for _ in 0..runs {
            let trap = program.check(random.below(sites) as i32);
            traps += usize::from(trap.is_some());
            kinds.extend(trap);
        }
        assert!(program.check(-1).is_none_or(|trap| !trap.is_empty()));
    }
    println!("{traps} traps: {kinds:?}");
    assert!(traps > 20 && kinds.len() > 5, "{traps} traps are too few to mean anything: {kinds:?}");
}

#[test]
fn traps_of_random_functions() {
    run_some(0..30, 40, 12);
}

#[test]
fn traps_of_functions_with_more_than_a_thousand_accesses() {
    run_some(100..103, 1500, 60);
}

/// As far as one likes: `PELLUCID_SEEDS=from..to cargo test --release --test debug more_traps -- --ignored`.
#[test]
#[ignore = "takes as long as it is asked to"]
fn more_traps() {
    let range = std::env::var("PELLUCID_SEEDS").unwrap_or("2000..2200".into());
    let (from, to) = range.split_once("..").unwrap();
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    run_some(from..to, 60, 40);
    run_some(to..to + (to - from) / 10, 1200, 200);
}

/// One block with far more accesses than there are trap codes: whatever is folded into what, each traps at its place.
#[test]
fn every_access_of_a_long_block() {
    let count = 1000;
    let mut bodies = [const { String::new() }; 4];
    bodies[3] = (0..count).map(|site| format!("(local $l{site} i32)")).collect();
    for site in 0..count {
        let address = format!("(i32.shl (i32.eq (local.get $k) (i32.const {site})) (i32.const 16))");
        bodies[0] += &format!("(local.set $a (i32.add (local.get $a) (i32.load offset={} {address})))", site * 4);
        bodies[1] += &format!("(i32.load8_u offset={site} {address})");
        bodies[3] += &format!("(local.set $l{site} (i32.load offset={} {address}))", site * 4);
        bodies[2] += &format!("(i32.store offset={} {address} (i32.const {site}))", site * 4);
    }
    // All are loaded before the first is used; then in the order that was loaded, as part of what uses them.
    for site in 0..count {
        let operator = ["add", "and", "or", "xor"][site % 4];
        bodies[3] += &format!("(local.set $a (i32.{operator} (local.get $a) (local.get $l{site})))");
    }
    bodies[1] += &"(i32.xor)".repeat(count - 1);
    bodies[1] += "(local.set $a)";
    for body in bodies {
        let program = Program::new(module(&body));
        for site in (0..count).step_by(17).chain(190..210).chain(count - 5..count) {
            assert!(program.check(site as i32).is_some());
        }
        assert!(program.check(-1).is_none());
    }
}

/// The stack can end at the call, or at any instruction with which a function begins.
#[test]
fn an_exhausted_stack_has_no_gap_in_its_backtrace() {
    let text = r#"(module
        (func $a (export "run") (param i32) (call $b (local.get 0) (i64.const 1)))
        (func $b (param i32 i64) (call $c))
        (func $c (local i64 i64 i64) (call $a (i32.const 2)) (drop (i64.add (local.get 0) (local.get 1)))))"#;
    for debug in [false, true] {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            let engine = Engine::new(Config { debug, opt_level, ..Config::default() }).unwrap();
            let module = scene::module(&engine, text);
            let scene = Scene::of(&engine, &module, |_| Vec::new());
            let calls: Vec<_> = (0..3).map(|func| scene.pc(func, [2, 0, 1][func as usize]).0).collect();
            for page in 0..40 {
                scene
                    .debuggee
                    .store()
                    .set_limits(StoreLimits { stack_bytes: (64 << 10) + page * 4096, ..StoreLimits::default() });
                let error = scene.call("run", &[Value::I32(1)]).unwrap_err();
                assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted));
                let shown: Vec<_> = error.backtrace().iter().map(|frame| frame.func_index).collect();
                let gap = shown.windows(2).position(|pair| pair[0] != (pair[1] + 1) % 3);
                assert_eq!(gap, None, "debug {debug}, {opt_level:?}, page {page}: {:?}", &shown[..10]);
                let outer = &error.backtrace()[1..];
                assert!(outer.iter().all(|frame| frame.pc.0 == calls[frame.func_index as usize]));
            }
        }
    }
}

/// Where the address is a constant the optimiser makes something else of the check.
#[test]
fn a_fault_at_a_constant_place_has_its_address() {
    let operators = [
        ("(i32.load8_u", 1, ") drop"),
        ("(i64.load16_s", 2, ") drop"),
        ("(i32.load", 4, ") drop"),
        ("(f64.load", 8, ") drop"),
        ("(i64.store8", 1, "(i64.const 1))"),
        ("(i32.store", 4, "(i32.const 1))"),
    ];
    for pages in [0, 1] {
        let (mut text, mut cases) = (format!("(module (memory {pages})\n"), Vec::new());
        for (operator, width, value) in operators {
            for address in [0_u64, 1, 65535, 65536, 0xffff_ffff] {
                for offset in [0_u64, 1, 65535, 0xffff_ffff] {
                    let name = format!("{operator} {address}+{offset}");
                    text += &format!(
                        "(func (export \"{name}\") {operator} offset={offset} (i32.const {}) {value})\n",
                        address as u32 as i32
                    );
                    cases.push((name, address + offset, width));
                }
            }
        }
        let bytes = wat::parse_str(text + ")").unwrap();
        for debug in [false, true] {
            for opt_level in [OptLevel::None, OptLevel::Speed] {
                for signal_handlers in [false, true] {
                    let engine =
                        Engine::new(Config { debug, opt_level, signal_handlers, ..Config::default() }).unwrap();
                    let module = Module::new(&engine, &bytes).unwrap();
                    let scene = Scene::of(&engine, &module, |_| Vec::new());
                    for (name, first, width) in &cases {
                        let what = format!("{name}, {pages} pages, debug {debug}, {opt_level:?}, {signal_handlers}");
                        let (size, outcome) = (pages * 65536, scene.call(name, &[]));
                        if first + width <= size {
                            assert!(outcome.is_ok(), "{what}: {outcome:?}");
                            continue;
                        }
                        let error = outcome.unwrap_err();
                        assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{what}");
                        let address = error.memory_fault().map(|fault| fault.address);
                        assert_eq!(address, Some(size.max(*first)), "{what}");
                    }
                }
            }
        }
    }
}
