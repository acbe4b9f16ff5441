"""The shared library that the package brings, and its functions."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libpellucid.so")


def _load() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(PATH)
    except OSError as error:
        raise ImportError(
            f"pellucid's library can't be loaded on {sys.platform} {platform.machine()}: {error}") from error


_library = _load()


def function(name: str, result: Any, *parameters: Any) -> Any:
    """A function of the library's, with its types."""
    found = getattr(_library, name)
    found.restype, found.argtypes = result, parameters
    return found


def untyped(name: str) -> Any:
    """A function that returns an int, without the types of its parameters: faster, for arguments that are of ctypes' types."""
    return _library[name]
