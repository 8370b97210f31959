"""How a worker treats its memory: what it has it keeps, and what it was born with it lets be."""

from __future__ import annotations

import ctypes
import gc
import sys

# What `mallopt` of glibc calls them, in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

_LARGEST = 1 << 25  # bytes; glibc takes no more
_KEPT = 1 << 26


def settle_heap() -> None:
    """Let the process reuse the memory of one picture for the next.

    By itself, the C library gives the system back what a picture took, and asks for it again, page
    by page and cleared: some 3 % of a worker's time. And Python's collector would look through all
    that was imported, which copies pages that a forked worker shares with its parent.
    """
    gc.freeze()
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
