//! Copying bytes that other threads may be writing.
//!
//! A shared memory is written by guests of other stores at any time, and by other threads of the host. For Rust's own copies that would be
//! a data race, which has no meaning at all. These are assembler: what they do is what so many loads and stores of single bytes would do,
//! each of them atomic and relaxed, in any order. A racing copy finds of each byte what it was or what it becomes, as WebAssembly
//! says of accesses that aren't atomic. Knows nothing of memories.

#![expect(unsafe_code, reason = "accesses that other threads race with")]

use std::arch::asm;

/// As few bytes are copied in words; for more it pays to have the machine's own instruction begin.
const FEW: usize = 512;

/// Copies bytes, which may overlap where they go, as `memmove` does.
///
/// # Safety
///
/// So many bytes must be there to be read and to be written, in memory that nobody has a reference to.
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // Forward, unless that overwrites what isn't read yet.
    let is_forward = to.addr().wrapping_sub(from.addr()) >= bytes;
    // SAFETY: the caller's promise; the assembler touches just these bytes.
    unsafe {
        if is_forward && bytes > FEW {
            asm!(
                "rep movsb",
                inout("rcx") bytes => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        } else if is_forward {
            asm!(
                "mov {left}, {bytes}",
                "and {left}, 7",
                "shr {bytes}, 3",
                "jz 3f",
                "2:",
                "mov {word}, [{from}]",
                "mov [{to}], {word}",
                "add {from}, 8",
                "add {to}, 8",
                "dec {bytes}",
                "jnz 2b",
                "3:",
                "test {left}, {left}",
                "jz 5f",
                "4:",
                "movzx {word:e}, byte ptr [{from}]",
                "mov [{to}], {word:l}",
                "inc {from}",
                "inc {to}",
                "dec {left}",
                "jnz 4b",
                "5:",
                bytes = inout(reg) bytes => _,
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                word = out(reg) _,
                left = out(reg) _,
                options(nostack),
            );
        } else {
            asm!(
                "mov {left}, {bytes}",
                "and {left}, 7",
                "add {from}, {bytes}",
                "add {to}, {bytes}",
                "shr {bytes}, 3",
                "jz 3f",
                "2:",
                "sub {from}, 8",
                "sub {to}, 8",
                "mov {word}, [{from}]",
                "mov [{to}], {word}",
                "dec {bytes}",
                "jnz 2b",
                "3:",
                "test {left}, {left}",
                "jz 5f",
                "4:",
                "dec {from}",
                "dec {to}",
                "movzx {word:e}, byte ptr [{from}]",
                "mov [{to}], {word:l}",
                "dec {left}",
                "jnz 4b",
                "5:",
                bytes = inout(reg) bytes => _,
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                word = out(reg) _,
                left = out(reg) _,
                options(nostack),
            );
        }
    }
}

/// Sets bytes.
///
/// # Safety
///
/// As for [`copy`].
pub unsafe fn fill(to: *mut u8, byte: u8, bytes: usize) {
    // SAFETY: the caller's promise; the assembler touches just these bytes.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") bytes => _,
            inout("rdi") to => _,
            in("al") byte,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_those_of_memmove() {
        let original: Vec<u8> = (0..4000_u32).map(|place| (place * 7 % 251) as u8).collect();
        for (from, to, bytes) in [
            (0, 2000, 0),
            (5, 2000, 1),
            (5, 2001, 23),
            (0, 2000, 512),
            (3, 2000, 1777),
            (100, 101, 15),
            (101, 100, 15),
            (100, 108, 600),
            (108, 100, 600),
            (100, 103, 1000),
            (10, 10, 800),
        ] {
            let (mut expected, mut found) = (original.clone(), original.clone());
            expected.copy_within(from..from + bytes, to);
            let base = found.as_mut_ptr();
            // SAFETY: both ranges are inside.
            unsafe { copy(base.add(from), base.add(to), bytes) };
            assert_eq!(expected, found, "{bytes} bytes from {from} to {to}");
            expected[to..to + bytes].fill(9);
            // SAFETY: as above.
            unsafe { fill(found.as_mut_ptr().add(to), 9, bytes) };
            assert_eq!(expected, found, "{bytes} bytes at {to}");
        }
    }
}
