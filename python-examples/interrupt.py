"""Ctrl-C while a guest runs raises KeyboardInterrupt, as in any Python program.

Usage: interrupt.py path/to/libpellucid.so

While C code runs, Python notes a signal but doesn't act on it. So a thread waits for it at the descriptor that Python writes
each signal's number to, and asks for an interrupt of the guest. The call returns, and Python raises KeyboardInterrupt.
"""

import ctypes as c
import os
import signal
import sys
import threading

lib = c.CDLL(sys.argv[1])
lib.pellucid_error_trap.restype = c.c_uint32

OK, ERR_TRAP, TRAP_INTERRUPTED, INTERRUPT_TRAP = 0, -10, 13, 1


class Instance(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint64)]


class Extern(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", Instance)]


class Text(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]


class WasmError(Exception):
    """What a function of the library answered."""

    def __init__(self, status, error):
        self.status, self.trap = status, lib.pellucid_error_trap(error) if error else 0
        message = Text()
        if error:
            lib.pellucid_error_message(error, c.byref(message))
        super().__init__(c.string_at(message.data, message.size).decode() if message.size else f"status {status}")


def checked(function, *args):
    error = c.c_void_p()
    try:
        status = function(*args, c.byref(error))
        if status != OK:
            raise WasmError(status, error)
    finally:
        lib.pellucid_error_delete(error)


class Interruptible:
    """Within it, SIGINT interrupts the guests of a store. For the main thread, which Python gives its signals."""

    def __init__(self, store):
        self.interrupt = c.c_void_p()
        checked(lib.pellucid_store_interrupt, store, c.byref(self.interrupt))

    def __enter__(self):
        self.signals, self.written = os.pipe()
        os.set_blocking(self.written, False)
        self.before = signal.set_wakeup_fd(self.written, warn_on_full_buffer=False)
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        return self

    def watch(self):
        while number := os.read(self.signals, 1):
            if number[0] == signal.SIGINT:
                lib.pellucid_interrupt_request(self.interrupt, INTERRUPT_TRAP)

    def __exit__(self, *exception):
        signal.set_wakeup_fd(self.before)
        os.close(self.written)
        self.watcher.join()
        os.close(self.signals)
        # What came too late isn't meant for the next call.
        lib.pellucid_interrupt_withdraw(self.interrupt)
        lib.pellucid_interrupt_delete(self.interrupt)


PROGRAM = b"""(module
  (func (export "runaway") (loop (br 0)))
  (func (export "short")))"""

engine, module, store = c.c_void_p(), c.c_void_p(), c.c_void_p()
checked(lib.pellucid_engine_new, None, c.byref(engine))
checked(lib.pellucid_module_new_text, engine, PROGRAM, c.c_size_t(len(PROGRAM)), c.byref(module))
checked(lib.pellucid_store_new, engine, None, None, c.byref(store))
instance = Instance()
checked(lib.pellucid_instance_new, store, module, None, c.c_size_t(0), c.byref(instance))


def call(name):
    item = Extern()
    lib.pellucid_instance_export(store, c.byref(instance), name, c.c_size_t(len(name)), c.byref(item))
    checked(lib.pellucid_func_call, store, c.byref(item.of), None, c.c_size_t(0), None, c.c_size_t(0))


# Somebody types Ctrl-C.
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    with Interruptible(store):
        print("the guest runs, type Ctrl-C", flush=True)
        call(b"runaway")
except KeyboardInterrupt as interrupted:
    # Python raises it while the error of the call is handled, which it remembers.
    print("interrupted")
    context = interrupted.__context__
    assert context is None or context.trap == TRAP_INTERRUPTED

with Interruptible(store):
    call(b"short")
print("and the next call runs")

lib.pellucid_store_delete(store)
lib.pellucid_module_delete(module)
lib.pellucid_engine_delete(engine)
