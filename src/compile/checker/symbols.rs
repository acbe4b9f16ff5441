//! Symbols: values as the checker knows them. Equal symbols are equal values of one type.

use crate::abi::operators::numeric_result;
use crate::base::ValType;
use std::collections::HashMap;

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Symbol(u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Term {
    /// These bits.
    Const(u128),
    /// What a numeric operator gives; with one operand, that is there twice.
    Numeric(u8, [Symbol; 2]),
    /// A value that is made at one place. The number is the symbol's own.
    New(u32),
}

/// All symbols of a function.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    types: Vec<ValType>,
    terms: HashMap<(ValType, Term), Symbol>,
}

impl Symbols {
    pub(super) fn ty(&self, symbol: Symbol) -> ValType {
        self.types[symbol.0 as usize]
    }

    pub(super) fn constant(&mut self, ty: ValType, bits: u128) -> Symbol {
        self.symbol(ty, Term::Const(bits))
    }

    pub(super) fn numeric(&mut self, opcode: u8, operands: [Symbol; 2]) -> Symbol {
        let ty = numeric_result(opcode).expect("a numeric operator");
        self.symbol(ty, Term::Numeric(opcode, operands))
    }

    /// A value that equals no other.
    pub(super) fn new_one(&mut self, ty: ValType) -> Symbol {
        self.symbol(ty, Term::New(self.types.len() as u32))
    }

    fn symbol(&mut self, ty: ValType, term: Term) -> Symbol {
        let Symbols { types, terms } = self;
        *terms.entry((ty, term)).or_insert_with(|| {
            types.push(ty);
            Symbol(types.len() as u32 - 1)
        })
    }
}
