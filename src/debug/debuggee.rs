//! A store with its debugger.
//!
//! Here is what the other files of this room share, which calls are stopped, and the store's contents as a debugger lists them.
//! Invariant: a call is in at most one of the lists: driven and stopped, parked, or waiting for a host function.
//! Read next: `session.rs`.

use super::arm::{ArmNewCode, Armed};
use super::breakpoints::Book;
use super::event::Registered;
use super::goal::{Goal, Request};
use super::hash::NumberMap;
use super::intervene::ExactForms;
use super::location::Cache;
use super::log_point::LogPointHandler;
use super::pending::Pending;
use super::stopped_call::StoppedCall;
use super::watching::Watching;
use crate::base::error::bail;
use crate::base::{
    Func, FuncIndex, Global, GlobalIndex, Instance, Memory, MemoryIndex, Result, StoreLimits, Table, TableIndex, Tag,
    TagIndex,
};
use crate::runtime::{Engine, Interrupts, Module, Store};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A store together with all that debugging keeps about it.
pub struct Debuggee {
    store: Store,
    is_debug: bool,
    pub(super) book: Rc<Book>,
    pub(super) armed: Rc<Armed>,
    pub(super) watching: Rc<Watching>,
    /// Single-step mode.
    pub(super) single_step: Cell<bool>,
    /// The call that was asked to step, and how far.
    pub(super) step_request: Cell<Option<Request>>,
    /// The goal that is armed for, and the generation of what is armed.
    pub(super) goal_armed: Cell<Option<(Goal, u64)>>,
    /// How many such requests wait further down the host's stack.
    pub(super) outer_requests: Cell<u32>,
    pub(super) handler: RefCell<Option<Rc<Registered>>>,
    pub(super) log_points: RefCell<Option<Rc<LogPointHandler>>>,
    /// The kinds of events that the handler wants; none without one.
    pub(super) mask: Cell<u32>,
    /// How many handlers are running, one inside another.
    pub(super) handling: Cell<u32>,
    pub(super) refused_pauses: Cell<u64>,
    /// What was asked for and is done at the next stop point, to which the guest runs on.
    pub(super) run_on: Cell<Option<Interrupts>>,
    /// The calls being driven that stopped at least once, newest last.
    pub(super) current: RefCell<Vec<Rc<StoppedCall>>>,
    /// Standings to use again.
    spare: RefCell<Vec<Rc<StoppedCall>>>,
    pub(super) parked: Rc<Parked>,
    /// Calls that wait for host functions, as far as anybody looked at them.
    hosts: RefCell<Vec<Rc<StoppedCall>>>,
    pub(super) cache: Cache,
    pub(super) pending: Rc<Pending>,
    pub(super) exact_forms: ExactForms,
    pub(super) no_ids: Rc<[u64]>,
}

/// Sizes of a module's index spaces, imports included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spaces {
    /// Functions.
    pub funcs: u32,
    /// Tables.
    pub tables: u32,
    /// Memories.
    pub memories: u32,
    /// Globals.
    pub globals: u32,
    /// Tags.
    pub tags: u32,
    /// Element segments.
    pub elements: u32,
    /// Data segments.
    pub data: u32,
}

impl Debuggee {
    /// A new store.
    pub fn new(engine: &Engine, limits: StoreLimits) -> Result<Debuggee> {
        let store = Store::new(engine, limits)?;
        let (book, armed, watching): (Rc<Book>, Rc<Armed>, Rc<Watching>) = Default::default();
        if engine.is_debug() {
            let (book, armed) = (book.clone(), armed.clone());
            store.set_code_observer(Rc::new(ArmNewCode { book, armed, watching: watching.clone() }));
            store.set_return_observer(watching.clone());
        }
        Ok(Debuggee {
            is_debug: engine.is_debug(),
            store,
            book,
            armed,
            watching,
            single_step: Cell::new(false),
            step_request: Cell::new(None),
            goal_armed: Cell::new(None),
            outer_requests: Cell::new(0),
            handler: RefCell::new(None),
            log_points: RefCell::new(None),
            mask: Cell::new(0),
            handling: Cell::new(0),
            refused_pauses: Cell::new(0),
            run_on: Cell::new(None),
            current: RefCell::new(Vec::new()),
            spare: RefCell::new(Vec::new()),
            parked: Rc::default(),
            hosts: RefCell::new(Vec::new()),
            cache: Cache::new(),
            pending: Rc::default(),
            exact_forms: ExactForms::default(),
            no_ids: Rc::new([]),
        })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether its engine debugs.
    pub fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Whether single-step mode is on.
    pub fn is_single_stepping(&self) -> Result<bool> {
        self.check_debug()?;
        Ok(self.single_step.get())
    }

    /// Forgets what belongs to the frames of a call that is over.
    pub(super) fn forget_call(&self, call: u64) {
        self.pending.orphan(call);
        self.watching.frames.end(call, |_| true);
    }

    pub(super) fn check_debug(&self) -> Result<()> {
        if !self.is_debug {
            bail!(DebugDisabled, "the engine was made without debugging");
        }
        Ok(())
    }
}

/// The calls that are stopped.
impl Debuggee {
    /// A [`StoppedCall`] for a call that is about to be driven; the call counts as running until the result is dropped.
    pub(super) fn enter(&self) -> Driving<'_> {
        let stopped_call = self.spare.borrow_mut().pop().unwrap_or_default();
        self.enter_with(stopped_call)
    }

    /// The same with the [`StoppedCall`] that a resumable call keeps.
    pub(super) fn enter_with(&self, stopped_call: Rc<StoppedCall>) -> Driving<'_> {
        stopped_call.below.set(self.store.current_call().map(|(call, _)| call));
        self.current.borrow_mut().push(stopped_call.clone());
        Driving { debuggee: self, stopped_call }
    }

    /// The call of this number, if it is stopped.
    pub(super) fn stopped_call(&self, call: u64) -> Option<Rc<StoppedCall>> {
        let is_it =
            |stopped_call: &&Rc<StoppedCall>| stopped_call.is_inspectable.get() && stopped_call.call.get() == call;
        if let Some(stopped_call) = self.current.borrow().iter().rev().find(is_it) {
            return Some(stopped_call.clone());
        }
        if let Some(stopped_call) = self.parked.calls.borrow().get(&call) {
            return Some(stopped_call.clone());
        }
        self.waiting_call(call)
    }

    /// The call of this number, if it waits for a host function.
    fn waiting_call(&self, call: u64) -> Option<Rc<StoppedCall>> {
        let (newest, epoch) = self.store.current_call()?;
        if newest == call {
            let hosts = self.hosts.borrow();
            let known = hosts.iter().find(|host| host.call.get() == call && host.epoch.get() == epoch);
            if let Some(known) = known {
                return Some(known.clone());
            }
        }
        self.waiting_calls().into_iter().find(|host| host.call.get() == call)
    }

    /// All calls that wait for a host function, newest first.
    pub(super) fn waiting_calls(&self) -> Vec<Rc<StoppedCall>> {
        let mut hosts = self.hosts.borrow_mut();
        let mut found: Vec<Rc<StoppedCall>> = Vec::new();
        for activation in self.store.activations() {
            let same =
                |host: &&Rc<StoppedCall>| host.call.get() == activation.call_id && host.epoch.get() == activation.epoch;
            found.push(hosts.iter().find(same).cloned().unwrap_or_else(|| {
                let stopped_call = Rc::new(StoppedCall::default());
                stopped_call.begin(activation);
                stopped_call
            }));
        }
        hosts.clone_from(&found);
        found
    }

    /// The calls of all activations, newest first.
    pub(super) fn stopped_calls(&self) -> Vec<Rc<StoppedCall>> {
        let mut stopped: Vec<_> =
            self.current.borrow().iter().filter(|stopped_call| stopped_call.is_inspectable.get()).cloned().collect();
        let hosts = self.waiting_calls();
        let mut all = Vec::with_capacity(stopped.len() + hosts.len());
        for host in hosts {
            if stopped.iter().any(|stopped_call| stopped_call.call.get() == host.call.get()) {
                continue;
            }
            while let Some(above) = stopped.pop_if(|stopped_call| stopped_call.below.get() == Some(host.call.get())) {
                all.push(above);
            }
            all.push(host);
        }
        all.extend(stopped.into_iter().rev());
        all
    }

    /// The first of [`Debuggee::stopped_calls`], where that is easy to tell.
    pub(super) fn newest_stopped_call(&self) -> Option<Rc<StoppedCall>> {
        let below = self.store.current_call().map(|(call, _)| call);
        if let Some(newest) = self.current.borrow().last()
            && newest.is_inspectable.get()
            && newest.below.get() == below
        {
            return Some(newest.clone());
        }
        self.waiting_call(below?)
    }
}

/// A call that is being driven.
pub(super) struct Driving<'a> {
    debuggee: &'a Debuggee,
    pub(super) stopped_call: Rc<StoppedCall>,
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.debuggee.current.borrow_mut().pop();
        // A resumable call keeps its own.
        if Rc::strong_count(&self.stopped_call) == 1 {
            self.stopped_call.recycle();
            self.debuggee.spare.borrow_mut().push(self.stopped_call.clone());
        }
    }
}

/// The calls that are paused, or trapped and not dropped yet.
#[derive(Default)]
pub(super) struct Parked {
    pub(super) calls: RefCell<NumberMap<u64, Rc<StoppedCall>>>,
}

/// What is in the store, exported or not. All of it answers `DebugDisabled` without debugging.
impl Debuggee {
    /// Every instance, in order of creation.
    pub fn instances(&self) -> Result<Vec<Instance>> {
        self.check_debug()?;
        let store = self.store.id();
        Ok((0..self.store.instances()).map(|index| Instance { store, index }).collect())
    }

    /// Every module that was instantiated, in order of first instantiation.
    pub fn modules(&self) -> Result<Vec<Module>> {
        self.check_debug()?;
        Ok(self.store.modules())
    }

    /// The module that an instance is of.
    pub fn instance_module(&self, instance: Instance) -> Result<Module> {
        self.check_debug()?;
        self.store.instance_module(instance)
    }

    /// How many entities an instance has, by index space.
    pub fn instance_spaces(&self, instance: Instance) -> Result<Spaces> {
        let module = self.instance_module(instance)?;
        let info = module.info();
        Ok(Spaces {
            funcs: info.funcs.len() as u32,
            tables: info.tables.len() as u32,
            memories: info.memories.len() as u32,
            globals: info.globals.len() as u32,
            tags: info.tags.len() as u32,
            elements: info.elements.len() as u32,
            data: info.data.len() as u32,
        })
    }

    /// The function at an index of the instance's module.
    pub fn instance_func(&self, instance: Instance, index: FuncIndex) -> Result<Func> {
        self.check_debug()?;
        self.store.instance_func(instance, index)
    }

    /// The table at an index of the instance's module.
    pub fn instance_table(&self, instance: Instance, index: TableIndex) -> Result<Table> {
        self.check_debug()?;
        self.store.instance_table(instance, index)
    }

    /// The memory at an index of the instance's module.
    pub fn instance_memory(&self, instance: Instance, index: MemoryIndex) -> Result<Memory> {
        self.check_debug()?;
        self.store.instance_memory(instance, index)
    }

    /// The global at an index of the instance's module.
    pub fn instance_global(&self, instance: Instance, index: GlobalIndex) -> Result<Global> {
        self.check_debug()?;
        self.store.instance_global(instance, index)
    }

    /// The tag at an index of the instance's module.
    pub fn instance_tag(&self, instance: Instance, index: TagIndex) -> Result<Tag> {
        self.check_debug()?;
        self.store.instance_tag(instance, index)
    }
}
