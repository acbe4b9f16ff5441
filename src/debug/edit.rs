//! Edit sessions: begin, any number of intents, then commit or discard.
//!
//! Of calls it knows only which functions are on a stack. Invariant: a commit has three steps. It works out everything that
//! it will change; it changes the code, which may fail, and is undone if it does; it changes the breakpoints, which can't
//! fail. Read next: `arm.rs`.

use super::Debuggee;
use super::arm::{Patch, Return};
use super::break_target::{BreakTarget, ImportedFunction};
use super::breakpoints::{Breakpoint, SiteKey};
use super::expression::ExpressionText;
use super::log_point::LogText;
use super::options::{BreakpointOptions, Condition, Rules};
use super::tracing::{Traced, TracedFunctions};
use super::watched_frames::Framed;
use super::watching::Plan;
use super::watchpoints::{WatchTarget, Watchpoint};
use crate::base::{
    CodeOffset, DefinedFuncIndex, FuncIndex, Result, StoreId, Tag, TrapCode, WasmPc, error::bail, memory,
};
use crate::runtime::{MappedBlob, Module};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::rc::Rc;

/// A list of intended changes to a store's breakpoints and watchpoints. Nothing happens before [`Edit::commit`], which does all of
/// it or nothing. Dropping an edit discards it.
///
/// An edit may be begun, filled and committed at rest, inside a host function, inside an event handler, and while calls
/// are paused. It makes no frame stale.
pub struct Edit {
    store: StoreId,
    intents: Vec<Intent>,
}

enum Intent {
    Add(Breakpoint),
    Watch(Rc<Watchpoint>),
    Remove(u64),
    Enable(u64, bool),
    Options(u64, BreakpointOptions),
    Condition(u64, Option<Rc<Condition>>),
    Expression(u64, Option<Rc<ExpressionText>>),
    LogText(u64, Option<Rc<LogText>>),
    SingleStep(bool),
    Trace(Module, Range<u32>, bool),
}

/// A breakpoint or a watchpoint.
enum Point {
    Break(Rc<Breakpoint>),
    Watch(Rc<Watchpoint>),
}

impl Point {
    fn rules(&self) -> &Rules {
        match self {
            Point::Break(breakpoint) => &breakpoint.rules,
            Point::Watch(watchpoint) => &watchpoint.rules,
        }
    }
}

/// What a commit makes of one breakpoint or watchpoint.
struct Fate {
    point: Point,
    is_listed: bool,
    exists: bool,
    enabled: bool,
    /// What changes of its options and its conditions.
    options: Option<BreakpointOptions>,
    condition: Option<Option<Rc<Condition>>>,
    expression: Option<Option<Rc<ExpressionText>>>,
    log_text: Option<Option<Rc<LogText>>>,
}

impl Fate {
    fn new(point: Point, is_listed: bool) -> Fate {
        let enabled = point.rules().is_enabled();
        Fate {
            point,
            is_listed,
            exists: true,
            enabled,
            options: None,
            condition: None,
            expression: None,
            log_text: None,
        }
    }

    fn was_enabled(&self) -> bool {
        self.is_listed && self.point.rules().is_enabled()
    }

    fn will_be_enabled(&self) -> bool {
        self.exists && self.enabled
    }

    /// Has the code be there that the breakpoint is in, if it is to be armed.
    fn map(&self, debuggee: &Debuggee) -> Result<()> {
        match &self.point {
            Point::Break(breakpoint) if self.will_be_enabled() => {
                breakpoint.target.module().map_or(Ok(()), |module| debuggee.store().map(module))
            }
            _ => Ok(()),
        }
    }

    /// Has the breakpoint know where it is in the code. Those that are listed know it as long as they are.
    fn find_places(&self, debuggee: &Debuggee) -> Result<()> {
        match &self.point {
            Point::Break(breakpoint) if !self.is_listed => {
                breakpoint.find_places(debuggee.store(), &debuggee.book.modules())
            }
            _ => Ok(()),
        }
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
    /// `OutOfRange` past the last operator of a body, or outside all bodies; `System` without memory for it.
    pub fn add(&mut self, debuggee: &Debuggee, module: &Module, pc: WasmPc) -> Result<(u64, WasmPc)> {
        self.check(debuggee, module)?;
        self.add_target(debuggee, BreakTarget::Pc { module: module.clone(), pc })
    }

    /// Intends to add a breakpoint; answers its id and the first operator that it is at, 0 if there is none yet.
    fn add_target(&mut self, debuggee: &Debuggee, target: BreakTarget) -> Result<(u64, WasmPc)> {
        memory::reserve(&mut self.intents, 1)?;
        memory::ask_for_several()?;
        let breakpoint = Breakpoint::new(debuggee.book.new_id(), target)?;
        let landed = (breakpoint.id, breakpoint.info().actual);
        self.intents.push(Intent::Add(breakpoint));
        Ok(landed)
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

    /// Intends to add a breakpoint at the first operator of each function with a body that is exported under `name`, or to which the name
    /// section gives it, in `module` or, without one, in every module of the store, those included that come later; answers its id.
    ///
    /// Errors: `InvalidArgument` without a name; `NotFound` if the module has no such function; `System` without memory for it.
    pub fn add_at_function_name(&mut self, debuggee: &Debuggee, module: Option<&Module>, name: &str) -> Result<u64> {
        self.check_some(debuggee, module)?;
        if name.is_empty() {
            bail!(InvalidArgument, "a name of no characters");
        }
        memory::ask(name.len() + 64)?;
        let target = BreakTarget::FunctionName { module: module.cloned(), name: name.into() };
        if let Some(module) = module
            && target.operators_in(module)?.is_empty()
        {
            bail!(NotFound, "the module has no function with a body that is called '{name}'");
        }
        Ok(self.add_target(debuggee, target)?.0)
    }

    /// Intends to add a breakpoint at each operator that calls an imported function, before the call, in `module` or, without one, in every
    /// module of the store, those included that come later; answers its id. Operators that call by a table or a reference are among them, and
    /// reach it if that is the function.
    ///
    /// Errors: `OutOfRange` or `InvalidArgument` for an index that isn't an import's, or without a module; `NotFound` if the module imports no
    /// function of these names; `System` without memory for it.
    pub fn add_at_import_calls(
        &mut self,
        debuggee: &Debuggee,
        module: Option<&Module>,
        import: ImportedFunction,
    ) -> Result<u64> {
        self.check_some(debuggee, module)?;
        match (&import, module) {
            (ImportedFunction::Index(_), None) => bail!(InvalidArgument, "an index is of one module"),
            (ImportedFunction::Index(index), Some(module)) => {
                let info = module.info();
                if !info.funcs.is_valid(*index) {
                    let n = info.funcs.len();
                    bail!(OutOfRange, "the module has {n} functions, there is no {}", index.as_u32());
                }
                if info.defined_func(*index).is_some() {
                    bail!(InvalidArgument, "function {} isn't imported", index.as_u32());
                }
            }
            (ImportedFunction::Names(of, name), Some(module)) if import.functions_in(module)?.is_empty() => {
                bail!(NotFound, "the module imports no function '{of}' '{name}'");
            }
            _ => {}
        }
        Ok(self.add_target(debuggee, BreakTarget::ImportCalls { module: module.cloned(), import })?.0)
    }

    /// Intends to add a breakpoint at traps with this code, or with any; answers its id.
    ///
    /// Errors: `InvalidArgument` for uncaught exceptions, and for traps that the host asks for at an event; `System`.
    pub fn add_at_trap(&mut self, debuggee: &Debuggee, code: Option<TrapCode>) -> Result<u64> {
        self.check_store(debuggee)?;
        if let Some(code @ (TrapCode::Exception | TrapCode::Requested)) = code {
            bail!(InvalidArgument, "no guest traps with '{code}'");
        }
        Ok(self.add_target(debuggee, BreakTarget::Trap(code))?.0)
    }

    /// Intends to add a breakpoint at throws of exceptions of this tag, or of any, that the guest catches, or doesn't; answers its id.
    ///
    /// Errors: `InvalidArgument` if it is for neither; `WrongStore` or `OutOfRange` for the tag; `System`.
    pub fn add_at_exception(
        &mut self,
        debuggee: &Debuggee,
        tag: Option<Tag>,
        caught: bool,
        uncaught: bool,
    ) -> Result<u64> {
        self.check_store(debuggee)?;
        if !caught && !uncaught {
            bail!(InvalidArgument, "a breakpoint at exceptions that are neither caught nor uncaught");
        }
        if let Some(tag) = tag {
            debuggee.store().tag_type_id(tag)?;
        }
        Ok(self.add_target(debuggee, BreakTarget::Exception { tag, caught, uncaught })?.0)
    }

    /// Intends to add a watchpoint; answers its id. `access` is of [`bits`](super::access::bits).
    ///
    /// Errors: `InvalidArgument` for an access that is none, or no bytes; `WrongStore`; `OutOfRange` beyond what is there now; `Limit`
    /// for more than [`MOST_BYTES`](super::watchpoints::MOST_BYTES); `System`.
    pub fn watch(&mut self, debuggee: &Debuggee, target: WatchTarget, access: u8) -> Result<u64> {
        self.check_store(debuggee)?;
        memory::reserve(&mut self.intents, 1)?;
        let watchpoint = Watchpoint::new(debuggee, target, access)?;
        let id = watchpoint.id;
        self.intents.push(Intent::Watch(Rc::new(watchpoint)));
        Ok(id)
    }

    /// Intends to remove a breakpoint. Whether it exists is checked by the commit.
    pub fn remove(&mut self, id: u64) {
        self.intents.push(Intent::Remove(id));
    }

    /// Intends to enable or disable a breakpoint. Whether it exists is checked by the commit.
    pub fn enable(&mut self, id: u64, enabled: bool) {
        self.intents.push(Intent::Enable(id, enabled));
    }

    /// Intends to give a breakpoint these options instead of those that it has; what is to be ignored is counted anew. Whether it exists is
    /// checked by the commit.
    pub fn set_options(&mut self, id: u64, options: BreakpointOptions) {
        self.intents.push(Intent::Options(id, options));
    }

    /// Intends to give a breakpoint this condition instead of the one that it has, or none. Whether it exists is checked by the commit.
    pub fn set_condition(&mut self, id: u64, condition: Option<Condition>) {
        self.intents.push(Intent::Condition(id, condition.map(Rc::new)));
    }

    /// Intends to give a breakpoint or watchpoint this expression for a condition, see [`super::expression`], instead of the one that it has,
    /// or none. It is evaluated before the host's condition is asked, and without anybody hearing of a hit that it declines.
    ///
    /// What may be reached in several functions is given an expression that is read for each of them when it is reached there first.
    ///
    /// Errors: `NotFound` if there is no such breakpoint or watchpoint, now or in this edit; `InvalidArgument` with the place if the text is no
    /// expression, or names what the one function hasn't that the breakpoint is in; `System` without memory for it.
    pub fn set_expression(&mut self, debuggee: &Debuggee, id: u64, text: Option<&str>) -> Result<()> {
        self.check_store(debuggee)?;
        let function = self.only_function(debuggee, id)?;
        memory::reserve(&mut self.intents, 1)?;
        memory::ask_for_several()?;
        let expression = text.map(|text| ExpressionText::new(text, function)).transpose()?;
        self.intents.push(Intent::Expression(id, expression.map(Rc::new)));
        Ok(())
    }

    /// Intends to make a breakpoint or watchpoint a log point with this text, see [`super::log_point`], instead of the text that it has, or none
    /// any more: it raises no event, and the host is handed the text.
    ///
    /// Errors: as those of [`Edit::set_expression`], for the expressions in the text; `InvalidArgument` for braces that stand alone.
    pub fn set_log_text(&mut self, debuggee: &Debuggee, id: u64, text: Option<&str>) -> Result<()> {
        self.check_store(debuggee)?;
        let function = self.only_function(debuggee, id)?;
        memory::reserve(&mut self.intents, 1)?;
        memory::ask_for_several()?;
        let text = text.map(|text| LogText::new(text, function.as_ref())).transpose()?;
        self.intents.push(Intent::LogText(id, text.map(Rc::new)));
        Ok(())
    }

    /// The only function that a breakpoint may ever be reached in; none if there may be several, or it is a watchpoint.
    fn only_function(&self, debuggee: &Debuggee, id: u64) -> Result<Option<(Module, DefinedFuncIndex)>> {
        let only = |breakpoint: &Breakpoint| match &breakpoint.target {
            BreakTarget::Pc { module, .. } => {
                breakpoint.spots.borrow().first().map(|spot| (module.clone(), spot.function))
            }
            _ => None,
        };
        for intent in &self.intents {
            match intent {
                Intent::Add(added) if added.id == id => return Ok(only(added)),
                Intent::Watch(added) if added.id == id => return Ok(None),
                _ => {}
            }
        }
        match debuggee.book.breakpoint(id) {
            Some(known) => Ok(only(&known)),
            None if debuggee.has_point(id) => Ok(None),
            None => bail!(NotFound, "there is no breakpoint {id}"),
        }
    }

    /// Intends to have entries and exits of so many functions of a module told, from this one on, or not any more; imported ones among them
    /// are skipped.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if the module doesn't have all of them; `InvalidArgument` for a module of another engine, or if all
    /// are imported; `System`.
    pub fn trace(&mut self, debuggee: &Debuggee, module: &Module, functions: Range<u32>, is_on: bool) -> Result<()> {
        self.check(debuggee, module)?;
        let (all, imported) = (module.info().funcs.len() as u32, module.info().imported_funcs);
        if functions.end > all || functions.is_empty() {
            let Range { start, end } = functions;
            bail!(OutOfRange, "the module has {all} functions, there are no {start} to {end}");
        }
        if functions.end <= imported {
            bail!(InvalidArgument, "the functions are imported, they have no bodies");
        }
        memory::reserve(&mut self.intents, 1)?;
        let defined = functions.start.saturating_sub(imported)..functions.end - imported;
        self.intents.push(Intent::Trace(module.clone(), defined, is_on));
        Ok(())
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
        let traced = self.traced(debuggee)?;
        let (fates, single_step) = self.fates(debuggee)?;
        let starts = single_step && !debuggee.single_step.get();
        let returns = if starts { debuggee.returns_from_hosts() } else { Vec::new() };
        // What is in every module is to be in those, too, that are mapped for others.
        fates.values().try_for_each(|fate| fate.map(debuggee))?;
        fates.values().try_for_each(|fate| fate.find_places(debuggee))?;
        let plan = debuggee.plan_for(&fates, traced)?;
        debuggee.patch(&debuggee.changes(&fates, &returns, plan.as_ref()))?;

        debuggee.single_step.set(single_step);
        for fate in fates.values() {
            if let Some(options) = fate.options {
                fate.point.rules().set_options(options);
            }
            if let Some(condition) = &fate.condition {
                fate.point.rules().set_condition(condition.clone());
            }
            if let Some(expression) = &fate.expression {
                debuggee.book.has_expressions.set(true);
                fate.point.rules().set_expression(expression.clone());
            }
            if let Some(text) = &fate.log_text {
                fate.point.rules().set_log_text(text.clone());
            }
            let breakpoint = match &fate.point {
                Point::Break(breakpoint) => breakpoint,
                Point::Watch(watchpoint) => {
                    debuggee.watching.set(watchpoint, fate.exists, fate.enabled);
                    continue;
                }
            };
            if fate.is_listed != fate.exists {
                if fate.exists {
                    debuggee.book.insert(breakpoint.clone());
                } else {
                    debuggee.book.remove(breakpoint.id);
                }
            }
            let has_new_conditions = fate.condition.is_some() || fate.expression.is_some();
            let has_new_options = fate.options.is_some() || has_new_conditions || fate.log_text.is_some();
            let is_marked_anew = fate.will_be_enabled() && has_new_options;
            if is_marked_anew || fate.was_enabled() != fate.will_be_enabled() {
                debuggee.book.mark(breakpoint, fate.will_be_enabled());
            } else {
                breakpoint.rules.set_enabled(fate.enabled);
            }
        }
        if let Some(plan) = plan {
            debuggee.adopt_watching(plan);
        }
        returns.into_iter().for_each(|place| debuggee.armed.insert_return(place));
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

    fn check_some(&self, debuggee: &Debuggee, module: Option<&Module>) -> Result<()> {
        module.map_or_else(|| self.check_store(debuggee), |module| self.check(debuggee, module))
    }

    fn check_store(&self, debuggee: &Debuggee) -> Result<()> {
        if self.store != debuggee.store().id() {
            bail!(WrongStore, "the edit was begun on another store");
        }
        Ok(())
    }

    /// What is traced then, if that changes.
    fn traced(&self, debuggee: &Debuggee) -> Result<Option<Rc<TracedFunctions>>> {
        let mut traced: Option<TracedFunctions> = None;
        for intent in &self.intents {
            let Intent::Trace(module, functions, is_on) = intent else { continue };
            memory::ask(module.info().bytes.len())?;
            let traced = traced.get_or_insert_with(|| (*debuggee.watching.tracing.functions()).clone());
            for function in functions.clone() {
                let key = (module.id(), function);
                if *is_on {
                    let new = || Rc::new(Traced::new(module, DefinedFuncIndex::from_u32(function)));
                    traced.entry(key).or_insert_with(new);
                } else {
                    traced.remove(&key);
                }
            }
        }
        Ok(traced.map(Rc::new))
    }

    /// What becomes of each breakpoint that the intents name, and of single-step mode.
    fn fates(self, debuggee: &Debuggee) -> Result<(BTreeMap<u64, Fate>, bool)> {
        let mut fates: BTreeMap<u64, Fate> = BTreeMap::new();
        let mut single_step = debuggee.single_step.get();
        for intent in self.intents {
            match intent {
                Intent::SingleStep(on) => single_step = on,
                Intent::Trace(..) => {}
                Intent::Add(breakpoint) => {
                    fates.insert(breakpoint.id, Fate::new(Point::Break(Rc::new(breakpoint)), false));
                }
                Intent::Watch(watchpoint) => {
                    fates.insert(watchpoint.id, Fate::new(Point::Watch(watchpoint), false));
                }
                Intent::Remove(id) => fate(&mut fates, debuggee, id)?.exists = false,
                Intent::Enable(id, enabled) => fate(&mut fates, debuggee, id)?.enabled = enabled,
                Intent::Options(id, options) => fate(&mut fates, debuggee, id)?.options = Some(options),
                Intent::Condition(id, condition) => fate(&mut fates, debuggee, id)?.condition = Some(condition),
                Intent::Expression(id, expression) => fate(&mut fates, debuggee, id)?.expression = Some(expression),
                Intent::LogText(id, text) => fate(&mut fates, debuggee, id)?.log_text = Some(text),
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
            let watchpoint = || debuggee.watching.point(id).map(Point::Watch);
            let Some(point) = debuggee.book.breakpoint(id).map(Point::Break).or_else(watchpoint) else {
                bail!(NotFound, "there is no breakpoint {id}")
            };
            place.insert(Fate::new(point, true))
        }
    };
    if !fate.exists {
        bail!(NotFound, "there is no breakpoint {id} any more");
    }
    Ok(fate)
}

impl Debuggee {
    /// The stop points that are to be armed when stepping begins, for calls that wait for host functions: those go on
    /// without asking. A call that is stopped or paused arms what it needs when it goes on.
    fn returns_from_hosts(&self) -> Vec<Return> {
        let hosts = self.waiting_calls();
        let locations = hosts.iter().filter_map(|stopped_call| stopped_call.waits_at(self.store(), &self.cache));
        locations.filter_map(|location| self.return_to_arm(&location)).collect()
    }

    /// What becomes of the watching and tracing, if anything does. What is there now is what is compared with.
    fn plan_for(&self, fates: &BTreeMap<u64, Fate>, traced: Option<Rc<TracedFunctions>>) -> Result<Option<Plan>> {
        let listed = || (self.watching.enabled(), self.watching.frames.points());
        let mut watched = traced.is_some().then(listed);
        let traced = traced.unwrap_or_else(|| self.watching.tracing.functions());
        for (id, fate) in fates {
            let Point::Watch(watchpoint) = &fate.point else { continue };
            let is_of_frame = watchpoint.frame.is_some();
            if fate.was_enabled() == fate.will_be_enabled() && (!is_of_frame || fate.is_listed == fate.exists) {
                continue;
            }
            if fate.will_be_enabled() || !fate.is_listed {
                self.check_watchable(watchpoint, !fate.is_listed)?;
            }
            let (enabled, framed) = watched.get_or_insert_with(listed);
            if is_of_frame && fate.is_listed != fate.exists {
                if fate.exists {
                    framed.push(watchpoint.clone());
                } else {
                    framed.retain(|known| known.id != *id);
                }
            }
            if fate.will_be_enabled() {
                watchpoint.refresh(self.store())?;
                enabled.insert(*id, watchpoint.clone());
            } else {
                enabled.remove(id);
            }
        }
        let Some((enabled, framed)) = watched else { return Ok(None) };
        let framed = framed.into_iter().map(|point| Framed { is_enabled: enabled.contains_key(&point.id), point });
        let framed = framed.collect();
        self.plan_watching(enabled.into_values(), framed, traced).map(Some)
    }

    /// What it takes to bring the code from what the breakpoints and stepping need to what they will need, with
    /// `returns` armed for stepping, too.
    fn changes(&self, fates: &BTreeMap<u64, Fate>, returns: &[Return], plan: Option<&Plan>) -> Vec<Patch> {
        let mut changes: BTreeMap<SiteKey, Change> = BTreeMap::new();
        for place in returns {
            let change = Change::new(&place.blob, place.stop.return_offset);
            changes.entry(place.key()).or_insert(change).is_return = true;
        }
        for fate in fates.values() {
            let Point::Break(breakpoint) = &fate.point else { continue };
            for spot in &*breakpoint.spots.borrow() {
                for place in &*spot.places.borrow() {
                    let key = place.key();
                    let change = || Change::new(&place.blob, place.stop.return_offset);
                    let change = changes.entry(key).or_insert_with(change);
                    change.breakpoints += isize::from(fate.will_be_enabled()) - isize::from(fate.was_enabled());
                    let is_stepped = self.armed.contains((&spot.module, spot.function), key);
                    change.is_stepped = is_stepped || self.pending.needs(key);
                }
            }
        }
        let of_watchpoints = plan.map_or_else(Vec::new, |plan| self.watch_patches(plan, &mut changes));
        let mut patches: Vec<Patch> = Vec::new();
        for (key, change) in changes {
            let before = self.book.enabled_at(key);
            let after = before.checked_add_signed(change.breakpoints).expect("counted from the same list");
            let is_armed = before != 0 || change.is_stepped;
            let will_be_armed = after != 0 || change.is_stepped || change.is_return;
            if is_armed == will_be_armed {
                continue;
            }
            match patches.last_mut() {
                Some(last) if last.blob.id() == change.blob.id() => last.stops.push((change.offset, will_be_armed)),
                _ => patches.push(Patch { blob: change.blob, stops: vec![(change.offset, will_be_armed)] }),
            }
        }
        patches.extend(of_watchpoints);
        patches
    }
}

/// What changes for a stop point.
pub(super) struct Change {
    blob: Rc<MappedBlob>,
    offset: CodeOffset,
    /// For how much more it will be needed: enabled breakpoints, and watchpoints as one.
    breakpoints: isize,
    /// Whether it is armed for stepping, or for a write.
    is_stepped: bool,
    /// Whether it will be, as of now.
    is_return: bool,
}

impl Change {
    fn new(blob: &Rc<MappedBlob>, offset: CodeOffset) -> Change {
        Change { blob: blob.clone(), offset, breakpoints: 0, is_stepped: false, is_return: false }
    }

    /// Notes that it will be needed for so much more.
    pub(super) fn needs(&mut self, more: isize) {
        self.breakpoints += more;
    }
}
