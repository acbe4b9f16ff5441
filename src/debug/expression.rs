//! Expressions over what a frame sees: conditions of breakpoints and watchpoints that are evaluated without asking the host.
//!
//! ```text
//!   5  0x10  2.5  1e3           numbers; without a dot or exponent they are integers
//!   local[2]  $2  $name         a local of the frame
//!   operand[0]  %0              an operand, counted from the bottom
//!   global[1]  @1  @name        a global of its instance
//!   name                        the local of this name, or else the global
//!   "a name"  $"a name"        the same of any name, which has no quotes itself
//!   i32[address]                what is at an address of memory 0: i8 u8 i16 u16 i32 u32 i64 f32 f64
//!   i32[address, 1]             of another memory
//!   - ! ~ * / % + - << >> < <= > >= == != & ^ | && ||     as in C, and parentheses
//! ```
//!
//! Integers have 64 bits and wrap around; those of 32 bits are extended with their sign. Where one side is a float both are, of 64 bits. A
//! reference is 0 if it is null, otherwise 1.
//!
//! Text is read once for each function that it is evaluated in, into operations on a small stack. Must not know breakpoints or events. Invariant: whatever the text
//! is, reading it takes time and stack by its length, which is bounded, and evaluating it changes nothing.

mod parser;
mod resolved;
#[cfg(test)]
mod tests;

use super::evaluator::Outside;
use super::replay::World;
use super::view::View;
use super::{Debuggee, Frame};
use crate::base::{DefinedFuncIndex, GlobalIndex, MemoryIndex, Result, ValType, Value, error::bail, memory};
use crate::runtime::{Module, Store};
use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

pub use parser::MOST_TEXT;
pub(super) use resolved::Resolved;

/// A value in an expression.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Number {
    Integer(i64),
    Float(f64),
}

use Number::{Float, Integer};

/// How many values an expression needs at once, at most.
///
/// Operators without parentheses need ten.
const MOST_VALUES: usize = 12;

/// An expression that was read for a function.
pub struct Expression {
    operations: Box<[Operation]>,
    needs_instance: bool,
}

/// An expression as it was written, for frames of any function.
pub(super) struct ExpressionText {
    text: Box<str>,
    /// As it was read for the function whose frame it was evaluated in last.
    last: RefCell<Option<ReadFor>>,
    /// The same for others before that.
    others: RefCell<Vec<ReadFor>>,
}

/// How many functions an expression is kept for.
const MOST_FUNCTIONS: usize = 64;

/// An expression as it was read for a function.
struct ReadFor {
    module: u64,
    function: DefinedFuncIndex,
    /// None if it is none there: what it names isn't in the function.
    expression: Option<Rc<Expression>>,
}

impl ReadFor {
    #[inline]
    fn is_for(&self, module: &Module, function: DefinedFuncIndex) -> bool {
        self.function == function && self.module == module.id()
    }
}

impl ExpressionText {
    /// An expression that is evaluated in frames of this function only or, without one, of any.
    ///
    /// Errors: `InvalidArgument` with the place in the text if it is no expression, or names what the function hasn't.
    pub(super) fn new(text: &str, function: Option<(Module, DefinedFuncIndex)>) -> Result<ExpressionText> {
        let last = match function {
            Some((module, function)) => {
                let expression = Some(Rc::new(Expression::new(text, module.info(), function)?));
                Some(ReadFor { module: module.id(), function, expression })
            }
            None => {
                Expression::check(text)?;
                None
            }
        };
        Ok(ExpressionText { text: text.into(), last: RefCell::new(last), others: RefCell::default() })
    }

    /// Whether it holds in a frame; none if that can't be told.
    #[inline]
    pub(super) fn holds(&self, view: &View<'_>, store: &Store) -> Option<bool> {
        self.in_function(view.module(), view.function())?.holds(view, store)
    }

    /// Writes down what it is in a frame; answers whether that can be told.
    pub(super) fn tell(&self, view: &View<'_>, store: &Store, out: &mut String) -> bool {
        let expression = self.in_function(view.module(), view.function());
        match expression.and_then(|expression| expression.value(view, store)) {
            Some(Integer(number)) => write!(out, "{number}").is_ok(),
            Some(Float(number)) => write!(out, "{number:?}").is_ok(),
            None => false,
        }
    }

    /// As it is read for a function; none if it is none there, or if there is no memory for that.
    #[inline]
    pub(super) fn in_function(&self, module: &Module, function: DefinedFuncIndex) -> Option<Rc<Expression>> {
        if !self.last.borrow().as_ref().is_some_and(|last| last.is_for(module, function)) {
            self.read_for(module, function)?;
        }
        self.last.borrow().as_ref()?.expression.clone()
    }

    /// Reads it for a function; nothing if there is no memory for that.
    #[cold]
    fn read_for(&self, module: &Module, function: DefinedFuncIndex) -> Option<()> {
        let mut others = self.others.borrow_mut();
        let found = match others.iter().position(|other| other.is_for(module, function)) {
            Some(place) => others.swap_remove(place),
            None => {
                memory::ask_for_several().ok()?;
                let expression = Expression::new(&self.text, module.info(), function).ok().map(Rc::new);
                ReadFor { module: module.id(), function, expression }
            }
        };
        let before = self.last.replace(Some(found));
        if others.len() == MOST_FUNCTIONS {
            others.clear();
        }
        memory::reserve(&mut others, 1).ok()?;
        others.extend(before);
        Some(())
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Operation {
    Push(Number),
    Local(u32),
    Operand(u32),
    Global(GlobalIndex, ValType),
    Load(MemoryIndex, Width),
    Negate,
    Not,
    Complement,
    Binary(Binary),
    /// Makes the value 0 or 1.
    Truth,
    /// Goes on there if the value is 0, which stays; otherwise drops it.
    UnlessFalse(u32),
    /// The same if it isn't 0.
    UnlessTrue(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Width {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F32,
    F64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Binary {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    Left,
    Right,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    And,
    Xor,
    Or,
}

impl Number {
    fn is_true(self) -> bool {
        match self {
            Integer(number) => number != 0,
            Float(number) => number != 0.0,
        }
    }

    fn float(self) -> f64 {
        match self {
            Integer(number) => number as f64,
            Float(number) => number,
        }
    }

    fn negated(self) -> Number {
        match self {
            Integer(number) => Integer(number.wrapping_neg()),
            Float(number) => Float(-number),
        }
    }

    fn truth(holds: bool) -> Number {
        Integer(holds.into())
    }

    /// A value of a frame or global; none for a vector.
    fn of(ty: ValType, bits: u64) -> Option<Number> {
        Some(match ty {
            ValType::I32 => Integer((bits as i32).into()),
            ValType::I64 => Integer(bits as i64),
            ValType::F32 => Float(f32::from_bits(bits as u32).into()),
            ValType::F64 => Float(f64::from_bits(bits)),
            ValType::Ref(_) => Number::truth(bits != 0),
            ValType::V128 => return None,
        })
    }
}

impl Width {
    fn bytes(self) -> u8 {
        match self {
            Width::I8 | Width::U8 => 1,
            Width::I16 | Width::U16 => 2,
            Width::I32 | Width::U32 | Width::F32 => 4,
            Width::I64 | Width::F64 => 8,
        }
    }

    fn number(self, bits: u64) -> Number {
        match self {
            Width::I8 => Integer((bits as i8).into()),
            Width::I16 => Integer((bits as i16).into()),
            Width::I32 => Integer((bits as i32).into()),
            Width::U8 | Width::U16 | Width::U32 | Width::I64 => Integer(bits as i64),
            Width::F32 => Float(f32::from_bits(bits as u32).into()),
            Width::F64 => Float(f64::from_bits(bits)),
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Width::F32 | Width::F64)
    }
}

impl Binary {
    fn apply(self, a: Number, b: Number) -> Option<Number> {
        if let (Integer(a), Integer(b)) = (a, b) {
            return self.apply_integers(a, b).map(Integer);
        }
        let (a, b) = (a.float(), b.float());
        Some(match self {
            Binary::Multiply => Float(a * b),
            Binary::Divide => Float(a / b),
            Binary::Add => Float(a + b),
            Binary::Subtract => Float(a - b),
            _ => return self.compare(a, b).map(Number::truth),
        })
    }

    /// What it is if it compares.
    fn compare<T: PartialOrd>(self, a: T, b: T) -> Option<bool> {
        Some(match self {
            Binary::Less => a < b,
            Binary::LessOrEqual => a <= b,
            Binary::Greater => a > b,
            Binary::GreaterOrEqual => a >= b,
            Binary::Equal => a == b,
            Binary::Unequal => a != b,
            _ => return None,
        })
    }

    #[inline]
    fn apply_integers(self, a: i64, b: i64) -> Option<i64> {
        Some(match self {
            Binary::Multiply => a.wrapping_mul(b),
            Binary::Divide if b == 0 => return None,
            Binary::Divide => a.wrapping_div(b),
            Binary::Remainder if b == 0 => return None,
            Binary::Remainder => a.wrapping_rem(b),
            Binary::Add => a.wrapping_add(b),
            Binary::Subtract => a.wrapping_sub(b),
            Binary::Left => a.wrapping_shl(b as u32),
            Binary::Right => a.wrapping_shr(b as u32),
            Binary::And => a & b,
            Binary::Xor => a ^ b,
            Binary::Or => a | b,
            _ => return self.compare(a, b).map(i64::from),
        })
    }
}

impl Expression {
    /// Whether it holds in a frame; none if that can't be told.
    #[inline]
    pub(super) fn holds(&self, view: &View<'_>, store: &Store) -> Option<bool> {
        self.value(view, store).map(Number::is_true)
    }

    /// What it is in a frame; none if that can't be told: a value isn't known, an address is outside the memory, something is divided
    /// by zero, or an operator that takes integers is given a float.
    fn value(&self, view: &View<'_>, store: &Store) -> Option<Number> {
        let world = match self.needs_instance {
            true => Some(World { store, instance: view.instance(store)? }),
            false => None,
        };
        let frame = InFrame { view, world };
        self.evaluate(&frame)
    }

    #[inline]
    fn evaluate(&self, seen: &impl Seen) -> Option<Number> {
        let mut values = [Integer(0); MOST_VALUES];
        // The parser has counted how many there are: the highest place is in range, and an operation finds what it takes.
        let (mut n, mut next) = (0, 0);
        while let Some(operation) = self.operations.get(next) {
            next += 1;
            match *operation {
                Operation::Push(number) => n = push(&mut values, n, number),
                Operation::Local(local) => n = push(&mut values, n, seen.local(local)?),
                Operation::Operand(operand) => n = push(&mut values, n, seen.operand(operand)?),
                Operation::Global(global, ty) => n = push(&mut values, n, seen.global(global, ty)?),
                Operation::Load(memory, width) => {
                    let Integer(address) = values[n - 1] else { return None };
                    values[n - 1] = width.number(seen.load(memory, address as u64, width.bytes())?);
                }
                Operation::Negate => values[n - 1] = values[n - 1].negated(),
                Operation::Not => values[n - 1] = Number::truth(!values[n - 1].is_true()),
                Operation::Complement => {
                    let Integer(number) = values[n - 1] else { return None };
                    values[n - 1] = Integer(!number);
                }
                Operation::Truth => values[n - 1] = Number::truth(values[n - 1].is_true()),
                Operation::Binary(binary) => {
                    values[n - 2] = binary.apply(values[n - 2], values[n - 1])?;
                    n -= 1;
                }
                Operation::UnlessFalse(to) | Operation::UnlessTrue(to) => {
                    let leaves = matches!(operation, Operation::UnlessTrue(_));
                    if values[n - 1].is_true() == leaves {
                        next = to as usize;
                    } else {
                        n -= 1;
                    }
                }
            }
        }
        Some(values[0])
    }
}

impl Debuggee {
    /// What an expression is in a frame: an `i64` or an `f64`.
    ///
    /// Errors: as those of frames; `InvalidArgument` with the place if the text is no expression for the frame's function; `InvalidState` if
    /// it can't be told; `System` without memory for it.
    pub fn frame_evaluate(&self, frame: &Frame, text: &str) -> Result<Value> {
        memory::ask_for_several()?;
        let number = self.view(frame, |view| {
            let expression = Expression::new(text, view.module().info(), view.function())?;
            Ok(expression.value(&view, self.store()))
        })??;
        match number {
            Some(Integer(number)) => Ok(Value::I64(number)),
            Some(Float(number)) => Ok(Value::F64(number.to_bits())),
            None => bail!(InvalidState, "it can't be told what the expression is here"),
        }
    }
}

fn push(values: &mut [Number; MOST_VALUES], n: usize, number: Number) -> usize {
    values[n] = number;
    n + 1
}

/// What an expression is over.
trait Seen {
    fn local(&self, local: u32) -> Option<Number>;
    fn operand(&self, operand: u32) -> Option<Number>;
    fn global(&self, global: GlobalIndex, ty: ValType) -> Option<Number>;
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64>;
}

struct InFrame<'a> {
    view: &'a View<'a>,
    world: Option<World<'a>>,
}

impl Seen for InFrame<'_> {
    #[inline]
    fn local(&self, local: u32) -> Option<Number> {
        self.view.local_bits(local as usize).and_then(|(ty, bits)| Number::of(ty, bits))
    }

    #[inline]
    fn operand(&self, operand: u32) -> Option<Number> {
        self.view.operand_bits(operand as usize).and_then(|(ty, bits)| Number::of(ty, bits))
    }

    fn global(&self, global: GlobalIndex, ty: ValType) -> Option<Number> {
        Number::of(ty, self.world.as_ref()?.global(global) as u64)
    }

    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64> {
        self.world.as_ref()?.load(memory, address, bytes).map(|bits| bits as u64)
    }
}
