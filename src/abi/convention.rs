//! What of the guest convention matters to whoever calls a function in another function's place.
//!
//! Arguments that registers don't hold are above the return address, and above these the room for results that registers don't
//! hold. The address of that room is the first argument, if there is any. Follows Cranelift's `tail` convention on x86-64.

use super::homes::{WORD_SIZE, words};
use crate::base::{FuncType, ValType};

/// Registers for integers and references, and registers for floats and vectors: of arguments, and of results.
const ARGUMENTS: [u32; 2] = [6, 8];
const RESULTS: [u32; 2] = [8, 8];
/// Arguments before those of Wasm: the contexts of callee and caller.
const CONTEXTS: u32 = 2;

/// How a function of some type is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuestCall {
    /// Whether some results are returned in memory.
    pub returns_in_memory: bool,
    /// Bytes of the arguments that are on the stack.
    pub stack_arguments: u32,
}

impl GuestCall {
    /// How a function of this type is called.
    pub fn new(ty: &FuncType) -> GuestCall {
        let returns_in_memory = on_stack(&ty.results, RESULTS) != 0;
        let [general, vector] = ARGUMENTS;
        let taken = CONTEXTS + u32::from(returns_in_memory);
        GuestCall { returns_in_memory, stack_arguments: on_stack(&ty.params, [general - taken, vector]) }
    }
}

/// Bytes on the stack of values of these types, beside so many registers of both kinds.
fn on_stack(types: &[ValType], mut registers: [u32; 2]) -> u32 {
    let mut bytes: u32 = 0;
    for ty in types {
        let is_general = matches!(ty, ValType::I32 | ValType::I64 | ValType::Ref(_));
        let left = &mut registers[usize::from(!is_general)];
        if *left > 0 {
            *left -= 1;
        } else {
            let size = words(*ty) * WORD_SIZE;
            bytes = bytes.next_multiple_of(size) + size;
        }
    }
    bytes.next_multiple_of(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registers_do_not_hold_is_on_the_stack() {
        let call = |params: &[ValType], results: &[ValType]| {
            GuestCall::new(&FuncType { params: params.into(), results: results.into() })
        };
        let (i32, f64) = (ValType::I32, ValType::F64);
        let of = |returns_in_memory, stack_arguments| GuestCall { returns_in_memory, stack_arguments };
        assert_eq!(call(&[], &[]), of(false, 0));
        assert_eq!(call(&[i32; 4], &[i32; 8]), of(false, 0));
        assert_eq!(call(&[i32; 5], &[f64; 8]), of(false, 16));
        assert_eq!(call(&[i32; 4], &[i32; 9]), of(true, 16));
        assert_eq!(call(&[f64; 11], &[f64; 9]), of(true, 32));
        let v128 = ValType::V128;
        assert_eq!(call(&[v128; 9], &[v128; 9]), of(true, 16));
        assert_eq!(call(&[f64, f64, f64, f64, f64, f64, f64, f64, f64, v128], &[]), of(false, 32));
    }
}
