//! `tests/spec.skip`: what of the official suite Pellucid doesn't run, and why.
//!
//! Knows file names only. Invariant: an entry that isn't needed any more is reported by [`List::unused`] or by the
//! file's own run, so that the list can't rot.

use std::sync::atomic::{AtomicBool, Ordering};

/// How much of a file may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Nothing.
    Run,
    /// All of it.
    File,
    /// The modules that are refused as unsupported, with what depends on them.
    Part,
    /// One directive.
    Line(usize),
}

struct Entry {
    mode: Mode,
    pattern: String,
    source: String,
    used: AtomicBool,
}

/// The parsed list.
pub struct List {
    entries: Vec<Entry>,
}

/// What the list says about one file.
#[derive(Default, Debug)]
pub struct Permission {
    /// The whole file is left out.
    pub file: bool,
    /// Unsupported modules are left out.
    pub part: bool,
    /// Lines whose directives are left out, with their entries.
    pub lines: Vec<(usize, String)>,
    /// The entry of `file` or `part`, for messages.
    pub entry: String,
}

impl List {
    /// Reads the list, or says which line of it is wrong.
    pub fn parse(text: &str) -> Result<List, String> {
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = || format!("spec.skip:{}: expected `<file|part|line|run> <path> <reason>`", number + 1);
            let mut words = line.split_whitespace();
            let (Some(mode), Some(path), Some(_reason)) = (words.next(), words.next(), words.next()) else {
                return Err(malformed());
            };
            let source = format!("spec.skip:{}: {line}", number + 1);
            for path in alternatives(path) {
                let (mode, pattern) = match mode {
                    "file" => (Mode::File, path),
                    "part" => (Mode::Part, path),
                    "run" => (Mode::Run, path),
                    "line" => {
                        let (path, line) = path.rsplit_once(':').ok_or_else(malformed)?;
                        (Mode::Line(line.parse().map_err(|_| malformed())?), path.to_string())
                    }
                    _ => return Err(malformed()),
                };
                entries.push(Entry { mode, pattern, source: source.clone(), used: AtomicBool::new(false) });
            }
        }
        Ok(List { entries })
    }

    /// What is permitted for the file at `path`.
    ///
    /// With `loose`, a file outside the suite's folders is matched by its name alone, but then never left out as a
    /// whole: the name doesn't tell which version of the file it is.
    pub fn permission(&self, path: &str, loose: bool) -> Permission {
        let mut permission = Permission::default();
        for entry in &self.entries {
            let exact = matches_end(&entry.pattern, path);
            let by_name = || loose && !entry.pattern.ends_with("/*") && matches_end(last(&entry.pattern), path);
            if !exact && !by_name() {
                continue;
            }
            entry.used.store(true, Ordering::Relaxed);
            if let Mode::Line(line) = entry.mode {
                permission.lines.push((line, entry.source.clone()));
                continue;
            }
            permission.file = entry.mode == Mode::File && exact;
            permission.part = entry.mode == Mode::Part || entry.mode == Mode::File && !exact;
            permission.entry.clone_from(&entry.source);
        }
        permission
    }

    /// Entries that no file asked for.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| !entry.used.load(Ordering::Relaxed)).map(|entry| entry.source.as_str())
    }
}

/// What a path with `{a,b}` in it stands for.
fn alternatives(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (choices, after))) => {
            choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect()
        }
        None => vec![path.to_string()],
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn matches_end(pattern: &str, path: &str) -> bool {
    let mut path = path.rsplit('/');
    pattern.rsplit('/').all(|pattern| path.next().is_some_and(|name| matches(pattern.as_bytes(), name.as_bytes())))
}

/// Whether `name` is `pattern`, in which `*` stands for any bytes.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        Some((byte, rest)) => name.split_first().is_some_and(|(first, name)| first == byte && matches(rest, name)),
    }
}
