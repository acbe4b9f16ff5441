//! Checked views of what C passes: objects, arrays, strings, places for results.
//!
//! Knows nothing of the objects' meaning. Invariants: an `Out` is written at most once and only by a body that
//! succeeds; no pointer is followed that is NULL or misaligned. Read next: [`callback`](super::callback).

use crate::base::{Error, ErrorKind, Result, error::bail, memory};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The error for a required pointer that is NULL.
#[cold]
pub(super) fn null(name: &str) -> Error {
    Error::new(ErrorKind::NullArgument, format_args!("`{name}` is NULL"))
}

#[cold]
fn bad<T>(pointer: *const T, name: &str) -> Error {
    if pointer.is_null() {
        return null(name);
    }
    Error::new(ErrorKind::InvalidArgument, format_args!("`{name}` is misaligned"))
}

#[cold]
fn too_many(count: usize, name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format_args!("`{name}` can't have {count} elements"))
}

/// The pointer, unless it is NULL or misaligned.
#[inline(always)]
pub(super) fn present<T>(pointer: *const T) -> Option<NonNull<T>> {
    let pointer = NonNull::new(pointer.cast_mut())?;
    if pointer.is_aligned() { Some(pointer) } else { None }
}

/// The object, for those who have nothing to answer: none if the pointer is NULL or misaligned.
///
/// # Safety
///
/// As for [`required`].
pub(super) unsafe fn alive<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: neither NULL nor misaligned, so valid by this function's contract.
    present(pointer).map(|pointer| unsafe { pointer.as_ref() })
}

#[inline]
fn checked<T>(pointer: *const T, name: &str) -> Result<NonNull<T>> {
    present(pointer).ok_or_else(|| bad(pointer, name))
}

/// # Safety
///
/// `pointer` is NULL, or valid for reads of an initialized `T` that nothing but cells changes during `'a`.
#[inline]
pub(super) unsafe fn required<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    let pointer = checked(pointer, name)?;
    // SAFETY: neither NULL nor misaligned, so valid by this function's contract.
    Ok(unsafe { pointer.as_ref() })
}

/// # Safety
///
/// As for [`required`].
#[inline]
pub(super) unsafe fn optional<'a, T>(pointer: *const T, name: &str) -> Result<Option<&'a T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the same contract.
    unsafe { required(pointer, name) }.map(Some)
}

/// # Safety
///
/// `pointer` is NULL, or valid for reads of `count` initialized `T`s that nothing changes during `'a`.
#[inline]
pub(super) unsafe fn slice<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    let pointer = checked(pointer, name)?;
    fits::<T>(count, name)?;
    // SAFETY: neither NULL nor misaligned, so valid for `count` elements by this function's contract; the size in bytes
    // was just compared with the language's limit.
    Ok(unsafe { std::slice::from_raw_parts(pointer.as_ptr(), count) })
}

/// # Safety
///
/// As for [`slice`].
pub(super) unsafe fn text<'a>(pointer: *const std::ffi::c_char, count: usize, name: &str) -> Result<&'a str> {
    // SAFETY: the same contract; `c_char` and `u8` have the same layout.
    let bytes = unsafe { slice(pointer.cast::<u8>(), count, name) }?;
    let Ok(text) = std::str::from_utf8(bytes) else {
        bail!(InvalidArgument, "`{name}` isn't UTF-8");
    };
    Ok(text)
}

#[inline]
fn fits<T>(count: usize, name: &str) -> Result<()> {
    if count <= isize::MAX as usize / size_of::<T>() { Ok(()) } else { Err(too_many(count, name)) }
}

/// A place for one result.
pub(super) struct Out<T>(Option<NonNull<T>>);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `pointer` is NULL, or valid for a write until the entry point returns.
    #[inline]
    pub(super) unsafe fn required(pointer: *mut T, name: &str) -> Result<Out<T>> {
        checked(pointer, name).map(|pointer| Out(Some(pointer)))
    }

    /// # Safety
    ///
    /// As for [`Out::required`].
    #[inline]
    pub(super) unsafe fn optional(pointer: *mut T, name: &str) -> Result<Out<T>> {
        if pointer.is_null() { Ok(Out(None)) } else { checked(pointer, name).map(|pointer| Out(Some(pointer))) }
    }

    /// Whether somebody wants the result.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Writes the result; the last thing that a body does.
    #[inline]
    pub(super) fn set(self, value: T) {
        if let Some(place) = self.0 {
            // SAFETY: valid for a write by the contract of the constructors.
            unsafe { place.write(value) };
        }
    }
}

impl<T> Out<*mut T> {
    /// Writes a new object, which the caller then owns; the last thing that a body does. Nothing is made if it isn't wanted.
    ///
    /// Errors: `System` if there is no memory for it.
    pub(super) fn give(self, object: T) -> Result<()> {
        if self.is_wanted() {
            self.set(Box::into_raw(memory::boxed(object)?));
        }
        Ok(())
    }
}

/// Places for results in an array.
pub(super) struct OutSlice<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T> OutSlice<T> {
    /// # Safety
    ///
    /// `pointer` is NULL, or valid for writes of `count` elements until the entry point returns.
    #[inline]
    pub(super) unsafe fn new(pointer: *mut T, count: usize, name: &str) -> Result<OutSlice<T>> {
        if count == 0 {
            return Ok(OutSlice { first: NonNull::dangling(), len: 0 });
        }
        fits::<T>(count, name)?;
        Ok(OutSlice { first: checked(pointer, name)?, len: count })
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first place; dangling if there are none.
    pub(super) fn as_mut_ptr(&self) -> *mut T {
        self.first.as_ptr()
    }

    /// Writes one result, at a place that must be there.
    #[inline]
    pub(super) fn set_at(&self, place: usize, value: T) {
        assert!(place < self.len);
        // SAFETY: `place < len`, and each of `len` places is valid for a write (the constructor's contract).
        unsafe { self.first.add(place).write(value) };
    }

    /// Writes the results that fit; answers how many.
    #[inline]
    pub(super) fn set(&self, values: impl IntoIterator<Item = T>) -> usize {
        let mut written = 0;
        for value in values.into_iter().take(self.len) {
            // SAFETY: `written < len` (`take`), and each of `len` places is valid for a write (the constructor's contract).
            unsafe { self.first.add(written).write(value) };
            written += 1;
        }
        written
    }

    /// The places as bytes to fill in one go, which nobody else looks at meanwhile.
    pub(super) fn into_bytes<'a>(self) -> &'a mut [u8]
    where
        T: Byte,
    {
        // SAFETY: valid for writes of `len` bytes until the entry point returns (the constructor's contract); bytes have
        // no invalid values and no padding.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr().cast(), self.len) }
    }
}

/// What has the layout of a byte.
pub(super) trait Byte {}
impl Byte for u8 {}

/// An array to copy from, which somebody else may write to between copies.
pub(super) struct InSlice<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T> InSlice<T> {
    /// # Safety
    ///
    /// `pointer` is NULL, or valid for reads of `count` elements until the entry point returns.
    pub(super) unsafe fn new(pointer: *const T, count: usize, name: &str) -> Result<InSlice<T>> {
        if count == 0 {
            return Ok(InSlice { first: NonNull::dangling(), len: 0 });
        }
        fits::<T>(count, name)?;
        Ok(InSlice { first: checked(pointer, name)?, len: count })
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first element; dangling if there are none.
    pub(super) fn as_ptr(&self) -> *const T {
        self.first.as_ptr()
    }
}

/// A struct whose first member is its own size in bytes, set by the caller.
///
/// A program compiled against an older header passes a smaller size and gets the members that it knows.
pub(super) trait Sized32: Copy {
    /// The size of the struct in the first header that had it.
    const FIRST_SIZE: usize;

    /// Sets the first member.
    fn set_struct_size(&mut self, size: u32);
}

/// A place for a [`Sized32`].
pub(super) struct SizedOut<T> {
    place: NonNull<T>,
    size: u32,
    marker: PhantomData<T>,
}

impl<T: Sized32> SizedOut<T> {
    /// # Safety
    ///
    /// `pointer` is NULL, or points to a struct that starts with a `uint32_t`, the number of bytes that are valid for
    /// writes there until the entry point returns.
    pub(super) unsafe fn new(pointer: *mut T, name: &str) -> Result<SizedOut<T>> {
        let place = checked(pointer, name)?;
        // SAFETY: not NULL, so it starts with a readable `u32` (this function's contract).
        let size = unsafe { place.cast::<u32>().read() };
        if (size as usize) < T::FIRST_SIZE {
            bail!(InvalidArgument, "`{name}` says that it has {size} bytes, but it has at least {}", T::FIRST_SIZE);
        }
        Ok(SizedOut { place, size, marker: PhantomData })
    }

    /// Writes the members that the caller knows.
    pub(super) fn set(self, mut value: T) {
        value.set_struct_size(self.size);
        let bytes = (self.size as usize).min(size_of::<T>());
        // SAFETY: `value` has at least `bytes` bytes, the place too (the constructor's contract); they are distinct.
        unsafe { std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), self.place.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_pointers_are_refused_by_name() {
        // SAFETY: NULL and a misaligned pointer aren't dereferenced.
        unsafe {
            let error = required(std::ptr::null::<u32>(), "thing").unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::NullArgument, "`thing` is NULL"));
            let error = required(std::ptr::without_provenance::<u32>(3), "thing").unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidArgument, "`thing` is misaligned"));
            assert_eq!(slice(std::ptr::null::<u32>(), 0, "things").unwrap(), &[]);
            assert_eq!(slice(std::ptr::null::<u32>(), 1, "things").unwrap_err().kind(), ErrorKind::NullArgument);
        }
    }

    #[test]
    fn text_must_be_utf8_and_needs_no_nul() {
        // SAFETY: the slices are live and as long as said.
        unsafe {
            assert_eq!(text(c"caf\u{e9}!".as_ptr(), 5, "name").unwrap(), "caf\u{e9}");
            let error = text(b"\xff".as_ptr().cast(), 1, "name").unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidArgument, "`name` isn't UTF-8"));
            assert_eq!(text(std::ptr::null(), 0, "name").unwrap(), "");
        }
    }

    #[test]
    fn an_impossible_count_is_refused() {
        let word = 0u32;
        // SAFETY: nothing is read, the count is refused first.
        let error = unsafe { slice(&raw const word, usize::MAX / 2, "words") }.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
