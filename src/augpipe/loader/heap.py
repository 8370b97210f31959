"""How a process treats its memory: what it has it keeps, and what it was born with it lets be."""

from __future__ import annotations

import ctypes
import gc
import sys

# What `mallopt` of glibc calls them, in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

_LARGEST = 1 << 25  # bytes; glibc takes no more
_KEPT = 1 << 26


def settle_heap() -> None:
    """Let a worker process keep its memory, and its hands off what it was born with.

    Python's collector would look through all that was imported, which copies pages that a forked
    worker shares with its parent.
    """
    gc.freeze()
    keep_memory()


def keep_memory() -> None:
    """Let the process reuse the memory of one picture for the next, and that of one step.

    By itself, the C library gives the system back what they took, and asks for it again, page by
    page and cleared: some 3 % of a worker's time, and 10 % of a training step's on a CPU.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
