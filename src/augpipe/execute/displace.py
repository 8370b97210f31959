"""What a displacement does to points and masks, and where each pixel of the output comes from.

A displacement maps output to input coordinates, as a warp's matrix does. Points go the other way,
through its inverse: exactly where the map is piecewise linear, by Newton's method where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.execute.lattice import (
    amplitude_of,
    centres,
    coefficients_at,
    grid_places,
    slopes,
    smooth_field,
    spacing_of,
    taps,
)
from augpipe.execute.warp import NEAREST_NUDGE, Size
from augpipe.plan import Floats

# A kernel's parameters of one row.
Values = Mapping[str, NDArray[Any]]
# (H, W) float32 each: the coordinates x and y in the input.
Places = tuple[NDArray[np.float32], NDArray[np.float32]]

_ROUNDS = 30
_CLOSE = 1e-6  # pixels; far below what anyone needs, far above the rounding of float64
_STARTS = 16


def places(name: str, values: Values, size: Size) -> Places:
    """Where the centres of all output pixels lie in the input.

    Args:
        name: the kernel.
        values: its parameters of one row.
        size: the picture's height and width.
    """
    return _PLACES[name](values, size)


def knows(name: str) -> bool:
    """Whether that kernel is a displacement."""
    return name in _PLACES


def points(name: str, values: Values, size: Size, xy: Floats) -> Floats:
    """Where points of the input come to lie in the output.

    Where a displacement is so strong that it folds, a point has several places; one is given.

    Args:
        name: the kernel.
        values: its parameters of one row.
        size: the picture's height and width.
        xy: (N, 2), inside of the picture or not.

    Returns:
        (N, 2).
    """
    return _POINTS[name](values, size, np.asarray(xy, np.float64))


def mask(name: str, values: Values, mask: NDArray[Any]) -> NDArray[Any]:
    """The (H, W) mask displaced: its nearest pixel, and 0 outside of it."""
    height, width = mask.shape
    x, y = (np.floor(place + NEAREST_NUDGE) for place in places(name, values, (height, width)))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    moved = np.zeros_like(mask)
    moved[inside] = mask[y[inside].astype(np.intp), x[inside].astype(np.intp)]
    return moved


def _elastic_places(values: Values, size: Size) -> Places:
    amplitude = amplitude_of(values["deviation"]).astype(np.float32)
    x, y = (
        smooth_field(values["seed"], spacing_of(values["sigma"]), size) * amplitude[:, None, None]
    )
    x += centres(size[1]).astype(np.float32)
    y += centres(size[0]).astype(np.float32)[:, None]
    return x, y


def _elastic_points(values: Values, size: Size, xy: Floats) -> Floats:
    """Newton's method from the point itself; where it fails, from the best places of a scan."""
    if not values["deviation"].any():
        return xy.copy()
    found = _newton(values, xy, xy)
    for index in np.flatnonzero(_miss(values, found, xy) > _CLOSE):
        tries = _newton(values, _scan(values, xy[index]), xy[index])
        found[index] = tries[_miss(values, tries, xy[index]).argmin()]
    return found


def _newton(values: Values, guess: Floats, xy: Floats) -> Floats:
    """Solve place + displacement(place) = xy; steps are short where the map is not a line."""
    longest = spacing_of(values["sigma"]) / 2
    for _ in range(_ROUNDS):
        moved, jacobian = _displaced(values, guess)
        if np.abs(moved - xy).max(initial=0) < _CLOSE / 10:
            break
        jacobian += 1e-9 * np.eye(2)  # where the map folds it has no inverse
        step = np.linalg.solve(jacobian, (moved - xy)[:, :, None])[:, :, 0]
        guess = guess - step.clip(-longest, longest)
    return np.asarray(guess)


def _scan(values: Values, xy: Floats) -> Floats:
    """(n, 2): of all places that a displacement can take to `xy`, those that come nearest."""
    reaches = amplitude_of(values["deviation"])
    counts = 4 * np.ceil(reaches / values["sigma"]).astype(int) + 1
    x, y = (np.linspace(-reach, reach, n) for reach, n in zip(reaches, counts, strict=True))
    near = xy + np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.asarray(near[_miss(values, near, xy).argsort()[:_STARTS]])


def _miss(values: Values, guess: Floats, xy: Floats) -> Floats:
    return np.asarray(np.abs(_displaced(values, guess)[0] - xy).max(axis=-1))


def _displaced(values: Values, xy: Floats) -> tuple[Floats, Floats]:
    """The map of (N, 2) output to (N, 2) input coordinates, and its (N, 2, 2) derivative."""
    spacing = spacing_of(values["sigma"])
    first, weights = taps(xy, spacing)
    slope = slopes(xy, spacing)
    column, row = np.moveaxis(first[:, :, None] + np.arange(4), 1, 0)
    layer = np.arange(2)[:, None, None]
    lattice = coefficients_at(row[:, None, :, None], column[:, None, None], layer, values["seed"])
    lattice = lattice * amplitude_of(values["deviation"])[:, None, None]
    (wx, wy), (sx, sy) = np.moveaxis(weights, 1, 0), np.moveaxis(slope, 1, 0)

    def total(along_y: Floats, along_x: Floats) -> Floats:
        return np.asarray(np.einsum("nlyx,ny,nx->nl", lattice, along_y, along_x))

    jacobian = np.stack([total(wy, sx), total(sy, wx)], axis=-1) + np.eye(2)
    return xy + total(wy, wx), jacobian


def _grid_places(values: Values, size: Size) -> Places:
    x, y = (
        grid_places(steps[None], extent)[0].astype(np.float32)
        for steps, extent in zip((values["steps_x"], values["steps_y"]), size[::-1], strict=True)
    )
    return np.broadcast_to(x, size).copy(), np.broadcast_to(y[:, None], size).copy()


def _grid_points(values: Values, size: Size, xy: Floats) -> Floats:
    """Between the edges the inverse is piecewise linear; beyond them points stay."""
    moved = xy.copy()
    for axis, steps in enumerate((values["steps_x"], values["steps_y"])):
        extent = size[1 - axis]
        inner = np.concatenate([[0], np.cumsum(steps)])
        outer = np.linspace(0, extent, len(inner))
        inside = (xy[:, axis] > 0) & (xy[:, axis] < extent)
        moved[inside, axis] = np.interp(xy[inside, axis], inner, outer)
    return moved


_PLACES: dict[str, Callable[[Values, Size], Places]] = {
    "elastic": _elastic_places,
    "grid_distortion": _grid_places,
}
_POINTS: dict[str, Callable[[Values, Size, Floats], Floats]] = {
    "elastic": _elastic_points,
    "grid_distortion": _grid_points,
}
