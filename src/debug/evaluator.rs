//! Evaluates replayable operators: what [`ends_run`](crate::abi::operators::ends_run) calls inner ones, no others.
//!
//! Knows no store: memories, globals and tables are behind [`Outside`]. Invariant: where compiled code would go on,
//! the evaluator gives the same bits, or says that it can't tell them; where it would trap or leave the run, it says so and
//! changes nothing, and the machine does it.
//!
//! Read next: `replay.rs`, which walks a run with this.

mod numeric;
#[cfg(test)]
mod tests;
mod vectors;

use crate::abi::heap::elements_offset;
use crate::abi::object_layout::{StructLayout, extended, storage_bytes, unpacked};
use crate::abi::operators::lane_bits;
use crate::abi::references::{i31_reference, i31_value};
use crate::base::floats::in_default_environment;
use crate::base::{
    FuncIndex, GlobalIndex, MemoryIndex, RefType, StorageType, TableIndex, TrapCode, TypeIndex, ValType,
};
use numeric::*;
use vectors::{LoadedLanes, Vector};
use wasmparser::{BinaryReader, HeapType, MemArg, MemArgTarget, Operator, OperatorsReader};

/// A value of a frame: its type and its bits, zero-extended to 128, which hold a value of any type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The type.
    pub ty: ValType,
    /// The bits, as [`RawValue`](crate::base::RawValue) has them.
    pub bits: u128,
}

impl Slot {
    /// A slot from bits of which those that the type doesn't use may be anything.
    pub fn new(ty: ValType, bits: u128) -> Slot {
        let used = match ty {
            ValType::I32 | ValType::F32 => u128::from(u32::MAX),
            ValType::I64 | ValType::F64 | ValType::Ref(_) => u128::from(u64::MAX),
            ValType::V128 => u128::MAX,
        };
        Slot { ty, bits: bits & used }
    }

    /// A slot from what a scalar operator gives: at most 64 bits, zero-extended.
    fn scalar(ty: ValType, bits: u64) -> Slot {
        Slot { ty, bits: u128::from(bits) }
    }

    /// The bits of a scalar value.
    pub fn lo(&self) -> u64 {
        self.bits as u64
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
    /// Reads 1, 2, 4, 8 or 16 little-endian bytes of a memory, zero-extended; `None` if any is out of bounds.
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u128>;
    /// A memory's size in pages.
    fn memory_size(&self, memory: MemoryIndex) -> u64;
    /// A global's bits.
    fn global(&self, global: GlobalIndex) -> u128;
    /// A table's element; `None` if it is out of bounds.
    fn table_get(&self, table: TableIndex, element: u64) -> Option<u128>;
    /// A table's size in elements.
    fn table_size(&self, table: TableIndex) -> u64;
    /// The reference of a function.
    fn func_ref(&self, func: FuncIndex) -> u128;
    /// Whether a reference of the type's hierarchy is of the type.
    fn is_instance(&self, reference: u64, ty: RefType) -> bool;
    /// Reads 1, 2, 4, 8 or 16 little-endian bytes of an object, zero-extended; `None` of null.
    fn object(&self, object: u32, offset: u32, bytes: u8) -> Option<u128>;
    /// The length of an array; `None` of null.
    fn array_length(&self, array: u32) -> Option<u32>;
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
    /// A constant.
    Const(Slot),
    /// `ref.null`, with its heap type.
    RefNull(HeapType),
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
    /// A load of lanes that makes a vector.
    LoadLanes {
        /// From where.
        memory: MemoryIndex,
        /// Added to the address operand.
        offset: u64,
        /// What is made of the bytes.
        lanes: LoadedLanes,
    },
    /// `br_if`, which is passed if its condition is zero.
    BrIf,
    /// `br_on_null`, which is passed if its operand isn't null.
    BrOnNull,
    /// `br_on_non_null`, which is passed if its operand is null.
    BrOnNonNull,
    /// `br_on_cast`, which is passed unless its operand is of this type.
    BrOnCast(RefTypeInModule),
    /// `br_on_cast_fail`, which is passed if its operand is of this type.
    BrOnCastFail(RefTypeInModule),
    /// `ref.test`.
    RefTest(RefTypeInModule),
    /// `ref.cast`.
    RefCast(RefTypeInModule),
    /// `any.convert_extern` or `extern.convert_any`, to this type.
    Convert(ValType),
    /// `i31.get_s` or, if not signed, `i31.get_u`.
    I31Get {
        /// Which of the two.
        signed: bool,
    },
    /// `ref.as_non_null`.
    RefAsNonNull,
    /// `struct.get`, of a type and field by their indices.
    StructGet {
        /// The type.
        ty: TypeIndex,
        /// The field.
        field: u32,
        /// Whether narrow ones are sign-extended.
        signed: bool,
    },
    /// `array.get`.
    ArrayGet {
        /// The type.
        ty: TypeIndex,
        /// Whether narrow elements are sign-extended.
        signed: bool,
    },
    /// `array.len`.
    ArrayLen,
    /// `if`, which is passed, into its first arm, if its condition isn't zero.
    If,
    /// An operator from one scalar operand to a scalar.
    Unary(ValType, fn(u64) -> Numeric),
    /// An operator from two scalar operands to a scalar.
    Binary(ValType, fn(u64, u64) -> Numeric),
    /// The same for floats, where it isn't known which of two NaNs comes out.
    Arithmetic(ValType, fn(u64, u64) -> Numeric),
    /// An operator on vectors, or from or to one.
    Vector(Vector),
    /// An operator from two numbers of 128 bits to one; each is two operands, the lower half first.
    Wide(fn(u128, u128) -> u128),
    /// An operator from two operands of 64 bits to a number of 128 bits.
    MultiplyWide(fn(u64, u64) -> u128),
}

/// A reference type as an operator has it.
pub type RefTypeInModule = wasmparser::RefType;

/// What a scalar numeric operator gives: bits, or a trap.
pub type Numeric = Result<u64, TrapCode>;

/// Why an operator can't be passed here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// It traps.
    Trap(TrapCode),
    /// It goes on elsewhere, where another run starts.
    Branch,
    /// It can be passed, but only the machine knows what it gives.
    Unclear,
}

impl From<TrapCode> for Halt {
    fn from(code: TrapCode) -> Halt {
        Halt::Trap(code)
    }
}

/// The types that a module's globals, tables and memories have, which the operators themselves don't say. They are those that frames
/// know: see [`ValType::top`].
pub trait Types {
    /// The type of a null of this heap type.
    fn null(&self, heap: HeapType) -> ValType;
    /// A reference type, exactly.
    fn reference(&self, ty: RefTypeInModule) -> RefType;
    /// The type of a global's value.
    fn global(&self, global: GlobalIndex) -> ValType;
    /// The type of a table's elements.
    fn table(&self, table: TableIndex) -> RefType;
    /// The type of a table's size.
    fn table_index(&self, table: TableIndex) -> ValType;
    /// The type of a memory's size.
    fn memory_index(&self, memory: MemoryIndex) -> ValType;
    /// Where a field of a structure is.
    fn field(&self, ty: TypeIndex, field: u32) -> FieldAt;
    /// What the elements of an array hold.
    fn element(&self, ty: TypeIndex) -> StorageType;
}

/// A field of a structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldAt {
    /// What it holds.
    pub storage: StorageType,
    /// Where it is in the object.
    pub offset: u32,
}

impl Types for crate::wasm::ModuleInfo {
    fn null(&self, heap: HeapType) -> ValType {
        self.null_type(heap)
    }

    fn reference(&self, ty: RefTypeInModule) -> RefType {
        self.ref_type(ty)
    }

    fn global(&self, global: GlobalIndex) -> ValType {
        self.globals[global].value.top()
    }

    fn table(&self, table: TableIndex) -> RefType {
        self.tables[table].element.top()
    }

    fn table_index(&self, table: TableIndex) -> ValType {
        self.tables[table].index_type()
    }

    fn memory_index(&self, memory: MemoryIndex) -> ValType {
        self.memories[memory].index_type()
    }

    fn field(&self, ty: TypeIndex, field: u32) -> FieldAt {
        let (fields, place) = (self.struct_fields(ty), field as usize);
        // Fields before it decide where it is.
        let offset = StructLayout::new(&fields[..=place]).offsets[place];
        FieldAt { storage: fields[place].storage, offset }
    }

    fn element(&self, ty: TypeIndex) -> StorageType {
        self.array_element(ty).storage
    }
}

impl Inner {
    /// Decodes a replayable operator; `None` for all others.
    pub fn new(operator: &Operator<'_>) -> Option<Inner> {
        use Operator::*;
        use ValType::{F32, F64, I32, I64, V128};
        let load = |memarg: &MemArg, ty, bytes, signed| {
            let MemArgTarget::Memory(memory) = memarg.target else { return None };
            let memory = MemoryIndex::from_u32(memory);
            Some(Inner::Load { memory, offset: memarg.offset, bytes, signed, ty })
        };
        let lanes = |memarg: &MemArg, lanes| {
            let MemArgTarget::Memory(memory) = memarg.target else { return None };
            Some(Inner::LoadLanes { memory: MemoryIndex::from_u32(memory), offset: memarg.offset, lanes })
        };
        let extend = |memarg, bits, signed| lanes(memarg, LoadedLanes::Extend { bits, signed });
        let constant = |ty, bits| Some(Inner::Const(Slot::scalar(ty, bits)));
        let unary = |ty, apply| Some(Inner::Unary(ty, apply));
        let binary = |ty, apply| Some(Inner::Binary(ty, apply));
        let arithmetic = |ty, apply| Some(Inner::Arithmetic(ty, apply));
        match operator {
            Nop | Block { .. } | Loop { .. } | TryTable { .. } | Try { .. } | Delegate { .. } | End => {
                Some(Inner::Nothing)
            }
            BrIf { .. } => Some(Inner::BrIf),
            BrOnNull { .. } => Some(Inner::BrOnNull),
            BrOnNonNull { .. } => Some(Inner::BrOnNonNull),
            RefAsNonNull => Some(Inner::RefAsNonNull),
            BrOnCast { to_ref_type, .. } => Some(Inner::BrOnCast(*to_ref_type)),
            BrOnCastFail { to_ref_type, .. } => Some(Inner::BrOnCastFail(*to_ref_type)),
            RefTestNonNull { hty } => RefTypeInModule::new(false, *hty).map(Inner::RefTest),
            RefTestNullable { hty } => RefTypeInModule::new(true, *hty).map(Inner::RefTest),
            RefCastNonNull { hty } => RefTypeInModule::new(false, *hty).map(Inner::RefCast),
            RefCastNullable { hty } => RefTypeInModule::new(true, *hty).map(Inner::RefCast),
            AnyConvertExtern => Some(Inner::Convert(ValType::ANYREF)),
            ExternConvertAny => Some(Inner::Convert(ValType::EXTERNREF)),
            StructGet { struct_type_index, field_index } | StructGetU { struct_type_index, field_index } => {
                let ty = TypeIndex::from_u32(*struct_type_index);
                Some(Inner::StructGet { ty, field: *field_index, signed: false })
            }
            StructGetS { struct_type_index, field_index } => {
                let ty = TypeIndex::from_u32(*struct_type_index);
                Some(Inner::StructGet { ty, field: *field_index, signed: true })
            }
            ArrayGet { array_type_index } | ArrayGetU { array_type_index } => {
                Some(Inner::ArrayGet { ty: TypeIndex::from_u32(*array_type_index), signed: false })
            }
            ArrayGetS { array_type_index } => {
                Some(Inner::ArrayGet { ty: TypeIndex::from_u32(*array_type_index), signed: true })
            }
            ArrayLen => Some(Inner::ArrayLen),
            RefEq => binary(I32, |a, b| Ok(u64::from(a == b))),
            RefI31 => unary(ValType::ANYREF, |a| Ok(i31_reference(a as i32).into())),
            I31GetS => Some(Inner::I31Get { signed: true }),
            I31GetU => Some(Inner::I31Get { signed: false }),
            If { .. } => Some(Inner::If),
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
            RefNull { hty } => Some(Inner::RefNull(*hty)),
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

            V128Load { memarg } => load(memarg, V128, 16, false),
            V128Load32Zero { memarg } => load(memarg, V128, 4, false),
            V128Load64Zero { memarg } => load(memarg, V128, 8, false),
            V128Load8x8S { memarg } => extend(memarg, 8, true),
            V128Load8x8U { memarg } => extend(memarg, 8, false),
            V128Load16x4S { memarg } => extend(memarg, 16, true),
            V128Load16x4U { memarg } => extend(memarg, 16, false),
            V128Load32x2S { memarg } => extend(memarg, 32, true),
            V128Load32x2U { memarg } => extend(memarg, 32, false),
            V128Load8Splat { memarg }
            | V128Load16Splat { memarg }
            | V128Load32Splat { memarg }
            | V128Load64Splat { memarg } => lanes(memarg, LoadedLanes::Splat { bits: lane_bits(operator) }),
            V128Load8Lane { memarg, lane }
            | V128Load16Lane { memarg, lane }
            | V128Load32Lane { memarg, lane }
            | V128Load64Lane { memarg, lane } => {
                lanes(memarg, LoadedLanes::Lane { bits: lane_bits(operator), lane: *lane })
            }

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
            F32Add => arithmetic(F32, |a, b| f32_binary(a, b, |a, b| a + b)),
            F32Sub => arithmetic(F32, |a, b| f32_binary(a, b, |a, b| a - b)),
            F32Mul => arithmetic(F32, |a, b| f32_binary(a, b, |a, b| a * b)),
            F32Div => arithmetic(F32, |a, b| f32_binary(a, b, |a, b| a / b)),
            F32Min => arithmetic(F32, |a, b| f32_choice(a, b, |a, b| a | b, |a, b| a < b)),
            F32Max => arithmetic(F32, |a, b| f32_choice(a, b, |a, b| a & b, |a, b| a > b)),
            F64Abs => unary(F64, |a| Ok(a & !SIGN_64)),
            F64Neg => unary(F64, |a| Ok(a ^ SIGN_64)),
            F64Copysign => binary(F64, |a, b| Ok(a & !SIGN_64 | b & SIGN_64)),
            F64Ceil => unary(F64, |a| f64_unary(a, f64::ceil)),
            F64Floor => unary(F64, |a| f64_unary(a, f64::floor)),
            F64Trunc => unary(F64, |a| f64_unary(a, f64::trunc)),
            F64Nearest => unary(F64, |a| f64_unary(a, f64::round_ties_even)),
            F64Sqrt => unary(F64, |a| f64_unary(a, f64::sqrt)),
            F64Add => arithmetic(F64, |a, b| f64_binary(a, b, |a, b| a + b)),
            F64Sub => arithmetic(F64, |a, b| f64_binary(a, b, |a, b| a - b)),
            F64Mul => arithmetic(F64, |a, b| f64_binary(a, b, |a, b| a * b)),
            F64Div => arithmetic(F64, |a, b| f64_binary(a, b, |a, b| a / b)),
            F64Min => arithmetic(F64, |a, b| f64_choice(a, b, |a, b| a | b, |a, b| a < b)),
            F64Max => arithmetic(F64, |a, b| f64_choice(a, b, |a, b| a & b, |a, b| a > b)),

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
            I64Add128 => Some(Inner::Wide(u128::wrapping_add)),
            I64Sub128 => Some(Inner::Wide(u128::wrapping_sub)),
            I64MulWideS => Some(Inner::MultiplyWide(|a, b| (i128::from(a as i64) * i128::from(b as i64)) as u128)),
            I64MulWideU => Some(Inner::MultiplyWide(|a, b| u128::from(a) * u128::from(b))),
            _ => Vector::new(operator).map(Inner::Vector),
        }
    }

    /// Decodes the numeric operator with this opcode, one of those that
    /// [`numeric_operands`](crate::abi::operators::numeric_operands) knows.
    pub fn numeric(opcode: u8) -> Inner {
        let bytes = [opcode];
        let operator = OperatorsReader::new(BinaryReader::new(&bytes, 0)).read().expect("an operator's opcode");
        Inner::new(&operator).expect("numeric operators are replayable")
    }

    /// Applies the operator. If it would trap or leave the run, says so, and `values` is as before.
    ///
    /// Requires: the operator is valid on `values`, which validation of the module guarantees.
    pub fn apply(&self, values: &mut Values, types: &dyn Types, outside: &dyn Outside) -> Result<(), Halt> {
        let Values { locals, operands } = values;
        match *self {
            Inner::Nothing => {}
            Inner::BrIf | Inner::If => {
                let is_zero = operands.last().expect("validated").bits == 0;
                if is_zero != matches!(self, Inner::BrIf) {
                    return Err(Halt::Branch);
                }
                operands.pop();
            }
            Inner::BrOnNull | Inner::BrOnNonNull => {
                let is_null = operands.last().expect("validated").bits == 0;
                if is_null == matches!(self, Inner::BrOnNull) {
                    return Err(Halt::Branch);
                }
                if is_null {
                    operands.pop();
                }
            }
            Inner::BrOnCast(ty) | Inner::BrOnCastFail(ty) => {
                let reference = operands.last().expect("validated");
                let is_instance = outside.is_instance(reference.lo(), types.reference(ty));
                if is_instance == matches!(self, Inner::BrOnCast(_)) {
                    return Err(Halt::Branch);
                }
            }
            Inner::RefTest(ty) => {
                let top = operands.last_mut().expect("validated");
                let is_instance = outside.is_instance(top.lo(), types.reference(ty));
                *top = Slot::scalar(ValType::I32, is_instance.into());
            }
            Inner::RefCast(ty) => {
                let reference = operands.last().expect("validated");
                if !outside.is_instance(reference.lo(), types.reference(ty)) {
                    return Err(Halt::Trap(TrapCode::CastFailure));
                }
            }
            Inner::Convert(ty) => operands.last_mut().expect("validated").ty = ty,
            Inner::I31Get { signed } => {
                let top = operands.last_mut().expect("validated");
                let Some(value) = i31_value(top.lo() as u32) else { return Err(Halt::Trap(TrapCode::NullReference)) };
                let value = if signed { value } else { value & i32::MAX };
                *top = Slot::scalar(ValType::I32, u64::from(value as u32));
            }
            Inner::StructGet { ty, field, signed } => {
                let top = operands.last_mut().expect("validated");
                let FieldAt { storage, offset } = types.field(ty, field);
                *top = part(outside, top.lo() as u32, storage, offset, signed).ok_or(TrapCode::NullReference)?;
            }
            Inner::ArrayGet { ty, signed } => {
                let length = operands.len();
                let (array, index) = (operands[length - 2].lo() as u32, operands[length - 1].lo());
                let elements = outside.array_length(array).ok_or(TrapCode::NullReference)?;
                if index >= u64::from(elements) {
                    return Err(Halt::Trap(TrapCode::ArrayOutOfBounds));
                }
                let storage = types.element(ty);
                let bytes = storage_bytes(storage);
                let offset = elements_offset(bytes) + index as u32 * bytes;
                let element = part(outside, array, storage, offset, signed).expect("it was just looked at");
                operands.truncate(length - 2);
                operands.push(element);
            }
            Inner::ArrayLen => {
                let top = operands.last_mut().expect("validated");
                let elements = outside.array_length(top.lo() as u32).ok_or(TrapCode::NullReference)?;
                *top = Slot::scalar(ValType::I32, elements.into());
            }
            Inner::RefAsNonNull => {
                if operands.last().expect("validated").bits == 0 {
                    return Err(Halt::Trap(TrapCode::NullReference));
                }
            }
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
            Inner::RefNull(heap) => operands.push(Slot { ty: types.null(heap), bits: 0 }),
            Inner::RefFunc(func) => operands.push(Slot { ty: ValType::FUNCREF, bits: outside.func_ref(func) }),
            Inner::TableGet(table) => {
                let top = operands.last_mut().expect("validated");
                let bits = outside.table_get(table, top.lo()).ok_or(TrapCode::TableOutOfBounds)?;
                *top = Slot { ty: ValType::Ref(types.table(table)), bits };
            }
            Inner::TableSize(table) => {
                operands.push(Slot::new(types.table_index(table), outside.table_size(table).into()));
            }
            Inner::MemorySize(memory) => {
                operands.push(Slot::new(types.memory_index(memory), outside.memory_size(memory).into()));
            }
            Inner::Load { memory, offset, bytes, signed, ty } => {
                let top = operands.last_mut().expect("validated");
                let address = offset.checked_add(top.lo()).ok_or(TrapCode::MemoryOutOfBounds)?;
                let loaded = outside.load(memory, address, bytes).ok_or(TrapCode::MemoryOutOfBounds)?;
                *top = if signed {
                    let unused = 64 - 8 * u32::from(bytes);
                    Slot::new(ty, (((loaded as u64) << unused) as i64 >> unused) as u64 as u128)
                } else {
                    Slot { ty, bits: loaded }
                };
            }
            Inner::LoadLanes { memory, offset, lanes } => {
                // The vector that a lane is loaded into is above the address.
                let is_into = usize::from(matches!(lanes, LoadedLanes::Lane { .. }));
                let place = operands.len() - 1 - is_into;
                let address = offset.checked_add(operands[place].lo()).ok_or(TrapCode::MemoryOutOfBounds)?;
                let loaded = outside.load(memory, address, lanes.bytes()).ok_or(TrapCode::MemoryOutOfBounds)?;
                let bits = lanes.vector(loaded, operands[operands.len() - 1].bits);
                operands.truncate(place);
                operands.push(Slot { ty: ValType::V128, bits });
            }
            Inner::Vector(vector) => {
                let from = operands.len() - vector.pops;
                if !vector.is_clear(&operands[from..]) {
                    return Err(Halt::Unclear);
                }
                let compute = || vector.apply(&operands[from..]);
                let bits = if vector.has_floats { in_default_environment(compute) } else { compute() };
                operands.truncate(from);
                operands.push(Slot::new(vector.ty, bits));
            }
            Inner::Unary(ty, apply) => {
                let top = operands.last_mut().expect("validated");
                let bits = in_environment(ty, top.ty, || apply(top.lo()))?;
                *top = Slot::scalar(ty, bits);
            }
            Inner::Binary(ty, apply) | Inner::Arithmetic(ty, apply) => {
                let length = operands.len();
                let (first, second) = (operands[length - 2], operands[length - 1]);
                let bits = if ty == ValType::F32 { 32 } else { 64 };
                if matches!(self, Inner::Arithmetic(..)) && are_different_nans(bits, first.lo(), second.lo()) {
                    return Err(Halt::Unclear);
                }
                let bits = in_environment(ty, first.ty, || apply(first.lo(), second.lo()))?;
                operands[length - 2] = Slot::scalar(ty, bits);
                operands.truncate(length - 1);
            }
            Inner::Wide(apply) => {
                let from = operands.len() - 4;
                let number =
                    |lower: usize| u128::from(operands[lower].lo()) | u128::from(operands[lower + 1].lo()) << 64;
                let bits = apply(number(from), number(from + 2));
                push_wide(operands, from, bits);
            }
            Inner::MultiplyWide(apply) => {
                let from = operands.len() - 2;
                let bits = apply(operands[from].lo(), operands[from + 1].lo());
                push_wide(operands, from, bits);
            }
        }
        Ok(())
    }
}

/// What a part of an object holds; none if the reference is null.
fn part(outside: &dyn Outside, object: u32, storage: StorageType, offset: u32, signed: bool) -> Option<Slot> {
    let bits = outside.object(object, offset, storage_bytes(storage) as u8)?;
    let bits = match storage {
        StorageType::I8 | StorageType::I16 => extended(storage, bits as u64, signed).into(),
        StorageType::Val(_) => bits,
    };
    Some(Slot::new(unpacked(storage), bits))
}

/// Puts the halves of a number of 128 bits in the place of the operands from `from` on.
fn push_wide(operands: &mut Vec<Slot>, from: usize, bits: u128) {
    operands.truncate(from);
    operands.push(Slot::scalar(ValType::I64, bits as u64));
    operands.push(Slot::scalar(ValType::I64, (bits >> 64) as u64));
}

/// Computes as the guest does, if an operand or the result is a float.
#[inline]
fn in_environment(result: ValType, operand: ValType, compute: impl FnOnce() -> Numeric) -> Numeric {
    let is_float = |ty| matches!(ty, ValType::F32 | ValType::F64);
    if is_float(result) || is_float(operand) { in_default_environment(compute) } else { compute() }
}
