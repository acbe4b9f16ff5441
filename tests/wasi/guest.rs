//! A guest that does what a test says: it exports a function for each that it imports.

use pellucid::base::{Config, Error, Func, Instance, Memory, StoreLimits, Value};
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Linker, Module};
use pellucid::wasi::{self, Wasi, WasiConfig};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// All functions with their parameters, `i` for `i32` and `I` for `i64`; the result is an error number.
pub const FUNCTIONS: [(&str, &str); 45] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// Bytes of the guest's memory.
pub const MEMORY: u32 = 4 << 16;

// Places in it.
const VECTORS: u32 = 64;
const PATH: u32 = 256;
const OTHER_PATH: u32 = 2048;
/// Where results go.
pub const OUT: u32 = 4096;
/// Room for data.
pub const DATA: u32 = 1 << 16;

// Error numbers.
pub const SUCCESS: i32 = 0;
pub const ACCES: i32 = 2;
pub const AGAIN: i32 = 6;
pub const BADF: i32 = 8;
pub const EXIST: i32 = 20;
pub const FAULT: i32 = 21;
pub const ILSEQ: i32 = 25;
pub const INVAL: i32 = 28;
pub const ISDIR: i32 = 31;
pub const LOOP: i32 = 32;
pub const NAMETOOLONG: i32 = 37;
pub const NOENT: i32 = 44;
pub const NOSPC: i32 = 51;
pub const NOTDIR: i32 = 54;
pub const NOTEMPTY: i32 = 55;
pub const NOTSOCK: i32 = 57;
pub const NOTSUP: i32 = 58;
pub const PERM: i32 = 63;
pub const ROFS: i32 = 69;
pub const SPIPE: i32 = 70;
pub const NOTCAPABLE: i32 = 76;

// Flags.
pub const CREAT: i32 = 1;
pub const DIRECTORY: i32 = 2;
pub const EXCL: i32 = 4;
pub const TRUNC: i32 = 8;
pub const READ: i64 = 1 << 1;
pub const WRITE: i64 = 1 << 6;
pub const APPEND: i32 = 1;
pub const NONBLOCK: i32 = 4;

/// The number of the first folder.
pub const FOLDER: i32 = 3;

/// The text of a module that imports every function from `wasi` and exports each under its name.
pub fn text(wasi: &str, memory: &str) -> String {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, params) in FUNCTIONS.iter().filter(|(name, _)| wasi != "wasi_unstable" || *name != "sock_accept") {
        let types: Vec<_> = params.chars().map(|ty| if ty == 'i' { "i32" } else { "i64" }).collect();
        let types = types.join(" ");
        let args: String = (0..params.len()).map(|place| format!(" (local.get {place})")).collect();
        writeln!(imports, "(import \"{wasi}\" \"{name}\" (func ${name} (param {types}) (result i32)))").unwrap();
        writeln!(exports, "(func (export \"{name}\") (param {types}) (result i32) (call ${name}{args}))").unwrap();
    }
    let exit = format!("(import \"{wasi}\" \"proc_exit\" (func $proc_exit (param i32)))");
    let exports = exports + "(func (export \"proc_exit\") (param i32) (call $proc_exit (local.get 0)) unreachable)";
    format!("(module {imports} {exit} {memory} {exports})")
}

pub struct Guest {
    pub debuggee: Debuggee,
    pub linker: Linker,
    pub instance: Instance,
    pub wasi: Wasi,
    memory: Option<Memory>,
}

impl Guest {
    pub fn new(debug: bool, config: &WasiConfig) -> Guest {
        Guest::importing(debug, config, "wasi_snapshot_preview1")
    }

    pub fn importing(debug: bool, config: &WasiConfig, wasi: &str) -> Guest {
        let text = text(wasi, &format!("(memory (export \"memory\") {})", MEMORY >> 16));
        Guest::with_module(debug, config, &wat::parse_str(text).unwrap())
    }

    pub fn with_module(debug: bool, config: &WasiConfig, bytes: &[u8]) -> Guest {
        let engine = Engine::new(Config { debug, ..Config::default() }).unwrap();
        let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
        let mut linker = Linker::new(&engine);
        let wasi = wasi::define(&mut linker, debuggee.store(), config).unwrap();
        let instance = debuggee.link(&linker, &Module::new(&engine, bytes).unwrap()).unwrap();
        let memory = match debuggee.store().instance_export(instance, "memory").unwrap() {
            Some(Extern::Memory(memory)) => Some(memory),
            _ => None,
        };
        Guest { debuggee, linker, instance, wasi, memory }
    }

    pub fn func(&self, name: &str) -> Func {
        match self.debuggee.store().instance_export(self.instance, name).unwrap() {
            Some(Extern::Func(func)) => func,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Calls a function with numbers, of which those that it wants as `i64` are passed so.
    pub fn call(&self, name: &str, args: &[i64]) -> i32 {
        let (_, params) = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(params.len(), args.len(), "{name}");
        let value = |(ty, arg): (char, &i64)| if ty == 'i' { Value::I32(*arg as i32) } else { Value::I64(*arg) };
        let args: Vec<_> = params.chars().zip(args).map(value).collect();
        let results = self.debuggee.call(self.func(name), &args).unwrap_or_else(|error| panic!("{name}: {error}"));
        match results[..] {
            [Value::I32(errno)] => errno,
            _ => panic!("{name} gave {results:?}"),
        }
    }

    pub fn start(&self) -> Result<(), Error> {
        self.debuggee.call(self.func("_start"), &[]).map(drop)
    }

    pub fn write(&self, address: u32, bytes: &[u8]) {
        self.debuggee.store().memory_write(self.memory.unwrap(), u64::from(address), bytes).unwrap();
    }

    pub fn read(&self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.debuggee.store().memory_read(self.memory.unwrap(), u64::from(address), &mut bytes).unwrap();
        bytes
    }

    pub fn read_u32(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.read(address, 4).try_into().unwrap())
    }

    pub fn read_u64(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.read(address, 8).try_into().unwrap())
    }

    /// Writes a path where nothing else is; answers its place and length.
    pub fn path(&self, path: &str) -> [i64; 2] {
        self.path_at(PATH, path)
    }

    /// The same for a second one.
    pub fn other_path(&self, path: &str) -> [i64; 2] {
        self.path_at(OTHER_PATH, path)
    }

    fn path_at(&self, address: u32, path: &str) -> [i64; 2] {
        self.write(address, path.as_bytes());
        [i64::from(address), path.len() as i64]
    }

    /// Calls a function on one path.
    pub fn on_path(&self, name: &str, fd: i32, path: &str) -> i32 {
        let [at, length] = self.path(path);
        self.call(name, &[i64::from(fd), at, length])
    }

    /// Opens a path.
    pub fn try_open(&self, path: &str, follow: bool, oflags: i32, rights: i64, fdflags: i32) -> Result<i32, i32> {
        self.try_open_in(FOLDER, path, follow, oflags, rights, fdflags)
    }

    pub fn try_open_in(
        &self,
        fd: i32,
        path: &str,
        follow: bool,
        oflags: i32,
        rights: i64,
        fdflags: i32,
    ) -> Result<i32, i32> {
        let [at, length] = self.path(path);
        let args = [fd.into(), follow.into(), at, length, oflags.into(), rights, rights, fdflags.into(), OUT.into()];
        match self.call("path_open", &args) {
            0 => Ok(self.read_u32(OUT) as i32),
            errno => Err(errno),
        }
    }

    pub fn open(&self, path: &str, oflags: i32, rights: i64) -> i32 {
        self.try_open(path, true, oflags, rights, 0).unwrap_or_else(|errno| panic!("{path}: {errno}"))
    }

    pub fn close(&self, fd: i32) {
        assert_eq!(self.call("fd_close", &[fd.into()]), SUCCESS);
    }

    /// One vector of this place and length.
    fn vector(&self, address: u32, length: u32) {
        self.write(VECTORS, &address.to_le_bytes());
        self.write(VECTORS + 4, &length.to_le_bytes());
    }

    pub fn try_write(&self, fd: i32, bytes: &[u8]) -> Result<u32, i32> {
        self.write(DATA, bytes);
        self.vector(DATA, bytes.len() as u32);
        match self.call("fd_write", &[fd.into(), VECTORS.into(), 1, OUT.into()]) {
            0 => Ok(self.read_u32(OUT)),
            errno => Err(errno),
        }
    }

    pub fn try_read(&self, fd: i32, most: u32) -> Result<Vec<u8>, i32> {
        self.vector(DATA, most);
        match self.call("fd_read", &[fd.into(), VECTORS.into(), 1, OUT.into()]) {
            0 => Ok(self.read(DATA, self.read_u32(OUT) as usize)),
            errno => Err(errno),
        }
    }

    pub fn pread(&self, fd: i32, most: u32, offset: i64) -> Result<Vec<u8>, i32> {
        self.vector(DATA, most);
        match self.call("fd_pread", &[fd.into(), VECTORS.into(), 1, offset, OUT.into()]) {
            0 => Ok(self.read(DATA, self.read_u32(OUT) as usize)),
            errno => Err(errno),
        }
    }

    pub fn pwrite(&self, fd: i32, bytes: &[u8], offset: i64) -> Result<u32, i32> {
        self.write(DATA, bytes);
        self.vector(DATA, bytes.len() as u32);
        match self.call("fd_pwrite", &[fd.into(), VECTORS.into(), 1, offset, OUT.into()]) {
            0 => Ok(self.read_u32(OUT)),
            errno => Err(errno),
        }
    }

    /// Moves the position; 0 from the start, 1 from here, 2 from the end.
    pub fn seek(&self, fd: i32, offset: i64, whence: i64) -> Result<u64, i32> {
        match self.call("fd_seek", &[fd.into(), offset, whence, OUT.into()]) {
            0 => Ok(self.read_u64(OUT)),
            errno => Err(errno),
        }
    }

    /// Kind, links and size of a path.
    pub fn stat(&self, path: &str, follow: bool) -> Result<(u8, u64, u64), i32> {
        let [at, length] = self.path(path);
        match self.call("path_filestat_get", &[FOLDER.into(), follow.into(), at, length, OUT.into()]) {
            0 => Ok((self.read(OUT + 16, 1)[0], self.read_u64(OUT + 24), self.read_u64(OUT + 32))),
            errno => Err(errno),
        }
    }

    /// The size of an open file.
    pub fn size(&self, fd: i32) -> u64 {
        assert_eq!(self.call("fd_filestat_get", &[fd.into(), OUT.into()]), SUCCESS);
        self.read_u64(OUT + 32)
    }

    /// What `fd_readdir` gives with so much room each time: names and kinds.
    pub fn list(&self, fd: i32, room: u32) -> Vec<(String, u8)> {
        let mut entries = Vec::new();
        let mut cookie = 0;
        loop {
            let args = [fd.into(), DATA.into(), room.into(), cookie as i64, OUT.into()];
            assert_eq!(self.call("fd_readdir", &args), SUCCESS);
            let used = self.read_u32(OUT);
            let bytes = self.read(DATA, used as usize);
            let mut rest = &bytes[..];
            while rest.len() >= 24 {
                let length = u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
                let Some(name) = rest.get(24..24 + length) else { break };
                cookie = u64::from_le_bytes(rest[..8].try_into().unwrap());
                entries.push((String::from_utf8(name.to_vec()).unwrap(), rest[20]));
                rest = &rest[24 + length..];
            }
            if used < room {
                entries.sort();
                return entries;
            }
        }
    }

    /// What was captured of a stream.
    pub fn captured(&self, stream: wasi::config::StreamName) -> String {
        let captured = self.wasi.captured(stream).unwrap();
        let mut bytes = vec![0; captured.size()];
        assert_eq!(captured.take(&mut bytes), bytes.len());
        String::from_utf8(bytes).unwrap()
    }
}

/// A folder of its own for a test, in which a folder `box` is what the guest gets.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wasi_{}_{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(path.join("box")).unwrap();
        Place(path)
    }

    /// A path in the guest's folder.
    pub fn inside(&self, name: &str) -> PathBuf {
        self.0.join("box").join(name)
    }

    /// A path beside it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A configuration with the guest's folder.
    pub fn config(&self, is_read_only: bool) -> WasiConfig {
        let mut config = WasiConfig::default();
        config.preopen(self.inside("").to_str().unwrap(), "/", is_read_only).unwrap();
        config
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a test in an empty place, with debugging off and on.
pub fn both(test: impl Fn(&Guest, &Place)) {
    for debug in [false, true] {
        let place = Place::new();
        test(&Guest::new(debug, &place.config(false)), &place);
    }
}
