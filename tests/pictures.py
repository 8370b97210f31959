"""Synthetic pictures: what the tests look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def photo(height: int = 75, width: int = 100) -> Picture:
    """A picture as smooth as a photograph, with an edge, in all three channels another."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    waves = [np.sin(2 * np.pi * (x / width * (1 + c) + y / height * (3 - c)) + c) for c in range(3)]
    disc = (x / width - 0.3) ** 2 + (y / height - 0.6) ** 2 < 0.04
    picture = 128 + 90 * np.stack(waves, axis=2) + 35 * disc[..., None]
    return picture.round().astype(np.uint8)


def noise(height: int = 75, width: int = 100) -> Picture:
    """Every pixel on its own, black and white among them: the hardest picture to sample alike."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


# Told apart by any channel mix; one for each class of the tests of mixing.
COLORS = ([250, 0, 0], [0, 250, 0], [0, 0, 250], [250, 250, 0], [0, 250, 250], [250, 0, 250])


def plain(color: list[int], size: tuple[int, int]) -> Picture:
    """One colour."""
    return np.full((*size, 3), color, np.uint8)


def shares(image: Picture) -> NDArray[np.float64]:
    """(6,): which part of the pixels shows each of `COLORS`."""
    return np.array([(image == np.array(color)).all(axis=2).mean() for color in COLORS])
