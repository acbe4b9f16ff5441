//! Runs what drives the library from Python's ctypes.

use std::os::unix::process::ExitStatusExt;
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

#[test]
fn control_c_interrupts_guests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("timeout");
    command.args(["60", "python3"]).arg(root.join("python-examples/interrupt.py")).arg(library::shared());
    let output = command.output().expect("python3 runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let expected = "the guest runs, type Ctrl-C\ninterrupted\nand the next call runs\n";
    assert!(output.status.success() && out == expected, "{}\n{out}{errors}", output.status);
}

#[test]
fn pythons_fault_handler_and_ours_go_together() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for when in ["before", "after", "later"] {
        let mut command = Command::new("python3");
        command.arg(root.join("tests/python/faults.py")).arg(library::shared()).arg(when);
        let output = command.output().expect("python3 runs");
        let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.signal(), Some(11), "{when}: {}\n{out}{errors}", output.status);
        assert!(out == "ok\n" && errors.contains("Fatal Python error: Segmentation fault"), "{when}: {out}{errors}");
    }
}
