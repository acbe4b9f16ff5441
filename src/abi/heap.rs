//! The heap of a store: headers of objects, and what guest code reads and writes in it. [References](super::references) are offsets from
//! its base.
//!
//! ```text
//! object (aligned to 8 bytes)
//!   0  type number (32 bits)
//!   4  flags (32 bits), see `flags`
//!   8  struct: fields; exception: identity of its tag (64 bits), fields
//!      array: length (32 bits), then elements at 12, or 16 if they have 8 bytes or more
//! ```
//!
//! Guest code allocates by itself: `new = cursor + size`, and if that isn't above `limit` (compared as 64 bits), header and all
//! fields are stored at `cursor`, and *only then* `cursor = new`. So what lies below the cursor is whole, wherever a guest is
//! interrupted. Else it calls the builtin, which answers an object that has header and zeroes and lies below the cursor already.
//!
//! After each store of a reference into an object guest code looks at the object's flags, in this order, and calls the builtin if
//! [`flags::UNLOGGED`] is there. The load of the flags must not be moved before the store, nor shared by two stores:
//! to Cranelift it is in the same region as fields are, and isn't read-only. The type number never changes.

use std::cell::Cell;
use std::mem::offset_of;

/// What guest code knows of its store's heap.
#[repr(C)]
#[derive(Debug)]
pub struct VmHeap {
    /// The address that offsets of objects count from. Nothing is accessible in the first [`INACCESSIBLE`] bytes.
    pub base: Cell<usize>,
    /// Where the next object may begin.
    pub cursor: Cell<u32>,
    /// What it must not go beyond. Equal to the cursor if there is no room.
    pub limit: Cell<u32>,
}

/// Offsets in [`VmHeap`].
pub mod vm_heap {
    use super::{VmHeap, offset_of};

    /// The base, 64 bits.
    pub const BASE: i32 = offset_of!(VmHeap, base) as i32;
    /// The cursor, 32 bits.
    pub const CURSOR: i32 = offset_of!(VmHeap, cursor) as i32;
    /// The limit, 32 bits.
    pub const LIMIT: i32 = offset_of!(VmHeap, limit) as i32;
}

/// Bytes at the base that are never accessible: an access to a field through the null reference faults, if the field's offset
/// is smaller.
pub const INACCESSIBLE: u32 = 32 << 10;

/// Objects of more bytes than this are never allocated by guest code itself.
pub const LARGEST_INLINE: u32 = 16 << 10;

/// Offsets in objects.
pub mod object {
    /// The type number, 32 bits.
    pub const TYPE: i32 = 0;
    /// Flags, 32 bits.
    pub const FLAGS: i32 = 4;
    /// The first byte after the header: fields of a struct, length of an array (32 bits), tag of an exception (64 bits).
    pub const BODY: i32 = 8;
    /// Bytes of the header.
    pub const HEADER: u32 = 8;
    /// Objects have multiples of this many bytes.
    pub const ALIGNMENT: u32 = 8;
}

/// The flags in a header.
pub mod flags {
    /// A struct.
    pub const STRUCT: u32 = 1;
    /// An array.
    pub const ARRAY: u32 = 2;
    /// An exception.
    pub const EXCEPTION: u32 = 3;
    /// The bits that tell these apart. A new object has nothing else.
    pub const KIND: u32 = 3;
    /// Who stores a reference into this object must say so.
    pub const UNLOGGED: u32 = 1 << 8;
}

/// The null reference.
pub const NULL: u32 = 0;

/// Whether a reference is that of an object of the heap.
#[inline(always)]
pub fn is_object(reference: u32) -> bool {
    reference & 7 == 0 && reference != NULL
}

/// The offset of the first element in an array with elements of this many bytes.
pub const fn elements_offset(element_bytes: u32) -> u32 {
    if element_bytes >= 8 { 16 } else { 12 }
}
