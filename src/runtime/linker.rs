//! The linker: finds a module's imports by name.

use super::{Engine, Extern, Module, Store};
use crate::base::{Func, Instance, Result};

/// Names and what they stand for.
pub struct Linker {
    _engine: Engine,
}

impl Linker {
    /// An empty linker.
    pub fn new(engine: &Engine) -> Linker {
        Linker { _engine: engine.clone() }
    }

    /// Whether defining a name again replaces it, rather than being an error.
    pub fn allow_shadowing(&mut self, _allow: bool) {
        todo!()
    }

    /// Defines a name. `Link` if it is defined already and shadowing isn't allowed.
    pub fn define(&mut self, _store: &Store, _module: &str, _name: &str, _item: Extern) -> Result<()> {
        todo!()
    }

    /// Defines all exports of an instance under `module`: all or nothing.
    pub fn define_instance(&mut self, _store: &Store, _module: &str, _instance: Instance) -> Result<()> {
        todo!()
    }

    /// What a name stands for.
    pub fn get(&self, _store: &Store, _module: &str, _name: &str) -> Option<Extern> {
        todo!()
    }

    /// Defines each function that the module imports and that isn't defined as one that fails when it is called.
    pub fn define_unknown_imports_as_traps(&mut self, _store: &Store, _module: &Module) -> Result<()> {
        todo!()
    }

    /// Instantiates a module with the imports that its names stand for; see [`Store::instantiate`].
    pub fn instantiate(&self, _store: &Store, _module: &Module) -> Result<(Instance, Option<Func>)> {
        todo!()
    }
}
