//! The frame table: what a frame's state slot holds at each stop point and call.
//!
//! With debugging on, each function reserves a *state slot* in its frame: 8-byte words, of which word 0 is the
//! instance context, and every local and operand has its *home* in others ([`super::homes`]). At a stop point every
//! local and operand is described: by default it is in its home, otherwise an exception tells where, or how to compute
//! it from words and constants. A state is encoded as
//!
//! ```text
//! state     := exceptions:leb n × (first-local:leb locals:leb place)   operands
//! operands  := count:leb lowest:leb [back:leb, if lowest isn't 0]   (count - lowest) × (type:byte place)
//! place     := 0 (home) | 1 word:leb | 2 bits:8 bytes little-endian | 3 (zero or null) | 4 opcode:byte place+
//!            | 5 bits:16 bytes little-endian
//! ```
//!
//! The `lowest` operands, counted from the bottom, are all those of the `operands` that begin `back` bytes before these: the
//! states of a function that piles up operands share them. A local that no exception names is in its home, unless it is among
//! the function's *zeros*: those that nothing ever assigns.
//!
//! Encoder, decoder and their round-trip test live here together, so that they can't drift apart.

use super::operators::numeric_operands;
use crate::base::{BodyIndex, CodeOffset, ValType, WasmPc};
use cranelift_entity::PrimaryMap;

/// Where a local or operand is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the words reserved for it.
    Home,
    /// In other words of the state slot, as many as its type needs: this is the first.
    Word(u32),
    /// Nowhere: it is this constant, as raw bits.
    Const(u128),
    /// Nowhere: it is what a scalar numeric operator gives.
    Computed {
        /// The operator's opcode, one of those that [`numeric_operands`] knows.
        opcode: u8,
        /// Its operands, none of which is [`Place::Home`].
        operands: Vec<Place>,
    },
}

/// How many operators there are at most in a place that is computed.
pub const MAX_OPERATORS: usize = 4;

/// The debug facts of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionFrame {
    /// Bytes from the start of the state slot up to the frame pointer.
    pub slot_to_fp: u32,
    /// Bytes that the frame has below the frame pointer.
    pub frame_to_fp: u32,
    /// Words of the state slot.
    pub words: u32,
    /// Where its caller's registers are.
    pub saved: SavedRegisters,
    /// By how many bytes it moves frame pointer and return address down on entry, to have room above them for the arguments that its
    /// tail calls hand on. The same in every form of the function.
    pub grown: u32,
    /// Locals, parameters included.
    pub locals: u32,
    /// The function's first stop point in [`FrameTable::stops`].
    pub first_stop: u32,
    /// The number of its stop points.
    pub stops: u32,
    /// Its first range in [`FrameTable::zeros`].
    pub first_zeros: u32,
    /// The number of its ranges there.
    pub zeros: u32,
    /// Its first piece in [`FrameTable::pieces`].
    pub first_piece: u32,
    /// The number of its pieces there.
    pub pieces: u32,
}

/// Where a function has its caller's registers that it must not change: on x86-64 `rbx`, `r12`, `r13`, `r14` and `r15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SavedRegisters {
    /// Of each, how many words below the frame pointer it is; 0 for one that the function doesn't use.
    pub words_below: [u8; 5],
}

/// A stop point, the start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The first operator of the run.
    pub pc: WasmPc,
    /// The address after the patchable instruction.
    pub return_offset: CodeOffset,
    /// The state there: an offset for [`FrameTable::state`].
    pub state: u32,
}

/// An operator inside a run before which the slot was brought up to date: what follows it in the run is replayed from
/// there once the guest got so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The operator.
    pub pc: WasmPc,
    /// The state there: an offset for [`FrameTable::state`].
    pub state: u32,
}

/// Every function's stop points and states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameTable {
    /// Per function of the blob, in its form.
    pub functions: PrimaryMap<BodyIndex, FunctionFrame>,
    /// Function by function; within one sorted by `pc`, each at most once.
    pub stops: Vec<Stop>,
    /// Of all functions, sorted by `pc`.
    pub checkpoints: Vec<Checkpoint>,
    /// Ranges of locals that are zero unless a state says otherwise, function by function: the first and how many.
    pub zeros: Vec<(u32, u32)>,
    /// For code that counts fuel: where the pieces of a function begin, and what they cost; function by function, within one
    /// sorted by pc.
    pub pieces: Vec<(WasmPc, u32)>,
    /// Encoded states.
    pub pool: Vec<u8>,
}

/// A decoded state: one place per local, and type and place per operand, bottom first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// Per local.
    pub locals: Vec<Place>,
    /// Per operand.
    pub operands: Vec<(ValType, Place)>,
}

impl FrameTable {
    /// Bytes that the table takes.
    pub fn size(&self) -> usize {
        size_of_val(self.functions.values().as_slice())
            + size_of_val(&self.stops[..])
            + size_of_val(&self.checkpoints[..])
            + size_of_val(&self.zeros[..])
            + size_of_val(&self.pieces[..])
            + self.pool.len()
    }

    /// The stop points of a function, sorted by pc.
    pub fn stops_of(&self, body: BodyIndex) -> &[Stop] {
        let frame = &self.functions[body];
        &self.stops[frame.first_stop as usize..][..frame.stops as usize]
    }

    /// The fuel that the pieces of `body` cost which begin behind the operator at `from` and no later than that at `to`.
    pub fn fuel_between(&self, body: BodyIndex, from: WasmPc, to: WasmPc) -> u64 {
        let frame = &self.functions[body];
        let pieces = &self.pieces[frame.first_piece as usize..][..frame.pieces as usize];
        let after = |pc: WasmPc| pieces.partition_point(|(begins, _)| *begins <= pc);
        pieces[after(from)..after(to).max(after(from))].iter().map(|(_, cost)| u64::from(*cost)).sum()
    }

    /// The run of `body` that the operator at `pc` belongs to: the last that starts at or before it.
    pub fn run_at(&self, body: BodyIndex, pc: WasmPc) -> Option<&Stop> {
        let stops = self.stops_of(body);
        stops[..stops.partition_point(|stop| stop.pc <= pc)].last()
    }

    /// Where replay up to a trap at `pc` starts: the operator and the state before it.
    pub fn replay_from(&self, body: BodyIndex, pc: WasmPc) -> Option<Checkpoint> {
        let run = self.run_at(body, pc)?;
        let before = &self.checkpoints[..self.checkpoints.partition_point(|checkpoint| checkpoint.pc <= pc)];
        let inside = before.last().filter(|checkpoint| checkpoint.pc > run.pc);
        Some(inside.copied().unwrap_or(Checkpoint { pc: run.pc, state: run.state }))
    }

    /// Decodes the state at `offset` of the pool, for a frame of `body`.
    pub fn state(&self, body: BodyIndex, offset: u32) -> State {
        let frame = &self.functions[body];
        let zeros = &self.zeros[frame.first_zeros as usize..][..frame.zeros as usize];
        decode_state(&self.pool, frame.locals, zeros, offset)
    }
}

/// Decodes the state at `offset` of a pool, for a function with so many locals, of which those in `zeros` are zero by
/// default.
pub fn decode_state(pool: &[u8], locals: u32, zeros: &[(u32, u32)], offset: u32) -> State {
    let mut reader = Reader { bytes: &pool[offset as usize..] };
    let mut places = vec![Place::Home; locals as usize];
    for (first, count) in zeros {
        places[*first as usize..][..*count as usize].fill(Place::Const(0));
    }
    for _ in 0..reader.leb() {
        let (first, count) = (reader.leb() as usize, reader.leb() as usize);
        places[first..first + count].fill(reader.place());
    }
    // From the top down, by parts.
    let mut operands = Vec::new();
    loop {
        let at = pool.len() - reader.bytes.len();
        let (count, lowest) = (reader.leb() as usize, reader.leb() as usize);
        let back = if lowest == 0 { 0 } else { reader.leb() as usize };
        let first = operands.len();
        operands.extend((lowest..count).map(|_| {
            let ty = ValType::from_u8(reader.byte()).expect("the encoder writes types");
            (ty, reader.place())
        }));
        operands[first..].reverse();
        if lowest == 0 {
            break;
        }
        reader.bytes = &pool[at - back..];
    }
    operands.reverse();
    State { locals: places, operands }
}

/// Appends the encoding of a state to `pool`: the locals that aren't where they are by default, by index, and the operands.
/// The lowest of these may have been encoded before: `lowest` is their number and the offset that was answered then. Answers
/// the offset of the operands.
pub fn encode_state(
    pool: &mut Vec<u8>,
    exceptions: &[(u32, Place)],
    operands: &[(ValType, Place)],
    lowest: Option<(u32, u32)>,
) -> u32 {
    // Locals that weren't assigned yet are many, side by side, and all zero.
    let ranges = || exceptions.chunk_by(|left, right| left.0 + 1 == right.0 && left.1 == right.1);
    leb(pool, ranges().count() as u32);
    for range in ranges() {
        leb(pool, range[0].0);
        leb(pool, range.len() as u32);
        encode_place(pool, &range[0].1);
    }
    encode_operands(pool, operands, lowest)
}

/// Appends the encoding of operands alone, for states to share; as [`encode_state`] does.
pub fn encode_operands(pool: &mut Vec<u8>, operands: &[(ValType, Place)], lowest: Option<(u32, u32)>) -> u32 {
    let start = pool.len() as u32;
    let (shared, offset) = lowest.unwrap_or((0, 0));
    leb(pool, operands.len() as u32 + shared);
    leb(pool, shared);
    if shared != 0 {
        leb(pool, start - offset);
    }
    for (ty, place) in operands {
        pool.push(ty.to_u8());
        encode_place(pool, place);
    }
    start
}

fn encode_place(pool: &mut Vec<u8>, place: &Place) {
    match place {
        Place::Home => pool.push(0),
        Place::Word(word) => {
            pool.push(1);
            leb(pool, *word);
        }
        Place::Const(0) => pool.push(3),
        Place::Const(bits) => match u64::try_from(*bits) {
            Ok(bits) => {
                pool.push(2);
                pool.extend(bits.to_le_bytes());
            }
            Err(_) => {
                pool.push(5);
                pool.extend(bits.to_le_bytes());
            }
        },
        Place::Computed { opcode, operands } => {
            pool.extend([4, *opcode]);
            operands.iter().for_each(|operand| encode_place(pool, operand));
        }
    }
}

fn leb(pool: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        pool.push(value as u8 | 0x80);
        value >>= 7;
    }
    pool.push(value as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().expect("states are complete");
        self.bytes = rest;
        *first
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn leb(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    fn place(&mut self) -> Place {
        match self.byte() {
            0 => Place::Home,
            1 => Place::Word(self.leb()),
            2 => Place::Const(u64::from_le_bytes(self.bytes()).into()),
            3 => Place::Const(0),
            4 => {
                let opcode = self.byte();
                let count = numeric_operands(opcode).expect("the encoder writes numeric operators").count;
                Place::Computed { opcode, operands: (0..count).map(|_| self.place()).collect() }
            }
            5 => Place::Const(u128::from_le_bytes(self.bytes())),
            other => unreachable!("no place is encoded as {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(locals: u32, stops: Vec<Stop>) -> FrameTable {
        let frame = FunctionFrame {
            slot_to_fp: 64,
            frame_to_fp: 64,
            words: 8,
            saved: SavedRegisters::default(),
            grown: 0,
            locals,
            first_stop: 0,
            stops: stops.len() as u32,
            first_zeros: 0,
            first_piece: 0,
            pieces: 0,
            zeros: 1,
        };
        let zeros = vec![(5, 1)];
        FrameTable { functions: [frame].into_iter().collect(), stops, zeros, ..FrameTable::default() }
    }

    #[test]
    fn states_survive_the_round_trip() {
        let mut table = table(8, Vec::new());
        let zero = || Place::Const(0);
        let sum = Place::Computed { opcode: 0x6a, operands: vec![Place::Word(7), Place::Const(8)] };
        let is_zero = Place::Computed { opcode: 0x45, operands: vec![sum] };
        let high = Place::Const(u64::MAX.into());
        let places = [Place::Home, Place::Word(300), zero(), zero(), Place::Home, zero(), is_zero, high];
        let operands = [
            (ValType::F64, Place::Home),
            (ValType::EXTERNREF, Place::Const(0)),
            (ValType::I32, Place::Word(1)),
            (ValType::FUNCREF, Place::Const(1 << 100 | 1 << 40)),
        ];
        let function = BodyIndex::from_u32(0);
        let none = encode_state(&mut table.pool, &[], &[], None);
        let second = table.pool.len() as u32;
        let exceptions = [1, 2, 3, 6, 7].map(|local| (local, places[local as usize].clone()));
        let lowest = encode_state(&mut table.pool, &exceptions, &operands[..2], Some((0, none)));
        let third = table.pool.len() as u32;
        let all = encode_state(&mut table.pool, &exceptions, &operands[2..], Some((2, lowest)));
        let fourth = table.pool.len() as u32;
        encode_state(&mut table.pool, &[(5, Place::Home)], &[], Some((4, all)));
        let mut defaults = vec![Place::Home; 8];
        defaults[5] = zero();
        assert_eq!(table.state(function, 0), State { locals: defaults, operands: Vec::new() });
        let state = |operands: &[_]| State { locals: places.to_vec(), operands: operands.to_vec() };
        assert_eq!(table.state(function, second), state(&operands[..2]));
        assert_eq!(table.state(function, third), state(&operands));
        let homes = State { locals: vec![Place::Home; 8], operands: operands.to_vec() };
        assert_eq!(table.state(function, fourth), homes);
    }

    #[test]
    fn constants_take_as_many_bytes_as_they_need() {
        let sizes = [(0, 1), (1, 9), (u128::from(u64::MAX), 9), (1 << 64, 17), (u128::MAX, 17), (7 << 90 | 9, 17)];
        let mut pool = Vec::new();
        for (bits, size) in sizes {
            pool.clear();
            encode_place(&mut pool, &Place::Const(bits));
            assert_eq!(pool.len(), size, "{bits:#x}");
            let mut reader = Reader { bytes: &pool };
            assert_eq!(reader.place(), Place::Const(bits));
            assert_eq!(reader.bytes, []);
        }
    }

    #[test]
    fn a_trap_is_replayed_from_the_last_checkpoint_of_its_run() {
        let stop = |pc, state| Stop { pc: WasmPc(pc), return_offset: CodeOffset(0), state };
        let checkpoint = |pc, state| Checkpoint { pc: WasmPc(pc), state };
        let mut table = table(0, vec![stop(10, 1), stop(20, 2)]);
        table.checkpoints = vec![checkpoint(5, 3), checkpoint(14, 4), checkpoint(16, 5), checkpoint(30, 6)];
        let replay_from = |pc| table.replay_from(BodyIndex::from_u32(0), WasmPc(pc));
        assert_eq!(replay_from(9), None);
        assert_eq!(replay_from(13), Some(checkpoint(10, 1)));
        assert_eq!(replay_from(14), Some(checkpoint(14, 4)));
        assert_eq!(replay_from(19), Some(checkpoint(16, 5)));
        assert_eq!(replay_from(29), Some(checkpoint(20, 2)));
        assert_eq!(replay_from(31), Some(checkpoint(30, 6)));
    }

    #[test]
    fn an_operator_belongs_to_the_last_run_before_it() {
        let stop = |pc| Stop { pc: WasmPc(pc), return_offset: CodeOffset(0), state: 0 };
        let table = table(0, vec![stop(10), stop(14), stop(20)]);
        let run_at = |pc| table.run_at(BodyIndex::from_u32(0), WasmPc(pc)).map(|stop| stop.pc.0);
        assert_eq!(run_at(9), None);
        assert_eq!(run_at(10), Some(10));
        assert_eq!(run_at(13), Some(10));
        assert_eq!(run_at(14), Some(14));
        assert_eq!(run_at(99), Some(20));
    }
}
