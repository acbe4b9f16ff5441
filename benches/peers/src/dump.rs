//! The machine code of a program, for people to read.

use crate::{ours, peer, programs};
use std::path::Path;
use std::process::Command;

/// Writes the disassembly of a program's functions, by both engines, with debugging off and on, to `cache/dump`.
pub fn program(name: &str) {
    let bytes = programs::named(name).bytes;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cache/dump");
    std::fs::create_dir_all(&folder).unwrap();
    for (debug, suffix) in [(false, ""), (true, "-debug")] {
        for (engine, (code, starts)) in [("ours", ours::code(debug, &bytes)), ("peer", peer::code(debug, &bytes))] {
            let binary = folder.join("code.bin");
            std::fs::write(&binary, code).unwrap();
            let mut objdump = Command::new("objdump");
            objdump.args(["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn"]).arg(&binary);
            let output = objdump.output().expect("objdump from binutils");
            let mut text = String::new();
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let place = line.split_once(':').and_then(|(place, _)| usize::from_str_radix(place.trim(), 16).ok());
                for (_, function) in starts.iter().filter(|(start, _)| Some(*start) == place) {
                    text += &format!("\nfunction {function}:\n");
                }
                text += line;
                text.push('\n');
            }
            let file = folder.join(format!("{name}-{engine}{suffix}.s"));
            std::fs::write(&file, text).unwrap();
            println!("{}", file.display());
        }
    }
}
