//! Read-out: where the locals and operands of a frame are at one place of its function, and reading them.
//!
//! Knows nothing of calls or events. Invariant: a layout depends on code alone, so it can be kept for as long as one
//! likes; the cache bounds how many are. Read next: [`crate::abi::frame_table`].

#[cfg(test)]
mod tests;

use super::computation::Computation;
use super::evaluator::{Slot, Values};
use crate::abi::frame_table::Place;
use crate::abi::homes::{CONTEXT_WORD, NextHome, WORD_SIZE, words};
use crate::base::floats::DefaultEnvironment;
use crate::base::{BlobId, BodyIndex, RawValue, ValType, Value};
use crate::runtime::{Activation, GuestStack, MappedBlob, StackWords, Store};
use crate::wasm::ModuleInfo;
use crate::wasm::stack_effect::{constant, stack_effect};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use wasmparser::Operator;

/// Where a value is. As small as scalars allow, since frames are read often; which kind of value it is, its type says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// In this word of the state slot; if the type takes two, in the next one as well.
    Word(u32),
    /// Nowhere: it is this constant; if the type takes two words, the one at this place of [`Layout::wide_constants`].
    Const(u64),
    /// Nowhere: it is computed, as [`Layout::computations`] says at this place. It is a scalar.
    Computed(u32),
}

impl Source {
    /// Whether it is the source of a value of two words, which a computed one never is.
    #[inline(always)]
    fn is_wide(self, ty: ValType) -> bool {
        is_wide(ty) && !matches!(self, Source::Computed(_))
    }
}

/// Types and places of everything in a frame at one place of its function.
#[derive(Debug)]
pub struct Layout {
    slot_to_fp: u32,
    locals: Vec<(ValType, Source)>,
    operands: Vec<(ValType, Source)>,
    computations: Vec<Computation>,
    /// Whether a computation depends on the floating-point environment.
    has_floats: bool,
    wide_constants: Vec<u128>,
}

impl Layout {
    /// Decodes the state at `offset` of the pool of the blob's frame table. Requires: the blob was compiled for debugging.
    pub fn new(blob: &MappedBlob, body: BodyIndex, offset: u32) -> Layout {
        let table = blob.frames().expect("compiled for debugging");
        let state = table.state(body, offset);
        let frame = table.functions[body];
        let mut layout = Layout {
            slot_to_fp: frame.slot_to_fp,
            locals: Vec::with_capacity(state.locals.len()),
            operands: Vec::with_capacity(state.operands.len()),
            computations: Vec::new(),
            has_floats: false,
            wide_constants: Vec::new(),
        };
        let types = blob.module().info().top_local_types(blob.function(body));
        let mut homes = NextHome::first();
        for (ty, place) in types.into_iter().zip(&state.locals) {
            let source = layout.source(ty, place, homes.take(ty));
            layout.locals.push((ty, source));
        }
        for (ty, place) in &state.operands {
            let source = layout.source(*ty, place, homes.take(*ty));
            layout.operands.push((*ty, source));
        }
        layout
    }

    fn source(&mut self, ty: ValType, place: &Place, home: u32) -> Source {
        match place {
            Place::Home => Source::Word(home),
            Place::Word(word) => Source::Word(*word),
            Place::Const(bits) if is_wide(ty) => {
                self.wide_constants.push(*bits);
                Source::Const(self.wide_constants.len() as u64 - 1)
            }
            Place::Const(bits) => Source::Const(*bits as u64),
            Place::Computed { opcode, operands } => {
                let computation = Computation::new(*opcode, operands);
                self.has_floats |= computation.has_floats();
                self.computations.push(computation);
                Source::Computed(self.computations.len() as u32 - 1)
            }
        }
    }

    /// Where everything is that is a scalar.
    pub fn scalars(&self) -> Scalars {
        let scalar =
            |(ty, source): &(ValType, Source)| (!source.is_wide(*ty)).then_some(Scalar { ty: *ty, source: *source });
        Scalars {
            locals: self.locals.iter().map(scalar).collect(),
            operands: self.operands.iter().map(scalar).collect(),
        }
    }

    /// The type of a scalar, and its bits.
    #[inline]
    pub fn scalar_at(&self, slot: StateSlot<'_>, scalar: Scalar) -> Option<(ValType, u64)> {
        self.scalar_bits(slot, (scalar.ty, scalar.source))
    }

    /// What computations need, while values are read.
    #[inline(always)]
    fn environment(&self) -> Option<DefaultEnvironment> {
        if self.has_floats { Some(DefaultEnvironment::enter()) } else { None }
    }

    /// The bits that a source of a scalar gives. Requires: [`Layout::environment`].
    #[inline(always)]
    fn bits(&self, source: Source, slot: StateSlot<'_>) -> Option<u64> {
        match source {
            Source::Const(bits) => Some(bits),
            Source::Word(at) => slot.word(at),
            Source::Computed(place) => self.computations[place as usize].bits(slot),
        }
    }

    /// The bits that a source of a value of two words gives.
    fn wide_bits(&self, source: Source, word: impl Fn(u32) -> Option<u64>) -> Option<u128> {
        match source {
            Source::Const(place) => Some(self.wide_constants[place as usize]),
            Source::Word(at) => Some(RawValue { lo: word(at)?, hi: word(at + 1)? }.bits()),
            Source::Computed(_) => unreachable!("what a numeric operator gives is a scalar"),
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

    /// Types of the operands.
    pub fn operand_types(&self) -> Vec<ValType> {
        self.operands.iter().map(|operand| operand.0).collect()
    }

    /// Reads these locals, and hands out each with its place among them.
    #[inline(always)]
    pub fn read_locals(&self, slot: StateSlot<'_>, store: &Store, which: Range<usize>, put: impl FnMut(usize, Value)) {
        self.read(slot, store, &self.locals[which], put);
    }

    /// Reads these operands, and hands out each with its place among them.
    #[inline(always)]
    pub fn read_operands(
        &self,
        slot: StateSlot<'_>,
        store: &Store,
        which: Range<usize>,
        put: impl FnMut(usize, Value),
    ) {
        self.read(slot, store, &self.operands[which], put);
    }

    #[inline(always)]
    fn read(
        &self,
        slot: StateSlot<'_>,
        store: &Store,
        sources: &[(ValType, Source)],
        mut put: impl FnMut(usize, Value),
    ) {
        let _environment = self.environment();
        for (place, (ty, source)) in sources.iter().enumerate() {
            if source.is_wide(*ty) {
                let bits = self.wide_bits(*source, |word| slot.word(word));
                put(place, bits.map_or(Value::Unavailable, |bits| store.from_raw(*ty, RawValue::from_bits(bits))));
                continue;
            }
            match self.bits(*source, slot) {
                Some(bits) => tagged(*ty, bits, store, |value| put(place, value)),
                None => put(place, Value::Unavailable),
            }
        }
    }

    /// The type and bits of a local, if it is a scalar.
    #[inline]
    pub fn local_bits(&self, slot: StateSlot<'_>, local: usize) -> Option<(ValType, u64)> {
        self.scalar_bits(slot, *self.locals.get(local)?)
    }

    /// The same of an operand.
    #[inline]
    pub fn operand_bits(&self, slot: StateSlot<'_>, operand: usize) -> Option<(ValType, u64)> {
        self.scalar_bits(slot, *self.operands.get(operand)?)
    }

    #[inline]
    fn scalar_bits(&self, slot: StateSlot<'_>, (ty, source): (ValType, Source)) -> Option<(ValType, u64)> {
        if source.is_wide(ty) {
            return None;
        }
        let _environment = self.environment();
        Some((ty, self.bits(source, slot)?))
    }

    /// Reads everything of the newest frame of an activation, as [`Layout::read_frame`] does.
    pub fn read_all(&self, activation: &Activation, values: &mut Values) -> Option<u64> {
        self.read_frame(activation, activation.fp, values)
    }

    /// Reads everything of a frame into `values`, and answers the instance's context; `None` if the stack doesn't reach so far.
    pub fn read_frame(&self, activation: &Activation, fp: usize, values: &mut Values) -> Option<u64> {
        let slot = StateSlot::new(activation, fp, self.slot_to_fp);
        let _environment = self.environment();
        let Values { locals, operands } = values;
        for (slots, sources) in [(locals, &self.locals), (operands, &self.operands)] {
            slots.clear();
            for (ty, source) in sources {
                let bits = if source.is_wide(*ty) {
                    self.wide_bits(*source, |word| slot.word(word))?
                } else {
                    self.bits(*source, slot)?.into()
                };
                slots.push(Slot::new(*ty, bits));
            }
        }
        slot.context()
    }
}

/// Where a scalar is.
#[derive(Clone, Copy, Debug)]
pub struct Scalar {
    ty: ValType,
    source: Source,
}

impl Scalar {
    /// Its type, and the word of the state slot that it is in, if it is in one.
    pub fn word(&self) -> Option<(ValType, u32)> {
        if let Source::Word(word) = self.source { Some((self.ty, word)) } else { None }
    }
}

/// Where scalars are at an operator of a run: by what the layout of its stop point says, and by what the operators before it move.
/// None for what they compute, and for vectors.
#[derive(Debug)]
pub struct Scalars {
    /// The locals.
    pub locals: Vec<Option<Scalar>>,
    /// The operands, bottom first.
    pub operands: Vec<Option<Scalar>>,
}

impl Scalars {
    /// Goes on to the next operator behind this one; answers whether it is known what this one does.
    pub fn pass(&mut self, info: &ModuleInfo, operator: &Operator<'_>, opcode: u8) -> bool {
        let Scalars { locals, operands } = self;
        match *operator {
            Operator::LocalGet { local_index } => operands.push(locals[local_index as usize]),
            Operator::LocalSet { local_index } => locals[local_index as usize] = operands.pop().flatten(),
            Operator::LocalTee { local_index } => locals[local_index as usize] = operands.last().copied().flatten(),
            Operator::Drop => drop(operands.pop()),
            Operator::Block { .. } | Operator::Loop { .. } | Operator::End => {}
            _ => {
                let Some(effect) = stack_effect(info, operator, opcode) else { return false };
                let source = constant(info, operator).map(|bits| Source::Const(bits as u64));
                operands.truncate(operands.len().saturating_sub(effect.pops as usize));
                if let Some(ty) = effect.pushes {
                    let scalar = source.filter(|_| !is_wide(ty)).map(|source| Scalar { ty, source });
                    operands.extend(std::iter::repeat_n(scalar, 1 + usize::from(effect.pushes_two)));
                }
            }
        }
        true
    }
}

/// The state slot of a frame.
#[derive(Clone, Copy)]
pub struct StateSlot<'a>(StackWords<'a>);

impl<'a> StateSlot<'a> {
    /// The slot of the frame with this frame pointer, without words if the stack doesn't reach so far.
    #[inline]
    pub fn new(activation: &'a Activation, fp: usize, slot_to_fp: u32) -> StateSlot<'a> {
        StateSlot(activation.words(fp.wrapping_sub(slot_to_fp as usize), (slot_to_fp / WORD_SIZE) as usize))
    }

    /// The same of a frame on this stack.
    #[inline]
    pub fn on(stack: &'a GuestStack, fp: usize, slot_to_fp: u32) -> StateSlot<'a> {
        StateSlot(StackWords::of(stack, fp.wrapping_sub(slot_to_fp as usize), (slot_to_fp / WORD_SIZE) as usize))
    }

    /// A word of it.
    #[inline(always)]
    pub fn word(&self, word: u32) -> Option<u64> {
        self.0.get(word as usize)
    }

    /// The instance's context.
    #[inline]
    pub fn context(&self) -> Option<u64> {
        self.word(CONTEXT_WORD)
    }
}

/// Whether values of a type take two words.
#[inline]
fn is_wide(ty: ValType) -> bool {
    words(ty) == 2
}

/// Hands out a value of a frame as the host sees it.
#[inline]
pub fn shown(slot: &Slot, store: &Store, put: impl FnOnce(Value)) {
    if is_wide(slot.ty) {
        return put(store.from_raw(slot.ty, RawValue::from_bits(slot.bits)));
    }
    tagged(slot.ty, slot.lo(), store, put);
}

/// Hands out a scalar as the host sees it. Each type has a call of its own, so that the value is made where it goes: made
/// elsewhere, in parts, and copied as a whole, it waits for its parts.
#[inline]
fn tagged(ty: ValType, bits: u64, store: &Store, put: impl FnOnce(Value)) {
    match ty {
        ValType::I32 => put(Value::I32(bits as i32)),
        ValType::I64 => put(Value::I64(bits as i64)),
        ValType::F32 => put(Value::F32(bits as u32)),
        ValType::F64 => put(Value::F64(bits)),
        // A vector is never one.
        ValType::V128 | ValType::Ref(_) => put(store.from_raw(ty, RawValue::new(bits))),
    }
}

/// Layouts of one store's code that were decoded lately. Bounded: a new one takes the place of whichever was where it belongs.
pub struct LayoutCache {
    entries: RefCell<Vec<Option<Entry>>>,
}

struct Entry {
    blob: BlobId,
    offset: u32,
    body: BodyIndex,
    layout: Rc<Layout>,
}

/// Layouts kept at most; a power of two.
const CACHED_LAYOUTS: usize = 256;

impl LayoutCache {
    /// An empty cache.
    pub fn new() -> LayoutCache {
        LayoutCache { entries: RefCell::new(Vec::new()) }
    }

    /// Forgets code that is unmapped.
    pub fn forget_blob(&self, blob: &MappedBlob) {
        for entry in &mut *self.entries.borrow_mut() {
            entry.take_if(|entry| entry.blob == blob.id());
        }
    }

    /// The layout of the state at `offset` of the blob's pool.
    pub fn layout(&self, blob: &MappedBlob, body: BodyIndex, offset: u32) -> Rc<Layout> {
        let mut entries = self.entries.borrow_mut();
        if entries.is_empty() {
            entries.resize_with(CACHED_LAYOUTS, || None);
        }
        let place =
            (u64::from(blob.id().as_u32()) << 32 ^ u64::from(offset)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - 8);
        let entry = &mut entries[place as usize % CACHED_LAYOUTS];
        match entry {
            // Equal states of different functions may be shared in the pool, so the function counts too.
            Some(found) if found.blob == blob.id() && found.offset == offset && found.body == body => {
                found.layout.clone()
            }
            _ => {
                let layout = Rc::new(Layout::new(blob, body, offset));
                *entry = Some(Entry { blob: blob.id(), offset, body, layout: layout.clone() });
                layout
            }
        }
    }
}
