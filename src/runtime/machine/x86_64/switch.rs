//! The switch between the host's stack and a guest's.
//!
//! ```text
//!            enter, resume                       builtin stubs
//!   host  ------------------->  guest code  ------------------->  Rust, on the host's stack
//!         <-------------------              <-------------------
//!            return, leave (trap), stop
//! ```
//!
//! While the guest runs, the store context holds the host's stack pointer; at that address are, from below, the stack pointer
//! that the context held before, since entries nest, the host's `rbx` and `rbp`, and where the host goes on. Its other
//! registers are the compiler's to save, once for all of the function that enters. Knows nothing of calls.
//! Invariants: the host's stack pointer is aligned to 16 whenever it is in the context; the frame chain of a
//! guest stack ends in a null frame pointer. Read next: [`super::super::traps`].

#![expect(unsafe_code, reason = "assembly that changes stacks")]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the switch is written for x86-64 only");

use super::super::store_context::{RawTrap, StoreContext};
use crate::abi::vmctx::{self, STORE_CONTEXT, store_context as offsets};
use crate::base::{RawValue, TrapCode, floats};
use std::arch::{asm, naked_asm};
use std::mem::offset_of;

/// Guest code returned.
pub const FINISHED: u32 = 0;
/// A trap left guest code: the context has it.
pub const TRAPPED: u32 = 1;
/// A stop point left guest code.
pub const STOPPED: u32 = 2;

/// Where the host's floating-point environment is in the store context while guest code runs: guests run in the default one, so
/// that they compute the same whatever the host does with its own.
const HOST_FLOATS: usize = offset_of!(StoreContext, host_floats);
const HAS_FLOATS: usize = offset_of!(StoreContext, has_floats);

/// Bytes that a stop puts on the guest's stack: return address, context, 15 registers, 16 vector registers; and some.
const STOP_SPACE: usize = 512;

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
            "call r9",
            "xor eax, eax",
            // From here on as in `leave`: the guest may have been resumed by another function since.
            "cmp dword ptr [rbx + {has_floats}], 0",
            "je 5f",
            "ldmxcsr [rbx + {host_floats}]",
            "5:",
            "mov rsp, [rbx + {host_sp}]",
            "pop qword ptr [rbx + {host_sp}]",
            "pop rbx",
            "pop rbp",
            "ret",
            "2:",
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

/// Resumes a guest at the stop where it was left: the context's guest stack pointer says which.
///
/// # Safety
///
/// As for [`enter`]; the guest stack pointer must come from a stop on that stack, which wasn't resumed since.
#[inline(always)]
pub unsafe fn resume(context: *mut StoreContext) -> u32 {
    let exit;
    // SAFETY: as in `enter`, at the label.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "push rbx",
            "push qword ptr [rdi + {host_sp}]",
            "mov [rdi + {host_sp}], rsp",
            "cmp dword ptr [rdi + {has_floats}], 0",
            "je 4f",
            "stmxcsr [rdi + {host_floats}]",
            "ldmxcsr [rip + {guest_floats}]",
            "4:",
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
            "add rsp, 256",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop r11",
            "pop r10",
            "pop r9",
            "pop r8",
            "pop rdi",
            "pop rsi",
            "pop rbx",
            "pop rdx",
            "pop rcx",
            "pop rax",
            "pop rbp",
            // The store context that the thunk pushed.
            "lea rsp, [rsp + 8]",
            "ret",
            "2:",
            host_sp = const offsets::HOST_SP,
            host_floats = const HOST_FLOATS,
            has_floats = const HAS_FLOATS,
            guest_floats = sym floats::DEFAULT,
            guest_sp = const offsets::GUEST_SP,
            inout("rdi") context => _,
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
pub unsafe extern "sysv64" fn leave() {
    naked_asm!(
        "cmp dword ptr [rbx + {has_floats}], 0",
        "je 5f",
        "ldmxcsr [rbx + {host_floats}]",
        "5:",
        "mov rsp, [rbx + {host_sp}]",
        "pop qword ptr [rbx + {host_sp}]",
        "pop rbx",
        "pop rbp",
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
        "cmp dword ptr [rbx + {has_floats}], 0",
        "je 5f",
        "ldmxcsr [rbx + {host_floats}]",
        "5:",
        // As `leave` does, but the return that the processor expects now is the guest's, to after the stop point.
        "mov rsp, [rbx + {host_sp}]",
        "pop qword ptr [rbx + {host_sp}]",
        "pop rbx",
        "pop rbp",
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
pub unsafe extern "sysv64" fn leave_with_trap() {
    naked_asm!(
        "mov rbx, [rdi + {context}]",
        "mov [rbx + {code}], rsi",
        "pop rax",
        "mov [rbx + {pc}], rax",
        "mov [rbx + {fp}], rbp",
        "mov [rbx + {sp}], rsp",
        "mov qword ptr [rbx + {address}], 0",
        "mov eax, {trapped}",
        "jmp {leave}",
        context = const STORE_CONTEXT,
        code = const trap::CODE,
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        address = const trap::ADDRESS,
        trapped = const TRAPPED,
        leave = sym leave,
    )
}

/// The same for an access to a memory that couldn't be made: the second argument is the address.
///
/// # Safety
///
/// As for [`leave_with_trap`].
#[unsafe(naked)]
pub unsafe extern "sysv64" fn leave_with_memory_trap() {
    naked_asm!(
        "mov rbx, [rdi + {context}]",
        "mov [rbx + {address}], rsi",
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
unsafe extern "sysv64" fn leave_failed() {
    naked_asm!(
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
        pc = const trap::PC,
        fp = const trap::FP,
        sp = const trap::SP,
        address = const trap::ADDRESS,
        trapped = const TRAPPED,
        leave = sym leave,
    )
}

/// The code of a stub: notes where the guest was left, and calls a Rust function on the host's stack with the arguments
/// that the stub was given. The context in `rdi` begins with the store context's address. `$function` is an operand.
/// Before the function comes `$first`, with the store context in `r11`, and between it and the return to the guest `$then`.
macro_rules! stub {
    ($function:literal, [$($first:literal),*], [$($then:literal),*], $($operands:tt)*) => {
        ::std::arch::naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "mov r11, [rdi + {context}]",
            // Here are the caller's frame pointer and, above it, its code address.
            "mov [r11 + {exit_frame}], rbp",
            "mov rsp, [r11 + {host_sp}]",
            $($first,)*
            concat!("call ", $function),
            $($then,)*
            "mov rsp, rbp",
            "pop rbp",
            "ret",
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
pub unsafe extern "sysv64" fn host_func() {
    stub!(
        "[rdi + {entry}]",
        // The host's function runs in the host's floating-point environment. Whether it changes that isn't looked at, which would
        // cost half as much as the call.
        [
            "push r11",
            "push r11",
            "cmp dword ptr [r11 + {has_floats}], 0",
            "je 4f",
            "ldmxcsr [r11 + {host_floats}]",
            "4:"
        ],
        [
            "mov r11, [rsp]",
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

/// Makes `builtin_table`: for each builtin, a stub that calls the Rust function of the same name, which must be in scope.
/// The functions are the runtime's, and so is this macro to be used there.
macro_rules! builtin_stubs {
    ($($name:ident),* $(,)?) => {
        mod stubs {
            $(
                #[unsafe(naked)]
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
                table[Builtin::trap as usize] = $crate::runtime::machine::switch::leave_with_trap as *const () as usize;
                table[Builtin::memory_trap as usize] =
                    $crate::runtime::machine::switch::leave_with_memory_trap as *const () as usize;
                table[Builtin::stack_overflow as usize] = $crate::runtime::machine::switch::overflow as *const () as usize;
                table
            })
        }
    };
}

pub(in super::super::super) use {builtin_stubs, stub};

/// How many words above the stack pointer the return address is, for a fault at an instruction that comes before its
/// routine has a frame. `builtins` are the entry points of their stubs.
pub fn words_above_return_address(pc: usize, builtins: &[usize]) -> Option<usize> {
    match pc {
        _ if pc == stop as *const () as usize => Some(1),
        _ if pc == host_func as *const () as usize => Some(0),
        _ => builtins.contains(&pc).then_some(0),
    }
}
