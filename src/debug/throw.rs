//! Throwing where a call stands still: an exception of the host's, at the operator that the innermost frame is about to execute.
//!
//! It is thrown when the call goes on; until then that is only noted, and the frame stands as it did. Compiled code has landings for calls
//! in blocks that catch, so frames that wait for calls catch as always. The innermost frame is at no call: if it catches the
//! exception itself it is moved to where the clause leads, as an intervention moves it. Must not know C. Invariant: a call that throws counts
//! as moved, and what can be refused was asked for before. Read next: `intervene.rs`, [`catch_around`].

use super::break_target::Happening;
use super::evaluator::Slot;
use super::event::{EventKind, Receiver};
use super::intervene::Standing;
use super::session::{Flow, Outcome, Session};
use super::stopped_call::StoppedCall;
use super::{Debuggee, Frame};
use crate::base::{Error, ExnRef, Result, Tag, TrapCode, ValType, Value, WasmPc, error::bail, memory};
use crate::runtime::HostThrow;
use crate::wasm::{CatchAround, catch_around, operands_beneath_catch};
use std::ops::ControlFlow;
use std::rc::Rc;

/// What a call throws when it goes on.
pub(super) struct ToThrow {
    exception: HostThrow,
    /// If its innermost frame catches that itself.
    own: Option<OwnCatch>,
    /// Whether that was told.
    is_told: bool,
}

/// Where a frame goes on that catches what it throws.
struct OwnCatch {
    /// The operator that catches it.
    pc: WasmPc,
    goes_on_at: WasmPc,
    /// How many of its operands stay.
    beneath: u32,
    /// Those that come on top of them.
    given: Vec<Slot>,
}

impl OwnCatch {
    fn apply(&self, standing: &mut Standing) {
        standing.values.operands.truncate(self.beneath as usize);
        standing.values.operands.extend_from_slice(&self.given);
        standing.pc = self.goes_on_at;
    }
}

impl Debuggee {
    /// Has the innermost frame of a call, which is at a stop, throw an exception at its operator when the call goes on.
    ///
    /// Errors: as of all interventions; `InvalidState` also for another frame; as [`Store::exception`](crate::runtime::Store::exception);
    /// `NotFound` if the frame would catch it where its code never goes on.
    pub fn frame_throw(&self, frame: &Frame, tag: Tag, values: &[Value]) -> Result<()> {
        self.throw_at(frame, || self.store().host_throw(tag, values))
    }

    /// The same with an exception that there is a reference to.
    ///
    /// Errors: likewise; `OutOfRange` if the reference is out of date.
    pub fn frame_throw_again(&self, frame: &Frame, exception: ExnRef) -> Result<()> {
        self.throw_at(frame, || self.store().host_throw_again(exception))
    }

    fn throw_at(&self, frame: &Frame, exception: impl FnOnce() -> Result<HostThrow>) -> Result<()> {
        self.locate(frame, |stopped_call| {
            let standing = self.standing(stopped_call, frame)?;
            if !stopped_call.is_stopped() {
                bail!(InvalidState, "the call isn't stopped at an operator");
            }
            if frame.position != 0 {
                bail!(InvalidState, "the frame waits for one that it has called");
            }
            let mut exception = exception()?;
            let own = self.own_catch(&standing, &mut exception)?;
            if let Some(own) = &own {
                let mut there = standing.clone();
                own.apply(&mut there);
                self.moved(stopped_call, there)?;
            }
            stopped_call.move_to(self.moved(stopped_call, standing)?, self.store());
            // What is at its operator is passed.
            stopped_call.raised.set(Some(EventKind::Breakpoint));
            stopped_call.set_throw(ToThrow { exception, own, is_told: false });
            Ok(())
        })
    }

    /// Where a frame catches what it throws itself, if it does.
    fn own_catch(&self, standing: &Standing, exception: &mut HostThrow) -> Result<Option<OwnCatch>> {
        let Standing { module, function, pc, context, .. } = standing;
        let (info, store) = (module.info(), self.store());
        let Some(instance) = store.instance_of_context(*context) else { return Ok(None) };
        memory::ask(info.bytes.len())?;
        let is_its = |tag| store.instance_tag(instance, tag).is_ok_and(|tag| tag.index == exception.tag());
        let Some(caught) = catch_around(info, *function, *pc, is_its) else { return Ok(None) };
        let CatchAround { pc, tag, takes_reference, is_kept, goes_on_at } = caught;
        if takes_reference || is_kept {
            store.refer_to(exception)?;
        }
        let reference = Slot::new(ValType::EXNREF, exception.reference().into());
        let types = tag.map_or(&[][..], |tag| &info.tag_signature(tag).params);
        let carried = types.iter().zip(exception.raw()).map(|(ty, raw)| Slot::new(ty.top(), raw.bits()));
        let given = is_kept.then_some(reference).into_iter().chain(carried).chain(takes_reference.then_some(reference));
        let beneath = operands_beneath_catch(info, *function, pc, tag, takes_reference);
        Ok(Some(OwnCatch { pc, goes_on_at, beneath, given: given.collect() }))
    }
}

impl Session<'_> {
    /// Throws what the host throws, also what it throws where that is caught, up to where the machine goes on.
    #[cold]
    pub(super) fn throw(&self) -> Flow {
        if self.is_throwing.replace(true) {
            // Whoever has begun goes on with it.
            return Flow::Continue(());
        }
        let flow = self.throw_on();
        self.is_throwing.set(false);
        flow
    }

    fn throw_on(&self) -> Flow {
        while let Some(to_throw) = self.stopped_call.take_throw() {
            let is_here =
                if to_throw.own.is_some() { self.catch_here(to_throw)? } else { self.throw_further(&to_throw)? };
            if !is_here {
                return Flow::Continue(());
            }
            self.walk(&self.here())?;
        }
        Flow::Continue(())
    }

    /// Moves the innermost frame to where it catches what it throws, when that is told. Answers that the call is at a stop.
    fn catch_here(&self, to_throw: ToThrow) -> ControlFlow<(), bool> {
        let (debuggee, stopped_call) = (self.debuggee, self.stopped_call);
        let Some(own) = to_throw.own.as_ref().filter(|_| to_throw.is_told) else {
            let exception = to_throw.exception.clone();
            let pc = to_throw.own.as_ref().map_or(WasmPc(0), |own| own.pc);
            stopped_call.set_throw(ToThrow { is_told: true, ..to_throw });
            self.tell_of_throw(&exception, 0, pc)?;
            return ControlFlow::Continue(true);
        };
        self.if_done(self.move_to_catch(stopped_call, own))?;
        stopped_call.forget_handles();
        stopped_call.raised.set(None);
        // Steps count from here, and one that was asked for where it was thrown may end here.
        stopped_call.steps_from_here.set(false);
        debuggee.goal_armed.set(None);
        ControlFlow::Continue(true)
    }

    fn move_to_catch(&self, stopped_call: &StoppedCall, own: &OwnCatch) -> Result<()> {
        let (debuggee, store) = (self.debuggee, self.debuggee.store());
        for slot in &own.given {
            if let ValType::Ref(_) = slot.ty
                && let Some(hold) = store.hold(slot.lo())?
            {
                debuggee.pending.keep(self.call.id(), hold)?;
            }
        }
        let mut standing = debuggee.standing(stopped_call, &stopped_call.frame(store, 0))?;
        own.apply(&mut standing);
        stopped_call.move_to(debuggee.moved(stopped_call, standing)?, store);
        Ok(())
    }

    /// Has the frames further out catch what the innermost throws, or ends the call. Answers that the call isn't at a stop any more.
    fn throw_further(&self, to_throw: &ToThrow) -> ControlFlow<(), bool> {
        let (store, exception) = (self.debuggee.store(), &to_throw.exception);
        let Some(activation) = self.stopped_call.activation() else { return ControlFlow::Continue(false) };
        if !self.if_done(self.call.throw_from(store, activation.fp, exception))? {
            let outcome = self.end_uncaught(exception);
            return self.finish(outcome);
        }
        let Some(throwing) = self.call.throwing() else { return ControlFlow::Continue(false) };
        let catching = &throwing.catching;
        self.stopped_call.leave_by_throw(store, &self.debuggee.cache);
        let position = self.position_of(&activation, catching.fp);
        self.tell_of_throw(exception, position, catching.pc)?;
        self.tell_of_left(position, &throwing)?;
        self.if_done(self.prepare_landing(catching))?;
        ControlFlow::Continue(false)
    }

    /// Tells that the innermost frame throws what the frame at this place catches.
    fn tell_of_throw(&self, exception: &HostThrow, position: u32, catch: WasmPc) -> Flow {
        let thrown = self.if_done(self.debuggee.store().thrown_by_host(exception))?;
        self.tell_of_caught(thrown.tag, (position, catch), || Ok(Rc::new(thrown)))
    }

    fn end_uncaught(&self, exception: &HostThrow) -> Result<Outcome> {
        let store = self.debuggee.store();
        let thrown = store.thrown_by_host(exception)?;
        let happening = Happening::Exception { tag: thrown.tag, is_caught: false };
        let error = Error::exception(thrown);
        let frame = Some(self.stopped_call.frame(store, 0));
        let kind = EventKind::UncaughtException;
        let (event, error) = self.end_by(frame, kind, TrapCode::Exception, error)?;
        let event = if self.has_breakpoint_at(happening) { self.with_breakpoints(event, happening) } else { event };
        if !self.silent
            && let Receiver::Handler(handler) = self.receiver_at(kind, &event.breakpoints)
        {
            self.tell_of_end(&handler, &event);
        }
        Ok(Outcome::Trapped(Some(event), error))
    }
}
