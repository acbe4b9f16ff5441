//! What a guest gets: plain data, copied into each context that is made from it.
//!
//! Folders and files are opened when they are named, so that what is wrong with them shows there.

use super::Errno;
use super::clocks::ClockChoice;
use super::stdio::{Input, Output, ReadFn, WriteFn};
use super::system::{self, Directory, HostSocket, Socket};
use crate::base::{Error, ErrorKind, Result, error::bail};
use std::sync::Arc;

/// How many bytes a captured stream holds unless it is told otherwise.
const BUFFER_LIMIT: usize = 64 << 20;

/// One of the three streams that a guest starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum StreamName {
    /// Standard input.
    Stdin = 0,
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

/// A folder that a guest can reach.
#[derive(Clone)]
pub struct Preopen {
    /// The folder.
    pub dir: Arc<Directory>,
    /// Its path, as the guest knows it.
    pub guest_path: String,
    /// Whether nothing in it can be changed.
    pub is_read_only: bool,
}

/// What a guest gets. A new one gives it nothing: no arguments, no environment, no folders, silent stdio; but real
/// clocks and random numbers.
#[derive(Clone)]
pub struct WasiConfig {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) folders: Vec<Preopen>,
    pub(super) sockets: Vec<Arc<Socket>>,
    pub(super) clocks: ClockChoice,
    pub(super) seed: Option<u64>,
    pub(super) buffer_limit: usize,
    pub(super) yields: bool,
}

impl Default for WasiConfig {
    fn default() -> WasiConfig {
        WasiConfig {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::Null,
            stdout: Output::Null,
            stderr: Output::Null,
            folders: Vec::new(),
            sockets: Vec::new(),
            clocks: ClockChoice::Real,
            seed: None,
            buffer_limit: BUFFER_LIMIT,
            yields: false,
        }
    }
}

impl WasiConfig {
    /// Adds an argument; the first is the program's name. `InvalidArgument` if it contains NUL.
    pub fn add_arg(&mut self, arg: &str) -> Result<()> {
        no_nul(arg)?;
        self.args.push(arg.to_string());
        Ok(())
    }

    /// Sets an environment variable, again if need be. `InvalidArgument` for a name that is empty or contains `=`, and
    /// for NUL in either.
    pub fn set_env(&mut self, name: &str, value: &str) -> Result<()> {
        no_nul(name)?;
        no_nul(value)?;
        if name.is_empty() || name.contains('=') {
            bail!(InvalidArgument, "\"{name}\" can't be the name of an environment variable");
        }
        match self.env.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.to_string(),
            None => self.env.push((name.to_string(), value.to_string())),
        }
        Ok(())
    }

    /// Sets all variables of the host's environment as it is now; those that aren't UTF-8 are left out.
    pub fn inherit_env(&mut self) {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
                // On Windows there are names that begin with `=`.
                let _ = self.set_env(name, value);
            }
        }
    }

    /// Makes a stream empty and silent.
    pub fn set_null(&mut self, stream: StreamName) {
        self.set_stream(stream, Input::Null, Output::Null);
    }

    /// Makes a stream the host's own.
    pub fn inherit(&mut self, stream: StreamName) {
        self.set_stream(stream, Input::Inherit, Output::Inherit);
    }

    /// Makes standard input these bytes.
    pub fn set_input(&mut self, bytes: &[u8]) {
        self.stdin = Input::Bytes(bytes.into());
    }

    /// Makes an output stream be kept. `InvalidArgument` for standard input.
    pub fn capture(&mut self, stream: StreamName) -> Result<()> {
        *self.output(stream)? = Output::Buffer;
        Ok(())
    }

    /// How many bytes each captured stream holds; writing more is an error for the guest.
    pub fn set_buffer_limit(&mut self, bytes: usize) {
        self.buffer_limit = bytes;
    }

    /// Makes a stream a file, which is opened for reading, or made or emptied for writing.
    pub fn set_file(&mut self, stream: StreamName, path: &str) -> Result<()> {
        let file = if stream == StreamName::Stdin { system::open(path) } else { system::create(path) };
        let file = Arc::new(file.map_err(|error| cannot_open(path, &error))?);
        self.set_stream(stream, Input::File(file.clone()), Output::File(file));
        Ok(())
    }

    /// Makes standard input what a function gives.
    pub fn set_reader(&mut self, read: Arc<ReadFn>) {
        self.stdin = Input::Callback(read);
    }

    /// Makes an output stream go to a function. `InvalidArgument` for standard input.
    pub fn set_writer(&mut self, stream: StreamName, write: Arc<WriteFn>) -> Result<()> {
        *self.output(stream)? = Output::Callback(write);
        Ok(())
    }

    /// Lets the guest reach a folder. `NotFound` or `System` if it can't be opened, `InvalidArgument` for an empty path
    /// or NUL, and for a folder that shows the inside of the system, as `/proc` does.
    pub fn preopen(&mut self, host_path: &str, guest_path: &str, is_read_only: bool) -> Result<()> {
        no_nul(guest_path)?;
        if guest_path.is_empty() {
            bail!(InvalidArgument, "the path that the guest knows a folder by can't be empty");
        }
        let dir = Arc::new(Directory::of_host(host_path).map_err(|error| cannot_open(host_path, &error))?);
        if !dir.is_storage() {
            bail!(InvalidArgument, "{host_path:?} can't be given to a guest: it shows the inside of the system");
        }
        self.folders.push(Preopen { dir, guest_path: guest_path.to_string(), is_read_only });
        Ok(())
    }

    /// Gives the guest a duplicate of a socket. `InvalidArgument` for what is no socket, or one of a kind that guests don't know;
    /// `System`.
    pub fn add_socket(&mut self, socket: HostSocket<'_>) -> Result<()> {
        let socket = Socket::of_host(socket).map_err(|error| {
            let kind = match Errno::from_system(&error) {
                Some(Errno::Notsock | Errno::Badf | Errno::Prototype) => ErrorKind::InvalidArgument,
                _ => ErrorKind::System,
            };
            Error::new(kind, format_args!("the socket can't be given to a guest: {error}"))
        })?;
        self.sockets.push(Arc::new(socket));
        Ok(())
    }

    /// Which clocks the guest sees.
    pub fn set_clocks(&mut self, clocks: ClockChoice) {
        self.clocks = clocks;
    }

    /// Makes random numbers a sequence that the seed determines; none means the system's.
    pub fn set_random_seed(&mut self, seed: Option<u64>) {
        self.seed = seed;
    }

    /// Whether functions that would wait have their call yield, where it can, instead of holding up the thread.
    pub fn set_yields(&mut self, yields: bool) {
        self.yields = yields;
    }

    fn set_stream(&mut self, stream: StreamName, input: Input, output: Output) {
        match stream {
            StreamName::Stdin => self.stdin = input,
            StreamName::Stdout => self.stdout = output,
            StreamName::Stderr => self.stderr = output,
        }
    }

    fn output(&mut self, stream: StreamName) -> Result<&mut Output> {
        match stream {
            StreamName::Stdin => bail!(InvalidArgument, "standard input isn't an output stream"),
            StreamName::Stdout => Ok(&mut self.stdout),
            StreamName::Stderr => Ok(&mut self.stderr),
        }
    }
}

fn no_nul(text: &str) -> Result<()> {
    if text.contains('\0') {
        bail!(InvalidArgument, "there is a NUL in {text:?}");
    }
    Ok(())
}

fn cannot_open(path: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::System,
    };
    Error::new(kind, format_args!("\"{path}\" can't be opened: {error}"))
}
