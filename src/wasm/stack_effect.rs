//! What operators take from the operand stack and leave on it (Wasm core spec, 3.3 "Instructions").

use super::ModuleInfo;
use crate::abi::atomics::atomic_operator;
use crate::abi::object_layout::unpacked;
use crate::abi::operators::{numeric_operands, numeric_result, vector_operator};
use crate::base::{GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex, ValType};
use wasmparser::{BlockType, Catch, Operator, TryTable};

/// What an operator pops, and what it pushes then. Types are those that machine code knows: see [`ValType::top`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackEffect {
    /// Operands that it takes.
    pub pops: u32,
    /// The type of the operand that it leaves, if it does.
    pub pushes: Option<ValType>,
    /// Whether it leaves a second one, of the same type.
    pub pushes_two: bool,
}

/// The effect of an operator with this opcode that neither branches nor calls, nor moves values that it doesn't make, as
/// locals, `drop` and `select` do. `None` for those, and for what isn't supported.
pub fn stack_effect(info: &ModuleInfo, operator: &Operator<'_>, opcode: u8) -> Option<StackEffect> {
    use Operator::*;
    use ValType::{F32, F64, I32, I64};
    let effect = |pops, pushes| Some(StackEffect { pops, pushes, pushes_two: false });
    if let (Some(operands), pushes) = (numeric_operands(opcode), numeric_result(opcode)) {
        return effect(operands.count as u32, pushes);
    }
    match *operator {
        Nop | DataDrop { .. } | ElemDrop { .. } | AtomicFence { .. } => effect(0, None),
        I32Const { .. } => effect(0, Some(I32)),
        MemorySize { mem } => effect(0, Some(info.memories[MemoryIndex::from_u32(mem)].index_type())),
        TableSize { table } => effect(0, Some(info.tables[TableIndex::from_u32(table)].index_type())),
        I64Const { .. } => effect(0, Some(I64)),
        F32Const { .. } => effect(0, Some(F32)),
        F64Const { .. } => effect(0, Some(F64)),
        I32TruncSatF32S | I32TruncSatF32U | I32TruncSatF64S | I32TruncSatF64U => effect(1, Some(I32)),
        I64TruncSatF32S | I64TruncSatF32U | I64TruncSatF64S | I64TruncSatF64U => effect(1, Some(I64)),
        I32Load { .. } | I32Load8S { .. } | I32Load8U { .. } | I32Load16S { .. } | I32Load16U { .. } => {
            effect(1, Some(I32))
        }
        I64Load { .. }
        | I64Load8S { .. }
        | I64Load8U { .. }
        | I64Load16S { .. }
        | I64Load16U { .. }
        | I64Load32S { .. }
        | I64Load32U { .. } => effect(1, Some(I64)),
        F32Load { .. } => effect(1, Some(F32)),
        F64Load { .. } => effect(1, Some(F64)),
        I32Store { .. }
        | I64Store { .. }
        | F32Store { .. }
        | F64Store { .. }
        | I32Store8 { .. }
        | I32Store16 { .. }
        | I64Store8 { .. }
        | I64Store16 { .. }
        | I64Store32 { .. } => effect(2, None),
        MemoryGrow { mem } => effect(1, Some(info.memories[MemoryIndex::from_u32(mem)].index_type())),
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => effect(3, None),
        TableFill { .. } | TableCopy { .. } | TableInit { .. } => effect(3, None),
        TableGrow { table } => effect(2, Some(info.tables[TableIndex::from_u32(table)].index_type())),
        TableGet { table } => effect(1, Some(ValType::Ref(info.tables[TableIndex::from_u32(table)].element.top()))),
        TableSet { .. } => effect(2, None),
        GlobalGet { global_index } => effect(0, Some(info.globals[GlobalIndex::from_u32(global_index)].value.top())),
        GlobalSet { .. } => effect(1, None),
        RefNull { hty } => effect(0, Some(info.null_type(hty))),
        RefIsNull | I31GetS | I31GetU | RefTestNonNull { .. } | RefTestNullable { .. } => effect(1, Some(I32)),
        RefEq => effect(2, Some(I32)),
        RefI31 | AnyConvertExtern => effect(1, Some(ValType::ANYREF)),
        ExternConvertAny => effect(1, Some(ValType::EXTERNREF)),
        StructNew { struct_type_index } => {
            let fields = info.struct_fields(TypeIndex::from_u32(struct_type_index));
            effect(fields.len() as u32, Some(ValType::ANYREF))
        }
        StructNewDefault { .. } => effect(0, Some(ValType::ANYREF)),
        StructGet { struct_type_index, field_index }
        | StructGetS { struct_type_index, field_index }
        | StructGetU { struct_type_index, field_index } => {
            let fields = info.struct_fields(TypeIndex::from_u32(struct_type_index));
            effect(1, Some(unpacked(fields[field_index as usize].storage)))
        }
        StructSet { .. } => effect(2, None),
        ArrayNew { .. } | ArrayNewData { .. } | ArrayNewElem { .. } => effect(2, Some(ValType::ANYREF)),
        ArrayNewDefault { .. } => effect(1, Some(ValType::ANYREF)),
        ArrayNewFixed { array_size, .. } => effect(array_size, Some(ValType::ANYREF)),
        ArrayGet { array_type_index } | ArrayGetS { array_type_index } | ArrayGetU { array_type_index } => {
            let element = info.array_element(TypeIndex::from_u32(array_type_index));
            effect(2, Some(unpacked(element.storage)))
        }
        ArraySet { .. } => effect(3, None),
        ArrayLen => effect(1, Some(I32)),
        ArrayFill { .. } | ArrayInitData { .. } | ArrayInitElem { .. } => effect(4, None),
        ArrayCopy { .. } => effect(5, None),
        RefFunc { .. } => effect(0, Some(ValType::FUNCREF)),
        I64Add128 | I64Sub128 => Some(StackEffect { pops: 4, pushes: Some(I64), pushes_two: true }),
        I64MulWideS | I64MulWideU => Some(StackEffect { pops: 2, pushes: Some(I64), pushes_two: true }),
        _ => match (atomic_operator(operator), vector_operator(operator)) {
            (Some(atomic), _) => effect(atomic.pops(), atomic.pushes()),
            (None, Some(vector)) => effect(vector.pops, vector.pushes),
            (None, None) => None,
        },
    }
}

/// The constant that an operator pushes, as bits.
pub fn constant(info: &ModuleInfo, operator: &Operator<'_>) -> Option<u128> {
    match *operator {
        Operator::I32Const { value } => Some(u128::from(value as u32)),
        Operator::I64Const { value } => Some(u128::from(value as u64)),
        Operator::F32Const { value } => Some(u128::from(value.bits())),
        Operator::F64Const { value } => Some(u128::from(value.bits())),
        Operator::V128Const { value } => Some(value.i128() as u128),
        Operator::RefNull { .. } => Some(0),
        Operator::GlobalGet { global_index } => {
            info.constant_global(GlobalIndex::from_u32(global_index)).and_then(super::ConstOp::bits)
        }
        _ => None,
    }
}

/// Parameters and results of a block, of the types that machine code knows.
pub fn block_type(info: &ModuleInfo, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
    match ty {
        BlockType::Empty => (Vec::new(), Vec::new()),
        BlockType::Type(ty) => (Vec::new(), vec![info.top_type(ty)]),
        BlockType::FuncType(index) => {
            let ty = &info.signatures[TypeIndex::from_u32(index)];
            (ty.params.to_vec(), ty.results.to_vec())
        }
    }
}

/// The label of an operator that branches to one, if it does.
pub fn branch_label(operator: &Operator<'_>) -> Option<u32> {
    match *operator {
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. } => Some(relative_depth),
        _ => None,
    }
}

/// The labels of a `try_table`, also of clauses that never catch anything.
pub fn catch_labels(table: &TryTable) -> impl Iterator<Item = u32> {
    table.catches.iter().map(|catch| CatchClause::new(catch).label)
}

/// A clause of a `try_table`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CatchClause {
    /// What it catches; if none, everything.
    pub tag: Option<TagIndex>,
    /// Whether it gives a reference of the exception to its label.
    pub takes_reference: bool,
    /// The label.
    pub label: u32,
}

impl CatchClause {
    fn new(catch: &Catch) -> CatchClause {
        let clause = |tag: Option<u32>, takes_reference, label| CatchClause {
            tag: tag.map(TagIndex::from_u32),
            takes_reference,
            label,
        };
        match *catch {
            Catch::One { tag, label } => clause(Some(tag), false, label),
            Catch::OneRef { tag, label } => clause(Some(tag), true, label),
            Catch::All { label } => clause(None, false, label),
            Catch::AllRef { label } => clause(None, true, label),
        }
    }

    /// What it gives to its label.
    pub fn gives(&self, info: &ModuleInfo) -> Vec<ValType> {
        let carried = self.tag.map_or(&[][..], |tag| &info.tag_signature(tag).params);
        let reference = self.takes_reference.then_some(ValType::EXNREF);
        carried.iter().copied().chain(reference).collect()
    }
}

/// The clauses of a `try_table` that may catch something: up to the first that catches everything.
pub fn catch_clauses(table: &TryTable) -> Vec<CatchClause> {
    let mut clauses = Vec::with_capacity(table.catches.len());
    for catch in &table.catches {
        clauses.push(CatchClause::new(catch));
        if clauses.last().is_some_and(|clause| clause.tag.is_none()) {
            break;
        }
    }
    clauses
}
