//! Linear memories.
//!
//! Knows nothing of instances. Invariant: nothing is read or written partially.

use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_memory_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_memorytype_t;
use std::ptr::null_mut;

/// Makes a memory, to be imported by guests. Its bytes are zero. If its type says that it is shared, `pellucid_memory_shared` gives
/// what other stores can have of it.
///
/// - `store`: the store that it will live in.
/// - `memorytype`: its type.
/// - `out_memory`: gets the memory.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no memory can have; `PELLUCID_ERR_UNSUPPORTED` for one that isn't
/// supported yet.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_new(
    store: *mut pellucid_store_t,
    memorytype: *const pellucid_memorytype_t,
    out_memory: *mut pellucid_memory_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, store store, copy memorytype, out out_memory => {
        out_memory.set(store.core().memory_new(memorytype.to_core()?)?.into());
        Ok(())
    })
}

/// The type that a memory was made with.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_type(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
    out_type: *mut pellucid_memorytype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy memory, out out_type => {
        out_type.set(pellucid_memorytype_t::from_core(store.core().memory_type(memory.into())?));
        Ok(())
    })
}

/// A memory's bytes, to be read and written in place.
///
/// The size is that of now: after anything that may have grown the memory, which is every run of a guest, ask again.
/// The address stays the same as long as the store lives; bytes beyond the size must not be touched. Those of a shared memory may be
/// written by others at any time, see `pellucid_shared_memory_t`; so may be those that are copied out of it and into it.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `out_data`: gets the address of the first byte; may be NULL.
/// - `out_size`: gets the number of bytes; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing; the bytes are valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_data(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
    out_data: *mut *mut u8,
    out_size: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy memory, opt_out out_data, opt_out out_size => {
        let (data, size) = store.core().memory_base(memory.into())?;
        out_data.set(data);
        out_size.set(size);
        Ok(())
    })
}

/// A memory's present size in pages, of 64 KiB unless its type says otherwise.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `out_pages`: gets the number of pages.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_size(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
    out_pages: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy memory, out out_pages => {
        out_pages.set(store.core().memory_size(memory.into())?);
        Ok(())
    })
}

/// Grows a memory. A handler that has asked for `PELLUCID_EVENT_MEMORY_GROWN` is told.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `n_pages`: how many pages to add.
/// - `out_old_pages`: gets the number of pages before; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond its maximum, the store's limit, or the addresses
/// that it has (`pellucid_config_set_memory_reservation`); `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_grow(
    store: *mut pellucid_store_t,
    memory: *const pellucid_memory_t,
    n_pages: u64,
    out_old_pages: *mut u64,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; running store, copy memory, opt_out out_old_pages => {
        out_old_pages.set(store.debuggee().memory_grow(memory.into(), n_pages)?);
        Ok(())
    })
}

/// Copies bytes out of a memory.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `offset`: the first byte to read.
/// - `out_bytes`, `n_bytes`: where to copy them, and how many; may be in a guest's memory, also in this one, and overlap what is
///   read, as with `memmove`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` unless all of them are in the memory, or for
/// a memory that the store never made; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_read(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
    offset: u64,
    out_bytes: *mut u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy memory, out_slice out_bytes n_bytes => {
        // SAFETY: `OutSlice` stands for bytes that are valid for writes.
        unsafe { store.core().memory_read_to(memory.into(), offset, out_bytes.as_mut_ptr(), out_bytes.len()) }
    })
}

/// Copies bytes into a memory.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `offset`: the first byte to write.
/// - `bytes`, `n_bytes`: what to copy; may be in a guest's memory, also in this one, and overlap where it goes, as with
///   `memmove`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`, and nothing is written, unless all of them
/// fit, or for a memory that the store never made; `PELLUCID_ERR_WRONG_STORE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_write(
    store: *mut pellucid_store_t,
    memory: *const pellucid_memory_t,
    offset: u64,
    bytes: *const u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy memory, in_slice bytes n_bytes => {
        // SAFETY: `InSlice` stands for bytes that are valid for reads.
        unsafe { store.core().memory_write_from(memory.into(), offset, bytes.as_ptr(), bytes.len()) }
    })
}
