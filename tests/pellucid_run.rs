//! The host for WASI programs, `c-examples/pellucid-run.c`: its options, and the exit codes that it ends with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

mod library;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = place("pellucid-run");
        let output = Command::new("gcc")
            .args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-I"])
            .arg(root().join("include"))
            .arg(root().join("c-examples/pellucid-run.c"))
            .arg(library::shared())
            .arg(format!("-Wl,-rpath,{}", library::directory().display()))
            .arg("-o")
            .arg(&program)
            .output()
            .expect("gcc runs");
        assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
        program
    })
}

/// Exit code, standard output and standard error.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(program()).args(args).output().expect("it was just built");
    let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn module(name: &str, wat: &str) -> String {
    let path = place(name);
    fs::write(&path, wat::parse_str(wat).expect("the module is well-formed")).expect("the folder can be written");
    path.to_str().expect("it is UTF-8").to_string()
}

fn guest(name: &str) -> String {
    root().join("tests/programs/wasi").join(name).to_str().expect("it is UTF-8").to_string()
}

#[test]
fn the_exit_code_is_the_programs() {
    for mode in [&[][..], &["--debug"]] {
        let echo = guest("echo.wasm");
        let args = [mode, &["--env", "GREETING=a=b", &echo, "--env", "x"]].concat();
        let (code, out, errors) = run(&args);
        // Its standard input is the test's, which may be anything.
        assert!(code.is_some_and(|code| code > 0) && errors.ends_with(" lines\n"), "{code:?} {errors}");
        assert!(out.starts_with("--env\nx\nGREETING=a=b\n"), "{out}");
    }
    let exit = module(
        "exit.wasm",
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start") (call $exit (i32.const 42))))"#,
    );
    assert_eq!(run(&[&exit]), (Some(42), String::new(), String::new()));
    let silent = module("silent.wasm", "(module (func (export \"_start\")))");
    assert_eq!(run(&["--", &silent, "--unknown"]), (Some(0), String::new(), String::new()));
}

#[test]
fn a_trap_is_told_with_its_backtrace() {
    let trap = module(
        "trap.wasm",
        r#"(module $trap (func $inner unreachable)
        (func $outer (export "_start") (call $inner)))"#,
    );
    for mode in [&[][..], &["--debug"]] {
        let (code, out, errors) = run(&[mode, &[trap.as_str()]].concat());
        assert_eq!((code, out.as_str()), (Some(134), ""));
        assert!(errors.starts_with("pellucid-run: unreachable\n  #0 trap!inner "), "{errors}");
        assert!(errors.contains("\n  #1 trap!outer "), "{errors}");
    }
    let start = module("start.wasm", "(module (func $start unreachable) (start $start))");
    assert_eq!(run(&[&start]).0, Some(134));
}

#[test]
fn exports_are_called_with_numbers() {
    let numbers = module(
        "numbers.wasm",
        r#"(module
        (global $ready (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $ready (i32.const 1)))
        (func (export "ready") (result i32) (global.get $ready))
        (func (export "all") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
            (local.get 3) (local.get 2) (local.get 1) (local.get 0)))"#,
    );
    let invoke = |args: &[&str]| run(&[&["--invoke"], args].concat());
    assert_eq!(invoke(&["ready", &numbers]).1, "1\n");
    let (code, out, _) = invoke(&["all", &numbers, "0xffffffff", "-9223372036854775808", "0.1", "-1e300"]);
    assert_eq!((code, out.as_str()), (Some(0), "-1.0000000000000001e+300\n0.100000001\n-9223372036854775808\n-1\n"));
    for wrong in [
        &["all", &numbers, "1", "2", "3"][..],
        &["all", &numbers, "x", "2", "3", "4"],
        &["all", &numbers, "4294967296", "2", "3", "4"],
        &["all", &numbers, "1.5", "2", "3", "4"],
        &["none", &numbers],
    ] {
        assert_eq!(invoke(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn folders_have_the_path_that_they_are_given() {
    let files = guest("files.wasm");
    let folder = place("run_files");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("input"), "3 1 2\n").expect("the folder can be written");
    let path = folder.to_str().expect("it is UTF-8");
    let (code, out, errors) = run(&["--dir", &format!("{path}::/"), &files]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert_eq!(fs::read_to_string(folder.join("sorted")).expect("the guest made it"), "1 2 3\n");
    // Without the second path the guest knows it by the first.
    let (code, out, _) = run(&["--dir", path, &files]);
    assert_eq!((code, out.as_str()), (Some(1), "input: No such file or directory\n"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let silent = module("refused.wasm", "(module (func (export \"_start\")))");
    for (code, args) in [
        (2, &[][..]),
        (2, &["--dir"]),
        (2, &["--what", "x", &silent]),
        (2, &["--env", "x", &silent]),
        (2, &["--env", "=x", &silent]),
        (1, &["--dir", "/no/such/folder", &silent]),
        (1, &["/no/such/file.wasm"]),
        (1, &[root().join("Cargo.toml").to_str().expect("it is UTF-8")]),
    ] {
        let (found, out, errors) = run(args);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{args:?}");
        assert!(errors.starts_with("pellucid-run: "), "{errors}");
    }
    let unknown = module("unknown.wasm", "(module (import \"env\" \"what\" (func)))");
    let (code, _, errors) = run(&[&unknown]);
    assert!(code == Some(1) && errors.contains("env.what"), "{errors}");
}
