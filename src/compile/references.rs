//! References as values: null, functions, integers of 31 bits, and what a reference is to.
//!
//! All are 64 bits wide here: a function's is its address, the others are [32 bits](crate::abi::references), zero-extended.

use super::function::Translator;
use crate::abi::vmctx::func_ref;
use crate::base::{FuncIndex, HeapType, RefType, TrapCode, TypeIndex, TypeKind, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl Translator<'_> {
    pub(super) fn reference_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::RefNull { hty } => {
                let null = self.builder.ins().iconst(types::I64, 0);
                self.push(self.info.null_type(hty), null);
            }
            Operator::RefIsNull => {
                let reference = self.pop();
                let is_null = self.is_null(reference.value);
                self.push_condition(is_null);
            }
            Operator::RefAsNonNull => {
                let reference = self.pop();
                self.trap_if_null(reference.value, TrapCode::NullReference);
                self.push(reference.ty, reference.value);
            }
            Operator::RefFunc { function_index } => {
                let place =
                    self.info.escaping_place(FuncIndex::from_u32(function_index)).expect("named, so it escapes");
                let offset = i64::from(self.info.layout.func_ref(place));
                let reference = self.builder.ins().iadd_imm_s(self.context, offset);
                self.push(ValType::FUNCREF, reference);
            }
            Operator::RefEq => {
                let (left, right) = self.pop2();
                let is_same = self.builder.ins().icmp(IntCC::Equal, left.value, right.value);
                self.push_condition(is_same);
            }
            Operator::RefI31 => {
                let value = self.pop().value;
                let shifted = self.builder.ins().ishl_imm_u(value, 1);
                let tagged = self.builder.ins().bor_imm_u(shifted, 1);
                let reference = self.builder.ins().uextend(types::I64, tagged);
                self.push(ValType::ANYREF, reference);
            }
            Operator::I31GetS | Operator::I31GetU => {
                let reference = self.pop().value;
                self.trap_if_null(reference, TrapCode::NullReference);
                let tagged = self.builder.ins().ireduce(types::I32, reference);
                let value = match *operator {
                    Operator::I31GetS => self.builder.ins().sshr_imm_u(tagged, 1),
                    _ => self.builder.ins().ushr_imm_u(tagged, 1),
                };
                self.push(ValType::I32, value);
            }
            Operator::RefTestNonNull { hty } | Operator::RefTestNullable { hty } => {
                let reference = self.pop().value;
                let is_instance = self.is_instance(reference, target_of_cast(operator, hty));
                self.push_condition(is_instance);
            }
            Operator::RefCastNonNull { hty } | Operator::RefCastNullable { hty } => {
                let reference = self.pop();
                let is_instance = self.is_instance(reference.value, target_of_cast(operator, hty));
                let is_other = self.builder.ins().icmp_imm_u(IntCC::Equal, is_instance, 0);
                self.trap_if(is_other, TrapCode::CastFailure);
                self.push(reference.ty, reference.value);
            }
            Operator::AnyConvertExtern => {
                let reference = self.pop().value;
                self.push(ValType::ANYREF, reference);
            }
            Operator::ExternConvertAny => {
                let reference = self.pop().value;
                self.push(ValType::EXTERNREF, reference);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn is_null(&mut self, reference: Value) -> Value {
        self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0)
    }

    pub(super) fn trap_if_null(&mut self, reference: Value, code: TrapCode) {
        let is_null = self.is_null(reference);
        self.trap_if(is_null, code);
    }

    fn push_condition(&mut self, condition: Value) {
        let value = self.builder.ins().uextend(types::I32, condition);
        self.push(ValType::I32, value);
    }

    /// Whether a reference is of a type of its hierarchy: not zero if so, of 8 bits.
    pub(super) fn is_instance(&mut self, reference: Value, ty: wasmparser::RefType) -> Value {
        let RefType { nullable, heap } = self.info.ref_type(ty);
        match heap {
            HeapType::Func | HeapType::Extern | HeapType::Any | HeapType::Exn => {
                if nullable {
                    self.builder.ins().iconst(types::I8, 1)
                } else {
                    self.builder.ins().icmp_imm_u(IntCC::NotEqual, reference, 0)
                }
            }
            // Without objects there is nothing else that can be compared.
            HeapType::I31 | HeapType::Eq => {
                let tag = self.builder.ins().band_imm_u(reference, 1);
                let is_i31 = self.builder.ins().ireduce(types::I8, tag);
                if nullable {
                    let is_null = self.is_null(reference);
                    self.builder.ins().bor(is_i31, is_null)
                } else {
                    is_i31
                }
            }
            HeapType::Defined(TypeKind::Func, _) => self.is_function_of(reference, nullable, ty),
            _ => {
                if nullable {
                    self.is_null(reference)
                } else {
                    self.builder.ins().iconst(types::I8, 0)
                }
            }
        }
    }

    /// Whether a function reference is to a function of a defined type.
    fn is_function_of(&mut self, reference: Value, nullable: bool, ty: wasmparser::RefType) -> Value {
        let wasmparser::HeapType::Concrete(index) = ty.heap_type() else { unreachable!("a defined type") };
        let index = TypeIndex::from_u32(index.as_module_index().expect("as it is in the module"));
        let (there, done) = (self.builder.create_block(), self.builder.create_block());
        self.builder.append_block_param(done, types::I8);
        let for_null = self.builder.ins().iconst(types::I8, i64::from(nullable));
        self.builder.ins().brif(reference, there, &[], done, &[for_null.into()]);
        self.branches.branch(self.pc, there, done);
        self.builder.seal_block(there);
        self.builder.switch_to_block(there);
        let flags = MemFlagsData::trusted().with_readonly();
        let actual = self.builder.ins().load(types::I32, flags, reference, func_ref::TYPE_ID);
        let is_other = self.is_other_type(actual, index);
        let is_instance = self.builder.ins().icmp_imm_u(IntCC::Equal, is_other, 0);
        self.builder.ins().jump(done, &[is_instance.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        self.builder.block_params(done)[0]
    }
}

/// The type that a cast or test names.
fn target_of_cast(operator: &Operator<'_>, heap: wasmparser::HeapType) -> wasmparser::RefType {
    let nullable = matches!(operator, Operator::RefTestNullable { .. } | Operator::RefCastNullable { .. });
    wasmparser::RefType::new(nullable, heap).expect("a heap type of the module")
}
