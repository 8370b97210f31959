"""Colours of one picture, with OpenCV."""

from __future__ import annotations

from functools import lru_cache
from operator import mul

import cv2
import numpy as np
import stringzilla
from numpy.typing import NDArray

from augpipe.execute.cv2.types import Image, Kernels, Values
from augpipe.plan import Floats
from augpipe.recolor import IDENTITY_RECOLOR

# Float temporaries of so many pixels stay in the processor's cache; a photo's would not.
_STRIP = 65536

_LEVELS = np.arange(256, dtype=np.uint8)
_UNCHANGED = _LEVELS.tobytes()
_IDENTITY = IDENTITY_RECOLOR.tolist()


@lru_cache(maxsize=8)
def _hsv_limits(rows: int, columns: int) -> NDArray[np.float32]:
    """Two turns, which OpenCV understands, and full saturation and value.

    As large as the pixels: of a single pixel, OpenCV takes a scalar for a column of four.
    """
    return np.tile(np.array([720, 1, 1], np.float32), (rows, columns, 1))


def recolor(image: Image, matrix: Floats) -> Image:
    """Apply a (3, 7) colour map; see `plan.Recolor`."""
    rows = matrix.tolist()  # of so few numbers, Python takes less time to look at each than NumPy
    if rows == _IDENTITY:
        return image
    mean = cv2.mean(image) if any(any(row[3:6]) for row in rows) else (0.0, 0.0, 0.0)
    affine = [[*row[:3], 255 * row[6] + sum(map(mul, row[3:6], mean))] for row in rows]
    gain, last = affine[0][0], affine[0][3]
    even = [[gain, 0, 0, last], [0, gain, 0, last], [0, 0, gain, last]]
    if image.dtype == np.uint8 and affine == even:
        return _translated(image, _line(gain, last))
    return np.asarray(cv2.transform(image, np.array(affine)))


@lru_cache(maxsize=8)
def _line(gain: float, offset: float) -> NDArray[np.uint8]:
    """(256,): `gain * level + offset` of each level; inverted are many pictures in a row."""
    return np.asarray((gain * _LEVELS + offset).round().clip(0, 255), np.uint8)


def look_up(image: Image, table: NDArray[np.uint8]) -> Image:
    """Apply (3, 256) tables; see `plan.Lookup`.

    StringZilla's vector instructions take a fourth to a tenth of the time of `cv2.LUT`.
    """
    red, green, blue = (own.tobytes() for own in table)
    if red == green == blue:
        return image if red == _UNCHANGED else _translated(image, table[0])
    planes = zip(cv2.split(image), table, strict=True)
    return np.asarray(cv2.merge([_translated(np.asarray(plane), own) for plane, own in planes]))


def _translated(levels: Image, table: NDArray[np.uint8]) -> Image:
    """Levels of any shape through one table."""
    levels = np.ascontiguousarray(levels)
    found, own = np.empty_like(levels), np.ascontiguousarray(table)
    stringzilla.translate(levels.data.cast("B"), own.data, out=found.data.cast("B"))
    return found


def _hsv(image: Image, values: Values) -> Image:
    hue, saturation, value = (float(values[name]) for name in ("hue", "saturation", "value"))
    if (hue, saturation, value) == (0.0, 1.0, 1.0):
        return image
    change = np.array([[1, 0, 0, 360 * (hue % 1)], [0, saturation, 0, 0], [0, 0, value, 0]])
    result = np.empty(image.shape, np.uint8)
    rows = min(max(1, _STRIP // image.shape[1]), len(image))
    limits = _hsv_limits(rows, image.shape[1]) if max(saturation, value) > 1 else None
    for top in range(0, len(image), rows):
        part = slice(top, top + rows)
        # In float32: OpenCV's 8-bit HSV loses up to eight levels on the way there and back.
        rgb = np.multiply(image[part], 1 / 255, dtype=np.float32)
        hsv = cv2.transform(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV, rgb), change)
        if limits is not None:
            cv2.min(hsv, limits[: len(hsv)], hsv)
        cv2.convertScaleAbs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, hsv), result[part], 255)
    return result


def _normalize(image: Image, values: Values) -> Image:
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), _units(values)[None]))


def _units(values: Values) -> NDArray[np.float32]:
    """(256, 3): each level in units of the channels' deviations from their means."""
    levels = np.arange(256)[:, None] / 255
    return np.asarray((levels - values["mean"]) / values["std"], np.float32)


def normalize_into(planes: NDArray[np.float32], image: Image, values: Values) -> None:
    """`normalize`, and where the (3, H, W) result is to be put."""
    for plane, levels, table in zip(planes, cv2.split(image), _units(values).T, strict=True):
        cv2.LUT(levels, np.ascontiguousarray(table), plane)


KERNELS: Kernels = {"hsv": _hsv, "normalize": _normalize}
