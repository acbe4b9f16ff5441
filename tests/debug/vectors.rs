//! Vectors in the debugger: replay of every vector operator against the machine, and programs with vectors everywhere, each
//! step of which must show what the exact form shows, where nothing is computed.

use crate::random::Random;
use crate::scene::{self, Scene, State};
use pellucid::base::{Config, Value};
use pellucid::debug::{Action, Debuggee, Event, EventKind};
use pellucid::runtime::Engine;
use std::cell::RefCell;
use std::rc::Rc;

/// An operator of the proposals for vectors: its name in the text format, its immediates, and how many operands it has.
struct Operator {
    name: String,
    immediates: &'static [&'static str],
    pops: usize,
    is_relaxed: bool,
}

fn operators() -> Vec<Operator> {
    macro_rules! operators {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident
            (arity $($memarg:ident)? $pops:literal -> $pushes:literal))*) => {
            vec![$(Operator {
                name: stringify!($visit).strip_prefix("visit_").unwrap().replacen('_', ".", 1),
                immediates: &[$($(stringify!($arg)),*)?],
                pops: $pops,
                is_relaxed: stringify!($proposal) == "relaxed_simd",
            },)*]
        };
    }
    wasmparser::for_each_visit_simd_operator!(operators)
}

impl Operator {
    fn scalar(&self) -> &'static str {
        match &self.name[..2] {
            "i6" => "i64",
            "f3" => "f32",
            "f6" => "f64",
            _ => "i32",
        }
    }

    fn params(&self) -> Vec<&'static str> {
        let name = &self.name;
        if name.ends_with(".splat") {
            vec![self.scalar()]
        } else if name.ends_with(".replace_lane") {
            vec!["v128", self.scalar()]
        } else if name.contains(".shl") || name.contains(".shr_") {
            vec!["v128", "i32"]
        } else if self.immediates.contains(&"memarg") {
            [&["i32"], &["v128"][..self.pops - 1]].concat()
        } else {
            vec!["v128"; self.pops]
        }
    }

    /// Its result's type; a store's is that of what is loaded afterwards.
    fn result(&self) -> &'static str {
        if self.name.contains(".extract_lane") {
            self.scalar()
        } else if ["_true", "bitmask"].iter().any(|end| self.name.ends_with(end)) {
            "i32"
        } else {
            "v128"
        }
    }

    fn lanes(&self) -> usize {
        let width = |name: &str| name.split_once('x').and_then(|(_, lanes)| lanes.parse::<usize>().ok());
        let of_access = |name: &str| match name.trim_start_matches(|c: char| !c.is_ascii_digit()).split('_').next() {
            Some(bits) => bits.parse::<usize>().map_or(1, |bits| 128 / bits),
            None => 1,
        };
        let (shape, rest) = self.name.split_once('.').unwrap();
        width(shape).unwrap_or_else(|| of_access(rest))
    }

    fn text(&self, random: &mut Random) -> String {
        let immediates = self.immediates.iter().map(|immediate| match *immediate {
            "memarg" => format!("offset={}", random.below(40)),
            "lane" => random.below(self.lanes()).to_string(),
            "lanes" => (0..16).map(|_| random.below(32).to_string()).collect::<Vec<_>>().join(" "),
            "value" => format!("i64x2 {} {}", random.next() as i64, random.next() as i64),
            other => panic!("{other}"),
        });
        [self.name.clone()].into_iter().chain(immediates).collect::<Vec<_>>().join(" ")
    }
}

/// Lanes that matter: limits of integers, floats of all kinds.
const LANES_32: [u32; 24] = [
    0,
    1,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_1234,
    0x7fa0_5678,
    0xff80_0001,
    0x8000_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x3f80_0000,
    0xbf00_0000,
    0x4f00_0000,
    0xcf00_0001,
    0x4f80_0000,
    0x4020_0000,
    0x0000_0080,
    0x00ff_7f80,
    0x8000_8000,
    0x7fff_8001,
    0x0080_0000,
    0x807f_ffff,
    0x4b00_0001,
];

fn vector(random: &mut Random) -> u128 {
    let mut bits = 0;
    for _ in 0..4 {
        let lane = match random.below(4) {
            0 => (random.next() as u32).rotate_left(random.below(32) as u32),
            _ => random.pick(&LANES_32),
        };
        bits = bits << 32 | u128::from(lane);
    }
    match random.below(8) {
        // Two equal halves, the same in all bytes, doubles with a meaning.
        0 => bits & u128::from(u64::MAX) | bits << 64,
        1 => u128::from(bits as u8) * (u128::MAX / 255),
        2 => {
            let double =
                |random: &mut Random| random.pick(&[0.5, -1.5, 2147483648.0, -2147483649.0, 4294967295.9, -0.0]);
            u128::from(f64::to_bits(double(random))) << 64 | u128::from(f64::to_bits(double(random)))
        }
        _ => bits,
    }
}

fn value(ty: &str, random: &mut Random) -> Value {
    let bits = vector(random);
    match ty {
        "i32" => Value::I32(bits as i32),
        "i64" => Value::I64(bits as i64),
        "f32" => Value::F32(bits as u32),
        "f64" => Value::F64(bits as u64),
        _ => Value::V128(bits),
    }
}

/// Runs each operator with a breakpoint behind it: what replay shows there is what comes out, with and without the breakpoint.
#[test]
fn every_operator() {
    let mut random = Random::new(128);
    let all = operators();
    assert_eq!(all.iter().filter(|operator| !operator.is_relaxed).count(), 236);
    assert_eq!(all.iter().filter(|operator| operator.is_relaxed).count(), 20);
    for operator in &all {
        let is_access = operator.immediates.contains(&"memarg");
        let variants = if operator.immediates.iter().any(|immediate| *immediate != "memarg") { 4 } else { 1 };
        for _ in 0..variants {
            let (params, result, text) = (operator.params(), operator.result(), operator.text(&mut random));
            let operands: Vec<_> = (0..params.len()).map(|local| format!("local.get {local}")).collect();
            // A store's effect is loaded, with the address again.
            let behind = if text.contains("store") { "(v128.load align=1 (i32.const 16))" } else { "" };
            let body = format!("{} {text} {behind}", operands.join(" "));
            let scene = Scene::new(&format!(
                "(module (memory 1) (data (i32.const 0) \"{}\")
                 (func (export \"f\") (param {}) (result {result}) {body}))",
                (0..96).map(|byte| format!("\\{:02x}", byte * 37 % 256)).collect::<String>(),
                params.join(" ")
            ));
            let end = scene::operators(&scene.module, 0) - 1;
            let shown = Rc::new(RefCell::new(None));
            let show = shown.clone();
            let look = move |debuggee: &Debuggee, event: &Event| {
                let State { operands, .. } = scene::state(debuggee, &event.frame.unwrap());
                assert_eq!(operands.len(), 1);
                *show.borrow_mut() = Some(operands[0]);
                Action::Continue
            };
            scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(look)).unwrap();
            for _ in 0..120 / variants {
                let mut args: Vec<Value> = params.iter().map(|ty| value(ty, &mut random)).collect();
                if is_access {
                    args[0] = Value::I32(random.below(40) as i32);
                }
                let plain = scene.call("f", &args).unwrap();
                let id = scene.add(0, end);
                let stopped = scene.call("f", &args).unwrap();
                scene.edit(|edit| edit.remove(id));
                assert_eq!(plain, stopped, "{body} {args:x?}");
                assert_eq!(shown.take(), Some(plain[0]), "{body} {args:x?}");
            }
        }
    }
}

/// What is outside of the memory traps, and the state there is replayed.
#[test]
fn accesses_outside() {
    for operator in operators().iter().filter(|operator| operator.immediates.contains(&"memarg")) {
        let mut random = Random::new(7);
        let (params, text) = (operator.params(), operator.text(&mut random));
        let operands: Vec<_> = (0..params.len()).map(|local| format!("local.get {local}")).collect();
        let drop = if text.contains("store") { "" } else { "drop" };
        let wat = format!(
            "(module (memory 1) (func (export \"f\") (param {}) (local v128)
             (local.set {} (i32x4.splat (i32.const 9))) {} {text} {drop}))",
            params.join(" "),
            params.len(),
            operands.join(" ")
        );
        for signal_handlers in [true, false] {
            let engine = scene::engine_with(signal_handlers);
            let scene = Scene::of(&engine, &scene::module(&engine, &wat), |_| Vec::new());
            let log = scene.log(EventKind::Trap.bit());
            let mut args: Vec<Value> = params.iter().map(|ty| value(ty, &mut random)).collect();
            args[0] = Value::I32(65535);
            let error = scene.call("f", &args).unwrap_err();
            assert_eq!(error.trap_code(), Some(pellucid::base::TrapCode::MemoryOutOfBounds), "{text}");
            let entries = log.take();
            let state = entries[0].state.as_ref().unwrap();
            assert_eq!(state.operator, 3 + params.len(), "{text}");
            assert_eq!(state.operands, args, "{text}");
            assert_eq!(state.locals.last(), Some(&Value::V128(0x9_0000_0009_0000_0009_0000_0009)), "{text}");
        }
    }
}

/// Vectors in locals, operands, blocks, loops, calls and globals, among values of all other types.
const PROGRAM: &str = r#"(module
  (memory 1)
  (data (i32.const 0) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f\20")
  (global $g (mut v128) (v128.const i32x4 1 2 3 4))
  (global $c v128 (v128.const i64x2 0x1234567812345678 -5))
  (func $inner (param v128 i64 v128) (result i32 v128) (local f32 v128 v128)
    (local.set 3 (f32x4.extract_lane 2 (f32x4.convert_i32x4_s (local.get 0))))
    (local.set 4 (i64x2.replace_lane 1 (local.get 2) (local.get 1)))
    (local.set 5 (v128.xor (local.get 4) (global.get $c)))
    (v128.store (i32.const 100) (local.get 5))
    (i32.trunc_sat_f32_s (local.get 3))
    local.get 5)
  (func (export "run") (param i32 v128 i64) (result v128)
    (local v128 i64 v128 i32 v128)
    (local.set 3 (v128.load (i32.const 3)))
    (i32.load (i32.const 4))
    (v128.load32_splat (i32.const 8))
    (i64.const 77)
    (loop $again (param i64) (result i64)
      (call $inner (local.get 3) (local.get 2) (local.get 1))
      local.set 5
      local.set 6
      (local.set 3 (i32x4.add (local.get 3) (i16x8.mul (local.get 5) (local.get 1))))
      (global.set $g (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (global.get $g) (local.get 3)))
      (i64.add (i64x2.extract_lane 1 (global.get $g)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (local.set 7 (v128.const f64x2 1.5 -2.25))
      (br_if $again (local.get 0)))
    local.set 4
    (block $out (param v128) (result v128)
      (v128.load64_zero (i32.const 100))
      (v128.load8_lane 5 (i32.const 9) (local.get 3))
      (br_if $out (local.get 0))
      (br_if $out (i8x16.all_true (local.get 3)))
      i32x4.mul
      (if (param v128 v128) (result v128) (v128.any_true (local.get 5))
        (then f32x4.min)
        (else i8x16.add_sat_u (local.set 3 (global.get $g)) (i8x16.swizzle (local.get 3)))))
    local.set 5
    i32x4.splat
    (i64x2.add (local.get 5))
    (i64x2.add (i64x2.splat (local.get 4)))
    (select (local.get 3) (local.get 6))
    (select (result v128) (local.get 7) (i64x2.all_true (local.get 5)))))
"#;

/// What is shown before each operator, in all frames.
fn steps(wat: &str, config: Config, calls: &[Vec<Value>]) -> (Vec<State>, Vec<Vec<Value>>) {
    let config = Config { debug: true, compile_threads: 1, verify: true, poison_stacks: true, ..config };
    let engine = Engine::new(config).unwrap();
    let scene = Scene::of(&engine, &scene::module(&engine, wat), |_| Vec::new());
    let log = Rc::new(RefCell::new(Vec::new()));
    let shown = log.clone();
    let look = move |debuggee: &Debuggee, event: &Event| {
        for frame in scene::stack(debuggee, &event.frame.unwrap()) {
            shown.borrow_mut().push(scene::state(debuggee, &frame));
        }
        Action::Continue
    };
    scene.debuggee.set_event_handler(EventKind::Step.bit(), Box::new(look)).unwrap();
    scene.edit(|edit| edit.single_step(true));
    let results = calls.iter().map(|args| scene.call("run", args).unwrap()).collect();
    (log.take(), results)
}

#[test]
fn every_step_is_as_in_the_exact_form() {
    let mut random = Random::new(9);
    let calls: Vec<Vec<Value>> = (1..12)
        .map(|turns| vec![Value::I32(turns % 3 + 1), value("v128", &mut random), value("i64", &mut random)])
        .collect();
    let expected = steps(PROGRAM, Config { exact: true, ..Config::default() }, &calls);
    assert!(expected.0.len() > 1000);
    assert!(expected.0.iter().all(|state| !state.locals.iter().chain(&state.operands).any(|v| v.ty().is_none())));
    for config in [
        Config::default(),
        Config { in_memory: true, ..Config::default() },
        Config { signal_handlers: false, ..Config::default() },
        Config { opt_level: pellucid::base::OptLevel::None, ..Config::default() },
    ] {
        let found = steps(PROGRAM, config, &calls);
        for (found, expected) in found.0.iter().zip(&expected.0) {
            assert_eq!(found, expected);
        }
        assert!(found == expected);
    }
}

/// A random function body of vectors: statements that set locals, with branches, loops and calls between them.
struct Writer<'a> {
    random: &'a mut Random,
    operators: &'a [Operator],
    text: String,
    callable: usize,
    budget: i32,
}

/// The locals of every function that is written; the first two are its parameters, the last counts turns of loops.
const LOCALS: [&str; 8] = ["v128", "i32", "v128", "i64", "f32", "v128", "f64", "i32"];
const COUNTER: usize = 7;

impl Writer<'_> {
    fn emit(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    fn local(&mut self, ty: &str) -> usize {
        let all: Vec<usize> = (0..COUNTER).filter(|local| LOCALS[*local] == ty).collect();
        self.random.pick(&all)
    }

    fn expression(&mut self, ty: &'static str, depth: u32) {
        self.budget -= 1;
        if depth == 0 || self.budget < 0 || self.random.chance(15) {
            let local = self.local(ty);
            return self.emit(format!("local.get {local}"));
        }
        match self.random.below(12) {
            0 if ty == "v128" => {
                let text = format!("v128.const i64x2 {} {}", self.random.next() as i64, self.random.next() as i64);
                self.emit(text);
            }
            1 => {
                let local = self.local(ty);
                self.expression(ty, depth - 1);
                self.emit(format!("local.tee {local}"));
            }
            2 => {
                self.expression(ty, depth - 1);
                self.expression(ty, depth - 1);
                self.expression("i32", depth - 1);
                self.emit(format!("select (result {ty})"));
            }
            3 => {
                self.emit(format!("block (result {ty})"));
                self.statements(depth - 1);
                self.expression(ty, depth - 1);
                self.expression("i32", depth - 1);
                self.emit("br_if 0");
                self.emit("end");
            }
            4 => {
                self.expression("i32", depth - 1);
                self.emit(format!("if (result {ty})"));
                self.expression(ty, depth - 1);
                self.emit("else");
                self.statements(depth - 1);
                self.expression(ty, depth - 1);
                self.emit("end");
            }
            5 if ty == "v128" && self.callable > 0 => {
                self.expression("v128", depth - 1);
                self.expression("i32", depth - 1);
                let callee = self.random.below(self.callable);
                self.emit(format!("call {callee}"));
            }
            6 if ty == "v128" => self.emit("global.get 0"),
            _ => {
                let fitting: Vec<usize> = (0..self.operators.len())
                    .filter(|place| {
                        let operator = &self.operators[*place];
                        operator.result() == ty && !operator.name.contains("store")
                    })
                    .collect();
                if fitting.is_empty() {
                    let local = self.local(ty);
                    return self.emit(format!("local.get {local}"));
                }
                let operator = &self.operators[self.random.pick(&fitting)];
                for (place, param) in operator.params().into_iter().enumerate() {
                    self.expression(param, depth - 1);
                    if place == 0 && operator.immediates.contains(&"memarg") {
                        self.emit("i32.const 127");
                        self.emit("i32.and");
                    }
                }
                let text = operator.text(self.random);
                self.emit(text);
            }
        }
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..self.random.below(4) {
            match self.random.below(8) {
                0 => {
                    let stores: Vec<usize> = (0..self.operators.len())
                        .filter(|place| self.operators[*place].name.contains("store"))
                        .collect();
                    let operator = &self.operators[self.random.pick(&stores)];
                    self.expression("i32", depth.min(1));
                    self.emit("i32.const 127\ni32.and");
                    self.expression("v128", depth);
                    let text = operator.text(self.random);
                    self.emit(text);
                }
                1 => {
                    self.expression("v128", depth);
                    self.emit("global.set 0");
                }
                2 if depth > 0 => {
                    self.emit("i32.const 2");
                    self.emit(format!("local.set {COUNTER}"));
                    self.emit("loop");
                    self.statements(depth - 1);
                    self.emit(format!("local.get {COUNTER} i32.const 1 i32.sub local.tee {COUNTER}"));
                    self.emit("i32.const 0 i32.gt_s br_if 0 end");
                }
                _ => {
                    let ty = self.random.pick(&LOCALS[..COUNTER]);
                    let local = self.local(ty);
                    self.expression(ty, depth);
                    self.emit(format!("local.set {local}"));
                }
            }
        }
    }
}

fn program(random: &mut Random, operators: &[Operator]) -> String {
    let mut text = "(module (memory 1) (global (mut v128) (v128.const i64x2 7 8))\n".to_string();
    for callable in 0..3 {
        let export = if callable == 2 { "(export \"run\")" } else { "" };
        let mut writer = Writer { random, operators, text: String::new(), callable, budget: 150 };
        writer.statements(3);
        writer.expression("v128", 4);
        let locals = LOCALS[2..].join(" ");
        text += &format!("(func {export} (param v128 i32) (result v128) (local {locals})\n{})\n", writer.text);
    }
    text + ")"
}

/// A vector without NaNs, whatever its lanes are.
fn number(random: &mut Random) -> Value {
    Value::V128((0..16).fold(0, |bits, _| bits << 8 | (random.next() as u8 & 0x3f) as u128))
}

#[test]
fn random_programs_step_as_in_the_exact_form() {
    // The payload of what two NaNs give is the one thing that isn't known: float arithmetic is looked at above.
    let all = operators();
    let moves_bits = |operator: &Operator| {
        let name = &operator.name;
        let is_float = name.contains("f32x4") || name.contains("f64x2");
        let keeps_bits =
            ["lane", "splat", "eq", "ne", "lt", "gt", "le", "ge", "abs", "neg", "pmin", "pmax", "min", "max"];
        !is_float || keeps_bits.iter().any(|end| name.ends_with(end)) || name.contains("trunc_sat")
    };
    let operators: Vec<Operator> =
        all.into_iter().filter(|operator| !operator.is_relaxed && moves_bits(operator)).collect();
    assert!(operators.len() > 200);
    let count = std::env::var("PELLUCID_RANDOM_VECTORS").ok().and_then(|count| count.parse().ok()).unwrap_or(150);
    for seed in 0..count {
        let mut random = Random::new(seed + 1000);
        let text = program(&mut random, &operators);
        let calls: Vec<Vec<Value>> = (0..2).map(|turn| vec![number(&mut random), Value::I32(turn)]).collect();
        let expected = steps(&text, Config { exact: true, ..Config::default() }, &calls);
        for in_memory in [false, true] {
            let found = steps(&text, Config { in_memory, ..Config::default() }, &calls);
            for (found, expected) in found.0.iter().zip(&expected.0) {
                assert_eq!(found, expected, "seed {seed}\n{text}");
            }
            assert!(found == expected, "seed {seed}\n{text}");
        }
    }
}
