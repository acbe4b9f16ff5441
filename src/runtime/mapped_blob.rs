//! Blobs as one store has them mapped, and a module as the store has it: any number of blobs.
//!
//! Knows nothing of stores. Invariant: a blob stays where it is as long as its store. Read next: [`super::walk`], which leads
//! from an address to a blob and the function in it.

use super::Module;
use super::blob::Blob;
use super::machine::code_memory::StoreCode;
use crate::abi::artifact::{CompiledBlob, Form};
use crate::abi::frame_table::FrameTable;
use crate::base::{BlobId, BodyIndex, CodeOffset, DefinedFuncIndex, NativePc};
use cranelift_entity::EntityRef;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// A blob that a store has mapped.
pub struct MappedBlob {
    id: BlobId,
    module: Module,
    blob: Arc<Blob>,
    pub(super) code: StoreCode,
    /// By function: see [`GUARDS`](crate::abi::vmctx::GUARDS).
    guards: Box<[Cell<u8>]>,
}

impl MappedBlob {
    pub(super) fn new(id: BlobId, module: Module, blob: Arc<Blob>, code: StoreCode) -> MappedBlob {
        let guards = blob.tables.guarded.last().map_or(0, |last| last.index() + 1);
        MappedBlob { id, module, blob, code, guards: vec![Cell::new(0); guards].into() }
    }

    /// Its number in the store.
    #[inline]
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// The module whose functions are in it.
    #[inline]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Its tables.
    #[inline]
    pub fn tables(&self) -> &CompiledBlob {
        &self.blob.tables
    }

    /// Stop points and frame states, if it was compiled for debugging.
    #[inline]
    pub fn frames(&self) -> Option<&FrameTable> {
        self.blob.tables.frames.as_ref()
    }

    /// Which function a piece of its code is.
    #[inline]
    pub fn function(&self, body: BodyIndex) -> DefinedFuncIndex {
        self.blob.tables.functions[body].function
    }

    /// The form that a piece of its code is in.
    pub fn form(&self, body: BodyIndex) -> Form {
        self.blob.tables.functions[body].form
    }

    /// The address of a place in it.
    pub fn address(&self, offset: CodeOffset) -> NativePc {
        NativePc(self.code.base() + offset.0 as usize)
    }

    /// Sets the guards of functions whose stop points were armed or disarmed, given by their return offsets.
    pub(super) fn set_guards(&self, stops: impl Iterator<Item = CodeOffset>) {
        let tables = &self.blob.tables;
        for stop in stops {
            let Some(body) = tables.body_at(CodeOffset(stop.0 - 1)) else { continue };
            let function = self.function(body);
            if tables.guarded.binary_search(&function).is_ok() {
                let all = self.frames().map_or(&[][..], |frames| frames.stops_of(body));
                let is_armed = all.iter().any(|stop| self.code.is_armed(stop.return_offset));
                self.guards[function.index()].set(u8::from(is_armed));
            }
        }
    }

    /// Where a piece of its code is entered.
    pub fn entry(&self, body: BodyIndex) -> NativePc {
        self.address(self.blob.tables.functions[body].start)
    }

    /// Whether it is a function that was compiled alone, to go on in where another form of it was left.
    pub fn is_alone(&self) -> bool {
        self.blob.is_alone
    }

    /// Whether an address is in it.
    #[inline]
    pub(super) fn contains(&self, pc: NativePc) -> bool {
        pc.0.wrapping_sub(self.code.base()) < self.code.length()
    }

    /// The place of an address, which must be in it.
    #[inline]
    pub fn offset(&self, pc: NativePc) -> CodeOffset {
        CodeOffset((pc.0 - self.code.base()) as u32)
    }
}

impl fmt::Debug for MappedBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedBlob").field("id", &self.id).field("module", &self.module).finish()
    }
}

/// A module as a store has it.
pub struct StoreModule {
    pub(super) module: Module,
    /// Its blobs that are mapped, oldest first.
    pub(super) blobs: RefCell<Vec<Rc<MappedBlob>>>,
    /// Whether it was instantiated, rather than only mapped.
    pub(super) is_instantiated: Cell<bool>,
}

impl StoreModule {
    pub(super) fn new(module: Module) -> StoreModule {
        StoreModule { module, blobs: RefCell::default(), is_instantiated: Cell::new(false) }
    }

    /// Where a function is entered from now on: in the newest blob that has all of them, and there in its debuggable form if
    /// there are both.
    pub(super) fn entry(&self, function: DefinedFuncIndex) -> Option<NativePc> {
        let blobs = self.blobs.borrow();
        let mut whole = blobs.iter().rev().filter(|blob| !blob.is_alone());
        whole.find_map(|blob| Some(blob.entry(blob.tables().bodies_of(function).last()?)))
    }

    /// Where the code begins that the module was compiled to when it was loaded.
    pub(super) fn base(&self) -> usize {
        self.blobs.borrow().first().map_or(0, |blob| blob.code.base())
    }

    /// The address of the guards of its functions.
    pub(super) fn guards(&self) -> *const Cell<u8> {
        self.blobs.borrow().first().map_or(std::ptr::null(), |blob| blob.guards.as_ptr())
    }

    /// A function in its exact form, if that is mapped.
    pub(super) fn exact_form(&self, function: DefinedFuncIndex) -> Option<(Rc<MappedBlob>, BodyIndex)> {
        let blobs = self.blobs.borrow();
        blobs.iter().rev().find_map(|blob| {
            let mut bodies = blob.tables().bodies_of(function);
            Some((blob.clone(), bodies.find(|body| blob.form(*body) == Form::Exact)?))
        })
    }
}
