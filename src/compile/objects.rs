//! Structures and arrays: making them, and what is in them. They are laid out as [`heap`](crate::abi::heap) says.
//!
//! An access through null faults, as nothing is accessible at the beginning of the heap; where nothing may fault, or a field is further
//! on, the reference is compared before. Read next: [`references`](super::references).

use super::function::{Region, Translator};
use super::signatures::clif_type;
use super::target;
use crate::abi::builtins::{Builtin, objects};
use crate::abi::fuel::{BYTES_LOG2, ELEMENTS_LOG2};
use crate::abi::heap::{self, flags, object, vm_heap};
use crate::abi::object_layout::{StructLayout, is_traced, storage_bytes, unpacked};
use crate::abi::vmctx::{STORE_CONTEXT, store_context};
use crate::base::{FieldType, HeapType, StorageType, TrapCode, TypeIndex, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Endianness, InstBuilder, MemFlagsData, Value, types};
use std::rc::Rc;
use wasmparser::Operator;

/// Zeroes that guest code stores one by one: an operator with few bytes may ask for many.
const MOST_DEFAULTS: usize = 32;

/// A place in an object.
#[derive(Clone, Copy)]
struct Place {
    /// The object.
    reference: Value,
    /// The address that the offset counts from: inside the object.
    base: Value,
    offset: i32,
}

/// Whether a place is written for the first time, when nobody has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Old,
}

impl<'a> Translator<'a> {
    pub(super) fn object_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::StructNew { struct_type_index } => {
                let ty = TypeIndex::from_u32(struct_type_index);
                let values = self.pop_values(self.fields(ty).len());
                self.struct_new(ty, &values);
            }
            Operator::StructNewDefault { struct_type_index } => {
                let ty = TypeIndex::from_u32(struct_type_index);
                self.struct_new_default(ty);
            }
            Operator::StructGet { struct_type_index, field_index }
            | Operator::StructGetU { struct_type_index, field_index } => {
                self.struct_get(struct_type_index, field_index, false);
            }
            Operator::StructGetS { struct_type_index, field_index } => {
                self.struct_get(struct_type_index, field_index, true);
            }
            Operator::StructSet { struct_type_index, field_index } => {
                let (reference, value) = self.pop2();
                let (place, storage) = self.field(reference.value, struct_type_index, field_index);
                self.store_at(place, storage, value.value, Stage::Old);
            }
            Operator::ArrayNew { array_type_index } => {
                let (value, length) = self.pop2();
                let array = self.array_new(TypeIndex::from_u32(array_type_index), Some(value.value), length.value);
                self.push(ValType::ANYREF, array);
            }
            Operator::ArrayNewDefault { array_type_index } => {
                let length = self.pop();
                let array = self.array_new(TypeIndex::from_u32(array_type_index), None, length.value);
                self.push(ValType::ANYREF, array);
            }
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                self.array_new_fixed(TypeIndex::from_u32(array_type_index), array_size);
            }
            Operator::ArrayNewData { array_type_index, array_data_index } => {
                let code = TrapCode::MemoryOutOfBounds;
                self.array_from_segment(Builtin::array_new_data, array_type_index, array_data_index, code);
            }
            Operator::ArrayNewElem { array_type_index, array_elem_index } => {
                let code = TrapCode::TableOutOfBounds;
                self.array_from_segment(Builtin::array_new_elem, array_type_index, array_elem_index, code);
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(array_type_index, false);
            }
            Operator::ArrayGetS { array_type_index } => self.array_get(array_type_index, true),
            Operator::ArraySet { array_type_index } => {
                let (index, value) = self.pop2();
                let array = self.pop();
                let (place, storage) = self.array_element(array.value, array_type_index, index.value);
                self.store_at(place, storage, value.value, Stage::Old);
            }
            Operator::ArrayLen => {
                let array = self.pop();
                let length = self.length(array.value);
                self.push(ValType::I32, length);
            }
            Operator::ArrayFill { array_type_index } => self.array_fill(TypeIndex::from_u32(array_type_index)),
            Operator::ArrayCopy { array_type_index_dst, .. } => {
                self.array_copy(TypeIndex::from_u32(array_type_index_dst));
            }
            Operator::ArrayInitData { array_data_index, .. } => {
                self.array_init(Builtin::array_init_data, array_data_index, BYTES_LOG2, TrapCode::MemoryOutOfBounds);
            }
            Operator::ArrayInitElem { array_elem_index, .. } => {
                self.array_init(Builtin::array_init_elem, array_elem_index, ELEMENTS_LOG2, TrapCode::TableOutOfBounds);
            }
            _ => return false,
        }
        true
    }

    fn fields(&self, ty: TypeIndex) -> &'a [FieldType] {
        self.info.struct_fields(ty)
    }

    /// What an array's elements are.
    pub(super) fn storage(&self, array: TypeIndex) -> StorageType {
        self.info.array_element(array).storage
    }

    fn layout(&mut self, ty: TypeIndex) -> Rc<StructLayout> {
        if let Some(layout) = self.layouts.get(&ty) {
            return layout.clone();
        }
        let layout = Rc::new(StructLayout::new(self.fields(ty)));
        self.layouts.insert(ty, layout.clone());
        layout
    }

    /// Zeroes of this type.
    pub(super) fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::F32 => self.builder.ins().f32const(0.0),
            ValType::F64 => self.builder.ins().f64const(0.0),
            ValType::V128 => {
                let zero = self.builder.func.dfg.constants.insert(vec![0; 16].into());
                self.builder.ins().vconst(clif_type(ty), zero)
            }
            _ => self.builder.ins().iconst(clif_type(ty), 0),
        }
    }

    /// Where guest code reads of the store's heap.
    pub(super) fn vm_heap(&mut self) -> Value {
        self.uses_heap = true;
        let store = self.load_constant(self.context, STORE_CONTEXT);
        self.load_constant(store, store_context::HEAP)
    }

    /// The address of an object.
    pub(super) fn address_of(&mut self, reference: Value) -> Value {
        let heap = self.vm_heap();
        let base = self.load_constant(heap, vm_heap::BASE);
        self.builder.ins().iadd(base, reference)
    }

    fn object_flags(&mut self, code: ir::TrapCode) -> MemFlagsData {
        let region = self.region(Region::Objects);
        self.access_flags(code).with_alias_region(Some(region))
    }

    /// Flags for accesses to an object that is there.
    pub(super) fn present(&mut self) -> MemFlagsData {
        let region = self.region(Region::Objects);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Flags for accesses to the heap's own words.
    pub(super) fn heap_words(&mut self) -> MemFlagsData {
        let region = self.region(Region::HeapWords);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Before an access at this offset: traps if it wouldn't fault by itself.
    fn check_null(&mut self, reference: Value, offset: u32) {
        if self.checks || offset + 16 > heap::INACCESSIBLE {
            self.trap_if_null(reference, TrapCode::NullReference);
        }
    }

    fn field(&mut self, reference: Value, ty: u32, field: u32) -> (Place, StorageType) {
        let ty = TypeIndex::from_u32(ty);
        let storage = self.fields(ty)[field as usize].storage;
        let offset = self.layout(ty).offsets[field as usize];
        self.check_null(reference, offset);
        let base = self.address_of(reference);
        (Place { reference, base, offset: offset as i32 }, storage)
    }

    fn struct_get(&mut self, ty: u32, field: u32, is_signed: bool) {
        let reference = self.pop();
        let (place, storage) = self.field(reference.value, ty, field);
        let value = self.load_at(place, storage, is_signed);
        self.push(unpacked(storage), value);
    }

    /// An array's length; traps if it isn't there.
    pub(super) fn length(&mut self, array: Value) -> Value {
        self.check_null(array, object::BODY as u32);
        let address = self.address_of(array);
        let flags = self.object_flags(target::trap(TrapCode::NullReference));
        self.builder.ins().load(types::I32, flags, address, object::BODY)
    }

    /// An element's place; traps unless it is there.
    fn array_element(&mut self, array: Value, ty: u32, index: Value) -> (Place, StorageType) {
        let storage = self.storage(TypeIndex::from_u32(ty));
        let length = self.length(array);
        let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(is_outside, TrapCode::ArrayOutOfBounds);
        let bytes = storage_bytes(storage);
        let address = self.address_of(array);
        let index = self.builder.ins().uextend(types::I64, index);
        let distance = self.builder.ins().ishl_imm_u(index, i64::from(bytes.ilog2()));
        let base = self.builder.ins().iadd(address, distance);
        (Place { reference: array, base, offset: heap::elements_offset(bytes) as i32 }, storage)
    }

    fn array_get(&mut self, ty: u32, is_signed: bool) {
        let (array, index) = self.pop2();
        let (place, storage) = self.array_element(array.value, ty, index.value);
        let value = self.load_at(place, storage, is_signed);
        self.push(unpacked(storage), value);
    }

    fn load_at(&mut self, place: Place, storage: StorageType, is_signed: bool) -> Value {
        let flags = self.object_flags(target::trap(TrapCode::NullReference));
        let (base, offset) = (place.base, place.offset);
        let ins = self.builder.ins();
        match storage {
            StorageType::I8 if is_signed => ins.sload8(types::I32, flags, base, offset),
            StorageType::I8 => ins.uload8(types::I32, flags, base, offset),
            StorageType::I16 if is_signed => ins.sload16(types::I32, flags, base, offset),
            StorageType::I16 => ins.uload16(types::I32, flags, base, offset),
            StorageType::Val(ValType::Ref(ty)) if ty.heap.top() != HeapType::Func => ins.uload32(flags, base, offset),
            StorageType::Val(ty) => ins.load(clif_type(ty.top()), flags, base, offset),
        }
    }

    fn store_at(&mut self, place: Place, storage: StorageType, value: Value, stage: Stage) {
        let flags = match stage {
            Stage::New => self.present(),
            Stage::Old => {
                let code = self.store_trap(TrapCode::NullReference);
                self.object_flags(code)
            }
        };
        let (base, offset) = (place.base, place.offset);
        match storage {
            StorageType::I8 => {
                self.builder.ins().istore8(flags, value, base, offset);
            }
            StorageType::I16 => {
                self.builder.ins().istore16(flags, value, base, offset);
            }
            StorageType::Val(ValType::Ref(ty)) if ty.heap.top() != HeapType::Func => {
                self.builder.ins().istore32(flags, value, base, offset);
            }
            StorageType::Val(_) => {
                let value = self.uniform(value);
                self.builder.ins().store(flags, value, base, offset);
            }
        }
        if stage == Stage::Old && is_traced(storage) {
            self.tell_of_store(place);
        }
    }

    /// Tells the collector of a reference that was stored, if it wants to know.
    fn tell_of_store(&mut self, place: Place) {
        let Place { reference, base, offset } = place;
        let address = self.address_of(reference);
        // The same region as the store, so that it isn't moved before that.
        let present = self.present();
        let word = self.builder.ins().load(types::I32, present, address, object::FLAGS);
        let wants = self.builder.ins().band_imm_u(word, i64::from(flags::UNLOGGED));
        let (cold, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(cold);
        self.builder.ins().brif(wants, cold, &[], next, &[]);
        self.branches.branch(self.location, cold, next);
        self.builder.seal_block(cold);
        self.builder.seal_block(next);
        self.builder.switch_to_block(cold);
        let at = self.builder.ins().isub(base, address);
        let at = self.builder.ins().iadd_imm_s(at, i64::from(offset));
        self.builtin(Builtin::object_written, &[reference, at]);
        self.builder.ins().jump(next, &[]);
        self.builder.switch_to_block(next);
    }

    /// An object of so many bytes, with a header and these fields; of an array the length is known.
    fn allocate(
        &mut self,
        ty: TypeIndex,
        size: u32,
        length: Option<u32>,
        fields: &[(u32, StorageType, Value)],
    ) -> Value {
        let type_id = self.type_id(ty);
        if size > heap::LARGEST_INLINE || self.made_inline == 0 {
            let length = self.builder.ins().iconst(types::I32, i64::from(length.unwrap_or(0)));
            let reference = self.make(type_id, length);
            let base = self.address_of(reference);
            self.store_new(reference, base, fields);
            return reference;
        }
        self.made_inline -= 1;
        let heap = self.vm_heap();
        let words = self.heap_words();
        let cursor = self.builder.ins().uload32(words, heap, vm_heap::CURSOR);
        let end = self.builder.ins().iadd_imm_u(cursor, i64::from(size));
        let limit = self.builder.ins().uload32(words, heap, vm_heap::LIMIT);
        let is_full = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        let (full, there) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(full);
        let reference = self.builder.append_block_param(there, types::I64);
        let end_there = self.builder.append_block_param(there, types::I64);
        self.builder.ins().brif(is_full, full, &[], there, &[cursor.into(), end.into()]);
        self.branches.branch(self.location, full, there);
        self.builder.seal_block(full);
        self.builder.switch_to_block(full);
        let made_length = self.builder.ins().iconst(types::I32, i64::from(length.unwrap_or(0)));
        let made = self.make(type_id, made_length);
        let end = self.builder.ins().uload32(words, heap, vm_heap::CURSOR);
        self.builder.ins().jump(there, &[made.into(), end.into()]);
        self.builder.seal_block(there);
        self.builder.switch_to_block(there);
        let base = self.address_of(reference);
        let present = self.present();
        self.builder.ins().store(present, type_id, base, object::TYPE);
        let kind = if length.is_some() { flags::ARRAY } else { flags::STRUCT };
        let kind = self.builder.ins().iconst(types::I32, i64::from(kind));
        self.builder.ins().store(present, kind, base, object::FLAGS);
        if let Some(length) = length {
            let length = self.builder.ins().iconst(types::I32, i64::from(length));
            self.builder.ins().store(present, length, base, object::BODY);
        }
        self.store_new(reference, base, fields);
        // Last, so that whatever is below the cursor is whole.
        self.builder.ins().istore32(words, end_there, heap, vm_heap::CURSOR);
        reference
    }

    fn store_new(&mut self, reference: Value, base: Value, fields: &[(u32, StorageType, Value)]) {
        for (offset, storage, value) in fields {
            let place = Place { reference, base, offset: *offset as i32 };
            self.store_at(place, *storage, *value, Stage::New);
        }
    }

    /// Has the runtime make an object of zeroes.
    fn make(&mut self, type_id: Value, length: Value) -> Value {
        let reference = self.builtin(Builtin::object_new, &[type_id, length]).expect("it has a result");
        self.call_trap_unless(reference, TrapCode::HeapExhausted);
        reference
    }

    fn struct_new(&mut self, ty: TypeIndex, values: &[Value]) {
        let layout = self.layout(ty);
        let places = layout.offsets.iter().zip(self.fields(ty)).zip(values);
        let fields: Vec<_> = places.map(|((offset, field), value)| (*offset, field.storage, *value)).collect();
        let reference = self.allocate(ty, layout.size, None, &fields);
        self.push(ValType::ANYREF, reference);
    }

    fn struct_new_default(&mut self, ty: TypeIndex) {
        let types: Vec<_> = self.fields(ty).iter().map(|field| unpacked(field.storage)).collect();
        if types.len() > MOST_DEFAULTS || self.made_inline == 0 {
            let type_id = self.type_id(ty);
            let length = self.builder.ins().iconst(types::I32, 0);
            let reference = self.make(type_id, length);
            return self.push(ValType::ANYREF, reference);
        }
        let zeros: Vec<_> = types.into_iter().map(|ty| self.zero(ty)).collect();
        self.struct_new(ty, &zeros);
    }

    fn array_new_fixed(&mut self, ty: TypeIndex, length: u32) {
        let values = self.pop_values(length as usize);
        let storage = self.storage(ty);
        let bytes = storage_bytes(storage);
        let offset = |place: u32| heap::elements_offset(bytes) + place * bytes;
        let elements: Vec<_> = (0..).zip(values).map(|(place, value)| (offset(place), storage, value)).collect();
        let size = offset(length).next_multiple_of(object::ALIGNMENT);
        let reference = self.allocate(ty, size, Some(length), &elements);
        self.push(ValType::ANYREF, reference);
    }

    /// The highest operands, which are taken.
    fn pop_values(&mut self, count: usize) -> Vec<Value> {
        self.need(count);
        let height = self.stack.len() - count;
        let values = self.stack[height..].iter().map(|operand| operand.value).collect();
        self.truncate(height);
        values
    }

    /// How much a bulk operator on arrays of this type costs by size: see [`cost`](crate::abi::fuel::cost).
    pub(super) fn cost_log2(&self, array: TypeIndex) -> u8 {
        BYTES_LOG2 - storage_bytes(self.storage(array)).ilog2() as u8
    }

    /// Has the runtime make an array of zeroes.
    pub(super) fn array_of_zeros(&mut self, ty: TypeIndex, length: Value) -> Value {
        let type_id = self.type_id(ty);
        let reference = self.builtin(Builtin::object_new, &[type_id, length]).expect("it has a result");
        self.costs_by_size(reference, 1, self.cost_log2(ty));
        self.call_trap_unless(reference, TrapCode::HeapExhausted);
        reference
    }

    /// The lower and the upper 64 bits of a value.
    pub(super) fn halves(&mut self, value: Value) -> [Value; 2] {
        let value = self.uniform(value);
        let little = MemFlagsData::new().with_endianness(Endianness::Little);
        let low = match self.builder.func.dfg.value_type(value) {
            types::I32 => self.builder.ins().uextend(types::I64, value),
            types::F32 => {
                let bits = self.builder.ins().bitcast(types::I32, MemFlagsData::new(), value);
                self.builder.ins().uextend(types::I64, bits)
            }
            types::F64 => self.builder.ins().bitcast(types::I64, MemFlagsData::new(), value),
            types::I64 => value,
            _ => {
                let lanes = self.builder.ins().bitcast(types::I64X2, little, value);
                return [0, 1].map(|lane| self.builder.ins().extractlane(lanes, lane));
            }
        };
        [low, self.builder.ins().iconst(types::I64, 0)]
    }

    /// `array.new_data` and `array.new_elem`.
    fn array_from_segment(&mut self, builtin: Builtin, ty: u32, segment: u32, outside: TrapCode) {
        let (source, length) = self.pop2();
        let ty = TypeIndex::from_u32(ty);
        let type_id = self.type_id(ty);
        let segment = self.builder.ins().iconst(types::I32, i64::from(segment));
        let args = [type_id, segment, source.value, length.value];
        let made = self.builtin(builtin, &args).expect("it has a result");
        self.costs_by_size(made, 3, self.cost_log2(ty));
        let is_inside = self.builder.ins().icmp_imm_s(IntCC::NotEqual, made, objects::OUTSIDE);
        self.call_trap_unless(is_inside, outside);
        self.call_trap_unless(made, TrapCode::HeapExhausted);
        self.push(ValType::ANYREF, made);
    }

    /// `array.init_data` and `array.init_elem`.
    fn array_init(&mut self, builtin: Builtin, segment: u32, log2: u8, outside: TrapCode) {
        let (source, length) = self.pop2();
        let (array, index) = self.pop2();
        self.trap_if_null(array.value, TrapCode::NullReference);
        let segment = self.builder.ins().iconst(types::I32, i64::from(segment));
        let args = [array.value, index.value, segment, source.value, length.value];
        let done = self.builtin(builtin, &args).expect("it has a result");
        self.costs_by_size(done, 4, log2);
        self.call_trap_unless(done, TrapCode::ArrayOutOfBounds);
        let is_inside = self.builder.ins().icmp_imm_s(IntCC::NotEqual, done, objects::OUTSIDE);
        self.call_trap_unless(is_inside, outside);
    }
}
