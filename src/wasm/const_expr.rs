//! Constant expressions (Wasm core spec, 3.3.13 "Expressions").

use crate::abi::references::i31_reference;
use crate::base::{FuncIndex, GlobalIndex, Result, TypeIndex};
use smallvec::SmallVec;

/// One operator of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstOp {
    /// `i32.const`
    I32Const(i32),
    /// `i64.const`
    I64Const(i64),
    /// `f32.const`, as bits.
    F32Const(u32),
    /// `f64.const`, as bits.
    F64Const(u64),
    /// `v128.const`, as bits.
    V128Const(u128),
    /// `global.get`
    GlobalGet(GlobalIndex),
    /// `ref.null` of either type.
    RefNull,
    /// `ref.func`
    RefFunc(FuncIndex),
    /// `ref.i31`
    RefI31,
    /// `struct.new`, with the number of fields.
    StructNew(TypeIndex, u32),
    /// `struct.new_default`
    StructNewDefault(TypeIndex),
    /// `array.new`
    ArrayNew(TypeIndex),
    /// `array.new_default`
    ArrayNewDefault(TypeIndex),
    /// `array.new_fixed`, with the number of elements.
    ArrayNewFixed(TypeIndex, u32),
    /// `any.convert_extern` or `extern.convert_any`, which change nothing.
    Convert,
    /// `i32.add`
    I32Add,
    /// `i32.sub`
    I32Sub,
    /// `i32.mul`
    I32Mul,
    /// `i64.add`
    I64Add,
    /// `i64.sub`
    I64Sub,
    /// `i64.mul`
    I64Mul,
}

impl ConstOp {
    /// The bits of the number or vector that it gives; `None` if it isn't a constant of such a type.
    pub fn bits(self) -> Option<u128> {
        match self {
            ConstOp::I32Const(value) => Some(u128::from(value as u32)),
            ConstOp::I64Const(value) => Some(u128::from(value as u64)),
            ConstOp::F32Const(bits) => Some(u128::from(bits)),
            ConstOp::F64Const(bits) => Some(u128::from(bits)),
            ConstOp::V128Const(bits) => Some(bits),
            _ => None,
        }
    }

    /// How many operands it takes, if it makes an object.
    fn object_operands(self) -> Option<usize> {
        match self {
            ConstOp::StructNew(_, count) | ConstOp::ArrayNewFixed(_, count) => Some(count as usize),
            ConstOp::StructNewDefault(_) => Some(0),
            ConstOp::ArrayNew(_) => Some(2),
            ConstOp::ArrayNewDefault(_) => Some(1),
            _ => None,
        }
    }
}

/// What a constant expression refers to.
pub trait ConstEnvironment {
    /// The value of a global.
    fn global(&self, global: GlobalIndex) -> u128;
    /// The reference of a function.
    fn func(&self, func: FuncIndex) -> u64;
    /// Makes an object. The operator's operands are the last of these words, of which all are in use.
    fn object(&self, op: ConstOp, operands: &[u128], words: &[u128]) -> Result<u32>;
}

/// A constant expression in evaluation order, without its `end`. Validated: it leaves exactly one value.
///
/// Nearly all are one constant, and a module may have very many.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConstExpr(pub SmallVec<[ConstOp; 1]>);

impl ConstExpr {
    /// Whether it makes objects, and others each time.
    pub fn makes_objects(&self) -> bool {
        self.0.iter().any(|op| op.object_operands().is_some())
    }

    /// Evaluates the expression to raw bits.
    ///
    /// Errors: what making objects answers.
    pub fn evaluate(&self, environment: &impl ConstEnvironment) -> Result<u128> {
        let mut stack: Vec<u128> = Vec::with_capacity(2);
        for op in &self.0 {
            if let Some(count) = op.object_operands() {
                let from = stack.len() - count;
                let object = environment.object(*op, &stack[from..], &stack)?;
                stack.truncate(from);
                stack.push(object.into());
                continue;
            }
            let value = match *op {
                ConstOp::GlobalGet(index) => environment.global(index),
                ConstOp::RefNull => 0,
                ConstOp::RefFunc(index) => environment.func(index).into(),
                ConstOp::RefI31 => {
                    let value = stack.pop().expect("validated");
                    i31_reference(value as i32).into()
                }
                ConstOp::Convert => continue,
                ConstOp::I32Add => binary(&mut stack, |a, b| u64::from((a as u32).wrapping_add(b as u32))),
                ConstOp::I32Sub => binary(&mut stack, |a, b| u64::from((a as u32).wrapping_sub(b as u32))),
                ConstOp::I32Mul => binary(&mut stack, |a, b| u64::from((a as u32).wrapping_mul(b as u32))),
                ConstOp::I64Add => binary(&mut stack, u64::wrapping_add),
                ConstOp::I64Sub => binary(&mut stack, u64::wrapping_sub),
                ConstOp::I64Mul => binary(&mut stack, u64::wrapping_mul),
                constant => constant.bits().expect("all others are constants"),
            };
            stack.push(value);
        }
        Ok(stack.pop().expect("a validated expression leaves a value"))
    }
}

fn binary(stack: &mut Vec<u128>, apply: impl Fn(u64, u64) -> u64) -> u128 {
    let right = stack.pop().expect("validated");
    let left = stack.pop().expect("validated");
    apply(left as u64, right as u64).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_constants_wrap() {
        let expr = ConstExpr(SmallVec::from_slice(&[
            ConstOp::I32Const(i32::MAX),
            ConstOp::GlobalGet(GlobalIndex::from_u32(3)),
            ConstOp::I32Add,
            ConstOp::I32Const(2),
            ConstOp::I32Mul,
        ]));
        struct Numbers;
        impl ConstEnvironment for Numbers {
            fn global(&self, global: GlobalIndex) -> u128 {
                global.as_u32().into()
            }
            fn func(&self, _: FuncIndex) -> u64 {
                unreachable!()
            }
            fn object(&self, _: ConstOp, _: &[u128], _: &[u128]) -> Result<u32> {
                unreachable!()
            }
        }
        let value = expr.evaluate(&Numbers).unwrap();
        assert_eq!(value, u128::from((i32::MAX as u32).wrapping_add(3).wrapping_mul(2)));
    }
}
