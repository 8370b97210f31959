"""Smooth random fields: cubic B-splines whose coefficients are hashed, one piece of arithmetic.

A field is defined on the whole plane, not on a picture: its coefficient number i lies at i times
the spacing, and its value is a pure function of seed and number. No noise of full size is ever
drawn or blurred; the value at any point, of a picture or not, needs 4 x 4 coefficients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.execute.field import hashed, seed_words, to_uniform
from augpipe.plan import Floats

# By how much the mean square of independent coefficients shrinks along one axis: the integral of
# the squared cubic B-spline.
_MEAN_SQUARE = 151 / 315

_ROW = 2**14  # numbers of coefficients in a row, more than any picture needs


def spacing_of(sigma: Floats) -> Floats:
    """The spacing at which a cubic B-spline has the deviation `sigma`, as a Gaussian would."""
    return np.asarray(np.sqrt(3) * sigma)


def amplitude_of(deviation: Floats) -> Floats:
    """What uniform coefficients must be multiplied with for a field of that root mean square."""
    return np.asarray(np.sqrt(3) / _MEAN_SQUARE * deviation)


def taps(places: Floats, spacing: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The four coefficients that each place of an axis sees.

    Args:
        places: (...) coordinates in pixels.
        spacing: to be broadcast, in pixels.

    Returns:
        The number of the first of the four, (...), and their weights, (..., 4), which sum to 1.
    """
    whole, f = _split(places / spacing)
    weights = [(1 - f) ** 3, 4 - 6 * f**2 + 3 * f**3, 1 + 3 * f + 3 * f**2 - 3 * f**3, f**3]
    return whole - 1, np.asarray(np.stack(weights, axis=-1) / 6, np.float64)


def slopes(places: Floats, spacing: Floats) -> Floats:
    """(..., 4): the derivatives of the weights of `taps` by the place, per pixel."""
    _, f = _split(places / spacing)
    weights = [-((1 - f) ** 2), 3 * f**2 - 4 * f, 1 + 2 * f - 3 * f**2, f**2]
    return np.asarray(np.stack(weights, axis=-1) / 2 / np.asarray(spacing)[..., None], np.float64)


def _split(t: Floats) -> tuple[NDArray[np.int64], Floats]:
    whole = np.floor(t)
    return whole.astype(np.int64), t - whole


def number(row: Any, column: Any, layer: Any) -> Any:
    """The place of a coefficient among all of one seed; whole numbers, as arrays or tensors."""
    return (row * _ROW + column) * 2 + layer


def coefficients(place: Any, first: Any, second: Any) -> Any:
    """Numbers in [-1, 1), uniform, from int32 places (overwritten) and both words of the seed."""
    return to_uniform(hashed(place, first, second)) * 2 - 1


def coefficients_at(
    row: NDArray[np.int64], column: NDArray[np.int64], layer: NDArray[Any], seed: NDArray[Any]
) -> Floats:
    """The same with NumPy, for whole numbers of coefficients and a seed (2,)."""
    place = np.asarray(number(row, column, layer)).astype(np.int32)
    return np.asarray(coefficients(place, *seed_words(seed)), np.float64)


def centres(extent: int) -> Floats:
    """(extent,): where the centres of pixels lie."""
    return np.arange(extent, dtype=np.float64) + 0.5


def smooth_field(
    seed: NDArray[Any], spacing: Floats, size: tuple[int, int], layers: int = 2
) -> NDArray[np.float32]:
    """(layers, H, W): smooth fields of one seed, at the centres of pixels.

    Args:
        seed: (2,).
        spacing: (2,), of the coefficients, along x and y.
        size: height and width.
        layers: 1 or 2.
    """
    (left, across), (top, down) = (
        taps(centres(extent), each) for extent, each in zip(size[::-1], spacing, strict=True)
    )
    column, layer, row = np.ogrid[left[0] : left[-1] + 4, :layers, top[0] : top[-1] + 4]
    lattice = coefficients_at(row, column, layer, seed)
    wide = _interpolate(lattice.reshape(len(lattice), -1), left, across).T
    parts = np.split(np.ascontiguousarray(wide), layers)
    return np.stack([_interpolate(part, top, down) for part in parts])


def _interpolate(
    lattice: NDArray[Any], first: NDArray[np.int64], weights: Floats
) -> NDArray[np.float32]:
    """The (n, K) lattice along its first axis, at places that `taps` was asked about.

    All places between two coefficients see the same four: a small product of matrices for each
    cell, which needs no list of indices, and no threads.
    """
    lattice, weights = lattice.astype(np.float32), weights.astype(np.float32)
    result = np.empty((len(first), lattice.shape[1]), np.float32)
    cells, starts = np.unique(first - first[0], return_index=True)
    for cell, start, end in zip(cells, starts, [*starts[1:], len(first)], strict=True):
        np.dot(weights[start:end], lattice[cell : cell + 4], out=result[start:end])
    return result


def grid_places(steps: Floats, extent: int) -> Floats:
    """(B, extent): where pixel centres of an axis lie after a grid distortion.

    Args:
        steps: (B, n), in pixels of the input, what each of n equal cells of the output shows.
        extent: the axis in pixels.
    """
    at = centres(extent) * steps.shape[1] / extent
    cell = np.floor(at).astype(np.intp)
    start = np.cumsum(steps, axis=1) - steps
    return np.asarray(start[:, cell] + (at - cell) * steps[:, cell])
