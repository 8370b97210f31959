"""Pixels of any kind as 8-bit RGB, as a person would see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Decoded
from augpipe.errors import DecodeError
from augpipe.region import Region

Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)


def to_rgb8(pixels: NDArray[Any], background: Color = WHITE) -> NDArray[np.uint8]:
    """Grey, grey with alpha, RGB or RGBA as (H, W, 3) uint8, always a new array.

    Args:
        pixels: (H, W) or (H, W, 1, 2, 3 or 4); bool, uint8 or uint16 over its full range.
        background: RGB that shines through where alpha is below its maximum.

    Raises:
        DecodeError: another dtype, whose range nobody states, or another shape.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or 0 in pixels.shape:
        raise DecodeError(f"pixels of shape {pixels.shape} are no picture of 1 to 4 channels")
    pixels = _to_uint8(pixels)
    color, alpha = np.split(pixels, [pixels.shape[2] - (pixels.shape[2] % 2 == 0)], axis=2)
    if alpha.shape[2]:
        color = _composite(color, alpha, background)
    return np.array(np.broadcast_to(color, (*color.shape[:2], 3)), order="C")


def _to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint16:
        # 65535 / 255 is 257, which is odd: no quotient lies halfway, so this is the nearest.
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise DecodeError(
        f"pixels are {pixels.dtype}, whose range is not known; save them as 8 or 16-bit integers"
    )


def _composite(
    color: NDArray[np.uint8], alpha: NDArray[np.uint8], background: Color
) -> NDArray[np.uint8]:
    """Lay `color` over `background`, rounding to the nearest (255 is odd: there are no ties)."""
    opaque = alpha.astype(np.uint16)
    mixed = color * opaque + np.array(background, np.uint16) * (255 - opaque)
    return ((mixed + 127) // 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class PixelSource:
    """A picture whose pixels are at hand already; it needs no decoding, so `scale` saves nothing.

    Attributes:
        pixels: what `to_rgb8` takes. It is copied when decoded, never written to.
        background: RGB behind transparent pixels.
    """

    pixels: NDArray[Any]
    background: Color = WHITE

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.pixels.shape[:2]
        return height, width

    def decode(self, scale: int = 1, region: Region | None = None) -> Decoded:
        """The picture, or the region alone, at full size, whatever the scale."""
        top, left, bottom, right = region or (0, 0, *self.size)
        part = to_rgb8(self.pixels[top:bottom, left:right], self.background)
        return Decoded(part, np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]]))
