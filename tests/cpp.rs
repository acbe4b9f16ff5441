//! Compiles and runs the C++ programs in `tests/cpp` against the built library, with the address sanitizer if it works here, and
//! compiles them as other compilers and standards see them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

mod library;
mod skip;

const PROGRAMS: [&str; 7] = ["calls", "checked", "debugging", "exceptions", "functions", "objects", "wasi"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(name: &str) -> PathBuf {
    root().join("tests/cpp").join(format!("{name}.cpp"))
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cpp_{name}"))
}

/// A compiler that complains of everything it knows.
fn compiler(name: &str, standard: &str) -> Command {
    let mut command = Command::new(name);
    command.arg(format!("-std={standard}")).args([
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wconversion",
        "-Wshadow",
        "-Werror",
    ]);
    command.arg("-I").arg(root().join("include"));
    command
}

fn build(command: &mut Command, program: &Path) -> Output {
    command.args(["-g", "-O1", "-pthread"]).arg(library::shared());
    command
        .arg(format!("-Wl,-rpath,{}", library::directory().display()))
        .arg("-o")
        .arg(program)
        .output()
        .expect("g++ runs")
}

/// The flags of the address sanitizer, or none if programs built with it don't run here.
fn sanitizer() -> &'static [&'static str] {
    static FLAGS: OnceLock<&[&str]> = OnceLock::new();
    FLAGS.get_or_init(|| {
        let flags: &[&str] = &["-fsanitize=address", "-fno-omit-frame-pointer"];
        let probe = program("probe");
        let built = build(compiler("g++", "c++17").args(flags).arg(source("checked")), &probe);
        let works = built.status.success() && Command::new(&probe).output().is_ok_and(|output| output.status.success());
        if works { flags } else { &[] }
    })
}

fn expect_ok(output: &Output, name: &str, said: &str) {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out == said, "{name}: {}\n{out}{errors}", output.status);
}

fn run(name: &str, flags: &[&str]) {
    let program = program(&format!("{name}{}", flags.concat()));
    let output = build(compiler("g++", "c++17").args(flags).arg(source(name)), &program);
    expect_ok(&output, name, "");
    expect_ok(&Command::new(&program).output().expect("the program was just built"), name, "ok\n");
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), sanitizer());
        })*

        #[test]
        fn every_program_is_run() {
            assert_eq!(PROGRAMS, [$(stringify!($name)),*]);
            let folder = std::fs::read_dir(root().join("tests/cpp")).expect("it is there");
            let files = folder.map(|entry| entry.expect("it can be read").file_name().into_string().expect("ASCII"));
            let mut files: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".cpp")?.to_string())).collect();
            files.retain(|file| file != "both");
            files.sort();
            assert_eq!(files, PROGRAMS);
        }
    };
}

programs! { calls checked debugging exceptions functions objects wasi }

#[test]
fn a_program_without_exceptions() {
    run("checked", &["-fno-exceptions"]);
}

#[test]
fn both_ways_fit_into_one_program() {
    let halves = ["0", "1"].map(|exceptions| {
        let object = program(&format!("both_{exceptions}.o"));
        let mut command = compiler("g++", "c++17");
        command.args(["-c", "-O1"]).arg(format!("-DPELLUCID_EXCEPTIONS={exceptions}")).arg(source("both"));
        expect_ok(&command.arg("-o").arg(&object).output().expect("g++ runs"), "both", "");
        object
    });
    let program = program("both");
    expect_ok(&build(Command::new("g++").args(halves), &program), "both", "");
    expect_ok(&Command::new(&program).output().expect("the program was just built"), "both", "ok\n");
}

/// Other standards and another compiler, without a warning.
#[test]
fn the_header_is_clean() {
    let here = |compiler: &str| Command::new(compiler).arg("--version").output().is_ok();
    for name in ["g++", "clang++"] {
        if !here(name) {
            skip::skipped("the_header_is_clean", &format!("there is no {name}"));
            continue;
        }
        for standard in ["c++17", "c++20", "c++2b"] {
            for (program, flags) in [("functions", &[][..]), ("debugging", &[]), ("checked", &["-fno-exceptions"])] {
                let mut command = compiler(name, standard);
                // Nothing is linked.
                let output =
                    command.args(flags).arg("-fsyntax-only").arg(source(program)).output().expect("it is there");
                expect_ok(&output, &format!("{name} {standard} {program}"), "");
            }
        }
    }
}

#[test]
fn all_of_the_c_header_is_reachable() {
    let header = std::fs::read_to_string(root().join("include/pellucid.hpp")).expect("it is there");
    let words: std::collections::HashSet<&str> = header.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let symbols = std::fs::read_to_string(root().join("include/pellucid.symbols")).expect("it is there");
    let missing: Vec<&str> = symbols.lines().filter(|symbol| !words.contains(symbol)).collect();
    assert!(missing.is_empty(), "pellucid.hpp doesn't use {missing:?}");
}
