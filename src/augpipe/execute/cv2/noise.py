"""Noise on one picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from augpipe.execute.cv2.types import Image, Kernels, Values, fitting
from augpipe.execute.field import hashed, normal_quantiles, seed_words, to_index

# Temporaries of so many pixels stay in the processor's cache; a whole picture's would not.
_STRIP = 8192


def field(
    box: tuple[int, int, int, int], width: int, seed: NDArray[Any], channels: int = 3
) -> NDArray[np.int32]:
    """(bottom - top, right - left, channels) random words of a part of a picture.

    Args:
        box: left, top, right, bottom; half-open.
        width: the whole picture's.
        seed: (2,) whole numbers of 32 bits.
        channels: 3, or 1 for the first channel's.
    """
    left, top, right, bottom = box
    starts = 3 * (np.arange(top, bottom) * width + left)
    along = 3 * np.arange(right - left)[:, None] + np.arange(channels)
    place = starts.astype(np.int32)[:, None, None] + along.astype(np.int32)
    first, second = seed_words(seed)
    return np.asarray(hashed(place, first, second))


def _strips(image: Image, values: Values) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Parts of the picture, each with its random words."""
    height, width = image.shape[:2]
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        channels = 3 if values["per_channel"] else 1
        yield slice(top, bottom), field((0, top, width, bottom), width, values["seed"], channels)


def _noise(image: Image, values: Values) -> Image:
    """Add normal noise whose deviation depends on the level."""
    deviation = values["deviation"].astype(np.float32)
    if not deviation.any():
        return image
    image, result = np.ascontiguousarray(image), np.empty(image.shape, np.uint8)
    for part, words in _strips(image, values):
        # OpenCV looks up three times as fast as NumPy.
        quantiles = cv2.LUT(to_index(words).astype(np.uint16), normal_quantiles())
        noisy = np.multiply(cv2.LUT(image[part], deviation), quantiles.reshape(words.shape))
        noisy += image[part]
        result[part] = noisy.round(out=noisy).clip(0, 255, out=noisy)
    return result


def _specks(image: Image, values: Values) -> Image:
    """Put the first colour where the field lies below the first limit, then the second."""
    low, high = values["limits"].astype(np.float32)
    if high == 0:
        return image
    first, second = fitting(values["colors"], image)
    result = image.copy()  # the picture may be a view of the dataset's own memory
    for part, words in _strips(image, values):
        # Few pixels are hit, so listing them is faster than going over all with a mask.
        for color, limit in ((second, high), (first, low)):
            hit = np.flatnonzero(_below(words, limit))
            if values["per_channel"]:
                result[part].reshape(-1)[hit] = color[hit % 3]
            else:
                result[part].reshape(-1, 3)[hit] = color
    return result


def _below(words: NDArray[np.int32], limit: float) -> NDArray[np.bool_]:
    """Where `field.to_uniform` gives less than the limit, decided in whole numbers."""
    return np.asarray((words >> 8 & 0xFFFFFF) < math.ceil(limit * 2**24))


def _jpeg_compression(image: Image, values: Values) -> Image:
    quality = int(values["quality"])
    if quality > 100:
        return image
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=quality, colorsubsampling="420"
    )
    return np.asarray(simplejpeg.decode_jpeg(data))


KERNELS: Kernels = {
    "jpeg_compression": _jpeg_compression,
    "noise": _noise,
    "specks": _specks,
}
