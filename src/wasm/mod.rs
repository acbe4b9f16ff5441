//! Wasm bytes → [`ModuleInfo`]: what a module declares, without its function bodies' meaning.
//!
//! Knows nothing of machine code or stores. Invariant: a `ModuleInfo` comes from a module whose sections were
//! validated and use supported features only; its function bodies are validated by whoever compiles them.
//! Read next: [`module_info`], then [`crate::compile`].

pub mod branch_hints;
pub mod catch_around;
pub mod const_expr;
pub mod features;
pub mod module_info;
pub mod names;
pub mod open_catches;
pub mod operand_types;
pub mod parse;
pub mod set_locals;
pub mod stack_effect;
pub mod type_group;
pub mod type_registry;

pub use branch_hints::BranchHints;
pub use catch_around::{CatchAround, catch_around};
pub use const_expr::{ConstEnvironment, ConstExpr, ConstOp};
pub use features::name_the_feature;
pub use module_info::{
    DataSegment, ElementItems, ElementMode, ElementSegment, Export, FunctionBody, Import, Item, ItemType, ModuleInfo,
};
pub use names::{Named, Names};
pub use open_catches::OpenCatches;
pub use operand_types::{operand_types, operands_beneath_catch};
pub use parse::{ParsedModule, parse, read_again};
pub use set_locals::set_locals;
pub use type_registry::TypeRegistry;
