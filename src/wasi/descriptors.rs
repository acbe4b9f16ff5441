//! What the guest's file descriptors stand for, and the table of them.
//!
//! Invariants: a descriptor's rights only ever shrink; what it is never changes. The table hands out counted
//! references, so that nothing is locked while a descriptor is in use. Any number of threads may use a table, as those of a program do
//! that has several.

use super::Errno;
use super::guest::Result;
use super::stdio::{Stream, locked};
use super::system::{self, Directory, Listing, Socket};
use super::types::{FileStat, FileType, fdflags, rights};
use std::fs::File;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// How many descriptors a guest can have: less than what systems give a process, so that something is left for the host.
const MOST_DESCRIPTORS: usize = 512;

/// A folder, and what may be done in it.
pub struct Folder {
    /// The folder.
    pub dir: Arc<Directory>,
    /// Whether nothing in it can be changed.
    pub is_read_only: bool,
    /// Whether other contexts use the same open folder.
    pub is_shared: bool,
    /// Where `fd_readdir` is.
    listing: Mutex<Option<Listing>>,
}

impl Folder {
    /// A folder that a guest has opened.
    pub fn new(dir: Directory, is_read_only: bool) -> Folder {
        Folder { dir: Arc::new(dir), is_read_only, is_shared: false, listing: Mutex::default() }
    }

    /// A folder that the host has opened, for any number of contexts.
    pub fn of_host(dir: Arc<Directory>, is_read_only: bool) -> Folder {
        Folder { dir, is_read_only, is_shared: true, listing: Mutex::default() }
    }

    /// Where `fd_readdir` is; one thread at a time.
    pub fn listing(&self) -> MutexGuard<'_, Option<Listing>> {
        locked(&self.listing)
    }

    /// `Rofs` if nothing in it can be changed.
    pub fn check_writable(&self) -> Result<()> {
        if self.is_read_only { Err(Errno::Rofs) } else { Ok(()) }
    }
}

/// What a descriptor stands for.
pub enum Object {
    /// Something without positions.
    Stream(Stream),
    /// A regular file.
    File(Arc<File>),
    /// A folder.
    Folder(Folder),
    /// A socket, which may be a listening one.
    Socket(Arc<Socket>),
}

impl Object {
    /// A file, or a stream if it has no positions.
    pub fn of_file(file: Arc<File>) -> Object {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Object::File(file),
            _ => Object::Stream(Stream::File(file)),
        }
    }

    /// A stream, or the file that it is.
    pub fn of_stream(stream: Stream) -> Object {
        match stream {
            Stream::File(file) => Object::of_file(file),
            stream => Object::Stream(stream),
        }
    }
}

/// An open descriptor.
pub struct Descriptor {
    /// What it stands for.
    pub object: Object,
    /// What may be done with it.
    base: AtomicU64,
    /// What may be done with what is opened through it.
    inheriting: AtomicU64,
    /// How it behaves.
    flags: AtomicU16,
    /// For a folder that the host gave: its path, as the guest knows it.
    pub preopen: Option<String>,
}

impl Descriptor {
    /// A descriptor of something that nothing is opened through.
    pub fn new(object: Object, base: u64, flags: u16) -> Descriptor {
        let (base, flags) = (AtomicU64::new(base), AtomicU16::new(flags));
        Descriptor { object, base, inheriting: AtomicU64::new(0), flags, preopen: None }
    }

    /// A descriptor of a socket.
    pub fn of_socket(socket: Arc<Socket>, flags: u16) -> Descriptor {
        let (base, inheriting) =
            if socket.is_listening { (rights::LISTENER, rights::CONNECTION) } else { (rights::CONNECTION, 0) };
        let inheriting = AtomicU64::new(inheriting);
        Descriptor { inheriting, ..Descriptor::new(Object::Socket(socket), base, flags) }
    }

    /// A descriptor of a folder.
    pub fn of_folder(folder: Folder, base: u64, inheriting: u64, preopen: Option<String>) -> Descriptor {
        let (base, inheriting) = (AtomicU64::new(base), AtomicU64::new(inheriting));
        Descriptor { object: Object::Folder(folder), base, inheriting, flags: AtomicU16::new(0), preopen }
    }

    /// What may be done with it.
    pub fn base(&self) -> u64 {
        self.base.load(Ordering::Relaxed)
    }

    /// What may be done with what is opened through it.
    pub fn inheriting(&self) -> u64 {
        self.inheriting.load(Ordering::Relaxed)
    }

    /// Gives up what is in neither set of rights. `Notcapable`, and nothing happens, if there is more in them.
    pub fn shrink(&self, base: u64, inheriting: u64) -> Result<()> {
        if base & !self.base() | inheriting & !self.inheriting() != 0 {
            return Err(Errno::Notcapable);
        }
        self.base.fetch_and(base, Ordering::Relaxed);
        self.inheriting.fetch_and(inheriting, Ordering::Relaxed);
        Ok(())
    }

    /// How it behaves.
    pub fn flags(&self) -> u16 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Makes it behave otherwise.
    pub fn set_flags(&self, flags: u16) {
        self.flags.store(flags, Ordering::Relaxed);
    }

    /// Whether the guest has asked not to wait.
    pub fn never_waits(&self) -> bool {
        self.flags() & fdflags::NONBLOCK != 0
    }

    /// The socket, if it may be used in this way; `Notsock` if it is none.
    pub fn socket(&self, right: u64) -> Result<&Arc<Socket>> {
        let Object::Socket(socket) = &self.object else { return Err(Errno::Notsock) };
        self.require(right)?;
        Ok(socket)
    }

    /// `Badf` without the right to read or write, `Notcapable` without another.
    pub fn require(&self, right: u64) -> Result<()> {
        if self.base() & right == right {
            Ok(())
        } else if right & (rights::FD_READ | rights::FD_WRITE) != 0 {
            Err(Errno::Badf)
        } else {
            Err(Errno::Notcapable)
        }
    }

    /// The file; `Badf` for a folder, `Spipe` for a stream.
    pub fn file(&self) -> Result<&File> {
        match &self.object {
            Object::File(file) => Ok(file),
            Object::Folder(_) => Err(Errno::Badf),
            Object::Stream(_) | Object::Socket(_) => Err(Errno::Spipe),
        }
    }

    /// The folder, if it may be used in this way; `Notdir` if it isn't one.
    pub fn folder(&self, right: u64) -> Result<&Folder> {
        let Object::Folder(folder) = &self.object else { return Err(Errno::Notdir) };
        self.require(right)?;
        Ok(folder)
    }

    /// What kind of thing it stands for.
    pub fn file_type(&self) -> FileType {
        match &self.object {
            Object::Stream(stream) => stream.file_type(),
            Object::File(_) => FileType::RegularFile,
            Object::Folder(_) => FileType::Directory,
            Object::Socket(socket) if socket.has_messages => FileType::SocketDgram,
            Object::Socket(_) => FileType::SocketStream,
        }
    }

    /// What is known of it.
    pub fn stat(&self) -> Result<FileStat> {
        match &self.object {
            Object::Stream(Stream::File(file)) => Ok(FileStat { file_type: self.file_type(), ..system::stat(file)? }),
            Object::Stream(_) | Object::Socket(_) => Ok(FileStat::of_stream(self.file_type())),
            Object::File(file) => system::stat(file),
            Object::Folder(folder) => folder.dir.own_stat(),
        }
    }
}

/// What a number stands for.
#[derive(Default)]
enum Slot {
    #[default]
    Free,
    /// A stream of the host's that the host itself doesn't have. What is opened later isn't taken for it.
    Absent,
    Open(Arc<Descriptor>),
}

/// The descriptors of a program.
#[derive(Default)]
pub struct Descriptors(Mutex<Vec<Slot>>);

impl Descriptors {
    /// What a number stands for.
    pub fn get(&self, fd: u32) -> Result<Arc<Descriptor>> {
        match locked(&self.0).get(fd as usize) {
            Some(Slot::Open(descriptor)) => Ok(descriptor.clone()),
            _ => Err(Errno::Badf),
        }
    }

    /// Gives a descriptor the lowest number that is free.
    pub fn add(&self, descriptor: Descriptor) -> Result<u32> {
        self.put(Slot::Open(Arc::new(descriptor)))
    }

    /// Makes the lowest number that is free stand for nothing.
    pub fn add_absent(&self) -> Result<u32> {
        self.put(Slot::Absent)
    }

    fn put(&self, slot: Slot) -> Result<u32> {
        let mut slots = locked(&self.0);
        let free = slots.iter().position(|slot| matches!(slot, Slot::Free)).unwrap_or(slots.len());
        if free == MOST_DESCRIPTORS {
            return Err(Errno::Mfile);
        }
        if free == slots.len() {
            slots.push(slot);
        } else {
            slots[free] = slot;
        }
        Ok(free as u32)
    }

    /// `Mfile` if no number is free.
    pub fn check_room(&self) -> Result<()> {
        let slots = locked(&self.0);
        let is_full = slots.len() == MOST_DESCRIPTORS && !slots.iter().any(|slot| matches!(slot, Slot::Free));
        if is_full { Err(Errno::Mfile) } else { Ok(()) }
    }

    /// Frees a number.
    pub fn remove(&self, fd: u32) -> Result<()> {
        // What it stood for goes when nothing is locked.
        let removed = {
            let mut slots = locked(&self.0);
            match slots.get_mut(fd as usize) {
                Some(slot @ Slot::Open(_)) => std::mem::take(slot),
                _ => return Err(Errno::Badf),
            }
        };
        drop(removed);
        Ok(())
    }

    /// Gives a descriptor another number, which must be in use; what had that is closed.
    pub fn renumber(&self, from: u32, to: u32) -> Result<()> {
        let replaced = {
            let mut slots = locked(&self.0);
            for fd in [from, to] {
                let Some(Slot::Open(_)) = slots.get(fd as usize) else { return Err(Errno::Badf) };
            }
            if from == to {
                return Ok(());
            }
            let moved = std::mem::take(&mut slots[from as usize]);
            std::mem::replace(&mut slots[to as usize], moved)
        };
        drop(replaced);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_given_until_there_is_none() {
        let descriptors = Descriptors::default();
        let add = || descriptors.add(Descriptor::new(Object::Stream(Stream::Null), 0, 0));
        for number in 0..MOST_DESCRIPTORS as u32 {
            assert_eq!(add(), Ok(number));
        }
        assert_eq!((add(), descriptors.check_room()), (Err(Errno::Mfile), Err(Errno::Mfile)));
        descriptors.remove(7).unwrap();
        descriptors.remove(3).unwrap();
        assert_eq!(descriptors.check_room(), Ok(()));
        assert_eq!((add(), add(), add()), (Ok(3), Ok(7), Err(Errno::Mfile)));
        assert_eq!(descriptors.remove(MOST_DESCRIPTORS as u32), Err(Errno::Badf));
    }

    #[test]
    fn an_absent_stream_keeps_its_number() {
        let descriptors = Descriptors::default();
        let add = || descriptors.add(Descriptor::new(Object::Stream(Stream::Null), 0, 0));
        assert_eq!((descriptors.add_absent(), add()), (Ok(0), Ok(1)));
        assert_eq!(descriptors.get(0).err(), Some(Errno::Badf));
        assert_eq!((descriptors.remove(0), descriptors.renumber(1, 0)), (Err(Errno::Badf), Err(Errno::Badf)));
        assert_eq!(add(), Ok(2));
    }
}
