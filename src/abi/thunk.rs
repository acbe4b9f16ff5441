//! The stop thunk: how an armed stop point reaches its store from code that belongs to no store.
//!
//! An image that was compiled for debugging begins with the thunk. Each store maps the image privately, right after
//! a page of its own, which can only be read once it is filled:
//!
//! ```text
//!   page            … | stop routine (8) | store context (8) |
//!   image   +0        thunk: push [store context]; jmp [stop routine]
//!           +SIZE     functions
//! ```
//!
//! A disarmed stop point is a 5-byte NOP, an armed one `call thunk`. The stop routine finds the store context on
//! the stack and above it the address after the stop point; all registers are live.

/// Where the store context's address is, relative to the image's first byte.
pub const STORE_CONTEXT: isize = -8;
/// Where the stop routine's address is, relative to the image's first byte.
pub const STOP_ROUTINE: isize = -16;
/// Bytes that the thunk takes at the start of the image.
pub const SIZE: u32 = 16;
/// Length of a stop point's instruction.
pub const STOP_LENGTH: u32 = 5;

/// The thunk for x86-64: `push [rip - 14]; jmp [rip - 28]`, padded with `ud2`.
pub const X86_64: [u8; SIZE as usize] =
    [0xff, 0x35, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x25, 0xe4, 0xff, 0xff, 0xff, 0x0f, 0x0b, 0x0f, 0x0b];

/// A disarmed stop point on x86-64.
pub const NOP_X86_64: [u8; STOP_LENGTH as usize] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// An armed stop point on x86-64, whose return address is `return_offset` in the image: `call thunk`.
pub fn call_x86_64(return_offset: u32) -> [u8; STOP_LENGTH as usize] {
    let displacement = (return_offset as i32).wrapping_neg().to_le_bytes();
    [0xe8, displacement[0], displacement[1], displacement[2], displacement[3]]
}
