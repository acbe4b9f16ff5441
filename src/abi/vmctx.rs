//! Memory layout that compiled code and the runtime share.
//!
//! ```text
//! instance context (one per instance)         store context (one per store)
//!   0  store context                            0  builtins: array of addresses
//!   8  type ids: array of u32                   8  host stack pointer while the guest runs
//!  16  instance number                         16  guest stack pointer of a guest that was left
//!  24  the module's code                       24  frame pointer where the guest stopped
//!  32  guards: array of u8                     32  code address where the guest stopped
//!  40  imported functions: {code, context}     40  where the guest called the host: {frame pointer, code address}
//!      memories: {base, *definition}           48  the store
//!      imported tables: *definition
//!      imported globals: *cell                 56  the guest stack
//!      defined tables: {elements, length}      64  how to enter a function in its midst, or 0
//!      defined globals: 16-byte cells          72  fuel that is left
//!      function references, one per escaping   80  why guest code is to be left, or 0
//!      function                                88  supertypes of all types
//!                                              96  the heap
//! ```
//!
//! Guest functions use Cranelift's `tail` convention with two hidden leading parameters: the callee's context and
//! the caller's context (which tells a host function whose instance called it). A host function's context begins
//! with the store context too, so that one import trampoline serves both; [`host_func`] has the rest of it.

use crate::base::{DefinedGlobalIndex, DefinedTableIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex};
use cranelift_entity::EntityRef;
use std::sync::atomic::AtomicUsize;

/// Offsets in the store context.
pub mod store_context {
    /// Address of the array of builtin entry points, in the order of [`crate::abi::builtins::Builtin`].
    pub const BUILTINS: i32 = 0;
    /// The host's stack pointer while guest code runs.
    pub const HOST_SP: i32 = 8;
    /// The guest's stack pointer after it was left, to resume it.
    pub const GUEST_SP: i32 = 16;
    /// Frame pointer at the last stop.
    pub const EXIT_FP: i32 = 24;
    /// Code address at the last stop.
    pub const EXIT_PC: i32 = 32;
    /// Address of two words on the guest's stack: the frame pointer and the code address where guest code last called
    /// the host.
    pub const EXIT_FRAME: i32 = 40;
    /// The store that owns this context.
    pub const STORE: i32 = 48;
    /// Address of the guest stack in use; see [`guest_stack`](super::guest_stack).
    pub const STACK: i32 = 56;
    /// Address of an [`entry`](super::entry), or 0.
    pub const ENTRY: i32 = 64;
    /// Fuel that is left, a signed number; see [`fuel`](crate::abi::fuel).
    pub const FUEL: i32 = 72;
    /// A word that isn't 0 if guest code is to be left.
    pub const INTERRUPT: i32 = 80;
    /// Address of the array of chunks that leads to each type's supertypes; see [`type_paths`](crate::abi::type_paths).
    pub const TYPE_PATHS: i32 = 88;
    /// Address of the [`VmHeap`](crate::abi::heap::VmHeap); one without room if the store has no heap.
    pub const HEAP: i32 = 96;
}

/// Where and with what a function in its exact form is entered that the store context has an entry for: words, as many as the
/// function's state slot has. The function takes the entry away before anything else.
pub mod entry {
    /// The number of the function's stop point behind which it goes on. All words after it are the state slot's.
    pub const STOP: u32 = 0;
}

/// Offsets in a guest stack's description.
pub mod guest_stack {
    /// What the stack pointer mustn't go below in code that checks it.
    pub const LIMIT: i32 = 0;
}

/// Offsets in a host function's context.
pub mod host_func {
    /// Address of the routine that guest code calls, on its own stack: `(callee context, caller context, values)`, where
    /// `values` is the address of an array of [`RawValue`](crate::base::RawValue) that holds the arguments and receives
    /// the results. It takes its arguments as builtins do. If the host function fails it doesn't return. Behind the array is
    /// room for what is kept while the call waits for the function's results.
    pub const STUB: i32 = 8;
    /// Address of the function that the routine calls with the same arguments, on the host's stack.
    pub const ENTRY: i32 = 16;
    /// Bytes of the room behind the values.
    pub const KEPT_BYTES: u32 = 48;
}

/// A function as guest code sees it: what a `funcref` points to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmFuncRef {
    /// Entry point in the guest convention.
    pub code: usize,
    /// The context that `code` expects first: an instance's, or a host function's.
    pub context: usize,
    /// The engine-wide number of the function's type.
    pub type_id: u32,
    /// The function's number in its store plus one, or 0 if it has none yet.
    pub handle: u32,
    /// The function's index in its module's full index space (unused for host functions).
    pub func_index: u32,
    /// Keeps the size a multiple of eight.
    pub padding: u32,
}

/// A linear memory's changing part. If the memory is shared, so is this, and its size may grow at any time.
#[repr(C)]
#[derive(Debug)]
pub struct VmMemory {
    /// First byte; never moves while the memory lives.
    pub base: usize,
    /// Accessible bytes; never fewer than before.
    pub bytes: AtomicUsize,
    /// Whether others than the thread of the store may be using its bytes.
    pub is_shared: bool,
}

/// A table's changing part. Every element is 8 bytes: a `VmFuncRef` address, or an external reference's number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmTable {
    /// First element; may move when the table grows.
    pub elements: usize,
    /// Elements.
    pub length: usize,
}

/// Offsets in an imported function's entry.
pub mod imported_func {
    /// Entry point in the guest convention.
    pub const CODE: i32 = 0;
    /// The callee's context.
    pub const CONTEXT: i32 = 8;
    /// Bytes of an entry.
    pub const SIZE: u32 = 16;
}

/// Offsets in [`VmFuncRef`].
pub mod func_ref {
    /// Entry point.
    pub const CODE: i32 = 0;
    /// Context.
    pub const CONTEXT: i32 = 8;
    /// Type number.
    pub const TYPE_ID: i32 = 16;
    /// Bytes of a function reference.
    pub const SIZE: u32 = 32;
}

/// Offsets in a memory's entry of the instance context, and in [`VmMemory`].
pub mod memory {
    /// First byte of the memory.
    pub const BASE: i32 = 0;
    /// Address of the [`VmMemory`](super::VmMemory).
    pub const DEFINITION: i32 = 8;
    /// Bytes of an entry.
    pub const SIZE: u32 = 16;
    /// In [`VmMemory`](super::VmMemory): accessible bytes.
    pub const BYTES: i32 = 8;
}

/// Offsets in [`VmTable`].
pub mod table {
    /// First element.
    pub const ELEMENTS: i32 = 0;
    /// Number of elements.
    pub const LENGTH: i32 = 8;
    /// Bytes of a table definition.
    pub const SIZE: u32 = 16;
}

/// Bytes of a global's cell.
pub const GLOBAL_SIZE: u32 = 16;

/// Offset of the store context in every context that guest code receives.
pub const STORE_CONTEXT: i32 = 0;
/// Offset of the array of type numbers in an instance context.
pub const TYPE_IDS: i32 = 8;
/// Offset of the instance's number (u64) in an instance context.
pub const INSTANCE: i32 = 16;
/// Offset of the address in an instance context where the store has the code that the instance's module was compiled to when it
/// was loaded.
pub const CODE_BASE: i32 = 24;

/// Offset of the address of the module's guards in an instance context: for each function that the module defines a byte, which
/// isn't 0 if a stop point of the function is armed. Only with debugging.
pub const GUARDS: i32 = 32;

const HEADER_SIZE: u32 = 40;

/// Counts that decide an instance context's layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Imported functions.
    pub imported_funcs: u32,
    /// Memories, imported and defined.
    pub memories: u32,
    /// Imported tables.
    pub imported_tables: u32,
    /// Imported globals.
    pub imported_globals: u32,
    /// Tables that the module defines.
    pub defined_tables: u32,
    /// Globals that the module defines.
    pub defined_globals: u32,
    /// Functions whose reference can leave the module.
    pub escaping_funcs: u32,
}

/// The layout of the instance contexts of one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmCtxLayout {
    counts: Counts,
    memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    defined_tables: u32,
    defined_globals: u32,
    func_refs: u32,
    size: u32,
}

impl VmCtxLayout {
    /// Lays out a context; `None` if it would be 2 GiB or larger.
    pub fn new(counts: Counts) -> Option<VmCtxLayout> {
        let mut end: u64 = u64::from(HEADER_SIZE);
        let mut place = |count: u32, size: u32, align: u64| {
            let start = end.next_multiple_of(align);
            end = start + u64::from(count) * u64::from(size);
            start as u32
        };
        place(counts.imported_funcs, imported_func::SIZE, 8);
        let layout = VmCtxLayout {
            counts,
            memories: place(counts.memories, memory::SIZE, 8),
            imported_tables: place(counts.imported_tables, 8, 8),
            imported_globals: place(counts.imported_globals, 8, 8),
            defined_tables: place(counts.defined_tables, table::SIZE, 8),
            defined_globals: place(counts.defined_globals, GLOBAL_SIZE, 16),
            func_refs: place(counts.escaping_funcs, func_ref::SIZE, 8),
            size: 0,
        };
        let size = end.next_multiple_of(16);
        (size <= i32::MAX as u64).then_some(VmCtxLayout { size: size as u32, ..layout })
    }

    /// Bytes of the context; it is aligned to 16.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Entry of an imported function.
    pub fn imported_func(&self, index: FuncIndex) -> i32 {
        assert!(index.as_u32() < self.counts.imported_funcs);
        (HEADER_SIZE + index.as_u32() * imported_func::SIZE) as i32
    }

    /// Entry of a memory, imported or defined.
    pub fn memory(&self, index: MemoryIndex) -> i32 {
        assert!(index.as_u32() < self.counts.memories);
        (self.memories + index.as_u32() * memory::SIZE) as i32
    }

    /// Address of an imported table's definition.
    pub fn imported_table(&self, index: TableIndex) -> i32 {
        assert!(index.as_u32() < self.counts.imported_tables);
        (self.imported_tables + index.as_u32() * 8) as i32
    }

    /// Definition of a table that the module defines.
    pub fn defined_table(&self, index: DefinedTableIndex) -> i32 {
        assert!(index.as_u32() < self.counts.defined_tables);
        (self.defined_tables + index.as_u32() * table::SIZE) as i32
    }

    /// Address of an imported global's cell.
    pub fn imported_global(&self, index: GlobalIndex) -> i32 {
        assert!(index.as_u32() < self.counts.imported_globals);
        (self.imported_globals + index.as_u32() * 8) as i32
    }

    /// Cell of a global that the module defines.
    pub fn defined_global(&self, index: DefinedGlobalIndex) -> i32 {
        assert!(index.as_u32() < self.counts.defined_globals);
        (self.defined_globals + index.as_u32() * GLOBAL_SIZE) as i32
    }

    /// Function reference of the `nth` escaping function.
    pub fn func_ref(&self, nth: u32) -> i32 {
        assert!(nth < self.counts.escaping_funcs);
        (self.func_refs + nth * func_ref::SIZE) as i32
    }

    /// The index of a table among those that the module defines, unless it is imported.
    pub fn as_defined_table(&self, index: TableIndex) -> Option<DefinedTableIndex> {
        index.index().checked_sub(self.counts.imported_tables as usize).map(DefinedTableIndex::new)
    }

    /// The index of a global among those that the module defines, unless it is imported.
    pub fn as_defined_global(&self, index: GlobalIndex) -> Option<DefinedGlobalIndex> {
        index.index().checked_sub(self.counts.imported_globals as usize).map(DefinedGlobalIndex::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn offsets_agree_with_the_structs() {
        assert_eq!(offset_of!(VmFuncRef, code), func_ref::CODE as usize);
        assert_eq!(offset_of!(VmFuncRef, context), func_ref::CONTEXT as usize);
        assert_eq!(offset_of!(VmFuncRef, type_id), func_ref::TYPE_ID as usize);
        assert_eq!(size_of::<VmFuncRef>(), func_ref::SIZE as usize);
        assert_eq!(offset_of!(VmMemory, bytes), memory::BYTES as usize);
        assert_eq!(offset_of!(VmTable, elements), table::ELEMENTS as usize);
        assert_eq!(offset_of!(VmTable, length), table::LENGTH as usize);
        assert_eq!(size_of::<VmTable>(), table::SIZE as usize);
    }

    #[test]
    fn regions_follow_each_other_without_overlap() {
        let counts = Counts {
            imported_funcs: 3,
            memories: 1,
            imported_tables: 1,
            imported_globals: 1,
            defined_tables: 2,
            defined_globals: 2,
            escaping_funcs: 2,
        };
        let layout = VmCtxLayout::new(counts).unwrap();
        assert_eq!(layout.imported_func(FuncIndex::from_u32(2)), 72);
        assert_eq!(layout.memory(MemoryIndex::from_u32(0)), 88);
        assert_eq!(layout.imported_table(TableIndex::from_u32(0)), 104);
        assert_eq!(layout.imported_global(GlobalIndex::from_u32(0)), 112);
        assert_eq!(layout.defined_table(DefinedTableIndex::from_u32(1)), 136);
        assert_eq!(layout.defined_global(DefinedGlobalIndex::from_u32(0)), 160);
        assert_eq!(layout.func_ref(1), 224);
        assert_eq!(layout.size(), 256);
    }

    #[test]
    fn a_context_too_large_is_refused() {
        assert!(VmCtxLayout::new(Counts { defined_globals: 1 << 27, ..Counts::default() }).is_none());
    }
}
