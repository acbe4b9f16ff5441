//! Tests that can't be run everywhere: where they can't, they say so.

use std::io::Write;

/// What begins the line that says that a test was skipped.
pub const SKIPPED: &str = "skipped:";

/// Says that a test is skipped, where it is seen: what is printed by macros is shown for failing tests only.
pub fn skipped(test: &str, reason: &str) {
    say(&format!("{SKIPPED} {test}: {reason}"));
}

/// Says again what a test in a process of its own said of being skipped.
#[allow(dead_code, reason = "not every suite has such tests")]
pub fn repeat_skipped(output: &str) {
    output.lines().filter(|line| line.starts_with(SKIPPED)).for_each(say);
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error is there");
}
