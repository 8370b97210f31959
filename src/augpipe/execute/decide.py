"""What `execute.warp` says of one picture's warp, said of a batch of them without a loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.execute.warp import EPSILON, Size, corner_points, project
from augpipe.plan import Floats

Bools = NDArray[np.bool_]
Whole = NDArray[np.int64]

# Height and width, of all rows or (B, 2) of each.
Sizes = Size | Whole


class Crops(NamedTuple):
    """Which of B warps compute no pixel.

    Attributes:
        exact: (B,), whether it is a crop of just the output's size, or of any, if these are asked
            for. What follows is 0 where not.
        crop: (B, 4) top, left, bottom, right in the input, half-open,
        transpose: (B,), whether it is transposed then,
        flip_y: (B,), and turned upside down then,
        flip_x: (B,), and mirrored.
    """

    exact: Bools
    crop: Whole
    transpose: Bools
    flip_y: Bools
    flip_x: Bools


class Insets(NamedTuple):
    """What B pictures fill of wider frames.

    Attributes:
        has_inset: (B,), whether it is whole pixels of the output.
        inset: (B, 4) top, left, bottom, right of these, half-open, empty where an end is not
            beyond its start; 0 where there is none.
    """

    has_inset: Bools
    inset: Whole


class Decisions(NamedTuple):
    """How each of B pictures goes through its warp: the parts of `Crops` and `Insets`, and more.

    Attributes:
        leaves: (B,), whether a border shows.
    """

    exact: Bools
    crop: Whole
    transpose: Bools
    flip_y: Bools
    flip_x: Bools
    leaves: Bools
    has_inset: Bools
    inset: Whole


def decide(matrix: Floats, out: Size, source: Size) -> Decisions:
    """What `as_crop`, `leaves` and `as_inset` say of each row.

    Args:
        matrix: (B, 3, 3), output to input coordinates.
        out: the output's height and width.
        source: the input's height and width.
    """
    away = leaving(matrix, out, source)
    return Decisions(*crops(matrix, out, source), away, *insets(matrix, out, source))


def crops(matrix: Floats, out: Sizes, source: Sizes, *, scaled: bool = False) -> Crops:
    """Which rows `as_crop` says are crops of the output's size, or of any if they may be scaled."""
    axes = _axes(matrix)
    extent = _swapped(np.asarray(out), axes.turned)
    end = axes.start + axes.along * extent
    edges = np.hstack([np.minimum(axes.start, end), np.maximum(axes.start, end)])
    whole = np.rint(edges)
    low, high = whole[:, :2], whole[:, 2:]
    holds = (low >= 0) & (high <= source) & (scaled | (high - low == extent))
    exact = axes.straight & holds.all(axis=1) & (np.abs(edges - whole) <= EPSILON).all(axis=1)
    down, across = _swapped(axes.along, axes.turned).T < 0
    crop = np.where(exact[:, None], whole, 0).astype(np.int64)
    return Crops(exact, crop, exact & axes.turned, exact & down, exact & across)


def insets(matrix: Floats, out: Sizes, source: Sizes) -> Insets:
    """Which whole pixels of the output `as_inset` says the pictures fill."""
    axes = _axes(matrix)
    along = np.where(axes.straight[:, None], axes.along, 1.0)
    ends = _swapped(np.stack([-axes.start, source - axes.start]) / along, axes.turned)
    edges = np.hstack([ends.min(axis=0), ends.max(axis=0)])
    limit, whole = np.tile(out, 2), np.rint(edges)
    cut = (edges > 0) & (edges < limit) & (np.abs(edges - whole) > EPSILON)
    has_inset = axes.straight & ~cut.any(axis=1)
    return Insets(has_inset, np.where(has_inset[:, None], whole.clip(0, limit), 0).astype(np.int64))


def crops_within(matrix: Floats, inset: Whole, source: Sizes) -> Crops:
    """Which rows are crops where the picture lies, with nothing but fill beside it.

    Args:
        matrix: (B, 3, 3), output to input coordinates.
        inset: (B, 4), what of the output the picture fills; see `Insets`.
        source: the input's height and width.
    """
    shift = np.tile(np.eye(3), (len(matrix), 1, 1))
    shift[:, 1::-1, 2] = inset[:, :2]
    size = inset[:, 2:] - inset[:, :2]
    found = crops(matrix @ shift, size, source)
    return Crops(found.exact & (size > 0).all(axis=1), *found[1:])


def leaving(matrix: Floats, out: Sizes, source: Sizes) -> Bools:
    """Of which rows a corner of the output lies outside of the input, as `leaves` says."""
    corners = project(matrix, corner_points(out))
    beyond = corners.max(axis=1) - np.asarray(source)[..., ::-1]
    return np.asarray((corners.min(axis=(1, 2)) < -EPSILON) | (beyond.max(axis=1) > EPSILON))


class _Axes(NamedTuple):
    """How the output's axes run along the input's.

    Attributes:
        straight: (B,), whether they do at all; where not, the rest means nothing.
        turned: (B,), whether each runs along the other.
        along: (B, 2), how far a pixel of the output reaches along the input's y and x.
        start: (B, 2), y and x of the output's origin in the input.
    """

    straight: Bools
    turned: Bools
    along: Floats
    start: Floats


def _axes(matrix: Floats) -> _Axes:
    same, other = matrix[:, [1, 0], [1, 0]], matrix[:, [1, 0], [0, 1]]
    same_runs, other_runs = np.abs(same) >= EPSILON, np.abs(other) >= EPSILON
    upright = np.all(same_runs & ~other_runs, axis=1)
    turned = np.all(other_runs & ~same_runs, axis=1)
    straight = (upright | turned) & np.all(matrix[:, 2, :2] == 0, axis=1)
    return _Axes(straight, turned, np.where(turned[:, None], other, same), matrix[:, 1::-1, 2])


def _swapped(pairs: NDArray[Any], where: Bools) -> NDArray[Any]:
    """(..., B, 2) pairs of y and x, as x and y in some rows."""
    return np.where(where[:, None], pairs[..., ::-1], pairs)
