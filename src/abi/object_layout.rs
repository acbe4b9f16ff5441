//! Where the fields of structures, the elements of arrays and what exceptions carry are in an [object](super::heap).
//!
//! Fields are in the order of the type, each at the next multiple of its size, so that a subtype's objects begin like its
//! supertype's. References to functions are addresses; all others have 32 bits. An exception is of the type that its tag has.

use super::heap::object;
use crate::base::{FieldType, HeapType, StorageType, ValType};

/// The fields of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StructLayout {
    /// Where each field is, counted from the object's first byte.
    pub offsets: Vec<u32>,
    /// Bytes of the object, with its header.
    pub size: u32,
}

impl StructLayout {
    /// The layout of these fields.
    pub fn new(fields: &[FieldType]) -> StructLayout {
        let mut end = object::HEADER;
        let offsets = fields.iter().map(|field| place(&mut end, field.storage)).collect();
        StructLayout { offsets, size: end.next_multiple_of(object::ALIGNMENT) }
    }

    /// The layout of an exception that carries these values.
    pub fn of_exception(carried: &[ValType]) -> StructLayout {
        let mut end = EXCEPTION_VALUES;
        let offsets = carried.iter().map(|ty| place(&mut end, StorageType::Val(*ty))).collect();
        StructLayout { offsets, size: end.next_multiple_of(object::ALIGNMENT) }
    }
}

/// Where the number of an exception's tag is, 64 bits.
pub const EXCEPTION_TAG: u32 = object::HEADER;
/// Where what it carries begins.
const EXCEPTION_VALUES: u32 = EXCEPTION_TAG + 8;

/// The place of the next field.
fn place(end: &mut u32, storage: StorageType) -> u32 {
    let bytes = storage_bytes(storage);
    // Objects aren't aligned to more.
    let at = end.next_multiple_of(bytes.min(object::ALIGNMENT));
    *end = at + bytes;
    at
}

/// Bytes that a field or an element takes: a power of two.
pub fn storage_bytes(storage: StorageType) -> u32 {
    match storage {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32) => 4,
        StorageType::Val(ValType::I64 | ValType::F64) => 8,
        StorageType::Val(ValType::V128) => 16,
        StorageType::Val(ValType::Ref(ty)) => {
            if ty.heap.top() == HeapType::Func {
                8
            } else {
                4
            }
        }
    }
}

/// Whether it holds references that the collector follows.
pub fn is_traced(storage: StorageType) -> bool {
    matches!(storage, StorageType::Val(ValType::Ref(ty)) if ty.heap.top() != HeapType::Func)
}

/// The value that these bits of a field or an element are, of up to 64 bits; narrow ones are sign-extended if that is wanted.
pub fn extended(storage: StorageType, bits: u64, is_signed: bool) -> u64 {
    let value = match (storage, is_signed) {
        (StorageType::I8, true) => bits as i8 as i32 as u32,
        (StorageType::I16, true) => bits as i16 as i32 as u32,
        _ => return bits,
    };
    value.into()
}

/// The type of the value that is read from a field or an element, as machine code knows it.
pub fn unpacked(storage: StorageType) -> ValType {
    storage.unpacked().top()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_aligned_and_subtypes_begin_like_supertypes() {
        let fields = |storages: &[StorageType]| -> Vec<_> {
            storages.iter().map(|storage| FieldType { storage: *storage, mutable: true }).collect()
        };
        let all = fields(&[
            StorageType::I8,
            StorageType::I16,
            StorageType::Val(ValType::ANYREF),
            StorageType::Val(ValType::FUNCREF),
            StorageType::I8,
            StorageType::Val(ValType::V128),
        ]);
        let layout = StructLayout::new(&all);
        assert_eq!(layout, StructLayout { offsets: vec![8, 10, 12, 16, 24, 32], size: 48 });
        for count in 0..all.len() {
            assert_eq!(StructLayout::new(&all[..count]).offsets, layout.offsets[..count]);
        }
        assert_eq!(StructLayout::new(&[]).size, 8);
        let carried = [ValType::I32, ValType::V128, ValType::EXNREF];
        assert_eq!(StructLayout::of_exception(&carried), StructLayout { offsets: vec![16, 24, 40], size: 48 });
        assert_eq!(extended(StorageType::I8, 0x80, true), 0xffff_ff80);
        assert_eq!(extended(StorageType::I16, 0x8000, false), 0x8000);
    }
}
