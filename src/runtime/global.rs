//! A store's globals: making them, and reading and writing them from the host.
//!
//! Read next: [`super::entities::global`].

#![expect(unsafe_code, reason = "guest code reads and writes the cells")]

use super::Store;
use super::entities::global::GlobalEntry;
use crate::base::{Global, GlobalType, RawValue, Result, Value, error::bail, memory};

impl Store {
    /// Makes a global.
    pub fn global_new(&self, ty: GlobalType, value: Value) -> Result<Global> {
        let value = self.raw_as(&value, ty.value, "the global's value", 0)?;
        let mut globals = self.inner().globals.borrow_mut();
        memory::reserve(&mut globals, 1)?;
        globals.push(GlobalEntry::of_host(ty, value));
        Ok(Global { store: self.id(), index: globals.len() as u64 - 1 })
    }

    /// Number of globals. Their handles are `Global { store: id, index }`.
    pub fn globals(&self) -> u64 {
        self.inner().globals.borrow().len() as u64
    }

    pub(super) fn global_entry(&self, global: Global) -> Result<GlobalEntry> {
        self.check(global.store)?;
        let globals = self.inner().globals.borrow();
        let entry = globals.get(global.index as usize).cloned();
        entry.ok_or_else(|| Store::out_of_range("global", global.index, globals.len() as u64))
    }

    /// Its type.
    pub fn global_type(&self, global: Global) -> Result<GlobalType> {
        Ok(self.global_entry(global)?.ty)
    }

    /// Its value.
    pub fn global_get(&self, global: Global) -> Result<Value> {
        let raw = self.global_raw(global)?;
        Ok(self.value_of(self.global_entry(global)?.ty.value, raw))
    }

    /// Its value as guest code has it.
    pub fn global_raw(&self, global: Global) -> Result<RawValue> {
        // SAFETY: the cell lives as long as the store, and no guest code of this store runs now.
        Ok(unsafe { self.global_entry(global)?.cell.read() })
    }

    /// Sets its value; `InvalidArgument` if it is immutable.
    pub fn global_set(&self, global: Global, value: Value) -> Result<()> {
        let entry = self.global_entry(global)?;
        if !entry.ty.mutable {
            bail!(InvalidArgument, "the global is immutable");
        }
        let raw = self.raw_as(&value, entry.ty.value, "the global's value", 0)?;
        // SAFETY: as in `global_get`.
        unsafe { entry.cell.write(raw) };
        Ok(())
    }
}
