//! Traps without a hardware fault: a comparison, and a branch to a block that calls the trap routine.
//!
//! With [`Config::signal_handlers`](crate::base::Config::signal_handlers) off every trap is one: accesses, divisions and
//! conversions are looked at before they are made, and the stack's limit on entry. The blocks are cold, so what goes on costs
//! the comparison and the branch. The call is followed by an instruction that is known to trap with the same code, and never
//! runs: its place, which is the call's return address, tells the operator like that of any other trap.
//!
//! Invariant: with handlers off, no instruction can fault. Knows nothing of how operators are translated otherwise. Read
//! next: [`Builtin::trap`].

use super::function::{Region, Translator};
use super::{signatures, target};
use crate::abi::builtins::Builtin;
use crate::abi::vmctx::{STORE_CONTEXT, guest_stack, memory, store_context};
use crate::base::{MemoryType, TrapCode};
use cranelift_codegen::MachTrap;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{
    self, ArgumentPurpose, Function, GlobalValue, GlobalValueData, InstBuilder, InstructionData, MemFlagsData, Opcode,
    SigRef, Value, types,
};
use wasmparser::Operator;

impl Translator<'_> {
    /// Traps if `ok` is zero, also with handlers by a call and not by a fault.
    pub(super) fn call_trap_unless(&mut self, ok: Value, code: TrapCode) {
        let (next, cold) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(cold);
        self.builder.ins().brif(ok, next, &[], cold, &[]);
        self.branches.branch(self.location, next, cold);
        self.builder.seal_block(next);
        self.builder.seal_block(cold);
        self.builder.switch_to_block(cold);
        let number = self.builder.ins().iconst(types::I64, code as i64);
        // Loaded here and not known from before, which would keep a register busy where the guest goes on.
        self.builtin_at(MemFlagsData::trusted(), Builtin::trap, &[number]);
        // Never reached: it says what a trap at the address that the call returns to means, and ends the block.
        self.builder.ins().trap(target::trap(code));
        self.builder.switch_to_block(next);
    }

    /// Traps if `condition` isn't zero.
    pub(super) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        self.trap_as(condition, target::trap(code));
    }

    /// The same with Cranelift's number for the trap.
    fn trap_as(&mut self, condition: Value, code: ir::TrapCode) {
        let Some(before_trap) = self.before_trap else {
            self.builder.ins().trapnz(condition, code);
            return;
        };
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, before_trap, &[], next, &[]);
        self.branches.branch(self.location, before_trap, next);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// Flags for an access: what it does if it can't be made, or that it was checked before.
    pub(super) fn access_flags(&self, code: ir::TrapCode) -> MemFlagsData {
        if self.checks { MemFlagsData::new().with_notrap() } else { MemFlagsData::new().with_trap_code(Some(code)) }
    }

    /// Before an access of `bytes` bytes to the memory with this entry in the context, that end `needed` bytes behind `index`, of
    /// 64 bits: traps unless they are all there. A `needed` that 64 bits can't count is the largest that they can, which no
    /// memory reaches.
    pub(super) fn check_memory(&mut self, entry: i32, ty: &MemoryType, index: Value, needed: u64, bytes: u32) {
        let definition = self.load_constant(self.context, entry + memory::DEFINITION);
        let region = self.region(Region::MemoryFields);
        let flags = MemFlagsData::trusted().with_alias_region(Some(region));
        let size = self.builder.ins().load(types::I64, flags, definition, memory::BYTES);
        // The place isn't known if it can't be counted.
        let is_counted = needed < u64::MAX;
        let code = if is_counted { target::checked_access(bytes) } else { target::trap(TrapCode::MemoryOutOfBounds) };
        if !ty.is_64 {
            // Index and offset are below 4 GiB, so nothing wraps.
            let end = self.builder.ins().iadd_imm_s(index, needed as i64);
            let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
            self.trap_as(is_outside, code);
        } else if ty.bytes(ty.minimum).is_some_and(|least| needed <= least) {
            // No memory is smaller than its type says, so what is left of its size doesn't wrap.
            let needed = self.builder.ins().iconst(types::I64, needed as i64);
            let last = self.builder.ins().isub(size, needed);
            let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, index, last);
            self.trap_as(is_outside, code);
        } else {
            let needed = self.builder.ins().iconst(types::I64, needed as i64);
            let end = self.builder.ins().iadd(index, needed);
            let wraps = self.builder.ins().icmp(IntCC::UnsignedLessThan, end, index);
            self.trap_as(wraps, code);
            let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
            self.trap_as(is_outside, code);
        }
    }

    /// Before a division, or what can't be computed for another reason: looks at the operands, which stay on the stack.
    pub(super) fn check_numeric(&mut self, operator: &Operator<'_>) {
        use Operator::*;
        if !self.checks {
            return;
        }
        let (f32, f64) = (Float::Single, Float::Double);
        match operator {
            I32DivU | I64DivU | I32RemU | I64RemU | I32RemS | I64RemS => self.check_division(false),
            I32DivS | I64DivS => self.check_division(true),
            // The nearest numbers outside that the operand's type has, or the limit itself.
            I32TruncF32S => self.check_conversion(f32(-2_147_483_648.0), true, f32(2_147_483_648.0)),
            I32TruncF32U => self.check_conversion(f32(-1.0), false, f32(4_294_967_296.0)),
            I64TruncF32S => {
                self.check_conversion(f32(-9_223_372_036_854_775_808.0), true, f32(9_223_372_036_854_775_808.0))
            }
            I64TruncF32U => self.check_conversion(f32(-1.0), false, f32(18_446_744_073_709_551_616.0)),
            I32TruncF64S => self.check_conversion(f64(-2_147_483_649.0), false, f64(2_147_483_648.0)),
            I32TruncF64U => self.check_conversion(f64(-1.0), false, f64(4_294_967_296.0)),
            I64TruncF64S => {
                self.check_conversion(f64(-9_223_372_036_854_775_808.0), true, f64(9_223_372_036_854_775_808.0))
            }
            I64TruncF64U => self.check_conversion(f64(-1.0), false, f64(18_446_744_073_709_551_616.0)),
            _ => {}
        }
    }

    fn check_division(&mut self, may_overflow: bool) {
        self.need(2);
        let [.., left, right] = self.stack[..] else { unreachable!("validated") };
        let bits = self.builder.func.dfg.value_type(right.value).bits();
        let known = self.known(right.value);
        if known.is_none_or(|known| known == 0) {
            let is_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, right.value, 0);
            self.trap_if(is_zero, TrapCode::IntegerDivideByZero);
        }
        if may_overflow && known.is_none_or(|known| known == u64::MAX >> (64 - bits)) {
            let is_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, right.value, -1);
            let least = self.builder.ins().iconst(signatures::clif_type(left.ty), 1 << (bits - 1));
            let is_least = self.builder.ins().icmp(IntCC::Equal, left.value, least);
            let overflows = self.builder.ins().band(is_minus_one, is_least);
            self.trap_if(overflows, TrapCode::IntegerOverflow);
        }
    }

    /// The bits of a value that is a constant.
    pub(super) fn known(&self, value: Value) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                Some(imm.bits() as u64 & (u64::MAX >> (64 - dfg.value_type(value).bits())))
            }
            _ => None,
        }
    }

    /// Traps unless the operand is above `low`, or is `low` if that is included, and below `high`.
    fn check_conversion(&mut self, low: Float, includes_low: bool, high: Float) {
        self.need(1);
        let value = self.stack.last().expect("validated").value;
        let (low, high) = (self.float(low), self.float(high));
        let above = if includes_low { FloatCC::GreaterThanOrEqual } else { FloatCC::GreaterThan };
        let is_above = self.builder.ins().fcmp(above, value, low);
        let is_below = self.builder.ins().fcmp(FloatCC::LessThan, value, high);
        let is_inside = self.builder.ins().band(is_above, is_below);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, value, value);
        self.trap_if(is_nan, TrapCode::InvalidConversionToInteger);
        let is_outside = self.builder.ins().icmp_imm_u(IntCC::Equal, is_inside, 0);
        self.trap_if(is_outside, TrapCode::IntegerOverflow);
    }

    fn float(&mut self, float: Float) -> Value {
        match float {
            Float::Single(value) => self.builder.ins().f32const(Ieee32::with_float(value)),
            Float::Double(value) => self.builder.ins().f64const(Ieee64::with_float(value)),
        }
    }
}

/// Replaces the traps of an optimised function by branches and calls. Its control flow has to be computed anew.
///
/// With handlers only accesses that were compared with their memory's size are among them: so it is known where they went.
///
/// It is done so late because blocks make the work of translating grow with the locals, and so that the optimiser sees checks
/// that are made twice.
pub(super) fn expand(func: &mut Function, has_handlers: bool) {
    let context = func.dfg.block_params(func.layout.entry_block().expect("it is complete"))[0];
    let mut traps = Vec::new();
    let mut cursor = FuncCursor::new(func);
    while cursor.next_block().is_some() {
        while let Some(inst) = cursor.next_inst() {
            match cursor.func.dfg.insts[inst] {
                InstructionData::CondTrap { code, .. }
                    if !has_handlers || target::checked_access_size(code).is_some() =>
                {
                    traps.push(inst);
                }
                InstructionData::Trap { code, .. } if !has_handlers && code == target::trap(TrapCode::Unreachable) => {
                    traps.push(inst);
                }
                _ => {}
            }
        }
    }
    let mut leaving = Leaving { context, signatures: [None; 2] };
    // From the last one on, so that what follows a trap in its block is moved once.
    for inst in traps.into_iter().rev() {
        let location = func.srcloc(inst);
        let InstructionData::CondTrap { opcode, arg, code } = func.dfg.insts[inst] else {
            let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
            leaving.leave(&mut cursor, None, TrapCode::Unreachable);
            continue;
        };
        let (cold, next) = (func.dfg.make_block(), func.dfg.make_block());
        let after = func.layout.next_inst(inst).expect("it doesn't end its block");
        func.layout.split_block(next, after);
        func.layout.append_block(cold);
        func.layout.set_cold(cold);
        let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
        // Blocks are put in order so that the second way comes first. What the cold one needs is alive from its branch to
        // itself, at all blocks between, and the register allocators' work grows with that.
        let goes_on = if opcode == Opcode::Trapnz { negation(&mut cursor, arg) } else { arg };
        cursor.ins().brif(goes_on, next, &[], cold, &[]);
        cursor.remove_inst();
        let mut cursor = FuncCursor::new(func).at_bottom(cold).with_srcloc(location);
        let code = match target::checked_access_size(code) {
            Some(bytes) => {
                let missing = missing_byte(&mut cursor, opcode == Opcode::Trapnz, arg, bytes);
                leaving.leave(&mut cursor, missing, TrapCode::MemoryOutOfBounds);
                TrapCode::MemoryOutOfBounds
            }
            None => {
                let code = target::trap_code(code);
                leaving.leave(&mut cursor, None, code);
                code
            }
        };
        // Never reached: it says what a trap at the address that the call returns to means, and ends the block.
        cursor.ins().trap(target::trap(code));
    }
}

/// What isn't zero if `condition` is.
fn negation(cursor: &mut FuncCursor<'_>, condition: Value) -> Value {
    let dfg = &cursor.func.dfg;
    let definition = dfg.value_def(dfg.resolve_aliases(condition)).inst();
    match definition.map(|inst| dfg.insts[inst]) {
        Some(InstructionData::IntCompare { cond, args: [left, right], .. }) => {
            cursor.ins().icmp(cond.complement(), left, right)
        }
        Some(InstructionData::FloatCompare { cond, args: [left, right], .. }) => {
            cursor.ins().fcmp(cond.complement(), left, right)
        }
        _ => cursor.ins().icmp_imm_u(IntCC::Equal, condition, 0),
    }
}

/// The first byte that isn't there, of an access of so many bytes that was compared so: the memory's definition and the place in
/// the memory. None if it is beyond what 64 bits can count, or the optimiser has made something else of the comparison.
fn missing_byte(cursor: &mut FuncCursor<'_>, traps_if_true: bool, comparison: Value, bytes: u32) -> Option<[Value; 2]> {
    let dfg = &cursor.func.dfg;
    let defined_by = |value: Value| dfg.value_def(dfg.resolve_aliases(value)).inst().map(|inst| dfg.insts[inst]);
    let definition_of = |size: Value| match defined_by(size)? {
        InstructionData::Load { opcode: Opcode::Load, arg, offset, .. } if i32::from(offset) == memory::BYTES => {
            Some(arg)
        }
        _ => None,
    };
    let constant = |value: Value| match defined_by(value)? {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
        _ => None,
    };
    let compared = match defined_by(comparison)? {
        InstructionData::IntCompare { cond, args: [left, right], .. } => match cond {
            IntCC::UnsignedGreaterThan => Some((left, right)),
            IntCC::UnsignedLessThan => Some((right, left)),
            // That one byte ends beyond the size: the size is zero.
            IntCC::Equal | IntCC::NotEqual if (cond == IntCC::Equal) == traps_if_true => {
                let (size, zero) = if definition_of(left).is_some() { (left, right) } else { (right, left) };
                let definition = definition_of(size).filter(|_| constant(zero) == Some(0))?;
                return Some([definition, cursor.ins().iconst(types::I64, 0)]);
            }
            _ => None,
        },
        // The same, as a branch that the size itself decides.
        _ if traps_if_true => None,
        _ => {
            let definition = definition_of(comparison)?;
            return Some([definition, cursor.ins().iconst(types::I64, 0)]);
        }
    };
    let (left, right) = compared?;
    if let Some(definition) = definition_of(right) {
        let start = cursor.ins().iadd_imm_s(left, -i64::from(bytes));
        let first = cursor.ins().umax(start, right);
        return Some([definition, first]);
    }
    // The index was compared with the last one for which all bytes are there.
    let (size, needed) = match defined_by(right)? {
        InstructionData::Binary { opcode: Opcode::Isub, args: [size, needed] } => (size, constant(needed)?),
        InstructionData::Binary { opcode: Opcode::Iadd, args: [size, less] } => match constant(less) {
            Some(less) => (size, less.wrapping_neg()),
            None => (less, constant(size)?.wrapping_neg()),
        },
        _ => return None,
    };
    let definition = definition_of(size)?;
    let start = cursor.ins().iadd_imm_s(left, needed - i64::from(bytes));
    let wraps = cursor.ins().icmp(IntCC::UnsignedLessThan, start, left);
    let first = cursor.ins().umax(start, size);
    // Without a memory it isn't known.
    let none = cursor.ins().iconst(types::I64, 0);
    let definition = cursor.ins().select(wraps, none, definition);
    Some([definition, first])
}

/// How the guest is left.
struct Leaving {
    context: Value,
    signatures: [Option<SigRef>; 2],
}

impl Leaving {
    /// Calls the routine for a trap, or for one of an access to a memory that it is known of where it went.
    fn leave(&mut self, cursor: &mut FuncCursor<'_>, missing: Option<[Value; 2]>, code: TrapCode) {
        let flags = MemFlagsData::trusted();
        let routine = if missing.is_some() { Builtin::memory_trap } else { Builtin::trap };
        let store = cursor.ins().load(types::I64, flags, self.context, STORE_CONTEXT);
        let table = cursor.ins().load(types::I64, flags, store, store_context::BUILTINS);
        let entry = cursor.ins().load(types::I64, flags, table, routine.offset());
        let signature = *self.signatures[usize::from(missing.is_some())]
            .get_or_insert_with(|| cursor.func.import_signature(signatures::builtin(routine)));
        match missing {
            Some([memory, address]) => {
                cursor.ins().call_indirect(signature, entry, &[self.context, memory, address]);
            }
            None => {
                let number = cursor.ins().iconst(types::I64, code as i64);
                cursor.ins().call_indirect(signature, entry, &[self.context, number]);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Float {
    Single(f32),
    Double(f64),
}

/// Has a function compare its stack pointer with the limit of the guest stack before it makes its frame. Its first parameter
/// is a context that begins with the store context's address.
pub(super) fn check_stack(func: &mut Function) {
    func.signature.params[0].purpose = ArgumentPurpose::VMContext;
    let context = func.create_global_value(GlobalValueData::VMContext);
    let store = load_global(func, context, STORE_CONTEXT);
    let stack = load_global(func, store, store_context::STACK);
    func.stack_limit = Some(load_global(func, stack, guest_stack::LIMIT));
}

fn load_global(func: &mut Function, base: GlobalValue, offset: i32) -> GlobalValue {
    let flags = func.dfg.mem_flags.insert_unchecked(MemFlagsData::trusted());
    func.create_global_value(GlobalValueData::Load { base, offset: offset.into(), global_type: types::I64, flags })
}

/// Leads the branches to the faults that Cranelift makes where the stack's limit is exceeded to the overflow
/// routine, by way of a few instructions at the code's end: there the parameters are still in their registers, and nothing is
/// on the stack but the caller's frame pointer.
pub(super) fn lead_overflows_to_routine(code: &mut Vec<u8>, traps: &[MachTrap]) {
    let way = code.len();
    let mut faults =
        traps.iter().filter(|trap| trap.code == ir::TrapCode::STACK_OVERFLOW).map(|trap| trap.offset).peekable();
    if faults.peek().is_none() {
        return;
    }
    let context = context_register(code);
    for fault in faults {
        // `ja fault`: the comparison's branch is the first such one, as it is in the prologue.
        let branch = (0..way.saturating_sub(6)).find(|place| {
            let displacement = i32::from_le_bytes(code[place + 2..place + 6].try_into().expect("four bytes"));
            code[*place..place + 2] == [0x0f, 0x87] && (*place as i64 + 6 + i64::from(displacement)) == i64::from(fault)
        });
        let branch = branch.expect("a branch leads to each check's fault");
        code[branch + 2..branch + 6].copy_from_slice(&((way - branch - 6) as i32).to_le_bytes());
    }
    // `mov rax, [context + STORE_CONTEXT]; mov r11, [rax + BUILTINS]; jmp [r11 + offset]`.
    code.extend([0x48, 0x8b, 0x40 | context, STORE_CONTEXT as u8]);
    code.extend([0x4c, 0x8b, 0x58, store_context::BUILTINS as u8]);
    code.extend([0x41, 0xff, 0xa3]);
    code.extend(Builtin::stack_overflow.offset().to_le_bytes());
}

/// The register that the context is in on entry: `rdi`, or `rsi` where the address for results that registers can't hold comes
/// first. The prologue says which: right after it made the frame pointer it loads the stack's limit, beginning there.
fn context_register(code: &[u8]) -> u8 {
    match code {
        // `push rbp; mov rbp, rsp; mov register, [context + …]`
        [0x55, 0x48, 0x89, 0xe5, 0x48 | 0x4c, 0x8b, operands, ..]
            if operands >> 6 != 0b11 && matches!(operands & 7, RSI | RDI) =>
        {
            operands & 7
        }
        _ => unreachable!("a prologue that checks the stack begins otherwise: {:02x?}", &code[..code.len().min(16)]),
    }
}

const RSI: u8 = 6;
const RDI: u8 = 7;

const _: () = assert!(STORE_CONTEXT < 128 && store_context::BUILTINS < 128);
