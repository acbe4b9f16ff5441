//! Which operator a trap or call of the machine code belongs to, exactly.
//!
//! Between optimising and lowering, [`mark`] writes a number over every instruction's source location: its *place*,
//! which knows the operator. What Cranelift says of the machine code afterwards is a place and, for a trap, its code.
//! That this gives the one operator that trapped rests on what Cranelift does with instructions that may trap:
//!
//! - *Optimising leaves them where they are, in their order*, and removes one only if another comes before it that would
//!   have trapped instead: the same operation on the same values, or an access to the same address. There are two
//!   exceptions. A branch to a block that only traps becomes a conditional trap with the branch's location; [`Branches`]
//!   remembers which `unreachable` was behind each way. And a store may be removed because the next one overwrites it,
//!   if nothing between them may trap and their trap codes are equal; so a store never has the code of the store before
//!   it, on any way ([`Translator::store_trap`](super::function::Translator::store_trap)).
//! - *Lowering gives every instruction's machine code the instruction's own place*, but one: a load may become part of a
//!   later instruction that uses its result, whose place the machine code has then. It does so only inside a block, and
//!   never past another instruction with an effect that stays where it is. So each access to a memory or table gets a
//!   trap code of its own within its *stretch* of a block, which a place knows, too. A stretch ends with the block or, if
//!   the codes run out, with a `sequence_point`: an effect without machine code. No other instruction's codes are among
//!   these; they trap at their own place.
//! - An access has its own code, so no two of a stretch are fused into one instruction that reads and writes.
//!
//! It also rests on no machine instruction being able to trap in two ways: none that divides or converts takes an operand
//! from memory where it may trap. That is checked.

use super::target;
use crate::base::{Error, ErrorKind, Result, TrapCode, WasmPc};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{self, Block, Function, Inst, InstBuilder, InstructionData, Opcode, SourceLoc};
use cranelift_codegen::{Final, MachBufferFinalized};
use std::collections::HashMap;

/// The conditional branches of a function, and the blocks that end with an `unreachable`.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// By the branch's operator, in order: where it leads if its condition holds, and if not. An operator with several has
    /// at most one that an `unreachable` is behind: the last.
    ways: Vec<(WasmPc, [Block; 2])>,
    traps: HashMap<Block, WasmPc>,
}

impl Branches {
    /// Notes a branch of the operator at `pc`: the operator itself, or a check of what it does.
    pub(super) fn branch(&mut self, pc: WasmPc, then: Block, otherwise: Block) {
        self.ways.push((pc, [then, otherwise]));
    }

    /// Notes the `unreachable` at `pc`, the end of `block`.
    pub(super) fn unreachable(&mut self, pc: WasmPc, block: Block) {
        self.traps.insert(block, pc);
    }

    /// The `unreachable` behind one way of the branch at `pc`, of which a conditional trap was made.
    fn behind(&self, pc: WasmPc, holds: bool) -> Option<WasmPc> {
        let from = self.ways.partition_point(|(other, _)| *other < pc);
        let ways = self.ways[from..].iter().take_while(|(other, _)| *other == pc);
        ways.filter_map(|(_, ways)| self.traps.get(&ways[usize::from(!holds)])).next().copied()
    }
}

/// Where instructions are.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    /// Stretch by stretch, in the order of their codes: each access's operator, and how it traps.
    accesses: Vec<(WasmPc, TrapCode)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    pc: WasmPc,
    /// Where the accesses of its stretch begin.
    stretch: usize,
}

/// Marks the instructions of an optimised function. Until then their source locations are their operators, and their trap
/// codes those of [`target::trap`] and [`target::store`].
pub(super) fn mark(func: &mut Function, mut branches: Branches) -> Result<Places> {
    branches.ways.sort_by_key(|(pc, _)| *pc);
    let mut marked = Places::default();
    let mut cursor = FuncCursor::new(func);
    while cursor.next_block().is_some() {
        let mut stretch = marked.accesses.len();
        while let Some(inst) = cursor.next_inst() {
            // Instructions that Cranelift made up have none, but aren't of interest themselves.
            let mut pc = WasmPc(cursor.func.srcloc(inst).bits());
            if let Some(code) = cursor.func.dfg.insts[inst].memflags_trap_code(&cursor.func.dfg) {
                if marked.accesses.len() - stretch == target::ACCESSES {
                    cursor.ins().sequence_point();
                    stretch = marked.accesses.len();
                }
                set_trap_code(cursor.func, inst, marked.accesses.len() - stretch)?;
                marked.accesses.push((pc, target::trap_code(code)));
            } else if let InstructionData::CondTrap { opcode, code, .. } = cursor.func.dfg.insts[inst]
                && code == target::trap(TrapCode::Unreachable)
            {
                pc = branches.behind(pc, opcode == Opcode::Trapnz).expect("it was a branch");
            }
            let place = Place { pc, stretch };
            if marked.places.last() != Some(&place) {
                marked.places.push(place);
            }
            cursor.func.set_srcloc(inst, SourceLoc::new(marked.places.len() as u32 - 1));
        }
    }
    Ok(marked)
}

fn set_trap_code(func: &mut Function, inst: Inst, access: usize) -> Result<()> {
    let dfg = &mut func.dfg;
    let flags = dfg.insts[inst].memflags_mut().expect("an access has flags");
    let changed = dfg.mem_flags[*flags].with_trap_code(Some(target::access(access)));
    let changed = dfg.mem_flags.insert(changed);
    *flags = changed.map_err(|_| Error::new(ErrorKind::Limit, "a function has too many kinds of accesses"))?;
    Ok(())
}

impl Places {
    /// The operator that the byte of machine code at `offset` belongs to.
    pub(super) fn pc(&self, buffer: &MachBufferFinalized<Final>, offset: u32) -> WasmPc {
        self.at(buffer, offset).map_or(WasmPc::default(), |place| place.pc)
    }

    /// The instructions that may trap, by their offsets.
    pub(super) fn traps(&self, buffer: &MachBufferFinalized<Final>) -> Vec<(u32, TrapCode, WasmPc)> {
        // A check of the stack's limit belongs to no operator.
        let traps = buffer.traps().iter().filter(|trap| trap.code != ir::TrapCode::STACK_OVERFLOW);
        let traps: Vec<_> = traps
            .map(|trap| {
                let place = self.at(buffer, trap.offset).expect("what may trap has a place");
                let (pc, code) = match target::access_number(trap.code) {
                    Some(number) => self.accesses[place.stretch + number],
                    None => (place.pc, target::trap_code(trap.code)),
                };
                (trap.offset, code, pc)
            })
            .collect();
        assert!(traps.is_sorted_by(|left, right| left.0 < right.0), "an instruction traps in one way");
        traps
    }

    fn at(&self, buffer: &MachBufferFinalized<Final>, offset: u32) -> Option<Place> {
        let ranges = buffer.get_srclocs_sorted();
        let range = &ranges[..ranges.partition_point(|range| range.start <= offset)].last()?;
        (offset < range.end && !range.loc.is_default()).then(|| self.places[range.loc.bits() as usize])
    }
}
