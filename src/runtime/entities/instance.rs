//! Instances: the block of memory that guest code works on, and what the runtime needs to know besides.
//!
//! The block is laid out by [`crate::abi::vmctx`]. Knows nothing of stores. Invariant: a context never moves. Read next:
//! [`super::super::instance`] for how a store makes them.

#![expect(unsafe_code, reason = "reads and writes what guest code works on")]

use super::super::Module;
use super::super::mapped_blob::StoreModule;
use crate::abi::vmctx::VmFuncRef;
use crate::base::{
    DataIndex, ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, RawValue, Result, TableIndex, TagIndex, error::bail,
};
use crate::wasm::{ConstEnvironment, ConstExpr, ConstOp, ElementItems};
use cranelift_entity::EntityRef;
use std::alloc::{self, Layout};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

/// By segment, the bits of elements that are known.
pub type SegmentElements = Box<[Option<Box<[u64]>>]>;

/// An instance of a store.
pub struct InstanceData {
    pub(in super::super) module: Module,
    /// The module as its store has it.
    pub(in super::super) code: Rc<StoreModule>,
    pub(in super::super) context: Context,
    /// Numbers in the store of the imported functions.
    pub(in super::super) imported_funcs: Box<[u64]>,
    /// Numbers in the store of all memories, imported ones first.
    pub(in super::super) memories: Box<[u64]>,
    /// Likewise of all tables.
    pub(in super::super) tables: Box<[u64]>,
    /// Likewise of all globals.
    pub(in super::super) globals: Box<[u64]>,
    /// Likewise of all tags.
    pub(in super::super) tags: Box<[u64]>,
    pub(in super::super) dropped_data: Box<[Cell<bool>]>,
    pub(in super::super) dropped_elems: Box<[Cell<bool>]>,
    /// The elements of segments whose expressions make objects.
    pub(in super::super) elements: RefCell<SegmentElements>,
    /// References, made on demand, of functions that have none in the context.
    pub(in super::super) references: RefCell<HashMap<FuncIndex, Rc<UnsafeCell<VmFuncRef>>>>,
}

impl InstanceData {
    /// A memory's number in the store.
    pub fn memory(&self, index: MemoryIndex) -> u64 {
        self.memories[index.index()]
    }

    /// A table's number in the store.
    pub fn table(&self, index: TableIndex) -> u64 {
        self.tables[index.index()]
    }

    /// A tag's number in the store.
    pub fn tag(&self, index: TagIndex) -> u64 {
        self.tags[index.index()]
    }

    /// So many bytes of a data segment from one on; none if it hasn't so many.
    pub fn data(&self, segment: DataIndex, from: u32, count: u64) -> Option<&[u8]> {
        let info = self.module.info();
        let is_dropped = self.dropped_data[segment.index()].get();
        let bytes = if is_dropped { &[] } else { &info.bytes[info.data[segment].range.clone()] };
        let end = usize::try_from(u64::from(from) + count).ok()?;
        bytes.get(from as usize..end)
    }

    /// How many elements a segment has.
    pub fn element_count(&self, segment: ElemIndex) -> u64 {
        let is_dropped = self.dropped_elems[segment.index()].get();
        if is_dropped { 0 } else { self.module.info().elements[segment].items.len() as u64 }
    }

    /// Forgets a data segment.
    pub fn drop_data(&self, segment: DataIndex) {
        self.dropped_data[segment.index()].set(true);
    }

    /// Forgets an element segment.
    pub fn drop_elem(&self, segment: ElemIndex) {
        self.dropped_elems[segment.index()].set(true);
    }

    /// The value of a constant expression that makes no objects.
    pub fn evaluate(&self, expr: &ConstExpr) -> u128 {
        self.context.evaluate(&self.module, expr, &|_, _, _| unreachable!("it makes none")).expect("only objects fail")
    }

    /// The bits of an element of a segment.
    pub fn element(&self, segment: ElemIndex, place: usize) -> u64 {
        if let Some(elements) = &self.elements.borrow()[segment.index()] {
            return elements[place];
        }
        match &self.module.info().elements[segment].items {
            ElementItems::Funcs(funcs) => {
                let reference = self.context.func_ref(&self.module, funcs[place]);
                reference.expect("element segments let functions escape") as u64
            }
            ElementItems::Exprs(exprs) => self.evaluate(&exprs[place]) as u64,
        }
    }
}

/// The block of memory that guest code works on.
pub struct Context {
    address: NonNull<u8>,
    layout: Layout,
}

impl Context {
    /// A zeroed block of so many bytes.
    pub fn new(size: u32) -> Result<Context> {
        let layout = Layout::from_size_align(size as usize, 16).expect("contexts are smaller than 2 GiB");
        // SAFETY: contexts have a header, so the size isn't zero.
        match NonNull::new(unsafe { alloc::alloc_zeroed(layout) }) {
            Some(address) => Ok(Context { address, layout }),
            None => bail!(System, "no memory for an instance of {size} bytes"),
        }
    }

    /// The address of the byte at `offset`.
    pub fn at(&self, offset: i32) -> *mut u8 {
        let offset = offset as usize;
        assert!(offset < self.layout.size());
        // SAFETY: the offset is inside the block.
        unsafe { self.address.as_ptr().add(offset) }
    }

    /// Writes a field.
    pub fn write<T>(&self, offset: i32, value: T) {
        assert!(offset as usize + size_of::<T>() <= self.layout.size());
        // SAFETY: the value fits into the block, and the layout aligns every field. Guest code isn't running.
        unsafe { self.at(offset).cast::<T>().write(value) }
    }

    /// Reads a field.
    pub fn read<T: Copy>(&self, offset: i32) -> T {
        assert!(offset as usize + size_of::<T>() <= self.layout.size());
        // SAFETY: as in `write`; all fields are numbers, and the block was zeroed.
        unsafe { self.at(offset).cast::<T>().read() }
    }

    fn global(&self, module: &Module, index: GlobalIndex) -> *mut RawValue {
        let layout = &module.info().layout;
        match layout.as_defined_global(index) {
            Some(defined) => self.at(layout.defined_global(defined)).cast(),
            None => self.read(layout.imported_global(index)),
        }
    }

    /// The reference of a function that has one in the context.
    pub fn func_ref(&self, module: &Module, index: FuncIndex) -> Option<*mut VmFuncRef> {
        let place = module.info().escaping_place(index)?;
        Some(self.at(module.info().layout.func_ref(place)).cast())
    }

    /// The value of a constant expression of its module. `object` makes objects.
    ///
    /// Errors: what that answers.
    pub fn evaluate(&self, module: &Module, expr: &ConstExpr, object: &MakeObject<'_>) -> Result<u128> {
        expr.evaluate(&Evaluation { context: self, module, object })
    }
}

/// Makes the object of an operator: see [`ConstEnvironment::object`].
pub type MakeObject<'a> = dyn Fn(ConstOp, &[u128], &[u128]) -> Result<u32> + 'a;

/// What constant expressions of an instance refer to.
struct Evaluation<'a> {
    context: &'a Context,
    module: &'a Module,
    object: &'a MakeObject<'a>,
}

impl ConstEnvironment for Evaluation<'_> {
    fn global(&self, global: GlobalIndex) -> u128 {
        // SAFETY: cells live as long as the store; guest code isn't running.
        unsafe { (*self.context.global(self.module, global)).bits() }
    }

    fn func(&self, func: FuncIndex) -> u64 {
        self.context.func_ref(self.module, func).expect("constant expressions let functions escape") as u64
    }

    fn object(&self, op: ConstOp, operands: &[u128], words: &[u128]) -> Result<u32> {
        (self.object)(op, operands, words)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout.
        unsafe { alloc::dealloc(self.address.as_ptr(), self.layout) };
    }
}
