//! Words of guests' frames that may be references.

/// What may be an object, or inside of one, among the young ones.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Where in the heap.
    pub at: u32,
    /// Whether it may be inside of one, and not only its beginning.
    pub is_inner: bool,
}
