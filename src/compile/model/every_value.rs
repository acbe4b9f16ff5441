//! What the state slot holds where every local and operand is kept in its home.
//!
//! For functions on which finding the fewest stores would be too much work. A local is stored once after it was assigned, an
//! operand once after it was pushed: at the next stop point, call, branch or opening of a block. An operator that throws what the
//! function may catch has a stop point. So work and tables grow with
//! the operators alone. Invariants: every local that isn't the same zero everywhere is in its home, unless it is `assigned`; the
//! `stored` lowest operands are in theirs; inside a block all of that holds for what was there before it.

use super::effects::Effect;
use super::identity::{NOTHING, ValueId};
use super::mistakes::{Mistake, makes};
use super::states::{States, Tail};
use super::walk::{Behind, Operand, Slot, carried};
use crate::abi::frame_table::Place;
use std::ops::Range;

/// Operands that are described together.
const PART: usize = 16;

pub(super) struct EveryValue<'a> {
    live: &'a [u32],
    params: u32,
    /// Whether operators read from the slot what they take.
    reads_slot: bool,
    /// Locals that aren't stored yet; some more than once.
    assigned: Vec<u32>,
    /// How many operands are in their homes, from the bottom.
    stored: u32,
    /// Descriptions of the lowest operands; each of more than the one before.
    tails: Vec<Tail>,
}

/// What isn't in its home at some place of the function.
pub(super) struct Snapshot {
    assigned: Vec<u32>,
    stored: u32,
}

impl EveryValue<'_> {
    pub(super) fn new(live: &[u32], params: u32, reads_slot: bool) -> EveryValue<'_> {
        EveryValue { live, params, reads_slot, assigned: Vec::new(), stored: 0, tails: Vec::new() }
    }

    /// Stores what isn't in its home yet.
    fn store(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) -> Behind {
        let before = effects.len();
        self.assigned.sort_unstable();
        self.assigned.dedup();
        effects.extend(self.assigned.drain(..).map(|local| Effect::StoreLocal { local }));
        let stores = operands.iter().zip(0..).skip(self.stored as usize);
        effects.extend(stores.map(|(operand, index)| operand.store(index)));
        self.stored = operands.len() as u32;
        if effects.len() == before { Behind::Unchanged } else { Behind::Described }
    }
}

impl Slot for EveryValue<'_> {
    type Snapshot = Snapshot;

    fn is_exhausted(&self) -> bool {
        false
    }

    fn unknown(&mut self) -> ValueId {
        NOTHING
    }

    fn constant(&mut self, _bits: u128) -> ValueId {
        NOTHING
    }

    fn computed(&mut self, _opcode: u8, _operands: [ValueId; 2]) -> ValueId {
        NOTHING
    }

    fn entry(&mut self, effects: &mut Vec<Effect>) {
        let (params, others) = self.live.split_at(self.params as usize);
        effects.extend(params.iter().map(|local| Effect::StoreLocal { local: *local }));
        let ranges = others.chunk_by(|left, right| left + 1 == *right);
        effects.extend(ranges.map(|range| Effect::ZeroLocals { first: range[0], count: range.len() as u32 }));
    }

    fn get_local(&mut self, local: u32, effects: &mut Vec<Effect>) -> ValueId {
        if self.reads_slot {
            effects.push(Effect::ReadHome { local });
        }
        NOTHING
    }

    fn set_local(&mut self, local: u32, _operand: Operand, is_tee: bool) {
        if !(is_tee && makes(Mistake::TeeNotStored)) {
            self.assigned.push(local);
        }
    }

    fn before_stop(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) {
        self.store(operands, effects);
    }

    fn state(&mut self, operands: &[Operand], states: &mut States) -> u32 {
        // Many operands are described by parts, so that most of them can be shared when some are gone.
        let described = |range: Range<usize>| -> Vec<_> {
            operands[range].iter().map(|operand| (operand.ty, Place::Home)).collect()
        };
        loop {
            let known = self.tails.last().copied();
            let first = known.map_or(0, |tail| tail.count as usize);
            if operands.len() - first <= PART {
                return states.add(&[], &described(first..operands.len()), known);
            }
            self.tails.push(states.add_tail(&described(first..first + PART), known));
        }
    }

    fn after_call(&mut self, _operands: &[Operand], _height: u32, _effects: &mut Vec<Effect>) {}

    fn open_block(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) -> Behind {
        if makes(Mistake::OperandsNotStored) {
            self.stored = operands.len() as u32;
        }
        self.store(operands, effects)
    }

    fn before_label(&mut self, _block: u32, _is_loop: bool, _is_entry: bool, _effects: &mut Vec<Effect>) {}

    fn before_ways(&mut self, operands: &[Operand], effects: &mut Vec<Effect>) {
        self.store(operands, effects);
    }

    fn branch(&mut self, _blocks: &[u32], operands: &[Operand], height: u32, arity: u32, effects: &mut Vec<Effect>) {
        self.store(operands, effects);
        effects.extend(moved(operands, height, arity));
    }

    fn branch_if(
        &mut self,
        _block: u32,
        operands: &[Operand],
        height: u32,
        arity: u32,
        effects: &mut Vec<Effect>,
    ) -> Behind {
        let behind = self.store(operands, effects);
        let before = effects.len();
        effects.extend(moved(operands, height, arity));
        if effects.len() == before {
            return behind;
        }
        // These homes belong to other operands, where the branch isn't taken.
        self.truncate(height);
        Behind::Undescribed
    }

    fn enter_loop(&mut self, _block: u32, beneath: &[Operand], carried: &mut [Operand]) {
        self.stored = (beneath.len() + carried.len()) as u32;
        self.assigned.clear();
    }

    fn leave_block(&mut self, block: u32, beneath: &[Operand], carried: &mut [Operand]) {
        self.truncate(beneath.len() as u32);
        self.enter_loop(block, beneath, carried);
    }

    fn truncate(&mut self, height: u32) {
        self.stored = self.stored.min(height);
        while self.tails.last().is_some_and(|tail| tail.count > height) {
            self.tails.pop();
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot { assigned: self.assigned.clone(), stored: self.stored }
    }

    fn restore(&mut self, _: &Snapshot) {
        self.assigned.clear();
    }

    fn stops_before_throw(&self) -> bool {
        !makes(Mistake::NotStoredBeforeThrow)
    }

    fn land(&mut self, _block: u32, beneath: &[Operand]) {
        self.assigned.clear();
        self.stored = beneath.len() as u32;
    }

    fn take_off(&mut self, snapshot: &Snapshot) {
        self.assigned.clone_from(&snapshot.assigned);
        self.stored = snapshot.stored;
    }
}

/// The stores for the operands that a branch carries to other places.
fn moved(operands: &[Operand], height: u32, arity: u32) -> impl Iterator<Item = Effect> {
    let is_moved = operands.len() as u32 - arity != height;
    carried(operands, height, arity).filter(move |_| is_moved).map(|(store, _)| store)
}
