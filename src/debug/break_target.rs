//! What a breakpoint is at: an operator, or all operators that fit a description, in one module or in every module of a store, those that
//! come later included.
//!
//! Must not know stores or code. Read next: [`super::breakpoints`].

use super::replay::operator_at_or_after;
use crate::base::{DefinedFuncIndex, Result, WasmPc, error::bail, memory};
use crate::runtime::Module;
use crate::wasm::Item;
use std::rc::Rc;

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
}

/// An operator, by its function and its pc.
pub(super) type Operator = (DefinedFuncIndex, WasmPc);

impl BreakTarget {
    /// The module that it is in; none if it may be in any.
    pub fn module(&self) -> Option<&Module> {
        match self {
            BreakTarget::Pc { module, .. } => Some(module),
            BreakTarget::FunctionName { module, .. } => module.as_ref(),
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
                one((function, operator_at_or_after(module, function, *pc)?))
            }
            BreakTarget::FunctionName { name, .. } => functions_of_name(module, name),
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
        operators.push((function, info.bodies[function].operators));
    }
    operators.sort_unstable_by_key(|(_, pc)| *pc);
    operators.dedup();
    Ok(operators)
}
