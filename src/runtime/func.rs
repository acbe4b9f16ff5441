//! Functions of a store, the guest's and the host's.
//!
//! Guest code knows a function by its reference: a `VmFuncRef` inside an instance's context or a host function, or made
//! on demand for a function that can't leave its module by itself. The host knows it by its handle, which a reference
//! gets when it first reaches the host. Invariant: one reference has one handle. Read next: [`super::call`].

#![expect(unsafe_code, reason = "function references are addresses")]

use super::{Module, Store, TypeId};
use crate::abi::vmctx::{self, VmFuncRef};
use crate::base::{Func, FuncIndex, FuncType, Instance, RawValue, Result, ValType, error::bail};
use std::cell::{Cell, UnsafeCell};
use std::collections::HashSet;
use std::ptr;
use std::sync::Arc;

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
    ty: *const FuncType,
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
}

/// The functions that have handles, by number. They are added and never removed.
#[derive(Default)]
pub struct FuncEntries {
    #[expect(clippy::vec_box, reason = "an entry stays at its address")]
    entries: UnsafeCell<Vec<Box<FuncEntry>>>,
}

impl FuncEntries {
    /// How many there are.
    fn count(&self) -> usize {
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

    /// Adds one; answers its number.
    fn push(&self, entry: FuncEntry) -> u64 {
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

impl Store {
    /// Gives a reference that has none a handle.
    ///
    /// # Safety
    ///
    /// `func_ref` must be a function reference of this store, without handle.
    pub(super) unsafe fn add_func(&self, func_ref: *mut VmFuncRef, is_host: bool) -> Func {
        let inner = self.inner();
        // SAFETY: the caller's promise; references stay at their address as long as the store.
        let VmFuncRef { code, context, type_id, .. } = unsafe { ptr::read(func_ref) };
        let type_id = TypeId(type_id);
        let ty = inner.engine.type_entry(type_id).ty.clone();
        let number = inner.funcs.push(FuncEntry {
            func_ref,
            code,
            context,
            type_id,
            enter: Cell::new(0),
            ready_for: Cell::new(usize::MAX),
            values: ty.params.len().max(ty.results.len()) as u32,
            is_host,
            ty: Arc::as_ptr(&ty),
        });
        let handle = u32::try_from(number + 1).expect("references would fill the address space first");
        // SAFETY: as above; nobody holds a Rust reference to it.
        unsafe { (*func_ref).handle = handle };
        Func { store: inner.id, index: number }
    }

    /// The handle of a reference.
    ///
    /// # Safety
    ///
    /// `func_ref` must be a function reference of this store.
    pub(super) unsafe fn func_of_ref(&self, func_ref: *mut VmFuncRef) -> Func {
        // SAFETY: the caller's promise.
        match unsafe { (*func_ref).handle } {
            // SAFETY: the caller's promise. Host functions have a handle from the start.
            0 => unsafe { self.add_func(func_ref, false) },
            handle => Func { store: self.id(), index: u64::from(handle) - 1 },
        }
    }

    #[inline]
    pub(super) fn func_entry(&self, func: Func) -> Result<&FuncEntry> {
        self.check(func.store)?;
        let funcs = &self.inner().funcs;
        match funcs.get(func.index) {
            Some(entry) => Ok(entry),
            None => Err(Store::out_of_range("function", func.index, funcs.count() as u64)),
        }
    }

    /// Makes sure that a function can be called with these raw values: that it has a trampoline, that they are enough, and
    /// that references among the arguments are good.
    #[inline]
    pub(super) fn check_call(&self, entry: &FuncEntry, values: &[RawValue]) -> Result<()> {
        if values.len() >= entry.ready_for.get() { Ok(()) } else { self.prepare_call(entry, values) }
    }

    #[cold]
    fn prepare_call(&self, entry: &FuncEntry, values: &[RawValue]) -> Result<()> {
        let params = &entry.ty().params;
        if entry.enter.get() == 0 {
            let code = self.engine().trampolines(entry.type_id)?;
            entry.enter.set(code.enter());
            self.add_trampolines(code);
            if !params.iter().any(|ty| matches!(ty, ValType::Ref(_))) {
                entry.ready_for.set(entry.values as usize);
            }
        }
        if values.len() < entry.values as usize {
            bail!(InvalidArgument, "{} values are given, the function has {}", values.len(), entry.values);
        }
        for (place, (raw, ty)) in values.iter().zip(params).enumerate() {
            if !self.is_good(*ty, *raw) {
                bail!(TypeMismatch, "argument {place} is no {ty} of the store");
            }
        }
        Ok(())
    }

    /// A function's type.
    pub fn func_type(&self, func: Func) -> Result<Arc<FuncType>> {
        let entry = self.func_entry(func)?;
        Ok(self.engine().func_type(entry.type_id))
    }

    /// Whether it is the host's.
    pub fn func_is_host(&self, func: Func) -> Result<bool> {
        Ok(self.func_entry(func)?.is_host)
    }

    /// Where a guest function is defined; none for the host's.
    pub fn func_location(&self, func: Func) -> Result<Option<(Module, Instance, FuncIndex)>> {
        let entry = self.func_entry(func)?;
        if entry.is_host {
            return Ok(None);
        }
        // SAFETY: the reference lives as long as the store, and a guest function's context is its instance's.
        let (index, instance) = unsafe {
            let instance = (entry.context as *const u8).add(vmctx::INSTANCE as usize).cast::<u64>();
            ((*entry.func_ref).func_index, instance.read())
        };
        let instance = Instance { store: self.id(), index: instance };
        Ok(Some((self.instance_module(instance)?, instance, FuncIndex::from_u32(index))))
    }
}
