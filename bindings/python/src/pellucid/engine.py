"""Engines: what modules are compiled with."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any

from . import _native as n
from . import interrupts
from .errors import check, fail, text
from ._native import Limit, OptLevel


class Config:
    """Options of an engine; those that are None are as the library has them.

    - `debug`: guests can be looked into, see `pellucid.debug`.
    - `fuel`: guests count the work that they do, see `Store.fuel`.
    - `signal_handlers`: traps of guests are hardware faults, which handlers for SIGSEGV and three others catch. Otherwise guests
      compare addresses by themselves, which is slower.
    - `interrupt_checks`: guests look whether they are interrupted, instead of being sent a signal.
    - `limits`: of each store, see `Store.set_limit`.
    - `cache`: a folder in which compiled modules are kept, of at most `cache_bytes` in all. Whoever can write there can run code in the process:
      it must be nobody else.
    """

    __slots__ = ("_pointer",)

    def __init__(self, *, debug: bool | None = None, fuel: bool | None = None, signal_handlers: bool | None = None,
                 interrupt_checks: bool | None = None, inlining: bool | None = None, exact: bool | None = None,
                 relaxed_simd_deterministic: bool | None = None, interrupt_signal: int | None = None,
                 opt_level: OptLevel | None = None, memory_reservation: int | None = None,
                 compile_threads: int | None = None, compile_memory: int | None = None,
                 limits: dict[Limit, int] | None = None, cache: str | os.PathLike[str] | None = None,
                 cache_bytes: int = 1 << 30) -> None:
        self._pointer = c.c_void_p()
        check(n.pellucid_config_new(c.byref(self._pointer)))
        for setter, value in (
                (n.pellucid_config_set_debug, debug), (n.pellucid_config_set_fuel, fuel),
                (n.pellucid_config_set_signal_handlers, signal_handlers),
                (n.pellucid_config_set_interrupt_checks, interrupt_checks),
                (n.pellucid_config_set_inlining, inlining), (n.pellucid_config_set_exact, exact),
                (n.pellucid_config_set_relaxed_simd_deterministic, relaxed_simd_deterministic),
                (n.pellucid_config_set_interrupt_signal, interrupt_signal),
                (n.pellucid_config_set_opt_level, opt_level),
                (n.pellucid_config_set_memory_reservation, memory_reservation),
                (n.pellucid_config_set_compile_threads, compile_threads),
                (n.pellucid_config_set_compile_memory, compile_memory)):
            if value is not None:
                check(setter(self._pointer, value))
        for limit, bound in (limits or {}).items():
            check(n.pellucid_config_set_limit(self._pointer, limit, bound))
        if cache is not None:
            folder = os.fsencode(cache)
            check(n.pellucid_config_set_cache(self._pointer, folder, len(folder), cache_bytes))

    def __del__(self, delete: Any = n.pellucid_config_delete) -> None:
        delete(self._pointer)


class Engine:
    """Compiles modules. Any thread may use it; make one for the whole program.

        engine = pellucid.Engine()
        engine = pellucid.Engine(debug=True)

    Takes a `Config`, or what a `Config` takes.
    """

    __slots__ = ("_pointer", "__weakref__")

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        self._pointer = c.c_void_p()
        if config is not None and options:
            raise TypeError("either a Config, or what it takes")
        config = config or Config(**options)
        error = c.c_void_p()
        status = n.pellucid_engine_new(config._pointer, c.byref(self._pointer), c.byref(error))
        if status:
            fail(status, error)
        interrupts.install()

    def __del__(self, delete: Any = n.pellucid_engine_delete) -> None:
        delete(self._pointer)

    @property
    def is_debug(self) -> bool:
        """Whether guests can be looked into."""
        return n.pellucid_engine_is_debug(self._pointer)

    def increment_epoch(self) -> None:
        """Counts up the epoch in which stores may have deadlines, see `Store.set_epoch_deadline`. For any thread."""
        check(n.pellucid_engine_increment_epoch(self._pointer))


def version() -> str:
    """The version of the library."""
    found = n.Str()
    check(n.pellucid_version_text(c.byref(found)))
    return text(found)


def features() -> list[str]:
    """What the library has: WebAssembly proposals, and `debug` and `wat`."""
    names = []
    for index in range(n.pellucid_feature_count()):
        name = n.Str()
        check(n.pellucid_feature_name(index, c.byref(name)))
        names.append(text(name))
    return names
