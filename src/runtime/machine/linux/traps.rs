//! Hardware faults of guest code: the process's signal handlers.
//!
//! A fault is ours if the stack pointer is in a guest stack, the instruction is in the code of that stack's store or in a stub of
//! ours, and it is one that is known to trap, or the address is in the stack's guard. Then the handler notes what happened and
//! changes the interrupted context, so that it continues in [`switch::leave`]: the guest's stack stays as it is. A handler
//! of the host that runs on a guest's stack, because it was installed without `SA_ONSTACK`, is given the upper part of the guard
//! if it needs more room, until it returns. Everything else goes to the handler that was there before.
//!
//! Invariants: the handler takes no lock and allocates nothing; the code map it reads doesn't change while guest code
//! runs. Read next: [`super::thread`], [`super::super::stack_registry`], [`super::super::switch`].

#![expect(unsafe_code, reason = "signal handlers")]

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the trap handler is written for Linux on x86-64 only");

use super::super::guest_stack::{close, open};
use super::super::stack_registry::StackRecord;
use super::super::store_context::{BuiltinTable, RawTrap, StoreContext};
use super::super::switch;
use super::thread::{self, SIGNALS, frame_size};
use crate::base::{Error, ErrorKind, NativePc, Result, TrapCode};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How often ours can be put in front of handlers that differ. Each time has a handler of its own, that knows what was there
/// before: whoever was in front may call the one before, and must not come back to itself.
const LAYERS: usize = 8;

/// An action that was there before ours.
pub(super) struct Previous {
    handler: AtomicUsize,
    flags: AtomicI32,
    /// Signals 1 to 64, which are all.
    mask: AtomicU64,
}

impl Previous {
    /// The system's own.
    pub(super) const fn none() -> Previous {
        Previous { handler: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0), mask: AtomicU64::new(0) }
    }

    /// Remembers an action.
    pub(super) fn set(&self, action: &libc::sigaction) {
        self.flags.store(action.sa_flags, Ordering::Relaxed);
        // SAFETY: the set is at least this large.
        self.mask.store(unsafe { ptr::from_ref(&action.sa_mask).cast::<u64>().read() }, Ordering::Relaxed);
        self.handler.store(action.sa_sigaction, Ordering::Release);
    }
}

static PREVIOUS: [[Previous; SIGNALS.len()]; LAYERS] = [const { [const { Previous::none() }; SIGNALS.len()] }; LAYERS];

const HANDLERS: [extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void); LAYERS] =
    [handle::<0>, handle::<1>, handle::<2>, handle::<3>, handle::<4>, handle::<5>, handle::<6>, handle::<7>];

/// Installs the handlers, once for the process.
pub fn install() -> Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        install_in_front()?;
        *installed = true;
    }
    Ok(())
}

/// Puts our handlers in front of whatever is there now, unless they are.
pub fn install_in_front() -> Result<()> {
    /// How many layers each signal has.
    static USED: Mutex<[usize; SIGNALS.len()]> = Mutex::new([0; SIGNALS.len()]);
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = || {
        let error = std::io::Error::last_os_error();
        Error::new(ErrorKind::System, format_args!("installing the trap handlers: {error}"))
    };
    for (place, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: all zeroes is a valid action.
        let mut present: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: asks only.
        if unsafe { libc::sigaction(signal, ptr::null(), &mut present) } != 0 {
            return Err(refused());
        }
        if HANDLERS.iter().any(|ours| *ours as usize == present.sa_sigaction) {
            continue;
        }
        // What comes back, as Python's fault handler when it is enabled again, gets its old layer.
        let of = |layer: &usize| PREVIOUS[*layer][place].handler.load(Ordering::Relaxed) == present.sa_sigaction;
        let layer = (0..used[place]).rev().find(of).unwrap_or(used[place]);
        if layer == LAYERS {
            return Err(Error::new(ErrorKind::Limit, "too many handlers of this signal were installed after ours"));
        }
        PREVIOUS[layer][place].set(&present);
        // SAFETY: all zeroes is a valid action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = HANDLERS[layer] as usize;
        // A fault inside a handler that ours calls must not be blocked, it would kill the process. Handlers of other signals
        // wait: the alternate stack has no room for all that they are promised.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        action.sa_mask = all_but_faults();
        action.sa_flags |= present.sa_flags & libc::SA_RESTART;
        // SAFETY: `action` is complete and its handler lives as long as the process.
        if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
            return Err(refused());
        }
        used[place] = used[place].max(layer + 1);
    }
    Ok(())
}

extern "C" fn handle<const LAYER: usize>(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes pointers that are valid for the handler's time, the third to a `ucontext_t`.
    unsafe {
        let context = context.cast::<libc::ucontext_t>();
        if !claim(signal, info, context) {
            chain(LAYER, signal, info, context);
        }
    }
}

/// Handles a signal if it is the guest's, or comes from a host's handler that has no room on a guest's stack; answers whether it
/// was. Then the interrupted context can be returned to.
///
/// # Safety
///
/// The arguments must be those that the system gave to a handler which is still running.
pub unsafe fn claim(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) -> bool {
    // SAFETY: the caller's promise.
    let info = unsafe { &*info };
    // Signals that a process sends have codes up to 0.
    if info.si_code <= 0 {
        let is_own = signal == LOOK_AGAIN && thread::looks_again().replace(false);
        if is_own {
            // SAFETY: the caller's promise.
            unsafe { close_or_look_again(context) };
        }
        return is_own;
    }
    // SAFETY: as above.
    let machine = unsafe { &mut (*context).uc_mcontext };
    let register = |register: c_int| machine.gregs[register as usize] as usize;
    let (pc, fp, sp) = (register(libc::REG_RIP), register(libc::REG_RBP), register(libc::REG_RSP));
    if signal == libc::SIGILL && switch::asks_to_restore(pc) {
        // SAFETY: the caller's promise.
        unsafe { restore_preempted(context) };
        return true;
    }
    let Some(stack) = thread::stack_at(sp) else { return false };
    let store: *mut StoreContext = stack.context().cast();
    // SAFETY: code runs on the stack, so its store is there, and the context points to its own table and code map. Guest code
    // and the stubs hold no reference to the context, and no borrow of the map.
    let (builtins, code): (&BuiltinTable, _) = unsafe { ((*store).builtins, &*(*store).code) };
    let (is_guest, trap) = match code.try_borrow() {
        Ok(map) => {
            let is_stub = switch::words_above_return_address(pc, builtins).is_some();
            (is_stub || map.code_at(NativePc(pc)).is_some(), map.trap_at(pc))
        }
        Err(_) => (false, None),
    };
    let is_access = signal == libc::SIGSEGV || signal == libc::SIGBUS;
    // SAFETY: for faults the address is there.
    let address = is_access.then(|| unsafe { info.si_addr() } as usize);
    let hits_guard = address.is_some_and(|address| stack.is_guard(address));
    // The system says so when it found no room for a handler's frame.
    let has_no_room = signal == libc::SIGSEGV && info.si_code == SI_KERNEL && sp < end_of_room(stack);
    // SAFETY: the caller's promise.
    if has_no_room && unsafe { run_handler(context) } {
        return true;
    }
    // SAFETY: a handler runs on the stack, or a routine of ours that leaves it; then the caller's promise.
    if hits_guard && !is_guest && unsafe { open(stack) } {
        // What a guest that is left has there stays until it runs on: see `restore_preempted`.
        if !switch::is_switching(pc) {
            // SAFETY: as above.
            unsafe { look_again(context) };
        }
        return true;
    }
    let code = if hits_guard { Some(TrapCode::CallStackExhausted) } else { trap };
    let Some(code) = code.filter(|_| is_guest) else { return false };
    // SAFETY: as above.
    unsafe { (*store).trap = RawTrap { code, address: address.unwrap_or(0), memory: 0, pc, fp, sp } };
    machine.gregs[libc::REG_RIP as usize] = switch::leave as *const () as i64;
    // There at once, since where the guest's stack ends there is no room for the next signal.
    // SAFETY: as above.
    machine.gregs[libc::REG_RSP as usize] = unsafe { (*store).host_sp } as i64;
    machine.gregs[libc::REG_RBX as usize] = store as i64;
    machine.gregs[libc::REG_RAX as usize] = i64::from(switch::TRAPPED);
    // SAFETY: the caller's promise.
    thread::seen_alternate_stack(unsafe { &(*context).uc_stack });
    true
}

/// Has the interrupted context, which is about to enter a guest that was left near the end of its stack, become that guest's, and takes
/// back what the guest's registers were given of the guard.
///
/// # Safety
///
/// As for [`claim`]; the context must [ask](switch::asks_to_restore) for it.
unsafe fn restore_preempted(context: *mut libc::ucontext_t) {
    use libc::{REG_EFL, REG_RDI, REG_RIP};
    // SAFETY: the caller's promise; what the guest left is on its stack, where nothing runs, and is read before it goes.
    unsafe {
        let machine = &mut (*context).uc_mcontext;
        let guest_sp = (*(machine.gregs[REG_RDI as usize] as *mut StoreContext)).guest_sp;
        let saved = switch::saved_registers(guest_sp);
        for (register, value) in NUMBERED.into_iter().zip(saved.general) {
            machine.gregs[register as usize] = value as i64;
        }
        machine.gregs[REG_EFL as usize] = saved.flags as i64;
        machine.gregs[REG_RIP as usize] = saved.pc as i64;
        switch::copy_saved_vectors(guest_sp, machine.fpregs.cast());
        if let Some(stack) = thread::stack_at(guest_sp) {
            close(stack);
        }
    }
}

/// The system's names for the processor's registers, by their numbers.
const NUMBERED: [c_int; 16] = {
    use libc::*;
    [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
        REG_R12, REG_R13, REG_R14, REG_R15,
    ]
};

/// The code of signals that the kernel raises for reasons of its own.
const SI_KERNEL: c_int = 0x80;

/// The addresses below which a stack pointer is too near the guard for a handler's frame.
fn end_of_room(stack: &StackRecord) -> usize {
    // The red zone, and what aligning takes.
    stack.base() - stack.opened() + frame_size() + 1024
}

/// The signal that a thread is sent to look whether a handler has returned: one that the handler is very unlikely to cause itself
/// while it is held back.
const LOOK_AGAIN: c_int = libc::SIGFPE;

/// Has this thread come here again as soon as the host's handler that was interrupted has returned: a signal that is held back
/// until then. Without it the guest would go on in what its handlers were given, and leave none for the next.
///
/// # Safety
///
/// As for [`claim`]; it must be a handler that was interrupted.
unsafe fn look_again(context: *mut libc::ucontext_t) {
    // SAFETY: the sets are complete, the second is the interrupted context's; the calls change this thread's mask, which
    // returning to the context restores, and send it a signal that is held back.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, LOOK_AGAIN);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
        libc::sigaddset(&mut (*context).uc_sigmask, LOOK_AGAIN);
        thread::looks_again().set(true);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), LOOK_AGAIN);
    }
}

/// Takes back what handlers were given of the guard if none needs it any more.
///
/// # Safety
///
/// As for [`claim`].
unsafe fn close_or_look_again(context: *mut libc::ucontext_t) {
    // SAFETY: the caller's promise.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    let [pc, sp] = [libc::REG_RIP, libc::REG_RSP].map(|register| registers[register as usize] as usize);
    let Some(stack) = thread::stack_at(sp) else { return };
    // SAFETY: what runs is above, and what a handler keeps just below its stack pointer stays there and is opened again when it
    // is used; else the caller's promise: it is a handler that was interrupted by another.
    unsafe {
        if sp >= stack.base() {
            close(stack);
        } else if !is_guest_code(stack, NativePc(pc)) && !switch::is_switching(pc) {
            look_again(context);
        }
    }
}

/// Whether it is code of a guest whose stack this is.
///
/// # Safety
///
/// Code must be running on the stack, and be interrupted.
pub(super) unsafe fn is_guest_code(stack: &StackRecord, pc: NativePc) -> bool {
    let store: *mut StoreContext = stack.context().cast();
    // SAFETY: see `claim`.
    let code = unsafe { &*(*store).code };
    code.try_borrow().is_ok_and(|map| map.code_at(pc).is_some())
}

/// Runs the handler that the system found no room for, here where there is some. The system doesn't say which it was: if more
/// than one can be meant the signal is lost. Answers whether there was any.
///
/// # Safety
///
/// As for [`claim`].
unsafe fn run_handler(context: *mut libc::ucontext_t) -> bool {
    // SAFETY: all zeroes is a valid action.
    let (mut found, mut meant): (_, libc::sigaction) = (0, unsafe { std::mem::zeroed() });
    for signal in 1..=64 {
        // SAFETY: asks only; all zeroes is a valid action. Numbers that the C library keeps for itself are refused.
        let action = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &mut action) != 0 {
                continue;
            }
            action
        };
        let has_handler = action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN;
        // SAFETY: the caller's promise.
        let is_blocked = unsafe { libc::sigismember(&(*context).uc_sigmask, signal) } == 1;
        if has_handler && action.sa_flags & libc::SA_ONSTACK == 0 && !is_blocked {
            if found != 0 {
                return true;
            }
            (found, meant) = (signal, action);
        }
    }
    if found == 0 {
        return false;
    }
    // SAFETY: all zeroes are valid; the handler is the program's own, called as the system would have.
    unsafe {
        if meant.sa_flags & libc::SA_RESETHAND != 0 {
            let mut default: libc::sigaction = std::mem::zeroed();
            default.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(found, &default, ptr::null_mut());
        }
        let mut info: libc::siginfo_t = std::mem::zeroed();
        info.si_signo = found;
        info.si_code = SI_KERNEL;
        call_handler(meant.sa_sigaction, meant.sa_flags, meant.sa_mask, found, &mut info, context);
    }
    true
}

/// What our handlers hold back.
pub(super) fn all_but_faults() -> libc::sigset_t {
    // SAFETY: all zeroes is a valid set; the calls change it only.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        for fault in SIGNALS {
            libc::sigdelset(&mut set, fault);
        }
        set
    }
}

/// Calls a handler of the host with the mask that it would have been called with: that of what was interrupted, and what it asked
/// for.
///
/// # Safety
///
/// `handler`, `flags` and `mask` must be those of an action with a handler; the rest what it may be given.
unsafe fn call_handler(
    handler: usize,
    flags: c_int,
    mut mask: libc::sigset_t,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    // SAFETY: the action's flags say which type its handler has; the sets are complete, but the interrupted context's, of which
    // the system has written a word, as it has of `mask`.
    unsafe {
        if flags & libc::SA_NODEFER == 0 {
            libc::sigaddset(&mut mask, signal);
        }
        let interrupted = (&raw const (*context).uc_sigmask).cast::<u64>().read();
        let word = (&raw mut mask).cast::<u64>();
        word.write(word.read() | interrupted);
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, &mut before);
        if flags & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = std::mem::transmute(handler);
            handler(signal, info, context.cast());
        } else {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
    }
}

/// Does what would have happened without us.
///
/// # Safety
///
/// To be called by [`handle`] with its arguments.
unsafe fn chain(layer: usize, signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    let place = SIGNALS.iter().position(|ours| *ours == signal).expect("installed for these only");
    // SAFETY: the caller's promise.
    unsafe { call_previous(&PREVIOUS[layer][place], signal, info, context) };
}

/// Does what an earlier action says.
///
/// # Safety
///
/// To be called by a handler of the signal with its arguments.
pub(super) unsafe fn call_previous(
    previous: &Previous,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    let flags = previous.flags.load(Ordering::Relaxed);
    let handler = if flags & libc::SA_RESETHAND != 0 {
        previous.handler.swap(libc::SIG_DFL, Ordering::AcqRel)
    } else {
        previous.handler.load(Ordering::Acquire)
    };
    // SAFETY: `info` is valid in the handler.
    let code = unsafe { (*info).si_code };
    match handler {
        libc::SIG_IGN if code <= 0 => {}
        // An ignored fault happens again for ever; the system kills the process instead, and so do we.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: the default action is a valid one. A fault happens again on return; what doesn't is sent again, so that the
            // default action, under which a guest's next trap would end the process, doesn't stay.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &action, ptr::null_mut());
                if code <= 0 || code == SI_KERNEL {
                    libc::raise(signal);
                }
            }
        }
        handler => {
            // SAFETY: they are parts of one action; the arguments are the caller's.
            unsafe {
                let mut mask: libc::sigset_t = std::mem::zeroed();
                ptr::from_mut(&mut mask).cast::<u64>().write(previous.mask.load(Ordering::Relaxed));
                call_handler(handler, flags, mask, signal, info, context);
            }
        }
    }
}
