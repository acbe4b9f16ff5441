//! Small blocks of memory, which the system may refuse: a refusal is an error that takes no memory itself.
//!
//! Rust's own containers end the process where they get no memory. What the library makes for its host asks here before. Large
//! amounts are asked of the system: see `machine/linux/mapping.rs`. Knows nothing of what the memory is for.
//!
//! Asking is taking and giving back. Another thread may be faster then, so this is no promise; but allocators keep
//! what a thread gives back for that thread, as long as it is small.

use super::{Error, Result};
use std::fmt;
use std::hint::black_box;

/// Enough for all that an entry point makes which makes a few small things.
const SEVERAL: usize = 16 << 10;

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
pub fn boxed<T>(value: T) -> Result<Box<T>> {
    ask(size_of::<T>())?;
    Ok(Box::new(value))
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
        assert_eq!(copied("text").unwrap(), "text");
        assert_eq!(displayed(format_args!("{}-{}", 1, "a")).unwrap(), "1-a");
    }
}
