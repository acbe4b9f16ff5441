//! The walk over a function's operators: the operand stack and the control stack as far as the state slot needs them.
//!
//! It mirrors what the translator does with values. Knows of the slot only what [`Slot`] promises. Invariant: the groups
//! of effects come in the order in which the translator gets to them.

use super::blocks::Blocks;
use super::effects::{Effect, Moment, Plan};
use super::every_value::EveryValue;
use super::identity::{NOTHING, ValueId};
use super::mistakes::{Mistake, makes};
use super::runs::Runs;
use super::states::States;
use crate::abi::frame_table::Checkpoint;
use crate::abi::homes::{Homes, NextHome, words};
use crate::abi::operators::{is_reproducible, numeric_operands};
use crate::base::{DefinedFuncIndex, FuncIndex, FuncType, Result, TagIndex, TypeIndex, ValType, WasmPc};
use crate::wasm::ModuleInfo;
use crate::wasm::parse::invalid;
use crate::wasm::stack_effect::{block_type, catch_clauses, constant, stack_effect};
use wasmparser::{BrTable, Operator};

/// An operand on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) ty: ValType,
    pub(super) id: ValueId,
    /// The first word of its home.
    pub(super) home: u32,
}

impl Operand {
    /// The effect that stores it at home. It is the one at this place of the stack.
    pub(super) fn store(&self, index: u32) -> Effect {
        Effect::StoreOperand { words: stored_words(self.ty), operand: index, word: self.home }
    }
}

/// What stores the operands that a branch carries, the top `arity` ones, where a label finds them above `height` operands.
pub(super) fn carried(operands: &[Operand], height: u32, arity: u32) -> impl Iterator<Item = (Effect, Operand)> {
    let from = operands.len() - arity as usize;
    let mut next = NextHome::at(operands.get(height as usize).map_or(0, |lowest| lowest.home));
    operands[from..].iter().zip(from as u32..).map(move |(operand, index)| {
        let word = next.take(operand.ty);
        (Effect::StoreOperand { words: stored_words(operand.ty), operand: index, word }, *operand)
    })
}

/// The words that storing an operand of this type changes.
fn stored_words(ty: ValType) -> u8 {
    if makes(Mistake::HalfStored) { 1 } else { words(ty) as u8 }
}

/// What an effect in the middle of a run means for what comes behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behind {
    /// The slot is as it was.
    Unchanged,
    /// It changed, and describes everything: a checkpoint is due.
    Described,
    /// It changed, and doesn't describe everything: a stop point is due.
    Undescribed,
}

/// A way to keep the state slot up to date.
pub(super) trait Slot {
    /// What it knows at one place of the function.
    type Snapshot;

    /// Whether this way has turned out to be too much work for the function.
    fn is_exhausted(&self) -> bool;

    /// The identity of a value of which nothing is known.
    fn unknown(&mut self) -> ValueId;
    /// Of a constant.
    fn constant(&mut self, bits: u128) -> ValueId;
    /// Of what a numeric operator gives; with one operand, that is there twice.
    fn computed(&mut self, opcode: u8, operands: [ValueId; 2]) -> ValueId;

    /// The function begins.
    fn entry(&mut self, effects: &mut Vec<Effect>);
    /// `local.get`; answers what it pushes.
    fn get_local(&mut self, local: u32, effects: &mut Vec<Effect>) -> ValueId;
    /// `local.set` or `local.tee`.
    fn set_local(&mut self, local: u32, operand: Operand, is_tee: bool);
    /// Makes it possible to describe every local and these operands.
    fn before_stop(&mut self, operands: &[Operand], effects: &mut Vec<Effect>);
    /// Describes them, which must be possible.
    fn state(&mut self, operands: &[Operand], states: &mut States) -> u32;
    /// A call has returned; the operands below `height` were there before a block that is still open, and may be needed on
    /// another way out of it.
    fn after_call(&mut self, operands: &[Operand], height: u32, effects: &mut Vec<Effect>);
    /// A block opens.
    fn open_block(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) -> Behind;
    /// Before a branch to the label of a block, or into a loop.
    fn before_label(&mut self, block: u32, is_loop: bool, is_entry: bool, effects: &mut Vec<Effect>);
    /// Before a branch whose ways store for themselves.
    fn before_ways(&mut self, operands: &[Operand], effects: &mut Vec<Effect>);
    /// A branch to the labels of these blocks, which all find `height` operands and are given the top `arity` ones.
    fn branch(&mut self, blocks: &[u32], operands: &[Operand], height: u32, arity: u32, effects: &mut Vec<Effect>);
    /// A branch that may not be taken.
    fn branch_if(
        &mut self,
        block: u32,
        operands: &[Operand],
        height: u32,
        arity: u32,
        effects: &mut Vec<Effect>,
    ) -> Behind;
    /// Ways into a loop merge, above `beneath` operands; those that are `carried` are new values.
    fn enter_loop(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand]);
    /// Ways out of a block merge, likewise.
    fn leave_block(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand]);
    /// The stack has no more than `height` operands now.
    fn truncate(&mut self, height: u32);
    /// To come back to this place.
    fn snapshot(&mut self) -> Self::Snapshot;
    /// Comes back to it, with the operands of then.
    fn restore(&mut self, snapshot: &Self::Snapshot);
    /// Whether an operator that throws what may be caught in the function has a stop point, so that everything is in its home.
    fn stops_before_throw(&self) -> bool;
    /// An exception was caught that a call in the block has thrown: there are no operands but these, which are beneath the block.
    fn land(&mut self, block: u32, beneath: &[Operand]);
    /// Comes back to the place of a snapshot after what [`Slot::land`] has begun.
    fn take_off(&mut self, snapshot: &Self::Snapshot);
}

/// Plans what debugging adds to a function, with few stores. If that is too much work, every value is stored.
pub(in crate::compile) fn plan(info: &ModuleInfo, function: DefinedFuncIndex, blocks: &Blocks) -> Result<Plan> {
    let ty = info.signature(info.func_index(function));
    let types = info.top_local_types(function);
    let params = ty.params.len() as u32;
    let live = blocks.live(params);
    let homes = Homes::new(&types);
    let runs = Runs::new(blocks, &live, &types, &homes, params, blocks.operators());
    match Walk::new(info, function, blocks, &types, &homes, ty, runs).walk()? {
        Some(plan) => Ok(Plan { zeros: zeros(&live, plan.locals), ..plan }),
        None => plan_every_value(info, function, blocks),
    }
}

/// The locals that aren't among these, as ranges.
fn zeros(live: &[u32], locals: u32) -> Vec<(u32, u32)> {
    let starts = std::iter::once(0).chain(live.iter().map(|local| local + 1));
    let ends = live.iter().copied().chain([locals]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| (start, end - start)).collect()
}

/// Plans it with little work: every value is stored.
pub(in crate::compile) fn plan_every_value(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    blocks: &Blocks,
) -> Result<Plan> {
    let ty = info.signature(info.func_index(function));
    let types = info.top_local_types(function);
    let params = ty.params.len() as u32;
    let live = blocks.live(params);
    let homes = Homes::new(&types);
    let slot = EveryValue::new(&live, params, false);
    let plan = Walk::new(info, function, blocks, &types, &homes, ty, slot).walk()?.expect("it is never too much work");
    Ok(Plan { zeros: zeros(&live, plan.locals), ..plan })
}

/// Plans the exact form: a stop point before each operator, which reads what it takes from the slot.
pub(in crate::compile) fn plan_exact(info: &ModuleInfo, function: DefinedFuncIndex, blocks: &Blocks) -> Result<Plan> {
    let ty = info.signature(info.func_index(function));
    let types = info.top_local_types(function);
    let params = ty.params.len() as u32;
    // Also those that nothing assigns, since the host may.
    let all: Vec<u32> =
        if makes(Mistake::ZerosWithoutHomes) { blocks.live(params) } else { (0..types.len() as u32).collect() };
    let homes = Homes::new(&types);
    let slot = EveryValue::new(&all, params, !makes(Mistake::VariablesRead));
    let walk = Walk::new(info, function, blocks, &types, &homes, ty, slot).exactly();
    let plan = walk.walk()?.expect("it is never too much work");
    Ok(Plan { zeros: zeros(&all, plan.locals), ..plan })
}

struct Walk<'a, S: Slot> {
    info: &'a ModuleInfo,
    function: DefinedFuncIndex,
    blocks: &'a Blocks,
    types: &'a [ValType],
    homes: &'a Homes,
    slot: S,
    stack: Vec<Operand>,
    control: Vec<Frame<S::Snapshot>>,
    /// Whether the current operator can be reached.
    is_reachable: bool,
    /// Blocks opened in unreachable code.
    dead_depth: u32,
    /// The number that the next block gets.
    next_block: u32,
    pc: WasmPc,
    /// What is due at the next operator.
    due: Behind,
    /// Reused.
    batch: Vec<Effect>,
    states: States,
    plan: Plan,
}

/// An open block. Blocks in unreachable code have none.
struct Frame<N> {
    kind: Kind<N>,
    params: Vec<ValType>,
    results: Vec<ValType>,
    /// Operands beneath the block's parameters.
    height: usize,
    /// Whether something gets to its `end` from elsewhere.
    is_targeted: bool,
    /// Its number in [`Blocks`].
    number: u32,
}

enum Kind<N> {
    Function,
    Block,
    Loop,
    If { params: Vec<Operand>, snapshot: N },
    Else,
    Try(Box<Try>),
    LegacyTry(LegacyTry),
}

/// What is open of a `try_table`.
#[derive(Default)]
struct Try {
    /// What each clause gives to its label, and that label's place in the control stack.
    ways: Vec<(Vec<ValType>, usize)>,
    /// Whether the last one catches whatever comes.
    catches_all: bool,
    /// Whether something in it may throw.
    is_reached: bool,
}

/// What is open of a `try`.
#[derive(Clone, Copy, Default)]
struct LegacyTry {
    /// Whether a clause has come: what is thrown then goes on to the block around.
    is_caught: bool,
    catches_all: bool,
    /// Whether something before the first clause may throw.
    is_reached: bool,
}

/// The walk can't go on: an operator isn't supported, which the translator will say.
struct Unsupported;

impl<'a, S: Slot> Walk<'a, S> {
    fn new(
        info: &'a ModuleInfo,
        function: DefinedFuncIndex,
        blocks: &'a Blocks,
        types: &'a [ValType],
        homes: &'a Homes,
        ty: &FuncType,
        slot: S,
    ) -> Walk<'a, S> {
        let mut walk = Walk {
            info,
            function,
            blocks,
            types,
            homes,
            slot,
            stack: Vec::new(),
            control: Vec::new(),
            is_reachable: true,
            dead_depth: 0,
            next_block: 0,
            pc: info.bodies[function].operators,
            due: Behind::Undescribed,
            batch: Vec::new(),
            states: States::default(),
            plan: Plan { locals: types.len() as u32, words: homes.operands().word(), ..Plan::default() },
        };
        walk.open(Kind::Function, Vec::new(), ty.results.to_vec());
        walk
    }

    /// The same walk, with a stop point before each operator.
    fn exactly(mut self) -> Self {
        self.plan.is_exact = true;
        self
    }

    /// The plan, or none if it is too much work this way.
    fn walk(mut self) -> Result<Option<Plan>> {
        self.at(Moment::Entry, |walk, effects| walk.slot.entry(effects));
        let body = self.info.body(self.function);
        let reader = body.get_operators_reader().map_err(|error| invalid(&error))?;
        self.plan.is_complete = true;
        for operator in reader.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| invalid(&error))?;
            self.pc = WasmPc(offset as u32);
            if !self.is_reachable && !self.revives(&operator) {
                continue;
            }
            if self.plan.is_exact && !self.is_reachable && self.control.len() == 1 {
                self.open_end();
            }
            if self.is_reachable {
                self.before_throw(&operator);
                self.before_operator(&operator);
            }
            if let Err(Unsupported) = self.operator(&operator) {
                self.plan.is_complete = false;
                break;
            }
            if (self.plan.is_exact || self.info.ends_run(&operator)) && !makes(Mistake::NoStop) {
                self.due = Behind::Undescribed;
            }
            if self.slot.is_exhausted() {
                return Ok(None);
            }
        }
        self.plan.pool = self.states.pool;
        Ok(Some(self.plan))
    }

    /// Adds effects at this moment of the current operator.
    fn at<R>(&mut self, moment: Moment, effects: impl FnOnce(&mut Self, &mut Vec<Effect>) -> R) -> R {
        let mut batch = std::mem::take(&mut self.batch);
        let result = effects(self, &mut batch);
        for effect in &batch {
            if let Effect::StoreOperand { words, word, .. } = effect {
                self.plan.words = self.plan.words.max(word + u32::from(*words));
            }
        }
        self.plan.effects.add(self.pc, moment, batch.drain(..));
        self.batch = batch;
        result
    }

    /// A stop point is due before an operator that throws, where something might have to be stored for whoever catches: stored behind
    /// the stop point of its run, it would change what the operators between are computed from.
    fn before_throw(&mut self, operator: &Operator<'_>) {
        let throws = matches!(operator, Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. });
        if throws && self.slot.stops_before_throw() && self.may_throw() {
            self.due = Behind::Undescribed;
        }
    }

    /// The stop point or checkpoint before an operator, if one is due.
    fn before_operator(&mut self, operator: &Operator<'_>) {
        let reads = if self.plan.is_exact && !makes(Mistake::NotReadBack) { self.takes(operator) } else { 0 };
        match std::mem::replace(&mut self.due, Behind::Unchanged) {
            Behind::Unchanged => {}
            Behind::Described if makes(Mistake::NoCheckpoint) => {}
            Behind::Described => self.at(Moment::Before, |walk, effects| {
                let state = walk.slot.state(&walk.stack, &mut walk.states);
                effects.push(Effect::Checkpoint { number: walk.plan.checkpoints.len() as u32 });
                walk.plan.checkpoints.push(Checkpoint { pc: walk.pc, state });
            }),
            Behind::Undescribed => self.at(Moment::Before, |walk, effects| {
                walk.slot.before_stop(&walk.stack, effects);
                let state = walk.slot.state(&walk.stack, &mut walk.states);
                effects.push(Effect::Stop { number: walk.plan.stops.len() as u32 });
                walk.plan.stops.push((walk.pc, state));
                let from = walk.stack.len() - reads;
                let read = walk.stack.iter().zip(0..).skip(from);
                effects
                    .extend(read.map(|(operand, index)| Effect::ReloadOperand { operand: index, word: operand.home }));
            }),
        }
    }

    /// The function's end, to which no operator leads, is there for whoever returns early: with the results in their homes.
    fn open_end(&mut self) {
        self.truncate(0);
        for ty in self.control[0].results.clone() {
            self.push(ty, NOTHING);
        }
        if let Some(last) = self.stack.last() {
            self.plan.words = self.plan.words.max(last.home + words(last.ty));
        }
        self.slot.leave_block(0, &[], &mut self.stack);
        self.due = Behind::Undescribed;
        self.is_reachable = true;
    }

    /// How many operands, counted from the top, the operator takes, or hands to a label.
    fn takes(&self, operator: &Operator<'_>) -> usize {
        let carried = |relative: u32| self.arity(self.depth(relative)) as usize;
        let params = |ty: TypeIndex| self.info.signatures[ty].params.len();
        let block = |ty| block_type(self.info, ty).0.len();
        match *operator {
            Operator::Drop => 0,
            Operator::Select | Operator::TypedSelect { .. } => 3,
            Operator::LocalGet { .. } => 0,
            Operator::LocalSet { .. } | Operator::LocalTee { .. } => 1,
            Operator::Block { .. } => 0,
            Operator::Loop { blockty } => block(blockty),
            Operator::If { blockty } => 1 + block(blockty),
            // What the block gives; a loop's label isn't at its end.
            Operator::Else
            | Operator::End
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. } => self.control.last().map_or(0, |frame| frame.results.len()),
            Operator::Br { relative_depth } => carried(relative_depth),
            // The way on stores again what the way to the label puts other operands over.
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => match carried(relative_depth) {
                0 => 1,
                _ => self.stack.len() - self.control[self.depth(relative_depth)].height,
            },
            Operator::BrTable { ref targets } => 1 + carried(targets.default()),
            Operator::Return => self.control[0].results.len(),
            Operator::Unreachable => 0,
            Operator::RefAsNonNull | Operator::RefCastNonNull { .. } | Operator::RefCastNullable { .. } => 1,
            Operator::TryTable { ref try_table } => block_type(self.info, try_table.ty).0.len(),
            Operator::Try { .. } => 0,
            Operator::Rethrow { relative_depth } => self.stack.len() - self.control[self.depth(relative_depth)].height,
            Operator::ThrowRef => 1,
            Operator::Throw { tag_index } => self.info.tag_signature(TagIndex::from_u32(tag_index)).params.len(),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                params(self.info.funcs[FuncIndex::from_u32(function_index)])
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => 1 + params(TypeIndex::from_u32(type_index)),
            _ => {
                let opcode = self.info.bytes[self.pc.0 as usize];
                stack_effect(self.info, operator, opcode).map_or(0, |effect| effect.pops as usize)
            }
        }
    }

    fn now_due(&mut self, behind: Behind) {
        if self.due != Behind::Undescribed && behind != Behind::Unchanged {
            self.due = behind;
        }
    }

    fn push(&mut self, ty: ValType, id: ValueId) {
        let below = self.stack.last();
        let home = below.map_or(self.homes.operands().word(), |below| below.home + self.width(below.ty));
        self.stack.push(Operand { ty, id, home });
    }

    /// The words that the home of an operand of this type has.
    fn width(&self, ty: ValType) -> u32 {
        if makes(Mistake::HomesOverlap) { 1 } else { words(ty) }
    }

    fn pop(&mut self) -> Operand {
        let operand = self.stack.pop().expect("validated");
        self.slot.truncate(self.stack.len() as u32);
        operand
    }

    fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
        self.slot.truncate(height as u32);
    }

    /// Whether an operator in unreachable code can make what follows it reachable.
    fn revives(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => {
                self.dead_depth += 1;
                self.next_block += 1;
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

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Unsupported> {
        match *operator {
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                self.pop();
                self.pop();
                let ty = self.pop().ty;
                let id = self.slot.unknown();
                self.push(ty, id);
            }
            Operator::LocalGet { local_index } => {
                let id = self.at(Moment::Read, |walk, effects| walk.slot.get_local(local_index, effects));
                self.push(self.types[local_index as usize], id);
            }
            Operator::LocalSet { local_index } => {
                let operand = self.pop();
                self.slot.set_local(local_index, operand, false);
            }
            Operator::LocalTee { local_index } => {
                let operand = *self.stack.last().expect("validated");
                self.slot.set_local(local_index, operand, true);
            }
            Operator::Block { blockty } => {
                let (params, results) = block_type(self.info, blockty);
                self.open_block();
                self.open(Kind::Block, params, results);
            }
            Operator::Loop { blockty } => {
                let (params, results) = block_type(self.info, blockty);
                self.open_loop(params, results);
            }
            Operator::If { blockty } => {
                let (params, results) = block_type(self.info, blockty);
                self.pop();
                self.open_block();
                let snapshot = self.slot.snapshot();
                let params_from = self.stack.len() - params.len();
                let operands = self.stack[params_from..].to_vec();
                self.open(Kind::If { params: operands, snapshot }, params, results);
            }
            Operator::Else => self.open_else(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                let depth = self.depth(relative_depth);
                self.branch_to(depth, Moment::Branch);
                self.is_reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                self.pop();
                self.branch_if(relative_depth);
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.pop();
                self.branch_if(relative_depth);
                self.push(reference.ty, reference.id);
                // The way to the label doesn't store the reference, which it doesn't carry.
                if self.due == Behind::Described {
                    self.due = Behind::Undescribed;
                }
            }
            Operator::BrOnNonNull { relative_depth } => {
                self.branch_if(relative_depth);
                self.pop();
            }
            Operator::BrOnCast { relative_depth, .. } | Operator::BrOnCastFail { relative_depth, .. } => {
                self.branch_if(relative_depth);
            }
            Operator::RefAsNonNull | Operator::RefCastNonNull { .. } | Operator::RefCastNullable { .. } => {
                let reference = self.pop();
                self.push(reference.ty, reference.id);
            }
            Operator::BrTable { ref targets } => self.branch_table(targets),
            Operator::TryTable { ref try_table } => {
                let (params, results) = block_type(self.info, try_table.ty);
                self.open_block();
                let clauses = catch_clauses(try_table);
                let catches_all = clauses.last().is_some_and(|clause| clause.tag.is_none());
                let ways = clauses.iter().map(|clause| (clause.gives(self.info), self.depth(clause.label)));
                let open = Try { ways: ways.collect(), catches_all, is_reached: false };
                self.open(Kind::Try(Box::new(open)), params, results);
            }
            Operator::Try { blockty } => {
                let (params, results) = block_type(self.info, blockty);
                self.open_block();
                self.open(Kind::LegacyTry(LegacyTry::default()), params, results);
            }
            Operator::Catch { tag_index } => self.catch(Some(TagIndex::from_u32(tag_index))),
            Operator::CatchAll => self.catch(None),
            Operator::Delegate { relative_depth } => self.delegate(relative_depth),
            Operator::Rethrow { .. } => self.throw(0),
            Operator::ThrowRef => self.throw(1),
            Operator::Throw { tag_index } => {
                let carried = self.info.tag_signature(TagIndex::from_u32(tag_index)).params.len();
                self.throw(carried);
            }
            // Nobody looks at a frame that another function's takes the place of.
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => self.is_reachable = false,
            Operator::Call { function_index } => {
                self.call(self.info.funcs[FuncIndex::from_u32(function_index)]);
            }
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                self.pop();
                self.call(TypeIndex::from_u32(type_index));
            }
            _ => self.other(operator)?,
        }
        Ok(())
    }

    /// Operators that make at most two values out of operands.
    fn other(&mut self, operator: &Operator<'_>) -> Result<(), Unsupported> {
        let opcode = self.info.bytes[self.pc.0 as usize];
        let effect = stack_effect(self.info, operator, opcode).ok_or(Unsupported)?;
        let mut ids = [NOTHING; 2];
        for _ in 0..effect.pops {
            ids = [self.pop().id, ids[0]];
        }
        let Some(ty) = effect.pushes else { return Ok(()) };
        let id = if let Some(bits) = constant(self.info, operator) {
            self.slot.constant(bits)
        } else if let Some(operands) =
            numeric_operands(opcode).filter(|_| is_reproducible(opcode) || makes(Mistake::AnyFloats))
        {
            let [first, second] = ids;
            self.slot.computed(opcode, if operands.count == 1 { [first; 2] } else { [first, second] })
        } else if effect.pops == 1 && makes(Mistake::LoadIsZero) {
            self.slot.constant(0)
        } else {
            self.slot.unknown()
        };
        self.push(ty, id);
        if effect.pushes_two {
            let id = self.slot.unknown();
            self.push(ty, id);
        }
        Ok(())
    }

    /// Notes that what is called here may throw; answers whether that may be caught in the function.
    fn may_throw(&mut self) -> bool {
        self.may_throw_in(self.control.len() - 1)
    }

    /// The same for what throws inside `control[depth]`, and not in blocks further in.
    fn may_throw_in(&mut self, depth: usize) -> bool {
        for frame in self.control[..=depth].iter_mut().rev() {
            match &mut frame.kind {
                Kind::Try(open) if !open.ways.is_empty() => open.is_reached = true,
                Kind::LegacyTry(open) if !open.is_caught => open.is_reached = true,
                _ => continue,
            }
            return true;
        }
        false
    }

    /// `throw` of an exception that carries so many operands.
    fn throw(&mut self, carried: usize) {
        self.truncate(self.stack.len() - carried);
        self.may_throw();
        self.is_reachable = false;
    }

    /// Before the `end` of a `try_table`: the ways to the labels of its clauses.
    fn land(&mut self, depth: usize) {
        let Kind::Try(open) = &mut self.control[depth].kind else { return };
        let Try { ways, catches_all, is_reached } = std::mem::take(&mut **open);
        if !is_reached {
            return;
        }
        let (number, snapshot) = (self.control[depth].number, self.slot.snapshot());
        for ((types, label), place) in ways.into_iter().zip(0..) {
            let height = self.control[label].height;
            let rest = self.stack.split_off(height);
            self.slot.land(number, &self.stack);
            for ty in types {
                let id = self.slot.unknown();
                self.push(ty, id);
            }
            self.branch_to(label, Moment::Clause(place));
            self.stack.truncate(height);
            self.stack.extend(rest);
            self.slot.take_off(&snapshot);
            if self.slot.is_exhausted() {
                break;
            }
        }
        if !catches_all {
            // The frame itself has no clauses any more.
            self.may_throw();
        }
    }

    /// A clause of a `try` begins: what is before it comes to the block's `end`.
    fn catch(&mut self, tag: Option<TagIndex>) {
        let depth = self.control.len() - 1;
        if self.is_reachable {
            self.branch_to(depth, Moment::Branch);
        }
        let Frame { kind: Kind::LegacyTry(open), height, number, .. } = &mut self.control[depth] else {
            unreachable!("validated")
        };
        open.is_caught = true;
        open.catches_all |= tag.is_none();
        (self.is_reachable, self.due) = (open.is_reached, Behind::Undescribed);
        let (height, number) = (*height, *number);
        self.truncate(height);
        if !self.is_reachable {
            return;
        }
        self.slot.land(number, &self.stack);
        if self.blocks.is_rethrown(self.pc) && !makes(Mistake::NothingKept) {
            let id = self.slot.unknown();
            self.push(ValType::EXNREF, id);
        }
        let info = self.info;
        for ty in tag.map_or(&[][..], |tag| &info.tag_signature(tag).params) {
            let id = self.slot.unknown();
            self.push(*ty, id);
        }
    }

    /// The `end` of a `try` whose exceptions go on from the inside of another block.
    fn delegate(&mut self, relative: u32) {
        let depth = self.control.len() - 1;
        let Kind::LegacyTry(open) = &mut self.control[depth].kind else { unreachable!("validated") };
        let relative = if makes(Mistake::DelegatedToParent) { 0 } else { relative as usize };
        if std::mem::take(&mut open.is_reached) {
            self.may_throw_in(depth - 1 - relative);
        }
        self.end();
    }

    fn call(&mut self, ty: TypeIndex) {
        let ty = &self.info.signatures[ty];
        let from = self.stack.len() - if makes(Mistake::ArgumentsWait) { 0 } else { ty.params.len() };
        let arguments = self.stack.split_off(from);
        self.slot.truncate(from as u32);
        self.at(Moment::Call, |walk, effects| {
            walk.slot.before_stop(&walk.stack, effects);
            let state = walk.slot.state(&walk.stack, &mut walk.states);
            effects.push(Effect::Call { state });
        });
        self.may_throw();
        let height = self.control.last().expect("the function is open").height as u32;
        self.at(Moment::Returned, |walk, effects| walk.slot.after_call(&walk.stack, height, effects));
        self.truncate(from + arguments.len() - ty.params.len());
        for ty in &ty.results {
            let id = self.slot.unknown();
            self.push(*ty, id);
        }
    }

    fn open(&mut self, kind: Kind<S::Snapshot>, params: Vec<ValType>, results: Vec<ValType>) {
        let height = self.stack.len() - params.len();
        let number = self.next_block;
        self.next_block += 1;
        self.control.push(Frame { kind, params, results, height, is_targeted: false, number });
    }

    fn open_block(&mut self) {
        let behind = self.at(Moment::Branch, |walk, effects| walk.slot.open_block(&walk.stack, effects));
        self.now_due(behind);
    }

    fn open_loop(&mut self, params: Vec<ValType>, results: Vec<ValType>) {
        let number = self.next_block;
        let (height, arity) = (self.stack.len() - params.len(), params.len() as u32);
        self.open_block();
        if self.blocks.is_targeted(number) {
            self.at(Moment::Branch, |walk, effects| {
                walk.slot.before_label(number, true, true, effects);
                walk.slot.branch(&[number], &walk.stack, height as u32, arity, effects);
            });
            let (beneath, carried) = self.stack.split_at_mut(height);
            self.slot.enter_loop(number, beneath, carried);
            self.due = Behind::Undescribed;
        }
        self.open(Kind::Loop, params, results);
    }

    fn open_else(&mut self) {
        let depth = self.control.len() - 1;
        if self.is_reachable {
            self.branch_to(depth, Moment::Branch);
        }
        self.enter_otherwise(depth);
    }

    fn enter_otherwise(&mut self, depth: usize) {
        let Kind::If { params, snapshot } = std::mem::replace(&mut self.control[depth].kind, Kind::Else) else {
            unreachable!("validated")
        };
        self.truncate(self.control[depth].height);
        self.stack.extend(params);
        self.slot.restore(&snapshot);
        self.due = Behind::Undescribed;
        self.is_reachable = true;
    }

    fn end(&mut self) {
        let depth = self.control.len() - 1;
        if let Kind::If { .. } = self.control[depth].kind {
            // Without an `else` the parameters are the results. If the arm never gets here and nothing branches here, the
            // other way is the only one, and nothing merges.
            let merges = self.is_reachable || self.control[depth].is_targeted;
            if self.is_reachable {
                self.branch_to(depth, Moment::Branch);
            }
            self.enter_otherwise(depth);
            if !merges {
                self.control.pop();
                return;
            }
        }
        self.land(depth);
        if let Kind::LegacyTry(LegacyTry { is_caught, catches_all, is_reached }) = self.control[depth].kind {
            if is_caught && self.is_reachable {
                self.branch_to(depth, Moment::Otherwise);
                self.is_reachable = false;
            }
            if is_reached && !catches_all {
                self.may_throw_in(depth - 1);
            }
        }
        let frame = &self.control[depth];
        match frame.kind {
            Kind::Function => {
                self.is_reachable = false;
                self.control.pop();
            }
            Kind::Loop => {
                let height = frame.height;
                self.control.pop();
                if !self.is_reachable {
                    self.truncate(height);
                }
            }
            _ => {
                if self.is_reachable && frame.is_targeted {
                    self.branch_to(depth, Moment::Otherwise);
                }
                let frame = self.control.pop().expect("just seen");
                if frame.is_targeted {
                    self.truncate(frame.height);
                    frame.results.iter().for_each(|ty| self.push(*ty, NOTHING));
                    self.is_reachable = true;
                    let (beneath, carried) = self.stack.split_at_mut(frame.height);
                    self.slot.leave_block(frame.number, beneath, carried);
                    self.due = Behind::Undescribed;
                } else if !self.is_reachable {
                    self.truncate(frame.height);
                }
            }
        }
    }

    fn depth(&self, relative: u32) -> usize {
        self.control.len() - 1 - relative as usize
    }

    fn is_loop(&self, depth: usize) -> bool {
        matches!(self.control[depth].kind, Kind::Loop)
    }

    /// The number of operands that a branch to `control[depth]` carries.
    fn arity(&self, depth: usize) -> u32 {
        let frame = &self.control[depth];
        if self.is_loop(depth) { frame.params.len() as u32 } else { frame.results.len() as u32 }
    }

    fn is_function(&self, depth: usize) -> bool {
        matches!(self.control[depth].kind, Kind::Function)
    }

    /// An unconditional branch to the label of `control[depth]`.
    fn branch_to(&mut self, depth: usize, moment: Moment) {
        if self.is_function(depth) {
            return;
        }
        self.control[depth].is_targeted |= !self.is_loop(depth);
        let (arity, is_loop) = (self.arity(depth), self.is_loop(depth));
        let (number, height) = (self.control[depth].number, self.control[depth].height as u32);
        self.at(moment, |walk, effects| {
            walk.slot.before_label(number, is_loop, false, effects);
            walk.slot.branch(&[number], &walk.stack, height, arity, effects);
        });
    }

    fn branch_if(&mut self, relative: u32) {
        let depth = self.depth(relative);
        if self.is_function(depth) {
            return;
        }
        self.control[depth].is_targeted |= !self.is_loop(depth);
        let (arity, is_loop) = (self.arity(depth), self.is_loop(depth));
        let (number, height) = (self.control[depth].number, self.control[depth].height as u32);
        let behind = self.at(Moment::Branch, |walk, effects| {
            walk.slot.before_label(number, is_loop, false, effects);
            walk.slot.branch_if(number, &walk.stack, height, arity, effects)
        });
        self.now_due(behind);
    }

    fn branch_table(&mut self, table: &BrTable<'_>) {
        self.pop();
        let targets = table.targets().chain(std::iter::once(Ok(table.default())));
        let mut depths: Vec<_> = targets.map(|relative| self.depth(relative.expect("validated"))).collect();
        depths.sort_unstable();
        depths.dedup();
        let arity = self.arity(depths[0]);
        if arity == 0 && depths.iter().all(|depth| !self.is_function(*depth)) {
            // Nothing is carried, so what one label wants stored doesn't hurt another.
            for depth in &depths {
                self.control[*depth].is_targeted |= !self.is_loop(*depth);
            }
            let numbers: Vec<_> = depths.iter().map(|depth| self.control[*depth].number).collect();
            let height = depths.iter().map(|depth| self.control[*depth].height).max().expect("there is a default");
            self.at(Moment::Branch, |walk, effects| {
                walk.slot.branch(&numbers, &walk.stack, height as u32, 0, effects);
            });
        } else {
            self.at(Moment::Branch, |walk, effects| walk.slot.before_ways(&walk.stack, effects));
            let snapshot = self.slot.snapshot();
            for depth in depths {
                if self.slot.is_exhausted() {
                    break;
                }
                self.slot.restore(&snapshot);
                self.branch_to(depth, Moment::Way(depth as u32));
            }
        }
        self.is_reachable = false;
    }
}
