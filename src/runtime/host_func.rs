//! Host functions: how the guest calls out.
//!
//! A host function's context begins like an instance's, with the store context, so that one trampoline serves every
//! caller. Invariants: no borrow of the store lasts while the closure runs; a panic doesn't get past here. Read next:
//! [`super::machine::switch`] for the stub that calls this.

#![expect(unsafe_code, reason = "called from guest code by address")]

use super::host_answer::{Awaited, CallAgain, HostAnswer, Wait};
use super::machine::store_context::StoreContext;
use super::machine::switch;
use super::{Extern, Store};
use crate::abi::vmctx::{self, VmFuncRef};
use crate::base::{
    Error, ErrorKind, Func, FuncType, Instance, RawValue, Result, TrapCode, TypeId, ValType, Value, memory,
};
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

/// A host function on tagged values; the results are given with their types' defaults and type-checked afterwards.
pub type HostFn = Box<dyn Fn(Caller<'_>, &[Value], &mut [Value]) -> Result<()>>;

/// A host function on raw values: arguments in, results out, as long as the longer of both. Of the results only
/// references are checked afterwards.
pub type RawHostFn = Box<dyn Fn(Caller<'_>, &mut [RawValue]) -> Result<()>>;

/// Who called a host function.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    store: &'a Store,
    /// The calling instance's context, or null.
    context: *const u8,
    /// Whether it was called before, and its call has waited since.
    is_again: bool,
}

impl<'a> Caller<'a> {
    /// The store in which the call happens.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The instance whose code made the call; none if the host called the function itself.
    pub fn instance(&self) -> Option<Instance> {
        if self.context.is_null() {
            return None;
        }
        // SAFETY: guest code passes the context of its own instance, which lives as long as the store.
        let index = unsafe { self.context.add(vmctx::INSTANCE as usize).cast::<u64>().read() };
        Some(Instance { store: self.store.id(), index })
    }

    /// What a function on raw values without references among its results answers that has waited for something, has changed nothing,
    /// and is to be called again with the same arguments when the guest runs on, which is to be left ([`Store::is_interrupted`]).
    pub fn to_be_called_again(&self) -> Error {
        self.store.inner().host_answer.set(HostAnswer::Again);
        Error::absent()
    }

    /// Whether the call that the guest makes can wait for its results: `Ok`, or `CannotYield`, which says why not.
    pub fn check_yield(&self) -> Result<()> {
        if self.can_yield() { Ok(()) } else { Err(cannot_yield()) }
    }

    /// Whether [`Caller::check_yield`] is `Ok`.
    #[inline]
    pub fn can_yield(&self) -> bool {
        self.is_again || self.store.can_yield()
    }

    /// What a function answers that has no results yet. The call in which it was called is left ([`Exit::Yielded`](super::Exit)), and
    /// goes on with results that it is given later. The token is for whoever will have them. Where a call can't be left so, this
    /// is the error `CannotYield`.
    #[inline]
    pub fn yielded(&self, token: u64) -> Error {
        if !self.can_yield() {
            return cannot_yield();
        }
        self.store.inner().host_answer.set(HostAnswer::Yields(token));
        Error::absent()
    }

    /// What a function without references among its results answers that waits for something, has changed nothing, and is to be called
    /// again with the same arguments when the call is resumed. The call is left as by [`Caller::yielded`], under the same
    /// condition. Whoever resumes it needn't have waited for anything: the function looks by itself.
    pub fn waits(&self, wait: Wait) -> Error {
        if !self.can_yield() {
            return cannot_yield();
        }
        let inner = self.store.inner();
        inner.wait.set(Some(Box::new(wait)));
        inner.host_answer.set(HostAnswer::Waits);
        Error::absent()
    }

    /// Since when the function has waited that is called again, and how much it has done, as its [`Wait`] said.
    pub fn waited(&self) -> Option<(u64, u32)> {
        if !self.is_again {
            return None;
        }
        let wait = self.store.inner().wait.take();
        let waited = wait.as_ref().map(|wait| (wait.begun, wait.done));
        self.store.inner().wait.set(wait);
        waited
    }

    /// An export of the calling instance.
    pub fn export(&self, name: &str) -> Option<Extern> {
        self.store.instance_export(self.instance()?, name).ok()?
    }
}

#[cold]
fn cannot_yield() -> Error {
    let message = "a host function has no results yet, and its call can't wait for them: it runs to its end in one go";
    Error::new(ErrorKind::CannotYield, message)
}

/// The scope of a host function or an event handler that runs: what it is given references to is good until it returns.
pub(super) struct Scope<'a> {
    store: &'a Store,
    before: usize,
    scopes: u32,
    opened: usize,
    outer: usize,
}

impl<'a> Scope<'a> {
    #[inline]
    pub(super) fn open(store: &'a Store) -> Scope<'a> {
        let inner = store.inner();
        let (before, scopes) = (inner.host_roots.borrow().scope(), inner.scopes.get());
        inner.scopes.set(scopes + 1);
        let opened = inner.open_scopes.borrow().len();
        let outer = inner.outer_scopes.replace(opened);
        Scope { store, before, scopes, opened, outer }
    }
}

impl Store {
    /// Runs an event handler that no call stands still for: what it is given references to is good until it returns.
    pub fn with_handler<R>(&self, handler: impl FnOnce() -> R) -> R {
        self.require_slow_path();
        let scope = Scope::open(self);
        let result = handler();
        drop(scope);
        result
    }
}

impl Drop for Scope<'_> {
    #[inline]
    fn drop(&mut self) {
        let inner = self.store.inner();
        inner.scopes.set(self.scopes);
        inner.outer_scopes.set(self.outer);
        inner.open_scopes.borrow_mut().truncate(self.opened);
        if inner.host_roots.borrow().scope() > self.before {
            inner.host_roots.borrow_mut().close(self.before);
        }
    }
}

/// What a host function does: as [`RawHostFn`], but of a type of its own.
pub trait HostBody: Fn(Caller<'_>, &mut [RawValue]) -> Result<()> + 'static {}

impl<F: Fn(Caller<'_>, &mut [RawValue]) -> Result<()> + 'static> HostBody for F {}

/// A host function of a store, where guest code finds it: its address is the callee's context.
#[repr(C)]
pub struct HostFunc<F> {
    store_context: *mut StoreContext,
    /// Where guest code goes, on its own stack.
    stub: usize,
    /// Where the stub goes, on the host's.
    entry: HostEntry<F>,
    func_ref: UnsafeCell<VmFuncRef>,
    ty: Arc<FuncType>,
    /// The longer of parameters and results.
    values: usize,
    body: F,
}

const _: () = {
    assert!(offset_of!(HostFunc<()>, store_context) == vmctx::STORE_CONTEXT as usize);
    assert!(offset_of!(HostFunc<()>, stub) == vmctx::host_func::STUB as usize);
    assert!(offset_of!(HostFunc<()>, entry) == vmctx::host_func::ENTRY as usize);
};

impl<F: HostBody> HostFunc<F> {
    /// A host function whose guest-side entry point is `code`.
    fn new(store_context: *mut StoreContext, code: usize, type_id: TypeId, ty: Arc<FuncType>, body: F) -> Rc<Self> {
        let func_ref = VmFuncRef { code, context: 0, type_id: type_id.0, handle: 0, func_index: 0, padding: 0 };
        let checks_results = ty.results.iter().any(|ty| matches!(ty, ValType::Ref(_)));
        let func = Rc::new(HostFunc {
            store_context,
            stub: switch::host_func as *const () as usize,
            entry: if checks_results { call_host_checked::<F> } else { call_host::<F> },
            func_ref: UnsafeCell::new(func_ref),
            values: ty.params.len().max(ty.results.len()),
            ty,
            body,
        });
        // SAFETY: nobody else knows the reference yet.
        unsafe { (*func.func_ref.get()).context = &raw const *func as usize };
        func
    }

    /// Runs it with the arguments in `values`, which receives the results. Panics become errors. Answers the store too.
    ///
    /// # Safety
    ///
    /// The store must be there; `caller` must be null or the context of an instance of it; `values` must point to as many
    /// values as the longer of parameters and results.
    #[inline(always)]
    pub unsafe fn invoke(&self, caller: *const u8, values: *mut RawValue, is_again: bool) -> (&Store, Result<()>) {
        // SAFETY: the caller's promise.
        let store = unsafe { Store::of_context(self.store_context) };
        let caller = Caller { store, context: caller, is_again };
        // SAFETY: the caller's promise; nobody else uses the values during the call.
        let values = unsafe { std::slice::from_raw_parts_mut(values, self.values) };
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.body)(caller, values)));
        (store, outcome.unwrap_or_else(|panic| Err(panicked(panic))))
    }

    /// Fails, as [`Store::host_failed`] does, if the references among the results aren't good; else answers null.
    ///
    /// # Safety
    ///
    /// As for [`HostFunc::invoke`], which must have filled in `values`.
    pub unsafe fn check_raw_results(&self, values: *const RawValue) -> *mut StoreContext {
        // SAFETY: the caller's promise; nobody changes the values any more.
        let (store, values) =
            unsafe { (Store::of_context(self.store_context), std::slice::from_raw_parts(values, self.values)) };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.check_results(store, values)));
        match outcome.unwrap_or_else(|panic| Err(panicked(panic))) {
            Ok(()) => ptr::null_mut(),
            Err(error) => store.host_failed(error),
        }
    }

    fn check_results(&self, store: &Store, values: &[RawValue]) -> Result<()> {
        for (place, (raw, ty)) in values.iter().zip(&self.ty.results).enumerate() {
            if !store.is_good(*ty, *raw) {
                let message = format!("result {place} of a host function is no {ty} of the store");
                return Err(Error::new(ErrorKind::TypeMismatch, message));
            }
        }
        Ok(())
    }
}

/// Runs a function on tagged values with raw ones.
fn call_tagged(func: &HostFn, ty: &FuncType, caller: Caller<'_>, values: &mut [RawValue]) -> Result<()> {
    let FuncType { params, results } = ty;
    with_values(params.len() + results.len(), |tagged| {
        let (args, out) = tagged.split_at_mut(params.len());
        for ((arg, ty), raw) in args.iter_mut().zip(params).zip(values.iter()) {
            *arg = caller.store.value_of(*ty, *raw);
        }
        for (out, ty) in out.iter_mut().zip(results) {
            *out = Value::default_of(*ty);
        }
        func(caller, args, out)?;
        for (place, (value, ty)) in out.iter().zip(results).enumerate() {
            values[place] = caller.store.raw_as(value, *ty, "result # of a host function", place)?;
        }
        Ok(())
    })
}

/// Lends as many values as asked for, without allocating for the usual numbers.
#[inline]
pub fn with_values<R>(count: usize, use_them: impl FnOnce(&mut [Value]) -> R) -> R {
    if count <= 4 {
        use_them(&mut [Value::Unavailable; 4][..count])
    } else if count <= 16 {
        use_them(&mut [Value::Unavailable; 16][..count])
    } else {
        use_them(&mut vec![Value::Unavailable; count])
    }
}

#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let error = Error::new(ErrorKind::Panic, format_args!("a host function panicked: {text}"));
    // Dropping what was thrown may throw again.
    std::mem::forget(panic);
    error
}

/// What a host function's stub calls: [`call_host`] for the function's body, or [`call_host_checked`].
/// It answers null, or, if the function failed, its store's context, which knows the trap.
pub type HostEntry<F> = unsafe extern "sysv64" fn(*const HostFunc<F>, *const u8, *mut RawValue) -> *mut StoreContext;

/// # Safety
///
/// Called by compiled code, like a builtin; `callee` is a host function's context.
#[inline(never)]
pub unsafe extern "sysv64" fn call_host<F: HostBody>(
    callee: *const HostFunc<F>,
    caller: *const u8,
    values: *mut RawValue,
) -> *mut StoreContext {
    // SAFETY: host functions are kept as long as their store.
    let _scope = Scope::open(unsafe { Store::of_context((*callee).store_context) });
    // SAFETY: as above. The trampoline for the function's type passes as many values as it has, and the caller's context.
    let (store, outcome) = unsafe { (*callee).invoke(caller, values, false) };
    // SAFETY: guest code is what called.
    unsafe { store.reenter() };
    match outcome {
        Ok(()) => {
            store.has_returned();
            ptr::null_mut()
        }
        Err(error) => match store.inner().host_answer.take() {
            HostAnswer::Failed if error.kind() == ErrorKind::Exception => {
                // SAFETY: guest code is what called.
                unsafe { store.throw_error(&error) }.unwrap_or_else(|| store.host_failed(error))
            }
            HostAnswer::Failed => store.host_failed(error),
            HostAnswer::Again => {
                let args = [callee.addr(), caller.addr(), values.addr(), 0, 0, 0];
                // SAFETY: the stub of host functions has called this with these arguments; the values are as they were.
                unsafe { store.call_again(switch::host_func as *const () as usize, args) };
                ptr::null_mut()
            }
            answer @ (HostAnswer::Yields(_) | HostAnswer::Waits) => {
                let (token, again) = match answer {
                    HostAnswer::Yields(token) => (token, None),
                    _ => (0, Some(invoke_again::<F> as CallAgain)),
                };
                let contexts = [callee.cast(), caller];
                // SAFETY: as above. The function's reference has had its number since the function was made.
                unsafe {
                    let func = u64::from((*(*callee).func_ref.get()).handle) - 1;
                    store.host_yielded(Awaited { func, values, token, contexts, again }, values.add((*callee).values))
                }
            }
        },
    }
}

/// Calls a function again that has waited: a [`CallAgain`].
///
/// # Safety
///
/// `callee` must be a function of this type, which answered [`HostAnswer::Waits`] when it was called with the others.
unsafe fn invoke_again<F: HostBody>(callee: *const (), caller: *const u8, values: *mut RawValue) -> Result<()> {
    let callee = callee.cast::<HostFunc<F>>();
    // SAFETY: host functions are kept as long as their store.
    let _scope = Scope::open(unsafe { Store::of_context((*callee).store_context) });
    // SAFETY: host functions and instances are kept as long as their store; the caller's promise.
    unsafe { (*callee).invoke(caller, values, true).1 }
}

/// The same for functions with results that have to be looked at, which others needn't pay for.
///
/// # Safety
///
/// As for [`call_host`].
pub unsafe extern "sysv64" fn call_host_checked<F: HostBody>(
    callee: *const HostFunc<F>,
    caller: *const u8,
    values: *mut RawValue,
) -> *mut StoreContext {
    // SAFETY: the caller's promise.
    unsafe {
        let failed = call_host(callee, caller, values);
        if failed.is_null() { (*callee).check_raw_results(values) } else { failed }
    }
}

impl Store {
    /// Makes a host function on tagged values.
    pub fn func_new(&self, ty: FuncType, func: HostFn) -> Result<Func> {
        let types = ty.clone();
        self.func_new_with(ty, move |caller, values| call_tagged(&func, &types, caller, values))
    }

    /// Makes a host function on raw values.
    pub fn func_new_raw(&self, ty: FuncType, func: RawHostFn) -> Result<Func> {
        self.func_new_with(ty, func)
    }

    /// The same for a function that needs no box, which makes calls of it cheaper.
    pub fn func_new_with(&self, ty: FuncType, body: impl HostBody) -> Result<Func> {
        memory::ask_for_several()?;
        self.func_new_of(self.engine().types().register_func(&ty)?, body)
    }

    /// The same for a type of functions of the engine, whatever it is.
    pub fn func_new_of(&self, type_id: TypeId, body: impl HostBody) -> Result<Func> {
        let inner = self.inner();
        memory::ask_for_several()?;
        memory::reserve(&mut inner.host_funcs.borrow_mut(), 1)?;
        inner.funcs.reserve()?;
        let trampolines = inner.engine.trampolines(type_id)?;
        let ty = inner.engine.types().func_type(type_id);
        let func = HostFunc::new(inner.context.get(), trampolines.host_call(), type_id, ty, body);
        self.add_trampolines(trampolines);
        let func_ref = func.func_ref.get();
        inner.func_refs.borrow_mut().add_single(func_ref);
        inner.host_funcs.borrow_mut().push(func);
        // SAFETY: the function is kept as long as the store, its reference inside it, and it was just added.
        Ok(unsafe { self.add_func(func_ref, true) })
    }

    /// Whether the call that runs can be left until there are results of a host function.
    #[inline]
    fn can_yield(&self) -> bool {
        self.inner().calls.current().is_some_and(|call| call.can_yield.get())
    }

    /// Notes what a call that is about to yield waits for, and where its registers are kept meanwhile. Answers what the function's
    /// stub wants to hear.
    ///
    /// # Safety
    ///
    /// To be called while guest code has called a host function; there must be room for `KEPT_BYTES` at `kept`, on its stack.
    #[inline]
    unsafe fn host_yielded(&self, awaited: Awaited, kept: *mut RawValue) -> *mut StoreContext {
        let context = self.inner().context.get();
        self.inner().awaited.set(awaited);
        // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
        unsafe { (*context).guest_sp = kept.addr() };
        context.map_addr(|address| address + switch::YIELDS)
    }

    /// Notes what a host function failed with, for whoever finds the trap. Answers the context, which is what the function's
    /// stub wants to hear.
    #[cold]
    pub(super) fn host_failed(&self, error: Error) -> *mut StoreContext {
        let code = if error.kind() == ErrorKind::Exception { TrapCode::Exception } else { TrapCode::HostError };
        *self.inner().host_error.borrow_mut() = Some(error);
        let context = self.inner().context.get();
        // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
        unsafe { (*context).trap.code = code };
        context
    }
}
