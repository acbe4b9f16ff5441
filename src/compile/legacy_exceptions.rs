//! The older exceptions: `try` with `catch`, `catch_all` or `delegate`, and `rethrow`.
//!
//! A `try` catches as a `try_table` does, by one landing. But its clauses come one after the other, each before the operators that
//! handle it: so each continues the landing's comparisons where the one before has left them, and the `end` goes on to the block
//! around. `delegate` says which block that is. What a `rethrow` throws is an operand beneath those that the `catch` pushes
//! ([`OpenCatches`](crate::wasm::OpenCatches)). Read next: [`super::exceptions`].

use super::function::Translator;
use super::model::Moment;
use super::{operands, target};
use crate::abi::artifact::Clause;
use crate::abi::builtins::Builtin;
use crate::base::{TagIndex, TrapCode, ValType};
use crate::wasm::stack_effect::block_type;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder};
use wasmparser::{BlockType, Operator};

/// What is open of a `try`.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenLegacyTry {
    block: usize,
    /// Whether no clause has come yet.
    is_body: bool,
    /// Where exceptions come that no clause so far takes, if any do.
    rest: Option<Block>,
}

impl Translator<'_> {
    pub(super) fn legacy_exception_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::Try { blockty } => self.open_legacy_try(blockty),
            Operator::Catch { tag_index } => self.catch(Some(TagIndex::from_u32(tag_index))),
            Operator::CatchAll => self.catch(None),
            Operator::Delegate { relative_depth } => self.delegate(relative_depth),
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth),
            _ => return false,
        }
        true
    }

    fn open_legacy_try(&mut self, ty: BlockType) {
        let (params, results) = block_type(self.info, ty);
        self.emit(Moment::Branch);
        let block = self.open_try(Vec::new());
        self.open_legacy_try_frame(OpenLegacyTry { block, is_body: true, rest: None }, params, results);
    }

    /// A clause begins; what is before it has come to its end.
    fn catch(&mut self, tag: Option<TagIndex>) {
        let depth = self.control.len() - 1;
        if self.reachable {
            self.branch_to(depth, Moment::Branch);
        }
        self.close(depth);
        let mut open = self.take_legacy_try();
        self.end_body(&mut open);
        self.control[depth].handler = self.tries.innermost();
        let takes_reference = self.rethrown.contains(&self.pc);
        let number = self.tries.add_clause(open.block, |number| Clause { tag, takes_reference, number, pc: self.pc });
        self.reachable = open.rest.is_some();
        if let Some(rest) = open.rest {
            self.builder.switch_to_block(rest);
            let [exception, caught] = self.tries.landed(&self.builder, open.block);
            open.rest = tag.is_some().then(|| {
                let (taken, next) = (self.builder.create_block(), self.builder.create_block());
                self.builder.set_cold_block(next);
                let is_it = self.builder.ins().icmp_imm_u(IntCC::Equal, caught, i64::from(number));
                self.builder.ins().brif(is_it, taken, &[], next, &[]);
                self.branches.branch(self.location, taken, next);
                self.builder.seal_block(taken);
                self.builder.seal_block(next);
                self.builder.switch_to_block(taken);
                next
            });
            self.other_store = self.tries.other_store(open.block);
            self.pieces.end();
            if takes_reference {
                self.push(ValType::EXNREF, exception);
            }
            if let Some(tag) = tag {
                self.push_carried(tag);
            }
        }
        self.put_back_legacy_try(open);
    }

    /// The operators whose exceptions the block catches come to their end, unless they did before.
    fn end_body(&mut self, open: &mut OpenLegacyTry) {
        if std::mem::take(&mut open.is_body) {
            open.rest = self.tries.close(&mut self.builder, open.block);
        }
    }

    /// Before the `end` of a `try`.
    pub(super) fn close_legacy_try(&mut self, mut open: OpenLegacyTry) {
        if self.reachable && !open.is_body {
            self.branch_to(self.control.len() - 1, Moment::Otherwise);
            self.reachable = false;
        }
        self.end_body(&mut open);
        self.pass_on(open, self.tries.parent(open.block));
    }

    /// The `end` of a `try` whose exceptions are thrown on from the inside of another block.
    fn delegate(&mut self, relative: u32) {
        let to = self.control[self.depth(relative + 1)].handler;
        let mut open = self.take_legacy_try();
        self.end_body(&mut open);
        self.pass_on(open, to);
        self.end();
    }

    /// What isn't caught in a `try` goes on to the landing of another block, or to the caller.
    fn pass_on(&mut self, open: OpenLegacyTry, to: Option<usize>) {
        let OpenLegacyTry { block, rest, .. } = open;
        self.tries.set_parent(block, to);
        let Some(rest) = rest else { return };
        let behind = self.reachable.then(|| {
            let behind = self.builder.create_block();
            self.builder.ins().jump(behind, &[]);
            behind
        });
        let stores_behind = std::mem::replace(&mut self.other_store, self.tries.other_store(block));
        self.builder.switch_to_block(rest);
        match to {
            Some(to) => {
                let landed = self.tries.landed(&self.builder, block);
                let outer = self.reach(to);
                self.builder.ins().jump(outer, &landed.map(BlockArg::from));
            }
            None => {
                // Nothing lands here: what nobody catches goes on to the caller at once.
                self.builder.ins().trap(target::trap(TrapCode::Unreachable));
                self.branches.unreachable(self.location, rest);
            }
        }
        self.other_store = stores_behind;
        if let Some(behind) = behind {
            self.builder.seal_block(behind);
            self.builder.switch_to_block(behind);
        }
    }

    fn rethrow(&mut self, relative: u32) {
        let place = self.control[self.depth(relative)].height;
        let Translator { builder, locals, stack, in_memory, .. } = self;
        let exception = operands::value(builder, locals.memory(), stack, *in_memory, place);
        let exception = self.uniform(exception);
        self.throw_by(Builtin::throw_ref, &[exception]);
    }
}
