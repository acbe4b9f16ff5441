//! Runs: the operators from one stop point on, decoded so that they can be walked and replayed.
//!
//! A run starts at a stop point and ends after the first operator with an effect beyond locals and operands, or where
//! another stop point begins. It goes on past a conditional branch, which leaves it where it is taken. Operators of dead code belong to no run. Must not know calls or events. Read next: [`super::evaluator`].

use super::evaluator::{Inner, Outside};
use crate::abi::artifact::CompiledBlob;
use crate::abi::frame_table::Stop;
use crate::base::{
    BodyIndex, DefinedFuncIndex, FuncIndex, GlobalIndex, Instance, MemoryIndex, RawValue, RefType, Result, TableIndex,
    ValType, Value, WasmPc, memory,
};
use crate::runtime::{MappedBlob, Module, Store};
use crate::wasm::module_info::opcodes::{CATCH, CATCH_ALL, DELEGATE, ELSE};
use wasmparser::{BinaryReader, Operator, OperatorsReader, OperatorsReaderAllocations};

/// A decoded run.
#[derive(Debug)]
pub struct Run {
    /// Where its operators are.
    pub pcs: Box<[WasmPc]>,
    /// The operators that can be replayed as long as they don't leave the run: all, or all but the last.
    pub inner: Box<[Inner]>,
    /// What the last operator calls.
    pub calls: Option<Callee>,
    /// Whether that takes the frame's place.
    pub is_tail_call: bool,
}

/// What a call operator calls.
#[derive(Clone, Copy, Debug)]
pub enum Callee {
    /// A function.
    Direct(FuncIndex),
    /// The function in this table's element that the last operand names.
    Indirect(TableIndex),
    /// The function that the last operand refers to.
    Reference,
}

impl Run {
    /// Decodes the run that begins at `start`, a stop point of `body`, or what remains of it at a checkpoint. Requires: the
    /// blob was compiled for debugging.
    pub fn new(blob: &MappedBlob, body: BodyIndex, start: WasmPc) -> Run {
        let (module, function) = (blob.module(), blob.function(body));
        let stops = Stops::after(blob.tables(), body, start);
        let (mut pcs, mut inner, mut calls, mut is_tail_call) = (Vec::new(), Vec::new(), None, false);
        for (pc, operator) in operators_from(module, function, start) {
            if stops.passes(pc) {
                break;
            }
            pcs.push(pc);
            if module.info().ends_run(&operator) || is_last(module, function, pc) {
                calls = called(&operator);
                is_tail_call = is_tail_call_operator(&operator);
                break;
            }
            inner.push(Inner::new(&operator).expect("an operator that doesn't end a run is replayable"));
        }
        Run { pcs: pcs.into(), inner: inner.into(), calls, is_tail_call }
    }

    /// The place of the operator at `pc` in the run.
    pub fn index_of(&self, pc: WasmPc) -> Option<u32> {
        self.pcs.binary_search(&pc).ok().map(|index| index as u32)
    }
}

/// The place of the operator at `pc` in the run that begins at `start`, as [`Run::index_of`] says it.
pub fn index_in_run(blob: &MappedBlob, body: BodyIndex, start: WasmPc, pc: WasmPc) -> Option<u32> {
    let (module, function) = (blob.module(), blob.function(body));
    let stops = Stops::after(blob.tables(), body, start);
    for (index, (at, operator)) in operators_from(module, function, start).enumerate() {
        if at >= pc || stops.passes(at) {
            return (at == pc && !stops.passes(at)).then_some(index as u32);
        }
        if module.info().ends_run(&operator) {
            return None;
        }
    }
    None
}

/// The next stop point of a function while its operators are gone through.
struct Stops<'a> {
    rest: &'a [Stop],
}

impl Stops<'_> {
    fn after(code: &CompiledBlob, body: BodyIndex, pc: WasmPc) -> Stops<'_> {
        let stops = code.frames.as_ref().expect("compiled for debugging").stops_of(body);
        Stops { rest: &stops[stops.partition_point(|stop| stop.pc <= pc)..] }
    }

    fn passes(&self, pc: WasmPc) -> bool {
        self.rest.first().is_some_and(|next| next.pc <= pc)
    }
}

/// Whether an operator has what it calls take its frame's place.
pub fn is_tail_call_operator(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. }
    )
}

/// What the operator at `pc` of a module calls, if it does.
pub fn callee_at(module: &Module, pc: WasmPc) -> Option<Callee> {
    called(&module.info().operator_at(pc))
}

fn called(operator: &Operator<'_>) -> Option<Callee> {
    match *operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(Callee::Direct(FuncIndex::from_u32(function_index)))
        }
        Operator::CallIndirect { table_index, .. } | Operator::ReturnCallIndirect { table_index, .. } => {
            Some(Callee::Indirect(TableIndex::from_u32(table_index)))
        }
        Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => Some(Callee::Reference),
        _ => None,
    }
}

/// Whether the operator at `pc` is the `end` of the function.
fn is_last(module: &Module, function: DefinedFuncIndex, pc: WasmPc) -> bool {
    pc.0 + 1 == module.info().bodies[function].range.end
}

/// The operators of a function from `pc` on, which must be one.
pub fn operators_from(
    module: &Module,
    function: DefinedFuncIndex,
    pc: WasmPc,
) -> impl Iterator<Item = (WasmPc, Operator<'_>)> {
    let info = module.info();
    let end = info.bodies[function].range.end;
    let mut at = pc.0;
    let mut room = OperatorsReaderAllocations::default();
    std::iter::from_fn(move || {
        let pc = WasmPc(at);
        // A reader that begins within nested blocks doesn't know them: each operator gets a fresh one, which takes
        // every operator but those that belong to a block around them.
        let operator = match info.bytes[at as usize..end as usize] {
            [] => return None,
            ref bytes @ [ELSE | CATCH | DELEGATE | CATCH_ALL, ..] => {
                at += 1 + immediate_length(bytes);
                info.operator_at(pc)
            }
            ref bytes => {
                let reader = BinaryReader::new(bytes, u64::from(at));
                let mut reader = OperatorsReader::new_with_allocs(reader, std::mem::take(&mut room));
                let operator = reader.read().expect("validated");
                at = reader.original_position() as u32;
                room = reader.into_allocations();
                operator
            }
        };
        Some((pc, operator))
    })
}

/// How many bytes of an operator's only immediate come behind its first byte, if it has one.
fn immediate_length(bytes: &[u8]) -> u32 {
    match bytes {
        [CATCH | DELEGATE, index @ ..] => {
            let last = index.iter().position(|byte| byte & 0x80 == 0);
            last.expect("validated") as u32 + 1
        }
        _ => 0,
    }
}

/// Bytes that reading operators takes: a reader notes the block that an operator opens.
const READING: usize = 8;

/// The operator of `function` at `pc` or, if `pc` isn't an operator, the next one. Requires: `pc` is in its body.
///
/// Looks at no more than the operators of one run and the dead code after it, if the function was compiled when its module
/// was loaded.
///
/// Errors: `System` without memory for reading.
pub fn operator_at_or_after(module: &Module, function: DefinedFuncIndex, pc: WasmPc) -> Result<WasmPc> {
    memory::ask(READING)?;
    let first = module.info().bodies[function].operators;
    let code = module.compiled();
    let run = code.frames.as_ref().and_then(|frames| frames.run_at(code.bodies_of(function).next()?, pc));
    let from = run.map_or(first, |stop| stop.pc);
    let mut operators = operators_from(module, function, from);
    Ok(operators.find(|(operator, _)| *operator >= pc).expect("the last byte of a body is an operator").0)
}

/// All operators of a function.
///
/// Errors: `System` without memory for reading.
pub fn all_operators(
    module: &Module,
    function: DefinedFuncIndex,
) -> Result<impl Iterator<Item = (WasmPc, Operator<'_>)>> {
    memory::ask(READING)?;
    Ok(operators_from(module, function, module.info().bodies[function].operators))
}

/// The outside of an instance's frames.
pub struct World<'a> {
    /// The store.
    pub store: &'a Store,
    /// The instance.
    pub instance: Instance,
}

impl World<'_> {
    fn raw(&self, value: Result<Value>) -> Result<u128> {
        self.store.to_raw(&value?).map(RawValue::bits)
    }

    /// The function that a call operator is about to call, if its last operand is `operand`.
    pub fn callee(&self, callee: Callee, operand: Option<u64>) -> Option<crate::base::Func> {
        match callee {
            Callee::Direct(func) => self.store.instance_func(self.instance, func).ok(),
            Callee::Indirect(table) => {
                let table = self.store.instance_table(self.instance, table).ok()?;
                match self.store.table_get(table, operand?) {
                    Ok(Value::FuncRef(func)) => func,
                    _ => None,
                }
            }
            Callee::Reference => match self.store.from_raw(ValType::FUNCREF, RawValue::new(operand?)) {
                Value::FuncRef(func) => func,
                _ => None,
            },
        }
    }
}

impl Outside for World<'_> {
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u128> {
        let memory = self.store.instance_memory(self.instance, memory).ok()?;
        let mut buffer = [0; 16];
        self.store.memory_read(memory, address, &mut buffer[..usize::from(bytes)]).ok()?;
        Some(u128::from_le_bytes(buffer))
    }

    fn memory_size(&self, memory: MemoryIndex) -> u64 {
        let memory = self.store.instance_memory(self.instance, memory);
        memory.and_then(|memory| self.store.memory_size(memory)).expect("validated")
    }

    fn global(&self, global: GlobalIndex) -> u128 {
        let global = self.store.instance_global(self.instance, global);
        global.and_then(|global| self.store.global_raw(global)).expect("validated").bits()
    }

    fn table_get(&self, table: TableIndex, element: u64) -> Option<u128> {
        let table = self.store.instance_table(self.instance, table).ok()?;
        self.store.table_bits(table, element).ok()?.map(u128::from)
    }

    fn table_size(&self, table: TableIndex) -> u64 {
        let table = self.store.instance_table(self.instance, table);
        table.and_then(|table| self.store.table_size(table)).expect("validated")
    }

    fn object(&self, object: u32, offset: u32, bytes: u8) -> Option<u128> {
        self.store.object_bits(object, offset, bytes)
    }

    fn array_length(&self, array: u32) -> Option<u32> {
        self.store.length_of_word(array)
    }

    fn is_instance(&self, reference: u64, ty: RefType) -> bool {
        self.store.is_good(ValType::Ref(ty), RawValue::new(reference))
    }

    fn func_ref(&self, func: FuncIndex) -> u128 {
        let func = self.store.instance_func(self.instance, func);
        self.raw(func.map(|func| Value::FuncRef(Some(func)))).expect("validated")
    }
}
