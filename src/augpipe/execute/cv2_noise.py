"""Noise on one picture, with NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from augpipe.execute.cv2_types import Image, Kernels, Values, fitting
from augpipe.execute.field import hashed, normal_quantiles, seed_words, to_index, to_uniform

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
    y, x = np.ogrid[top:bottom, left:right]
    place = 3 * (y * width + x)[..., None] + np.arange(channels)
    first, second = seed_words(seed)
    return np.asarray(hashed(place.astype(np.int32), first, second))


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
    result = np.empty(image.shape, image.dtype)
    for part, words in _strips(image, values):
        noisy = deviation[image[part]]
        noisy *= normal_quantiles()[to_index(words)]
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
        share = to_uniform(words)
        # Few pixels are hit, so listing them is faster than going over all with a mask.
        for color, hit in ((second, share < high), (first, share < low)):
            y, x, channel = np.nonzero(hit)
            if values["per_channel"]:
                result[part][y, x, channel] = color[channel]
            else:
                result[part][y, x] = color
    return result


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
