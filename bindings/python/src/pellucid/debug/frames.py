"""Frames: where guests stand, with their locals and operands, to be read and changed."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any, Iterator

from .. import _native as n
from .._native import FrameKind, Status
from ..calls import Call
from ..entities import Tag
from ..errors import check, fail, text
from ..instance import Instance
from ..module import Module
from ..store import Scope, Store
from ..types import ValType
from ..values import from_native, to_native


class Frame:
    """A frame of a guest that stands still. When its call has run on every use raises `StaleHandle`; `key` tells whether a later one
    is the same.

    `frame["name"]` and `frame[0]` are locals, which can be set, too.
    """

    __slots__ = ("store", "_handle", "_info")

    def __init__(self, store: Store, handle: n.Frame) -> None:
        self.store = store
        self._handle = n.Frame.from_buffer_copy(handle)
        self._info: n.FrameInfo | None = None

    @property
    def _ref(self) -> Any:
        return c.byref(self._handle)

    @property
    def info(self) -> n.FrameInfo:
        """All that the library tells of it at once."""
        if self._info is None or not self.is_valid:
            info = n.FrameInfo(struct_size=c.sizeof(n.FrameInfo))
            check(n.pellucid_frame_info(self.store._ptr, self._ref, c.byref(info)))
            self._info = info
        return self._info

    @property
    def is_valid(self) -> bool:
        """Whether it still stands."""
        return n.pellucid_frame_is_valid(self.store._ptr, self._ref)

    @property
    def kind(self) -> FrameKind:
        """Whether it stands before its operator, has trapped there, or has called from there."""
        return FrameKind(self.info.kind)

    @property
    def pc(self) -> int:
        """Its operator, as an offset in the module's bytes."""
        pc: int = self.info.pc
        return pc

    @property
    def func_index(self) -> int:
        """The index of its function in the module."""
        index: int = self.info.func_index
        return index

    @property
    def func_offset(self) -> int:
        """Bytes from the start of the function's body to its operator."""
        offset: int = self.info.func_offset
        return offset

    @property
    def func_name(self) -> str:
        """The name of its function, or its index where there is none."""
        name = n.Str()
        if n.pellucid_frame_func_name(self.store._ptr, self._ref, c.byref(name)) == Status.OK and name.size:
            return text(name)
        return f"func[{self.func_index}]"

    @property
    def module(self) -> Module:
        """The module of its function."""
        pointer = c.c_void_p()
        check(n.pellucid_frame_module(self.store._ptr, self._ref, c.byref(pointer)))
        return Module._of(self.store.engine, pointer)

    @property
    def instance(self) -> Instance:
        """The instance that it runs in."""
        made: Instance = Instance._of(self.store, self.info.instance)
        return made

    @property
    def key(self) -> int:
        """A number that stays the same as long as the frame lives."""
        key = c.c_uint64()
        check(n.pellucid_frame_key(self.store._ptr, self._ref, c.byref(key)))
        return key.value

    @property
    def caller(self) -> Frame | None:
        """The frame that called it; None for the outermost of its activation."""
        handle = n.Frame()
        status = n.pellucid_frame_caller(self.store._ptr, self._ref, c.byref(handle))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return Frame(self.store, handle)

    # Values.

    def _read(self, function: Any, count: int) -> list[Any]:
        values, got = (n.Value * count)(), c.c_uint32()
        with Scope(self.store):
            check(function(self.store._ptr, self._ref, 0, values, count, c.byref(got)))
            return [from_native(self.store, value) for value in values[:got.value]]

    @property
    def locals(self) -> list[Any]:
        """All locals, parameters first; `UNAVAILABLE` where the value isn't known here."""
        return self._read(n.pellucid_frame_read_locals, self.info.n_locals)

    @property
    def operands(self) -> list[Any]:
        """The operands, from the bottom."""
        return self._read(n.pellucid_frame_read_operands, self.info.n_operands)

    @property
    def local_names(self) -> list[str | None]:
        """The names of the locals, None where there is none."""
        names: list[str | None] = []
        for index in range(self.info.n_locals):
            name = n.Str()
            found = n.pellucid_frame_local_name(self.store._ptr, self._ref, index, c.byref(name))
            names.append(text(name) if found == Status.OK else None)
        return names

    def _index(self, key: int | str) -> int:
        if isinstance(key, int):
            return key
        names = self.local_names
        if key not in names:
            raise KeyError(key)
        return names.index(key)

    def __getitem__(self, key: int | str) -> Any:
        return self.locals[self._index(key)]

    def __setitem__(self, key: int | str, value: Any) -> None:
        index = self._index(key)
        self._write(n.pellucid_frame_write_local, self._kinds(n.pellucid_frame_local_kinds), index, value)

    def write_operand(self, index: int, value: Any) -> None:
        """Sets an operand; 0 is the bottom."""
        self._write(n.pellucid_frame_write_operand, self._kinds(n.pellucid_frame_operand_kinds), index, value)

    def _kinds(self, function: Any) -> list[ValType]:
        count = c.c_uint32()
        check(function(self.store._ptr, self._ref, None, 0, c.byref(count)))
        kinds = (c.c_uint32 * count.value)()
        check(function(self.store._ptr, self._ref, kinds, count.value, c.byref(count)))
        return [ValType(kind) for kind in kinds]

    def _write(self, function: Any, kinds: list[ValType], index: int, value: Any) -> None:
        if not 0 <= index < len(kinds):
            raise IndexError(f"{index} isn't one of {len(kinds)}")
        error = c.c_void_p()
        with Scope(self.store):
            native = to_native(self.store, kinds[index], value)
            status = function(self.store._ptr, self._ref, index, c.byref(native), c.byref(error))
        if status:
            fail(status, error)

    def evaluate(self, expression: str) -> int | float:
        """What an expression is here: `frame.evaluate("n > 5 && i32[p + 8] != 0")`; `Edit.set_condition` says what there is."""
        data, value, error = expression.encode(), n.Value(), c.c_void_p()
        status = n.pellucid_frame_evaluate(self.store._ptr, self._ref, data, len(data), c.byref(value), c.byref(error))
        if status:
            fail(status, error)
        result: int | float = from_native(self.store, value)
        return result

    # Changing where it goes on. All frames of the call are stale then, and the new innermost one is returned.

    def _moved(self, function: Any, *args: Any) -> Frame:
        handle, error = n.Frame(), c.c_void_p()
        status = function(self.store._ptr, self._ref, *args, c.byref(handle), c.byref(error))
        if status:
            fail(status, error)
        return Frame(self.store, handle)

    def return_(self, *results: Any) -> Frame:
        """Has it return early with these results."""
        kinds = self.module.func_type(self.func_index).results
        if len(kinds) != len(results):
            raise TypeError(f"the function has {len(kinds)} results, {len(results)} were given")
        with Scope(self.store):
            values = (n.Value * len(kinds))(*(to_native(self.store, kind, value) for kind, value in zip(kinds, results)))
            return self._moved(n.pellucid_frame_return, values, len(kinds))

    def restart(self) -> Frame:
        """Has it begin again, with its parameters as they are now."""
        return self._moved(n.pellucid_frame_restart)

    def drop(self) -> Frame:
        """Drops it: its caller stands before the call."""
        return self._moved(n.pellucid_frame_drop)

    def move_to(self, pc: int) -> Frame:
        """Moves it to another operator of its function."""
        return self._moved(n.pellucid_frame_set_pc, pc)

    def throw(self, tag: Tag, *values: Any) -> None:
        """Has it throw an exception when its call goes on."""
        kinds, error = tag.type.values, c.c_void_p()
        if len(kinds) != len(values):
            raise TypeError(f"the tag's exceptions carry {len(kinds)} values, not {len(values)}")
        with Scope(self.store):
            natives = (n.Value * len(kinds))(*(to_native(self.store, kind, value) for kind, value in zip(kinds, values)))
            status = n.pellucid_frame_throw(self.store._ptr, self._ref, c.byref(tag._handle), natives, len(kinds),
                                            c.byref(error))
        if status:
            fail(status, error)

    def __repr__(self) -> str:
        return f"<Frame {self.func_name} @{self.pc:#x}>" if self.is_valid else "<Frame, stale>"


def outwards(first: Frame | None) -> Iterator[Frame]:
    """A frame and those that called it."""
    while first is not None:
        yield first
        first = first.caller


def frame(call: Call) -> Frame | None:
    """The innermost frame of a call that stands; None if it has none."""
    handle = n.Frame()
    status = n.pellucid_call_frame(call._valid(), c.byref(handle))
    if status == Status.ERR_NOT_FOUND:
        return None
    check(status)
    return Frame(call.store, handle)


def frames(call: Call) -> list[Frame]:
    """All frames of a call that stands, the innermost first."""
    return list(outwards(frame(call)))


def activations(store: Store) -> list[list[Frame]]:
    """In a host function or a handler: the frames of the guests that are running, by the calls that the host has made, the newest first."""
    count = c.c_size_t()
    check(n.pellucid_frame_activations(store._ptr, None, 0, c.byref(count)))
    handles = (n.Frame * count.value)()
    check(n.pellucid_frame_activations(store._ptr, handles, count.value, c.byref(count)))
    return [list(outwards(Frame(store, handle))) for handle in handles]


def pause_on_control_c(store: Store, pauses: bool = True) -> None:
    """Has Ctrl-C pause a `Call` that runs in a store, where it would end it. KeyboardInterrupt is raised all the same."""
    store._pauses = pauses


def core_dump(store: Store, path: str | os.PathLike[str] | None = None, *, name: str = "", memories: bool = True) -> bytes | None:
    """Writes all that is in a store now into a file, or returns it: stacks, memories, globals, in the format of WebAssembly's tools."""
    options = 0 if memories else n.CoreDumpOption.CORE_DUMP_WITHOUT_MEMORIES
    called, error = name.encode(), c.c_void_p()
    if path is not None:
        place = os.fsencode(path)
        status = n.pellucid_store_core_dump_file(store._ptr, called, len(called), options, place, len(place),
                                                 c.byref(error))
        if status:
            fail(status, error)
        return None
    parts: list[bytes] = []

    def take(userdata: Any, data: int, size: int) -> int:
        parts.append(c.string_at(data, size))
        return Status.OK

    status = n.pellucid_store_core_dump(store._ptr, called, len(called), options, None, n.CoreDumpCb(take),
                                        c.byref(error))
    if status:
        fail(status, error)
    return b"".join(parts)

