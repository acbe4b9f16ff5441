//! Where compiled code finds the supertypes of a defined type.
//!
//! The store context has the address of an array of chunks; a type's number divided by the types of a chunk gives its chunk, which is
//! an array of addresses of paths, and the remainder its place there. A path is an array of `u32`: how many types it has, then
//! their numbers, from the most general supertype on to the type itself.

/// The logarithm to base 2 of the types of a chunk.
pub const CHUNK_LOG2: u32 = 12;
/// How many chunks there are.
pub const CHUNKS: usize = 1 << 12;
/// Offset of a path's length.
pub const LENGTH: i32 = 0;
/// Offset of a path's first number.
pub const IDS: i32 = 4;
/// How many numbers can be read of every path; those behind the last are no type's.
pub const ALWAYS: usize = 8;
