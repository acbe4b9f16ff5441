//! A compiled module: declarations, machine code and its tables. Immutable, shared by stores and threads.

use super::Engine;
use crate::abi::artifact::CompiledModule;
use crate::base::Result;
use crate::wasm::ModuleInfo;
use std::sync::Arc;

/// A compiled module. Cheap to clone; clones are the same module.
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

struct ModuleInner {
    id: u64,
    engine: Engine,
    name: Option<String>,
    info: ModuleInfo,
    compiled: CompiledModule,
}

impl Module {
    /// Validates and compiles a module in the binary format.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        Module::with_name(engine, bytes, None)
    }

    /// Like [`Module::new`], with a name that the host gives: it wins over the name section's.
    pub fn with_name(_engine: &Engine, _bytes: &[u8], _name: Option<&str>) -> Result<Module> {
        todo!()
    }

    /// Validates a module, and that it uses supported features only.
    pub fn validate(_engine: &Engine, _bytes: &[u8]) -> Result<()> {
        todo!()
    }

    /// A number that no other module of the process has or had; never 0.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The engine that compiled it.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What it declares.
    pub fn info(&self) -> &ModuleInfo {
        &self.0.info
    }

    /// Its machine code and tables.
    pub fn compiled(&self) -> &CompiledModule {
        &self.0.compiled
    }

    /// The host's name for it, else the name section's.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Whether `other` is the same module.
    pub fn is_same(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
