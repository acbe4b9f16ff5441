"""WASI: what ordinary programs import."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any, Callable, Iterable, Mapping, Union

from . import _native as n
from .errors import check, fail
from .store import Store
from ._native import Status, WasiSource, WasiStream

MODULES = ("wasi_snapshot_preview1", "wasi_unstable")
Input = Union[None, str, bytes, "os.PathLike[str]", Callable[[int], bytes]]
Output = Union[None, str, "os.PathLike[str]", Callable[[bytes], Any]]


def _text(value: str) -> tuple[bytes, int]:
    data = value.encode()
    return data, len(data)


class Wasi:
    """What a program gets from its host; without arguments, nothing but the system's clocks and random numbers.

        wasi = pellucid.Wasi(args=["app", "-v"], env={"HOME": "/"}, stdin=b"input", stdout="capture",
                             folders={"/data": "some/folder"})
        linker = pellucid.Linker(wasi=wasi)
        code = linker.run(store, module)
        print(code, wasi.take_stdout())

    - `stdin`: None is empty; `"inherit"` is the process's own; bytes; the path of a file; or a function that is told how many
      bytes are wanted at most and returns some, none at the end.
    - `stdout`, `stderr`: None is nowhere; `"inherit"`; `"capture"`, for `take_stdout`; the path of a file; or a function that takes bytes.
    - `folders`: the guest's names of folders, and the host's; nothing outside can be reached. `read_only_folders`: as these, to read only.
    - `env`: a mapping, or `"inherit"`.
    - `clock`: the time at the beginning and the step of each look at it, both in nanoseconds, for clocks that are the same in every run;
      `random_seed`: the same for random numbers.

    The path of a stream is a `pathlib.Path`, so that it isn't mistaken for one of the words. The host's folders and files are opened
    at once. What such functions raise is an input/output error for the guest, and is kept in `errors`.
    """

    def __init__(self, *, args: Iterable[str] = (), env: Mapping[str, str] | str | None = None, stdin: Input = None,
                 stdout: Output = None, stderr: Output = None,
                 folders: Mapping[str, str | os.PathLike[str]] | None = None,
                 read_only_folders: Mapping[str, str | os.PathLike[str]] | None = None,
                 sockets: Iterable[Any] = (), clock: tuple[int, int] | None = None, random_seed: int | None = None,
                 capture_limit: int | None = None) -> None:
        self._pointer = c.c_void_p()
        check(n.pellucid_wasi_config_new(c.byref(self._pointer)))
        self._callbacks: list[Any] = []
        self._captures: list[Captured] = []
        self.errors: list[BaseException] = []
        for arg in args:
            self._set(n.pellucid_wasi_config_add_arg, *_text(arg))
        if env == "inherit":
            self._set(n.pellucid_wasi_config_inherit_env)
        elif isinstance(env, str):
            raise ValueError(f"env is a mapping or 'inherit', not {env!r}")
        else:
            for name, value in (env or {}).items():
                self._set(n.pellucid_wasi_config_set_env, *_text(name), *_text(value))
        if capture_limit is not None:
            self._set(n.pellucid_wasi_config_set_capture_limit, capture_limit)
        self._set_input(stdin)
        self._set_output(WasiStream.STDOUT, stdout)
        self._set_output(WasiStream.STDERR, stderr)
        for names, is_read_only in ((folders, False), (read_only_folders, True)):
            for guest, host in (names or {}).items():
                self._set_with_error(n.pellucid_wasi_config_add_folder, *_text(os.fspath(host)), *_text(guest), is_read_only)
        for socket in sockets:
            self._set_with_error(n.pellucid_wasi_config_add_socket, socket.fileno())
        if clock is not None:
            self._set(n.pellucid_wasi_config_set_fixed_clocks, *clock)
        if random_seed is not None:
            self._set(n.pellucid_wasi_config_set_random_seed, random_seed)
        # Where a call can wait it does, without holding up the thread; where it can't this changes nothing.
        self._set(n.pellucid_wasi_config_set_yielding, True)

    def __del__(self, delete: Any = n.pellucid_wasi_config_delete) -> None:
        delete(self._pointer)

    def _set(self, setter: Any, *values: Any) -> None:
        check(setter(self._pointer, *values))

    def _set_with_error(self, setter: Any, *values: Any) -> None:
        error = c.c_void_p()
        status = setter(self._pointer, *values, c.byref(error))
        if status:
            fail(status, error)

    def _set_input(self, source: Input) -> None:
        if source is None:
            return
        if source == "inherit":
            self._set(n.pellucid_wasi_config_set_stream, WasiStream.STDIN, WasiSource.INHERIT)
        elif isinstance(source, (bytes, bytearray)):
            self._set(n.pellucid_wasi_config_set_input, bytes(source), len(source))
        elif isinstance(source, os.PathLike):
            self._set_with_error(n.pellucid_wasi_config_set_file, WasiStream.STDIN, *_text(os.fspath(source)))
        elif callable(source):
            self._set_read(source)
        else:
            raise ValueError(f"stdin can't be {source!r}")

    def _set_read(self, source: Callable[[int], bytes]) -> None:
        rest = bytearray()

        def read(userdata: Any, data: int, room: int, out_n: int) -> int:
            try:
                if not rest:
                    rest.extend(source(room))
                part = bytes(rest[:room])
                del rest[:room]
                c.memmove(data, part, len(part))
                c.c_size_t.from_address(out_n).value = len(part)
                return Status.OK
            except BaseException as raised:
                self.errors.append(raised)
                return Status.ERR_HOST

        callback = n.WasiReadCb(read)
        self._callbacks.append(callback)
        self._set(n.pellucid_wasi_config_set_input_callback, None, callback, None)

    def _set_output(self, stream: WasiStream, target: Output) -> None:
        if target is None:
            return
        if target in ("inherit", "capture"):
            source = WasiSource.INHERIT if target == "inherit" else WasiSource.CAPTURE
            self._set(n.pellucid_wasi_config_set_stream, stream, source)
        elif isinstance(target, os.PathLike):
            self._set_with_error(n.pellucid_wasi_config_set_file, stream, *_text(os.fspath(target)))
        elif callable(target):
            function = target

            def write(userdata: Any, data: int, size: int) -> int:
                try:
                    function(c.string_at(data, size))
                    return Status.OK
                except BaseException as raised:
                    self.errors.append(raised)
                    return Status.ERR_HOST

            callback = n.WasiWriteCb(write)
            self._callbacks.append(callback)
            self._set(n.pellucid_wasi_config_set_output_callback, stream, None, callback, None)
        else:
            raise ValueError(f"{stream.name.lower()} can't be {target!r}")

    def _define(self, store: Store) -> Defined:
        """Makes WASI's functions in a store."""
        linker, captured, error = c.c_void_p(), c.c_void_p(), c.c_void_p()
        check(n.pellucid_linker_new(store.engine._pointer, c.byref(linker)))
        defined = Defined(linker)
        store._open().callbacks.append(self._callbacks)
        status = n.pellucid_linker_define_wasi(linker, store._ptr, self._pointer, c.byref(captured), c.byref(error))
        if status:
            fail(status, error)
        self._captures.append(Captured(captured))
        return defined

    def take_stdout(self) -> bytes:
        """What guests have written to a captured standard output since this was asked last."""
        return b"".join(captured.take(WasiStream.STDOUT) for captured in self._captures)

    def take_stderr(self) -> bytes:
        """What guests have written to a captured standard error since this was asked last."""
        return b"".join(captured.take(WasiStream.STDERR) for captured in self._captures)


class Captured:
    """What guests of one store have written."""

    __slots__ = ("_pointer",)

    def __init__(self, pointer: c.c_void_p) -> None:
        self._pointer = pointer

    def __del__(self, delete: Any = n.pellucid_wasi_delete) -> None:
        delete(self._pointer)

    def take(self, stream: WasiStream) -> bytes:
        size = c.c_size_t()
        check(n.pellucid_wasi_size(self._pointer, stream, c.byref(size)))
        data = (c.c_uint8 * size.value)()
        check(n.pellucid_wasi_read(self._pointer, stream, data, size.value, c.byref(size)))
        return bytes(data[:size.value])


class Defined:
    """WASI's functions in one store, by name."""

    __slots__ = ("_pointer",)

    def __init__(self, pointer: c.c_void_p) -> None:
        self._pointer = pointer

    def __del__(self, delete: Any = n.pellucid_linker_delete) -> None:
        delete(self._pointer)

    def get(self, store: Store, module: str, name: str) -> Any:
        """A function; None if WASI has none of that name."""
        found = n.Extern()
        status = n.pellucid_linker_get(self._pointer, store._ptr, *_text(module), *_text(name), c.byref(found))
        if status == Status.ERR_NOT_FOUND:
            return None
        check(status)
        return found
