"""Types of values, functions, memories, tables and globals, and how annotations say them."""

from __future__ import annotations

import ctypes as c
import enum
import inspect
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Callable, Iterable, Union

from . import _native as n
from .errors import check


class ValType(enum.IntEnum):
    """The type of a value."""

    I32 = n.Kind.I32
    I64 = n.Kind.I64
    F32 = n.Kind.F32
    F64 = n.Kind.F64
    V128 = n.Kind.V128
    FUNCREF = n.Kind.FUNCREF
    EXTERNREF = n.Kind.EXTERNREF
    ANYREF = n.Kind.ANYREF
    EXNREF = n.Kind.EXNREF

    def __str__(self) -> str:
        return self.name.lower()


# For annotations of host functions: to a type checker these are int, float, bytes and whatever there is.
i32 = Annotated[int, ValType.I32]
i64 = Annotated[int, ValType.I64]
f32 = Annotated[float, ValType.F32]
f64 = Annotated[float, ValType.F64]
v128 = Annotated[bytes, ValType.V128]
funcref = Annotated[Any, ValType.FUNCREF]
externref = Annotated[Any, ValType.EXTERNREF]
anyref = Annotated[Any, ValType.ANYREF]
exnref = Annotated[Any, ValType.EXNREF]

TypeLike = Union[ValType, str, Any]


def valtype(like: TypeLike) -> ValType:
    """What a name (`"i32"`), an annotation (`pellucid.i32`), `int` (i64) or `float` (f64) means."""
    if isinstance(like, ValType):
        return like
    if isinstance(like, str):
        try:
            return ValType[like.upper()]
        except KeyError:
            raise ValueError(f"{like!r} is no type of values") from None
    for mark in getattr(like, "__metadata__", ()):
        if isinstance(mark, ValType):
            return mark
    plain = {int: ValType.I64, bool: ValType.I32, float: ValType.F64, bytes: ValType.V128, object: ValType.EXTERNREF,
             Any: ValType.EXTERNREF}
    if like in plain:
        return plain[like]
    raise TypeError(f"{like!r} says no type of values: use pellucid.i32 and the like")


def _types(likes: TypeLike | Iterable[TypeLike]) -> tuple[ValType, ...]:
    if isinstance(likes, str):
        return tuple(valtype(name) for name in likes.replace(",", " ").split())
    if likes is None:
        return ()
    if isinstance(likes, (ValType, type)) or hasattr(likes, "__metadata__"):
        return (valtype(likes),)
    return tuple(valtype(like) for like in likes)


class FuncType:
    """Parameters and results of a function: `FuncType("i32 i32", "i64")`, `FuncType([pellucid.i32], [])`."""

    __slots__ = ("params", "results", "_exact")

    def __init__(self, params: TypeLike | Iterable[TypeLike] = (), results: TypeLike | Iterable[TypeLike] = ()) -> None:
        self.params = _types(params)
        self.results = _types(results)
        # A module's own type, which may say more of references than their kinds.
        self._exact: _Functype | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FuncType) and (self.params, self.results) == (other.params, other.results)

    def __hash__(self) -> int:
        return hash((self.params, self.results))

    def __repr__(self) -> str:
        return f"FuncType({' '.join(map(str, self.params))!r}, {' '.join(map(str, self.results))!r})"

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.params))}) -> ({', '.join(map(str, self.results))})"

    def _native(self) -> _Functype:
        if self._exact is None:
            pointer = c.c_void_p()
            check(n.pellucid_functype_new(
                (c.c_uint32 * len(self.params))(*self.params), len(self.params),
                (c.c_uint32 * len(self.results))(*self.results), len(self.results), c.byref(pointer)))
            self._exact = _Functype(pointer)
        return self._exact

    @classmethod
    def _of(cls, pointer: c.c_void_p) -> FuncType:
        """From a type of the library's, which it takes."""
        made = cls()
        made._exact = _Functype(pointer)
        lists = []
        for function in (n.pellucid_functype_params, n.pellucid_functype_results):
            data, count = c.c_void_p(), c.c_size_t()
            check(function(pointer, c.byref(data), c.byref(count)))
            kinds = (c.c_uint32 * count.value).from_address(data.value) if count.value and data.value else ()
            lists.append(tuple(ValType(kind) for kind in kinds))
        made.params, made.results = lists
        return made


class _Functype:
    __slots__ = ("pointer",)

    def __init__(self, pointer: c.c_void_p) -> None:
        self.pointer = pointer

    def __del__(self, delete: Any = n.pellucid_functype_delete) -> None:
        delete(self.pointer)


@dataclass(frozen=True)
class MemoryType:
    """A memory's type; sizes are in pages."""

    minimum: int
    maximum: int | None = None
    is_64: bool = False
    is_shared: bool = False
    page_size: int = 65536


@dataclass(frozen=True)
class TableType:
    """A table's type."""

    element: ValType
    minimum: int
    maximum: int | None = None
    is_64: bool = False


@dataclass(frozen=True)
class GlobalType:
    """A global's type."""

    value: ValType
    is_mutable: bool = False


@dataclass(frozen=True)
class TagType:
    """The type of a tag: what its exceptions carry."""

    values: tuple[ValType, ...]
    _func: FuncType = field(repr=False, compare=False, default_factory=FuncType)


ExternType = Union[FuncType, MemoryType, TableType, GlobalType, TagType]


def memory_type(native: n.Memorytype) -> MemoryType:
    log2 = native.page_size_log2
    size = 65536 if log2 == 0 else 1 if log2 == n.PageSize.PAGES_OF_A_BYTE else 1 << log2
    return MemoryType(native.minimum, native.maximum if native.has_maximum else None, bool(native.is_64),
                      bool(native.is_shared), size)


def table_type(native: n.Tabletype) -> TableType:
    return TableType(ValType(native.element), native.minimum, native.maximum if native.has_maximum else None,
                     bool(native.is_64))


def extern_type(pointer: c.c_void_p) -> ExternType:
    """From a type of the library's, which it takes."""
    try:
        kind = n.pellucid_externtype_kind(pointer)
        if kind in (n.ExternKind.FUNC, n.ExternKind.TAG):
            functype = c.c_void_p()
            getter = n.pellucid_externtype_func if kind == n.ExternKind.FUNC else n.pellucid_externtype_tag
            check(getter(pointer, c.byref(functype)))
            func = FuncType._of(functype)
            return func if kind == n.ExternKind.FUNC else TagType(func.params, func)
        if kind == n.ExternKind.MEMORY:
            memory = n.Memorytype()
            check(n.pellucid_externtype_memory(pointer, c.byref(memory)))
            return memory_type(memory)
        if kind == n.ExternKind.TABLE:
            table = n.Tabletype()
            check(n.pellucid_externtype_table(pointer, c.byref(table)))
            return table_type(table)
        globaltype = n.Globaltype()
        check(n.pellucid_externtype_global(pointer, c.byref(globaltype)))
        return GlobalType(ValType(globaltype.kind), bool(globaltype.is_mutable))
    finally:
        n.pellucid_externtype_delete(pointer)


@dataclass(frozen=True)
class Signature:
    """What a Python callable says of itself: whether it wants to know its caller, and its type, if that is annotated.

    A plain `int` or `float` is of 64 bits, unless an import says otherwise.
    """

    wants_caller: bool
    type: FuncType | None
    is_coroutine: bool
    loose: frozenset[int] = frozenset()

    def fits(self, wanted: FuncType) -> bool:
        """Whether an import of this type can be the callable."""
        if self.type is None:
            return True
        mine, theirs = self.type.params + self.type.results, wanted.params + wanted.results
        if len(self.type.params) != len(wanted.params) or len(mine) != len(theirs):
            return False
        wider = {ValType.I32: ValType.I64, ValType.F32: ValType.F64}
        return all(a == b or (at in self.loose and wider.get(b) == a) for at, (a, b) in enumerate(zip(mine, theirs)))


def signature(function: Callable[..., Any], caller_class: type) -> Signature:
    """What the annotations of a callable say."""
    is_coroutine = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None))
    try:
        parameters = list(inspect.signature(function).parameters.values())
        target = function if hasattr(function, "__annotations__") else getattr(function, "__call__")
        hints = typing.get_type_hints(target, include_extras=True)
    except (ValueError, TypeError, NameError):
        return Signature(False, None, is_coroutine)
    positional = [parameter for parameter in parameters
                  if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)]
    wants_caller = bool(positional) and hints.get(positional[0].name) is caller_class
    names = [parameter.name for parameter in positional[wants_caller:]]
    if not all(name in hints for name in names) or "return" not in hints or len(positional) != len(parameters):
        return Signature(wants_caller, None, is_coroutine)
    result = hints["return"]
    if typing.get_origin(result) is tuple:
        results: list[Any] = list(typing.get_args(result))
    else:
        results = [] if result in (None, type(None)) else [result]
    likes = [hints[name] for name in names] + results
    loose = frozenset(index for index, like in enumerate(likes) if like in (int, float))
    return Signature(wants_caller, FuncType([hints[name] for name in names], results), is_coroutine, loose)
