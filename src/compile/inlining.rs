//! Calls of small functions of the same module: their bodies are put in the place of the call.
//!
//! With debugging off, what such a body does is only told apart where a trap is told of: its instructions have *locations* of their
//! own ([`Inlined`]), from which a trap's table says which function was running in the frame of which other.
//!
//! With debugging on there is no frame to look at, so nobody may want to. The call that was replaced is still there, beside the
//! body: it is made if a stop point of the called function is armed in the store ([`GUARDS`](crate::abi::vmctx::GUARDS)), or if the
//! body is about to trap, before it does. It begins anew then, so a body may only have done by that time what can be done again.
//!
//! Invariants: a body that is put in a call's place was validated, makes no call, has no loop, and ends. Read next:
//! [`super::calls`].

use super::function::Translator;
use super::locals::{Keep, Locals};
use super::model::Moment;
use super::{Mode, signatures};
use crate::abi::operators::numeric_result;
use crate::abi::vmctx::GUARDS;
use crate::base::{
    DefinedFuncIndex, FuncIndex, FuncType, MemoryIndex, Result, StorageType, TypeIndex, ValType, WasmPc,
};
use crate::wasm::ModuleInfo;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value, types};
use cranelift_entity::{PrimaryMap, SecondaryMap};
use std::mem::{replace, take};
use wasmparser::{FuncToValidate, FuncValidatorAllocations, Operator, ValidatorResources};

/// Bytes of the longest body that is put in the place of a call.
const LONGEST: u32 = 48;
/// The most locals, parameters included, that such a function has.
const MOST_LOCALS: u64 = 16;
/// Bytes of bodies that are put into any function, and one more for so many of its own: most of them are branches, which take longest to
/// compile.
const ALWAYS: u64 = 256;
const LENGTH_FOR_ONE: u64 = 4;
/// Modules of more bytes are compiled without: their instructions' locations leave no numbers for others.
const LARGEST_MODULE: usize = 1 << 31;

/// The functions of a module that are put in the place of calls.
#[derive(Debug, Default)]
pub(super) struct Inlinables(SecondaryMap<DefinedFuncIndex, Option<Inlinable>>);

/// What a body costs that is put in a call's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inlinable {
    /// Its bytes.
    pub(super) length: u32,
    /// Comparisons that its operators need where nothing may fault.
    pub(super) checks: u64,
    /// Its places where control flow does more than go on.
    pub(super) crossings: u64,
}

/// How many bytes of bodies may still be put into a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room(u64);

/// The operators of bodies that were put into a function.
#[derive(Debug, Default)]
pub(super) struct Inlined(Vec<InlinedOperator>);

#[derive(Clone, Copy, Debug)]
pub(super) struct InlinedOperator {
    /// The function that it belongs to.
    pub(super) function: DefinedFuncIndex,
    pub(super) pc: WasmPc,
    /// The call that the function's body has the place of.
    pub(super) call: WasmPc,
}

impl Inlinables {
    /// Finds those of a module.
    pub(super) fn find(
        info: &ModuleInfo,
        mode: Mode,
        functions: &PrimaryMap<DefinedFuncIndex, FuncToValidate<ValidatorResources>>,
    ) -> Inlinables {
        let mut found = Inlinables::default();
        if !mode.inlines || !mode.optimises || mode.exact || mode.counting.any() || info.bytes.len() > LARGEST_MODULE {
            return found;
        }
        let mut memory = FuncValidatorAllocations::default();
        for (function, input) in functions {
            let Some(inlinable) = measure(info, function, mode.debug) else { continue };
            // Its own turn to be validated may come later, and tells what is wrong.
            let FuncToValidate { resources, index, ty, features } = input;
            let input = FuncToValidate { resources: resources.clone(), index: *index, ty: *ty, features: *features };
            let mut validator = input.into_validator(take(&mut memory));
            let is_valid = validator.validate(&info.body(function)).is_ok();
            memory = validator.into_allocations();
            if is_valid {
                found.0[function] = Some(inlinable);
            }
        }
        found
    }

    /// All of them, ascending.
    pub(super) fn functions(&self) -> impl Iterator<Item = DefinedFuncIndex> {
        self.0.iter().filter(|(_, inlinable)| inlinable.is_some()).map(|(function, _)| function)
    }

    /// The function that an operator calls, if its body may be put in the call's place.
    pub(super) fn called(&self, info: &ModuleInfo, operator: &Operator<'_>) -> Option<(DefinedFuncIndex, Inlinable)> {
        let Operator::Call { function_index } = *operator else { return None };
        let function = info.defined_func(FuncIndex::from_u32(function_index))?;
        self.0.get(function).copied().flatten().map(|inlinable| (function, inlinable))
    }
}

impl Room {
    /// What a function has whose body has so many bytes.
    pub(super) fn of(length: u64) -> Room {
        Room(ALWAYS + length / LENGTH_FOR_ONE)
    }

    /// Whether there is room for this; it is taken.
    pub(super) fn take(&mut self, inlinable: &Inlinable) -> bool {
        let left = self.0.checked_sub(u64::from(inlinable.length));
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

impl Inlined {
    /// The location of an operator's instructions: a number behind those of the module's own operators.
    fn add(&mut self, info: &ModuleInfo, operator: InlinedOperator) -> WasmPc {
        self.0.push(operator);
        WasmPc((info.bytes.len() + self.0.len() - 1) as u32)
    }

    /// The operator that has this location, if it is in a body that was put into the function.
    pub(super) fn at(&self, info: &ModuleInfo, location: WasmPc) -> Option<&InlinedOperator> {
        self.0.get((location.0 as usize).checked_sub(info.bytes.len())?)
    }
}

/// What a body costs in the place of a call, if it may be there.
fn measure(info: &ModuleInfo, function: DefinedFuncIndex, debug: bool) -> Option<Inlinable> {
    let range = &info.bodies[function].range;
    let body = info.body(function);
    let declared =
        body.get_locals_reader().ok()?.into_iter().map(|declaration| declaration.map(|(count, _)| u64::from(count)));
    let declared = declared.sum::<wasmparser::Result<u64>>().ok()?;
    let params = info.signature(info.func_index(function)).params.len() as u64;
    if range.end - range.start > LONGEST || params + declared > MOST_LOCALS {
        return None;
    }
    let mut inlinable = Inlinable { length: range.end - range.start, checks: 0, crossings: 1 };
    let (mut reads, mut changes, mut traps_late) = (false, false, false);
    for operator in body.get_operators_reader().ok()?.into_iter_with_offsets() {
        let (operator, offset) = operator.ok()?;
        let does = Does::of(info, &operator, info.bytes[offset as usize])?;
        traps_late |= does.traps && changes;
        reads |= does.reads;
        changes |= does.changes;
        inlinable.checks += u64::from(does.traps) * 2;
        inlinable.crossings += u64::from(does.branches);
    }
    // With debugging on, what traps is done once more from the beginning: with what its own changes have left, if it reads.
    let is_shared = |memory: &MemoryIndex| info.memories[*memory].is_shared;
    let may_trap_late = !debug || !traps_late || !reads && !info.memories.keys().any(|memory| is_shared(&memory));
    may_trap_late.then_some(inlinable)
}

/// What an operator does that may be in a body which is put in a call's place.
#[derive(Clone, Copy, Default)]
struct Does {
    traps: bool,
    /// Whether it reads what may be changed.
    reads: bool,
    changes: bool,
    branches: bool,
}

impl Does {
    /// `opcode` is the operator's first byte.
    fn of(info: &ModuleInfo, operator: &Operator<'_>, opcode: u8) -> Option<Does> {
        use Operator::*;
        let nothing = Does::default();
        let is_reference = |storage: StorageType| matches!(storage, StorageType::Val(ValType::Ref(_)));
        Some(match operator {
            Nop | Drop | Select | LocalGet { .. } | LocalSet { .. } | LocalTee { .. } => nothing,
            I32Const { .. } | I64Const { .. } | F32Const { .. } | F64Const { .. } => nothing,
            RefIsNull | RefEq | RefI31 => nothing,
            Block { .. } | If { .. } | Else | End | Br { .. } | BrIf { .. } | Return => {
                Does { branches: true, ..nothing }
            }
            GlobalGet { .. } | MemorySize { .. } => Does { reads: true, ..nothing },
            GlobalSet { .. } => Does { changes: true, ..nothing },
            RefAsNonNull | I31GetS | I31GetU => Does { traps: true, ..nothing },
            StructGet { .. } | StructGetS { .. } | StructGetU { .. } => Does { traps: true, reads: true, ..nothing },
            ArrayGet { .. } | ArrayGetS { .. } | ArrayGetU { .. } | ArrayLen => {
                Does { traps: true, reads: true, ..nothing }
            }
            // The collector may have to know of a reference, which is a call.
            StructSet { struct_type_index, field_index } => {
                let fields = info.struct_fields(TypeIndex::from_u32(*struct_type_index));
                let field = fields.get(*field_index as usize)?;
                (!is_reference(field.storage)).then_some(Does { traps: true, changes: true, ..nothing })?
            }
            I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU | I32TruncF32S
            | I32TruncF32U | I32TruncF64S | I32TruncF64U | I64TruncF32S | I64TruncF32U | I64TruncF64S
            | I64TruncF64U => Does { traps: true, ..nothing },
            I32TruncSatF32S | I32TruncSatF32U | I32TruncSatF64S | I32TruncSatF64U | I64TruncSatF32S
            | I64TruncSatF32U | I64TruncSatF64S | I64TruncSatF64U => nothing,
            _ => match opcode {
                // Loads and stores of numbers.
                0x28..=0x35 => Does { traps: true, reads: true, ..nothing },
                0x36..=0x3e => Does { traps: true, changes: true, ..nothing },
                _ => numeric_result(opcode).map(|_| nothing)?,
            },
        })
    }
}

impl Translator<'_> {
    /// The function whose body is to be put in the place of this call.
    pub(super) fn inlined_callee(&mut self, operator: &Operator<'_>) -> Option<DefinedFuncIndex> {
        let (function, inlinable) = self.inlinables?.called(self.info, operator)?;
        self.room.take(&inlinable).then_some(function)
    }

    /// Puts the body of a function in the place of the current operator, which calls it.
    pub(super) fn call_inlined(&mut self, function: DefinedFuncIndex) -> Result<()> {
        let index = self.info.func_index(function);
        let ty: &FuncType = self.info.signature(index);
        let args = self.arguments(ty, self.context);
        let results =
            if self.stops.is_some() { self.guarded(function, &args)? } else { self.inlined(function, &args[2..])? };
        for (ty, value) in ty.results.iter().zip(results) {
            self.push(*ty, value);
        }
        Ok(())
    }

    /// The body beside the call, which is made instead if somebody wants to see the function's frame.
    fn guarded(&mut self, function: DefinedFuncIndex, args: &[Value]) -> Result<Vec<Value>> {
        let index = self.info.func_index(function);
        let ty: &FuncType = self.info.signature(index);
        self.emit(Moment::Call);
        let guards = self.load_constant(self.context, GUARDS);
        let guard = self.builder.ins().uload8(types::I32, MemFlagsData::trusted(), guards, function.as_u32() as i32);
        let (call, body, behind) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(call);
        for ty in &ty.results {
            self.builder.append_block_param(behind, signatures::clif_type(*ty));
        }
        self.builder.ins().brif(guard, call, &[], body, &[]);
        self.branches.branch(self.location, call, body);
        self.builder.seal_block(body);
        self.builder.switch_to_block(body);
        let checks = replace(&mut self.checks, true);
        self.before_trap = Some(call);
        let results = self.inlined(function, &args[2..])?;
        self.before_trap = None;
        self.checks = checks;
        let jump = |this: &mut Self, results: &[Value]| {
            let results: Vec<BlockArg> = results.iter().map(|value| this.uniform(*value).into()).collect();
            this.builder.ins().jump(behind, &results);
        };
        jump(self, &results);
        self.builder.seal_block(call);
        self.builder.switch_to_block(call);
        let callee = self.defined(index, function);
        let results = self.call_that_may_throw(callee, args);
        jump(self, &results);
        self.builder.seal_block(behind);
        self.builder.switch_to_block(behind);
        self.emit(Moment::Returned);
        Ok(self.builder.block_params(behind).to_vec())
    }

    /// The body of a function in the place of a call with these arguments; answers its results.
    fn inlined(&mut self, function: DefinedFuncIndex, args: &[Value]) -> Result<Vec<Value>> {
        let index = self.info.func_index(function);
        let ty: &FuncType = self.info.signature(index);
        let types = self.info.top_local_types(function);
        let named: Vec<u32> = (0..types.len() as u32).collect();
        let locals = Locals::new(&mut self.builder, types, &named, args, Keep::Variables);
        let (pc, location) = (self.pc, self.location);
        let outer = (
            replace(&mut self.index, index),
            replace(&mut self.locals, locals),
            take(&mut self.stack),
            take(&mut self.control),
            take(&mut self.stops),
        );
        self.replaced_call = Some(pc);
        self.open_inlined(&ty.results);
        self.body(function)?;
        let results = take(&mut self.stack).into_iter().map(|operand| operand.value).collect();
        (self.index, self.locals, self.stack, self.control, self.stops) = outer;
        (self.pc, self.location, self.replaced_call) = (pc, location, None);
        self.builder.set_srcloc(cranelift_codegen::ir::SourceLoc::new(location.0));
        Ok(results)
    }

    /// The location of the instructions of the current operator, which is in the body of `function`.
    pub(super) fn locate(&mut self, function: DefinedFuncIndex) -> WasmPc {
        let pc = self.pc;
        match self.replaced_call {
            Some(call) => self.operators_inlined.add(self.info, InlinedOperator { function, pc, call }),
            None => pc,
        }
    }
}
