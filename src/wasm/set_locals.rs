//! Which locals validation knows to have been set at a place: those that can't be null may be read only there (Wasm core spec, 3.4
//! "Instruction Sequences").
//!
//! Read next: [`super::operand_types`].

use super::ModuleInfo;
use crate::base::{DefinedFuncIndex, WasmPc};
use std::collections::HashSet;
use wasmparser::Operator;

/// The locals that were set before the operator at `pc`, in a block that is still open there. Parameters aren't among them.
pub fn set_locals(info: &ModuleInfo, function: DefinedFuncIndex, pc: WasmPc) -> HashSet<u32> {
    let mut set = HashSet::new();
    // In the order in which they were set; of each open block how many were before.
    let (mut order, mut blocks) = (Vec::new(), Vec::new());
    let operators = info.body(function).get_operators_reader().expect("validated");
    for operator in operators.into_iter_with_offsets() {
        let (operator, offset) = operator.expect("validated");
        if offset >= u64::from(pc.0) {
            break;
        }
        let mut forget = |before: usize, order: &mut Vec<u32>| {
            order.drain(before..).for_each(|local| {
                set.remove(&local);
            });
        };
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => blocks.push(order.len()),
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
                forget(*blocks.last().expect("validated"), &mut order);
            }
            // The function's own `end` finds none.
            Operator::End | Operator::Delegate { .. } => {
                if let Some(before) = blocks.pop() {
                    forget(before, &mut order);
                }
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } if set.insert(local_index) => {
                order.push(local_index);
            }
            _ => {}
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{TypeRegistry, parse};

    #[test]
    fn locals_are_set_until_their_block_ends() {
        let text = r#"(module (tag $e) (func (param i32) (local $a i32) (local $b i32)
            (local.set $a (i32.const 0))            ;; 0, 1
            block                                   ;; 2
              (local.set $b (i32.const 0))          ;; 3, 4
              (local.set $a (i32.const 1))          ;; 5, 6
              nop                                   ;; 7
            end                                     ;; 8
            local.get 0                             ;; 9
            if                                      ;; 10
              (drop (local.tee $b (i32.const 1)))   ;; 11, 12, 13
            else                                    ;; 14
              nop                                   ;; 15
            end                                     ;; 16
            try                                     ;; 17
              (local.set $b (i32.const 0))          ;; 18, 19
              try                                   ;; 20
                nop                                 ;; 21
              delegate 0                            ;; 22
              nop                                   ;; 23
            catch $e                                ;; 24
              nop                                   ;; 25
            catch_all                               ;; 26
              (local.set $b (i32.const 0))          ;; 27, 28
              nop                                   ;; 29
            end                                     ;; 30
            nop))"#;
        let wasm = wat::parse_str(text).unwrap();
        let info = parse(&wasm, &TypeRegistry::default()).unwrap().info;
        let function = DefinedFuncIndex::from_u32(0);
        let pcs = info.operator_pcs(function);
        let at = |place: usize| {
            let mut set: Vec<_> = set_locals(&info, function, pcs[place]).into_iter().collect();
            set.sort_unstable();
            set
        };
        assert_eq!([at(1), at(2), at(4), at(5)], [vec![], vec![1], vec![1], vec![1, 2]]);
        assert_eq!([at(7), at(8), at(9), at(13)], [vec![1, 2], vec![1, 2], vec![1], vec![1, 2]]);
        assert_eq!([at(15), at(17), at(20), at(22)], [vec![1], vec![1], vec![1, 2], vec![1, 2]]);
        assert_eq!([at(23), at(25), at(29), at(31)], [vec![1, 2], vec![1], vec![1, 2], vec![1]]);
    }
}
