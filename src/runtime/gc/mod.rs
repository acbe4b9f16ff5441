//! The heap of a store, and its collector.
//!
//! A room that knows neither stores nor modules: who uses it hands in [layouts](Layouts) by type number, and [roots](Roots) when there
//! is a collection. Objects never move, so that references can be kept anywhere as long as they are shown as roots.
//!
//! | File | What it is about |
//! |---|---|
//! | [`space`] | addresses, and access to them |
//! | [`blocks`] | which blocks, lines and objects are used; the two sides |
//! | [`layouts`] | where an object's references are |
//! | [`heap`], [`large`] | the heap, and how room in it is found |
//! | [`barrier`] | what is told of stores |
//! | [`minor`], [`major`], [`mark_stack`] | collections |
//! | [`pace`] | when, and how much |
//! | [`collect`] | allocation that collects, slices, full collections |
//! | [`parked`], [`candidate`] | guests' frames; guests that were interrupted anywhere |
//! | [`walk`], [`verify`], [`poison`] | looking in from outside; mistakes |
//!
//! Invariants: see [`heap`]. Read next: [`crate::abi::heap`] for what guest code does, then [`heap`].

mod barrier;
mod blocks;
mod candidate;
mod collect;
mod heap;
mod host_marks;
mod large;
mod layouts;
mod major;
mod mark_stack;
mod minor;
mod pace;
mod parked;
mod poison;
mod space;
mod statistics;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verify;
mod walk;
mod weak;

pub use heap::{Heap, HeapOptions};
pub use layouts::{Fields, Layout, Layouts};
pub use minor::{Roots, Visitor};
pub use parked::Parked;
pub use statistics::Statistics;
pub use weak::WeakSlot;
