//! The exact types of operands, which frames don't know: found by validating a function once more, up to a place.
//!
//! Read next: [`super::features`].

use super::ModuleInfo;
use super::features::validated;
use super::stack_effect::catch_clauses;
use crate::base::{DefinedFuncIndex, HeapType, RefType, TagIndex, TypeIndex, ValType, WasmPc};
use std::cell::LazyCell;
use std::collections::HashMap;
use wasmparser::{
    FuncValidator, FuncValidatorAllocations, Operator, Parser, UnpackedIndex, ValidPayload, Validator,
    ValidatorResources, types::TypesRef,
};

/// The types of the operands before the operator at `pc` of a function, bottom first; `None` for those in code that can't be reached. The
/// function's end can always be: who returns early stands there, with the results.
///
/// Takes time for all sections of the module but the code, and for the function.
pub fn operand_types(info: &ModuleInfo, function: DefinedFuncIndex, pc: WasmPc) -> Vec<Option<ValType>> {
    if pc.0 + 1 == info.bodies[function].range.end {
        let ty = info.func_type(info.func_index(function));
        return ty.results.iter().map(|ty| Some(*ty)).collect();
    }
    validate_up_to(info, function, pc, |walk, types| {
        let by_id = LazyCell::new(|| -> HashMap<_, _> {
            let indices = 0..types.core_type_count_in_module();
            indices.map(|index| (types.core_type_at_in_module(index), TypeIndex::from_u32(index))).collect()
        });
        let heap_type = |heap| match heap {
            wasmparser::HeapType::Concrete(UnpackedIndex::Id(id)) => {
                let index = by_id[&id];
                HeapType::Defined(info.types[index].composite.kind(), info.type_ids[index])
            }
            other => info.heap_type(other),
        };
        let value_type = |ty| match ty {
            wasmparser::ValType::Ref(ty) => {
                ValType::Ref(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type()) })
            }
            number => info.value_type(number),
        };
        let operands = (0..walk.operand_stack_height()).rev();
        operands.map(|depth| walk.get_operand_type(depth as usize).flatten().map(value_type)).collect()
    })
}

/// How many operands of a function are beneath the label that the `try_table` at `pc` has for exceptions of a tag, or of any.
///
/// Takes time as [`operand_types`].
pub fn operands_beneath_catch(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    pc: WasmPc,
    tag: Option<TagIndex>,
    takes_reference: bool,
) -> u32 {
    let Operator::TryTable { try_table } = info.operator_at(pc) else { panic!("no `try_table` at {:#x}", pc.0) };
    let clauses = catch_clauses(&try_table);
    let clause = clauses.iter().find(|clause| (clause.tag, clause.takes_reference) == (tag, takes_reference));
    let label = clause.expect("the block has the clause").label as usize;
    validate_up_to(info, function, pc, |walk, _| walk.get_control_frame(label).expect("validated").height as u32)
}

/// Validates a function up to the operator at `pc`, for `look` to look at what is known there.
fn validate_up_to<T>(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    pc: WasmPc,
    look: impl FnOnce(&FuncValidator<ValidatorResources>, TypesRef<'_>) -> T,
) -> T {
    let mut validator = Validator::new_with_features(validated());
    for payload in Parser::new(0).parse_all(&info.bytes) {
        let payload = validator.payload(&payload.expect("validated")).expect("validated");
        let ValidPayload::Func(to_validate, body) = payload else { continue };
        if body.range().start != u64::from(info.bodies[function].range.start) {
            continue;
        }
        let mut walk = to_validate.into_validator(FuncValidatorAllocations::default());
        let mut reader = body.get_binary_reader();
        walk.read_locals(&mut reader).expect("validated");
        for operator in body.get_operators_reader().expect("validated").into_iter_with_offsets() {
            let (operator, offset) = operator.expect("validated");
            if offset >= u64::from(pc.0) {
                break;
            }
            walk.op(offset, &operator).expect("validated");
        }
        return look(&walk, validator.types(0).expect("inside a module"));
    }
    unreachable!("the module has the function")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::TypeRegistry;

    #[test]
    fn operands_have_the_types_that_validation_gives_them() {
        let text = r#"(module
            (type $plain (func))
            (rec (type $f (func (param (ref null $f)))) (type $g (func (result (ref $f)))))
            (func $it (export "it") (type $f))
            (func (param (ref null $f))
              i32.const 7
              ref.func $it
              block (result i64)
                local.get 0
                drop
                i64.const 1
              end
              drop
              drop
              drop)
            (func (result funcref i64) unreachable))"#;
        let wasm = wat::parse_str(text).unwrap();
        let registry = TypeRegistry::default();
        let info = super::super::parse(&wasm, &registry).unwrap().info;
        let function = DefinedFuncIndex::from_u32(1);
        let pcs = info.operator_pcs(function);
        let of = |heap, nullable| Some(ValType::Ref(RefType { nullable, heap }));
        let f = HeapType::Defined(crate::base::TypeKind::Func, info.type_ids[TypeIndex::from_u32(1)]);
        assert_eq!(operand_types(&info, function, pcs[2]), [Some(ValType::I32), of(f, false)]);
        assert_eq!(operand_types(&info, function, pcs[4]), [Some(ValType::I32), of(f, false), of(f, true)]);
        assert_eq!(operand_types(&info, function, pcs[7]), [Some(ValType::I32), of(f, false), Some(ValType::I64)]);
        let function = DefinedFuncIndex::from_u32(2);
        let end = info.operator_pcs(function)[1];
        assert_eq!(operand_types(&info, function, end), [Some(ValType::FUNCREF), Some(ValType::I64)]);
    }
}
