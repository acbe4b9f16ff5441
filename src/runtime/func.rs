//! Functions of a store, the guest's and the host's.

use super::{Call, Exit, HostFn, Module, RawHostFn, Store};
use crate::base::{Func, FuncIndex, FuncType, Instance, RawValue, Result, Value};
use std::sync::Arc;

impl Store {
    /// Makes a host function on tagged values.
    pub fn func_new(&self, _ty: FuncType, _func: HostFn) -> Result<Func> {
        todo!()
    }

    /// Makes a host function on raw values.
    pub fn func_new_raw(&self, _ty: FuncType, _func: RawHostFn) -> Result<Func> {
        todo!()
    }

    /// A function's type.
    pub fn func_type(&self, _func: Func) -> Result<Arc<FuncType>> {
        todo!()
    }

    /// Whether it is the host's.
    pub fn func_is_host(&self, _func: Func) -> Result<bool> {
        todo!()
    }

    /// Where a guest function is defined; none for the host's.
    pub fn func_location(&self, _func: Func) -> Result<Option<(Module, Instance, FuncIndex)>> {
        todo!()
    }

    /// Calls a function with tagged values, to the end: stops are passed over.
    pub fn call(&self, _func: Func, _args: &[Value]) -> Result<Vec<Value>> {
        todo!()
    }

    /// Calls a function with raw values, to the end: stops are passed over. `values` is as long as the longer of
    /// parameters and results.
    pub fn call_raw(&self, _func: Func, _values: &mut [RawValue]) -> Result<()> {
        todo!()
    }

    /// Calls a function with tagged values, without allocating. The first exit other than `Finished` is handed to
    /// `drive`, which decides: it may go on with [`Call::run`] as often as it likes, and answers `Ok` only when the
    /// call finished.
    pub fn call_with(
        &self,
        _func: Func,
        _args: &[Value],
        _results: &mut [Value],
        _drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        todo!()
    }

    /// Like [`Store::call_with`] with raw values: arguments in, results out.
    pub fn call_raw_with(
        &self,
        _func: Func,
        _values: &mut [RawValue],
        _drive: impl FnOnce(&Call, Exit) -> Result<()>,
    ) -> Result<()> {
        todo!()
    }
}
