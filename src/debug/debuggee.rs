//! A store with its debugger.

use crate::base::{
    Func, FuncIndex, Global, GlobalIndex, Instance, Memory, MemoryIndex, Result, StoreLimits, Table, TableIndex,
};
use crate::runtime::{Engine, Module, Store};

/// A store together with all that debugging keeps about it.
pub struct Debuggee {
    store: Store,
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
    /// Element segments.
    pub elements: u32,
    /// Data segments.
    pub data: u32,
}

impl Debuggee {
    /// A new store.
    pub fn new(engine: &Engine, limits: StoreLimits) -> Result<Debuggee> {
        let _ = (engine, limits);
        todo!()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether its engine debugs.
    pub fn is_debug(&self) -> bool {
        todo!()
    }
}

/// What is in the store, exported or not. All of it answers `DebugDisabled` without debugging.
impl Debuggee {
    /// Every instance, in order of creation.
    pub fn instances(&self) -> Result<Vec<Instance>> {
        todo!()
    }

    /// Every module that was instantiated, in order of first instantiation.
    pub fn modules(&self) -> Result<Vec<Module>> {
        todo!()
    }

    /// How many entities an instance has, by index space.
    pub fn instance_spaces(&self, instance: Instance) -> Result<Spaces> {
        let _ = instance;
        todo!()
    }

    /// The function at an index of the instance's module.
    pub fn instance_func(&self, instance: Instance, index: FuncIndex) -> Result<Func> {
        let _ = (instance, index);
        todo!()
    }

    /// The table at an index of the instance's module.
    pub fn instance_table(&self, instance: Instance, index: TableIndex) -> Result<Table> {
        let _ = (instance, index);
        todo!()
    }

    /// The memory at an index of the instance's module.
    pub fn instance_memory(&self, instance: Instance, index: MemoryIndex) -> Result<Memory> {
        let _ = (instance, index);
        todo!()
    }

    /// The global at an index of the instance's module.
    pub fn instance_global(&self, instance: Instance, index: GlobalIndex) -> Result<Global> {
        let _ = (instance, index);
        todo!()
    }
}
