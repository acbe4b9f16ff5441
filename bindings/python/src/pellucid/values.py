"""Values between Python and guests: numbers packed at once, references one by one."""

from __future__ import annotations

import ctypes as c
import struct
from typing import TYPE_CHECKING, Any, NoReturn, Sequence

from . import _native as n
from .errors import TypeMismatch, check
from .types import FuncType, ValType

if TYPE_CHECKING:
    from .store import Store

_FORMATS = {ValType.I32: "i12x", ValType.I64: "q8x", ValType.F32: "f12x", ValType.F64: "d8x"}
_BITS = {ValType.I32: 32, ValType.I64: 64}
_ZEROS = bytes(16)


def places(count: int) -> Any:
    """Room for raw values, whose address is a multiple of 16: then the library needn't copy them."""
    room = (c.c_uint8 * (16 * max(count, 1) + 16))()
    return (c.c_uint8 * (16 * max(count, 1))).from_buffer(room, -c.addressof(room) % 16)


def refuse(kind: ValType, value: Any) -> NoReturn:
    raise TypeError(f"{value!r} is no {kind}")


def number(kind: ValType, value: Any) -> int | float:
    """A number as the library takes it. Integers may be signed or unsigned."""
    bits = _BITS.get(kind)
    if bits is None:
        try:
            as_float = float(value)
        except (TypeError, ValueError):
            refuse(kind, value)
        if kind == ValType.F32 and as_float - as_float == 0:
            try:
                struct.pack("<f", as_float)
            except OverflowError:
                return float("inf") if as_float > 0 else float("-inf")
        return as_float
    if isinstance(value, float) or not hasattr(value, "__index__"):
        refuse(kind, value)
    whole: int = value.__index__()
    if not -(1 << bits - 1) <= whole < 1 << bits:
        raise OverflowError(f"{whole} doesn't fit in an {kind}")
    return (whole + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


class Codec:
    """Puts arguments of one type of functions into raw values and takes results out of them, or the other way round."""

    __slots__ = ("type", "params", "results", "count", "is_plain", "params_struct", "results_struct")

    def __init__(self, functype: FuncType) -> None:
        self.type = functype
        self.params, self.results = functype.params, functype.results
        self.count = max(len(self.params), len(self.results))
        self.is_plain = all(kind in _FORMATS for kind in self.params + self.results)
        if self.is_plain:
            self.params_struct = struct.Struct("<" + "".join(_FORMATS[kind] for kind in self.params))
            self.results_struct = struct.Struct("<" + "".join(_FORMATS[kind] for kind in self.results))

    def check_count(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.params):
            raise TypeError(f"the function takes {len(self.params)} arguments, {len(values)} were given")

    def numbers(self, kinds: Sequence[ValType], values: Sequence[Any]) -> list[int | float]:
        """What packing at once has refused: the values wrapped to signed numbers, or the error that says what is wrong."""
        return [number(kind, value) for kind, value in zip(kinds, values)]

    def spread(self, result: Any) -> Sequence[Any]:
        """What a Python function has returned, as the list of its results."""
        count = len(self.results)
        if count == 1:
            return (result,)
        if count == 0:
            return ()
        if not isinstance(result, (tuple, list)) or len(result) != count:
            raise TypeError(f"{count} results are wanted, not {result!r}")
        return result

    def write(self, store: Store, raw: Any, kinds: Sequence[ValType], values: Sequence[Any]) -> None:
        for index, (kind, value) in enumerate(zip(kinds, values)):
            place = c.byref(raw, 16 * index)
            native = to_native(store, kind, value)
            check(n.pellucid_value_to_raw(store._ptr, c.byref(native), place))

    def read(self, store: Store, raw: Any, kinds: Sequence[ValType]) -> list[Any]:
        values = []
        native = n.Value()
        for index, kind in enumerate(kinds):
            check(n.pellucid_value_from_raw(store._ptr, kind, c.byref(raw, 16 * index), c.byref(native)))
            values.append(from_native(store, native))
        return values

    def result(self, values: Sequence[Any]) -> Any:
        return values[0] if len(values) == 1 else tuple(values) if values else None


_codecs: dict[FuncType, Codec] = {}


def codec(functype: FuncType) -> Codec:
    """The codec for a type, made once; codecs only know kinds, and no store."""
    found = _codecs.get(functype)
    if found is None:
        found = _codecs[functype] = Codec(FuncType(functype.params, functype.results))
    return found


def to_native(store: Store, kind: ValType, value: Any) -> n.Value:
    """A Python object as a value of a type."""
    native = n.Value(kind=kind)
    of = native.of
    if kind == ValType.I32:
        of.i32 = number(kind, value)
    elif kind == ValType.I64:
        of.i64 = number(kind, value)
    elif kind == ValType.F32:
        of.f32 = number(kind, value)
    elif kind == ValType.F64:
        of.f64 = number(kind, value)
    elif kind == ValType.V128:
        data = bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else refuse(kind, value)
        if len(data) != 16:
            raise ValueError(f"a v128 is 16 bytes, not {len(data)}")
        of.v128[:] = data
    elif value is None:
        pass
    elif kind == ValType.FUNCREF:
        from .entities import Func
        if not isinstance(value, Func):
            refuse(kind, value)
        of.funcref = value._handle
    elif kind == ValType.EXTERNREF:
        of.externref = store._externref(value)
    elif kind == ValType.ANYREF:
        of.anyref = _anyref(store, value)
    else:
        from .refs import ExnRef
        if not isinstance(value, ExnRef):
            refuse(kind, value)
        of.exnref = value._value.of.exnref
    return native


def _anyref(store: Store, value: Any) -> n.Anyref:
    from .refs import Object
    if isinstance(value, Object):
        native: n.Anyref = value._value.of.anyref
        return native
    result = n.Anyref()
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 30) <= value < 1 << 30:
        check(n.pellucid_anyref_from_i31(value, c.byref(result)))
    else:
        check(n.pellucid_anyref_from_externref(store._ptr, c.byref(store._externref(value)), c.byref(result)))
    return result


def from_native(store: Store, native: n.Value) -> Any:
    """A value as a Python object."""
    kind, of = native.kind, native.of
    if kind == ValType.I32:
        return of.i32
    if kind == ValType.I64:
        return of.i64
    if kind == ValType.F32:
        return of.f32
    if kind == ValType.F64:
        return of.f64
    if kind == ValType.V128:
        return bytes(of.v128)
    if kind == n.Kind.UNAVAILABLE:
        return UNAVAILABLE
    if bytes(of)[:16] == _ZEROS:
        return None
    if kind == ValType.FUNCREF:
        return store._func(of.funcref)
    if kind == ValType.EXTERNREF:
        return store._extern_object(of.externref)
    if kind == ValType.EXNREF:
        from .refs import ExnRef
        return ExnRef(store, native)
    if kind != ValType.ANYREF:
        raise TypeMismatch(f"a value of kind {kind}, which is reserved")
    return _any_object(store, native)


def _any_object(store: Store, native: n.Value) -> Any:
    what = c.c_uint32()
    anyref = native.of.anyref
    check(n.pellucid_anyref_kind(c.byref(anyref), c.byref(what)))
    if what.value == n.AnyrefKind.I31:
        whole = c.c_int32()
        check(n.pellucid_anyref_i31(c.byref(anyref), c.byref(whole)))
        return whole.value
    if what.value == n.AnyrefKind.EXTERN:
        externref = n.Externref()
        check(n.pellucid_anyref_to_externref(store._ptr, c.byref(anyref), c.byref(externref)))
        return store._extern_object(externref)
    from .refs import object_of
    return object_of(store, native)


class Unavailable:
    """The value of a local or operand that isn't known where its frame stands."""

    def __repr__(self) -> str:
        return "UNAVAILABLE"

    def __bool__(self) -> bool:
        return False


UNAVAILABLE = Unavailable()
