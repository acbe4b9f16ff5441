//! The processor's floating-point environment: how it rounds, what it does with tiny numbers, which exceptions are signals.
//!
//! It belongs to the thread, and the host may have changed it. What guests compute doesn't depend on it, so guests run in the
//! default one, and so does whatever computes in their place. On x86-64 it is the register MXCSR; guests use nothing of the
//! x87 unit, whose control word stays the host's. Read next: the runtime's switch.

#![expect(unsafe_code, reason = "reads and writes a register")]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the floating-point environment is written for x86-64 only");

use std::arch::asm;

/// The environment that processes start with: round to nearest, keep tiny numbers, no exception is a signal.
pub static DEFAULT: u32 = 0x1f80;

/// Bits of the environment that note which exceptions came up.
const FLAGS: u32 = 0x3f;

/// The default environment, as long as this lives. The thread's own is back afterwards, also after a panic, with no trace of the
/// exceptions that came up.
///
/// The compiler may move computations that it sees to where another environment is in force; those behind pointers to functions
/// stay.
pub struct DefaultEnvironment {
    own: u32,
}

impl DefaultEnvironment {
    /// Enters it. Most hosts are in it, and writing takes longer than reading.
    #[inline]
    pub fn enter() -> DefaultEnvironment {
        let own = read();
        if own & !FLAGS != DEFAULT & !FLAGS {
            write(DEFAULT);
        }
        DefaultEnvironment { own }
    }
}

impl Drop for DefaultEnvironment {
    #[inline]
    fn drop(&mut self) {
        if read() != self.own {
            write(self.own);
        }
    }
}

/// Computes something in the default environment.
#[inline]
pub fn in_default_environment<R>(compute: impl FnOnce() -> R) -> R {
    let _default = DefaultEnvironment::enter();
    apart(compute)
}

/// Keeps the compiler from moving computations to where another environment is in force.
#[inline(never)]
fn apart<R>(compute: impl FnOnce() -> R) -> R {
    compute()
}

/// This thread's environment now.
#[inline]
pub fn read() -> u32 {
    let mut value = 0u32;
    // SAFETY: stores four bytes at a place that has them.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
    value
}

#[inline]
fn write(value: u32) {
    // SAFETY: loads a value that the register had, or the one that it starts with.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn the_threads_own_environment_comes_back() {
        const DOWNWARD: u32 = 0x2000;
        let third = || black_box(1.0f32) / black_box(3.0f32);
        let (before, nearest) = (read(), third());
        write(DEFAULT | DOWNWARD);
        let other = apart(third);
        let found = in_default_environment(third);
        let inside =
            std::panic::catch_unwind(|| in_default_environment(|| std::panic::resume_unwind(Box::new(read()))));
        let after = read();
        write(DEFAULT);
        // The result isn't exact, of which no trace is left.
        let same = in_default_environment(third);
        let unchanged = read();
        write(before);
        assert_eq!((same, unchanged), (nearest, DEFAULT));
        assert_eq!(found, nearest);
        assert!(other < nearest);
        // With the flag of the inexact result that it gave itself.
        assert_eq!(after & !0x3f, DEFAULT | DOWNWARD);
        assert_eq!(inside.map(|()| 0).unwrap_err().downcast_ref(), Some(&DEFAULT));
    }
}
