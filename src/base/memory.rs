//! Small blocks of memory, which the system may refuse: a refusal is an error that takes no memory itself.
//!
//! Rust's own containers end the process where they get no memory. What the library makes for its host asks here before. Large
//! amounts are asked of the system: see `machine/linux/mapping.rs`. Knows nothing of what the memory is for.
//!
//! Asking is taking and giving back. Another thread may be faster then, and an allocator may keep what it gets back for those who
//! ask for exactly as much, so this is no promise. It is for what can only be made by code that doesn't ask itself; the better
//! way is to make a thing by [`boxed`] or with room that was [reserved](reserve).

use super::{Error, Result};
use std::alloc::{Layout, alloc};
use std::fmt;
use std::hint::black_box;

/// Enough for all that an entry point makes which makes a few small things.
const SEVERAL: usize = 64 << 10;

/// Makes sure that so many bytes can be had.
///
/// Errors: `System`.
pub fn ask(bytes: usize) -> Result<()> {
    reserve(black_box(&mut Vec::<u8>::new()), bytes)
}

/// Makes sure that a few small things can be made.
///
/// Errors: `System`.
pub fn ask_for_several() -> Result<()> {
    ask(SEVERAL)
}

/// Room for `more` elements in a vector.
///
/// Errors: `System`.
pub fn reserve<T>(vector: &mut Vec<T>, more: usize) -> Result<()> {
    vector.try_reserve(more).map_err(|_| Error::no_memory())
}

/// A box for `value`.
///
/// Errors: `System`.
#[expect(unsafe_code, reason = "a box that may be refused can't be made otherwise yet")]
pub fn boxed<T>(value: T) -> Result<Box<T>> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value));
    }
    // SAFETY: the size isn't zero.
    let place = unsafe { alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(Error::no_memory());
    }
    // SAFETY: a new block that is aligned and large enough for a `T`, allocated as a box's is, and this function's only.
    unsafe {
        place.write(value);
        Ok(Box::from_raw(place))
    }
}

/// A copy of a text.
///
/// Errors: `System`.
pub fn copied(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| Error::no_memory())?;
    copy.push_str(text);
    Ok(copy)
}

/// What `what` displays.
///
/// Errors: `System`.
pub fn displayed(what: impl fmt::Display) -> Result<String> {
    struct Writer(String);
    impl fmt::Write for Writer {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
            self.0.push_str(part);
            Ok(())
        }
    }
    let mut writer = Writer(String::new());
    match fmt::write(&mut writer, format_args!("{what}")) {
        Ok(()) => Ok(writer.0),
        Err(fmt::Error) => Err(Error::no_memory()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        // Miri has as much memory as it is asked for, as long as it can count it.
        for bytes in [usize::MAX, if cfg!(miri) { usize::MAX } else { isize::MAX as usize }] {
            let error = ask(bytes).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::System, "there is no memory left"));
        }
        assert!(reserve(&mut vec![1_u64], usize::MAX / 4).is_err());
        ask_for_several().unwrap();
    }

    #[test]
    fn what_can_be_had_is_as_it_should_be() {
        assert_eq!(*boxed(7).unwrap(), 7);
        boxed(()).unwrap();
        assert_eq!(copied("text").unwrap(), "text");
        assert_eq!(displayed(format_args!("{}-{}", 1, "a")).unwrap(), "1-a");
    }
}
