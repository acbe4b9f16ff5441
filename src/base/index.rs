//! Typed indices into a module's index spaces (Wasm core spec, 2.5.1 "Indices").
//!
//! `FuncIndex` and its like count imports first; `Defined…Index` count only what the module itself defines.

use cranelift_entity::entity_impl;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);
        entity_impl!($name);
    };
}

index!(/// A type of the type section.
    TypeIndex);
index!(/// A function, imports included.
    FuncIndex);
index!(/// A function with a body in the module.
    DefinedFuncIndex);
index!(/// A table, imports included.
    TableIndex);
index!(/// A table that the module defines.
    DefinedTableIndex);
index!(/// A memory, imports included.
    MemoryIndex);
index!(/// A memory that the module defines.
    DefinedMemoryIndex);
index!(/// A global, imports included.
    GlobalIndex);
index!(/// A global that the module defines.
    DefinedGlobalIndex);
index!(/// A tag, imports included.
    TagIndex);
index!(/// A data segment.
    DataIndex);
index!(/// An element segment.
    ElemIndex);
index!(/// A blob, a piece of machine code with its tables, that a store has mapped; by its place among them.
    BlobId);
index!(/// The code of one function in one form, by its place in its blob.
    BodyIndex);
