//! One function: the walk over its operators, and what comes out of Cranelift.

use super::control::Frame;
use super::crowding::crowding;
use super::emitter::{Emitter, Site, Tagged};
use super::exceptions::TryBlocks;
use super::inlining::{Inlinables, Inlined, Room};
use super::locals::{Keep, Locals};
use super::memory_needed::{self, Carried, Measured, Share};
use super::model::{self, Blocks, Moment, Plan};
use super::operands::Operand;
use super::pieces::Pieces;
use super::places::{self, Branches, Places};
use super::relaxed::Relaxed;
use super::{Isas, Mode, checker, checks, control_plane, signatures, target};
use crate::abi::artifact::{Clause, CompiledBlob, Handler};
use crate::abi::builtins::Builtin;
use crate::abi::convention::GuestCall;
use crate::abi::frame_table::{Checkpoint, SavedRegisters};
use crate::abi::fuel::ends_piece;
use crate::abi::homes::WORD_SIZE;
use crate::abi::object_layout::StructLayout;
use crate::abi::operators::vector_has_floats;
use crate::abi::vmctx::{STORE_CONTEXT, store_context};
use crate::base::{
    CodeOffset, DefinedFuncIndex, Error, ErrorKind, FuncIndex, Reservation, Result, TrapCode, TypeIndex, WasmPc,
    error::bail,
};
use crate::wasm::ModuleInfo;
use crate::wasm::features::{check_locals_supported, check_supported, feature_of, unsupported};
use crate::wasm::parse::invalid;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    self, AliasRegion, AliasRegionData, ExtFuncData, ExternalName, FuncRef, Function, Inst, InstBuilder, MemFlagsData,
    SigRef, SourceLoc, UserExternalName, UserExternalNameRef, UserFuncName, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInst;
use cranelift_codegen::packed_option::ReservedValue;
use cranelift_codegen::{
    CodegenError, CodegenResult, CompiledCode, Context, ExceptionContextLoc, Final, FinalizedMachExceptionHandler,
    FinalizedRelocTarget, MachBufferFinalized, MachDebugTagPos,
};
use cranelift_entity::PrimaryMap;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use wasmparser::{FuncToValidate, FuncValidatorAllocations, Operator, ValidatorResources};

/// Namespace of the module's functions in relocations.
const FUNCTIONS: u32 = 0;
/// Namespace of the stop thunk in relocations.
const THUNK: u32 = 1;

/// A function's machine code and tables; offsets count from its first instruction.
#[derive(Debug)]
pub(super) struct FunctionOutput {
    pub(super) code: Vec<u8>,
    /// Places of 4-byte relative displacements, and the functions that they lead to.
    pub(super) calls_to: Vec<(u32, DefinedFuncIndex)>,
    pub(super) traps: Vec<(u32, TrapCode, WasmPc)>,
    /// Which of these are of operators of functions whose bodies have the places of calls.
    pub(super) inlined: Vec<(u32, DefinedFuncIndex, WasmPc)>,
    pub(super) calls: Vec<(u32, WasmPc, Option<u32>)>,
    /// Calls inside of blocks that catch exceptions; the blocks are those below.
    pub(super) handlers: Vec<Handler>,
    /// By place: the next block around it, and its clauses.
    pub(super) try_blocks: Vec<(Option<u32>, Vec<Clause>)>,
    pub(super) debug: Option<DebugOutput>,
}

impl FunctionOutput {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        let debug = self.debug.as_ref().map_or(0, |debug| {
            size_of_val(&debug.stops[..])
                + size_of_val(&debug.checkpoints[..])
                + size_of_val(&debug.zeros[..])
                + size_of_val(&debug.pieces[..])
                + debug.pool.len()
        });
        let clauses = self.try_blocks.iter().map(|(_, clauses)| size_of_val(&clauses[..])).sum::<usize>();
        let tries = size_of_val(&self.handlers[..]) + size_of_val(&self.try_blocks[..]) + clauses;
        let tables =
            size_of_val(&self.calls_to[..]) + size_of_val(&self.traps[..]) + size_of_val(&self.calls[..]) + tries;
        size_of::<FunctionOutput>() + self.code.len() + tables + size_of_val(&self.inlined[..]) + debug
    }
}

/// What debugging needs to know of a function.
#[derive(Debug)]
pub(super) struct DebugOutput {
    pub(super) slot_to_fp: u32,
    pub(super) frame_to_fp: u32,
    pub(super) words: u32,
    pub(super) saved: SavedRegisters,
    pub(super) grown: u32,
    pub(super) locals: u32,
    /// Sorted by pc: the operator, the address after the patchable instruction, the state.
    pub(super) stops: Vec<(WasmPc, u32, u32)>,
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Ranges of locals: the first and how many.
    pub(super) zeros: Vec<(u32, u32)>,
    /// What its pieces cost in fuel, by where they begin.
    pub(super) pieces: Vec<(WasmPc, u32)>,
    pub(super) pool: Vec<u8>,
}

/// Compiles functions of one module, one after another, reusing memory.
pub(super) struct FunctionCompiler<'a> {
    isas: Isas<'a>,
    info: &'a ModuleInfo,
    mode: Mode,
    builder_context: FunctionBuilderContext,
    context: Context,
    lower: Box<Lower<'a>>,
    validator: FuncValidatorAllocations,
    memory: Share<'a>,
    carried: &'a Carried,
    inlinables: &'a Inlinables,
    has_floats: bool,
    uses_heap: bool,
    /// Whether something is compared because it may trap: everything, or accesses to some memories.
    has_checks: bool,
    /// Whether blocks are added once it is optimised, for these comparisons or for its pieces.
    has_cold_blocks: bool,
    /// Where the module's functions are, if one is compiled alone.
    loaded: Option<&'a CompiledBlob>,
}

/// Makes machine code of an optimised function.
type Lower<'a> = dyn FnMut(&dyn TargetIsa, &Function, &DominatorTree) -> CodegenResult<CompiledCode> + 'a;

/// Bodies of more bytes are compiled without optimising, in time and memory that grow with their size and no faster. No
/// program was seen that has one; a hostile module can make each byte of a body cost the optimiser ten microseconds and a
/// kilobyte.
const LARGE_BODY: u64 = 256 << 10;

/// The largest offset of an access to a memory that is addressed by 32 bits, and the most bytes that are accessed.
const LARGEST_ACCESS: u64 = u32::MAX as u64 + 16;

/// Values that calls and branches may carry, for each byte of a body, to be optimised.
const CARRIED: u64 = 4;
/// And so many more.
const FEW: u64 = 256;

/// Loops inside each other that a function may have to be optimised: the work on a value grows with those around it.
const NESTED: u64 = 64;

/// Blocks that catch exceptions inside each other that a function may have to be optimised: what leads from one to the next is sorted
/// anew for each.
const NESTED_TRIES: u64 = 1000;

/// The branches to each label that a function may have to be optimised, squared, for each byte of its body: both the optimiser and the
/// register allocator look through those that were there before for each one more.
const MEETING: u64 = 512;

/// Casts that a function may have to be optimised, and one more for so many bytes: each is many blocks.
const FEW_CASTS: u64 = 64;
const LENGTH_FOR_CAST: u64 = 8;

/// How much may cross, for each byte of a body: named locals and operands at each place where control flow does more than go on,
/// operands at each call.
const CROSSING: u64 = 32;

/// How crowded an optimised function may be, for each byte of its body: see [`crowding`].
const CROWDED: u64 = 256;
/// The same with checks: each has a block of its own, in which what is alive around it isn't.
const CROWDED_WITH_CHECKS: u64 = CROWDED / 4;
/// Bodies of fewer bytes aren't looked at: nothing takes long in them.
const SMALL_BODY: u64 = 2 << 10;

/// The ways to compile a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// As the configuration says.
    Chosen,
    /// Without optimising.
    Unoptimised,
    /// Without optimising, and with locals and operands in memory: in work that grows with the body and with what calls and branches
    /// carry, and no faster.
    InMemory,
}

impl Way {
    fn of(measured: &Measured, mode: Mode) -> Way {
        let length = measured.length.max(SMALL_BODY);
        if mode.exact {
            // Everything is in the state slot, and nothing is alive from one operator to the next.
            Way::Unoptimised
        } else if mode.in_memory || measured.crossing.max(measured.waiting) > CROSSING * length {
            Way::InMemory
        } else if measured.length > LARGE_BODY
            || measured.values > CARRIED * measured.length + FEW
            || measured.loops > NESTED
            || measured.tries > NESTED_TRIES
            || measured.meeting > MEETING * length
            || measured.casts > FEW_CASTS + measured.length / LENGTH_FOR_CAST
        {
            Way::Unoptimised
        } else {
            Way::Chosen
        }
    }
}

impl<'a> FunctionCompiler<'a> {
    pub(super) fn new(
        isas: Isas<'a>,
        info: &'a ModuleInfo,
        mode: Mode,
        memory: Share<'a>,
        carried: &'a Carried,
        inlinables: &'a Inlinables,
    ) -> FunctionCompiler<'a> {
        let has_checks = mode.checks || info.memories.values().any(|ty| !mode.unchecked.reaches(ty, LARGEST_ACCESS));
        // The register allocator's memory.
        let mut registers = Default::default();
        FunctionCompiler {
            isas,
            info,
            mode,
            builder_context: FunctionBuilderContext::new(),
            context: Context::new(),
            lower: Box::new(move |isa, func, dominators| {
                let code = isa.compile_function(func, dominators, &mut registers, false, &mut control_plane())?;
                Ok(code.apply_params(&func.params))
            }),
            validator: FuncValidatorAllocations::default(),
            memory,
            carried,
            inlinables,
            has_floats: false,
            uses_heap: false,
            has_checks,
            has_cold_blocks: has_checks || mode.counting.any(),
            loaded: None,
        }
    }

    /// The same for functions that are compiled alone: they call the others where these are in this blob.
    pub(super) fn beside(self, loaded: &'a CompiledBlob) -> FunctionCompiler<'a> {
        FunctionCompiler { loaded: Some(loaded), ..self }
    }

    /// Whether a function that was compiled depends on the floating-point environment.
    pub(super) fn has_floats(&self) -> bool {
        self.has_floats
    }

    /// Whether one of them looks into the heap.
    pub(super) fn uses_heap(&self) -> bool {
        self.uses_heap
    }

    pub(super) fn compile(
        &mut self,
        index: DefinedFuncIndex,
        input: FuncToValidate<ValidatorResources>,
    ) -> Result<FunctionOutput> {
        let measured = self.validate(index, input);
        let output = measured.and_then(|measured| self.compile_in_turn(index, &measured, None));
        self.memory.done();
        output
    }

    /// Compiles a function that was validated, in its exact form.
    pub(super) fn compile_exact(&mut self, index: DefinedFuncIndex) -> Result<FunctionOutput> {
        let plan = model::plan_exact(self.info, index, &Blocks::scan(self.info, index)?)?;
        let measured = Measured::of_exact(self.info, index, &plan)?;
        let output =
            self.take_memory(index, &measured).and_then(|()| self.compile_in_turn(index, &measured, Some(plan)));
        self.memory.done();
        output
    }

    fn compile_in_turn(
        &mut self,
        index: DefinedFuncIndex,
        measured: &Measured,
        mut plan: Option<Plan>,
    ) -> Result<FunctionOutput> {
        let mut form = Way::of(measured, self.mode);
        loop {
            let (way, tail_arguments, output) = self.compile_so(index, measured, form, plan.take())?;
            let Some(debug) = &output.debug else { return Ok(output) };
            // All forms of a function have their frames at the same place, where their tail calls hand on the most on the stack.
            let own = GuestCall::new(self.info.signature(self.info.func_index(index))).stack_arguments;
            let grown = tail_arguments.saturating_sub(own);
            if debug.grown == grown {
                return Ok(output);
            }
            // The optimiser has found that this tail call is never made.
            if way != Way::Chosen {
                let function = self.info.func_index(index).as_u32();
                bail!(Panic, "function {function} has its frame at {} bytes, not at {grown}", debug.grown);
            }
            form = Way::Unoptimised;
        }
    }

    /// Compiles a function this way, or another if it turns out to be hard to compile; answers how it was, and how many bytes on the
    /// stack its tail calls hand on.
    fn compile_so(
        &mut self,
        index: DefinedFuncIndex,
        measured: &Measured,
        mut form: Way,
        mut plan: Option<Plan>,
    ) -> Result<(Way, u32, FunctionOutput)> {
        let refused = |error: CodegenError| {
            let function = self.info.func_index(index).as_u32();
            Error::new(ErrorKind::Limit, format!("function {function} can't be compiled: {error}"))
        };
        let (isa, Translated { stops, pieces, branches, tries, inlined, tail_arguments }) = loop {
            let translated = self.translate(index, measured, form, plan.take())?;
            let isa = if form == Way::Chosen { self.isas.chosen } else { self.isas.unoptimised };
            // The two halves of `Context::compile`.
            self.context.optimize(isa, &mut control_plane()).map_err(refused)?;
            // In the exact form nothing is alive for long.
            if form == Way::InMemory || self.mode.exact || measured.length < SMALL_BODY {
                break (isa, translated);
            }
            let crowded = if self.has_cold_blocks { CROWDED_WITH_CHECKS } else { CROWDED };
            if crowding(&self.context.func) <= crowded * (measured.length + measured.inlined) {
                break (isa, translated);
            }
            self.context.clear();
            form = Way::InMemory;
        };
        let places = places::mark(&mut self.context.func, branches)?;
        if self.has_checks {
            checks::expand(&mut self.context.func, !self.mode.checks);
        }
        if self.mode.counting.any() {
            pieces.expand(&mut self.context.func);
        }
        if self.has_cold_blocks {
            self.context.compute_cfg();
            self.context.compute_domtree();
        }
        let code = (self.lower)(isa, &self.context.func, &self.context.domtree).map_err(refused)?;
        let mut output = extract(&code, self.context.func.params.user_named_funcs(), stops, tries, &pieces, &places);
        for (offset, _, pc) in &mut output.traps {
            if let Some(operator) = inlined.at(self.info, *pc) {
                output.inlined.push((*offset, operator.function, operator.pc));
                *pc = operator.call;
            }
        }
        if self.mode.checks {
            checks::lead_overflows_to_routine(&mut output.code, code.buffer.traps());
        }
        self.context.clear();
        Ok((form, tail_arguments, output))
    }

    pub(super) fn clif(
        &mut self,
        index: DefinedFuncIndex,
        input: FuncToValidate<ValidatorResources>,
    ) -> Result<String> {
        let measured = self.validate(index, input)?;
        self.translate(index, &measured, Way::of(&measured, self.mode), None)?;
        Ok(self.context.func.display().to_string())
    }

    /// Validates a function, and makes sure that it can be compiled.
    fn validate(&mut self, index: DefinedFuncIndex, input: FuncToValidate<ValidatorResources>) -> Result<Measured> {
        let mut validator = input.into_validator(std::mem::take(&mut self.validator));
        let body = self.info.body(index);
        let measured = memory_needed::validate(&mut validator, &body, self.info, self.inlinables, self.mode.debug)?;
        self.validator = validator.into_allocations();
        self.take_memory(index, &measured)?;
        Ok(measured)
    }

    /// Makes sure that there is memory for compiling a function.
    fn take_memory(&mut self, index: DefinedFuncIndex, measured: &Measured) -> Result<()> {
        let keeps_operands = Way::of(measured, self.mode) != Way::InMemory;
        let bytes = measured.bytes(self.mode.debug, self.has_checks, self.has_cold_blocks, keeps_operands);
        self.carried.add(measured.values).and_then(|()| self.memory.take(bytes)).map_err(|error| {
            let function = self.info.func_index(index).as_u32();
            let message = format!("function {function} can't be compiled: {}", error.message());
            error.with_message(message)
        })
    }

    fn translate(
        &mut self,
        index: DefinedFuncIndex,
        measured: &Measured,
        form: Way,
        plan: Option<Plan>,
    ) -> Result<Translated> {
        self.context.func = Function::with_name_signature(
            UserFuncName::user(FUNCTIONS, index.as_u32()),
            signatures::guest(self.info.signature(self.info.func_index(index))),
        );
        // Locations are stored as distances from the first one; none may be what stands for no location.
        self.context.func.params.ensure_base_srcloc(SourceLoc::new(0));
        if self.mode.checks {
            checks::check_stack(&mut self.context.func);
        }
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let module = (self.info, self.loaded, self.inlinables);
        let translator = Translator::new(module, builder, index, self.mode, measured, form, plan);
        let translator = translator.and_then(|mut translator| translator.body(index).map(|()| translator));
        let Translator {
            builder,
            stops,
            pieces,
            branches,
            tries,
            operators_inlined: inlined,
            has_floats,
            uses_heap,
            tail_arguments,
            ..
        } = match translator {
            Ok(translator) => translator,
            Err(error) => {
                // The old one insists on a finished function.
                self.builder_context = FunctionBuilderContext::new();
                return Err(error);
            }
        };
        self.has_floats |= has_floats;
        self.uses_heap |= uses_heap;
        builder.finalize(self.isas.chosen.frontend_config());
        if let Some(stops) = &stops {
            stops.finish(&mut self.context.func);
        }
        Ok(Translated { stops, pieces, branches, tries, inlined, tail_arguments })
    }
}

/// What is known of a function that was translated, besides its IR.
struct Translated {
    stops: Option<Emitter>,
    pieces: Pieces,
    branches: Branches,
    tries: TryBlocks,
    inlined: Inlined,
    /// Bytes on the stack that its tail calls hand on, at most.
    tail_arguments: u32,
}

/// Takes from Cranelift's result what the module needs.
fn extract(
    code: &CompiledCode,
    names: &PrimaryMap<UserExternalNameRef, UserExternalName>,
    stops: Option<Emitter>,
    tries: TryBlocks,
    pieces: &Pieces,
    places: &Places,
) -> FunctionOutput {
    let buffer = &code.buffer;
    let mut bytes = buffer.data().to_vec();
    for site in buffer.patchable_call_sites() {
        assert_eq!(site.len, crate::abi::thunk::STOP_LENGTH, "stop points have one length");
        let end = site.ret_addr as usize;
        bytes[end - site.len as usize..end].copy_from_slice(&crate::abi::thunk::NOP_X86_64);
    }
    let mut calls_to = Vec::new();
    for reloc in buffer.relocs() {
        let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else {
            unreachable!("only functions are referred to by name");
        };
        assert!(reloc.kind == cranelift_codegen::binemit::Reloc::X86CallPCRel4 && reloc.addend == -4);
        let UserExternalName { namespace, index } = names[*name];
        if namespace == FUNCTIONS {
            calls_to.push((reloc.offset, DefinedFuncIndex::from_u32(index)));
        }
    }
    let calls = buffer.call_sites();
    let mut calls: Vec<_> = calls.map(|site| (site.ret_addr, places.pc(buffer, site.ret_addr - 1), None)).collect();
    calls.sort_unstable_by_key(|(offset, ..)| *offset);
    let handlers = handlers(buffer, &tries, &mut calls);
    let debug = stops.map(|stops| {
        let mut returns = HashMap::new();
        // Those of the instructions that put its arguments on the stack stand before a call, and maybe behind another.
        for tags in buffer.debug_tags().filter(|tags| tags.pos == MachDebugTagPos::Post) {
            // A call's tags follow the instructions that clean up after it, so its site is the last before them.
            let site = calls.partition_point(|(offset, ..)| *offset <= tags.offset) - 1;
            match stops.tagged(&tags.tags[0]) {
                Tagged::Stop(number) => {
                    returns.insert(number, calls[site].0);
                    calls[site].2 = Some(stops.state_of_stop(number));
                }
                Tagged::Call(state) => calls[site].2 = Some(state),
            }
        }
        let layout = buffer.frame_layout().expect("the function has a frame");
        let slot_to_fp = layout.frame_to_fp_offset - layout.stackslots[stops.slot()].offset;
        let (frame_to_fp, saved, grown) = (layout.frame_to_fp_offset, saved_registers(buffer), grown(buffer));
        let Plan { stops, checkpoints, zeros, pool, words, locals, .. } = stops.into_plan();
        // A stop point that Cranelift found unreachable isn't in the code.
        let stops = stops.into_iter().enumerate();
        let stops = stops.filter_map(|(number, (pc, state))| Some((pc, *returns.get(&number)?, state))).collect();
        let pieces = pieces.costs();
        DebugOutput { slot_to_fp, frame_to_fp, words, saved, grown, locals, stops, checkpoints, zeros, pieces, pool }
    });
    let (traps, try_blocks) = (places.traps(buffer), tries.into_blocks());
    FunctionOutput { code: bytes, calls_to, traps, inlined: Vec::new(), calls, handlers, try_blocks, debug }
}

/// The calls inside of blocks that catch exceptions. Completes what is known of them as calls.
fn handlers(
    buffer: &MachBufferFinalized<Final>,
    tries: &TryBlocks,
    calls: &mut [(u32, WasmPc, Option<u32>)],
) -> Vec<Handler> {
    let Some(values) = tries.values() else { return Vec::new() };
    let layout = buffer.frame_layout().expect("the function has a frame");
    let values_to_fp = layout.frame_to_fp_offset - layout.stackslots[values].offset;
    let mut handlers = Vec::new();
    for site in buffer.call_sites() {
        let [FinalizedMachExceptionHandler::Context(context), FinalizedMachExceptionHandler::Tag(tag, landing)] =
            site.exception_handlers
        else {
            continue;
        };
        let sp_to_fp = site.frame_offset.expect("it is known on this machine");
        let ExceptionContextLoc::SPOffset(context) = context else {
            unreachable!("no register outlasts a call that may throw")
        };
        let (try_block, state) = tries.call(*tag);
        let call = calls.binary_search_by_key(&site.ret_addr, |(offset, ..)| *offset).expect("it is a call");
        calls[call].2 = state;
        handlers.push(Handler {
            return_offset: CodeOffset(site.ret_addr),
            landing: CodeOffset(*landing),
            sp_to_fp,
            values_to_fp,
            context_to_fp: sp_to_fp - context,
            try_block,
        });
    }
    handlers.sort_unstable_by_key(|handler| handler.return_offset);
    handlers
}

/// Where the function saves its caller's registers.
fn saved_registers(buffer: &MachBufferFinalized<Final>) -> SavedRegisters {
    let mut saved = SavedRegisters::default();
    let mut below = 0;
    for (_, inst) in &buffer.unwind_info {
        match *inst {
            UnwindInst::DefineNewFrame { offset_downward_to_clobbers, .. } => below = offset_downward_to_clobbers,
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let register = CALLEE_SAVED.iter().position(|known| *known == reg.hw_enc());
                let register = register.expect("the convention has no other registers to save");
                saved.words_below[register] = ((below - clobber_offset) / WORD_SIZE) as u8;
            }
            _ => {}
        }
    }
    saved
}

/// By how many bytes the function makes the room for arguments on the stack larger than it finds it, for those that its tail
/// calls hand on.
fn grown(buffer: &MachBufferFinalized<Final>) -> u32 {
    let above = buffer.unwind_info.iter().find_map(|(_, inst)| match inst {
        UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, .. } => Some(*offset_upward_to_caller_sp),
        _ => None,
    });
    // The frame pointer and the return address.
    above.map_or(0, |above| above - 2 * WORD_SIZE)
}

/// How x86-64 numbers the registers of [`SavedRegisters`].
const CALLEE_SAVED: [u8; 5] = [3, 12, 13, 14, 15];

/// The state of translating one function.
pub(super) struct Translator<'a> {
    pub(super) info: &'a ModuleInfo,
    /// Where the module's functions are, if this one is compiled alone.
    pub(super) loaded: Option<&'a CompiledBlob>,
    pub(super) index: FuncIndex,
    pub(super) builder: FunctionBuilder<'a>,
    pub(super) context: Value,
    pub(super) stack: Vec<Operand>,
    /// How many of the lowest operands are in memory.
    pub(super) in_memory: usize,
    pub(super) control: Vec<Frame>,
    /// Whether the current operator can be reached.
    pub(super) reachable: bool,
    /// Blocks opened in unreachable code.
    pub(super) dead_depth: u32,
    pub(super) locals: Locals,
    pub(super) stops: Option<Emitter>,
    pub(super) pieces: Pieces,
    /// No instruction may fault: see [`checks`].
    pub(super) checks: bool,
    pub(super) unchecked: Reservation,
    pub(super) relaxed: Relaxed,
    pub(super) branches: Branches,
    pub(super) tries: TryBlocks,
    /// The `catch` and `catch_all` whose exceptions are thrown again.
    pub(super) rethrown: &'a HashSet<WasmPc>,
    has_floats: bool,
    pub(super) uses_heap: bool,
    /// How many operators more may make structures, or arrays of their operands, by themselves.
    pub(super) made_inline: u64,
    /// How many operators more may deal with short arrays by themselves.
    pub(super) short_arrays: u64,
    /// On the way to the current operator, which of its two codes the last store has.
    pub(super) other_store: bool,
    /// Bytes on the stack that its tail calls hand on, at most.
    pub(super) tail_arguments: u32,
    pub(super) pc: WasmPc,
    /// What the instructions of the current operator are known by: its pc, unless it is in the body of another function.
    pub(super) location: WasmPc,
    /// The functions whose bodies may have the places of calls, and how much room there is for them.
    pub(super) inlinables: Option<&'a Inlinables>,
    pub(super) room: Room,
    pub(super) operators_inlined: Inlined,
    /// In such a body: the call that it has the place of.
    pub(super) replaced_call: Option<WasmPc>,
    /// Where to go instead of trapping.
    pub(super) before_trap: Option<ir::Block>,
    functions: HashMap<FuncIndex, FuncRef>,
    signatures: HashMap<TypeIndex, SigRef>,
    builtins: HashMap<u32, SigRef>,
    /// Of the structure types that were met.
    pub(super) layouts: HashMap<TypeIndex, Rc<StructLayout>>,
}

type Planner = fn(&ModuleInfo, DefinedFuncIndex, &Blocks) -> Result<Plan>;

impl<'a> Translator<'a> {
    fn new(
        (info, loaded, inlinables): (&'a ModuleInfo, Option<&'a CompiledBlob>, &'a Inlinables),
        mut builder: FunctionBuilder<'a>,
        index: DefinedFuncIndex,
        mode: Mode,
        measured: &'a Measured,
        form: Way,
        plan: Option<Plan>,
    ) -> Result<Translator<'a>> {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let params = builder.block_params(entry).to_vec();
        let context = params[0];
        let ty = info.signature(info.func_index(index));
        let keep = match form {
            _ if mode.exact => Keep::InSlot,
            Way::InMemory => {
                Keep::InMemory { operands: measured.operands, words: if measured.has_vectors { 2 } else { 1 } }
            }
            Way::Chosen | Way::Unoptimised => Keep::Variables,
        };
        check_locals_supported(info, index)?;
        let types = info.top_local_types(index);
        let declared = types.len() - ty.params.len();
        let locals = Locals::new(&mut builder, types, &measured.named, &params[2..], keep);
        let mut translator = Translator {
            info,
            loaded,
            index: info.func_index(index),
            builder,
            context,
            stack: Vec::new(),
            in_memory: 0,
            control: Vec::new(),
            reachable: true,
            dead_depth: 0,
            locals,
            stops: None,
            pieces: Pieces::new(mode.counting, declared),
            checks: mode.checks,
            unchecked: mode.unchecked,
            relaxed: mode.relaxed,
            branches: Branches::default(),
            tries: TryBlocks::default(),
            rethrown: &measured.rethrown,
            has_floats: false,
            uses_heap: false,
            // With fuel the builtin's call is where the operator takes what it costs by its size.
            made_inline: measured.made_inline(),
            short_arrays: if form == Way::Chosen && !mode.counting.fuel { measured.short_arrays() } else { 0 },
            other_store: false,
            tail_arguments: 0,
            pc: info.bodies[index].operators,
            location: info.bodies[index].operators,
            inlinables: (form == Way::Chosen).then_some(inlinables),
            room: Room::of(measured.length),
            operators_inlined: Inlined::default(),
            replaced_call: None,
            before_trap: None,
            functions: HashMap::new(),
            signatures: HashMap::new(),
            builtins: HashMap::new(),
            layouts: HashMap::new(),
        };
        if mode.debug {
            let planned = |planner: Planner| planner(info, index, &Blocks::scan(info, index)?);
            let plan = match plan {
                Some(plan) => plan,
                None if mode.exact => planned(model::plan_exact)?,
                None if mode.optimises && form == Way::Chosen => planned(model::plan)?,
                None => planned(model::plan_every_value)?,
            };
            if mode.verify {
                checker::check(info, index, &plan)?;
            }
            let thunk = translator.thunk();
            let types = translator.locals.types().to_vec();
            translator.stops = Some(Emitter::new(&mut translator.builder, plan, thunk, context, types));
            translator.emit(Moment::Entry);
            if let Translator { builder, stops: Some(stops), .. } = &mut translator {
                stops.open_entries(builder, context);
            }
        }
        translator.open_function(&ty.results);
        Ok(translator)
    }

    /// Translates the operators of a body: the function's own, or one that has the place of a call.
    pub(super) fn body(&mut self, index: DefinedFuncIndex) -> Result<()> {
        let body = self.info.body(index);
        let reader = body.get_operators_reader().map_err(|error| invalid(&error))?;
        for operator in reader.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| invalid(&error))?;
            self.pc = WasmPc(offset as u32);
            self.location = self.locate(index);
            self.builder.set_srcloc(SourceLoc::new(self.location.0));
            if !self.reachable && !self.revives(&operator) {
                check_supported(&operator, offset)?;
                continue;
            }
            self.has_floats |= self.is_float_operator(&operator);
            if !self.reachable && self.control.len() == 1 {
                self.open_end();
            }
            if self.reachable {
                self.count(&operator);
                self.emit(Moment::Before);
            }
            self.operator(&operator)?;
            if ends_piece(&operator) {
                self.pieces.end();
            }
            if self.reachable {
                self.settle();
            }
        }
        if let Some(stops) = &mut self.stops {
            stops.close_entries(&mut self.builder, self.context);
        }
        Ok(())
    }

    /// The exact form has the function's end also if no operator leads there.
    fn open_end(&mut self) {
        let Some(stops) = self.stops.as_mut().filter(|stops| stops.is_exact()) else { return };
        stops.open_end(&mut self.builder);
        let results = self.info.signature(self.index).results.iter();
        self.stack = results.map(|ty| Operand { value: Value::reserved_value(), ty: *ty }).collect();
        self.reachable = true;
    }

    /// Whether the current operator depends on the floating-point environment.
    fn is_float_operator(&self, operator: &Operator<'_>) -> bool {
        match self.info.bytes[self.pc.0 as usize..] {
            // Conversions that saturate, and others with this prefix.
            [0xfc, ..] => true,
            [0xfd, ..] => vector_has_floats(operator),
            [opcode, ..] => matches!(opcode, 0x5b..=0x66 | 0x8b..=0xa6 | 0xa8..=0xbb),
            [] => false,
        }
    }

    /// Emits what debugging adds at this moment of the current operator.
    pub(super) fn emit(&mut self, moment: Moment) {
        if let Some(stops) = &mut self.stops {
            let Translator { builder, locals, stack, in_memory, .. } = self;
            stops.emit(self.pc, moment, Site { builder, locals, stack, in_memory: *in_memory });
        }
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        if let Operator::RefNull { .. } | Operator::TypedSelect { .. } = operator {
            check_supported(operator, self.offset())?;
        }
        if self.numeric(operator)
            || self.parametric(operator)
            || self.control_operator(operator)?
            || self.exception_operator(operator)
            || self.legacy_exception_operator(operator)
            || self.call_operator(operator)?
            || self.memory_operator(operator)
            || self.vector_operator(operator)
            || self.lane_operator(operator)
            || self.relaxed_operator(operator)
            || self.reference_operator(operator)
            || self.object_operator(operator)
            || self.table_operator(operator)
            || self.atomic_operator(operator)
        {
            return Ok(());
        }
        Err(unsupported(feature_of(operator), self.offset()))
    }

    /// Operators on locals, globals, the stack, and references.
    fn parametric(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::Nop => {}
            Operator::Drop => self.truncate(self.stack.len() - 1),
            Operator::Select | Operator::TypedSelect { .. } => {
                let condition = self.pop();
                let (first, second) = self.pop2();
                let (if_true, if_false) = (self.uniform(first.value), self.uniform(second.value));
                let value = self.builder.ins().select(condition.value, if_true, if_false);
                self.push(first.ty, value);
            }
            Operator::LocalGet { local_index } => {
                let value = match &mut self.stops {
                    Some(stops) => stops.read_local(self.pc, &mut self.builder, &self.locals, local_index),
                    None => self.locals.get(&mut self.builder, local_index),
                };
                self.push(self.locals.types()[local_index as usize], value);
            }
            Operator::LocalSet { local_index } => {
                let operand = self.pop();
                self.set_local(local_index, operand);
            }
            Operator::LocalTee { local_index } => {
                self.need(1);
                let operand = *self.stack.last().expect("validated");
                self.set_local(local_index, operand);
            }
            _ => return false,
        }
        true
    }

    fn set_local(&mut self, local: u32, operand: Operand) {
        let value = self.uniform(operand.value);
        self.locals.set(&mut self.builder, local, value);
        if let Some(stops) = &mut self.stops {
            stops.local_changed(local);
        }
    }

    /// Loads a field of the instance context, or of something that it leads to, which never changes.
    pub(super) fn load_constant(&mut self, base: Value, offset: i32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    /// A region of memory that accesses through other regions don't touch.
    pub(super) fn region(&mut self, kind: Region) -> AliasRegion {
        let (user_id, description) = match kind {
            Region::Memories => (0, "memories".into()),
            Region::MemoryFields => (1, "memory definitions".into()),
            Region::TableFields => (2, "table definitions".into()),
            Region::TableElements => (3, "table elements".into()),
            Region::ImportedGlobals => (4, "imported globals".into()),
            Region::Objects => (u32::MAX, "objects".into()),
            Region::HeapWords => (u32::MAX - 1, "heap".into()),
            Region::Global(index) => (5 + index, format!("global {index}").into()),
        };
        self.builder.func.dfg.alias_regions.insert(AliasRegionData { user_id, description })
    }

    /// A function that the module defines, to call directly.
    pub(super) fn function(&mut self, index: FuncIndex, defined: DefinedFuncIndex) -> FuncRef {
        if let Some(function) = self.functions.get(&index) {
            return *function;
        }
        let signature = self.signature(self.info.funcs[index]);
        let name = UserExternalName { namespace: FUNCTIONS, index: defined.as_u32() };
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        let data = ExtFuncData { name, signature, colocated: true, patchable: false };
        let function = self.builder.import_function(data);
        self.functions.insert(index, function);
        function
    }

    pub(super) fn signature(&mut self, index: TypeIndex) -> SigRef {
        let Translator { info, builder, signatures: cache, .. } = self;
        *cache.entry(index).or_insert_with(|| builder.import_signature(signatures::guest(&info.signatures[index])))
    }

    /// Cranelift's number for the trap of a store: not the one that the store before it has, on any way to here.
    ///
    /// Otherwise, if both are to the same address and nothing between may trap, Cranelift removes the first, and the second
    /// one traps in its stead. It looks only at a store that is the last on all ways to here, so any of them will do.
    pub(super) fn store_trap(&mut self, code: TrapCode) -> ir::TrapCode {
        self.other_store = !self.other_store;
        target::store(code, self.other_store)
    }

    /// Where the current operator is, for errors.
    pub(super) fn offset(&self) -> u64 {
        u64::from(self.pc.0)
    }

    fn thunk(&mut self) -> FuncRef {
        let signature = self.builder.import_signature(signatures::stop());
        let name = UserExternalName { namespace: THUNK, index: 0 };
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        self.builder.import_function(ExtFuncData { name, signature, colocated: true, patchable: true })
    }

    /// Calls a builtin with the instance's context and `args`.
    pub(super) fn builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let constant = MemFlagsData::trusted().with_readonly().with_can_move();
        let call = self.builtin_at(constant, builtin, args);
        self.builder.inst_results(call).first().copied()
    }

    /// The same with these flags for loading the builtin's address.
    pub(super) fn builtin_at(&mut self, flags: MemFlagsData, builtin: Builtin, args: &[Value]) -> Inst {
        let code = self.builtin_code(flags, builtin);
        let signature = self.builtin_signature(builtin);
        let args: Vec<_> = std::iter::once(self.context).chain(args.iter().copied()).collect();
        self.builder.ins().call_indirect(signature, code, &args)
    }

    /// A builtin's address, loaded with these flags.
    pub(super) fn builtin_code(&mut self, flags: MemFlagsData, builtin: Builtin) -> Value {
        [STORE_CONTEXT, store_context::BUILTINS, builtin.offset()]
            .into_iter()
            .fold(self.context, |code, offset| self.builder.ins().load(types::I64, flags, code, offset))
    }

    pub(super) fn builtin_signature(&mut self, builtin: Builtin) -> SigRef {
        let Translator { builder, builtins, .. } = self;
        *builtins.entry(builtin as u32).or_insert_with(|| builder.import_signature(signatures::builtin(builtin)))
    }

    /// Calls a builtin whose result is 0 where the operator traps; its last argument is the size that it costs by, in units of
    /// this power of two.
    pub(super) fn checked_builtin(&mut self, builtin: Builtin, args: &[Value], log2: u8, code: TrapCode) {
        let ok = self.builtin(builtin, args).expect("a builtin that answers ok");
        self.costs_by_size(ok, args.len() - 1, log2);
        self.call_trap_unless(ok, code);
    }
}

/// Kinds of memory that never overlap.
#[derive(Clone, Copy)]
pub(super) enum Region {
    /// Linear memories. Two imported ones may be the same.
    Memories,
    /// Sizes of memories.
    MemoryFields,
    /// Addresses and lengths of tables.
    TableFields,
    /// Elements of tables.
    TableElements,
    /// Imported globals. Two of them may be the same.
    ImportedGlobals,
    /// Objects of the heap.
    Objects,
    /// Where the next object may be.
    HeapWords,
    /// A global that the module defines.
    Global(u32),
}
