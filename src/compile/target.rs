//! The instruction set and the settings that code is made for.

use crate::abi::stack::PROBED_STRETCH_LOG2;
use crate::base::{Config, Error, ErrorKind, OptLevel, Result, TrapCode};
use cranelift_codegen::ir;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

/// This machine's instruction set, with all that it offers.
pub(super) fn isa(config: &Config) -> Result<OwnedTargetIsa> {
    let mut flags = settings::builder();
    let probed_stretch = PROBED_STRETCH_LOG2.to_string();
    let mut set = |name, value| flags.set(name, value).expect("a setting that Cranelift has");
    set(
        "opt_level",
        match config.opt_level {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
            OptLevel::SpeedAndSize => "speed_and_size",
        },
    );
    set("regalloc_algorithm", if config.opt_level == OptLevel::None { "single_pass" } else { "backtracking" });
    set("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" });
    // Frames are walked along the frame pointers.
    set("preserve_frame_pointers", "true");
    // It tells where functions save their callers' registers, and costs no code.
    set("unwind_info", if config.debug { "true" } else { "false" });
    // Without handlers, functions compare the stack pointer with the limit instead.
    set("enable_probestack", if config.signal_handlers { "true" } else { "false" });
    set("probestack_strategy", "inline");
    set("probestack_size_log2", &probed_stretch);
    set("enable_multi_ret_implicit_sret", "true");
    set("enable_heap_access_spectre_mitigation", "false");
    let unsupported = |what: &str| Error::new(ErrorKind::Unsupported, format!("this machine isn't supported: {what}"));
    let builder = cranelift_native::builder().map_err(unsupported)?;
    let isa = builder.finish(settings::Flags::new(flags)).map_err(|error| unsupported(&error.to_string()))?;
    if cfg!(target_arch = "x86_64") && !std::is_x86_feature_detected!("sse4.1") {
        return Err(unsupported("SSE4.1 is needed for rounding"));
    }
    Ok(isa)
}

/// Cranelift's number for a trap of ours.
pub(super) fn trap(code: TrapCode) -> ir::TrapCode {
    match code {
        TrapCode::MemoryOutOfBounds => ir::TrapCode::HEAP_OUT_OF_BOUNDS,
        TrapCode::IntegerOverflow => ir::TrapCode::INTEGER_OVERFLOW,
        TrapCode::IntegerDivideByZero => ir::TrapCode::INTEGER_DIVISION_BY_ZERO,
        TrapCode::InvalidConversionToInteger => ir::TrapCode::BAD_CONVERSION_TO_INTEGER,
        TrapCode::CallStackExhausted => ir::TrapCode::STACK_OVERFLOW,
        other => ir::TrapCode::unwrap_user(other as u8),
    }
}

/// Cranelift's number for the trap of a store, or another one with the same meaning.
pub(super) fn store(code: TrapCode, other: bool) -> ir::TrapCode {
    if other { ir::TrapCode::unwrap_user(OTHER_STORES + code as u8) } else { trap(code) }
}

/// The inverse of [`trap`] and [`store`].
pub(super) fn trap_code(code: ir::TrapCode) -> TrapCode {
    match code {
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
        ir::TrapCode::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivideByZero,
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => TrapCode::InvalidConversionToInteger,
        ir::TrapCode::STACK_OVERFLOW => TrapCode::CallStackExhausted,
        other => {
            let number = other.as_raw().get();
            let number = if number < OTHER_STORES { number } else { number - OTHER_STORES };
            TrapCode::from_u8(number).expect("only our own numbers are used")
        }
    }
}

/// Added to the number of a store's trap, it makes the other one.
const OTHER_STORES: u8 = 32;
/// The first of the numbers that stand for accesses of a stretch of code.
const FIRST_ACCESS: u8 = 72;
/// How many such numbers there are.
pub(super) const ACCESSES: usize = 168;

/// Cranelift's number for a trap of an access, by its place in its stretch of code.
pub(super) fn access(number: usize) -> ir::TrapCode {
    assert!(number < ACCESSES);
    ir::TrapCode::unwrap_user(FIRST_ACCESS + number as u8)
}

/// The inverse of [`access`]; `None` for other traps.
pub(super) fn access_number(code: ir::TrapCode) -> Option<usize> {
    let number = code.as_raw().get().checked_sub(FIRST_ACCESS)? as usize;
    (number < ACCESSES).then_some(number)
}

/// The first of the numbers that stand for a checked access, by the logarithm of its bytes.
const FIRST_CHECKED: u8 = 241;

/// Cranelift's number for the trap of an access of so many bytes to a memory that is checked before. It stands for
/// [`TrapCode::MemoryOutOfBounds`] until [`expand`](super::checks::expand).
pub(super) fn checked_access(bytes: u32) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(FIRST_CHECKED + bytes.ilog2() as u8)
}

/// The inverse of [`checked_access`]; `None` for other traps.
pub(super) fn checked_access_size(code: ir::TrapCode) -> Option<u32> {
    let log2 = code.as_raw().get().checked_sub(FIRST_CHECKED)?;
    (log2 < 5).then(|| 1 << log2)
}
