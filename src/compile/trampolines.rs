//! The two trampolines of a function type: into the guest, and out to a host function.

use super::{checks, control_plane, signatures, target};
use crate::abi::artifact::Trampolines;
use crate::abi::vmctx::host_func;
use crate::base::{CodeOffset, Error, ErrorKind, FuncType, Result};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

const RAW_VALUE_SIZE: i32 = 16;

pub(super) fn compile(isa: &dyn TargetIsa, ty: &FuncType, checks: bool) -> Result<Trampolines> {
    let mut out = Trampolines::default();
    out.enter = append(isa, &mut out, enter(isa, ty), checks)?;
    out.host_call = append(isa, &mut out, host_call(isa, ty), checks)?;
    Ok(out)
}

fn append(isa: &dyn TargetIsa, out: &mut Trampolines, mut function: Function, checks: bool) -> Result<CodeOffset> {
    if checks {
        checks::check_stack(&mut function);
    }
    let mut context = Context::for_function(function);
    let code = context.compile(isa, &mut control_plane()).map_err(|error| {
        Error::new(ErrorKind::Limit, format!("a function type can't be compiled: {:?}", error.inner))
    })?;
    let alignment = isa.function_alignment().preferred as usize;
    out.image.resize(out.image.len().next_multiple_of(alignment), 0);
    let start = out.image.len() as u32;
    let mut bytes = code.buffer.data().to_vec();
    if checks {
        checks::lead_overflows_to_routine(&mut bytes, code.buffer.traps());
    }
    out.image.extend(bytes);
    assert!(code.buffer.relocs().is_empty(), "trampolines refer to nothing by name");
    let traps = code.buffer.traps().iter();
    out.traps.extend(traps.map(|trap| (CodeOffset(start + trap.offset), target::trap_code(trap.code))));
    Ok(CodeOffset(start))
}

/// `extern "C" fn(callee context, caller context, code, values)`: the contexts are where the guest expects them.
fn enter(isa: &dyn TargetIsa, ty: &FuncType) -> Function {
    let mut signature = Signature::new(CallConv::triple_default(isa.triple()));
    signature.params.extend([AbiParam::new(types::I64); 4]);
    build(isa, signature, |builder, params| {
        let [callee, caller, code, values] = params[..] else { unreachable!("four parameters") };
        let flags = MemFlagsData::trusted();
        let mut args = vec![callee, caller];
        for (place, param) in ty.params.iter().enumerate() {
            let offset = place as i32 * RAW_VALUE_SIZE;
            args.push(builder.ins().load(signatures::clif_type(*param), flags, values, offset));
        }
        let guest = builder.import_signature(signatures::guest(ty));
        let call = builder.ins().call_indirect(guest, code, &args);
        let results = builder.inst_results(call).to_vec();
        for (place, result) in results.into_iter().enumerate() {
            store(builder, result, values, place);
        }
        Vec::new()
    })
}

/// A guest function whose body is the host's.
fn host_call(isa: &dyn TargetIsa, ty: &FuncType) -> Function {
    build(isa, signatures::guest(ty), |builder, params| {
        let (callee, caller) = (params[0], params[1]);
        let length = ty.params.len().max(ty.results.len()) as u32;
        let bytes = length * RAW_VALUE_SIZE as u32 + host_func::KEPT_BYTES;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
        let slot = builder.create_sized_stack_slot(slot);
        let values = builder.ins().stack_addr(types::I64, slot, 0);
        for (place, param) in params[2..].iter().enumerate() {
            store(builder, *param, values, place);
        }
        let flags = MemFlagsData::trusted();
        let stub = builder.ins().load(types::I64, flags, callee, host_func::STUB);
        let signature = builder.import_signature(signatures::host_func());
        builder.ins().call_indirect(signature, stub, &[callee, caller, values]);
        let load = |(place, ty): (usize, &_)| {
            builder.ins().load(signatures::clif_type(*ty), flags, values, place as i32 * RAW_VALUE_SIZE)
        };
        ty.results.iter().enumerate().map(load).collect()
    })
}

/// Stores a value as a raw one. The bits above its own 32 are zeroed, as `RawValue` promises.
fn store(builder: &mut FunctionBuilder<'_>, value: Value, values: Value, place: usize) {
    let flags = MemFlagsData::trusted();
    let offset = place as i32 * RAW_VALUE_SIZE;
    let ty = builder.func.dfg.value_type(value);
    let wide = if ty == types::I32 {
        builder.ins().uextend(types::I64, value)
    } else if ty == types::F32 {
        let bits = builder.ins().bitcast(types::I32, MemFlagsData::new(), value);
        builder.ins().uextend(types::I64, bits)
    } else {
        value
    };
    builder.ins().store(flags, wide, values, offset);
}

fn build(
    isa: &dyn TargetIsa,
    signature: Signature,
    body: impl FnOnce(&mut FunctionBuilder<'_>, &[Value]) -> Vec<Value>,
) -> Function {
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut function, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let params = builder.block_params(block).to_vec();
    let results = body(&mut builder, &params);
    builder.ins().return_(&results);
    builder.finalize(isa.frontend_config());
    function
}
