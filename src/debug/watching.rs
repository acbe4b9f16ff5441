//! What is watched in a store, which stop points are armed for that, and what was found.
//!
//! All stop points are armed whose runs have an operator that may access something that is watched, in the modules whose instances
//! see it; the one behind such an operator is armed when it has done so for the first time. What no operator of the store's guests
//! has changed is found by comparing. Must not know calls or frames. Invariant: [`Book::watched`](super::breakpoints::Book) is what
//! the enabled watchpoints need, as of the instances that were looked at. Read next: `watchpoints.rs`, `watch.rs`.

use super::Debuggee;
use super::access::{Access, Accesses, Extent, Space, accesses, bits};
use super::arm::Patch;
use super::breakpoints::SiteKey;
use super::edit::Change;
use super::hash::NumberMap;
use super::replay::operators_from;
use super::tracing::{TracedFunctions, Tracing, traced_stops};
use super::watched_frames::{Framed, WatchedFrames, frame_stops, stop_behind};
use super::watched_objects::WatchedTypes;
use super::watchpoints::{Entity, Ranges, Touched, UnderWay, WatchHit, Watchpoint, WatchpointInfo};
use crate::base::{
    BodyIndex, CodeOffset, DefinedFuncIndex, GlobalIndex, Instance, MemoryIndex, Result, TableIndex, TypeIndex, WasmPc,
    error::bail, memory,
};
use crate::runtime::{MappedBlob, Module, ReturnObserver, Store};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

/// What instances of a module have that is watched, and how.
type Needs = BTreeMap<Space, u8>;

/// The stop points of a blob that watchpoints need.
pub(super) struct WatchedStops {
    pub(super) blob: Rc<MappedBlob>,
    /// Those that accesses to memories, globals, tables and objects need, ascending.
    shared: Vec<CodeOffset>,
    /// Where they return to, ascending.
    pub(super) offsets: Vec<CodeOffset>,
}

impl WatchedStops {
    fn new(blob: Rc<MappedBlob>) -> WatchedStops {
        WatchedStops { blob, shared: Vec::new(), offsets: Vec::new() }
    }

    /// Whether the one that returns there is one of them.
    pub(super) fn has(&self, offset: CodeOffset) -> bool {
        self.offsets.binary_search(&offset).is_ok()
    }
}

/// All watchpoints of a store.
#[derive(Default)]
pub(super) struct Watching {
    points: RefCell<BTreeMap<u64, Rc<Watchpoint>>>,
    /// The enabled ones.
    by_entity: RefCell<BTreeMap<Entity, Ranges>>,
    /// Whether any is enabled, or the frame of any is there.
    any: Cell<bool>,
    /// What is done to what, of all that is watched: see [`kind_bits`].
    kinds: Cell<u8>,
    needs: RefCell<NumberMap<u64, Needs>>,
    /// Operators of each module behind which the guest stops.
    behind: RefCell<NumberMap<u64, BTreeSet<WasmPc>>>,
    /// How many instances were looked at.
    instances: Cell<u64>,
    /// Changes that were found, and not told of yet.
    found: RefCell<Vec<WatchHit>>,
    /// Frames of which locals are watched.
    pub(super) frames: WatchedFrames,
    /// Functions whose entries and exits are told.
    pub(super) tracing: Tracing,
}

/// The bits of [`Watching::kinds`] for accesses to a kind of thing.
fn kind_bits(space: Space, access: u8) -> u8 {
    match space {
        Space::Memory(_) => access,
        Space::Global(_) => access << 2,
        Space::Table(_) => access << 4,
        Space::Field(..) | Space::Elements(_) => access << 6,
    }
}

/// What becomes of the watching when an edit is committed.
pub(super) struct Plan {
    by_entity: BTreeMap<Entity, Ranges>,
    needs: NumberMap<u64, Needs>,
    watched: NumberMap<u32, WatchedStops>,
    instances: u64,
    framed: Vec<Framed>,
    traced: Rc<TracedFunctions>,
}

impl Watching {
    /// Whether any watchpoint is enabled, or is of a frame that is there.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    /// Whether accesses of this kind are watched anywhere.
    #[inline]
    pub(super) fn wants(&self, access: &Access) -> bool {
        self.kinds.get() & kind_bits(access.space, access.bits) != 0
    }

    pub(super) fn point(&self, id: u64) -> Option<Rc<Watchpoint>> {
        self.points.borrow().get(&id).cloned()
    }

    /// Lists a watchpoint as an edit has it.
    pub(super) fn set(&self, point: &Rc<Watchpoint>, exists: bool, enabled: bool) {
        point.rules.set_enabled(enabled);
        let mut points = self.points.borrow_mut();
        let removed = if exists {
            points.insert(point.id, point.clone());
            None
        } else {
            points.remove(&point.id)
        };
        drop(points);
        // Its condition is the host's, so not while the list is borrowed.
        drop(removed);
    }

    pub(super) fn infos(&self) -> Vec<WatchpointInfo> {
        self.points.borrow().values().map(|point| point.info()).collect()
    }

    /// The enabled ones, by age.
    pub(super) fn enabled(&self) -> BTreeMap<u64, Rc<Watchpoint>> {
        let points = self.points.borrow();
        points.iter().filter(|(_, point)| point.rules.is_enabled()).map(|(id, point)| (*id, point.clone())).collect()
    }

    /// Whether changes were found that nobody was told of.
    pub(super) fn has_found(&self) -> bool {
        !self.found.borrow().is_empty()
    }

    /// Notes that the host has changed something. One change after another of the same is one, and none if it is undone.
    pub(super) fn note_found(&self, hit: WatchHit, store: &Store) -> Result<()> {
        let mut found = self.found.borrow_mut();
        if let Some(place) = found.iter().position(|known| known.id == hit.id) {
            found[place].new = hit.new;
            if found[place].new.is_same(&found[place].old, store) {
                found.remove(place);
            }
            return Ok(());
        }
        memory::reserve(&mut found, 1)?;
        found.push(hit);
        Ok(())
    }

    /// Takes them.
    pub(super) fn take_found(&self) -> Vec<WatchHit> {
        self.found.take()
    }

    fn each(&self, mut each: impl FnMut(&Rc<Watchpoint>) -> Result<()>) -> Result<()> {
        self.by_entity.borrow().values().flat_map(|ranges| &ranges.points).try_for_each(&mut each)
    }

    /// Looks for changes that no operator has made.
    pub(super) fn look(&self, store: &Store) -> Result<()> {
        self.each(|point| {
            if let Some(change) = point.find_change(store)? {
                let mut found = self.found.borrow_mut();
                memory::reserve(&mut found, 1)?;
                found.push(change);
            }
            Ok(())
        })
    }

    /// Takes what is there for what was always there.
    pub(super) fn refresh(&self, store: &Store) -> Result<()> {
        self.each(|point| point.refresh(store))
    }

    /// What the operator with these accesses is about to touch, if its operands, from the top, are `operand`. `next` says where it is
    /// done, if it touches anything.
    pub(super) fn touches(
        &self,
        (store, instance): (&Store, Instance),
        accesses: &Accesses,
        operand: &dyn Fn(u8) -> Option<u64>,
        pc: WasmPc,
        next: &dyn Fn() -> Result<WasmPc>,
    ) -> Result<Option<UnderWay>> {
        let mut touched: Vec<Touched> = Vec::new();
        let by_entity = self.by_entity.borrow();
        for access in accesses.iter().flatten().filter(|access| self.wants(access)) {
            let (entity, size) = match access.space {
                Space::Memory(memory) => {
                    let memory = store.instance_memory(instance, memory)?;
                    (Entity::Memory(memory.index), store.memory_base(memory)?.1 as u64)
                }
                Space::Global(global) => (Entity::Global(store.instance_global(instance, global)?.index), 1),
                Space::Table(table) => {
                    let table = store.instance_table(instance, table)?;
                    (Entity::Table(table.index), store.table_size(table)?)
                }
                Space::Field(..) | Space::Elements(_) => {
                    let word = operand(access.object).and_then(|word| u32::try_from(word).ok());
                    let Some(entity) = word.map(Entity::Object) else { continue };
                    (entity, by_entity.get(&entity).and_then(Ranges::object_length).unwrap_or(0))
                }
            };
            let Some(ranges) = by_entity.get(&entity).filter(|ranges| ranges.access & access.bits != 0) else {
                continue;
            };
            let range = match access.extent {
                Extent::Whole => Some((0, 1)),
                Extent::One(number) => Some((number.into(), 1)),
                Extent::At { start, offset, count } => {
                    operand(start).and_then(|start| start.checked_add(offset)).map(|start| (start, count.into()))
                }
                Extent::Many { start } => operand(start).zip(operand(0)),
            };
            let range = range.and_then(|(start, count)| Some(start..start.checked_add(count)?));
            // Out of bounds it traps, and does nothing.
            let Some(range) = range.filter(|range| range.end <= size && !range.is_empty()) else { continue };
            let mut done = access.bits;
            if access.compares && !is_equal(store, instance, access, &range, operand(1)) {
                done = bits::READ;
            }
            for point in ranges.touched(&range).filter(|point| point.access & done != 0) {
                let (watched, access) = (point.target.range(), point.access & done);
                let part = range.start.max(watched.start)..range.end.min(watched.end);
                if let Some(known) = touched.iter_mut().find(|known| known.point.id == point.id) {
                    known.add(access, &part, store)?;
                    continue;
                }
                memory::reserve(&mut touched, 1)?;
                touched.push(Touched::new(point, access, part, store)?);
            }
        }
        if touched.is_empty() {
            return Ok(None);
        }
        touched.sort_by_key(|touched| touched.point.id);
        drop(by_entity);
        Ok(Some(UnderWay { next: next()?, pc, touched }))
    }

    /// The stop points of a blob that is mapped now, as its module needs them.
    pub(super) fn stops_of(&self, blob: &Rc<MappedBlob>) -> WatchedStops {
        let id = blob.module().id();
        let (needs, behind) = (self.needs.borrow(), self.behind.borrow());
        let shared = needs
            .get(&id)
            .map_or_else(Vec::new, |needs| find_stops(blob, needs, behind.get(&id).unwrap_or(&BTreeSet::new())));
        let offsets = together(shared.clone(), traced_stops(&self.tracing.functions(), blob));
        let offsets = together(offsets, frame_stops(&self.frames.framed(), blob));
        WatchedStops { blob: blob.clone(), shared, offsets }
    }
}

/// All of two ascending lists, ascending.
fn together(mut offsets: Vec<CodeOffset>, more: Vec<CodeOffset>) -> Vec<CodeOffset> {
    if offsets.is_empty() {
        return more;
    }
    offsets.extend(more);
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// Whether what is in a range of a memory is what it is compared with.
fn is_equal(store: &Store, instance: Instance, access: &Access, range: &Range<u64>, expected: Option<u64>) -> bool {
    let Space::Memory(memory) = access.space else { return true };
    let (mut present, count) = ([0; 8], (range.end - range.start) as usize);
    let read = store.instance_memory(instance, memory);
    let is_read = read.and_then(|memory| store.memory_read(memory, range.start, &mut present[..count])).is_ok();
    is_read && expected.is_some_and(|expected| expected.to_le_bytes()[..count] == present[..count])
}

/// Where those stop points of a blob return to whose runs have an operator that accesses what is needed, and those that come first
/// behind the operators at `behind`; ascending.
fn find_stops(blob: &MappedBlob, needs: &Needs, behind: &BTreeSet<WasmPc>) -> Vec<CodeOffset> {
    let Some(frames) = blob.frames() else { return Vec::new() };
    let is_needed = |access: &Access| needs.get(&access.space).is_some_and(|bits| bits & access.bits != 0);
    let mut found = Vec::new();
    for body in frames.functions.keys() {
        let mut stops = frames.stops_of(body).iter().peekable();
        let Some(first) = stops.peek().map(|stop| stop.pc) else { continue };
        let (mut run, mut is_behind) = (None, false);
        for (pc, operator) in operators_from(blob.module(), blob.function(body), first) {
            while let Some(stop) = stops.next_if(|stop| stop.pc <= pc) {
                run = Some(stop.return_offset);
                if is_behind {
                    found.push(stop.return_offset);
                    is_behind = false;
                }
            }
            if let Some(stop) = run
                && accesses(&operator).iter().flatten().any(is_needed)
            {
                found.push(stop);
                run = None;
            }
            is_behind |= behind.contains(&pc);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Finds what hosts have changed when they return into the guest, or which instances they have made.
impl ReturnObserver for Watching {
    fn returns(&self, store: &Store) -> bool {
        if !self.any() {
            return false;
        }
        let has_changed = || {
            let by_entity = self.by_entity.borrow();
            by_entity.values().flat_map(|ranges| &ranges.points).any(|point| point.has_changed(store))
        };
        self.has_found() || self.instances.get() != store.instances() || has_changed() || self.frames.returns(store)
    }
}

impl Debuggee {
    /// What it takes to watch what these watchpoints do, in these frames, and to trace these functions, and nothing else.
    pub(super) fn plan_watching(
        &self,
        points: impl Iterator<Item = Rc<Watchpoint>>,
        framed: Vec<Framed>,
        traced: Rc<TracedFunctions>,
    ) -> Result<Plan> {
        let mut by_entity: BTreeMap<Entity, Vec<Rc<Watchpoint>>> = BTreeMap::new();
        let mut types = WatchedTypes::default();
        for point in points {
            if let Some(entity) = point.entity() {
                types.add(&point);
                by_entity.entry(entity).or_default().push(point);
            }
        }
        let by_entity: BTreeMap<Entity, Ranges> =
            by_entity.into_iter().map(|(entity, points)| (entity, Ranges::new(points))).collect();
        let (mut modules, mut needs): (NumberMap<u64, Module>, NumberMap<u64, Needs>) = Default::default();
        let instances = self.store().instances();
        if !by_entity.is_empty() {
            for index in 0..instances {
                let instance = Instance { store: self.store().id(), index };
                let module = self.store().instance_module(instance)?;
                let needs = needs.entry(module.id()).or_default();
                self.add_needs(instance, &module, &by_entity, needs)?;
                if modules.insert(module.id(), module.clone()).is_none() {
                    types.each(&module, |space, access| *needs.entry(space).or_default() |= access);
                }
            }
        }
        needs.retain(|_, needs| !needs.is_empty());
        let (known, behind) = (self.watching.needs.borrow(), self.watching.behind.borrow());
        let mut watched: NumberMap<u32, WatchedStops> = NumberMap::default();
        let none = BTreeSet::new();
        for (id, needs) in &needs {
            let is_same = known.get(id) == Some(needs);
            let behind = behind.get(id).filter(|_| is_same).unwrap_or(&none);
            for blob in self.store().blobs_of(&modules[id]) {
                let before = self
                    .book
                    .watched
                    .borrow()
                    .get(&blob.id().as_u32())
                    .filter(|_| is_same)
                    .map(|stops| stops.shared.clone());
                let shared = before.unwrap_or_else(|| find_stops(&blob, needs, behind));
                watched.insert(blob.id().as_u32(), WatchedStops { blob, offsets: shared.clone(), shared });
            }
        }
        let mut modules: NumberMap<u64, &Module> = NumberMap::default();
        modules.extend(traced.values().map(|traced| (traced.module().id(), traced.module())));
        modules.extend(framed.iter().filter_map(|framed| framed.module()).map(|module| (module.id(), module)));
        let mut add = |blob: &Rc<MappedBlob>, stops: Vec<CodeOffset>| {
            let watched = watched.entry(blob.id().as_u32());
            let watched = watched.or_insert_with(|| WatchedStops::new(blob.clone()));
            watched.offsets = together(std::mem::take(&mut watched.offsets), stops);
        };
        for blob in modules.into_values().flat_map(|module| self.store().blobs_of(module)) {
            add(&blob, together(traced_stops(&traced, &blob), frame_stops(&framed, &blob)));
        }
        for caller in framed.iter().filter_map(|framed| framed.caller()) {
            add(&caller.blob, vec![caller.stop.return_offset]);
        }
        Ok(Plan { by_entity, needs, watched, instances, framed, traced })
    }

    /// Adds what an instance has that is watched to the needs of its module.
    fn add_needs(
        &self,
        instance: Instance,
        module: &Module,
        watched: &BTreeMap<Entity, Ranges>,
        needs: &mut Needs,
    ) -> Result<()> {
        let (store, info) = (self.store(), module.info());
        let mut add = |space: Space, entity: Entity| {
            if let Some(ranges) = watched.get(&entity) {
                *needs.entry(space).or_default() |= ranges.access;
            }
        };
        for memory in (0..info.memories.len() as u32).map(MemoryIndex::from_u32) {
            add(Space::Memory(memory), Entity::Memory(store.instance_memory(instance, memory)?.index));
        }
        for table in (0..info.tables.len() as u32).map(TableIndex::from_u32) {
            add(Space::Table(table), Entity::Table(store.instance_table(instance, table)?.index));
        }
        if watched.keys().any(|entity| matches!(entity, Entity::Global(_))) {
            for global in (0..info.globals.len() as u32).map(GlobalIndex::from_u32) {
                add(Space::Global(global), Entity::Global(store.instance_global(instance, global)?.index));
            }
        }
        Ok(())
    }

    /// What it takes to bring the code from what watchpoints need to what they will need. What is needed otherwise as well stays
    /// as it is; what changes for other reasons is in `changes`, which is told of it.
    pub(super) fn watch_patches(&self, plan: &Plan, changes: &mut BTreeMap<SiteKey, Change>) -> Vec<Patch> {
        let before = self.book.watched.borrow();
        let blobs: BTreeMap<u32, &Rc<MappedBlob>> =
            before.values().chain(plan.watched.values()).map(|stops| (stops.blob.id().as_u32(), &stops.blob)).collect();
        let mut patches = Vec::new();
        for (id, blob) in blobs {
            let offsets =
                |of: &NumberMap<u32, WatchedStops>| of.get(&id).map_or_else(Vec::new, |stops| stops.offsets.clone());
            let (before, after) = (offsets(&before), offsets(&plan.watched));
            let mut stops = Vec::new();
            let removed =
                before.iter().filter(|offset| after.binary_search(offset).is_err()).map(|offset| (*offset, false));
            let added =
                after.iter().filter(|offset| before.binary_search(offset).is_err()).map(|offset| (*offset, true));
            for (offset, will_be_armed) in removed.chain(added) {
                let key = SiteKey::at(blob, offset);
                if let Some(change) = changes.get_mut(&key) {
                    change.needs(if will_be_armed { 1 } else { -1 });
                } else if self.book.breakpoints_at(key) == 0 && !self.is_stepped(blob, offset) {
                    stops.push((offset, will_be_armed));
                }
            }
            if !stops.is_empty() {
                patches.push(Patch { blob: blob.clone(), stops });
            }
        }
        patches
    }

    /// Whether a stop point is armed for stepping, or for a write into a frame.
    fn is_stepped(&self, blob: &MappedBlob, offset: CodeOffset) -> bool {
        let key = SiteKey::at(blob, offset);
        let body = blob.tables().body_at(offset).filter(|_| self.armed.any());
        let is_armed = body.is_some_and(|body| self.armed.contains((blob.module(), blob.function(body)), key));
        is_armed || self.pending.needs(key)
    }

    /// Watches as planned, after the code was changed.
    pub(super) fn adopt_watching(&self, plan: Plan) {
        let watching = &*self.watching;
        let Plan { by_entity, needs, watched, instances, framed, traced } = plan;
        let kinds = |(entity, ranges): (&Entity, &Ranges)| match entity {
            Entity::Memory(_) => kind_bits(Space::Memory(MemoryIndex::from_u32(0)), ranges.access),
            Entity::Global(_) => kind_bits(Space::Global(GlobalIndex::from_u32(0)), ranges.access),
            Entity::Table(_) => kind_bits(Space::Table(TableIndex::from_u32(0)), ranges.access),
            Entity::Object(_) => kind_bits(Space::Elements(TypeIndex::from_u32(0)), ranges.access),
        };
        watching.kinds.set(by_entity.iter().map(kinds).fold(0, |all, kinds| all | kinds));
        watching.any.set(!by_entity.is_empty() || !framed.is_empty());
        self.store().observe_returns(watching.any());
        let before = watching.needs.replace(needs);
        let is_same = |id: &u64| before.get(id) == watching.needs.borrow().get(id);
        watching.behind.borrow_mut().retain(|id, _| is_same(id));
        self.book.watched.replace(watched);
        let old = watching.by_entity.replace(by_entity);
        // Their conditions may be the host's last ones, so not while anything is borrowed.
        drop(old);
        watching.instances.set(instances);
        watching.frames.adopt(framed);
        watching.tracing.adopt(traced);
    }

    /// Watches what instances do that were made since somebody looked, and frames no longer that are gone.
    pub(super) fn bring_watching_up_to_date(&self) -> Result<()> {
        if self.watching.instances.get() == self.store().instances() && !self.watching.frames.has_gone() {
            return Ok(());
        }
        let (points, framed) = (self.watching.enabled().into_values(), self.watching.frames.framed());
        let plan = self.plan_watching(points, framed, self.watching.tracing.functions())?;
        self.patch(&self.watch_patches(&plan, &mut BTreeMap::new()))?;
        self.adopt_watching(plan);
        Ok(())
    }

    /// Has the guest stop behind an operator of a function; answers where that is in this body.
    pub(super) fn watch_behind(&self, blob: &MappedBlob, body: BodyIndex, pc: WasmPc) -> Result<WasmPc> {
        let (module, function) = (blob.module(), blob.function(body));
        let mut behind = self.watching.behind.borrow_mut();
        let pcs = behind.entry(module.id()).or_default();
        if !pcs.contains(&pc) {
            self.arm_behind(module, function, pc)?;
            pcs.insert(pc);
        }
        match stop_behind(blob, body, pc) {
            Some(stop) => Ok(stop.pc),
            None => bail!(InvalidState, "no stop point is behind {pc}"),
        }
    }

    fn arm_behind(&self, module: &Module, function: DefinedFuncIndex, pc: WasmPc) -> Result<()> {
        let mut added: Vec<(Rc<MappedBlob>, CodeOffset)> = Vec::new();
        for blob in self.store().blobs_of(module) {
            for body in blob.tables().bodies_of(function) {
                if let Some(stop) = stop_behind(&blob, body, pc) {
                    added.push((blob.clone(), stop.return_offset));
                }
            }
        }
        let is_new = |(blob, offset): &(Rc<MappedBlob>, CodeOffset)| {
            self.book.enabled_at(SiteKey::at(blob, *offset)) == 0 && !self.is_stepped(blob, *offset)
        };
        let patches: Vec<Patch> = added
            .iter()
            .filter(|stop| is_new(stop))
            .map(|(blob, offset)| Patch { blob: blob.clone(), stops: vec![(*offset, true)] })
            .collect();
        self.patch(&patches)?;
        let mut watched = self.book.watched.borrow_mut();
        for (blob, offset) in added {
            let stops = watched.entry(blob.id().as_u32()).or_insert_with(|| WatchedStops::new(blob));
            for offsets in [&mut stops.shared, &mut stops.offsets] {
                if let Err(place) = offsets.binary_search(&offset) {
                    offsets.insert(place, offset);
                }
            }
        }
        Ok(())
    }

    /// Looks for what was changed while no guest ran, which is about to run; answers whether there is anything to tell.
    pub(super) fn look_before_running(&self) -> Result<bool> {
        self.bring_watching_up_to_date()?;
        if !self.is_silent() {
            self.watching.look(self.store())?;
        }
        Ok(self.watching.has_found() && !self.is_silent())
    }

    /// Lets the host run that is told of an event: what it changes is no news to it.
    #[inline(always)]
    pub(super) fn letting_host_write<R>(&self, run: impl FnOnce() -> R) -> R {
        if !self.watching.any() {
            return run();
        }
        self.let_host_write_watched(run)
    }

    #[cold]
    fn let_host_write_watched<R>(&self, run: impl FnOnce() -> R) -> R {
        if let Err(error) = self.watching.look(self.store()) {
            log::warn!("what was changed by others than the guest isn't known: {error}");
        }
        let result = run();
        if let Err(error) = self.watching.refresh(self.store()) {
            log::warn!("what an event handler has changed counts as changed by others: {error}");
        }
        result
    }
}
