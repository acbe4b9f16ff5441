//! What the collector knows of the engine's types.

use super::gc::{Fields, Layout};
use crate::abi::object_layout::{StructLayout, is_traced, storage_bytes};
use crate::base::{CompositeType, SubType};

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
        // There are no objects of such types.
        CompositeType::Func(_) => Layout::Struct(Fields { size: StructLayout::new(&[]).size, traced: Vec::new() }),
    }
}
