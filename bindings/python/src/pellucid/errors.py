"""What goes wrong, as exceptions: everything that the library reports is an Error."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Optional, Sequence

from . import _native as n
from . import interrupts
from ._native import Status

if TYPE_CHECKING:
    from .entities import Tag
    from .store import Store

TrapCode = n.Trap
_NOTE = "Guest frames, innermost first:"
FRAMES = "__pellucid_frames__"


class GuestFrame(NamedTuple):
    """A guest's function that was running when something went wrong."""

    func_index: int
    pc: int
    func_offset: int
    module: Optional[str]
    func: Optional[str]

    def __str__(self) -> str:
        name = self.func or f"func[{self.func_index}]"
        return f"{self.module}!{name} @{self.pc:#x}" if self.module else f"{name} @{self.pc:#x}"


class Error(Exception):
    """What the library reports: its status, and the guest's frames, the innermost first."""

    status: Status = Status.ERR_HOST

    def __init__(self, message: str = "", *, status: Status | None = None, frames: Sequence[GuestFrame] = ()) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        self.frames: tuple[GuestFrame, ...] = tuple(frames)


class Trap(Error):
    """The guest trapped. `code` says why; `fault` is the address of the memory access that failed, where it was one."""

    status = Status.ERR_TRAP

    def __init__(self, message: str = "", *, code: TrapCode = TrapCode.HOST_ERROR, fault: int | None = None,
                 frames: Sequence[GuestFrame] = ()) -> None:
        super().__init__(message, frames=frames)
        self.code = code
        self.fault = fault


class Interrupted(Trap):
    """The guest was interrupted, see `Store.interrupter`."""


class TimedOut(Trap, TimeoutError):
    """The guest has used up the time that it was given."""


class OutOfFuel(Trap):
    """The guest has used up its fuel."""


class Exit(Error):
    """The guest has ended itself, as programs do with `exit`. A `code` of 0 means success."""

    status = Status.ERR_EXIT

    def __init__(self, code: int = 0, message: str | None = None) -> None:
        super().__init__(message or f"the guest has exited with code {code}")
        self.code = code


class WasmException(Error):
    """An exception of WebAssembly that nobody caught: `tag` says which kind, `values` what it carries.

    Raised in a host function it is thrown in the guest, which may catch it.
    """

    status = Status.ERR_EXCEPTION

    def __init__(self, tag: Tag, values: Sequence[Any] = (), message: str = "", *,
                 frames: Sequence[GuestFrame] = ()) -> None:
        super().__init__(message or "an exception of WebAssembly", frames=frames)
        self.tag = tag
        self.values = tuple(values)


class InvalidModule(Error, ValueError):
    """The bytes or the text aren't a valid module."""


class Incompatible(Error):
    """A serialized module is for another version of the library, another processor, or an engine with other options."""


class LinkError(Error):
    """An import is missing, or of another type than is wanted."""


class Unsupported(Error, NotImplementedError):
    """Something that this library doesn't have, or that isn't switched on."""


class LimitExceeded(Error):
    """A limit would be exceeded, see `Store.set_limit`."""


class InvalidArgument(Error, ValueError):
    """An argument is none that is possible."""


class TypeMismatch(Error, TypeError):
    """A value, function, global or import has another type than is needed."""


class OutOfRange(Error, IndexError):
    """An index or address outside of what it is in."""


class NotFound(Error, LookupError):
    """There is no such thing."""


class SystemFailure(Error, OSError):
    """The system refused memory or another resource."""


class WrongStore(Error, ValueError):
    """Something of another store."""


class StaleHandle(Error, ReferenceError):
    """A frame whose call has run on."""


class Busy(Error, RuntimeError):
    """Another thread is using the store. Nothing was done."""


class InvalidState(Error, RuntimeError):
    """Not possible now."""


class DebugDisabled(Error, RuntimeError):
    """The engine was made without debugging."""


class CannotWait(Error, RuntimeError):
    """A host function that is a coroutine was called where the guest can't be left: call it by `call_async`."""


class Poisoned(Error, RuntimeError):
    """A bug in the library has made the store unusable."""


class Panic(Error, RuntimeError):
    """A bug in the library, which goes on. Please report it."""


class HostError(Error):
    """A host function failed that isn't Python's."""


_CLASSES: dict[int, type[Error]] = {
    Status.ERR_INVALID_ARGUMENT: InvalidArgument,
    Status.ERR_NULL_ARGUMENT: InvalidState,
    Status.ERR_WRONG_STORE: WrongStore,
    Status.ERR_STALE_HANDLE: StaleHandle,
    Status.ERR_OUT_OF_RANGE: OutOfRange,
    Status.ERR_TYPE_MISMATCH: TypeMismatch,
    Status.ERR_INVALID_MODULE: InvalidModule,
    Status.ERR_UNSUPPORTED: Unsupported,
    Status.ERR_LINK: LinkError,
    Status.ERR_HOST: HostError,
    Status.ERR_LIMIT: LimitExceeded,
    Status.ERR_SYSTEM: SystemFailure,
    Status.ERR_DEBUG_DISABLED: DebugDisabled,
    Status.ERR_INVALID_STATE: InvalidState,
    Status.ERR_NOT_FOUND: NotFound,
    Status.ERR_CANNOT_PAUSE: InvalidState,
    Status.ERR_POISONED: Poisoned,
    Status.ERR_PANIC: Panic,
    Status.ERR_BUSY: Busy,
    Status.ERR_CANNOT_YIELD: CannotWait,
    Status.ERR_INCOMPATIBLE: Incompatible,
}
_TRAPS: dict[int, type[Trap]] = {
    TrapCode.INTERRUPTED: Interrupted,
    TrapCode.DEADLINE: TimedOut,
    TrapCode.OUT_OF_FUEL: OutOfFuel,
}


def text(string: n.Str) -> str:
    return c.string_at(string.data, string.size).decode() if string.size else ""


def status_of(number: int) -> Status:
    try:
        return Status(number)
    except ValueError:  # Of a newer library.
        return Status.ERR_HOST


def message_of(error: c.c_void_p) -> str:
    message = n.Str()
    n.pellucid_error_message(error, c.byref(message))
    return text(message)


def frames_in(error: c.c_void_p) -> tuple[GuestFrame, ...]:
    frames = []
    frame = n.BacktraceFrame(struct_size=c.sizeof(n.BacktraceFrame))
    for index in range(n.pellucid_error_frame_count(error)):
        if n.pellucid_error_frame(error, index, c.byref(frame)) != Status.OK:
            break
        frames.append(GuestFrame(frame.func_index, frame.pc, frame.func_offset, text(frame.module_name) or None,
                                 text(frame.func_name) or None))
    return tuple(frames)


def frames_of(exception: BaseException) -> tuple[GuestFrame, ...]:
    """The guest's frames through which an exception has passed, the innermost first: any exception, not only an Error."""
    if isinstance(exception, Error):
        return exception.frames
    found: tuple[GuestFrame, ...] = getattr(exception, FRAMES, ())
    return found


def attach(exception: BaseException, frames: tuple[GuestFrame, ...]) -> None:
    """Has an exception tell, in its traceback too, through which of the guest's frames it has passed."""
    if not frames:
        return
    if isinstance(exception, Error):
        exception.frames += frames
    else:
        try:
            setattr(exception, FRAMES, frames_of(exception) + frames)
        except AttributeError:
            pass  # A class with slots has no place for it.
    if hasattr(exception, "add_note"):
        told = "".join(f"\n  {frame}" for frame in frames)
        notes = getattr(exception, "__notes__", [])
        if notes and notes[-1].startswith(_NOTE):
            notes[-1] += told
        else:
            exception.add_note(_NOTE + told)


def exception(status: int, error: c.c_void_p, store: Store | None = None, *, is_over: bool = True) -> BaseException:
    """The exception for what a function of the library answered, whose error it takes; while the call that has failed isn't over,
    the same will be asked for again."""
    known = status_of(status)
    if not error:
        kind = _CLASSES.get(known, Error)
        # Misuse has no error object.
        closed = known == Status.ERR_NULL_ARGUMENT
        return kind("the store is closed" if closed else (kind.__doc__ or known.name).split(".")[0].lower(), status=known)
    try:
        message, frames = message_of(error), frames_in(error)
        if store is not None:
            raised = store._take_raised(message, is_over)
            if raised is not None:
                if is_over:
                    attach(raised, frames)
                return raised
        result: BaseException = _made(known, message, error, store)
        if isinstance(result, Interrupted) and store is not None and interrupts.was_control_c(store):
            result = KeyboardInterrupt()
        attach(result, frames)
        return result
    finally:
        n.pellucid_error_delete(error)
        error.value = None


def _made(status: Status, message: str, error: c.c_void_p, store: Store | None) -> Error:
    if status == Status.ERR_TRAP:
        code = TrapCode(n.pellucid_error_trap(error))
        address = c.c_uint64()
        found = n.pellucid_error_fault(error, None, c.byref(address)) == Status.OK
        return _TRAPS.get(code, Trap)(message, code=code, fault=address.value if found else None)
    if status == Status.ERR_EXIT:
        number = c.c_uint32()
        n.pellucid_error_exit_code(error, c.byref(number))
        return Exit(number.value, message)
    if status == Status.ERR_EXCEPTION and store is not None:
        tag, values = store._exception_in(error)
        return WasmException(tag, values, message)
    return _CLASSES.get(status, Error)(message, status=status)


def fail(status: int, error: c.c_void_p | None = None, store: Store | None = None) -> NoReturn:
    raise exception(status, error if error is not None else c.c_void_p(), store)


def check(status: int) -> None:
    """For functions of the library that have no error object."""
    if status:
        fail(status)
