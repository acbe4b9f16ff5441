//! Installs the library as its users would, and builds programs from there: with pkg-config, with CMake, statically,
//! from a prefix that was moved, and beside another library that is written in Rust.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

mod library;
mod skip;

const PREFIX: &str = "/opt/pellucid";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("install").join(name)
}

/// An empty folder.
fn fresh(name: &str) -> PathBuf {
    let folder = scratch(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the directory can be written");
    folder
}

/// Runs a command and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{errors}", output.status);
    out.into_owned()
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// `make` with what the test was built with, in a folder of its own.
fn make(targets: &[&str], destination: &Path) -> Command {
    let mut command = Command::new("make");
    command.arg("-C").arg(root()).args(targets).arg(format!("BUILT={}", library::directory().display()));
    command.arg(format!("PACKAGE={}", scratch("package").display()));
    command.arg(format!("DESTDIR={}", destination.display())).arg(format!("PREFIX={PREFIX}"));
    command
}

/// The prefix that everything is installed in, once for all tests.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        library::shared();
        let destination = fresh("installed");
        fresh("package");
        run(&mut make(&["install", "install-debug"], &destination));
        destination.join(&PREFIX[1..])
    })
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).expect("below it").display().to_string());
            }
        }
    }
    found
}

fn number(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} isn't there"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// The header's ABI version, and the name of the library with all its numbers.
fn names() -> (String, String) {
    let header = fs::read_to_string(root().join("include/pellucid.h")).expect("it is there");
    let abi = number(&header, "PELLUCID_ABI_VERSION = ");
    let (major, minor) =
        (number(&header, "#define PELLUCID_VERSION_MAJOR "), number(&header, "#define PELLUCID_VERSION_MINOR "));
    (format!("libpellucid.so.{abi}"), format!("libpellucid.so.{abi}.{major}.{minor}"))
}

#[test]
fn everything_is_where_it_belongs() {
    let (soname, name) = names();
    let expected = [
        "include/pellucid.h".to_string(),
        "include/pellucid.hpp".to_string(),
        format!("lib/.debug/{name}.debug"),
        "lib/cmake/Pellucid/PellucidConfig.cmake".to_string(),
        "lib/cmake/Pellucid/PellucidConfigVersion.cmake".to_string(),
        "lib/libpellucid.a".to_string(),
        "lib/libpellucid.so".to_string(),
        format!("lib/{soname}"),
        format!("lib/{name}"),
        "lib/pkgconfig/pellucid.pc".to_string(),
        "share/doc/pellucid/CHANGELOG.md".to_string(),
        "share/doc/pellucid/LICENSE".to_string(),
        "share/doc/pellucid/README.md".to_string(),
        "share/pellucid/pellucid.json".to_string(),
        "share/pellucid/pellucid.symbols".to_string(),
    ];
    assert_eq!(files(installed()), BTreeSet::from(expected));
    let library = installed().join("lib");
    assert_eq!(fs::read_link(library.join("libpellucid.so")).expect("a link").to_string_lossy(), soname);
    assert_eq!(fs::read_link(library.join(&soname)).expect("a link").to_string_lossy(), name);
    let dynamic = run(Command::new("readelf").args(["-dW"]).arg(library.join("libpellucid.so")));
    assert!(dynamic.contains(&format!("soname: [{soname}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn cargo_c_knows_the_same_numbers() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let (_, library) = manifest.split_once("[package.metadata.capi.library]").expect("metadata of cargo-c");
    let version = library.split('"').nth(1).expect("a version");
    assert_eq!(format!("libpellucid.so.{version}"), names().1);
}

fn listed() -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("include/pellucid.symbols")).expect("it is there");
    list.lines().map(str::to_string).collect()
}

#[test]
fn exports_have_the_version_that_brought_them() {
    let text = run(Command::new("nm").args(["-D", "--defined-only"]).arg(installed().join("lib/libpellucid.so")));
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let description = fs::read_to_string(root().join("include/pellucid.json")).expect("it is there");
    let mut exported = BTreeSet::new();
    for (name, version) in names.iter().filter_map(|name| name.split_once("@@")) {
        exported.insert(name.to_string());
        let (_, declaration) = description.split_once(&format!("{{\"name\": \"{name}\"")).expect("it is declared");
        let since = declaration.split("Since: ").nth(1).and_then(|rest| rest.split(".\"").next()).expect("a version");
        assert_eq!(version, format!("PELLUCID_{since}"), "{name}");
    }
    assert_eq!(exported, listed());
    let others: Vec<_> = names.iter().filter(|name| !name.contains("@@")).collect();
    assert!(others.iter().all(|name| name.starts_with("PELLUCID_")), "{others:?}");
}

#[test]
fn what_is_installed_is_small() {
    let library = installed().join("lib");
    let sections = |file: &str| run(Command::new("readelf").args(["-SW"]).arg(library.join(file)));
    let (shared, archive) = (sections("libpellucid.so"), sections("libpellucid.a"));
    for (name, sections) in [("shared", &shared), ("static", &archive)] {
        assert!(sections.contains(".text") && !sections.contains(".debug_"), "{name}:\n{sections}");
        assert!(!sections.contains(".llvmbc"), "{name}:\n{sections}");
    }
    let size = |file: &Path| fs::metadata(file).expect("it is there").len();
    let (all, small) = (size(&library::directory().join("libpellucid.a")), size(&library.join("libpellucid.a")));
    assert!(small < all / 4, "{small} of {all} bytes");
    let (all, small) = (size(&library::shared()), size(&library.join("libpellucid.so")));
    assert!(small < all / 3, "{small} of {all} bytes");

    // And debuggers find what isn't in it.
    let (_, name) = names();
    assert!(shared.contains(".gnu_debuglink"), "{shared}");
    let link = run(Command::new("readelf").arg("-p.gnu_debuglink").arg(library.join("libpellucid.so")));
    assert!(link.contains(&format!("{name}.debug")), "{link}");
    let notes = |path: &Path| {
        let text = run(Command::new("readelf").arg("-nW").arg(path));
        number_of_build(&text)
    };
    let debug = library.join(".debug").join(format!("{name}.debug"));
    assert_eq!(notes(&library.join("libpellucid.so")), notes(&debug));
    assert!(run(Command::new("readelf").arg("-SW").arg(debug)).contains(".debug_line"));
}

fn number_of_build(notes: &str) -> String {
    let (_, id) = notes.split_once("Build ID: ").unwrap_or_else(|| panic!("no build id: {notes}"));
    id.split_whitespace().next().expect("a number").to_string()
}

#[test]
fn the_archive_has_no_symbols_but_its_own() {
    let text = run(Command::new("nm").args(["-g", "--defined-only"]).arg(installed().join("lib/libpellucid.a")));
    let names = text.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_string);
    assert_eq!(names.collect::<BTreeSet<_>>(), listed());
}

/// The program of the README, as C and as C++.
fn program(folder: &Path) {
    let document = fs::read_to_string(root().join("README.md")).expect("it is there");
    let (_, rest) = document.split_once("```c\n").expect("a program");
    let text = rest.split("```").next().expect("an end");
    fs::write(folder.join("program.c"), text).expect("a place to build in");
    // C++17 knows no designated initializers.
    let (before, after) = text.split_once("args[2] = ").expect("arguments");
    let (_, after) = after.split_once(", sum;").expect("a result");
    let text = format!("{before}args[2] = {{}}, sum; args[0].of.i32 = 40; args[1].of.i32 = 2;{after}");
    fs::write(folder.join("program.cpp"), text).expect("a place to build in");
}

fn expect_sum(program: &Path, library: Option<&Path>) {
    let mut command = Command::new(program);
    // Cargo's leads to the library that isn't installed.
    command.env_remove("LD_LIBRARY_PATH").envs(library.map(|folder| ("LD_LIBRARY_PATH", folder)));
    assert_eq!(run(&mut command), "40 + 2 = 42\n");
}

/// Builds with pkg-config's flags, from a prefix, and runs.
fn use_package(prefix: &Path, folder: &Path) {
    let flags = |arguments: &[&str]| {
        let mut command = Command::new("pkg-config");
        let text = run(command.args(arguments).arg("pellucid").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
        text.split_whitespace().map(str::to_string).collect::<Vec<_>>()
    };
    program(folder);
    for (compiler, source) in [("gcc", "program.c"), ("g++", "program.cpp")] {
        let build = |flags: &[String], more: &[&str]| {
            let output = folder.join("program");
            let mut command = Command::new(compiler);
            run(command.arg(source).args(flags).args(more).arg("-o").arg(&output).current_dir(folder));
            output
        };
        let shared = build(&flags(&["--cflags", "--libs"]), &[]);
        let needed = run(Command::new("readelf").arg("-d").arg(&shared));
        assert!(needed.contains(&format!("[{}]", names().0)), "{needed}");
        expect_sum(&shared, Some(&prefix.join("lib")));
        expect_sum(&build(&flags(&["--cflags", "--libs", "--static"]), &["-static"]), None);
    }
}

/// What the README says, where the library is installed in a place that is looked into.
fn use_readme(prefix: &Path, folder: &Path) {
    let document = fs::read_to_string(root().join("README.md")).expect("it is there");
    let command = document.lines().find(|line| line.starts_with("cc ") && line.contains("pkg-config"));
    let mut shell = Command::new("sh");
    shell.args(["-c", command.expect("a command")]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    run(shell.current_dir(folder));
    expect_sum(&folder.join("a.out"), Some(&prefix.join("lib")));
}

/// What a document's quick start prints, as it says: files are named in the line above their block, commands and what they
/// print follow each other.
fn quick_start(document: &str, archive: &Path) {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("it is there");
    let folder = fresh(document);
    fs::copy(archive, folder.join(archive.file_name().expect("a file"))).expect("a place to build in");
    let (_, text) = text.split_once("## Quick start\n").expect("a quick start");
    let text = text.split("\n## ").next().expect("an end");
    let mut parts = text.split("```");
    let (mut script, mut expected, mut n_programs) = ("set -e\n".to_string(), String::new(), 0);
    while let (Some(before), Some(block)) = (parts.next(), parts.next()) {
        let (language, block) = block.split_once('\n').expect("a language");
        match language {
            "sh" => script += &format!("{block}\n"),
            "text" => expected += block,
            _ => {
                let name = before.rsplit('`').nth(1).expect("a name of a file");
                fs::write(folder.join(name), block).expect("a place to build in");
                n_programs += 1;
            }
        }
    }
    assert!(n_programs > 0 && !expected.is_empty());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {script} }} > printed")]).current_dir(&folder).env_clear();
    run(shell.env("PATH", std::env::var_os("PATH").expect("there is one")));
    // CMake talks, too.
    let printed = fs::read_to_string(folder.join("printed")).expect("it was just written");
    let printed: Vec<_> = printed.lines().filter(|line| !line.starts_with(['-', '['])).collect();
    assert_eq!(printed, expected.lines().collect::<Vec<_>>(), "{document}");
}

fn use_cmake(prefix: &Path, folder: &Path) {
    program(folder);
    fs::copy(root().join("tests/install/CMakeLists.txt"), folder.join("CMakeLists.txt")).expect("a place to build in");
    let configure = |wanted: &str| {
        let mut command = Command::new("cmake");
        command.args(["-S", ".", "-B", "build"]).arg(format!("-DWANTED={wanted}")).current_dir(folder);
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
        command
    };
    let output = configure("99.0").output().expect("cmake runs");
    assert!(!output.status.success(), "a version that isn't there was found");
    let version = env!("CARGO_PKG_VERSION");
    let said = run(&mut configure(version));
    assert!(said.contains(&format!("version {version}")), "{said}");
    run(Command::new("cmake").args(["--build", "build"]).current_dir(folder));
    for name in ["shared_c", "static_c", "shared_cpp", "static_cpp"] {
        let program = folder.join("build").join(name);
        let needed = run(Command::new("readelf").arg("-d").arg(&program));
        assert_eq!(needed.contains("libpellucid.so"), name.starts_with("shared"), "{name}: {needed}");
        // CMake writes the library's folder into programs that aren't installed themselves.
        expect_sum(&program, None);
    }
}

/// Where the tools are that not every machine has.
fn tools_for(test: &str, tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !has(tool)).collect();
    if !missing.is_empty() {
        skip::skipped(test, &format!("there is no {missing:?}"));
    }
    missing.is_empty()
}

#[test]
fn pkg_config_leads_to_it() {
    if tools_for("pkg_config_leads_to_it", &["pkg-config", "g++"]) {
        let folder = fresh("with_package");
        use_package(installed(), &folder);
        use_readme(installed(), &folder);
    }
}

#[test]
fn cmake_finds_it() {
    if tools_for("cmake_finds_it", &["cmake", "g++"]) {
        use_cmake(installed(), &fresh("with_cmake"));
    }
}

/// An archive of `make dist` is unpacked where somebody likes.
#[test]
fn it_works_where_it_is_unpacked() {
    if !tools_for("it_works_where_it_is_unpacked", &["cmake", "pkg-config", "g++"]) {
        return;
    }
    // What is built for all tests is taken, as it is newer than what it is made from.
    installed();
    let place = fresh("some where");
    run(make(&["dist"], Path::new("")).arg(format!("DIST_FOLDER={}", place.display())));
    let archives: Vec<_> = files(&place).into_iter().collect();
    let version = env!("CARGO_PKG_VERSION");
    assert!(archives.len() == 2 && archives.iter().all(|name| name.starts_with(&format!("pellucid-{version}-"))));
    let unpacked = fresh("unpacked");
    for name in &archives {
        run(Command::new("tar").arg("-xf").arg(place.join(name)).arg("-C").arg(&unpacked));
    }
    let folders = fs::read_dir(&unpacked).expect("a readable folder");
    let folders: Vec<_> = folders.map(|entry| entry.expect("a readable folder").path()).collect();
    assert_eq!(folders.len(), 1);
    assert_eq!(files(&folders[0]), files(installed()));
    use_package(&folders[0], &fresh("with_moved_package"));
    use_cmake(&folders[0], &fresh("with_moved_cmake"));
    let archive = place.join(archives.iter().find(|name| !name.contains("-debug")).expect("an archive"));
    quick_start("C.md", &archive);
    quick_start("CPP.md", &archive);
}

#[test]
fn libraries_below_a_folder_for_the_machine_are_found() {
    if !tools_for("libraries_below_a_folder_for_the_machine_are_found", &["cmake", "g++"]) {
        return;
    }
    installed();
    let destination = fresh("multiarch");
    let library = format!("LIBDIR={PREFIX}/lib/x86_64-linux-gnu");
    run(make(&["install"], &destination).arg(library).arg(format!("PACKAGE={}", fresh("package_multiarch").display())));
    use_cmake(&destination.join(&PREFIX[1..]), &fresh("with_multiarch"));
}

#[test]
fn what_was_installed_is_removed() {
    installed();
    let destination = fresh("removed");
    let somebody_elses = destination.join(&PREFIX[1..]).join("lib/other.so");
    fs::create_dir_all(somebody_elses.with_file_name("")).expect("a place");
    fs::write(&somebody_elses, "").expect("a place");
    run(&mut make(&["install", "install-debug"], &destination));
    run(&mut make(&["uninstall"], &destination));
    assert_eq!(
        files(&destination),
        BTreeSet::from([somebody_elses.strip_prefix(&destination).unwrap().display().to_string()])
    );
}

#[test]
fn another_rust_library_fits_into_the_same_program() {
    let folder = fresh("beside");
    let compiled = scratch("beside/libother.a");
    run(Command::new("rustc")
        .args(["--edition=2024", "-O", "--crate-type=staticlib", "-o"])
        .arg(&compiled)
        .arg(root().join("tests/install/other.rs")));
    for order in [["libother.a", "libpellucid.a"], ["libpellucid.a", "libother.a"]] {
        let archives =
            order.map(|name| if name == "libother.a" { compiled.clone() } else { installed().join("lib").join(name) });
        let program = folder.join("program");
        run(Command::new("gcc")
            .arg(root().join("tests/install/beside.c"))
            .arg("-I")
            .arg(installed().join("include"))
            .args(archives)
            .args(["-lm", "-lpthread", "-ldl", "-o"])
            .arg(&program));
        assert_eq!(run(&mut Command::new(&program)), "3\nok\n");
    }
}

/// What else is tested of the library as Cargo leaves it holds for what is installed: here, where linking differs.
#[test]
fn the_tests_in_c_run_with_what_is_installed() {
    let folder = fresh("tests");
    let library = installed().join("lib");
    for name in ["func", "signal", "frame", "exceptions", "threads", "wasi", "stacks"] {
        for is_static in [false, true] {
            let program = folder.join(name);
            let mut command = Command::new("gcc");
            command.args(["-std=c11", "-O1", "-pthread"]).arg(root().join("tests/c").join(format!("{name}.c")));
            command.arg("-I").arg(installed().join("include"));
            if is_static {
                command.arg(library.join("libpellucid.a"));
            } else {
                command.arg("-L").arg(&library).arg("-lpellucid").arg(format!("-Wl,-rpath,{}", library.display()));
            }
            run(command.args(["-lm", "-lpthread", "-ldl", "-o"]).arg(&program));
            assert_eq!(run(Command::new(&program).env_remove("LD_LIBRARY_PATH")), "ok\n", "{name}");
        }
    }
}
