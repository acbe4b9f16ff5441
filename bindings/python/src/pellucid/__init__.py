"""Pellucid: a WebAssembly engine to be embedded, and to be looked into.

    import pellucid

    engine = pellucid.Engine()
    module = pellucid.Module(engine, '(module (func (export "add") (param i32 i32) (result i32)'
                                     '  (i32.add (local.get 0) (local.get 1))))')
    store = pellucid.Store(engine)
    instance = pellucid.Instance(store, module)
    print(instance.exports.add(40, 2))
"""

from ._native import CallState, Limit, OptLevel, Resume, Status
from .calls import Call
from .engine import Config, Engine, features, version
from .entities import Caller, Extern, Func, Global, Memory, Table, Tag
from .errors import (Busy, CannotWait, DebugDisabled, Error, Exit, GuestFrame, HostError, Incompatible, Interrupted,
                     InvalidArgument, InvalidModule, InvalidState, LimitExceeded, LinkError, NotFound, OutOfFuel, OutOfRange, Panic,
                     Poisoned, StaleHandle, SystemFailure, TimedOut, Trap, TrapCode, TypeMismatch, Unsupported,
                     WasmException, WrongStore, frames_of)
from .instance import Exports, Instance, Linker
from .interrupts import Interrupter, watch
from .module import Import, Module
from .refs import ArrayRef, ExnRef, Object, StructRef
from .store import Store
from .types import (ExternType, FuncType, GlobalType, MemoryType, TableType, TagType, ValType, anyref, exnref,
                    externref, f32, f64, funcref, i32, i64, v128)
from .values import UNAVAILABLE
from .wasi import Wasi

__all__ = [
    "ArrayRef", "Busy", "Call", "CallState", "Caller", "CannotWait", "Config", "DebugDisabled", "Engine", "Error", "ExnRef", "Exit", "Exports",
    "Extern", "ExternType", "Func", "FuncType", "Global", "GlobalType", "GuestFrame", "HostError", "Import", "Incompatible",
    "Instance",
    "Interrupted", "Interrupter", "InvalidArgument", "InvalidModule", "InvalidState", "Limit", "LimitExceeded",
    "LinkError", "Linker", "Memory", "MemoryType", "Module", "NotFound", "Object", "OptLevel", "OutOfFuel", "OutOfRange",
    "Panic", "Poisoned", "Resume", "StaleHandle", "Status", "Store", "StructRef", "SystemFailure", "Table", "TableType", "Tag",
    "TagType", "TimedOut", "Trap", "TrapCode", "TypeMismatch", "UNAVAILABLE", "Unsupported", "ValType", "Wasi", "WasmException",
    "WrongStore", "anyref", "exnref", "externref", "f32", "f64", "features", "frames_of", "funcref", "i32", "i64", "v128",
    "version", "watch",
]
__version__ = version()
