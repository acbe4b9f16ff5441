//! Folders, and the paths in them.
//!
//! A path has a last part, on which a function acts, and what comes before it. The folder in which the last part lies
//! is opened first, and the path to it may not lead out: the kernel checks that, or, where it can't, [`walk`] does. Then
//! the system is given that folder, the last part, and the slash behind it if there is one, in a way in which it
//! doesn't follow a symbolic link. If a link has to be followed, it is read and put into the path, and all begins
//! again. So the system decides what a slash, a dot or a link at the end means, and nothing that is renamed meanwhile
//! leads out.
//!
//! What the kernel shows of itself and of processes as files is none of a guest's business: a guest that could open
//! `/proc/self/mem` would be everywhere. Such file systems, and most devices, can't be opened wherever they are mounted.

use super::files::{above_stdio, stat_of, timestamps};
use super::{Listing, Time};
use crate::wasi::guest::Result;
use crate::wasi::types::{FileStat, fdflags};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Paths of so many bytes are too long, as for the system.
const TOO_LONG: usize = 4096;

/// How many symbolic links a path may lead through, as for the system.
const MOST_LINKS: usize = 40;

/// How many folders deep [`walk`] goes, since it holds a descriptor for each.
const MOST_FOLDERS: usize = 200;

/// File systems that show the kernel's or a process's inside, by the numbers that they have in `statfs`.
const INSIDES: [u32; 18] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinux
    0x4341_5d53, // smack
    0x4249_4e4d, // binfmt_misc
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0x6e73_6673, // nsfs
    0x6573_5543, // fusectl
    0x0000_9fa1, // openprom
    0xabba_1974, // xenfs
];

/// Devices that lead nowhere: `null`, `zero`, `full`, `random`, `urandom`. All are of major number 1.
const HARMLESS_DEVICES: [u32; 5] = [3, 5, 7, 8, 9];

/// An open folder.
pub struct Directory {
    fd: OwnedFd,
}

/// How something is opened.
pub struct Opening {
    /// Whether a symbolic link at the end is followed.
    pub follows: bool,
    /// For reading.
    pub reads: bool,
    /// For writing.
    pub writes: bool,
    /// Makes a file if there is none.
    pub creates: bool,
    /// With `creates`: fails if there is something.
    pub is_new: bool,
    /// Makes the file empty.
    pub truncates: bool,
    /// Fails unless it is a folder.
    pub is_folder: bool,
    /// How the file behaves: of [`fdflags`].
    pub fdflags: u16,
}

/// What was opened.
pub enum Opened {
    /// A regular file.
    File(File),
    /// A pipe or a device.
    Stream(File),
    /// A folder.
    Folder(Directory),
}

/// Where a path's last part lies.
struct Place<'a> {
    folder: Parent<'a>,
    /// The path of the folder, with the slash behind it; empty if it is the folder where the path began.
    before: &'a [u8],
    name: &'a [u8],
    /// The same with a slash, if the path ends in any.
    given: &'a [u8],
}

impl Place<'_> {
    fn has_slash(&self) -> bool {
        self.given.len() > self.name.len()
    }
}

/// A folder that was given, or was opened on the way.
enum Parent<'a> {
    Given(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Given(fd) => *fd,
            Parent::Opened(fd) => fd.as_fd(),
        }
    }
}

/// Flags for opening a folder just to look things up in it.
const LOOK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Directory {
    /// Opens a folder of the host's, by the host's wish.
    pub fn of_host(path: &str) -> io::Result<Directory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Directory { fd: above_stdio(fd)? })
    }

    /// Whether its files are data, and not the system's inside.
    pub fn is_storage(&self) -> bool {
        check_storage(&self.fd).is_ok()
    }

    /// What is known of the folder.
    pub fn own_stat(&self) -> Result<FileStat> {
        Ok(stat_of(&rustix::fs::fstat(&self.fd)?))
    }

    /// Sets the times of the folder: accessed and modified.
    pub fn set_own_times(&self, times: [Option<Time>; 2]) -> Result<()> {
        Ok(rustix::fs::futimens(&self.fd, &timestamps(times))?)
    }

    /// Writes the folder to the disk.
    pub fn sync(&self) -> Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// A listing from the beginning. Of a folder that others list as well, it needs a descriptor of its own.
    pub fn list(self: &Arc<Self>, is_shared: bool) -> Result<Listing> {
        if !is_shared {
            return Ok(Listing::new(self.clone()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty())?;
        Ok(Listing::new(Arc::new(Directory { fd: above_stdio(fd)? })))
    }

    /// Makes a folder.
    pub fn create_dir(&self, path: &str) -> Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::mkdirat(&place.folder, place.given, Mode::from_raw_mode(0o777))?)
    }

    /// Removes an empty folder.
    pub fn remove_dir(&self, path: &str) -> Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place.folder, place.given, AtFlags::REMOVEDIR)?)
    }

    /// Removes a file, or a symbolic link.
    pub fn remove_file(&self, path: &str) -> Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place.folder, place.given, AtFlags::empty())?)
    }

    /// Makes a symbolic link. `Perm` for an absolute one, which could only lead out.
    pub fn symlink(&self, content: &str, path: &str) -> Result<()> {
        if content.is_empty() {
            return Err(Errno::NOENT.into());
        }
        let place = self.place(path)?;
        if content.starts_with('/') {
            return Err(Errno::PERM.into());
        }
        Ok(rustix::fs::symlinkat(content, &place.folder, place.given)?)
    }

    /// Gives something another path.
    pub fn rename(&self, path: &str, to: &Directory, to_path: &str) -> Result<()> {
        let (from, to) = (self.place(path)?, to.place(to_path)?);
        Ok(rustix::fs::renameat(&from.folder, from.given, &to.folder, to.given)?)
    }

    /// Gives a file one more path; a symbolic link isn't followed.
    pub fn link(&self, path: &str, to: &Directory, to_path: &str) -> Result<()> {
        let mut from = find(self.fd.as_fd(), bytes_of(path)?, true)?;
        if from.has_slash() {
            // It has to be a folder, maybe behind a link. Nothing can be linked to one, and the system says so.
            from.folder = Parent::Opened(look(self.fd.as_fd(), path.as_bytes())?);
            from.name = b".";
        }
        // What is wrong with the first path counts more.
        rustix::fs::statat(&from.folder, from.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let to = to.place(to_path)?;
        Ok(rustix::fs::linkat(&from.folder, from.name, &to.folder, to.given, AtFlags::empty())?)
    }

    /// What a symbolic link says. `Perm` if it is absolute: what the host's folders are called is not for guests.
    pub fn read_link(&self, path: &str) -> Result<Vec<u8>> {
        let place = find(self.fd.as_fd(), bytes_of(path)?, true)?;
        if place.has_slash() {
            look(self.fd.as_fd(), path.as_bytes())?;
            return Err(Errno::INVAL.into());
        }
        let content = rustix::fs::readlinkat(&place.folder, place.name, Vec::new())?.into_bytes();
        if content.starts_with(b"/") { Err(Errno::PERM.into()) } else { Ok(content) }
    }

    /// What is known of something.
    pub fn stat(&self, path: &str, follows: bool) -> Result<FileStat> {
        let stat = self.last(path, follows, |place| stat_at(place, follows))?;
        Ok(stat_of(&stat))
    }

    /// Sets the times of something: accessed and modified.
    pub fn set_times(&self, path: &str, follows: bool, times: [Option<Time>; 2]) -> Result<()> {
        let times = timestamps(times);
        self.last(path, follows, |place| {
            stat_at(place, follows)?;
            rustix::fs::utimensat(&place.folder, place.name, &times, AtFlags::SYMLINK_NOFOLLOW)
        })?;
        Ok(())
    }

    /// Opens a file or a folder, or makes a file. `Acces` for what can't be opened by guests.
    pub fn open(&self, path: &str, opening: &Opening) -> Result<Opened> {
        let follows = opening.follows && !(opening.creates && opening.is_new);
        let fd = self.last(path, follows, |place| {
            let mut flags = opening.flags();
            if place.has_slash() {
                if !opening.creates {
                    flags |= OFlags::DIRECTORY;
                } else if place.name != b"." {
                    return Err(Errno::ISDIR);
                }
            }
            // Opening a device can already be too much.
            if let Ok(stat) = rustix::fs::statat(&place.folder, place.name, AtFlags::SYMLINK_NOFOLLOW) {
                check_device(&stat)?;
            }
            rustix::fs::openat(&place.folder, place.name, flags, Mode::from_raw_mode(0o666))
        })?;
        check_storage(&fd)?;
        let stat = rustix::fs::fstat(&fd)?;
        check_device(&stat)?;
        let fd = above_stdio(fd)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Opened::Folder(Directory { fd }),
            FileType::RegularFile => Opened::File(File::from(fd)),
            _ => Opened::Stream(File::from(fd)),
        })
    }

    /// Where the last part of a path lies, which is to be made, moved or removed.
    fn place<'a>(&'a self, path: &'a str) -> rustix::io::Result<Place<'a>> {
        find(self.fd.as_fd(), bytes_of(path)?, false)
    }

    /// Acts on the last part of a path. If `act` says `LOOP` or `NOTDIR` because that is a symbolic link which is to be
    /// followed, acts on what it leads to.
    fn last<T>(
        &self,
        path: &str,
        follows: bool,
        mut act: impl FnMut(&Place<'_>) -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        let mut path = Cow::Borrowed(bytes_of(path)?);
        for _ in 0..=MOST_LINKS {
            let place = find(self.fd.as_fd(), &path, true)?;
            let refusal = match act(&place) {
                Err(refusal @ (Errno::LOOP | Errno::NOTDIR)) if follows || place.has_slash() => refusal,
                outcome => return outcome,
            };
            match rustix::fs::readlinkat(&place.folder, place.name, Vec::new()) {
                Ok(content) => {
                    let slash: &[u8] = if place.has_slash() { b"/" } else { b"" };
                    path = Cow::Owned([place.before, relative(content.as_bytes())?, slash].concat());
                }
                // It was a link, and isn't any more.
                Err(_) if refusal == Errno::LOOP => {}
                Err(_) => return Err(refusal),
            }
        }
        Err(Errno::LOOP)
    }
}

impl Opening {
    fn flags(&self) -> OFlags {
        let mut flags = match (self.reads, self.writes) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        // Also a terminal that is opened shall not become the host's.
        flags |= OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
        flags.set(OFlags::CREATE, self.creates);
        flags.set(OFlags::EXCL, self.creates && self.is_new);
        flags.set(OFlags::TRUNC, self.truncates);
        flags.set(OFlags::DIRECTORY, self.is_folder);
        for (ours, theirs) in [
            (fdflags::APPEND, OFlags::APPEND),
            (fdflags::DSYNC, OFlags::DSYNC),
            (fdflags::NONBLOCK, OFlags::NONBLOCK),
            (fdflags::RSYNC, OFlags::RSYNC),
            (fdflags::SYNC, OFlags::SYNC),
        ] {
            if self.fdflags & ours != 0 {
                flags |= theirs;
            }
        }
        flags
    }
}

/// Finds where the last part of a path lies. If it is to be looked up, a `..` there becomes the folder that it leads to:
/// the system may not be given one to follow, since its folder may be moved.
fn find<'a>(base: BorrowedFd<'a>, path: &'a [u8], is_looked_up: bool) -> rustix::io::Result<Place<'a>> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    let path = relative(path)?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name, given) = (&path[..start], &path[start..end], &path[start..path.len().min(end + 1)]);
    let folder = if before.is_empty() { Parent::Given(base) } else { Parent::Opened(look(base, before)?) };
    if name == b".." {
        let above = look(base, &path[..end])?;
        if is_looked_up {
            return Ok(Place { folder: Parent::Opened(above), before, name: b".", given: b"." });
        }
    }
    Ok(Place { folder, before, name, given })
}

/// `NAMETOOLONG` for a path that is. One that links have made longer is fine.
fn bytes_of(path: &str) -> rustix::io::Result<&[u8]> {
    if path.len() >= TOO_LONG { Err(Errno::NAMETOOLONG) } else { Ok(path.as_bytes()) }
}

/// `PERM` for an absolute path, which leads out.
fn relative(path: &[u8]) -> rustix::io::Result<&[u8]> {
    if path.starts_with(b"/") { Err(Errno::PERM) } else { Ok(path) }
}

/// Opens a folder to look things up in it. `PERM` if the path leads out, `ACCESS` if guests can't look there.
fn look(base: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let fd = match rustix::fs::openat2(base, path, LOOK, Mode::empty(), resolve) {
        Err(Errno::XDEV) => return Err(Errno::PERM),
        // The kernel doesn't know the call, or isn't allowed to make it, or something was renamed meanwhile, or links made
        // the path too long.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::NAMETOOLONG) => walk(base, path)?,
        outcome => outcome?,
    };
    check_storage(&fd)?;
    Ok(fd)
}

/// Does the same part by part. The folders above are held, so that `..` leads to where the path came from.
fn walk(base: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let parts = |path: &[u8]| path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut left = parts(relative(path)?);
    let mut folders = Vec::<OwnedFd>::new();
    let mut n_links = 0;
    while let Some(part) = left.pop() {
        let here = folders.last().map_or(base, AsFd::as_fd);
        match &part[..] {
            b"" | b"." => continue,
            b".." => {
                folders.pop().ok_or(Errno::PERM)?;
                continue;
            }
            _ => {}
        }
        match rustix::fs::openat(here, &part[..], LOOK | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(_) if folders.len() == MOST_FOLDERS => return Err(Errno::NAMETOOLONG),
            Ok(folder) => folders.push(folder),
            Err(Errno::NOTDIR) => {
                let content = rustix::fs::readlinkat(here, &part[..], Vec::new()).map_err(|_| Errno::NOTDIR)?;
                n_links += 1;
                if n_links > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                left.extend(parts(relative(content.as_bytes())?));
            }
            Err(error) => return Err(error),
        }
    }
    match folders.pop() {
        Some(folder) => Ok(folder),
        None => rustix::fs::openat(base, ".", LOOK, Mode::empty()),
    }
}

/// What is known of a path's last part. `LOOP` for a symbolic link that is to be followed.
fn stat_at(place: &Place<'_>, follows: bool) -> rustix::io::Result<Stat> {
    let stat = rustix::fs::statat(&place.folder, place.name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink if follows || place.has_slash() => Err(Errno::LOOP),
        FileType::Directory => Ok(stat),
        _ if place.has_slash() => Err(Errno::NOTDIR),
        _ => Ok(stat),
    }
}

/// `ACCESS` for what lies in a file system that shows the system's inside.
fn check_storage(fd: impl AsFd) -> rustix::io::Result<()> {
    let kind = rustix::fs::fstatfs(fd)?.f_type as u32;
    if INSIDES.contains(&kind) { Err(Errno::ACCESS) } else { Ok(()) }
}

/// `ACCESS` for a device, which leads out of the folder: to a whole disk, to memory, to the host's terminal.
fn check_device(stat: &Stat) -> rustix::io::Result<()> {
    let is_harmless = match FileType::from_raw_mode(stat.st_mode) {
        FileType::BlockDevice => false,
        FileType::CharacterDevice => {
            let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            major == 1 && HARMLESS_DEVICES.contains(&minor)
        }
        _ => true,
    };
    if is_harmless { Ok(()) } else { Err(Errno::ACCESS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;

    /// A folder with folders and links in it.
    fn place(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pellucid_{name}_{}", std::process::id()));
        fs::create_dir_all(root.join("in/a/b/c")).unwrap();
        fs::create_dir(root.join("out")).unwrap();
        fs::write(root.join("in/file"), "").unwrap();
        for (content, path) in [
            ("a/b", "down"),
            ("..", "a/up"),
            ("../..", "a/b/top"),
            ("../../..", "a/b/out"),
            ("../out", "sideways"),
            ("/", "root"),
            ("down/../..", "back"),
            ("round", "round"),
            ("nothing", "dangling"),
            ("file", "to_file"),
            ("down/", "slash"),
        ] {
            symlink(content, root.join("in").join(path)).unwrap();
        }
        root
    }

    #[test]
    fn both_ways_of_walking_arrive_at_the_same_place() {
        let root = place("walk");
        let base = Directory::of_host(root.join("in").to_str().unwrap()).unwrap();
        let names = [
            "a", "b", "c", "..", ".", "", "down", "up", "top", "out", "sideways", "root", "back", "round", "dangling",
            "to_file", "slash", "file", "missing",
        ];
        let mut n_found = 0;
        for one in names {
            for two in names {
                for three in names {
                    for four in ["", "a", "..", "down", "up", "top"] {
                        let path = [one, two, three, four].join("/");
                        if one.is_empty() {
                            continue;
                        }
                        let by_kernel = look(base.as_fd(), path.as_bytes());
                        let by_parts = walk(base.as_fd(), path.as_bytes());
                        let place = |found: rustix::io::Result<OwnedFd>| {
                            found.map(|fd| File::from(fd).metadata().unwrap().ino())
                        };
                        n_found += usize::from(by_kernel.is_ok());
                        assert_eq!(place(by_kernel), place(by_parts), "{path}");
                    }
                }
            }
        }
        assert!(n_found > 300, "{n_found}");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn walking_part_by_part_is_bounded() {
        let root = place("deep");
        let base = Directory::of_host(root.join("in").to_str().unwrap()).unwrap();
        let deep = "d/".repeat(MOST_FOLDERS + 1);
        fs::create_dir_all(root.join("in").join(&deep)).unwrap();
        let walk = |path: &str| walk(base.as_fd(), path.as_bytes()).map(drop);
        assert_eq!(walk(&deep), Err(Errno::NAMETOOLONG));
        assert_eq!(walk(&"d/".repeat(MOST_FOLDERS)), Ok(()));
        assert_eq!(walk(&"down/../../".repeat(MOST_LINKS + 1)), Err(Errno::LOOP));
        assert_eq!(walk("/in"), Err(Errno::PERM));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_renamed_meanwhile_leads_nowhere_part_by_part() {
        use rustix::fs::{CWD, RenameFlags};
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        let root = place("races");
        fs::create_dir(root.join("out/b")).unwrap();
        let base = Directory::of_host(root.join("in").to_str().unwrap()).unwrap();
        let inode = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
        let out = [inode("."), inode("out"), inode("out/b")];
        let is_over = AtomicBool::new(false);
        let arrived = std::thread::scope(|scope| {
            scope.spawn(|| {
                // The folder becomes a link that leads out; a folder in it is moved out.
                let exchange = || {
                    let _ = rustix::fs::renameat_with(
                        CWD,
                        root.join("in/a"),
                        CWD,
                        root.join("in/sideways"),
                        RenameFlags::EXCHANGE,
                    );
                };
                while !is_over.load(Relaxed) {
                    exchange();
                    exchange();
                    let _ = fs::rename(root.join("in/a/b/c"), root.join("out/c"));
                    let _ = fs::rename(root.join("out/c"), root.join("in/a/b/c"));
                }
            });
            let mut arrived = Vec::new();
            for _ in 0..4000 {
                for path in ["a", "a/b", "a/b/..", "a/b/c/..", "a/b/c/../..", "a/b/c/../../.."] {
                    let found = walk(base.as_fd(), path.as_bytes());
                    arrived.extend(found.map(|fd| File::from(fd).metadata().unwrap().ino()));
                }
            }
            is_over.store(true, Relaxed);
            arrived
        });
        assert!(!arrived.is_empty() && arrived.iter().all(|inode| !out.contains(inode)));
        fs::remove_dir_all(root).unwrap();
    }
}
