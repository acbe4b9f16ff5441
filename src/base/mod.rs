//! What every room may use: errors, typed indices and addresses, handles, types, values, configuration.
//!
//! Knows nothing of Wasm bytes, machine code or C. Everything here is plain data. Read next: [`crate::abi`].

pub mod address;
pub mod config;
pub mod error;
pub mod floats;
pub mod handle;
pub mod index;
pub mod memory;
pub mod trap;
pub mod types;
pub mod value;

pub use address::{CodeOffset, NativePc, WasmPc};
pub use config::{CacheFolder, Config, OptLevel, Reservation, StoreLimits};
pub use error::{Backtrace, BacktraceFrame, Error, ErrorKind, Result, Thrown};
pub use handle::{AnyRef, ExnRef, ExternRef, Func, Global, Instance, Memory, Object, StoreId, Table, Tag, WeakObject};
pub use index::{
    BlobId, BodyIndex, DataIndex, DefinedFuncIndex, DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex,
    ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex,
};
pub use trap::TrapCode;
pub use types::{
    CompositeType, ExternType, FieldType, FuncType, GlobalType, HeapType, MemoryType, RefType, StorageType, SubType,
    TableType, TypeId, TypeKind, ValType,
};
pub use value::{RawValue, Value};
