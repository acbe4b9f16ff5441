//! Compiled code: inert bytes and tables, made by the compiler and mapped by the runtime.
//!
//! A blob is some functions of one module, each in one or more forms. A module may have any number of blobs over time.
//!
//! The image is position-independent: calls between its functions are relative, everything else goes through the
//! contexts of [`crate::abi::vmctx`]. Nothing here knows where, or how often, it is mapped.

use super::frame_table::FrameTable;
use crate::base::{BodyIndex, CodeOffset, DefinedFuncIndex, TagIndex, TrapCode, WasmPc};
use cranelift_entity::{EntityRef, PrimaryMap};

/// What a function was compiled for. Forms differ in what they keep in their frames, and in where they can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// For speed alone: no stop points, and no state in its frames.
    Plain,
    /// With a stop point at the start of each run, and the state that the frame table describes.
    Debuggable,
    /// With a stop point at each operator, and every value in the state slot, from where each operator reads what it takes:
    /// whoever changes the slot changes what the function does.
    Exact,
}

/// Where a function's machine code is in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionCode {
    /// The function.
    pub function: DefinedFuncIndex,
    /// The form that it is in here.
    pub form: Form,
    /// Its entry point.
    pub start: CodeOffset,
    /// Its length in bytes.
    pub length: u32,
}

/// An instruction that traps, or may trap by a hardware fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// The instruction's address.
    pub offset: CodeOffset,
    /// What the trap means.
    pub code: TrapCode,
    /// The operator that it belongs to.
    pub pc: WasmPc,
}

/// An instruction that may trap, of a function whose body has the place of a call: a frame of it would be newer than the one that is
/// there, which is known to be at the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedTrap {
    /// The instruction's address.
    pub offset: CodeOffset,
    /// The function.
    pub function: DefinedFuncIndex,
    /// The operator of it.
    pub pc: WasmPc,
}

/// A call to anything: a function, a builtin, or a stop point's thunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The address that the call returns to.
    pub return_offset: CodeOffset,
    /// The operator that it belongs to.
    pub pc: WasmPc,
    /// The frame's state during the call: an offset for [`FrameTable::state`]. `None` without debugging and for
    /// calls during which nobody looks.
    pub state: Option<u32>,
}

/// A call inside a block that catches exceptions: how its function goes on if one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The address that the call returns to.
    pub return_offset: CodeOffset,
    /// Where the function goes on: with the reference of the exception, if the clause takes it, and with the clause's number, in
    /// the two registers of Cranelift's `tail` convention for that.
    pub landing: CodeOffset,
    /// The stack pointer there, in bytes below the frame pointer.
    pub sp_to_fp: u32,
    /// Where the frame has room for what the exception carries, 16 bytes for each value; in bytes below the frame pointer.
    pub values_to_fp: u32,
    /// Where the frame has the instance's context, likewise.
    pub context_to_fp: u32,
    /// The innermost block around the call, by its place in [`CompiledBlob::try_blocks`].
    pub try_block: u32,
}

/// A block that catches exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryBlock {
    /// The next one around it in its function.
    pub parent: Option<u32>,
    /// The first of its clauses in [`CompiledBlob::clauses`].
    pub first_clause: u32,
    /// How many it has.
    pub clauses: u32,
}

/// What a block catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Exceptions of this tag, and what they carry; if none, all of them, and without that.
    pub tag: Option<TagIndex>,
    /// Whether it takes a reference of the exception.
    pub takes_reference: bool,
    /// Its number in its function.
    pub number: u32,
    /// The operator that it is part of.
    pub pc: WasmPc,
}

/// What compiling functions of a module gives.
#[derive(Clone, Debug, Default)]
pub struct CompiledBlob {
    /// Machine code. With debugging on it begins with the [stop thunk](crate::abi::thunk).
    pub image: Vec<u8>,
    /// Where each function is, in the order of the image, which is that of the functions' indices and then of their forms.
    pub functions: PrimaryMap<BodyIndex, FunctionCode>,
    /// Sorted by offset.
    pub traps: Vec<TrapSite>,
    /// Which of them are of functions whose bodies have the places of calls, sorted by offset.
    pub inlined: Vec<InlinedTrap>,
    /// With debugging on, functions whose bodies have the places of calls unless their guards are set, ascending.
    pub guarded: Vec<DefinedFuncIndex>,
    /// Sorted by return offset.
    pub calls: Vec<CallSite>,
    /// Calls inside of blocks that catch exceptions, sorted by return offset.
    pub handlers: Vec<Handler>,
    /// Those blocks.
    pub try_blocks: Vec<TryBlock>,
    /// Their clauses.
    pub clauses: Vec<Clause>,
    /// Stop points and frame states, if compiled for debugging.
    pub frames: Option<FrameTable>,
}

/// The two trampolines of one function type, in an image of their own. Neither shows up in backtraces.
#[derive(Clone, Debug, Default)]
pub struct Trampolines {
    /// Machine code.
    pub image: Vec<u8>,
    /// Host → guest, in the platform's C convention: `(callee context, caller context, code, values)`. Calls
    /// `code` with the arguments in `values`, an array of [`RawValue`](crate::base::RawValue) as long as the longer
    /// of parameters and results, and leaves the results there.
    pub enter: CodeOffset,
    /// Guest → host, in the guest convention, for use as the `code` of a host function: passes the arguments to
    /// [`host_func::STUB`](crate::abi::vmctx::host_func::STUB).
    pub host_call: CodeOffset,
    /// The instructions that trap, sorted.
    pub traps: Vec<(CodeOffset, TrapCode)>,
}

impl CompiledBlob {
    /// Bytes of the image, also when it was moved elsewhere to be mapped.
    pub fn image_size(&self) -> usize {
        self.functions.last().map_or(0, |(_, code)| (code.start.0 + code.length) as usize)
    }

    /// Bytes of the tables, without the image.
    pub fn tables_size(&self) -> usize {
        size_of_val(self.functions.values().as_slice())
            + size_of_val(&self.traps[..])
            + size_of_val(&self.inlined[..])
            + size_of_val(&self.guarded[..])
            + size_of_val(&self.calls[..])
            + size_of_val(&self.handlers[..])
            + size_of_val(&self.try_blocks[..])
            + size_of_val(&self.clauses[..])
            + self.frames.as_ref().map_or(0, FrameTable::size)
    }

    /// The code of a function in each form that is here.
    pub fn bodies_of(&self, function: DefinedFuncIndex) -> impl Iterator<Item = BodyIndex> + use<> {
        let all = self.functions.values().as_slice();
        let is_own_place = all.get(function.index()).is_some_and(|code| code.function == function);
        // In a blob of a whole module every function is at its own place.
        let first = if is_own_place && (function.index() == 0 || all[function.index() - 1].function < function) {
            function.index()
        } else {
            all.partition_point(|code| code.function < function)
        };
        // One for each form.
        let count = all[first..].iter().take_while(|code| code.function == function).count();
        (first..first + count).map(BodyIndex::new)
    }

    /// The function, in its form, that `offset` is in.
    pub fn body_at(&self, offset: CodeOffset) -> Option<BodyIndex> {
        let after = self.functions.values().as_slice().partition_point(|code| code.start <= offset);
        let index = BodyIndex::new(after.checked_sub(1)?);
        let code = self.functions[index];
        (offset.0 - code.start.0 < code.length).then_some(index)
    }

    /// What a fault at exactly this instruction means.
    pub fn trap_at(&self, offset: CodeOffset) -> Option<&TrapSite> {
        self.traps.binary_search_by_key(&offset, |site| site.offset).ok().map(|found| &self.traps[found])
    }

    /// The operator that an instruction belongs to which may trap, if that is one of a function whose body has the place of a call.
    pub fn inlined_at(&self, offset: CodeOffset) -> Option<&InlinedTrap> {
        self.inlined.binary_search_by_key(&offset, |trap| trap.offset).ok().map(|found| &self.inlined[found])
    }

    /// The call that returns to exactly this address.
    pub fn call_at(&self, return_offset: CodeOffset) -> Option<&CallSite> {
        self.calls.binary_search_by_key(&return_offset, |site| site.return_offset).ok().map(|found| &self.calls[found])
    }

    /// How the call goes on that returns to exactly this address, if an exception is caught: which handler it has, and the clauses of
    /// the blocks around it, from the innermost on.
    pub fn handler_at(&self, return_offset: CodeOffset) -> Option<(&Handler, impl Iterator<Item = &Clause>)> {
        let found = self.handlers.binary_search_by_key(&return_offset, |handler| handler.return_offset).ok()?;
        let handler = &self.handlers[found];
        let blocks = std::iter::successors(Some(&self.try_blocks[handler.try_block as usize]), |block| {
            block.parent.map(|parent| &self.try_blocks[parent as usize])
        });
        let clauses = |block: &TryBlock| {
            let first = block.first_clause as usize;
            &self.clauses[first..first + block.clauses as usize]
        };
        Some((handler, blocks.flat_map(clauses)))
    }

    /// The first call site of a function that returns after `offset`: for a fault of the call instruction itself.
    pub fn call_after(&self, offset: CodeOffset) -> Option<&CallSite> {
        self.calls.get(self.calls.partition_point(|site| site.return_offset <= offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_may_hold_some_functions_in_several_forms() {
        let function = DefinedFuncIndex::from_u32;
        let code =
            |index, form, start| FunctionCode { function: function(index), form, start: CodeOffset(start), length: 4 };
        let functions = [code(3, Form::Plain, 16), code(3, Form::Debuggable, 32), code(7, Form::Debuggable, 48)];
        let blob = CompiledBlob { functions: functions.into_iter().collect(), ..CompiledBlob::default() };
        let bodies = |index| blob.bodies_of(function(index)).map(|body| body.as_u32()).collect::<Vec<_>>();
        assert_eq!(bodies(0), []);
        assert_eq!(bodies(3), [0, 1]);
        assert_eq!(bodies(7), [2]);
        assert_eq!(bodies(8), []);
        let at = |offset| blob.body_at(CodeOffset(offset)).map(|body| body.as_u32());
        assert_eq!([15, 16, 19, 20, 35, 51].map(at), [None, Some(0), Some(0), None, Some(1), Some(2)]);
    }
}
