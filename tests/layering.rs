//! The rooms of `src/` use each other in one direction, `unsafe` stays where it belongs, and C is spoken at the border.
//!
//! Works on the text of the sources, without comments and strings: a doc comment may point anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with those that it may name: `base ← abi ← wasm ← compile`, `wasm ← runtime ← debug ← ffi`, `runtime ← wasi ← ffi`.
const ROOMS: [(&str, &[&str]); 8] = [
    ("base", &[]),
    ("abi", &["base"]),
    ("wasm", &["base", "abi"]),
    ("compile", &["base", "abi", "wasm"]),
    ("runtime", &["base", "abi", "wasm"]),
    ("debug", &["base", "abi", "wasm", "runtime"]),
    ("wasi", &["base", "runtime"]),
    ("ffi", &["base", "abi", "wasm", "runtime", "debug", "wasi"]),
];

/// The one place where the runtime meets the compiler.
const COMPILER_USERS: [&str; 1] = ["runtime/engine.rs"];

/// What must not name Cranelift: the state model and its checker are about operators alone.
const WITHOUT_CRANELIFT: [&str; 2] = ["compile/model/", "compile/checker/"];

/// Files that may contain `unsafe`. A name that ends in `/` is a folder.
const UNSAFE_FILES: [&str; 47] = [
    // A register.
    "base/floats.rs",
    "base/memory.rs",
    // Code pages.
    "runtime/machine/code_memory.rs",
    "runtime/machine/linux/image.rs",
    "runtime/machine/linux/mapped_file.rs",
    "runtime/machine/linux/mapping.rs",
    // System calls.
    "runtime/machine/linux/barrier.rs",
    "runtime/machine/linux/futex.rs",
    "runtime/machine/linux/own_stack.rs",
    // The guest machine.
    "runtime/builtins.rs",
    "runtime/call.rs",
    "runtime/call_chain.rs",
    "runtime/entities/func.rs",
    "runtime/entities/instance.rs",
    "runtime/entities/memory.rs",
    "runtime/entities/parking.rs",
    "runtime/entities/table.rs",
    "runtime/exception.rs",
    "runtime/func.rs",
    "runtime/machine/guest_stack.rs",
    "runtime/global.rs",
    "runtime/host_answer.rs",
    "runtime/host_func.rs",
    "runtime/instance.rs",
    "runtime/interrupt.rs",
    "runtime/machine/interrupts.rs",
    "runtime/machine/linux/alarm_thread.rs",
    "runtime/machine/linux/alarms.rs",
    "runtime/machine/linux/clock.rs",
    "runtime/machine/linux/interrupt_signals.rs",
    "runtime/memory.rs",
    "runtime/shared_memory.rs",
    "runtime/one_shot_call.rs",
    "runtime/quick_call.rs",
    "runtime/roots.rs",
    "runtime/store.rs",
    "runtime/machine/stack_registry.rs",
    "runtime/machine/x86_64/racing.rs",
    "runtime/machine/x86_64/switch.rs",
    "runtime/machine/linux/thread.rs",
    "runtime/table.rs",
    "runtime/machine/linux/traps.rs",
    "runtime/values.rs",
    "runtime/machine/linux/write_signals.rs",
    // Objects, by their offset in the heap.
    "runtime/gc/space.rs",
    // Reads of frame slots.
    "runtime/activation.rs",
    // Pointers from C.
    "ffi/",
];

/// Files that may define functions with C's convention: the border, and what the machine calls itself.
const C_FILES: [&str; 6] = [
    "ffi/",
    "runtime/builtins.rs",
    "runtime/host_func.rs",
    "runtime/machine/x86_64/switch.rs",
    "runtime/machine/linux/interrupt_signals.rs",
    "runtime/machine/linux/traps.rs",
];

fn is_listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|file| if file.ends_with('/') { name.starts_with(file) } else { name == *file })
}

struct Source {
    /// Path below `src/`.
    name: String,
    /// Contents, with comments and the insides of literals blanked out.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let source = |path: PathBuf| Source {
        name: path.strip_prefix(&root).expect("found below it").to_string_lossy().into_owned(),
        code: blank(&fs::read_to_string(&path).expect("a source file is readable")),
    };
    files.into_iter().map(source).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Replaces comments and the insides of string and character literals by spaces; lines stay where they are.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let (keep, length) = if rest.starts_with("//") {
            (0, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (0, block_comment(rest))
        } else if let Some(length) = raw_string(rest, bytes[..at].last()) {
            (1, length)
        } else if rest.starts_with('"') {
            (1, quoted(rest, b'"'))
        } else if let Some(length) = character(rest) {
            (1, length)
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        for byte in &mut out[at + keep..at + length - keep] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length;
    }
    String::from_utf8(out).expect("only whole characters were replaced")
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if text[..at].ends_with("*/") && at > 2 {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    text.len()
}

fn raw_string(text: &str, before: Option<&u8>) -> Option<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let (start, prefix) = if text.starts_with("br") { (2, before) } else { (1, before) };
    if !text.starts_with('r') && !text.starts_with("br") || prefix.is_some_and(is_word) {
        return None;
    }
    let hashes = text[start..].bytes().take_while(|byte| *byte == b'#').count();
    if !text[start + hashes..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = start + hashes + 1;
    Some(text[body..].find(&end).map_or(text.len(), |place| body + place + end.len()))
}

fn quoted(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += 1 + usize::from(bytes[at] == b'\\');
    }
    (at + 1).min(bytes.len())
}

/// The length of a character literal; a lifetime isn't one.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    if chars.next()?.1 != '\'' {
        return None;
    }
    let (_, first) = chars.next()?;
    let (after, second) = chars.next()?;
    match (first, second) {
        ('\\', _) => Some(quoted(text, b'\'')),
        (_, '\'') => Some(after + 1),
        _ => None,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Places where `word` stands by itself.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(place, _)| place)
        .filter(move |place| !code[..*place].ends_with(is_word) && !code[place + word.len()..].starts_with(is_word))
}

fn line(code: &str, place: usize) -> usize {
    code[..place].matches('\n').count() + 1
}

/// The first names of the paths after `crate::`, which may be a group.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| is_word(*c)).collect::<String>();
    let Some(group) = rest.trim_start().strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 1;
    let mut start = 0;
    let mut heads = Vec::new();
    for (place, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                heads.push(name(&group[start..place]));
                start = place + 1;
            }
            _ => {}
        }
        if depth == 0 {
            heads.push(name(&group[start..place]));
            break;
        }
    }
    heads
}

/// The rooms that a file names, with the lines where it does.
fn named_rooms(source: &Source) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for place in words(&source.code, "crate") {
        if let Some(rest) = source.code[place + 5..].trim_start().strip_prefix("::") {
            named.extend(heads(rest).into_iter().map(|head| (line(&source.code, place), head)));
        }
    }
    // `super` at the top of a room, or twice in a file of it, is the crate.
    let depth = source.name.matches('/').count() + 1 - usize::from(source.name.ends_with("mod.rs"));
    let chain = "super::".repeat(depth);
    for (place, _) in source.code.match_indices(&chain) {
        if !source.code[..place].ends_with("::") && !source.code[..place].ends_with(is_word) {
            let rest = &source.code[place + chain.len()..];
            named.extend(heads(rest).into_iter().map(|head| (line(&source.code, place), head)));
        }
    }
    named
}

#[test]
fn rooms_use_each_other_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((room, _)) = source.name.split_once('/') else { continue };
        let Some(may_name) = allowed.get(room) else {
            wrong.push(format!("src/{}: `{room}` isn't a room", source.name));
            continue;
        };
        for (line, named) in named_rooms(&source) {
            let is_fine = named == room
                || may_name.contains(&named.as_str())
                || !allowed.contains_key(named.as_str())
                || named == "compile" && COMPILER_USERS.contains(&source.name.as_str());
            if !is_fine {
                wrong.push(format!("src/{}:{line}: `{room}` must not name `{named}`", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_state_model_and_its_checker_are_free_of_cranelift() {
    let sources = sources();
    let pure = |source: &&Source| WITHOUT_CRANELIFT.iter().any(|folder| source.name.starts_with(folder));
    assert!(sources.iter().filter(pure).count() > WITHOUT_CRANELIFT.len());
    let wrong = sources.iter().filter(pure).filter(|source| source.code.contains("cranelift"));
    assert_eq!(wrong.map(|source| &source.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_machine_knows_nothing_of_the_rest_of_the_runtime() {
    let mut wrong = Vec::new();
    let sources = sources();
    let machine = sources.iter().filter(|source| source.name.starts_with("runtime/machine/"));
    for source in machine {
        let above = "super::".repeat(source.name.matches('/').count() - usize::from(source.name.ends_with("mod.rs")));
        // What is above a module of tests is the file's own.
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let named = ["crate::runtime", &above].into_iter().flat_map(|path| code.match_indices(path));
        for (place, path) in named.filter(|(place, _)| !code[..*place].ends_with(is_word)) {
            let rest = &code[place + path.len()..];
            // A macro names the machine by its path in the crate.
            let is_machine = rest.trim_start_matches("::").starts_with("machine::");
            if !is_machine {
                wrong.push(format!("src/{}:{}: `{path}` in the machine", source.name, line(code, place)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All paths that a use path with groups stands for: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let (mut depth, mut start, mut found) = (1, 0, Vec::new());
        for (place, character) in group.char_indices() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            if depth == 0 || depth == 1 && character == ',' {
                found.extend(paths(&group[start..place]));
                start = place + 1;
            }
            if depth == 0 {
                break;
            }
        }
        return found;
    }
    let name: String = text.chars().take_while(|character| is_word(*character)).collect();
    if name.is_empty() {
        return Vec::new();
    }
    match text[name.len()..].trim_start().strip_prefix("::") {
        Some(rest) => {
            let rest = paths(rest);
            let rest = if rest.is_empty() { vec![Vec::new()] } else { rest };
            rest.into_iter().map(|rest| [vec![name.clone()], rest].concat()).collect()
        }
        None => vec![vec![name]],
    }
}

/// For each file of the runtime, the others that it names.
fn runtime_uses(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let files: Vec<&Source> = sources.iter().filter(|source| source.name.starts_with("runtime/")).collect();
    let is_file = |name: &str| files.iter().any(|source| source.name == name);
    // What `mod.rs` of a folder makes known under its own name, and the file that it is from.
    let mut reexported: BTreeMap<(String, String), String> = BTreeMap::new();
    for source in files.iter().filter(|source| source.name.ends_with("/mod.rs")) {
        let folder = source.name.trim_end_matches("/mod.rs");
        for place in words(&source.code, "use").filter(|place| source.code[..*place].trim_end().ends_with("pub")) {
            for path in paths(&source.code[place + 3..]) {
                let item = path[path.len() - 1].clone();
                let file = (1..=path.len()).map(|length| format!("{folder}/{}.rs", path[..length].join("/")));
                reexported
                    .extend(file.filter(|file| is_file(file)).map(|file| ((folder.to_string(), item.clone()), file)));
            }
        }
    }
    let resolve = |mut folder: String, path: &[String]| {
        for name in path {
            if is_file(&format!("{folder}/{name}.rs")) {
                return Some(format!("{folder}/{name}.rs"));
            }
            if let Some(file) = reexported.get(&(folder.clone(), name.clone())) {
                return Some(file.clone());
            }
            folder = format!("{folder}/{name}");
            if !is_file(&format!("{folder}/mod.rs")) {
                return None;
            }
        }
        None
    };
    let mut uses = BTreeMap::new();
    for source in files.iter().filter(|source| !source.name.ends_with("/mod.rs")) {
        // Tests are below what they test.
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let mut named = Vec::new();
        let mut note = |folder: String, path: &[String]| {
            named.extend(resolve(folder, path).filter(|file| *file != source.name));
        };
        for place in words(code, "super").filter(|place| !code[..*place].ends_with("::")) {
            for path in paths(&code[place..]) {
                let up = path.iter().take_while(|name| *name == "super").count();
                let parts: Vec<&str> = source.name.split('/').collect();
                if let Some(folder) = parts.len().checked_sub(up).filter(|length| *length > 0) {
                    note(parts[..folder].join("/"), &path[up..]);
                }
            }
        }
        for place in words(code, "crate") {
            for path in
                paths(&code[place..]).into_iter().filter(|path| path.get(1).is_some_and(|room| room == "runtime"))
            {
                note("runtime".to_string(), &path[2..]);
            }
        }
        named.sort();
        named.dedup();
        uses.insert(source.name.clone(), named);
    }
    uses
}

/// Files that lead to themselves, each with the way.
fn circles(uses: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for start in uses.keys() {
        // The shortest way back, breadth first.
        let (mut ways, mut seen) = (vec![vec![start.clone()]], Vec::new());
        while !ways.is_empty() {
            let way = ways.remove(0);
            let last = &way[way.len() - 1];
            for next in uses.get(last).into_iter().flatten() {
                if next == start {
                    found.push(format!("{} -> {start}", way.join(" -> ")));
                    ways.clear();
                    break;
                }
                if !seen.contains(next) {
                    seen.push(next.clone());
                    ways.push([way.clone(), vec![next.clone()]].concat());
                }
            }
        }
    }
    found
}

#[test]
fn files_of_the_runtime_use_each_other_without_circles() {
    let uses = runtime_uses(&sources());
    // The reader sees what is there.
    assert!(uses["runtime/store.rs"].contains(&"runtime/machine/store_context.rs".to_string()), "{uses:?}");
    assert!(uses["runtime/instance.rs"].contains(&"runtime/module.rs".to_string()), "{uses:?}");
    assert!(uses["runtime/entities/func.rs"].contains(&"runtime/machine/x86_64/switch.rs".to_string()), "{uses:?}");
    let found = circles(&uses);
    assert!(found.is_empty(), "circles of files:\n{}", found.join("\n"));
}

#[test]
fn a_circle_of_files_is_found() {
    let file = |name: &str, code: &str| Source { name: name.into(), code: blank(code) };
    let sources = [
        file("runtime/mod.rs", "pub use a::{Alpha, Beta as Other};"),
        file("runtime/a.rs", "use super::b::deep::Deep; // use super::c;"),
        file("runtime/b/mod.rs", ""),
        file("runtime/b/deep.rs", "use super::super::{Alpha, c::{self, C}};"),
        file("runtime/c.rs", "#[cfg(test)] mod tests { use super::super::a; }"),
    ];
    let uses = runtime_uses(&sources);
    assert_eq!(uses["runtime/b/deep.rs"], ["runtime/a.rs", "runtime/c.rs"]);
    assert_eq!(uses["runtime/c.rs"], [""; 0]);
    assert_eq!(circles(&uses)[0], "runtime/a.rs -> runtime/b/deep.rs -> runtime/a.rs");
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let mut wrong = Vec::new();
    let sources = sources();
    for source in &sources {
        if let Some(place) = words(&source.code, "unsafe").next()
            && !is_listed(&UNSAFE_FILES, &source.name)
        {
            wrong.push(format!("src/{}:{}: unsafe code outside its rooms", source.name, line(&source.code, place)));
        }
    }
    for file in UNSAFE_FILES.iter().filter(|file| file.ends_with(".rs")) {
        let found = sources.iter().find(|source| source.name == *file);
        if found.is_none_or(|source| words(&source.code, "unsafe").next().is_none()) {
            wrong.push(format!("src/{file} is listed as a room for unsafe code, but has none"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn c_is_spoken_at_the_border() {
    let mut wrong = Vec::new();
    for source in sources() {
        for attribute in ["no_mangle", "export_name"] {
            for place in words(&source.code, attribute).filter(|_| !source.name.starts_with("ffi/")) {
                wrong.push(format!("src/{}:{}: `{attribute}` outside ffi", source.name, line(&source.code, place)));
            }
        }
        for place in words(&source.code, "extern").filter(|_| !is_listed(&C_FILES, &source.name)) {
            let after = source.code[place + "extern".len()..].trim_start();
            if after.starts_with('"') && after.trim_start_matches(['"', ' ']).starts_with("fn ") {
                wrong.push(format!("src/{}:{}: a C function outside ffi", source.name, line(&source.code, place)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a file names that isn't the same on every system.
const OF_A_SYSTEM: [&str; 5] = ["rustix", "libc", "os", "cfg", "cfg_attr"];

#[test]
fn wasi_depends_on_the_system_in_one_place() {
    let mut wrong = Vec::new();
    let sources = sources();
    let (system, others): (Vec<_>, Vec<_>) = (sources.iter().filter(|source| source.name.starts_with("wasi/")))
        .partition(|source| source.name.starts_with("wasi/system/"));
    for source in others {
        for word in OF_A_SYSTEM {
            for place in words(&source.code, word) {
                let is_a_test = word == "cfg" && source.code[place..].starts_with("cfg(test)");
                // `std::os`, and no other `os`.
                let is_another = word == "os" && !source.code[..place].ends_with("std::");
                if !is_a_test && !is_another {
                    wrong.push(format!(
                        "src/{}:{}: `{word}` outside wasi/system",
                        source.name,
                        line(&source.code, place)
                    ));
                }
            }
        }
    }
    assert!(system.iter().any(|source| words(&source.code, "rustix").next().is_some()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_sees_code_only() {
    let text = "// use crate::ffi;\nuse crate::{base::{Error, ErrorKind}, abi as layout}; \"crate::ffi\"; r#\"unsafe\"#; '\"'; 'a";
    let source = Source { name: "wasm/x.rs".into(), code: blank(text) };
    let named: Vec<String> = named_rooms(&source).into_iter().map(|(_, name)| name).collect();
    assert_eq!(named, ["base", "abi"]);
    assert_eq!(words(&source.code, "unsafe").count(), 0);
    let source = Source { name: "wasm/x.rs".into(), code: blank("use super::super::debug::Frame; use super::Names;") };
    assert_eq!(named_rooms(&source), [(1, "debug".to_string())]);
}
