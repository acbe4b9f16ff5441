//! Which way branches usually go, as the custom section `metadata.code.branch_hint` says.
//!
//! Only advice: a section that is damaged counts up to the damage. Source: <https://github.com/WebAssembly/branch-hinting>.

use crate::base::{FuncIndex, WasmPc};
use std::collections::HashMap;
use wasmparser::BranchHintSectionReader;

/// The hints of a module.
#[derive(Clone, Debug, Default)]
pub struct BranchHints(HashMap<FuncIndex, Vec<Hint>>);

#[derive(Clone, Debug)]
struct Hint {
    /// Bytes from the start of the function's body to the branch.
    at: u32,
    is_taken: bool,
}

impl BranchHints {
    /// Reads the hints of a module with so many functions. They stand behind its declarations of functions.
    pub(super) fn read(&mut self, section: BranchHintSectionReader<'_>, functions: usize) {
        for function in section {
            let Ok(function) = function else { return };
            if function.func as usize >= functions {
                return;
            }
            let hints = self.0.entry(FuncIndex::from_u32(function.func)).or_default();
            for hint in function.hints {
                let Ok(hint) = hint else { break };
                hints.push(Hint { at: hint.func_offset, is_taken: hint.taken });
            }
            hints.sort_by_key(|hint| hint.at);
        }
    }

    /// Whether the branch at `pc` of a function, whose body starts at `body`, is usually taken; nothing where it isn't known.
    pub fn is_taken(&self, function: FuncIndex, body: u32, pc: WasmPc) -> Option<bool> {
        let hints = self.0.get(&function)?;
        let place = hints.binary_search_by_key(&pc.0.checked_sub(body)?, |hint| hint.at).ok()?;
        Some(hints[place].is_taken)
    }
}
