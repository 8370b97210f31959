"""Which part of a picture a warp looks at: so much is decoded, and so much is warped."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.shrink import shrink_factors

if TYPE_CHECKING:
    from augpipe.plan import Warp

# In cells of the shrunken picture: two for what bilinear sampling and its rounding want beyond a
# corner, and one more, so that whole cells of any grid can be cut out without loss.
_MARGIN = 3

# So close to the horizon, or beyond it, any part of the picture may be seen. (w is 1 where a
# picture keeps its size.)
_NEAR_HORIZON = 1e-2


class Region(NamedTuple):
    """A rectangle of the upright, full-size picture, half-open, in whole pixels."""

    top: int
    left: int
    bottom: int
    right: int


class Sight(NamedTuple):
    """What the first step of a plan looks at of B pictures.

    Attributes:
        shrink: (B, 2), by which factors of height and width they are shrunk before they are
            sampled.
        regions: for each row all of its picture that is seen, and a margin; None where that is the
            whole. It is for a nearest neighbour, where the last bit of a coordinate decides between
            one pixel and the next, and has to be the one that executors on batches see.
    """

    shrink: NDArray[np.int64]
    regions: list[Region | None]


def look(warp: Warp | None, source: NDArray[np.int64]) -> Sight:
    """What is seen through a warp, or by a step that is none.

    Args:
        warp: (B) rows of it.
        source: (B, 2), height and width of the pictures.
    """
    if warp is None:
        return Sight(np.ones((len(source), 2), np.int64), [None] * len(source))
    shrink = shrink_factors(warp.matrix, warp.size)
    if warp.interpolation == "nearest":
        return Sight(shrink, [None] * len(source))
    return Sight(shrink, _regions(warp, source, shrink))


def _regions(
    warp: Warp, source: NDArray[np.int64], shrink: NDArray[np.int64]
) -> list[Region | None]:
    y, x, w = (warp.matrix @ _corners(warp.size))[:, [1, 0, 2]].swapaxes(0, 1)
    near = ~(w > _NEAR_HORIZON).all(axis=1, keepdims=True)
    places = np.stack([y, x], axis=1) / np.where(near, 1.0, w)[:, None]
    low, high = places.min(axis=2), places.max(axis=2)
    if warp.border and warp.border.mode == "reflect":  # what it shows lies inside, mirrored
        low, high = np.minimum(low, 2 * source - high), np.maximum(high, -low)
    margin = _MARGIN * shrink
    low = np.where(near, 0, np.floor(np.minimum(low, source) - margin).clip(0))
    high = np.where(near, source, np.minimum(np.ceil(np.maximum(high, 0) + margin), source))
    edges = np.hstack([low, high]).astype(np.int64).tolist()
    whole = [(0, 0, *size) for size in source.tolist()]
    return [
        None if region == all_of_it else region
        for region, all_of_it in zip(map(Region._make, edges), whole, strict=True)
    ]


def _corners(size: NDArray[np.int64]) -> NDArray[np.float64]:
    """(B, 3, 4): the corners of pictures of (B, 2) height and width, as (x, y, 1)."""
    corners = np.ones((len(size), 3, 4))
    corners[:, 0] = size[:, 1:] * (0, 1, 1, 0)
    corners[:, 1] = size[:, :1] * (0, 0, 1, 1)
    return corners


def union(regions: Iterable[Region | None]) -> Region | None:
    """The smallest region that holds all of them; None if one is the whole picture."""
    return reduce(_both, regions)


def _both(a: Region | None, b: Region | None) -> Region | None:
    if a is None or b is None:
        return None
    low, high = map(min, a[:2], b[:2]), map(max, a[2:], b[2:])
    return Region(*low, *high)
