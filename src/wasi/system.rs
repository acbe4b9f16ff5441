//! What differs between systems: error numbers, descriptors' flags, waiting, CPU clocks.
//!
//! This is the file to fill in for another system; everything else here is portable. On Unix it uses rustix, whose
//! functions are safe.

use super::Errno;
use super::clocks::Clock;
use super::config::StreamName;
use super::guest::Result;
use super::types::fdflags;
use cap_std::fs::{Metadata, MetadataExt};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Advice, FallocateFlags, OFlags};
use rustix::time::ClockId;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

/// The guest's number for an error number of the system's, if it has one.
pub fn errno(number: i32) -> Option<Errno> {
    Some(match number {
        libc::E2BIG => Errno::TooBig,
        libc::EACCES => Errno::Acces,
        libc::EADDRINUSE => Errno::Addrinuse,
        libc::EADDRNOTAVAIL => Errno::Addrnotavail,
        libc::EAGAIN => Errno::Again,
        libc::EBADF => Errno::Badf,
        libc::EBUSY => Errno::Busy,
        libc::ECONNABORTED => Errno::Connaborted,
        libc::ECONNREFUSED => Errno::Connrefused,
        libc::ECONNRESET => Errno::Connreset,
        libc::EDEADLK => Errno::Deadlk,
        libc::EDQUOT => Errno::Dquot,
        libc::EEXIST => Errno::Exist,
        libc::EFAULT => Errno::Fault,
        libc::EFBIG => Errno::Fbig,
        libc::EILSEQ => Errno::Ilseq,
        libc::EINPROGRESS => Errno::Inprogress,
        libc::EINTR => Errno::Intr,
        libc::EINVAL => Errno::Inval,
        libc::EISDIR => Errno::Isdir,
        libc::ELOOP => Errno::Loop,
        libc::EMFILE => Errno::Mfile,
        libc::EMLINK => Errno::Mlink,
        libc::ENAMETOOLONG => Errno::Nametoolong,
        libc::ENFILE => Errno::Nfile,
        libc::ENODEV => Errno::Nodev,
        libc::ENOENT => Errno::Noent,
        libc::ENOMEM => Errno::Nomem,
        libc::ENOSPC => Errno::Nospc,
        libc::ENOSYS => Errno::Nosys,
        libc::ENOTCONN => Errno::Notconn,
        libc::ENOTDIR => Errno::Notdir,
        libc::ENOTEMPTY => Errno::Notempty,
        libc::EOPNOTSUPP => Errno::Notsup,
        libc::ENOTTY => Errno::Notty,
        libc::ENXIO => Errno::Nxio,
        libc::EOVERFLOW => Errno::Overflow,
        libc::EPERM => Errno::Perm,
        libc::EPIPE => Errno::Pipe,
        libc::ERANGE => Errno::Range,
        libc::EROFS => Errno::Rofs,
        libc::ESPIPE => Errno::Spipe,
        libc::ESTALE => Errno::Stale,
        libc::ETIMEDOUT => Errno::Timedout,
        libc::ETXTBSY => Errno::Txtbsy,
        libc::EXDEV => Errno::Xdev,
        _ => return None,
    })
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Errno {
        io::Error::from(error).into()
    }
}

/// A descriptor of our own for a stream of the process; none if the process was started without it.
pub fn inherited(stream: StreamName) -> io::Result<Option<File>> {
    fn own(stream: impl AsFd) -> io::Result<Option<File>> {
        match stream.as_fd().try_clone_to_owned() {
            Ok(own) => Ok(Some(File::from(own))),
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(None),
            Err(error) => Err(error),
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

/// Writes at an offset, without moving the file's position.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
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

/// Makes sure that there is room for a part of a file.
pub fn allocate(file: &File, offset: u64, length: u64) -> Result<()> {
    Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), offset, length)?)
}

/// When a file's status changed last, in nanoseconds since 1970.
pub fn changed(metadata: &Metadata) -> u64 {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(metadata.ctime_nsec()).unwrap_or(0))
}

/// What the process or thread has used, in nanoseconds.
pub fn cpu_time(clock: Clock) -> u64 {
    nanoseconds(rustix::time::clock_gettime(id(clock)))
}

/// The smallest step of a clock, in nanoseconds.
pub fn resolution(clock: Clock) -> u64 {
    nanoseconds(rustix::time::clock_getres(id(clock))).max(1)
}

fn id(clock: Clock) -> ClockId {
    match clock {
        Clock::Realtime => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::ProcessCpu => ClockId::ProcessCPUTime,
        Clock::ThreadCpu => ClockId::ThreadCPUTime,
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Something to wait for.
pub struct Wait<'a> {
    /// What to wait for.
    pub fd: BorrowedFd<'a>,
    /// Whether it shall be writable, rather than readable.
    pub for_writing: bool,
}

/// What came of waiting.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// How many bytes there are to read, if that is known.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

/// Waits until one is ready or time is over, which may be never; or until a signal came. Answers for each whether it is
/// ready.
pub fn wait(waits: &[Wait<'_>], timeout: Option<u64>) -> Result<Vec<Option<Arrived>>> {
    let timeout = timeout.map(|nanoseconds| Timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as _,
    });
    let flags = |wait: &Wait<'_>| if wait.for_writing { PollFlags::OUT } else { PollFlags::IN };
    let mut fds: Vec<_> = waits.iter().map(|wait| PollFd::from_borrowed_fd(wait.fd, flags(wait))).collect();
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let arrived = waits.iter().zip(&fds).map(|(wait, fd)| {
        let found = fd.revents();
        let bytes = if wait.for_writing { 1 } else { rustix::io::ioctl_fionread(wait.fd).unwrap_or(1) };
        let hangup = found.intersects(PollFlags::HUP | PollFlags::ERR);
        (!found.is_empty()).then_some(Arrived { bytes, hangup })
    });
    Ok(arrived.collect())
}
