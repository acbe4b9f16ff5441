//! Interventions: changing a frame that stands still, and with that what its call does next.
//!
//! The machine has a frame's values in registers. So a frame that was changed doesn't go on where it was left: its function is
//! entered once more in its place, in its *exact form*, which takes everything from the state slot
//! ([`Form::Exact`](crate::abi::artifact::Form)), at the operator where the frame is by then. Until the call goes on, that is only
//! noted ([`StoppedCall`](super::stopped_call::StoppedCall)). A frame that waits for a call is changed when it is returned to
//! ([`Pending`](super::pending::Pending)).
//!
//! Must not know events. Invariant: everything that can be refused is asked for before anything changes.
//! Read next: `throw.rs`, `stopped_call.rs`.

use super::arm::{Patch, Return};
use super::evaluator::{Slot, Values};
use super::frame::{Frame, FrameKind};
use super::pending::{Variable, Writes};
use super::stopped_call::{Moved, StoppedCall};
use super::{Debuggee, EventKind, replay};
use crate::abi::frame_table::Stop;
use crate::base::{
    BodyIndex, DefinedFuncIndex, Error, ErrorKind, FuncIndex, Result, TypeIndex, ValType, Value, WasmPc, error::bail,
    memory,
};
use crate::runtime::{MappedBlob, Module};
use crate::wasm::{operand_types, set_locals};
use std::cell::RefCell;
use std::rc::Rc;
use wasmparser::Operator;

/// A frame as it stands.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) module: Module,
    pub(super) function: DefinedFuncIndex,
    pub(super) kind: FrameKind,
    pub(super) pc: WasmPc,
    pub(super) fp: usize,
    /// The address of its instance's context.
    pub(super) context: u64,
    pub(super) values: Values,
}

/// How many functions are kept in their exact form by a store, besides those that it needs.
const KEPT_FORMS: usize = 32;

/// The exact forms that a store has mapped, the one that was needed last at the end.
#[derive(Default)]
pub(super) struct ExactForms(RefCell<Vec<Rc<MappedBlob>>>);

/// All of these answer `DebugDisabled` without debugging, `StaleHandle` or `WrongStore` for a frame that isn't valid,
/// `InvalidState` if the frame's call has ended, and `Limit` or `System` if the function's exact form can't be had; nothing has
/// changed then.
impl Debuggee {
    /// Writes a local of a frame.
    ///
    /// Errors: `OutOfRange`; `TypeMismatch`; `WrongStore` for a reference of another store.
    pub fn frame_write_local(&self, frame: &Frame, local: u32, value: &Value) -> Result<()> {
        self.write(frame, Variable::Local(local), value)
    }

    /// Writes an operand of a frame, counted from the bottom.
    ///
    /// Errors: as [`Debuggee::frame_write_local`].
    pub fn frame_write_operand(&self, frame: &Frame, operand: u32, value: &Value) -> Result<()> {
        self.write(frame, Variable::Operand(operand), value)
    }

    /// Has a frame return with these results, once its call goes on; frames that it has called are dropped. Until then it stands
    /// at its function's `end`. Answers the frame as it is then.
    ///
    /// Errors: `InvalidState` unless the innermost frame of the call is at a stop; `InvalidArgument` for a wrong number of
    /// results; `TypeMismatch`.
    pub fn frame_return(&self, frame: &Frame, results: &[Value]) -> Result<Frame> {
        self.move_frame(frame, |standing| {
            let info = standing.module.info();
            let types = &info.func_type(info.func_index(standing.function)).results;
            if types.len() != results.len() {
                bail!(InvalidArgument, "{} results are given, the function has {}", results.len(), types.len());
            }
            let results = results.iter().zip(types).zip(0..);
            let operands = results.map(|((value, ty), place)| self.slot(frame.call, value, *ty, "result #", place));
            standing.values.operands = operands.collect::<Result<_>>()?;
            standing.pc = WasmPc(info.bodies[standing.function].range.end - 1);
            Ok(())
        })
    }

    /// Has a frame begin again, with its parameters as they are now; frames that it has called are dropped. Answers the frame as
    /// it is then.
    ///
    /// Errors: `InvalidState` as for [`Debuggee::frame_return`].
    pub fn frame_restart(&self, frame: &Frame) -> Result<Frame> {
        self.move_frame(frame, |standing| {
            let info = standing.module.info();
            let params = info.func_type(info.func_index(standing.function)).params.len();
            let Values { locals, operands } = &mut standing.values;
            locals[params..].iter_mut().for_each(|local| *local = Slot::new(local.ty, 0));
            operands.clear();
            standing.pc = info.bodies[standing.function].operators;
            Ok(())
        })
    }

    /// Moves a frame to another operator of its function, with locals and operands as they are; frames that it has called are
    /// dropped. Answers the frame as it is then.
    ///
    /// Errors: `InvalidState` as for [`Debuggee::frame_return`]; `NotFound` if no operator is there, or one that is never
    /// reached; `TypeMismatch` if the operands there have other types.
    pub fn frame_set_pc(&self, frame: &Frame, pc: WasmPc) -> Result<Frame> {
        self.move_frame(frame, |standing| {
            let range = &standing.module.info().bodies[standing.function].range;
            if !range.contains(&pc.0) {
                bail!(NotFound, "{:#x} isn't in the frame's function", pc.0);
            }
            check_references(standing, pc)?;
            standing.pc = pc;
            Ok(())
        })
    }

    /// Drops a frame, and those that it has called: its caller stands before the call then, with the frame's parameters as they
    /// are now for arguments. Answers the caller's frame.
    ///
    /// Errors: `InvalidState` as for [`Debuggee::frame_return`], and if the host called the frame, if it was called
    /// through a table that doesn't have its function any more, or if it has taken the place of what its caller called.
    pub fn frame_drop(&self, frame: &Frame) -> Result<Frame> {
        let dropped = self.locate(frame, |stopped_call| self.standing(stopped_call, frame))?;
        let Some(caller) = self.frame_caller(frame)? else { bail!(InvalidState, "the host called this frame") };
        self.move_frame(&caller, |standing| {
            let info = dropped.module.info();
            let index = info.func_index(dropped.function);
            let params = info.func_type(index).params.len();
            standing.values.operands.extend_from_slice(&dropped.values.locals[..params]);
            if let Some(element) = self.element_called(standing, &dropped, index)? {
                standing.values.operands.push(element);
            }
            Ok(())
        })
    }

    /// For a call through a table or by a reference, the operand that named the function of the frame that was called. `InvalidState` if the call that the
    /// caller is at doesn't lead to this function, or not any more.
    fn element_called(&self, caller: &Standing, called: &Standing, func: FuncIndex) -> Result<Option<Slot>> {
        let gone = || Error::new(ErrorKind::InvalidState, "the table doesn't have the frame's function any more");
        let tail_called = || {
            let message = "the caller has called another function, whose place the frame has taken by a tail call";
            Error::new(ErrorKind::InvalidState, message)
        };
        let instance = |context| self.store().instance_of_context(context).ok_or_else(gone);
        let ty = called.module.info().func_type(func);
        let func = self.store().instance_func(instance(called.context)?, func)?;
        let info = caller.module.info();
        match (info.operator_at(caller.pc), replay::callee_at(&caller.module, caller.pc)) {
            (_, Some(replay::Callee::Direct(index))) => {
                let is_called = self.store().instance_func(instance(caller.context)?, index)? == func;
                if is_called { Ok(None) } else { Err(tail_called()) }
            }
            (Operator::CallIndirect { type_index, .. }, Some(replay::Callee::Indirect(table))) => {
                if info.func_type_at(TypeIndex::from_u32(type_index)) != ty {
                    return Err(tail_called());
                }
                let index_type = info.tables[table].index_type();
                let table = self.store().instance_table(instance(caller.context)?, table)?;
                let mut elements = 0..self.store().table_size(table)?;
                let found = elements.find(|element| {
                    matches!(self.store().table_get(table, *element), Ok(Value::FuncRef(Some(known))) if known == func)
                });
                Ok(Some(Slot::new(index_type, u128::from(found.ok_or_else(gone)?))))
            }
            (Operator::CallRef { type_index }, Some(replay::Callee::Reference)) => {
                if info.func_type_at(TypeIndex::from_u32(type_index)) != ty {
                    let message = "the caller called the frame's function by another type, or another function";
                    return Err(Error::new(ErrorKind::InvalidState, message));
                }
                Ok(Some(Slot::new(ValType::FUNCREF, self.store().to_raw(&Value::FuncRef(Some(func)))?.bits())))
            }
            _ => Err(tail_called()),
        }
    }

    fn write(&self, frame: &Frame, variable: Variable, value: &Value) -> Result<()> {
        self.locate(frame, |stopped_call| {
            let mut standing = self.standing(stopped_call, frame)?;
            let Values { locals, operands } = &mut standing.values;
            let (slots, place, what) = match variable {
                Variable::Local(local) => (locals, local, "locals"),
                Variable::Operand(operand) => (operands, operand, "operands"),
            };
            let count = slots.len();
            let Some(slot) = slots.get_mut(place as usize) else {
                bail!(OutOfRange, "the frame has {count} {what}, there is no number {place}");
            };
            let ty = match slot.ty {
                // What is there may be of a smaller type, which guest code relies on.
                ValType::Ref(_) => exact_type(&standing.module, standing.function, standing.pc, variable)?,
                number => number,
            };
            let before = *slot;
            *slot = self.slot(frame.call, value, ty, "the value", 0)?;
            let slot = *slot;
            let fp = standing.fp;
            if standing.kind == FrameKind::Calling {
                self.write_later(stopped_call, &standing, variable, slot)?;
            } else {
                stopped_call.move_to(self.moved(stopped_call, standing)?, self.store());
            }
            if let Variable::Local(local) = variable {
                self.note_written_local((frame.call, fp), local, &before, &slot);
            }
            Ok(())
        })
    }

    /// Notes a write into a frame that waits for a call.
    fn write_later(
        &self,
        stopped_call: &StoppedCall,
        standing: &Standing,
        variable: Variable,
        slot: Slot,
    ) -> Result<()> {
        let call = stopped_call.call.get();
        if let Some(known) = self.pending.of(call, standing.fp) {
            known.set(variable, slot);
            return Ok(());
        }
        self.forget_orphans()?;
        // What the frame will need is there before it is promised.
        let (blob, body) = self.exact_form(&standing.module, standing.function)?;
        self.check_room(stopped_call, standing.fp, &blob, body)?;
        let place = stopped_call.location(standing.fp).and_then(|location| self.goes_on_at(&location));
        let Some(place) = place else { bail!(InvalidState, "the frame never goes on") };
        self.patch(&self.arming(&place))?;
        self.pending.add((call, standing.fp), place, blob).set(variable, slot);
        Ok(())
    }

    /// Has a frame, which becomes the innermost, stand as `change` makes it stand.
    fn move_frame(&self, frame: &Frame, change: impl FnOnce(&mut Standing) -> Result<()>) -> Result<Frame> {
        self.locate(frame, |stopped_call| {
            let mut standing = self.standing(stopped_call, frame)?;
            if !stopped_call.is_stopped() {
                bail!(InvalidState, "the call waits for a host function, or is in the midst of an operator");
            }
            let is_watched = self.watching.frames.any();
            let before = if is_watched { standing.values.locals.clone() } else { Vec::new() };
            change(&mut standing)?;
            let after = if is_watched { standing.values.locals.clone() } else { Vec::new() };
            let moved = self.moved(stopped_call, standing)?;
            let (call, fp) = (stopped_call.call.get(), moved.fp);
            self.forget_writes(call, |written| written <= fp)?;
            stopped_call.move_to(moved, self.store());
            if is_watched {
                self.watching.frames.end(call, |watched| watched < fp);
                for (local, (before, after)) in (0..).zip(before.iter().zip(&after)) {
                    self.note_written_local((call, fp), local, before, after);
                }
            }
            stopped_call.take_throw();
            // Neither what was told of the operator before nor where a step has ended has it come to this one; who was told of an interrupt
            // was told of no operator.
            if let Some(EventKind::Watchpoint | EventKind::Step) = stopped_call.raised.get() {
                stopped_call.raised.set(Some(EventKind::Breakpoint));
            }
            stopped_call.has_read_callee.set(false);
            stopped_call.forget_handles();
            Ok(stopped_call.frame(self.store(), 0))
        })
    }

    /// What it takes for a frame to go on in its exact form as it stands.
    pub(super) fn moved(&self, stopped_call: &StoppedCall, standing: Standing) -> Result<Moved> {
        let Standing { module, function, pc, fp, context, values, .. } = standing;
        let (blob, body) = self.exact_form(&module, function)?;
        self.check_room(stopped_call, fp, &blob, body)?;
        let frames = blob.frames().expect("the exact form is for debugging");
        let stops = frames.stops_of(body);
        let Ok(place) = stops.binary_search_by_key(&pc, |stop| stop.pc) else {
            bail!(NotFound, "there is no operator at {:#x} that can be reached", pc.0);
        };
        let stop: Stop = stops[place];
        let there = frames.state(body, stop.state).operands;
        if !there.iter().map(|(ty, _)| *ty).eq(values.operands.iter().map(|operand| operand.ty)) {
            bail!(TypeMismatch, "the operands at {:#x} have other types than the frame's", pc.0);
        }
        Ok(Moved { site: self.book.site(&blob, body, stop), fp, context, values })
    }

    fn check_room(&self, stopped_call: &StoppedCall, fp: usize, blob: &MappedBlob, body: BodyIndex) -> Result<()> {
        let frames = blob.frames().expect("the exact form is for debugging");
        if !stopped_call.has_room(fp, frames.functions[body].frame_to_fp) {
            bail!(Limit, "there is no room on the guest's stack for the exact form of the function");
        }
        Ok(())
    }

    /// Has the innermost frame of a call that is stopped go on in its exact form, as it stands.
    #[cold]
    pub(super) fn continue_exactly(&self, stopped_call: &StoppedCall) -> Result<()> {
        let standing = self.standing(stopped_call, &stopped_call.frame(self.store(), 0))?;
        stopped_call.move_to(self.moved(stopped_call, standing)?, self.store());
        // Its breakpoints were asked.
        if stopped_call.raised.get() == Some(EventKind::Step) {
            stopped_call.raised.set(Some(EventKind::Breakpoint));
        }
        Ok(())
    }

    /// Makes the writes into a frame to which its call has just returned.
    #[cold]
    pub(super) fn make_writes(&self, stopped_call: &StoppedCall, fp: usize) -> Result<()> {
        let Some(writes) = self.pending.of(stopped_call.call.get(), fp) else { return Ok(()) };
        let mut standing = self.standing(stopped_call, &stopped_call.frame(self.store(), 0))?;
        writes.apply(&mut standing.values);
        let moved = self.moved(stopped_call, standing)?;
        self.forget_writes(stopped_call.call.get(), |written| written == fp)?;
        stopped_call.move_to(moved, self.store());
        Ok(())
    }

    /// Forgets writes into frames of a call that are gone, or were made.
    pub(super) fn forget_writes(&self, call: u64, which: impl Fn(usize) -> bool) -> Result<()> {
        if !self.pending.any() {
            return Ok(());
        }
        self.disarm_for(self.pending.take(call, which), |taken| self.pending.put_back(taken))
    }

    /// Disarms what was armed for writes into frames of calls that are gone.
    #[cold]
    pub(super) fn forget_orphans(&self) -> Result<()> {
        self.disarm_for(self.pending.take_orphans(), |_| {})
    }

    /// Disarms what was armed for writes that aren't pending any more.
    fn disarm_for(&self, taken: Vec<Rc<Writes>>, undo: impl FnOnce(Vec<Rc<Writes>>)) -> Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        let unneeded = |writes: &Rc<Writes>| self.disarming(writes.place());
        let patches: Vec<Patch> = taken.iter().filter_map(unneeded).collect();
        self.patch(&patches).inspect_err(|_| undo(taken.clone()))?;
        taken.iter().for_each(|writes| self.book.forget_unused(writes.place().key()));
        Ok(())
    }

    /// What it takes to disarm a stop point that nothing needs.
    fn disarming(&self, place: &Return) -> Option<Patch> {
        let Return { blob, stop } = place;
        let function = (blob.module(), self.function_of(place));
        let is_needed = self.pending.needs(place.key())
            || self.armed.contains(function, place.key())
            || self.book.enabled_at(place.key()) != 0;
        (!is_needed).then(|| Patch { blob: blob.clone(), stops: vec![(stop.return_offset, false)] })
    }

    fn function_of(&self, place: &Return) -> DefinedFuncIndex {
        let body = place.blob.tables().body_at(place.stop.return_offset).expect("a stop point is in a function");
        place.blob.function(body)
    }

    /// A frame as it stands. `InvalidState` if its call has ended, or if its values aren't known.
    pub(super) fn standing(&self, stopped_call: &StoppedCall, frame: &Frame) -> Result<Standing> {
        if stopped_call.ended.get().is_some() {
            bail!(InvalidState, "the call has ended");
        }
        memory::ask(stopped_call.size_of_values(self.store(), &self.cache, frame.position))?;
        self.check_position(stopped_call, frame)?;
        let Some(mut standing) = stopped_call.standing(self.store(), &self.cache, frame.position) else {
            bail!(InvalidState, "the frame is in the midst of an operator, or its values aren't known");
        };
        if standing.kind == FrameKind::Calling
            && let Some(writes) = self.pending.of(frame.call, standing.fp)
        {
            writes.apply(&mut standing.values);
        }
        Ok(standing)
    }

    /// A value for a frame of a call, whose object, if it is one, is kept as long as the call.
    fn slot(&self, call: u64, value: &Value, ty: ValType, what: &str, place: usize) -> Result<Slot> {
        let raw = self.store().raw_as(value, ty, what, place)?;
        if let ValType::Ref(_) = ty
            && let Some(hold) = self.store().hold(raw.lo)?
        {
            self.pending.keep(call, hold)?;
        }
        Ok(Slot::new(ty.top(), raw.bits()))
    }

    /// A function in its exact form.
    fn exact_form(&self, module: &Module, function: DefinedFuncIndex) -> Result<(Rc<MappedBlob>, BodyIndex)> {
        let (blob, body) = self.store().exact_form(module, function)?;
        if blob.is_alone() {
            let mut forms = self.exact_forms.0.borrow_mut();
            forms.retain(|known| known.id() != blob.id());
            forms.push(blob.clone());
            let too_many = forms.len() > 2 * KEPT_FORMS;
            drop(forms);
            if too_many {
                self.drop_exact_forms();
            }
        }
        Ok((blob, body))
    }

    /// Unmaps the exact forms that no frame needs, but for those that were asked for last.
    fn drop_exact_forms(&self) {
        let mut needed: Vec<_> = self.pending.blobs();
        for stopped_call in self.stopped_calls().iter().chain(self.parked.calls.borrow().values()) {
            needed.extend(stopped_call.blobs(self.store(), &self.cache));
        }
        let mut forms = self.exact_forms.0.borrow_mut();
        let old = forms.len() - KEPT_FORMS;
        let mut place = 0;
        forms.retain(|blob| {
            place += 1;
            let is_kept = place > old || needed.contains(&blob.id());
            if !is_kept {
                self.book.forget_blob(blob);
                self.armed.forget_blob(blob);
                self.cache.forget_blob(blob);
                self.store().unmap(blob);
            }
            is_kept
        });
    }
}

/// Makes sure that references among a frame's values are of the types that the operators at another place rely on: a local that can't
/// be null may have no value yet, and none is read before it has been set.
fn check_references(standing: &Standing, pc: WasmPc) -> Result<()> {
    let is_reference = |slot: &Slot| matches!(slot.ty, ValType::Ref(_));
    let Values { locals, .. } = &standing.values;
    if locals.iter().any(|slot| is_reference(slot) && slot.bits == 0) {
        let info = standing.module.info();
        let types = info.local_types(standing.function);
        let has_none = |(ty, slot): (&ValType, &Slot)| matches!(ty, ValType::Ref(ty) if !ty.nullable) && slot.bits == 0;
        let mut without = types.iter().zip(locals).enumerate().filter(|(_, local)| has_none(*local)).peekable();
        if without.peek().is_some() {
            let body = &info.bodies[standing.function].range;
            memory::ask(8 * (body.end - body.start) as usize)?;
            let set = set_locals(info, standing.function, pc);
            if let Some((local, _)) = without.find(|(local, _)| set.contains(&(*local as u32))) {
                bail!(
                    TypeMismatch,
                    "local {local}, which can't be null, has no value yet, and may be read at {:#x}",
                    pc.0
                );
            }
        }
    }
    if !standing.values.operands.iter().any(is_reference) {
        return Ok(());
    }
    let module = &standing.module;
    memory::ask(module.info().bytes.len())?;
    let types = |pc| operand_types(module.info(), standing.function, pc);
    let matches = |(here, there): (&Option<ValType>, &Option<ValType>)| match (here, there) {
        (Some(here), Some(there)) => module.engine().types().val_matches(*here, *there),
        _ => false,
    };
    // Other numbers of operands are refused later.
    if !types(standing.pc).iter().zip(&types(pc)).all(matches) {
        bail!(TypeMismatch, "the operands at {:#x} have other types than the frame's", pc.0);
    }
    Ok(())
}

/// The type that a local or operand of a frame at `pc` has.
fn exact_type(module: &Module, function: DefinedFuncIndex, pc: WasmPc, variable: Variable) -> Result<ValType> {
    let info = module.info();
    memory::ask(info.bytes.len())?;
    match variable {
        Variable::Local(local) => Ok(info.local_types(function)[local as usize]),
        Variable::Operand(operand) => match operand_types(info, function, pc).get(operand as usize) {
            Some(Some(ty)) => Ok(*ty),
            _ => bail!(InvalidState, "the operand's type isn't known at this place"),
        },
    }
}
