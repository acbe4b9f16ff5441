//! The tables of compiled code as bytes, for files.
//!
//! Each table is the number of its records and then the records, of so many little-endian words of 32 bits each. A record's two
//! directions stand side by side, so that they can't drift apart. Read next: [`crate::runtime::serialized`].

use super::artifact::{CallSite, Clause, CompiledBlob, Form, FunctionCode, Handler, InlinedTrap, TrapSite, TryBlock};
use super::frame_table::{Checkpoint, FrameTable, FunctionFrame, SavedRegisters, Stop};
use crate::base::{BodyIndex, CodeOffset, DefinedFuncIndex, TagIndex, TrapCode, WasmPc};
use cranelift_entity::PrimaryMap;

/// A record of `N` words.
trait Record<const N: usize>: Sized {
    fn to_words(&self) -> [u32; N];
    /// Nothing if the words are no such record.
    fn from_words(words: [u32; N]) -> Option<Self>;
}

/// Stands for nothing where a record may have no such word: no offset, index or place is as large.
const NONE: u32 = u32::MAX;

fn optional(word: u32) -> Option<u32> {
    (word != NONE).then_some(word)
}

impl Record<4> for FunctionCode {
    fn to_words(&self) -> [u32; 4] {
        let form = match self.form {
            Form::Plain => 0,
            Form::Debuggable => 1,
            Form::Exact => 2,
        };
        [self.function.as_u32(), form, self.start.0, self.length]
    }

    fn from_words([function, form, start, length]: [u32; 4]) -> Option<FunctionCode> {
        let form = match form {
            0 => Form::Plain,
            1 => Form::Debuggable,
            2 => Form::Exact,
            _ => return None,
        };
        Some(FunctionCode { function: DefinedFuncIndex::from_u32(function), form, start: CodeOffset(start), length })
    }
}

impl Record<3> for TrapSite {
    fn to_words(&self) -> [u32; 3] {
        [self.offset.0, self.code as u32, self.pc.0]
    }

    fn from_words([offset, code, pc]: [u32; 3]) -> Option<TrapSite> {
        let code = TrapCode::from_u8(u8::try_from(code).ok()?)?;
        Some(TrapSite { offset: CodeOffset(offset), code, pc: WasmPc(pc) })
    }
}

impl Record<3> for InlinedTrap {
    fn to_words(&self) -> [u32; 3] {
        [self.offset.0, self.function.as_u32(), self.pc.0]
    }

    fn from_words([offset, function, pc]: [u32; 3]) -> Option<InlinedTrap> {
        let function = DefinedFuncIndex::from_u32(function);
        Some(InlinedTrap { offset: CodeOffset(offset), function, pc: WasmPc(pc) })
    }
}

impl Record<1> for DefinedFuncIndex {
    fn to_words(&self) -> [u32; 1] {
        [self.as_u32()]
    }

    fn from_words([index]: [u32; 1]) -> Option<DefinedFuncIndex> {
        Some(DefinedFuncIndex::from_u32(index))
    }
}

impl Record<3> for CallSite {
    fn to_words(&self) -> [u32; 3] {
        [self.return_offset.0, self.pc.0, self.state.unwrap_or(NONE)]
    }

    fn from_words([return_offset, pc, state]: [u32; 3]) -> Option<CallSite> {
        Some(CallSite { return_offset: CodeOffset(return_offset), pc: WasmPc(pc), state: optional(state) })
    }
}

impl Record<6> for Handler {
    fn to_words(&self) -> [u32; 6] {
        let Handler { return_offset, landing, sp_to_fp, values_to_fp, context_to_fp, try_block } = *self;
        [return_offset.0, landing.0, sp_to_fp, values_to_fp, context_to_fp, try_block]
    }

    fn from_words(
        [return_offset, landing, sp_to_fp, values_to_fp, context_to_fp, try_block]: [u32; 6],
    ) -> Option<Handler> {
        let (return_offset, landing) = (CodeOffset(return_offset), CodeOffset(landing));
        Some(Handler { return_offset, landing, sp_to_fp, values_to_fp, context_to_fp, try_block })
    }
}

impl Record<3> for TryBlock {
    fn to_words(&self) -> [u32; 3] {
        [self.parent.unwrap_or(NONE), self.first_clause, self.clauses]
    }

    fn from_words([parent, first_clause, clauses]: [u32; 3]) -> Option<TryBlock> {
        Some(TryBlock { parent: optional(parent), first_clause, clauses })
    }
}

impl Record<4> for Clause {
    fn to_words(&self) -> [u32; 4] {
        let tag = self.tag.map_or(NONE, |tag| tag.as_u32());
        [tag, self.takes_reference.into(), self.number, self.pc.0]
    }

    fn from_words([tag, takes_reference, number, pc]: [u32; 4]) -> Option<Clause> {
        let takes_reference = match takes_reference {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Clause { tag: optional(tag).map(TagIndex::from_u32), takes_reference, number, pc: WasmPc(pc) })
    }
}

impl Record<13> for FunctionFrame {
    fn to_words(&self) -> [u32; 13] {
        let [a, b, c, d, e] = self.saved.words_below;
        [
            self.slot_to_fp,
            self.frame_to_fp,
            self.words,
            u32::from_le_bytes([a, b, c, d]),
            e.into(),
            self.grown,
            self.locals,
            self.first_stop,
            self.stops,
            self.first_zeros,
            self.zeros,
            self.first_piece,
            self.pieces,
        ]
    }

    fn from_words(words: [u32; 13]) -> Option<FunctionFrame> {
        let [slot_to_fp, frame_to_fp, words, saved, last_saved, grown, locals, rest @ ..] = words;
        let [first_stop, stops, first_zeros, zeros, first_piece, pieces] = rest;
        let [a, b, c, d] = saved.to_le_bytes();
        let saved = SavedRegisters { words_below: [a, b, c, d, u8::try_from(last_saved).ok()?] };
        Some(FunctionFrame {
            slot_to_fp,
            frame_to_fp,
            words,
            saved,
            grown,
            locals,
            first_stop,
            stops,
            first_zeros,
            zeros,
            first_piece,
            pieces,
        })
    }
}

impl Record<3> for Stop {
    fn to_words(&self) -> [u32; 3] {
        [self.pc.0, self.return_offset.0, self.state]
    }

    fn from_words([pc, return_offset, state]: [u32; 3]) -> Option<Stop> {
        Some(Stop { pc: WasmPc(pc), return_offset: CodeOffset(return_offset), state })
    }
}

impl Record<2> for Checkpoint {
    fn to_words(&self) -> [u32; 2] {
        [self.pc.0, self.state]
    }

    fn from_words([pc, state]: [u32; 2]) -> Option<Checkpoint> {
        Some(Checkpoint { pc: WasmPc(pc), state })
    }
}

impl Record<2> for (u32, u32) {
    fn to_words(&self) -> [u32; 2] {
        [self.0, self.1]
    }

    fn from_words([first, second]: [u32; 2]) -> Option<(u32, u32)> {
        Some((first, second))
    }
}

impl Record<2> for (WasmPc, u32) {
    fn to_words(&self) -> [u32; 2] {
        [self.0.0, self.1]
    }

    fn from_words([pc, cost]: [u32; 2]) -> Option<(WasmPc, u32)> {
        Some((WasmPc(pc), cost))
    }
}

impl CompiledBlob {
    /// Its tables as bytes, without the image.
    pub fn tables_to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.tables_size() + 64);
        put(&mut bytes, self.functions.values().as_slice());
        put(&mut bytes, &self.traps);
        put(&mut bytes, &self.inlined);
        put(&mut bytes, &self.guarded);
        put(&mut bytes, &self.calls);
        put(&mut bytes, &self.handlers);
        put(&mut bytes, &self.try_blocks);
        put(&mut bytes, &self.clauses);
        if let Some(frames) = &self.frames {
            put(&mut bytes, frames.functions.values().as_slice());
            put(&mut bytes, &frames.stops);
            put(&mut bytes, &frames.checkpoints);
            put(&mut bytes, &frames.zeros);
            put(&mut bytes, &frames.pieces);
            bytes.extend(&frames.pool);
        }
        bytes
    }

    /// The inverse of [`CompiledBlob::tables_to_bytes`]; nothing if the bytes aren't what that gives. `is_debug` says whether there is a
    /// frame table.
    pub fn from_tables(bytes: &[u8], is_debug: bool) -> Option<CompiledBlob> {
        let mut rest = bytes;
        let mut blob = CompiledBlob {
            image: Vec::new(),
            functions: take(&mut rest)?.into_iter().collect(),
            traps: take(&mut rest)?,
            inlined: take(&mut rest)?,
            guarded: take(&mut rest)?,
            calls: take(&mut rest)?,
            handlers: take(&mut rest)?,
            try_blocks: take(&mut rest)?,
            clauses: take(&mut rest)?,
            frames: None,
        };
        if is_debug {
            let functions: PrimaryMap<BodyIndex, FunctionFrame> = take(&mut rest)?.into_iter().collect();
            let (stops, checkpoints) = (take(&mut rest)?, take(&mut rest)?);
            let (zeros, pieces) = (take(&mut rest)?, take(&mut rest)?);
            let pool = std::mem::take(&mut rest).to_vec();
            blob.frames = Some(FrameTable { functions, stops, checkpoints, zeros, pieces, pool });
        }
        rest.is_empty().then_some(blob)
    }
}

fn put<const N: usize, R: Record<N>>(bytes: &mut Vec<u8>, records: &[R]) {
    bytes.extend((records.len() as u32).to_le_bytes());
    for record in records {
        record.to_words().iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    }
}

fn take<const N: usize, R: Record<N>>(bytes: &mut &[u8]) -> Option<Vec<R>> {
    let (count, rest) = bytes.split_first_chunk()?;
    let length = (u32::from_le_bytes(*count) as usize).checked_mul(4 * N)?;
    let (records, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    let (words, _) = records.as_chunks::<4>();
    let (records, _) = words.as_chunks::<N>();
    records.iter().map(|words| R::from_words(words.map(u32::from_le_bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob() -> CompiledBlob {
        let function = DefinedFuncIndex::from_u32;
        let (offset, pc) = (CodeOffset(7), WasmPc(9));
        let code = FunctionCode { function: function(1), form: Form::Debuggable, start: offset, length: 5 };
        let frame = FunctionFrame {
            slot_to_fp: 1,
            frame_to_fp: 2,
            words: 3,
            saved: SavedRegisters { words_below: [4, 5, 6, 7, 8] },
            grown: 9,
            locals: 10,
            first_stop: 11,
            stops: 12,
            first_zeros: 13,
            zeros: 14,
            first_piece: 15,
            pieces: 16,
        };
        let call = |state| CallSite { return_offset: offset, pc, state };
        let clause = |tag, takes_reference| Clause { tag, takes_reference, number: 3, pc };
        CompiledBlob {
            image: Vec::new(),
            functions: [code].into_iter().collect(),
            traps: vec![TrapSite { offset, code: TrapCode::Unreachable, pc }],
            inlined: vec![InlinedTrap { offset, function: function(2), pc }],
            guarded: vec![function(3)],
            calls: vec![call(None), call(Some(0)), call(Some(4))],
            handlers: vec![Handler {
                return_offset: offset,
                landing: CodeOffset(8),
                sp_to_fp: 1,
                values_to_fp: 2,
                context_to_fp: 3,
                try_block: 4,
            }],
            try_blocks: vec![
                TryBlock { parent: None, first_clause: 0, clauses: 2 },
                TryBlock { parent: Some(0), first_clause: 2, clauses: 0 },
            ],
            clauses: vec![clause(None, true), clause(Some(TagIndex::from_u32(0)), false)],
            frames: Some(FrameTable {
                functions: [frame].into_iter().collect(),
                stops: vec![Stop { pc, return_offset: offset, state: 2 }],
                checkpoints: vec![Checkpoint { pc, state: 3 }],
                zeros: vec![(1, 2), (4, 8)],
                pieces: vec![(pc, 6)],
                pool: vec![1, 2, 3],
            }),
        }
    }

    #[test]
    fn tables_survive_the_round_trip() {
        let blob = blob();
        let again = CompiledBlob::from_tables(&blob.tables_to_bytes(), true).unwrap();
        assert_eq!(format!("{again:?}"), format!("{blob:?}"));
        let plain = CompiledBlob { frames: None, ..blob };
        let again = CompiledBlob::from_tables(&plain.tables_to_bytes(), false).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plain:?}"));
    }

    #[test]
    fn what_is_no_table_is_none() {
        let plain = CompiledBlob { frames: None, ..blob() };
        let bytes = plain.tables_to_bytes();
        assert!((0..bytes.len()).all(|end| CompiledBlob::from_tables(&bytes[..end], false).is_none()));
        assert!(CompiledBlob::from_tables(&bytes, true).is_none());
        // The form of the first function, and the code of the first trap.
        for place in [8, 28] {
            let mut wrong = bytes.clone();
            wrong[place] = 99;
            assert!(CompiledBlob::from_tables(&wrong, false).is_none(), "{place}");
        }
    }
}
