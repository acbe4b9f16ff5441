//! Functions of a store, the guest's and the host's.
//!
//! Guest code knows a function by its reference: a `VmFuncRef` inside an instance's context or a host function, or made
//! on demand for a function that can't leave its module by itself. The host knows it by its handle, which a reference
//! gets when it first reaches the host. Invariant: one reference has one handle. Read next: [`super::call`].

#![expect(unsafe_code, reason = "function references are addresses")]

use super::entities::func::FuncEntry;
use super::{Module, Store};
use crate::abi::vmctx::{self, VmFuncRef};
use crate::base::{Func, FuncIndex, FuncType, Instance, RawValue, Result, TypeId, ValType, error::bail};
use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

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
        let ty = inner.engine.types().func_type(type_id);
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
        Ok(self.engine().types().func_type(self.func_type_id(func)?))
    }

    /// The number of a function's type.
    pub fn func_type_id(&self, func: Func) -> Result<TypeId> {
        Ok(self.func_entry(func)?.type_id)
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
