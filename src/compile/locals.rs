//! A function's locals in machine code: as Cranelift's variables, in memory, or in the state slot alone.
//!
//! Variables become values, and merges of control flow become parameters of blocks, in work and memory that grow with locals times
//! blocks. In memory it is a load or a store for each operator, and no more. In the exact form, where each operator begins a
//! block, a local is in the state slot, and its value is at hand from its change to its store, which comes before the next
//! block. Invariant: only locals that an operator names, and parameters, take anything. Read next: [`super::operands`], which
//! share the memory.

use super::emitter::zero_words;
use super::signatures;
use super::vectors::vector_constant;
use crate::abi::homes::WORD_SIZE;
use crate::base::ValType;
use cranelift_codegen::ir::{InstBuilder, StackSlot, StackSlotData, StackSlotKind, Type, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use std::cell::RefCell;

pub(super) struct Locals {
    types: Vec<ValType>,
    /// Of each local that is named: one more than its rank among them.
    ranks: Vec<u32>,
    storage: Storage,
}

enum Storage {
    /// By rank.
    Variables(Vec<Variable>),
    Memory(Memory),
    /// By rank: the last value.
    Last(RefCell<Vec<Option<Value>>>),
}

/// How a function is to keep its locals.
pub(super) enum Keep {
    Variables,
    /// With room for so many operands, all in cells of so many words.
    InMemory {
        operands: u32,
        words: u32,
    },
    /// In the state slot, as the effects of the exact form say.
    InSlot,
}

/// Where a function keeps its values if not in registers: a cell for each local by rank, then one for each operand. Cells have as
/// many words as the widest value of the function.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    slot: StackSlot,
    locals: u32,
    words: u32,
}

impl Locals {
    /// Locals of these types, of which `named` are used, ascending. The first have these values, the others zero.
    pub(super) fn new(
        builder: &mut FunctionBuilder<'_>,
        types: Vec<ValType>,
        named: &[u32],
        params: &[Value],
        keep: Keep,
    ) -> Locals {
        let first = params.len() as u32;
        let others = named.iter().copied().skip_while(|local| *local < first);
        let used: Vec<u32> = (0..first).chain(others).collect();
        let mut ranks = vec![0; types.len()];
        for (rank, local) in used.iter().enumerate() {
            ranks[*local as usize] = rank as u32 + 1;
        }
        let storage = match keep {
            Keep::InSlot => {
                let mut values: Vec<_> = params.iter().copied().map(Some).collect();
                values.resize(used.len(), None);
                Storage::Last(RefCell::new(values))
            }
            Keep::Variables => {
                let zeros = used[params.len()..].iter().map(|local| zero(builder, types[*local as usize]));
                let values: Vec<Value> = params.iter().copied().chain(zeros).collect();
                Storage::Variables(
                    used.iter()
                        .zip(values)
                        .map(|(local, value)| {
                            let variable = builder.declare_var(signatures::clif_type(types[*local as usize]));
                            builder.def_var(variable, value);
                            variable
                        })
                        .collect(),
                )
            }
            Keep::InMemory { operands, words } => {
                let locals = used.len() as u32;
                let bytes = (locals + operands) * words * WORD_SIZE;
                let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
                let memory = Memory { slot, locals, words };
                for (rank, value) in params.iter().enumerate() {
                    memory.store(builder, rank as u32, *value);
                }
                zero_words(builder, slot, first * words..locals * words);
                Storage::Memory(memory)
            }
        };
        Locals { types, ranks, storage }
    }

    pub(super) fn types(&self) -> &[ValType] {
        &self.types
    }

    pub(super) fn get(&self, builder: &mut FunctionBuilder<'_>, local: u32) -> Value {
        match &self.storage {
            Storage::Variables(variables) => builder.use_var(variables[self.rank(local) as usize]),
            Storage::Memory(memory) => memory.load(builder, self.types[local as usize], self.rank(local)),
            Storage::Last(values) => values.borrow()[self.rank(local) as usize].expect("it was just changed"),
        }
    }

    pub(super) fn set(&self, builder: &mut FunctionBuilder<'_>, local: u32, value: Value) {
        match &self.storage {
            Storage::Variables(variables) => builder.def_var(variables[self.rank(local) as usize], value),
            Storage::Memory(memory) => memory.store(builder, self.rank(local), value),
            Storage::Last(values) => values.borrow_mut()[self.rank(local) as usize] = Some(value),
        }
    }

    /// The memory that operands are in, too.
    pub(super) fn memory(&self) -> Option<Memory> {
        match self.storage {
            Storage::Variables(_) | Storage::Last(_) => None,
            Storage::Memory(memory) => Some(memory),
        }
    }

    fn rank(&self, local: u32) -> u32 {
        self.ranks[local as usize].checked_sub(1).expect("it is named")
    }
}

impl Memory {
    /// Reads the operand that so many are beneath.
    pub(super) fn load_operand(self, builder: &mut FunctionBuilder<'_>, ty: ValType, beneath: usize) -> Value {
        self.load(builder, ty, self.locals + beneath as u32)
    }

    /// Stores the operand that so many are beneath.
    pub(super) fn store_operand(self, builder: &mut FunctionBuilder<'_>, beneath: usize, value: Value) {
        self.store(builder, self.locals + beneath as u32, value);
    }

    fn load(self, builder: &mut FunctionBuilder<'_>, ty: ValType, cell: u32) -> Value {
        let ty = signatures::clif_type(ty);
        let offset = self.offset(cell, ty);
        builder.ins().stack_load(types::I64, ty, self.slot, offset)
    }

    fn store(self, builder: &mut FunctionBuilder<'_>, cell: u32, value: Value) {
        let offset = self.offset(cell, builder.func.dfg.value_type(value));
        builder.ins().stack_store(types::I64, value, self.slot, offset);
    }

    fn offset(self, cell: u32, ty: Type) -> i32 {
        let bytes = self.words * WORD_SIZE;
        assert!(ty.bytes() <= bytes, "the function has no wider values");
        (cell * bytes) as i32
    }
}

/// A zero of this type.
fn zero(builder: &mut FunctionBuilder<'_>, ty: ValType) -> Value {
    match ty {
        ValType::F32 => builder.ins().f32const(0.0),
        ValType::F64 => builder.ins().f64const(0.0),
        ValType::V128 => vector_constant(builder, types::I8X16, 0),
        ty => builder.ins().iconst(signatures::clif_type(ty), 0),
    }
}
