//! The one shape of every entry point: check the arguments, run, catch panics, answer a status.
//!
//! Knows nothing of what an entry does. Invariants: nothing unwinds into C; a panic poisons the store it happened in;
//! the body runs only if every argument passed its check. Read next: [`pointer`](super::pointer) for the checks.

use super::error::pellucid_error_t;
use super::owner::LooseClaim;
use super::pointer::required;
use super::status::{pellucid_status, pellucid_status_t, status_of};
use super::store::pellucid_store_t;
use crate::base::{Error, ErrorKind, Result};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::rc::Rc;

/// Wraps the body of an entry point.
///
/// `entry!(status out_error; kind name, … => { body })` answers a status; the body has the type `Result<()>`.
/// `entry!(value default; kind name, … => body)` answers the body's value, or `default` if an argument is bad.
/// `entry!(delete name)` frees an object that isn't NULL or misaligned. The kinds of arguments are those of `argument!`.
macro_rules! entry {
    (status $out_error:expr; $($kind:ident $($name:ident)+),* => $body:expr) => {
        if $crate::ffi::entry::is_place_for_error($out_error) {
            $($crate::ffi::entry::hold!($out_error; $kind $($name)+);)*
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| -> $crate::base::Result<()> {
                $($crate::ffi::entry::argument!($kind $($name)+);)*
                $body
            }));
            if result.is_err() {
                $($crate::ffi::entry::after_panic!($kind $($name)+);)*
            }
            // SAFETY: `out_error` is NULL or the caller's, as for every out-parameter, and its alignment was just checked.
            unsafe { $crate::ffi::entry::finish(result, $out_error) }
        } else {
            $crate::ffi::entry::no_place_for_error()
        }
    };
    (value $default:expr; $($kind:ident $($name:ident)+),* => $body:expr) => {{
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| -> $crate::base::Result<_> {
            $($crate::ffi::entry::argument!($kind $($name)+);)*
            Ok($body)
        }));
        if result.is_err() {
            $($crate::ffi::entry::after_panic!($kind $($name)+);)*
        }
        match result {
            Ok(Ok(value)) => value,
            _ => $default,
        }
    }};
    (delete $name:ident) => {{
        if let Some(object) = $crate::ffi::pointer::present($name) {
            // SAFETY: the header asks of the caller that the pointer is one that the library made (`Out::give`), and that
            // the caller gives it up (CONVENTIONS.md, "Ownership").
            let object = unsafe { Box::from_raw(object.as_ptr()) };
            // A destructor that panics leaks what it had not freed yet; there is nobody to tell.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)));
        }
    }};
}
pub(super) use entry;

/// Checks one argument and rebinds its name to what the body works with.
macro_rules! argument {
    // Memory for a few small things: `room small`.
    (room small) => {
        $crate::base::memory::ask_for_several()?;
    };
    // A store: like `ref`, and poisoned if the body panics.
    (store $name:ident) => {
        $crate::ffi::entry::argument!(ref $name);
        let _claim = $name.claim()?;
        $name.check_alive()?;
    };
    // A store in which guest code will run, which may delete it: like `store`, and alive until the entry returns.
    (running $name:ident) => {
        let $name = &*$name;
    };
    // A call or an edit session: like `ref`, and its store is poisoned if the body panics.
    (child $name:ident) => {
        $crate::ffi::entry::argument!(ref $name);
        let _claim = $name.store().claim()?;
        $name.store().check_alive()?;
    };
    // A call that will run: like `child`, and alive until the entry returns.
    (resuming $name:ident) => {
        let $name = &*$name;
        $name.store().check_alive()?;
    };
    // A live object.
    (ref $name:ident) => {
        // SAFETY: the header asks of the caller that a pointer to an object is NULL or one that the library made and
        // that isn't deleted (CONVENTIONS.md, "Ownership").
        let $name = unsafe { $crate::ffi::pointer::required($name, stringify!($name)) }?;
    };
    // A live object or NULL.
    (opt $name:ident) => {
        // SAFETY: as for `ref`.
        let $name = unsafe { $crate::ffi::pointer::optional($name, stringify!($name)) }?;
    };
    // Plain data, copied, so that an out-parameter may point to the same place.
    (copy $name:ident) => {
        // SAFETY: the header asks of the caller that a pointer to plain data is NULL or points to initialized data of
        // that type (CONVENTIONS.md, "Pointers").
        let $name = *unsafe { $crate::ffi::pointer::required($name, stringify!($name)) }?;
    };
    // An array of `count` elements.
    (slice $name:ident $count:ident) => {
        // SAFETY: the header asks of the caller that an array has as many initialized elements as the count beside it
        // says (CONVENTIONS.md, "Strings, bytes, arrays").
        let $name = unsafe { $crate::ffi::pointer::slice($name, $count, stringify!($name)) }?;
    };
    // An array of `count` elements to copy from, which may be in a guest's memory.
    (in_slice $name:ident $count:ident) => {
        // SAFETY: as for `slice`.
        let $name = unsafe { $crate::ffi::pointer::InSlice::new($name, $count, stringify!($name)) }?;
    };
    // A UTF-8 string of `count` bytes.
    (text $name:ident $count:ident) => {
        // SAFETY: as for `slice`.
        let $name = unsafe { $crate::ffi::pointer::text($name, $count, stringify!($name)) }?;
    };
    // A place for one result.
    (out $name:ident) => {
        // SAFETY: the header asks of the caller that an out-parameter is NULL or can be written (CONVENTIONS.md,
        // "Out-parameters").
        let $name = unsafe { $crate::ffi::pointer::Out::required($name, stringify!($name)) }?;
    };
    // A place for one result, or NULL if it isn't wanted.
    (opt_out $name:ident) => {
        // SAFETY: as for `out`.
        let $name = unsafe { $crate::ffi::pointer::Out::optional($name, stringify!($name)) }?;
    };
    // Places for `count` results.
    (out_slice $name:ident $count:ident) => {
        // SAFETY: as for `out`, for each of the elements that the count beside it promises.
        let $name = unsafe { $crate::ffi::pointer::OutSlice::new($name, $count, stringify!($name)) }?;
    };
    // A place for a struct that starts with its own size.
    (sized $name:ident) => {
        // SAFETY: as for `out`, for as many bytes as the struct's first member says.
        let $name = unsafe { $crate::ffi::pointer::SizedOut::new($name, stringify!($name)) }?;
    };
    // A callback that must not be NULL.
    (callback $name:ident) => {
        let Some($name) = $name else {
            return Err($crate::ffi::pointer::null(stringify!($name)));
        };
    };
}
pub(super) use argument;

/// Holds on to what a callback may delete while the entry uses it.
macro_rules! hold {
    ($out_error:expr; running $name:ident) => {
        // SAFETY: as for `ref` in `argument!`, and for `finish`.
        let $name = match unsafe { $crate::ffi::entry::Held::new($name, stringify!($name)) } {
            Ok(held) => held,
            // SAFETY: as for `finish`.
            Err(error) => return unsafe { $crate::ffi::entry::fail(error, $out_error) },
        };
    };
    ($out_error:expr; resuming $name:ident) => {
        $crate::ffi::entry::hold!($out_error; running $name)
    };
    ($out_error:expr; $kind:ident $($name:ident)+) => {};
}
pub(super) use hold;

/// An object that a callback may delete.
pub(super) trait Keep: Sized {
    /// A reference that keeps it alive; none if it is going already.
    fn keep(&self) -> Option<Rc<Self>>;

    /// The store that a use of it is a use of.
    fn used_store(&self) -> &pellucid_store_t;
}

/// A reference to such an object that is given up at the very end of an entry point, and the claim of its store.
pub(super) struct Held<T: Keep> {
    object: ManuallyDrop<Rc<T>>,
    claim: ManuallyDrop<LooseClaim>,
}

impl<T: Keep> Held<T> {
    /// # Safety
    ///
    /// As for [`required`].
    #[inline(always)]
    pub(super) unsafe fn new(pointer: *const T, name: &str) -> Result<Held<T>> {
        // SAFETY: the same contract.
        let object = unsafe { required(pointer, name) }?;
        let claim = object.used_store().claim()?;
        match object.keep() {
            Some(object) => Ok(Held { object: ManuallyDrop::new(object), claim: ManuallyDrop::new(claim.loose()) }),
            None => Err(going(name)),
        }
    }

    /// What is held may be the last reference to the object, and that to its store.
    #[cold]
    fn drop_last(&mut self) {
        // SAFETY: `drop` calls this, once, and uses neither any more.
        let (object, claim) = unsafe { (ManuallyDrop::take(&mut self.object), ManuallyDrop::take(&mut self.claim)) };
        let store = object.used_store().weak();
        // As for `entry!(delete …)`.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)));
        claim.end_at(&store);
    }
}

impl<T: Keep> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Keep> Drop for Held<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if Rc::strong_count(&self.object) == 1 {
            self.drop_last();
        } else {
            let store: *const pellucid_store_t = self.object.used_store();
            // SAFETY: both are dropped here, or by `drop_last`, and not used after that. Whoever has the other references to
            // the object doesn't give them up before the claim ends, and with the object lives its store.
            unsafe {
                ManuallyDrop::drop(&mut self.object);
                ManuallyDrop::take(&mut self.claim).end((*store).owner());
            }
        }
    }
}

#[cold]
fn going(name: &str) -> Error {
    Error::new(ErrorKind::InvalidState, format_args!("the {name} is being deleted"))
}

/// Poisons the store of an argument whose entry panicked.
macro_rules! after_panic {
    (store $name:ident) => {
        // SAFETY: as in `argument!`: NULL or live.
        if let Some(store) = unsafe { $crate::ffi::pointer::alive($name) } {
            store.poison_after_panic();
        }
    };
    (running $name:ident) => {
        $name.poison_after_panic();
    };
    (resuming $name:ident) => {
        $name.store().poison_after_panic();
    };
    (child $name:ident) => {
        // SAFETY: as in `argument!`: NULL or live.
        if let Some(child) = unsafe { $crate::ffi::pointer::alive($name) } {
            child.store().poison_after_panic();
        }
    };
    ($kind:ident $($name:ident)+) => {};
}
pub(super) use after_panic;

/// Whether an error can be written there, or none is wanted.
#[inline(always)]
pub(super) fn is_place_for_error(out_error: *mut *mut pellucid_error_t) -> bool {
    out_error.is_aligned()
}

/// The status for a place for an error that is misaligned: nothing can be written there, and nothing is done.
#[cold]
pub(super) fn no_place_for_error() -> pellucid_status_t {
    pellucid_status::PELLUCID_ERR_INVALID_ARGUMENT as pellucid_status_t
}

/// Turns what the body gave into a status and, if asked for, an error object.
///
/// # Safety
///
/// `out_error` is NULL, or aligned and valid for a write.
#[inline]
pub(super) unsafe fn finish(
    result: Result<Result<()>, Box<dyn Any + Send>>,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    match result {
        Ok(Ok(())) => pellucid_status::PELLUCID_OK as pellucid_status_t,
        // SAFETY: the same contract.
        Ok(Err(error)) => unsafe { fail(error, out_error) },
        // SAFETY: the same contract.
        Err(panic) => unsafe { fail(error_of_panic(panic), out_error) },
    }
}

#[cold]
fn error_of_panic(panic: Box<dyn Any + Send>) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let error = Error::new(ErrorKind::Panic, format_args!("internal error: {text}"));
    // A payload whose destructor panics must not unwind from here.
    std::mem::forget(panic);
    error
}

/// # Safety
///
/// As for [`finish`].
#[cold]
pub(super) unsafe fn fail(error: Error, out_error: *mut *mut pellucid_error_t) -> pellucid_status_t {
    let status = status_of(error.kind());
    if !out_error.is_null() {
        // SAFETY: not NULL, so valid for a write (this function's contract).
        unsafe { out_error.write(pellucid_error_t::give(error)) };
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status_with_its_message() {
        let mut error = std::ptr::null_mut();
        let out: *mut *mut pellucid_error_t = &mut error;
        let status = entry!(status out; => panic!("a {}", "bug"));
        assert_eq!(status, pellucid_status::PELLUCID_ERR_PANIC as pellucid_status_t);
        // SAFETY: the entry failed, so it made an error, which is ours.
        let error = unsafe { pellucid_error_t::take(error) };
        assert_eq!(error.message(), "internal error: a bug");
    }

    #[test]
    fn a_bad_argument_stops_the_body_from_running() {
        let place: *mut u32 = std::ptr::null_mut();
        let status = entry!(status std::ptr::null_mut(); out place => {
            place.set(1);
            unreachable!("the argument is NULL")
        });
        assert_eq!(status, pellucid_status::PELLUCID_ERR_NULL_ARGUMENT as pellucid_status_t);
    }
}
