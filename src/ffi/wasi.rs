//! WASI: saying what a guest gets, and defining the functions that give it.
//!
//! Knows nothing of the functions. Invariants: a configuration is copied when it is used; captured output belongs to a
//! handle of its own, which any thread may use. Read next: [`crate::wasi`].

use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::entry;
use super::error::pellucid_error_t;
use super::linker::pellucid_linker_t;
use super::status::{pellucid_status, pellucid_status_t};
use super::store::pellucid_store_t;
use crate::base::{Result, error::bail};
use crate::wasi::clocks::ClockChoice;
use crate::wasi::config::StreamName;
use crate::wasi::{Captured, Errno, ReadFn, Wasi, WasiConfig, WriteFn};
use std::ffi::{c_char, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a guest gets from its host. An owned object.
///
///     pellucid_wasi_config_t *config;
///     pellucid_wasi_config_new(&config);
///     pellucid_wasi_config_add_arg(config, "program", 7);
///     pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_INHERIT);
///     pellucid_wasi_config_add_folder(config, "/tmp/data", 9, "/data", 5, true, &error);
///     pellucid_linker_define_wasi(linker, store, config, NULL, &error);
///     pellucid_wasi_config_delete(config);
///
/// A new one gives nothing: no arguments, no environment, no folders, empty input, output to nowhere; but the system's
/// clocks and random numbers. It can be used for any number of stores.
///
/// Since: 0.1.
pub struct pellucid_wasi_config_t {
    config: Mutex<WasiConfig>,
}

/// What a guest has written to captured streams. An owned object, which any thread may use, also while the guest runs.
///
///     pellucid_wasi_t *wasi;
///     pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE);
///     pellucid_linker_define_wasi(linker, store, config, &wasi, &error);
///     ...
///     pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, bytes, sizeof bytes, &n_bytes);
///     pellucid_wasi_delete(wasi);
///
/// Since: 0.1.
pub struct pellucid_wasi_t {
    wasi: Wasi,
}

/// A stream that guests start with: one of `enum pellucid_wasi_stream`.
///
/// Since: 0.1.
pub type pellucid_wasi_stream_t = u32;

/// Values of `pellucid_wasi_stream_t`.
#[repr(C)]
pub enum pellucid_wasi_stream {
    /// Standard input.
    PELLUCID_WASI_STDIN = 0,
    /// Standard output.
    PELLUCID_WASI_STDOUT = 1,
    /// Standard error.
    PELLUCID_WASI_STDERR = 2,
}

/// Where a stream comes from or goes to: one of `enum pellucid_wasi_source`.
///
/// Since: 0.1.
pub type pellucid_wasi_source_t = u32;

/// Values of `pellucid_wasi_source_t`.
#[repr(C)]
pub enum pellucid_wasi_source {
    /// Empty, and to nowhere; the default.
    PELLUCID_WASI_NULL = 0,
    /// The host's own stream, as it is when the functions are defined. Flush what the host has buffered before the guest
    /// writes. If the host has none, the guest gets `EBADF`; if it is a pipe that nobody reads, `EPIPE`, without a signal.
    PELLUCID_WASI_INHERIT = 1,
    /// For output: kept until `pellucid_wasi_read` takes it.
    PELLUCID_WASI_CAPTURE = 2,
}

/// Gives a guest's standard input.
///
/// - `userdata`: as registered.
/// - `bytes`, `cap_bytes`: places for what there is.
/// - `out_n`: gets how many were filled, which is 0 before; 0 is the end of the input.
///
/// Returns `PELLUCID_OK`; `PELLUCID_YIELD` if there is nothing yet: where the guest yields, see `pellucid_wasi_config_set_yielding`, its
/// call waits, and the callback is called again when it is resumed, else the guest gets `EAGAIN`. Anything else is an input/output
/// error for the guest.
///
/// It may do all that a host function may.
///
/// Since: 0.1.
pub type pellucid_wasi_read_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        bytes: *mut u8,
        cap_bytes: usize,
        out_n: *mut usize,
    ) -> pellucid_status_t,
>;

/// Takes what a guest writes to standard output or standard error.
///
/// - `userdata`: as registered.
/// - `bytes`, `n_bytes`: what the guest writes, not necessarily whole lines or characters. Valid until it returns.
///
/// Returns `PELLUCID_OK`; `PELLUCID_YIELD` if nothing of it can be taken yet, as `pellucid_wasi_read_cb_t`; anything else is an
/// input/output error for the guest.
///
/// It may do all that a host function may.
///
/// Since: 0.1.
pub type pellucid_wasi_write_cb_t =
    Option<unsafe extern "C" fn(userdata: *mut c_void, bytes: *const u8, n_bytes: usize) -> pellucid_status_t>;

/// [`pellucid_wasi_read_cb_t`] that isn't NULL.
type ReadCallback = unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> pellucid_status_t;

/// [`pellucid_wasi_write_cb_t`] that isn't NULL.
type WriteCallback = unsafe extern "C" fn(*mut c_void, *const u8, usize) -> pellucid_status_t;

impl pellucid_wasi_config_t {
    fn config(&self) -> MutexGuard<'_, WasiConfig> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says now.
    pub(super) fn copy(&self) -> WasiConfig {
        self.config().clone()
    }

    /// Changes the configuration. What is replaced may run a finalizer, so it goes after the lock.
    fn change(&self, change: impl FnOnce(&mut WasiConfig) -> Result<()>) -> Result<()> {
        let mut config = self.config();
        let before = config.clone();
        let outcome = change(&mut config);
        drop(config);
        drop(before);
        outcome
    }
}

impl pellucid_wasi_t {
    /// The object for what a program writes.
    pub(super) fn new(wasi: Wasi) -> pellucid_wasi_t {
        pellucid_wasi_t { wasi }
    }

    fn captured(&self, stream: pellucid_wasi_stream_t) -> Result<&Captured> {
        let Some(captured) = self.wasi.captured(self::stream(stream)?) else {
            bail!(NotFound, "the stream isn't captured");
        };
        Ok(captured)
    }
}

fn stream(stream: pellucid_wasi_stream_t) -> Result<StreamName> {
    use pellucid_wasi_stream::*;
    Ok(match stream {
        n if n == PELLUCID_WASI_STDIN as u32 => StreamName::Stdin,
        n if n == PELLUCID_WASI_STDOUT as u32 => StreamName::Stdout,
        n if n == PELLUCID_WASI_STDERR as u32 => StreamName::Stderr,
        _ => bail!(InvalidArgument, "{stream} isn't a stream"),
    })
}

fn reader(callback: ReadCallback, userdata: Userdata) -> Arc<ReadFn> {
    Arc::new(move |bytes| {
        let mut count = 0;
        // SAFETY: the host gave the function for this userdata (header: `pellucid_wasi_read_cb_t`); the bytes and the count
        // outlive the call.
        let status = unsafe { callback(userdata.pointer(), bytes.as_mut_ptr(), bytes.len(), &mut count) };
        if status == 0 && count <= bytes.len() { Ok(count) } else { Err(failure(status)) }
    })
}

fn writer(callback: WriteCallback, userdata: Userdata) -> Arc<WriteFn> {
    Arc::new(move |bytes| {
        // SAFETY: the host gave the function for this userdata (header: `pellucid_wasi_write_cb_t`); the bytes outlive the
        // call.
        let status = unsafe { callback(userdata.pointer(), bytes.as_ptr(), bytes.len()) };
        if status == 0 { Ok(()) } else { Err(failure(status)) }
    })
}

/// What a callback means that hasn't done it.
fn failure(status: pellucid_status_t) -> Errno {
    if status == pellucid_status::PELLUCID_YIELD as pellucid_status_t { Errno::Again } else { Errno::Io }
}

/// Makes a configuration that gives a guest nothing.
///
/// - `out_config`: gets the configuration.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_config`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_new(out_config: *mut *mut pellucid_wasi_config_t) -> pellucid_status_t {
    entry!(status null_mut(); out out_config => {
        out_config.give(pellucid_wasi_config_t { config: Mutex::default() })
    })
}

/// Deletes a configuration. Guests that were given what it says keep it.
///
/// - `config`: the configuration; NULL is fine.
///
/// Owns: takes `config`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_delete(config: *mut pellucid_wasi_config_t) {
    entry!(delete config)
}

/// Adds an argument of the program; the first is its name.
///
/// - `config`: the configuration.
/// - `arg`, `n_arg`: the argument, UTF-8 without NUL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the argument isn't UTF-8 or contains NUL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_add_arg(
    config: *mut pellucid_wasi_config_t,
    arg: *const c_char,
    n_arg: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config, text arg n_arg => config.change(|config| config.add_arg(arg)))
}

/// Sets an environment variable, again if it is set already.
///
/// - `config`: the configuration.
/// - `name`, `n_name`: its name, UTF-8 without NUL or `=`.
/// - `value`, `n_value`: its value, UTF-8 without NUL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a name or value that can't be one.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_env(
    config: *mut pellucid_wasi_config_t,
    name: *const c_char,
    n_name: usize,
    value: *const c_char,
    n_value: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config, text name n_name, text value n_value => {
        config.change(|config| config.set_env(name, value))
    })
}

/// Sets all variables of the host's environment as it is now. Those that aren't UTF-8 are left out.
///
/// - `config`: the configuration.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_inherit_env(config: *mut pellucid_wasi_config_t) -> pellucid_status_t {
    entry!(status null_mut(); ref config => config.change(|config| {
        config.inherit_env();
        Ok(())
    }))
}

/// Sets where a stream comes from or goes to.
///
/// - `config`: the configuration.
/// - `stream`: one of `enum pellucid_wasi_stream`.
/// - `source`: one of `enum pellucid_wasi_source`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown number, and if standard input shall be captured.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_stream(
    config: *mut pellucid_wasi_config_t,
    stream: pellucid_wasi_stream_t,
    source: pellucid_wasi_source_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        use pellucid_wasi_source::*;
        let stream = self::stream(stream)?;
        config.change(|config| {
            match source {
                n if n == PELLUCID_WASI_NULL as u32 => config.set_null(stream),
                n if n == PELLUCID_WASI_INHERIT as u32 => config.inherit(stream),
                n if n == PELLUCID_WASI_CAPTURE as u32 => return config.capture(stream),
                _ => bail!(InvalidArgument, "{source} isn't a source"),
            }
            Ok(())
        })
    })
}

/// Sets how many bytes each captured stream holds. For the guest, writing to a full one is the error that there is no
/// space left.
///
/// - `config`: the configuration.
/// - `n_bytes`: their number; 64 MiB unless set.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_capture_limit(
    config: *mut pellucid_wasi_config_t,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => config.change(|config| {
        config.set_buffer_limit(n_bytes);
        Ok(())
    }))
}

/// Makes a stream a file. It is opened now; for output it is made, or emptied if it is there.
///
/// - `config`: the configuration.
/// - `stream`: one of `enum pellucid_wasi_stream`.
/// - `path`, `n_path`: the file's path on the host, UTF-8.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` or `PELLUCID_ERR_SYSTEM` if it can't be opened;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown stream or a path that isn't UTF-8.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_file(
    config: *mut pellucid_wasi_config_t,
    stream: pellucid_wasi_stream_t,
    path: *const c_char,
    n_path: usize,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref config, text path n_path => {
        let stream = self::stream(stream)?;
        config.change(|config| config.set_file(stream, path))
    })
}

/// Makes standard input these bytes.
///
/// - `config`: the configuration.
/// - `bytes`, `n_bytes`: the input, which is copied.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_input(
    config: *mut pellucid_wasi_config_t,
    bytes: *const u8,
    n_bytes: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config, slice bytes n_bytes => config.change(|config| {
        config.set_input(bytes);
        Ok(())
    }))
}

/// Makes standard input what a callback gives. The guest takes it for a terminal.
///
/// - `config`: the configuration.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: is called when the guest wants to read.
/// - `finalizer`: frees `userdata` when the configuration and all stores that it was used for are gone or have other
///   input; may be NULL.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the library owns `userdata` until the finalizer runs.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_input_callback(
    config: *mut pellucid_wasi_config_t,
    userdata: *mut c_void,
    cb: pellucid_wasi_read_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); ref config, callback cb => config.change(|config| {
        config.set_reader(reader(cb, userdata));
        Ok(())
    }))
}

/// Makes standard output or standard error go to a callback. The guest takes it for a terminal, so that most programs
/// write line by line.
///
/// - `config`: the configuration.
/// - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: is called when the guest writes.
/// - `finalizer`: frees `userdata` when the configuration and all stores that it was used for are gone or have other
///   output; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another stream.
///
/// Owns: the library owns `userdata` until the finalizer runs.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_output_callback(
    config: *mut pellucid_wasi_config_t,
    stream: pellucid_wasi_stream_t,
    userdata: *mut c_void,
    cb: pellucid_wasi_write_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); ref config, callback cb => {
        let stream = self::stream(stream)?;
        config.change(|config| config.set_writer(stream, writer(cb, userdata)))
    })
}

/// Lets the guest reach a folder of the host with all that is in it, and nothing outside. It is opened now.
///
/// What shows the inside of the system can't be opened by the guest, wherever in the folder it is mounted: `/proc`, `/sys`
/// and the like, and devices other than `null`, `zero`, `full`, `random` and `urandom`.
///
/// - `config`: the configuration.
/// - `host_path`, `n_host_path`: its path on the host, UTF-8.
/// - `guest_path`, `n_guest_path`: its path for the guest, UTF-8, such as `/` or `/data`.
/// - `is_read_only`: whether the guest can't change anything in it.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` or `PELLUCID_ERR_SYSTEM` if it can't be opened;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a path that isn't UTF-8, for a guest's path that is empty or contains NUL, and for a
/// folder that shows the inside of the system.
///
/// Owns: the caller owns `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_add_folder(
    config: *mut pellucid_wasi_config_t,
    host_path: *const c_char,
    n_host_path: usize,
    guest_path: *const c_char,
    n_guest_path: usize,
    is_read_only: bool,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref config, text host_path n_host_path, text guest_path n_guest_path => {
        config.change(|config| config.preopen(host_path, guest_path, is_read_only))
    })
}

/// Gives the guest a socket of the host's: one that listens, from which the guest accepts connections, or a connected one, of
/// streams or of messages. Guests make no sockets by themselves.
///
///     int listener = socket(AF_INET, SOCK_STREAM, 0);
///     ... bind, listen ...
///     pellucid_wasi_config_add_socket(config, listener, &error);
///     close(listener);
///
/// For the guest its number is the lowest that is free behind the three streams and all folders: 3 for the first socket without any
/// folder. The library keeps a duplicate, so the host may close its own. A listening socket is made non-blocking, which is a
/// property of the socket and not of the number; that doesn't show to the guest. All guests that are made with the configuration
/// have the same socket.
///
/// - `config`: the configuration.
/// - `socket`: the system's number of the socket, which must be open.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for what is no socket of streams or messages; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_error`, and still `socket`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_add_socket(
    config: *mut pellucid_wasi_config_t,
    socket: i32,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; ref config => {
        if socket < 0 {
            bail!(InvalidArgument, "{socket} isn't a socket");
        }
        // SAFETY: it isn't -1, and open (header); the duplicate is made before this returns.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        config.change(|config| config.add_socket(socket))
    })
}

/// Makes the guest's clocks the same in every run: they start at a given time and advance only when the guest looks at
/// one or sleeps, which then takes no time.
///
/// - `config`: the configuration.
/// - `start`: the time of day at the beginning, in nanoseconds since 1970.
/// - `step`: by how many nanoseconds the clocks advance each time that the guest looks at one.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_fixed_clocks(
    config: *mut pellucid_wasi_config_t,
    start: u64,
    step: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => config.change(|config| {
        config.set_clocks(ClockChoice::Fixed { start, step });
        Ok(())
    }))
}

/// Makes the guest's random numbers the same in every run. They are no secrets then.
///
/// - `config`: the configuration.
/// - `seed`: which sequence; it means the same in every version of the library.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_random_seed(
    config: *mut pellucid_wasi_config_t,
    seed: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => config.change(|config| {
        config.set_random_seed(Some(seed));
        Ok(())
    }))
}

/// Has WASI's functions yield where they would wait, instead of holding up the thread, so that one thread serves any number of guests.
///
///     pellucid_wasi_config_set_yielding(config, true);
///     ...
///     pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error);
///     if (state == PELLUCID_CALL_YIELDED &&
///         pellucid_call_awaited_files(call, files, 8, &n_files, &deadline) == PELLUCID_OK)
///         ... wait until a file is ready or the deadline is reached, then resume the call ...
///
/// That goes for `poll_oneoff`, and for reading and writing streams and sockets: where a call can yield (`pellucid_caller_can_yield`),
/// `pellucid_call_resume` returns with `PELLUCID_CALL_YIELDED`. The call needn't be given anything. Each time that it is resumed the
/// function looks again, and yields again if it has to wait still; so it does no harm to resume a call too early. In a call that
/// can't yield these functions wait as they do without this.
///
/// - `config`: the configuration.
/// - `is_yielding`: whether they do; false unless set.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_config_set_yielding(
    config: *mut pellucid_wasi_config_t,
    is_yielding: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => config.change(|config| {
        config.set_yields(is_yielding);
        Ok(())
    }))
}

/// Defines the functions of WASI preview 1, under the module names `wasi_snapshot_preview1` and `wasi_unstable`. What the
/// configuration says belongs to this definition: two definitions don't share open files or clocks.
///
/// A program that ends itself ends the call with `PELLUCID_ERR_EXIT`; see `pellucid_error_exit_code`. The functions use the
/// memory that the calling instance exports as `memory`.
///
/// - `linker`: the linker.
/// - `store`: the store that the functions will live in.
/// - `config`: what the guest gets; it is copied.
/// - `out_wasi`: gets what the guest writes to captured streams; may be NULL.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK`, and nothing is defined, if a name is defined
/// already and shadowing is off; `PELLUCID_ERR_LIMIT` for too many folders and sockets; `PELLUCID_ERR_SYSTEM`;
/// `PELLUCID_ERR_INVALID_ARGUMENT` for a store of another engine; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
///
/// Owns: the caller owns `*out_wasi` and `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_linker_define_wasi(
    linker: *mut pellucid_linker_t,
    store: *mut pellucid_store_t,
    config: *const pellucid_wasi_config_t,
    out_wasi: *mut *mut pellucid_wasi_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, ref linker, store store, ref config, opt_out out_wasi => {
        let config = config.config().clone();
        let wasi = crate::wasi::define(&mut *linker.change()?, store.core(), &config)?;
        out_wasi.give(pellucid_wasi_t { wasi })
    })
}

/// Deletes the handle of captured output. The guest isn't concerned.
///
/// - `wasi`: the handle; NULL is fine.
///
/// Owns: takes `wasi`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_delete(wasi: *mut pellucid_wasi_t) {
    entry!(delete wasi)
}

/// How many captured bytes wait to be read.
///
/// - `wasi`: the captured output.
/// - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the stream isn't captured; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
/// one.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_size(
    wasi: *const pellucid_wasi_t,
    stream: pellucid_wasi_stream_t,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref wasi, out out_n => {
        out_n.set(wasi.captured(stream)?.size());
        Ok(())
    })
}

/// Takes captured bytes, the oldest first.
///
/// - `wasi`: the captured output.
/// - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
/// - `bytes`, `cap_bytes`: places for them.
/// - `out_n`: gets how many were taken; 0 if there are none.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the stream isn't captured; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
/// one.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_wasi_read(
    wasi: *mut pellucid_wasi_t,
    stream: pellucid_wasi_stream_t,
    bytes: *mut u8,
    cap_bytes: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref wasi, out_slice bytes cap_bytes, out out_n => {
        out_n.set(wasi.captured(stream)?.take(bytes.into_bytes()));
        Ok(())
    })
}
