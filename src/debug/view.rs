//! What a frame is and holds, as long as its call is stopped.
//!
//! Must not know how frames are found. Invariant: a value that isn't known is `Unavailable`, and is never guessed.
//! Read next: `stopped_call.rs`, which makes views, and `layout.rs`.

use super::evaluator::{Slot, Values};
use super::frame::FrameKind;
use super::layout::{Layout, StateSlot, shown};
use super::pending::{Variable, Writes};
use crate::base::{BodyIndex, DefinedFuncIndex, Instance, ValType, Value, WasmPc};
use crate::runtime::{Activation, MappedBlob, Module, Store};
use std::cell::Cell;
use std::ops::Range;

/// A frame and where its values are.
pub(super) struct View<'a> {
    pub(super) kind: FrameKind,
    pub(super) blob: &'a MappedBlob,
    pub(super) body: BodyIndex,
    pub(super) pc: WasmPc,
    pub(super) fp: usize,
    pub(super) contents: Contents<'a>,
    pub(super) activation: &'a Activation,
    pub(super) instances: &'a LastInstance,
    /// The address of its instance's context, if the state slot doesn't have it.
    pub(super) context: Option<u64>,
    /// What it will have when it is returned to.
    pub(super) writes: Option<&'a Writes>,
}

/// Where the values of a frame are.
pub(super) enum Contents<'a> {
    /// Here.
    Replayed(&'a Values),
    /// On the stack.
    Stack(&'a Layout),
    /// Nobody knows.
    Unknown,
}

impl View<'_> {
    pub(super) fn module(&self) -> &Module {
        self.blob.module()
    }

    pub(super) fn function(&self) -> DefinedFuncIndex {
        self.blob.function(self.body)
    }

    /// The instance that it runs in; none if the guest's stack ended before the frame was complete.
    #[inline]
    pub(super) fn instance(&self, store: &Store) -> Option<Instance> {
        if let Some(context) = self.context {
            return self.instances.at(context, store);
        }
        let slot_to_fp = match &self.contents {
            Contents::Stack(layout) => layout.slot_to_fp(),
            // The slot of a frame that isn't complete may hold anything.
            Contents::Unknown if self.kind == FrameKind::Calling => return None,
            _ => self.blob.frames()?.functions[self.body].slot_to_fp,
        };
        self.instances.at(StateSlot::new(self.activation, self.fp, slot_to_fp).context()?, store)
    }

    #[inline]
    fn slot(&self, layout: &Layout) -> StateSlot<'_> {
        StateSlot::new(self.activation, self.fp, layout.slot_to_fp())
    }

    /// Number of locals.
    #[inline]
    pub(super) fn n_locals(&self) -> usize {
        match &self.contents {
            Contents::Replayed(values) => values.locals.len(),
            Contents::Stack(layout) => layout.n_locals(),
            Contents::Unknown => self.module().info().local_types(self.function()).len(),
        }
    }

    /// Number of operands.
    #[inline]
    pub(super) fn n_operands(&self) -> usize {
        match &self.contents {
            Contents::Replayed(values) => values.operands.len(),
            Contents::Stack(layout) => layout.n_operands(),
            Contents::Unknown => 0,
        }
    }

    /// Types of the operands, bottom first.
    pub(super) fn operand_types(&self) -> Vec<ValType> {
        match &self.contents {
            Contents::Replayed(values) => values.operands.iter().map(|slot| slot.ty).collect(),
            Contents::Stack(layout) => layout.operand_types(),
            Contents::Unknown => Vec::new(),
        }
    }

    /// Hands out the locals in `which`, each with its place among them.
    #[inline]
    pub(super) fn read_locals(&self, store: &Store, which: Range<usize>, mut put: impl FnMut(usize, Value)) {
        if let Some(writes) = self.writes {
            return self.read_with(writes, Variable::Local(which.start as u32), store, which, &mut put);
        }
        match &self.contents {
            Contents::Replayed(values) => each_tagged(&values.locals[which], store, put),
            Contents::Stack(layout) => {
                layout.read_locals(self.slot(layout), store, which, put);
            }
            Contents::Unknown => (0..which.len()).for_each(|place| put(place, Value::Unavailable)),
        }
    }

    /// Hands out the operands in `which`, bottom first, each with its place among them.
    #[inline]
    pub(super) fn read_operands(&self, store: &Store, which: Range<usize>, mut put: impl FnMut(usize, Value)) {
        if let Some(writes) = self.writes {
            return self.read_with(writes, Variable::Operand(which.start as u32), store, which, &mut put);
        }
        match &self.contents {
            Contents::Replayed(values) => each_tagged(&values.operands[which], store, put),
            Contents::Stack(layout) => {
                layout.read_operands(self.slot(layout), store, which, put);
            }
            Contents::Unknown => (0..which.len()).for_each(|place| put(place, Value::Unavailable)),
        }
    }

    /// The type and bits of a local, if it is a scalar whose value is known.
    #[inline]
    pub(super) fn local_bits(&self, local: usize) -> Option<(ValType, u64)> {
        if let Some(written) = self.written(Variable::Local(local as u32)) {
            return scalar(&written);
        }
        match &self.contents {
            Contents::Replayed(values) => scalar(values.locals.get(local)?),
            Contents::Stack(layout) => layout.local_bits(self.slot(layout), local),
            Contents::Unknown => None,
        }
    }

    /// The same of an operand, counted from the bottom.
    #[inline]
    pub(super) fn operand_bits(&self, operand: usize) -> Option<(ValType, u64)> {
        if let Some(written) = self.written(Variable::Operand(operand as u32)) {
            return scalar(&written);
        }
        match &self.contents {
            Contents::Replayed(values) => scalar(values.operands.get(operand)?),
            Contents::Stack(layout) => layout.operand_bits(self.slot(layout), operand),
            Contents::Unknown => None,
        }
    }

    #[inline]
    fn written(&self, variable: Variable) -> Option<Slot> {
        self.writes.and_then(|writes| writes.get(variable))
    }

    /// The same for a frame into which something was written.
    #[cold]
    fn read_with(
        &self,
        writes: &Writes,
        first: Variable,
        store: &Store,
        which: Range<usize>,
        put: &mut dyn FnMut(usize, Value),
    ) {
        let Contents::Stack(layout) = &self.contents else {
            unreachable!("it waits for a call, and its values are known")
        };
        let put = |place: usize, value| match writes.get(first.behind(place as u32)) {
            Some(written) => shown(&written, store, |value| put(place, value)),
            None => put(place, value),
        };
        match first {
            Variable::Local(_) => layout.read_locals(self.slot(layout), store, which, put),
            Variable::Operand(_) => layout.read_operands(self.slot(layout), store, which, put),
        }
    }
}

fn scalar(slot: &Slot) -> Option<(ValType, u64)> {
    (slot.ty != ValType::V128).then(|| (slot.ty, slot.lo()))
}

#[inline]
fn each_tagged(slots: &[Slot], store: &Store, mut put: impl FnMut(usize, Value)) {
    for (place, slot) in slots.iter().enumerate() {
        shown(slot, store, |value| put(place, value));
    }
}

/// The last instance context that was read from a frame, and its instance: neighbours often share it.
#[derive(Default)]
pub struct LastInstance(Cell<(u64, Option<Instance>)>);

impl LastInstance {
    /// The instance with this context.
    #[inline]
    pub(super) fn at(&self, context: u64, store: &Store) -> Option<Instance> {
        let (known, instance) = self.0.get();
        if known == context && instance.is_some() {
            return instance;
        }
        let instance = store.instance_of_context(context);
        self.0.set((context, instance));
        instance
    }
}
