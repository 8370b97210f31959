"""Mean and standard deviation of all pixels of a dataset: streaming, and exact.

Each picture is decoded, counted and forgotten. What is kept is how many pixels there are of each of
the 256 values in each channel, as integers, so there is no rounding until the last division, and
neither the order nor the number of threads can matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.data.threads import by_threads
from augpipe.errors import DataError

Counts = NDArray[np.int64]

_ROWS_A_TASK = 16


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known about the pixels of a dataset, in which every pixel counts alike.

    Attributes:
        counts: (3, 256) int64, how many pixels have each value, of red, green and blue.
        sizes: (N, 2) int64, height and width of each picture, upright.
    """

    counts: Counts
    sizes: NDArray[np.int64]

    @property
    def mean(self) -> tuple[float, ...]:
        """Of each channel, in [0, 1]: what `normalize` takes."""
        return tuple(total / pixels / 255 for pixels, total, _ in self._moments())

    @property
    def std(self) -> tuple[float, ...]:
        """The standard deviation (of the pixels that there are, not an estimate), in [0, 1]."""
        return tuple(
            math.sqrt(pixels * squares - total**2) / pixels / 255
            for pixels, total, squares in self._moments()
        )

    def _moments(self) -> list[tuple[int, int, int]]:
        """For each channel the number of pixels, their sum and the sum of their squares.

        In Python's integers: squares of sums do not fit into 64 bits.
        """
        return [
            (
                sum(counts),
                sum(value * count for value, count in enumerate(counts)),
                sum(value**2 * count for value, count in enumerate(counts)),
            )
            for counts in self.counts.tolist()
        ]


def measure(
    dataset: ImageDataset,
    *,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Statistics:
    """Decode the pictures of a dataset, full size, and count their pixels.

    Args:
        dataset: which one.
        rows: which of its rows; by default all.
        skip_bad: whether to leave out pictures that cannot be read.
        threads: how many decode at once; by default one for each processor.
        on_rows: told, now and then, how many more rows are done.

    Raises:
        DataError: there are no rows, or a picture cannot be read.
    """
    chosen = range(len(dataset)) if rows is None else rows
    counts = np.zeros((3, 256), np.int64)
    sizes: list[tuple[int, int]] = []
    counted = by_threads(
        lambda places: _count(dataset, (int(chosen[place]) for place in places), skip_bad),
        len(chosen),
        at_once=_ROWS_A_TASK,
        threads=threads,
    )
    for some, shapes in counted:
        counts += some
        sizes += shapes
        on_rows(len(shapes))
    if not sizes:
        raise DataError("there are no rows to read, and so no statistics")
    return Statistics(counts, np.array(sizes, np.int64))


def _count(
    dataset: ImageDataset, rows: Iterable[int], skip_bad: bool
) -> tuple[Counts, list[tuple[int, int]]]:
    counts = np.zeros((3, 256), np.int64)
    sizes = []
    for row in rows:
        try:
            image = dataset[row].image
        except DataError:
            if skip_bad:
                continue
            raise
        sizes.append((image.shape[0], image.shape[1]))
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].ravel(), minlength=256)
    return counts, sizes
