//! Configuration of an engine.
//!
//! Knows nothing of what the options do. Invariant: an option is an integer that is checked when it is set.

use super::entry::entry;
use super::status::pellucid_status_t;
use crate::base::{CacheFolder, Config, OptLevel, Result, StoreLimits, error::bail};
use crate::runtime::is_suitable_for_interrupts;
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Options of an engine. An owned object.
///
///     pellucid_config_t *config;
///     pellucid_config_new(&config);
///     pellucid_config_set_debug(config, true);
///     pellucid_engine_new(config, &engine, &error);
///     pellucid_config_delete(config);
///
/// Since: 0.1.
pub struct pellucid_config_t {
    config: Mutex<Config>,
}

/// How hard to optimise: one of `enum pellucid_opt_level`.
///
/// Since: 0.1.
pub type pellucid_opt_level_t = u32;

/// Values of `pellucid_opt_level_t`.
#[repr(C)]
pub enum pellucid_opt_level {
    /// Compile fast.
    PELLUCID_OPT_NONE = 0,
    /// Run fast; the default.
    PELLUCID_OPT_SPEED = 1,
    /// Run fast in little code.
    PELLUCID_OPT_SPEED_AND_SIZE = 2,
}

/// Something of which a store may use only so much: one of `enum pellucid_limit`.
///
/// Since: 0.1.
pub type pellucid_limit_t = u32;

/// Values of `pellucid_limit_t`.
///
/// Whatever would exceed a limit fails (`memory.grow` and `table.grow` answer -1 to the guest); nothing is ended but a wait.
#[repr(C)]
pub enum pellucid_limit {
    /// Bytes of each memory; 4 GiB unless set.
    PELLUCID_LIMIT_MEMORY_BYTES = 1,
    /// Elements of each table; 10,000,000 unless set.
    PELLUCID_LIMIT_TABLE_ELEMENTS = 2,
    /// Instances; 10,000 unless set.
    PELLUCID_LIMIT_INSTANCES = 3,
    /// Memories; 10,000 unless set.
    PELLUCID_LIMIT_MEMORIES = 4,
    /// Tables; 10,000 unless set.
    PELLUCID_LIMIT_TABLES = 5,
    /// Bytes of each guest stack, rounded up to whole pages; at least 16 KiB, 1 MiB unless set. Changing it concerns stacks made
    /// later.
    PELLUCID_LIMIT_STACK_BYTES = 6,
    /// Guest calls that may be nested through host functions and event handlers, at most 4,294,967,295; 200 unless set. There
    /// may be fewer, as the thread's own stack must have room for them: see SIGNALS at the top.
    PELLUCID_LIMIT_NESTED_CALLS = 7,
    /// How long a guest may wait at a time in `memory.atomic.wait32` and `wait64`, in nanoseconds; as long as it likes unless set.
    /// With 0 it must not wait at all. After a pause it is counted anew. What exceeds this ends: the operator traps with `PELLUCID_TRAP_WAIT_NOT_ALLOWED`.
    PELLUCID_LIMIT_WAIT_NANOSECONDS = 8,
    /// Bytes of structures, arrays, and exceptions that there are references to, in steps of 32 KiB; 4 GiB unless set, and never more.
    /// Where there is no room the guest traps with `PELLUCID_TRAP_HEAP_EXHAUSTED`; where an exception would be caught with a reference, the
    /// call ends with `PELLUCID_ERR_LIMIT`, which functions of the library answer, too. As many bytes of addresses are reserved when a
    /// store's first object is made, as the limit is then, and at least 16 MiB.
    PELLUCID_LIMIT_HEAP_BYTES = 9,
    /// References to host values, see `pellucid_externref_new`; 10,000,000 unless set.
    PELLUCID_LIMIT_HOST_REFERENCES = 10,
}

impl pellucid_config_t {
    fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the options.
    pub(super) fn snapshot(&self) -> Config {
        self.config().clone()
    }
}

/// The least that a guest stack may have.
const MIN_STACK_BYTES: u64 = 16 << 10;

/// Sets one limit.
pub(super) fn set_limit(limits: &mut StoreLimits, limit: pellucid_limit_t, value: u64) -> Result<()> {
    use pellucid_limit::*;
    match limit {
        n if n == PELLUCID_LIMIT_MEMORY_BYTES as u32 => limits.memory_bytes = value,
        n if n == PELLUCID_LIMIT_TABLE_ELEMENTS as u32 => limits.table_elements = value,
        n if n == PELLUCID_LIMIT_INSTANCES as u32 => limits.instances = value,
        n if n == PELLUCID_LIMIT_MEMORIES as u32 => limits.memories = value,
        n if n == PELLUCID_LIMIT_TABLES as u32 => limits.tables = value,
        n if n == PELLUCID_LIMIT_STACK_BYTES as u32 => {
            if value < MIN_STACK_BYTES {
                bail!(
                    InvalidArgument,
                    "{value} bytes are too few for a guest stack, it has at least {MIN_STACK_BYTES}"
                );
            }
            limits.stack_bytes = value;
        }
        n if n == PELLUCID_LIMIT_WAIT_NANOSECONDS as u32 => limits.wait_nanoseconds = value,
        n if n == PELLUCID_LIMIT_HEAP_BYTES as u32 => limits.heap_bytes = value,
        n if n == PELLUCID_LIMIT_HOST_REFERENCES as u32 => limits.host_references = value,
        n if n == PELLUCID_LIMIT_NESTED_CALLS as u32 => match u32::try_from(value) {
            Ok(value) => limits.nested_calls = value,
            Err(_) => bail!(InvalidArgument, "{value} nested calls are more than can be counted"),
        },
        _ => bail!(InvalidArgument, "{limit} isn't a limit"),
    }
    Ok(())
}

/// Reads one limit.
pub(super) fn limit(limits: &StoreLimits, limit: pellucid_limit_t) -> Result<u64> {
    use pellucid_limit::*;
    Ok(match limit {
        n if n == PELLUCID_LIMIT_MEMORY_BYTES as u32 => limits.memory_bytes,
        n if n == PELLUCID_LIMIT_TABLE_ELEMENTS as u32 => limits.table_elements,
        n if n == PELLUCID_LIMIT_INSTANCES as u32 => limits.instances,
        n if n == PELLUCID_LIMIT_MEMORIES as u32 => limits.memories,
        n if n == PELLUCID_LIMIT_TABLES as u32 => limits.tables,
        n if n == PELLUCID_LIMIT_STACK_BYTES as u32 => limits.stack_bytes,
        n if n == PELLUCID_LIMIT_NESTED_CALLS as u32 => u64::from(limits.nested_calls),
        n if n == PELLUCID_LIMIT_WAIT_NANOSECONDS as u32 => limits.wait_nanoseconds,
        n if n == PELLUCID_LIMIT_HEAP_BYTES as u32 => limits.heap_bytes,
        n if n == PELLUCID_LIMIT_HOST_REFERENCES as u32 => limits.host_references,
        _ => bail!(InvalidArgument, "{limit} isn't a limit"),
    })
}

/// Makes a configuration with the default options: debugging off, optimised for speed, one compile thread per core.
///
/// - `out_config`: gets the configuration.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_config`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_new(out_config: *mut *mut pellucid_config_t) -> pellucid_status_t {
    entry!(status null_mut(); room small, out out_config => {
        out_config.give(pellucid_config_t { config: Mutex::new(Config::default()) })
    })
}

/// Deletes a configuration. Engines made from it are not concerned.
///
/// - `config`: the configuration; NULL is fine.
///
/// Owns: takes `config`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_delete(config: *mut pellucid_config_t) {
    entry!(delete config)
}

/// Sets whether modules are compiled so that their guests can be debugged.
///
/// - `config`: the configuration.
/// - `is_on`: false by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_debug(config: *mut pellucid_config_t, is_on: bool) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().debug = is_on;
        Ok(())
    })
}

/// Sets whether modules for debugging are compiled in their *exact form*. Otherwise what the machine is about to do between two
/// stop points is computed for whoever looks, and the machine does it when the guest goes on; a frame for which that would
/// give something else, or that was changed, goes on in the exact form by itself. In the exact form the machine stops before
/// each operator and nothing is computed. Three programs took 4 to 11 times as long as without debugging. It is for comparing, and for
/// changing frames all the time.
///
/// - `config`: the configuration.
/// - `is_on`: false by default. Without debugging it means nothing.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_exact(config: *mut pellucid_config_t, is_on: bool) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().exact = is_on;
        Ok(())
    })
}

/// Sets whether relaxed vector operators give the same on every machine. The specification lets a machine choose between several
/// results, which differ for operands at the limits: by default each operator is what costs this machine least, as one instruction
/// of it may be. Otherwise `relaxed_swizzle`, `relaxed_trunc`, `relaxed_laneselect`, `relaxed_min`, `relaxed_max` and
/// `relaxed_q15mulr` give what `swizzle`, `trunc_sat`, `bitselect`, `min`, `max` and `q15mulr_sat` do, `relaxed_madd` and
/// `relaxed_nmadd` round twice, and `relaxed_dot` takes all lanes for signed ones.
///
/// - `config`: the configuration.
/// - `is_on`: false by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_relaxed_simd_deterministic(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().relaxed_simd_deterministic = is_on;
        Ok(())
    })
}

/// Sets whether traps of guests come from hardware faults, which signal handlers of the process catch.
///
/// With handlers, the first engine installs handlers for SIGSEGV, SIGBUS, SIGILL and SIGFPE, and every thread that runs guests
/// has an alternate signal stack. Without, the engine installs nothing and its guests cause no faults: their code compares
/// addresses, divisors and the stack pointer itself, which makes it slower and larger. What the guest and its debugger can
/// see is the same, except for where exactly a stack ends, and how much of the last frame is there then.
///
/// - `config`: the configuration.
/// - `is_on`: true by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_signal_handlers(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().signal_handlers = is_on;
        Ok(())
    })
}

/// Sets whether guests look by themselves whether they are to be interrupted, instead of being interrupted by a signal: at each place
/// where a function or a loop begins. This makes interrupts (`pellucid_interrupt_t`), time budgets and epochs possible in engines
/// without signal handlers, and is a choice with them for hosts whose threads shouldn't be sent signals. It makes guests somewhat
/// slower, whether they are interrupted or not.
///
/// A guest that runs is left where it looks next; with debugging it stands before the operator there. Bulk operations and host functions
/// are as with the signal; a guest that waits in WASI, or for another guest, looks every 10 ms. Time that is used up is told by a
/// thread of the library's own, which handles no signals. It begins with the first budget of the process, or, with
/// debugging, when a guest is first left: it says when that takes long.
///
/// - `config`: the configuration.
/// - `is_on`: false by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_interrupt_checks(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().interrupt_checks = is_on;
        Ok(())
    })
}

/// Sets whether calls of small functions of the same module are replaced by what these functions do, where the module's code is
/// optimised: those without calls and loops of their own.
///
/// What tells the difference is time, what compiling takes of `pellucid_config_set_compile_memory`, and, without signal handlers,
/// whether `pellucid_error_fault` knows the address of an access whose place has become a constant; nothing else. Backtraces have
/// the frames of such functions too, but where a guest without debugging is interrupted in the midst of one; with debugging the function itself is
/// called whenever somebody wants to see it: a breakpoint, a watchpoint or a step. In engines with fuel or interrupt checks all
/// functions are called.
///
/// - `config`: the configuration.
/// - `is_on`: true by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_inlining(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().inlining = is_on;
        Ok(())
    })
}

/// Sets whether guests count the fuel that they take, so that a host can have them stop after so much work, at the same operator on
/// every machine.
///
/// An operator costs 1, but for `nop`, `block`, `loop`, `else`, `end` and `unreachable`, which cost nothing. `memory.fill`,
/// `memory.copy` and `memory.init` cost 1 more for every whole 64 bytes of their size, `table.fill`, `table.copy`, `table.init`
/// and `table.grow` for every whole 8 elements, before they do anything, also if they fail then. A function that begins costs 1 for
/// every whole 16 locals that it declares. A call of a host function costs what its operator costs. Waiting costs nothing: bound it by
/// `PELLUCID_LIMIT_WAIT_NANOSECONDS`, or by a time budget beside the fuel.
///
/// Guests take fuel *piece* by piece. A piece is operators that are executed one after the other: a branch or a call ends it, taken
/// or not, and so does a place where ways merge. It is paid when it begins. Where a function or a loop begins, and before an
/// operator that costs by its size, the guest looks whether more was taken than was there; if so it is left there, see
/// `pellucid_store_set_fuel_action`. Until then it runs on: operators one after the other, host functions that they call among them, as
/// many as the function has, and one operator that costs by its size. A host that gives fuel by the frame should add it
/// (`pellucid_store_add_fuel`) and not run guests that have taken more than they had; setting it anew forgives that. All of this is the same for a guest with debugging and without, however it is compiled, stepped,
/// interrupted or resumed, but for guests that exhaust their stack, whose frames have other sizes then; it is also what makes guests
/// slower, as every piece is a subtraction in memory.
///
/// A store begins without fuel: its guests, start functions too, only do what costs nothing before it is given some
/// (`pellucid_store_set_fuel`).
///
/// - `config`: the configuration.
/// - `is_on`: false by default.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_fuel(config: *mut pellucid_config_t, is_on: bool) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().fuel = is_on;
        Ok(())
    })
}

/// Sets the signal by which guests are interrupted, see `pellucid_interrupt_t` and `pellucid_budget_t`.
///
/// It is handled from the first use of either on. What the library hasn't sent is handed to whoever handled the signal before; a
/// handler that is installed later calls `pellucid_signal_handle`. Threads that run guests mustn't block it.
///
/// - `config`: the configuration.
/// - `signal`: a real-time signal, `SIGRTMIN` to `SIGRTMAX`; 0 is the default, `SIGRTMIN + 9`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another signal.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_interrupt_signal(
    config: *mut pellucid_config_t,
    signal: c_int,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        if signal != 0 && !is_suitable_for_interrupts(signal) {
            bail!(InvalidArgument, "{signal} is no real-time signal");
        }
        config.config().interrupt_signal = (signal != 0).then_some(signal);
        Ok(())
    })
}

/// Sets how hard to optimise.
///
/// - `config`: the configuration.
/// - `level`: one of `enum pellucid_opt_level`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown level.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_opt_level(
    config: *mut pellucid_config_t,
    level: pellucid_opt_level_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        use pellucid_opt_level::*;
        config.config().opt_level = match level {
            n if n == PELLUCID_OPT_NONE as u32 => OptLevel::None,
            n if n == PELLUCID_OPT_SPEED as u32 => OptLevel::Speed,
            n if n == PELLUCID_OPT_SPEED_AND_SIZE as u32 => OptLevel::SpeedAndSize,
            _ => bail!(InvalidArgument, "{level} isn't an optimisation level"),
        };
        Ok(())
    })
}

/// Sets how much memory the compilation of one function may take. What a function may take is estimated before it is
/// compiled, from its size and from what its calls and branches carry: up to 4,000 bytes for each byte of its body, ten times
/// as much as ordinary code needs. The library also asks the system whether that much can be had, so that memory which
/// isn't there is a status of the function that makes the module.
///
/// - `config`: the configuration.
/// - `n_bytes`: bytes; the default is 8 GiB.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_compile_memory(
    config: *mut pellucid_config_t,
    n_bytes: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().compile_memory = n_bytes;
        Ok(())
    })
}

/// Sets how many values the calls and branches of a module may carry in all, beside one for each byte of its functions.
/// Parameters and results of each call count, and what each branch and block gives to the code that it leads to. Ordinary modules
/// carry less than a value for every second byte, and never come near. Two bytes of a hostile one can call a function with a
/// thousand parameters and results, whose machine code takes eight milliseconds to make. Beside such modules, and unless signal
/// handlers are switched off, the time that compiling takes grows with a module's size.
///
/// - `config`: the configuration.
/// - `n_values`: values; the default is 1,000,000.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_compile_values(
    config: *mut pellucid_config_t,
    n_values: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().compile_values = n_values;
        Ok(())
    })
}

/// Sets how many addresses each memory of a store reserves. They aren't memory: nothing is paid for them but entries of the
/// process's map, and that they can't be had for anything else.
///
/// Whatever is set, a memory has addresses for its minimum, and `memory.grow` fails beyond those that it has. A memory that is
/// addressed by 32 bits needs no comparison before an access, and guests are fastest, if it has all that an access may
/// reach, 8 GiB and 64 KiB; from 4 GiB and 64 KiB on only accesses with an offset that leads beyond are compared. With less every
/// access is compared with the memory's size. So are always, whatever is reserved, accesses to memories that are addressed by 64
/// bits or have pages of one byte, and all accesses with signal handlers off.
///
/// By default a memory of 32 bits reserves 8 GiB and 64 KiB. All others, and those too if the system refused so many when the
/// engine was made, as it does under a small `RLIMIT_AS`, reserve what they may grow to by their maximum and by
/// `PELLUCID_LIMIT_MEMORY_BYTES` of the store, up to 1 TiB, or less if that can't be had.
///
/// - `config`: the configuration.
/// - `n_bytes`: bytes; 0 has a memory reserve its minimum, so that it can't grow.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_memory_reservation(
    config: *mut pellucid_config_t,
    n_bytes: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().memories.bytes = Some(n_bytes);
        Ok(())
    })
}

/// Sets how many threads compile a module.
///
/// - `config`: the configuration.
/// - `n_threads`: their number; 0, the default, means one for each core, 1 that no thread is made.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_compile_threads(
    config: *mut pellucid_config_t,
    n_threads: usize,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().compile_threads = n_threads;
        Ok(())
    })
}

/// Sets whether the compiler proves, for each function that it compiles for debugging, that its frames will be described
/// rightly: with debugging off there is nothing to prove. Compiling takes longer. A module for which the proof fails isn't
/// made, which would be a fault of the library's.
///
/// - `config`: the configuration.
/// - `is_on`: true by default if the environment variable `PELLUCID_VERIFY` is `1` when the configuration is made, else
///   false.
///
/// Returns `PELLUCID_OK`. What makes a module answers `PELLUCID_ERR_PANIC` for a proof that fails.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_verifier(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().verify = is_on;
        Ok(())
    })
}

/// Sets whether the unused part of each guest stack is filled with a pattern before a call, so that nothing can rely on
/// zeros there. For tests; calls take longer.
///
/// - `config`: the configuration.
/// - `is_on`: true by default if the environment variable `PELLUCID_POISON` is `1` when the configuration is made, else
///   false.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_poison_stacks(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().poison_stacks = is_on;
        Ok(())
    })
}

/// Sets whether objects of guests are made one by one by the runtime, which collects garbage each time and fills what is freed with a
/// pattern, so that nothing can rely on an object that isn't reached any more. For tests; it takes very long.
///
/// - `config`: the configuration.
/// - `is_on`: true by default if the environment variable `PELLUCID_STRESS_HEAP` is `1` when the configuration is made, else
///   false.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_stress_heap(
    config: *mut pellucid_config_t,
    is_on: bool,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => {
        config.config().stress_heap = is_on;
        Ok(())
    })
}

/// Sets a folder in which compiled modules are kept: whoever makes a module of bytes that were compiled before, by an engine with the same
/// options and the same version of the library, in this process or another, gets it from there without compiling
/// (`pellucid_module_deserialize_file`).
///
///     pellucid_config_set_cache(config, "/var/cache/game", 15, 1 << 30);
///
/// The folder is made when it is needed, with those above it, for this user alone. **Whoever can write there
/// can run code in the process**: one that belongs to another user, or that others may write to, isn't used. Any number of engines and processes may use it at once. When a module is added, those
/// that weren't used for longest are removed until all take no more than `max_bytes`. What can't be read or written there is logged, and the module
/// is compiled. Engines that prove what they compile (`pellucid_config_set_verifier`) take nothing from there.
///
/// - `config`: the configuration.
/// - `path`, `n_path`: the folder's path, UTF-8; empty for none, as by default.
/// - `max_bytes`: bytes that its files may take.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the path isn't UTF-8.
///
/// Owns: nothing; the path is copied.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_cache(
    config: *mut pellucid_config_t,
    path: *const c_char,
    n_path: usize,
    max_bytes: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); room small, ref config, text path n_path => {
        let folder = || CacheFolder { path: path.to_string(), bytes: max_bytes };
        config.config().cache = (!path.is_empty()).then(folder);
        Ok(())
    })
}

/// Sets a limit that stores of the engine have unless they are told otherwise.
///
/// - `config`: the configuration.
/// - `limit`: one of `enum pellucid_limit`.
/// - `value`: how much a store may use.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit or a value that it can't have.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_config_set_limit(
    config: *mut pellucid_config_t,
    limit: pellucid_limit_t,
    value: u64,
) -> pellucid_status_t {
    entry!(status null_mut(); ref config => set_limit(&mut config.config().limits, limit, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_its_own() {
        let mut limits = StoreLimits::default();
        for n in 1..=10 {
            set_limit(&mut limits, n, 100_000 + u64::from(n)).unwrap();
        }
        for n in 1..=10 {
            assert_eq!(limit(&limits, n).unwrap(), 100_000 + u64::from(n));
        }
        assert!(set_limit(&mut limits, 0, 1).is_err() && set_limit(&mut limits, 11, 1).is_err());
        assert!(set_limit(&mut limits, 7, 1 << 32).is_err());
        assert!(set_limit(&mut limits, 6, 16383).is_err() && set_limit(&mut limits, 6, 16384).is_ok());
    }
}
