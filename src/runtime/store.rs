//! The store: everything that guests of one embedding can reach.

use super::{Engine, Module};
use crate::abi::artifact::CompiledModule;
use crate::base::{CodeOffset, ExternRef, Instance, NativePc, Result, StoreId, StoreLimits};
use std::any::Any;
use std::ffi::c_void;

/// A store. Used by one thread at a time; all operations take it by shared reference, since host functions use it
/// while a guest is running.
pub struct Store {
    _private: *mut CompiledModule,
}

impl Store {
    /// An empty store.
    pub fn new(_engine: &Engine, _limits: StoreLimits) -> Result<Store> {
        todo!()
    }

    /// What its handles are stamped with.
    pub fn id(&self) -> StoreId {
        todo!()
    }

    /// The engine that it was made with.
    pub fn engine(&self) -> &Engine {
        todo!()
    }

    /// What its guests may use.
    pub fn limits(&self) -> StoreLimits {
        todo!()
    }

    /// Changes what its guests may use; what they have already isn't taken away.
    pub fn set_limits(&self, _limits: StoreLimits) {
        todo!()
    }

    /// Keeps an opaque pointer for the layer above.
    pub fn set_embedder(&self, _embedder: *mut c_void) {
        todo!()
    }

    /// The pointer that [`Store::set_embedder`] was given last, or null.
    pub fn embedder(&self) -> *mut c_void {
        todo!()
    }

    /// Number of instances, those included whose segments trapped. Their handles are `Instance { store: id, index }`.
    pub fn instances(&self) -> u64 {
        todo!()
    }

    /// Its modules, each once, in the order in which they were first instantiated.
    pub fn modules(&self) -> Vec<Module> {
        todo!()
    }

    /// Makes the store unusable: running and instantiating answer `Poisoned` with this reason from now on. The first
    /// reason is kept.
    pub fn poison(&self, _reason: &str) {
        todo!()
    }

    /// `Poisoned` if the store is.
    pub fn check_poisoned(&self) -> Result<()> {
        todo!()
    }

    /// Keeps a host value for as long as the store lives, so that the guest can hold a reference to it.
    pub fn externref_new(&self, _data: Box<dyn Any>) -> ExternRef {
        todo!()
    }

    /// The value behind a reference.
    pub fn externref_data(&self, _reference: ExternRef) -> Result<&dyn Any> {
        todo!()
    }

    /// The instance whose context is at this address (word 0 of a frame's state slot).
    pub fn instance_of_context(&self, _context: u64) -> Option<Instance> {
        todo!()
    }

    /// The module and place that a code address belongs to.
    pub fn code_at(&self, _pc: NativePc) -> Option<(Module, CodeOffset)> {
        todo!()
    }

    /// Arms and disarms stop points of a module in this store: each edit is a stop point's return offset and whether
    /// to arm it. Maps the module's code if it isn't yet.
    pub fn patch(&self, _module: &Module, _edits: impl Iterator<Item = (CodeOffset, bool)>) -> Result<()> {
        todo!()
    }
}
