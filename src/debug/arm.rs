//! Which stop points are armed: those that a breakpoint needs, and all of the functions that stepping goes through.
//!
//! Must not know events. Invariant: a stop point is armed exactly if its run has an enabled breakpoint or its function
//! is in [`ArmedFunctions`]; a change of code that fails is undone before anything else changes.

use super::Debuggee;
use super::breakpoints::SiteKey;
use super::hash::NumberMap;
use super::standing::Standing;
use crate::base::{CodeOffset, DefinedFuncIndex, FuncIndex, Result};
use crate::runtime::Module;
use cranelift_entity::EntityRef;
use std::cell::{Cell, RefCell};

/// A function of a module.
pub(super) type Function = (Module, DefinedFuncIndex);

/// Functions that are armed as a whole, for stepping.
#[derive(Default)]
pub(super) struct ArmedFunctions {
    functions: RefCell<NumberMap<(u64, u32), Module>>,
    /// Whether there are any; asked before each entry of the guest.
    any: Cell<bool>,
    /// Changes when they are disarmed: whoever armed functions before has to do it again.
    pub(super) generation: Cell<u64>,
}

impl ArmedFunctions {
    pub(super) fn contains(&self, module: u64, function: DefinedFuncIndex) -> bool {
        self.any.get() && self.functions.borrow().contains_key(&(module, function.as_u32()))
    }

    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    pub(super) fn insert(&self, functions: Vec<Function>) {
        let mut armed = self.functions.borrow_mut();
        armed.extend(functions.into_iter().map(|(module, function)| ((module.id(), function.as_u32()), module)));
        self.any.set(!armed.is_empty());
    }

    pub(super) fn list(&self) -> Vec<Function> {
        let functions = self.functions.borrow();
        functions
            .iter()
            .map(|((_, function), module)| (module.clone(), DefinedFuncIndex::from_u32(*function)))
            .collect()
    }

    /// Forgets them all.
    pub(super) fn clear(&self) {
        self.functions.borrow_mut().clear();
        self.any.set(false);
        self.generation.set(self.generation.get() + 1);
    }
}

/// A stop point to arm or disarm.
pub(super) struct Patch {
    pub(super) module: Module,
    pub(super) offset: CodeOffset,
    pub(super) armed: bool,
}

impl Patch {
    pub(super) fn key(&self) -> SiteKey {
        SiteKey::at(&self.module, self.offset)
    }
}

impl Debuggee {
    /// Changes code: all of `patches`, or nothing.
    pub(super) fn patch(&self, mut patches: Vec<Patch>) -> Result<()> {
        patches.sort_unstable_by_key(Patch::key);
        let by_module: Vec<&[Patch]> = patches.chunk_by(|a, b| a.module.is_same(&b.module)).collect();
        for (done, group) in by_module.iter().enumerate() {
            let edits = group.iter().map(|patch| (patch.offset, patch.armed));
            let Err(error) = self.store().patch(&group[0].module, edits) else { continue };
            for group in &by_module[..done] {
                let edits = group.iter().map(|patch| (patch.offset, !patch.armed));
                if let Err(undo) = self.store().patch(&group[0].module, edits) {
                    self.store().poison(&format!("an edit of code could not be undone: {undo}"));
                }
            }
            return Err(error);
        }
        Ok(())
    }

    /// What it takes to arm functions for stepping; those that are armed already are struck from the list.
    pub(super) fn arming(&self, functions: &mut Vec<Function>) -> Vec<Patch> {
        functions.retain(|(module, function)| !self.armed.contains(module.id(), *function));
        functions.sort_unstable_by_key(|(module, function)| (module.id(), *function));
        functions.dedup_by_key(|(module, function)| (module.id(), *function));
        let patches = functions.iter().flat_map(|function| self.unmarked_stops(function, true));
        patches.collect()
    }

    /// What it takes to disarm all functions that are armed for stepping.
    pub(super) fn disarming(&self) -> Vec<Patch> {
        self.armed.list().iter().flat_map(|function| self.unmarked_stops(function, false)).collect()
    }

    /// The stop points of a function that no breakpoint needs.
    fn unmarked_stops(&self, (module, function): &Function, armed: bool) -> impl Iterator<Item = Patch> {
        let stops = module.compiled().frames.as_ref().map_or(&[][..], |frames| frames.stops_of(*function));
        let unmarked = stops.iter().filter(|stop| self.book.enabled_at(SiteKey::new(module, stop)) == 0);
        unmarked.map(move |stop| Patch { module: module.clone(), offset: stop.return_offset, armed })
    }

    /// Arms functions for stepping.
    pub(super) fn arm(&self, mut functions: Vec<Function>) -> Result<()> {
        let patches = self.arming(&mut functions);
        if !functions.is_empty() {
            self.patch(patches)?;
            self.armed.insert(functions);
        }
        Ok(())
    }

    /// Disarms everything that is armed for stepping.
    pub(super) fn disarm(&self) -> Result<()> {
        self.patch(self.disarming())?;
        self.forget_stepping();
        Ok(())
    }

    /// Forgets what was armed for stepping, after the code was changed.
    pub(super) fn forget_stepping(&self) {
        let functions = self.armed.list();
        self.armed.clear();
        for (module, function) in functions {
            let stops = module.compiled().frames.as_ref().map_or(&[][..], |frames| frames.stops_of(function));
            for stop in stops {
                self.book.forget_unused(SiteKey::new(&module, stop));
            }
        }
    }

    /// The functions on the stack of a call that stands still.
    pub(super) fn functions_of(&self, standing: &Standing, functions: &mut Vec<Function>) {
        standing.each_frame(self.store(), |frame| {
            if let Some((function, _)) = frame.place() {
                functions.push((frame.module.clone(), function));
            }
        });
    }

    /// The function behind a handle, if it can be stepped through.
    pub(super) fn function_to_step(&self, func: crate::base::Func) -> Option<Function> {
        let (module, _, index) = self.store().func_location(func).ok()??;
        defined(module, index)
    }
}

/// The function at `index` of a module, if the module defines it and was compiled for debugging.
pub(super) fn defined(module: Module, index: FuncIndex) -> Option<Function> {
    module.compiled().frames.as_ref()?;
    let function = module.info().defined_func(index)?;
    debug_assert!(function.index() < module.compiled().functions.len());
    Some((module, function))
}
