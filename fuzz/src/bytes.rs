//! Bytes that are nearly a module: loading them never panics and never takes long, it answers a module or a status, the
//! same with debugging and without; what is still a module runs like one.

use crate::case::{Case, MEMORY_LIMIT, Origin, TABLE_LIMIT};
use crate::driver::{Failure, Outcome};
use crate::random::Random;
use crate::{differential, known, minimise, ours, peer, smith, writer};
use pellucid::base::{ErrorKind, ExternType, MemoryType, OptLevel};
use pellucid::runtime::{Engine, Module};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use wasmparser::{Validator, WasmFeatures};

/// How long loading may take, on a machine that does a lot beside it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What modules may have, whole.
const COMPILED: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC);

/// A module larger than this isn't run.
const LARGEST_RUN: usize = 20_000;

/// What the fuzzer works with.
pub struct State {
    engines: differential::Engines,
    off: Engine,
    on: Engine,
    metering: wasmtime::Engine,
    programs: Vec<Vec<u8>>,
}

impl State {
    #[expect(clippy::new_without_default, reason = "it reads files")]
    pub fn new() -> State {
        State {
            engines: differential::Engines::new(),
            off: ours::engine(false, OptLevel::None),
            on: ours::engine(true, OptLevel::Speed),
            metering: peer::metering_engine(),
            programs: programs(),
        }
    }
}

/// The small ones of the programs that the tests and benches run.
fn programs() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<_> = ["tests/programs", "benches/programs"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("the folder of programs"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat"))
        .collect();
    files.sort();
    let all = files.iter().map(|path| {
        let bytes = std::fs::read(path).expect("a program can be read");
        wat::parse_bytes(&bytes).expect("a program is a module").into_owned()
    });
    let all: Vec<_> = all.filter(|bytes| bytes.len() < 50_000).collect();
    assert!(all.len() > 5, "there are programs");
    all
}

fn base(state: &State, random: &mut Random) -> Option<Vec<u8>> {
    match random.below(10) {
        0..5 => smith::module(random),
        5..8 => Some(writer::module(random)),
        _ => Some(random.pick(&state.programs)),
    }
}

/// A module, changed.
fn bytes(state: &State, random: &mut Random) -> Option<Vec<u8>> {
    let mut bytes = base(state, random)?;
    if random.chance(40) {
        // Mutations that mostly leave it valid.
        for _ in 0..1 + random.below(3) {
            let mut mutate = wasm_mutate::WasmMutate::default();
            mutate.seed(random.word()).fuel(300).preserve_semantics(random.chance(30));
            let next = mutate.run(&bytes).ok().and_then(|mut all| all.next()).and_then(Result::ok);
            bytes = next.unwrap_or(bytes);
        }
        if random.chance(80) {
            return Some(bytes);
        }
    }
    let other = if random.chance(10) { base(state, random).unwrap_or_default() } else { Vec::new() };
    for _ in 0..1 + random.below(6) {
        mutate(random, &mut bytes, &other);
    }
    Some(bytes)
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    // The header is rarely of interest.
    let start = if bytes.len() > 8 && random.chance(98) { 8 } else { 0 };
    let at = start + random.below(bytes.len() - start);
    let length = 1 + random.below(random.clone().pick(&[1, 4, 30, 300]));
    let end = (at + length).min(bytes.len());
    match random.below(12) {
        0..4 => bytes[at] ^= 1 << random.below(8),
        4 | 5 => {
            bytes[at] =
                random.pick(&[0, 1, 0x7f, 0x80, 0xff, 0x40, 0x0b, 0x0f, 0x10, 0x41, 0x6f, 0x70, 0x7e, 0xfc, 0xfd])
        }
        6 => bytes[at] = random.word() as u8,
        7 => bytes.insert(at, random.word() as u8),
        8 => {
            bytes.drain(at..end);
        }
        9 => {
            let copy = bytes[at..end].to_vec();
            let to = start + random.below(bytes.len() - start);
            bytes.splice(to..to, copy);
        }
        10 if !other.is_empty() => {
            let from = random.below(other.len());
            let to = (from + length).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        10 => {
            // A number of five bytes, as large as they come.
            let big = [0xff, 0xff, 0xff, 0xff, 0x0f];
            bytes.splice(at..at + 1, big);
        }
        _ => bytes.truncate(at),
    }
}

/// The bytes of a seed, loaded and, if they can be, run.
pub fn run(state: &State, seed: u64) -> Result<Outcome, Failure> {
    let mut random = Random::new(seed ^ 0xb17e5);
    let Some(bytes) = bytes(state, &mut random) else { return Ok(Outcome::discarded("wasm-smith gave up")) };
    let result = catch_unwind(AssertUnwindSafe(|| load(state, &bytes)));
    let result = result.unwrap_or_else(|panic| Err(differential::message_of(&*panic)));
    let mut outcome = match result {
        Ok((outcome, false)) => return Ok(outcome),
        Ok((outcome, true)) => outcome,
        Err(message) => {
            let dump = bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            let text = wasmprinter::print_bytes(&bytes).unwrap_or_default();
            return Err(Failure { message, text: format!("{}\n{text}", dump.collect::<Vec<_>>().join("\n")) });
        }
    };
    if let Some(case) = runnable(state, seed, bytes) {
        differential::check(&state.engines, &case)?;
        outcome.count("run", 1);
    }
    Ok(outcome)
}

/// Loads bytes in all ways; whether they are a module.
fn load(state: &State, bytes: &[u8]) -> Result<(Outcome, bool), String> {
    let mut outcome = Outcome::done();
    let valid = Validator::new_with_features(COMPILED).validate_all(bytes).map(|_| ());
    let mut answers = Vec::new();
    for engine in [&state.off, &state.on] {
        let start = Instant::now();
        let answer =
            Module::new(engine, bytes).map(|_| ()).map_err(|error| (error.kind(), error.message().to_string()));
        let time = start.elapsed();
        if time > PATIENCE {
            return Err(format!("loading {} bytes takes {time:?}, debugging {}", bytes.len(), engine.is_debug()));
        }
        answers.push(answer);
    }
    if answers[0] != answers[1] {
        return Err(format!(
            "it is loaded differently\ndebugging off: {:?}\ndebugging on: {:?}",
            answers[0], answers[1]
        ));
    }
    match (&answers[0], valid) {
        (Ok(()), Ok(())) => outcome.count("valid", 1),
        (Ok(()), Err(error)) => return Err(format!("an invalid module is accepted: {error}")),
        (Err((kind, message)), valid) => {
            let is_good = match kind {
                ErrorKind::InvalidModule => valid.is_err(),
                ErrorKind::Unsupported => valid.is_err(),
                ErrorKind::Limit => true,
                _ => false,
            };
            if !is_good || message.is_empty() || message.contains('\n') && !known::is_long_message(message) {
                return Err(format!("it is refused by {kind:?}: {message:?}; valid: {valid:?}"));
            }
            outcome.count(&format!("{kind:?}"), 1);
        }
    }
    let is_module = answers[0].is_ok();
    Ok((outcome, is_module))
}

/// A module that can be run and compared: it is small, ends by itself, waits for nobody, no NaN's bits can be seen, and the peer
/// knows all of it.
fn runnable(state: &State, seed: u64, bytes: Vec<u8>) -> Option<Rc<Case>> {
    let features = COMPILED - WasmFeatures::LEGACY_EXCEPTIONS;
    let is_known = || Validator::new_with_features(features).validate_all(&bytes).is_ok();
    if bytes.len() > LARGEST_RUN || may_differ(&bytes) || !is_known() {
        return None;
    }
    let case = Case::of(seed, Origin::Mutated, bytes).expect("it was loaded");
    let is_small = |ty| match ty {
        ExternType::Memory(ty) => ty.bytes(ty.minimum).is_some_and(|bytes| bytes <= MEMORY_LIMIT),
        ExternType::Table(ty) => ty.minimum <= TABLE_LIMIT,
        _ => true,
    };
    // The peer lets these grow as far as they may.
    let may_be_large = |ty: &MemoryType| {
        let most = ty.bytes(ty.maximum.unwrap_or(u64::MAX));
        ty.is_shared && most.is_none_or(|bytes| bytes > MEMORY_LIMIT)
    };
    if case.info.memories.values().any(may_be_large) {
        return None;
    }
    if !case.info.imports.iter().all(|import| is_small(case.info.import_type(import))) {
        return None;
    }
    minimise::ends(&case, &state.metering).then(|| Rc::new(case))
}

/// Whether it has floats, or waits for others, who aren't there.
fn may_differ(bytes: &[u8]) -> bool {
    wasmparser::Parser::new(0).parse_all(bytes).any(|payload| match payload {
        Ok(wasmparser::Payload::CodeSectionEntry(body)) => {
            let operators = body.get_operators_reader().expect("it is valid");
            operators.into_iter().any(|operator| {
                let name = format!("{:?}", operator.expect("it is valid"));
                name.contains("F32") || name.contains("F64") || name.contains("AtomicWait")
            })
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::driver;

    #[test]
    fn smoke() {
        let state = super::State::new();
        driver::smoke(|seed| super::run(&state, seed));
    }
}
