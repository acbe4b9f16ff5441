//! Runs a body on many seeds, each in a process that may crash or hang.
//!
//! The process that is started starts others of itself, which say what they do on their output: `start 5`, then `ok 5` with
//! counts, or `fail 5` and what failed. When one dies or is silent for too long, its last seed is to blame, and the next
//! goes on behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What went wrong, with something to reproduce it.
pub struct Failure {
    pub message: String,
    /// The module as text, or whatever it was.
    pub text: String,
}

/// What one seed came to.
#[derive(Default)]
pub struct Outcome {
    counts: BTreeMap<String, u64>,
}

impl Outcome {
    /// Nothing was wrong.
    pub fn done() -> Outcome {
        let mut outcome = Outcome::default();
        outcome.count("compared", 1);
        outcome
    }

    /// It says nothing, for this reason.
    pub fn discarded(reason: &str) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.count(&format!("discarded because {reason}"), 1);
        outcome
    }

    /// How many of these were counted.
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// Adds to what is counted.
    pub fn count(&mut self, what: &str, number: u64) {
        *self.counts.entry(what.to_string()).or_default() += number;
    }
}

/// A test's worth of a body: the first seeds, for about a second.
pub fn smoke(body: impl Fn(u64) -> Result<Outcome, Failure>) {
    let start = Instant::now();
    let mut seed = 0;
    while seed < 3 || start.elapsed() < Duration::from_secs(1) {
        if let Err(failure) = body(seed) {
            panic!("seed {seed}: {}\n{}", failure.message, failure.text);
        }
        seed += 1;
    }
}

/// The first argument of a process that works on seeds.
pub const WORKER: &str = "worker";

/// Where something panicked last.
pub static PANIC: Mutex<String> = Mutex::new(String::new());

/// How long one seed may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seeds that one process does at most.
const CHUNK: u64 = 500;

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

/// The `main` of a fuzzer. Seeds from `SEED` on, `COUNT` of them, in `JOBS` processes at a time; fails if any does.
pub fn main<State>(
    name: &str,
    prepare: impl Fn() -> State,
    body: impl Fn(&State, u64) -> Result<Outcome, Failure>,
) -> ExitCode {
    main_for(name, || 1000, prepare, body)
}

/// The same where there are so many seeds if nothing else is said.
pub fn main_for<State>(
    name: &str,
    usual_count: impl Fn() -> u64,
    prepare: impl Fn() -> State,
    body: impl Fn(&State, u64) -> Result<Outcome, Failure>,
) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, from, to] = &args[..]
        && role == WORKER
    {
        let seed = |text: &String| text.parse().expect("the parent gives numbers");
        let state = prepare();
        work(seed(from)..seed(to), |seed| body(&state, seed));
        return ExitCode::SUCCESS;
    }
    let (first, count, jobs) = (number("SEED", 0), number("COUNT", usual_count()), number("JOBS", 1));
    println!("{name}: SEED={first} COUNT={count} JOBS={jobs}");
    let start = Instant::now();
    let parent = Parent {
        end: first + count,
        next: AtomicU64::new(first),
        done: AtomicU64::new(0),
        counts: Mutex::default(),
        failures: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| parent.drive());
        }
        let mut told = start;
        while parent.done.load(Ordering::Relaxed) < count {
            std::thread::sleep(Duration::from_millis(50));
            if told.elapsed() > Duration::from_secs(30) {
                told = Instant::now();
                println!("{name}: {} after {} s", parent.summary(), start.elapsed().as_secs());
            }
        }
    });
    println!("{name}: {} in {:.1} s", parent.summary(), start.elapsed().as_secs_f64());
    let failures = parent.failures.into_inner().expect("nobody panics");
    if !failures.is_empty() {
        println!("{name}: failed seeds: {failures:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn work(seeds: std::ops::Range<u64>, body: impl Fn(u64) -> Result<Outcome, Failure>) {
    // What panics is reported with its seed. A case that is made smaller panics many times.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *PANIC.lock().expect("nothing panics meanwhile") = place;
    }));
    for seed in seeds {
        say(&format!("start {seed}"));
        match body(seed) {
            Ok(outcome) => {
                let counts: Vec<_> = outcome.counts.iter().map(|(what, number)| format!("{number}={what}")).collect();
                say(&format!("ok {seed};{}", counts.join(";")));
            }
            Err(failure) => {
                let mut text = format!("fail {seed}");
                for line in failure.message.lines().chain(failure.text.lines()) {
                    write!(text, "\n| {line}").expect("strings take all");
                }
                say(&text);
            }
        }
    }
    say("end");
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Without a parent there is nobody to tell.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

struct Parent {
    next: AtomicU64,
    end: u64,
    done: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<Vec<u64>>,
}

impl Parent {
    fn drive(&self) {
        loop {
            let mut from = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= self.end {
                return;
            }
            let to = (from + CHUNK).min(self.end);
            while from < to {
                from = self.child(from, to);
            }
        }
    }

    /// Lets one process work on seeds; answers the first that it didn't come to.
    fn child(&self, from: u64, to: u64) -> u64 {
        let this = std::env::current_exe().expect("a program knows where it is");
        let mut child = Command::new(this)
            .args([WORKER, &from.to_string(), &to.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process can be started");
        let output = child.stdout.take().expect("it is a pipe");
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let mut current = None;
        let mut next = from;
        let blame = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                    match word {
                        "start" => current = rest.parse().ok(),
                        "ok" => {
                            self.finished(rest);
                            next = current.take().expect("it was started") + 1;
                        }
                        "fail" => {
                            println!("FAILED: seed {rest}");
                            self.failed(rest.parse().expect("a seed"));
                            next = current.take().expect("it was started") + 1;
                        }
                        "end" => break None,
                        _ => println!("{line}"),
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    child.kill().expect("it is ours");
                    break Some("nothing was heard for a minute");
                }
                Err(RecvTimeoutError::Disconnected) => break Some("the process died"),
            }
        };
        let status = child.wait().expect("it is ours");
        reader.join().expect("it only reads");
        let Some(blame) = blame else { return to };
        let seed = current.unwrap_or(next);
        println!("FAILED: seed {seed}: {blame}, {status}");
        self.failed(seed);
        seed + 1
    }

    fn finished(&self, counts: &str) {
        let mut all = self.counts.lock().expect("nobody panics");
        for count in counts.split(';').skip(1) {
            if let Some((number, what)) = count.split_once('=') {
                *all.entry(what.to_string()).or_default() += number.parse::<u64>().unwrap_or(0);
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, seed: u64) {
        self.failures.lock().expect("nobody panics").push(seed);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn summary(&self) -> String {
        let counts = self.counts.lock().expect("nobody panics");
        let failures = self.failures.lock().expect("nobody panics").len();
        let mut text = format!("{} seeds, {failures} failed", self.done.load(Ordering::Relaxed));
        counts.iter().for_each(|(what, number)| write!(text, ", {number} {what}").expect("strings take all"));
        text
    }
}
