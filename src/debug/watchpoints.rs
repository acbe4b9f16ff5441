//! Watchpoints: what they watch, what was there when somebody looked last, and what happened there.
//!
//! Must not know code or calls. Invariant: what is under way at a watchpoint is nobody else's change. Read next: `watching.rs`,
//! `access.rs`.

use super::access::bits;
use super::evaluator::Slot;
use super::options::{BreakpointOptions, Rules};
use super::watched_frames::WatchedFrame;
use super::watched_objects::WatchedObject;
use super::{Debuggee, Frame};
use crate::base::{Global, Memory, Object, RawValue, Result, Table, ValType, Value, WasmPc, error::bail, memory};
use crate::runtime::{Hold, Store};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// Bytes that one watchpoint may watch: what was there is kept.
pub const MOST_BYTES: u64 = 1 << 20;

/// What a watchpoint watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatchTarget {
    /// Bytes of a memory.
    Memory {
        /// The memory.
        memory: Memory,
        /// The first byte.
        address: u64,
        /// How many.
        size: u64,
    },
    /// A global.
    Global(Global),
    /// An element of a table.
    Element {
        /// The table.
        table: Table,
        /// Which element.
        index: u64,
    },
    /// A local of a frame, as long as that is there.
    Local {
        /// The frame.
        frame: Frame,
        /// Which local.
        local: u32,
    },
    /// A field of a structure, or an element of an array.
    Field {
        /// The structure or array.
        object: Object,
        /// Which field or element.
        index: u32,
    },
}

/// What is in a store that can be watched, by its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Entity {
    Memory(u64),
    Global(u64),
    Table(u64),
    /// By the word that it is for guest code.
    Object(u32),
}

impl WatchTarget {
    /// Its bytes or elements.
    pub(super) fn range(&self) -> Range<u64> {
        match *self {
            WatchTarget::Memory { address, size, .. } => address..address + size,
            WatchTarget::Global(_) => 0..1,
            WatchTarget::Element { index, .. } => index..index + 1,
            WatchTarget::Local { local: index, .. } | WatchTarget::Field { index, .. } => {
                u64::from(index)..u64::from(index) + 1
            }
        }
    }

    /// What is there now, in a part of it.
    pub(super) fn read(&self, store: &Store, part: &Range<u64>) -> Result<Seen> {
        match *self {
            WatchTarget::Memory { memory, .. } => {
                let mut read = Vec::new();
                let size = (part.end - part.start) as usize;
                memory::reserve(&mut read, size)?;
                read.resize(size, 0);
                store.memory_read(memory, part.start, &mut read)?;
                Ok(Seen::Bytes(read))
            }
            WatchTarget::Global(global) => {
                Seen::value(store, store.global_type(global)?.value, store.global_raw(global)?)
            }
            WatchTarget::Element { table, index } => {
                let ty = ValType::Ref(store.table_type(table)?.element);
                let Some(bits) = store.table_bits(table, index)? else { bail!(OutOfRange, "there is no such element") };
                Seen::value(store, ty, RawValue::new(bits))
            }
            WatchTarget::Local { .. } => bail!(InvalidState, "a local is looked at in its frame"),
            WatchTarget::Field { object, index } => {
                let (ty, raw) = store.object_raw(object, index)?;
                Seen::value(store, ty, raw)
            }
        }
    }
}

/// What is at a place that is watched, or was.
#[derive(Debug)]
pub enum Seen {
    /// Bytes of a memory.
    Bytes(Vec<u8>),
    /// A value.
    Value {
        /// Its type.
        ty: ValType,
        /// The value.
        raw: RawValue,
        /// What keeps it.
        hold: Option<Hold>,
    },
}

impl Seen {
    fn value(store: &Store, ty: ValType, raw: RawValue) -> Result<Seen> {
        let is_object = matches!(ty, ValType::Ref(_));
        Ok(Seen::Value { ty, raw, hold: if is_object { store.hold(raw.lo)? } else { None } })
    }

    /// A value of a frame.
    pub(super) fn slot(store: &Store, slot: &Slot) -> Result<Seen> {
        Seen::value(store, slot.ty, RawValue::from_bits(slot.bits))
    }

    /// The bytes, if it is a memory's.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Seen::Bytes(bytes) => Some(bytes),
            Seen::Value { .. } => None,
        }
    }

    /// The value, if it is one.
    pub fn to_value(&self, store: &Store) -> Option<Value> {
        match self {
            Seen::Bytes(_) => None,
            Seen::Value { ty, raw, .. } => Some(store.from_raw(*ty, *raw)),
        }
    }

    pub(super) fn is_same(&self, other: &Seen, store: &Store) -> bool {
        match (self, other) {
            (Seen::Bytes(a), Seen::Bytes(b)) => a == b,
            (Seen::Value { ty, raw: a, .. }, Seen::Value { raw: b, .. }) => store.is_same_value(*ty, *a, *b),
            _ => false,
        }
    }
}

/// A watchpoint as it is listed.
#[derive(Clone, Debug)]
pub struct WatchpointInfo {
    /// Names it; never 0, never reused in its store, and no breakpoint's.
    pub id: u64,
    /// What it watches.
    pub target: WatchTarget,
    /// [`bits::READ`], [`bits::WRITE`], or both.
    pub access: u8,
    /// Whether it raises events.
    pub enabled: bool,
    /// How often such an access was seen while it was enabled.
    pub hits: u64,
    /// How many of the hits raised no event, because an event handler was running.
    pub passed_over: u64,
    /// How many of the hits raised no event, because of its options or its condition.
    pub declined: u64,
    /// Its options.
    pub options: BreakpointOptions,
    /// Whether it has a condition.
    pub has_condition: bool,
    /// Of a local, the key of the frame, see [`Debuggee::frame_key`].
    pub frame_key: Option<u64>,
    /// Whether what it watches is gone: a local's frame. It is disabled then, and stays so.
    pub is_over: bool,
}

/// A watchpoint.
pub(super) struct Watchpoint {
    pub(super) id: u64,
    pub(super) target: WatchTarget,
    pub(super) access: u8,
    pub(super) rules: Rules,
    /// Of a local, its frame.
    pub(super) frame: Option<WatchedFrame>,
    /// Of a field or an element, its object.
    pub(super) object: Option<WatchedObject>,
    /// What was there when somebody looked last; nothing as long as it is disabled, and unless writes are watched.
    last: RefCell<Option<Seen>>,
    /// How many operators are under way that access it: what has changed meanwhile is theirs.
    under_way: Cell<u32>,
}

impl Watchpoint {
    /// A watchpoint of what is there.
    ///
    /// Errors: `InvalidArgument` for an access that is none, or no bytes; `WrongStore`; `OutOfRange`; `Limit`; `System`; for a local as
    /// [`WatchedFrame::new`].
    pub(super) fn new(debuggee: &Debuggee, target: WatchTarget, access: u8) -> Result<Watchpoint> {
        if access == 0 || access & !(bits::READ | bits::WRITE) != 0 {
            bail!(InvalidArgument, "{access:#x} is neither to read nor to write nor both");
        }
        let store = debuggee.store();
        let (mut watched_frame, mut watched_object) = (None, None);
        match target {
            WatchTarget::Memory { memory, address, size } => {
                let (_, present) = store.memory_base(memory)?;
                if size == 0 {
                    bail!(InvalidArgument, "a watchpoint of no bytes");
                }
                if address.checked_add(size).is_none_or(|end| end > present as u64) {
                    bail!(OutOfRange, "the memory has {present} bytes, not all of {size} from {address} on");
                }
                if size > MOST_BYTES {
                    bail!(Limit, "a watchpoint may be of {MOST_BYTES} bytes, not of {size}");
                }
            }
            WatchTarget::Global(global) => drop(store.global_type(global)?),
            WatchTarget::Element { table, index } => {
                let present = store.table_size(table)?;
                if index >= present {
                    bail!(OutOfRange, "the table has {present} elements, there is no {index}");
                }
            }
            WatchTarget::Local { frame, local } => {
                memory::ask_for_several()?;
                watched_frame = Some(WatchedFrame::new(debuggee, &frame, local)?);
            }
            WatchTarget::Field { object, index } => {
                memory::ask_for_several()?;
                watched_object = Some(WatchedObject::new(store, object, index)?);
            }
        }
        let id = debuggee.book.new_id();
        let (rules, last, under_way) = (Rules::default(), RefCell::new(None), Cell::new(0));
        Ok(Watchpoint { id, target, access, rules, frame: watched_frame, object: watched_object, last, under_way })
    }

    /// None for what is a frame's.
    pub(super) fn entity(&self) -> Option<Entity> {
        match self.target {
            WatchTarget::Memory { memory, .. } => Some(Entity::Memory(memory.index)),
            WatchTarget::Global(global) => Some(Entity::Global(global.index)),
            WatchTarget::Element { table, .. } => Some(Entity::Table(table.index)),
            WatchTarget::Local { .. } => None,
            WatchTarget::Field { .. } => self.object.as_ref().map(|object| Entity::Object(object.word)),
        }
    }

    pub(super) fn info(&self) -> WatchpointInfo {
        WatchpointInfo {
            id: self.id,
            target: self.target,
            access: self.access,
            enabled: self.rules.is_enabled(),
            hits: self.rules.hits.get(),
            passed_over: self.rules.passed_over.get(),
            declined: self.rules.declined.get(),
            options: self.rules.options.get(),
            has_condition: self.rules.has_condition(),
            frame_key: self.frame.as_ref().map(|frame| frame.key),
            is_over: self.frame.as_ref().is_some_and(|frame| frame.is_gone()),
        }
    }

    fn watches_writes(&self) -> bool {
        self.access & bits::WRITE != 0
    }

    /// Notes what is there now.
    pub(super) fn refresh(&self, store: &Store) -> Result<()> {
        if self.frame.is_none() && self.watches_writes() && self.under_way.get() == 0 {
            let now = self.target.read(store, &self.target.range())?;
            self.last.replace(Some(now));
        }
        Ok(())
    }

    /// Whether what is there is another than when somebody looked last.
    pub(super) fn has_changed(&self, store: &Store) -> bool {
        let last = self.last.borrow();
        let Some(last) = last.as_ref().filter(|_| self.under_way.get() == 0) else { return false };
        self.target.read(store, &self.target.range()).is_ok_and(|now| !now.is_same(last, store))
    }

    /// What has changed since somebody looked last, by nobody's known access.
    pub(super) fn find_change(self: &Rc<Self>, store: &Store) -> Result<Option<WatchHit>> {
        if self.last.borrow().is_none() || self.under_way.get() != 0 {
            return Ok(None);
        }
        let range = self.target.range();
        let now = self.target.read(store, &range)?;
        let mut last = self.last.borrow_mut();
        let Some(before) = last.as_ref().filter(|before| !before.is_same(&now, store)) else { return Ok(None) };
        let (part, old, new) = match (before, &now) {
            (Seen::Bytes(before), Seen::Bytes(now)) => {
                let differs = |(a, b): (&u8, &u8)| a != b;
                let first = before.iter().zip(now).position(differs).unwrap_or(0);
                let end = before.iter().zip(now).rposition(differs).map_or(first, |last| last + 1);
                let part = range.start + first as u64..range.start + end as u64;
                (part, Seen::Bytes(before[first..end].into()), Seen::Bytes(now[first..end].into()))
            }
            (&Seen::Value { ty, raw, .. }, &Seen::Value { raw: now, .. }) => {
                (range, Seen::value(store, ty, raw)?, Seen::value(store, ty, now)?)
            }
            _ => return Ok(None),
        };
        *last = Some(now);
        let (old, new) = (Rc::new(old), Rc::new(new));
        Ok(Some(WatchHit { id: self.id, access: bits::WRITE, pc: None, part, old, new }))
    }

    /// Notes that a part was accessed, and what is there now.
    fn note(&self, part: &Range<u64>, now: &Seen, store: &Store) -> Result<()> {
        let mut last = self.last.borrow_mut();
        match (&mut *last, now) {
            (Some(Seen::Bytes(last)), Seen::Bytes(now)) => {
                let first = (part.start - self.target.range().start) as usize;
                last[first..first + now.len()].copy_from_slice(now);
            }
            (Some(last @ Seen::Value { .. }), &Seen::Value { ty, raw, .. }) => *last = Seen::value(store, ty, raw)?,
            _ => {}
        }
        Ok(())
    }
}

/// What happened at a watchpoint.
#[derive(Clone, Debug)]
pub struct WatchHit {
    /// The watchpoint.
    pub id: u64,
    /// [`bits::READ`], [`bits::WRITE`], or both: what was done of what it watches.
    pub access: u8,
    /// The operator that did it, of the event's frame. None if it was found to be changed: the host did that, or a thread.
    pub pc: Option<WasmPc>,
    /// The bytes that were accessed, of those that are watched, or the number of the element or field; of a global `0..1`.
    pub part: Range<u64>,
    /// What was there before.
    pub old: Rc<Seen>,
    /// What is there now.
    pub new: Rc<Seen>,
}

/// An operator that accesses what is watched and isn't done yet.
pub(super) struct UnderWay {
    /// It is done when the call comes to this operator.
    pub(super) next: WasmPc,
    pub(super) pc: WasmPc,
    /// By the age of the watchpoints.
    pub(super) touched: Vec<Touched>,
}

/// What an operator is going to touch of what a watchpoint watches.
pub(super) struct Touched {
    pub(super) point: Rc<Watchpoint>,
    pub(super) access: u8,
    pub(super) part: Range<u64>,
    old: Rc<Seen>,
}

impl Touched {
    /// Notes that an operator is about to access a part of what a watchpoint watches.
    pub(super) fn new(point: &Rc<Watchpoint>, access: u8, part: Range<u64>, store: &Store) -> Result<Touched> {
        let old = Rc::new(point.target.read(store, &part)?);
        point.under_way.set(point.under_way.get() + 1);
        Ok(Touched { point: point.clone(), access, part, old })
    }

    /// The same if what is there is known.
    pub(super) fn known(point: &Rc<Watchpoint>, access: u8, part: Range<u64>, old: Rc<Seen>) -> Touched {
        point.under_way.set(point.under_way.get() + 1);
        Touched { point: point.clone(), access, part, old }
    }

    /// Notes that it accesses another part as well.
    pub(super) fn add(&mut self, access: u8, part: &Range<u64>, store: &Store) -> Result<()> {
        self.part = self.part.start.min(part.start)..self.part.end.max(part.end);
        self.access |= access;
        self.old = Rc::new(self.point.target.read(store, &self.part)?);
        Ok(())
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.point.under_way.set(self.point.under_way.get() - 1);
    }
}

impl UnderWay {
    /// Notes that the operator is done. If nobody is told of it the hits are counted only. `local` looks at one of the frame.
    pub(super) fn finish(
        self,
        store: &Store,
        local: &dyn Fn(u32) -> Result<Option<Seen>>,
        is_silent: bool,
        hits: &mut Vec<WatchHit>,
    ) -> Result<()> {
        for touched in &self.touched {
            let Touched { point, access, part, old } = touched;
            let now = match &point.frame {
                Some(frame) => local(frame.local)?,
                None => Some(point.target.read(store, part)?),
            };
            let Some(now) = now else { continue };
            point.note(part, &now, store)?;
            if is_silent {
                point.rules.count(true);
            } else {
                let (part, old) = (part.clone(), old.clone());
                let pc = Some(self.pc);
                hits.push(WatchHit { id: point.id, access: *access, pc, part, old, new: Rc::new(now) });
            }
        }
        Ok(())
    }
}

/// The enabled watchpoints of one memory, global, table or object, so that those can be found which a range touches.
#[derive(Default)]
pub(super) struct Ranges {
    /// By their first byte.
    pub(super) points: Vec<Rc<Watchpoint>>,
    /// For each, where the longest of it and those before it ends.
    ends: Vec<u64>,
    /// What is watched of any of them.
    pub(super) access: u8,
}

impl Ranges {
    pub(super) fn new(mut points: Vec<Rc<Watchpoint>>) -> Ranges {
        points.sort_by_key(|point| (point.target.range().start, point.id));
        let mut end = 0;
        let ends = points.iter().map(|point| {
            end = point.target.range().end.max(end);
            end
        });
        Ranges { ends: ends.collect(), access: points.iter().fold(0, |all, point| all | point.access), points }
    }

    /// How many fields or elements there are, of an object.
    pub(super) fn object_length(&self) -> Option<u64> {
        Some(self.points.first()?.object.as_ref()?.length.into())
    }

    /// Those that a range touches.
    pub(super) fn touched(&self, range: &Range<u64>) -> impl Iterator<Item = &Rc<Watchpoint>> {
        let before = self.points.partition_point(|point| point.target.range().start < range.end);
        let (start, ends) = (range.start, &self.ends);
        let near = (0..before).rev().take_while(move |place| ends[*place] > start);
        near.map(|place| &self.points[place]).filter(move |point| point.target.range().end > start)
    }
}

impl Debuggee {
    /// All watchpoints, by id.
    pub fn watchpoints(&self) -> Result<Vec<WatchpointInfo>> {
        self.check_debug()?;
        Ok(self.watching.infos())
    }

    /// The watchpoint with this id; `NotFound` if there is none (any more).
    pub fn watchpoint(&self, id: u64) -> Result<WatchpointInfo> {
        self.check_debug()?;
        match self.watching.point(id) {
            Some(point) => Ok(point.info()),
            None => bail!(NotFound, "there is no watchpoint {id}"),
        }
    }

    /// Whether there is a breakpoint or watchpoint with this id.
    pub(super) fn has_point(&self, id: u64) -> bool {
        self.book.breakpoint(id).is_some() || self.watching.point(id).is_some()
    }
}
