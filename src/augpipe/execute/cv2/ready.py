"""A plan's first warp, decided for all rows at once instead of for each picture as it comes.

That goes for the warps that most pictures take: crops, turns and flips, with a frame around or
without; crops that are scaled; and what is sampled once without looking beyond the picture. It
needs the pixels to be upright and of full size, as they are unless a JPEG was decoded smaller or
lies on its side. All others go the way of `cv2.warp.sample`, to the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from augpipe.execute.cv2.types import Image
from augpipe.execute.cv2.warp import affine, cut, framed, scaled
from augpipe.execute.decide import Crops, crops, crops_within, insets, leaving
from augpipe.execute.warp import Crop, Size
from augpipe.plan import Border, Floats, Plan, Warp

# Of fewer rows, to decide on each as it comes is faster.
_FEW = 8


class Ready(Protocol):
    """One row's warp."""

    def take(self, image: Image) -> Image:
        """What it makes of the (H, W, C) region that it looks at; may be a view."""


class Exact(NamedTuple):
    """A crop, and what is put around it.

    Attributes:
        crop: of the region.
        beside: how many pixels of the frame lie above, below, left and right.
        border: which says the frame's colour; None where there is no frame.
    """

    crop: Crop
    beside: tuple[int, int, int, int] = (0, 0, 0, 0)
    border: Border | None = None

    def take(self, image: Image) -> Image:
        """The crop in its frame."""
        part = cut(image, self.crop)
        return framed(part, self.beside, self.border) if self.border else part


class Scaled(NamedTuple):
    """A crop that is scaled to a size."""

    crop: Crop
    out: Size

    def take(self, image: Image) -> Image:
        """The scaled crop."""
        return scaled(image, self.crop, self.out)


class Sampled(NamedTuple):
    """What is sampled through a (2, 3) map between pixel numbers, to a size."""

    numbers: Floats
    out: Size

    def take(self, image: Image) -> Image:
        """The sampled picture."""
        return affine(image, self.numbers, self.out)


_FOUND: WeakKeyDictionary[Plan, Sequence[Ready | None]] = WeakKeyDictionary()


def ready_rows(plan: Plan) -> Sequence[Ready | None]:
    """For each row, what its first step does to `plan.sight`'s region, if that is so simple."""
    found = _FOUND.get(plan)
    if found is None:
        found = _FOUND[plan] = _find(plan)
    return found


def _find(plan: Plan) -> Sequence[Ready | None]:
    first = plan.steps[0] if plan.steps else None
    if not isinstance(first, Warp) or len(plan) < _FEW:
        return [None] * len(plan)
    start, extent = _regions(plan)
    matrix = first.matrix.copy()
    matrix[:, :2, 2] -= start[:, ::-1] * matrix[:, 2, 2:]
    exact = crops(matrix, first.size, extent)
    found: list[Ready | None] = [crop and Exact(crop) for crop in _listed(exact)]
    border = first.border
    if border and border.mode == "constant" and not exact.exact.all():
        found = _first_of(found, _framed_rows(first, border, matrix, extent))
    if first.interpolation != "nearest" and not exact.exact.all():
        found = _first_of(found, _smooth_rows(plan, first, matrix, extent))
    return found


def _first_of(found: Sequence[Ready | None], other: Iterator[Ready | None]) -> list[Ready | None]:
    return [one or another for one, another in zip(found, other, strict=True)]


def _regions(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(B, 2) tops and lefts, heights and widths of what is seen of the pictures."""
    whole = np.hstack([np.zeros_like(plan.size), plan.size]).tolist()
    seen = zip(plan.sight.regions, whole, strict=True)
    edges = np.array([region or all_of_it for region, all_of_it in seen], np.int64)
    return edges[:, :2], edges[:, 2:] - edges[:, :2]


def _listed(found: Crops) -> Iterator[Crop | None]:
    turns = (found.transpose.tolist(), found.flip_y.tolist(), found.flip_x.tolist())
    for exact, crop, *turn in zip(found.exact.tolist(), found.crop.tolist(), *turns, strict=True):
        yield Crop(*crop, *turn) if exact else None


def _framed_rows(
    warp: Warp, border: Border, matrix: Floats, extent: NDArray[np.int64]
) -> Iterator[Exact | None]:
    """Rows whose picture, or a crop of it, stands in a wider frame as it is."""
    inset = insets(matrix, warp.size, extent).inset
    inner = crops_within(matrix, inset, extent)
    sides = np.stack([inset[:, :2], warp.size - inset[:, 2:]], axis=2).reshape(-1, 4).tolist()
    for crop, beside in zip(_listed(inner), sides, strict=True):
        yield Exact(crop, tuple(beside), border) if crop else None


def _smooth_rows(
    plan: Plan, warp: Warp, matrix: Floats, extent: NDArray[np.int64]
) -> Iterator[Scaled | Sampled | None]:
    """Rows that are sampled once, shrunk before by nothing, without a border to be seen."""
    flat = (matrix[:, 2] == (0, 0, 1)).all(axis=1)
    seen = leaving(matrix, warp.size, extent) if warp.border else np.zeros(len(matrix), bool)
    simple = flat & ~seen & (plan.sight.shrink == 1).all(axis=1)
    of_any_size = crops(matrix, warp.size, extent, scaled=True)
    within = _stay_within(of_any_size, warp.size, extent)
    columns = _listed(of_any_size), within.tolist(), _numbers(matrix), warp.size.tolist()
    for takes, crop, stays, numbers, out in zip(simple.tolist(), *columns, strict=True):
        if not takes:
            yield None
        elif crop and stays:
            yield Scaled(crop, tuple(out))
        else:
            yield Sampled(numbers, tuple(out))


def _stay_within(
    found: Crops, out: NDArray[np.int64], extent: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """`cv2.warp.stays_within` of each row."""
    wanted = np.where(found.transpose[:, None], out[:, ::-1], out)
    low, high = found.crop[:, :2], found.crop[:, 2:]
    return np.asarray(((high - low >= wanted) | ((low == 0) & (high == extent))).all(axis=1))


def _numbers(matrix: Floats) -> Floats:
    """(B, 2, 3): the maps between pixel numbers, of those that are affine."""
    numbers = matrix[:, :2].copy()
    numbers[:, :, 2] = numbers[:, :, :2].sum(axis=2) / 2 + (numbers[:, :, 2] - 0.5)
    return numbers
