//! A compiled module: declarations, machine code and its tables. Immutable, shared by stores and threads.
//!
//! Knows nothing of stores. Read next: [`super::instance`].

use super::Engine;
use super::blob::Blob;
use super::machine::image::Image;
use super::machine::mapped_file::MappedFile;
use super::machine::mapping::is_available;
use super::machine::own_stack::with_room;
use super::module_cache::ModuleCache;
use super::serialized::{Contents, Serialized};
use crate::abi::artifact::CompiledBlob;
use crate::base::{Config, DefinedFuncIndex, Error, ErrorKind, Result, TypeId, TypeIndex, error::bail};
use crate::wasm::{self, ModuleInfo};
use bytes::Bytes;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A compiled module. Cheap to clone; clones are the same module.
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

struct ModuleInner {
    id: u64,
    engine: Engine,
    host_name: Option<String>,
    info: ModuleInfo,
    /// What it was compiled to when it was loaded.
    blob: Arc<Blob>,
    /// The numbers of its types, as guest code compares them.
    type_ids: Box<[u32]>,
    exact: Mutex<ExactForms>,
}

/// Functions that were compiled once more, in their exact form. The one that was asked for last is the last.
#[derive(Default)]
struct ExactForms(Vec<(DefinedFuncIndex, Arc<Blob>)>);

/// How many exact forms a module keeps for stores that may ask for them again, and how many bytes they may take together.
const KEPT_FORMS: usize = 64;
const KEPT_BYTES: usize = 16 << 20;

impl ExactForms {
    fn get(&mut self, function: DefinedFuncIndex) -> Option<Arc<Blob>> {
        let place = self.0.iter().position(|(known, _)| *known == function)?;
        let found = self.0.remove(place);
        self.0.push(found);
        self.0.last().map(|(_, blob)| blob.clone())
    }

    fn put(&mut self, function: DefinedFuncIndex, blob: &Arc<Blob>) {
        self.0.push((function, blob.clone()));
        let bytes = |forms: &[(_, Arc<Blob>)]| forms.iter().map(|(_, blob)| blob.size()).sum::<usize>();
        while self.0.len() > KEPT_FORMS || self.0.len() > 1 && bytes(&self.0) > KEPT_BYTES {
            self.0.remove(0);
        }
    }
}

impl Module {
    /// Validates and compiles a module in the binary format, or finds it in the engine's cache.
    ///
    /// Errors: `InvalidModule`, `Unsupported`, `Limit`; `System` if there is no memory to read or compile it, or for its code.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        Module::with_name(engine, bytes, None)
    }

    /// Like [`Module::new`], with a name that the host gives: it wins over the name section's.
    pub fn with_name(engine: &Engine, bytes: &[u8], name: Option<&str>) -> Result<Module> {
        let Config { cache, verify, .. } = engine.config();
        // What is kept was proved by nobody that this engine knows.
        let Some(folder) = cache.as_ref().filter(|_| !verify) else { return Module::compile(engine, bytes, name) };
        let settings = engine.settings();
        let cache = ModuleCache::new(folder, &settings, bytes);
        // Another module may have the same place.
        let is_right = |module: &Module| module.0.info.bytes == bytes;
        if let Some(known) = cache.look_up(|path| Module::deserialize_file(engine, path), is_right) {
            return Ok(known.named(name));
        }
        let module = Module::compile(engine, bytes, name)?;
        cache.keep(module.serialized(&settings));
        Ok(module)
    }

    fn compile(engine: &Engine, bytes: &[u8], name: Option<&str>) -> Result<Module> {
        Module::check_memory(bytes)?;
        let (info, compiled) = with_room(|| {
            let compiled = wasm::parse(bytes, engine.types()).and_then(|parsed| engine.compile(parsed));
            compiled.map_err(|refused| Module::why_refused(bytes, refused))
        })??;
        let blob = Blob::new(compiled, engine.is_debug())?;
        Module::made(engine, name, info, blob)
    }

    fn made(engine: &Engine, name: Option<&str>, info: ModuleInfo, blob: Blob) -> Result<Module> {
        engine.add_layouts()?;
        let type_ids = info.type_ids.values().map(|id| id.0).collect();
        let (host_name, blob) = (name.map(str::to_string), Arc::new(blob));
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (id, exact) = (NEXT.fetch_add(1, Ordering::Relaxed), Mutex::default());
        Ok(Module(Arc::new(ModuleInner { id, engine: engine.clone(), host_name, info, blob, type_ids, exact })))
    }

    /// Hands out what the module is as bytes, part by part: its own bytes, machine code and tables, the name that the host gave.
    ///
    /// Errors: `System` if there is no memory for the tables; what `take` answers.
    pub fn serialize(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.serialized(&self.0.engine.settings())?.all().try_for_each(take)
    }

    /// Writes the same to a file, which replaces another one at once and whole: whoever has that one mapped keeps it.
    ///
    /// Errors: `NotFound` if there is no such folder; `System`.
    pub fn serialize_file(&self, path: &str) -> Result<()> {
        self.serialized(&self.0.engine.settings())?.write_file(Path::new(path), 0o666)
    }

    fn serialized<'a>(&'a self, settings: &'a str) -> Result<Serialized<'a>> {
        Serialized::new(&self.0.info, &self.0.blob, settings, self.0.host_name.as_deref())
    }

    /// The module that was serialized to these bytes.
    ///
    /// Errors: `InvalidModule` for bytes that aren't what was serialized; `Incompatible` if they are for another version of the library,
    /// another processor or an engine with other options; `Limit`, `System`.
    pub fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        let contents = Contents::of(bytes, &engine.settings())?;
        ask_for(4, bytes.len())?;
        let wasm = Bytes::copy_from_slice(&bytes[contents.wasm.clone()]);
        Module::from_contents(engine, &contents, bytes, wasm, || Image::new(&bytes[contents.image.clone()]))
    }

    /// The same from a file, which is mapped, and not copied: nobody may change it or cut it off as long as the module is there. It may be
    /// removed, or another be put in its place.
    ///
    /// Errors: also `NotFound`; `InvalidArgument` if it isn't a file.
    pub fn deserialize_file(engine: &Engine, path: &str) -> Result<Module> {
        let (file, mapping) = MappedFile::open(path)?;
        let bytes = Bytes::from_owner(mapping);
        let contents = Contents::of(&bytes, &engine.settings())?;
        ask_for(2, bytes.len())?;
        Module::from_contents(engine, &contents, &bytes, bytes.slice(contents.wasm.clone()), || {
            file.image(&contents.image).map_or_else(|| Image::new(&bytes[contents.image.clone()]), Ok)
        })
    }

    fn from_contents(
        engine: &Engine,
        contents: &Contents,
        bytes: &[u8],
        wasm: Bytes,
        image: impl FnOnce() -> Result<Image>,
    ) -> Result<Module> {
        // The checksum was right: only who made it so on purpose comes here.
        let wrong = || Error::new(ErrorKind::InvalidModule, "a part of the serialized module isn't what it should be");
        let name = contents.name.clone().map(|name| std::str::from_utf8(&bytes[name]).map_err(|_| wrong()));
        let is_debug = engine.is_debug();
        let tables = CompiledBlob::from_tables(&bytes[contents.tables.clone()], is_debug).ok_or_else(wrong)?;
        let mut info = with_room(|| wasm::read_again(wasm, engine.types()))??;
        (info.has_floats, info.uses_heap) = (contents.has_floats, contents.uses_heap);
        let length = contents.image.len();
        let image = if length == 0 { None } else { Some(image()?) };
        Module::made(engine, name.transpose()?, info, Blob::of(tables, image, length, is_debug))
    }

    /// A module that nobody else has yet, with this name that the host gives.
    fn named(mut self, name: Option<&str>) -> Module {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.host_name = name.map(str::to_string);
        }
        self
    }

    /// Validates a module and its function bodies, without compiling it. A valid module may still use an unsupported
    /// operator, which [`Module::new`] refuses.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        Module::check_memory(bytes)?;
        with_room(|| Module::validate_bodies(engine, bytes).map_err(|refused| Module::why_refused(bytes, refused)))?
    }

    /// Reading a module allocates as it goes, and memory that isn't there would end the process. So the most that it may take
    /// is asked for before.
    fn check_memory(bytes: &[u8]) -> Result<()> {
        // Measured: up to 69 bytes for each byte, by imports without names.
        ask_for(100, bytes.len())
    }

    /// The same for a module's text of so many bytes.
    ///
    /// Errors: `System` if there is no memory to read it.
    pub fn check_memory_for_text(length: usize) -> Result<()> {
        // Measured: up to 52 bytes for each byte, by empty functions, before they are written down.
        ask_for(150, length)
    }

    #[cold]
    fn why_refused(bytes: &[u8], refused: Error) -> Error {
        if refused.kind() == ErrorKind::InvalidModule { wasm::name_the_feature(bytes, refused) } else { refused }
    }

    fn validate_bodies(engine: &Engine, bytes: &[u8]) -> Result<()> {
        let wasm::ParsedModule { info, to_validate } = wasm::parse(bytes, engine.types())?;
        let mut allocations = wasmparser::FuncValidatorAllocations::default();
        let mut unsupported = Ok(());
        for (index, to_validate) in to_validate {
            let mut validator = to_validate.into_validator(allocations);
            validator.validate(&info.body(index)).map_err(|error| wasm::parse::invalid(&error))?;
            allocations = validator.into_allocations();
            // A later function may be invalid, which is the stronger statement.
            unsupported = unsupported.and_then(|()| wasm::features::check_body_supported(&info, index));
        }
        unsupported
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

    /// Tables on the machine code that it was compiled to when it was loaded. The image itself is mapped, not here.
    pub fn compiled(&self) -> &CompiledBlob {
        &self.0.blob.tables
    }

    /// Compiles it once more, all of it.
    ///
    /// Errors: as [`Module::new`].
    pub fn compile_again(&self) -> Result<Arc<Blob>> {
        let (_, compiled) =
            with_room(|| self.0.engine.compile(wasm::parse(&self.0.info.bytes, self.0.engine.types())?))??;
        Ok(Arc::new(Blob::new(compiled, self.0.engine.is_debug())?))
    }

    /// A function in its exact form, compiled alone unless that was done lately.
    ///
    /// Errors: `Limit`, `System`.
    pub fn exact_form(&self, function: DefinedFuncIndex) -> Result<Arc<Blob>> {
        let forms = || self.0.exact.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = forms().get(function) {
            return Ok(known);
        }
        // Another thread may do the same meanwhile.
        let compiled = with_room(|| self.0.engine.compile_exact(&self.0.info, self.compiled(), function))??;
        let blob = Arc::new(Blob::alone(compiled)?);
        forms().put(function, &blob);
        Ok(blob)
    }

    /// The host's name for it, else the name section's.
    pub fn name(&self) -> Option<&str> {
        self.0.host_name.as_deref().or(self.0.info.names.module.as_deref())
    }

    /// Whether `other` is the same module.
    pub fn is_same(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn blob(&self) -> &Arc<Blob> {
        &self.0.blob
    }

    /// The engine-wide number of one of its types.
    pub(super) fn type_id(&self, index: TypeIndex) -> TypeId {
        self.0.info.type_ids[index]
    }

    /// The numbers of all its types, where instances' contexts point to.
    pub(super) fn type_ids(&self) -> &[u32] {
        &self.0.type_ids
    }
}

/// Makes sure that reading `length` bytes may take `by_byte` bytes for each.
fn ask_for(by_byte: u64, length: usize) -> Result<()> {
    const BASE: u64 = 4 << 20;
    let needed = BASE.saturating_add(by_byte.saturating_mul(length as u64));
    if !is_available(needed) {
        bail!(System, "reading the module may take {needed} bytes of memory, which can't be had");
    }
    Ok(())
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("id", &self.id()).field("name", &self.name()).finish()
    }
}
