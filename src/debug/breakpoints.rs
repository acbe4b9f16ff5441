//! The store's breakpoints and which stop points are armed on their behalf.

use super::Debuggee;
use crate::base::{Result, WasmPc};
use crate::runtime::Module;

/// A breakpoint as it is listed.
#[derive(Clone)]
pub struct BreakpointInfo {
    /// Names it; never 0 and never reused in its store.
    pub id: u64,
    /// Where it is; every instance of the module in the store shares it.
    pub module: Module,
    /// The pc that was asked for.
    pub asked: WasmPc,
    /// The operator that it is at.
    pub actual: WasmPc,
    /// Whether it raises events.
    pub enabled: bool,
    /// How often the guest reached it while it was enabled.
    pub hits: u64,
    /// How many of the hits raised no event, because an event handler was running.
    pub passed_over: u64,
}

impl Debuggee {
    /// All breakpoints, by id.
    pub fn breakpoints(&self) -> Result<Vec<BreakpointInfo>> {
        todo!()
    }

    /// The breakpoint with this id; `NotFound` if there is none (any more).
    pub fn breakpoint(&self, id: u64) -> Result<BreakpointInfo> {
        let _ = id;
        todo!()
    }

    /// Whether single-step mode is on.
    pub fn is_single_stepping(&self) -> Result<bool> {
        todo!()
    }
}
