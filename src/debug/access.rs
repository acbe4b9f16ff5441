//! What an operator reads and writes beyond its operands: places in memories and tables, globals, fields and elements of objects.
//!
//! Knows operators only, no store. Invariant: what isn't listed here accesses none of these, or makes room that wasn't there before
//! (`memory.grow`, `table.grow`, what makes objects). Read next: `watchpoints.rs`.

use crate::base::{GlobalIndex, MemoryIndex, TableIndex, TypeIndex};
use wasmparser::{MemArg, MemArgTarget, Operator};

/// Bits of what is done to a place.
pub mod bits {
    /// It is read.
    pub const READ: u8 = 1 << 0;
    /// It is written.
    pub const WRITE: u8 = 1 << 1;
}
use bits::{READ, WRITE};

/// What an operator accesses, by its index in the module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Space {
    /// A memory's bytes.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// A table's elements.
    Table(TableIndex),
    /// This field of a structure of this type, or of a subtype.
    Field(TypeIndex, u32),
    /// The elements of an array of this type, or of a subtype.
    Elements(TypeIndex),
}

/// Which part of it. Operands are counted from the top of the stack, which is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All there is.
    Whole,
    /// The one of this number.
    One(u32),
    /// So many bytes or elements from the place on that an operand says, plus an offset.
    At { start: u8, offset: u64, count: u8 },
    /// From the place on that an operand says as many as the last operand says.
    Many { start: u8 },
}

/// An access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// To what.
    pub space: Space,
    /// To which part of it.
    pub extent: Extent,
    /// [`READ`], [`WRITE`], or both.
    pub bits: u8,
    /// Whether it writes only if what is there equals the last operand but one.
    pub compares: bool,
    /// Of fields and elements, the operand that is the object.
    pub object: u8,
}

/// The accesses of an operator: the first is written to if only one is.
pub type Accesses = [Option<Access>; 2];

/// What an operator accesses.
pub fn accesses(operator: &Operator<'_>) -> Accesses {
    use Operator::*;
    macro_rules! of_memory {
        ($($name:ident)|* => $bits:expr, $start:literal, $count:literal, $compares:literal) => {
            if let $($name { memarg, .. })|* = operator {
                return [at(memarg, $bits, $start, $count, $compares), None];
            }
        };
    }
    of_memory!(I32Load8S | I32Load8U | I64Load8S | I64Load8U | V128Load8Splat | I32AtomicLoad8U | I64AtomicLoad8U
        => READ, 0, 1, false);
    of_memory!(I32Load16S | I32Load16U | I64Load16S | I64Load16U | V128Load16Splat | I32AtomicLoad16U
        | I64AtomicLoad16U => READ, 0, 2, false);
    of_memory!(I32Load | F32Load | I64Load32S | I64Load32U | V128Load32Splat | V128Load32Zero | I32AtomicLoad
        | I64AtomicLoad32U => READ, 0, 4, false);
    of_memory!(I64Load | F64Load | V128Load64Splat | V128Load64Zero | V128Load8x8S | V128Load8x8U | V128Load16x4S
        | V128Load16x4U | V128Load32x2S | V128Load32x2U | I64AtomicLoad => READ, 0, 8, false);
    of_memory!(V128Load => READ, 0, 16, false);
    of_memory!(V128Load8Lane => READ, 1, 1, false);
    of_memory!(V128Load16Lane => READ, 1, 2, false);
    of_memory!(V128Load32Lane => READ, 1, 4, false);
    of_memory!(V128Load64Lane => READ, 1, 8, false);
    of_memory!(I32Store8 | I64Store8 | V128Store8Lane | I32AtomicStore8 | I64AtomicStore8 => WRITE, 1, 1, false);
    of_memory!(I32Store16 | I64Store16 | V128Store16Lane | I32AtomicStore16 | I64AtomicStore16 => WRITE, 1, 2, false);
    of_memory!(I32Store | F32Store | I64Store32 | V128Store32Lane | I32AtomicStore | I64AtomicStore32
        => WRITE, 1, 4, false);
    of_memory!(I64Store | F64Store | V128Store64Lane | I64AtomicStore => WRITE, 1, 8, false);
    of_memory!(V128Store => WRITE, 1, 16, false);
    of_memory!(I32AtomicRmw8AddU | I64AtomicRmw8AddU | I32AtomicRmw8SubU | I64AtomicRmw8SubU | I32AtomicRmw8AndU
        | I64AtomicRmw8AndU | I32AtomicRmw8OrU | I64AtomicRmw8OrU | I32AtomicRmw8XorU | I64AtomicRmw8XorU
        | I32AtomicRmw8XchgU | I64AtomicRmw8XchgU => READ | WRITE, 1, 1, false);
    of_memory!(I32AtomicRmw16AddU | I64AtomicRmw16AddU | I32AtomicRmw16SubU | I64AtomicRmw16SubU | I32AtomicRmw16AndU
        | I64AtomicRmw16AndU | I32AtomicRmw16OrU | I64AtomicRmw16OrU | I32AtomicRmw16XorU | I64AtomicRmw16XorU
        | I32AtomicRmw16XchgU | I64AtomicRmw16XchgU => READ | WRITE, 1, 2, false);
    of_memory!(I32AtomicRmwAdd | I64AtomicRmw32AddU | I32AtomicRmwSub | I64AtomicRmw32SubU | I32AtomicRmwAnd
        | I64AtomicRmw32AndU | I32AtomicRmwOr | I64AtomicRmw32OrU | I32AtomicRmwXor | I64AtomicRmw32XorU
        | I32AtomicRmwXchg | I64AtomicRmw32XchgU => READ | WRITE, 1, 4, false);
    of_memory!(I64AtomicRmwAdd | I64AtomicRmwSub | I64AtomicRmwAnd | I64AtomicRmwOr | I64AtomicRmwXor
        | I64AtomicRmwXchg => READ | WRITE, 1, 8, false);
    of_memory!(I32AtomicRmw8CmpxchgU | I64AtomicRmw8CmpxchgU => READ | WRITE, 2, 1, true);
    of_memory!(I32AtomicRmw16CmpxchgU | I64AtomicRmw16CmpxchgU => READ | WRITE, 2, 2, true);
    of_memory!(I32AtomicRmwCmpxchg | I64AtomicRmw32CmpxchgU => READ | WRITE, 2, 4, true);
    of_memory!(I64AtomicRmwCmpxchg => READ | WRITE, 2, 8, true);
    of_memory!(MemoryAtomicWait32 => READ, 2, 4, false);
    of_memory!(MemoryAtomicWait64 => READ, 2, 8, false);

    let memory = |index: u32| Space::Memory(MemoryIndex::from_u32(index));
    let table = |index: u32| Space::Table(TableIndex::from_u32(index));
    let global = |index: u32| Space::Global(GlobalIndex::from_u32(index));
    let one = |space, extent, bits| [Some(Access { extent, ..whole(space, bits, 0) }), None];
    let two = |to, from| {
        let access = |space, start, bits| Some(Access { extent: Extent::Many { start }, ..whole(space, bits, 0) });
        [access(to, 2, WRITE), access(from, 1, READ)]
    };
    let element = |start| Extent::At { start, offset: 0, count: 1 };
    let field = |ty: u32, field: u32, bits, object| {
        let space = Space::Field(TypeIndex::from_u32(ty), field);
        [Some(Access { extent: Extent::One(field), ..whole(space, bits, object) }), None]
    };
    let elements = |ty: u32, extent, bits, object| {
        let space = Space::Elements(TypeIndex::from_u32(ty));
        [Some(Access { extent, ..whole(space, bits, object) }), None]
    };
    match *operator {
        MemoryFill { mem } => one(memory(mem), Extent::Many { start: 2 }, WRITE),
        MemoryInit { mem, .. } => one(memory(mem), Extent::Many { start: 2 }, WRITE),
        MemoryCopy { dst_mem, src_mem } => two(memory(dst_mem), memory(src_mem)),
        GlobalGet { global_index } => one(global(global_index), Extent::Whole, READ),
        GlobalSet { global_index } => one(global(global_index), Extent::Whole, WRITE),
        CallIndirect { table_index: index, .. } | ReturnCallIndirect { table_index: index, .. } => {
            one(table(index), element(0), READ)
        }
        TableGet { table: index } => one(table(index), element(0), READ),
        TableSet { table: index } => one(table(index), element(1), WRITE),
        TableFill { table: index } => one(table(index), Extent::Many { start: 2 }, WRITE),
        TableInit { table: index, .. } => one(table(index), Extent::Many { start: 2 }, WRITE),
        TableCopy { dst_table, src_table } => two(table(dst_table), table(src_table)),
        StructGet { struct_type_index: ty, field_index: index }
        | StructGetS { struct_type_index: ty, field_index: index }
        | StructGetU { struct_type_index: ty, field_index: index } => field(ty, index, READ, 0),
        StructSet { struct_type_index: ty, field_index: index } => field(ty, index, WRITE, 1),
        ArrayGet { array_type_index: ty } | ArrayGetS { array_type_index: ty } | ArrayGetU { array_type_index: ty } => {
            elements(ty, element(0), READ, 1)
        }
        ArraySet { array_type_index: ty } => elements(ty, element(1), WRITE, 2),
        ArrayFill { array_type_index: ty }
        | ArrayInitData { array_type_index: ty, .. }
        | ArrayInitElem { array_type_index: ty, .. } => elements(ty, Extent::Many { start: 2 }, WRITE, 3),
        ArrayCopy { array_type_index_dst: to, array_type_index_src: from } => {
            let [to, _] = elements(to, Extent::Many { start: 3 }, WRITE, 4);
            let [from, _] = elements(from, Extent::Many { start: 1 }, READ, 2);
            [to, from]
        }
        _ => [None, None],
    }
}

fn at(memarg: &MemArg, bits: u8, start: u8, count: u8, compares: bool) -> Option<Access> {
    let MemArgTarget::Memory(memory) = memarg.target else { return None };
    let extent = Extent::At { start, offset: memarg.offset, count };
    Some(Access { space: Space::Memory(MemoryIndex::from_u32(memory)), extent, bits, compares, object: 0 })
}

/// An access to all there is.
fn whole(space: Space, bits: u8, object: u8) -> Access {
    Access { space, extent: Extent::Whole, bits, compares: false, object }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parser's own list says which operators have an address; none of them may be missing here.
    #[test]
    fn every_operator_with_an_address_is_an_access() {
        let mut missing: Vec<&str> = Vec::new();
        macro_rules! look {
            ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
                $(look!(@one $op $({ $($arg: $argty),* })?);)*
            };
            (@one $op:ident { memarg: $argty:ty $(, $rest:ident: $resty:ty)* }) => {{
                let memarg = MemArg { align: 0, max_align: 0, offset: 7, target: MemArgTarget::Memory(3), ordering: None };
                let operator = Operator::$op { memarg $(, $rest: <$resty>::default())* };
                match accesses(&operator) {
                    [Some(Access { space: Space::Memory(memory), extent: Extent::At { offset: 7, .. }, .. }), None]
                        if memory.as_u32() == 3 => {}
                    _ => missing.push(stringify!($op)),
                }
            }};
            (@one $($other:tt)*) => {};
        }
        wasmparser::for_each_visit_operator!(look);
        wasmparser::for_each_visit_simd_operator!(look);
        // It looks at no bytes.
        assert_eq!(missing, ["MemoryAtomicNotify"]);
    }
}
