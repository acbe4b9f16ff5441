//! Reads the text of an expression into operations, for one function: names are looked up now, and indices are checked. Or only looks
//! whether it is an expression, whatever is there.
//!
//! By precedence, with a limit of how deep parentheses and signs nest. Invariant: the operations never need more than
//! [`MOST_VALUES`] values at once.

use super::{Binary, Expression, MOST_VALUES, Number, Operation, Width};
use crate::base::error::bail;
use crate::base::{DefinedFuncIndex, Error, ErrorKind, FuncIndex, GlobalIndex, MemoryIndex, Result, ValType};
use crate::wasm::{Item, ModuleInfo, Named};

/// How long the text may be, in bytes.
pub const MOST_TEXT: usize = 1024;

/// How deep parentheses, brackets and signs may nest.
const MOST_DEPTH: u32 = 64;

/// Operators of two values by what they are written as, longer ones first; a larger strength binds more.
const OPERATORS: &[(&str, u8, Binary)] = &[
    ("<<", 8, Binary::Left),
    (">>", 8, Binary::Right),
    ("<=", 7, Binary::LessOrEqual),
    (">=", 7, Binary::GreaterOrEqual),
    ("==", 6, Binary::Equal),
    ("!=", 6, Binary::Unequal),
    ("<", 7, Binary::Less),
    (">", 7, Binary::Greater),
    ("&", 5, Binary::And),
    ("^", 4, Binary::Xor),
    ("|", 3, Binary::Or),
    ("+", 9, Binary::Add),
    ("-", 9, Binary::Subtract),
    ("*", 10, Binary::Multiply),
    ("/", 10, Binary::Divide),
    ("%", 10, Binary::Remainder),
];

const STRENGTH_OF_AND: u8 = 2;
const STRENGTH_OF_OR: u8 = 1;

/// What memory can be read as.
const WIDTHS: &[(&str, Width)] = &[
    ("i8", Width::I8),
    ("u8", Width::U8),
    ("i16", Width::I16),
    ("u16", Width::U16),
    ("i32", Width::I32),
    ("u32", Width::U32),
    ("i64", Width::I64),
    ("f32", Width::F32),
    ("f64", Width::F64),
];

struct Parser<'a> {
    text: &'a str,
    /// Where it is in the text.
    at: usize,
    /// What is there to be named; none if anything may be.
    scope: Option<Scope<'a>>,
    operations: Vec<Operation>,
    /// How many values there are at this place.
    values: usize,
    depth: u32,
    needs_instance: bool,
}

/// A function, and what is there to be named.
struct Scope<'a> {
    info: &'a ModuleInfo,
    function: FuncIndex,
    locals: Vec<ValType>,
}

impl Expression {
    /// Reads an expression for frames of a function.
    ///
    /// Errors: `InvalidArgument` with the place in the text, counted in bytes from 1.
    pub(in crate::debug) fn new(text: &str, info: &ModuleInfo, function: DefinedFuncIndex) -> Result<Expression> {
        let locals = info.local_types(function);
        Expression::read(text, Some(Scope { info, function: info.func_index(function), locals }))
    }

    /// Whether a text is an expression where there is all that it names.
    ///
    /// Errors: as [`Expression::new`].
    pub(super) fn check(text: &str) -> Result<()> {
        Expression::read(text, None).map(|_| ())
    }

    fn read(text: &str, scope: Option<Scope<'_>>) -> Result<Expression> {
        if text.len() > MOST_TEXT {
            bail!(InvalidArgument, "the expression has {} bytes, more than {MOST_TEXT}", text.len());
        }
        let mut parser =
            Parser { text, at: 0, scope, operations: Vec::new(), values: 0, depth: 0, needs_instance: false };
        parser.sum(0)?;
        if parser.peek().is_some() {
            return Err(parser.wrong("an operator is missing"));
        }
        Ok(Expression { operations: parser.operations.into(), needs_instance: parser.needs_instance })
    }
}

impl Parser<'_> {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::InvalidArgument, format_args!("the expression is wrong at {}: {what}", self.at + 1))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The next character that isn't a space.
    fn peek(&mut self) -> Option<char> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    /// Takes this text, if it is next.
    fn takes(&mut self, text: &str) -> bool {
        self.peek();
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        if self.takes(text) { Ok(()) } else { Err(self.wrong(format_args!("'{text}' is missing"))) }
    }

    /// Takes what belongs to a name or number; it may be empty.
    fn word(&mut self) -> &str {
        let is_in_word = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        let start = self.at;
        self.at += self.rest().find(|c| !is_in_word(c)).unwrap_or(self.rest().len());
        &self.text[start..self.at]
    }

    /// Takes a name between quotes, which has no quotes itself; none if none is there.
    fn quoted(&mut self) -> Result<Option<String>> {
        let Some(rest) = self.rest().strip_prefix('"') else { return Ok(None) };
        let Some(end) = rest.find('"') else { return Err(self.wrong("the second quote is missing")) };
        let name = rest[..end].to_string();
        self.at += end + 2;
        Ok(Some(name))
    }

    /// Adds an operation that gives a value more.
    fn push(&mut self, operation: Operation) -> Result<()> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(self.wrong("it is too complicated"));
        }
        self.operations.push(operation);
        Ok(())
    }

    /// Reads as far as operators bind more than this.
    fn sum(&mut self, strength: u8) -> Result<()> {
        self.one()?;
        loop {
            self.peek();
            let rest = self.rest();
            if rest.starts_with("&&") || rest.starts_with("||") {
                let is_and = rest.starts_with("&&");
                let binds = if is_and { STRENGTH_OF_AND } else { STRENGTH_OF_OR };
                if binds <= strength {
                    return Ok(());
                }
                self.at += 2;
                self.short_circuit(is_and, binds)?;
                continue;
            }
            let found = OPERATORS.iter().find(|(text, binds, _)| rest.starts_with(text) && *binds > strength);
            let Some((text, binds, operator)) = found else { return Ok(()) };
            self.at += text.len();
            self.sum(*binds)?;
            self.operations.push(Operation::Binary(*operator));
            self.values -= 1;
        }
    }

    /// Reads the right side of `&&` or `||`, which is evaluated only if it decides.
    fn short_circuit(&mut self, is_and: bool, binds: u8) -> Result<()> {
        let leave = self.operations.len();
        self.operations.push(Operation::Truth);
        self.values -= 1;
        self.sum(binds)?;
        let to = self.operations.len() as u32;
        self.operations[leave] = if is_and { Operation::UnlessFalse(to) } else { Operation::UnlessTrue(to) };
        self.operations.push(Operation::Truth);
        Ok(())
    }

    fn one(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        let result = self.one_deeper();
        self.depth -= 1;
        result
    }

    fn one_deeper(&mut self) -> Result<()> {
        for (sign, operation) in [("-", Operation::Negate), ("!", Operation::Not), ("~", Operation::Complement)] {
            if self.takes(sign) {
                self.one()?;
                match (operation, self.operations.last_mut()) {
                    (Operation::Negate, Some(Operation::Push(number))) => *number = number.negated(),
                    _ => self.operations.push(operation),
                }
                return Ok(());
            }
        }
        match self.peek() {
            Some('(') => {
                self.at += 1;
                self.sum(0)?;
                self.expect(")")
            }
            Some('[') => {
                self.at += 1;
                self.load(Width::I32)
            }
            Some(sign @ ('$' | '%' | '@')) => {
                self.at += 1;
                self.signed_word(sign)
            }
            Some(digit) if digit.is_ascii_digit() => self.number(),
            Some(_) => self.named(),
            None => Err(self.wrong("a value is missing")),
        }
    }

    fn number(&mut self) -> Result<()> {
        let start = self.at;
        let mut word = self.word().to_string();
        // The sign of an exponent.
        let is_decimal = !word.starts_with("0x") && !word.starts_with("0X");
        if is_decimal && word.ends_with(['e', 'E']) && self.rest().starts_with(['-', '+']) {
            self.at += 1;
            self.word();
            word = self.text[start..self.at].to_string();
        }
        let number = if !is_decimal {
            u64::from_str_radix(&word[2..], 16).ok().map(|number| Number::Integer(number as i64))
        } else if word.contains(['.', 'e', 'E']) {
            word.parse().ok().map(Number::Float)
        } else {
            word.parse::<u64>().ok().map(|number| Number::Integer(number as i64))
        };
        match number {
            Some(number) => self.push(Operation::Push(number)),
            None => {
                self.at = start;
                Err(self.wrong(format_args!("'{word}' is no number")))
            }
        }
    }

    /// A local, operand or global by its sign and its name or index.
    fn signed_word(&mut self, sign: char) -> Result<()> {
        let start = self.at;
        let quoted = self.quoted()?;
        let is_quoted = quoted.is_some();
        let word = quoted.unwrap_or_else(|| self.word().to_string());
        let index = if is_quoted { None } else { word.parse::<u32>().ok() };
        let found = match (sign, index) {
            ('$', Some(index)) => self.local(index),
            ('$', None) => self.named_local(&word),
            ('@', Some(index)) => self.global(index),
            ('@', None) => self.named_global(&word),
            (_, Some(index)) => Some(Operation::Operand(index)),
            (_, None) => None,
        };
        match found {
            Some(operation) => self.push(operation),
            None => {
                self.at = start;
                let what = match sign {
                    '$' => "local",
                    '@' => "global",
                    _ => "operand",
                };
                Err(self.wrong(format_args!("there is no {what} '{word}'")))
            }
        }
    }

    /// What has a name, or is written as one.
    fn named(&mut self) -> Result<()> {
        let start = self.at;
        let quoted = self.quoted()?;
        let is_quoted = quoted.is_some();
        let word = quoted.unwrap_or_else(|| self.word().to_string());
        if !is_quoted && self.takes("[") {
            if let Some((_, width)) = WIDTHS.iter().find(|(name, _)| *name == word) {
                return self.load(*width);
            }
            if let "local" | "operand" | "global" = &*word {
                self.peek();
                let place = self.at;
                let index = self.word().parse::<u32>().ok();
                let found = match (&*word, index) {
                    (_, None) => None,
                    ("local", Some(index)) => self.local(index),
                    ("global", Some(index)) => self.global(index),
                    (_, Some(index)) => Some(Operation::Operand(index)),
                };
                let Some(operation) = found else {
                    self.at = place;
                    return Err(self.wrong(format_args!("that is no index of a {word}")));
                };
                self.push(operation)?;
                return self.expect("]");
            }
        } else if let Some(operation) = self.named_local(&word).or_else(|| self.named_global(&word)) {
            return self.push(operation);
        }
        self.at = start;
        if word.is_empty() {
            return Err(self.wrong("a value is missing"));
        }
        Err(self.wrong(format_args!("nothing is called '{word}'")))
    }

    fn local(&self, index: u32) -> Option<Operation> {
        let is_there = self.scope.as_ref().is_none_or(|scope| {
            let ty = scope.locals.get(index as usize);
            ty.is_some_and(|ty| *ty != ValType::V128)
        });
        is_there.then_some(Operation::Local(index))
    }

    fn named_local(&self, name: &str) -> Option<Operation> {
        if name.is_empty() {
            return None;
        }
        let Some(Scope { info, function, locals }) = &self.scope else { return self.local(0) };
        let is_named = |local: &u32| info.name(Named::Local, function.as_u32(), *local) == Some(name);
        (0..locals.len() as u32).find(is_named).and_then(|local| self.local(local))
    }

    fn global(&mut self, index: u32) -> Option<Operation> {
        let index = GlobalIndex::from_u32(index);
        let ty = match &self.scope {
            Some(scope) => scope.info.globals.get(index)?.value,
            None => ValType::I64,
        };
        self.needs_instance = true;
        (ty != ValType::V128).then_some(Operation::Global(index, ty))
    }

    fn named_global(&mut self, name: &str) -> Option<Operation> {
        if name.is_empty() {
            return None;
        }
        let Some(Scope { info, .. }) = &self.scope else { return self.global(0) };
        let is_named = |global: &u32| info.name(Named::Global, 0, *global) == Some(name);
        let index = (0..info.globals.len() as u32).find(is_named).or_else(|| match info.export(name) {
            Some(Item::Global(global)) => Some(global.as_u32()),
            _ => None,
        })?;
        self.global(index)
    }

    /// What is behind the bracket of a memory access.
    fn load(&mut self, width: Width) -> Result<()> {
        let start = self.at;
        self.sum(0)?;
        let mut memory = 0;
        if self.takes(",") {
            self.peek();
            let place = self.at;
            memory = match self.word().parse() {
                Ok(memory) => memory,
                Err(_) => {
                    self.at = place;
                    return Err(self.wrong("the index of a memory is missing"));
                }
            };
        }
        self.expect("]")?;
        if self.scope.as_ref().is_some_and(|scope| memory >= scope.info.memories.len() as u32) {
            self.at = start;
            return Err(self.wrong(format_args!("there is no memory {memory}")));
        }
        self.needs_instance = true;
        self.operations.push(Operation::Load(MemoryIndex::from_u32(memory), width));
        Ok(())
    }
}
