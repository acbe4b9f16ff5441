//! Guest stacks, as far as compiled code and the runtime rely on each other.

/// The logarithm to base 2 of [`PROBED_STRETCH`].
pub const PROBED_STRETCH_LOG2: u32 = 16;

/// Bytes of a frame that may lie between two places that the function touches on entry, from the top down. Smaller frames
/// aren't touched at all, so an overflow is at most so far below the usable part of a stack.
pub const PROBED_STRETCH: usize = 1 << PROBED_STRETCH_LOG2;
