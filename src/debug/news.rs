//! News: events of what happens in a store in which all is well: modules and instances that it gets, memories that grow, calls that
//! come to their end.
//!
//! They are told to a handler that has asked for them, and to nobody else: no call pauses for want of a handler. What the host does is
//! told within the function that does it, when it is done; what a guest does when the guest has come to the next operator. Must not know
//! how instances are made. Invariant: nothing that belongs to the news is still to be done when it is told. Read next: `event.rs`.

use super::event::{Receiver, Registered};
use super::session::{Flow, Outcome, Session};
use super::{Action, Debuggee, Event, EventKind, Leaving};
use crate::base::{Error, Func, Instance, Memory, RawValue, Result, Value, WasmPc, error::bail};
use crate::runtime::{Growth, Module, Store};
use std::rc::Rc;

/// What an event is about that is about no place in a guest.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The module, of [`EventKind::ModuleLoaded`].
    Module(Module),
    /// The instance, of [`EventKind::InstanceCreated`].
    Instance(Instance),
    /// Which memory, and by how much, of [`EventKind::MemoryGrown`].
    Growth(Growth),
    /// The call's function, and what it has returned, of [`EventKind::CallFinished`].
    Call {
        /// The function that the host called.
        func: Func,
        /// Its results; none if it hasn't returned.
        results: Option<Box<[RawValue]>>,
    },
    /// How a function is left, of [`EventKind::FunctionExit`].
    Exit(Leaving),
}

impl Debuggee {
    /// Grows a memory for the host by `delta` pages and answers the old size.
    ///
    /// Errors: as [`Store::memory_grow`].
    pub fn memory_grow(&self, memory: Memory, delta: u64) -> Result<u64> {
        let old_pages = self.store().memory_grow(memory, delta)?;
        if delta != 0 {
            let growth = || Subject::Growth(Growth { memory, old_pages, new_pages: old_pages + delta });
            self.tell_of_host(EventKind::MemoryGrown, growth);
        }
        Ok(old_pages)
    }

    /// What the call has returned that an event of [`EventKind::CallFinished`] is about, or what a function returns that is left. References are
    /// good as those are that the host is given.
    ///
    /// Errors: `NotFound` for another event, or if it doesn't return; `WrongStore`; `StaleHandle` for a function that has gone on.
    pub fn event_results(&self, event: &Event) -> Result<Vec<Value>> {
        let (func, results) = match event.subject.as_deref() {
            Some(Subject::Call { func, results: Some(results) }) => (func, results),
            Some(Subject::Exit(leaving)) => return self.results_of_exit(event, leaving),
            _ => bail!(NotFound, "the event is of no call that has returned"),
        };
        let ty = self.store().func_type(*func)?;
        Ok(ty.results.iter().zip(results).map(|(ty, raw)| self.store().from_raw(*ty, *raw)).collect())
    }

    /// Makes instances, and tells of them and of modules that are new. Those whose segments are out of bounds are there, too.
    pub(super) fn telling_of_new<R>(&self, make: impl FnOnce(&Store) -> Result<R>) -> Result<R> {
        let store = self.store();
        if !self.is_wanted(EventKind::ModuleLoaded) && !self.is_wanted(EventKind::InstanceCreated) {
            return make(store);
        }
        let (modules, instances) = (store.modules().len(), store.instances());
        let made = make(store);
        let (new_modules, end) = (store.modules().split_off(modules), store.instances());
        for module in new_modules {
            self.tell_of_host(EventKind::ModuleLoaded, || Subject::Module(module));
        }
        for index in instances..end {
            let instance = Instance { store: store.id(), index };
            self.tell_of_host(EventKind::InstanceCreated, || Subject::Instance(instance));
        }
        made
    }

    /// Tells the handler, if it wants to know, of something that the host has done, where no handler runs: one knows what it does.
    fn tell_of_host(&self, kind: EventKind, subject: impl FnOnce() -> Subject) {
        if self.handling.get() != 0 {
            return;
        }
        let Receiver::Handler(handler) = self.receiver(kind, false) else { return };
        let waiting = self.newest_stopped_call();
        let frame = waiting.as_ref().and_then(|waiting| self.innermost(waiting));
        let place = waiting.as_ref().filter(|_| frame.is_some()).and_then(|waiting| waiting.place());
        let event = Event {
            frame,
            pc: place.map_or(WasmPc(0), |(_, pc)| pc),
            subject: Some(Rc::new(subject())),
            ..self.event_of(kind, self.store().current_call().map_or(0, |(call, _)| call))
        };
        match self.handle_without_call(&handler, &event) {
            Action::Continue => {}
            Action::Pause => self.refuse_pause(),
            _ => log::warn!("an event handler answered an action to what the host did itself, which has none"),
        }
    }

    /// Forgets what guests have grown that a handler called.
    pub(super) fn forget_growths(&self) {
        while self.store().take_growth().is_some() {}
    }
}

impl Session<'_> {
    /// Tells that a memory has grown, where the call stands.
    pub(super) fn tell_of_growth(&self) -> Flow {
        let Some(growth) = self.debuggee.store().take_growth() else { return Flow::Continue(()) };
        let receiver = self.debuggee.receiver(EventKind::MemoryGrown, false);
        if self.silent || matches!(receiver, Receiver::Nobody) {
            return Flow::Continue(());
        }
        let step = self.debuggee.step_request.get();
        let event = self.event_here(EventKind::MemoryGrown);
        let flow = self.tell(receiver, Event { subject: Some(Rc::new(Subject::Growth(growth))), ..event });
        self.has_seen_operator(flow.is_break());
        flow?;
        self.keep_step(step);
        Flow::Continue(())
    }

    /// Tells that the call is over, if it is.
    #[inline]
    pub(super) fn tell_of_end_of_call(&self, outcome: &Outcome) {
        let kinds = EventKind::CallFinished.bit() | EventKind::MemoryGrown.bit() | EventKind::FunctionExit.bit();
        if self.debuggee.mask.get() & kinds != 0 && !matches!(outcome, Outcome::Paused(_) | Outcome::Yielded) {
            self.tell_of_end_to_handler(outcome);
        }
    }

    #[cold]
    fn tell_of_end_to_handler(&self, outcome: &Outcome) {
        if self.silent || self.is_refused.get() {
            return self.debuggee.forget_growths();
        }
        // What it has done with its last operator.
        while let Some(growth) = self.debuggee.store().take_growth() {
            if let Receiver::Handler(handler) = self.debuggee.receiver(EventKind::MemoryGrown, false) {
                self.tell_of_past(&handler, EventKind::MemoryGrown, Subject::Growth(growth), None);
            }
        }
        if let Outcome::Trapped(_, error) = outcome {
            self.tell_of_frames_that_end(error);
        }
        let Receiver::Handler(handler) = self.debuggee.receiver(EventKind::CallFinished, false) else { return };
        let error = match outcome {
            Outcome::Trapped(_, error) | Outcome::Exited(error) => Some(error),
            _ => None,
        };
        // Handlers may collect garbage.
        let held = self.call.hold_values(self.debuggee.store());
        let results = held.as_ref().ok().filter(|_| error.is_none()).map(|_| self.call.raw_values().into());
        self.tell_of_past(&handler, EventKind::CallFinished, Subject::Call { func: self.call.func(), results }, error);
    }

    /// Tells of something that has happened to a call that is over.
    fn tell_of_past(&self, handler: &Registered, kind: EventKind, subject: Subject, error: Option<&Error>) {
        let event = Event {
            trap: error.and_then(|error| error.trap_code()),
            error: error.cloned(),
            subject: Some(Rc::new(subject)),
            ..self.debuggee.event_of(kind, self.call.id())
        };
        self.tell_of_end(handler, &event);
    }
}
