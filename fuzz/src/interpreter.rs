//! A plain interpreter of a case that can be stopped at each operator, and whose frames can be changed there as the debugger
//! changes those of machine code. What operators compute is said by the interpreter that the library's tests use.
//!
//! It takes over an instance's memories, tables and globals as they are after instantiation. Values are words, narrow ones
//! zero-extended; a function is its index plus one, a host value its number plus one, null 0.
//!
//! Which bits the NaN of a computation has isn't said by the specification: here it is one of which nothing else knows, so that
//! it is found when its bits would be seen.

use crate::case::{Case, MEMORY_LIMIT, TABLE_LIMIT};
use pellucid::base::{FuncIndex, GlobalIndex, MemoryIndex, RefType, TableIndex, TrapCode, TypeIndex, ValType, WasmPc};
use pellucid::wasm::{ConstEnvironment, ConstExpr, ConstOp, ElementItems, ElementMode};
use std::rc::Rc;
use wasmparser::{
    BlockType, FrameKind, FuncValidatorAllocations, MemArg, Operator, Parser, ValidPayload, Validator, WasmFeatures,
};

#[expect(dead_code, reason = "only its operators are used")]
#[path = "../../tests/reference/mod.rs"]
mod reference;

const PAGE: u64 = 1 << 16;

/// What a computation's NaN is.
const SOME_NAN_32: u32 = 0x7fc0_51de;
const SOME_NAN_64: u64 = 0x7ff8_0000_51de_51de;

/// Frames that there may be: fewer than a stack has room for in any form, mostly.
const MOST_FRAMES: usize = 400;

/// What a branch to a label does.
#[derive(Debug)]
struct Label {
    target: usize,
    arity: usize,
    height: usize,
    parent: usize,
}

/// A function, with what validation says of each operator.
struct Body {
    local_types: Vec<ValType>,
    pcs: Vec<u32>,
    /// The innermost label.
    within: Vec<usize>,
    /// The types of the operands before it; none where control flow can't come.
    types: Vec<Option<Vec<ValType>>>,
    labels: Vec<Label>,
    /// For `if`: behind its `else`; for `block`, `if` and `else`: behind the `end`.
    elses: Vec<usize>,
    ends: Vec<usize>,
}

/// A function's frame. The callee of one that isn't the innermost was called by the operator that it is at.
#[derive(Clone, Debug)]
pub struct Frame {
    pub func: u32,
    at: usize,
    pub locals: Vec<u64>,
    pub operands: Vec<u64>,
}

/// Where the interpreter stopped.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// Before an operator.
    Operator,
    /// It waits for the answer of a host function.
    Host {
        import: usize,
        args: Vec<u64>,
    },
    Returned(Vec<u64>),
    Trapped {
        code: TrapCode,
        backtrace: Vec<(u32, u32)>,
    },
    /// It has run for too long, or for too many frames, or the bits of a computation's NaN were about to be seen.
    GivesUp(&'static str),
}

/// Whether the debugger was told of the operator that a call is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    No,
    Step,
    /// Of all that there may be to tell.
    All,
}

/// Why no operator follows.
enum Halt {
    Trap(TrapCode),
    GiveUp(&'static str),
}

/// A module's instance, and what it runs.
pub struct Interpreter {
    case: Rc<Case>,
    bodies: Vec<Body>,
    operators: reference::Interpreter<'static, 'static>,
    pub memories: Vec<Vec<u8>>,
    pub tables: Vec<Vec<u64>>,
    pub globals: Vec<u64>,
    data: Vec<Vec<u8>>,
    elements: Vec<Vec<u64>>,
    /// The outermost first.
    pub frames: Vec<Frame>,
    told: Told,
    /// What a host function has answered that has taken the place of the only frame.
    returned: Option<Vec<u64>>,
    /// How many operators it may still execute.
    patience: u64,
}

/// What constant expressions refer to.
struct Globals<'a>(&'a [u64]);

impl ConstEnvironment for Globals<'_> {
    fn global(&self, global: GlobalIndex) -> u128 {
        self.0[global.as_u32() as usize].into()
    }

    fn func(&self, func: FuncIndex) -> u64 {
        u64::from(func.as_u32()) + 1
    }

    fn object(&self, op: ConstOp, _: &[u128], _: &[u128]) -> pellucid::base::Result<u32> {
        unreachable!("modules of this generator don't make objects: {op:?}")
    }
}

impl Interpreter {
    /// With nothing in memories, tables and globals yet.
    pub fn new(case: &Rc<Case>) -> Interpreter {
        let info = &case.info;
        let elements = info.elements.values().map(|segment| match (&segment.mode, &segment.items) {
            (ElementMode::Passive, ElementItems::Funcs(funcs)) => {
                funcs.iter().map(|func| u64::from(func.as_u32()) + 1).collect()
            }
            // Filled in once globals are known.
            _ => Vec::new(),
        });
        let data = info.data.values().map(|segment| match segment.active {
            None => info.bytes[segment.range.clone()].to_vec(),
            Some(_) => Vec::new(),
        });
        Interpreter {
            bodies: bodies(case),
            operators: reference::Interpreter::new(b"\0asm\x01\0\0\0", Vec::new()),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            data: data.collect(),
            elements: elements.collect(),
            frames: Vec::new(),
            told: Told::No,
            returned: None,
            patience: 0,
            case: case.clone(),
        }
    }

    /// Evaluates the passive segments whose elements are expressions; the globals are as after instantiation.
    pub fn fill_elements(&mut self) {
        for (place, segment) in self.case.info.elements.values().enumerate() {
            if let (ElementMode::Passive, ElementItems::Exprs(exprs)) = (&segment.mode, &segment.items) {
                let bits =
                    |expr: &ConstExpr| expr.evaluate(&Globals(&self.globals)).expect("no objects are made") as u64;
                self.elements[place] = exprs.iter().map(bits).collect();
            }
        }
    }

    /// Begins a call.
    pub fn begin(&mut self, func: u32, args: Vec<u64>, patience: u64) {
        self.frames.clear();
        self.returned = None;
        self.told = Told::No;
        self.patience = patience;
        self.enter(func, args);
    }

    fn enter(&mut self, func: u32, mut locals: Vec<u64>) {
        locals.resize(self.local_types(func).len(), 0);
        self.frames.push(Frame { func, at: 0, locals, operands: Vec::new() });
    }

    /// The types of a function's locals.
    pub fn local_types(&self, func: u32) -> &[ValType] {
        &self.body(func).local_types
    }

    fn body_index(&self, func: u32) -> Option<usize> {
        func.checked_sub(self.case.info.imported_funcs).map(|body| body as usize)
    }

    fn body(&self, func: u32) -> &Body {
        &self.bodies[self.body_index(func).expect("it isn't imported")]
    }

    /// The operator that a frame is at.
    pub fn pc(&self, frame: usize) -> u32 {
        let frame = &self.frames[frame];
        self.body(frame.func).pcs[frame.at]
    }

    /// The types of a frame's operands.
    pub fn operand_types(&self, frame: usize) -> Vec<ValType> {
        let frame = &self.frames[frame];
        let types = self.body(frame.func).types[frame.at].clone().expect("it has come there");
        // One that waits has given the arguments away.
        types[..frame.operands.len()].to_vec()
    }

    /// The operators of a function, with the types of the operands before each if it can be reached.
    pub fn operators(&self, func: u32) -> impl Iterator<Item = (u32, Option<&[ValType]>)> {
        let body = self.body(func);
        body.pcs.iter().copied().zip(body.types.iter().map(|types| types.as_deref()))
    }

    /// Has a frame be the innermost, before the operator at `pc`, with these operands. It has come there by that: nothing more is told of it.
    pub fn move_to(&mut self, frame: usize, pc: u32, operands: Vec<u64>) {
        self.frames.truncate(frame + 1);
        let at = self.body(self.frames[frame].func).pcs.binary_search(&pc).expect("an operator's pc");
        self.frames[frame].at = at;
        self.frames[frame].operands = operands;
        self.told = Told::All;
    }

    /// Has a frame return.
    pub fn return_early(&mut self, frame: usize, results: Vec<u64>) {
        let end = *self.body(self.frames[frame].func).pcs.last().expect("its end");
        self.move_to(frame, end, results);
    }

    /// Has a frame begin again.
    pub fn restart(&mut self, frame: usize) {
        let func = self.frames[frame].func;
        let first = self.body(func).pcs[0];
        let params = self.case.func_type(func).params.len();
        self.frames[frame].locals[params..].fill(0);
        self.move_to(frame, first, Vec::new());
    }

    /// Drops a frame that another has called: that one stands before the call. False, and nothing changed, if the call leads to
    /// another function, or if the table that it was called through doesn't have its function any more.
    pub fn drop_frame(&mut self, frame: usize) -> bool {
        let caller = frame - 1;
        let func = self.frames[frame].func;
        let mut operands = self.frames[caller].operands.clone();
        operands.extend_from_slice(&self.frames[frame].locals[..self.case.func_type(func).params.len()]);
        let pc = self.pc(caller);
        match self.case.info.operator_at(WasmPc(pc)) {
            Operator::Call { function_index } if function_index == func => {}
            Operator::CallIndirect { table_index, type_index }
                if **self.case.info.func_type_at(TypeIndex::from_u32(type_index)) == *self.case.func_type(func) =>
            {
                let table = &self.tables[table_index as usize];
                let Some(element) = table.iter().position(|element| *element == u64::from(func) + 1) else {
                    return false;
                };
                operands.push(element as u64);
            }
            _ => return false,
        }
        self.move_to(caller, pc, operands);
        true
    }

    /// Runs until there is something to tell: `is_break` says at which pcs there is, `steps` that there is at each.
    pub fn run(&mut self, steps: bool, is_break: impl Fn(u32) -> bool) -> Stop {
        if let Some(results) = self.returned.take() {
            return Stop::Returned(results);
        }
        loop {
            let top = self.frames.len() - 1;
            let is_break = is_break(self.pc(top));
            match self.told {
                Told::No if is_break => {
                    self.told = Told::All;
                    return Stop::Operator;
                }
                Told::No if steps => {
                    self.told = Told::Step;
                    return Stop::Operator;
                }
                // A breakpoint that came where a step ended.
                Told::Step if is_break && !steps => {
                    self.told = Told::All;
                    return Stop::Operator;
                }
                _ => {}
            }
            if self.patience == 0 || self.frames.len() > MOST_FRAMES {
                return Stop::GivesUp("it takes too long");
            }
            self.patience -= 1;
            self.told = Told::No;
            match self.execute() {
                Ok(None) => {}
                Ok(Some(stop)) => return stop,
                Err(Halt::Trap(code)) => return self.trap(code),
                Err(Halt::GiveUp(why)) => return Stop::GivesUp(why),
            }
        }
    }

    /// The call ends here.
    pub fn trap(&self, code: TrapCode) -> Stop {
        let place = |frame: usize| (self.frames[frame].func, self.pc(frame));
        Stop::Trapped { code, backtrace: (0..self.frames.len()).rev().take(256).map(place).collect() }
    }

    /// The host function that the call waits for has answered.
    pub fn answer(&mut self, results: &[u64]) {
        match self.frames.last_mut() {
            Some(frame) => {
                frame.operands.extend_from_slice(results);
                frame.at += 1;
            }
            None => self.returned = Some(results.to_vec()),
        }
    }

    fn execute(&mut self) -> Result<Option<Stop>, Halt> {
        let case = self.case.clone();
        let top = self.frames.len() - 1;
        let Frame { func, at, .. } = self.frames[top];
        let body_index = self.body_index(func).expect("it isn't imported");
        let body = &self.bodies[body_index];
        let op = case.info.operator_at(WasmPc(body.pcs[at]));
        let frame = &mut self.frames[top];
        let stack = &mut frame.operands;
        frame.at += 1;
        let mut branch_to = None;
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::Nop => {}
            Operator::If { .. } => {
                if pop(stack) as u32 == 0 {
                    frame.at = body.elses[at];
                }
            }
            Operator::Else => frame.at = body.ends[at],
            Operator::End if frame.at == body.pcs.len() => return Ok(self.leave()),
            Operator::End => {}
            Operator::Br { relative_depth } => branch_to = Some(relative_depth),
            Operator::BrIf { relative_depth } => {
                branch_to = (pop(stack) as u32 != 0).then_some(relative_depth);
            }
            Operator::BrTable { targets } => {
                let choice = pop(stack) as u32 as usize;
                let target = targets.targets().nth(choice).map(|target| target.expect("it is valid"));
                branch_to = Some(target.unwrap_or(targets.default()));
            }
            Operator::Return => return Ok(self.leave()),
            Operator::Unreachable => {
                frame.at = at;
                return Err(Halt::Trap(TrapCode::Unreachable));
            }
            Operator::Call { function_index } => {
                // It waits there.
                frame.at = at;
                return Ok(self.call(function_index));
            }
            Operator::ReturnCall { function_index } => {
                frame.at = at;
                return Ok(self.tail_call(function_index));
            }
            Operator::CallIndirect { type_index, table_index }
            | Operator::ReturnCallIndirect { type_index, table_index } => {
                frame.at = at;
                let element = pop(stack) as usize;
                let callee = self.tables[table_index as usize].get(element).copied();
                let callee = callee.ok_or(Halt::Trap(TrapCode::UndefinedElement))?;
                let callee = callee.checked_sub(1).ok_or(Halt::Trap(TrapCode::UninitializedElement))? as u32;
                let wanted = case.info.func_type_at(TypeIndex::from_u32(type_index));
                if *case.func_type(callee) != **wanted {
                    return Err(Halt::Trap(TrapCode::IndirectCallTypeMismatch));
                }
                let is_tail = matches!(op, Operator::ReturnCallIndirect { .. });
                return Ok(if is_tail { self.tail_call(callee) } else { self.call(callee) });
            }
            Operator::LocalGet { local_index } => stack.push(frame.locals[local_index as usize]),
            Operator::LocalSet { local_index } => frame.locals[local_index as usize] = pop(stack),
            Operator::LocalTee { local_index } => {
                frame.locals[local_index as usize] = *stack.last().expect("it is valid");
            }
            other => {
                let mut stack = std::mem::take(&mut frame.operands);
                let done = self.simple(&other, &mut stack);
                let frame = &mut self.frames[top];
                frame.operands = stack;
                if done.is_err() {
                    frame.at = at;
                }
                done?;
            }
        }
        if let Some(relative) = branch_to {
            let body = &self.bodies[body_index];
            let mut label = body.within[at];
            for _ in 0..relative {
                label = body.labels[label].parent;
            }
            let Label { target, arity, height, .. } = body.labels[label];
            if target == body.pcs.len() {
                return Ok(self.leave());
            }
            let frame = &mut self.frames[top];
            let carried = frame.operands.len() - arity;
            frame.operands.drain(height..carried);
            frame.at = target;
        }
        Ok(None)
    }

    /// Returns from the innermost frame.
    fn leave(&mut self) -> Option<Stop> {
        let mut frame = self.frames.pop().expect("it runs");
        let count = self.case.func_type(frame.func).results.len();
        let results = frame.operands.split_off(frame.operands.len() - count);
        let Some(caller) = self.frames.last_mut() else { return Some(Stop::Returned(results)) };
        caller.operands.extend(results);
        caller.at += 1;
        None
    }

    /// Calls a function from where the innermost frame is.
    fn call(&mut self, func: u32) -> Option<Stop> {
        let params = self.case.func_type(func).params.len();
        let top = self.frames.last_mut().expect("it runs");
        let args = top.operands.split_off(top.operands.len() - params);
        if self.body_index(func).is_none() {
            return Some(Stop::Host { import: func as usize, args });
        }
        self.enter(func, args);
        None
    }

    /// Has a function take the place of the innermost frame.
    fn tail_call(&mut self, func: u32) -> Option<Stop> {
        let params = self.case.func_type(func).params.len();
        let mut top = self.frames.pop().expect("it runs");
        let args = top.operands.split_off(top.operands.len() - params);
        if self.body_index(func).is_none() {
            return Some(Stop::Host { import: func as usize, args });
        }
        self.enter(func, args);
        None
    }

    /// What has nothing to do with frames.
    fn simple(&mut self, op: &Operator<'_>, stack: &mut Vec<u64>) -> Result<(), Halt> {
        use Operator::*;
        if let Some((memory, is_store, bytes)) = access(op) {
            return self.access(op, memory, is_store, bytes, stack);
        }
        let memory_trap = || Halt::Trap(TrapCode::MemoryOutOfBounds);
        let table_trap = || Halt::Trap(TrapCode::TableOutOfBounds);
        match *op {
            GlobalGet { global_index } => stack.push(self.globals[global_index as usize]),
            GlobalSet { global_index } => self.globals[global_index as usize] = pop(stack),
            RefFunc { function_index } => stack.push(u64::from(function_index) + 1),
            MemorySize { mem } => stack.push(self.memories[mem as usize].len() as u64 / PAGE),
            MemoryGrow { mem } => {
                let delta = pop(stack);
                let grown = self.grow_memory(mem as usize, delta);
                let is_wide = self.case.info.memories[MemoryIndex::from_u32(mem)].is_64;
                stack.push(grown.map_or(minus_one(is_wide), u64::from));
            }
            MemoryFill { mem } => {
                let (count, byte, to) = (pop(stack), pop(stack), pop(stack));
                let memory = &mut self.memories[mem as usize];
                let range = range(memory.len(), to, count).ok_or_else(memory_trap)?;
                memory[range].fill(byte as u8);
            }
            MemoryCopy { dst_mem, src_mem } => {
                let (count, from, to) = (pop(stack), pop(stack), pop(stack));
                let source = range(self.memories[src_mem as usize].len(), from, count).ok_or_else(memory_trap)?;
                let target = range(self.memories[dst_mem as usize].len(), to, count).ok_or_else(memory_trap)?;
                let bytes = self.memories[src_mem as usize][source].to_vec();
                self.memories[dst_mem as usize][target].copy_from_slice(&bytes);
            }
            MemoryInit { data_index, mem } => {
                let (count, from, to) = (pop(stack), pop(stack), pop(stack));
                let data = &self.data[data_index as usize];
                let source = range(data.len(), from, count).ok_or_else(memory_trap)?;
                let memory = &mut self.memories[mem as usize];
                let target = range(memory.len(), to, count).ok_or_else(memory_trap)?;
                memory[target].copy_from_slice(&data[source]);
            }
            DataDrop { data_index } => self.data[data_index as usize].clear(),
            TableSize { table } => stack.push(self.tables[table as usize].len() as u64),
            TableGet { table } => {
                let element = pop(stack) as usize;
                stack.push(*self.tables[table as usize].get(element).ok_or_else(table_trap)?);
            }
            TableSet { table } => {
                let (value, element) = (pop(stack), pop(stack) as usize);
                *self.tables[table as usize].get_mut(element).ok_or_else(table_trap)? = value;
            }
            TableGrow { table } => {
                let (delta, value) = (pop(stack), pop(stack));
                let ty = &self.case.info.tables[TableIndex::from_u32(table)];
                let elements = &mut self.tables[table as usize];
                let old = elements.len() as u64;
                if old.saturating_add(delta) > ty.maximum.unwrap_or(u64::MAX).min(TABLE_LIMIT) {
                    stack.push(minus_one(ty.is_64));
                } else {
                    elements.resize((old + delta) as usize, value);
                    stack.push(old);
                }
            }
            TableFill { table } => {
                let (count, value, to) = (pop(stack), pop(stack), pop(stack));
                let elements = &mut self.tables[table as usize];
                let range = range(elements.len(), to, count).ok_or_else(table_trap)?;
                elements[range].fill(value);
            }
            TableCopy { dst_table, src_table } => {
                let (count, from, to) = (pop(stack), pop(stack), pop(stack));
                let source = range(self.tables[src_table as usize].len(), from, count).ok_or_else(table_trap)?;
                let target = range(self.tables[dst_table as usize].len(), to, count).ok_or_else(table_trap)?;
                let elements = self.tables[src_table as usize][source].to_vec();
                self.tables[dst_table as usize][target].copy_from_slice(&elements);
            }
            TableInit { elem_index, table } => {
                let (count, from, to) = (pop(stack), pop(stack), pop(stack));
                let segment = &self.elements[elem_index as usize];
                let source = range(segment.len(), from, count).ok_or_else(table_trap)?;
                let elements = &mut self.tables[table as usize];
                let target = range(elements.len(), to, count).ok_or_else(table_trap)?;
                elements[target].copy_from_slice(&segment[source]);
            }
            ElemDrop { elem_index } => self.elements[elem_index as usize].clear(),
            I32ReinterpretF32 if is_some_nan_32(*stack.last().expect("it is valid")) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            I64ReinterpretF64 if is_some_nan_64(*stack.last().expect("it is valid")) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            // Its sign is one of its bits.
            F32Copysign if is_some_nan_32(*stack.last().expect("it is valid")) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            F64Copysign if is_some_nan_64(*stack.last().expect("it is valid")) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            _ => {
                self.operators.simple(op, stack).map_err(|words| Halt::Trap(trap_code(words)))?;
                match computed(op) {
                    Some(4) => {
                        let top = stack.last_mut().expect("it has computed something");
                        if f32::from_bits(*top as u32).is_nan() {
                            *top = u64::from(SOME_NAN_32);
                        }
                    }
                    Some(_) => {
                        let top = stack.last_mut().expect("it has computed something");
                        if f64::from_bits(*top).is_nan() {
                            *top = SOME_NAN_64;
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Grows a memory, if it can be; answers its old size.
    pub fn grow_memory(&mut self, memory: usize, delta: u64) -> Option<u32> {
        let maximum = self.case.info.memories[MemoryIndex::from_u32(memory as u32)].maximum;
        let bytes = &mut self.memories[memory];
        let old = bytes.len() as u64 / PAGE;
        let can = old.saturating_add(delta) <= maximum.unwrap_or(u64::MAX).min(MEMORY_LIMIT / PAGE);
        can.then(|| {
            bytes.resize(((old + delta) * PAGE) as usize, 0);
            old as u32
        })
    }

    /// A load or a store, by the other interpreter, on the bytes that it is about.
    fn access(
        &mut self,
        op: &Operator<'_>,
        memarg: MemArg,
        is_store: bool,
        count: u64,
        stack: &mut Vec<u64>,
    ) -> Result<(), Halt> {
        let value = if is_store { Some(pop(stack)) } else { None };
        let start = pop(stack).checked_add(memarg.offset).ok_or(Halt::Trap(TrapCode::MemoryOutOfBounds))?;
        let memory = &mut self.memories[memory_of(&memarg)];
        let range = range(memory.len(), start, count).ok_or(Halt::Trap(TrapCode::MemoryOutOfBounds))?;
        let mut bytes = [0; 8];
        bytes[..count as usize].copy_from_slice(&memory[range.clone()]);
        let word = u64::from_le_bytes(bytes);
        use Operator::*;
        match (op, value) {
            (F32Store { .. }, Some(value)) if is_some_nan_32(value) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            (F64Store { .. }, Some(value)) if is_some_nan_64(value) => {
                return Err(Halt::GiveUp("a NaN's bits would be seen"));
            }
            (_, Some(value)) => memory[range].copy_from_slice(&value.to_le_bytes()[..count as usize]),
            (_, None) => stack.push(match op {
                I32Load8S { .. } => word as i8 as i32 as u32 as u64,
                I32Load16S { .. } => word as i16 as i32 as u32 as u64,
                I64Load8S { .. } => word as i8 as i64 as u64,
                I64Load16S { .. } => word as i16 as i64 as u64,
                I64Load32S { .. } => word as i32 as i64 as u64,
                _ => word,
            }),
        }
        Ok(())
    }
}

/// What growing answers where it can't be done.
fn minus_one(is_wide: bool) -> u64 {
    if is_wide { u64::MAX } else { u64::from(u32::MAX) }
}

fn pop(stack: &mut Vec<u64>) -> u64 {
    stack.pop().expect("it is valid")
}

fn range(length: usize, start: u64, count: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(count).filter(|end| *end <= length as u64)?;
    Some(start as usize..end as usize)
}

fn is_some_nan_32(bits: u64) -> bool {
    bits as u32 & 0x7fff_ffff == SOME_NAN_32
}

fn is_some_nan_64(bits: u64) -> bool {
    bits & (u64::MAX >> 1) == SOME_NAN_64
}

fn memory_of(memarg: &MemArg) -> usize {
    match memarg.target {
        wasmparser::MemArgTarget::Memory(memory) => memory as usize,
        _ => unreachable!("a memory is accessed"),
    }
}

/// What an operator accesses, whether it stores, and how many bytes.
fn access(op: &Operator<'_>) -> Option<(MemArg, bool, u64)> {
    use Operator::*;
    Some(match *op {
        I32Load8S { memarg } | I32Load8U { memarg } | I64Load8S { memarg } | I64Load8U { memarg } => (memarg, false, 1),
        I32Load16S { memarg } | I32Load16U { memarg } | I64Load16S { memarg } | I64Load16U { memarg } => {
            (memarg, false, 2)
        }
        I32Load { memarg } | F32Load { memarg } | I64Load32S { memarg } | I64Load32U { memarg } => (memarg, false, 4),
        I64Load { memarg } | F64Load { memarg } => (memarg, false, 8),
        I32Store8 { memarg } | I64Store8 { memarg } => (memarg, true, 1),
        I32Store16 { memarg } | I64Store16 { memarg } => (memarg, true, 2),
        I32Store { memarg } | F32Store { memarg } | I64Store32 { memarg } => (memarg, true, 4),
        I64Store { memarg } | F64Store { memarg } => (memarg, true, 8),
        _ => return None,
    })
}

/// How many bytes the float has that an operator computes, if which NaN it is isn't said.
fn computed(op: &Operator<'_>) -> Option<u32> {
    use Operator::*;
    match op {
        F32Add | F32Sub | F32Mul | F32Div | F32Min | F32Max | F32Ceil | F32Floor | F32Trunc | F32Nearest | F32Sqrt
        | F32DemoteF64 => Some(4),
        F64Add | F64Sub | F64Mul | F64Div | F64Min | F64Max | F64Ceil | F64Floor | F64Trunc | F64Nearest | F64Sqrt
        | F64PromoteF32 => Some(8),
        _ => None,
    }
}

fn trap_code(words: &str) -> TrapCode {
    let all = (0..=u8::MAX).filter_map(TrapCode::from_u8);
    all.into_iter().find(|code| code.message() == words).unwrap_or_else(|| panic!("there is no trap {words:?}"))
}

fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::EXTERNREF => ValType::Ref(RefType::EXTERN),
        // Validation knows more of it than that.
        wasmparser::ValType::Ref(_) => ValType::Ref(RefType::FUNC),
        other => panic!("no case has {other}"),
    }
}

/// All functions, as validation sees them.
fn bodies(case: &Case) -> Vec<Body> {
    let features = WasmFeatures::WASM2
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::MEMORY64;
    let mut validator = Validator::new_with_features(features);
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(&case.bytes) {
        let payload = payload.expect("it is valid");
        if let ValidPayload::Func(func, body) = validator.payload(&payload).expect("it is valid") {
            bodies.push(validated(case, func.into_validator(FuncValidatorAllocations::default()), &body));
        }
    }
    bodies
}

fn validated(
    case: &Case,
    mut validator: wasmparser::FuncValidator<wasmparser::ValidatorResources>,
    body: &wasmparser::FunctionBody<'_>,
) -> Body {
    let mut locals = body.get_binary_reader();
    validator.read_locals(&mut locals).expect("it is valid");
    let func = validator.index();
    let local_types = (0..validator.len_locals()).map(|local| val_type(validator.get_local_type(local).expect("its")));
    let mut this = Body {
        local_types: local_types.collect(),
        pcs: Vec::new(),
        within: Vec::new(),
        types: Vec::new(),
        labels: vec![Label { target: usize::MAX, arity: case.func_type(func).results.len(), height: 0, parent: 0 }],
        elses: Vec::new(),
        ends: Vec::new(),
    };
    // The labels that are open, with where each began and where its `else` is.
    let mut open: Vec<(usize, Option<usize>, Option<usize>)> = vec![(0, None, None)];
    let operators = body.get_operators_reader().expect("it is valid");
    for (at, operator) in operators.into_iter_with_offsets().enumerate() {
        let (operator, offset) = operator.expect("it is valid");
        this.pcs.push(offset as u32);
        this.elses.push(0);
        this.ends.push(0);
        this.within.push(open.last().expect("the function's").0);
        let control = validator.get_control_frame(0).expect("the function's");
        let height = validator.operand_stack_height() as usize;
        let ty = |depth: usize| validator.get_operand_type(depth).flatten().map(val_type);
        let types: Option<Vec<ValType>> = (0..height).rev().map(ty).collect();
        this.types.push(types.filter(|_| !control.unreachable));
        validator.op(offset, &operator).expect("it is valid");
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let control = validator.get_control_frame(0).expect("it was opened");
                let is_loop = control.kind == FrameKind::Loop;
                let (params, results) = arity(case, blockty);
                let label = Label {
                    target: if is_loop { at + 1 } else { usize::MAX },
                    arity: if is_loop { params } else { results },
                    height: control.height,
                    parent: open.last().expect("the function's").0,
                };
                this.labels.push(label);
                open.push((this.labels.len() - 1, Some(at), None));
            }
            Operator::Else => {
                let innermost = open.last_mut().expect("its if");
                this.elses[innermost.1.expect("its if")] = at + 1;
                innermost.2 = Some(at);
            }
            Operator::End => {
                let (label, start, otherwise) = open.pop().expect("what it ends");
                if this.labels[label].target == usize::MAX {
                    this.labels[label].target = at + 1;
                }
                for place in start.into_iter().chain(otherwise) {
                    this.ends[place] = at + 1;
                }
                // Without an `else`, a condition that is false leads behind the end.
                if let (Some(start), None) = (start, otherwise) {
                    this.elses[start] = at + 1;
                }
            }
            _ => {}
        }
    }
    // Whoever returns early stands there with the results, also where no operator leads.
    *this.types.last_mut().expect("a body ends") = Some(case.func_type(func).results.to_vec());
    this
}

/// How many parameters and results a block has.
fn arity(case: &Case, ty: BlockType) -> (usize, usize) {
    match ty {
        BlockType::Empty => (0, 0),
        BlockType::Type(_) => (0, 1),
        BlockType::FuncType(index) => {
            let ty = case.info.func_type_at(TypeIndex::from_u32(index));
            (ty.params.len(), ty.results.len())
        }
    }
}
