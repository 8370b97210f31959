"""Filters on one picture, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from augpipe.execute.cv2.types import Image, Kernels, Values


def _gaussian_blur(image: Image, values: Values) -> Image:
    (reached,) = values["taps"].nonzero()
    if len(reached) == 1:
        return image
    taps = values["taps"][reached[0] : reached[-1] + 1]
    return np.asarray(cv2.sepFilter2D(image, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101))


def _convolve(image: Image, values: Values) -> Image:
    taps = values["taps"]
    centre = len(taps) // 2
    reach = int(np.abs(np.argwhere(taps) - centre).max())
    if reach == 0:
        return image
    inner = slice(centre - reach, centre + reach + 1)
    taps = np.ascontiguousarray(taps[inner, inner])
    return np.asarray(cv2.filter2D(image, -1, taps, borderType=cv2.BORDER_REFLECT_101))


def _median_blur(image: Image, values: Values) -> Image:
    side = int(values["kernel_px"])
    return image if side == 1 else np.asarray(cv2.medianBlur(image, side))


def _downscale(image: Image, values: Values) -> Image:
    size = image.shape[:2]
    if tuple(values["small"]) == size:
        return image
    small = cv2.resize(
        image.astype(np.float32), values["small"][::-1].tolist(), interpolation=cv2.INTER_AREA
    )
    if values["smooth"]:
        return _rounded(cv2.resize(small, size[::-1], interpolation=cv2.INTER_LINEAR))
    # By hand, as OpenCV places the middle between two pixels now here, now there.
    rows, columns = (
        (2 * np.arange(extent) + 1) * side // (2 * extent)
        for extent, side in zip(size, small.shape, strict=False)
    )
    return np.asarray(_rounded(small).take(columns, axis=1).take(rows, axis=0))


def _rounded(image: Image) -> Image:
    return np.asarray(image.round().clip(0, 255), np.uint8)


KERNELS: Kernels = {
    "convolve": _convolve,
    "downscale": _downscale,
    "gaussian_blur": _gaussian_blur,
    "median_blur": _median_blur,
}
