//! What the collector knows of the engine's types.

use super::gc::{Fields, Layout};
use crate::abi::object_layout::{StructLayout, is_traced, storage_bytes};
use crate::base::{CompositeType, StorageType, SubType};

/// What the collector has to know of a type.
pub(super) fn layout_of(ty: &SubType) -> Layout {
    match &ty.composite {
        CompositeType::Struct(fields) => {
            let StructLayout { offsets, size } = StructLayout::new(fields);
            let traced = offsets.iter().zip(fields).filter(|(_, field)| is_traced(field.storage));
            Layout::Struct(Fields { size, traced: traced.map(|(offset, _)| *offset).collect() })
        }
        CompositeType::Array(element) => Layout::Array {
            element_log2: storage_bytes(element.storage).ilog2() as u8,
            is_traced: is_traced(element.storage),
        },
        // Exceptions are of the types of their tags.
        CompositeType::Func(ty) => {
            let StructLayout { offsets, size } = StructLayout::of_exception(&ty.params);
            let traced = offsets.iter().zip(&ty.params).filter(|(_, ty)| is_traced(StorageType::Val(**ty)));
            Layout::Exception(Fields { size, traced: traced.map(|(offset, _)| *offset).collect() })
        }
    }
}
