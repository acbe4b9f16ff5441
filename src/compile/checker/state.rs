//! Abstract states: what is known at one place of a function.

use super::symbols::{Symbol, Symbols};
use std::collections::HashMap;

/// What locals and operands are, and what words hold.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) locals: Vec<Symbol>,
    /// Bottom first.
    pub(super) operands: Vec<Symbol>,
    /// Of the state slot; none if anything may be there.
    pub(super) words: Vec<Option<Symbol>>,
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
            *here = here.zip(*there).and_then(|(here, there)| pair(here, there));
        }
    }
}
