//! The engine: configuration, compiler, and the registry of types that all its stores share.
//!
//! The only file of the runtime that names the compiler. Invariant: types live as long as the engine, so stores may keep
//! their addresses. Read next: [`super::module`].

use super::epoch::Epochs;
use super::gc::Layouts;
use super::machine::code_memory::TrampolineCode;
use super::machine::mapping::{Mapping, is_available};
use super::machine::own_stack::with_room;
use super::machine::switch;
use super::machine::traps;
use super::object_types::layout_of;
use crate::abi::artifact::CompiledBlob;
use crate::base::floats::in_default_environment;
use crate::base::{Config, DefinedFuncIndex, Result, TypeId, memory};
use crate::compile::Compiler;
use crate::wasm::{ModuleInfo, ParsedModule, TypeRegistry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What modules are compiled with. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
    compiler: Compiler,
    types: TypeRegistry,
    layouts: Arc<Layouts>,
    /// Made when they are first needed, by the number of the function type.
    trampolines: Mutex<HashMap<TypeId, Arc<TrampolineCode>>>,
    epochs: Epochs,
}

/// Bytes for the compiler's descriptions of this machine.
const DESCRIPTIONS: usize = 256 << 10;

impl Engine {
    /// An engine for this machine. Installs the process-wide trap handlers, unless it is to do without.
    pub fn new(mut config: Config) -> Result<Engine> {
        if config.signal_handlers {
            traps::install()?;
        }
        if config.fuel || config.interrupt_checks {
            switch::prepare_interrupts();
        }
        let memories = &mut config.memories;
        let guarded = if memories.bytes.is_none() { memories.guarded() as usize } else { 0 };
        // Where a process may have few addresses, not even one memory could be made.
        memories.compares_all |= !config.signal_handlers || (guarded > 0 && Mapping::reserve(guarded).is_err());
        memory::ask(DESCRIPTIONS)?;
        let compiler = Compiler::new(&config)?.asking(is_available);
        let (types, layouts, trampolines, epochs) = Default::default();
        Ok(Engine(Arc::new(EngineInner { config, compiler, types, layouts, trampolines, epochs })))
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

    /// Begins the next epoch: guests are left whose stores have a deadline that is reached. For any thread, but not for a signal
    /// handler.
    pub fn advance_epoch(&self) {
        self.0.epochs.advance();
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.0.epochs
    }

    /// The types of its modules and of the host's functions.
    pub fn types(&self) -> &TypeRegistry {
        &self.0.types
    }

    /// What objects of the types look like to a collector.
    pub(super) fn layouts(&self) -> &Arc<Layouts> {
        &self.0.layouts
    }

    /// Adds the layouts of types that were registered since the last time.
    ///
    /// Errors: `System`; `Limit`.
    pub(super) fn add_layouts(&self) -> Result<()> {
        let types = &self.0.types;
        self.0.layouts.extend(types.count(), |id| layout_of(&types.get(TypeId(id))))
    }

    /// The trampolines of a function type, compiled when first asked for.
    pub(super) fn trampolines(&self, id: TypeId) -> Result<Arc<TrampolineCode>> {
        let known = || self.0.trampolines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(code) = known().get(&id) {
            return Ok(code.clone());
        }
        let ty = self.0.types.func_type(id);
        let code = with_room(|| in_default_environment(|| self.0.compiler.compile_trampolines(&ty)))??;
        let code = Arc::new(TrampolineCode::new(code)?);
        // If another thread was faster, its code is the one that is used.
        Ok(known().entry(id).or_insert(code).clone())
    }

    pub(super) fn compile(&self, parsed: ParsedModule) -> Result<(ModuleInfo, CompiledBlob)> {
        // The compiler computes what is constant.
        in_default_environment(|| self.0.compiler.compile_module(parsed))
    }

    /// What code depends on that it compiles; see [`Compiler::settings`].
    pub(super) fn settings(&self) -> String {
        self.0.compiler.settings()
    }

    pub(super) fn compile_exact(
        &self,
        info: &ModuleInfo,
        loaded: &CompiledBlob,
        function: DefinedFuncIndex,
    ) -> Result<CompiledBlob> {
        in_default_environment(|| self.0.compiler.compile_exact(info, loaded, function))
    }
}
