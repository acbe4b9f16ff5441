//! The list of WASI functions, and how they get into a linker.

use super::context::{Context, Program, Wasi};
use super::guest::{Guest, Result};
use super::threads::Threads;
use super::types::Dialect;
use super::{Errno, WasiConfig};
use crate::base::{Error, FuncType, RawValue, ValType};
use crate::runtime::{Caller, Extern, Linker, Store};
use std::rc::Rc;
use std::sync::Arc;

/// What a function is given: raw values, of which only integers are expected.
#[derive(Clone, Copy)]
struct Args<'a>(&'a [RawValue]);

impl Args<'_> {
    fn u32(self, place: usize) -> u32 {
        self.0[place].lo as u32
    }

    fn u64(self, place: usize) -> u64 {
        self.0[place].lo
    }

    /// Two numbers that belong together, mostly an address and a length.
    fn pair(self, place: usize) -> (u32, u32) {
        (self.u32(place), self.u32(place + 1))
    }
}

type Body = fn(&Context, Guest<'_>, Dialect, Args<'_>) -> Result<()>;

struct Function {
    name: &'static str,
    params: &'static [ValType],
    body: Body,
}

const I: ValType = ValType::I32;
const L: ValType = ValType::I64;

const fn function(name: &'static str, params: &'static [ValType], body: Body) -> Function {
    Function { name, params, body }
}

/// All functions that answer an error number. `proc_exit` is the only other one.
const FUNCTIONS: [Function; 45] = [
    function("args_get", &[I, I], |c, g, _, a| c.args_get(g, a.u32(0), a.u32(1))),
    function("args_sizes_get", &[I, I], |c, g, _, a| c.args_sizes_get(g, a.u32(0), a.u32(1))),
    function("clock_res_get", &[I, I], |c, g, _, a| c.clock_res_get(g, a.u32(0), a.u32(1))),
    function("clock_time_get", &[I, L, I], |c, g, _, a| c.clock_time_get(g, a.u32(0), a.u32(2))),
    function("environ_get", &[I, I], |c, g, _, a| c.environ_get(g, a.u32(0), a.u32(1))),
    function("environ_sizes_get", &[I, I], |c, g, _, a| c.environ_sizes_get(g, a.u32(0), a.u32(1))),
    function("fd_advise", &[I, L, L, I], |c, _, _, a| c.fd_advise(a.u32(0), a.u64(1), a.u64(2), a.u32(3))),
    function("fd_allocate", &[I, L, L], |c, _, _, a| c.fd_allocate(a.u32(0), a.u64(1), a.u64(2))),
    function("fd_close", &[I], |c, _, _, a| c.fd_close(a.u32(0))),
    function("fd_datasync", &[I], |c, _, _, a| c.fd_datasync(a.u32(0))),
    function("fd_fdstat_get", &[I, I], |c, g, _, a| c.fd_fdstat_get(g, a.u32(0), a.u32(1))),
    function("fd_fdstat_set_flags", &[I, I], |c, _, _, a| c.fd_fdstat_set_flags(a.u32(0), a.u32(1))),
    function("fd_fdstat_set_rights", &[I, L, L], |c, _, _, a| c.fd_fdstat_set_rights(a.u32(0), a.u64(1), a.u64(2))),
    function("fd_filestat_get", &[I, I], |c, g, d, a| c.fd_filestat_get(g, d, a.u32(0), a.u32(1))),
    function("fd_filestat_set_size", &[I, L], |c, _, _, a| c.fd_filestat_set_size(a.u32(0), a.u64(1))),
    function("fd_filestat_set_times", &[I, L, L, I], |c, _, _, a| {
        c.fd_filestat_set_times(a.u32(0), a.u64(1), a.u64(2), a.u32(3))
    }),
    function("fd_pread", &[I, I, I, L, I], |c, g, _, a| c.fd_read(g, a.u32(0), a.pair(1), Some(a.u64(3)), a.u32(4))),
    function("fd_prestat_dir_name", &[I, I, I], |c, g, _, a| c.fd_prestat_dir_name(g, a.u32(0), a.u32(1), a.u32(2))),
    function("fd_prestat_get", &[I, I], |c, g, _, a| c.fd_prestat_get(g, a.u32(0), a.u32(1))),
    function("fd_pwrite", &[I, I, I, L, I], |c, g, _, a| c.fd_write(g, a.u32(0), a.pair(1), Some(a.u64(3)), a.u32(4))),
    function("fd_read", &[I, I, I, I], |c, g, _, a| c.fd_read(g, a.u32(0), a.pair(1), None, a.u32(3))),
    function("fd_readdir", &[I, I, I, L, I], |c, g, _, a| c.fd_readdir(g, a.u32(0), a.pair(1), a.u64(3), a.u32(4))),
    function("fd_renumber", &[I, I], |c, _, _, a| c.fd_renumber(a.u32(0), a.u32(1))),
    function("fd_seek", &[I, L, I, I], |c, g, d, a| c.fd_seek(g, d, a.u32(0), a.u64(1) as i64, a.u32(2), a.u32(3))),
    function("fd_sync", &[I], |c, _, _, a| c.fd_sync(a.u32(0))),
    function("fd_tell", &[I, I], |c, g, _, a| c.fd_tell(g, a.u32(0), a.u32(1))),
    function("fd_write", &[I, I, I, I], |c, g, _, a| c.fd_write(g, a.u32(0), a.pair(1), None, a.u32(3))),
    function("path_create_directory", &[I, I, I], |c, g, _, a| c.path_create_directory(g, a.u32(0), a.pair(1))),
    function("path_filestat_get", &[I, I, I, I, I], |c, g, d, a| {
        c.path_filestat_get(g, d, a.u32(0), a.u32(1), a.pair(2), a.u32(4))
    }),
    function("path_filestat_set_times", &[I, I, I, I, L, L, I], |c, g, _, a| {
        c.path_filestat_set_times(g, a.u32(0), a.u32(1), a.pair(2), (a.u64(4), a.u64(5)), a.u32(6))
    }),
    function("path_link", &[I, I, I, I, I, I, I], |c, g, _, a| {
        c.path_link(g, a.u32(0), a.u32(1), a.pair(2), a.u32(4), a.pair(5))
    }),
    // What the guest would inherit further is what the folder may give.
    function("path_open", &[I, I, I, I, I, L, L, I, I], |c, g, _, a| {
        c.path_open(g, a.u32(0), a.u32(1), a.pair(2), a.u32(4), a.u64(5), a.u32(7), a.u32(8))
    }),
    function("path_readlink", &[I, I, I, I, I, I], |c, g, _, a| {
        c.path_readlink(g, a.u32(0), a.pair(1), a.pair(3), a.u32(5))
    }),
    function("path_remove_directory", &[I, I, I], |c, g, _, a| c.path_remove_directory(g, a.u32(0), a.pair(1))),
    function("path_rename", &[I, I, I, I, I, I], |c, g, _, a| {
        c.path_rename(g, a.u32(0), a.pair(1), a.u32(3), a.pair(4))
    }),
    function("path_symlink", &[I, I, I, I, I], |c, g, _, a| c.path_symlink(g, a.pair(0), a.u32(2), a.pair(3))),
    function("path_unlink_file", &[I, I, I], |c, g, _, a| c.path_unlink_file(g, a.u32(0), a.pair(1))),
    function("poll_oneoff", &[I, I, I, I], |c, g, d, a| c.poll_oneoff(g, d, a.pair(0), a.u32(2), a.u32(3))),
    function("proc_raise", &[I], |_, _, _, _| Err(Errno::Notsup)),
    function("random_get", &[I, I], |c, g, _, a| c.random_get(g, a.u32(0), a.u32(1))),
    function("sched_yield", &[], |_, _, _, _| {
        std::thread::yield_now();
        Ok(())
    }),
    function("sock_accept", &[I, I, I], |c, g, _, a| c.sock_accept(g, a.u32(0), a.u32(1), a.u32(2))),
    function("sock_recv", &[I, I, I, I, I, I], |c, g, _, a| c.sock_recv(g, a.u32(0), a.pair(1), a.u32(3), a.pair(4))),
    function("sock_send", &[I, I, I, I, I], |c, g, _, a| c.sock_send(g, a.u32(0), a.pair(1), a.u32(3), a.u32(4))),
    function("sock_shutdown", &[I, I], |c, _, _, a| c.sock_shutdown(a.u32(0), a.u32(1))),
];

const EXIT: &str = "proc_exit";

/// The function that starts a thread, in programs that have several.
const SPAWN: (&str, &str) = ("wasi", "thread-spawn");

/// The names that guests import the functions from.
const MODULES: [(&str, Dialect); 2] =
    [("wasi_snapshot_preview1", Dialect::Preview1), ("wasi_unstable", Dialect::Unstable)];

/// Makes a context from a configuration, which is copied, and defines all functions that use it: all or nothing.
///
/// Errors: `Link` if a name is defined already and shadowing isn't allowed; `InvalidArgument` for a store of another engine; `System`.
pub fn define(linker: &mut Linker, store: &Store, config: &WasiConfig) -> Result<Wasi, Error> {
    check(linker, store)?;
    let (program, wasi) = Program::new(config)?;
    define_program(linker, store, Arc::new(program), None)?;
    Ok(wasi)
}

/// Defines the functions for a thread of a group, with the one that starts another: all or nothing.
///
/// Errors: as [`define`].
pub fn define_for_thread(linker: &mut Linker, store: &Store, threads: &Threads, number: u32) -> Result<(), Error> {
    check(linker, store)?;
    let (module, name) = SPAWN;
    linker.check_undefined(module, name)?;
    let ty = FuncType { params: [I].into(), results: [I].into() };
    let group = threads.clone();
    let body = move |_: Caller<'_>, values: &mut [RawValue]| {
        let number = match group.spawn(values[0].lo as i32) {
            Ok(number) => number as i32,
            Err(errno) => -i32::from(errno as u16),
        };
        values[0] = RawValue::new(u64::from(number as u32));
        Ok(())
    };
    let spawn = store.func_new_raw(ty, Box::new(body))?;
    define_program(linker, store, threads.program().clone(), Some((threads, number)))?;
    linker.define(store, module, name, Extern::Func(spawn))
}

fn check(linker: &Linker, store: &Store) -> Result<(), Error> {
    linker.check_engine(store)?;
    for (module, _) in MODULES {
        for name in FUNCTIONS.iter().map(|function| function.name).chain([EXIT]) {
            linker.check_undefined(module, name)?;
        }
    }
    Ok(())
}

fn define_program(
    linker: &mut Linker,
    store: &Store,
    program: Arc<Program>,
    thread: Option<(&Threads, u32)>,
) -> Result<(), Error> {
    let context = Rc::new(Context::new(program));
    let mut funcs = Vec::new();
    for (module, dialect) in MODULES {
        for function in &FUNCTIONS {
            funcs.push((module, function.name, make(store, &context, function, dialect)?));
        }
        let ty = FuncType { params: [I].into(), results: [].into() };
        let thread = thread.map(|(threads, number)| (threads.clone(), number));
        let body = move |_: Caller<'_>, values: &mut [RawValue]| {
            let exit = Error::exit(values[0].lo as u32);
            if let Some((threads, number)) = &thread {
                threads.stop(*number, exit.clone());
            }
            Err(exit)
        };
        let exit = store.func_new_raw(ty, Box::new(body))?;
        funcs.push((module, EXIT, Extern::Func(exit)));
    }
    for (module, name, func) in funcs {
        linker.define(store, module, name, func)?;
    }
    Ok(())
}

fn make(store: &Store, context: &Rc<Context>, function: &'static Function, dialect: Dialect) -> Result<Extern, Error> {
    let ty = FuncType { params: function.params.into(), results: [I].into() };
    let context = context.clone();
    let func = store.func_new_raw(
        ty,
        Box::new(move |caller, values| {
            let outcome = (function.body)(&context, context.guest(&caller), dialect, Args(values));
            if outcome == Err(Errno::Intr) {
                if let Some(wait) = context.wait.take() {
                    return Err(caller.waits(wait));
                }
                if caller.store().is_interrupted() {
                    return Err(caller.to_be_called_again());
                }
            }
            values[0] = RawValue::new(outcome.map_or_else(|errno| errno as u64, |()| 0));
            Ok(())
        }),
    )?;
    Ok(Extern::Func(func))
}
