//! The command-line debugger, `c-examples/pellucid-debug.c`: sessions that are written down, and what can't be.
//!
//! A session in `tests/sessions` is what the debugger prints if it is given the commands in it, those behind each prompt. Its first line has
//! the arguments, in which `DIR` is that folder and `WASI` that of the WASI programs. `PELLUCID_BLESS=1` writes them down as they are now.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

mod example_program;
mod library;

const PROMPT: &str = "(pellucid) ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sessions() -> PathBuf {
    root().join("tests/sessions")
}

/// The debugger, built once; with the sanitizers, if they work here.
fn debugger() -> &'static Path {
    static DEBUGGER: OnceLock<PathBuf> = OnceLock::new();
    DEBUGGER.get_or_init(|| {
        let build = |name: &str, options: &[&str]| example_program::build("pellucid-debug.c", name, options);
        let sanitized = build("pellucid-debug-sanitized", &["-fsanitize=address,undefined", "-fno-sanitize-recover"]);
        let works = Command::new(&sanitized).output().expect("it was just built").status.code() == Some(2);
        if works { sanitized } else { build("pellucid-debug", &[]) }
    })
}

/// What the debugger prints for these commands.
fn session(args: &[String], commands: &str) -> String {
    let mut child = Command::new(debugger())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was just built");
    let (mut stdin, commands) = (child.stdin.take().expect("it is piped"), commands.to_string());
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(commands.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it doesn't panic");
    let errors = String::from_utf8_lossy(&output.stderr);
    // What guests write there comes at any time.
    let is_clean = !errors.contains("Sanitizer") && !errors.contains("runtime error");
    assert!(output.status.success() && is_clean, "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

fn wasi() -> String {
    root().join("tests/programs/wasi").display().to_string()
}

#[test]
fn sessions_are_as_they_are_written_down() {
    let mut n = 0;
    for entry in fs::read_dir(sessions()).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        n += 1;
        let expected = fs::read_to_string(&path).expect("it is text");
        let (first, transcript) = expected.split_once('\n').expect("it has a first line");
        let place = |word: &str| word.replace("DIR", &sessions().display().to_string()).replace("WASI", &wasi());
        let args: Vec<String> = first.split_whitespace().skip(1).map(place).collect();
        let commands = transcript.lines().filter_map(|line| line.strip_prefix(PROMPT)).filter(|line| !line.is_empty());
        let printed = session(&args, &commands.map(|command| format!("{command}\n")).collect::<String>());
        if std::env::var_os("PELLUCID_BLESS").is_some() {
            fs::write(&path, format!("{first}\n{printed}")).expect("the folder can be written");
        } else {
            assert!(printed == transcript, "{}: printed\n{printed}", path.display());
        }
    }
    assert!(n >= 3, "only {n} sessions");
}

#[test]
fn nothing_that_is_long_is_cut() {
    // A line, also of a comment; a condition whose end decides; a log text; an argument.
    let library = sessions().join("library.wat").display().to_string();
    let blanks = " ".repeat(900);
    let commands = format!(
        "# {}run\nbreak add if $a == 3{blanks}&& 0\nbreak add\nlogpoint 2 {}{{$a}}\nrun\n",
        "x".repeat(5000),
        "y".repeat(3000)
    );
    let number = format!("{}3", "0".repeat(1020));
    let printed = session(&["--invoke".into(), "add".into(), library.clone(), number, "2.5".into()], &commands);
    let expected =
        format!("\n{}3\nresult 0 = 5.5 (f64)\nresult 1 = 2 (i32)\nthe program has ended\n", "y".repeat(3000));
    assert!(printed.ends_with(&format!("{expected}(pellucid) \n")), "{printed}");
    assert_eq!(printed.matches("the program has ended").count(), 1, "{printed}");
    // What is too long for the library is refused.
    let printed = session(&[library], &format!("break add if 1{}+ 1\ninfo breakpoints\n", " ".repeat(1100)));
    assert!(printed.contains("\nthe expression has 1"), "{printed}");
    assert!(printed.ends_with("(pellucid) info breakpoints\n(pellucid) \n"), "{printed}");
}

#[test]
fn arguments_are_expressions_of_their_own() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("many.wat");
    let many = "i64 ".repeat(1000);
    fs::write(
        &path,
        format!(
            "(module (func (export \"last\") (param {many}) (result i64) (i64.sub (local.get 999) (local.get 0))))"
        ),
    )
    .expect("the folder can be written");
    let invoke = |first: &str, last: &str, n: usize| {
        let mut args: Vec<String> = vec!["--invoke".into(), "last".into(), path.display().to_string(), first.into()];
        args.extend((2..n).map(|i| i.to_string()));
        args.push(last.into());
        session(&args, "run\n")
    };
    assert!(invoke("1", "-4", 1000).contains("\nresult 0 = -5 (i64)\n"));
    assert!(invoke("2 * (3 + 4)", "0x10", 1000).contains("\nresult 0 = 2 (i64)\n"));
    for (first, last, n, wrong) in [
        ("1", "5", 999, "1000 values are needed, there are 999"),
        ("1", "5", 1001, "1000 values are needed, there are 1001"),
        ("1.5", "5", 1000, "1.5 is no integer, but an i64 is needed"),
        ("1 2", "5", 1000, "'1 2' without a frame: the expression is wrong at 3: an operator is missing"),
        ("1", "", 1000, "'' without a frame: the expression is wrong at 1: a value is missing"),
    ] {
        let printed = invoke(first, last, n);
        assert!(printed.ends_with(&format!("run\n{wrong}\n(pellucid) \n")), "{wrong}: {printed}");
    }
}

#[test]
fn a_line_with_a_byte_of_0_is_not_obeyed() {
    let printed = session(&[sessions().join("debug.wat").display().to_string()], "run\0 x\nquit\n");
    assert_eq!(printed, "(pellucid) run\nthe line has a byte of 0, it isn't obeyed\n(pellucid) quit\n");
}

#[test]
fn control_c_stops_a_program_that_runs() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("endless.wat");
    fs::write(
        &path,
        "(module (func $endless (export \"_start\") (local $n i64) (loop $again
        (local.set $n (i64.add (local.get $n) (i64.const 1))) (br $again))))",
    )
    .expect("the folder can be written");
    let mut child = Command::new(debugger())
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was just built");
    let (mut stdin, stdout) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
    let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("it is text"));
    writeln!(stdin, "run").expect("it reads");
    assert_eq!(lines.next().as_deref(), Some("(pellucid) run"));
    // It runs soon; until then Ctrl-C does nothing.
    let interrupt =
        |pid: u32| Command::new("kill").args(["-INT", &pid.to_string()]).status().expect("kill runs").success();
    let (id, (done, is_done)) = (child.id(), std::sync::mpsc::channel::<()>());
    let interrupts = std::thread::spawn(move || {
        while is_done
            .recv_timeout(Duration::from_millis(100))
            .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            assert!(interrupt(id));
        }
    });
    assert_eq!(lines.next().as_deref(), Some("interrupted"));
    drop(done);
    interrupts.join().expect("it doesn't panic");
    assert!(lines.next().is_some_and(|line| line.starts_with("#0 endless at 0x")));
    writeln!(stdin, "print $n >= 0\nset $n = -5\nstep 5\nprint $n < 0\nquit").expect("it reads");
    drop(stdin);
    let rest: Vec<String> = lines.collect();
    assert_eq!(rest[1], "1 = 0x1", "{rest:?}");
    assert_eq!(rest[6], "1 = 0x1", "{rest:?}");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_core_dump_is_what_it_says() {
    let core = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debugger.core");
    let args = [sessions().join("debug.wat").display().to_string()];
    let printed = session(&args, &format!("break kinds\nrun\ncore {}\n", core.display()));
    assert!(printed.contains(&format!("a core dump is in {}\n", core.display())), "{printed}");
    let bytes = fs::read(&core).expect("it was just written");
    let stacks =
        wasmparser::Parser::new(0).parse_all(&bytes).filter_map(|payload| match payload.expect("it is valid") {
            wasmparser::Payload::CustomSection(section) => match section.as_known() {
                wasmparser::KnownCustom::CoreDumpStack(stack) => Some(stack.frames.len()),
                _ => None,
            },
            _ => None,
        });
    assert_eq!(stacks.collect::<Vec<_>>(), [2]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (code, args) in [
        (2, &[][..]),
        (2, &["--dir"]),
        (2, &["--what", "x", "file.wasm"]),
        (2, &["--env", "x", "file.wasm"]),
        (1, &["/no/such/file.wasm"]),
        (1, &[root().join("Cargo.toml").to_str().expect("it is UTF-8")]),
    ] {
        let output = Command::new(debugger()).args(args).stdin(Stdio::null()).output().expect("it was just built");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(code), &b""[..]), "{args:?}: {errors}");
        assert!(errors.starts_with("pellucid-debug: ") && errors.lines().count() == 1, "{errors}");
    }
}
