//! Structures and arrays of a store: making them, reading and changing what is in them.
//!
//! The heap is made when it is first needed. Invariants: it is borrowed for one operation at a time, and never while guest or host
//! code runs; whoever makes an object puts it where [roots](super::roots) are found before the next is made. Read next: [`super::gc`].

use super::Store;
use super::entities::holds::Hold;
use super::entities::instance::InstanceData;
use super::gc::{Heap, HeapOptions, Parked};
use super::roots::StoreRoots;
use crate::abi::builtins::objects;
use crate::abi::heap::{elements_offset, is_object};
use crate::abi::object_layout::{StructLayout, is_traced, storage_bytes};
use crate::base::{
    CompositeType, DataIndex, ElemIndex, Error, ErrorKind, Object, Result, StorageType, TypeId, error::bail,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

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
        let heap =
            Heap::new(self.engine().layouts().clone(), HeapOptions { reservation: most_bytes, most_bytes, stress })?;
        self.set_vm_heap(heap.vm());
        let heap = Rc::new(RefCell::new(heap));
        Ok(self.inner().heap.get_or_init(|| heap))
    }

    /// Makes an object of zeroes. `kept` are words that the collector has to look at beside all others.
    ///
    /// Errors: `Limit` if there is no room; `System`.
    pub(super) fn allocate(&self, ty: TypeId, length: u32, kept: &[u128]) -> Result<u32> {
        let heap = self.heap_or_new()?;
        let mut heap = heap.borrow_mut();
        self.before_collecting(&mut heap);
        let before = heap.statistics().major;
        let made = heap.allocate(&mut StoreRoots::new(self, kept), ty.0, length);
        self.after_collecting(&heap, before);
        made
    }

    fn before_collecting(&self, heap: &mut Heap) {
        heap.set_most_bytes(self.limits().heap_bytes);
        heap.set_host_values(self.inner().externs.count());
    }

    fn after_collecting(&self, heap: &Heap, before: u64) {
        if heap.statistics().major != before {
            self.inner().externs.sweep(|number| heap.has_met(number));
        }
    }

    /// Frees what can't be reached, all of it.
    ///
    /// Errors: `System`.
    pub fn collect_garbage(&self) -> Result<()> {
        let Some(heap) = self.heap() else { return Ok(()) };
        let outcome = {
            let mut heap = heap.borrow_mut();
            self.before_collecting(&mut heap);
            let before = heap.statistics().major;
            let outcome = heap.collect(&mut StoreRoots::new(self, &[]));
            self.after_collecting(&heap, before);
            outcome
        };
        self.inner().externs.finalize();
        outcome
    }

    /// Collects for about as long as this; answers whether there would be more to do.
    ///
    /// Errors: `System`.
    pub fn step_collection(&self, budget: Duration) -> Result<bool> {
        let Some(heap) = self.heap() else { return Ok(false) };
        let outcome = {
            let mut heap = heap.borrow_mut();
            self.before_collecting(&mut heap);
            let before = heap.statistics().major;
            let outcome = heap.step(&mut StoreRoots::new(self, &[]), budget);
            self.after_collecting(&heap, before);
            outcome
        };
        self.inner().externs.finalize();
        outcome
    }

    /// Keeps a word's object, if it is one, as long as what is answered is there.
    ///
    /// Errors: `System`.
    pub(crate) fn hold(&self, word: u64) -> Result<Option<Hold>> {
        let reference = u32::try_from(word).ok().filter(|word| is_object(*word));
        reference.map(|reference| self.inner().holds.hold(reference)).transpose()
    }

    /// The same for all objects among these words.
    ///
    /// Errors: `System`.
    pub(crate) fn hold_all(&self, words: impl Iterator<Item = u64>) -> Result<Vec<Hold>> {
        // Without a heap there are none.
        let Some(heap) = self.heap() else { return Ok(Vec::new()) };
        let heap = heap.borrow();
        let is_there =
            |word: &u64| u32::try_from(*word).is_ok_and(|word| is_object(word) && heap.object_at(word).is_some());
        words.filter(is_there).filter_map(|word| self.hold(word).transpose()).collect()
    }

    /// Keeps the hole of a guest that was interrupted; none if there is no heap.
    ///
    /// Errors: `System`.
    pub(super) fn park(&self) -> Result<Option<ParkedHole>> {
        let Some(heap) = self.heap() else { return Ok(None) };
        let parked = heap.borrow_mut().park()?;
        Ok(Some(ParkedHole { heap: heap.clone(), parked: Some(parked) }))
    }

    /// The type of the object that a word refers to, if it does.
    pub(super) fn type_of_word(&self, word: u32) -> Option<TypeId> {
        if !is_object(word) {
            return None;
        }
        let mut heap = self.heap()?.borrow_mut();
        // Without memory for the types that were added meanwhile it may be of one of them.
        heap.refresh().ok()?;
        heap.object_at(word).map(|object| TypeId(heap.type_of(object)))
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
            CompositeType::Func(_) => bail!(InvalidArgument, "objects aren't of function types"),
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
        let CompositeType::Array(element) = self.engine().types().get(ty).composite else { return 0 };
        let bytes = storage_bytes(element.storage);
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
}
