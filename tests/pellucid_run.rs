//! The host for WASI programs, `c-examples/pellucid-run.c`: its options, and the exit codes that it ends with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

mod example_program;
mod library;
mod skip;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("pellucid-run", &[]))
}

/// The same, built with other options.
fn build(name: &str, options: &[&str]) -> PathBuf {
    example_program::build("pellucid-run.c", name, options)
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

/// A module that traps with something of all kinds in its frames.
fn trapping() -> String {
    module(
        "trapping.wasm",
        r#"(module $trap (memory 3) (memory (export "memory") i64 2)
        (global $g (mut i64) (i64.const -5)) (global v128 (v128.const i32x4 1 2 3 4)) (global funcref (ref.null func))
        (global f64 (f64.const 0.5)) (global anyref (ref.i31 (i32.const -9))) (global f32 (f32.const -1.25)) (global i32 (i32.const 7))
        (data (i32.const 70000) "x") (data (memory 1) (i64.const 0) "yz")
        (func $inner (param $a i32) (param $b f64) (local v128) (f32.const 1.5) (i64.const -77) unreachable)
        (func $outer (export "_start") (i32.const 3) (call $inner (i32.const 42) (f64.const 2.25)) drop))"#,
    )
}

#[test]
fn what_traps_leaves_a_core_dump_that_can_be_shown() {
    let (trap, core) = (trapping(), place("trapping.core"));
    let core = core.to_str().expect("it is UTF-8");
    let _ = fs::remove_file(core);
    let (code, _, errors) = run(&["--dump-core", core, &trap]);
    assert_eq!(code, Some(134));
    assert!(
        errors.starts_with(&format!("pellucid-run: a core dump is in {core}\npellucid-run: unreachable\n")),
        "{errors}"
    );
    let shown = |wasm: &str, core: &str| run(&["--core", wasm, core]);
    let (code, out, errors) = shown(&trap, core);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    // The backtrace is that of the error, and what is in the frames follows each.
    let backtrace: Vec<&str> = out.lines().filter(|line| line.starts_with("  #")).collect();
    assert!(run(&[&trap]).2.ends_with(&format!("\n{}\n", backtrace.join("\n"))), "{out}");
    let rest: String = out.lines().filter(|line| !line.starts_with("  #")).map(|line| format!("{line}\n")).collect();
    let expected = "core dump of 'pellucid-run'
call 1: unreachable
       local 0 $a = 42 (i32)
       local 1 $b = 2.25 (f64)
       local 2 = missing
       operand 0 = 1.5 (f32)
       operand 1 = -77 (i64)
       operand 0 = 3 (i32)
memory 0: 3 pages, 4096 bytes in the dump
memory 1: 2 pages, 4096 bytes in the dump
global 0 = -5 (i64)
global 1 = 0x00000004000000030000000200000001 (v128)
global 2 = missing: it is a reference
global 3 = 0.5 (f64)
global 4 = -9 (i32)
global 5 = -1.25 (f32)
global 6 = 7 (i32)
";
    assert_eq!(rest, expected);
    // Another program has no names for it.
    let silent = module("not_it.wasm", "(module (func (export \"_start\")))");
    let (code, out, _) = shown(&silent, core);
    assert!(code == Some(0) && out.contains("\n  #0 trap!? (function 0) + "), "{out}");
    // Who doesn't trap leaves none, and who can't leave one says so.
    let other = place("silent.core");
    assert_eq!(run(&["--dump-core", other.to_str().unwrap(), &silent]).0, Some(0));
    assert!(!other.exists());
    let (code, _, errors) = run(&["--dump-core", "/no/such/folder/core", &trap]);
    assert!(code == Some(134) && errors.starts_with("pellucid-run: no core dump: /no/such/folder/core: "), "{errors}");
    assert_eq!(run(&["--core", &trap]).0, Some(2));
    assert_eq!(run(&["--core", &trap, core, core]).0, Some(2));
}

#[test]
fn damaged_core_dumps_are_refused_and_do_no_harm() {
    let (trap, core) = (trapping(), place("damaged.core"));
    let core = core.to_str().expect("it is UTF-8");
    // The first part has all but what is in memories.
    assert_eq!(run(&["--dump-core", core, &trap]).0, Some(134));
    let whole = fs::read(core).expect("it was just written");
    let sanitized = build("pellucid-run-sanitized", &["-fsanitize=address,undefined", "-fno-sanitize-recover"]);
    // The sanitizers don't work everywhere.
    let works = Command::new(&sanitized).arg("--core").output().expect("it was just built").status.code() == Some(2);
    let program = if works { &sanitized } else { program() };
    let damaged = place("damaged");
    let show = |bytes: &[u8]| {
        fs::write(&damaged, bytes).expect("the folder can be written");
        let output = Command::new(program).arg("--core").arg(&trap).arg(&damaged).output().expect("it was just built");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // The sanitizers' findings are lines of their own, whatever the exit code.
        let refused = format!("pellucid-run: {} isn't a core dump, or not a whole one\n", damaged.display());
        let expected = if output.status.success() { "" } else { &refused };
        assert!(output.status.code().is_some() && errors == expected, "{}: {errors}", output.status);
        output.status.success()
    };
    assert!(show(&whole) && !show(b"") && !show(b"\0asm\x01\0\0\0") && !show(&fs::read(&trap).unwrap()));
    let interesting = 400.min(whole.len());
    for length in (9..interesting).step_by(7) {
        assert!(!show(&whole[..length]), "{length}");
    }
    // What numbers become when a bit is another, or all are.
    for place in (8..interesting).step_by(3) {
        for byte in [whole[place] ^ 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            show(&bytes);
        }
    }
}

/// A section of a module: its number, and its bytes with those two before.
fn sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < module.len() {
        let (mut size, mut end) = (0, at + 1);
        for shift in (0..).step_by(7) {
            size |= usize::from(module[end] & 0x7f) << shift;
            end += 1;
            if module[end - 1] < 0x80 {
                break;
            }
        }
        found.push((module[at], module[at..end + size].to_vec()));
        at = end + size;
    }
    found
}

#[test]
fn core_dumps_of_other_tools_are_shown_safely() {
    let (trap, core) = (trapping(), place("sections.core"));
    let core = core.to_str().expect("it is UTF-8");
    assert_eq!(run(&["--dump-core", core, &trap]).0, Some(134));
    let whole = fs::read(core).expect("it was just written");
    let other = place("others.core").display().to_string();
    let show = |core: &[u8]| {
        fs::write(&other, core).expect("the folder can be written");
        run(&["--core", &trap, &other])
    };
    let all = run(&["--core", &trap, core]).1;
    // Each section may be missing of which the program has nothing, but for the stack.
    for absent in [5, 6, 11] {
        let mut without = whole[..8].to_vec();
        sections(&whole).iter().filter(|(id, _)| *id != absent).for_each(|(_, bytes)| without.extend(bytes));
        let (code, out, errors) = show(&without);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{absent}: {out}");
        let what = if absent == 6 { "global " } else { "memory " };
        assert!(all.contains(what) && out.contains(what) == (absent == 11), "{absent}: {out}");
    }
    let (core_only, stacks): (Vec<_>, Vec<_>) =
        sections(&whole).into_iter().filter(|(id, _)| *id == 0).partition(|(_, bytes)| bytes[2..7] == *b"\x04core");
    assert!(core_only.len() == 1 && stacks.len() == 3);
    assert_eq!(show(&[&whole[..8], &core_only[0].1].concat()).0, Some(1));
    // A name that isn't UTF-8 could have bytes that terminals obey.
    let named = whole.windows(12).position(|bytes| bytes == b"pellucid-run").expect("it has a name");
    let mut evil = whole.clone();
    evil[named..named + 12].copy_from_slice(b"\x9b31m\x1b[\xc2\x9b\xc3\xa4\n!");
    assert!(show(&evil).1.starts_with("core dump of '?31m?[?\u{e4}?!'\n"), "{}", show(&evil).1);
    // Who exchanges the two is told.
    let (code, _, errors) = run(&["--core", core, &trap]);
    assert!(code == Some(1) && errors.ends_with("but what is before it is one; the program comes first\n"), "{errors}");
    // The program may be text.
    let text = place("dumped.wat").display().to_string();
    fs::write(&text, "(module $hit (func (export \"_start\")))").expect("the folder can be written");
    assert_eq!(run(&["--core", &text, core]).0, Some(0));
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
            (local.get 3) (local.get 2) (local.get 1) (local.get 0))
        (func (export "vectors") (param v128 v128) (result v128 i32)
            (i8x16.swizzle (local.get 0) (local.get 1)) (i32x4.extract_lane 3 (local.get 0))))"#,
    );
    let invoke = |args: &[&str]| run(&[&["--invoke"], args].concat());
    assert_eq!(invoke(&["ready", &numbers]).1, "1\n");
    let (code, out, _) = invoke(&["all", &numbers, "0xffffffff", "-9223372036854775808", "0.1", "-1e300"]);
    assert_eq!((code, out.as_str()), (Some(0), "-1.0000000000000001e+300\n0.100000001\n-9223372036854775808\n-1\n"));
    let (code, out, _) =
        invoke(&["vectors", &numbers, "0xFFeeddccBBaa99887766554433221100", "0X102030405060708090a0b0c0d0e0f"]);
    assert_eq!((code, out.as_str()), (Some(0), "0x00112233445566778899aabbccddeeff\n-1122868\n"));
    for wrong in [
        &["all", &numbers, "1", "2", "3"][..],
        &["vectors", &numbers, "0x1", "0x"],
        &["vectors", &numbers, "0x1", "1"],
        &["vectors", &numbers, "0x1", "0x1g"],
        &["vectors", &numbers, "0x1", "0x000000000000000000000000000000001"],
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

/// A module of WASI functions and a function `_start`.
fn wasi(name: &str, start: &str) -> String {
    let mut imports = String::new();
    for (function, params) in [
        ("fd_allocate", "i32 i64 i64"),
        ("fd_fdstat_get", "i32 i32"),
        ("fd_filestat_get", "i32 i32"),
        ("fd_filestat_set_size", "i32 i64"),
        ("fd_pwrite", "i32 i32 i32 i64 i32"),
        ("fd_read", "i32 i32 i32 i32"),
        ("fd_write", "i32 i32 i32 i32"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ] {
        let import = format!("(import \"wasi_snapshot_preview1\" \"{function}\"");
        imports += &format!("{import} (func ${function} (param {params}) (result i32)))");
    }
    imports += "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))";
    // The buffer at 64 is a mebibyte from 65536 on; that at 72 is eight bytes.
    let data = r#"(data (i32.const 64) "\00\00\01\00\00\00\10\00\00\00\01\00\08\00\00\00")"#;
    let is = "(func $is (param $place i32) (param $found i32) (param $right i32)
        (if (i32.ne (local.get $found) (local.get $right)) (then (call $exit (local.get $place)))))";
    let memory = "(memory (export \"memory\") 20)";
    module(
        name,
        &format!(
            "(module {imports} {memory} {data} (data (i32.const 0) \"new\") {is} (func (export \"_start\") {start}))"
        ),
    )
}

/// Runs a program after commands of the shell.
fn run_after(commands: &str, args: &[&str]) -> Output {
    let script = format!("{commands} \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script]).arg(program()).args(args).output().expect("there is a shell")
}

#[test]
fn a_stream_that_the_host_does_not_have_is_none_for_the_guest() {
    let folder = place("absent");
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    for (fd, closing) in [(0, "<&-"), (1, ">&-"), (2, "2>&-"), (1, "<&- >&-"), (1, "<&- >&- 2>&-"), (0, "<&- >&- 2>&-")]
    {
        let open = "(call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 1)
            (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 8))";
        let start = format!(
            "(call $is (i32.const 1) (call $fd_write (i32.const {fd}) (i32.const 64) (i32.const 1) (i32.const 16)) (i32.const 8))
            (call $is (i32.const 2) (call $fd_read (i32.const {fd}) (i32.const 64) (i32.const 1) (i32.const 16)) (i32.const 8))
            (call $is (i32.const 3) (call $fd_filestat_get (i32.const {fd}) (i32.const 1024)) (i32.const 8))
            (call $is (i32.const 4) (call $fd_fdstat_get (i32.const {fd}) (i32.const 1024)) (i32.const 8))
            (call $is (i32.const 5) {open} (i32.const 0))
            (call $is (i32.const 6) (i32.load (i32.const 8)) (i32.const 4))
            (call $is (i32.const 7) (call $fd_write (i32.const {fd}) (i32.const 64) (i32.const 1) (i32.const 16)) (i32.const 8))
            (call $exit (i32.const 42))"
        );
        let guest = wasi(&format!("absent_{fd}.wasm"), &start);
        for mode in ["--debug", "--"] {
            let directory = format!("{folder}::/");
            let args = ["--dir", &directory, mode, &guest];
            let status = run_after(&format!("exec {closing}; exec"), &args).status;
            assert_eq!(status.code(), Some(42), "{mode} {closing} {fd}: {status}");
        }
        // What the guest opened isn't a stream of the host's either: nothing went there.
        assert_eq!(fs::read(format!("{folder}/new")).unwrap(), b"");
    }
}

#[test]
fn beyond_the_limit_of_file_sizes_is_an_error_of_the_guests() {
    let folder = place("limited");
    fs::create_dir_all(&folder).unwrap();
    let start = "(call $is (i32.const 1) (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 9)
            (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (call $is (i32.const 2) (call $fd_filestat_set_size (i32.const 4) (i64.const 1048577)) (i32.const 22))
        (call $is (i32.const 3) (call $fd_allocate (i32.const 4) (i64.const 1048000) (i64.const 577)) (i32.const 22))
        (call $is (i32.const 4) (call $fd_pwrite (i32.const 4) (i32.const 72) (i32.const 1) (i64.const 1048576) (i32.const 16)) (i32.const 22))
        (call $is (i32.const 5) (call $fd_pwrite (i32.const 4) (i32.const 64) (i32.const 1) (i64.const 1) (i32.const 16)) (i32.const 0))
        (call $is (i32.const 6) (i32.load (i32.const 16)) (i32.const 1048575))
        (call $is (i32.const 7) (call $fd_write (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 16)) (i32.const 0))
        (call $is (i32.const 8) (call $fd_write (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 16)) (i32.const 22))
        (call $is (i32.const 9) (call $fd_filestat_set_size (i32.const 4) (i64.const 1048576)) (i32.const 0))
        (call $exit (i32.const 42))";
    let guest = wasi("limited.wasm", start);
    let directory = format!("{}::/", folder.display());
    // In blocks of 512 bytes. Also the machine code is in a file, which is smaller than that.
    let output = run_after("ulimit -f 2048; exec", &["--dir", &directory, &guest]);
    assert_eq!(output.status.code(), Some(42), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::metadata(folder.join("new")).unwrap().len(), 1 << 20);
}

#[test]
fn a_pipe_that_nobody_reads_is_an_error_of_the_guests() {
    let start = "(call $exit (call $fd_write (i32.const 1) (i32.const 72) (i32.const 1) (i32.const 16)))";
    let guest = wasi("pipe.wasm", start);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(program()).arg(&guest).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(64), "{status}");
}

#[test]
fn the_inside_of_processes_is_out_of_reach_wherever_it_is_mounted() {
    let folder = place("mounted");
    fs::create_dir_all(folder.join("p")).unwrap();
    fs::write(folder.join("m"), "").unwrap();
    let start = |path: &str, n: usize| {
        format!(
            "(i64.store (i32.const 0) (i64.const {})) (i64.store (i32.const 8) (i64.const {}))
            (call $exit (call $path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const {n}) (i32.const 0)
            (i64.const 0x2) (i64.const 0) (i32.const 0) (i32.const 32)))",
            i64::from_le_bytes(path.as_bytes()[..8].try_into().unwrap()),
            i64::from_le_bytes(path.as_bytes()[8..16].try_into().unwrap()),
        )
    };
    let mounts = "mount -t proc proc p && mount --bind /proc/$$/mem m";
    let works = Command::new("unshare").args(["-m", "sh", "-c", mounts]).current_dir(&folder).status();
    if !works.is_ok_and(|status| status.success()) {
        return skip::skipped(
            "the_inside_of_processes_is_out_of_reach_wherever_it_is_mounted",
            "nothing can be mounted here",
        );
    }
    for (path, n) in
        [("p/self/mem      ", 10), ("m               ", 1), ("p               ", 1), ("./p/self/maps   ", 13)]
    {
        let guest = wasi("mounted.wasm", &start(path, n));
        let script = format!("{mounts}; exec \"$0\" \"$@\"");
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .arg(program())
            .args(["--dir", ".::/", &guest])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_program_serves_connections_on_a_socket_that_is_opened_for_it() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::Stdio;
    for mode in ["--debug", "--"] {
        let mut server = Command::new(program())
            .args(["--listen", "127.0.0.1:0", mode, &guest("serve.wasm"), "2", "3"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        BufReader::new(server.stderr.as_mut().unwrap()).read_line(&mut told).unwrap();
        let port: u16 = told.trim_end().strip_prefix("listening on port ").expect(&told).parse().unwrap();
        for lines in ["one\ntwo\n", "three"] {
            let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            client.write_all(lines.as_bytes()).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            let expected = lines.lines().map(|line| line.to_uppercase() + "\n").collect::<String>();
            assert_eq!(answer, format!("{expected}{} lines\n", lines.lines().count()));
        }
        let output = server.wait_with_output().unwrap();
        let expected = "connection 0: 2 lines, first byte 111\nconnection 1: 1 lines, first byte 116\n";
        assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()), (Some(0), expected));
    }
    for wrong in ["nonsense", "127.0.0.1:nonsense", "127.0.0.1:99999999"] {
        assert_eq!(run(&["--listen", wrong, &guest("serve.wasm")]).0, Some(2), "{wrong}");
    }
}

#[test]
fn programs_with_threads_are_run_by_themselves() {
    for mode in ["--debug", "--"] {
        let threads = guest("threads.wasm");
        let run = |args: &[&str]| run(&[&["--threads", "8", mode, &threads], args].concat());
        let counted = (Some(0), "counted 8000, sent 28, squares 140\n".to_string(), String::new());
        assert_eq!(run(&["count", "8"]), counted);
        assert_eq!(run(&["limit"]).1, "8 threads, then WouldBlock\n".repeat(2));
        assert_eq!(run(&["main exits"]).0, Some(3));
        assert_eq!(run(&["exits"]).0, Some(7));
        let (code, _, errors) = run(&["traps"]);
        assert_eq!(code, Some(134), "{errors}");
        assert!(errors.contains("unreachable\n  #0 "), "{errors}");
    }
    for wrong in ["x", "-1", "5000000000", ""] {
        assert_eq!(run(&["--threads", wrong, &guest("threads.wasm")]).0, Some(2), "{wrong}");
    }
}
