//! A look ahead over a function's blocks: which locals each one assigns and reads, whether it is branched to, and whether
//! it calls.
//!
//! Only debugging needs it: where control flow merges, a local that the block doesn't assign keeps its description,
//! a loop that nothing branches back to isn't a merge, and calls decide from where locals are read.

use crate::base::{DefinedFuncIndex, Result, WasmPc};
use crate::wasm::parse::invalid;
use crate::wasm::stack_effect::{branch_label, catch_labels};
use crate::wasm::{ModuleInfo, OpenCatches};
use std::collections::HashSet;
use wasmparser::Operator;

/// A block, loop, `if` or the function itself.
#[derive(Clone, Copy, Debug)]
struct Scan {
    /// Its assignments are `assignments[first..end]`; those of blocks inside it are among them.
    first: u32,
    end: u32,
    /// The same for what it reads.
    first_read: u32,
    end_read: u32,
    targeted: bool,
    calls: bool,
}

/// The blocks of a function, numbered in the order in which they open; the function is block 0.
#[derive(Debug, Default)]
pub(in crate::compile) struct Blocks {
    scans: Vec<Scan>,
    assignments: Vec<u32>,
    reads: Vec<u32>,
    /// For each local that is assigned, the places in `assignments`, ascending.
    places: std::collections::HashMap<u32, Vec<u32>>,
    operators: u64,
    /// The `catch` and `catch_all` whose exceptions are thrown again.
    rethrown: HashSet<WasmPc>,
}

impl Blocks {
    pub(in crate::compile) fn scan(info: &ModuleInfo, function: DefinedFuncIndex) -> Result<Blocks> {
        let mut blocks = Blocks::default();
        let mut open = vec![blocks.open()];
        let mut catches = OpenCatches::default();
        let body = info.body(function);
        let mut reader = body.get_operators_reader().map_err(|error| invalid(&error))?;
        while !reader.eof() {
            blocks.operators += 1;
            let pc = WasmPc(reader.original_position() as u32);
            let operator = reader.read().map_err(|error| invalid(&error))?;
            blocks.rethrown.extend(catches.see(pc, &operator));
            if let Some(label) = branch_label(&operator) {
                blocks.target(&open, label);
            }
            match operator {
                Operator::TryTable { try_table } => {
                    // Its labels are those around it.
                    catch_labels(&try_table).for_each(|label| blocks.target(&open, label));
                    open.push(blocks.open());
                }
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Try { .. } => {
                    open.push(blocks.open());
                }
                Operator::End | Operator::Delegate { .. } => {
                    let closed = open.pop().expect("validated");
                    let calls = blocks.scans[closed].calls;
                    blocks.scans[closed].end = blocks.assignments.len() as u32;
                    blocks.scans[closed].end_read = blocks.reads.len() as u32;
                    if let Some(outer) = open.last() {
                        blocks.scans[*outer].calls |= calls;
                    }
                }
                Operator::Call { .. } | Operator::CallIndirect { .. } => {
                    blocks.scans[*open.last().expect("validated")].calls = true;
                }
                Operator::LocalGet { local_index } => blocks.reads.push(local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    let place = blocks.assignments.len() as u32;
                    blocks.assignments.push(local_index);
                    blocks.places.entry(local_index).or_default().push(place);
                }
                Operator::BrTable { targets } => {
                    for depth in targets.targets() {
                        blocks.target(&open, depth.map_err(|error| invalid(&error))?);
                    }
                    blocks.target(&open, targets.default());
                }
                _ => {}
            }
        }
        Ok(blocks)
    }

    fn open(&mut self) -> usize {
        let (first, first_read) = (self.assignments.len() as u32, self.reads.len() as u32);
        self.scans.push(Scan { first, end: first, first_read, end_read: first_read, targeted: false, calls: false });
        self.scans.len() - 1
    }

    fn target(&mut self, open: &[usize], depth: u32) {
        self.scans[open[open.len() - 1 - depth as usize]].targeted = true;
    }

    /// Whether the exception that is caught by the `catch` or `catch_all` at `pc` is thrown again.
    pub(in crate::compile) fn is_rethrown(&self, pc: WasmPc) -> bool {
        self.rethrown.contains(&pc)
    }

    /// The function's operators.
    pub(in crate::compile) fn operators(&self) -> u64 {
        self.operators
    }

    /// Whether a branch names the block.
    pub(in crate::compile) fn is_targeted(&self, block: u32) -> bool {
        self.scans[block as usize].targeted
    }

    /// Whether the block, or one inside it, assigns the local.
    pub(in crate::compile) fn assigns(&self, block: u32, local: u32) -> bool {
        let Scan { first, end, .. } = self.scans[block as usize];
        self.places.get(&local).is_some_and(|places| {
            let next = places.partition_point(|place| *place < first);
            places.get(next).is_some_and(|place| *place < end)
        })
    }

    /// Whether the block, or one inside it, calls a function.
    pub(in crate::compile) fn calls(&self, block: u32) -> bool {
        self.scans[block as usize].calls
    }

    /// The locals that the block reads, some of them more than once.
    pub(in crate::compile) fn read(&self, block: u32) -> &[u32] {
        let Scan { first_read, end_read, .. } = self.scans[block as usize];
        &self.reads[first_read as usize..end_read as usize]
    }

    /// The parameters and the locals that are assigned somewhere, ascending; all others are zero everywhere.
    pub(in crate::compile) fn live(&self, params: u32) -> Vec<u32> {
        let assigned = self.places.keys().copied().filter(|local| *local >= params);
        let mut live: Vec<u32> = (0..params).chain(assigned).collect();
        live.sort_unstable();
        live
    }

    /// The locals that the block assigns, some of them more than once.
    pub(in crate::compile) fn assigned(&self, block: u32) -> &[u32] {
        let Scan { first, end, .. } = self.scans[block as usize];
        &self.assignments[first as usize..end as usize]
    }
}
