//! Golden tests of the IR that functions compile to.
//!
//! Each `tests/disas/*.wat` ends with what is expected under `;;!` lines; `;;! debug = true` at its head compiles it
//! for debugging. `PELLUCID_BLESS=1 cargo test --test disas` writes what there is now: read the difference before
//! committing it.

#![cfg(target_arch = "x86_64")]

use pellucid::base::{Config, DefinedFuncIndex};
use pellucid::compile::Compiler;
use pellucid::wasm;
use std::fs;
use std::path::{Path, PathBuf};

const MARK: &str = ";;!";
const DEBUG: &str = ";;! debug = true";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disas");
    let entries = fs::read_dir(&folder).expect("tests/disas is there");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// The head, with its directives and the module's text, and the expectation at the foot.
fn split(text: &str) -> (&str, String) {
    let mut head = text.len();
    for line in text.lines().rev() {
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        if !line.starts_with(MARK) {
            break;
        }
        head = start;
    }
    let foot = text[head..].lines().map(|line| {
        let line = &line[MARK.len()..];
        format!("{}\n", line.strip_prefix(' ').unwrap_or(line))
    });
    (&text[..head], foot.collect())
}

fn ir(head: &str) -> String {
    let debug = head.lines().any(|line| line.trim() == DEBUG);
    let bytes = wat::parse_str(head).expect("the module's text is valid");
    let compiler = Compiler::new(&Config { debug, ..Config::default() }).expect("a compiler for this machine");
    let functions =
        wasm::parse(&bytes, &pellucid::wasm::TypeRegistry::default()).expect("the module is valid").info.bodies.len()
            as u32;
    let functions = (0..functions).map(|index| {
        let text = compiler.clif(&bytes, DefinedFuncIndex::from_u32(index)).expect("the function compiles");
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>()
    });
    functions.collect::<Vec<_>>().join("\n")
}

#[test]
fn ir_is_as_expected() {
    let bless = std::env::var_os("PELLUCID_BLESS").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for path in cases() {
        let text = fs::read_to_string(&path).expect("a readable case");
        let (head, expected) = split(&text);
        let found = ir(head);
        if found == expected {
            continue;
        }
        if bless {
            let foot = found.lines().map(|line| format!("{}\n", format!("{MARK} {line}").trim_end()));
            fs::write(&path, format!("{head}{}", foot.collect::<String>())).expect("a writable case");
            continue;
        }
        let differing = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
        let line = differing.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
        let shown = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_string();
        wrong.push(format!(
            "{} differs at line {} of the IR:\n  expected: {}\n  found:    {}",
            path.display(),
            line + 1,
            shown(&expected),
            shown(&found)
        ));
    }
    assert!(wrong.is_empty(), "{}\nPELLUCID_BLESS=1 writes what there is now", wrong.join("\n"));
}
