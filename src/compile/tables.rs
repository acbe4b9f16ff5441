//! Tables.

use super::function::{Region, Translator};
use super::operands::Operand;
use super::target;
use crate::abi::builtins::Builtin;
use crate::abi::fuel::ELEMENTS_LOG2;
use crate::abi::vmctx::table;
use crate::base::{TableIndex, TrapCode, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl Translator<'_> {
    pub(super) fn table_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::TableGet { table } => {
                let (table, index) = (TableIndex::from_u32(table), self.pop());
                let address = self.element_address(table, index, TrapCode::TableOutOfBounds);
                let flags = self.element_flags(target::trap(TrapCode::TableOutOfBounds));
                let value = self.builder.ins().load(types::I64, flags, address, 0);
                self.push(ValType::Ref(self.info.tables[table].element.top()), value);
            }
            Operator::TableSet { table } => {
                let (index, value) = self.pop2();
                let table = TableIndex::from_u32(table);
                let address = self.element_address(table, index, TrapCode::TableOutOfBounds);
                let outside = self.store_trap(TrapCode::TableOutOfBounds);
                let flags = self.element_flags(outside);
                self.builder.ins().store(flags, value.value, address, 0);
            }
            Operator::TableSize { table } => {
                let table = TableIndex::from_u32(table);
                let length = self.table_field(table, table::LENGTH);
                self.push_size(self.info.tables[table].index_type(), length);
            }
            Operator::TableGrow { table } => {
                let (init, delta) = self.pop2();
                let ty = delta.ty;
                let delta = self.extended(delta);
                let table = self.builder.ins().iconst(types::I32, i64::from(table));
                let old = self.builtin(Builtin::table_grow, &[table, init.value, delta]).expect("it has a result");
                self.costs_by_size(old, 2, ELEMENTS_LOG2);
                self.push_size(ty, old);
            }
            Operator::TableFill { table } => {
                let (value, length) = self.pop2();
                let destination = self.pop();
                let table = self.table_definition(TableIndex::from_u32(table));
                let (destination, length) = (self.extended(destination), self.extended(length));
                let args = [table, destination, value.value, length];
                self.checked_builtin(Builtin::table_fill, &args, ELEMENTS_LOG2, TrapCode::TableOutOfBounds);
            }
            Operator::TableCopy { dst_table, src_table } => {
                let destination = self.table_definition(TableIndex::from_u32(dst_table));
                let source = self.table_definition(TableIndex::from_u32(src_table));
                let args = self.copy_args((destination, source));
                self.checked_builtin(Builtin::table_copy, &args, ELEMENTS_LOG2, TrapCode::TableOutOfBounds);
            }
            Operator::TableInit { elem_index, table } => {
                let args = self.init_args(table, elem_index);
                self.checked_builtin(Builtin::table_init, &args, ELEMENTS_LOG2, TrapCode::TableOutOfBounds);
            }
            Operator::ElemDrop { elem_index } => {
                let segment = self.builder.ins().iconst(types::I32, i64::from(elem_index));
                self.builtin(Builtin::elem_drop, &[segment]);
            }
            _ => return false,
        }
        true
    }

    /// Operands of `table.copy` and `memory.copy`, as the builtins take them.
    /// `definitions` are the destination's and the source's.
    pub(super) fn copy_args(&mut self, definitions: (Value, Value)) -> [Value; 5] {
        let (source, length) = self.pop2();
        let destination = self.pop();
        let (destination, source) = (self.extended(destination), self.extended(source));
        [definitions.0, definitions.1, destination, source, self.extended(length)]
    }

    /// An address, an index, or a number of bytes or elements, extended to 64 bits unless it has them.
    pub(super) fn extended(&mut self, operand: Operand) -> Value {
        match operand.ty {
            ValType::I64 => operand.value,
            _ => self.builder.ins().uextend(types::I64, operand.value),
        }
    }

    /// Pushes a size, or -1, of 64 bits as a value of the type that its memory or table counts in.
    pub(super) fn push_size(&mut self, ty: ValType, size: Value) {
        let size = if ty == ValType::I64 { size } else { self.builder.ins().ireduce(types::I32, size) };
        self.push(ty, size);
    }

    /// Operands of `table.init` and `memory.init`, as the builtins take them.
    pub(super) fn init_args(&mut self, space: u32, segment: u32) -> [Value; 5] {
        let (source, length) = self.pop2();
        let destination = self.pop();
        let destination = self.extended(destination);
        [
            self.builder.ins().iconst(types::I32, i64::from(space)),
            self.builder.ins().iconst(types::I32, i64::from(segment)),
            destination,
            source.value,
            length.value,
        ]
    }

    /// Where a table's definition is: an address and an offset.
    fn table_place(&mut self, index: TableIndex) -> (Value, i32) {
        let layout = &self.info.layout;
        match layout.as_defined_table(index) {
            Some(defined) => (self.context, layout.defined_table(defined)),
            None => (self.load_constant(self.context, layout.imported_table(index)), 0),
        }
    }

    /// The address of a table's definition.
    fn table_definition(&mut self, index: TableIndex) -> Value {
        let (base, offset) = self.table_place(index);
        self.builder.ins().iadd_imm_s(base, i64::from(offset))
    }

    /// A field of a table's definition.
    fn table_field(&mut self, index: TableIndex, field: i32) -> Value {
        let (base, offset) = self.table_place(index);
        let region = self.region(Region::TableFields);
        let flags = MemFlagsData::trusted().with_alias_region(Some(region));
        self.builder.ins().load(types::I64, flags, base, offset + field)
    }

    /// The address of an element, or 0 if the index is out of bounds, also when that is speculated on. With checks it traps
    /// with `code` then.
    pub(super) fn element_address(&mut self, table: TableIndex, index: Operand, code: TrapCode) -> Value {
        let length = self.table_field(table, table::LENGTH);
        let elements = self.table_field(table, table::ELEMENTS);
        let index = self.extended(index);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        if self.checks {
            self.trap_if(outside, code);
        }
        // If it wraps, the index is out of bounds.
        let offset = self.builder.ins().ishl_imm_u(index, 3);
        let address = self.builder.ins().iadd(elements, offset);
        let null = self.builder.ins().iconst(types::I64, 0);
        self.builder.ins().select_spectre_guard(outside, null, address)
    }

    pub(super) fn element_flags(&mut self, outside: ir::TrapCode) -> MemFlagsData {
        let region = self.region(Region::TableElements);
        self.access_flags(outside).with_aligned().with_alias_region(Some(region))
    }
}
