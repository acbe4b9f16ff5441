//! Store-scoped handles: plain data that names an entity of one store.
//!
//! A handle holds no address. Whoever takes one compares `store` with the store at hand and answers
//! [`ErrorKind::WrongStore`](super::ErrorKind::WrongStore) before looking at `index`.

/// Identifies a store among all stores that the process ever made; never 0 and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(transparent)]
pub struct StoreId(pub u64);

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(C)]
        pub struct $name {
            /// The store that the entity lives in.
            pub store: StoreId,
            /// Its number in that store, in order of creation.
            pub index: u64,
        }
    };
}

handle!(/// An instance of a module.
    Instance);
handle!(/// A function: of an instance, or the host's.
    Func);
handle!(/// A linear memory.
    Memory);
handle!(/// A table.
    Table);
handle!(/// A global variable.
    Global);
handle!(/// A tag of exceptions.
    Tag);
handle!(/// An exception that the host has a reference to.
    ExnRef);
handle!(/// A structure or array that the host has a reference to.
    Object);
handle!(/// A reference of the host's to a structure or array that doesn't keep it.
    WeakObject);
handle!(/// A host value that the guest can hold and pass on, but not look into; or what the guest made, passed on as one: then the number is
    /// [`ExternRef::OF_GUEST`] and its bits.
    ExternRef);

impl ExternRef {
    /// Set in the number of a reference that guest code has made of an `anyref`.
    pub const OF_GUEST: u64 = 1 << 63;
    /// Set too if that is an object, whose number follows.
    pub const OBJECT: u64 = 1 << 62;
}

/// What an `anyref` refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AnyRef {
    /// An integer of 31 bits, sign-extended.
    I31(i32),
    /// A structure or an array.
    Object(Object),
    /// A host value, passed on as a value of the guest's.
    Extern(ExternRef),
}

impl AnyRef {
    /// An integer of 31 bits; the highest bit of `value` is dropped.
    pub fn i31(value: i32) -> AnyRef {
        AnyRef::I31(value << 1 >> 1)
    }
}
