//! Programs that a C compiler made for WASI: `tests/programs/wasi`.

use crate::guest::{Guest, Place};
use pellucid::base::ErrorKind;
use pellucid::wasi::WasiConfig;
use pellucid::wasi::config::StreamName::{Stderr, Stdout};
use std::fs;
use std::path::Path;

fn program(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/wasi").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn capturing(mut config: WasiConfig) -> WasiConfig {
    config.capture(Stdout).unwrap();
    config.capture(Stderr).unwrap();
    config
}

#[test]
fn a_program_sees_its_arguments_environment_and_input() {
    let mut config = capturing(WasiConfig::default());
    for arg in ["echo", "one", "two words"] {
        config.add_arg(arg).unwrap();
    }
    config.set_env("GREETING", "hallo").unwrap();
    config.set_input(b"first line\nsecond line");
    for debug in [false, true] {
        let guest = Guest::with_module(debug, &config, &program("echo.wasm"));
        let error = guest.start().unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Exit, Some(3)));
        let expected = "one\ntwo words\nGREETING=hallo\n1: first line\n2: second line\n";
        assert_eq!((guest.captured(Stdout).as_str(), guest.captured(Stderr).as_str()), (expected, "2 lines\n"));
    }
}

#[test]
fn a_program_works_on_files() {
    for debug in [false, true] {
        let place = Place::new();
        fs::write(place.inside("input"), "3 1 2\n").unwrap();
        let guest = Guest::with_module(debug, &capturing(place.config(false)), &program("files.wasm"));
        let outcome = guest.start();
        let out = guest.captured(Stdout);
        assert!(outcome.is_ok(), "{outcome:?}\n{out}\n{}", guest.captured(Stderr));
        let expected =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/wasi/files.expected.txt"));
        assert_eq!(out, expected.unwrap());
        assert_eq!(fs::read_to_string(place.inside("sorted")).unwrap(), "1 2 3\n");
        let mut names: Vec<_> = fs::read_dir(place.inside("")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["input", "sorted"]);
    }
}
