//! Edit sessions: begin, any number of intents, then commit or discard.

use super::Debuggee;
use crate::base::{FuncIndex, Result, StoreId, WasmPc};
use crate::runtime::Module;

/// A list of intended changes to a store's breakpoints. Nothing happens before [`Edit::commit`], which does all of
/// it or nothing. Dropping an edit discards it.
///
/// An edit may be begun, filled and committed at rest, inside a host function, inside an event handler, and while calls
/// are paused. It makes no frame stale.
pub struct Edit {
    store: StoreId,
}

impl Edit {
    /// Begins an edit of `debuggee`'s breakpoints. Any number may be under way.
    pub fn begin(debuggee: &Debuggee) -> Result<Edit> {
        let _ = debuggee;
        todo!()
    }

    /// The store that it was begun on.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Intends to add a breakpoint; answers its id and the operator where it lands.
    ///
    /// A pc between operators slips to the next operator of the same body, one in a function's header to its first.
    /// `OutOfRange` past the last operator of a body, or outside all bodies.
    pub fn add(&mut self, debuggee: &Debuggee, module: &Module, pc: WasmPc) -> Result<(u64, WasmPc)> {
        let _ = (debuggee, module, pc);
        todo!()
    }

    /// Intends to add a breakpoint at a function's first operator. `InvalidArgument` for an imported function.
    pub fn add_at_function(
        &mut self,
        debuggee: &Debuggee,
        module: &Module,
        function: FuncIndex,
    ) -> Result<(u64, WasmPc)> {
        let _ = (debuggee, module, function);
        todo!()
    }

    /// Intends to remove a breakpoint. Whether it exists is checked by the commit.
    pub fn remove(&mut self, id: u64) {
        let _ = id;
        todo!()
    }

    /// Intends to enable or disable a breakpoint. Whether it exists is checked by the commit.
    pub fn enable(&mut self, id: u64, enabled: bool) {
        let _ = (id, enabled);
        todo!()
    }

    /// Intends to turn single-step mode on or off.
    pub fn single_step(&mut self, on: bool) {
        let _ = on;
        todo!()
    }

    /// Makes the changes, in the order in which they were intended, or none of them.
    ///
    /// `WrongStore` if it was begun on another store, `NotFound` if a breakpoint that it names doesn't exist,
    /// `System` or `Poisoned` if code couldn't be changed.
    pub fn commit(self, debuggee: &Debuggee) -> Result<()> {
        let _ = debuggee;
        todo!()
    }

    /// Forgets the changes, as dropping the edit does.
    pub fn discard(self) {}
}
