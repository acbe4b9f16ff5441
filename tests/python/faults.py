"""Python's fault handler beside the library: enabled before the library's handlers or after them.

Usage: faults.py path/to/libpellucid.so before|after|later
"""

import ctypes as c
import faulthandler
import sys

path, when = sys.argv[1:]
if when == "before":
    faulthandler.enable()
lib = c.CDLL(path)
for name in ("pellucid_engine_new", "pellucid_module_new_text", "pellucid_store_new", "pellucid_instance_new",
             "pellucid_instance_export", "pellucid_func_call", "pellucid_signal_install"):
    getattr(lib, name).restype = c.c_int32


class Handle(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint64)]


class Extern(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", Handle)]


def ok(status):
    assert status == 0, status


WAT = (b'(module (memory 1) (func (export "load") (drop (i32.load (i32.const -1))))'
       b' (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))'
       b' (func $f (export "overflow") (call $f)) (func (export "unreachable") unreachable))')
engine, module, store, instance = c.c_void_p(), c.c_void_p(), c.c_void_p(), Handle()
ok(lib.pellucid_engine_new(None, c.byref(engine), None))
if when == "after":
    faulthandler.enable()
    ok(lib.pellucid_signal_install(None))
ok(lib.pellucid_module_new_text(engine, WAT, c.c_size_t(len(WAT)), c.byref(module), None))
ok(lib.pellucid_store_new(engine, None, None, c.byref(store), None))
ok(lib.pellucid_instance_new(store, module, None, c.c_size_t(0), c.byref(instance), None))


def expect_traps():
    for name in (b"load", b"divide", b"overflow", b"unreachable"):
        item = Extern()
        ok(lib.pellucid_instance_export(store, c.byref(instance), name, c.c_size_t(len(name)), c.byref(item)))
        status = lib.pellucid_func_call(store, c.byref(item.of), None, c.c_size_t(0), None, c.c_size_t(0), None)
        assert status == -10, (name, status)


expect_traps()
if when == "later":
    for _ in range(10):
        faulthandler.enable()
        ok(lib.pellucid_signal_install(None))
        expect_traps()
        faulthandler.disable()
        expect_traps()
    faulthandler.enable()
    ok(lib.pellucid_signal_install(None))
expect_traps()
print("ok", flush=True)
# A fault of the program's own is still reported.
faulthandler._sigsegv()
