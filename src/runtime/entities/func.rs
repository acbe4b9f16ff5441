//! What a store knows of its functions: entries by handle, and which addresses are function references.
//!
//! Knows nothing of stores. Invariant: an entry stays at its address as long as its list. Read next: [`super::super::func`]
//! for what a store does with them.

#![expect(unsafe_code, reason = "function references are addresses")]

use super::super::machine::guest_stack::GuestStack;
use super::super::machine::store_context::StoreContext;
use super::super::machine::switch;
use crate::abi::vmctx::{self, VmFuncRef};
use crate::base::{FuncType, RawValue, Result, TypeId, memory};
use std::cell::{Cell, UnsafeCell};
use std::collections::HashSet;
use std::ptr;

/// What the host needs to know to call a function. Stays at its address as long as the store.
pub struct FuncEntry {
    /// Its reference; valid as long as the store.
    pub func_ref: *mut VmFuncRef,
    /// Its entry point in the guest convention.
    pub code: usize,
    /// The context that it expects.
    pub context: usize,
    /// The number of its type.
    pub type_id: TypeId,
    /// Its type; valid as long as the engine.
    pub(in super::super) ty: *const FuncType,
    /// The trampoline for its type, or 0 if it wasn't needed yet.
    pub enter: Cell<usize>,
    /// With how many raw values it can be called as it is. No number is enough as long as it has no trampoline, or if a
    /// parameter is a reference, which has to be looked at.
    pub ready_for: Cell<usize>,
    /// The longer of parameters and results.
    pub values: u32,
    /// Whether it is the host's.
    pub is_host: bool,
}

impl FuncEntry {
    /// Its type.
    pub fn ty(&self) -> &FuncType {
        // SAFETY: types are kept by the engine, which the store keeps; entries don't leave the store.
        unsafe { &*self.ty }
    }

    /// Runs the function on a fresh stack; answers one of the switch's numbers.
    ///
    /// # Safety
    ///
    /// As for [`switch::enter`]; the function must have its trampoline, and `values` be as long as it demands.
    #[inline(always)]
    pub unsafe fn switch(&self, context: *mut StoreContext, stack: &GuestStack, values: *mut RawValue) -> u32 {
        // SAFETY: the trampoline is for the function's type, the context the one that its code expects; the rest is the
        // caller's promise.
        unsafe { switch::enter(self.context, stack.high, self.code, values, context, self.enter.get()) }
    }
}

/// The functions that have handles, by number. They are added and never removed.
#[derive(Default)]
pub struct FuncEntries {
    #[expect(clippy::vec_box, reason = "an entry stays at its address")]
    entries: UnsafeCell<Vec<Box<FuncEntry>>>,
}

impl FuncEntries {
    /// How many there are.
    pub fn count(&self) -> usize {
        // SAFETY: `push` changes the vector, for its own time only, in which nobody else can come here: the type isn't
        // `Sync`.
        unsafe { (*self.entries.get()).len() }
    }

    /// The function of this number.
    #[inline]
    pub fn get(&self, number: u64) -> Option<&FuncEntry> {
        // SAFETY: as in `count`; and what is lent is not the vector but a box's contents, which stay as long as `self`.
        let entry = unsafe { (&*self.entries.get()).get(number as usize)? };
        // SAFETY: as just said.
        Some(unsafe { &*ptr::from_ref::<FuncEntry>(entry) })
    }

    /// Makes sure that there is room for one more.
    pub fn reserve(&self) -> Result<()> {
        // SAFETY: as in `push`.
        memory::reserve(unsafe { &mut *self.entries.get() }, 1)
    }

    /// Adds one; answers its number.
    pub fn push(&self, entry: FuncEntry) -> u64 {
        let entry = Box::new(entry);
        // SAFETY: nobody has a reference to the vector: `count` and `get` don't let one out.
        let entries = unsafe { &mut *self.entries.get() };
        entries.push(entry);
        entries.len() as u64 - 1
    }
}

/// Which addresses are function references, and which are instances' contexts.
#[derive(Default)]
pub struct FuncRefs {
    /// Sorted by context.
    contexts: Vec<ContextRefs>,
    /// References that aren't in a context.
    singles: HashSet<usize>,
}

struct ContextRefs {
    context: usize,
    start: usize,
    end: usize,
    instance: u64,
}

impl FuncRefs {
    /// Adds an instance's context with its `count` references from `start` on.
    pub fn add_context(&mut self, context: usize, start: usize, count: usize, instance: u64) {
        let place = self.contexts.partition_point(|refs| refs.context < context);
        let end = start + count * vmctx::func_ref::SIZE as usize;
        self.contexts.insert(place, ContextRefs { context, start, end, instance });
    }

    /// Adds a reference that stands alone.
    pub fn add_single(&mut self, func_ref: *mut VmFuncRef) {
        self.singles.insert(func_ref as usize);
    }

    /// Whether there is a function reference at this address.
    pub fn contains(&self, address: usize) -> bool {
        let in_context = |refs: &ContextRefs| {
            (refs.start..refs.end).contains(&address)
                && (address - refs.start).is_multiple_of(vmctx::func_ref::SIZE as usize)
        };
        self.at_or_before(address).is_some_and(in_context) || self.singles.contains(&address)
    }

    /// The instance whose context is at exactly this address.
    pub fn instance_of_context(&self, address: usize) -> Option<u64> {
        self.at_or_before(address).filter(|refs| refs.context == address).map(|refs| refs.instance)
    }

    fn at_or_before(&self, address: usize) -> Option<&ContextRefs> {
        let after = self.contexts.partition_point(|refs| refs.context <= address);
        Some(&self.contexts[after.checked_sub(1)?])
    }
}
