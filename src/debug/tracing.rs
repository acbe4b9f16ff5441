//! Functions that are traced: whoever wants it is told when they are entered, and when they are left.
//!
//! A function is entered where it comes to its first operator, and left where it comes to one that leaves it: there its results are operands.
//! The stop points of these operators are armed, as those are that watchpoints need, and no others. What leaves a function at no
//! operator of its own, an exception or a trap, is found by walking the frames that are left. Nothing is remembered of calls, so that
//! recursion and calls that are never finished cost nothing.
//!
//! Must not know how code is armed. Invariant: each comes to be told once, each time that the guest comes to the operator.
//! Read next: `watching.rs`, `session.rs`.

use super::breakpoints::Site;
use super::event::{EventKind, Receiver};
use super::hash::NumberMap;
use super::replay::index_in_run;
use super::session::{Flow, Session};
use super::{Debuggee, Event, Frame, Subject};
use crate::base::{
    BodyIndex, CodeOffset, DefinedFuncIndex, Error, Func, FuncIndex, RawValue, Result, Value, WasmPc, error::bail,
};
use crate::runtime::{MappedBlob, Module, Throwing};
use crate::wasm::ModuleInfo;
use crate::wasm::stack_effect::catch_clauses;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasmparser::{BrTable, Operator};

/// How a function is left. The numbers are part of the C ABI, and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Exit {
    /// It returns.
    Return = 1,
    /// Another function takes its place.
    TailCall = 2,
    /// By an exception that it doesn't catch.
    Exception = 3,
    /// By a trap, or an error of the host's.
    Trap = 4,
}

/// How a function is left, and with what.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// How.
    pub exit: Exit,
    /// How many operands are above its results, for the operator that leaves it.
    above: u32,
    /// The function that takes its place, if it is known which.
    pub callee: Option<Func>,
    /// Its results, if they aren't operands.
    results: Option<Box<[RawValue]>>,
}

/// When an operator leaves its function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaves {
    Always,
    /// If it branches.
    IfTaken,
    /// If the label that its operand names does.
    ByTable,
    ByTailCall,
}

/// A function that is traced.
pub(super) struct Traced {
    module: Module,
    function: DefinedFuncIndex,
    first: WasmPc,
    /// The operators that may leave it, ascending, and how many operands of theirs are above the results.
    exits: Box<[(WasmPc, Leaves, u32)]>,
    /// The `try_table`s, ascending, that have clauses which leave it.
    catches: Box<[WasmPc]>,
}

/// All of them, by module and function.
pub(super) type TracedFunctions = NumberMap<(u64, u32), Rc<Traced>>;

/// What is traced in a store.
#[derive(Default)]
pub(super) struct Tracing {
    functions: RefCell<Rc<TracedFunctions>>,
    any: Cell<bool>,
}

impl Tracing {
    /// Whether anything is.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.get()
    }

    pub(super) fn functions(&self) -> Rc<TracedFunctions> {
        self.functions.borrow().clone()
    }

    pub(super) fn adopt(&self, functions: Rc<TracedFunctions>) {
        self.any.set(!functions.is_empty());
        let before = self.functions.replace(functions);
        drop(before);
    }

    pub(super) fn of(&self, module: &Module, function: DefinedFuncIndex) -> Option<Rc<Traced>> {
        self.functions.borrow().get(&(module.id(), function.as_u32())).cloned()
    }

    #[cold]
    fn of_site(&self, site: &Site) -> Option<Rc<Traced>> {
        self.of(site.blob.module(), site.blob.function(site.body))
    }
}

/// The operators of a function that may leave it, and the blocks that may have it left by catching something.
fn exits(info: &ModuleInfo, function: DefinedFuncIndex) -> (Vec<(WasmPc, Leaves, u32)>, Vec<WasmPc>) {
    let (mut exits, mut catches, mut depth) = (Vec::new(), Vec::new(), 0);
    let operators = info.body(function).get_operators_reader().expect("validated").into_iter_with_offsets();
    for (operator, at) in operators.map(|operator| operator.expect("validated")) {
        use Operator::*;
        let pc = WasmPc(at as u32);
        let mut add = |leaves, above| exits.push((pc, leaves, above));
        match operator {
            Block { .. } | Loop { .. } | If { .. } | Try { .. } => depth += 1,
            TryTable { try_table } => {
                if catch_clauses(&try_table).iter().any(|clause| clause.label == depth) {
                    catches.push(pc);
                }
                depth += 1;
            }
            End if depth == 0 => add(Leaves::Always, 0),
            End | Delegate { .. } => depth -= 1,
            Return => add(Leaves::Always, 0),
            Br { relative_depth } if relative_depth == depth => add(Leaves::Always, 0),
            BrIf { relative_depth } | BrOnNull { relative_depth } if relative_depth == depth => add(Leaves::IfTaken, 1),
            BrOnNonNull { relative_depth } | BrOnCast { relative_depth, .. } | BrOnCastFail { relative_depth, .. }
                if relative_depth == depth =>
            {
                add(Leaves::IfTaken, 0);
            }
            BrTable { targets } if labels(&targets).contains(&depth) => add(Leaves::ByTable, 1),
            ReturnCall { .. } | ReturnCallIndirect { .. } | ReturnCallRef { .. } => add(Leaves::ByTailCall, 0),
            _ => {}
        }
    }
    (exits, catches)
}

/// The labels of a `br_table`, that of all other operands last.
fn labels(table: &BrTable<'_>) -> Vec<u32> {
    let targets = table.targets().map(|target| target.expect("validated"));
    targets.chain([table.default()]).collect()
}

impl Traced {
    pub(super) fn new(module: &Module, function: DefinedFuncIndex) -> Traced {
        let info = module.info();
        let (exits, catches) = exits(info, function);
        let first = info.bodies[function].operators;
        Traced { module: module.clone(), function, first, exits: exits.into(), catches: catches.into() }
    }

    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    /// Adds where those stop points return to whose runs have an operator that matters.
    pub(super) fn stops_in(&self, blob: &MappedBlob, found: &mut Vec<CodeOffset>) {
        let Some(frames) = blob.frames() else { return };
        for body in blob.tables().bodies_of(self.function) {
            let pcs = [self.first].into_iter().chain(self.exits.iter().map(|(pc, ..)| *pc));
            for pc in pcs {
                if let Some(stop) = frames.run_at(body, pc)
                    && index_in_run(blob, body, stop.pc, pc).is_some()
                {
                    found.push(stop.return_offset);
                }
            }
        }
    }

    fn exit_at(&self, pc: WasmPc) -> Option<(Leaves, u32)> {
        let found = self.exits.binary_search_by_key(&pc, |(exit, ..)| *exit).ok()?;
        let (_, leaves, above) = self.exits[found];
        Some((leaves, above))
    }
}

impl Debuggee {
    /// Whether a function's entries and exits are told.
    ///
    /// Errors: `DebugDisabled`; `OutOfRange` if the module has no such function.
    pub fn is_traced(&self, module: &Module, function: FuncIndex) -> Result<bool> {
        self.check_debug()?;
        let info = module.info();
        if !info.funcs.is_valid(function) {
            bail!(OutOfRange, "the module has {} functions, there is no {}", info.funcs.len(), function.as_u32());
        }
        let defined = info.defined_func(function);
        Ok(defined.is_some_and(|defined| self.watching.tracing.of(module, defined).is_some()))
    }

    /// What the frame of an event of [`EventKind::FunctionExit`] returns.
    ///
    /// Errors: `NotFound` if it doesn't return, or not with values that are known yet; as of all frames.
    pub(super) fn results_of_exit(&self, event: &Event, leaving: &Leaving) -> Result<Vec<Value>> {
        let (Exit::Return, Some(frame)) = (leaving.exit, &event.frame) else {
            bail!(NotFound, "the function doesn't return");
        };
        let (module, info) = (self.frame_module(frame)?, self.frame_info(frame)?);
        let types = &module.info().func_type(info.func_index).results;
        if let Some(results) = &leaving.results {
            return Ok(types.iter().zip(results).map(|(ty, raw)| self.store().from_raw(*ty, *raw)).collect());
        }
        let first = info.n_operands.checked_sub(leaving.above + types.len() as u32);
        let Some(first) = first else { bail!(NotFound, "the function's results aren't known") };
        let mut results = vec![Value::Unavailable; types.len()];
        self.frame_read_operands(frame, first, &mut results)?;
        Ok(results)
    }

    /// The function of a frame, if it is traced.
    fn traced_frame(&self, frame: &Frame) -> Option<Rc<Traced>> {
        let (module, info) = (self.frame_module(frame).ok()?, self.frame_info(frame).ok()?);
        self.watching.tracing.of(&module, module.info().defined_func(info.func_index)?)
    }
}

impl Session<'_> {
    /// Whether the stop point of `site` may be one that tracing needs.
    #[inline]
    pub(super) fn is_traced(&self, site: &Site) -> bool {
        let tracing = &self.debuggee.watching.tracing;
        tracing.any() && !self.silent && tracing.of_site(site).is_some()
    }

    /// The next operator of the run behind `index` that may leave a traced function.
    #[cold]
    pub(super) fn next_exit(&self, site: &Site, index: u32) -> Option<u32> {
        let traced = self.debuggee.watching.tracing.of_site(site)?;
        let (run, exits) = (site.run(), &traced.exits);
        let last = *run.pcs.last()?;
        let behind = exits[exits.partition_point(|(pc, ..)| *pc <= site.pc(index))..].iter();
        behind.take_while(|(pc, ..)| *pc <= last).find_map(|(pc, ..)| run.index_of(*pc))
    }

    /// Tells that a traced function is entered or left, if it is at the operator at `index`.
    #[cold]
    pub(super) fn tell_of_traced(&self, site: &Site, index: u32) -> Flow {
        if self.silent {
            return Flow::Continue(());
        }
        let Some(traced) = self.debuggee.watching.tracing.of_site(site) else { return Flow::Continue(()) };
        let (pc, moves) = (site.pc(index), self.stopped_call.moves());
        let raised = || self.stopped_call.raised.get();
        if raised().is_some_and(|raised| !raised.is_between_operators()) {
            return Flow::Continue(());
        }
        if pc == traced.first && !matches!(raised(), Some(EventKind::FunctionEntry | EventKind::FunctionExit)) {
            self.tell_of_call(EventKind::FunctionEntry, pc, None)?;
        }
        if raised() == Some(EventKind::FunctionExit) || self.stopped_call.moves() != moves {
            return Flow::Continue(());
        }
        let Some((leaves, above)) = traced.exit_at(pc) else { return Flow::Continue(()) };
        let (exit, callee) = match leaves {
            Leaves::ByTailCall => {
                let Debuggee { cache, .. } = self.debuggee;
                (Exit::TailCall, self.stopped_call.callee(site, self.debuggee.store(), &cache.layouts))
            }
            _ if !self.leaves(site, index, leaves) => return Flow::Continue(()),
            _ => (Exit::Return, None),
        };
        let leaving = Leaving { exit, above, callee, results: None };
        self.tell_of_call(EventKind::FunctionExit, pc, Some(leaving))
    }

    /// Whether the operator at `index` leaves its function this time.
    fn leaves(&self, site: &Site, index: u32, leaves: Leaves) -> bool {
        let (store, Debuggee { cache, .. }) = (self.debuggee.store(), self.debuggee);
        match leaves {
            Leaves::Always | Leaves::ByTailCall => true,
            Leaves::IfTaken => self.stopped_call.branches(site, index, store, &cache.layouts),
            Leaves::ByTable => {
                let info = site.blob.module().info();
                let Operator::BrTable { targets } = info.operator_at(site.pc(index)) else { return false };
                let operands = self.stopped_call.operands(site, store, &cache.layouts);
                let Some((_, [Some(operand), ..])) = operands else { return false };
                let all = labels(&targets);
                let label = all[(operand as u32 as usize).min(all.len() - 1)];
                label == depth_at(info, site.blob.function(site.body), site.pc(index))
            }
        }
    }

    fn tell_of_call(&self, kind: EventKind, pc: WasmPc, leaving: Option<Leaving>) -> Flow {
        let receiver = self.debuggee.receiver(kind, self.resumable);
        if let Receiver::Nobody = receiver {
            return Flow::Continue(());
        }
        let step = self.debuggee.step_request.get();
        let event = self.event(kind, pc, self.debuggee.no_ids.clone());
        let subject = leaving.map(|leaving| Rc::new(Subject::Exit(leaving)));
        let flow = self.tell(receiver, Event { subject, ..event });
        self.has_seen_operator(flow.is_break());
        flow?;
        self.keep_step(step);
        Flow::Continue(())
    }

    /// Notes that whoever was just told of an operator, and steps from there or has the call pause, needn't be told that a step ends there.
    pub(super) fn has_seen_operator(&self, pauses: bool) {
        if pauses || self.debuggee.step_request.get().is_some() {
            self.stopped_call.is_seen.set(true);
        }
    }

    /// Tells which traced functions are left by an exception that one further out catches, `position` frames from the innermost.
    #[cold]
    pub(super) fn tell_of_left(&self, position: u32, throwing: &Throwing) -> Flow {
        if self.silent || !self.debuggee.watching.tracing.any() {
            return Flow::Continue(());
        }
        for position in 0..position {
            let frame = self.stopped_call.frame(self.debuggee.store(), position);
            let error = self.if_done(self.debuggee.store().thrown_of(throwing))?;
            self.tell_of_left_frame(&frame, Exit::Exception, Some(&Error::exception((*error).clone())), None);
        }
        // A clause may lead straight out of the function.
        let frame = self.stopped_call.frame(self.debuggee.store(), position);
        let catching = &throwing.catching;
        if let Some(traced) = self.debuggee.traced_frame(&frame)
            && traced.catches.binary_search(&catching.pc).is_ok()
            && let Operator::TryTable { try_table } = traced.module.info().operator_at(catching.pc)
        {
            let depth = depth_at(traced.module.info(), traced.function, catching.pc);
            let (tag, takes_reference) = catching.clause();
            let clauses = catch_clauses(&try_table);
            let clause = clauses.iter().find(|clause| (clause.tag, clause.takes_reference) == (tag, takes_reference));
            if clause.is_some_and(|clause| clause.label == depth) {
                let carried = || tag.map_or(Box::default(), |_| throwing.raw().into());
                self.tell_of_left_frame(&frame, Exit::Return, None, (!takes_reference).then(carried));
            }
        }
        Flow::Continue(())
    }

    /// Tells which traced functions are left by the end of the call, whose frames stand.
    #[cold]
    pub(super) fn tell_of_frames_that_end(&self, error: &Error) {
        if self.silent || !self.debuggee.watching.tracing.any() || !self.stopped_call.is_inspectable.get() {
            return;
        }
        let exit = if error.thrown().is_some() { Exit::Exception } else { Exit::Trap };
        let (store, cache) = (self.debuggee.store(), &self.debuggee.cache);
        for position in 0.. {
            if !self.stopped_call.is_inspectable.get() || !self.stopped_call.has_frame(store, cache, position) {
                break;
            }
            self.tell_of_left_frame(&self.stopped_call.frame(store, position), exit, Some(error), None);
        }
    }

    /// Tells a handler that a frame is left; nobody can pause there.
    fn tell_of_left_frame(&self, frame: &Frame, exit: Exit, error: Option<&Error>, results: Option<Box<[RawValue]>>) {
        let kind = EventKind::FunctionExit;
        let Receiver::Handler(handler) = self.debuggee.receiver(kind, false) else { return };
        if self.debuggee.traced_frame(frame).is_none() {
            return;
        }
        let pc = self.debuggee.frame_info(frame).map_or(WasmPc(0), |info| info.pc);
        let step = self.debuggee.step_request.get();
        // Its results aren't operands, and unknown if they aren't given.
        let leaving = Leaving { exit, above: u32::MAX / 2, callee: None, results };
        let event = Event {
            frame: Some(*frame),
            pc,
            trap: error.and_then(|error| error.trap_code()),
            error: error.cloned(),
            subject: Some(Rc::new(Subject::Exit(leaving))),
            ..self.debuggee.event_of(kind, self.call.id())
        };
        self.tell_of_end(&handler, &event);
        self.keep_step(step);
    }
}

/// How many blocks are open at an operator of a function.
fn depth_at(info: &ModuleInfo, function: DefinedFuncIndex, pc: WasmPc) -> u32 {
    let operators = info.body(function).get_operators_reader().expect("validated").into_iter_with_offsets();
    let before = operators.map(|operator| operator.expect("validated")).take_while(|(_, at)| *at < u64::from(pc.0));
    before.fold(0, |depth, (operator, _)| match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::Try { .. }
        | Operator::TryTable { .. } => depth + 1,
        Operator::End | Operator::Delegate { .. } => depth - 1,
        _ => depth,
    })
}

/// Where a body's stop points return to that traced functions of its module need; ascending.
pub(super) fn traced_stops(functions: &TracedFunctions, blob: &MappedBlob) -> Vec<CodeOffset> {
    let mut found = Vec::new();
    let mut known: Option<BodyIndex> = None;
    for (body, code) in &blob.tables().functions {
        // Bodies of a function follow each other.
        let is_first = known.is_none_or(|known| blob.tables().functions[known].function != code.function);
        known = Some(body);
        if is_first && let Some(traced) = functions.get(&(blob.module().id(), code.function.as_u32())) {
            traced.stops_in(blob, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
