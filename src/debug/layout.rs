//! Read-out: where the locals and operands of a frame are at one place of its function, and reading them.
//!
//! Knows nothing of calls or events. Invariant: a layout depends on code alone, so it can be kept for as long as one
//! likes; the cache bounds how many are. Read next: [`crate::abi::frame_table`].

use super::evaluator::{Slot, Values};
use crate::abi::frame_table::{CONTEXT_WORD, Place, WORD_SIZE, local_home, operand_home};
use crate::base::{DefinedFuncIndex, Instance, ValType};
use crate::runtime::{Activation, Module, Store};
use std::cell::RefCell;
use std::rc::Rc;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// At this many bytes from the start of the state slot.
    Word(u32),
    /// Nowhere: it is this constant.
    Const(u64),
}

/// Types and places of everything in a frame at one place of its function.
#[derive(Debug)]
pub struct Layout {
    slot_to_fp: u32,
    locals: Vec<(ValType, Source)>,
    operands: Vec<(ValType, Source)>,
}

impl Layout {
    /// Decodes the state at `offset` of the pool of the module's frame table.
    pub fn new(module: &Module, function: DefinedFuncIndex, offset: u32) -> Layout {
        let table = module.compiled().frames.as_ref().expect("compiled for debugging");
        let state = table.state(function, offset);
        let frame = table.functions[function];
        let source = |place, home: u32| match place {
            Place::Home => Source::Word(home * WORD_SIZE),
            Place::Word(word) => Source::Word(word * WORD_SIZE),
            Place::Const(bits) => Source::Const(bits),
        };
        let types = module.info().local_types(function);
        let locals = types.into_iter().zip(&state.locals).zip(0..);
        let operands = state.operands.iter().zip(0..);
        Layout {
            slot_to_fp: frame.slot_to_fp,
            locals: locals.map(|((ty, place), local)| (ty, source(*place, local_home(local)))).collect(),
            operands: operands
                .map(|((ty, place), operand)| (*ty, source(*place, operand_home(frame.locals, operand))))
                .collect(),
        }
    }

    /// Number of locals.
    pub fn n_locals(&self) -> usize {
        self.locals.len()
    }

    /// Number of operands.
    pub fn n_operands(&self) -> usize {
        self.operands.len()
    }

    /// Type of a local.
    pub fn local_type(&self, local: usize) -> ValType {
        self.locals[local].0
    }

    /// Type of an operand.
    pub fn operand_type(&self, operand: usize) -> ValType {
        self.operands[operand].0
    }

    /// Reads a local of the frame whose frame pointer is `fp`; `None` if the stack doesn't reach there.
    pub fn local(&self, store: &Store, activation: &Activation, fp: usize, local: usize) -> Option<Slot> {
        self.read(store, activation, fp, self.locals[local])
    }

    /// Reads an operand.
    pub fn operand(&self, store: &Store, activation: &Activation, fp: usize, operand: usize) -> Option<Slot> {
        self.read(store, activation, fp, self.operands[operand])
    }

    /// Reads everything into `values`; answers whether all of it could be read.
    pub fn read_all(&self, store: &Store, activation: &Activation, fp: usize, values: &mut Values) -> bool {
        let mut complete = true;
        let mut fill = |slots: &mut Vec<Slot>, sources: &[(ValType, Source)]| {
            slots.clear();
            slots.extend(sources.iter().map(|source| {
                self.read(store, activation, fp, *source).unwrap_or_else(|| {
                    complete = false;
                    Slot { ty: source.0, bits: 0 }
                })
            }));
        };
        fill(&mut values.locals, &self.locals);
        fill(&mut values.operands, &self.operands);
        complete
    }

    fn read(&self, store: &Store, activation: &Activation, fp: usize, (ty, source): (ValType, Source)) -> Option<Slot> {
        let bits = match source {
            Source::Const(bits) => bits,
            Source::Word(bytes) => store.read_word(activation, slot_start(fp, self.slot_to_fp)? + bytes as usize)?,
        };
        Some(Slot::new(ty, bits))
    }
}

fn slot_start(fp: usize, slot_to_fp: u32) -> Option<usize> {
    fp.checked_sub(slot_to_fp as usize)
}

/// The instance that a frame of `function` runs in.
pub fn frame_instance(
    store: &Store,
    activation: &Activation,
    module: &Module,
    function: DefinedFuncIndex,
    fp: usize,
) -> Option<Instance> {
    let frame = module.compiled().frames.as_ref()?.functions[function];
    let address = slot_start(fp, frame.slot_to_fp)? + (CONTEXT_WORD * WORD_SIZE) as usize;
    store.instance_of_context(store.read_word(activation, address)?)
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
