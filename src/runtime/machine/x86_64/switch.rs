//! The switch between the host's stack and a guest's.
//!
//! ```text
//!            enter, resume                       builtin stubs
//!   host  ------------------->  guest code  ------------------->  Rust, on the host's stack
//!         <-------------------              <-------------------
//!            return, leave (trap), stop
//! ```
//!
//! While the guest runs, the store context holds the host's stack pointer; at that address are, from below, the context's own
//! address, twice, the stack pointer that the context held before, since entries nest, the host's `rbx` and `rbp`, and where
//! the host goes on. Its other registers are the compiler's to save, once for all of the function that enters. Knows nothing
//! of calls.
//!
//! Each way into guest code, and back into it, looks at the context's interrupt word last. From there to the guest's own
//! instructions it is a few instructions, a *window*: a signal that interrupts one of them begins it again, see [`settle`], so
//! that the guest never runs on under a word that isn't zero. Guest code itself, which looks at nothing, is left by way of
//! [`preempted`], at any instruction.
//!
//! Invariants: the host's stack pointer is aligned to 16 whenever it is in the context; the frame chain of a
//! guest stack ends in a null frame pointer; a window changes nothing that it reads. Read next: [`super::super::traps`].

#![expect(unsafe_code, reason = "assembly that changes stacks")]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the switch is written for x86-64 only");

use super::super::store_context::{InterruptWord, Landing, RawTrap, StoreContext};
use crate::abi::vmctx::{self, STORE_CONTEXT, store_context as offsets};
use crate::base::{RawValue, TrapCode, floats};
use std::arch::{asm, global_asm, naked_asm};
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering};

/// Guest code returned.
pub const FINISHED: u32 = 0;
/// A trap left guest code: the context has it.
pub const TRAPPED: u32 = 1;
/// A stop point left guest code.
pub const STOPPED: u32 = 2;
/// Guest code was not entered or resumed, since it is to be interrupted.
pub const REFUSED: u32 = 3;
/// Guest code was left at an instruction of its own; the exit's address is that instruction's.
pub const PREEMPTED: u32 = 4;
/// Guest code was left where a routine of the host's would have returned to it; that is the exit's address.
pub const RETURNED: u32 = 5;
/// Guest code was left inside a routine of the host's, which is going to be called again; the exit's address is where it returns
/// to.
pub const AGAIN: u32 = 6;
/// Guest code was left in a host function that has no results yet; the exit's address is where it returns to.
pub const YIELDED: u32 = 7;
/// Guest code was left where it has thrown an exception, of which the store knows who catches it; the exit's address is where the
/// routine returns to that throws.
pub const THREW: u32 = 8;

/// Where the host's floating-point environment is in the store context while guest code runs: guests run in the default one, so
/// that they compute the same whatever the host does with its own.
const HOST_FLOATS: usize = offset_of!(StoreContext, host_floats);
const HAS_FLOATS: usize = offset_of!(StoreContext, has_floats);

/// What interrupting needs of the store context.
mod interrupt {
    use super::{StoreContext, offset_of};
    use crate::runtime::machine::store_context::Again;

    pub const WORD: usize = offset_of!(StoreContext, interrupt);
    pub const DUE: usize = WORD + offset_of!(super::InterruptWord, due);
    pub const RAX: usize = offset_of!(StoreContext, preempted_rax);
    pub const PC: usize = offset_of!(StoreContext, preempted_pc);
    pub const EXIT: usize = offset_of!(StoreContext, preempted_exit);
    const AGAIN: usize = offset_of!(StoreContext, again);
    pub const AGAIN_PC: usize = AGAIN + offset_of!(Again, pc);
    pub const AGAIN_ARGS: usize = AGAIN + offset_of!(Again, args);
}

/// Bytes for the vector registers of a guest that is left at any instruction: all that `xsave` knows up to AVX-512.
const VECTORS: usize = 2752;
/// Which of them there are, as `xsave` numbers them; 0 where there is no `xsave`.
static VECTOR_STATES: AtomicU32 = AtomicU32::new(0);
/// Where each of them is, and its size, in what `xsave` writes.
static VECTOR_PLACES: [[AtomicU32; 2]; 8] = [const { [const { AtomicU32::new(0) }; 2] }; 8];
/// Those that are the guest's: SSE, AVX and AVX-512. The others are the host's, or, like protection keys, the thread's.
const GUEST_STATES: u32 = 0xe6;

/// Finds out how vector registers are saved. To be called before anything is interrupted.
pub fn prepare_interrupts() {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    // SAFETY: every processor has these leaves; whether there is `xgetbv` is asked first.
    let states = unsafe {
        let has_xsave = __cpuid(1).ecx & 1 << 27 != 0;
        if has_xsave { xgetbv() & GUEST_STATES } else { 0 }
    };
    let fits = |state: &u32| {
        let place = __cpuid_count(0xd, *state);
        *state < 2 || (place.eax + place.ebx) as usize <= VECTORS
    };
    let fitting: u32 = (0..32).filter(|state| states & 1 << state != 0).filter(fits).map(|state| 1 << state).sum();
    for (state, [place, size]) in (2..).zip(&VECTOR_PLACES[2..]).filter(|(state, _)| fitting & 1 << state != 0) {
        let found = __cpuid_count(0xd, state);
        place.store(found.ebx, Ordering::Relaxed);
        size.store(found.eax, Ordering::Relaxed);
    }
    VECTOR_STATES.store(fitting, Ordering::Relaxed);

    #[target_feature(enable = "xsave")]
    unsafe fn xgetbv() -> u32 {
        // SAFETY: the register exists where `xsave` does.
        unsafe { _xgetbv(0) as u32 }
    }
}

/// Bytes that a stop puts on the guest's stack: return address, context, 15 registers, 16 vector registers; and some.
const STOP_SPACE: usize = 512;

/// Goes back to the host's stack, with the store context in `rbx`, up to the address to return to: the host's floating-point
/// environment first, unless nobody has changed it, then what `enter` or a resumption has kept there. `rax` stays as it is.
macro_rules! back_to_host {
    () => {
        concat!(
            "cmp dword ptr [rbx + {has_floats}], 0\n",
            "je 5f\n",
            "ldmxcsr [rbx + {host_floats}]\n",
            "5:\n",
            "mov rsp, [rbx + {host_sp}]\n",
            "lea rsp, [rsp + 16]\n",
            "pop qword ptr [rbx + {host_sp}]\n",
            "pop rbx\n",
            "pop rbp",
        )
    };
}

/// Runs `trampoline(callee, null, code, values)` on the guest stack below `stack_high`, until it returns or is left;
/// answers one of the constants above.
///
/// # Safety
///
/// `context` must belong to a store that this thread uses, with its stack bounds set to the guest stack; `stack_high` is
/// the end of that stack, which nobody uses; the other arguments must fit together as
/// [`Trampolines::enter`](crate::abi::artifact::Trampolines::enter) demands.
#[inline(always)]
pub unsafe fn enter(
    callee: usize,
    stack_high: usize,
    code: usize,
    values: *mut RawValue,
    context: *mut StoreContext,
    trampoline: usize,
) -> u32 {
    let exit;
    // SAFETY: it goes on after the first call, with the stack pointer, `rbx` and `rbp` as they were, also after `leave` and
    // `stop`; all other registers are said to be changed. The rest is the caller's promise.
    unsafe {
        asm!(
            // Where to go on is put there by a call, so that the processor expects the return.
            "call 3f",
            "jmp 2f",
            "3:",
            "push rbp",
            "push rbx",
            "push qword ptr [r8 + {host_sp}]",
            "push r8",
            "push r8",
            "mov [r8 + {host_sp}], rsp",
            "cmp dword ptr [r8 + {has_floats}], 0",
            "je 4f",
            "stmxcsr [r8 + {host_floats}]",
            "ldmxcsr [rip + {guest_floats}]",
            "4:",
            "mov rsp, rsi",
            "xor ebp, ebp",
            "xor esi, esi",
            "mov rbx, r8",
            "call {begin}",
            "xor eax, eax",
            // As in `leave`: the guest may have been resumed by another function since.
            back_to_host!(),
            "ret",
            "2:",
            begin = sym begin,
            host_sp = const offsets::HOST_SP,
            host_floats = const HOST_FLOATS,
            has_floats = const HAS_FLOATS,
            guest_floats = sym floats::DEFAULT,
            in("rdi") callee,
            in("rsi") stack_high,
            in("rdx") code,
            in("rcx") values,
            in("r8") context,
            in("r9") trampoline,
            lateout("eax") exit,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    exit
}

/// The first instructions of guest code: the arguments are the trampoline's, `rbx` the store context, `r9` the trampoline.
///
/// # Safety
///
/// Called from [`enter`] only, on the guest's stack.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn begin() {
    naked_asm!(
        ".hidden pellucid_begin",
        ".globl pellucid_begin",
        "pellucid_begin:",
        "cmp qword ptr [rbx + {word}], 0",
        "jne 2f",
        "jmp r9",
        ".hidden pellucid_begin_end",
        ".globl pellucid_begin_end",
        "pellucid_begin_end:",
        "2:",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// How a guest was left that can be resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// At a stop point.
    Stopped,
    /// By way of [`preempted`].
    Preempted,
    /// The same where the stack hadn't room for the registers: they are in its guard, which is opened for that.
    PreemptedAtEnd,
    /// By way of [`leave_yielded`].
    Yielded,
    /// By way of [`leave_threw`]: it goes on at the context's landing.
    Threw,
}

/// Resumes a guest where it was left: the context's guest stack pointer says where its registers are.
///
/// # Safety
///
/// As for [`enter`]; the guest stack pointer must come from an exit of this kind on that stack, which wasn't resumed since.
#[inline(always)]
pub unsafe fn resume(context: *mut StoreContext, left: Left) -> u32 {
    let restore = match left {
        Left::Stopped => restore_stopped as *const () as usize,
        Left::Preempted => restore_preempted as *const () as usize,
        Left::PreemptedAtEnd => restore_by_signal as *const () as usize,
        Left::Yielded => restore_yielded as *const () as usize,
        Left::Threw => restore_threw as *const () as usize,
    };
    let exit;
    // SAFETY: as in `enter`, at the label.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "push rbx",
            "push qword ptr [rdi + {host_sp}]",
            "push rdi",
            "push rdi",
            "mov [rdi + {host_sp}], rsp",
            "cmp dword ptr [rdi + {has_floats}], 0",
            "je 4f",
            "stmxcsr [rdi + {host_floats}]",
            "ldmxcsr [rip + {guest_floats}]",
            "4:",
            "jmp rsi",
            "2:",
            host_sp = const offsets::HOST_SP,
            host_floats = const HOST_FLOATS,
            has_floats = const HAS_FLOATS,
            guest_floats = sym floats::DEFAULT,
            inout("rdi") context => _,
            inout("rsi") restore => _,
            lateout("eax") exit,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    exit
}

/// Restores what [`stop`] has saved. The stack pointer stays below it for as long as it is read: a host's signal handler may
/// run on this stack.
///
/// # Safety
///
/// Jumped to from [`resume`] only, with the store context in `rdi`.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn restore_stopped() {
    naked_asm!(
        ".hidden pellucid_restore_stopped",
        ".globl pellucid_restore_stopped",
        "pellucid_restore_stopped:",
        "cmp qword ptr [rdi + {word}], 0",
        "jne 2f",
        "mov rsp, [rdi + {guest_sp}]",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "mov r15, [rsp + 256]",
        "mov r14, [rsp + 264]",
        "mov r13, [rsp + 272]",
        "mov r12, [rsp + 280]",
        "mov r11, [rsp + 288]",
        "mov r10, [rsp + 296]",
        "mov r9, [rsp + 304]",
        "mov r8, [rsp + 312]",
        "mov rdi, [rsp + 320]",
        "mov rsi, [rsp + 328]",
        "mov rbx, [rsp + 336]",
        "mov rdx, [rsp + 344]",
        "mov rcx, [rsp + 352]",
        "mov rax, [rsp + 360]",
        "mov rbp, [rsp + 368]",
        // Above is the store context that the thunk pushed.
        "lea rsp, [rsp + 384]",
        ".hidden pellucid_restore_stopped_end",
        ".globl pellucid_restore_stopped_end",
        "pellucid_restore_stopped_end:",
        "ret",
        "2:",
        "mov rbx, rdi",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        guest_sp = const offsets::GUEST_SP,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// Restores what [`preempted`] has saved.
///
/// # Safety
///
/// As for [`restore_stopped`].
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn restore_preempted() {
    naked_asm!(
        ".hidden pellucid_restore_preempted",
        ".globl pellucid_restore_preempted",
        "pellucid_restore_preempted:",
        "cmp qword ptr [rdi + {word}], 0",
        "jne 2f",
        "mov rbp, [rdi + {guest_sp}]",
        "lea rsp, [rbp - {vectors}]",
        "and rsp, -64",
        // The floating-point environment stays the one that was set on the way here.
        "stmxcsr [rdi + {scratch}]",
        "xor edx, edx",
        "mov eax, [rip + {states}]",
        "test eax, eax",
        "jz 3f",
        "xrstor64 [rsp]",
        "jmp 4f",
        "3:",
        "fxrstor64 [rsp]",
        "4:",
        "ldmxcsr [rdi + {scratch}]",
        "mov r15, [rbp]",
        "mov r14, [rbp + 8]",
        "mov r13, [rbp + 16]",
        "mov r12, [rbp + 24]",
        "mov r11, [rbp + 32]",
        "mov r10, [rbp + 40]",
        "mov r9, [rbp + 48]",
        "mov r8, [rbp + 56]",
        "mov rdi, [rbp + 64]",
        "mov rsi, [rbp + 72]",
        "mov rbx, [rbp + 80]",
        "mov rdx, [rbp + 88]",
        "mov rcx, [rbp + 96]",
        "mov rax, [rbp + 104]",
        "lea rsp, [rbp + 120]",
        // From here on what was read is no longer kept from signal handlers, and what is left to do is done by `settle`.
        ".hidden pellucid_restore_preempted_end",
        ".globl pellucid_restore_preempted_end",
        "pellucid_restore_preempted_end:",
        "mov rbp, [rbp + 112]",
        ".hidden pellucid_restore_flags",
        ".globl pellucid_restore_flags",
        "pellucid_restore_flags:",
        "popfq",
        ".hidden pellucid_restore_pc",
        ".globl pellucid_restore_pc",
        "pellucid_restore_pc:",
        "ret {red_zone}",
        "2:",
        "mov rbx, rdi",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        guest_sp = const offsets::GUEST_SP,
        // Only used while a guest is being interrupted.
        scratch = const interrupt::RAX,
        vectors = const VECTORS,
        states = sym VECTOR_STATES,
        red_zone = const RED_ZONE,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// Has a signal handler of ours restore what [`preempted`] has saved, all at once, as no instruction can that needs the stack.
///
/// # Safety
///
/// As for [`restore_stopped`].
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn restore_by_signal() {
    naked_asm!(
        ".hidden pellucid_by_signal",
        ".globl pellucid_by_signal",
        "pellucid_by_signal:",
        "cmp qword ptr [rdi + {word}], 0",
        "jne 2f",
        ".hidden pellucid_by_signal_ask",
        ".globl pellucid_by_signal_ask",
        "pellucid_by_signal_ask:",
        "ud2",
        ".hidden pellucid_by_signal_end",
        ".globl pellucid_by_signal_end",
        "pellucid_by_signal_end:",
        "2:",
        "mov rbx, rdi",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// Returns from a host function whose results have come: restores what [`leave_yielded`] has kept. The jump at the end isn't a
/// return, as the processor would expect another.
///
/// # Safety
///
/// As for [`restore_stopped`].
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn restore_yielded() {
    naked_asm!(
        ".hidden pellucid_restore_yielded",
        ".globl pellucid_restore_yielded",
        "pellucid_restore_yielded:",
        "cmp qword ptr [rdi + {word}], 0",
        "jne 2f",
        "mov rax, [rdi + {guest_sp}]",
        "mov rbx, [rax]",
        "mov r12, [rax + 8]",
        "mov r13, [rax + 16]",
        "mov r14, [rax + 24]",
        "mov r15, [rax + 32]",
        "mov rsp, [rax + 40]",
        "mov rbp, [rsp]",
        "mov rax, [rsp + 8]",
        "lea rsp, [rsp + 16]",
        ".hidden pellucid_restore_yielded_end",
        ".globl pellucid_restore_yielded_end",
        "pellucid_restore_yielded_end:",
        "jmp rax",
        "2:",
        "mov rbx, rdi",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        guest_sp = const offsets::GUEST_SP,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// Goes on at the context's landing.
///
/// # Safety
///
/// As for [`restore_stopped`]; the landing must be one in a frame of the guest.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn restore_threw() {
    naked_asm!(
        ".hidden pellucid_restore_threw",
        ".globl pellucid_restore_threw",
        "pellucid_restore_threw:",
        "cmp qword ptr [rdi + {word}], 0",
        "jne 2f",
        "mov rax, [rdi + {exception}]",
        "mov rdx, [rdi + {clause}]",
        "mov rbp, [rdi + {fp}]",
        "mov rsp, [rdi + {sp}]",
        "jmp qword ptr [rdi + {pc}]",
        ".hidden pellucid_restore_threw_end",
        ".globl pellucid_restore_threw_end",
        "pellucid_restore_threw_end:",
        "2:",
        "mov rbx, rdi",
        "mov eax, {refused}",
        "jmp {leave}",
        word = const interrupt::WORD,
        exception = const landing::EXCEPTION,
        clause = const landing::CLAUSE,
        fp = const landing::FP,
        sp = const landing::SP,
        pc = const landing::PC,
        refused = const REFUSED,
        leave = sym leave,
    )
}

/// The same for a guest that has thrown by a routine of the host's, with the store context in `r11`: if it is to be left, it is left at
/// the landing.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn land() {
    naked_asm!(
        ".hidden pellucid_land",
        ".globl pellucid_land",
        "pellucid_land:",
        "cmp qword ptr [r11 + {word}], 0",
        "jne 2f",
        "mov rax, [r11 + {exception}]",
        "mov rdx, [r11 + {clause}]",
        "mov rbp, [r11 + {fp}]",
        "mov rsp, [r11 + {sp}]",
        "jmp qword ptr [r11 + {pc}]",
        ".hidden pellucid_land_end",
        ".globl pellucid_land_end",
        "pellucid_land_end:",
        "2:",
        "mov rdx, [r11 + {exception}]",
        "mov [r11 + {saved_rax}], rdx",
        "mov rdx, [r11 + {pc}]",
        "mov [r11 + {saved_pc}], rdx",
        "mov rdx, [r11 + {clause}]",
        "mov rbp, [r11 + {fp}]",
        "mov rsp, [r11 + {sp}]",
        "mov dword ptr [r11 + {exit}], {preempted_at}",
        "mov rax, r11",
        "jmp {preempted}",
        word = const interrupt::WORD,
        exception = const landing::EXCEPTION,
        clause = const landing::CLAUSE,
        fp = const landing::FP,
        sp = const landing::SP,
        pc = const landing::PC,
        saved_rax = const interrupt::RAX,
        saved_pc = const interrupt::PC,
        exit = const interrupt::EXIT,
        preempted_at = const PREEMPTED,
        preempted = sym preempted,
    )
}

/// Where the parts of a landing are in the store context.
mod landing {
    use super::{Landing, StoreContext, offset_of};

    const LANDING: usize = offset_of!(StoreContext, landing);
    pub const PC: usize = LANDING + offset_of!(Landing, pc);
    pub const SP: usize = LANDING + offset_of!(Landing, sp);
    pub const FP: usize = LANDING + offset_of!(Landing, fp);
    pub const EXCEPTION: usize = LANDING + offset_of!(Landing, exception);
    pub const CLAUSE: usize = LANDING + offset_of!(Landing, clause);
}

/// Leaves the guest as if a signal had come where guest code calls this, with `look(context, found)`: the context is the calling
/// instance's, and what was found goes into the word. All registers are kept, as by the interrupt.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn look() {
    naked_asm!(
        "push rax",
        "mov rax, [rdi + {context}]",
        // A signal handler, or another thread's alarm, may change the word at the same time.
        "lock or dword ptr [rax + {due}], esi",
        "pop qword ptr [rax + {saved_rax}]",
        "pop qword ptr [rax + {saved_pc}]",
        "mov dword ptr [rax + {exit}], {returned}",
        "jmp {preempted}",
        context = const STORE_CONTEXT,
        due = const interrupt::DUE,
        saved_rax = const interrupt::RAX,
        saved_pc = const interrupt::PC,
        exit = const interrupt::EXIT,
        returned = const RETURNED,
        preempted = sym preempted,
    )
}

/// Bytes below the stack pointer that interrupted code may use.
const RED_ZONE: usize = 128;

/// Where guest code goes on that is left at an instruction of its own: with the store context in `rax`, which has what was there
/// and where the guest is to be resumed. Saves all that the guest may have in registers.
///
/// ```text
///   guest_sp        +120   +128  +136        +264
///   | 15 registers | flags | pc | red zone | the guest's own stack pointer
/// ```
///
/// Below that are the vector registers.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn preempted() {
    naked_asm!(
        "lea rsp, [rsp - {red_zone}]",
        "push qword ptr [rax + {saved_pc}]",
        "pushfq",
        "push rbp",
        "push qword ptr [rax + {saved_rax}]",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rbx, rax",
        "mov r12, rsp",
        "lea rsp, [rsp - {vectors}]",
        "and rsp, -64",
        // The header, of which `xsave` writes a part only.
        "xor edx, edx",
        "mov [rsp + 512], rdx",
        "mov [rsp + 520], rdx",
        "mov [rsp + 528], rdx",
        "mov [rsp + 536], rdx",
        "mov [rsp + 544], rdx",
        "mov [rsp + 552], rdx",
        "mov [rsp + 560], rdx",
        "mov [rsp + 568], rdx",
        "mov eax, [rip + {states}]",
        "test eax, eax",
        "jz 3f",
        "xsave64 [rsp]",
        "jmp 4f",
        "3:",
        "fxsave64 [rsp]",
        "4:",
        "mov [rbx + {guest_sp}], r12",
        "mov [rbx + {exit_fp}], rbp",
        "mov rcx, [r12 + 128]",
        "mov eax, [rbx + {exit}]",
        "cmp eax, {again}",
        "jne 5f",
        "mov rcx, [r12 + {own_sp}]",
        "5:",
        "mov [rbx + {exit_pc}], rcx",
        "jmp {leave}",
        red_zone = const RED_ZONE,
        saved_pc = const interrupt::PC,
        saved_rax = const interrupt::RAX,
        vectors = const VECTORS,
        states = sym VECTOR_STATES,
        guest_sp = const offsets::GUEST_SP,
        exit_fp = const offsets::EXIT_FP,
        exit_pc = const offsets::EXIT_PC,
        exit = const interrupt::EXIT,
        again = const AGAIN,
        own_sp = const 136 + RED_ZONE,
        leave = sym leave,
    )
}

/// Returns to guest code from a routine of the host's, with the store context in `r11`.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn return_to_guest() {
    naked_asm!(
        ".hidden pellucid_return",
        ".globl pellucid_return",
        "pellucid_return:",
        "cmp qword ptr [r11 + {word}], 0",
        "jne 2f",
        "ret",
        ".hidden pellucid_return_end",
        ".globl pellucid_return_end",
        "pellucid_return_end:",
        "2:",
        "cmp qword ptr [r11 + {again_pc}], 0",
        "jne 3f",
        "mov [r11 + {saved_rax}], rax",
        "pop rax",
        "mov [r11 + {saved_pc}], rax",
        "mov dword ptr [r11 + {exit}], {returned}",
        "mov rax, r11",
        "jmp {preempted}",
        "3:",
        "mov rdi, [r11 + {again_args}]",
        "mov rsi, [r11 + {again_args} + 8]",
        "mov rdx, [r11 + {again_args} + 16]",
        "mov rcx, [r11 + {again_args} + 24]",
        "mov r8, [r11 + {again_args} + 32]",
        "mov r9, [r11 + {again_args} + 40]",
        "mov rax, [r11 + {again_pc}]",
        "mov [r11 + {saved_pc}], rax",
        "mov qword ptr [r11 + {again_pc}], 0",
        "mov dword ptr [r11 + {exit}], {again}",
        "mov rax, r11",
        "jmp {preempted}",
        word = const interrupt::WORD,
        again_pc = const interrupt::AGAIN_PC,
        again_args = const interrupt::AGAIN_ARGS,
        saved_rax = const interrupt::RAX,
        saved_pc = const interrupt::PC,
        exit = const interrupt::EXIT,
        returned = const RETURNED,
        again = const AGAIN,
        preempted = sym preempted,
    )
}

/// Makes a system call with at most four arguments, unless the interrupt word at `word` is set before it has done anything: then, and if
/// a signal cuts it short, the answer is that of a call which a signal has interrupted. The system restarts what it can, at the very
/// instruction, which is in the window too.
///
/// # Safety
///
/// The word must be there, and the system call do what this thread may do.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn interruptible_call(
    word: *const InterruptWord,
    number: libc::c_long,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
) -> isize {
    naked_asm!(
        "mov r10, r9",
        "mov rax, rsi",
        "mov r9, rdi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        ".hidden pellucid_call",
        ".globl pellucid_call",
        "pellucid_call:",
        "cmp qword ptr [r9], 0",
        "jne pellucid_call_cut",
        "syscall",
        ".hidden pellucid_call_end",
        ".globl pellucid_call_end",
        "pellucid_call_end:",
        "ret",
        ".hidden pellucid_call_cut",
        ".globl pellucid_call_cut",
        "pellucid_call_cut:",
        "mov rax, {interrupted}",
        "ret",
        interrupted = const -libc::EINTR,
    )
}

/// Answers the address of a label of the routines here.
macro_rules! address_of {
    ($label:literal) => {{
        let address: usize;
        // SAFETY: computes an address.
        unsafe {
            asm!(concat!("lea {address}, [rip + ", $label, "]"), address = out(reg) address, options(pure, nomem, nostack));
        }
        address
    }};
}

global_asm!(".hidden __start_pellucid_switch", ".hidden __stop_pellucid_switch");

/// The registers of a thread that a signal has interrupted, as far as anything here changes or asks for them.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted {
    /// The instruction that is next.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// `rbp`.
    pub fp: usize,
    /// `rax`.
    pub rax: usize,
    /// `rdi`.
    pub rdi: usize,
    /// The flags.
    pub flags: usize,
}

/// Where a signal has found a thread whose stack pointer is in a guest stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// In a routine of this file that looks at the interrupt word before the guest runs on, or leaves the guest.
    Switching,
    /// Somewhere else: in guest code, or in a host's signal handler.
    Elsewhere,
}

/// Takes interrupted registers out of a window: back to where it begins, or, where nothing but its last instructions is left, on
/// to the guest's own.
///
/// # Safety
///
/// `store` must be the context of the guest stack that the stack pointer is in, if it is in any.
pub unsafe fn settle(registers: &mut Interrupted, store: *mut StoreContext) -> Found {
    let word = |address: usize| {
        // SAFETY: what the restoring routine is about to read, which is on the guest's stack.
        unsafe { (address as *const usize).read() }
    };
    let pc = registers.pc;
    let is_between = |start: usize, end: usize| pc > start && pc < end;
    let (stopped, stopped_end) = (address_of!("pellucid_restore_stopped"), address_of!("pellucid_restore_stopped_end"));
    let (restore, restore_end) =
        (address_of!("pellucid_restore_preempted"), address_of!("pellucid_restore_preempted_end"));
    let (flags, last) = (address_of!("pellucid_restore_flags"), address_of!("pellucid_restore_pc"));
    for (start, end) in [
        (address_of!("pellucid_begin"), address_of!("pellucid_begin_end")),
        (address_of!("pellucid_return"), address_of!("pellucid_return_end")),
        (address_of!("pellucid_land"), address_of!("pellucid_land_end")),
    ] {
        if is_between(start, end) {
            registers.pc = start;
            return Found::Switching;
        }
    }
    if is_between(address_of!("pellucid_call"), address_of!("pellucid_call_end")) {
        registers.pc = address_of!("pellucid_call_cut");
        return Found::Switching;
    }
    let (yielded, yielded_end) = (address_of!("pellucid_restore_yielded"), address_of!("pellucid_restore_yielded_end"));
    let (by_signal, by_signal_end) = (address_of!("pellucid_by_signal"), address_of!("pellucid_by_signal_end"));
    let threw = (address_of!("pellucid_restore_threw"), address_of!("pellucid_restore_threw_end"));
    let windows =
        [(stopped, stopped_end), (restore, restore_end), (by_signal, by_signal_end), (yielded, yielded_end), threw];
    for (start, end) in windows {
        if is_between(start, end) {
            registers.pc = start;
            if !store.is_null() {
                registers.rdi = store as usize;
            }
            return Found::Switching;
        }
    }
    if pc == stopped_end {
        (registers.pc, registers.sp) = (word(registers.sp), registers.sp + 8);
    } else if pc == restore_end || pc == flags {
        if pc == restore_end {
            registers.fp = word(registers.sp - 8);
        }
        registers.flags = word(registers.sp);
        (registers.pc, registers.sp) = (word(registers.sp + 8), registers.sp + 16 + RED_ZONE);
    } else if pc == yielded_end {
        registers.pc = registers.rax;
    } else if pc == last {
        (registers.pc, registers.sp) = (word(registers.sp), registers.sp + 8 + RED_ZONE);
    }
    if is_switching(registers.pc) { Found::Switching } else { Found::Elsewhere }
}

/// Whether an instruction is one of the routines here.
pub fn is_switching(pc: usize) -> bool {
    (address_of!("__start_pellucid_switch")..address_of!("__stop_pellucid_switch")).contains(&pc)
}

/// Whether it is the one by which a handler is asked to restore a guest's registers, with the store context in `rdi`.
pub fn asks_to_restore(pc: usize) -> bool {
    pc == address_of!("pellucid_by_signal_ask")
}

/// The registers of a guest that was left by way of [`preempted`].
#[derive(Debug)]
pub struct SavedRegisters {
    /// By their numbers; the stack pointer is the guest's own.
    pub general: [usize; 16],
    /// The flags.
    pub flags: usize,
    /// The next instruction.
    pub pc: usize,
}

/// Reads them.
///
/// # Safety
///
/// The guest stack pointer must come from an exit of this kind, on a stack that is mapped, which wasn't resumed since.
pub unsafe fn saved_registers(guest_sp: usize) -> SavedRegisters {
    // SAFETY: the caller's promise.
    let word = |place: usize| unsafe { (guest_sp as *const usize).add(place).read() };
    let mut general = PREEMPTED_REGISTERS.map(word);
    general[4] = guest_sp + 136 + RED_ZONE;
    SavedRegisters { general, flags: word(15), pc: word(16) }
}

/// Copies its vector registers to where the system takes them from when a signal handler has returned. The rest of what is there stays,
/// the floating-point environment as well.
///
/// # Safety
///
/// As for [`saved_registers`]; `frame` must be the floating-point state that the system gave to a handler which is still running.
pub unsafe fn copy_saved_vectors(guest_sp: usize, frame: *mut u8) {
    /// Where `xsave` has the first 16 registers of 128 bits, and what it has saved.
    const XMM: std::ops::Range<usize> = 160..416;
    const STATES: usize = 512;
    /// Where the system says whether states follow, which, and how many bytes.
    const MAGIC: usize = 464;
    const FEATURES: usize = 472;
    const SIZE: usize = 480;
    const IS_EXTENDED: u32 = 0x4650_5853;
    let saved = saved_vectors(guest_sp) as *const u8;
    // SAFETY: both are as large as `fxsave` makes them, and where the system says so as large as it says; the saved one is `VECTORS` long,
    // into which all that is copied fits.
    unsafe {
        let copy = |place: usize, size: usize| std::ptr::copy_nonoverlapping(saved.add(place), frame.add(place), size);
        copy(XMM.start, XMM.len());
        let states = u64::from(VECTOR_STATES.load(Ordering::Relaxed));
        if states == 0 || frame.add(MAGIC).cast::<u32>().read_unaligned() != IS_EXTENDED {
            return;
        }
        let states = states & frame.add(FEATURES).cast::<u64>().read_unaligned();
        let size = frame.add(SIZE).cast::<u32>().read_unaligned() as usize;
        for (state, place) in VECTOR_PLACES.iter().enumerate().skip(2) {
            let [place, bytes] = [&place[0], &place[1]].map(|word| word.load(Ordering::Relaxed) as usize);
            if states & 1 << state != 0 && place + bytes <= size {
                copy(place, bytes);
            }
        }
        let (saved, frame) = (saved.add(STATES).cast::<u64>(), frame.add(STATES).cast::<u64>());
        frame.write_unaligned(frame.read_unaligned() & !states | saved.read() & states);
    }
}

fn saved_vectors(guest_sp: usize) -> usize {
    (guest_sp - VECTORS) & !63
}

/// Has interrupted guest code go on in [`preempted`].
///
/// # Safety
///
/// The registers must be those of guest code of the store whose context `store` is.
pub unsafe fn preempt(registers: &mut Interrupted, store: *mut StoreContext) {
    // SAFETY: guest code of the store runs on this thread, interrupted, and holds no reference to the context.
    unsafe {
        (*store).preempted_pc = registers.pc;
        (*store).preempted_rax = registers.rax;
        (*store).preempted_exit = PREEMPTED;
    }
    registers.rax = store as usize;
    registers.pc = preempted as *const () as usize;
}

/// Where the newest frame of guest code is that was left at any of its instructions.
///
/// # Safety
///
/// `guest_sp` must come from the exit, `fp` and `pc` be the exit's.
pub unsafe fn newest_frame(guest_sp: usize, pc: usize, fp: usize) -> (usize, usize, bool) {
    let sp = guest_sp + 136 + RED_ZONE;
    // SAFETY: guest code is mapped, and there is code, or padding, behind each of its instructions but the shortest, and before
    // each but a function's first.
    let byte = |offset: isize| unsafe { (pc as *const u8).offset(offset).read() };
    // SAFETY: a return address is there, according to the instruction.
    let word = |address: usize| unsafe { (address as *const usize).read() };
    let makes_frame = |offset: isize| [0, 1, 2].map(|place| byte(offset + place)) == MAKE_FRAME;
    match byte(0) {
        // `ret`, with or without arguments to remove; `push rbp` of a function that was just called.
        0xc3 | 0xc2 => return (word(sp), fp, true),
        PUSH_RBP if makes_frame(1) => return (word(sp), fp, true),
        // `mov rbp, rsp`, behind `push rbp`. There is another one where a function makes room for arguments, which has a frame by then.
        0x48 if makes_frame(0) && byte(-1) == PUSH_RBP => return (word(sp + 8), fp, true),
        _ => {}
    }
    // SAFETY: the preempted guest's registers are there.
    let register =
        |number: u8| unsafe { (guest_sp as *const usize).add(PREEMPTED_REGISTERS[usize::from(number)]).read() };
    // SAFETY: the instruction at `pc` is the guest's next.
    unsafe {
        if goes_to_other(pc, register) {
            return (word(sp), fp, true);
        }
        (pc, frame_pointer(pc, sp, fp), false)
    }
}

const PUSH_RBP: u8 = 0x55;
/// `mov rbp, rsp`.
const MAKE_FRAME: [u8; 3] = [0x48, 0x89, 0xe5];

/// Where [`preempted`] puts the registers, by their numbers, in words above the guest stack pointer. `rsp` isn't there.
const PREEMPTED_REGISTERS: [usize; 16] = [13, 12, 11, 10, 0, 14, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];

/// Whether the function at `pc` has taken its frame down and is about to jump to the one that takes its place. The return address is
/// on the top of the stack then.
///
/// ```text
///   mov register, [rsp]; mov [rsp + n], register; add rsp, n    if it hands on fewer arguments on the stack than it had room for
///   jmp function
/// ```
///
/// # Safety
///
/// `pc` must be guest code's next instruction, `register` answer what is in its registers.
unsafe fn goes_to_other(mut pc: usize, register: impl Fn(u8) -> usize) -> bool {
    // SAFETY: whatever is read is part of an instruction that follows, as those before it don't branch; and functions are where
    // guest code jumps to.
    let byte = |pc: usize| unsafe { (pc as *const u8).read() };
    let number = |pc: usize| i32::from_le_bytes([0, 1, 2, 3].map(|place| byte(pc + place))) as isize;
    let moves = |pc: usize, opcode: u8| byte(pc) & !4 == 0x48 && byte(pc + 1) == opcode && byte(pc + 3) == 0x24;
    if moves(pc, 0x8b) && byte(pc + 2) & 0xc7 == 0x04 {
        pc += 4;
    }
    if moves(pc, 0x89) && matches!(byte(pc + 2) & 0xc7, 0x44 | 0x84) {
        pc += if byte(pc + 2) & 0xc0 == 0x40 { 5 } else { 8 };
    }
    if byte(pc) == 0x48 && matches!(byte(pc + 1), 0x81 | 0x83) && byte(pc + 2) == 0xc4 {
        pc += if byte(pc + 1) == 0x83 { 4 } else { 7 };
    }
    let target = match byte(pc) {
        0xe9 => (pc + 5).wrapping_add_signed(number(pc + 1)),
        0xff if byte(pc + 1) & 0xf8 == 0xe0 => register(byte(pc + 1) & 7),
        0x41 if byte(pc + 1) == 0xff && byte(pc + 2) & 0xf8 == 0xe0 => register(8 + (byte(pc + 2) & 7)),
        _ => return false,
    };
    // No jump inside a function leads to its first instruction, or to anything that looks like that.
    byte(target) == PUSH_RBP && [1, 2, 3].map(|place| byte(target + place)) == MAKE_FRAME
}

/// The frame pointer of the function at `pc`, which has made its own. Where it makes room on the stack for arguments that it is going to
/// hand on, there are a few instructions at which `fp` isn't that yet, and what it had made before is above:
///
/// ```text
///   sub rsp, n; mov rbp, rsp
///   mov r11, [rsp + n]; mov [rsp], r11; mov r11, [rsp + n + 8]; mov [rsp + 8], r11
/// ```
///
/// # Safety
///
/// `pc` must be the next instruction of guest code, or of what it has called, `sp` and `fp` be the registers there.
pub unsafe fn frame_pointer(pc: usize, sp: usize, fp: usize) -> usize {
    if sp != fp {
        return fp;
    }
    // SAFETY: whatever is read is part of an instruction beside the one at `pc`, as each is looked at only if the one between is
    // one of these.
    let byte = |pc: usize| unsafe { (pc as *const u8).read() };
    let is = |pc: usize, bytes: &[u8]| bytes.iter().enumerate().all(|(at, expected)| byte(pc + at) == *expected);
    // SAFETY: as above.
    let near = |pc: usize| unsafe { (pc as *const i8).read() } as usize;
    // SAFETY: as above.
    let far = |pc: usize| unsafe { (pc as *const i32).read_unaligned() } as usize;
    // What is loaded, above the stack pointer, and the instruction's length.
    let load = |pc: usize| {
        let is_near = is(pc, &[0x4c, 0x8b, 0x5c, 0x24]);
        let is_far = is(pc, &[0x4c, 0x8b, 0x9c, 0x24]);
        if is_near { Some((near(pc + 4), 5)) } else { is_far.then(|| (far(pc + 4), 8)) }
    };
    let stores_fp = |pc: usize| is(pc, &[0x4c, 0x89, 0x1c, 0x24]);
    let stores_pc = |pc: usize| is(pc, &[0x4c, 0x89, 0x5c, 0x24, 8]);
    let n = if let Some((loaded, length)) = load(pc) {
        if stores_fp(pc + length) { Some(loaded) } else { stores_pc(pc + length).then(|| loaded - 8) }
    } else if stores_fp(pc) {
        load(pc + 4).map(|(loaded, _)| loaded - 8)
    } else if stores_pc(pc) {
        let before = [5, 8].into_iter().filter_map(|length| load(pc - length).filter(|found| found.1 == length));
        before.map(|(loaded, _)| loaded - 8).next()
    } else {
        None
    };
    fp + n.unwrap_or(0)
}

/// Has the guest, when it is resumed, call a function in the place of the frame at `fp`: from the same caller, with these first
/// arguments, and these registers that callees save. Answers the guest stack pointer to resume it with. Nothing of the frame, or
/// below it, is left.
///
/// # Safety
///
/// The frame must be one of a guest that was left, on its stack, which is accessible for [`REENTRY_SPACE`] below it.
pub unsafe fn reenter(fp: usize, code: usize, arguments: [u64; 3], saved: [u64; 5]) -> usize {
    // What `resume` takes from the stack: vector registers, then the others from r15 on, the store context, where to go on.
    let guest_sp = fp + 8 - REENTRY_SPACE;
    let [rdi, rsi, rdx] = arguments;
    // SAFETY: the words are between the stack pointer and the frame pointer, or the latter's own, which is read first.
    unsafe {
        let caller_fp = (fp as *const u64).read();
        let words = guest_sp as *mut u64;
        words.write_bytes(0, REENTRY_SPACE / 8);
        for (place, register) in CALLEE_SAVED.into_iter().zip(saved) {
            words.add(place).write(register);
        }
        words.add(40).write(rdi);
        words.add(41).write(rsi);
        words.add(43).write(rdx);
        words.add(46).write(caller_fp);
        words.add(48).write(code as u64);
    }
    guest_sp
}

/// The registers of [`SavedRegisters`](crate::abi::frame_table::SavedRegisters), as the guest that was stopped has them.
///
/// # Safety
///
/// The guest stack pointer must come from a stop on a stack that is mapped, which wasn't resumed since.
pub unsafe fn callee_saved(guest_sp: usize) -> [u64; 5] {
    // SAFETY: the caller's promise; the words are those that `stop` pushed.
    CALLEE_SAVED.map(|place| unsafe { (guest_sp as *const u64).add(place).read() })
}

/// The lowest address of what a guest that was left needs on its stack.
///
/// # Safety
///
/// The guest stack pointer must come from an exit of this kind on a stack that is mapped, which wasn't resumed since.
pub unsafe fn lowest_used(guest_sp: usize, left: Left) -> usize {
    match left {
        Left::Stopped | Left::Threw => guest_sp,
        Left::Preempted | Left::PreemptedAtEnd => saved_vectors(guest_sp),
        // SAFETY: the caller's promise; the word is where the stub's frame is, as `leave_yielded` has put it there.
        Left::Yielded => guest_sp.min(unsafe { (guest_sp as *const usize).add(5).read() }),
    }
}

/// Where a stop puts `rbx`, `r12`, `r13`, `r14`, `r15`, in words above the guest stack pointer.
const CALLEE_SAVED: [usize; 5] = [42, 35, 34, 33, 32];

/// Bytes that a stop leaves on the stack, from the guest stack pointer up to the address after the stop point.
pub const REENTRY_SPACE: usize = 256 + 15 * 8 + 16;

/// Goes back to where the guest was entered or resumed, with the store context in `rbx` and the answer in `eax`.
///
/// # Safety
///
/// Never called from Rust: jumped to from a guest stack, or by the trap handler's change of context.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn leave() {
    naked_asm!(
        back_to_host!(),
        "ret",
        host_sp = const offsets::HOST_SP,
        host_floats = const HOST_FLOATS,
        has_floats = const HAS_FLOATS,
    )
}

/// Where guest code goes whose frame has no room on the stack; see [`Builtin::stack_overflow`](crate::abi::builtins::Builtin). What is
/// noted is this routine's own place, as of one that couldn't be called.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn overflow() {
    naked_asm!(
        "mov rbx, rax",
        "pop rbp",
        "lea rax, [rip + {overflow}]",
        "mov qword ptr [rbx + {code}], {exhausted}",
        "mov qword ptr [rbx + {address}], 0",
        "mov [rbx + {pc}], rax",
        "mov [rbx + {fp}], rbp",
        "mov [rbx + {sp}], rsp",
        "mov eax, {trapped}",
        "jmp {leave}",
        overflow = sym overflow,
        exhausted = const TrapCode::CallStackExhausted as u64,
        code = const trap::CODE,
        address = const trap::ADDRESS,
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        trapped = const TRAPPED,
        leave = sym leave,
    )
}

/// Where an armed stop point arrives by way of the [thunk](crate::abi::thunk): on the stack are the store context and the
/// address after the stop point, in the registers whatever the guest has there.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn stop() {
    naked_asm!(
        // If the stack is too short, the fault is at this very instruction, with nothing pushed yet.
        "mov [rsp - {space}], rax",
        "push rbp",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 256",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "mov rbx, [rsp + 376]",
        "mov rax, [rsp + 384]",
        "mov [rbx + {exit_fp}], rbp",
        "mov [rbx + {exit_pc}], rax",
        "mov [rbx + {guest_sp}], rsp",
        "mov eax, {stopped}",
        back_to_host!(),
        // As `leave` does, but the return that the processor expects now is the guest's, to after the stop point.
        "pop rcx",
        "jmp rcx",
        space = const STOP_SPACE,
        exit_fp = const offsets::EXIT_FP,
        exit_pc = const offsets::EXIT_PC,
        guest_sp = const offsets::GUEST_SP,
        stopped = const STOPPED,
        host_sp = const offsets::HOST_SP,
        host_floats = const HOST_FLOATS,
        has_floats = const HAS_FLOATS,
    )
}

/// Where a trap's parts are in the store context.
mod trap {
    use super::{RawTrap, StoreContext, offset_of};

    const TRAP: usize = offset_of!(StoreContext, trap);
    pub const CODE: usize = TRAP + offset_of!(RawTrap, code);
    pub const ADDRESS: usize = TRAP + offset_of!(RawTrap, address);
    pub const MEMORY: usize = TRAP + offset_of!(RawTrap, memory);
    pub const PC: usize = TRAP + offset_of!(RawTrap, pc);
    pub const FP: usize = TRAP + offset_of!(RawTrap, fp);
    pub const SP: usize = TRAP + offset_of!(RawTrap, sp);
}

/// How compiled code raises a trap without a fault: `leave_with_trap(context, code)`, where the context is the calling
/// instance's and the code a [`TrapCode`](crate::base::TrapCode)'s number. It doesn't return; the trap's pc is the
/// address that the call would return to, so there the caller has an instruction that is in its table of traps.
///
/// # Safety
///
/// Never called from Rust, and only with frame pointers.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn leave_with_trap() {
    naked_asm!(
        "mov rbx, [rdi + {context}]",
        "mov [rbx + {code}], rsi",
        "pop rax",
        "mov [rbx + {pc}], rax",
        "mov [rbx + {fp}], rbp",
        "mov [rbx + {sp}], rsp",
        "mov qword ptr [rbx + {address}], 0",
        "mov qword ptr [rbx + {memory}], 0",
        "mov eax, {trapped}",
        "jmp {leave}",
        context = const STORE_CONTEXT,
        code = const trap::CODE,
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        address = const trap::ADDRESS,
        memory = const trap::MEMORY,
        trapped = const TRAPPED,
        leave = sym leave,
    )
}

/// The same for an access to a memory that couldn't be made: the second argument is the address of the memory's definition, or 0,
/// and the third the place in it.
///
/// # Safety
///
/// As for [`leave_with_trap`].
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn leave_with_memory_trap() {
    naked_asm!(
        "mov rbx, [rdi + {context}]",
        "mov [rbx + {memory}], rsi",
        "mov [rbx + {address}], rdx",
        "mov qword ptr [rbx + {code}], {outside}",
        "pop rax",
        "mov [rbx + {pc}], rax",
        "mov [rbx + {fp}], rbp",
        "mov [rbx + {sp}], rsp",
        "mov eax, {trapped}",
        "jmp {leave}",
        context = const STORE_CONTEXT,
        outside = const TrapCode::MemoryOutOfBounds as u64,
        code = const trap::CODE,
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        address = const trap::ADDRESS,
        memory = const trap::MEMORY,
        trapped = const TRAPPED,
        leave = sym leave,
    )
}

/// Leaves a guest whose host function failed, from the function's stub: its frame is at `rbp`, the store context, which has
/// the trap's code, in `rax`.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn leave_failed() {
    naked_asm!(
        "test al, {yields}",
        "jnz {leave_yielded}",
        "test al, {throws}",
        "jnz {leave_threw}",
        "test al, {lands}",
        "jnz 2f",
        "mov rbx, rax",
        "mov rsp, rbp",
        "pop rbp",
        "pop rax",
        "mov [rbx + {pc}], rax",
        "mov [rbx + {fp}], rbp",
        "mov [rbx + {sp}], rsp",
        "mov qword ptr [rbx + {address}], 0",
        "mov eax, {trapped}",
        "jmp {leave}",
        "2:",
        "lea r11, [rax - {lands}]",
        "mov rsp, rbp",
        "jmp {land}",
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        address = const trap::ADDRESS,
        trapped = const TRAPPED,
        throws = const THROWS,
        lands = const LANDS,
        leave_threw = sym leave_threw,
        land = sym land,
        yields = const YIELDS,
        leave_yielded = sym leave_yielded,
        leave = sym leave,
    )
}

/// What a host function's entry adds to the context's address that it answers if the guest is to be left until there are results.
pub const YIELDS: usize = 1;

/// What is added if the guest goes on at the context's landing.
pub const LANDS: usize = 2;

/// What is added if the guest is to be left before that.
pub const THROWS: usize = 4;

/// Leaves a guest that has thrown, as [`leave_failed`] does.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn leave_threw() {
    naked_asm!(
        "lea rbx, [rax - {throws}]",
        "mov rax, [rbp]",
        "mov rdx, [rbp + 8]",
        "mov [rbx + {exit_fp}], rax",
        "mov [rbx + {exit_pc}], rdx",
        "mov [rbx + {guest_sp}], rbp",
        "mov eax, {threw}",
        "jmp {leave}",
        throws = const THROWS,
        guest_sp = const offsets::GUEST_SP,
        exit_fp = const offsets::EXIT_FP,
        exit_pc = const offsets::EXIT_PC,
        threw = const THREW,
        leave = sym leave,
    )
}

/// Leaves a guest whose host function has no results yet, as [`leave_failed`] does; the context's guest stack pointer says where
/// there is room for the registers that callees save, and for where the stub's frame is.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
unsafe extern "sysv64" fn leave_yielded() {
    naked_asm!(
        "lea rcx, [rax - {yields}]",
        "mov rdx, [rcx + {guest_sp}]",
        "mov [rdx], rbx",
        "mov [rdx + 8], r12",
        "mov [rdx + 16], r13",
        "mov [rdx + 24], r14",
        "mov [rdx + 32], r15",
        "mov [rdx + 40], rbp",
        "mov rbx, rcx",
        "mov rax, [rbp]",
        "mov rdx, [rbp + 8]",
        "mov [rbx + {exit_fp}], rax",
        "mov [rbx + {exit_pc}], rdx",
        "mov eax, {yielded}",
        back_to_host!(),
        // As in `stop`.
        "pop rcx",
        "jmp rcx",
        yields = const YIELDS,
        guest_sp = const offsets::GUEST_SP,
        exit_fp = const offsets::EXIT_FP,
        exit_pc = const offsets::EXIT_PC,
        yielded = const YIELDED,
        host_sp = const offsets::HOST_SP,
        host_floats = const HOST_FLOATS,
        has_floats = const HAS_FLOATS,
    )
}

const _: () = assert!(vmctx::host_func::KEPT_BYTES == 6 * 8);

/// Bytes below a stub's frame that hold the registers which callees save, of the guest that called it: whoever looks for references on
/// its stack begins there. Who goes back to the guest has kept these registers, so they aren't taken from there.
pub const STUB_REGISTERS: usize = 5 * 8;

/// Makes a stub's frame, with the registers below. The lowest word is written first, so that the first instruction is the one that
/// faults if there is no room; see [`words_above_return_address`].
macro_rules! stub_frame {
    () => {
        concat!(
            "mov [rsp - 48], r15\n",
            "push rbp\n",
            "mov rbp, rsp\n",
            "mov [rbp - 8], rbx\n",
            "mov [rbp - 16], r12\n",
            "mov [rbp - 24], r13\n",
            "mov [rbp - 32], r14",
        )
    };
}

/// The code of a stub: notes where the guest was left, and calls a Rust function on the host's stack with the arguments
/// that the stub was given. The context in `rdi` begins with the store context's address. `$function` is an operand.
/// Before the function comes `$first`, and between it and the return to the guest `$then`, both with the store context in `r11`.
macro_rules! stub {
    ($function:literal, [$($first:literal),*], [$($then:literal),*], $($operands:tt)*) => {
        ::std::arch::naked_asm!(
            $crate::runtime::machine::switch::stub_frame!(),
            "mov r11, [rdi + {context}]",
            // Here are the caller's frame pointer and, above it, its code address.
            "mov [r11 + {exit_frame}], rbp",
            "mov rsp, [r11 + {host_sp}]",
            $($first,)*
            concat!("call ", $function),
            "mov r11, [rsp]",
            $($then,)*
            "mov rsp, rbp",
            "pop rbp",
            "jmp {return_to_guest}",
            return_to_guest = sym $crate::runtime::machine::switch::return_to_guest,
            context = const $crate::abi::vmctx::STORE_CONTEXT,
            exit_frame = const $crate::abi::vmctx::store_context::EXIT_FRAME,
            host_sp = const $crate::abi::vmctx::store_context::HOST_SP,
            $($operands)*
        )
    };
}

/// The stub of host functions: which function it calls is in the callee's context. If that fails the guest is left.
///
/// # Safety
///
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "pellucid_switch")]
pub unsafe extern "sysv64" fn host_func() {
    stub!(
        "[rdi + {entry}]",
        // The host's function runs in the host's floating-point environment. Whether it changes that isn't looked at, which would
        // cost half as much as the call.
        [
            "cmp dword ptr [r11 + {has_floats}], 0",
            "je 4f",
            "ldmxcsr [r11 + {host_floats}]",
            "4:"
        ],
        [
            "cmp dword ptr [r11 + {has_floats}], 0",
            "je 5f",
            "ldmxcsr [rip + {guest_floats}]",
            "5:",
            "test rax, rax",
            "jnz {failed}"
        ],
        entry = const vmctx::host_func::ENTRY,
        failed = sym leave_failed,
        host_floats = const HOST_FLOATS,
        has_floats = const HAS_FLOATS,
        guest_floats = sym floats::DEFAULT,
    )
}

/// The code of a stub for a builtin that doesn't return: as [`stub`], but what it answers is what a host function's entry does that
/// failed.
macro_rules! throwing_stub {
    ($function:literal, $($operands:tt)*) => {
        ::std::arch::naked_asm!(
            $crate::runtime::machine::switch::stub_frame!(),
            "mov r11, [rdi + {context}]",
            "mov [r11 + {exit_frame}], rbp",
            "mov rsp, [r11 + {host_sp}]",
            concat!("call ", $function),
            "jmp {failed}",
            failed = sym $crate::runtime::machine::switch::leave_failed,
            context = const $crate::abi::vmctx::STORE_CONTEXT,
            exit_frame = const $crate::abi::vmctx::store_context::EXIT_FRAME,
            host_sp = const $crate::abi::vmctx::store_context::HOST_SP,
            $($operands)*
        )
    };
}

/// Makes `builtin_table`: for each builtin, a stub that calls the Rust function of the same name, which must be in scope.
/// The functions are the runtime's, and so is this macro to be used there.
macro_rules! builtin_stubs {
    ($($name:ident),* $(,)?; $($throwing:ident),* $(,)?) => {
        mod stubs {
            $(
                #[unsafe(naked)]
                #[unsafe(link_section = "pellucid_switch")]
                pub unsafe extern "sysv64" fn $throwing() {
                    $crate::runtime::machine::switch::throwing_stub!("{function}", function = sym super::$throwing)
                }
            )*

            $(
                #[unsafe(naked)]
                #[unsafe(link_section = "pellucid_switch")]
                pub unsafe extern "sysv64" fn $name() {
                    $crate::runtime::machine::switch::stub!("{function}", [], [], function = sym super::$name)
                }
            )*
        }

        /// Entry points of the builtins, in the table's order.
        pub fn builtin_table() -> &'static $crate::runtime::machine::store_context::BuiltinTable {
            use $crate::abi::builtins::Builtin;
            static TABLE: std::sync::OnceLock<[usize; Builtin::ALL.len()]> = std::sync::OnceLock::new();
            TABLE.get_or_init(|| {
                let mut table = [0; Builtin::ALL.len()];
                $(table[Builtin::$name as usize] = stubs::$name as *const () as usize;)*
                $(table[Builtin::$throwing as usize] = stubs::$throwing as *const () as usize;)*
                table[Builtin::trap as usize] = $crate::runtime::machine::switch::leave_with_trap as *const () as usize;
                table[Builtin::memory_trap as usize] =
                    $crate::runtime::machine::switch::leave_with_memory_trap as *const () as usize;
                table[Builtin::look as usize] = $crate::runtime::machine::switch::look as *const () as usize;
                table[Builtin::stack_overflow as usize] = $crate::runtime::machine::switch::overflow as *const () as usize;
                table
            })
        }
    };
}

pub(in super::super::super) use {builtin_stubs, stub, stub_frame, throwing_stub};

/// How many words above the stack pointer the return address is, for a fault at an instruction that comes before its
/// routine has a frame. `builtins` are the entry points of their stubs.
pub fn words_above_return_address(pc: usize, builtins: &[usize]) -> Option<usize> {
    match pc {
        _ if pc == stop as *const () as usize => Some(1),
        _ if pc == host_func as *const () as usize => Some(0),
        _ => builtins.contains(&pc).then_some(0),
    }
}
