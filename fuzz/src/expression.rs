//! Random expressions for conditions of breakpoints, with an evaluation of their own.

use crate::random::Random;
use crate::value::Val;
use pellucid::base::{DefinedFuncIndex, ValType};
use pellucid::wasm::ModuleInfo;
use std::fmt;

/// Where the bytes are that expressions look at, in memory 0.
pub const GLIMPSE: u64 = 16;

/// What expressions are over, before an operator.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Seen {
    pub locals: Vec<Val>,
    pub operands: Vec<Val>,
    /// The first ones.
    pub globals: Vec<Val>,
    /// Eight bytes of memory 0, or as many of them as it has.
    pub memory: Vec<u8>,
}

/// Globals that expressions are over.
pub const GLOBALS: usize = 4;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Number {
    Integer(i64),
    Float(f64),
}

use Number::{Float, Integer};

/// An expression.
#[derive(Clone, Debug)]
pub enum Expression {
    Local(usize),
    Operand(usize),
    Global(usize),
    /// A byte of the glimpse with its sign.
    Byte(u64),
    /// All of it.
    Word,
    Integer(i64),
    Half,
    Not(Box<Expression>),
    Binary(Box<Expression>, &'static str, Box<Expression>),
}

impl Expression {
    /// Something to compare or combine, in a function.
    pub fn random(random: &mut Random, info: &ModuleInfo, function: DefinedFuncIndex) -> Expression {
        let locals = numbers(&mut info.local_types(function).into_iter());
        Expression::over(random, info, &locals)
    }

    /// The same that can be read in any function of a module.
    pub fn random_anywhere(random: &mut Random, info: &ModuleInfo) -> Expression {
        let of_each = info.bodies.keys().map(|function| numbers(&mut info.local_types(function).into_iter()));
        let in_all = of_each.reduce(|all, some| all.into_iter().filter(|place| some.contains(place)).collect());
        Expression::over(random, info, &in_all.unwrap_or_default())
    }

    fn over(random: &mut Random, info: &ModuleInfo, locals: &[usize]) -> Expression {
        let globals = numbers(&mut info.globals.values().take(GLOBALS).map(|global| global.value));
        let two = |random: &mut Random, operators: &[&'static str], term: &dyn Fn(&mut Random) -> Expression| {
            let (left, right) = (term(random), term(random));
            Expression::Binary(left.into(), random.pick(operators), right.into())
        };
        let term = |random: &mut Random| Expression::term(random, info, locals, &globals);
        let sum = |random: &mut Random| match random.below(3) {
            0 => two(random, &["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"], &term),
            _ => term(random),
        };
        let comparison = |random: &mut Random| match random.below(8) {
            0 => Expression::Not(sum(random).into()),
            1 => sum(random),
            _ => two(random, &["<", "<=", ">", ">=", "==", "!="], &sum),
        };
        match random.below(3) {
            0 => two(random, &["&&", "||"], &comparison),
            _ => comparison(random),
        }
    }

    fn term(random: &mut Random, info: &ModuleInfo, locals: &[usize], globals: &[usize]) -> Expression {
        match random.below(12) {
            0..4 if !locals.is_empty() => Expression::Local(random.pick(locals)),
            4 | 5 => Expression::Operand(random.below(3)),
            6 if !globals.is_empty() => Expression::Global(random.pick(globals)),
            7 if !info.memories.is_empty() => Expression::Byte(random.below(8) as u64),
            8 if !info.memories.is_empty() => Expression::Word,
            9 => Expression::Half,
            _ => Expression::Integer(random.below(7) as i64 - 2),
        }
    }

    /// Whether it counts as if it held: it does, or can't be told.
    pub fn holds(&self, seen: &Seen) -> bool {
        self.value(seen).is_none_or(is_true)
    }

    /// As a text tells it; none if it can't be told.
    pub fn told(&self, seen: &Seen) -> Option<String> {
        Some(match self.value(seen)? {
            Integer(number) => number.to_string(),
            Float(number) => format!("{number:?}"),
        })
    }

    fn value(&self, seen: &Seen) -> Option<Number> {
        Some(match self {
            Expression::Local(place) => number(seen.locals.get(*place)?)?,
            Expression::Operand(place) => number(seen.operands.get(*place)?)?,
            Expression::Global(place) => number(seen.globals.get(*place)?)?,
            Expression::Byte(place) => Integer(i64::from(*seen.memory.get(*place as usize)? as i8)),
            Expression::Word => Integer(i64::from_le_bytes(seen.memory[..].try_into().ok()?)),
            Expression::Integer(value) => Integer(*value),
            Expression::Half => Float(0.5),
            Expression::Not(of) => truth(!is_true(of.value(seen)?)),
            Expression::Binary(left, operator, right) => {
                let left = left.value(seen)?;
                match *operator {
                    "&&" if !is_true(left) => truth(false),
                    "||" if is_true(left) => truth(true),
                    "&&" | "||" => truth(is_true(right.value(seen)?)),
                    _ => apply(operator, left, right.value(seen)?)?,
                }
            }
        })
    }
}

/// The places of what isn't a vector: those are no numbers.
fn numbers(types: &mut dyn Iterator<Item = ValType>) -> Vec<usize> {
    types.enumerate().filter(|(_, ty)| *ty != ValType::V128).map(|(place, _)| place).collect()
}

fn apply(operator: &str, left: Number, right: Number) -> Option<Number> {
    let by_order = |order: Option<std::cmp::Ordering>| {
        Some(truth(match operator {
            "<" => order?.is_lt(),
            "<=" => order?.is_le(),
            ">" => order?.is_gt(),
            ">=" => order?.is_ge(),
            "==" => order?.is_eq(),
            "!=" => order?.is_ne(),
            _ => return None,
        }))
    };
    if let (Integer(a), Integer(b)) = (left, right) {
        return Some(Integer(match operator {
            "+" => a.wrapping_add(b),
            "-" => a.wrapping_sub(b),
            "*" => a.wrapping_mul(b),
            "/" | "%" if b == 0 => return None,
            "/" => a.wrapping_div(b),
            "%" => a.wrapping_rem(b),
            "&" => a & b,
            "|" => a | b,
            "^" => a ^ b,
            "<<" => a << (b & 63),
            ">>" => a >> (b & 63),
            _ => return by_order(Some(a.cmp(&b))),
        }));
    }
    let float = |number| match number {
        Integer(number) => number as f64,
        Float(number) => number,
    };
    let (a, b) = (float(left), float(right));
    match operator {
        "+" => Some(Float(a + b)),
        "-" => Some(Float(a - b)),
        "*" => Some(Float(a * b)),
        "/" => Some(Float(a / b)),
        _ => match a.partial_cmp(&b) {
            // Nothing is less or equal where there is no number, and all differs.
            None if ["<", "<=", ">", ">=", "=="].contains(&operator) => Some(truth(false)),
            None if operator == "!=" => Some(truth(true)),
            order => by_order(order),
        },
    }
}

fn truth(holds: bool) -> Number {
    Integer(holds.into())
}

fn is_true(number: Number) -> bool {
    match number {
        Integer(number) => number != 0,
        Float(number) => number != 0.0,
    }
}

fn number(value: &Val) -> Option<Number> {
    Some(match *value {
        Val::I32(value) => Integer(value.into()),
        Val::I64(value) => Integer(value),
        Val::F32(bits) => Float(f32::from_bits(bits).into()),
        Val::F64(bits) => Float(f64::from_bits(bits)),
        Val::Func(None) | Val::Extern(None) | Val::Any(None) | Val::Exn(false) => Integer(0),
        Val::Func(_) | Val::Extern(_) | Val::Any(_) | Val::Exn(_) | Val::Passed(_) => Integer(1),
        Val::V128(_) | Val::Unavailable => return None,
    })
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Local(place) => write!(f, "${place}"),
            Expression::Operand(place) => write!(f, "%{place}"),
            Expression::Global(place) => write!(f, "@{place}"),
            Expression::Byte(place) => write!(f, "i8[{}]", GLIMPSE + place),
            Expression::Word => write!(f, "i64[{GLIMPSE}]"),
            Expression::Integer(value) => write!(f, "{value}"),
            Expression::Half => f.write_str("0.5"),
            Expression::Not(of) => write!(f, "!({of})"),
            Expression::Binary(left, operator, right) => write!(f, "({left}) {operator} ({right})"),
        }
    }
}
