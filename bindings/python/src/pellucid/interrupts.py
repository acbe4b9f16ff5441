"""Ctrl-C while a guest runs.

Python notes a signal, but acts on it only when its own code runs again. So a thread waits for SIGINT at the descriptor to which
Python writes the numbers of signals, and asks for an interrupt of the guest that the main thread runs. Its call ends, Python code
runs, and KeyboardInterrupt is raised, as anywhere else.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from . import _native as n

if TYPE_CHECKING:
    from .store import Store


class Main:
    """What the main thread does. Only that thread writes here."""

    __slots__ = ("ident", "running", "is_watching", "wanted", "lock")

    def __init__(self) -> None:
        self.ident = threading.main_thread().ident or 0
        self.running: Any = None
        self.is_watching = False
        self.wanted = True
        self.lock = threading.Lock()


main = Main()


def watch(wanted: bool = True) -> None:
    """Has Ctrl-C end guests that the main thread runs, or no longer.

    Engines ask for it, unless it was refused. It takes `signal.set_wakeup_fd`, and passes what comes there on to whoever had it. A program
    that sets another descriptor later has KeyboardInterrupt wait until the guest returns, unless it calls this again from the main thread.
    """
    main.wanted = wanted
    install()


def install() -> None:
    """Begins to watch, where that is wanted and possible: only the main thread of the main interpreter gets signals."""
    if not main.wanted or threading.get_ident() != main.ident or (main.is_watching and not _lost()):
        return
    read, write = os.pipe()
    try:
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    except ValueError:
        os.close(read)
        os.close(write)
        return
    main.is_watching = True
    threading.Thread(target=_forward, args=(read, before), name="pellucid-interrupts", daemon=True).start()
    _ours.append(write)


_ours: list[int] = []


def _lost() -> bool:
    """Whether somebody else has set the descriptor meanwhile."""
    present = signal.set_wakeup_fd(-1)
    if present != -1:
        signal.set_wakeup_fd(present, warn_on_full_buffer=False)
    return present not in _ours


def _forward(read: int, before: int) -> None:
    while numbers := os.read(read, 64):
        if before != -1:
            try:
                os.write(before, numbers)
            except OSError:
                before = -1
        if signal.SIGINT in numbers and main.wanted:
            with main.lock:
                store: Store | None = main.running
                if store is not None:
                    store._is_asked = True
                    if store._pauses:
                        store._interrupt.pause()
                    else:
                        store._interrupt.request()


def withdraw(store: Store) -> None:
    """Takes back a request that has come too late for the call that it was meant for."""
    with main.lock:
        store._is_asked = False
        store._interrupt.withdraw()


def was_control_c(store: Store) -> bool:
    """Whether what has interrupted a guest is Ctrl-C, and nothing but KeyboardInterrupt is to come of it.

    Python may raise that right where it enters a host function, before anything there can catch it. Then it is lost.
    """
    return (store._is_asked and threading.get_ident() == main.ident
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler)


def _in_child() -> None:
    """A forked process has the thread that forked only, and must not write into its parent's pipe."""
    main.ident = threading.get_ident()
    main.lock = threading.Lock()
    if main.is_watching:
        main.is_watching = False
        if signal.set_wakeup_fd(-1) in _ours:
            _ours.clear()
        install()


os.register_at_fork(after_in_child=_in_child)


class Interrupter:
    """Interrupts the guests of one store, from any thread."""

    __slots__ = ("_pointer",)

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer

    def __del__(self, delete: Any = n.pellucid_interrupt_delete) -> None:
        delete(self._pointer)

    def request(self) -> None:
        """Ends the call that runs in the store, or the next one: it raises `Interrupted`."""
        n.pellucid_interrupt_request(self._pointer, n.Interrupt.TRAP)

    def pause(self) -> None:
        """As `request`, but a `Call` that can pause does."""
        n.pellucid_interrupt_request(self._pointer, n.Interrupt.PAUSE)

    def withdraw(self) -> None:
        """Takes back what was asked for and hasn't been done yet."""
        n.pellucid_interrupt_withdraw(self._pointer)
