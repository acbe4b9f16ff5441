//! Borrowed strings and bytes as they are handed to C.
//!
//! Knows nothing of who owns them. Invariant: a view is made from a live Rust slice; the header of the function that
//! gives it says how long it lives.

use std::ffi::c_char;

/// Text that something else owns: `size` bytes of UTF-8 at `data`, not terminated by NUL.
///
/// Print one with `printf("%.*s", (int)text.size, text.data)`. The function that gives it says until when it is valid.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pellucid_str_t {
    /// The first byte; may be NULL if `size` is 0.
    pub data: *const c_char,
    /// Number of bytes.
    pub size: usize,
}

/// Bytes that something else owns: `size` bytes at `data`.
///
/// The function that gives them says until when they are valid.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pellucid_bytes_t {
    /// The first byte; may be NULL if `size` is 0.
    pub data: *const u8,
    /// Number of bytes.
    pub size: usize,
}

impl pellucid_str_t {
    /// A view of `text`, to be used while `text` lives.
    pub(super) fn new(text: &str) -> pellucid_str_t {
        pellucid_str_t { data: text.as_ptr().cast(), size: text.len() }
    }
}

impl pellucid_bytes_t {
    /// A view of `bytes`, to be used while `bytes` live.
    pub(super) fn new(bytes: &[u8]) -> pellucid_bytes_t {
        pellucid_bytes_t { data: bytes.as_ptr(), size: bytes.len() }
    }
}
