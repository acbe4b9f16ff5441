//! Tables.
//!
//! A table's elements are 8 bytes each, a function reference's address or a host reference's number. Their address and
//! count are in a definition that guest code reads: inside the instance's context, or the host's own. Knows nothing of
//! stores. Read next: [`super::super::table`] for what a store does with them.

#![expect(unsafe_code, reason = "guest code reads and writes tables")]

use crate::abi::vmctx::VmTable;
use crate::base::{Error, ErrorKind, Result, StoreLimits, TableType, error::bail};
use std::alloc::{self, Layout};
use std::cell::{Cell, UnsafeCell};
use std::rc::Rc;

/// A table of a store.
pub struct TableData {
    ty: TableType,
    /// Valid as long as the store.
    definition: *mut VmTable,
    /// Elements that there is room for.
    capacity: Cell<usize>,
    elements: Cell<*mut u64>,
    /// The definition of a table that the host made.
    _own: Option<Rc<UnsafeCell<VmTable>>>,
}

impl TableData {
    /// Makes a table of its type's minimal size, filled with `init`. `definition` is where guest code will find it; it is
    /// filled in, and must live as long as the table. Without one the table has its own.
    ///
    /// # Safety
    ///
    /// `definition` must be writable and unused.
    pub unsafe fn new(
        ty: TableType,
        init: u64,
        definition: Option<*mut VmTable>,
        limits: &StoreLimits,
    ) -> Result<TableData> {
        check_size(ty.minimum, None, limits)?;
        let own = definition.is_none().then(|| Rc::new(UnsafeCell::new(VmTable { elements: 0, length: 0 })));
        let definition = definition.or(own.as_ref().map(|own| own.get())).expect("one of both");
        let elements = Cell::new(std::ptr::null_mut());
        let table = TableData { ty, definition, capacity: Cell::new(0), elements, _own: own };
        // SAFETY: the caller's promise, or the box just made.
        unsafe { definition.write(VmTable { elements: 0, length: 0 }) };
        table.resize(ty.minimum as usize, init)?;
        Ok(table)
    }

    /// Where guest code finds the table.
    pub fn definition(&self) -> *mut VmTable {
        self.definition
    }

    /// The type that it was made with.
    pub fn ty(&self) -> TableType {
        self.ty
    }

    /// The number of elements.
    pub fn length(&self) -> usize {
        // SAFETY: the definition lives as long as the store; only `resize` changes it, on this thread.
        unsafe { (*self.definition).length }
    }

    /// An element's bits.
    pub fn get(&self, index: u64) -> Option<u64> {
        // SAFETY: the index is below the length; no guest code of the store runs now.
        (index < self.length() as u64).then(|| unsafe { self.elements.get().add(index as usize).read() })
    }

    /// Sets an element's bits; `false` beyond the size.
    pub fn set(&self, index: u64, bits: u64) -> bool {
        let is_inside = index < self.length() as u64;
        if is_inside {
            // SAFETY: as in `get`.
            unsafe { self.elements.get().add(index as usize).write(bits) };
        }
        is_inside
    }

    /// Grows by `delta` elements of these bits; answers the old size.
    pub fn grow(&self, delta: u64, init: u64, limits: &StoreLimits) -> Result<u64> {
        let old = self.length() as u64;
        let new = old.saturating_add(delta);
        check_size(new, self.ty.maximum, limits)?;
        self.resize(new as usize, init)?;
        Ok(old)
    }

    fn resize(&self, length: usize, init: u64) -> Result<()> {
        let old = self.length();
        let is_fresh = self.capacity.get() == 0;
        if length > self.capacity.get() {
            // Growing one by one must not copy everything each time.
            self.reserve(length.max(self.capacity.get().saturating_mul(2)))?;
        }
        // Pages of a large fresh table come zeroed from the system, and aren't touched before they are used.
        if !(is_fresh && init == 0) {
            for index in old..length {
                // SAFETY: there is room for `length` elements.
                unsafe { self.elements.get().add(index).write(init) };
            }
        }
        // SAFETY: the definition lives as long as the store, and no guest code of it runs now.
        unsafe { *self.definition = VmTable { elements: self.elements.get() as usize, length } };
        Ok(())
    }

    fn reserve(&self, capacity: usize) -> Result<()> {
        let refused = || Error::new(ErrorKind::System, format_args!("no memory for a table of {capacity} elements"));
        let layout = Layout::array::<u64>(capacity).map_err(|_| refused())?;
        let elements = if self.capacity.get() == 0 {
            // SAFETY: the size isn't zero, since the capacity grows.
            unsafe { alloc::alloc_zeroed(layout) }
        } else {
            let old = Layout::array::<u64>(self.capacity.get()).expect("allocated with it");
            // SAFETY: the block was allocated with this layout; the size isn't zero.
            unsafe { alloc::realloc(self.elements.get().cast(), old, layout.size()) }
        };
        if elements.is_null() {
            return Err(refused());
        }
        self.elements.set(elements.cast());
        self.capacity.set(capacity);
        Ok(())
    }
}

impl Drop for TableData {
    fn drop(&mut self) {
        if self.capacity.get() > 0 {
            let layout = Layout::array::<u64>(self.capacity.get()).expect("allocated with it");
            // SAFETY: the block was allocated with this layout.
            unsafe { alloc::dealloc(self.elements.get().cast(), layout) };
        }
    }
}

fn check_size(elements: u64, maximum: Option<u64>, limits: &StoreLimits) -> Result<()> {
    if elements > maximum.unwrap_or(u64::from(u32::MAX)).min(u64::from(u32::MAX)) {
        bail!(Limit, "{elements} elements are more than the table's maximum");
    }
    if elements > limits.table_elements {
        bail!(Limit, "{elements} elements are more than the store's limit of {}", limits.table_elements);
    }
    Ok(())
}
