"""A lock between processes that dies with its holder and never makes anybody wait for long."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

available = fcntl is not None

# The kernel's locks know processes, not threads. No process is forked while one of its threads
# holds this one, since in the child nobody would ever release it.
_threads = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_threads.acquire,
        after_in_parent=_threads.release,
        after_in_child=_threads.release,
    )

_PAUSE = 1e-4


@contextmanager
def alone(fd: int, seconds: float) -> Iterator[bool]:
    """Keep every other process and thread out of the block, or find that it cannot be done.

    Args:
        fd: a file that is opened for nothing but this: a process that closes any descriptor of a
            file gives up its locks on it.
        seconds: how long to try. A holder that is killed lets go; one that is frozen does not.

    Yields:
        Whether the block has the lock.
    """
    end = time.monotonic() + seconds
    if not _threads.acquire(timeout=seconds):
        yield False
        return
    try:
        locked = _locked(fd, end)
        try:
            yield locked
        finally:
            if locked:
                fcntl.lockf(fd, fcntl.LOCK_UN)
    finally:
        _threads.release()


def _locked(fd: int, end: float) -> bool:
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        else:
            return True
