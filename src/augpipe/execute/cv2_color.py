"""Colours of one picture, with OpenCV."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.execute.cv2_types import Image, Kernels, Values
from augpipe.plan import IDENTITY_RECOLOR, Floats

# Float temporaries of so many pixels stay in the processor's cache; a whole picture's would not.
_STRIP = 8192

_LEVELS = np.arange(256)

# Two turns, which OpenCV understands, and full saturation and value; a scalar has four numbers.
_HSV_LIMITS: Any = (720.0, 1.0, 1.0, 0.0)


def recolor(image: Image, matrix: Floats) -> Image:
    """Apply a (3, 7) colour map; see `plan.Recolor`."""
    if np.array_equal(matrix, IDENTITY_RECOLOR):
        return image
    affine = np.empty((3, 4))
    affine[:, :3] = matrix[:, :3]
    affine[:, 3] = matrix[:, 3:6] @ cv2.mean(image)[:3] + 255 * matrix[:, 6]
    return np.asarray(cv2.transform(image, affine))


def look_up(image: Image, table: NDArray[np.uint8]) -> Image:
    """Apply (3, 256) tables; see `plan.Lookup`."""
    if np.array_equal(table, np.broadcast_to(_LEVELS, table.shape)):
        return image
    image = np.ascontiguousarray(image)
    if (table == table[0]).all():  # one table is nearly twice as fast as three
        return np.asarray(cv2.LUT(image, table[0]))
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(table.T)[None]))


def _hsv(image: Image, values: Values) -> Image:
    hue, saturation, value = (float(values[name]) for name in ("hue", "saturation", "value"))
    if (hue, saturation, value) == (0.0, 1.0, 1.0):
        return image
    change = np.diag([1, saturation, value, 0])[:3]
    change[0, 3] = 360 * (hue % 1)
    result = np.empty(image.shape, np.uint8)
    rows = max(1, _STRIP // image.shape[1])
    for top in range(0, len(image), rows):
        part = slice(top, top + rows)
        # In float32: OpenCV's 8-bit HSV loses up to eight levels on the way there and back.
        rgb = np.multiply(image[part], 1 / 255, dtype=np.float32)
        hsv = cv2.transform(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), change)
        rgb = cv2.cvtColor(cv2.min(hsv, _HSV_LIMITS), cv2.COLOR_HSV2RGB)
        cv2.convertScaleAbs(rgb, result[part], 255)
    return result


def _normalize(image: Image, values: Values) -> Image:
    levels = np.arange(256)[:, None] / 255
    table = ((levels - values["mean"]) / values["std"]).astype(np.float32)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]))


KERNELS: Kernels = {"hsv": _hsv, "normalize": _normalize}
