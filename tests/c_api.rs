//! Compiles and runs the C programs in `tests/c` against the built library, with the address sanitizer if it works here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

#[expect(dead_code, reason = "header.rs uses more of it")]
mod declarations;
mod library;
mod misused;
mod skip;

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

fn compile(source: &Path, program: &Path, extra: &[&str]) -> Output {
    let rpath = format!("-Wl,-rpath,{}", library::directory().display());
    compile_with(source, program, extra, &library::shared(), &[&rpath, "-lm"])
}

fn compile_with(source: &Path, program: &Path, extra: &[&str], library: &Path, to_link: &[&str]) -> Output {
    Command::new("gcc")
        .args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"])
        .args(extra)
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(source)
        .arg(library)
        .args(to_link)
        .arg("-o")
        .arg(program)
        .output()
        .expect("gcc runs")
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c_{name}"))
}

/// The flags of the address sanitizer, or none if programs built with it don't run here.
fn sanitizer() -> &'static [&'static str] {
    static FLAGS: OnceLock<&[&str]> = OnceLock::new();
    FLAGS.get_or_init(|| {
        let flags: &[&str] = &["-fsanitize=address", "-fno-omit-frame-pointer"];
        let probe = program("probe");
        let works = compile(&source("layout.c"), &probe, flags).status.success()
            && Command::new(&probe).output().is_ok_and(|output| output.status.success());
        if works { flags } else { &[] }
    })
}

/// What the sanitizer's own work leaves no room for, and what it would refuse to do.
const WITHOUT_SANITIZER: [&str; 2] = ["refusals", "stacks"];

/// What is run without it, too, as it has a part that the sanitizer leaves no room or no time for.
const ALSO_WITHOUT_SANITIZER: [&str; 2] = ["intervention", "externref"];

fn run(name: &str) {
    let mut ways: Vec<&[&str]> = vec![if WITHOUT_SANITIZER.contains(&name) { &[] } else { sanitizer() }];
    if ALSO_WITHOUT_SANITIZER.contains(&name) {
        ways.push(&[]);
    }
    for flags in ways {
        let program = program(name);
        let output = compile(&source(&format!("{name}.c")), &program, flags);
        assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
        let output = Command::new(&program).output().expect("the program was just built");
        let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out == "ok\n", "{name}: {}\n{out}{errors}", output.status);
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_program_is_run() {
            let directory = std::fs::read_dir(source("")).expect("it is there");
            let files = directory.map(|entry| entry.expect("it can be read").file_name().into_string().expect("ASCII"));
            let mut files: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".c")?.to_string())).collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

programs! {
    anyref breakpoint_expression breakpoint_options breakpoint_targets busy call config core_dump deftype edit epoch error event everything_at_once exact
    exceptions exnrefs externref floats frame fuel func global goal held
    instance interrupt intervention layout legacy_exceptions library linker memory misuse module name news objects random_interrupts refusals serialized
    shared signal stack_end stacks store table tail threads throwing tracing typed_references types value vectors waiting wasi wasi_paused_threads
    wasi_sockets wasi_threads wasi_waiting watchpoints
}

/// Where messages say which call it was, if one ends the process.
#[test]
fn every_function_is_misused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misused");
    let arguments = std::fs::read_to_string(folder.join("arguments.txt")).expect("it is there");
    let generated = program("misused.d");
    std::fs::create_dir_all(&generated).expect("the directory can be written");
    std::fs::write(generated.join("functions.h"), misused::rows(&arguments)).expect("the directory can be written");
    let includes = [folder.parent().expect("it is in tests/").join("c"), generated.clone()];
    let includes: Vec<String> = includes.iter().map(|folder| format!("-I{}", folder.display())).collect();
    let flags = [sanitizer(), &includes.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let (program, progress) = (program("misused"), generated.join("progress"));
    let output = compile(&folder.join("main.c"), &program, &flags);
    assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
    // What is freed is kept for fewer calls, which is most of the time otherwise.
    let output = Command::new(&program).arg(&progress).env("ASAN_OPTIONS", "quarantine_size_mb=8").output();
    let output = output.expect("the program was just built");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let last = std::fs::read_to_string(&progress).unwrap_or_default();
    assert!(output.status.success() && out == "ok\n", "{}; the last call: {last}\n{out}{errors}", output.status);
}

#[test]
fn the_sanitizer_is_on_if_it_works() {
    if sanitizer().is_empty() {
        return skip::skipped("the_sanitizer_is_on_if_it_works", "the address sanitizer doesn't work here");
    }
    let (source, program) = (program("bad.c"), program("bad"));
    let text = "#include \"pellucid.h\"\n#include <stdlib.h>\nint main(void) {\n    pellucid_config_t *config;\n    \
        pellucid_config_new(&config);\n    volatile char *gone = malloc(1);\n    free((void *)gone);\n    return *gone;\n}\n";
    std::fs::write(&source, text).expect("the directory can be written");
    let output = compile(&source, &program, &[sanitizer(), &["-Wno-use-after-free"]].concat());
    assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(&program).output().expect("the program was just built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("heap-use-after-free"), "{}\n{errors}", output.status);
}

#[test]
fn the_static_library_links_as_the_readme_says() {
    let (program, library) = (program("static"), library::directory().join("libpellucid.a"));
    let output = compile_with(&source("func.c"), &program, &[], &library, &["-lm", "-lpthread", "-ldl"]);
    assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(&program).output().expect("the program was just built");
    assert!(output.status.success() && output.stdout == b"ok\n", "{}", String::from_utf8_lossy(&output.stderr));
}
