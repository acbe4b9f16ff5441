//! Modules made for measuring the debugger's operations.

use std::borrow::Cow;
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemArg, MemArgTarget,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasmparser::{Operator, Parser, Payload};

/// A module of at least this many operators, in functions of some three hundred, each of which calls the next but
/// for every eighth. `run(x)` calls the first.
pub fn module(operators: usize) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut total = 0;
    let mut random = 1u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 10) % below
    };
    for index in 0u32.. {
        if total >= operators {
            break;
        }
        let mut body = Function::new([(5, ValType::I32)]);
        let mut emit = |instruction: Instruction<'_>| {
            body.instruction(&instruction);
            total += 1;
        };
        for statement in 0..30 {
            let (from, to) = (next(6), 1 + next(5));
            let place =
                MemArg { offset: u64::from(next(1000) * 4), align: 2, target: MemArgTarget::Memory(0), ordering: None };
            match next(4) {
                0 => {
                    emit(Instruction::LocalGet(from));
                    emit(Instruction::I32Const(next(1000) as i32));
                    emit(Instruction::I32Mul);
                    emit(Instruction::LocalGet(to));
                    emit(Instruction::I32Xor);
                    emit(Instruction::LocalSet(to));
                }
                1 => {
                    emit(Instruction::I32Const(0));
                    emit(Instruction::LocalGet(from));
                    emit(Instruction::LocalGet(to));
                    emit(Instruction::I32Add);
                    emit(Instruction::I32Store(place));
                }
                2 => {
                    emit(Instruction::I32Const(0));
                    emit(Instruction::I32Load(place));
                    emit(Instruction::LocalGet(from));
                    emit(Instruction::I32Sub);
                    emit(Instruction::LocalSet(to));
                }
                _ => {
                    emit(Instruction::LocalGet(from));
                    emit(Instruction::I32Const(1));
                    emit(Instruction::I32And);
                    emit(Instruction::If(BlockType::Empty));
                    emit(Instruction::LocalGet(to));
                    emit(Instruction::LocalGet(from));
                    emit(Instruction::I32ShrU);
                    emit(Instruction::LocalSet(to));
                    emit(Instruction::Else);
                    emit(Instruction::LocalGet(0));
                    emit(Instruction::LocalSet(to));
                    emit(Instruction::End);
                }
            }
            if statement == 20 && index % 8 != 7 {
                emit(Instruction::LocalGet(to));
                emit(Instruction::Call(index + 1));
                emit(Instruction::LocalSet(1));
            }
        }
        emit(Instruction::LocalGet(1));
        emit(Instruction::End);
        functions.function(0);
        code.function(&body);
    }
    // The last one calls too.
    let mut last = Function::new([]);
    last.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::End);
    functions.function(0);
    code.function(&last);
    let mut memories = MemorySection::new();
    let ty = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(ty);
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// The operators of each function that a module defines, with their offsets in the module's bytes.
pub fn operators(bytes: &[u8]) -> Vec<Vec<(u32, Operator<'_>)>> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let reader = body.get_operators_reader().unwrap();
            let all = reader.into_iter_with_offsets().map(|operator| operator.unwrap());
            functions.push(all.map(|(operator, offset)| (offset as u32, operator)).collect());
        }
    }
    functions
}

/// Pcs all over a module: every operator at a fixed distance.
pub fn spread(bytes: &[u8], count: usize) -> Vec<u32> {
    let all: Vec<u32> = operators(bytes).iter().flatten().map(|(pc, _)| *pc).collect();
    all.iter().copied().step_by(all.len() / count).take(count).collect()
}

/// A loop with a breakpoint's worth of work, and a recursion with five locals and a loop at its bottom.
///
/// Exports `count(n)`, which counts down, and `descend(depth, n)`, whose frames each have the five locals: depth, n,
/// depth * 3, depth << 32 | n, and depth / 2 as a double.
pub fn scenes() -> Vec<u8> {
    let text: Cow<'_, str> = include_str!("scenes.wat").into();
    wat::parse_str(text).unwrap()
}
