"""Tables that one picture's own levels ask for, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.execute.cv2.color import look_up
from augpipe.execute.cv2.types import Image, Kernels, Values

_LEVELS = np.arange(256)


def _auto_contrast(image: Image, values: Values) -> Image:
    if not values["stretch"]:
        return image
    present = histograms(image) > 0
    low, high = np.argmax(present, axis=1), 255 - np.argmax(present[:, ::-1], axis=1)
    spread = (high - low)[:, None]
    stretched = ((_LEVELS - low[:, None]) * 255 // np.maximum(spread, 1)).clip(0, 255)
    return look_up(image, np.where(spread == 0, _LEVELS, stretched).astype(np.uint8))


def _equalize(image: Image, values: Values) -> Image:
    """Pillow's `ImageOps.equalize`: the brightest level that occurs does not count."""
    if not values["equalize"]:
        return image
    counts = histograms(image)
    below = counts.cumsum(axis=1) - counts
    # Below the brightest level that occurs lie all pixels but those of that level.
    step = np.where(counts > 0, below, 0).max(axis=1, keepdims=True) // 255
    table = ((step // 2 + below) // np.maximum(step, 1)).clip(0, 255)
    return look_up(image, np.where(step == 0, _LEVELS, table).astype(np.uint8))


def histograms(image: Image) -> NDArray[np.int64]:
    """(3, 256): how often each channel has each level."""
    counts = [cv2.calcHist([image], [c], None, [256], [0, 256]).ravel() for c in range(3)]
    return np.array(counts, np.int64)


def _clahe(image: Image, values: Values) -> Image:
    limit, tiles = float(values["clip_limit"]), values["tiles"].tolist()
    if limit == 0:
        return image
    height, width = image.shape[:2]
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # OpenCV itself would extend a side that the tiles divide by another tile.
    below, beside = -height % tiles[0], -width % tiles[1]
    wide = cv2.copyMakeBorder(luma, 0, below, 0, beside, cv2.BORDER_REFLECT_101)
    lifted = cv2.createCLAHE(limit, tiles[::-1]).apply(wide)[:height, :width]
    brighter = cv2.merge([cv2.subtract(lifted, luma)] * 3)
    darker = cv2.merge([cv2.subtract(luma, lifted)] * 3)
    return np.asarray(cv2.subtract(cv2.add(image, brighter), darker))


KERNELS: Kernels = {"auto_contrast": _auto_contrast, "equalize": _equalize, "clahe": _clahe}
