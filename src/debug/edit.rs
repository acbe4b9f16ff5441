//! Edit sessions: begin, any number of intents, then commit or discard.
//!
//! Must not know calls, but for who is on a stack. Invariant: a commit first works out everything it will change, then changes the code, which may fail and is undone
//! then, and only after that the breakpoints, which can't fail. Read next: `arm.rs`.

use super::Debuggee;
use super::arm::{Function, Patch, defined};
use super::breakpoints::{Breakpoint, SiteKey};
use super::replay::operator_at_or_after;
use crate::base::{FuncIndex, Result, StoreId, WasmPc, error::bail};
use crate::runtime::Module;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

/// A list of intended changes to a store's breakpoints. Nothing happens before [`Edit::commit`], which does all of
/// it or nothing. Dropping an edit discards it.
///
/// An edit may be begun, filled and committed at rest, inside a host function, inside an event handler, and while calls
/// are paused. It makes no frame stale.
pub struct Edit {
    store: StoreId,
    intents: Vec<Intent>,
}

enum Intent {
    Add(Rc<Breakpoint>),
    Remove(u64),
    Enable(u64, bool),
    SingleStep(bool),
}

/// What a commit makes of one breakpoint.
struct Fate {
    breakpoint: Rc<Breakpoint>,
    is_listed: bool,
    exists: bool,
    enabled: bool,
}

impl Fate {
    fn was_enabled(&self) -> bool {
        self.is_listed && self.breakpoint.enabled.get()
    }

    fn will_be_enabled(&self) -> bool {
        self.exists && self.enabled
    }
}

impl Edit {
    /// Begins an edit of `debuggee`'s breakpoints. Any number may be under way.
    pub fn begin(debuggee: &Debuggee) -> Result<Edit> {
        debuggee.check_debug()?;
        Ok(Edit { store: debuggee.store().id(), intents: Vec::new() })
    }

    /// The store that it was begun on.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Intends to add a breakpoint; answers its id and the operator where it lands.
    ///
    /// A pc between operators slips to the next operator of the same body, one in a function's header to its first.
    /// `OutOfRange` past the last operator of a body, or outside all bodies.
    pub fn add(&mut self, debuggee: &Debuggee, module: &Module, pc: WasmPc) -> Result<(u64, WasmPc)> {
        self.check(debuggee, module)?;
        let Some(function) = module.info().function_at(pc) else {
            bail!(OutOfRange, "{pc} is in no function's body");
        };
        let actual = operator_at_or_after(module, function, pc);
        let breakpoint = Breakpoint::new(debuggee.book.new_id(), module, function, pc, actual);
        let id = breakpoint.id;
        self.intents.push(Intent::Add(Rc::new(breakpoint)));
        Ok((id, actual))
    }

    /// Intends to add a breakpoint at a function's first operator. `InvalidArgument` for an imported function.
    pub fn add_at_function(
        &mut self,
        debuggee: &Debuggee,
        module: &Module,
        function: FuncIndex,
    ) -> Result<(u64, WasmPc)> {
        self.check(debuggee, module)?;
        let info = module.info();
        if !info.funcs.is_valid(function) {
            bail!(OutOfRange, "the module has {} functions, there is no {}", info.funcs.len(), function.as_u32());
        }
        let Some(defined) = info.defined_func(function) else {
            bail!(InvalidArgument, "function {} is imported, it has no body", function.as_u32());
        };
        self.add(debuggee, module, info.bodies[defined].operators)
    }

    /// Intends to remove a breakpoint. Whether it exists is checked by the commit.
    pub fn remove(&mut self, id: u64) {
        self.intents.push(Intent::Remove(id));
    }

    /// Intends to enable or disable a breakpoint. Whether it exists is checked by the commit.
    pub fn enable(&mut self, id: u64, enabled: bool) {
        self.intents.push(Intent::Enable(id, enabled));
    }

    /// Intends to turn single-step mode on or off.
    pub fn single_step(&mut self, on: bool) {
        self.intents.push(Intent::SingleStep(on));
    }

    /// Makes the changes, in the order in which they were intended, or none of them.
    ///
    /// `WrongStore` if it was begun on another store, `NotFound` if a breakpoint that it names doesn't exist,
    /// `System` or `Poisoned` if code couldn't be changed.
    pub fn commit(self, debuggee: &Debuggee) -> Result<()> {
        self.check_store(debuggee)?;
        debuggee.store().check_poisoned()?;
        let (fates, single_step) = self.fates(debuggee)?;
        let was_stepping = debuggee.single_step.get();
        let starts = single_step && !was_stepping;
        // A step of one operator that is under way needs what is armed.
        let stops = !single_step && was_stepping && !debuggee.is_step_requested();
        let mut functions = if starts { debuggee.functions_on_stacks() } else { Vec::new() };
        let mut patches = Patches::default();
        patches.extend(debuggee.arming(&mut functions));
        if stops {
            patches.extend(debuggee.disarming());
        }
        debuggee.adjust(&fates, &functions, stops, &mut patches);
        debuggee.patch(patches.into_inner())?;

        debuggee.single_step.set(single_step);
        for fate in fates.values() {
            if fate.is_listed != fate.exists {
                if fate.exists {
                    debuggee.book.insert(fate.breakpoint.clone());
                } else {
                    debuggee.book.remove(fate.breakpoint.id);
                }
            }
            if fate.was_enabled() != fate.will_be_enabled() {
                debuggee.book.mark(&fate.breakpoint, fate.will_be_enabled());
            } else {
                fate.breakpoint.enabled.set(fate.enabled);
            }
        }
        if !functions.is_empty() {
            debuggee.armed.insert(functions);
        }
        if stops {
            debuggee.forget_stepping();
        }
        Ok(())
    }

    /// Forgets the changes, as dropping the edit does.
    pub fn discard(self) {}

    fn check(&self, debuggee: &Debuggee, module: &Module) -> Result<()> {
        self.check_store(debuggee)?;
        if !module.engine().is_same(debuggee.store().engine()) {
            bail!(InvalidArgument, "the module was compiled by another engine than the store's");
        }
        Ok(())
    }

    fn check_store(&self, debuggee: &Debuggee) -> Result<()> {
        if self.store != debuggee.store().id() {
            bail!(WrongStore, "the edit was begun on another store");
        }
        Ok(())
    }

    /// What becomes of each breakpoint that the intents name, and of single-step mode.
    fn fates(self, debuggee: &Debuggee) -> Result<(BTreeMap<u64, Fate>, bool)> {
        let mut fates: BTreeMap<u64, Fate> = BTreeMap::new();
        let mut single_step = debuggee.single_step.get();
        for intent in self.intents {
            match intent {
                Intent::SingleStep(on) => single_step = on,
                Intent::Add(breakpoint) => {
                    let fate = Fate { breakpoint, is_listed: false, exists: true, enabled: true };
                    fates.insert(fate.breakpoint.id, fate);
                }
                Intent::Remove(id) => fate(&mut fates, debuggee, id)?.exists = false,
                Intent::Enable(id, enabled) => fate(&mut fates, debuggee, id)?.enabled = enabled,
            }
        }
        Ok((fates, single_step))
    }
}

/// The fate of a breakpoint that exists so far.
fn fate<'a>(fates: &'a mut BTreeMap<u64, Fate>, debuggee: &Debuggee, id: u64) -> Result<&'a mut Fate> {
    let fate = match fates.entry(id) {
        Entry::Occupied(fate) => fate.into_mut(),
        Entry::Vacant(place) => {
            let Some(breakpoint) = debuggee.book.breakpoint(id) else { bail!(NotFound, "there is no breakpoint {id}") };
            let enabled = breakpoint.enabled.get();
            place.insert(Fate { breakpoint, is_listed: true, exists: true, enabled })
        }
    };
    if !fate.exists {
        bail!(NotFound, "there is no breakpoint {id} any more");
    }
    Ok(fate)
}

impl Debuggee {
    fn is_step_requested(&self) -> bool {
        self.step_request.get().is_some() || self.outer_requests.get() != 0
    }

    /// The functions of all frames of calls that aren't paused. A paused call arms its own when it is resumed.
    fn functions_on_stacks(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for standing in self.standings() {
            self.functions_of(&standing, &mut functions);
        }
        functions.retain(|(module, function)| defined(module.clone(), module.info().func_index(*function)).is_some());
        functions
    }

    /// Adds what the breakpoints need to `patches`, which arm the functions in `starting`, or disarm whatever was
    /// armed for stepping if that `stops`.
    fn adjust(&self, fates: &BTreeMap<u64, Fate>, starting: &[Function], stops: bool, patches: &mut Patches) {
        let mut changes: BTreeMap<SiteKey, (isize, &Breakpoint)> = BTreeMap::new();
        for fate in fates.values() {
            let change = isize::from(fate.will_be_enabled()) - isize::from(fate.was_enabled());
            if let (Some(key), true) = (fate.breakpoint.site(), change != 0) {
                changes.entry(key).or_insert((0, &fate.breakpoint)).0 += change;
            }
        }
        for (key, (change, breakpoint)) in changes {
            let Some((stop, _)) = breakpoint.place else { continue };
            let (module, function) = (&breakpoint.module, breakpoint.function);
            let before = self.book.enabled_at(key);
            let after = before.checked_add_signed(change).expect("counted from the same list");
            let is_stepped = self.armed.contains(module.id(), function);
            let will_be_stepped =
                starting.iter().any(|(other, f)| other.is_same(module) && *f == function) || is_stepped && !stops;
            let (is_armed, will_be_armed) = (before != 0 || is_stepped, after != 0 || will_be_stepped);
            // Stepping's own patches went by the breakpoints as they are.
            if is_armed == will_be_armed {
                patches.remove(key);
            } else {
                patches.set(key, Patch { module: module.clone(), offset: stop.return_offset, armed: will_be_armed });
            }
        }
    }
}

/// At most one patch for each stop point.
#[derive(Default)]
struct Patches(BTreeMap<SiteKey, Patch>);

impl Patches {
    fn extend(&mut self, patches: Vec<Patch>) {
        self.0.extend(patches.into_iter().map(|patch| (patch.key(), patch)));
    }

    fn set(&mut self, key: SiteKey, patch: Patch) {
        self.0.insert(key, patch);
    }

    fn remove(&mut self, key: SiteKey) {
        self.0.remove(&key);
    }

    fn into_inner(self) -> Vec<Patch> {
        self.0.into_values().collect()
    }
}
