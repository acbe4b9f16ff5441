//! A compiled module: declarations, machine code and its tables. Immutable, shared by stores and threads.
//!
//! Knows nothing of stores. Read next: [`super::instance`].

use super::machine::code_map::CodeTables;
use super::machine::code_memory::SharedCode;
use super::{Engine, TypeId};
use crate::abi::artifact::CompiledModule;
use crate::base::{CodeOffset, Result, TrapCode, TypeIndex};
use crate::wasm::{self, ModuleInfo};
use cranelift_entity::PrimaryMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A compiled module. Cheap to clone; clones are the same module.
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

struct ModuleInner {
    id: u64,
    engine: Engine,
    name: Option<String>,
    info: ModuleInfo,
    compiled: CompiledModule,
    code: SharedCode,
    type_ids: PrimaryMap<TypeIndex, u32>,
}

impl Module {
    /// Validates and compiles a module in the binary format.
    ///
    /// Errors: `InvalidModule`, `Unsupported`, `Limit`; `System` if there is no memory for its code.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        Module::with_name(engine, bytes, None)
    }

    /// Like [`Module::new`], with a name that the host gives: it wins over the name section's.
    pub fn with_name(engine: &Engine, bytes: &[u8], name: Option<&str>) -> Result<Module> {
        let (info, mut compiled) = engine.compile(wasm::parse(bytes)?)?;
        let code = SharedCode::new(&compiled.image, engine.is_debug())?;
        // It is mapped now, and needn't be in memory twice.
        compiled.image = Vec::new();
        let type_ids = info.types.values().map(|ty| engine.type_id(ty).0).collect();
        let name = name.map(str::to_string).or_else(|| info.names.module.clone());
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Module(Arc::new(ModuleInner { id, engine: engine.clone(), name, info, compiled, code, type_ids })))
    }

    /// Validates a module and its function bodies, without compiling it. A valid module may still use an unsupported
    /// operator, which [`Module::new`] refuses.
    pub fn validate(_engine: &Engine, bytes: &[u8]) -> Result<()> {
        let wasm::ParsedModule { info, to_validate } = wasm::parse(bytes)?;
        let mut allocations = wasmparser::FuncValidatorAllocations::default();
        for (index, to_validate) in to_validate {
            let mut validator = to_validate.into_validator(allocations);
            validator.validate(&info.body(index)).map_err(|error| wasm::parse::invalid(&error))?;
            allocations = validator.into_allocations();
        }
        Ok(())
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

    /// Tables on its machine code. The image itself is mapped, not here.
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

    pub(super) fn code(&self) -> &SharedCode {
        &self.0.code
    }

    /// The engine-wide number of one of its types.
    pub(super) fn type_id(&self, index: TypeIndex) -> TypeId {
        TypeId(self.0.type_ids[index])
    }

    /// The numbers of all its types, where instances' contexts point to.
    pub(super) fn type_ids(&self) -> &[u32] {
        self.0.type_ids.values().as_slice()
    }
}

impl CodeTables for Module {
    fn trap_at(&self, offset: CodeOffset) -> Option<TrapCode> {
        self.compiled().trap_at(offset).map(|site| site.code)
    }

    fn is_entry(&self, offset: CodeOffset) -> bool {
        let compiled = self.compiled();
        let function = compiled.function_at(offset);
        // Outside functions there is the stop thunk only, which has no frame either.
        function.is_none_or(|function| compiled.functions[function].start == offset)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("id", &self.id()).field("name", &self.name()).finish()
    }
}
