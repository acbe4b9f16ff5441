//! Abstract states: what is known at one place of a function.

use super::symbols::{Symbol, Symbols};
use std::collections::HashMap;

/// What a word of the state slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) symbol: Symbol,
    pub(super) half: Half,
}

/// Which part of a value. One that takes one word is all in its lower half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Half {
    Lower,
    Upper,
}

impl Half {
    pub(super) const ALL: [Half; 2] = [Half::Lower, Half::Upper];
}

/// What locals and operands are, and what words hold.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) locals: Vec<Symbol>,
    /// Bottom first.
    pub(super) operands: Vec<Symbol>,
    /// Of the state slot; none if anything may be there.
    pub(super) words: Vec<Option<Held>>,
}

impl State {
    /// What a label finds on a way to it that leaves `height` operands and the top `arity` ones.
    pub(super) fn at_label(&self, height: usize, arity: usize) -> State {
        let mut operands = self.operands[..height].to_vec();
        operands.extend(&self.operands[self.operands.len() - arity..]);
        State { locals: self.locals.clone(), operands, words: self.words.clone() }
    }

    /// Keeps what is true here and on another way to the same place.
    pub(super) fn join(&mut self, other: &State, symbols: &mut Symbols) {
        let mut pairs: HashMap<(Symbol, Symbol), Symbol> = HashMap::new();
        let mut pair = |here: Symbol, there: Symbol| {
            if here == there {
                return Some(here);
            }
            let ty = symbols.ty(here);
            (ty == symbols.ty(there)).then(|| *pairs.entry((here, there)).or_insert_with(|| symbols.new_one(ty)))
        };
        for (here, there) in
            self.locals.iter_mut().zip(&other.locals).chain(self.operands.iter_mut().zip(&other.operands))
        {
            *here = pair(*here, *there).expect("a local or operand has one type");
        }
        for (here, there) in self.words.iter_mut().zip(&other.words) {
            let both = here.zip(*there).filter(|(here, there)| here.half == there.half);
            *here = both.and_then(|(here, there)| Some(Held { symbol: pair(here.symbol, there.symbol)?, ..here }));
        }
    }
}
