"""The types of the OpenCV executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# (H, W, 3) uint8 RGB, or float32 after normalize; possibly a view of memory that is not ours.
Image = NDArray[Any]

# A kernel's parameters of one row.
Values = Mapping[str, NDArray[Any]]

Kernels = dict[str, Callable[[Image, Values], Image]]


def fitting(color: NDArray[Any], image: Image) -> NDArray[Any]:
    """The colour in the type of the picture's pixels."""
    return (color.round().clip(0, 255) if image.dtype == np.uint8 else color).astype(image.dtype)
