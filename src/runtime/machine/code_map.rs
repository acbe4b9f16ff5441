//! Which code is where: a store's own sorted map from addresses to modules and trampolines.
//!
//! Knows nothing of how code got there. Invariant: it doesn't change while guest code runs, so the trap handler reads it
//! without a lock. Read next: [`super::traps`].

use super::super::Module;
use super::code_memory::{StoreCode, TrampolineCode};
use crate::base::{CodeOffset, NativePc, TrapCode};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Sorted ranges of code.
#[derive(Default)]
pub struct CodeMap {
    regions: Vec<Region>,
}

struct Region {
    range: Range<usize>,
    code: Code,
}

enum Code {
    Module(Module, #[expect(dead_code, reason = "keeps the mapping")] Rc<StoreCode>),
    Trampolines(Arc<TrampolineCode>),
}

impl CodeMap {
    /// Adds a module's code as mapped for the store.
    pub fn add_module(&mut self, module: &Module, code: Rc<StoreCode>) {
        self.add(code.base()..code.base() + code.length(), Code::Module(module.clone(), code));
    }

    /// Adds trampolines, unless they are there.
    pub fn add_trampolines(&mut self, code: Arc<TrampolineCode>) {
        if self.find(code.range().start).is_none() {
            self.add(code.range(), Code::Trampolines(code));
        }
    }

    fn add(&mut self, range: Range<usize>, code: Code) {
        if !range.is_empty() {
            let place = self.regions.partition_point(|region| region.range.start < range.start);
            self.regions.insert(place, Region { range, code });
        }
    }

    fn find(&self, pc: usize) -> Option<&Region> {
        let after = self.regions.partition_point(|region| region.range.start <= pc);
        let region = &self.regions[after.checked_sub(1)?];
        region.range.contains(&pc).then_some(region)
    }

    /// What a fault at this instruction means, if it is one that is known to trap.
    pub fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        let region = self.find(pc)?;
        let offset = CodeOffset((pc - region.range.start) as u32);
        match &region.code {
            Code::Module(module, _) => module.compiled().trap_at(offset).map(|site| site.code),
            Code::Trampolines(code) => code.trap_at(offset),
        }
    }

    /// Whose code is at `pc`, a module's or no module's but trampolines, and where it is mapped.
    pub fn code_at(&self, pc: NativePc) -> Option<(Option<&Module>, NativePc)> {
        let region = self.find(pc.0)?;
        let module = match &region.code {
            Code::Module(module, _) => Some(module),
            Code::Trampolines(_) => None,
        };
        Some((module, NativePc(region.range.start)))
    }

    /// The module whose code is at `pc`, and where its image is mapped.
    pub fn module_at(&self, pc: NativePc) -> Option<(&Module, NativePc)> {
        let (module, code) = self.code_at(pc)?;
        Some((module?, code))
    }

    /// Whether `pc` is the first instruction of a function, where the caller's frame is still the newest.
    pub fn is_entry(&self, pc: usize) -> bool {
        let Some(region) = self.find(pc) else { return false };
        let offset = CodeOffset((pc - region.range.start) as u32);
        match &region.code {
            Code::Module(module, _) => {
                let compiled = module.compiled();
                let function = compiled.function_at(offset);
                // Outside functions there is the stop thunk only, which has no frame either.
                function.is_none_or(|function| compiled.functions[function].start == offset)
            }
            Code::Trampolines(code) => code.is_entry(offset),
        }
    }
}
