//! Tags: what tells exceptions apart.
//!
//! A tag's identity is its number in the store. Knows nothing of stores. Read next: [`super::super::tag`] for what a store does
//! with them.

use crate::base::TypeId;

/// A tag of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagEntry {
    /// The number of its type: a function that takes what an exception carries, and gives nothing.
    pub type_id: TypeId,
    /// How many values that takes.
    pub values: u32,
}
