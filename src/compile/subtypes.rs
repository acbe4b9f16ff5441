//! Whether a defined type that is only known at run time is a given one, or a subtype of it.
//!
//! Every type has a path: its supertypes from the most general one on, and itself. A type is a subtype of another just if the other
//! is in its path, at the place that the other has in its own: one comparison, however deep (as in Cohen, "Type-Extension Type
//! Tests Can Be Performed In Constant Time", 1991).

use super::function::Translator;
use crate::abi::type_paths;
use crate::abi::vmctx::{STORE_CONTEXT, TYPE_IDS, store_context};
use crate::base::TypeIndex;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

impl Translator<'_> {
    /// The engine's number of a type of the module.
    pub(super) fn type_id(&mut self, ty: TypeIndex) -> Value {
        let type_ids = self.load_constant(self.context, TYPE_IDS);
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(types::I32, flags, type_ids, ty.as_u32() as i32 * 4)
    }

    /// Whether the type with the number `actual` isn't `ty` nor a subtype of it: not zero if so.
    pub(super) fn is_other_type(&mut self, actual: Value, ty: TypeIndex) -> Value {
        let expected = self.type_id(ty);
        let differs = self.builder.ins().icmp(IntCC::NotEqual, actual, expected);
        if self.info.types[ty].is_final {
            return differs;
        }
        let (slow, done) = (self.builder.create_block(), self.builder.create_block());
        self.builder.append_block_param(done, types::I8);
        let is_same = self.builder.ins().iconst(types::I8, 0);
        self.builder.ins().brif(differs, slow, &[], done, &[is_same.into()]);
        self.branches.branch(self.location, slow, done);
        self.builder.seal_block(slow);
        self.builder.switch_to_block(slow);
        let store = self.load_constant(self.context, STORE_CONTEXT);
        let chunks = self.load_constant(store, store_context::TYPE_PATHS);
        let actual = self.builder.ins().uextend(types::I64, actual);
        let chunk = self.builder.ins().ushr_imm_u(actual, i64::from(type_paths::CHUNK_LOG2));
        let paths = self.word_at(chunks, chunk);
        let place = self.builder.ins().band_imm_u(actual, (1 << type_paths::CHUNK_LOG2) - 1);
        let path = self.word_at(paths, place);
        let depth = self.info.type_depths[ty] as i32;
        let flags = MemFlagsData::trusted().with_readonly();
        let there = self.builder.ins().load(types::I32, flags, path, type_paths::IDS + depth * 4);
        let mut is_other = self.builder.ins().icmp(IntCC::NotEqual, there, expected);
        if depth as usize >= type_paths::ALWAYS {
            // What is behind a path is another's, or nothing.
            let length = self.builder.ins().load(types::I32, flags, path, type_paths::LENGTH);
            let is_short = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, length, i64::from(depth));
            is_other = self.builder.ins().bor(is_other, is_short);
        }
        self.builder.ins().jump(done, &[is_other.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        self.builder.block_params(done)[0]
    }

    /// The word at `place` of an array.
    fn word_at(&mut self, array: Value, place: Value) -> Value {
        let offset = self.builder.ins().ishl_imm_u(place, 3);
        let address = self.builder.ins().iadd(array, offset);
        self.builder.ins().load(types::I64, MemFlagsData::trusted().with_readonly(), address, 0)
    }
}
