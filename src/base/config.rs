//! What an embedder can choose when it makes an engine or a store.

use super::types::MemoryType;

/// How hard to optimise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptLevel {
    /// Compile fast.
    None,
    /// Run fast.
    Speed,
    /// Run fast in little code.
    SpeedAndSize,
}

/// Options of an engine.
#[derive(Clone, Debug)]
pub struct Config {
    /// Compile modules so that their guests can be debugged.
    pub debug: bool,
    /// With debugging, compile functions in their exact form alone: each operator is a stop point and nothing is computed.
    pub exact: bool,
    /// Whether guests' traps come from hardware faults that signal handlers of the process catch. Without handlers, compiled
    /// code checks what may trap.
    pub signal_handlers: bool,
    /// The signal that interrupts guests; none for the one that is usual.
    pub interrupt_signal: Option<i32>,
    /// Whether compiled code looks whether it is to be left, instead of signals that interrupt it.
    pub interrupt_checks: bool,
    /// Whether compiled code counts the operators that it executes; see [`fuel`](crate::abi::fuel).
    pub fuel: bool,
    /// How hard to optimise.
    pub opt_level: OptLevel,
    /// Whether bodies of small functions are put in the places of calls.
    pub inlining: bool,
    /// Threads used to compile a module; 0 means one for each core.
    pub compile_threads: usize,
    /// Bytes of memory that the compilation of one function may take, by an estimate made before.
    pub compile_memory: u64,
    /// Values that the calls and branches of a module's functions may carry in all, beside one for each byte of them.
    pub compile_values: u64,
    /// What a store may use if it isn't told otherwise.
    pub limits: StoreLimits,
    /// Addresses for memories.
    pub memories: Reservation,
    /// Where compiled modules are kept, if anywhere.
    pub cache: Option<CacheFolder>,
    /// Whether relaxed vector operators give the same on every machine, instead of what costs this one least.
    pub relaxed_simd_deterministic: bool,
    /// Prove for each function that is compiled for debugging that its frames will be described rightly; a module whose
    /// proof fails isn't made. By default if the environment variable `PELLUCID_VERIFY` is `1`.
    pub verify: bool,
    /// Compile every function in the way that is meant for those that are hard to compile, with its values in memory; to test it.
    /// By default if the environment variable `PELLUCID_IN_MEMORY` is `1`.
    pub in_memory: bool,
    /// Fill the unused part of each guest stack with a pattern before a call, so that nothing relies on zeros there. By
    /// default if the environment variable `PELLUCID_POISON` is `1`.
    pub poison_stacks: bool,
    /// Collect at every allocation of an object that guests don't make by themselves, let them make none, and fill what is freed with a
    /// pattern; to find references that are missed. By default if the environment variable `PELLUCID_STRESS_HEAP` is `1`.
    pub stress_heap: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            debug: false,
            exact: false,
            signal_handlers: true,
            interrupt_signal: None,
            interrupt_checks: false,
            fuel: false,
            opt_level: OptLevel::Speed,
            inlining: true,
            compile_threads: 0,
            compile_memory: 8 << 30,
            compile_values: 1_000_000,
            limits: StoreLimits::default(),
            memories: Reservation::default(),
            cache: None,
            relaxed_simd_deterministic: false,
            verify: is_switched_on("PELLUCID_VERIFY"),
            in_memory: is_switched_on("PELLUCID_IN_MEMORY"),
            poison_stacks: is_switched_on("PELLUCID_POISON"),
            stress_heap: is_switched_on("PELLUCID_STRESS_HEAP"),
        }
    }
}

fn is_switched_on(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

/// A folder that compiled modules are kept in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheFolder {
    /// Its path.
    pub path: String,
    /// Bytes that all modules there may take.
    pub bytes: u64,
}

/// How many addresses memories reserve.
///
/// A memory that is addressed by 32 bits, in pages of 64 KiB, reserves all addresses that guests can reach from its first byte,
/// if there may be so many; what it doesn't have yet is inaccessible there, and accesses need no comparison. All other memories
/// reserve what they may grow to, and accesses are compared with their sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reservation {
    /// Bytes for each memory, if the embedder said so. Whatever it is, a memory has addresses for its minimal size.
    pub bytes: Option<u64>,
    /// Whether every access is compared, whatever would be reserved. The engine sees to it where nothing may fault, and where the
    /// system doesn't give so many addresses.
    pub compares_all: bool,
}

/// 4 GiB for the index, as much for the offset, and room for the access itself.
const WHOLE: u64 = (8 << 30) + (64 << 10);
/// 4 GiB for the index, and room for small offsets.
const LEAST: u64 = (4 << 30) + (64 << 10);

impl Reservation {
    /// Addresses that each memory of 32 bits with pages of 64 KiB has, so that not every access to it has to be compared; 0 if
    /// every access has.
    pub fn guarded(&self) -> u64 {
        match self.bytes {
            _ if self.compares_all => 0,
            None => WHOLE,
            Some(bytes) if bytes >= LEAST => bytes.min(WHOLE),
            Some(_) => 0,
        }
    }

    /// Whether an access to a memory of this type that ends `needed` bytes behind its index needs no comparison.
    pub fn reaches(&self, ty: &MemoryType, needed: u64) -> bool {
        self.is_guarded(ty) && needed <= self.guarded().saturating_sub(1 << 32)
    }

    /// Whether a memory of this type has [`Reservation::guarded`] addresses.
    pub fn is_guarded(&self, ty: &MemoryType) -> bool {
        !ty.is_64 && ty.page_size_log2 == MemoryType::USUAL_PAGE_SIZE_LOG2 && self.guarded() > 0
    }
}

/// What the guests of one store may use. Exceeding a limit fails the operation (a grow answers -1), never the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreLimits {
    /// Bytes of each linear memory.
    pub memory_bytes: u64,
    /// Elements of each table.
    pub table_elements: u64,
    /// Instances.
    pub instances: u64,
    /// Linear memories.
    pub memories: u64,
    /// Tables.
    pub tables: u64,
    /// Bytes of each guest stack; rounded up to whole pages.
    pub stack_bytes: u64,
    /// Guest calls that may be nested through host functions; each uses some of the host's own stack.
    pub nested_calls: u32,
    /// How long a guest may wait at a time for another thread, in nanoseconds.
    pub wait_nanoseconds: u64,
    /// Bytes of objects.
    pub heap_bytes: u64,
    /// References to values of the host's.
    pub host_references: u64,
}

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits {
            memory_bytes: 1 << 32,
            table_elements: 10_000_000,
            instances: 10_000,
            memories: 10_000,
            tables: 10_000,
            stack_bytes: 1 << 20,
            nested_calls: 200,
            wait_nanoseconds: u64::MAX,
            heap_bytes: 1 << 32,
            host_references: 10_000_000,
        }
    }
}
