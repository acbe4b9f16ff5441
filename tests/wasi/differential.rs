//! The functions on paths do what the system itself does: the same operation in two equal folders, once by the system
//! and once by a guest, over kinds of files and ways to write a path's end. Error numbers and what is there afterwards
//! are compared.
//!
//! What differs on purpose isn't among the operations: paths that lead out, absolute links, `path_link` that follows.

use crate::guest::{APPEND, CREAT, DATA, DIRECTORY, EXCL, FOLDER, Guest, OUT, Place, READ, TRUNC, WRITE};
use pellucid::wasi::WasiConfig;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// What there is in each folder; the operations are done on all of it.
const NAMES: [&str; 13] = [
    "file", "dir", "full", "lfile", "ldir", "lslash", "lfull", "ldir2", "dangling", "lnew", "round", "fifo", "missing",
];

/// What may be before a name, and behind it.
const BEFORE: [&str; 4] = ["", "./", "ldir/../", "full//../"];
const BEHIND: [&str; 8] = ["", "/", "//", "/.", "/./", "/..", "/x", "/x/"];

fn fill(root: &Path) {
    fs::create_dir_all(root).unwrap();
    fs::write(root.join("file"), "content").unwrap();
    fs::create_dir(root.join("dir")).unwrap();
    fs::create_dir(root.join("full")).unwrap();
    fs::write(root.join("full/x"), "in full").unwrap();
    for (content, link) in [
        ("file", "lfile"),
        ("dir", "ldir"),
        ("dir/", "lslash"),
        ("./full", "lfull"),
        ("ldir", "ldir2"),
        ("nothing", "dangling"),
        ("full/new", "lnew"),
        ("round", "round"),
    ] {
        symlink(content, root.join(link)).unwrap();
    }
    rustix::fs::mkfifoat(CWD, root.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
}

/// What is in a folder: for each path what it is, with its contents.
type Tree = BTreeMap<PathBuf, String>;

/// Looks at all of a folder. What no two folders share is left out.
fn tree(root: &Path) -> Tree {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                String::new()
            } else if metadata.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else if metadata.is_file() {
                format!("{} {}", metadata.nlink(), fs::read_to_string(&path).unwrap())
            } else {
                String::new()
            };
            // Only times that were set are as old as this.
            let time = if metadata.mtime() < 1_000_000 { metadata.mtime() } else { 0 };
            let said = format!("{:o} {time} {content}", metadata.mode());
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), said);
        }
    }
    found
}

/// Does something by means of the system or of a guest.
type By<Means, Error> = Box<dyn Fn(&Means) -> Result<u64, Error>>;

/// An operation, done by the system in a folder and by a guest on its own. It answers an error number, or what was found.
struct Operation {
    name: String,
    by_system: By<Path, Errno>,
    by_guest: By<Guest, i32>,
}

/// The guest's number of an error.
fn number(error: Errno) -> i32 {
    i32::from(pellucid::wasi::Errno::from(std::io::Error::from(error)) as u16)
}

fn answer(errno: i32) -> Result<u64, i32> {
    if errno == 0 { Ok(0) } else { Err(errno) }
}

/// Does operations in two folders that are filled anew whenever something has changed, and compares.
fn compare(operations: Vec<Operation>) {
    let place = Place::new();
    let (theirs, ours) = (place.outside("system"), place.inside("root"));
    fill(&theirs);
    fill(&ours);
    let fresh = tree(&ours);
    let mut config = WasiConfig::default();
    config.preopen(ours.to_str().unwrap(), "/", false).unwrap();
    let guest = Guest::new(false, &config);
    let mut wrong = Vec::new();
    let how_many = operations.len();
    for Operation { name, by_system, by_guest } in operations {
        let by_system = by_system(&theirs).map_err(number);
        let by_guest = by_guest(&guest);
        let (left, right) = (tree(&theirs), tree(&ours));
        if by_system != by_guest || left != right {
            let changes = |tree: &Tree, other: &Tree| {
                let changed = tree.iter().filter(|(path, said)| other.get(*path) != Some(said));
                changed.map(|(path, said)| format!("{path:?}: {said}")).collect::<Vec<_>>().join(", ")
            };
            let (left, right) = (changes(&left, &right), changes(&right, &left));
            wrong.push(format!("{name}: by the system {by_system:?} {left}; by a guest {by_guest:?} {right}"));
        }
        for (root, now) in [(&theirs, left), (&ours, right)] {
            if now != fresh {
                empty(root);
                fill(root);
            }
        }
    }
    let few = wrong.iter().take(100).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {how_many} differ\n{few}", wrong.len());
}

/// Removes what is in a folder, which itself is open.
fn empty(root: &Path) {
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        } else {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// All paths, but not those that lead out of the folder: `..` of a link is where it leads, all in the same folder here.
fn paths() -> Vec<String> {
    paths_after(&BEFORE)
}

fn paths_after(before: &[&str]) -> Vec<String> {
    let mut paths = [".", "./", ""].map(str::to_string).to_vec();
    for before in before {
        for name in NAMES {
            paths.extend(BEHIND.map(|behind| format!("{before}{name}{behind}")));
        }
    }
    paths
}

/// The paths that a function with two of them is tried with.
fn few_paths() -> Vec<String> {
    let behind = ["", "/", "/.", "/..", "/x", "//"];
    NAMES.iter().flat_map(|name| behind.map(|behind| format!("{name}{behind}"))).collect()
}

fn on_path(name: &'static str, path: &str, by_system: impl Fn(&Path) -> Result<(), Errno> + 'static) -> Operation {
    let guests = path.to_string();
    let systems = path.to_string();
    Operation {
        name: format!("{name} {path:?}"),
        by_system: Box::new(move |root| by_system(&at(root, &systems)).map(|()| 0)),
        by_guest: Box::new(move |guest| answer(guest.on_path(name, FOLDER, &guests))),
    }
}

/// A path as it is written, below a root; the empty one stays empty.
fn at(root: &Path, path: &str) -> PathBuf {
    if path.is_empty() { PathBuf::new() } else { PathBuf::from(format!("{}/{path}", root.display())) }
}

#[test]
fn folders_are_made_and_things_removed_as_by_the_system() {
    let mut operations = Vec::new();
    for path in paths() {
        operations
            .push(on_path("path_create_directory", &path, |path| rustix::fs::mkdir(path, Mode::from_raw_mode(0o777))));
        operations.push(on_path("path_remove_directory", &path, |path| rustix::fs::rmdir(path)));
        operations.push(on_path("path_unlink_file", &path, |path| rustix::fs::unlink(path)));
    }
    compare(operations);
}

#[test]
fn links_are_made_and_read_as_by_the_system() {
    let mut operations = Vec::new();
    for path in paths() {
        for content in ["file", "some/where/", ""] {
            let (guests, systems) = (path.clone(), path.clone());
            operations.push(Operation {
                name: format!("path_symlink {content:?} {path:?}"),
                by_system: Box::new(move |root| rustix::fs::symlink(content, at(root, &systems)).map(|()| 0)),
                by_guest: Box::new(move |guest| {
                    let [content, length] = guest.path(content);
                    let [at, n] = guest.other_path(&guests);
                    answer(guest.call("path_symlink", &[content, length, FOLDER.into(), at, n]))
                }),
            });
        }
        let (guests, systems) = (path.clone(), path.clone());
        operations.push(Operation {
            name: format!("path_readlink {path:?}"),
            by_system: Box::new(move |root| {
                rustix::fs::readlink(at(root, &systems), Vec::new()).map(|content| content.as_bytes().len() as u64)
            }),
            by_guest: Box::new(move |guest| {
                let [at, n] = guest.path(&guests);
                let errno = guest.call("path_readlink", &[FOLDER.into(), at, n, DATA.into(), 100, OUT.into()]);
                answer(errno).map(|_| u64::from(guest.read_u32(OUT)))
            }),
        });
    }
    compare(operations);
}

#[test]
fn things_are_looked_at_and_their_times_set_as_by_the_system() {
    let mut operations = Vec::new();
    for path in paths() {
        for follow in [false, true] {
            let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
            let (guests, systems) = (path.clone(), path.clone());
            operations.push(Operation {
                name: format!("path_filestat_get {follow} {path:?}"),
                by_system: Box::new(move |root| {
                    let stat = rustix::fs::statat(CWD, at(root, &systems), flags)?;
                    Ok(u64::from(stat.st_mode >> 12))
                }),
                by_guest: Box::new(move |guest| {
                    let (kind, _, _) = guest.stat(&guests, follow)?;
                    // Of the guest's kinds, a pipe is an unknown one.
                    Ok([1, 0, 0, 4, 8, 0, 0, 10][usize::from(kind)])
                }),
            });
            for (flags_of_times, time) in [(4, 7), (8, 0), (0, 0)] {
                let (guests, systems) = (path.clone(), path.clone());
                operations.push(Operation {
                    name: format!("path_filestat_set_times {follow} {flags_of_times} {path:?}"),
                    by_system: Box::new(move |root| {
                        let omitted = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
                        let modified = match flags_of_times {
                            4 => Timespec { tv_sec: time, tv_nsec: 0 },
                            8 => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
                            _ => omitted,
                        };
                        let times = Timestamps { last_access: omitted, last_modification: modified };
                        // The system doesn't even look at the path if there is nothing to set.
                        if flags_of_times == 0 {
                            rustix::fs::statat(CWD, at(root, &systems), flags)?;
                        }
                        rustix::fs::utimensat(CWD, at(root, &systems), &times, flags).map(|()| 0)
                    }),
                    by_guest: Box::new(move |guest| {
                        let [at, n] = guest.path(&guests);
                        let args = [FOLDER.into(), follow.into(), at, n, 0, time * 1_000_000_000, flags_of_times];
                        answer(guest.call("path_filestat_set_times", &args))
                    }),
                });
            }
        }
    }
    compare(operations);
}

#[test]
fn files_are_opened_as_by_the_system() {
    let mut operations = Vec::new();
    for path in paths_after(&BEFORE[..1]) {
        for follow in [true, false] {
            for oflags in
                [0, CREAT, CREAT | EXCL, EXCL, TRUNC, CREAT | TRUNC, DIRECTORY, DIRECTORY | TRUNC, DIRECTORY | EXCL]
            {
                for (rights, access) in
                    [(0, OFlags::RDONLY), (READ, OFlags::RDONLY), (WRITE, OFlags::WRONLY), (READ | WRITE, OFlags::RDWR)]
                {
                    for fdflags in [0, APPEND] {
                        // What is only read isn't appended to. Opening a pipe waits for the other side.
                        if fdflags == APPEND && rights & WRITE == 0 {
                            continue;
                        }
                        if path.contains("fifo") && rights != READ | WRITE {
                            continue;
                        }
                        let mut flags = access | OFlags::CLOEXEC;
                        flags.set(OFlags::CREATE, oflags & CREAT != 0);
                        flags.set(OFlags::EXCL, oflags & EXCL != 0 && oflags & CREAT != 0);
                        flags.set(OFlags::TRUNC, oflags & TRUNC != 0);
                        flags.set(OFlags::DIRECTORY, oflags & DIRECTORY != 0);
                        flags.set(OFlags::NOFOLLOW, !follow);
                        flags.set(OFlags::APPEND, fdflags == APPEND);
                        let (guests, systems) = (path.clone(), path.clone());
                        operations.push(Operation {
                            name: format!("path_open {follow} {flags:?} {path:?}"),
                            by_system: Box::new(move |root| {
                                rustix::fs::open(at(root, &systems), flags, Mode::from_raw_mode(0o666)).map(|_| 0)
                            }),
                            by_guest: Box::new(move |guest| {
                                let fd = guest.try_open(&guests, follow, oflags, rights, fdflags)?;
                                guest.close(fd);
                                Ok(0)
                            }),
                        });
                    }
                }
            }
        }
    }
    compare(operations);
}

#[test]
fn things_are_renamed_and_linked_as_by_the_system() {
    let mut operations = Vec::new();
    for old in few_paths() {
        for new in few_paths() {
            for name in ["path_rename", "path_link"] {
                let (from, to) = (old.clone(), new.clone());
                let (guests_from, guests_to) = (old.clone(), new.clone());
                operations.push(Operation {
                    name: format!("{name} {old:?} {new:?}"),
                    by_system: Box::new(move |root| {
                        let (from, to) = (at(root, &from), at(root, &to));
                        match name {
                            "path_rename" => rustix::fs::rename(from, to).map(|()| 0),
                            _ => rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty()).map(|()| 0),
                        }
                    }),
                    by_guest: Box::new(move |guest| {
                        let [old, n_old] = guest.path(&guests_from);
                        let [new, n_new] = guest.other_path(&guests_to);
                        let folder = i64::from(FOLDER);
                        answer(match name {
                            "path_rename" => guest.call(name, &[folder, old, n_old, folder, new, n_new]),
                            _ => guest.call(name, &[folder, 0, old, n_old, folder, new, n_new]),
                        })
                    }),
                });
            }
        }
    }
    compare(operations);
}
