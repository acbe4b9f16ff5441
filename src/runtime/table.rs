//! A store's tables: making them, and reading and writing them from the host.
//!
//! Read next: [`super::entities::table`].

#![expect(unsafe_code, reason = "makes what guest code works on")]

use super::Store;
use super::entities::table::TableData;
use crate::base::{RawValue, Result, Table, TableType, ValType, Value, error::bail, memory};
use std::rc::Rc;

impl Store {
    /// Makes a table filled with `init`.
    ///
    /// Errors: `TypeMismatch`; `InvalidArgument` for an impossible type; `Limit`; `System`.
    pub fn table_new(&self, ty: TableType, init: Value) -> Result<Table> {
        let maximum = ty.maximum.unwrap_or(ty.minimum);
        if ty.minimum > maximum || maximum > ty.most_elements() {
            bail!(InvalidArgument, "a table can't have from {} to {maximum} elements", ty.minimum);
        }
        let init = self.element_bits(&init, ty)?;
        self.check_tables(1)?;
        // SAFETY: the table gets a definition of its own.
        let table = Rc::new(unsafe { TableData::new(ty, init, None, &self.limits()) }?);
        let mut tables = self.inner().tables.borrow_mut();
        memory::reserve(&mut tables, 1)?;
        tables.push(table);
        Ok(Table { store: self.id(), index: tables.len() as u64 - 1 })
    }

    /// `Limit` unless the store may have `more` tables.
    pub(super) fn check_tables(&self, more: usize) -> Result<()> {
        let (present, limit) = (self.inner().tables.borrow().len(), self.limits().tables);
        if (present + more) as u64 > limit {
            bail!(Limit, "the store's limit of {limit} tables is reached");
        }
        Ok(())
    }

    fn element_bits(&self, value: &Value, ty: TableType) -> Result<u64> {
        Ok(self.raw_as(value, ValType::Ref(ty.element), "the table's element", 0)?.lo)
    }

    pub(super) fn table(&self, table: Table) -> Result<Rc<TableData>> {
        self.check(table.store)?;
        let tables = self.inner().tables.borrow();
        let found = tables.get(table.index as usize).cloned();
        found.ok_or_else(|| Store::out_of_range("table", table.index, tables.len() as u64))
    }

    /// The type that it was made with.
    pub fn table_type(&self, table: Table) -> Result<TableType> {
        Ok(self.table(table)?.ty())
    }

    /// Its present number of elements.
    pub fn table_size(&self, table: Table) -> Result<u64> {
        Ok(self.table(table)?.length() as u64)
    }

    /// An element; `OutOfRange` beyond its size.
    pub fn table_get(&self, table: Table, index: u64) -> Result<Value> {
        let table = self.table(table)?;
        match table.get(index) {
            Some(bits) => Ok(self.value_of(ValType::Ref(table.ty().element), RawValue::new(bits))),
            None => Err(Store::out_of_range("element", index, table.length() as u64)),
        }
    }

    /// An element as guest code has it; none if there is no such element.
    pub fn table_bits(&self, table: Table, index: u64) -> Result<Option<u64>> {
        Ok(self.table(table)?.get(index))
    }

    /// Sets an element.
    pub fn table_set(&self, table: Table, index: u64, value: Value) -> Result<()> {
        let table = self.table(table)?;
        let bits = self.element_bits(&value, table.ty())?;
        if table.set(index, bits) { Ok(()) } else { Err(Store::out_of_range("element", index, table.length() as u64)) }
    }

    /// Grows it by `delta` elements of value `init` and answers the old size; `Limit` or `System` if it can't.
    pub fn table_grow(&self, table: Table, delta: u64, init: Value) -> Result<u64> {
        let table = self.table(table)?;
        let init = self.element_bits(&init, table.ty())?;
        table.grow(delta, init, &self.limits(), || false)
    }
}
