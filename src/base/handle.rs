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
handle!(/// An exception that the guest can hold a reference to.
    ExnRef);
handle!(/// A host value that the guest can hold and pass on, but not look into.
    ExternRef);
