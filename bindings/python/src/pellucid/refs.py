"""References to what guests have made: structures, arrays and exceptions. They keep what they refer to."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Any, Iterator

from . import _native as n
from .errors import check, fail, text
from .types import ValType
from .values import from_native, to_native

if TYPE_CHECKING:
    from .entities import Tag
    from .store import Store


def _release(pointer: int, value: n.Value, release: Any = n.pellucid_value_release) -> None:
    release(pointer, c.byref(value))


class Reference:
    """A reference of a guest's, which keeps what it is to."""

    __slots__ = ("store", "_value", "_kept_by", "__weakref__")

    def __init__(self, store: Store, native: n.Value) -> None:
        self._kept_by: Any = None
        self.store = store
        self._value = n.Value(kind=native.kind, of=native.of)
        handle = store._open()
        check(n.pellucid_value_keep(store._ptr, c.byref(self._value)))
        self._kept_by = handle

    def __del__(self) -> None:
        if self._kept_by is not None:
            self._kept_by.trash.append((_release, self._value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and n.pellucid_value_is_same(c.byref(self._value), c.byref(other._value))

    def __hash__(self) -> int:
        return hash(bytes(self._value.of)[:16])


class Object(Reference):
    """A structure or an array that a guest or `Store.new_struct` or `Store.new_array` has made."""

    __slots__ = ("type_id", "_fields")

    def __init__(self, store: Store, native: n.Value) -> None:
        super().__init__(store, native)
        type_id = c.c_uint32()
        check(n.pellucid_object_type(store._ptr, self._ref, c.byref(type_id), None))
        self.type_id = type_id.value
        self._fields: dict[str, int] | None = None

    @property
    def _ref(self) -> Any:
        return c.byref(self._value.of.anyref)

    @property
    def type_name(self) -> str | None:
        """The name of its type, if a module says one."""
        name = n.Str()
        found = n.pellucid_store_type_name(self.store._ptr, self.type_id, c.byref(name))
        return text(name) if found == n.Status.OK else None

    def __len__(self) -> int:
        length = c.c_uint32()
        check(n.pellucid_object_type(self.store._ptr, self._ref, None, c.byref(length)))
        return length.value

    def _get(self, first: int, count: int) -> list[Any]:
        from .store import Scope
        values = (n.Value * count)()
        with Scope(self.store):
            check(n.pellucid_object_get(self.store._ptr, self._ref, first, values, count))
            return [from_native(self.store, value) for value in values]

    def _set(self, index: int, value: Any) -> None:
        from .store import Scope
        with Scope(self.store):
            native = to_native(self.store, self._kind(index), value)
            check(n.pellucid_object_set(self.store._ptr, self._ref, index, c.byref(native)))

    def _kind(self, index: int) -> ValType:
        fieldtype = n.Fieldtype()
        check(n.pellucid_type_field(self.store.engine._pointer, self.type_id, index, c.byref(fieldtype)))
        return ValType(fieldtype.kind)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._get(0, len(self)))


class StructRef(Object):
    """A structure: fields by number, and by name where its module says names."""

    __slots__ = ()

    def _index(self, key: int | str) -> int:
        if isinstance(key, int):
            return key if key >= 0 else key + len(self)
        fields = self.fields
        if key not in fields:
            raise KeyError(key)
        return fields[key]

    @property
    def fields(self) -> dict[str, int]:
        """The fields that have a name, and their numbers."""
        if self._fields is None:
            self._fields = {}
            for index in range(len(self)):
                name = n.Str()
                if n.pellucid_store_field_name(self.store._ptr, self.type_id, index, c.byref(name)) == n.Status.OK:
                    self._fields[text(name)] = index
        return self._fields

    def __getitem__(self, key: int | str) -> Any:
        return self._get(self._index(key), 1)[0]

    def __setitem__(self, key: int | str, value: Any) -> None:
        self._set(self._index(key), value)

    def __repr__(self) -> str:
        return f"<StructRef {self.type_name or self.type_id} of {len(self)} fields>"


class ArrayRef(Object):
    """An array: elements by number and slices, and the bytes of what isn't references."""

    __slots__ = ()

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return list(self)[index]
            return self._get(start, max(stop - start, 0))
        return self._get(self._at(index), 1)[0]

    def __setitem__(self, index: int, value: Any) -> None:
        self._set(self._at(index), value)

    def _at(self, index: int) -> int:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"{index} is outside of an array of {length}")
        return index % length

    def _kind(self, index: int) -> ValType:
        return super()._kind(0)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the elements, as memories have them."""
        data = (c.c_uint8 * size)()
        check(n.pellucid_array_read(self.store._ptr, self._ref, offset, data, size))
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Sets bytes of the elements."""
        check(n.pellucid_array_write(self.store._ptr, self._ref, offset, data, len(data)))

    def __repr__(self) -> str:
        return f"<ArrayRef {self.type_name or self.type_id} of {len(self)}>"


class ExnRef(Reference):
    """An exception that a guest has a reference to."""

    __slots__ = ()

    @property
    def exception(self) -> tuple[Tag, tuple[Any, ...]]:
        """Its tag and what it carries."""
        from .entities import Tag
        from .store import Scope
        tag, count = n.Tag(), c.c_size_t()
        ref = c.byref(self._value.of.exnref)
        with Scope(self.store):
            check(n.pellucid_exnref_exception(self.store._ptr, ref, c.byref(tag), None, 0, c.byref(count)))
            values = (n.Value * count.value)()
            check(n.pellucid_exnref_exception(self.store._ptr, ref, None, values, count.value, None))
            return Tag._of(self.store, tag), tuple(from_native(self.store, value) for value in values)


def object_of(store: Store, native: n.Value) -> Object:
    type_id, kind = c.c_uint32(), c.c_uint32()
    check(n.pellucid_object_type(store._ptr, c.byref(native.of.anyref), c.byref(type_id), None))
    check(n.pellucid_type_kind(store.engine._pointer, type_id.value, c.byref(kind), None))
    return (StructRef if kind.value == n.TypeKind.STRUCT else ArrayRef)(store, native)


def new_struct(store: Store, type_id: int, values: list[Any]) -> Object:
    from .store import Scope
    kind, count = c.c_uint32(), c.c_size_t()
    check(n.pellucid_type_kind(store.engine._pointer, type_id, c.byref(kind), c.byref(count)))
    if kind.value != n.TypeKind.STRUCT or count.value != len(values):
        raise TypeError(f"type {type_id} isn't one of structures of {len(values)} fields")
    native, error = n.Value(kind=n.Kind.ANYREF), c.c_void_p()
    with Scope(store):
        natives = (n.Value * len(values))()
        for index, value in enumerate(values):
            fieldtype = n.Fieldtype()
            check(n.pellucid_type_field(store.engine._pointer, type_id, index, c.byref(fieldtype)))
            natives[index] = to_native(store, ValType(fieldtype.kind), value)
        status = n.pellucid_struct_new(store._ptr, type_id, natives, len(values), c.byref(native.of.anyref),
                                       c.byref(error))
        if status:
            fail(status, error)
        return StructRef(store, native)


def new_array(store: Store, type_id: int, value: Any, length: int) -> Object:
    from .store import Scope
    native, error, fieldtype = n.Value(kind=n.Kind.ANYREF), c.c_void_p(), n.Fieldtype()
    check(n.pellucid_type_field(store.engine._pointer, type_id, 0, c.byref(fieldtype)))
    with Scope(store):
        element = to_native(store, ValType(fieldtype.kind), value)
        status = n.pellucid_array_new(store._ptr, type_id, c.byref(element), length, c.byref(native.of.anyref),
                                      c.byref(error))
        if status:
            fail(status, error)
        return ArrayRef(store, native)
