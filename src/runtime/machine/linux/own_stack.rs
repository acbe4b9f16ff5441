//! How much is left of a thread's own stack, and work that needs more than that.
//!
//! Compiling takes a hundred kilobytes of stack; everything else that the library does takes a few. Knows nothing of guests,
//! who have stacks of their own. Read next: [`super::thread`].

#![expect(unsafe_code, reason = "asks for the bounds of a stack")]

use super::mapping::is_available;
use crate::base::{Error, ErrorKind, Result, error::bail};
use std::cell::OnceCell;
use std::ops::Range;
use std::panic::resume_unwind;
use std::ptr;

/// Bytes that are left for work that needs room, or it is done elsewhere. Measured: modules that are hard to compile take up
/// to 90 KiB.
const ROOM: usize = 256 << 10;
/// Bytes of the stack of a thread that does such work. They are reserved, and used as needed.
const LARGE: usize = 2 << 20;
/// Bytes that a new thread may take: its stack, and what the allocator keeps for it.
const THREAD: u64 = 8 << 20;

/// Runs `work` where there is room: here, or on a thread that lives as long as that.
///
/// Errors: `System` if this thread has too little stack, and there can be no other thread.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let left = left();
    if left.is_some_and(|bytes| bytes >= ROOM) {
        return Ok(work());
    }
    // A thread that finds no memory for its start panics.
    if !is_available(THREAD) {
        bail!(System, "this thread has too little stack, and there is no memory for another thread");
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("pellucid".into()).stack_size(LARGE).spawn_scoped(scope, work);
        match thread.map(|thread| thread.join()) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(error) => {
                let message = format!("this thread has too little stack, and another can't be started: {error}");
                Err(Error::new(ErrorKind::System, message))
            }
        }
    })
}

/// How many bytes are left of this thread's own stack; none if it isn't known, or if something else is used as the stack, such
/// as that of a fiber.
fn left() -> Option<usize> {
    thread_local! {
        static BOUNDS: OnceCell<Option<Range<usize>>> = const { OnceCell::new() };
    }
    let here = 0_u8;
    let here = ptr::from_ref(&here).addr();
    let bounds = BOUNDS.try_with(|bounds| bounds.get_or_init(bounds_of_own_stack).clone()).ok()??;
    bounds.contains(&here).then(|| here - bounds.start)
}

/// The bounds of this thread's own stack, if they are known.
pub(super) fn bounds_of_own_stack() -> Option<Range<usize>> {
    // SAFETY: all zeroes is fine for what is written next; it is destroyed once, after it was read.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut low, mut size) = (ptr::null_mut(), 0);
        let known = libc::pthread_attr_getstack(&attributes, &mut low, &mut size) == 0;
        libc::pthread_attr_destroy(&mut attributes);
        known.then(|| low as usize..low as usize + size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{Builder, ThreadId, current};

    fn where_it_ran(stack: usize) -> (ThreadId, ThreadId) {
        let run = || (current().id(), with_room(|| current().id()).unwrap());
        Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap()
    }

    #[test]
    fn a_small_stack_gets_help() {
        // The small one first: the C library may use the large one's stack again.
        let (own, ran) = where_it_ran(ROOM / 2);
        assert_ne!(own, ran);
        let (own, ran) = where_it_ran(2 * ROOM);
        assert_eq!(own, ran);
    }

    #[test]
    fn a_panic_comes_back() {
        let run = || std::panic::catch_unwind(|| with_room(|| -> () { std::panic::panic_any(7) })).unwrap_err();
        let panic = Builder::new().stack_size(ROOM / 2).spawn(run).unwrap().join().unwrap();
        assert_eq!(*panic.downcast::<i32>().unwrap(), 7);
    }
}
