//! Throwing: finding who catches an exception, and having the guest go on there.
//!
//! First the frames are walked, newest first, up to one whose call has a handler that takes the exception; until then nothing is
//! changed, so that whoever looks sees the guest where it threw, and knows where it will go on. Then what the exception carries is
//! put into the frame that catches it, and the guest lands there: all newer frames are gone. If no frame of the call catches it,
//! the call ends, with an error that has the exception in it; a host function that made the call may hand that on.
//! Knows nothing of events. Read next: [`super::machine::switch`], [`crate::abi::artifact::Handler`].

#![expect(unsafe_code, reason = "reads and writes frames of guest code")]

use super::Store;
use super::activation::{Activation, PcKind};
use super::call_chain::ExitPlace;
use super::entities::holds::Hold;
use super::entities::host_roots::RootKind;
use super::machine::store_context::{Landing, StoreContext};
use super::machine::switch;
use super::mapped_blob::MappedBlob;
use super::throwing::{Catching, HostThrow, InFlight, Throwing};
use crate::abi::artifact::Clause;
use crate::abi::heap::is_object;
use crate::abi::object_layout::{EXCEPTION_TAG, StructLayout, is_traced, storage_bytes};
use crate::abi::references::host_number;
use crate::abi::vmctx;
use crate::base::{
    Error, ErrorKind, ExnRef, RawValue, Result, StorageType, Tag, Thrown, TrapCode, TypeId, ValType, Value,
    error::bail, memory,
};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

impl Store {
    /// Throws an exception of this tag, from guest code that has called the host for that. Answers what its stub wants to hear.
    ///
    /// # Safety
    ///
    /// Guest code must have called the host, and its stub have noted where. There must be as many values as the tag's type says, which
    /// guest code has made.
    pub(super) unsafe fn throw_values(&self, tag: u64, values: *const RawValue) -> *mut StoreContext {
        // SAFETY: the caller's promise.
        unsafe { self.throw(InFlight { tag, values, reference: 0 }) }
    }

    /// The same for an exception that there is a reference to, which is good and not null.
    ///
    /// # Safety
    ///
    /// As for [`Store::throw_values`].
    pub(super) unsafe fn throw_reference(&self, reference: u64) -> *mut StoreContext {
        match self.exception_of_word(reference as u32) {
            // SAFETY: the caller's promise; the values are used before this returns.
            Ok((tag, values)) => unsafe { self.throw(InFlight { tag, values: values.as_ptr(), reference }) },
            Err(error) => self.host_failed(error),
        }
    }

    /// The same for an exception that a host function has failed with; none if it isn't one of the store's, or nobody catches it.
    ///
    /// # Safety
    ///
    /// As for [`Store::throw_values`].
    pub(super) unsafe fn throw_error(&self, error: &Error) -> Option<*mut StoreContext> {
        let (tag, raw) = self.raw_thrown(error)?;
        // SAFETY: the caller's promise; the values were just checked, and are used before this returns.
        unsafe {
            let place = self.exit_place();
            let exception = InFlight { tag, values: raw.as_ptr(), reference: 0 };
            let context = self.inner().context.get();
            match self.catch_or_leave(place, exception) {
                Ok(answer) => Some(context.map_addr(|address| address + answer)),
                // Nobody catches it: the error is the function's, as it is.
                Err(error) if error.kind() == ErrorKind::Exception => None,
                Err(error) => Some(self.host_failed(error)),
            }
        }
    }

    /// The exception that an error is, in raw form; none if it is none of the store's.
    pub(super) fn raw_thrown(&self, error: &Error) -> Option<(u64, Vec<RawValue>)> {
        let thrown = error.thrown()?;
        Some((thrown.tag.index, self.raw_carried(thrown.tag, &thrown.values).ok()?))
    }

    /// What an exception of a tag carries, in raw form.
    ///
    /// Errors: `WrongStore`, `OutOfRange`; `InvalidArgument` for a wrong number of values; `TypeMismatch`; `System`.
    fn raw_carried(&self, tag: Tag, values: &[Value]) -> Result<Vec<RawValue>> {
        let ty = self.tag_type(tag)?;
        if values.len() != ty.params.len() {
            bail!(InvalidArgument, "{} values are given, the tag's exceptions carry {}", values.len(), ty.params.len());
        }
        let mut raw = Vec::new();
        memory::reserve(&mut raw, values.len())?;
        for (place, (value, ty)) in values.iter().zip(&ty.params).enumerate() {
            raw.push(self.raw_as(value, *ty, "value # of an exception", place)?);
        }
        Ok(raw)
    }

    /// Where guest code has called the host.
    ///
    /// # Safety
    ///
    /// It must have, and its stub have noted where.
    unsafe fn exit_place(&self) -> ExitPlace {
        // SAFETY: the context is this store's, guest code isn't running; the stub has put these two words on the call's stack.
        let [fp, pc] = unsafe { *((*self.inner().context.get()).exit_frame as *const [usize; 2]) };
        ExitPlace { pc, fp, kind: PcKind::Return }
    }

    /// # Safety
    ///
    /// As for [`Store::throw_values`].
    unsafe fn throw(&self, exception: InFlight) -> *mut StoreContext {
        let inner = self.inner();
        let context = inner.context.get();
        // SAFETY: the caller's promise.
        let caught = unsafe {
            let place = self.exit_place();
            self.catch_or_leave(place, exception)
        };
        match caught {
            Ok(answer) => context.map_addr(|address| address + answer),
            Err(error) => {
                let is_thrown = error.kind() == ErrorKind::Exception;
                *inner.host_error.borrow_mut() = Some(error);
                // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
                unsafe {
                    (*context).trap.code = if is_thrown { TrapCode::Exception } else { TrapCode::HostError };
                    (*context).trap.memory = 0;
                }
                context
            }
        }
    }

    /// Has the guest go on where an exception is caught, or leave the call before that, with debugging. Answers which, or an error
    /// if it isn't caught, or can't be.
    ///
    /// # Safety
    ///
    /// As for [`Store::throw_values`]; guest code was left at the place.
    unsafe fn catch_or_leave(&self, place: ExitPlace, exception: InFlight) -> Result<usize> {
        let inner = self.inner();
        let activation = inner.calls.current().and_then(|call| call.activation_at(place)).expect("a call runs");
        // SAFETY: the caller's promise.
        let Some(catching) = (unsafe { self.find_handler(&activation, exception.tag) }) else {
            self.ask_to_show(exception)?;
            // SAFETY: the caller's promise.
            return Err(Error::exception(unsafe { self.thrown(exception) }?));
        };
        if self.engine().config().debug {
            self.ask_to_show(exception)?;
            // SAFETY: the caller's promise.
            inner.throwing.set(Some(Box::new(unsafe { self.throwing(exception, catching) }?)));
            return Ok(switch::THROWS);
        }
        // SAFETY: the frame is there, and nothing has run since it was found.
        let landing = unsafe { self.deliver(exception, &catching) }?;
        // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
        unsafe { (*inner.context.get()).landing = landing };
        Ok(switch::LANDS)
    }

    /// Who catches an exception of this tag, of the frames of an activation.
    ///
    /// # Safety
    ///
    /// Guest code must have been left there, by a call.
    pub(super) unsafe fn find_handler(&self, activation: &Activation, tag: u64) -> Option<Catching> {
        let inner = self.inner();
        let instances = inner.instances.borrow();
        let mut next = activation.newest();
        // Mostly the frames are of one module.
        let mut known: Option<Rc<MappedBlob>> = None;
        while let Some(link) = next {
            next = activation.caller(link.fp);
            if !known.as_ref().is_some_and(|blob| blob.contains(link.inside())) {
                let Ok(frame) = self.frame_at(link) else { continue };
                known = Some(frame.blob);
            }
            let blob = known.as_ref().expect("just found");
            let offset = blob.offset(link.pc);
            let Some((handler, mut clauses)) = blob.tables().handler_at(offset) else { continue };
            // SAFETY: the frame is at a call of a function that has its instance's context there.
            let tags = unsafe {
                let context = ((link.fp - handler.context_to_fp as usize) as *const *const u8).read();
                let number = context.add(vmctx::INSTANCE as usize).cast::<u64>().read();
                &instances[number as usize].tags
            };
            let takes = |clause: &&Clause| clause.tag.is_none_or(|index| tags[index.as_u32() as usize] == tag);
            if let Some(clause) = clauses.find(takes) {
                return Some(Catching {
                    fp: link.fp,
                    pc: clause.pc,
                    clause: *clause,
                    landing: handler.landing,
                    sp: link.fp - handler.sp_to_fp as usize,
                    values: link.fp - handler.values_to_fp as usize,
                    blob: blob.clone(),
                });
            }
        }
        None
    }

    /// Puts what an exception carries into the frame that catches it. Answers where the guest goes on.
    ///
    /// Errors: `Limit` or `System` if there is no room for an exception that a reference is taken of; then nothing is done.
    ///
    /// # Safety
    ///
    /// The frame must be there, as it was when it was found, and the values too.
    unsafe fn deliver(&self, exception: InFlight, catching: &Catching) -> Result<Landing> {
        let count = self.values_of(exception.tag);
        let reference = match (catching.clause.takes_reference, exception.reference) {
            (false, _) => 0,
            (true, 0) => {
                // SAFETY: the caller's promise.
                let values = unsafe { values_at(exception.values, count) };
                self.new_exception(exception.tag, values)?.into()
            }
            (true, reference) => reference,
        };
        if catching.clause.tag.is_some() {
            // SAFETY: the frame has room for what such exceptions carry. It may be the one that has thrown, with the values there.
            unsafe { std::ptr::copy(exception.values, catching.values as *mut RawValue, count) };
        }
        Ok(Landing {
            pc: catching.blob.address(catching.landing).0,
            sp: catching.sp,
            fp: catching.fp,
            exception: reference,
            clause: catching.clause.number.into(),
        })
    }

    /// Throws an exception in raw form where a call stands still; answers who catches it, if somebody does.
    ///
    /// # Safety
    ///
    /// Guest code must have been left there, by a call.
    pub(super) unsafe fn throw_at(&self, activation: &Activation, thrown: (u64, Vec<RawValue>)) -> Option<Throwing> {
        let (tag, values) = thrown;
        // SAFETY: the caller's promise; the values are used before this returns.
        unsafe {
            let catching = self.find_handler(activation, tag)?;
            self.throwing(InFlight { tag, values: values.as_ptr(), reference: 0 }, catching).ok()
        }
    }

    /// Has the guest go on where an exception is caught that its call was left with.
    ///
    /// Errors: as [`Store::deliver`].
    ///
    /// # Safety
    ///
    /// Nothing of the call may have run since.
    pub(super) unsafe fn land(&self, throwing: &Throwing) -> Result<()> {
        let exception = throwing.in_flight();
        // SAFETY: the caller's promise.
        let landing = unsafe { self.deliver(exception, &throwing.catching) }?;
        if exception.reference == 0 && landing.exception != 0 {
            // It is made once, however often the guest is left before it goes on: making it may take longer than it may run.
            let hold = self.inner().holds.hold(landing.exception as u32)?;
            throwing.made.get_or_init(|| (landing.exception, Rc::new(hold)));
        }
        // SAFETY: the context is this store's, and guest code, which uses it too, isn't running.
        unsafe { (*self.inner().context.get()).landing = landing };
        Ok(())
    }

    /// Makes sure that there is memory to show an exception to the host: the guest says how much that is.
    ///
    /// Errors: `System`.
    fn ask_to_show(&self, exception: InFlight) -> Result<()> {
        // It is kept raw and as values, and copied by whoever wants to keep it.
        let bytes = self.values_of(exception.tag) * (size_of::<RawValue>() + 3 * size_of::<Value>());
        memory::ask_for_several().and_then(|()| memory::ask(bytes))
    }

    /// How many values exceptions of a tag carry.
    fn values_of(&self, tag: u64) -> usize {
        self.inner().tags.borrow()[tag as usize].values as usize
    }

    /// An exception as the host sees it: the references that it carries are good as long as it is there, and no longer.
    ///
    /// Errors: `System`.
    ///
    /// # Safety
    ///
    /// The values must be there.
    unsafe fn thrown(&self, exception: InFlight) -> Result<Thrown> {
        let scope = self.inner().host_roots.borrow().scope();
        // SAFETY: the caller's promise.
        let (tag, values) = unsafe { self.carried(exception) };
        let thrown = self.keeping(tag, values);
        // Nobody has asked for them.
        self.inner().host_roots.borrow_mut().close(scope);
        thrown
    }

    /// The tag of an exception, and what it carries: references are good as those are that the host is given.
    ///
    /// # Safety
    ///
    /// The values must be there.
    unsafe fn carried(&self, exception: InFlight) -> (Tag, Box<[Value]>) {
        let tag = Tag { store: self.id(), index: exception.tag };
        let ty = self.tag_type(tag).expect("it was thrown");
        // SAFETY: the caller's promise.
        let values = unsafe { values_at(exception.values, ty.params.len()) };
        (tag, ty.params.iter().zip(values).map(|(ty, raw)| self.value_of(*ty, *raw)).collect())
    }

    /// An exception as the host sees it: the references that it carries are good as long as it is there, whatever scopes are closed.
    ///
    /// Errors: as [`Store::to_raw`]; `System`.
    fn keeping(&self, tag: Tag, values: Box<[Value]>) -> Result<Thrown> {
        let mut owner = None;
        for value in values.iter().filter(|value| !matches!(value, Value::Unavailable)) {
            let Some(ValType::Ref(_)) = value.ty() else { continue };
            let word = self.to_raw(value)?.lo;
            if let Ok(word) = u32::try_from(word) {
                memory::ask_for_several()?;
                let owner = owner.get_or_insert_with(Arc::default);
                self.inner().host_roots.borrow_mut().keep_while(word, owner)?;
            }
        }
        Ok(Thrown { tag, values, owner })
    }

    /// The tag of an exception that a call was left with.
    pub fn thrown_tag(&self, throwing: &Throwing) -> Tag {
        Tag { store: self.id(), index: throwing.tag }
    }

    /// An exception that a call was left with, as the host sees it.
    ///
    /// Errors: `System`.
    pub fn thrown_of(&self, throwing: &Throwing) -> Result<Rc<Thrown>> {
        // SAFETY: the values are the object's own.
        unsafe { self.thrown(throwing.in_flight()) }.map(Rc::new)
    }

    /// Errors: `System`.
    ///
    /// # Safety
    ///
    /// As for [`Store::thrown`].
    unsafe fn throwing(&self, exception: InFlight, catching: Catching) -> Result<Throwing> {
        let InFlight { tag, values, reference } = exception;
        // SAFETY: the caller's promise.
        let raw = unsafe { values_at(values, self.values_of(tag)) };
        let holds = self.holds_of(tag, raw, reference)?;
        Ok(Throwing { catching, raw: raw.into(), tag, reference, made: OnceCell::new(), _holds: holds })
    }

    /// Keeps what an exception carries, and itself; the guest, or who has checked the values, knows what they are.
    ///
    /// Errors: `System`.
    fn holds_of(&self, tag: u64, raw: &[RawValue], reference: u64) -> Result<Rc<[Hold]>> {
        let ty = self.engine().types().func_type(self.inner().tags.borrow()[tag as usize].type_id);
        let carried = ty.params.iter().zip(raw).filter(|(ty, _)| is_traced(StorageType::Val(**ty)));
        let words = carried.map(|(_, value)| value.lo).chain([reference]).map(|word| word as u32);
        let kept = words.filter(|word| is_object(*word) || host_number(*word).is_some());
        let holds: Vec<Hold> = kept.map(|word| self.inner().holds.hold(word)).collect::<Result<_>>()?;
        Ok(holds.into())
    }

    /// An exception for the host to throw where a guest stands still.
    ///
    /// Errors: as [`Store::exception`].
    pub fn host_throw(&self, tag: Tag, values: &[Value]) -> Result<HostThrow> {
        let raw = self.raw_carried(tag, values)?;
        self.host_throw_of(tag.index, raw, 0)
    }

    /// The same for an exception that there is a reference to.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if it is out of date; `System`.
    pub fn host_throw_again(&self, reference: ExnRef) -> Result<HostThrow> {
        let word = self.exception_word(reference)?;
        let (tag, raw) = self.exception_of_word(word)?;
        self.host_throw_of(tag, raw, word.into())
    }

    fn host_throw_of(&self, tag: u64, raw: Vec<RawValue>, reference: u64) -> Result<HostThrow> {
        memory::ask_for_several()?;
        memory::ask(raw.len() * (size_of::<RawValue>() + 3 * size_of::<Value>()))?;
        let holds = self.holds_of(tag, &raw, reference)?;
        Ok(HostThrow { tag, raw: raw.into(), reference, holds })
    }

    /// Makes sure that there is a reference to an exception.
    ///
    /// Errors: `Limit` if there is no room; `System`.
    pub fn refer_to(&self, exception: &mut HostThrow) -> Result<()> {
        if exception.reference == 0 {
            let word = self.new_exception(exception.tag, &exception.raw)?;
            exception.holds = self.holds_of(exception.tag, &exception.raw, word.into())?;
            exception.reference = word.into();
        }
        Ok(())
    }

    /// An exception of the host's as it sees it.
    ///
    /// Errors: `System`.
    pub fn thrown_by_host(&self, exception: &HostThrow) -> Result<Thrown> {
        // SAFETY: the values are the object's own.
        unsafe { self.thrown(exception.in_flight()) }
    }

    /// The same exception on its way to where frames of an activation, which all wait for calls, catch it; none if they don't.
    ///
    /// Errors: `System`.
    ///
    /// # Safety
    ///
    /// Guest code must have been left there, by a call.
    pub(super) unsafe fn throw_by_host(&self, from: &Activation, exception: &HostThrow) -> Result<Option<Throwing>> {
        // SAFETY: the caller's promise; the values are the object's own.
        unsafe {
            let Some(catching) = self.find_handler(from, exception.tag) else { return Ok(None) };
            self.throwing(exception.in_flight(), catching).map(Some)
        }
    }

    /// Makes an exception that there are references to; answers one.
    ///
    /// Errors: `Limit` if there is no room; `System`.
    fn new_exception(&self, tag: u64, values: &[RawValue]) -> Result<u32> {
        let type_id = self.inner().tags.borrow()[tag as usize].type_id;
        let ty = self.engine().types().func_type(type_id);
        memory::ask(size_of::<u32>() * values.len())?;
        let layout = StructLayout::of_exception(&ty.params);
        let mut kept = Vec::new();
        memory::reserve(&mut kept, values.len())?;
        kept.extend(values.iter().map(|value| value.bits()));
        let object = self.allocate(type_id, 0, &kept)?;
        self.heap_or_new()?.borrow_mut().write(object, EXCEPTION_TAG, &tag.to_le_bytes())?;
        for ((offset, ty), bits) in layout.offsets.iter().zip(&ty.params).zip(kept) {
            self.write_part(object, StorageType::Val(*ty), *offset, bits)?;
        }
        Ok(object)
    }

    /// The number of the tag of an exception that a good reference is of, and what it carries.
    ///
    /// Errors: `System`.
    fn exception_of_word(&self, word: u32) -> Result<(u64, Vec<RawValue>)> {
        let heap = self.heap_or_new()?.borrow();
        let mut tag = [0; 8];
        heap.read(word, EXCEPTION_TAG, &mut tag)?;
        let ty = self.engine().types().func_type(TypeId(heap.type_of(word)));
        memory::ask(size_of::<u32>() * ty.params.len())?;
        let layout = StructLayout::of_exception(&ty.params);
        let mut values = Vec::new();
        memory::reserve(&mut values, ty.params.len())?;
        for (offset, ty) in layout.offsets.iter().zip(&ty.params) {
            let mut bits = [0; 16];
            heap.read(word, *offset, &mut bits[..storage_bytes(StorageType::Val(*ty)) as usize])?;
            values.push(RawValue::from_bits(u128::from_le_bytes(bits)));
        }
        Ok((u64::from_le_bytes(tag), values))
    }

    /// The raw form of a reference.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if it is out of date.
    pub(super) fn exception_word(&self, reference: ExnRef) -> Result<u32> {
        self.check(reference.store)?;
        match self.inner().host_roots.borrow().get(reference.index, RootKind::Exception) {
            Some(word) => Ok(word),
            None => bail!(OutOfRange, "the reference is out of date: its scope was closed"),
        }
    }

    /// The exception behind a reference.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if it is out of date; `System`.
    pub fn exnref_exception(&self, reference: ExnRef) -> Result<Thrown> {
        let (tag, values) = self.exception_of_word(self.exception_word(reference)?)?;
        // SAFETY: the values are there.
        let (tag, values) = unsafe { self.carried(InFlight { tag, values: values.as_ptr(), reference: 0 }) };
        Ok(Thrown { tag, values, owner: None })
    }

    /// Makes an exception, and a reference of it, for guests to throw.
    ///
    /// Errors: as [`Store::exception`]; `Limit`; `System`.
    pub fn exnref_new(&self, tag: Tag, values: &[Value]) -> Result<ExnRef> {
        let word = self.new_exception(tag.index, &self.raw_carried(tag, values)?)?;
        let index = self.inner().host_roots.borrow_mut().add(word, RootKind::Exception)?;
        Ok(ExnRef { store: self.id(), index })
    }

    /// An exception for a host function to fail with: whoever calls it, and whoever calls those, may catch it.
    ///
    /// Errors: `WrongStore`, `OutOfRange`; `InvalidArgument` for a wrong number of values; `TypeMismatch`; `System`.
    pub fn exception(&self, tag: Tag, values: &[Value]) -> Result<Error> {
        self.raw_carried(tag, values)?;
        Ok(Error::exception(self.keeping(tag, values.into())?))
    }
}

/// # Safety
///
/// So many values must be there, for the lifetime.
unsafe fn values_at<'a>(values: *const RawValue, count: usize) -> &'a [RawValue] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(values, count) }
}
