//! Structured control: blocks, branches, returns.

use super::exceptions::OpenTry;
use super::function::Translator;
use super::legacy_exceptions::OpenLegacyTry;
use super::model::Moment;
use super::operands::Operand;
use super::{signatures, target};
use crate::base::{Result, TrapCode, ValType};
use crate::wasm::stack_effect::block_type;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Value};
use std::collections::BTreeMap;
use wasmparser::{BlockType, BrTable, Operator};

/// An open block. Blocks in unreachable code have none.
pub(super) struct Frame {
    kind: Kind,
    params: Vec<ValType>,
    results: Vec<ValType>,
    /// Operands beneath the block's parameters.
    pub(super) height: usize,
    /// How many of them were in memory when it was opened.
    pub(super) in_memory: usize,
    /// Where `end` is reached from elsewhere, once something does.
    exit: Option<Exit>,
    /// The block that catches what is thrown in it and not caught in blocks further in, if one does.
    pub(super) handler: Option<usize>,
}

/// Where `end` is reached from elsewhere.
#[derive(Clone, Copy)]
struct Exit {
    block: Block,
    /// On the first way there, [which code](Translator::store_trap) the last store had.
    other_store: bool,
}

enum Kind {
    Function,
    Block,
    Loop {
        header: Block,
        /// Its [beginning](super::pieces::Pieces::begin).
        beginning: usize,
    },
    If {
        otherwise: Otherwise,
    },
    Else,
    /// A `try_table`. None once its clauses are done.
    Try(Option<OpenTry>),
    /// A `try`. None once it is closed.
    LegacyTry(Option<OpenLegacyTry>),
}

/// What it takes to translate the other arm of an `if`.
struct Otherwise {
    block: Block,
    params: Vec<Operand>,
    other_store: bool,
}

impl Translator<'_> {
    pub(super) fn open_function(&mut self, results: &[ValType]) {
        self.open(Kind::Function, Vec::new(), results.to_vec());
    }

    /// The body of a function in the place of a call: its label is behind it.
    pub(super) fn open_inlined(&mut self, results: &[ValType]) {
        self.open(Kind::Block, Vec::new(), results.to_vec());
    }

    pub(super) fn open_try_frame(&mut self, open: OpenTry, params: Vec<ValType>, results: Vec<ValType>) {
        self.open(Kind::Try(Some(open)), params, results);
    }

    pub(super) fn open_legacy_try_frame(&mut self, open: OpenLegacyTry, params: Vec<ValType>, results: Vec<ValType>) {
        self.open(Kind::LegacyTry(Some(open)), params, results);
    }

    /// What is open of the innermost block, which is a `try`, for as long as it isn't put back.
    pub(super) fn take_legacy_try(&mut self) -> OpenLegacyTry {
        match &mut self.control.last_mut().expect("validated").kind {
            Kind::LegacyTry(open) => open.take().expect("it is open"),
            _ => unreachable!("validated"),
        }
    }

    pub(super) fn put_back_legacy_try(&mut self, open: OpenLegacyTry) {
        self.control.last_mut().expect("it was taken from there").kind = Kind::LegacyTry(Some(open));
    }

    fn open(&mut self, kind: Kind, params: Vec<ValType>, results: Vec<ValType>) {
        let height = self.stack.len() - params.len();
        let in_memory = self.in_memory.min(height);
        let handler = self.tries.innermost();
        self.control.push(Frame { kind, params, results, height, in_memory, exit: None, handler });
    }

    /// Whether an operator in unreachable code can make what follows it reachable, or must be looked at.
    pub(super) fn revives(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => {
                self.dead_depth += 1;
                false
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => self.dead_depth == 0,
            Operator::End | Operator::Delegate { .. } if self.dead_depth > 0 => {
                self.dead_depth -= 1;
                false
            }
            Operator::End | Operator::Delegate { .. } => true,
            _ => false,
        }
    }

    pub(super) fn control_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match *operator {
            Operator::Block { blockty } => {
                let (params, results) = block_type(self.info, blockty);
                self.emit(Moment::Branch);
                self.open(Kind::Block, params, results);
            }
            Operator::Loop { blockty } => self.open_loop(blockty)?,
            Operator::If { blockty } => self.open_if(blockty)?,
            Operator::Else => self.open_else(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                let depth = self.depth(relative_depth);
                self.branch_to(depth, Moment::Branch);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                let condition = self.pop();
                self.branch_if(condition.value, relative_depth);
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.pop();
                let is_null = self.is_null(reference.value);
                self.branch_if(is_null, relative_depth);
                self.push(reference.ty, reference.value);
            }
            Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
                self.need(1);
                let reference = self.stack.last().expect("validated").value;
                let is_instance = self.is_instance(reference, to_ref_type);
                self.branch_if(is_instance, relative_depth);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                self.need(1);
                let reference = self.stack.last().expect("validated").value;
                let is_instance = self.is_instance(reference, to_ref_type);
                let is_other = self.builder.ins().icmp_imm_u(IntCC::Equal, is_instance, 0);
                self.branch_if(is_other, relative_depth);
            }
            Operator::BrOnNonNull { relative_depth } => {
                self.need(1);
                let reference = self.stack.last().expect("validated").value;
                let is_there = self.builder.ins().icmp_imm_u(IntCC::NotEqual, reference, 0);
                self.branch_if(is_there, relative_depth);
                self.pop();
            }
            Operator::BrTable { ref targets } => self.branch_table(targets),
            Operator::Return => {
                self.branch_to(0, Moment::Branch);
                self.reachable = false;
            }
            Operator::Unreachable => {
                self.builder.ins().trap(target::trap(TrapCode::Unreachable));
                let block = self.builder.current_block().expect("the trap is in it");
                self.branches.unreachable(self.location, block);
                self.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn open_loop(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = block_type(self.info, ty);
        let header = self.block_with_params(&params);
        let height = self.stack.len() - params.len();
        self.need(params.len());
        self.emit(Moment::Branch);
        let args = self.block_args(height);
        self.builder.ins().jump(header, &args);
        self.builder.switch_to_block(header);
        for (place, value) in self.builder.block_params(header).to_vec().into_iter().enumerate() {
            self.stack[height + place].value = value;
        }
        let beginning = self.pieces.begin();
        self.open(Kind::Loop { header, beginning }, params, results);
        Ok(())
    }

    fn open_if(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = block_type(self.info, ty);
        let condition = self.pop();
        self.need(params.len());
        self.emit(Moment::Branch);
        let then = self.builder.create_block();
        let block = self.builder.create_block();
        self.builder.ins().brif(condition.value, then, &[], block, &[]);
        self.branches.branch(self.location, then, block);
        if let Some(is_taken) = self.is_usually_taken() {
            self.builder.set_cold_block(if is_taken { block } else { then });
        }
        self.builder.seal_block(then);
        self.builder.seal_block(block);
        self.builder.switch_to_block(then);
        let params_from = self.stack.len() - params.len();
        let params_of_both = self.stack[params_from..].to_vec();
        let otherwise = Otherwise { block, params: params_of_both, other_store: self.other_store };
        self.open(Kind::If { otherwise }, params, results);
        Ok(())
    }

    fn open_else(&mut self) {
        let depth = self.control.len() - 1;
        if self.reachable {
            self.branch_to(depth, Moment::Branch);
        }
        let Kind::If { otherwise } = std::mem::replace(&mut self.control[depth].kind, Kind::Else) else {
            unreachable!("validated")
        };
        self.enter_otherwise(depth, otherwise);
    }

    fn enter_otherwise(&mut self, depth: usize, otherwise: Otherwise) {
        self.close(depth);
        self.stack.extend(otherwise.params);
        self.builder.switch_to_block(otherwise.block);
        self.other_store = otherwise.other_store;
        self.reachable = true;
        self.pieces.end();
    }

    /// Has the operands as they were where the block was opened.
    pub(super) fn close(&mut self, depth: usize) {
        let Frame { height, in_memory, .. } = self.control[depth];
        self.stack.truncate(height);
        self.in_memory = in_memory;
    }

    pub(super) fn end(&mut self) {
        let depth = self.control.len() - 1;
        if let Kind::If { .. } = self.control[depth].kind {
            // Without an `else` the parameters are the results. If the arm never gets here and nothing branches
            // here, the other way is the only one, and nothing merges.
            let merges = self.reachable || self.control[depth].exit.is_some();
            if self.reachable {
                self.branch_to(depth, Moment::Branch);
            }
            let Kind::If { otherwise } = std::mem::replace(&mut self.control[depth].kind, Kind::Else) else {
                unreachable!("just seen")
            };
            self.enter_otherwise(depth, otherwise);
            if !merges {
                self.control.pop();
                return;
            }
        }
        if let Kind::Try(open) = &mut self.control[depth].kind
            && let Some(open) = open.take()
        {
            self.land(open);
        }
        if let Kind::LegacyTry(open) = &mut self.control[depth].kind
            && let Some(open) = open.take()
        {
            self.close_legacy_try(open);
        }
        let frame = &self.control[depth];
        match frame.kind {
            Kind::Function => {
                if self.reachable {
                    self.branch_to(depth, Moment::Branch);
                    self.reachable = false;
                }
                self.control.pop();
            }
            Kind::Loop { header, .. } => {
                self.builder.seal_block(header);
                if !self.reachable {
                    self.close(depth);
                }
                self.control.pop();
            }
            _ => {
                if self.reachable && frame.exit.is_some() {
                    self.branch_to(depth, Moment::Otherwise);
                }
                let exit = self.control[depth].exit;
                if exit.is_some() || !self.reachable {
                    self.close(depth);
                }
                let frame = self.control.pop().expect("just seen");
                if let Some(Exit { block: exit, other_store }) = exit {
                    self.builder.seal_block(exit);
                    self.builder.switch_to_block(exit);
                    self.other_store = other_store;
                    self.pieces.end();
                    let values = self.builder.block_params(exit).to_vec();
                    for (ty, value) in frame.results.iter().zip(values) {
                        self.stack.push(Operand { value, ty: *ty });
                    }
                    self.reachable = true;
                }
            }
        }
    }

    /// The label's block for branches from inside `control[depth]`.
    fn label(&mut self, depth: usize) -> Block {
        match self.control[depth].kind {
            Kind::Loop { header, beginning } => {
                self.pieces.is_reached(beginning);
                header
            }
            _ => self.exit(depth),
        }
    }

    fn exit(&mut self, depth: usize) -> Block {
        if let Some(exit) = self.control[depth].exit {
            return exit.block;
        }
        let results = std::mem::take(&mut self.control[depth].results);
        let block = self.block_with_params(&results);
        self.control[depth].results = results;
        self.control[depth].exit = Some(Exit { block, other_store: self.other_store });
        block
    }

    /// The number of operands that a branch to `control[depth]` carries.
    fn label_arity(&self, depth: usize) -> usize {
        match self.control[depth].kind {
            Kind::Loop { .. } => self.control[depth].params.len(),
            _ => self.control[depth].results.len(),
        }
    }

    fn is_function(&self, depth: usize) -> bool {
        matches!(self.control[depth].kind, Kind::Function)
    }

    pub(super) fn depth(&self, relative: u32) -> usize {
        self.control.len() - 1 - relative as usize
    }

    /// An unconditional branch to the label of `control[depth]`; what follows in the block can't be reached.
    pub(super) fn branch_to(&mut self, depth: usize, moment: Moment) {
        let arity = self.label_arity(depth);
        self.need(arity);
        if self.is_function(depth) {
            let results = self.uniform_operands(self.stack.len() - arity);
            self.builder.ins().return_(&results);
            return;
        }
        self.emit(moment);
        let label = self.label(depth);
        let args = self.block_args(self.stack.len() - arity);
        self.builder.ins().jump(label, &args);
    }

    fn branch_if(&mut self, condition: Value, relative: u32) {
        let depth = self.depth(relative);
        let arity = self.label_arity(depth);
        // Before what is only reached if the branch is taken.
        self.need(arity);
        let next = self.builder.create_block();
        let hint = self.is_usually_taken();
        if hint == Some(true) {
            self.builder.set_cold_block(next);
        }
        if self.is_function(depth) {
            let taken = self.builder.create_block();
            self.builder.ins().brif(condition, taken, &[], next, &[]);
            self.branches.branch(self.location, taken, next);
            if hint == Some(false) {
                self.builder.set_cold_block(taken);
            }
            self.builder.seal_block(taken);
            self.builder.switch_to_block(taken);
            self.branch_to(depth, Moment::Branch);
        } else {
            self.emit(Moment::Branch);
            let label = self.label(depth);
            let args = self.block_args(self.stack.len() - arity);
            self.builder.ins().brif(condition, label, &args, next, &[]);
            self.branches.branch(self.location, label, next);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// What the module says about the current branch. A way that is seldom gone is placed after all others.
    fn is_usually_taken(&self) -> Option<bool> {
        let defined = self.info.defined_func(self.index).expect("its body is compiled");
        self.info.branch_hints.is_taken(self.index, self.info.bodies[defined].range.start, self.pc)
    }

    fn branch_table(&mut self, table: &BrTable<'_>) {
        let index = self.pop();
        let depths: Vec<_> = table
            .targets()
            .chain(std::iter::once(Ok(table.default())))
            .map(|relative| self.depth(relative.expect("validated")))
            .collect();
        let arity = self.label_arity(depths[0]);
        self.need(arity);
        let direct = arity == 0 && depths.iter().all(|depth| !self.is_function(*depth));
        let mut calls: Vec<BlockCall> = Vec::with_capacity(depths.len());
        self.emit(Moment::Branch);
        if direct {
            for depth in &depths {
                let label = self.label(*depth);
                calls.push(BlockCall::new(label, [], &mut self.builder.func.dfg.value_lists));
            }
            self.finish_branch_table(index.value, calls);
        } else {
            // One block for each label, which returns, or stores and carries what that label wants.
            let mut edges: BTreeMap<usize, Block> = BTreeMap::new();
            for depth in &depths {
                let edge = *edges.entry(*depth).or_insert_with(|| self.builder.create_block());
                calls.push(BlockCall::new(edge, [], &mut self.builder.func.dfg.value_lists));
            }
            self.finish_branch_table(index.value, calls);
            for (depth, block) in edges {
                self.builder.seal_block(block);
                self.builder.switch_to_block(block);
                self.branch_to(depth, Moment::Way(depth as u32));
            }
        }
        self.reachable = false;
    }

    fn finish_branch_table(&mut self, index: Value, mut calls: Vec<BlockCall>) {
        let default = calls.pop().expect("the default comes last");
        let table = self.builder.create_jump_table(JumpTableData::new(default, &calls));
        self.builder.ins().br_table(index, table);
    }

    fn block_with_params(&mut self, types: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for ty in types {
            self.builder.append_block_param(block, signatures::clif_type(*ty));
        }
        block
    }

    /// The operands from this one on as arguments of a block.
    fn block_args(&mut self, from: usize) -> Vec<BlockArg> {
        self.uniform_operands(from).into_iter().map(BlockArg::Value).collect()
    }

    /// The values of the operands from this one on, as they are known elsewhere.
    fn uniform_operands(&mut self, from: usize) -> Vec<Value> {
        (from..self.stack.len()).map(|place| self.uniform(self.stack[place].value)).collect()
    }
}
