//! The one error type of the core: a kind, which becomes the C status, and a message for people.

use super::{Tag, TrapCode, Value, WasmPc, memory};
use std::sync::Arc;
use std::{fmt, io};

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
    /// A host function can't have the call wait that it was called in.
    CannotYield,
    /// An exception was thrown that nobody caught.
    Exception,
    /// What was serialized is for another version of the library, another processor, or other options.
    Incompatible,
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

/// The innermost frames of a guest, innermost first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Backtrace {
    /// The frames.
    pub frames: Vec<BacktraceFrame>,
    /// Whether there are more, which aren't told.
    pub is_cut: bool,
}

impl Backtrace {
    /// Adds a frame, which called those that are there.
    ///
    /// Errors: `System` if there is no memory for it.
    pub fn push(&mut self, frame: BacktraceFrame) -> Result<()> {
        memory::reserve(&mut self.frames, 1)?;
        self.frames.push(frame);
        Ok(())
    }
}

/// An error with its message and, if the guest caused it, the trap and the guest's backtrace.
///
/// Without memory for all that it is an error without memory, which is the same as one that says so.
// The standard library's error can be without memory, too, and is one word that isn't zero: so is a result without a value.
#[derive(Debug)]
pub struct Error(io::Error);

const _: () = assert!(size_of::<Result<()>>() == size_of::<usize>());

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    trap: Option<TrapCode>,
    fault: Option<MemoryFault>,
    exit_code: Option<u32>,
    thrown: Option<Thrown>,
    backtrace: Backtrace,
}

impl std::error::Error for Inner {}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Clone for Error {
    fn clone(&self) -> Error {
        let Some(inner) = self.inner() else { return Error(self.0.kind().into()) };
        let copied = || {
            let Inner { kind, ref message, trap, fault, exit_code, ref thrown, ref backtrace } = *inner;
            let mut frames = Vec::new();
            memory::reserve(&mut frames, backtrace.frames.len())?;
            for frame in &backtrace.frames {
                frames.push(frame.copied()?);
            }
            let (message, backtrace) = (memory::copied(message)?, Backtrace { frames, is_cut: backtrace.is_cut });
            let thrown = thrown.as_ref().map(Thrown::copied).transpose()?;
            Ok(Inner { kind, message, trap, fault, exit_code, thrown, backtrace })
        };
        Error::made(copied())
    }
}

impl BacktraceFrame {
    fn copied(&self) -> Result<BacktraceFrame> {
        let BacktraceFrame { ref module_name, func_index, ref func_name, pc, func_offset } = *self;
        let (module_name, func_name) = (memory::copied(module_name)?, memory::copied(func_name)?);
        Ok(BacktraceFrame { module_name, func_index, func_name, pc, func_offset })
    }
}

/// An exception as the host sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct Thrown {
    /// Its tag.
    pub tag: Tag,
    /// What it carries.
    pub values: Box<[Value]>,
    /// Its store keeps the references among these as long as somebody has this.
    pub owner: Option<Arc<()>>,
}

impl Thrown {
    fn copied(&self) -> Result<Thrown> {
        let mut values = Vec::new();
        memory::reserve(&mut values, self.values.len())?;
        values.extend_from_slice(&self.values);
        Ok(Thrown { tag: self.tag, values: values.into(), owner: self.owner.clone() })
    }
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`, whose `message` is one lower-case line on what was wrong with this input. If it isn't one line, as
    /// it quotes somebody else, it becomes one.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Error {
        let inner = |message| {
            let backtrace = Backtrace::default();
            Inner { kind, message, trap: None, fault: None, exit_code: None, thrown: None, backtrace }
        };
        Error::made(one_line(message).map(inner))
    }

    /// The error of who gets no memory. It takes none.
    pub fn no_memory() -> Error {
        Error(io::ErrorKind::OutOfMemory.into())
    }

    /// The answer that there is nothing, where nobody reads why: it ends walks, so it takes neither memory nor time.
    pub fn absent() -> Error {
        Error(io::ErrorKind::NotFound.into())
    }

    /// What an error without [`Inner`] says.
    fn fixed(&self) -> (ErrorKind, &'static str) {
        match self.0.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, "there is none"),
            _ => (ErrorKind::System, "there is no memory left"),
        }
    }

    fn made(inner: Result<Inner>) -> Error {
        let made = inner.and_then(|inner| {
            let inner: Box<dyn std::error::Error + Send + Sync> = memory::boxed(inner)?;
            // The standard library makes a box for the reference and its own kind.
            memory::ask(size_of::<(io::ErrorKind, Box<dyn std::error::Error>)>())?;
            Ok(Error(io::Error::other(inner)))
        });
        made.unwrap_or_else(|refused| refused)
    }

    fn inner(&self) -> Option<&Inner> {
        self.0.get_ref()?.downcast_ref()
    }

    fn inner_mut(&mut self) -> Option<&mut Inner> {
        self.0.get_mut()?.downcast_mut()
    }

    /// The end of a guest that ended itself; it isn't a trap, and has no backtrace.
    pub fn exit(code: u32) -> Error {
        let mut error = Error::new(ErrorKind::Exit, format_args!("the guest exited with code {code}"));
        if let Some(inner) = error.inner_mut() {
            inner.exit_code = Some(code);
        }
        error
    }

    /// An exception that was thrown; it has no backtrace yet.
    pub fn exception(thrown: Thrown) -> Error {
        let mut error = Error::new(ErrorKind::Exception, TrapCode::Exception.message());
        if let Some(inner) = error.inner_mut() {
            inner.thrown = Some(thrown);
        }
        error
    }

    /// A trap, with the guest's backtrace where it happened.
    pub fn trap(code: TrapCode, fault: Option<MemoryFault>, backtrace: Backtrace) -> Error {
        let inner = |message| {
            let (kind, trap) = (ErrorKind::Trap, Some(code));
            Inner { kind, message, trap, fault, exit_code: None, thrown: None, backtrace }
        };
        Error::made(memory::copied(code.message()).map(inner))
    }

    /// The same error with the guest's backtrace attached, unless it has one.
    pub fn with_backtrace(mut self, backtrace: Backtrace) -> Error {
        if let Some(inner) = self.inner_mut().filter(|inner| inner.backtrace.frames.is_empty()) {
            inner.backtrace = backtrace;
        }
        self
    }

    /// The same error with another message. One without memory keeps its own.
    pub fn with_message(mut self, message: impl fmt::Display) -> Error {
        if let Some(inner) = self.inner_mut() {
            match one_line(message) {
                Ok(message) => inner.message = message,
                Err(refused) => return refused,
            }
        }
        self
    }

    /// What a program can act on.
    pub fn kind(&self) -> ErrorKind {
        self.inner().map_or_else(|| self.fixed().0, |inner| inner.kind)
    }

    /// What a person reads: one line.
    pub fn message(&self) -> &str {
        self.inner().map_or_else(|| self.fixed().1, |inner| &inner.message)
    }

    /// The reason of the trap, if the error is one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        self.inner()?.trap
    }

    /// The access that failed, for traps of the memory hardware.
    pub fn memory_fault(&self) -> Option<MemoryFault> {
        self.inner()?.fault
    }

    /// What the guest said when it ended itself.
    pub fn exit_code(&self) -> Option<u32> {
        self.inner()?.exit_code
    }

    /// The exception, if the error is one.
    pub fn thrown(&self) -> Option<&Thrown> {
        self.inner()?.thrown.as_ref()
    }

    /// The guest's frames, innermost first; empty if no guest code was running.
    pub fn backtrace(&self) -> &[BacktraceFrame] {
        self.inner().map_or(&[], |inner| &inner.backtrace.frames)
    }

    /// Whether the guest had more frames than that.
    pub fn is_backtrace_cut(&self) -> bool {
        self.inner().is_some_and(|inner| inner.backtrace.is_cut)
    }
}

/// The text without what would break or hide parts of a line: ends of lines, with the spaces around them, become a space,
/// other control characters the sign for something unknown.
fn one_line(text: impl fmt::Display) -> Result<String> {
    let text = memory::displayed(text)?;
    if !text.contains(|character: char| character.is_control() || ends_line(character)) {
        return Ok(text);
    }
    // The lines, the text of them, and the texts that it becomes, with signs of three bytes for one.
    memory::ask(size_of::<&str>() * text.len() + 7 * text.len())?;
    let lines = text.split(ends_line).map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    Ok(line.replace('\t', " ").replace(char::is_control, "\u{fffd}"))
}

/// A guest's name in a text of several lines: none of its characters begins another one, or does something to a terminal.
struct WithoutControls<'a>(&'a str);

impl fmt::Display for WithoutControls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.split(|character: char| character.is_control() || ends_line(character)).enumerate()
        {
            f.write_str(if place == 0 { "" } else { "\u{fffd}" })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        for (depth, frame) in self.backtrace().iter().enumerate() {
            let name = if frame.func_name.is_empty() { "?" } else { &frame.func_name };
            let (module, name) = (WithoutControls(&frame.module_name), WithoutControls(name));
            write!(f, "\n  #{depth} {module}!{name} (function {}) at {}", frame.func_index, frame.pc)?;
        }
        if self.is_backtrace_cut() {
            f.write_str("\n  … and more frames, which aren't told")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Returns early with an [`Error`] of the given kind and formatted message.
macro_rules! bail {
    ($kind:ident, $($arg:tt)*) => {
        return Err($crate::base::Error::new($crate::base::ErrorKind::$kind, format_args!($($arg)*)))
    };
}
pub(crate) use bail;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_that_frames_are_missing() {
        let frame = BacktraceFrame {
            module_name: "m".into(),
            func_index: 1,
            func_name: "f".into(),
            pc: WasmPc(16),
            func_offset: 2,
        };
        let error =
            |is_cut| Error::trap(TrapCode::Unreachable, None, Backtrace { frames: vec![frame.clone()], is_cut });
        let whole = error(false).to_string();
        assert!(whole.ends_with("#0 m!f (function 1) at 0x10"), "{whole}");
        let cut = error(true).clone().to_string();
        assert_eq!(cut, format!("{whole}\n  … and more frames, which aren't told"));
    }

    #[test]
    fn a_guests_name_is_no_line_of_a_text() {
        let frame = BacktraceFrame {
            module_name: "m\x1b[31m".into(),
            func_index: 1,
            func_name: "f\n  #1 m!g\u{2028}".into(),
            pc: WasmPc(16),
            func_offset: 2,
        };
        let text =
            Error::trap(TrapCode::Unreachable, None, Backtrace { frames: vec![frame], is_cut: false }).to_string();
        let ending = "\n  #0 m\u{fffd}[31m!f\u{fffd}  #1 m!g\u{fffd} (function 1) at 0x10";
        assert!(text.ends_with(ending) && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn an_error_without_memory_is_one() {
        let error = Error::no_memory().with_message("a").with_backtrace(Backtrace::default()).clone();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::System, "there is no memory left".to_string()));
        assert_eq!(Error::new(ErrorKind::Host, "").with_message("b").message(), "b");
        let absent = Error::absent().clone();
        assert_eq!((absent.kind(), absent.message()), (ErrorKind::NotFound, "there is none"));
        let exit = Error::exit(3).clone();
        assert_eq!((exit.kind(), exit.exit_code(), exit.trap_code()), (ErrorKind::Exit, Some(3), None));
    }

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
