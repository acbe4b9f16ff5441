//! Modules that are mostly what debugging compiles specially: many locals of all types, zeros that were never set,
//! constants, copies, branches that carry values, calls in the middle of expressions, traps inside runs.

use crate::case::{Allowed, FUEL, FUEL_EXPORT};
use crate::random::Random;
use wasm_encoder::{
    BlockType, Catch, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, HeapType, ImportSection,
    Instruction as I, MemArg, MemArgTarget, MemorySection, MemoryType, Module, RefType, TableSection, TableType,
    TagKind, TagSection, TagType, TypeSection, ValType,
};

mod objects;

const TYPES: [ValType; 7] =
    [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128, ValType::FUNCREF, ValType::EXTERNREF];
const NUMBERS: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// What a module has of globals beside the fuel, which is the first; all are mutable.
fn global_types(allowed: Allowed) -> Vec<ValType> {
    let objects = if allowed.objects { &objects::TYPES[..] } else { &[] };
    TYPES.iter().chain(objects).map(|ty| allowed.or_less(*ty)).collect()
}

/// Elements of the table.
const TABLE: u32 = 12;

#[derive(Clone, PartialEq)]
struct Signature {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

/// Block types that aren't empty or one result stand among the module's types, behind those of objects.
#[derive(Default)]
struct Types {
    first: u32,
    signatures: Vec<Signature>,
}

impl Types {
    fn index(&mut self, signature: &Signature) -> u32 {
        let found = self.signatures.iter().position(|other| other == signature);
        let place = found.unwrap_or_else(|| {
            self.signatures.push(signature.clone());
            self.signatures.len() - 1
        });
        self.first + place as u32
    }
}

/// A module whose functions end.
pub fn module(random: &mut Random) -> Vec<u8> {
    module_with(random, Allowed::WITHOUT_NANS)
}

/// The same with what it may have.
pub fn module_with(random: &mut Random, allowed: Allowed) -> Vec<u8> {
    let Allowed { nans, vectors, .. } = allowed;
    let objects = allowed.objects && random.chance(60);
    let allowed = Allowed { objects, ..allowed };
    let (memory64, table64) = (random.chance(30), random.chance(20));
    let page_size_log2 = (vectors && random.chance(10)).then_some(0);
    let mut types = Types { first: if objects { objects::COUNT } else { 0 }, ..Types::default() };
    let mut signatures: Vec<Signature> = Vec::new();
    let imported = random.below(3);
    let count = imported + 1 + random.below(5);
    for number in 0..count {
        // Also more than registers hold.
        let (params, results) = random.pick(&[(4, 3), (4, 3), (4, 3), (4, 3), (4, 3), (4, 3), (12, 5), (24, 14)]);
        let params = some_types(random, params, allowed);
        let signature = Signature { params, results: some_types(random, results, allowed) };
        // So that one can take the other's place.
        let signature = match signatures.last() {
            Some(last) if random.chance(50) => Signature { results: last.results.clone(), ..signature },
            _ => signature,
        };
        // The first function that isn't imported is one that others can call in any place.
        let signature = if number == imported {
            Signature { results: vec![some_type(random, allowed)], ..signature }
        } else {
            signature
        };
        signatures.push(signature);
    }
    let traps_without_fuel = random.chance(20);
    let count_of_tags = if allowed.exceptions && random.chance(50) { 1 + random.below(3) } else { 0 };
    let legacy_exceptions = random.chance(40);
    let tags: Vec<_> = (0..count_of_tags).map(|_| some_types(random, 4, allowed)).collect();
    let mut code = CodeSection::new();
    for number in imported..count {
        let extra = match random.below(10) {
            0 => 60,
            1 | 2 => 20,
            _ => 8,
        };
        let mut extra = some_types(random, extra, allowed);
        // They would have to be set first.
        extra.retain(|ty| !objects::is_never_null(*ty));
        let mut locals = signatures[number].params.clone();
        locals.extend(&extra);
        let mut writer = Writer {
            code: Vec::new(),
            locals,
            labels: vec![Some(signatures[number].results.clone())],
            caught: Vec::new(),
            legacy_exceptions,
            signatures: &signatures,
            tags: &tags,
            types: &mut types,
            counters: Vec::new(),
            budget: random.pick(&[20, 60, 150, 250]),
            // Temporaries, of which nobody else knows.
            scratch: 0,
            traps_without_fuel,
            nans,
            allowed,
            memory64,
            table64,
            before: number,
            random,
        };
        writer.scratch = writer.locals.len() as u32;
        let results = writer.labels[0].clone().expect("a function's label");
        writer.fuel();
        writer.statements(4);
        writer.statements(4);
        writer.expressions(&results, 4);
        let body = writer.code;
        let declared: Vec<_> = extra
            .iter()
            .chain(&[ValType::F32, ValType::F64, allowed.or_less(ValType::V128)])
            .chain((!tags.is_empty()).then_some(&ValType::EXNREF))
            .map(|ty| (1, *ty))
            .collect();
        let mut function = Function::new(declared);
        for instruction in &body {
            function.instruction(instruction);
        }
        function.instruction(&I::End);
        code.function(&function);
    }
    let mut functions = FunctionSection::new();
    let mut imports = ImportSection::new();
    for (number, signature) in signatures.iter().enumerate() {
        let ty = types.index(signature);
        if number < imported {
            imports.import("host", "f", EntityType::Function(ty));
        } else {
            functions.function(ty);
        }
    }
    let mut tables = TableSection::new();
    let (minimum, maximum) = (u64::from(TABLE), Some(u64::from(TABLE) + 3));
    let table = |element_type| TableType { element_type, table64, minimum, maximum, shared: false };
    tables.table(table(RefType::FUNCREF)).table(table(RefType::EXTERNREF));
    if objects {
        tables.table(table(RefType::ANYREF));
    }
    let mut memories = MemorySection::new();
    let (minimum, maximum) = if page_size_log2.is_some() { (1 << 16, Some(3 << 16)) } else { (1, Some(3)) };
    memories.memory(MemoryType { minimum, maximum, memory64, shared: false, page_size_log2 });
    let mut tag_section = TagSection::new();
    for params in &tags {
        let func_type_idx = types.index(&Signature { params: params.clone(), results: Vec::new() });
        tag_section.tag(TagType { kind: TagKind::Exception, func_type_idx });
    }
    let mut globals = GlobalSection::new();
    let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
    globals.global(global(ValType::I32), &ConstExpr::i32_const(FUEL));
    let module_globals = global_types(allowed);
    for ty in module_globals.iter().copied() {
        let init = match ty {
            ValType::I32 => ConstExpr::i32_const(random.word() as i32),
            ValType::I64 => ConstExpr::i64_const(random.word() as i64),
            ValType::F32 => ConstExpr::f32_const(1.5.into()),
            ValType::F64 => ConstExpr::f64_const((-0.5).into()),
            ValType::V128 => ConstExpr::v128_const(i128::from(random.word()) << 60 | 7),
            ValType::FUNCREF => ConstExpr::ref_func(random.below(count) as u32),
            ty if objects::is_of_guest(ty) => objects::initial(random, ty),
            _ => ConstExpr::ref_null(HeapType::EXTERN),
        };
        globals.global(global(ty), &init);
    }
    let mut exports = ExportSection::new();
    exports.export(FUEL_EXPORT, ExportKind::Global, 0);
    for number in 0..count {
        exports.export(&format!("f{number}"), ExportKind::Func, number as u32);
    }
    for number in 0..module_globals.len() {
        exports.export(&format!("g{number}"), ExportKind::Global, number as u32 + 1);
    }
    exports.export("t0", ExportKind::Table, 0).export("t1", ExportKind::Table, 1).export("m", ExportKind::Memory, 0);
    if objects {
        exports.export("t2", ExportKind::Table, 2);
    }
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..count as u32).collect();
    elements.active(None, &place(table64, 1), Elements::Functions(all.into()));
    if objects {
        elements.passive(objects::elements(random));
    }
    let mut data = DataSection::new();
    data.active(0, &place(memory64, 0), random.bytes(256));
    if objects {
        data.passive(random.bytes(64));
    }
    let mut type_section = TypeSection::new();
    if objects {
        type_section.ty().rec(objects::types(allowed));
    }
    for signature in &types.signatures {
        type_section.ty().function(signature.params.clone(), signature.results.clone());
    }
    let mut module = Module::new();
    module.section(&type_section);
    if imported != 0 {
        module.section(&imports);
    }
    module.section(&functions).section(&tables).section(&memories);
    if !tags.is_empty() {
        module.section(&tag_section);
    }
    module.section(&globals).section(&exports);
    module.section(&elements);
    if objects {
        module.section(&DataCountSection { count: 2 });
    }
    module.section(&code).section(&data);
    module.finish()
}

/// The table of such references.
fn table_of(ty: ValType) -> Option<u32> {
    match ty {
        ValType::FUNCREF => Some(0),
        ValType::EXTERNREF => Some(1),
        objects::ANY => Some(2),
        _ => None,
    }
}

/// Where a segment begins.
fn place(is_wide: bool, place: i32) -> ConstExpr {
    if is_wide { ConstExpr::i64_const(i64::from(place)) } else { ConstExpr::i32_const(place) }
}

fn some_type(random: &mut Random, allowed: Allowed) -> ValType {
    let all = if allowed.objects && random.chance(60) { &objects::TYPES[..] } else { &TYPES };
    allowed.or_less(random.pick(all))
}

fn some_types(random: &mut Random, limit: usize, allowed: Allowed) -> Vec<ValType> {
    let numbers = if allowed.objects { 50 } else { 80 };
    (0..random.below(limit))
        .map(
            |_| {
                if random.chance(numbers) { allowed.or_less(random.pick(&NUMBERS)) } else { some_type(random, allowed) }
            },
        )
        .collect()
}

/// Writes a function's body; every expression leaves its value on the stack, above whatever is there.
struct Writer<'a> {
    random: &'a mut Random,
    code: Vec<I<'static>>,
    locals: Vec<ValType>,
    /// What a branch to each label carries; none for loops, which only their own back edge branches to.
    labels: Vec<Option<Vec<ValType>>>,
    /// Those of the older blocks that catch whose exception can be thrown again: by place.
    caught: Vec<usize>,
    /// Whether there are such blocks, which the peer doesn't know.
    legacy_exceptions: bool,
    signatures: &'a [Signature],
    /// What exceptions carry; none if there are no exceptions.
    tags: &'a [Vec<ValType>],
    types: &'a mut Types,
    /// Locals that count the turns of loops.
    counters: Vec<usize>,
    budget: i32,
    /// The first of three locals, an f32, an f64 and a v128, by which NaNs are replaced; behind them is one for an exception.
    scratch: u32,
    traps_without_fuel: bool,
    /// Whether it can be seen which bits a NaN has.
    nans: bool,
    /// What there is.
    allowed: Allowed,
    /// Whether the memory's addresses, and the tables', have 64 bits.
    memory64: bool,
    table64: bool,
    /// How many of the functions are called mostly: those before this one, so that most calls come to an end.
    before: usize,
}

const fn at(offset: u64) -> MemArg {
    MemArg { offset, align: 0, target: MemArgTarget::Memory(0), ordering: None }
}

impl Writer<'_> {
    fn emit(&mut self, instruction: I<'static>) {
        self.code.push(instruction);
    }

    fn all(&mut self, instructions: &[I<'static>]) {
        self.code.extend_from_slice(instructions);
    }

    /// Returns zeros if there is no fuel left, or traps.
    fn fuel(&mut self) {
        self.all(&[I::GlobalGet(0), I::I32Eqz, I::If(BlockType::Empty)]);
        if self.traps_without_fuel {
            self.emit(I::Unreachable);
        } else {
            for ty in self.labels[0].clone().expect("a function's label") {
                if objects::is_of_guest(ty) {
                    self.no_object(ty);
                    continue;
                }
                self.emit(match ty {
                    ValType::I32 => I::I32Const(0),
                    ValType::I64 => I::I64Const(0),
                    ValType::F32 => I::F32Const(0.0.into()),
                    ValType::F64 => I::F64Const(0.0.into()),
                    ValType::V128 => I::V128Const(0),
                    ValType::FUNCREF => I::RefNull(HeapType::FUNC),
                    _ => I::RefNull(HeapType::EXTERN),
                });
            }
            self.emit(I::Return);
        }
        self.all(&[I::End, I::GlobalGet(0), I::I32Const(1), I::I32Sub, I::GlobalSet(0)]);
    }

    fn local_of(&mut self, ty: ValType) -> Option<u32> {
        let is_good = |local: &usize| self.locals[*local] == ty && !self.counters.contains(local);
        let all: Vec<_> = (0..self.locals.len()).filter(is_good).collect();
        (!all.is_empty()).then(|| self.random.pick(&all) as u32)
    }

    fn constant(&mut self, ty: ValType) {
        if objects::is_of_guest(ty) {
            return self.new_object(ty);
        }
        let word = self.random.word();
        let instruction = match ty {
            ValType::I32 => {
                I::I32Const(self.random.pick(&[0, 0, 1, -1, 7, i32::MAX, i32::MIN, 65535, 100, word as i32]))
            }
            ValType::I64 => I::I64Const(self.random.pick(&[0, 0, 1, -1, 9, i64::MAX, i64::MIN, 1 << 32, word as i64])),
            ValType::F32 => I::F32Const(self.random.pick(&[0.0, -0.0, 1.0, 1.5, -2.25, 1e10, f32::INFINITY]).into()),
            ValType::F64 => I::F64Const(self.random.pick(&[0.0, -0.0, 1.0, 1.5, -2.25, 1e300, f64::INFINITY]).into()),
            ValType::V128 => {
                let wide = i128::from(word) << 64 | i128::from(self.random.word());
                I::V128Const(self.random.pick(&[0, 0, 1, -1, 1 << 64, wide]))
            }
            ValType::FUNCREF if !word.is_multiple_of(3) => I::RefFunc((word / 3 % self.signatures.len() as u64) as u32),
            ValType::FUNCREF => I::RefNull(HeapType::FUNC),
            _ => I::RefNull(HeapType::EXTERN),
        };
        self.emit(instruction);
    }

    /// Throws, mostly if a condition holds.
    fn throw(&mut self, depth: u32) {
        let is_conditional = self.random.chance(85);
        if is_conditional {
            self.expression(ValType::I32, depth);
        }
        self.open(if is_conditional { I::If } else { I::Block }, &[], &[]);
        if !self.caught.is_empty() && self.random.chance(40) {
            let label = self.random.pick(&self.caught);
            self.emit(I::Rethrow((self.labels.len() - 1 - label) as u32));
        } else if self.random.chance(20) {
            // What was caught last; a trap if that is nothing.
            self.all(&[I::LocalGet(self.scratch + 3), I::ThrowRef]);
        } else {
            let tag = self.random.below(self.tags.len());
            self.expressions(&self.tags[tag].clone(), depth);
            self.emit(I::Throw(tag as u32));
        }
        self.close();
    }

    /// A value, or another one if there was an exception.
    fn attempt(&mut self, ty: ValType, depth: u32) {
        if self.legacy_exceptions && self.random.chance(70) {
            return self.legacy_attempt(ty, depth);
        }
        let tag = self.random.below(self.tags.len());
        let (is_any, with_reference) = (self.random.chance(30), self.random.chance(40));
        let mut caught = if is_any { Vec::new() } else { self.tags[tag].clone() };
        caught.extend(with_reference.then_some(ValType::EXNREF));
        self.open(I::Block, &[], &[ty]);
        self.open(I::Block, &[], &caught);
        if with_reference {
            // Nothing else makes such a value.
            *self.labels.last_mut().expect("it was opened") = None;
        }
        let tag = tag as u32;
        let mut catches = vec![match (is_any, with_reference) {
            (false, false) => Catch::One { tag, label: 0 },
            (false, true) => Catch::OneRef { tag, label: 0 },
            (true, false) => Catch::All { label: 0 },
            (true, true) => Catch::AllRef { label: 0 },
        }];
        // Others go further out, where a label takes what they carry.
        let other = self.random.below(self.tags.len());
        let carried = [self.tags[other].clone(), Vec::new()];
        for (carried, is_any) in carried.iter().zip([false, true]) {
            let fits = |label: &usize| self.labels[*label].as_ref() == Some(carried);
            let fitting: Vec<_> = (0..self.labels.len()).filter(fits).collect();
            if !fitting.is_empty() && self.random.chance(40) {
                let label = (self.labels.len() - 1 - self.random.pick(&fitting)) as u32;
                catches.push(if is_any { Catch::All { label } } else { Catch::One { tag: other as u32, label } });
            }
        }
        if self.random.chance(20) {
            catches.reverse();
        }
        self.emit(I::TryTable(BlockType::Result(ty), catches.into()));
        self.labels.push(Some(vec![ty]));
        self.statements(depth);
        if self.random.chance(60) {
            self.throw(depth);
        }
        self.expression(ty, depth);
        self.close();
        self.emit(I::Br(1));
        self.close();
        if with_reference {
            self.emit(I::LocalSet(self.scratch + 3));
        }
        for carried in self.tags[tag as usize].clone().iter().rev().filter(|_| !is_any) {
            match self.local_of(*carried).filter(|_| self.random.chance(70)) {
                Some(local) => self.emit(I::LocalSet(local)),
                None => self.emit(I::Drop),
            }
        }
        if self.random.chance(15) {
            self.throw(depth);
        }
        self.expression(ty, depth);
        self.close();
    }

    /// The same by an older block: with clauses one after the other, or with a block further out that catches in its stead.
    fn legacy_attempt(&mut self, ty: ValType, depth: u32) {
        self.open(I::Try, &[], &[ty]);
        self.statements(depth);
        if self.random.chance(60) {
            self.throw(depth);
        }
        self.expression(ty, depth);
        if self.random.chance(25) {
            self.labels.pop();
            let further = self.random.below(self.labels.len()) as u32;
            return self.emit(I::Delegate(further));
        }
        for _ in 0..self.random.below(3) {
            let tag = self.random.below(self.tags.len());
            self.clause(I::Catch(tag as u32), &self.tags[tag].clone(), ty, depth);
        }
        if self.random.chance(50) {
            self.clause(I::CatchAll, &[], ty, depth);
        }
        self.close();
    }

    /// A clause of an older block, that is given these values and has to give this one.
    fn clause(&mut self, begin: I<'static>, carried: &[ValType], ty: ValType, depth: u32) {
        self.emit(begin);
        self.caught.push(self.labels.len() - 1);
        for carried in carried.iter().rev() {
            match self.local_of(*carried).filter(|_| self.random.chance(70)) {
                Some(local) => self.emit(I::LocalSet(local)),
                None => self.emit(I::Drop),
            }
        }
        self.statements(depth);
        if self.random.chance(40) {
            self.throw(depth);
        }
        self.expression(ty, depth);
        self.caught.pop();
    }

    fn expressions(&mut self, types: &[ValType], depth: u32) {
        for ty in types {
            self.expression(*ty, depth);
        }
    }

    fn block_type(&mut self, params: &[ValType], results: &[ValType]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [one]) => BlockType::Result(*one),
            _ => {
                let signature = Signature { params: params.to_vec(), results: results.to_vec() };
                BlockType::FunctionType(self.types.index(&signature))
            }
        }
    }

    fn open(&mut self, block: fn(BlockType) -> I<'static>, params: &[ValType], results: &[ValType]) {
        let ty = self.block_type(params, results);
        self.emit(block(ty));
        self.labels.push(Some(results.to_vec()));
    }

    fn close(&mut self) {
        self.labels.pop();
        self.emit(I::End);
    }

    fn drops(&mut self, count: usize) {
        for _ in 0..count {
            self.emit(I::Drop);
        }
    }

    fn expression(&mut self, ty: ValType, depth: u32) {
        self.budget -= 1;
        let choice = if depth == 0 || self.budget < 0 { self.random.below(3) } else { self.random.below(27) };
        let deeper = depth.saturating_sub(1);
        match choice {
            0 => self.constant(ty),
            1 | 2 => self.get(ty),
            3..=6 => self.operation(ty, deeper),
            7 => {
                self.open(I::Block, &[], &[ty]);
                self.statements(deeper);
                self.expression(ty, deeper);
                if self.random.chance(60) {
                    self.expression(ValType::I32, deeper);
                    self.emit(I::BrIf(0));
                }
                if self.random.chance(20) {
                    self.emit(I::Br(0));
                }
                self.close();
            }
            8 => {
                self.expression(ValType::I32, deeper);
                self.open(I::If, &[], &[ty]);
                self.statements(deeper);
                self.expression(ty, deeper);
                self.emit(I::Else);
                self.statements(deeper);
                self.expression(ty, deeper);
                self.close();
            }
            9 => {
                self.expressions(&[ty, ty, ValType::I32], deeper);
                self.emit(if matches!(ty, ValType::Ref(_)) { I::TypedSelect(ty) } else { I::Select });
            }
            10 | 11 => match self.local_of(ty) {
                Some(local) => {
                    self.expression(ty, deeper);
                    self.emit(I::LocalTee(local));
                }
                None => self.constant(ty),
            },
            12 => self.load(ty, deeper),
            13 => match global_types(self.allowed).iter().position(|global| *global == ty) {
                Some(place) => self.emit(I::GlobalGet(place as u32 + 1)),
                None => self.get(ty),
            },
            14 => {
                // Several results, of which the lowest stays.
                let mut results = vec![ty];
                results.extend(some_types(self.random, 4, self.allowed));
                self.open(I::Block, &[], &results);
                self.expressions(&results, deeper);
                if self.random.chance(50) {
                    self.expression(ValType::I32, deeper);
                    self.emit(I::BrIf(0));
                }
                self.close();
                self.drops(results.len() - 1);
            }
            15 => {
                // A parameter goes into a block, or a loop that isn't one.
                self.expression(ty, deeper);
                let is_loop = self.random.chance(50);
                self.open(if is_loop { I::Loop } else { I::Block }, &[ty], &[ty]);
                if is_loop {
                    *self.labels.last_mut().expect("it was opened") = None;
                }
                self.statements(deeper);
                self.close();
            }
            16 => self.table_of_values(ty, deeper),
            17 => {
                // Operands wait beneath a statement.
                self.expression(ty, deeper);
                self.statements(deeper);
            }
            19..22 if !self.tags.is_empty() => self.attempt(ty, deeper),
            18 if let Some(table) = table_of(ty) => {
                self.element(deeper);
                self.emit(I::TableGet(table));
            }
            22 | 23 if self.allowed.objects => self.object(ty, deeper),
            _ => {
                let callable = self.callable();
                let fitting: Vec<_> =
                    (0..callable).filter(|func| self.signatures[*func].results.first() == Some(&ty)).collect();
                if fitting.is_empty() {
                    self.get(ty);
                } else {
                    let function = self.random.pick(&fitting);
                    self.call(function, deeper);
                    self.drops(self.signatures[function].results.len() - 1);
                }
            }
        }
    }

    fn get(&mut self, ty: ValType) {
        match self.local_of(ty) {
            Some(local) => self.emit(I::LocalGet(local)),
            None => self.constant(ty),
        }
    }

    /// A `br_table` whose targets all carry a value.
    fn table_of_values(&mut self, ty: ValType, depth: u32) {
        let count = 1 + self.random.below(4) as u32;
        for _ in 0..count {
            self.open(I::Block, &[], &[ty]);
        }
        self.expression(ty, depth);
        self.expression(ValType::I32, depth);
        let targets: Vec<u32> = (0..self.random.below(6)).map(|_| self.random.below(count as usize) as u32).collect();
        let default = self.random.below(count as usize) as u32;
        self.emit(I::BrTable(targets.into(), default));
        for _ in 0..count {
            self.close();
            if self.random.chance(30) {
                self.statements(depth.min(1));
            }
        }
    }

    /// How many of the functions may be called next.
    fn callable(&mut self) -> usize {
        if self.random.chance(6) { self.signatures.len() } else { self.before }
    }

    fn call(&mut self, function: usize, depth: u32) {
        self.call_as(function, depth, false);
    }

    /// Has another function take this one's place, mostly if a condition holds.
    fn tail_call(&mut self, depth: u32) {
        let results = self.labels[0].clone().expect("a function's label");
        // Also itself, and those behind it: fuel ends them all.
        let fitting: Vec<usize> =
            (0..self.signatures.len()).filter(|func| self.signatures[*func].results == results).collect();
        let function = self.random.pick(&fitting);
        let is_conditional = self.random.chance(85);
        if is_conditional {
            self.expression(ValType::I32, depth);
        }
        self.open(if is_conditional { I::If } else { I::Block }, &[], &[]);
        self.call_as(function, depth, true);
        self.close();
    }

    fn call_as(&mut self, function: usize, depth: u32, is_tail: bool) {
        let signature = self.signatures[function].clone();
        self.expressions(&signature.params, depth);
        if self.random.chance(70) {
            return self.emit(if is_tail { I::ReturnCall(function as u32) } else { I::Call(function as u32) });
        }
        if self.allowed.objects && self.random.chance(40) {
            self.emit(I::RefFunc(function as u32));
            let ty = self.types.index(&signature);
            return self.emit(if is_tail { I::ReturnCallRef(ty) } else { I::CallRef(ty) });
        }
        // Through the table, seldom with an element that traps.
        let element = if self.random.chance(92) { function + 1 } else { self.random.below(TABLE as usize + 2) };
        self.small(self.table64, element as i32);
        let type_index = self.types.index(&signature);
        self.emit(if is_tail {
            I::ReturnCallIndirect { type_index, table_index: 0 }
        } else {
            I::CallIndirect { type_index, table_index: 0 }
        });
    }

    /// An address, nearly always inside the memory.
    fn address(&mut self, depth: u32) {
        self.place(self.memory64, 255, depth);
    }

    /// An element's place, nearly always inside the table.
    fn element(&mut self, depth: u32) {
        self.place(self.table64, 7, depth);
    }

    /// Some place in a memory or table, nearly always one of the first, whose numbers are those below the mask.
    fn place(&mut self, is_wide: bool, mask: i32, depth: u32) {
        let is_first = self.random.chance(95);
        if is_wide && !is_first && self.random.chance(50) {
            return self.expression(ValType::I64, depth);
        }
        self.expression(ValType::I32, depth);
        if is_first {
            self.all(&[I::I32Const(mask), I::I32And]);
        }
        if is_wide {
            self.emit(I::I64ExtendI32U);
        }
    }

    /// A small number, as wide as places are.
    fn small(&mut self, is_wide: bool, number: i32) {
        self.emit(if is_wide { I::I64Const(i64::from(number)) } else { I::I32Const(number) });
    }

    /// The size of the memory or of a table.
    fn size(&mut self) {
        let (is_wide, instruction) =
            if self.random.chance(50) { (self.memory64, I::MemorySize(0)) } else { (self.table64, I::TableSize(1)) };
        self.emit(instruction);
        if is_wide {
            self.emit(I::I32WrapI64);
        }
    }

    fn load(&mut self, ty: ValType, depth: u32) {
        let instruction = match ty {
            ValType::I32 => {
                let access = at(self.random.pick(&[0, 1, 64, 65_500]));
                self.random.pick(&[
                    I::I32Load(access),
                    I::I32Load8S(access),
                    I::I32Load8U(access),
                    I::I32Load16S(access),
                ])
            }
            ValType::I64 => {
                let access = at(self.random.pick(&[0, 3, 128, 65_500]));
                self.random.pick(&[
                    I::I64Load(access),
                    I::I64Load8S(access),
                    I::I64Load16U(access),
                    I::I64Load32S(access),
                ])
            }
            ValType::F32 => I::F32Load(at(4096)),
            ValType::F64 => I::F64Load(at(8192)),
            ValType::V128 => {
                let memarg = at(self.random.pick(&[0, 2, 40, 65_500]));
                self.random.pick(&[
                    I::V128Load(memarg),
                    I::V128Load8x8S(memarg),
                    I::V128Load16x4U(memarg),
                    I::V128Load32x2S(memarg),
                    I::V128Load8Splat(memarg),
                    I::V128Load64Splat(memarg),
                    I::V128Load32Zero(memarg),
                    I::V128Load64Zero(memarg),
                ])
            }
            _ => return self.get(ty),
        };
        self.address(depth);
        self.emit(instruction);
    }

    fn operation(&mut self, ty: ValType, depth: u32) {
        if objects::is_of_guest(ty) || self.allowed.objects && self.random.chance(30) {
            return self.object(ty, depth);
        }
        let trap = self.random.chance(6);
        let (operands, instruction) = match ty {
            ValType::I32 => match self.random.below(5) {
                0 => {
                    let of = some_type(self.random, self.allowed);
                    let choices: &[I<'static>] = match of {
                        ValType::I32 => &[I::I32Eq, I::I32Ne, I::I32LtS, I::I32LtU, I::I32GtS, I::I32GeU, I::I32LeS],
                        ValType::I64 => &[I::I64Eq, I::I64Ne, I::I64LtS, I::I64LtU, I::I64GtS, I::I64GeU, I::I64LeS],
                        ValType::F32 => &[I::F32Eq, I::F32Ne, I::F32Lt, I::F32Gt, I::F32Le, I::F32Ge],
                        ValType::F64 => &[I::F64Eq, I::F64Ne, I::F64Lt, I::F64Gt, I::F64Le, I::F64Ge],
                        ValType::V128 => {
                            self.expression(of, depth);
                            let choices = [
                                I::V128AnyTrue,
                                I::I8x16AllTrue,
                                I::I16x8Bitmask,
                                I::I8x16ExtractLaneS(9),
                                I::I16x8ExtractLaneU(5),
                                I::I32x4ExtractLane(2),
                                I::I64x2AllTrue,
                            ];
                            let choice = self.random.pick(&choices);
                            return self.emit(choice);
                        }
                        _ => {
                            self.expression(of, depth);
                            return self.emit(I::RefIsNull);
                        }
                    };
                    (vec![of, of], self.random.pick(choices))
                }
                1 => self.random.pick(&[
                    (vec![ValType::I32], I::I32Eqz),
                    (vec![ValType::I32], I::I32Clz),
                    (vec![ValType::I32], I::I32Popcnt),
                    (vec![ValType::I32], I::I32Extend8S),
                    (vec![ValType::I64], I::I32WrapI64),
                    (vec![ValType::I64], I::I64Eqz),
                    (vec![ValType::F32], I::I32TruncSatF32S),
                    (vec![ValType::F64], I::I32TruncSatF64U),
                ]),
                2 if self.random.chance(20) => return self.size(),
                _ if trap => self.random.pick(&[
                    (vec![ValType::I32; 2], I::I32DivS),
                    (vec![ValType::I32; 2], I::I32RemU),
                    (vec![ValType::F32], I::I32TruncF32S),
                    (vec![ValType::F64], I::I32TruncF64U),
                ]),
                _ => {
                    let choices = [
                        I::I32Add,
                        I::I32Sub,
                        I::I32Mul,
                        I::I32And,
                        I::I32Or,
                        I::I32Xor,
                        I::I32Shl,
                        I::I32ShrS,
                        I::I32ShrU,
                        I::I32Rotl,
                        I::I32Rotr,
                    ];
                    (vec![ValType::I32; 2], self.random.pick(&choices))
                }
            },
            ValType::I64 if self.allowed.vectors && self.random.chance(5) => return self.wide(depth),
            ValType::I64 => match self.random.below(4) {
                0 => self.random.pick(&[
                    (vec![ValType::I64], I::I64Ctz),
                    (vec![ValType::I64], I::I64Extend32S),
                    (vec![ValType::I32], I::I64ExtendI32S),
                    (vec![ValType::I32], I::I64ExtendI32U),
                    (vec![ValType::F64], I::I64TruncSatF64S),
                    (vec![ValType::V128], I::I64x2ExtractLane(1)),
                ]),
                _ if trap => self.random.pick(&[
                    (vec![ValType::I64; 2], I::I64DivU),
                    (vec![ValType::I64; 2], I::I64RemS),
                    (vec![ValType::F32], I::I64TruncF32U),
                ]),
                _ => {
                    let choices = [
                        I::I64Add,
                        I::I64Sub,
                        I::I64Mul,
                        I::I64And,
                        I::I64Or,
                        I::I64Xor,
                        I::I64Shl,
                        I::I64ShrS,
                        I::I64Rotl,
                    ];
                    (vec![ValType::I64; 2], self.random.pick(&choices))
                }
            },
            ValType::F32 if self.random.chance(40) => self.random.pick(&[
                (vec![ValType::F32], I::F32Neg),
                (vec![ValType::F32], I::F32Sqrt),
                (vec![ValType::F32], I::F32Floor),
                (vec![ValType::I32], I::F32ConvertI32S),
                (vec![ValType::I64], I::F32ConvertI64U),
                (vec![ValType::F64], I::F32DemoteF64),
                (vec![ValType::I32], I::F32ReinterpretI32),
                (vec![ValType::V128], I::F32x4ExtractLane(3)),
            ]),
            ValType::F32 => {
                let choices = [I::F32Add, I::F32Sub, I::F32Mul, I::F32Div, I::F32Min, I::F32Max];
                (vec![ValType::F32; 2], self.random.pick(&choices))
            }
            ValType::F64 if self.random.chance(40) => self.random.pick(&[
                (vec![ValType::F64], I::F64Abs),
                (vec![ValType::F64], I::F64Nearest),
                (vec![ValType::F64], I::F64Ceil),
                (vec![ValType::I32], I::F64ConvertI32U),
                (vec![ValType::I64], I::F64ConvertI64S),
                (vec![ValType::F32], I::F64PromoteF32),
                (vec![ValType::I64], I::F64ReinterpretI64),
                (vec![ValType::V128], I::F64x2ExtractLane(1)),
            ]),
            ValType::F64 => {
                let choices = [I::F64Add, I::F64Sub, I::F64Mul, I::F64Div, I::F64Min, I::F64Max];
                (vec![ValType::F64; 2], self.random.pick(&choices))
            }
            ValType::V128 => return self.vector(depth),
            _ => return self.get(ty),
        };
        if !self.allowed.vectors && operands.contains(&ValType::V128) {
            return self.get(ty);
        }
        self.expressions(&operands, depth);
        self.emit(instruction);
    }

    /// A number of 128 bits, of which one half stays.
    fn wide(&mut self, depth: u32) {
        let operation = self.random.pick(&[I::I64Add128, I::I64Sub128, I::I64MulWideS, I::I64MulWideU]);
        let count = if matches!(operation, I::I64Add128 | I::I64Sub128) { 4 } else { 2 };
        self.expressions(&vec![ValType::I64; count], depth);
        let rest = if self.random.chance(50) { I::I64Xor } else { I::Drop };
        self.all(&[operation, rest]);
    }

    /// An operation that gives a vector.
    fn vector(&mut self, depth: u32) {
        use ValType::{F32, F64, I32, I64, V128};
        let lanes = std::array::from_fn(|_| self.random.below(32) as u8);
        let memarg = at(self.random.pick(&[0, 5, 100, 65_500]));
        let (operands, instruction) = match self.random.below(10) {
            0 => self.random.pick(&[
                (vec![I32], I::I8x16Splat),
                (vec![I32], I::I32x4Splat),
                (vec![I64], I::I64x2Splat),
                (vec![V128, I32], I::I8x16ReplaceLane(11)),
                (vec![V128, I32], I::I16x8ReplaceLane(2)),
                (vec![V128, I64], I::I64x2ReplaceLane(1)),
                (vec![F32], I::F32x4Splat),
                (vec![V128, F64], I::F64x2ReplaceLane(0)),
            ]),
            1 => self.random.pick(&[
                (vec![V128, I32], I::I8x16Shl),
                (vec![V128, I32], I::I16x8ShrS),
                (vec![V128, I32], I::I32x4ShrU),
                (vec![V128, I32], I::I64x2ShrS),
            ]),
            2 => self.random.pick(&[
                (vec![V128], I::V128Not),
                (vec![V128], I::I8x16Popcnt),
                (vec![V128], I::I16x8Abs),
                (vec![V128], I::I64x2Neg),
                (vec![V128], I::I16x8ExtendHighI8x16S),
                (vec![V128], I::I32x4ExtAddPairwiseI16x8U),
                (vec![V128], I::F32x4ConvertI32x4U),
                (vec![V128], I::F64x2ConvertLowI32x4S),
                (vec![V128], I::I32x4TruncSatF32x4U),
                (vec![V128], I::I32x4TruncSatF64x2SZero),
                (vec![V128], I::F32x4Neg),
                (vec![V128], I::F64x2Abs),
            ]),
            3 => (vec![V128; 3], I::V128Bitselect),
            4 => self.random.pick(&[(vec![V128; 2], I::I8x16Shuffle(lanes)), (vec![V128; 2], I::I8x16Swizzle)]),
            5 => {
                let choices = [
                    I::I8x16Eq,
                    I::I16x8LtS,
                    I::I32x4GtU,
                    I::I64x2GeS,
                    I::F32x4Lt,
                    I::F64x2Ne,
                    I::F32x4PMin,
                    I::F64x2PMax,
                ];
                (vec![V128; 2], self.random.pick(&choices))
            }
            6 => {
                let choices = [
                    (F32, I::F32x4Add),
                    (F32, I::F32x4Mul),
                    (F32, I::F32x4Min),
                    (F32, I::F32x4Max),
                    (F64, I::F64x2Sub),
                    (F64, I::F64x2Div),
                    (F64, I::F64x2Max),
                ];
                let (lane, instruction) = self.random.pick(&choices);
                self.expressions(&[V128, V128], depth);
                self.emit(instruction);
                return self.plain_lanes(lane);
            }
            7 => {
                self.address(depth);
                self.expression(V128, depth);
                let choices = [
                    I::V128Load8Lane { memarg, lane: 15 },
                    I::V128Load16Lane { memarg, lane: 6 },
                    I::V128Load64Lane { memarg, lane: 0 },
                ];
                let choice = self.random.pick(&choices);
                return self.emit(choice);
            }
            _ => {
                let choices = [
                    I::V128And,
                    I::V128Xor,
                    I::I8x16Add,
                    I::I8x16SubSatU,
                    I::I16x8AddSatS,
                    I::I16x8Mul,
                    I::I32x4Add,
                    I::I32x4MinS,
                    I::I64x2Sub,
                    I::I64x2Mul,
                    I::I8x16NarrowI16x8U,
                    I::I16x8NarrowI32x4S,
                    I::I32x4DotI16x8S,
                    I::I16x8Q15MulrSatS,
                    I::I64x2ExtMulHighI32x4U,
                    I::I8x16AvgrU,
                ];
                (vec![V128; 2], self.random.pick(&choices))
            }
        };
        for ty in operands {
            self.expression(ty, depth);
            if matches!(ty, F32 | F64) {
                // Its bits can be seen from now on.
                self.plain_nan(ty);
            }
        }
        self.emit(instruction);
    }

    /// Replaces NaNs among the lanes of a vector on the stack.
    fn plain_lanes(&mut self, lane: ValType) {
        let local = self.scratch + 2;
        let (nan, equal) = match lane {
            ValType::F32 => (0x7fc0_0000 * (u128::MAX / u128::from(u32::MAX)), I::F32x4Eq),
            _ => (0x7ff8_0000_0000_0000 * (u128::MAX / u128::from(u64::MAX)), I::F64x2Eq),
        };
        self.all(&[I::LocalTee(local), I::V128Const(nan as i128), I::LocalGet(local), I::LocalGet(local)]);
        self.all(&[equal, I::V128Bitselect]);
    }

    /// Replaces a NaN on the stack by one whose bits are known.
    fn plain_nan(&mut self, ty: ValType) {
        if self.nans {
            return;
        }
        let is_single = ty == ValType::F32;
        let local = self.scratch + u32::from(!is_single);
        self.emit(I::LocalTee(local));
        self.emit(if is_single { I::F32Const(0.0.into()) } else { I::F64Const(0.0.into()) });
        self.all(&[I::LocalGet(local), I::LocalGet(local)]);
        self.all(&[if is_single { I::F32Eq } else { I::F64Eq }, I::Select]);
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..self.random.below(4) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        self.budget -= 1;
        if self.budget < 0 {
            return;
        }
        let deeper = depth.saturating_sub(1);
        let choice = if depth == 0 { self.random.below(9) } else { self.random.below(22) };
        match choice {
            0..=3 => {
                let ty = some_type(self.random, self.allowed);
                if let Some(local) = self.local_of(ty) {
                    self.expression(ty, deeper);
                    self.emit(I::LocalSet(local));
                }
            }
            4 => {
                let globals = global_types(self.allowed);
                let place = self.random.below(globals.len());
                self.expression(globals[place], deeper);
                self.emit(I::GlobalSet(place as u32 + 1));
            }
            5 | 6 => self.store(deeper),
            7 => {
                let ty = some_type(self.random, self.allowed);
                self.expression(ty, deeper);
                self.emit(I::Drop);
            }
            8 => self.simple(),
            9 | 10 => {
                self.expression(ValType::I32, deeper);
                self.open(I::If, &[], &[]);
                self.statements(deeper);
                if self.random.chance(50) {
                    self.emit(I::Else);
                    self.statements(deeper);
                }
                self.close();
            }
            11 => {
                self.open(I::Block, &[], &[]);
                self.statements(deeper);
                self.expression(ValType::I32, deeper);
                self.emit(I::BrIf(0));
                self.statements(deeper);
                self.close();
            }
            12 | 13 => self.counted_loop(deeper),
            14 | 15 => self.branch(deeper),
            16 => self.branch_table(deeper),
            17 => self.bulk(deeper),
            18 => self.tail_call(deeper),
            19 | 20 if !self.tags.is_empty() => self.throw(deeper),
            19 | 20 if self.allowed.objects => self.change_object(deeper),
            _ => {
                let callable = self.callable();
                if callable != 0 {
                    let function = self.random.below(callable);
                    self.call(function, deeper);
                    self.drops(self.signatures[function].results.len());
                }
            }
        }
    }

    fn store(&mut self, depth: u32) {
        let ty = some_type(self.random, self.allowed);
        match ty {
            ValType::Ref(_) => {
                let Some(table) = table_of(ty) else { return self.change_object(depth) };
                self.element(depth);
                self.expression(ty, depth);
                self.emit(I::TableSet(table));
            }
            _ => {
                self.address(depth);
                self.expression(ty, depth);
                let access = at(self.random.pick(&[0, 1, 64, 65_500]));
                let instruction = match ty {
                    ValType::I32 => {
                        self.random.pick(&[I::I32Store(access), I::I32Store8(access), I::I32Store16(access)])
                    }
                    ValType::I64 => self.random.pick(&[I::I64Store(access), I::I64Store32(access)]),
                    ValType::V128 => self.random.pick(&[
                        I::V128Store(access),
                        I::V128Store8Lane { memarg: access, lane: 3 },
                        I::V128Store32Lane { memarg: access, lane: 2 },
                        I::V128Store64Lane { memarg: access, lane: 1 },
                    ]),
                    ValType::F32 => {
                        self.plain_nan(ty);
                        I::F32Store(at(4096))
                    }
                    _ => {
                        self.plain_nan(ty);
                        I::F64Store(at(8192))
                    }
                };
                self.emit(instruction);
            }
        }
    }

    fn simple(&mut self) {
        match self.random.below(100) {
            0..60 => self.emit(I::Nop),
            60..75 => self.all(&[I::MemorySize(0), I::Drop]),
            75..90 => {
                let delta = if self.random.chance(95) { 1 } else { -1 };
                self.small(self.memory64, delta);
                self.all(&[I::MemoryGrow(0), I::Drop]);
            }
            90..98 => {
                self.emit(I::RefNull(HeapType::EXTERN));
                // With fuel it costs as many elements as are asked for, also if there can't be so many.
                let delta = if self.random.chance(95) { 1 } else { 1000 };
                self.small(self.table64, delta);
                self.all(&[I::TableGrow(1), I::Drop]);
            }
            _ => self.emit(I::Unreachable),
        }
    }

    fn bulk(&mut self, depth: u32) {
        self.address(depth);
        if self.random.chance(50) {
            self.address(depth);
            self.small(self.memory64, 9);
            self.emit(I::MemoryCopy { src_mem: 0, dst_mem: 0 });
        } else {
            self.expression(ValType::I32, depth);
            self.small(self.memory64, 5);
            self.emit(I::MemoryFill(0));
        }
    }

    fn counted_loop(&mut self, depth: u32) {
        let Some(counter) = self.local_of(ValType::I32) else { return };
        self.counters.push(counter as usize);
        let turns = 1 + self.random.below(5) as i32;
        self.all(&[I::I32Const(turns), I::LocalSet(counter)]);
        // Values that the loop carries around.
        let carried = if self.random.chance(40) { some_types(self.random, 3, self.allowed) } else { Vec::new() };
        self.expressions(&carried, depth.min(1));
        self.open(I::Loop, &carried, &carried);
        *self.labels.last_mut().expect("it was opened") = None;
        self.fuel();
        self.statements(depth);
        self.all(&[I::LocalGet(counter), I::I32Const(1), I::I32Sub, I::LocalTee(counter), I::BrIf(0)]);
        self.statements(depth.min(1));
        self.close();
        self.drops(carried.len());
        self.counters.pop();
    }

    /// A branch outwards, conditional or not, with what it carries; dead code may follow.
    fn branch(&mut self, depth: u32) {
        let forward: Vec<_> = (0..self.labels.len()).filter(|label| self.labels[*label].is_some()).collect();
        let label = self.random.pick(&forward);
        let carried = self.labels[label].clone().expect("just filtered");
        let relative = (self.labels.len() - 1 - label) as u32;
        // What lies beneath is thrown away by the branch.
        let beneath = some_types(self.random, 3, self.allowed);
        self.expressions(&beneath, depth.min(1));
        self.expressions(&carried, depth);
        if self.random.chance(80) {
            self.expression(ValType::I32, depth);
            self.emit(I::BrIf(relative));
            self.drops(carried.len() + beneath.len());
        } else {
            let returns = label == 0 && self.random.chance(50);
            self.emit(if returns { I::Return } else { I::Br(relative) });
        }
    }

    fn branch_table(&mut self, depth: u32) {
        let count = 1 + self.random.below(4) as u32;
        for _ in 0..count {
            self.open(I::Block, &[], &[]);
        }
        self.expression(ValType::I32, depth);
        if self.random.chance(80) {
            self.all(&[I::I32Const(7), I::I32And]);
        }
        let targets: Vec<u32> = (0..self.random.below(6)).map(|_| self.random.below(count as usize) as u32).collect();
        let default = self.random.below(count as usize) as u32;
        self.emit(I::BrTable(targets.into(), default));
        for _ in 0..count {
            self.close();
            self.statements(depth.min(1));
        }
    }
}
