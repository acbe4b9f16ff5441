//! The functions on paths, on what is there and may be used.

use crate::guest::{
    CREAT, DATA, DIRECTORY, EXCL, EXIST, FOLDER, Guest, ILSEQ, INVAL, ISDIR, LOOP, NAMETOOLONG, NOENT, NOTDIR,
    NOTEMPTY, OUT, PERM, Place, READ, SUCCESS, TRUNC, WRITE, both,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

#[test]
fn opening_heeds_its_flags() {
    both(|guest, place| {
        assert_eq!(guest.try_open("file", true, 0, READ, 0), Err(NOENT));
        // Made without the right to write, as POSIX allows.
        let file = guest.open("file", CREAT, 0);
        guest.close(file);
        assert_eq!(fs::read(place.inside("file")).unwrap(), b"");
        fs::write(place.inside("file"), "content").unwrap();
        assert_eq!(guest.try_open("file", true, CREAT | EXCL, WRITE, 0), Err(EXIST));
        let file = guest.open("file", CREAT, READ);
        assert_eq!(guest.try_read(file, 100).unwrap(), b"content");
        guest.close(file);
        assert_eq!(guest.try_open("file", true, DIRECTORY, READ, 0), Err(NOTDIR));
        assert_eq!(guest.try_open("file/", true, 0, READ, 0), Err(NOTDIR));
        assert_eq!(guest.try_open("file/x", true, 0, READ, 0), Err(NOTDIR));
        assert_eq!(guest.try_open("new", true, DIRECTORY | CREAT, READ, 0), Err(INVAL));
        for oflags in [EXCL, TRUNC] {
            assert_eq!(guest.try_open("new", true, DIRECTORY | oflags, READ, 0), Err(NOENT));
        }
        assert_eq!(guest.try_open("file", true, 16, READ, 0), Err(INVAL));
        let [at, length] = guest.path("file");
        assert_eq!(guest.call("path_open", &[3, 2, at, length, 0, READ, READ, 0, OUT.into()]), INVAL);
        let file = guest.open("file", TRUNC, READ);
        assert_eq!((guest.size(file), guest.try_write(file, b"x")), (0, Err(crate::guest::BADF)));
        guest.close(file);
        let file = guest.open("new", CREAT | EXCL, WRITE);
        assert_eq!(guest.try_write(file, b"new"), Ok(3));
        assert_eq!(fs::read(place.inside("new")).unwrap(), b"new");
        // A folder is one also without the flag, but can't be written to.
        fs::create_dir(place.inside("sub")).unwrap();
        let sub = guest.open("sub", 0, READ);
        assert_eq!(guest.try_open_in(sub, "../new", true, 0, READ, 0), Err(PERM));
        assert_eq!(guest.list(sub, 1000).len(), 2);
        assert_eq!(guest.try_open("sub", true, 0, WRITE, 0), Err(ISDIR));
        // What an open file is no folder for.
        assert_eq!(guest.try_open_in(file, "x", true, 0, READ, 0), Err(NOTDIR));
    });
}

#[test]
fn paths_may_be_roundabout_but_not_malformed() {
    both(|guest, place| {
        fs::create_dir_all(place.inside("dir/nested")).unwrap();
        fs::write(place.inside("dir/nested/file"), "x").unwrap();
        for path in ["dir/.//nested/../../dir/nested/../nested///./file", "./dir/nested/file", "dir//nested//file"] {
            let file = guest.open(path, 0, READ);
            guest.close(file);
        }
        guest.open("dir/nested///", 0, READ);
        assert_eq!(guest.try_open("", true, 0, READ, 0), Err(NOENT));
        assert_eq!(guest.try_open("dir/nested/file\0", true, 0, READ, 0), Err(INVAL));
        guest.write(256, b"\xff\xfe");
        assert_eq!(guest.call("path_create_directory", &[3, 256, 2]), ILSEQ);
        assert_eq!(guest.on_path("path_create_directory", FOLDER, &"n".repeat(256)), NAMETOOLONG);
        assert_eq!(guest.call("path_create_directory", &[3, DATA.into(), 65537]), NAMETOOLONG);
        assert_eq!(guest.try_open("dir/../..", true, 0, READ, 0), Err(PERM));
    });
}

#[test]
fn long_paths_and_links_are_as_long_as_the_systems() {
    both(|guest, place| {
        // Together they are longer than a path may be, one by one they aren't.
        let deep = "n".repeat(200);
        let folder = [&deep[..]; 15].join("/");
        let mut inside = guest.open(".", DIRECTORY, 0);
        for _ in 0..15 {
            let [at, length] = guest.path(&deep);
            assert_eq!(guest.call("path_create_directory", &[inside.into(), at, length]), SUCCESS);
            inside = guest.try_open_in(inside, &deep, false, DIRECTORY, READ, 0).unwrap();
        }
        fs::write(place.inside("file"), "content").unwrap();
        let up = format!("{}{}file", "../".repeat(15), "./".repeat(800));
        assert!(folder.len() + up.len() > 4096);
        let ([old, n_old], [new, n_new]) = (guest.path(&up), guest.other_path("link"));
        assert_eq!(guest.call("path_symlink", &[old, n_old, inside.into(), new, n_new]), SUCCESS);
        let link = format!("{folder}/link");
        let file = guest.open(&link, 0, READ);
        assert_eq!(guest.try_read(file, 100).unwrap(), b"content");
        assert_eq!(guest.stat(&link, true).unwrap().2, 7);
        assert_eq!(guest.try_open(&"./".repeat(2047), true, 0, READ, 0).map(drop), Ok(()));
        assert_eq!(guest.try_open(&"./".repeat(2048), true, 0, READ, 0), Err(NAMETOOLONG));
    });
}

#[test]
fn without_a_free_number_nothing_is_made() {
    both(|guest, place| {
        fs::write(place.inside("file"), "content").unwrap();
        while guest.try_open("file", true, 0, READ, 0).is_ok() {}
        assert_eq!(guest.try_open("new", true, CREAT, WRITE, 0), Err(33));
        assert_eq!(guest.try_open("file", true, TRUNC, WRITE, 0), Err(33));
        assert_eq!(fs::read(place.inside("file")).unwrap(), b"content");
        assert!(!place.inside("new").exists());
    });
}

#[test]
fn folders_and_files_come_and_go() {
    both(|guest, place| {
        assert_eq!(guest.on_path("path_create_directory", FOLDER, "sub"), SUCCESS);
        assert_eq!(guest.on_path("path_create_directory", FOLDER, "sub"), EXIST);
        assert_eq!(guest.on_path("path_create_directory", FOLDER, "no/sub"), NOENT);
        guest.open("sub/file", CREAT, WRITE);
        assert_eq!(guest.on_path("path_remove_directory", FOLDER, "sub"), NOTEMPTY);
        assert_eq!(guest.on_path("path_remove_directory", FOLDER, "sub/file"), NOTDIR);
        assert_eq!(guest.on_path("path_unlink_file", FOLDER, "sub"), ISDIR);
        assert_eq!(guest.on_path("path_unlink_file", FOLDER, "sub/none"), NOENT);
        assert_eq!(guest.on_path("path_unlink_file", FOLDER, "sub/file/"), NOTDIR);
        assert_eq!(guest.on_path("path_unlink_file", FOLDER, "sub/file"), SUCCESS);
        assert_eq!(guest.on_path("path_create_directory", FOLDER, "other//"), SUCCESS);
        symlink("other", place.inside("link")).unwrap();
        for path in ["link", "link/"] {
            assert_eq!(guest.on_path("path_remove_directory", FOLDER, path), NOTDIR);
        }
        assert_eq!(guest.on_path("path_remove_directory", FOLDER, "/"), PERM);
        assert_eq!(guest.on_path("path_remove_directory", FOLDER, "."), INVAL);
        fs::remove_file(place.inside("link")).unwrap();
        for path in ["sub/", "other//"] {
            assert_eq!(guest.on_path("path_remove_directory", FOLDER, path), SUCCESS);
        }
        assert_eq!(fs::read_dir(place.inside("")).unwrap().count(), 0);
    });
}

#[test]
fn things_are_renamed_and_linked() {
    both(|guest, place| {
        fs::write(place.inside("a"), "a").unwrap();
        fs::write(place.inside("b"), "b").unwrap();
        fs::create_dir(place.inside("sub")).unwrap();
        let sub = i64::from(guest.open("sub", DIRECTORY, 0));
        let two = |name: &str, from: i64, old: &str, to: i64, new: &str| {
            let [old, old_length] = guest.path(old);
            let [new, length] = guest.other_path(new);
            match name {
                "path_link" => guest.call(name, &[from, 0, old, old_length, to, new, length]),
                _ => guest.call(name, &[from, old, old_length, to, new, length]),
            }
        };
        assert_eq!(two("path_rename", 3, "a", 3, "b"), SUCCESS);
        assert_eq!(fs::read_to_string(place.inside("b")).unwrap(), "a");
        assert_eq!(two("path_rename", 3, "a", 3, "c"), NOENT);
        assert_eq!(two("path_rename", 3, "b", 3, "sub"), ISDIR);
        assert_eq!(two("path_rename", 3, "sub", 3, "b"), NOTDIR);
        assert_eq!(two("path_rename", 3, "b", sub, "b"), SUCCESS);
        assert_eq!(two("path_link", sub, "b", 3, "linked"), SUCCESS);
        assert_eq!(two("path_link", sub, "b", 3, "linked"), EXIST);
        assert_eq!(guest.stat("linked", false).unwrap(), (4, 2, 1));
        let [at, length] = guest.path("linked");
        assert_eq!(guest.call("path_link", &[3, 1, at, length, 3, at, length]), INVAL);
        assert_eq!(two("path_link", 3, "sub", 3, "other"), PERM);
        assert_eq!(two("path_rename", 3, "sub/", 3, "moved/"), SUCCESS);
        assert_eq!(two("path_rename", 3, "linked/", 3, "x"), NOTDIR);
    });
}

#[test]
fn symbolic_links_are_made_read_and_followed() {
    both(|guest, place| {
        fs::write(place.inside("file"), "content").unwrap();
        let make = |content: &str, path: &str| {
            let [content, content_length] = guest.path(content);
            let [at, length] = guest.other_path(path);
            guest.call("path_symlink", &[content, content_length, 3, at, length])
        };
        assert_eq!(make("file", "link"), SUCCESS);
        assert_eq!(make("file", "link"), EXIST);
        assert_eq!(make("round", "round"), SUCCESS);
        assert_eq!(make("nothing", "dangling"), SUCCESS);
        let read = |path: &str, room: i64| {
            let [at, length] = guest.path(path);
            match guest.call("path_readlink", &[3, at, length, DATA.into(), room, OUT.into()]) {
                0 => Ok(String::from_utf8(guest.read(DATA, guest.read_u32(OUT) as usize)).unwrap()),
                errno => Err(errno),
            }
        };
        assert_eq!(read("link", 100).unwrap(), "file");
        assert_eq!(read("link", 2).unwrap(), "fi");
        assert_eq!(read("link", 0).unwrap(), "");
        assert_eq!((read("file", 10), read("none", 10)), (Err(INVAL), Err(NOENT)));
        assert_eq!((guest.stat("link", true).unwrap().0, guest.stat("link", false).unwrap().0), (4, 7));
        assert_eq!(guest.try_open("link", false, 0, READ, 0), Err(LOOP));
        assert_eq!(guest.try_open("round", true, 0, READ, 0), Err(LOOP));
        assert_eq!(guest.try_open("dangling", true, 0, READ, 0), Err(NOENT));
        assert!(matches!(guest.try_open("link", false, DIRECTORY, READ, 0), Err(LOOP | NOTDIR)));
        let file = guest.open("link", 0, READ);
        assert_eq!(guest.try_read(file, 100).unwrap(), b"content");
        assert_eq!(guest.on_path("path_unlink_file", FOLDER, "link"), SUCCESS);
        assert!(place.inside("file").exists());
        // Links of the host's work as well, as long as they stay inside.
        fs::create_dir_all(place.inside("a/b")).unwrap();
        symlink("../../file", place.inside("a/b/up")).unwrap();
        assert_eq!(guest.stat("a/b/up", true).unwrap(), (4, 1, 7));
    });
}

#[test]
fn listings_go_on_from_where_they_were() {
    both(|guest, place| {
        let mut expected = vec![(".".to_string(), 3), ("..".to_string(), 3)];
        for number in 0..50 {
            let name = format!("{}{number}", "n".repeat(number));
            fs::write(place.inside(&name), "").unwrap();
            expected.push((name, 4));
        }
        fs::create_dir(place.inside("folder")).unwrap();
        symlink("folder", place.inside("link")).unwrap();
        expected.extend([("folder".to_string(), 3), ("link".to_string(), 7)]);
        expected.sort();
        for room in [100, 128, 1000, 100_000] {
            assert_eq!(guest.list(FOLDER, room), expected, "{room}");
        }
        let readdir = |room: u32, cookie: i64| {
            let errno = guest.call("fd_readdir", &[3, DATA.into(), room.into(), cookie, OUT.into()]);
            (errno, guest.read_u32(OUT))
        };
        assert_eq!(readdir(0, 0), (SUCCESS, 0));
        assert_eq!(readdir(10, 0), (SUCCESS, 10));
        // A place that no listing has told of is somewhere, nowhere, or wrong.
        for cookie in [1, 54, 1000, i64::MAX, i64::MAX - 1] {
            let (errno, used) = readdir(1000, cookie);
            assert!(errno == SUCCESS && used <= 1000 || errno == INVAL, "{cookie}: {errno}");
        }
        for cookie in [-1, i64::MIN] {
            assert_eq!(readdir(1000, cookie).0, INVAL, "{cookie}");
        }
        // Removing what was listed doesn't shift what wasn't.
        let head = |at: u32| guest.read(at, 24);
        let name_at = |cookie: i64| {
            readdir(24 + 60, cookie);
            let length = u32::from_le_bytes(head(DATA)[16..20].try_into().unwrap()) as usize;
            (guest.read(DATA + 24, length), i64::from_le_bytes(head(DATA)[..8].try_into().unwrap()))
        };
        let mut cookies = vec![0];
        let mut names = Vec::new();
        for _ in 0..expected.len() {
            let (name, next) = name_at(*cookies.last().unwrap());
            names.push(String::from_utf8(name).unwrap());
            cookies.push(next);
        }
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, expected.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        let is_file = |name: &str| ![".", "..", "folder", "link", "nn2"].contains(&name);
        let removed: Vec<_> = (0..20).filter(|place| place % 2 == 0 && is_file(&names[*place])).collect();
        for number in &removed {
            fs::remove_file(place.inside(&names[*number])).unwrap();
        }
        for number in (0..names.len()).filter(|number| !removed.contains(number)) {
            assert_eq!(name_at(cookies[number]).0, names[number].as_bytes());
        }
        // Beginning anew sees what is there now.
        assert_eq!(guest.list(FOLDER, 1000).len(), expected.len() - removed.len());
        let file = guest.open("folder/../nn2", 0, READ);
        assert_eq!(guest.call("fd_readdir", &[file.into(), DATA.into(), 100, 0, OUT.into()]), NOTDIR);
    });
}

#[test]
fn a_large_folder_is_emptied_while_it_is_listed() {
    both(|guest, place| {
        fs::create_dir(place.inside("large")).unwrap();
        for number in 0..3000 {
            fs::write(place.inside(&format!("large/file {number}")), "").unwrap();
        }
        let large = guest.open("large", DIRECTORY, READ);
        let (mut cookie, mut removed) = (0, 0);
        loop {
            let room = 500 + removed % 100;
            let args = [large.into(), DATA.into(), room, cookie, OUT.into()];
            assert_eq!(guest.call("fd_readdir", &args), SUCCESS);
            let used = guest.read_u32(OUT) as usize;
            let bytes = guest.read(DATA, used);
            let mut rest = &bytes[..];
            while rest.len() >= 24 {
                let length = u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
                let Some(name) = rest.get(24..24 + length) else { break };
                cookie = i64::from_le_bytes(rest[..8].try_into().unwrap());
                if name.starts_with(b"file") {
                    let path = format!("large/{}", std::str::from_utf8(name).unwrap());
                    assert_eq!(guest.on_path("path_unlink_file", FOLDER, &path), SUCCESS);
                    removed += 1;
                }
                rest = &rest[24 + length..];
            }
            if used < room as usize {
                break;
            }
        }
        assert_eq!(removed, 3000);
        assert_eq!(guest.on_path("path_remove_directory", FOLDER, "large"), SUCCESS);
        // What was removed while it is open has nothing in it.
        guest.call("fd_readdir", &[large.into(), DATA.into(), 1000, 0, OUT.into()]);
        assert_eq!(guest.read_u32(OUT), 0);
    });
}

#[test]
fn contexts_of_one_configuration_list_a_folder_apart() {
    let place = Place::new();
    for number in 0..300 {
        fs::write(place.inside(&format!("file {number}")), "").unwrap();
    }
    let config = place.config(false);
    let (one, other) = (Guest::new(false, &config), Guest::new(false, &config));
    let next = |guest: &Guest, cookie: u64| {
        let args = [FOLDER.into(), DATA.into(), 100, cookie as i64, OUT.into()];
        assert_eq!(guest.call("fd_readdir", &args), SUCCESS);
        guest.read_u64(DATA)
    };
    let (mut mine, mut theirs) = (0, 0);
    for _ in 0..301 {
        (mine, theirs) = (next(&one, mine), next(&other, theirs));
        assert_eq!(mine, theirs);
    }
}

#[test]
fn times_are_told_and_set() {
    both(|guest, place| {
        fs::write(place.inside("file"), "").unwrap();
        symlink("file", place.inside("link")).unwrap();
        let times = |path: &str, follow: bool| {
            guest.stat(path, follow).unwrap();
            (guest.read_u64(OUT + 40), guest.read_u64(OUT + 48))
        };
        let set = |path: &str, follow: i64, accessed: i64, modified: i64, flags: i64| {
            let [at, length] = guest.path(path);
            guest.call("path_filestat_set_times", &[3, follow, at, length, accessed, modified, flags])
        };
        let host = |path: &str| fs::metadata(place.inside(path)).unwrap().modified().unwrap();
        assert_eq!(set("file", 1, 1_000_000_007, 2_000_000_009, 5), SUCCESS);
        assert_eq!(times("file", true), (1_000_000_007, 2_000_000_009));
        assert_eq!(host("file"), SystemTime::UNIX_EPOCH + Duration::from_nanos(2_000_000_009));
        assert_eq!(set("file", 1, 5, 6_000_000_000, 4), SUCCESS);
        assert_eq!(times("file", true), (1_000_000_007, 6_000_000_000));
        assert_eq!(set("file", 1, 0, 0, 2), SUCCESS);
        assert!(times("file", true).0 > 1_600_000_000_000_000_000);
        assert_eq!(times("file", true).1, 6_000_000_000);
        // The link itself, and what it leads to.
        assert_eq!(set("link", 0, 3_000_000_000, 4_000_000_000, 5), SUCCESS);
        assert_eq!(times("link", false).1, 4_000_000_000);
        assert_eq!(times("file", false).1, 6_000_000_000);
        assert_eq!(set("link", 1, 0, 7_000_000_000, 4), SUCCESS);
        assert_eq!(times("file", false).1, 7_000_000_000);
        for flags in [3, 12, 15, 16, 1 << 20] {
            assert_eq!(set("file", 1, 0, 0, flags), INVAL);
            assert_eq!(guest.call("fd_filestat_set_times", &[3, 0, 0, flags]), INVAL);
        }
        assert_eq!(set("none", 1, 0, 0, 5), NOENT);
        let file = guest.open("file", 0, READ);
        assert_eq!(guest.call("fd_filestat_set_times", &[file.into(), 8_000_000_000, 9_000_000_000, 5]), SUCCESS);
        assert_eq!(times("file", true), (8_000_000_000, 9_000_000_000));
        assert_eq!(guest.call("fd_filestat_set_times", &[3, 10_000_000_000, 11_000_000_000, 5]), SUCCESS);
        assert_eq!(times(".", true), (10_000_000_000, 11_000_000_000));
        assert_eq!(guest.call("fd_filestat_set_times", &[0, 0, 0, 5]), INVAL);
    });
}

#[test]
fn the_same_file_has_the_same_identity() {
    both(|guest, place| {
        fs::write(place.inside("a"), "").unwrap();
        fs::hard_link(place.inside("a"), place.inside("b")).unwrap();
        let identity = |path: &str| {
            guest.stat(path, true).unwrap();
            (guest.read_u64(OUT), guest.read_u64(OUT + 8))
        };
        assert_eq!(identity("a"), identity("b"));
        let file = guest.open("a", 0, READ);
        assert_eq!(guest.call("fd_filestat_get", &[file.into(), OUT.into()]), SUCCESS);
        assert_eq!((guest.read_u64(OUT), guest.read_u64(OUT + 8)), identity("b"));
        assert_ne!(identity("a"), identity("."));
    });
}
