//! The engine: configuration, compiler, and the registry of function types that all its stores share.
//!
//! The only file of the runtime that names the compiler. Invariant: a type's number and its entry live as long as the
//! engine, so stores may keep addresses into them. Read next: [`super::module`].

use super::epoch::Epochs;
use super::machine::code_memory::TrampolineCode;
use super::machine::mapping::{Mapping, is_available};
use super::machine::own_stack::with_room;
use super::machine::switch;
use super::machine::traps;
use crate::abi::artifact::CompiledBlob;
use crate::base::floats::in_default_environment;
use crate::base::{Config, DefinedFuncIndex, FuncType, Result, memory};
use crate::compile::Compiler;
use crate::wasm::{ModuleInfo, ParsedModule};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard};

/// The engine-wide number of a function type: equal types have equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeId(pub u32);

/// What modules are compiled with. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
    compiler: Compiler,
    types: RwLock<Types>,
    epochs: Epochs,
}

#[derive(Default)]
struct Types {
    numbers: HashMap<Arc<FuncType>, TypeId>,
    entries: Vec<Arc<TypeEntry>>,
}

/// A registered function type.
pub(super) struct TypeEntry {
    /// The type; it stays at its address as long as the engine lives.
    pub ty: Arc<FuncType>,
    /// Made when first needed.
    trampolines: OnceLock<Arc<TrampolineCode>>,
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
        Ok(Engine(Arc::new(EngineInner { config, compiler, types: RwLock::default(), epochs: Epochs::default() })))
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

    /// The number of a function type.
    pub fn type_id(&self, ty: &FuncType) -> TypeId {
        if let Some(id) = self.types().numbers.get(ty) {
            return *id;
        }
        let mut types = self.0.types.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Types { numbers, entries } = &mut *types;
        // Somebody else may have been faster.
        if let Some(id) = numbers.get(ty) {
            return *id;
        }
        let ty = Arc::new(ty.clone());
        let id = TypeId(u32::try_from(entries.len()).expect("types are bounded by the address space"));
        entries.push(Arc::new(TypeEntry { ty: ty.clone(), trampolines: OnceLock::new() }));
        numbers.insert(ty, id);
        id
    }

    /// The function type of this number.
    ///
    /// Panics if the number isn't this engine's.
    pub fn func_type(&self, id: TypeId) -> Arc<FuncType> {
        self.type_entry(id).ty.clone()
    }

    pub(super) fn type_entry(&self, id: TypeId) -> Arc<TypeEntry> {
        self.types().entries[id.0 as usize].clone()
    }

    /// The trampolines of a type, compiled when first asked for.
    pub(super) fn trampolines(&self, id: TypeId) -> Result<Arc<TrampolineCode>> {
        let entry = self.type_entry(id);
        if let Some(code) = entry.trampolines.get() {
            return Ok(code.clone());
        }
        let code = with_room(|| in_default_environment(|| self.0.compiler.compile_trampolines(&entry.ty)))??;
        let code = TrampolineCode::new(code)?;
        // If another thread was faster, its code is the one that is used.
        Ok(entry.trampolines.get_or_init(|| Arc::new(code)).clone())
    }

    pub(super) fn compile(&self, parsed: ParsedModule) -> Result<(ModuleInfo, CompiledBlob)> {
        // The compiler computes what is constant.
        in_default_environment(|| self.0.compiler.compile_module(parsed))
    }

    pub(super) fn compile_exact(
        &self,
        info: &ModuleInfo,
        loaded: &CompiledBlob,
        function: DefinedFuncIndex,
    ) -> Result<CompiledBlob> {
        in_default_environment(|| self.0.compiler.compile_exact(info, loaded, function))
    }

    fn types(&self) -> RwLockReadGuard<'_, Types> {
        self.0.types.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
