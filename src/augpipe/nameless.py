"""Memory that processes share without a name: a file that goes with the last of them."""

from __future__ import annotations

import os
import tempfile
from multiprocessing import context, reduction
from typing import Any, Self
from weakref import finalize

from augpipe.errors import DataError


class NamelessFile:
    """A file in memory, or, where the system knows no such thing, an unlinked one on a disk.

    There is nothing in /dev/shm, so no container's limit on it counts and nothing is left when the
    last process ends, however it ended. It can be pickled for a process that is being started, and
    only so: elsewhere a pickle has no one to hand the file to.

    Attributes:
        fd: its descriptor.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _nameless() if fd is None else fd
        finalize(self, os.close, self.fd)

    @classmethod
    def _received(cls, handle: Any) -> Self:
        return cls(handle.detach())

    def __reduce__(self) -> tuple[Any, ...]:
        if context.get_spawning_popen() is None:
            raise DataError(
                "shared memory can be handed to worker processes only while they are started; "
                "pickle the dataset without its cache in RAM, or use a cache on the disk"
            )
        return self._received, (reduction.DupFd(self.fd),)


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("augpipe", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
