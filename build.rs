//! Generates the C header from `src/ffi`, one part for each section, into `OUT_DIR`.
//!
//! `tests/header.rs` compares the result with `include/pellucid.h`, which is what is shipped.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sections of the header: the file in `src/ffi`, the banner's title, and what it is about.
const SECTIONS: &[(&str, &str, &str)] = &[
    ("bytes", "Strings and bytes", "Borrowed views of what something else owns."),
    ("status", "Statuses", "What every function that can fail returns."),
    ("library", "The library", "Its version, whether header and library match, what it can do."),
    ("error", "Errors", "What went wrong, for people and for programs."),
    ("callback", "Userdata", "How the library gives back what it was given with a callback."),
    ("log", "Log", "The library's messages for people."),
    ("config", "Configuration", "Options of engines, and limits of stores."),
    ("engine", "Engines", "What compiles modules."),
    ("signal", "Signals", "For programs with signal handlers of their own; see SIGNALS above."),
    ("types", "Types", "Types of values, functions, tables, memories and globals."),
    ("module", "Modules", "Compiled code and what it declares."),
    ("serialized", "Serialized modules", "Compiled code as bytes, which come back as modules without being compiled."),
    ("handle", "Handles", "Plain data that names what lives in a store."),
    ("store", "Stores", "Where everything lives and guests run."),
    ("value", "Values", "Values with and without their kind; imports and exports."),
    ("func", "Functions", "Making the host's, calling any, and who called."),
    ("externref", "Host references", "Host values that guests can hold."),
    ("anyref", "Guest references", "What `anyref` values are: what guests make and hand out."),
    ("object", "Objects", "Structures and arrays: their types, and what is in them."),
    ("deftype", "Defined types", "Structures, arrays and functions whose types the host defines, as modules do."),
    ("name", "Names", "What types, fields, globals and other entities are called in modules."),
    ("heap", "The heap", "How long references are good, and collecting garbage."),
    ("memory", "Memories", "Linear memories."),
    ("shared_memory", "Shared memories", "Memories that stores on several threads have at the same time."),
    ("table", "Tables", "Tables of references."),
    ("global", "Globals", "Global variables."),
    ("tag", "Tags", "What tells exceptions apart."),
    ("instance", "Instances", "Instances of modules and what is in them."),
    ("linker", "Linkers", "Instantiating modules by the names of their imports."),
    ("wasi", "WASI", "What ordinary programs import: arguments, files, clocks, and so on."),
    ("frame", "Debugging: frames", "Where guests stand, and the values of their locals and operands."),
    (
        "intervention",
        "Debugging: interventions",
        "Changing a frame that stands still, and so what the guest does next.",
    ),
    ("event", "Debugging: events", "What happens to guests, and the handler that is told."),
    (
        "subject",
        "Debugging: what a store gets, and calls that are over",
        "What the events of a store's ordinary life are about.",
    ),
    ("exception", "Exceptions", "Throwing them from the host, and what was thrown and not caught."),
    ("call", "Debugging: calls that can pause", "Running a guest from one event to the next."),
    (
        "waiting",
        "Host functions that wait",
        "Leaving a guest that calls the host until the host has results; also a start function.",
    ),
    ("interrupt", "Interrupts", "Stopping a guest that runs, from anywhere; and giving it time."),
    ("fuel", "Fuel", "How much work guests may do, the same on every machine."),
    (
        "wasi_threads",
        "WASI programs with threads",
        "Stores that share a module, memories and descriptors, one for each thread.",
    ),
    ("edit", "Debugging: edit sessions", "Changing breakpoints, all or nothing."),
    ("breakpoint", "Debugging: breakpoints", "Looking at breakpoints."),
    ("watchpoint", "Debugging: watchpoints", "Being told who touches a memory, a global or a table."),
    ("core_dump", "Debugging: core dumps", "A store as it stands still, written down for other tools."),
];

fn main() {
    // The signal handlers stay installed, so the code that they are in has to stay as well.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    for watched in ["build.rs", "cbindgen.toml", "src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let root = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    let header = header(Path::new(&root));
    fs::write(Path::new(&out).join("pellucid.h"), header).expect("OUT_DIR can be written");
    println!("cargo::rustc-env=PELLUCID_SOURCES={:016x}", sources(Path::new(&root)));
    println!("cargo::rustc-env=PELLUCID_GENERATED_HEADER={out}/pellucid.h");
}

fn header(root: &Path) -> String {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is well-formed");
    let mut header = fs::read_to_string(root.join("src/ffi/preamble.h")).expect("the preamble can be read");
    for (mark, variable) in [
        ("@MAJOR@", "CARGO_PKG_VERSION_MAJOR"),
        ("@MINOR@", "CARGO_PKG_VERSION_MINOR"),
        ("@PATCH@", "CARGO_PKG_VERSION_PATCH"),
        ("@VERSION@", "CARGO_PKG_VERSION"),
    ] {
        header = header.replace(mark, &env::var(variable).expect("Cargo sets it"));
    }
    for (file, title, about) in SECTIONS {
        let path = root.join("src/ffi").join(file).with_extension("rs");
        // Types that no function of the same section uses are exported too.
        config.export.include = public_types(&fs::read_to_string(&path).expect("the section can be read"));
        let part = cbindgen::Builder::new().with_config(config.clone()).with_src(&path).generate();
        let mut text = Vec::new();
        part.unwrap_or_else(|error| panic!("{}: {error}", path.display())).write(&mut text);
        let text = String::from_utf8(text).expect("cbindgen writes UTF-8");
        let rule = "=".repeat(98);
        header += &format!("\n/* {rule}\n * {title}\n *\n * {about}\n * {rule} */\n\n{}\n", tidy(&text));
    }
    header += "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* PELLUCID_H */\n";
    header
}

/// A number for all that decides what modules are compiled to: another one is another compiler.
fn sources(root: &Path) -> u64 {
    let mut files: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock"].map(|name| root.join(name)).into();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources can be read") {
            let path = entry.expect("the sources can be read").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        // A package that others depend on has no lock file.
        hasher.write(&fs::read(file).unwrap_or_default());
    }
    hasher.finish()
}

fn public_types(source: &str) -> Vec<String> {
    let names = source.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub ")?;
        let rest = ["struct ", "union ", "enum ", "type "].iter().find_map(|keyword| rest.strip_prefix(keyword))?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(rest[..end].to_string())
    });
    names.filter(|name| name.starts_with("pellucid_")).collect()
}

/// Names enumerations by their tag alone: they are only names for constants, and no function takes them.
fn tidy(text: &str) -> String {
    let mut tidied = String::new();
    let mut in_enum = false;
    for line in text.trim().lines() {
        if line.starts_with("typedef enum") {
            in_enum = true;
            tidied += "ENUM {\n";
        } else if let (true, Some(name)) = (in_enum, line.strip_prefix("} ")) {
            in_enum = false;
            let start = tidied.rfind("ENUM {").expect("written above");
            tidied.replace_range(start..start + 4, &format!("enum {}", name.trim_end_matches(';')));
            tidied += "};\n";
        } else {
            tidied += line;
            tidied.push('\n');
        }
    }
    one_line_comments(tidied.trim_end())
}

/// Puts comments of one line into one line.
fn one_line_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut shorter = String::new();
    let mut place = 0;
    while let Some(line) = lines.get(place) {
        let indent = &line[..line.len() - line.trim_start().len()];
        match lines.get(place..place + 3).map(|lines| (lines[0].trim(), lines[1].trim(), lines[2].trim())) {
            Some(("/**", only, "*/")) => {
                shorter += &format!("{indent}/** {} */\n", only.trim_start_matches("* "));
                place += 3;
            }
            _ => {
                shorter += &format!("{line}\n");
                place += 1;
            }
        }
    }
    shorter.trim_end().to_string()
}
