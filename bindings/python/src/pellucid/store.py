"""Stores: where instances live and guests run."""

from __future__ import annotations

import collections
import ctypes as c
import itertools
import weakref
from typing import TYPE_CHECKING, Any, Callable

from . import _native as n
from .engine import Engine
from .errors import InvalidState, Unsupported, WasmException, check, fail
from .interrupts import Interrupter
from .values import from_native, to_native
from ._native import Limit, Status

if TYPE_CHECKING:
    from .entities import Func, Tag
    from .refs import Object
    from .types import ValType

_keys = itertools.count(1)


class Handle:
    """The library's store, and what must be there as long as it is: callbacks, and objects that guests refer to.

    Whatever looks into a store's memory has one, so that the bytes stay. Objects of the store that are collected, which may be
    on any thread and while another runs a guest, are put into `trash`; who uses the store next deletes them.
    """

    __slots__ = ("pointer", "callbacks", "objects", "dead", "trash", "__weakref__")

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        self.callbacks: list[Any] = []
        self.objects: dict[int, Any] = {}
        self.dead: collections.deque[Any] = collections.deque()
        self.trash: collections.deque[tuple[Callable[..., Any], Any]] = collections.deque()

    def clear(self) -> None:
        if self.trash and n.pellucid_store_limit(self.pointer, Limit.INSTANCES, c.byref(c.c_uint64())) == Status.ERR_BUSY:
            return  # Another thread runs a guest.
        while self.trash:
            try:
                delete, thing = self.trash.popleft()
            except IndexError:
                break
            delete(self.pointer, thing)
        # What a finalizer of the library's has let go may do anything when it is dropped, so it isn't dropped there.
        self.dead.clear()

    def __del__(self, delete: Any = n.pellucid_store_delete) -> None:
        self.clear()
        delete(self.pointer)
        self.dead.clear()


class Store:
    """Where instances, memories, tables, globals and functions live, and where guests run.

    One thread at a time uses a store; another that tries meanwhile gets `Busy`. It goes when nobody has it or anything in it any
    more, or with `close()`, or at the end of a `with` statement.
    """

    def __init__(self, engine: Engine) -> None:
        pointer, error = c.c_void_p(), c.c_void_p()
        status = n.pellucid_store_new(engine._pointer, None, None, c.byref(pointer), c.byref(error))
        if status:
            fail(status, error)
        assert pointer.value
        self.engine = engine
        self._handle: Handle | None = Handle(pointer.value)
        # Functions are called with this very object, which is NULL once the store is closed.
        self._ptr = pointer
        # Whether Ctrl-C has asked for an interrupt, and whether it asks for a pause.
        self._is_asked = False
        self._pauses = False
        self._raised: list[tuple[str, BaseException]] = []
        # What a host function has raised for which there was no room to make an error.
        self._lost: BaseException | None = None
        # By token: the coroutines of host functions that calls wait for.
        self._waiting: dict[int, Any] = {}
        self._funcs: dict[int, weakref.ref[Func]] = {}
        self._finalizer: Any = None
        self._interrupt = Interrupter(self._new_interrupt())

    def _new_interrupt(self) -> c.c_void_p:
        interrupt, error = c.c_void_p(), c.c_void_p()
        status = n.pellucid_store_interrupt(self._ptr, c.byref(interrupt), c.byref(error))
        if status == Status.ERR_UNSUPPORTED:  # The engine has neither signal handlers nor checks.
            n.pellucid_error_delete(error)
        elif status:
            fail(status, error)
        return interrupt

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the store now. What it made can't be used any more; views of its memories can, and keep their bytes."""
        if self._handle is not None:
            check(n.pellucid_store_limit(self._ptr, Limit.INSTANCES, c.byref(c.c_uint64())))  # Busy, if it is.
            handle, self._handle = self._handle, None
            handle.clear()
            self._ptr.value = None

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._handle is None

    def _open(self) -> Handle:
        """What lives as long as the store, after what was left for deletion is gone."""
        handle = self._handle
        if handle is None:
            raise InvalidState("the store is closed")
        if handle.trash or handle.dead:
            handle.clear()
        return handle

    # What guests may use up.

    @property
    def interrupter(self) -> Interrupter:
        """Interrupts what runs in the store, from any thread."""
        if not self._interrupt._pointer:
            raise Unsupported("the engine has neither signal handlers nor interrupt checks")
        return Interrupter(self._new_interrupt())

    def set_limit(self, limit: Limit, value: int) -> None:
        """Sets how much of something the store may use."""
        check(n.pellucid_store_set_limit(self._ptr, limit, value))

    def limit(self, limit: Limit) -> int:
        """How much of something the store may use."""
        value = c.c_uint64()
        check(n.pellucid_store_limit(self._ptr, limit, c.byref(value)))
        return value.value

    @property
    def fuel(self) -> int:
        """How much work guests may still do, with an engine that counts it (`Config(fuel=True)`): then calls raise `OutOfFuel`."""
        fuel = c.c_int64()
        check(n.pellucid_store_fuel(self._ptr, c.byref(fuel)))
        return fuel.value

    @fuel.setter
    def fuel(self, fuel: int) -> None:
        check(n.pellucid_store_set_fuel(self._ptr, fuel))

    def add_fuel(self, more: int) -> None:
        """Lets guests do more work."""
        check(n.pellucid_store_add_fuel(self._ptr, more))

    def set_epoch_deadline(self, ticks: int | None) -> None:
        """Has calls raise `TimedOut` when `Engine.increment_epoch` was called so often from now on; never, for None."""
        error = c.c_void_p()
        if ticks is None:
            check(n.pellucid_store_clear_epoch_deadline(self._ptr))
        else:
            status = n.pellucid_store_set_epoch_deadline(self._ptr, ticks, n.Interrupt.TRAP, c.byref(error))
            if status:
                fail(status, error)

    def gc(self) -> None:
        """Collects the garbage of guests now."""
        self._open()
        check(n.pellucid_store_gc(self._ptr))
        self._open()

    # References.

    def _externref(self, value: Any) -> n.Externref:
        """A reference to a Python object, for a guest to hold."""
        key, finalizer = self._kept(value)
        reference = n.Externref()
        check(n.pellucid_externref_new(self._ptr, key, finalizer, c.byref(reference)))
        return reference

    def _kept(self, value: Any, *between: Any) -> tuple[Any, ...]:
        """Keeps an object until the library needs it no more: what stands for it as userdata, and the finalizer, for a function that
        takes them, with what that takes between them."""
        handle = self._open()
        if self._finalizer is None:
            objects, dead = handle.objects, handle.dead
            self._finalizer = n.Finalizer(lambda key: dead.append(objects.pop(key, None)))
            handle.callbacks.append(self._finalizer)
        key = next(_keys)
        handle.objects[key] = value
        return (key, *between, self._finalizer)

    def _extern_object(self, reference: n.Externref) -> Any:
        key = c.c_void_p()
        status = n.pellucid_externref_userdata(self._ptr, c.byref(reference), c.byref(key))
        if status == Status.ERR_INVALID_ARGUMENT:  # What a guest has made, as `extern.convert_any` gives it.
            native = n.Value(kind=n.Kind.ANYREF)
            check(n.pellucid_anyref_from_externref(self._ptr, c.byref(reference), c.byref(native.of.anyref)))
            return from_native(self, native)
        check(status)
        return self._open().objects[key.value or 0]

    def _func(self, native: n.Func) -> Func:
        from .entities import Func
        reference = self._funcs.get(native.index)
        found = reference() if reference is not None else None
        if found is None:
            found = Func._of(self, native)
            self._funcs[native.index] = weakref.ref(found)
        return found

    # Exceptions that pass through guests.

    def _fail(self, raised: BaseException, out_error: int | None) -> int:
        """Has a host function fail with a Python exception, which `_take_raised` finds when the guest has been left."""
        error = c.c_void_p()
        if isinstance(raised, WasmException) and raised.tag.store is self:
            status = self._throw(raised, error)
        else:
            message = f"{type(raised).__name__}: {raised}".encode(errors="replace")
            status = n.pellucid_error_new(message, len(message), c.byref(error))
            if status == Status.OK:
                from .errors import message_of
                status = Status.ERR_HOST
                # Who looks at no error of a call leaves its exception here.
                del self._raised[:-100]
                self._raised.append((message_of(error), raised))
        if out_error and error:
            c.c_void_p.from_address(out_error).value = error.value
            self._lost = None
        return status

    def _throw(self, raised: WasmException, error: c.c_void_p) -> int:
        kinds = raised.tag.type.values
        if len(kinds) != len(raised.values):
            raise TypeError(f"the tag's exceptions carry {len(kinds)} values, not {len(raised.values)}")
        values = (n.Value * len(kinds))(*(to_native(self, kind, value) for kind, value in zip(kinds, raised.values)))
        status = n.pellucid_exception_new(self._ptr, c.byref(raised.tag._handle), values, len(kinds), c.byref(error))
        return int(status or Status.ERR_EXCEPTION)

    def _take_raised(self, message: str, is_over: bool = True) -> BaseException | None:
        """The Python exception that an error stands for, if it does."""
        for index in range(len(self._raised) - 1, -1, -1):
            if self._raised[index][0] == message:
                raised = self._raised[index][1]
                if is_over:
                    del self._raised[index:]
                return raised
        lost = self._lost
        if is_over:
            self._lost = None
        return lost

    def _exception_in(self, error: c.c_void_p) -> tuple[Tag, tuple[Any, ...]]:
        from .entities import Tag
        tag, count = n.Tag(), c.c_size_t()
        n.pellucid_error_exception(error, c.byref(tag), None, 0, c.byref(count))
        values = (n.Value * count.value)()
        n.pellucid_error_exception(error, c.byref(tag), values, count.value, c.byref(count))
        return Tag._of(self, tag), tuple(from_native(self, value) for value in values)

    # Objects of the guest's heap.

    def new_struct(self, type_id: int, values: list[Any]) -> Object:
        """Makes a structure of a type that a module defines, see `Module.types`."""
        from .refs import new_struct
        return new_struct(self, type_id, values)

    def new_array(self, type_id: int, value: Any, length: int) -> Object:
        """Makes an array of a type that a module defines, see `Module.types`, all of whose elements are `value`."""
        from .refs import new_array
        return new_array(self, type_id, value, length)

class Scope:
    """References that the host is given inside are kept by the objects that stand for them, and by nobody else."""

    __slots__ = ("_store", "_scope")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scope = c.c_uint64()

    def __enter__(self) -> None:
        self._store._open()
        check(n.pellucid_scope_open(self._store._ptr, c.byref(self._scope)))

    def __exit__(self, *exception: object) -> None:
        n.pellucid_scope_close(self._store._ptr, self._scope.value)
