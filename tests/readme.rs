//! The program in `README.md` builds with each of the commands given there, and prints what it says.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

mod library;

/// The blocks of the document in this language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = document.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or(part)).collect()
}

#[test]
fn the_program_builds_and_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("README.md")).expect("it is there");
    let program = blocks(&document, "c")[0];
    let lines = blocks(&document, "sh").into_iter().flat_map(str::lines);
    // What begins from an installed library is among the tests of that.
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("cc ") && line.contains("target/release")).collect();
    assert!(commands.len() >= 2, "a command for the shared library and one for the static one");

    // The commands are meant for the project's folder.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("target")).expect("a place to build in");
    fs::write(folder.join("program.c"), program).expect("a place to build in");
    symlink(root.join("include"), folder.join("include")).expect("a link");
    symlink(library::shared().with_file_name(""), folder.join("target/release")).expect("a link");
    for command in commands {
        let script = format!("{command} -Wall -Wextra -Werror && ./a.out");
        let output = Command::new("sh").args(["-c", &script]).current_dir(&folder).output().expect("a shell");
        let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out == "40 + 2 = 42\n", "{command}: {}\n{out}{errors}", output.status);
        fs::remove_file(folder.join("a.out")).expect("it was just built");
    }
}
