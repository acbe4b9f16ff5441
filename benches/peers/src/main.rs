//! Pellucid side by side with Wasmtime. `README.md` beside this crate's manifest says how to run it and how to read it.

mod c_calls;
mod collecting;
mod dump;
mod guest;
mod hostile;
mod large;
mod measure;
mod operations;
mod ours;
mod peer;
mod programs;
mod speed;
mod start;
mod tasks;
mod v8;

use measure::Table;

const USAGE: &str = "\
usage: peers [--quick] [--fetch] [--only GROUP] | --dump PROGRAM | --hostile [SIZE]
  --quick       fewer rounds; ends within two minutes
  --only GROUP  one group of rows
  --fetch       gets Wasmtime's C library with pip, for the rows about calls from and to C
  --dump        writes a program's disassembled machine code to cache/dump instead
  --hostile     compiles modules that are hard to compile instead, so large
groups: run run-debug code code-debug image image-debug compile compile-debug start instantiate edit stop frame
        condition watch over write c gc gc-debug gc-new gc-v8";

fn main() {
    let (mut quick, mut fetch, mut only) = (false, false, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => quick = true,
            "--fetch" => fetch = true,
            "--dump" => match args.next() {
                Some(name) => return dump::program(&name),
                None => fail(),
            },
            "--hostile" => return hostile::table(args.next()),
            "--compile-one" => return hostile::compile_one(args),
            "--only" if only.is_none() => only = args.next(),
            _ => fail(),
        }
    }
    let mut table = Table::new(quick, only);
    speed::run(&mut table);
    speed::options(&mut table);
    speed::sizes(&mut table);
    speed::compile(&mut table);
    start::first_instruction(&mut table);
    start::instantiate(&mut table);
    operations::edits(&mut table);
    operations::stops(&mut table);
    operations::frames(&mut table);
    tasks::conditions(&mut table);
    tasks::watchpoints(&mut table);
    tasks::steps_over(&mut table);
    tasks::writes(&mut table);
    c_calls::calls(&mut table, fetch);
    collecting::run(&mut table);
    table.end();
}

fn fail() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}
