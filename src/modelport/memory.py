"""Memory for what is large: server and workers keep what they free for what comes next, up to a bound.

Else the allocator of the C library (glibc's malloc) gives much of it back, and the system has to hand out and
clear new pages for each large tensor: that takes longer than to copy it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

KEPT_BYTES = 16 << 20  # that are free at the end of the heap
MAPPED_BYTES = 4 << 20  # from which on a piece of memory is the system's own, which takes it back at once
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # in malloc.h
OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> None:
    """Have this process keep some, unless a variable says it to malloc, or that is another one."""
    if any(name in os.environ for name in OWN):
        return
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)


def _maker() -> Callable[[int], bytearray]:
    if sys.implementation.name != "cpython":
        return bytearray
    make: Any = ctypes.pythonapi.PyByteArray_FromStringAndSize
    make.argtypes, make.restype = (ctypes.c_char_p, ctypes.c_ssize_t), ctypes.py_object
    return partial(make, None)


# A bytearray of so many bytes that has what was there in memory before, until it is filled: to clear it first
# takes as long as to fill it. https://docs.python.org/3/c-api/bytearray.html
unfilled: Callable[[int], bytearray] = _maker()
