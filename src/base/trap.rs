//! Why guest code trapped (Wasm core spec, "4.6 Instructions" and its appendix on implementation limits).

use std::fmt;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// The reason of a trap. Numbers are part of the C ABI and never reused.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        // As wide as a value, so that whatever gives a value or a trap gives it in registers.
        #[repr(u64)]
        pub enum TrapCode {
            $($(#[$doc])* $name = $number,)*
        }

        impl TrapCode {
            /// The trap code with this number.
            pub fn from_u8(number: u8) -> Option<TrapCode> {
                match number {
                    $($number => Some(TrapCode::$name),)*
                    _ => None,
                }
            }

            /// The wording that the specification's tests use.
            pub fn message(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $text,)*
                }
            }
        }
    };
}

trap_codes! {
    /// The `unreachable` instruction was executed.
    Unreachable = 1, "unreachable";
    /// An access touched bytes outside a memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// An access touched elements outside a table.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` found an index outside its table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` found a null element.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` found a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// The result of a signed division or a conversion isn't representable.
    IntegerOverflow = 7, "integer overflow";
    /// An integer was divided by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// NaN was converted to an integer.
    InvalidConversionToInteger = 9, "invalid conversion to integer";
    /// The guest's stack, or the nesting of calls between host and guest, was exhausted.
    CallStackExhausted = 10, "call stack exhausted";
    /// A host function returned an error. Events say so; the call's error object is that error, and no trap.
    HostError = 11, "host function failed";
    /// The event handler asked for a trap.
    Requested = 12, "trap requested by the host";
    /// The host has interrupted the guest.
    Interrupted = 13, "interrupted by the host";
    /// The guest has used up the time that it was given.
    Deadline = 14, "time used up";
    /// The address of an atomic access isn't a multiple of its size.
    UnalignedAtomic = 15, "unaligned atomic";
    /// `memory.atomic.wait` on a memory that isn't shared, where nobody could end it.
    ExpectedSharedMemory = 16, "expected shared memory";
    /// The host doesn't allow guests to wait, or not for so long.
    WaitNotAllowed = 17, "wait not allowed";
    /// The guest has used up the fuel that it was given.
    OutOfFuel = 18, "fuel used up";
    /// A reference was null where none may be.
    NullReference = 19, "null reference";
    /// An exception was thrown that nobody caught. Events say so; the call's error object has the exception, and is no trap.
    Exception = 20, "uncaught exception";
    /// A reference isn't of the type that it was cast to.
    CastFailure = 21, "cast failure";
    /// An access touched elements outside an array.
    ArrayOutOfBounds = 22, "out of bounds array access";
    /// There is no room for another object.
    HeapExhausted = 23, "heap exhausted";
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
