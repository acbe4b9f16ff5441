//! Exceptions: throwing them, and the blocks that catch them.
//!
//! A call inside a block that catches exceptions is a `try_call`, with one way for all exceptions: to the block's *landing*. There
//! the function is told the number of the clause that catches, which the runtime has found by the tables that come of this, and
//! compares it with those of the block, then goes on to the landing of the block around. So both the code and the tables grow with
//! calls and clauses, and not with calls times clauses. What an exception carries has room in the frames of functions that catch:
//! the runtime puts it there. A function without such blocks has nothing of all this. Read next: [`super::control`].

use super::calls::Callee;
use super::function::Translator;
use super::model::Moment;
use super::{signatures, target};
use crate::abi::artifact::Clause;
use crate::abi::builtins::Builtin;
use crate::base::{TagIndex, TrapCode, ValType};
use crate::wasm::stack_effect::{CatchClause, block_type, catch_clauses};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExceptionTag, InstBuilder, MemFlagsData,
    StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use wasmparser::{Operator, TryTable};

/// Bytes of each value that an exception carries, in frames.
const VALUE_SIZE: u32 = 16;

/// The blocks of a function that catch exceptions.
#[derive(Debug, Default)]
pub(super) struct TryBlocks {
    blocks: Vec<TryBlock>,
    /// The innermost one that is open.
    innermost: Option<usize>,
    clauses: u32,
    calls: Vec<TryCall>,
    /// Where the values of exceptions are that are thrown or caught.
    values: Option<StackSlot>,
}

#[derive(Debug)]
struct TryBlock {
    parent: Option<usize>,
    clauses: Vec<Clause>,
    landing: Block,
    /// Whether a call leads there.
    is_reached: bool,
    /// Which code the last store had, on one of the ways there: see [`Translator::store_trap`].
    other_store: bool,
}

/// A call inside a block.
#[derive(Clone, Copy, Debug)]
struct TryCall {
    block: usize,
    state: Option<u32>,
}

/// A clause of a `try_table`, and where it leads.
#[derive(Clone, Copy, Debug)]
struct Way {
    clause: Clause,
    depth: usize,
}

/// What is open of a `try_table`.
#[derive(Debug)]
pub(super) struct OpenTry {
    /// Unless it has no clauses.
    block: Option<usize>,
    ways: Vec<Way>,
}

impl TryBlocks {
    /// The number of a call's block, and its state, by the tag of its exception table.
    pub(super) fn call(&self, tag: ExceptionTag) -> (u32, Option<u32>) {
        let TryCall { block, state } = self.calls[tag.as_u32() as usize];
        (block as u32, state)
    }

    /// The innermost block that is open.
    pub(super) fn innermost(&self) -> Option<usize> {
        self.innermost
    }

    /// Where exceptions go that a block doesn't catch.
    pub(super) fn parent(&self, block: usize) -> Option<usize> {
        self.blocks[block].parent
    }

    pub(super) fn set_parent(&mut self, block: usize, parent: Option<usize>) {
        self.blocks[block].parent = parent;
    }

    /// Adds a clause to a block, once its number is known; answers that.
    pub(super) fn add_clause(&mut self, block: usize, clause: impl FnOnce(u32) -> Clause) -> u32 {
        let number = self.clauses;
        self.clauses += 1;
        self.blocks[block].clauses.push(clause(number));
        number
    }

    /// Nothing more is thrown in a block, which is the innermost one. Answers its landing, if something was.
    pub(super) fn close(&mut self, builder: &mut FunctionBuilder<'_>, block: usize) -> Option<Block> {
        let TryBlock { parent, landing, is_reached, .. } = self.blocks[block];
        self.innermost = parent;
        builder.seal_block(landing);
        is_reached.then_some(landing)
    }

    /// The exception that has come to a block's landing, and the number of the clause that catches it.
    pub(super) fn landed(&self, builder: &FunctionBuilder<'_>, block: usize) -> [Value; 2] {
        // Locals that differ between the ways to it come behind these two.
        let [exception, number, ..] = *builder.block_params(self.blocks[block].landing) else {
            unreachable!("made with two")
        };
        [exception, number]
    }

    /// Which code the last store had, on one of the ways to a block's landing.
    pub(super) fn other_store(&self, block: usize) -> bool {
        self.blocks[block].other_store
    }

    /// Where the values of exceptions are, if it throws or catches any.
    pub(super) fn values(&self) -> Option<StackSlot> {
        self.values
    }

    /// The blocks: the one around each, and its clauses.
    pub(super) fn into_blocks(self) -> Vec<(Option<u32>, Vec<Clause>)> {
        self.blocks.into_iter().map(|block| (block.parent.map(|parent| parent as u32), block.clauses)).collect()
    }

    /// The room for so many values.
    fn values_for(&mut self, builder: &mut FunctionBuilder<'_>, count: usize) -> StackSlot {
        let bytes = count as u32 * VALUE_SIZE;
        let slot = *self.values.get_or_insert_with(|| {
            builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4))
        });
        let data = &mut builder.func.sized_stack_slots[slot];
        data.size = data.size.max(bytes);
        slot
    }

    fn is_last(clause: &Clause) -> bool {
        clause.tag.is_none()
    }
}

impl Translator<'_> {
    pub(super) fn exception_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::TryTable { ref try_table } => self.open_try_table(try_table),
            Operator::Throw { tag_index } => self.throw(TagIndex::from_u32(tag_index)),
            Operator::ThrowRef => self.throw_ref(),
            _ => return false,
        }
        true
    }

    fn open_try_table(&mut self, table: &TryTable) {
        let (params, results) = block_type(self.info, table.ty);
        self.emit(Moment::Branch);
        let mut ways = Vec::with_capacity(table.catches.len());
        for CatchClause { tag, takes_reference, label } in catch_clauses(table) {
            let clause = Clause { tag, takes_reference, number: self.tries.clauses, pc: self.pc };
            self.tries.clauses += 1;
            ways.push(Way { clause, depth: self.depth(label) });
        }
        let block = (!ways.is_empty()).then(|| self.open_try(ways.iter().map(|way| way.clause).collect()));
        self.open_try_frame(OpenTry { block, ways }, params, results);
    }

    /// Opens a block that catches.
    pub(super) fn open_try(&mut self, clauses: Vec<Clause>) -> usize {
        let landing = self.builder.create_block();
        self.builder.append_block_param(landing, types::I64);
        self.builder.append_block_param(landing, types::I64);
        self.builder.set_cold_block(landing);
        let parent = self.tries.innermost;
        self.tries.blocks.push(TryBlock { parent, clauses, landing, is_reached: false, other_store: false });
        let block = self.tries.blocks.len() - 1;
        self.tries.innermost = Some(block);
        block
    }

    /// Before the `end` of a `try_table`: what its clauses do.
    pub(super) fn land(&mut self, open: OpenTry) {
        let OpenTry { block: Some(block), ways } = open else { return };
        let TryBlock { parent, other_store, .. } = self.tries.blocks[block];
        let Some(landing) = self.tries.close(&mut self.builder, block) else { return };
        let behind = self.reachable.then(|| {
            let behind = self.builder.create_block();
            self.builder.ins().jump(behind, &[]);
            behind
        });
        let (stores_behind, in_memory) = (self.other_store, self.in_memory);
        self.builder.switch_to_block(landing);
        let [exception, number] = self.tries.landed(&self.builder, block);
        let mut left = ways.len();
        for (place, Way { clause, depth }) in ways.iter().enumerate() {
            left -= 1;
            let is_always = left == 0 && (TryBlocks::is_last(clause) || parent.is_none());
            let next = (!is_always).then(|| {
                let (taken, next) = (self.builder.create_block(), self.builder.create_block());
                let is_it = self.builder.ins().icmp_imm_u(IntCC::Equal, number, i64::from(clause.number));
                self.builder.ins().brif(is_it, taken, &[], next, &[]);
                self.builder.seal_block(taken);
                self.builder.seal_block(next);
                self.builder.switch_to_block(taken);
                next
            });
            self.other_store = other_store;
            self.take_clause(*clause, exception, *depth, place);
            self.in_memory = in_memory;
            if let Some(next) = next {
                self.builder.switch_to_block(next);
            }
        }
        if !ways.last().is_some_and(|way| TryBlocks::is_last(&way.clause))
            && let Some(parent) = parent
        {
            let outer = self.reach(parent);
            self.builder.ins().jump(outer, &[exception.into(), number.into()]);
        }
        self.other_store = stores_behind;
        if let Some(behind) = behind {
            self.builder.seal_block(behind);
            self.builder.switch_to_block(behind);
        }
    }

    /// Goes to the label of a clause that has caught an exception.
    fn take_clause(&mut self, clause: Clause, exception: Value, depth: usize, place: usize) {
        let height = self.control[depth].height;
        let rest = self.stack.split_off(height);
        self.in_memory = self.in_memory.min(height).min(self.control.last().expect("it is open").in_memory);
        if let Some(tag) = clause.tag {
            self.push_carried(tag);
        }
        if clause.takes_reference {
            self.push(ValType::EXNREF, exception);
        }
        self.branch_to(depth, Moment::Clause(place as u32));
        self.stack.truncate(height);
        self.stack.extend(rest);
    }

    /// Pushes what an exception carries that was caught.
    pub(super) fn push_carried(&mut self, tag: TagIndex) {
        let info = self.info;
        let types = &info.tag_signature(tag).params;
        if types.is_empty() {
            return;
        }
        let slot = self.tries.values_for(&mut self.builder, types.len());
        for (ty, offset) in types.iter().zip((0..).step_by(VALUE_SIZE as usize)) {
            let value = self.builder.ins().stack_load(types::I64, signatures::clif_type(*ty), slot, offset);
            self.push(*ty, value);
        }
    }

    /// Notes that a call leads to the landing of a block.
    pub(super) fn reach(&mut self, block: usize) -> Block {
        let block = &mut self.tries.blocks[block];
        (block.is_reached, block.other_store) = (true, self.other_store);
        block.landing
    }

    /// Calls a function, which may throw; answers its results.
    pub(super) fn call_that_may_throw(&mut self, callee: Callee, args: &[Value]) -> Vec<Value> {
        let Some(block) = self.tries.innermost else {
            let call = match callee {
                Callee::Direct(function) => self.builder.ins().call(function, args),
                Callee::Indirect(signature, code) => self.builder.ins().call_indirect(signature, code, args),
            };
            if let Some(stops) = &mut self.stops {
                stops.called(&mut self.builder, call);
            }
            return self.builder.inst_results(call).to_vec();
        };
        let state = self.stops.as_mut().and_then(|stops| stops.called_in_try());
        let tag = ExceptionTag::from_u32(self.tries.calls.len() as u32);
        self.tries.calls.push(TryCall { block, state });
        self.tries.values_for(&mut self.builder, 1);
        let landing = self.reach(block);
        let (context, builder) = (self.context, &mut self.builder);
        let dfg = &mut builder.func.dfg;
        let signature = match callee {
            Callee::Direct(function) => dfg.ext_funcs[function].signature,
            Callee::Indirect(signature, _) => signature,
        };
        let results: Vec<_> = dfg.signatures[signature].returns.iter().map(|result| result.value_type).collect();
        let next = builder.create_block();
        results.iter().for_each(|ty| {
            builder.append_block_param(next, *ty);
        });
        let pool = &mut builder.func.dfg.value_lists;
        let normal = BlockCall::new(next, (0..results.len() as u32).map(BlockArg::TryCallRet), pool);
        let thrown = BlockCall::new(landing, [BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)], pool);
        let items = [ExceptionTableItem::Context(context), ExceptionTableItem::Tag(tag, thrown)];
        let table = ExceptionTableData::new(signature, normal, items);
        let table = builder.func.dfg.exception_tables.push(table);
        match callee {
            Callee::Direct(function) => builder.ins().try_call(function, args, table),
            Callee::Indirect(_, code) => builder.ins().try_call_indirect(code, args, table),
        };
        builder.seal_block(next);
        builder.switch_to_block(next);
        builder.block_params(next).to_vec()
    }

    fn throw(&mut self, tag: TagIndex) {
        let info = self.info;
        let count = info.tag_signature(tag).params.len();
        self.need(count);
        let operands = self.stack.split_off(self.stack.len() - count);
        self.in_memory = self.in_memory.min(self.stack.len());
        let slot = self.tries.values_for(&mut self.builder, count.max(1));
        for (operand, offset) in operands.iter().zip((0..).step_by(VALUE_SIZE as usize)) {
            let value = self.uniform(operand.value);
            self.builder.ins().stack_store(types::I64, value, slot, offset);
        }
        let values = self.builder.ins().stack_addr(types::I64, slot, 0);
        let tag = self.builder.ins().iconst(types::I32, i64::from(tag.as_u32()));
        self.throw_by(Builtin::throw, &[tag, values]);
    }

    fn throw_ref(&mut self) {
        let exception = self.pop();
        let exception = self.uniform(exception.value);
        self.trap_if_null(exception, TrapCode::NullReference);
        self.throw_by(Builtin::throw_ref, &[exception]);
    }

    /// Calls a builtin that doesn't return, but goes on at a landing.
    pub(super) fn throw_by(&mut self, builtin: Builtin, args: &[Value]) {
        let code = self.builtin_code(MemFlagsData::trusted().with_readonly().with_can_move(), builtin);
        let signature = self.builtin_signature(builtin);
        let args: Vec<_> = std::iter::once(self.context).chain(args.iter().copied()).collect();
        if self.tries.innermost.is_some() {
            self.call_that_may_throw(Callee::Indirect(signature, code), &args);
        } else {
            self.builder.ins().call_indirect(signature, code, &args);
        }
        // Never reached: it ends the block.
        self.builder.ins().trap(target::trap(TrapCode::Unreachable));
        self.reachable = false;
    }
}
