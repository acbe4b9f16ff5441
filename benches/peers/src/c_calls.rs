//! Calls from and to C: one C program for each library, run in turns.

use crate::measure::{Table, Target};
use crate::programs::root;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "wasmtime==48.0.0";
const ROWS: [(&str, f64); 4] = [
    ("call guest from C, tagged values", 30.0),
    ("call guest from C, raw values", 10.0),
    ("guest calls C, tagged values", 15.0),
    ("guest calls C, raw values", 5.0),
];

/// Group `c`: nanoseconds of a call.
pub fn calls(table: &mut Table, fetch: bool) {
    if !table.wants("c") {
        return;
    }
    table.note("c: nanoseconds of a call from C to a guest that adds two numbers, and of a guest to C and back");
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    let library = cache.join("wasmtime/linux-x86_64/_libwasmtime.so");
    if fetch && !library.exists() {
        fetch_package(&cache);
    }
    let wasm = cache.join("calls.wasm");
    std::fs::write(&wasm, wat::parse_str(include_str!("../c/calls.wat")).unwrap()).unwrap();
    let ours = build("calls_pellucid", &our_library(), &cache);
    let peer = library.exists().then(|| build("calls_wasmtime", &library, &cache));
    if peer.is_none() {
        table.note("the peer's C library is absent: run with --fetch to get it with pip");
    }
    let mut least = [[f64::INFINITY; 2]; ROWS.len()];
    for _ in 0..table.rounds().min(5) {
        for (place, program) in [Some(&ours), peer.as_ref()].into_iter().enumerate() {
            for (row, time) in program.map(|program| run(program, &wasm)).into_iter().flatten().enumerate() {
                least[row][place] = least[row][place].min(time);
            }
        }
    }
    for ((name, target), [ours, peer]) in ROWS.into_iter().zip(least) {
        table.row("c", name, ours, peer, Target::Ours(target));
    }
}

/// Pellucid's shared library, built as everybody builds it.
fn our_library() -> PathBuf {
    let root = root().canonicalize().unwrap();
    let target = root.join("target");
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or("cargo".to_string()));
    cargo.args(["build", "--release", "--quiet", "--manifest-path"]).arg(root.join("Cargo.toml"));
    must(cargo.arg("--target-dir").arg(&target));
    target.join("release/libpellucid.so")
}

/// A wheel is an archive; Python, which pip runs in, can open it.
fn fetch_package(cache: &Path) {
    let mut pip = Command::new("python3");
    must(pip.args(["-m", "pip", "download", "--quiet", "--no-deps", PACKAGE, "--dest"]).arg(cache));
    let open =
        "import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0]).extractall(sys.argv[1])";
    must(Command::new("python3").arg("-c").arg(open).arg(cache));
}

fn build(name: &str, library: &Path, cache: &Path) -> PathBuf {
    let program = cache.join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c").join(name).with_extension("c");
    let folder = library.parent().unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I"]).arg(root().join("include")).arg("-o");
    compiler.arg(&program).arg(source).arg(library).arg(format!("-Wl,-rpath,{}", folder.display()));
    must(&mut compiler);
    program
}

/// The times that a program prints, in the order of the rows.
fn run(program: &Path, wasm: &Path) -> Vec<f64> {
    // Cargo hands on what it tests with.
    let output =
        Command::new(program).arg(wasm).env_remove("PELLUCID_VERIFY").env_remove("PELLUCID_POISON").output().unwrap();
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().zip(ROWS).map(|(line, (name, _))| {
        let (found, time) = line.split_once('\t').expect("name and time");
        assert_eq!(found, name);
        time.parse().unwrap()
    });
    lines.collect()
}

fn must(command: &mut Command) {
    assert!(command.status().is_ok_and(|status| status.success()), "{command:?} failed");
}
