//! Facts about loops that a look over the whole function gives: what each assigns and stores, and whether anything branches
//! back to it.

use crate::abi::homes::Homes;
use crate::base::{DefinedFuncIndex, Result, WasmPc};
use crate::compile::model::{Cursor, Effect, Plan};
use crate::wasm::parse::invalid;
use crate::wasm::stack_effect::{branch_label, catch_labels};
use crate::wasm::{ModuleInfo, OpenCatches};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use wasmparser::Operator;

/// The facts of one function.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Every assignment of a local, in order.
    assignments: Vec<(WasmPc, u32)>,
    /// Every effect that changes words, in order.
    stores: Vec<(WasmPc, Range<u32>)>,
    /// The `end` of each loop.
    ends: HashMap<WasmPc, WasmPc>,
    /// Loops that something branches to.
    targets: HashSet<WasmPc>,
    /// The `catch` and `catch_all` whose exceptions are thrown again.
    rethrown: HashSet<WasmPc>,
}

impl Facts {
    pub(super) fn new(info: &ModuleInfo, function: DefinedFuncIndex, plan: &Plan, homes: &Homes) -> Result<Facts> {
        let mut facts = Facts::default();
        let mut open: Vec<(WasmPc, bool)> = vec![(WasmPc(0), false)];
        let mut catches = OpenCatches::default();
        let body = info.body(function);
        let reader = body.get_operators_reader().map_err(|error| invalid(&error))?;
        for operator in reader.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| invalid(&error))?;
            let pc = WasmPc(offset as u32);
            facts.rethrown.extend(catches.see(pc, &operator));
            let mut target = |depth: u32| {
                let (pc, is_loop) = open[open.len() - 1 - depth as usize];
                if is_loop {
                    facts.targets.insert(pc);
                }
            };
            if let Some(label) = branch_label(&operator) {
                target(label);
            }
            match operator {
                Operator::BrTable { targets } => {
                    targets
                        .targets()
                        .chain([Ok(targets.default())])
                        .for_each(|depth| target(depth.expect("validated")));
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    facts.assignments.push((pc, local_index));
                }
                Operator::TryTable { try_table } => {
                    catch_labels(&try_table).for_each(target);
                    open.push((pc, false));
                }
                Operator::Block { .. } | Operator::If { .. } | Operator::Try { .. } => open.push((pc, false)),
                Operator::Loop { .. } => open.push((pc, true)),
                Operator::End | Operator::Delegate { .. } => {
                    if let Some((start, true)) = open.pop() {
                        facts.ends.insert(start, pc);
                    }
                }
                _ => {}
            }
        }
        for (pc, effects) in Cursor::groups(&plan.effects) {
            for effect in effects {
                if let Some(words) = effect.stored(homes) {
                    facts.stores.push((pc, words));
                }
            }
        }
        Ok(facts)
    }

    /// Whether something branches to the loop that begins at `pc`.
    pub(super) fn is_target(&self, pc: WasmPc) -> bool {
        self.targets.contains(&pc)
    }

    /// Whether the exception that is caught by the `catch` or `catch_all` at `pc` is thrown again.
    pub(super) fn is_rethrown(&self, pc: WasmPc) -> bool {
        self.rethrown.contains(&pc)
    }

    /// The locals that the loop assigns, some more than once.
    pub(super) fn assigned(&self, pc: WasmPc) -> impl Iterator<Item = u32> {
        let end = self.ends[&pc];
        let from = self.assignments.partition_point(|(at, _)| *at <= pc);
        self.assignments[from..].iter().take_while(move |(at, _)| *at <= end).map(|(_, local)| *local)
    }

    /// The words that the loop stores to, some more than once.
    pub(super) fn stored(&self, pc: WasmPc) -> impl Iterator<Item = u32> {
        let end = self.ends[&pc];
        let from = self.stores.partition_point(|(at, _)| *at <= pc);
        let stores = self.stores[from..].iter().take_while(move |(at, _)| *at <= end);
        stores.flat_map(|(_, words)| words.clone())
    }
}

impl Effect {
    /// The words that it changes.
    pub(super) fn stored(self, homes: &Homes) -> Option<Range<u32>> {
        match self {
            Effect::StoreLocal { local } => Some(homes.locals(local, 1)),
            Effect::StoreOperand { words, word, .. } => Some(word..word + u32::from(words)),
            Effect::ZeroLocals { first, count } => Some(homes.locals(first, count)),
            _ => None,
        }
    }
}
