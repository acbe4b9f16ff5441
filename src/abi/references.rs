//! The 32 bits of references of the guest's and of the host's values, which `externref` and `anyref` have in common: so
//! `any.convert_extern` and `extern.convert_any` change nothing.
//!
//! ```text
//!   0            null
//!   ......1      an integer of 31 bits, << 1
//!   .....10      the number of a host value, << 2
//!   ....000      an object of the heap, see [`heap`](crate::abi::heap); an `exnref` is one of an exception
//! ```

/// The highest number of a host value.
pub const MOST_HOST_VALUES: u32 = u32::MAX >> 2;

/// The number of the host's value that it refers to.
#[inline(always)]
pub fn host_number(reference: u32) -> Option<u32> {
    (reference & 3 == 2).then_some(reference >> 2)
}

/// The reference to the host's value of this number.
#[inline(always)]
pub fn host_reference(number: u32) -> u32 {
    number << 2 | 2
}

/// The integer that it is, sign-extended.
pub fn i31_value(reference: u32) -> Option<i32> {
    (reference & 1 == 1).then_some(reference as i32 >> 1)
}

/// The reference that an integer of 31 bits is.
pub fn i31_reference(value: i32) -> u32 {
    (value as u32) << 1 | 1
}
