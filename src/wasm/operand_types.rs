//! The exact types of operands, which frames don't know: found by validating a function once more, up to a place.
//!
//! Read next: [`super::features`].

use super::features::validated;
use super::stack_effect::catch_clauses;
use super::{ModuleInfo, OpenCatches};
use crate::base::{DefinedFuncIndex, HeapType, RefType, TagIndex, TypeIndex, ValType, WasmPc};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
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
    validate_up_to(info, function, pc, |walk, open, types| {
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
        let operands = operands.map(|depth| walk.get_operand_type(depth as usize).flatten().map(value_type));
        let mut operands: Vec<_> = operands.collect();
        let rethrown = rethrown(info, function);
        // From the innermost on, so that the places of those further out stay what they are.
        for (depth, catch) in open.blocks().iter().rev().enumerate() {
            if catch.is_some_and(|catch| rethrown.contains(&catch)) {
                let beneath = walk.get_control_frame(depth).expect("it is open").height;
                operands.insert(beneath, Some(ValType::Ref(RefType { nullable: false, heap: HeapType::Exn })));
            }
        }
        operands
    })
}

/// How many operands of a function are beneath the label where exceptions go on that the operator at `pc` catches: a `try_table`, by its
/// clause for a tag, or for any, or a `catch` or `catch_all`, which has the label of its block.
///
/// Takes time as [`operand_types`].
pub fn operands_beneath_catch(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    pc: WasmPc,
    tag: Option<TagIndex>,
    takes_reference: bool,
) -> u32 {
    let label = match info.operator_at(pc) {
        Operator::TryTable { try_table } => {
            let clauses = catch_clauses(&try_table);
            let clause = clauses.iter().find(|clause| (clause.tag, clause.takes_reference) == (tag, takes_reference));
            clause.expect("the block has the clause").label as usize
        }
        _ => 0,
    };
    validate_up_to(info, function, pc, |walk, open, _| {
        let rethrown = rethrown(info, function);
        let around = open.blocks().iter().rev().skip(1 + label).flatten();
        let kept = around.filter(|catch| rethrown.contains(catch)).count();
        (walk.get_control_frame(label).expect("validated").height + kept) as u32
    })
}

/// The `catch` and `catch_all` of a function whose exceptions are thrown again.
fn rethrown(info: &ModuleInfo, function: DefinedFuncIndex) -> HashSet<WasmPc> {
    let mut open = OpenCatches::default();
    let operators = info.body(function).get_operators_reader().expect("validated");
    let operators = operators.into_iter_with_offsets().map(|operator| operator.expect("validated"));
    operators.filter_map(|(operator, offset)| open.see(WasmPc(offset as u32), &operator)).collect()
}

/// Validates a function up to the operator at `pc`, for `look` to look at what is known there.
fn validate_up_to<T>(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    pc: WasmPc,
    look: impl FnOnce(&FuncValidator<ValidatorResources>, &OpenCatches, TypesRef<'_>) -> T,
) -> T {
    let mut validator = Validator::new_with_features(validated());
    for payload in Parser::new(0).parse_all(&info.bytes) {
        let payload = validator.payload(&payload.expect("validated")).expect("validated");
        let ValidPayload::Func(to_validate, body) = payload else { continue };
        if body.range().start != u64::from(info.bodies[function].range.start) {
            continue;
        }
        let mut walk = to_validate.into_validator(FuncValidatorAllocations::default());
        let mut open = OpenCatches::default();
        let mut reader = body.get_binary_reader();
        walk.read_locals(&mut reader).expect("validated");
        for operator in body.get_operators_reader().expect("validated").into_iter_with_offsets() {
            let (operator, offset) = operator.expect("validated");
            if offset >= u64::from(pc.0) {
                break;
            }
            walk.op(offset, &operator).expect("validated");
            open.see(WasmPc(offset as u32), &operator);
        }
        return look(&walk, &open, validator.types(0).expect("inside a module"));
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

    #[test]
    fn exceptions_that_are_thrown_again_are_operands() {
        let text = r#"(module (tag $e (param f32))
            (func (result i32)
              i32.const 1 ;; 0
              try (result i32) ;; 1
                i64.const 2
                try (result i32) ;; 3
                  i32.const 3
                catch $e ;; 5
                  try ;; 6
                    nop
                  catch_all ;; 8
                    nop ;; 9
                    rethrow 0
                  end ;; 11
                  drop
                  rethrow 0 ;; 13
                catch_all ;; 14
                  block $h ;; 15
                    try_table (catch_all $h) ;; 16
                      nop ;; 17
                    end
                  end
                  rethrow 0 ;; 20
                end
                br 0 ;; 22
              catch_all ;; 23
                f64.const 5
                rethrow 0 ;; 25
              end
              drop))"#;
        let wasm = wat::parse_str(text).unwrap();
        let info = super::super::parse(&wasm, &TypeRegistry::default()).unwrap().info;
        let function = DefinedFuncIndex::from_u32(0);
        let pcs = info.operator_pcs(function);
        let at = |place: usize| {
            let name = |ty: Option<ValType>| ty.map_or("?".to_string(), |ty| ty.to_string());
            operand_types(&info, function, pcs[place]).into_iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(at(5), "i32 i64 i32");
        assert_eq!(at(6), "i32 i64 (ref exn) f32");
        assert_eq!(at(9), "i32 i64 (ref exn) f32 (ref exn)");
        assert_eq!(at(13), "i32 i64 (ref exn)");
        assert_eq!(at(15), "i32 i64 (ref exn)");
        assert_eq!(at(20), "i32 i64 (ref exn)");
        assert_eq!(at(22), "i32 i64 i32");
        assert_eq!(at(25), "i32 (ref exn) f64");
        let beneath = |place: usize| operands_beneath_catch(&info, function, pcs[place], None, false);
        assert_eq!([8, 14, 16, 23].map(beneath), [4, 2, 3, 1]);
    }
}
