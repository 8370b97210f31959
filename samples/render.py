"""A very small renderer: things are signed distances, which give edge, relief and shadow alike.

A signed distance field holds, for each pixel, how far away the outline of a thing is, in pixels:
negative inside, positive outside. Coordinates are continuous: pixel centres lie at i + 0.5.
Pictures are (H, W, 3) float64 in 0..1 while they are painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Picture = NDArray[np.float64]
Points = NDArray[np.float64]
Color = NDArray[np.float64]

_VIEWER = np.array([0.0, 0.0, 1.0])
_LIGHT = np.array([-0.45, -0.6, 0.66])  # from the upper left, towards the viewer


@dataclass(frozen=True)
class Grid:
    """The pixel centres of a picture of `height` x `width`."""

    height: int
    width: int

    @property
    def xy(self) -> Points:
        """(H, W, 2) coordinates of the pixel centres."""
        y, x = np.mgrid[: self.height, : self.width] + 0.5
        return np.stack([x, y], axis=-1)

    def disc(self, center: Points, radius: float) -> Field:
        """The field of a disc."""
        return np.linalg.norm(self.xy - center, axis=-1) - radius

    def capsule(self, start: Points, end: Points, radius: float) -> Field:
        """The field of a rod with round ends."""
        return _distance_to_segment(self.xy, start, end) - radius

    def polygon(self, corners: Points, rounding: float = 0.0) -> Field:
        """The field of a polygon of (N, 2) corners, grown by `rounding` with round corners."""
        edges = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))
        distance = np.min([_distance_to_segment(self.xy, a, b) for a, b in edges], axis=0)
        inside = np.zeros((self.height, self.width), bool)
        for (ax, ay), (bx, by) in edges:
            x, y = self.xy[..., 0], self.xy[..., 1]
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay + 1e-12) + ax)
        return np.where(inside, -distance, distance) - rounding

    def clouds(self, rng: np.random.Generator, coarse: tuple[int, int], octaves: int = 4) -> Field:
        """Smooth noise in 0..1 whose largest lumps number about `coarse` (down, across)."""
        total = np.zeros((self.height, self.width))
        for octave in range(octaves):
            lumps = rng.random([n * 2**octave + 1 for n in coarse])
            smooth = cv2.resize(lumps, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
            total += smooth / 2**octave
        low, high = total.min(), total.max()
        return (total - low) / (high - low)


def _distance_to_segment(xy: Points, start: Points, end: Points) -> Field:
    along = end - start
    share = np.clip((xy - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(xy - start - share[..., None] * along, axis=-1)


def coverage(field: Field) -> Field:
    """How much of each pixel the thing covers, 0..1: an antialiased edge one pixel wide."""
    return np.clip(0.5 - field, 0, 1)


def cast_shadow(picture: Picture, field: Field, height: float) -> Picture:
    """Darken where a thing `height` pixels above the ground keeps the light away."""
    offset = np.array([[1, 0, 0.6 * height], [0, 1, 0.8 * height]])
    size = (field.shape[1], field.shape[0])
    shade = cv2.warpAffine(coverage(field), offset, size, borderMode=cv2.BORDER_REPLICATE)
    shade = cv2.GaussianBlur(shade, (0, 0), 0.35 * height + 0.6)
    return picture * (1 - 0.5 * shade[..., None])


def paint(picture: Picture, field: Field, color: Color | Picture, bevel: float) -> Picture:
    """Lay a glossy thing over the picture, lit as a cushion whose edge is `bevel` pixels round."""
    rise = np.clip(-field / bevel, 0, 1)
    relief = cv2.GaussianBlur(bevel * np.sqrt(rise * (2 - rise)), (0, 0), 0.6)
    slope_y, slope_x = np.gradient(relief)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(relief)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = _LIGHT / np.linalg.norm(_LIGHT)
    diffuse = np.clip(normal @ light, 0, 1)[..., None]
    halfway = (light + _VIEWER) / np.linalg.norm(light + _VIEWER)
    gloss = np.clip(normal @ halfway, 0, 1)[..., None] ** 40
    lit = np.clip(color * (0.36 + 0.82 * diffuse) + 0.38 * gloss, 0, 1)
    alpha = coverage(field)[..., None]
    return picture * (1 - alpha) + lit * alpha


def to_uint8(picture: Picture) -> NDArray[np.uint8]:
    """0..1 to 0..255."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
