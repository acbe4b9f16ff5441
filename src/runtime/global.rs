//! Globals.

use super::Store;
use crate::base::{Global, GlobalType, Result, Value};

impl Store {
    /// Makes a global.
    pub fn global_new(&self, _ty: GlobalType, _value: Value) -> Result<Global> {
        todo!()
    }

    /// Its type.
    pub fn global_type(&self, _global: Global) -> Result<GlobalType> {
        todo!()
    }

    /// Its value.
    pub fn global_get(&self, _global: Global) -> Result<Value> {
        todo!()
    }

    /// Sets its value; `InvalidArgument` if it is immutable.
    pub fn global_set(&self, _global: Global, _value: Value) -> Result<()> {
        todo!()
    }
}
