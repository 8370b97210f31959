"""Blots on one picture."""

from __future__ import annotations

import numpy as np

from augpipe.execute.cv2_types import Image, Kernels, Values


def _erase(image: Image, values: Values) -> Image:
    left, top, right, bottom = values["box"]
    if left == right or top == bottom:
        return image
    image = image.copy()  # the picture may be a view of the dataset's own memory
    value = values["value"]
    image[top:bottom, left:right] = value.round().clip(0, 255) if image.dtype == np.uint8 else value
    return image


KERNELS: Kernels = {"erase": _erase}
