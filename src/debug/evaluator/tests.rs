//! Table-driven tests of the evaluator: edge values, traps, and the bits of NaNs.

use super::*;
use crate::abi::operators::{NumericOperands, ends_run, is_reproducible, numeric_operands, read_memory};
use wasmparser::{FrameKind, FrameStack};

struct InsideIf;

impl FrameStack for InsideIf {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(FrameKind::If)
    }
}

/// A world of one memory of two pages whose bytes count up, one global, one table of two elements.
struct World;

impl Outside for World {
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u128> {
        assert_eq!(memory.as_u32(), 0);
        let end = address.checked_add(u64::from(bytes)).filter(|end| *end <= 2 << 16)?;
        Some((address..end).rev().fold(0, |value, byte| value << 8 | u128::from(byte & 0xff)))
    }

    fn memory_size(&self, _: MemoryIndex) -> u64 {
        2
    }

    fn global(&self, _: GlobalIndex) -> u128 {
        77
    }

    fn table_get(&self, _: TableIndex, element: u64) -> Option<u128> {
        [10, 0].get(element as usize).copied()
    }

    fn table_size(&self, _: TableIndex) -> u64 {
        2
    }

    fn func_ref(&self, func: FuncIndex) -> u128 {
        1000 + u128::from(func.as_u32())
    }

    fn is_instance(&self, reference: u64, ty: RefType) -> bool {
        if reference == 0 { ty.nullable } else { ty.heap != crate::base::HeapType::None }
    }

    // An object has its own number and the offset in all its bytes, and an array as many elements as its number says.
    fn object(&self, object: u32, offset: u32, bytes: u8) -> Option<u128> {
        let byte = (object | offset << 4) as u8;
        (object != 0).then(|| u128::from_le_bytes([byte; 16]) & (u128::MAX >> (128 - 8 * u32::from(bytes))))
    }

    fn array_length(&self, array: u32) -> Option<u32> {
        (array != 0).then_some(array)
    }
}

impl Types for World {
    fn reference(&self, ty: RefTypeInModule) -> RefType {
        let heap = if ty == RefTypeInModule::NULLREF.as_non_null() {
            crate::base::HeapType::None
        } else {
            crate::base::HeapType::I31
        };
        RefType { nullable: ty.is_nullable(), heap }
    }

    fn null(&self, heap: HeapType) -> ValType {
        if heap == HeapType::EXTERN { ValType::EXTERNREF } else { ValType::FUNCREF }
    }

    fn global(&self, _: GlobalIndex) -> ValType {
        ValType::I64
    }

    fn table(&self, _: TableIndex) -> RefType {
        RefType::EXTERN
    }

    fn table_index(&self, _: TableIndex) -> ValType {
        ValType::I32
    }

    fn memory_index(&self, _: MemoryIndex) -> ValType {
        ValType::I32
    }

    fn field(&self, ty: TypeIndex, field: u32) -> FieldAt {
        FieldAt { storage: self.element(ty), offset: 8 + field }
    }

    fn element(&self, ty: TypeIndex) -> StorageType {
        let storages =
            [StorageType::I8, StorageType::I16, StorageType::Val(ValType::I64), StorageType::Val(ValType::V128)];
        storages[ty.as_u32() as usize]
    }
}

fn operator(text: &str) -> Inner {
    let wat = format!(
        "(module (memory 2) (memory 2) (table 2 externref) (global i64 (i64.const 1)) (func $f) (elem declare func $f)
         (func (param i32 i64) unreachable {text} unreachable))"
    );
    let bytes = wat::parse_str(&wat).unwrap();
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators: Vec<_> = body.get_operators_reader().unwrap().into_iter().collect::<Result<_, _>>().unwrap();
            if operators.len() > 1 {
                return Inner::new(&operators[1]).expect("replayable");
            }
        }
    }
    unreachable!()
}

fn eval(text: &str, operands: &[Slot]) -> Result<Slot, TrapCode> {
    let mut values = Values { locals: Vec::new(), operands: operands.to_vec() };
    let before = values.clone();
    match operator(text).apply(&mut values, &World, &World) {
        Ok(()) => {
            assert_eq!(values.operands.len(), 1, "{text}");
            Ok(values.operands[0])
        }
        Err(halt) => {
            assert_eq!(values, before, "{text} changes nothing when it would trap");
            let Halt::Trap(trap) = halt else { panic!("{text} doesn't branch") };
            Err(trap)
        }
    }
}

fn i32(value: i32) -> Slot {
    Slot { ty: ValType::I32, bits: u128::from(value as u32) }
}

fn i64(value: i64) -> Slot {
    Slot { ty: ValType::I64, bits: u128::from(value as u64) }
}

fn b32(bits: u32) -> Slot {
    Slot { ty: ValType::F32, bits: u128::from(bits) }
}

fn b64(bits: u64) -> Slot {
    Slot { ty: ValType::F64, bits: u128::from(bits) }
}

fn s(value: f32) -> Slot {
    b32(value.to_bits())
}

fn d(value: f64) -> Slot {
    b64(value.to_bits())
}

/// The first byte of all vector operators.
const VECTORS: u8 = 0xfd;

#[test]
fn the_evaluator_knows_exactly_the_inner_operators() {
    let decode = |bytes: &[u8], known: &mut u32| {
        let Ok(operator) = BinaryReader::new(bytes, 0).peek_operator(&InsideIf) else { return };
        if format!("{operator:?}").contains("target: Array") {
            return; // A load from a GC array is named like one from memory; it isn't compiled.
        }
        assert_eq!(Inner::new(&operator).is_none(), ends_run(&operator), "{operator:?}");
        if !ends_run(&operator) {
            let reads = format!("{operator:?}").contains("memarg") || matches!(operator, Operator::MemorySize { .. });
            assert_eq!(read_memory(&operator).is_some(), reads, "{operator:?}");
        }
        *known += u32::from(!ends_run(&operator));
    };
    let mut known = 0;
    for opcode in 0..=0xffu8 {
        // An immediate of 0x70 is a reference type where one is needed.
        for immediate in [0, 0x40, 0x6f, 0x70] {
            decode(&[opcode, immediate, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &mut known);
            for second in 0..=0x7f {
                decode(&[opcode, second, immediate, 0, 0, 0, 0, 0, 0, 0, 0, 0], &mut known);
            }
        }
    }
    assert!(known > 170);
    // Vectors: those of the proposal for fixed widths but the stores, and none of the relaxed ones.
    let mut vectors = 0;
    for second in 0..0x200u16 {
        let number = [second as u8 & 0x7f | 0x80, (second >> 7) as u8];
        decode(&[&[VECTORS], &number[..], &[0; 24]].concat(), &mut vectors);
    }
    assert_eq!(vectors, 236 - 5);
}

#[test]
fn integers() {
    let min = i32::MIN;
    let cases: &[(&str, &[Slot], Result<Slot, TrapCode>)] = &[
        ("i32.add", &[i32(i32::MAX), i32(1)], Ok(i32(min))),
        ("i32.sub", &[i32(min), i32(1)], Ok(i32(i32::MAX))),
        ("i32.mul", &[i32(0x10001), i32(0x10001)], Ok(i32(0x20001))),
        ("i32.div_s", &[i32(-7), i32(2)], Ok(i32(-3))),
        ("i32.div_s", &[i32(min), i32(-1)], Err(TrapCode::IntegerOverflow)),
        ("i32.div_s", &[i32(min), i32(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i32.div_u", &[i32(-1), i32(2)], Ok(i32(i32::MAX))),
        ("i32.div_u", &[i32(1), i32(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i32.rem_s", &[i32(min), i32(-1)], Ok(i32(0))),
        ("i32.rem_s", &[i32(-7), i32(2)], Ok(i32(-1))),
        ("i32.rem_s", &[i32(-7), i32(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i32.rem_u", &[i32(-1), i32(10)], Ok(i32(5))),
        ("i32.rem_u", &[i32(-1), i32(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i32.shl", &[i32(1), i32(33)], Ok(i32(2))),
        ("i32.shr_s", &[i32(-8), i32(33)], Ok(i32(-4))),
        ("i32.shr_u", &[i32(-8), i32(33)], Ok(i32(0x7fff_fffc))),
        ("i32.rotl", &[i32(min), i32(33)], Ok(i32(1))),
        ("i32.rotr", &[i32(1), i32(33)], Ok(i32(min))),
        ("i32.clz", &[i32(0)], Ok(i32(32))),
        ("i32.ctz", &[i32(0)], Ok(i32(32))),
        ("i32.ctz", &[i32(min)], Ok(i32(31))),
        ("i32.popcnt", &[i32(-1)], Ok(i32(32))),
        ("i32.eqz", &[i32(0)], Ok(i32(1))),
        ("i32.lt_s", &[i32(-1), i32(0)], Ok(i32(1))),
        ("i32.lt_u", &[i32(-1), i32(0)], Ok(i32(0))),
        ("i32.ge_u", &[i32(-1), i32(0)], Ok(i32(1))),
        ("i32.le_s", &[i32(min), i32(min)], Ok(i32(1))),
        ("i32.gt_s", &[i32(min), i32(min)], Ok(i32(0))),
        ("i64.add", &[i64(i64::MAX), i64(1)], Ok(i64(i64::MIN))),
        ("i64.div_s", &[i64(i64::MIN), i64(-1)], Err(TrapCode::IntegerOverflow)),
        ("i64.div_s", &[i64(7), i64(-2)], Ok(i64(-3))),
        ("i64.div_u", &[i64(-1), i64(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i64.rem_s", &[i64(i64::MIN), i64(-1)], Ok(i64(0))),
        ("i64.rem_s", &[i64(1), i64(0)], Err(TrapCode::IntegerDivideByZero)),
        ("i64.rem_u", &[i64(-1), i64(16)], Ok(i64(15))),
        ("i64.shl", &[i64(1), i64(65)], Ok(i64(2))),
        ("i64.shr_s", &[i64(-8), i64(65)], Ok(i64(-4))),
        ("i64.rotr", &[i64(1), i64(65)], Ok(i64(i64::MIN))),
        ("i64.rotl", &[i64(1), i64(-1)], Ok(i64(i64::MIN))),
        ("i64.clz", &[i64(1)], Ok(i64(63))),
        ("i64.eqz", &[i64(1 << 32)], Ok(i32(0))),
        ("i64.ne", &[i64(1 << 32), i64(0)], Ok(i32(1))),
        ("i64.gt_u", &[i64(-1), i64(0)], Ok(i32(1))),
        ("i32.wrap_i64", &[i64(0x1_8000_0000)], Ok(i32(min))),
        ("i64.extend_i32_s", &[i32(-1)], Ok(i64(-1))),
        ("i64.extend_i32_u", &[i32(-1)], Ok(i64(0xffff_ffff))),
        ("i32.extend8_s", &[i32(0x180)], Ok(i32(-128))),
        ("i32.extend16_s", &[i32(0x18000)], Ok(i32(-32768))),
        ("i64.extend8_s", &[i64(0x17f)], Ok(i64(127))),
        ("i64.extend16_s", &[i64(0xffff)], Ok(i64(-1))),
        ("i64.extend32_s", &[i64(0x8000_0000)], Ok(i64(-0x8000_0000))),
    ];
    for (text, operands, expected) in cases {
        assert_eq!(eval(text, operands), *expected, "{text} {operands:?}");
    }
}

#[test]
fn floats() {
    let cases: &[(&str, &[Slot], Slot)] = &[
        ("f32.add", &[s(1.5), s(2.25)], s(3.75)),
        ("f32.sub", &[s(1.0), s(1.0)], s(0.0)),
        ("f32.mul", &[s(-0.0), s(1.0)], s(-0.0)),
        ("f32.div", &[s(1.0), s(-0.0)], s(f32::NEG_INFINITY)),
        ("f32.min", &[s(0.0), s(-0.0)], s(-0.0)),
        ("f32.min", &[s(-0.0), s(0.0)], s(-0.0)),
        ("f32.max", &[s(0.0), s(-0.0)], s(0.0)),
        ("f32.max", &[s(-0.0), s(0.0)], s(0.0)),
        ("f32.max", &[s(-0.0), s(-0.0)], s(-0.0)),
        ("f32.min", &[s(1.0), s(f32::NEG_INFINITY)], s(f32::NEG_INFINITY)),
        ("f32.max", &[s(1.0), s(2.0)], s(2.0)),
        ("f32.ceil", &[s(-0.5)], s(-0.0)),
        ("f32.floor", &[s(-0.5)], s(-1.0)),
        ("f32.trunc", &[s(-0.5)], s(-0.0)),
        ("f32.nearest", &[s(2.5)], s(2.0)),
        ("f32.nearest", &[s(-0.5)], s(-0.0)),
        ("f32.nearest", &[s(8388609.0)], s(8388609.0)),
        ("f32.sqrt", &[s(-0.0)], s(-0.0)),
        ("f32.neg", &[s(0.0)], s(-0.0)),
        ("f32.abs", &[s(-3.0)], s(3.0)),
        ("f32.copysign", &[s(3.0), s(-0.0)], s(-3.0)),
        ("f32.eq", &[s(0.0), s(-0.0)], i32(1)),
        ("f32.eq", &[b32(0x7fc0_0000), b32(0x7fc0_0000)], i32(0)),
        ("f32.ne", &[b32(0x7fc0_0000), s(1.0)], i32(1)),
        ("f32.le", &[b32(0x7fc0_0000), s(1.0)], i32(0)),
        ("f64.add", &[d(0.1), d(0.2)], d(0.1 + 0.2)),
        ("f64.min", &[d(0.0), d(-0.0)], d(-0.0)),
        ("f64.max", &[d(-0.0), d(0.0)], d(0.0)),
        ("f64.nearest", &[d(0.5)], d(0.0)),
        ("f64.nearest", &[d(1.5)], d(2.0)),
        ("f64.lt", &[d(-1.0), d(f64::INFINITY)], i32(1)),
        ("f64.ge", &[d(1.0), d(1.0)], i32(1)),
        ("f64.copysign", &[d(-3.0), d(1.0)], d(3.0)),
        ("f32.convert_i32_s", &[i32(-16777217)], s(-16777216.0)),
        ("f32.convert_i32_u", &[i32(-1)], s(4294967296.0)),
        ("f32.convert_i64_u", &[i64(0x8000_0080_0000_0001_u64 as i64)], b32(0x5f00_0001)),
        ("f32.convert_i64_s", &[i64(i64::MIN)], s(-9223372036854775808.0)),
        ("f64.convert_i64_u", &[i64(-1)], d(18446744073709551616.0)),
        ("f64.convert_i64_s", &[i64(-1)], d(-1.0)),
        ("f64.convert_i32_u", &[i32(-1)], d(4294967295.0)),
        ("f64.convert_i32_s", &[i32(-1)], d(-1.0)),
        ("f32.demote_f64", &[d(1e300)], s(f32::INFINITY)),
        ("f32.demote_f64", &[d(-1e-300)], s(-0.0)),
        ("f64.promote_f32", &[b32(1)], d(1.401298464324817e-45)),
        ("i32.reinterpret_f32", &[b32(0x7fa0_1234)], i32(0x7fa0_1234)),
        ("i64.reinterpret_f64", &[b64(0xfff4 << 48)], i64((0xfff4u64 << 48) as i64)),
        ("f32.reinterpret_i32", &[i32(-1)], b32(u32::MAX)),
        ("f64.reinterpret_i64", &[i64(-1)], b64(u64::MAX)),
    ];
    for (text, operands, expected) in cases {
        assert_eq!(eval(text, operands), Ok(*expected), "{text} {operands:?}");
    }
}

/// What the bits of NaNs are on x86-64; see the module's documentation.
#[cfg(target_arch = "x86_64")]
#[test]
fn nans() {
    let (invalid_32, invalid_64) = (b32(0xffc0_0000), b64(0xfff8 << 48));
    let (quiet, signaling) = (b32(0x7fc0_1234), b32(0xffa0_5678));
    let signaling_64 = b64(0xfff4_0000_0000_5678);
    let quieted = b32(0xffe0_5678);
    let quieted_64 = b64(0xfffc_0000_0000_5678);
    let infinity = s(f32::INFINITY);
    let cases: &[(&str, &[Slot], Slot)] = &[
        ("f32.div", &[s(0.0), s(-0.0)], invalid_32),
        ("f32.sub", &[infinity, infinity], invalid_32),
        ("f32.mul", &[infinity, s(0.0)], invalid_32),
        ("f32.sqrt", &[s(-1.0)], invalid_32),
        ("f64.add", &[d(f64::INFINITY), d(f64::NEG_INFINITY)], invalid_64),
        ("f64.div", &[d(0.0), d(0.0)], invalid_64),
        ("f64.sqrt", &[d(-1.0)], invalid_64),
        ("f32.sub", &[s(1.0), signaling], quieted),
        ("f32.add", &[signaling, signaling], quieted),
        ("f32.max", &[signaling, quieted], quieted),
        ("f64.mul", &[quieted_64, signaling_64], quieted_64),
        ("f32.div", &[signaling, s(1.0)], quieted),
        ("f64.add", &[d(1.0), signaling_64], quieted_64),
        ("f32.max", &[signaling, s(1.0)], quieted),
        ("f64.min", &[signaling_64, d(1.0)], quieted_64),
        ("f32.ceil", &[signaling], quieted),
        ("f32.nearest", &[quiet], quiet),
        ("f32.sqrt", &[signaling], quieted),
        ("f64.trunc", &[signaling_64], quieted_64),
        ("f32.neg", &[signaling], b32(0x7fa0_5678)),
        ("f32.abs", &[signaling], b32(0x7fa0_5678)),
        ("f32.copysign", &[quiet, s(-1.0)], b32(0xffc0_1234)),
        ("f64.neg", &[signaling_64], b64(0x7ff4_0000_0000_5678)),
        ("f64.promote_f32", &[signaling], b64(0xfffc_0acf_0000_0000)),
        ("f32.demote_f64", &[b64(0xfff4_1234_5678_9abc)], b32(0xffe0_91a2)),
        ("f32.demote_f64", &[b64(0x7ff0_0000_0000_0001)], b32(0x7fc0_0000)),
    ];
    for (text, operands, expected) in cases {
        let expected =
            if *text == "f64.promote_f32" { b64(1 << 63 | 0x7ff8 << 48 | 0x0020_5678 << 29) } else { *expected };
        assert_eq!(eval(text, operands), Ok(expected), "{text} {operands:x?}");
    }
}

/// Which of two NaNs comes out, only the machine knows.
#[test]
fn nans_that_differ() {
    let pairs = [
        ("f32", b32(0x7fc0_1234), b32(0xffa0_5678)),
        ("f32", b32(0x7fc0_0000), b32(0xffc0_0000)),
        ("f64", b64(0x7ff8_0000_0000_1234), b64(0xfff4_0000_0000_5678)),
        ("f64", b64(0x7ff8_0000_0000_0001), b64(0x7ff8_0000_0000_0002)),
    ];
    for (ty, first, second) in pairs {
        for name in ["add", "sub", "mul", "div", "min", "max"] {
            let before = Values { locals: Vec::new(), operands: vec![first, second] };
            let mut values = before.clone();
            let halted = operator(&format!("{ty}.{name}")).apply(&mut values, &World, &World);
            assert_eq!((halted, values), (Err(Halt::Unclear), before), "{ty}.{name}");
        }
        assert_eq!(eval(&format!("{ty}.eq"), &[first, second]), Ok(i32(0)));
    }
}

/// So it is in each lane; `min` and `max` of lanes give NaNs without a payload.
#[test]
fn lanes_of_nans_that_differ() {
    let vector = |lanes: [u32; 4]| {
        let bits = lanes.iter().rev().fold(0, |bits, lane| bits << 32 | u128::from(*lane));
        Slot { ty: ValType::V128, bits }
    };
    let one = 0x3f80_0000;
    let (first, second) = (vector([one, one, one, 0x7fc0_1234]), vector([one, one, 0xffa0_5678, 0xffc0_0000]));
    let same = vector([one, one, one, 0x7f80_1234]);
    for name in ["add", "sub", "mul", "div"] {
        let before = Values { locals: Vec::new(), operands: vec![first, second] };
        let mut values = before.clone();
        let halted = operator(&format!("f32x4.{name}")).apply(&mut values, &World, &World);
        assert_eq!((halted, values), (Err(Halt::Unclear), before), "{name}");
        let result = eval(&format!("f32x4.{name}"), &[first, same]).unwrap();
        assert_eq!(result.bits >> 96, 0x7fc0_1234, "{name}");
    }
    let (low, high) = (b64(0x7ff8_0000_0000_0001).bits, b64(0xfff8_0000_0000_0001).bits);
    let doubles = [low << 64, high << 64].map(|bits| Slot { ty: ValType::V128, bits });
    let mut values = Values { locals: Vec::new(), operands: doubles.to_vec() };
    assert_eq!(operator("f64x2.mul").apply(&mut values, &World, &World), Err(Halt::Unclear));
    if cfg!(target_arch = "x86_64") {
        assert_eq!(eval("f32x4.min", &[first, second]), Ok(vector([one, one, 0xffc0_0000, 0xffc0_0000])));
        assert_eq!(eval("f32x4.max", &[first, same]), Ok(vector([one, one, one, 0x7fc0_0000])));
        assert_eq!(eval("f64x2.max", &doubles), Ok(Slot { ty: ValType::V128, bits: 0xfff8 << 112 }));
    }
}

#[test]
fn truncations() {
    use TrapCode::{IntegerOverflow as Overflow, InvalidConversionToInteger as Invalid};
    let cases: &[(&str, Slot, Result<Slot, TrapCode>)] = &[
        ("i32.trunc_f32_s", s(-2147483648.0), Ok(i32(i32::MIN))),
        ("i32.trunc_f32_s", s(-2147483904.0), Err(Overflow)),
        ("i32.trunc_f32_s", s(2147483648.0), Err(Overflow)),
        ("i32.trunc_f32_s", s(2147483520.0), Ok(i32(2147483520))),
        ("i32.trunc_f32_s", s(f32::NAN), Err(Invalid)),
        ("i32.trunc_f32_s", s(f32::INFINITY), Err(Overflow)),
        ("i32.trunc_f32_u", s(-0.99), Ok(i32(0))),
        ("i32.trunc_f32_u", s(-1.0), Err(Overflow)),
        ("i32.trunc_f32_u", s(4294967040.0), Ok(i32(-256))),
        ("i32.trunc_f32_u", s(4294967296.0), Err(Overflow)),
        ("i32.trunc_f64_s", d(-2147483648.9), Ok(i32(i32::MIN))),
        ("i32.trunc_f64_s", d(-2147483649.0), Err(Overflow)),
        ("i32.trunc_f64_s", d(2147483647.9), Ok(i32(i32::MAX))),
        ("i32.trunc_f64_s", d(2147483648.0), Err(Overflow)),
        ("i32.trunc_f64_u", d(4294967295.9), Ok(i32(-1))),
        ("i32.trunc_f64_u", d(4294967296.0), Err(Overflow)),
        ("i64.trunc_f32_s", s(-9223372036854775808.0), Ok(i64(i64::MIN))),
        ("i64.trunc_f32_s", s(-9223373136366403584.0), Err(Overflow)),
        ("i64.trunc_f32_s", s(9223372036854775808.0), Err(Overflow)),
        ("i64.trunc_f32_u", s(18446742974197923840.0), Ok(i64(-1099511627776))),
        ("i64.trunc_f32_u", s(18446744073709551616.0), Err(Overflow)),
        ("i64.trunc_f64_s", d(-9223372036854775808.0), Ok(i64(i64::MIN))),
        ("i64.trunc_f64_s", d(-9223372036854777856.0), Err(Overflow)),
        ("i64.trunc_f64_u", d(f64::NAN), Err(Invalid)),
        ("i64.trunc_f64_u", d(-0.5), Ok(i64(0))),
        ("i64.trunc_f64_u", d(18446744073709551616.0), Err(Overflow)),
        ("i32.trunc_sat_f32_s", s(f32::NAN), Ok(i32(0))),
        ("i32.trunc_sat_f32_s", s(f32::NEG_INFINITY), Ok(i32(i32::MIN))),
        ("i32.trunc_sat_f32_u", s(-5.0), Ok(i32(0))),
        ("i32.trunc_sat_f64_s", d(1e10), Ok(i32(i32::MAX))),
        ("i32.trunc_sat_f64_u", d(1e10), Ok(i32(-1))),
        ("i64.trunc_sat_f32_s", s(1e30), Ok(i64(i64::MAX))),
        ("i64.trunc_sat_f32_u", s(1e30), Ok(i64(-1))),
        ("i64.trunc_sat_f64_s", d(-1e30), Ok(i64(i64::MIN))),
        ("i64.trunc_sat_f64_u", d(f64::NAN), Ok(i64(0))),
    ];
    for (text, operand, expected) in cases {
        assert_eq!(eval(text, &[*operand]), *expected, "{text} {operand:x?}");
    }
}

#[test]
fn outside() {
    let any = |bits| Slot { ty: ValType::ANYREF, bits };
    let null = Slot { ty: ValType::EXTERNREF, bits: 0 };
    let cases: &[(&str, &[Slot], Result<Slot, TrapCode>)] = &[
        ("i32.load", &[i32(0x80)], Ok(i32(0x83828180_u32 as i32))),
        ("i64.load offset=0x80", &[i32(0)], Ok(i64(0x8786858483828180_u64 as i64))),
        ("f32.load", &[i32(1)], Ok(b32(0x04030201))),
        ("f64.load", &[i32(1)], Ok(b64(0x0807060504030201))),
        ("i32.load8_s", &[i32(0xff)], Ok(i32(-1))),
        ("i32.load8_u", &[i32(0xff)], Ok(i32(255))),
        ("i32.load16_s", &[i32(0xfe)], Ok(i32(-2))),
        ("i32.load16_u", &[i32(0xfe)], Ok(i32(0xfffe))),
        ("i64.load8_s", &[i32(0x80)], Ok(i64(-128))),
        ("i64.load8_u", &[i32(0x80)], Ok(i64(128))),
        ("i64.load16_s", &[i32(0x80)], Ok(i64(-0x7e80))),
        ("i64.load16_u", &[i32(0x80)], Ok(i64(0x8180))),
        ("i64.load32_s", &[i32(0x80)], Ok(i64(0x83828180_u32 as i32 as i64))),
        ("i64.load32_u", &[i32(0x80)], Ok(i64(0x83828180))),
        ("i32.load8_u", &[i32(0x1ffff)], Ok(i32(255))),
        ("i32.load8_u offset=1", &[i32(0x1ffff)], Err(TrapCode::MemoryOutOfBounds)),
        ("i32.load", &[i32(0x1fffd)], Err(TrapCode::MemoryOutOfBounds)),
        ("i32.load offset=0xffffffff", &[i32(-1)], Err(TrapCode::MemoryOutOfBounds)),
        ("memory.size", &[], Ok(i32(2))),
        ("table.size 0", &[], Ok(i32(2))),
        ("table.get 0", &[i32(0)], Ok(Slot { ty: ValType::EXTERNREF, bits: 10 })),
        ("table.get 0", &[i32(1)], Ok(null)),
        ("table.get 0", &[i32(2)], Err(TrapCode::TableOutOfBounds)),
        ("table.get 0", &[i32(-1)], Err(TrapCode::TableOutOfBounds)),
        ("global.get 0", &[], Ok(i64(77))),
        ("ref.func 0", &[], Ok(Slot { ty: ValType::FUNCREF, bits: 1000 })),
        ("ref.null extern", &[], Ok(null)),
        ("ref.null func", &[], Ok(Slot { ty: ValType::FUNCREF, bits: 0 })),
        ("ref.i31", &[i32(-2)], Ok(any(0xffff_fffd))),
        ("ref.i31", &[i32(0x4000_0001)], Ok(any(0x8000_0003))),
        ("i31.get_s", &[any(0xffff_fffd)], Ok(i32(-2))),
        ("i31.get_u", &[any(0xffff_fffd)], Ok(i32(0x7fff_fffe))),
        ("i31.get_u", &[any(0)], Err(TrapCode::NullReference)),
        ("ref.eq", &[any(7), any(7)], Ok(i32(1))),
        ("ref.eq", &[any(7), any(0)], Ok(i32(0))),
        ("ref.test i31ref", &[any(0)], Ok(i32(1))),
        ("ref.test (ref i31)", &[any(0)], Ok(i32(0))),
        ("ref.cast (ref i31)", &[any(7)], Ok(any(7))),
        ("ref.cast (ref none)", &[any(7)], Err(TrapCode::CastFailure)),
        ("any.convert_extern", &[Slot { ty: ValType::EXTERNREF, bits: 6 }], Ok(any(6))),
        ("ref.is_null", &[null], Ok(i32(1))),
        ("i32.const -1", &[], Ok(i32(-1))),
        ("i64.const -1", &[], Ok(i64(-1))),
        ("f32.const nan:0x200001", &[], Ok(b32(0x7fa00001))),
        ("f64.const -0", &[], Ok(d(-0.0))),
        ("select", &[i32(1), i32(2), i32(0x100)], Ok(i32(1))),
        ("select", &[i32(1), i32(2), i32(0)], Ok(i32(2))),
        ("select (result f32)", &[s(1.0), s(2.0), i32(0)], Ok(s(2.0))),
        ("drop", &[i64(1), i64(2)], Ok(i64(1))),
        ("nop", &[i64(1)], Ok(i64(1))),
    ];
    for (text, operands, expected) in cases {
        assert_eq!(eval(text, operands), *expected, "{text} {operands:x?}");
    }
}

#[test]
fn numbers_of_128_bits_are_halves() {
    let cases: &[(&str, &[i64], [i64; 2])] = &[
        ("i64.add128", &[-1, 5, 1, 2], [0, 8]),
        ("i64.add128", &[-1, -1, 1, 0], [0, 0]),
        ("i64.sub128", &[0, 5, 1, 2], [-1, 2]),
        ("i64.sub128", &[0, 0, 1, 0], [-1, -1]),
        ("i64.mul_wide_u", &[-1, -1], [1, -2]),
        ("i64.mul_wide_s", &[-1, -1], [1, 0]),
        ("i64.mul_wide_s", &[i64::MIN, 2], [0, -1]),
        ("i64.mul_wide_u", &[i64::MIN, 2], [0, 1]),
    ];
    for (text, operands, expected) in cases {
        let below = i32(7);
        let operands = [below].into_iter().chain(operands.iter().copied().map(i64)).collect();
        let mut values = Values { locals: Vec::new(), operands };
        operator(text).apply(&mut values, &World, &World).unwrap();
        assert_eq!(values.operands, [below, i64(expected[0]), i64(expected[1])], "{text}");
    }
}

#[test]
fn locals() {
    let mut values = Values { locals: vec![i32(5), i64(6)], operands: Vec::new() };
    for text in ["local.get 1", "local.get 0", "local.tee 0", "i32.const 9", "local.set 0", "drop"] {
        operator(text).apply(&mut values, &World, &World).unwrap();
    }
    assert_eq!(values, Values { locals: vec![i32(9), i64(6)], operands: vec![i64(6)] });
}

#[test]
fn conditional_branches_are_passed_or_leave_the_run() {
    let cases = [(Inner::BrIf, 0, true), (Inner::BrIf, 7, false), (Inner::If, 7, true), (Inner::If, 0, false)];
    for (inner, condition, passes) in cases {
        let before = Values { locals: Vec::new(), operands: vec![i64(3), i32(condition)] };
        let mut values = before.clone();
        let outcome = inner.apply(&mut values, &World, &World);
        let after = Values { locals: Vec::new(), operands: vec![i64(3)] };
        let expected = if passes { (Ok(()), after) } else { (Err(Halt::Branch), before) };
        assert_eq!((outcome, values), expected, "{inner:?} {condition}");
    }
}

#[test]
fn unused_upper_halves_are_cut() {
    assert_eq!(Slot::new(ValType::I32, u128::MAX), i32(-1));
    assert_eq!(Slot::new(ValType::F32, u128::MAX), b32(u32::MAX));
    assert_eq!(Slot::new(ValType::I64, u128::MAX), i64(-1));
}

/// What moves values without looking at them moves all 16 bytes, whatever the type.
#[test]
fn wide_values_are_moved_whole() {
    const BITS: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;

    /// The world, with a wide value wherever it holds one.
    struct Wide;

    impl Outside for Wide {
        fn is_instance(&self, reference: u64, _: RefType) -> bool {
            reference != 0
        }

        fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u128> {
            World.load(memory, address, bytes)
        }

        fn memory_size(&self, memory: MemoryIndex) -> u64 {
            World.memory_size(memory)
        }

        fn global(&self, _: GlobalIndex) -> u128 {
            BITS
        }

        fn table_get(&self, _: TableIndex, _: u64) -> Option<u128> {
            Some(BITS)
        }

        fn table_size(&self, table: TableIndex) -> u64 {
            World.table_size(table)
        }

        fn func_ref(&self, _: FuncIndex) -> u128 {
            BITS
        }

        fn object(&self, _: u32, _: u32, _: u8) -> Option<u128> {
            Some(BITS)
        }

        fn array_length(&self, array: u32) -> Option<u32> {
            World.array_length(array)
        }
    }

    let wide = |ty| Slot { ty, bits: BITS };
    let i64_wide = wide(ValType::I64);
    let load = Inner::Load { memory: MemoryIndex::from_u32(0), offset: 0, bytes: 16, signed: false, ty: ValType::I64 };
    let cases = [
        (operator("local.get 1"), vec![], i64_wide),
        (operator("local.tee 1"), vec![i64_wide], i64_wide),
        (operator("select"), vec![i64_wide, i64(1), i32(1)], i64_wide),
        (operator("select"), vec![i64(1), i64_wide, i32(0)], i64_wide),
        (operator("global.get 0"), vec![], i64_wide),
        (operator("table.get 0"), vec![i32(0)], wide(ValType::EXTERNREF)),
        (operator("ref.func 0"), vec![], wide(ValType::FUNCREF)),
        (Inner::Const(i64_wide), vec![], i64_wide),
        (load, vec![i32(0)], i64_wide),
    ];
    for (inner, operands, expected) in cases {
        let mut values = Values { locals: vec![i32(0), i64_wide], operands };
        inner.apply(&mut values, &World, &Wide).unwrap();
        assert_eq!(values, Values { locals: vec![i32(0), i64_wide], operands: vec![expected] }, "{inner:?}");
    }
    for text in ["local.set 1", "local.tee 1"] {
        let mut values = Values { locals: vec![i32(0), i64(0)], operands: vec![i64_wide] };
        operator(text).apply(&mut values, &World, &Wide).unwrap();
        assert_eq!(values.locals[1], i64_wide, "{text}");
    }
}

#[test]
fn parts_of_objects_are_read_or_trap() {
    let apply = |inner: Inner, operands: &[Slot]| {
        let mut values = Values { locals: Vec::new(), operands: operands.to_vec() };
        inner.apply(&mut values, &World, &World).map(|()| values.operands)
    };
    let (reference, index) = (|word| Slot::scalar(ValType::ANYREF, word), |index| Slot::scalar(ValType::I32, index));
    let ty = TypeIndex::from_u32;
    let get = |ty, field, signed| Inner::StructGet { ty, field, signed };
    assert_eq!(apply(get(ty(0), 0, false), &[reference(3)]), Ok(vec![Slot::scalar(ValType::I32, 0x83)]));
    assert_eq!(apply(get(ty(0), 0, true), &[reference(3)]), Ok(vec![Slot::scalar(ValType::I32, 0xffff_ff83)]));
    assert_eq!(
        apply(get(ty(2), 1, false), &[reference(3)]),
        Ok(vec![Slot::scalar(ValType::I64, 0x9393_9393_9393_9393)])
    );
    assert_eq!(apply(get(ty(2), 1, false), &[reference(0)]), Err(Halt::Trap(TrapCode::NullReference)));
    let element = |ty, signed| Inner::ArrayGet { ty, signed };
    assert_eq!(
        apply(element(ty(1), true), &[reference(9), index(8)]),
        Ok(vec![Slot::scalar(ValType::I32, 0xffff_c9c9)])
    );
    assert_eq!(apply(element(ty(1), true), &[reference(9), index(9)]), Err(Halt::Trap(TrapCode::ArrayOutOfBounds)));
    assert_eq!(apply(element(ty(3), false), &[reference(0), index(0)]), Err(Halt::Trap(TrapCode::NullReference)));
    assert_eq!(apply(Inner::ArrayLen, &[reference(5)]), Ok(vec![index(5)]));
    assert_eq!(apply(Inner::ArrayLen, &[reference(0)]), Err(Halt::Trap(TrapCode::NullReference)));
}

#[test]
fn every_numeric_operator_takes_what_its_opcode_says() {
    let mut known = 0;
    for opcode in 0..=u8::MAX {
        let Some(NumericOperands { count, is_wide }) = numeric_operands(opcode) else { continue };
        known += 1;
        let taken = match Inner::numeric(opcode) {
            Inner::Unary(..) => 1,
            Inner::Binary(..) | Inner::Arithmetic(..) => 2,
            other => panic!("{other:?} isn't numeric"),
        };
        assert_eq!(count, taken, "{opcode:#x}");
        assert_eq!(matches!(Inner::numeric(opcode), Inner::Arithmetic(..)), !is_reproducible(opcode), "{opcode:#x}");
        let name = format!("{:?}", OperatorsReader::new(BinaryReader::new(&[opcode], 0)).read().unwrap());
        // The operand's type is the second that a name has, or the only one.
        let operand = ["I32", "I64", "F32", "F64"].into_iter().max_by_key(|ty| name.rfind(ty)).unwrap();
        assert_eq!(is_wide, operand.ends_with("64"), "{name}");
    }
    assert_eq!(known, 0xc4 - 0x45 + 1);
}
