//! Values between their tagged and their raw form.
//!
//! Invariant: raw references in guest code's reach are always good, so what the host hands over raw is checked here.
//! Read next: [`super::func`].

#![expect(unsafe_code, reason = "function references are addresses")]

use super::Store;
use super::entities::externs::Externs;
use super::entities::host_roots::RootKind;
use crate::abi::heap::is_object;
use crate::abi::references::{host_number, host_reference, i31_reference, i31_value};
use crate::abi::vmctx::VmFuncRef;
use crate::base::{
    AnyRef, Error, ErrorKind, ExnRef, ExternRef, HeapType, Object, RawValue, RefType, Result, TypeId, TypeKind,
    ValType, Value, error::bail,
};

impl Store {
    /// The raw form of a value. `WrongStore` or `OutOfRange` for a bad reference, `InvalidArgument` for
    /// [`Value::Unavailable`].
    pub fn to_raw(&self, value: &Value) -> Result<RawValue> {
        Ok(RawValue::new(match *value {
            Value::V128(bits) => return Ok(RawValue::from_bits(bits)),
            Value::I32(value) => u64::from(value as u32),
            Value::I64(value) => value as u64,
            Value::F32(bits) => u64::from(bits),
            Value::F64(bits) => bits,
            Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None) => 0,
            Value::FuncRef(Some(func)) => self.func_entry(func)?.func_ref as u64,
            Value::ExternRef(Some(reference)) => self.word_of(reference)?.into(),
            Value::AnyRef(Some(reference)) => self.any_word(reference)?.into(),
            Value::ExnRef(Some(reference)) => self.exception_word(reference)?.into(),
            Value::Unavailable => bail!(InvalidArgument, "the value isn't available"),
        }))
    }

    /// The tagged form of a value. Bits that are no reference of this store become [`Value::Unavailable`].
    pub fn from_raw(&self, ty: ValType, raw: RawValue) -> Value {
        if self.is_good(ty, raw) { self.value_of(ty, raw) } else { Value::Unavailable }
    }

    /// Whether bits are a value of this type: any are, except for references.
    pub fn is_good(&self, ty: ValType, raw: RawValue) -> bool {
        match ty {
            ValType::Ref(ty) if raw.lo == 0 => ty.nullable,
            ValType::Ref(ty) => match ty.heap.top() {
                HeapType::Func => {
                    self.inner().func_refs.borrow().contains(raw.lo as usize)
                        // SAFETY: it is a function reference, and these stay where they are as long as the store.
                        && self.func_is(TypeId(unsafe { (*(raw.lo as *const VmFuncRef)).type_id }), ty)
                }
                HeapType::Exn => {
                    let word = u32::try_from(raw.lo);
                    ty.heap == HeapType::Exn && word.is_ok_and(|word| self.is_exception(word))
                }
                HeapType::Extern => ty.heap == HeapType::Extern && self.is_good_word(raw.lo),
                HeapType::Any => self.is_good_word(raw.lo) && self.word_is(raw.lo as u32, ty.heap),
                _ => false,
            },
            _ => true,
        }
    }

    /// Whether two values of a type are the same. Bits alone don't say so of functions: one that an instance imports has a reference there
    /// beside its own.
    pub fn is_same_value(&self, ty: ValType, one: RawValue, other: RawValue) -> bool {
        let is_func = matches!(ty, ValType::Ref(ty) if ty.heap.top() == HeapType::Func);
        let func = |raw| match self.from_raw(ty, raw) {
            Value::FuncRef(func) => func,
            _ => None,
        };
        one.bits() == other.bits() || is_func && func(one).is_some_and(|one| func(other) == Some(one))
    }

    /// Whether it is a host value's reference, or the guest's.
    fn is_good_word(&self, word: u64) -> bool {
        u32::try_from(word).is_ok_and(|word| match host_number(word) {
            Some(number) => self.inner().externs.is_there(number.into()),
            None => i31_value(word).is_some() || self.type_of_word(word).is_some(),
        })
    }

    /// Whether a good reference that isn't null, of the hierarchy of `anyref`, is to what a heap type has.
    fn word_is(&self, word: u32, heap: HeapType) -> bool {
        let is_i31 = i31_value(word).is_some();
        match heap {
            HeapType::Any => true,
            HeapType::I31 => is_i31,
            HeapType::Eq if is_i31 => true,
            _ => self.type_of_word(word).is_some_and(|id| {
                let kind = self.engine().types().get(id).composite.kind();
                self.engine().types().heap_matches(HeapType::Defined(kind, id), heap)
            }),
        }
    }

    /// The object that a handle of the host's is of.
    ///
    /// Errors: `WrongStore`; `OutOfRange` if it is out of date.
    pub(super) fn object_word(&self, object: Object) -> Result<u32> {
        self.check(object.store)?;
        match self.inner().host_roots.borrow().get(object.index, RootKind::Object) {
            Some(word) => Ok(word),
            None => bail!(OutOfRange, "the reference is out of date: its scope was closed"),
        }
    }

    /// A handle of an object, good in the scope that is open; none if there is no memory for it.
    fn object_of(&self, word: u32) -> Option<Object> {
        let index = self.inner().host_roots.borrow_mut().add(word, RootKind::Object).ok()?;
        Some(Object { store: self.id(), index })
    }

    /// The bits of a reference that the host has.
    pub(super) fn word_of(&self, reference: ExternRef) -> Result<u32> {
        if reference.index & ExternRef::OF_GUEST == 0 {
            self.with_externref(reference, |_| ())?;
            return Ok(host_reference(Externs::number(reference.index)));
        }
        self.check(reference.store)?;
        if reference.index & ExternRef::OBJECT != 0 {
            let index = reference.index & !(ExternRef::OF_GUEST | ExternRef::OBJECT);
            return self.object_word(Object { store: reference.store, index });
        }
        let word = reference.index & !ExternRef::OF_GUEST;
        if self.is_good_word(word) {
            Ok(word as u32)
        } else {
            bail!(OutOfRange, "there is no such value of the guest's")
        }
    }

    /// The bits of what an `anyref` refers to.
    fn any_word(&self, reference: AnyRef) -> Result<u32> {
        match reference {
            AnyRef::I31(value) => Ok(i31_reference(value)),
            AnyRef::Object(object) => self.object_word(object),
            AnyRef::Extern(reference) => self.word_of(reference),
        }
    }

    /// A handle of what the word of an `externref` refers to; none if there is no memory for it.
    fn extern_of(&self, word: u32) -> Option<ExternRef> {
        let index = match host_number(word) {
            Some(number) => {
                if !self.inner().externs.is_permanent(number) {
                    self.inner().host_roots.borrow_mut().add(word, RootKind::Host).ok()?;
                }
                self.inner().externs.handle(number)
            }
            None if is_object(word) => ExternRef::OF_GUEST | ExternRef::OBJECT | self.object_of(word)?.index,
            None => ExternRef::OF_GUEST | u64::from(word),
        };
        Some(ExternRef { store: self.id(), index })
    }

    /// The same for the word of an `anyref`.
    fn any_of(&self, word: u32) -> Option<AnyRef> {
        Some(match i31_value(word) {
            Some(value) => AnyRef::I31(value),
            None if is_object(word) => AnyRef::Object(self.object_of(word)?),
            None => AnyRef::Extern(self.extern_of(word)?),
        })
    }

    /// Whether functions of a type are values of a reference type.
    fn func_is(&self, ty: TypeId, of: RefType) -> bool {
        of.heap == HeapType::Func || self.engine().types().heap_matches(HeapType::Defined(TypeKind::Func, ty), of.heap)
    }

    /// An `externref` as an `anyref`, or the other way round. `WrongStore` or `OutOfRange` for a bad reference.
    pub fn convert(&self, value: Value) -> Result<Value> {
        let ty = if matches!(value, Value::AnyRef(_)) { ValType::EXTERNREF } else { ValType::ANYREF };
        Ok(self.value_of(ty, self.to_raw(&value)?))
    }

    /// Like [`Store::from_raw`], for bits that come from the guest.
    #[inline]
    pub(super) fn value_of(&self, ty: ValType, raw: RawValue) -> Value {
        match ty {
            ValType::I32 => Value::I32(raw.lo as i32),
            ValType::I64 => Value::I64(raw.lo as i64),
            ValType::F32 => Value::F32(raw.lo as u32),
            ValType::F64 => Value::F64(raw.lo),
            ValType::V128 => Value::V128(raw.bits()),
            ValType::Ref(_) if raw.lo == 0 => Value::default_of(ty),
            ValType::Ref(ty) => match ty.heap.top() {
                // SAFETY: references that the guest has are addresses of this store's function references.
                HeapType::Func => Value::FuncRef(Some(unsafe { self.func_of_ref(raw.lo as *mut VmFuncRef) })),
                HeapType::Exn => {
                    let index = self.inner().host_roots.borrow_mut().add(raw.lo as u32, RootKind::Exception);
                    let reference = |index| Value::ExnRef(Some(ExnRef { store: self.id(), index }));
                    index.map_or(Value::Unavailable, reference)
                }
                HeapType::Extern => self
                    .extern_of(raw.lo as u32)
                    .map_or(Value::Unavailable, |reference| Value::ExternRef(Some(reference))),
                HeapType::Any => {
                    self.any_of(raw.lo as u32).map_or(Value::Unavailable, |reference| Value::AnyRef(Some(reference)))
                }
                _ => Value::Unavailable,
            },
        }
    }

    /// The raw form of a value that must be of type `ty`; `what` names the value in errors,
    /// where `#` stands for `place`.
    #[inline]
    pub fn raw_as(&self, value: &Value, ty: ValType, what: &str, place: usize) -> Result<RawValue> {
        Ok(RawValue::new(match (*value, ty) {
            (Value::I32(value), ValType::I32) => u64::from(value as u32),
            (Value::I64(value), ValType::I64) => value as u64,
            (Value::F32(bits), ValType::F32) => u64::from(bits),
            (Value::F64(bits), ValType::F64) => bits,
            (Value::V128(bits), ValType::V128) => return Ok(RawValue::from_bits(bits)),
            (_, ValType::Ref(reference)) if self.is_reference(value, reference)? => return self.to_raw(value),
            _ => return Err(mismatch(value, ty, what, place)),
        }))
    }

    /// Whether a value is of a reference type. `WrongStore` or `OutOfRange` for a bad reference.
    fn is_reference(&self, value: &Value, ty: RefType) -> Result<bool> {
        Ok(match *value {
            Value::FuncRef(None) => ty.nullable && ty.heap.top() == HeapType::Func,
            Value::ExternRef(None) => ty.nullable && ty.heap.top() == HeapType::Extern,
            Value::ExnRef(None) => ty.nullable && ty.heap.top() == HeapType::Exn,
            Value::FuncRef(Some(func)) => self.func_is(self.func_entry(func)?.type_id, ty),
            Value::ExternRef(Some(_)) => ty.heap == HeapType::Extern,
            Value::ExnRef(Some(_)) => ty.heap == HeapType::Exn,
            Value::AnyRef(None) => ty.nullable && ty.heap.top() == HeapType::Any,
            Value::AnyRef(Some(reference)) => {
                ty.heap.top() == HeapType::Any && self.word_is(self.any_word(reference)?, ty.heap)
            }
            _ => false,
        })
    }

    /// Writes arguments in their raw form. There must be at least as many raw values.
    #[inline]
    pub(super) fn raw_args(&self, types: &[ValType], args: &[Value], values: &mut [RawValue]) -> Result<()> {
        for (place, (arg, ty)) in args.iter().zip(types).enumerate() {
            values[place] = self.raw_as(arg, *ty, "argument #", place)?;
        }
        Ok(())
    }
}

#[cold]
pub(super) fn wrong_count(what: &str, given: usize, needed: usize) -> Error {
    Error::new(ErrorKind::InvalidArgument, format_args!("{given} {what} are given, the function has {needed}"))
}

#[cold]
fn mismatch(value: &Value, ty: ValType, what: &str, place: usize) -> Error {
    let what = what.replace('#', &place.to_string());
    match value.ty() {
        Some(actual) => Error::new(ErrorKind::TypeMismatch, format_args!("{what} is of type {actual}, not {ty}")),
        None => Error::new(ErrorKind::InvalidArgument, format_args!("{what} isn't available")),
    }
}
