"""Where each worker says at which row it is, for whoever has to tell which row killed it."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from augpipe.loader.arena import Extent

_NO_ROW = -1


class Place(NamedTuple):
    """At which row a worker is, if at any, and for how many seconds."""

    row: int | None
    seconds: float


class Board:
    """Three numbers for each worker, in shared memory: the row, since when, whether to stop."""

    def __init__(self, extent: Extent, workers: int) -> None:
        self._entries = extent.reach(workers * 24).view(np.int64).reshape(workers, 3)

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, worker: int) -> None:
        """A process takes the worker's place."""
        self._entries[worker] = _NO_ROW, 0, 0

    def stop(self, worker: int) -> None:
        """Ask a worker to stop before its next row."""
        self._entries[worker, 2] = 1

    def at(self, worker: int, row: int | None) -> None:
        """Say at which row the worker is; None for what is done to a batch.

        Raises:
            SystemExit: it was asked to stop.
        """
        entry = self._entries[worker]
        entry[0], entry[1] = _NO_ROW if row is None else row, time.monotonic_ns()
        if entry[2]:
            raise SystemExit

    def idle(self, worker: int) -> None:
        """Say that the worker waits for something to do."""
        self._entries[worker, :2] = _NO_ROW, 0

    def place(self, worker: int) -> Place:
        """Where the worker is."""
        row, since, _ = self._entries[worker].tolist()
        seconds = (time.monotonic_ns() - since) / 1e9 if since else 0.0
        return Place(None if row == _NO_ROW else row, seconds)
