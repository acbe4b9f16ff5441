//! The header: it is what `src/ffi` generates, it compiles, and its comments say what they must.

use std::path::{Path, PathBuf};
use std::process::Command;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.h")
}

fn header() -> String {
    std::fs::read_to_string(committed()).expect("include/pellucid.h is committed")
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = std::fs::read_to_string(env!("PELLUCID_GENERATED_HEADER")).expect("build.rs wrote it");
    if std::env::var_os("PELLUCID_BLESS").is_some() {
        std::fs::write(committed(), &generated).expect("include/ can be written");
    }
    assert!(header() == generated, "include/pellucid.h is out of date: run with PELLUCID_BLESS=1");
}

#[test]
fn it_compiles_alone_and_twice_as_c_and_as_cpp() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (compiler, standard, extension) in [("gcc", "-std=c11", "c"), ("g++", "-std=c++17", "cpp")] {
        for (name, includes) in [("alone", 1), ("twice", 2)] {
            let source = directory.join(format!("header_{name}.{extension}"));
            let text = "#include \"pellucid.h\"\n".repeat(includes) + "int main(void) { return PELLUCID_OK; }\n";
            std::fs::write(&source, text).expect("the directory can be written");
            let output = Command::new(compiler)
                .args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
                .arg(committed().parent().expect("it is in include/"))
                .arg(&source)
                .output()
                .unwrap_or_else(|error| panic!("{compiler} runs: {error}"));
            assert!(output.status.success(), "{compiler} {name}:\n{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn it_opens_with_extern_c_and_the_version_of_the_package() {
    let header = header();
    let opening = "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
    let first_type = header.find("typedef").expect("it has types");
    assert!(header.find(opening).is_some_and(|place| place < first_type));
    for (name, value) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR").to_string()),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR").to_string()),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH").to_string()),
    ] {
        assert!(header.contains(&format!("#define PELLUCID_VERSION_{name} {value}\n")), "{name}");
    }
    assert!(header.contains(&format!("#define PELLUCID_VERSION \"{}\"\n", env!("CARGO_PKG_VERSION"))));
}

/// A function of the header: its comment, and its declaration in one line.
struct Function {
    comment: String,
    declaration: String,
}

impl Function {
    fn name(&self) -> &str {
        let head = self.declaration.split('(').next().expect("it has parameters");
        head.rsplit([' ', '*']).next().expect("it has a name")
    }

    fn parameters(&self) -> Vec<&str> {
        let (_, list) = self.declaration.split_once('(').expect("it has parameters");
        let list = list.trim_end_matches(");");
        let names = list.split(',').map(|parameter| parameter.rsplit([' ', '*']).next().expect("it has a name"));
        names.filter(|name| *name != "void").collect()
    }
}

fn functions(header: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut comment = String::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if line == "/**" {
            comment = lines.by_ref().take_while(|line| *line != " */").collect::<Vec<_>>().join("\n");
        } else if line.contains(" pellucid_") && line.contains('(') && !line.starts_with([' ', '/', 't', '#']) {
            let mut declaration = line.to_string();
            while !declaration.ends_with(");") {
                declaration += lines.next().expect("a declaration ends").trim();
            }
            functions.push(Function { comment: std::mem::take(&mut comment), declaration });
        }
    }
    functions
}

#[test]
fn every_function_is_documented_to_the_end() {
    let header = header();
    let functions = functions(&header);
    assert!(functions.len() > 150, "only {} functions were found", functions.len());
    for function in &functions {
        let (name, comment) = (function.name(), &function.comment);
        for parameter in function.parameters() {
            assert!(comment.contains(&format!("`{parameter}`")), "{name} doesn't explain `{parameter}`");
        }
        let returns = !function.declaration.starts_with("void ");
        assert!(!returns || comment.contains("\n * Returns "), "{name} doesn't say what it returns");
        let tail: Vec<&str> = comment.lines().filter(|line| !line.is_empty()).rev().take(3).collect();
        let since = tail[0].starts_with(" * Since: ");
        assert!(since && tail[1].starts_with(" * Context: "), "{name} has no tail of Owns, Context, Since");
        assert!(comment.contains("\n * Owns: "), "{name} doesn't say who owns what");
        // Out-parameters come last, and the error last of all.
        let parameters = function.parameters();
        let first_out = parameters.iter().position(|parameter| parameter.starts_with("out_"));
        let after = first_out.map_or(&[][..], |first| &parameters[first..]);
        let in_order = |parameter: &&str| ["out_", "cap_", "n_"].iter().any(|prefix| parameter.starts_with(prefix));
        assert!(after.iter().all(in_order), "{name}: out-parameters come last");
        let error = parameters.iter().position(|parameter| *parameter == "out_error");
        assert!(error.is_none_or(|place| place + 1 == parameters.len()), "{name}: out_error comes last");
    }
}

#[test]
fn every_status_that_is_mentioned_exists() {
    let header = header();
    let mentioned = header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for word in mentioned.filter(|word| word.starts_with("PELLUCID_") && *word != "PELLUCID_H") {
        let defined = header.contains(&format!("{word} = ")) || header.contains(&format!("#define {word} "));
        assert!(defined, "{word} is mentioned, but doesn't exist");
    }
}

#[test]
fn every_function_that_is_mentioned_exists() {
    let header = header();
    let names: Vec<String> = functions(&header).iter().map(|function| function.name().to_string()).collect();
    let comments = header.split('`').skip(1).step_by(2);
    for word in comments.filter(|word| word.starts_with("pellucid_")) {
        let word = word.trim_end_matches("()");
        let known = word.ends_with("_t") && header.contains(&format!(" {word};\n")) || names.iter().any(|n| n == word);
        assert!(known || header.contains(&format!("(*{word})")), "`{word}` is mentioned, but doesn't exist");
    }
}
