//! Store-scoped handles: plain data that names an entity of one store.
//!
//! Knows nothing of the entities. Invariant: the layouts are those of [`crate::base::handle`], field by field; a
//! handle of zeros names nothing in any store.

use crate::base::{self, StoreId};

/// An instance of a module, in a store. Plain data: copy it, compare its members, never delete it.
///
/// Every function that takes a handle with another store than the handle's answers `PELLUCID_ERR_WRONG_STORE`. A handle
/// of zeros belongs to no store. An entity lives as long as its store.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_instance_t {
    /// The number of the store among all stores that the process ever made; never 0.
    pub store: u64,
    /// The number of the instance in the store, in order of creation.
    pub index: u64,
}

/// A function in a store, the guest's or the host's. Plain data, like `pellucid_instance_t`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_func_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the function in the store.
    pub index: u64,
}

/// A linear memory in a store. Plain data, like `pellucid_instance_t`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_memory_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the memory in the store.
    pub index: u64,
}

/// A table in a store. Plain data, like `pellucid_instance_t`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_table_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the table in the store.
    pub index: u64,
}

/// A global in a store. Plain data, like `pellucid_instance_t`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_global_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the global in the store.
    pub index: u64,
}

/// A tag of exceptions in a store: what tells one kind of exception from others. Plain data, like `pellucid_instance_t`.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_tag_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the tag in the store.
    pub index: u64,
}

/// An exception in a store that the guest can hold a reference to. Plain data, like `pellucid_instance_t`; all zeros is the null
/// reference.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_exnref_t {
    /// The number of the store; 0 for null.
    pub store: u64,
    /// The number of the exception in the store.
    pub index: u64,
}

/// A host value in a store, which the guest can hold and pass on, but not look into. Plain data, like
/// `pellucid_instance_t`; all zeros is the null reference.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_externref_t {
    /// The number of the store; 0 for null.
    pub store: u64,
    /// The number of the value in the store.
    pub index: u64,
}

macro_rules! convert {
    ($($c:ident <-> $core:ident),*) => {
        $(
            impl From<base::$core> for $c {
                fn from(handle: base::$core) -> $c {
                    $c { store: handle.store.0, index: handle.index }
                }
            }

            impl From<$c> for base::$core {
                fn from(handle: $c) -> base::$core {
                    base::$core { store: StoreId(handle.store), index: handle.index }
                }
            }
        )*
    };
}

convert!(
    pellucid_instance_t <-> Instance,
    pellucid_func_t <-> Func,
    pellucid_memory_t <-> Memory,
    pellucid_table_t <-> Table,
    pellucid_global_t <-> Global,
    pellucid_tag_t <-> Tag,
    pellucid_exnref_t <-> ExnRef,
    pellucid_externref_t <-> ExternRef
);
