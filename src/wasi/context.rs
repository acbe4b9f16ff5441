//! A context: what the WASI functions of one definition share.
//!
//! Invariant: nothing of it is borrowed while a callback of the host's runs. Read next: [`super::descriptors`].

use super::Errno;
use super::WasiConfig;
use super::clocks::Clocks;
use super::config::StreamName;
use super::descriptors::{Descriptor, Descriptors, Folder, Object};
use super::environment::Strings;
use super::guest::Guest;
use super::poll::Waiting;
use super::random::Random;
use super::stdio::{Captured, Output, Stream};
use super::system;
use super::types::rights;
use crate::base::{Error, ErrorKind, Instance, Memory, Result};
use crate::runtime::{AwaitedFile, Caller, Extern, Wait};
use std::cell::Cell;
use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;

/// What a program has, whichever of its threads asks. Any thread may use it.
pub struct Program {
    pub(super) args: Strings,
    pub(super) env: Strings,
    pub(super) clocks: Clocks,
    pub(super) random: Random,
    pub(super) descriptors: Descriptors,
    /// Whether functions that would wait have their call yield.
    yields: bool,
}

/// What the WASI functions of one definition share, which is for one store.
pub struct Context {
    program: Arc<Program>,
    /// Where bytes pass through between guest and system; taken while it is in use.
    pub(super) scratch: Cell<Vec<u8>>,
    /// The guest that was left last while it waited, and since when it did.
    pub(super) waiting: Cell<Option<(Waiting, u64)>>,
    /// What a function waits for that has just answered `Intr` for that reason.
    pub(super) wait: Cell<Option<Wait>>,
    /// The memory of the instance that called last.
    last: Cell<Option<(Instance, Option<Memory>)>>,
}

/// What a host keeps of a context: the output that was captured. Any thread may use it.
#[derive(Clone)]
pub struct Wasi {
    stdout: Option<Arc<Captured>>,
    stderr: Option<Arc<Captured>>,
}

impl Wasi {
    /// What a stream has captured; `None` if it isn't captured.
    pub fn captured(&self, stream: StreamName) -> Option<&Captured> {
        match stream {
            StreamName::Stdin => None,
            StreamName::Stdout => self.stdout.as_deref(),
            StreamName::Stderr => self.stderr.as_deref(),
        }
    }
}

impl Deref for Context {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Program {
    /// A program with what a configuration says.
    pub fn new(config: &WasiConfig) -> Result<(Program, Wasi)> {
        let buffer =
            |output: &Output| matches!(output, Output::Buffer).then(|| Arc::new(Captured::new(config.buffer_limit)));
        let wasi = Wasi { stdout: buffer(&config.stdout), stderr: buffer(&config.stderr) };
        let env = config.env.iter().map(|(name, value)| format!("{name}={value}"));
        let program = Program {
            args: Strings::new(config.args.iter().cloned()),
            env: Strings::new(env),
            clocks: Clocks::new(config.clocks),
            random: Random::new(config.seed),
            descriptors: Descriptors::default(),
            yields: config.yields,
        };
        let streams = [
            (Stream::of_input(&config.stdin), rights::FD_READ),
            (Stream::of_output(&config.stdout, StreamName::Stdout, wasi.stdout.as_ref()), rights::FD_WRITE),
            (Stream::of_output(&config.stderr, StreamName::Stderr, wasi.stderr.as_ref()), rights::FD_WRITE),
        ];
        for (stream, right) in streams {
            let stream = stream.map_err(|error| Error::new(ErrorKind::System, format_args!("no stdio: {error}")))?;
            let Some(stream) = stream else {
                program.descriptors.add_absent().map_err(too_many)?;
                continue;
            };
            let object = Object::of_stream(stream);
            let positions = rights::FD_SEEK | rights::FD_TELL | rights::FD_ADVISE;
            let more = if let Object::File(_) = object { positions } else { 0 };
            program.descriptors.add(Descriptor::new(object, rights::STREAM | right | more, 0)).map_err(too_many)?;
        }
        for folder in &config.folders {
            let path = Some(folder.guest_path.clone());
            let opened = Folder::of_host(folder.dir.clone(), folder.is_read_only);
            let descriptor = Descriptor::of_folder(opened, rights::FOLDER, rights::FOLDER | rights::FILE, path);
            program.descriptors.add(descriptor).map_err(too_many)?;
        }
        for socket in &config.sockets {
            program.descriptors.add(Descriptor::of_socket(socket.clone(), 0)).map_err(too_many)?;
        }
        Ok((program, wasi))
    }
}

impl Context {
    /// A context for one store.
    pub fn new(program: Arc<Program>) -> Context {
        Context {
            program,
            scratch: Cell::default(),
            waiting: Cell::new(None),
            wait: Cell::new(None),
            last: Cell::new(None),
        }
    }

    /// Has the guest left until one of these files is ready, or so many nanoseconds have passed since the wait began. Requires: it
    /// yields. Answers what its function is to answer. When it is called again it is told what it has done.
    pub fn wait_for(&self, files: Vec<AwaitedFile>, time: Option<u64>, begun: u64, done: u32) -> Errno {
        let deadline = time.map(|time| begun.saturating_add(time));
        self.wait.set(Some(Wait { files, deadline, begun, done }));
        Errno::Intr
    }

    /// Has the guest left until a file is ready.
    pub fn wait_for_file(&self, file: Arc<File>, for_writing: bool) -> Errno {
        self.wait_for(vec![AwaitedFile { file, for_writing }], None, system::monotonic_time(), 0)
    }

    /// The memory of whoever called: its export `memory`.
    pub fn guest<'a>(&self, caller: &Caller<'a>) -> Guest<'a> {
        let Some(instance) = caller.instance() else { return Guest::new(caller, None, false) };
        let memory = match self.last.get() {
            Some((last, memory)) if last == instance => memory,
            _ => {
                let memory = match caller.export("memory") {
                    Some(Extern::Memory(memory)) => Some(memory),
                    _ => None,
                };
                self.last.set(Some((instance, memory)));
                memory
            }
        };
        Guest::new(caller, memory, self.yields && caller.can_yield())
    }
}

fn too_many(_: Errno) -> Error {
    Error::new(ErrorKind::Limit, "there are too many folders and sockets")
}
