//! The store's breakpoints, and the stop points that matter: those with breakpoints, and those where a call has stopped.
//!
//! Must not know how calls run. Invariant: the marks of a `Site` are exactly the enabled breakpoints on operators
//! of its run. Read next: [`super::edit`] for how they change, `arm.rs` for what that does to the code.

use super::Debuggee;
use super::access::{Access, Accesses, accesses};
use super::break_target::{BreakTarget, Happening, Operator, Wanted};
use super::glance::Glance;
use super::hash::NumberMap;
use super::layout::{Layout, LayoutCache};
use super::location::Cache;
use super::options::{BreakpointOptions, Rules};
use super::quiet::is_quiet;
use super::replay::{Run, index_in_run};
use super::stopped_call::StoppedCall;
use super::watched_frames::FrameOperator;
use super::watching::WatchedStops;
use crate::abi::frame_table::Stop;
use crate::base::{
    BlobId, BodyIndex, CodeOffset, DefinedFuncIndex, FuncIndex, NativePc, Result, WasmPc, error::bail, memory,
};
use crate::runtime::{MappedBlob, Module, Store};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A breakpoint as it is listed.
#[derive(Clone)]
pub struct BreakpointInfo {
    /// Names it; never 0 and never reused in its store.
    pub id: u64,
    /// What it is at; every instance of a module in the store shares it.
    pub target: BreakTarget,
    /// At how many operators it is, of the modules that are there now.
    pub n_places: u32,
    /// The pc that was asked for, or the first operator that it is at; 0 if it isn't at any.
    pub asked: WasmPc,
    /// The first operator that it is at; 0 if it isn't at any.
    pub actual: WasmPc,
    /// Whether it raises events.
    pub enabled: bool,
    /// How often the guest reached it while it was enabled.
    pub hits: u64,
    /// How many of the hits raised no event, because an event handler was running.
    pub passed_over: u64,
    /// How many of the hits raised no event, because of its options or its condition.
    pub declined: u64,
    /// Its options.
    pub options: BreakpointOptions,
    /// Whether it has a condition, or an expression for one.
    pub has_condition: bool,
    /// Whether a text is told instead of events.
    pub is_log_point: bool,
    /// When an event or a text of it was told last, in nanoseconds of the monotonic clock as of the system's last tick; 0 for never.
    pub last_told: u64,
}

/// An operator that a breakpoint is at.
#[derive(Clone)]
pub struct BreakpointPlace {
    /// Its module.
    pub module: Module,
    /// Its function.
    pub function: FuncIndex,
    /// The operator.
    pub pc: WasmPc,
}

/// A breakpoint.
pub(super) struct Breakpoint {
    pub(super) id: u64,
    pub(super) target: BreakTarget,
    /// Where it is in the modules that are known: by module, in the order in which they became so, and by pc.
    pub(super) spots: RefCell<Vec<Rc<Spot>>>,
    pub(super) rules: Rc<Rules>,
}

/// An operator that a breakpoint is at.
pub(super) struct Spot {
    /// The breakpoint's.
    pub(super) id: u64,
    pub(super) module: Module,
    pub(super) function: DefinedFuncIndex,
    pub(super) pc: WasmPc,
    /// What it has to call for the breakpoint to be reached, if it may call others as well.
    pub(super) wanted: Option<Wanted>,
    /// Where it is in the code that the store has mapped: once in each form of its function. Nowhere in dead code, which is
    /// never reached.
    pub(super) places: RefCell<Vec<Place>>,
    /// The breakpoint's.
    pub(super) rules: Rc<Rules>,
}

/// An operator's place in one form of its function.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) blob: Rc<MappedBlob>,
    pub(super) body: BodyIndex,
    /// The stop point of the run that the operator belongs to.
    pub(super) stop: Stop,
    /// The operator's place in the run.
    index: u32,
}

impl Place {
    pub(super) fn key(&self) -> SiteKey {
        SiteKey::new(&self.blob, &self.stop)
    }
}

impl Breakpoint {
    /// A breakpoint that is nowhere yet, unless it is of one module.
    ///
    /// Errors: as [`BreakTarget::operators_in`].
    pub(super) fn new(id: u64, target: BreakTarget) -> Result<Breakpoint> {
        let new = Breakpoint { id, target, spots: RefCell::default(), rules: Rc::default() };
        if let Some(module) = new.target.module() {
            new.spots.replace(new.spots_in(module)?);
        }
        Ok(new)
    }

    /// The operators of a module that it is at.
    ///
    /// Errors: as [`BreakTarget::operators_in`].
    fn spots_in(&self, module: &Module) -> Result<Vec<Rc<Spot>>> {
        let operators = self.target.operators_in(module)?;
        let mut spots = Vec::new();
        memory::reserve(&mut spots, operators.len())?;
        memory::ask(operators.len() * size_of::<Spot>())?;
        let spot = |Operator { function, pc, wanted }: Operator| {
            let (module, rules) = (module.clone(), self.rules.clone());
            Rc::new(Spot { id: self.id, module, function, pc, wanted, places: RefCell::default(), rules })
        };
        spots.extend(operators.into_iter().map(spot));
        Ok(spots)
    }

    /// Has it know where it is in the code, before it is listed. `modules` are those that are there.
    ///
    /// Errors: as [`BreakTarget::operators_in`].
    pub(super) fn find_places(&self, store: &Store, modules: &[Module]) -> Result<()> {
        if self.target.module().is_none() && !self.target.is_happening() {
            let mut spots = Vec::new();
            for module in modules {
                let more = self.spots_in(module)?;
                memory::reserve(&mut spots, more.len())?;
                spots.extend(more);
            }
            self.spots.replace(spots);
        }
        for spot in &*self.spots.borrow() {
            let blobs = store.blobs_of(&spot.module);
            spot.places.replace(blobs.iter().flat_map(|blob| spot.places_in(blob)).collect());
        }
        Ok(())
    }

    pub(super) fn info(&self) -> BreakpointInfo {
        let spots = self.spots.borrow();
        let actual = spots.first().map_or(WasmPc(0), |spot| spot.pc);
        BreakpointInfo {
            id: self.id,
            target: self.target.clone(),
            n_places: spots.len() as u32,
            asked: if let BreakTarget::Pc { pc, .. } = self.target { pc } else { actual },
            actual,
            enabled: self.rules.is_enabled(),
            hits: self.rules.hits.get(),
            passed_over: self.rules.passed_over.get(),
            declined: self.rules.declined.get(),
            options: self.rules.options.get(),
            has_condition: self.rules.has_condition(),
            is_log_point: self.rules.is_log_point(),
            last_told: self.rules.last_told.get(),
        }
    }
}

impl Spot {
    /// Where it is in a blob of its module.
    pub(super) fn places_in(&self, blob: &Rc<MappedBlob>) -> Vec<Place> {
        places_in(blob, self.function, self.pc)
    }
}

/// Where an operator of a function is in a blob of its module.
pub(super) fn places_in(blob: &Rc<MappedBlob>, function: DefinedFuncIndex, pc: WasmPc) -> Vec<Place> {
    let Some(frames) = blob.frames() else { return Vec::new() };
    let place = |body| {
        let stop = *frames.run_at(body, pc)?;
        let index = index_in_run(blob, body, stop.pc, pc)?;
        Some(Place { blob: blob.clone(), body, stop, index })
    };
    blob.tables().bodies_of(function).filter_map(place).collect()
}

/// Names a stop point in a store: its blob and its return offset there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SiteKey {
    blob: BlobId,
    return_offset: u32,
}

impl SiteKey {
    pub(super) fn new(blob: &MappedBlob, stop: &Stop) -> SiteKey {
        SiteKey { blob: blob.id(), return_offset: stop.return_offset.0 }
    }

    /// The stop point of a blob that returns there.
    pub(super) fn at(blob: &MappedBlob, return_offset: CodeOffset) -> SiteKey {
        SiteKey { blob: blob.id(), return_offset: return_offset.0 }
    }

    fn return_offset(self) -> CodeOffset {
        CodeOffset(self.return_offset)
    }
}

/// A stop point that matters now, with what was decoded for it.
pub(super) struct Site {
    pub(super) blob: Rc<MappedBlob>,
    pub(super) body: BodyIndex,
    pub(super) stop: Stop,
    run: OnceCell<Run>,
    /// For each operator of the run, the first from there on that isn't quiet.
    loud: OnceCell<Box<[u32]>>,
    layout: OnceCell<Rc<Layout>>,
    /// The operators of the run that access something, by their places in it.
    accesses: OnceCell<Box<[(u32, Accesses)]>>,
    /// Those that matter to a frame of which locals are watched, by their places in it.
    frame_operators: OnceCell<Box<[(u32, FrameOperator)]>>,
    /// By place in the run.
    marks: RefCell<Vec<Mark>>,
    /// The place of the first mark, if there is any.
    marks_start: Cell<u32>,
    /// The place of the last mark plus one.
    marks_end: Cell<u32>,
    /// Whether any of the breakpoints has options or a condition, or isn't reached by each call.
    has_options: Cell<bool>,
    /// Whether its breakpoints decline at a glance, once that was asked.
    glance: RefCell<Option<Option<Glance>>>,
    /// Where the stop point is in this process, once it was hit.
    address: Cell<Option<NativePc>>,
}

/// An operator with enabled breakpoints.
struct Mark {
    index: u32,
    breakpoints: Vec<Rc<Spot>>,
    ids: Rc<[u64]>,
}

impl Site {
    fn new(blob: &Rc<MappedBlob>, body: BodyIndex, stop: Stop) -> Site {
        Site {
            blob: blob.clone(),
            body,
            stop,
            run: OnceCell::new(),
            loud: OnceCell::new(),
            layout: OnceCell::new(),
            accesses: OnceCell::new(),
            frame_operators: OnceCell::new(),
            marks: RefCell::new(Vec::new()),
            marks_start: Cell::new(0),
            marks_end: Cell::new(0),
            has_options: Cell::new(false),
            glance: RefCell::default(),
            address: Cell::new(None),
        }
    }

    /// Its run.
    pub(super) fn run(&self) -> &Run {
        self.run.get_or_init(|| Run::new(&self.blob, self.body, self.stop.pc))
    }

    /// The fuel that the pieces cost which begin behind the stop point, up to the operator at `index` of the run.
    pub(super) fn passed_fuel(&self, index: u32) -> u64 {
        let frames = self.blob.frames().filter(|frames| index != 0 && !frames.pieces.is_empty());
        frames.map_or(0, |frames| frames.fuel_between(self.body, self.stop.pc, self.pc(index)))
    }

    /// The first operator of the run, from the one at `index` on, that can't be passed without being applied.
    #[inline]
    pub(super) fn next_loud(&self, index: u32) -> u32 {
        self.loud.get_or_init(|| self.find_loud()).get(index as usize).copied().unwrap_or(index)
    }

    #[cold]
    fn find_loud(&self) -> Box<[u32]> {
        let Run { pcs, inner, .. } = self.run();
        let mut loud: Vec<u32> = (0..inner.len() as u32).collect();
        for index in (0..inner.len()).rev() {
            if is_quiet(&self.blob.module().info().operator_at(pcs[index])) {
                loud[index] = loud.get(index + 1).copied().unwrap_or(index as u32 + 1);
            }
        }
        loud.into()
    }

    /// Where an operator of the run is. The run needn't be decoded for the first.
    pub(super) fn pc(&self, index: u32) -> WasmPc {
        if index == 0 { self.stop.pc } else { self.run().pcs[index as usize] }
    }

    /// The next operator of the run after the one at `index`.
    #[inline]
    pub(super) fn next(&self, index: u32) -> Option<u32> {
        ((index as usize) + 1 < self.run().pcs.len()).then_some(index + 1)
    }

    /// Whether the stop point returns to this address.
    pub(super) fn is_at(&self, address: NativePc) -> bool {
        self.address.get() == Some(address)
    }

    /// Where everything is at the stop point.
    pub(super) fn layout(&self, cache: &LayoutCache) -> &Rc<Layout> {
        self.layout.get_or_init(|| cache.layout(&self.blob, self.body, self.stop.state))
    }

    /// The operators of the run that access something.
    fn accesses(&self) -> &[(u32, Accesses)] {
        self.accesses.get_or_init(|| {
            let info = self.blob.module().info();
            let all = self.run().pcs.iter().map(|pc| accesses(&info.operator_at(*pc)));
            (0..).zip(all).filter(|(_, accesses)| accesses[0].is_some()).collect()
        })
    }

    /// Whether the operator at `index` calls something.
    pub(super) fn calls_at(&self, index: u32) -> bool {
        let run = self.run();
        run.calls.is_some() && index as usize + 1 == run.pcs.len()
    }

    /// The first operator at `index` or behind it that accesses something that `which` says.
    pub(super) fn next_access(&self, index: u32, which: impl Fn(&Access) -> bool) -> Option<u32> {
        let accesses = self.accesses();
        let rest = &accesses[accesses.partition_point(|(place, _)| *place < index)..];
        rest.iter().find(|(_, accesses)| accesses.iter().flatten().any(&which)).map(|(place, _)| *place)
    }

    /// What the operator at `index` accesses.
    pub(super) fn accesses_at(&self, index: u32) -> Accesses {
        let accesses = self.accesses();
        let found = accesses.binary_search_by_key(&index, |(place, _)| *place);
        found.map_or([None, None], |found| accesses[found].1)
    }

    /// The operators of the run that may matter to a frame of which locals are watched.
    fn frame_operators(&self) -> &[(u32, FrameOperator)] {
        self.frame_operators.get_or_init(|| {
            let info = self.blob.module().info();
            let all = self.run().pcs.iter().map(|pc| FrameOperator::of(&info.operator_at(*pc)));
            (0..).zip(all).filter_map(|(place, operator)| Some((place, operator?))).collect()
        })
    }

    /// The first of them at `index` or behind it that `which` says.
    pub(super) fn next_frame_operator(&self, index: u32, which: impl Fn(FrameOperator) -> bool) -> Option<u32> {
        let operators = self.frame_operators();
        let rest = &operators[operators.partition_point(|(place, _)| *place < index)..];
        rest.iter().find(|(_, operator)| which(*operator)).map(|(place, _)| *place)
    }

    /// The one at `index`.
    pub(super) fn frame_operator_at(&self, index: u32) -> Option<FrameOperator> {
        let operators = self.frame_operators();
        let found = operators.binary_search_by_key(&index, |(place, _)| *place);
        found.ok().map(|found| operators[found].1)
    }

    /// Whether any operator of the run has an enabled breakpoint.
    #[inline]
    pub(super) fn is_marked(&self) -> bool {
        self.marks_end.get() != 0
    }

    /// The next operator after the one at `index` that has an enabled breakpoint.
    #[inline]
    pub(super) fn next_mark(&self, index: u32) -> Option<u32> {
        if self.marks_end.get() <= index + 1 {
            return None;
        }
        if index < self.marks_start.get() {
            return Some(self.marks_start.get());
        }
        self.marks.borrow().iter().map(|mark| mark.index).find(|mark| *mark > index)
    }

    /// The same, or the operator at `pc`, if that comes first.
    pub(super) fn next_mark_or(&self, index: u32, pc: WasmPc) -> Option<u32> {
        let places = &self.run().pcs[index as usize + 1..];
        let place = places.binary_search(&pc).ok().map(|place| index + 1 + place as u32);
        self.next_mark(index).into_iter().chain(place).min()
    }

    /// Whether the operator at `index` has an enabled breakpoint.
    pub(super) fn is_marked_at(&self, index: u32) -> bool {
        self.is_among_marks(index) && self.marks.borrow().iter().any(|mark| mark.index == index)
    }

    #[inline]
    fn is_among_marks(&self, index: u32) -> bool {
        (self.marks_start.get()..self.marks_end.get()).contains(&index)
    }

    /// Counts a hit of the enabled breakpoints at `index` and answers their ids, if there are any.
    #[inline]
    pub(super) fn hit(&self, index: u32, passed_over: bool) -> Option<Rc<[u64]>> {
        if !self.is_among_marks(index) {
            return None;
        }
        let marks = self.marks.borrow();
        let mark = marks.iter().find(|mark| mark.index == index)?;
        mark.breakpoints.iter().for_each(|breakpoint| breakpoint.rules.count(passed_over));
        Some(mark.ids.clone())
    }

    /// Notes that a hit of these breakpoints at `index` is told now.
    pub(super) fn note_told(&self, index: u32, ids: &[u64]) {
        let marks = self.marks.borrow();
        let Some(mark) = marks.iter().find(|mark| mark.index == index) else { return };
        let told = mark.breakpoints.iter().filter(|breakpoint| ids.contains(&breakpoint.id));
        told.for_each(|breakpoint| breakpoint.rules.note_told());
    }

    /// Whether any enabled breakpoint of the run has options or a condition, or isn't reached by each call.
    #[inline]
    pub(super) fn has_options(&self) -> bool {
        self.has_options.get()
    }

    /// Whether all enabled breakpoints of the run decline at a glance, which `declines` asks.
    #[inline]
    pub(super) fn declines(&self, layouts: &LayoutCache, declines: impl FnOnce(&Glance) -> bool) -> bool {
        if !self.has_options() {
            return false;
        }
        let mut glance = self.glance.borrow_mut();
        glance.get_or_insert_with(|| self.new_glance(layouts)).as_ref().is_some_and(declines)
    }

    #[cold]
    fn new_glance(&self, layouts: &LayoutCache) -> Option<Glance> {
        let marks = self.marks.borrow();
        let breakpoints = marks.iter().flat_map(|mark| mark.breakpoints.iter().map(|spot| (mark.index, spot)));
        Glance::new(self, breakpoints, layouts)
    }

    /// Counts a hit of the enabled breakpoints at `index` if each of them has an expression that doesn't hold in the frame.
    #[inline]
    pub(super) fn are_declined(&self, index: u32, call: &StoppedCall, store: &Store, cache: &Cache) -> bool {
        if !self.is_among_marks(index) {
            return false;
        }
        let marks = self.marks.borrow();
        let mark = marks.iter().find(|mark| mark.index == index);
        let Some(Mark { breakpoints, .. }) =
            mark.filter(|mark| mark.breakpoints.iter().all(|it| it.rules.has_expression() && it.wanted.is_none()))
        else {
            return false;
        };
        let mut look = call.look();
        let Some(view) = look.frame(store, cache, 0) else { return false };
        let are_declined = breakpoints.iter().all(|breakpoint| breakpoint.rules.is_declined_in(&view, store));
        if are_declined {
            for breakpoint in breakpoints {
                breakpoint.rules.count(false);
                breakpoint.rules.count_declined();
            }
        }
        are_declined
    }

    /// The enabled breakpoints at `index`, by age.
    pub(super) fn breakpoints_at(&self, index: u32) -> Vec<Rc<Spot>> {
        let marks = self.marks.borrow();
        marks.iter().find(|mark| mark.index == index).map_or_else(Vec::new, |mark| mark.breakpoints.clone())
    }

    /// Enters or strikes out a breakpoint of the operator at `index`.
    fn mark(&self, breakpoint: &Rc<Spot>, index: u32, enabled: bool) {
        self.glance.take();
        let mut marks = self.marks.borrow_mut();
        let found = marks.binary_search_by_key(&index, |mark| mark.index);
        let place = found.unwrap_or_else(|place| {
            marks.insert(place, Mark { index, breakpoints: Vec::new(), ids: Rc::new([]) });
            place
        });
        let mark = &mut marks[place];
        mark.breakpoints.retain(|other| other.id != breakpoint.id);
        if enabled {
            let at = mark.breakpoints.partition_point(|other| other.id < breakpoint.id);
            mark.breakpoints.insert(at, breakpoint.clone());
        }
        mark.ids = mark.breakpoints.iter().map(|breakpoint| breakpoint.id).collect();
        if mark.breakpoints.is_empty() {
            marks.remove(place);
        }
        self.marks_start.set(marks.first().map_or(0, |mark| mark.index));
        self.marks_end.set(marks.last().map_or(0, |mark| mark.index + 1));
        let may_decline = |breakpoint: &Rc<Spot>| breakpoint.rules.has_options() || breakpoint.wanted.is_some();
        self.has_options.set(marks.iter().flat_map(|mark| &mark.breakpoints).any(may_decline));
    }
}

/// What breakpoints are at in a module.
pub(super) struct SpotsOfModule {
    is_new: bool,
    pub(super) all: Vec<Rc<Spot>>,
    /// Of those, what breakpoints don't know yet that are in every module.
    late: Vec<(Rc<Breakpoint>, Vec<Rc<Spot>>)>,
}

/// All breakpoints and sites of a store.
#[derive(Default)]
pub(super) struct Book {
    breakpoints: RefCell<BTreeMap<u64, Rc<Breakpoint>>>,
    /// Those that are at what happens to guests, by age.
    at_happenings: RefCell<Vec<Rc<Breakpoint>>>,
    /// The modules whose code is mapped, in the order in which that was done.
    modules: RefCell<Vec<Module>>,
    sites: RefCell<NumberMap<SiteKey, Rc<Site>>>,
    sites_by_address: RefCell<NumberMap<usize, Rc<Site>>>,
    /// Whether any breakpoint has had an expression.
    pub(super) has_expressions: Cell<bool>,
    /// The one of these whose breakpoints were asked last whether they decline.
    glanced_at: RefCell<Option<Rc<Site>>>,
    last_id: Cell<u64>,
    /// The stop points that watchpoints need, by blob.
    pub(super) watched: RefCell<NumberMap<u32, WatchedStops>>,
}

impl Book {
    /// An id that was never used.
    pub(super) fn new_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    pub(super) fn breakpoint(&self, id: u64) -> Option<Rc<Breakpoint>> {
        self.breakpoints.borrow().get(&id).cloned()
    }

    fn infos(&self) -> Vec<BreakpointInfo> {
        self.breakpoints.borrow().values().map(|breakpoint| breakpoint.info()).collect()
    }

    pub(super) fn insert(&self, breakpoint: Rc<Breakpoint>) {
        if breakpoint.target.is_happening() {
            let mut known = self.at_happenings.borrow_mut();
            let place = known.partition_point(|other| other.id < breakpoint.id);
            known.insert(place, breakpoint.clone());
        }
        self.breakpoints.borrow_mut().insert(breakpoint.id, breakpoint);
    }

    pub(super) fn remove(&self, id: u64) {
        let removed = self.breakpoints.borrow_mut().remove(&id);
        self.at_happenings.borrow_mut().retain(|other| other.id != id);
        // Its condition is the host's, so not while the list is borrowed.
        drop(removed);
    }

    /// Whether any enabled breakpoint is at what happens to a guest.
    pub(super) fn any_at(&self, happening: Happening) -> bool {
        let known = self.at_happenings.borrow();
        known.iter().any(|breakpoint| breakpoint.rules.is_enabled() && breakpoint.target.is_at(happening))
    }

    /// The enabled breakpoints that are at what happens to a guest, by age.
    pub(super) fn enabled_at_happening(&self, happening: Happening) -> Vec<Rc<Breakpoint>> {
        let known = self.at_happenings.borrow();
        let is_hit = |it: &&Rc<Breakpoint>| it.rules.is_enabled() && it.target.is_at(happening);
        known.iter().filter(is_hit).cloned().collect()
    }

    /// The modules whose code is mapped.
    pub(super) fn modules(&self) -> Vec<Module> {
        self.modules.borrow().clone()
    }

    /// What breakpoints are at in a module, some blob of which was mapped just now. Those in it for which it is new are told of it by
    /// [`Book::adopt`].
    ///
    /// Errors: as [`BreakTarget::operators_in`].
    pub(super) fn spots_of(&self, module: &Module) -> Result<SpotsOfModule> {
        let is_new = !self.modules.borrow().iter().any(|known| known.is_same(module));
        let mut spots = SpotsOfModule { is_new, all: Vec::new(), late: Vec::new() };
        for breakpoint in self.breakpoints.borrow().values() {
            let known = breakpoint.spots.borrow();
            spots.all.extend(known.iter().filter(|spot| spot.module.is_same(module)).cloned());
            if is_new && breakpoint.target.module().is_none() && !breakpoint.target.is_happening() {
                let late = breakpoint.spots_in(module)?;
                spots.all.extend(late.iter().cloned());
                spots.late.push((breakpoint.clone(), late));
            }
        }
        Ok(spots)
    }

    /// Notes that a module is there.
    pub(super) fn adopt(&self, module: &Module, spots: SpotsOfModule) {
        if spots.is_new {
            self.modules.borrow_mut().push(module.clone());
        }
        for (breakpoint, late) in spots.late {
            breakpoint.spots.borrow_mut().extend(late);
        }
    }

    /// Enables or disables a breakpoint in its sites, which exist from then on, or not.
    pub(super) fn mark(&self, breakpoint: &Breakpoint, enabled: bool) {
        breakpoint.rules.set_enabled(enabled);
        for spot in &*breakpoint.spots.borrow() {
            for place in &*spot.places.borrow() {
                self.mark_at(spot, place, enabled);
            }
        }
    }

    pub(super) fn mark_at(&self, spot: &Rc<Spot>, place: &Place, enabled: bool) {
        let site = self.site(&place.blob, place.body, place.stop);
        site.mark(spot, place.index, enabled);
        if !site.is_marked() {
            drop(site);
            self.forget_unused(place.key());
        }
    }

    /// What a stop point is armed for: how many enabled breakpoints its run has, and one more if watchpoints need it.
    pub(super) fn enabled_at(&self, key: SiteKey) -> usize {
        let watched = self.watched.borrow();
        let is_watched = watched.get(&key.blob.as_u32()).is_some_and(|stops| stops.has(key.return_offset()));
        self.breakpoints_at(key) + usize::from(is_watched)
    }

    /// How many enabled breakpoints the run of a stop point has.
    pub(super) fn breakpoints_at(&self, key: SiteKey) -> usize {
        let sites = self.sites.borrow();
        sites.get(&key).map_or(0, |site| site.marks.borrow().iter().map(|mark| mark.breakpoints.len()).sum())
    }

    /// Where those of a blob's stop points return to that neither breakpoints nor watchpoints need.
    pub(super) fn unmarked<'a>(
        &self,
        blob: &MappedBlob,
        stops: impl IntoIterator<Item = &'a Stop>,
    ) -> impl Iterator<Item = CodeOffset> {
        let unmarked = stops.into_iter().filter(|stop| self.enabled_at(SiteKey::new(blob, stop)) == 0);
        unmarked.map(|stop| stop.return_offset)
    }

    /// Forgets code that is unmapped.
    pub(super) fn forget_blob(&self, blob: &MappedBlob) {
        self.glanced_at.take();
        for breakpoint in self.breakpoints.borrow().values() {
            for spot in &*breakpoint.spots.borrow() {
                spot.places.borrow_mut().retain(|place| place.blob.id() != blob.id());
            }
        }
        self.sites.borrow_mut().retain(|_, site| site.blob.id() != blob.id());
        self.sites_by_address.borrow_mut().retain(|_, site| site.blob.id() != blob.id());
        self.watched.borrow_mut().remove(&blob.id().as_u32());
    }

    /// The site of a stop point.
    pub(super) fn site(&self, blob: &Rc<MappedBlob>, body: BodyIndex, stop: Stop) -> Rc<Site> {
        let mut sites = self.sites.borrow_mut();
        let site = sites.entry(SiteKey::new(blob, &stop));
        site.or_insert_with(|| Rc::new(Site::new(blob, body, stop))).clone()
    }

    /// The site whose stop point returns to `address`.
    pub(super) fn site_at(&self, store: &Store, address: NativePc) -> Option<Rc<Site>> {
        if let Some(site) = self.sites_by_address.borrow().get(&address.0) {
            return Some(site.clone());
        }
        let blob = store.blob_at(address)?;
        let offset = blob.offset(address);
        let body = blob.tables().body_at(offset)?;
        let stop = *blob.frames()?.stops_of(body).iter().find(|stop| stop.return_offset == offset)?;
        let site = self.site(&blob, body, stop);
        site.address.set(Some(address));
        self.sites_by_address.borrow_mut().insert(address.0, site.clone());
        Some(site)
    }

    /// Whether all enabled breakpoints of the stop point that returns to `address` decline at a glance, which `declines` asks.
    #[inline]
    pub(super) fn decline_at(
        &self,
        address: NativePc,
        layouts: &LayoutCache,
        declines: impl FnOnce(&Glance) -> bool,
    ) -> bool {
        let mut last = self.glanced_at.borrow_mut();
        if let Some(site) = last.as_ref().filter(|site| site.is_at(address)) {
            return site.declines(layouts, declines);
        }
        let sites = self.sites_by_address.borrow();
        let Some(site) = sites.get(&address.0) else { return false };
        site.declines(layouts, declines) && {
            *last = Some(site.clone());
            true
        }
    }

    /// Forgets a site that has no breakpoints and that no call is stopped at.
    pub(super) fn forget_unused(&self, key: SiteKey) {
        self.glanced_at.take();
        let mut sites = self.sites.borrow_mut();
        let Some(site) = sites.get(&key) else { return };
        let address = site.address.get();
        // The maps themselves hold it.
        if !site.is_marked() && Rc::strong_count(site) == 1 + usize::from(address.is_some()) {
            sites.remove(&key);
            if let Some(address) = address {
                self.sites_by_address.borrow_mut().remove(&address.0);
            }
        }
    }
}

impl Debuggee {
    /// All breakpoints, by id.
    pub fn breakpoints(&self) -> Result<Vec<BreakpointInfo>> {
        self.check_debug()?;
        Ok(self.book.infos())
    }

    /// Where the breakpoint with this id is now, in the order in which the modules came, and by pc; `NotFound` if there is none.
    pub fn breakpoint_places(&self, id: u64) -> Result<Vec<BreakpointPlace>> {
        self.check_debug()?;
        let Some(breakpoint) = self.book.breakpoint(id) else { bail!(NotFound, "there is no breakpoint {id}") };
        let place = |spot: &Rc<Spot>| {
            let function = spot.module.info().func_index(spot.function);
            BreakpointPlace { module: spot.module.clone(), function, pc: spot.pc }
        };
        let spots = breakpoint.spots.borrow();
        let mut places = Vec::new();
        memory::reserve(&mut places, spots.len())?;
        places.extend(spots.iter().map(place));
        Ok(places)
    }

    /// The breakpoint with this id; `NotFound` if there is none (any more).
    pub fn breakpoint(&self, id: u64) -> Result<BreakpointInfo> {
        self.check_debug()?;
        match self.book.breakpoint(id) {
            Some(breakpoint) => Ok(breakpoint.info()),
            None => bail!(NotFound, "there is no breakpoint {id}"),
        }
    }
}
