//! Streams: where the guest's stdio comes from and goes to.
//!
//! Invariant: no lock or borrow is held while a callback of the host's runs, so that it may run guests which print.

use super::config::StreamName;
use super::guest::Result;
use super::types::FileType;
use super::{Errno, system};
use crate::runtime::Store;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fills bytes and answers how many; 0 is the end. `Again` if there are none yet.
pub type ReadFn = dyn Fn(&mut [u8]) -> Result<usize> + Send + Sync;

/// Takes all bytes; or none yet, which is `Again`.
pub type WriteFn = dyn Fn(&[u8]) -> Result<()> + Send + Sync;

/// Where standard input comes from.
#[derive(Clone)]
pub enum Input {
    /// It is empty.
    Null,
    /// From the host's own.
    Inherit,
    /// From these bytes.
    Bytes(Arc<[u8]>),
    /// From a file.
    File(Arc<File>),
    /// From a function.
    Callback(Arc<ReadFn>),
}

/// Where an output stream goes.
#[derive(Clone)]
pub enum Output {
    /// Nowhere.
    Null,
    /// To the host's own.
    Inherit,
    /// To a buffer of the context.
    Buffer,
    /// To a file.
    File(Arc<File>),
    /// To a function.
    Callback(Arc<WriteFn>),
}

/// What a guest has written and nobody has taken yet. Any thread may look.
pub struct Captured {
    bytes: Mutex<Vec<u8>>,
    limit: usize,
}

impl Captured {
    /// An empty one that holds so many bytes.
    pub fn new(limit: usize) -> Captured {
        Captured { bytes: Mutex::new(Vec::new()), limit }
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        locked(&self.bytes)
    }

    /// How many bytes there are.
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// Takes the oldest bytes, as many as fit; answers how many.
    pub fn take(&self, out: &mut [u8]) -> usize {
        let mut bytes = self.bytes();
        let count = out.len().min(bytes.len());
        out[..count].copy_from_slice(&bytes[..count]);
        bytes.drain(..count);
        count
    }

    fn push(&self, more: &[u8]) -> Result<usize> {
        let mut bytes = self.bytes();
        let count = more.len().min(self.limit.saturating_sub(bytes.len()));
        if count == 0 && !more.is_empty() {
            return Err(Errno::Nospc);
        }
        bytes.extend(&more[..count]);
        Ok(count)
    }
}

/// Nothing panics while it is locked; if it has, what is there is as good as before.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream of a context: something to be read or written in order.
pub enum Stream {
    /// Empty and silent.
    Null,
    /// A terminal, a pipe, a device.
    File(Arc<File>),
    /// Bytes to read, and how many were.
    Bytes(Arc<[u8]>, Mutex<usize>),
    /// A buffer to write to.
    Buffer(Arc<Captured>),
    /// A function to read from.
    Reader(Arc<ReadFn>),
    /// A function to write to.
    Writer(Arc<WriteFn>),
}

/// Whether a stream can be read or written now.
pub enum Readiness {
    /// It can; so many bytes at least.
    Ready(u64),
    /// The system knows.
    AsFile(Arc<File>),
}

impl Stream {
    /// The stream that standard input is; none if it shall be the host's, and the host has none.
    pub fn of_input(input: &Input) -> std::io::Result<Option<Stream>> {
        Ok(Some(match input {
            Input::Null => Stream::Null,
            Input::Inherit => return Stream::inherited(StreamName::Stdin),
            Input::Bytes(bytes) => Stream::Bytes(bytes.clone(), Mutex::new(0)),
            Input::File(file) => Stream::File(file.clone()),
            Input::Callback(read) => Stream::Reader(read.clone()),
        }))
    }

    /// The stream that an output stream is, or none; captured bytes go to `buffer`.
    pub fn of_output(
        output: &Output,
        name: StreamName,
        buffer: Option<&Arc<Captured>>,
    ) -> std::io::Result<Option<Stream>> {
        Ok(Some(match output {
            Output::Null => Stream::Null,
            Output::Inherit => return Stream::inherited(name),
            Output::Buffer => buffer.map_or(Stream::Null, |buffer| Stream::Buffer(buffer.clone())),
            Output::File(file) => Stream::File(file.clone()),
            Output::Callback(write) => Stream::Writer(write.clone()),
        }))
    }

    fn inherited(name: StreamName) -> std::io::Result<Option<Stream>> {
        Ok(system::inherited(name)?.map(|file| Stream::File(Arc::new(file))))
    }

    /// Reads at most as many bytes as fit; 0 is the end.
    pub fn read(&self, store: &Store, out: &mut [u8]) -> Result<usize> {
        match self {
            Stream::Null => Ok(0),
            Stream::File(file) => read_file(store, file, out),
            Stream::Bytes(bytes, done) => {
                let mut done = locked(done);
                let rest = &bytes[*done..];
                let count = rest.len().min(out.len());
                out[..count].copy_from_slice(&rest[..count]);
                *done += count;
                Ok(count)
            }
            // What a function says is checked: it may be the host's.
            Stream::Reader(read) => read(out).map(|count| count.min(out.len())),
            Stream::Buffer(_) | Stream::Writer(_) => Err(Errno::Badf),
        }
    }

    /// Writes bytes; answers how many.
    pub fn write(&self, store: &Store, bytes: &[u8]) -> Result<usize> {
        match self {
            Stream::Null => Ok(bytes.len()),
            Stream::File(file) => write_file(store, file, bytes),
            Stream::Buffer(buffer) => buffer.push(bytes),
            Stream::Writer(write) => write(bytes).map(|()| bytes.len()),
            Stream::Bytes(..) | Stream::Reader(_) => Err(Errno::Badf),
        }
    }

    /// How many bytes can be written without waiting when it is ready: what a pipe that is ready has room for.
    pub fn most_at_once(&self) -> usize {
        match self {
            Stream::File(_) => system::LEAST_ROOM,
            _ => usize::MAX,
        }
    }

    /// Whether it can be read or written without waiting.
    pub fn readiness(&self) -> Readiness {
        match self {
            Stream::File(file) => Readiness::AsFile(file.clone()),
            Stream::Bytes(bytes, done) => Readiness::Ready((bytes.len() - *locked(done)) as u64),
            Stream::Null => Readiness::Ready(0),
            Stream::Buffer(_) | Stream::Reader(_) | Stream::Writer(_) => Readiness::Ready(1),
        }
    }

    /// What the guest takes it for. A program writes line by line to a terminal only, so the host's functions are one.
    pub fn file_type(&self) -> FileType {
        match self {
            Stream::File(file) if file.is_terminal() => FileType::CharacterDevice,
            Stream::Reader(_) | Stream::Writer(_) => FileType::CharacterDevice,
            _ => FileType::Unknown,
        }
    }
}

/// Reads once.
pub fn read_file(store: &Store, file: &File, out: &mut [u8]) -> Result<usize> {
    unless_left(store, || store.read(file, out))
}

/// Writes once. `Intr` if the guest is to be left before anything is written.
pub fn write_file(store: &Store, file: &File, bytes: &[u8]) -> Result<usize> {
    unless_left(store, || system::write(store, file, bytes))
}

/// Repeats what a signal interrupted, unless it came to have the guest left.
fn unless_left(store: &Store, mut act: impl FnMut() -> std::io::Result<usize>) -> Result<usize> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted && !store.is_interrupted() => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Repeats what a signal interrupted.
pub fn again<T>(mut act: impl FnMut() -> std::io::Result<T>) -> Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return Ok(outcome?),
        }
    }
}
