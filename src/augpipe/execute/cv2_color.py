"""Colours of one picture, with OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.execute.cv2_types import Image, Kernels, Values
from augpipe.plan import IDENTITY_RECOLOR, Floats

# Float temporaries of so many pixels stay in the processor's cache; a whole picture's would not.
_STRIP = 8192

_LEVELS = np.arange(256, dtype=np.uint8)
_NEGATIVE = np.hstack([-np.eye(3), np.zeros((3, 3)), np.ones((3, 1))])

# Two turns, which OpenCV understands, and full saturation and value.
_HSV_LIMITS = np.array([720, 1, 1], np.float32)


def recolor(image: Image, matrix: Floats) -> Image:
    """Apply a (3, 7) colour map; see `plan.Recolor`."""
    if (matrix == IDENTITY_RECOLOR).all():
        return image
    if (matrix == _NEGATIVE).all():
        return np.asarray(np.invert(image))
    affine = np.empty((3, 4))
    affine[:, :3] = matrix[:, :3]
    affine[:, 3] = 255 * matrix[:, 6]
    if matrix[:, 3:6].any():
        affine[:, 3] += matrix[:, 3:6] @ cv2.mean(image)[:3]
    return np.asarray(cv2.transform(image, affine))


def look_up(image: Image, table: NDArray[np.uint8]) -> Image:
    """Apply (3, 256) tables; see `plan.Lookup`."""
    image, first = np.ascontiguousarray(image), table[0].tobytes()
    if table.tobytes() != 3 * first:
        return np.asarray(cv2.LUT(image, np.ascontiguousarray(table.T)[None]))
    if shortcut := _shortcuts().get(first):
        return shortcut(image)
    return np.asarray(cv2.LUT(image, table[0]))  # nearly twice as fast as three tables


@cache
def _shortcuts() -> dict[bytes, Callable[[Image], Image]]:
    """Tables that vector instructions compute five to ten times as fast as they are looked up."""
    known: dict[bytes, Callable[[Image], Image]] = {
        np.where(level <= _LEVELS, 255 - _LEVELS, _LEVELS).tobytes(): _invert_from(level)
        for level in range(256)
    }
    for lost in range(1, 8):
        known[(_LEVELS >> lost << lost).tobytes()] = _keep_bits(0xFF >> lost << lost)
    return known | {_LEVELS.tobytes(): lambda image: image}


def _invert_from(level: int) -> Callable[[Image], Image]:
    def invert(image: Image) -> Image:
        _, bright = cv2.threshold(image, level - 1, 255, cv2.THRESH_BINARY)
        return np.asarray(cv2.bitwise_xor(image, bright, bright))

    return invert


def _keep_bits(mask: int) -> Callable[[Image], Image]:
    return lambda image: np.asarray(image & np.uint8(mask))


def _hsv(image: Image, values: Values) -> Image:
    hue, saturation, value = (float(values[name]) for name in ("hue", "saturation", "value"))
    if (hue, saturation, value) == (0.0, 1.0, 1.0):
        return image
    change = np.diag([1, saturation, value, 0])[:3]
    change[0, 3] = 360 * (hue % 1)
    result = np.empty(image.shape, np.uint8)
    rows = min(max(1, _STRIP // image.shape[1]), len(image))
    # As large as the pixels: of a single pixel, OpenCV takes a scalar for a column of four.
    limits = np.tile(_HSV_LIMITS, (rows, image.shape[1], 1))
    beyond = max(saturation, value) > 1
    for top in range(0, len(image), rows):
        part = slice(top, top + rows)
        # In float32: OpenCV's 8-bit HSV loses up to eight levels on the way there and back.
        rgb = np.multiply(image[part], 1 / 255, dtype=np.float32)
        hsv = cv2.transform(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), change)
        if beyond:
            hsv = cv2.min(hsv, limits[: len(hsv)])
        cv2.convertScaleAbs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), result[part], 255)
    return result


def _normalize(image: Image, values: Values) -> Image:
    levels = np.arange(256)[:, None] / 255
    table = ((levels - values["mean"]) / values["std"]).astype(np.float32)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]))


KERNELS: Kernels = {"hsv": _hsv, "normalize": _normalize}
