"""Calls that can pause and wait: driven step by step, or awaited."""

from __future__ import annotations

import ctypes as c
import itertools
import os
import time
from typing import Any, Callable, Coroutine

from . import _native as n
from .entities import Caller, Func, failed, running
from .errors import CannotWait, Error, InvalidState, attach, check, exception, fail, frames_in
from .store import Scope, Store
from .types import Signature
from .values import Codec, from_native, to_native
from ._native import CallState, Resume, Status

_tokens = itertools.count(1)


class Waiting:
    """What a host function that is a coroutine has begun, and its call waits for."""

    __slots__ = ("coroutine", "codec")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], codec: Codec) -> None:
        self.coroutine = coroutine
        self.codec = codec


def coroutine_callback(store: Store, function: Callable[..., Coroutine[Any, Any, Any]], said: Signature,
                       codec: Codec) -> Callable[[Any, int, int, int, int], int]:
    """A host function that leaves its call waiting for what a coroutine will return."""
    room = c.c_uint8 * (16 * codec.count)

    def call(userdata: Any, caller: int, values: int, n_values: int, out_error: int) -> int:
        try:
            if not n.pellucid_caller_can_yield(caller):
                raise CannotWait(f"{function!r} is a coroutine, and the guest that calls it can't be left: it was called "
                                 "by a plain call or a start function")
            args = codec.read(store, room.from_address(values), codec.params) if codec.params else []
            if said.wants_caller:
                by = Caller(store, caller)
                by._outlive()
                args.insert(0, by)
            token, error = next(_tokens), c.c_void_p()
            coroutine = function(*args)
            status = n.pellucid_caller_yield(caller, token, c.byref(error))
            if status != Status.YIELD:
                coroutine.close()
                raise exception(status, error, store)
            store._waiting[token] = Waiting(coroutine, codec)
            return status
        except BaseException as raised:
            store._lost = raised
            try:
                return failed(store, raised, out_error)
            except BaseException:
                return int(Status.ERR_HOST)

    return call


def _delete(pointer: int, call: int, delete: Any = n.pellucid_call_delete) -> None:
    delete(call)


class Call:
    """A call that the program drives: it runs when it is resumed, until it is over, pauses or waits.

        with pellucid.Call(instance.exports.main) as call:
            while call.resume() == pellucid.CallState.PAUSED:
                ...
            print(call.result())

    Any number of calls of a store may stand at once; each has a stack of its own.
    """

    def __init__(self, func: Func, *args: Any) -> None:
        self._pointer: c.c_void_p | None = None
        # What `debug.event` has given, which is over when the call runs on.
        self._event: Any = None
        self._error: BaseException | None = None
        self.func = func
        self.store = store = func.store
        self._handle = store._open()
        codec = func._codec
        codec.check_count(args)
        pointer, error = c.c_void_p(), c.c_void_p()
        with Scope(store):
            values = (n.Value * len(args))(*(to_native(store, kind, arg) for kind, arg in zip(codec.params, args)))
            status = n.pellucid_call_begin(store._ptr, func._ref, values, len(args), c.byref(pointer), c.byref(error))
        if status:
            fail(status, error)
        self._pointer = pointer

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the call up: its guest code never runs on."""
        if self._pointer is not None:
            waiting = self.store._waiting.pop(self._token(), None)
            if waiting is not None:
                waiting.coroutine.close()
            self._end_event()
            pointer, self._pointer = self._pointer, None
            n.pellucid_call_delete(pointer)

    def _end_event(self) -> None:
        if self._event is not None:
            self._event._pointer = None
            self._event = None

    def __del__(self) -> None:
        # Wherever this runs, somebody else may use the store: who uses it next deletes the call.
        if self._pointer is not None:
            self._handle.trash.append((_delete, self._pointer.value))
            self._pointer = None

    def _valid(self) -> c.c_void_p:
        if self._pointer is None:
            raise InvalidState("the call is closed")
        return self._pointer

    @property
    def state(self) -> CallState:
        """Where it stands."""
        return CallState(n.pellucid_call_state(self._valid()))

    def resume(self, mode: Resume = Resume.CONTINUE, *, timeout: float | None = None) -> CallState:
        """Runs the call until it is over, pauses or waits; or, with a timeout in seconds, for so long at most: then it pauses."""
        pointer, store = self._valid(), self.store
        self._end_event()
        state, error = c.c_uint32(), c.c_void_p()
        with running(store):
            if timeout is None:
                status = n.pellucid_call_resume(pointer, mode, c.byref(state), c.byref(error))
            else:
                budget = n.Budget(microseconds=max(int(timeout * 1e6), 0), clock=n.Clock.WALL, action=n.Interrupt.PAUSE)
                status = n.pellucid_call_resume_for(pointer, mode, c.byref(budget), c.byref(state), c.byref(error))
        if status:
            raise exception(status, error, store)
        return CallState(state.value)

    def result(self) -> Any:
        """What the call has returned; raises what it has failed with."""
        pointer, store = self._valid(), self.store
        state = self.state
        if state in (CallState.TRAPPED, CallState.EXITED):
            raise self.error()
        if state != CallState.FINISHED:
            raise InvalidState(f"the call is {state.name.lower()}, and not over")
        codec = self.func._codec
        values = (n.Value * len(codec.results))()
        with Scope(store):
            check(n.pellucid_call_results(pointer, values, len(values)))
            return codec.result([from_native(store, value) for value in values])

    def error(self) -> BaseException:
        """What the call has failed with."""
        if self._error is None:
            error = c.c_void_p()
            check(n.pellucid_call_error(self._valid(), c.byref(error)))
            self._error = exception(n.pellucid_error_status(error), error, self.store)
        return self._error

    # Steps, with an engine for debugging; see `pellucid.debug`.

    def step(self) -> CallState:
        """Runs one operator."""
        return self.resume(Resume.STEP)

    def step_over(self, frame: Any = None) -> CallState:
        """Runs to the frame's next operator, whatever it calls; of the innermost frame unless another is given."""
        return self._to(Resume.STEP_OVER, frame)

    def step_out(self, frame: Any = None) -> CallState:
        """Runs to where the frame's caller goes on."""
        return self._to(Resume.STEP_OUT, frame)

    def run_to(self, pc: int, frame: Any = None) -> CallState:
        """Runs until the frame comes to an operator of its module."""
        return self._to(Resume.RUN_TO, frame, pc)

    def _to(self, mode: Resume, frame: Any, pc: int = 0) -> CallState:
        if frame is not None or pc:
            check(n.pellucid_call_set_goal(self._valid(), frame._ref if frame is not None else None, pc))
        return self.resume(mode)

    def trap(self, message: str) -> None:
        """Ends the call where it stands, with a trap."""
        data, error = message.encode(), c.c_void_p()
        status = n.pellucid_call_trap(self._valid(), data, len(data), c.byref(error))
        if status:
            fail(status, error)

    # Host functions that wait.

    def _token(self) -> int:
        token = c.c_uint64()
        status = n.pellucid_call_awaited(self._valid(), None, c.byref(token))
        return token.value if status == Status.OK else 0

    def _waiting(self) -> tuple[int, Waiting]:
        token = self._token()
        waiting = self.store._waiting.get(token)
        if waiting is None:
            raise InvalidState("the call waits for no coroutine")
        return token, waiting

    @property
    def awaited(self) -> Coroutine[Any, Any, Any] | None:
        """The coroutine of a host function whose result the call waits for, for who drives it without `run`."""
        waiting = self.store._waiting.get(self._token())
        return waiting.coroutine if waiting is not None else None

    def give(self, result: Any) -> None:
        """Gives the call the result of the host function that it waits for. Nothing runs before it is resumed."""
        token, waiting = self._waiting()
        kinds, store, error = waiting.codec.results, self.store, c.c_void_p()
        values = waiting.codec.spread(result)
        with Scope(store):
            natives = (n.Value * len(kinds))(*(to_native(store, kind, value) for kind, value in zip(kinds, values)))
            status = n.pellucid_call_give(self._valid(), natives, len(kinds), c.byref(error))
        if status:
            fail(status, error)
        del store._waiting[token]

    def give_error(self, raised: BaseException) -> None:
        """Has the host function that the call waits for fail."""
        token, _ = self._waiting()
        error, made = c.c_void_p(), c.c_void_p()
        self.store._fail(raised, c.addressof(made))
        try:
            status = n.pellucid_call_give_error(self._valid(), made, c.byref(error))
        finally:
            n.pellucid_error_delete(made)
        if status:
            fail(status, error)
        del self.store._waiting[token]

    async def run(self, *, slice: float | None = 0.01) -> Any:
        """Runs the call to its end and returns its result, letting others run while it waits for coroutines of the host, and
        whenever it has computed for `slice` seconds; None means that it needn't. Cancellation ends the guest.
        """
        import asyncio  # Which takes longer to import than the rest of the package.
        while True:
            state = self.resume(timeout=slice)
            if state == CallState.PAUSED:
                if self._is_stopped():
                    raise InvalidState("the call stands at an event of the debugger, which nobody handles")
                await self._or_trap(asyncio.sleep(0))
            elif state == CallState.YIELDED:
                await self._wait()
            else:
                return self.result()

    def _is_stopped(self) -> bool:
        event = c.c_void_p()
        check(n.pellucid_call_event(self._valid(), c.byref(event)))
        return n.pellucid_event_kind(event) != n.EventKind.DEADLINE

    async def _or_trap(self, waiting: Any) -> None:
        """Waits; what is raised meanwhile, as a cancellation is, ends the guest and tells its frames."""
        try:
            await waiting
        except BaseException as raised:
            if self._pointer is not None:
                self.trap("cancelled")
                error = c.c_void_p()
                if n.pellucid_call_error(self._pointer, c.byref(error)) == Status.OK:
                    attach(raised, frames_in(error))
                    n.pellucid_error_delete(error)
            raise

    async def _wait(self) -> None:
        waiting = self.store._waiting.get(self._token())
        if waiting is None:
            await self._or_trap(self._wait_for_files())
            return
        try:
            result = await waiting.coroutine
            self.give(result)
        except BaseException as raised:
            self.give_error(raised)

    async def _wait_for_files(self) -> None:
        """Until what a function of WASI's waits for is there: files, or a point in time. Which of them, it finds out by itself."""
        import asyncio
        count, deadline = c.c_size_t(), c.c_uint64()
        check(n.pellucid_call_awaited_files(self._valid(), None, 0, c.byref(count), c.byref(deadline)))
        files = (n.AwaitedFile * count.value)()
        check(n.pellucid_call_awaited_files(self._valid(), files, count.value, c.byref(count), None))
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        seconds = None if deadline.value == 2 ** 64 - 1 else max(deadline.value / 1e9 - time.monotonic(), 0)
        if seconds is None and not files:
            seconds = 0.01  # A stream that is a callback, of which nobody says when it has more.
        # Duplicates, as several calls may wait for one file, and a loop has one watcher for each number.
        watched: list[tuple[int, Any]] = []
        try:
            for file in files:
                fd = os.dup(file.fd)
                for interest, add, remove in ((n.Interest.READ, loop.add_reader, loop.remove_reader),
                                              (n.Interest.WRITE, loop.add_writer, loop.remove_writer)):
                    if file.interest & interest:
                        try:
                            add(fd, ready.set)
                        except (PermissionError, ValueError):  # A plain file is always ready.
                            ready.set()
                        else:
                            watched.append((fd, remove))
                watched.append((fd, os.close))
            try:
                await asyncio.wait_for(ready.wait(), seconds)
            except (asyncio.TimeoutError, TimeoutError):
                pass
        finally:
            for fd, end in watched:
                end(fd)


async def call_async(func: Func, *args: Any, slice: float | None = 0.01) -> Any:
    """Calls a function and waits for its result, while others run: see `Call.run`."""
    with Call(func, *args) as call:
        return await call.run(slice=slice)
