//! Newtypes for the address spaces that meet in a debugger, so that they can't be mixed up.
//!
//! Invariant: converting between two spaces always goes through a table (frame table, call sites, code map),
//! never through arithmetic on bare integers. Read next: [`crate::abi::artifact`].

use std::fmt;

/// A byte offset in the `.wasm` file, as DWARF for Wasm and LLDB count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WasmPc(pub u32);

/// A byte offset in the machine code of one blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CodeOffset(pub u32);

/// An address of machine code in this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NativePc(pub usize);

impl fmt::Display for WasmPc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
