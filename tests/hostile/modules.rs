//! Modules that are hard to compile; the bench measures them, too.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    Instruction, MemArg, MemArgTarget, MemorySection, MemoryType, Module as Encoder, TypeSection, ValType,
};

/// Locals that a function has beside its parameter; more aren't valid.
const LOCALS: u32 = 49_999;

/// A module with one function `f: [i32] -> []`, with so many locals.
fn module(locals: u32, body: impl FnOnce(&mut Function)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0).export("g", ExportKind::Global, 0).export("m", ExportKind::Memory, 0);
    let mut function = Function::new([(locals, ValType::I32)]);
    body(&mut function);
    function.instruction(&Instruction::End);
    let mut codes = CodeSection::new();
    codes.function(&function);
    let mut encoder = Encoder::new();
    encoder.section(&types).section(&functions).section(&memories).section(&globals).section(&exports).section(&codes);
    encoder.finish()
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
    ]
}
