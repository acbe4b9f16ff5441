//! Calls: direct, to imports, through tables and by reference; each of them also in the function's own place.

use super::function::Translator;
use super::model::Moment;
use super::operands::Operand;
use super::target;
use crate::abi::convention::GuestCall;
use crate::abi::vmctx::{CODE_BASE, func_ref, imported_func};
use crate::base::{DefinedFuncIndex, FuncIndex, FuncType, Result, TableIndex, TrapCode, TypeIndex};
use cranelift_codegen::ir::{FuncRef, InstBuilder, MemFlagsData, SigRef, Value, types};
use wasmparser::Operator;

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Direct(FuncRef),
    Indirect(SigRef, Value),
}

impl Translator<'_> {
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match *operator {
            Operator::Call { function_index } => {
                if let Some(function) = self.inlined_callee(operator) {
                    self.call_inlined(function)?;
                    return Ok(true);
                }
                let index = FuncIndex::from_u32(function_index);
                let (callee, context) = self.named(index);
                self.call(self.info.funcs[index], callee, context);
            }
            Operator::CallIndirect { type_index, table_index } => {
                let ty = TypeIndex::from_u32(type_index);
                let (callee, context) = self.element(ty, TableIndex::from_u32(table_index));
                self.call(ty, callee, context);
            }
            Operator::ReturnCall { function_index } => {
                let index = FuncIndex::from_u32(function_index);
                let (callee, context) = self.named(index);
                self.tail_call(self.info.funcs[index], callee, context);
            }
            Operator::CallRef { type_index } => {
                let ty = TypeIndex::from_u32(type_index);
                let (callee, context) = self.referred(ty);
                self.call(ty, callee, context);
            }
            Operator::ReturnCallRef { type_index } => {
                let ty = TypeIndex::from_u32(type_index);
                let (callee, context) = self.referred(ty);
                self.tail_call(ty, callee, context);
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                let ty = TypeIndex::from_u32(type_index);
                let (callee, context) = self.element(ty, TableIndex::from_u32(table_index));
                self.tail_call(ty, callee, context);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A function of the module, and the context that it expects.
    fn named(&mut self, index: FuncIndex) -> (Callee, Value) {
        match self.info.defined_func(index) {
            Some(defined) => (self.defined(index, defined), self.context),
            None => {
                let entry = self.info.layout.imported_func(index);
                let code = self.load_constant(self.context, entry + imported_func::CODE);
                let context = self.load_constant(self.context, entry + imported_func::CONTEXT);
                (Callee::Indirect(self.signature(self.info.funcs[index]), code), context)
            }
        }
    }

    /// A function that the module defines.
    pub(super) fn defined(&mut self, index: FuncIndex, defined: DefinedFuncIndex) -> Callee {
        let Some(loaded) = self.loaded else { return Callee::Direct(self.function(index, defined)) };
        let body = loaded.bodies_of(defined).last().expect("the module was compiled");
        let base = self.load_constant(self.context, CODE_BASE);
        let code = self.builder.ins().iadd_imm_u(base, i64::from(loaded.functions[body].start.0));
        Callee::Indirect(self.signature(self.info.funcs[index]), code)
    }

    /// The function in the element of a table that the last operand names, if it has this type, and the context that it expects.
    fn element(&mut self, ty: TypeIndex, table: TableIndex) -> (Callee, Value) {
        let index = self.pop();
        let address = self.element_address(table, index, TrapCode::UndefinedElement);
        let element = self.element_flags(target::trap(TrapCode::UndefinedElement));
        let function = self.builder.ins().load(types::I64, element, address, 0);
        if self.checks {
            self.trap_if_null(function, TrapCode::UninitializedElement);
        }
        // Else a null reference faults here: its type would be in the first page, which is never mapped.
        let null = target::trap(TrapCode::UninitializedElement);
        let actual = self.access_flags(null).with_aligned().with_readonly();
        let actual = self.builder.ins().load(types::I32, actual, function, func_ref::TYPE_ID);
        let differs = self.is_other_type(actual, ty);
        self.trap_if(differs, TrapCode::IndirectCallTypeMismatch);
        let flags = MemFlagsData::trusted().with_readonly();
        let code = self.builder.ins().load(types::I64, flags, function, func_ref::CODE);
        let context = self.builder.ins().load(types::I64, flags, function, func_ref::CONTEXT);
        (Callee::Indirect(self.signature(ty), code), context)
    }

    /// The function that the last operand refers to, and the context that it expects.
    fn referred(&mut self, ty: TypeIndex) -> (Callee, Value) {
        let function = self.pop().value;
        if self.checks {
            self.trap_if_null(function, TrapCode::NullReference);
        }
        // Else a null reference faults here: its code would be in the first page, which is never mapped.
        let flags = self.access_flags(target::trap(TrapCode::NullReference)).with_aligned().with_readonly();
        let code = self.builder.ins().load(types::I64, flags, function, func_ref::CODE);
        let flags = MemFlagsData::trusted().with_readonly();
        let context = self.builder.ins().load(types::I64, flags, function, func_ref::CONTEXT);
        (Callee::Indirect(self.signature(ty), code), context)
    }

    /// Takes the operands that a call hands to a function of this type; answers all that it hands to it.
    pub(super) fn arguments(&mut self, ty: &FuncType, context: Value) -> Vec<Value> {
        self.need(ty.params.len());
        let args_from = self.stack.len() - ty.params.len();
        let operands: Vec<Operand> = self.stack.drain(args_from..).collect();
        let mut args = vec![context, self.context];
        args.extend(operands.iter().map(|operand| self.uniform(operand.value)));
        args
    }

    /// Has a function take this one's place: nothing of this one's frame is left, and nothing comes back here.
    fn tail_call(&mut self, ty: TypeIndex, callee: Callee, context: Value) {
        let ty = &self.info.signatures[ty];
        let args = self.arguments(ty, context);
        self.tail_arguments = self.tail_arguments.max(GuestCall::new(ty).stack_arguments);
        match callee {
            Callee::Direct(function) => self.builder.ins().return_call(function, &args),
            Callee::Indirect(signature, code) => self.builder.ins().return_call_indirect(signature, code, &args),
        };
        self.reachable = false;
    }

    fn call(&mut self, ty: TypeIndex, callee: Callee, context: Value) {
        let ty = &self.info.signatures[ty];
        let args = self.arguments(ty, context);
        self.emit(Moment::Call);
        let results = self.call_that_may_throw(callee, &args);
        self.emit(Moment::Returned);
        for (ty, value) in ty.results.iter().zip(results) {
            self.push(*ty, value);
        }
    }
}
