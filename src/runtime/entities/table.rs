//! Tables.
//!
//! A table's elements are 8 bytes each, a function reference's address or a host reference's number. Their address and
//! count are in a definition that guest code reads: inside the instance's context, or the host's own. Knows nothing of
//! stores.
//!
//! Guest code may be left at any instruction, with the elements' address in a register, and the table grow meanwhile. So a
//! table that can grow has addresses for all that it may come to, as long as there are enough; where it had to move, what it
//! moved from stays. Read next: [`super::super::table`] for what a store does with them.

#![expect(unsafe_code, reason = "guest code reads and writes tables")]

use super::super::machine::mapping::{Mapping, round_to_pages};
use crate::abi::vmctx::VmTable;
use crate::base::{Error, ErrorKind, Result, StoreLimits, TableType, error::bail, memory};
use std::alloc::{self, Layout};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::rc::Rc;

/// Elements that are filled, copied or initialised before a look whether the guest is to be left.
pub const STRETCH: usize = 32 << 10;

/// A table of a store.
pub struct TableData {
    ty: TableType,
    /// Valid as long as the store.
    definition: *mut VmTable,
    /// Elements that there is room for.
    capacity: Cell<usize>,
    elements: Cell<*mut u64>,
    /// Where they are.
    storage: RefCell<Vec<Storage>>,
    /// Elements that it may come to.
    most: u64,
    /// What growing has prepared before it was left in its midst: all elements from the table's end up to this number have these bits.
    prepared: Cell<(usize, u64)>,
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
        check_size(ty.minimum, ty.most_elements(), limits)?;
        let own = definition.is_none().then(|| Rc::new(UnsafeCell::new(VmTable { elements: 0, length: 0 })));
        let definition = definition.or(own.as_ref().map(|own| own.get())).expect("one of both");
        let elements = Cell::new(std::ptr::dangling_mut());
        let most = ty.maximum.unwrap_or(u64::MAX).min(limits.table_elements).min(ty.most_elements()).max(ty.minimum);
        let (capacity, storage, prepared) = (Cell::new(0), RefCell::default(), Cell::new((0, 0)));
        let table = TableData { ty, definition, capacity, elements, storage, most, prepared, _own: own };
        // SAFETY: the caller's promise, or the box just made.
        unsafe { definition.write(VmTable { elements: 0, length: 0 }) };
        table.resize(ty.minimum as usize, init, || false)?;
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

    /// Grows by `delta` elements of these bits; answers the old size. `is_left` is asked after each stretch of elements whether
    /// that is left for later; then the table is as it was, and the same call goes on where this one was left.
    pub fn grow(&self, delta: u64, init: u64, limits: &StoreLimits, is_left: impl FnMut() -> bool) -> Result<u64> {
        let old = self.length() as u64;
        let new = old.saturating_add(delta);
        check_size(new, self.ty.maximum.unwrap_or(u64::MAX).min(self.ty.most_elements()), limits)?;
        self.resize(new as usize, init, is_left)?;
        Ok(old)
    }

    fn resize(&self, length: usize, init: u64, mut is_left: impl FnMut() -> bool) -> Result<()> {
        let old = self.length();
        let is_fresh = self.capacity.get() == 0;
        if length > self.capacity.get() {
            // Growing one by one must not copy everything each time.
            let most = usize::try_from(self.most).unwrap_or(usize::MAX);
            self.reserve(length.max(self.capacity.get().saturating_mul(2).min(most)))?;
        }
        // Pages of a large fresh table come zeroed from the system, and aren't touched before they are used.
        if !(is_fresh && init == 0) {
            let (prepared, bits) = self.prepared.get();
            let mut done = if bits == init { prepared.clamp(old, length) } else { old };
            while done < length {
                let now = STRETCH.min(length - done);
                // SAFETY: there is room for `length` elements.
                unsafe { std::slice::from_raw_parts_mut(self.elements.get().add(done), now) }.fill(init);
                done += now;
                self.prepared.set((done, init));
                if done < length && is_left() {
                    return Ok(());
                }
            }
        }
        self.prepared.set((0, 0));
        // SAFETY: the definition lives as long as the store, and no guest code of it runs now.
        unsafe { *self.definition = VmTable { elements: self.elements.get() as usize, length } };
        Ok(())
    }

    fn reserve(&self, capacity: usize) -> Result<()> {
        let mut storage = self.storage.borrow_mut();
        if let Some(Storage::Reserved { mapping, elements, usable }) = storage.last_mut()
            && capacity <= *elements
        {
            let bytes = round_to_pages(capacity * 8)?;
            mapping.make_writable(*usable, bytes - *usable)?;
            *usable = bytes;
            self.capacity.set(bytes / 8);
            return Ok(());
        }
        memory::reserve(&mut storage, 1)?;
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let reserved = if self.ty.maximum != Some(self.ty.minimum) && capacity <= most {
            round_to_pages(most.saturating_mul(8)).and_then(Mapping::reserve).ok()
        } else {
            None
        };
        let (new, address, capacity) = match reserved {
            Some(mapping) => {
                let usable = round_to_pages(capacity * 8)?;
                mapping.make_writable(0, usable)?;
                let address = mapping.base() as *mut u64;
                (Storage::Reserved { mapping, elements: most, usable }, address, usable / 8)
            }
            None => {
                let block = Block::new(capacity)?;
                let address = block.address;
                (Storage::Block(block), address, capacity)
            }
        };
        // SAFETY: the old place has this many elements, the new one room for more, and it is another.
        unsafe { std::ptr::copy_nonoverlapping(self.elements.get(), address, self.length()) };
        storage.push(new);
        self.prepared.set((0, 0));
        self.elements.set(address);
        self.capacity.set(capacity);
        Ok(())
    }
}

/// Memory for elements.
enum Storage {
    /// Addresses for so many elements, of which so many bytes can be used.
    Reserved { mapping: Mapping, elements: usize, usable: usize },
    /// A block of what was asked for.
    Block(#[expect(dead_code, reason = "kept only")] Block),
}

/// A block of zeroed memory.
struct Block {
    address: *mut u64,
    layout: Layout,
}

impl Block {
    fn new(elements: usize) -> Result<Block> {
        let refused = || Error::new(ErrorKind::System, format_args!("no memory for a table of {elements} elements"));
        let layout = Layout::array::<u64>(elements).map_err(|_| refused())?;
        // SAFETY: the size isn't zero, since the capacity grows.
        let address = unsafe { alloc::alloc_zeroed(layout) }.cast::<u64>();
        if address.is_null() { Err(refused()) } else { Ok(Block { address, layout }) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout.
        unsafe { alloc::dealloc(self.address.cast(), self.layout) };
    }
}

fn check_size(elements: u64, maximum: u64, limits: &StoreLimits) -> Result<()> {
    if elements > maximum {
        bail!(Limit, "{elements} elements are more than the table's maximum");
    }
    if elements > limits.table_elements {
        bail!(Limit, "{elements} elements are more than the store's limit of {}", limits.table_elements);
    }
    Ok(())
}
