//! The header: it is what `src/ffi` generates, it compiles, its comments say what they must, and programs can read it.

use std::path::{Path, PathBuf};
use std::process::Command;

use declarations::{declarations, functions, header};

mod declarations;
mod json;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.h")
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
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        assert!(header.contains(&format!("#define PELLUCID_VERSION_{name} {value}\n")), "{name}");
    }
    assert!(header.contains(&format!("#define PELLUCID_VERSION \"{}\"\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_function_is_documented_to_the_end() {
    let header = header();
    let declarations = declarations(&header);
    let functions = functions(&declarations);
    assert!(functions.len() > 150, "only {} functions were found", functions.len());
    for (name, returns, parameters, comment) in functions {
        for parameter in parameters {
            assert!(comment.contains(&format!("`{}`", parameter.name)), "{name} doesn't explain `{}`", parameter.name);
        }
        assert!(returns == "void" || comment.contains("\nReturns "), "{name} doesn't say what it returns");
        let tail: Vec<&str> = comment.lines().rev().take(2).collect();
        assert!(tail[0].starts_with("Since: ") && tail[1].starts_with("Context: "), "{name} lacks Context and Since");
        assert!(comment.contains("\nOwns: "), "{name} doesn't say who owns what");
        // Out-parameters come last, and the error last of all.
        let names: Vec<&str> = parameters.iter().map(|parameter| &*parameter.name).collect();
        let mut after = names.iter().skip_while(|name| !name.starts_with("out_"));
        let in_order = |name: &&str| ["out_", "cap_", "n_"].iter().any(|prefix| name.starts_with(prefix));
        assert!(after.all(in_order), "{name}: out-parameters come last");
        let error = names.iter().position(|name| *name == "out_error");
        assert!(error.is_none_or(|place| place + 1 == names.len()), "{name}: out_error comes last");
    }
}

/// The functions of the sources that claim a store, and have a status to say that it is claimed already.
fn functions_that_claim() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("it is there") {
        let text = std::fs::read_to_string(file.expect("it can be read").path()).expect("it is text");
        for function in text.split("\npub unsafe extern \"C\" fn ").skip(1) {
            let function = function.split_once("\n}\n").map_or(function, |(function, _)| function);
            let (name, _) = function.split_once('(').expect("it has parameters");
            let (signature, body) = function.split_once('{').expect("it has a body");
            let arguments = body.split_once("entry!(").and_then(|(_, entry)| entry.split_once("=>"));
            let arguments =
                arguments.and_then(|(entry, _)| entry.split_once(';')).map_or("", |(_, arguments)| arguments);
            let claims = |argument: &str| {
                let kind = argument.split_whitespace().next().unwrap_or_default();
                ["store", "running", "child", "resuming"].contains(&kind)
            };
            if signature.contains("-> pellucid_status_t") && arguments.split(',').any(claims) {
                found.push(name.to_string());
            }
        }
    }
    found
}

#[test]
fn who_claims_a_store_says_that_it_may_be_busy() {
    let header = header();
    let declarations = declarations(&header);
    let functions = functions(&declarations);
    let comment_of = |name: &str| {
        let comment = functions.iter().find(|(known, ..)| *known == name).map(|(.., comment)| comment.to_string());
        comment.unwrap_or_else(|| panic!("{name} isn't in the header"))
    };
    let says = |comment: &str| comment.contains("`PELLUCID_ERR_BUSY`");
    let claiming = functions_that_claim();
    assert!(claiming.len() > 80, "only {} functions were found", claiming.len());
    for name in claiming {
        let comment = comment_of(&name);
        let others = comment.split_once("\nReturns as `").and_then(|(_, rest)| rest.split_once('`'));
        assert!(says(&comment) || others.is_some_and(|(other, _)| says(&comment_of(other))), "{name} doesn't say so");
    }
}

#[test]
fn whoever_may_be_busy_is_tried_by_a_c_test() {
    let header = header();
    let declarations = declarations(&header);
    let functions = functions(&declarations);
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c")).expect("it is there");
    let texts = folder.map(|entry| std::fs::read_to_string(entry.expect("it can be read").path()).expect("it is text"));
    let text = texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    let says =
        |name: &str| functions.iter().any(|(known, .., comment)| *known == name && comment.contains("_ERR_BUSY`"));
    for name in functions_that_claim().iter().filter(|name| says(name)) {
        assert!(text.contains(&format!("STATUS(PELLUCID_ERR_BUSY, {name}(")), "{name} isn't: see tests/c/busy.c");
    }
}

#[test]
fn every_type_and_constant_is_documented() {
    for declaration in declarations(&header()) {
        let name = &declaration.name;
        assert!(!declaration.comment.is_empty(), "{name} has no comment");
        match &declaration.kind {
            declarations::Kind::Enum(parts) | declarations::Kind::Struct(parts) | declarations::Kind::Union(parts) => {
                for part in parts {
                    assert!(!part.comment.is_empty(), "{} of {name} has no comment", part.name);
                }
            }
            _ => assert!(declaration.comment.contains("\nSince: "), "{name} doesn't say since when it is there"),
        }
    }
}

/// Variables of the environment, which have names like constants.
const ENVIRONMENT: [&str; 3] = ["PELLUCID_POISON", "PELLUCID_STRESS_HEAP", "PELLUCID_VERIFY"];

#[test]
fn every_constant_that_is_mentioned_exists() {
    let header = header();
    let mentioned = header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_meant = |word: &&str| word.starts_with("PELLUCID_") && *word != "PELLUCID_H" && !ENVIRONMENT.contains(word);
    for word in mentioned.filter(is_meant) {
        let defined = header.contains(&format!("{word} = ")) || header.contains(&format!("#define {word} "));
        assert!(defined, "{word} is mentioned, but doesn't exist");
    }
}

#[test]
fn every_name_that_is_mentioned_exists() {
    let header = header();
    let declarations = declarations(&header);
    for word in header.split('`').skip(1).step_by(2).filter(|word| word.starts_with("pellucid_")) {
        let word = word.trim_end_matches("()");
        assert!(declarations.iter().any(|known| known.name == word), "`{word}` is mentioned, but doesn't exist");
    }
}
