//! Links in the Markdown documents lead somewhere: to a file of the project, and to a heading if they name one.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const LEFT_OUT: [&str; 3] = ["target", ".git", "node_modules"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) && !path.join("CACHEDIR.TAG").exists() {
                documents(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The document without its code, in which brackets mean nothing. Lines stay where they are.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        if !fenced && !is_fence {
            for (place, part) in line.split('`').enumerate() {
                out.push_str(if place % 2 == 0 { part } else { "code" });
            }
        }
        out.push('\n');
    }
    out
}

/// Targets of `[text](target)` and `[label]: target`, with their lines.
fn links(prose: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose.lines().enumerate() {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let target = after.split([')', ' ']).next().unwrap_or_default();
            links.push((number + 1, target.to_string()));
            rest = after;
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
            links.push((number + 1, target.split_whitespace().next().unwrap_or_default().to_string()));
        }
    }
    links
}

/// The anchors of a document's headings, made the way the common renderers do.
fn anchors(text: &str) -> HashSet<String> {
    let mut fenced = false;
    let mut anchors = HashSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    anchors
}

#[test]
fn links_lead_somewhere() {
    let mut files = Vec::new();
    documents(root(), &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a document is readable");
        let shown = file.strip_prefix(root()).unwrap_or(file).display();
        for (line, link) in links(&prose(&text)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, name)| (path, Some(name)));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name("").join(path) };
            if !target.exists() {
                wrong.push(format!("{shown}:{line}: no such file: {link}"));
            } else if let Some(anchor) = anchor
                && target.extension().is_some_and(|extension| extension == "md")
                && !anchors(&fs::read_to_string(&target).expect("a document is readable")).contains(anchor)
            {
                wrong.push(format!("{shown}:{line}: no such heading: {link}"));
            }
        }
    }
    assert!(!files.is_empty());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that the text names in backquotes exist: names below the project's folders, or at its root.
#[test]
fn named_files_exist() {
    let folders = ["src/", "tests/", "include/", "docs/", "c-examples/", "cpp-examples/", "benches/", "fuzz/", ".ci/"];
    let mut files = Vec::new();
    documents(root(), &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a document is readable");
        for (number, line) in text.lines().enumerate() {
            for name in line.split('`').skip(1).step_by(2) {
                let is_path = folders.iter().any(|folder| name.starts_with(folder));
                let is_plain = name.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
                if is_path && is_plain && !root().join(name).exists() && !file.with_file_name("").join(name).exists() {
                    let shown = file.strip_prefix(root()).unwrap_or(file).display();
                    wrong.push(format!("{shown}:{}: no such file: {name}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The tests that the list of promises names are there.
#[test]
fn promises_are_held_by_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/DEBUGGING.md")).expect("a document");
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let Some((_, held)) = row.trim_end_matches(" |").rsplit_once(" | ") else { panic!("no row: {row}") };
        // A file, and behind it the names of its tests.
        for file in held.split("](../").skip(1) {
            let (path, names) = file.split_once(')').expect("a link ends");
            let source = fs::read_to_string(root().join(path)).expect("a file of tests");
            for name in names.split('`').skip(1).step_by(2) {
                let is_there = source.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == name);
                assert!(is_there, "docs/DEBUGGING.md names {name}, which isn't in {path}");
                named += 1;
            }
        }
    }
    assert!(named > 80, "only {named} tests are named");
}
