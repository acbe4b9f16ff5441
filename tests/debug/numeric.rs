//! Replay against the machine: every numeric operator on edge values, NaNs included, must show the bits that compiled
//! code then returns, or the trap that it then raises.

use crate::scene::{self, Scene};
use pellucid::base::{TrapCode, Value};
use pellucid::debug::Action;
use pellucid::debug::{Debuggee, Event, EventKind};
use std::cell::RefCell;
use std::rc::Rc;

const UNARY: &[(&str, &str, &str)] = &[
    ("i32", "i32", "i32.eqz i32.clz i32.ctz i32.popcnt i32.extend8_s i32.extend16_s"),
    ("i64", "i32", "i64.eqz i32.wrap_i64"),
    ("i64", "i64", "i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s"),
    ("i32", "i64", "i64.extend_i32_s i64.extend_i32_u"),
    ("f32", "f32", "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"),
    ("f64", "f64", "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"),
    ("f32", "i32", "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.reinterpret_f32"),
    ("f64", "i32", "i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u"),
    ("f32", "i64", "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u"),
    ("f64", "i64", "i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u i64.reinterpret_f64"),
    ("i32", "f32", "f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32"),
    ("i64", "f32", "f32.convert_i64_s f32.convert_i64_u"),
    ("i32", "f64", "f64.convert_i32_s f64.convert_i32_u"),
    ("i64", "f64", "f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64"),
    ("f64", "f32", "f32.demote_f64"),
    ("f32", "f64", "f64.promote_f32"),
];

const BINARY: &[(&str, &str, &str)] = &[
    (
        "i32",
        "i32",
        "i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u i32.add i32.sub i32.mul \
         i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr",
    ),
    ("i64", "i32", "i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u"),
    (
        "i64",
        "i64",
        "i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s \
         i64.shr_u i64.rotl i64.rotr",
    ),
    ("f32", "i32", "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge"),
    ("f64", "i32", "f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"),
    ("f32", "f32", "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"),
    ("f64", "f64", "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"),
];

fn values(ty: &str) -> Vec<Value> {
    match ty {
        "i32" => [0, 1, -1, 2, 7, 31, 32, 33, i32::MIN, i32::MAX, 0x1234_5678, -0x7f80, 0x80, 16777217]
            .map(Value::I32)
            .to_vec(),
        "i64" => [
            0,
            1,
            -1,
            63,
            64,
            i64::MIN,
            i64::MAX,
            1 << 32,
            0xffff_ffff,
            0x8000_0080_0000_0001_u64 as i64,
            0x0020_0000_2000_0001,
            -0x8000_0001,
        ]
        .map(Value::I64)
        .to_vec(),
        "f32" => [
            0.0_f32,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            1.5,
            2.5,
            -0.99999994,
            f32::MIN_POSITIVE,
            f32::from_bits(1),
            f32::MAX,
            f32::INFINITY,
            f32::NEG_INFINITY,
            2147483520.0,
            2147483648.0,
            -2147483648.0,
            4294967040.0,
            4294967296.0,
            9223371487098961920.0,
            9223372036854775808.0,
            -9223372036854775808.0,
            -9223373136366403584.0,
            18446742974197923840.0,
            18446744073709551616.0,
            8388609.5,
        ]
        .map(f32::to_bits)
        .into_iter()
        .chain([0x7fc0_0000, 0xffc0_0000, 0x7fc0_1234, 0xffa0_5678, 0x7f80_0001])
        .map(Value::F32)
        .collect(),
        _ => [
            0.0_f64,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.9999999999999999,
            2.5,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
            2147483647.9,
            2147483648.0,
            -2147483648.9,
            -2147483649.0,
            4294967295.9,
            4294967296.0,
            9223372036854774784.0,
            9223372036854775808.0,
            -9223372036854775808.0,
            -9223372036854777856.0,
            18446744073709549568.0,
            18446744073709551616.0,
            1e-46,
            3.4028235677973366e38,
        ]
        .map(f64::to_bits)
        .into_iter()
        .chain([0x7ff8 << 48, 0xfff8 << 48, 0x7ff8_0000_0000_1234, 0xfff4_1234_5678_9abc, 0x7ff0_0000_0000_0001])
        .map(Value::F64)
        .collect(),
    }
}

/// Runs `body` on each of `arguments` with a breakpoint at its end; what replay showed there must be what came out.
/// Without a breakpoint it must come out the same.
fn compare(param_types: &[&str], result: &str, body: &str, arguments: &[Vec<Value>]) {
    compare_in("(memory 1)", param_types, result, body, arguments);
}

/// The same in a module with other declarations.
fn compare_in(declarations: &str, param_types: &[&str], result: &str, body: &str, arguments: &[Vec<Value>]) {
    let params = param_types.join(" ");
    let scene =
        Scene::new(&format!("(module {declarations} (func (export \"f\") (param {params}) (result {result}) {body}))"));
    let end = scene::operators(&scene.module, 0) - 1;
    let shown = Rc::new(RefCell::new(None));
    let show = {
        let shown = shown.clone();
        move |debuggee: &Debuggee, event: &Event| {
            let state = scene::state(debuggee, &event.frame.unwrap());
            *shown.borrow_mut() = Some(state.operands);
            Action::Continue
        }
    };
    scene.debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(show)).unwrap();
    for args in arguments {
        let plain = scene.call("f", args);
        let id = scene.add(0, end);
        let stopped = scene.call("f", args);
        scene.edit(|edit| edit.remove(id));
        let shown = shown.take();
        match (plain, stopped) {
            (Ok(plain), Ok(stopped)) => {
                assert_eq!(plain, stopped, "{body} {args:x?}");
                assert_eq!(shown, Some(plain), "{body} {args:x?}");
            }
            (Err(plain), Err(stopped)) => {
                assert_eq!(plain.trap_code(), stopped.trap_code());
                assert!(plain.trap_code().is_some_and(|code| code != TrapCode::Unreachable));
                assert_eq!(shown, None, "{body} {args:x?}");
            }
            (plain, stopped) => panic!("{body} {args:x?}: {plain:?}, {stopped:?}"),
        }
    }
}

#[test]
fn operators_on_one_operand() {
    for (param, result, operators) in UNARY {
        let arguments: Vec<_> = values(param).into_iter().map(|value| vec![value]).collect();
        for operator in operators.split_whitespace() {
            compare(&[param], result, &format!("local.get 0 {operator}"), &arguments);
        }
    }
}

#[test]
fn operators_on_two_operands() {
    for (param, result, operators) in BINARY {
        let values = values(param);
        let arguments: Vec<_> = values.iter().flat_map(|a| values.iter().map(|b| vec![*a, *b])).collect();
        for operator in operators.split_whitespace() {
            compare(&[param, param], result, &format!("local.get 0 local.get 1 {operator}"), &arguments);
        }
    }
}

#[test]
fn operators_on_numbers_of_128_bits() {
    let values: Vec<_> =
        [0, 1, -1, i64::MIN, i64::MAX, 0x1_0000_0001, 0x8000_0080_0000_0001_u64 as i64].map(Value::I64).to_vec();
    let pairs: Vec<_> = values.iter().flat_map(|a| values.iter().map(|b| vec![*a, *b])).collect();
    for operator in ["i64.mul_wide_s", "i64.mul_wide_u"] {
        compare(&["i64"; 2], "i64 i64", &format!("local.get 0 local.get 1 {operator}"), &pairs);
    }
    let fours: Vec<_> = pairs.iter().flat_map(|a| pairs.iter().map(|b| [&a[..], &b[..]].concat())).collect();
    for operator in ["i64.add128", "i64.sub128"] {
        let body = format!("local.get 0 local.get 1 local.get 2 local.get 3 {operator}");
        compare(&["i64"; 4], "i64 i64", &body, &fours);
    }
}

#[test]
fn operators_on_what_is_addressed_by_64_bits() {
    let declarations = "(memory i64 2) (data (i64.const 65530) \"abcdefgh\") (memory $bytes i64 70001 (pagesize 1))
        (data (memory $bytes) (i64.const 69995) \"uvwxyz\") (table i64 3 externref)";
    let near = [0, 3, 65530, 131064, 131072, 1 << 32, 1 << 61, i64::MAX, i64::MIN];
    let around = near.into_iter().flat_map(|near| [-17, -8, -7, -1, 0, 1_i64].map(|far| near.wrapping_add(far)));
    let indices: Vec<_> = around.chain([69993, 69995, 69998, 70000]).map(|index| vec![Value::I64(index)]).collect();
    for offset in [0, 1, 65536, 1 << 32, 1 << 63, u64::MAX - 65535, u64::MAX] {
        for (load, result) in [("i64.load", "i64"), ("i32.load8_s", "i32"), ("v128.load", "v128")] {
            for memory in ["0", "$bytes"] {
                let body = format!("local.get 0 {load} {memory} offset={offset}");
                compare_in(declarations, &["i64"], result, &body, &indices);
            }
        }
    }
    compare_in(declarations, &["i64"], "i32", "local.get 0 table.get 0 ref.is_null", &indices);
    let sizes = "memory.size memory.size $bytes table.size 0 local.get 0 memory.grow table.size 0 i64.add";
    compare_in(declarations, &["i64"], "i64 i64 i64 i64", sizes, &[vec![Value::I64(1 << 48)], vec![Value::I64(0)]]);
}

/// The same with operands straight from memory, which the compiler may fold into the instruction; there, two NaNs may
/// come out in the other order, so one operand is a number.
#[test]
fn operands_from_memory() {
    for (param, result, operators) in &BINARY[3..] {
        let nans = values(param);
        let numbers: Vec<_> = nans.iter().filter(|value| !is_nan(value)).collect();
        let pairs = nans.iter().flat_map(|a| numbers.iter().flat_map(move |b| [vec![*a, **b], vec![**b, *a]]));
        let arguments: Vec<_> = pairs.collect();
        for operator in operators.split_whitespace() {
            let body = format!(
                "i32.const 8 local.get 0 {param}.store i32.const 16 local.get 1 {param}.store
                 i32.const 8 {param}.load i32.const 16 {param}.load {operator}"
            );
            compare(&[param, param], result, &body, &arguments);
        }
    }
}

fn is_nan(value: &Value) -> bool {
    match *value {
        Value::F32(bits) => f32::from_bits(bits).is_nan(),
        Value::F64(bits) => f64::from_bits(bits).is_nan(),
        _ => false,
    }
}
