//! What the shared library exports is what the header declares, and what the checked-in list says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

mod library;

fn list() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.symbols")
}

fn exported() -> BTreeSet<String> {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library::shared()).output().expect("nm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("symbols are text");
    let names = text.lines().filter_map(|line| line.split_whitespace().nth(2));
    names.filter(|name| name.contains("pellucid")).map(str::to_string).collect()
}

fn declared() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.h");
    let header = std::fs::read_to_string(path).expect("include/pellucid.h is committed");
    let starts = header.lines().filter(|line| !line.starts_with([' ', '/', '#', '}']) && !line.starts_with("typedef"));
    let names = starts.filter_map(|line| {
        let (head, _) = line.split_once('(')?;
        head.rsplit([' ', '*']).next()
    });
    names.filter(|name| name.starts_with("pellucid_")).map(str::to_string).collect()
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let (exported, declared) = (exported(), declared());
    let hidden: Vec<_> = declared.difference(&exported).collect();
    let secret: Vec<_> = exported.difference(&declared).collect();
    assert!(hidden.is_empty(), "declared, but not exported: {hidden:?}");
    assert!(secret.is_empty(), "exported, but not declared: {secret:?}");
}

#[test]
fn the_list_of_symbols_is_up_to_date() {
    let now: String = exported().into_iter().map(|name| name + "\n").collect();
    if std::env::var_os("PELLUCID_BLESS").is_some() {
        std::fs::write(list(), &now).expect("include/ can be written");
    }
    let listed = std::fs::read_to_string(list()).expect("include/pellucid.symbols is committed");
    assert!(listed == now, "include/pellucid.symbols is out of date: run with PELLUCID_BLESS=1");
}
