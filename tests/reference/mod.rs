//! A plain interpreter of Wasm, one operator at a time: what the tests hold machine code and debugger against.
//!
//! It shares nothing with the library but the parser of operators. It interprets one module, whose imports are
//! functions of the test's, and shows the state before every operator. Values are raw bits, narrow ones
//! zero-extended; a `funcref` is the function's index plus one.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use wasmparser::{
    BlockType, CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind, MemArg, MemArgTarget, Operator,
    OperatorsReader, Parser, Payload, TypeRef, ValType,
};

const PAGE: usize = 65536;

/// The state before an operator.
pub struct Step<'a> {
    pub func: u32,
    pub pc: u32,
    pub locals: &'a [u64],
    pub operands: &'a [u64],
}

/// A host function: the interpreter's memory, the arguments, and the results.
pub type Host<'a> = Box<dyn FnMut(&mut Vec<u8>, &[u64]) -> Vec<u64> + 'a>;
/// Sees every step.
pub type Watch<'a> = Box<dyn FnMut(Step<'_>) + 'a>;
/// The specification's words for a trap.
pub type Trap = &'static str;

#[derive(Clone, Default)]
struct Type {
    params: usize,
    results: usize,
    /// Parameters, then results.
    types: Vec<ValType>,
}

struct Body<'m> {
    extra_locals: usize,
    ops: Vec<(u32, Operator<'m>)>,
    /// For `block`, `if`, `else`: where the matching `end` is; for `if` also where its `else` is.
    ends: HashMap<usize, usize>,
    elses: HashMap<usize, usize>,
}

/// A module with its one instance.
pub struct Interpreter<'m, 'h> {
    types: Vec<Type>,
    funcs: Vec<usize>,
    bodies: Vec<Body<'m>>,
    imports: Vec<Host<'h>>,
    exports: HashMap<String, u32>,
    pub memory: Vec<u8>,
    max_pages: usize,
    tables: Vec<Vec<u64>>,
    pub globals: Vec<u64>,
    watch: Option<Watch<'h>>,
    /// At a step: how many calls lie beneath its own.
    pub depth: Rc<Cell<u32>>,
}

struct Label {
    /// Where a branch continues.
    target: usize,
    arity: usize,
    height: usize,
}

impl<'m, 'h> Interpreter<'m, 'h> {
    /// Instantiates a module. `imports` are its imported functions in order.
    pub fn new(bytes: &'m [u8], imports: Vec<Host<'h>>) -> Interpreter<'m, 'h> {
        let mut this = Interpreter {
            types: Vec::new(),
            funcs: Vec::new(),
            bodies: Vec::new(),
            imports,
            exports: HashMap::new(),
            memory: Vec::new(),
            max_pages: 65536,
            tables: Vec::new(),
            globals: Vec::new(),
            watch: None,
            depth: Rc::default(),
        };
        for payload in Parser::new(0).parse_all(bytes) {
            this.section(payload.unwrap());
        }
        this
    }

    pub fn set_watch(&mut self, watch: Option<Watch<'h>>) {
        self.watch = watch;
    }

    /// Calls an export.
    pub fn call(&mut self, name: &str, args: &[u64]) -> Result<Vec<u64>, Trap> {
        self.run(self.exports[name], args.to_vec(), 0)
    }

    fn section(&mut self, payload: Payload<'m>) {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.unwrap().into_types() {
                        let CompositeInnerType::Func(func) = &ty.composite_type.inner else { panic!("not a function") };
                        self.types.push(Type {
                            params: func.params().len(),
                            results: func.results().len(),
                            types: func.params().iter().chain(func.results()).copied().collect(),
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let TypeRef::Func(ty) = import.unwrap().ty else { panic!("only functions are imported") };
                    self.funcs.push(ty as usize);
                }
            }
            Payload::FunctionSection(section) => {
                self.funcs.extend(section.into_iter().map(|ty| ty.unwrap() as usize));
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(vec![0; table.unwrap().ty.initial as usize]);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.unwrap();
                    self.memory = vec![0; memory.initial as usize * PAGE];
                    self.max_pages = memory.maximum.unwrap_or(65536) as usize;
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let value = self.constant(global.unwrap().init_expr.get_operators_reader());
                    self.globals.push(value);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    if export.kind == ExternalKind::Func {
                        self.exports.insert(export.name.to_string(), export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.unwrap();
                    let values: Vec<u64> = match element.items {
                        ElementItems::Functions(funcs) => {
                            funcs.into_iter().map(|f| u64::from(f.unwrap()) + 1).collect()
                        }
                        ElementItems::Expressions(_, exprs) => {
                            exprs.into_iter().map(|expr| self.constant(expr.unwrap().get_operators_reader())).collect()
                        }
                    };
                    if let ElementKind::Active { table_index, offset_expr } = element.kind {
                        let at = self.constant(offset_expr.get_operators_reader()) as usize;
                        self.tables[table_index.unwrap_or(0) as usize][at..at + values.len()].copy_from_slice(&values);
                    }
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.unwrap();
                    if let DataKind::Active { offset_expr, .. } = data.kind {
                        let at = self.constant(offset_expr.get_operators_reader()) as usize;
                        self.memory[at..at + data.data.len()].copy_from_slice(data.data);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let extra = body.get_locals_reader().unwrap().into_iter().map(|l| l.unwrap().0 as usize).sum();
                let reader = body.get_operators_reader().unwrap();
                let ops: Vec<_> =
                    reader.into_iter_with_offsets().map(|op| op.map(|(op, pc)| (pc as u32, op)).unwrap()).collect();
                let (mut ends, mut elses, mut open) = (HashMap::new(), HashMap::new(), Vec::new());
                for (place, (_, op)) in ops.iter().enumerate() {
                    match op {
                        Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open.push(vec![place]),
                        Operator::Else => {
                            let frame = open.last_mut().unwrap();
                            elses.insert(frame[0], place);
                            frame.push(place);
                        }
                        Operator::End => {
                            for start in open.pop().into_iter().flatten() {
                                ends.insert(start, place);
                            }
                        }
                        _ => {}
                    }
                }
                self.bodies.push(Body { extra_locals: extra, ops, ends, elses });
            }
            _ => {}
        }
    }

    fn constant(&self, reader: OperatorsReader<'_>) -> u64 {
        let mut stack = Vec::new();
        for op in reader {
            match op.unwrap() {
                Operator::I32Const { value } => stack.push(u64::from(value as u32)),
                Operator::I64Const { value } => stack.push(value as u64),
                Operator::F32Const { value } => stack.push(u64::from(value.bits())),
                Operator::F64Const { value } => stack.push(value.bits()),
                Operator::GlobalGet { global_index } => stack.push(self.globals[global_index as usize]),
                Operator::RefFunc { function_index } => stack.push(u64::from(function_index) + 1),
                Operator::RefNull { .. } => stack.push(0),
                Operator::End => {}
                other => panic!("{other:?} isn't in the tests' constant expressions"),
            }
        }
        stack[0]
    }

    fn block_type(&self, ty: BlockType) -> Type {
        match ty {
            BlockType::Empty => Type::default(),
            BlockType::Type(ty) => Type { params: 0, results: 1, types: vec![ty] },
            BlockType::FuncType(index) => self.types[index as usize].clone(),
        }
    }

    fn run(&mut self, func: u32, args: Vec<u64>, depth: u32) -> Result<Vec<u64>, Trap> {
        if depth > 10_000 {
            return Err("call stack exhausted");
        }
        let ty = self.types[self.funcs[func as usize]].clone();
        let imported = self.funcs.len() - self.bodies.len();
        if (func as usize) < imported {
            return Ok(self.imports[func as usize](&mut self.memory, &args));
        }
        let index = func as usize - imported;
        let mut locals = args;
        locals.resize(ty.params + self.bodies[index].extra_locals, 0);
        let mut stack: Vec<u64> = Vec::new();
        let last = self.bodies[index].ops.len();
        let mut labels = vec![Label { target: last, arity: ty.results, height: 0 }];
        let mut at = 0;
        while at < last {
            let (pc, op) = self.bodies[index].ops[at].clone();
            if let Some(watch) = &mut self.watch {
                self.depth.set(depth);
                watch(Step { func, pc, locals: &locals, operands: &stack });
            }
            let here = at;
            at += 1;
            let branch = |relative: u32, stack: &mut Vec<u64>, labels: &mut Vec<Label>| {
                labels.truncate(labels.len() - relative as usize);
                let is_loop;
                let target = {
                    let label = labels.last().unwrap();
                    let carried = stack.split_off(stack.len() - label.arity);
                    stack.truncate(label.height);
                    stack.extend(carried);
                    is_loop = label.target <= here;
                    label.target
                };
                // A loop stays open.
                if !is_loop {
                    labels.pop();
                }
                target
            };
            match op {
                Operator::Block { blockty } => {
                    let ty = self.block_type(blockty);
                    let target = self.bodies[index].ends[&here] + 1;
                    labels.push(Label { target, arity: ty.results, height: stack.len() - ty.params });
                }
                Operator::Loop { blockty } => {
                    let ty = self.block_type(blockty);
                    labels.push(Label { target: at, arity: ty.params, height: stack.len() - ty.params });
                }
                Operator::If { blockty } => {
                    let ty = self.block_type(blockty);
                    let taken = stack.pop().unwrap() as u32 != 0;
                    let end = self.bodies[index].ends[&here];
                    let label = Label { target: end + 1, arity: ty.results, height: stack.len() - ty.params };
                    let otherwise = self.bodies[index].elses.get(&here).copied();
                    match (taken, otherwise) {
                        (true, _) => labels.push(label),
                        (false, Some(otherwise)) => {
                            labels.push(label);
                            at = otherwise + 1;
                        }
                        (false, None) => at = end + 1,
                    }
                }
                Operator::Else => {
                    labels.pop();
                    at = self.bodies[index].ends[&here] + 1;
                }
                Operator::End => {
                    labels.pop();
                }
                Operator::Br { relative_depth } => at = branch(relative_depth, &mut stack, &mut labels),
                Operator::BrIf { relative_depth } => {
                    if stack.pop().unwrap() as u32 != 0 {
                        at = branch(relative_depth, &mut stack, &mut labels);
                    }
                }
                Operator::BrTable { targets } => {
                    let depths: Vec<u32> = targets.targets().map(Result::unwrap).collect();
                    let choice = stack.pop().unwrap() as u32 as usize;
                    let depth = depths.get(choice).copied().unwrap_or(targets.default());
                    at = branch(depth, &mut stack, &mut labels);
                }
                Operator::Return => at = branch(labels.len() as u32 - 1, &mut stack, &mut labels),
                Operator::Unreachable => return Err("unreachable"),
                Operator::Call { function_index } => {
                    let callee = &self.types[self.funcs[function_index as usize]];
                    let args = stack.split_off(stack.len() - callee.params);
                    stack.extend(self.run(function_index, args, depth + 1)?);
                }
                // The steps of what takes its place are at the same depth.
                Operator::ReturnCall { function_index } => {
                    let callee = &self.types[self.funcs[function_index as usize]];
                    let args = stack.split_off(stack.len() - callee.params);
                    return self.run(function_index, args, depth);
                }
                Operator::CallIndirect { type_index, table_index }
                | Operator::ReturnCallIndirect { type_index, table_index } => {
                    let element = stack.pop().unwrap() as u32 as usize;
                    let table = &self.tables[table_index as usize];
                    let callee = *table.get(element).ok_or("undefined element")?;
                    let callee = callee.checked_sub(1).ok_or("uninitialized element")? as u32;
                    let (want, have) = (type_index as usize, self.funcs[callee as usize]);
                    let (want_type, have_type) = (&self.types[want], &self.types[have]);
                    let same = want_type.params == have_type.params && want_type.types == have_type.types;
                    if !same {
                        return Err("indirect call type mismatch");
                    }
                    let args = stack.split_off(stack.len() - self.types[want].params);
                    if let Operator::ReturnCallIndirect { .. } = op {
                        return self.run(callee, args, depth);
                    }
                    stack.extend(self.run(callee, args, depth + 1)?);
                }
                Operator::LocalGet { local_index } => stack.push(locals[local_index as usize]),
                Operator::LocalSet { local_index } => locals[local_index as usize] = stack.pop().unwrap(),
                Operator::LocalTee { local_index } => locals[local_index as usize] = *stack.last().unwrap(),
                other => self.simple(&other, &mut stack)?,
            }
        }
        Ok(stack.split_off(stack.len() - ty.results))
    }

    fn effective(&self, memarg: MemArg, index: u64, size: usize) -> Result<usize, Trap> {
        assert!(memarg.target == MemArgTarget::Memory(0), "the tests have one memory");
        let at = u64::from(index as u32) + memarg.offset;
        if at + size as u64 > self.memory.len() as u64 {
            return Err("out of bounds memory access");
        }
        Ok(at as usize)
    }

    fn load(&self, memarg: MemArg, stack: &mut Vec<u64>, size: usize) -> Result<u64, Trap> {
        let at = self.effective(memarg, stack.pop().unwrap(), size)?;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.memory[at..at + size]);
        Ok(u64::from_le_bytes(bytes))
    }

    fn store(&mut self, memarg: MemArg, stack: &mut Vec<u64>, size: usize) -> Result<(), Trap> {
        let value = stack.pop().unwrap();
        let at = self.effective(memarg, stack.pop().unwrap(), size)?;
        self.memory[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        Ok(())
    }

    /// What neither branches nor calls nor accesses locals.
    pub fn simple(&mut self, op: &Operator<'_>, stack: &mut Vec<u64>) -> Result<(), Trap> {
        use Operator::*;
        macro_rules! i32s {
            ($f:expr) => {{
                let b = stack.pop().unwrap() as u32 as i32;
                let a = stack.pop().unwrap() as u32 as i32;
                let f: fn(i32, i32) -> i32 = $f;
                stack.push(u64::from(f(a, b) as u32));
            }};
        }
        macro_rules! i64s {
            ($f:expr) => {{
                let b = stack.pop().unwrap() as i64;
                let a = stack.pop().unwrap() as i64;
                let f: fn(i64, i64) -> i64 = $f;
                stack.push(f(a, b) as u64);
            }};
        }
        macro_rules! cmp64 {
            ($f:expr) => {{
                let b = stack.pop().unwrap() as i64;
                let a = stack.pop().unwrap() as i64;
                let f: fn(i64, i64) -> bool = $f;
                stack.push(u64::from(f(a, b)));
            }};
        }
        macro_rules! f32s {
            ($f:expr) => {{
                let b = f32::from_bits(stack.pop().unwrap() as u32);
                let a = f32::from_bits(stack.pop().unwrap() as u32);
                let f: fn(f32, f32) -> f32 = $f;
                stack.push(u64::from(f(a, b).to_bits()));
            }};
        }
        macro_rules! f64s {
            ($f:expr) => {{
                let b = f64::from_bits(stack.pop().unwrap());
                let a = f64::from_bits(stack.pop().unwrap());
                let f: fn(f64, f64) -> f64 = $f;
                stack.push(f(a, b).to_bits());
            }};
        }
        macro_rules! f32c {
            ($f:expr) => {{
                let b = f32::from_bits(stack.pop().unwrap() as u32);
                let a = f32::from_bits(stack.pop().unwrap() as u32);
                let f: fn(&f32, &f32) -> bool = $f;
                stack.push(u64::from(f(&a, &b)));
            }};
        }
        macro_rules! f64c {
            ($f:expr) => {{
                let b = f64::from_bits(stack.pop().unwrap());
                let a = f64::from_bits(stack.pop().unwrap());
                let f: fn(&f64, &f64) -> bool = $f;
                stack.push(u64::from(f(&a, &b)));
            }};
        }
        macro_rules! map {
            ($f:expr) => {{
                let a = stack.pop().unwrap();
                let f: fn(u64) -> u64 = $f;
                stack.push(f(a));
            }};
        }
        macro_rules! trunc {
            ($from:ident, $bits:ty, $low:expr, $high:expr, $to:ty, $out:ty) => {{
                let a = $from::from_bits(stack.pop().unwrap() as $bits);
                if a.is_nan() {
                    return Err("invalid conversion to integer");
                }
                let a = a.trunc();
                if !($low..$high).contains(&a) {
                    return Err("integer overflow");
                }
                stack.push(a as $to as $out as u64);
            }};
        }
        let f32b = |v: f32| u64::from(v.to_bits());
        match *op {
            Nop => {}
            Drop => {
                stack.pop();
            }
            Select | TypedSelect { .. } => {
                let condition = stack.pop().unwrap() as u32;
                let second = stack.pop().unwrap();
                if condition == 0 {
                    *stack.last_mut().unwrap() = second;
                }
            }
            GlobalGet { global_index } => stack.push(self.globals[global_index as usize]),
            GlobalSet { global_index } => self.globals[global_index as usize] = stack.pop().unwrap(),
            I32Const { value } => stack.push(u64::from(value as u32)),
            I64Const { value } => stack.push(value as u64),
            F32Const { value } => stack.push(u64::from(value.bits())),
            F64Const { value } => stack.push(value.bits()),
            RefNull { .. } => stack.push(0),
            RefIsNull => map!(|a| u64::from(a == 0)),
            RefFunc { function_index } => stack.push(u64::from(function_index) + 1),
            I32Load { memarg } | F32Load { memarg } | I64Load32U { memarg } => {
                let v = self.load(memarg, stack, 4)?;
                stack.push(v);
            }
            I64Load { memarg } | F64Load { memarg } => {
                let v = self.load(memarg, stack, 8)?;
                stack.push(v);
            }
            I32Load8U { memarg } | I64Load8U { memarg } => {
                let v = self.load(memarg, stack, 1)?;
                stack.push(v);
            }
            I32Load16U { memarg } | I64Load16U { memarg } => {
                let v = self.load(memarg, stack, 2)?;
                stack.push(v);
            }
            I32Load8S { memarg } => {
                let v = self.load(memarg, stack, 1)?;
                stack.push(u64::from(v as i8 as i32 as u32));
            }
            I32Load16S { memarg } => {
                let v = self.load(memarg, stack, 2)?;
                stack.push(u64::from(v as i16 as i32 as u32));
            }
            I64Load8S { memarg } => {
                let v = self.load(memarg, stack, 1)?;
                stack.push(v as i8 as i64 as u64);
            }
            I64Load16S { memarg } => {
                let v = self.load(memarg, stack, 2)?;
                stack.push(v as i16 as i64 as u64);
            }
            I64Load32S { memarg } => {
                let v = self.load(memarg, stack, 4)?;
                stack.push(v as i32 as i64 as u64);
            }
            I32Store { memarg } | F32Store { memarg } | I64Store32 { memarg } => self.store(memarg, stack, 4)?,
            I64Store { memarg } | F64Store { memarg } => self.store(memarg, stack, 8)?,
            I32Store8 { memarg } | I64Store8 { memarg } => self.store(memarg, stack, 1)?,
            I32Store16 { memarg } | I64Store16 { memarg } => self.store(memarg, stack, 2)?,
            MemorySize { .. } => stack.push((self.memory.len() / PAGE) as u64),
            MemoryGrow { .. } => {
                let delta = stack.pop().unwrap() as u32 as usize;
                let old = self.memory.len() / PAGE;
                if old + delta > self.max_pages {
                    stack.push(u64::from(u32::MAX));
                } else {
                    self.memory.resize((old + delta) * PAGE, 0);
                    stack.push(old as u64);
                }
            }
            MemoryCopy { .. } => {
                let (n, s, d) =
                    (stack.pop().unwrap() as usize, stack.pop().unwrap() as usize, stack.pop().unwrap() as usize);
                if s + n > self.memory.len() || d + n > self.memory.len() {
                    return Err("out of bounds memory access");
                }
                self.memory.copy_within(s..s + n, d);
            }
            MemoryFill { .. } => {
                let (n, v, d) =
                    (stack.pop().unwrap() as usize, stack.pop().unwrap() as u8, stack.pop().unwrap() as usize);
                if d + n > self.memory.len() {
                    return Err("out of bounds memory access");
                }
                self.memory[d..d + n].fill(v);
            }
            TableGet { table } => {
                let i = stack.pop().unwrap() as usize;
                stack.push(*self.tables[table as usize].get(i).ok_or("out of bounds table access")?);
            }
            TableSet { table } => {
                let (v, i) = (stack.pop().unwrap(), stack.pop().unwrap() as usize);
                *self.tables[table as usize].get_mut(i).ok_or("out of bounds table access")? = v;
            }
            TableSize { table } => stack.push(self.tables[table as usize].len() as u64),
            I32Eqz => map!(|a| u64::from(a as u32 == 0)),
            I64Eqz => map!(|a| u64::from(a == 0)),
            I32Eq => i32s!(|a, b| i32::from(a == b)),
            I32Ne => i32s!(|a, b| i32::from(a != b)),
            I32LtS => i32s!(|a, b| i32::from(a < b)),
            I32LtU => i32s!(|a, b| i32::from((a as u32) < b as u32)),
            I32GtS => i32s!(|a, b| i32::from(a > b)),
            I32GtU => i32s!(|a, b| i32::from(a as u32 > b as u32)),
            I32LeS => i32s!(|a, b| i32::from(a <= b)),
            I32LeU => i32s!(|a, b| i32::from(a as u32 <= b as u32)),
            I32GeS => i32s!(|a, b| i32::from(a >= b)),
            I32GeU => i32s!(|a, b| i32::from(a as u32 >= b as u32)),
            I64Eq => cmp64!(|a, b| a == b),
            I64Ne => cmp64!(|a, b| a != b),
            I64LtS => cmp64!(|a, b| a < b),
            I64LtU => cmp64!(|a, b| (a as u64) < b as u64),
            I64GtS => cmp64!(|a, b| a > b),
            I64GtU => cmp64!(|a, b| a as u64 > b as u64),
            I64LeS => cmp64!(|a, b| a <= b),
            I64LeU => cmp64!(|a, b| a as u64 <= b as u64),
            I64GeS => cmp64!(|a, b| a >= b),
            I64GeU => cmp64!(|a, b| a as u64 >= b as u64),
            F32Eq => f32c!(|a, b| a == b),
            F32Ne => f32c!(|a, b| a != b),
            F32Lt => f32c!(|a, b| a < b),
            F32Gt => f32c!(|a, b| a > b),
            F32Le => f32c!(|a, b| a <= b),
            F32Ge => f32c!(|a, b| a >= b),
            F64Eq => f64c!(|a, b| a == b),
            F64Ne => f64c!(|a, b| a != b),
            F64Lt => f64c!(|a, b| a < b),
            F64Gt => f64c!(|a, b| a > b),
            F64Le => f64c!(|a, b| a <= b),
            F64Ge => f64c!(|a, b| a >= b),
            I32Clz => map!(|a| u64::from((a as u32).leading_zeros())),
            I32Ctz => map!(|a| u64::from((a as u32).trailing_zeros())),
            I32Popcnt => map!(|a| u64::from((a as u32).count_ones())),
            I64Clz => map!(|a| u64::from(a.leading_zeros())),
            I64Ctz => map!(|a| u64::from(a.trailing_zeros())),
            I64Popcnt => map!(|a| u64::from(a.count_ones())),
            I32Add => i32s!(i32::wrapping_add),
            I32Sub => i32s!(i32::wrapping_sub),
            I32Mul => i32s!(i32::wrapping_mul),
            I64Add => i64s!(i64::wrapping_add),
            I64Sub => i64s!(i64::wrapping_sub),
            I64Mul => i64s!(i64::wrapping_mul),
            I32DivS | I32DivU | I32RemS | I32RemU => {
                let b = stack.pop().unwrap() as u32;
                let a = stack.pop().unwrap() as u32;
                if b == 0 {
                    return Err("integer divide by zero");
                }
                let (sa, sb) = (a as i32, b as i32);
                if matches!(op, I32DivS) && sa == i32::MIN && sb == -1 {
                    return Err("integer overflow");
                }
                stack.push(u64::from(match op {
                    I32DivS => (sa / sb) as u32,
                    I32DivU => a / b,
                    I32RemS => sa.wrapping_rem(sb) as u32,
                    _ => a % b,
                }));
            }
            I64DivS | I64DivU | I64RemS | I64RemU => {
                let b = stack.pop().unwrap();
                let a = stack.pop().unwrap();
                if b == 0 {
                    return Err("integer divide by zero");
                }
                let (sa, sb) = (a as i64, b as i64);
                if matches!(op, I64DivS) && sa == i64::MIN && sb == -1 {
                    return Err("integer overflow");
                }
                stack.push(match op {
                    I64DivS => (sa / sb) as u64,
                    I64DivU => a / b,
                    I64RemS => sa.wrapping_rem(sb) as u64,
                    _ => a % b,
                });
            }
            I32And => i32s!(|a, b| a & b),
            I32Or => i32s!(|a, b| a | b),
            I32Xor => i32s!(|a, b| a ^ b),
            I32Shl => i32s!(|a, b| a.wrapping_shl(b as u32)),
            I32ShrS => i32s!(|a, b| a.wrapping_shr(b as u32)),
            I32ShrU => i32s!(|a, b| (a as u32).wrapping_shr(b as u32) as i32),
            I32Rotl => i32s!(|a, b| a.rotate_left(b as u32 & 31)),
            I32Rotr => i32s!(|a, b| a.rotate_right(b as u32 & 31)),
            I64And => i64s!(|a, b| a & b),
            I64Or => i64s!(|a, b| a | b),
            I64Xor => i64s!(|a, b| a ^ b),
            I64Shl => i64s!(|a, b| a.wrapping_shl(b as u32)),
            I64ShrS => i64s!(|a, b| a.wrapping_shr(b as u32)),
            I64ShrU => i64s!(|a, b| (a as u64).wrapping_shr(b as u32) as i64),
            I64Rotl => i64s!(|a, b| a.rotate_left(b as u32 & 63)),
            I64Rotr => i64s!(|a, b| a.rotate_right(b as u32 & 63)),
            F32Abs => map!(|a| a & 0x7fff_ffff),
            F32Neg => map!(|a| a ^ 0x8000_0000),
            F64Abs => map!(|a| a & (u64::MAX >> 1)),
            F64Neg => map!(|a| a ^ (1 << 63)),
            F32Ceil => map!(|a| u64::from(f32::from_bits(a as u32).ceil().to_bits())),
            F32Floor => map!(|a| u64::from(f32::from_bits(a as u32).floor().to_bits())),
            F32Trunc => map!(|a| u64::from(f32::from_bits(a as u32).trunc().to_bits())),
            F32Nearest => map!(|a| u64::from(f32::from_bits(a as u32).round_ties_even().to_bits())),
            F32Sqrt => map!(|a| u64::from(f32::from_bits(a as u32).sqrt().to_bits())),
            F64Ceil => map!(|a| f64::from_bits(a).ceil().to_bits()),
            F64Floor => map!(|a| f64::from_bits(a).floor().to_bits()),
            F64Trunc => map!(|a| f64::from_bits(a).trunc().to_bits()),
            F64Nearest => map!(|a| f64::from_bits(a).round_ties_even().to_bits()),
            F64Sqrt => map!(|a| f64::from_bits(a).sqrt().to_bits()),
            F32Add => f32s!(|a, b| a + b),
            F32Sub => f32s!(|a, b| a - b),
            F32Mul => f32s!(|a, b| a * b),
            F32Div => f32s!(|a, b| a / b),
            F64Add => f64s!(|a, b| a + b),
            F64Sub => f64s!(|a, b| a - b),
            F64Mul => f64s!(|a, b| a * b),
            F64Div => f64s!(|a, b| a / b),
            F32Min => f32s!(|a, b| if a.is_nan() || b.is_nan() {
                a + b
            } else if a == b {
                f32::from_bits(a.to_bits() | b.to_bits())
            } else if a < b {
                a
            } else {
                b
            }),
            F32Max => f32s!(|a, b| if a.is_nan() || b.is_nan() {
                a + b
            } else if a == b {
                f32::from_bits(a.to_bits() & b.to_bits())
            } else if a > b {
                a
            } else {
                b
            }),
            F64Min => f64s!(|a, b| if a.is_nan() || b.is_nan() {
                a + b
            } else if a == b {
                f64::from_bits(a.to_bits() | b.to_bits())
            } else if a < b {
                a
            } else {
                b
            }),
            F64Max => f64s!(|a, b| if a.is_nan() || b.is_nan() {
                a + b
            } else if a == b {
                f64::from_bits(a.to_bits() & b.to_bits())
            } else if a > b {
                a
            } else {
                b
            }),
            F32Copysign => f32s!(f32::copysign),
            F64Copysign => f64s!(f64::copysign),
            I32WrapI64 => map!(|a| u64::from(a as u32)),
            I64ExtendI32S | I64Extend32S => map!(|a| a as i32 as i64 as u64),
            I64ExtendI32U => map!(|a| u64::from(a as u32)),
            I32Extend8S => map!(|a| u64::from(a as i8 as i32 as u32)),
            I32Extend16S => map!(|a| u64::from(a as i16 as i32 as u32)),
            I64Extend8S => map!(|a| a as i8 as i64 as u64),
            I64Extend16S => map!(|a| a as i16 as i64 as u64),
            I32TruncF32S => trunc!(f32, u32, -2147483648f32, 2147483648f32, i32, u32),
            I32TruncF32U => trunc!(f32, u32, 0f32, 4294967296f32, u32, u32),
            I32TruncF64S => trunc!(f64, u64, -2147483648f64, 2147483648f64, i32, u32),
            I32TruncF64U => trunc!(f64, u64, 0f64, 4294967296f64, u32, u32),
            I64TruncF32S => trunc!(f32, u32, -9223372036854775808f32, 9223372036854775808f32, i64, u64),
            I64TruncF32U => trunc!(f32, u32, 0f32, 18446744073709551616f32, u64, u64),
            I64TruncF64S => trunc!(f64, u64, -9223372036854775808f64, 9223372036854775808f64, i64, u64),
            I64TruncF64U => trunc!(f64, u64, 0f64, 18446744073709551616f64, u64, u64),
            I32TruncSatF32S => map!(|a| u64::from(f32::from_bits(a as u32) as i32 as u32)),
            I32TruncSatF32U => map!(|a| u64::from(f32::from_bits(a as u32) as u32)),
            I32TruncSatF64S => map!(|a| u64::from(f64::from_bits(a) as i32 as u32)),
            I32TruncSatF64U => map!(|a| u64::from(f64::from_bits(a) as u32)),
            I64TruncSatF32S => map!(|a| f32::from_bits(a as u32) as i64 as u64),
            I64TruncSatF32U => map!(|a| f32::from_bits(a as u32) as u64),
            I64TruncSatF64S => map!(|a| f64::from_bits(a) as i64 as u64),
            I64TruncSatF64U => map!(|a| f64::from_bits(a) as u64),
            F32ConvertI32S => {
                let a = stack.pop().unwrap() as u32 as i32;
                stack.push(f32b(a as f32));
            }
            F32ConvertI32U => {
                let a = stack.pop().unwrap() as u32;
                stack.push(f32b(a as f32));
            }
            F32ConvertI64S => {
                let a = stack.pop().unwrap() as i64;
                stack.push(f32b(a as f32));
            }
            F32ConvertI64U => {
                let a = stack.pop().unwrap();
                stack.push(f32b(a as f32));
            }
            F64ConvertI32S => map!(|a| f64::from(a as u32 as i32).to_bits()),
            F64ConvertI32U => map!(|a| f64::from(a as u32).to_bits()),
            F64ConvertI64S => map!(|a| (a as i64 as f64).to_bits()),
            F64ConvertI64U => map!(|a| (a as f64).to_bits()),
            F32DemoteF64 => map!(|a| u64::from((f64::from_bits(a) as f32).to_bits())),
            F64PromoteF32 => map!(|a| f64::from(f32::from_bits(a as u32)).to_bits()),
            I32ReinterpretF32 | F32ReinterpretI32 | I64ReinterpretF64 | F64ReinterpretI64 => {}
            ref other => panic!("the tests don't use {other:?}"),
        }
        Ok(())
    }
}
