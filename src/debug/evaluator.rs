//! Evaluates replayable operators: what [`ends_run`](crate::abi::operators::ends_run) calls inner ones, no others.
//!
//! Knows no store: memories, globals and tables are behind [`Outside`]. Invariant: where compiled code would go on,
//! the evaluator gives the same bits; where it would trap, it says so and changes nothing, and the machine does it.
//!
//! # NaNs
//!
//! The specification leaves the bits of an arithmetic NaN open, the processor and Cranelift's choice of instructions
//! don't. On x86-64 `add`, `sub`, `mul` and `div` are the SSE instructions with the left operand first: a NaN operand
//! comes out quieted, the left one if both are NaN, and an invalid operation on numbers gives the default NaN with
//! the sign *set*. `min` and `max` treat a NaN by adding the left operand to the right one, so there the *right* one
//! wins. `ceil`, `floor`, `trunc`, `nearest`, `sqrt`, `demote` and `promote` quiet a NaN operand and keep its sign and
//! (the upper part of) its payload. `abs`, `neg`, `copysign` and loads only move bits. All NaNs are therefore treated
//! here explicitly rather than by Rust's operators, whose NaN bits are unspecified. One case stays undetermined: where
//! *both* operands of a commutative operator are NaN, Cranelift may have swapped them to use an operand straight from
//! memory, and the two payloads could differ.
//!
//! Read next: [`super::replay`], which walks a run with this.

use crate::base::{FuncIndex, GlobalIndex, MemoryIndex, RefType, TableIndex, TrapCode, ValType};
use wasmparser::{AbstractHeapType, HeapType, MemArg, MemArgTarget, Operator};

/// A value of a frame: its type and its bits, zero-extended to 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The type.
    pub ty: ValType,
    /// The bits, as [`RawValue`](crate::base::RawValue) has them.
    pub bits: u64,
}

impl Slot {
    /// A slot from bits whose unused upper half may be anything.
    pub fn new(ty: ValType, bits: u64) -> Slot {
        let bits = match ty {
            ValType::I32 | ValType::F32 => bits & 0xffff_ffff,
            ValType::I64 | ValType::F64 | ValType::Ref(_) => bits,
        };
        Slot { ty, bits }
    }
}

/// Locals and operands of a frame.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Values {
    /// Locals, parameters first.
    pub locals: Vec<Slot>,
    /// Operands, bottom first.
    pub operands: Vec<Slot>,
}

/// What operators see beyond their frame.
pub trait Outside {
    /// Reads 1, 2, 4 or 8 little-endian bytes of a memory, zero-extended; `None` if any is out of bounds.
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64>;
    /// A memory's size in pages.
    fn memory_size(&self, memory: MemoryIndex) -> u64;
    /// A global's bits.
    fn global(&self, global: GlobalIndex) -> u64;
    /// A table's element; `None` if it is out of bounds.
    fn table_get(&self, table: TableIndex, element: u32) -> Option<u64>;
    /// A table's size in elements.
    fn table_size(&self, table: TableIndex) -> u64;
    /// The reference of a function.
    fn func_ref(&self, func: FuncIndex) -> u64;
}

/// A replayable operator, decoded.
#[derive(Clone, Copy, Debug)]
pub enum Inner {
    /// `nop`, and the structure that execution passes through: `block`, `loop`, `end`.
    Nothing,
    /// `drop`.
    Drop,
    /// `select`, typed or not.
    Select,
    /// `local.get`.
    LocalGet(u32),
    /// `local.set`.
    LocalSet(u32),
    /// `local.tee`.
    LocalTee(u32),
    /// `global.get` of a global; the type is for the result.
    GlobalGet(GlobalIndex),
    /// A constant, or `ref.null`.
    Const(Slot),
    /// `ref.func`.
    RefFunc(FuncIndex),
    /// `table.get`.
    TableGet(TableIndex),
    /// `table.size`.
    TableSize(TableIndex),
    /// `memory.size`.
    MemorySize(MemoryIndex),
    /// A load.
    Load {
        /// From where.
        memory: MemoryIndex,
        /// Added to the address operand.
        offset: u64,
        /// How many bytes.
        bytes: u8,
        /// Whether they are sign-extended to `ty`.
        signed: bool,
        /// The type of the result.
        ty: ValType,
    },
    /// An operator from one operand.
    Unary(ValType, fn(u64) -> Numeric),
    /// An operator from two operands.
    Binary(ValType, fn(u64, u64) -> Numeric),
}

/// What a numeric operator gives: bits, or a trap.
pub type Numeric = Result<u64, TrapCode>;

/// The types that a module's globals and tables have, which the operators themselves don't say.
pub trait Types {
    /// The type of a global's value.
    fn global(&self, global: GlobalIndex) -> ValType;
    /// The type of a table's elements.
    fn table(&self, table: TableIndex) -> RefType;
}

impl Types for crate::wasm::ModuleInfo {
    fn global(&self, global: GlobalIndex) -> ValType {
        self.globals[global].value
    }

    fn table(&self, table: TableIndex) -> RefType {
        self.tables[table].element
    }
}

impl Inner {
    /// Decodes a replayable operator; `None` for all others.
    pub fn new(operator: &Operator<'_>) -> Option<Inner> {
        use Operator::*;
        use ValType::{F32, F64, I32, I64};
        let load = |memarg: &MemArg, ty, bytes, signed| {
            let MemArgTarget::Memory(memory) = memarg.target else { return None };
            let memory = MemoryIndex::from_u32(memory);
            Some(Inner::Load { memory, offset: memarg.offset, bytes, signed, ty })
        };
        let constant = |ty, bits| Some(Inner::Const(Slot { ty, bits }));
        let unary = |ty, apply| Some(Inner::Unary(ty, apply));
        let binary = |ty, apply| Some(Inner::Binary(ty, apply));
        match operator {
            Nop | Block { .. } | Loop { .. } | End => Some(Inner::Nothing),
            Drop => Some(Inner::Drop),
            Select | TypedSelect { .. } => Some(Inner::Select),
            LocalGet { local_index } => Some(Inner::LocalGet(*local_index)),
            LocalSet { local_index } => Some(Inner::LocalSet(*local_index)),
            LocalTee { local_index } => Some(Inner::LocalTee(*local_index)),
            GlobalGet { global_index } => Some(Inner::GlobalGet(GlobalIndex::from_u32(*global_index))),
            I32Const { value } => constant(I32, u64::from(*value as u32)),
            I64Const { value } => constant(I64, *value as u64),
            F32Const { value } => constant(F32, u64::from(value.bits())),
            F64Const { value } => constant(F64, value.bits()),
            RefNull { hty } => constant(null_type(hty), 0),
            RefIsNull => unary(I32, |a| Ok(u64::from(a == 0))),
            RefFunc { function_index } => Some(Inner::RefFunc(FuncIndex::from_u32(*function_index))),
            TableGet { table } => Some(Inner::TableGet(TableIndex::from_u32(*table))),
            TableSize { table } => Some(Inner::TableSize(TableIndex::from_u32(*table))),
            MemorySize { mem } => Some(Inner::MemorySize(MemoryIndex::from_u32(*mem))),

            I32Load { memarg } => load(memarg, I32, 4, false),
            I64Load { memarg } => load(memarg, I64, 8, false),
            F32Load { memarg } => load(memarg, F32, 4, false),
            F64Load { memarg } => load(memarg, F64, 8, false),
            I32Load8S { memarg } => load(memarg, I32, 1, true),
            I32Load8U { memarg } => load(memarg, I32, 1, false),
            I32Load16S { memarg } => load(memarg, I32, 2, true),
            I32Load16U { memarg } => load(memarg, I32, 2, false),
            I64Load8S { memarg } => load(memarg, I64, 1, true),
            I64Load8U { memarg } => load(memarg, I64, 1, false),
            I64Load16S { memarg } => load(memarg, I64, 2, true),
            I64Load16U { memarg } => load(memarg, I64, 2, false),
            I64Load32S { memarg } => load(memarg, I64, 4, true),
            I64Load32U { memarg } => load(memarg, I64, 4, false),

            I32Eqz => unary(I32, |a| truth(a as u32 == 0)),
            I32Eq => binary(I32, |a, b| truth(a as u32 == b as u32)),
            I32Ne => binary(I32, |a, b| truth(a as u32 != b as u32)),
            I32LtS => binary(I32, |a, b| truth((a as i32) < b as i32)),
            I32LtU => binary(I32, |a, b| truth((a as u32) < b as u32)),
            I32GtS => binary(I32, |a, b| truth(a as i32 > b as i32)),
            I32GtU => binary(I32, |a, b| truth(a as u32 > b as u32)),
            I32LeS => binary(I32, |a, b| truth(a as i32 <= b as i32)),
            I32LeU => binary(I32, |a, b| truth(a as u32 <= b as u32)),
            I32GeS => binary(I32, |a, b| truth(a as i32 >= b as i32)),
            I32GeU => binary(I32, |a, b| truth(a as u32 >= b as u32)),
            I64Eqz => unary(I32, |a| truth(a == 0)),
            I64Eq => binary(I32, |a, b| truth(a == b)),
            I64Ne => binary(I32, |a, b| truth(a != b)),
            I64LtS => binary(I32, |a, b| truth((a as i64) < b as i64)),
            I64LtU => binary(I32, |a, b| truth(a < b)),
            I64GtS => binary(I32, |a, b| truth(a as i64 > b as i64)),
            I64GtU => binary(I32, |a, b| truth(a > b)),
            I64LeS => binary(I32, |a, b| truth(a as i64 <= b as i64)),
            I64LeU => binary(I32, |a, b| truth(a <= b)),
            I64GeS => binary(I32, |a, b| truth(a as i64 >= b as i64)),
            I64GeU => binary(I32, |a, b| truth(a >= b)),
            F32Eq => binary(I32, |a, b| truth(f32(a) == f32(b))),
            F32Ne => binary(I32, |a, b| truth(f32(a) != f32(b))),
            F32Lt => binary(I32, |a, b| truth(f32(a) < f32(b))),
            F32Gt => binary(I32, |a, b| truth(f32(a) > f32(b))),
            F32Le => binary(I32, |a, b| truth(f32(a) <= f32(b))),
            F32Ge => binary(I32, |a, b| truth(f32(a) >= f32(b))),
            F64Eq => binary(I32, |a, b| truth(f64(a) == f64(b))),
            F64Ne => binary(I32, |a, b| truth(f64(a) != f64(b))),
            F64Lt => binary(I32, |a, b| truth(f64(a) < f64(b))),
            F64Gt => binary(I32, |a, b| truth(f64(a) > f64(b))),
            F64Le => binary(I32, |a, b| truth(f64(a) <= f64(b))),
            F64Ge => binary(I32, |a, b| truth(f64(a) >= f64(b))),

            I32Clz => unary(I32, |a| of_u32((a as u32).leading_zeros())),
            I32Ctz => unary(I32, |a| of_u32((a as u32).trailing_zeros())),
            I32Popcnt => unary(I32, |a| of_u32((a as u32).count_ones())),
            I32Add => binary(I32, |a, b| of_u32((a as u32).wrapping_add(b as u32))),
            I32Sub => binary(I32, |a, b| of_u32((a as u32).wrapping_sub(b as u32))),
            I32Mul => binary(I32, |a, b| of_u32((a as u32).wrapping_mul(b as u32))),
            I32DivS => binary(I32, |a, b| {
                quotient((a as i32).checked_div(b as i32).map(|c| u64::from(c as u32)), b as u32 == 0)
            }),
            I32DivU => binary(I32, |a, b| quotient((a as u32).checked_div(b as u32).map(u64::from), true)),
            // The remainder of the one overflowing division is 0 and no trap.
            I32RemS => binary(I32, |a, b| match b as i32 {
                0 => Err(TrapCode::IntegerDivideByZero),
                b => of_u32((a as i32).wrapping_rem(b) as u32),
            }),
            I32RemU => binary(I32, |a, b| quotient((a as u32).checked_rem(b as u32).map(u64::from), true)),
            I32And => binary(I32, |a, b| Ok(a & b)),
            I32Or => binary(I32, |a, b| Ok(a | b)),
            I32Xor => binary(I32, |a, b| Ok(a ^ b)),
            I32Shl => binary(I32, |a, b| of_u32((a as u32).wrapping_shl(b as u32))),
            I32ShrS => binary(I32, |a, b| of_u32((a as i32).wrapping_shr(b as u32) as u32)),
            I32ShrU => binary(I32, |a, b| of_u32((a as u32).wrapping_shr(b as u32))),
            I32Rotl => binary(I32, |a, b| of_u32((a as u32).rotate_left(b as u32 & 31))),
            I32Rotr => binary(I32, |a, b| of_u32((a as u32).rotate_right(b as u32 & 31))),
            I64Clz => unary(I64, |a| of_u32(a.leading_zeros())),
            I64Ctz => unary(I64, |a| of_u32(a.trailing_zeros())),
            I64Popcnt => unary(I64, |a| of_u32(a.count_ones())),
            I64Add => binary(I64, |a, b| Ok(a.wrapping_add(b))),
            I64Sub => binary(I64, |a, b| Ok(a.wrapping_sub(b))),
            I64Mul => binary(I64, |a, b| Ok(a.wrapping_mul(b))),
            I64DivS => binary(I64, |a, b| quotient((a as i64).checked_div(b as i64).map(|c| c as u64), b == 0)),
            I64DivU => binary(I64, |a, b| quotient(a.checked_div(b), true)),
            I64RemS => binary(I64, |a, b| match b as i64 {
                0 => Err(TrapCode::IntegerDivideByZero),
                b => Ok((a as i64).wrapping_rem(b) as u64),
            }),
            I64RemU => binary(I64, |a, b| quotient(a.checked_rem(b), true)),
            I64And => binary(I64, |a, b| Ok(a & b)),
            I64Or => binary(I64, |a, b| Ok(a | b)),
            I64Xor => binary(I64, |a, b| Ok(a ^ b)),
            I64Shl => binary(I64, |a, b| Ok(a.wrapping_shl(b as u32))),
            I64ShrS => binary(I64, |a, b| Ok((a as i64).wrapping_shr(b as u32) as u64)),
            I64ShrU => binary(I64, |a, b| Ok(a.wrapping_shr(b as u32))),
            I64Rotl => binary(I64, |a, b| Ok(a.rotate_left(b as u32 & 63))),
            I64Rotr => binary(I64, |a, b| Ok(a.rotate_right(b as u32 & 63))),

            F32Abs => unary(F32, |a| Ok(a & !SIGN_32)),
            F32Neg => unary(F32, |a| Ok(a ^ SIGN_32)),
            F32Copysign => binary(F32, |a, b| Ok(a & !SIGN_32 | b & SIGN_32)),
            F32Ceil => unary(F32, |a| f32_unary(a, f32::ceil)),
            F32Floor => unary(F32, |a| f32_unary(a, f32::floor)),
            F32Trunc => unary(F32, |a| f32_unary(a, f32::trunc)),
            F32Nearest => unary(F32, |a| f32_unary(a, f32::round_ties_even)),
            F32Sqrt => unary(F32, |a| f32_unary(a, f32::sqrt)),
            F32Add => binary(F32, |a, b| f32_binary(a, b, |a, b| a + b)),
            F32Sub => binary(F32, |a, b| f32_binary(a, b, |a, b| a - b)),
            F32Mul => binary(F32, |a, b| f32_binary(a, b, |a, b| a * b)),
            F32Div => binary(F32, |a, b| f32_binary(a, b, |a, b| a / b)),
            F32Min => binary(F32, |a, b| f32_choice(a, b, |a, b| a | b, |a, b| a < b)),
            F32Max => binary(F32, |a, b| f32_choice(a, b, |a, b| a & b, |a, b| a > b)),
            F64Abs => unary(F64, |a| Ok(a & !SIGN_64)),
            F64Neg => unary(F64, |a| Ok(a ^ SIGN_64)),
            F64Copysign => binary(F64, |a, b| Ok(a & !SIGN_64 | b & SIGN_64)),
            F64Ceil => unary(F64, |a| f64_unary(a, f64::ceil)),
            F64Floor => unary(F64, |a| f64_unary(a, f64::floor)),
            F64Trunc => unary(F64, |a| f64_unary(a, f64::trunc)),
            F64Nearest => unary(F64, |a| f64_unary(a, f64::round_ties_even)),
            F64Sqrt => unary(F64, |a| f64_unary(a, f64::sqrt)),
            F64Add => binary(F64, |a, b| f64_binary(a, b, |a, b| a + b)),
            F64Sub => binary(F64, |a, b| f64_binary(a, b, |a, b| a - b)),
            F64Mul => binary(F64, |a, b| f64_binary(a, b, |a, b| a * b)),
            F64Div => binary(F64, |a, b| f64_binary(a, b, |a, b| a / b)),
            F64Min => binary(F64, |a, b| f64_choice(a, b, |a, b| a | b, |a, b| a < b)),
            F64Max => binary(F64, |a, b| f64_choice(a, b, |a, b| a & b, |a, b| a > b)),

            I32WrapI64 => unary(I32, |a| of_u32(a as u32)),
            I64ExtendI32S => unary(I64, |a| Ok(a as i32 as u64)),
            I64ExtendI32U => unary(I64, |a| Ok(u64::from(a as u32))),
            I32Extend8S => unary(I32, |a| of_u32(a as i8 as u32)),
            I32Extend16S => unary(I32, |a| of_u32(a as i16 as u32)),
            I64Extend8S => unary(I64, |a| Ok(a as i8 as u64)),
            I64Extend16S => unary(I64, |a| Ok(a as i16 as u64)),
            I64Extend32S => unary(I64, |a| Ok(a as i32 as u64)),

            // Every f32 is an f64, and the limits are f64s: the tests can all be made there. Truncation is towards
            // zero, so a float is in range if it is above `minimum - 1` and below `maximum + 1`.
            I32TruncF32S => unary(I32, |a| in_range(f64::from(f32(a)), -2147483649.0, I32_END).map(to_i32)),
            I32TruncF32U => unary(I32, |a| in_range(f64::from(f32(a)), -1.0, U32_END).map(to_u32)),
            I32TruncF64S => unary(I32, |a| in_range(f64(a), -2147483649.0, I32_END).map(to_i32)),
            I32TruncF64U => unary(I32, |a| in_range(f64(a), -1.0, U32_END).map(to_u32)),
            // -2^63 - 1 isn't a float; the one below -2^63 serves as well.
            I64TruncF32S => unary(I64, |a| in_range(f64::from(f32(a)), BELOW_I64, I64_END).map(to_i64)),
            I64TruncF32U => unary(I64, |a| in_range(f64::from(f32(a)), -1.0, U64_END).map(to_u64)),
            I64TruncF64S => unary(I64, |a| in_range(f64(a), BELOW_I64, I64_END).map(to_i64)),
            I64TruncF64U => unary(I64, |a| in_range(f64(a), -1.0, U64_END).map(to_u64)),
            I32TruncSatF32S => unary(I32, |a| Ok(to_i32(f64::from(f32(a))))),
            I32TruncSatF32U => unary(I32, |a| Ok(to_u32(f64::from(f32(a))))),
            I32TruncSatF64S => unary(I32, |a| Ok(to_i32(f64(a)))),
            I32TruncSatF64U => unary(I32, |a| Ok(to_u32(f64(a)))),
            I64TruncSatF32S => unary(I64, |a| Ok(to_i64(f64::from(f32(a))))),
            I64TruncSatF32U => unary(I64, |a| Ok(to_u64(f64::from(f32(a))))),
            I64TruncSatF64S => unary(I64, |a| Ok(to_i64(f64(a)))),
            I64TruncSatF64U => unary(I64, |a| Ok(to_u64(f64(a)))),

            F32ConvertI32S => unary(F32, |a| of_f32(a as i32 as f32)),
            F32ConvertI32U => unary(F32, |a| of_f32(a as u32 as f32)),
            F32ConvertI64S => unary(F32, |a| of_f32(a as i64 as f32)),
            F32ConvertI64U => unary(F32, |a| of_f32(a as f32)),
            F64ConvertI32S => unary(F64, |a| of_f64(f64::from(a as i32))),
            F64ConvertI32U => unary(F64, |a| of_f64(f64::from(a as u32))),
            F64ConvertI64S => unary(F64, |a| of_f64(a as i64 as f64)),
            F64ConvertI64U => unary(F64, |a| of_f64(a as f64)),
            F32DemoteF64 => unary(F32, demote),
            F64PromoteF32 => unary(F64, promote),
            I32ReinterpretF32 => unary(I32, Ok),
            I64ReinterpretF64 => unary(I64, Ok),
            F32ReinterpretI32 => unary(F32, Ok),
            F64ReinterpretI64 => unary(F64, Ok),
            _ => None,
        }
    }

    /// Applies the operator. If it would trap, says how, and `values` is as before.
    ///
    /// Requires: the operator is valid on `values`, which validation of the module guarantees.
    pub fn apply(&self, values: &mut Values, types: &dyn Types, outside: &dyn Outside) -> Result<(), TrapCode> {
        let Values { locals, operands } = values;
        match *self {
            Inner::Nothing => {}
            Inner::Drop => {
                operands.pop();
            }
            Inner::Select => {
                let length = operands.len();
                if operands[length - 1].bits == 0 {
                    operands[length - 3] = operands[length - 2];
                }
                operands.truncate(length - 2);
            }
            Inner::LocalGet(local) => operands.push(locals[local as usize]),
            Inner::LocalSet(local) => {
                locals[local as usize].bits = operands.pop().expect("validated").bits;
            }
            Inner::LocalTee(local) => {
                locals[local as usize].bits = operands.last().expect("validated").bits;
            }
            Inner::GlobalGet(global) => operands.push(Slot { ty: types.global(global), bits: outside.global(global) }),
            Inner::Const(slot) => operands.push(slot),
            Inner::RefFunc(func) => operands.push(Slot { ty: ValType::FUNCREF, bits: outside.func_ref(func) }),
            Inner::TableGet(table) => {
                let top = operands.last_mut().expect("validated");
                let bits = outside.table_get(table, top.bits as u32).ok_or(TrapCode::TableOutOfBounds)?;
                *top = Slot { ty: ValType::Ref(types.table(table)), bits };
            }
            Inner::TableSize(table) => operands.push(Slot::new(ValType::I32, outside.table_size(table))),
            Inner::MemorySize(memory) => operands.push(Slot::new(ValType::I32, outside.memory_size(memory))),
            Inner::Load { memory, offset, bytes, signed, ty } => {
                let top = operands.last_mut().expect("validated");
                let address = offset.checked_add(top.bits).ok_or(TrapCode::MemoryOutOfBounds)?;
                let loaded = outside.load(memory, address, bytes).ok_or(TrapCode::MemoryOutOfBounds)?;
                let unused = 64 - 8 * u32::from(bytes);
                let bits = if signed { ((loaded << unused) as i64 >> unused) as u64 } else { loaded };
                *top = Slot::new(ty, bits);
            }
            Inner::Unary(ty, apply) => {
                let top = operands.last_mut().expect("validated");
                *top = Slot { ty, bits: apply(top.bits)? };
            }
            Inner::Binary(ty, apply) => {
                let length = operands.len();
                let bits = apply(operands[length - 2].bits, operands[length - 1].bits)?;
                operands[length - 2] = Slot { ty, bits };
                operands.truncate(length - 1);
            }
        }
        Ok(())
    }
}

fn null_type(heap: &HeapType) -> ValType {
    match heap {
        HeapType::Abstract { ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern, .. } => ValType::EXTERNREF,
        _ => ValType::FUNCREF,
    }
}

const SIGN_32: u64 = 1 << 31;
const SIGN_64: u64 = 1 << 63;
const QUIET_32: u32 = 1 << 22;
const QUIET_64: u64 = 1 << 51;

/// What an invalid operation on numbers gives.
const DEFAULT_NAN_32: u32 = if cfg!(target_arch = "x86_64") { 0xffc0_0000 } else { 0x7fc0_0000 };
const DEFAULT_NAN_64: u64 = if cfg!(target_arch = "x86_64") { 0xfff8 << 48 } else { 0x7ff8 << 48 };

const I32_END: f64 = 2147483648.0;
const U32_END: f64 = 4294967296.0;
const I64_END: f64 = 9223372036854775808.0;
const U64_END: f64 = 18446744073709551616.0;
const BELOW_I64: f64 = -9223372036854777856.0;

fn f32(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn f64(bits: u64) -> f64 {
    f64::from_bits(bits)
}

fn truth(value: bool) -> Numeric {
    Ok(u64::from(value))
}

fn of_u32(value: u32) -> Numeric {
    Ok(u64::from(value))
}

/// The bits of a result; a NaN can only come from an invalid operation, as NaN operands are treated before.
fn of_f32(value: f32) -> Numeric {
    of_u32(if value.is_nan() { DEFAULT_NAN_32 } else { value.to_bits() })
}

fn of_f64(value: f64) -> Numeric {
    Ok(if value.is_nan() { DEFAULT_NAN_64 } else { value.to_bits() })
}

fn quotient(result: Option<u64>, by_zero: bool) -> Numeric {
    result.ok_or(if by_zero { TrapCode::IntegerDivideByZero } else { TrapCode::IntegerOverflow })
}

/// `value` if it lies strictly between the bounds.
fn in_range(value: f64, above: f64, below: f64) -> Result<f64, TrapCode> {
    if value.is_nan() {
        Err(TrapCode::InvalidConversionToInteger)
    } else if value > above && value < below {
        Ok(value)
    } else {
        Err(TrapCode::IntegerOverflow)
    }
}

// Rust's conversions from floats truncate and saturate, and send NaN to zero, as Wasm's do.
fn to_i32(value: f64) -> u64 {
    u64::from(value as i32 as u32)
}

fn to_u32(value: f64) -> u64 {
    u64::from(value as u32)
}

fn to_i64(value: f64) -> u64 {
    value as i64 as u64
}

fn to_u64(value: f64) -> u64 {
    value as u64
}

fn f32_unary(a: u64, apply: fn(f32) -> f32) -> Numeric {
    if f32(a).is_nan() { of_u32(a as u32 | QUIET_32) } else { of_f32(apply(f32(a))) }
}

fn f64_unary(a: u64, apply: fn(f64) -> f64) -> Numeric {
    if f64(a).is_nan() { Ok(a | QUIET_64) } else { of_f64(apply(f64(a))) }
}

/// The NaN that comes out of an operation whose operands, in the instruction's order, include one.
fn propagate_32(first: u64, second: u64) -> Numeric {
    let is_signaling = |bits: u64| f32(bits).is_nan() && bits as u32 & QUIET_32 == 0;
    let chosen = if !cfg!(target_arch = "x86_64") && !is_signaling(first) && is_signaling(second) {
        second
    } else if f32(first).is_nan() {
        first
    } else {
        second
    };
    of_u32(chosen as u32 | QUIET_32)
}

fn propagate_64(first: u64, second: u64) -> Numeric {
    let is_signaling = |bits: u64| f64(bits).is_nan() && bits & QUIET_64 == 0;
    let chosen = if !cfg!(target_arch = "x86_64") && !is_signaling(first) && is_signaling(second) {
        second
    } else if f64(first).is_nan() {
        first
    } else {
        second
    };
    Ok(chosen | QUIET_64)
}

fn f32_binary(a: u64, b: u64, apply: fn(f32, f32) -> f32) -> Numeric {
    if f32(a).is_nan() || f32(b).is_nan() { propagate_32(a, b) } else { of_f32(apply(f32(a), f32(b))) }
}

fn f64_binary(a: u64, b: u64, apply: fn(f64, f64) -> f64) -> Numeric {
    if f64(a).is_nan() || f64(b).is_nan() { propagate_64(a, b) } else { of_f64(apply(f64(a), f64(b))) }
}

/// `min` and `max`: equal operands differ at most in the sign of a zero, which `merge` decides.
fn f32_choice(a: u64, b: u64, merge: fn(u64, u64) -> u64, first: fn(f32, f32) -> bool) -> Numeric {
    if f32(a).is_nan() || f32(b).is_nan() {
        if cfg!(target_arch = "x86_64") { propagate_32(b, a) } else { propagate_32(a, b) }
    } else if f32(a) == f32(b) {
        Ok(merge(a, b))
    } else {
        Ok(if first(f32(a), f32(b)) { a } else { b })
    }
}

fn f64_choice(a: u64, b: u64, merge: fn(u64, u64) -> u64, first: fn(f64, f64) -> bool) -> Numeric {
    if f64(a).is_nan() || f64(b).is_nan() {
        if cfg!(target_arch = "x86_64") { propagate_64(b, a) } else { propagate_64(a, b) }
    } else if f64(a) == f64(b) {
        Ok(merge(a, b))
    } else {
        Ok(if first(f64(a), f64(b)) { a } else { b })
    }
}

fn demote(a: u64) -> Numeric {
    if f64(a).is_nan() {
        let sign = (a >> 32) as u32 & 1 << 31;
        return of_u32(sign | 0x7fc0_0000 | (a >> 29) as u32 & 0x003f_ffff);
    }
    of_f32(f64(a) as f32)
}

fn promote(a: u64) -> Numeric {
    if f32(a).is_nan() {
        let sign = (a & SIGN_32) << 32;
        return Ok(sign | 0x7ff8 << 48 | (a & 0x003f_ffff) << 29);
    }
    of_f64(f64::from(f32(a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::operators::ends_run;
    use wasmparser::{BinaryReader, FrameKind, FrameStack};

    struct InsideIf;

    impl FrameStack for InsideIf {
        fn current_frame(&self) -> Option<FrameKind> {
            Some(FrameKind::If)
        }
    }

    /// A world of one memory of two pages whose bytes count up, one global, one table of two elements.
    struct World;

    impl Outside for World {
        fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64> {
            assert_eq!(memory.as_u32(), 0);
            let end = address.checked_add(u64::from(bytes)).filter(|end| *end <= 2 << 16)?;
            Some((address..end).rev().fold(0, |value, byte| value << 8 | byte & 0xff))
        }

        fn memory_size(&self, _: MemoryIndex) -> u64 {
            2
        }

        fn global(&self, _: GlobalIndex) -> u64 {
            77
        }

        fn table_get(&self, _: TableIndex, element: u32) -> Option<u64> {
            [10, 0].get(element as usize).copied()
        }

        fn table_size(&self, _: TableIndex) -> u64 {
            2
        }

        fn func_ref(&self, func: FuncIndex) -> u64 {
            1000 + u64::from(func.as_u32())
        }
    }

    impl Types for World {
        fn global(&self, _: GlobalIndex) -> ValType {
            ValType::I64
        }

        fn table(&self, _: TableIndex) -> RefType {
            RefType::Extern
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
                let operators: Vec<_> =
                    body.get_operators_reader().unwrap().into_iter().collect::<Result<_, _>>().unwrap();
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
            Err(trap) => {
                assert_eq!(values, before, "{text} changes nothing when it would trap");
                Err(trap)
            }
        }
    }

    fn i32(value: i32) -> Slot {
        Slot { ty: ValType::I32, bits: u64::from(value as u32) }
    }

    fn i64(value: i64) -> Slot {
        Slot { ty: ValType::I64, bits: value as u64 }
    }

    fn b32(bits: u32) -> Slot {
        Slot { ty: ValType::F32, bits: u64::from(bits) }
    }

    fn b64(bits: u64) -> Slot {
        Slot { ty: ValType::F64, bits }
    }

    fn s(value: f32) -> Slot {
        b32(value.to_bits())
    }

    fn d(value: f64) -> Slot {
        b64(value.to_bits())
    }

    #[test]
    fn the_evaluator_knows_exactly_the_inner_operators() {
        let decode = |bytes: &[u8], known: &mut u32| {
            let Ok(operator) = BinaryReader::new(bytes, 0).peek_operator(&InsideIf) else { return };
            if format!("{operator:?}").contains("target: Array") {
                return; // A load from a GC array is named like one from memory; it isn't compiled.
            }
            assert_eq!(Inner::new(&operator).is_none(), ends_run(&operator), "{operator:?}");
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
        let (quiet_64, signaling_64) = (b64(0x7ff8_0000_0000_1234), b64(0xfff4_0000_0000_5678));
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
            ("f32.add", &[quiet, signaling], quiet),
            ("f32.add", &[signaling, quiet], quieted),
            ("f32.sub", &[s(1.0), signaling], quieted),
            ("f32.div", &[signaling, s(1.0)], quieted),
            ("f64.mul", &[quiet_64, signaling_64], quiet_64),
            ("f64.mul", &[signaling_64, quiet_64], quieted_64),
            ("f64.add", &[d(1.0), signaling_64], quieted_64),
            ("f32.min", &[quiet, signaling], quieted),
            ("f32.max", &[signaling, quiet], quiet),
            ("f32.max", &[signaling, s(1.0)], quieted),
            ("f64.min", &[signaling_64, d(1.0)], quieted_64),
            ("f64.max", &[quiet_64, signaling_64], quieted_64),
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
    fn locals() {
        let mut values = Values { locals: vec![i32(5), i64(6)], operands: Vec::new() };
        for text in ["local.get 1", "local.get 0", "local.tee 0", "i32.const 9", "local.set 0", "drop"] {
            operator(text).apply(&mut values, &World, &World).unwrap();
        }
        assert_eq!(values, Values { locals: vec![i32(9), i64(6)], operands: vec![i64(6)] });
    }

    #[test]
    fn unused_upper_halves_are_cut() {
        assert_eq!(Slot::new(ValType::I32, u64::MAX), i32(-1));
        assert_eq!(Slot::new(ValType::F32, u64::MAX), b32(u32::MAX));
        assert_eq!(Slot::new(ValType::I64, u64::MAX), i64(-1));
    }
}
