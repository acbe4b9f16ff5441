//! Wasm operators → Cranelift IR → machine code.
//!
//! Takes a parsed module, gives inert bytes and tables ([`crate::abi::artifact`]). Knows nothing of stores, mappings
//! or where the code will run. Invariant: a function compiled for debugging has a stop point at the start of every
//! run, and the frame table describes every local and operand there. Read next: [`function`] for the walk over the
//! operators, [`model`] for what debugging adds, [`image`] for how functions become a module.

mod arrays;
mod atomics;
mod calls;
mod checker;
mod checks;
mod control;
mod crowding;
mod emitter;
mod exceptions;
mod function;
mod image;
mod inlining;
mod lanes;
mod legacy_exceptions;
mod locals;
mod memory;
mod memory_needed;
mod model;
mod numeric;
mod objects;
mod operands;
mod pieces;
mod places;
mod references;
mod relaxed;
mod signatures;
mod subtypes;
mod tables;
mod target;
mod trampolines;
mod vectors;

use crate::abi::artifact::{CompiledBlob, Form, Trampolines};
use crate::base::{Config, DefinedFuncIndex, Error, ErrorKind, FuncType, OptLevel, Reservation, Result};
use crate::wasm::{ModuleInfo, ParsedModule, TypeRegistry};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use function::{FunctionCompiler, FunctionOutput};
use inlining::Inlinables;
use memory_needed::{Carried, Memory};
use pieces::Counting;
use relaxed::Relaxed;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes for what a module's compilation keeps of each function, besides what is measured for it.
const BY_FUNCTION: u64 = 600;

/// Bytes for a thread to compile on: its stacks.
const BY_THREAD: u64 = 8 << 20;

/// Compiles modules and trampolines for the machine that it runs on.
pub struct Compiler {
    isa: OwnedTargetIsa,
    unoptimised: OwnedTargetIsa,
    mode: Mode,
    threads: usize,
    memory: Memory,
    /// Values that a module's calls and branches may carry, beside one for each byte of its functions.
    values: u64,
}

/// The instruction set, with two settings.
#[derive(Clone, Copy)]
struct Isas<'a> {
    /// As the configuration says.
    chosen: &'a dyn TargetIsa,
    unoptimised: &'a dyn TargetIsa,
}

impl Mode {
    fn form(self) -> Form {
        match self {
            Mode { debug: false, .. } => Form::Plain,
            Mode { exact: false, .. } => Form::Debuggable,
            Mode { exact: true, .. } => Form::Exact,
        }
    }
}

/// How functions are compiled.
#[derive(Clone, Copy, Debug)]
struct Mode {
    debug: bool,
    /// Whether functions are compiled in their exact form.
    exact: bool,
    /// Whether time is spent to make code fast.
    optimises: bool,
    /// Whether bodies of small functions are put in the places of calls.
    inlines: bool,
    /// Whether no instruction may fault: see [`checks`].
    checks: bool,
    /// What functions do for their pieces.
    counting: Counting,
    /// Whether what debugging adds is proved.
    verify: bool,
    /// Whether every function is compiled with its values in memory.
    in_memory: bool,
    /// What relaxed vector operators give.
    relaxed: Relaxed,
    /// Which accesses to memories need no comparison, where faults are allowed.
    unchecked: Reservation,
}

impl Compiler {
    /// A compiler for this machine.
    ///
    /// Errors: [`ErrorKind::Unsupported`] if the machine isn't one that code can be made for.
    pub fn new(config: &Config) -> Result<Compiler> {
        let threads = match config.compile_threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        };
        let isa = target::isa(config)?;
        let mode = Mode {
            debug: config.debug,
            exact: config.debug && config.exact,
            optimises: config.opt_level != OptLevel::None,
            inlines: config.inlining,
            checks: !config.signal_handlers,
            counting: Counting { fuel: config.fuel, looks: config.interrupt_checks },
            verify: config.verify,
            in_memory: config.in_memory,
            relaxed: Relaxed::new(&*isa, config.relaxed_simd_deterministic),
            unchecked: config.memories,
        };
        let unoptimised = target::isa(&Config { opt_level: OptLevel::None, ..config.clone() })?;
        let memory = Memory::new(|_| true, config.compile_memory);
        Ok(Compiler { isa, unoptimised, mode, threads, memory, values: config.compile_values })
    }

    /// The same compiler, which asks whether so many bytes of memory can be had before it needs them.
    pub fn asking(self, available: fn(u64) -> bool) -> Compiler {
        Compiler { memory: Memory::new(available, self.memory.limit()), ..self }
    }

    /// Validates and compiles every function of a module, in parallel.
    ///
    /// Errors: [`ErrorKind::InvalidModule`] for the first invalid function, else [`ErrorKind::Unsupported`] for the
    /// first unsupported one; [`ErrorKind::Limit`] if a function or the image is too large to compile, or may take more
    /// memory than is allowed, or if its calls and branches carry too many values; [`ErrorKind::System`] if there is too little.
    pub fn compile_module(&self, parsed: ParsedModule) -> Result<(ModuleInfo, CompiledBlob)> {
        let ParsedModule { mut info, to_validate } = parsed;
        let inlinables = Inlinables::find(&info, self.mode, &to_validate);
        let count = to_validate.len();
        self.memory.check(BY_FUNCTION.saturating_mul(count as u64))?;
        let inputs: Vec<_> = to_validate.into_iter().map(|(index, input)| (index, Mutex::new(Some(input)))).collect();
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let (has_floats, uses_heap) = (AtomicBool::new(false), AtomicBool::new(false));
        let outputs: Mutex<Vec<Option<FunctionOutput>>> = Mutex::new((0..count).map(|_| None).collect());
        let errors: Mutex<Vec<(bool, DefinedFuncIndex, Error)>> = Mutex::new(Vec::new());
        let carried = self.carried(&info);
        let work = || {
            let share = self.memory.share();
            let mut compiler = FunctionCompiler::new(self.isas(), &info, self.mode, share, &carried, &inlinables);
            let mut done = Vec::new();
            // Functions are taken in order, so that the first one at fault is always reached.
            while !failed.load(Ordering::Relaxed) {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some((index, input)) = inputs.get(place) else { break };
                let input = input.lock().expect("no one panics with it").take().expect("taken once");
                match compiler.compile(*index, input) {
                    Ok(output) => done.push((place, output)),
                    Err(error) => {
                        // A later function may be invalid, which is the stronger statement.
                        let is_final = error.kind() != ErrorKind::Unsupported;
                        errors.lock().expect("no one panics with it").push((!is_final, *index, error));
                        failed.fetch_or(is_final, Ordering::Relaxed);
                    }
                }
            }
            has_floats.fetch_or(compiler.has_floats(), Ordering::Relaxed);
            uses_heap.fetch_or(compiler.uses_heap(), Ordering::Relaxed);
            let mut outputs = outputs.lock().expect("no one panics with it");
            for (place, output) in done {
                outputs[place] = Some(output);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(count) {
                // A thread that finds no memory for its own signal stack panics.
                if self.memory.check(BY_THREAD).is_err() {
                    break;
                }
                if let Err(refused) = std::thread::Builder::new().spawn_scoped(scope, work) {
                    log::debug!("no more threads to compile on: {refused}");
                    break;
                }
            }
            work();
        });
        let errors = errors.into_inner().expect("no one panics with it");
        if let Some((.., error)) = errors.into_iter().min_by_key(|(weaker, index, _)| (*weaker, *index)) {
            return Err(error);
        }
        let outputs = outputs.into_inner().expect("no one panics with it");
        // They are copied into tables that grow by doubling.
        let size: usize = outputs.iter().flatten().map(FunctionOutput::size).sum();
        self.memory.check(3 * size as u64)?;
        let outputs = outputs.into_iter().map(|output| output.expect("compiled"));
        let outputs = outputs.zip(0..).map(|(output, index)| (DefinedFuncIndex::from_u32(index), output));
        let mut module = image::link(&*self.isa, outputs, self.mode.form())?;
        if self.mode.debug {
            module.guarded = inlinables.functions().collect();
        }
        info.has_floats = has_floats.into_inner();
        info.uses_heap = uses_heap.into_inner();
        Ok((info, module))
    }

    /// Compiles a function once more, in its exact form. `loaded` is what its module was compiled to when it was loaded, where
    /// it finds the functions that it calls.
    ///
    /// Errors: [`ErrorKind::Limit`], [`ErrorKind::System`] as [`Compiler::compile_module`].
    pub fn compile_exact(
        &self,
        info: &ModuleInfo,
        loaded: &CompiledBlob,
        function: DefinedFuncIndex,
    ) -> Result<CompiledBlob> {
        let mode = Mode { debug: true, exact: true, ..self.mode };
        // What its calls and branches carry was bounded when the module was loaded.
        let carried = Carried::new(0, u64::MAX);
        let inlinables = Inlinables::default();
        let compiler = FunctionCompiler::new(self.isas(), info, mode, self.memory.share(), &carried, &inlinables);
        let output = compiler.beside(loaded).compile_exact(function)?;
        self.memory.check(3 * output.size() as u64)?;
        image::link(&*self.isa, [(function, output)].into_iter(), mode.form())
    }

    /// What the code depends on that it compiles, as a line each of a name and what it is: code is of use to a compiler with the same lines.
    pub fn settings(&self) -> String {
        let on = |is_on: bool| if is_on { "on" } else { "off" };
        let Mode { debug, exact, inlines, checks, counting, in_memory, relaxed, unchecked, .. } = self.mode;
        let processor: Vec<_> = self
            .isa
            .isa_flags()
            .into_iter()
            .filter(|flag| flag.as_bool() == Some(true))
            .map(|flag| flag.name)
            .collect();
        let lines = [
            ("library", format!("{} of sources {}", env!("CARGO_PKG_VERSION"), env!("PELLUCID_SOURCES"))),
            ("target", self.isa.triple().to_string()),
            ("processor", processor.join(" ")),
            ("debugging", on(debug).into()),
            ("exact form", on(exact).into()),
            ("optimisation", self.isa.flags().opt_level().to_string()),
            ("inlining", on(inlines).into()),
            ("signal handlers", on(!checks).into()),
            ("fuel", on(counting.fuel).into()),
            ("interrupt checks", on(counting.looks).into()),
            ("memory reservation", format!("{unchecked:?}")),
            ("relaxed vector operators", format!("{relaxed:?}")),
            ("values in memory", on(in_memory).into()),
        ];
        lines.map(|(name, setting)| format!("{name}: {setting}\n")).concat()
    }

    fn isas(&self) -> Isas<'_> {
        Isas { chosen: &*self.isa, unoptimised: &*self.unoptimised }
    }

    /// Compiles the trampolines of a function type.
    ///
    /// Errors: [`ErrorKind::Limit`] if it has too many parameters or results to compile.
    pub fn compile_trampolines(&self, ty: &FuncType) -> Result<Trampolines> {
        trampolines::compile(&*self.isa, ty, self.mode.checks)
    }

    /// The IR of one function, for people to read.
    ///
    /// Errors: as [`Compiler::compile_module`]; [`ErrorKind::OutOfRange`] if there is no such function.
    pub fn clif(&self, wasm: &[u8], index: DefinedFuncIndex) -> Result<String> {
        let ParsedModule { info, to_validate } = crate::wasm::parse(wasm, &TypeRegistry::default())?;
        let inlinables = Inlinables::find(&info, self.mode, &to_validate);
        let input = to_validate.into_iter().find(|(candidate, _)| *candidate == index);
        let (_, input) = input.ok_or_else(|| Error::new(ErrorKind::OutOfRange, "no such function"))?;
        let carried = self.carried(&info);
        let share = self.memory.share();
        FunctionCompiler::new(self.isas(), &info, self.mode, share, &carried, &inlinables).clif(index, input)
    }

    fn carried(&self, info: &ModuleInfo) -> Carried {
        let bytes = info.bodies.values().map(|body| u64::from(body.range.end - body.range.start)).sum();
        Carried::new(bytes, self.values)
    }
}

/// The plane that chaos testing would steer; here it never interferes.
fn control_plane() -> ControlPlane {
    ControlPlane::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, debug: bool) -> Option<ErrorKind> {
        let compiler = Compiler::new(&Config { debug, compile_threads: 1, ..Config::default() }).unwrap();
        let parsed = crate::wasm::parse(&wat::parse_str(text).unwrap(), &TypeRegistry::default()).unwrap();
        compiler.compile_module(parsed).err().map(|error| error.kind())
    }

    #[test]
    fn blocks_in_dead_code_are_told_apart() {
        for debug in [false, true] {
            let dead =
                "(module (func (block unreachable try_table end) nop) (func unreachable (try_table (catch_all 0))))";
            assert_eq!(refusal(dead, debug), None);
        }
    }

    #[test]
    fn an_invalid_function_outweighs_an_unsupported_one() {
        let kind = refusal("(module (func (drop (ref.null any))) (func (drop)))", false);
        assert_eq!(kind, Some(ErrorKind::InvalidModule));
    }
}
