//! Hardware faults of guest code: the process's signal handlers, and each thread's part in them.
//!
//! A fault is ours if this thread is inside guest code (its store context is set and the stack pointer lies in the guest
//! stack in use) and the instruction is one that is known to trap, or the address is in the stack's guard. Then the
//! handler notes what happened and changes the interrupted context, so that it continues in [`switch::leave`]: the
//! guest's stack stays as it is. Everything else goes to the handler that was there before.
//!
//! Invariants: the handler takes no lock and allocates nothing; the code map it reads doesn't change while guest code
//! runs. Read next: [`super::switch`].

#![expect(unsafe_code, reason = "signal handlers")]

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the trap handler is written for Linux on x86-64 only");

use super::mapping::{Mapping, page_size};
use super::store_context::{RawTrap, StoreContext};
use super::switch;
use crate::base::{Error, ErrorKind, Result, TrapCode};
use std::arch::{asm, global_asm};
use std::cell::{Cell, OnceCell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::num::NonZero;
use std::ptr;
use std::sync::OnceLock;

/// What the handler knows of a thread. All zeroes at the thread's start.
struct Thread {
    /// The store whose guest code runs, innermost. Outside guest code [`OUTSIDE`], or null as long as the thread isn't
    /// ready: it has no alternate stack for signals.
    context: Cell<*mut StoreContext>,
    /// The same for stores whose code never faults, which no handler looks at.
    unhandled: Cell<*mut StoreContext>,
}

/// Which of a thread's two contexts a store uses: that which the handler knows, or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Side {
    /// The guest's faults are handled.
    Handled = offset_of!(Thread, context),
    /// Its code never faults.
    Unhandled = offset_of!(Thread, unhandled),
}

/// No context, on a thread that is ready for guest code.
pub const OUTSIDE: *mut StoreContext = ptr::without_provenance_mut(1);

// Each thread's `Thread`, in the storage that the thread's start sets up. Rust's own variables are reached through a call
// of the dynamic linker's, which every entry into a guest would pay for, and which may allocate, when it is a signal
// handler that comes first.
global_asm!(
    ".pushsection .tbss.pellucid_thread, \"awT\", @nobits",
    ".hidden pellucid_thread",
    ".globl pellucid_thread",
    ".type pellucid_thread, @tls_object",
    ".size pellucid_thread, {size}",
    ".p2align 3",
    "pellucid_thread:",
    ".zero {size}",
    ".popsection",
    size = const size_of::<Thread>(),
);

const _: () = assert!(align_of::<Thread>() == 8);

impl Thread {
    /// This thread's.
    #[inline]
    fn current<'a>() -> &'a Thread {
        let thread: *const Thread;
        // SAFETY: computes an address from what doesn't change during a thread.
        unsafe {
            asm!(
                "mov {thread}, qword ptr fs:[0]",
                "add {thread}, qword ptr [rip + pellucid_thread@gottpoff]",
                thread = out(reg) thread,
                options(pure, readonly, nostack),
            );
        }
        // SAFETY: it is as large and aligned as a `Thread`, for which zeroes are fine, and is there as long as the thread,
        // which references to it don't leave: they aren't `Send`.
        unsafe { &*thread }
    }

    /// The context on this side.
    #[inline(always)]
    fn side(&self, side: Side) -> &Cell<*mut StoreContext> {
        // SAFETY: a side is the offset of such a field.
        unsafe { &*ptr::from_ref(self).byte_add(side as usize).cast() }
    }
}

/// A number that no other thread has at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadId(pub NonZero<usize>);

impl ThreadId {
    /// This thread's.
    #[inline(always)]
    pub fn current() -> ThreadId {
        ThreadId(ptr::NonNull::from(Thread::current()).addr())
    }
}

thread_local! {
    static ALTERNATE_STACK: OnceCell<AlternateStack> = const { OnceCell::new() };
}

/// This thread, with all that guest code needs of it.
#[derive(Clone, Copy)]
pub struct ReadyThread<'a>(&'a Cell<*mut StoreContext>);

impl ReadyThread<'_> {
    /// Makes it ready.
    pub fn get(side: Side) -> Result<ReadyThread<'static>> {
        let context = Thread::current().side(side);
        if context.get().is_null() {
            if side == Side::Handled {
                ensure_alternate_stack()?;
            }
            context.set(OUTSIDE);
        }
        Ok(ReadyThread(context))
    }

    /// The thread, if it is ready.
    #[inline(always)]
    pub fn already<'a>(side: Side) -> Option<ReadyThread<'a>> {
        let context = Thread::current().side(side);
        (!context.get().is_null()).then_some(ReadyThread(context))
    }

    /// The thread, if it is ready and outside guest code.
    #[inline(always)]
    pub fn outside<'a>(side: Side) -> Option<ReadyThread<'a>> {
        let context = Thread::current().side(side);
        (context.get() == OUTSIDE).then_some(ReadyThread(context))
    }

    /// Directs this thread's traps to `context`, whose guest code is about to be entered; answers where they were directed.
    #[inline(always)]
    pub fn direct_to(self, context: *mut StoreContext) -> *mut StoreContext {
        self.0.replace(context)
    }

    /// Directs this thread's traps back, after guest code was left.
    #[inline(always)]
    pub fn direct_back(self, outer: *mut StoreContext) {
        self.0.set(outer);
    }
}

const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The actions that were there before ours, in the order of [`SIGNALS`]. Written once, before any handler is installed.
struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: written by one thread under `install`'s lock before the handlers that read it exist.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new([MaybeUninit::uninit(); SIGNALS.len()]));

/// Installs the handlers, once for the process.
pub fn install() -> Result<()> {
    static INSTALLED: OnceLock<std::result::Result<(), i32>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let refused = || Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
        for (place, signal) in SIGNALS.into_iter().enumerate() {
            // SAFETY: nobody else writes `PREVIOUS` (the once-lock) and no handler of ours for this signal exists yet.
            let previous = unsafe { &mut (*PREVIOUS.0.get())[place] };
            // SAFETY: asks for the present action, and `previous` has room for it.
            if unsafe { libc::sigaction(signal, ptr::null(), previous.as_mut_ptr()) } != 0 {
                return refused();
            }
        }
        for signal in SIGNALS {
            // SAFETY: all zeroes is a valid action.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handle as *const () as usize;
            // A fault inside a handler that ours calls must not be blocked, it would kill the process.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            // SAFETY: `action` is complete and its handler lives as long as the process.
            if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
                return refused();
            }
        }
        Ok(())
    });
    installed.map_err(|number| {
        let error = std::io::Error::from_raw_os_error(number);
        Error::new(ErrorKind::System, format!("installing the trap handlers: {error}"))
    })
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes pointers that are valid for the handler's time, the third to a `ucontext_t`.
    unsafe {
        let context = context.cast::<libc::ucontext_t>();
        if !claim(signal, &*info, &mut (*context).uc_mcontext) {
            chain(signal, info, context);
        }
    }
}

/// Takes the fault if it is the guest's. Then the context continues in [`switch::leave`].
fn claim(signal: c_int, info: &libc::siginfo_t, machine: &mut libc::mcontext_t) -> bool {
    let context = Thread::current().context.get();
    // Signals that a process sends have codes up to 0.
    if context.is_null() || context == OUTSIDE || info.si_code <= 0 {
        return false;
    }
    let register = |register: c_int| machine.gregs[register as usize] as usize;
    let (pc, fp, sp) = (register(libc::REG_RIP), register(libc::REG_RBP), register(libc::REG_RSP));
    // SAFETY: a thread's context is set between `direct_to` and `direct_back` only, whose callers keep the store and the stack.
    let (stack, code) = unsafe { ((*context).stack.as_ref(), (*context).code) };
    let Some(stack) = stack.filter(|stack| (stack.low..=stack.high).contains(&sp)) else { return false };
    let is_access = signal == libc::SIGSEGV || signal == libc::SIGBUS;
    // SAFETY: for faults the address is there.
    let address = is_access.then(|| unsafe { info.si_addr() } as usize);
    let code = if address.is_some_and(|address| (stack.low..stack.base).contains(&address)) {
        Some(TrapCode::CallStackExhausted)
    } else {
        // SAFETY: the store context points to its store's own code map.
        let code = unsafe { &*code };
        code.try_borrow().ok().and_then(|map| map.trap_at(pc))
    };
    let Some(code) = code else { return false };
    // SAFETY: as above; the code that was interrupted is the guest's, which holds no reference to the context.
    unsafe { (*context).trap = RawTrap { code, address: address.unwrap_or(0), pc, fp, sp } };
    machine.gregs[libc::REG_RIP as usize] = switch::leave as *const () as i64;
    machine.gregs[libc::REG_RBX as usize] = context as i64;
    machine.gregs[libc::REG_RAX as usize] = i64::from(switch::TRAPPED);
    true
}

/// Does what would have happened without us.
///
/// # Safety
///
/// To be called by [`handle`] with its arguments.
unsafe fn chain(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    let place = SIGNALS.iter().position(|ours| *ours == signal).expect("installed for these only");
    // SAFETY: `install` wrote it before it installed this handler.
    let previous = unsafe { (*PREVIOUS.0.get())[place].assume_init() };
    // SAFETY: `info` is valid in the handler.
    let is_sent = unsafe { (*info).si_code } <= 0;
    match previous.sa_sigaction {
        libc::SIG_IGN if is_sent => {}
        // An ignored fault happens again for ever; the system kills the process instead, and so do we.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: the default action is a valid one. A fault happens again on return; a sent signal is sent again.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &action, ptr::null_mut());
                if is_sent {
                    libc::raise(signal);
                }
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the action's flags say that its handler has this type.
            unsafe {
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = std::mem::transmute(handler);
                handler(signal, info, context.cast());
            }
        }
        handler => {
            // SAFETY: the action's flags say that its handler has this type.
            unsafe {
                let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

/// Bytes of an alternate stack of ours: room for the largest register state and for handlers that ours calls.
const ALTERNATE_STACK_SIZE: usize = 64 << 10;
/// Bytes that an alternate stack has at least besides the system's own frame.
const ALTERNATE_STACK_MINIMUM: usize = 16 << 10;

struct AlternateStack {
    mapping: Mapping,
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        // SAFETY: all zeroes is a valid description; the calls read and change this thread's alternate stack only.
        unsafe {
            let mut present: libc::stack_t = std::mem::zeroed();
            let is_ours =
                libc::sigaltstack(ptr::null(), &mut present) == 0 && self.mapping.contains(present.ss_sp as usize);
            if is_ours {
                present.ss_flags = libc::SS_DISABLE;
                libc::sigaltstack(&present, ptr::null_mut());
            }
        }
    }
}

/// Gives this thread an alternate signal stack unless it has a large enough one: an overflowing guest stack has no room
/// for a handler.
#[cold]
fn ensure_alternate_stack() -> Result<()> {
    let refused = || {
        let error = std::io::Error::last_os_error();
        Error::new(ErrorKind::System, format!("setting an alternate signal stack: {error}"))
    };
    // SAFETY: all zeroes is a valid description.
    let mut present: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: asks only.
    if unsafe { libc::sigaltstack(ptr::null(), &mut present) } != 0 {
        return Err(refused());
    }
    // SAFETY: asks for a number only; 0 if the system doesn't know.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    if present.ss_flags & libc::SS_DISABLE == 0 && present.ss_size >= frame + ALTERNATE_STACK_MINIMUM {
        return Ok(());
    }
    let guard = page_size();
    let size = ALTERNATE_STACK_SIZE + frame.next_multiple_of(page_size());
    let mapping = Mapping::reserve(guard + size)?;
    mapping.make_writable(guard, size)?;
    let stack = libc::stack_t { ss_sp: (mapping.base() + guard) as *mut c_void, ss_flags: 0, ss_size: size };
    // Kept first, so that it is never unmapped while in use. At the end of the thread there is no keeping it any more:
    // then it stays for ever.
    let mut mapping = Some(mapping);
    let kept = ALTERNATE_STACK
        .try_with(|kept| kept.set(AlternateStack { mapping: mapping.take().expect("not taken yet") }).is_ok());
    std::mem::forget(mapping);
    // SAFETY: the stack is mapped, and stays so until this thread's end.
    if kept == Ok(false) || unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } != 0 {
        return Err(refused());
    }
    Ok(())
}
