//! Breakpoints and watchpoints as they should be: which raise an event, what is counted, and what watchpoints tell.

use crate::accesses::{Access, READ, Space, WRITE};
use crate::case::Step;
use crate::expression::{Expression, Seen};
use crate::ours::Session;
use crate::random::Random;
use crate::value::Val;
use pellucid::base::{GlobalIndex, MemoryIndex, TableIndex, WasmPc};
use pellucid::debug::{BreakpointOptions, Edit, Event, Seen as Shown, WatchTarget};
use std::cell::Cell;
use std::ops::Range;

/// When a point that is hit raises an event, and what should be counted.
#[derive(Clone, Debug)]
struct Rules {
    enabled: bool,
    expression: Option<Expression>,
    /// The host agrees each time that it has been asked so often; 0 if it isn't asked.
    period: u64,
    ignored: u64,
    once: bool,
    asked: u64,
    met: u64,
    hits: u64,
    declined: u64,
}

impl Rules {
    /// Rules at random, mostly none; `expression` only for some of them.
    fn random(random: &mut Random, expression: impl FnOnce(&mut Random) -> Option<Expression>) -> Rules {
        Rules {
            enabled: true,
            expression: if random.chance(30) { expression(random) } else { None },
            period: if random.chance(15) { 1 + random.below(3) as u64 } else { 0 },
            ignored: if random.chance(15) { random.below(4) as u64 } else { 0 },
            once: random.chance(10),
            asked: 0,
            met: 0,
            hits: 0,
            declined: 0,
        }
    }

    /// Gives them to a point that an edit adds.
    fn set(&self, edit: &mut Edit, session: &Session, id: u64) {
        if self.ignored != 0 || self.once {
            let options =
                BreakpointOptions { ignore_count: self.ignored, is_one_shot: self.once, ..Default::default() };
            edit.set_options(id, options);
        }
        if self.period != 0 {
            let (period, asked) = (self.period, Cell::new(0));
            let condition = move |_: &_, _: &_, _| {
                asked.set(asked.get() + 1);
                asked.get() % period == 0
            };
            edit.set_condition(id, Some(Box::new(condition)));
        }
        if let Some(expression) = &self.expression {
            edit.set_expression(&session.debuggee, id, Some(&expression.to_string())).expect("a good expression");
        }
    }

    /// Counts a hit; whether it raises an event.
    fn hit(&mut self, seen: &Seen) -> bool {
        self.hits += 1;
        let holds = self.expression.as_ref().is_none_or(|expression| expression.holds(seen))
            && (self.period == 0 || {
                self.asked += 1;
                self.asked.is_multiple_of(self.period)
            })
            && {
                self.met += 1;
                self.met > self.ignored
            };
        self.declined += u64::from(!holds);
        holds
    }
}

#[derive(Clone, Debug)]
struct Breakpoint {
    id: u64,
    pc: u32,
    rules: Rules,
}

#[derive(Clone, Debug)]
struct Watchpoint {
    id: u64,
    target: WatchTarget,
    space: Space,
    range: Range<u64>,
    access: u8,
    rules: Rules,
    /// What should be there, if all that was written was told of.
    content: Option<Content>,
}

#[derive(Clone, PartialEq, Debug)]
enum Content {
    Bytes(Vec<u8>),
    Value(Val),
}

/// What should be told of a watchpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    id: u64,
    access: u8,
    part: Range<u64>,
}

/// All breakpoints and watchpoints of a store.
#[derive(Default)]
pub struct Points {
    breakpoints: Vec<Breakpoint>,
    watchpoints: Vec<Watchpoint>,
}

impl Points {
    pub fn is_empty(&self) -> bool {
        self.breakpoints.is_empty() && self.watchpoints.is_empty()
    }

    /// Adds a breakpoint; answers what it is in words.
    pub fn add_breakpoint(&mut self, session: &Session, pc: u32, random: &mut Random) -> String {
        let info = session.module.info();
        let function = info.function_at(WasmPc(pc)).expect("a function's operator");
        let rules = Rules::random(random, |random| Some(Expression::random(random, info, function)));
        let (id, actual) = session.edit(|edit| {
            let added = edit.add(&session.debuggee, &session.module, WasmPc(pc)).expect("a good pc");
            rules.set(edit, session, added.0);
            added
        });
        assert_eq!(actual.0, pc, "a breakpoint at an operator lands there");
        let text = rules.expression.as_ref().map(Expression::to_string).unwrap_or_default();
        let words = format!("breakpoint {id} at {pc:#x} if {text:?}, {rules:?}");
        self.breakpoints.push(Breakpoint { id, pc, rules });
        words
    }

    /// Adds a watchpoint near what an operator accesses, if that is there now; answers what it is in words.
    pub fn add_watchpoint(&mut self, session: &Session, near: &Access, random: &mut Random) -> Option<String> {
        let (store, instance) = (session.debuggee.store(), session.instance());
        let (target, range) = match near.space {
            Space::Memory(memory) => {
                let memory = store.instance_memory(instance, MemoryIndex::from_u32(memory)).expect("its memory");
                let (_, size) = store.memory_base(memory).expect("a memory has a base");
                let reach = random.pick(&[0, 0, 0, 1, 8, 70, 5000]);
                let start = near.range.start.saturating_sub(random.below(reach + 1) as u64);
                let end = (near.range.end + random.below(reach + 1) as u64).min(size as u64).min(start + 100_000);
                if end <= start {
                    return None;
                }
                // Sometimes a part of what is accessed.
                let start = if random.chance(20) { start + random.below((end - start) as usize) as u64 } else { start };
                (WatchTarget::Memory { memory, address: start, size: end - start }, start..end)
            }
            Space::Global(global) => {
                let global = store.instance_global(instance, GlobalIndex::from_u32(global)).expect("its global");
                (WatchTarget::Global(global), 0..1)
            }
            Space::Table(table) => {
                let table = store.instance_table(instance, TableIndex::from_u32(table)).expect("its table");
                let size = store.table_size(table).expect("a table has a size");
                let index = near.range.start + random.below((near.range.end - near.range.start) as usize) as u64;
                if index >= size {
                    return None;
                }
                (WatchTarget::Element { table, index }, index..index + 1)
            }
        };
        // Calls read elements before they are done, which isn't known here.
        let access = match near.space {
            Space::Table(_) => WRITE,
            _ => random.pick(&[READ, WRITE, WRITE, READ | WRITE]),
        };
        let info = session.module.info();
        let rules = Rules::random(random, |random| Some(Expression::random_anywhere(random, info)));
        let id = session.edit(|edit| {
            let id = edit.watch(&session.debuggee, target, access).expect("it is there");
            rules.set(edit, session, id);
            id
        });
        let words = format!("watchpoint {id} of {:?} {range:?} for {access}, {rules:?}", near.space);
        self.watchpoints.push(Watchpoint { id, target, space: near.space, range, access, rules, content: None });
        Some(words)
    }

    fn ids(&self) -> Vec<u64> {
        let watchpoints = self.watchpoints.iter().map(|point| point.id);
        self.breakpoints.iter().map(|point| point.id).chain(watchpoints).collect()
    }

    /// Enables what is disabled, or the other way round; one of them.
    pub fn toggle(&mut self, session: &Session, random: &mut Random) -> String {
        let id = random.pick(&self.ids());
        let watchpoint = self.watchpoints.iter_mut().find(|point| point.id == id);
        let rules = match watchpoint {
            Some(point) => {
                // What is there when it is enabled is what counts.
                point.content = None;
                &mut point.rules
            }
            None => &mut self.breakpoints.iter_mut().find(|point| point.id == id).expect("one of them").rules,
        };
        rules.enabled = !rules.enabled;
        let enabled = rules.enabled;
        session.edit(|edit| edit.enable(id, enabled));
        format!("{id} enabled: {enabled}")
    }

    /// Removes one.
    pub fn remove(&mut self, session: &Session, random: &mut Random) -> String {
        let id = random.pick(&self.ids());
        self.forget(id);
        session.edit(|edit| edit.remove(id));
        format!("{id} removed")
    }

    /// Removes all of them.
    pub fn clear(&mut self, session: &Session) {
        session.edit(|edit| self.ids().into_iter().for_each(|id| edit.remove(id)));
        self.breakpoints.clear();
        self.watchpoints.clear();
    }

    fn forget(&mut self, id: u64) {
        self.breakpoints.retain(|point| point.id != id);
        self.watchpoints.retain(|point| point.id != id);
    }

    /// Whether an enabled breakpoint is at a pc, whatever its rules.
    pub fn is_marked(&self, pc: u32) -> bool {
        self.breakpoints.iter().any(|point| point.rules.enabled && point.pc == pc)
    }

    /// The call comes to an operator: counts the hits of its breakpoints, answers the ids of those that raise an event.
    pub fn hit(&mut self, step: &Step) -> Vec<u64> {
        let at = self.breakpoints.iter_mut().filter(|point| point.rules.enabled && point.pc == step.pc);
        let raised: Vec<(u64, bool)> =
            at.filter_map(|point| point.rules.hit(&step.seen).then_some((point.id, point.rules.once))).collect();
        raised.iter().filter(|raised| raised.1).for_each(|raised| self.forget(raised.0));
        raised.into_iter().map(|raised| raised.0).collect()
    }

    /// An operator has done its accesses: counts the hits of watchpoints, answers those that raise an event. `seen` is what expressions are
    /// over at the next one.
    pub fn watch(&mut self, accesses: &[Access], seen: &Seen) -> Vec<Hit> {
        let mut hits = Vec::new();
        for point in self.watchpoints.iter_mut().filter(|point| point.rules.enabled) {
            let mut hit: Option<Hit> = None;
            for access in accesses.iter().filter(|access| access.space == point.space) {
                let done = access.bits & point.access;
                let part = access.range.start.max(point.range.start)..access.range.end.min(point.range.end);
                if done == 0 || part.is_empty() {
                    continue;
                }
                let hit = hit.get_or_insert(Hit { id: point.id, access: 0, part: part.clone() });
                hit.access |= done;
                hit.part = hit.part.start.min(part.start)..hit.part.end.max(part.end);
            }
            let Some(hit) = hit else { continue };
            if point.rules.hit(seen) {
                hits.push((hit, point.rules.once));
            } else {
                point.content = None;
            }
        }
        // Those that are there only once are gone when anybody is told.
        let spent: Vec<u64> = hits.iter().filter(|(_, once)| *once).map(|(hit, _)| hit.id).collect();
        spent.into_iter().for_each(|id| self.forget(id));
        hits.into_iter().map(|(hit, _)| hit).collect()
    }

    /// Holds what an event tells of watchpoints against what should be told and what is there. `accesses` are those of the operator,
    /// which is at `pc`.
    pub fn check_told(&mut self, session: &Session, event: &Event, hits: &[Hit], pc: u32, accesses: &[Access]) {
        let told: Vec<_> = event.watched.iter().flat_map(|watched| watched.iter()).collect();
        let as_hit = |told: &&pellucid::debug::WatchHit| {
            assert_eq!(told.pc, Some(WasmPc(pc)), "the operator that did it");
            Hit { id: told.id, access: told.access, part: told.part.clone() }
        };
        assert_eq!(told.iter().map(as_hit).collect::<Vec<_>>(), hits, "what is told of watchpoints");
        let is_written = accesses.iter().any(|access| access.bits & WRITE != 0);
        for told in told {
            let Some(point) = self.watchpoints.iter_mut().find(|point| point.id == told.id) else { continue };
            let now = content(session, &point.target);
            let first = (told.part.start - point.range.start) as usize;
            let part = first..first + (told.part.end - told.part.start) as usize;
            assert_eq!(shown(session, &told.new), now.part(&part), "what watchpoint {} says is there now", told.id);
            if let Some(before) = &mut point.content
                && point.access & WRITE != 0
            {
                assert_eq!(shown(session, &told.old), before.part(&part), "what was there, by watchpoint {}", told.id);
                before.replace(&part, &now);
            }
            if !is_written {
                assert_eq!(shown(session, &told.old), now.part(&part), "what was only read, by watchpoint {}", told.id);
            }
        }
    }

    /// What is watched for writes is as all that was told says.
    pub fn check_content(&mut self, session: &Session) {
        for point in self.watchpoints.iter_mut().filter(|point| point.rules.enabled && point.access & WRITE != 0) {
            let now = content(session, &point.target);
            let before = point.content.get_or_insert_with(|| now.clone());
            assert_eq!(*before, now, "watchpoint {} was told of all that was written to {:?}", point.id, point.target);
        }
    }

    /// The lists of the store are as they should be.
    pub fn check_book(&self, session: &Session) {
        let debuggee = &session.debuggee;
        let breakpoints = debuggee.breakpoints().expect("debugging is on");
        let listed: Vec<_> =
            breakpoints.iter().map(|it| (it.id, it.actual.0, it.enabled, it.hits, it.declined)).collect();
        let expected = self.breakpoints.iter().map(|it| {
            let Rules { enabled, hits, declined, .. } = it.rules;
            (it.id, it.pc, enabled, hits, declined)
        });
        assert_eq!(listed, expected.collect::<Vec<_>>(), "breakpoints: id, pc, enabled, hits, declined");
        let watchpoints = debuggee.watchpoints().expect("debugging is on");
        let listed: Vec<_> =
            watchpoints.iter().map(|it| (it.id, it.access, it.enabled, it.hits, it.declined)).collect();
        let expected = self.watchpoints.iter().map(|it| {
            let Rules { enabled, hits, declined, .. } = it.rules;
            (it.id, it.access, enabled, hits, declined)
        });
        assert_eq!(listed, expected.collect::<Vec<_>>(), "watchpoints: id, access, enabled, hits, declined");
    }
}

impl Content {
    fn part(&self, part: &Range<usize>) -> Content {
        match self {
            Content::Bytes(bytes) => Content::Bytes(bytes[part.clone()].to_vec()),
            Content::Value(value) => Content::Value(*value),
        }
    }

    /// Takes over a part of another.
    fn replace(&mut self, part: &Range<usize>, by: &Content) {
        match (self, by) {
            (Content::Bytes(bytes), Content::Bytes(by)) => bytes[part.clone()].copy_from_slice(&by[part.clone()]),
            (content, by) => *content = by.clone(),
        }
    }
}

/// What is there now.
fn content(session: &Session, target: &WatchTarget) -> Content {
    let store = session.debuggee.store();
    match *target {
        WatchTarget::Memory { memory, address, size } => {
            let mut bytes = vec![0; size as usize];
            store.memory_read(memory, address, &mut bytes).expect("it is inside");
            Content::Bytes(bytes)
        }
        WatchTarget::Global(global) => {
            Content::Value(session.show(&store.global_get(global).expect("a global can be read")))
        }
        WatchTarget::Element { table, index } => {
            Content::Value(session.show(&store.table_get(table, index).expect("it is inside")))
        }
        WatchTarget::Local { .. } | WatchTarget::Field { .. } => unreachable!("none is watched"),
    }
}

fn shown(session: &Session, seen: &Shown) -> Content {
    match seen.bytes() {
        Some(bytes) => Content::Bytes(bytes.to_vec()),
        None => Content::Value(session.show(&seen.to_value(session.debuggee.store()).expect("a value"))),
    }
}
