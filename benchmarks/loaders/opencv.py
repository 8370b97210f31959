"""The light recipe by hand, for loaders that leave the pictures to their users.

As fast as OpenCV does it: bilinear without antialiasing, normalised by tables, right into planes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from loaders.base import SIZE

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Pixels = NDArray[np.uint8]
Uniform = Callable[[float, float], float]

_LEVELS = np.arange(256, dtype=np.float32)
_TABLES = [(_LEVELS / 255 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]


def read(path: str) -> Pixels:
    """A file as RGB."""
    return cv2.imread(path, cv2.IMREAD_COLOR_RGB)


def decode(data: bytes | Pixels) -> Pixels:
    """A file's content as RGB."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def light(image: Pixels, floats: bool, uniform: Uniform = random.uniform) -> NDArray[np.generic]:
    """Random resized crop and flip: (3, 224, 224), uint8 or normalised float32."""
    top, left, height, width = _crop(*image.shape[:2], uniform)
    image = cv2.resize(image[top : top + height, left : left + width], (SIZE, SIZE))
    if uniform(0, 1) < 0.5:
        image = cv2.flip(image, 1)
    if not floats:
        return np.ascontiguousarray(image.transpose(2, 0, 1))
    planes = np.empty((3, SIZE, SIZE), np.float32)
    for plane, table, levels in zip(planes, _TABLES, cv2.split(image), strict=True):
        cv2.LUT(levels, table, dst=plane)
    return planes


def _crop(height: int, width: int, uniform: Uniform) -> tuple[int, int, int, int]:
    """Top, left, height and width, drawn as torchvision draws them."""
    for _ in range(10):
        area = height * width * uniform(0.08, 1)
        aspect = math.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
        h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < h <= height and 0 < w <= width:
            return int(uniform(0, height - h + 1)), int(uniform(0, width - w + 1)), h, w
    h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w
