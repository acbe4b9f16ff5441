//! A checker of plans: proves for one function that what the frame table says is what Wasm says.
//!
//! # Theory
//!
//! The checker knows nothing of how the [model](super::model) decides. It takes the function's operators, the plan's
//! *effects* and its *encoded* states, and runs them abstractly, after the checker of regalloc2's register allocator. Every
//! value is a [symbol](symbols): a typed constant, a numeric operator applied to symbols, or something new of a type. An
//! abstract [state](state::State) says which symbol each local and operand is by the specification, and which symbol each word
//! of the state slot holds in memory, if that is known; at the function's entry nothing is.
//!
//! - A store effect puts the symbol of its local or operand into a word, or its halves into two. As symbols have types, a
//!   word that holds a narrow value never counts as one that holds a wide value, whatever its upper half is; and a value of
//!   two words is held only where both hold its halves, in order.
//! - A read-back must read a word that holds the very symbol that its local or operand has.
//! - At each stop point, call and checkpoint the encoded state is decoded. Each described place must give the symbol that
//!   the local or operand has; a computed place is the operator applied to the symbols of its operands, of the operator's
//!   types.
//! - Where ways merge, the state is joined: where two symbols differ, each *pair* of them becomes one new symbol, so that
//!   what was equal on both ways is equal behind the merge, and nothing else is.
//! - Into a loop lead ways that haven't been seen yet. What the loop assigns gets new symbols; words that it stores to are
//!   *assumed* to hold what has its home there, if they do on entry. Each way back must show it. An assumption that fails is
//!   given up, and the function is checked again without it, until all that are left hold: they are invariants then, by
//!   induction over the turns of the loop.
//! - A stop point must be wherever a run starts, and where stores changed the slot inside a run, a stop point or checkpoint
//!   must follow before the next operator. So whoever replays a run begins with words that nobody changed since.
//!
//! What it trusts: the operators' stack effects ([`crate::wasm::stack_effect`]), which words are whose home
//! ([`crate::abi::homes`]), the decoder of the frame table, and that the
//! emitter does what effects say; the rest of the tests, with poisoned stacks, look at these.

mod check;
mod facts;
mod state;
mod symbols;
#[cfg(test)]
mod tests;

pub(super) use check::check;
