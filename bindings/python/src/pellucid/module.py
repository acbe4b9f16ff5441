"""Modules: compiled programs."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any, NamedTuple

from . import _native as n
from .engine import Engine
from .errors import NotFound, check, fail, text
from .types import ExternType, FuncType, extern_type
from ._native import Status


class Import(NamedTuple):
    """What a module needs: two names and a type."""

    module: str
    name: str
    type: ExternType


class Module:
    """A compiled module. Any thread may use it, and any number of stores of its engine.

        module = pellucid.Module(engine, "(module ...)")      text
        module = pellucid.Module(engine, wasm_bytes)          bytes of either format
        module = pellucid.Module.from_file(engine, "app.wasm")
    """

    __slots__ = ("engine", "_pointer", "_imports", "_exports", "__weakref__")

    def __init__(self, engine: Engine, source: str | bytes | bytearray | memoryview, *, name: str | None = None) -> None:
        self._pointer = c.c_void_p()
        data = source.encode() if isinstance(source, str) else bytes(source)
        error = c.c_void_p()
        if isinstance(source, str) or not data.startswith(b"\0asm"):
            status = n.pellucid_module_new_text(engine._pointer, data, len(data), c.byref(self._pointer), c.byref(error))
        elif name is None:
            status = n.pellucid_module_new(engine._pointer, data, len(data), c.byref(self._pointer), c.byref(error))
        else:
            called = name.encode()
            status = n.pellucid_module_new_named(engine._pointer, called, len(called), data, len(data),
                                                 c.byref(self._pointer), c.byref(error))
        if status:
            fail(status, error)
        self._init(engine)

    def _init(self, engine: Engine) -> None:
        self.engine = engine
        self._imports: list[Import] | None = None
        self._exports: dict[str, ExternType] | None = None

    @classmethod
    def _of(cls, engine: Engine, pointer: c.c_void_p) -> Module:
        made = cls.__new__(cls)
        made._pointer = pointer
        made._init(engine)
        return made

    @classmethod
    def from_file(cls, engine: Engine, path: str | os.PathLike[str]) -> Module:
        """From a file of either format. A module that has no name gets the file's."""
        with open(path, "rb") as file:
            return cls(engine, file.read(), name=os.path.splitext(os.path.basename(path))[0])

    def serialize(self) -> bytes:
        """The module as bytes: what it was compiled to, and its own bytes. `Module.deserialize` makes it of them again."""
        parts: list[bytes] = []
        error = c.c_void_p()

        def take(userdata: Any, data: int, size: int) -> int:
            parts.append(c.string_at(data, size))
            return Status.OK

        status = n.pellucid_module_serialize(self._pointer, None, n.SerializeCb(take), c.byref(error))
        if status:
            fail(status, error)
        return b"".join(parts)

    def serialize_file(self, path: str | os.PathLike[str]) -> None:
        """Writes the same to a file, which replaces another one at once and whole."""
        place, error = os.fsencode(path), c.c_void_p()
        status = n.pellucid_module_serialize_file(self._pointer, place, len(place), c.byref(error))
        if status:
            fail(status, error)

    @classmethod
    def deserialize(cls, engine: Engine, data: bytes) -> Module:
        """The module that was serialized, without compiling it. Raises `InvalidModule` for bytes that aren't as they were, and
        `Incompatible` if they are for another version of the library, another processor or an engine with other options.

        It is machine code: give it only what you have serialized yourself, or what comes from whom you trust as you do the library.
        """
        pointer, error = c.c_void_p(), c.c_void_p()
        status = n.pellucid_module_deserialize(engine._pointer, data, len(data), c.byref(pointer), c.byref(error))
        if status:
            fail(status, error)
        return cls._of(engine, pointer)

    @classmethod
    def deserialize_file(cls, engine: Engine, path: str | os.PathLike[str]) -> Module:
        """The same from a file. It is mapped: as long as the module or an instance of it is there it must not be changed, but it may be
        removed or replaced."""
        place, pointer, error = os.fsencode(path), c.c_void_p(), c.c_void_p()
        status = n.pellucid_module_deserialize_file(engine._pointer, place, len(place), c.byref(pointer), c.byref(error))
        if status:
            fail(status, error)
        return cls._of(engine, pointer)

    def __del__(self, delete: Any = n.pellucid_module_delete) -> None:
        delete(self._pointer)

    @staticmethod
    def validate(engine: Engine, wasm: bytes) -> None:
        """Raises `InvalidModule` or `Unsupported` for what isn't a module."""
        error = c.c_void_p()
        status = n.pellucid_module_validate(engine._pointer, wasm, len(wasm), c.byref(error))
        if status:
            fail(status, error)

    @property
    def id(self) -> int:
        """Its number among all modules of the process."""
        return n.pellucid_module_id(self._pointer)

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""
        return self._text(n.pellucid_module_name)

    def _text(self, function: Any, *args: Any) -> str | None:
        found = n.Str()
        status = function(self._pointer, *args, c.byref(found))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return text(found)

    @property
    def imports(self) -> list[Import]:
        """What it needs."""
        if self._imports is None:
            # Whole before another thread sees it.
            found = []
            for index in range(n.pellucid_module_import_count(self._pointer)):
                module, name, kind = n.Str(), n.Str(), c.c_void_p()
                check(n.pellucid_module_import(self._pointer, index, c.byref(module), c.byref(name), None, c.byref(kind)))
                found.append(Import(text(module), text(name), extern_type(kind)))
            self._imports = found
        return list(self._imports)

    @property
    def exports(self) -> dict[str, ExternType]:
        """What it offers."""
        if self._exports is None:
            found = {}
            for index in range(n.pellucid_module_export_count(self._pointer)):
                name, kind = n.Str(), c.c_void_p()
                check(n.pellucid_module_export(self._pointer, index, c.byref(name), None, c.byref(kind)))
                found[text(name)] = extern_type(kind)
            self._exports = found
        return dict(self._exports)

    @property
    def func_count(self) -> int:
        """How many functions it has, imports included."""
        return n.pellucid_module_func_count(self._pointer)

    def func_name(self, index: int) -> str | None:
        """The name of a function, if it has one."""
        return self._text(n.pellucid_module_func_name, index)

    def func_type(self, index: int) -> FuncType:
        """The type of a function."""
        pointer = c.c_void_p()
        check(n.pellucid_module_func_type(self._pointer, index, c.byref(pointer)))
        return FuncType._of(pointer)

    def func_index(self, name: str) -> int:
        """The function with a name, or that is exported as that."""
        for index in range(self.func_count):
            if self.func_name(index) == name:
                return index
        raise NotFound(f"no function is called {name!r}")

    def func_range(self, index: int) -> tuple[int, int, int]:
        """Where a function's body starts, its first operator is, and its body ends, as offsets in the module's bytes."""
        start, first, end = c.c_uint32(), c.c_uint32(), c.c_uint32()
        check(n.pellucid_module_func_range(self._pointer, index, c.byref(start), c.byref(first), c.byref(end)))
        return start.value, first.value, end.value

    def func_at(self, pc: int) -> int:
        """Which function's body has an offset in the module's bytes."""
        index = c.c_uint32()
        check(n.pellucid_module_func_at(self._pointer, pc, c.byref(index), None))
        return index.value

    def local_name(self, func_index: int, local_index: int) -> str | None:
        """The name of a local or parameter, if it has one."""
        return self._text(n.pellucid_module_local_name, func_index, local_index)

    def section(self, name: str) -> bytes:
        """The bytes of a custom section."""
        data, found = name.encode(), n.Bytes()
        status = n.pellucid_module_section(self._pointer, data, len(data), c.byref(found))
        if status == Status.ERR_NOT_FOUND:
            raise NotFound(f"no custom section is called {name!r}")
        check(status)
        return c.string_at(found.data, found.size) if found.size else b""

    @property
    def types(self) -> list[int]:
        """The numbers of the types that it defines, by their indices: for `Store.new_struct` and `Store.new_array`."""
        numbers = []
        for index in range(n.pellucid_module_type_count(self._pointer)):
            number = c.c_uint32()
            check(n.pellucid_module_type(self._pointer, index, c.byref(number)))
            numbers.append(number.value)
        return numbers

    def __repr__(self) -> str:
        return f"<Module {self.name or self.id}>"
