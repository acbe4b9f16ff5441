//! What operators read and write outside their frame, found out from their names: another way than the library's, which is held against it.

use crate::value::Val;
use pellucid::base::WasmPc;
use pellucid::wasm::ModuleInfo;
use std::ops::Range;
use wasmparser::Operator;

pub const READ: u8 = 1;
pub const WRITE: u8 = 2;

/// What is accessed, by its index in the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    Memory(u32),
    Global(u32),
    Table(u32),
}

/// An access to bytes or elements; of a global `0..1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    pub space: Space,
    pub range: Range<u64>,
    /// [`READ`], [`WRITE`], or both.
    pub bits: u8,
}

/// What the operator at a pc is going to access, unless it traps. `present` reads a memory.
pub fn of(
    info: &ModuleInfo,
    pc: u32,
    operands: &[Val],
    present: impl Fn(u32, Range<u64>) -> Option<u128>,
) -> Box<[Access]> {
    let operand = |from_top: usize| match operands[operands.len() - 1 - from_top] {
        Val::I32(value) => u64::from(value as u32),
        Val::I64(value) => value as u64,
        other => panic!("{other:?} is no place"),
    };
    let one = |space, start: u64, count: u64, bits| -> Box<[Access]> {
        let access = start.checked_add(count).map(|end| Access { space, range: start..end, bits });
        access.into_iter().filter(|access| !access.range.is_empty()).collect()
    };
    let several = |space, start: usize, bits| one(space, operand(start), operand(0), bits);
    let two = |to, from| -> Box<[Access]> { [several(to, 2, WRITE), several(from, 1, READ)].concat().into() };
    let operator = info.operator_at(WasmPc(pc));
    match operator {
        Operator::GlobalGet { global_index } => return one(Space::Global(global_index), 0, 1, READ),
        Operator::GlobalSet { global_index } => return one(Space::Global(global_index), 0, 1, WRITE),
        Operator::TableGet { table } => return one(Space::Table(table), operand(0), 1, READ),
        Operator::TableSet { table } => return one(Space::Table(table), operand(1), 1, WRITE),
        Operator::TableFill { table } | Operator::TableInit { table, .. } => {
            return several(Space::Table(table), 2, WRITE);
        }
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            return several(Space::Memory(mem), 2, WRITE);
        }
        Operator::TableCopy { dst_table, src_table } => return two(Space::Table(dst_table), Space::Table(src_table)),
        Operator::MemoryCopy { dst_mem, src_mem } => return two(Space::Memory(dst_mem), Space::Memory(src_mem)),
        _ => {}
    }
    let text = format!("{operator:?}");
    let (Some(offset), Some(memory)) = (number_behind(&text, "offset: "), number_behind(&text, "target: Memory("))
    else {
        return Box::default();
    };
    let name = text.split(' ').next().unwrap_or_default();
    let Some(shape) = Shape::of(name) else { return Box::default() };
    let Some(start) = operand(shape.address).checked_add(offset) else { return Box::default() };
    let space = Space::Memory(memory as u32);
    let Some(end) = start.checked_add(shape.bytes) else { return Box::default() };
    let mut bits = shape.bits;
    if name.contains("Cmpxchg") {
        let low = u128::MAX >> (128 - 8 * shape.bytes);
        if present(memory as u32, start..end).is_some_and(|found| found != u128::from(operand(1)) & low) {
            bits = READ;
        }
    }
    one(space, start, shape.bytes, bits)
}

/// What an operator's name says of it.
struct Shape {
    /// Where the address is among the operands, from the top.
    address: usize,
    bytes: u64,
    bits: u8,
}

impl Shape {
    fn of(name: &str) -> Option<Shape> {
        let (own, rest) = ["I32", "I64", "F32", "F64", "V128", "MemoryAtomicWait"]
            .into_iter()
            .find_map(|prefix| name.strip_prefix(prefix).map(|rest| (prefix, rest)))?;
        let (loads, stores) = (rest.contains("Load"), rest.contains("Store"));
        let changes = rest.contains("Rmw");
        let waits = own == "MemoryAtomicWait";
        if !(loads || stores || changes || waits) {
            return None;
        }
        let own_size = number_behind(own, "");
        let digits = rest.find(|letter: char| letter.is_ascii_digit()).map(|at| &rest[at..]);
        let size = match digits {
            None => own_size?,
            Some(digits) => {
                let lanes = digits.split_once('x').filter(|(lane, _)| lane.len() <= 2);
                let lanes =
                    lanes.and_then(|(lane, count)| Some((lane.parse::<u64>().ok()?, number_behind(count, "")?)));
                lanes.map_or_else(|| number_behind(digits, ""), |(lane, count)| Some(lane * count))?
            }
        };
        let address = match () {
            () if waits || rest.contains("Cmpxchg") => 2,
            () if stores || changes || rest.contains("Lane") => 1,
            () => 0,
        };
        let bits = (if loads || changes || waits { READ } else { 0 }) | (if stores || changes { WRITE } else { 0 });
        Some(Shape { address, bytes: size / 8, bits })
    }
}

/// The number that comes behind a text, or the first one if that is empty.
fn number_behind(text: &str, what: &str) -> Option<u64> {
    let rest = &text[text.find(what)? + what.len()..];
    let rest = if what.is_empty() { rest.trim_start_matches(|letter: char| !letter.is_ascii_digit()) } else { rest };
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_accessed() {
        let shape = |name| Shape::of(name).map(|shape| (shape.address, shape.bytes, shape.bits));
        assert_eq!(shape("I32Load8U"), Some((0, 1, READ)));
        assert_eq!(shape("F64Load"), Some((0, 8, READ)));
        assert_eq!(shape("I64Store32"), Some((1, 4, WRITE)));
        assert_eq!(shape("V128Load16x4S"), Some((0, 8, READ)));
        assert_eq!(shape("V128Load32Lane"), Some((1, 4, READ)));
        assert_eq!(shape("V128Load64Zero"), Some((0, 8, READ)));
        assert_eq!(shape("V128Store"), Some((1, 16, WRITE)));
        assert_eq!(shape("I64AtomicRmw16XchgU"), Some((1, 2, READ | WRITE)));
        assert_eq!(shape("I32AtomicRmwCmpxchg"), Some((2, 4, READ | WRITE)));
        assert_eq!(shape("MemoryAtomicWait64"), Some((2, 8, READ)));
        assert_eq!(shape("MemoryAtomicNotify"), None);
        assert_eq!(shape("I32Add"), None);
    }
}
