//! The functions on paths, all below a folder of the guest's.
//!
//! cap-std resolves the paths: no `..`, no absolute path and no symbolic link leads out of the folder. Invariant:
//! nothing changes in a folder that is read-only, or through one.

use super::Errno;
use super::context::Context;
use super::descriptors::{Descriptor, Folder, Object, stat};
use super::fd::spec;
use super::guest::{Guest, Result};
use super::types::{Dialect, FileStat, SYMLINK_FOLLOW, fdflags, oflags, rights};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// A path of the guest's: its address and length.
type Path = (u32, u32);

/// What `path_open` is asked for.
struct Opening {
    follows: bool,
    oflags: u16,
    fdflags: u16,
    reads: bool,
    writes: bool,
}

impl Context {
    /// `path_create_directory`
    pub fn path_create_directory(&self, guest: Guest<'_>, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_CREATE_DIRECTORY)?;
        folder.check_writable()?;
        Ok(folder.dir.create_dir(path)?)
    }

    /// `path_filestat_get`
    pub fn path_filestat_get(
        &self,
        guest: Guest<'_>,
        dialect: Dialect,
        fd: u32,
        lookup: u32,
        path: Path,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        guest.check(out, u64::from(FileStat::size_in(dialect)))?;
        let folder = descriptor.folder(rights::PATH_FILESTAT_GET)?;
        let metadata = if follows(lookup)? { folder.dir.metadata(path)? } else { folder.dir.symlink_metadata(path)? };
        guest.write(out, &stat(&metadata).encode(dialect))
    }

    /// `path_filestat_set_times`
    pub fn path_filestat_set_times(
        &self,
        guest: Guest<'_>,
        fd: u32,
        lookup: u32,
        path: Path,
        (accessed, modified): (u64, u64),
        flags: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_FILESTAT_SET_TIMES)?;
        let follows = follows(lookup)?;
        let [accessed, modified] = self.times(accessed, modified, flags)?.map(|time| time.map(spec));
        folder.check_writable()?;
        if follows {
            folder.dir.set_times(path, accessed, modified)?;
        } else {
            folder.dir.set_symlink_times(path, accessed, modified)?;
        }
        Ok(())
    }

    /// `path_link`; what a symbolic link leads to can't be linked to through it.
    pub fn path_link(
        &self,
        guest: Guest<'_>,
        from: u32,
        lookup: u32,
        from_path: Path,
        to: u32,
        to_path: Path,
    ) -> Result<()> {
        let (from, to) = (self.descriptors.get(from)?, self.descriptors.get(to)?);
        let from_path = guest.path(from_path.0, from_path.1)?;
        let to_path = guest.path(to_path.0, to_path.1)?;
        let from = from.folder(rights::PATH_LINK_SOURCE)?;
        let to = to.folder(rights::PATH_LINK_TARGET)?;
        if follows(lookup)? {
            return Err(Errno::Inval);
        }
        // Through the new name what the old one protects could be changed.
        from.check_writable()?;
        to.check_writable()?;
        Ok(from.dir.hard_link(from_path, &to.dir, to_path)?)
    }

    /// `path_open`
    #[expect(clippy::too_many_arguments, reason = "they are the interface's")]
    pub fn path_open(
        &self,
        guest: Guest<'_>,
        fd: u32,
        lookup: u32,
        path: Path,
        opening: u32,
        wanted: u64,
        flags: u32,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        guest.check(out, 4)?;
        let folder = descriptor.folder(rights::PATH_OPEN)?;
        let known = |flags: u32, all: u16| u16::try_from(flags).ok().filter(|flags| flags & !all == 0);
        let oflags = known(opening, oflags::ALL).ok_or(Errno::Inval)?;
        let flags = known(flags, fdflags::ALL).ok_or(Errno::Inval)?;
        if oflags & oflags::CREAT != 0 {
            descriptor.require(rights::PATH_CREATE_FILE)?;
        }
        if oflags & oflags::TRUNC != 0 {
            descriptor.require(rights::PATH_FILESTAT_SET_SIZE).map_err(|_| Errno::Perm)?;
        }
        let inherited = descriptor.inheriting.get();
        let granted = wanted & inherited;
        let opening = Opening {
            follows: follows(lookup)?,
            oflags,
            fdflags: flags,
            reads: granted & rights::FD_READ != 0,
            writes: granted & rights::FD_WRITE != 0,
        };
        let opened = match opening.open(folder, &path)? {
            Object::Folder(opened) => {
                Descriptor::of_folder(opened, descriptor.base.get() & rights::FOLDER, inherited, None)
            }
            object => {
                let writing = if opening.writes { rights::WRITING } else { 0 };
                let any = if let Object::File(_) = object { rights::ANY_FILE } else { rights::STREAM };
                let times = if folder.is_read_only { rights::FD_FILESTAT_SET_TIMES } else { 0 };
                let base = granted & rights::FD_READ | (any | writing) & inherited & !times;
                Descriptor::new(object, base, flags)
            }
        };
        guest.write_u32(out, self.descriptors.add(opened)?)
    }

    /// `path_readlink`; what doesn't fit is cut off.
    pub fn path_readlink(
        &self,
        guest: Guest<'_>,
        fd: u32,
        path: Path,
        (address, length): (u32, u32),
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        guest.check(address, u64::from(length))?;
        guest.check(out, 4)?;
        let folder = descriptor.folder(rights::PATH_READLINK)?;
        let link = folder.dir.read_link(path)?;
        let link = link.to_str().ok_or(Errno::Ilseq)?.as_bytes();
        let link = &link[..link.len().min(length as usize)];
        guest.write(address, link)?;
        guest.write_u32(out, link.len() as u32)
    }

    /// `path_remove_directory`
    pub fn path_remove_directory(&self, guest: Guest<'_>, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_REMOVE_DIRECTORY)?;
        folder.check_writable()?;
        // cap-std would add a dot, and a folder can't be removed by that name.
        let stripped = path.trim_end_matches('/');
        Ok(folder.dir.remove_dir(if stripped.is_empty() { &path } else { stripped })?)
    }

    /// `path_rename`
    pub fn path_rename(&self, guest: Guest<'_>, from: u32, from_path: Path, to: u32, to_path: Path) -> Result<()> {
        let (from, to) = (self.descriptors.get(from)?, self.descriptors.get(to)?);
        let from_path = guest.path(from_path.0, from_path.1)?;
        let to_path = guest.path(to_path.0, to_path.1)?;
        let from = from.folder(rights::PATH_RENAME_SOURCE)?;
        let to = to.folder(rights::PATH_RENAME_TARGET)?;
        from.check_writable()?;
        to.check_writable()?;
        Ok(from.dir.rename(from_path, &to.dir, to_path)?)
    }

    /// `path_symlink`
    pub fn path_symlink(&self, guest: Guest<'_>, content: Path, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let content = guest.path(content.0, content.1)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_SYMLINK)?;
        folder.check_writable()?;
        Ok(folder.dir.symlink(content, path)?)
    }

    /// `path_unlink_file`
    pub fn path_unlink_file(&self, guest: Guest<'_>, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_UNLINK_FILE)?;
        folder.check_writable()?;
        Ok(folder.dir.remove_file_or_symlink(path)?)
    }
}

/// Whether the last part of a path is followed if it is a symbolic link.
fn follows(lookup: u32) -> Result<bool> {
    match lookup {
        0 => Ok(false),
        SYMLINK_FOLLOW => Ok(true),
        _ => Err(Errno::Inval),
    }
}

impl Opening {
    fn has(&self, flag: u16) -> bool {
        self.oflags & flag != 0
    }

    fn open(&self, folder: &Folder, path: &str) -> Result<Object> {
        if self.has(oflags::DIRECTORY) {
            if self.has(oflags::CREAT | oflags::EXCL | oflags::TRUNC) {
                return Err(Errno::Inval);
            }
            let dir = if self.follows { folder.dir.open_dir(path) } else { folder.dir.open_dir_nofollow(path) };
            return Ok(Object::Folder(Folder::new(Arc::new(dir?), folder.is_read_only)));
        }
        let file = if folder.is_read_only {
            self.open_protected(&folder.dir, path)
        } else {
            self.open_file(&folder.dir, path)
        };
        let file = file?;
        if file.metadata()?.is_dir() {
            let dir = Dir::from_std_file(file);
            return Ok(Object::Folder(Folder::new(Arc::new(dir), folder.is_read_only)));
        }
        Ok(Object::of_file(Arc::new(file)))
    }

    /// Opens a file, or a folder; makes it if need be.
    fn open_file(&self, dir: &Dir, path: &str) -> Result<File> {
        let writes = self.writes || self.has(oflags::TRUNC);
        let mut options = self.options(writes);
        options.truncate(self.has(oflags::TRUNC));
        if !self.has(oflags::CREAT) {
            return self.attempt(dir, path, &options);
        }
        // Making a file needs the system's permission to write, opening one that is there doesn't.
        if !writes && !self.has(oflags::EXCL) {
            match self.attempt(dir, path, &options) {
                Err(Errno::Noent) => {}
                found => return found,
            }
        }
        options.write(true);
        if self.has(oflags::EXCL) {
            options.create_new(true)
        } else {
            options.create(true)
        };
        self.attempt(dir, path, &options)
    }

    /// Opens what is there in a folder in which nothing can be changed.
    fn open_protected(&self, dir: &Dir, path: &str) -> Result<File> {
        if self.writes || self.has(oflags::TRUNC) {
            return Err(Errno::Rofs);
        }
        match self.attempt(dir, path, &self.options(false)) {
            Ok(_) if self.has(oflags::CREAT) && self.has(oflags::EXCL) => Err(Errno::Exist),
            Err(Errno::Noent) if self.has(oflags::CREAT) => Err(Errno::Rofs),
            outcome => outcome,
        }
    }

    fn options(&self, writes: bool) -> OpenOptions {
        let mut options = OpenOptions::new();
        let has = |flag: u16| self.fdflags & flag != 0;
        options.read(self.reads || !writes).write(writes).append(writes && has(fdflags::APPEND));
        options.follow(if self.follows { FollowSymlinks::Yes } else { FollowSymlinks::No });
        options.maybe_dir(true).nonblock(has(fdflags::NONBLOCK));
        options.dsync(has(fdflags::DSYNC)).rsync(has(fdflags::RSYNC)).sync(has(fdflags::SYNC));
        options
    }

    fn attempt(&self, dir: &Dir, path: &str, options: &OpenOptions) -> Result<File> {
        let opened: io::Result<_> = dir.open_with(path, options);
        Ok(opened?.into_std())
    }
}
