//! A smaller module that fails in the same way.

use crate::case::{Case, Ended, Origin};
use crate::peer;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};
use wasm_mutate::WasmMutate;

/// How long is spent on it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Makes a failing case smaller as long as it fails with a message of the same kind as `message`; the smallest, with its
/// message, or none if none is smaller. `fails` answers how a case fails.
pub fn minimise(
    case: &Rc<Case>,
    message: &str,
    fails: impl Fn(&Rc<Case>) -> Option<String>,
) -> Option<(Rc<Case>, String)> {
    let metering = peer::metering_engine();
    let start = Instant::now();
    let mut best: Option<(Rc<Case>, String)> = None;
    let mut seed = 0;
    while start.elapsed() < PATIENCE {
        seed += 1;
        let base = best.as_ref().map_or(&case.bytes, |(case, _)| &case.bytes).clone();
        let mut mutate = WasmMutate::default();
        mutate.seed(seed).fuel(100).reduce(true);
        let Some(bytes) = mutate.run(&base).ok().and_then(|mut all| all.next()).and_then(Result::ok) else { continue };
        if bytes.len() >= base.len() || wasmparser::validate(&bytes).is_err() {
            continue;
        }
        let Ok(smaller) = Case::of(case.seed, Origin::Mutated, bytes) else { continue };
        let smaller = Rc::new(smaller);
        if smaller.calls.is_empty() || !ends(&smaller, &metering) {
            continue;
        }
        if let Some(text) = fails(&smaller)
            && kind_of(&text) == kind_of(message)
        {
            best = Some((smaller, text));
        }
    }
    best
}

/// Whether a module ends by itself: what bounds it may be gone.
pub fn ends(case: &Case, metering: &wasmtime::Engine) -> bool {
    let Ok(Ok(report)) = catch_unwind(AssertUnwindSafe(|| peer::run(case, metering))) else { return false };
    let is_out_of_fuel = |end: &Ended| matches!(end, Ended::Failed(text) if text.contains("fuel"));
    !report.ends.iter().any(|end| is_out_of_fuel(end) || end.is_exhausted())
}

/// What kind of failure a message tells of: its first line without numbers and names.
fn kind_of(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let words =
        line.split_whitespace().filter(|word| word.chars().all(|letter| letter.is_alphabetic() || letter == ':'));
    words.take(6).collect::<Vec<_>>().join(" ")
}
