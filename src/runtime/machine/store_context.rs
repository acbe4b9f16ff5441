//! The store context: what compiled code, the switch and the trap handler know of a store.
//!
//! The first part's layout is [`crate::abi::vmctx`]'s, the rest is the runtime's own. Invariant: it is only touched
//! through raw pointers, since guest code and the trap handler change it. Read next: [`super::switch`].

use super::code_map::CodeMap;
use crate::abi::builtins::Builtin;
use crate::abi::heap::VmHeap;
use crate::base::{TrapCode, floats};
use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Entry points of the builtins' stubs, in the order of [`Builtin::ALL`].
pub type BuiltinTable = [usize; Builtin::ALL.len()];

/// What a context belongs to, for whoever made it.
#[repr(C)]
pub struct Owner {
    _opaque: [u8; 0],
}

/// A store's side of the machine.
#[repr(C)]
pub struct StoreContext {
    /// Entry points of the builtins.
    pub builtins: &'static BuiltinTable,
    /// The host's stack pointer while guest code runs.
    pub host_sp: usize,
    /// The stack pointer of the guest that is about to be resumed, or was just stopped.
    pub guest_sp: usize,
    /// The frame pointer where guest code stopped last.
    pub exit_fp: usize,
    /// The code address where guest code stopped last.
    pub exit_pc: usize,
    /// Where guest code called the host last: the address of its frame pointer and, after it, its code address.
    pub exit_frame: usize,
    /// The store that it is the context of, which the machine doesn't look into.
    pub store: *const Owner,
    /// The guest stack that is in use, laid out as [`crate::abi::vmctx::guest_stack`] says, or null.
    pub stack: *const (),
    /// Laid out as [`crate::abi::vmctx::entry`] says: how the function that is about to run is entered, or null.
    pub entry: *const u64,
    /// Fuel that is left: of guest code that counts it, each piece takes what it costs.
    pub fuel: i64,

    /// Why guest code is to be left before it runs on; see [`super::interrupts`].
    pub interrupt: InterruptWord,
    /// Where the supertypes of all types are; see [`type_paths`](crate::abi::type_paths).
    pub type_paths: usize,
    /// The store's heap, or the one without room below.
    pub heap: *const VmHeap,
    /// The host's floating-point environment while guest code runs that depends on it.
    pub host_floats: u32,
    /// Whether guest code may depend on it: then it runs in the default one.
    pub has_floats: u32,

    /// Where guest code is to be resumed that is left by way of the switch's `preempted`.
    pub preempted_pc: usize,
    /// What it has in `rax`.
    pub preempted_rax: usize,
    /// How it is left: a number of the switch's.
    pub preempted_exit: u32,
    /// The routine that is to be called again when the guest runs on, if there is one.
    pub again: Again,

    /// Where guest code goes on that was left by an exception.
    pub landing: Landing,

    /// What guest code finds as long as there is no heap.
    pub no_heap: VmHeap,

    /// Code that the trap handler takes for the guest's.
    pub code: *const RefCell<CodeMap>,
    /// The last trap: from the signal handler, from the switch, or, as yet without a place, from a host function that failed.
    pub trap: RawTrap,
}

/// What can be asked for by any thread: bits of [`InterruptWord::asked`], and, while the store's thread deals with it, of its own.
pub mod ask {
    /// End the call.
    pub const TRAP: u32 = 1 << 0;
    /// Let the call pause, or end it where that can't be.
    pub const PAUSE: u32 = 1 << 1;
    /// Tell the host's handler.
    pub const EVENT: u32 = 1 << 2;
    /// All of these.
    pub const ALL: u32 = TRAP | PAUSE | EVENT;
    /// The store's deadline in its engine's epochs is reached.
    pub const EPOCH: u32 = 1 << 3;
}

/// What the store's thread finds by itself: bits of [`InterruptWord::due`].
pub mod due {
    use crate::abi::fuel::{FOUND_FUEL, FOUND_FUEL_WITHIN};

    /// A routine is to be called again.
    pub const AGAIN: u32 = 1 << 0;
    /// An alarm has gone off.
    pub const ALARM: u32 = 1 << 1;
    /// A call inside the running one was ended by a request that is meant for this one too: to end it.
    pub const OUTER_TRAP: u32 = 1 << 2;
    /// The same: to let it pause.
    pub const OUTER_PAUSE: u32 = 1 << 3;
    /// The same: because its deadline in the epochs was reached.
    pub const OUTER_EPOCH: u32 = 1 << 4;
    /// Fuel is used up, found where a function or a loop begins.
    pub const FUEL: u32 = FOUND_FUEL as u32;
    /// The same before an operator that costs by size.
    pub const FUEL_WITHIN: u32 = FOUND_FUEL_WITHIN as u32;
    /// Whoever drives the call wants to look at what was changed.
    pub const LOOK: u32 = 1 << 7;
    /// What concerns the calls that are running, and means nothing once they are over.
    pub const OUTER: u32 = OUTER_TRAP | OUTER_PAUSE | OUTER_EPOCH;
}

/// Why guest code is to be left. The switch looks at both as at one word.
#[repr(C, align(8))]
#[derive(Debug, Default)]
pub struct InterruptWord {
    /// What any thread has asked for.
    pub asked: AtomicU32,
    /// What the thread has found that runs the store. A signal handler that interrupts it changes this too.
    pub due: AtomicU32,
}

impl InterruptWord {
    /// Whether there is anything.
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        (self.asked.load(Ordering::Relaxed) | self.due.load(Ordering::Relaxed)) != 0
    }
}

/// A call of a routine of the host's that was given up in its middle and is to be made anew.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Again {
    /// The routine's stub, or 0.
    pub pc: usize,
    /// Its arguments.
    pub args: [usize; 6],
}

/// Where guest code goes on that has caught an exception, and with what.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Landing {
    /// The next instruction.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer.
    pub fp: usize,
    /// The exception's reference, or 0.
    pub exception: u64,
    /// The number of the clause.
    pub clause: u64,
}

/// A trap, and where the guest was.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawTrap {
    /// The reason.
    pub code: TrapCode,
    /// The address that couldn't be accessed, for access faults; else 0. With a memory it is a place in that.
    pub address: usize,
    /// The address of the definition of the memory that it is a place in, or 0.
    pub memory: usize,
    /// The instruction, or where the call returns to that raised the trap.
    pub pc: usize,
    /// The frame pointer there.
    pub fp: usize,
    /// The stack pointer there.
    pub sp: usize,
}

impl StoreContext {
    /// A context of no store yet.
    pub fn new(builtins: &'static BuiltinTable) -> StoreContext {
        StoreContext {
            builtins,
            host_sp: 0,
            guest_sp: 0,
            exit_fp: 0,
            exit_pc: 0,
            exit_frame: 0,
            store: ptr::null(),
            stack: ptr::null(),
            entry: ptr::null(),
            fuel: 0,
            interrupt: InterruptWord::default(),
            type_paths: 0,
            heap: ptr::null(),
            host_floats: floats::DEFAULT,
            has_floats: 0,
            preempted_pc: 0,
            preempted_rax: 0,
            preempted_exit: 0,
            again: Again::default(),
            landing: Landing::default(),
            no_heap: VmHeap { base: Cell::new(0), cursor: Cell::new(0), limit: Cell::new(0) },
            code: ptr::null(),
            trap: RawTrap { code: TrapCode::Unreachable, address: 0, memory: 0, pc: 0, fp: 0, sp: 0 },
        }
    }
}

const _: () = {
    use crate::abi::vmctx::store_context as abi;
    assert!(offset_of!(StoreContext, builtins) == abi::BUILTINS as usize);
    assert!(offset_of!(StoreContext, host_sp) == abi::HOST_SP as usize);
    assert!(offset_of!(StoreContext, guest_sp) == abi::GUEST_SP as usize);
    assert!(offset_of!(StoreContext, exit_fp) == abi::EXIT_FP as usize);
    assert!(offset_of!(StoreContext, exit_pc) == abi::EXIT_PC as usize);
    assert!(offset_of!(StoreContext, exit_frame) == abi::EXIT_FRAME as usize);
    assert!(offset_of!(StoreContext, store) == abi::STORE as usize);
    assert!(offset_of!(StoreContext, stack) == abi::STACK as usize);
    assert!(offset_of!(StoreContext, entry) == abi::ENTRY as usize);
    assert!(offset_of!(StoreContext, fuel) == abi::FUEL as usize);
    assert!(offset_of!(StoreContext, interrupt) == abi::INTERRUPT as usize);
    assert!(offset_of!(StoreContext, type_paths) == abi::TYPE_PATHS as usize);
    assert!(offset_of!(StoreContext, heap) == abi::HEAP as usize);
};
