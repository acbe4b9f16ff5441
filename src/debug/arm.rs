//! Which stop points are armed: those that a breakpoint needs, and those that stepping goes through.
//!
//! When a frame is stepped, all stop points of its function are armed, and one stop point of its caller: the first after the
//! call. So a step costs the same in a deep stack as in a shallow one; the rest of the caller is armed when the guest gets
//! there. Stop points are armed and disarmed for stepping only when the guest is about to run.
//!
//! A function may be in several blobs, in several forms. All that the store has mapped are armed, and those that it maps later
//! are armed before they can be reached.
//!
//! Must not know events. Invariant: a stop point is armed exactly if its run has an enabled breakpoint, a watchpoint needs it, or it is in
//! [`Armed`]; a change of code that fails is undone before anything else changes.

use super::Debuggee;
use super::breakpoints::{Book, Place, Site, SiteKey};
use super::hash::NumberMap;
use super::location::Location;
use super::stopped_call::StoppedCall;
use super::watching::Watching;
use crate::abi::frame_table::Stop;
use crate::base::{CodeOffset, DefinedFuncIndex, Func, FuncIndex, NativePc, Result};
use crate::runtime::{CodeObserver, MappedBlob, Module, Store};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// A function of a module.
pub(super) type Function = (Module, DefinedFuncIndex);

/// What is armed for stepping.
#[derive(Default)]
pub(super) struct Armed {
    /// Functions, with all their stop points in every form.
    functions: RefCell<NumberMap<(u64, u32), Module>>,
    /// Stop points that a stepped frame returns to.
    returns: RefCell<NumberMap<SiteKey, Return>>,
    /// Whether there are any of either; asked before each entry of the guest.
    any: Cell<bool>,
    /// Changes when they are disarmed.
    generation: Cell<u64>,
}

/// The stop point that a call returns to.
#[derive(Clone)]
pub(super) struct Return {
    pub(super) blob: Rc<MappedBlob>,
    pub(super) stop: Stop,
}

impl Return {
    pub(super) fn key(&self) -> SiteKey {
        SiteKey::new(&self.blob, &self.stop)
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

    /// Changes when they are disarmed.
    pub(super) fn generation(&self) -> u64 {
        self.generation.get()
    }

    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    fn insert_function(&self, (module, function): Function) {
        self.functions.borrow_mut().insert((module.id(), function.as_u32()), module);
        self.any.set(true);
    }

    /// Forgets the returns into code that is unmapped.
    pub(super) fn forget_blob(&self, blob: &MappedBlob) {
        self.returns.borrow_mut().retain(|_, place| place.blob.id() != blob.id());
    }

    pub(super) fn insert_return(&self, place: Return) {
        self.returns.borrow_mut().insert(place.key(), place);
        self.any.set(true);
    }
}

/// Changes of the code of one blob: stop points, and whether each is to be armed.
pub(super) struct Patch {
    pub(super) blob: Rc<MappedBlob>,
    pub(super) stops: Vec<(CodeOffset, bool)>,
}

impl Patch {
    fn apply(&self, debuggee: &Debuggee) -> Result<()> {
        debuggee.store().patch(&self.blob, self.stops.iter().copied())
    }

    fn undo(&self, debuggee: &Debuggee) {
        let stops = self.stops.iter().map(|(stop, armed)| (*stop, !armed));
        if let Err(error) = debuggee.store().patch(&self.blob, stops) {
            debuggee.store().poison(&format!("an edit of code could not be undone: {error}"));
        }
    }
}

/// The stop points of a function in a blob, in every form that is there.
fn stops_in(blob: &MappedBlob, function: DefinedFuncIndex) -> impl Iterator<Item = &Stop> {
    let frames = blob.frames();
    let bodies = blob.tables().bodies_of(function);
    bodies.flat_map(move |body| frames.map_or(&[][..], |frames| frames.stops_of(body)))
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
        let patch = |blob: Rc<MappedBlob>| {
            let stops = self.book.unmarked(&blob, stops_in(&blob, function.1)).map(|stop| (stop, true)).collect();
            Patch { blob, stops }
        };
        let patches: Vec<Patch> = self.store().blobs_of(&function.0).into_iter().map(patch).collect();
        self.patch(&patches)?;
        self.armed.insert_function(function);
        Ok(())
    }

    /// Arms the stop points that a step may lead to, from the innermost frame of a call, which is stopped at `site`: those of
    /// its function, and the one where its caller goes on.
    pub(super) fn arm_frame(&self, stopped_call: &StoppedCall, site: &Site) -> Result<()> {
        let caller = stopped_call.caller();
        let prepared = Prepared {
            generation: self.armed.generation.get(),
            module: site.blob.module().id(),
            function: site.blob.function(site.body),
            caller: caller.map(|link| link.pc),
        };
        if stopped_call.prepared.get() == Some(prepared) {
            return Ok(());
        }
        self.arm_function((site.blob.module().clone(), site.blob.function(site.body)))?;
        if let Some(location) = caller.and_then(|link| self.cache.location(self.store(), link)) {
            self.arm_return(&location)?;
        }
        stopped_call.prepared.set(Some(prepared));
        Ok(())
    }

    /// Arms the stop point that a frame of this location, which waits for a call, goes on at.
    pub(super) fn arm_return(&self, location: &Location) -> Result<()> {
        if let Some(place) = self.return_to_arm(location) {
            self.patch(&self.arming(&place))?;
            self.armed.insert_return(place);
        }
        Ok(())
    }

    /// The stop point that a frame of this location, which waits for a call, goes on at; none if it is armed for stepping.
    pub(super) fn return_to_arm(&self, location: &Location) -> Option<Return> {
        let Location { blob, body, .. } = location;
        let place = self.goes_on_at(location)?;
        (!self.armed.contains((blob.module(), blob.function(*body)), place.key())).then_some(place)
    }

    /// The stop point that a frame of this location, which waits for a call, goes on at.
    pub(super) fn goes_on_at(&self, location: &Location) -> Option<Return> {
        let Location { blob, body, pc, .. } = location;
        let stops = blob.frames()?.stops_of(*body);
        let stop = *stops.get(stops.partition_point(|stop| stop.pc <= *pc))?;
        Some(Return { blob: blob.clone(), stop })
    }

    /// What it takes to arm a stop point for stepping.
    pub(super) fn arming(&self, place: &Return) -> Vec<Patch> {
        let stops = self.book.unmarked(&place.blob, [&place.stop]).map(|stop| (stop, true)).collect();
        vec![Patch { blob: place.blob.clone(), stops }]
    }

    /// Disarms everything that is armed for stepping.
    pub(super) fn disarm(&self) -> Result<()> {
        let mut patches: NumberMap<u32, Patch> = NumberMap::default();
        let mut disarm = |blob: &Rc<MappedBlob>, stops: &mut dyn Iterator<Item = &Stop>| {
            let patch = patches.entry(blob.id().as_u32());
            let patch = patch.or_insert_with(|| Patch { blob: blob.clone(), stops: Vec::new() });
            let mut unneeded = stops.filter(|stop| !self.pending.needs(SiteKey::new(blob, stop)));
            patch.stops.extend(self.book.unmarked(blob, &mut unneeded).map(|stop| (stop, false)));
        };
        let (functions, returns) = (self.armed.functions.borrow(), self.armed.returns.borrow());
        for ((_, function), module) in &*functions {
            for blob in self.store().blobs_of(module) {
                disarm(&blob, &mut stops_in(&blob, DefinedFuncIndex::from_u32(*function)));
            }
        }
        for place in returns.values() {
            disarm(&place.blob, &mut [&place.stop].into_iter());
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
            for blob in self.store().blobs_of(&module) {
                for stop in stops_in(&blob, DefinedFuncIndex::from_u32(function)) {
                    self.book.forget_unused(SiteKey::new(&blob, stop));
                }
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
    let function = module.info().defined_func(index).filter(|_| module.engine().is_debug())?;
    Some((module, function))
}

/// Keeps code that is mapped later armed as the code before it.
pub(super) struct ArmNewCode {
    pub(super) book: Rc<Book>,
    pub(super) armed: Rc<Armed>,
    pub(super) watching: Rc<Watching>,
}

impl CodeObserver for ArmNewCode {
    fn mapped(&self, store: &Store, blob: &Rc<MappedBlob>) -> Result<()> {
        let spots = self.book.spots_of(blob.module())?;
        let places: Vec<Vec<Place>> = spots.all.iter().map(|spot| spot.places_in(blob)).collect();
        let enabled = spots.all.iter().zip(&places).filter(|(spot, _)| spot.rules.is_enabled());
        let mut armed: BTreeSet<CodeOffset> =
            enabled.flat_map(|(_, places)| places.iter().map(|place| place.stop.return_offset)).collect();
        for (module, function) in self.armed.functions.borrow().keys() {
            if *module == blob.module().id() {
                armed.extend(stops_in(blob, DefinedFuncIndex::from_u32(*function)).map(|stop| stop.return_offset));
            }
        }
        let watched = self.watching.stops_of(blob);
        armed.extend(&watched.offsets);
        if !armed.is_empty() {
            store.patch(blob, armed.into_iter().map(|stop| (stop, true)))?;
        }
        if !watched.offsets.is_empty() {
            self.book.watched.borrow_mut().insert(blob.id().as_u32(), watched);
        }
        for (spot, places) in spots.all.iter().zip(places) {
            if spot.rules.is_enabled() {
                places.iter().for_each(|place| self.book.mark_at(spot, place, true));
            }
            spot.places.borrow_mut().extend(places);
        }
        self.book.adopt(blob.module(), spots);
        Ok(())
    }
}
