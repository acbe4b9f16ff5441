//! The store: everything that guests of one embedding can reach.
//!
//! Its parts are operated on in files of their own, one per noun; here are the parts themselves, handles' checks and
//! what belongs to no noun. Invariants: entities are added and never removed, so a handle that was once good stays
//! good; no borrow of the cells lasts while guest or host code runs. Read next: [`super::instance`].

#![expect(unsafe_code, reason = "the store is reached by address from guest code")]

use super::activation::Activation;
use super::blob::Blob;
use super::call_chain::CallChain;
use super::entities::externs::Externs;
use super::entities::func::{FuncEntries, FuncRefs};
use super::entities::global::GlobalEntry;
use super::entities::growths::Growths;
use super::entities::holds::Holds;
use super::entities::host_roots::{HostRoots, RootKind};
use super::entities::instance::InstanceData;
use super::entities::memory::LinearMemory;
use super::entities::table::TableData;
use super::entities::tag::TagEntry;
use super::epoch::{Deadline, LimitAction};
use super::gc::Heap;
use super::host_answer::{Awaited, HostAnswer, Wait};
use super::machine::code_map::CodeMap;
use super::machine::code_memory::{PatchMethod, TrampolineCode};
use super::machine::guest_stack::{HEADROOM, StackPool};
use super::machine::interrupts::OwnedContext;
use super::machine::store_context::{BuiltinTable, StoreContext};
use super::machine::thread::{KnownThread, Side};
use super::mapped_blob::{MappedBlob, StoreModule};
use super::throwing::Throwing;
use super::{Engine, Module};
use crate::abi::heap::VmHeap;
use crate::abi::references::host_reference;
use crate::base::{
    BlobId, BodyIndex, CodeOffset, DefinedFuncIndex, Error, ErrorKind, ExternRef, Instance, NativePc, Result, StoreId,
    StoreLimits, error::bail, memory,
};
use cranelift_entity::EntityRef;
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store. Used by one thread at a time; all operations take it by shared reference, since host functions use it
/// while a guest is running.
///
/// It isn't `Send`, because host functions needn't be. Whoever knows that they are may move a store to another thread,
/// together with all its calls, suspended ones too.
#[repr(transparent)]
pub struct Store {
    /// Owned by the `Store` that [`Store::with_builtins`] made. The store's context holds another, which [`Store::of_context`] lends.
    inner: NonNull<StoreInner>,
}

/// Who is told when a store maps code.
pub trait CodeObserver {
    /// A blob was mapped. None of its code is reachable yet; if this fails, it never will be.
    fn mapped(&self, store: &Store, blob: &Rc<MappedBlob>) -> Result<()>;
}

/// Who is asked when the host has run, and is about to return into the guest.
pub trait ReturnObserver {
    /// Whether the guest is to be left at once, see [`Interrupts::look`](super::Interrupts::look).
    fn returns(&self, store: &Store) -> bool;
}

/// What a store is made of.
pub struct StoreInner {
    pub(super) id: StoreId,
    pub(super) engine: Engine,
    pub(super) limits: Cell<StoreLimits>,
    pub(super) embedder: Cell<*mut c_void>,
    /// Why the store can't be used any more.
    poisoned: RefCell<Option<String>>,

    pub(super) context: OwnedContext,
    pub(super) stacks: Rc<StackPool>,
    /// What of the threads its guests run with.
    pub(super) thread_side: Side,
    /// The thread that has run its guests last, if it is ready and the context has its number.
    pub(super) known_thread: Cell<KnownThread>,
    pub(super) calls: CallChain,
    /// What the host function that just failed answered.
    pub(super) host_error: RefCell<Option<Error>>,
    /// What it meant, if that was no failure.
    pub(super) host_answer: Cell<HostAnswer>,
    /// What the call waits for that has just yielded.
    pub(super) awaited: Cell<Awaited>,
    /// What a host function waits for that is to be called again when the call is resumed.
    pub(super) wait: Cell<Option<Box<Wait>>>,

    pub(super) instances: RefCell<Vec<Rc<InstanceData>>>,
    pub(super) funcs: FuncEntries,
    pub(super) func_refs: RefCell<FuncRefs>,
    /// What the host functions are, for keeping only: guest code has their addresses.
    pub(super) host_funcs: RefCell<Vec<Rc<dyn Any>>>,
    pub(super) memories: RefCell<Vec<Arc<LinearMemory>>>,
    pub(super) growths: Growths,
    pub(super) tables: RefCell<Vec<Rc<TableData>>>,
    pub(super) globals: RefCell<Vec<GlobalEntry>>,
    pub(super) tags: RefCell<Vec<TagEntry>>,
    /// The exception that a call was just left with.
    pub(super) throwing: Cell<Option<Box<Throwing>>>,
    pub(super) externs: Externs,
    /// Made when it is first needed.
    pub(super) heap: OnceCell<Rc<RefCell<Heap>>>,
    /// What the host has references to.
    pub(super) host_roots: RefCell<HostRoots>,
    /// Host functions that run, and scopes that the host has opened.
    pub(super) scopes: Cell<u32>,
    /// Those that the host has opened: what each is told by, and what was good before it.
    pub(super) open_scopes: RefCell<Vec<(u64, usize)>>,
    /// How many of these there were when the host function was called that runs: they aren't its to close.
    pub(super) outer_scopes: Cell<usize>,
    /// What the last one was told by.
    last_scope: Cell<u64>,
    /// What the library itself keeps.
    pub(super) holds: Holds,

    /// Modules in the order of first instantiation.
    pub(super) modules: RefCell<Vec<Module>>,
    /// The modules that have code here, by module number.
    mapped: RefCell<HashMap<u64, Rc<StoreModule>>>,
    /// Their code, by number; none where it isn't mapped any more.
    pub(super) blobs: RefCell<Vec<Option<Rc<MappedBlob>>>>,
    code_observer: RefCell<Option<Rc<dyn CodeObserver>>>,
    return_observer: RefCell<Option<Rc<dyn ReturnObserver>>>,
    /// Whether that one is asked.
    observes_returns: Cell<bool>,
    /// Whether it is one of a group's.
    is_in_group: Cell<bool>,
    /// Its deadline in the engine's epochs.
    pub(super) epoch: Cell<Option<Deadline>>,
    pub(super) epoch_action: Cell<LimitAction>,
    pub(super) fuel_action: Cell<LimitAction>,
    /// The trampolines in the code map, for keeping only.
    trampolines: RefCell<Vec<Arc<TrampolineCode>>>,
    pub(super) code: RefCell<CodeMap>,
}

impl StoreInner {
    fn update_nested_calls(&self) {
        let is_poisoned = self.poisoned.borrow().is_some();
        self.calls.set_limit(if is_poisoned { 0 } else { self.limits.get().nested_calls });
    }
}

impl Store {
    /// An empty store, whose guests find the stubs of the builtins in this table.
    pub(super) fn with_builtins(
        engine: &Engine,
        limits: StoreLimits,
        builtins: &'static BuiltinTable,
    ) -> Result<Store> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let has_handlers = engine.config().signal_handlers;
        let inner = Box::into_raw(Box::new(StoreInner {
            id: StoreId(NEXT.fetch_add(1, Ordering::Relaxed)),
            engine: engine.clone(),
            limits: Cell::new(limits),
            embedder: Cell::new(ptr::null_mut()),
            poisoned: RefCell::default(),
            context: OwnedContext::new(StoreContext {
                type_paths: engine.types().paths(),
                ..StoreContext::new(builtins)
            }),
            stacks: Rc::new(StackPool::new(if has_handlers { 0 } else { HEADROOM }, engine.config().poison_stacks)),
            thread_side: if has_handlers { Side::Handled } else { Side::Unhandled },
            known_thread: Cell::new(KnownThread::NONE),
            calls: CallChain::new(limits.nested_calls),
            host_error: RefCell::default(),
            host_answer: Cell::new(HostAnswer::Failed),
            awaited: Cell::new(Awaited::NOTHING),
            wait: Cell::default(),
            instances: RefCell::default(),
            funcs: FuncEntries::default(),
            func_refs: RefCell::default(),
            host_funcs: RefCell::default(),
            memories: RefCell::default(),
            growths: Growths::default(),
            tables: RefCell::default(),
            globals: RefCell::default(),
            tags: RefCell::default(),
            throwing: Cell::default(),
            externs: Externs::default(),
            heap: OnceCell::new(),
            host_roots: RefCell::default(),
            scopes: Cell::new(0),
            open_scopes: RefCell::default(),
            outer_scopes: Cell::new(0),
            last_scope: Cell::new(0),
            holds: Holds::default(),
            modules: RefCell::default(),
            mapped: RefCell::default(),
            blobs: RefCell::default(),
            code_observer: RefCell::default(),
            return_observer: RefCell::default(),
            observes_returns: Cell::new(false),
            is_in_group: Cell::new(false),
            epoch: Cell::default(),
            epoch_action: Cell::default(),
            fuel_action: Cell::default(),
            trampolines: RefCell::default(),
            code: RefCell::default(),
        }));
        // SAFETY: the box was just made and is at its final address; no guest code runs that could use the context.
        unsafe {
            let context = (*inner).context.get();
            (*context).store = inner.cast();
            (*context).heap = &raw const (*context).no_heap;
            (*context).code = &raw const (*inner).code;
            (*inner).stacks.set_context(context.cast());
        }
        Ok(Store { inner: NonNull::new(inner).expect("a box has an address") })
    }

    /// The store of a context, for code that guests called.
    ///
    /// # Safety
    ///
    /// `context` must be that of a store which lives as long as the result is used.
    #[inline]
    pub(super) unsafe fn of_context<'a>(context: *const StoreContext) -> &'a Store {
        // SAFETY: `Store::with_builtins` set the field to the store's address, which isn't null, and nobody changes it. A `Store` is
        // just such an address. It isn't dropped, since only a reference to it is given out.
        unsafe { &*(&raw const (*context).store).cast::<Store>() }
    }

    #[inline]
    pub(super) fn inner(&self) -> &StoreInner {
        // SAFETY: the box lives until the owning `Store` is dropped, and is only accessed by shared reference.
        unsafe { self.inner.as_ref() }
    }

    /// What its handles are stamped with.
    pub fn id(&self) -> StoreId {
        self.inner().id
    }

    /// The engine that it was made with.
    pub fn engine(&self) -> &Engine {
        &self.inner().engine
    }

    /// What its guests may use.
    pub fn limits(&self) -> StoreLimits {
        self.inner().limits.get()
    }

    /// Changes what its guests may use; what they have already isn't taken away.
    pub fn set_limits(&self, limits: StoreLimits) {
        self.inner().limits.set(limits);
        self.inner().update_nested_calls();
    }

    /// Keeps an opaque pointer for the layer above.
    pub fn set_embedder(&self, embedder: *mut c_void) {
        self.inner().embedder.set(embedder);
    }

    /// The pointer that [`Store::set_embedder`] was given last, or null.
    pub fn embedder(&self) -> *mut c_void {
        self.inner().embedder.get()
    }

    /// `InvalidState` if the store is in a group of stores that run one program, for good.
    pub fn check_in_no_group(&self) -> Result<()> {
        if self.inner().is_in_group.get() {
            bail!(InvalidState, "the store is in a group of threads already");
        }
        Ok(())
    }

    /// Notes that the store is in a group.
    pub fn enter_group(&self) {
        self.inner().is_in_group.set(true);
    }

    /// Number of instances, those included whose segments trapped. Their handles are `Instance { store: id, index }`.
    pub fn instances(&self) -> u64 {
        self.inner().instances.borrow().len() as u64
    }

    /// Its modules, each once, in the order in which they were first instantiated.
    pub fn modules(&self) -> Vec<Module> {
        self.inner().modules.borrow().clone()
    }

    /// What is found in the first module, in the same order, in which something is.
    pub fn find_in_modules<T>(&self, find: impl FnMut(&Module) -> Option<T>) -> Option<T> {
        self.inner().modules.borrow().iter().find_map(find)
    }

    /// Makes the store unusable: running and instantiating answer `Poisoned` with this reason from now on. The first
    /// reason is kept.
    pub fn poison(&self, reason: &str) {
        self.inner().poisoned.borrow_mut().get_or_insert_with(|| reason.to_string());
        self.inner().update_nested_calls();
    }

    /// `Poisoned` if the store is.
    #[inline]
    pub fn check_poisoned(&self) -> Result<()> {
        match &*self.inner().poisoned.borrow() {
            Some(reason) => Err(unusable(reason)),
            None => Ok(()),
        }
    }

    /// `WrongStore` unless a handle with this stamp is this store's.
    #[inline]
    pub(super) fn check(&self, store: StoreId) -> Result<()> {
        if store == self.inner().id { Ok(()) } else { Err(self.wrong_store(store)) }
    }

    #[cold]
    fn wrong_store(&self, store: StoreId) -> Error {
        Error::new(
            ErrorKind::WrongStore,
            format_args!("the handle is of store {}, not of store {}", store.0, self.id().0),
        )
    }

    /// The error for a handle or index that is too large.
    #[cold]
    pub(super) fn out_of_range(what: &str, index: u64, length: u64) -> Error {
        Error::new(ErrorKind::OutOfRange, format_args!("{what} {index} is out of range: there are {length}"))
    }

    /// Keeps a host value, so that the guest can hold a reference to it: for as long as the store lives or, if it was made in a scope,
    /// until that is closed and the guest has no reference to it.
    ///
    /// Garbage is collected first if there are many that may go.
    ///
    /// Errors: `System` if there is no memory for it; `Limit` if there are too many.
    pub fn externref_new(&self, data: Box<dyn Any>) -> Result<ExternRef> {
        let inner = self.inner();
        let (externs, is_permanent) = (&inner.externs, inner.scopes.get() == 0);
        if !is_permanent {
            // Without heap nothing is ever collected.
            self.heap_or_new()?;
        }
        let most = self.limits().host_references;
        let is_due = !is_permanent && (externs.is_due() || inner.engine.config().stress_heap);
        if is_due || externs.present() >= most {
            self.collect_garbage()?;
        }
        if externs.present() >= most {
            bail!(Limit, "the store may have {most} host references");
        }
        let number = externs.add(data, is_permanent)?;
        if !is_permanent {
            inner.host_roots.borrow_mut().add(host_reference(number), RootKind::Host)?;
        }
        Ok(ExternRef { store: self.id(), index: externs.handle(number) })
    }

    /// Guest code finds the heap there from now on.
    pub(super) fn set_vm_heap(&self, heap: &Rc<VmHeap>) {
        // SAFETY: the context is this store's, and guest code isn't running. The heap is there as long as the store.
        unsafe { (*self.inner().context.get()).heap = Rc::as_ptr(heap) };
    }

    /// Opens a scope: what the host is given references to is kept until it is closed. Answers what that is done by, which is never
    /// used again.
    ///
    /// Errors: `System`.
    pub fn open_scope(&self) -> Result<u64> {
        let inner = self.inner();
        let mut open = inner.open_scopes.borrow_mut();
        memory::reserve(&mut open, 1)?;
        let scope = inner.last_scope.get() + 1;
        inner.last_scope.set(scope);
        open.push((scope, inner.host_roots.borrow().scope()));
        inner.scopes.set(inner.scopes.get() + 1);
        Ok(scope)
    }

    /// Closes the scope that was opened last.
    ///
    /// Errors: `InvalidState` if it is another one, or one that the host function that runs hasn't opened.
    pub fn close_scope(&self, scope: u64) -> Result<()> {
        let inner = self.inner();
        let mut open = inner.open_scopes.borrow_mut();
        match open.last() {
            Some((last, before)) if *last == scope && open.len() > inner.outer_scopes.get() => {
                inner.host_roots.borrow_mut().close(*before);
            }
            _ => bail!(InvalidState, "the scope isn't the one that was opened last"),
        }
        open.pop();
        inner.scopes.set(inner.scopes.get() - 1);
        Ok(())
    }

    /// Looks at the value behind a reference, without using the store. `InvalidArgument` if it is the guest's, `OutOfRange` if there is
    /// none.
    pub fn with_externref<R>(&self, reference: ExternRef, look: impl FnOnce(&dyn Any) -> R) -> Result<R> {
        self.check(reference.store)?;
        if reference.index & ExternRef::OF_GUEST != 0 {
            self.word_of(reference)?;
            bail!(InvalidArgument, "the reference is to a value of the guest's");
        }
        let externs = &self.inner().externs;
        match externs.with(reference.index, look) {
            Some(found) => Ok(found),
            None if externs.has_been(reference.index) => {
                bail!(OutOfRange, "the host's value {} is gone", reference.index)
            }
            None => Err(Store::out_of_range("host reference", reference.index, externs.count().into())),
        }
    }

    /// Entry points of the builtins' stubs.
    pub(super) fn builtin_stubs(&self) -> &'static BuiltinTable {
        // SAFETY: the context is this store's, and nobody writes this word of it.
        unsafe { (*self.inner().context.get()).builtins }
    }

    /// Where guest code waits for host functions, newest first: one entry per running call.
    pub fn activations(&self) -> Vec<Activation> {
        let inner = self.inner();
        // SAFETY: the context is this store's; guest code isn't running.
        unsafe { inner.calls.activations((*inner.context.get()).exit_frame) }
    }

    /// The number and epoch of the call whose guest code called the host function now running.
    pub fn current_call(&self) -> Option<(u64, u64)> {
        let calls = &self.inner().calls;
        let call = calls.current()?;
        Some((calls.number(call), call.epoch.get()))
    }

    /// Notes that a host function is about to return into the guest.
    ///
    /// # Safety
    ///
    /// To be called while a call runs.
    #[inline]
    pub(super) unsafe fn reenter(&self) {
        // SAFETY: the caller's promise; a call that runs is neither moved nor dropped.
        unsafe { (*self.inner().calls.innermost.get()).bump_epoch() };
    }

    /// The instance whose context is at this address (word 0 of a frame's state slot).
    pub fn instance_of_context(&self, context: u64) -> Option<Instance> {
        let index = self.inner().func_refs.borrow().instance_of_context(context as usize)?;
        Some(Instance { store: self.id(), index })
    }

    /// The blob whose code is at an address.
    #[inline]
    pub fn blob_at(&self, pc: NativePc) -> Option<Rc<MappedBlob>> {
        let found = self.inner().code.borrow().code_at(pc);
        self.inner().blobs.borrow()[found??.index()].clone()
    }

    /// The blobs of a module that are mapped, oldest first.
    pub fn blobs_of(&self, module: &Module) -> Vec<Rc<MappedBlob>> {
        let known = self.inner().mapped.borrow().get(&module.id()).cloned();
        known.map_or_else(Vec::new, |known| known.blobs.borrow().clone())
    }

    /// Makes sure that a module's code is mapped.
    ///
    /// Errors: `InvalidArgument` for a module of another engine; `System`; what the [`CodeObserver`] answers.
    pub fn map(&self, module: &Module) -> Result<()> {
        self.check_engine(module)?;
        self.mapped(module).map(|_| ())
    }

    /// A module as the store has it, mapped when first asked for.
    pub(super) fn mapped(&self, module: &Module) -> Result<Rc<StoreModule>> {
        if let Some(known) = self.inner().mapped.borrow().get(&module.id()) {
            return Ok(known.clone());
        }
        let new = Rc::new(StoreModule::new(module.clone()));
        self.map_into(&new, module.blob().clone())?;
        self.inner().mapped.borrow_mut().insert(module.id(), new.clone());
        Ok(new)
    }

    /// Maps one more blob of a module. Functions that are in it are entered there from now on, wherever a function is
    /// entered by a reference that is made after this.
    ///
    /// Errors: as [`Store::map`].
    pub fn map_blob(&self, module: &Module, blob: Arc<Blob>) -> Result<Rc<MappedBlob>> {
        self.check_engine(module)?;
        let known = self.mapped(module)?;
        self.map_into(&known, blob)
    }

    /// A function of a module in its exact form, compiled and mapped when first asked for.
    ///
    /// Errors: as [`Store::map`]; `Limit`.
    pub fn exact_form(&self, module: &Module, function: DefinedFuncIndex) -> Result<(Rc<MappedBlob>, BodyIndex)> {
        self.check_engine(module)?;
        let known = self.mapped(module)?;
        if let Some(form) = known.exact_form(function) {
            return Ok(form);
        }
        let blob = self.map_into(&known, module.exact_form(function)?)?;
        let body = blob.tables().bodies_of(function).next().expect("it was just compiled");
        Ok((blob, body))
    }

    /// Takes code away again, which no frame is in and nothing leads to: functions that were compiled alone.
    pub fn unmap(&self, blob: &MappedBlob) {
        assert!(blob.is_alone(), "other code is entered by address");
        let inner = self.inner();
        inner.code.borrow_mut().remove(blob.code.base());
        let known = inner.mapped.borrow().get(&blob.module().id()).cloned();
        if let Some(known) = known {
            known.blobs.borrow_mut().retain(|other| other.id() != blob.id());
        }
        inner.blobs.borrow_mut()[blob.id().index()] = None;
    }

    fn map_into(&self, module: &StoreModule, blob: Arc<Blob>) -> Result<Rc<MappedBlob>> {
        let inner = self.inner();
        let code = blob.code.map_for_store(inner.context.get())?;
        let range = code.base()..code.base() + code.length();
        let id = BlobId::new(inner.blobs.borrow().len());
        let mapped = Rc::new(MappedBlob::new(id, module.module.clone(), blob.clone(), code));
        let observer = inner.code_observer.borrow().clone();
        if let Some(observer) = observer {
            observer.mapped(self, &mapped)?;
        }
        inner.code.borrow_mut().add(range, Some(id), blob);
        inner.blobs.borrow_mut().push(Some(mapped.clone()));
        module.blobs.borrow_mut().push(mapped.clone());
        Ok(mapped)
    }

    /// Has `observer` told of every blob that is mapped from now on.
    pub fn set_code_observer(&self, observer: Rc<dyn CodeObserver>) {
        *self.inner().code_observer.borrow_mut() = Some(observer);
    }

    /// Has `observer` asked when host functions return, as soon as [`Store::observe_returns`] says so.
    pub fn set_return_observer(&self, observer: Rc<dyn ReturnObserver>) {
        *self.inner().return_observer.borrow_mut() = Some(observer);
    }

    /// Turns that on or off.
    pub fn observe_returns(&self, on: bool) {
        self.inner().observes_returns.set(on);
    }

    /// Notes that a host function has returned, and guest code is going on.
    #[inline]
    pub(super) fn has_returned(&self) {
        if self.inner().observes_returns.get() {
            self.ask_return_observer();
        }
    }

    #[cold]
    fn ask_return_observer(&self) {
        let observer = self.inner().return_observer.borrow().clone();
        if observer.is_some_and(|observer| observer.returns(self)) {
            self.look_soon();
        }
    }

    /// Has the store know trampolines that its guests go through.
    pub(super) fn add_trampolines(&self, code: Arc<TrampolineCode>) {
        if self.inner().code.borrow_mut().add(code.range(), None, code.clone()) {
            self.inner().trampolines.borrow_mut().push(code);
        }
    }

    /// Arms and disarms stop points of a blob of this store, all of them or none: each edit is a stop point's return offset
    /// and whether to arm it.
    ///
    /// Errors: `OutOfRange` before anything is written; `System`, or `DebugDisabled` for code without stop points. If the
    /// system leaves pages that can't be executed, or code that is changed in part, the store is poisoned.
    pub fn patch(&self, blob: &MappedBlob, edits: impl Iterator<Item = (CodeOffset, bool)>) -> Result<()> {
        let mut edits: Vec<_> = edits.collect();
        let patched = blob.code.patch(&mut edits, PatchMethod::preferred());
        patched.map_err(|refused| {
            if !refused.usable {
                self.poison(refused.error.message());
            }
            refused.error
        })?;
        blob.set_guards(edits.iter().map(|(stop, _)| *stop));
        Ok(())
    }

    /// Types have numbers by engine, so modules of another one can't be used.
    pub(super) fn check_engine(&self, module: &Module) -> Result<()> {
        if !module.engine().is_same(self.engine()) {
            bail!(InvalidArgument, "the module was compiled by another engine than the store's");
        }
        Ok(())
    }
}

#[cold]
fn unusable(reason: &str) -> Error {
    Error::new(ErrorKind::Poisoned, format_args!("the store is unusable: {reason}"))
}

impl Drop for Store {
    fn drop(&mut self) {
        self.clear_epoch_deadline();
        // SAFETY: this is the owning `Store`, the others are never dropped.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}
