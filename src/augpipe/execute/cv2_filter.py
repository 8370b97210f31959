"""Filters on one picture, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from augpipe.execute.cv2_types import Image, Kernels, Values


def _gaussian_blur(image: Image, values: Values) -> Image:
    taps = np.trim_zeros(values["taps"])
    if len(taps) == 1:
        return image
    return np.asarray(cv2.sepFilter2D(image, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101))


KERNELS: Kernels = {"gaussian_blur": _gaussian_blur}
