//! Goals: where a step ends that isn't by one operator: behind the calls of a frame, in its caller, or at an operator.
//!
//! A frame is known by the frame pointer of whoever has called it: what takes its place by a tail call has the same caller, also where
//! it needs more of the stack for its parameters. Frames nearer to the host have callers with higher ones.
//!
//! Only what the goal needs is armed, so that whatever is called meanwhile runs at full speed. Must not know events. Invariant: a goal
//! is plain data; one whose frame is gone ends where an older frame goes on. Read next: `arm.rs`, `session.rs`.

use super::arm::Return;
use super::breakpoints::{Site, places_in};
use super::location::Location;
use super::replay::operator_at_or_after;
use super::session::Session;
use super::view::View;
use super::{Debuggee, Frame};
use crate::base::{DefinedFuncIndex, Result, WasmPc, error::bail};
use crate::runtime::{Activation, Catching, FrameLink};

/// How far a step goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// To the frame's next operator, past whatever it calls.
    Over,
    /// To where the frame's caller goes on.
    Out,
    /// To an operator of the frame's module: in the frame itself, if it is one of its function, otherwise in any. A pc between operators
    /// means the next one.
    To(WasmPc),
}

/// Where a step ends: see [`Debuggee::step_goal`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Goal {
    pub(super) frame: Frame,
    /// By whom the frame was called, see [`caller_of`].
    caller: usize,
    reach: Reach,
    /// For [`Reach::To`]: the function.
    module: u64,
    function: DefinedFuncIndex,
    is_own_function: bool,
}

/// What a call was asked to step to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub call: u64,
    /// None for the next operator, wherever that is.
    pub goal: Option<Goal>,
}

/// Which operators of the frame where a call is stopped end its step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    Nowhere,
    Everywhere,
    At(WasmPc),
}

impl Ends {
    pub fn is_at(self, pc: WasmPc) -> bool {
        self == Ends::Everywhere || self == Ends::At(pc)
    }
}

/// One less than the frame pointer of whoever called the frame with this one, so that the chain's end is beyond all.
#[inline]
pub(super) fn caller_of(activation: &Activation, fp: usize) -> usize {
    activation.caller(fp).map_or(0, |link| link.fp).wrapping_sub(1)
}

impl Goal {
    /// Whether a frame is the goal's, or nearer to the host.
    fn is_own_or_older(&self, activation: &Activation, fp: usize) -> bool {
        caller_of(activation, fp) >= self.caller
    }

    /// Whether a frame is nearer to the host than the goal's.
    fn is_older(&self, fp: usize) -> bool {
        fp.wrapping_sub(1) >= self.caller
    }

    /// Which operators of a frame end the step.
    pub(super) fn ends(&self, activation: &Activation, fp: usize, site: &Site) -> Ends {
        if self.is_older(fp) {
            return Ends::Everywhere;
        }
        match self.reach {
            Reach::Over if self.is_own_or_older(activation, fp) => Ends::Everywhere,
            Reach::To(pc)
                if site.blob.module().id() == self.module
                    && site.blob.function(site.body) == self.function
                    && (!self.is_own_function || self.is_own_or_older(activation, fp)) =>
            {
                Ends::At(pc)
            }
            _ => Ends::Nowhere,
        }
    }
}

impl Debuggee {
    /// Where a step ends that goes so far from a frame of a call that stands still. It counts from the frame, also if that isn't the
    /// innermost. Wherever it is that the step would end, it ends where an older frame goes on, also by an exception that is caught there;
    /// a frame that takes another's place by a tail call counts as that.
    ///
    /// Errors: `DebugDisabled`; `StaleHandle`; `WrongStore`; `OutOfRange` for a pc in no function's body; `System` without memory for it.
    pub fn step_goal(&self, frame: &Frame, reach: Reach) -> Result<Goal> {
        let seen = |view: View<'_>| (caller_of(view.activation, view.fp), view.module().clone(), view.function());
        let (caller, module, own) = self.view(frame, seen)?;
        let (mut reach, mut function) = (reach, own);
        if let Reach::To(pc) = &mut reach {
            let Some(of) = module.info().function_at(*pc) else { bail!(OutOfRange, "{pc} is in no function's body") };
            *pc = operator_at_or_after(&module, of, *pc)?;
            function = of;
        }
        Ok(Goal { frame: *frame, caller, reach, module: module.id(), function, is_own_function: function == own })
    }

    /// Arms what a call needs for a goal that a frame further out is to come to; its frames are those of the activation.
    fn arm_goal(&self, activation: &Activation, goal: &Goal) -> Result<()> {
        if self.goal_armed.get() == Some((*goal, self.armed.generation())) {
            return Ok(());
        }
        self.forget_armed()?;
        if let Reach::To(pc) = goal.reach {
            self.arm_operator(goal, pc)?;
        }
        let mut link = activation.newest();
        while let Some(FrameLink { fp, .. }) = link.filter(|link| link.fp != 0) {
            let is_waited_for = match goal.reach {
                Reach::Over => goal.is_own_or_older(activation, fp),
                Reach::Out | Reach::To(_) => goal.is_older(fp),
            };
            let location = link.filter(|_| is_waited_for).and_then(|link| self.cache.location(self.store(), link));
            if let Some(location) = location {
                self.arm_return(&location)?;
                break;
            }
            link = activation.caller(fp);
        }
        self.goal_armed.set(Some((*goal, self.armed.generation())));
        Ok(())
    }

    /// Arms an operator in every form of its function.
    fn arm_operator(&self, goal: &Goal, pc: WasmPc) -> Result<()> {
        let modules = self.store().modules();
        let Some(module) = modules.iter().find(|module| module.id() == goal.module) else { return Ok(()) };
        for blob in self.store().blobs_of(module) {
            for place in places_in(&blob, goal.function, pc) {
                let place = Return { blob: place.blob.clone(), stop: place.stop };
                self.patch(&self.arming(&place))?;
                self.armed.insert_return(place);
            }
        }
        Ok(())
    }

    /// Disarms what earlier steps have gone through, if nothing else needs it.
    fn forget_armed(&self) -> Result<()> {
        let is_needed = self.single_step.get() || self.outer_requests.get() != 0 || self.run_on.get().is_some();
        if self.armed.any() && !is_needed { self.disarm() } else { Ok(()) }
    }
}

impl Session<'_> {
    /// The goal that the call was asked to step to.
    #[inline]
    pub(super) fn goal(&self) -> Option<Goal> {
        let request = self.debuggee.step_request.get()?;
        request.goal.filter(|_| request.call == self.call.id() && !self.silent)
    }

    /// Whether the call steps, in whatever way.
    pub(super) fn is_stepping(&self) -> bool {
        self.steps() || self.goal().is_some()
    }

    /// Which operators of the innermost frame, where the call is stopped, end its step.
    #[inline]
    pub(super) fn step_ends(&self, site: &Site) -> Ends {
        if self.steps() {
            return Ends::Everywhere;
        }
        let Some(goal) = self.goal() else { return Ends::Nowhere };
        let activation = self.stopped_call.activation().or_else(|| self.call.activation());
        activation.map_or(Ends::Nowhere, |activation| goal.ends(&activation, activation.fp, site))
    }

    /// Whether the stop point of `site` that the frame has come to matters to its step.
    #[inline]
    pub(super) fn step_ends_in(&self, site: &Site, fp: usize) -> bool {
        if self.steps() {
            return true;
        }
        let Some(goal) = self.goal() else { return false };
        self.call.activation().is_some_and(|activation| goal.ends(&activation, fp, site) != Ends::Nowhere)
    }

    /// Arms what a step needs, for a call that isn't at a stop point.
    pub(super) fn prepare_steps(&self) -> Result<()> {
        if self.steps() {
            self.debuggee.arm_newest(self.call)?;
        } else if let Some(goal) = self.goal()
            && let Some(activation) = self.call.activation()
        {
            self.debuggee.arm_goal(&activation, &goal)?;
        }
        Ok(())
    }

    /// Arms what a step needs for which the guest lands where it catches an exception.
    #[cold]
    pub(super) fn prepare_landing_of_step(&self, catching: &Catching) -> Result<()> {
        // First, as it disarms what isn't the goal's.
        self.prepare_steps()?;
        let (Some(goal), Some(activation)) = (self.goal(), self.call.activation()) else { return Ok(()) };
        let is_own = goal.reach != Reach::Out && goal.is_own_or_older(&activation, catching.fp);
        if is_own || goal.is_older(catching.fp) {
            self.debuggee.arm_newest(self.call)?;
        }
        Ok(())
    }

    /// Arms what a step to a goal needs when the machine goes on from the operator of the run of `site` that the call is at.
    pub(super) fn prepare_goal(&self, site: &Site, goal: &Goal) -> Result<()> {
        let Some(activation) = self.stopped_call.activation() else { return Ok(()) };
        if self.stopped_call.is_moved() {
            // It goes on in code that may be new.
            self.debuggee.goal_armed.set(None);
        }
        let is_at_call = self.is_at_call(site);
        let is_over = goal.reach == Reach::Over && goal.is_own_or_older(&activation, activation.fp);
        if !is_over {
            return self.debuggee.arm_goal(&activation, goal);
        }
        if is_at_call && !site.run().is_tail_call {
            self.debuggee.forget_armed()?;
            let (blob, body, pc) = (site.blob.clone(), site.body, site.pc(self.stopped_call.index()));
            return self.debuggee.arm_return(&Location { blob, body, pc, layout: None });
        }
        self.debuggee.arm_frame(self.stopped_call, site)?;
        if is_at_call { self.arm_callee(site) } else { Ok(()) }
    }
}
