//! The translator's operand stack.
//!
//! Operands are values of machine code. Where a function's [locals](super::locals) are in memory, only the [`WINDOW`] highest
//! are, and those beneath are in memory, too: so no more than that are alive across a call or a branch. Invariant: between two
//! operators, of an operand in memory only the type is known.

use super::function::Translator;
use super::locals::Memory;
use crate::base::ValType;
use cranelift_codegen::ir::Value;
use cranelift_frontend::FunctionBuilder;

/// How many operands are values, in a function whose locals are in memory.
const WINDOW: usize = 8;

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    /// Not to be used if the operand is in memory.
    pub(super) value: Value,
    pub(super) ty: ValType,
}

/// The value of an operand of a stack whose lowest `in_memory` operands are there.
pub(super) fn value(
    builder: &mut FunctionBuilder<'_>,
    memory: Option<Memory>,
    stack: &[Operand],
    in_memory: usize,
    place: usize,
) -> Value {
    let Operand { value, ty } = stack[place];
    match memory {
        Some(memory) if place < in_memory => memory.load_operand(builder, ty, place),
        _ => value,
    }
}

impl Translator<'_> {
    pub(super) fn push(&mut self, ty: ValType, value: Value) {
        self.stack.push(Operand { value, ty });
    }

    pub(super) fn pop(&mut self) -> Operand {
        self.need(1);
        self.stack.pop().expect("validated")
    }

    pub(super) fn pop2(&mut self) -> (Operand, Operand) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Removes all operands but the lowest `height`.
    pub(super) fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
        self.in_memory = self.in_memory.min(height);
    }

    /// Reads the highest `count` operands from memory, if they are there.
    pub(super) fn need(&mut self, count: usize) {
        let from = self.stack.len() - count;
        while self.in_memory > from {
            self.in_memory -= 1;
            let Translator { builder, locals, stack, in_memory, .. } = self;
            let memory = locals.memory().expect("operands are in it");
            let operand = &mut stack[*in_memory];
            operand.value = memory.load_operand(builder, operand.ty, *in_memory);
        }
    }

    /// After an operator: stores operands that have become too many.
    pub(super) fn settle(&mut self) {
        let Some(memory) = self.locals.memory() else { return };
        while self.stack.len() > self.in_memory + WINDOW {
            memory.store_operand(&mut self.builder, self.in_memory, self.stack[self.in_memory].value);
            self.in_memory += 1;
        }
    }
}
