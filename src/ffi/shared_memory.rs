//! Memories that stores on several threads share.
//!
//! Knows nothing of guests. Invariant: an object is used through shared references alone, from any thread.

use super::engine::pellucid_engine_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_memory_t;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::pellucid_memorytype_t;
use crate::runtime::SharedMemory;
use std::ptr::null_mut;

/// A memory that any number of stores of one engine may have, on any threads. An owned object, one reference to it.
///
///     pellucid_memorytype_t type = {.minimum = 1, .maximum = 100, .has_maximum = 1, .is_shared = 1};
///     pellucid_shared_memory_new(engine, &type, &shared, &error);
///     // for each store, on whichever thread uses it:
///     pellucid_memory_from_shared(store, shared, &memory, &error);
///     ...
///     pellucid_shared_memory_delete(shared);
///
/// It lives as long as a reference to it, or a store that has it. Its first byte never moves, and its size never becomes less, while it
/// may grow at any time under all who use it. Any thread may use it, also several at once.
///
/// Guests, and functions of this library, may be writing its bytes at any time. What is read or written here is copied byte by byte, in no
/// particular order: what others write meanwhile is found in part, or not at all, as with guests' accesses that aren't atomic.
/// Programs that access its bytes in place (`pellucid_shared_memory_data`) should do so by their language's atomic operations: anything
/// else is a data race in C.
///
/// Since: 0.1.
pub struct pellucid_shared_memory_t {
    memory: SharedMemory,
}

impl pellucid_shared_memory_t {
    /// The core's.
    pub(super) fn core(&self) -> &SharedMemory {
        &self.memory
    }
}

/// Makes a shared memory. Its bytes are zero.
///
/// It has addresses for all that its maximum and the engine's limit `PELLUCID_LIMIT_MEMORY_BYTES` allow, or as many as
/// `pellucid_config_set_memory_reservation` says. That limit is its own from then on, see `pellucid_shared_memory_set_limit`.
///
/// - `engine`: the engine whose stores can have it.
/// - `memorytype`: its type, with `is_shared` and a maximum.
/// - `out_shared`: gets the memory.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no shared memory can have; `PELLUCID_ERR_LIMIT`;
/// `PELLUCID_ERR_SYSTEM`, if there aren't so many addresses, too; `PELLUCID_ERR_UNSUPPORTED` for a type that isn't supported yet.
///
/// Owns: the caller owns `*out_shared` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_new(
    engine: *const pellucid_engine_t,
    memorytype: *const pellucid_memorytype_t,
    out_shared: *mut *mut pellucid_shared_memory_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref engine, copy memorytype, out out_shared => {
        out_shared.give(pellucid_shared_memory_t { memory: SharedMemory::new(engine.engine(), memorytype.to_core()?)? })
    })
}

/// Deletes a reference. Stores that have the memory keep it.
///
/// - `shared`: the reference; NULL is fine.
///
/// Owns: takes `shared`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_delete(shared: *mut pellucid_shared_memory_t) {
    entry!(delete shared)
}

/// Makes another reference to the same memory, to be deleted on its own.
///
/// - `shared`: the memory.
/// - `out_shared`: gets the reference.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_shared`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_clone(
    shared: *const pellucid_shared_memory_t,
    out_shared: *mut *mut pellucid_shared_memory_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out out_shared => {
        out_shared.give(pellucid_shared_memory_t { memory: shared.memory.clone() })
    })
}

/// The type that the memory was made with.
///
/// - `shared`: the memory.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_type(
    shared: *const pellucid_shared_memory_t,
    out_type: *mut pellucid_memorytype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out out_type => {
        out_type.set(pellucid_memorytype_t::from_core(shared.core().ty()));
        Ok(())
    })
}

/// The memory's bytes, to be read and written in place, by atomic operations.
///
/// The size is that of now: it may be more at any time after that, and never less. The address stays the same as long as the memory
/// lives; bytes beyond the size must not be touched.
///
/// - `shared`: the memory.
/// - `out_data`: gets the address of the first byte; may be NULL.
/// - `out_size`: gets the number of bytes; may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing; the bytes are valid as long as a reference to the memory, or a store that has it.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_data(
    shared: *const pellucid_shared_memory_t,
    out_data: *mut *mut u8,
    out_size: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, opt_out out_data, opt_out out_size => {
        let (data, size) = shared.core().base();
        out_data.set(data);
        out_size.set(size);
        Ok(())
    })
}

/// The memory's present size in pages, of 64 KiB unless its type says otherwise.
///
/// - `shared`: the memory.
/// - `out_pages`: gets the number of pages.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_size(
    shared: *const pellucid_shared_memory_t,
    out_pages: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out out_pages => {
        out_pages.set(shared.core().size());
        Ok(())
    })
}

/// Grows the memory, under all stores that have it, also while their guests run.
///
/// - `shared`: the memory.
/// - `n_pages`: how many pages to add.
/// - `out_old_pages`: gets the number of pages before; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_LIMIT` beyond its maximum, its limit, or the addresses that it has; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_grow(
    shared: *const pellucid_shared_memory_t,
    n_pages: u64,
    out_old_pages: *mut u64,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref shared, opt_out out_old_pages => {
        out_old_pages.set(shared.core().grow(n_pages)?);
        Ok(())
    })
}

/// Sets how many bytes the memory may have, whoever wants it to grow. What it has already isn't taken away. A guest's growth is bounded by
/// its store's limit `PELLUCID_LIMIT_MEMORY_BYTES`, too.
///
/// - `shared`: the memory.
/// - `n_bytes`: how many.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_set_limit(
    shared: *const pellucid_shared_memory_t,
    n_bytes: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared => {
        shared.core().set_limit(n_bytes);
        Ok(())
    })
}

/// How many bytes the memory may have, whoever wants it to grow: what was set, or the limit of the engine or store that has made it.
///
/// - `shared`: the memory.
/// - `out_bytes`: gets how many.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_limit(
    shared: *const pellucid_shared_memory_t,
    out_bytes: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out out_bytes => {
        out_bytes.set(shared.core().limit());
        Ok(())
    })
}

/// Copies bytes out of the memory. Others may be writing them.
///
/// - `shared`: the memory.
/// - `offset`: the first byte to read.
/// - `out_bytes`, `n_bytes`: where to copy them, and how many; as for `pellucid_memory_read`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` unless all of them are in the memory.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_read(
    shared: *const pellucid_shared_memory_t,
    offset: u64,
    out_bytes: *mut u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out_slice out_bytes n_bytes => {
        // SAFETY: `OutSlice` stands for bytes that are valid for writes.
        unsafe { shared.core().read_to(offset, out_bytes.as_mut_ptr(), out_bytes.len()) }
    })
}

/// Copies bytes into the memory. Others may be reading and writing there.
///
/// - `shared`: the memory.
/// - `offset`: the first byte to write.
/// - `bytes`, `n_bytes`: what to copy; as for `pellucid_memory_write`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`, and nothing is written, unless all of them fit.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_write(
    shared: *const pellucid_shared_memory_t,
    offset: u64,
    bytes: *const u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, in_slice bytes n_bytes => {
        // SAFETY: `InSlice` stands for bytes that are valid for reads.
        unsafe { shared.core().write_from(offset, bytes.as_ptr(), bytes.len()) }
    })
}

/// Wakes guests that wait at a place of the memory, as `memory.atomic.notify` does: those that came first.
///
/// - `shared`: the memory.
/// - `address`: the place, a multiple of 4.
/// - `most`: how many at most.
/// - `out_n`: gets how many there were; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another address; `PELLUCID_ERR_OUT_OF_RANGE` for one beyond the memory's
/// end.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_notify(
    shared: *const pellucid_shared_memory_t,
    address: u64,
    most: u32,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, opt_out out_n => {
        out_n.set(shared.core().notify(address, most)?);
        Ok(())
    })
}

/// Says whether guests may wait in the memory; they may at first. When they may no longer, those that do are woken, and their operators trap
/// with `PELLUCID_TRAP_WAIT_NOT_ALLOWED`, as those do that come to one later. This works for engines without signal handlers, too,
/// whose guests can't be interrupted.
///
/// - `shared`: the memory.
/// - `are_allowed`: whether they may.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_allow_waits(
    shared: *const pellucid_shared_memory_t,
    are_allowed: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared => {
        shared.core().allow_waits(are_allowed);
        Ok(())
    })
}

/// How many guests wait in the memory just now, wherever in it. Those of paused calls aren't among them.
///
/// - `shared`: the memory.
/// - `out_n`: gets how many.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_shared_memory_waiter_count(
    shared: *const pellucid_shared_memory_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref shared, out out_n => {
        out_n.set(shared.core().waiters());
        Ok(())
    })
}

/// A shared memory as a memory of a store, to be imported by guests. The same handle each time.
///
/// - `store`: the store, which keeps the memory as long as it lives.
/// - `shared`: the memory.
/// - `out_memory`: gets the store's handle for it.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond the memories that the store may have;
/// `PELLUCID_ERR_INVALID_ARGUMENT` if the memory was made with another engine than the store; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_from_shared(
    store: *mut pellucid_store_t,
    shared: *const pellucid_shared_memory_t,
    out_memory: *mut pellucid_memory_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, ref shared, out out_memory => {
        out_memory.set(store.core().memory_from_shared(shared.core())?.into());
        Ok(())
    })
}

/// A reference to a shared memory that a store has, such as one that a module has made and exports, to be given to other stores.
///
/// - `store`: the store.
/// - `memory`: the memory.
/// - `out_shared`: gets the reference.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` if the memory isn't shared; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_shared` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_shared(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
    out_shared: *mut *mut pellucid_shared_memory_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, copy memory, out out_shared => {
        out_shared.give(pellucid_shared_memory_t { memory: store.core().memory_shared(memory.into())? })
    })
}

/// Whether a memory is shared.
///
/// - `store`: the store.
/// - `memory`: the memory.
///
/// Returns whether it is; false if an argument is NULL, the store is being used by another thread, or the memory isn't one of it.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_memory_is_shared(
    store: *const pellucid_store_t,
    memory: *const pellucid_memory_t,
) -> bool {
    entry!(value false; store store, copy memory => {
        store.core().memory_type(memory.into()).is_ok_and(|ty| ty.is_shared)
    })
}
