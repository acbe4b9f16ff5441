//! What debugging adds to a function: stop points, and the state slot that they let someone read.
//!
//! The translator gives every value an identity ([`ValueId`]). This file remembers which identity each word of the
//! state slot holds in memory, and stores as little as it can: a value is stored when a stop point or a call needs
//! it described, it isn't a constant, no word holds it yet, and it can't be computed from words.
//!
//! ```text
//!   stop point   every local and operand is a constant, in some word, or computed from such
//!   call         the same, without the call's arguments
//!   branch       where it is taken, everything that differs between the ways into the label is in its home
//! ```
//!
//! A conditional branch stores before both ways part. Where it isn't taken its run goes on, with a *checkpoint*: a stop
//! at the run's start still sees the slot as it was there, a trap behind the branch sees it as it is then.
//!
//! A word's content is known only on the straight way from the last merge; at a merge everything but the homes is
//! forgotten. The code relies on it, too, where it reads what waited for a call from its word. Read next:
//! [`crate::abi::frame_table`] for how the states are encoded.

use super::blocks::Blocks;
use super::crossings::Crossings;
use super::signatures;
use crate::abi::frame_table::{
    CONTEXT_WORD, Checkpoint, MAX_OPERATORS, Place, WORD_SIZE, encode_state, local_home, operand_home,
};
use crate::abi::operators::numeric_operands;
use crate::base::{ValType, WasmPc};
use cranelift_codegen::ir::{
    DebugTag, FuncRef, Function, Inst, InstBuilder, StackSlot, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_frontend::{FunctionBuilder, Variable};
use std::collections::HashMap;

/// The identity of a value: two locals or operands with the same one hold the same value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ValueId(u32);

const NOTHING: ValueId = ValueId(u32::MAX);
/// The default value of every local that isn't a parameter.
const ZERO: ValueId = ValueId(0);

/// An operand on the translator's stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) value: Value,
    pub(super) ty: ValType,
    /// Meaningless without debugging.
    pub(super) id: ValueId,
}

/// What is known of an identity beyond where it is.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// Nothing.
    Elsewhere,
    /// These bits.
    Const(u64),
    /// It is what a numeric operator gives; with one operand, that is there twice.
    Computed { opcode: u8, operands: [ValueId; 2] },
}

impl ValueId {
    /// The identity that values have without debugging.
    pub(super) const NONE: ValueId = NOTHING;
}

/// What the slot holds at some place of the function, to come back to for the other arm of an `if`.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    locals: Vec<ValueId>,
    words: Vec<ValueId>,
    unsettled: Vec<u32>,
    since: Vec<u32>,
}

/// What a tagged instruction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tagged {
    /// The stop point of this number.
    Stop(usize),
    /// A call with this state.
    Call(u32),
}

/// The state slot of the function being translated.
pub(super) struct StopPoints {
    pub(super) blocks: Blocks,
    crossings: Crossings,
    /// The locals' types.
    types: Vec<Type>,
    /// The next operator starts a run.
    pub(super) pending: bool,
    slot: StackSlot,
    thunk: FuncRef,
    /// Of each identity.
    origins: Vec<Origin>,
    /// Of each identity: a word that held it once; a hint, true only if `words` agrees.
    word_of: Vec<u32>,
    locals: Vec<ValueId>,
    words: Vec<ValueId>,
    /// Locals that aren't in their homes, each at most once.
    unsettled: Vec<u32>,
    stops: Vec<(WasmPc, u32)>,
    /// The next operator gets a checkpoint.
    is_moved: bool,
    checkpoints: Vec<Checkpoint>,
    pool: Vec<u8>,
    /// States already in the pool, by their encoding.
    encoded: HashMap<Vec<u8>, u32>,
    calls: Vec<u32>,
    size: u32,
}

/// Something that has a home in the slot.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    Local(u32),
    Operand { home: u32, value: Value },
}

impl StopPoints {
    /// Reserves the state slot and stores the instance's context in it.
    pub(super) fn new(
        builder: &mut FunctionBuilder<'_>,
        blocks: Blocks,
        thunk: FuncRef,
        context: Value,
        params: usize,
        types: Vec<Type>,
    ) -> StopPoints {
        let locals = types.len();
        let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, WORD_SIZE, 3));
        builder.ins().stack_store(types::I64, context, slot, (CONTEXT_WORD * WORD_SIZE) as i32);
        let mut stops = StopPoints {
            blocks,
            crossings: Crossings::new(locals),
            types,
            pending: true,
            slot,
            thunk,
            origins: vec![Origin::Const(0)],
            word_of: vec![u32::MAX],
            locals: Vec::with_capacity(locals),
            words: vec![NOTHING; 1 + locals],
            unsettled: (0..locals as u32).collect(),
            stops: Vec::new(),
            is_moved: false,
            checkpoints: Vec::new(),
            pool: Vec::new(),
            encoded: HashMap::new(),
            calls: Vec::new(),
            size: CONTEXT_WORD + 1,
        };
        for local in 0..locals {
            let id = if local < params { stops.fresh() } else { ZERO };
            stops.locals.push(id);
        }
        stops
    }

    /// A new identity.
    pub(super) fn fresh(&mut self) -> ValueId {
        self.identity(Origin::Elsewhere)
    }

    /// The identity of a constant.
    pub(super) fn constant(&mut self, bits: u64) -> ValueId {
        self.identity(Origin::Const(bits))
    }

    /// The identity of what the numeric operator with this opcode gives; with one operand, that is there twice.
    pub(super) fn computed(&mut self, opcode: u8, operands: [ValueId; 2]) -> ValueId {
        self.identity(Origin::Computed { opcode, operands })
    }

    fn identity(&mut self, origin: Origin) -> ValueId {
        self.origins.push(origin);
        self.word_of.push(u32::MAX);
        ValueId(self.origins.len() as u32 - 1)
    }

    pub(super) fn local(&self, local: u32) -> ValueId {
        self.locals[local as usize]
    }

    pub(super) fn set_local(&mut self, local: u32, id: ValueId) {
        self.crossings.set(local);
        let was_home = self.is_home(local_home(local), self.locals[local as usize]);
        self.locals[local as usize] = id;
        if was_home && !self.is_home(local_home(local), id) {
            self.unsettled.push(local);
        }
    }

    fn is_home(&self, home: u32, id: ValueId) -> bool {
        self.words.get(home as usize) == Some(&id)
    }

    /// The word that holds a value, if one does.
    fn word(&self, id: ValueId) -> Option<u32> {
        let word = self.word_of[id.0 as usize];
        self.is_home(word, id).then_some(word)
    }

    fn bits(&self, id: ValueId) -> Option<u64> {
        match self.origins[id.0 as usize] {
            Origin::Const(bits) => Some(bits),
            _ => None,
        }
    }

    /// Whether a value is a constant, in a word, or computed from such.
    fn is_described(&self, id: ValueId) -> bool {
        self.is_described_with(id, &mut { MAX_OPERATORS })
    }

    fn is_described_with(&self, id: ValueId, operators: &mut usize) -> bool {
        if self.bits(id).is_some() || self.word(id).is_some() {
            return true;
        }
        let Origin::Computed { operands: [first, second], .. } = self.origins[id.0 as usize] else { return false };
        if *operators == 0 {
            return false;
        }
        *operators -= 1;
        self.is_described_with(first, operators) && (second == first || self.is_described_with(second, operators))
    }

    /// How a value that [`StopPoints::is_described`] is described.
    fn place_of(&self, id: ValueId) -> Place {
        // A constant comes before a word that holds it: zeros of all types are one, and a word may hold a narrow one.
        match (self.origins[id.0 as usize], self.word(id)) {
            (Origin::Const(bits), _) => Place::Const(bits),
            (_, Some(word)) => Place::Word(word),
            (Origin::Computed { opcode, operands }, None) => {
                let count = numeric_operands(opcode).expect("a numeric operator").count;
                Place::Computed { opcode, operands: operands[..count].iter().map(|id| self.place_of(*id)).collect() }
            }
            (Origin::Elsewhere, None) => unreachable!("settled"),
        }
    }

    /// Emits the stop point before the operator at `pc`, if it starts a run.
    pub(super) fn before_operator(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        operands: &[Operand],
        pc: WasmPc,
    ) {
        if std::mem::take(&mut self.pending) {
            self.is_moved = false;
            self.settle(builder, variables, operands);
            let state = self.encode(operands);
            let stop = builder.ins().call(self.thunk, &[]);
            builder.func.debug_tags.set(stop, [DebugTag::User(self.stops.len() as u32 * 2)]);
            self.stops.push((pc, state));
        } else if std::mem::take(&mut self.is_moved) {
            let state = self.encode(operands);
            self.checkpoints.push(Checkpoint { pc, state });
        }
    }

    /// Describes the frame for the time of a call, whose arguments aren't among `operands` any more.
    pub(super) fn before_call(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        operands: &[Operand],
    ) -> u32 {
        self.settle(builder, variables, operands);
        let state = self.encode(operands);
        self.calls.push(state);
        self.calls.len() as u32 - 1
    }

    /// Attaches the description that [`StopPoints::before_call`] made to the call, and reads `operands` again that waited
    /// for it; none that was there before a block that is still open, as that may have another way out.
    pub(super) fn after_call(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        call: Inst,
        description: u32,
        operands: &mut [Operand],
    ) {
        builder.func.debug_tags.set(call, [DebugTag::User(description * 2 + 1)]);
        self.crossings.call();
        for operand in operands {
            if self.bits(operand.id).is_none()
                && let Some(word) = self.word(operand.id)
            {
                operand.value = self.load_early(builder, signatures::clif_type(operand.ty), word);
            }
        }
    }

    /// The value of a local.
    pub(super) fn read_local(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        local: u32,
    ) -> Value {
        if !self.is_better_at_home(local) {
            return builder.use_var(variables[local as usize]);
        }
        self.crossings.read_in(builder.current_block(), local).unwrap_or_else(|| {
            let value = self.load(builder, self.types[local as usize], local_home(local));
            self.crossings.note_read(local, value);
            value
        })
    }

    /// Before a jump to the header of a loop, or a branch to it: its variables take values that no call came after.
    pub(super) fn refresh_for_loop(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        block: usize,
        is_entry: bool,
    ) {
        let (assigned, locals) = (self.blocks.assigned(block), 0..self.locals.len() as u32);
        let mut crossed: Vec<u32> = if assigned.len() < locals.len() {
            assigned.iter().copied().filter(|local| self.is_better_at_home(*local)).collect()
        } else {
            locals.filter(|local| self.is_better_at_home(*local) && self.blocks.assigns(block, *local)).collect()
        };
        // What a loop without calls only reads is read from its variable there, what one with calls does from its home.
        if is_entry && !self.blocks.calls(block) {
            crossed.extend(self.blocks.read(block).iter().filter(|local| self.is_better_at_home(**local)));
        }
        for local in crossed {
            // Some come more than once.
            if self.is_better_at_home(local) {
                let value = self.load_early(builder, self.types[local as usize], local_home(local));
                self.crossings.set(local);
                builder.def_var(variables[local as usize], value);
            }
        }
    }

    fn is_better_at_home(&self, local: u32) -> bool {
        let id = self.locals[local as usize];
        self.crossings.is_crossed(local) && self.bits(id).is_none() && self.is_home(local_home(local), id)
    }

    fn load(&self, builder: &mut FunctionBuilder<'_>, ty: Type, word: u32) -> Value {
        builder.ins().stack_load(types::I64, ty, self.slot, (word * WORD_SIZE) as i32)
    }

    /// The same for what may turn out to be needed by nobody.
    fn load_early(&mut self, builder: &mut FunctionBuilder<'_>, ty: Type, word: u32) -> Value {
        let value = self.load(builder, ty, word);
        self.crossings.note_early(builder.func.dfg.value_def(value).unwrap_inst());
        value
    }

    /// Brings every local and operand that can't be described otherwise into a word.
    fn settle(&mut self, builder: &mut FunctionBuilder<'_>, variables: &[Variable], operands: &[Operand]) {
        let mut subjects = self.unsettled_locals();
        for (place, operand) in operands.iter().enumerate() {
            let home = operand_home(self.locals.len() as u32, place as u32);
            subjects.push((Subject::Operand { home, value: operand.value }, operand.id));
        }
        let mut stores = Vec::new();
        // Storing overwrites words that others rely on, so until nothing is left to store.
        loop {
            let before = stores.len();
            for (subject, id) in &subjects {
                if !self.is_described(*id) {
                    self.place(*subject, *id);
                    stores.push((*subject, *id));
                }
            }
            if stores.len() == before {
                break;
            }
        }
        self.store(builder, variables, &stores);
        self.tidy();
    }

    /// What has to be stored for labels of these blocks to find everything where they expect it: `carried` operands
    /// go on top of `beneath`, which the block found on the stack when it was entered.
    pub(super) fn missing(
        &self,
        blocks: &[usize],
        beneath: &[Operand],
        carried: &[Operand],
    ) -> Vec<(Subject, ValueId)> {
        let mut stores = Vec::new();
        for (subject, id) in self.unsettled_locals() {
            let Subject::Local(local) = subject else { unreachable!("only locals") };
            let assigned = || blocks.iter().any(|block| self.blocks.assigns(*block, local));
            if !self.is_home(local_home(local), id) && (self.bits(id).is_none() || assigned()) {
                stores.push((subject, id));
            }
        }
        let locals = self.locals.len() as u32;
        for (place, operand) in beneath.iter().enumerate() {
            let home = operand_home(locals, place as u32);
            if self.bits(operand.id).is_none() && !self.is_home(home, operand.id) {
                stores.push((Subject::Operand { home, value: operand.value }, operand.id));
            }
        }
        for (place, operand) in carried.iter().enumerate() {
            let home = operand_home(locals, (beneath.len() + place) as u32);
            if !self.is_home(home, operand.id) {
                stores.push((Subject::Operand { home, value: operand.value }, operand.id));
            }
        }
        stores
    }

    fn unsettled_locals(&self) -> Vec<(Subject, ValueId)> {
        self.unsettled.iter().map(|local| (Subject::Local(*local), self.locals[*local as usize])).collect()
    }

    /// Notes that a value will be put into its home.
    fn place(&mut self, subject: Subject, id: ValueId) {
        let home = match subject {
            Subject::Local(local) => local_home(local),
            Subject::Operand { home, .. } => home,
        };
        self.settle_at(home, id);
    }

    /// Emits what is [missing](StopPoints::missing) before a branch that may not be taken.
    pub(super) fn store_on_both_ways(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        stores: &[(Subject, ValueId)],
        operands: &[Operand],
    ) {
        if stores.is_empty() {
            return;
        }
        for (subject, id) in stores {
            self.place(*subject, *id);
        }
        self.store(builder, variables, stores);
        self.tidy();
        if self.unsettled.iter().all(|local| self.is_described(self.locals[*local as usize]))
            && operands.iter().all(|operand| self.is_described(operand.id))
        {
            self.is_moved = true;
        } else {
            // There is an operand that the branch doesn't carry, or a value that relied on a word overwritten now.
            self.pending = true;
        }
    }

    /// Takes the locals that are in their homes from the list of those that aren't.
    fn tidy(&mut self) {
        let (locals, words) = (&self.locals, &self.words);
        self.unsettled.retain(|local| words[local_home(*local) as usize] != locals[*local as usize]);
    }

    /// Emits stores. What the words hold from then on is for the caller to note, if anything can follow.
    pub(super) fn store(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        variables: &[Variable],
        stores: &[(Subject, ValueId)],
    ) {
        for (subject, _) in stores {
            let (home, value) = match *subject {
                Subject::Local(local) => (local_home(local), builder.use_var(variables[local as usize])),
                Subject::Operand { home, value } => (home, value),
            };
            self.size = self.size.max(home + 1);
            builder.ins().stack_store(types::I64, value, self.slot, (home * WORD_SIZE) as i32);
        }
    }

    fn encode(&mut self, operands: &[Operand]) -> u32 {
        let place = |home: u32, id: ValueId| {
            if self.is_home(home, id) { Place::Home } else { self.place_of(id) }
        };
        let mut exceptions: Vec<_> = self
            .unsettled
            .iter()
            .map(|local| (*local, place(local_home(*local), self.locals[*local as usize])))
            .collect();
        exceptions.sort_unstable_by_key(|(local, _)| *local);
        let locals = self.locals.len() as u32;
        let operands: Vec<_> = operands
            .iter()
            .enumerate()
            .map(|(index, operand)| (operand.ty, place(operand_home(locals, index as u32), operand.id)))
            .collect();
        let mut encoding = Vec::new();
        encode_state(&mut encoding, &exceptions, &operands);
        *self.encoded.entry(encoding).or_insert_with_key(|encoding| {
            let offset = self.pool.len() as u32;
            self.pool.extend(encoding);
            offset
        })
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            locals: self.locals.clone(),
            words: self.words.clone(),
            unsettled: self.unsettled.clone(),
            since: self.crossings.snapshot(),
        }
    }

    /// Goes back to an earlier place of the function, where a run starts.
    pub(super) fn restore(&mut self, snapshot: Snapshot) {
        self.locals = snapshot.locals;
        self.words = snapshot.words;
        self.unsettled = snapshot.unsettled;
        self.crossings.restore(snapshot.since);
        self.pending = true;
    }

    /// Continues where the ways out of a block [merge](StopPoints::merge).
    pub(super) fn leave_block(&mut self, block: usize, beneath: &[Operand], carried: &mut [Operand]) {
        self.merge(block, beneath, carried);
        self.crossings.leave(self.blocks.assigned(block), self.blocks.calls(block));
    }

    /// Continues where the ways into a loop [merge](StopPoints::merge).
    pub(super) fn enter_loop(&mut self, block: usize, beneath: &[Operand], carried: &mut [Operand]) {
        self.merge(block, beneath, carried);
        self.crossings.enter_loop(self.blocks.assigned(block), self.blocks.calls(block));
    }

    /// Continues where the ways into (for a loop) or out of a block merge, where a run starts. `beneath` are the
    /// operands under the block, `carried` receive new identities.
    fn merge(&mut self, block: usize, beneath: &[Operand], carried: &mut [Operand]) {
        for place in 0..self.blocks.assigned(block).len() {
            let local = self.blocks.assigned(block)[place];
            self.locals[local as usize] = self.fresh();
        }
        self.words.fill(NOTHING);
        self.unsettled.clear();
        for local in 0..self.locals.len() as u32 {
            let id = self.locals[local as usize];
            if self.bits(id).is_some() {
                self.unsettled.push(local);
            } else {
                self.settle_at(local_home(local), id);
            }
        }
        let locals = self.locals.len() as u32;
        for (place, operand) in beneath.iter().enumerate() {
            if self.bits(operand.id).is_none() {
                self.settle_at(operand_home(locals, place as u32), operand.id);
            }
        }
        for (place, operand) in carried.iter_mut().enumerate() {
            operand.id = self.fresh();
            self.settle_at(operand_home(locals, (beneath.len() + place) as u32), operand.id);
        }
        self.pending = true;
    }

    /// Notes that a home holds a value.
    fn settle_at(&mut self, home: u32, id: ValueId) {
        if self.words.len() <= home as usize {
            self.words.resize(home as usize + 1, NOTHING);
        }
        self.words[home as usize] = id;
        self.word_of[id.0 as usize] = home;
    }

    /// What a tagged instruction is.
    pub(super) fn tagged(&self, tag: &DebugTag) -> Tagged {
        let DebugTag::User(tag) = tag else { unreachable!("only numbers are used as tags") };
        let number = (tag / 2) as usize;
        if tag % 2 == 0 { Tagged::Stop(number) } else { Tagged::Call(self.calls[number]) }
    }

    /// Gives the slot its final size.
    pub(super) fn finish(&mut self, builder: &mut FunctionBuilder<'_>) {
        builder.func.sized_stack_slots[self.slot].size = self.size * WORD_SIZE;
    }

    pub(super) fn slot(&self) -> StackSlot {
        self.slot
    }

    /// Removes what nobody needs, once the function is complete.
    pub(super) fn sweep(&self, func: &mut Function) {
        self.crossings.sweep(func);
    }

    /// The state at a stop point.
    pub(super) fn state_of_stop(&self, number: usize) -> u32 {
        self.stops[number].1
    }

    /// Locals, parameters included.
    pub(super) fn locals_count(&self) -> u32 {
        self.locals.len() as u32
    }

    /// The stop points by number, the checkpoints, and the pool that the states of both are in.
    pub(super) fn into_tables(self) -> (Vec<(WasmPc, u32)>, Vec<Checkpoint>, Vec<u8>) {
        (self.stops, self.checkpoints, self.pool)
    }
}
