//! Tables.

use super::Store;
use crate::base::{Result, Table, TableType, Value};

impl Store {
    /// Makes a table filled with `init`.
    pub fn table_new(&self, _ty: TableType, _init: Value) -> Result<Table> {
        todo!()
    }

    /// The type that it was made with.
    pub fn table_type(&self, _table: Table) -> Result<TableType> {
        todo!()
    }

    /// Its present number of elements.
    pub fn table_size(&self, _table: Table) -> Result<u64> {
        todo!()
    }

    /// An element; `OutOfRange` beyond its size.
    pub fn table_get(&self, _table: Table, _index: u64) -> Result<Value> {
        todo!()
    }

    /// Sets an element.
    pub fn table_set(&self, _table: Table, _index: u64, _value: Value) -> Result<()> {
        todo!()
    }

    /// Grows it by `delta` elements of value `init` and answers the old size; `Limit` or `System` if it can't.
    pub fn table_grow(&self, _table: Table, _delta: u64, _init: Value) -> Result<u64> {
        todo!()
    }
}
