//! Structures and arrays of which fields or elements are watched: what keeps them, and which operators may access them.
//!
//! Objects stay where they are, so one is known by the word that guest code has. Another could get that word when it is gone; so
//! whoever watches it keeps it. Must not know calls or code. Invariant: the handle of a watched object is good. Read next: `watching.rs`.

use super::access::Space;
use super::watchpoints::Watchpoint;
use crate::base::{CompositeType, Object, Result, TypeId, TypeIndex, error::bail};
use crate::runtime::{Module, Store};
use cranelift_entity::EntityRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An object of which a field or an element is watched.
pub(super) struct WatchedObject {
    /// What it is for guest code.
    pub(super) word: u32,
    /// How many fields or elements it has.
    pub(super) length: u32,
    ty: TypeId,
    is_array: bool,
    /// As long as this is there the store keeps the object, and its handle good.
    _owner: Arc<()>,
}

impl WatchedObject {
    /// Errors: `WrongStore`; `OutOfRange` if the handle is out of date, or without such a field or element; `System`.
    pub(super) fn new(store: &Store, object: Object, index: u32) -> Result<WatchedObject> {
        let (ty, length) = (store.object_type(object)?, store.object_length(object)?);
        if index >= length {
            bail!(OutOfRange, "the object has {length} fields or elements, there is no number {index}");
        }
        let is_array = matches!(store.engine().types().get(ty).composite, CompositeType::Array(_));
        let owner = Arc::default();
        let word = store.object_keep_while(object, &owner)?;
        Ok(WatchedObject { word, length, ty, is_array, _owner: owner })
    }
}

/// What is watched of objects, by their types: fields, or all elements, and how.
#[derive(Default)]
pub(super) struct WatchedTypes(BTreeMap<u32, BTreeMap<Option<u32>, u8>>);

impl WatchedTypes {
    /// Adds what a watchpoint watches, if it is of an object.
    pub(super) fn add(&mut self, point: &Watchpoint) {
        if let Some(object) = &point.object {
            let field = (!object.is_array).then_some(point.target.range().start as u32);
            *self.0.entry(object.ty.0).or_default().entry(field).or_default() |= point.access;
        }
    }

    /// Calls `found` with what a module's operators may access of that: of each of its types all that is watched of subtypes.
    pub(super) fn each(&self, module: &Module, mut found: impl FnMut(Space, u8)) {
        let types = module.engine().types();
        for (place, id) in module.info().type_ids.values().enumerate() {
            let index = TypeIndex::new(place);
            for (_, watched) in self.0.iter().filter(|(ty, _)| types.is_subtype(TypeId(**ty), *id)) {
                for (field, access) in watched {
                    found(field.map_or(Space::Elements(index), |field| Space::Field(index, field)), *access);
                }
            }
        }
    }
}
