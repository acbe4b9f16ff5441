//! Read-out: where the locals and operands of a frame are at one place of its function, and reading them.
//!
//! Knows nothing of calls or events. Invariant: a layout depends on code alone, so it can be kept for as long as one
//! likes; the cache bounds how many are. Read next: [`crate::abi::frame_table`].

use super::evaluator::{Inner, Slot, Values};
use crate::abi::frame_table::{CONTEXT_WORD, Place, WORD_SIZE, local_home, operand_home};
use crate::abi::operators::numeric_operands;
use crate::base::{DefinedFuncIndex, RawValue, ValType, Value};
use crate::runtime::{Activation, Module, Store};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// In this word of the state slot.
    Word(u32),
    /// Nowhere: it is this constant.
    Const(u64),
    /// Nowhere: it is computed, as [`Layout::computations`] says at this place.
    Computed(u32),
}

/// A numeric operator and what it is applied to.
#[derive(Debug)]
struct Computation {
    operator: Inner,
    /// With one operand, that is there twice.
    operands: [Source; 2],
    /// The bits of an operand that count.
    mask: u64,
}

/// Types and places of everything in a frame at one place of its function.
#[derive(Debug)]
pub struct Layout {
    slot_to_fp: u32,
    /// Words of the slot that are in use here.
    words: u32,
    locals: Vec<(ValType, Source)>,
    operands: Vec<(ValType, Source)>,
    computations: Vec<Computation>,
}

impl Layout {
    /// Decodes the state at `offset` of the pool of the module's frame table.
    pub fn new(module: &Module, function: DefinedFuncIndex, offset: u32) -> Layout {
        let table = module.compiled().frames.as_ref().expect("compiled for debugging");
        let state = table.state(function, offset);
        let frame = table.functions[function];
        let mut layout = Layout {
            slot_to_fp: frame.slot_to_fp,
            words: CONTEXT_WORD + 1,
            locals: Vec::with_capacity(state.locals.len()),
            operands: Vec::with_capacity(state.operands.len()),
            computations: Vec::new(),
        };
        let types = module.info().local_types(function);
        for ((ty, place), local) in types.into_iter().zip(&state.locals).zip(0..) {
            let source = layout.source(place, local_home(local));
            layout.locals.push((ty, source));
        }
        for ((ty, place), operand) in state.operands.iter().zip(0..) {
            let source = layout.source(place, operand_home(frame.locals, operand));
            layout.operands.push((*ty, source));
        }
        layout
    }

    fn source(&mut self, place: &Place, home: u32) -> Source {
        let word = match place {
            Place::Home => home,
            Place::Word(word) => *word,
            Place::Const(bits) => return Source::Const(*bits),
            Place::Computed { opcode, operands } => {
                let is_wide = numeric_operands(*opcode).expect("a numeric operator").is_wide;
                let first = self.source(&operands[0], home);
                let second = operands.get(1).map_or(first, |operand| self.source(operand, home));
                let computation = Computation {
                    operator: Inner::numeric(*opcode),
                    operands: [first, second],
                    mask: if is_wide { u64::MAX } else { u64::from(u32::MAX) },
                };
                self.computations.push(computation);
                return Source::Computed(self.computations.len() as u32 - 1);
            }
        };
        self.words = self.words.max(word + 1);
        Source::Word(word)
    }

    /// The bits that a source gives; `word` reads a word.
    #[inline]
    fn bits<F: FnMut(u32) -> Option<u64>>(&self, source: Source, word: &mut F) -> Option<u64> {
        match source {
            Source::Const(bits) => Some(bits),
            Source::Word(at) => word(at),
            Source::Computed(place) => self.compute(place, word),
        }
    }

    /// What a numeric operator gives that the guest has passed, so that it doesn't trap.
    fn compute<F: FnMut(u32) -> Option<u64>>(&self, place: u32, word: &mut F) -> Option<u64> {
        let Computation { operator, operands: [first, second], mask } = &self.computations[place as usize];
        let first = self.bits(*first, word)? & mask;
        match operator {
            Inner::Unary(_, apply) => apply(first).ok(),
            Inner::Binary(_, apply) => apply(first, self.bits(*second, word)? & mask).ok(),
            _ => unreachable!("numeric operators have one or two operands"),
        }
    }

    /// Bytes from the start of the state slot up to the frame pointer.
    pub fn slot_to_fp(&self) -> u32 {
        self.slot_to_fp
    }

    /// Number of locals.
    pub fn n_locals(&self) -> usize {
        self.locals.len()
    }

    /// Number of operands.
    pub fn n_operands(&self) -> usize {
        self.operands.len()
    }

    /// Types of the locals.
    pub fn local_types(&self) -> Vec<ValType> {
        self.locals.iter().map(|local| local.0).collect()
    }

    /// Types of the operands.
    pub fn operand_types(&self) -> Vec<ValType> {
        self.operands.iter().map(|operand| operand.0).collect()
    }

    /// Reads these locals, and hands out each with its place among them.
    pub fn read_locals(&self, slot: StateSlot<'_>, which: Range<usize>, put: impl FnMut(usize, Value)) {
        self.read(slot, &self.locals[which], put);
    }

    /// Reads these operands, and hands out each with its place among them.
    pub fn read_operands(&self, slot: StateSlot<'_>, which: Range<usize>, put: impl FnMut(usize, Value)) {
        self.read(slot, &self.operands[which], put);
    }

    #[inline]
    fn read(&self, mut slot: StateSlot<'_>, sources: &[(ValType, Source)], mut put: impl FnMut(usize, Value)) {
        for (place, (ty, source)) in sources.iter().enumerate() {
            match self.bits(*source, &mut |word| slot.word(self, word)) {
                Some(bits) => tagged(*ty, bits, slot.store, |value| put(place, value)),
                None => put(place, Value::Unavailable),
            }
        }
    }

    /// Reads everything of the newest frame of an activation into `values`, by way of `words`, and answers the instance's
    /// context; `None` if the stack doesn't reach so far.
    pub fn read_all(
        &self,
        store: &Store,
        activation: &Activation,
        words: &mut Vec<u64>,
        values: &mut Values,
    ) -> Option<u64> {
        words.resize(self.words as usize, 0);
        if !store.read_words(activation, slot_start(activation.fp, self.slot_to_fp)?, words) {
            return None;
        }
        let Values { locals, operands } = values;
        for (slots, sources) in [(locals, &self.locals), (operands, &self.operands)] {
            slots.clear();
            for (ty, source) in sources {
                let bits = self.bits(*source, &mut |word| Some(words[word as usize]))?;
                slots.push(Slot::new(*ty, bits));
            }
        }
        Some(words[CONTEXT_WORD as usize])
    }
}

/// Words read from the stack at a time.
const CHUNK: usize = 16;
/// The first word of no chunk.
const NOTHING: u32 = u32::MAX;

/// The state slot of a frame, read in chunks.
pub struct StateSlot<'a> {
    store: &'a Store,
    activation: &'a Activation,
    fp: usize,
    /// The first word of the chunk that is here, or [`NOTHING`].
    chunk: u32,
    words: [u64; CHUNK],
}

impl<'a> StateSlot<'a> {
    /// The slot of the frame with this frame pointer.
    pub fn new(store: &'a Store, activation: &'a Activation, fp: usize) -> StateSlot<'a> {
        StateSlot { store, activation, fp, chunk: NOTHING, words: [0; CHUNK] }
    }

    #[inline]
    fn word(&mut self, layout: &Layout, word: u32) -> Option<u64> {
        let first = word - word % CHUNK as u32;
        if self.chunk != first && !self.fetch(layout, first) {
            return None;
        }
        Some(self.words[(word % CHUNK as u32) as usize])
    }

    /// Reads the chunk that begins with the word `first`; answers whether it is on the stack.
    #[inline]
    fn fetch(&mut self, layout: &Layout, first: u32) -> bool {
        let Some(start) = slot_start(self.fp, layout.slot_to_fp) else { return false };
        let address = start + (first * WORD_SIZE) as usize;
        // Above the slot are the frames of callers, so a whole chunk is mostly there.
        let is_read = self.store.read_array(self.activation, address, &mut self.words)
            || self.fetch_partly(layout, first, address);
        self.chunk = if is_read { first } else { NOTHING };
        is_read
    }

    #[cold]
    fn fetch_partly(&mut self, layout: &Layout, first: u32, address: usize) -> bool {
        let words = (layout.words - first).min(CHUNK as u32) as usize;
        self.store.read_words(self.activation, address, &mut self.words[..words])
    }
}

fn slot_start(fp: usize, slot_to_fp: u32) -> Option<usize> {
    fp.checked_sub(slot_to_fp as usize)
}

/// The instance's context in the state slot of a frame.
pub fn context(store: &Store, activation: &Activation, fp: usize, slot_to_fp: u32) -> Option<u64> {
    let address = slot_start(fp, slot_to_fp)? + (CONTEXT_WORD * WORD_SIZE) as usize;
    store.read_word(activation, address)
}

/// Hands out a value as the host sees it. Each type has a call of its own, so that the value is made where it goes: made
/// elsewhere, in parts, and copied as a whole, it waits for its parts.
#[inline]
pub fn tagged(ty: ValType, bits: u64, store: &Store, put: impl FnOnce(Value)) {
    match ty {
        ValType::I32 => put(Value::I32(bits as i32)),
        ValType::I64 => put(Value::I64(bits as i64)),
        ValType::F32 => put(Value::F32(bits as u32)),
        ValType::F64 => put(Value::F64(bits)),
        ValType::Ref(_) => put(store.from_raw(ty, RawValue::new(bits))),
    }
}

/// Layouts that were decoded lately. Bounded: a new one takes the place of whichever was where it belongs.
pub struct LayoutCache {
    entries: RefCell<Vec<Option<Entry>>>,
}

struct Entry {
    module: u64,
    offset: u32,
    function: DefinedFuncIndex,
    layout: Rc<Layout>,
}

/// Layouts kept at most; a power of two.
const CACHED_LAYOUTS: usize = 256;

impl LayoutCache {
    /// An empty cache.
    pub fn new() -> LayoutCache {
        LayoutCache { entries: RefCell::new(Vec::new()) }
    }

    /// The layout of the state at `offset` of the module's pool.
    pub fn layout(&self, module: &Module, function: DefinedFuncIndex, offset: u32) -> Rc<Layout> {
        let mut entries = self.entries.borrow_mut();
        if entries.is_empty() {
            entries.resize_with(CACHED_LAYOUTS, || None);
        }
        let place = (module.id() ^ u64::from(offset)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - 8);
        let entry = &mut entries[place as usize % CACHED_LAYOUTS];
        match entry {
            // Equal states of different functions may be shared in the pool, so the function counts too.
            Some(found) if found.module == module.id() && found.offset == offset && found.function == function => {
                found.layout.clone()
            }
            _ => {
                let layout = Rc::new(Layout::new(module, function, offset));
                *entry = Some(Entry { module: module.id(), offset, function, layout: layout.clone() });
                layout
            }
        }
    }
}
