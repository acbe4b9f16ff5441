//! What the state slot holds where it is brought up to date once a run.
//!
//! Of each word this file remembers which value it holds in memory, and stores as little as it can: a value is stored when
//! a stop point or a call needs it described, it isn't a constant, no word holds it yet, and it can't be computed from
//! words.
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
//! forgotten. The code relies on it, too, where it reads what waited for a call from its word. All of it is work that grows
//! with locals times operators on some functions, so it is counted. Read next: [`crate::abi::frame_table`] for how the
//! states are encoded.

use super::blocks::Blocks;
use super::crossings::Crossings;
use super::effects::Effect;
use super::identity::{Identities, NOTHING, Origin, TYPES_WITH_ZEROS, ValueId};
use super::mistakes::{Mistake, makes};
use super::states::States;
use super::walk::{Behind, Operand, Slot, carried};
use crate::abi::frame_table::{MAX_OPERATORS, Place};
use crate::abi::homes::{Homes, words};
use crate::base::ValType;
use std::ops::Range;

/// Work that an operator may make, on average over the function, before [`Runs`] gives up. In the programs of the tests and
/// benches it is 6 on average, and 18 in the function with the most.
const WORK_PER_OPERATOR: u64 = 64;
/// Work that every function may make.
const WORK_AT_LEAST: u64 = 1 << 12;
/// What a word holds that is the upper half of the value in the word before.
const UPPER: ValueId = ValueId(NOTHING.0 - 1);

pub(super) struct Runs<'a> {
    blocks: &'a Blocks,
    /// The locals that aren't the same zero everywhere.
    live: &'a [u32],
    homes: &'a Homes,
    crossings: Crossings,
    identities: Identities,
    /// Of each identity: a word that held it once; a hint, true only if `words` agrees.
    word_of: Vec<u32>,
    locals: Vec<ValueId>,
    /// Of each word: the value that begins there, or [`UPPER`].
    words: Vec<ValueId>,
    /// Locals that aren't in their homes, each at most once.
    displaced: Vec<u32>,
    work: u64,
    allowed: u64,
}

/// What the slot holds at some place of the function.
#[derive(Debug)]
pub(super) struct Snapshot {
    locals: Vec<ValueId>,
    words: Vec<ValueId>,
    displaced: Vec<u32>,
    since: Vec<u32>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(
        blocks: &'a Blocks,
        live: &'a [u32],
        types: &[ValType],
        homes: &'a Homes,
        params: u32,
        operators: u64,
    ) -> Runs<'a> {
        let mut identities = Identities::new();
        let locals = types
            .iter()
            .zip(0..)
            .map(|(ty, local)| if local < params { identities.add(Origin::Unknown) } else { zero(*ty) });
        let locals: Vec<_> = locals.collect();
        let known = locals.iter().map(|id| id.0 as usize + 1).max().unwrap_or(0).max(TYPES_WITH_ZEROS);
        Runs {
            blocks,
            live,
            homes,
            crossings: Crossings::new(types.len()),
            identities,
            word_of: vec![u32::MAX; known],
            words: vec![NOTHING; homes.operands().word() as usize],
            locals,
            displaced: live.to_vec(),
            work: 0,
            allowed: WORK_AT_LEAST + operators * WORK_PER_OPERATOR,
        }
    }

    fn identity(&mut self, origin: Origin) -> ValueId {
        self.word_of.push(u32::MAX);
        self.identities.add(origin)
    }

    fn is_home(&self, home: u32, id: ValueId) -> bool {
        self.words.get(home as usize) == Some(&id)
    }

    /// The word that holds a value, if one does.
    fn word(&self, id: ValueId) -> Option<u32> {
        let word = self.word_of[id.0 as usize];
        let is_held = self.is_home(word, id) || (makes(Mistake::StaleWord) && word != u32::MAX);
        is_held.then_some(word)
    }

    fn is_const(&self, id: ValueId) -> bool {
        self.identities.is_const(id)
    }

    /// The words that a store changes.
    fn stored(&self, store: Effect) -> Range<u32> {
        match store {
            Effect::StoreLocal { local } => self.homes.locals(local, 1),
            Effect::StoreOperand { words, word, .. } => word..word + u32::from(words),
            other => unreachable!("{other:?} isn't a store"),
        }
    }

    /// Whether a value is a constant, in a word, or computed from such.
    fn is_described(&self, id: ValueId) -> bool {
        self.is_described_with(id, &mut { MAX_OPERATORS })
    }

    fn is_described_with(&self, id: ValueId, operators: &mut usize) -> bool {
        if self.is_const(id) || self.word(id).is_some() {
            return true;
        }
        let Origin::Computed { operands: [first, second], .. } = self.identities.origin(id) else { return false };
        if *operators == 0 {
            return false;
        }
        *operators -= 1;
        self.is_described_with(first, operators) && (second == first || self.is_described_with(second, operators))
    }

    fn is_better_at_home(&self, local: u32) -> bool {
        let id = self.locals[local as usize];
        let is_home = self.is_home(self.homes.local(local), id) || makes(Mistake::StaleHome);
        self.crossings.is_crossed(local) && !self.is_const(id) && is_home
    }

    /// Brings every local and operand that can't be described otherwise into a word.
    fn store_undescribed(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) {
        let mut subjects = self.displaced_locals();
        let in_place = |(operand, index): (&Operand, u32)| (operand.store(index), operand.id);
        subjects.extend(operands.iter().zip(0..).map(in_place));
        // Storing overwrites words that others rely on, so until nothing is left to store.
        loop {
            self.work += subjects.len() as u64;
            let before = effects.len();
            for (store, id) in &subjects {
                if !self.is_described(*id) {
                    effects.push(*store);
                    self.holds(self.stored(*store), *id);
                }
            }
            if effects.len() == before || self.is_exhausted() {
                break;
            }
        }
        self.tidy();
    }

    /// What has to be stored for labels of these blocks to find everything where they expect it: the top `arity` operands
    /// are carried onto the lowest `height` ones, which the block found on the stack when it was entered.
    fn missing(&mut self, blocks: &[u32], operands: &[Operand], height: u32, arity: u32) -> Vec<(Effect, ValueId)> {
        let mut stores = Vec::new();
        self.work += (self.displaced.len() as u64) * (1 + blocks.len() as u64) + u64::from(height + arity);
        if self.is_exhausted() {
            return stores;
        }
        for (store, id) in self.displaced_locals() {
            let Effect::StoreLocal { local } = store else { unreachable!("only locals") };
            let assigned = || blocks.iter().any(|block| self.blocks.assigns(*block, local));
            if !self.is_home(self.homes.local(local), id) && (!self.is_const(id) || assigned()) {
                stores.push((store, id));
            }
        }
        for (operand, index) in operands[..height as usize].iter().zip(0..) {
            if !self.is_const(operand.id) && !self.is_home(operand.home, operand.id) {
                stores.push((operand.store(index), operand.id));
            }
        }
        for (store, Operand { id, .. }) in carried(operands, height, arity) {
            if !self.is_home(self.stored(store).start, id) {
                stores.push((store, id));
            }
        }
        stores
    }

    fn displaced_locals(&self) -> Vec<(Effect, ValueId)> {
        let store = |local: &u32| (Effect::StoreLocal { local: *local }, self.locals[*local as usize]);
        self.displaced.iter().map(store).collect()
    }

    /// Notes that words hold a value.
    fn holds(&mut self, words: Range<u32>, id: ValueId) {
        let (word, end) = (words.start as usize, words.end as usize);
        if self.words.len() < end {
            self.words.resize(end, NOTHING);
        }
        // A wide value of which half is overwritten is held no longer.
        if self.words[word] == UPPER && !makes(Mistake::HalfOverwritten) {
            self.words[word - 1] = NOTHING;
        }
        if self.words.get(end) == Some(&UPPER) {
            self.words[end] = NOTHING;
        }
        self.words[word] = id;
        self.words[word + 1..end].fill(UPPER);
        self.word_of[id.0 as usize] = words.start;
    }

    /// Notes that an operand is in its home.
    fn holds_operand(&mut self, operand: Operand) {
        self.holds(operand.home..operand.home + words(operand.ty), operand.id);
    }

    /// Takes the locals that are in their homes from the list of those that aren't.
    fn tidy(&mut self) {
        let (locals, words, homes) = (&self.locals, &self.words, self.homes);
        self.displaced.retain(|local| words[homes.local(*local) as usize] != locals[*local as usize]);
    }

    /// Continues where the ways into (for a loop) or out of a block merge. `beneath` are the operands under the block,
    /// `carried` receive new identities.
    fn merge(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand], keeps: Mistake) {
        let assigned = self.blocks.assigned(block);
        self.work += (assigned.len() + self.live.len() + self.words.len() + beneath.len()) as u64;
        for local in assigned {
            if !makes(keeps) {
                self.locals[*local as usize] = self.identity(Origin::Unknown);
            }
        }
        if !makes(Mistake::WordsSurviveMerge) {
            self.words.fill(NOTHING);
        }
        self.displaced.clear();
        for local in self.live {
            let id = self.locals[*local as usize];
            if self.is_const(id) {
                self.displaced.push(*local);
            } else {
                self.holds(self.homes.locals(*local, 1), id);
            }
        }
        for operand in beneath {
            if !self.is_const(operand.id) {
                self.holds_operand(*operand);
            }
        }
        for operand in carried {
            operand.id = self.identity(Origin::Unknown);
            self.holds_operand(*operand);
        }
    }
}

impl Slot for Runs<'_> {
    type Snapshot = Snapshot;

    fn is_exhausted(&self) -> bool {
        self.work > self.allowed
    }

    fn unknown(&mut self) -> ValueId {
        self.identity(Origin::Unknown)
    }

    fn constant(&mut self, bits: u128) -> ValueId {
        let bits = if makes(Mistake::NarrowConst) { bits & 0xffff_ffff } else { bits };
        let origin = self.identities.constant(bits);
        self.identity(origin)
    }

    fn computed(&mut self, opcode: u8, operands: [ValueId; 2]) -> ValueId {
        let [first, second] = operands;
        let operands = if makes(Mistake::SwappedOperands) { [second, first] } else { operands };
        // `i32.add` and `i32.sub`.
        let opcode = if makes(Mistake::WrongOpcode) && opcode == 0x6a { 0x6b } else { opcode };
        self.identity(Origin::Computed { opcode, operands })
    }

    fn entry(&mut self, _effects: &mut Vec<Effect>) {}

    fn get_local(&mut self, local: u32, effects: &mut Vec<Effect>) -> ValueId {
        if self.is_better_at_home(local) {
            effects.push(Effect::ReadHome { local });
        }
        self.locals[local as usize]
    }

    fn set_local(&mut self, local: u32, operand: Operand, is_tee: bool) {
        self.crossings.set(local);
        let (home, before) = (self.homes.local(local), self.locals[local as usize]);
        let was_home = self.is_home(home, before);
        self.locals[local as usize] = operand.id;
        if is_tee && makes(Mistake::TeeKeepsHome) && was_home {
            return self.holds(self.homes.locals(local, 1), operand.id);
        }
        if was_home && !self.is_home(home, operand.id) {
            self.displaced.push(local);
        }
    }

    fn before_stop(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) {
        self.store_undescribed(operands, effects);
    }

    fn state(&mut self, operands: &[Operand], states: &mut States) -> u32 {
        self.work += (self.displaced.len() + operands.len()) as u64;
        if self.is_exhausted() {
            // Maybe not everything can be described, and nobody will ask.
            return 0;
        }
        let place = |home: u32, id: ValueId| {
            if self.is_home(home, id) { Place::Home } else { self.identities.place(id, &|id| self.word(id)) }
        };
        let exceptions =
            self.displaced.iter().map(|local| (*local, place(self.homes.local(*local), self.locals[*local as usize])));
        let mut exceptions: Vec<_> = exceptions.collect();
        exceptions.sort_unstable_by_key(|(local, _)| *local);
        let operands = operands.iter().map(|operand| (operand.ty, place(operand.home, operand.id)));
        let operands: Vec<_> = operands.collect();
        let before = states.pool.len();
        let state = states.add(&exceptions, &operands, None);
        self.work += (states.pool.len() - before) as u64;
        state
    }

    fn after_call(&mut self, operands: &[Operand], height: u32, effects: &mut Vec<Effect>) {
        self.crossings.call();
        for (operand, index) in operands.iter().zip(0..).skip(height as usize) {
            if !self.is_const(operand.id)
                && let Some(word) = self.word(operand.id)
            {
                let word = if makes(Mistake::WrongWord) { word - 1 } else { word };
                effects.push(Effect::ReloadOperand { operand: index, word });
            }
        }
    }

    fn open_block(&mut self, _operands: &[Operand], _effects: &mut Vec<Effect>) -> Behind {
        Behind::Unchanged
    }

    fn before_ways(&mut self, _operands: &[Operand], _effects: &mut Vec<Effect>) {}

    fn before_label(&mut self, block: u32, is_loop: bool, is_entry: bool, effects: &mut Vec<Effect>) {
        if !is_loop {
            return;
        }
        let assigned = self.blocks.assigned(block);
        self.work += assigned.len().min(self.live.len()) as u64 * 2;
        let mut crossed: Vec<u32> = if assigned.len() < self.live.len() {
            assigned.iter().copied().filter(|local| self.is_better_at_home(*local)).collect()
        } else {
            let live = self.live.iter().copied();
            live.filter(|local| self.is_better_at_home(*local) && self.blocks.assigns(block, *local)).collect()
        };
        // What a loop without calls only reads is read from its variable there, what one with calls does from its home.
        if is_entry && !self.blocks.calls(block) {
            self.work += self.blocks.read(block).len() as u64;
            crossed.extend(self.blocks.read(block).iter().filter(|local| self.is_better_at_home(**local)));
        }
        for local in crossed {
            // Some come more than once.
            if self.is_better_at_home(local) {
                effects.push(Effect::ReloadLocal { local });
                self.crossings.set(local);
            }
        }
    }

    fn branch(&mut self, blocks: &[u32], operands: &[Operand], height: u32, arity: u32, effects: &mut Vec<Effect>) {
        // What the words hold from then on needn't be noted: nothing can follow.
        if !makes(Mistake::BranchStoresNothing) {
            let missing = self.missing(blocks, operands, height, arity);
            effects.extend(missing.into_iter().map(|(store, _)| store));
        }
    }

    fn branch_if(
        &mut self,
        block: u32,
        operands: &[Operand],
        height: u32,
        arity: u32,
        effects: &mut Vec<Effect>,
    ) -> Behind {
        let carried = if makes(Mistake::CarriedNotStored) { 0 } else { arity };
        let missing = self.missing(&[block], operands, height, carried);
        if missing.is_empty() {
            return Behind::Unchanged;
        }
        for (store, id) in missing {
            effects.push(store);
            self.holds(self.stored(store), id);
        }
        self.tidy();
        self.work += (self.displaced.len() + operands.len()) as u64;
        let is_described = self.displaced.iter().all(|local| self.is_described(self.locals[*local as usize]))
            && operands.iter().all(|operand| self.is_described(operand.id));
        // Else there is an operand that the branch doesn't carry, or a value that relied on a word overwritten now.
        if is_described { Behind::Described } else { Behind::Undescribed }
    }

    fn enter_loop(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand]) {
        self.merge(block, beneath, carried, Mistake::LoopKeeps);
        self.crossings.enter_loop(self.blocks.assigned(block), self.blocks.calls(block));
    }

    fn leave_block(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand]) {
        self.merge(block, beneath, carried, Mistake::AssignedKeeps);
        self.crossings.leave(self.blocks.assigned(block), self.blocks.calls(block));
    }

    fn truncate(&mut self, _height: u32) {}

    fn stops_before_throw(&self) -> bool {
        false
    }

    fn land(&mut self, block: u32, _beneath: &[Operand]) {
        // What the words hold depends on the call.
        let assigned = self.blocks.assigned(block);
        self.work += (assigned.len() + self.live.len() + self.words.len()) as u64;
        for local in assigned {
            if !makes(Mistake::ThrowKeeps) {
                self.locals[*local as usize] = self.identity(Origin::Unknown);
            }
        }
        if !makes(Mistake::WordsSurviveThrow) {
            self.words.fill(NOTHING);
        }
        self.displaced = self.live.to_vec();
        self.tidy();
    }

    fn take_off(&mut self, snapshot: &Snapshot) {
        self.restore(snapshot);
    }

    fn snapshot(&mut self) -> Snapshot {
        // Copying is quick, keeping isn't free.
        self.work += (self.locals.len() + self.words.len()) as u64 / 2;
        Snapshot {
            locals: self.locals.clone(),
            words: self.words.clone(),
            displaced: self.displaced.clone(),
            since: self.crossings.snapshot(),
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) {
        self.work += (self.locals.len() + self.words.len()) as u64 / 2;
        self.locals.clone_from(&snapshot.locals);
        if !makes(Mistake::WordsSurviveElse) {
            self.words.clone_from(&snapshot.words);
        }
        self.displaced.clone_from(&snapshot.displaced);
        self.crossings.restore(snapshot.since.clone());
    }
}

/// The identity of a type's default value.
fn zero(ty: ValType) -> ValueId {
    Identities::zero(if makes(Mistake::OneZero) { ValType::I32 } else { ty })
}
