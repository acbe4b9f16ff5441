//! What instances import: the kinds of things, and whether they are of the types that a module asks for.
//!
//! Read next: [`super::linker`] for how imports are found by name.

use super::entities::func::FuncEntry;
use super::entities::global::GlobalEntry;
use super::entities::memory::LinearMemory;
use super::entities::table::TableData;
use super::entities::tag::TagEntry;
use super::{Module, Store};
use crate::base::{
    Error, ErrorKind, ExternType, Func, Global, GlobalType, Memory, MemoryType, Result, StoreId, Table, Tag, TypeId,
    ValType, error::bail,
};
use crate::wasm::{Import, ItemType, TypeRegistry};
use std::rc::Rc;
use std::sync::Arc;

/// Something to import or export.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The store that it lives in.
    pub fn store(&self) -> StoreId {
        match self {
            Extern::Func(func) => func.store,
            Extern::Table(table) => table.store,
            Extern::Memory(memory) => memory.store,
            Extern::Global(global) => global.store,
            Extern::Tag(tag) => tag.store,
        }
    }
}

/// A module's imports by kind, in order, each with its number in the store.
#[derive(Default)]
pub(super) struct Imports<'a> {
    pub(super) funcs: Vec<(u64, &'a FuncEntry)>,
    pub(super) tables: Vec<(u64, Rc<TableData>)>,
    pub(super) memories: Vec<(u64, Arc<LinearMemory>)>,
    pub(super) globals: Vec<(u64, GlobalEntry)>,
    pub(super) tags: Vec<u64>,
}

impl Imports<'_> {
    pub(super) fn table_numbers(&self) -> Vec<u64> {
        self.tables.iter().map(|(number, _)| *number).collect()
    }

    pub(super) fn memory_numbers(&self) -> Vec<u64> {
        self.memories.iter().map(|(number, _)| *number).collect()
    }

    pub(super) fn global_numbers(&self) -> Vec<u64> {
        self.globals.iter().map(|(number, _)| *number).collect()
    }
}

impl Store {
    /// The type of an import or export, with the present size of a memory or table as its minimum.
    pub fn extern_type(&self, item: Extern) -> Result<ExternType> {
        Ok(match item {
            Extern::Func(func) => ExternType::Func((*self.func_type(func)?).clone()),
            Extern::Table(table) => {
                let table = self.table(table)?;
                let mut ty = table.ty();
                ty.minimum = table.length() as u64;
                ExternType::Table(ty)
            }
            Extern::Memory(memory) => {
                let memory = self.memory(memory)?;
                let mut ty = memory.ty();
                ty.minimum = memory.pages();
                ExternType::Memory(ty)
            }
            Extern::Global(global) => ExternType::Global(self.global_type(global)?),
            Extern::Tag(tag) => ExternType::Tag((*self.tag_type(tag)?).clone()),
        })
    }

    /// The number of the type of an import or export, if it is a function or tag.
    pub fn extern_type_id(&self, item: Extern) -> Result<Option<TypeId>> {
        Ok(match item {
            Extern::Func(func) => Some(self.func_type_id(func)?),
            Extern::Tag(tag) => Some(self.tag_type_id(tag)?),
            Extern::Table(_) | Extern::Memory(_) | Extern::Global(_) => None,
        })
    }

    /// Checks the imports of a module, and finds what they are.
    pub(super) fn check_imports(&self, module: &Module, items: &[Extern]) -> Result<Imports<'_>> {
        let wanted = &module.info().imports;
        if items.len() != wanted.len() {
            bail!(Link, "{} imports are given, the module needs {}", items.len(), wanted.len());
        }
        let mut found = Imports::default();
        for (import, item) in wanted.iter().zip(items) {
            let mismatch = |fits: bool| if fits { Ok(()) } else { Err(self.mismatch(module, import, *item)) };
            match (*item, import.ty) {
                (Extern::Func(func), ItemType::Func(ty)) => {
                    let entry = self.func_entry(func)?;
                    mismatch(self.engine().types().is_subtype(entry.type_id, module.type_id(ty)))?;
                    found.funcs.push((func.index, entry));
                }
                (Extern::Table(table), ItemType::Table(ty)) => {
                    let data = self.table(table)?;
                    let has = data.ty();
                    let fits = has.element == ty.element
                        && has.is_64 == ty.is_64
                        && limits_fit(data.length() as u64, has.maximum, ty.minimum, ty.maximum);
                    mismatch(fits)?;
                    found.tables.push((table.index, data));
                }
                (Extern::Memory(memory), ItemType::Memory(ty)) => {
                    let data = self.memory(memory)?;
                    let has = data.ty();
                    let fits = has.is_64 == ty.is_64
                        && has.is_shared == ty.is_shared
                        && has.page_size_log2 == ty.page_size_log2
                        && limits_fit(data.pages(), has.maximum, ty.minimum, ty.maximum);
                    mismatch(fits)?;
                    found.memories.push((memory.index, data));
                }
                (Extern::Global(global), ItemType::Global(ty)) => {
                    let entry = self.global_entry(global)?;
                    // What is set through it must be of the type, too.
                    let types = self.engine().types();
                    let fits = entry.ty.mutable == ty.mutable
                        && types.val_matches(entry.ty.value, ty.value)
                        && (!ty.mutable || entry.ty.value == ty.value);
                    mismatch(fits)?;
                    found.globals.push((global.index, entry));
                }
                (Extern::Tag(tag), ItemType::Tag(ty)) => {
                    let TagEntry { type_id, .. } = self.tag_entry(tag)?;
                    mismatch(type_id == module.type_id(ty))?;
                    found.tags.push(tag.index);
                }
                (other, _) => {
                    self.check(other.store())?;
                    mismatch(false)?;
                }
            }
        }
        Ok(found)
    }

    #[cold]
    fn mismatch(&self, module: &Module, import: &Import, item: Extern) -> Error {
        let found = match self.extern_type(item) {
            Ok(found) => describe(&found),
            Err(error) => return error,
        };
        let wanted = describe(&module.info().import_type(import));
        let (wanted_id, found_id) = match import.ty {
            ItemType::Func(index) | ItemType::Tag(index) => {
                (Some(module.type_id(index)), self.extern_type_id(item).ok().flatten())
            }
            _ => (None, None),
        };
        let (module, name) = (&import.module, &import.name);
        let what = format!("incompatible import type for {module}.{name}:");
        let types = self.engine().types();
        let message = match (wanted_id, found_id) {
            (Some(wanted_id), Some(found_id)) => {
                let (of_wanted, of_found) = (declared(types, wanted_id), declared(types, found_id));
                let groups = if wanted == found && of_wanted == of_found {
                    let place = types.difference(types.group(wanted_id), types.group(found_id)).unwrap_or_default();
                    format!("; type {place} of these groups is another")
                } else {
                    String::new()
                };
                format!("{what} {wanted}{of_wanted} is wanted, not {found}{of_found}{groups}")
            }
            _ => format!("{what} {wanted} is wanted, not {found}"),
        };
        Error::new(ErrorKind::Link, message)
    }
}

/// Whether limits of `size` now and `maximum` lie within what is wanted.
fn limits_fit(size: u64, maximum: Option<u64>, wanted: u64, wanted_maximum: Option<u64>) -> bool {
    let maximum_fits = match (maximum, wanted_maximum) {
        (_, None) => true,
        (Some(has), Some(wanted)) => has <= wanted,
        (None, Some(_)) => false,
    };
    size >= wanted && maximum_fits
}

/// What is declared of a type of functions beside parameters and results, if it isn't as most are.
fn declared(types: &TypeRegistry, id: TypeId) -> String {
    let ty = types.get(id);
    let group = types.group(id);
    let mut parts = Vec::new();
    if !ty.is_final {
        parts.push("open to subtypes".to_string());
    }
    if let Some(supertype) = ty.supertype {
        parts.push(format!("a subtype of type {}", { supertype.0 }));
    }
    if group.count > 1 {
        parts.push(format!("type {} of a group of {}", id.0 - group.first.0, group.count));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// A type as people read it.
fn describe(ty: &ExternType) -> String {
    let limits = |minimum: u64, maximum: Option<u64>| match maximum {
        Some(maximum) => format!("{minimum} to {maximum}"),
        None => format!("{minimum} or more"),
    };
    match ty {
        ExternType::Func(ty) => format!("func {ty}"),
        ExternType::Table(ty) => {
            let (element, wide) = (ValType::Ref(ty.element), if ty.is_64 { "64-bit " } else { "" });
            format!("{wide}table of {} {element} elements", limits(ty.minimum, ty.maximum))
        }
        ExternType::Memory(ty) => {
            let wide = if ty.is_64 { "64-bit " } else { "" };
            let shared = if ty.is_shared { "shared " } else { "" };
            let size = match ty.page_size_log2 {
                MemoryType::USUAL_PAGE_SIZE_LOG2 => String::new(),
                log2 => format!(" of {} bytes", 1_u64 << log2),
            };
            format!("{shared}{wide}memory of {} pages{size}", limits(ty.minimum, ty.maximum))
        }
        ExternType::Tag(ty) => format!("tag {ty}"),
        ExternType::Global(GlobalType { value, mutable }) => {
            format!("{} global of type {value}", if *mutable { "mutable" } else { "immutable" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RefType, TableType};

    #[test]
    fn limits_follow_the_import_rules() {
        assert!(limits_fit(2, None, 1, None));
        assert!(limits_fit(2, Some(3), 2, Some(3)));
        assert!(!limits_fit(1, None, 2, None));
        assert!(!limits_fit(2, None, 2, Some(3)));
        assert!(!limits_fit(2, Some(4), 2, Some(3)));
    }

    #[test]
    fn types_read_well() {
        let memory = MemoryType::new(1, Some(2));
        assert_eq!(describe(&ExternType::Memory(memory)), "memory of 1 to 2 pages");
        let memory = MemoryType { is_64: true, page_size_log2: 0, ..memory };
        assert_eq!(describe(&ExternType::Memory(memory)), "64-bit memory of 1 to 2 pages of 1 bytes");
        let memory = MemoryType { is_shared: true, ..MemoryType::new(1, Some(2)) };
        assert_eq!(describe(&ExternType::Memory(memory)), "shared memory of 1 to 2 pages");
        let table = TableType::new(RefType::FUNC, 3, None);
        assert_eq!(describe(&ExternType::Table(table)), "table of 3 or more funcref elements");
        let table = TableType { is_64: true, ..table };
        assert_eq!(describe(&ExternType::Table(table)), "64-bit table of 3 or more funcref elements");
    }
}
