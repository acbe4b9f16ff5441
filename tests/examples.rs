//! Builds and runs every example in C and C++ and compares what it prints, by the examples' own Makefiles.

use std::path::Path;
use std::process::Command;

mod library;

fn make(folder: &str) {
    library::shared();
    let output = Command::new("make")
        .arg("-C")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .arg(format!("LIBDIR={}", library::directory().display()))
        .arg(format!("BUILD={}/{folder}", env!("CARGO_TARGET_TMPDIR")))
        .arg("--always-make")
        // Cargo's leads to an older library first, if there is one.
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .expect("make runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{errors}");
    assert!(out.contains("examples printed what they should"), "{out}");
}

#[test]
fn examples_print_what_they_should() {
    make("c-examples");
}

#[test]
fn examples_in_cpp_print_what_they_should() {
    make("cpp-examples");
}
