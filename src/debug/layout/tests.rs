//! Values of two words: vectors, and whichever a test gives two.

use super::*;
use crate::abi::homes::width::with_wide;
use crate::base::{Config, StoreLimits, WasmPc};
use crate::debug::{Action, Debuggee, Edit, Event, EventKind};
use crate::runtime::{Engine, Extern, Module};

/// Locals and operands of all types beside each other, in calls, loops and blocks that carry them.
const PROGRAM: &str = r#"(module
  (memory 1)
  (data (i32.const 0) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10\11\12\13\14\15\16\17\18")
  (table 1 externref)
  (func $inner (param f64 i64 i32) (result i32 i64) (local f32 i64 funcref)
    (local.set 3 (f32.convert_i64_s (local.get 1)))
    (local.set 4 (i64.add (local.get 1) (i64.load (i32.const 8))))
    (local.set 5 (ref.func $inner))
    (i32.store (i32.const 32) (i32.trunc_sat_f32_s (local.get 3)))
    local.get 2
    local.get 4)
  (elem declare func $inner)
  (func (export "run") (param i32 i64 f64) (result i64)
    (local i64 f32 i32 externref f64)
    (local.set 3 (i64.load (i32.const 0)))
    (local.set 7 (f64.load (i32.const 16)))
    (f32.load (i32.const 4))
    (i64.load (i32.const 8))
    (f64.const 1.5)
    (loop $again (param f64) (result f64)
      (call $inner (local.get 3) (i32.load8_u (i32.const 5)))
      i64.store offset=34
      (local.set 5 (i32.const 40))
      (local.set 3 (i64.mul (local.get 3) (local.get 1)))
      (f64.add (local.get 2) (f64.const 2))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (local.set 6 (table.get 0 (i32.const 0)))
      (br_if $again (local.get 0)))
    local.set 2
    (block $out (param i64) (result i64)
      (i32.load (i32.const 40))
      (i64.load (i32.const 40))
      (br_if $out (local.get 0))
      (br_if $out (i32.eqz (local.get 0)))
      local.set 1
      i64.extend_i32_u
      i64.add)
    local.set 3
    local.set 4
    (global.set 0 (local.get 2))
    local.get 3)
  (global (mut f64) (f64.const 0)))
"#;

/// What one frame shows.
type Shown = (WasmPc, Vec<Value>, Vec<Value>);

/// What all frames show before each operator.
fn steps() -> Vec<Shown> {
    let config = Config { debug: true, compile_threads: 1, verify: true, poison_stacks: true, ..Config::default() };
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, &wat::parse_str(PROGRAM).unwrap()).unwrap();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let instance = debuggee.instantiate(&module, &[]).unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let shown = log.clone();
    let step = move |debuggee: &Debuggee, event: &Event| {
        let mut next = event.frame;
        while let Some(frame) = next {
            let info = debuggee.frame_info(&frame).unwrap();
            let mut locals = vec![Value::Unavailable; info.n_locals as usize];
            let mut operands = vec![Value::Unavailable; info.n_operands as usize];
            debuggee.frame_read_locals(&frame, 0, &mut locals).unwrap();
            debuggee.frame_read_operands(&frame, 0, &mut operands).unwrap();
            // Each run has a store of its own.
            for value in locals.iter_mut().chain(&mut operands) {
                if let Value::FuncRef(Some(func)) = value {
                    *value = Value::I64(func.index as i64);
                }
            }
            shown.borrow_mut().push((info.pc, locals, operands));
            next = debuggee.frame_caller(&frame).unwrap();
        }
        Action::Continue
    };
    debuggee.set_event_handler(EventKind::Step.bit(), Box::new(step)).unwrap();
    let mut edit = Edit::begin(&debuggee).unwrap();
    edit.single_step(true);
    edit.commit(&debuggee).unwrap();
    let Some(Extern::Func(run)) = debuggee.store().instance_export(instance, "run").unwrap() else { unreachable!() };
    debuggee.call(run, &[Value::I32(3), Value::I64(0x1_0000_0001), Value::F64(0x4009_21fb_5444_2d18)]).unwrap();
    drop(debuggee);
    Rc::try_unwrap(log).unwrap().into_inner()
}

/// Compiler and debugger agree about all homes, whichever type takes two words.
#[test]
fn frames_show_the_same_if_homes_are_wide() {
    let expected = steps();
    assert!(expected.len() > 150, "{}", expected.len());
    assert!(expected.iter().all(|(_, locals, operands)| !locals.iter().chain(operands).any(|v| v.ty().is_none())));
    for ty in [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FUNCREF, ValType::EXTERNREF] {
        assert!(with_wide(ty, steps) == expected, "{ty}");
    }
}

#[test]
fn values_of_two_words_are_read_whole() {
    let mut layout = Layout {
        slot_to_fp: 0,
        locals: Vec::new(),
        operands: Vec::new(),
        computations: Vec::new(),
        has_floats: false,
        wide_constants: Vec::new(),
    };
    let word = |word: u32| (word < 8).then(|| u64::from(word) << 56 | u64::from(word));
    let mut bits = |ty, place| {
        let source = layout.source(ty, &place, 3);
        layout.wide_bits(source, word)
    };
    let mut check = |ty| {
        assert_eq!(bits(ty, Place::Home), Some((4 << 56 | 4) << 64 | 3 << 56 | 3));
        assert_eq!(bits(ty, Place::Word(6)), Some((7 << 56 | 7) << 64 | 6 << 56 | 6));
        assert_eq!(bits(ty, Place::Word(7)), None, "the next word isn't there");
        for constant in [0, 5, 1 << 100 | 1, u128::MAX] {
            assert_eq!(bits(ty, Place::Const(constant)), Some(constant));
        }
    };
    check(ValType::V128);
    with_wide(ValType::F64, || check(ValType::F64));
}
