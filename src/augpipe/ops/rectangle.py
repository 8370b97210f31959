"""Random rectangles by area and aspect: ten tries, of which the first that fits is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.base import between
from augpipe.plan import Floats

TRIES = 10
DRAWS = 2 * TRIES + 2


def draw_rectangles(
    u: Floats, area: tuple[float, float], ratio: tuple[float, float]
) -> dict[str, NDArray[Any]]:
    """Turn (B, DRAWS) uniforms into tries, and a place for the one that will fit.

    Args:
        u: uniforms in [0, 1).
        area: range of the share of the picture's area.
        ratio: range of width over height, in which its logarithm is uniform.

    Returns:
        `area` and `ratio` (B, TRIES), and `place` (B, 2): x and y, 0 to 1 of the room there is.
    """
    low, high = np.log(ratio)
    return {
        "area": between(u[:, :TRIES], area),
        "ratio": np.exp(between(u[:, TRIES : 2 * TRIES], (low, high))),
        "place": u[:, 2 * TRIES :],
    }


def first_fit(
    area: Floats, ratio: Floats, size: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """The first of several drawn rectangles that fits into the picture.

    Args:
        area: (B, tries), as a share of the picture's area.
        ratio: (B, tries), width over height.
        size: (B, 2), the pictures' height and width.

    Returns:
        (B, 2) height and width in whole pixels, and (B,) whether any fits.
    """
    pixels = area * size.prod(axis=1)[:, None]
    height, width = np.rint(np.sqrt(pixels / ratio)), np.rint(np.sqrt(pixels * ratio))
    fits = (height > 0) & (height <= size[:, :1]) & (width > 0) & (width <= size[:, 1:])
    first = np.arange(len(size)), np.argmax(fits, axis=1)
    return np.stack([height[first], width[first]], axis=1), fits[first]
