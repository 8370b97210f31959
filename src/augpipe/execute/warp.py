"""What any executor has to know about a warp before it touches pixels.

    case      when                                                how
    crop      upright or turned by right angles, whole pixels,    slice, transpose, flip: exact;
              inside of the picture                               scaled afterwards where asked
    shrink    an output pixel covers two or more input pixels     area means first, then sample
    sample    otherwise                                           one interpolation

A border shows only where the warp leaves the picture: as long as all corners of the output lie
inside, what bilinear sampling wants beyond the edge is the edge pixel. So a resize, or an affine
that drew the identity, never darkens the rim. Nor does a picture that stands upright in a wider
frame, its edges between pixels: only what lies beside it is filled.

Here and in the executors alone, continuous coordinates become pixel numbers: a pixel's centre lies
at i + 0.5. Everything is decided in float64 on the host, so all executors decide alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.plan import Floats

Size = tuple[int, int]

# Far below anything visible, far above what the product of a few matrices loses.
EPSILON = 1e-6

# Nearest neighbour means the pixel that holds the point. Halving a picture puts every point on a
# seam between two; this nudge, larger than the executors' rounding, decides for the later one.
NEAREST_NUDGE = 1e-3

# In perspective, w is 1 where a picture keeps its size, 0 at the horizon, negative beyond it. What
# lies beyond is shown nowhere: it is put as far off as what lies just before the horizon.
HORIZON = 1e-4


class Crop(NamedTuple):
    """A rectangle of whole pixels, and how it is turned: slice, then transpose, then flip."""

    top: int
    left: int
    bottom: int
    right: int
    transpose: bool
    flip_y: bool
    flip_x: bool

    @property
    def size(self) -> Size:
        """Height and width of what `take` gives."""
        size = self.bottom - self.top, self.right - self.left
        return size[::-1] if self.transpose else size

    def take(self, image: NDArray[Any]) -> NDArray[Any]:
        """The crop of an (H, W, ...) picture, as a view."""
        part = image[self.top : self.bottom, self.left : self.right]
        part = np.swapaxes(part, 0, 1) if self.transpose else part
        return part[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def as_crop(matrix: Floats, out: Size, source: Size) -> Crop | None:
    """The warp as a crop that is scaled to `out`, or None where it is not one.

    Args:
        matrix: (3, 3), output to input coordinates.
        out: the output's height and width.
        source: the input's height and width.
    """
    (xx, xy, x0), (yx, yy, y0), _ = rows = matrix.tolist()
    turned = _is_turned(rows)
    if turned is None:
        return None
    along_x, along_y = (xy * out[0], yx * out[1]) if turned else (xx * out[1], yy * out[0])
    y1, x1 = y0 + along_y, x0 + along_x
    y0, y1, x0, x1 = min(y0, y1), max(y0, y1), min(x0, x1), max(x0, x1)
    top, left, bottom, right = round(y0), round(x0), round(y1), round(x1)
    if top < 0 or left < 0 or bottom > source[0] or right > source[1]:
        return None
    if max(abs(y0 - top), abs(x0 - left), abs(y1 - bottom), abs(x1 - right)) > EPSILON:
        return None
    down, across = (xy, yx) if turned else (yy, xx)
    return Crop(top, left, bottom, right, turned, flip_y=down < 0, flip_x=across < 0)


def _is_turned(rows: list[list[float]]) -> bool | None:
    """Whether the output's axes run along the input's, each along the other; None if along none."""
    (xx, xy, _), (yx, yy, _), (px, py, _) = rows
    if px or py:
        return None
    if max(abs(xy), abs(yx)) < EPSILON <= min(abs(xx), abs(yy)):
        return False
    return True if max(abs(xx), abs(yy)) < EPSILON <= min(abs(xy), abs(yx)) else None


class Rectangle(NamedTuple):
    """Whole pixels, half-open; empty where an end is not beyond its start."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def shift(self, matrix: Floats) -> Floats:
        """The matrix of a warp of whose output only the rectangle is wanted."""
        return np.asarray(matrix @ np.array([[1, 0, self.left], [0, 1, self.top], [0, 0, 1]]))


def as_inset(matrix: Floats, out: Size, source: Size) -> Rectangle | None:
    """Which pixels of the output the picture fills, or None where its edges cut through some.

    Args:
        matrix: (3, 3), output to input coordinates.
        out: the output's height and width.
        source: the input's height and width.
    """
    (xx, xy, x0), (yx, yy, y0), _ = rows = matrix.tolist()
    turned = _is_turned(rows)
    if turned is None:
        return None
    along_x, along_y = (yx, xy) if turned else (xx, yy)
    low_x, low_y = (y0, x0) if turned else (x0, y0)
    far_x, far_y = source if turned else source[::-1]
    left, right = sorted((-low_x / along_x, (far_x - low_x) / along_x))
    top, bottom = sorted((-low_y / along_y, (far_y - low_y) / along_y))
    edges = tuple(zip((top, left, bottom, right), (*out, *out), strict=True))
    if any(0 < edge < limit and abs(edge - round(edge)) > EPSILON for edge, limit in edges):
        return None
    return Rectangle(*(min(max(round(edge), 0), limit) for edge, limit in edges))


def corner_points(size: Size | NDArray[np.int64]) -> Floats:
    """(..., 4, 3): the corners of pictures of (..., 2) sizes as (x, y, 1), from the top left on."""
    sides = np.asarray(size)[..., None, ::-1]
    points = np.ones((*sides.shape[:-2], 4, 3))
    points[..., :2] = sides * [[0, 0], [1, 0], [1, 1], [0, 1]]
    return points


def project(matrix: Floats, points: Floats) -> Floats:
    """Map (..., 3) points (x, y, 1) to (..., 2) points (x, y).

    Args:
        matrix: (3, 3); or (B, 3, 3), of which each maps (N, 3) points.
        points: those; or (B, N, 3), others for each.
    """
    moved = points @ matrix.swapaxes(-1, -2)
    return np.asarray(moved[..., :2] / np.maximum(moved[..., 2:], HORIZON))


def leaves(matrix: Floats, out: Size, source: Size) -> bool:
    """Whether any corner of the output lies outside of the input, so that a border shows."""
    *rows, (px, py, _) = matrix.tolist()
    if px or py:
        corners = project(matrix, corner_points(out))
        beyond = corners.max(axis=0) - np.array(source[::-1])
        return bool(corners.min() < -EPSILON or beyond.max() > EPSILON)
    # Without perspective, each coordinate is a sum: NumPy would take longer to begin.
    for (along_x, along_y, start), extent in zip(rows, source[::-1], strict=True):
        x, y = along_x * out[1], along_y * out[0]
        low, high = start + min(x, 0) + min(y, 0), start + max(x, 0) + max(y, 0)
        if low < -EPSILON or high - extent > EPSILON:
            return True
    return False


def meets_horizon(matrix: Floats, out: Size) -> bool:
    """Whether any part of the output lies at the horizon or beyond."""
    px, py, pw = matrix[2].tolist()
    return bool(min(px * out[1], 0) + min(py * out[0], 0) + pw <= HORIZON)


def to_pixel_numbers(matrix: Floats) -> Floats:
    """The same map between pixel numbers, whose centres are whole, instead of coordinates."""
    *rows, last = matrix.tolist()
    # The input's coordinates less half a pixel, of the output's plus half a pixel.
    lowered = [[at - w / 2 for at, w in zip(row, last, strict=True)] for row in rows]
    return np.array([[x, y, (x + y) / 2 + start] for x, y, start in (*lowered, last)])


def after_shrink(matrix: Floats, factor: Size) -> Floats:
    """The same map into the input after it was shrunk by factors of height and width."""
    return np.asarray(matrix * [[1 / factor[1]], [1 / factor[0]], [1.0]])
