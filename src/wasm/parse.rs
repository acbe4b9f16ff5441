//! Reads and validates a module's sections.

use super::features::{check_heap_type, check_value_type, unsupported, validated, value_type};
use super::{
    BranchHints, ConstExpr, ConstOp, DataSegment, ElementItems, ElementMode, ElementSegment, Export, FunctionBody,
    Import, Item, ItemType, ModuleInfo, Names, TypeRegistry,
};
use crate::abi::vmctx::{Counts, VmCtxLayout};
use crate::base::{
    CompositeType, DefinedFuncIndex, Error, ErrorKind, FieldType, FuncIndex, FuncType, GlobalIndex, GlobalType,
    MemoryIndex, MemoryType, RefType, Result, StorageType, SubType, TableIndex, TableType, TagIndex, TypeId, TypeIndex,
    TypeKind, WasmPc, error::bail,
};
use bytes::Bytes;
use cranelift_entity::{EntityRef, PrimaryMap};
use smallvec::{SmallVec, smallvec};
use std::collections::HashMap;
use std::sync::Arc;
use wasmparser::{
    BinaryReaderError, CompositeInnerType, DataKind, ElementKind, Encoding, ExternalKind, FuncToValidate,
    ImportSectionReader, Imports, KnownCustom, Operator, Parser, Payload, RecGroup, TableInit, TypeRef, ValidPayload,
    Validator, ValidatorResources,
};

/// A module whose sections are valid, with what it takes to validate its function bodies.
pub struct ParsedModule {
    /// Declarations.
    pub info: ModuleInfo,
    /// One validator for each defined function.
    pub to_validate: PrimaryMap<DefinedFuncIndex, FuncToValidate<ValidatorResources>>,
}

/// Converts the validator's error, keeping its message and adding the byte offset in the module.
pub fn invalid(error: &BinaryReaderError) -> Error {
    Error::new(ErrorKind::InvalidModule, format_args!("{} (at offset {:#x})", error.message(), error.offset()))
}

/// Reads a module in the binary format. Its types are numbered by `types`.
///
/// Errors: [`ErrorKind::InvalidModule`] with the validator's message, [`ErrorKind::Unsupported`] with the feature,
/// [`ErrorKind::Limit`] for a module whose contexts or names of imports would be too large; the first two carry the byte offset.
pub fn parse(bytes: &[u8], types: &TypeRegistry) -> Result<ParsedModule> {
    if u32::try_from(bytes.len()).is_err() {
        bail!(Limit, "the module has {} bytes, more than a 32-bit offset can reach", bytes.len());
    }
    let bytes = Bytes::copy_from_slice(bytes);
    let mut validator = Validator::new_with_features(validated());
    let mut builder = Builder::new(bytes.clone(), types);
    // An unsupported feature is reported only if the rest of the declarations is valid: malformed comes first.
    let mut refused: Option<Error> = None;
    for payload in Parser::new(0).parse_all(&bytes) {
        let payload = payload.map_err(|error| invalid(&error))?;
        if let Payload::Version { encoding: Encoding::Component, .. } = payload {
            bail!(Unsupported, "unsupported: component model (at offset 0x0)");
        }
        if let Payload::ImportSection(section) = &payload {
            check_shared_names(section.clone())?;
        }
        if let ValidPayload::Func(to_validate, body) = validator.payload(&payload).map_err(|error| invalid(&error))? {
            builder.body(&body)?;
            builder.to_validate.push(to_validate);
        }
        if refused.is_none() {
            refused = builder.payload(payload).err();
        }
    }
    if let Some(error) = refused {
        // A body may be invalid too, which is the stronger statement.
        let Builder { info, to_validate, .. } = builder;
        validate_bodies(&info, to_validate)?;
        return Err(error);
    }
    builder.finish()
}

/// Reads a module once more that was [parsed](parse) and compiled before, without looking whether it is valid.
///
/// Errors: as [`parse`], and what else comes of a module that isn't.
pub fn read_again(bytes: Bytes, types: &TypeRegistry) -> Result<ModuleInfo> {
    let mut builder = Builder::new(bytes.clone(), types);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.map_err(|error| invalid(&error))? {
            Payload::CodeSectionEntry(body) => builder.body(&body)?,
            payload => builder.payload(payload)?,
        }
    }
    Ok(builder.finish()?.info)
}

/// Bytes of names of modules, counted for each import, that imports which share one in the file may have.
const SHARED_NAMES: u64 = 16 << 20;

/// Refuses what would be much larger than the file: a long name of a module, shared by very many imports, each of which is given its own.
/// The validator copies them, so this comes first.
fn check_shared_names(section: ImportSectionReader<'_>) -> Result<()> {
    let mut bytes = 0;
    for group in section {
        let (module, count) = match group {
            Ok(Imports::Compact1 { module, items }) => (module, items.count()),
            Ok(Imports::Compact2 { module, names, .. }) => (module, names.count()),
            Ok(Imports::Single(..)) => continue,
            // The validator says what is wrong.
            Err(_) => return Ok(()),
        };
        bytes += module.len() as u64 * u64::from(count);
        if bytes > SHARED_NAMES {
            bail!(Limit, "imports that share a module's name have more than {SHARED_NAMES} bytes of such names");
        }
    }
    Ok(())
}

fn validate_bodies(
    info: &ModuleInfo,
    to_validate: PrimaryMap<DefinedFuncIndex, FuncToValidate<ValidatorResources>>,
) -> Result<()> {
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    for (index, to_validate) in to_validate {
        let mut validator = to_validate.into_validator(allocations);
        validator.validate(&info.body(index)).map_err(|error| invalid(&error))?;
        allocations = validator.into_allocations();
    }
    Ok(())
}

struct Builder<'a> {
    types: &'a TypeRegistry,
    info: ModuleInfo,
    to_validate: PrimaryMap<DefinedFuncIndex, FuncToValidate<ValidatorResources>>,
}

impl<'a> Builder<'a> {
    fn new(bytes: Bytes, types: &'a TypeRegistry) -> Builder<'a> {
        let info = ModuleInfo {
            has_floats: false,
            uses_heap: false,
            bytes,
            types: PrimaryMap::new(),
            type_ids: PrimaryMap::new(),
            type_depths: PrimaryMap::new(),
            types_by_id: Box::default(),
            signatures: PrimaryMap::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            exports_by_name: HashMap::new(),
            funcs: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            memories: PrimaryMap::new(),
            globals: PrimaryMap::new(),
            tags: PrimaryMap::new(),
            imported_funcs: 0,
            imported_tables: 0,
            imported_memories: 0,
            imported_globals: 0,
            imported_tags: 0,
            table_inits: PrimaryMap::new(),
            global_inits: PrimaryMap::new(),
            elements: PrimaryMap::new(),
            data: PrimaryMap::new(),
            start: None,
            bodies: PrimaryMap::new(),
            custom_sections: Vec::new(),
            names: Names::default(),
            branch_hints: BranchHints::default(),
            escaping: Vec::new(),
            escaping_places: Vec::new(),
            layout: VmCtxLayout::new(Counts::default()).expect("an empty context is small"),
        };
        Builder { types, info, to_validate: PrimaryMap::new() }
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<()> {
        let operators = body.get_operators_reader().map_err(|error| invalid(&error))?.original_position() as u32;
        let range = body.range();
        let range = range.start as u32..range.end as u32;
        self.info.bodies.push(FunctionBody { range, operators: WasmPc(operators) });
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.into_iter_with_offsets() {
                    let (offset, group) = group.map_err(|error| invalid(&error))?;
                    self.rec_group(group, offset)?;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import.map_err(|error| invalid(&error))?;
                    self.import(import, offset)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.info.funcs.push(TypeIndex::from_u32(ty.map_err(|error| invalid(&error))?));
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table.map_err(|error| invalid(&error))?;
                    let ty = self.table_type(table.ty, offset)?;
                    self.info.tables.push(ty);
                    let init = match table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(self.const_expr(expr)?),
                    };
                    self.info.table_inits.push(init);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(|error| invalid(&error))?;
                    self.info.memories.push(memory_type(memory));
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    let tag = tag.map_err(|error| invalid(&error))?;
                    self.info.tags.push(TypeIndex::from_u32(tag.func_type_idx));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global.map_err(|error| invalid(&error))?;
                    let ty = self.global_type(global.ty, offset)?;
                    self.info.globals.push(ty);
                    let init = self.const_expr(global.init_expr)?;
                    self.info.global_inits.push(init);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.into_iter_with_offsets() {
                    let (offset, export) = export.map_err(|error| invalid(&error))?;
                    let item = match export.kind {
                        ExternalKind::Func => {
                            let index = FuncIndex::from_u32(export.index);
                            self.escape(index);
                            Item::Func(index)
                        }
                        ExternalKind::Table => Item::Table(TableIndex::from_u32(export.index)),
                        ExternalKind::Memory => Item::Memory(MemoryIndex::from_u32(export.index)),
                        ExternalKind::Global => Item::Global(GlobalIndex::from_u32(export.index)),
                        ExternalKind::Tag => Item::Tag(TagIndex::from_u32(export.index)),
                        ExternalKind::FuncExact => return Err(unsupported("custom descriptors", offset)),
                    };
                    let name = export.name.to_string();
                    self.info.exports_by_name.insert(name.clone(), self.info.exports.len());
                    self.info.exports.push(Export { name, item });
                }
            }
            Payload::StartSection { func, .. } => {
                let index = FuncIndex::from_u32(func);
                self.escape(index);
                self.info.start = Some(index);
            }
            Payload::ElementSection(section) => {
                for element in section.into_iter_with_offsets() {
                    let (offset, element) = element.map_err(|error| invalid(&error))?;
                    self.element(element, offset)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.map_err(|error| invalid(&error))?;
                    let active = match data.kind {
                        DataKind::Passive => None,
                        DataKind::Active { memory_index, offset_expr } => {
                            Some((MemoryIndex::from_u32(memory_index), self.const_expr(offset_expr)?))
                        }
                    };
                    let end = data.range.end as usize;
                    self.info.data.push(DataSegment { range: end - data.data.len()..end, active });
                }
            }
            Payload::CustomSection(section) => {
                let range = section.data_offset() as usize..section.data_offset() as usize + section.data().len();
                self.info.custom_sections.push((section.name().to_string(), range));
                match section.as_known() {
                    KnownCustom::Name(names) => self.info.names.read(names, &self.info.bytes),
                    KnownCustom::BranchHints(hints) => self.info.branch_hints.read(hints, self.info.funcs.len()),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn rec_group(&mut self, group: RecGroup, offset: u64) -> Result<()> {
        let first = self.info.types.len();
        let group: Vec<wasmparser::SubType> = group.into_types().collect();
        let kinds = group.iter().map(|ty| type_kind(ty, offset)).collect::<Result<Vec<_>>>()?;
        let info = &self.info;
        let in_group = |index: TypeIndex| index.index().checked_sub(first);
        let kind = |index| match in_group(index) {
            Some(place) => kinds[place],
            None => info.types[index].composite.kind(),
        };
        let id = |index| match in_group(index) {
            Some(place) => TypeRegistry::in_group(place),
            None => info.type_ids[index],
        };
        let val = |ty: wasmparser::ValType| value_type(ty, &kind, &id);
        let convert = |types: &[wasmparser::ValType]| types.iter().map(|ty| val(*ty)).collect::<Box<[_]>>();
        let field = |field: &wasmparser::FieldType| FieldType {
            storage: match field.element_type {
                wasmparser::StorageType::I8 => StorageType::I8,
                wasmparser::StorageType::I16 => StorageType::I16,
                wasmparser::StorageType::Val(ty) => StorageType::Val(val(ty)),
            },
            mutable: field.mutable,
        };
        let convert_type = |ty: &wasmparser::SubType| SubType {
            is_final: ty.is_final,
            supertype: ty.supertype_idxs.first().map(|index| id(type_index(*index))),
            composite: match &ty.composite_type.inner {
                CompositeInnerType::Func(ty) => {
                    CompositeType::Func(Arc::new(FuncType::new(convert(ty.params()), convert(ty.results()))))
                }
                CompositeInnerType::Struct(ty) => CompositeType::Struct(ty.fields.iter().map(field).collect()),
                CompositeInnerType::Array(ty) => CompositeType::Array(field(&ty.0)),
                CompositeInnerType::Cont(_) => unreachable!("it has no kind"),
            },
        };
        let first_id = self.types.register(group.iter().map(convert_type).collect())?;
        for place in 0..group.len() as u32 {
            let id = TypeId(first_id.0 + place);
            let ty = self.types.get(id);
            self.info.signatures.push(match &ty.composite {
                CompositeType::Func(ty) => ty.top(),
                _ => FuncType::default(),
            });
            self.info.types.push(ty);
            self.info.type_ids.push(id);
            self.info.type_depths.push(self.types.depth(id));
        }
        for ty in &group {
            match &ty.composite_type.inner {
                CompositeInnerType::Func(ty) => {
                    ty.params().iter().chain(ty.results()).try_for_each(|ty| check_value_type(*ty, offset))?;
                }
                CompositeInnerType::Struct(ty) => {
                    ty.fields.iter().try_for_each(|field| check_storage_type(field.element_type, offset))?;
                }
                CompositeInnerType::Array(ty) => check_storage_type(ty.0.element_type, offset)?,
                CompositeInnerType::Cont(_) => {}
            }
        }
        Ok(())
    }

    fn ref_type(&self, ty: wasmparser::RefType, offset: u64) -> Result<RefType> {
        check_heap_type(ty.heap_type(), offset)?;
        Ok(self.info.ref_type(ty))
    }

    fn table_type(&self, ty: wasmparser::TableType, offset: u64) -> Result<TableType> {
        if ty.shared {
            return Err(unsupported("shared-everything threads", offset));
        }
        let element = self.ref_type(ty.element_type, offset)?;
        Ok(TableType { element, minimum: ty.initial, maximum: ty.maximum, is_64: ty.table64 })
    }

    fn global_type(&self, ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType> {
        if ty.shared {
            return Err(unsupported("shared-everything threads", offset));
        }
        check_value_type(ty.content_type, offset)?;
        Ok(GlobalType { value: self.info.value_type(ty.content_type), mutable: ty.mutable })
    }

    fn import(&mut self, import: wasmparser::Import<'_>, offset: u64) -> Result<()> {
        let ty = match import.ty {
            TypeRef::Func(index) => {
                self.info.imported_funcs += 1;
                ItemType::Func(TypeIndex::from_u32(index))
            }
            TypeRef::Table(ty) => {
                self.info.imported_tables += 1;
                ItemType::Table(self.table_type(ty, offset)?)
            }
            TypeRef::Memory(ty) => {
                self.info.imported_memories += 1;
                ItemType::Memory(memory_type(ty))
            }
            TypeRef::Global(ty) => {
                self.info.imported_globals += 1;
                ItemType::Global(self.global_type(ty, offset)?)
            }
            TypeRef::Tag(tag) => {
                self.info.imported_tags += 1;
                ItemType::Tag(TypeIndex::from_u32(tag.func_type_idx))
            }
            TypeRef::FuncExact(_) => return Err(unsupported("custom descriptors", offset)),
        };
        let info = &mut self.info;
        match ty {
            ItemType::Func(index) => {
                info.funcs.push(index);
            }
            ItemType::Table(ty) => {
                info.tables.push(ty);
            }
            ItemType::Memory(ty) => {
                info.memories.push(ty);
            }
            ItemType::Global(ty) => {
                info.globals.push(ty);
            }
            ItemType::Tag(index) => {
                info.tags.push(index);
            }
        }
        info.imports.push(Import { module: import.module.to_string(), name: import.name.to_string(), ty });
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'_>, offset: u64) -> Result<()> {
        let mode = match element.kind {
            ElementKind::Passive => ElementMode::Passive,
            ElementKind::Declared => ElementMode::Declared,
            ElementKind::Active { table_index, offset_expr } => ElementMode::Active {
                table: TableIndex::from_u32(table_index.unwrap_or(0)),
                offset: self.const_expr(offset_expr)?,
            },
        };
        let (element, items) = match element.items {
            wasmparser::ElementItems::Functions(section) => {
                let funcs = section
                    .into_iter()
                    .map(|index| index.map(FuncIndex::from_u32).map_err(|error| invalid(&error)))
                    .collect::<Result<Box<[_]>>>()?;
                funcs.iter().for_each(|index| self.escape(*index));
                (RefType::FUNC, ElementItems::Funcs(funcs))
            }
            wasmparser::ElementItems::Expressions(ty, section) => {
                let mut exprs = Vec::with_capacity(section.count() as usize);
                for expr in section {
                    exprs.push(self.const_expr(expr.map_err(|error| invalid(&error))?)?);
                }
                (self.ref_type(ty, offset)?, ElementItems::Exprs(exprs.into()))
            }
        };
        self.info.elements.push(ElementSegment { element, items, mode });
        Ok(())
    }

    fn const_expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        if let Some(value) = i32_constant(&expr) {
            return Ok(ConstExpr(smallvec![ConstOp::I32Const(value)]));
        }
        let mut ops = SmallVec::new();
        for operator in expr.get_operators_reader().into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| invalid(&error))?;
            ops.push(match operator {
                Operator::I32Const { value } => ConstOp::I32Const(value),
                Operator::I64Const { value } => ConstOp::I64Const(value),
                Operator::F32Const { value } => ConstOp::F32Const(value.bits()),
                Operator::F64Const { value } => ConstOp::F64Const(value.bits()),
                Operator::V128Const { value } => ConstOp::V128Const(value.i128() as u128),
                Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex::from_u32(global_index)),
                Operator::RefNull { .. } => ConstOp::RefNull,
                Operator::RefFunc { function_index } => {
                    let index = FuncIndex::from_u32(function_index);
                    self.escape(index);
                    ConstOp::RefFunc(index)
                }
                Operator::RefI31 => ConstOp::RefI31,
                Operator::AnyConvertExtern | Operator::ExternConvertAny => ConstOp::Convert,
                Operator::StructNew { struct_type_index } => {
                    let ty = TypeIndex::from_u32(struct_type_index);
                    ConstOp::StructNew(ty, self.info.struct_fields(ty).len() as u32)
                }
                Operator::StructNewDefault { struct_type_index } => {
                    ConstOp::StructNewDefault(TypeIndex::from_u32(struct_type_index))
                }
                Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(TypeIndex::from_u32(array_type_index)),
                Operator::ArrayNewDefault { array_type_index } => {
                    ConstOp::ArrayNewDefault(TypeIndex::from_u32(array_type_index))
                }
                Operator::ArrayNewFixed { array_type_index, array_size } => {
                    ConstOp::ArrayNewFixed(TypeIndex::from_u32(array_type_index), array_size)
                }
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                Operator::End => continue,
                other => return Err(unsupported(super::features::feature_of(&other), offset)),
            });
        }
        Ok(ConstExpr(ops))
    }

    fn escape(&mut self, index: FuncIndex) {
        if self.info.escaping_place(index).is_some() {
            return;
        }
        self.info.escaping.push(index);
        // The index was validated: there are so many functions.
        let places = &mut self.info.escaping_places;
        places.resize(places.len().max(index.index() + 1), 0);
        places[index.index()] = self.info.escaping.len() as u32;
    }

    fn finish(mut self) -> Result<ParsedModule> {
        let info = &mut self.info;
        let mut types_by_id: Box<[TypeIndex]> = info.type_ids.keys().collect();
        types_by_id.sort_by_key(|index| info.type_ids[*index]);
        info.types_by_id = types_by_id;
        let counts = Counts {
            imported_funcs: info.imported_funcs,
            memories: info.memories.len() as u32,
            imported_tables: info.imported_tables,
            imported_globals: info.imported_globals,
            defined_tables: info.tables.len() as u32 - info.imported_tables,
            defined_globals: info.globals.len() as u32 - info.imported_globals,
            escaping_funcs: info.escaping.len() as u32,
        };
        match VmCtxLayout::new(counts) {
            Some(layout) => info.layout = layout,
            None => bail!(Limit, "the module declares more than an instance can hold"),
        }
        Ok(ParsedModule { info: self.info, to_validate: self.to_validate })
    }
}

/// The value of an expression that is a constant, as nearly all are which a module has by the thousands: offsets of segments.
fn i32_constant(expr: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let mut reader = expr.get_binary_reader();
    let starts = reader.read_u8().ok()? == I32_CONST;
    let value = starts.then(|| reader.read_var_i32().ok())??;
    let ends = reader.read_u8().ok()? == END && reader.eof();
    ends.then_some(value)
}

fn check_storage_type(ty: wasmparser::StorageType, offset: u64) -> Result<()> {
    match ty {
        wasmparser::StorageType::Val(ty) => check_value_type(ty, offset),
        wasmparser::StorageType::I8 | wasmparser::StorageType::I16 => Ok(()),
    }
}

/// The kind of a type, if it is one that modules of ours may define.
fn type_kind(ty: &wasmparser::SubType, offset: u64) -> Result<TypeKind> {
    let composite = &ty.composite_type;
    if composite.shared {
        return Err(unsupported("shared-everything threads", offset));
    }
    if composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
        return Err(unsupported("custom descriptors", offset));
    }
    match &composite.inner {
        CompositeInnerType::Func(_) => Ok(TypeKind::Func),
        CompositeInnerType::Struct(_) => Ok(TypeKind::Struct),
        CompositeInnerType::Array(_) => Ok(TypeKind::Array),
        CompositeInnerType::Cont(_) => Err(unsupported("stack switching", offset)),
    }
}

fn type_index(index: wasmparser::PackedIndex) -> TypeIndex {
    TypeIndex::from_u32(index.as_module_index().expect("as it is in the module"))
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    let page_size_log2 = ty.page_size_log2.map_or(MemoryType::USUAL_PAGE_SIZE_LOG2, |log2| log2 as u8);
    MemoryType { minimum: ty.initial, maximum: ty.maximum, is_64: ty.memory64, page_size_log2, is_shared: ty.shared }
}
