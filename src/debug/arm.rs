//! Which stop points are armed: those that a breakpoint needs, and those that stepping goes through.
//!
//! A frame that is stepped has its function armed as a whole, and of the function that it returns to the one stop point
//! after the call. So a step is as cheap in a deep stack as in a shallow one, and whoever is returned to is armed when
//! the guest gets there. Nothing is armed before the guest is about to run, nor disarmed.
//!
//! Must not know events. Invariant: a stop point is armed exactly if its run has an enabled breakpoint or it is in
//! [`Armed`]; a change of code that fails is undone before anything else changes.

use super::Debuggee;
use super::breakpoints::{Site, SiteKey};
use super::hash::NumberMap;
use super::location::Location;
use super::standing::Standing;
use crate::abi::frame_table::Stop;
use crate::base::{CodeOffset, DefinedFuncIndex, Func, FuncIndex, NativePc, Result};
use crate::runtime::Module;
use cranelift_entity::EntityRef;
use std::cell::{Cell, RefCell};

/// A function of a module.
pub(super) type Function = (Module, DefinedFuncIndex);

/// What is armed for stepping.
#[derive(Default)]
pub(super) struct Armed {
    /// Functions, with all their stop points.
    functions: RefCell<NumberMap<(u64, u32), Module>>,
    /// Stop points that a stepped frame returns to.
    returns: RefCell<NumberMap<SiteKey, Return>>,
    /// Whether there are any of either; asked before each entry of the guest.
    any: Cell<bool>,
    /// Changes when they are disarmed.
    generation: Cell<u64>,
}

/// The stop point that a call returns to.
pub(super) struct Return {
    pub(super) module: Module,
    pub(super) stop: Stop,
}

impl Return {
    pub(super) fn key(&self) -> SiteKey {
        SiteKey::new(&self.module, &self.stop)
    }
}

/// A frame for which all is armed that a step from it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Prepared {
    generation: u64,
    module: u64,
    function: DefinedFuncIndex,
    /// Where it returns to.
    caller: Option<NativePc>,
}

impl Armed {
    /// Whether a stop point is armed for stepping.
    pub(super) fn contains(&self, function: (&Module, DefinedFuncIndex), key: SiteKey) -> bool {
        self.any.get() && (self.contains_function(function) || self.returns.borrow().contains_key(&key))
    }

    fn contains_function(&self, (module, function): (&Module, DefinedFuncIndex)) -> bool {
        self.functions.borrow().contains_key(&(module.id(), function.as_u32()))
    }

    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    fn insert_function(&self, (module, function): Function) {
        self.functions.borrow_mut().insert((module.id(), function.as_u32()), module);
        self.any.set(true);
    }

    pub(super) fn insert_return(&self, place: Return) {
        self.returns.borrow_mut().insert(place.key(), place);
        self.any.set(true);
    }
}

/// Changes of the code of one module: stop points, and whether each is to be armed.
pub(super) struct Patch {
    pub(super) module: Module,
    pub(super) stops: Vec<(CodeOffset, bool)>,
}

impl Patch {
    fn apply(&self, debuggee: &Debuggee) -> Result<()> {
        debuggee.store().patch(&self.module, self.stops.iter().copied())
    }

    fn undo(&self, debuggee: &Debuggee) {
        let stops = self.stops.iter().map(|(stop, armed)| (*stop, !armed));
        if let Err(error) = debuggee.store().patch(&self.module, stops) {
            debuggee.store().poison(&format!("an edit of code could not be undone: {error}"));
        }
    }
}

fn stops_of(module: &Module, function: DefinedFuncIndex) -> &[Stop] {
    module.compiled().frames.as_ref().map_or(&[], |frames| frames.stops_of(function))
}

impl Debuggee {
    /// Changes code: all of `patches`, or nothing.
    pub(super) fn patch(&self, patches: &[Patch]) -> Result<()> {
        // Whatever begins to step comes here first.
        self.store().require_slow_path();
        for (done, patch) in patches.iter().enumerate() {
            patch.apply(self).inspect_err(|_| patches[..done].iter().for_each(|patch| patch.undo(self)))?;
        }
        Ok(())
    }

    /// Arms a function for stepping.
    pub(super) fn arm_function(&self, function: Function) -> Result<()> {
        if self.armed.contains_function((&function.0, function.1)) {
            return Ok(());
        }
        let module = function.0.clone();
        let stops = self.unmarked(&module, stops_of(&module, function.1)).map(|stop| (stop, true)).collect();
        self.patch(&[Patch { module, stops }])?;
        self.armed.insert_function(function);
        Ok(())
    }

    /// Those of a module's stop points that no breakpoint needs.
    fn unmarked(&self, module: &Module, stops: &[Stop]) -> impl Iterator<Item = CodeOffset> {
        let unmarked = stops.iter().filter(|stop| self.book.enabled_at(SiteKey::new(module, stop)) == 0);
        unmarked.map(|stop| stop.return_offset)
    }

    /// Arms what a step may lead to from the innermost frame of a call, which stands at `site`: its function, and
    /// where it returns to.
    pub(super) fn arm_frame(&self, standing: &Standing, site: &Site) -> Result<()> {
        let caller = standing.caller();
        let prepared = Prepared {
            generation: self.armed.generation.get(),
            module: site.module.id(),
            function: site.function,
            caller: caller.map(|link| link.pc),
        };
        if standing.prepared.get() == Some(prepared) {
            return Ok(());
        }
        self.arm_function((site.module.clone(), site.function))?;
        if let Some(location) = caller.and_then(|link| self.cache.location(self.store(), link))
            && let Some(place) = self.return_to_arm(&location)
        {
            self.patch(&self.arming(&place))?;
            self.armed.insert_return(place);
        }
        standing.prepared.set(Some(prepared));
        Ok(())
    }

    /// The stop point that a frame of this location, which waits for a call, goes on at; none if it is armed for stepping.
    pub(super) fn return_to_arm(&self, location: &Location) -> Option<Return> {
        let Location { module, function, pc, .. } = location;
        let stops = stops_of(module, *function);
        let stop = *stops.get(stops.partition_point(|stop| stop.pc <= *pc))?;
        let place = Return { module: module.clone(), stop };
        (!self.armed.contains((module, *function), place.key())).then_some(place)
    }

    /// What it takes to arm a stop point for stepping.
    fn arming(&self, place: &Return) -> Vec<Patch> {
        let stops = self.unmarked(&place.module, &[place.stop]).map(|stop| (stop, true)).collect();
        vec![Patch { module: place.module.clone(), stops }]
    }

    /// Disarms everything that is armed for stepping.
    pub(super) fn disarm(&self) -> Result<()> {
        let mut patches: NumberMap<u64, Patch> = NumberMap::default();
        let mut disarm = |module: &Module, stops: &[Stop]| {
            let patch = patches.entry(module.id());
            let patch = patch.or_insert_with(|| Patch { module: module.clone(), stops: Vec::new() });
            patch.stops.extend(self.unmarked(module, stops).map(|stop| (stop, false)));
        };
        let (functions, returns) = (self.armed.functions.borrow(), self.armed.returns.borrow());
        for ((_, function), module) in &*functions {
            disarm(module, stops_of(module, DefinedFuncIndex::from_u32(*function)));
        }
        for place in returns.values() {
            disarm(&place.module, &[place.stop]);
        }
        drop((functions, returns));
        self.patch(&patches.into_values().collect::<Vec<_>>())?;
        self.forget_stepping();
        Ok(())
    }

    /// Forgets what was armed for stepping, after the code was changed.
    fn forget_stepping(&self) {
        let (functions, returns) = (self.armed.functions.take(), self.armed.returns.take());
        self.armed.any.set(false);
        self.armed.generation.set(self.armed.generation.get() + 1);
        for ((_, function), module) in functions {
            for stop in stops_of(&module, DefinedFuncIndex::from_u32(function)) {
                self.book.forget_unused(SiteKey::new(&module, stop));
            }
        }
        for key in returns.into_keys() {
            self.book.forget_unused(key);
        }
    }

    /// The function behind a handle, if it can be stepped through.
    pub(super) fn function_to_step(&self, func: Func) -> Option<Function> {
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
