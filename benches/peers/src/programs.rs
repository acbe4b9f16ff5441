//! The guest programs: which there are, what they are run with, what they must give.

use crate::guest::{Guest, Value};
use std::path::{Path, PathBuf};

/// A program and the run of it that is timed.
pub struct Program {
    pub name: String,
    /// Whether optimisations may be tried on it. The others were named before any work began.
    pub tuned: bool,
    pub bytes: Vec<u8>,
    run: Run,
    expected: i64,
}

/// How it is run.
enum Run {
    /// `run(n)`.
    Number(i32),
    /// `eval(address, length)` of a source, which is written to memory that `alloc` gave.
    Source(Vec<u8>),
}

/// Not tuned on: chosen when the bench was made, one of each kind: a large application, C++, and hand-written code.
const UNTUNED: [&str; 3] = ["lua", "objects", "queens"];

/// Every program without objects, in the order of `expected.txt`.
pub fn all() -> Vec<Program> {
    listed("benches/programs")
}

/// Every program that makes objects, in the order of their `expected.txt`.
pub fn with_objects() -> Vec<Program> {
    listed("benches/programs/gc")
}

fn listed(folder: &str) -> Vec<Program> {
    let folder = root().join(folder);
    let text = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, argument, expected] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("`{line}`") };
            let run = match argument.parse() {
                Ok(number) => Run::Number(number),
                Err(_) => Run::Source(std::fs::read(folder.join(argument)).unwrap()),
            };
            Program {
                name: name.to_string(),
                tuned: !UNTUNED.contains(&name),
                bytes: bytes(&folder, name),
                run,
                expected: expected.parse().unwrap(),
            }
        })
        .collect()
}

/// The program of this name.
pub fn named(name: &str) -> Program {
    all().into_iter().find(|program| program.name == name).expect("a program's name")
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    let binaries = [folder, &root().join("tests/programs")].map(|folder| folder.join(format!("{name}.wasm")));
    let binary = binaries.iter().find_map(|path| std::fs::read(path).ok());
    binary.unwrap_or_else(|| wat::parse_file(folder.join(format!("{name}.wat"))).unwrap())
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Program {
    /// The argument of `run`.
    pub fn argument(&self) -> i32 {
        match self.run {
            Run::Number(number) => number,
            Run::Source(_) => panic!("{} evaluates a source", self.name),
        }
    }

    /// What `run` gives.
    pub fn expected(&self) -> i64 {
        self.expected
    }

    /// Prepares an instance for being run any number of times.
    pub fn prepare<'a>(&'a self, mut guest: Box<dyn Guest + 'a>) -> Box<dyn FnMut() + 'a> {
        if guest.has("_initialize") {
            guest.call("_initialize", &[]);
        }
        let (export, args) = match &self.run {
            Run::Number(number) => ("run", vec![Value::I32(*number)]),
            Run::Source(source) => {
                let length = Value::I32(source.len() as i32);
                let Some(Value::I32(address)) = guest.call("alloc", &[length]) else {
                    panic!("alloc gives an address")
                };
                guest.write(address as u32, source);
                ("eval", vec![Value::I32(address), length])
            }
        };
        Box::new(move || {
            let result = guest.call(export, &args);
            assert_eq!(result, Some(Value::I64(self.expected)), "{} {}", self.name, guest.describe());
        })
    }
}
