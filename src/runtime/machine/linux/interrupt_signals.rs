//! The signal that interrupts the thread that runs a guest.
//!
//! It is a real-time signal, sent to one thread with a mark by which its handler knows it; what comes without the mark is for
//! whoever handled the signal before. The handler does one of these: guest code that is to be left, it sends to
//! [`switch::preempt`]; a window of the switch begins again ([`switch::settle`]); if the signal has interrupted another signal's
//! handler it is sent again and held back until that one has returned; anywhere else the host has control, and looks by itself.
//!
//! Invariants: as for [`super::traps`]; what the handler is interrupted by is faults alone. Read next:
//! [`super::super::interrupts`], [`super::alarms`].

#![expect(unsafe_code, reason = "signal handlers")]

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("interrupting is written for Linux on x86-64 only");

use super::super::store_context::{InterruptWord, StoreContext};
use super::super::switch::{self, Found, Interrupted};
use super::alarms;
use super::thread;
use super::traps::{Previous, all_but_faults, call_previous, is_guest_code};
use crate::base::{Error, ErrorKind, NativePc, Result};
use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// Numbers of signals, as places in a table.
const NUMBERS: usize = 65;

/// Whoever handled a signal before us.
static PREVIOUS: [Previous; NUMBERS] = [const { Previous::none() }; NUMBERS];

/// The signal that is used if the host doesn't choose another.
pub fn default_signal() -> i32 {
    libc::SIGRTMIN() + 9
}

/// Whether a signal can be used: only real-time signals are never merged with others of the same number.
pub fn is_suitable(signal: i32) -> bool {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&signal)
}

/// Has the process handle the signal, in front of whoever handles it now, and this thread let it through.
pub fn install(signal: i32) -> Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        switch::prepare_interrupts();
        // SAFETY: the function may run in a child, where it changes variables of the thread only.
        if unsafe { libc::pthread_atfork(None, None, Some(after_fork)) } != 0 {
            return Err(Error::new(ErrorKind::System, "no memory to be told of forks"));
        }
        *installed = true;
    }
    let refused = || {
        let error = std::io::Error::last_os_error();
        Error::new(ErrorKind::System, format_args!("installing a handler for signal {signal}: {error}"))
    };
    // SAFETY: all zeroes is a valid action, and asking changes nothing.
    let present = unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &mut present) != 0 {
            return Err(refused());
        }
        present
    };
    if present.sa_sigaction != handle as *const () as usize {
        PREVIOUS[signal as usize].set(&present);
        // SAFETY: all zeroes is a valid action; its handler lives as long as the process.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            action.sa_mask = all_but_faults();
            if libc::sigaction(signal, &action, ptr::null_mut()) != 0 {
                return Err(refused());
            }
        }
    }
    unblock(signal);
    Ok(())
}

extern "C" fn after_fork() {
    thread::forget_numbers();
}

/// Lets this thread be interrupted by the signal.
pub fn unblock(signal: i32) {
    // SAFETY: the set is complete; the call changes this thread's mask only, and can't fail.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
    }
}

/// What the system is given with a signal, as far as it is used; see `siginfo_t`.
#[repr(C)]
struct SentInfo {
    signal: c_int,
    errno: c_int,
    code: c_int,
    padding: c_int,
    process: c_int,
    user: u32,
    value: usize,
    rest: [u8; 96],
}

const _: () = assert!(size_of::<SentInfo>() == size_of::<libc::siginfo_t>());

/// Sends the signal to a thread of this process. Answers false if the system has no room for it; a thread that is gone needs none.
/// Fit for a signal handler.
pub fn send(thread: i32, signal: i32) -> bool {
    // SAFETY: plain system calls that read `info`, and this thread's own error number.
    unsafe {
        let before = *libc::__errno_location();
        let process = libc::getpid();
        let (code, value) = (libc::SI_QUEUE, alarms::mark());
        let info = SentInfo { signal, errno: 0, code, padding: 0, process, user: libc::getuid(), value, rest: [0; 96] };
        let result = libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const info);
        let is_sent = result == 0 || *libc::__errno_location() == libc::ESRCH;
        *libc::__errno_location() = before;
        is_sent
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes pointers that are valid for the handler's time, the third to a `ucontext_t`.
    unsafe {
        let before = *libc::__errno_location();
        let context = context.cast::<libc::ucontext_t>();
        if !claim(signal, info, context) {
            call_previous(&PREVIOUS[signal as usize], signal, info, context);
        }
        *libc::__errno_location() = before;
    }
}

/// Handles a signal if it is ours; answers whether it was. Then the interrupted context can be returned to.
///
/// # Safety
///
/// The arguments must be those that the system gave to a handler which is still running.
pub unsafe fn claim(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) -> bool {
    // SAFETY: the caller's promise.
    let (info, context) = unsafe { (&*info, &mut *context) };
    let is_marked = matches!(info.si_code, libc::SI_QUEUE | libc::SI_TIMER)
        // SAFETY: signals of these two kinds carry a value.
        && unsafe { info.si_value().sival_ptr }.addr() == alarms::mark();
    if !is_marked {
        return false;
    }
    alarms::look();
    let machine = &mut context.uc_mcontext.gregs;
    let register = |register: c_int| machine[register as usize] as usize;
    let mut registers = Interrupted {
        pc: register(libc::REG_RIP),
        sp: register(libc::REG_RSP),
        fp: register(libc::REG_RBP),
        rax: register(libc::REG_RAX),
        rdi: register(libc::REG_RDI),
        flags: register(libc::REG_EFL),
    };
    // Who is about to enter the guest, or has just returned from it, is at the stack's very end, and looks at the word next; a first
    // touch of the stack takes long there.
    let stack = thread::stack_at(registers.sp).filter(|stack| stack.is_inside(registers.sp));
    let store = stack.map_or(ptr::null_mut(), |stack| stack.context().cast::<StoreContext>());
    let mut is_to_wait = false;
    // SAFETY: a stack that is in use has its store's context.
    if unsafe { switch::settle(&mut registers, store) } == Found::Elsewhere {
        let alternate = context.uc_stack.ss_sp.addr();
        is_to_wait = match stack {
            None => (alternate..alternate + context.uc_stack.ss_size).contains(&registers.sp),
            // SAFETY: it runs on the stack, and if it is guest code, it is the store's.
            Some(stack) => unsafe {
                let is_guest = is_guest_code(stack, NativePc(registers.pc));
                if is_guest && (*store).interrupt.is_set() {
                    switch::preempt(&mut registers, store);
                }
                !is_guest
            },
        };
    }
    if is_to_wait {
        // SAFETY: the set is the interrupted context's.
        unsafe { libc::sigaddset(&mut context.uc_sigmask, signal) };
        send(thread::system_number(), signal);
    }
    for (place, value) in [
        (libc::REG_RIP, registers.pc),
        (libc::REG_RSP, registers.sp),
        (libc::REG_RBP, registers.fp),
        (libc::REG_RAX, registers.rax),
        (libc::REG_RDI, registers.rdi),
        (libc::REG_EFL, registers.flags),
    ] {
        machine[place as usize] = value as i64;
    }
    true
}

/// Waits as [`poll`] does, unless the word is set, or until it is.
pub fn poll_unless_interrupted(
    word: &InterruptWord,
    signal: i32,
    fds: &mut [libc::pollfd],
    timeout: Option<u64>,
) -> io::Result<bool> {
    // Held back from the look at the word until the system waits: what comes between is seen by one or the other.
    // SAFETY: the sets are complete; the calls change this thread's mask only, and can't fail.
    unsafe {
        let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before);
        let mut during = before;
        libc::sigdelset(&mut during, signal);
        let is_asked = word.asked.load(Ordering::SeqCst) != 0 || word.due.load(Ordering::SeqCst) != 0;
        let waited = if is_asked { Ok(false) } else { poll(fds, timeout, Some(&during)) };
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        waited
    }
}

/// Waits until something has happened to one of the files, the time in nanoseconds is over, or a signal came that isn't held
/// back; answers whether something has happened.
pub fn poll(fds: &mut [libc::pollfd], timeout: Option<u64>, mask: Option<&libc::sigset_t>) -> io::Result<bool> {
    let timeout = timeout.map(|nanoseconds| libc::timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as i64,
    });
    let (timeout, mask) =
        (timeout.as_ref().map_or(ptr::null(), ptr::from_ref), mask.map_or(ptr::null(), ptr::from_ref));
    // SAFETY: the files' descriptions are the caller's, the rest lives through the call.
    match unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout, mask) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        count => Ok(count > 0),
    }
}
