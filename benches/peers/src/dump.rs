//! The machine code of a program, for people to read.

use crate::{ours, peer, programs};
use std::path::Path;
use std::process::Command;

/// Writes the disassembly of a program's functions, by both engines, with debugging off and on, to `cache/dump`.
pub fn program(name: &str) {
    let bytes = programs::named(name).bytes;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cache/dump");
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name);
    for (debug, suffix) in [(false, ""), (true, "-debug")] {
        for (engine, (code, starts)) in [("ours", ours::code(debug, &bytes)), ("peer", peer::code(debug, &bytes))] {
            // As an object file with symbols, or what lies between functions would be taken for the next one's start.
            let symbol = |(start, function): &(usize, u32)| {
                format!("--add-symbol wasm_{function}=.text:{start:#x},function,global\n")
            };
            std::fs::write(path("code.bin"), code).unwrap();
            std::fs::write(path("symbols"), starts.iter().map(symbol).collect::<String>()).unwrap();
            let mut objcopy = Command::new("objcopy");
            objcopy.args(["-I", "binary", "-O", "elf64-x86-64", "-B", "i386:x86-64"]);
            objcopy.args(["--rename-section", ".data=.text,alloc,load,readonly,code,contents"]);
            objcopy.arg(format!("@{}", path("symbols").display())).args([path("code.bin"), path("code.o")]);
            assert!(objcopy.status().is_ok_and(|status| status.success()), "{objcopy:?} failed");
            let mut objdump = Command::new("objdump");
            objdump.args(["-d", "-M", "intel", "--no-show-raw-insn"]).arg(path("code.o"));
            let file = path(&format!("{name}-{engine}{suffix}.s"));
            std::fs::write(&file, objdump.output().expect("objdump from binutils").stdout).unwrap();
            println!("{}", file.display());
        }
    }
}
