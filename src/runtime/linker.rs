//! The linker: finds a module's imports by name.
//!
//! Holds handles only, so it outlives nothing and keeps nothing alive. Read next: [`super::imports`].

use super::{Engine, Extern, Module, Store};
use crate::base::{Error, ErrorKind, Func, Instance, Result, error::bail, memory};
use crate::wasm::{Import, ItemType};
use std::collections::HashMap;

/// Names and what they stand for. The names may be of several stores' items, as long as each is used with its own.
pub struct Linker {
    engine: Engine,
    allow_shadowing: bool,
    /// By module, then by name.
    items: HashMap<String, HashMap<String, Extern>>,
}

impl Linker {
    /// An empty linker.
    pub fn new(engine: &Engine) -> Linker {
        Linker { engine: engine.clone(), allow_shadowing: false, items: HashMap::new() }
    }

    /// The engine that it was made for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether defining a name again replaces it, rather than being an error.
    pub fn allow_shadowing(&mut self, allow: bool) {
        self.allow_shadowing = allow;
    }

    /// Defines a name. `Link` if it is defined already and shadowing isn't allowed.
    pub fn define(&mut self, store: &Store, module: &str, name: &str, item: Extern) -> Result<()> {
        self.check_engine(store)?;
        store.extern_type(item)?;
        self.check_undefined(module, name)?;
        self.insert(module, name, item)
    }

    /// Defines all exports of an instance under `module`: all or nothing.
    pub fn define_instance(&mut self, store: &Store, module: &str, instance: Instance) -> Result<()> {
        self.check_engine(store)?;
        let exports = store.instance_exports(instance)?;
        exports.iter().try_for_each(|(name, _)| self.check_undefined(module, name))?;
        self.reserve(module, exports.len())?;
        let names =
            exports.iter().map(|(name, item)| Ok((memory::copied(name)?, *item))).collect::<Result<Vec<_>>>()?;
        if let Some(items) = self.items.get_mut(module) {
            items.extend(names);
        }
        Ok(())
    }

    /// `Link` if a name is defined already and shadowing isn't allowed.
    pub fn check_undefined(&self, module: &str, name: &str) -> Result<()> {
        if !self.allow_shadowing && self.lookup(module, name).is_some() {
            bail!(Link, "{module}.{name} is defined already");
        }
        Ok(())
    }

    /// Types have numbers by engine, so what is in stores of another one can't be used.
    ///
    /// Errors: `InvalidArgument`.
    pub fn check_engine(&self, store: &Store) -> Result<()> {
        if !store.engine().is_same(&self.engine) {
            bail!(InvalidArgument, "the linker was made for another engine than the store's");
        }
        Ok(())
    }

    fn insert(&mut self, module: &str, name: &str, item: Extern) -> Result<()> {
        let name = memory::copied(name)?;
        if let Some(items) = self.reserve(module, 1)? {
            items.insert(name, item);
        }
        Ok(())
    }

    /// Room for `more` names of a module.
    fn reserve(&mut self, module: &str, more: usize) -> Result<Option<&mut HashMap<String, Extern>>> {
        if !self.items.contains_key(module) {
            self.items.try_reserve(1).map_err(|_| Error::no_memory())?;
            self.items.insert(memory::copied(module)?, HashMap::new());
        }
        let items = self.items.get_mut(module);
        items.map(|items| items.try_reserve(more).map(|()| items)).transpose().map_err(|_| Error::no_memory())
    }

    fn lookup(&self, module: &str, name: &str) -> Option<Extern> {
        self.items.get(module)?.get(name).copied()
    }

    /// What a name stands for in this store.
    pub fn get(&self, store: &Store, module: &str, name: &str) -> Option<Extern> {
        self.lookup(module, name).filter(|item| item.store() == store.id())
    }

    /// Defines each function that the module imports and that isn't defined as one that fails when it is called.
    pub fn define_unknown_imports_as_traps(&mut self, store: &Store, module: &Module) -> Result<()> {
        self.check_engine(store)?;
        for import in &module.info().imports {
            let ItemType::Func(ty) = import.ty else { continue };
            if self.lookup(&import.module, &import.name).is_some() {
                continue;
            }
            let error = unknown(import);
            let trap = Box::new(move |_: super::Caller<'_>, _: &mut [_]| Err(error.clone()));
            let func = store.func_new_of(module.info().type_ids[ty], trap)?;
            self.insert(&import.module, &import.name, Extern::Func(func))?;
        }
        Ok(())
    }

    /// Instantiates a module with the imports that its names stand for; see [`Store::instantiate`].
    pub fn instantiate(&self, store: &Store, module: &Module) -> Result<(Instance, Option<Func>)> {
        self.check_engine(store)?;
        let find = |import: &Import| self.lookup(&import.module, &import.name).ok_or_else(|| unknown(import));
        let imports = module.info().imports.iter().map(find).collect::<Result<Vec<_>>>()?;
        store.instantiate(module, &imports)
    }
}

fn unknown(import: &Import) -> Error {
    Error::new(ErrorKind::Link, format_args!("unknown import: {}.{} isn't defined", import.module, import.name))
}
