//! The `catch` and `catch_all` of the older exceptions that are open at a place of a function, and which of them keep what they caught.
//!
//! One keeps it if a `rethrow` names it, wherever that stands: then a reference of the exception is an operand, beneath those that its
//! operators push. Validation doesn't know these operands; whoever counts operands asks here. Read next: [`super::operand_types`].

use crate::base::WasmPc;
use wasmparser::Operator;

/// The blocks that are open, while the operators of a function are gone through, also those that can't be reached.
#[derive(Clone, Debug, Default)]
pub struct OpenCatches {
    /// The `catch` or `catch_all` of each that is inside one.
    blocks: Vec<Option<WasmPc>>,
}

impl OpenCatches {
    /// Takes note of the next operator. Answers the `catch` or `catch_all` whose exception it throws again, if it does.
    pub fn see(&mut self, pc: WasmPc, operator: &Operator<'_>) -> Option<WasmPc> {
        match *operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.blocks.push(None),
            Operator::Catch { .. } | Operator::CatchAll => {
                if let Some(block) = self.blocks.last_mut() {
                    *block = Some(pc);
                }
            }
            // The function's own `end` finds none.
            Operator::End | Operator::Delegate { .. } => {
                self.blocks.pop();
            }
            Operator::Rethrow { relative_depth } => {
                let block = self.blocks.len().checked_sub(1 + relative_depth as usize)?;
                return self.blocks[block];
            }
            _ => {}
        }
        None
    }

    /// The open blocks, the outermost first: the `catch` or `catch_all` of each that is inside one.
    pub fn blocks(&self) -> &[Option<WasmPc>] {
        &self.blocks
    }
}
