//! How Wasm and builtin signatures look in machine code.

use crate::abi::builtins::{Builtin, Param};
use crate::base::{FuncType, ValType};
use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::CallConv;

/// The register type of a Wasm value.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 | ValType::Ref(_) => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// A guest function: the callee's and the caller's context, then the Wasm parameters.
pub(super) fn guest(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
    signature.params.extend(ty.params.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    signature.returns.extend(ty.results.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    signature
}

/// A builtin: the context, then its parameters.
pub(super) fn builtin(builtin: Builtin) -> Signature {
    let convert = |param: &Param| {
        AbiParam::new(match param {
            Param::I32 => types::I32,
            Param::I64 => types::I64,
        })
    };
    let convention = match builtin {
        Builtin::look => CallConv::PreserveAll,
        Builtin::throw | Builtin::throw_ref => CallConv::Tail,
        _ => CallConv::SystemV,
    };
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(types::I64));
    signature.params.extend(builtin.params().iter().map(convert));
    signature.returns.extend(builtin.result().iter().map(convert));
    signature
}

/// A host function's stub: the callee's context, the caller's, the values' address.
pub(super) fn host_func() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 3]);
    signature
}

/// The stop thunk: nothing in, nothing out, no register changed.
pub(super) fn stop() -> Signature {
    Signature::new(CallConv::PreserveAll)
}
