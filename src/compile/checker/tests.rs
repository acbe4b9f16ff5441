//! The checker finds nothing in what the model plans, and each of the mistakes that the model can be made to make.

use super::check;
use crate::abi::homes::width::with_wide;
use crate::base::{DefinedFuncIndex, ValType};
use crate::compile::model::mistakes::{Mistake, with};
use crate::compile::model::{Blocks, Plan, plan, plan_every_value, plan_exact};
use crate::wasm::{ModuleInfo, TypeRegistry, parse};
use std::path::Path;

/// Functions that use what the model knows: each would be wrong with one mistake or another.
const FUNCTIONS: &str = r#"(module
  (memory 1) (table 2 funcref) (global $g (mut i32) (i32.const 0)) (tag $e (param i32 f64))
  (func $f (param i32) (result i32) local.get 0)
  (func $nop)
  ;; Exceptions that are caught, with locals that got their homes before the calls and behind them.
  (func (param i32) (result i32) (local i32 i32 f64 exnref i32)
    (local.set 5 (i32.add (local.get 0) (i32.const 1)))
    (i32.load (i32.const 0))
    (block $h (result i32 f64)
      (block $all (result exnref)
        (try_table (catch $e $h) (catch_all_ref $all)
          (local.set 1 (i32.load (local.get 0)))
          (drop (call $f (local.get 1)))
          (local.set 1 (i32.load (i32.const 4)))
          (block $b (br_if $b (local.get 1)) (call $nop))
          (if (local.get 1) (then (local.set 2 (local.get 1)) (throw $e (local.get 1) (f64.const 1))))
          (i32.store (i32.const 0) (local.get 1))
          (local.set 2 (i32.const 5)))
        (return (local.get 2)))
      local.set 4
      (throw_ref (local.get 4)))
    local.set 3
    i32.add
    (i32.add (local.get 1))
    (call $nop)
    (i32.add (local.get 5)))
  ;; A local that is another constant at each call.
  (func (param i32) (result i32) (local i32)
    try
      (call $nop)
      (local.set 1 (i32.const 5))
      (call $nop)
      (local.set 1 (i32.const 6))
    catch_all
      (call $nop)
    end
    local.get 1)
  ;; The older ones, thrown again from clauses, and delegated past a block that catches nothing else.
  (func (param i32) (result i32) (local i32 i32)
    (local.set 1 (i32.load (i32.const 0)))
    (i32.load (i32.const 4))
    try $outer (result i32)
      (i32.load (i32.const 8))
      try (result i32)
        try
          try
            (local.set 1 (i32.load (local.get 1)))
            (call $nop)
            (i32.store (i32.const 0) (i32.const 1))
            (local.set 2 (i32.const 3))
            (if (local.get 0) (then (throw $e (local.get 1) (f64.const 1))))
          delegate $outer
        catch_all
          (call $nop)
        end
        (local.set 2 (i32.load (i32.const 12)))
        (call $nop)
        (local.get 2)
      catch $e
        drop
        (call $f (local.get 1))
        (if (i32.load (i32.const 16)) (then (local.set 2 (i32.load (i32.const 20))) rethrow 1))
        i32.add
      catch_all
        (call $f (local.get 1))
        (local.set 1 (i32.load (i32.const 20)))
        rethrow 0
      end
      i32.add
    catch $e
      drop
      (local.get 1)
      (call $nop)
      i32.add
      (br_if $outer (local.get 2))
    end
    i32.add
    (i32.add (local.get 1)))
  ;; Zeros of two types meet at labels that carry them.
  (func (param i32) (result i64) (local i32 i64)
    (block $a (result i64)
      (block $b (result i32)
        local.get 1
        local.get 0
        br_if $b
        drop
        local.get 2
        local.get 0
        i32.eqz
        br_if $a
        drop
        i32.const 5)
      i64.extend_i32_s)
    call $nop)
  ;; A loop with carried operands, assigned locals, calls and constants.
  (func (param i32 i64) (result i64) (local i32 i64)
    local.get 1
    i64.const 0x1234567890
    local.set 3
    (loop $l (param i64) (result i64)
      local.get 3
      i64.add
      local.get 2
      i32.const 1
      i32.add
      local.tee 2
      call $f
      drop
      local.get 2
      local.get 0
      i32.lt_s
      br_if $l
      local.get 3
      i64.sub)
    local.get 3
    i64.xor)
  ;; Arms that assign and store differently, values that rely on words, loads that wait for calls.
  (func (param i32 i32) (result i32) (local i32 i32 i32)
    local.get 0
    local.get 1
    i32.sub
    local.set 2
    (i32.store (i32.const 0) (local.get 2))
    (i32.load (i32.const 4))
    (i32.load (i32.const 8))
    local.get 2
    (if (param i32 i32) (result i32 i32)
      (then
        (local.set 3 (i32.load (i32.const 12)))
        (local.set 0 (i32.mul (local.get 0) (local.get 3)))
        (i32.store (i32.const 4) (local.get 3))
        call $f)
      (else
        (local.set 4 (i32.const -1))
        (call $nop)
        (global.set $g (local.get 4))))
    i32.add
    (call $f (local.get 0))
    i32.add
    (local.set 0 (i32.add (local.get 2) (local.get 3)))
    (i32.store (i32.const 8) (local.get 0))
    (local.set 2 (i32.const 7))
    (call $f (local.get 2))
    i32.add
    local.get 0
    i32.add)
  ;; Branches from the middle of a run, with traps behind them.
  (func (param i32 i32) (result i32) (local i32)
    (block $out (result i32)
      (local.set 2 (i32.add (local.get 0) (local.get 1)))
      (i32.const 3)
      local.get 2
      (local.set 0 (i32.load (i32.const 0)))
      local.get 0
      br_if $out
      drop
      (i32.load (local.get 2))
      i32.add
      (local.set 1 (i32.load (local.get 0)))
      local.get 1
      br_if $out
      (i32.div_u (local.get 0) (local.get 1))
      i32.add))
  ;; A table of ways that carry values, and one of ways that carry none.
  (func (param i32 i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (i32.load (local.get 1))
        (local.tee 1 (i32.load (local.get 0)))
        local.get 0
        (br_table $a $b 2))
      i32.const 2
      i32.mul)
    (block $c
      (block $d
        (local.set 0 (i32.load (local.get 0)))
        local.get 0
        (br_table $c $d $c))
      (local.set 1 (i32.const 9))
      call $nop)
    local.get 1
    i32.add)
  ;; What waits for a call is read again, in loops too.
  (func (param i32 f64) (result f64) (local f64 i32)
    (loop $l
      local.get 1
      (local.set 2 (f64.add (local.get 1) (f64.load (i32.const 0))))
      (local.set 3 (call $f (i32.load (i32.const 16))))
      local.get 2
      (drop (call $f (local.get 3)))
      f64.mul
      local.set 1
      (call $nop)
      (br_if $l (i32.lt_u (local.get 3) (local.get 0))))
    local.get 2)
  ;; A value that is computed from one whose word another way overwrites.
  (func (param i32) (result i32) (local i32 i32)
    (i32.load (i32.const 0))
    (call $nop)
    i32.const 1
    i32.add
    local.set 2
    (if (local.get 0)
      (then
        (i32.load (i32.const 8))
        (call $nop)
        drop))
    local.get 2
    (local.set 2 (i32.load (i32.const 4)))
    (call $nop)
    local.get 2
    i32.add)
  ;; A tee of what a home holds, and homes that are overwritten.
  (func (param i32) (result i32)
    (call $nop)
    (local.tee 0 (i32.load (local.get 0)))
    (call $nop)
    (local.tee 0 (i32.load (i32.const 64)))
    drop
    (i32.store (i32.const 0) (i32.const 1))
    (call $f (local.get 0))
    i32.add
    local.get 0
    (block (result i32) (i32.load (i32.const 3)))
    (call $nop)
    i32.add
    i32.add))
"#;

/// Two stop points with many operands, of which those that are described apart differ.
const MANY_OPERANDS: &str = r#"(module (global $g (mut i32) (i32.const 0))
  (func
    i32.const 0 i32.const 1 i32.const 2 i32.const 3 i32.const 4 i32.const 5 i32.const 6 i32.const 7
    i32.const 8 i32.const 9 i32.const 10 i32.const 11 i32.const 12 i32.const 13 i32.const 14
    f64.const 15
    f64.const 16
    (global.set $g (i32.const 1))
    drop
    drop
    ref.null extern
    f64.const 17
    (global.set $g (i32.const 2))
    drop drop drop drop drop drop drop drop drop drop drop drop drop drop drop drop drop))
"#;

/// Functions in which i64s wait for calls, are carried, and lie beside and above other operands.
const WIDE: &str = r#"(module
  (memory 1) (global $g (mut i32) (i32.const 0))
  (func $nop)
  (func $both (param i64 i32) (result i32 i64) local.get 1 local.get 0)
  ;; A value whose local is described by the words of the operand that it was, of which another overwrites the second.
  (func (param i32) (local i64)
    (i64.load (i32.const 0))
    (call $nop)
    local.set 1
    i32.const 5
    (i32.load (i32.const 8))
    (call $nop)
    drop
    drop
    (i64.store (i32.const 16) (local.get 1)))
  ;; Values of both widths above each other wait for calls, as operands and as locals.
  (func (param i64 i32 i64) (result i64) (local i64 f64 i64)
    (i64.load (i32.const 0))
    (i32.load (i32.const 4))
    (i64.load (i32.const 8))
    (f64.load (i32.const 16))
    (call $nop)
    local.set 4
    local.tee 3
    (call $both (i32.const 1))
    (call $nop)
    local.set 5
    drop
    drop
    local.get 3
    i64.add
    (i64.store (i32.const 24) (local.get 0))
    local.get 5
    i64.add)
  ;; Labels that carry them, over operands of other widths.
  (func (param i32) (result i64) (local i64 i32)
    (i32.load (i32.const 0))
    (block $a (result i32 i64)
      (f64.load (i32.const 8))
      (i32.load (i32.const 16))
      (i64.load (i32.const 24))
      (br_if $a (local.get 0))
      local.set 1
      (local.set 2 (i32.load (i32.const 4)))
      drop
      drop
      (local.get 2)
      (local.get 1))
    local.set 1
    i32.add
    (loop $l (param i32) (result i64)
      (i64.load (i32.const 32))
      local.get 1
      i64.add
      local.tee 1
      (call $nop)
      (global.set $g (i32.const 3))
      (local.set 2 (i32.wrap_i64 (local.get 1)))
      local.set 1
      (br_if $l (local.get 2) (local.get 0))
      drop
      local.get 1)
    (if (param i64) (result i64) (local.get 0)
      (then (i64.load (i32.const 40)) (call $nop) i64.mul)
      (else (local.set 1 (i64.load (i32.const 48))) (local.get 1) (call $nop) i64.xor))))
"#;

/// The same functions with vectors in place of i64s.
fn with_vectors() -> Vec<u8> {
    let text = WIDE
        .replace("i32.wrap_i64", "i32x4.extract_lane 0")
        .replace("i64.load", "v128.load")
        .replace("i64.store", "v128.store")
        .replace("i64.add", "i16x8.add")
        .replace("i64.mul", "i16x8.mul")
        .replace("i64.xor", "v128.xor")
        .replace("i64", "v128");
    wat::parse_str(text).unwrap()
}

/// Constants, zeros and locals of 16 bytes that are described.
const VECTORS: &str = r#"(module
  (memory 1) (global v128 (v128.const i64x2 5 6))
  (func $nop)
  (func (param v128 i32) (result v128) (local i64 v128 v128 i32)
    (local.set 3 (v128.const i64x2 0x1234567890abcdef 0x1122334455667788))
    (v128.const i64x2 0 1)
    (call $nop)
    (local.set 4 (global.get 0))
    (call $nop)
    (block $b (result v128)
      (local.get 4)
      (br_if $b (local.get 1))
      drop
      (v128.load8_splat (i32.const 3))
      (call $nop)
      (local.set 5 (v128.any_true (local.get 3)))
      (local.tee 3 (i8x16.add (local.get 0)))
      (v128.store32_lane 2 (i32.const 8) (local.get 3)))
    (call $nop)
    i64x2.add
    local.get 3
    (local.set 0 (i64x2.splat (local.get 2)))
    (v128.bitselect (local.get 0))))
"#;

/// The types that a function's values may have.
const TYPES: [ValType; 7] =
    [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128, ValType::FUNCREF, ValType::EXTERNREF];

fn functions(info: &ModuleInfo) -> impl Iterator<Item = DefinedFuncIndex> {
    info.bodies.keys()
}

type Planner = fn(&ModuleInfo, DefinedFuncIndex, &Blocks) -> crate::base::Result<Plan>;

/// The faults that the checker finds in a module's plans.
fn faults(wasm: &[u8], planner: Planner) -> Vec<String> {
    let info = parse(wasm, &TypeRegistry::default()).unwrap().info;
    let fault = |function| {
        let plan = planner(&info, function, &Blocks::scan(&info, function).unwrap()).unwrap();
        assert!(plan.is_complete, "the corpus uses supported operators");
        check(&info, function, &plan).err().map(|error| error.to_string())
    };
    functions(&info).filter_map(fault).collect()
}

/// Modules to plan.
fn modules() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules = [FUNCTIONS, MANY_OPERANDS, WIDE, VECTORS].map(|text| wat::parse_str(text).unwrap()).to_vec();
    modules.push(with_vectors());
    for folder in ["tests/programs", "benches/programs"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                modules.push(std::fs::read(path).unwrap());
            }
        }
    }
    assert!(modules.len() > 10);
    modules
}

#[test]
fn nothing_is_wrong_with_what_is_planned() {
    for wasm in &modules() {
        for planner in [plan as Planner, plan_every_value, plan_exact] {
            assert_eq!(faults(wasm, planner), Vec::<String>::new());
        }
    }
}

/// Whichever type takes two words, its values are stored, described and read back in whole.
#[test]
fn nothing_is_wrong_with_wide_values() {
    let modules = modules();
    for ty in TYPES {
        for wasm in &modules {
            for planner in [plan as Planner, plan_every_value, plan_exact] {
                assert_eq!(with_wide(ty, || faults(wasm, planner)), Vec::<String>::new(), "{ty}");
            }
        }
    }
}

/// A state slot that has room for wide values has more words, and only for those.
#[test]
fn only_wide_values_take_more_words() {
    let info = parse(&wat::parse_str(WIDE).unwrap(), &TypeRegistry::default()).unwrap().info;
    let words = |planner: Planner| -> Vec<u32> {
        let plan = |function| planner(&info, function, &Blocks::scan(&info, function).unwrap()).unwrap().words;
        functions(&info).map(plan).collect()
    };
    for planner in [plan as Planner, plan_every_value] {
        let (narrow, wide) = (words(planner), with_wide(ValType::I64, || words(planner)));
        assert_eq!(with_wide(ValType::F32, || words(planner)), narrow, "none has an f32");
        // By function: the context, the locals, and the most operands that are stored.
        assert_eq!(narrow[..4], [1, 3, 5, 11]);
        assert_eq!(wide[..4], [1, 4, 6, 17]);
    }
}

#[test]
fn every_mistake_with_wide_values_is_found() {
    let wasm = wat::parse_str(WIDE).unwrap();
    let runs = [Mistake::HalfStored, Mistake::HomesOverlap, Mistake::HalfOverwritten];
    let every_value = [Mistake::HalfStored, Mistake::HomesOverlap];
    for (mistakes, planner) in [(&runs[..], plan as Planner), (&every_value, plan_every_value)] {
        for mistake in mistakes {
            let found = || with(Some(*mistake), || faults(&wasm, planner));
            assert_ne!(with_wide(ValType::I64, found), Vec::<String>::new(), "{mistake:?}");
            // It is none where nothing is wide.
            assert_eq!(found(), Vec::<String>::new(), "{mistake:?}");
            // With vectors it needs no help.
            let vectors = with_vectors();
            assert_ne!(with(Some(*mistake), || faults(&vectors, planner)), Vec::<String>::new(), "{mistake:?}");
        }
    }
}

/// Constants of 16 bytes are described in whole, and a vector's zero isn't another type's.
#[test]
fn mistakes_with_constants_of_vectors_are_found() {
    let zeros = "(module (func $nop) (func (param i32) (result v128) (local v128 i32)
        (block $b (result v128)
          (block $a (result i32)
            local.get 2
            (br_if $a (local.get 0))
            drop
            local.get 1
            (br_if $b (i32.eqz (local.get 0)))
            drop
            (i32.const 5))
          i32x4.splat)
        (call $nop)))";
    for (mistake, text) in [(Mistake::NarrowConst, VECTORS), (Mistake::OneZero, zeros)] {
        let wasm = wat::parse_str(text).unwrap();
        assert_eq!(faults(&wasm, plan), Vec::<String>::new());
        assert_ne!(with(Some(mistake), || faults(&wasm, plan)), Vec::<String>::new(), "{mistake:?}");
    }
}

/// What the first arm has on the stack when it branches away isn't what the way around it has.
#[test]
fn an_arm_that_branches_away_is_proved() {
    let text = "(module (func (param i32) i32.const 5 i64.const 7 local.get 0
        if i32.const 6 br 0 nop end
        drop drop))";
    assert_eq!(faults(&wat::parse_str(text).unwrap(), plan_exact), Vec::<String>::new());
}

/// A branch on null carries what is beneath the reference, which is there again behind it.
#[test]
fn a_reference_behind_a_branch_on_null_is_proved() {
    let wasm = wat::parse_str(
        "(module
          (type $t (func (param i32) (result i32)))
          (table $t 1 (ref null $t))
          (memory 1)
          (func (param i32) (result i32)
            (block $l (result i32)
              (return (call_ref $t (br_on_null $l (i32.load (local.get 0)) (table.get $t (local.get 0)))))))
          (func (param i32 (ref null $t)) (result i32)
            (block $l (result i32)
              (return (call_ref $t (br_on_null $l (local.get 0) (local.get 1)))))))",
    );
    for planner in [plan as Planner, plan_every_value, plan_exact] {
        assert_eq!(faults(wasm.as_ref().unwrap(), planner), Vec::<String>::new());
    }
}

#[test]
fn every_mistake_is_found() {
    let wasm = wat::parse_str(FUNCTIONS).unwrap();
    let runs = [
        Mistake::OneZero,
        Mistake::StaleWord,
        Mistake::LoadIsZero,
        Mistake::AssignedKeeps,
        Mistake::LoopKeeps,
        Mistake::WordsSurviveMerge,
        Mistake::WordsSurviveElse,
        Mistake::WordsSurviveThrow,
        Mistake::ThrowKeeps,
        Mistake::NothingKept,
        Mistake::DelegatedToParent,
        Mistake::BranchStoresNothing,
        Mistake::CarriedNotStored,
        Mistake::NoCheckpoint,
        Mistake::ArgumentsWait,
        Mistake::StaleHome,
        Mistake::SwappedOperands,
        Mistake::WrongOpcode,
        Mistake::AnyFloats,
        Mistake::WrongWord,
        Mistake::TeeKeepsHome,
        Mistake::NoStop,
        Mistake::NarrowConst,
    ];
    let every_value = [
        Mistake::TeeNotStored,
        Mistake::OperandsNotStored,
        Mistake::NotStoredBeforeThrow,
        Mistake::NothingKept,
        Mistake::DelegatedToParent,
        Mistake::NoCheckpoint,
        Mistake::ArgumentsWait,
        Mistake::NoStop,
    ];
    let exact = [
        Mistake::TeeNotStored,
        Mistake::NothingKept,
        Mistake::DelegatedToParent,
        Mistake::ArgumentsWait,
        Mistake::NoStop,
        Mistake::NotReadBack,
        Mistake::VariablesRead,
        Mistake::ZerosWithoutHomes,
    ];
    let mut missed = Vec::new();
    let planners = [(&runs[..], plan as Planner), (&every_value, plan_every_value), (&exact, plan_exact)];
    for (mistakes, planner) in planners {
        assert_eq!(faults(&wasm, planner), Vec::<String>::new());
        for mistake in mistakes {
            let found = with(Some(*mistake), || faults(&wasm, planner));
            if found.is_empty() {
                missed.push(*mistake);
            }
        }
    }
    assert_eq!(missed, []);
}
