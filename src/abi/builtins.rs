//! Routines of the runtime that compiled code calls through the store context's table.
//!
//! Each takes the calling instance's context first and runs on the host's stack; the switch is the runtime's
//! business. Parameters are listed after the context. A result called `ok` is 0 where the operation must trap.

/// The type of a builtin's parameter or result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Param {
    /// 32 bits.
    I32,
    /// 64 bits, or an address.
    I64,
}

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident ($($param:ident: $ty:ident),*) $(-> $result:ident)?;)*) => {
        /// A builtin; its number is its place in the table.
        #[expect(non_camel_case_types, reason = "named like the functions that they stand for")]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Builtin {
            $($(#[$doc])* $name,)*
        }

        impl Builtin {
            /// Every builtin, in the table's order.
            pub const ALL: &'static [Builtin] = &[$(Builtin::$name,)*];

            /// Types of the parameters after the context.
            pub fn params(self) -> &'static [Param] {
                match self {
                    $(Builtin::$name => &[$(Param::$ty),*],)*
                }
            }

            /// Type of the result.
            pub fn result(self) -> Option<Param> {
                match self {
                    $(Builtin::$name => [$(Param::$result)?].first().copied(),)*
                }
            }

            /// Offset of its address in the table.
            pub fn offset(self) -> i32 {
                self as i32 * 8
            }
        }
    };
}

builtins! {
    /// Grows a memory; answers its old size in pages, or -1.
    memory_grow(memory: I32, pages: I64) -> I64;
    /// `memory.copy` between two memories, given by the addresses of their [`VmMemory`](super::vmctx::VmMemory); answers
    /// `ok`.
    memory_copy(destination_memory: I64, source_memory: I64, destination: I64, source: I64, bytes: I64) -> I32;
    /// `memory.fill` of a memory given likewise; answers `ok`.
    memory_fill(memory: I64, destination: I64, byte: I32, bytes: I64) -> I32;
    /// `memory.init`; answers `ok`.
    memory_init(memory: I32, segment: I32, destination: I64, source: I32, bytes: I32) -> I32;
    /// `memory.atomic.wait32`, at an address that is aligned, with the time when the wait began, or 0 if it does now. Answers what the
    /// operator gives, or one of [`wait`].
    memory_wait32(memory: I32, address: I64, expected: I32, timeout: I64, begun: I64) -> I64;
    /// `memory.atomic.wait64`, likewise.
    memory_wait64(memory: I32, address: I64, expected: I64, timeout: I64, begun: I64) -> I64;
    /// `memory.atomic.notify`, at an address that is aligned. Answers what the operator gives, or [`wait::OUTSIDE`].
    memory_notify(memory: I32, address: I64, count: I32) -> I64;
    /// `data.drop`.
    data_drop(segment: I32);
    /// Grows a table, filling it with `init`; answers its old size, or -1.
    table_grow(table: I32, init: I64, elements: I64) -> I64;
    /// `table.fill` of a table given by the address of its [`VmTable`](super::vmctx::VmTable); answers `ok`.
    table_fill(table: I64, destination: I64, value: I64, elements: I64) -> I32;
    /// `table.copy` between two tables given likewise; answers `ok`.
    table_copy(destination_table: I64, source_table: I64, destination: I64, source: I64, elements: I64) -> I32;
    /// `table.init`; answers `ok`.
    table_init(table: I32, segment: I32, destination: I64, source: I32, elements: I32) -> I32;
    /// `elem.drop`.
    elem_drop(segment: I32);
    /// Throws an exception of this tag of the instance's, with the values that are at the address, each in 16 bytes. It doesn't
    /// return: the guest goes on where the exception is caught, or is left. Unlike the others it is called in the guest
    /// convention, of whose registers none outlasts an exception.
    throw(tag: I32, values: I64);
    /// `throw_ref` of a reference that isn't null, likewise.
    throw_ref(exception: I64);
    /// Makes a structure, or an array of so many elements, of the type with this number in the engine, with zeroes in it. Answers the
    /// reference, or 0 if there is no room.
    object_new(type_id: I32, length: I32) -> I64;
    /// A reference was stored at this offset of an object that wants it to be known.
    object_written(object: I64, at: I64);
    /// `array.fill` of an array that isn't null, with a value of up to 128 bits; answers `ok`.
    array_fill(array: I64, index: I32, low: I64, high: I64, elements: I32) -> I32;
    /// `array.copy` between two arrays that aren't null; answers `ok`.
    array_copy(destination: I64, index: I32, source: I64, source_index: I32, elements: I32) -> I32;
    /// `array.new_data`: answers the reference, 0 if there is no room, or [`objects::OUTSIDE`].
    array_new_data(type_id: I32, segment: I32, source: I32, elements: I32) -> I64;
    /// `array.new_elem`, likewise.
    array_new_elem(type_id: I32, segment: I32, source: I32, elements: I32) -> I64;
    /// `array.init_data` of an array that isn't null; answers `ok`, or [`objects::OUTSIDE`] if it is the segment that hasn't so much.
    array_init_data(array: I64, index: I32, segment: I32, source: I32, elements: I32) -> I32;
    /// `array.init_elem`, likewise.
    array_init_elem(array: I64, index: I32, segment: I32, source: I32, elements: I32) -> I32;
    /// Leaves the guest with a trap, given by its [code](crate::base::TrapCode). It doesn't return, but the trap's place is the
    /// address that it would return to: the instruction there must be one that traps, with the same code. Unlike the others
    /// it stays on the guest's stack.
    trap(code: I64);
    /// The same for an access to a memory, given by the address of its [`VmMemory`](super::vmctx::VmMemory), whose first byte that
    /// isn't there is at `place` in it. Without a memory, which is 0 then, the place isn't known.
    memory_trap(memory: I64, place: I64);
    /// Leaves the guest as if an interrupt had come where this returns to, which it does when the guest runs on. What was found is
    /// one of [`fuel`](super::fuel)'s numbers. Unlike the others it stays on the guest's stack, and changes no register.
    look(found: I64);
    /// Leaves the guest with an overflow of its stack. It isn't called: a function jumps there that has no room for its frame,
    /// with the store context in `rax` and nothing on the stack but the caller's frame pointer and the return address.
    stack_overflow();
}

/// What builtins that wait or notify answer if the operator traps.
pub mod wait {
    /// The address is outside the memory.
    pub const OUTSIDE: i64 = -1;
    /// The memory isn't shared.
    pub const NOT_SHARED: i64 = -2;
    /// The host doesn't allow it.
    pub const NOT_ALLOWED: i64 = -3;
}

/// What builtins on objects answer.
pub mod objects {
    /// The segment hasn't so many bytes or elements.
    pub const OUTSIDE: i64 = -1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places() {
        for (place, builtin) in Builtin::ALL.iter().enumerate() {
            assert_eq!(builtin.offset(), place as i32 * 8);
            // The context and the parameters all travel in registers.
            assert!(builtin.params().len() < 6);
        }
        assert_eq!(Builtin::memory_grow.result(), Some(Param::I64));
        assert_eq!(Builtin::data_drop.result(), None);
    }
}
