//! The error object: message, trap, and the guest's backtrace.
//!
//! Knows nothing of how errors arise. Invariant: an error is complete when it is made and never changes, so that any
//! thread may read it.

use super::bytes::pellucid_str_t;
use super::entry::entry;
use super::pointer::Sized32;
use super::status::{pellucid_status_t, status_of};
use crate::base::{Error, ErrorKind, error::bail, memory};
use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr::{self, null_mut};
use std::sync::{LazyLock, OnceLock};

/// What went wrong, for people and for programs. An owned object.
///
/// Functions that take `out_error` write one there if they fail and `out_error` isn't NULL:
///
///     pellucid_error_t *error = NULL;
///     if (pellucid_module_new(engine, wasm, n_wasm, &module, &error) != PELLUCID_OK) {
///         pellucid_str_t text;
///         pellucid_error_text(error, &text);
///         fprintf(stderr, "%.*s\n", (int)text.size, text.data);
///         pellucid_error_delete(error);
///     }
///
/// Since: 0.1.
pub struct pellucid_error_t {
    error: Error,
    text: OnceLock<String>,
}

/// Why the guest trapped: 0, or one of `enum pellucid_trap`.
///
/// Since: 0.1.
pub type pellucid_trap_t = u32;

/// Values of `pellucid_trap_t`.
#[repr(C)]
pub enum pellucid_trap {
    /// Not a trap.
    PELLUCID_TRAP_NONE = 0,
    /// The `unreachable` instruction was executed.
    PELLUCID_TRAP_UNREACHABLE = 1,
    /// An access touched bytes outside a memory.
    PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
    /// An access touched elements outside a table.
    PELLUCID_TRAP_TABLE_OUT_OF_BOUNDS = 3,
    /// `call_indirect` found an index outside its table.
    PELLUCID_TRAP_UNDEFINED_ELEMENT = 4,
    /// `call_indirect` found a null element.
    PELLUCID_TRAP_UNINITIALIZED_ELEMENT = 5,
    /// `call_indirect` found a function of another type.
    PELLUCID_TRAP_INDIRECT_CALL_TYPE_MISMATCH = 6,
    /// The result of a signed division or a conversion isn't representable.
    PELLUCID_TRAP_INTEGER_OVERFLOW = 7,
    /// An integer was divided by zero.
    PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO = 8,
    /// NaN was converted to an integer.
    PELLUCID_TRAP_INVALID_CONVERSION_TO_INTEGER = 9,
    /// The guest's stack, or the nesting of calls between host and guest, was exhausted. Where a stack ends is up to the
    /// machine's code: the innermost frame is the caller's, at the call, whose arguments aren't among its operands any more; or
    /// the called function's, at its first operator, whose locals may be unavailable. Frames further out are as at any call.
    PELLUCID_TRAP_CALL_STACK_EXHAUSTED = 10,
    /// A host function returned an error. Events say so; the call's error object is that error, and no trap.
    PELLUCID_TRAP_HOST_ERROR = 11,
    /// The event handler asked for a trap.
    PELLUCID_TRAP_REQUESTED = 12,
    /// The host has interrupted the guest, see `pellucid_interrupt_request`.
    PELLUCID_TRAP_INTERRUPTED = 13,
    /// The guest has used up the time that it was given, see `pellucid_budget_t`, or its store's deadline is reached, see
    /// `pellucid_store_set_epoch_deadline`.
    PELLUCID_TRAP_DEADLINE = 14,
    /// The address of an atomic access isn't a multiple of its size.
    PELLUCID_TRAP_UNALIGNED_ATOMIC = 15,
    /// `memory.atomic.wait` on a memory that isn't shared, where nobody could end it.
    PELLUCID_TRAP_EXPECTED_SHARED_MEMORY = 16,
    /// The host doesn't allow guests to wait, or not for so long: see `PELLUCID_LIMIT_WAIT_NANOSECONDS` and
    /// `pellucid_shared_memory_allow_waits`.
    PELLUCID_TRAP_WAIT_NOT_ALLOWED = 17,
    /// The guest has used up the fuel that it was given, see `pellucid_config_set_fuel`.
    PELLUCID_TRAP_OUT_OF_FUEL = 18,
    /// A reference was null where none may be: by `call_ref`, `ref.as_non_null`, or an access to an object.
    PELLUCID_TRAP_NULL_REFERENCE = 19,
    /// An exception was thrown that nobody caught. Events say so; the call's error object has the exception, see
    /// `pellucid_error_exception`, and is no trap.
    PELLUCID_TRAP_EXCEPTION = 20,
    /// A reference isn't of the type that it was cast to.
    PELLUCID_TRAP_CAST_FAILURE = 21,
    /// An access touched elements outside an array.
    PELLUCID_TRAP_ARRAY_OUT_OF_BOUNDS = 22,
    /// There is no room for another object; see `PELLUCID_LIMIT_HEAP_BYTES`.
    PELLUCID_TRAP_HEAP_EXHAUSTED = 23,
}

/// One Wasm frame of an error's backtrace.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_backtrace_frame_t {
    /// Set by the caller to `sizeof(pellucid_backtrace_frame_t)`.
    pub struct_size: u32,
    /// The function's index in its module, imports counted first.
    pub func_index: u32,
    /// The operator that was executing, as an offset in the module's bytes.
    pub pc: u32,
    /// Bytes from the start of the function's body to `pc`.
    pub func_offset: u32,
    /// The module's name; empty if it has none.
    pub module_name: pellucid_str_t,
    /// The function's name; empty if it has none.
    pub func_name: pellucid_str_t,
}

impl Sized32 for pellucid_backtrace_frame_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_backtrace_frame_t, func_name) + size_of::<pellucid_str_t>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

impl pellucid_error_t {
    /// A new object, which the caller of the entry point owns.
    ///
    /// Without memory for it, it is one that is always there.
    pub(super) fn give(error: Error) -> *mut pellucid_error_t {
        match memory::boxed(pellucid_error_t { error, text: OnceLock::new() }) {
            Ok(object) => Box::into_raw(object),
            Err(_) => ptr::from_ref(&*NO_MEMORY).cast_mut(),
        }
    }

    /// The error.
    pub(super) fn error(&self) -> &Error {
        &self.error
    }

    /// The error, taken out of its object, which is deleted.
    ///
    /// # Safety
    ///
    /// `object` must come from [`pellucid_error_t::give`], and be given up.
    pub(super) unsafe fn take(object: *mut pellucid_error_t) -> Error {
        if ptr::eq(object, &*NO_MEMORY) {
            return Error::no_memory();
        }
        // SAFETY: `give` has made it by `Box::into_raw`, and the caller gives it up.
        unsafe { Box::from_raw(object) }.error
    }
}

/// The object of those for which there is no memory. It is never changed: its text is its message.
static NO_MEMORY: LazyLock<pellucid_error_t> =
    LazyLock::new(|| pellucid_error_t { error: Error::no_memory(), text: OnceLock::new() });

/// Makes an error, for a host function or handler to fail with.
///
/// - `message`, `n_message`: one line for people, UTF-8. Of several lines the library makes one.
/// - `out_error`: gets the error; its status is `PELLUCID_ERR_HOST`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the message isn't UTF-8; `PELLUCID_ERR_SYSTEM` if there is no
/// memory for it.
///
/// Owns: the caller owns `*out_error` until it gives it to the library as a callback's error.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_new(
    message: *const c_char,
    n_message: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status null_mut(); text message n_message, out out_error => {
        let error = Error::new(ErrorKind::Host, message);
        if error.kind() != ErrorKind::Host {
            return Err(error);
        }
        out_error.give(pellucid_error_t { error, text: OnceLock::new() })
    })
}

/// Deletes an error.
///
/// - `error`: the error; NULL is fine.
///
/// Owns: takes `error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_delete(error: *mut pellucid_error_t) {
    if !ptr::eq(error, &*NO_MEMORY) {
        entry!(delete error)
    }
}

/// The status that goes with an error.
///
/// - `error`: the error.
///
/// Returns the status that the failing function returned, or `PELLUCID_ERR_NULL_ARGUMENT`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_status(error: *const pellucid_error_t) -> pellucid_status_t {
    entry!(value status_of(ErrorKind::NullArgument); ref error => status_of(error.error.kind()))
}

/// What was wrong, in one line.
///
/// - `error`: the error.
/// - `out_message`: gets the message.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the message is valid until the error is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_message(
    error: *const pellucid_error_t,
    out_message: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, out out_message => {
        out_message.set(pellucid_str_t::new(error.error.message()));
        Ok(())
    })
}

/// The message and the backtrace, as text of one line or more without a line end. If the backtrace doesn't have all frames
/// (see `pellucid_error_frame_count`), the last line says so.
///
/// - `error`: the error.
/// - `out_text`: gets the text.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM` if there is no memory for it.
///
/// Owns: nothing; the text is valid until the error is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_text(
    error: *const pellucid_error_t,
    out_text: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, out out_text => {
        if error.error.backtrace().is_empty() {
            out_text.set(pellucid_str_t::new(error.error.message()));
            return Ok(());
        }
        if error.text.get().is_none() {
            // Another thread may be faster; its text is the same.
            let _ = error.text.set(memory::displayed(&error.error)?);
        }
        out_text.set(pellucid_str_t::new(error.text.get().map_or("", String::as_str)));
        Ok(())
    })
}

/// Why the guest trapped.
///
/// - `error`: the error.
///
/// Returns one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` if the error isn't a trap or is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_trap(error: *const pellucid_error_t) -> pellucid_trap_t {
    entry!(value 0; ref error => error.error.trap_code().map_or(0, |code| code as pellucid_trap_t))
}

/// What a guest said when it ended itself, as WASI's `proc_exit` does. That is no trap, and has no backtrace.
///
/// - `error`: the error.
/// - `out_code`: gets the exit code; 0 means success, by convention.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the error isn't an exit: its status isn't `PELLUCID_ERR_EXIT`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_exit_code(
    error: *const pellucid_error_t,
    out_code: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, out out_code => {
        let Some(code) = error.error.exit_code() else { bail!(NotFound, "the error isn't an exit") };
        out_code.set(code);
        Ok(())
    })
}

/// The memory access that made the guest trap.
///
/// - `error`: the error.
/// - `out_memory`: gets the memory's number in its store, the `index` of its handle; may be NULL.
/// - `out_address`: gets the first byte that couldn't be accessed, as an offset in the memory; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the error isn't a trap of a memory access, or the address
/// isn't known: where an access ends beyond 2^64, or it was clear when the guest was compiled that it ends outside.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_fault(
    error: *const pellucid_error_t,
    out_memory: *mut u64,
    out_address: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, opt_out out_memory, opt_out out_address => {
        let Some(fault) = error.error.memory_fault() else {
            bail!(NotFound, "the error has no memory access");
        };
        out_memory.set(fault.memory);
        out_address.set(fault.address);
        Ok(())
    })
}

/// How many Wasm frames the error's backtrace has.
///
/// - `error`: the error.
///
/// Returns their number; 0 if no guest code was running, or if `error` is NULL. A backtrace ends at 256 frames: those
/// are the innermost, and what called them isn't told. It ends earlier if there is no memory for more.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_frame_count(error: *const pellucid_error_t) -> usize {
    entry!(value 0; ref error => error.error.backtrace().len())
}

/// A frame of the error's backtrace.
///
/// - `error`: the error.
/// - `index`: 0 is the innermost frame.
/// - `out_frame`: gets the frame; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing; the names are valid until the error is deleted.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_error_frame(
    error: *const pellucid_error_t,
    index: usize,
    out_frame: *mut pellucid_backtrace_frame_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref error, sized out_frame => {
        let Some(frame) = error.error.backtrace().get(index) else {
            bail!(OutOfRange, "the backtrace has {} frames", error.error.backtrace().len());
        };
        out_frame.set(pellucid_backtrace_frame_t {
            struct_size: 0,
            func_index: frame.func_index,
            pc: frame.pc.0,
            func_offset: frame.func_offset,
            module_name: pellucid_str_t::new(&frame.module_name),
            func_name: pellucid_str_t::new(&frame.func_name),
        });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TrapCode;

    #[test]
    fn the_trap_numbers_are_those_of_the_core() {
        assert_eq!(TrapCode::Unreachable as u32, pellucid_trap::PELLUCID_TRAP_UNREACHABLE as u32);
        assert_eq!(TrapCode::Requested as u32, pellucid_trap::PELLUCID_TRAP_REQUESTED as u32);
        // Both lists are dense, so a code that is missing in C shows here.
        let last = (0..=u8::MAX).filter(|number| TrapCode::from_u8(*number).is_some()).max();
        assert_eq!(last, Some(pellucid_trap::PELLUCID_TRAP_HEAP_EXHAUSTED as u8));
    }
}
