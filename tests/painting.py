"""Objects that are painted into pictures, and found again after these were moved."""

from __future__ import annotations

import numpy as np

SIZE = (120, 160)


def rectangles(boxes: np.ndarray) -> np.ndarray:
    """White rectangles on black."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    for x0, y0, x1, y1 in boxes.astype(int):
        picture[y0:y1, x0:x1] = 255
    return picture


def dot(x: float, y: float, width: float = 3.0) -> np.ndarray:
    """A soft dot about a point."""
    return dots(np.array([[x, y]] * 3), width)


def dots(points: np.ndarray, width: float = 3.0) -> np.ndarray:
    """A soft dot about each of three points, one in each channel."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]][..., None] + 0.5
    bells = np.exp(-((columns - points[:, 0]) ** 2 + (rows - points[:, 1]) ** 2) / (2 * width**2))
    return (255 * bells).round().astype(np.uint8)


def find_dots(picture: np.ndarray) -> np.ndarray:
    """(3, 2): x and y of the centre of brightness of each channel."""
    weight = picture.astype(np.float64)
    rows, columns = np.indices(weight.shape[:2])[..., None] + 0.5
    return (
        np.stack([(columns * weight).sum((0, 1)), (rows * weight).sum((0, 1))], axis=1)
        / (weight.sum((0, 1))[:, None])
    )


def find_dot(picture: np.ndarray) -> np.ndarray:
    """(x, y) of the centre of brightness."""
    return find_dots(picture)[0]
