"""Files as the decoder meets them: bytes of a picture in some format."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def smooth(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """A picture without fine detail, so that JPEG keeps it."""
    lumps = np.random.default_rng(seed).integers(0, 256, (5, 6, channels)).astype(np.uint8)
    picture = cv2.resize(lumps, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture.reshape(height, width, channels)


def encode(image: Image.Image | NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of a PIL picture or an array."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
