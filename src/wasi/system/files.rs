//! Open files, and the host's streams.

use crate::runtime::{Store, hold_write_signals};
use crate::wasi::Errno;
use crate::wasi::config::StreamName;
use crate::wasi::guest::Result;
use crate::wasi::types::{FileStat, FileType, fdflags};
use rustix::fs::{Advice, FallocateFlags, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// The lowest number that a descriptor of ours may have: those below are the host's stdio, even if the host was started
/// without it. A file of a guest's there would get what the host prints.
const LOWEST_NUMBER: i32 = 3;

/// Gives a descriptor that is to be kept another number, if it has one of stdio's.
pub fn above_stdio(fd: OwnedFd) -> rustix::io::Result<OwnedFd> {
    if fd.as_raw_fd() >= LOWEST_NUMBER {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(&fd, LOWEST_NUMBER)
}

/// Opens a file of the host's, by the host's wish.
pub fn open(path: &str) -> io::Result<File> {
    Ok(above_stdio(File::open(path)?.into())?.into())
}

/// Makes or empties a file of the host's, by the host's wish.
pub fn create(path: &str) -> io::Result<File> {
    Ok(above_stdio(File::create(path)?.into())?.into())
}

/// A descriptor of our own for a stream of the process; none if the process has none. The new descriptor stays what it
/// is, whatever becomes of the stream's number.
pub fn inherited(stream: StreamName) -> io::Result<Option<File>> {
    fn own(stream: impl AsFd) -> io::Result<Option<File>> {
        match rustix::io::fcntl_dupfd_cloexec(stream, LOWEST_NUMBER) {
            Ok(own) => Ok(Some(File::from(own))),
            Err(rustix::io::Errno::BADF) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
    match stream {
        StreamName::Stdin => own(io::stdin()),
        StreamName::Stdout => own(io::stdout()),
        StreamName::Stderr => own(io::stderr()),
    }
}

/// Reads at an offset, without moving the file's position.
pub fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(out, offset)
}

/// Writes once, at the file's position.
pub fn write(store: &Store, file: &File, bytes: &[u8]) -> io::Result<usize> {
    hold_write_signals(|| store.write(file, bytes))
}

/// Writes at an offset, without moving the file's position.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    hold_write_signals(|| file.write_at(bytes, offset))
}

/// Makes a file longer or shorter.
pub fn set_size(file: &File, size: u64) -> io::Result<()> {
    hold_write_signals(|| file.set_len(size))
}

/// Makes sure that there is room for a part of a file.
pub fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    hold_write_signals(|| Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), offset, length)?))
}

/// Sets which of append and nonblock an open file has.
pub fn set_flags(file: &File, flags: u16) -> Result<()> {
    let mut all = rustix::fs::fcntl_getfl(file)?;
    all.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
    all.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
    Ok(rustix::fs::fcntl_setfl(file, all)?)
}

/// Tells how a part of a file will be used. `Inval` for unknown advice.
pub fn advise(file: &File, offset: u64, length: u64, advice: u32) -> Result<()> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::Inval),
    };
    if offset.checked_add(length).is_none_or(|end| end > i64::MAX as u64) {
        return Err(Errno::Inval);
    }
    Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(length), advice)?)
}

/// What is known of an open file.
pub fn stat(file: &File) -> Result<FileStat> {
    Ok(stat_of(&rustix::fs::fstat(file)?))
}

/// What is known of a file.
pub(super) fn stat_of(stat: &Stat) -> FileStat {
    // Before 1970 there is nothing.
    let time = |seconds: i64, nanoseconds: u64| {
        u64::try_from(seconds).map_or(0, |seconds| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    };
    FileStat {
        device: stat.st_dev,
        inode: stat.st_ino,
        file_type: file_type(rustix::fs::FileType::from_raw_mode(stat.st_mode)),
        links: stat.st_nlink as _,
        size: stat.st_size as u64,
        times: [
            time(stat.st_atime as _, stat.st_atime_nsec as _),
            time(stat.st_mtime as _, stat.st_mtime_nsec as _),
            time(stat.st_ctime as _, stat.st_ctime_nsec as _),
        ],
    }
}

/// The kind of a file.
pub(super) fn file_type(of: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Of;
    match of {
        Of::RegularFile => FileType::RegularFile,
        Of::Directory => FileType::Directory,
        Of::Symlink => FileType::SymbolicLink,
        Of::CharacterDevice => FileType::CharacterDevice,
        Of::BlockDevice => FileType::BlockDevice,
        Of::Socket => FileType::SocketStream,
        Of::Fifo | Of::Unknown => FileType::Unknown,
    }
}

/// A time to set.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// The time of day.
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

/// The times to set, accessed and modified, as the system wants them.
pub(super) fn timestamps([accessed, modified]: [Option<Time>; 2]) -> Timestamps {
    let spec = |time| match time {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(Time::Now) => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        Some(Time::At(time)) => Timespec { tv_sec: (time / 1_000_000_000) as _, tv_nsec: (time % 1_000_000_000) as _ },
    };
    Timestamps { last_access: spec(accessed), last_modification: spec(modified) }
}

/// Sets the times of an open file: accessed and modified.
pub fn set_times(file: &File, times: [Option<Time>; 2]) -> Result<()> {
    Ok(rustix::fs::futimens(file, &timestamps(times))?)
}
