//! Structures and arrays of a store: making them, reading and changing what is in them.
//!
//! The heap is made when it is first needed. Invariants: it is borrowed for one operation at a time, and never while guest or host
//! code runs; whoever makes an object puts it where [roots](super::roots) are found before the next is made. Read next: [`super::gc`].

use super::Store;
use super::entities::holds::Hold;
use super::entities::host_roots::RootKind;
use super::entities::instance::InstanceData;
use super::gc::{Heap, HeapOptions, Parked, Statistics, WeakSlot};
use super::roots::StoreRoots;
use crate::abi::builtins::objects;
use crate::abi::heap::{NULL, elements_offset, flags, is_object};
use crate::abi::object_layout::{StructLayout, is_traced, storage_bytes};
use crate::abi::references::host_number;
use crate::base::{
    CompositeType, DataIndex, ElemIndex, Error, ErrorKind, FieldType, Object, RawValue, Result, StorageType, TypeId,
    ValType, Value, WeakObject, error::bail,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of addresses for a heap whose limit is small now, and may be raised.
const LEAST_RESERVATION: u64 = 16 << 20;

/// A field of a structure or an element of an array.
struct Part {
    field: FieldType,
    offset: u32,
}

/// What a heap tells of itself.
#[derive(Clone, Debug, Default)]
pub struct HeapStatistics {
    /// Bytes of blocks that objects are in.
    pub used_bytes: u64,
    /// Objects and values that the host has references to.
    pub references: u64,
    /// What the collector did.
    pub collector: Statistics,
}

/// The hole that an interrupted guest allocates in, which is given back when this goes.
pub(super) struct ParkedHole {
    heap: Rc<RefCell<Heap>>,
    parked: Option<Parked>,
}

impl ParkedHole {
    /// The guest runs on.
    ///
    /// Errors: `System`; it is still parked then.
    pub(super) fn unpark(&mut self) -> Result<()> {
        if let Some(parked) = &self.parked {
            self.heap.borrow_mut().unpark(parked)?;
            self.parked = None;
        }
        Ok(())
    }
}

impl Drop for ParkedHole {
    fn drop(&mut self) {
        if let Some(parked) = &self.parked {
            self.heap.borrow_mut().forget_parked(parked);
        }
    }
}

impl Store {
    /// The heap, if there is one.
    pub(super) fn heap(&self) -> Option<&Rc<RefCell<Heap>>> {
        self.inner().heap.get()
    }

    /// The heap, which is made if there is none.
    ///
    /// Errors: `System` if there are no addresses for it.
    pub(super) fn heap_or_new(&self) -> Result<&Rc<RefCell<Heap>>> {
        if let Some(heap) = self.heap() {
            return Ok(heap);
        }
        let most_bytes = self.limits().heap_bytes;
        let stress = self.engine().config().stress_heap;
        let reservation = most_bytes.max(LEAST_RESERVATION);
        let heap = Heap::new(self.engine().layouts().clone(), HeapOptions { reservation, most_bytes, stress })?;
        self.set_vm_heap(heap.vm());
        let heap = Rc::new(RefCell::new(heap));
        Ok(self.inner().heap.get_or_init(|| heap))
    }

    /// Makes an object of zeroes. `kept` are words that the collector has to look at beside all others.
    ///
    /// Errors: `Limit` if there is no room; `System`.
    #[inline]
    pub(super) fn allocate(&self, ty: TypeId, length: u32, kept: &[u128]) -> Result<u32> {
        // Most of the time that is all, and what comes with a collection would take longer.
        let made = self.heap().and_then(|heap| heap.borrow_mut().allocate_quickly(ty.0, length));
        made.map_or_else(|| self.allocate_or_collect(ty, length, kept), Ok)
    }

    #[cold]
    fn allocate_or_collect(&self, ty: TypeId, length: u32, kept: &[u128]) -> Result<u32> {
        let heap = self.heap_or_new()?;
        self.collecting(heap, |heap, roots| heap.allocate(roots, ty.0, length), kept)
    }

    /// Does what may collect, with these words among the roots, and finalizes the host's values that nobody has any more.
    fn collecting<R>(
        &self,
        heap: &RefCell<Heap>,
        collect: impl FnOnce(&mut Heap, &mut StoreRoots<'_>) -> Result<R>,
        kept: &[u128],
    ) -> Result<R> {
        let outcome = {
            let mut heap = heap.borrow_mut();
            self.before_collecting(&mut heap);
            let before = heap.statistics().major;
            let outcome = collect(&mut heap, &mut StoreRoots::new(self, kept));
            self.after_collecting(&heap, before);
            outcome
        };
        // Not while the heap is borrowed: this is the host's code.
        self.inner().externs.finalize();
        outcome
    }

    fn before_collecting(&self, heap: &mut Heap) {
        self.inner().host_roots.borrow_mut().release_ended();
        heap.set_most_bytes(self.limits().heap_bytes);
        heap.set_host_values(self.inner().externs.count());
    }

    fn after_collecting(&self, heap: &Heap, before: u64) {
        if heap.statistics().major != before {
            self.inner().externs.sweep(|number| heap.has_met(number), heap.statistics().live_bytes);
        }
    }

    /// Frees what can't be reached, all of it.
    ///
    /// Errors: `System`.
    pub fn collect_garbage(&self) -> Result<()> {
        let Some(heap) = self.heap() else { return Ok(()) };
        self.collecting(heap, |heap, roots| heap.collect(roots), &[])
    }

    /// Collects for about as long as this; answers whether there would be more to do.
    ///
    /// Errors: `System`.
    pub fn step_collection(&self, budget: Duration) -> Result<bool> {
        let Some(heap) = self.heap() else { return Ok(false) };
        self.collecting(heap, |heap, roots| heap.step(roots, budget), &[])
    }

    /// Keeps a word's object or host value, if it is one, as long as what is answered is there.
    ///
    /// Errors: `System`.
    pub fn hold(&self, word: u64) -> Result<Option<Hold>> {
        // References of other hierarchies are numbers and addresses, which may look like one.
        let is_kept = |word: &u32| match host_number(*word) {
            Some(number) => self.inner().externs.is_there(number.into()),
            None => self.object_at(*word).is_some(),
        };
        let reference = u32::try_from(word).ok().filter(is_kept);
        reference.map(|reference| self.inner().holds.hold(reference)).transpose()
    }

    /// The same for all objects among these words.
    ///
    /// Errors: `System`.
    pub(super) fn hold_all(&self, words: impl Iterator<Item = u64>) -> Result<Vec<Hold>> {
        words.filter_map(|word| self.hold(word).transpose()).collect()
    }

    /// Keeps the hole of a guest that was interrupted; none if there is no heap.
    ///
    /// Errors: `System`.
    pub(super) fn park(&self) -> Result<Option<ParkedHole>> {
        let Some(heap) = self.heap() else { return Ok(None) };
        let parked = heap.borrow_mut().park()?;
        Ok(Some(ParkedHole { heap: heap.clone(), parked: Some(parked) }))
    }

    /// The type of the object that a word refers to, if it does, and the kind.
    fn object_at(&self, word: u32) -> Option<(TypeId, u32)> {
        if !is_object(word) {
            return None;
        }
        let mut heap = self.heap()?.borrow_mut();
        // Without memory for the types that were added meanwhile it may be of one of them.
        heap.refresh().ok()?;
        heap.object_at(word).map(|object| (TypeId(heap.type_of(object)), heap.kind_of(object)))
    }

    /// The type of the structure or array that a word refers to, if it does.
    pub(super) fn type_of_word(&self, word: u32) -> Option<TypeId> {
        self.object_at(word).filter(|(_, kind)| *kind != flags::EXCEPTION).map(|(ty, _)| ty)
    }

    /// Whether a word refers to an exception.
    pub(super) fn is_exception(&self, word: u32) -> bool {
        self.object_at(word).is_some_and(|(_, kind)| kind == flags::EXCEPTION)
    }

    /// Bits of an object that guest code has a reference to; none of null.
    pub fn object_bits(&self, object: u32, offset: u32, bytes: u8) -> Option<u128> {
        self.type_of_word(object)?;
        let mut buffer = [0; 16];
        let heap = self.heap()?.borrow();
        heap.read(object, offset, &mut buffer[..usize::from(bytes)]).ok()?;
        Some(u128::from_le_bytes(buffer))
    }

    /// The length of an array that guest code has a reference to; none of null.
    pub fn length_of_word(&self, array: u32) -> Option<u32> {
        self.type_of_word(array)?;
        Some(self.heap()?.borrow().length_of(array))
    }

    /// Puts bits into a part of an object.
    pub(super) fn write_part(&self, object: u32, storage: StorageType, offset: u32, bits: u128) -> Result<()> {
        let mut heap = self.heap_or_new()?.borrow_mut();
        if is_traced(storage) {
            heap.write_reference(object, offset, bits as u32)
        } else {
            heap.write(object, offset, &bits.to_le_bytes()[..storage_bytes(storage) as usize])
        }
    }

    /// Makes a structure of these values, or an array.
    ///
    /// Errors: as [`Store::allocate`].
    pub(super) fn object_of_bits(&self, ty: TypeId, values: &[u128], kept: &[u128]) -> Result<u32> {
        let parts = self.engine().types().get(ty);
        match &parts.composite {
            CompositeType::Struct(fields) => {
                let object = self.allocate(ty, 0, kept)?;
                let layout = StructLayout::new(fields);
                for ((offset, field), bits) in layout.offsets.iter().zip(fields).zip(values) {
                    self.write_part(object, field.storage, *offset, *bits)?;
                }
                Ok(object)
            }
            CompositeType::Array(element) => {
                let length = u32::try_from(values.len())
                    .map_err(|_| Error::new(ErrorKind::Limit, "an array can't have so many elements"))?;
                let object = self.allocate(ty, length, kept)?;
                let bytes = storage_bytes(element.storage);
                for (place, bits) in (0..).zip(values) {
                    self.write_part(object, element.storage, elements_offset(bytes) + place * bytes, *bits)?;
                }
                Ok(object)
            }
            CompositeType::Func(_) => bail!(InvalidArgument, "neither structures nor arrays are of function types"),
        }
    }

    /// Makes an array of equal elements.
    ///
    /// Errors: as [`Store::allocate`].
    pub(super) fn array_of_bits(&self, ty: TypeId, bits: u128, length: u32, kept: &[u128]) -> Result<u32> {
        let array = self.allocate(ty, length, kept)?;
        if bits != 0 {
            self.heap_or_new()?.borrow_mut().fill(array, 0, length, bits)?;
        }
        Ok(array)
    }

    /// `array.new_data`; answers as the builtin does.
    pub(super) fn array_of_data(
        &self,
        instance: &InstanceData,
        ty: TypeId,
        segment: DataIndex,
        from: u32,
        count: u32,
    ) -> i64 {
        let bytes = match self.heap().and_then(|heap| heap.borrow().element_bytes(ty.0)) {
            Some(bytes) => bytes,
            // The heap hasn't met the type yet.
            None => match self.engine().types().get(ty).composite {
                CompositeType::Array(element) => storage_bytes(element.storage),
                _ => return 0,
            },
        };
        let Some(data) = instance.data(segment, from, u64::from(count) * u64::from(bytes)) else {
            return objects::OUTSIDE;
        };
        let Ok(array) = self.allocate(ty, count, &[]) else { return 0 };
        let heap = self.heap().expect("it has an array");
        let written = heap.borrow_mut().write(array, elements_offset(bytes), data);
        if written.is_ok() { array.into() } else { 0 }
    }

    /// `array.new_elem`, likewise.
    pub(super) fn array_of_elements(
        &self,
        instance: &InstanceData,
        ty: TypeId,
        segment: ElemIndex,
        from: u32,
        count: u32,
    ) -> i64 {
        if u64::from(from) + u64::from(count) > instance.element_count(segment) {
            return objects::OUTSIDE;
        }
        let Ok(array) = self.allocate(ty, count, &[]) else { return 0 };
        match self.write_elements(instance, array, 0, segment, from, count) {
            Some(Ok(())) => array.into(),
            _ => 0,
        }
    }

    /// Copies elements of a segment into an array that has room for them; none if the segment hasn't so many.
    pub(super) fn write_elements(
        &self,
        instance: &InstanceData,
        array: u32,
        index: u32,
        segment: ElemIndex,
        from: u32,
        count: u32,
    ) -> Option<Result<()>> {
        if u64::from(from) + u64::from(count) > instance.element_count(segment) {
            return None;
        }
        let ty = self.type_of_word(array)?;
        let CompositeType::Array(element) = self.engine().types().get(ty).composite else { return None };
        let bytes = storage_bytes(element.storage);
        let mut places = 0..count;
        Some(places.try_for_each(|place| {
            let bits = instance.element(segment, (from + place) as usize);
            self.write_part(array, element.storage, elements_offset(bytes) + (index + place) * bytes, bits.into())
        }))
    }

    /// The type of an object.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if the handle is out of date.
    pub fn object_type(&self, object: Object) -> Result<TypeId> {
        let word = self.object_word(object)?;
        Ok(self.type_of_word(word).expect("the host's references keep their objects"))
    }

    /// Makes a structure.
    ///
    /// Errors: `InvalidArgument` if the type is none of the engine's structure types, for a wrong number of values, or one that isn't
    /// available; `TypeMismatch`; `WrongStore`, `OutOfRange` for a bad reference; `Limit` if there is no room; `System`.
    pub fn struct_new(&self, ty: TypeId, values: &[Value]) -> Result<Object> {
        let CompositeType::Struct(fields) = self.composite(ty)? else {
            bail!(InvalidArgument, "type {} isn't a structure's", { ty.0 });
        };
        if values.len() != fields.len() {
            bail!(InvalidArgument, "{} values are given, the structure has {} fields", values.len(), fields.len());
        }
        let raw = |(place, (value, field)): (usize, (&Value, &FieldType))| self.part_bits(value, field.storage, place);
        let bits = values.iter().zip(&fields).enumerate().map(raw).collect::<Result<Vec<_>>>()?;
        self.new_object(self.object_of_bits(ty, &bits, &bits)?)
    }

    /// Makes an array of so many equal elements.
    ///
    /// Errors: as [`Store::struct_new`].
    pub fn array_new(&self, ty: TypeId, length: u32, value: &Value) -> Result<Object> {
        let CompositeType::Array(element) = self.composite(ty)? else {
            bail!(InvalidArgument, "type {} isn't an array's", { ty.0 });
        };
        let bits = self.part_bits(value, element.storage, 0)?;
        self.new_object(self.array_of_bits(ty, bits, length, &[bits])?)
    }

    fn composite(&self, ty: TypeId) -> Result<CompositeType> {
        let types = self.engine().types();
        if ty.0 as usize >= types.count() {
            bail!(InvalidArgument, "the engine has no type {}", { ty.0 });
        }
        // Types that the host has made may be newer than all modules.
        self.engine().add_layouts()?;
        Ok(types.get(ty).composite.clone())
    }

    fn part_bits(&self, value: &Value, storage: StorageType, place: usize) -> Result<u128> {
        Ok(self.raw_as(value, storage.unpacked(), "value #", place)?.bits())
    }

    fn new_object(&self, word: u32) -> Result<Object> {
        let index = self.inner().host_roots.borrow_mut().add(word, RootKind::Object)?;
        Ok(Object { store: self.id(), index })
    }

    /// How many fields or elements an object has.
    ///
    /// Errors: as [`Store::object_type`].
    pub fn object_length(&self, object: Object) -> Result<u32> {
        Ok(match &self.engine().types().get(self.object_type(object)?).composite {
            CompositeType::Struct(fields) => fields.len() as u32,
            _ => self.length_of_word(self.object_word(object)?).expect("an array"),
        })
    }

    /// A field of a structure or an element of an array, of an object that is there.
    fn part(&self, object: u32, index: u32) -> Result<Part> {
        let ty = self.type_of_word(object).expect("the host's references keep their objects");
        let (field, offset, count) = match &self.engine().types().get(ty).composite {
            CompositeType::Struct(fields) => {
                let offset = StructLayout::new(fields).offsets.get(index as usize).copied();
                (fields.get(index as usize).copied(), offset, fields.len() as u32)
            }
            CompositeType::Array(element) => {
                let (count, bytes) = (self.length_of_word(object).unwrap_or(0), storage_bytes(element.storage));
                let is_there = index < count;
                let offset = is_there.then(|| elements_offset(bytes) + index * bytes);
                (Some(*element), offset, count)
            }
            CompositeType::Func(_) => (None, None, 0),
        };
        match field.zip(offset) {
            Some((field, offset)) => Ok(Part { field, offset }),
            None => bail!(OutOfRange, "the object has {count} fields or elements, there is no number {index}"),
        }
    }

    /// A field of a structure, or an element of an array, by its place. Those of 8 and 16 bits are zero-extended.
    ///
    /// Errors: `WrongStore`; `OutOfRange`, also if the handle is out of date.
    pub fn object_get(&self, object: Object, index: u32) -> Result<Value> {
        let (ty, raw) = self.object_raw(object, index)?;
        Ok(self.value_of(ty, raw))
    }

    /// The same as its type and bits.
    ///
    /// Errors: as [`Store::object_get`].
    pub fn object_raw(&self, object: Object, index: u32) -> Result<(ValType, RawValue)> {
        let word = self.object_word(object)?;
        let Part { field, offset } = self.part(word, index)?;
        let bits = self.object_bits(word, offset, storage_bytes(field.storage) as u8).expect("it is there");
        Ok((field.storage.unpacked(), RawValue::from_bits(bits)))
    }

    /// Keeps an object, and its handle good, as long as somebody has this; answers the word that it is for guest code.
    ///
    /// Errors: as [`Store::object_type`]; `System`.
    pub fn object_keep_while(&self, object: Object, owner: &Arc<()>) -> Result<u32> {
        let word = self.object_word(object)?;
        self.inner().host_roots.borrow_mut().keep_while(word, owner)?;
        Ok(word)
    }

    /// Sets it; of the bits of an `i32` as many are kept as there is room for.
    ///
    /// Errors: as [`Store::object_get`]; `InvalidArgument` if it is immutable; `TypeMismatch`.
    pub fn object_set(&self, object: Object, index: u32, value: &Value) -> Result<()> {
        let word = self.object_word(object)?;
        let Part { field, offset } = self.part(word, index)?;
        if !field.mutable {
            bail!(InvalidArgument, "field {index} is immutable");
        }
        let bits = self.part_bits(value, field.storage, index as usize)?;
        self.write_part(word, field.storage, offset, bits)
    }

    /// Where in an array of numbers these bytes of its elements are.
    fn bytes_at(&self, array: u32, first: u64, count: usize, writes: bool) -> Result<u32> {
        let ty = self.type_of_word(array).expect("the host's references keep their objects");
        let CompositeType::Array(element) = self.engine().types().get(ty).composite else {
            bail!(TypeMismatch, "the object is a structure");
        };
        if let StorageType::Val(ValType::Ref(_)) = element.storage {
            bail!(TypeMismatch, "the array's elements are references");
        }
        if writes && !element.mutable {
            bail!(InvalidArgument, "the array's elements are immutable");
        }
        let bytes = storage_bytes(element.storage);
        let length = u64::from(self.length_of_word(array).unwrap_or(0)) * u64::from(bytes);
        if first.checked_add(count as u64).is_none_or(|end| end > length) {
            bail!(OutOfRange, "the array has {length} bytes");
        }
        Ok(elements_offset(bytes) + first as u32)
    }

    /// Copies bytes of an array of numbers, from one on, as they are in memory: little-endian.
    ///
    /// Errors: `WrongStore`; `OutOfRange`, also if the handle is out of date; `TypeMismatch` if it isn't an array of numbers.
    pub fn array_read(&self, array: Object, first: u64, into: &mut [u8]) -> Result<()> {
        let word = self.object_word(array)?;
        let at = self.bytes_at(word, first, into.len(), false)?;
        self.heap_or_new()?.borrow().read(word, at, into)
    }

    /// Replaces them.
    ///
    /// Errors: the same, and `InvalidArgument` if they are immutable.
    pub fn array_write(&self, array: Object, first: u64, bytes: &[u8]) -> Result<()> {
        let word = self.object_word(array)?;
        let at = self.bytes_at(word, first, bytes.len(), true)?;
        self.heap_or_new()?.borrow_mut().write(word, at, bytes)
    }

    /// Keeps a reference good until it is released as often, whatever scopes are closed. Other values are good anyhow.
    ///
    /// Errors: as [`Store::to_raw`]; `System`.
    pub fn value_keep(&self, value: &Value) -> Result<()> {
        let Some(word) = self.rooted_word(value)? else { return Ok(()) };
        let mut roots = self.inner().host_roots.borrow_mut();
        if !roots.keep(word) {
            // A value of the host's whose scope was closed, which the guest has.
            roots.add(word, RootKind::Host)?;
            roots.keep(word);
        }
        Ok(())
    }

    /// Undoes one [`Store::value_keep`].
    ///
    /// Errors: as [`Store::to_raw`]; `InvalidState` if it wasn't kept.
    pub fn value_release(&self, value: &Value) -> Result<()> {
        let Some(word) = self.rooted_word(value)? else { return Ok(()) };
        if !self.inner().host_roots.borrow_mut().release(word) {
            bail!(InvalidState, "the reference isn't kept");
        }
        Ok(())
    }

    /// The word of what goes if nobody has a reference to it.
    fn rooted_word(&self, value: &Value) -> Result<Option<u32>> {
        let word = self.to_raw(value)?.lo as u32;
        Ok(match value {
            Value::ExternRef(_) | Value::AnyRef(_) | Value::ExnRef(_) => match host_number(word) {
                Some(number) => Some(word).filter(|_| !self.inner().externs.is_permanent(number)),
                None => Some(word).filter(|word| is_object(*word)),
            },
            _ => None,
        })
    }

    /// What the heap tells of itself.
    pub fn heap_statistics(&self) -> HeapStatistics {
        let references = self.inner().host_roots.borrow().count() as u64;
        let Some(heap) = self.heap() else { return HeapStatistics { references, ..HeapStatistics::default() } };
        let heap = heap.borrow();
        let collector = heap.statistics().clone();
        HeapStatistics { used_bytes: heap.used_bytes(), references, collector }
    }

    /// All objects by type: how many there are, and their bytes. Garbage is collected first.
    ///
    /// Errors: `System`.
    pub fn objects_by_type(&self) -> Result<BTreeMap<TypeId, (u64, u64)>> {
        self.collect_garbage()?;
        let mut found: BTreeMap<TypeId, (u64, u64)> = BTreeMap::new();
        if let Some(heap) = self.heap() {
            heap.borrow().each_object(|seen| {
                let (count, bytes) = found.entry(TypeId(seen.type_number)).or_default();
                *count += 1;
                *bytes += u64::from(seen.bytes);
            });
        }
        Ok(found)
    }

    /// The objects and exceptions that refer to one, each once, at most so many. Garbage is collected first.
    ///
    /// Errors: as [`Store::object_type`]; `System`.
    pub fn object_referrers(&self, object: Object, most: usize) -> Result<Vec<Value>> {
        let word = self.object_word(object)?;
        self.collect_garbage()?;
        let mut found = Vec::new();
        if let Some(heap) = self.heap() {
            heap.borrow().each_referrer(word, |referrer, _| {
                if found.len() < most && found.last() != Some(&referrer) {
                    found.push(referrer);
                }
            });
        }
        let value = |word| {
            let ty = if self.is_exception(word) { ValType::EXNREF } else { ValType::ANYREF };
            self.value_of(ty, RawValue::new(word.into()))
        };
        Ok(found.into_iter().map(value).collect())
    }

    /// A reference to an object that doesn't keep it. To be given back by [`Store::weak_delete`].
    ///
    /// Errors: as [`Store::object_type`]; `System`.
    pub fn weak_new(&self, object: Object) -> Result<WeakObject> {
        let word = self.object_word(object)?;
        let WeakSlot(index) = self.heap_or_new()?.borrow_mut().add_weak(word)?;
        Ok(WeakObject { store: self.id(), index })
    }

    /// The object of a weak reference, if it is still there.
    ///
    /// Errors: `WrongStore`; `StaleHandle` if the weak reference was deleted; `Limit`; `System`.
    pub fn weak_get(&self, weak: WeakObject) -> Result<Option<Object>> {
        self.check(weak.store)?;
        let found = self.heap().and_then(|heap| heap.borrow().weak(WeakSlot(weak.index)));
        match found {
            None => bail!(StaleHandle, "the weak reference was deleted"),
            Some(NULL) => Ok(None),
            Some(word) => self.new_object(word).map(Some),
        }
    }

    /// Ends a weak reference.
    ///
    /// Errors: `WrongStore`; `StaleHandle` if it has ended already.
    pub fn weak_delete(&self, weak: WeakObject) -> Result<()> {
        self.check(weak.store)?;
        let is_ended = self.heap().is_some_and(|heap| heap.borrow_mut().remove_weak(WeakSlot(weak.index)));
        if is_ended { Ok(()) } else { bail!(StaleHandle, "the weak reference was deleted") }
    }
}
