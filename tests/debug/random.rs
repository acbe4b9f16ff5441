//! Random programs, debugged at random: every stop must show what a plain interpreter shows, callers included.

use crate::reference::{Host, Interpreter};
use crate::scene::{self, Scene, stack};
use pellucid::base::{Config, FuncIndex, OptLevel, ValType, Value, WasmPc};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, FrameKind, Resume};
use pellucid::runtime::{Engine, Module};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A reproducible source of choices.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const TYPES: [&str; 4] = ["i32", "i64", "f32", "f64"];

#[derive(Clone)]
struct Signature {
    params: Vec<&'static str>,
    results: Vec<&'static str>,
}

/// Writes a function's body; every expression leaves its value on the stack, above whatever is there.
struct Writer<'a> {
    random: &'a mut Random,
    text: String,
    locals: Vec<&'static str>,
    /// What a branch to each label carries; none for loops, which only their own back edge branches to.
    labels: Vec<Option<Vec<&'static str>>>,
    callable: &'a [Signature],
    /// Locals that count the iterations of loops.
    counters: Vec<usize>,
    budget: i32,
}

impl Writer<'_> {
    fn emit(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    fn local_of(&mut self, ty: &str) -> Option<usize> {
        let all: Vec<_> =
            (0..self.locals.len()).filter(|l| self.locals[*l] == ty && !self.counters.contains(l)).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    fn constant(&mut self, ty: &str) {
        let value = match ty {
            "i32" => self.random.pick(&["0", "1", "-1", "7", "2147483647", "-2147483648", "65535", "100"]),
            "i64" => self.random.pick(&["0", "1", "-1", "9", "9223372036854775807", "4294967296"]),
            _ => self.random.pick(&["0", "-0", "1", "1.5", "-2.25", "1e10", "inf"]),
        };
        self.emit(format!("{ty}.const {value}"));
    }

    fn expressions(&mut self, types: &[&'static str], depth: u32) {
        for ty in types {
            self.expression(ty, depth);
        }
    }

    fn expression(&mut self, ty: &'static str, depth: u32) {
        self.budget -= 1;
        let choice = if depth == 0 || self.budget < 0 { self.random.below(3) } else { self.random.below(20) };
        let deeper = depth.saturating_sub(1);
        match choice {
            0 => self.constant(ty),
            1 | 2 => match self.local_of(ty) {
                Some(local) => self.emit(format!("local.get {local}")),
                None => self.constant(ty),
            },
            3..=6 => {
                let (operand, operator) = self.binary(ty);
                self.expressions(&[operand, operand], deeper);
                self.emit(operator);
            }
            7 | 8 => {
                let (operand, operator) = self.unary(ty);
                self.expression(operand, deeper);
                self.emit(operator);
            }
            9 => {
                self.emit(format!("block (result {ty})"));
                self.labels.push(Some(vec![ty]));
                self.statements(deeper);
                self.expression(ty, deeper);
                if self.random.chance(60) {
                    self.expression("i32", deeper);
                    self.emit("br_if 0");
                }
                if self.random.chance(20) {
                    self.emit("br 0");
                }
                self.labels.pop();
                self.emit("end");
            }
            10 => {
                self.expression("i32", deeper);
                self.emit(format!("if (result {ty})"));
                self.labels.push(Some(vec![ty]));
                self.statements(deeper);
                self.expression(ty, deeper);
                self.emit("else");
                self.statements(deeper);
                self.expression(ty, deeper);
                self.labels.pop();
                self.emit("end");
            }
            11 => {
                self.expressions(&[ty, ty, "i32"], deeper);
                self.emit("select");
            }
            12 => match self.local_of(ty) {
                Some(local) => {
                    self.expression(ty, deeper);
                    self.emit(format!("local.tee {local}"));
                }
                None => self.constant(ty),
            },
            13 => {
                self.address(deeper);
                let operator = self.load(ty);
                self.emit(operator);
            }
            14 => match ty {
                "i32" => self.emit("global.get $g0"),
                "i64" => self.emit("global.get $g1"),
                "f64" => self.emit("global.get $g2"),
                _ => self.constant(ty),
            },
            15 => {
                // Two results, of which the lower stays.
                let other = self.random.pick(&TYPES);
                self.emit(format!("block (result {ty} {other})"));
                self.labels.push(Some(vec![ty, other]));
                self.expressions(&[ty, other], deeper);
                if self.random.chance(50) {
                    self.expression("i32", deeper);
                    self.emit("br_if 0");
                }
                self.labels.pop();
                self.emit("end drop");
            }
            16 => {
                // A parameter goes into a block, or a loop that isn't one.
                let keyword = self.random.pick(&["block", "loop"]);
                self.expression(ty, deeper);
                self.emit(format!("{keyword} (param {ty}) (result {ty})"));
                self.labels.push((keyword == "block").then(|| vec![ty]));
                let (operand, operator) = self.binary(ty);
                if operand == ty {
                    self.expression(ty, deeper);
                    self.emit(operator);
                }
                self.labels.pop();
                self.emit("end");
            }
            _ => {
                let fitting: Vec<_> = (0..self.callable.len()).filter(|f| self.callable[*f].results == [ty]).collect();
                if fitting.is_empty() {
                    self.constant(ty);
                } else {
                    let function = self.random.pick(&fitting);
                    self.call(function, deeper);
                }
            }
        }
    }

    fn call(&mut self, function: usize, depth: u32) {
        self.call_as("", function, depth);
    }

    /// Has another function take this one's place, if one fits and a condition holds.
    fn tail_call(&mut self, depth: u32) {
        let results = self.labels[0].clone().expect("a function's label");
        let fitting: Vec<_> = (0..self.callable.len()).filter(|f| self.callable[*f].results == results).collect();
        if fitting.is_empty() {
            return;
        }
        let function = self.random.pick(&fitting);
        self.expression("i32", depth);
        self.emit("if");
        self.labels.push(Some(Vec::new()));
        self.call_as("return_", function, depth);
        self.labels.pop();
        self.emit("end");
    }

    fn call_as(&mut self, tail: &str, function: usize, depth: u32) {
        let signature = self.callable[function].clone();
        self.expressions(&signature.params, depth);
        if self.random.chance(70) {
            return self.emit(format!("{tail}call $f{function}"));
        }
        // Through the table, seldom with an element that traps.
        let element = if self.random.chance(95) { function + 1 } else { self.random.below(12) };
        self.emit(format!("i32.const {element}"));
        let types = |types: &[&str]| types.join(" ");
        let (params, results) = (types(&signature.params), types(&signature.results));
        self.emit(format!("{tail}call_indirect (param {params}) (result {results})"));
    }

    /// An address, nearly always inside the memory.
    fn address(&mut self, depth: u32) {
        self.expression("i32", depth);
        if self.random.chance(98) {
            self.emit("i32.const 255 i32.and");
        }
    }

    /// Floats live apart, so that no integer is loaded from a NaN's bits.
    fn load(&mut self, ty: &str) -> String {
        let operator = match ty {
            "i32" => self.random.pick(&["i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s", "i32.load16_u"]),
            "i64" => self.random.pick(&["i64.load", "i64.load8_s", "i64.load16_u", "i64.load32_s", "i64.load32_u"]),
            "f32" => "f32.load offset=4096",
            _ => "f64.load offset=8192",
        };
        operator.to_string()
    }

    fn binary(&mut self, ty: &'static str) -> (&'static str, String) {
        let operators: &[&str] = match ty {
            "i32" if self.random.chance(30) => {
                let of = self.random.pick(&TYPES);
                let compare = match of {
                    "i32" | "i64" => self.random.pick(&["eq", "ne", "lt_s", "lt_u", "gt_s", "ge_u", "le_s"]),
                    _ => self.random.pick(&["eq", "ne", "lt", "gt", "le", "ge"]),
                };
                return (of, format!("{of}.{compare}"));
            }
            "i32" | "i64" if self.random.chance(5) => &["div_s", "div_u", "rem_s", "rem_u"],
            "i32" | "i64" => &["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"],
            _ => &["add", "sub", "mul", "div", "min", "max"],
        };
        (ty, format!("{ty}.{}", self.random.pick(operators)))
    }

    fn unary(&mut self, ty: &'static str) -> (&'static str, String) {
        let (operand, operator) = match ty {
            "i32" => self.random.pick(&[
                ("i32", "i32.eqz"),
                ("i32", "i32.clz"),
                ("i32", "i32.popcnt"),
                ("i32", "i32.extend8_s"),
                ("i64", "i32.wrap_i64"),
                ("i64", "i64.eqz"),
                ("f32", "i32.trunc_sat_f32_s"),
                ("f64", "i32.trunc_sat_f64_u"),
            ]),
            "i64" => self.random.pick(&[
                ("i64", "i64.ctz"),
                ("i64", "i64.extend32_s"),
                ("i32", "i64.extend_i32_s"),
                ("i32", "i64.extend_i32_u"),
                ("f64", "i64.trunc_sat_f64_s"),
            ]),
            "f32" => self.random.pick(&[
                ("f32", "f32.neg"),
                ("f32", "f32.sqrt"),
                ("f32", "f32.floor"),
                ("i32", "f32.convert_i32_s"),
                ("i64", "f32.convert_i64_u"),
                ("f64", "f32.demote_f64"),
            ]),
            _ => self.random.pick(&[
                ("f64", "f64.abs"),
                ("f64", "f64.nearest"),
                ("f64", "f64.ceil"),
                ("i32", "f64.convert_i32_u"),
                ("i64", "f64.convert_i64_s"),
                ("f32", "f64.promote_f32"),
            ]),
        };
        (operand, operator.to_string())
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..self.random.below(4) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        self.budget -= 1;
        if self.budget < 0 {
            return;
        }
        let deeper = depth.saturating_sub(1);
        let choice = if depth == 0 { self.random.below(8) } else { self.random.below(17) };
        match choice {
            0..=3 => {
                let ty = self.random.pick(&TYPES);
                if let Some(local) = self.local_of(ty) {
                    self.expression(ty, deeper);
                    self.emit(format!("local.set {local}"));
                }
            }
            4 => {
                let (global, ty) = self.random.pick(&[("$g0", "i32"), ("$g1", "i64"), ("$g2", "f64")]);
                self.expression(ty, deeper);
                self.emit(format!("global.set {global}"));
            }
            5 => {
                self.address(deeper);
                let (ty, operator) = self.random.pick(&[
                    ("i32", "i32.store"),
                    ("i32", "i32.store8"),
                    ("i64", "i64.store"),
                    ("i64", "i64.store32"),
                    ("f32", "f32.store offset=4096"),
                    ("f64", "f64.store offset=8192"),
                ]);
                self.expression(ty, deeper);
                self.emit(operator);
            }
            6 => {
                let ty = self.random.pick(&TYPES);
                self.expression(ty, deeper);
                self.emit("drop");
            }
            7 if self.random.chance(80) => self.simple(),
            7 => {
                self.expression("i32", deeper);
                let trap = self.random.pick(&[
                    "i32.const 31 i32.and i32.eqz if nop unreachable end",
                    "i32.const 31 i32.and if else unreachable end",
                    "i32.const 77 i32.eq if unreachable end",
                ]);
                self.emit(trap);
            }
            8 | 9 => {
                self.expression("i32", deeper);
                self.emit("if");
                self.labels.push(Some(Vec::new()));
                self.statements(deeper);
                if self.random.chance(50) {
                    self.emit("else");
                    self.statements(deeper);
                }
                self.labels.pop();
                self.emit("end");
            }
            10 => {
                self.emit("block");
                self.labels.push(Some(Vec::new()));
                self.statements(deeper);
                self.expression("i32", deeper);
                self.emit("br_if 0");
                self.statements(deeper);
                self.labels.pop();
                self.emit("end");
            }
            11 | 12 => self.counted_loop(deeper),
            13 => self.branch(deeper),
            14 => self.branch_table(deeper),
            15 => self.tail_call(deeper),
            _ => {
                if !self.callable.is_empty() {
                    let function = self.random.below(self.callable.len());
                    self.call(function, deeper);
                    for _ in 0..self.callable[function].results.len() {
                        self.emit("drop");
                    }
                }
            }
        }
    }

    fn simple(&mut self) {
        let simple = ["nop", "i32.const 5 call $echo drop", "memory.size drop", "i32.const 0 memory.grow drop"];
        let text = self.random.pick(&simple);
        self.emit(text);
    }

    fn counted_loop(&mut self, depth: u32) {
        let Some(counter) = self.local_of("i32") else { return };
        self.counters.push(counter);
        let turns = 1 + self.random.below(4);
        self.emit(format!("i32.const {turns} local.set {counter} loop"));
        self.labels.push(None);
        self.statements(depth);
        self.emit(format!("local.get {counter} i32.const 1 i32.sub local.tee {counter} br_if 0"));
        self.statements(depth.min(1));
        self.labels.pop();
        self.emit("end");
        self.counters.pop();
    }

    /// A branch outwards, conditional or not, with what it carries; dead code may follow.
    fn branch(&mut self, depth: u32) {
        let forward: Vec<_> = (0..self.labels.len()).filter(|label| self.labels[*label].is_some()).collect();
        let label = self.random.pick(&forward);
        let carried = self.labels[label].clone().expect("just filtered");
        let relative = self.labels.len() - 1 - label;
        self.expressions(&carried, depth);
        if self.random.chance(80) {
            self.expression("i32", depth);
            self.emit(format!("br_if {relative}"));
            carried.iter().for_each(|_| self.emit("drop"));
        } else {
            let branch = if label == 0 && self.random.chance(50) { "return".into() } else { format!("br {relative}") };
            self.emit(branch);
        }
    }

    fn branch_table(&mut self, depth: u32) {
        let count = 1 + self.random.below(4);
        (0..count).for_each(|_| {
            self.emit("block");
            self.labels.push(Some(Vec::new()));
        });
        self.expression("i32", depth);
        if self.random.chance(80) {
            self.emit("i32.const 7 i32.and");
        }
        let targets: Vec<_> = (0..1 + self.random.below(6)).map(|_| self.random.below(count).to_string()).collect();
        self.emit(format!("br_table {}", targets.join(" ")));
        (0..count).for_each(|_| {
            self.labels.pop();
            self.emit("end");
            self.statements(depth.min(1));
        });
    }
}

fn program(seed: u64) -> String {
    let mut random = Random::new(seed);
    (0..5).for_each(|_| {
        random.next();
    });
    let mut functions = String::new();
    let mut signatures: Vec<Signature> = Vec::new();
    let count = 1 + random.below(5);
    for number in 0..=count {
        let is_run = number == count;
        let types =
            |random: &mut Random, limit| (0..random.below(limit)).map(|_| random.pick(&TYPES)).collect::<Vec<_>>();
        let signature = if is_run {
            Signature { params: vec!["i32", "i64"], results: vec!["i32"] }
        } else {
            // Also more than registers hold, which have to move where another function takes the place.
            let params = if random.chance(20) { 14 } else { 4 };
            Signature { params: types(&mut random, params), results: types(&mut random, 3) }
        };
        let extra = types(&mut random, 8);
        let locals: Vec<_> = signature.params.iter().chain(&extra).copied().collect();
        let mut writer = Writer {
            text: String::new(),
            locals,
            labels: vec![Some(signature.results.clone())],
            callable: &signatures,
            counters: Vec::new(),
            budget: 20 + random.below(150) as i32,
            random: &mut random,
        };
        writer.statements(4);
        writer.statements(4);
        writer.expressions(&signature.results, 4);
        let body = writer.text;
        let (params, results) = (signature.params.join(" "), signature.results.join(" "));
        let zeros: String = signature.results.iter().map(|ty| format!("{ty}.const 0 ")).collect();
        let export = if is_run { "(export \"run\")" } else { "" };
        functions.push_str(&format!(
            "(func $f{number} {export} (param {params}) (result {results}) (local {})
              (if (i32.eqz (global.get $fuel)) (then {zeros} return))
              (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
              {body})\n",
            extra.join(" ")
        ));
        signatures.push(signature);
    }
    let elements: String = (0..count).map(|number| format!(" $f{number}")).collect();
    format!(
        r#"(module (import "" "" (func $echo (param i32) (result i32)))
        (memory 1 2) (table 10 funcref) (elem (i32.const 1){elements})
        (global $g0 (mut i32) (i32.const 3)) (global $g1 (mut i64) (i64.const -4)) (global $g2 (mut f64) (f64.const 0.5))
        (global $fuel (mut i32) (i32.const 40))
        {functions})"#
    )
}

/// A state before an operator. The values' bits stand as they are; NaNs are compared as one.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    func: u32,
    pc: u32,
    locals: Vec<u64>,
    operands: Vec<u64>,
    depth: u32,
}

struct Case {
    seed: u64,
    wat: String,
    module: Module,
    expected: Rc<Vec<Seen>>,
    outcome: Result<Vec<u64>, String>,
}

fn interpret(bytes: &[u8]) -> (Vec<Seen>, Result<Vec<u64>, String>) {
    let steps = RefCell::new(Vec::new());
    let echo: Host<'_> = Box::new(|_, args| args.to_vec());
    let mut interpreter = Interpreter::new(bytes, vec![echo]);
    let (seen, depth) = (&steps, interpreter.depth.clone());
    interpreter.set_watch(Some(Box::new(move |step| {
        let (locals, operands) = (step.locals.to_vec(), step.operands.to_vec());
        seen.borrow_mut().push(Seen { func: step.func, pc: step.pc, locals, operands, depth: depth.get() });
    })));
    let outcome = interpreter.call("run", &[5, 77]).map_err(str::to_string);
    drop(interpreter);
    (steps.into_inner(), outcome)
}

/// Whether a shown value has these bits, or both are NaN.
pub(crate) fn same(shown: &Value, bits: u64) -> bool {
    match *shown {
        Value::I32(value) => u64::from(value as u32) == bits,
        Value::I64(value) => value as u64 == bits,
        Value::F32(shown) => {
            u64::from(shown) == bits || f32::from_bits(shown).is_nan() && f32::from_bits(bits as u32).is_nan()
        }
        Value::F64(shown) => shown == bits || f64::from_bits(shown).is_nan() && f64::from_bits(bits).is_nan(),
        _ => false,
    }
}

impl Case {
    /// That a frame shows this state; of a calling frame only the operands beneath the arguments.
    fn check(&self, debuggee: &Debuggee, frame: &pellucid::debug::Frame, expected: &Seen, what: &str) {
        let state = scene::state(debuggee, frame);
        let info = debuggee.frame_info(frame).unwrap();
        let operands = if state.kind == FrameKind::Calling {
            &expected.operands[..state.operands.len().min(expected.operands.len())]
        } else {
            &expected.operands[..]
        };
        let all = |shown: &[Value], bits: &[u64]| {
            shown.len() == bits.len() && shown.iter().zip(bits).all(|(shown, bits)| same(shown, *bits))
        };
        let agrees = (state.func, info.pc.0) == (expected.func, expected.pc)
            && all(&state.locals, &expected.locals)
            && all(&state.operands, operands);
        assert!(
            agrees,
            "seed {} {what}: shown {state:x?} at {}, expected {expected:x?}\n{}",
            self.seed, info.pc, self.wat
        );
        if state.kind == FrameKind::Calling {
            let arguments = expected.operands.len() - state.operands.len();
            assert_eq!(arguments, self.arguments(expected.pc), "seed {}", self.seed);
        }
    }

    /// How many operands the call at `pc` takes.
    fn arguments(&self, pc: u32) -> usize {
        let info = self.module.info();
        match info.operator_at(WasmPc(pc)) {
            wasmparser::Operator::Call { function_index } => {
                info.func_type(FuncIndex::from_u32(function_index)).params.len()
            }
            wasmparser::Operator::CallIndirect { type_index, .. } => {
                1 + info.signatures[pellucid::base::TypeIndex::from_u32(type_index)].params.len()
            }
            other => panic!("{other:?} calls nothing"),
        }
    }

    /// That the frame stands at step `number`, and its callers at theirs.
    fn check_stack(&self, debuggee: &Debuggee, innermost: &pellucid::debug::Frame, number: usize) {
        let mut number = number;
        let frames = stack(debuggee, innermost);
        assert_eq!(frames.len() as u32, self.expected[number].depth + 1, "seed {} step {number}", self.seed);
        for frame in frames {
            self.check(debuggee, &frame, &self.expected[number], &format!("step {number}"));
            let depth = self.expected[number].depth;
            while number > 0 && self.expected[number].depth >= depth {
                number -= 1;
            }
        }
    }

    fn scene(&self) -> Scene {
        Scene::of(self.module.engine(), &self.module, |debuggee| {
            vec![scene::host(debuggee, &[ValType::I32], &[ValType::I32], Box::new(|_, args| Ok(args.to_vec())))]
        })
    }

    fn finish(&self, result: Result<Vec<Value>, pellucid::base::Error>) {
        match (&self.outcome, result) {
            (Ok(expected), Ok(shown)) => {
                let agrees = shown.iter().zip(expected).all(|(shown, bits)| same(shown, *bits));
                assert!(agrees, "seed {}: {shown:x?}, expected {expected:x?}\n{}", self.seed, self.wat);
            }
            (Err(expected), Err(error)) => assert_eq!(error.message(), expected, "seed {}", self.seed),
            (expected, shown) => panic!("seed {}: {shown:?}, expected {expected:?}\n{}", self.seed, self.wat),
        }
    }

    const ARGS: [Value; 2] = [Value::I32(5), Value::I64(77)];

    /// Every step, seen by a handler.
    fn step_through(&self) {
        let scene = self.scene();
        let number = Rc::new(Cell::new(0));
        let this = self.handle();
        let count = number.clone();
        let handler = move |debuggee: &Debuggee, event: &Event| {
            if event.kind != EventKind::Step {
                // A trap is at the last step.
                assert_eq!(count.get(), this.expected.len(), "seed {}", this.seed);
                this.check_stack(debuggee, &event.frame.unwrap(), count.get() - 1);
                return Action::Continue;
            }
            assert!(count.get() < this.expected.len(), "seed {}: too many steps", this.seed);
            this.check_stack(debuggee, &event.frame.unwrap(), count.get());
            count.set(count.get() + 1);
            Action::Continue
        };
        scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
        scene.edit(|edit| edit.single_step(true));
        self.finish(scene.call("run", &Case::ARGS));
        assert_eq!(number.get(), self.expected.len(), "seed {}\n{}", self.seed, self.wat);
    }

    /// Breakpoints that come and go, steps and continuations by chance.
    fn wander(&self, random: &mut Random) {
        let scene = self.scene();
        let call = scene.begin("run", &Case::ARGS);
        let mut breakpoints: Vec<(u64, u32, bool)> = Vec::new();
        let pcs: Vec<_> = self.expected.iter().map(|seen| seen.pc).collect();
        // The step that the call stands at.
        let mut at: Option<usize> = None;
        loop {
            for _ in 0..random.below(3) {
                if breakpoints.is_empty() || random.chance(60) {
                    let pc = random.pick(&pcs);
                    let (id, _) = scene.edit(|edit| edit.add(&scene.debuggee, &self.module, WasmPc(pc)).unwrap());
                    breakpoints.push((id, pc, true));
                } else {
                    let place = random.below(breakpoints.len());
                    let (id, _, enabled) = &mut breakpoints[place];
                    if random.chance(50) {
                        *enabled = !*enabled;
                        scene.edit(|edit| edit.enable(*id, *enabled));
                    } else {
                        scene.edit(|edit| edit.remove(*id));
                        breakpoints.remove(place);
                    }
                }
            }
            let is_at = |step: &Seen| breakpoints.iter().any(|(_, pc, enabled)| *enabled && *pc == step.pc);
            let how = if random.chance(50) { Resume::Step } else { Resume::Continue };
            let stepped = call.event().is_some_and(|event| event.kind == EventKind::Step);
            let next = match (at, how) {
                // A breakpoint that came where a step ended.
                (Some(at), Resume::Continue) if stepped && is_at(&self.expected[at]) => Some(at),
                (at, Resume::Step) => Some(at.map_or(0, |at| at + 1)).filter(|next| *next < self.expected.len()),
                (at, Resume::Continue) => {
                    let from = at.map_or(0, |at| at + 1);
                    (from..self.expected.len()).find(|step| is_at(&self.expected[*step]))
                }
                (_, Resume::Run(_)) => unreachable!("it isn't chosen"),
            };
            let state = call.resume(&scene.debuggee, how).unwrap();
            let Some(next) = next else {
                assert_ne!(state, CallState::Paused, "seed {}\n{}", self.seed, self.wat);
                break;
            };
            assert_eq!(state, CallState::Paused, "seed {} step {next}\n{}", self.seed, self.wat);
            let event = call.event().unwrap();
            let ids: Vec<u64> = breakpoints
                .iter()
                .filter(|(_, pc, enabled)| *enabled && *pc == self.expected[next].pc)
                .map(|(id, ..)| *id)
                .collect();
            assert_eq!(*event.breakpoints, ids, "seed {} step {next}", self.seed);
            let expected = if ids.is_empty() { EventKind::Step } else { EventKind::Breakpoint };
            assert_eq!(event.kind, expected, "seed {}", self.seed);
            self.check_stack(&scene.debuggee, &event.frame.unwrap(), next);
            at = Some(next);
        }
        if call.state() == CallState::Finished {
            self.finish(call.results(&scene.debuggee));
        } else {
            self.finish(Err(call.error().unwrap()));
            self.check_stack(&scene.debuggee, &call.frame(&scene.debuggee).unwrap().unwrap(), self.expected.len() - 1);
        }
    }

    fn handle(&self) -> Case {
        let Case { seed, wat, module, expected, outcome } = self;
        let (wat, module, expected) = (wat.clone(), module.clone(), expected.clone());
        Case { seed: *seed, wat, module, expected, outcome: outcome.clone() }
    }
}

fn cases(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Case> {
    // Without optimising, the compiler has another way to keep frames readable; in memory, another one to keep values.
    let modes = [
        (OptLevel::Speed, true, false),
        (OptLevel::None, true, false),
        (OptLevel::Speed, false, false),
        (OptLevel::None, false, false),
        (OptLevel::Speed, true, true),
        (OptLevel::Speed, false, true),
    ];
    let engines = modes.map(|(opt_level, signal_handlers, in_memory)| {
        Engine::new(Config { debug: true, opt_level, signal_handlers, in_memory, ..Config::default() }).unwrap()
    });
    seeds.filter_map(move |seed| {
        let engine = &engines[seed as usize % engines.len()];
        let wat = program(seed);
        let bytes = wat::parse_str(&wat).unwrap();
        let module = Module::new(engine, &bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{wat}"));
        let (expected, outcome) = interpret(&bytes);
        (expected.len() < 20_000).then(|| Case { seed, wat, module, expected: Rc::new(expected), outcome })
    })
}

#[test]
fn every_step_of_random_programs() {
    let mut steps = 0;
    for case in cases(0..300) {
        case.step_through();
        steps += case.expected.len();
    }
    assert!(steps > 10_000, "{steps} steps are too few to mean anything");
}

#[test]
fn random_debugging_of_random_programs() {
    for case in cases(1000..1300) {
        let mut random = Random(case.seed);
        for _ in 0..3 {
            case.wander(&mut random);
        }
    }
}

/// As far as one likes: `PELLUCID_SEEDS=from..to cargo test --release --test debug random -- --ignored`.
#[test]
#[ignore = "takes as long as it is asked to"]
fn more_random_programs() {
    let range = std::env::var("PELLUCID_SEEDS").unwrap_or("2000..4000".into());
    let (from, to) = range.split_once("..").unwrap();
    let mut steps = 0;
    for case in cases(from.parse().unwrap()..to.parse().unwrap()) {
        case.step_through();
        case.wander(&mut Random(case.seed | 1));
        steps += case.expected.len();
    }
    println!("{steps} steps");
}
