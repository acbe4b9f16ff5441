//! What a breakpoint is at: an operator, or all operators that fit a description, in one module or in every module of a store, those that
//! come later included; or what happens to a guest, wherever that is.
//!
//! Must not know stores or code. Read next: [`super::breakpoints`], [`super::catching`](super) for what happens.

use super::replay::{all_operators, operator_at_or_after};
use crate::base::{DefinedFuncIndex, FuncIndex, Result, Tag, TrapCode, TypeId, TypeIndex, WasmPc, error::bail, memory};
use crate::runtime::Module;
use crate::wasm::{Item, ItemType, TypeRegistry};
use std::rc::Rc;
use wasmparser::Operator as WasmOperator;

/// What a breakpoint is at.
#[derive(Clone)]
pub enum BreakTarget {
    /// The operator at this pc, or the next one of the same body.
    Pc {
        /// Its module.
        module: Module,
        /// The pc that was asked for.
        pc: WasmPc,
    },
    /// The first operator of each function that is exported under a name, or that the name section gives it.
    FunctionName {
        /// The module; none for every module of the store.
        module: Option<Module>,
        /// The name.
        name: Rc<str>,
    },
    /// Each operator that calls an imported function, by its index, a table or a reference.
    ImportCalls {
        /// The module; none for every module of the store.
        module: Option<Module>,
        /// What is called.
        import: ImportedFunction,
    },
    /// Traps with this code, or with any.
    Trap(Option<TrapCode>),
    /// Throws of exceptions.
    Exception {
        /// Of this tag; none for every tag.
        tag: Option<Tag>,
        /// Whether those count that the guest catches.
        caught: bool,
        /// Whether those count that it doesn't.
        uncaught: bool,
    },
}

/// An imported function, or several.
#[derive(Clone)]
pub enum ImportedFunction {
    /// By its index in the module.
    Index(FuncIndex),
    /// By its two names, which several may have.
    Names(Rc<str>, Rc<str>),
}

/// What happens to a guest that a breakpoint may be at.
#[derive(Clone, Copy)]
pub(super) enum Happening {
    /// It traps.
    Trap(TrapCode),
    /// It has thrown an exception of this tag, that it catches or doesn't.
    Exception { tag: Tag, is_caught: bool },
}

/// An operator, by its function and its pc.
pub(super) struct Operator {
    pub(super) function: DefinedFuncIndex,
    pub(super) pc: WasmPc,
    /// What it has to call for the breakpoint to be reached, if it may call others as well.
    pub(super) wanted: Option<Wanted>,
}

impl Operator {
    fn new((function, pc): (DefinedFuncIndex, WasmPc)) -> Operator {
        Operator { function, pc, wanted: None }
    }
}

/// Imported functions that a breakpoint is at the calls of, for an operator that calls by a table or a reference.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) imports: Rc<[FuncIndex]>,
    /// What the operator takes functions for: another one traps.
    pub(super) ty: TypeId,
}

impl BreakTarget {
    /// The module that it is in; none if it may be in any.
    pub fn module(&self) -> Option<&Module> {
        match self {
            BreakTarget::Pc { module, .. } => Some(module),
            BreakTarget::FunctionName { module, .. } | BreakTarget::ImportCalls { module, .. } => module.as_ref(),
            BreakTarget::Trap(_) | BreakTarget::Exception { .. } => None,
        }
    }

    /// The names that it was set by: for an import both, else the second only.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            BreakTarget::FunctionName { name, .. } => (None, Some(name)),
            BreakTarget::ImportCalls { import: ImportedFunction::Names(module, name), .. } => {
                (Some(module), Some(name))
            }
            _ => (None, None),
        }
    }

    /// Whether it is at what happens to a guest, not at operators.
    pub(super) fn is_happening(&self) -> bool {
        matches!(self, BreakTarget::Trap(_) | BreakTarget::Exception { .. })
    }

    /// Whether it is at this.
    pub(super) fn is_at(&self, happening: Happening) -> bool {
        match (self, happening) {
            (BreakTarget::Trap(wanted), Happening::Trap(code)) => wanted.is_none_or(|wanted| wanted == code),
            (&BreakTarget::Exception { tag: wanted, caught, uncaught }, Happening::Exception { tag, is_caught }) => {
                let is_wanted = if is_caught { caught } else { uncaught };
                is_wanted && wanted.is_none_or(|wanted| wanted == tag)
            }
            _ => false,
        }
    }

    /// The operators of a module that it is at, by pc.
    ///
    /// Errors: `OutOfRange` for a pc that isn't in a body, or is past its last operator; `System` without memory for it.
    pub(super) fn operators_in(&self, module: &Module) -> Result<Vec<Operator>> {
        match self {
            BreakTarget::Pc { pc, .. } => {
                let Some(function) = module.info().function_at(*pc) else {
                    bail!(OutOfRange, "{pc} is in no function's body");
                };
                one(Operator::new((function, operator_at_or_after(module, function, *pc)?)))
            }
            BreakTarget::FunctionName { name, .. } => functions_of_name(module, name),
            BreakTarget::ImportCalls { import, .. } => calls_of(module, import),
            BreakTarget::Trap(_) | BreakTarget::Exception { .. } => Ok(Vec::new()),
        }
    }
}

fn one(operator: Operator) -> Result<Vec<Operator>> {
    let mut operators = Vec::new();
    memory::reserve(&mut operators, 1)?;
    operators.push(operator);
    Ok(operators)
}

/// The first operators of the functions with a body that have this name.
fn functions_of_name(module: &Module, name: &str) -> Result<Vec<Operator>> {
    let info = module.info();
    let exported = match info.export(name) {
        Some(Item::Func(function)) => Some(function),
        _ => None,
    };
    let named = info.named_functions().filter(|(_, other)| *other == name).map(|(function, _)| function);
    let mut operators = Vec::new();
    let functions = named.chain(exported).filter(|function| info.funcs.is_valid(*function));
    for function in functions.filter_map(|function| info.defined_func(function)) {
        memory::reserve(&mut operators, 1)?;
        operators.push(Operator::new((function, info.bodies[function].operators)));
    }
    operators.sort_unstable_by_key(|operator| operator.pc);
    operators.dedup_by_key(|operator| operator.pc);
    Ok(operators)
}

impl ImportedFunction {
    /// The functions of a module that it is, ascending.
    ///
    /// Errors: `System` without memory for it.
    pub(super) fn functions_in(&self, module: &Module) -> Result<Vec<FuncIndex>> {
        let info = module.info();
        let imports = info.imports.iter().filter(|import| matches!(import.ty, ItemType::Func(_)));
        let mut functions = Vec::new();
        for (index, import) in (0..).map(FuncIndex::from_u32).zip(imports) {
            let is_it = match self {
                ImportedFunction::Index(wanted) => *wanted == index,
                ImportedFunction::Names(module, name) => *import.module == **module && *import.name == **name,
            };
            if is_it {
                memory::reserve(&mut functions, 1)?;
                functions.push(index);
            }
        }
        Ok(functions)
    }
}

/// The operators that call such a function by its index, or may do so by a table or a reference.
fn calls_of(module: &Module, import: &ImportedFunction) -> Result<Vec<Operator>> {
    let callees = import.functions_in(module)?;
    let mut operators = Vec::new();
    if callees.is_empty() {
        return Ok(operators);
    }
    let callers = Callers::of(module, &callees)?;
    let callees: Rc<[FuncIndex]> = callees.into();
    let type_ids = &module.info().type_ids;
    for function in module.info().bodies.keys() {
        for (pc, operator) in all_operators(module, function)? {
            let wanted = match operator {
                WasmOperator::Call { function_index } | WasmOperator::ReturnCall { function_index }
                    if callees.binary_search(&FuncIndex::from_u32(function_index)).is_ok() =>
                {
                    None
                }
                WasmOperator::CallIndirect { type_index, .. }
                | WasmOperator::ReturnCallIndirect { type_index, .. }
                | WasmOperator::CallRef { type_index }
                | WasmOperator::ReturnCallRef { type_index }
                    if callers.has(type_ids[TypeIndex::from_u32(type_index)]) =>
                {
                    Some(Wanted { imports: callees.clone(), ty: type_ids[TypeIndex::from_u32(type_index)] })
                }
                _ => continue,
            };
            memory::reserve(&mut operators, 1)?;
            operators.push(Operator { function, pc, wanted });
        }
    }
    Ok(operators)
}

/// The types of operators that may call some functions. What is bound to an import may be of a subtype of what the import says: its type,
/// the import's and the operator's are then each a subtype of the next, in one order or the other.
struct Callers<'a> {
    types: &'a TypeRegistry,
    /// The imports' types, ascending.
    declared: Vec<u32>,
    /// These and their supertypes, ascending.
    general: Vec<u32>,
}

impl Callers<'_> {
    fn of<'a>(module: &'a Module, imports: &[FuncIndex]) -> Result<Callers<'a>> {
        let (info, types) = (module.info(), module.engine().types());
        let (mut declared, mut general) = (Vec::new(), Vec::new());
        memory::reserve(&mut declared, imports.len())?;
        declared.extend(imports.iter().map(|import| info.type_ids[info.funcs[*import]].0));
        declared.sort_unstable();
        declared.dedup();
        for id in declared.iter().flat_map(|id| with_supertypes(types, TypeId(*id))) {
            memory::reserve(&mut general, 1)?;
            general.push(id.0);
        }
        general.sort_unstable();
        Ok(Callers { types, declared, general })
    }

    fn has(&self, ty: TypeId) -> bool {
        let is_declared = |id: TypeId| self.declared.binary_search(&{ id.0 }).is_ok();
        self.general.binary_search(&{ ty.0 }).is_ok() || with_supertypes(self.types, ty).any(is_declared)
    }
}

fn with_supertypes(types: &TypeRegistry, ty: TypeId) -> impl Iterator<Item = TypeId> {
    std::iter::successors(Some(ty), |ty| types.get(*ty).supertype)
}
