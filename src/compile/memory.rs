//! Linear memories and globals.

use super::function::{Region, Translator};
use super::operands::Operand;
use super::{signatures, target};
use crate::abi::builtins::Builtin;
use crate::abi::fuel::BYTES_LOG2;
use crate::abi::vmctx::memory;
use crate::base::{GlobalIndex, MemoryIndex, TrapCode, ValType};
use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{self, Endianness, InstBuilder, MemFlagsData, Opcode, Type, Value, types};
use wasmparser::{MemArg, MemArgTarget, Operator};

impl Translator<'_> {
    pub(super) fn memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator::*;
        use ValType::{F32, F64, I32, I64};
        match *operator {
            I32Load { memarg } => self.load(memarg, I32, types::I32, Opcode::Load),
            I64Load { memarg } => self.load(memarg, I64, types::I64, Opcode::Load),
            F32Load { memarg } => self.load(memarg, F32, types::F32, Opcode::Load),
            F64Load { memarg } => self.load(memarg, F64, types::F64, Opcode::Load),
            I32Load8S { memarg } => self.load(memarg, I32, types::I32, Opcode::Sload8),
            I32Load8U { memarg } => self.load(memarg, I32, types::I32, Opcode::Uload8),
            I32Load16S { memarg } => self.load(memarg, I32, types::I32, Opcode::Sload16),
            I32Load16U { memarg } => self.load(memarg, I32, types::I32, Opcode::Uload16),
            I64Load8S { memarg } => self.load(memarg, I64, types::I64, Opcode::Sload8),
            I64Load8U { memarg } => self.load(memarg, I64, types::I64, Opcode::Uload8),
            I64Load16S { memarg } => self.load(memarg, I64, types::I64, Opcode::Sload16),
            I64Load16U { memarg } => self.load(memarg, I64, types::I64, Opcode::Uload16),
            I64Load32S { memarg } => self.load(memarg, I64, types::I64, Opcode::Sload32),
            I64Load32U { memarg } => self.load(memarg, I64, types::I64, Opcode::Uload32),
            I32Store { memarg } | I64Store { memarg } | F32Store { memarg } | F64Store { memarg } => {
                self.store(memarg, Opcode::Store);
            }
            I32Store8 { memarg } | I64Store8 { memarg } => self.store(memarg, Opcode::Istore8),
            I32Store16 { memarg } | I64Store16 { memarg } => self.store(memarg, Opcode::Istore16),
            I64Store32 { memarg } => self.store(memarg, Opcode::Istore32),
            MemorySize { mem } => {
                let definition = self.memory_definition(mem);
                let region = self.region(Region::MemoryFields);
                let flags = MemFlagsData::trusted().with_alias_region(Some(region));
                let ty = self.info.memories[MemoryIndex::from_u32(mem)];
                let bytes = if ty.is_shared {
                    // Others make it grow, which must be seen.
                    let place = self.builder.ins().iadd_imm_u(definition, i64::from(memory::BYTES));
                    self.builder.ins().atomic_load(types::I64, flags, place)
                } else {
                    self.builder.ins().load(types::I64, flags, definition, memory::BYTES)
                };
                let pages = self.builder.ins().ushr_imm_u(bytes, i64::from(ty.page_size_log2));
                self.push_size(ty.index_type(), pages);
            }
            MemoryGrow { mem } => {
                let delta = self.pop();
                let ty = delta.ty;
                let delta = self.extended(delta);
                let index = self.builder.ins().iconst(types::I32, i64::from(mem));
                let old = self.builtin(Builtin::memory_grow, &[index, delta]).expect("it has a result");
                self.push_size(ty, old);
            }
            MemoryFill { mem } => {
                let (byte, length) = self.pop2();
                let destination = self.pop();
                let memory = self.memory_definition(mem);
                let (destination, length) = (self.extended(destination), self.extended(length));
                let args = [memory, destination, byte.value, length];
                self.checked_builtin(Builtin::memory_fill, &args, BYTES_LOG2, TrapCode::MemoryOutOfBounds);
            }
            MemoryCopy { dst_mem, src_mem } => {
                let memories = (self.memory_definition(dst_mem), self.memory_definition(src_mem));
                let args = self.copy_args(memories);
                self.checked_builtin(Builtin::memory_copy, &args, BYTES_LOG2, TrapCode::MemoryOutOfBounds);
            }
            MemoryInit { data_index, mem } => {
                let args = self.init_args(mem, data_index);
                self.checked_builtin(Builtin::memory_init, &args, BYTES_LOG2, TrapCode::MemoryOutOfBounds);
            }
            DataDrop { data_index } => {
                let segment = self.builder.ins().iconst(types::I32, i64::from(data_index));
                self.builtin(Builtin::data_drop, &[segment]);
            }
            GlobalGet { global_index } => self.global_get(GlobalIndex::from_u32(global_index)),
            GlobalSet { global_index } => {
                let value = self.pop();
                let value = self.uniform(value.value);
                let (base, offset, flags) = self.global(GlobalIndex::from_u32(global_index));
                self.builder.ins().store(flags, value, base, offset);
            }
            _ => return false,
        }
        true
    }

    /// The address of a memory's base and size.
    fn memory_definition(&mut self, memory: u32) -> Value {
        let entry = self.info.layout.memory(MemoryIndex::from_u32(memory));
        self.load_constant(self.context, entry + memory::DEFINITION)
    }

    /// The address that `memarg` and the index operand make, as a base and an immediate offset, for an access of `bytes` bytes;
    /// and whether it was compared with the memory's size.
    ///
    /// Where it isn't, index and offset are both below 4 GiB, and all addresses that they can reach from the base are the
    /// memory's own, inaccessible beyond its size: what is out of bounds faults.
    pub(super) fn address(&mut self, memarg: MemArg, index: Operand, bytes: u32) -> (Value, Offset32, bool) {
        let MemArgTarget::Memory(memory) = memarg.target else { unreachable!("arrays aren't compiled") };
        let memory = MemoryIndex::from_u32(memory);
        let (entry, ty) = (self.info.layout.memory(memory), self.info.memories[memory]);
        let base = self.load_constant(self.context, entry + memory::BASE);
        let index = self.extended(index);
        let needed = memarg.offset.saturating_add(u64::from(bytes));
        let is_checked = self.checks || !self.unchecked.reaches(&ty, needed);
        if is_checked {
            self.check_memory(entry, &ty, index, needed, bytes);
        }
        let address = self.builder.ins().iadd(base, index);
        match i32::try_from(memarg.offset) {
            Ok(offset) => (address, Offset32::new(offset), is_checked),
            Err(_) => {
                let offset = self.builder.ins().iconst(types::I64, memarg.offset as i64);
                (self.builder.ins().iadd(address, offset), Offset32::new(0), is_checked)
            }
        }
    }

    pub(super) fn memory_flags(&mut self, outside: ir::TrapCode, is_checked: bool) -> MemFlagsData {
        let region = self.region(Region::Memories);
        let flags = MemFlagsData::new();
        let flags = if is_checked { flags.with_notrap() } else { flags.with_trap_code(Some(outside)) };
        flags.with_endianness(Endianness::Little).with_alias_region(Some(region))
    }

    pub(super) fn load(&mut self, memarg: MemArg, ty: ValType, register: Type, opcode: Opcode) {
        let value = self.loaded(memarg, register, opcode);
        self.push(ty, value);
    }

    /// What an access gives whose index is the highest operand.
    pub(super) fn loaded(&mut self, memarg: MemArg, register: Type, opcode: Opcode) -> Value {
        let index = self.pop();
        let (address, offset, is_checked) = self.address(memarg, index, access_size(opcode, register));
        let flags = self.memory_flags(target::trap(TrapCode::MemoryOutOfBounds), is_checked);
        let ins = self.builder.ins();
        match opcode {
            Opcode::Load => ins.load(register, flags, address, offset),
            Opcode::Sload8 => ins.sload8(register, flags, address, offset),
            Opcode::Uload8 => ins.uload8(register, flags, address, offset),
            Opcode::Sload16 => ins.sload16(register, flags, address, offset),
            Opcode::Uload16 => ins.uload16(register, flags, address, offset),
            Opcode::Sload32 => ins.sload32(flags, address, offset),
            Opcode::Uload32 => ins.uload32(flags, address, offset),
            Opcode::Sload8x8 => ins.sload8x8(flags, address, offset),
            Opcode::Uload8x8 => ins.uload8x8(flags, address, offset),
            Opcode::Sload16x4 => ins.sload16x4(flags, address, offset),
            Opcode::Uload16x4 => ins.uload16x4(flags, address, offset),
            Opcode::Sload32x2 => ins.sload32x2(flags, address, offset),
            Opcode::Uload32x2 => ins.uload32x2(flags, address, offset),
            other => unreachable!("{other} isn't a load"),
        }
    }

    pub(super) fn store(&mut self, memarg: MemArg, opcode: Opcode) {
        let (index, value) = self.pop2();
        let value = self.uniform(value.value);
        self.store_value(memarg, index, value, opcode);
    }

    pub(super) fn store_value(&mut self, memarg: MemArg, index: Operand, value: Value, opcode: Opcode) {
        let register = self.builder.func.dfg.value_type(value);
        let (address, offset, is_checked) = self.address(memarg, index, access_size(opcode, register));
        let outside = self.store_trap(TrapCode::MemoryOutOfBounds);
        let flags = self.memory_flags(outside, is_checked);
        let ins = self.builder.ins();
        match opcode {
            Opcode::Store => ins.store(flags, value, address, offset),
            Opcode::Istore8 => ins.istore8(flags, value, address, offset),
            Opcode::Istore16 => ins.istore16(flags, value, address, offset),
            Opcode::Istore32 => ins.istore32(flags, value, address, offset),
            other => unreachable!("{other} isn't a store"),
        };
    }

    fn global_get(&mut self, index: GlobalIndex) {
        let ty = self.info.globals[index].value.top();
        if let Some(constant) = self.info.constant_global(index) {
            self.constant(constant);
            return;
        }
        let (base, offset, flags) = self.global(index);
        let value = self.builder.ins().load(signatures::clif_type(ty), flags, base, offset);
        self.push(ty, value);
    }

    fn global(&mut self, index: GlobalIndex) -> (Value, i32, MemFlagsData) {
        let layout = &self.info.layout;
        let (base, offset, region) = match layout.as_defined_global(index) {
            Some(defined) => (self.context, layout.defined_global(defined), Region::Global(defined.as_u32())),
            None => {
                let cell = layout.imported_global(index);
                (self.load_constant(self.context, cell), 0, Region::ImportedGlobals)
            }
        };
        let region = self.region(region);
        (base, offset, MemFlagsData::trusted().with_alias_region(Some(region)))
    }
}

/// How many bytes a load into such a register, or a store from it, accesses.
fn access_size(opcode: Opcode, register: Type) -> u32 {
    match opcode {
        Opcode::Sload8 | Opcode::Uload8 | Opcode::Istore8 => 1,
        Opcode::Sload16 | Opcode::Uload16 | Opcode::Istore16 => 2,
        Opcode::Sload32 | Opcode::Uload32 | Opcode::Istore32 => 4,
        Opcode::Sload8x8 | Opcode::Uload8x8 | Opcode::Sload16x4 | Opcode::Uload16x4 => 8,
        Opcode::Sload32x2 | Opcode::Uload32x2 => 8,
        _ => register.bytes(),
    }
}
