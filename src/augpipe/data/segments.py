"""Outlines and run lengths of objects, and the masks they stand for.

A pixel belongs to an object when its centre does, (column + 0.5, row + 0.5). OpenCV's `fillPoly`
would add every pixel that the outline touches, half a pixel all round.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from augpipe.data.header import MAX_PIXELS
from augpipe.data.ragged import Ragged
from augpipe.errors import DataError

Mask = NDArray[np.uint8]
Size = tuple[int, int]

# Six groups of 5 bits hold any difference between two runs of a picture of MAX_PIXELS.
_LONGEST_CODE = 6


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The shapes of N objects, 8 bytes for each number.

    Attributes:
        numbers: for each object its polygons x, y, x, y, ... with a NaN between two polygons; or
            its run lengths, column by column, beginning with background.
        is_runs: (N,) bool; which of the two.
    """

    numbers: Ragged
    is_runs: NDArray[np.bool_]

    def take(self, indices: NDArray[np.int64]) -> Self:
        """The shapes with these numbers, in that order."""
        return type(self)(self.numbers.take(indices), self.is_runs[indices])

    def mask(self, index: int, size: Size, scale: NDArray[np.float64]) -> Mask:
        """The mask of one object.

        Args:
            index: which object.
            size: (height, width) of the picture.
            scale: (2,) what x and y of polygons are multiplied with.

        Returns:
            (height, width) uint8 of 0 and 1.
        """
        numbers = self.numbers[index]
        if self.is_runs[index]:
            return fill_runs(numbers.astype(np.int64), size)
        mask = np.zeros(size, np.uint8)
        for polygon in np.split(numbers, np.flatnonzero(np.isnan(numbers))):
            points = polygon[np.isfinite(polygon)].reshape(-1, 2)
            mask |= fill_polygon(points * scale, size)
        return mask


def join_polygons(polygons: Sequence[Sequence[float]]) -> Iterable[float]:
    """The polygons of one object as `Segments` keeps them.

    Raises:
        DataError: one has fewer than 3 corners, or half a corner, or a number that is none.
    """
    for polygon in polygons:
        if not isinstance(polygon, list | tuple) or len(polygon) < 6 or len(polygon) % 2:
            raise DataError(f"a polygon is {polygon!r:.60}; expected 3 or more pairs x, y")
        for value in polygon:
            if type(value) not in (int, float) or not abs(value) <= MAX_PIXELS:
                raise DataError(f"a polygon has the coordinate {value!r:.40}")
    return itertools.chain(*([*polygon, np.nan] for polygon in polygons[:-1]), polygons[-1])


def fill_polygon(points: NDArray[np.float64], size: Size) -> Mask:
    """The pixels whose centres lie inside a polygon (even-odd, where it crosses itself).

    Each edge toggles, on each line of pixel centres that it crosses, all pixels to its right.

    Args:
        points: (n, 2) x, y in continuous coordinates; may lie outside the picture.
        size: (height, width).

    Returns:
        (height, width) uint8 of 0 and 1.
    """
    height, width = size
    start, end = points, np.roll(points, -1, axis=0)
    first, last = (
        np.ceil(side(start[:, 1], end[:, 1]) - 0.5).clip(0, height).astype(np.int64)
        for side in (np.minimum, np.maximum)
    )
    edge = np.repeat(np.arange(len(points)), last - first)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    crossing = x0 + (line + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    column = np.ceil(crossing - 0.5).clip(0, width).astype(np.int64)
    toggles = np.zeros((height, width + 1), np.uint8)
    np.bitwise_xor.at(toggles, (line, column), 1)
    return np.asarray(np.bitwise_xor.accumulate(toggles, axis=1)[:, :width])


def fill_runs(counts: NDArray[np.int64], size: Size) -> Mask:
    """The mask of COCO's run lengths: background first, down the columns.

    Args:
        counts: run lengths that add up to height x width.
        size: (height, width).
    """
    height, width = size
    colors = (np.arange(len(counts)) % 2).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(colors, counts).reshape(width, height).T)


def read_runs(counts: Any, pixels: int) -> NDArray[np.int64]:
    """COCO's `counts`, a list or a compressed string, as run lengths.

    Args:
        counts: from a file, anything.
        pixels: what they are to add up to.

    Raises:
        DataError: they are neither, damaged, or add up to something else.
    """
    if isinstance(counts, str):
        runs = _decompress(counts)
    elif isinstance(counts, list) and all(
        type(run) is int and abs(run) <= MAX_PIXELS for run in counts
    ):
        runs = np.array(counts, np.int64)
    else:
        raise DataError(f"run lengths are {counts!r:.60}; expected whole numbers, or a string")
    if (runs < 0).any() or runs.sum() != pixels:
        raise DataError(
            f"its run lengths are damaged: they add up to {runs.sum()} of {pixels} pixels, "
            f"the shortest is {runs.min(initial=0)}"
        )
    return runs


def _decompress(text: str) -> NDArray[np.int64]:
    """The string form: each number in groups of 5 bits, lowest first, one character for each.

    A character is 48 + group, + 32 if more follow; the highest bit of the last group is the sign.
    From the fourth on, a number is the difference to the run two before.

    Source: the COCO API, rleToString in maskApi.c, whose format this is.
    """
    codes = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - 48
    if not len(codes):
        return codes
    last = (codes & 32) == 0
    if (codes < 0).any() or (codes > 63).any() or not last[-1]:
        raise DataError("its compressed run lengths are damaged: not characters of such a string")
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    lengths = np.diff(starts, append=len(codes))
    if lengths.max() > _LONGEST_CODE:
        raise DataError("its compressed run lengths are damaged: a number is too long")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((codes & 31) << (5 * place), starts)
    runs -= ((codes[last] & 16) != 0).astype(np.int64) << (5 * lengths)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return np.asarray(runs)
