"""Memory that a loader shares with its workers: one sparse file without a name, in extents.

One file descriptor, however many extents. An extent begins at the same place for every process, and
its pages come into being as they are written, so it can grow without anybody being told.
"""

from __future__ import annotations

import mmap
import os

import numpy as np
from numpy.typing import NDArray

from augpipe.nameless import NamelessFile

Bytes = NDArray[np.uint8]

# More than any batch, and nothing until it is written: 2**24 extents fit into the largest file.
_STRIDE = 2**36
_FILE_STRIDE = 2**30  # where the nameless file lies on a disk, whose files may not be as large

# Extents are mapped in steps, so that batches that grow a little are not mapped anew each time.
_STEP = 2**20


class Arena:
    """Shared memory in extents, numbered from 0."""

    def __init__(self) -> None:
        self._file = NamelessFile()
        self._stride = _STRIDE if hasattr(os, "memfd_create") else _FILE_STRIDE
        self._count = 0

    def extend(self) -> int:
        """The number of a new extent. For the process that made the arena."""
        self._count += 1
        os.ftruncate(self._file.fd, self._count * self._stride)
        return self._count - 1

    def extent(self, number: int) -> Extent:
        """An extent, for this process."""
        return Extent(self._file, number * self._stride)


class Extent:
    """A part of an arena as one process sees it: bytes, mapped as far as needed."""

    def __init__(self, file: NamelessFile, start: int) -> None:
        self._file, self._start = file, start
        self._bytes: Bytes = np.empty(0, np.uint8)

    def reach(self, count: int) -> Bytes:
        """Its first `count` bytes. What was given out before stays valid."""
        if count > len(self._bytes):
            length = -(-count // _STEP) * _STEP
            mapped = mmap.mmap(self._file.fd, length, offset=self._start)
            self._bytes = np.frombuffer(mapped, np.uint8)
        return self._bytes[:count]
