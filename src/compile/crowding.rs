//! How many values of an optimised function are alive at once.
//!
//! The register allocator looks, for each value that lives long, at all that could be in its way: its work grows with the
//! instructions that values live across, and with the blocks. Which values those are shows only after optimising, which makes one
//! value of all that compute the same. Knows nothing of WebAssembly.

use cranelift_codegen::ir::{Block, Function};
use std::collections::HashMap;

/// Counts for each value the instructions from its definition to its last use, in the order of the code, and sums them up. What
/// is used in a loop that began after it was defined is needed until the loop's end.
pub(super) fn crowding(func: &Function) -> u64 {
    let loops = loops(func);
    let mut defined = vec![0_u32; func.dfg.num_values()];
    let mut needed = vec![0_u32; func.dfg.num_values()];
    // The loops around the current instruction, outermost first: where each begins and ends.
    let mut around: Vec<(u32, u32)> = Vec::new();
    let mut position = 0;
    for block in func.layout.blocks() {
        while around.last().is_some_and(|(_, end)| *end < position) {
            around.pop();
        }
        if let Some(end) = loops.get(&block) {
            around.push((position, *end));
        }
        for param in func.dfg.block_params(block) {
            defined[param.as_u32() as usize] = position;
        }
        for inst in func.layout.block_insts(block) {
            position += 1;
            for value in func.dfg.inst_values(inst) {
                let value = func.dfg.resolve_aliases(value);
                let from = defined[value.as_u32() as usize];
                let entered = around.partition_point(|(begin, _)| *begin <= from);
                let until = around.get(entered).map_or(position, |(_, end)| *end);
                let needed = &mut needed[value.as_u32() as usize];
                *needed = (*needed).max(until.saturating_sub(from));
            }
            for result in func.dfg.inst_results(inst) {
                defined[result.as_u32() as usize] = position;
            }
        }
    }
    needed.into_iter().map(u64::from).sum()
}

/// The blocks that loops begin with, and where the last branch back to each is.
fn loops(func: &Function) -> HashMap<Block, u32> {
    let mut seen = vec![false; func.dfg.num_blocks()];
    let mut loops = HashMap::new();
    let mut position = 0;
    for block in func.layout.blocks() {
        seen[block.as_u32() as usize] = true;
        position += func.layout.block_insts(block).count() as u32;
        let Some(last) = func.layout.last_inst(block) else { continue };
        let ways = func.dfg.insts[last].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
        for way in ways {
            let target = way.block(&func.dfg.value_lists);
            if seen[target.as_u32() as usize] {
                loops.insert(target, position);
            }
        }
    }
    loops
}
