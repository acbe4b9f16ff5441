//! Builds and runs every C example and compares what it prints, by the examples' own Makefile.

use std::path::Path;
use std::process::Command;

mod library;

#[test]
fn examples_print_what_they_should() {
    library::shared();
    let output = Command::new("make")
        .arg("-C")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("c-examples"))
        .arg(format!("LIBDIR={}", library::directory().display()))
        .arg(format!("BUILD={}/examples", env!("CARGO_TARGET_TMPDIR")))
        .arg("--always-make")
        // Cargo's leads to an older library first, if there is one.
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .expect("make runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{errors}");
    assert!(out.contains("examples printed what they should"), "{out}");
}
