//! Builds and runs what drives the library from Go's cgo.

use std::path::Path;
use std::process::Command;

mod library;
mod skip;

#[test]
fn a_context_that_is_done_ends_the_call() {
    if Command::new("go").arg("version").output().is_err() {
        return skip::skipped("a_context_that_is_done_ends_the_call", "there is no Go");
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go_cancel");
    let (shared, directory) = (library::shared(), library::directory());
    let flags = format!("{} -Wl,-rpath,{}", shared.display(), directory.display());
    let built = Command::new("go")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go-examples/cancel"))
        .env("CGO_ENABLED", "1")
        .env("CGO_LDFLAGS", flags)
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .output()
        .expect("go runs");
    assert!(built.status.success(), "go build:\n{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new("timeout").arg("60").arg(&program).output().expect("timeout runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let expected = "cancelled: context canceled\nnot begun: context canceled\nout of time: context deadline exceeded\n\
                    and the next call: 42 <nil>\n";
    assert!(output.status.success() && out == expected, "{}\n{out}{errors}", output.status);
}
