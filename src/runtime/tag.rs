//! A store's tags.
//!
//! Read next: [`super::entities::tag`], [`super::exception`].

use super::Store;
use super::entities::tag::TagEntry;
use crate::base::{FuncType, Result, Tag, TypeId, error::bail, memory};
use std::sync::Arc;

impl Store {
    /// Makes a tag, another one than all that there are; its exceptions carry what a function of this type takes.
    ///
    /// Errors: `InvalidArgument` for a type with results; `System`.
    pub fn tag_new(&self, ty: &FuncType) -> Result<Tag> {
        self.tag_new_of(self.engine().types().register_func(ty)?)
    }

    /// The same for a type of functions of the engine, whatever it is.
    pub fn tag_new_of(&self, type_id: TypeId) -> Result<Tag> {
        let ty = self.engine().types().func_type(type_id);
        if !ty.results.is_empty() {
            bail!(InvalidArgument, "the type of a tag has no results");
        }
        self.engine().add_layouts()?;
        let mut tags = self.inner().tags.borrow_mut();
        memory::reserve(&mut tags, 1)?;
        tags.push(TagEntry { type_id, values: ty.params.len() as u32 });
        Ok(Tag { store: self.id(), index: tags.len() as u64 - 1 })
    }

    pub(super) fn tag_entry(&self, tag: Tag) -> Result<TagEntry> {
        self.check(tag.store)?;
        let tags = self.inner().tags.borrow();
        let entry = tags.get(tag.index as usize).copied();
        entry.ok_or_else(|| Store::out_of_range("tag", tag.index, tags.len() as u64))
    }

    /// Its type: a function that takes what its exceptions carry, and gives nothing.
    pub fn tag_type(&self, tag: Tag) -> Result<Arc<FuncType>> {
        Ok(self.engine().types().func_type(self.tag_type_id(tag)?))
    }

    /// The number of its type.
    pub fn tag_type_id(&self, tag: Tag) -> Result<TypeId> {
        Ok(self.tag_entry(tag)?.type_id)
    }
}
