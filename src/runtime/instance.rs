//! A store's instances: making them, and reaching what is in them.
//!
//! Invariants: everything that can fail without the guest's doing is done before the store changes; a context lives as long
//! as the store. Read next: [`super::imports`], [`super::entities::instance`].

#![expect(unsafe_code, reason = "writes what guest code works on")]

use super::entities::global::GlobalEntry;
use super::entities::holds::Hold;
use super::entities::instance::{Context, InstanceData, SegmentElements};
use super::entities::memory::{LinearMemory, STRETCH};
use super::entities::table::{self, TableData};
use super::entities::tag::TagEntry;
use super::imports::{Extern, Imports};
use super::machine::mapping::is_available;
use super::mapped_blob::StoreModule;
use super::{Module, Store};
use crate::abi::vmctx::{self, VmFuncRef, VmMemory, VmTable};
use crate::base::floats;
use crate::base::{
    Backtrace, DataIndex, DefinedTableIndex, ElemIndex, Error, ErrorKind, Func, FuncIndex, Global, GlobalIndex,
    Instance, Memory, MemoryIndex, RawValue, Result, Table, TableIndex, Tag, TagIndex, TrapCode, error::bail,
};
use crate::wasm::{ConstExpr, ConstOp, ElementItems, ElementMode, Item};
use cranelift_entity::EntityRef;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

/// What `table.init` and `memory.init` copy.
#[derive(Clone, Copy)]
pub(super) struct InitRange {
    /// Where to.
    pub destination: u64,
    /// From where in the segment.
    pub source: u32,
    /// How much.
    pub count: u32,
    /// Whether it is the rest of what was begun before, whatever has become of the segment since.
    pub is_rest: bool,
}

impl InitRange {
    /// All of a segment.
    fn whole(destination: u64, count: u32) -> InitRange {
        InitRange { destination, source: 0, count, is_rest: false }
    }
}

/// Makes sure that there is memory for lists as long as the module's declarations.
fn check_memory(module: &Module) -> Result<()> {
    // A function's record, while the list grows.
    const BY_FUNCTION: usize = 96;
    // Most, for a table: its data and its place in three lists.
    const BY_DECLARATION: usize = 400;
    let info = module.info();
    let others = info.tables.len()
        + info.memories.len()
        + info.globals.len()
        + info.tags.len()
        + info.elements.len()
        + info.data.len();
    let needed = BY_FUNCTION * info.funcs.len() + BY_DECLARATION * others;
    // Less than that is as likely to be missing anywhere else.
    if needed > 256 << 10 && !is_available(needed as u64) {
        bail!(System, "an instance may take {needed} bytes of memory, which can't be had");
    }
    Ok(())
}

/// What an instance defines, before the store knows it.
struct Definitions {
    memories: Vec<Arc<LinearMemory>>,
    tables: Vec<Rc<TableData>>,
    globals: Vec<GlobalEntry>,
}

impl Store {
    /// Makes an instance of a module, whose imports are given in its order. The start function is returned, not run.
    ///
    /// Errors: `Link` if the imports' number or types don't fit, `Limit` and `System` leave nothing behind; if a
    /// segment is out of bounds it is a trap, and what earlier segments wrote stays.
    pub fn instantiate(&self, module: &Module, imports: &[Extern]) -> Result<(Instance, Option<Func>)> {
        self.check_poisoned()?;
        self.check_engine(module)?;
        let imports = self.check_imports(module, imports)?;
        let instance = self.add_instance(module, imports)?;
        if module.info().has_floats {
            self.run_in_default_floats();
        }
        self.run_segments(&instance)?;
        let handle = Instance { store: self.id(), index: instance.context.read(vmctx::INSTANCE) };
        let start = module.info().start.map(|start| self.instance_func(handle, start)).transpose()?;
        Ok((handle, start))
    }

    /// Has guests run in the default floating-point environment from now on, also one that waits for the present host function.
    fn run_in_default_floats(&self) {
        let context = self.inner().context.get();
        // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
        unsafe {
            if (*context).has_floats == 0 {
                (*context).has_floats = 1;
                (*context).host_floats = floats::read();
            }
        }
    }

    fn add_instance(&self, module: &Module, imports: Imports<'_>) -> Result<Rc<InstanceData>> {
        let (inner, info) = (self.inner(), module.info());
        let number = self.instances();
        if number >= self.limits().instances {
            bail!(Limit, "the store's limit of {} instances is reached", self.limits().instances);
        }
        self.check_memories(info.memories.len() - info.imported_memories as usize)?;
        self.check_tables(info.tables.len() - info.imported_tables as usize)?;
        check_memory(module)?;
        if info.uses_heap {
            // From now on there may be objects of the module's types, which guest code makes by itself.
            self.heap_or_new()?.borrow_mut().refresh()?;
        }
        let code = self.mapped(module)?;
        let context = Context::new(info.layout.size())?;
        self.fill_context(&context, module, &imports, &code, number);
        // Objects that globals are set to, until the store knows the globals.
        let mut kept = Vec::new();
        let Definitions { memories, tables, globals } = self.define(&context, module, &mut kept)?;
        let elements = self.evaluate_elements(&context, module, &mut kept)?;

        // Nothing fails from here on.
        let append = |imported: Vec<u64>, present: usize, defined: usize| {
            imported.into_iter().chain(present as u64..(present + defined) as u64).collect()
        };
        let segments = |count: usize| vec![Cell::new(false); count].into();
        let instance = Rc::new(InstanceData {
            module: module.clone(),
            code,
            imported_funcs: imports.funcs.iter().map(|(number, _)| *number).collect(),
            memories: append(imports.memory_numbers(), inner.memories.borrow().len(), memories.len()),
            tables: append(imports.table_numbers(), inner.tables.borrow().len(), tables.len()),
            globals: append(imports.global_numbers(), inner.globals.borrow().len(), globals.len()),
            tags: append(imports.tags, inner.tags.borrow().len(), info.tags.len() - info.imported_tags as usize),
            dropped_data: segments(info.data.len()),
            dropped_elems: segments(info.elements.len()),
            elements: RefCell::new(elements),
            references: RefCell::default(),
            context,
        });
        inner.memories.borrow_mut().extend(memories);
        inner.tables.borrow_mut().extend(tables);
        inner.globals.borrow_mut().extend(globals);
        let tags = info.tags.values().skip(info.imported_tags as usize);
        inner.tags.borrow_mut().extend(
            tags.map(|ty| TagEntry {
                type_id: module.type_id(*ty),
                values: info.func_type_at(*ty).params.len() as u32,
            }),
        );
        inner.instances.borrow_mut().push(instance.clone());
        let start = instance.context.at(0) as usize;
        let references = info.escaping.len();
        let first = if references > 0 { instance.context.at(info.layout.func_ref(0)) as usize } else { start };
        inner.func_refs.borrow_mut().add_context(start, first, references, number);
        if !instance.code.is_instantiated.replace(true) {
            inner.modules.borrow_mut().push(module.clone());
        }
        Ok(instance)
    }

    /// Writes everything that doesn't depend on the instance's own definitions.
    fn fill_context(&self, context: &Context, module: &Module, imports: &Imports<'_>, code: &StoreModule, number: u64) {
        let info = module.info();
        let layout = &info.layout;
        context.write(vmctx::STORE_CONTEXT, self.inner().context.get());
        context.write(vmctx::TYPE_IDS, module.type_ids().as_ptr());
        context.write(vmctx::INSTANCE, number);
        context.write(vmctx::CODE_BASE, code.base());
        context.write(vmctx::GUARDS, code.guards());
        for (index, (_, entry)) in imports.funcs.iter().enumerate() {
            let at = layout.imported_func(FuncIndex::new(index));
            context.write(at + vmctx::imported_func::CODE, entry.code);
            context.write(at + vmctx::imported_func::CONTEXT, entry.context);
        }
        for (index, (_, memory)) in imports.memories.iter().enumerate() {
            write_memory(context, module, MemoryIndex::new(index), memory);
        }
        for (index, (_, table)) in imports.tables.iter().enumerate() {
            context.write(layout.imported_table(TableIndex::new(index)), table.definition());
        }
        for (index, (_, global)) in imports.globals.iter().enumerate() {
            context.write(layout.imported_global(GlobalIndex::new(index)), global.cell);
        }
        for (place, index) in info.escaping.iter().enumerate() {
            let func_ref = match imports.funcs.get(index.index()) {
                // SAFETY: references live as long as the store. The copy has the original's handle, if it has one.
                Some((_, entry)) => unsafe { ptr::read(entry.func_ref) },
                None => own_reference(context, module, code, *index),
            };
            context.write(layout.func_ref(place as u32), func_ref);
        }
    }

    /// The value of a constant expression; objects that it makes are added to those that are kept.
    ///
    /// Errors: a trap if there is no room for an object; `System`.
    fn evaluate(&self, context: &Context, module: &Module, expr: &ConstExpr, kept: &mut Vec<Hold>) -> Result<u128> {
        let info = module.info();
        let object = |op, operands: &[u128], words: &[u128]| {
            let made = match op {
                ConstOp::StructNew(ty, _) | ConstOp::ArrayNewFixed(ty, _) => {
                    self.object_of_bits(info.type_ids[ty], operands, words)
                }
                ConstOp::StructNewDefault(ty) => self.allocate(info.type_ids[ty], 0, words),
                ConstOp::ArrayNew(ty) => self.array_of_bits(info.type_ids[ty], operands[0], operands[1] as u32, words),
                ConstOp::ArrayNewDefault(ty) => self.allocate(info.type_ids[ty], operands[0] as u32, words),
                other => unreachable!("{other:?} makes no object"),
            };
            made.map_err(|error| match error.kind() {
                ErrorKind::Limit => Error::trap(TrapCode::HeapExhausted, None, Backtrace::default()),
                _ => error,
            })
        };
        let value = context.evaluate(module, expr, &object)?;
        if expr.makes_objects() {
            kept.extend(self.hold(value as u64)?);
        }
        Ok(value)
    }

    /// The elements of the segments whose expressions make objects.
    fn evaluate_elements(&self, context: &Context, module: &Module, kept: &mut Vec<Hold>) -> Result<SegmentElements> {
        let mut all = Vec::with_capacity(module.info().elements.len());
        for segment in module.info().elements.values() {
            all.push(match &segment.items {
                ElementItems::Exprs(exprs) if exprs.iter().any(ConstExpr::makes_objects) => {
                    let elements =
                        exprs.iter().map(|expr| self.evaluate(context, module, expr, kept).map(|bits| bits as u64));
                    Some(elements.collect::<Result<_>>()?)
                }
                _ => None,
            });
        }
        Ok(all.into())
    }

    /// Makes what the module defines: memories, globals, tables.
    fn define(&self, context: &Context, module: &Module, kept: &mut Vec<Hold>) -> Result<Definitions> {
        let (info, limits) = (module.info(), self.limits());
        let layout = &info.layout;
        let mut memories = Vec::new();
        for (index, ty) in info.memories.iter().skip(info.imported_memories as usize) {
            let memory = Arc::new(LinearMemory::new(*ty, &limits, &self.engine().config().memories)?);
            write_memory(context, module, index, &memory);
            memories.push(memory);
        }
        let mut globals = Vec::new();
        for (index, init) in &info.global_inits {
            let ty = info.globals[GlobalIndex::new(info.imported_globals as usize + index.index())];
            let at = layout.defined_global(index);
            context.write(at, RawValue::from_bits(self.evaluate(context, module, init, kept)?));
            globals.push(GlobalEntry::in_context(ty, context.at(at).cast()));
        }
        let mut tables = Vec::new();
        for (_, ty) in info.tables.iter().skip(info.imported_tables as usize) {
            let index = DefinedTableIndex::new(tables.len());
            let init = match &info.table_inits[index] {
                Some(init) => self.evaluate(context, module, init, kept)? as u64,
                None => 0,
            };
            let definition = context.at(layout.defined_table(index)).cast::<VmTable>();
            // SAFETY: the definition is inside the context, which lives as long as the store if the table gets into it.
            tables.push(Rc::new(unsafe { TableData::new(*ty, init, Some(definition), &limits) }?));
        }
        Ok(Definitions { memories, tables, globals })
    }

    /// Copies active segments, in order; elements first.
    fn run_segments(&self, instance: &InstanceData) -> Result<()> {
        let info = instance.module.info();
        for (index, segment) in &info.elements {
            match &segment.mode {
                ElementMode::Passive => continue,
                ElementMode::Declared => {}
                ElementMode::Active { table, offset } => {
                    let range = InitRange::whole(instance.evaluate(offset) as u64, segment.items.len() as u32);
                    if self.table_init(instance, *table, index, range, |_| false).is_none() {
                        return Err(Error::trap(TrapCode::TableOutOfBounds, None, Backtrace::default()));
                    }
                }
            }
            instance.drop_elem(index);
        }
        for (index, segment) in &info.data {
            if let Some((memory, offset)) = &segment.active {
                let range = InitRange::whole(instance.evaluate(offset) as u64, segment.range.len() as u32);
                if self.memory_init(instance, *memory, index, range, |_| false).is_none() {
                    return Err(Error::trap(TrapCode::MemoryOutOfBounds, None, Backtrace::default()));
                }
                instance.drop_data(index);
            }
        }
        Ok(())
    }

    /// `table.init`; none, and nothing is written, unless both ranges are inside. `is_left` is asked after each stretch, with the
    /// number of elements that are done, whether the rest is left for later.
    pub(super) fn table_init(
        &self,
        instance: &InstanceData,
        table: TableIndex,
        segment: ElemIndex,
        range: InitRange,
        mut is_left: impl FnMut(u32) -> bool,
    ) -> Option<()> {
        let table = self.inner().tables.borrow()[instance.table(table) as usize].clone();
        let items = &instance.module.info().elements[segment].items;
        let is_empty = instance.dropped_elems[segment.index()].get() && !range.is_rest;
        let length = if is_empty { 0 } else { items.len() as u64 };
        let InitRange { destination, source, count, .. } = range;
        let end = u64::from(source) + u64::from(count);
        if end > length || destination.saturating_add(u64::from(count)) > table.length() as u64 {
            return None;
        }
        for done in 0..count {
            if done != 0 && done.is_multiple_of(table::STRETCH as u32) && is_left(done) {
                break;
            }
            let bits = instance.element(segment, (source + done) as usize);
            table.set(destination + u64::from(done), bits);
        }
        Some(())
    }

    /// `memory.init`, likewise.
    pub(super) fn memory_init(
        &self,
        instance: &InstanceData,
        memory: MemoryIndex,
        segment: DataIndex,
        range: InitRange,
        mut is_left: impl FnMut(u32) -> bool,
    ) -> Option<()> {
        let info = instance.module.info();
        let is_empty = instance.dropped_data[segment.index()].get() && !range.is_rest;
        let bytes = if is_empty { &[] } else { &info.bytes[info.data[segment].range.clone()] };
        let InitRange { destination, source, count, .. } = range;
        let bytes = bytes.get(source as usize..(source as usize).checked_add(count as usize)?)?;
        let memory = Memory { store: self.id(), index: instance.memory(memory) };
        // All of it is inside, or nothing is written.
        let (_, size) = self.memory_base(memory).ok()?;
        destination.checked_add(u64::from(count)).filter(|end| *end <= size as u64)?;
        let mut done = 0;
        for stretch in bytes.chunks(STRETCH) {
            if done != 0 && is_left(done as u32) {
                break;
            }
            self.memory_write(memory, destination + done as u64, stretch).ok()?;
            done += stretch.len();
        }
        Some(())
    }

    pub(super) fn instance(&self, instance: Instance) -> Result<Rc<InstanceData>> {
        self.check(instance.store)?;
        let instances = self.inner().instances.borrow();
        let found = instances.get(instance.index as usize).cloned();
        found.ok_or_else(|| Store::out_of_range("instance", instance.index, instances.len() as u64))
    }

    /// The module that it is an instance of.
    pub fn instance_module(&self, instance: Instance) -> Result<Module> {
        Ok(self.instance(instance)?.module.clone())
    }

    /// The export of this name.
    pub fn instance_export(&self, instance: Instance, name: &str) -> Result<Option<Extern>> {
        let item = self.instance(instance)?.module.info().export(name);
        item.map(|item| self.instance_item(instance, item)).transpose()
    }

    /// All exports in order.
    pub fn instance_exports(&self, instance: Instance) -> Result<Vec<(String, Extern)>> {
        let module = self.instance_module(instance)?;
        let exports = module.info().exports.iter();
        exports.map(|export| Ok((export.name.clone(), self.instance_item(instance, export.item)?))).collect()
    }

    fn instance_item(&self, instance: Instance, item: Item) -> Result<Extern> {
        Ok(match item {
            Item::Func(index) => Extern::Func(self.instance_func(instance, index)?),
            Item::Table(index) => Extern::Table(self.instance_table(instance, index)?),
            Item::Memory(index) => Extern::Memory(self.instance_memory(instance, index)?),
            Item::Global(index) => Extern::Global(self.instance_global(instance, index)?),
            Item::Tag(index) => Extern::Tag(self.instance_tag(instance, index)?),
        })
    }

    /// A function by its index in the module, exported or not.
    pub fn instance_func(&self, instance: Instance, index: FuncIndex) -> Result<Func> {
        let instance = self.instance(instance)?;
        let count = instance.module.info().funcs.len();
        if index.index() >= count {
            return Err(Store::out_of_range("function", u64::from(index.as_u32()), count as u64));
        }
        if let Some(number) = instance.imported_funcs.get(index.index()) {
            return Ok(Func { store: self.id(), index: *number });
        }
        let func_ref = match instance.context.func_ref(&instance.module, index) {
            Some(func_ref) => func_ref,
            None => self.reference_of(&instance, index),
        };
        // SAFETY: the reference is the instance's own, and lives as long as the store.
        Ok(unsafe { self.func_of_ref(func_ref) })
    }

    fn reference_of(&self, instance: &InstanceData, index: FuncIndex) -> *mut VmFuncRef {
        let mut references = instance.references.borrow_mut();
        let reference = references.entry(index).or_insert_with(|| {
            let reference = own_reference(&instance.context, &instance.module, &instance.code, index);
            let reference = Rc::new(UnsafeCell::new(reference));
            self.inner().func_refs.borrow_mut().add_single(reference.get());
            reference
        });
        reference.get()
    }

    /// A table by its index in the module, exported or not.
    pub fn instance_table(&self, instance: Instance, index: TableIndex) -> Result<Table> {
        let index = place(&self.instance(instance)?.tables, "table", index.index())?;
        Ok(Table { store: self.id(), index })
    }

    /// A memory by its index in the module, exported or not.
    pub fn instance_memory(&self, instance: Instance, index: MemoryIndex) -> Result<Memory> {
        let index = place(&self.instance(instance)?.memories, "memory", index.index())?;
        Ok(Memory { store: self.id(), index })
    }

    /// A global by its index in the module, exported or not.
    pub fn instance_global(&self, instance: Instance, index: GlobalIndex) -> Result<Global> {
        let index = place(&self.instance(instance)?.globals, "global", index.index())?;
        Ok(Global { store: self.id(), index })
    }

    /// A tag by its index in the module, exported or not.
    pub fn instance_tag(&self, instance: Instance, index: TagIndex) -> Result<Tag> {
        let index = place(&self.instance(instance)?.tags, "tag", index.index())?;
        Ok(Tag { store: self.id(), index })
    }
}

fn place(numbers: &[u64], what: &str, index: usize) -> Result<u64> {
    let number = numbers.get(index).copied();
    number.ok_or_else(|| Store::out_of_range(what, index as u64, numbers.len() as u64))
}

fn write_memory(context: &Context, module: &Module, index: MemoryIndex, memory: &LinearMemory) {
    let at = module.info().layout.memory(index);
    context.write(at + vmctx::memory::BASE, memory.base());
    context.write::<*const VmMemory>(at + vmctx::memory::DEFINITION, memory.definition());
}

/// A reference of a function that the module defines.
fn own_reference(context: &Context, module: &Module, code: &StoreModule, index: FuncIndex) -> VmFuncRef {
    let info = module.info();
    let defined = info.defined_func(index).expect("imported functions have references already");
    VmFuncRef {
        code: code.entry(defined).expect("a mapped module has all its functions").0,
        context: context.at(0) as usize,
        type_id: module.type_id(info.funcs[index]).0,
        handle: 0,
        func_index: index.as_u32(),
        padding: 0,
    }
}
