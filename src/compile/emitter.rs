//! Effects → Cranelift IR: stores to the state slot, reads from it, stop points, and the tags that tie machine code to states.
//!
//! Knows nothing of why a value is stored. Invariant: effects are emitted in the order of the plan, each at its moment;
//! [`Emitter::finish`] asserts that none was left out. Read next: [`super::model`].

use super::locals::Locals;
use super::model::{Cursor, Effect, Moment, Plan};
use super::operands::{self, Operand};
use super::signatures;
use crate::abi::homes::{CONTEXT_WORD, Homes, WORD_SIZE, words};
use crate::abi::vmctx::{STORE_CONTEXT, entry, store_context};
use crate::base::{ValType, WasmPc};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockCall, DebugTag, FuncRef, Function, Inst, InstBuilder, JumpTableData, MemFlagsData, StackSlot,
    StackSlotData, StackSlotKind, Value, types,
};
use cranelift_codegen::packed_option::ReservedValue;
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// What a tagged instruction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tagged {
    /// The stop point of this number.
    Stop(usize),
    /// A call with this state.
    Call(u32),
}

/// Puts the effects of a plan into a function.
pub(super) struct Emitter {
    /// Not here while effects are emitted.
    plan: Plan,
    is_exact: bool,
    cursor: Cursor,
    slot: StackSlot,
    thunk: FuncRef,
    types: Vec<ValType>,
    homes: Homes,
    /// The state of the call that is being made.
    call_state: Option<u32>,
    /// The states of the calls.
    calls: Vec<u32>,
    reads: Reads,
    /// Loads whose values may turn out to be needed by nobody.
    early: Vec<Inst>,
    entries: Entries,
}

/// Where a function in its exact form can be entered.
#[derive(Default)]
struct Entries {
    /// Comes to run if the store context has an entry, whose address is the block's parameter.
    dispatch: Option<Block>,
    /// Behind each stop point, by number.
    behind: Vec<Block>,
    /// Before the function's end, if no operator leads there.
    end: Option<Block>,
}

/// Where a function is being translated.
pub(super) struct Site<'a, 'b> {
    pub(super) builder: &'a mut FunctionBuilder<'b>,
    pub(super) locals: &'a Locals,
    pub(super) stack: &'a mut [Operand],
    /// How many of the lowest operands are in the memory that the locals are in.
    pub(super) in_memory: usize,
}

/// Zeros up to this number are stored one by one.
const UNROLLED_ZEROS: u32 = 16;

impl Emitter {
    /// Reserves the state slot and stores the instance's context in it.
    pub(super) fn new(
        builder: &mut FunctionBuilder<'_>,
        plan: Plan,
        thunk: FuncRef,
        context: Value,
        types: Vec<ValType>,
    ) -> Emitter {
        let bytes = plan.words * WORD_SIZE;
        let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
        builder.ins().stack_store(types::I64, context, slot, (CONTEXT_WORD * WORD_SIZE) as i32);
        let reads = Reads { read: vec![(0, 0); types.len()], stretch: 1, block: None };
        Emitter {
            is_exact: plan.is_exact,
            plan,
            cursor: Cursor::default(),
            slot,
            thunk,
            homes: Homes::new(&types),
            types,
            call_state: None,
            calls: Vec::new(),
            reads,
            early: Vec::new(),
            entries: Entries::default(),
        }
    }

    /// Emits the effects of this moment.
    pub(super) fn emit(&mut self, pc: WasmPc, moment: Moment, mut site: Site<'_, '_>) {
        let plan = std::mem::take(&mut self.plan);
        for effect in self.cursor.take(&plan.effects, pc, moment) {
            self.emit_one(*effect, &mut site);
        }
        self.plan = plan;
    }

    fn emit_one(&mut self, effect: Effect, site: &mut Site<'_, '_>) {
        let Site { builder, locals, stack, in_memory } = site;
        match effect {
            Effect::StoreLocal { local } => {
                let value = locals.get(builder, local);
                self.store(builder, value, self.homes.local(local));
            }
            Effect::StoreOperand { words: stored, operand, word } => {
                let ty = stack[operand as usize].ty;
                assert_eq!(u32::from(stored), words(ty), "an operand is stored in whole");
                let value = operands::value(builder, locals.memory(), stack, *in_memory, operand as usize);
                self.store(builder, value, word);
            }
            Effect::ZeroLocals { first, count } => zero_words(builder, self.slot, self.homes.locals(first, count)),
            Effect::ReloadOperand { operand, word } => {
                let operand = &mut stack[operand as usize];
                operand.value = self.load_early(builder, operand.ty, word);
            }
            Effect::ReloadLocal { local } => {
                let value = self.load_early(builder, self.types[local as usize], self.homes.local(local));
                self.local_changed(local);
                locals.set(builder, local, value);
            }
            Effect::Stop { number } => {
                if self.is_exact {
                    Emitter::forget(stack);
                }
                let stop = builder.ins().call(self.thunk, &[]);
                builder.func.debug_tags.set(stop, [DebugTag::User(number * 2)]);
                if self.is_exact {
                    let behind = builder.create_block();
                    builder.ins().jump(behind, &[]);
                    builder.switch_to_block(behind);
                    self.entries.behind.push(behind);
                }
            }
            Effect::Call { state } => self.call_state = Some(state),
            // The operator asks for it; a description is no code.
            Effect::ReadHome { .. } | Effect::Checkpoint { .. } => {}
        }
    }

    /// The value of a local, for `local.get`.
    pub(super) fn read_local(
        &mut self,
        pc: WasmPc,
        builder: &mut FunctionBuilder<'_>,
        locals: &Locals,
        local: u32,
    ) -> Value {
        let [Effect::ReadHome { .. }] = self.cursor.take(&self.plan.effects, pc, Moment::Read) else {
            return locals.get(builder, local);
        };
        self.reads.read_in(builder.current_block(), local).unwrap_or_else(|| {
            let value = self.load(builder, self.types[local as usize], self.homes.local(local));
            self.reads.note(local, value);
            value
        })
    }

    /// A local's variable has got another value.
    pub(super) fn local_changed(&mut self, local: u32) {
        self.reads.read[local as usize] = (0, 0);
    }

    /// A call was emitted, whose state was among the effects.
    pub(super) fn called(&mut self, builder: &mut FunctionBuilder<'_>, call: Inst) {
        let state = self.call_state.take().expect("each call has a state");
        builder.func.debug_tags.set(call, [DebugTag::User(self.calls.len() as u32 * 2 + 1)]);
        self.calls.push(state);
        self.reads.stretch += 1;
    }

    /// The same for one that has a tag of its own; answers its state, if it has one.
    pub(super) fn called_in_try(&mut self) -> Option<u32> {
        self.reads.stretch += 1;
        self.call_state.take()
    }

    fn store(&self, builder: &mut FunctionBuilder<'_>, value: Value, word: u32) {
        builder.ins().stack_store(types::I64, value, self.slot, (word * WORD_SIZE) as i32);
    }

    fn load(&self, builder: &mut FunctionBuilder<'_>, ty: ValType, word: u32) -> Value {
        let ty = signatures::clif_type(ty);
        builder.ins().stack_load(types::I64, ty, self.slot, (word * WORD_SIZE) as i32)
    }

    /// The same for what may turn out to be needed by nobody.
    fn load_early(&mut self, builder: &mut FunctionBuilder<'_>, ty: ValType, word: u32) -> Value {
        let value = self.load(builder, ty, word);
        self.early.push(builder.func.dfg.value_def(value).unwrap_inst());
        value
    }

    /// Forgets the operands' values: whoever needs one reads it from the slot.
    fn forget(stack: &mut [Operand]) {
        // Those beneath are forgotten since an earlier stop point.
        for operand in stack.iter_mut().rev().take_while(|operand| !operand.value.is_reserved_value()) {
            operand.value = Value::reserved_value();
        }
    }

    /// Makes it possible to enter the function behind any of its stop points, once what the entry needs is done.
    pub(super) fn open_entries(&mut self, builder: &mut FunctionBuilder<'_>, context: Value) {
        if !self.is_exact {
            return;
        }
        let flags = MemFlagsData::trusted();
        let store = builder.ins().load(types::I64, flags.with_readonly(), context, STORE_CONTEXT);
        let entry = builder.ins().load(types::I64, flags, store, store_context::ENTRY);
        let (dispatch, begin) = (builder.create_block(), builder.create_block());
        builder.append_block_param(dispatch, types::I64);
        builder.set_cold_block(dispatch);
        builder.ins().brif(entry, dispatch, &[entry.into()], begin, &[]);
        builder.seal_block(dispatch);
        builder.seal_block(begin);
        builder.switch_to_block(begin);
        self.entries.dispatch = Some(dispatch);
    }

    /// Begins the code of the function's end, to which no operator leads: whoever returns early enters it.
    pub(super) fn open_end(&mut self, builder: &mut FunctionBuilder<'_>) {
        let end = builder.create_block();
        builder.switch_to_block(end);
        self.entries.end = Some(end);
    }

    /// Whether each operator is a stop point at which the function can be entered.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Emits how the function is entered; all its stop points are there.
    pub(super) fn close_entries(&mut self, builder: &mut FunctionBuilder<'_>, context: Value) {
        let Entries { dispatch: Some(dispatch), behind, end } = std::mem::take(&mut self.entries) else { return };
        let flags = MemFlagsData::trusted();
        builder.switch_to_block(dispatch);
        let entry = builder.block_params(dispatch)[0];
        let store = builder.ins().load(types::I64, flags.with_readonly(), context, STORE_CONTEXT);
        let none = builder.ins().iconst(types::I64, 0);
        builder.ins().store(flags, none, store, store_context::ENTRY);
        self.fill_from(builder, entry);
        let number = builder.ins().load(types::I32, flags, entry, (entry::STOP * WORD_SIZE) as i32);
        let mut call = |block| BlockCall::new(block, [], &mut builder.func.dfg.value_lists);
        let default = call(*behind.last().expect("the function's end is a stop point"));
        // Nobody takes the way to the end that is before its stop point, but it keeps that in the code.
        let calls: Vec<BlockCall> = behind.iter().copied().chain(end).map(&mut call).collect();
        let table = builder.create_jump_table(JumpTableData::new(default, &calls));
        builder.ins().br_table(number, table);
        behind.into_iter().chain(end).for_each(|block| builder.seal_block(block));
    }

    /// Copies the words of an entry into the slot.
    fn fill_from(&self, builder: &mut FunctionBuilder<'_>, entry: Value) {
        let first = entry::STOP + 1;
        if self.plan.words == first {
            return;
        }
        let offset = i64::from(first * WORD_SIZE);
        let from = builder.ins().iadd_imm_s(entry, offset);
        let to = builder.ins().stack_addr(types::I64, self.slot, offset as i32);
        let distance = builder.ins().isub(to, from);
        each_word(builder, from, self.plan.words - first, |builder, from| {
            let word = builder.ins().load(types::I64, MemFlagsData::trusted(), from, 0);
            let to = builder.ins().iadd(from, distance);
            builder.ins().store(MemFlagsData::trusted(), word, to, 0);
        });
    }

    /// What a tagged instruction is.
    pub(super) fn tagged(&self, tag: &DebugTag) -> Tagged {
        let DebugTag::User(tag) = tag else { unreachable!("only numbers are used as tags") };
        let number = (tag / 2) as usize;
        if tag % 2 == 0 { Tagged::Stop(number) } else { Tagged::Call(self.calls[number]) }
    }

    /// Checks that everything was emitted, and removes what nobody needs. The function is complete.
    pub(super) fn finish(&self, func: &mut Function) {
        assert!(self.cursor.is_at_end(&self.plan.effects), "an effect was left out");
        if self.early.is_empty() {
            return;
        }
        let mut needed = vec![false; func.dfg.num_values()];
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst) {
                    needed[func.dfg.resolve_aliases(value).as_u32() as usize] = true;
                }
            }
        }
        for load in &self.early {
            if !needed[func.dfg.first_result(*load).as_u32() as usize] {
                func.layout.remove_inst(*load);
            }
        }
    }

    pub(super) fn slot(&self) -> StackSlot {
        self.slot
    }

    /// What was planned, for its tables.
    pub(super) fn into_plan(self) -> Plan {
        self.plan
    }

    /// The state at a stop point.
    pub(super) fn state_of_stop(&self, number: usize) -> u32 {
        self.plan.stops[number].1
    }
}

/// Stores zeros into these words of a slot; many by a loop.
pub(super) fn zero_words(builder: &mut FunctionBuilder<'_>, slot: StackSlot, words: Range<u32>) {
    let zero = builder.ins().iconst(types::I64, 0);
    let count = words.len() as u32;
    if count <= UNROLLED_ZEROS {
        for word in words {
            builder.ins().stack_store(types::I64, zero, slot, (word * WORD_SIZE) as i32);
        }
        return;
    }
    let from = builder.ins().stack_addr(types::I64, slot, (words.start * WORD_SIZE) as i32);
    each_word(builder, from, count, |builder, address| {
        builder.ins().store(MemFlagsData::trusted(), zero, address, 0);
    });
}

/// Does something with the address of each of `count` words, from the one at `from` on. There must be some.
fn each_word(
    builder: &mut FunctionBuilder<'_>,
    from: Value,
    count: u32,
    act: impl FnOnce(&mut FunctionBuilder<'_>, Value),
) {
    let until = builder.ins().iadd_imm_s(from, i64::from(count * WORD_SIZE));
    let (body, behind) = (builder.create_block(), builder.create_block());
    builder.append_block_param(body, types::I64);
    builder.ins().jump(body, &[from.into()]);
    builder.switch_to_block(body);
    let address = builder.block_params(body)[0];
    act(builder, address);
    let next = builder.ins().iadd_imm_s(address, i64::from(WORD_SIZE));
    let goes_on = builder.ins().icmp(IntCC::UnsignedLessThan, next, until);
    builder.ins().brif(goes_on, body, &[next.into()], behind, &[]);
    builder.seal_block(body);
    builder.seal_block(behind);
    builder.switch_to_block(behind);
}

/// What was read from the homes of locals on the present stretch of code, which a call or another block ends.
struct Reads {
    /// Of each local: the stretch where it was read, and the value's number. All zeros, which cost nothing, for those that weren't.
    read: Vec<(u32, u32)>,
    stretch: u32,
    block: Option<Block>,
}

impl Reads {
    fn read_in(&mut self, block: Option<Block>, local: u32) -> Option<Value> {
        if self.block != block {
            self.block = block;
            self.stretch += 1;
        }
        let (stretch, value) = self.read[local as usize];
        (stretch == self.stretch).then(|| Value::from_u32(value))
    }

    /// Notes what was read in the block that [`Reads::read_in`] was asked about.
    fn note(&mut self, local: u32, value: Value) {
        self.read[local as usize] = (self.stretch, value.as_u32());
    }
}
