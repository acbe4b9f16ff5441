//! How much memory compiling a function may take, and whether it can be had.
//!
//! Cranelift allocates as it goes, and memory that isn't there ends the process. So each function is measured first, together
//! with its validation, and the sum is asked for on trial before its compilation begins. Knows nothing of machine code.
//! Invariants: functions that are compiled at the same time have room for all of them at once; one that has none while
//! others are compiled waits until it is alone. Read next: [`super::function`].

use super::inlining::{Inlinables, Room};
use super::model::Plan;
use crate::abi::operators::vector_operator;
use crate::base::{
    DefinedFuncIndex, Error, ErrorKind, FuncIndex, FuncType, GlobalIndex, Result, TagIndex, TypeIndex, ValType, WasmPc,
    error::bail,
};
use crate::wasm::features::validated;
use crate::wasm::parse::invalid;
use crate::wasm::stack_effect::{branch_label, catch_clauses, catch_labels};
use crate::wasm::{ModuleInfo, OpenCatches};
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use wasmparser::{
    BlockType, BrTable, FrameKind, FuncValidator, FunctionBody, Operator, ValidatorResources, WasmModuleResources,
};

/// Bytes for what every function needs.
const BASE: u64 = 64 << 10;
/// Bytes for each byte of a body, debugging off and on. Measured: up to 1,900 and 2,400, by indirect calls and by
/// branch tables. Ordinary code takes 50 to 300.
const BY_BYTE: [u64; 2] = [3000, 4000];
/// Bytes for each local. Measured: 86 and 154.
const BY_LOCAL: [u64; 2] = [160, 320];
/// Bytes for each value that a call or a branch carries. Measured: 720 and 1,310.
const BY_VALUE: [u64; 2] = [1200, 2000];
/// Bytes for each operand that waits for a call while it can be looked at. Measured: 365.
const BY_WAITING: u64 = 600;
/// Bytes for each local and operand at the end of a run, which a state may describe.
const BY_STATE: u64 = 8;
/// Bytes for each comparison that stands in for a fault, where nothing may fault. Measured: 9,500, by loads.
const BY_CHECK: u64 = 11_000;
/// Bytes for each operator that deals with a short array by itself. Measured: 66,000, by copies.
const BY_SHORT_ARRAY: u64 = 80_000;
/// Bytes for each cast, beside those for its bytes. Measured: 19,000 for three bytes.
const BY_CAST: u64 = 16_000;
/// So many operators do in each function, and one more for so many bytes of it: few functions have more.
const FEW_SHORT_ARRAYS: u64 = 16;
const LENGTH_FOR_SHORT_ARRAY: u64 = 64;
/// So many objects are made in each function without a call, and one more for so many bytes of it: the optimiser's work grows
/// faster than their number.
const FEW_MADE: u64 = 64;
const LENGTH_FOR_MADE: u64 = 32;
/// Bytes for each byte of a body in which there may be checks, or looks, for what is alive across them.
const BY_BYTE_WITH_CHECKS: u64 = 1500;
/// Bytes for each local in each block that is open at the same time, debugging on. Measured: 16.
const BY_OPEN_LOCAL: u64 = 32;

/// What a thread asks for at once, if that is enough for many functions.
const PORTION: u64 = 32 << 20;

/// What compiling a function has to do with, counted while it is validated.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Bytes of its body.
    pub(super) length: u64,
    /// Bytes of the bodies that are put in the places of calls.
    pub(super) inlined: u64,
    /// All its locals.
    locals: u64,
    /// The locals that its operators name, ascending.
    pub(super) named: Vec<u32>,
    /// The most operands at once.
    pub(super) operands: u32,
    /// Named locals and operands at each place where control flow does more than go on.
    pub(super) crossing: u64,
    /// Values that calls and branches carry.
    pub(super) values: u64,
    /// Operands at each call.
    pub(super) waiting: u64,
    /// Locals and operands at the end of each run.
    states: u64,
    /// Comparisons that its operators need where nothing may fault.
    checks: u64,
    /// The same for those bodies.
    checks_inlined: u64,
    /// Operators that make, fill or copy arrays.
    arrays: u64,
    /// The most blocks that are open at once.
    open: u64,
    /// The most loops that are open at once.
    pub(super) loops: u64,
    /// The most blocks that catch exceptions that are open at once.
    pub(super) tries: u64,
    /// The branches to each label, squared, all together.
    pub(super) meeting: u64,
    /// Operators that look at what type an object or function is of.
    pub(super) casts: u64,
    /// Whether it may have values of 16 bytes.
    pub(super) has_vectors: bool,
    /// The `catch` and `catch_all` whose exceptions are thrown again.
    pub(super) rethrown: HashSet<WasmPc>,
}

impl Measured {
    /// What compiling a function in its exact form has to do with, which was validated and planned.
    pub(super) fn of_exact(info: &ModuleInfo, function: DefinedFuncIndex, plan: &Plan) -> Result<Measured> {
        let body = &info.bodies[function];
        let mut is_named = vec![false; plan.locals as usize];
        let operators = info.body(function).get_operators_reader().map_err(|error| invalid(&error))?;
        let mut checks = 0;
        let (mut catches, mut rethrown) = (OpenCatches::default(), HashSet::new());
        for operator in operators.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| invalid(&error))?;
            checks += checks_of(info.bytes[offset as usize]);
            rethrown.extend(catches.see(WasmPc(offset as u32), &operator));
            if let Operator::LocalGet { local_index: local }
            | Operator::LocalSet { local_index: local }
            | Operator::LocalTee { local_index: local } = operator
            {
                is_named[local as usize] = true;
            }
        }
        let named = (0..plan.locals).filter(|local| is_named[*local as usize]).collect();
        Ok(Measured {
            length: u64::from(body.range.end - body.range.start),
            locals: u64::from(plan.locals),
            named,
            checks,
            rethrown,
            // What is carried is stored and read back, each by an effect.
            values: plan.effects.count() as u64,
            ..Measured::default()
        })
    }

    /// How many operators at most deal with short arrays by themselves: each makes as much code as many others.
    pub(super) fn short_arrays(&self) -> u64 {
        self.arrays.min(FEW_SHORT_ARRAYS + self.length / LENGTH_FOR_SHORT_ARRAY)
    }

    /// How many operators at most make structures, or arrays of their operands, by themselves.
    pub(super) fn made_inline(&self) -> u64 {
        FEW_MADE + self.length / LENGTH_FOR_MADE
    }

    /// Bytes of memory that compiling may take. `has_checks` if nothing may fault, `has_cold_blocks` if blocks are added for that or
    /// for pieces, `keeps_operands` if operands that wait for calls are values.
    pub(super) fn bytes(&self, debug: bool, has_checks: bool, has_cold_blocks: bool, keeps_operands: bool) -> u64 {
        let which = usize::from(debug);
        let parts = [
            (self.length + self.inlined).saturating_mul(BY_BYTE[which]),
            self.locals.saturating_mul(BY_LOCAL[which]),
            self.values.saturating_mul(BY_VALUE[which]),
            if debug && keeps_operands { self.waiting.saturating_mul(BY_WAITING) } else { 0 },
            self.states.saturating_mul(BY_STATE),
            self.short_arrays().saturating_mul(BY_SHORT_ARRAY),
            self.casts.saturating_mul(BY_CAST),
            // With debugging on, nothing may fault in what has the place of a call.
            if has_checks { self.checks.saturating_mul(BY_CHECK) } else { 0 },
            if debug || has_checks { self.checks_inlined.saturating_mul(BY_CHECK) } else { 0 },
            if has_cold_blocks || debug && self.inlined > 0 {
                (self.length + self.inlined).saturating_mul(BY_BYTE_WITH_CHECKS)
            } else {
                0
            },
            if debug { self.locals.saturating_mul(self.open).saturating_mul(BY_OPEN_LOCAL) } else { 0 },
        ];
        parts.into_iter().fold(BASE, u64::saturating_add)
    }
}

/// Validates a function's body, and measures it.
pub(super) fn validate(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    info: &ModuleInfo,
    inlinables: &Inlinables,
    debug: bool,
) -> Result<Measured> {
    measure(validator, body, info, inlinables, debug).map_err(|error| invalid(&error))
}

fn measure(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    info: &ModuleInfo,
    inlinables: &Inlinables,
    debug: bool,
) -> wasmparser::Result<Measured> {
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    reader.set_features(validated());
    let mut measured = Measured {
        length: body.range().end - body.range().start,
        locals: u64::from(validator.len_locals()),
        ..Measured::default()
    };
    measured.has_vectors =
        (0..validator.len_locals()).any(|local| validator.get_local_type(local) == Some(wasmparser::ValType::V128));
    let mut is_named = vec![false; measured.locals as usize];
    let (mut open_blocks, mut catches) = (OpenBlocks::default(), OpenCatches::default());
    // Where control flow does more than go on.
    let mut crossings = 0_u64;
    let mut room = Room::of(measured.length);
    while !reader.eof() {
        let offset = reader.original_position();
        let operator = reader.peek_operator(&validator.visitor(offset))?;
        // An exception that is thrown again is one, too.
        let operands = u64::from(validator.operand_stack_height()) + open_blocks.legacy_tries;
        measured.checks += checks_of(info.bytes[offset as usize]);
        let branched = branched_values(validator, &operator);
        measured.meeting = measured.meeting.saturating_add(open_blocks.branch(&operator));
        reader.visit_operator(&mut validator.visitor(offset))??;
        measured.rethrown.extend(catches.see(WasmPc(offset as u32), &operator));
        // What follows reads indices that were just validated.
        let called = match operator {
            Operator::Call { function_index } => Some(info.signature(FuncIndex::from_u32(function_index))),
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                Some(&info.signatures[TypeIndex::from_u32(type_index)])
            }
            _ => None,
        };
        // Nothing waits for a tail call.
        let handed_on = match operator {
            Operator::ReturnCall { function_index } => info.signature(FuncIndex::from_u32(function_index)).params.len(),
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                info.signatures[TypeIndex::from_u32(type_index)].params.len()
            }
            Operator::Throw { tag_index } | Operator::Catch { tag_index } => {
                info.tag_signature(TagIndex::from_u32(tag_index)).params.len()
            }
            _ => 0,
        };
        let mut values = branched.saturating_add(handed_on as u64);
        if let Some(ty) = called {
            values = values.saturating_add((ty.params.len() + ty.results.len()) as u64);
            measured.waiting = measured.waiting.saturating_add(operands);
        }
        measured.values = measured.values.saturating_add(values);
        if let Operator::LocalGet { local_index: local }
        | Operator::LocalSet { local_index: local }
        | Operator::LocalTee { local_index: local } = operator
            && !std::mem::replace(&mut is_named[local as usize], true)
        {
            measured.named.push(local);
        }
        if let Some((_, inlinable)) = inlinables.called(info, &operator)
            && room.take(&inlinable)
        {
            measured.inlined += u64::from(inlinable.length);
            measured.checks_inlined += inlinable.checks;
            crossings += inlinable.crossings;
            measured.crossing = measured.crossing.saturating_add(operands.saturating_mul(inlinable.crossings));
        }
        measured.arrays += u64::from(deals_with_array(&operator));
        measured.casts += u64::from(casts(&operator));
        measured.has_vectors |= makes_vectors(info, &operator);
        open_blocks.see(&operator);
        measured.loops = measured.loops.max(open_blocks.loops);
        measured.tries = measured.tries.max(open_blocks.tries);
        // Whoever may throw in a block that catches branches, too.
        let may_throw = called.is_some()
            || matches!(operator, Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. });
        if crosses(&operator) || may_throw && open_blocks.tries > 0 {
            crossings += match &operator {
                Operator::TryTable { try_table } => 1 + try_table.catches.len() as u64,
                _ => 1,
            };
            measured.crossing = measured.crossing.saturating_add(operands.saturating_sub(branched));
        }
        if debug && info.ends_run(&operator) {
            measured.states = measured.states.saturating_add(measured.locals + operands);
        }
        let behind = u64::from(validator.operand_stack_height()) + open_blocks.legacy_tries;
        measured.operands = measured.operands.max(operands.max(behind) as u32);
        measured.open = measured.open.max(u64::from(validator.control_stack_height()));
    }
    reader.finish_expression(&validator.visitor(reader.original_position()))?;
    measured.named.sort_unstable();
    let named = measured.named.len() as u64;
    measured.crossing = measured.crossing.saturating_add(crossings.saturating_mul(named));
    Ok(measured)
}

/// How many comparisons an operator that begins with this byte needs at most.
fn checks_of(opcode: u8) -> u64 {
    match opcode {
        // `unreachable`, accesses, and whatever has a prefix.
        0x00 | 0x28..=0x3e | 0xfb..=0xfd => 1,
        // Tables' elements, atomic accesses, divisions, conversions to integers.
        0x25 | 0x26 | 0xfe | 0x6d..=0x70 | 0x7f..=0x82 | 0xa8..=0xab | 0xae..=0xb1 => 2,
        // Indirect calls: the index, the function, its type.
        0x11 | 0x13 => 3,
        _ => 0,
    }
}

/// The blocks that are open, also in unreachable code.
struct OpenBlocks {
    kinds: Vec<Open>,
    /// How many branches there were so far to the function's label, and to that of each.
    branches: Vec<u64>,
    loops: u64,
    /// Those that catch exceptions.
    tries: u64,
    /// Of these, the older ones, with `catch` and `catch_all` inside.
    legacy_tries: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Loop,
    Try,
    LegacyTry,
    Other,
}

impl Default for OpenBlocks {
    fn default() -> OpenBlocks {
        OpenBlocks { kinds: Vec::new(), branches: vec![0], loops: 0, tries: 0, legacy_tries: 0 }
    }
}

impl OpenBlocks {
    /// Counts the labels that an operator may branch to; answers by how much the squares of these counts have grown.
    fn branch(&mut self, operator: &Operator<'_>) -> u64 {
        let to = |depth: u32| {
            let label = self.branches.iter_mut().nth_back(depth as usize);
            // What isn't valid is found by others.
            label.map_or(0, |count| {
                *count += 1;
                2 * *count - 1
            })
        };
        match operator {
            Operator::BrTable { targets } => {
                let labels: BTreeSet<u32> = table_labels(targets).collect();
                labels.into_iter().map(to).fold(0, u64::saturating_add)
            }
            Operator::TryTable { try_table } => catch_labels(try_table).map(to).fold(0, u64::saturating_add),
            _ => branch_label(operator).map_or(0, to),
        }
    }

    fn see(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Loop { .. } => {
                self.open(Open::Loop);
                self.loops += 1;
            }
            Operator::TryTable { .. } => {
                self.open(Open::Try);
                self.tries += 1;
            }
            Operator::Try { .. } => {
                self.open(Open::LegacyTry);
                self.tries += 1;
                self.legacy_tries += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => self.open(Open::Other),
            Operator::End | Operator::Delegate { .. } => {
                self.branches.pop();
                match self.kinds.pop() {
                    Some(Open::Loop) => self.loops -= 1,
                    Some(Open::Try) => self.tries -= 1,
                    Some(Open::LegacyTry) => {
                        self.tries -= 1;
                        self.legacy_tries -= 1;
                    }
                    // The function's own `end` finds none.
                    Some(Open::Other) | None => {}
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, kind: Open) {
        self.kinds.push(kind);
        self.branches.push(0);
    }
}

/// Whether what an operator gives, or what is carried out of a block that it opens, may have 16 bytes.
fn makes_vectors(info: &ModuleInfo, operator: &Operator<'_>) -> bool {
    let gives = |ty: &FuncType| ty.results.contains(&ValType::V128);
    let carries = |tag| info.tag_signature(tag).params.contains(&ValType::V128);
    let block_gives = |ty| match ty {
        BlockType::Empty => false,
        BlockType::Type(ty) => ty == wasmparser::ValType::V128,
        BlockType::FuncType(index) => gives(&info.signatures[TypeIndex::from_u32(index)]),
    };
    match *operator {
        Operator::Call { function_index } => gives(info.signature(FuncIndex::from_u32(function_index))),
        Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
            gives(&info.signatures[TypeIndex::from_u32(type_index)])
        }
        Operator::Block { blockty }
        | Operator::Loop { blockty }
        | Operator::If { blockty }
        | Operator::Try { blockty } => block_gives(blockty),
        Operator::Catch { tag_index } => carries(TagIndex::from_u32(tag_index)),
        Operator::TryTable { ref try_table } => {
            catch_clauses(try_table).iter().any(|clause| clause.tag.is_some_and(carries)) || block_gives(try_table.ty)
        }
        Operator::GlobalGet { global_index } => {
            info.globals[GlobalIndex::from_u32(global_index)].value == ValType::V128
        }
        _ => vector_operator(operator).is_some(),
    }
}

/// Whether what is alive at the operator is carried into another block.
fn crosses(operator: &Operator<'_>) -> bool {
    use Operator::*;
    match operator {
        Block { .. } | Loop { .. } | If { .. } | TryTable { .. } | Else | BrTable { .. } => true,
        Try { .. } | Catch { .. } | CatchAll | Delegate { .. } => true,
        // Their results are looked at.
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => true,
        TableFill { .. } | TableCopy { .. } | TableInit { .. } => true,
        MemoryAtomicWait32 { .. } | MemoryAtomicWait64 { .. } | MemoryAtomicNotify { .. } => true,
        _ => branch_label(operator).is_some() || deals_with_array(operator),
    }
}

/// Whether the operator looks at what type something is of.
fn casts(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        RefTestNonNull { .. }
            | RefTestNullable { .. }
            | RefCastNonNull { .. }
            | RefCastNullable { .. }
            | BrOnCast { .. }
            | BrOnCastFail { .. }
    )
}

/// Whether there are several ways to do what the operator does, one of them for short arrays.
fn deals_with_array(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(operator, ArrayNew { .. } | ArrayNewDefault { .. } | ArrayFill { .. } | ArrayCopy { .. })
}

/// The labels of a `br_table`, each as often as it is named there; what can't be read isn't valid, and is found by others.
fn table_labels(targets: &BrTable<'_>) -> impl Iterator<Item = u32> {
    targets.targets().filter_map(|depth| depth.ok()).chain([targets.default()])
}

/// How many values an operator gives to the labels that it may branch to, or takes into a block.
fn branched_values(validator: &FuncValidator<ValidatorResources>, operator: &Operator<'_>) -> u64 {
    let of_type = |ty: BlockType, for_loop: bool| match ty {
        BlockType::Empty => 0,
        BlockType::Type(_) => u64::from(!for_loop),
        BlockType::FuncType(index) => {
            let ty = validator.resources().sub_type_at(index).map(|ty| &ty.composite_type.inner);
            match ty {
                Some(wasmparser::CompositeInnerType::Func(ty)) if for_loop => ty.params().len() as u64,
                Some(wasmparser::CompositeInnerType::Func(ty)) => ty.results().len() as u64,
                _ => 0,
            }
        }
    };
    let of_label = |depth: u32| {
        let frame = validator.get_control_frame(depth as usize);
        frame.map_or(0, |frame| of_type(frame.block_type, frame.kind == FrameKind::Loop))
    };
    match operator {
        Operator::Block { blockty }
        | Operator::Loop { blockty }
        | Operator::If { blockty }
        | Operator::Try { blockty } => of_type(*blockty, true) + of_type(*blockty, false),
        // What comes before it branches to the end of the block.
        Operator::Catch { .. } | Operator::CatchAll => of_label(0),
        Operator::TryTable { try_table } => {
            let own = of_type(try_table.ty, true) + of_type(try_table.ty, false);
            catch_labels(try_table).map(of_label).fold(own, u64::saturating_add)
        }
        Operator::BrTable { targets } => table_labels(targets).map(of_label).fold(0, u64::saturating_add),
        _ => branch_label(operator).map_or(0, of_label),
    }
}

/// How many values the calls and branches of a module's functions carry, and may carry.
pub(super) struct Carried {
    limit: u64,
    count: AtomicU64,
}

impl Carried {
    /// For a module whose functions have so many bytes: one value for each is allowed, and `more`.
    pub(super) fn new(bytes: u64, more: u64) -> Carried {
        Carried { limit: bytes.saturating_add(more), count: AtomicU64::new(0) }
    }

    /// Adds what a function carries.
    ///
    /// Errors: `Limit`.
    pub(super) fn add(&self, values: u64) -> Result<()> {
        let count = self.count.fetch_add(values, Ordering::Relaxed).saturating_add(values);
        if count > self.limit {
            bail!(Limit, "calls and branches carry {count} values, the limit is {}", self.limit);
        }
        Ok(())
    }
}

/// What the functions that are compiled at the same time share.
pub(super) struct Memory {
    /// Whether so many bytes can be had.
    available: fn(u64) -> bool,
    /// What one function may take.
    limit: u64,
    /// What was found to be there, for those that are being compiled.
    promised: AtomicU64,
    /// Held for reading by each that is being compiled, for writing by one that has to be alone.
    alone: RwLock<()>,
}

impl Memory {
    pub(super) fn new(available: fn(u64) -> bool, limit: u64) -> Memory {
        Memory { available, limit, promised: AtomicU64::new(0), alone: RwLock::new(()) }
    }

    /// What one function may take.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Fails with `System` if so many bytes can't be had.
    pub(super) fn check(&self, bytes: u64) -> Result<()> {
        if !(self.available)(bytes) {
            bail!(System, "compiling may take {bytes} bytes of memory, which can't be had");
        }
        Ok(())
    }

    /// One thread's part.
    pub(super) fn share(&self) -> Share<'_> {
        Share { memory: self, promised: 0, left: 0, turn: None }
    }
}

/// What a thread may use of the memory.
pub(super) struct Share<'a> {
    memory: &'a Memory,
    /// What this thread was promised.
    promised: u64,
    /// What is left of it.
    left: u64,
    /// For the function that is being compiled.
    turn: Option<Turn<'a>>,
}

#[expect(dead_code, reason = "locks that are held")]
enum Turn<'a> {
    WithOthers(RwLockReadGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Share<'_> {
    /// Makes sure that a function can take so many bytes, until [`Share::done`].
    ///
    /// Errors: `Limit`, `System`.
    pub(super) fn take(&mut self, bytes: u64) -> Result<()> {
        let memory = self.memory;
        if bytes > memory.limit {
            let (kind, limit) = (ErrorKind::Limit, memory.limit);
            return Err(Error::new(kind, format!("it may take {bytes} bytes of memory, the limit is {limit}")));
        }
        self.turn = Some(Turn::WithOthers(memory.alone.read().unwrap_or_else(|poisoned| poisoned.into_inner())));
        if self.left < bytes {
            self.give_back();
            let portion = bytes.max(PORTION);
            let all = memory.promised.fetch_add(portion, Ordering::Relaxed).saturating_add(portion);
            (self.promised, self.left) = (portion, portion);
            if !(memory.available)(all) {
                self.give_back();
                self.turn = None;
                let alone = memory.alone.write().unwrap_or_else(|poisoned| poisoned.into_inner());
                memory.check(bytes)?;
                self.turn = Some(Turn::Alone(alone));
                return Ok(());
            }
        }
        self.left -= bytes;
        Ok(())
    }

    /// The function was compiled, or won't be.
    pub(super) fn done(&mut self) {
        self.turn = None;
    }

    fn give_back(&mut self) {
        self.memory.promised.fetch_sub(self.promised, Ordering::Relaxed);
        (self.promised, self.left) = (0, 0);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DefinedFuncIndex;
    use crate::wasm::TypeRegistry;

    fn needed(text: &str, debug: bool) -> u64 {
        let parsed = crate::wasm::parse(&wat::parse_str(text).unwrap(), &TypeRegistry::default()).unwrap();
        let (index, input) = parsed.to_validate.into_iter().next().unwrap();
        assert_eq!(index, DefinedFuncIndex::from_u32(0));
        let mut validator = input.into_validator(Default::default());
        let measured =
            validate(&mut validator, &parsed.info.body(index), &parsed.info, &Inlinables::default(), debug).unwrap();
        measured.bytes(debug, false, false, true)
    }

    #[test]
    fn all_that_takes_memory_is_counted() {
        let small = needed("(module (func))", false);
        assert!(small < 1 << 20);
        assert!(needed("(module (func))", true) > small);
        let locals = format!("(module (func (local {})))", "i32 ".repeat(40_000));
        assert!(needed(&locals, false) > small + 6_000_000);
        let many = "i32 ".repeat(1000);
        let consts = "i32.const 0 ".repeat(1000);
        let drops = "drop ".repeat(1000);
        let calls = "call $f ".repeat(100);
        let call =
            format!("(module (func {consts} {calls} {drops}) (func $f (param {many}) (result {many}) unreachable))");
        assert!(needed(&call, false) > 200_000 * 1000);
        let tables = format!(
            "(module (func (block $b (result {many}) {consts} (br_table {} (i32.const 0))) {drops}))",
            "$b ".repeat(1000)
        );
        assert!(needed(&tables, false) > 1_000_000 * 1000);
        let nested = format!(
            "(module (func (local {}) {} {}))",
            "i32 ".repeat(1000),
            "block ".repeat(1000),
            "end ".repeat(1000)
        );
        assert!(needed(&nested, true) > needed(&nested, false) + 16_000_000);
        let arrays = |copies: usize| {
            let copy = "(array.copy $a $a (local.get 0) (local.get 1) (local.get 0) (local.get 1) (local.get 1)) ";
            needed(
                &format!("(module (type $a (array (mut i8))) (func (param (ref $a) i32) {}))", copy.repeat(copies)),
                false,
            )
        };
        assert!(arrays(10) > small + 660_000);
        // Not each of so many is dealt with in guest code.
        assert!(arrays(10_000) < 10_000 * 66_000);
    }

    static PRESENT: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn those_who_have_no_room_together_are_compiled_alone() {
        let memory = Memory::new(|bytes| bytes <= PRESENT.load(Ordering::Relaxed), 5 * PORTION);
        PRESENT.store(3 * PORTION, Ordering::Relaxed);
        let mut first = memory.share();
        // A part of a portion, then the rest of it.
        first.take(10).unwrap();
        first.done();
        first.take(PORTION - 10).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| memory.share().take(3 * PORTION).map_err(|error| error.kind()));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!other.is_finished(), "it waits for the first");
            first.done();
            assert_eq!(other.join().unwrap(), Ok(()));
        });
        assert_eq!(memory.share().take(4 * PORTION).unwrap_err().kind(), ErrorKind::System);
        assert_eq!(memory.share().take(6 * PORTION).unwrap_err().kind(), ErrorKind::Limit);
        // Nothing is held by those that were refused.
        drop(first);
        assert_eq!(memory.promised.load(Ordering::Relaxed), 0);
        memory.share().take(3 * PORTION).unwrap();
    }
}
