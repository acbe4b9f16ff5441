//! What differs by processor: x86-64. Another processor has a folder beside this one, with a file of the same name that offers
//! the same. What differs in compiled code is Cranelift's business, but for the stop points, which are in
//! [`crate::abi::thunk`].

pub mod racing;
pub mod switch;
