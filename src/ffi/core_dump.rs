//! Core dumps: a store as it stands still, for tools that read WebAssembly's format of them.
//!
//! Knows nothing of the format. Read next: [`frame`](super::frame).

use super::entry::entry;
use super::error::pellucid_error_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use crate::base::{Result, error::bail};
use crate::debug::CoreContents;
use std::ffi::{c_char, c_void};

/// What a core dump leaves out: bits of `enum pellucid_core_dump_option`.
///
/// Since: 0.1.
pub type pellucid_core_dump_options_t = u32;

/// Values of `pellucid_core_dump_options_t`, to be added.
#[repr(C)]
pub enum pellucid_core_dump_option {
    /// What is in memories; their sizes are told all the same.
    PELLUCID_CORE_DUMP_WITHOUT_MEMORIES = 1,
}

/// Takes a part of a core dump; the parts come in order.
///
/// - `userdata`: as given to `pellucid_store_core_dump`.
/// - `bytes`, `n_bytes`: the part. Valid until it returns.
///
/// Returns `PELLUCID_OK`; anything else ends the dump.
///
/// It may call what has the context `any`, but the dump ends with `PELLUCID_ERR_STALE_HANDLE` or `PELLUCID_ERR_INVALID_STATE` if that
/// changes what is being written.
///
/// Since: 0.1.
pub type pellucid_core_dump_cb_t =
    Option<unsafe extern "C" fn(userdata: *mut c_void, bytes: *const u8, n_bytes: usize) -> pellucid_status_t>;

fn contents(options: pellucid_core_dump_options_t) -> Result<CoreContents> {
    const WITHOUT_MEMORIES: u32 = pellucid_core_dump_option::PELLUCID_CORE_DUMP_WITHOUT_MEMORIES as u32;
    if options & !WITHOUT_MEMORIES != 0 {
        bail!(InvalidArgument, "there are no options {options:#x}");
    }
    Ok(CoreContents { memories: options & WITHOUT_MEMORIES == 0 })
}

/// Writes a core dump of a store, as it is now, through a callback: the stacks of its calls with locals and operands, memories, globals,
/// instances. Nothing of the store changes.
///
///     static pellucid_status_t take(void *file, const uint8_t *bytes, size_t n_bytes) {
///         return fwrite(bytes, 1, n_bytes, file) == n_bytes ? PELLUCID_OK : PELLUCID_ERR_SYSTEM;
///     }
///     pellucid_store_core_dump(store, "game", 4, 0, file, take, &error);
///
/// What it shows depends on when it is written. In an event handler, and while a call is paused: all frames, of the call at the event and
/// of all others. At a trap or an uncaught exception that is the handler of `PELLUCID_EVENT_TRAP`, `PELLUCID_EVENT_HOST_ERROR` or
/// `PELLUCID_EVENT_UNCAUGHT_EXCEPTION`, or, for a call of `pellucid_call_begin`, any time until the call is deleted. In a host function:
/// the frames that wait for it. After a call of `pellucid_func_call` that has failed its frames are gone: the dump has memories, globals
/// and other calls, and the error has the backtrace.
///
/// The format is that of WebAssembly's tool conventions (`Coredump.md`): the sections `core`, `coremodules`, `coreinstances`, a
/// `corestack` for each call that has frames, then memories, globals and data. Calls that run come first, the newest first of all; then
/// those that are paused, have yielded or have trapped, by age. A stack's name has the call's number in the store and why it stands still,
/// as in `call 3: unreachable`. Frames are told from the innermost on; offsets of code are those of `pellucid_frame_func_offset`. Memories and
/// globals are all those of the store, by their numbers in it (`pellucid_memory_t`, `pellucid_global_t`), also those in no instance.
/// Parts of memories that are zero are left out, and pages that nobody has touched aren't touched.
///
/// The format has no room for all. Locals and operands are missing whose value isn't known, and those that are vectors or references;
/// references in globals are null unless they are integers. Tables, objects, exceptions, and what happened aren't told. A frame that
/// isn't complete, as the guest's stack has ended there, counts to the first instance of its module. Other stores of a program with
/// threads have dumps of their own.
///
/// It takes little memory: parts have at most 64 KiB, and of the store only the present frame and where the data is are kept meanwhile.
///
/// - `store`: the store.
/// - `name`, `n_name`: a name for the program, UTF-8; may be NULL if there is none.
/// - `options`: bits of `enum pellucid_core_dump_option`, or 0.
/// - `userdata`: for the callback.
/// - `cb`: takes the parts. It is called before the function returns, and not afterwards.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` for unknown options and a name
/// that isn't UTF-8; `PELLUCID_ERR_LIMIT`, before anything is written, if memories hold more than 4 GiB that aren't zero, which a data section
/// can't say; `PELLUCID_ERR_HOST` if the callback answered anything but `PELLUCID_OK`; `PELLUCID_ERR_STALE_HANDLE` and
/// `PELLUCID_ERR_INVALID_STATE` if the callback has changed what was being written; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_core_dump(
    store: *mut pellucid_store_t,
    name: *const c_char,
    n_name: usize,
    options: pellucid_core_dump_options_t,
    userdata: *mut c_void,
    cb: pellucid_core_dump_cb_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, running store, text name n_name, callback cb => {
        store.debuggee().core_dump(name, contents(options)?, &mut |bytes| {
            // SAFETY: the host gave the function for this userdata (header: `pellucid_core_dump_cb_t`); the bytes outlive the call.
            match unsafe { cb(userdata, bytes.as_ptr(), bytes.len()) } {
                0 => Ok(()),
                status => bail!(Host, "the core dump was refused with status {status}"),
            }
        })
    })
}

/// Writes a core dump of a store to a file, see `pellucid_store_core_dump`. What was in the file is gone; one that is made can't be read
/// by other users. If it fails, the file has what was written until then: the stacks come first.
///
/// - `store`: the store.
/// - `name`, `n_name`: a name for the program, UTF-8; may be NULL if there is none.
/// - `options`: bits of `enum pellucid_core_dump_option`, or 0.
/// - `path`, `n_path`: the file's path, UTF-8.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` for unknown options, and for a
/// name or path that isn't UTF-8; `PELLUCID_ERR_NOT_FOUND` if there is no such folder; `PELLUCID_ERR_LIMIT` as `pellucid_store_core_dump`;
/// `PELLUCID_ERR_SYSTEM`, also if the file can't be written.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_store_core_dump_file(
    store: *mut pellucid_store_t,
    name: *const c_char,
    n_name: usize,
    options: pellucid_core_dump_options_t,
    path: *const c_char,
    n_path: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, text name n_name, text path n_path => {
        store.debuggee().core_dump_file(name, contents(options)?, path)
    })
}
