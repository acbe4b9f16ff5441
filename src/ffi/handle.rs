//! Store-scoped handles: plain data that names an entity of one store.
//!
//! Knows nothing of the entities. Invariant: the layouts are those of [`crate::base::handle`], field by field; a
//! handle of zeros names nothing in any store.

use crate::base::{self, AnyRef, ExternRef, Object, Result, StoreId, error::bail};

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

/// An exception in a store that the guest can hold a reference to. Plain data, like `pellucid_instance_t`, and good as OBJECTS at the top
/// says; all zeros is the null reference.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_exnref_t {
    /// The number of the store; 0 for null.
    pub store: u64,
    /// The number of the reference in the store.
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

/// What an `anyref` refers to: an integer of 31 bits, a structure or array, or a host value that was passed on as a value of the guest's.
/// Plain data; all zeros is the null reference. Two of the same bytes are equal as `ref.eq` says. For how long one to an object is good
/// is told under OBJECTS at the top.
///
///     pellucid_value_t value = {0};
///     value.kind = PELLUCID_ANYREF;
///     pellucid_anyref_from_i31(42, &value.of.anyref);
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct pellucid_anyref_t {
    /// The number of the store; 0 for null, and for an integer, which is the same in all stores.
    pub store: u64,
    /// What it is, by a number that says nothing; 0 for null.
    pub index: u64,
}

/// The numbers of references: an integer is in the upper half of its word, so that it isn't null.
const I31: u64 = 1;

impl From<AnyRef> for pellucid_anyref_t {
    fn from(reference: AnyRef) -> pellucid_anyref_t {
        match reference {
            AnyRef::I31(value) => pellucid_anyref_t { store: 0, index: u64::from(value as u32) << 32 | I31 },
            // Behind 0, which with a store's number is nothing else.
            AnyRef::Extern(reference) => pellucid_anyref_t { store: reference.store.0, index: reference.index },
            AnyRef::Object(object) => {
                pellucid_anyref_t { store: object.store.0, index: ExternRef::OBJECT | object.index }
            }
        }
    }
}

impl pellucid_anyref_t {
    /// What it refers to. `InvalidArgument` for null, and for what nobody made.
    pub(super) fn to_core(self) -> Result<AnyRef> {
        if self.store != 0 && self.index & ExternRef::OBJECT != 0 {
            let index = self.index & !ExternRef::OBJECT;
            return Ok(AnyRef::Object(Object { store: StoreId(self.store), index }));
        }
        if self.store != 0 {
            return Ok(AnyRef::Extern(ExternRef { store: StoreId(self.store), index: self.index }));
        }
        match self.index {
            0 => bail!(InvalidArgument, "the reference is null"),
            index if index as u32 == I31 as u32 => Ok(AnyRef::i31((index >> 32) as u32 as i32)),
            _ => bail!(InvalidArgument, "no function of the library made this `anyref`"),
        }
    }
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
