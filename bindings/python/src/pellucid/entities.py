"""What is in a store: functions, memories, tables, globals and tags."""

from __future__ import annotations

import ctypes as c
import struct
import sys
import weakref
from threading import get_ident
from typing import Any, Callable, Iterator, Optional, Union

from . import _native as n
from . import interrupts
from ._library import untyped
from .errors import InvalidState, LinkError, NotFound, check, exception, fail, text
from .store import Handle, Scope, Store
from .types import (FuncType, GlobalType, MemoryType, Signature, TableType, TagType, ValType, memory_type, signature,
                    table_type, valtype)
from .values import Codec, codec, from_native, places, to_native
from ._native import Status

# Without the types of its parameters, which the arguments below have themselves: that halves the time of a call.
_call_raw = untyped("pellucid_func_call_raw")
_main = interrupts.main
_ERR_HOST = int(Status.ERR_HOST)
_Slot = tuple[Any, c.c_void_p, Any]


def headroom() -> None:
    """Raises RecursionError where there is no room to enter a host function: Python would report that and go on, and ctypes would return
    whatever to the guest."""
    _headroom_3()


def _headroom_3() -> None:
    _headroom_2()


def _headroom_2() -> None:
    _headroom_1()


def _headroom_1() -> None:
    pass


class Entity:
    """Something in a store, which it keeps."""

    __slots__ = ("store", "_handle", "__weakref__")
    _native: Any = None

    store: Store

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Entity) and (
            (self._handle.store, self._handle.index) == (other._handle.store, other._handle.index))

    def __hash__(self) -> int:
        return hash((self._handle.store, self._handle.index))

    def _init(self, store: Store, handle: Any) -> None:
        self.store = store
        self._handle = type(handle)(handle.store, handle.index)

    @classmethod
    def _of(cls, store: Store, handle: Any) -> Any:
        made = cls.__new__(cls)
        made._init(store, handle)
        return made


class Func(Entity):
    """A function, the guest's or the host's. Call it as any other:

        instance.exports["add"](40, 2)

    Arguments and results are int for i32 and i64, float for f32 and f64, 16 bytes for v128, Func or None for funcref, any object
    for externref, and for anyref an int, StructRef, ArrayRef or None. Integers may be given signed or unsigned; results are signed.
    A function with several results returns a tuple.

    `Func(store, callable)` makes a host function. Its type is taken from annotations unless it is given:

        def log(level: pellucid.i32, weight: pellucid.f64) -> None: ...
        pellucid.Func(store, log)
        pellucid.Func(store, lambda a, b: a + b, pellucid.FuncType("i32 i32", "i32"))

    A callable whose first parameter is annotated as `Caller` is told who calls.
    """

    __slots__ = ("type", "_codec", "_slots", "_ref", "_ptr", "_count", "_pack", "_unpack", "_n_results", "_is_plain")

    def __init__(self, store: Store, function: Callable[..., Any], type: FuncType | None = None) -> None:
        said = signature(function, Caller)
        wanted = type or said.type
        if wanted is None:
            raise TypeError(f"{function!r} isn't annotated with the types of all parameters and of what it returns: "
                            "give a FuncType")
        if not said.fits(wanted):
            raise TypeError(f"{function!r} is annotated as {said.type}, and not as {wanted}")
        self._init(store, host_func(store, function, said, wanted), wanted)
        store._funcs[self._handle.index] = weakref.ref(self)

    def _init(self, store: Store, handle: Any, functype: FuncType | None = None) -> None:
        super()._init(store, handle)
        self._ref = c.byref(self._handle)
        if functype is None:
            pointer = c.c_void_p()
            check(n.pellucid_func_type(store._ptr, self._ref, c.byref(pointer)))
            functype = FuncType._of(pointer)
        self.type = functype
        self._codec: Codec = codec(functype)
        self._ptr = store._ptr
        self._count = c.c_size_t(max(self._codec.count, 1))
        self._n_results = len(functype.results)
        self._slots: list[_Slot] = []
        self._is_plain = self._codec.is_plain
        if self._is_plain:
            self._pack: Any = self._codec.params_struct.pack_into
            self._unpack: Any = self._codec.results_struct.unpack_from

    def _slot(self) -> _Slot:
        error = c.c_void_p()
        return places(self._codec.count), error, c.byref(error)

    def __call__(self, *args: Any) -> Any:
        # Places for values, of which a function that is called again before it has returned needs more than one.
        try:
            slot = self._slots.pop()
        except IndexError:
            slot = self._slot()
        raw, error, error_ref = slot
        if not self._is_plain:
            return self._call_with_references(slot, args)
        try:
            self._pack(raw, 0, *args)
        except (struct.error, OverflowError):
            made = self._codec
            made.check_count(args)
            self._pack(raw, 0, *made.numbers(made.params, args))
        store = self.store
        # A host function may close the store, whose callbacks must outlast the guest.
        kept = store._handle
        headroom()
        if get_ident() == _main.ident:
            if store._is_asked:
                interrupts.withdraw(store)
            before = _main.running
            _main.running = store
            try:
                status = _call_raw(self._ptr, self._ref, raw, self._count, error_ref)
            finally:
                _main.running = before
        else:
            status = _call_raw(self._ptr, self._ref, raw, self._count, error_ref)
        if status:
            raise exception(status, error, store)
        del kept
        results = self._unpack(raw)
        self._slots.append(slot)
        return results[0] if self._n_results == 1 else results or None

    def _call_with_references(self, slot: _Slot, args: tuple[Any, ...]) -> Any:
        raw, error, error_ref = slot
        made, store = self._codec, self.store
        made.check_count(args)
        with Scope(store):
            made.write(store, raw, made.params, args)
            with running(store):
                status = _call_raw(self._ptr, self._ref, raw, self._count, error_ref)
            if status:
                raise exception(status, error, store)
            results = made.read(store, raw, made.results)
        self._slots.append(slot)
        return made.result(results)

    def call(self, *args: Any, timeout: float | None = None) -> Any:
        """Calls the function, for so many seconds at most: then `TimedOut` is raised."""
        if timeout is None:
            return self(*args)
        made, store = self._codec, self.store
        made.check_count(args)
        budget = n.Budget(microseconds=max(int(timeout * 1e6), 0), clock=n.Clock.WALL, action=n.Interrupt.TRAP)
        error = c.c_void_p()
        results = (n.Value * len(made.results))()
        with Scope(store):
            values = (n.Value * len(args))(*(to_native(store, kind, arg) for kind, arg in zip(made.params, args)))
            with running(store):
                status = n.pellucid_func_call_for(self._ptr, self._ref, values, len(args), results, len(results),
                                                  c.byref(budget), c.byref(error))
            if status:
                raise exception(status, error, store)
            return made.result([from_native(store, value) for value in results])

    async def call_async(self, *args: Any, slice: float | None = 0.01) -> Any:
        """Calls the function from a coroutine: `await instance.exports.fetch.call_async(3)`.

        Others run while the guest waits for host functions that are coroutines (`async def`), and whenever it has computed for
        `slice` seconds. Several such calls may be under way in a store. Cancellation ends the guest.
        """
        from .calls import call_async
        return await call_async(self, *args, slice=slice)

    @property
    def name(self) -> str | None:
        """Its name in its module, if it has one."""
        name = n.Str()
        status = n.pellucid_func_name(self._ptr, self._ref, c.byref(name))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return text(name)

    @property
    def index(self) -> int | None:
        """Its index in its module, imports counted first; None for a host function."""
        index = c.c_uint32()
        status = n.pellucid_func_location(self._ptr, self._ref, None, c.byref(index))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return index.value

    def __repr__(self) -> str:
        return f"<Func {self._handle.index} {self.type}>"


class running:
    """While guests of a store run: Ctrl-C is for them."""

    __slots__ = ("store", "kept", "before", "is_main")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.kept = store._handle
        self.is_main = get_ident() == _main.ident

    def __enter__(self) -> None:
        headroom()
        if self.is_main:
            if self.store._is_asked:
                interrupts.withdraw(self.store)
            self.before = _main.running
            _main.running = self.store

    def __exit__(self, *raised: object) -> None:
        if self.is_main:
            _main.running = self.before


class Caller:
    """Who called a host function: valid until that returns."""

    __slots__ = ("store", "_pointer", "_instance")

    def __init__(self, store: Store, pointer: int) -> None:
        self.store = store
        self._pointer: int | None = pointer
        self._instance: Any = None

    def _outlive(self) -> None:
        """For a coroutine, which goes on after the callback has returned."""
        self._instance = self.instance
        self._pointer = None

    def _valid(self) -> int:
        if self._pointer is None:
            raise InvalidState("the host function has returned that was given this caller")
        return self._pointer

    def export(self, name: str) -> Extern:
        """What the calling instance exports under a name, also if the name isn't known outside yet."""
        if self._instance is not None:
            return self._instance.exports[name]  # type: ignore[no-any-return]
        found, data = n.Extern(), name.encode()
        status = n.pellucid_caller_export(self._valid(), data, len(data), c.byref(found))
        if status == Status.ERR_NOT_FOUND:
            raise NotFound(f"the calling instance exports no {name!r}")
        check(status)
        return extern_of(self.store, found)

    @property
    def memory(self) -> Memory:
        """The calling instance's memory, which is exported as `memory`."""
        found = self.export("memory")
        if not isinstance(found, Memory):
            raise TypeError("the calling instance's 'memory' is no memory")
        return found

    @property
    def instance(self) -> Any:
        """The calling instance; None if the host called the function itself."""
        if self._instance is not None:
            return self._instance
        from .instance import Instance
        native = n.Instance()
        status = n.pellucid_caller_instance(self._valid(), c.byref(native))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return Instance._of(self.store, native)


def host_func(store: Store, function: Callable[..., Any], said: Signature, functype: FuncType) -> n.Func:
    """Makes a host function. The store's handle has the callback: so the garbage collector sees through it."""
    if said.is_coroutine:
        from .calls import coroutine_callback
        callback = coroutine_callback(store, function, said, codec(functype))
    elif codec(functype).is_plain:
        callback = _plain_callback(store, function, said.wants_caller, codec(functype))
    else:
        callback = _reference_callback(store, function, said.wants_caller, codec(functype))
    native, error = n.Func(), c.c_void_p()
    raw = n.FuncRawCb(callback)
    store._open().callbacks.append(raw)
    status = n.pellucid_func_new_raw(store._ptr, functype._native().pointer, None, raw, None, c.byref(native),
                                     c.byref(error))
    if status:
        fail(status, error)
    return native


_RawCallback = Callable[[Any, int, int, int, int], int]


def _plain_callback(store: Store, function: Callable[..., Any], wants_caller: bool, made: Codec) -> _RawCallback:
    unpack, pack = made.params_struct.unpack_from, made.results_struct.pack_into
    room, n_results, n_params = c.c_uint8 * (16 * made.count), len(made.results), len(made.params)
    # A guest's call comes with its values at the same few addresses again and again.
    known: dict[int, Any] = {}

    def call(userdata: Any, caller: int, values: int, n_values: int, out_error: int) -> int:
        try:
            raw = known.get(values)
            if raw is None:
                if len(known) > 64:
                    known.clear()
                raw = known[values] = room.from_address(values) if values else b""
            if wants_caller:
                by = Caller(store, caller)
                try:
                    result = function(by, *(unpack(raw) if n_params else ()))
                finally:
                    by._pointer = None
            else:
                result = function(*unpack(raw)) if n_params else function()
            if n_results:
                try:
                    if n_results == 1:
                        pack(raw, 0, result)
                    else:
                        pack(raw, 0, *made.spread(result))
                except (struct.error, OverflowError):
                    pack(raw, 0, *made.numbers(made.results, made.spread(result)))
            return 0
        except BaseException as raised:
            store._lost = raised
            try:
                return failed(store, raised, out_error)
            except BaseException:
                return _ERR_HOST

    return call


def _reference_callback(store: Store, function: Callable[..., Any], wants_caller: bool, made: Codec) -> _RawCallback:
    room = c.c_uint8 * (16 * made.count)

    def call(userdata: Any, caller: int, values: int, n_values: int, out_error: int) -> int:
        try:
            raw = room.from_address(values)
            args = made.read(store, raw, made.params)
            by = Caller(store, caller)
            try:
                result = function(by, *args) if wants_caller else function(*args)
            finally:
                by._pointer = None
            made.write(store, raw, made.results, made.spread(result))
            return 0
        except BaseException as raised:
            store._lost = raised
            try:
                return failed(store, raised, out_error)
            except BaseException:
                return _ERR_HOST

    return call


def failed(store: Store, raised: BaseException, out_error: int) -> int:
    """Has a host function fail. Where even that fails, as at the limit of recursion, `_lost` is what is left to tell."""
    try:
        return store._fail(raised, out_error)
    except BaseException as worse:
        store._lost = worse
        return store._fail(worse, out_error)


class Memory(Entity):
    """A linear memory.

        memory.read(address, size), memory.write(address, data)       copies
        memory[address], memory[start:stop], memory[start:stop] = data
        memory.view()                                                 no copies: a memoryview
        numpy.frombuffer(memory.view(), dtype="<f4", count=8, offset=address)

    A view is of the bytes that there are when it is made. It stays good when the memory grows, and shows the same bytes as the
    guest sees, but not those that were added: take another view for them. It keeps the bytes after the store is closed, too.
    """

    __slots__ = ("_view",)

    def __init__(self, store: Store, type: MemoryType) -> None:
        log2 = n.PageSize.PAGES_OF_A_BYTE if type.page_size == 1 else type.page_size.bit_length() - 1
        native = n.Memorytype(minimum=type.minimum, maximum=type.maximum or 0, has_maximum=type.maximum is not None,
                              is_64=type.is_64, is_shared=type.is_shared, page_size_log2=log2)
        handle, error = n.Memory(), c.c_void_p()
        status = n.pellucid_memory_new(store._ptr, c.byref(native), c.byref(handle), c.byref(error))
        if status:
            fail(status, error)
        self._init(store, handle)

    def _init(self, store: Store, handle: Any) -> None:
        super()._init(store, handle)
        self._view: Any = None

    @property
    def type(self) -> MemoryType:
        """Its type, as it was made."""
        native = n.Memorytype()
        check(n.pellucid_memory_type(self.store._ptr, c.byref(self._handle), c.byref(native)))
        return memory_type(native)

    def _place(self) -> tuple[int, int]:
        data, size = c.c_void_p(), c.c_size_t()
        check(n.pellucid_memory_data(self.store._ptr, c.byref(self._handle), c.byref(data), c.byref(size)))
        return data.value or 0, size.value

    def view(self) -> memoryview:
        """All bytes that there are now, to be read and written in place."""
        address, size = self._place()
        view: Any = self._view() if self._view is not None else None
        if view is None or len(view) != size:
            kind = c.c_uint8 * size
            view = kind.from_address(address) if size else kind()
            view.handle = self.store._open()
            self._view = weakref.ref(view)
        return memoryview(view).cast("B")

    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int) -> memoryview:
            return self.view()

    def __len__(self) -> int:
        return self._place()[1]

    @property
    def pages(self) -> int:
        """Its present size in pages."""
        pages = c.c_uint64()
        check(n.pellucid_memory_size(self.store._ptr, c.byref(self._handle), c.byref(pages)))
        return pages.value

    def grow(self, pages: int) -> int:
        """Adds pages, and returns how many there were before."""
        before, error = c.c_uint64(), c.c_void_p()
        with running(self.store):  # A handler of events may be told.
            status = n.pellucid_memory_grow(self.store._ptr, c.byref(self._handle), pages, c.byref(before), c.byref(error))
        if status:
            fail(status, error)
        return before.value

    def read(self, address: int, size: int) -> bytes:
        """Copies bytes out of the memory."""
        if address < 0 or size < 0:
            raise IndexError(f"{address} and {size} aren't both positive")
        if size > len(self):
            raise IndexError(f"{size} bytes are more than the memory has")
        data = (c.c_uint8 * size)()
        check(n.pellucid_memory_read(self.store._ptr, c.byref(self._handle), address, data, size))
        return bytes(data)

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Copies bytes into the memory."""
        if address < 0:
            raise IndexError(f"{address} isn't positive")
        data = bytes(data)
        check(n.pellucid_memory_write(self.store._ptr, c.byref(self._handle), address, data, len(data)))

    def unpack(self, format: str, address: int) -> tuple[Any, ...]:
        """Reads values as `struct` does: `memory.unpack("<IH", address)`."""
        return struct.unpack(format, self.read(address, struct.calcsize(format)))

    def pack(self, format: str, address: int, *values: Any) -> None:
        """Writes values as `struct` does."""
        self.write(address, struct.pack(format, *values))

    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            return bytes(self.view()[key])
        return self.view()[key]

    def __setitem__(self, key: int | slice, value: Any) -> None:
        self.view()[key] = value

    def __repr__(self) -> str:
        return f"<Memory {self._handle.index} of {len(self)} bytes>"


class Table(Entity):
    """A table of references: `table[3]`, `table[3] = function`, `len(table)`."""

    __slots__ = ()

    def __init__(self, store: Store, type: TableType, init: Any = None) -> None:
        native = n.Tabletype(minimum=type.minimum, maximum=type.maximum or 0, has_maximum=type.maximum is not None,
                             element=type.element, is_64=type.is_64)
        handle, error = n.Table(), c.c_void_p()
        with Scope(store):
            value = to_native(store, type.element, init)
            status = n.pellucid_table_new(store._ptr, c.byref(native), c.byref(value), c.byref(handle), c.byref(error))
        if status:
            fail(status, error)
        self._init(store, handle)

    @property
    def type(self) -> TableType:
        """Its type, as it was made."""
        native = n.Tabletype()
        check(n.pellucid_table_type(self.store._ptr, c.byref(self._handle), c.byref(native)))
        return table_type(native)

    def __len__(self) -> int:
        size = c.c_uint64()
        check(n.pellucid_table_size(self.store._ptr, c.byref(self._handle), c.byref(size)))
        return size.value

    def _at(self, index: int) -> int:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"{index} is outside of a table of {size}")
        return index % size

    def __getitem__(self, index: int) -> Any:
        value = n.Value()
        at = self._at(index)
        with Scope(self.store):
            check(n.pellucid_table_get(self.store._ptr, c.byref(self._handle), at, c.byref(value)))
            return from_native(self.store, value)

    def __setitem__(self, index: int, value: Any) -> None:
        at = self._at(index)
        with Scope(self.store):
            native = to_native(self.store, self.type.element, value)
            check(n.pellucid_table_set(self.store._ptr, c.byref(self._handle), at, c.byref(native)))

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def grow(self, elements: int, init: Any = None) -> int:
        """Adds elements, and returns how many there were before."""
        before, error = c.c_uint64(), c.c_void_p()
        with Scope(self.store):
            native = to_native(self.store, self.type.element, init)
            status = n.pellucid_table_grow(self.store._ptr, c.byref(self._handle), elements, c.byref(native),
                                           c.byref(before), c.byref(error))
        if status:
            fail(status, error)
        return before.value

    def __repr__(self) -> str:
        return f"<Table {self._handle.index} of {len(self)}>"


class Global(Entity):
    """A global: `g.value`, and if it is mutable `g.value = 3`."""

    __slots__ = ()

    def __init__(self, store: Store, type: GlobalType | ValType | str, value: Any) -> None:
        wanted = type if isinstance(type, GlobalType) else GlobalType(valtype(type))
        native = n.Globaltype(kind=wanted.value, is_mutable=wanted.is_mutable)
        handle, error = n.Global(), c.c_void_p()
        with Scope(store):
            first = to_native(store, wanted.value, value)
            status = n.pellucid_global_new(store._ptr, c.byref(native), c.byref(first), c.byref(handle), c.byref(error))
        if status:
            fail(status, error)
        self._init(store, handle)

    @property
    def type(self) -> GlobalType:
        """Its type."""
        native = n.Globaltype()
        check(n.pellucid_global_type(self.store._ptr, c.byref(self._handle), c.byref(native)))
        return GlobalType(ValType(native.kind), bool(native.is_mutable))

    @property
    def value(self) -> Any:
        """What it is now."""
        value = n.Value()
        with Scope(self.store):
            check(n.pellucid_global_get(self.store._ptr, c.byref(self._handle), c.byref(value)))
            return from_native(self.store, value)

    @value.setter
    def value(self, value: Any) -> None:
        with Scope(self.store):
            native = to_native(self.store, self.type.value, value)
            check(n.pellucid_global_set(self.store._ptr, c.byref(self._handle), c.byref(native)))

    def __repr__(self) -> str:
        return f"<Global {self._handle.index} {self.type.value}>"


class Tag(Entity):
    """A tag, which tells one kind of exception from others: `Tag(store, "i32 f64")`."""

    __slots__ = ()

    def __init__(self, store: Store, values: Any = ()) -> None:
        functype, handle = FuncType(values), n.Tag()
        check(n.pellucid_tag_new(store._ptr, functype._native().pointer, c.byref(handle)))
        self._init(store, handle)

    @property
    def type(self) -> TagType:
        """What its exceptions carry."""
        pointer = c.c_void_p()
        check(n.pellucid_tag_type(self.store._ptr, c.byref(self._handle), c.byref(pointer)))
        functype = FuncType._of(pointer)
        return TagType(functype.params, functype)

    def __repr__(self) -> str:
        return f"<Tag {self._handle.index}>"


Extern = Union[Func, Memory, Table, Global, Tag]

_CLASSES: dict[int, tuple[str, Any]] = {
    n.ExternKind.TABLE: ("table", Table),
    n.ExternKind.MEMORY: ("memory", Memory),
    n.ExternKind.GLOBAL: ("global", Global),
    n.ExternKind.TAG: ("tag", Tag),
}


def extern_of(store: Store, native: n.Extern) -> Extern:
    """What an import or export is."""
    if native.kind == n.ExternKind.FUNC:
        return store._func(native.of.func)
    member, kind = _CLASSES[native.kind]
    found: Extern = kind._of(store, getattr(native.of, member))
    return found


def native_extern(item: Extern) -> n.Extern:
    """The same for the library."""
    native = n.Extern()
    for kind, member, entity in ((n.ExternKind.FUNC, "func", Func), *((k, m, e) for k, (m, e) in _CLASSES.items())):
        if isinstance(item, entity):
            native.kind = kind
            setattr(native.of, member, item._handle)
    return native


def resolve(store: Store, module: str, name: str, wanted: Any, item: Any) -> n.Extern:
    """What a definition is for an import: an entity itself, a function for a callable, a global for a number."""
    if isinstance(item, Entity):
        found: Optional[Entity] = item
    elif callable(item) and isinstance(wanted, FuncType):
        said = signature(item, Caller)
        if not said.fits(wanted):
            raise LinkError(f"import {module!r} {name!r} is a function {wanted}, and {item!r} is annotated as {said.type}")
        found = Func._of(store, host_func(store, item, said, wanted))
    elif isinstance(wanted, GlobalType):
        found = Global(store, wanted, item)
    else:
        raise LinkError(f"import {module!r} {name!r} is a {type(wanted).__name__.removesuffix('Type').lower()}, "
                        f"which {item!r} can't be")
    return native_extern(found)  # type: ignore[arg-type]
