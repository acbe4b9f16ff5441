//! The one error type of the core: a kind, which becomes the C status, and a message for people.

use super::{TrapCode, WasmPc};
use std::fmt;

/// What went wrong, as far as a program can act on it. Each kind is one `PELLUCID_ERR_…` status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// An argument is out of its documented range, or two arguments contradict each other.
    InvalidArgument,
    /// A required pointer is NULL.
    NullArgument,
    /// A handle belongs to another store.
    WrongStore,
    /// A frame, or another handle, that isn't valid any more.
    StaleHandle,
    /// An index is outside the space that it indexes.
    OutOfRange,
    /// A value, function, global or import has another type than required.
    TypeMismatch,
    /// The bytes aren't a well-formed and valid module (or text).
    InvalidModule,
    /// The module is valid, but uses a feature that isn't supported or is switched off.
    Unsupported,
    /// An import is missing or has the wrong type.
    Link,
    /// The guest trapped.
    Trap,
    /// A host function or handler reported failure.
    Host,
    /// A configured limit would be exceeded.
    Limit,
    /// The system refused memory or another resource.
    System,
    /// The engine was made without debugging.
    DebugDisabled,
    /// The object isn't in the state that the function requires.
    InvalidState,
    /// No such name.
    NotFound,
    /// A pause was asked for where the guest can't pause.
    CannotPause,
    /// An earlier failure made the store unusable.
    Poisoned,
    /// A bug in the library: a panic was caught at its border.
    Panic,
    /// The guest ended itself.
    Exit,
    /// Another thread is using the store.
    Busy,
}

/// One Wasm frame of a backtrace, innermost first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BacktraceFrame {
    /// The module's name from its name section or from the host; empty if it has none.
    pub module_name: String,
    /// Index in the module's full function index space.
    pub func_index: u32,
    /// The function's name from the name section; empty if it has none.
    pub func_name: String,
    /// The operator that was executing.
    pub pc: WasmPc,
    /// Bytes from the start of the function's body (its locals' declarations) to `pc`.
    pub func_offset: u32,
}

/// A failed memory access, known for hardware traps on memories.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryFault {
    /// Index of the memory in its store.
    pub memory: u64,
    /// The first byte that couldn't be accessed, as an offset in the memory.
    pub address: u64,
}

/// An error with its message and, if the guest caused it, the trap and the guest's backtrace.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    trap: Option<TrapCode>,
    fault: Option<MemoryFault>,
    exit_code: Option<u32>,
    backtrace: Vec<BacktraceFrame>,
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`, whose `message` is one lower-case line on what was wrong with this input. If it isn't one line, as
    /// it quotes somebody else, it becomes one.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let (message, backtrace) = (one_line(message.into()), Vec::new());
        Error(Box::new(Inner { kind, message, trap: None, fault: None, exit_code: None, backtrace }))
    }

    /// The end of a guest that ended itself; it isn't a trap, and has no backtrace.
    pub fn exit(code: u32) -> Error {
        let mut error = Error::new(ErrorKind::Exit, format!("the guest exited with code {code}"));
        error.0.exit_code = Some(code);
        error
    }

    /// A trap, with the guest's backtrace where it happened.
    pub fn trap(code: TrapCode, fault: Option<MemoryFault>, backtrace: Vec<BacktraceFrame>) -> Error {
        let message = code.message().to_string();
        let (kind, trap) = (ErrorKind::Trap, Some(code));
        Error(Box::new(Inner { kind, message, trap, fault, exit_code: None, backtrace }))
    }

    /// The same error with the guest's backtrace attached, unless it has one.
    pub fn with_backtrace(mut self, backtrace: Vec<BacktraceFrame>) -> Error {
        if self.0.backtrace.is_empty() {
            self.0.backtrace = backtrace;
        }
        self
    }

    /// The same error with another message.
    pub fn with_message(mut self, message: impl Into<String>) -> Error {
        self.0.message = one_line(message.into());
        self
    }

    /// What a program can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a person reads: one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The reason of the trap, if the error is one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        self.0.trap
    }

    /// The access that failed, for traps of the memory hardware.
    pub fn memory_fault(&self) -> Option<MemoryFault> {
        self.0.fault
    }

    /// What the guest said when it ended itself.
    pub fn exit_code(&self) -> Option<u32> {
        self.0.exit_code
    }

    /// The guest's frames, innermost first; empty if no guest code was running.
    pub fn backtrace(&self) -> &[BacktraceFrame] {
        &self.0.backtrace
    }
}

/// The text without what would break or hide parts of a line: ends of lines, with the spaces around them, become a space,
/// other control characters the sign for something unknown.
fn one_line(text: String) -> String {
    let ends_line =
        |character| matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if !text.contains(|character: char| character.is_control() || ends_line(character)) {
        return text;
    }
    let lines = text.split(ends_line).map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.replace('\t', " ").replace(char::is_control, "\u{fffd}")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (depth, frame) in self.0.backtrace.iter().enumerate() {
            let name = if frame.func_name.is_empty() { "?" } else { &frame.func_name };
            write!(f, "\n  #{depth} {}!{name} (function {}) at {}", frame.module_name, frame.func_index, frame.pc)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Returns early with an [`Error`] of the given kind and formatted message.
macro_rules! bail {
    ($kind:ident, $($arg:tt)*) => {
        return Err($crate::base::Error::new($crate::base::ErrorKind::$kind, format!($($arg)*)))
    };
}
pub(crate) use bail;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line() {
        let message = |text: &str| Error::new(ErrorKind::Host, text).message().to_string();
        assert_eq!(message("as it is: é \u{1f980}"), "as it is: é \u{1f980}");
        assert_eq!(message("expected=[\n    0x0,\n    0x61,\n] actual=[]\n"), "expected=[ 0x0, 0x61, ] actual=[]");
        assert_eq!(message("a\r\nb\u{2028}c\u{85}d\te\u{1b}[m\0"), "a b c d e\u{fffd}[m\u{fffd}");
        assert_eq!(message("\n \n"), "");
        let error = Error::new(ErrorKind::Host, "").with_message("a\nb");
        assert_eq!(error.message(), "a b");
    }
}
