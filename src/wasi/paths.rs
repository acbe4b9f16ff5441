//! The functions on paths, all below a folder of the guest's.
//!
//! The folder resolves the paths: no `..`, no absolute path and no symbolic link leads out of it. Invariant: nothing
//! changes in a folder that is read-only, or through one.

use super::Errno;
use super::context::Context;
use super::descriptors::{Descriptor, Folder, Object};
use super::guest::{Guest, Result};
use super::stdio::Stream;
use super::system::{Opened, Opening};
use super::types::{Dialect, FileStat, SYMLINK_FOLLOW, fdflags, oflags, rights};
use std::sync::Arc;

/// A path of the guest's: its address and length.
type Path = (u32, u32);

impl Context {
    /// `path_create_directory`
    pub fn path_create_directory(&self, guest: Guest<'_>, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_CREATE_DIRECTORY)?;
        folder.check_writable()?;
        folder.dir.create_dir(&path)
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
        let stat = folder.dir.stat(&path, follows(lookup)?)?;
        guest.write(out, &stat.encode(dialect))
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
        let times = self.times(accessed, modified, flags)?;
        folder.check_writable()?;
        folder.dir.set_times(&path, follows, times)
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
        from.dir.link(&from_path, &to.dir, &to_path)
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
        let inherited = descriptor.inheriting();
        let granted = wanted & inherited;
        let has = |flag: u16| oflags & flag != 0;
        let opening = Opening {
            follows: follows(lookup)?,
            reads: granted & rights::FD_READ != 0,
            writes: granted & rights::FD_WRITE != 0,
            creates: has(oflags::CREAT),
            is_new: has(oflags::EXCL),
            truncates: has(oflags::TRUNC),
            is_folder: has(oflags::DIRECTORY),
            fdflags: flags,
        };
        // Neither says what the other wants.
        if opening.is_folder && opening.creates {
            return Err(Errno::Inval);
        }
        // A call that fails for that doesn't make or empty a file.
        self.descriptors.check_room()?;
        let opened = match open(folder, &path, &opening)? {
            Object::Folder(opened) => {
                Descriptor::of_folder(opened, descriptor.base() & rights::FOLDER, inherited, None)
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
        let link = folder.dir.read_link(&path)?;
        let link = std::str::from_utf8(&link).map_err(|_| Errno::Ilseq)?.as_bytes();
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
        folder.dir.remove_dir(&path)
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
        from.dir.rename(&from_path, &to.dir, &to_path)
    }

    /// `path_symlink`
    pub fn path_symlink(&self, guest: Guest<'_>, content: Path, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let content = guest.path(content.0, content.1)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_SYMLINK)?;
        folder.check_writable()?;
        folder.dir.symlink(&content, &path)
    }

    /// `path_unlink_file`
    pub fn path_unlink_file(&self, guest: Guest<'_>, fd: u32, path: Path) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = guest.path(path.0, path.1)?;
        let folder = descriptor.folder(rights::PATH_UNLINK_FILE)?;
        folder.check_writable()?;
        folder.dir.remove_file(&path)
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

/// Opens something in a folder.
fn open(folder: &Folder, path: &str, opening: &Opening) -> Result<Object> {
    let opened =
        if folder.is_read_only { open_protected(folder, path, opening)? } else { folder.dir.open(path, opening)? };
    Ok(match opened {
        Opened::Folder(opened) => Object::Folder(Folder::new(opened, folder.is_read_only)),
        Opened::File(file) => Object::File(Arc::new(file)),
        Opened::Stream(file) => Object::Stream(Stream::File(Arc::new(file))),
    })
}

/// Opens what is there in a folder in which nothing can be changed.
fn open_protected(folder: &Folder, path: &str, opening: &Opening) -> Result<Opened> {
    if opening.creates && opening.is_new {
        return Err(folder
            .dir
            .stat(path, false)
            .map_or_else(|errno| if errno == Errno::Noent { Errno::Rofs } else { errno }, |_| Errno::Exist));
    }
    let harmless = Opening { reads: true, writes: false, creates: false, truncates: false, ..*opening };
    let changes = opening.writes || opening.truncates;
    let opened = match folder.dir.open(path, &harmless) {
        Err(Errno::Noent) if opening.creates => return Err(Errno::Rofs),
        outcome => outcome?,
    };
    match opened {
        Opened::Folder(_) if changes || opening.creates => Err(Errno::Isdir),
        _ if changes => Err(Errno::Rofs),
        opened => Ok(opened),
    }
}
