//! The routines that compiled code calls: each is reached through its stub in [`super::switch`], on the host's stack.
//!
//! The first argument is the calling instance's context (a host function's, for `host_call`). Invariants: none of them
//! panics, since there is nothing above that could catch it; none holds a borrow while a host function runs.
//! Read next: [`crate::abi::builtins`].

#![expect(unsafe_code, reason = "called from guest code by address")]

use super::Store;
use super::host_func::HostFunc;
use super::instance::InstanceData;
use super::store_context::StoreContext;
use crate::abi::vmctx::{self, VmMemory, VmTable};
use crate::base::{DataIndex, ElemIndex, Memory, MemoryIndex, RawValue, Table, TableIndex};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;

/// An instance's context, as guest code passes it.
type Context = *mut u8;

/// The calling instance and its store.
///
/// # Safety
///
/// `context` must be that of an instance.
unsafe fn caller(context: Context) -> (ManuallyDrop<Store>, Rc<InstanceData>) {
    // SAFETY: an instance's context begins with its store's, and knows its number.
    unsafe {
        let store_context = context.add(vmctx::STORE_CONTEXT as usize).cast::<*const StoreContext>().read();
        let store = Store::borrowed(store_context);
        let number = context.add(vmctx::INSTANCE as usize).cast::<u64>().read();
        let instance = store.inner().instances.borrow()[number as usize].clone();
        (store, instance)
    }
}

/// A memory of the calling instance.
///
/// # Safety
///
/// `context` must be that of an instance, which has this memory.
unsafe fn memory(context: Context, index: u32) -> VmMemory {
    // SAFETY: the caller's promise, and what `InstanceData` writes into contexts.
    unsafe {
        let (_, instance) = caller(context);
        let entry = instance.module().info().layout.memory(MemoryIndex::from_u32(index));
        let definition = context.add(entry as usize + vmctx::memory::DEFINITION as usize);
        definition.cast::<*const VmMemory>().read().read()
    }
}

/// The address of a range, if all of it is inside.
fn range(base: usize, length: usize, start: u64, count: u64, size: usize) -> Option<usize> {
    let end = start.checked_add(count)?;
    (end <= length as u64).then(|| base + start as usize * size)
}

/// # Safety
///
/// As for every builtin: called by compiled code, with what [`crate::abi::builtins`] says.
pub unsafe extern "sysv64" fn memory_grow(context: Context, index: u32, pages: u64) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let memory = Memory { store: store.id(), index: instance.memory(MemoryIndex::from_u32(index)) };
    store.memory_grow(memory, pages).map_or(-1, |old| old as i64)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_copy(
    context: Context,
    destination_index: u32,
    source_index: u32,
    destination: u64,
    source: u64,
    bytes: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let (to, from) = unsafe { (memory(context, destination_index), memory(context, source_index)) };
    let to = range(to.base, to.bytes, destination, bytes, 1);
    let from = range(from.base, from.bytes, source, bytes, 1);
    let (Some(to), Some(from)) = (to, from) else { return 0 };
    // SAFETY: both ranges are inside their memories.
    unsafe { ptr::copy(from as *const u8, to as *mut u8, bytes as usize) };
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_fill(
    context: Context,
    index: u32,
    destination: u64,
    byte: u32,
    bytes: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let memory = unsafe { memory(context, index) };
    let Some(to) = range(memory.base, memory.bytes, destination, bytes, 1) else { return 0 };
    // SAFETY: the range is inside the memory.
    unsafe { ptr::write_bytes(to as *mut u8, byte as u8, bytes as usize) };
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_init(
    context: Context,
    index: u32,
    segment: u32,
    destination: u64,
    source: u32,
    bytes: u32,
) -> u32 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let (memory, segment) = (MemoryIndex::from_u32(index), DataIndex::from_u32(segment));
    u32::from(store.memory_init(&instance, memory, segment, destination, source, bytes))
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn data_drop(context: Context, segment: u32) {
    // SAFETY: the caller's promise.
    let (_, instance) = unsafe { caller(context) };
    instance.drop_data(DataIndex::from_u32(segment));
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_grow(context: Context, index: u32, init: u64, elements: u64) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let table = Table { store: store.id(), index: instance.table(TableIndex::from_u32(index)) };
    let grown = store.table(table).and_then(|table| table.grow(elements, init, &store.limits()));
    grown.map_or(-1, |old| old as i64)
}

/// A table of the calling instance.
///
/// # Safety
///
/// `context` must be that of an instance, which has this table.
unsafe fn table(context: Context, index: u32) -> VmTable {
    let index = TableIndex::from_u32(index);
    // SAFETY: the caller's promise, and what `InstanceData` writes into contexts.
    unsafe {
        let (_, instance) = caller(context);
        let layout = &instance.module().info().layout;
        match layout.as_defined_table(index) {
            Some(defined) => context.add(layout.defined_table(defined) as usize).cast::<VmTable>().read(),
            None => context.add(layout.imported_table(index) as usize).cast::<*const VmTable>().read().read(),
        }
    }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_fill(
    context: Context,
    index: u32,
    destination: u64,
    value: u64,
    elements: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let table = unsafe { table(context, index) };
    let Some(to) = range(table.elements, table.length, destination, elements, 8) else { return 0 };
    for place in 0..elements as usize {
        // SAFETY: the range is inside the table.
        unsafe { (to as *mut u64).add(place).write(value) };
    }
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_copy(
    context: Context,
    destination_index: u32,
    source_index: u32,
    destination: u64,
    source: u64,
    elements: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let (to, from) = unsafe { (table(context, destination_index), table(context, source_index)) };
    let to = range(to.elements, to.length, destination, elements, 8);
    let from = range(from.elements, from.length, source, elements, 8);
    let (Some(to), Some(from)) = (to, from) else { return 0 };
    // A table without elements has no address.
    if elements > 0 {
        // SAFETY: both ranges are inside their tables.
        unsafe { ptr::copy(from as *const u64, to as *mut u64, elements as usize) };
    }
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_init(
    context: Context,
    index: u32,
    segment: u32,
    destination: u64,
    source: u32,
    elements: u32,
) -> u32 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let (table, segment) = (TableIndex::from_u32(index), ElemIndex::from_u32(segment));
    u32::from(store.table_init(&instance, table, segment, destination, source, elements))
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn elem_drop(context: Context, segment: u32) {
    // SAFETY: the caller's promise.
    let (_, instance) = unsafe { caller(context) };
    instance.drop_elem(ElemIndex::from_u32(segment));
}

/// # Safety
///
/// As for every builtin; `callee` is a host function's context.
pub unsafe extern "sysv64" fn host_call(callee: *const HostFunc, caller: *const u8, values: *mut RawValue) -> u32 {
    // SAFETY: host functions are kept as long as their store, and begin with its context's address.
    let (callee, store) = unsafe { (&*callee, Store::borrowed(callee.cast::<*const StoreContext>().read())) };
    // SAFETY: the trampoline for the function's type passes as many values as it has.
    let outcome = unsafe { callee.invoke(&store, caller, values) };
    store.reenter();
    match outcome {
        Ok(()) => 1,
        Err(error) => {
            *store.inner().host_error.borrow_mut() = Some(error);
            0
        }
    }
}
