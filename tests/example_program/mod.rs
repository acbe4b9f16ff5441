//! Building the programs of `c-examples` that tests run.

use crate::library;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `c-examples/<source>` as a program of this name.
pub fn build(source: &str, name: &str, options: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new("gcc")
        .args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root.join("include"))
        .args(options)
        .arg(root.join("c-examples").join(source))
        .arg(library::shared())
        .arg(format!("-Wl,-rpath,{}", library::directory().display()))
        .arg("-o")
        .arg(&program)
        .output()
        .expect("gcc runs");
    assert!(output.status.success(), "gcc:\n{}", String::from_utf8_lossy(&output.stderr));
    program
}
