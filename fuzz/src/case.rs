//! A module under test, and what is done with it: the same in every engine and mode.

use crate::accesses::Access;
use crate::expression::Seen;
use crate::random::{Random, mix};
use crate::value::Val;
use crate::{smith, writer};
use pellucid::base::{FuncIndex, FuncType, GlobalType, HeapType, RefType, TrapCode, TypeKind, ValType};
use pellucid::wasm::features::validated;
use pellucid::wasm::{self, Item, ItemType, ModuleInfo, TypeRegistry};
use std::collections::HashSet;
use std::sync::Arc;
use wasmparser::{Validator, WasmFeatures};

/// How much work a function may do, in entries of functions and turns of loops.
pub const FUEL: i32 = 150;

/// Bytes that a memory may have.
pub const MEMORY_LIMIT: u64 = 24 << 16;

/// Elements that a table may have.
pub const TABLE_LIMIT: u64 = 400;

/// Bytes that objects may have.
pub const HEAP_LIMIT: u64 = 4 << 20;

/// What the global that holds the fuel is exported as.
pub const FUEL_EXPORT: &str = "__fuel";

/// What a module may have.
#[derive(Clone, Copy)]
pub struct Allowed {
    /// It can be seen which bits a NaN has.
    pub nans: bool,
    /// Vectors, and what else the interpreter doesn't know.
    pub vectors: bool,
    pub exceptions: bool,
    /// Structures, arrays, and references of types.
    pub objects: bool,
}

impl Allowed {
    /// Everything whose outcome the specification says.
    pub const WITHOUT_NANS: Allowed = Allowed { nans: false, vectors: true, exceptions: true, objects: true };

    /// A type, or another one if it isn't allowed.
    pub fn or_less(self, ty: wasm_encoder::ValType) -> wasm_encoder::ValType {
        if ty == wasm_encoder::ValType::V128 && !self.vectors { wasm_encoder::ValType::I64 } else { ty }
    }
}

/// Who wrote a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The crate wasm-smith.
    Smith,
    /// [`writer`].
    Writer,
    /// Somebody else; see [`crate::bytes`].
    Mutated,
}

/// A call of an exported function.
#[derive(Clone, Debug)]
pub struct Call {
    pub func: u32,
    pub export: String,
    pub args: Vec<Val>,
}

/// A module and the calls of its functions.
pub struct Case {
    pub seed: u64,
    pub origin: Origin,
    pub bytes: Vec<u8>,
    pub info: ModuleInfo,
    pub calls: Vec<Call>,
    /// Whether it counts down [`FUEL_EXPORT`].
    pub has_fuel: bool,
    pub exported_funcs: HashSet<u32>,
    /// What can be looked at in both engines: the exported globals, memories and tables, each once.
    pub globals: Vec<(u32, String)>,
    pub memories: Vec<(u32, String)>,
    pub tables: Vec<(u32, String)>,
    /// Steps of a call that are recorded.
    pub most_steps: usize,
    /// Bytes that each of its memories may have.
    pub memory_limit: u64,
}

impl Case {
    /// The case of a seed; none if the generators gave up or wrote nothing that can be called.
    pub fn new(seed: u64) -> Option<Case> {
        let mut random = Random::new(seed);
        (0..10)
            .filter_map(|_| Case::random(seed, &mut random, Allowed::WITHOUT_NANS))
            .find(|case| !case.calls.is_empty())
    }

    /// The same without what the interpreter doesn't know: vectors, numbers of 128 bits, pages of a byte, shared memories, exceptions.
    /// With `nans`, where it doesn't go along, it can be seen which bits a NaN has, and there are exceptions.
    pub fn for_the_interpreter(seed: u64, nans: bool) -> Option<Case> {
        let mut random = Random::new(seed);
        let allowed = Allowed { nans, vectors: false, exceptions: nans, objects: false };
        let cases = (0..100).filter_map(|_| Case::random(seed, &mut random, allowed));
        cases.filter(|case| !case.needs_more(nans)).find(|case| !case.calls.is_empty())
    }

    /// Whether it has some of that.
    fn needs_more(&self, exceptions: bool) -> bool {
        let features = WasmFeatures::default()
            - WasmFeatures::SIMD
            - WasmFeatures::RELAXED_SIMD
            - WasmFeatures::WIDE_ARITHMETIC
            - WasmFeatures::THREADS
            - WasmFeatures::FUNCTION_REFERENCES
            - WasmFeatures::GC
            - if exceptions { WasmFeatures::empty() } else { WasmFeatures::EXCEPTIONS };
        let features = if exceptions { features | WasmFeatures::LEGACY_EXCEPTIONS } else { features };
        Validator::new_with_features(features).validate_all(&self.bytes).is_err()
    }

    /// The case of a seed, by one generator.
    pub fn by(origin: Origin, seed: u64) -> Option<Case> {
        let mut random = Random::new(seed);
        let cases = (0..10).filter_map(|_| Case::written(origin, seed, &mut random, Allowed::WITHOUT_NANS));
        cases.into_iter().find(|case| !case.calls.is_empty())
    }

    fn random(seed: u64, random: &mut Random, allowed: Allowed) -> Option<Case> {
        let origin = if random.chance(60) { Origin::Smith } else { Origin::Writer };
        Case::written(origin, seed, random, allowed)
    }

    fn written(origin: Origin, seed: u64, random: &mut Random, allowed: Allowed) -> Option<Case> {
        let bytes = match origin {
            Origin::Smith => smith::module_with(random, allowed)?,
            Origin::Writer => writer::module_with(random, allowed),
            Origin::Mutated => unreachable!("somebody else wrote it"),
        };
        Some(
            Case::of(seed, origin, bytes).unwrap_or_else(|error| panic!("{origin:?} wrote an invalid module: {error}")),
        )
    }

    /// A module that exists, with random calls.
    pub fn of(seed: u64, origin: Origin, bytes: Vec<u8>) -> Result<Case, pellucid::base::Error> {
        let types = TypeRegistry::default();
        let info = wasm::parse(&bytes, &types)?.info;
        let mut random = Random::new(seed ^ 0xca11);
        let functions = info.funcs.len() as u32;
        let exported_funcs: HashSet<u32> = info
            .exports
            .iter()
            .filter_map(|export| if let Item::Func(index) = export.item { Some(index.as_u32()) } else { None })
            .collect();
        let mut calls = Vec::new();
        let mut exports: Vec<_> = info
            .exports
            .iter()
            .filter_map(|export| match export.item {
                Item::Func(index) if info.defined_func(index).is_some() => Some((index, export.name.clone())),
                _ => None,
            })
            .collect();
        // The peer knows functions by their exports.
        let is_of = |index: u32, heap: HeapType| {
            let ty = HeapType::Defined(TypeKind::Func, info.type_ids[info.funcs[FuncIndex::from_u32(index)]]);
            exported_funcs.contains(&index) && types.heap_matches(ty, heap)
        };
        while can_be_instantiated(&info, &types) && !exports.is_empty() && calls.len() < 5 {
            let (index, export) = exports.swap_remove(random.below(exports.len()));
            let params = &info.func_type(index).params;
            let args = params.iter().map(|ty| {
                let candidates: Vec<u32> = match ty {
                    ValType::Ref(ty) if ty.heap.top() == HeapType::Func => {
                        (0..functions).filter(|func| is_of(*func, ty.heap)).collect()
                    }
                    _ => Vec::new(),
                };
                Val::random(&mut random, *ty, &candidates)
            });
            if let Some(args) = args.collect() {
                calls.push(Call { func: index.as_u32(), export, args });
            }
        }
        let exported = |index_of: fn(Item) -> Option<u32>| {
            let mut found: Vec<(u32, String)> = Vec::new();
            for export in &info.exports {
                if let Some(index) = index_of(export.item).filter(|index| found.iter().all(|(other, _)| other != index))
                {
                    found.push((index, export.name.clone()));
                }
            }
            found
        };
        let globals = exported(|item| if let Item::Global(index) = item { Some(index.as_u32()) } else { None });
        let memories = exported(|item| if let Item::Memory(index) = item { Some(index.as_u32()) } else { None });
        let tables = exported(|item| if let Item::Table(index) = item { Some(index.as_u32()) } else { None });
        let fuel = match info.export(FUEL_EXPORT) {
            Some(Item::Global(index)) => info.globals[index] == GlobalType { value: ValType::I32, mutable: true },
            _ => false,
        };
        Ok(Case {
            seed,
            origin,
            bytes,
            info,
            calls,
            has_fuel: fuel,
            exported_funcs,
            globals,
            memories,
            tables,
            most_steps: MOST_STEPS,
            memory_limit: MEMORY_LIMIT,
        })
    }

    /// Whether it has blocks that the peer doesn't know: the older ones that catch.
    pub fn is_ours_alone(&self) -> bool {
        Validator::new_with_features(validated() - WasmFeatures::LEGACY_EXCEPTIONS).validate_all(&self.bytes).is_err()
    }

    /// Whether it has types of structures or arrays.
    pub fn has_objects(&self) -> bool {
        self.info.types.values().any(|ty| ty.composite.kind() != TypeKind::Func)
    }

    /// The type of a function.
    pub fn func_type(&self, index: u32) -> &FuncType {
        self.info.func_type(FuncIndex::from_u32(index))
    }

    /// The module as text, and the calls as comments.
    pub fn text(&self) -> String {
        let calls: String = self.calls.iter().map(|call| format!(";; {:?} {:?}\n", call.export, call.args)).collect();
        let text = wasmprinter::print_bytes(&self.bytes);
        format!("{calls}{}", text.unwrap_or_else(|error| format!(";; it has no text: {error}\n")))
    }
}

/// Whether there are values for all that it imports, and its functions and tags are of types that no others were declared with.
fn can_be_instantiated(info: &ModuleInfo, types: &TypeRegistry) -> bool {
    info.imports.iter().enumerate().all(|(place, import)| match import.ty {
        ItemType::Func(index) | ItemType::Tag(index) => {
            types.register_func(info.func_type_at(index)).is_ok_and(|id| id == info.type_ids[index])
        }
        ItemType::Global(ty) => imported_value(place, ty.value).is_some(),
        ItemType::Table(ty) => imported_element(place, ty.element).is_some(),
        ItemType::Memory(_) => true,
    })
}

/// What an imported global holds at first.
pub fn imported_value(place: usize, ty: ValType) -> Option<Val> {
    Val::random(&mut Random::new(place as u64), ty, &[])
}

/// What the elements of an imported table are at first.
pub fn imported_element(place: usize, ty: RefType) -> Option<Val> {
    if ty.nullable { Some(Val::null(ty)) } else { imported_value(place, ValType::Ref(ty)) }
}

/// What an imported function does: its results depend on what it is, on its arguments and on how often any was called.
pub struct Host {
    /// A hash of all calls so far.
    pub log: u64,
    calls: u64,
}

impl Host {
    /// Nothing was called yet.
    pub fn new() -> Host {
        Host { log: 0, calls: 0 }
    }

    /// The call of import number `import`; none if it fails.
    pub fn call(&mut self, import: usize, args: &[Val], results: &[ValType]) -> Option<Vec<Val>> {
        self.calls += 1;
        // While the start function runs, the peer can't say which function is which.
        let known = |arg: &Val| if let Val::Func(Some(_)) = arg { Val::Func(Some(0)) } else { *arg };
        self.log = args.iter().fold(mix(self.log, import as u64), |log, arg| mix(log, known(arg).hash()));
        let mut random = Random::new(self.log);
        // No functions: those of another engine are hard to name.
        let is_good = !random.chance(3);
        let answer: Option<_> = results.iter().map(|ty| Val::random(&mut random, *ty, &[])).collect();
        answer.filter(|_| is_good)
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

/// How a call ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Ended {
    Returned(Vec<Val>),
    Trapped {
        code: TrapCode,
        /// The innermost frames: function and pc.
        backtrace: Vec<(u32, u32)>,
    },
    /// Another error: its kind.
    Failed(String),
}

impl Ended {
    /// Whether the stack or the heap was exhausted, which is up to the engine and to the mode.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Ended::Trapped { code: TrapCode::CallStackExhausted | TrapCode::HeapExhausted, .. })
    }
}

/// All that a call can change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// The exported globals.
    pub globals: Vec<Val>,
    /// Bytes, and a hash of them.
    pub memories: Vec<(u64, u64)>,
    pub tables: Vec<Vec<Val>>,
    pub host: u64,
    /// What is left, where fuel is counted.
    pub fuel: Option<i64>,
}

/// What one engine did with a case in one mode: first the instantiation, then the calls.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    pub ends: Vec<Ended>,
    pub snapshots: Vec<Snapshot>,
}

/// A state before an operator.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub func: u32,
    pub pc: u32,
    /// How many frames there are.
    pub depth: u32,
    /// Of the locals.
    pub locals: u64,
    /// Of the locals and operands.
    pub values: u64,
    /// Of the callers, as far as both engines show them: functions and locals; 0 if they weren't looked at.
    pub callers: u64,
    /// Of all that the instance's memories, globals and tables hold.
    pub contents: u64,
    /// What expressions are over; of the peer's steps nothing.
    pub seen: Arc<Seen>,
    /// What the operator is going to access; of the peer's steps nothing.
    pub accesses: Box<[Access]>,
}

/// The operators that one call executed, as far as they were recorded.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub steps: Vec<Step>,
    /// Which of them throw what the call catches.
    pub throws: Vec<usize>,
    /// What was told beside the steps, and how many of these were before.
    pub told: Vec<(usize, Told)>,
    /// Whether it ends before the call does.
    pub is_cut: bool,
}

impl Trace {
    /// Something is told behind the last step.
    pub fn tell(&mut self, told: Told) {
        if !self.is_cut {
            self.told.push((self.steps.len(), told));
        }
    }
}

/// What is told of a call beside its steps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Told {
    /// The guest traps.
    Trap(TrapCode),
    /// An exception is thrown, caught or not: its tag's index in the module, and a hash of what it carries.
    Thrown { tag: Option<u32>, values: u64 },
    /// A host function is called, by number of the import and with a hash of its arguments. `caller` is the function of the guest's
    /// innermost frame.
    HostCall { import: usize, args: u64, caller: Option<u32> },
    /// It fails.
    HostFailed,
}

/// Steps of a call of a random module that are recorded.
const MOST_STEPS: usize = 4000;
