//! What crosses between guest and host: flags, and the layout of the structures, both ways.
//!
//! `wasi_unstable` lays out two structures and one number otherwise; [`Dialect`] says which. Everything is
//! little-endian.

/// Which of the two names of the interface a function was imported under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// `wasi_snapshot_preview1`.
    Preview1,
    /// `wasi_unstable`, its predecessor.
    Unstable,
}

/// What may be done with a descriptor, or with what is opened through it.
pub mod rights {
    pub const FD_DATASYNC: u64 = 1 << 0;
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub const FD_SYNC: u64 = 1 << 4;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const FD_ADVISE: u64 = 1 << 7;
    pub const FD_ALLOCATE: u64 = 1 << 8;
    pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    pub const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub const PATH_LINK_TARGET: u64 = 1 << 12;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_READLINK: u64 = 1 << 15;
    pub const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub const PATH_SYMLINK: u64 = 1 << 24;
    pub const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub const POLL_FD_READWRITE: u64 = 1 << 27;
    pub const SOCK_SHUTDOWN: u64 = 1 << 28;
    pub const SOCK_ACCEPT: u64 = 1 << 29;

    /// What a stream has besides `FD_READ` or `FD_WRITE`.
    pub const STREAM: u64 = FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | FD_SYNC | FD_DATASYNC | POLL_FD_READWRITE;
    /// What a listening socket has.
    pub const LISTENER: u64 = FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | SOCK_ACCEPT;
    /// What another socket has.
    pub const CONNECTION: u64 =
        FD_READ | FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | SOCK_SHUTDOWN;
    /// What goes with the right to write.
    pub const WRITING: u64 = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;
    /// What any file has.
    pub const ANY_FILE: u64 = STREAM | FD_SEEK | FD_TELL | FD_ADVISE | FD_FILESTAT_SET_TIMES;
    /// What a file can have.
    pub const FILE: u64 = ANY_FILE | FD_READ | WRITING;
    /// What a folder can have.
    pub const FOLDER: u64 = FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_DATASYNC
        | FD_READDIR
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
}

/// How `path_open` opens.
pub mod oflags {
    pub const CREAT: u16 = 1 << 0;
    pub const DIRECTORY: u16 = 1 << 1;
    pub const EXCL: u16 = 1 << 2;
    pub const TRUNC: u16 = 1 << 3;
    pub const ALL: u16 = CREAT | DIRECTORY | EXCL | TRUNC;
}

/// How a descriptor behaves.
pub mod fdflags {
    pub const APPEND: u16 = 1 << 0;
    pub const DSYNC: u16 = 1 << 1;
    pub const NONBLOCK: u16 = 1 << 2;
    pub const RSYNC: u16 = 1 << 3;
    pub const SYNC: u16 = 1 << 4;
    pub const ALL: u16 = APPEND | DSYNC | NONBLOCK | RSYNC | SYNC;
}

/// Which times to set, and to what.
pub mod fstflags {
    pub const ATIM: u16 = 1 << 0;
    pub const ATIM_NOW: u16 = 1 << 1;
    pub const MTIM: u16 = 1 << 2;
    pub const MTIM_NOW: u16 = 1 << 3;
    pub const ALL: u16 = ATIM | ATIM_NOW | MTIM | MTIM_NOW;
}

/// How `sock_recv` receives.
pub mod riflags {
    pub const PEEK: u32 = 1 << 0;
    pub const WAITALL: u32 = 1 << 1;
    pub const ALL: u32 = PEEK | WAITALL;
}

/// What `sock_recv` has seen: there was more of the message than room for it.
pub const DATA_TRUNCATED: u16 = 1;

/// What `sock_shutdown` ends.
pub mod sdflags {
    pub const RD: u32 = 1 << 0;
    pub const WR: u32 = 1 << 1;
    pub const ALL: u32 = RD | WR;
}

/// A path whose last part is a symbolic link means what it leads to.
pub const SYMLINK_FOLLOW: u32 = 1;

/// The time of a clock subscription is a point in time, not a duration.
pub const ABSTIME: u16 = 1;

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileStat {
    pub device: u64,
    pub inode: u64,
    pub file_type: FileType,
    pub links: u64,
    pub size: u64,
    /// In nanoseconds since 1970: accessed, modified, changed.
    pub times: [u64; 3],
}

impl FileStat {
    /// Something that isn't in a file system.
    pub fn of_stream(file_type: FileType) -> FileStat {
        FileStat { device: 0, inode: 0, file_type, links: 1, size: 0, times: [0; 3] }
    }

    /// The structure `filestat`.
    pub fn encode(&self, dialect: Dialect) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes[0..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16] = self.file_type as u8;
        match dialect {
            Dialect::Preview1 => bytes.extend(self.links.to_le_bytes()),
            Dialect::Unstable => {
                bytes[20..24].copy_from_slice(&u32::try_from(self.links).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        for number in [self.size].iter().chain(&self.times) {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    /// How many bytes [`FileStat::encode`] gives.
    pub fn size_in(dialect: Dialect) -> u32 {
        match dialect {
            Dialect::Preview1 => 64,
            Dialect::Unstable => 56,
        }
    }
}

/// The structure `fdstat`.
pub fn fdstat(file_type: FileType, flags: u16, base: u64, inheriting: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[0] = file_type as u8;
    bytes[2..4].copy_from_slice(&flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&base.to_le_bytes());
    bytes[16..24].copy_from_slice(&inheriting.to_le_bytes());
    bytes
}

/// The structure `dirent`, which the name follows.
pub fn dirent(next: u64, inode: u64, name_length: u32, file_type: FileType) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[0..8].copy_from_slice(&next.to_le_bytes());
    bytes[8..16].copy_from_slice(&inode.to_le_bytes());
    bytes[16..20].copy_from_slice(&name_length.to_le_bytes());
    bytes[20] = file_type as u8;
    bytes
}

/// What `poll_oneoff` is asked to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    pub userdata: u64,
    pub wanted: Wanted,
}

/// The kinds of subscriptions.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Clock { clock: u32, timeout: u64, flags: u16 },
    Read { fd: u32 },
    Write { fd: u32 },
}

impl Subscription {
    /// How many bytes the structure `subscription` has.
    pub fn size_in(dialect: Dialect) -> u32 {
        match dialect {
            Dialect::Preview1 => 48,
            Dialect::Unstable => 56,
        }
    }

    /// Reads the structure; `None` for an unknown kind.
    pub fn decode(bytes: &[u8], dialect: Dialect) -> Option<Subscription> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        // The old clock has a second userdata first.
        let clock = match dialect {
            Dialect::Preview1 => 16,
            Dialect::Unstable => 24,
        };
        let wanted = match bytes[8] {
            0 => {
                let flags = u16::from_le_bytes([bytes[clock + 24], bytes[clock + 25]]);
                Wanted::Clock { clock: u32_at(clock), timeout: u64_at(clock + 8), flags }
            }
            1 => Wanted::Read { fd: u32_at(16) },
            2 => Wanted::Write { fd: u32_at(16) },
            _ => return None,
        };
        Some(Subscription { userdata: u64_at(0), wanted })
    }
}

/// What `poll_oneoff` reports.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub userdata: u64,
    /// 0, or an error number.
    pub error: u16,
    pub kind: u8,
    /// How many bytes can be read or written at least.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

impl Event {
    /// How many bytes the structure `event` has.
    pub const SIZE: u32 = 32;

    /// The structure.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.error.to_le_bytes());
        bytes[10] = self.kind;
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24] = u8::from(self.hangup);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_sizes_of_the_interface() {
        let stat = FileStat { links: 3, size: 7, ..FileStat::of_stream(FileType::RegularFile) };
        for dialect in [Dialect::Preview1, Dialect::Unstable] {
            assert_eq!(stat.encode(dialect).len(), FileStat::size_in(dialect) as usize);
        }
        assert_eq!((stat.encode(Dialect::Preview1)[24], stat.encode(Dialect::Preview1)[32]), (3, 7));
        assert_eq!((stat.encode(Dialect::Unstable)[20], stat.encode(Dialect::Unstable)[24]), (3, 7));
    }

    #[test]
    fn clocks_of_both_dialects_are_found() {
        for (dialect, start) in [(Dialect::Preview1, 16), (Dialect::Unstable, 24)] {
            let mut bytes = vec![0; Subscription::size_in(dialect) as usize];
            bytes[0] = 9;
            bytes[start] = 1;
            bytes[start + 8] = 5;
            bytes[start + 24] = 1;
            let subscription = Subscription::decode(&bytes, dialect).unwrap();
            assert_eq!(subscription.userdata, 9);
            assert!(matches!(subscription.wanted, Wanted::Clock { clock: 1, timeout: 5, flags: 1 }));
            bytes[8] = 3;
            assert!(Subscription::decode(&bytes, dialect).is_none());
        }
    }
}
