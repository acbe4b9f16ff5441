//! Instances: making them, and reaching what is in them.

use super::{Module, Store};
use crate::base::{
    ExternType, Func, FuncIndex, Global, GlobalIndex, Instance, Memory, MemoryIndex, Result, StoreId, Table, TableIndex,
};

/// Something to import or export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

impl Extern {
    /// The store that it lives in.
    pub fn store(&self) -> StoreId {
        match self {
            Extern::Func(func) => func.store,
            Extern::Table(table) => table.store,
            Extern::Memory(memory) => memory.store,
            Extern::Global(global) => global.store,
        }
    }
}

impl Store {
    /// Makes an instance of a module, whose imports are given in its order. The start function is returned, not run.
    ///
    /// Errors: `Link` if the imports' number or types don't fit, `Limit` and `System` leave nothing behind; if a
    /// segment is out of bounds it is a trap, and what earlier segments wrote stays.
    pub fn instantiate(&self, _module: &Module, _imports: &[Extern]) -> Result<(Instance, Option<Func>)> {
        todo!()
    }

    /// The type of an import or export, with the present size of a memory or table as its minimum.
    pub fn extern_type(&self, _item: Extern) -> Result<ExternType> {
        todo!()
    }

    /// The export of this name.
    pub fn instance_export(&self, _instance: Instance, _name: &str) -> Result<Option<Extern>> {
        todo!()
    }

    /// All exports in order.
    pub fn instance_exports(&self, _instance: Instance) -> Result<Vec<(String, Extern)>> {
        todo!()
    }

    /// The module that it is an instance of.
    pub fn instance_module(&self, _instance: Instance) -> Result<Module> {
        todo!()
    }

    /// A function by its index in the module, exported or not.
    pub fn instance_func(&self, _instance: Instance, _index: FuncIndex) -> Result<Func> {
        todo!()
    }

    /// A table by its index in the module, exported or not.
    pub fn instance_table(&self, _instance: Instance, _index: TableIndex) -> Result<Table> {
        todo!()
    }

    /// A memory by its index in the module, exported or not.
    pub fn instance_memory(&self, _instance: Instance, _index: MemoryIndex) -> Result<Memory> {
        todo!()
    }

    /// A global by its index in the module, exported or not.
    pub fn instance_global(&self, _instance: Instance, _index: GlobalIndex) -> Result<Global> {
        todo!()
    }
}
