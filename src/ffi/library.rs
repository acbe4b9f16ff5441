//! The library itself: its version, whether header and library match, what it was built with.
//!
//! Knows nothing of engines. Invariant: everything here can be asked before anything else is made.

use super::bytes::pellucid_str_t;
use super::entry::entry;
use super::frame::pellucid_frame_t;
use super::status::pellucid_status_t;
use super::value::pellucid_value_t;
use crate::base::error::bail;
use std::ptr::null_mut;

/// Numbers of this header, for programs that can't use its macros.
#[repr(C)]
pub enum pellucid_abi {
    /// What `pellucid_abi_check` compares. It grows when a program that was compiled against an older header could
    /// misbehave with the library; adding functions doesn't change it.
    PELLUCID_ABI_VERSION = 1,
}

/// The version of the library: major, minor, patch.
///
/// - `out_major`, `out_minor`, `out_patch`: get the numbers; each may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_version(
    out_major: *mut u32,
    out_minor: *mut u32,
    out_patch: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); opt_out out_major, opt_out out_minor, opt_out out_patch => {
        let number = |text: &str| text.parse().expect("Cargo checks versions");
        out_major.set(number(env!("CARGO_PKG_VERSION_MAJOR")));
        out_minor.set(number(env!("CARGO_PKG_VERSION_MINOR")));
        out_patch.set(number(env!("CARGO_PKG_VERSION_PATCH")));
        Ok(())
    })
}

/// The version of the library as text, such as `0.1.0`.
///
/// - `out_version`: gets the text.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the text is valid for ever.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_version_text(out_version: *mut pellucid_str_t) -> pellucid_status_t {
    entry!(status null_mut(); out out_version => {
        out_version.set(pellucid_str_t::new(env!("CARGO_PKG_VERSION")));
        Ok(())
    })
}

/// Whether a program was compiled against a header that fits the library that it runs with.
///
/// - `abi_version`: the header's `PELLUCID_ABI_VERSION`.
/// - `size_of_value`: `sizeof(pellucid_value_t)`.
/// - `size_of_frame`: `sizeof(pellucid_frame_t)`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_UNSUPPORTED` if the program must be compiled against another header.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_abi_check(
    abi_version: u32,
    size_of_value: usize,
    size_of_frame: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); => {
        let ours = pellucid_abi::PELLUCID_ABI_VERSION as u32;
        if abi_version != ours {
            bail!(Unsupported, "the header has ABI version {abi_version}, the library {ours}");
        }
        if size_of_value != size_of::<pellucid_value_t>() || size_of_frame != size_of::<pellucid_frame_t>() {
            bail!(Unsupported, "the header's values have {size_of_value} and its frames {size_of_frame} bytes");
        }
        Ok(())
    })
}

const FEATURES: &[&str] = &[
    "bulk-memory",
    "custom-page-sizes",
    "debug",
    "exceptions",
    "extended-const",
    "fuel",
    "function-references",
    "legacy-exceptions",
    "memory64",
    "multi-memory",
    "multi-value",
    "mutable-globals",
    "nontrapping-fptoint",
    "reference-types",
    "relaxed-simd",
    "sign-extension",
    "simd",
    "tail-call",
    "threads",
    "wasi",
    "wasi-threads",
    #[cfg(feature = "wat")]
    "wat",
    "wide-arithmetic",
];

/// How many features the library has.
///
/// Returns their number; `pellucid_feature_name` gives each one's name.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_feature_count() -> usize {
    entry!(value 0; => FEATURES.len())
}

/// The name of a feature: a WebAssembly proposal such as `multi-value`, or `debug`, or `wat` for the text format.
///
/// - `index`: less than `pellucid_feature_count()`. Names are in alphabetical order.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing; the name is valid for ever.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_feature_name(index: usize, out_name: *mut pellucid_str_t) -> pellucid_status_t {
    entry!(status null_mut(); out out_name => {
        let Some(name) = FEATURES.get(index) else {
            bail!(OutOfRange, "there are {} features", FEATURES.len());
        };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}
