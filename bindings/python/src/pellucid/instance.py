"""Instances of modules, and linking them."""

from __future__ import annotations

import ctypes as c
import weakref
from typing import Any, Callable, Iterator, Mapping, Sequence, Union

from . import _native as n
from .entities import Entity, Extern, Memory, extern_of, resolve, running
from .errors import Exit, LinkError, check, exception, text
from .module import Module
from .store import Store
from .wasi import MODULES as WASI_MODULES
from .wasi import Defined, Wasi
from ._native import Status

Imports = Union[Mapping[str, Any], Sequence[Any]]


class Exports:
    """What an instance offers: `exports["add"]`, or `exports.add`; `list(exports)` is all names.

    It has no methods of its own, which would hide exports.
    """

    def __init__(self, store: Store, native: n.Instance) -> None:
        self._store = store
        self._native = native
        self._known_externs: dict[str, Extern] = {}

    def __getitem__(self, name: str) -> Extern:
        found = self._known_externs.get(name)
        if found is None:
            native, data = n.Extern(), name.encode()
            status = n.pellucid_instance_export(self._store._ptr, c.byref(self._native), data, len(data), c.byref(native))
            if status == Status.ERR_NOT_FOUND:
                raise KeyError(name)
            check(status)
            found = self._known_externs[name] = extern_of(self._store, native)
        return found

    def __getattr__(self, name: str) -> Any:
        try:
            found = self[name]
        except KeyError:
            raise AttributeError(f"the instance exports no {name!r}") from None
        # The next time it is found as any attribute is.
        self.__dict__[name] = found
        return found

    def __len__(self) -> int:
        count = c.c_size_t()
        check(n.pellucid_instance_export_count(self._store._ptr, c.byref(self._native), c.byref(count)))
        return count.value

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            name = n.Str()
            check(n.pellucid_instance_export_at(self._store._ptr, c.byref(self._native), index, c.byref(name), None))
            yield text(name)

    def __contains__(self, name: object) -> bool:
        return any(name == found for found in self)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        return f"<Exports {', '.join(self)}>"


class Instance(Entity):
    """An instance of a module. Its start function has run.

        instance = pellucid.Instance(store, module, {"env": {"log": print, "memory": memory}})
        instance.exports.add(40, 2)

    Imports are a mapping of mappings, by their two names, or a sequence in the module's order. Each is something of the store
    (`Func`, `Memory`, ...), a callable for a function, or a number for a global; an instance may stand for all of a module name.
    A callable that isn't annotated takes the type that the module wants.
    """

    __slots__ = ("exports",)

    def __init__(self, store: Store, module: Module, imports: Imports = ()) -> None:
        if isinstance(imports, Mapping) or not imports:
            known = imports if isinstance(imports, Mapping) else {}
            self._instantiate(store, module, lambda wanted, name: _lookup(known, wanted, name))
            return
        needed = module.imports
        if len(needed) != len(imports):
            raise LinkError(f"the module has {len(needed)} imports, {len(imports)} were given")
        items = iter(imports)
        self._instantiate(store, module, lambda wanted, name: next(items))

    def _instantiate(self, store: Store, module: Module, find: Callable[[str, str], Any]) -> None:
        natives = resolved(store, module, find)
        handle, error = n.Instance(), c.c_void_p()
        with running(store):
            status = n.pellucid_instance_new(store._ptr, module._pointer, natives, len(natives), c.byref(handle),
                                             c.byref(error))
        if status:
            raise exception(status, error, store)
        self._init(store, handle)

    def _init(self, store: Store, handle: Any) -> None:
        super()._init(store, handle)
        self.exports = Exports(store, self._handle)

    @property
    def module(self) -> Module:
        """What it is an instance of."""
        pointer = c.c_void_p()
        check(n.pellucid_instance_module(self.store._ptr, c.byref(self._handle), c.byref(pointer)))
        return Module._of(self.store.engine, pointer)

    @property
    def memory(self) -> Memory:
        """What it exports as `memory`, which most programs do."""
        found = self.exports["memory"]
        if not isinstance(found, Memory):
            raise TypeError("the export 'memory' is no memory")
        return found

    def _inner(self, function: Any, native: Any, index: int) -> Any:
        check(function(self.store._ptr, c.byref(self._handle), index, c.byref(native)))
        return native

    def func(self, index: int) -> Any:
        """A function by its index, exported or not, where the engine is for debugging."""
        return self.store._func(self._inner(n.pellucid_instance_func, n.Func(), index))

    def global_(self, index: int) -> Any:
        """A global by its index, exported or not, where the engine is for debugging."""
        from .entities import Global
        return Global._of(self.store, self._inner(n.pellucid_instance_global, n.Global(), index))

    def table(self, index: int) -> Any:
        """A table by its index, exported or not, where the engine is for debugging."""
        from .entities import Table
        return Table._of(self.store, self._inner(n.pellucid_instance_table, n.Table(), index))

    def memory_at(self, index: int) -> Any:
        """A memory by its index, exported or not, where the engine is for debugging."""
        return Memory._of(self.store, self._inner(n.pellucid_instance_memory, n.Memory(), index))

    def __repr__(self) -> str:
        return f"<Instance {self._handle.index} of {self.module!r}>"


_MISSING = object()


def _lookup(imports: Mapping[str, Any], module: str, name: str) -> Any:
    group = imports.get(module, _MISSING)
    if isinstance(group, Instance):
        group = group.exports
    if isinstance(group, Exports):
        return group[name] if name in group else _MISSING
    return group.get(name, _MISSING) if isinstance(group, Mapping) else _MISSING


def resolved(store: Store, module: Module, find: Callable[[str, str], Any]) -> Any:
    """The imports of a module for the library; all that are missing are told at once."""
    store._open()
    items = [(wanted, find(wanted.module, wanted.name)) for wanted in module.imports]
    missing = [f"{wanted.module!r} {wanted.name!r}" for wanted, item in items if item is _MISSING]
    if missing:
        raise LinkError("imports that aren't defined: " + ", ".join(missing))
    natives = (n.Extern * len(items))()
    for index, (wanted, item) in enumerate(items):
        natives[index] = item if isinstance(item, n.Extern) else resolve(store, wanted.module, wanted.name, wanted.type,
                                                                         item)
    return natives


class Linker:
    """Names and what they stand for, to instantiate modules with. It isn't tied to a store: what it has to make in one, such as
    functions of Python callables, it makes in each when it is needed first.

        linker = pellucid.Linker()
        linker.define("env", "log", print)

        @linker.func("env")
        def add(a: pellucid.i32, b: pellucid.i32) -> pellucid.i32:
            return a + b

        instance = linker.instantiate(store, module)

    With `wasi` it has the functions of WASI, too, for programs: `linker.run(store, module)` runs one.

    Any number of threads may instantiate with it, each in stores of its own, once all is defined.
    """

    def __init__(self, *, wasi: Wasi | None = None) -> None:
        self._wasi = wasi
        self._wasi_made: weakref.WeakKeyDictionary[Store, Defined] = weakref.WeakKeyDictionary()
        self._items: dict[tuple[str, str], Any] = {}
        # By store: what was made there, by names and type.
        self._made: weakref.WeakKeyDictionary[Store, dict[Any, n.Extern]] = weakref.WeakKeyDictionary()

    def define(self, module: str, name: str, item: Any) -> None:
        """Says what an import is: something of a store, a callable for a function, or a number for a global."""
        self._items[module, name] = item
        for made in self._made.values():
            for key in [key for key in made if key[:2] == (module, name)]:
                del made[key]

    def func(self, module: str, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """For a decorator: defines a function under its own name, or another."""
        def take(function: Callable[..., Any]) -> Callable[..., Any]:
            self.define(module, name or function.__name__, function)
            return function
        return take

    def define_instance(self, module: str, instance: Instance) -> None:
        """Defines all that an instance exports."""
        for name in instance.exports:
            self.define(module, name, instance.exports[name])

    def _find(self, store: Store, wanted: Any) -> Any:
        item = self._items.get((wanted.module, wanted.name), _MISSING)
        if item is _MISSING and self._wasi is not None and wanted.module in WASI_MODULES:
            if store not in self._wasi_made:
                self._wasi_made[store] = self._wasi._define(store)
            return self._wasi_made[store].get(store, wanted.module, wanted.name) or _MISSING
        if item is _MISSING or isinstance(item, Entity):
            return item
        made = self._made.setdefault(store, {})
        key = (wanted.module, wanted.name, wanted.type)
        if key not in made:
            made[key] = resolve(store, wanted.module, wanted.name, wanted.type, item)
        return made[key]

    def instantiate(self, store: Store, module: Module) -> Instance:
        """Makes an instance of a module, and runs its start function."""
        needed = iter(module.imports)
        made = Instance.__new__(Instance)
        made._instantiate(store, module, lambda module_name, name: self._find(store, next(needed)))
        return made

    def run(self, store: Store, module: Module) -> int:
        """Runs a program to its end: the function `_start` of an instance of a module. Returns its exit code."""
        try:
            self.instantiate(store, module).exports["_start"]()  # type: ignore[operator]
        except Exit as ended:
            return ended.code
        return 0
