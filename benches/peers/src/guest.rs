//! What both engines can do, said once.

/// A value that goes in or out of a guest.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    I32(i32),
    I64(i64),
}

/// An instance in a store of its own.
pub trait Guest {
    /// Whether it exports this.
    fn has(&mut self, export: &str) -> bool;
    /// Calls an exported function.
    fn call(&mut self, export: &str, args: &[Value]) -> Option<Value>;
    /// Writes to its memory.
    fn write(&mut self, address: u32, bytes: &[u8]);
    /// The engine, for messages.
    fn describe(&self) -> String;
}

/// The answer to every import that gives a result: WASI's number for a bad file descriptor.
pub const BAD_DESCRIPTOR: i32 = 8;
