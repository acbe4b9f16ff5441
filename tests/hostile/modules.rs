//! Modules that are hard to compile; the bench measures them, too.

use wasm_encoder::{
    BlockType, Catch as Clause, CodeSection, CompositeInnerType, CompositeType, ConstExpr, ElementSection, Elements,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, HeapType, Instruction, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module as Encoder, RefType, StructType, SubType, TableSection, TableType,
    TagKind, TagSection, TagType, TypeSection, ValType,
};

/// Locals that a function has beside its parameter; more aren't valid.
const LOCALS: u32 = 49_999;

/// The type of `f`.
const F: u32 = 0;
/// The type `[] -> []`.
const NOTHING: u32 = 1;
/// The type that takes and gives [`MANY`] values.
const CARRIES: u32 = 2;
/// A structure without fields that others may be subtypes of.
const STRUCTURE: HeapType = HeapType::Concrete(3);
/// References to anything.
const ANY: ValType = ValType::Ref(RefType::ANYREF);
/// As many parameters and results as are valid.
const MANY: u32 = 1000;

/// A module with one function `f: [i32] -> []`, with so many locals.
fn module(locals: u32, body: impl FnOnce(&mut Function)) -> Vec<u8> {
    with_functions(locals, body, Vec::new())
}

/// The same with locals that are vectors.
fn with_vectors(locals: u32, body: impl FnOnce(&mut Function)) -> Vec<u8> {
    with_all((locals, ValType::V128), body, Vec::new())
}

/// The same, with more functions: their types and bodies. A table holds all functions.
fn with_functions(locals: u32, body: impl FnOnce(&mut Function), others: Vec<(u32, Function)>) -> Vec<u8> {
    with_all((locals, ValType::I32), body, others)
}

fn with_all(locals: (u32, ValType), body: impl FnOnce(&mut Function), others: Vec<(u32, Function)>) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    types.ty().function([], []);
    types.ty().function(vec![ValType::I32; MANY as usize], vec![ValType::I32; MANY as usize]);
    let inner = CompositeInnerType::Struct(StructType { fields: Box::new([]) });
    let composite_type = CompositeType { inner, shared: false, describes: None, descriptor: None };
    types.ty().subtype(&SubType { is_final: false, supertype_idxs: Vec::new(), composite_type });
    let mut function = Function::new([locals]);
    body(&mut function);
    function.instruction(&Instruction::End);
    let mut functions = FunctionSection::new();
    let mut codes = CodeSection::new();
    functions.function(F);
    codes.function(&function);
    for (ty, function) in &others {
        functions.function(*ty);
        codes.function(function);
    }
    let count = 1 + others.len() as u32;
    let mut tables = TableSection::new();
    let (minimum, maximum) = (u64::from(count), None);
    tables.table(TableType { element_type: RefType::FUNCREF, minimum, maximum, table64: false, shared: false });
    let mut elements = ElementSection::new();
    let all: Vec<_> = (0..count).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(all.into()));
    let mut memories = MemorySection::new();
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut tags = TagSection::new();
    tags.tag(TagType { kind: TagKind::Exception, func_type_idx: F });
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0).export("g", ExportKind::Global, 0).export("m", ExportKind::Memory, 0);
    let mut encoder = Encoder::new();
    encoder.section(&types).section(&functions).section(&tables).section(&memories).section(&tags);
    encoder.section(&globals);
    encoder.section(&exports).section(&elements).section(&codes);
    encoder.finish()
}

/// A function with so many locals.
fn function<'a>(locals: u32, instructions: impl IntoIterator<Item = Instruction<'a>>) -> Function {
    let mut function = Function::new([(locals, ValType::I32)]);
    emit(&mut function, instructions);
    function.instruction(&Instruction::End);
    function
}

fn at(offset: u64) -> MemArg {
    MemArg { offset, align: 2, target: MemArgTarget::Memory(0), ordering: None }
}

fn emit<'a>(function: &mut Function, instructions: impl IntoIterator<Item = Instruction<'a>>) {
    instructions.into_iter().for_each(|instruction| {
        function.instruction(&instruction);
    });
}

/// Modules of a size that `n` scales, with their names.
pub fn modules(n: u32) -> Vec<(&'static str, Vec<u8>)> {
    use Instruction::*;
    let open = [LocalGet(0), If(BlockType::Empty)];
    let store = |i: u32| [I32Const(i as i32 % 4096 * 4), LocalGet(0), I32Store(at(0))];
    let load = |i: u32| [I32Const(i as i32 % 4096 * 4), I32Load(at(0))];
    vec![
        (
            "conditionals inside each other, many locals",
            module(LOCALS, |f| {
                (0..n).for_each(|_| emit(f, open.clone()));
                (0..n).for_each(|_| emit(f, [End]));
            }),
        ),
        (
            "the same, all of them assigned",
            module(LOCALS, |f| {
                (0..n).for_each(|_| emit(f, open.clone()));
                (1..LOCALS).for_each(|i| emit(f, [LocalGet(0), LocalSet(i)]));
                (0..n).for_each(|_| emit(f, [End]));
            }),
        ),
        (
            "merges with many locals",
            module(LOCALS, |f| {
                (1..LOCALS).for_each(|i| emit(f, [I32Const(i as i32), LocalSet(i)]));
                (0..n).for_each(|_| emit(f, [Block(BlockType::Empty), LocalGet(0), BrIf(0), End]));
            }),
        ),
        (
            "constants in many locals, and stop points",
            module(LOCALS, |f| {
                (1..LOCALS).for_each(|i| emit(f, [I32Const(i as i32 * 3), LocalSet(i)]));
                (0..n).for_each(|i| emit(f, [I32Const(-(i as i32)), LocalSet(1 + i), I32Const(0), GlobalSet(0)]));
            }),
        ),
        (
            "operands that pile up, with a stop point at each",
            module(0, |f| {
                (0..4 * n).for_each(|i| {
                    emit(f, load(i));
                    emit(f, store(i));
                });
                (0..4 * n).for_each(|_| emit(f, [Drop]));
            }),
        ),
        (
            "operands that wait for calls",
            module(0, |f| {
                // Only the innermost call's argument lets it through.
                emit(f, [LocalGet(0), I32Eqz, BrIf(0)]);
                (0..4 * n).for_each(|_| emit(f, [I32Const(0)]));
                (0..4 * n).for_each(|_| emit(f, [Call(0)]));
            }),
        ),
        (
            "a table of ways that carry a value",
            module(LOCALS, |f| {
                let count = n.min(900);
                (0..count).for_each(|_| emit(f, [Block(BlockType::Result(ValType::I32))]));
                emit(f, [I32Const(1), LocalGet(0), BrTable((1..count).collect::<Vec<_>>().into(), 0)]);
                (0..count).for_each(|_| emit(f, [End]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "values that are computed from each other",
            module(2, |f| {
                (0..8 * n).for_each(|i| {
                    emit(f, [LocalGet(1), LocalGet(0), I32Add, LocalTee(2), LocalGet(1), I32Xor, LocalSet(1)]);
                    if i % 5 == 0 {
                        emit(f, [LocalGet(2), GlobalSet(0)]);
                    }
                });
            }),
        ),
        (
            "a loop around all that",
            module(LOCALS, |f| {
                emit(f, [Loop(BlockType::Empty)]);
                (1..LOCALS).for_each(|i| emit(f, [LocalGet(0), I32Const(i as i32), I32Mul, LocalSet(i)]));
                (0..n).for_each(|i| emit(f, store(i)));
                emit(f, [LocalGet(0), I32Const(1), I32Sub, LocalTee(0), I32Const(0), I32GtS, BrIf(0), End]);
            }),
        ),
        (
            "stores in a large body",
            module(1, |f| {
                (0..64 * n).for_each(|i| emit(f, store(i)));
            }),
        ),
        (
            "calls that carry many values",
            with_functions(
                0,
                |f| {
                    (0..MANY).for_each(|i| emit(f, [I32Const(i as i32)]));
                    (0..n / 16 + 1).for_each(|_| emit(f, [Call(1)]));
                    (0..MANY).for_each(|_| emit(f, [Drop]));
                },
                vec![(CARRIES, function(0, (0..MANY).map(LocalGet)))],
            ),
        ),
        (
            "branches that carry many values",
            module(0, |f| {
                emit(f, [Block(BlockType::FunctionType(NOTHING))]);
                (0..MANY).for_each(|i| emit(f, load(i)));
                emit(f, [Block(BlockType::FunctionType(CARRIES))]);
                (0..n / 16 + 1).for_each(|_| emit(f, [LocalGet(0), BrIf(0)]));
                emit(f, [End]);
                (1..MANY).for_each(|_| emit(f, [I32Add]));
                emit(f, [GlobalSet(0), End]);
            }),
        ),
        (
            "blocks that carry many values",
            module(0, |f| {
                let ty = BlockType::FunctionType(CARRIES);
                (0..MANY).for_each(|i| emit(f, load(i)));
                (0..n / 16 + 1).for_each(|_| emit(f, [Loop(ty), LocalGet(0), If(ty), Else, End, End]));
                (1..MANY).for_each(|_| emit(f, [I32Add]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "functions with many locals",
            with_functions(0, |_| (), (0..n).map(|_| (NOTHING, function(LOCALS + 1, []))).collect()),
        ),
        (
            "functions with many locals, of which they read some",
            with_functions(
                0,
                |_| (),
                (0..n).map(|i| (NOTHING, function(LOCALS + 1, [LocalGet(i), GlobalSet(0), Call(1)]))).collect(),
            ),
        ),
        (
            "loaded operands that wait for a call",
            with_functions(
                0,
                |f| {
                    (0..4 * n).for_each(|i| emit(f, load(i)));
                    emit(f, [Call(1)]);
                    (1..4 * n).for_each(|_| emit(f, [I32Add]));
                    emit(f, [GlobalSet(0)]);
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "loaded operands that wait for many calls",
            with_functions(
                0,
                |f| {
                    (0..4 * n).for_each(|i| emit(f, load(i)));
                    (0..4 * n).for_each(|_| emit(f, [Call(1)]));
                    (1..4 * n).for_each(|_| emit(f, [I32Add]));
                    emit(f, [GlobalSet(0)]);
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "loads from where a load led",
            module(0, |f| {
                emit(f, [LocalGet(0)]);
                (0..8 * n).for_each(|i| emit(f, [I32Load(at(u64::from(i) % 4096 * 4))]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "loads that are summed",
            module(1, |f| {
                (0..8 * n).for_each(|i| {
                    emit(f, load(i));
                    emit(f, [LocalGet(1), I32Add, LocalSet(1)]);
                });
                emit(f, [LocalGet(1), GlobalSet(0)]);
            }),
        ),
        (
            "locals that live across loads",
            module(5 * n, |f| {
                (1..=5 * n).for_each(|i| {
                    emit(f, load(i));
                    emit(f, [LocalSet(i)]);
                });
                (0..5 * n).for_each(|i| {
                    emit(f, load(i + 1));
                    emit(f, [GlobalSet(0)]);
                });
                (1..=5 * n).for_each(|i| emit(f, [GlobalGet(0), LocalGet(i), I32Add, GlobalSet(0)]));
            }),
        ),
        (
            "locals that live across branches",
            module(2 * n, |f| {
                (1..=2 * n).for_each(|i| {
                    emit(f, load(i));
                    emit(f, [LocalSet(i)]);
                });
                (0..4 * n).for_each(|_| emit(f, [Block(BlockType::Empty), LocalGet(0), BrIf(0), End]));
                (1..=2 * n).for_each(|i| emit(f, [GlobalGet(0), LocalGet(i), I32Add, GlobalSet(0)]));
            }),
        ),
        (
            "operands that live across branches",
            module(0, |f| {
                (0..2 * n).for_each(|i| emit(f, load(i)));
                (0..4 * n).for_each(|_| emit(f, [Block(BlockType::Empty), LocalGet(0), BrIf(0), End]));
                (1..2 * n).for_each(|_| emit(f, [I32Add]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "loops inside each other, around locals that change",
            module(2 * n, |f| {
                emit(f, [LocalGet(0), I32Const(1), I32ShrU, LocalSet(0)]);
                (0..n).for_each(|_| emit(f, [Loop(BlockType::Empty)]));
                (1..=2 * n).for_each(|i| emit(f, [LocalGet(i), LocalGet(0), I32Add, LocalSet(i)]));
                emit(f, [LocalGet(0), I32Const(1), I32ShrU, LocalSet(0)]);
                (0..n).for_each(|_| emit(f, [LocalGet(0), BrIf(0), End]));
                (1..=2 * n).for_each(|i| emit(f, [GlobalGet(0), LocalGet(i), I32Add, GlobalSet(0)]));
            }),
        ),
        (
            "blocks that catch, inside each other",
            with_functions(
                0,
                |f| {
                    (0..2 * n).for_each(|i| {
                        let clause =
                            if i % 3 == 0 { Clause::All { label: 0 } } else { Clause::One { tag: 0, label: 1 } };
                        let label = if i % 3 == 0 { BlockType::Empty } else { BlockType::Result(ValType::I32) };
                        emit(
                            f,
                            [Block(label), Block(BlockType::Empty), TryTable(BlockType::Empty, vec![clause].into())],
                        );
                    });
                    emit(f, [Call(1), LocalGet(0), Throw(0)]);
                    (0..2 * n).rev().for_each(|i| {
                        emit(f, [End, End]);
                        emit(f, if i % 3 == 0 { [Nop, End, Nop] } else { [I32Const(1), End, Drop] });
                    });
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "older ones, inside each other, with many locals",
            with_functions(
                LOCALS,
                |f| {
                    (1..LOCALS).for_each(|i| emit(f, [LocalGet(0), LocalSet(i)]));
                    (0..n).for_each(|i| emit(f, [Try(BlockType::Empty), Call(1), LocalGet(0), LocalSet(1 + i)]));
                    emit(f, [LocalGet(0), Throw(0)]);
                    (0..n).for_each(|i| {
                        emit(f, if i % 2 == 0 { [CatchAll, Call(1)] } else { [Catch(0), LocalSet(2)] });
                        emit(f, [LocalGet(1 + i), GlobalSet(0), LocalGet(0), Throw(0), End]);
                    });
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "a block with many clauses, and many calls",
            with_functions(
                4 * n,
                |f| {
                    emit(f, [Try(BlockType::Empty)]);
                    (1..=4 * n).for_each(|i| emit(f, [Call(1), LocalGet(0), LocalSet(i)]));
                    emit(f, [LocalGet(0), Throw(0)]);
                    (1..=4 * n).for_each(|i| emit(f, [Catch(0), LocalGet(i), I32Add, GlobalSet(0)]));
                    emit(f, [CatchAll, End]);
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "exceptions that are delegated, from far inside to everywhere",
            with_functions(
                1,
                |f| {
                    (0..2 * n).for_each(|_| emit(f, [Try(BlockType::Empty), LocalGet(0), LocalSet(1)]));
                    emit(f, [Call(1), LocalGet(0), Throw(0)]);
                    (0..2 * n).for_each(|i| emit(f, [Delegate((2 * n - 1 - i) / 2)]));
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "exceptions that are thrown again, from inside each other",
            with_functions(
                0,
                |f| {
                    (0..n).for_each(|_| emit(f, [Try(BlockType::Empty), LocalGet(0), Throw(0), CatchAll, Call(1)]));
                    (0..n).for_each(|i| {
                        emit(f, [LocalGet(0), I32Const(i as i32), I32Eq, If(BlockType::Empty), Rethrow(i + 1), End]);
                    });
                    (0..n).for_each(|_| emit(f, [End]));
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "indirect calls",
            with_functions(
                0,
                |f| {
                    (0..8 * n)
                        .for_each(|_| emit(f, [I32Const(1), CallIndirect { type_index: NOTHING, table_index: 0 }]))
                },
                vec![(NOTHING, function(0, []))],
            ),
        ),
        (
            "calls of the library's functions",
            module(0, |f| (0..8 * n).for_each(|_| emit(f, [I32Const(0), MemoryGrow(0), Drop]))),
        ),
        (
            "divisions and conversions",
            module(0, |f| {
                emit(f, [LocalGet(0)]);
                (0..8 * n).for_each(|_| emit(f, [I32Const(7), I32DivS, F32ConvertI32S, I32TruncF32S]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "locals that change one after another",
            module(LOCALS, |f| {
                emit(f, [LocalGet(0)]);
                (0..16 * n).for_each(|i| emit(f, [LocalTee(1 + i % (LOCALS - 1))]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "additions of constants",
            module(1, |f| {
                emit(f, [LocalGet(0)]);
                (0..16 * n).for_each(|i| emit(f, [I32Const(i as i32), I32Add]));
                emit(f, [GlobalSet(0)]);
            }),
        ),
        (
            "values that are computed again behind branches",
            module(1, |f| {
                let computed = |i: u32| [LocalGet(0), I32Const(i as i32 * 77), I32Mul, GlobalSet(0)];
                (0..2 * n).for_each(|i| emit(f, computed(i)));
                (0..2 * n).for_each(|_| emit(f, [Block(BlockType::Empty), LocalGet(0), BrIf(0), End]));
                (0..2 * n).for_each(|i| emit(f, computed(i)));
            }),
        ),
        (
            "values that don't change in loops inside each other",
            module(1, |f| {
                (0..n).for_each(|_| emit(f, [Loop(BlockType::Empty)]));
                (0..4 * n).for_each(|i| emit(f, [LocalGet(0), I32Const(i as i32 * 77), I32Mul, GlobalSet(0)]));
                (0..n).for_each(|_| emit(f, [GlobalGet(0), I32Const(1), I32Eq, BrIf(0), End]));
            }),
        ),
        (
            "vectors in many locals, and stop points",
            with_vectors(LOCALS / 4, |f| {
                (1..LOCALS / 4).for_each(|i| emit(f, [LocalGet(0), I32x4Splat, LocalSet(i)]));
                (0..n).for_each(|i| {
                    emit(
                        f,
                        [
                            LocalGet(1 + i),
                            LocalGet(2 + i),
                            I64x2Add,
                            LocalTee(1 + i),
                            I32x4ExtractLane(3),
                            GlobalSet(0),
                        ],
                    )
                });
            }),
        ),
        (
            "vectors that live across branches",
            with_vectors(2 * n, |f| {
                (1..=2 * n).for_each(|i| emit(f, [I32Const(i as i32 % 2048 * 16), V128Load(at(0)), LocalSet(i)]));
                (0..4 * n).for_each(|_| emit(f, [Block(BlockType::Empty), LocalGet(0), BrIf(0), End]));
                (1..2 * n).for_each(|i| emit(f, [LocalGet(i), LocalGet(i + 1), V128Xor, LocalSet(i + 1)]));
                emit(f, [LocalGet(2 * n), V128AnyTrue, GlobalSet(0)]);
            }),
        ),
        (
            "loops inside each other, around vectors that change",
            with_vectors(2 * n, |f| {
                emit(f, [LocalGet(0), I32Const(1), I32ShrU, LocalSet(0)]);
                (0..n).for_each(|_| emit(f, [Loop(BlockType::Empty)]));
                (1..=2 * n).for_each(|i| emit(f, [LocalGet(i), LocalGet(0), I8x16Splat, I16x8Add, LocalSet(i)]));
                emit(f, [LocalGet(0), I32Const(1), I32ShrU, LocalSet(0)]);
                (0..n).for_each(|_| emit(f, [LocalGet(0), BrIf(0), End]));
                (1..=2 * n)
                    .for_each(|i| emit(f, [LocalGet(i), I32x4ExtractLane(1), GlobalGet(0), I32Add, GlobalSet(0)]));
            }),
        ),
        (
            "products of 128 bits",
            module(0, |f| {
                emit(f, [I64Const(-3), I64Const(5)]);
                (0..16 * n).for_each(|_| emit(f, [I64MulWideS]));
                emit(f, [I64Xor, I32WrapI64, GlobalSet(0)]);
            }),
        ),
        (
            "atomic additions",
            module(0, |f| {
                (0..8 * n).for_each(|i| {
                    emit(f, [I32Const(i as i32 % 4096 * 4), LocalGet(0), I32AtomicRmwAdd(at(0)), GlobalSet(0)])
                });
            }),
        ),
        (
            "branches that meet",
            module(0, |f| {
                emit(f, [Block(BlockType::Empty)]);
                (0..16 * n).for_each(|_| emit(f, [LocalGet(0), I32Eqz, BrIf(0)]));
                emit(f, [End]);
            }),
        ),
        (
            "branches with values that meet",
            module(0, |f| {
                emit(f, [Block(BlockType::Result(ValType::I32))]);
                (0..16 * n)
                    .for_each(|i| emit(f, [LocalGet(0), I32Const(i as i32), I32Sub, LocalGet(0), BrIf(0), Drop]));
                emit(f, [I32Const(0), End, GlobalSet(0)]);
            }),
        ),
        (
            "casts with values that meet",
            with_all(
                (1, ANY),
                |f| {
                    emit(f, [Block(BlockType::Result(ANY)), LocalGet(1)]);
                    let to = RefType { nullable: false, heap_type: STRUCTURE };
                    let cast = || BrOnCast { relative_depth: 0, from_ref_type: RefType::ANYREF, to_ref_type: to };
                    (0..8 * n).for_each(|_| emit(f, [cast(), Drop, LocalGet(1)]));
                    emit(f, [End, RefIsNull, GlobalSet(0)]);
                },
                Vec::new(),
            ),
        ),
        (
            "casts",
            with_all(
                (1, ANY),
                |f| {
                    emit(f, [LocalGet(1)]);
                    (0..16 * n).for_each(|_| emit(f, [RefCastNullable(STRUCTURE)]));
                    emit(f, [RefIsNull, GlobalSet(0)]);
                },
                Vec::new(),
            ),
        ),
        (
            "blocks that catch one tag, inside each other",
            module(0, |f| {
                let clause = || vec![Clause::One { tag: 0, label: 0 }].into();
                (0..8 * n).for_each(|_| {
                    emit(f, [Block(BlockType::Result(ValType::I32)), TryTable(BlockType::Empty, clause())])
                });
                emit(f, [LocalGet(0), Throw(0)]);
                (0..8 * n).for_each(|_| emit(f, [End, Unreachable, End, GlobalSet(0)]));
            }),
        ),
        (
            "tail calls",
            module(0, |f| {
                (0..4 * n).for_each(|_| emit(f, [LocalGet(0), If(BlockType::Empty), I32Const(0), ReturnCall(0), End]));
            }),
        ),
    ]
}
