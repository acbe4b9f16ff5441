//! What a module declares: types, imports, exports, index spaces, segments, names.

use super::features::{heap_type, value_type};
use super::{BranchHints, ConstExpr, ConstOp, Named, Names};
use crate::abi::operators::{ends_run, read_memory};
use crate::abi::vmctx::VmCtxLayout;
use crate::base::{
    CompositeType, DataIndex, DefinedFuncIndex, DefinedGlobalIndex, DefinedTableIndex, ElemIndex, ExternType,
    FieldType, FuncIndex, FuncType, GlobalIndex, GlobalType, HeapType, MemoryIndex, MemoryType, RefType, SubType,
    TableIndex, TableType, TagIndex, TypeId, TypeIndex, ValType, WasmPc,
};
use bytes::Bytes;
use cranelift_entity::{EntityRef, PrimaryMap};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use wasmparser::{BinaryReader, FrameKind, FrameStack, Operator, OperatorsReader};

/// An entity by its index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// A tag.
    Tag(TagIndex),
}

/// What an import must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemType {
    /// A function of this type.
    Func(TypeIndex),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of this type.
    Tag(TypeIndex),
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The first of its two names.
    pub module: String,
    /// The second.
    pub name: String,
    /// What it must be.
    pub ty: ItemType,
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name, unique in the module.
    pub name: String,
    /// What is exported.
    pub item: Item,
}

/// A function body in the module's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionBody {
    /// The body: declarations of locals, then operators. This is where function offsets count from.
    pub range: Range<u32>,
    /// The first operator.
    pub operators: WasmPc,
}

/// When an element segment is used.
#[derive(Clone, Debug)]
pub enum ElementMode {
    /// By `table.init`.
    Passive,
    /// Only to declare functions for `ref.func`.
    Declared,
    /// At instantiation.
    Active {
        /// The table that it initializes.
        table: TableIndex,
        /// Its first element.
        offset: ConstExpr,
    },
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Functions by index.
    Funcs(Box<[FuncIndex]>),
    /// One expression an element.
    Exprs(Box<[ConstExpr]>),
}

impl ElementItems {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Funcs(funcs) => funcs.len(),
            ElementItems::Exprs(exprs) => exprs.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// The type of its elements.
    pub element: RefType,
    /// Its elements.
    pub items: ElementItems,
    /// When it is used.
    pub mode: ElementMode,
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// Its bytes in the module.
    pub range: Range<usize>,
    /// For an active segment, the memory and its first byte.
    pub active: Option<(MemoryIndex, ConstExpr)>,
}

/// A module's declarations.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// The whole module.
    pub bytes: Bytes,
    /// Whether a function compares, computes or converts floats; known once they are compiled.
    pub has_floats: bool,
    /// Whether a function looks into the heap, which must be there then; known once they are compiled.
    pub uses_heap: bool,
    /// Defined types.
    pub types: PrimaryMap<TypeIndex, Arc<SubType>>,
    /// Their numbers in the engine.
    pub type_ids: PrimaryMap<TypeIndex, TypeId>,
    /// How many supertypes each has.
    pub type_depths: PrimaryMap<TypeIndex, u32>,
    /// All defined types in the order of their numbers.
    pub(super) types_by_id: Box<[TypeIndex]>,
    /// Function types as machine code knows them, with [the largest types](ValType::top) of the hierarchies; empty for other types.
    pub signatures: PrimaryMap<TypeIndex, FuncType>,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Exports in order.
    pub exports: Vec<Export>,
    /// Exports by name, as places in `exports`.
    pub exports_by_name: HashMap<String, usize>,
    /// Every function's type, imports first.
    pub funcs: PrimaryMap<FuncIndex, TypeIndex>,
    /// Every table, imports first.
    pub tables: PrimaryMap<TableIndex, TableType>,
    /// Every memory, imports first.
    pub memories: PrimaryMap<MemoryIndex, MemoryType>,
    /// Every global, imports first.
    pub globals: PrimaryMap<GlobalIndex, GlobalType>,
    /// Every tag's type, imports first: what its exceptions carry are the type's parameters.
    pub tags: PrimaryMap<TagIndex, TypeIndex>,
    /// How many of `funcs` are imported.
    pub imported_funcs: u32,
    /// How many of `tables` are imported.
    pub imported_tables: u32,
    /// How many of `memories` are imported.
    pub imported_memories: u32,
    /// How many of `globals` are imported.
    pub imported_globals: u32,
    /// How many of `tags` are imported.
    pub imported_tags: u32,
    /// The initial element of each defined table, if it isn't null.
    pub table_inits: PrimaryMap<DefinedTableIndex, Option<ConstExpr>>,
    /// The initial value of each defined global.
    pub global_inits: PrimaryMap<DefinedGlobalIndex, ConstExpr>,
    /// Element segments.
    pub elements: PrimaryMap<ElemIndex, ElementSegment>,
    /// Data segments.
    pub data: PrimaryMap<DataIndex, DataSegment>,
    /// The function to run at instantiation.
    pub start: Option<FuncIndex>,
    /// Bodies of the defined functions.
    pub bodies: PrimaryMap<DefinedFuncIndex, FunctionBody>,
    /// Custom sections in order: name, and contents as a range of `bytes`.
    pub custom_sections: Vec<(String, Range<usize>)>,
    /// Names.
    pub names: Names,
    /// Which way branches usually go.
    pub branch_hints: BranchHints,
    /// Functions whose reference can leave the module: exported, in element segments, or in constant expressions.
    pub escaping: Vec<FuncIndex>,
    /// One more than the place in `escaping` of each function that is there, zero for others; the last ones may be missing.
    pub(super) escaping_places: Vec<u32>,
    /// The layout of its instances' contexts.
    pub layout: VmCtxLayout,
}

impl ModuleInfo {
    /// A function's place in `escaping`, if it is there.
    pub fn escaping_place(&self, index: FuncIndex) -> Option<u32> {
        self.escaping_places.get(index.index())?.checked_sub(1)
    }

    /// The value of a global that every instance sets to the same number or vector and nothing changes.
    pub fn constant_global(&self, index: GlobalIndex) -> Option<ConstOp> {
        let defined = self.layout.as_defined_global(index)?;
        match self.global_inits[defined].0[..] {
            [op] if !self.globals[index].mutable && op.bits().is_some() => Some(op),
            _ => None,
        }
    }

    /// Whether an operator of the module ends the run that it is in. What another thread may write meanwhile can't be read twice, so
    /// all that read a shared memory, or its size, are among these.
    pub fn ends_run(&self, operator: &Operator<'_>) -> bool {
        ends_run(operator) || read_memory(operator).is_some_and(|memory| self.memories[memory].is_shared)
    }

    /// The type of a function.
    pub fn func_type(&self, index: FuncIndex) -> &Arc<FuncType> {
        self.func_type_at(self.funcs[index])
    }

    /// The function type of this index.
    pub fn func_type_at(&self, index: TypeIndex) -> &Arc<FuncType> {
        match &self.types[index].composite {
            CompositeType::Func(ty) => ty,
            other => panic!("validated, but type {} is a {:?}", index.as_u32(), other.kind()),
        }
    }

    /// The fields of the structure type of this index.
    pub fn struct_fields(&self, index: TypeIndex) -> &[FieldType] {
        match &self.types[index].composite {
            CompositeType::Struct(fields) => fields,
            other => panic!("validated, but type {} is a {:?}", index.as_u32(), other.kind()),
        }
    }

    /// What elements of the array type of this index hold.
    pub fn array_element(&self, index: TypeIndex) -> FieldType {
        match self.types[index].composite {
            CompositeType::Array(element) => element,
            ref other => panic!("validated, but type {} is a {:?}", index.as_u32(), other.kind()),
        }
    }

    /// The type of a function as machine code knows it.
    pub fn signature(&self, index: FuncIndex) -> &FuncType {
        &self.signatures[self.funcs[index]]
    }

    /// A value type of the module's bytes.
    pub fn value_type(&self, ty: wasmparser::ValType) -> ValType {
        value_type(ty, &|index| self.types[index].composite.kind(), &|index| self.type_ids[index])
    }

    /// The same, as machine code knows it.
    pub fn top_type(&self, ty: wasmparser::ValType) -> ValType {
        self.value_type(ty).top()
    }

    /// The type of a null of this heap type, as machine code knows it.
    pub fn null_type(&self, ty: wasmparser::HeapType) -> ValType {
        ValType::Ref(RefType::null(self.heap_type(ty).top()))
    }

    /// A reference type of the module's bytes.
    pub fn ref_type(&self, ty: wasmparser::RefType) -> RefType {
        RefType { nullable: ty.is_nullable(), heap: self.heap_type(ty.heap_type()) }
    }

    /// A heap type of the module's bytes.
    pub fn heap_type(&self, ty: wasmparser::HeapType) -> HeapType {
        heap_type(ty, &|index| self.types[index].composite.kind(), &|index| self.type_ids[index])
    }

    /// The type of a tag.
    pub fn tag_type(&self, index: TagIndex) -> &Arc<FuncType> {
        self.func_type_at(self.tags[index])
    }

    /// The type of a tag as machine code knows it.
    pub fn tag_signature(&self, index: TagIndex) -> &FuncType {
        &self.signatures[self.tags[index]]
    }

    /// The place of a function among the defined ones, unless it is imported.
    pub fn defined_func(&self, index: FuncIndex) -> Option<DefinedFuncIndex> {
        index.index().checked_sub(self.imported_funcs as usize).map(DefinedFuncIndex::new)
    }

    /// The index of a defined function.
    pub fn func_index(&self, defined: DefinedFuncIndex) -> FuncIndex {
        FuncIndex::new(self.imported_funcs as usize + defined.index())
    }

    /// The defined function whose body contains `pc`.
    pub fn function_at(&self, pc: WasmPc) -> Option<DefinedFuncIndex> {
        let bodies = self.bodies.values().as_slice();
        let index = bodies.partition_point(|body| body.range.start <= pc.0).checked_sub(1)?;
        (pc.0 < bodies[index].range.end).then(|| DefinedFuncIndex::new(index))
    }

    /// The type of an entity.
    pub fn item_type(&self, item: Item) -> ExternType {
        match item {
            Item::Func(index) => ExternType::Func((**self.func_type(index)).clone()),
            Item::Table(index) => ExternType::Table(self.tables[index]),
            Item::Memory(index) => ExternType::Memory(self.memories[index]),
            Item::Global(index) => ExternType::Global(self.globals[index]),
            Item::Tag(index) => ExternType::Tag((**self.tag_type(index)).clone()),
        }
    }

    /// The type of an import.
    pub fn import_type(&self, import: &Import) -> ExternType {
        match import.ty {
            ItemType::Func(index) => ExternType::Func((**self.func_type_at(index)).clone()),
            ItemType::Table(ty) => ExternType::Table(ty),
            ItemType::Memory(ty) => ExternType::Memory(ty),
            ItemType::Global(ty) => ExternType::Global(ty),
            ItemType::Tag(index) => ExternType::Tag((**self.func_type_at(index)).clone()),
        }
    }

    /// The export of this name.
    pub fn export(&self, name: &str) -> Option<Item> {
        self.exports_by_name.get(name).map(|place| self.exports[*place].item)
    }

    /// A function's name: from the name section, else its first export's, else nothing.
    pub fn func_name(&self, index: FuncIndex) -> Option<&str> {
        self.item_name(Item::Func(index))
    }

    /// The name of something that can be exported, found in the same way.
    pub fn item_name(&self, item: Item) -> Option<&str> {
        let (of, index) = match item {
            Item::Func(index) => (Named::Func, index.as_u32()),
            Item::Table(index) => (Named::Table, index.as_u32()),
            Item::Memory(index) => (Named::Memory, index.as_u32()),
            Item::Global(index) => (Named::Global, index.as_u32()),
            Item::Tag(index) => (Named::Tag, index.as_u32()),
        };
        self.name(of, 0, index).or_else(|| {
            let export = self.exports.iter().find(|export| export.item == item);
            export.map(|export| export.name.as_str())
        })
    }

    /// A name from the name section. `owner` is the type or function of a field or local, else 0.
    pub fn name(&self, of: Named, owner: u32, index: u32) -> Option<&str> {
        self.text(self.names.find(of, owner, index)?)
    }

    /// The functions that the name section names.
    pub fn named_functions(&self) -> impl Iterator<Item = (FuncIndex, &str)> {
        self.names.functions().filter_map(|(index, name)| Some((index, self.text(name)?)))
    }

    fn text(&self, range: Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(range)?).ok()
    }

    /// The types that the module defines as this one: none, or several that are equal, in order.
    pub fn types_of_id(&self, id: TypeId) -> &[TypeIndex] {
        let first = self.types_by_id.partition_point(|index| self.type_ids[*index] < id);
        let end = self.types_by_id.partition_point(|index| self.type_ids[*index] <= id);
        &self.types_by_id[first..end]
    }

    /// The name that the name section has for a type of the engine.
    pub fn type_name(&self, id: TypeId) -> Option<&str> {
        self.types_of_id(id).iter().find_map(|index| self.name(Named::Type, 0, index.as_u32()))
    }

    /// The name that the name section has for a field of a type of the engine.
    pub fn field_name(&self, id: TypeId, field: u32) -> Option<&str> {
        self.types_of_id(id).iter().find_map(|index| self.name(Named::Field, index.as_u32(), field))
    }

    /// The body of a defined function, to read.
    pub fn body(&self, defined: DefinedFuncIndex) -> wasmparser::FunctionBody<'_> {
        let range = &self.bodies[defined].range;
        let bytes = &self.bytes[range.start as usize..range.end as usize];
        wasmparser::FunctionBody::new(BinaryReader::new(bytes, u64::from(range.start)))
    }

    /// The types of a function's locals, parameters first, run-length decoded.
    pub fn local_types(&self, defined: DefinedFuncIndex) -> Vec<ValType> {
        let mut types = self.func_type(self.func_index(defined)).params.to_vec();
        let locals = self.body(defined).get_locals_reader().expect("validated");
        for declaration in locals {
            let (count, ty) = declaration.expect("validated");
            types.extend(std::iter::repeat_n(self.value_type(ty), count as usize));
        }
        types
    }

    /// The same, as machine code knows them.
    pub fn top_local_types(&self, defined: DefinedFuncIndex) -> Vec<ValType> {
        let mut types = self.local_types(defined);
        types.iter_mut().for_each(|ty| *ty = ty.top());
        types
    }

    /// Where each operator of a defined function is, in order.
    pub fn operator_pcs(&self, defined: DefinedFuncIndex) -> Vec<WasmPc> {
        let body = &self.bodies[defined];
        let bytes = &self.bytes[body.operators.0 as usize..body.range.end as usize];
        let reader = OperatorsReader::new(BinaryReader::new(bytes, u64::from(body.operators.0)));
        reader.into_iter_with_offsets().map(|operator| WasmPc(operator.expect("validated").1 as u32)).collect()
    }

    /// The operator at `pc`, which must be one of [`ModuleInfo::operator_pcs`].
    pub fn operator_at(&self, pc: WasmPc) -> Operator<'_> {
        let bytes = &self.bytes[pc.0 as usize..];
        let reader = BinaryReader::new(bytes, u64::from(pc.0));
        reader.peek_operator(&Around(bytes[0])).expect("validated")
    }
}

/// Reads operators one by one, outside their blocks: around the one that begins with this byte is the block that it belongs to. Most
/// operators may stand in any.
struct Around(u8);

impl FrameStack for Around {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(match self.0 {
            opcodes::CATCH | opcodes::DELEGATE | opcodes::CATCH_ALL => FrameKind::LegacyTry,
            _ => FrameKind::If,
        })
    }
}

/// The first bytes of operators that only stand in blocks of one kind.
pub mod opcodes {
    /// `else`.
    pub const ELSE: u8 = 0x05;
    /// `catch`.
    pub const CATCH: u8 = 0x07;
    /// `delegate`.
    pub const DELEGATE: u8 = 0x18;
    /// `catch_all`.
    pub const CATCH_ALL: u8 = 0x19;
}
