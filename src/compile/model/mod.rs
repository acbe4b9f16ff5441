//! The state model: what debugging adds to a function, computed from its operators alone.
//!
//! A walk over the operators says which *effects* the machine code has to have beside what Wasm says: store this value at
//! this word of the state slot, read it back from there, describe this state. Nothing here knows Cranelift, nor values of
//! machine code: locals and operands are named by their numbers. [`super::emitter`] turns the effects into IR,
//! [`super::checker`] proves that they are right. Read next: [`walk`] for the operators, [`runs`] for what the slot holds.

mod blocks;
mod crossings;
mod effects;
mod every_value;
mod identity;
pub(super) mod mistakes;
mod runs;
mod states;
mod walk;

pub(super) use blocks::Blocks;
pub(super) use effects::{Cursor, Effect, Moment, Plan};
pub(super) use walk::{plan, plan_every_value, plan_exact};
