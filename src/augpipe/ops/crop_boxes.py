"""Crops that look where boxes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augpipe.ops.base import Op, between, register
from augpipe.ops.matrix import window
from augpipe.plan import Floats, Params, Warp
from augpipe.schema import PositiveRange, Probability, ShareRange

_DRAWS_EACH = 4

Overlaps = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)]


@register
class RandomIouCrop(Op):
    """Crop so that some box is mostly inside. torchvision's RandomIoUCrop; SSD, Liu et al. 2016.

    A minimum of overlap is drawn from `sampler_options`, then `trials` crops. The first is taken
    that has this overlap (intersection over union) with a box whose centre it holds; if there is
    none, or if the minimum is 1, the picture stays as it is.

    Deviations: torchvision draws another minimum after `trials` failures, without end; it drops
    boxes whose centre was cut off, where here `boxes.min_visibility` decides.

    Attributes:
        scale: range of the crop's sides, as fractions of the picture's.
        ratio: range of the crop's width over its height, as fractions of the sides.
        sampler_options: the minima.
        trials: how many crops to try.
        p: probability.
    """

    scale: ShareRange = (0.3, 1.0)
    ratio: PositiveRange = (0.5, 2.0)
    sampler_options: Overlaps = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
    trials: Annotated[int, Field(ge=1, le=1000)] = 40
    p: Probability = 1.0
    identity = {"min_overlap": 1.0, "crops": 0.0}
    needs_boxes = True

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on the trials here
        """One for the minimum, four for each crop."""
        return 1 + _DRAWS_EACH * self.trials

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The minimum, and (B, trials, 4) crops: width, height, left and top, as fractions."""
        options = np.array(self.sampler_options)
        chosen = np.floor(u[:, 0] * len(options)).astype(np.int64)
        crops = u[:, 1:].reshape(len(u), self.trials, _DRAWS_EACH).copy()
        crops[..., :2] = between(crops[..., :2], self.scale)
        return {"min_overlap": options[chosen], "crops": crops}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """With nobody's boxes, the picture as it is."""
        return Warp(window(np.zeros(size.shape), size, size), size)

    def lower_around(
        self, params: Params, size: NDArray[np.int64], boxes: Sequence[Floats] | None
    ) -> Warp:
        """The first good crop of each row, in whole pixels, so exact."""
        if boxes is None:
            return self.lower(params, size)
        windows = [
            self._first(minimum, _in_pixels(crops, own), around, own)
            for minimum, crops, around, own in zip(
                params["min_overlap"], params["crops"], boxes, size, strict=True
            )
        ]
        edges = np.array(windows)
        out = (edges[:, 2:] - edges[:, :2])[:, ::-1].astype(np.int64)
        return Warp(window(edges[:, 1::-1], out, out), out)

    def _first(
        self, minimum: float, crops: Floats, boxes: Floats, size: NDArray[np.int64]
    ) -> Floats:
        whole = np.array([0.0, 0.0, size[1], size[0]])
        sides = crops[:, 2:] - crops[:, :2]
        ratio = sides[:, 0] / np.maximum(sides[:, 1], 1)
        shaped = (sides >= 1).all(axis=1) & (ratio >= self.ratio[0]) & (ratio <= self.ratio[1])
        good = shaped & (_overlap_of_held(crops, boxes) >= minimum)
        return crops[good.argmax()] if minimum < 1 and good.any() else whole


def _in_pixels(crops: Floats, size: NDArray[np.int64]) -> Floats:
    """(T, 4) fractions of width, height, left and top as x0, y0, x1, y1 in whole pixels."""
    limits = size[::-1]
    sides = np.floor(crops[:, :2] * limits)
    start = np.floor(crops[:, 2:] * (limits - sides + 1))
    return np.concatenate([start, start + sides], axis=1)


def _overlap_of_held(crops: Floats, boxes: Floats) -> Floats:
    """(T,): the largest overlap with a box whose centre the crop holds; -1 where it holds none."""
    if not len(boxes):
        return np.full(len(crops), -1.0)
    a, b = crops[:, None], boxes[None]
    centre = (b[..., :2] + b[..., 2:]) / 2
    held = ((centre > a[..., :2]) & (centre < a[..., 2:])).all(axis=-1)
    both = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.prod(np.maximum(both, 0), axis=-1)
    area = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    overlap = common / np.maximum(area - common, np.finfo(float).tiny)
    return np.asarray(np.where(held, overlap, -1.0).max(axis=1))
