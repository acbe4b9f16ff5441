//! Atomic accesses to memories, waiting and notifying.
//!
//! Cranelift's atomic instructions order all accesses around them, as the optimiser sees it, too: what another thread has written
//! before it is read after. Accesses that aren't atomic are compiled alike for memories that are shared and others. Read next:
//! [`super::memory`], which knows where an access goes.

use super::function::Translator;
use super::operands::Operand;
use super::{signatures, target};
use crate::abi::atomics::{Action, AtomicOperator, Update, atomic_operator};
use crate::abi::builtins::{Builtin, wait};
use crate::base::{MemoryIndex, TrapCode, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::{MemArgTarget, Operator};

impl Translator<'_> {
    /// Translates the operator if it is one of the proposal for threads.
    pub(super) fn atomic_operator(&mut self, operator: &Operator<'_>) -> bool {
        if let Operator::AtomicFence { .. } = operator {
            self.builder.ins().fence();
            return true;
        }
        let Some(atomic) = atomic_operator(operator) else { return false };
        match atomic.action {
            Action::Load => {
                let index = self.pop();
                let (address, flags) = self.atomic_address(&atomic, index);
                let value = self.builder.ins().atomic_load(narrow(&atomic), flags, address);
                self.push_widened(&atomic, value);
            }
            Action::Store => {
                let (index, value) = self.pop2();
                let value = self.narrowed_to(&atomic, value.value);
                let (address, flags) = self.atomic_address(&atomic, index);
                self.builder.ins().atomic_store(flags, value, address);
            }
            Action::Update(update) => {
                let (index, operand) = self.pop2();
                let operand = self.narrowed_to(&atomic, operand.value);
                let (address, flags) = self.atomic_address(&atomic, index);
                let before = self.builder.ins().atomic_rmw(narrow(&atomic), flags, rmw_op(update), address, operand);
                self.push_widened(&atomic, before);
            }
            Action::Exchange => {
                let (expected, replacement) = self.pop2();
                let index = self.pop();
                let expected = self.narrowed_to(&atomic, expected.value);
                let replacement = self.narrowed_to(&atomic, replacement.value);
                let (address, flags) = self.atomic_address(&atomic, index);
                let before = self.builder.ins().atomic_cas(flags, address, expected, replacement);
                self.push_widened(&atomic, before);
            }
            Action::Wait => {
                let (expected, timeout) = self.pop2();
                let index = self.pop();
                let (memory, address) = self.parking_address(&atomic, index);
                let begun = self.builder.ins().iconst(types::I64, 0);
                let builtin = if atomic.bytes == 8 { Builtin::memory_wait64 } else { Builtin::memory_wait32 };
                let number = self.memory_number(memory);
                let args = [number, address, expected.value, timeout.value, begun];
                let result = self.builtin(builtin, &args).expect("it has a result");
                self.trap_if_answered(result, wait::OUTSIDE, TrapCode::MemoryOutOfBounds);
                if self.info.memories[memory].is_shared {
                    self.trap_if_answered(result, wait::NOT_ALLOWED, TrapCode::WaitNotAllowed);
                } else {
                    self.trap_if_answered(result, wait::NOT_SHARED, TrapCode::ExpectedSharedMemory);
                }
                self.push_size(ValType::I32, result);
            }
            Action::Notify => {
                let (index, count) = self.pop2();
                let (memory, address) = self.parking_address(&atomic, index);
                let number = self.memory_number(memory);
                let args = [number, address, count.value];
                let result = self.builtin(Builtin::memory_notify, &args).expect("it has a result");
                self.trap_if_answered(result, wait::OUTSIDE, TrapCode::MemoryOutOfBounds);
                self.push_size(ValType::I32, result);
            }
        }
        true
    }

    fn memory_number(&mut self, memory: MemoryIndex) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(memory.as_u32()))
    }

    fn trap_if_answered(&mut self, result: Value, answer: i64, code: TrapCode) {
        let ok = self.builder.ins().icmp_imm_s(IntCC::NotEqual, result, answer);
        self.call_trap_unless(ok, code);
    }

    /// Where an atomic access goes, and how it traps. It has been looked at whether the address is aligned.
    fn atomic_address(&mut self, atomic: &AtomicOperator, index: Operand) -> (Value, MemFlagsData) {
        let index = Operand { value: self.extended(index), ty: ValType::I64 };
        self.check_alignment(atomic, index.value);
        let (address, offset, is_checked) = self.address(atomic.memarg, index, atomic.bytes);
        let outside = match atomic.action {
            Action::Load => target::trap(TrapCode::MemoryOutOfBounds),
            _ => self.store_trap(TrapCode::MemoryOutOfBounds),
        };
        let flags = self.memory_flags(outside, is_checked);
        (self.builder.ins().iadd_imm_s(address, i64::from(offset)), flags)
    }

    /// The memory and the place in it that a wait or notification is at. What 64 bits can't count is a place that no memory has.
    fn parking_address(&mut self, atomic: &AtomicOperator, index: Operand) -> (MemoryIndex, Value) {
        let MemArgTarget::Memory(memory) = atomic.memarg.target else { unreachable!("arrays aren't compiled") };
        let is_wide = index.ty == ValType::I64;
        let index = self.extended(index);
        self.check_alignment(atomic, index);
        let memory = MemoryIndex::from_u32(memory);
        if atomic.memarg.offset == 0 {
            return (memory, index);
        }
        let offset = self.builder.ins().iconst(types::I64, atomic.memarg.offset as i64);
        let address = self.builder.ins().iadd(index, offset);
        if !is_wide {
            return (memory, address);
        }
        let wraps = self.builder.ins().icmp(IntCC::UnsignedLessThan, address, index);
        let nowhere = self.builder.ins().iconst(types::I64, -1);
        (memory, self.builder.ins().select(wraps, nowhere, address))
    }

    /// Traps unless index and offset make a multiple of the access's size. The memory begins at one.
    fn check_alignment(&mut self, atomic: &AtomicOperator, index: Value) {
        let mask = i64::from(atomic.bytes) - 1;
        if mask == 0 {
            return;
        }
        let low = match atomic.memarg.offset as i64 & mask {
            0 => index,
            low => self.builder.ins().iadd_imm_u(index, low),
        };
        let rest = self.builder.ins().band_imm_u(low, mask);
        self.trap_if(rest, TrapCode::UnalignedAtomic);
    }

    fn narrowed_to(&mut self, atomic: &AtomicOperator, value: Value) -> Value {
        let ty = narrow(atomic);
        if ty == signatures::clif_type(atomic.ty) { value } else { self.builder.ins().ireduce(ty, value) }
    }

    fn push_widened(&mut self, atomic: &AtomicOperator, value: Value) {
        let ty = signatures::clif_type(atomic.ty);
        let value = if ty == narrow(atomic) { value } else { self.builder.ins().uextend(ty, value) };
        self.push(atomic.ty, value);
    }
}

/// The type that is accessed.
fn narrow(atomic: &AtomicOperator) -> Type {
    Type::int_with_byte_size(atomic.bytes as u16).expect("integers have such sizes")
}

fn rmw_op(update: Update) -> AtomicRmwOp {
    match update {
        Update::Add => AtomicRmwOp::Add,
        Update::Sub => AtomicRmwOp::Sub,
        Update::And => AtomicRmwOp::And,
        Update::Or => AtomicRmwOp::Or,
        Update::Xor => AtomicRmwOp::Xor,
        Update::Xchg => AtomicRmwOp::Xchg,
    }
}
