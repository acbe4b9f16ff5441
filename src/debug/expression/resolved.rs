//! Expressions whose locals and operands were found at one operator: nothing but the words of a frame is needed then.
//!
//! Must not know calls. Invariant: it is in each frame what the [`Expression`] is that it was made from. Read next: `glance.rs`, which uses
//! them.

use super::{Binary, Expression, MOST_VALUES, Number, Operation, Seen, Width, World};
use crate::abi::homes::CONTEXT_WORD;
use crate::base::{GlobalIndex, MemoryIndex, ValType};
use crate::debug::evaluator::Outside;
use crate::debug::layout::{Layout, Scalar, Scalars, StateSlot};
use crate::debug::view::LastInstance;
use crate::runtime::Store;
use std::rc::Rc;

/// An expression at one operator.
pub struct Resolved {
    /// Its locals are places among the scalars; there are no operands.
    expression: Expression,
    /// The same, if it is over integers only.
    steps: Option<Box<[Step]>>,
    scalars: Box<[Scalar]>,
    layout: Rc<Layout>,
    instances: LastInstance,
}

/// An operation over integers. Those that aren't here are the same.
#[derive(Clone, Copy, Debug)]
enum Step {
    Constant(i64),
    /// Of an `i32` in this word.
    I32(u32),
    I64(u32),
    Reference(u32),
    Global(GlobalIndex, ValType),
    Load(MemoryIndex, Width),
    Negate,
    Not,
    Complement,
    Truth,
    Binary(Binary),
    UnlessFalse(u32),
    UnlessTrue(u32),
}

impl Step {
    fn new(operation: &Operation, scalars: &[Scalar]) -> Option<Step> {
        Some(match *operation {
            Operation::Push(Number::Integer(number)) => Step::Constant(number),
            Operation::Local(place) => match scalars[place as usize].word()? {
                (ValType::I32, word) => Step::I32(word),
                (ValType::I64, word) => Step::I64(word),
                (ValType::Ref(_), word) => Step::Reference(word),
                _ => return None,
            },
            Operation::Global(global, ty) if !matches!(ty, ValType::F32 | ValType::F64 | ValType::V128) => {
                Step::Global(global, ty)
            }
            Operation::Load(memory, width) if !width.is_float() => Step::Load(memory, width),
            Operation::Negate => Step::Negate,
            Operation::Not => Step::Not,
            Operation::Complement => Step::Complement,
            Operation::Truth => Step::Truth,
            Operation::Binary(binary) => Step::Binary(binary),
            Operation::UnlessFalse(to) => Step::UnlessFalse(to),
            Operation::UnlessTrue(to) => Step::UnlessTrue(to),
            _ => return None,
        })
    }
}

/// Does them all; answers what is left. As [`Expression::evaluate`], without a look at what kind of number each is.
#[inline]
fn integer(steps: &[Step], slot: StateSlot<'_>, world: Option<&World<'_>>) -> Option<i64> {
    // Beneath the one on top.
    let mut values = [0; MOST_VALUES];
    let (mut top, mut n, mut next) = (0, 0, 0);
    while let Some(step) = steps.get(next) {
        next += 1;
        let pushed = match *step {
            Step::Constant(number) => number,
            Step::I32(word) => i64::from(slot.word(word)? as i32),
            Step::I64(word) => slot.word(word)? as i64,
            Step::Reference(word) => (slot.word(word)? != 0).into(),
            Step::Global(global, ty) => integer_of(Number::of(ty, world?.global(global) as u64)?)?,
            Step::Load(memory, width) => {
                top = integer_of(width.number(world?.load(memory, top as u64, width.bytes())? as u64))?;
                continue;
            }
            Step::Negate => {
                top = top.wrapping_neg();
                continue;
            }
            Step::Not => {
                top = (top == 0).into();
                continue;
            }
            Step::Complement => {
                top = !top;
                continue;
            }
            Step::Truth => {
                top = (top != 0).into();
                continue;
            }
            Step::Binary(binary) => {
                n -= 1;
                top = binary.apply_integers(values[n], top)?;
                continue;
            }
            Step::UnlessFalse(to) | Step::UnlessTrue(to) => {
                if (top != 0) == matches!(step, Step::UnlessTrue(_)) {
                    next = to as usize;
                } else {
                    n -= 1;
                    top = values[n];
                }
                continue;
            }
        };
        values[n] = top;
        (top, n) = (pushed, n + 1);
    }
    Some(top)
}

fn integer_of(number: Number) -> Option<i64> {
    if let Number::Integer(number) = number { Some(number) } else { None }
}

impl Resolved {
    /// An expression where these scalars are, in frames of this layout; none if it needs another value.
    pub fn new(expression: &Expression, scalars: &Scalars, layout: &Rc<Layout>) -> Option<Resolved> {
        let mut found = Vec::new();
        let mut place = |known: &[Option<Scalar>], index: u32| {
            found.push((*known.get(index as usize)?)?);
            Some(Operation::Local(found.len() as u32 - 1))
        };
        let operations = expression.operations.iter().map(|operation| match *operation {
            Operation::Local(local) => place(&scalars.locals, local),
            Operation::Operand(operand) => place(&scalars.operands, operand),
            other => Some(other),
        });
        let operations = operations.collect::<Option<Box<[_]>>>()?;
        let steps = operations.iter().map(|operation| Step::new(operation, &found)).collect();
        let expression = Expression { operations, needs_instance: expression.needs_instance };
        let (scalars, layout, instances) = (found.into(), layout.clone(), LastInstance::default());
        Some(Resolved { expression, steps, scalars, layout, instances })
    }

    /// Whether it holds in the frame with this slot; none if that can't be told.
    #[inline]
    pub fn holds(&self, slot: StateSlot<'_>, store: &Store) -> Option<bool> {
        let world = match self.expression.needs_instance {
            true => Some(World { store, instance: self.instances.at(slot.word(CONTEXT_WORD)?, store)? }),
            false => None,
        };
        match &self.steps {
            Some(steps) => integer(steps, slot, world.as_ref()).map(|number| number != 0),
            None => self.expression.evaluate(&InSlot { resolved: self, slot, world }).map(Number::is_true),
        }
    }
}

struct InSlot<'a> {
    resolved: &'a Resolved,
    slot: StateSlot<'a>,
    world: Option<World<'a>>,
}

impl Seen for InSlot<'_> {
    #[inline]
    fn local(&self, local: u32) -> Option<Number> {
        let Resolved { scalars, layout, .. } = self.resolved;
        layout.scalar_at(self.slot, scalars[local as usize]).and_then(|(ty, bits)| Number::of(ty, bits))
    }

    fn operand(&self, _: u32) -> Option<Number> {
        None
    }

    fn global(&self, global: GlobalIndex, ty: ValType) -> Option<Number> {
        Number::of(ty, self.world.as_ref()?.global(global) as u64)
    }

    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64> {
        self.world.as_ref()?.load(memory, address, bytes).map(|bits| bits as u64)
    }
}
