"""Events: what happens to guests, and handlers that are told."""

from __future__ import annotations

import ctypes as c
import sys
from typing import Any, Callable, NamedTuple

from .. import _native as n
from .._native import Action, EventKind, Status
from ..calls import Call
from ..entities import Memory, Tag
from ..errors import InvalidState, TrapCode, check, exception
from ..instance import Instance
from ..module import Module
from ..store import Scope, Store
from ..values import from_native
from .frames import Frame


class Hit(NamedTuple):
    """What happened at a watchpoint: `old` and `new` are bytes of a memory, or values of what else is watched."""

    id: int
    access: n.WatchAccess
    address: int
    size: int
    pc: int
    is_found: bool
    old: Any
    new: Any


class Event:
    """Something that has happened to a guest: valid until the handler returns that was told, or the call runs on."""

    __slots__ = ("store", "_pointer")

    def __init__(self, store: Store, pointer: int | None) -> None:
        self.store = store
        self._pointer = pointer

    def _valid(self) -> int:
        if self._pointer is None:
            raise InvalidState("the event is over")
        return self._pointer

    @property
    def kind(self) -> EventKind:
        """What has happened."""
        return EventKind(n.pellucid_event_kind(self._valid()))

    @property
    def pc(self) -> int:
        """The operator at which it has happened."""
        return n.pellucid_event_pc(self._valid())

    @property
    def call_id(self) -> int:
        """The number of the call that it has happened to."""
        return n.pellucid_event_call_id(self._valid())

    @property
    def frame(self) -> Frame | None:
        """The innermost frame of that call."""
        handle = n.Frame()
        status = n.pellucid_event_frame(self._valid(), c.byref(handle))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return Frame(self.store, handle)

    @property
    def breakpoints(self) -> list[int]:
        """The breakpoints that were hit."""
        data, count = c.c_void_p(), c.c_size_t()
        check(n.pellucid_event_breakpoints(self._valid(), c.byref(data), c.byref(count)))
        return list((c.c_uint64 * count.value).from_address(data.value)) if count.value and data.value else []

    @property
    def trap(self) -> TrapCode:
        """Why the guest has trapped."""
        return TrapCode(n.pellucid_event_trap(self._valid()))

    @property
    def error(self) -> BaseException | None:
        """What the call ends with, if it does."""
        error = c.c_void_p()
        status = n.pellucid_event_error(self._valid(), c.byref(error))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return exception(n.pellucid_error_status(error), error, self.store, is_over=False)

    @property
    def can_pause(self) -> bool:
        """Whether the handler may answer `Action.PAUSE`."""
        return n.pellucid_event_can_pause(self._valid())

    @property
    def module(self) -> Module:
        """The module that was loaded."""
        pointer = c.c_void_p()
        check(n.pellucid_event_module(self._valid(), c.byref(pointer)))
        return Module._of(self.store.engine, pointer)

    @property
    def instance(self) -> Instance:
        """The instance that was made."""
        handle = n.Instance()
        check(n.pellucid_event_instance(self._valid(), c.byref(handle)))
        made: Instance = Instance._of(self.store, handle)
        return made

    @property
    def growth(self) -> tuple[Memory, int, int]:
        """The memory that has grown, and its pages before and now."""
        memory, old, new = n.Memory(), c.c_uint64(), c.c_uint64()
        check(n.pellucid_event_growth(self._valid(), c.byref(memory), c.byref(old), c.byref(new)))
        return Memory._of(self.store, memory), old.value, new.value

    @property
    def exit(self) -> n.Exit:
        """How a traced function is left."""
        return n.Exit(n.pellucid_event_exit(self._valid()))

    @property
    def results(self) -> list[Any]:
        """What a traced function or a call returns."""
        return self._values(lambda values, room, count: n.pellucid_event_results(self._valid(), self.store._ptr, values, room, count))

    @property
    def exception(self) -> tuple[Tag, list[Any]]:
        """The exception that was thrown: its tag and what it carries."""
        tag = n.Tag()
        values = self._values(lambda places, room, count: n.pellucid_event_exception(self._valid(), c.byref(tag), places, room, count))
        return Tag._of(self.store, tag), values

    def _values(self, ask: Callable[[Any, int, Any], int]) -> list[Any]:
        count = c.c_size_t()
        with Scope(self.store):
            check(ask(None, 0, c.byref(count)))
            values = (n.Value * count.value)()
            check(ask(values, count.value, c.byref(count)))
            return [from_native(self.store, value) for value in values]

    @property
    def hits(self) -> list[Hit]:
        """What was done at watchpoints."""
        found = []
        for index in range(n.pellucid_event_watch_count(self._valid())):
            hit = n.WatchHit(struct_size=c.sizeof(n.WatchHit))
            check(n.pellucid_event_watch_hit(self._valid(), index, c.byref(hit)))
            old, new = self._change(index, hit.size)
            found.append(Hit(hit.id, n.WatchAccess(hit.access), hit.address, hit.size, hit.pc, bool(hit.is_found), old, new))
        return found

    def _change(self, index: int, size: int) -> tuple[Any, Any]:
        old, new = (c.c_uint8 * size)(), (c.c_uint8 * size)()
        if n.pellucid_event_watch_bytes(self._valid(), index, old, new, size) == Status.OK:
            return bytes(old), bytes(new)
        before, after = n.Value(), n.Value()
        with Scope(self.store):
            status = n.pellucid_event_watch_values(self._valid(), index, self.store._ptr, c.byref(before), c.byref(after))
            if status:
                return None, None
            return from_native(self.store, before), from_native(self.store, after)

    def set_goal(self, frame: Frame | None, pc: int = 0) -> None:
        """What the step counts from that the handler answers, and for `Action.RUN_TO` where to."""
        check(n.pellucid_event_set_goal(self._valid(), frame._ref if frame is not None else None, pc))

    def __repr__(self) -> str:
        return f"<Event {self.kind.name} @{self.pc:#x}>" if self._pointer is not None else "<Event, over>"


def event(call: Call) -> Event | None:
    """What a call has paused at or trapped by; None if it is neither."""
    pointer = c.c_void_p()
    status = n.pellucid_call_event(call._valid(), c.byref(pointer))
    if status == Status.ERR_NOT_FOUND:
        return None
    check(status)
    call._event = Event(call.store, pointer.value)
    return call._event  # type: ignore[no-any-return]


Handler = Callable[[Event], "Action | None"]


def set_handler(store: Store, handler: Handler, kinds: EventKind = EventKind.ALL, *, nested: bool = False) -> None:
    """Has a function be told of events of these kinds, and say how to go on: an `Action`, or None to continue.

    What it raises ends the call, and arrives at the caller unchanged. `nested` asks for those of guests, too, that the function itself calls.
    """
    def call(userdata: Any, pointer: int, event: int) -> int:
        it = Event(store, event)
        try:
            action = handler(it)
            return Action.CONTINUE if action is None else Action(action)
        except BaseException as raised:
            message = f"{type(raised).__name__}: {raised}".splitlines()[0]
            data = message.encode(errors="replace")
            n.pellucid_event_set_message(event, data, len(data))
            store._raised.append((data.decode(), raised))
            return Action.TRAP
        finally:
            it._pointer = None

    callback = n.EventCb(call)
    mask = kinds | (n.EventFlag.EVENT_NESTED if nested else 0)
    check(n.pellucid_store_set_event_handler(store._ptr, mask, *store._kept(callback, callback)))


def clear_handler(store: Store) -> None:
    """Has nobody be told of events: then calls that can pause do."""
    check(n.pellucid_store_clear_event_handler(store._ptr))


def set_log_handler(store: Store, handler: Callable[[str, Frame, int], None] | None) -> None:
    """Has a function take the texts of log points (`Edit.set_log`), with the frame and the breakpoint's id."""
    if handler is None:
        check(n.pellucid_store_set_log_point_handler(store._ptr, None, None, None))
        return
    take = handler

    def call(userdata: Any, pointer: int, frame: int, id: int, said: int) -> None:
        try:
            from ..errors import text
            take(text(n.Str.from_address(said)), Frame(store, n.Frame.from_address(frame)), id)
        except BaseException as raised:
            unraisable(raised, handler)

    callback = n.LogPointCb(call)
    check(n.pellucid_store_set_log_point_handler(store._ptr, *store._kept(callback, callback)))


class _Unraisable(NamedTuple):
    exc_type: type[BaseException]
    exc_value: BaseException
    exc_traceback: Any
    err_msg: str
    object: Any


def unraisable(raised: BaseException, where: Any) -> None:
    """Reports what was raised where nobody could catch it."""
    sys.unraisablehook(_Unraisable(type(raised), raised, raised.__traceback__, "Exception ignored in", where))  # type: ignore[arg-type]
