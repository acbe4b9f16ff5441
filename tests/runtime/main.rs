//! The runtime room, end to end: modules in the text format, compiled and run.

mod calls;
mod entities;
mod hosts;
mod linking;
mod roots;
mod stops;
mod traps;

use pellucid::base::{Config, Error, Func, Instance, StoreLimits, Value};
use pellucid::runtime::{Engine, Extern, Module, Store};

/// An engine and a store to try things in.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
}

pub(crate) fn world() -> World {
    World::new(false, StoreLimits::default())
}

pub(crate) fn debug_world() -> World {
    World::new(true, StoreLimits::default())
}

/// With debugging off and on, each with signal handlers and without.
pub(crate) fn both(test: impl Fn(World)) {
    for signal_handlers in [true, false] {
        for debug in [false, true] {
            test(World::with(Config { debug, signal_handlers, ..Config::default() }, StoreLimits::default()));
        }
    }
}

impl World {
    pub(crate) fn new(debug: bool, limits: StoreLimits) -> World {
        World::with(Config { debug, ..Config::default() }, limits)
    }

    pub(crate) fn with(config: Config, limits: StoreLimits) -> World {
        let engine = Engine::new(config).unwrap();
        let store = Store::new(&engine, limits).unwrap();
        World { engine, store }
    }

    pub(crate) fn module(&self, text: &str) -> Module {
        Module::new(&self.engine, &wat::parse_str(text).unwrap()).unwrap()
    }

    pub(crate) fn try_instance(&self, text: &str, imports: &[Extern]) -> Result<Instance, Error> {
        self.store.instantiate(&self.module(text), imports).map(|(instance, _)| instance)
    }

    pub(crate) fn instance(&self, text: &str, imports: &[Extern]) -> Instance {
        self.try_instance(text, imports).unwrap()
    }

    pub(crate) fn export(&self, instance: Instance, name: &str) -> Extern {
        self.store.instance_export(instance, name).unwrap().expect(name)
    }

    pub(crate) fn func(&self, instance: Instance, name: &str) -> Func {
        match self.export(instance, name) {
            Extern::Func(func) => func,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub(crate) fn call(&self, instance: Instance, name: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
        self.store.call(self.func(instance, name), args)
    }
}
