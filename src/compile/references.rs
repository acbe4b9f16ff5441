//! References as values: null, functions, integers of 31 bits, and what a reference is to.
//!
//! All are 64 bits wide here: a function's is its address, the others are [32 bits](crate::abi::references), zero-extended.

use super::function::Translator;
use crate::abi::heap::{flags, object};
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
            HeapType::I31 => {
                let tag = self.builder.ins().band_imm_u(reference, 1);
                let is_i31 = self.builder.ins().ireduce(types::I8, tag);
                self.or_null(is_i31, reference, nullable)
            }
            // All but values of the host's.
            HeapType::Eq => {
                let tag = self.builder.ins().band_imm_u(reference, 3);
                let is_guest = self.builder.ins().icmp_imm_u(IntCC::NotEqual, tag, 2);
                if nullable {
                    return is_guest;
                }
                let is_there = self.builder.ins().icmp_imm_u(IntCC::NotEqual, reference, 0);
                self.builder.ins().band(is_guest, is_there)
            }
            HeapType::Struct => {
                self.is_object_of(reference, nullable, |translator, address| translator.is_kind(address, flags::STRUCT))
            }
            HeapType::Array => {
                self.is_object_of(reference, nullable, |translator, address| translator.is_kind(address, flags::ARRAY))
            }
            HeapType::Defined(TypeKind::Struct | TypeKind::Array, _) => {
                let index = defined_type(ty);
                self.is_object_of(reference, nullable, |translator, address| {
                    let present = translator.present();
                    let actual = translator.builder.ins().load(types::I32, present, address, object::TYPE);
                    let is_other = translator.is_other_type(actual, index);
                    translator.builder.ins().icmp_imm_u(IntCC::Equal, is_other, 0)
                })
            }
            HeapType::Defined(TypeKind::Func, _) => self.is_function_of(reference, nullable, ty),
            HeapType::NoFunc | HeapType::NoExtern | HeapType::None | HeapType::NoExn => {
                if nullable {
                    self.is_null(reference)
                } else {
                    self.builder.ins().iconst(types::I8, 0)
                }
            }
        }
    }

    fn or_null(&mut self, condition: Value, reference: Value, nullable: bool) -> Value {
        if !nullable {
            return condition;
        }
        let is_null = self.is_null(reference);
        self.builder.ins().bor(condition, is_null)
    }

    /// Whether an object is of this kind.
    fn is_kind(&mut self, address: Value, kind: u32) -> Value {
        let present = self.present();
        let word = self.builder.ins().load(types::I32, present, address, object::FLAGS);
        let actual = self.builder.ins().band_imm_u(word, i64::from(flags::KIND));
        self.builder.ins().icmp_imm_u(IntCC::Equal, actual, i64::from(kind))
    }

    /// Whether a reference is to an object that is one of these, by its address.
    fn is_object_of(
        &mut self,
        reference: Value,
        nullable: bool,
        is_it: impl FnOnce(&mut Self, Value) -> Value,
    ) -> Value {
        // Null is told from objects first, as both have these bits clear.
        self.unless_null(reference, nullable, |translator| {
            let tag = translator.builder.ins().band_imm_u(reference, 7);
            translator.unless(tag, false, |translator| {
                let address = translator.address_of(reference);
                is_it(translator, address)
            })
        })
    }

    /// What is told of a reference that isn't null; of null it is whether that is allowed.
    fn unless_null(&mut self, reference: Value, nullable: bool, look: impl FnOnce(&mut Self) -> Value) -> Value {
        let is_null = self.is_null(reference);
        self.unless(is_null, nullable, look)
    }

    /// This if the condition isn't zero, else what is found by looking.
    fn unless(&mut self, condition: Value, known: bool, look: impl FnOnce(&mut Self) -> Value) -> Value {
        let (there, done) = (self.builder.create_block(), self.builder.create_block());
        let found = self.builder.append_block_param(done, types::I8);
        let known = self.builder.ins().iconst(types::I8, i64::from(known));
        self.builder.ins().brif(condition, done, &[known.into()], there, &[]);
        self.branches.branch(self.location, done, there);
        self.builder.seal_block(there);
        self.builder.switch_to_block(there);
        let looked = look(self);
        self.builder.ins().jump(done, &[looked.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        found
    }

    /// Whether a function reference is to a function of a defined type.
    fn is_function_of(&mut self, reference: Value, nullable: bool, ty: wasmparser::RefType) -> Value {
        self.unless_null(reference, nullable, |translator| {
            let flags = MemFlagsData::trusted().with_readonly();
            let actual = translator.builder.ins().load(types::I32, flags, reference, func_ref::TYPE_ID);
            let is_other = translator.is_other_type(actual, defined_type(ty));
            translator.builder.ins().icmp_imm_u(IntCC::Equal, is_other, 0)
        })
    }
}

/// The defined type that a reference type names.
fn defined_type(ty: wasmparser::RefType) -> TypeIndex {
    let wasmparser::HeapType::Concrete(index) = ty.heap_type() else { unreachable!("a defined type") };
    TypeIndex::from_u32(index.as_module_index().expect("as it is in the module"))
}

/// The type that a cast or test names.
fn target_of_cast(operator: &Operator<'_>, heap: wasmparser::HeapType) -> wasmparser::RefType {
    let nullable = matches!(operator, Operator::RefTestNullable { .. } | Operator::RefCastNullable { .. });
    wasmparser::RefType::new(nullable, heap).expect("a heap type of the module")
}
