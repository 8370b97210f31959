"""How boxes are written where they enter and leave, and which of them are worth keeping.

Inside there is one format: float64, half-open x0, y0, x1, y1 in pixels.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augpipe.schema import Fraction, Settings

BoxFormat = Literal["pascal_voc", "coco", "yolo", "albumentations"]
OnInvalid = Literal["raise", "drop", "clip"]
Boxes = NDArray[np.float64]


class BoxParams(Settings):
    """What a pipeline does with boxes besides moving them; albumentations' BboxParams.

    Attributes:
        format: how boxes are written in the arguments and results of a pipeline, and in the batches
            of a loader. pascal_voc: x0, y0, x1, y1 in pixels; albumentations: the same as
            fractions of the picture's sides; coco: x0, y0, width, height in pixels; yolo: centre
            x, centre y, width, height as fractions.
        min_area: in square pixels, after augmentation; objects with less are left out.
        min_visibility: 0 to 1, the part of a moved box that must still be seen; what was cut off
            by the picture's edge, or covered by another picture, is not seen.
        on_invalid: what to do with a box that is empty or reaches beyond the picture it came with:
            raise names it, clip cuts it (albumentations' `clip`), drop leaves it out
            (`filter_invalid_bboxes`). One that clipping leaves empty is left out.
    """

    format: BoxFormat = "pascal_voc"
    min_area: Annotated[float, Field(ge=0)] = 0.0
    min_visibility: Fraction = 0.0
    on_invalid: OnInvalid = "raise"


# Boxes as they are inside, of which all that can be seen are kept.
AS_INSIDE = BoxParams()


def to_xyxy(boxes: NDArray[Any], format: BoxFormat, size: tuple[int, int]) -> Boxes:
    """(N, 4) boxes of any format as x0, y0, x1, y1 in pixels of a picture of (height, width)."""
    boxes = np.array(boxes, np.float64)
    if format in ("yolo", "albumentations"):
        boxes *= _scale(size)
    if format == "yolo":
        boxes[:, :2] -= boxes[:, 2:] / 2
    if format in ("yolo", "coco"):
        boxes[:, 2:] += boxes[:, :2]
    return boxes


def from_xyxy(boxes: Boxes, format: BoxFormat, size: tuple[int, int]) -> Boxes:
    """The inverse of `to_xyxy`."""
    boxes = boxes.copy()
    if format in ("yolo", "coco"):
        boxes[:, 2:] -= boxes[:, :2]
    if format == "yolo":
        boxes[:, :2] += boxes[:, 2:] / 2
    return boxes / _scale(size) if format in ("yolo", "albumentations") else boxes


def _scale(size: tuple[int, int]) -> Boxes:
    return np.tile(np.array(size[::-1], np.float64), 2)


class Judged(NamedTuple):
    """Boxes as they may be used, and which may not.

    Attributes:
        clipped: (N, 4).
        wrong: (N,) those that are to be left out, or are an error.
        empty: (N,) those that have no area.
    """

    clipped: Boxes
    wrong: NDArray[np.bool_]
    empty: NDArray[np.bool_]


def judge(boxes: Boxes, limits: Boxes, on_invalid: OnInvalid, slack: float) -> Judged:
    """Look at boxes that should lie in pictures and have an area.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        limits: (N, 4) width, height, width, height of each one's picture.
        on_invalid: see `BoxParams`.
        slack: what a box may stand out by, because its numbers were rounded; this much is cut off
            without a word.
    """
    clipped = np.clip(boxes, 0, limits)
    outside = np.any(~(np.abs(clipped - boxes) <= slack), axis=1)  # not a number is outside, too
    judged = clipped if on_invalid == "clip" else boxes
    empty = np.any(~(judged[:, 2:] > judged[:, :2]), axis=1)
    return Judged(clipped, empty if on_invalid == "clip" else empty | outside, empty)


def fault(box: Boxes, limit: Boxes, empty: bool) -> str:
    """What is wrong with a box, and what to do."""
    written = ", ".join(f"{value:g}" for value in box)
    how = "has no area" if empty else f"leaves the picture, {limit[0]:g} wide, {limit[1]:g} high"
    return (
        f"(x0, y0, x1, y1 = {written}) {how}; mend it, or "
        'on_invalid="drop" leaves such objects out, "clip" cuts boxes at the edges'
    )
