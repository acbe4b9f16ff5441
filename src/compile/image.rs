//! Puts compiled functions together: one image, one set of tables.

use super::function::FunctionOutput;
use crate::abi::artifact::{CallSite, CompiledBlob, Form, FunctionCode, Handler, InlinedTrap, TrapSite, TryBlock};
use crate::abi::frame_table::{Checkpoint, FrameTable, FunctionFrame, Stop};
use crate::abi::thunk;
use crate::base::{BodyIndex, CodeOffset, DefinedFuncIndex, Error, ErrorKind, Result};
use cranelift_codegen::isa::TargetIsa;

pub(super) fn link(
    isa: &dyn TargetIsa,
    functions: impl Iterator<Item = (DefinedFuncIndex, FunctionOutput)>,
    form: Form,
) -> Result<CompiledBlob> {
    let alignment = isa.function_alignment().preferred as usize;
    let mut module = CompiledBlob::default();
    let mut frames = FrameTable::default();
    if form != Form::Plain {
        module.image.extend(thunk::X86_64);
    }
    let mut calls_to = Vec::new();
    for (index, function) in functions {
        module.image.resize(module.image.len().next_multiple_of(alignment), 0);
        // Displacements in the image are 32-bit and signed.
        let fits = i32::try_from(module.image.len() + function.code.len()).is_ok();
        if !fits {
            return Err(Error::new(ErrorKind::Limit, "the module's machine code would exceed 2 GiB"));
        }
        let states = frames.pool.len() + function.debug.as_ref().map_or(0, |debug| debug.pool.len());
        if u32::try_from(states).is_err() {
            return Err(Error::new(ErrorKind::Limit, "the module's frame states would exceed 4 GiB"));
        }
        let start = module.image.len() as u32;
        let at = |offset: u32| CodeOffset(start + offset);
        let length = function.code.len() as u32;
        module.functions.push(FunctionCode { function: index, form, start: at(0), length });
        module.image.extend(&function.code);
        calls_to.extend(function.calls_to.into_iter().map(|(offset, callee)| (start + offset, callee)));
        module.traps.extend(function.traps.into_iter().map(|(offset, code, pc)| TrapSite {
            offset: at(offset),
            code,
            pc,
        }));
        module.inlined.extend(function.inlined.into_iter().map(|(offset, function, pc)| InlinedTrap {
            offset: at(offset),
            function,
            pc,
        }));
        let states_from = frames.pool.len() as u32;
        module.calls.extend(function.calls.into_iter().map(|(offset, pc, state)| CallSite {
            return_offset: at(offset),
            pc,
            state: state.map(|state| states_from + state),
        }));
        let first_try = module.try_blocks.len() as u32;
        module.handlers.extend(function.handlers.into_iter().map(|handler| Handler {
            return_offset: at(handler.return_offset.0),
            landing: at(handler.landing.0),
            try_block: first_try + handler.try_block,
            ..handler
        }));
        for (parent, clauses) in function.try_blocks {
            module.try_blocks.push(TryBlock {
                parent: parent.map(|parent| first_try + parent),
                first_clause: module.clauses.len() as u32,
                clauses: clauses.len() as u32,
            });
            module.clauses.extend(clauses);
        }
        if let Some(debug) = function.debug {
            frames.functions.push(FunctionFrame {
                slot_to_fp: debug.slot_to_fp,
                frame_to_fp: debug.frame_to_fp,
                words: debug.words,
                saved: debug.saved,
                grown: debug.grown,
                locals: debug.locals,
                first_stop: frames.stops.len() as u32,
                stops: debug.stops.len() as u32,
                first_zeros: frames.zeros.len() as u32,
                zeros: debug.zeros.len() as u32,
                first_piece: frames.pieces.len() as u32,
                pieces: debug.pieces.len() as u32,
            });
            frames.zeros.extend(debug.zeros);
            frames.pieces.extend(debug.pieces);
            frames.stops.extend(debug.stops.into_iter().map(|(pc, offset, state)| Stop {
                pc,
                return_offset: at(offset),
                state: states_from + state,
            }));
            frames.checkpoints.extend(
                debug
                    .checkpoints
                    .into_iter()
                    .map(|Checkpoint { pc, state }| Checkpoint { pc, state: states_from + state }),
            );
            frames.pool.extend(debug.pool);
        }
    }
    for (offset, callee) in calls_to {
        // All functions of the module are here, once.
        let callee = BodyIndex::from_u32(callee.as_u32());
        let displacement = module.functions[callee].start.0.wrapping_sub(offset + 4);
        module.image[offset as usize..][..4].copy_from_slice(&displacement.to_le_bytes());
    }
    // Cranelift lists the sites of one function in order; the functions follow each other.
    debug_assert!(module.traps.is_sorted_by_key(|site| site.offset));
    debug_assert!(module.calls.is_sorted_by_key(|site| site.return_offset));
    module.frames = (form != Form::Plain).then_some(frames);
    Ok(module)
}
