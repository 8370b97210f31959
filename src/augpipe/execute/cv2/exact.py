"""Warps that compute no pixel: crops, turns, flips, and frames around them.

Of a plan's first warp they are found for all rows at once, and once, for pictures that were decoded
upright and whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from augpipe.execute.cv2.types import Image
from augpipe.execute.cv2.warp import cut, framed
from augpipe.execute.decide import Crops, crops, insets
from augpipe.execute.warp import Crop
from augpipe.plan import Border, Plan, Warp

# Of fewer rows, to decide on each as it comes is faster.
_FEW = 8


class Exact(NamedTuple):
    """A crop, and what is put around it.

    Attributes:
        crop: of the picture.
        beside: how many pixels of the frame lie above, below, left and right.
        border: which says the frame's colour; None where there is no frame.
    """

    crop: Crop
    beside: tuple[int, int, int, int] = (0, 0, 0, 0)
    border: Border | None = None

    def take(self, image: Image) -> Image:
        """What the warp makes of an (H, W, C) picture; may be a view."""
        part = cut(image, self.crop)
        return framed(part, self.beside, self.border) if self.border else part


_FOUND: WeakKeyDictionary[Plan, Sequence[Exact | None]] = WeakKeyDictionary()


def exact_rows(plan: Plan) -> Sequence[Exact | None]:
    """For each row, what its first step does to the whole upright picture, if that is so simple."""
    found = _FOUND.get(plan)
    if found is None:
        found = _FOUND[plan] = _find(plan)
    return found


def _find(plan: Plan) -> Sequence[Exact | None]:
    first = plan.steps[0] if plan.steps else None
    if not isinstance(first, Warp) or len(plan) < _FEW:
        return [None] * len(plan)
    cropped = crops(first.matrix, first.size, plan.size)
    found = [crop and Exact(crop) for crop in _listed(cropped)]
    if first.border and first.border.mode == "constant" and not cropped.exact.all():
        around = _framed_rows(first, first.border, plan)
        found = [one or other for one, other in zip(found, around, strict=True)]
    return found


def _listed(found: Crops) -> Iterator[Crop | None]:
    turns = (found.transpose.tolist(), found.flip_y.tolist(), found.flip_x.tolist())
    for exact, crop, *turn in zip(found.exact.tolist(), found.crop.tolist(), *turns, strict=True):
        yield Crop(*crop, *turn) if exact else None


def _framed_rows(warp: Warp, border: Border, plan: Plan) -> Iterator[Exact | None]:
    """Rows whose picture, or a crop of it, stands in a wider frame as it is."""
    fills = insets(warp.matrix, warp.size, plan.size)
    low, high = fills.inset[:, :2], fills.inset[:, 2:]
    shift = np.tile(np.eye(3), (len(plan), 1, 1))
    shift[:, :2, 2] = low[:, ::-1]
    inner = crops(warp.matrix @ shift, high - low, plan.size)
    shown = fills.has_inset & (high > low).all(axis=1)
    sides = np.stack([low, warp.size - high], axis=2).reshape(-1, 4).tolist()
    for crop, beside, any_of_it in zip(_listed(inner), sides, shown.tolist(), strict=True):
        yield Exact(crop, tuple(beside), border) if crop and any_of_it else None
