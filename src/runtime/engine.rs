//! The engine: configuration, compiler, and the registry of function types that all its stores share.

use crate::base::{Config, FuncType, Result};
use std::sync::Arc;

/// The engine-wide number of a function type: equal types have equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeId(pub u32);

/// What modules are compiled with. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
}

impl Engine {
    /// An engine for this machine. Installs the process-wide trap handlers.
    pub fn new(config: Config) -> Result<Engine> {
        Ok(Engine(Arc::new(EngineInner { config })))
    }

    /// The configuration that it was made with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether its guests can be debugged.
    pub fn is_debug(&self) -> bool {
        self.0.config.debug
    }

    /// Whether `other` is the same engine.
    pub fn is_same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The number of a function type.
    pub fn type_id(&self, _ty: &FuncType) -> TypeId {
        todo!()
    }

    /// The function type of this number, which must come from this engine.
    pub fn func_type(&self, _id: TypeId) -> Arc<FuncType> {
        todo!()
    }
}
