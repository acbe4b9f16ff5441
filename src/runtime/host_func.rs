//! Host functions: how the guest calls out.

use super::{Extern, Store};
use crate::base::{Instance, RawValue, Result, Value};

/// A host function on tagged values; the results are given with their types' defaults and type-checked afterwards.
pub type HostFn = Box<dyn Fn(Caller<'_>, &[Value], &mut [Value]) -> Result<()>>;

/// A host function on raw values: arguments in, results out, as long as the longer of both. Only references are
/// checked afterwards.
pub type RawHostFn = Box<dyn Fn(Caller<'_>, &mut [RawValue]) -> Result<()>>;

/// Who called a host function.
pub struct Caller<'a> {
    store: &'a Store,
    _context: usize,
}

impl<'a> Caller<'a> {
    /// The store in which the call happens.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The instance whose code made the call; none if the host called the function itself.
    pub fn instance(&self) -> Option<Instance> {
        todo!()
    }

    /// An export of the calling instance.
    pub fn export(&self, _name: &str) -> Option<Extern> {
        todo!()
    }
}
