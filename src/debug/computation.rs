//! Values of a frame that are kept nowhere, but computed from others with numeric operators.
//!
//! Knows nothing of frames. Invariant: the guest has passed the operators of a computation, so none of them traps.
//! Read next: `layout.rs`, which says what each value of a frame is.

use super::evaluator::{Inner, Numeric};
use super::layout::StateSlot;
use crate::abi::frame_table::{MAX_OPERATORS, Place};
use crate::abi::operators::numeric_operands;

/// How to compute a value: operators, each of which comes after those that it needs.
#[derive(Debug)]
pub struct Computation {
    steps: Vec<Step>,
    has_floats: bool,
}

/// An operator and what it is applied to.
#[derive(Debug)]
enum Step {
    Unary(fn(u64) -> Numeric, Operand),
    Binary(fn(u64, u64) -> Numeric, Operand, Operand),
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    /// Those bits of a word of the state slot that the mask has.
    Word(u32, u64),
    Const(u64),
    /// What the step at this place gave.
    Result(u32),
}

/// Opcodes of the operators that only take the lower half.
const I32_WRAP_I64: u8 = 0xa7;
const I64_EXTEND_I32_U: u8 = 0xad;

impl Computation {
    /// What [`Place::Computed`] with this opcode and these operands stands for.
    pub fn new(opcode: u8, operands: &[Place]) -> Computation {
        let mut computation = Computation { steps: Vec::new(), has_floats: false };
        computation.push(opcode, operands);
        assert!(computation.steps.len() <= MAX_OPERATORS, "the compiler describes values by few operators");
        computation
    }

    /// Adds an operator, after those that it needs; answers its place.
    fn push(&mut self, opcode: u8, operands: &[Place]) -> u32 {
        let is_wide = numeric_operands(opcode).expect("a numeric operator").is_wide;
        let mask = if is_wide { u64::MAX } else { u64::from(u32::MAX) };
        // Comparisons, arithmetic, conversions of floats.
        self.has_floats |= matches!(opcode, 0x5b..=0x66 | 0x8b..=0xa6 | 0xa8..=0xab | 0xae..=0xbb);
        let mut operand = |place: usize| match &operands[place] {
            Place::Word(word) => Operand::Word(*word, mask),
            Place::Const(bits) => Operand::Const(*bits as u64 & mask),
            Place::Computed { opcode: I32_WRAP_I64 | I64_EXTEND_I32_U, operands }
                if let [Place::Word(word)] = operands[..] =>
            {
                Operand::Word(word, u64::from(u32::MAX))
            }
            Place::Computed { opcode, operands } => Operand::Result(self.push(*opcode, operands)),
            Place::Home => unreachable!("no operand of a computation has a home"),
        };
        let first = operand(0);
        let step = match Inner::numeric(opcode) {
            Inner::Unary(_, apply) => Step::Unary(apply, first),
            // The compiler counts equal operands once.
            Inner::Binary(_, apply) if operands[0] == operands[1] => Step::Binary(apply, first, first),
            Inner::Binary(_, apply) => Step::Binary(apply, first, operand(1)),
            _ => unreachable!("numeric operators have one or two operands"),
        };
        self.steps.push(step);
        self.steps.len() as u32 - 1
    }

    /// Whether it depends on the floating-point environment.
    pub fn has_floats(&self) -> bool {
        self.has_floats
    }

    /// The bits of the value; none if the state slot isn't there. Requires: if it has floats, the default environment.
    #[inline]
    pub fn bits(&self, slot: StateSlot<'_>) -> Option<u64> {
        let mut results = [0; MAX_OPERATORS];
        let mut last = 0;
        for (place, step) in self.steps.iter().enumerate() {
            let operand = |operand: &Operand| {
                Some(match operand {
                    Operand::Word(word, mask) => slot.word(*word)? & mask,
                    Operand::Const(bits) => *bits,
                    Operand::Result(place) => results[*place as usize % MAX_OPERATORS],
                })
            };
            let result = match step {
                Step::Unary(apply, first) => apply(operand(first)?),
                Step::Binary(apply, first, second) => apply(operand(first)?, operand(second)?),
            };
            last = result.ok()?;
            results[place % MAX_OPERATORS] = last;
        }
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I32_MUL: u8 = 0x6c;

    #[test]
    fn equal_operands_are_computed_once() {
        let square = |place: Place| Place::Computed { opcode: I32_MUL, operands: vec![place.clone(), place] };
        let place = (0..MAX_OPERATORS).fold(Place::Word(1), |place, _| square(place));
        let Place::Computed { opcode, operands } = place else { unreachable!("just made") };
        assert_eq!(Computation::new(opcode, &operands).steps.len(), MAX_OPERATORS);
    }
}
