//! V8, in a process of Node's that runs a program whenever it is told to.

use crate::programs::{Program, root};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process with an instance of a program.
pub struct V8 {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    argument: i32,
    expected: i64,
}

impl V8 {
    /// The program, run often enough to be compiled well. None if Node isn't there, or hasn't got what the program uses.
    pub fn start(program: &Program) -> Option<V8> {
        let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
        let mut process = Command::new(node)
            .arg(root().join("benches/peers/src/v8.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let to = process.stdin.take().expect("it is a pipe");
        let from = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut v8 = V8 { process, to, from, argument: program.argument(), expected: program.expected() };
        let hexadecimal: String = program.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if v8.ask(&hexadecimal)? != "ready" {
            return None;
        }
        for _ in 0..5 {
            v8.run();
        }
        Some(v8)
    }

    /// Seconds of a run, elapsed ones.
    pub fn run(&mut self) -> f64 {
        let argument = self.argument.to_string();
        let answer = self.ask(&argument).expect("Node runs");
        let (result, milliseconds) = answer.split_once(' ').unwrap_or_else(|| panic!("Node: {answer}"));
        assert_eq!(result.parse(), Ok(self.expected), "in V8");
        milliseconds.parse::<f64>().expect("a number") / 1e3
    }

    fn ask(&mut self, line: &str) -> Option<String> {
        writeln!(self.to, "{line}").ok()?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).ok()?;
        Some(answer.trim_end().to_string())
    }
}

impl Drop for V8 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
