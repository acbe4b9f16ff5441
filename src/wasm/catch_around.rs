//! Where a function catches what is thrown at one of its operators, as its bytes say it.
//!
//! Compiled code knows this for calls and operators that throw; here it is told for any operator. Read next:
//! [`super::operand_types`].

use super::stack_effect::{CatchClause, catch_clauses};
use super::{ModuleInfo, OpenCatches};
use crate::base::{DefinedFuncIndex, TagIndex, WasmPc};
use wasmparser::Operator;

/// What catches an exception, and where its function goes on then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CatchAround {
    /// The `try_table`, `catch` or `catch_all`.
    pub pc: WasmPc,
    /// The clause's tag; none if it catches everything, and takes nothing of what is carried.
    pub tag: Option<TagIndex>,
    /// Whether it gives a reference of the exception to its label.
    pub takes_reference: bool,
    /// Whether the exception is an operand of its block, beneath what it carries, to be thrown again.
    pub is_kept: bool,
    /// The next operator.
    pub goes_on_at: WasmPc,
}

/// A block of a function; the first is the function itself.
#[derive(Default)]
struct BlockAround {
    /// The operator that begins it.
    pc: WasmPc,
    /// If a branch to it leads to its beginning: there.
    beginning: Option<WasmPc>,
    /// Behind its end.
    behind: WasmPc,
    /// Of a `try_table`.
    clauses: Vec<CatchClause>,
    /// Of a `try`: where each is, what it catches, and its first operator.
    catches: Vec<(WasmPc, Option<TagIndex>, WasmPc)>,
    /// The label that it delegates to.
    delegate: Option<u32>,
}

/// What catches, in a function, an exception that is thrown at the operator at `pc`; `takes` says of a tag whether it is the exception's.
pub fn catch_around(
    info: &ModuleInfo,
    function: DefinedFuncIndex,
    pc: WasmPc,
    takes: impl Fn(TagIndex) -> bool,
) -> Option<CatchAround> {
    let end = info.bodies[function].range.end;
    let operators = info.body(function).get_operators_reader().expect("validated").into_iter_with_offsets();
    let mut operators = operators.map(|operator| operator.expect("validated")).peekable();
    let mut blocks = vec![BlockAround { behind: WasmPc(end - 1), ..BlockAround::default() }];
    let mut open = vec![0];
    // Those around the operator, and which of them it is in a `catch` of.
    let mut around: Vec<(usize, bool)> = Vec::new();
    let (mut catches, mut rethrown) = (OpenCatches::default(), Vec::new());
    while let Some((operator, at)) = operators.next() {
        let (at, next) = (WasmPc(at as u32), operators.peek().map_or(WasmPc(end), |(_, next)| WasmPc(*next as u32)));
        if at == pc {
            around = open.iter().map(|block| (*block, !blocks[*block].catches.is_empty())).collect();
        }
        rethrown.extend(catches.see(at, &operator));
        let innermost = &mut blocks[*open.last()?];
        let mut opened = None;
        match operator {
            Operator::Loop { .. } => {
                opened = Some(BlockAround { pc: at, beginning: Some(next), ..BlockAround::default() });
            }
            Operator::TryTable { try_table } => {
                opened = Some(BlockAround { pc: at, clauses: catch_clauses(&try_table), ..BlockAround::default() });
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::Try { .. } => {
                opened = Some(BlockAround { pc: at, ..BlockAround::default() });
            }
            Operator::Catch { tag_index } => innermost.catches.push((at, Some(TagIndex::from_u32(tag_index)), next)),
            Operator::CatchAll => innermost.catches.push((at, None, next)),
            Operator::Delegate { relative_depth } => {
                (innermost.delegate, innermost.behind) = (Some(relative_depth), next);
                open.pop();
            }
            Operator::End if open.len() > 1 => {
                innermost.behind = next;
                open.pop();
            }
            _ => {}
        }
        if let Some(block) = opened {
            open.push(blocks.len());
            blocks.push(block);
        }
    }
    let mut place = around.len().checked_sub(1)?;
    loop {
        let (number, is_in_catch) = around[place];
        let block = &blocks[number];
        let is_taken = |tag: Option<TagIndex>| tag.is_none_or(&takes);
        if let Some(clause) = block.clauses.iter().find(|clause| is_taken(clause.tag)) {
            // Labels are counted from outside.
            let target = &blocks[around[place.checked_sub(1 + clause.label as usize)?].0];
            let CatchClause { tag, takes_reference, .. } = *clause;
            let goes_on_at = target.beginning.unwrap_or(target.behind);
            return Some(CatchAround { pc: block.pc, tag, takes_reference, is_kept: false, goes_on_at });
        }
        if !is_in_catch {
            if let Some((pc, tag, first)) = block.catches.iter().find(|(_, tag, _)| is_taken(*tag)) {
                let is_kept = rethrown.contains(pc);
                return Some(CatchAround { pc: *pc, tag: *tag, takes_reference: false, is_kept, goes_on_at: *first });
            }
            if let Some(label) = block.delegate {
                place = place.checked_sub(1 + label as usize)?;
                continue;
            }
        }
        place = place.checked_sub(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{TypeRegistry, parse};

    #[test]
    fn what_catches_is_the_innermost_that_takes_it() {
        let text = r#"(module (tag $a) (tag $b (param i32))
            (func (result i32)
              loop $l ;; 0
                block $h (result i32) ;; 1
                  try_table (catch $b $h) ;; 2
                    try_table (catch $a $l) (catch_all 0) ;; 3
                      nop ;; 4
                    end ;; 5
                    nop ;; 6
                  end ;; 7
                  nop ;; 8
                  i32.const 1 ;; 9
                end ;; 10
                drop ;; 11
              end ;; 12
              try_table (result i32) (catch $b 0) ;; 13
                i32.const 2 ;; 14
              end ;; 15
              return ;; 16
            )
            (func
              try ;; 0
                try ;; 1
                  nop ;; 2
                  try ;; 3
                    nop ;; 4
                  delegate 1 ;; 5
                catch $a ;; 6
                  nop ;; 7
                end ;; 8
              catch $a ;; 9
                rethrow 0 ;; 10
              catch_all ;; 11
              end))"#;
        let wasm = wat::parse_str(text).unwrap();
        let info = parse(&wasm, &TypeRegistry::default()).unwrap().info;
        let (a, b) = (TagIndex::from_u32(0), TagIndex::from_u32(1));
        let at = |function: u32, operator: usize, tag: TagIndex| {
            let function = DefinedFuncIndex::from_u32(function);
            let pcs = info.operator_pcs(function);
            let place = |pc: WasmPc| pcs.iter().position(|known| *known == pc).unwrap();
            let caught = catch_around(&info, function, pcs[operator], |known| known == tag)?;
            Some((place(caught.pc), place(caught.goes_on_at), caught.is_kept))
        };
        // The beginning of the loop, behind the block, and the end of the function.
        assert_eq!([at(0, 4, a), at(0, 4, b)], [Some((3, 1, false)), Some((3, 8, false))]);
        assert_eq!([at(0, 6, a), at(0, 6, b)], [None, Some((2, 11, false))]);
        assert_eq!([at(0, 8, b), at(0, 13, b), at(0, 14, b)], [None, None, Some((13, 17, false))]);
        // What is delegated passes the block in between; what is thrown in a `catch` isn't caught by its `try`.
        assert_eq!([at(1, 2, a), at(1, 2, b)], [Some((6, 7, false)), Some((11, 12, false))]);
        assert_eq!([at(1, 4, a), at(1, 7, a)], [Some((9, 10, true)), Some((9, 10, true))]);
        assert_eq!(at(1, 10, a), None);
    }
}
