//! Each thread's part in running guests: its alternate signal stack, its signal mask, and what is left of its own stack.
//!
//! A guest stack that overflows has no room for a signal handler, so a thread that runs guests needs an alternate stack, and
//! must not block the signals of faults. Asking the system for either takes longer than many a call. So it is asked when a
//! thread runs its first guest, and whenever a trap shows that something has changed. An alternate stack that isn't ours is the
//! host's, who may take it away at any time: as long as it is there, it is asked for whenever the host calls or resumes a guest.
//!
//! Invariant: an alternate stack of ours is mapped as long as the thread uses it. Read next: [`super::traps`].

#![expect(unsafe_code, reason = "variables of a thread, alternate stacks")]

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("threads are written for Linux on x86-64 only");

use super::super::stack_registry::StackRecord;
use super::mapping::{Mapping, page_size};
use super::own_stack::bounds_of_own_stack;
use crate::base::{Error, ErrorKind, Result};
use std::arch::{asm, global_asm};
use std::cell::{Cell, OnceCell};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::num::NonZero;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The signals of faults.
pub(super) const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// What is known of a thread. All zeroes at its start.
struct Thread {
    /// How ready it is for guests whose faults are handled.
    handled: Cell<usize>,
    /// How ready it is for guests whose code never faults.
    unhandled: Cell<usize>,
    /// Where its alternate stack is that is going to stay, or 0.
    alternate: Cell<usize>,
    /// The first byte of its own stack, or 0 if that isn't known.
    own_stack: Cell<usize>,
    /// How many bytes from there on calls that are nested leave alone.
    reserve: Cell<usize>,
    /// The stack of its last trap.
    last_trap: Cell<Option<&'static StackRecord>>,
    /// Whether it was sent a signal to look whether a handler has returned.
    looks_again: Cell<bool>,
    /// The system's number for it, or 0 as long as nobody has asked.
    system_number: Cell<i32>,
    /// The newest of its alarms that are set; see `alarms.rs`.
    alarms: Cell<*const ()>,
    /// Its timer.
    timer: Cell<Option<libc::timer_t>>,
}

/// It wasn't looked at, or a trap found that something has changed.
const UNREADY: usize = 0;
/// It has all that it needs until the host gets control again, who owns a part of it.
const READY_FOR_NOW: usize = 1;
/// From here on: it has all that it needs, and keeps it. Each time that a thread becomes ready it gets a number that none had before,
/// so that whoever remembers a number knows the thread again.
const FIRST_READY: usize = 2;

fn new_ready_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(FIRST_READY);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Which guests a store has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Side {
    /// Their faults are handled.
    Handled = offset_of!(Thread, handled),
    /// Their code never faults.
    Unhandled = offset_of!(Thread, unhandled),
}

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

    /// Whether it is ready on this side.
    #[inline(always)]
    fn ready(&self, side: Side) -> &Cell<usize> {
        // SAFETY: a side is the offset of such a field.
        unsafe { &*ptr::from_ref(self).byte_add(side as usize).cast() }
    }
}

/// This thread. It can't be handed to another.
#[derive(Clone, Copy)]
pub struct ThisThread<'a>(&'a Thread);

impl ThisThread<'_> {
    /// The thread that asks.
    #[inline(always)]
    pub fn get() -> Self {
        ThisThread(Thread::current())
    }

    /// A number that no other thread has at the same time.
    #[inline(always)]
    pub fn number(self) -> NonZero<usize> {
        ptr::NonNull::from(self.0).addr()
    }
}

thread_local! {
    static ALTERNATE_STACK: OnceCell<AlternateStack> = const { OnceCell::new() };
}

/// A proof that this thread has what guest code needs of it.
#[derive(Clone, Copy)]
pub struct ReadyThread(());

/// What a store knows of the thread that has run its guests last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownThread(usize);

impl KnownThread {
    /// No thread.
    pub const NONE: KnownThread = KnownThread(usize::MAX);
}

impl ReadyThread {
    /// Makes it ready. The second is what to know it by, if it stays so.
    #[cold]
    pub fn get(side: Side) -> Result<(ReadyThread, KnownThread)> {
        let thread = Thread::current();
        if thread.ready(side).get() < FIRST_READY {
            if thread.own_stack.get() == 0 {
                measure_own_stack(thread);
                unblock_signals()?;
            }
            let stays = side == Side::Unhandled || ensure_alternate_stack(thread, false)?;
            thread.ready(side).set(if stays { new_ready_number() } else { READY_FOR_NOW });
        }
        let number = thread.ready(side).get();
        Ok((ReadyThread(()), if number < FIRST_READY { KnownThread::NONE } else { KnownThread(number) }))
    }

    /// This thread, if it is the one that is known, is ready, and stays so.
    #[inline(always)]
    pub fn already(side: Side, known: KnownThread) -> Option<ReadyThread> {
        ReadyThread::known(ThisThread::get(), side, known)
    }

    /// The same if it is at hand.
    #[inline(always)]
    pub fn known(thread: ThisThread<'_>, side: Side, known: KnownThread) -> Option<ReadyThread> {
        (thread.0.ready(side).get() == known.0).then_some(ReadyThread(()))
    }

    /// The thread, if nothing was found to have changed since [`ReadyThread::get`]. For a guest that was left for a short while,
    /// in which the host keeps what it has set for longer.
    #[inline(always)]
    pub fn still(side: Side) -> Option<ReadyThread> {
        (Thread::current().ready(side).get() != UNREADY).then_some(ReadyThread(()))
    }
}

/// Makes this thread ready for guests whose faults are handled, whatever was found before; an alternate stack of the host's
/// counts as one that is going to stay.
pub fn prepare() -> Result<()> {
    let thread = Thread::current();
    unblock_signals()?;
    ensure_alternate_stack(thread, true)?;
    thread.handled.set(new_ready_number());
    Ok(())
}

/// Whether so little of this thread's own stack is left that no more calls should be nested. Unknown stacks, such as those of
/// fibers, count as large.
#[inline]
pub fn is_own_stack_low() -> bool {
    let thread = Thread::current();
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {sp}, rsp", sp = out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp.wrapping_sub(thread.own_stack.get()) < thread.reserve.get()
}

/// The system's number for this thread.
pub fn system_number() -> i32 {
    let thread = Thread::current();
    if thread.system_number.get() == 0 {
        // SAFETY: asks for a number only.
        thread.system_number.set(unsafe { libc::gettid() });
    }
    thread.system_number.get()
}

/// Forgets what isn't so in a forked child, in which this is the only thread.
pub(super) fn forget_numbers() {
    let thread = Thread::current();
    thread.system_number.set(0);
    thread.timer.set(None);
    // Stores know it by other numbers from now on.
    thread.handled.set(UNREADY);
    thread.unhandled.set(UNREADY);
}

/// The newest of this thread's alarms.
pub(super) fn alarms() -> &'static Cell<*const ()> {
    // SAFETY: it is there as long as the thread, which nobody here outlives: a `Cell` isn't `Sync`.
    unsafe { &*ptr::from_ref(&Thread::current().alarms) }
}

/// This thread's timer.
pub(super) fn timer() -> &'static Cell<Option<libc::timer_t>> {
    // SAFETY: as for `alarms`.
    unsafe { &*ptr::from_ref(&Thread::current().timer) }
}

/// The guest stack that `sp` is in. For the signal handler.
pub(super) fn stack_at(sp: usize) -> Option<&'static StackRecord> {
    let thread = Thread::current();
    let last = thread.last_trap.get().filter(|stack| stack.contains(sp));
    let found = last.or_else(|| StackRecord::find(sp));
    if found.is_some() {
        thread.last_trap.set(found);
    }
    found
}

/// Whether this thread was sent a signal to look whether a handler has returned.
pub(super) fn looks_again() -> &'static Cell<bool> {
    // SAFETY: as for `alarms`.
    unsafe { &*ptr::from_ref(&Thread::current().looks_again) }
}

/// The alternate stack as a trap has found it.
pub(super) fn seen_alternate_stack(stack: &libc::stack_t) {
    let thread = Thread::current();
    if stack.ss_flags & libc::SS_DISABLE != 0 || stack.ss_sp as usize != thread.alternate.get() {
        thread.handled.set(UNREADY);
    }
}

/// Bytes that the system puts on the stack for a signal handler, at most.
pub(super) fn frame_size() -> usize {
    // SAFETY: asks for a number only; 0 if the system doesn't know.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    frame.max(libc::MINSIGSTKSZ)
}

/// Bytes of the thread's own stack that nested calls leave alone, at most, and not more than three eighths of it: with 16 KiB, the least
/// that a thread may have, what a call takes and 2 KiB.
const RESERVE: usize = 64 << 10;

fn measure_own_stack(thread: &Thread) {
    match bounds_of_own_stack() {
        Some(bounds) => {
            thread.own_stack.set(bounds.start);
            thread.reserve.set(RESERVE.min(bounds.len() / 8 * 3));
        }
        // Known to be unknown.
        None => thread.own_stack.set(usize::MAX),
    }
}

/// A fault whose signal is blocked kills the process.
fn unblock_signals() -> Result<()> {
    // SAFETY: the set is complete; the call changes this thread's mask only.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        for signal in SIGNALS {
            libc::sigaddset(&mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut())
    };
    match result {
        0 => Ok(()),
        number => {
            let error = std::io::Error::from_raw_os_error(number);
            Err(Error::new(ErrorKind::System, format!("unblocking the signals of faults: {error}")))
        }
    }
}

/// Bytes of an alternate stack of ours: room for the largest register state and for handlers that ours calls.
const ALTERNATE_STACK_SIZE: usize = 64 << 10;
/// Bytes that an alternate stack has at least besides the system's own frame.
const ALTERNATE_STACK_MINIMUM: usize = 4 << 10;

struct AlternateStack {
    mapping: Mapping,
    stack: libc::stack_t,
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        let thread = Thread::current();
        // Destructors of the host's may still run guests on this thread.
        thread.handled.set(UNREADY);
        thread.alternate.set(0);
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

fn refused() -> Error {
    let error = std::io::Error::last_os_error();
    Error::new(ErrorKind::System, format!("setting an alternate signal stack: {error}"))
}

/// Gives this thread an alternate signal stack unless it has a large enough one: an overflowing guest stack has no room
/// for a handler. Answers whether it is one that stays: ours, or the host's if that is trusted.
fn ensure_alternate_stack(thread: &Thread, trusts_host: bool) -> Result<bool> {
    // SAFETY: all zeroes is a valid description.
    let mut present: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: asks only.
    if unsafe { libc::sigaltstack(ptr::null(), &mut present) } != 0 {
        return Err(refused());
    }
    let is_large = present.ss_size >= frame_size() + ALTERNATE_STACK_MINIMUM;
    if present.ss_flags & libc::SS_DISABLE == 0 && is_large {
        if trusts_host {
            thread.alternate.set(present.ss_sp as usize);
        }
        return Ok(thread.alternate.get() == present.ss_sp as usize);
    }
    let stack = ALTERNATE_STACK.try_with(|kept| match kept.get() {
        Some(kept) => Ok(kept.stack),
        None => {
            let made = AlternateStack::new()?;
            Ok(kept.get_or_init(|| made).stack)
        }
    });
    // At the end of the thread there is no keeping it any more: then it stays for ever.
    let stack = stack.unwrap_or_else(|_| {
        let made = AlternateStack::new()?;
        let stack = made.stack;
        std::mem::forget(made);
        Ok(stack)
    })?;
    // SAFETY: the stack is mapped, and stays so until this thread's end.
    if unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } != 0 {
        return Err(refused());
    }
    thread.alternate.set(stack.ss_sp as usize);
    Ok(true)
}

impl AlternateStack {
    fn new() -> Result<AlternateStack> {
        let guard = page_size();
        let size = ALTERNATE_STACK_SIZE + frame_size().next_multiple_of(page_size());
        let mapping = Mapping::reserve(guard + size)?;
        mapping.make_writable(guard, size)?;
        let stack = libc::stack_t { ss_sp: (mapping.base() + guard) as *mut c_void, ss_flags: 0, ss_size: size };
        Ok(AlternateStack { mapping, stack })
    }
}
