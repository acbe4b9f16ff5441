//! Serialized modules: compiled code as bytes, which come back as modules without being compiled.
//!
//! Knows nothing of the format. Read next: [`module`](super::module).

use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::module::pellucid_module_t;
use super::status::pellucid_status_t;
use crate::base::error::bail;
use crate::runtime::Module;
use std::ffi::{c_char, c_void};

/// Takes a part of a serialized module; the parts come in order.
///
/// - `userdata`: as given to `pellucid_module_serialize`.
/// - `bytes`, `n_bytes`: the part. Valid until it returns.
///
/// Returns `PELLUCID_OK`; anything else ends the serialization.
///
/// It may call what has the context `any`.
///
/// Since: 0.1.
pub type pellucid_serialize_cb_t =
    Option<unsafe extern "C" fn(userdata: *mut c_void, bytes: *const u8, n_bytes: usize) -> pellucid_status_t>;

/// Hands out a module as bytes: what it was compiled to, with what debuggers need if its engine has debugging on, the module's own bytes,
/// and the name that the host gave it. `pellucid_module_deserialize` makes the same module of them again, without compiling.
///
///     static pellucid_status_t take(void *file, const uint8_t *bytes, size_t n_bytes) {
///         return fwrite(bytes, 1, n_bytes, file) == n_bytes ? PELLUCID_OK : PELLUCID_ERR_SYSTEM;
///     }
///     pellucid_module_serialize(module, file, take, &error);
///
/// The bytes are of use to the same version of the library, on processors with the same features, for engines with the same options as far as
/// code depends on them: debugging, the exact form, optimisation, inlining, signal handlers, fuel, interrupt checks, the reservation of
/// memories, deterministic vector operators. They are several times as long as the module. The same module gives the same bytes.
///
/// - `module`: the module.
/// - `userdata`: for the callback.
/// - `cb`: takes the parts. It is called before the function returns, and not afterwards.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_HOST` if the callback answered anything but `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM` if there is no memory
/// for its tables once more.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_serialize(
    module: *const pellucid_module_t,
    userdata: *mut c_void,
    cb: pellucid_serialize_cb_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref module, callback cb => {
        module.module().serialize(&mut |bytes| {
            // SAFETY: the host gave the function for this userdata (header: `pellucid_serialize_cb_t`); the bytes outlive the call.
            match unsafe { cb(userdata, bytes.as_ptr(), bytes.len()) } {
                0 => Ok(()),
                status => bail!(Host, "the serialized module was refused with status {status}"),
            }
        })
    })
}

/// Writes a module as bytes to a file, see `pellucid_module_serialize`. A file that is there is replaced at once and whole, and never changed:
/// whoever has it mapped (`pellucid_module_deserialize_file`) keeps the old one.
///
/// - `module`: the module.
/// - `path`, `n_path`: the file's path, UTF-8.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a path that isn't UTF-8; `PELLUCID_ERR_NOT_FOUND` if there is no such folder;
/// `PELLUCID_ERR_SYSTEM` if the file can't be written, or if there is no memory.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_serialize_file(
    module: *const pellucid_module_t,
    path: *const c_char,
    n_path: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref module, text path n_path => module.module().serialize_file(path))
}

/// Makes a module of what `pellucid_module_serialize` handed out, without compiling it.
///
/// **The bytes are machine code, which guests' sandboxes depend on.** Give it only what you have serialized yourself, or what comes from
/// whom you trust as you do the library: what was damaged or cut off on the way is found by a checksum and refused, what was changed on purpose
/// isn't. Modules from others are to be compiled.
///
/// - `engine`: the engine that the module is for.
/// - `bytes`, `n_bytes`: all parts in a row; they are copied.
/// - `out_module`: gets the module.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE` if the bytes aren't a serialized module, or not as it was; `PELLUCID_ERR_INCOMPATIBLE` if they
/// are for another version of the library, a processor with other features, or an engine with other options, which the error names: compile
/// the module's own bytes then; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM` if the system has no memory for it.
///
/// Owns: the caller owns `*out_module` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_deserialize(
    engine: *const pellucid_engine_t,
    bytes: *const u8,
    n_bytes: usize,
    out_module: *mut *mut pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, slice bytes n_bytes, out out_module => {
        out_module.give(pellucid_module_t::new(Module::deserialize(engine.engine(), bytes)?))
    })
}

/// Makes a module of a file that has what `pellucid_module_serialize` handed out, see `pellucid_module_deserialize`. **The same holds for whom
/// the file comes from.**
///
/// Its code and the module's bytes are mapped where the system has the file, and not copied, so that processes share them. As long as the
/// module or an instance of it is there the file must not be written or cut off, which would change code that runs, or end the process. It may be
/// removed, or replaced by another one as `pellucid_module_serialize_file` does. Where nothing of the file may be executed, as on a system
/// that is mounted so, the code is copied.
///
/// - `engine`: the engine that the module is for.
/// - `path`, `n_path`: the file's path, UTF-8.
/// - `out_module`: gets the module.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_module_deserialize`; `PELLUCID_ERR_NOT_FOUND` if there is no such file; `PELLUCID_ERR_INVALID_ARGUMENT` if it isn't a
/// regular file, or if the path isn't UTF-8; `PELLUCID_ERR_SYSTEM` also if it can't be opened or mapped.
///
/// Owns: the caller owns `*out_module` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_module_deserialize_file(
    engine: *const pellucid_engine_t,
    path: *const c_char,
    n_path: usize,
    out_module: *mut *mut pellucid_module_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref engine, text path n_path, out out_module => {
        out_module.give(pellucid_module_t::new(Module::deserialize_file(engine.engine(), path)?))
    })
}
