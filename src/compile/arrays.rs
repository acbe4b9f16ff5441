//! Short arrays, which guest code makes, fills and copies by itself. Long ones are left to builtins, whose call takes no time beside
//! what they do.
//!
//! A guest can be interrupted anywhere in between, and then what its registers of general purpose refer to is kept. Invariants:
//! while an array that is there is written, each address that is computed lies inside of it, so no address is counted
//! from the end; references are stored from registers of general purpose; a new array is whole before the cursor moves. Which
//! elements are copied is read before any is written. Read next: [`objects`](super::objects).

use super::function::{Region, Translator};
use crate::abi::builtins::Builtin;
use crate::abi::heap::{self, flags, object, vm_heap};
use crate::abi::object_layout::{is_traced, storage_bytes};
use crate::base::{StorageType, TrapCode, TypeIndex, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};

/// Bytes of the largest array that guest code makes by itself if only the run shows its length.
const LARGEST_MADE: u32 = 256;
/// Bytes that guest code copies or fills by itself at most: two vectors.
const MOST_MOVED: u32 = 32;
/// Bytes of a vector.
const VECTOR: u32 = 16;

/// Elements of an array, from an index on.
#[derive(Clone, Copy)]
struct Part {
    array: Value,
    index: Value,
}

/// A number of elements: the value, and what it is if that is known.
#[derive(Clone, Copy)]
struct Count {
    value: Value,
    known: Option<u64>,
}

impl Translator<'_> {
    /// `array.new`, and with no value `array.new_default`.
    pub(super) fn array_new(&mut self, ty: TypeIndex, value: Option<Value>, length: Value) -> Value {
        let value = value.filter(|value| self.known(*value) != Some(0));
        let storage = self.storage(ty);
        let bytes = storage_bytes(storage);
        let longest = (LARGEST_MADE - heap::elements_offset(bytes)) / bytes;
        let length = self.count_of(length);
        if !self.is_short(length, longest) {
            return self.array_made_elsewhere(ty, value, length.value);
        }
        let (elsewhere, done) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(elsewhere);
        let reference = self.builder.append_block_param(done, types::I64);
        if length.known.is_none() {
            let is_long = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, length.value, i64::from(longest));
            self.branch_unless(is_long, elsewhere);
        }
        let heap = self.vm_heap();
        let words = self.heap_words();
        let cursor = self.builder.ins().uload32(words, heap, vm_heap::CURSOR);
        let size = self.size_of(length, bytes);
        let end = self.builder.ins().iadd(cursor, size);
        let limit = self.builder.ins().uload32(words, heap, vm_heap::LIMIT);
        let is_full = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        self.branch_unless(is_full, elsewhere);
        self.builder.seal_block(elsewhere);
        let base = self.address_of(cursor);
        if length.known != Some(0) {
            self.fill_body(storage, value, base, size);
        }
        // Over what was filled of them.
        let present = self.present();
        let type_id = self.type_id(ty);
        self.builder.ins().store(present, type_id, base, object::TYPE);
        let kind = self.builder.ins().iconst(types::I32, i64::from(flags::ARRAY));
        self.builder.ins().store(present, kind, base, object::FLAGS);
        self.builder.ins().store(present, length.value, base, object::BODY);
        self.builder.ins().istore32(words, end, heap, vm_heap::CURSOR);
        self.builder.ins().jump(done, &[cursor.into()]);
        self.builder.switch_to_block(elsewhere);
        let made = self.array_made_elsewhere(ty, value, length.value);
        self.builder.ins().jump(done, &[made.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        reference
    }

    /// Has the runtime make an array.
    fn array_made_elsewhere(&mut self, ty: TypeIndex, value: Option<Value>, length: Value) -> Value {
        let array = self.array_of_zeros(ty, length);
        if let Some(value) = value {
            let [low, high] = self.halves(value);
            let first = self.builder.ins().iconst(types::I32, 0);
            self.builtin(Builtin::array_fill, &[array, first, low, high, length]);
        }
        array
    }

    /// `array.fill`.
    pub(super) fn array_fill(&mut self, ty: TypeIndex) {
        let (value, length) = self.pop2();
        let (array, index) = self.pop2();
        let (array, index, value, length) = (array.value, index.value, value.value, length.value);
        let elsewhere = |this: &mut Self| {
            this.trap_if_null(array, TrapCode::NullReference);
            let [low, high] = this.halves(value);
            let log2 = this.cost_log2(ty);
            this.checked_builtin(
                Builtin::array_fill,
                &[array, index, low, high, length],
                log2,
                TrapCode::ArrayOutOfBounds,
            );
        };
        let storage = self.storage(ty);
        let part = Part { array, index };
        let Some((count, done)) = self.when_short(storage, length, elsewhere) else { return };
        self.check_parts(&[part], count);
        let pattern = (storage_bytes(storage) < VECTOR).then(|| self.pattern(storage, value));
        self.by_width(storage, count, done, |this, width, places| {
            let value = match (width, pattern) {
                (VECTOR, Some(pattern)) => this.builder.ins().splat(types::I64X2, pattern),
                (8, Some(pattern)) => pattern,
                (_, Some(pattern)) => this.builder.ins().ireduce(integer(width), pattern),
                (_, None) => this.uniform(value),
            };
            for place in places {
                this.store_part(storage, part, *place, value);
            }
        });
    }

    /// `array.copy`, to an array of this type.
    pub(super) fn array_copy(&mut self, ty: TypeIndex) {
        let (source_index, length) = self.pop2();
        let (index, source) = self.pop2();
        let array = self.pop().value;
        let (index, source, source_index, length) = (index.value, source.value, source_index.value, length.value);
        let elsewhere = |this: &mut Self| {
            this.trap_if_null(array, TrapCode::NullReference);
            this.trap_if_null(source, TrapCode::NullReference);
            let log2 = this.cost_log2(ty);
            let args = [array, index, source, source_index, length];
            this.checked_builtin(Builtin::array_copy, &args, log2, TrapCode::ArrayOutOfBounds);
        };
        let storage = self.storage(ty);
        let (to, from) = (Part { array, index }, Part { array: source, index: source_index });
        let Some((count, done)) = self.when_short(storage, length, elsewhere) else { return };
        self.check_parts(&[to, from], count);
        self.by_width(storage, count, done, |this, width, places| {
            let values: Vec<_> = places.iter().map(|place| this.load_part(storage, from, *place, width)).collect();
            for (place, value) in places.iter().zip(values) {
                this.store_part(storage, to, *place, value);
            }
        });
    }

    fn count_of(&self, value: Value) -> Count {
        Count { value, known: self.known(value) }
    }

    /// Whether so many may be no more than this, and guest code should find out by itself.
    fn is_short(&mut self, count: Count, most: u32) -> bool {
        let is_short = self.short_arrays > 0 && count.known.is_none_or(|known| known <= most.into());
        self.short_arrays -= u64::from(is_short);
        is_short
    }

    /// Goes to `otherwise` if the condition holds, and else on.
    fn branch_unless(&mut self, condition: Value, otherwise: Block) {
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, otherwise, &[], next, &[]);
        self.branches.branch(self.location, otherwise, next);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// Has `elsewhere` do what is done with this many elements, unless they are few numbers. Those are left to the caller, who
    /// goes to the block that is answered.
    fn when_short(
        &mut self,
        storage: StorageType,
        length: Value,
        elsewhere: impl FnOnce(&mut Self),
    ) -> Option<(Count, Block)> {
        let most = MOST_MOVED / storage_bytes(storage);
        let count = self.count_of(length);
        // The collector has to know which references were stored.
        if is_traced(storage) || !self.is_short(count, most) {
            elsewhere(self);
            return None;
        }
        let done = self.builder.create_block();
        if count.known.is_none() {
            let (long, short) = (self.builder.create_block(), self.builder.create_block());
            let is_long = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, length, i64::from(most));
            self.builder.ins().brif(is_long, long, &[], short, &[]);
            self.branches.branch(self.location, long, short);
            self.builder.seal_block(long);
            self.builder.seal_block(short);
            self.builder.switch_to_block(long);
            elsewhere(self);
            self.builder.ins().jump(done, &[]);
            self.builder.switch_to_block(short);
        }
        Some((count, done))
    }

    /// Traps unless each of the arrays is there and has so many elements from its index on.
    fn check_parts(&mut self, parts: &[Part], count: Count) {
        let lengths: Vec<_> = parts.iter().map(|part| self.length(part.array)).collect();
        let count = self.builder.ins().uextend(types::I64, count.value);
        for (part, length) in parts.iter().zip(lengths) {
            let index = self.builder.ins().uextend(types::I64, part.index);
            let end = self.builder.ins().iadd(index, count);
            let length = self.builder.ins().uextend(types::I64, length);
            let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
            self.trap_if(is_outside, TrapCode::ArrayOutOfBounds);
        }
    }

    /// Has `each` deal with a number of elements that isn't too large, by accesses that are as wide as possible: it is told how
    /// many bytes these have and at which elements, counted from the index, they begin. Two may overlap. Goes on in `done`.
    fn by_width(
        &mut self,
        storage: StorageType,
        count: Count,
        done: Block,
        mut each: impl FnMut(&mut Self, u32, &[Option<Value>]),
    ) {
        let bytes = storage_bytes(storage);
        let mut width = VECTOR;
        loop {
            let least = width / bytes;
            let is_last = width == bytes;
            if let Some(known) = count.known {
                if known >= least.into() {
                    let tail =
                        (known > least.into()).then(|| self.builder.ins().iadd_imm_s(count.value, -i64::from(least)));
                    let places = [None, tail];
                    each(self, width, if tail.is_some() { &places } else { &places[..1] });
                    break;
                }
                if is_last {
                    break;
                }
                width /= 2;
                continue;
            }
            let (so_wide, narrower) =
                (self.builder.create_block(), if is_last { done } else { self.builder.create_block() });
            let is_enough =
                self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, count.value, i64::from(least));
            self.builder.ins().brif(is_enough, so_wide, &[], narrower, &[]);
            self.branches.branch(self.location, so_wide, narrower);
            self.builder.seal_block(so_wide);
            self.builder.switch_to_block(so_wide);
            // Of the narrowest there is one, unless they are as wide as can be.
            let tail =
                (!is_last || width == VECTOR).then(|| self.builder.ins().iadd_imm_s(count.value, -i64::from(least)));
            let places = [None, tail];
            each(self, width, if tail.is_some() { &places } else { &places[..1] });
            if is_last {
                break;
            }
            self.builder.ins().jump(done, &[]);
            self.builder.seal_block(narrower);
            self.builder.switch_to_block(narrower);
            width /= 2;
        }
        self.builder.ins().jump(done, &[]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
    }

    /// The address of an element, before the offset of the first.
    fn part_address(&mut self, storage: StorageType, part: Part, place: Option<Value>) -> Value {
        let address = self.address_of(part.array);
        let index = match place {
            // As a number of 32 bits, which isn't taken apart: so the address is inside of the array.
            Some(place) => self.builder.ins().iadd(part.index, place),
            None => part.index,
        };
        let index = self.builder.ins().uextend(types::I64, index);
        let distance = self.builder.ins().ishl_imm_u(index, i64::from(storage_bytes(storage).ilog2()));
        self.builder.ins().iadd(address, distance)
    }

    fn load_part(&mut self, storage: StorageType, part: Part, place: Option<Value>, width: u32) -> Value {
        let address = self.part_address(storage, part, place);
        let ty = if width == VECTOR { types::I8X16 } else { integer(width) };
        let flags = self.unaligned();
        self.builder.ins().load(ty, flags, address, heap::elements_offset(storage_bytes(storage)) as i32)
    }

    fn store_part(&mut self, storage: StorageType, part: Part, place: Option<Value>, value: Value) {
        let address = self.part_address(storage, part, place);
        let flags = self.unaligned();
        self.builder.ins().store(flags, value, address, heap::elements_offset(storage_bytes(storage)) as i32);
    }

    /// Flags for accesses to several elements of an object that is there.
    fn unaligned(&mut self) -> MemFlagsData {
        let region = self.region(Region::Objects);
        MemFlagsData::new().with_notrap().with_alias_region(Some(region))
    }

    /// Bytes of an array with so few elements.
    fn size_of(&mut self, length: Count, bytes: u32) -> Value {
        let offset = heap::elements_offset(bytes);
        if let Some(length) = length.known {
            let size = (u64::from(offset) + length * u64::from(bytes)).next_multiple_of(object::ALIGNMENT.into());
            return self.builder.ins().iconst(types::I64, size as i64);
        }
        let length = self.builder.ins().uextend(types::I64, length.value);
        let elements = self.builder.ins().ishl_imm_u(length, i64::from(bytes.ilog2()));
        let end = self.builder.ins().iadd_imm_u(elements, i64::from(offset + object::ALIGNMENT - 1));
        self.builder.ins().band_imm_s(end, -i64::from(object::ALIGNMENT))
    }

    /// Fills the body of an array that is being made, and perhaps some of its header: with this value, or zeroes.
    fn fill_body(&mut self, storage: StorageType, value: Option<Value>, base: Value, size: Value) {
        let bytes = storage_bytes(storage);
        // From there on every 8 bytes are the same, or every 16.
        let first = if bytes == VECTOR { heap::elements_offset(bytes) } else { object::BODY as u32 };
        let (pattern, step) = match value {
            None => (self.zero(ValType::V128), VECTOR),
            Some(value) if bytes == VECTOR => (self.uniform(value), VECTOR),
            Some(value) => {
                let pattern = self.pattern(storage, value);
                // Registers of vectors aren't searched for references.
                if is_traced(storage) {
                    (pattern, 8)
                } else {
                    (self.builder.ins().splat(types::I64X2, pattern), VECTOR)
                }
            }
        };
        let flags = self.unaligned();
        if let Some(size) = self.known(size) {
            let last = size as u32 - step;
            for offset in (first..last).step_by(step as usize).chain([last]) {
                self.builder.ins().store(flags, pattern, base, offset as i32);
            }
            return;
        }
        let (again, behind) = (self.builder.create_block(), self.builder.create_block());
        let at = self.builder.append_block_param(again, types::I64);
        let first = self.builder.ins().iadd_imm_u(base, i64::from(first));
        let last = self.builder.ins().iadd(base, size);
        let last = self.builder.ins().iadd_imm_s(last, -i64::from(step));
        let is_before = self.builder.ins().icmp(IntCC::UnsignedLessThan, first, last);
        self.builder.ins().brif(is_before, again, &[first.into()], behind, &[]);
        self.branches.branch(self.location, again, behind);
        self.builder.switch_to_block(again);
        self.builder.ins().store(flags, pattern, at, 0);
        let next = self.builder.ins().iadd_imm_u(at, i64::from(step));
        let is_before = self.builder.ins().icmp(IntCC::UnsignedLessThan, next, last);
        self.builder.ins().brif(is_before, again, &[next.into()], behind, &[]);
        self.branches.branch(self.location, again, behind);
        self.builder.seal_block(again);
        self.builder.seal_block(behind);
        self.builder.switch_to_block(behind);
        self.builder.ins().store(flags, pattern, last, 0);
    }

    /// 8 bytes of elements with this value.
    fn pattern(&mut self, storage: StorageType, value: Value) -> Value {
        let [low, _] = self.halves(value);
        let times = match storage_bytes(storage) {
            1 => 0x0101_0101_0101_0101,
            2 => 0x0001_0001_0001_0001,
            4 => 0x0000_0001_0000_0001,
            _ => return low,
        };
        let element = self.builder.ins().ireduce(integer(storage_bytes(storage)), low);
        let element = self.builder.ins().uextend(types::I64, element);
        self.builder.ins().imul_imm_s(element, times)
    }
}

/// The type of integers of so many bytes.
fn integer(bytes: u32) -> types::Type {
    types::Type::int_with_byte_size(bytes as u16).expect("a power of two")
}
