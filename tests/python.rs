//! Runs `tests/python/smoke.py`, which drives the library from ctypes.

use std::path::Path;
use std::process::Command;

mod library;

#[test]
fn ctypes_is_enough() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg(root.join("tests/python/smoke.py"))
        .arg(library::shared())
        .arg(root.join("include/pellucid.json"))
        .output()
        .expect("python3 runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out == "ok\n", "{}\n{out}{errors}", output.status);
}
