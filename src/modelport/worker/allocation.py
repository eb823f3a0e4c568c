"""Memory that a worker frees it keeps for what comes next, up to a bound.

Else the allocator of the C library (glibc's malloc) gives much of it back, and the system has to hand out and
clear new pages for each large tensor: that takes longer than to copy it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

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
