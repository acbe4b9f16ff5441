//! Interventions that change nothing: locals, operands, memories, globals and tables are written with what they hold, in
//! frames that stand still, wait, or called a host function, frames are moved to where they are, garbage is collected, and core dumps are made. All must go
//! on as if nobody had touched it, step by step.

use crate::case::Case;
use crate::differential::{message_of, same};
use crate::driver::{Failure, Outcome};
use crate::ours::{self, Session};
use crate::random::Random;
use crate::{core_dump, interrupted, minimise, wander};
use pellucid::base::{ErrorKind, GlobalIndex, MemoryIndex, OptLevel, Result, TableIndex, Value};
use pellucid::debug::{Frame, FrameKind};
use pellucid::runtime::Engine;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The engines, which are made once: those whose frames are read otherwise than in their exact form.
pub struct Engines([Engine; 4]);

impl Engines {
    #[expect(clippy::new_without_default, reason = "it does a lot")]
    pub fn new() -> Engines {
        let on = |level| ours::engine(true, level);
        let [_, stressed, _] = ours::stressed_engines();
        Engines([on(OptLevel::Speed), on(OptLevel::None), ours::checking_engine(true), stressed])
    }
}

/// The case of a seed.
pub fn run(engines: &Engines, seed: u64) -> std::result::Result<Outcome, Failure> {
    let Some(case) = Case::new(seed) else { return Ok(Outcome::discarded("wasm-smith gave up")) };
    let case = Rc::new(case);
    compare_or_panic(engines, &case).map_err(|message| {
        let smaller = minimise::minimise(&case, &message, |case| compare_or_panic(engines, case).err());
        let (message, case) = smaller.as_ref().map_or((&message, &case), |(case, message)| (message, case));
        Failure { message: message.clone(), text: case.text() }
    })
}

fn compare_or_panic(engines: &Engines, case: &Rc<Case>) -> std::result::Result<Outcome, String> {
    let result = catch_unwind(AssertUnwindSafe(|| compare(engines, case)));
    result.unwrap_or_else(|panic| Err(message_of(&*panic)))
}

fn compare(engines: &Engines, case: &Rc<Case>) -> std::result::Result<Outcome, String> {
    let mut random = Random::new(case.seed ^ 0x5a3e);
    let engine = &engines.0[[0, 0, 0, 1, 2, 3, 3][random.below(7)]];
    let module = ours::module(case, engine);
    let (stepped, traces) = ours::step_module(case, &module);
    let outcome = Rc::new(RefCell::new(Outcome::done()));
    let counts = outcome.clone();
    let touch = move |session: &Session, frame: &Frame, random: &mut Random, log: &mut Vec<String>| {
        touch(session, *frame, random, log, &mut counts.borrow_mut())
    };
    let touch = Rc::new(touch);
    if engine.config().signal_handlers && random.chance(40) {
        let (report, pauses) = interrupted::run(case, &module, Some(&traces), random.clone(), Some(&*touch));
        if report.ends.iter().any(|end| end.is_exhausted()) {
            return Ok(Outcome::discarded("the stack was exhausted"));
        }
        same(case, "single-stepping", &stepped, "interrupted, with the same values written", &report)?;
        outcome.borrow_mut().count("pauses when time was used up", pauses.pauses);
    }
    let touched = wander::run_touched(case, &module, &traces, random, Some(touch));
    // A frame in its exact form is larger.
    if [&stepped, &touched].iter().any(|report| report.ends.iter().any(|end| end.is_exhausted())) {
        return Ok(Outcome::discarded("the stack was exhausted"));
    }
    same(case, "single-stepping", &stepped, "with the same values written", &touched)?;
    Ok(outcome.take())
}

/// Does some of it; whether the innermost frame was moved.
fn touch(
    session: &Session,
    innermost: Frame,
    random: &mut Random,
    log: &mut Vec<String>,
    counts: &mut Outcome,
) -> bool {
    let mut is_moved = false;
    let mut innermost = innermost;
    for _ in 0..1 + random.below(3) {
        let frames = ours::frames(&session.debuggee, &innermost);
        match random.below(11) {
            0 | 1 => rewrite_outside(session, random, counts),
            10 => core_dump::check(session, &innermost, counts),
            2 | 3 if session.debuggee.frame_info(&innermost).expect("it is fresh").kind == FrameKind::Stopped => {
                let pc = session.debuggee.frame_info(&innermost).expect("it is fresh").pc;
                if let Some(moved) = done(session.debuggee.frame_set_pc(&innermost, pc), counts) {
                    assert!(!session.debuggee.frame_is_valid(&innermost), "its handles are out of date");
                    innermost = moved;
                    is_moved = true;
                    counts.count("moves", 1);
                    log.push(format!("moved to {pc}"));
                }
            }
            choice => {
                let place = if choice < 7 { 0 } else { random.below(frames.len()) };
                if rewrite_frame(session, &frames[place], random, counts) {
                    log.push(format!("wrote to frame {place}"));
                }
            }
        }
    }
    is_moved
}

/// Writes a local or an operand of a frame, if it has any.
fn rewrite_frame(session: &Session, frame: &Frame, random: &mut Random, counts: &mut Outcome) -> bool {
    let debuggee = &session.debuggee;
    let before = session.state(frame);
    let mut value = [Value::Unavailable];
    let is_local = before.operands.is_empty() || random.chance(50);
    let count = if is_local { before.locals.len() } else { before.operands.len() };
    if count == 0 {
        return false;
    }
    let place = random.below(count) as u32;
    let written = if is_local {
        debuggee.frame_read_locals(frame, place, &mut value).expect("it is there");
        debuggee.frame_write_local(frame, place, &value[0])
    } else {
        debuggee.frame_read_operands(frame, place, &mut value).expect("it is there");
        debuggee.frame_write_operand(frame, place, &value[0])
    };
    assert_eq!(session.state(frame), before, "the frame shows something else after it was written with what it had");
    counts.count(if before.kind == FrameKind::Calling { "writes into callers" } else { "writes" }, 1);
    done(written, counts).is_some()
}

/// What an intervention came to. It can only fail for lack of room.
fn done<T>(result: Result<T>, counts: &mut Outcome) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(error) if error.kind() == ErrorKind::Limit => {
            counts.count("refused for lack of room", 1);
            None
        }
        Err(error) => panic!("an intervention is refused: {error}"),
    }
}

/// Writes a part of a memory, a global or an element of a table, or collects garbage.
fn rewrite_outside(session: &Session, random: &mut Random, counts: &mut Outcome) {
    let (store, instance) = (session.debuggee.store(), session.instance());
    let info = session.module.info();
    let memories: Vec<MemoryIndex> = info.memories.keys().collect();
    let globals: Vec<GlobalIndex> = info.globals.keys().filter(|global| info.globals[*global].mutable).collect();
    let tables: Vec<TableIndex> = info.tables.keys().collect();
    match random.below(4) {
        0 if session.case.has_objects() => {
            store.collect_garbage().expect("there is memory");
            return counts.count("collections", 1);
        }
        1 if !memories.is_empty() => {
            let memory = store.instance_memory(instance, random.pick(&memories)).expect("its memory");
            let (_, size) = store.memory_base(memory).expect("a memory has a base");
            let start = random.below(size.min(300) + 1);
            let mut bytes = vec![0; random.below(size - start + 1).min(64)];
            store.memory_read(memory, start as u64, &mut bytes).expect("it is inside");
            store.memory_write(memory, start as u64, &bytes).expect("it is inside");
        }
        2 if !globals.is_empty() => {
            let global = store.instance_global(instance, random.pick(&globals)).expect("its global");
            let value = store.global_get(global).expect("a global can be read");
            store.global_set(global, value).expect("it is mutable");
        }
        _ if !tables.is_empty() => {
            let table = store.instance_table(instance, random.pick(&tables)).expect("its table");
            let size = store.table_size(table).expect("a table has a size");
            if size != 0 {
                let place = random.below(size as usize) as u64;
                let value = store.table_get(table, place).expect("it is inside");
                store.table_set(table, place, value).expect("it is inside");
            }
        }
        _ => return,
    }
    counts.count("writes outside frames", 1);
}

#[cfg(test)]
mod tests {
    use crate::driver;

    /// With a collection at each allocation, what makes an exception takes longer than the guest may run on then.
    #[test]
    fn slow_throws_come_to_an_end() {
        let engines = super::Engines::new();
        for seed in [91_011_289, 91_017_122] {
            assert!(super::run(&engines, seed).is_ok(), "seed {seed}");
        }
    }

    #[test]
    fn smoke() {
        let engines = super::Engines::new();
        driver::smoke(|seed| super::run(&engines, seed));
    }
}
