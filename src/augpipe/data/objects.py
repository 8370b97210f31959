"""The objects of all rows of a detection dataset, in flat columns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import OnInvalid, fault, judge
from augpipe.data.sample import Targets
from augpipe.data.segments import Segments
from augpipe.errors import DataError, suggest


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """M objects, ordered by row: 48 bytes each, and their shapes and keypoints.

    Attributes:
        rows: (M,) int64, ascending.
        boxes: (M, 4) float64, half-open x0, y0, x1, y1.
        labels: (M,) int64.
        segments: the shapes, or None.
        keypoints: (M, K, 2 or 3) float64, or None.
        mirrored_keypoints: (K,) int64, or None.
    """

    rows: NDArray[np.int64]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    segments: Segments | None = None
    keypoints: NDArray[np.float64] | None = None
    mirrored_keypoints: NDArray[np.int64] | None = None

    def take(self, indices: NDArray[np.int64]) -> Self:
        """The objects with these numbers."""
        return replace(
            self,
            rows=self.rows[indices],
            boxes=self.boxes[indices],
            labels=self.labels[indices],
            segments=None if self.segments is None else self.segments.take(indices),
            keypoints=None if self.keypoints is None else self.keypoints[indices],
        )

    def by_row(self) -> Self:
        """In the order of rows; within a row, as they were."""
        return self.take(np.argsort(self.rows, kind="stable"))

    def targets(self, row: int, size: tuple[int, int], scale: NDArray[np.float64]) -> Targets:
        """The objects of one row, with their masks drawn.

        Args:
            row: the row's number.
            size: (height, width) of the picture.
            scale: (2,) what every x and y is multiplied with.
        """
        first, end = np.searchsorted(self.rows, [row, row + 1])
        masks = keypoints = None
        if self.segments is not None:
            masks = np.zeros((end - first, *size), np.uint8)
            for number in range(first, end):
                masks[number - first] = self.segments.mask(number, size, scale)
        if self.keypoints is not None:
            keypoints = self.keypoints[first:end].copy()
            keypoints[..., :2] *= scale
        return Targets(
            boxes=self.boxes[first:end] * np.tile(scale, 2),
            box_labels=self.labels[first:end].copy(),
            masks=masks,
            keypoints=keypoints,
            mirrored_keypoints=self.mirrored_keypoints,
        )

    def update(self, state: hashlib._Hash) -> None:
        """Feed all there is to know about the objects to a hash."""
        shapes = self.segments
        columns: list[NDArray[Any] | None] = [self.rows, self.boxes, self.labels]
        columns += [self.keypoints, self.mirrored_keypoints]
        if shapes is not None:
            columns += [shapes.numbers.values, shapes.numbers.offsets, shapes.is_runs]
        for column in columns:
            state.update(b"-" if column is None else np.ascontiguousarray(column).data)


def valid_objects(
    objects: Objects,
    sizes: NDArray[np.float64],
    on_invalid: OnInvalid,
    where: Callable[[int], str],
    slack: float,
) -> Objects:
    """The objects whose boxes have an area and lie in their pictures.

    Args:
        objects: M of them, by row.
        sizes: (M, 2) width and height of each one's picture, in units of the boxes.
        on_invalid: "raise" an error at the first other box; "drop" those objects; or "clip" their
            boxes at the edges, and drop those without an area.
        where: names a row.
        slack: what a box may stand out by, because its numbers were rounded; this much is cut off
            without a word.

    Raises:
        DataError: an invalid box, or another word for `on_invalid`.
    """
    if on_invalid not in get_args(OnInvalid):
        raise DataError(
            f"on_invalid is {on_invalid!r}; {suggest(str(on_invalid), get_args(OnInvalid))}"
        )
    limits = np.tile(sizes, (1, 2))
    clipped, wrong, empty = judge(objects.boxes, limits, on_invalid, slack)
    if on_invalid == "raise" and wrong.any():
        at = int(wrong.argmax())
        row = int(objects.rows[at])
        number = at - int(np.searchsorted(objects.rows, row))
        raise DataError(
            f"{where(row)}: box {number} {fault(objects.boxes[at], limits[at], bool(empty[at]))} "
            f"({np.count_nonzero(wrong)} such boxes in all)"
        )
    return replace(objects, boxes=clipped).take(np.flatnonzero(~wrong))


def all_or_none(
    wanted: bool | None, present: NDArray[np.bool_], name: str, where: Callable[[int], str]
) -> bool:
    """Whether a target that some objects have is to be read.

    Args:
        wanted: what the user said; None stands for "if it is there".
        present: (M,) bool, which objects have it.
        name: the option, such as "masks".
        where: names an object.

    Raises:
        DataError: some objects have it and some do not, or it is wanted and missing.
    """
    if wanted is False or (wanted is None and not present.any()):
        return False
    if not present.all():
        raise DataError(
            f"{where(int(present.argmin()))} has no {name}, "
            + (f"though others do; {name}=False" if present.any() else f"nor has any; {name}=False")
            + " leaves them out"
        )
    return True
