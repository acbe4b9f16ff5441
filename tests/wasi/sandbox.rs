//! No path leads out of a folder, and nothing changes in one that is read-only.

use crate::guest::{
    ACCES, CREAT, DIRECTORY, EXCL, EXIST, FOLDER, Guest, NOENT, OUT, PERM, Place, READ, ROFS, SUCCESS, TRUNC, WRITE,
    both,
};
use pellucid::base::ErrorKind;
use pellucid::wasi::WasiConfig;
use rustix::fs::{CWD, RenameFlags};
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A place with something to protect beside the guest's folder, and ways that might lead there.
fn prepare(place: &Place) {
    fs::write(place.outside("secret"), "secret").unwrap();
    fs::create_dir(place.outside("other")).unwrap();
    fs::write(place.inside("mine"), "mine").unwrap();
    fs::create_dir(place.inside("sub")).unwrap();
    let outside = place.outside("secret");
    symlink("../secret", place.inside("relative")).unwrap();
    symlink(&outside, place.inside("absolute")).unwrap();
    symlink("..", place.inside("up")).unwrap();
    symlink(outside.parent().unwrap(), place.inside("up_absolute")).unwrap();
    symlink("relative", place.inside("indirect")).unwrap();
    symlink("../../secret", place.inside("sub/deeper")).unwrap();
    symlink("/", place.inside("root")).unwrap();
}

/// Ways to what lies beside the folder.
fn ways(place: &Place, name: &str) -> Vec<String> {
    let absolute = place.outside(name).to_str().unwrap().to_string();
    let mut ways = vec![format!("root{absolute}"), absolute];
    for way in ["../", "./../", "sub/../../", "up/", "up_absolute/", "sub/../up/", "../box/../"] {
        ways.push(format!("{way}{name}"));
    }
    ways
}

fn assert_unchanged(place: &Place) {
    assert_eq!(fs::read_to_string(place.outside("secret")).unwrap(), "secret");
    let mut names: Vec<_> = fs::read_dir(place.outside("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["box", "other", "secret"]);
    assert_eq!(fs::read_dir(place.outside("other")).unwrap().count(), 0);
}

#[test]
fn nothing_outside_can_be_opened_or_looked_at() {
    both(|guest, place| {
        prepare(place);
        let links = ["relative", "absolute", "indirect", "sub/deeper"].map(str::to_string);
        for way in ways(place, "secret").iter().chain(&links) {
            for (oflags, rights) in [(0, READ), (0, READ | WRITE), (CREAT, WRITE), (TRUNC, WRITE), (CREAT | TRUNC, 0)] {
                assert_eq!(guest.try_open(way, true, oflags, rights, 0), Err(PERM), "{way}");
            }
            assert_eq!(guest.stat(way, true), Err(PERM), "{way}");
        }
        for way in ways(place, "secret") {
            assert_eq!(guest.stat(&way, false), Err(PERM), "{way}");
            assert_eq!(guest.try_open(&way, false, 0, READ, 0), Err(PERM), "{way}");
        }
        for way in ways(place, "other").iter().map(String::as_str).chain(["..", "/", "up", "up_absolute", "root"]) {
            assert_eq!(guest.try_open(way, true, DIRECTORY, 0, 0), Err(PERM), "{way}");
            assert_eq!(guest.try_open(way, true, 0, READ, 0), Err(PERM), "{way}");
        }
        // Nor from a folder further in, whose `..` is inside.
        let sub = guest.open("sub", DIRECTORY, 0);
        assert_eq!(guest.try_open_in(sub, "../mine", true, 0, READ, 0), Err(PERM));
        assert_unchanged(place);
    });
}

#[test]
fn links_that_lead_out_say_where_only_if_they_are_relative() {
    both(|guest, place| {
        prepare(place);
        let read = |path: &str| {
            let [at, length] = guest.path(path);
            let errno = guest.call("path_readlink", &[FOLDER.into(), at, length, 65536, 64, OUT.into()]);
            (errno, guest.read_u32(OUT) as usize)
        };
        let (errno, length) = read("relative");
        assert_eq!((errno, guest.read(65536, length)), (SUCCESS, b"../secret".to_vec()));
        assert_eq!(read("absolute").0, PERM);
        assert_eq!(read("up/secret").0, PERM);
    });
}

#[test]
fn nothing_outside_can_be_made_changed_or_removed() {
    both(|guest, place| {
        prepare(place);
        for way in ways(place, "new") {
            assert_eq!(guest.try_open(&way, true, CREAT | EXCL, WRITE, 0), Err(PERM), "{way}");
            assert_eq!(guest.on_path("path_create_directory", FOLDER, &way), PERM, "{way}");
            let [new, length] = guest.other_path(&way);
            let [old, old_length] = guest.path("mine");
            let args = [old, old_length, FOLDER.into(), new, length];
            assert_eq!(guest.call("path_symlink", &args), PERM, "{way}");
            let args = [FOLDER.into(), old, old_length, FOLDER.into(), new, length];
            assert_eq!(guest.call("path_rename", &args), PERM, "{way}");
            let args = [FOLDER.into(), 0, old, old_length, FOLDER.into(), new, length];
            assert_eq!(guest.call("path_link", &args), PERM, "{way}");
        }
        for way in ways(place, "secret") {
            assert_eq!(guest.on_path("path_unlink_file", FOLDER, &way), PERM, "{way}");
            let [old, old_length] = guest.path(&way);
            let [new, length] = guest.other_path("stolen");
            let args = [FOLDER.into(), old, old_length, FOLDER.into(), new, length];
            assert_eq!(guest.call("path_rename", &args), PERM, "{way}");
            let args = [FOLDER.into(), 0, old, old_length, FOLDER.into(), new, length];
            assert_eq!(guest.call("path_link", &args), PERM, "{way}");
            for follow in [0, 1] {
                let args = [FOLDER.into(), follow, old, old_length, 5, 5, 5];
                assert_eq!(guest.call("path_filestat_set_times", &args), PERM, "{way}");
            }
        }
        for way in ways(place, "other") {
            assert_eq!(guest.on_path("path_remove_directory", FOLDER, &way), PERM, "{way}");
        }
        assert_unchanged(place);
        assert_eq!(guest.stat("stolen", false), Err(NOENT));
        assert_eq!(fs::read_to_string(place.inside("mine")).unwrap(), "mine");
    });
}

#[test]
fn links_of_the_guests_own_lead_nowhere_else_either() {
    both(|guest, place| {
        prepare(place);
        let make = |content: &str, path: &str| {
            let [content, content_length] = guest.path(content);
            let [at, length] = guest.other_path(path);
            guest.call("path_symlink", &[content, content_length, FOLDER.into(), at, length])
        };
        assert_eq!(make(place.outside("secret").to_str().unwrap(), "own_absolute"), PERM);
        assert_eq!(make("../secret", "own"), SUCCESS);
        assert_eq!(make("..", "own_up"), SUCCESS);
        assert_eq!(guest.try_open("own", true, 0, READ, 0), Err(PERM));
        assert_eq!(guest.try_open("own_up/secret", true, 0, READ, 0), Err(PERM));
        // A hard link to a symbolic link is another symbolic link, which leads out just as little.
        let [old, old_length] = guest.path("own");
        let [new, length] = guest.other_path("linked");
        let args = [FOLDER.into(), 0, old, old_length, FOLDER.into(), new, length];
        assert_eq!(guest.call("path_link", &args), SUCCESS);
        assert_eq!(guest.stat("linked", false).unwrap().0, 7);
        assert_eq!(guest.try_open("linked", true, 0, READ, 0), Err(PERM));
        // Moving a link to where it would lead further up doesn't help.
        let [old, old_length] = guest.path("sub/deeper");
        let [new, length] = guest.other_path("shallow");
        assert_eq!(guest.call("path_rename", &[FOLDER.into(), old, old_length, FOLDER.into(), new, length]), SUCCESS);
        assert_eq!(guest.try_open("shallow", true, 0, READ, 0), Err(PERM));
        // Nor does moving a folder that is open out from under its `..`.
        let sub = guest.open("sub", DIRECTORY, 0);
        let [old, old_length] = guest.path("sub");
        let [new, length] = guest.other_path("moved");
        assert_eq!(guest.call("path_rename", &[FOLDER.into(), old, old_length, FOLDER.into(), new, length]), SUCCESS);
        assert_eq!(guest.try_open_in(sub, "../../secret", true, 0, READ, 0), Err(PERM));
        assert_unchanged(place);
    });
}

#[test]
fn nothing_changes_in_a_folder_that_is_read_only() {
    for debug in [false, true] {
        let place = Place::new();
        fs::create_dir(place.outside("writable")).unwrap();
        fs::write(place.inside("file"), "content").unwrap();
        fs::create_dir(place.inside("sub")).unwrap();
        fs::write(place.inside("sub/file"), "content").unwrap();
        let mut config = place.config(true);
        config.preopen(place.outside("writable").to_str().unwrap(), "/writable", false).unwrap();
        let guest = Guest::new(debug, &config);
        let sub = guest.open("sub", DIRECTORY, 0);
        for fd in [FOLDER, sub] {
            for (oflags, rights) in [(0, WRITE), (0, READ | WRITE), (TRUNC, READ), (CREAT | TRUNC, WRITE)] {
                assert_eq!(guest.try_open_in(fd, "file", true, oflags, rights, 0), Err(ROFS));
            }
            assert_eq!(guest.try_open_in(fd, "new", true, CREAT, READ, 0), Err(ROFS));
            assert_eq!(guest.try_open_in(fd, "file", true, CREAT | EXCL, READ, 0), Err(EXIST));
            for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
                assert_eq!(guest.on_path(name, fd, "file"), ROFS, "{name}");
            }
            let fd = i64::from(fd);
            let [at, length] = guest.path("file");
            let [new, new_length] = guest.other_path("new");
            for to in [fd, 4] {
                let args = [fd, at, length, to, new, new_length];
                assert_eq!(guest.call("path_rename", &args), ROFS);
                // A link in the other folder could be written through.
                let args = [fd, 0, at, length, to, new, new_length];
                assert_eq!(guest.call("path_link", &args), ROFS);
            }
            assert_eq!(guest.call("path_symlink", &[at, length, fd, new, new_length]), ROFS);
            assert_eq!(guest.call("path_filestat_set_times", &[fd, 1, at, length, 5, 5, 5]), ROFS);
            assert_eq!(guest.call("fd_filestat_set_times", &[fd, 5, 5, 5]), ROFS);
        }
        // Reading is fine, also by a program that would make the file if it weren't there.
        let file = guest.try_open("file", true, CREAT, READ, 0).unwrap();
        assert_eq!(guest.try_read(file, 100).unwrap(), b"content");
        let before = fs::metadata(place.inside("file")).unwrap().modified().unwrap();
        for (name, args) in [
            ("fd_filestat_set_size", vec![file.into(), 1]),
            ("fd_allocate", vec![file.into(), 0, 100]),
            ("fd_filestat_set_times", vec![file.into(), 5, 5, 5]),
        ] {
            assert_ne!(guest.call(name, &args), SUCCESS, "{name}");
        }
        assert!(guest.try_write(file, b"x").is_err());
        assert_eq!(fs::metadata(place.inside("file")).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_to_string(place.inside("file")).unwrap(), "content");
        assert_eq!(fs::read_dir(place.inside("")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(place.outside("writable")).unwrap().count(), 0);
    }
}

/// Does something again and again in another thread while a test runs; answers what the test answers.
fn meanwhile<T>(disturb: impl Fn() + Sync, test: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                disturb();
            }
        });
        // Also if the test panics, the other thread has to end.
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(test));
        is_over.store(true, Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How long a race is run.
const RACE: Duration = Duration::from_millis(700);

fn exchange(one: &Path, other: &Path) {
    let _ = rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
}

#[test]
fn what_is_exchanged_meanwhile_leads_nowhere() {
    let place = Place::new();
    fs::create_dir_all(place.outside("out/deep")).unwrap();
    fs::write(place.outside("out/secret"), "secret").unwrap();
    fs::write(place.outside("out/deep/secret"), "secret").unwrap();
    fs::create_dir_all(place.inside("x/deep")).unwrap();
    fs::write(place.inside("x/secret"), "mine").unwrap();
    fs::write(place.inside("x/deep/secret"), "mine").unwrap();
    symlink("../out", place.inside("y")).unwrap();
    fs::write(place.inside("f"), "mine").unwrap();
    symlink("../out/secret", place.inside("l")).unwrap();
    let guest = Guest::new(false, &place.config(false));
    let (x, y, f, l) = (place.inside("x"), place.inside("y"), place.inside("f"), place.inside("l"));
    let disturb = || {
        exchange(&x, &y);
        exchange(&f, &l);
    };
    let outside = |name: &str| fs::read_dir(place.outside(name)).unwrap().count();
    let mut n_opened = 0;
    meanwhile(disturb, || {
        let begun = Instant::now();
        while begun.elapsed() < RACE {
            for path in ["x/secret", "x/deep/secret", "x/deep/../secret", "./x/./deep/secret", "f", "y/secret", "l"] {
                if let Ok(file) = guest.try_open(path, true, 0, READ | WRITE, 0) {
                    n_opened += 1;
                    assert_eq!(guest.try_read(file, 100).unwrap(), b"mine", "{path}");
                    guest.close(file);
                }
                if let Ok((kind, _, size)) = guest.stat(path, true) {
                    assert_eq!((kind, size), (4, 4), "{path}");
                }
            }
            // What is made and removed is inside as well.
            let _ = guest.try_open("x/new", true, CREAT, WRITE, 0).map(|file| guest.close(file));
            guest.on_path("path_create_directory", FOLDER, "x/folder");
            guest.on_path("path_create_directory", FOLDER, "x/deep/folder/");
            let ([old, n_old], [new, n_new]) = (guest.path("x/secret"), guest.other_path("x/linked"));
            guest.call("path_link", &[FOLDER.into(), 0, old, n_old, FOLDER.into(), new, n_new]);
            guest.call("path_symlink", &[old, n_old, FOLDER.into(), new, n_new]);
            let ([old, n_old], [new, n_new]) = (guest.path("x/new"), guest.other_path("x/deep/moved"));
            guest.call("path_rename", &[FOLDER.into(), old, n_old, FOLDER.into(), new, n_new]);
            assert_eq!((outside("out"), outside("out/deep")), (2, 1));
            for (name, path) in [
                ("path_unlink_file", "x/new"),
                ("path_unlink_file", "x/linked"),
                ("path_unlink_file", "x/deep/moved"),
                ("path_remove_directory", "x/folder/"),
                ("path_remove_directory", "x/deep/folder"),
            ] {
                guest.on_path(name, FOLDER, path);
            }
        }
    });
    assert!(n_opened > 0);
    assert_eq!(fs::read_to_string(place.outside("out/secret")).unwrap(), "secret");
}

#[test]
fn a_folder_that_is_moved_away_is_no_way_out() {
    let place = Place::new();
    fs::create_dir_all(place.inside("p/q/r/s")).unwrap();
    fs::create_dir(place.outside("out")).unwrap();
    fs::write(place.outside("secret"), "secret").unwrap();
    fs::write(place.outside("out/secret"), "secret").unwrap();
    let guest = Guest::new(false, &place.config(false));
    let (inside, outside) = (place.inside("p/q/r"), place.outside("out/r"));
    let disturb = || {
        let _ = fs::rename(&inside, &outside);
        let _ = fs::rename(&outside, &inside);
    };
    let n_looks = meanwhile(disturb, || {
        let begun = Instant::now();
        let mut n_looks = 0;
        while begun.elapsed() < RACE {
            for up in ["..", "../..", "../../..", "s/../..", "s/../../..", "s/../../../.."] {
                let path = format!("p/q/r/{up}/secret");
                assert!(guest.try_open(&path, true, 0, READ, 0).is_err(), "{path}");
                assert!(guest.stat(&path, false).is_err(), "{path}");
                // Where it ends in `..`, the folder that is opened has to be inside.
                let path = format!("p/q/r/{up}");
                if let Ok(folder) = guest.try_open(&path, true, DIRECTORY, READ, 0) {
                    assert!(guest.try_open_in(folder, "secret", true, 0, READ, 0).is_err(), "{path}");
                    guest.close(folder);
                }
                n_looks += 1;
            }
        }
        n_looks
    });
    assert!(n_looks > 0);
}

#[test]
fn what_the_system_shows_of_itself_is_out_of_reach() {
    let place = Place::new();
    // From the root, links may lead to everywhere.
    let up = "../".repeat(place.inside("").components().count() - 1);
    symlink(format!("{up}proc"), place.inside("to_proc")).unwrap();
    symlink(format!("{up}proc/self/mem"), place.inside("to_memory")).unwrap();
    symlink(format!("{up}proc/self/fd"), place.inside("to_descriptors")).unwrap();
    let inside = place.inside("").to_str().unwrap().trim_start_matches('/').to_string();
    let pid = std::process::id();
    for is_read_only in [false, true] {
        let mut config = WasiConfig::default();
        config.preopen("/", "/", is_read_only).unwrap();
        let guest = Guest::new(false, &config);
        let files = [
            "proc/self/mem".to_string(),
            "proc/self/maps".to_string(),
            "proc/thread-self/mem".to_string(),
            format!("proc/{pid}/mem"),
            format!("proc/{pid}/task/{pid}/mem"),
            "proc/1/environ".to_string(),
            "dev/../proc/self/mem".to_string(),
            "proc/self/../self/mem".to_string(),
            "proc/cpuinfo".to_string(),
            "sys/kernel/uevent_seqnum".to_string(),
            format!("{inside}to_memory"),
            format!("{inside}to_proc/self/mem"),
        ];
        for path in &files {
            for (oflags, rights) in [(0, READ), (0, READ | WRITE), (CREAT, READ), (TRUNC, WRITE), (0, 0)] {
                let opened = guest.try_open(path, true, oflags, rights, 0);
                assert!(matches!(opened, Err(ACCES | ROFS | PERM)), "{path}: {opened:?}");
                assert!(rights != READ || oflags != 0 || opened == Err(ACCES) || path.contains("thread"), "{path}");
            }
            assert!(matches!(guest.stat(path, true), Err(ACCES)), "{path}");
        }
        let folders =
            ["proc", "proc/", "proc/self", "proc/self/fd", "proc/self/task", "proc/sys/kernel", "sys", "sys/kernel"];
        for path in folders
            .map(str::to_string)
            .iter()
            .chain(&["to_proc", "to_descriptors"].map(|name| format!("{inside}{name}")))
        {
            for oflags in [0, DIRECTORY] {
                assert_eq!(guest.try_open(path, true, oflags, READ, 0), Err(ACCES), "{path}");
            }
        }
        // Links of the kernel's own, which lead to what they say nothing of.
        for path in [
            "proc/self/exe",
            "proc/self/fd/0",
            "proc/self/cwd/Cargo.toml",
            "proc/self/root/etc/passwd",
            "dev/fd/0",
            "dev/stdin",
        ] {
            let opened = guest.try_open(path, true, 0, READ, 0);
            assert!(matches!(opened, Err(ACCES | PERM | crate::guest::LOOP | NOENT)), "{path}: {opened:?}");
            let [at, length] = guest.path(path);
            assert_ne!(
                guest.call("path_readlink", &[FOLDER.into(), at, length, 65536, 64, OUT.into()]),
                SUCCESS,
                "{path}"
            );
        }
        // Devices lead out too, but for the harmless ones.
        for path in ["dev/null", "dev/zero", "dev/urandom"] {
            let file = guest.try_open(path, true, 0, READ, 0).unwrap();
            guest.close(file);
        }
        for path in ["dev/mem", "dev/kmsg", "dev/tty", "dev/console", "dev/sda", "dev/vda", "dev/loop0"] {
            let opened = guest.try_open(path, true, 0, READ, 0);
            assert!(matches!(opened, Err(ACCES | NOENT)), "{path}: {opened:?}");
        }
    }
    let mut config = WasiConfig::default();
    for path in ["/proc", "/proc/self", "/proc/self/fd", "/sys"] {
        let error = config.preopen(path, "/", true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{path}: {error}");
    }
}

#[test]
fn without_a_folder_there_are_no_files() {
    let guest = Guest::new(false, &WasiConfig::default());
    for fd in [0, 1, 2] {
        assert_eq!(guest.try_open_in(fd, "x", true, 0, READ, 0), Err(crate::guest::NOTDIR));
    }
    assert_eq!(guest.try_open("x", true, 0, READ, 0), Err(crate::guest::BADF));
}
