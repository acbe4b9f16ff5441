//! Modules: compiled code that any number of stores can instantiate, and what it declares.
//!
//! Knows nothing of instances. Invariant: a module is immutable; text and bytes that it hands out live as long as any
//! reference to it.

use super::bytes::{pellucid_bytes_t, pellucid_str_t};
use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::status::pellucid_status_t;
use super::types::{extern_kind, pellucid_extern_kind_t, pellucid_externtype_t, pellucid_functype_t};
#[cfg(feature = "wat")]
use crate::base::floats::in_default_environment;
use crate::base::{ExternType, FuncIndex, Result, WasmPc, error::bail};
use crate::runtime::Module;
use crate::wasm::{Item, ItemType, ModuleInfo, Named};
use cranelift_entity::EntityRef;
use std::ffi::c_char;
use std::ptr::null_mut;

/// A compiled module. An owned object that never changes.
///
///     pellucid_module_t *module;
///     if (pellucid_module_new(engine, wasm, n_wasm, &module, &error) == PELLUCID_OK) {
///         pellucid_instance_new(store, module, NULL, 0, &instance, &error);
///         pellucid_module_delete(module);
///     }
///
/// Any thread may use it, also several at once. Instances keep what they need of it.
///
/// Since: 0.1.
pub struct pellucid_module_t {
    module: Module,
}

impl pellucid_module_t {
    /// The object for a module.
    pub(super) fn new(module: Module) -> pellucid_module_t {
        pellucid_module_t { module }
    }

    /// The module.
    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    pub(super) fn info(&self) -> &ModuleInfo {
        self.module.info()
    }
}

/// An index as the core knows it, if the module has that function.
pub(super) fn func_index(info: &ModuleInfo, index: u32) -> Result<FuncIndex> {
    if index as usize >= info.funcs.len() {
        bail!(OutOfRange, "the module has {} functions", info.funcs.len());
    }
    Ok(FuncIndex::from_u32(index))
}

/// Validates and compiles a module in the binary format.
///
/// - `engine`: what to compile with.
/// - `wasm`, `n_wasm`: the module's bytes; they are copied.
/// - `out_module`: gets the module.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE`; `PELLUCID_ERR_UNSUPPORTED` for a valid module that needs a
/// feature which the library doesn't have; `PELLUCID_ERR_LIMIT` for a module that is too large or may take too much memory
/// or time to compile (see `pellucid_config_set_compile_memory` and `pellucid_config_set_compile_values`); `PELLUCID_ERR_SYSTEM` if the system has no memory for it.
///
/// Owns: the caller owns `*out_module` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_new(
    engine: *const pellucid_engine_t,
    wasm: *const u8,
    n_wasm: usize,
    out_module: *mut *mut pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, slice wasm n_wasm, out out_module => {
        out_module.give(pellucid_module_t::new(Module::new(engine.engine(), wasm)?))
    })
}

/// Like `pellucid_module_new`, with a name that the host gives: it wins over the name in the module.
///
/// - `engine`: what to compile with.
/// - `name`, `n_name`: the name, UTF-8; it is copied.
/// - `wasm`, `n_wasm`: the module's bytes; they are copied.
/// - `out_module`: gets the module.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_module_new`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
///
/// Owns: the caller owns `*out_module` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_new_named(
    engine: *const pellucid_engine_t,
    name: *const c_char,
    n_name: usize,
    wasm: *const u8,
    n_wasm: usize,
    out_module: *mut *mut pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, text name n_name, slice wasm n_wasm, out out_module => {
        out_module.give(pellucid_module_t::new(Module::with_name(engine.engine(), wasm, Some(name))?))
    })
}

#[cfg(feature = "wat")]
fn text_to_wasm(text: &str) -> Result<Vec<u8>> {
    use crate::base::{Error, ErrorKind};
    use crate::runtime::with_room;
    Module::check_memory_for_text(text.len())?;
    // Numbers are rounded as the format says.
    let wasm = with_room(|| in_default_environment(|| wat::parse_str(text)))?;
    wasm.map_err(|error| {
        // What is wrong, then where, then the place as a drawing of several lines.
        let drawn = error.to_string();
        let message = match drawn.split_once("\n     --> <anon>:") {
            Some((what, rest)) => match rest.lines().next().and_then(|place| place.split_once(':')) {
                Some((line, column)) => format!("{what} (at line {line}, column {column})"),
                None => drawn,
            },
            None => drawn,
        };
        Error::new(ErrorKind::InvalidModule, message)
    })
}

#[cfg(not(feature = "wat"))]
fn text_to_wasm(_: &str) -> Result<Vec<u8>> {
    bail!(Unsupported, "the library was built without the text format");
}

/// Validates and compiles a module in the text format.
///
/// - `engine`: what to compile with.
/// - `wat`, `n_wat`: the module's text, UTF-8.
/// - `out_module`: gets the module.
/// - `out_error`: gets an error object on failure; may be NULL. For text that can't be
///   parsed its message says the line and column, otherwise an offset in the binary module that the text was made into.
///   That is also what program counters of such a module count in; `pellucid_module_func_range` tells where functions are.
///
/// Returns as `pellucid_module_new`; `PELLUCID_ERR_INVALID_ARGUMENT` if the text isn't UTF-8;
/// `PELLUCID_ERR_UNSUPPORTED` also if the library was built without the text format (see `pellucid_feature_name`).
///
/// Owns: the caller owns `*out_module` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_new_text(
    engine: *const pellucid_engine_t,
    wat: *const c_char,
    n_wat: usize,
    out_module: *mut *mut pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, text wat n_wat, out out_module => {
        out_module.give(pellucid_module_t::new(Module::new(engine.engine(), &text_to_wasm(wat)?)?))
    })
}

/// Says whether `pellucid_module_new` would accept a module, without compiling it.
///
/// - `engine`: what it would be compiled with.
/// - `wasm`, `n_wasm`: the module's bytes.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE`; `PELLUCID_ERR_UNSUPPORTED`; `PELLUCID_ERR_LIMIT`;
/// `PELLUCID_ERR_SYSTEM` if there is no memory to read it.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_validate(
    engine: *const pellucid_engine_t,
    wasm: *const u8,
    n_wasm: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, slice wasm n_wasm => Module::validate(engine.engine(), wasm))
}

/// Deletes a module. Instances of it stay usable.
///
/// - `module`: the module; NULL is fine.
///
/// Owns: takes `module`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_delete(module: *mut pellucid_module_t) {
    entry!(delete module)
}

/// Makes another reference to the same module, to be deleted on its own. Nothing is compiled or copied.
///
/// - `module`: the module.
/// - `out_module`: gets the reference.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_module`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_clone(
    module: *const pellucid_module_t,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_module => {
        out_module.give(pellucid_module_t::new(module.module.clone()))
    })
}

/// A number that tells modules apart: references to the same module have the same.
///
/// - `module`: the module.
///
/// Returns the number, which no other module of the process has or had; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_id(module: *const pellucid_module_t) -> u64 {
    entry!(value 0; ref module => module.module.id())
}

/// The module's name: the host's, else the one in its name section.
///
/// - `module`: the module.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none.
///
/// Owns: nothing; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_name(
    module: *const pellucid_module_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_name => {
        let Some(name) = module.module.name() else { bail!(NotFound, "the module has no name") };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

/// How many imports the module has.
///
/// - `module`: the module.
///
/// Returns their number; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_import_count(module: *const pellucid_module_t) -> usize {
    entry!(value 0; ref module => module.info().imports.len())
}

/// An import of the module.
///
/// - `module`: the module.
/// - `index`: less than `pellucid_module_import_count`.
/// - `out_module_name`: gets the first of its two names; may be NULL.
/// - `out_name`: gets the second; may be NULL.
/// - `out_kind`: gets one of `enum pellucid_extern_kind`; may be NULL.
/// - `out_type`: gets its type; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_type`; the names are valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_import(
    module: *const pellucid_module_t,
    index: usize,
    out_module_name: *mut pellucid_str_t,
    out_name: *mut pellucid_str_t,
    out_kind: *mut pellucid_extern_kind_t,
    out_type: *mut *mut pellucid_externtype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref module, opt_out out_module_name, opt_out out_name, opt_out out_kind, opt_out out_type => {
        let info = module.info();
        let Some(import) = info.imports.get(index) else {
            bail!(OutOfRange, "the module has {} imports", info.imports.len());
        };
        let ty = info.import_type(import);
        let id = match import.ty {
            ItemType::Func(index) | ItemType::Tag(index) => Some(info.type_ids[index]),
            _ => None,
        };
        out_module_name.set(pellucid_str_t::new(&import.module));
        out_name.set(pellucid_str_t::new(&import.name));
        out_kind.set(extern_kind(&ty));
        out_type.give(pellucid_externtype_t::new(ty, module.module().engine(), id))
    })
}

/// How many exports the module has.
///
/// - `module`: the module.
///
/// Returns their number; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_export_count(module: *const pellucid_module_t) -> usize {
    entry!(value 0; ref module => module.info().exports.len())
}

/// An export of the module.
///
/// - `module`: the module.
/// - `index`: less than `pellucid_module_export_count`.
/// - `out_name`: gets its name; may be NULL.
/// - `out_kind`: gets one of `enum pellucid_extern_kind`; may be NULL.
/// - `out_type`: gets its type; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_type`; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_export(
    module: *const pellucid_module_t,
    index: usize,
    out_name: *mut pellucid_str_t,
    out_kind: *mut pellucid_extern_kind_t,
    out_type: *mut *mut pellucid_externtype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref module, opt_out out_name, opt_out out_kind, opt_out out_type => {
        let info = module.info();
        let Some(export) = info.exports.get(index) else {
            bail!(OutOfRange, "the module has {} exports", info.exports.len());
        };
        let ty: ExternType = info.item_type(export.item);
        let id = match export.item {
            Item::Func(index) => Some(info.type_ids[info.funcs[index]]),
            Item::Tag(index) => Some(info.type_ids[info.tags[index]]),
            _ => None,
        };
        out_name.set(pellucid_str_t::new(&export.name));
        out_kind.set(extern_kind(&ty));
        out_type.give(pellucid_externtype_t::new(ty, module.module().engine(), id))
    })
}

/// How many functions the module has, imports included.
///
/// - `module`: the module.
///
/// Returns their number; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_func_count(module: *const pellucid_module_t) -> u32 {
    entry!(value 0; ref module => module.info().funcs.len() as u32)
}

/// A function's name: from the name section, else that of its first export.
///
/// - `module`: the module.
/// - `func_index`: less than `pellucid_module_func_count`; imports come first.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_NOT_FOUND` if it has none.
///
/// Owns: nothing; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_func_name(
    module: *const pellucid_module_t,
    func_index: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_name => {
        let index = self::func_index(module.info(), func_index)?;
        let Some(name) = module.info().func_name(index) else {
            bail!(NotFound, "function {func_index} has no name");
        };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

/// A function's type.
///
/// - `module`: the module.
/// - `func_index`: less than `pellucid_module_func_count`; imports come first.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_type`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_func_type(
    module: *const pellucid_module_t,
    func_index: u32,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref module, out out_type => {
        let index = self::func_index(module.info(), func_index)?;
        let id = module.info().type_ids[module.info().funcs[index]];
        out_type.give(pellucid_functype_t::defined(module.module().engine(), id))
    })
}

/// Where a function's body is in the module's bytes: the declarations of its locals, then its operators.
///
/// - `module`: the module.
/// - `func_index`: less than `pellucid_module_func_count`; imports come first.
/// - `out_start`: gets the offset of the body's first byte, from where function offsets count; may be NULL.
/// - `out_first_pc`: gets the offset of its first operator, which is its first pc; may be NULL.
/// - `out_end`: gets the offset after its last byte; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_NOT_FOUND` for an imported function.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_func_range(
    module: *const pellucid_module_t,
    func_index: u32,
    out_start: *mut u32,
    out_first_pc: *mut u32,
    out_end: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, opt_out out_start, opt_out out_first_pc, opt_out out_end => {
        let info = module.info();
        let Some(defined) = info.defined_func(self::func_index(info, func_index)?) else {
            bail!(NotFound, "function {func_index} is imported");
        };
        let body = &info.bodies[defined];
        out_start.set(body.range.start);
        out_first_pc.set(body.operators.0);
        out_end.set(body.range.end);
        Ok(())
    })
}

/// The function whose body contains a pc.
///
/// - `module`: the module.
/// - `pc`: an offset in the module's bytes.
/// - `out_func_index`: gets the function's index, imports counted first; may be NULL.
/// - `out_func_offset`: gets the bytes from the start of the body to `pc`; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if `pc` is in no function's body.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_func_at(
    module: *const pellucid_module_t,
    pc: u32,
    out_func_index: *mut u32,
    out_func_offset: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, opt_out out_func_index, opt_out out_func_offset => {
        let info = module.info();
        let Some(defined) = info.function_at(WasmPc(pc)) else {
            bail!(NotFound, "{} is in no function's body", WasmPc(pc));
        };
        out_func_index.set(info.func_index(defined).index() as u32);
        out_func_offset.set(pc - info.bodies[defined].range.start);
        Ok(())
    })
}

/// How much memory the module's code takes. Instances of it share the code, unless a debugger changes it.
///
/// - `module`: the module.
/// - `out_code`: gets the bytes of machine code; may be NULL.
/// - `out_tables`: gets the bytes of the tables that say what the code means: traps, calls, and with debugging stop
///   points and frames; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NULL_ARGUMENT` if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_code_size(
    module: *const pellucid_module_t,
    out_code: *mut usize,
    out_tables: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, opt_out out_code, opt_out out_tables => {
        out_code.set(module.module().compiled().image_size());
        out_tables.set(module.module().compiled().tables_size());
        Ok(())
    })
}

/// The name of a function's local, from the name section.
///
/// - `module`: the module.
/// - `func_index`: less than `pellucid_module_func_count`; imports come first.
/// - `local_index`: the local's index, parameters counted first.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function; `PELLUCID_ERR_NOT_FOUND` if
/// there is no such local or it has no name.
///
/// Owns: nothing; the name is valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_local_name(
    module: *const pellucid_module_t,
    func_index: u32,
    local_index: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, out out_name => {
        self::func_index(module.info(), func_index)?;
        let Some(name) = module.info().name(Named::Local, func_index, local_index) else {
            bail!(NotFound, "local {local_index} of function {func_index} has no name");
        };
        out_name.set(pellucid_str_t::new(name));
        Ok(())
    })
}

/// How many custom sections the module has.
///
/// - `module`: the module.
///
/// Returns their number; 0 if `module` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_section_count(module: *const pellucid_module_t) -> usize {
    entry!(value 0; ref module => module.info().custom_sections.len())
}

/// A custom section by its place.
///
/// - `module`: the module.
/// - `index`: less than `pellucid_module_section_count`, in the order of the module.
/// - `out_name`: gets its name; may be NULL.
/// - `out_bytes`: gets its contents; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing; name and contents are valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_section_at(
    module: *const pellucid_module_t,
    index: usize,
    out_name: *mut pellucid_str_t,
    out_bytes: *mut pellucid_bytes_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, opt_out out_name, opt_out out_bytes => {
        let info = module.info();
        let Some((name, range)) = info.custom_sections.get(index) else {
            bail!(OutOfRange, "the module has {} custom sections", info.custom_sections.len());
        };
        out_name.set(pellucid_str_t::new(name));
        out_bytes.set(pellucid_bytes_t::new(&info.bytes[range.clone()]));
        Ok(())
    })
}

/// A custom section by its name; the first, if several have it.
///
/// - `module`: the module.
/// - `name`, `n_name`: the name, UTF-8.
/// - `out_bytes`: gets its contents.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
///
/// Owns: nothing; the contents are valid until the module is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_section(
    module: *const pellucid_module_t,
    name: *const c_char,
    n_name: usize,
    out_bytes: *mut pellucid_bytes_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref module, text name n_name, out out_bytes => {
        let info = module.info();
        let Some((_, range)) = info.custom_sections.iter().find(|(known, _)| known == name) else {
            bail!(NotFound, "the module has no custom section \"{name}\"");
        };
        out_bytes.set(pellucid_bytes_t::new(&info.bytes[range.clone()]));
        Ok(())
    })
}
