"""Colour maps: (3, 7) matrices over a pixel, the means of its picture, and 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The map that changes nothing.
IDENTITY_RECOLOR = np.hstack([np.eye(3), np.zeros((3, 4))])


def compose_recolor(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compose two (B, 3, 7) colour maps: the mean of an affine map is the map of the mean."""
    on_pixel, on_mean = second[:, :, :3], second[:, :, 3:6]
    out = on_pixel @ first
    mean = first[:, :, 3:].copy()  # the mean of what the first map gives
    mean[:, :, :3] += first[:, :, :3]
    added = on_mean @ mean
    added[:, :, 3] += second[:, :, 6]
    out[:, :, 3:] += added
    return out
