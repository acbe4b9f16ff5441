//! Pieces: where guest code counts the fuel that it takes, and where it looks whether it is to be left.
//!
//! The translator marks where a piece begins, with an effect that has no machine code, and adds up what its operators cost
//! ([`crate::abi::fuel`]). [`Pieces::expand`] makes code of the marks once the function is optimised: a subtraction from the
//! counter in memory, and, where a function or a loop begins, a look at its sign or at the word of interrupts, with a way to a
//! cold block that leaves the guest. It is done so late because the optimiser would keep the counter in a register, where nobody
//! could read or change it while the guest is left at any instruction: the subtraction is one instruction, done or not.
//!
//! Invariants: marks are at the same places in every form of a function, since the translator puts them before an operator's stop
//! point, and looks at nothing but the operators. Read next: [`super::control`].

use super::function::Translator;
use super::signatures;
use crate::abi::builtins::Builtin;
use crate::abi::fuel::{self, FOUND_FUEL, FOUND_FUEL_WITHIN, FOUND_REQUEST};
use crate::abi::vmctx::{STORE_CONTEXT, store_context};
use crate::base::WasmPc;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, Inst, InstBuilder, MemFlagsData, SigRef, Value, types};
use cranelift_codegen::packed_option::ReservedValue;
use std::collections::HashMap;
use wasmparser::Operator;

/// What guest code does for its pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counting {
    /// Whether it takes fuel, and looks whether there is some left.
    pub(super) fuel: bool,
    /// Whether it looks whether it is to be left.
    pub(super) looks: bool,
}

impl Counting {
    /// Whether it does anything.
    pub(super) fn any(self) -> bool {
        self.fuel || self.looks
    }
}

/// The pieces of a function.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    counting: Counting,
    marks: Vec<Mark>,
    /// The piece that the next operator is in, if it has begun.
    open: Option<usize>,
    /// Whether a function or a loop begins with the next operator, whose mark isn't put yet.
    begins: bool,
}

/// Something to make code of.
#[derive(Debug)]
struct Mark {
    /// The instruction before which the code comes. If it is only there for that, it is a `sequence_point`.
    at: Inst,
    pc: WasmPc,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A piece begins.
    Piece { cost: u32, looks: bool },
    /// An operator costs by its size: this argument of the call, divided by a power of two.
    Sized { argument: usize, log2: u8 },
}

impl Pieces {
    /// Those of a function that declares so many locals.
    pub(super) fn new(counting: Counting, declared: usize) -> Pieces {
        let mut pieces = Pieces { counting, ..Pieces::default() };
        let entry = pieces.begin();
        pieces.is_reached(entry);
        if counting.fuel
            && let Kind::Piece { cost, .. } = &mut pieces.marks[entry].kind
        {
            *cost = (declared >> fuel::LOCALS_LOG2) as u32;
        }
        pieces
    }

    /// The function, or a loop, begins. Answers the mark's number, for [`Pieces::is_reached`].
    pub(super) fn begin(&mut self) -> usize {
        if self.counting.any() {
            self.open = Some(self.marks.len());
            self.begins = true;
            let kind = Kind::Piece { cost: 0, looks: false };
            self.marks.push(Mark { at: Inst::reserved_value(), pc: WasmPc::default(), kind });
        }
        self.marks.len().saturating_sub(1)
    }

    /// Notes that the beginning of this number may be come to again and again: guest code looks there.
    pub(super) fn is_reached(&mut self, beginning: usize) {
        if let Some(Mark { kind: Kind::Piece { looks, .. }, .. }) = self.marks.get_mut(beginning) {
            *looks = true;
        }
    }

    /// The piece ends, behind an operator or where ways merge.
    pub(super) fn end(&mut self) {
        self.open = None;
    }

    /// What the pieces cost, by where they begin.
    pub(super) fn costs(&self) -> Vec<(WasmPc, u32)> {
        let costs = self.marks.iter().filter_map(|mark| match mark.kind {
            Kind::Piece { cost, .. } if cost > 0 => Some((mark.pc, cost)),
            _ => None,
        });
        costs.collect()
    }
}

impl Translator<'_> {
    /// Counts the current operator, which can be reached, before anything else is done for it.
    pub(super) fn count(&mut self, operator: &Operator<'_>) {
        let Translator { pieces, builder, pc, .. } = self;
        if !pieces.counting.any() {
            return;
        }
        let more = if pieces.counting.fuel { fuel::cost(operator) } else { 0 };
        if std::mem::take(&mut pieces.begins) {
            let mark = pieces.marks.iter_mut().rev().find(|mark| mark.at.is_reserved_value());
            let mark = mark.expect("it has begun");
            (mark.at, mark.pc) = (builder.ins().sequence_point(), *pc);
        } else if pieces.open.is_none() && more > 0 {
            pieces.open = Some(pieces.marks.len());
            let kind = Kind::Piece { cost: 0, looks: false };
            pieces.marks.push(Mark { at: builder.ins().sequence_point(), pc: *pc, kind });
        }
        if let Some(open) = pieces.open
            && let Kind::Piece { cost, .. } = &mut pieces.marks[open].kind
        {
            *cost += more;
        }
    }

    /// Notes that what the builtin does that gave this result costs by its size, an argument after the context.
    pub(super) fn costs_by_size(&mut self, result: Value, argument: usize, log2: u8) {
        if self.pieces.counting.fuel {
            let call = self.builder.func.dfg.value_def(result).unwrap_inst();
            let kind = Kind::Sized { argument: argument + 1, log2 };
            self.pieces.marks.push(Mark { at: call, pc: self.pc, kind });
        }
    }
}

impl Pieces {
    /// Makes code of the marks of an optimised function. Its control flow has to be computed anew.
    pub(super) fn expand(&self, func: &mut Function) {
        let numbers: HashMap<Inst, usize> =
            self.marks.iter().zip(0..).map(|(mark, number)| (mark.at, number)).collect();
        let mut found: Vec<usize> = Vec::new();
        let mut cursor = FuncCursor::new(func);
        while cursor.next_block().is_some() {
            while let Some(inst) = cursor.next_inst() {
                found.extend(numbers.get(&inst));
            }
        }
        let entry = func.layout.entry_block().expect("it is complete");
        let context = func.dfg.block_params(entry)[0];
        let first = func.layout.first_inst(entry).expect("a block isn't empty");
        let location = func.srcloc(first);
        let mut cursor = FuncCursor::new(func).at_inst(first).with_srcloc(location);
        let store = cursor.ins().load(types::I64, MemFlagsData::trusted().with_readonly(), context, STORE_CONTEXT);
        let mut leaving = Leaving { context, store, signature: None };
        // From the last one on, so that what follows a mark in its block is moved once.
        for number in found.into_iter().rev() {
            let Mark { at, kind, .. } = self.marks[number];
            let location = func.srcloc(at);
            match kind {
                Kind::Piece { cost, looks } => {
                    let mut cursor = FuncCursor::new(func).at_inst(at).with_srcloc(location);
                    if cost > 0 {
                        let cost = cursor.ins().iconst(types::I64, i64::from(cost));
                        leaving.take(&mut cursor, cost);
                    }
                    if looks && self.counting.looks {
                        leaving.look_at(func, at, FOUND_REQUEST);
                    }
                    if looks && self.counting.fuel {
                        leaving.look_at(func, at, FOUND_FUEL);
                    }
                    FuncCursor::new(func).at_inst(at).remove_inst();
                }
                Kind::Sized { argument, log2 } => {
                    let size = func.dfg.inst_variable_args(at)[argument];
                    let mut cursor = FuncCursor::new(func).at_inst(at).with_srcloc(location);
                    let size = match cursor.func.dfg.value_type(size) {
                        types::I64 => size,
                        _ => cursor.ins().uextend(types::I64, size),
                    };
                    let cost = cursor.ins().ushr_imm_u(size, i64::from(log2));
                    leaving.take(&mut cursor, cost);
                    leaving.look_at(func, at, FOUND_FUEL_WITHIN);
                }
            }
        }
    }
}

/// How the guest is left.
struct Leaving {
    context: Value,
    store: Value,
    signature: Option<SigRef>,
}

impl Leaving {
    /// Takes fuel, in one instruction.
    fn take(&self, cursor: &mut FuncCursor<'_>, cost: Value) {
        let flags = MemFlagsData::trusted();
        let before = cursor.ins().load(types::I64, flags, self.store, store_context::FUEL);
        let after = cursor.ins().isub(before, cost);
        cursor.ins().store(flags, after, self.store, store_context::FUEL);
    }

    /// Looks, before this instruction, whether there is reason to leave the guest, and leaves it with that.
    fn look_at(&mut self, func: &mut Function, at: Inst, found: i64) {
        let (flags, location) = (MemFlagsData::trusted(), func.srcloc(at));
        let before = func.layout.inst_block(at).expect("it is in the function");
        let (cold, next) = (func.dfg.make_block(), func.dfg.make_block());
        func.layout.split_block(next, at);
        func.layout.append_block(cold);
        func.layout.set_cold(cold);
        let mut cursor = FuncCursor::new(func).at_bottom(before).with_srcloc(location);
        let (offset, goes_on) = match found {
            FOUND_REQUEST => (store_context::INTERRUPT, IntCC::Equal),
            _ => (store_context::FUEL, IntCC::SignedGreaterThanOrEqual),
        };
        let word = cursor.ins().load(types::I64, flags, self.store, offset);
        let goes_on = cursor.ins().icmp_imm_s(goes_on, word, 0);
        // In this order for the register allocators: see `checks`.
        cursor.ins().brif(goes_on, next, &[], cold, &[]);
        let mut cursor = FuncCursor::new(func).at_bottom(cold).with_srcloc(location);
        let table = cursor.ins().load(types::I64, flags, self.store, store_context::BUILTINS);
        let entry = cursor.ins().load(types::I64, flags, table, Builtin::look.offset());
        let signature =
            *self.signature.get_or_insert_with(|| cursor.func.import_signature(signatures::builtin(Builtin::look)));
        let found = cursor.ins().iconst(types::I64, found);
        cursor.ins().call_indirect(signature, entry, &[self.context, found]);
        cursor.ins().jump(next, &[]);
    }
}
