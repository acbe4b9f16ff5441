//! Functions: making the host's, calling any, and who called.
//!
//! Knows nothing of how guests run. Invariants: a host function's userdata lives as long as its store; while guest code
//! may run, the entry point holds the store. Read next: [`call`](super::call) for calls that can pause.

use super::bytes::pellucid_str_t;
use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::{entry, is_place_for_error};
use super::error::pellucid_error_t;
use super::handle::{pellucid_func_t, pellucid_instance_t};
use super::owner::Claim;
use super::pointer::{OutSlice, present};
use super::status::{pellucid_status, pellucid_status_t, status_name};
use super::store::pellucid_store_t;
use super::types::{kind, pellucid_functype_t, pellucid_kind_t};
use super::value::{Room, pellucid_extern_t, pellucid_raw_t, pellucid_value_t};
use crate::base::{Error, ErrorKind, Func, FuncType, RawValue, Result, ValType, error::bail};
use crate::runtime::{Caller, Convert, HostBody, QuickCall, SlowPath, Store, ThisThread};
use cranelift_entity::EntityRef;
use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::fmt::Display;
use std::hint::cold_path;
use std::ptr::{NonNull, null_mut};

/// Who called a host function. Borrowed: valid until the callback returns.
///
/// Since: 0.1.
pub struct pellucid_caller_t {
    caller: Caller<'static>,
    /// What `pellucid_caller_yield` was given, if it was called.
    pub(super) token: Cell<Option<u64>>,
}

/// A host function on tagged values.
///
/// - `userdata`: as given with the function.
/// - `caller`: who called; valid until the callback returns.
/// - `args`, `n_args`: the arguments, of the function's parameter types.
/// - `results`, `n_results`: places for the results, filled with zeros or nulls of the function's result types.
/// - `out_error`: may be given an error on failure, which the library then owns: one of `pellucid_error_new`, or one that
///   a function of the library gave. It becomes the error of the call, with the guest's backtrace.
///
/// Returns `PELLUCID_OK`, or any other status to fail; the guest is left then. Giving an error is a failure too. Without
/// one the call fails with `PELLUCID_ERR_HOST`, whatever the status was. A function whose results come later returns what
/// `pellucid_caller_yield` answered, which may be `PELLUCID_YIELD`.
///
/// It must return, and not by `longjmp` or a C++ exception. It may use the store, delete any object, and call guests.
///
/// Since: 0.1.
pub type pellucid_func_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        caller: *mut pellucid_caller_t,
        args: *const pellucid_value_t,
        n_args: usize,
        results: *mut pellucid_value_t,
        n_results: usize,
        out_error: *mut *mut pellucid_error_t,
    ) -> pellucid_status_t,
>;

/// A host function on raw values, which is faster.
///
/// - `userdata`: as given with the function.
/// - `caller`: who called; valid until the callback returns.
/// - `values`, `n_values`: the arguments, to be overwritten with the results; as many as the longer of both.
/// - `out_error`: as for `pellucid_func_cb_t`.
///
/// Returns and must behave as `pellucid_func_cb_t`.
///
/// Since: 0.1.
pub type pellucid_func_raw_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        caller: *mut pellucid_caller_t,
        values: *mut pellucid_raw_t,
        n_values: usize,
        out_error: *mut *mut pellucid_error_t,
    ) -> pellucid_status_t,
>;

/// [`pellucid_func_cb_t`] that isn't NULL.
pub(super) type FuncCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut pellucid_caller_t,
    *const pellucid_value_t,
    usize,
    *mut pellucid_value_t,
    usize,
    *mut *mut pellucid_error_t,
) -> pellucid_status_t;

/// [`pellucid_func_raw_cb_t`] that isn't NULL.
pub(super) type RawCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut pellucid_caller_t,
    *mut pellucid_raw_t,
    usize,
    *mut *mut pellucid_error_t,
) -> pellucid_status_t;

impl pellucid_caller_t {
    /// What a callback is given to say who called; valid as long as what `caller` borrows.
    #[inline(always)]
    fn new(caller: Caller<'_>) -> pellucid_caller_t {
        // SAFETY: the object is on the stack of the closure that was given the caller: the header lends it to C until the
        // callback returns.
        let caller = unsafe { std::mem::transmute::<Caller<'_>, Caller<'static>>(caller) };
        pellucid_caller_t { caller, token: Cell::new(None) }
    }

    pub(super) fn caller(&self) -> &Caller<'_> {
        &self.caller
    }
}

/// The result of a callback: what it returned and the error that it may have given.
#[inline]
fn outcome(status: pellucid_status_t, error: *mut pellucid_error_t, caller: &pellucid_caller_t) -> Result<()> {
    if status == 0 && error.is_null() { Ok(()) } else { Err(failure(status, error, caller)) }
}

#[cold]
fn failure(status: pellucid_status_t, error: *mut pellucid_error_t, caller: &pellucid_caller_t) -> Error {
    if status == pellucid_status::PELLUCID_YIELD as pellucid_status_t && error.is_null() {
        if let Some(token) = caller.token.get() {
            return caller.caller.yielded(token);
        }
        if let Err(cannot) = caller.caller.check_yield() {
            return cannot;
        }
    }
    failure_of("a host function", status, error)
}

/// The error of a callback that has failed: the one that it gave, or one that says what it is and its status.
#[cold]
pub(super) fn failure_of(what: impl Display, status: pellucid_status_t, error: *mut pellucid_error_t) -> Error {
    if let Some(error) = present(error) {
        // SAFETY: the header asks for an error object that the library made, and takes it over.
        return unsafe { pellucid_error_t::take(error.as_ptr()) };
    }
    let status = status_name(status).map_or_else(|| status.to_string(), str::to_string);
    Error::new(ErrorKind::Host, format_args!("{what} failed with {status}"))
}

/// The body of a host function of this type that calls back to C.
pub(super) fn tagged(ty: &FuncType, callback: FuncCallback, userdata: Userdata) -> impl HostBody + use<> {
    let kinds = |types: &[ValType]| -> Box<[pellucid_kind_t]> { types.iter().copied().map(kind).collect() };
    let (params, kinds_of_results) = (kinds(&ty.params), kinds(&ty.results));
    move |caller, values| {
        let store = caller.store();
        let mut room = Room::new();
        let tagged = room.places(pellucid_value_t::default(), params.len() + kinds_of_results.len());
        let (args, results) = tagged.split_at_mut(params.len());
        // By place: several slices side by side have their lengths computed and compared first.
        let raw_args = &values[..params.len()];
        for (place, kind) in params.iter().enumerate() {
            args[place] = pellucid_value_t::from_raw(store, *kind, &raw_args[place]);
        }
        let results = &mut results[..kinds_of_results.len()];
        for (place, kind) in kinds_of_results.iter().enumerate() {
            results[place] = pellucid_value_t::empty(*kind);
        }
        let mut caller = pellucid_caller_t::new(caller);
        let mut error = null_mut();
        // SAFETY: the host gave the function for this userdata (header: `pellucid_func_cb_t`); everything else outlives the
        // call.
        let status = unsafe {
            callback(
                userdata.pointer(),
                &mut caller,
                args.as_ptr(),
                args.len(),
                results.as_mut_ptr(),
                results.len(),
                &mut error,
            )
        };
        outcome(status, error, &caller)?;
        let values = &mut values[..kinds_of_results.len()];
        for (place, kind) in kinds_of_results.iter().enumerate() {
            results[place].write_raw(store, *kind, "result # of a host function", place, &mut values[place])?;
        }
        Ok(())
    }
}

/// Like [`tagged`] on raw values.
pub(super) fn raw(callback: RawCallback, userdata: Userdata) -> impl HostBody {
    move |caller, values| {
        let mut caller = pellucid_caller_t::new(caller);
        let mut error = null_mut();
        // SAFETY: the host gave the function for this userdata (header: `pellucid_func_raw_cb_t`); `RawValue` and
        // `pellucid_raw_t` are both 16 bytes of which every bit pattern is valid; everything outlives the call.
        let status =
            unsafe { callback(userdata.pointer(), &mut caller, values.as_mut_ptr().cast(), values.len(), &mut error) };
        outcome(status, error, &caller)
    }
}

/// A call's values as C has them.
pub(super) struct CallValues<'a> {
    pub(super) store: &'a Store,
    pub(super) args: &'a [pellucid_value_t],
    pub(super) results: OutSlice<pellucid_value_t>,
}

impl Convert for CallValues<'_> {
    #[inline]
    fn lengths(&self) -> (usize, usize) {
        (self.args.len(), self.results.len())
    }

    #[inline]
    fn write_args(&mut self, types: &[ValType], raw: &mut [RawValue]) -> Result<()> {
        for (place, ((raw, ty), arg)) in raw.iter_mut().zip(types).zip(self.args).enumerate() {
            arg.write_raw(self.store, kind(*ty), "argument #", place, raw)?;
        }
        Ok(())
    }

    #[inline]
    fn read_results(&mut self, types: &[ValType], raw: &[RawValue]) {
        let values = types.iter().zip(raw).map(|(ty, raw)| pellucid_value_t::from_raw(self.store, kind(*ty), raw));
        self.results.set(values);
    }
}

/// Makes a host function on tagged values.
///
/// - `store`: the store that it will live in.
/// - `functype`: its type.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: what runs.
/// - `finalizer`: frees `userdata` when the store goes; may be NULL.
/// - `out_func`: gets the function.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM` if code for its type couldn't be made;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a type that only another engine has; `PELLUCID_ERR_LIMIT` if the engine has too many types;
/// `PELLUCID_ERR_UNSUPPORTED`.
///
/// Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_new(
    store: *mut pellucid_store_t,
    functype: *const pellucid_functype_t,
    userdata: *mut c_void,
    cb: pellucid_func_cb_t,
    finalizer: pellucid_finalizer_t,
    out_func: *mut pellucid_func_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; room small, store store, ref functype, callback cb, out out_func => {
        out_func.set(store.core().func_new_of(functype.id_in(store.core().engine())?, tagged(functype.ty(), cb, userdata))?.into());
        Ok(())
    })
}

/// Makes a host function on raw values.
///
/// - `store`: the store that it will live in.
/// - `functype`: its type.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: what runs.
/// - `finalizer`: frees `userdata` when the store goes; may be NULL.
/// - `out_func`: gets the function.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns as `pellucid_func_new`.
///
/// Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_new_raw(
    store: *mut pellucid_store_t,
    functype: *const pellucid_functype_t,
    userdata: *mut c_void,
    cb: pellucid_func_raw_cb_t,
    finalizer: pellucid_finalizer_t,
    out_func: *mut pellucid_func_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status out_error; room small, store store, ref functype, callback cb, out out_func => {
        out_func.set(store.core().func_new_of(functype.id_in(store.core().engine())?, raw(cb, userdata))?.into());
        Ok(())
    })
}

/// A function's type.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `out_type`: gets the type.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: the caller owns `*out_type`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_type(
    store: *const pellucid_store_t,
    func: *const pellucid_func_t,
    out_type: *mut *mut pellucid_functype_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy func, out out_type => {
        let core = store.core();
        out_type.give(pellucid_functype_t::defined(core.engine(), core.func_type_id(func.into())?))
    })
}

/// Where a guest function is defined.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `out_instance`: gets the instance whose module defines it; may be NULL.
/// - `out_func_index`: gets its index in that module, imports counted first; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it is a host function;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_location(
    store: *const pellucid_store_t,
    func: *const pellucid_func_t,
    out_instance: *mut pellucid_instance_t,
    out_func_index: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy func, opt_out out_instance, opt_out out_func_index => {
        let Some((_, instance, index)) = store.core().func_location(func.into())? else {
            bail!(NotFound, "it is a host function");
        };
        out_instance.set(instance.into());
        out_func_index.set(index.index() as u32);
        Ok(())
    })
}

/// Calls a function and runs it to its end.
///
/// Such a call can't pause: events go to the store's handler, if there is one; see `pellucid_call_begin` for calls that
/// can.
///
/// - `store`: the store.
/// - `func`: the function, the guest's or the host's.
/// - `args`, `n_args`: the arguments; may be NULL if there are none.
/// - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXCEPTION` for an exception that nothing caught;
/// `PELLUCID_ERR_LIMIT` if there is no room for an exception, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_HOST`, or what else a
/// host function's error says; `PELLUCID_ERR_TYPE_MISMATCH` for arguments of other types than the function's, or
/// if a host function gave results of other types than its own;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments or results, and for a value of unknown kind or
/// `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE` for a function or reference of another store;
/// `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved
/// kind; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_call(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    args: *const pellucid_value_t,
    n_args: usize,
    results: *mut pellucid_value_t,
    n_results: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; running store, copy func, slice args n_args, out_slice results n_results => {
        store.debuggee().call_converted(func.into(), CallValues { store: store.core(), args, results })
    })
}

/// Calls a function with raw values and runs it to its end. Faster than `pellucid_func_call`, and unchecked but for
/// references: the arguments must have the function's parameter types.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `values`, `n_values`: the arguments, which are overwritten with the results; at least as many as the longer of
///   both. Nothing else may use the array during the call. After a failure the contents are unspecified.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXCEPTION` for an exception that nothing caught;
/// `PELLUCID_ERR_LIMIT` if there is no room for an exception, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_HOST`, or what else a host
/// function's error says; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values; `PELLUCID_ERR_TYPE_MISMATCH` for a bad reference;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_call_raw(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    values: *mut pellucid_raw_t,
    n_values: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    // SAFETY: the header's promises are those that `quick_call` asks for.
    if let Some((call, claim)) = unsafe { quick_call(store, func, values, n_values, out_error) } {
        return match call.run() {
            None => pellucid_status::PELLUCID_OK as pellucid_status_t,
            // SAFETY: the store was there, and isn't deleted during a quick call; `out_error` is as in `entry!`.
            Some(call) => unsafe { after_quick_call(store, call, claim, out_error) },
        };
    }
    cold_path();
    // SAFETY: nothing has been done yet.
    unsafe { call_raw_checked(store, func, values, n_values, out_error) }
}

/// The call, if there is nothing about the arguments and the store that has to be looked at.
///
/// # Safety
///
/// As [`pellucid_func_call_raw`] asks of its callers for these arguments.
#[inline(always)]
unsafe fn quick_call<'a>(
    store: *const pellucid_store_t,
    func: *const pellucid_func_t,
    values: *mut pellucid_raw_t,
    n_values: usize,
    out_error: *mut *mut pellucid_error_t,
) -> Option<(QuickCall<'a>, Claim<'a>)> {
    let values: *mut RawValue = values.cast();
    // SAFETY: as for `ref` and `copy` in `argument!`.
    let (store, func) = unsafe { (present(store)?.as_ref(), *present(func)?.as_ref()) };
    if !values.is_aligned() || !is_place_for_error(out_error) || n_values > isize::MAX as usize / size_of::<RawValue>()
    {
        return None;
    }
    if values.is_null() {
        cold_path();
        if n_values != 0 {
            return None;
        }
    }
    let thread = ThisThread::get();
    let claim = store.owner().claim_first(thread)?;
    if !store.allows_quick_calls() {
        return None;
    }
    // SAFETY: calls run under claims, and this is the first. No values, or the caller gives up the array for the duration (header),
    // it is initialized, both types are 16 bytes of which every bit pattern is valid, and the alignment was just checked.
    let call = unsafe { store.core().quick_call(thread, func.into(), values, n_values) }?;
    Some((call, claim))
}

/// Looks at what is slow_path after a call.
///
/// # Safety
///
/// As for [`pellucid_func_call_raw`], in which the quick call was just made.
#[cold]
unsafe fn after_quick_call(
    store: *mut pellucid_store_t,
    call: SlowPath<'_>,
    claim: Claim<'_>,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    let claim = claim.loose();
    // SAFETY: the caller's promise.
    let this = unsafe { &*store }.weak();
    let status = entry!(status out_error; running store => {
        store.give_up_deferred();
        store.debuggee().after_quick_call(call)
    });
    claim.end_at(&this);
    status
}

/// The whole call, with an error for everything that is wrong.
///
/// # Safety
///
/// As for [`pellucid_func_call_raw`].
#[cold]
unsafe fn call_raw_checked(
    store: *mut pellucid_store_t,
    func: *const pellucid_func_t,
    values: *mut pellucid_raw_t,
    n_values: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; running store, copy func, out_slice values n_values => {
        let mut place: *mut RawValue = values.as_mut_ptr().cast();
        if values.len() == 0 {
            // An empty `OutSlice` is aligned for `pellucid_raw_t` only.
            place = NonNull::dangling().as_ptr();
        } else if !place.is_aligned() {
            return call_with_copy(store, func.into(), &values);
        }
        // SAFETY: no values, or the caller gives up the array for the duration (header), it is initialized (as in `slice`),
        // both types are 16 bytes of which every bit pattern is valid, and the alignment was just checked.
        store.debuggee().call_raw(func.into(), unsafe { std::slice::from_raw_parts_mut(place, values.len()) })?;
        store.debuggee().enable_quick_calls();
        Ok(())
    })
}

/// Calls a function with an array that isn't aligned to 16 bytes, as the core wants it; bindings can't always do that.
#[cold]
fn call_with_copy(store: &pellucid_store_t, func: Func, values: &OutSlice<pellucid_raw_t>) -> Result<()> {
    // SAFETY: as in `pellucid_func_call_raw`, with the alignment of `pellucid_raw_t`, which `OutSlice` checked.
    let unaligned = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr(), values.len()) };
    let mut copy: Vec<RawValue> = unaligned.iter().map(|value| value.to_core()).collect();
    store.debuggee().call_raw(func, &mut copy)?;
    values.set(copy.into_iter().map(pellucid_raw_t::from_core));
    Ok(())
}

/// The store in which a host function was called.
///
/// - `caller`: who called.
///
/// Returns the store; NULL if `caller` is NULL.
///
/// Owns: nothing; the store is valid until the callback returns, and longer if the host owns it.
/// Context: in the callback that was given `caller`.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_caller_store(caller: *const pellucid_caller_t) -> *mut pellucid_store_t {
    entry!(value null_mut(); ref caller => pellucid_store_t::of(caller.caller().store()))
}

/// The instance whose code called a host function.
///
/// - `caller`: who called.
/// - `out_instance`: gets the instance.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the host called the function itself.
///
/// Owns: nothing.
/// Context: in the callback that was given `caller`.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_caller_instance(
    caller: *const pellucid_caller_t,
    out_instance: *mut pellucid_instance_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref caller, out out_instance => {
        let Some(instance) = caller.caller().instance() else { bail!(NotFound, "no instance called") };
        out_instance.set(instance.into());
        Ok(())
    })
}

/// An export of the instance whose code called a host function, such as its memory.
///
/// - `caller`: who called.
/// - `name`, `n_name`: the export's name, UTF-8.
/// - `out_extern`: gets the export.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is none, or the host called the function itself;
/// `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
///
/// Owns: nothing.
/// Context: in the callback that was given `caller`.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_caller_export(
    caller: *const pellucid_caller_t,
    name: *const c_char,
    n_name: usize,
    out_extern: *mut pellucid_extern_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref caller, text name n_name, out out_extern => {
        // SAFETY: the store that called is there as long as its callback runs.
        let _claim = unsafe { &*pellucid_store_t::of(caller.caller().store()) }.claim()?;
        let Some(item) = caller.caller().export(name) else { bail!(NotFound, "no export \"{name}\"") };
        out_extern.set(pellucid_extern_t::from_core(item));
        Ok(())
    })
}

/// A function's name in its module.
///
/// - `store`: the store.
/// - `func`: the function.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none or is a host function;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_func_name(
    store: *const pellucid_store_t,
    func: *const pellucid_func_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy func, out out_name => {
        let location = store.core().func_location(func.into())?;
        // The store keeps the module, so the name outlives this reference to it.
        match location.as_ref().and_then(|(module, _, index)| module.info().func_name(*index)) {
            Some(name) => out_name.set(pellucid_str_t::new(name)),
            None => bail!(NotFound, "the function has no name"),
        }
        Ok(())
    })
}
