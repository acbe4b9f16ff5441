//! Values as C sees them: tagged, raw, and the tagged handles of imports and exports.
//!
//! Knows nothing of calls. Invariant: layouts don't depend on features; sizes and offsets are asserted here, and in C
//! by `tests/c/layout.c`. Read next: [`func`](super::func).

use super::entry::entry;
use super::handle::{
    pellucid_anyref_t, pellucid_exnref_t, pellucid_externref_t, pellucid_func_t, pellucid_global_t, pellucid_memory_t,
    pellucid_table_t, pellucid_tag_t,
};
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::{kind_of, pellucid_extern_kind, pellucid_extern_kind_t, pellucid_kind, pellucid_kind_t, value_type};
use crate::base::{Error, RawValue, Result, Value, error::bail};
use crate::runtime::{Extern, Store};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// The bits of a `pellucid_value_t`. Which member counts is said by the value's kind.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub union pellucid_value_of_t {
    /// `PELLUCID_I32`.
    pub i32: i32,
    /// `PELLUCID_I64`.
    pub i64: i64,
    /// `PELLUCID_F32`.
    pub f32: f32,
    /// `PELLUCID_F64`.
    pub f64: f64,
    /// `PELLUCID_F32` as bits, which keep NaN payloads on any machine.
    pub f32_bits: u32,
    /// `PELLUCID_F64` as bits.
    pub f64_bits: u64,
    /// `PELLUCID_V128`: lane 0 first, each lane little-endian, as `v128.store` writes it to a memory.
    pub v128: [u8; 16],
    /// `PELLUCID_FUNCREF`; all zeros for null.
    pub funcref: pellucid_func_t,
    /// `PELLUCID_EXTERNREF`; all zeros for null.
    pub externref: pellucid_externref_t,
    /// `PELLUCID_EXNREF`; all zeros for null.
    pub exnref: pellucid_exnref_t,
    /// `PELLUCID_ANYREF`; all zeros for null.
    pub anyref: pellucid_anyref_t,
    /// The identity of a value of a reserved kind.
    pub opaque: [u64; 2],
}

/// A value with its kind. Plain data; a value of zeros is the `i32` 0.
///
///     pellucid_value_t value = {0};
///     value.kind = PELLUCID_I64;
///     value.of.i64 = 42;
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_value_t {
    /// One of `enum pellucid_kind`.
    pub kind: pellucid_kind_t,
    /// Zero.
    pub reserved: u32,
    /// The value.
    pub of: pellucid_value_of_t,
}

/// A value without its kind, as guest code passes it. Only the bytes that the kind uses count.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub union pellucid_raw_t {
    /// `PELLUCID_I32`.
    pub i32: i32,
    /// `PELLUCID_I64`.
    pub i64: i64,
    /// `PELLUCID_F32`.
    pub f32: f32,
    /// `PELLUCID_F64`.
    pub f64: f64,
    /// `PELLUCID_F32` as bits.
    pub f32_bits: u32,
    /// `PELLUCID_F64` as bits.
    pub f64_bits: u64,
    /// A reference, as `pellucid_value_to_raw` makes it; 0 for null. Meaningless in another store.
    pub reference: u64,
    /// `PELLUCID_V128`, as in a `pellucid_value_t`.
    pub v128: [u8; 16],
    /// The whole value.
    pub words: [u64; 2],
}

/// The handle in a `pellucid_extern_t`. Which member counts is said by its kind.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub union pellucid_extern_of_t {
    /// `PELLUCID_EXTERN_FUNC`.
    pub func: pellucid_func_t,
    /// `PELLUCID_EXTERN_TABLE`.
    pub table: pellucid_table_t,
    /// `PELLUCID_EXTERN_MEMORY`.
    pub memory: pellucid_memory_t,
    /// `PELLUCID_EXTERN_GLOBAL`.
    pub global: pellucid_global_t,
    /// `PELLUCID_EXTERN_TAG`.
    pub tag: pellucid_tag_t,
}

/// Something to import or export: a handle with its kind. Plain data.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_extern_t {
    /// One of `enum pellucid_extern_kind`.
    pub kind: pellucid_extern_kind_t,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub of: pellucid_extern_of_t,
}

const _: () = {
    assert!(size_of::<pellucid_value_t>() == 24 && align_of::<pellucid_value_t>() == 8);
    assert!(std::mem::offset_of!(pellucid_value_t, of) == 8);
    assert!(size_of::<pellucid_raw_t>() == size_of::<RawValue>() && align_of::<pellucid_raw_t>() == 8);
    assert!(size_of::<pellucid_extern_t>() == 24 && std::mem::offset_of!(pellucid_extern_t, of) == 8);
};

impl Default for pellucid_value_t {
    fn default() -> pellucid_value_t {
        pellucid_value_t::new(pellucid_kind::PELLUCID_I32, pellucid_value_of_t { opaque: [0; 2] })
    }
}

/// A union with one member set and the rest zero, so that no byte of it is uninitialized.
macro_rules! only {
    ($union:ident { $member:ident: $value:expr }) => {{
        let mut all = $union { opaque: [0; 2] };
        all.$member = $value;
        all
    }};
}

impl pellucid_value_t {
    fn new(kind: pellucid_kind, of: pellucid_value_of_t) -> pellucid_value_t {
        pellucid_value_t { kind: kind as pellucid_kind_t, reserved: 0, of }
    }

    /// The value that a core value is for C.
    #[inline]
    pub(super) fn from_core(value: Value) -> pellucid_value_t {
        use pellucid_kind::*;
        let null = pellucid_value_of_t { opaque: [0; 2] };
        match value {
            Value::I32(value) => pellucid_value_t::new(PELLUCID_I32, only!(pellucid_value_of_t { i32: value })),
            Value::I64(value) => pellucid_value_t::new(PELLUCID_I64, only!(pellucid_value_of_t { i64: value })),
            Value::F32(bits) => pellucid_value_t::new(PELLUCID_F32, only!(pellucid_value_of_t { f32_bits: bits })),
            Value::F64(bits) => pellucid_value_t::new(PELLUCID_F64, only!(pellucid_value_of_t { f64_bits: bits })),
            Value::V128(bits) => {
                pellucid_value_t::new(PELLUCID_V128, only!(pellucid_value_of_t { v128: bits.to_le_bytes() }))
            }
            Value::FuncRef(None) => pellucid_value_t::new(PELLUCID_FUNCREF, null),
            Value::FuncRef(Some(func)) => {
                pellucid_value_t::new(PELLUCID_FUNCREF, only!(pellucid_value_of_t { funcref: func.into() }))
            }
            Value::ExternRef(None) => pellucid_value_t::new(PELLUCID_EXTERNREF, null),
            Value::ExternRef(Some(value)) => {
                pellucid_value_t::new(PELLUCID_EXTERNREF, only!(pellucid_value_of_t { externref: value.into() }))
            }
            Value::ExnRef(None) => pellucid_value_t::new(PELLUCID_EXNREF, null),
            Value::ExnRef(Some(exception)) => {
                pellucid_value_t::new(PELLUCID_EXNREF, only!(pellucid_value_of_t { exnref: exception.into() }))
            }
            Value::AnyRef(None) => pellucid_value_t::new(PELLUCID_ANYREF, null),
            Value::AnyRef(Some(value)) => {
                pellucid_value_t::new(PELLUCID_ANYREF, only!(pellucid_value_of_t { anyref: value.into() }))
            }
            Value::Unavailable => pellucid_value_t::new(PELLUCID_UNAVAILABLE, null),
        }
    }

    /// The core value that a value from C is. `InvalidArgument` for an unknown kind, `Unsupported` for a reserved one.
    #[inline]
    pub(super) fn to_core(self) -> Result<Value> {
        use pellucid_kind::*;
        // SAFETY: every bit pattern is a valid value of each member that is read, and the caller has set the member that
        // the kind names (header: `pellucid_value_t`).
        unsafe {
            Ok(match self.kind {
                n if n == PELLUCID_I32 as u32 => Value::I32(self.of.i32),
                n if n == PELLUCID_I64 as u32 => Value::I64(self.of.i64),
                n if n == PELLUCID_F32 as u32 => Value::F32(self.of.f32_bits),
                n if n == PELLUCID_F64 as u32 => Value::F64(self.of.f64_bits),
                n if n == PELLUCID_V128 as u32 => Value::V128(u128::from_le_bytes(self.of.v128)),
                n if n == PELLUCID_FUNCREF as u32 => {
                    let func = self.of.funcref;
                    Value::FuncRef((func != pellucid_func_t::default()).then(|| func.into()))
                }
                n if n == PELLUCID_EXTERNREF as u32 => {
                    let value = self.of.externref;
                    Value::ExternRef((value != pellucid_externref_t::default()).then(|| value.into()))
                }
                n if n == PELLUCID_EXNREF as u32 => {
                    let exception = self.of.exnref;
                    Value::ExnRef((exception != pellucid_exnref_t::default()).then(|| exception.into()))
                }
                n if n == PELLUCID_ANYREF as u32 => {
                    let value = self.of.anyref;
                    Value::AnyRef((value != pellucid_anyref_t::default()).then(|| value.to_core()).transpose()?)
                }
                n if n == PELLUCID_UNAVAILABLE as u32 => Value::Unavailable,
                n => return Err(no_value(n)),
            })
        }
    }

    /// The value that a raw one of this kind is for C.
    ///
    /// It is read by words, as [`pellucid_value_t::write_raw`] writes it by words: to read two words as one takes long if they were
    /// written one by one just before.
    #[inline(always)]
    pub(super) fn from_raw(store: &Store, kind: pellucid_kind_t, raw: &RawValue) -> pellucid_value_t {
        // On a little-endian machine every member begins with the value's lowest byte.
        let (kind, low, high) = if is_number(kind) { (kind, raw.lo, 0) } else { other_from_raw(store, kind, raw) };
        pellucid_value_t { kind, reserved: 0, of: pellucid_value_of_t { opaque: [low, high] } }
    }

    /// The zero or null of a kind.
    #[inline(always)]
    pub(super) fn empty(kind: pellucid_kind_t) -> pellucid_value_t {
        pellucid_value_t { kind, reserved: 0, of: pellucid_value_of_t { opaque: [0; 2] } }
    }

    /// Writes the raw value that a value from C is, which must be of this kind. `what` names the value in errors, where `#` stands for
    /// `place`.
    #[inline(always)]
    pub(super) fn write_raw(
        &self,
        store: &Store,
        kind: pellucid_kind_t,
        what: &str,
        place: usize,
        raw: &mut RawValue,
    ) -> Result<()> {
        use pellucid_kind::*;
        if self.kind != kind || !is_number(kind) {
            *raw = self.checked_raw_slowly(store, kind, what, place)?;
            return Ok(());
        }
        let is_wide = kind == PELLUCID_I64 as u32 || kind == PELLUCID_F64 as u32;
        // SAFETY: as in `to_core`.
        raw.lo = unsafe { if is_wide { self.of.f64_bits } else { u64::from(self.of.f32_bits) } };
        raw.hi = 0;
        Ok(())
    }

    #[cold]
    fn checked_raw_slowly(&self, store: &Store, kind: pellucid_kind_t, what: &str, place: usize) -> Result<RawValue> {
        store.raw_as(&self.to_core()?, value_type(kind)?, what, place)
    }
}

#[cold]
fn other_from_raw(store: &Store, kind: pellucid_kind_t, raw: &RawValue) -> (pellucid_kind_t, u64, u64) {
    let value = value_type(kind).map_or(Value::Unavailable, |ty| store.from_raw(ty, *raw));
    let value = pellucid_value_t::from_core(value);
    // SAFETY: `from_core` initializes all of it.
    let [low, high] = unsafe { value.of.opaque };
    (value.kind, low, high)
}

/// Whether values of a kind are numbers of up to 64 bits.
#[inline(always)]
fn is_number(kind: pellucid_kind_t) -> bool {
    kind < pellucid_kind::PELLUCID_V128 as u32
}

#[cfg(not(target_endian = "little"))]
compile_error!("`pellucid_value_t::from_raw` is written for little-endian machines only");

#[cold]
fn no_value(kind: pellucid_kind_t) -> Error {
    match value_type(kind) {
        Ok(_) => unreachable!("such a value is converted"),
        Err(error) => error,
    }
}

/// How many values most calls have at most: filling a buffer costs too.
const FEW: usize = 4;

/// How many values a call may have before its buffers are allocated.
const ON_STACK: usize = 16;

/// Room for values, on the stack if they aren't many.
pub(super) struct Room<T> {
    few: MaybeUninit<[T; FEW]>,
    more: MaybeUninit<[T; ON_STACK]>,
    many: Box<[T]>,
}

impl<T: Copy> Room<T> {
    #[inline(always)]
    pub(super) fn new() -> Room<T> {
        Room { few: MaybeUninit::uninit(), more: MaybeUninit::uninit(), many: Box::default() }
    }

    /// As many places as asked for.
    #[inline(always)]
    pub(super) fn places(&mut self, empty: T, len: usize) -> &mut [T] {
        if len <= FEW {
            &mut self.few.write([empty; FEW])[..len]
        } else if len <= ON_STACK {
            &mut self.more.write([empty; ON_STACK])[..len]
        } else {
            self.many = vec![empty; len].into();
            &mut self.many
        }
    }
}

/// The most values that anything takes: a structure's fields. Parameters and results are fewer.
const MOST_VALUES: usize = 10_000;

/// Converts values from C and hands them on.
///
/// Errors: `InvalidArgument` for more of them than anything takes.
pub(super) fn with_core<R>(values: &[pellucid_value_t], then: impl FnOnce(&[Value]) -> Result<R>) -> Result<R> {
    if values.len() > MOST_VALUES {
        bail!(InvalidArgument, "{} values are given, nothing takes more than {MOST_VALUES}", values.len());
    }
    let mut room = Room::new();
    let converted = room.places(Value::Unavailable, values.len());
    for (value, place) in values.iter().zip(converted.iter_mut()) {
        *place = value.to_core()?;
    }
    then(converted)
}

impl pellucid_raw_t {
    /// The raw value that a core one is for C.
    pub(super) fn from_core(value: RawValue) -> pellucid_raw_t {
        pellucid_raw_t { words: [value.lo, value.hi] }
    }

    /// The core's raw value.
    pub(super) fn to_core(self) -> RawValue {
        // SAFETY: every bit pattern is a valid value of `words`; the caller's memory is initialized (header).
        let [lo, hi] = unsafe { self.words };
        RawValue { lo, hi }
    }
}

impl pellucid_extern_t {
    /// The import or export that a core one is for C.
    pub(super) fn from_core(item: Extern) -> pellucid_extern_t {
        use pellucid_extern_kind::*;
        let (kind, of) = match item {
            Extern::Func(func) => (PELLUCID_EXTERN_FUNC, pellucid_extern_of_t { func: func.into() }),
            Extern::Table(table) => (PELLUCID_EXTERN_TABLE, pellucid_extern_of_t { table: table.into() }),
            Extern::Memory(memory) => (PELLUCID_EXTERN_MEMORY, pellucid_extern_of_t { memory: memory.into() }),
            Extern::Global(global) => (PELLUCID_EXTERN_GLOBAL, pellucid_extern_of_t { global: global.into() }),
            Extern::Tag(tag) => (PELLUCID_EXTERN_TAG, pellucid_extern_of_t { tag: tag.into() }),
        };
        pellucid_extern_t { kind: kind as u32, reserved: 0, of }
    }

    /// The core's import or export. `InvalidArgument` for an unknown kind.
    pub(super) fn to_core(self) -> Result<Extern> {
        use pellucid_extern_kind::*;
        // SAFETY: all members are two integers, so every bit pattern is valid, and all of them are initialized together.
        unsafe {
            Ok(match self.kind {
                n if n == PELLUCID_EXTERN_FUNC as u32 => Extern::Func(self.of.func.into()),
                n if n == PELLUCID_EXTERN_TABLE as u32 => Extern::Table(self.of.table.into()),
                n if n == PELLUCID_EXTERN_MEMORY as u32 => Extern::Memory(self.of.memory.into()),
                n if n == PELLUCID_EXTERN_GLOBAL as u32 => Extern::Global(self.of.global.into()),
                n if n == PELLUCID_EXTERN_TAG as u32 => Extern::Tag(self.of.tag.into()),
                n => bail!(InvalidArgument, "{n} isn't a kind of import or export"),
            })
        }
    }
}

/// Converts a value to the raw form that guest code uses.
///
/// - `store`: the store.
/// - `value`: the value.
/// - `out_raw`: gets the raw form.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE` for a reference of another store;
/// `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind
/// or `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_to_raw(
    store: *mut pellucid_store_t,
    value: *const pellucid_value_t,
    out_raw: *mut pellucid_raw_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy value, out out_raw => {
        out_raw.set(pellucid_raw_t::from_core(store.core().to_raw(&value.to_core()?)?));
        Ok(())
    })
}

/// Converts a raw value from guest code to a value with its kind.
///
/// - `store`: the store.
/// - `kind`: the kind that the raw value has.
/// - `raw`: the raw value.
/// - `out_value`: gets the value; its kind is `PELLUCID_UNAVAILABLE` if `raw` isn't a reference of the store.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind;
/// `PELLUCID_ERR_UNSUPPORTED` for a reserved one.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_from_raw(
    store: *mut pellucid_store_t,
    kind: pellucid_kind_t,
    raw: *const pellucid_raw_t,
    out_value: *mut pellucid_value_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy raw, out out_value => {
        out_value.set(pellucid_value_t::from_core(store.core().from_raw(value_type(kind)?, raw.to_core())));
        Ok(())
    })
}

/// Whether two values are the same: of the same kind and with the same bits, or references to the same thing.
///
/// Floats are compared by their bits: a NaN is the same as itself, and 0 isn't the same as -0.
///
/// - `a`, `b`: the values.
///
/// Returns whether they are; false if one is NULL or of an unknown kind.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_is_same(a: *const pellucid_value_t, b: *const pellucid_value_t) -> bool {
    entry!(value false; copy a, copy b => {
        let (a, b) = (a.to_core()?, b.to_core()?);
        a == b && kind_of(&a) != pellucid_kind::PELLUCID_UNAVAILABLE as u32
    })
}

/// Whether a value is a null reference.
///
/// - `value`: the value.
///
/// Returns whether it is; false if it isn't a reference, or is NULL or of an unknown kind.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_value_is_null(value: *const pellucid_value_t) -> bool {
    entry!(value false; copy value => matches!(value.to_core()?, Value::FuncRef(None) | Value::ExternRef(None) | Value::ExnRef(None) | Value::AnyRef(None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ErrorKind, ExternRef, Func, StoreId};

    #[test]
    fn values_survive_the_border() {
        let nan = 0x7ff4_dead_beef_0001;
        for value in [
            Value::I32(-5),
            Value::I64(i64::MIN),
            Value::F32(0x7fa0_0001),
            Value::F64(nan),
            Value::V128(u128::from(nan) << 64 | 5),
            Value::FuncRef(None),
            Value::FuncRef(Some(Func { store: StoreId(3), index: 0 })),
            Value::ExternRef(None),
            Value::ExternRef(Some(ExternRef { store: StoreId(3), index: 7 })),
            Value::Unavailable,
        ] {
            assert_eq!(pellucid_value_t::from_core(value).to_core().unwrap(), value);
        }
    }

    #[test]
    fn unknown_kinds_are_refused() {
        let unknown = |kind| pellucid_value_t { kind, ..Default::default() }.to_core().unwrap_err().kind();
        assert_eq!(unknown(9), ErrorKind::Unsupported);
        assert_eq!(unknown(10), ErrorKind::InvalidArgument);
        assert_eq!(unknown(u32::MAX), ErrorKind::InvalidArgument);
    }

    #[test]
    fn more_values_than_anything_takes_are_refused() {
        let values = vec![pellucid_value_t::from_core(Value::I32(1)); MOST_VALUES + 1];
        let refused = with_core(&values, |_| Ok(())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        assert!(with_core(&values[1..], |values| Ok(values.len())).is_ok_and(|count| count == MOST_VALUES));
    }

    #[test]
    fn many_values_are_converted_like_few() {
        for count in [0, FEW, FEW + 1, ON_STACK, ON_STACK + 1] {
            let values: Vec<Value> = (0..count as i32).map(Value::I32).collect();
            let converted: Vec<_> = values.iter().copied().map(pellucid_value_t::from_core).collect();
            let again = with_core(&converted, |again| Ok(again.to_vec())).unwrap();
            assert_eq!(again, values);
        }
    }
}
