"""What datasets of pictures with objects in them share: files, and flat columns of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import OnInvalid, judge
from augpipe.data.columns import digest, text_column
from augpipe.data.files import FileDataset
from augpipe.data.objects import Objects, valid_objects
from augpipe.data.paths import refuse_outside
from augpipe.data.pixels import Color
from augpipe.data.sample import Targets
from augpipe.errors import DataError, within

# Formats that write hundredths of pixels let x + width miss the edge by one of them.
_ROUNDING = 0.02
# Six digits are usual for fractions; five happen.
_ROUNDING_OF_FRACTIONS = 1e-5


class Invalid(NamedTuple):
    """Boxes that are empty or leave their picture, as they were written.

    Attributes:
        rows: (M,) int64, ascending.
        boxes: (M, 4) float64, half-open x0, y0, x1, y1.
        limits: (M, 4) float64, width, height, width, height of each one's picture, in their units.
    """

    rows: NDArray[np.int64]
    boxes: NDArray[np.float64]
    limits: NDArray[np.float64]


class DetectionDataset(FileDataset):
    """Pictures below a folder, and their objects. `CocoDataset` and others fill it.

    A row's pictures without objects have empty arrays. Annotations are checked when the dataset is
    opened, files are looked for when their row is read.

    Args:
        place: how errors name the dataset.
        root: the folder below which the files lie.
        paths: N paths relative to `root`.
        sizes: (N, 2) width and height as the annotations state them; None where boxes, polygons and
            keypoints are fractions of them.
        objects: in any order.
        classes: the names of the classes.
        on_invalid: see `objects.valid_objects`.
        background: RGB behind transparent pixels.

    Attributes:
        invalid: the boxes that `on_invalid` dropped or clipped.

    Raises:
        DataError: a path leaves the root, or a box is not valid.
    """

    def __init__(
        self,
        place: Path,
        root: Path,
        paths: Iterable[str],
        sizes: NDArray[np.int64] | None,
        objects: Objects,
        classes: Iterable[str],
        on_invalid: OnInvalid,
        background: Color,
    ) -> None:
        self.place, self.root, self.background = place, root.resolve(), background
        self.classes = tuple(classes)
        self._paths = text_column([refuse_outside(path, root) for path in paths])
        self._sizes = sizes
        objects = objects.by_row()
        limits = np.ones((len(objects.rows), 2)) if sizes is None else sizes[objects.rows]
        limits = limits.astype(np.float64)
        slack = _ROUNDING_OF_FRACTIONS if sizes is None else _ROUNDING
        self._objects = valid_objects(objects, limits, on_invalid, self.where, slack)
        self.invalid = _invalid(objects, np.tile(limits, (1, 2)), slack)

    def targets(self, index: int, size: tuple[int, int]) -> Targets:
        """The objects of row `index`, with their masks drawn."""
        with within(self.where(index)):
            self._refuse_other_size(index, size)
            scale = np.ones(2) if self._sizes is not None else np.array(size[::-1], float)
            return self._objects.targets(index, size, scale)

    def _refuse_other_size(self, index: int, size: tuple[int, int]) -> None:
        if self._sizes is None:
            return
        width, height = self._sizes[index].tolist()
        if size != (height, width):
            raise DataError(
                f"is {size[0]} high and {size[1]} wide (upright), but its annotations are for "
                f"{height} and {width}; they belong to another file or orientation"
            )

    def where(self, index: int) -> str:
        """The row's number, and the path of its picture."""
        return f"row {index} of {self.place} ({self._paths[index].as_py()})"

    @cached_property
    def fingerprint(self) -> str:
        """Of the paths below the root, the objects and the classes."""
        state = hashlib.sha256(digest(self._paths, None, self.classes).encode())
        self._objects.update(state)
        return state.hexdigest()[:16]


def _invalid(objects: Objects, limits: NDArray[np.float64], slack: float) -> Invalid:
    wrong = judge(objects.boxes, limits, "raise", slack).wrong
    return Invalid(objects.rows[wrong], objects.boxes[wrong], limits[wrong])
