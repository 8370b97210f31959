"""What processes do with a dataset that has a cache; here, so that spawned ones find it."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np

from augpipe.data import store
from augpipe.data.dataset import ImageDataset
from augpipe.data.files import FileDataset
from augpipe.data.lock import alone

SCALES = (1, 2, 4, 8)


def pictures(dataset: ImageDataset, rows: Any = None, scales: Any = SCALES) -> list[Any]:
    """Size, label, pixels and matrix of each row at each scale."""
    found = []
    for index in range(len(dataset)) if rows is None else rows:
        row = dataset.row(index)
        for scale in scales:
            image, matrix = row.source.decode(scale)
            found.append((row.source.size, row.targets.label, image.tobytes(), matrix.tolist()))
            assert image.dtype == np.uint8
    return found


def forbid_reading() -> None:
    """From now on, this process reads no picture's file."""

    def _read(self: Any, index: int, where: str) -> bytes:
        raise AssertionError(f"{where} was read")

    FileDataset._read = _read  # type: ignore[method-assign]
    for kind in FileDataset.__subclasses__():
        kind._read = _read  # type: ignore[method-assign]


def fill_both(datasets: Any, rows: Any) -> None:
    for dataset in datasets:
        pictures(dataset, rows)


def find_both(datasets: Any, expected: Any, ready: Any) -> None:
    ready.wait()
    forbid_reading()
    for dataset in datasets:
        assert pictures(dataset) == expected


def add_some(own: store.Store, first: int, step: int) -> None:
    """A picture for every `step`-th row of a store, of the row's number."""
    for row in range(first, 200, step):
        assert own.add(row, 1, (row, 1), (9, 7), numbered(row))


def numbered(row: int, height: int = 9, width: int = 7) -> Any:
    from augpipe.data.sample import Decoded

    return Decoded(np.full((height, width, 3), row, np.uint8), np.eye(3) * (1 + row))


def die_while_writing(own: store.Store) -> None:
    """Killed when half of a picture has been written."""
    whole = store._write

    def half(fd: int, data: Any, offset: int) -> None:
        whole(fd, data[: len(data) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)

    store._write = half  # type: ignore[assignment]
    own.add(3, 1, (3, 1), (9, 7), numbered(3))


def hold(fd: int, said: Any, *, die: bool) -> None:
    """Take the lock, say so, and be killed, or stop for ever."""
    with alone(fd, 5) as locked:
        assert locked
        said.send(locked)
        os.kill(os.getpid(), signal.SIGKILL if die else signal.SIGSTOP)
