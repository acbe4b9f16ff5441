"""Breakpoints and watchpoints, which are changed in sessions: all or nothing."""

from __future__ import annotations

import ctypes as c
from typing import Any, Callable, NamedTuple

from .. import _native as n
from .._native import BreakpointKind, Status, Throw, WatchAccess, WatchKind
from ..entities import Global, Memory, Table, Tag
from ..errors import InvalidState, TrapCode, check, fail, text
from ..instance import Instance
from ..module import Module
from ..refs import Object
from ..store import Store
from .events import unraisable
from .frames import Frame


class Place(NamedTuple):
    """An operator that a breakpoint is at."""

    module_id: int
    func_index: int
    pc: int


class Breakpoint(NamedTuple):
    """A breakpoint as it is listed."""

    id: int
    kind: BreakpointKind
    name: str | None
    places: list[Place]
    is_enabled: bool
    hits: int
    passed_over: int
    declined: int
    is_log_point: bool


class Watchpoint(NamedTuple):
    """A watchpoint as it is listed; `entity` is the number of what it watches in the store."""

    id: int
    kind: WatchKind
    access: WatchAccess
    entity: int
    address: int
    size: int
    is_enabled: bool
    hits: int
    is_over: bool


def _delete(pointer: int, edit: int, delete: Any = n.pellucid_edit_delete) -> None:
    delete(edit)


class Edit:
    """Changes of a store's breakpoints and watchpoints, which are made together at the end of a `with` statement, or not at all if that
    is left by an exception:

        with debug.edit(store) as edit:
            at = edit.at_function(module, "fib")
            edit.set_condition(at, "n == 3")

    What adds something returns its id.
    """

    __slots__ = ("store", "_pointer", "_handle")

    def __init__(self, store: Store) -> None:
        self._pointer: c.c_void_p | None = None
        self.store = store
        self._handle = store._open()
        pointer = c.c_void_p()
        check(n.pellucid_edit_begin(store._ptr, c.byref(pointer)))
        self._pointer = pointer

    def __enter__(self) -> Edit:
        return self

    def __exit__(self, kind: Any, raised: Any, trace: Any) -> None:
        try:
            if kind is None and self._pointer is not None:
                self.commit()
        finally:
            self._end()

    def _end(self) -> None:
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            n.pellucid_edit_delete(pointer)

    def __del__(self) -> None:
        if self._pointer is not None:
            self._handle.trash.append((_delete, self._pointer.value))

    def _valid(self) -> c.c_void_p:
        if self._pointer is None:
            raise InvalidState("the session is over")
        return self._pointer

    def commit(self) -> None:
        """Makes the changes now."""
        error = c.c_void_p()
        status = n.pellucid_edit_commit(self._valid(), c.byref(error))
        self._end()
        if status:
            fail(status, error)

    def discard(self) -> None:
        """Makes no changes."""
        self._valid()
        self._end()

    def _add(self, function: Any, *args: Any) -> int:
        id = c.c_uint64()
        check(function(self._valid(), *args, c.byref(id)))
        return id.value

    # Breakpoints.

    def at_pc(self, module: Module, pc: int) -> int:
        """At an operator, or the next one if there is none at this offset."""
        id = c.c_uint64()
        check(n.pellucid_edit_add(self._valid(), module._pointer, pc, c.byref(id), None))
        return id.value

    def at_function(self, module: Module, function: int | str) -> int:
        """At the first operator of a function, by index or by name."""
        index = module.func_index(function) if isinstance(function, str) else function
        id = c.c_uint64()
        check(n.pellucid_edit_add_at_function(self._valid(), module._pointer, index, c.byref(id), None))
        return id.value

    def at_name(self, name: str, module: Module | None = None) -> int:
        """At the first operator of all functions of a name, also of modules that come later."""
        data = name.encode()
        return self._add(n.pellucid_edit_add_at_function_name, module._pointer if module else None, data, len(data))

    def at_import(self, import_module: str, name: str, module: Module | None = None) -> int:
        """Where an imported function is called, before the call."""
        first, second = import_module.encode(), name.encode()
        return self._add(n.pellucid_edit_add_at_import_name_calls, module._pointer if module else None, first, len(first),
                         second, len(second))

    def at_trap(self, code: TrapCode = TrapCode.NONE) -> int:
        """At traps, of whichever kind, or of one."""
        return self._add(n.pellucid_edit_add_at_trap, code)

    def at_exception(self, tag: Tag | None = None, which: Throw = Throw.CAUGHT | Throw.UNCAUGHT) -> int:
        """At exceptions, of whichever tag, or of one."""
        return self._add(n.pellucid_edit_add_at_exception, c.byref(tag._handle) if tag else None, which)

    # Watchpoints.

    def watch_memory(self, memory: Memory, address: int, size: int, access: WatchAccess = WatchAccess.WRITE) -> int:
        """Of bytes of a memory."""
        return self._add(n.pellucid_edit_watch_memory, c.byref(memory._handle), address, size, access)

    def watch_global(self, item: Global, access: WatchAccess = WatchAccess.WRITE) -> int:
        """Of a global."""
        return self._add(n.pellucid_edit_watch_global, c.byref(item._handle), access)

    def watch_element(self, table: Table, index: int, access: WatchAccess = WatchAccess.WRITE) -> int:
        """Of an element of a table."""
        return self._add(n.pellucid_edit_watch_element, c.byref(table._handle), index, access)

    def watch_local(self, frame: Frame, local: int | str, access: WatchAccess = WatchAccess.WRITE) -> int:
        """Of a local of a frame, as long as that is there."""
        return self._add(n.pellucid_edit_watch_local, frame._ref, frame._index(local), access)

    def watch_field(self, thing: Object, index: int, access: WatchAccess = WatchAccess.WRITE) -> int:
        """Of a field of a structure or an element of an array."""
        return self._add(n.pellucid_edit_watch_field, thing._ref, index, access)

    # Both.

    def remove(self, id: int) -> None:
        """Removes a breakpoint or watchpoint."""
        check(n.pellucid_edit_remove(self._valid(), id))

    def enable(self, id: int, is_enabled: bool = True) -> None:
        """Enables or disables it."""
        check(n.pellucid_edit_enable(self._valid(), id, is_enabled))

    def set_options(self, id: int, *, instance: Instance | None = None, frame: Frame | None = None, ignore: int = 0,
                    once: bool = False) -> None:
        """Says when it counts: in an instance, in a frame, after so many times that don't, only once."""
        options = n.BreakpointOptions(frame_key=frame.key if frame else 0, ignore_count=ignore, is_one_shot=once)
        if instance is not None:
            options.instance = instance._handle
        check(n.pellucid_edit_set_options(self._valid(), id, c.byref(options)))

    def set_condition(self, id: int, condition: str | Callable[[Frame], Any] | None) -> None:
        """Says when it counts: by an expression, or by a function that is told the frame.

        In expressions are numbers; `local[2]`, `$2`, names of locals and globals; `operand[0]`, `%0`; `global[1]`, `@1`; `i32[address]`
        and the like; and C's operators. They are quick, as the guest needn't be left. What a function raises is reported, and counts as yes.
        """
        if condition is None or isinstance(condition, str):
            data, error = (condition or "").encode(), c.c_void_p()
            status = n.pellucid_edit_set_expression(self._valid(), id, data, len(data), c.byref(error))
            if status:
                fail(status, error)
            if condition is None:
                check(n.pellucid_edit_set_condition(self._valid(), id, None, None, None))
            return
        store, function = self.store, condition

        def ask(userdata: Any, pointer: int, frame: int, id: int) -> bool:
            try:
                return bool(function(Frame(store, n.Frame.from_address(frame))))
            except BaseException as raised:
                unraisable(raised, function)
                return True

        callback = n.ConditionCb(ask)
        check(n.pellucid_edit_set_condition(self._valid(), id, *store._kept(callback, callback)))

    def set_log(self, id: int, message: str) -> None:
        """Makes it tell a text instead of stopping: `"x is {x}"`. See `set_log_handler`."""
        data, error = message.encode(), c.c_void_p()
        status = n.pellucid_edit_set_log_text(self._valid(), id, data, len(data), c.byref(error))
        if status:
            fail(status, error)

    def trace(self, module: Module, first: int, count: int = 1, is_on: bool = True) -> None:
        """Has entries and exits of functions told."""
        check(n.pellucid_edit_trace(self._valid(), module._pointer, first, count, is_on))

    def single_step(self, is_on: bool = True) -> None:
        """Has each operator of all guests be an event."""
        check(n.pellucid_edit_single_step(self._valid(), is_on))


def edit(store: Store) -> Edit:
    """Begins a session: `with debug.edit(store) as edit:`."""
    return Edit(store)


def _ids(function: Any, store: Store) -> list[int]:
    count = c.c_size_t()
    check(function(store._ptr, None, 0, c.byref(count)))
    ids = (c.c_uint64 * count.value)()
    check(function(store._ptr, ids, count.value, c.byref(count)))
    return list(ids)


def breakpoints(store: Store) -> list[Breakpoint]:
    """All breakpoints, the oldest first."""
    found = []
    for id in _ids(n.pellucid_breakpoint_list, store):
        info = n.BreakpointInfo(struct_size=c.sizeof(n.BreakpointInfo))
        check(n.pellucid_breakpoint_info(store._ptr, id, c.byref(info)))
        name = n.Str()
        is_named = info.is_named and n.pellucid_breakpoint_name(store._ptr, id, None, c.byref(name)) == Status.OK
        places, count = (n.BreakpointPlace * info.n_places)(), c.c_size_t()
        check(n.pellucid_breakpoint_places(store._ptr, id, places, info.n_places, c.byref(count)))
        found.append(Breakpoint(
            id, BreakpointKind(info.kind), text(name) if is_named else None,
            [Place(place.module_id, place.func_index, place.pc) for place in places], bool(info.is_enabled), info.hits,
            info.passed_over, info.declined, bool(info.is_log_point)))
    return found


def watchpoints(store: Store) -> list[Watchpoint]:
    """All watchpoints, the oldest first."""
    found = []
    for id in _ids(n.pellucid_watchpoint_list, store):
        info = n.WatchpointInfo(struct_size=c.sizeof(n.WatchpointInfo))
        check(n.pellucid_watchpoint_info(store._ptr, id, c.byref(info)))
        found.append(Watchpoint(id, WatchKind(info.kind), WatchAccess(info.access), info.entity, info.address, info.size,
                                bool(info.is_enabled), info.hits, bool(info.is_over)))
    return found
