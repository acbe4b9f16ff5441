//! The routines that compiled code calls: each is reached through its stub in [`super::machine::switch`], on the host's stack.
//!
//! The first argument is the calling instance's context. Invariants: none of them panics, since there is nothing above that
//! could catch it; none holds a borrow while a host function runs.
//! Read next: [`crate::abi::builtins`].

#![expect(unsafe_code, reason = "called from guest code by address")]

use super::entities::instance::InstanceData;
use super::entities::memory::STRETCH;
use super::entities::parking::Wait;
use super::entities::table;
use super::gc::Heap;
use super::instance::InitRange;
use super::machine::alarms::AlarmClock;
use super::machine::racing;
use super::machine::store_context::StoreContext;
use super::machine::switch::builtin_stubs;
use super::{Engine, Store};
use crate::abi::builtins::{Builtin, objects, wait};
use crate::abi::heap::elements_offset;
use crate::abi::vmctx::{self, VmMemory, VmTable};
use crate::base::{
    DataIndex, ElemIndex, Memory, MemoryIndex, RawValue, Result, StoreLimits, Table, TableIndex, TagIndex, TypeId,
};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

builtin_stubs! {
    memory_grow, memory_copy, memory_fill, memory_init, memory_wait32, memory_wait64, memory_notify,
    data_drop, table_grow, table_fill, table_copy, table_init,
    elem_drop, object_new, object_written, array_fill, array_copy, array_new_data, array_new_elem,
    array_init_data, array_init_elem; throw, throw_ref
}

impl Store {
    /// An empty store.
    pub fn new(engine: &Engine, limits: StoreLimits) -> Result<Store> {
        Store::with_builtins(engine, limits, builtin_table())
    }
}

/// An instance's context, as guest code passes it.
type Context = *mut u8;

/// The store of the calling instance.
///
/// # Safety
///
/// `context` must be that of an instance.
unsafe fn store_of<'a>(context: Context) -> &'a Store {
    // SAFETY: an instance's context begins with its store's.
    unsafe { Store::of_context(context.add(vmctx::STORE_CONTEXT as usize).cast::<*const StoreContext>().read()) }
}

/// The calling instance and its store.
///
/// # Safety
///
/// `context` must be that of an instance.
unsafe fn caller<'a>(context: Context) -> (&'a Store, Rc<InstanceData>) {
    // SAFETY: the caller's promise; an instance's context knows its number.
    unsafe {
        let store = store_of(context);
        let number = context.add(vmctx::INSTANCE as usize).cast::<u64>().read();
        let instance = store.inner().instances.borrow()[number as usize].clone();
        (store, instance)
    }
}

/// The address of a range, if all of it is inside.
fn range(base: usize, length: usize, start: u64, count: u64, size: usize) -> Option<usize> {
    let end = start.checked_add(count)?;
    (end <= length as u64).then(|| base + start as usize * size)
}

/// Elements that are filled or copied before a look whether the guest is to be left.
const STRETCH_OF_ELEMENTS: u64 = table::STRETCH as u64;

/// Added to a segment's number for the rest of what was left in its midst, which is done even if the segment was dropped meanwhile.
const REST: u32 = 1 << 31;

/// What is to be copied from a segment, and its number.
fn init_range(segment: u32, destination: u64, source: u32, count: u32) -> (InitRange, u32) {
    (InitRange { destination, source, count, is_rest: segment & REST != 0 }, segment & !REST)
}

/// The arguments, after the space's, for the rest of it, of which so much is done.
fn rest_of(range: InitRange, index: u32, segment: u32, done: u32) -> [u64; 5] {
    let InitRange { destination, source, count, .. } = range;
    let (source, count) = ((source + done).into(), (count - done).into());
    [index.into(), (segment | REST).into(), destination + u64::from(done), source, count]
}

/// Whether the guest is to be left now. Then the builtin is called again when it runs on, with these arguments after its first.
///
/// # Safety
///
/// To be called by this builtin; what it has to return is of no meaning if the answer is yes.
unsafe fn goes_on_later(context: Context, builtin: Builtin, args: [u64; 5]) -> bool {
    // SAFETY: the caller's promise.
    let store = unsafe { store_of(context) };
    let is_left = store.is_interrupted();
    if is_left {
        let [a, b, c, d, e] = args.map(|arg| arg as usize);
        // SAFETY: the caller's promise.
        unsafe { store.call_again(store.builtin_stubs()[builtin as usize], [context.addr(), a, b, c, d, e]) };
    }
    is_left
}

/// # Safety
///
/// As for every builtin: called by compiled code, with what [`crate::abi::builtins`] says.
pub unsafe extern "sysv64" fn memory_grow(context: Context, index: u32, pages: u64) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let memory = Memory { store: store.id(), index: instance.memory(MemoryIndex::from_u32(index)) };
    store.memory_grow_by_guest(memory, pages).map_or(-1, |old| old as i64)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_copy(
    context: Context,
    destination_memory: *const VmMemory,
    source_memory: *const VmMemory,
    destination: u64,
    source: u64,
    bytes: u64,
) -> u32 {
    // SAFETY: the caller's promise; the definitions are in memories, which live as long as the store.
    let (to, from) = unsafe { (&*destination_memory, &*source_memory) };
    let is_racing = to.is_shared || from.is_shared;
    let to = range(to.base, to.bytes.load(Ordering::Acquire), destination, bytes, 1);
    let from = range(from.base, from.bytes.load(Ordering::Acquire), source, bytes, 1);
    let (Some(to), Some(from)) = (to, from) else { return 0 };
    let bytes = bytes as usize;
    let mut done = 0;
    while done < bytes {
        let now = STRETCH.min(bytes - done);
        // What overlaps is read before it is overwritten: forward if it goes to lower addresses, otherwise backward.
        let place = if to <= from { done } else { bytes - done - now };
        let (source_place, place) = ((from + place) as *const u8, (to + place) as *mut u8);
        // SAFETY: both ranges are inside their memories, which never become smaller. Unless one is shared nobody else uses them.
        unsafe { if is_racing { racing::copy(source_place, place, now) } else { ptr::copy(source_place, place, now) } };
        done += now;
        if done < bytes {
            let (first, rest) = (if to <= from { done as u64 } else { 0 }, (bytes - done) as u64);
            let (destination, source) = (destination + first, source + first);
            let args = [destination_memory.addr() as u64, source_memory.addr() as u64, destination, source, rest];
            // SAFETY: the caller's promise; the arguments are good for what is left to be done.
            if unsafe { goes_on_later(context, Builtin::memory_copy, args) } {
                break;
            }
        }
    }
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_fill(
    context: Context,
    memory: *const VmMemory,
    destination: u64,
    byte: u32,
    bytes: u64,
) -> u32 {
    // SAFETY: as in `memory_copy`.
    let definition = unsafe { &*memory };
    let length = definition.bytes.load(Ordering::Acquire);
    let Some(to) = range(definition.base, length, destination, bytes, 1) else { return 0 };
    let bytes = bytes as usize;
    let mut done = 0;
    while done < bytes {
        let now = STRETCH.min(bytes - done);
        let (place, byte) = ((to + done) as *mut u8, byte as u8);
        // SAFETY: the range is inside the memory, and nobody else uses it unless it is shared.
        unsafe {
            if definition.is_shared { racing::fill(place, byte, now) } else { ptr::write_bytes(place, byte, now) }
        };
        done += now;
        let args = [memory.addr() as u64, destination + done as u64, byte.into(), (bytes - done) as u64, 0];
        // SAFETY: the caller's promise; the arguments are good for what is left to be done.
        if done < bytes && unsafe { goes_on_later(context, Builtin::memory_fill, args) } {
            break;
        }
    }
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
    let (range, segment) = init_range(segment, destination, source, bytes);
    let is_left = |done| {
        let args = rest_of(range, index, segment, done);
        // SAFETY: the caller's promise; the arguments are good for what is left to be done.
        unsafe { goes_on_later(context, Builtin::memory_init, args) }
    };
    let (memory, segment) = (MemoryIndex::from_u32(index), DataIndex::from_u32(segment));
    u32::from(store.memory_init(&instance, memory, segment, range, is_left).is_some())
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_wait32(
    context: Context,
    index: u32,
    address: u64,
    expected: u32,
    timeout: i64,
    begun: u64,
) -> i64 {
    let wait = Waited { index, address, expected: expected.into(), is_64: false, timeout, begun };
    // SAFETY: the caller's promise.
    unsafe { wait.wait(context) }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_wait64(
    context: Context,
    index: u32,
    address: u64,
    expected: u64,
    timeout: i64,
    begun: u64,
) -> i64 {
    let wait = Waited { index, address, expected, is_64: true, timeout, begun };
    // SAFETY: the caller's promise.
    unsafe { wait.wait(context) }
}

/// `memory.atomic.wait`, with its operands.
struct Waited {
    index: u32,
    address: u64,
    expected: u64,
    is_64: bool,
    /// In nanoseconds; less than 0 means that there is none.
    timeout: i64,
    /// When it began, or 0.
    begun: u64,
}

impl Waited {
    /// # Safety
    ///
    /// To be called by the builtin with these arguments.
    unsafe fn wait(self, context: Context) -> i64 {
        let Waited { index, address, expected, is_64, timeout, begun } = self;
        // SAFETY: the caller's promise.
        let (store, instance) = unsafe { caller(context) };
        let number = instance.memory(MemoryIndex::from_u32(index));
        let memory = store.inner().memories.borrow()[number as usize].clone();
        let (narrow, wide) = (memory.atomic_u32(address), memory.atomic_u64(address));
        let is_inside = if is_64 { wide.is_some() } else { narrow.is_some() };
        if !is_inside {
            return wait::OUTSIDE;
        }
        if !memory.is_shared() {
            return wait::NOT_SHARED;
        }
        let most = store.limits().wait_nanoseconds;
        if most == 0 {
            return wait::NOT_ALLOWED;
        }
        let is_expected = || match (narrow, wide) {
            (_, Some(number)) if is_64 => number.load(Ordering::SeqCst) == expected,
            (Some(number), _) => u64::from(number.load(Ordering::SeqCst)) == expected,
            _ => false,
        };
        let now = AlarmClock::Wall.now();
        let begun = if begun == 0 { now } else { begun };
        let wanted = u64::try_from(timeout).ok().map(|time| begun.saturating_add(time));
        // Not from when it began: it isn't the guest who made a pause last long.
        let allowed = (most < u64::MAX).then(|| now.saturating_add(most));
        let is_cut = allowed.is_some_and(|allowed| wanted.is_none_or(|wanted| allowed < wanted));
        let until = if is_cut { allowed } else { wanted };
        loop {
            return match memory.parking().wait(
                address,
                until,
                store.interrupt_word(),
                store.longest_wait(),
                is_expected,
            ) {
                Wait::Notified => 0,
                Wait::NotEqual => 1,
                Wait::TimedOut if is_cut => wait::NOT_ALLOWED,
                Wait::TimedOut => 2,
                Wait::Closed => wait::NOT_ALLOWED,
                Wait::Interrupted => {
                    let builtin = if is_64 { Builtin::memory_wait64 } else { Builtin::memory_wait32 };
                    let args = [index.into(), address, expected, timeout as u64, begun];
                    // SAFETY: the caller's promise; the arguments are those of now, with the time when the wait began.
                    if !unsafe { goes_on_later(context, builtin, args) } {
                        // What was asked for was taken back.
                        continue;
                    }
                    0
                }
            };
        }
    }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn memory_notify(context: Context, index: u32, address: u64, count: u32) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let number = instance.memory(MemoryIndex::from_u32(index));
    let memory = store.inner().memories.borrow()[number as usize].clone();
    match memory.atomic_u32(address) {
        Some(_) if memory.is_shared() => memory.parking().notify(address, count).into(),
        // Nobody can wait there.
        Some(_) => 0,
        None => wait::OUTSIDE,
    }
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
pub unsafe extern "sysv64" fn throw(context: Context, tag: u32, values: *const RawValue) -> *mut StoreContext {
    // SAFETY: the caller's promise.
    unsafe {
        let (store, instance) = caller(context);
        store.throw_values(instance.tag(TagIndex::from_u32(tag)), values)
    }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn throw_ref(context: Context, exception: u64) -> *mut StoreContext {
    // SAFETY: the caller's promise.
    unsafe { caller(context).0.throw_reference(exception) }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_grow(context: Context, index: u32, init: u64, elements: u64) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let table = Table { store: store.id(), index: instance.table(TableIndex::from_u32(index)) };
    // SAFETY: the caller's promise. The table knows how far it came, so the arguments are the same.
    let is_left = || unsafe { goes_on_later(context, Builtin::table_grow, [index.into(), init, elements, 0, 0]) };
    let grown = store.table(table).and_then(|table| table.grow(elements, init, &store.limits(), is_left));
    grown.map_or(-1, |old| old as i64)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_fill(
    context: Context,
    table: *const VmTable,
    destination: u64,
    value: u64,
    elements: u64,
) -> u32 {
    // SAFETY: the caller's promise; the definition is in a context or a table, which live as long as the store.
    let definition = unsafe { table.read() };
    let Some(to) = range(definition.elements, definition.length, destination, elements, 8) else { return 0 };
    for place in 0..elements {
        // SAFETY: the range is inside the table.
        unsafe { (to as *mut u64).add(place as usize).write(value) };
        let done = place + 1;
        let args = [table.addr() as u64, destination + done, value, elements - done, 0];
        if done.is_multiple_of(STRETCH_OF_ELEMENTS)
            && done < elements
            // SAFETY: the caller's promise; the arguments are good for what is left to be done.
            && unsafe { goes_on_later(context, Builtin::table_fill, args) }
        {
            break;
        }
    }
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn table_copy(
    context: Context,
    destination_table: *const VmTable,
    source_table: *const VmTable,
    destination: u64,
    source: u64,
    elements: u64,
) -> u32 {
    // SAFETY: as in `table_fill`.
    let (to, from) = unsafe { (destination_table.read(), source_table.read()) };
    let to = range(to.elements, to.length, destination, elements, 8);
    let from = range(from.elements, from.length, source, elements, 8);
    let (Some(to), Some(from)) = (to, from) else { return 0 };
    let mut done = 0;
    while done < elements {
        let now = STRETCH_OF_ELEMENTS.min(elements - done);
        // As in `memory_copy`.
        let place = if to <= from { done } else { elements - done - now } as usize;
        // SAFETY: both ranges are inside their tables.
        unsafe { ptr::copy((from as *const u64).add(place), (to as *mut u64).add(place), now as usize) };
        done += now;
        if done < elements {
            let first = if to <= from { done } else { 0 };
            let (destination, source, rest) = (destination + first, source + first, elements - done);
            let args = [destination_table.addr() as u64, source_table.addr() as u64, destination, source, rest];
            // SAFETY: the caller's promise; the arguments are good for what is left to be done.
            if unsafe { goes_on_later(context, Builtin::table_copy, args) } {
                break;
            }
        }
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
    let (range, segment) = init_range(segment, destination, source, elements);
    let is_left = |done| {
        let args = rest_of(range, index, segment, done);
        // SAFETY: the caller's promise; the arguments are good for what is left to be done.
        unsafe { goes_on_later(context, Builtin::table_init, args) }
    };
    let (table, segment) = (TableIndex::from_u32(index), ElemIndex::from_u32(segment));
    u32::from(store.table_init(&instance, table, segment, range, is_left).is_some())
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
/// As for every builtin.
pub unsafe extern "sysv64" fn object_new(context: Context, type_id: u32, length: u32) -> i64 {
    // SAFETY: the caller's promise.
    let store = unsafe { store_of(context) };
    store.allocate(TypeId(type_id), length, &[]).map_or(0, i64::from)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn object_written(context: Context, object: u64, at: u64) {
    // SAFETY: the caller's promise.
    let store = unsafe { store_of(context) };
    if let Some(heap) = store.heap() {
        heap.borrow_mut().written(object as u32, at as u32, at as u32 + 4);
    }
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_fill(
    context: Context,
    array: u64,
    index: u32,
    low: u64,
    high: u64,
    elements: u32,
) -> u32 {
    // SAFETY: the caller's promise.
    let store = unsafe { store_of(context) };
    let Some(heap) = store.heap() else { return 0 };
    let bits = u128::from(high) << 64 | u128::from(low);
    let mut done = 0;
    if !has_elements(&heap.borrow(), array as u32, index, elements) {
        return 0;
    }
    while done < elements {
        let now = (STRETCH_OF_ELEMENTS as u32).min(elements - done);
        if heap.borrow_mut().fill(array as u32, index + done, now, bits).is_err() {
            return 0;
        }
        done += now;
        let args = [array, (index + done).into(), low, high, (elements - done).into()];
        // SAFETY: the caller's promise; the arguments are good for what is left to be done.
        if done < elements && unsafe { goes_on_later(context, Builtin::array_fill, args) } {
            break;
        }
    }
    1
}

/// Whether an array has so many elements from one on.
fn has_elements(heap: &Heap, array: u32, index: u32, elements: u32) -> bool {
    u64::from(index) + u64::from(elements) <= heap.length_of(array).into()
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_copy(
    context: Context,
    destination: u64,
    index: u32,
    source: u64,
    source_index: u32,
    elements: u32,
) -> u32 {
    // SAFETY: the caller's promise.
    let store = unsafe { store_of(context) };
    let Some(heap) = store.heap() else { return 0 };
    let (to, from) = (destination as u32, source as u32);
    let (log2, is_traced) = {
        let heap = heap.borrow();
        if !has_elements(&heap, to, index, elements) || !has_elements(&heap, from, source_index, elements) {
            return 0;
        }
        heap.elements_of(to)
    };
    let offset = |place: u32| elements_offset(1 << log2) + (place << log2);
    let stretch = (STRETCH >> log2) as u32;
    let mut done = 0;
    while done < elements {
        let now = stretch.min(elements - done);
        // As in `memory_copy`.
        let is_forward = to != from || index <= source_index;
        let place = if is_forward { done } else { elements - done - now };
        let (to_part, from_part) = ((to, offset(index + place)), (from, offset(source_index + place)));
        if heap.borrow_mut().copy(to_part, from_part, now << log2, is_traced).is_err() {
            return 0;
        }
        done += now;
        if done < elements {
            let first = if is_forward { done } else { 0 };
            let (index, source_index) = ((index + first).into(), (source_index + first).into());
            let args = [destination, index, source, source_index, (elements - done).into()];
            // SAFETY: the caller's promise; the arguments are good for what is left to be done.
            if unsafe { goes_on_later(context, Builtin::array_copy, args) } {
                break;
            }
        }
    }
    1
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_new_data(
    context: Context,
    type_id: u32,
    segment: u32,
    source: u32,
    elements: u32,
) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    store.array_of_data(&instance, TypeId(type_id), DataIndex::from_u32(segment), source, elements)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_new_elem(
    context: Context,
    type_id: u32,
    segment: u32,
    source: u32,
    elements: u32,
) -> i64 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    store.array_of_elements(&instance, TypeId(type_id), ElemIndex::from_u32(segment), source, elements)
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_init_data(
    context: Context,
    array: u64,
    index: u32,
    segment: u32,
    source: u32,
    elements: u32,
) -> i32 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let Some(heap) = store.heap() else { return 0 };
    let mut heap = heap.borrow_mut();
    if !has_elements(&heap, array as u32, index, elements) {
        return 0;
    }
    let (log2, _) = heap.elements_of(array as u32);
    let Some(bytes) = instance.data(DataIndex::from_u32(segment), source, u64::from(elements) << log2) else {
        return objects::OUTSIDE as i32;
    };
    let written = heap.write(array as u32, elements_offset(1 << log2) + (index << log2), bytes);
    i32::from(written.is_ok())
}

/// # Safety
///
/// As for every builtin.
pub unsafe extern "sysv64" fn array_init_elem(
    context: Context,
    array: u64,
    index: u32,
    segment: u32,
    source: u32,
    elements: u32,
) -> i32 {
    // SAFETY: the caller's promise.
    let (store, instance) = unsafe { caller(context) };
    let is_inside = store.heap().is_some_and(|heap| has_elements(&heap.borrow(), array as u32, index, elements));
    if !is_inside {
        return 0;
    }
    let segment = ElemIndex::from_u32(segment);
    match store.write_elements(&instance, array as u32, index, segment, source, elements) {
        Some(outcome) => i32::from(outcome.is_ok()),
        None => objects::OUTSIDE as i32,
    }
}
