//! Tests that can't be run everywhere: where they can't, they say so.

use std::io::Write;

/// What begins the line that says that a test was skipped.
pub const SKIPPED: &str = "skipped:";

/// Says that a test is skipped, where it is seen: what is printed by macros is shown for failing tests only.
pub fn skipped(test: &str, reason: &str) {
    say(&format!("{SKIPPED} {test}: {reason}"));
}

/// Writes a line where it is seen.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error is there");
}
