//! No path leads out of a folder, and nothing changes in one that is read-only.

use crate::guest::{
    ACCES, CREAT, DIRECTORY, EXCL, EXIST, FOLDER, Guest, NOENT, OUT, PERM, Place, READ, ROFS, SUCCESS, TRUNC, WRITE,
    both,
};
use pellucid::base::ErrorKind;
use pellucid::wasi::WasiConfig;
use std::fs;
use std::os::unix::fs::symlink;

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
